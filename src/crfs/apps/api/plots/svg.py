"""A drawing: SVG text with a frame, axes, a title and a description that a screen reader reads; its look is the style sheet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from crfs.apps.api.plots.scales import Scale

Point = tuple[float, float]
LETTER = 6.9
"""The width of a letter, as wide as fonts of 12 pixels have them on average."""
_WIDE = 900.0
"""A narrower drawing stays narrow on a wide page: its words would become larger than the page's."""


@dataclass(slots=True, kw_only=True)
class Drawing:
    """Collects the parts of one plot; places are in drawing units, y downwards.

    ``name`` is unique on the page. Colours come from classes, so that light, dark and print differ without another drawing.
    """

    name: str
    title: str
    description: str
    width: float = 960.0
    height: float = 340.0
    left: float = 72.0
    right: float = 16.0
    top: float = 28.0
    bottom: float = 44.0
    parts: list[str] = field(default_factory=list)

    def x(self, share: float) -> float:
        """The place of a share of the frame's width."""
        return self.left + share * (self.width - self.left - self.right)

    def y(self, share: float) -> float:
        """The place of a share of the frame's height, counted from below."""
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def room_for(self, share: float, words: str) -> float:
        """How wide the right margin has to be for words beside a dot at a share of the frame's width to be whole."""
        within = self.width - self.left
        return (12.0 + LETTER * len(words) - (1.0 - share) * within) / share if share > 0.0 else 0.0

    def line(self, a: Point, b: Point, css: str) -> None:
        """A straight line."""
        self.parts.append(f'<line class="{css}" x1="{_n(a[0])}" y1="{_n(a[1])}" x2="{_n(b[0])}" y2="{_n(b[1])}"/>')

    def path(self, runs: Sequence[Sequence[Point]], css: str) -> None:
        """Connected points; each run stands alone, so that a gap in the data is a gap."""
        drawn = [run for run in runs if run]
        if drawn:
            d = "".join("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in run) for run in drawn)
            self.parts.append(f'<path class="{css}" d="{d}"/>')

    def area(self, upper: Sequence[Point], lower: Sequence[Point], css: str) -> None:
        """The band between two lines over the same places."""
        if upper:
            points = [*upper, *reversed(lower)]
            self.parts.append(f'<path class="{css}" d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in points)}Z"/>')

    def rectangle(self, corner: Point, size: Point, css: str) -> None:
        """A rectangle from its upper left corner."""
        self.parts.append(
            f'<rect class="{css}" x="{_n(corner[0])}" y="{_n(corner[1])}" width="{_n(max(size[0], 0.0))}" height="{_n(size[1])}"/>'
        )

    def dot(self, centre: Point, radius: float, css: str, tip: str = "") -> None:
        """A dot; ``tip`` is shown on hovering and read aloud."""
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<circle class="{css}" cx="{_n(centre[0])}" cy="{_n(centre[1])}" r="{_n(radius)}">{inside}</circle>')

    def text(self, place: Point, words: str, css: str, *, anchor: str = "start") -> None:
        """Words at a place; ``anchor`` is start, middle or end."""
        self.parts.append(f'<text class="{css}" x="{_n(place[0])}" y="{_n(place[1])}" text-anchor="{anchor}">{escape(words)}</text>')

    def axes(self, across: Scale, up: Scale, *, across_title: str, up_title: str) -> None:
        """Grid lines, ticks with labels, and what the axes count, with the unit."""
        for value, label in up.ticks:
            y = self.y(up.place(value))
            self.line((self.left, y), (self.width - self.right, y), "grid")
            self.text((self.left - 8, y + 4), label, "tick", anchor="end")
        for value, label in across.ticks:
            x = self.x(across.place(value))
            self.line((x, self.height - self.bottom), (x, self.height - self.bottom + 5), "axis")
            near_end = x > self.width - self.right - 16
            self.text((x + 12 if near_end else x, self.height - self.bottom + 19), label, "tick", anchor="end" if near_end else "middle")
        self.line((self.left, self.height - self.bottom), (self.width - self.right, self.height - self.bottom), "axis")
        self.text((self.left - 64, 14), up_title, "axis-title")
        self.text((self.width - self.right, self.height - 6), across_title, "axis-title", anchor="end")

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Names of what is drawn, each with its mark, in the upper right corner from right to left."""
        x = self.width - self.right
        for css, words in reversed(entries):
            self.text((x, 14), words, "legend", anchor="end")
            x -= LETTER * len(words) + 8
            self.line((x - 22, 10), (x, 10), css)
            x -= 36

    def svg(self) -> str:
        """The drawing as one SVG element."""
        css = "plot narrow" if self.width < _WIDE else "plot"
        return (
            f'<svg class="{css}" role="img" viewBox="0 0 {_n(self.width)} {_n(self.height)}" aria-labelledby="{self.name}-title {self.name}-desc">'
            f'<title id="{self.name}-title">{escape(self.title)}</title><desc id="{self.name}-desc">{escape(self.description)}</desc>'
            f"{''.join(self.parts)}</svg>"
        )


def _n(value: float) -> str:
    """A place with two decimals and nothing needless: the same numbers always make the same bytes."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
