"""What fields and lines of a pair are called: a standard field by our word, a vendor's own by the vendor's."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.pairing import Side
from tieline.store.connection import workspace_tx
from tieline.store.services import schemas
from tieline.store.services.asking import manifest_of
from tieline.store.services.customers import Pair


def lines(pair: Pair, role: str) -> Sequence[str]:
    """The names of the lines of a role."""
    return [line["name"] for line in _raw(pair, role)]


def of(pair: Pair, role: str) -> dict[str, str]:
    """Line → label, of lines with a label of their own or of a vendor's own field."""
    found: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for line in _raw(pair, role):
        if line.get("label"):
            found[line["name"]] = line["label"]
        elif line["left"].startswith("=") or line["right"].startswith("="):
            theirs = theirs or of_fields(pair, "right", role) | of_fields(pair, "left", role)
            label = theirs.get(line["left"]) or theirs.get(line["right"])
            if label:
                found[line["name"]] = label
    return found


def of_fields(pair: Pair, side: Side, role: str, *, read_only: bool = False) -> dict[str, str]:
    """A label for each "=Field", of every field of the object that plays this role and can be written. read_only: of those that
    nobody can write too."""
    connection = pair.connection(side)
    mapped = manifest_of(connection.connector).roles.get(role)
    if mapped is None:
        return {}
    with workspace_tx(connection.workspace_id):
        described = schemas.schemas_of(connection)
    schema = next((one for one in described if one.name == mapped.object), None)
    if schema is None:
        return {}
    return {f"={one.name}": one.label for one in schema.fields if read_only or not one.read_only}


def _raw(pair: Pair, role: str) -> Sequence[dict[str, str]]:
    roles = (pair.settings or {}).get("roles", ())
    return next((one.get("lines", ()) for one in roles if one["role"] == role), ())
