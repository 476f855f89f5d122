"""A real browser for the tests of pages: Chromium at any width, theme and language, and what is measured in it.

def test_it(browser_page, company, site):
    page = browser_page(390, "dark", "da", user=company.users["admin"])
    page.goto(site + company.url("/me/"))
    look(page, "me-390-dark")               # saved under test-results/
    assert contrast_faults(page) == []
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, sync_playwright

RESULTS = Path(__file__).resolve().parents[2] / "test-results"
SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

BrowserPage = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for a file of tests: the system's, else Playwright's own.

    Not for the whole session: while it is open an event loop runs in this thread, so that no asynchronous test could run
    beside it, and Django has to be told that its calls from here are meant.
    """
    system = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=system, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Browser, site: str) -> Iterator[BrowserPage]:
    """Open a page in a fresh profile: `browser_page(width, theme, lang, user=None)`. Errors in its console fail the test."""
    contexts: list[Any] = []
    said: list[str] = []

    def make(
        width: int = 1440,
        theme: str = "light",
        lang: str = "en",
        *,
        user: Any = None,
        script: bool = True,
        motion: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 800 else 844},
            color_scheme=theme,  # type: ignore[arg-type]
            locale=lang,
            base_url=site,
            java_script_enabled=script,
            reduced_motion="no-preference" if motion else "reduce",
        )
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": "tieline_session", "value": session_of(user), "url": site}])
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    real = [line for line in said if "the server responded with a status of" not in line]
    assert real == [], "the browser's console has errors"


def session_of(user: Any) -> str:
    """A session of this user, made without the sign-in page."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    return str(client.cookies["tieline_session"].value)


def look(page: Page, name: str, *, whole: bool = False) -> Path:
    """Keep a picture under test-results/."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.png"
    page.screenshot(path=target, full_page=whole)
    return target


_CONTRAST = r"""
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {                       // any colour that CSS knows, as sRGB
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = "#000"; canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) => { const a = top[3]; return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)).concat(1); };
  const light = ([r, g, b]) => {
    const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (element, box) => {               // what is painted under it; its ancestors where that cannot be asked
    const all = box ? document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2) : [];
    const at = all.indexOf(element);
    if (at >= 0) return all.slice(at);
    const above = [];
    for (let one = element; one; one = one.parentElement) above.push(one);
    return above;
  };
  const ground = (element, box) => {
    const layers = [];
    for (const at of behind(element, box)) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const faults = [];
  const judge = (element, text, colour, box) => {
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    const under = ground(element, box), found = ratio(over(rgba(colour), under), under);
    if (found < (large ? 3 : 4.5)) faults.push(`${found.toFixed(2)} "${text.trim().slice(0, 40)}" ${element.tagName}.${element.getAttribute("class") || ""}`);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, element = node.parentElement;
    if (!node.data.trim() || !element || element.closest("script, style, title, .hidden-text, .skip, [disabled]")) continue;
    if (!shown(element)) continue;
    const box = document.createRange(); box.selectNodeContents(node);
    const rect = [...box.getClientRects()].find((one) => one.width > 1 && one.height > 1);
    if (!rect) continue;
    const svg = element instanceof SVGElement;
    judge(element, node.data, svg ? getComputedStyle(element).fill : getComputedStyle(element).color, rect);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea")) {
    if (shown(field) && !field.disabled && field.value) judge(field, field.value, getComputedStyle(field).color);
    if (shown(field) && !field.disabled) {       // the edge of a control against what it stands on: 3 to 1
      const edge = rgba(getComputedStyle(field).borderTopColor), under = ground(field.parentElement);
      const found = ratio(over(edge, under), under);
      const plain = field.closest(".rule");
      if (!plain && found < 3) faults.push(`${found.toFixed(2)} edge of ${field.tagName} ${field.name}`);
    }
  }
  return faults;
}
"""


def contrast_faults(page: Page) -> list[str]:
    """Texts with less than 4.5 to 1 against what is behind them (3 to 1 when large), and edges of fields below 3 to 1."""
    return list(page.evaluate(_CONTRAST))


_REACH = r"""
() => {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth + 1) faults.push(`page is ${document.documentElement.scrollWidth} wide in ${innerWidth}`);
  for (const one of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
    if (!one.checkVisibility() || one.closest(".skip, dialog:not([open]), svg")) continue;  // what a chart links to, its table links to as well
    const box = one.getBoundingClientRect();
    const inText = one.tagName === "A" && getComputedStyle(one).display === "inline";
    const label = one.closest("label")?.getBoundingClientRect();
    const height = Math.max(box.height, label?.height ?? 0), width = Math.max(box.width, label?.width ?? 0);
    if (!inText && (height < 23.5 || width < 23.5)) faults.push(`small target ${one.tagName}.${one.className} ${Math.round(width)}x${Math.round(height)}`);
    const named = one.getAttribute("aria-label") || one.innerText?.trim() || one.labels?.length || one.getAttribute("aria-labelledby") || one.title;
    if (!named) faults.push(`no name: ${one.outerHTML.slice(0, 90)}`);
  }
  for (const image of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${image.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id).filter((id) => id !== "hatch");
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`id twice: ${id}`);
  for (const one of document.querySelectorAll("[aria-describedby]"))
    for (const id of one.getAttribute("aria-describedby").split(" ")) if (!document.getElementById(id)) faults.push(`describedby of nothing: ${id}`);
  if (document.querySelectorAll("h1").length !== 1 && !document.querySelector(".empty h2")) faults.push("not one h1");
  return faults;
}
"""


def reach_faults(page: Page) -> list[str]:
    """What makes a page hard to use: wider than the screen, small targets, controls without a name, broken references."""
    return list(page.evaluate(_REACH))


_FOCUS = r"""
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const covered = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return { what: one.outerHTML.slice(0, 80), ring, seen: covered };
}
"""


def tab_through(page: Page, most: int = 80) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page; each stop with whether its ring is there and it is in view."""
    stops: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUS)
        if stop is None or (stops and stop["what"] == stops[0]["what"]):
            break
        stops.append(stop)
    return stops


class Weight:
    """What a page loads: bytes over the wire, and every address asked."""

    def __init__(self, page: Page) -> None:
        self.addresses: list[str] = []
        self._answers: list[Response] = []
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("response", lambda answer: self._answers.append(answer))

    def bytes(self) -> int:
        """Heads and bodies as they came, compressed."""
        total = 0
        for answer in self._answers:
            sizes = answer.request.sizes()
            total += sizes["responseBodySize"] + sizes["responseHeadersSize"]
        return total
