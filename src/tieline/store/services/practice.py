"""A connection to a sandbox practises: the sandbox sends an event, or plays a call, as its vendor would.

    send_test(workspace, user, connection)
    play_call(workspace, user, connection, outcome="missed")
    open_page(workspace, user, connection, home="http://…/runs/")     where a person makes calls of any kind by hand

Only for connections of the environment "sandbox", by the control routes of the sandbox (`tieline.sdk.sandbox`).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from tieline.sdk.http import open_session
from tieline.store.connection import workspace_tx
from tieline.store.services import asking, connections
from tieline.store.services.asking import CHECK_S, SANDBOX, manifest_of, opening_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.team.models import Workspace

if TYPE_CHECKING:
    from tieline.store.models import Connection
    from tieline.store.team.models import User


def can(connection: Connection) -> bool:
    """Whether this connection can practise."""
    return (
        connection.environment == SANDBOX
        and bool(asking.sandbox_url(connection.connector))
        and "events" in manifest_of(connection.connector).facets
    )


def send_test(workspace: int, user: User | None, connection: int) -> None:
    """The event that the vendor sends when somebody presses "Send test"."""
    _control(workspace, user, connection, "test", {})


def play_call(workspace: int, user: User | None, connection: int, *, outcome: str = "missed") -> str:
    """An incoming call that ends now, from a number that nobody knows, to the first line; the number."""
    row = connections.get(workspace, connection)
    number = f"+3363998{secrets.randbelow(10000):04}"  # a range kept for stories
    lines = [line[0] for line in row.lines[:1]] or ["+33186950011"]
    call = {"number": number, "lines": lines, "outcome": outcome, "talk_s": 0 if outcome == "missed" else 42}
    _control(workspace, user, connection, "calls", call)
    return number


def has_page(connection: Connection) -> bool:
    """Whether its sandbox has a page on which people make events happen."""
    return can(connection) and bool(manifest_of(connection.connector).events.sandbox_page)


def open_page(workspace: int, user: User | None, connection: int, *, home: str = "") -> str:
    """Tells the sandbox's page about this company (its lines and where events go) and gives the page's address. `home`:
    where people see what came of an event."""
    row = connections.get(workspace, connection)
    page = manifest_of(row.connector).events.sandbox_page
    if not has_page(row):
        raise DeclinedError("connection.no_sandbox", vendor=manifest_of(row.connector).title)
    with workspace_tx(workspace):
        url = connections.intake_url(row)
        secret = opening_of(row).fields.get(manifest_of(row.connector).events.secret, "")
        company = Workspace.objects.get(pk=workspace)
    office = {
        "key": company.key,
        "label": company.name,
        "urls": {"new" if secret else "old": url},
        "secret": secret,
        "lines": [{"number": number, "label": label} for number, label in row.lines],
        "home": home,
    }
    _control(workspace, user, connection, "offices", office)
    return f"{asking.sandbox_url(row.connector)}{page}?office={company.key}"


def _control(workspace: int, user: User | None, connection: int, action: str, body: dict[str, Any]) -> None:
    with workspace_tx(workspace):
        row = connections.locked(workspace, connection)
        manifest = manifest_of(row.connector)
        if not can(row):
            raise DeclinedError("connection.no_sandbox", vendor=manifest.title)
        url = connections.intake_url(row)
        secret = opening_of(row).fields.get(manifest.events.secret, "")
        note(workspace, user, "connection.practised", title=row.title, what=action)
    hook = {"contract": "new", "url": url, **({"secret": secret} if secret else {})}
    steps = [(action, body)] if action == "offices" else [("webhooks", hook), (action, body)]
    base = urlsplit(asking.sandbox_url(row.connector))
    control = f"{base.scheme}://{base.netloc}/_control/{row.connector}"

    async def inside() -> bool:
        session = open_session(connections=2)
        try:
            for name, value in steps:
                async with session.post(f"{control}/{name}", json=value) as answer:
                    if answer.status != 200:
                        return False
        except aiohttp.ClientError:
            return False
        finally:
            await session.close()
        return True

    try:
        done = asking.alone(inside, CHECK_S)
    except TimeoutError:
        done = False
    if not done:
        raise DeclinedError("vendor.unreachable", vendor=manifest.title)
