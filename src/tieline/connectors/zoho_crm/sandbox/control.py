"""Control routes of the Zoho CRM sandbox beyond the kit's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID, Client
from tieline.connectors.zoho_crm.sandbox.schema import User
from tieline.sdk.sandbox import Reply, Request, json_reply

if TYPE_CHECKING:
    from tieline.connectors.zoho_crm.sandbox import ZohoCrm

ALL_SCOPES = (
    "ZohoCRM.modules.ALL,ZohoCRM.settings.ALL,ZohoCRM.users.ALL,ZohoCRM.org.READ,ZohoCRM.coql.READ,ZohoCRM.composite_requests.CUSTOM,"
    "ZohoCRM.change_owner.CREATE"
)


def controlled(sandbox: ZohoCrm, action: str, request: Request) -> Reply | None:
    """The answer, or None for an unknown route; raises ValueError or KeyError for what is missing in the body."""
    value: dict[str, Any] = request.json() if request.body else {}
    match request.method, action:
        case "POST", "token":
            user = value.get("user") or next(iter(sandbox.schema.users))
            scopes = frozenset(str(value.get("scope") or ALL_SCOPES).split(","))
            grant, token = sandbox.accounts.give(value.get("client_id", CLIENT_ID), user, scopes)
            domain = f"{request.origin}/zoho_crm/api"
            return json_reply(
                200,
                {
                    "access_token": token,
                    "refresh_token": grant.refresh,
                    "api_domain": domain,
                    "expires_in": sandbox.accounts.token_life,
                },
            )
        case "POST", "clients":
            sandbox.accounts.clients[value["client_id"]] = Client(
                value["client_secret"], tuple(value.get("redirect_uris", ()))
            )
            return json_reply(200, {})
        case (("POST" | "GET"), "behaviour"):
            return json_reply(200, sandbox.apply_behaviour(value))
        case "POST", "layouts":
            return json_reply(200, _layout(sandbox, value))
        case "POST", "users":
            return json_reply(200, _user(sandbox, value))
    return None


def _layout(sandbox: ZohoCrm, value: dict[str, Any]) -> dict[str, Any]:
    """A new layout, or more required fields and pipelines on one that is there."""
    schema = sandbox.schema
    module = schema.modules[value["module"]]
    required = list(value.get("required", ()))
    unknown = [name for name in required if name not in module.fields]
    if unknown:
        raise ValueError(f"{module.name} has no field {unknown[0]}")
    if "name" in value:
        layout = schema.add_layout(module.name, value["name"], required)
    else:
        wanted = value.get("layout_id", module.layouts[0].id)
        layout = next(one for one in module.layouts if one.id == wanted)
        layout.required = set(required) if "required" in value else layout.required
    made = [
        schema.add_pipeline(
            module.name,
            layout,
            one["name"],
            [(stage["name"], stage.get("forecast_type", "Open")) for stage in one["stages"]],
        )
        for one in value.get("pipelines", ())
    ]
    return {"id": layout.id, "pipelines": [one.id for one in made]}


def _user(sandbox: ZohoCrm, value: dict[str, Any]) -> dict[str, Any]:
    """Change a user's status, or add one."""
    users = sandbox.schema.users
    if "id" in value:
        users[value["id"]].status = value["status"]
        users[value["id"]].modified = sandbox.now()
        return {"id": value["id"]}
    other = next(iter(users.values()))
    made = User(
        sandbox.schema.settings_ids.next(), value["first_name"], value["last_name"], value["email"], value.get("status", "active"), other.role, other.profile,
        modified=sandbox.now(),
    )  # fmt: skip
    users[made.id] = made
    return {"id": made.id}
