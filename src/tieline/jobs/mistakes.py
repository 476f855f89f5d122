"""A mistake of ours as the log says it: what kind and where, never its text.

The text of an exception quotes what it stumbled over: a row, a piece of an event, a phone number.
"""

from __future__ import annotations

import traceback

PLACES = 4


def told(error: BaseException) -> str:
    """The kind of an error and the places in the code that led to it, the innermost last."""
    places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-PLACES:]]
    return f"{type(error).__name__} at {' > '.join(places)}" if places else type(error).__name__
