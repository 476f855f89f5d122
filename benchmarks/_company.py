"""A workspace with SipSim as source and a CRM as target, written as rows: what a person would have clicked together."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks._place import Place
from tieline.project.keys import secret_keys
from tieline.store.public_ids import intake_hash
from tieline.store.secrets import Seal

SIGNING_SECRET = "bench-signing-secret"


@dataclass(frozen=True)
class Company:
    """Ids of its rows, and the key that the phone system delivers to."""

    workspace: int
    source: int
    target: int
    key: str


def make(
    place: Place,
    *,
    connector: str = "zoho_crm",
    config: dict[str, Any] | None = None,
    secret: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    signed: bool = True,
) -> Company:
    """Writes the rows. `secret`: name → value of the target; `settings`: of the calls flow, live from the start."""
    import psycopg

    seal = Seal(secret_keys(place.home))
    key = secrets.token_urlsafe(18)
    name = secrets.token_hex(4)
    with psycopg.connect(place.url, autocommit=True) as link:
        workspace = _one(
            link,
            "INSERT INTO team_workspace (key, name, zone, country, language, created, second_factor)"
            " VALUES (%s, %s, 'Europe/Paris', 'FR', 'en', now(), false) RETURNING id",
            [f"bench-{name}", f"Bench {name}"],
        )
        link.execute("SELECT set_config('app.workspace', %s, false)", [str(workspace)])
        insert = (
            "INSERT INTO store_connection (workspace_id, connector, title, environment, config, state, epoch, is_main_crm,"
            " intake_hash, identity, scopes, origin_fields, lines, created)"
            " VALUES (%s, %s, %s, 'sandbox', %s, 'active', 1, false, %s, '{}', '[]', '{}', '[]', now()) RETURNING id"
        )
        source = _one(link, insert, [workspace, "sipsim", "Phones", "{}", intake_hash(key)])
        target = _one(link, insert, [workspace, connector, "CRM", orjson.dumps(config or {}).decode(), None])
        kept = {target: secret or {}, source: {"signing_secret": SIGNING_SECRET} if signed else {}}
        for connection, values in kept.items():
            for named, value in values.items():
                link.execute(
                    "INSERT INTO store_secret (workspace_id, connection_id, name, sealed, changed)"
                    " VALUES (%s, %s, %s, %s, now())",
                    [workspace, connection, named, seal.close(value, workspace, connection, named)],
                )
        setting = _one(
            link,
            "INSERT INTO store_flowsetting (workspace_id, flow, target_id, state, version, live, live_since, created)"
            " VALUES (%s, 'calls', %s, 'active', 1, true, now(), now()) RETURNING id",
            [workspace, target],
        )
        link.execute(
            "INSERT INTO store_flowversion (workspace_id, setting_id, number, settings, saved_at)"
            " VALUES (%s, %s, 1, %s, now())",
            [workspace, setting, orjson.dumps(settings or {"version": 1}).decode()],
        )
        link.execute(
            "INSERT INTO store_flowsource (workspace_id, setting_id, source_id) VALUES (%s, %s, %s)",
            [workspace, setting, source],
        )
    return Company(workspace, source, target, key)


def _one(link: Any, query: str, values: list[Any]) -> int:
    return int(link.execute(query, values).fetchone()[0])


def zoho(place: Place, base: str) -> Company:
    """A company on Zoho's sandbox at this base URL: granted, described, with room for our key, and the flow's defaults."""
    from benchmarks._place import post
    from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID, CLIENT_SECRET

    given = post(f"{base}/_control/zoho_crm/token", {})
    grant = {"access": given["access_token"], "refresh": given["refresh_token"], "fresh_until": 4e9}
    made = make(
        place,
        config={"base_url": f"{base}/zoho_crm", "fields": {"client_id": CLIENT_ID}},
        secret={"client_secret": CLIENT_SECRET, "grant": grant},
    )
    # In a process of its own, as a page would: it describes the CRM and begins with the defaults.
    subprocess.run([sys.executable, "-c", _FIRST_SETTINGS, str(made.workspace), str(made.target)], check=True)
    return made


_FIRST_SETTINGS = """
import sys, django
django.setup()
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, FlowSetting, FlowVersion
from tieline.store.services import connections
from tieline.store.services.first_settings import first_settings
workspace, target = map(int, sys.argv[1:])
connections.refresh(workspace, None, target, prepare=True)
with workspace_tx(workspace):
    setting = FlowSetting.objects.get(workspace_id=workspace, flow="calls")
    raw = first_settings(setting, Connection.objects.get(pk=target), None)
    FlowVersion.objects.filter(setting=setting, number=1).update(settings=raw)
"""
