"""A factor's history: the value at each valid time, as known now and as known then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crfs.apps.api.plots.scales import linear_scale, time_scale
from crfs.apps.api.plots.svg import Drawing, Point

MOST_POINTS = 1400
"""About as many points as the plot has places: more would be drawn on top of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A named line; ``css`` is its class, a value is None where the answer is missing."""

    name: str
    css: str
    points: Sequence[tuple[datetime, float | None]]


def history_plot(series: Sequence[Series], *, name: str, title: str, unit: str) -> str:
    """The SVG of a history; a missing value is a gap. With no values at all, a frame that says so."""
    values = [value for line in series for _, value in line.points if value is not None]
    times = [moment for line in series for moment, value in line.points if value is not None]
    if not values:
        drawing = Drawing(name=name, title=title, description="There is no value in this window.", height=120.0)
        drawing.text((480.0, 64.0), "No value in this window as known then", "legend", anchor="middle")
        return drawing.svg()
    percent = unit == "decimal"
    across, up = time_scale(min(times), max(times)), linear_scale(min(values), max(values), percent=percent)
    described = "; ".join(_described(line, percent) for line in series if any(v is not None for _, v in line.points))
    drawing = Drawing(name=name, title=title, description=described)
    drawing.axes(across, up, across_title="valid time", up_title="per cent" if percent else unit)
    if up.low < 0.0 < up.high:
        zero = drawing.y(up.place(0.0))
        drawing.line((drawing.x(0.0), zero), (drawing.x(1.0), zero), "axis")
    for line in series:
        runs: list[list[Point]] = [[]]
        for moment, value in thinned(line.points):
            if value is None:
                runs.append([])
            else:
                runs[-1].append((drawing.x(across.place(moment.timestamp())), drawing.y(up.place(value))))
        drawing.path([run for run in runs if len(run) > 1], f"line {line.css}")
        for run in runs:
            if len(run) == 1:
                drawing.dot(run[0], 2.5, f"dot {line.css}")
    drawing.legend([(f"line {line.css}", line.name) for line in series])
    return drawing.svg()


def thinned(points: Sequence[tuple[datetime, float | None]], most: int = MOST_POINTS) -> list[tuple[datetime, float | None]]:
    """At most about ``most`` points that look the same: of each stretch the least, the greatest, and any gap, in their order."""
    if len(points) <= most:
        return list(points)
    stretch = -(-2 * len(points) // most)
    kept: list[tuple[datetime, float | None]] = []
    for begin in range(0, len(points), stretch):
        block = points[begin : begin + stretch]
        told = [i for i, (_, value) in enumerate(block) if value is not None]
        chosen = {i for i, (_, value) in enumerate(block) if value is None}
        if told:
            chosen |= {min(told, key=lambda i: block[i][1] or 0.0), max(told, key=lambda i: block[i][1] or 0.0)}
        kept += [block[i] for i in sorted(chosen)]
    return kept


def _described(line: Series, percent: bool) -> str:
    known = [(moment, value) for moment, value in line.points if value is not None]
    (first, a), (last, b) = known[0], known[-1]
    at_first, at_last = (f"{100 * v:.4g} %" if percent else f"{v:.6g}" for v in (a, b))
    return f"{line.name}: {len(known)} values, {at_first} at {first:%Y-%m-%d}, {at_last} at {last:%Y-%m-%d}"
