"""Runs of a pair on their pages: a transfer, a dry run to approve, pause and stop, the report and its files; the framed panel."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import workspace_tx
from tests.web.made_pair import MadePair, text_of_id
from tests.web.test_runs import text_of
from tieline.core.pairing import Decision
from tieline.engine.sync.ports import PACE

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]
ORIGIN = "https://crm.zoho.eu"


@pytest.fixture
def pair(company: Company, monkeypatch: pytest.MonkeyPatch) -> MadePair:
    return MadePair(company, monkeypatch)


@pytest.fixture
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


def url_of(pair: MadePair, run: Any, path: str = "") -> str:
    return pair.url(f"runs/{text_of_id('syncrun', run.pk)}/{path}")


@pytest.mark.proves("CUST-8")
def test_a_transfer_is_asked_for_with_its_side_and_mark_and_only_once(pair: MadePair, admin: Client) -> None:
    assert 'name="from" value="right" checked' in admin.get(pair.url("transfer/")).content.decode()
    answer = admin.post(pair.url("transfer/"), {"from": "right", "act": "go"})
    (run,) = pair.runs(kind="transfer")
    assert answer["Location"].endswith(url_of(pair, run))
    assert run.options == {"from": "right", "mark": False}
    again = admin.post(pair.url("transfer/"), {"from": "left", "mark": "on", "act": "go"}, follow=True)
    assert "Such a run is under way already." in again.content.decode()
    page = admin.get(pair.url("transfer/")).content.decode()
    assert url_of(pair, run) in page  # the way to the one that is under way stands in place of a second beginning
    assert 'value="go"' not in page
    assert len(pair.runs(kind="transfer")) == 1
    admin.post(pair.url("transfer/"), {"from": "left", "mark": "on", "act": "preview"})
    (dry,) = pair.runs(kind="preview")
    assert dry.options == {"from": "left", "mark": True, "of": "transfer"}


@pytest.mark.proves("CUST-4")
def test_the_form_that_compares_everything_may_ask_about_likely_pairs(pair: MadePair, admin: Client) -> None:
    page = admin.get(pair.url()).content.decode()
    action = re.search(r'<form[^>]* action="([^"]+)"[^>]*>(?:(?!</form>).)*<input type="checkbox" name="match">', page)
    assert action is not None
    admin.post(action[1], {"kind": "reconcile", "match": "on"})
    (run,) = pair.runs(kind="reconcile")
    assert run.options == {"match": True}
    why = {"code": "sync.too_many", "params": {"role": "account", "most": 50_000}}
    run = pair.run("reconcile", counts={"read": 3, "asked": 2})
    page = text_of(admin.get(url_of(pair, run)))
    assert "Not everything was done" not in page
    assert "asked" in page.lower()
    with workspace_tx(pair.workspace):
        run.why = why
        run.save()
    page = text_of(admin.get(url_of(pair, run)))
    assert "Not everything was done" in page
    assert "more than 50,000 records of one system are linked with nothing" in page


def test_a_pair_that_only_watches_begins_no_transfer(pair: MadePair, admin: Client) -> None:
    assert "Begin the transfer" in admin.get(pair.url("transfer/")).content.decode()
    admin.post(pair.url("write/"), {"live": "0"})
    shown = admin.get(pair.url("transfer/")).content.decode()
    assert "Begin the transfer" not in shown  # and it says why
    assert "This pair only watches: nothing is written." in shown
    answer = admin.post(pair.url("transfer/"), {"from": "right", "act": "go"}, follow=True)
    assert "This pair only watches: nothing is written." in answer.content.decode()
    assert pair.runs(kind="transfer") == []


@pytest.mark.proves("CUST-8")
def test_a_transfer_under_way_pauses_while_its_pair_only_watches(pair: MadePair, admin: Client) -> None:
    run = pair.run("transfer", "running", counts={"read": 250}, total=1000)
    admin.post(pair.url("write/"), {"live": "0"})
    assert pair.runs(pk=run.pk)[0].wish == "pause"
    answer = admin.post(url_of(pair, run, "wish/"), {"wish": "go"}, follow=True)
    assert "This pair only watches: nothing is written." in answer.content.decode()
    assert pair.runs(pk=run.pk)[0].wish == "pause"
    admin.post(pair.url("write/"), {"live": "1"})
    admin.post(url_of(pair, run, "wish/"), {"wish": "go"})
    assert pair.runs(pk=run.pk)[0].wish == ""


@pytest.mark.proves("CUST-8")
def test_its_progress_is_shown_and_it_is_paused_stopped_and_goes_on(pair: MadePair, admin: Client) -> None:
    run = pair.run("transfer", "running", counts={"read": 250, "created": 240, "linked": 10}, total=1000)
    text = text_of(admin.get(url_of(pair, run)))
    assert "250 / 1,000" in text
    assert "Created 240" in text
    for wish, kept in (("pause", "pause"), ("go", ""), ("stop", "stop")):
        admin.post(url_of(pair, run, "wish/"), {"wish": wish})
        assert pair.runs(pk=run.pk)[0].wish == kept
    moving = admin.get(url_of(pair, run, "live/"))
    assert "Stopping …" in text_of(moving)
    assert 'id="run-state"' in moving.content.decode()  # the badge at the top moves along
    begun = pair.run("transfer", "paused", counts={"read": 250})
    shown = admin.get(url_of(pair, begun)).content.decode()
    assert "<progress" not in shown  # how many there are is not known: no bar can say how far it is
    done = pair.run("transfer", counts={"read": 1000})
    assert admin.get(url_of(pair, done, "live/"))["HX-Refresh"] == "true"
    late = admin.post(url_of(pair, done, "wish/"), {"wish": "pause"}, follow=True)
    assert "This run is over already." in late.content.decode()


@pytest.mark.proves("CUST-8")
@pytest.mark.parametrize(
    ("read", "pace", "state", "wish", "said"),
    [
        (300, [60.0, 200], "running", "", "About 4 min left"),
        (1000, [2.0, 200], "running", "", "About 10 s left"),
        (300, [70.0, 40], "running", "", "About 26 min left"),
        (300, None, "running", "", ""),  # no page is done yet
        (300, [60.0, 200], "paused", "", ""),
        (300, [60.0, 200], "running", "pause", ""),
        (1250, [60.0, 200], "running", "", ""),  # more were made meanwhile, or what waits is looked at
    ],
)
def test_how_long_it_takes_is_said_while_it_runs(
    pair: MadePair, admin: Client, read: int, pace: list[float] | None, state: str, wish: str, said: str
) -> None:
    position = {} if pace is None else {PACE: pace}
    run = pair.run("transfer", state, counts={"read": read}, total=1200, position=position, wish=wish)
    for path in ("", "live/"):
        answer = admin.get(url_of(pair, run, path))
        shown = text_of(answer)
        assert said in shown
        assert ("left" in shown.partition("Requests")[0]) == bool(said)
        assert f"{read:,} / {max(read, 1200):,}" in shown
        (bar,) = re.findall(r"<progress[^>]*>", answer.content.decode())
        assert f'max="{max(read, 1200)}"' in bar
        assert f'value="{read}"' in bar


@pytest.mark.proves("CUST-13")
def test_a_dry_run_says_what_it_would_write_and_is_approved_once(pair: MadePair, admin: Client) -> None:
    link = pair.link("Nordlys A/S", "4401", "10042")
    run = pair.run("preview", options={"of": "changes"})
    pair.wrote(run, link, {"phone": "+4533123456"}, {"phone": "+4533000000"}, state="planned")
    text = text_of(admin.get(url_of(pair, run)))
    assert "What would be written" in text
    assert "Change: Nordlys A/S" in text
    assert "Apply exactly this" in text
    admin.post(url_of(pair, run, "approve/"))
    (made,) = pair.runs(kind="approved")
    assert made.options == {"of": run.pk}
    assert "Apply exactly this" not in text_of(admin.get(url_of(pair, run)))
    again = admin.post(url_of(pair, run, "approve/"), follow=True)
    assert "This dry run was approved before." in again.content.decode()


@pytest.mark.proves("CUST-14")
def test_a_run_is_undone_and_that_again(pair: MadePair, admin: Client) -> None:
    link = pair.link("Nordlys A/S", "4401", "10042")
    run = pair.run("changes")
    pair.wrote(run, link, {"phone": "1"}, {"phone": "2"})
    assert "Undo this run" in text_of(admin.get(url_of(pair, run)))
    admin.post(url_of(pair, run, "undo/"))
    (made,) = pair.runs(kind="undo")
    assert made.options == {"of": run.pk}
    back = pair.run("undo", options={"of": run.pk})
    pair.wrote(back, link, {"phone": "2"}, {"phone": "1"})
    admin.post(url_of(pair, back, "undo/"))
    assert pair.runs(kind="redo")[0].options == {"of": back.pk}


@pytest.mark.proves("CUST-12", "CUST-14")
def test_an_undo_says_how_many_it_deletes_and_many_only_go_once_confirmed(pair: MadePair, admin: Client) -> None:
    run = pair.run("transfer", counts={"created": 7})
    for number in range(6):
        link = pair.link(f"Kunde {number}", str(number), f"r{number}")
        pair.wrote(run, link, {"name": link.name}, {}, verb="create")
    page = text_of(admin.get(url_of(pair, run)))
    assert "What it made is deleted again: 6 records in e-conomic" in page
    assert "Yes, delete 6 records" in page
    again = admin.post(url_of(pair, run, "undo/"), follow=True)
    assert "This deletes 6 records, more than the 1 that may go without a word." in again.content.decode()
    admin.post(url_of(pair, run, "undo/"), {"deletes": "5"})
    assert pair.runs(kind="undo") == []
    admin.post(url_of(pair, run, "undo/"), {"deletes": "6"})
    (made,) = pair.runs(kind="undo")
    assert made.options == {"of": run.pk}
    few = pair.run("changes", counts={"created": 1})
    pair.wrote(few, pair.link("Alone", "90", "r90"), {"name": "Alone"}, {}, verb="create")
    page = text_of(admin.get(url_of(pair, few)))
    assert "What it made is deleted again: 1 record in e-conomic" in page
    assert "Yes, delete" not in page
    admin.post(url_of(pair, few, "undo/"))
    assert len(pair.runs(kind="undo")) == 2


def test_a_pair_that_only_watches_says_that_an_undo_writes_all_the_same(pair: MadePair, admin: Client) -> None:
    run = pair.run("changes")
    pair.wrote(run, pair.link("Nordlys A/S", "4401", "10042"), {"phone": "1"}, {"phone": "2"})
    said = "What you decide here is written to Zoho CRM and e-conomic all the same."
    assert said not in text_of(admin.get(url_of(pair, run)))
    admin.post(pair.url("write/"), {"live": "0"})
    assert said in text_of(admin.get(url_of(pair, run)))
    admin.post(url_of(pair, run, "undo/"))
    assert len(pair.runs(kind="undo")) == 1
    assert said not in text_of(admin.get(url_of(pair, pair.run("reconcile"))))


@pytest.mark.proves("CUST-15")
def test_a_report_is_a_page_a_table_and_one_file(pair: MadePair, admin: Client) -> None:
    run = pair.run("reconcile", counts={"read": 60})
    line = {"line": "phone", "state": "conflict", "left": "+4533123456", "right": "=cmd()"}
    for number in range(60):
        pair.differs(run, f"=Kunde {number:03}" if number else "<b>Kunde", str(number), str(100 + number), lines=[line])
    page = admin.get(url_of(pair, run))
    assert len(page.context["reports"]) == 50
    assert "&lt;b&gt;Kunde" in page.content.decode()
    assert len(admin.get(url_of(pair, run) + page.context["more_reports"].partition("#")[0]).context["reports"]) == 10
    sheet = b"".join(admin.get(url_of(pair, run, "report.csv")).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    lines = list(csv.reader(io.StringIO(sheet)))
    assert len(lines) == 61
    assert not [cell for one in lines for cell in one if cell[:1] in "=+-@" and cell]
    html = b"".join(admin.get(url_of(pair, run, "report.html")).streaming_content).decode()  # type: ignore[attr-defined]
    assert html.count("<tr") >= 61
    assert "<b>Kunde" not in html
    assert "<script" not in html
    assert "<link" not in html


@pytest.mark.proves("CUST-15")
def test_where_nothing_differs_it_says_so(pair: MadePair, admin: Client) -> None:
    assert "Everything agrees" in text_of(admin.get(url_of(pair, pair.run("reconcile", counts={"read": 3}))))


def test_only_the_origins_that_were_named_may_frame_the_panel(
    pair: MadePair, admin: Client, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.jobs import looking

    pair.link("Nordlys A/S", "4401", "10042")
    found = looking.Looked("same", Decision("same", "keep"), at=datetime.now(UTC))
    monkeypatch.setattr(looking, "look", lambda _one: found)
    for wrong in (
        "http://crm.zoho.eu",
        "https://crm.zoho.eu/path",
        "*",
        "https://*",
        "https://a b",
        "javascript:alert(1)",
    ):
        refused = admin.post(pair.url("panel/"), {"origins": wrong})
        assert (refused.status_code, "id=" in text_of(refused)) == (400, False), wrong
    admin.post(pair.url("panel/"), {"origins": ORIGIN})
    address = admin.get(pair.url("panel/")).context["address"].removeprefix("http://testserver")
    page = client.get(f"{address}4401")  # of nobody: no session
    assert page.status_code == 200
    assert f"frame-ancestors {ORIGIN}" in page["Content-Security-Policy"]
    assert "X-Frame-Options" not in page
    assert "sessionid" not in page.cookies
    assert "tieline_session" not in page.cookies
    part = client.get(f"{address}4401", headers={"HX-Request": "true"})
    assert "Nordlys A/S" in page.content.decode()
    assert "Same" in part.content.decode()
    for answer in (page, part):
        assert 'method="post"' not in answer.content.decode()
    assert client.post(f"{address}4401").status_code == 405
    other = admin.get(pair.url())
    assert "frame-ancestors 'none'" in other["Content-Security-Policy"]
    assert ORIGIN not in other["Content-Security-Policy"]


def test_an_address_of_the_panel_ends_with_a_new_one_and_with_the_panel(
    pair: MadePair, admin: Client, client: Client
) -> None:
    def address() -> str:
        found = admin.get(pair.url("panel/")).context["address"]
        return str(found).removeprefix("http://testserver")

    admin.post(pair.url("panel/"), {"origins": ORIGIN})
    first = address()
    assert client.get(f"{first}4401").status_code == 200
    assert client.get(first).status_code == 404
    assert client.get(f"{first[:-6]}x/?id=4401").status_code == 404
    admin.post(pair.url("panel/"), {"act": "renew"})
    second = address()
    assert second != first
    assert [client.get(f"{one}4401").status_code for one in (first, second)] == [404, 200]
    admin.post(pair.url("panel/"), {"origins": ""})
    assert address() == ""
    assert client.get(f"{second}4401").status_code == 404


@pytest.mark.proves("CUST-4")
def test_deliveries_are_pasted_or_made_and_their_state_is_shown(
    pair: MadePair, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.web.made import rows
    from tieline.store.services import asking

    assert "can tell of changes and deletions by itself" in text_of(admin.get(pair.url("feeds/")))
    admin.post(pair.url("feeds/change/"), {"side": "right", "act": "pasted"})
    page = admin.get(pair.url("feeds/"))
    assert "Waiting for the first" in text_of(page)
    assert 'id="feed-right" readonly value="http' in page.content.decode()
    with workspace_tx(pair.workspace):
        kept = rows.Subscription.objects.get(connection_id=pair.right.pk)
        kept.proven_at = datetime.now(UTC)
        kept.save()
    assert "Tells us at once" in text_of(admin.get(pair.url("feeds/")))
    admin.post(pair.url("feeds/change/"), {"side": "right", "act": "end"})
    assert "Waiting for the first" not in text_of(admin.get(pair.url("feeds/")))
    made: list[Any] = []
    monkeypatch.setattr(asking, "ask", lambda _opening, deed, **_more: made.append(deed))
    admin.post(pair.url("feeds/change/"), {"side": "right", "act": "api"})
    assert len(made) == 1
    assert "there, by Tieline" in text_of(admin.get(pair.url("feeds/")))
    assert admin.post(pair.url("feeds/change/"), {"side": "middle", "act": "api"}).status_code == 404


def test_a_connections_page_names_its_pair_and_what_a_disconnect_ends(
    pair: MadePair, admin: Client, company: Company
) -> None:
    from tieline.web.connections.shown import shown_id

    url = company.url(f"/connections/{shown_id(pair.right)}/")
    page = admin.get(url).content.decode()
    used = page[page.index('id="used"') : page.index("</section>", page.index('id="used"'))]
    assert f'href="{pair.url()}"' in used
    assert "No flow uses it yet." not in used
    ends = "The address for its events stops working at once."
    assert ends not in text_of(admin.get(f"{url}disconnect/"))
    admin.post(pair.url("feeds/change/"), {"side": "right", "act": "pasted"})
    text = text_of(admin.get(f"{url}disconnect/"))
    assert ends in text
    assert "Zoho CRM – e-conomic is taken apart" in text
