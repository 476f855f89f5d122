"""The panel that stands inside the CRM's own record page, and who may frame it.

    address(pair) -> str            the path to paste into the CRM, with the place for the record's id; "" while it is off
    opened(token) -> (workspace, pair) | None
    allow(workspace, user, pair, origins)       which pages may frame it; none turns it off
    renew(workspace, user, pair)                every address given out before stops working

The address is signed: it names the pair and its generation and nothing else can be made of it. Whoever has it can look at
customers of this pair and change nothing, so it is shown to admins only and can be renewed. Kept with the connection of the
left: `Connection.config["panel"] = {"origins": [...], "generation": n}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.core import signing

from tieline.store.connection import workspace_tx
from tieline.store.models import Connection
from tieline.store.services.audit import note
from tieline.store.services.customers import Pair
from tieline.store.services.customers import pair as read_pair
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

SALT: Final = "tieline.panel"
MOST_ORIGINS: Final = 10


def origins(pair: Pair) -> tuple[str, ...]:
    """Origins whose pages may frame the panel; none: it is off."""
    return tuple(pair.left.config.get("panel", {}).get("origins", ()))


def address(pair: Pair) -> str:
    """The path below this installation's own address; the record's id is put behind it (?id=)."""
    if not origins(pair):
        return ""
    generation = pair.left.config["panel"].get("generation", 1)
    return f"/panel/{signing.dumps([pair.row.workspace_id, pair.id, generation], salt=SALT)}/"


def opened(token: str) -> tuple[int, Pair] | None:
    """Whose panel an address is; None for one that we did not give out, or do not honour any more."""
    try:
        workspace, id, generation = signing.loads(token, salt=SALT)
        pair = read_pair(int(workspace), int(id))
    except (signing.BadSignature, ValueError, TypeError, DeclinedError):
        return None
    kept = pair.left.config.get("panel", {})
    if not kept.get("origins") or kept.get("generation", 1) != generation or pair.row.state == "ended":
        return None
    return int(workspace), pair


def allow(workspace: int, user: User | None, pair: int, wanted: list[str]) -> None:
    """Origins, each as "https://crm.example.com". DeclinedError "panel.bad_origin" names one that is none."""
    found = list(dict.fromkeys(_origin(one) for one in wanted if one.strip()))
    if len(found) > MOST_ORIGINS:
        raise DeclinedError("panel.bad_origin", origin=found[MOST_ORIGINS])
    _change(workspace, user, pair, "panel.allowed", origins=found)


def renew(workspace: int, user: User | None, pair: int) -> None:
    """A new address; the ones before stop at once."""
    _change(workspace, user, pair, "panel.renewed")


def _change(workspace: int, user: User | None, pair: int, action: str, *, origins: list[str] | None = None) -> None:
    with workspace_tx(workspace):
        shown = read_pair(workspace, pair)
        row = Connection.objects.select_for_update().get(workspace_id=workspace, pk=shown.left.pk)
        kept = {"generation": 1, **row.config.get("panel", {})}
        if origins is None:
            kept["generation"] += 1
        else:
            kept["origins"] = origins
        row.config = {**row.config, "panel": kept}
        row.save(update_fields=["config"])
        note(workspace, user, action, pair=shown.row.name)


def _origin(text: str) -> str:
    """scheme://host[:port] of what was typed; plain http for a computer of one's own only."""
    split = urlsplit(text.strip().rstrip("/"))
    try:
        host, port = split.hostname or "", split.port
    except ValueError:
        raise DeclinedError("panel.bad_origin", field="origins", origin=text.strip()[:100]) from None
    is_local = host in ("localhost", "127.0.0.1")
    fits = split.scheme == "https" or (split.scheme == "http" and is_local)
    plain = not (split.path or split.query or split.fragment or split.username)
    allowed = all(sign.isalnum() or sign in "-." for sign in host) and host.isascii()
    if not (fits and plain and host and allowed and ("." in host or is_local)):
        raise DeclinedError("panel.bad_origin", field="origins", origin=text.strip()[:100])
    return f"{split.scheme}://{host}" + (f":{port}" if port else "")
