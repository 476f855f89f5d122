"""A hundred calls from one unknown number at once, over two phone connections: one of each record that the rules ask for."""

from __future__ import annotations

import pytest

from tests.crash.rig import Rig


@pytest.mark.proves("CALL-23")
@pytest.mark.parametrize("rules", ["defaults", "all"])
def test_100_simultaneous_calls_of_one_number(shared_rig: Rig, rules: str) -> None:
    made = shared_rig
    number = f"+4532{made.phones.scenario():02d}0001"
    calls = [
        made.phones.call(
            number,
            company=rules,
            contract="old" if one % 2 else "new",
            outcome="missed" if one % 3 == 0 else "answered",
            talk_s=9,
            ring_s=6,
        )
        for one in range(100)
    ]
    made.control("latency", {"ms": 20})
    found = made.play(calls)
    made.control("latency", {"ms": 0})
    assert found.is_exact, f"{found}\n{made.log()}"
    records = made.control("records")
    digits = number.lstrip("+")
    persons = {
        module: sum(digits == "".join(filter(str.isdigit, row.get("Phone") or "")) for row in records[module])
        for module in ("Accounts", "Contacts", "Leads")
    }
    every = int(rules == "all")
    assert persons == {"Accounts": every, "Contacts": every, "Leads": 1}
