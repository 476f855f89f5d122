"""Webhooks over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.conftest import Caller, Company

GIVEN = {"title": "Warehouse", "url": "https://hooks.example.com/in", "kinds": ["run.finished"]}


def test_a_webhook_from_its_making_to_its_end(ask: Caller) -> None:
    status, made = ask("POST", "/hooks", GIVEN)
    assert status == 200
    assert made["secret"].startswith("whsec_")
    status, (listed,) = ask("GET", "/hooks")
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    one = f"/hooks/{made['id']}"
    status, changed = ask("PATCH", one, {"kinds": ["connection.trouble"]})
    assert (status, changed["kinds"], changed["title"]) == (200, ["connection.trouble"], "Warehouse")
    status, renewed = ask("POST", f"{one}/rotate")
    assert status == 200
    assert renewed["secret"] != made["secret"]
    assert renewed["old_secret_until"] is not None
    status, sent = ask("POST", f"{one}/test")
    assert (status, sent["kind"], sent["state"]) == (200, "test", "due")
    assert ask("GET", f"{one}/deliveries") == (200, [sent])
    assert ask("POST", f"{one}/deliveries/{sent['id']}/again") == (200, {"done": True})
    assert ask("DELETE", one) == (200, {"done": True})
    assert ask("GET", "/hooks") == (200, [])
    status, gone = ask("DELETE", one)
    assert (status, gone["error"]["code"]) == (404, "hook.gone")


def test_what_is_refused_has_its_code(ask: Caller) -> None:
    status, said = ask("POST", "/hooks", {**GIVEN, "url": "https://[::1]/"})
    assert (status, said["error"]["code"]) == (409, "hook.private_address")
    status, said = ask("POST", "/hooks", {**GIVEN, "kinds": ["everything"]})
    assert (status, said["error"]["code"]) == (422, "api.malformed")


def test_a_token_that_may_only_see_makes_none(company: Company, ask_of: Callable[..., Any]) -> None:
    reader = ask_of(company, only=("tokens.see",))
    assert reader("GET", "/hooks") == (200, [])
    assert reader("POST", "/hooks", GIVEN)[0] == 403
