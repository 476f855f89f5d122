"""Pages of customers that stand in two systems: every state of a look, the list, its file, how a pair stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.utils.html import escape

from tests.web.conftest import Company
from tests.web.made import rows, workspace_tx
from tests.web.made_pair import MadePair, text_of_id
from tests.web.test_runs import text_of
from tieline.core.pairing import Candidate, Decision, Evidence, LineResult
from tieline.core.reasons import Reason, because
from tieline.core.record import Record

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]
HELD = Reason("customers.not.conflict", {"count": 1})
LINES = (
    LineResult("name", "same", "Nordlys A/S", "Nordlys A/S", "Nordlys A/S", Reason("customers.not.same")),
    LineResult("phone", "to_right", "+4533123456", "+4533000000", "+4533123456", HELD),
    LineResult("city", "conflict", "København", "Aarhus", None, HELD),
)


@pytest.fixture
def pair(company: Company, monkeypatch: pytest.MonkeyPatch) -> MadePair:
    return MadePair(company, monkeypatch)


@pytest.fixture
def reader(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


@pytest.fixture
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, web: Any) -> Callable[..., None]:
    """What the next looks find."""
    from tieline.jobs import looking

    def find(status: str, decision: Decision | None = None, **more: Any) -> None:
        found = looking.Looked(status, decision, seen="d1g", at=datetime.now(UTC), **more)
        monkeypatch.setattr(looking, "look", lambda _customer: found)

    return find


def looked(reader: Client, pair: MadePair, record: str = "4401") -> tuple[str, str]:
    """(text, html) of a look."""
    answer = reader.get(pair.record(record, path="look/"))
    assert answer.status_code == 200
    return text_of(answer), answer.content.decode()


@pytest.mark.proves("CUST-5")
@pytest.mark.parametrize(
    ("status", "word", "offers"),
    [
        ("not_set_up", "Not set up", None),
        ("switched_off", "Switched off", None),
        ("not_marked", "Not kept the same", None),
        ("same", "Same", None),
        ("missing", "Missing there", 'value="create"'),
    ],
)
def test_a_look_says_how_it_stands(
    pair: MadePair, reader: Client, looks: Callable[..., None], status: str, word: str, offers: str | None
) -> None:
    has_decision = status not in ("not_set_up", "switched_off")
    looks(status, Decision(status, "none") if has_decision else None)  # type: ignore[arg-type]
    text, html = looked(reader, pair)
    assert word in text
    acts = [one for one in ("create", "write", "link", "delete", "finish") if f'name="act" value="{one}"' in html]
    assert acts == ([offers.split('"')[1]] if offers else [])


@pytest.mark.proves("CUST-5", "CUST-6")
def test_what_differs_is_chosen_line_by_line(pair: MadePair, reader: Client, looks: Callable[..., None]) -> None:
    pair.link("Nordlys A/S", "4401", "10042")
    looks("differs", Decision("differs", "keep", lines=LINES))
    text, html = looked(reader, pair)
    assert "Differs in 2 fields" in text
    assert html.count('type="radio"') == 4
    assert 'name="line.phone" value="left" checked' in html  # what the rules would do is chosen beforehand
    assert 'name="line.city" value="left" checked' not in html
    assert 'name="line.name"' not in html
    assert 'name="seen" value="d1g"' in html
    sent = reader.post(
        pair.record("4401", path="write/"), {"act": "write", "seen": "d1g", "line.phone": "left", "line.city": "right"}
    )
    assert sent.status_code == 302
    (run,) = pair.runs(kind="asked")
    assert run.options["told"] == {"choices": {"phone": "left", "city": "right"}}
    assert (run.options["seen"], run.options["id"], run.state) == ("d1g", "4401", "running")
    moving = reader.get(pair.record("4401", path="look/?moving=1"))
    assert "Being written …" in moving.content.decode()
    with workspace_tx(pair.workspace):
        run.state, run.finished_at = "done", datetime.now(UTC)
        run.save()
    assert reader.get(pair.record("4401", path="look/?moving=1"))["HX-Refresh"] == "true"


@pytest.mark.proves("CUST-5")
def test_several_candidates_are_told_apart(pair: MadePair, reader: Client, looks: Callable[..., None]) -> None:
    said = Evidence("name", True, Reason("customers.not.same"))
    found = tuple(Candidate(Record("account", id, {"name": f"Nordlys {id}"}), (said,), False) for id in ("7", "8"))
    looks("candidates", Decision("candidates", "none", candidates=found))
    text, html = looked(reader, pair)
    assert "Several candidates" in text
    assert [f'name="partner" value="{id}"' in html for id in ("7", "8", "new")] == [True] * 3
    reader.post(pair.record("4401", path="write/"), {"act": "link", "partner": "8"})
    (run,) = pair.runs(kind="asked")
    assert run.options["told"] == {"partner": "8"}


@pytest.mark.proves("CUST-5")
def test_who_does_not_answer_is_named_and_nothing_can_be_written(
    pair: MadePair, reader: Client, looks: Callable[..., None]
) -> None:
    pair.link("Nordlys A/S", "4401", "10042")
    looks("unreachable", unreachable={"right": {"code": "error.transient", "params": {}}})
    text, html = looked(reader, pair)
    assert "Unreachable" in text
    assert "e-conomic does not answer." in text
    assert 'name="act" value="write"' not in html


@pytest.mark.proves("CUST-5")
def test_what_is_gone_over_there_is_asked_about(pair: MadePair, reader: Client, looks: Callable[..., None]) -> None:
    pair.link("Nordlys A/S", "4401", "10042", "pending", {"code": "customers.not.gone_waits"}, pending="right")
    looks("pending_delete", Decision("pending_delete", "pending"))
    text, html = looked(reader, pair)
    assert "It is not in e-conomic any more." in text
    assert [f'name="act" value="{one}"' in html for one in ("unlink", "restore", "delete")] == [True] * 3
    reader.post(pair.record("4401", path="write/"), {"act": "unlink"})
    assert pair.runs(kind="asked")[0].options["told"] == {"deletion": "unlink"}


@pytest.mark.proves("CUST-5")
@pytest.mark.parametrize(
    ("gone", "system", "there"), [("left", "Zoho CRM", "e-conomic"), ("right", "e-conomic", "Zoho CRM")]
)
def test_what_a_look_is_the_first_to_miss_is_named_where_it_is_gone(
    pair: MadePair, reader: Client, looks: Callable[..., None], gone: str, system: str, there: str
) -> None:
    pair.link("Nordlys A/S", "4401", "10042")
    looks(
        "pending_delete", Decision("pending_delete", "pending", reason=because("customers.not.gone_waits", side=gone))
    )
    text, _html = looked(reader, pair)
    assert f"It is not in {system} any more." in text
    assert f"Deleted in {system}" in text
    assert f"Create it again in {system}" in text
    assert f"Delete it in {there} too" in text


@pytest.mark.proves("CUST-6")
def test_a_write_that_one_side_refused_is_shown_and_can_be_finished(
    pair: MadePair, reader: Client, looks: Callable[..., None]
) -> None:
    why = {"code": "sync.rejected", "params": {"vendor_code": "CustomerInvalidName", "field": "name", "detail": ""}}
    pair.link("Nordlys A/S", "4401", "10042", "failing", why)
    pair.make(
        "SyncWaiting", role="account", side="left", record="4401", state="stuck", why=why, code=why["code"],
        told={"choices": {"city": "left"}, "event": "changed"},
    )  # fmt: skip
    looks("differs", Decision("differs", "keep", lines=LINES))
    text, html = looked(reader, pair)
    assert "One of the two systems did not take it" in text
    assert 'name="act" value="finish"' in html
    reader.post(pair.record("4401", path="write/"), {"act": "finish"})
    assert pair.runs(kind="asked")[0].options["told"] == {"choices": {"city": "left"}}


@pytest.mark.proves("CUST-7")
def test_one_is_fetched_by_number_or_name_and_never_guessed(
    pair: MadePair, reader: Client, looks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.jobs import looking

    looks("missing", Decision("missing", "none"))
    there: list[str] = []
    monkeypatch.setattr(looking, "search", lambda _one, text: there if text == "Nordlys" else ["10042"])
    where = pair.record("4401", path="write/")
    for said in ("Nothing there has this number or name.", "Several fit. Type its number."):
        answer = reader.post(where, {"act": "fetch", "find": "Nordlys"}, follow=True)
        assert said in answer.content.decode()
        there += ["7", "8"]
    assert pair.runs(kind="asked") == []
    reader.post(where, {"act": "fetch", "find": "10042"})
    assert pair.runs(kind="asked")[0].options["told"] == {"partner": "10042"}


def test_a_customer_is_left_alone_and_taken_up_again(pair: MadePair, reader: Client) -> None:
    from tieline.store.services import customers

    pair.link("Nordlys A/S", "4401", "10042")
    for sent, state in (({}, "stopped"), ({"on": "1"}, "linked")):
        reader.post(pair.record("4401", path="mark/"), sent)
        link = customers.one(pair.kept, "account", "left", "4401").link
        assert link is not None
        assert link.state == state


def test_the_history_names_both_values_and_takes_one_back(pair: MadePair, admin: Client) -> None:
    link = pair.link("Nordlys A/S", "4401", "10042")
    run = pair.run("changes")
    pair.wrote(run, link, {"phone": "+4533123456"}, {"phone": "+4533000000"})
    text = text_of(admin.get(pair.record("4401")))
    assert "33 12 34 56" in text
    assert "33 00 00 00" in text
    admin.post(pair.record("4401", path="undo/"), {"run": run.pk, "line": "phone"})
    (made,) = pair.runs(kind="undo")
    assert made.options == {"of": run.pk, "link": link.key, "line": "phone"}


def test_the_list_is_narrowed_and_found_by_name_and_number(pair: MadePair, company: Company, reader: Client) -> None:
    pair.link("Nordlys A/S", "1", "101")
    pair.link("Fjordhus ApS", "2", "102", "conflict", {"code": "customers.not.conflict", "params": {"count": 2}})
    pair.link("Marie Blanc", "3", "103", role="contact")
    pair.make(
        "SyncWaiting", role="account", side="left", record="9", state="stuck", name="Ude Af Trit",
        why={"code": "customers.not.marked"}, code="customers.not.marked",
    )  # fmt: skip
    names = ("Nordlys A/S", "Fjordhus ApS", "Marie Blanc", "Ude Af Trit")
    for query, found in (
        ("", (0, 1, 2)),
        ("state=conflict", (1,)),
        ("state=linked&role=contact", (2,)),
        ("state=excluded", (3,)),
        ("q=fjord", (1,)),
        ("q=103", (2,)),
        ("q=%00&state=x'&role=y&before=z", (0, 1, 2)),
    ):
        text = text_of(reader.get(company.url(f"/records/?{query}")))
        assert tuple(place for place, name in enumerate(names) if name in text) == found, query


def test_a_long_list_is_walked_there_and_back(pair: MadePair, company: Company, reader: Client) -> None:
    for number in range(120):
        pair.link(f"Kunde {number:03}", str(number), str(1000 + number))
    first = reader.get(company.url("/records/"))
    second = reader.get(company.url("/records/") + first.context["older"])
    third = reader.get(company.url("/records/") + second.context["older"])
    assert [len(one.context["rows"]) for one in (first, second, third)] == [50, 50, 20]
    assert third.context["older"] == ""
    back = reader.get(company.url("/records/") + third.context["newer"])
    assert [row["name"] for row in back.context["rows"]] == [row["name"] for row in second.context["rows"]]


def test_the_file_holds_all_and_no_formula(pair: MadePair, company: Company, reader: Client) -> None:
    pair.link("=HYPERLINK(1)", "@1", "+2")
    for number in range(60):
        pair.link(f"Kunde {number:03}", str(number), str(1000 + number))
    answer = reader.get(company.url("/records/csv/"))
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
    assert lines[0][:3] == ["Name", "Zoho CRM", "e-conomic"]
    assert len(lines) == 62
    assert not [cell for line in lines for cell in line if cell[:1] in "=+-@" and cell]


@pytest.mark.proves("HUB-11")
def test_a_pair_says_who_agrees_and_why_the_others_do_not(pair: MadePair, reader: Client) -> None:
    for number in range(3):
        pair.link(f"Kunde {number}", str(number), str(100 + number))
    pair.link("Fjordhus", "7", "107", "conflict", {"code": "customers.not.conflict", "params": {"count": 2}})
    pair.make(
        "SyncWaiting", role="account", side="left", record="9", state="stuck", name="Ude",
        why={"code": "customers.not.marked"}, code="customers.not.marked",
    )  # fmt: skip
    answer = reader.get(pair.url())
    assert [one["count"] for one in answer.context["tiles"]] == [3, 1, 0, 0, 1]
    text = text_of(answer)
    assert "Choose per field on the customer’s page, or in the inbox." in text
    assert "Change the record or the rules, and it moves." in text
    assert 'name="kind"' not in answer.content.decode()  # a member changes nothing


def test_home_says_how_many_agree(pair: MadePair, company: Company, reader: Client) -> None:
    pair.link("Nordlys", "1", "101")
    pair.link("Fjordhus", "2", "102", "conflict", {"code": "customers.not.conflict", "params": {"count": 2}})
    answer = reader.get(company.url("/"))
    assert "1 of 2 agree · 1 differs" in text_of(answer)
    assert pair.url() in answer.content.decode()
    assert pair.url() not in reader.get(company.url("/runs/")).content.decode()
    assert "Customers’ runs" in text_of(reader.get(company.url("/runs/")))


@pytest.mark.proves("CUST-2")
def test_the_switches(pair: MadePair, company: Company, admin: Client, reader: Client) -> None:
    for path, sent, now in (
        ("switch/", {"on": "0"}, (False, True)),
        ("switch/", {"on": "1"}, (True, True)),
        ("write/", {}, (True, False)),
        ("write/", {"live": "1"}, (True, True)),
    ):
        admin.post(pair.url(path), sent)
        assert (pair.kept.row.on, pair.kept.row.live) == now
    assert reader.post(pair.url("switch/"), {"on": "0"}).status_code == 403
    admin.post(pair.url("end/"))
    assert pair.kept.row.state == "ended"
    assert "No two systems are joined yet" in text_of(admin.get(company.url("/customers/")))


def question_kinds() -> list[tuple[str, dict[str, Any], list[Any], dict[str, Any]]]:
    candidate = {"id": "8", "fields": {"name": "Nordlys 8"}, "evidence": []}
    line = {"line": "phone", "left": "+4533123456", "right": "+4533000000"}
    return [
        ("match", {"code": "customers.not.ambiguous", "params": {"count": 1}}, [candidate], {"partner": "8"}),
        ("match", {"code": "sync.likely", "params": {"count": 1, "percent": 90}}, [candidate], {"partner": ""}),
        ("conflict", {"code": "customers.not.conflict", "params": {"count": 1}}, [line], {"choices": {"phone": "left"}}),
        ("deletion", {"code": "customers.not.gone_waits", "params": {"side": "right"}}, [], {"deletion": "restore"}),
        ("moved", {"code": "customers.not.conflict", "params": {"count": 1}}, [], {"again": True}),
        ("unknown", {"code": "customers.not.unsure", "params": {"count": 1}}, [candidate], {"create": True, "partner": ""}),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "why", "options", "choice"), question_kinds())
def test_each_question_is_answered_in_the_inbox(
    pair: MadePair, company: Company, reader: Client, kind: str, why: dict[str, Any], options: list[Any], choice: Any
) -> None:
    item = pair.question(kind, "4401", why, options, "Nordlys A/S")
    url = company.url(f"/inbox/{text_of_id('case', item.pk)}/")
    answer = reader.get(url)
    assert "Nordlys A/S" in text_of(answer)
    value = json.dumps(choice, sort_keys=True)
    assert f'value="{escape(value)}"' in answer.content.decode()
    assert reader.post(f"{url}answer/", {"choice": value}).status_code in (200, 302)
    with workspace_tx(pair.workspace):
        (row,) = rows.SyncWaiting.objects.filter(workspace_id=pair.workspace, record="4401")
        item.refresh_from_db()
    assert item.state == "answered"
    assert row.state == "due"
    shown = {"shown": {line["line"]: [line["left"], line["right"]] for line in options}} if kind == "conflict" else {}
    assert (row.told or {}) == ({} if kind == "moved" else choice | shown)


@pytest.mark.proves("CUST-12")
@pytest.mark.parametrize(("gone", "here"), [("left", "e-conomic"), ("right", "Zoho CRM")])
def test_a_deletion_is_told_of_from_where_it_is_gone(
    pair: MadePair, company: Company, reader: Client, gone: str, here: str
) -> None:
    """A linked customer's question stands under its record of the left on either side."""
    item = pair.question(
        "deletion", "4401", {"code": "customers.not.gone", "params": {"side": gone}}, [], "Nordlys A/S"
    )
    text = text_of(reader.get(company.url(f"/inbox/{text_of_id('case', item.pk)}/")))
    left = "e-conomic" if here == "Zoho CRM" else "Zoho CRM"
    assert text.count(f"It is no longer in {left}") == 2  # beside it in the list as well
    assert f"it stays in {here}, and the link ends" in text
    assert f"in {left}, with the values of {here}" in text
    assert f"in {here} too" in text
