"""Which database alias does what. Both aliases are one database, seen by two roles."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    """Tables are made by the owner role only; rows are read and written by the application role only."""

    def db_for_read(self, model: type, **hints: Any) -> str:  # noqa: ARG002 - Django names the parameters
        """Every read goes through the application role."""
        return "default"

    def db_for_write(self, model: type, **hints: Any) -> str:  # noqa: ARG002
        """Every write goes through the application role."""
        return "default"

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:  # noqa: ARG002
        """Only `migrate --database owner` makes tables; the application role may not."""
        return db == "owner"
