"""What can go wrong with the private server, as codes with parameters."""

from __future__ import annotations

from tieline.core.errors import TielineError


class DatabaseError(TielineError):
    """The private server could not be made, started or stopped.

    Codes: `database.no_programs` (path) · `database.no_user` (tried) · `database.no_place` (path) ·
    `database.init_failed` (log) · `database.start_failed` (log) · `database.start_slow` (seconds) ·
    `database.stop_failed` (pid) · `database.other_version` (found, wanted) · `database.keys_unreadable` (path) ·
    `database.app_role_refused` (role).
    """

    code = "database.start_failed"
