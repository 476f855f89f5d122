"""Geometry of the one chart: bars by hour or day, each stacked of done, failed and waiting. Drawn as SVG by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 148
_LEFT, _BASE, _TOP = 26.0, 118.0, 22.0
_MOST_LABELS = 8


@dataclass(frozen=True)
class Bar:
    """One bar. `url` is the list behind it; `spoken` what a reader hears for its label ("from 9 to 10")."""

    label: str
    done: int = 0
    failed: int = 0
    waiting: int = 0
    url: str = ""
    spoken: str = ""

    @property
    def total(self) -> int:
        """What stands above the bar."""
        return self.done + self.failed + self.waiting


@dataclass(frozen=True)
class Piece:
    """A part of a bar in the chart's own units; text in attributes, since CSP forbids styles."""

    kind: str  # c-done, c-fail, c-wait: the class of the style sheet
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Column:
    """A bar with its pieces, the place of its number and of its label ("" where there is no room for one)."""

    bar: Bar
    pieces: tuple[Piece, ...]
    middle: str
    number_y: str
    label: str
    hit_x: str = "0"  # where the bar can be pressed: its whole slot
    spare: bool = False  # its label is left out where the chart is narrow


@dataclass(frozen=True)
class Tick:
    """A line of the scale."""

    value: int
    y: str
    text_y: str


@dataclass(frozen=True)
class Chart:
    """All that `parts/chart.html` draws."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    done: int
    failed: int
    waiting: int
    dense: bool
    slot: str
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def total(self) -> int:
        """Everything that the chart shows."""
        return self.done + self.failed + self.waiting


def scale_step(most: int) -> int:
    """The distance of the scale's lines: 1, 2 or 5 times a power of ten, so that there are two to four of them."""
    if most <= 3:
        return 1
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most / (factor * power) < 4:
                return factor * power
        power *= 10


def chart(bars: Sequence[Bar]) -> Chart:
    """Lay out bars. Without any, or with nothing in them, the scale still stands."""
    most = max((bar.total for bar in bars), default=0)
    step = scale_step(most)
    top = max(most, step)
    unit = (_BASE - _TOP - 2) / top
    slot = (WIDTH - _LEFT) / max(len(bars), 1)
    width = min(46.0, slot * 0.72)
    every = -(-len(bars) // _MOST_LABELS) if bars else 1
    columns = []
    for index, bar in enumerate(bars):
        middle = _LEFT + slot * (index + 0.5)
        foot, pieces = _BASE - 1, []
        for kind, count in (("c-done", bar.done), ("c-fail", bar.failed), ("c-wait", bar.waiting)):
            if count:
                height = max(count * unit - 1, 1.0)
                pieces.append(
                    Piece(kind, f"{middle - width / 2:.1f}", f"{foot - height:.1f}", f"{width:.1f}", f"{height:.1f}")
                )
                foot -= height + 1
        label = bar.label if index % every == 0 else ""
        spare = len(bars) > 10 and (index // every) % 2 == 1
        columns.append(
            Column(bar, tuple(pieces), f"{middle:.1f}", f"{foot - 5:.1f}", label, f"{middle - slot / 2:.1f}", spare)
        )
    ticks = tuple(
        Tick(value, f"{_BASE - value * unit:.1f}", f"{_BASE - value * unit + 4:.1f}")
        for value in range(0, top + 1, step)
    )
    return Chart(
        tuple(columns),
        ticks,
        sum(bar.done for bar in bars),
        sum(bar.failed for bar in bars),
        sum(bar.waiting for bar in bars),
        dense=len(bars) > 10,
        slot=f"{slot:.1f}",
    )
