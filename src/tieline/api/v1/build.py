"""The API with all its routes."""

from __future__ import annotations

from ninja import NinjaAPI

from tieline.api.v1 import (
    connections,
    customers,
    docs,
    errors,
    feeds,
    fetching,
    flows,
    hooks,
    inbox,
    lists,
    notifications,
    pair_runs,
    pairs,
    people,
    refused,
    replays,
    runs,
    tokens,
    undos,
    workspace,
)
from tieline.api.v1.access import TokenAuth

api = NinjaAPI(
    title="Tieline",
    version="1",
    description="Everything that Tieline's pages do, for programs. A token is made under Settings, API.",
    auth=TokenAuth(),
    urls_namespace="api-v1",
    docs_url=None,
    openapi_url="/openapi.json",
)
errors.add_to(api)
for room in (
    workspace,
    flows,
    runs,
    refused,
    replays,
    undos,
    inbox,
    notifications,
    connections,
    feeds,
    pairs,
    pair_runs,
    customers,
    fetching,
    lists,
    people,
    tokens,
    hooks,
):
    api.add_router("", room.router)
docs.add_to(api)
