"""Scalable drawings as plain strings: a canvas, scales with round ticks, and `Picture`, what a notebook shows.

Colours are classes, not values, so that one style sheet serves light and dark screens and paper. The palette is
Okabe and Ito's (2008), which people with any of the common colour deficiencies can tell apart.
"""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from weaklabel._tables import html_table, short
from weaklabel.pictures.text import name as one_line
from weaklabel.pictures.text import neutral

WIDTH: Final = 360
"""Width of an ordinary picture, that of a small phone: there it is shown as drawn, and only ever enlarged."""


@cache
def style() -> str:
    """The style sheet of all pictures, with both colour schemes."""
    return Path(__file__).with_name("pictures.css").read_text(encoding="utf-8")


class Canvas:
    """Collects shapes; every text that is handed in is neutralised and escaped.

    >>> canvas = Canvas()
    >>> canvas.text(1, 2, "a < b")
    >>> str(canvas)
    '<text x="1" y="2" class="wl-t">a &lt; b</text>'
    """

    def __init__(self) -> None:
        self._parts: list[str] = []

    def __str__(self) -> str:
        return "".join(self._parts)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        look: str,
        *,
        opacity: float = 1.0,
        tip: str = "",
    ) -> None:
        fade = "" if opacity >= 1 else f' fill-opacity="{_number(opacity)}"'
        self._shape(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
            f'class="{look}"{fade}',
            "rect",
            tip,
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, look: str) -> None:
        ends = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
        self._parts.append(f'<line {ends} class="{look}"/>')

    def dot(self, x: float, y: float, radius: float, look: str, tip: str = "") -> None:
        self._shape(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}" class="{look}"', "circle", tip
        )

    def path(self, points: Sequence[tuple[float, float]], look: str, *, closed: bool = False) -> None:
        """Straight lines through the points."""
        if points:
            d = "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
            self._parts.append(f'<path d="M{d}{"Z" if closed else ""}" class="{look}"/>')

    def squares(
        self, corners: Sequence[tuple[float, float]], size: float, look: str, *, opacity: float = 1.0
    ) -> None:
        """Equal squares as one shape."""
        side = _number(size)
        d = "".join(f"M{_number(x)} {_number(y)}h{side}v{side}h-{side}z" for x, y in corners)
        fade = "" if opacity >= 1 else f' fill-opacity="{_number(opacity)}"'
        if d:
            self._parts.append(f'<path d="{d}" class="{look}"{fade}/>')

    def bow(
        self,
        start: tuple[float, float],
        through: tuple[float, float],
        end: tuple[float, float],
        look: str,
        *,
        width: float,
        tip: str = "",
    ) -> None:
        """A bent line whose control point is `through`."""
        (x1, y1), (cx, cy), (x2, y2) = start, through, end
        d = f"M{_number(x1)} {_number(y1)}Q{_number(cx)} {_number(cy)} {_number(x2)} {_number(y2)}"
        self._shape(f'<path d="{d}" class="{look}" stroke-width="{_number(width)}"', "path", tip)

    def text(
        self, x: float, y: float, words: str, look: str = "wl-t", *, anchor: str = "start", turn: float = 0.0
    ) -> None:
        where = f'x="{_number(x)}" y="{_number(y)}"'
        side = "" if anchor == "start" else f' text-anchor="{anchor}"'
        turned = "" if not turn else f' transform="rotate({_number(turn)} {_number(x)} {_number(y)})"'
        self._parts.append(
            f'<text {where} class="{look}"{side}{turned}>{escaped(one_line(words, 200))}</text>'
        )

    def _shape(self, opening: str, tag: str, tip: str) -> None:
        self._parts.append(f"{opening}><title>{escaped(tip)}</title></{tag}>" if tip else f"{opening}/>")


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from `low..high` (data) to `start..end` (drawing); values outside are held at the ends.

    >>> Scale(0, 1, 100, 200)(0.25), Scale(0, 1, 100, 200)(7)
    (125.0, 200.0)
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = 0.5 if span <= 0 else min(1.0, max(0.0, (value - self.low) / span))
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside the scale, some `about` of them, a 1, 2 or 5 with zeros apart.

        >>> Scale(0.5, 1, 0, 1).ticks()
        [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
        """
        span = self.high - self.low
        if span <= 0 or not math.isfinite(span):
            return [self.low]
        raw = span / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(k * step, 12) for k in range(first, last + 1)]


def axes(canvas: Canvas, x: Scale, y: Scale, x_name: str, y_name: str, *, y_ticks: int = 5) -> None:
    """Fine grid lines, ticks in words, the names of the axes: y's above its axis, where it needs no turning."""
    for value in y.ticks(y_ticks):
        canvas.line(x.start, y(value), x.end, y(value), "wl-grid")
        canvas.text(x.start - 6, y(value) + 4, tick(value), "wl-s", anchor="end")
    canvas.line(x.start, y.start, x.end, y.start, "wl-axis")
    for value in x.ticks():
        canvas.line(x(value), y.start, x(value), y.start + 4, "wl-axis")
        canvas.text(x(value), y.start + 16, tick(value), "wl-s", anchor="middle")
    canvas.text((x.start + x.end) / 2, y.start + 33, x_name, "wl-s", anchor="middle")
    canvas.text(2, y.end - 10, y_name, "wl-s")


@dataclass(frozen=True)
class Picture:
    """One drawing with its words: shown inline by notebooks, and by the report.

    Attributes:
        title: what it shows.
        description: what a reader who cannot see it should know, one or two sentences.
        body: the shapes, SVG without its outer element.
        width: of the drawing, in its own units (one CSS pixel on a phone); `height` likewise.
        header: of the table that says the same; `rows` its cells.
        note: what the figures rest on.
        fixed: never shrunk; on a narrow screen it scrolls in its box.
    """

    title: str
    description: str
    body: str = field(repr=False)
    width: float
    height: float
    header: Sequence[str] = field(default=(), repr=False)
    rows: Sequence[Sequence[str]] = field(default=(), repr=False)
    note: str = field(default="", repr=False)
    fixed: bool = False

    def svg(self, *, styled: bool = True, key: str = "") -> str:
        """The whole SVG element; `styled` with its style sheet, without one where the page has it already.

        `key` starts its ids; by default a hash of what it shows, so that equal pictures have equal bytes.
        """
        key = (
            key
            or "wl-"
            + hashlib.sha256(neutral(self.title + self.description + self.body).encode()).hexdigest()[:10]
        )
        size = f'viewBox="0 0 {_number(self.width)} {_number(self.height)}" width="{_number(self.width)}" height="{_number(self.height)}"'
        look = "wl-picture wl-fixed" if self.fixed else "wl-picture"
        sheet = f"<style>{style()}</style>" if styled else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="{look}" role="img" '
            f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{escaped(self.title)}</title>'
            f'<desc id="{key}-d">{escaped(self.description)}</desc>{sheet}'
            f'<rect width="100%" height="100%" class="wl-paper"/>{self.body}</svg>'
        )

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        table = ""
        if self.rows:
            header, *cells = [[neutral(cell) for cell in row] for row in (self.header, *self.rows)]
            table = f"<details><summary>as a table</summary>{html_table(header, cells)}</details>"
        note = f"<p>{escaped(self.note)}</p>" if self.note else ""
        return (
            f"<figure><figcaption><b>{escaped(self.title)}</b></figcaption>{self.svg()}{note}{table}</figure>"
        )

    def __str__(self) -> str:
        return f"{self.title}: {self.description}"


def nothing(title: str, why: str) -> Picture:
    """A picture that could not be drawn, and says why in its place."""
    canvas = Canvas()
    for k, line in enumerate(wrapped(why, 52)):
        canvas.text(WIDTH / 2, 34 + 17 * k, line, "wl-s", anchor="middle")
    return Picture(title, why, str(canvas), WIDTH, 48 + 17 * len(wrapped(why, 52)))


def wrapped(words: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(neutral(words), width) or [""]


def escaped(text: str) -> str:
    """Neutral, and escaped for text and attributes alike."""
    return html.escape(neutral(text), quote=True)


def tick(value: float) -> str:
    """A tick in as few characters as it takes: .5, 1, 20, 1,500.

    >>> [tick(v) for v in (0.5, 1.0, -0.25, 20.0, 1500.0, 0.0)]
    ['.5', '1', '-.25', '20', '1,500', '0']
    """
    if value == 0:
        return "0"
    text = f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def share(value: float) -> str:
    return short(value)


def _number(value: float) -> str:
    """At most two decimals. A drawing that holds NaN is our bug, and a reader would only see a gap."""
    assert math.isfinite(value), "a drawing got a number that is not finite"
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
