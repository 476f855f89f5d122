"""Our OAuth client at a vendor (HUB-13): the workspace's own, else the installation's from the environment.

    client_for(workspace, manifest, environment) -> Client | None
    keep(workspace, user, connector, client_id, client_secret, environment), forget(…)
    redirect_uri()      what has to be registered at the vendor

TIELINE_<CONNECTOR>_CLIENT_ID      this installation's OAuth client at a vendor, for workspaces without one (TIELINE_ZOHO_CRM_CLIENT_ID)
TIELINE_<CONNECTOR>_CLIENT_SECRET  its secret

A sandbox has a client of its own, which needs no registration.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.utils import timezone

from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, OAuthClient, Secret
from tieline.store.secrets import installed
from tieline.store.services.asking import SANDBOX, manifest_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

RETURN_PATH = "/connections/consent/"
"""Where vendors send people back to, below the public address."""


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client and whose it is."""

    client_id: str
    client_secret: str = field(repr=False)
    whose: Literal["workspace", "installation", "sandbox"]


def redirect_uri() -> str:
    """The redirect address of every consent of this installation."""
    return f"{settings.TIELINE_PUBLIC_URL}{RETURN_PATH}"


def environment_names(manifest: Manifest) -> tuple[str, str]:
    """The names of the variables that hold the installation's client."""
    stem = f"TIELINE_{manifest.name.upper()}_CLIENT"
    return f"{stem}_ID", f"{stem}_SECRET"


def client_for(workspace: int, manifest: Manifest, environment: str = "production") -> Client | None:
    """The client that a consent in this workspace uses; None where there is none yet."""
    with workspace_tx(workspace):
        row = OAuthClient.objects.filter(
            workspace_id=workspace, connector=manifest.name, environment=environment
        ).first()
    if row is not None:
        kept = installed().open(bytes(row.client), workspace, 0, _place(manifest.name, environment))
        return Client(kept["client_id"], kept["client_secret"], "workspace")
    if environment == SANDBOX:
        played = importlib.import_module(f"{manifest.package}.sandbox").SANDBOX.oauth_client
        return Client(played[0], played[1], "sandbox") if played else None
    named = [os.environ.get(name, "").strip() for name in environment_names(manifest)]
    return Client(named[0], named[1], "installation") if all(named) else None


def keep(
    workspace: int,
    user: User | None,
    connector: str,
    client_id: str,
    client_secret: str,
    environment: str = "production",
) -> None:
    """The workspace's own client from now on. Connections made with the same client id get its new secret."""
    manifest = manifest_of(connector)
    if manifest.auth.kind != "oauth2":
        raise DeclinedError("consent.not_oauth", vendor=manifest.title)
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not value.strip():
            raise DeclinedError("connection.field_required", field=name, label=name)
    client = {"client_id": client_id.strip(), "client_secret": client_secret.strip()}
    with workspace_tx(workspace):
        sealed = installed().close(client, workspace, 0, _place(connector, environment))
        OAuthClient.objects.update_or_create(
            workspace_id=workspace,
            connector=connector,
            environment=environment,
            defaults={"client": sealed, "changed": timezone.now()},
        )
        _renew(workspace, connector, client)
        note(workspace, user, "oauth_client.kept", connector=connector, environment=environment)


def forget(workspace: int, user: User | None, connector: str, environment: str = "production") -> None:
    """The installation's client again. Connections made with the other one go on with it. DeclinedError for what is no name."""
    if not (connector + environment).isprintable():
        raise DeclinedError("connection.gone")  # a database does not even look for such a name
    with workspace_tx(workspace):
        gone, _ = OAuthClient.objects.filter(
            workspace_id=workspace, connector=connector, environment=environment
        ).delete()
        if gone:
            note(workspace, user, "oauth_client.forgotten", connector=connector, environment=environment)


def _renew(workspace: int, connector: str, client: dict[str, str]) -> None:
    seal = installed()
    for connection in Connection.objects.filter(workspace_id=workspace, connector=connector):
        held = {row.name: row for row in Secret.objects.filter(workspace_id=workspace, connection=connection)}
        own = connection.config.get("fields", {}).get("client_id")
        row = held.get("client_secret")
        if row is not None and own == client["client_id"]:
            row.sealed = seal.close(client["client_secret"], workspace, connection.pk, "client_secret")
            row.changed = timezone.now()
            row.save(update_fields=["sealed", "changed"])


def _place(connector: str, environment: str) -> str:
    return f"oauth_client:{connector}:{environment}"
