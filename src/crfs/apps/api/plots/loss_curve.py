"""The loss exceedance curve: how likely a loss of at least x is, on a log axis, with its 95 % band and the measures on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crfs.apps.api.plots.scales import linear_scale, log_scale
from crfs.apps.api.plots.svg import Drawing
from crfs.workflows.confidences import percentage


def loss_curve_plot(curve: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]], *, el: float, currency: str) -> str:
    """The SVG of ``loss_curve`` of a risk run, with a mark at the expected loss and at each value at risk; empty where nothing is to draw."""
    points = [point for point in curve if point["exceedance_probability"] > 0.0]
    if len(points) < 2:
        return ""
    losses = [value for p in points for value in (p["loss"], p["loss_low"], p["loss_high"]) if value is not None]
    across = linear_scale(0.0, max([*losses, el, *(m["es"] for m in measures)]), ticks=6, zero=True)
    up = log_scale(min(p["exceedance_probability"] for p in points), 1.0, percent=True)
    drawing = Drawing(
        name="loss-curve",
        title="Loss exceedance curve",
        description=f"Probability that the loss of 12 months is at least x, in {currency}: "
        + "; ".join(f"{p['loss']:,.0f} with probability {p['exceedance_probability']:.4g}" for p in points[:: max(1, len(points) // 8)]),
        height=400.0,
    )
    drawing.axes(across, up, across_title=f"loss in 12 months, {currency}", up_title="probability of at least that")

    def place(loss: float, probability: float) -> tuple[float, float]:
        return drawing.x(across.place(loss)), drawing.y(up.place(probability))

    banded = [p for p in points if p["loss_low"] is not None and p["loss_high"] is not None]
    drawing.area(
        [place(p["loss_low"], p["exceedance_probability"]) for p in banded],
        [place(p["loss_high"], p["exceedance_probability"]) for p in banded],
        "band one",
    )
    drawing.path([[place(p["loss"], p["exceedance_probability"]) for p in points]], "line one")
    x = drawing.x(across.place(el))
    drawing.line((x, drawing.y(0.0)), (x, drawing.y(1.0)), "mark")
    drawing.text((x + 5, drawing.y(0.0) - 7), "EL", "label")
    for m in measures:
        centre = place(m["var"], 1.0 - m["confidence"])
        drawing.dot(centre, 4.0, "dot two", tip=f"VaR {percentage(m['confidence'])} %: {m['var']:,.0f}")
        drawing.text((centre[0] + 8, centre[1] - 6), f"VaR {percentage(m['confidence'])} %", "label")
    drawing.legend([("line one", "loss exceeded"), ("swatch one", "95 % interval")])
    return drawing.svg()
