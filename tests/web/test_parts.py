"""What the parts compute: chart, pages of a list, words; and how they render."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("web")

NOW = datetime(2026, 11, 20, 13, 22, 7, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    from django.template import engines

    return engines["django"].from_string(source).render(context)


@pytest.fixture(autouse=True)
def _english(web: Any) -> Iterator[None]:
    """Whatever language the page before was in."""
    from django.utils import translation

    with translation.override("en"):
        yield


@pytest.fixture
def copenhagen() -> Any:
    from django.utils import timezone

    with timezone.override(ZoneInfo("Europe/Copenhagen")):
        yield


@pytest.mark.parametrize(
    ("language", "full", "number", "percent", "ago"),
    [
        ("en", "Friday 20 November 2026, 14:22 CET", "1,234,567.5", "24%", "12 seconds ago"),
        ("fr", "vendredi 20 novembre 2026, 14:22 CET", "1 234 567,5", "24 %", "il y a 12 secondes"),
        ("da", "fredag d. 20. november 2026, 14:22 CET", "1.234.567,5", "24 %", "for 12 sekunder siden"),
        ("it", "venerdì 20 novembre 2026, 14:22 CET", "1.234.567,5", "24%", "12 secondi fa"),
    ],
)
def test_times_and_numbers_are_written_as_the_language_does(
    copenhagen: None, language: str, full: str, number: str, percent: str, ago: str
) -> None:
    from django.utils import translation

    from tieline.web.parts import words

    with translation.override(language):
        assert words.full(NOW) == full
        assert re.sub(r"\s", " ", words.number(1234567.5)) == number
        assert re.sub(r"\s", " ", words.percent(0.24)) == percent
        assert words.ago(NOW, NOW + timedelta(seconds=12)) == ago


def test_a_time_is_as_short_as_it_can_be(copenhagen: None) -> None:
    from tieline.web.parts import words

    assert words.short(NOW, NOW) == "14:22"
    assert words.short(NOW, NOW + timedelta(hours=11)) == "20 Nov 14:22"
    assert words.short(NOW, NOW + timedelta(days=200)) == "20 Nov 2026"
    assert words.ago(NOW, NOW + timedelta(hours=2)) == "14:22"
    assert words.ago(NOW, NOW - timedelta(seconds=5)) == "14:22"
    assert [words.lasted(seconds) for seconds in (0.62, 45.4, 170, 7500, 7200)] == [
        "0.6 s",
        "45 s",
        "3 min",
        "2 h 5 min",
        "2 h",
    ]


def test_phone_numbers_have_their_countrys_spaces() -> None:
    from tieline.web.parts import words

    shown = {
        number: words.phone(number).replace("\u00a0", " ")
        for number in ("+33186765432", "+4512345678", "+3911555014", "0411", "+", "")
    }
    assert shown == {
        "+33186765432": "+33 1 86 76 54 32",
        "+4512345678": "+45 12 34 56 78",
        "+3911555014": "+39 11 55 50 14",
        "0411": "0411",
        "+": "+",
        "": "",
    }


counts = st.integers(min_value=0, max_value=100_000)


@given(st.lists(st.tuples(counts, counts, counts), max_size=31))
def test_a_chart_stays_in_its_frame_and_adds_up(rows: list[tuple[int, int, int]]) -> None:
    from tieline.web.parts.chart import Bar, chart

    drawn = chart([Bar(str(at), *row) for at, row in enumerate(rows)])
    assert drawn.total == sum(map(sum, rows))
    assert 2 <= len(drawn.ticks) <= 5
    for column in drawn.columns:
        assert len(column.pieces) == sum(
            1 for count in (column.bar.done, column.bar.failed, column.bar.waiting) if count
        )
        edges = [(float(one.y), float(one.y) + float(one.height)) for one in column.pieces]
        assert all(top >= 15 and bottom <= 118 for top, bottom in edges)
        assert all(upper[1] <= lower[0] for lower, upper in itertools.pairwise(edges))
        assert all(float(one.x) >= 26 and float(one.x) + float(one.width) <= 640.1 for one in column.pieces)
    assert sum(1 for column in drawn.columns if column.label) <= 8


def test_the_higher_the_count_the_higher_the_bar() -> None:
    from tieline.web.parts.chart import Bar, chart

    heights = [float(column.pieces[0].height) for column in chart([Bar("a", 10), Bar("b", 20), Bar("c", 40)]).columns]
    assert heights == sorted(heights)
    assert heights[2] / heights[1] == pytest.approx(2, abs=0.1)


def test_a_chart_says_what_it_shows_and_has_the_same_numbers_as_a_table() -> None:
    from tieline.web.parts.chart import Bar

    html = render(
        '{% chart bars "Calls by hour" "c9" %}', bars=[Bar("08–09", 18, 2, 3, url="/runs/?hour=8"), Bar("09–10")]
    )
    assert "Calls by hour: 18 done, 3 waiting, 2 failed." in html
    assert '<a href="/runs/?hour=8"' in html
    row = re.search(r'<tr><th scope="row">.*?08–09.*?</tr>', html)
    assert row is not None
    assert re.findall(r'class="n">(\d+)<', row[0]) == ["18", "3", "2"]
    assert "style=" not in html


def test_a_list_is_paged_without_gaps_and_doubles_while_rows_arrive() -> None:
    from django.test import RequestFactory

    from tieline.store.team.models import Workspace
    from tieline.web.parts.pager import pages

    tag = f"paged{datetime.now(UTC).timestamp():.0f}"
    same = NOW - timedelta(days=1)

    def add(number: int, created: datetime) -> None:
        Workspace.objects.create(key=f"{tag}-{number}", name=tag, created=created)

    for number in range(7):  # three of them at the very same time
        add(number, same if number in {2, 3, 4} else same + timedelta(minutes=number - 3))
    rows = Workspace.objects.filter(name=tag)
    expected = [one.key for one in rows.order_by("-created", "-pk")]
    seen, query = [], ""
    for _ in range(9):
        page = pages(rows, RequestFactory().get(f"/x/{query}"), "created", size=2)
        seen += [one.key for one in page.rows]
        add(100 + len(seen), NOW)
        if not page.older:
            break
        query = page.older
    assert seen == expected
    back = pages(rows, RequestFactory().get(f"/x/{page.newer}&flow=calls"), "created", size=2)
    assert [one.key for one in back.rows] == expected[-3:-1]
    assert "flow=calls" in back.newer
    assert "flow=calls" in back.older
    assert len(pages(rows, RequestFactory().get("/x/?before=mangled!"), "created", size=2).rows) == 2
    Workspace.objects.filter(name=tag).delete()


def test_a_part_shows_content_and_slots_and_nothing_of_the_page_around_it() -> None:
    html = render(
        '{% part "card" title="T" %}inside {{ x }}{% part "problem" title="P" %}why{% endpart %}{% slot footer %}foot {{ x }}{% endslot %}{% endpart %}',
        x="<b>",
        kind="wait",
        aside="leaked",
    )
    assert "inside &lt;b&gt;" in html
    assert "<footer>foot &lt;b&gt;</footer>" in html
    assert "leaked" not in html
    assert '<div class="problem" role="status">' in html


@pytest.mark.parametrize(
    "source",
    [
        "{% part card %}{% endpart %}",
        '{% part "card" "T" %}{% endpart %}',
        "{% if 1 %}{% slot footer %}{% endslot %}{% endif %}",
        '{% part "card" %}',
    ],
)
def test_a_part_written_wrongly_is_an_error(source: str) -> None:
    from django.template import TemplateSyntaxError

    with pytest.raises(TemplateSyntaxError):
        render(source)


def test_a_kind_of_state_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such kind"):
        render('{% status "green" "Fine" %}')


def test_the_line_between_two_systems_is_said_too() -> None:
    html = render('{% tie "SipSim" "Zoho CRM" "fail" %}')
    assert re.sub(r"<[^>]+>", "", html) == "SipSim cut off from Zoho CRM"


def test_a_field_is_tied_to_its_help_and_its_error() -> None:
    from django import forms

    class Form(forms.Form):
        token = forms.CharField(label="Token", help_text="From the vendor.")
        live = forms.BooleanField(label="Live", required=False)

    form = Form({"token": ""})
    html = render("{% field form.token %}{% field form.live %}", form=form)
    assert 'aria-describedby="id_token_help id_token_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_token_help"' in html
    assert 'id="id_token_error"' in html
    assert 'role="switch"' in html


def test_every_icon_that_is_used_is_in_the_sprite() -> None:
    from pathlib import Path

    import tieline.web
    from tieline.web.nav import MENU

    folder = Path(tieline.web.__file__).parent
    sprite = set(re.findall(r'<symbol id="([a-z]+)"', (folder / "static/tieline/icons.svg").read_text()))
    used = {one.icon for entry in MENU for one in (entry, *entry.inside)}
    for template in (folder / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([a-z]+)"', template.read_text()))
    assert used <= sprite
    assert len(used) > 10
