"""How many calls a second come to their effect in a CRM, with the real connector against its sandbox's API.

A backlog of calls is kept first, then one worker brings them to the CRM: from its start to the last record. Three quarters
of the callers are unknown (a lead, a task where nobody was reached, a call record), the others call again. The CRM is a
process of its own on the same machine that answers after `crm_ms`; its CPU is given apart, since a real CRM's is elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import _company, _events, _load
from benchmarks._place import Place, answers, cpu_s, free_port, get, peak_mb, place, post

CALLS = int(os.environ.get("TIELINE_BENCH_CALLS", "3000"))
WAITS_MS = (0, 5, 100)
PATIENCE_S = 600


def measure() -> Iterator[dict[str, object]]:
    """One line for each time that the CRM takes to answer, then one for a lone call."""
    for crm_ms in WAITS_MS:
        yield _backlog(crm_ms)
    yield _lone()


def _backlog(crm_ms: int) -> dict[str, object]:
    with place() as where:
        crm, base, company = _set_up(where, crm_ms)
        events = _events.keep(where, company, CALLS)
        before = _requests(base)
        crm_cpu, postgres_cpu = cpu_s(crm), where.postgres_cpu_s()
        worker = where.start("worker")
        took = _until_done(where, company, CALLS)
        used = cpu_s(worker)
        requests = _requests(base) - before
        return {
            "crm_ms": crm_ms,
            "calls": CALLS,
            "events": events,
            "calls_per_s": round(CALLS / took, 1),
            "requests_per_call": round(requests / CALLS, 4),
            "cpu_ms_per_call": round(used * 1000 / CALLS, 3),
            "postgres_cpu_ms_per_call": round((where.postgres_cpu_s() - postgres_cpu) * 1000 / CALLS, 3),
            "crm_cpu_ms_per_call": round((cpu_s(crm) - crm_cpu) * 1000 / CALLS, 3),
            "peak_mb": round(peak_mb(worker), 1),
            "records": _records(base),
            "settled": _settled(where, company),
        }


def _set_up(where: Place, crm_ms: int) -> tuple[Any, str, _company.Company]:
    port = free_port()
    crm = where.start("sandbox", "--port", str(port), "--only", "zoho_crm")
    base = f"http://127.0.0.1:{port}"
    answers(f"{base}/_control/zoho_crm/counts")
    company = _company.zoho(where, base)
    post(f"{base}/_control/zoho_crm/latency", {"ms": crm_ms})
    return crm, base, company


def _until_done(where: Place, company: _company.Company, calls: int) -> float:
    """Seconds until every call is done; the worker's own start is not counted, the first decision begins it."""
    began = None
    end = time.monotonic() + PATIENCE_S
    with where.tx(company.workspace) as link:
        while time.monotonic() < end:
            if began is None:
                left = link.execute("SELECT count(*) FROM store_openevent").fetchone()
                if left and left[0] < 2 * calls:
                    began = time.monotonic()
            row = link.execute(
                "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'parked') FROM store_subject"
            ).fetchone()
            if row and row[0] >= calls and began is not None:
                return time.monotonic() - began
            if row and row[1]:
                raise SystemExit(f"{row[1]} calls were parked: {_why(link)}")
            time.sleep(0.05)
    raise SystemExit("the calls were not done in time")


def _why(link: Any) -> Any:
    return link.execute(
        "SELECT why::text, count(*) FROM store_subject WHERE state = 'parked' GROUP BY 1 LIMIT 3"
    ).fetchall()


def _settled(where: Place, company: _company.Company) -> dict[str, int]:
    """Operations by state: all are done."""
    with where.tx(company.workspace) as link:
        return dict(link.execute("SELECT state, count(*) FROM store_operation GROUP BY state").fetchall())


def _requests(base: str) -> int:
    counts = get(f"{base}/_control/zoho_crm/counts")
    return int(counts.get("total", sum(counts.get("requests", {}).values())))


def _records(base: str) -> dict[str, int]:
    return {
        module: len(get(f"{base}/_control/zoho_crm/records?module={module}")) for module in ("Leads", "Tasks", "Calls")
    }


def _lone() -> dict[str, object]:
    """A call alone, from the POST of its end to its record in the CRM, the CRM answering at once."""
    from benchmarks._place import percentile

    with place() as where:
        _, base, company = _set_up(where, 0)
        port = free_port()
        where.start("intake", "--port", str(port))
        where.start("worker")
        answers(f"http://127.0.0.1:{port}/in/none")
        times: list[float] = []
        before = 0
        for number in range(40):
            if number == 5:  # the first ones open connections and read descriptions
                times.clear()
                before = _requests(base)
            body = _load.event(
                f"lone-{number}", "incoming_call_end", f"+3318676{number:04d}", status="MISSED", duration=0
            )
            signature, stamp = _load.signed(body, _company.SIGNING_SECRET)
            began = time.perf_counter()
            _events.deliver(f"http://127.0.0.1:{port}/in/{company.key}", body, signature, stamp)
            with where.tx(company.workspace) as link:
                done = "SELECT count(*) FROM store_subject WHERE state = 'done'"
                while link.execute(done).fetchone() != (number + 1,):
                    time.sleep(0.002)
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.1)
        requests = (_requests(base) - before) / len(times)
        return {
            "lone_p50_ms": round(percentile(times, 0.5), 1),
            "lone_p95_ms": round(percentile(times, 0.95), 1),
            "requests_per_lone_call": round(requests, 2),
        }
