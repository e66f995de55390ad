"""The reliability plot: in groups of equal size by PD, the mean PD against the rate that came, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crfs.apps.api.plots.scales import log_scale
from crfs.apps.api.plots.svg import Drawing


def reliability_plot(groups: Sequence[Mapping[str, Any]], *, name: str = "reliability") -> str:
    """The SVG of a reliability table (``mean_pd``, ``default_rate``, ``lower``, ``upper``); on the diagonal the PDs are right.

    Both axes are logarithmic; a group without a default has a rate of 0 and is drawn on the lower edge, with its interval.
    """
    told = [g for g in groups if g["mean_pd"] > 0.0]
    if not told:
        return ""
    values = [v for g in told for v in (g["mean_pd"], g["default_rate"], g["upper"]) if v > 0.0]
    low, high = min(values), max(values)
    across, up = log_scale(low, high, percent=True), log_scale(low, high, percent=True)
    drawing = Drawing(
        name=name,
        title="Mean PD against the realised default rate, out of time",
        description="; ".join(
            f"mean PD {g['mean_pd']:.3%}, realised {g['default_rate']:.3%} ({g['lower']:.3%} to {g['upper']:.3%})" for g in told
        ),
        height=420.0,
    )
    drawing.axes(across, up, across_title="mean PD of the group", up_title="realised default rate")
    drawing.line((drawing.x(0.0), drawing.y(0.0)), (drawing.x(1.0), drawing.y(1.0)), "mark")
    for g in told:
        x = drawing.x(across.place(g["mean_pd"]))
        ends = [drawing.y(up.place(max(g[end], up.low))) for end in ("lower", "upper")]
        drawing.line((x, ends[0]), (x, ends[1]), "whisker one")
        for y in ends:
            drawing.line((x - 4, y), (x + 4, y), "whisker one")
        drawing.dot(
            (x, drawing.y(up.place(max(g["default_rate"], up.low)))), 4.0, "dot one", tip=f"{g['mean_pd']:.3%} → {g['default_rate']:.3%}"
        )
    drawing.legend([("mark", "as predicted"), ("whisker one", "95 % interval")])
    return drawing.svg()
