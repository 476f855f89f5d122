"""The team, its invitations, and what was done by whom."""

from datetime import date, datetime
from typing import Any

from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, read, shown
from tieline.store.services import audit, sentences, team

router = Router(tags=["Team"])


class Member(Schema):
    """Somebody in the team."""

    id: str
    name: str
    email: str
    role: str
    since: datetime
    seen: datetime | None
    second_factor: bool


class Role(Schema):
    """super_admin, admin or member."""

    role: str = Field(max_length=16)


class Invited(Schema):
    """Somebody who was invited. `late`: the link has run out."""

    id: str
    email: str
    role: str
    expires: datetime
    late: bool


class Invite(Schema):
    """Whom to invite, as what, and for how many days the link works."""

    email: str = Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
    role: str = Field("member", max_length=16)
    days: int = Field(7, ge=1, le=30)


class Link(Invited):
    """With the token of the link, which is shown this once: /join/<token>/ on the pages."""

    token: str


class AuditLine(Schema):
    """Something that somebody did."""

    id: str
    at: datetime
    who: str
    action: str
    params: dict[str, Any]
    message: str


class AuditLines(Schema):
    """A page of the log, the newest first."""

    items: list[AuditLine]
    next: str | None


class WantedLines(Schema):
    """Which lines of the log."""

    subject: str = Field("", max_length=40)
    since: date | None = None
    until: date | None = None
    after: str = Field("", max_length=40)
    limit: int = Field(50, ge=1, le=200)


@router.get("/team", response={200: list[Member], **PROBLEMS}, summary="List the team")
@needs("team.see", "team")
def list_team(request: Asked) -> Any:
    """By name."""
    workspace, _ = asker(request)
    return [_member(one) for one in team.members(workspace)]


@router.put("/team/{member}/role", response={200: Member, **PROBLEMS}, summary="Change a role")
@needs("team.change", "team-role")
def change_role(request: Asked, member: str, given: Role) -> Any:
    """The last super admin stays one."""
    workspace, user = asker(request)
    return _member(team.change_role(workspace, user, read("member", member), given.role))


@router.post("/team/{member}/sign-out", response={200: Done, **PROBLEMS}, summary="Sign somebody out everywhere")
@needs("team.change", "team-sign_out")
def sign_out(request: Asked, member: str) -> Any:
    """All their sessions end."""
    workspace, user = asker(request)
    team.sign_out(workspace, user, read("member", member))
    return {"done": True}


@router.delete("/team/{member}", response={200: Done, **PROBLEMS}, summary="Take somebody off the team")
@needs("team.change", "team-remove")
def remove_member(request: Asked, member: str) -> Any:
    """Their tokens stop too."""
    workspace, user = asker(request)
    team.remove(workspace, user, read("member", member))
    return {"done": True}


@router.get("/invitations", response={200: list[Invited], **PROBLEMS}, summary="List invitations")
@needs("team.change")
def list_invitations(request: Asked) -> Any:
    """Those that were not accepted yet."""
    workspace, _ = asker(request)
    return [_invited(one) for one in team.invitations(workspace)]


@router.post("/invitations", response={200: Link, **PROBLEMS}, summary="Invite somebody")
@needs("team.change", "team-invite")
def invite(request: Asked, given: Invite) -> Any:
    """The answer has the link's token: hand it over yourself."""
    workspace, user = asker(request)
    made, token = team.invite(workspace, user, email=given.email, role=given.role, days=given.days)
    return {**_invited(made), "token": token}


@router.post("/invitations/{invitation}/renew", response={200: Link, **PROBLEMS}, summary="Renew an invitation")
@needs("team.change", "team-renew")
def renew_invitation(request: Asked, invitation: str) -> Any:
    """A new link; the old one stops."""
    workspace, user = asker(request)
    made, token = team.renew(workspace, user, read("invite", invitation))
    return {**_invited(made), "token": token}


@router.delete("/invitations/{invitation}", response={200: Done, **PROBLEMS}, summary="Take an invitation back")
@needs("team.change", "team-revoke")
def revoke_invitation(request: Asked, invitation: str) -> Any:
    """Its link stops."""
    workspace, user = asker(request)
    team.revoke(workspace, user, read("invite", invitation))
    return {"done": True}


@router.get("/audit", response={200: AuditLines, **PROBLEMS}, summary="Who did what")
@needs("audit.see", "audit", "audit-export")
def list_audit(request: Asked, wanted: Query[WantedLines]) -> Any:
    """The newest first."""
    workspace, _ = asker(request)
    before = read("audit", wanted.after) if wanted.after else None
    filters = audit.Filters(subject=wanted.subject, since=wanted.since, until=wanted.until)
    page = audit.lines(workspace, filters, before, wanted.limit)
    return {
        "items": [
            {
                "id": shown("audit", one.id),
                "at": one.at,
                "who": one.who,
                "action": one.action,
                "params": dict(one.params),
                "message": sentences.say(one.action, one.params),
            }
            for one in page.lines
        ],
        "next": shown("audit", page.older),
    }


def _member(one: team.MemberRow) -> dict[str, Any]:
    return {
        "id": shown("member", one.id),
        "name": one.name,
        "email": one.email,
        "role": one.role,
        "since": one.since,
        "seen": one.seen,
        "second_factor": one.second_factor,
    }


def _invited(one: team.Invitation) -> dict[str, Any]:
    return {
        "id": shown("invite", one.id),
        "email": one.email,
        "role": one.role,
        "expires": one.expires,
        "late": one.late,
    }
