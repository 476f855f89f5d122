"""The people of a workspace: who is in, who is invited, what each may do.

members(workspace) -> [MemberRow]                              everybody, super admins first
change_role(workspace, user, member, role) -> MemberRow        the last super admin stays one
remove(workspace, user, member)                                and ends every session of theirs
sign_out(workspace, user, member)                              ends every session of theirs
invitations(workspace) -> [Invitation]                         open ones, newest first
invite(workspace, user, email, role, days, mailed) -> (Invitation, token)     the token is given once and not kept
renew(workspace, user, invitation) -> (Invitation, token)      a new link; the old one stops working
revoke(workspace, user, invitation)
joined(member)                                                 an invitation was accepted
require_second_factor(workspace, user, on)                     nobody comes in without one

`user` is who asks (None: Tieline itself), `member` and `invitation` are row ids. Declined: `team.…` codes. Whether an address
has an account is in no answer here: people of other workspaces are nobody's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Case, Exists, IntegerField, OuterRef, QuerySet, Value, When
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.team import people
from tieline.store.team.models import Member, OneTimeLink, Role, Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User

DAYS = (1, 7, 30)
"""For how long an invitation may be good."""

_RANK = Case(
    When(role=Role.SUPER_ADMIN, then=Value(0)),
    When(role=Role.ADMIN, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """`id` of the membership, `user` of the person. `seen`: the last page they opened in this workspace."""

    id: int
    user: int
    name: str
    email: str
    role: str
    since: datetime
    seen: datetime | None
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation. `mailed`: Tieline sent it to the address. `late`: it has run out."""

    id: int
    email: str
    role: str
    created: datetime
    expires: datetime
    invited_by: str
    mailed: bool
    late: bool


def second_factor_of(user_column: str) -> Exists:
    """Whether the user of a row has a second factor; recovery codes alone are none."""
    authenticators: Any = apps.get_model("mfa", "Authenticator").objects
    return Exists(authenticators.filter(user_id=OuterRef(user_column)).exclude(type="recovery_codes"))


def members(workspace: int) -> Sequence[MemberRow]:
    """Everybody who is in, super admins first, then by name. One query."""
    with workspace_tx(workspace):
        return [_row(one) for one in _members(workspace).order_by(_RANK, "user__name", "pk")]


def change_role(workspace: int, user: User | None, member: int, role: str) -> MemberRow:
    """Give a member another role. Declined: `team.gone`, `team.role_unknown`, `team.last_super_admin`."""
    if role not in Role.values:
        raise DeclinedError("team.role_unknown", role=role)
    with workspace_tx(workspace):
        row = _member(workspace, member)
        before = row.role
        if before != role:
            _declining(lambda: people.change_role(row, role))
            note(workspace, user, "team.role", name=row.user.name, before=before, after=str(role))
    return _row(row)


def remove(workspace: int, user: User | None, member: int) -> None:
    """Take somebody out. Their sessions end on every device. Declined: `team.gone`, `team.last_super_admin`."""
    with workspace_tx(workspace):
        row = _member(workspace, member)
        _declining(lambda: people.remove_member(row))
        people.sign_out_everywhere(row.user)
        note(workspace, user, "team.removed", name=row.user.name, email=row.user.email)


def sign_out(workspace: int, user: User | None, member: int) -> None:
    """End every session of a member. Declined: `team.gone`."""
    with workspace_tx(workspace):
        row = _member(workspace, member)
        people.sign_out_everywhere(row.user)
        note(workspace, user, "team.signed_out", name=row.user.name)


def invitations(workspace: int) -> Sequence[Invitation]:
    """Those that nobody accepted yet, newest first; ones that ran out are among them for 30 days."""
    with workspace_tx(workspace):
        return [_invitation(one) for one in _links(workspace).order_by("-created", "-pk")[:500]]


def invite(
    workspace: int, user: User | None, *, email: str, role: str, days: int = 7, mailed: bool = False
) -> tuple[Invitation, str]:
    """Invite the owner of an address; an earlier invitation of the same address stops working.

    The answer is the same whether or not the address has an account. `mailed` says that the caller sends the token there.
    Declined: `team.bad_address`, `team.already_in`, `team.role_unknown`, `team.days`.
    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise DeclinedError("team.bad_address", field="email") from None
    if role not in Role.values:
        raise DeclinedError("team.role_unknown", field="role", role=role)
    if days not in DAYS:
        raise DeclinedError("team.days", field="days", days=days)
    with workspace_tx(workspace):
        if Member.objects.filter(workspace_id=workspace, user__email=email).exists():
            raise DeclinedError("team.already_in", field="email", email=email)
        token = people.invitation_link(
            Workspace.objects.get(pk=workspace), email, role, lives=timedelta(days=days), by=user, mailed=mailed
        )
        row = _links(workspace).get(email=email)
        note(workspace, user, "team.invited", email=email, role=str(role))
    return _invitation(row), token


def renew(workspace: int, user: User | None, invitation: int) -> tuple[Invitation, str]:
    """A new link for the same address and role, as long as the first was; the old one stops working."""
    with workspace_tx(workspace):
        row = _link(workspace, invitation)
        days = min(DAYS, key=lambda one: abs(timedelta(days=one) - (row.expires - row.created)))
        return invite(workspace, user, email=row.email, role=row.role, days=days, mailed=row.mailed)


def revoke(workspace: int, user: User | None, invitation: int) -> None:
    """Take an invitation back: its link opens nothing any more. Declined: `team.invitation_gone`."""
    with workspace_tx(workspace):
        row = _link(workspace, invitation)
        row.delete()
        note(workspace, user, "team.uninvited", email=row.email)


def joined(member: Member) -> None:
    """Write down that somebody accepted their invitation."""
    with workspace_tx(member.workspace_id):
        note(member.workspace_id, member.user, "team.joined", name=member.user.name, role=str(member.role))


def require_second_factor(workspace: int, user: User, on: bool) -> None:
    """Whether everybody needs a second factor to come in. Who switches it on must have one: `team.own_factor_first`."""
    with workspace_tx(workspace):
        row = Workspace.objects.select_for_update().get(pk=workspace)
        if on and not has_second_factor(user):
            raise DeclinedError("team.own_factor_first")
        if row.second_factor != on:
            row.second_factor = on
            row.save(update_fields=["second_factor"])
            note(workspace, user, "team.second_factor_on" if on else "team.second_factor_off")


def has_second_factor(user: User) -> bool:
    """Whether a user has a second factor; recovery codes alone are none."""
    authenticators: Any = apps.get_model("mfa", "Authenticator").objects
    return bool(authenticators.filter(user_id=user.pk).exclude(type="recovery_codes").exists())


def _members(workspace: int) -> QuerySet[Member]:
    rows = Member.objects.filter(workspace_id=workspace).select_related("user")
    return rows.annotate(has_factor=second_factor_of("user_id"))


def _member(workspace: int, member: int) -> Member:
    row = _members(workspace).filter(pk=member).first()
    if row is None:
        raise DeclinedError("team.gone")
    return row


def _row(row: Member) -> MemberRow:
    has_factor: bool = row.has_factor
    user = row.user
    return MemberRow(row.pk, user.pk, user.name, user.email, str(row.role), row.created, row.seen, has_factor)


def _links(workspace: int) -> QuerySet[OneTimeLink]:
    rows = OneTimeLink.objects.filter(workspace_id=workspace, purpose=OneTimeLink.Purpose.INVITATION, used=None)
    return rows.select_related("invited_by")


def _link(workspace: int, invitation: int) -> OneTimeLink:
    row = _links(workspace).filter(pk=invitation).first()
    if row is None:
        raise DeclinedError("team.invitation_gone")
    return row


def _invitation(row: OneTimeLink) -> Invitation:
    by = row.invited_by.name if row.invited_by is not None else ""
    late = row.expires <= timezone.now()
    return Invitation(row.pk, row.email, str(row.role), row.created, row.expires, by, row.mailed, late)


def _declining(do: Any) -> None:
    try:
        do()
    except people.Refused as refused:
        raise DeclinedError(f"team.{refused.code}") from refused
