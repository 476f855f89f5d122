"""Runs: the list with its filters, the story of each, new ones as they come, trying again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import ANNA, MadeDay, because, fill, shown, workspace_tx

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]


def text_of(page: Any) -> str:
    """What a reader reads of an answer."""
    main = re.search(r"<main.*?</main>", page.content.decode(), re.DOTALL)
    plain = re.sub(r"<[^>]*>", " ", main[0] if main else page.content.decode())
    return " ".join(unescape(plain).replace("\u00a0", " ").split())


@pytest.fixture
def day(company: Company) -> MadeDay:
    return MadeDay(company)


@pytest.fixture
def reader(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


@pytest.mark.proves("HUB-3")
def test_a_run_is_one_line_that_says_what_came_and_what_became_of_it(
    company: Company, day: MadeDay, reader: Client
) -> None:
    day.done("+33465712008")
    text = text_of(reader.get(company.url("/runs/")))
    assert "Done Missed call from +33 4 65 71 20 08 to line 04 11 (Anna): task for Anna" in text
    assert "3.5 requests · 0.6 s" in text


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        (
            "nothing",
            {"considered": [["call.log", False, because("call.internal")]]},
            "nothing, because it is a call between",
        ),
        ("failed", {}, "nothing was written"),
        ("superseded", {}, "decided again since"),
        ("applying", {}, "Writing"),
    ],
)
def test_what_did_not_simply_go_well_says_so(
    company: Company, day: MadeDay, reader: Client, state: str, more: dict[str, Any], said: str
) -> None:
    day.run(day.call(), state, **more)
    assert said in text_of(reader.get(company.url("/runs/")))


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"direction": "outbound", "result": "no_answer"}, "Unanswered call to +33 4 65 71 20 08 from line 04 11"),
        ({"direction": "outbound", "result": "answered"}, "Call to +33 4 65 71 20 08 from line 04 11"),
        ({"result": "voicemail"}, "Voicemail from +33 4 65 71 20 08 on line 04 11"),
        ({"result": "answered"}, "Call from +33 4 65 71 20 08 to line 04 11"),
        ({"direction": "internal", "result": "answered"}, "Call between colleagues"),
        ({"number": "anonymous"}, "Missed call from a withheld number to line 04 11"),
        ({"number": ""}, "Missed call from an unknown number to line 04 11"),
        ({"line": "+33999"}, "Missed call from +33 4 65 71 20 08 to line +33 999"),
        ({"line": ""}, "Missed call from +33 4 65 71 20 08"),
    ],
)
def test_each_kind_of_call_has_its_sentence(
    company: Company, day: MadeDay, reader: Client, call: dict[str, Any], said: str
) -> None:
    number = call.pop("number", "+33465712008")
    day.run(day.call(number, **call))
    assert said in text_of(reader.get(company.url("/runs/")))


@pytest.mark.proves("HUB-3", "HUB-11")
def test_the_story_tells_what_arrived_was_looked_for_decided_and_written(
    company: Company, day: MadeDay, reader: Client
) -> None:
    run = day.run(day.call(events=2))
    task = day.wrote(run, "task")
    day.wrote(
        run, "contact", "update", values={"account": {"$ref": ["account", "9"]}}, before={"account": None},
        external_id="7", target_ref=["contact", "7"], reason=because("call.link.new_account", name="Marie Duval"),
    )  # fmt: skip
    page = reader.get(company.url(f"/runs/{shown('run', run.pk)}/"))
    text = text_of(page)
    assert "SipSim sent 2 events." in text
    assert "+33 4 65 71 20 08 in contacts, leads and accounts. Found: contact “Marie Duval”" in text
    assert "No new deal because the deal Toiture atelier 2 is still open" in text
    assert "Owner of the task: Anna Krogh because Anna Krogh manages line 04 11" in text
    assert f"Task {task.external_id}" in text
    assert "new: “Call Marie Duval back”, on contact “Marie Duval”" in text
    assert "Account: empty → account 9" in text
    assert "Owner Anna Krogh" in text
    assert "It took 3.5 requests · 0.6 s." in text
    assert f"https://crm.zoho.eu/crm/EntityInfo.do?module=Tasks&amp;id={task.external_id}" in page.content.decode()


def test_a_sandbox_has_no_record_pages_to_lead_to(company: Company, day: MadeDay, reader: Client) -> None:
    with workspace_tx(day.workspace):
        day.target.config = {"data_centre": "eu", "base_url": "http://127.0.0.1:1/zoho_crm"}
        day.target.save()
    run = day.done()
    assert "crm.zoho" not in reader.get(company.url(f"/runs/{shown('run', run.pk)}/")).content.decode()


@pytest.mark.proves("HUB-3")
def test_a_watched_run_says_that_nothing_was_written(company: Company, day: MadeDay, reader: Client) -> None:
    run = day.run(day.call(), "watched")
    day.wrote(run, "lead", state="planned", values={"name": "+33 4 65 71 20 08", "owner": ANNA})
    assert "lead for Anna. Watched only, nothing was written" in text_of(reader.get(company.url("/runs/")))
    text = text_of(reader.get(company.url(f"/runs/{shown('run', run.pk)}/")))
    assert "Watched: nothing was written" in text
    assert "Would write Lead" in text
    assert "Planned" not in text


@pytest.mark.proves("HUB-3", "HUB-11")
def test_a_refused_write_says_why_and_what_to_do(company: Company, day: MadeDay, reader: Client) -> None:
    error = because("outcome.rejected", slot="lead", vendor_code="MANDATORY_NOT_FOUND", field="Last_Name", detail="")
    subject = day.call(state="parked", why=error)
    run = day.run(subject, "failed")
    day.wrote(run, "lead", state="rejected", error=error)
    text = text_of(reader.get(company.url(f"/runs/{shown('run', run.pk)}/")))
    assert "The lead was not taken: the field “Last_Name” must have a value." in text
    assert "Change the value in the rule that makes it, then try again." in text
    assert "Try again" in text


@pytest.mark.proves("HUB-3")
def test_what_went_wrong_on_the_way_is_told(company: Company, day: MadeDay, reader: Client) -> None:
    trouble = because("lookup.failed", error={"code": "error.transient", "params": {}})
    run = day.run(day.call(), "done", known={"found": [], "trouble": trouble})
    day.wrote(run, "lead", error=because("outcome.unknown", slot="lead", detail="answered 502"))
    text = text_of(reader.get(company.url(f"/runs/{shown('run', run.pk)}/")))
    assert "It did not go well at once: Tieline could not look into the CRM." in text
    assert "It did not go well at once: No answer says whether the lead was written. (answered 502)" in text


@pytest.mark.proves("HUB-3")
def test_trying_again_makes_the_call_due_and_wakes_a_worker(
    company: Company, day: MadeDay, reader: Client, web: Any
) -> None:
    import psycopg

    subject = day.call(state="parked", why=because("lookup.failed", error={"code": "error.timeout"}))
    with psycopg.connect(web.app, autocommit=True) as listener:
        listener.execute("LISTEN tieline")
        answer = reader.post(company.url(f"/calls-of/{shown('call', subject.pk)}/retry/"))
        woken = [notice.payload for notice in listener.notifies(timeout=5, stop_after=1)]
    assert answer.status_code == 302
    assert woken == [str(day.target.pk)]
    with workspace_tx(day.workspace):
        subject.refresh_from_db()
    assert (subject.state, subject.revision, subject.why) == ("due", 2, None)
    again = reader.post(company.url(f"/calls-of/{shown('call', subject.pk)}/retry/"), follow=True)
    assert "somebody was faster" in again.content.decode()


def test_trying_again_never_leads_to_another_site(company: Company, day: MadeDay, reader: Client) -> None:
    subject = day.call(state="parked", why=because("lookup.endless"))
    answer = reader.post(company.url(f"/calls-of/{shown('call', subject.pk)}/retry/"), {"next": "//evil.example"})
    assert answer["Location"].startswith(company.url("/"))


@pytest.mark.proves("HUB-3")
def test_calls_that_go_on_or_stopped_stand_on_top(company: Company, day: MadeDay, reader: Client) -> None:
    day.call(result=None, state="waiting", why=because("call.wait.in_progress"))
    stopped = day.call("+33186760001", state="parked", why=because("lookup.failed", error={"code": "error.auth"}))
    text = text_of(reader.get(company.url("/runs/")))
    assert "Waiting Call in progress from +33 4 65 71 20 08 to line 04 11 (Anna)" in text
    assert "Stopped Missed call from +33 1 86 76 00 01" in text
    page = text_of(reader.get(company.url(f"/calls-of/{shown('call', stopped.pk)}/")))
    assert "The other system refuses Tieline’s access." in page
    assert "Reconnect it; what waits runs by itself." in page


def test_a_call_with_a_run_leads_to_its_newest_run(company: Company, day: MadeDay, reader: Client) -> None:
    subject = day.call()
    day.run(subject, "superseded")
    newest = day.run(subject)
    answer = reader.get(company.url(f"/calls-of/{shown('call', subject.pk)}/"))
    assert answer["Location"] == company.url(f"/runs/{shown('run', newest.pk)}/")


@pytest.mark.proves("HUB-3")
def test_an_older_run_leads_to_the_newest(company: Company, day: MadeDay, reader: Client) -> None:
    subject = day.call()
    old, new = day.run(subject, "superseded"), day.run(subject)
    page = reader.get(company.url(f"/runs/{shown('run', old.pk)}/")).content.decode()
    assert company.url(f"/runs/{shown('run', new.pk)}/") in page


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("outcome=failed", ["+33186760002"]),
        ("number=%2B33186760001", ["+33186760001"]),
        ("number=01+86+76+00+01", ["+33186760001"]),
        ("number=760003", ["+33186760003"]),
        ("made=lead", ["+33186760003"]),
        ("record=9001", ["+33186760003"]),
        ("flow=calls", ["+33186760001", "+33186760002", "+33186760003", "+33186760004"]),
        ("day=2025-03-03", ["+33186760004"]),
        ("day=2025-03-03&hour=14", ["+33186760004"]),
        ("day=2025-03-03&hour=15", []),
        (
            "day=nonsense&outcome=nonsense&connection=x",
            ["+33186760001", "+33186760002", "+33186760003", "+33186760004"],
        ),
        (f"connection={'1' * 4500}", ["+33186760001", "+33186760002", "+33186760003", "+33186760004"]),
        ("day=2025-03-03&hour=%C2%B2", ["+33186760004"]),
    ],
)
def test_filters(company: Company, day: MadeDay, reader: Client, query: str, expected: list[str]) -> None:
    day.done("+33186760001")
    day.run(day.call("+33186760002"), "failed")
    lead = day.run(day.call("+33186760003"))
    day.wrote(lead, "lead", external_id="9001")
    old = day.run(day.call("+33186760004", at=datetime(2025, 3, 3, 13, 30, tzinfo=UTC)))
    assert old.pk
    page = reader.get(company.url(f"/runs/?{query}"))
    from tieline.web.parts.words import phone

    found = [
        number
        for number in (f"+3318676000{one}" for one in range(1, 5))
        if phone(number).replace("\u00a0", " ") in text_of(page)
    ]
    assert found == expected


def test_filters_by_connection_count_both_ends(company: Company, day: MadeDay, reader: Client) -> None:
    from tieline.store.models import Connection

    day.done("+33186760001")
    with workspace_tx(day.workspace):
        other = Connection.objects.create(workspace_id=day.workspace, connector="sipsim", title="Second")
    for connection, there in ((day.source.pk, True), (day.target.pk, True), (other.pk, False)):
        text = text_of(reader.get(company.url(f"/runs/?connection={connection}")))
        assert ("+33 1 86 76 00 01" in text) is there


def test_older_pages_follow_without_gap_or_double(company: Company, day: MadeDay, reader: Client) -> None:
    start = datetime.now(UTC) - timedelta(hours=2)
    made = [shown("run", day.run(day.call(at=start + timedelta(seconds=one // 3))).pk) for one in range(120)]
    seen: list[str] = []
    address = "/runs/"
    for _ in range(4):
        page = reader.get(company.url(address)).content.decode()
        seen += re.findall(r'<li id="(run_\w+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        address = f"/runs/{unescape(older[1])}"
    assert sorted(seen) == sorted(made)
    assert len(seen) == 120


def test_a_page_of_runs_asks_the_same_few_queries_whatever_it_shows(
    company: Company, day: MadeDay, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db.backends.utils import CursorWrapper

    asked: list[str] = []
    execute = CursorWrapper._execute

    def counted(self: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)  # of every thread: pages are answered in one of their own
        return execute(self, sql, *rest)

    monkeypatch.setattr(CursorWrapper, "_execute", counted)

    def queries() -> int:
        asked.clear()
        assert reader.get(company.url("/runs/")).status_code == 200
        return len(asked)

    day.done()
    reader.get(company.url("/runs/"))
    few = queries()
    for one in range(30):
        day.done(f"+331867600{one:02}")
    assert queries() == few
    assert 10 < few < 40


def test_the_list_is_read_by_index(company: Company, day: MadeDay, web: Any) -> None:
    """EXPLAIN says how; with sequential scans forbidden, an index that does not serve the order would need a sort."""
    import psycopg
    from django.db import connection

    from tieline.web.runs import rows
    from tieline.web.runs.filters import Filters

    def plan(filters: Filters, order: tuple[str, ...] = ("-started_at", "-pk")) -> str:
        with workspace_tx(day.workspace), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            return rows.matching(day.workspace, filters).order_by(*order)[:51].explain()

    fill(day, 3000)
    with psycopg.connect(web.owner, autocommit=True) as owner:
        owner.execute("ANALYZE store_subject, store_run, store_operation")
    newest = plan(Filters())
    assert "store_run_day" in newest
    assert "Sort" not in newest
    assert "store_run_rare" in plan(Filters(outcome="failed"))
    assert "store_subject_lane" in plan(Filters(number="+33186760001"))
    assert "store_operation_record" in plan(Filters(record="9001"))


@pytest.mark.proves("HUB-1")
def test_nobody_sees_a_run_of_another_company(
    company: Company, make_company: Callable[[], Company], day: MadeDay, signed_in: SignIn
) -> None:
    run = day.done()
    stranger = make_company()
    browser = signed_in(stranger.users["super_admin"])
    for path in (
        f"/runs/{shown('run', run.pk)}/",
        f"/runs/{shown('run', run.pk)}/story/",
        f"/calls-of/{shown('call', run.subject_id)}/",
    ):
        assert browser.get(stranger.url(path)).status_code == 404
    assert browser.post(stranger.url(f"/calls-of/{shown('call', run.subject_id)}/retry/")).status_code in (302, 404)
    assert text_of(browser.get(stranger.url("/runs/"))).count("Missed call") == 0
    assert browser.get(stranger.url("/runs/run_aaaaaaaaaaaaa/")).status_code == 404


# -- live ---------------------------------------------------------------------------------------------------------------


def poll(page: Any) -> str:
    found = re.search(r'id="runs-poll" hx-get="([^"]+)"', page.content.decode())
    assert found is not None
    return unescape(found[1])


@pytest.mark.proves("HUB-3")
def test_what_is_new_is_sent_once_and_nothing_when_there_is_nothing(
    company: Company, day: MadeDay, reader: Client
) -> None:
    day.done("+33186760001")
    address = poll(reader.get(company.url("/runs/")))
    assert reader.get(address).status_code == 204
    run = day.done("+33186760002")
    came = reader.get(address)
    body = came.content.decode()
    assert shown("run", run.pk) in body
    assert "76 00 01" not in body.replace("\u00a0", " ")
    assert "1 new run" in body
    assert reader.get(poll(came)).status_code == 204


@pytest.mark.proves("HUB-3")
def test_a_line_moves_on_when_its_run_does(company: Company, day: MadeDay, reader: Client) -> None:
    run = day.run(day.call(), "applying")
    waiting = day.call("+33186760009", result=None, state="waiting", why=because("call.wait.in_progress"))
    address = poll(reader.get(company.url("/runs/")))
    assert reader.get(address).status_code == 204
    with workspace_tx(day.workspace):
        run.state, run.finished_at = "done", datetime.now(UTC)
        run.save()
        waiting.state = "done"
        waiting.save()
    moved = reader.get(address)
    body = moved.content.decode()
    assert f'<li id="{shown("run", run.pk)}" hx-swap-oob="true">' in body
    assert f'id="{shown("call", waiting.pk)}" hx-swap-oob="delete"' in body
    assert reader.get(poll(moved)).status_code == 204


def test_filters_hold_for_what_is_new(company: Company, day: MadeDay, reader: Client) -> None:
    address = poll(reader.get(company.url("/runs/?outcome=failed")))
    day.done()
    assert reader.get(address).status_code == 204
    failed = day.run(day.call("+33186760002"), "failed")
    assert shown("run", failed.pk) in reader.get(address).content.decode()
