"""A waterfall: an amount, what each step adds to it or takes away, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence

from crfs.apps.api.plots.bars import rounded
from crfs.apps.api.plots.scales import linear_scale
from crfs.apps.api.plots.svg import Drawing

_BAR = 0.6
"""The width of a bar, as a share of its place."""
_PLACE = 70.0
"""The least width of a place: a step's name fits."""


def waterfall_plot(
    base: float, steps: Sequence[tuple[str, float]], total: float, *, name: str, title: str, unit: str, ends: tuple[str, str]
) -> str:
    """The SVG of the way from ``base`` to ``total``; ``ends`` are their names. Steps of nothing are left out; empty without any other.

    A step begins where the one before ended. The total is drawn from nothing, so that a step which is missing would be seen.
    """
    moved = [(label, amount) for label, amount in steps if amount != 0.0]
    if base == 0.0 and total == 0.0:
        return ""
    levels = [base]
    for _, amount in moved:
        levels.append(levels[-1] + amount)
    up = linear_scale(min(0.0, *levels, total), max(0.0, *levels, total), zero=True)
    told = "; ".join(f"{label}: {amount:+,.0f}" for label, amount in moved) or "nothing changes"
    drawing = Drawing(
        name=name,
        title=title,
        description=f"{ends[0]} {base:,.0f}; {told}; {ends[1]} {total:,.0f}",
        width=max(600.0, 88.0 + _PLACE * (len(moved) + 2)),
        height=300.0,
    )
    drawing.text((drawing.left - 64, 14), unit, "axis-title")
    for value, label in up.ticks:
        y = drawing.y(up.place(value))
        drawing.line((drawing.left, y), (drawing.width - drawing.right, y), "grid")
        drawing.text((drawing.left - 8, y + 4), label, "tick", anchor="end")
    bars = [(ends[0], 0.0, base, base, "one")]
    bars += [(label, levels[i], levels[i + 1], amount, "two") for i, (label, amount) in enumerate(moved)]
    bars.append((ends[1], 0.0, total, total, "one"))
    for i, (label, begin, end, amount, css) in enumerate(bars):
        low, high = sorted((begin, end))
        left, right = (drawing.x((i + 0.5 + side * _BAR / 2) / len(bars)) for side in (-1, 1))
        top, bottom = drawing.y(up.place(high)), drawing.y(up.place(low))
        drawing.rectangle((left, top), (right - left, bottom - top), f"bar {css}")
        text = rounded(amount) if css == "one" else ("+" if amount > 0.0 else "") + rounded(amount)
        drawing.text(((left + right) / 2, top - 5), text, "tick", anchor="middle")
        drawing.text(((left + right) / 2, drawing.height - drawing.bottom + 19), label, "label", anchor="middle")
        if i + 1 < len(bars):
            y = drawing.y(up.place(end))
            drawing.line((right, y), (drawing.x((i + 1.5 - _BAR / 2) / len(bars)), y), "axis")
    return drawing.svg()
