"""The requests of a transfer without Tieline: `python -m benchmarks._bare_transfer <sandbox> <token> <customers> <look-ups a page>`.

It reads pages of e-conomic's customers one ahead, asks Zoho as often as matching does, and writes batches, so many at once as the
connector's manifest allows. It keeps nothing, compares nothing and could not go on after a crash: it is what the vendors cost. What it
looks for is prepared before the clock starts. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiohttp
import orjson
import uvloop

from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT
from tieline.connectors.zoho_crm.coql import wheres
from tieline.sdk.manifest import connector

PAGE = 1000
COLUMNS = (
    "id, Account_Name, Phone, Website, Billing_Street, Billing_Code, Billing_City, Billing_Country, Tieline_Key,"
    " Modified_Time"
)
JSON = {"content-type": "application/json"}


class Bare:
    """One loop over both sandboxes."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str) -> None:
        can = connector("zoho_crm").capabilities
        self.batch = can.write_batch
        self.requests = 0
        self._session = session
        self._erp = f"{base}/e_conomic/customers"
        self._zoho = f"{base}/zoho_crm/api/crm/v8"
        self._reads = {"x-appsecrettoken": APP_SECRET, "x-agreementgranttoken": GRANT}
        self._writes = {"authorization": f"Zoho-oauthtoken {token}", **JSON}
        self._slots = asyncio.Semaphore(can.concurrency)

    async def run(self, look_ups: list[list[bytes]]) -> int:
        """How many were written."""
        done = number = 0
        coming = asyncio.create_task(self._read(0))
        while rows := await coming:
            coming = asyncio.create_task(self._read(int(rows[-1]["customerNumber"])))
            await asyncio.gather(*(self._post("coql", body) for body in look_ups[number]))
            parts = [rows[at : at + self.batch] for at in range(0, len(rows), self.batch)]
            await asyncio.gather(*(self._post("Accounts", _body(part)) for part in parts))
            done, number = done + len(rows), number + 1
        return done

    async def _read(self, behind: int) -> list[dict[str, Any]]:
        query = {"pagesize": str(PAGE), "sort": "customerNumber", "filter": f"customerNumber$gt:{behind}"}
        self.requests += 1
        async with self._session.get(self._erp, params=query, headers=self._reads) as answer:
            answer.raise_for_status()
            rows: list[dict[str, Any]] = orjson.loads(await answer.read())["collection"]
            return rows

    async def _post(self, path: str, body: bytes) -> None:
        async with self._slots:
            self.requests += 1
            async with self._session.post(f"{self._zoho}/{path}", data=body, headers=self._writes) as answer:
                said = await answer.read()
                if answer.status == 204:
                    return
                answer.raise_for_status()
                for one in orjson.loads(said).get("data", ()):
                    if path == "Accounts" and one["status"] != "success":
                        raise SystemExit(f"refused: {one}")


def _body(rows: list[dict[str, Any]]) -> bytes:
    return orjson.dumps(
        {
            "data": [
                {
                    "Account_Name": row["name"],
                    "Phone": row.get("telephoneAndFaxNumber"),
                    "Website": row.get("website"),
                    "Billing_Street": row.get("address"),
                    "Billing_Code": row.get("zip"),
                    "Billing_City": row.get("city"),
                    "Billing_Country": row.get("country"),
                    "Tieline_Key": f"bare-{row['customerNumber']}",
                }
                for row in rows
            ]
        }
    )


def look_ups(customers: int) -> list[list[bytes]]:
    """For each page, the queries of its two rules: by name, and by phone number in the renderings that people write."""
    out: list[list[bytes]] = []
    for first in range(0, customers, PAGE):
        numbers = range(first, min(first + PAGE, customers))
        asked = [
            *wheres(["Phone"], [f"+4571{number:06d}" for number in numbers]),
            *wheres(["Account_Name"], [f"Nobody of that name {number}" for number in numbers]),
        ]
        out.append(
            [
                orjson.dumps(
                    {"select_query": f"select {COLUMNS} from Accounts where {where} order by id asc limit 2000"}
                )
                for where, _ in asked
            ]
        )
    return out


async def measured(base: str, token: str, customers: int, most: int) -> dict[str, Any]:
    """Seconds, requests and records."""
    asked = [queries[:most] for queries in look_ups(customers)]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session:
        bare = Bare(session, base, token)
        began, cpu = time.perf_counter(), time.process_time()
        written = await bare.run([*asked, []])
        return {
            "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - cpu,
            "requests": bare.requests,
            "records": written,
        }


if __name__ == "__main__":
    print(orjson.dumps(uvloop.run(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))).decode())
