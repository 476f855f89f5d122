"""A live look as a page shows it: what differs, what may be chosen, what is being written, what went wrong half-way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from tieline.core.pairing import Candidate, Decision, Side, other
from tieline.engine.effects.reasons import INTERNAL
from tieline.jobs import looking
from tieline.store.services.customers import Customer
from tieline.web.customers import compare, labels, shown
from tieline.web.customers import words as own
from tieline.web.customers.compare import Row
from tieline.web.words import customers as sides
from tieline.web.words import say


@dataclass(frozen=True, slots=True)
class Choice:
    """A record across that may be the same."""

    id: str
    name: str
    evidence: str


@dataclass(slots=True)
class Look:
    """What the card shows. moving: what is being written now; trouble: what stopped, with what to do."""

    seen: str = ""
    at: datetime | None = None
    rows: Sequence[Row] = field(default=())
    differing: int = 0
    said: str = ""
    across: str = ""
    gone_at: str = ""
    candidates: Sequence[Choice] = field(default=())
    asks: str = ""
    may_create: bool = False
    create_said: str = ""
    deletion: bool = False
    moving: str = ""
    trouble: str = ""
    trouble_title: str = ""
    trouble_kind: str = "wait"
    may_finish: bool = False
    swap: bool = False


def look(request: HttpRequest, one: Customer) -> dict[str, Any]:
    """Both systems as they are now: {"look", "looked"}."""
    found = looking.look(one)
    decision = found.decision
    across = one.pair.connection(other(one.side)).title
    out = Look(seen=found.seen, at=found.at, across=across)
    with sides.named(one.pair.left.title, one.pair.right.title):
        _moving(out, one)
    if decision is None:
        _unreachable(out, one, found.unreachable, found.mistake)
        return {"look": out, "looked": shown.customer(one, status=found.status)}
    with sides.named(one.pair.left.title, one.pair.right.title):
        _fill(out, one, decision, across)
    if decision.status == "same":  # nothing is left to finish, whatever was in the way
        out.trouble = out.trouble_title = ""
        out.may_finish = False
    looked = shown.customer(one, status=decision.status, differing=out.differing, gone=out.gone_at)
    return {"look": out, "looked": looked}


def _fill(out: Look, one: Customer, decision: Decision, across: str) -> None:
    out.rows = compare.rows(decision, labels.of(one.pair, one.role))
    out.differing = sum(row.state == "differs" for row in out.rows)
    titles = {"left": one.pair.left.title, "right": one.pair.right.title}
    chosen = [(row.label, titles[row.choice]) for row in out.rows if row.choice]
    out.said = own.chosen(chosen) if chosen else _("Choose which value holds, field by field.")
    _open_ends(out, one, decision, across)


def _open_ends(out: Look, one: Customer, decision: Decision, across: str) -> None:
    """What a person may decide where the two are not simply two records that differ."""
    if decision.status == "candidates":
        out.candidates = [_choice(candidate) for candidate in decision.candidates]
        out.asks = say(decision.asks) if decision.asks else _("Which one of them is it?")
    elif decision.status == "missing":
        out.may_create = True
        why = say(decision.reason) if decision.reason else ""
        out.create_said = why or _("Nothing like it was found in %(system)s.") % {"system": across}
    elif decision.status == "pending_delete" and one.link is not None:
        out.deletion = True
        gone = _gone(one, decision)
        out.gone_at, out.across = one.pair.connection(gone).title, one.pair.connection(other(gone)).title
        out.trouble_title = _("It is not in %(system)s any more.") % {"system": out.gone_at}
        out.trouble = _("Nothing is deleted before somebody says so.")


def _gone(one: Customer, decision: Decision) -> Side:
    """Where it is gone, as this look found it: what the link remembers is of an earlier one, and empty before the first."""
    said = decision.asks or decision.reason
    kept = one.link.pending if one.link is not None else ""
    return own.gone_side(said.params if said else None) or ("right" if kept == "right" else "left")


def _choice(candidate: Candidate) -> Choice:
    record = candidate.record
    name = str(record.get("name") or record.id)
    said = [say(one.reason) for one in candidate.evidence]
    return Choice(record.id, name, ", ".join(one for one in said if one))


def _moving(out: Look, one: Customer) -> None:
    """What is being written, or what could not be."""
    run = one.asked
    if run is not None and run.finished_at is None:
        out.moving = _("The worker is at it; this page follows by itself.")
        return
    row = next((row for row in one.waiting if row.why), None)
    if run is not None and run.why:
        out.trouble_title, out.trouble = _("This was not written"), say(run.why)
    elif one.link is not None and one.link.state == "failing" and one.link.why:
        out.trouble_title, out.trouble_kind = _("One of the two systems did not take it"), "fail"
        out.trouble, out.may_finish = say(one.link.why), True
    elif row is not None and row.why:
        out.trouble_title = _("Not finished yet") if row.state == "due" else _("This cannot be finished as it is")
        out.trouble, out.may_finish = say(row.why), True


def _unreachable(
    out: Look, one: Customer, unreachable: Mapping[Side, Mapping[str, Any]], mistake: Mapping[str, Any] | None
) -> None:
    for side, why in unreachable.items():
        title = one.pair.connection(side).title
        said = (
            _("%(system)s answered what Tieline cannot read.")
            if why.get("code") == INTERNAL
            else _("%(system)s does not answer.")
        )
        _trouble(out, said % {"system": title}, why)
    if mistake is not None and not unreachable:
        _trouble(out, _("The two could not be looked at."), mistake)


def _trouble(out: Look, title: str, why: Mapping[str, Any]) -> None:
    out.trouble_kind, out.trouble_title, out.may_finish = "fail", title, False
    out.trouble = f"{say(why)} {_('What was agreed last stands in the history below. Look again in a moment.')}"


def told(request: HttpRequest, one: Customer, act: str) -> dict[str, Any] | None:
    """What a person said on the page, as `core.pairing.Told` in JSON; None where nothing was chosen."""
    post = request.POST
    if act == "write":
        choices = {
            key.removeprefix("line."): value
            for key, value in post.items()
            if key.startswith("line.") and value in ("left", "right")
        }
        return {"choices": choices} if choices else None
    if act in ("all_left", "all_right"):
        side = act.removeprefix("all_")
        return {"choices": dict.fromkeys(labels.lines(one.pair, one.role), side)}
    if act == "link":
        partner = str(post.get("partner", ""))[:200]
        if not partner:
            return None
        return {"create": True, "partner": ""} if partner == "new" else {"partner": partner}
    if act == "create":
        return {"create": True, "partner": ""}
    if act in ("delete", "restore", "unlink"):
        return {"deletion": act}
    return one.unfinished if act == "finish" else None
