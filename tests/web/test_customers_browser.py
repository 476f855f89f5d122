"""A customer decided about in the browser, with everything in processes of its own: the pages, a worker, Zoho CRM's sandbox and
e-conomic's. In English and in Danish, by roles and attributes only."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks._place import answers, free_port, post
from tests.jobs.pair_house import PairHouse, pair_house
from tests.web.browser import chromium

__all__ = ["chromium"]
pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
_ENTER = """
import sys, json, django
django.setup()
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
from tieline.store.team import people
from tieline.store.team.models import Role, Workspace
from tieline.store import public_ids
workspace = Workspace.objects.get(pk=int(sys.argv[1]))
user = people.create_user("anna@example.com", "Anna Lindqvist", "correct horse battery")
people.add_member(workspace, user, Role.SUPER_ADMIN)
from django.test import Client
client = Client()
client.force_login(user)
print(json.dumps([workspace.key, client.cookies["tieline_session"].value, public_ids.of("pair").show(int(sys.argv[2]))]))
"""


class Pages:
    """The pages of a house with a pair."""

    def __init__(self, house: PairHouse, environment: pytest.MonkeyPatch) -> None:
        self.house, port = house, free_port()
        self.base = f"http://127.0.0.1:{port}"
        environment.setenv("TIELINE_PUBLIC_URL", self.base)
        entered = subprocess.run(
            [sys.executable, "-c", _ENTER, str(house.workspace), str(house.pair)], check=True, stdout=subprocess.PIPE
        )
        self.key, self.cookie, self.pair = orjson.loads(entered.stdout.splitlines()[-1])
        house.where.start("serve", "--port", str(port))
        answers(f"{self.base}/")

    def open(self, chromium: Browser, lang: str) -> Page:
        context = chromium.new_context(base_url=self.base, locale=lang, viewport={"width": 1280, "height": 900})
        context.add_cookies(
            [
                {"name": "tieline_session", "value": self.cookie, "url": self.base},
                {"name": "tieline_language", "value": lang, "url": self.base},
            ]
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        return page

    def record(self, left: str) -> str:
        return f"/w/{self.key}/records/{self.pair}/account/left/{quote(left, safe='')}/"


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    """Four customers that stand in both systems, and nothing that moves by itself: the pair only watches."""
    with pytest.MonkeyPatch.context() as environment, pair_house(environment.setenv, 4) as house:
        house.call("pairs", "go_live", house.workspace, None, house.pair, True)
        run = house.call("pairs", "ask", house.workspace, None, house.pair, "transfer", {"from": "right", "mark": True})
        house.until(lambda: house.rows("SELECT 1 FROM store_syncrun WHERE id = %s AND state = 'done'", run))
        yield Pages(house, environment)
        for log in house.where.home.glob("serve-*.log"):  # shown where a test fails
            sys.stderr.write("".join(log.read_text(errors="replace").splitlines(keepends=True)[-60:]))


def send(method: str, url: str, value: Any = None, headers: Mapping[str, str] | None = None) -> None:
    given = {"content-type": "application/json", **(headers or {})}
    body = orjson.dumps(value) if value is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, body, given, method=method), timeout=30) as answer:
        assert answer.status < 300


def links(house: PairHouse) -> list[tuple[str, int]]:
    found = house.rows("SELECT left_id, right_id FROM store_synclink WHERE role = 'account' ORDER BY right_id::int")
    return [(left, int(right)) for left, right in found]


def crm_edits(house: PairHouse, id: str, **values: Any) -> None:
    token = post(f"{house.url}/_control/zoho_crm/token", {})
    header = {"Authorization": f"Zoho-oauthtoken {token['access_token']}"}
    send("PUT", f"{token['api_domain']}/crm/v8/Accounts", {"data": [{"id": id, **values}]}, header)


def held(house: PairHouse, left: str, right: int) -> tuple[Any, ...]:
    """(city, website) in the CRM, then in e-conomic."""
    crm = next(one for one in house.accounts() if one["id"] == left)
    erp = next(one for one in house.customers() if int(one["customerNumber"]) == right)
    return crm.get("Billing_City"), crm.get("Website"), erp.get("city"), erp.get("website")


def differ(house: PairHouse, left: str, right: int, tag: str) -> None:
    crm_edits(house, left, Billing_City=f"Aarhus {tag}", Website=f"https://crm-{tag}.example")
    house.erp_does("edit", number=right, values={"city": f"Odense {tag}", "website": f"https://erp-{tag}.example"})


def choose(page: Page, **sides: str) -> None:
    for line, side in sides.items():
        page.locator(f'#look input[name="line.{line}"][value="{side}"]').check()


@pytest.mark.proves("CUST-5", "CUST-6")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lang", "place"), [("en", 0), ("da", 1)])
def test_what_differs_is_chosen_per_field_and_both_hold_it(
    pages: Pages, chromium: Browser, lang: str, place: int
) -> None:
    house = pages.house
    left, right = links(house)[place]
    differ(house, left, right, lang)
    page = pages.open(chromium, lang)
    page.goto(pages.record(left))
    expect(page.locator("html")).to_have_attribute("lang", lang)
    expect(page.locator('#look tr.differs[data-line="city"]').first).to_be_visible(timeout=PATIENCE_MS)
    choose(page, city="left", website="right")
    page.locator('#look button[name="act"][value="write"]').click()
    expect(page.locator('#look tr.same[data-line="city"]')).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator('#look tr.same[data-line="website"]')).to_be_visible(timeout=PATIENCE_MS)
    city, website = f"Aarhus {lang}", f"https://erp-{lang}.example"
    assert held(house, left, right) == (city, website, city, website)
    expect(page.locator("#about")).to_contain_text(city, timeout=PATIENCE_MS)


@pytest.mark.proves("CUST-6")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lang", "place"), [("en", 2), ("da", 3)])
def test_a_write_that_the_second_system_refuses_is_shown_and_finished_later(
    pages: Pages, chromium: Browser, lang: str, place: int
) -> None:
    house = pages.house
    left, right = links(house)[place]
    differ(house, left, right, lang)
    page = pages.open(chromium, lang)
    page.goto(pages.record(left))
    expect(page.locator('#look tr.differs[data-line="city"]').first).to_be_visible(timeout=PATIENCE_MS)
    choose(page, city="left", website="right")
    refuse = {"kind": "status", "status": 400, "method": "PUT|POST|PATCH", "path": "(?i)customers", "times": None}
    post(f"{house.url}/_control/e_conomic/faults", refuse)
    page.locator('#look button[name="act"][value="write"]').click()
    finish = page.locator('#look button[name="act"][value="finish"]')
    expect(finish).to_be_visible(timeout=PATIENCE_MS)
    city, website = f"Aarhus {lang}", f"https://erp-{lang}.example"
    assert held(house, left, right) == (city, website, f"Odense {lang}", website)
    send("DELETE", f"{house.url}/_control/e_conomic/faults")
    finish.click()
    expect(page.locator('#look tr.same[data-line="city"]')).to_be_visible(timeout=PATIENCE_MS)
    assert held(house, left, right) == (city, website, city, website)
    expect(page.locator('#look button[name="act"][value="finish"]')).to_have_count(0)
