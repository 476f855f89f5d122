"""What is done to rows of people, each in one transaction. Pages, commands and the demo call these, never the rows."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.team.models import Member, OneTimeLink, Role, Session, User, Workspace

FIRST_LINK_LIVES = timedelta(days=7)
INVITATION_LIVES = timedelta(days=7)
PASSWORD_LINK_LIVES = timedelta(hours=24)

_FIRST_ADMIN_LOCK = 7_401_001  # one advisory lock, so that two first links cannot both make a first super admin


@dataclass
class Refused(Exception):  # noqa: N818 - a value that is raised, with a code and never a sentence
    """Something about people that cannot be done. `code` is one of those in `tieline.web.reasons`."""

    code: str


def somebody_exists() -> bool:
    """Whether anybody has an account on this installation yet."""
    return User.objects.exists()


def workspace_key(name: str) -> str:
    """A free key for a workspace of this name, made of a-z, 0-9 and hyphens: "Nordlys ApS" gives "nordlys-aps"."""
    plain = unicodedata.normalize(
        "NFKD", name.replace("ø", "o").replace("Ø", "O").replace("æ", "ae").replace("Æ", "Ae")
    )
    base = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")[:32] or "workspace"
    taken = set(Workspace.objects.filter(key__startswith=base).values_list("key", flat=True))
    key, number = base, 1
    while key in taken:
        number += 1
        key = f"{base}-{number}"
    return key


@transaction.atomic
def create_workspace(name: str, *, zone: str = "UTC", country: str = "", language: str = "en") -> Workspace:
    """A new workspace with a key made from its name. `zone` is an IANA name, `country` an ISO 3166 code."""
    return Workspace.objects.create(
        key=workspace_key(name), name=name.strip(), zone=zone, country=country, language=language
    )


@transaction.atomic
def create_user(email: str, name: str, password: str | None, *, language: str = "") -> User:
    """A new user; with `password` None they can only come in by a one-time link."""
    if User.objects.filter(email=email.strip().lower()).exists():
        raise Refused("email_taken")
    user = User(email=email, name=name.strip(), language=language)
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    return user


@transaction.atomic
def add_member(workspace: Workspace, user: User, role: Role | str) -> Member:
    """Give a user a role in a workspace, or change the one they have."""
    with workspace_tx(workspace.pk):
        member, _ = Member.objects.update_or_create(workspace=workspace, user=user, defaults={"role": Role(role)})
    return member


def _let_in(workspace: Workspace, user: User, role: Role | str) -> Member:
    """Give an invited user their role; who is in already keeps theirs, so that no invitation takes a right away."""
    with workspace_tx(workspace.pk):
        member, _ = Member.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role(role)})
    return member


@transaction.atomic
def change_role(member: Member, role: Role | str) -> Member:
    """Change a role. The last super admin of a workspace stays one (`last_super_admin`)."""
    with workspace_tx(member.workspace_id):
        _keep_a_super_admin(member, becoming=Role(role))
        member.role = Role(role)
        member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove_member(member: Member) -> None:
    """Take somebody out of a workspace. The last super admin cannot be removed (`last_super_admin`)."""
    with workspace_tx(member.workspace_id):
        _keep_a_super_admin(member, becoming=None)
        member.delete()


def _keep_a_super_admin(member: Member, *, becoming: Role | None) -> None:
    if member.role != Role.SUPER_ADMIN or becoming == Role.SUPER_ADMIN:
        return
    heads = Member.objects.select_for_update().filter(workspace_id=member.workspace_id, role=Role.SUPER_ADMIN)
    heads = heads.order_by("pk")  # two who demote each other do not wait for each other crosswise
    if not [head for head in heads if head.pk != member.pk]:
        raise Refused("last_super_admin")


def sign_out_everywhere(user: User) -> None:
    """End every session of this user, on every device, at their next request."""
    Session.objects.filter(user=user).delete()
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)


def sign_out_everybody(workspace: Workspace) -> int:
    """End every session of every member of a workspace; how many people that is."""
    with workspace_tx(workspace.pk):
        people = list(Member.objects.filter(workspace=workspace).values_list("user_id", flat=True))
    Session.objects.filter(user_id__in=people).delete()
    return User.objects.filter(pk__in=people).update(session_generation=F("session_generation") + 1)


# ---------------------------------------------------------------------------------------------------------- links


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _of_no_workspace(purpose: OneTimeLink.Purpose, lives: timedelta, user: User | None) -> str:
    token = secrets.token_urlsafe(24)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT team_make_link(%s, %s, %s, %s)",
            [_hash(token), purpose.value, user.pk if user is not None else None, timezone.now() + lives],
        )
    return token


@transaction.atomic
def first_admin_link() -> str:
    """The token of a link for the first super admin; earlier unused ones stop working. Refused: `not_first`."""
    if somebody_exists():
        raise Refused("not_first")
    return _of_no_workspace(OneTimeLink.Purpose.FIRST, FIRST_LINK_LIVES, None)


def invitation_link(
    workspace: Workspace,
    email: str,
    role: Role | str,
    *,
    lives: timedelta = INVITATION_LIVES,
    by: User | None = None,
    mailed: bool = False,
) -> str:
    """The token of a link that lets the owner of `email` into a workspace with a role. Earlier unused ones for the same
    address stop working."""
    token, now = secrets.token_urlsafe(24), timezone.now()
    with workspace_tx(workspace.pk):
        links = OneTimeLink.objects.filter(workspace=workspace, purpose=OneTimeLink.Purpose.INVITATION)
        links.filter(expires__lt=now - timedelta(days=30)).delete()
        links.filter(email=email.strip().lower(), used=None).delete()
        OneTimeLink.objects.create(
            token_hash=_hash(token),
            purpose=OneTimeLink.Purpose.INVITATION,
            workspace=workspace,
            email=email.strip().lower(),
            role=Role(role),
            invited_by=by,
            mailed=mailed,
            expires=now + lives,
        )
    return token


@transaction.atomic
def password_link(user: User) -> str:
    """The token of a link by which a user sets a new password; earlier unused ones stop working."""
    return _of_no_workspace(OneTimeLink.Purpose.PASSWORD, PASSWORD_LINK_LIVES, user)


def open_link(token: str) -> OneTimeLink | None:
    """The unused, unexpired link of this token, or None."""
    return next(iter(OneTimeLink.objects.raw("SELECT * FROM team_link(%s)", [_hash(token)])), None)


def _take(token: str) -> OneTimeLink:
    """Use the link up in the caller's transaction; two who use it at once are one."""
    link = next(iter(OneTimeLink.objects.raw("SELECT * FROM team_take_link(%s)", [_hash(token)])), None)
    if link is None:
        raise Refused("link_gone")
    return link


@transaction.atomic
def use_first_link(
    token: str, *, company: str, zone: str, country: str, name: str, email: str, password: str, language: str
) -> Member:
    """Make the first user and the first workspace, with that user as its super admin."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FIRST_ADMIN_LOCK])
    link = _take(token)
    if link.purpose != OneTimeLink.Purpose.FIRST or somebody_exists():
        raise Refused("link_gone")
    workspace = create_workspace(company, zone=zone, country=country, language=language or "en")
    return add_member(workspace, create_user(email, name, password, language=language), Role.SUPER_ADMIN)


@transaction.atomic
def use_invitation(token: str, *, name: str, password: str, language: str) -> Member:
    """Make the invited user and give them their role. Who already has an account uses `accept_invitation`."""
    link = _take(token)
    if link.purpose != OneTimeLink.Purpose.INVITATION or link.workspace is None:
        raise Refused("link_gone")
    return _let_in(link.workspace, create_user(link.email, name, password, language=language), link.role)


@transaction.atomic
def accept_invitation(token: str, user: User) -> Member:
    """Give a signed-in user the role they were invited to; the invitation must be for their address."""
    link = _take(token)
    if link.purpose != OneTimeLink.Purpose.INVITATION or link.workspace is None or link.email != user.email:
        raise Refused("link_gone")
    return _let_in(link.workspace, user, link.role)


@transaction.atomic
def use_password_link(token: str, password: str) -> User:
    """Set a new password, which ends every session of that user."""
    link = _take(token)
    if link.purpose != OneTimeLink.Purpose.PASSWORD or link.user is None:
        raise Refused("link_gone")
    link.user.set_password(password)
    link.user.session_generation += 1
    link.user.save(update_fields=["password", "session_generation"])
    Session.objects.filter(user=link.user).delete()
    return link.user
