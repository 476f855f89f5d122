"""Keys to the API: made by a member, shown once, ended by hand or by their date.

    listed(workspace) -> [Token]
    make(workspace, user, name, actions, days=None, until=None) -> (Token, text)     the text is shown this once
    end(workspace, user, token)
    bearer(text) -> Bearer | None                                        who asks with it, and what they may do

A token may do what it names, and no more than the member who made it may do now: who leaves the team takes their tokens along, and
where everybody needs a second factor to come in, tokens of those without one do nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import connection as database
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.team import has_second_factor
from tieline.store.team.actions import ACTIONS, may
from tieline.store.team.models import ApiToken, Member

if TYPE_CHECKING:
    from tieline.store.team.models import User

PREFIX = "tl_"
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as it is listed. `hint`: how it begins. `works`: neither ended nor expired."""

    id: int
    name: str
    hint: str
    actions: Sequence[str]
    made_by: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    works: bool


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks with a token. `actions` are those that the token names and its maker's role allows; `expires`: when it ends by
    itself."""

    token: int
    member: Member
    actions: frozenset[str]
    expires: datetime | None = None


def listed(workspace: int) -> list[Token]:
    """Every key, the newest first; ended ones for a month more."""
    with workspace_tx(workspace):
        month = timezone.now() - timedelta(days=30)
        rows = ApiToken.objects.filter(workspace_id=workspace).exclude(revoked__lt=month)
        return [_token(row) for row in rows.select_related("made_by").order_by("-id")]


def make(
    workspace: int,
    user: User,
    name: str,
    actions: Sequence[str],
    days: int | None = None,
    *,
    until: datetime | None = None,
) -> tuple[Token, str]:
    """A new key, and its text, which nobody can read again. It ends after so many days, and at `until` at the latest. DeclinedError: "token.no_name", "token.no_actions" (none, an
    unknown one, or one that the maker may not do)."""
    if not name.strip():
        raise DeclinedError("token.no_name")
    with workspace_tx(workspace):
        member = Member.objects.filter(workspace_id=workspace, user=user).first()
        wanted = sorted(set(actions))
        if not wanted or any(one not in ACTIONS or not may(member, one) for one in wanted):
            raise DeclinedError("token.no_actions")
        text = PREFIX + secrets.token_urlsafe(32)
        ends = [one for one in (until, timezone.now() + timedelta(days=days) if days else None) if one is not None]
        row = ApiToken.objects.create(
            workspace_id=workspace,
            name=name.strip()[:80],
            token_hash=_hash(text),
            hint=text[:9],
            actions=wanted,
            made_by=user,
            expires=min(ends, default=None),
        )
        note(workspace, user, "token.made", name=row.name)
        return _token(row), text


def end(workspace: int, user: User | None, token: int) -> None:
    """It works no more, from this moment. DeclinedError "token.gone" where there is none."""
    with workspace_tx(workspace):
        row = ApiToken.objects.filter(workspace_id=workspace, pk=token, revoked=None).first()
        if row is None:
            raise DeclinedError("token.gone")
        row.revoked = timezone.now()
        row.save(update_fields=["revoked"])
        note(workspace, user, "token.ended", name=row.name)


def bearer(text: str) -> Bearer | None:
    """Who asks with this token; None for one that does not work, or whose maker is in the team no more."""
    if not text.startswith(PREFIX) or len(text) > 100:
        return None
    with database.cursor() as cursor:
        cursor.execute("SELECT token, workspace FROM team_token(%s)", [_hash(text)])
        found = cursor.fetchone()
    if found is None:
        return None
    now = timezone.now()
    with workspace_tx(found[1]):
        row = ApiToken.objects.get(pk=found[0])
        if row.last_used is None or now - row.last_used > SEEN_EVERY:
            ApiToken.objects.filter(pk=row.pk).update(last_used=now)
        members = Member.objects.select_related("user", "workspace")
        member = members.filter(workspace_id=found[1], user_id=row.made_by_id or 0).first()
        if member is None or not member.user.is_active:
            return None
        actions = frozenset(one for one in row.actions if one in ACTIONS and may(member, one))
        if member.workspace.second_factor and not has_second_factor(member.user):
            actions = frozenset()
        return Bearer(row.pk, member, actions, row.expires)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _token(row: ApiToken) -> Token:
    now = timezone.now()
    return Token(
        row.pk,
        row.name,
        row.hint,
        tuple(row.actions),
        row.made_by.name if row.made_by else "",
        row.created,
        row.expires,
        row.last_used,
        row.revoked is None and (row.expires is None or row.expires > now),
    )
