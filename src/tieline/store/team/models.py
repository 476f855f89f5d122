"""Rows of people: user, workspace, member, one-time link, session.

A user is one person for the whole installation; what they may do is a role in each workspace (`Member`).
Times are UTC; a workspace's zone is an IANA name and rules are judged in it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac


class Role(models.TextChoices):
    """What a member is in a workspace. The sentences for people are in `tieline.web.permissions`."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    MEMBER = "member"


class Theme(models.TextChoices):
    """Light or dark, or as the reader's system has it."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class UserQuery(BaseUserManager["User"]):
    """Users by their e-mail address, which is kept in lower case."""

    def get_by_natural_key(self, username: str | None) -> User:
        """The user who signs in with this e-mail address, in whatever case it was typed."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """One person who signs in by e-mail and password, and how the pages speak and look for them."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Counted up, it ends every session of this user at once: it is part of what a session is checked against.
    session_generation = models.PositiveIntegerField(default=0)
    language = models.CharField(max_length=8, blank=True, default="")  # "" = as the browser asks
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM)
    shortcuts = models.BooleanField(default=True)  # single-letter keys (j, k, 1-9, a, u, /)

    objects: ClassVar[UserQuery] = UserQuery()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the address in lower case, so that one person cannot be two."""
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        """The name as the user wrote it."""
        return self.name

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """What each session must agree with: password and generation, so that both end sessions when they change."""
        return salted_hmac(
            "tieline.store.team.User.session",
            f"{self.password}:{self.session_generation}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()


class Workspace(models.Model):
    """One company: its flows, connections and people. Nothing crosses from one to another."""

    key = models.SlugField(max_length=40, unique=True)  # stands in addresses: /w/<key>/
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, blank=True, default="")  # for numbers written without one
    language = models.CharField(max_length=8, default="en")  # of the texts that are written into the CRM
    second_factor = models.BooleanField(default=False)  # everybody needs one to come in
    created = models.DateTimeField(default=timezone.now)


class Member(models.Model):
    """A user's role in one workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    created = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(null=True, blank=True)  # the last page they opened here, to five minutes

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["workspace", "user"], name="team_one_role_a_workspace"),
        ]


class OneTimeLink(models.Model):
    """A link that lets one person in once: the first super admin, an invitation, a new password.

    Only a hash of its token is kept. `workspace` is empty for the first super admin, who makes the workspace.
    """

    class Purpose(models.TextChoices):
        """What using the link does."""

        FIRST = "first"
        INVITATION = "invitation"
        PASSWORD = "password"  # noqa: S105 - a word for what the link is for

    token_hash = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    email = models.CharField(max_length=254, blank=True, default="")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    mailed = models.BooleanField(default=False)  # sent to the address, not handed over by the inviter
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)


class ApiToken(models.Model):
    """A key to the API of one workspace, made by a member; it may do no more than that member, and no more than `actions`.

    Only a hash of it is kept; `hint` is its beginning, to tell it from others.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=16)
    actions = models.JSONField(default=list)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True)  # to a minute
    revoked = models.DateTimeField(null=True)


class Session(AbstractBaseSession):
    """One browser in which somebody is signed in, so that they can see and end it. `user` is None before a sign-in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(max_length=300, blank=True, default="")  # as the browser names itself
    address = models.CharField(max_length=45, blank=True, default="")  # where it signed in from
    begun = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(default=timezone.now)  # to five minutes

    objects: ClassVar[BaseSessionManager[Any]] = BaseSessionManager()

    @classmethod
    def get_session_store_class(cls) -> Any:
        """What reads and writes these rows for Django."""
        from tieline.store.team.sessions import SessionStore

        return SessionStore
