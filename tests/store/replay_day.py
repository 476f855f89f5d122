"""A day of calls on the real store, decided and written by the real drain into a CRM in memory."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import psycopg

from tests.engine.calls import FactPhone
from tests.engine.crm import ZOHO, MemoryCrm
from tieline.core.facts import CallFact
from tieline.core.record import User
from tieline.engine.access import Access
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.flows.calls import FLOW
from tieline.sdk.contract import FieldSchema, ObjectSchema, VendorUser
from tieline.store.drain_store import DrainStore
from tieline.wiring import Threads

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

PEOPLE = (("anna", "Anna"), ("emma", "Emma"), ("noah", "Noah"))
LINES = ("+33140000001", "+33140000002", "+33140000003")
BASE: dict[str, Any] = {
    "default_user": {"id": "emma", "label": "Emma"},
    "default_country": "FR",
    "lines": [
        {"number": LINES[0], "label": "Sales", "manager": {"id": "anna", "label": "Anna"}},
        {"number": LINES[1], "label": "Service", "manager": {"id": "noah", "label": "Noah"}},
        {"number": LINES[2], "label": "Private", "ignore": True},
    ],
}


class Now:
    """The real time, as the memory CRM reads it."""

    @property
    def now(self) -> float:
        return time.time()


def crm_of(seed: int = 7, people: int = 120) -> MemoryCrm:
    """A CRM with some of the callers in it: contacts with and without account, leads, accounts."""
    crm = MemoryCrm(Now())  # type: ignore[arg-type]
    chance = random.Random(seed)
    for index in range(people):
        number = number_of(index * 3)
        kind = chance.choice(("contact", "contact with account", "lead", "account", "two contacts"))
        if kind == "contact":
            crm.put("Contacts", **{"$name": f"Person {index}", "Phone": number, "Owner": "noah"})
        elif kind == "contact with account":
            account = crm.put("Accounts", Account_Name=f"Firm {index}", Owner="anna")
            crm.put(
                "Contacts", **{"$name": f"Person {index}", "Phone": number, "Account_Name": account, "Owner": "noah"}
            )
        elif kind == "lead":
            crm.put("Leads", **{"$name": f"Lead {index}", "Phone": number, "Owner": "emma"})
        elif kind == "account":
            crm.put("Accounts", Account_Name=f"Firm {index}", Phone=number, Owner="anna")
        else:
            for owner in ("anna", "noah"):
                crm.put("Contacts", **{"$name": f"Twin {index} {owner}", "Phone": number, "Owner": owner})
    return crm


def number_of(index: int) -> str:
    return f"+3361234{index:04d}"


def calls(count: int, seed: int = 11) -> list[CallFact]:
    """Calls of many numbers, some of them often: in and out, answered and not, on three lines, a few withheld."""
    chance = random.Random(seed)
    out = []
    for index in range(count):
        number = number_of(chance.randrange(count // 3)) if chance.random() > 0.04 else "anonymous"
        outbound = chance.random() < 0.3
        reached = chance.random() < 0.6
        line = chance.choices(LINES, (6, 5, 1))[0]
        minute, second = divmod(index * 7 % 3600, 60)
        at = f"2026-11-18T{8 + index * 7 // 3600:02d}:{minute:02d}:{second:02d}Z"
        out.append(
            CallFact(
                f"c{index}", "ended", at, "outbound" if outbound else "inbound", external_number=number, line_number=line,
                outcome="answered" if reached else "no_answer" if outbound else "missed", talk_s=60 if reached else 0,
                final=True,
            )
        )  # fmt: skip
    return out


@dataclass
class Day:
    """A company with its flow, the CRM it writes to, and what may be done with them."""

    installation: Installation
    company: Company
    crm: MemoryCrm

    @property
    def workspace(self) -> int:
        return self.company.workspace

    def set_up(self, settings: Mapping[str, Any], *, live: bool = True) -> None:
        """The CRM as described, the settings as saved, the switch as set."""
        from tieline.store.connection import workspace_tx
        from tieline.store.models import Connection, FlowVersion
        from tieline.store.services import flow_settings, schemas
        from tieline.store.services.asking import manifest_of

        manifest = manifest_of("zoho_crm")
        with workspace_tx(self.workspace):
            target = Connection.objects.get(workspace_id=self.workspace, pk=self.company.target)
            target.scopes = sorted({scope for needed in manifest.needs.values() for scope in needed})
            target.save()
            described = [
                ObjectSchema(
                    mapped.object, mapped.object,
                    tuple(FieldSchema(one[0], one[0], "user" if name == "owner" else "text") for name, one in mapped.fields.items()),
                    (),
                )
                for mapped in manifest.roles.values()
            ]  # fmt: skip
            schemas.keep(target, described, [VendorUser(id, name, "", True) for id, name in PEOPLE])
            if not FlowVersion.objects.filter(workspace_id=self.workspace).exists():
                flow_settings._store(flow_settings._locked(self.workspace, "calls"), None, FLOW.load(BASE).model_dump(mode="json"), {})  # fmt: skip
        flow_settings.save(self.workspace, None, "calls", {**BASE, **settings})
        flow_settings.set_live(self.workspace, None, "calls", live)

    def deliver(self, facts: list[CallFact]) -> None:
        """Acknowledged events, as intake keeps them."""
        with psycopg.connect(self.installation.admin) as link:
            link.execute("SELECT set_config('app.workspace', %s, false)", [str(self.workspace)])
            for fact in facts:
                row = link.execute(
                    "INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query, headers,"
                    " body) VALUES (%s, %s, 1, %s, clock_timestamp(), 'POST', '', '{}', %s) RETURNING id",
                    [self.workspace, self.company.source, uuid.uuid4(), orjson.dumps([fact.to_json()])],
                ).fetchone()
                assert row is not None
                link.execute(
                    "INSERT INTO store_openevent (event_id, workspace_id, source_id, target_id) VALUES (%s, %s, %s, %s)",
                    [row[0], self.workspace, self.company.source, self.company.target],
                )

    def drain(self) -> None:
        """Until nothing is left to do, by the settings in force."""
        from tieline.store.connection import workspace_tx
        from tieline.store.models import Connection
        from tieline.store.services import flow_settings, schemas
        from tieline.store.services.asking import manifest_of

        view = flow_settings.current(self.workspace, "calls")
        with workspace_tx(self.workspace):
            target = schemas.target_of(Connection.objects.get(pk=self.company.target))
        users = {id: User(id, name) for id, name in PEOPLE}
        rules = Rules(FLOW, view.settings, view.version, target, self.workspace, users)
        roles = {role: replace(mapped, origin="Key") for role, mapped in manifest_of("zoho_crm").role_maps().items()}
        asyncio.run(self._drain(rules, roles, live=view.live))

    async def _drain(self, rules: Rules, roles: Any, *, live: bool) -> None:
        threads = Threads(2)
        store = DrainStore(self.installation.app, self.workspace, self.company.target, uuid.uuid4())
        crm = self.crm
        access = Access(
            crm, roles, ZOHO, clock=time.time, chance=random.random, requests=lambda: crm.requests, run=threads
        )
        drain = Drain(
            store.of_flow("calls"), rules, access, sources={self.company.source: FactPhone()}, numbers=numbers_of("FR"),
            live=live, run=threads,
        )  # fmt: skip
        try:
            while True:
                progress = await drain.run_until_quiet()
                assert progress.stopped is None
                if progress.next_s is None:
                    return
                await asyncio.sleep(max(0.0, progress.next_s - time.time()) + 0.01)
        finally:
            store.release()
            threads.close()

    def made(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Call → slot → values of what it made. A link to a record of ours says which call made it in which slot."""
        with psycopg.connect(self.installation.admin) as link:
            link.execute("SELECT set_config('app.workspace', %s, false)", [str(self.workspace)])
            rows = link.execute(
                "SELECT s.key, o.slot, o.values, o.key, o.external_id, o.role FROM store_operation o"
                " JOIN store_subject s ON s.id = o.subject_id"
                " WHERE o.workspace_id = %s AND o.state IN ('done', 'planned')",
                [self.workspace],
            ).fetchall()
        by_id = {("~" + key): (call, slot) for call, slot, _, key, _, _ in rows}
        by_id |= {
            (role, id): (call, slot)
            for call, slot, _, _, id, role in rows
            if id and slot in ("account", "lead", "contact", "deal")
        }
        out: dict[str, dict[str, dict[str, Any]]] = {}
        for call, slot, values, *_ in rows:
            out.setdefault(call, {})[slot] = {name: _linked(value, by_id) for name, value in values.items()}
        return out


def _linked(value: Any, by_id: Mapping[Any, tuple[str, str]]) -> Any:
    if not isinstance(value, dict) or "$ref" not in value:
        return value
    role, id = value["$ref"]
    return by_id.get(id) or by_id.get((role, id)) or (role, id)
