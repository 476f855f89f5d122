"""What a CRM looks like, as it was described: kept with its date, and given to flows as a Target.

keep(connection, schemas, users)      inside workspace_tx: a new snapshot only of what changed
schemas_of(connection), users_of(connection)
target_of(connection) -> core.flow.Target
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from tieline.core.flow import Target
from tieline.sdk.contract import ObjectSchema, VendorUser
from tieline.sdk.target import target
from tieline.store.models import Connection, CrmUser, SchemaSnapshot
from tieline.store.services.asking import manifest_of
from tieline.store.vendor_rows import schema_from_json, schema_to_json


def keep(connection: Connection, schemas: Sequence[ObjectSchema], users: Sequence[VendorUser]) -> bool:
    """Keeps what the vendor described now; whether anything changed since the last time. Inside `workspace_tx`."""
    now = timezone.now()
    place: dict[str, Any] = {
        "workspace_id": connection.workspace_id,
        "connection": connection,
        "epoch": connection.epoch,
    }
    known = {row.object: row for row in _newest(connection)}
    changed = False
    for schema in schemas:
        text = schema_to_json(schema)
        digest = hashlib.sha256(text.encode()).hexdigest()
        row = known.get(schema.name)
        if row is not None and row.digest == digest:
            SchemaSnapshot.objects.filter(pk=row.pk).update(seen_at=now)
            continue
        changed = True
        SchemaSnapshot.objects.create(**place, object=schema.name, schema=json.loads(text), digest=digest, taken_at=now)
    there = {row.external_id: row for row in CrmUser.objects.filter(**place)}
    for user in users:
        values = {"name": user.name[:200], "email": user.email[:254], "active": user.active, "seen_at": now}
        person = there.pop(user.id, None)
        changed = changed or person is None or person.active != user.active or person.name != values["name"]
        CrmUser.objects.update_or_create(**place, external_id=user.id, defaults=values)
    gone = [row.pk for row in there.values() if row.active]
    if gone:  # who is not listed any more can own nothing new
        changed = True
        CrmUser.objects.filter(pk__in=gone).update(active=False)
    Connection.objects.filter(pk=connection.pk).update(described_at=now)
    connection.described_at = now
    return changed


def _newest(connection: Connection) -> list[SchemaSnapshot]:
    rows = SchemaSnapshot.objects.filter(
        workspace_id=connection.workspace_id, connection=connection, epoch=connection.epoch
    )
    return list(rows.order_by("object", "-taken_at", "-pk").distinct("object"))


def schemas_of(connection: Connection) -> list[ObjectSchema]:
    """The objects as last described, by name. Inside `workspace_tx`."""
    return [schema_from_json(row.schema) for row in _newest(connection)]


def users_of(connection: Connection) -> list[VendorUser]:
    """People of the CRM, by name; those who left too. Inside `workspace_tx`."""
    rows = CrmUser.objects.filter(
        workspace_id=connection.workspace_id, connection=connection, epoch=connection.epoch
    ).order_by("name", "external_id")
    return [VendorUser(row.external_id, row.name, row.email, row.active) for row in rows]


def target_of(connection: Connection) -> Target:
    """What this CRM can hold, as flows see it. Inside `workspace_tx`."""
    return target(manifest_of(connection.connector), schemas_of(connection), users_of(connection))
