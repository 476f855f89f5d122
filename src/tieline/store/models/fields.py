"""Column types that Django lacks, and the columns that every row of a workspace has."""

from __future__ import annotations

from typing import Any

from django.db import models

WORKSPACE = "team.Workspace"


class JsonText(models.JSONField):
    """JSON kept as text (`json`, not `jsonb`): nothing is looked up inside it, and writing it costs a third."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django names the parameter
        """`json` instead of `jsonb`."""
        return "json"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """psycopg gives `json` parsed and Django's `jsonb` as text: both are taken."""
        return super().from_db_value(value, expression, connection) if isinstance(value, str) else value


def workspace() -> Any:
    """The workspace of a row that is written in bulk: no constraint, no index of its own. Every query names it."""
    return models.ForeignKey(
        WORKSPACE, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )


def owned() -> Any:
    """The workspace of a row of which there are few."""
    return models.ForeignKey(WORKSPACE, on_delete=models.CASCADE, related_name="+")


def loose(to: str, *, null: bool = False) -> Any:
    """A reference without constraint and index, for rows that are written in bulk."""
    return models.ForeignKey(
        to, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, null=null, blank=null
    )
