"""Horizontal bars: parts of a whole, the greatest first, each with its name, its number and what is known of its error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from crfs.apps.api.plots.scales import amount_text, linear_scale
from crfs.apps.api.plots.svg import LETTER, Drawing

_LEAST_ROOM = 200.0


def bars_plot(
    rows: Sequence[tuple[str, float]],
    *,
    name: str,
    title: str,
    unit: str,
    css: str = "one",
    most: int = 24,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> str:
    """The SVG of named amounts, the largest first; beyond ``most`` the rest is one bar. Empty where there is nothing to draw.

    What is below zero is drawn to the left of zero, with its number to the right of it. ``intervals`` by name, their lower and
    upper end, are drawn as whiskers; the bar of the rest has none, since errors of parts do not add up.
    """
    ordered = sorted(rows, key=lambda row: (-abs(row[1]), row[0]))
    if len(ordered) > most:
        rest = ordered[most - 1 :]
        ordered = [*ordered[: most - 1], (f"{len(rest)} others", sum(value for _, value in rest))]
    if not ordered or not any(value for _, value in ordered):
        return ""
    ends = [(intervals or {}).get(label, (value, value)) for label, value in ordered]
    # Names have the room that the longest needs, so that none is cut at the left; the bars keep theirs.
    room = max(_LEAST_ROOM, 8.0 + LETTER * max(len(_short(label)) for label, _ in ordered))
    across = linear_scale(*_reach([value for _, value in ordered], ends), zero=True)
    drawing = Drawing(
        name=name,
        title=title,
        description="; ".join(
            f"{label}: {_full(value)}" + (f" ({_full(low)} to {_full(high)})" if low < high else "")
            for (label, value), (low, high) in zip(ordered, ends, strict=True)
        ),
        width=400.0 + room,
        height=24.0 * len(ordered) + 60.0,
        left=room,
        right=64.0,
        top=16.0,
    )
    for value, label in across.ticks:
        x = drawing.x(across.place(value))
        drawing.line((x, drawing.top), (x, drawing.height - drawing.bottom), "grid")
        drawing.text((x, drawing.height - drawing.bottom + 17), label, "tick", anchor="middle")
    for i, ((label, value), (low, high)) in enumerate(zip(ordered, ends, strict=True)):
        y = drawing.top + 24.0 * i + 4.0
        left, right = (drawing.x(across.place(edge)) for edge in (min(value, 0.0), max(value, 0.0)))
        drawing.rectangle((left, y), (right - left, 16.0), f"bar {css}")
        if low < high:
            first, last = drawing.x(across.place(low)), drawing.x(across.place(high))
            drawing.line((first, y + 8.0), (last, y + 8.0), "whisker")
            for x in (first, last):
                drawing.line((x, y + 4.0), (x, y + 12.0), "whisker")
            right = max(right, last)
        drawing.text((drawing.left - 8, y + 12), _short(label), "label", anchor="end")
        drawing.text((right + 6, y + 12), rounded(value), "tick")
    drawing.text((drawing.width - drawing.right, drawing.height - 6), unit, "axis-title", anchor="end")
    return drawing.svg()


def around(value: float, half_width: float) -> tuple[float, float]:
    """The interval that lies evenly around a value."""
    return value - half_width, value + half_width


def _reach(values: Sequence[float], ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """From the least to the greatest of what is drawn."""
    drawn = [*values, *(end for both in ends for end in both)]
    return min(drawn), max(drawn)


def _full(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def rounded(value: float) -> str:
    """A number with three digits, thousands as k, millions as m.

    >>> rounded(89506349.2), rounded(426894.9), rounded(71.26)
    ('89.5 m', '427 k', '71.3')
    """
    if value == 0.0:
        return "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return amount_text(round(value / step) * step, step)


def _short(label: str, most: int = 48) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
