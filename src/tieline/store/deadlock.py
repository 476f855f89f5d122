"""What pages write while others write the same rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected

Given = ParamSpec("Given")
Made = TypeVar("Made")
TRIES = 3


def once_more(do: Callable[Given, Made]) -> Callable[Given, Made]:
    """For a function that is one transaction: those that wait for each other crosswise (people who decide groups of cases, a drain
    that saves many calls) go on one after the other. The one that the database breaks off begins anew, and finds what the
    others have made."""

    @wraps(do)
    def tried(*given: Given.args, **named: Given.kwargs) -> Made:
        for left in range(TRIES - 1, -1, -1):
            try:
                return do(*given, **named)
            except OperationalError as error:
                if not left or connection.in_atomic_block or not isinstance(error.__cause__, DeadlockDetected):
                    raise
        raise AssertionError

    return tried
