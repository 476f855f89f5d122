"""The pages of the calls flow: rules, contradictions, saving, two people at once, who may, what a CRM cannot hold."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.web.calls_desk import Calls, add_call, five_calls, make_calls
from tests.web.conftest import Company

SignIn = Callable[[Any], Client]
TABS = ("managers", "accounts-leads", "contacts", "deals", "tasks", "logging")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def calls(company: Company) -> Calls:
    return make_calls(company)


def seen(response: Any) -> str:
    """What stands on a page, in one line of plain text."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would post of the rules form: every control as it stands."""
    text = response.content.decode()
    text = text[text.index('<form id="calls-form"') : text.index("</form>", text.index('<form id="calls-form"'))]
    out: dict[str, Any] = {}

    def put(name: str, value: str) -> None:
        out.setdefault(html.unescape(name), []).append(html.unescape(value))

    for tag in re.findall(r"<input [^>]*>", text):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" not in given or " disabled" in tag:
            continue
        if given.get("type") == "checkbox":
            if " checked" in tag:
                put(given["name"], "on")
        else:
            put(given["name"], given.get("value", ""))
    for tag, name, body in re.findall(r'<select ([^>]*name="([^"]+)"[^>]*)>(.*?)</select>', text, re.DOTALL):
        if " disabled" in tag:
            continue
        values = re.findall(r'<option value="([^"]*)"( selected)?', body)
        put(name, next((value for value, chosen in values if chosen), values[0][0]))
    return out


def edit(client: Client, company: Company, tab: str, *, act: str = "", shown: Any = None, **changes: str | None) -> Any:
    """Changes controls (__ for dots, None: a switch off) on a tab as shown and posts it as htmx does."""
    shown = shown or client.get(company.url(f"/calls/{tab}/"))
    form = form_of(shown)
    for name, value in changes.items():
        place = name.replace("__", ".")
        if value is None:
            form.pop(place, None)
        else:
            form[place] = [value]
    if act:
        form["act"] = [act]
    return client.post(company.url(f"/calls/{tab}/edit/"), form, headers=HTMX)


@pytest.mark.proves("CALL-5")
def test_every_tab_opens_and_looking_changes_nothing(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    for tab in TABS:
        shown = client.get(company.url(f"/calls/{tab}/"))
        assert shown.status_code == 200
        assert len(shown.content) < 300_000
        after = edit(client, company, tab, shown=shown)
        assert "not saved" not in seen(after), tab
        assert "Version 2 is saved." in seen(after), tab
    assert client.get(company.url("/calls/try/")).status_code == 200
    assert "Company lines" in seen(client.get(company.url("/calls/")))
    assert client.get(company.url("/calls/nothing/")).status_code == 404


@pytest.mark.proves("CALL-24")
def test_a_contradiction_is_shown_at_once_with_its_example_and_not_saved(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    before = calls.raw()
    edit(client, company, "accounts-leads", account__create="on", account__owner="lead")
    shown = edit(client, company, "accounts-leads", lead__owner="account")
    text = seen(shown)
    assert "These two owners wait for each other" in text
    assert "Example: +33 6 12 34 56 78 calls line Anna for the first time and reaches nobody." in text.replace(
        "\u00a0", " "
    )
    assert "the account asks the lead for its owner, the lead asks the account for its owner" in text
    assert 'role="alert"' in shown.content.decode()
    assert "1 contradiction. Save opens when it is solved." in text
    assert re.search(r'value="save" disabled', shown.content.decode())
    assert shown.content.decode().count('aria-invalid="true"') == 2
    refused = edit(client, company, "accounts-leads", act="save")
    assert "These two owners wait for each other" in seen(refused)
    assert calls.raw() == before
    assert calls.version() == 2


@pytest.mark.proves("CALL-24", "CALL-8")
def test_a_way_out_solves_it_and_what_is_valid_is_saved(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    shown = edit(client, company, "accounts-leads", account__create="on", account__owner="lead", lead__owner="account")
    ways = re.findall(r'value="(way:0:\d)">([^<]+)', shown.content.decode())
    assert [html.unescape(words) for _, words in ways] == [
        "Account: use the line’s manager",
        "Lead: use the line’s manager",
    ]
    solved = edit(client, company, "accounts-leads", act=ways[1][0])
    assert "2 changes, not saved" in seen(solved)
    saved = edit(client, company, "accounts-leads", act="save")
    assert saved.status_code == 204
    after = client.get(saved["HX-Redirect"])
    assert "Saved as version 3: 2 changes." in seen(after)
    raw = calls.raw()
    assert (raw["account"]["create"], raw["account"]["owner"]["kind"], raw["lead"]["owner"]["kind"]) == (
        True,
        "lead",
        "manager",
    )
    assert calls.version() == 3


def test_without_htmx_a_form_comes_back_as_a_page(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    form = form_of(client.get(company.url("/calls/tasks/"))) | {"task.due_days": ["3"], "act": ["check"]}
    answer = client.post(company.url("/calls/tasks/edit/"), form)
    assert (answer.status_code, answer.url) == (302, company.url("/calls/tasks/"))
    assert "1 change, not saved" in seen(client.get(answer.url))
    assert "1 change, not saved" in seen(client.get(company.url("/calls/contacts/")))
    client.post(company.url("/calls/tasks/edit/"), form | {"act": ["discard"]})
    assert "not saved" not in seen(client.get(company.url("/calls/tasks/")))


def test_what_is_no_value_is_said_beside_it_and_not_lost(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    shown = edit(client, company, "tasks", task__due_days="soon")
    assert "A whole number from 0 to 60." in seen(shown)
    assert 'value="soon"' in shown.content.decode()
    edit(client, company, "tasks", act="save")
    assert calls.version() == 2


def test_somebody_elses_save_is_seen_and_nothing_is_lost(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    page = client.get(company.url("/calls/tasks/"))
    calls.save(company.users["super_admin"], task__due_days=5, lead__name="{number} {date}")
    shown = edit(client, company, "tasks", act="save", shown=page, task__due_days="7", task__name="{number}")
    text = seen(shown)
    assert "Anna Super_Admin saved at" in text
    assert re.search(r"Task: days until due +7 +5", text.replace("The task", "Task"))
    assert calls.raw()["task"]["due_days"] == 5  # not saved before both were looked at
    edit(client, company, "tasks", act="theirs:task.due_days")
    saved = edit(client, company, "tasks", act="save")
    assert saved.status_code == 204
    raw = calls.raw()
    assert (raw["task"]["due_days"], raw["task"]["name"], raw["lead"]["name"]) == (5, "{number}", "{number} {date}")


def test_an_old_page_does_not_put_back_what_others_changed(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    page = client.get(company.url("/calls/tasks/"))
    calls.save(company.users["super_admin"], task__due_days=9)
    shown = edit(client, company, "tasks", shown=page, task__name="{number}")
    assert "You changed different things" in seen(shown)
    assert 'value="9"' in shown.content.decode()
    edit(client, company, "tasks", act="save")
    assert (calls.raw()["task"]["due_days"], calls.raw()["task"]["name"]) == (9, "{number}")


def test_a_member_reads_and_tries_but_changes_nothing(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["member"])
    for tab in TABS:
        shown = client.get(company.url(f"/calls/{tab}/"))
        body = shown.content.decode()
        assert "You see the rules and can try them." in seen(shown)
        assert 'name="act"' not in body
        main = body[body.index('<form id="calls-form"') :]
        controls = re.findall(r"<select [^>]*>|<input type=\"(?:text|checkbox|tel)\"[^>]*>", main)
        assert all(" disabled" in one for one in controls), tab
    assert client.post(company.url("/calls/tasks/edit/"), {"act": "save"}).status_code == 403
    assert client.post(company.url("/calls/live/"), {"live": "0"}).status_code == 403
    assert client.get(company.url("/calls/try/")).status_code == 200


@pytest.mark.proves("CALL-6", "CALL-7")
def test_lines_are_typed_offered_ignored_and_taken_off(calls: Calls, company: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, InboxItem

    with workspace_tx(calls.workspace):
        lines = [*calls.source.lines, ["+45 70 10 04 15", "Showroom"]]
        Connection.objects.filter(pk=calls.source.pk).update(lines=lines)
        InboxItem.objects.create(
            workspace_id=calls.workspace, flow="calls", kind="unknown_line", topic="+4570100499", reason={"code": "call.unknown_line"}
        )  # fmt: skip
    client = signed_in(company.users["admin"])
    text = seen(client.get(company.url("/calls/managers/"))).replace("\u00a0", " ")
    assert "Showroom" in text
    assert "seen in calls" in text
    assert "Felix Lund (inactive)" in text
    edit(client, company, "managers", act="offer:+45 70 10 04 15")
    edit(client, company, "managers", lines__3__manager="u2")
    edit(client, company, "managers", act="add", new__number="70 10 04 16", new__label="Fair")
    edit(client, company, "managers", lines__1__ignore="on", default_user="u3")
    edit(client, company, "managers", act="drop:+4570100419")
    edit(client, company, "managers", act="save")
    raw = calls.raw()
    assert [(one["number"], one["ignore"], (one["manager"] or {}).get("id")) for one in raw["lines"]] == [
        ("+45 70 10 04 11", False, "u1"), ("+45 70 10 04 12", True, "u2"), ("+45 70 10 04 15", False, "u2"), ("70 10 04 16", False, None),
    ]  # fmt: skip
    assert raw["default_user"] == {"id": "u3", "label": "Camille Roux"}


@pytest.mark.parametrize("number", ["1" * 4500, "\u00b2"])
def test_numbers_that_are_none_are_no_fault(calls: Calls, company: Company, signed_in: SignIn, number: str) -> None:
    client = signed_in(company.users["admin"])
    lines = len(calls.raw()["lines"])
    assert edit(client, company, "managers", act=f"drop:{number}").status_code == 200
    assert edit(client, company, "managers", lines__count=number, base=number).status_code == 200
    assert edit(client, company, "tasks", task__due_days=number).status_code == 200
    assert len(calls.raw()["lines"]) == lines


@pytest.mark.proves("CALL-24")
def test_a_line_twice_is_refused_in_any_format(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    shown = edit(client, company, "managers", act="add", new__number="0045 70100411", new__label="Again")
    assert "stands here twice" in seen(shown)
    drops = re.findall(r'value="(way:0:\d)"', shown.content.decode())
    assert "stands here twice" not in seen(edit(client, company, "managers", act=drops[0]))


@pytest.mark.proves("CALL-14")
def test_only_stages_of_the_pipeline_are_offered_and_missing_managers_are_said(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    edit(client, company, "deals", deal__on="on", deal__when="none")
    shown = edit(client, company, "deals", deal__mode="all")
    assert form_of(shown)["deal.place.stage"] == ["Qualification"]
    shown = edit(client, company, "deals", deal__place__layout="l2")
    stages = re.search(r'name="deal.place.stage".*?</select>', shown.content.decode())
    assert stages is not None
    assert re.findall(r'option value="(\w+)"', stages[0]) == ["Talks", "Lost"]
    shown = edit(client, company, "deals", deal__mode="manager")
    text = seen(shown)
    assert "No pipeline and stage is chosen for Anna Krogh" in text
    assert "No pipeline and stage is chosen for Mikkel Holm" in text
    edit(client, company, "deals", deal__places__u1__layout="l1")
    shown = edit(client, company, "deals", deal__places__u2__layout="l2")
    assert "No pipeline and stage" not in seen(shown)
    edit(client, company, "deals", act="save")
    raw = calls.raw()["deal"]
    assert (raw["when"], raw["per_manager"], raw["places"]["u2"]["stage"]["id"]) == ("none", True, "Talks")


@pytest.mark.proves("CALL-16")
def test_a_field_that_the_layout_requires_is_asked_for_and_blocks_saving(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    shown = edit(client, company, "accounts-leads", account__create="on", account__layout="a2")
    assert "The CRM wants one more value for the account: Industry" in seen(shown)
    assert ("crafts", "Crafts") in re.findall(r'option value="(\w+)">(\w+)', shown.content.decode())
    edit(client, company, "accounts-leads", act="save")
    assert calls.version() == 2
    shown = edit(client, company, "accounts-leads", account__values__Industry="crafts")
    assert "The CRM wants" not in seen(shown).replace("What the CRM wants besides", "")
    edit(client, company, "accounts-leads", act="save")
    assert calls.raw()["account"]["values"] == {"Industry": "crafts"}


@pytest.mark.proves("CALL-16", "CALL-24")
def test_a_value_that_the_field_cannot_hold_blocks_saving(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    edit(client, company, "accounts-leads", account__create="on", account__layout="a3")
    for wrong in ("about ten", "nan", "1e999"):
        shown = edit(client, company, "accounts-leads", account__values__Employees=wrong)
        assert f"Number of employees of the account cannot be “{wrong}”: it holds a number" in seen(shown)
        edit(client, company, "accounts-leads", act="save")
        assert calls.version() == 2
    edit(client, company, "accounts-leads", account__values__Employees="10")
    edit(client, company, "accounts-leads", act="save")
    assert calls.raw()["account"]["values"] == {"Employees": 10}


@pytest.mark.proves("CALL-3")
def test_a_rule_that_needs_more_rights_waits_for_consent(company: Company, signed_in: SignIn) -> None:
    calls = make_calls(company, without=("ZohoCRM.modules.Deals.CREATE",))
    client = signed_in(company.users["admin"])
    shown = seen(client.get(company.url("/calls/accounts-leads/")))
    assert "Scope ZohoCRM.modules.Leads.CREATE: granted" in shown
    assert "Scope ZohoCRM.modules.Accounts.CREATE: granted, no rule needs it now" in shown
    shown = seen(edit(client, company, "deals", deal__on="on"))
    assert "Needs consent" in shown
    assert "ZohoCRM.modules.Deals.CREATE" in shown
    edit(client, company, "deals", act="save")
    assert calls.version() == 2
    text = seen(client.get(company.url("/calls/deals/")))
    assert "Version 3 waits for consent at Zoho CRM." in text
    assert "Until then version 2 decides." in text
    assert "Give consent at Zoho CRM" in text
    assert "Give consent" in seen(client.get(company.url("/calls/deals/")))
    assert "not saved" not in text


@pytest.mark.proves("CALL-15")
def test_what_the_crm_cannot_hold_is_off_with_its_reason_and_refused(company: Company, signed_in: SignIn) -> None:
    make_calls(company, connector="tryton")
    client = signed_in(company.users["admin"])
    shown = client.get(company.url("/calls/tasks/"))
    assert "Tryton has no place for this" in seen(shown)
    assert re.search(r'name="task.create"[^>]* disabled', shown.content.decode())
    form = form_of(shown) | {"_switch": ["task.create"], "task.create": ["on"]}
    forced = client.post(company.url("/calls/tasks/edit/"), form, headers=HTMX)
    assert "This CRM has no place for it: Tasks" in seen(forced)
    assert "Tryton keeps no owner here." in seen(client.get(company.url("/calls/accounts-leads/")))


@pytest.mark.proves("CALL-25")
def test_the_last_calls_are_tried_before_saving(calls: Calls, company: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Operation, Run

    five_calls(calls)
    client = signed_in(company.users["admin"])
    text = seen(client.get(company.url("/calls/accounts-leads/"))).replace("\u00a0", " ")
    assert "Nothing would differ from what happened." in text
    assert "because line Private is marked “ignore in CRM”" in text
    story = re.search(r'href="([^"]*/calls-of/[^"]+)"', client.get(company.url("/calls/tasks/")).content.decode())
    assert story is not None
    assert client.get(story[1], follow=True).status_code == 200
    with workspace_tx(calls.workspace):
        rows = (Operation.objects.count(), Run.objects.count())
    shown = edit(client, company, "accounts-leads", account__create="on", lead__owner="user:u2")
    text = seen(shown).replace("\u00a0", " ")
    assert "3 of 5 would differ from what happened." in text
    assert "<ins>new, owner Anna Krogh</ins>" in shown.content.decode()
    assert '<span class="was">Anna Krogh</span> <ins>Mikkel Holm</ins>' in shown.content.decode()
    edit(client, company, "accounts-leads", account__owner="lead")
    text = seen(edit(client, company, "accounts-leads", lead__owner="account"))
    assert "2 of 5 cannot be decided" in text
    assert "No owner" in text
    with workspace_tx(calls.workspace):
        assert rows == (Operation.objects.count(), Run.objects.count())
    assert calls.version() == 2


@pytest.mark.proves("CALL-25")
def test_a_look_up_that_was_not_made_then_is_said(calls: Calls, company: Company, signed_in: SignIn) -> None:
    crm = {"contact": [{"id": "5", "name": "Marie Duval", "phone": "+33186765432", "account": "9"}]}
    calls.save(company.users["super_admin"], lead__create=False, task__create=False)
    add_call(calls, "+33186765432", missed=False, crm=crm)
    client = signed_in(company.users["admin"])
    text = seen(edit(client, company, "deals", deal__on="on", deal__when="none"))
    assert "Not looked up at the time, taken as none: deal of the account." in text


@pytest.mark.proves("CALL-25")
def test_a_typed_number_is_decided_with_stored_answers_or_as_unknown(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    five_calls(calls)
    client = signed_in(company.users["member"])
    stranger = seen(
        client.get(
            company.url("/calls/try/"), {"number": "+45 22 33 44 55", "ended": "missed", "line": "+45 70 10 04 12"}
        )
    )
    assert "Nothing is stored for this number: decided as an unknown caller." in stranger
    assert "new, owner Mikkel Holm" in stranger
    known = seen(client.get(company.url("/calls/try/"), {"number": "12 80 44 10", "ended": "answered"}))
    assert "Nothing is stored" not in known
    assert "the account Vestkyst Tømrer A/S matches" in known
    withheld = seen(client.get(company.url("/calls/try/"), {"number": "anonymous"}))
    assert "This is no number of a person" in withheld
    assert "Type a number, as you would dial it." in seen(client.get(company.url("/calls/try/"), {"number": " "}))


def test_the_switch_asks_and_says_what_it_means(calls: Calls, company: Company, signed_in: SignIn) -> None:
    from tieline.store.services import flow_settings

    client = signed_in(company.users["admin"])
    led = client.get(company.url("/calls/live/"), headers=HTMX)
    assert led["HX-Redirect"] == company.url("/calls/live/")
    assert "Stop writing to Zoho CRM?" in seen(client.get(company.url("/calls/live/")))
    assert flow_settings.current(calls.workspace, "calls").live
    after = client.post(company.url("/calls/live/"), {"live": "0"}, follow=True)
    assert "Watching: Tieline decides every call and writes nothing." in seen(after)
    assert not flow_settings.current(calls.workspace, "calls").live
    client.post(company.url("/calls/live/"), {"live": "1"})
    assert flow_settings.current(calls.workspace, "calls").live


def test_before_anything_is_connected_the_page_says_the_next_step(company: Company, signed_in: SignIn) -> None:
    for role in ("admin", "member"):
        shown = signed_in(company.users[role]).get(company.url("/calls/managers/"))
        assert shown.status_code == 200
        assert "No rules yet" in seen(shown)
    assert signed_in(company.users["admin"]).get(company.url("/calls/try/")).status_code == 200


def test_samples_stand_in_until_a_call_has_come(calls: Calls, company: Company, signed_in: SignIn) -> None:
    text = seen(signed_in(company.users["admin"]).get(company.url("/calls/managers/")))
    assert "These are invented" in text
    assert "Would write" in text


def test_a_page_asks_the_same_number_of_questions_however_much_there_is(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(company.users["admin"])
    add_call(calls, "+4511111111", minutes=200)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(company.url("/calls/managers/"))
        return len(asked)

    count()
    few = count()
    five_calls(calls)
    calls.save(
        company.users["super_admin"],
        lines=[{"number": f"+45 70 10 05 {n}", "label": f"L{n}", "manager": None, "ignore": False, "country": None} for n in range(10, 60)],
    )  # fmt: skip
    assert count() == few


def test_every_code_of_the_flow_has_a_sentence() -> None:
    from tieline.core.reasons import DECLARED
    from tieline.flows.calls import fold, reasons
    from tieline.web import reasons as sentences
    from tieline.web.calls import words

    assert fold
    assert reasons
    assert words
    ours = {code for code in DECLARED if code.startswith("call.") and not code.startswith("call.story.")}
    assert len(ours) > 60
    assert ours - sentences.codes() == set()
    for code in ours:
        named = set(re.findall(r"%\((\w+)\)s", str(words.SENTENCES[code])))
        assert named <= DECLARED[code], code


@pytest.mark.proves("CALL-25")
def test_calls_are_chosen_and_each_rule_is_told(calls: Calls, company: Company, signed_in: SignIn) -> None:
    five_calls(calls)
    client = signed_in(company.users["member"])
    unreached = client.get(company.url("/calls/try/"), {"of": "unreached"})
    text = unreached.content.decode()
    assert text.count('<ul class="try">') == 1
    assert seen(unreached).count("Every rule, and why") == 2
    assert "+39 011 555 0142" in seen(unreached).replace("\xa0", " ")
    assert "No call in the last 30 days" not in seen(client.get(company.url("/calls/try/"), {"of": "outbound"}))
    address = re.search(r'href="([^"]*\?call=[^"#]*)', text)
    assert address is not None
    one = seen(client.get(html.unescape(address[1])))
    assert "This call, rule by rule" in one
    assert "create a task yes because the incoming call reached nobody: missed" in one
    assert "create an account no because the rule is off" in one


@pytest.mark.proves("CALL-25")
@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ('[{"type": "ended", "external_number": "+4599887766", "outcome": "missed", "final": true}]', "create a task yes"),
        ('{"type": "ended", "direction": "outbound", "external_number": "+4599887766", "talk_s": 20, "final": true}', "create a task no because somebody answered"),
        (('{"facts": [{"type": "ended", "external_number": "12 80 44 10", "outcome": "answered"}],'
         ' "crm": {"contact": [{"id": "5", "name": "Bo Lind", "phone": "+45 12 80 44 10"}]}}'), "contact Bo Lind matches"),
        ('{"facts": []}', "This is no call."),
        ("hello", "This is no call."),
        ('{"type": "nonsense", "other": 1}', "This is no call."),
        ('[{"type": "ended", "external_number": 12}]', "This is no call."),
        ("[" * 9000, "This is no call."),
    ],
)  # fmt: skip
def test_a_call_is_pasted(calls: Calls, company: Company, signed_in: SignIn, pasted: str, told: str) -> None:
    client = signed_in(company.users["member"])
    answer = client.post(company.url("/calls/try/"), {"sample": pasted})
    assert answer.status_code == 200
    assert told in seen(answer)


@pytest.mark.proves("CALL-18")
def test_one_task_per_caller_is_chosen_on_its_tab(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    assert "Each such call gets" in seen(client.get(company.url("/calls/tasks/")))
    shown = edit(client, company, "tasks", task__per="caller")
    assert "It is closed ( Completed ) as soon as" in seen(shown) or "It is closed (Completed) as soon as" in seen(
        shown
    )
    assert "Tasks that somebody wrote by hand are neither used nor closed." in seen(shown)
    edit(client, company, "tasks", act="save")
    assert calls.raw()["task"]["per"] == "caller"
    without = edit(client, company, "accounts-leads", lead__create=None)
    assert without.status_code == 200
    assert "strangers get one for each call" in seen(client.get(company.url("/calls/tasks/")))


@pytest.mark.proves("CALL-25")
def test_watch_mode_says_what_it_would_have_written_today(company: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run

    calls = make_calls(company, live=False)
    client = signed_in(company.users["admin"])
    assert "Watching: no call came today" in seen(client.get(company.url("/calls/")))
    now = datetime.now(UTC).replace(microsecond=0)
    five_calls(calls)
    with workspace_tx(calls.workspace):
        Run.objects.filter(workspace_id=calls.workspace).update(state="watched", started_at=now)
    page = client.get(company.url("/calls/"))
    assert "Today 5 calls were watched. Nothing was written." in seen(page)
    assert "log the call 4 · create a lead 2 · create a task 2" in seen(page)
    links = re.findall(r'href="([^"]*outcome=watched[^"]*)"', page.content.decode())
    listed = [seen(client.get(html.unescape(link))) for link in links]
    assert [text.count("+39 011 555 0142") > 0 for text in listed] == [True, True, True]
    asked = seen(client.get(company.url("/calls/live/")))
    assert "5 calls were watched today. Each would have written: log the call 4" in asked
    flow_is_live = client.post(company.url("/calls/live/"), {"live": "1"}, follow=True)
    assert "were watched" not in seen(flow_is_live)


@pytest.mark.proves("CALL-20")
def test_how_long_things_are_kept_is_set_on_the_logging_tab_and_holds(
    calls: Calls, company: Company, signed_in: SignIn, web: Any
) -> None:
    from tieline.jobs import chores
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run
    from tieline.store.pool import Rows

    client = signed_in(company.users["admin"])
    call = add_call(calls, "+4512345678")
    with workspace_tx(calls.workspace):
        Run.objects.filter(workspace_id=calls.workspace).update(started_at=datetime.now(UTC) - timedelta(days=40))
    assert "Keep here what arrived and what was looked up" in seen(client.get(company.url("/calls/logging/")))

    def kept() -> bool:
        rows = Rows(web.app)
        try:
            chores.clean_up(rows)
        finally:
            rows.close()
        with workspace_tx(calls.workspace):
            return bool(Run.objects.get(subject_id=call).known)

    assert kept()  # 90 days
    edit(client, company, "logging", call__retention_days="30")
    assert kept()  # not saved yet
    edit(client, company, "logging", act="save")
    assert calls.raw()["call"]["retention_days"] == 30
    assert not kept()
    assert "No call" not in seen(client.get(company.url("/calls/try/")))
