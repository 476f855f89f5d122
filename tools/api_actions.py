"""docs/reference/api-actions.md: each page's address, the action that it is, and the route of the API that does the same."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path("docs") / "reference" / "api-actions.md"
HEAD = """<!-- Written by `make docs`. Change its source instead. -->
# Pages and the API

What a page does, a program does too. Left each address of the pages with the action that it needs (`store/team/actions.py`), right the
routes of the API that do the same. Pages of one's own account (language, password, sessions) and of signing in have no route: a token
is nobody's account.

| page | action | routes |
|---|---|---|
"""


def addresses(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(name, path, action) of each page of a workspace."""
    from tieline.web.permissions import ACTIONS

    for one in patterns:
        if hasattr(one, "url_patterns"):
            if one.namespace != "api-v1":
                yield from addresses(one.url_patterns, prefix + str(one.pattern))
        elif getattr(one.callback, "open_to", "") in ACTIONS:
            yield str(one.name), f"/{prefix}{one.pattern}", one.callback.open_to


def rows() -> list[tuple[str, str, list[str]]]:
    """(page's path, action, routes) of each page."""
    from django.urls import get_resolver

    from tieline.api.v1 import api
    from tieline.api.v1.access import ROUTES

    routes: dict[str, list[str]] = {}
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, route in methods.items():
            mark = next(mark for name, mark in ROUTES.items() if route["operationId"].endswith(f"_{name}"))
            for page in mark.pages:
                routes.setdefault(page, []).append(f"{method.upper()} {path.removeprefix('/api/v1')}")
    return [
        (path, action, sorted(routes.get(name, ())))
        for name, path, action in sorted(addresses(get_resolver().url_patterns), key=lambda one: one[1])
        if not name.startswith("parts")
    ]


def text() -> str:
    """The page."""
    lines = [f"| `{path}` | {action} | {', '.join(f'`{one}`' for one in found)} |" for path, action, found in rows()]
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Write it, without a database."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "tieline.project.settings",
            "TIELINE_HOME": home,
            "TIELINE_DATABASE_URL": "postgresql:///docs",
            "TIELINE_APP_DATABASE_URL": "postgresql:///docs",
        }
        import django

        django.setup()
        PAGE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
