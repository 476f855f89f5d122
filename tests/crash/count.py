"""What must be in the CRM after these calls, against what is there. Written from the requirements; asks nothing of Tieline.

A call record is known by its start time (each call has a slot of time of its own), a lead by its number, a task by whom it
hangs on. With the defaults: a call record for each call, a lead for each number that nobody has, a task for each call that
reached nobody. With every rule on, an unknown number has an account, a contact and a deal besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.crash.load import SPACING_S, Call

Records = Mapping[str, Sequence[Mapping[str, Any]]]
PERSONS = {"defaults": ("Leads",), "all": ("Accounts", "Contacts", "Leads")}


@dataclass
class Tally:
    """Differences, one line each, by kind."""

    calls: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        kinds = {"lost": self.lost, "doubled": self.doubled, "wrong": self.wrong}
        return "; ".join(f"{len(lines)} {kind}: {lines[:5]}" for kind, lines in kinds.items() if lines) or "exact"

    def compare(self, what: str, expected: Counter[Any], found: Counter[Any]) -> None:
        """Counts that differ."""
        for key, more in (found - expected).items():
            self.doubled.append(f"{what} {key}: {more} too many")
        for key, fewer in (expected - found).items():
            self.lost.append(f"{what} {key}: {fewer} missing")


def tally(calls: Iterable[Call], records: Records, base: int, seeded: Mapping[str, str]) -> Tally:
    """All of it. `seeded`: record id → digits of its number, of what was there before the first call."""
    out = Tally()
    sent = {call.slot: call for call in calls}
    out.calls = len(sent)
    whose = {**_numbers(records), **seeded}
    _calls(out, sent, records["Calls"], base, whose)
    unreached = Counter(call.number for call in sent.values() if call.unreached)
    out.compare("task of", unreached, Counter(_of(row, whose) for row in records["Tasks"]))
    unknown = {call.number: call.company for call in sent.values() if call.number and not call.known}
    for module in ("Leads", "Contacts", "Accounts"):
        wanted = Counter(number for number, company in unknown.items() if module in PERSONS[company])
        found = Counter(whose[row["id"]] for row in records[module] if row["id"] not in seeded)
        out.compare(module, wanted, found)
    deals = Counter(number for number, company in unknown.items() if company == "all")
    accounts = Counter(whose.get((row.get("Account_Name") or {}).get("id"), "?") for row in records["Deals"])
    out.compare("Deals", deals, accounts)
    for module, rows in records.items():
        keys = Counter(row.get("Tieline_Key") for row in rows if row.get("Tieline_Key"))
        out.doubled.extend(f"{module} with key {key}: {times}" for key, times in keys.items() if times > 1)
    return out


def _calls(
    out: Tally, sent: Mapping[int, Call], rows: Sequence[Mapping[str, Any]], base: int, whose: Mapping[str, str]
) -> None:
    found: Counter[int] = Counter()
    for row in rows:
        slot = int(datetime.fromisoformat(row["Call_Start_Time"]).timestamp() - base) // SPACING_S
        found[slot] += 1
        call = sent.get(slot)
        if call is None:
            continue
        if _of(row, whose) != call.number:
            out.wrong.append(f"call {slot} hangs on {_of(row, whose)!r}, not on {call.number!r}")
        if not str(row.get("Voice_Recording__s") or "").endswith(call.recording or "") or (
            row.get("Voice_Recording__s") and not call.recording
        ):
            out.wrong.append(f"call {slot} has recording {row.get('Voice_Recording__s')!r}, not {call.recording!r}")
        inbound = "Missed" if call.unreached else "Inbound"
        wanted = "Outbound" if call.sim.direction == "outbound" else inbound
        if row["Call_Type"] != wanted:
            out.wrong.append(f"call {slot} is {row['Call_Type']}, not {wanted}")
    out.compare("call", Counter(list(sent)), found)


def _numbers(records: Records) -> dict[str, str]:
    """Record id → digits of its number."""
    return {
        row["id"]: "".join(filter(str.isdigit, row.get("Phone") or row.get("Mobile") or ""))
        for module in ("Accounts", "Contacts", "Leads")
        for row in records[module]
    }


def _of(row: Mapping[str, Any], whose: Mapping[str, str]) -> str:
    """The number of the person that a call or task hangs on; empty when on nobody."""
    link = row.get("Who_Id") or row.get("What_Id")
    return whose.get(link["id"], f"record {link['id']}") if link else ""
