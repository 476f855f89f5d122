"""Sessions in rows that name their user: listed, ended one by one or all but one. Django's session engine.

What a row says about the browser is written into the session at sign-in (`SIGNED_IN`) and kept beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

SIGNED_IN = "signed_in"  # {"device", "address", "at"} of the sign-in
NOTED_EVERY = timedelta(minutes=5)


class SessionStore(DatabaseStore):
    """Django's, with the user beside the session. `seen`: when the row was last noted, None before it is read."""

    seen: datetime | None = None

    @classmethod
    def get_model_class(cls) -> Any:
        """Our rows."""
        from tieline.store.team.models import Session

        return Session

    def create_model_instance(self, data: Mapping[str, Any]) -> Any:
        """The row of a session as it is now."""
        row = super().create_model_instance(data)  # type: ignore[arg-type]
        said = data.get(SIGNED_IN) or {}
        row.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
        row.device, row.address = str(said.get("device", ""))[:300], str(said.get("address", ""))[:45]
        row.begun = datetime.fromisoformat(said["at"]) if said.get("at") else timezone.now()
        row.seen = timezone.now()
        return row

    def _get_session_from_db(self) -> Any:
        row = super()._get_session_from_db()  # type: ignore[misc] # not in the stubs
        self.seen = row.seen if row is not None else None
        return row


@dataclass(frozen=True, slots=True)
class Open:
    """One open session. `id` names it without being its key. `device` as the browser names itself."""

    id: str
    device: str
    address: str
    begun: datetime
    seen: datetime
    here: bool


def _named(key: str) -> str:
    return hashlib.sha256(f"session:{key}".encode()).hexdigest()[:24]


def described(device: str, address: str) -> dict[str, str]:
    """What is put under `SIGNED_IN` into a session."""
    return {"device": device[:300], "address": address[:45], "at": timezone.now().isoformat()}


def open_sessions(user_id: int, here: str | None) -> Sequence[Open]:
    """A user's sessions, the one of this request first, then the last used. `here` is its key."""
    from tieline.store.team.models import Session

    rows = Session.objects.filter(user_id=user_id, expire_date__gt=timezone.now()).defer("session_data")
    found = [
        Open(_named(row.pk), row.device, row.address, row.begun, row.seen, row.pk == here)
        for row in rows.order_by("-seen")[:100]
    ]
    return sorted(found, key=lambda one: not one.here)


def end(user_id: int, named: str) -> bool:
    """End one session of a user, by its `Open.id`; whether there was one."""
    from tieline.store.team.models import Session

    keys = Session.objects.filter(user_id=user_id).values_list("pk", flat=True)
    wanted = [key for key in keys if _named(key) == named]
    return bool(Session.objects.filter(pk__in=wanted).delete()[0]) if wanted else False


def end_others(user_id: int, here: str | None) -> int:
    """End every session of a user but the one of this request; how many that were."""
    from tieline.store.team.models import Session

    return Session.objects.filter(user_id=user_id).exclude(pk=here or "").delete()[0]


def note_seen(session: Any, now: datetime) -> None:
    """Write that a session is in use, at most every five minutes."""
    from tieline.store.team.models import Session

    seen = getattr(session, "seen", None)
    if seen is not None and session.session_key and now - seen > NOTED_EVERY:
        Session.objects.filter(pk=session.session_key).update(seen=now)
