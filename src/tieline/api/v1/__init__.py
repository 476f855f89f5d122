"""The API, version 1: everything that the pages do, for programs. Described by OpenAPI at /api/v1/openapi.json, to be read at /api/v1/docs.

A request carries `Authorization: Bearer tl_…`, a token made under Settings, API. The token says which workspace is meant and which
actions it may do (`store/team/actions.py`); each route says which action it is (`access.needs`). Ids are opaque texts, times ISO 8601 in
UTC, lists have `items` and `next` (to be given as `after`). An error is `{"error": {"code", "message", "params"}}`, the message in the language
of Accept-Language.
"""

from tieline.api.v1.build import api

__all__ = ["api"]
