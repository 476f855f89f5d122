"""From a code with its parameters to a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from tieline.core.reasons import Reason
from tieline.web import reasons
from tieline.web.calls import words as calls
from tieline.web.parts import words
from tieline.web.words import customers, engine, errors, sync
from tieline.web.words.names import FLOWS, SLOTS

reasons.register({**engine.SENTENCES, **engine.STORY, **errors.SENTENCES, **customers.SENTENCES, **sync.SENTENCES})

Raw = Reason | Mapping[str, Any] | None

DERIVED: Final[dict[str, frozenset[str]]] = {
    "slot": frozenset({"slot", "slot_small"}),
    "vendor_code": frozenset({"refusal"}),
    "role": frozenset({"role", "role_name"}),
}
"""Parameter → the placeholders that are made of it; any other parameter fills the placeholder of its own name."""
ERROR_PARAMS: Final[dict[str, frozenset[str]]] = {
    "error.scope": frozenset({"scope"}), "error.permission": frozenset({"scope"}), "error.config": frozenset({"setting"}),
    "error.module_missing": frozenset({"module"}),
    "database.start_failed": frozenset({"log"}), "database.init_failed": frozenset({"log"}),
    "database.start_slow": frozenset({"seconds"}), "database.stop_failed": frozenset({"pid"}),
    "database.no_programs": frozenset({"path"}), "database.no_place": frozenset({"path"}),
    "database.keys_unreadable": frozenset({"path"}), "database.no_user": frozenset({"tried"}),
    "database.other_version": frozenset({"found", "wanted"}), "database.app_role_refused": frozenset({"role"}),
}  # fmt: skip
"""What errors say beside their code, as they are raised."""


ENDS_WITH_DETAIL: Final = frozenset({"outcome.unknown", "outcome.not_sent"})
"""Behind these stands what was seen (a time-out, an answer's status), where anything was."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next. `page` is the name of the address where, "" for none; `label` stands on the link."""

    text: str
    page: str = ""
    label: str = ""


def say(raw: Raw) -> str:
    """One reason in the reader's language; also as it is stored. Of a code that this version does not know, the code."""
    if raw is None:
        return ""
    reason = raw if isinstance(raw, Reason) else Reason(str(raw.get("code", "")), raw.get("params") or {})
    if reason.code.startswith("call.") and not reason.code.startswith("call.story."):
        return calls.said(reason)
    if reason.code in customers.SENTENCES:
        return customers.said(reason)
    try:
        sentence = reasons.sentence(reason.code, **_values(reason))
    except KeyError:
        return reason.code
    said = str(reason.params.get("detail") or "") if reason.code in ENDS_WITH_DETAIL else ""
    return f"{sentence} ({said})" if said else sentence


def because(raw: Raw) -> str:
    """The reason behind its "because", as one clause."""
    return _("because %(reason)s") % {"reason": say(raw)}


def _values(reason: Reason) -> dict[str, str]:
    params = reason.params
    out = {name: _shown(name, value) for name, value in params.items()}
    for name in ("scope", "setting", "error", "detail", "title", "flow", "log", "seconds", "pid", "path", "tried"):
        out.setdefault(name, _("not said"))
    if "slot" in params:
        small = slot_name(str(params["slot"]))
        out["slot_small"], out["slot"] = small, calls.first_up(small)
    if reason.code in ("outcome.rejected", "outcome.link_refused", "sync.rejected"):
        side = params.get("side")
        system = customers.side_name(str(side)) if side else ""
        out["refusal"] = refusal(params, system)
        out["side"] = system or _("The other system")
    if "role" in params:
        out["role_name"] = str(params["role"])
    return out


def slot_name(slot: str) -> str:
    """A slot as people call it, "the call record"; the second recording is a recording."""
    slot = slot.partition("#")[0]  # a question that is asked once more has a number
    found = SLOTS.get(slot) or SLOTS.get(slot.rsplit(".", 1)[0])
    return str(found or slot)


def flow_name(flow: str) -> str:
    """A flow as the menu calls it."""
    return str(FLOWS.get(flow, flow))


def refusal(params: Mapping[str, Any], system: str = "") -> str:
    """Why a vendor did not take a record, as a clause; what it said itself stands behind it where it helps. system: what the vendor is
    called, "" for the CRM."""
    code, field, detail = (str(params.get(name) or "") for name in ("vendor_code", "field", "detail"))
    the_field = _("the field “%(field)s”") % {"field": field} if field else _("a field")
    group = errors.group_of(code)
    words_of = (errors.REFUSALS_BY_NAME.get(group) if system else None) or errors.REFUSALS[group]
    text = str(words_of) % {"the_field": the_field, "vendor_code": code, "system": system}
    return f"{text} ({detail})" if detail else text


def _shown(name: str, value: Any) -> str:
    if name == "error":
        if isinstance(value, str):
            value = {"code": value}
        return say(value)
    if name == "flow":
        return flow_name(str(value))
    if name == "seconds" and isinstance(value, int | float):
        return words.lasted(value)
    if name in ("until", "at") and isinstance(value, str):
        return moment(value)
    if name in ("number", "line", "value"):
        return words.phone(str(value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, Mapping):
        return ", ".join(words.titled(calls.text(calls.FIELDS, str(key)), str(one)) for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        table = calls.RULES if name == "rules" else calls.FIELDS if name == "fields" else {}
        return ", ".join(calls.text(table, str(one)) for one in value) or _("nothing")
    tables = {"role": calls.THE, "direction": calls.DIRECTIONS, "result": calls.RESULTS, "rule": calls.RULES}
    return calls.text(tables[name], str(value)) if name in tables else str(value)


def moment(text: str) -> str:
    """A time as rows keep it, as short as says it."""
    try:
        return words.short(datetime.fromisoformat(text))
    except ValueError:
        return text


_RECONNECT = frozenset({"error.auth", "error.not_connected", "error.seal_broken", "connection.needs_reconnect"})
_AGAIN = frozenset(
    {"error.transient", "error.timeout", "error.rate_limited", "error.file", "outcome.too_many_tries", "lookup.failed"}
)


def next_step(raw: Raw) -> Step:
    """What to do about an error."""
    reason = (
        raw if isinstance(raw, Reason) else Reason(str((raw or {}).get("code", "")), (raw or {}).get("params") or {})
    )
    code = reason.code
    inner = reason.params.get("error")
    inner_code = str(inner.get("code", "")) if isinstance(inner, Mapping) else str(inner or "")
    if {code, inner_code} & _RECONNECT:
        return Step(_("Reconnect it; what waits runs by itself."), "connections", _("Connections"))
    if {code, inner_code} & {"error.scope", "error.permission"}:
        return Step(_("Give Tieline this right; what waits runs by itself."), "connections", _("Connections"))
    if code == "intake.signature_wrong":
        return Step(
            _("Paste the signing secret that the phone system shows, then let it send the event again."),
            "connections",
            _("Connections"),
        )
    if code == "intake.not_of_contract":
        return Step(_("Compare the webhook’s settings with the connection’s page."), "connections", _("Connections"))
    if code in ("outcome.rejected", "outcome.link_refused"):
        return _after_refusal(str(reason.params.get("vendor_code") or ""))
    if code in ("outcome.stale", "outcome.gone", "outcome.blocked", "outcome.not_sent"):
        return Step(_("Look at the record in the CRM, then try again."))
    if code in ("outcome.unknown", "error.unknown_outcome"):
        return Step(
            _("Tieline looks for it by itself; where it cannot tell, it asks in the inbox."), "inbox", _("Inbox")
        )
    if {code, inner_code} & {"error.module_missing"}:
        return Step(_("Let it be switched on there, then try again."), "connections", _("Connections"))
    if {code, inner_code} & {"error.config"} or code == "flow.paused":
        return Step(_("Put the setting right, then try again."), "calls", _("Rules of calls"))
    if {code, inner_code} & _AGAIN:
        return Step(_("Try again when the other system answers."))
    return Step(_("Try again. If it stops once more, report the code %(code)s.") % {"code": inner_code or code})


def _after_refusal(vendor_code: str) -> Step:
    group = errors.group_of(vendor_code)
    if group in ("required", "invalid", "too_long", "unknown", "read_only"):
        return Step(_("Change the value in the rule that makes it, then try again."), "calls", _("Rules of calls"))
    if group == "permission":
        return Step(_("Let an administrator of the CRM allow it, then try again."))
    if group == "limit":
        return Step(_("Make room in the CRM, then try again."))
    return Step(_("Put it right in the CRM, then try again."))
