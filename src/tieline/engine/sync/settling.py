"""What a batch came to, as rows to be kept in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tieline.core.pairing import Decision, Joined, Side, Told, other
from tieline.core.reasons import Reason
from tieline.core.record import Record
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.came import Came
from tieline.engine.sync.items import UNTIL, Item, Pass, name_of, waiting_row
from tieline.engine.sync.matched import matching
from tieline.engine.sync.ports import AskedRow, LinkRow, Report, SyncOperation, WaitingRow
from tieline.engine.sync.rows import JOINED, plain, reason_row, told_row
from tieline.engine.sync.writing import base_kept, failed_lines, ids_after, settled_at
from tieline.engine.times import backoff, iso
from tieline.sdk.contract import Gone, NotSent, Outcome, Rejected, Stale, Unknown

SOON_TRIES = 3
"""A record that moved under our hands is looked at again at once so often, then later and later."""
PENDING_S = 600.0
"""How long a record that is gone waits at least before the settings' policy applies: it may come back out of a recycle bin. All that
went within so long fall due together, so that the limit of one run counts them together."""
LEFT_ALONE = {"not_marked", "switched_off", "not_set_up"}
"""What is said of two that are linked and not kept the same, whatever they hold."""
VERBS = {"create": "created", "update": "updated", "delete": "deleted"}


class Settling:
    """Turns items and the outcomes of their writes into rows."""

    def __init__(self, run: Pass, role: str, outcomes: dict[str, Outcome]) -> None:
        self._pass = run
        self._pair = run.pair
        self._role = role
        self._outcomes = outcomes
        self.came = Came()

    def quiet(self, items: Iterable[Item]) -> None:
        """Nothing is to be done about these."""
        for item in items:
            is_gone = item.link is None and item.vendor is None
            if item.row is not None or is_gone:
                self.came.waited[self._role, item.side, item.id] = None
            if is_gone:
                self.came.answered[self._role, item.side, item.id] = None

    def decided(self, item: Item) -> None:
        decision = item.plan
        self.came.operations.extend(item.writes)
        if self._pass.dry:
            self._report(item, decision)
            return
        for one in item.writes:
            if one.state == "done":
                self._pass.count(VERBS[one.verb])
        self._waited(item)
        failed = [one for one in item.writes if one.state != "done"]
        if failed:
            self._failed(item, failed)
        else:
            self._became(item, decision)
        if decision.waits_for is not None:
            self._wait_for_parent(item, decision.waits_for)

    def _waited(self, item: Item) -> None:
        ids = ids_after(item)
        for side, id in ((item.side, item.id), *ids.items()):
            if id:
                self.came.waited[self._role, side, id] = None

    # -- everything went through ---------------------------------------------------------------------------------------

    def _became(self, item: Item, decision: Decision) -> None:
        ids = ids_after(item)
        if decision.become in {"keep", "make", "stop"} and ids["left"] and ids["right"]:
            self._keep(item, decision)
        elif decision.become == "drop" and item.link is not None:
            self.came.dropped.append(item.link.key)
            self._answered(item)
            self._wake(item.link)
        elif decision.become == "pending" and item.link is not None:
            self._pending(item, item.link, decision)
        else:
            self._stays(item, decision)

    def _keep(self, item: Item, decision: Decision) -> None:
        link = self._link(item, decision, set())
        self._same_or_changed(item, decision, link)
        if item.link is not None and item.link.state == "pending" and link.state != "pending":
            self._wake(item.link)
        if item.link is None:
            self._pass.count("linked")
            self._answered(item)
            self.came.operations.extend(matching(self._pass, self._role, item))
            for side, id in (("left", link.left_id), ("right", link.right_id)):
                self.came.woken[self._role, side, id] = None  # type: ignore[index]
        if decision.conflicts:
            self._pass.count("conflicts")
            said = decision.asks or decision.conflicts[0].reason
            self._ask("conflict", item, said, [plain_line(line) for line in decision.conflicts])
        elif decision.asks is not None:  # whether it is still the same customer
            self._ask("match", item, decision.asks, [plain_candidate(one) for one in decision.candidates])
        else:
            self._answered(item)

    def _wake(self, link: LinkRow) -> None:
        """What a record that was gone means is known: who waited to hear whether it comes back is looked at."""
        self.came.woken[self._role, "left", link.left_id] = None
        self.came.woken[self._role, "right", link.right_id] = None

    def _same_or_changed(self, item: Item, decision: Decision, link: LinkRow) -> None:
        before = item.link
        if before is not None and not item.writes and _alike(before, link):
            self._pass.count("excluded" if decision.status in LEFT_ALONE else "same")
            return
        self.came.links.append(link)

    def _pending(self, item: Item, link: LinkRow, decision: Decision) -> None:
        gone: Side = "left" if item.left is None else "right"
        row = self._link(item, decision, set())
        row.base, row.state, row.pending, row.why = link.base, "pending", gone, reason_row(decision.asks)
        row.agreed_at = None
        self.came.links.append(row)
        self._pass.count("pending")
        if decision.asks is not None:
            self._ask("deletion", item, decision.asks, [plain_candidate(one) for one in decision.candidates])
            return
        # then what the settings say happens
        due = iso((self._pair.clock() // PENDING_S + 2) * PENDING_S)
        told = Told(event="deleted", by=gone)
        wait = waiting_row(self._role, item, due, reason_row(decision.reason), told=told, attempts=0)
        wait.told = {**(wait.told or {}), UNTIL: due}
        self.came.wait(wait)

    def _stays(self, item: Item, decision: Decision) -> None:
        """Nothing moves: a person is asked, or the reason stands with the record."""
        if decision.asks is not None:
            self._ask("match", item, decision.asks, [plain_candidate(one) for one in decision.candidates])
            if item.link is None:
                row = waiting_row(self._role, item, None, reason_row(decision.asks), told=item.heard, state="asked")
                self.came.wait(row)
            return
        self._answered(item)
        self._pass.count("excluded")
        if item.link is None and item.record is not None and decision.waits_for is None and decision.reason is not None:
            self.came.wait(waiting_row(self._role, item, None, reason_row(decision.reason), attempts=0))

    def _wait_for_parent(self, item: Item, parent: Joined) -> None:
        role = self._parent_role(item)
        if not role or not parent.id:
            return
        side: Side = "left" if parent.side == "left" else "right"
        self._pass.count("waiting")
        said = reason(reasons.PARENT_FIRST, role=role, id=parent.id)
        row = waiting_row(self._role, item, None, said)
        row.waits_for = [role, side, parent.id]
        self.came.wait(row)
        if (role, side, parent.id) not in self.came.waiting:
            created = item.told.create or self._pass.create
            told = told_row(Told(event="created", by=side, create=created, mark=item.heard.mark))
            self.came.wait(WaitingRow(role, side, parent.id, self._pair.now(), said, told))

    def _parent_role(self, item: Item) -> str:
        links = self._pair.ends[item.side].shape(self._role).links
        return next(iter(links.values()), "")

    # -- something did not ---------------------------------------------------------------------------------------------

    def _failed(self, item: Item, failed: list[SyncOperation]) -> None:
        decision = item.plan
        ids = ids_after(item)
        rejected = next((one for one in failed if isinstance(self._outcomes.get(one.key), Rejected)), None)
        if ids["left"] and ids["right"] and decision.become in {"keep", "make", "stop"}:
            link = self._link(item, decision, failed_lines(self._pass, item, self._role))
            link.agreed_at = None
            if rejected is not None:
                link.state, link.why = "failing", rejected.error
            self.came.links.append(link)
            if item.link is None:
                self.came.operations.extend(matching(self._pass, self._role, item))
                for side, id in ids.items():
                    self.came.woken[self._role, side, id] = None
        self.came.wait(self._again(item, failed, rejected))
        if decision.conflicts and item.link is not None:
            self._ask("conflict", item, decision.asks or decision.conflicts[0].reason, [plain_line(line) for line in decision.conflicts])  # fmt: skip

    def _again(self, item: Item, failed: list[SyncOperation], rejected: SyncOperation | None) -> WaitingRow:
        tries = (item.row.attempts if item.row is not None else 0) + 1
        outcomes = {type(self._outcomes.get(one.key)): one for one in failed}
        told = self._told_again(item, Stale in outcomes)
        if Unknown in outcomes:
            self._pass.count("unknown")
            until = max(settled_at(self._pass, one) for one in failed if one.state == "unknown")
            lost = [one for one in failed if one.state == "unknown"]
            if until > self._pair.clock():  # else a late one would find another version and do nothing
                remember(self._pass, lost, iso(until))
            return self._retried(item, told, iso(until), outcomes[Unknown], tries)
        if rejected is not None:
            self._pass.count("failed")
            return self._retried(item, told, None, rejected, tries)
        self._pass.count("waiting")
        now = self._pair.clock()
        due = iso(now if tries <= SOON_TRIES else now + backoff(tries - SOON_TRIES, self._pair.chance()))
        if Gone in outcomes:
            one = outcomes[Gone]
            told = Told(choices=item.told.choices, deletion=item.told.deletion, event="deleted", by=one.side)
            return self._retried(item, told, due, one, tries)
        one = outcomes.get(Stale) or outcomes.get(NotSent) or failed[0]
        if Stale not in outcomes and self._pass.error is None:
            due = iso(now + backoff(tries, self._pair.chance()))
        return self._retried(item, told, due, one, tries)

    def _told_again(self, item: Item, is_stale: bool) -> Told:
        """What the next look is told: of one that was to be made also what the run says of all. Of a record that was edited since a
        person said what its deletion means, they are asked again."""
        ids = ids_after(item)
        told = item.told if item.link is not None or (ids["left"] and ids["right"]) else item.heard
        return replace(told, deletion=None) if is_stale and told.deletion is not None else told

    def _retried(self, item: Item, told: Told, due: str | None, one: SyncOperation, tries: int) -> WaitingRow:
        """The row of the next look. A choice holds only between the values that it was made between."""
        row = waiting_row(self._role, item, due, one.error, told=told, attempts=tries)
        shown = {
            line.line: [plain(line.left), plain(line.right)] for line in item.plan.lines if line.line in told.choices
        }
        if shown:
            row.told = {**(row.told or {}), "shown": shown}
        return row

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _link(self, item: Item, decision: Decision, failed: set[str]) -> LinkRow:
        ids, before = ids_after(item), item.link
        base = base_kept(item, failed)
        alike = (
            {"same", "to_left", "to_right"} if item.writes else {"same"}
        )  # of one that is left alone nothing was written
        agreed = not failed and bool(decision.lines) and all(line.state in alike for line in decision.lines)
        row = LinkRow(
            item.new_key,
            self._role,
            ids["left"],
            ids["right"],
            base,
            self._version(item, "left"),
            self._version(item, "right"),
            "conflict" if decision.conflicts else "linked",
            None,
            None,
            name_of(item.left) or name_of(item.right) or (before.name if before is not None else ""),
            self._pair.now() if agreed else None,
            self._parent(base, before),
        )
        kept_apart = before is not None and before.state == "stopped" and decision.become == "keep"
        if before is not None and decision.become == "keep" and (item.left is None or item.right is None):
            row.state, row.pending = "pending", "left" if item.left is None else "right"
        if decision.become == "stop" or kept_apart:
            row.state = "stopped"
        return row

    def _version(self, item: Item, side: Side) -> str | None:
        for one in item.writes:
            if one.side == side and one.state == "done" and one.verb != "delete":
                return one.version
        record = item.left if side == "left" else item.right
        return record.version if record is not None else None

    def _parent(self, base: dict[str, list[Any]], before: LinkRow | None) -> str | None:
        for line in self._pair.customers.lines(self._role):
            if line.kind == "link" and line.name in base:
                value = base[line.name][0]
                return value[JOINED][0] or None if isinstance(value, dict) else None
        return before.parent if before is not None else None

    def _ask(self, kind: str, item: Item, said: Reason, options: list[Any]) -> None:
        side, id = asked_at(item)
        was = item.link.state if item.link is not None else ""
        if was in {"conflict", "pending"} and (was == "conflict") != (kind == "conflict"):
            self.came.answered[self._role, side, id] = None
        self._pass.count("asked")
        link = item.new_key if item.link is not None or (item.decision is not None and item.decision.become == "make") else ""  # fmt: skip
        name = name_of(item.left) or name_of(item.right) or (item.link.name if item.link is not None else "")
        self.came.asked.append(AskedRow(kind, self._role, side, id, said.to_json(), options, link, name))

    def _answered(self, item: Item) -> None:
        self.came.answered[self._role, item.side, item.id] = None
        for side, id in ids_after(item).items():
            if id:
                self.came.answered[self._role, side, id] = None

    def _report(self, item: Item, decision: Decision) -> None:
        for one in item.writes:
            self._pass.count(VERBS[one.verb] if one.values or one.verb != "update" else "linked")
        if decision.become in {"make", "stop"} and item.link is None:
            self._pass.planned.add(self._role, item.side, item.id, item.new_key)
            if item.mate is not None:
                self._pass.planned.add(self._role, other(item.side), item.mate.id, item.new_key)
        if decision.status == "same" and not item.writes:
            self._pass.count("same")
            return
        self.came.reports.append(report(self._role, item, decision))


def remember(run: Pass, lost: Iterable[SyncOperation], until: str) -> None:
    """Nobody touches what these writes may still change before they are settled."""
    for one in lost:
        run.busy[one.role, one.link] = until
        if len(one.source) > 1:
            run.busy[one.role, one.source[0], one.source[1]] = until
        if one.verb == "create":
            run.made[one.role, one.side] = max(until, run.made.get((one.role, one.side), ""))
            run.lost[one.key] = one


def asked_at(item: Item) -> tuple[Side, str]:
    """Under which record a question stands: a linked customer's under the left one, else under its own."""
    ids = ids_after(item)
    if ids["left"] and ids["right"]:
        return "left", ids["left"]
    return item.side, item.id


def report(role: str, item: Item, decision: Decision) -> Report:
    """A record that does not agree, or of which something would be done."""
    ids = ids_after(item)
    said = decision.asks or decision.reason
    if said is None and decision.writes:
        said = decision.writes[0].reason
    name = name_of(item.left) or name_of(item.right) or (item.link.name if item.link is not None else "")
    lines = [plain_line(line) for line in decision.lines if line.state != "same"]
    return Report(role, ids["left"], ids["right"], name, decision.status, reason_row(said) or {}, lines)


def plain_line(line: Any) -> dict[str, Any]:
    """A LineResult as JSON."""
    return {
        "line": line.line,
        "state": line.state,
        "left": plain(line.left),
        "right": plain(line.right),
        "value": plain(line.value),
        "reason": line.reason.to_json(),
    }


def plain_candidate(one: Any) -> dict[str, Any]:
    """A Candidate as JSON."""
    record: Record = one.record
    return {
        "id": record.id,
        "fields": plain(record.fields),
        "sure": one.sure,
        "score": one.score,
        "evidence": [
            {"rule": said.rule, "agrees": said.agrees, "reason": said.reason.to_json()} for said in one.evidence
        ],
    }


def _alike(one: LinkRow, another: LinkRow) -> bool:
    """Whether keeping the second would change nothing that matters."""
    return (
        (one.left_id, one.right_id, one.base, one.state, one.pending, one.why)
        == (another.left_id, another.right_id, another.base, another.state, another.pending, another.why)
        and (one.agreed_at is None) == (another.agreed_at is None)
    )  # fmt: skip
