"""The pages as people see them: contrast, width, focus, weight, and what the script does. Pictures in test-results/."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.web.browser import BrowserPage, Weight, contrast_faults, look, reach_faults, tab_through
from tests.web.conftest import PASSWORD, Company

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]

LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
INSIDE = (
    "/",
    "/parts/",
    "/me/",
    "/me/password/",
    "/me/second-factor/",
    "/more/",
    "/sign-out/",
    "/nothing/",
    "/tokens/",
    "/customers/",
    "/customers/new/",
    "/records/",
)


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-") or "home"


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_pages_can_be_read_and_reached_at_any_width_and_theme(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    page = browser_page(width, theme, user=company.users["super_admin"])
    for path in INSIDE:
        page.goto(company.url(path))
        look(page, f"{name_of(path)}-{width}-{theme}")
        assert contrast_faults(page) == [], path
        assert reach_faults(page) == [], path


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_door_can_be_read_and_reached(browser_page: BrowserPage, company: Company, width: int, theme: str) -> None:
    from tieline.store.team import people

    invitation = people.invitation_link(company.workspace, f"b.{company.key}.{width}{theme}@nordlys.example", "member")
    page = browser_page(width, theme)
    for path in ("/sign-in/", "/sign-in/new/", f"/welcome/{invitation}/", "/welcome/x/", "/api/v1/docs"):
        page.goto(path)
        name = "invitation" if invitation in path else name_of(path)
        look(page, f"{name}-{width}-{theme}")
        assert contrast_faults(page) == [], path
        assert reach_faults(page) == [], path


@pytest.mark.proves("HUB-16", "HUB-9")
@pytest.mark.parametrize("lang", ["fr", "da", "it"])
def test_longer_words_still_fit_on_a_small_phone(browser_page: BrowserPage, company: Company, lang: str) -> None:
    page = browser_page(320, "light", lang, user=company.users["super_admin"])
    for path in INSIDE:
        page.goto(company.url(path))
        assert page.locator("html").get_attribute("lang") == lang
        assert reach_faults(page) == [], path
    look(page, f"not-found-320-{lang}")


def test_the_measures_find_what_is_wrong(browser_page: BrowserPage, company: Company) -> None:
    """The checks above can fail: a page with each fault put in."""
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/me/"))
    assert contrast_faults(page) == []
    page.evaluate("document.querySelector('h1').className = 'faint'")
    page.evaluate(
        "() => { const sheet = new CSSStyleSheet(); sheet.replaceSync('.faint { color: #8a979d !important } .tiny { position: fixed; left: 0; width: 9px; height: 9px; padding: 0; outline: none }');"
        " document.adoptedStyleSheets.push(sheet); const one = document.createElement('button'); one.className = 'tiny'; document.body.prepend(one); }"
    )
    assert any(fault.endswith("H1.faint") for fault in contrast_faults(page))
    faults = reach_faults(page)
    assert any("small target BUTTON.tiny" in fault for fault in faults)
    assert any("no name" in fault for fault in faults)


@pytest.mark.proves("HUB-16")
def test_a_page_is_light_and_asks_nobody_else(browser_page: BrowserPage, company: Company, site: str) -> None:
    for path in ("/", "/parts/", "/me/"):
        page = browser_page(user=company.users["admin"])
        weight = Weight(page)
        page.goto(company.url(path), wait_until="networkidle") if path != "/parts/" else page.goto(company.url(path))
        assert {urlsplit(address).netloc for address in weight.addresses if not address.startswith("data:")} == {
            urlsplit(site).netloc
        }
        assert 10_000 < weight.bytes() <= 300_000, path
        assert len(weight.addresses) <= 8


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize("width", [1440, 390])
def test_everything_is_reached_by_tab_with_its_focus_seen(
    browser_page: BrowserPage, company: Company, width: int
) -> None:
    page = browser_page(width, user=company.users["super_admin"])
    for path in ("/", "/me/", "/me/second-factor/"):
        page.goto(company.url(path))
        stops = tab_through(page)
        assert "skip" in stops[0]["what"], path
        assert [stop for stop in stops if not (stop["ring"] and stop["seen"])] == [], path
        controls = page.locator(
            "a[href]:visible, button:visible, input:visible, select:visible, summary:visible"
        ).count()
        radios = page.locator("input[type=radio]:visible").count()
        assert len(stops) >= controls - max(radios - 1, 0), path


def test_the_skip_link_leads_to_the_page(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/me/"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_signing_in_by_keyboard_alone_and_out_again(browser_page: BrowserPage, company: Company) -> None:
    user = company.users["member"]
    page = browser_page()
    page.goto(company.url("/me/"))
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: urlsplit(address).path == company.url("/me/"))
    page.locator("summary.me").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    look(page, "account-menu")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_hidden()
    assert page.evaluate("document.activeElement.classList.contains('me')")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in/")


def test_light_and_dark_change_at_once_and_stay(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(theme="light", user=company.users["member"])
    page.goto(company.url("/me/"))
    ground = "getComputedStyle(document.body.parentElement).backgroundColor"
    before = page.evaluate(ground)
    with page.expect_response("**/me/theme/") as stored:
        page.get_by_role("button", name="Light or dark").click()
    assert stored.value.status == 204
    assert page.evaluate(ground) != before
    dark = page.evaluate(ground)
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("script", [True, False])
def test_the_language_menu_works_with_and_without_script(
    browser_page: BrowserPage, company: Company, script: bool
) -> None:
    page = browser_page(user=company.users["member"], script=script)
    page.goto(company.url("/me/"))
    page.locator("summary", has_text="EN").click()
    page.get_by_role("button", name="Dansk").click()
    page.wait_for_url(f"**{company.url('/me/')}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dine indstillinger")


def test_without_script_the_theme_changes_too(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["member"], script=False)
    page.goto(company.url("/me/"))
    page.get_by_role("button", name="Light or dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert urlsplit(page.url).path == company.url("/me/")


def test_a_menu_closes_when_one_looks_elsewhere(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/"))
    menu = page.locator("details.menu", has=page.locator("summary.me"))
    menu.locator("summary").click()
    expect(menu).to_have_attribute("open", "")
    page.locator("h1").click()
    expect(menu).not_to_have_attribute("open", "")


def test_a_dialog_opens_holds_the_focus_and_gives_it_back(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/parts/"))
    opener = page.get_by_role("button", name="Open the dialog")
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    look(page, "dialog")
    assert contrast_faults(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    opener.click()
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_be_hidden()


def test_single_keys_move_through_a_list_and_can_be_switched_off(browser_page: BrowserPage, company: Company) -> None:
    from tieline.store.team.models import User

    user = company.users["member"]
    page = browser_page(user=user)
    here = "[...document.querySelectorAll('[data-rows] a')].indexOf(document.activeElement)"
    page.goto(company.url("/parts/"))
    page.evaluate("document.activeElement.blur()")
    at = []
    for key in "jjjk":
        page.keyboard.press(key)
        at.append(page.evaluate(here))
    assert at == [0, 1, 2, 1]
    page.keyboard.press("o")  # a control that names its key
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#typed").click()
    page.keyboard.type("jo")
    expect(page.locator("#typed")).to_have_value("jo")
    User.objects.filter(pk=user.pk).update(shortcuts=False)
    page.goto(company.url("/parts/"))
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert page.evaluate(here) == -1


def test_a_live_part_changes_without_taking_the_focus_or_what_is_typed(
    browser_page: BrowserPage, company: Company
) -> None:
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/parts/"))
    clock = page.locator("#live time")
    first = clock.text_content()
    page.locator("#typed").fill("still here")
    top = page.locator("#live").bounding_box()
    expect(clock).not_to_have_text(str(first), timeout=10_000)
    assert page.evaluate("document.activeElement.id") == "typed"
    expect(page.locator("#typed")).to_have_value("still here")
    assert page.locator("#live").bounding_box() == top


def test_a_message_is_shown_once_and_can_be_put_away(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/me/"))
    page.get_by_label("Your name").fill("Anna Krogh")
    page.get_by_role("button", name="Save").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Your settings are saved.")
    look(page, "toast")
    assert contrast_faults(page) == []
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)
    page.reload()
    expect(toast).to_have_count(0)


def test_a_form_with_a_fault_begins_at_the_fault(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(390, user=company.users["member"])
    page.goto(company.url("/me/password/"))
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("battery staple")
    page.get_by_label("New password, once more").fill("battery staple")
    page.get_by_role("button", name="Change the password").click()
    field = page.get_by_label("Current password")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("not your current password"))
    look(page, "password-fault-390")


def test_the_second_factor_is_set_up_and_asked_for(browser_page: BrowserPage, company: Company) -> None:
    from tests.web.test_sign_in import code_now

    user = company.users["admin"]
    page = browser_page(390, "dark")
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(company.url("/me/second-factor/"))
    page.get_by_role("link", name="Set up the app").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    assert page.locator(".qr img").evaluate("(one) => one.complete && one.naturalWidth > 0")
    look(page, "second-factor-app-390-dark")
    assert contrast_faults(page) == []
    secret = str(page.locator("dd code").text_content())
    page.get_by_label("Code").fill(code_now(secret))
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    look(page, "recovery-codes-390-dark")
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    other = browser_page()
    other.goto("/sign-in/")
    other.get_by_label("E-mail").fill(user.email)
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("One more step")
    look(other, "one-more-step")
    other.get_by_label("Code").fill(code_now(secret, 1))
    other.get_by_role("button", name="Sign in").click()
    other.wait_for_url(f"**{company.url('/')}")


def test_the_first_page_has_one_heading_and_says_what_will_stand_there(
    browser_page: BrowserPage, company: Company
) -> None:
    page = browser_page(user=company.users["super_admin"])
    page.goto("/")
    page.wait_for_url(f"**{company.url('/')}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Anna")
    expect(page.get_by_role("heading", level=2)).to_have_text("Nothing is connected yet")
    expect(page.locator("nav a[aria-current=page]:visible")).to_have_count(1)
