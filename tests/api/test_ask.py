"""The API from a command line, against a server in a process of its own."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import everything
from tests.web.conftest import site
from tieline import ask
from tieline.cli import main as tieline

if TYPE_CHECKING:
    from tests.web.conftest import Company

__all__ = ["site"]


@pytest.fixture
def typed(site: str, company: Company, capsys: pytest.CaptureFixture[str]) -> Any:
    """(exit status, output, errors) of a command line with a token."""
    token = everything(company).token

    def run(*words: str, **environment: str) -> tuple[int, str, str]:
        status = ask.main(words, {"TIELINE_URL": site, "TIELINE_TOKEN": token, "LANG": "C"} | environment)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.mark.proves("HUB-8")
def test_every_verb_of_the_api_is_listed_without_a_token(typed: Any) -> None:
    from tieline.api.v1 import api

    status, out, _ = typed(TIELINE_TOKEN="")
    assert status == 0
    names = [line.split()[0] for line in out.splitlines()]
    described = [route for methods in api.get_openapi_schema()["paths"].values() for route in methods.values()]
    assert len(names) == len(set(names)) == len(described)
    assert {"list_runs", "one_run", "retry_call", "rename_connection", "switch_flow"} <= set(names)


@pytest.mark.proves("HUB-8")
def test_what_is_asked_is_done(typed: Any, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, _ = typed("list_runs", "--state", "done", "--limit=5")
    assert (status, json.loads(out)) == (0, {"items": [], "next": None})
    status, out, _ = typed("one_workspace")
    assert json.loads(out)["name"] == company.name
    status, out, _ = typed("make_token", "--name", "From here", "--actions", '["runs.see"]')
    assert status == 0, out
    made = [one for one in json.loads(typed("list_tokens")[1]) if one["name"] == "From here"]
    assert len(made) == 1
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"name": "Of a file", "actions": ["runs.see"]}))
    assert typed("make_token", "--json", str(file))[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text()))
    assert typed("make_token", "--json", "-", "--name", "Of the input")[0] == 0
    assert typed("end_token", made[0]["id"])[0] == 0
    names = {one["name"] for one in json.loads(typed("list_tokens")[1]) if one["works"]}
    assert {"Of a file", "Of the input"} <= names
    assert "From here" not in names


@pytest.mark.proves("HUB-8")
def test_a_refusal_is_said_in_the_language_of_the_environment(typed: Any) -> None:
    english = typed("one_run", "run_nothing")
    french = typed("one_run", "--run", "run_nothing", LANG="fr_FR.UTF-8")
    assert english[:2] == french[:2] == (1, "")
    assert "api.not_found" in english[2]
    assert "api.not_found" in french[2]
    assert english[2] != french[2]
    assert typed("list_runs", TIELINE_TOKEN="tl_wrong")[0] == 1


def test_what_fits_no_verb_is_not_sent(typed: Any) -> None:
    for words in (
        ["no_such_verb"],
        ["one_run"],
        ["one_run", "a", "b"],
        ["list_runs", "--colour", "red"],
        ["list_runs", "--state"],
        ["list_runs", "--token", "tl_x"],
        ["make_token", "--actions", "[]"],
        ["make_token", "--name", "x", "--actions", "{broken"],
        ["make_token", "--json", "/nowhere/at.all"],
        ["begin_import", "conn_x"],
    ):
        status, out, told = typed(*words)
        assert (status, out) == (2, ""), words
        assert told.startswith("tieline ask: ")
    assert typed("list_runs", TIELINE_TOKEN="")[0] == 2
    assert typed("list_runs", TIELINE_URL="ftp://x")[0] == 2
    assert typed("list_runs", TIELINE_URL="http://127.0.0.1:1")[0] == 1


def test_it_says_what_a_verb_takes(typed: Any) -> None:
    out = typed("rename_connection", "--help")[1]
    assert "tieline ask rename_connection CONNECTION" in out
    assert "--title  string, needed" in out
    assert "TIELINE_TOKEN" in typed("--help")[1]


def test_it_is_a_command_of_tieline(
    site: str, company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIELINE_TOKEN", everything(company).token)
    assert tieline(["ask", "--url", site, "me"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("said", "language"),
    [({"LANG": "da_DK.UTF-8"}, "da-DK"), ({"LC_ALL": "it", "LANG": "fr"}, "it"), ({"LANG": "C.UTF-8"}, "en"), ({}, "en"), ({"LANG": "a\nb"}, "en")],
)  # fmt: skip
def test_the_language_of_the_environment(said: dict[str, str], language: str) -> None:
    assert ask.language_of(said) == language
