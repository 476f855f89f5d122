"""Who did what: a sentence for each kind of line, filters, a file."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import Company
from tests.web.test_runs import text_of

SignIn = Callable[[Any], Client]
SOURCE = Path(__file__).resolve().parents[2] / "src" / "tieline"


def constants(node: ast.expr) -> set[str] | None:
    """What an expression may be, as far as it stands in the source; None where it does not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        one, other = constants(node.body), constants(node.orelse)
        return one | other if one is not None and other is not None else None
    return None


def given_to(tree: ast.Module, name: str, parameter: str) -> set[str]:
    """The texts that a module gives to one parameter of one of its own functions."""
    found: set[str] = set()
    function = next(one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == name)
    position = [one.arg for one in function.args.args].index(parameter)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == name:
            said = next((one.value for one in call.keywords if one.arg == parameter), None)
            node = said or (call.args[position] if position < len(call.args) else None)
            texts = constants(node) if node is not None else None
            assert texts is not None, f"{name}({parameter}) in line {call.lineno}: not a plain text"
            found |= texts
    return found


def kinds_noted() -> Iterator[tuple[str, set[str]]]:
    """Every kind that any `note(…)` of ours may write, with the file it stands in."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "note(" not in text or path.parts[-2] in {"connectors", "demo"} or "sandbox" in path.parts:
            continue
        tree = ast.parse(text)
        for function in (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)):
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or len(call.args) < 3:
                    continue
                called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
                if called != "note":
                    continue
                action = call.args[2]
                found = constants(action)
                if found is None and isinstance(action, ast.Name):
                    found = given_to(tree, function.name, action.id)
                if found is None and isinstance(action, ast.JoinedStr):
                    from tieline.web.welcome.steps import STEPS

                    assert ast.unparse(action) == "f'start.{step}'", path
                    found = {f"start.{step}" for step in STEPS}
                assert found is not None, f"{path}:{call.lineno}: the kind of a line must stand in the source"
                yield path.name, found


@pytest.mark.proves("HUB-7")
def test_every_kind_that_is_noted_has_a_sentence(web: Any) -> None:
    from tieline.web.audit import words

    noted = list(kinds_noted())
    kinds = set().union(*(found for _file, found in noted))
    assert len(kinds) > 35
    assert kinds - words.SENTENCES.keys() == set(), "a line of the audit log without its sentence (web/audit/words.py)"
    assert words.SENTENCES.keys() - kinds == set(), "a sentence for what nobody writes"
    assert {kind.partition(".")[0] for kind in kinds} == set(words.SUBJECTS)


def test_every_sentence_takes_what_it_is_given(web: Any) -> None:
    from tieline.web.audit import words

    for kind in words.SENTENCES:
        assert "%" not in words.said(kind, {}), kind
    assert (
        words.said("team.role", {"name": "Bo", "before": "member", "after": "admin"})
        == "Changed the role of Bo from Member to Admin"
    )
    assert words.said("gone.kind", {"name": "Bo"}) == "gone.kind"


@pytest.fixture
def told(company: Company) -> Company:
    """A company in which things were done by two people and by Tieline itself."""
    from tieline.store.connection import workspace_tx
    from tieline.store.services.audit import note

    space = company.workspace.pk
    with workspace_tx(space):
        note(space, company.users["admin"], "flow.saved", flow="calls", version=3)
        note(space, company.users["super_admin"], "team.invited", email="bo@x.example", role="member")
        note(space, None, "connection.renamed", title="=cmd()")
    return company


@pytest.mark.proves("HUB-7")
def test_lines_are_read_newest_first_and_narrowed(told: Company, signed_in: SignIn) -> None:
    from tieline.store import public_ids

    reader = signed_in(told.users["admin"])
    page = text_of(reader.get(told.url("/audit/")))
    said = [
        "Renamed a connection to =cmd()",
        "Invited bo@x.example as Member",
        "Saved the settings of Calls, version 3",
    ]
    places = [page.index(one) for one in said]
    assert places == sorted(places)
    admin = public_ids.of("user").show(told.users["admin"].pk)
    for query, left in (
        ({"who": admin}, {2}),
        ({"who": "tieline"}, {0}),
        ({"about": "team"}, {1}),
        ({"since": "2020-01-01", "until": "2020-01-02"}, set()),
        ({"since": "2020-01-01"}, {0, 1, 2}),
        ({"who": "nonsense", "about": "x'", "since": "yesterday"}, {0, 1, 2}),
    ):
        shown = text_of(reader.get(told.url("/audit/"), query))
        assert {number for number, one in enumerate(said) if one in shown} == left, query


def test_a_long_log_has_pages(told: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import audit

    with workspace_tx(told.workspace.pk):
        for number in range(70):
            audit.note(told.workspace.pk, None, "connection.renamed", title=f"C{number:03}")
    reader = signed_in(told.users["admin"])
    first = reader.get(told.url("/audit/"))
    assert "C069" in text_of(first)
    assert "C010" not in text_of(first)
    page = audit.lines(told.workspace.pk)
    assert page.older is not None
    second = first.context["page"].older
    text = text_of(reader.get(told.url("/audit/") + second))
    assert "C010" in text
    assert "Saved the settings of Calls" in text
    assert "C069" not in text


def test_one_query_reads_the_log(told: Company, web: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tieline.store.services import audit

    with CaptureQueriesContext(connection) as asked:
        page = audit.lines(told.workspace.pk)
    assert len(page.lines) == 3
    assert len([one for one in asked if "store_audit" in one["sql"]]) == 1


def test_the_log_is_a_file_without_formulas(told: Company, signed_in: SignIn) -> None:
    answer = signed_in(told.users["super_admin"]).get(told.url("/audit/audit.csv"))
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[3] for row in rows[1:]] == [
        "Renamed a connection to =cmd()", "Invited bo@x.example as Member", "Saved the settings of Calls, version 3",
    ]  # fmt: skip
    assert [row[1] for row in rows[1:]] == ["Tieline", "Anna Super_Admin", "Anna Admin"]
    from tieline.web.audit.views import _cell

    assert _cell("=1+1") == "'=1+1"


@pytest.mark.proves("HUB-1")
def test_the_log_is_for_admins_of_its_own_workspace(
    told: Company, make_company: Callable[[], Company], signed_in: SignIn
) -> None:
    assert signed_in(told.users["member"]).get(told.url("/audit/")).status_code == 403
    other = make_company()
    assert "bo@x.example" not in text_of(signed_in(other.users["super_admin"]).get(other.url("/audit/")))
