"""Three workspaces see nothing of each other, over every route.

Two of them have a row in every table there is, each text in it a mark of theirs. The third one's people walk the table of
addresses: every address with every kind of id of the other two's rows, read and posted, with such ids in queries and forms
too. No answer may hold a mark, none may succeed on another's row, and no row of theirs may be another afterwards.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import psycopg
import pytest
from django.test import Client
from psycopg import sql

from tests.store.test_policies import tables
from tests.web.conftest import Company
from tests.web.made import MadeDay
from tests.web.test_permissions import patterns

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.timeout(1200)  # every address with every id: minutes on a busy machine

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tieline"

KINDS = {
    "run": "store_run", "event": "store_event", "conn": "store_connection", "case": "store_inboxitem",
    "call": "store_subject", "member": "team_member", "invite": "team_onetimelink", "audit": "store_audit",
    "user": "team_member", "replay": "store_replay", "undo": "store_undo",
    "imp": "store_import", "token": "team_apitoken",
    "refused": "store_refuseddelivery", "hook": "store_hook", "message": "store_hookdelivery", "kept": "store_remembered",
    "pair": "store_syncpair", "syncrun": "store_syncrun",
}  # fmt: skip
"""What each kind of public id names."""
OF_NO_ROW = {"test", "tryton"}  # kinds of sandboxes and of examples

LEAVES = {"account_logout", "me-sign_out_everywhere", "me-end_other_sessions", "parts-fail"}
"""They end the walker's own session, or fail on purpose."""

QUERIES = (
    "connection",
    "number",
    "record",
    "q",
    "who",
    "flow",
    "before",
    "after",
    "case",
    "run",
    "here",
    "target",
    "source",
)
FIELDS = (
    "connection", "target", "source", "item", "case", "run", "user", "member", "invitation", "id", "ids", "subject",
    "default_user", "choice", "replay", "call", "calls", "events",
)  # fmt: skip
REFUSED = {301, 302, 303, 400, 401, 403, 404, 405, 409, 410, 415, 422}


@dataclass
class Stranger:
    """Another workspace: the mark in its texts, and its rows' ids by table."""

    company: Company
    mark: str
    ids: dict[str, list[Any]] = field(default_factory=dict)


def value(column: str, kind: str, longest: int | None, stranger: Stranger) -> object:
    """Something of the type of a column, with the mark wherever there is room."""
    if column == "workspace_id":
        return stranger.company.workspace.pk
    if column == "user_id":
        return stranger.company.users["member"].pk
    fixed: dict[str, object] = {
        "json": json.dumps({"name": stranger.mark, "title": stranger.mark}),
        "jsonb": json.dumps({"name": stranger.mark, "title": stranger.mark}),
        "boolean": False,
        "smallint": 1,
        "uuid": "00000000-0000-0000-0000-" + secrets.token_hex(6),
        "bytea": stranger.mark.encode(),
        "ARRAY": "{" + stranger.mark + "}",
        "timestamp with time zone": "2026-11-21T00:00:00Z",
        "date": "2026-11-21",
        "text": stranger.mark,
    }
    if kind == "character varying":
        return stranger.mark if longest is None or longest >= len(stranger.mark) else "x"
    return fixed.get(kind, 900_000_000 + stranger.company.workspace.pk)


def fill(admin: psycopg.Connection, stranger: Stranger) -> None:
    """A row in every table that names a workspace."""
    for name in sorted(table for table, named in tables(admin).items() if named):
        columns = admin.execute(
            "SELECT column_name, data_type, character_maximum_length, is_identity = 'YES' FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'"
            " AND (is_nullable = 'NO' OR column_name = 'workspace_id' OR data_type IN ('text', 'json', 'jsonb'))",
            [name],
        ).fetchall()
        values = {column: value(column, kind, most, stranger) for column, kind, most, own in columns if not own}
        admin.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.Identifier(name),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Literal(one) for one in values.values()),
            )
        )
        if admin.execute(
            "SELECT 1 FROM information_schema.columns WHERE table_name = %s AND column_name = 'id'", [name]
        ).fetchone():
            rows = admin.execute(
                sql.SQL("SELECT id FROM {} WHERE workspace_id = %s ORDER BY id DESC").format(sql.Identifier(name)),
                [stranger.company.workspace.pk],
            ).fetchall()
            stranger.ids[name] = [id for (id,) in rows]


def state(admin: psycopg.Connection, strangers: list[Stranger]) -> dict[str, str]:
    """What every table holds of the strangers."""
    spaces = [one.company.workspace.pk for one in strangers]
    found = {}
    for name, named in tables(admin).items():
        if named:
            row = admin.execute(
                sql.SQL(
                    "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t WHERE workspace_id = ANY(%s)"
                ).format(sql.Identifier(name)),
                [spaces],
            ).fetchone()
            found[name] = str(row and row[0])
    people = [user.pk for one in strangers for user in one.company.users.values()]
    rows = admin.execute(
        "SELECT md5(string_agg(t::text, '|' ORDER BY id)) FROM team_user t WHERE id = ANY(%s)", [people]
    )
    found["team_user"] = str(rows.fetchone())
    admin.rollback()
    return found


@pytest.fixture
def strangers(installation: Installation, make_company: Callable[[], Company]) -> Iterator[list[Stranger]]:
    """Two full workspaces; their rows are gone afterwards, since no other test should meet such rows."""
    from tieline.store.team.models import User, Workspace

    made = []
    with psycopg.connect(installation.admin) as admin:
        admin.execute("SET session_replication_role = replica")
        for _ in range(2):
            company = make_company()
            one = Stranger(company, f"zq{secrets.token_hex(5)}qz")
            User.objects.filter(pk__in=[user.pk for user in company.users.values()]).update(name=f"Name {one.mark}")
            Workspace.objects.filter(pk=company.workspace.pk).update(name=f"Firm {one.mark}")
            day = MadeDay(company)
            run = day.done(external=one.mark, line=one.mark)
            day.wrote(run, "contact", values={"name": f"Marie {one.mark}", "email": f"{one.mark}@x.example"})
            day.question()
            fill(admin, one)
            made.append(one)
        admin.commit()
        yield made
        for name, named in tables(admin).items():
            if named:
                spaces = [one.company.workspace.pk for one in made]
                admin.execute(
                    sql.SQL("DELETE FROM {} WHERE workspace_id = ANY(%s)").format(sql.Identifier(name)), [spaces]
                )


def shown(stranger: Stranger, *kinds: str) -> Iterator[str]:
    """Its ids as addresses have them: public ids of these kinds, of every kind by default, and a bare number."""
    from tieline.store import public_ids

    for kind in kinds or KINDS:
        row = stranger.company.users["member"].pk if kind == "user" else stranger.ids[KINDS[kind]][0]
        yield public_ids.of(kind).show(row)
    yield str(stranger.ids["store_connection"][0])


def marks(stranger: Stranger) -> list[str]:
    """What must stand in no answer."""
    return [stranger.mark, stranger.company.key, *(user.email for user in stranger.company.users.values())]


def addresses(route: Any, ids: list[str]) -> Iterator[str]:
    """An address with every one of these ids in every place that takes one."""
    path = "/" + str(route.pattern)
    places = re.findall(r"<(?:(\w+):)?(\w+)>", path)
    for id in ids:
        made = path
        for kind, name in places:
            written = f"<{kind}:{name}>" if kind else f"<{name}>"
            if kind == "int" and not id.isdigit():
                break
            made = made.replace(written, id)
        else:
            yield made


def says_nothing(answer: Any) -> bool:
    """Whether an answer of the API is an empty list or a bare "done", as for an id that nobody has: some are idempotent. That
    nothing was done is seen in the rows."""

    def empty(value: Any) -> bool:
        return all(map(empty, value.values())) if isinstance(value, dict) else not value

    said = answer.json()
    return empty(said) or (isinstance(said, dict) and set(said) == {"done"})


@pytest.mark.proves("HUB-1")
def test_every_kind_of_public_id_is_walked(web: Any) -> None:
    used = set()
    for path in SOURCE.rglob("*.py"):
        used |= set(re.findall(r'public_ids\.of\("(\w+)"\)', path.read_text(encoding="utf-8")))
    assert used - OF_NO_ROW - KINDS.keys() == set(), "name the table of this kind above"


@pytest.mark.proves("HUB-1")
def test_another_workspaces_ids_open_nothing(
    installation: Installation, company: Company, strangers: list[Stranger], signed_in: Callable[[Any], Client]
) -> None:
    from tieline.web.permissions import ACTIONS, PUBLIC, SIGNED_IN

    MadeDay(company).done()
    with psycopg.connect(installation.admin) as admin:
        before = state(admin, strangers)
        found: list[str] = []
        walked = 0
        for role, user in company.users.items():
            browser = signed_in(user)
            browser.raise_request_exception = False
            for _path, route in patterns():
                open_to = getattr(route.callback, "open_to", PUBLIC)
                if route.name in LEAVES or not route.pattern.converters:
                    continue
                allowed = open_to in {PUBLIC, SIGNED_IN} or role in ACTIONS[open_to]
                ids = list(
                    shown(
                        strangers[0],
                        *(() if role == "super_admin" else ("conn", "run", "case") if allowed else ("conn",)),
                    )
                )
                for address in addresses(route, ids):
                    for method in (browser.get, browser.post):
                        answer = method(company.url(address))
                        walked += 1
                        text = answer.content.decode(errors="replace") + str(dict(answer.headers))
                        where = f"{role} {method.__name__} {address} {answer.status_code}"
                        if answer.status_code not in REFUSED:
                            found.append(where)
                        id = address  # what was asked may be said back; a mark was not asked
                        found += [
                            f"{where}: {mark}"
                            for one in strangers
                            for mark in marks(one)
                            if mark in text and mark not in id
                        ]
        assert found == []
        assert walked > 500
        assert state(admin, strangers) == before


@pytest.mark.proves("HUB-1", "HUB-8")
def test_another_workspaces_ids_open_nothing_by_the_api(
    installation: Installation, company: Company, strangers: list[Stranger], client: Client
) -> None:
    from tieline.api.v1 import api
    from tieline.store.services import tokens
    from tieline.store.team.actions import ACTIONS

    MadeDay(company).done()
    _row, token = tokens.make(company.workspace.pk, company.users["super_admin"], "Walk", list(ACTIONS))
    stranger = strangers[0]
    ids = list(shown(stranger))
    client.raise_request_exception = False
    with psycopg.connect(installation.admin) as admin:
        before = state(admin, strangers)
        found: list[str] = []
        walked = 0
        for template, methods in api.get_openapi_schema()["paths"].items():
            for method in methods:
                for id in ids:
                    path = re.sub(r"\{\w+\}", id, template)
                    body = json.dumps(dict.fromkeys(FIELDS, id))
                    given = {"data": body, "content_type": "application/json"} if method != "get" else {}
                    query = urlencode(dict.fromkeys(QUERIES, id))
                    answer = client.generic(
                        method.upper(), f"{path}?{query}", HTTP_AUTHORIZATION=f"Bearer {token}", **given
                    )
                    walked += 1
                    text = answer.content.decode(errors="replace")
                    where = f"{method} {path} {answer.status_code}"
                    opened = "{" in template and answer.status_code not in REFUSED and not says_nothing(answer)
                    if opened or answer.status_code in {401, 403} or answer.status_code >= 500:
                        found.append(where)
                    found += [f"{where}: {mark}" for mark in marks(stranger) if mark in text]
                    if "{" not in template and method != "get":
                        break  # without a place for an id, one form is enough
        assert found == []
        assert walked > 300
        assert state(admin, strangers) == before


@pytest.mark.proves("HUB-1")
def test_another_workspaces_ids_in_queries_and_forms_show_and_change_nothing(
    installation: Installation, company: Company, strangers: list[Stranger], signed_in: Callable[[Any], Client]
) -> None:
    MadeDay(company).done()
    with psycopg.connect(installation.admin) as admin:
        before = state(admin, strangers)
        found: list[str] = []
        stranger = strangers[0]
        ids = list(shown(stranger))
        for role in ("super_admin", "member"):
            user = company.users[role]
            browser = signed_in(user)
            browser.raise_request_exception = False
            for path, route in patterns():
                if route.pattern.converters or route.name in LEAVES:
                    continue
                tries = [
                    (browser.get, dict.fromkeys(QUERIES, id)) for id in (ids if role == "super_admin" else ids[:2])
                ]
                tries += [(browser.post, dict.fromkeys(FIELDS, id)) for id in ids[:2]]
                for method, said in tries:
                    answer = method(company.url(path), said)
                    text = answer.content.decode(errors="replace")
                    if answer.status_code >= 500:
                        found.append(f"{role} {method.__name__} {path} {said} {answer.status_code}")
                    found += [f"{role} {path} {said}: {mark}" for mark in marks(stranger) if mark in text]
        assert found == []
        assert state(admin, strangers) == before


@pytest.mark.proves("HUB-1")
def test_the_search_finds_nothing_of_another_workspace(
    company: Company, strangers: list[Stranger], signed_in: Callable[[Any], Client]
) -> None:
    browser = signed_in(company.users["super_admin"])
    theirs = signed_in(strangers[0].company.users["member"])
    mark = strangers[0].mark
    assert f"Marie {mark}" in theirs.get(strangers[0].company.url("/search/"), {"q": mark}).content.decode()
    for text in (mark, f"Marie {mark}", strangers[0].company.key, "Marie"):
        for path in ("/search/", "/search/found/"):
            answer = browser.get(company.url(path), {"q": text}).content.decode()
            for typed in (text, quote(text), quote_plus(text)):  # what was typed is said back
                answer = answer.replace(typed, "")
            assert mark not in answer, text


@pytest.mark.proves("HUB-1")
def test_the_walk_finds_a_hole(
    company: Company, strangers: list[Stranger], signed_in: Callable[[Any], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above can fail: with the strangers' own people it finds their marks."""
    theirs = strangers[0].company
    browser = signed_in(theirs.users["super_admin"])
    seen = 0
    for address in ("/team/", "/search/?q=Marie", "/me/", "/audit/"):
        text = browser.get(theirs.url(address)).content.decode()
        seen += any(mark in text for mark in marks(strangers[0]))
    assert seen == 4
