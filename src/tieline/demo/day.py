"""Reads a demo day: calls and, beside each, the records that must exist afterwards, as a person wrote them down.

The grammar stands at the top of the .day files. Nothing here knows a rule of the calls flow: it only reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Expected:
    """One record that must exist. kind: C call, L lead, T task, A account, P contact (person), D deal.

    call is "In", "Out" or "Missed" for C; stage the stage of D; links such as ("c:marie", "a:new"); recording for C, closed for T.
    """

    kind: str
    owner: str
    links: tuple[str, ...] = ()
    call: str = ""
    stage: str = ""
    recording: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class DayCall:
    """One call of the day. `number` is what the phone system sends, `lines` the company line or the members of a chain."""

    id: str
    phase: str
    time: str
    contract: str
    direction: str
    number: str
    lines: tuple[str, ...]
    outcome: str
    talk_s: int
    recording: str
    delivery: str
    expected: tuple[Expected, ...]


_CALL = re.compile(
    r"(?P<time>\d\d:\d\d)\s+(?P<contract>new|old|twilio|aircall|ringover|webhook|get|list)\s+(?P<direction>in|out)\s+(?P<number>\S+(?: \d+)*)\s+(?P<lines>\d{6,}(?:,\d+)*)\s+"
    r"(?P<outcome>ans|miss|vm|busy|noans)\s+(?P<talk>\d+)\s+(?P<recording>y|late|-)\s+(?P<delivery>-|dbl|ooo|late|lost)$"
)


def read(name: str) -> list[DayCall]:
    """The calls of `<name>.day`; a line that is not understood raises ValueError with its number."""
    text = files("tieline.demo").joinpath(f"{name}.day").read_text(encoding="utf-8")
    return list(_calls(name, text))


def _calls(name: str, text: str) -> Iterator[DayCall]:
    phase = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            phase = line[1 : line.index("]")]
            continue
        left, _, right = line.partition("|")
        found = _CALL.match(left.strip())
        if found is None:
            raise ValueError(f"{name}.day line {number}: not a call: {left.strip()!r}")
        yield DayCall(
            id=f"{name}-{number:03}",
            phase=phase,
            time=found["time"],
            contract=found["contract"],
            direction=found["direction"],
            number=found["number"],
            lines=tuple(found["lines"].split(",")),
            outcome=found["outcome"],
            talk_s=int(found["talk"]),
            recording=found["recording"],
            delivery=found["delivery"],
            expected=tuple(_records(right.strip(), f"{name}.day line {number}")),
        )


def _records(text: str, where: str) -> Iterator[Expected]:
    if text == "-":
        return
    for part in (one.strip() for one in text.split(";")):
        words, _, linked = part.partition(">")
        recording = linked.endswith(" R")
        links = tuple(link for link in linked.removesuffix(" R").strip().split("+") if link)
        match words.strip().split(maxsplit=2):
            case ["C", ("In" | "Out" | "Missed") as call, owner]:
                yield Expected("C", owner.strip(), links, call=call, recording=recording)
            case ["D", owner, *stage]:
                yield Expected("D", owner.strip(), stage="".join(stage).strip())
            case ["T", owner, "closed"]:
                yield Expected("T", owner, links, closed=True)
            case [("L" | "A" | "P" | "T") as kind, owner]:
                yield Expected(kind, owner, links)
            case _:
                raise ValueError(f"{where}: not a record: {part!r}")
