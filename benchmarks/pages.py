"""How long pages take to arrive with 100,000 runs kept."""

from __future__ import annotations

import http.cookiejar
import os
import re
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from benchmarks import _company
from benchmarks._place import answers, free_port, place

RUNS = int(os.environ.get("TIELINE_BENCH_RUNS", "100000"))
ASKED = 40
PATHS = (
    "/",
    "/runs/",
    "/runs/?outcome=failed",
    "/runs/?number=%2B33465000042",
    "/inbox/",
    "/events/",
    "/connections/",
    "/calls/managers/",
    "/search/?q=465000042",
)
EMAIL, PASSWORD = "bench@example.com", secrets.token_urlsafe(12)

_FILL = (
    """
    INSERT INTO store_subject (workspace_id, target_id, epoch, flow, source_id, key, subject, state, lanes, revision, attempts,
                               own, answers, live, arrived_at)
    SELECT %(workspace)s, %(target)s, 1, 'calls', %(source)s, 'many-' || n,
           json_build_object('key', 'many-' || n, 'direction', 'inbound', 'external', '+3346' || (5000000 + n %% 90000),
                             'line', '+33186760411', 'result', 'missed', 'state', 'ended', 'total_s', 20),
           'done', ARRAY['phone:+3346' || (5000000 + n %% 90000)], 1, 0, '{}', '{}', true,
           now() - (%(runs)s - n) * interval '90 days' / %(runs)s
      FROM generate_series(1, %(runs)s) AS n
    """,
    "ANALYZE store_subject",
    """
    INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known, considered,
                           questions, notices, started_at, finished_at, requests)
    SELECT s.workspace_id, s.target_id, 1, s.id, 'calls', 1,
           CASE WHEN s.id %% 500 = 0 THEN 'failed' WHEN s.id %% 9 = 0 THEN 'nothing' ELSE 'done' END, 1,
           json_build_object('found', json_build_array(json_build_array('contact', 'phone', 'x', json_build_array(
             json_build_array('c' || s.id, json_build_object('name', 'Person ' || s.id)))))),
           '[["call.log", true, {"code": "call.log.on", "params": {"log": "all"}}]]', '[]', '[]',
           s.arrived_at, s.arrived_at + interval '1 second', 1
      FROM store_subject s WHERE s.workspace_id = %(workspace)s
    """,
    "ANALYZE store_run",
    """
    INSERT INTO store_operation (workspace_id, target_id, epoch, key, run_id, subject_id, slot, verb, role, values, before, state,
                                 reason, match_keys, external_id, attempts, position, requests)
    SELECT r.workspace_id, r.target_id, 1, md5(r.id || role), r.id, r.subject_id, role, 'create', role,
           json_build_object('name', 'Person ' || r.id, 'owner', '501'), '{}', 'done', '{"code": "call.log.on"}', '[]',
           role || r.id, 1, 1, 0.5
      FROM store_run r, unnest(ARRAY['task', 'call']) AS role
     WHERE r.workspace_id = %(workspace)s
    """,
    "ANALYZE store_operation",
)


def measure() -> Iterator[dict[str, object]]:
    """A line a page: median and 95th percentile of 40 requests, one after another, signed in."""
    with place() as where:
        company = _company.make(where)
        values = {"workspace": company.workspace, "target": company.target, "source": company.source, "runs": RUNS}
        with where.tx(company.workspace) as link:
            for statement in _FILL:
                if statement.startswith("ANALYZE"):
                    _analyze(where, statement)
                else:
                    link.execute(statement, values)  # type: ignore[arg-type]  # statements of this file
        _member(company.workspace)
        port = free_port()
        where.start("serve", "--port", str(port))
        base = f"http://127.0.0.1:{port}"
        answers(f"{base}/in/none")
        browser = _signed_in(base)
        for path in PATHS:
            times, size = [], 0
            for _ in range(ASKED + 3):
                began = time.perf_counter()
                with browser.open(base + path, timeout=60) as answer:
                    size = len(answer.read())
                times.append((time.perf_counter() - began) * 1000)
            counted = sorted(times[3:])
            yield {
                "path": path,
                "runs_kept": RUNS,
                "p50_ms": round(counted[ASKED // 2], 1),
                "p95_ms": round(counted[int(ASKED * 0.95) - 1], 1),
                "bytes": size,
            }


def _analyze(where: Any, statement: str) -> None:
    import psycopg

    with psycopg.connect(where.server.dsn("admin"), autocommit=True) as link:
        link.execute(statement)


def _member(workspace: int) -> None:
    import django

    django.setup()
    from tieline.store.team import people
    from tieline.store.team.models import Role, Workspace

    user = people.create_user(EMAIL, "Bench", PASSWORD)
    people.add_member(Workspace.objects.get(pk=workspace), user, Role.SUPER_ADMIN)


def _signed_in(base: str) -> urllib.request.OpenerDirector:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(f"{base}/sign-in/", timeout=60) as answer:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read().decode())
    if found is None:
        raise RuntimeError("the sign-in page has no form")
    form = {"csrfmiddlewaretoken": found[1], "login": EMAIL, "password": PASSWORD}
    request = urllib.request.Request(f"{base}/sign-in/", urllib.parse.urlencode(form).encode(), {"Referer": base})
    with browser.open(request, timeout=60) as answer:
        if "/sign-in" in answer.url:
            raise RuntimeError("signing in did not work")
    return browser
