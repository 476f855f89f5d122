"""What is kept of connections and flows, as the wiring reads it: plain values, secrets opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from tieline.core.errors import ConfigError
from tieline.core.record import User
from tieline.sdk.contract import FieldSchema, Layout, ObjectSchema, VendorUser
from tieline.store.pool import Link
from tieline.store.secrets import GRANT, INTAKE_KEY, Seal
from tieline.store.vendor_tokens import read_secrets


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """A connection. `fields`: what was typed, secrets in clear; `granted`: URL values that came with the consent."""

    id: int
    workspace: int
    connector: str
    environment: str
    state: str
    epoch: int
    data_centre: str
    base_url: str
    scopes: frozenset[str]
    origin_fields: Mapping[str, str]
    fields: Mapping[str, str] = field(repr=False)
    granted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptFlow:
    """A flow of a workspace with the settings in force."""

    id: int
    flow: str
    target: int
    sources: tuple[int, ...]
    state: str
    version: int
    live: bool
    settings: Mapping[str, Any]
    undoes: bool = False
    """Something of it is to be undone: that goes on while the flow is paused."""


def connection(link: Link, seal: Seal, workspace: int, connection_id: int) -> KeptConnection:
    """One connection; ConfigError where there is none (any more)."""
    row = link.execute(
        "SELECT connector, environment, state, epoch, config, scopes, origin_fields FROM store_connection"
        " WHERE workspace_id = %s AND id = %s",
        [workspace, connection_id],
    ).fetchone()
    if row is None:
        raise ConfigError("there is no such connection", setting="connection", value=connection_id)
    connector, environment, state, epoch, config, scopes, origin_fields = row
    secrets = read_secrets(link, seal, workspace, connection_id)
    grant = secrets.pop(GRANT, None) or {}
    secrets.pop(INTAKE_KEY, None)
    return KeptConnection(
        id=connection_id,
        workspace=workspace,
        connector=connector,
        environment=environment,
        state=state,
        epoch=epoch,
        data_centre=config.get("data_centre", ""),
        base_url=config.get("base_url", ""),
        scopes=frozenset(scopes),
        origin_fields=origin_fields,
        fields={**config.get("fields", {}), **secrets},
        granted={**config.get("granted", {}), **grant.get("place", {})},
    )


_FLOWS = """
SELECT f.id, f.flow, f.target_id, ARRAY(SELECT s.source_id FROM store_flowsource s WHERE s.setting_id = f.id ORDER BY 1),
       f.state, f.version, f.live, v.settings,
       EXISTS (SELECT 1 FROM store_undo u WHERE u.target_id = f.target_id AND u.flow = f.flow
                  AND u.state IN ('reading', 'approved'))
  FROM store_flowsetting f JOIN store_flowversion v ON v.setting_id = f.id AND v.number = f.version
 WHERE f.workspace_id = %s AND f.target_id = %s ORDER BY f.flow
"""


_FLOWS_OF_SOURCE = """
SELECT f.id, f.flow, f.target_id, ARRAY[s.source_id], f.state, f.version, f.live, v.settings
  FROM store_flowsetting f JOIN store_flowsource s ON s.setting_id = f.id
  JOIN store_flowversion v ON v.setting_id = f.id AND v.number = f.version
 WHERE f.workspace_id = %s AND s.source_id = %s AND f.target_id IS NOT NULL ORDER BY f.flow
"""


def flows_of_target(link: Link, workspace: int, target: int) -> list[KeptFlow]:
    """The flows that write to this connection and have settings in force."""
    rows = link.execute(_FLOWS, [workspace, target]).fetchall()
    return [KeptFlow(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows]


def flows_of_source(link: Link, workspace: int, source: int) -> list[KeptFlow]:
    """The flows that listen to this connection, write somewhere and have settings in force."""
    rows = link.execute(_FLOWS_OF_SOURCE, [workspace, source]).fetchall()
    return [KeptFlow(row[0], row[1], row[2], tuple(row[3]), *row[4:]) for row in rows]


def schemas(link: Link, workspace: int, connection_id: int, epoch: int) -> list[ObjectSchema]:
    """The objects as last described."""
    rows = link.execute(
        "SELECT DISTINCT ON (object) schema FROM store_schemasnapshot"
        " WHERE workspace_id = %s AND connection_id = %s AND epoch = %s ORDER BY object, taken_at DESC",
        [workspace, connection_id, epoch],
    ).fetchall()
    return [schema_from_json(row[0]) for row in rows]


def vendor_users(link: Link, workspace: int, connection_id: int, epoch: int) -> list[VendorUser]:
    """The people of the CRM as last listed."""
    rows = link.execute(
        "SELECT external_id, name, email, active FROM store_crmuser"
        " WHERE workspace_id = %s AND connection_id = %s AND epoch = %s ORDER BY name",
        [workspace, connection_id, epoch],
    ).fetchall()
    return [VendorUser(*row) for row in rows]


def users(found: Sequence[VendorUser]) -> dict[str, User]:
    """User id → user, as flows ask for "is the owner active"."""
    return {one.id: User(one.id, one.name, one.email, one.active) for one in found}


def schema_to_json(schema: ObjectSchema) -> str:
    """One object's schema as JSON text, the same for the same schema."""
    return orjson.dumps(asdict(schema), option=orjson.OPT_SORT_KEYS).decode()


def schema_from_json(raw: Mapping[str, Any]) -> ObjectSchema:
    """The inverse."""
    fields = tuple(
        FieldSchema(**{**one, "choices": tuple((id, label) for id, label in one.get("choices") or ())})
        for one in raw["fields"]
    )
    layouts = tuple(
        Layout(
            one["id"],
            one["label"],
            tuple(one.get("required") or ()),
            tuple(
                (id, label, tuple((stage, name, kind) for stage, name, kind in stages))
                for id, label, stages in one.get("pipelines") or ()
            ),
        )
        for one in raw.get("layouts") or ()
    )
    return ObjectSchema(raw["name"], raw["label"], fields, layouts)
