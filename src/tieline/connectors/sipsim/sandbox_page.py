"""The page ``/sipsim/`` of the sandbox: somebody makes a call by hand and sees what was sent and how it was answered.

One page of HTML without scripts. Fields: office, number ("" when withheld), line, direction, outcome, talk_s, recording, contract; or label, address,
secret, contract to add a place where webhooks go, as one would do in the vendor's own settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, get_args
from urllib.parse import quote

from tieline.connectors.sipsim.sandbox_account import CONTRACTS, Office, office_from
from tieline.connectors.sipsim.sandbox_events import Outcome, SimulatedCall, call_from

Form = Mapping[str, str]
LONGEST_TALK_S = 4 * 3600
DIRECTIONS = {"inbound": "Somebody calls us", "outbound": "We call somebody"}
OUTCOMES: dict[str, str] = {
    "answered": "Answered",
    "missed": "Missed",
    "no_answer": "No answer",
    "busy": "Busy",
    "voicemail": "Voicemail",
}
RECORDINGS = {"none": "None", "end": "Comes with the end of the call", "late": "Comes after the end"}
CONTRACT_WORDS = {"new": "Newer: signed, one address", "old": "Older: not signed, an address for each event"}
assert set(OUTCOMES) == set(get_args(Outcome))  # noqa: S101  the page offers what a call can end as


def asked_call(form: Form, office: Office, pbx_id: str, now: float, audio_base: str) -> SimulatedCall:
    """The call of a form, ended at ``now``. What is missing or cannot be gets the first choice."""
    outbound = form.get("direction") == "outbound"
    outcome = _one(form, "outcome", OUTCOMES)
    if outbound and outcome in ("missed", "voicemail"):  # only who is called can miss a call or offer a voicemail
        outcome = "no_answer"
    talk = int(form["talk_s"]) if form.get("talk_s", "").isdecimal() else 60
    talk = min(talk, LONGEST_TALK_S) if outcome == "answered" else 0
    return call_from(
        {
            "pbx_id": pbx_id,
            "number": re.sub(r"[\s().-]", "", form.get("number", "")) or "anonymous",
            "lines": [form.get("line") or (office.lines[0][0] if office.lines else "+33186950011")],
            "contract": _contract(form, office),
            "direction": "outbound" if outbound else "inbound",
            "outcome": outcome,
            "started": now - talk - 12,
            "talk_s": talk,
            "recording": _one(form, "recording", RECORDINGS),
            "audio_base": audio_base,
        }
    )


def asked_office(form: Form, secret: str, phones: Iterable[Mapping[str, Any]]) -> Office | None:
    """The place that a form adds; None when its address is none."""
    try:
        return office_from(
            {
                "label": form.get("label", "").strip() or "Tieline",
                "urls": {_one(form, "contract", CONTRACT_WORDS): form.get("address", "").strip()},
                "secret": form.get("secret", "").strip() or secret,
                "lines": [{"number": one["number"], "label": one["name"]} for one in phones],
            }
        )
    except ValueError:
        return None


def said_after(call: SimulatedCall, results: Sequence[Mapping[str, Any]], office: Office) -> str:
    """What was sent and how it was answered, as HTML."""
    taken = sum(200 <= one["status"] < 300 for one in results)
    rows = "".join(
        f"<tr><th scope=row><code>{escape(one['event'])}</code></th><td>{_answer(one['status'])}</td></tr>"
        for one in results
    )
    if not results:
        heading, kind = "Nothing was sent: this company has no address for these webhooks.", "bad"
    elif taken == len(results):
        heading, kind = f"The call was made. {taken} events sent, all taken.", "good"
    else:
        heading, kind = f"The call was made. Of {len(results)} events sent, {taken} were taken.", "bad"
    home = f'<p><a href="{escape(office.home)}">See what came of it in Tieline</a></p>' if office.home else ""
    return (
        f'<section class="{kind}" role=status><h2>{escape(heading)}</h2><p>Call <code>{escape(call.pbx_id)}</code>, '
        f"{escape(call.number)}, line {escape(call.lines[0])}.</p><table>{rows}</table>{home}</section>"
    )


def call_page(
    offices: Mapping[str, Office],
    office: Office | None,
    form: Form,
    phones: Sequence[Mapping[str, Any]],
    said: str = "",
    *,
    secret: str = "",
) -> str:
    """The page: ``said`` above the form of ``office``; below it, how to add a place for webhooks."""
    wrong = "address" in form and not re.match(r"https?://", form["address"].strip())
    parts = [said]
    if office is not None:
        if len(offices) > 1:
            links = "".join(
                f"<b>{escape(one.label)}</b>"
                if one.key == office.key
                else f'<a href="/sipsim/?office={quote(one.key, safe="")}">{escape(one.label)}</a>'
                for one in offices.values()
            )
            parts.append(f'<nav aria-label="Company">{links}</nav>')
        parts.append(_call_form(office, form))
    if wrong:
        parts.append("<p class=bad role=alert>An address begins with http:// or https://.</p>")
    parts.append(_office_form(secret, first=office is None, phones=phones, open_=wrong or office is None))
    title = "SipSim sandbox: make a call"
    return _PAGE.format(title=title, body="".join(parts), style=_STYLE)


def _call_form(office: Office, form: Form) -> str:
    lines = {number: f"{number} {label}".strip() for number, label in office.lines}
    contracts = {key: words for key, words in CONTRACT_WORDS.items() if key in office.urls}
    talk = form.get("talk_s", "60")
    fields = [
        (
            f'<label>Their number<input name=number inputmode=tel autocomplete=off value="{escape(form.get("number", ""))}" '
            "placeholder='+45 12 34 56 78'><small>Empty: withheld</small></label>"
        ),
        _select("Our line", "line", lines, form),
        _select("Direction", "direction", DIRECTIONS, form),
        _select("How it ends", "outcome", OUTCOMES, form),
        (
            "<label>Seconds of talk<input name=talk_s type=number min=0 "
            f'max={LONGEST_TALK_S} value="{escape(talk if talk.isdecimal() else "60")}"><small>If answered</small></label>'
        ),
        _select("Recording", "recording", RECORDINGS, form),
        _select("Webhooks", "contract", contracts, form),
    ]
    return (
        f'<form method=post action="/sipsim/"><h2>{escape(office.label)}</h2>'
        f'<input type=hidden name=office value="{escape(office.key)}"><div class=fields>{"".join(fields)}</div>'
        "<button>Make the call</button></form>"
    )


def _office_form(secret: str, *, first: bool, phones: Sequence[Mapping[str, Any]], open_: bool) -> str:
    shown = f"<p>The signing secret is <code>{escape(secret)}</code>.</p>" if secret else ""
    lines = ", ".join(escape(one["number"]) for one in phones[:3])
    about = (
        "Paste the address for events that Tieline shows on the page of its SipSim connection. "
        f"The account has the lines {lines} and {max(len(phones) - 3, 0)} more."
    )
    return (
        f"<details{' open' if open_ else ''}><summary>{'Say where webhooks go' if first else 'Add another address'}</summary>"
        f'<form method=post action="/sipsim/"><p>{about}</p>{shown}<div class=fields>'
        "<label>Address<input name=address type=url required placeholder='http://127.0.0.1:8000/in/…'></label>"
        "<label>Call it<input name=label placeholder=Tieline></label>"
        f"{_select('Webhooks', 'contract', CONTRACT_WORDS, {})}</div><button>Keep it</button></form></details>"
    )


def _select(label: str, name: str, choices: Mapping[str, str], form: Form) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if form.get(name) == value else ""}>{escape(words)}</option>'
        for value, words in choices.items()
    )
    return f"<label>{label}<select name={name}>{options}</select></label>"


def _one(form: Form, name: str, choices: Mapping[str, str]) -> str:
    value = form.get(name, "")
    return value if value in choices else next(iter(choices))


def _contract(form: Form, office: Office) -> str:
    return _one(form, "contract", {key: "" for key in CONTRACTS if key in office.urls})


def _answer(status: int) -> str:
    if status == 0:
        return "no answer"
    return f"{status}, {'taken' if 200 <= status < 300 else 'refused'}"


_STYLE = """
:root{color-scheme:light dark;--line:light-dark(#728389,#6f838b);--card:light-dark(#fff,#1c1b22);--ink2:light-dark(#4d4a57,#bdb8c9);--go:light-dark(#5a2d82,#cfa9f2)}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;background:light-dark(#f6f3f9,#121116);color:light-dark(#1c1824,#eeeaf4)}
main{max-width:44rem;margin:auto;padding:1.25rem 1rem 3rem}h1{font-size:1.375rem;line-height:1.25;margin:0}h2{font-size:1.0625rem;margin:0 0 .75rem}
p{margin:.25rem 0 .75rem}.about,small{color:var(--ink2)}form,section,details{background:var(--card);border:1px solid light-dark(#ddd6e5,#34313d);border-radius:10px;padding:1rem;margin-top:1rem}
details form{border:0;padding:0}summary{cursor:pointer;min-height:24px}.fields{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.75rem 1rem;margin-bottom:1rem}
label{display:block;font-weight:600;font-size:.9375rem}small{font-weight:400}input,select{display:block;width:100%;min-height:44px;margin-top:.25rem;padding:.5rem .625rem;font:inherit;font-weight:400;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px}
button{min-height:44px;padding:.5rem 1.25rem;font:inherit;font-weight:600;color:light-dark(#fff,#23103a);background:var(--go);border:0;border-radius:6px;cursor:pointer}
a{color:var(--go)}:focus-visible{outline:2px solid var(--go);outline-offset:2px}nav{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;margin-top:1rem}nav a,nav b{padding:.125rem 0}
table{border-collapse:collapse;width:100%;margin-bottom:.75rem}th,td{text-align:left;font-weight:400;padding:.25rem .5rem .25rem 0;border-top:1px solid light-dark(#ddd6e5,#34313d);overflow-wrap:anywhere}
section.good{border-inline-start:4px solid light-dark(#17683f,#6fd29d)}.bad{border-inline-start:4px solid light-dark(#ad221b,#ff9d93);padding-inline-start:1rem}code{font-size:.9em;overflow-wrap:anywhere}
"""

_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    '<link rel="icon" href="data:,"><title>{title}</title><style>{style}</style></head><body><main><h1>{title}</h1>'
    '<p class="about">Nobody’s telephone rings. The sandbox sends the webhooks that SipSim would send for such a call.</p>{body}</main></body></html>'
)
