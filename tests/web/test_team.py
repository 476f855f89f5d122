"""Who is in a workspace: roles, invitations, second factors, sessions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import PASSWORD, Company
from tests.web.test_runs import text_of as main_of
from tests.web.test_sign_in import sign_in, switch_on_app

SignIn = Callable[[Any], Client]


def text_of(page: Any) -> str:
    """What a reader reads of an answer, what is told them at its edge too."""
    told = re.search(r'<div class="toasts".*?</body>', page.content.decode(), re.DOTALL)
    return main_of(page) + " " + unescape(re.sub(r"<[^>]*>", " ", told[0]) if told else "")


AGO = re.compile(r"\d+ seconds? ago|just now|\bnow\b")  # the clock goes on between two looks at a page
WELCOME = re.compile(r"(/welcome/[\w-]+/)")


@pytest.fixture
def head(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["super_admin"])


@pytest.fixture
def outbox(web: Any) -> Iterator[list[Any]]:
    """An installation that sends e-mails, and what it sent."""
    from django.core import mail
    from django.test import override_settings

    with override_settings(TIELINE_MAIL=True, EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []  # type: ignore[attr-defined]
        yield mail.outbox  # type: ignore[attr-defined]


def member_id(company: Company, role: str) -> str:
    from tieline.store import public_ids
    from tieline.store.services import team

    row = next(one for one in team.members(company.workspace.pk) if one.user == company.users[role].pk)
    return public_ids.of("member").show(row.id)


def invite(browser: Client, company: Company, email: str, **more: str) -> str:
    answer = browser.post(company.url("/team/invite/"), {"email": email, "role": "member", "days": "7"} | more)
    assert answer.status_code == 200
    found = WELCOME.search(answer.content.decode())
    assert found is not None, text_of(answer)[-600:]
    return found[1]


@pytest.mark.proves("HUB-1")
def test_every_action_of_the_table_is_said_and_shown(company: Company, signed_in: SignIn) -> None:
    from tieline.web.permissions import ACTIONS
    from tieline.web.team import words

    assert set(words.SENTENCES) == set(ACTIONS)
    assert len({str(one) for one in words.SENTENCES.values()}) == len(ACTIONS)
    page = text_of(signed_in(company.users["member"]).get(company.url("/team/")))
    assert all(str(one) in page for one in words.SENTENCES.values())
    for row, roles in zip(words.table(), ACTIONS.values(), strict=True):
        assert sum(row.may) == len(roles)


def test_a_member_sees_the_team_and_changes_nothing(company: Company, signed_in: SignIn) -> None:
    page = signed_in(company.users["member"]).get(company.url("/team/"))
    assert all(user.email in text_of(page) for user in company.users.values())
    assert "/team/invite/" not in page.content.decode()
    assert "Remove" not in text_of(page)


def test_the_page_says_who_was_here_and_who_has_a_second_factor(
    company: Company, signed_in: SignIn, client: Client
) -> None:
    from tieline.store.services import team

    user = company.users["admin"]
    before = {one.user: one for one in team.members(company.workspace.pk)}
    assert (before[user.pk].seen, before[user.pk].second_factor) == (None, False)
    sign_in(client, user)
    switch_on_app(client)
    client.get(company.url("/"))
    after = {one.user: one for one in team.members(company.workspace.pk)}
    assert after[user.pk].seen is not None
    assert after[user.pk].second_factor
    assert not after[company.users["member"].pk].second_factor


@pytest.mark.proves("HUB-1")
def test_a_role_is_changed_and_counts_at_once(company: Company, head: Client, signed_in: SignIn) -> None:
    other = signed_in(company.users["member"])
    assert other.get(company.url("/audit/")).status_code == 403
    head.post(company.url(f"/team/members/{member_id(company, 'member')}/role/"), {"role": "admin"})
    assert other.get(company.url("/audit/")).status_code == 200
    head.post(company.url(f"/team/members/{member_id(company, 'member')}/role/"), {"role": "king"})
    assert "There is no role" in text_of(head.get(company.url("/team/")))


@pytest.mark.proves("HUB-1")
def test_who_is_removed_is_signed_out_and_gone(company: Company, head: Client, signed_in: SignIn) -> None:
    other = signed_in(company.users["admin"])
    assert other.get(company.url("/")).status_code == 200
    head.post(company.url(f"/team/members/{member_id(company, 'admin')}/remove/"))
    assert other.get(company.url("/")).status_code == 302, "the session has ended"
    company.users["admin"].refresh_from_db()
    again = signed_in(company.users["admin"])
    assert again.get(company.url("/")).status_code == 404


def test_the_last_super_admin_cannot_go(company: Company, head: Client) -> None:
    from tieline.store.services import team

    mine = member_id(company, "super_admin")
    for path, said in ((f"/team/members/{mine}/remove/", {}), (f"/team/members/{mine}/role/", {"role": "member"})):
        answer = head.post(company.url(path), said, follow=True)
        assert "This is the last super admin" in text_of(answer)
    assert [one.role for one in team.members(company.workspace.pk)] == ["super_admin", "admin", "member"]


@pytest.mark.proves("HUB-1")
def test_a_member_is_signed_out_everywhere(company: Company, head: Client, signed_in: SignIn) -> None:
    first, second = signed_in(company.users["member"]), signed_in(company.users["member"])
    head.post(company.url(f"/team/members/{member_id(company, 'member')}/sign-out/"))
    assert [one.get(company.url("/")).status_code for one in (first, second)] == [302, 302]
    assert head.get(company.url("/")).status_code == 200


# ------------------------------------------------------------------------------------------------------- invitations


@pytest.mark.proves("HUB-1")
def test_a_link_lets_a_new_person_in_once(company: Company, head: Client, client: Client) -> None:
    email = f"bo.{company.key}@nordlys.example"
    link = invite(head, company, email, role="admin")
    assert link not in text_of(head.get(company.url("/team/"))), "shown once"
    assert email in text_of(head.get(company.url("/team/")))
    done = client.post(link, {"name": "Bo Lund", "password": PASSWORD})
    assert done["Location"] == company.url("/")
    assert client.get(company.url("/team/")).status_code == 200
    assert Client().get(link).status_code == 410
    page = text_of(head.get(company.url("/team/")))
    assert "Bo Lund" in page
    assert "Nobody is invited" in page


@pytest.mark.proves("HUB-1")
def test_nothing_tells_whether_an_address_has_an_account(
    make_company: Callable[[], Company], signed_in: SignIn
) -> None:
    """Inviting, the list, the link's page and a forgotten password are word for word the same."""
    ours, theirs = make_company(), make_company()
    head = signed_in(ours.users["super_admin"])
    known = theirs.users["member"].email
    unknown = f"{'n' * (len(known) - len('@nordlys.example'))}@nordlys.example"

    def seen(email: str) -> list[str]:
        answer = head.post(ours.url("/team/invite/"), {"email": email, "role": "member", "days": "7"})
        link = WELCOME.search(answer.content.decode())
        assert link is not None
        texts = [text_of(answer), text_of(head.get(ours.url("/team/"))), text_of(Client().get(link[1]))]
        texts.append(text_of(Client().post("/sign-in/forgotten/", {"email": email})))
        invitation = re.search(r"/team/invitations/(\w+)/revoke/", answer.content.decode())
        assert invitation is not None
        head.post(ours.url(f"/team/invitations/{invitation[1]}/revoke/"))
        head.get(ours.url("/team/"))  # takes the message
        return [AGO.sub("", WELCOME.sub("", one.replace(email, "…"))) for one in texts]

    assert seen(known) == seen(unknown)


def test_who_has_an_account_joins_with_it_and_keeps_a_higher_role(
    make_company: Callable[[], Company], signed_in: SignIn
) -> None:
    from tieline.store.services import team
    from tieline.store.team.memberships import memberships

    ours, theirs = make_company(), make_company()
    head = signed_in(ours.users["super_admin"])
    guest = theirs.users["admin"]
    link = invite(head, ours, guest.email)
    taken = Client().post(link, {"name": "Nobody", "password": PASSWORD})
    assert "No account was made" in text_of(taken)
    browser = signed_in(guest)
    assert browser.post(link)["Location"] == ours.url("/")
    assert {one.workspace.key: one.role for one in memberships(guest)} == {ours.key: "member", theirs.key: "admin"}
    again = head.post(ours.url("/team/invite/"), {"email": guest.email, "role": "admin", "days": "7"})
    assert "is in the team already" in text_of(again)
    assert len(team.members(ours.workspace.pk)) == 4


def test_an_invitation_is_taken_back_or_made_anew(company: Company, head: Client) -> None:
    first = invite(head, company, f"a.{company.key}@nordlys.example")
    page = head.get(company.url("/team/")).content.decode()
    shown = re.search(r"/team/invitations/(\w+)/renew/", page)
    assert shown is not None
    answer = head.post(company.url(f"/team/invitations/{shown[1]}/renew/"))
    second = WELCOME.search(answer.content.decode())
    assert second is not None
    assert Client().get(first).status_code == 410, "the old one stops working"
    assert Client().get(second[1]).status_code == 200
    shown = re.search(r"/team/invitations/(\w+)/revoke/", answer.content.decode())
    assert shown is not None
    head.post(company.url(f"/team/invitations/{shown[1]}/revoke/"))
    assert Client().get(second[1]).status_code == 410


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"email": "nobody"}, "valid"),
        ({"email": ""}, "required"),
        ({"role": "king"}, "valid"),
        ({"days": "900"}, "valid"),
    ],
)
def test_what_cannot_be_invited_is_said(company: Company, head: Client, said: dict[str, str], error: str) -> None:
    from tieline.store.services import team

    answer = head.post(company.url("/team/invite/"), {"email": "x@y.example", "role": "member", "days": "7"} | said)
    assert "aria-invalid" in answer.content.decode()
    assert error in text_of(answer)
    assert team.invitations(company.workspace.pk) == []


def test_an_invitation_goes_by_e_mail(company: Company, head: Client, outbox: list[Any]) -> None:
    email = f"mail.{company.key}@nordlys.example"
    answer = head.post(company.url("/team/invite/"), {"email": email, "role": "member", "days": "1", "send": "1"})
    assert WELCOME.search(answer.content.decode()) is None, "who invites does not see it"
    (sent,) = outbox
    assert sent.to == [email]
    assert company.name in sent.subject
    link = WELCOME.search(sent.body)
    assert link is not None
    assert Client().get(link[1]).status_code == 200


def test_without_a_mail_server_the_page_says_who_makes_the_link(client: Client) -> None:
    assert "tieline create-admin" in text_of(client.get("/sign-in/forgotten/"))


def test_a_forgotten_password_goes_by_e_mail_to_who_has_an_account(
    company: Company, client: Client, outbox: list[Any]
) -> None:
    from tieline.web.accounts import mail

    user = company.users["member"]
    answer = client.post("/sign-in/forgotten/", {"email": user.email.upper()})
    assert "If there is an account" in text_of(answer)
    mail._sending.submit(lambda: None).result(30)
    mail.send_new_password(f"nobody.{company.key}@nordlys.example").result(30)
    mail.send_new_password(user.email).result(30)
    assert {tuple(one.to) for one in outbox} == {(user.email,)}
    link = WELCOME.search(outbox[-1].body)
    assert link is not None
    client.post(link[1], {"password": "battery staple correct"})
    assert client.get(company.url("/")).status_code == 200


# ----------------------------------------------------------------------------------------- second factor, sessions


@pytest.mark.proves("HUB-1")
def test_a_workspace_may_need_a_second_factor_of_everybody(
    make_company: Callable[[], Company], signed_in: SignIn, client: Client
) -> None:
    from tieline.store.team import people

    ours, theirs = make_company(), make_company()
    user = ours.users["super_admin"]
    people.add_member(theirs.workspace, ours.users["member"], "member")
    sign_in(client, user)
    switch = ours.url("/settings/second-factor/")
    client.post(switch, {"on": "1"})
    assert "Set up a second factor of your own first" in text_of(client.get(ours.url("/team/")))
    switch_on_app(client)
    done = client.post(switch, {"on": "1"}, follow=True)
    assert "From now on nobody comes in" in text_of(done)
    assert client.get(ours.url("/")).status_code == 200
    other = signed_in(ours.users["member"])
    for path in ("/", "/team/", "/runs/", "/search/?q=x"):
        assert other.get(ours.url(path)).headers.get("Location") == ours.url("/me/second-factor/"), path
    assert other.post(ours.url("/inbox/x/answer/")).status_code == 302
    assert other.get(ours.url("/"), headers={"hx-request": "true"}).status_code == 403
    assert "lets nobody in without a second factor" in text_of(other.get(ours.url("/me/second-factor/")))
    assert other.get(theirs.url("/")).status_code == 200, "another workspace does not need it"
    assert "it stays on" in text_of(client.get(ours.url("/me/second-factor/")))
    off = client.post(ours.url("/me/second-factor/app/off/"), follow=True)
    assert "lets nobody in without a second factor" in text_of(off)
    assert client.get(ours.url("/")).status_code == 200
    client.post(switch, {"on": "0"})
    assert other.get(ours.url("/")).status_code == 200


@pytest.mark.proves("HUB-1")
def test_ones_own_sessions_are_listed_and_ended(company: Company, signed_in: SignIn) -> None:
    user = company.users["member"]
    here, there = Client(headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0"}), Client()
    for browser in (here, there):
        sign_in(browser, user)
    third = signed_in(user)
    page = here.get(company.url("/me/"))
    assert "Firefox on Windows" in text_of(page)
    ends = re.findall(r"/me/sessions/([0-9a-f]{24})/end/", page.content.decode())
    assert len(ends) == 2
    assert there.cookies["tieline_session"].value not in page.content.decode()
    here.post(company.url(f"/me/sessions/{ends[0]}/end/"))
    assert sorted(one.get(company.url("/")).status_code for one in (here, there, third)) == [200, 200, 302]
    here.post(company.url("/me/sessions/others/end/"))
    assert [one.get(company.url("/")).status_code for one in (here, there, third)] == [200, 302, 302]


def test_nobody_ends_the_session_of_somebody_else(company: Company, signed_in: SignIn) -> None:
    mine, theirs = signed_in(company.users["member"]), signed_in(company.users["admin"])
    second = signed_in(company.users["admin"])
    (named,) = re.findall(r"/me/sessions/([0-9a-f]{24})/end/", theirs.get(company.url("/me/")).content.decode())
    mine.post(company.url(f"/me/sessions/{named}/end/"))
    assert second.get(company.url("/")).status_code == 200


def test_a_new_password_ends_the_other_sessions_rows_too(company: Company) -> None:
    from tieline.store.team.models import Session

    user = company.users["member"]
    here, there = Client(), Client()
    for browser in (here, there):
        sign_in(browser, user)
    here.post(
        company.url("/me/password/"),
        {"oldpassword": PASSWORD, "password1": "battery staple correct", "password2": "battery staple correct"},
    )
    assert here.get(company.url("/")).status_code == 200
    assert Session.objects.filter(user=user).count() == 1
    assert there.get(company.url("/")).status_code == 302


# ------------------------------------------------------------------------------------------------------- workspace


def test_the_workspace_is_called_and_placed(company: Company, head: Client, signed_in: SignIn) -> None:
    from tieline.store.services import workspaces

    said = {"name": "Nordlys A/S", "country": "SE", "zone": "Europe/Stockholm", "language": "da"}
    assert head.post(company.url("/settings/"), said).status_code == 302
    assert workspaces.read(company.workspace.pk).zone == "Europe/Stockholm"
    assert head.post(company.url("/settings/"), said | {"zone": "Mars/Base"}).status_code == 200
    assert signed_in(company.users["member"]).get(company.url("/settings/")).status_code == 403


def test_the_services_decline_what_no_page_sends(company: Company) -> None:
    from tieline.store.services import team, workspaces
    from tieline.store.services.declined import DeclinedError

    space, user = company.workspace.pk, company.users["super_admin"]
    good = {"name": "N", "zone": "UTC", "country": "DK", "language": "en"}
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("team.gone", lambda: team.remove(space, user, 0)),
        ("team.gone", lambda: team.sign_out(space, user, 0)),
        ("team.role_unknown", lambda: team.change_role(space, user, 0, "king")),
        ("team.role_unknown", lambda: team.invite(space, user, email="a@b.example", role="king")),
        ("team.bad_address", lambda: team.invite(space, user, email="a", role="member")),
        ("team.days", lambda: team.invite(space, user, email="a@b.example", role="member", days=900)),
        ("team.invitation_gone", lambda: team.revoke(space, user, 0)),
        ("workspace.no_name", lambda: workspaces.change(space, user, **good | {"name": " "})),
        ("workspace.zone_unknown", lambda: workspaces.change(space, user, **good | {"zone": "x"})),
        ("workspace.country_unknown", lambda: workspaces.change(space, user, **good | {"country": "x"})),
        ("workspace.language_unknown", lambda: workspaces.change(space, user, **good | {"language": "x"})),
    ]
    for code, attempt in wrong:
        with pytest.raises(DeclinedError) as refused:
            attempt()
        assert refused.value.code == code
