"""Signing in and out, the second factor, and the links that let people in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import PASSWORD, Company

pytestmark = pytest.mark.usefixtures("web")


@pytest.fixture(autouse=True)
def _no_attempts_yet(web: Any) -> None:
    """Attempts are counted by address, and all tests come from one."""
    from django.core.cache import cache

    cache.clear()


def sign_in(client: Client, user: Any, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in/", {"login": user.email, "password": password, **more})


def code_now(secret: str, step: int = 0) -> str:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def switch_on_app(client: Client) -> str:
    """Set the authenticator app up in the browser; its secret."""
    client.post("/me/confirm/", {"password": PASSWORD})
    page = client.get("/me/second-factor/app/on/", follow=True)
    secret = re.search(r"<code>([A-Z2-7]{16,})</code>", page.content.decode())
    assert secret is not None
    done = client.post(page.request["PATH_INFO"], {"code": code_now(secret[1])})
    assert done.status_code == 302
    assert done["Location"].endswith("/me/second-factor/codes/")
    return secret[1]


@pytest.mark.proves("HUB-1")
def test_password_and_address_open_the_door_in_any_case_of_letters(client: Client, company: Company) -> None:
    user = company.users["member"]
    answer = client.post("/sign-in/", {"login": user.email.upper(), "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get(company.url("/")).status_code == 200


@pytest.mark.proves("HUB-1")
def test_a_wrong_password_says_what_to_do_and_not_which_part_was_wrong(client: Client, company: Company) -> None:
    known = sign_in(client, company.users["member"], "wrong").content.decode()
    unknown = client.post("/sign-in/", {"login": "nobody@nordlys.example", "password": "wrong"}).content.decode()
    sentence = "E-mail and password do not belong together."
    assert sentence in known
    assert sentence in unknown


def test_where_one_wanted_to_go_is_where_one_arrives(client: Client, company: Company) -> None:
    wanted = company.url("/me/")
    asked = client.get(wanted)
    assert asked["Location"] == f"{company.url('/sign-in/')}?next={wanted}"
    answer = sign_in(client, company.users["member"], next=wanted)
    assert answer["Location"] == wanted
    assert sign_in(Client(), company.users["member"], next="https://elsewhere.example/")["Location"] == "/"


@pytest.mark.proves("HUB-1")
def test_guessing_is_slowed_down(client: Client, company: Company) -> None:
    user = company.users["member"]
    for _ in range(12):
        sign_in(client, user, "wrong")
    answer = sign_in(client, user)
    assert "Too many attempts" in answer.content.decode()
    assert client.get("/me/").status_code == 302


def test_nobody_makes_an_account_by_themselves(client: Client) -> None:
    from tieline.store.team.models import User

    before = User.objects.count()
    client.post("/sign-in/new/", {"email": "mallory@elsewhere.example", "password1": PASSWORD, "password2": PASSWORD})
    assert User.objects.count() == before
    assert "by invitation" in client.get("/sign-in/new/").content.decode()


@pytest.mark.proves("HUB-1")
def test_signing_out_everywhere_ends_every_session(company: Company, signed_in: Callable[[Any], Client]) -> None:
    user = company.users["member"]
    here, there, other = signed_in(user), signed_in(user), signed_in(company.users["admin"])
    assert there.get(company.url("/")).status_code == 200
    answer = here.post(company.url("/me/sign-out-everywhere/"), follow=True)
    assert "You are signed out on every device." in answer.content.decode()
    assert here.get(company.url("/")).status_code == 302
    assert there.get(company.url("/")).status_code == 302
    assert other.get(company.url("/")).status_code == 200


def test_signing_out_needs_a_form_and_ends_this_session_only(
    company: Company, signed_in: Callable[[Any], Client]
) -> None:
    user = company.users["member"]
    here, there = signed_in(user), signed_in(user)
    assert "Sign out?" in here.get(company.url("/sign-out/")).content.decode()
    assert here.get(company.url("/")).status_code == 200
    here.post(company.url("/sign-out/"))
    assert here.get(company.url("/")).status_code == 302
    assert there.get(company.url("/")).status_code == 200


def test_a_new_password_ends_the_other_sessions(company: Company, signed_in: Callable[[Any], Client]) -> None:
    user = company.users["member"]
    here, there = signed_in(user), signed_in(user)
    new = "battery staple correct"
    wrong = here.post(company.url("/me/password/"), {"oldpassword": "x", "password1": new, "password2": new})
    assert "This is not your current password." in wrong.content.decode()
    short = here.post(
        company.url("/me/password/"), {"oldpassword": PASSWORD, "password1": "short", "password2": "short"}
    )
    assert "aria-invalid" in short.content.decode()
    done = here.post(
        company.url("/me/password/"), {"oldpassword": PASSWORD, "password1": new, "password2": new}, follow=True
    )
    assert "Your password is changed." in done.content.decode()
    assert here.get(company.url("/")).status_code == 200
    assert there.get(company.url("/")).status_code == 302
    assert sign_in(Client(), user, new).status_code == 302


@pytest.mark.proves("HUB-1")
def test_with_a_second_factor_the_password_alone_opens_nothing(company: Company, client: Client) -> None:
    user = company.users["member"]
    sign_in(client, user)
    secret = switch_on_app(client)
    other = Client()
    half = sign_in(other, user)
    assert half["Location"].startswith("/sign-in/code/")
    assert other.get(company.url("/")).status_code == 302
    assert "This code is not right" in other.post("/sign-in/code/", {"code": "000000"}).content.decode()
    assert other.post("/sign-in/code/", {"code": code_now(secret, 1)}).status_code == 302
    assert other.get(company.url("/")).status_code == 200


@pytest.mark.proves("HUB-1")
def test_a_recovery_code_lets_in_once(company: Company, client: Client) -> None:
    user = company.users["member"]
    sign_in(client, user)
    switch_on_app(client)
    page = client.get(company.url("/me/second-factor/codes/")).content.decode()
    codes = re.findall(r"<code>(\d+)</code>", page)
    assert len(codes) == 10
    text = client.get(company.url("/me/second-factor/codes.txt"))
    assert text["Content-Type"].startswith("text/plain")
    assert text.content.decode().split() == codes
    for expected in (200, 302):
        other = Client()
        sign_in(other, user)
        other.post("/sign-in/code/", {"code": codes[0]})
        assert other.get(company.url("/")).status_code == expected


def test_secrets_of_the_second_factor_are_encrypted_at_rest(company: Company, client: Client) -> None:
    from allauth.mfa.models import Authenticator
    from cryptography.fernet import Fernet, MultiFernet
    from django.conf import settings

    user = company.users["member"]
    sign_in(client, user)
    secret = switch_on_app(client)
    kept = Authenticator.objects.filter(user=user)
    assert kept.count() == 2
    for one in kept:
        assert secret not in str(one.data)
    stored = kept.get(type="totp").data["secret"]
    box = MultiFernet([Fernet(key) for key in settings.TIELINE_SECRET_KEYS])
    assert box.decrypt(stored.encode()).decode() == secret


def test_switching_the_app_off_asks_who_one_is_first(company: Company, client: Client) -> None:
    from allauth.mfa.models import Authenticator

    from tieline.store.team.sessions import SessionStore

    user = company.users["member"]
    sign_in(client, user)
    secret = switch_on_app(client)
    session = SessionStore(client.cookies["tieline_session"].value)
    for proof in session["account_authentication_methods"]:
        proof["at"] -= 3600
    session.save()
    off = company.url("/me/second-factor/app/off/")
    assert "/me/confirm/" in client.get(off)["Location"]
    client.post(company.url("/me/confirm/code/"), {"code": code_now(secret, 1)})
    assert "Switch the app off?" in client.get(off).content.decode()
    client.post(off)
    assert not Authenticator.objects.filter(user=user).exists()


# ----------------------------------------------------------------------------------------------------- one-time links


def test_an_invitation_makes_the_account_with_its_role_and_works_once(company: Company, client: Client) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.team import people
    from tieline.store.team.models import Member

    email = f"new.{company.key}@nordlys.example"
    token = people.invitation_link(company.workspace, email, "admin")
    page = client.get(f"/welcome/{token}/").content.decode()
    assert company.name in page
    assert email in page
    weak = client.post(f"/welcome/{token}/", {"name": "Bo Lund", "password": "12345678901"})
    assert weak.status_code == 200
    assert "aria-invalid" in weak.content.decode()
    done = client.post(f"/welcome/{token}/", {"name": "Bo Lund", "password": PASSWORD})
    assert done["Location"] == company.url("/")
    assert client.get(company.url("/")).status_code == 200
    with workspace_tx(company.workspace.pk):
        member = Member.objects.select_related("user").get(workspace=company.workspace, user__email=email)
    assert (member.role, member.user.name) == ("admin", "Bo Lund")
    again = Client().get(f"/welcome/{token}/")
    assert again.status_code == 410
    assert "was used or has run out" in again.content.decode()


def test_who_has_an_account_joins_with_it_and_nobody_else_can(
    make_company: Callable[[], Company], signed_in: Callable[[Any], Client]
) -> None:
    from tieline.store.team import people
    from tieline.store.team.memberships import memberships

    first, second = make_company(), make_company()
    user = first.users["member"]
    token = people.invitation_link(second.workspace, user.email, "member")
    other = signed_in(first.users["admin"])
    assert "sign in with it" in other.post(f"/welcome/{token}/").content.decode()
    assert second.key not in [one.workspace.key for one in memberships(user)]
    assert signed_in(user).post(f"/welcome/{token}/")["Location"] == second.url("/")
    assert {one.workspace.key: one.role for one in memberships(user)}[second.key] == "member"


def test_a_link_runs_out(company: Company, client: Client) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tieline.store.connection import workspace_tx
    from tieline.store.team import people
    from tieline.store.team.models import OneTimeLink

    token = people.invitation_link(company.workspace, f"late.{company.key}@nordlys.example", "member")
    assert client.get(f"/welcome/{token}/").status_code == 200
    with workspace_tx(company.workspace.pk):
        late = OneTimeLink.objects.filter(email__startswith=f"late.{company.key}")
        assert late.update(expires=timezone.now() - timedelta(seconds=1)) == 1
    assert client.get(f"/welcome/{token}/").status_code == 410
    assert client.get("/welcome/made-up/").status_code == 410


def test_a_password_link_sets_it_and_ends_every_session(
    company: Company, client: Client, signed_in: Callable[[Any], Client]
) -> None:
    from tieline.store.team import people

    user = company.users["member"]
    before = signed_in(user)
    older, newer = people.password_link(user), people.password_link(user)
    assert client.get(f"/welcome/{older}/").status_code == 410
    client.post(f"/welcome/{newer}/", {"password": "battery staple correct"})
    assert client.get(company.url("/")).status_code == 200
    assert before.get(company.url("/")).status_code == 302
    assert sign_in(Client(), user, "battery staple correct").status_code == 302


def test_a_password_link_does_not_go_round_the_second_factor(company: Company, client: Client) -> None:
    from tieline.store.team import people

    user = company.users["member"]
    sign_in(client, user)
    switch_on_app(client)
    other = Client()
    other.post(f"/welcome/{people.password_link(user)}/", {"password": "battery staple correct"})
    assert other.get(company.url("/")).status_code == 302


def test_the_token_itself_is_not_kept(company: Company) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.team import people
    from tieline.store.team.models import OneTimeLink

    token = people.invitation_link(company.workspace, f"x.{company.key}@nordlys.example", "member")
    with workspace_tx(company.workspace.pk):
        rows = list(OneTimeLink.objects.filter(workspace=company.workspace).values())
    assert len(rows) == 1
    assert token not in str(list(rows))


def test_the_first_link_makes_the_first_company_and_only_on_an_empty_installation(
    client: Client, company: Company
) -> None:
    """Others have accounts here: shown in a transaction that is thrown away, in which they have not."""
    from django.db import transaction

    from tieline.store.team import people
    from tieline.store.team.memberships import memberships
    from tieline.store.team.models import User, Workspace

    with pytest.raises(people.Refused) as refused:
        people.first_admin_link()
    assert refused.value.code == "not_first"
    with transaction.atomic():
        Workspace.objects.all().delete()
        User.objects.all().delete()
        older, token = people.first_admin_link(), people.first_admin_link()
        assert "Nobody has an account here yet" in client.get("/sign-in/").content.decode()
        assert client.get(f"/welcome/{older}/").status_code == 410
        said = {
            "company": "Skovly Dental ÆØ",
            "country": "DK",
            "zone": "Europe/Copenhagen",
            "name": "Karen Skov",
            "email": "Karen@Skovly.example",
            "password": PASSWORD,
        }
        answer = client.post(f"/welcome/{token}/", said)
        assert answer["Location"] == "/w/skovly-dental-aeo/"
        (member,) = memberships(User.objects.get())
        assert (member.role, member.user.email, member.workspace.zone) == (
            "super_admin",
            "karen@skovly.example",
            "Europe/Copenhagen",
        )
        transaction.set_rollback(True)
    assert Workspace.objects.filter(key=company.key).exists()


def test_the_last_super_admin_stays_one(company: Company) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.team import people
    from tieline.store.team.models import Member

    with workspace_tx(company.workspace.pk):
        head = Member.objects.get(workspace=company.workspace, role="super_admin")
        admin = Member.objects.get(workspace=company.workspace, role="admin")
    for attempt in (lambda: people.change_role(head, "admin"), lambda: people.remove_member(head)):
        with pytest.raises(people.Refused) as refused:
            attempt()
        assert refused.value.code == "last_super_admin"
    people.change_role(admin, "super_admin")
    people.change_role(head, "admin")
    with workspace_tx(company.workspace.pk):
        assert Member.objects.get(pk=head.pk).role == "admin"


def test_the_address_of_a_link_is_the_public_one_and_opens(company: Company, client: Client) -> None:
    from django.conf import settings

    from tieline.web.accounts import links

    for address in (
        links.invitation(company.workspace, f"y.{company.key}@nordlys.example", "member"),
        links.new_password(company.users["member"]),
    ):
        assert address.startswith(settings.TIELINE_PUBLIC_URL + "/welcome/")
        assert client.get(address.removeprefix(settings.TIELINE_PUBLIC_URL)).status_code == 200
