"""The loss exceedance curve: how likely a loss of more than x is, on a log axis, with its 95 % band and the measures on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from crfs.apps.api.plots.scales import LogScale, linear_scale, log_scale
from crfs.apps.api.plots.svg import Drawing
from crfs.workflows.confidences import percentage

_ON_LATTICES = frozenset({"closed_form", "exact", "few_names", "convolution", "creditriskplus"})
"""Methods whose points are P(L > x) at losses that a distribution of steps has; the others' are quantiles, or points of a smooth tail."""
_ATOM = 1.6
"""A fall of the probability between two points by more than this is a step that is seen: where losses lie densely, points are 1.26 apart."""
_LIKELY = 0.5
_CLOSE = 1.0 + 1e-9

Vertex = tuple[float, float]
"""A loss, and the probability that it is exceeded."""


def loss_curve_plot(
    curve: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]], *, el: float, currency: str, method: str
) -> str:
    """The SVG of ``loss_curve`` of a risk run, with a mark at the expected loss and at each value at risk; empty where nothing is to draw.

    Everywhere the probability is that of a loss of more than x. Where it falls in steps they are drawn, each vertical at its loss. A value at risk is
    a point of the curve as the others are, since its loss is what the distribution has at its probability.
    """
    dots = sorted((m["var"], 1.0 - m["confidence"]) for m in measures)
    points = [p for p in curve if p["exceedance_probability"] > 0.0 and _agrees((p["loss"], p["exceedance_probability"]), dots)]
    steps = falls_in_steps([(p["loss"], p["exceedance_probability"]) for p in points], on_lattice=method in _ON_LATTICES)
    if len(points) < (1 if steps else 2):
        return ""
    line = drawn_line(points, dots, steps=steps)
    end = _end(line, points, measures, el=el) if steps else line[-1][0]
    banded = is_banded(points)
    losses = [value for p in points for value in (p["loss"], p["loss_low"], p["loss_high"]) if value is not None]
    across = linear_scale(0.0, max([*losses, el, end, *(m["es"] for m in measures)]), ticks=6, zero=True)
    # A curve of steps falls to no probability at all, so the axis lies below the last that is told; another is told as far as the axis.
    up = _down_to(line[-1][1] * (0.5 if steps else 1.0))
    names = [(m, f"VaR {percentage(m['confidence'])} %") for m in measures]
    drawing = Drawing(
        name="loss-curve",
        title="Loss exceedance curve",
        description=f"Probability that the loss of 12 months is more than x, in {currency}: "
        + "; ".join(f"{p['loss']:,.0f} with probability {p['exceedance_probability']:.4g}" for p in points[:: max(1, len(points) // 8)]),
        height=400.0,
    )
    labels = [(el, "EL"), *((m["var"], name) for m, name in names)]
    drawing.right = max(drawing.right, *(drawing.room_for(across.place(value), words) for value, words in labels))
    drawing.axes(across, up, across_title=f"loss in 12 months, {currency}", up_title="probability of more than that")

    def place(vertex: Vertex) -> tuple[float, float]:
        return drawing.x(across.place(vertex[0])), drawing.y(up.place(vertex[1]))

    if banded:
        low, high = band_ends(points, steps=steps, on_lattice=method in _ON_LATTICES)
        drawing.area([place(v) for v in low], [place(v) for v in high], "band one")
    fall = [(end, line[-1][1]), (end, up.low)] if steps else []
    drawing.path([[place(v) for v in [*line, *fall]]], "line one")
    x = drawing.x(across.place(el))
    drawing.line((x, drawing.y(0.0)), (x, drawing.y(1.0)), "mark")
    drawing.text((x + 5, drawing.y(0.0) - 7), "EL", "label")
    for m, name in names:
        centre = place((m["var"], 1.0 - m["confidence"]))
        drawing.dot(centre, 4.0, "dot two", tip=f"{name}: {m['var']:,.0f}")
        drawing.text((centre[0] + 8, centre[1] - 6), name, "label")
    drawing.legend([("line one", "loss exceeded"), *([("swatch one", "95 % interval")] if banded else [])])
    return drawing.svg()


def is_banded(points: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any point of a curve has an interval around its loss: an exact one has none.

    >>> is_banded([{"loss": 2.0, "loss_low": 2.0, "loss_high": 2.0}]), is_banded([{"loss": 2.0, "loss_low": 1.0, "loss_high": None}])
    (False, True)
    """
    return any(p["loss_low"] != p["loss"] or p["loss_high"] != p["loss"] for p in points)


def falls_in_steps(points: Sequence[Vertex], *, on_lattice: bool) -> bool:
    """Whether atoms are seen: on a lattice, where the probability falls by more than points of a dense one are apart; of a sample, where most losses
    are the same at one probability and at the next.

    >>> falls_in_steps([(0.0, 0.02), (80.0, 0.001)], on_lattice=True), falls_in_steps([(10.0, 0.02), (11.0, 0.016)], on_lattice=True)
    (True, False)
    >>> falls_in_steps([(10.0, 0.03), (10.0, 0.02), (10.0, 0.01), (12.0, 0.005)], on_lattice=False)
    True
    """
    if on_lattice:
        return len(points) == 1 or any(p > _ATOM * q for (_, p), (_, q) in pairwise(points))
    losses = [x for x, _ in points if x > 0.0]
    return 2 * sum(x == y for x, y in pairwise(losses)) > len(losses) - 1


def stairs(points: Sequence[Vertex]) -> list[Vertex]:
    """The path of the right-continuous step function through points: along to the next loss, and there down to its probability.

    >>> stairs([(0.0, 0.02), (80.0, 0.001)])
    [(0.0, 0.02), (80.0, 0.02), (80.0, 0.001)]
    """
    path = list(points[:1])
    for (_, p), (x, q) in pairwise(points):
        path += [(x, p), (x, q)]
    return path


def band_ends(points: Sequence[Mapping[str, Any]], *, steps: bool, on_lattice: bool) -> tuple[list[Vertex], list[Vertex]]:
    """The lower and the upper edge of the band, at points that have both.

    On a lattice, at the very probability with which a loss is exceeded, the next loss is a quantile too, so that the interval reaches there; at greater
    probabilities, those of the loss's own vertical, it does not, and its upper end is that of the point before.
    """
    told = [p for p in points if p["loss_low"] is not None and p["loss_high"] is not None]
    low, high = ([(p[side], p["exceedance_probability"]) for p in told] for side in ("loss_low", "loss_high"))
    if not steps:
        return low, high
    inner = list(high)
    for i, p in enumerate(told if on_lattice else ()):
        following = told[i + 1]["loss"] if i + 1 < len(told) else p["loss"]
        if high[i][0] >= following and (following > p["loss"] or i + 1 == len(told)):
            before = high[i - 1][0] if i else p["loss"]
            inner[i] = (max(p["loss"], before), high[i][1])
    return stairs(low), stairs(inner)


def drawn_line(points: Sequence[Mapping[str, Any]], dots: Sequence[Vertex], *, steps: bool) -> list[Vertex]:
    """The vertices of the curve through its points and the values at risk, from the probability of any loss on."""
    own = [(p["loss"], p["exceedance_probability"]) for p in points]
    # Losses of a sample are zero at many probabilities, of which that of any loss is the least.
    none = [p for x, p in own if x <= 0.0]
    own = [(0.0, p) for p in sorted(none)[:1]] + [(x, p) for x, p in own if x > 0.0]
    path = sorted([*own, *dots], key=lambda vertex: (vertex[0], -vertex[1]))
    # Points that begin above zero begin at a loss that is likely, so that any loss is nearly certain; where it is not, nothing says how likely it is.
    if path[0][0] > 0.0 and (steps or path[0][1] > _LIKELY):
        path = [(0.0, 1.0), *path]
    return stairs(path) if steps else path


def _agrees(point: Vertex, dots: Sequence[Vertex]) -> bool:
    """Whether a falling curve may have both a point and the values at risk, which may be known better than a sample knows it."""
    return all((x - point[0]) * (p - point[1]) <= 0.0 or abs(math.log(p / point[1])) < _CLOSE - 1.0 for x, p in dots)


def _end(line: Sequence[Vertex], points: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]], *, el: float) -> float:
    """Where a curve of steps comes to no probability: at the greatest loss, which has no point of its own.

    No loss is beyond the expected shortfall where that is the value at risk. Else the mean of what exceeds the last point's loss is known from it:
    the area under the curve beyond a value at risk is the shortfall's distance to it times the tail's probability. Where that has steps without a
    point the drawn area is larger than the true one, and the end is told too early rather than too late.
    """
    var, es, tail = max(((m["var"], m["es"], 1.0 - m["confidence"]) for m in measures), default=(0.0, el, 1.0))
    last, rest = float(points[-1]["loss"]), float(points[-1]["exceedance_probability"])
    # At the last point's probability its interval ends at the next loss, where a method that has errors tells it.
    end: float = max(line[-1][0], var, es, points[-1]["loss_high"] or 0.0)
    if is_banded(points) or var > last:
        return end
    beyond = sum(p * max(0.0, x - max(w, var)) for (w, p), (x, _) in pairwise(line))
    return max(end, last + float(tail * (es - var) - beyond) / rest)


def _down_to(low: float) -> LogScale:
    """A scale of probabilities that ends at ``low``, with marks at what people read."""
    scale = log_scale(low, 1.0, percent=True)
    return replace(scale, low=low, ticks=tuple(tick for tick in scale.ticks if tick[0] >= low / _CLOSE))
