"""The bulk first match of a reconciliation: likely pairs that no rule finds become questions, once, and nothing is linked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.sync_bench import Bench, dying_at, settings
from tests.store.pairs import PairOf
from tieline.core.pairing import Told
from tieline.core.reasons import because
from tieline.engine.sync import likely
from tieline.engine.sync.ports import AskedRow, Settled
from tieline.engine.sync.reasons import LIKELY
from tieline.engine.sync.rows import told_row

PHONE = {"phone": {"kind": "phone"}}
LISTS = [
    # name, e-mail, registration number, phone, city of the left; the same of the right; what was done to it
    ("Nordlys Byggeri A/S", "info@nordlys.dk", "DK26134439", "+4533123456", "Odense",
     "Nordlys Bygeri A/S", "kontor@nordlys.dk", "DK26134493", "+4533123456", "Odense"),  # typos
    ("Madsen og Holm Revision", "post@mhrevision.dk", "", "+4586112233", "Aarhus",
     "Revision Holm & Madsen", "post@mhrevison.dk", "", "+4586112233", "Aarhus"),  # words in another order
    ("Fjordens Fiskehandel ApS", "salg@fjordensfisk.dk", "DK31415926", "+4597421100", "Lemvig",
     "Fjorden Fiskehandel", "mail@fjordensfisk.dk", "DK3141592", "+4520304050", "Lemvig"),  # another phone number
]  # fmt: skip
NAMES = ("name", "email", "registration_number", "phone", "city")


def two_lists(bench: Bench) -> list[tuple[str, str]]:
    """Both sides with three customers that are one and written differently, and ten each that nobody has over there."""
    pairs = []
    for row in LISTS:
        left = bench.left.put("Accounts", **dict(zip(NAMES, row[:5], strict=True)))
        pairs.append((left, bench.right.put("Accounts", **dict(zip(NAMES, row[5:], strict=True)))))
    words = ("Alfa", "Bravo", "Cement", "Delta", "Ekko", "Fyrtaarn", "Granit", "Havn", "Island", "Jern")
    for number, word in enumerate(words):
        bench.left.put(
            "Accounts", name=f"{word} Transport", email=f"{word}@l.dk", phone=f"+453311{number:04d}", city="Odense"
        )
        bench.right.put(
            "Accounts", name=f"{word[::-1]} Klinik", email=f"x{number}@r.dk", phone=f"+457722{number:04d}", city="Vejle"
        )
    return pairs


def bench_of(**more: Any) -> Bench:
    return Bench(settings=settings(contacts=False, more=PHONE, **more))


def offered(bench: Bench) -> dict[str, list[str]]:
    """id of the left → what is offered for it."""
    asked = [one for one in bench.store.asked.values() if one.kind == "match"]
    return {one.id: [option["id"] for option in one.options] for one in asked}


@pytest.mark.proves("CUST-4")
async def test_likely_pairs_are_asked_about_with_why_and_nothing_is_linked_or_written() -> None:
    bench = bench_of()
    pairs = two_lists(bench)
    exact = bench.left.put("Accounts", name="Solsikken", email="hej@solsikken.dk", city="Ribe")
    bench.right.put("Accounts", name="Solsiken", email="hej@solsikken.dk", city="Ribe")
    plain = await bench.sync().reconcile()
    assert (plain.counts.get("asked", 0), bench.store.asked) == (0, {})
    before = bench.left.requests + bench.right.requests
    row = await bench.sync().reconcile({"match": True})
    assert (row.state, row.why, row.counts["asked"]) == ("done", None, 3)
    assert offered(bench) == {left: [right] for left, right in pairs}
    assert exact not in offered(bench)  # a rule finds it: it is linked by the next run that links
    assert row.requests == plain.requests == bench.left.requests + bench.right.requests - before
    assert not bench.store.rows
    assert not bench.left.pushed
    assert not bench.right.pushed
    asked = bench.store.asked["account", "left", pairs[0][0], "match"]
    assert (asked.reason["code"], asked.name) == (LIKELY, "Nordlys Byggeri A/S")
    option = asked.options[0]
    said = {one["rule"]: (one["agrees"], one["reason"]["code"]) for one in option["evidence"]}
    assert option["score"] > 0.9
    assert not option["sure"]
    assert option["fields"]["name"] == "Nordlys Bygeri A/S"
    assert said["likely"] == (True, "customers.evidence.likely")
    assert said["name"] == (True, "customers.evidence.name.like")
    assert said["phone"] == (True, "customers.evidence.phone.same")  # no rule goes by it
    assert said["registration_number"] == (False, "customers.evidence.registration_number.differs")


@pytest.mark.proves("CUST-4")
async def test_what_is_open_or_was_answered_is_not_asked_again_and_an_answer_links() -> None:
    bench = bench_of()
    (first, second), (other, _), (third, _) = two_lists(bench)
    assert (await bench.sync().reconcile({"match": True})).counts["asked"] == 3
    assert (await bench.sync().reconcile({"match": True})).counts.get("asked", 0) == 0
    await bench.quiet()  # a feed names them all, and finds what the rules found: nothing
    assert sorted(offered(bench)) == sorted([first, other, third])
    for id, partner in ((first, second), (other, "")):  # as the inbox answers
        del bench.store.asked["account", "left", id, "match"]
        told = told_row(Told(partner=partner))
        row = bench.store.waits["account", "left", id]
        row.state, row.due_at, row.told = "due", bench.clock.iso(), told
    await bench.quiet()
    assert [(one.left_id, one.right_id) for one in bench.store.rows.values()] == [(first, second)]
    assert (await bench.sync().reconcile({"match": True})).counts.get("asked", 0) == 0
    assert list(offered(bench)) == [third]
    row = await bench.sync().asked("account", "left", third, Told(create=True, partner=""))
    assert row.state == "done"
    assert offered(bench) == {}  # it is linked


@pytest.mark.proves("CUST-4")
async def test_nobody_is_asked_about_what_is_not_to_be_kept_the_same() -> None:
    marked = bench_of(mark={"kind": "field", "field": "city", "values": ["Odense"]})
    pairs = two_lists(marked)
    await marked.sync().reconcile({"match": True})
    assert list(offered(marked)) == [pairs[0][0]]
    off = bench_of(on=False)
    two_lists(off)
    row = await off.sync().reconcile({"match": True})
    assert (row.state, offered(off)) == ("done", {})


@pytest.mark.proves("CUST-4")
async def test_a_record_gets_three_candidates_at_most_the_likeliest_first() -> None:
    bench = bench_of()
    bench.left.put("Accounts", name="Vestjysk Vindkraft", phone="+4597421100", city="Lemvig")
    for number in range(6):
        bench.right.put(
            "Accounts", name=f"Vestjysk Vindkraf{'t' * (number % 2)}s {number}", phone="+4597421100", city="Lemvig"
        )
    two_lists(bench)
    await bench.sync().reconcile({"match": True})
    found = [one.options for one in bench.store.asked.values() if one.name == "Vestjysk Vindkraft"]
    scores = [option["score"] for option in found[0]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


@pytest.mark.proves("CUST-4")
async def test_with_more_than_the_bound_nothing_is_proposed_and_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = bench_of()
    two_lists(bench)
    monkeypatch.setattr(likely, "MOST", 12)
    row = await bench.sync().reconcile({"match": True})
    assert (row.state, row.counts.get("asked", 0)) == ("done", 0)
    assert row.why == {"code": "sync.too_many", "params": {"role": "account", "most": 12}}
    assert offered(bench) == {}
    monkeypatch.setattr(likely, "MOST", 13)
    row = await bench.sync().reconcile({"match": True})
    assert (row.why, row.counts["asked"]) == (None, 3)


@pytest.mark.proves("CUST-4")
async def test_a_run_that_is_killed_anywhere_goes_on_and_asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likely, "QUESTIONS", 1)
    quiet = bench_of()
    two_lists(quiet)
    await quiet.sync().reconcile({"match": True})
    calls = sum(quiet.store.calls.values())
    for number in range(2, 2 * calls):  # before and after each call
        bench = bench_of()
        pairs = two_lists(bench)
        with dying_at(bench, number) as died:
            await bench.sync().reconcile({"match": True})
        assert died
        row = await bench.sync().reconcile({"match": True})
        assert (row.state, row.counts.get("asked")) in {("done", 3), ("done", None)}, died
        assert offered(bench) == {left: [right] for left, right in pairs}, died
        assert bench.store.asked_ever["match"] == 3, died


async def test_a_run_that_is_paused_while_it_reads_anew_goes_on_later() -> None:
    bench = bench_of()
    pairs = two_lists(bench)
    bench.right.page = bench.left.page = 50
    bench.store.pause_asked = {1}
    states = [(await bench.sync().reconcile({"match": True})).state for _ in range(4)]
    assert states == ["paused"] * 4
    assert offered(bench) == {}
    bench.store.pause_asked = set()
    row = await bench.sync().reconcile({"match": True})
    assert (row.id, row.state) == (1, "done")
    assert offered(bench) == {left: [right] for left, right in pairs}


async def test_comparing_does_not_hold_up_what_else_the_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from tieline.flows.customers.flow import PairRules

    bench = bench_of()
    two_lists(bench)
    goes_on, inside, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()
    real = PairRules.likely

    def slow(self: PairRules, *given: Any) -> Any:
        loop.call_soon_threadsafe(inside.set)
        assert goes_on.wait(30)
        return real(self, *given)

    monkeypatch.setattr(PairRules, "likely", slow)
    run = asyncio.create_task(bench.sync().reconcile({"match": True}))
    await inside.wait()
    goes_on.set()  # by the loop, while the comparison waits
    assert (await run).counts["asked"] == 3


@pytest.mark.proves("CUST-4")
async def test_an_answer_waits_while_the_pair_only_watches() -> None:
    bench = bench_of()
    ((left, right), *_) = two_lists(bench)
    await bench.sync().reconcile({"match": True})
    row = bench.store.waits["account", "left", left]
    row.state, row.due_at, row.told = "due", bench.clock.iso(), told_row(Told(partner=right))
    await bench.changes(watch=True)
    assert not bench.store.rows
    await bench.quiet()
    assert [(one.left_id, one.right_id) for one in bench.store.rows.values()] == [(left, right)]


@pytest.mark.proves("CUST-4")
async def test_on_postgres_the_questions_stand_in_the_inbox_once(pair: PairOf) -> None:
    bench = bench_of()
    pairs = two_lists(bench)
    store = pair.store()
    bench.keep_in(store)
    assert store.hold()
    try:
        first = await bench.sync().reconcile({"match": True})
        again = await bench.sync().reconcile({"match": True})
    finally:
        store.let_go()
    assert (first.state, first.counts["asked"], again.state, again.counts.get("asked")) == ("done", 3, "done", None)
    found = pair.rows("SELECT record, kind, state, options->0->>'id' FROM store_inboxitem ORDER BY record")
    assert found == [(left, "match", "open", right) for left, right in sorted(pairs)]
    waits = pair.rows("SELECT record, code FROM store_syncwaiting WHERE state = 'asked' ORDER BY record")
    assert waits == [(left, "sync.likely") for left, _ in sorted(pairs)]


async def test_a_question_of_a_rule_is_over_with_the_next_look_a_likely_one_when_it_is_linked() -> None:
    bench = bench_of()
    run = await bench.sync().changes({"poll": "all"})
    for id, code in (("L1", LIKELY), ("L2", "customers.not.unsure")):
        said = because(LIKELY, count=1, percent=90).to_json() | {"code": code}
        bench.store.settle(run, Settled(asked=[AskedRow("match", "account", "left", id, said)]))
    bench.store.settle(run, Settled(answered=[("account", "left", "L1"), ("account", "left", "L2")]))
    assert [one.id for one in bench.store.asked.values()] == ["L1"]
