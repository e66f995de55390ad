"""The loss exceedance curve as it is drawn: P(L > x) at every x, each value at risk on it, everything within the drawing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.apps.api.plots.loss_curve import loss_curve_plot
from crfs.apps.api.plots.svg import LETTER
from crfs.credit.factor_model import FactorModel
from crfs.risk import portfolio_risk
from crfs.risk.analytic import lattice_curve
from crfs.risk.lattice import beyond, lower_quantile

MODEL = FactorModel.one_factor("all")
UNIT = 0.02
"""Half of the last digit of a place in a drawing, and what reading a scale off its ticks adds."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a drawing of the curve has, in its own units."""

    svg: str
    width: float
    height: float
    line: list[tuple[float, float]]
    dots: list[tuple[float, float]]
    band: list[tuple[float, float]]
    texts: list[tuple[str, float, float, str]]

    def place(self, loss: float, probability: float) -> tuple[float, float]:
        """Where a loss and a probability lie, read off the ticks' labels as a reader does."""
        across = [(float(words), x) for words, x, y, css in self.texts if css == "tick" and y > self.bottom and _is_number(words)]
        up = [(math.log(float(words[:-2]) / 100.0), y - 4.0) for words, x, y, css in self.texts if css == "tick" and words.endswith(" %")]
        (a, left), (b, right) = across[0], across[1]
        (p, lower), (q, upper) = up[0], up[-1]
        return (
            left + (loss - a) / (b - a) * (right - left),
            lower + (math.log(probability) - p) / (q - p) * (upper - lower),
        )

    @property
    def bottom(self) -> float:
        return self.height - 44.0

    def heights(self, x: float) -> list[tuple[float, float]]:
        """The least and the greatest y of each piece of the line at a place across."""
        found = []
        for (x0, y0), (x1, y1) in pairwise(self.line):
            if x1 - x0 <= UNIT and abs(x - x0) <= 2 * UNIT:
                found.append((min(y0, y1), max(y0, y1)))
            elif x0 <= x <= x1:
                y = y0 + (x - x0) / (x1 - x0) * (y1 - y0)
                found.append((y, y))
        return found


def _is_number(words: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+", words))


def read(svg: str) -> Drawn:
    def path(css: str) -> list[tuple[float, float]]:
        found = re.search(f'<path class="{css}" d="M([^"Z]+)Z?"', svg)
        return [(float(x), float(y)) for x, y in (pair.split() for pair in found[1].split("L"))] if found else []

    view = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert view
    return Drawn(
        svg=svg,
        width=float(view[1]),
        height=float(view[2]),
        line=path("line one"),
        dots=[(float(x), float(y)) for x, y in re.findall(r'<circle class="dot two" cx="([\d.]+)" cy="([\d.]+)"', svg)],
        band=path("band one"),
        texts=[
            (words, _left(float(x), words, anchor), float(y), css) if css != "tick" else (words, float(x), float(y), css)
            for css, x, y, anchor, words in re.findall(
                r'<text class="([a-z-]+)" x="([-\d.]+)" y="([-\d.]+)" text-anchor="([a-z]+)">([^<]*)</text>', svg
            )
        ],
    )


def _left(x: float, words: str, anchor: str) -> float:
    return x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * LETTER * len(words)


def plotted(answer: dict[str, Any]) -> Drawn:
    return read(loss_curve_plot(answer["loss_curve"], answer["measures"], el=answer["el"], currency="USD", method=answer["method"]))


def risk(rows: list[tuple[float, float, float]], **options: Any) -> dict[str, Any]:
    """The answer of a book of names: exposure, loss given default, probability of default."""
    n = len(rows)
    table = pl.DataFrame(
        {
            "facility_id": [f"F{i}" for i in range(n)],
            "obligor_id": [f"O{i}" for i in range(n)],
            "ead": [row[0] for row in rows],
            "lgd": [row[1] for row in rows],
            "pd_12m": [row[2] for row in rows],
            "r2": [0.2] * n,
            "group": ["all"] * n,
        }
    )
    return portfolio_risk(table, MODEL, **{"confidences": (0.9, 0.99, 0.999), **options}).to_dict()


TWO = [(100.0, 0.4, 0.02), (200.0, 0.4, 0.02)]
BOOKS: dict[str, tuple[list[tuple[float, float, float]], dict[str, Any]]] = {
    "two loans": (TWO, {}),
    "two loans, sampled": (TWO, {"method": "importance_sampling", "max_scenarios": 20_000}),
    "two loans, drawn name by name": (TWO, {"method": "plain", "max_scenarios": 20_000}),
    "two loans, gamma sectors": (TWO, {"method": "creditriskplus"}),
    "one loan": (TWO[:1], {}),
    "one good loan": ([(100.0, 0.4, 0.0005)], {}),
    "a loan and a loss": ([(100.0, 0.4, 0.02), (100.0, 0.4, 1.0)], {}),
    "a loss": ([(100.0, 0.4, 1.0)], {}),
    "five by points": ([(100.0 * (1 + i % 3), 0.4, 0.03) for i in range(5)], {"method": "few_names"}),
    "fifty alike": ([(10.0, 0.5, 0.01)] * 50, {}),
    "many": ([(10.0 + i % 37 + 0.01 * i, 0.45, 0.01 + 0.00001 * i) for i in range(2000)], {"max_scenarios": 4096}),
    "one confidence": (TWO, {"confidences": (0.9995,)}),
}


@pytest.fixture(scope="module", params=list(BOOKS))
def both(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Drawn]:
    rows, options = BOOKS[request.param]
    answer = risk(rows, **options)
    return answer, plotted(answer)


def test_every_value_at_risk_lies_on_the_line(both: tuple[dict[str, Any], Drawn]) -> None:
    answer, drawn = both
    assert len(drawn.dots) == len(answer["measures"])
    for x, y in drawn.dots:
        assert any(low - 2 * UNIT <= y <= high + 2 * UNIT for low, high in drawn.heights(x)), (x, y, drawn.line)


def test_the_line_falls_from_no_loss_to_the_axis_beyond_all_values_at_risk(both: tuple[dict[str, Any], Drawn]) -> None:
    _, drawn = both
    assert drawn.line[0][0] == 72.0, "it begins where losses do"
    assert all(a[0] <= b[0] and a[1] <= b[1] + UNIT for a, b in pairwise(drawn.line))
    assert abs(drawn.line[-1][1] - drawn.bottom) <= UNIT
    assert drawn.line[-1][0] >= max(x for x, _ in drawn.dots) - UNIT


def test_nothing_lies_outside_the_drawing(both: tuple[dict[str, Any], Drawn]) -> None:
    _, drawn = both
    for x, y in [*drawn.line, *drawn.dots, *drawn.band]:
        assert 72.0 - UNIT <= x <= drawn.width - 16.0 + UNIT
        assert 28.0 - UNIT <= y <= drawn.bottom + UNIT
    for css, x, anchor, words in re.findall(
        r'<text class="([a-z-]+)" x="([-\d.]+)" y="[-\d.]+" text-anchor="([a-z]+)">([^<]*)<', drawn.svg
    ):
        left = _left(float(x), words, anchor)
        assert left >= 0.0, (css, words)
        assert left + LETTER * len(words) <= drawn.width, (css, words)


def test_two_loans_lose_what_their_probabilities_say() -> None:
    answer, both = risk(TWO), 0.0011
    drawn = plotted(answer)
    (joint,) = (p["exceedance_probability"] for p in answer["loss_curve"] if p["loss"] == 80.0)
    assert abs(joint - both) < 1e-4
    steps = ((0.0, 40.0, 0.04 - joint), (40.0, 80.0, 0.02), (80.0, 120.0, joint))
    for begin, end, probability in steps:
        for loss in np.linspace(begin, end, 9)[1:-1]:
            x, y = drawn.place(float(loss), probability)
            assert [abs(low - y) < 0.1 for low, _ in drawn.heights(x)] == [True], loss
    assert abs(drawn.line[-1][0] - drawn.place(120.0, 1.0)[0]) < 0.1
    assert drawn.band == [], "what is exact has no band"


def test_one_good_loan_may_lose_more_than_its_expected_shortfall() -> None:
    drawn = plotted(risk(BOOKS["one good loan"][0]))
    assert abs(drawn.line[-1][0] - drawn.place(40.0, 1.0)[0]) < 0.1


def test_where_some_loss_is_certain_the_line_begins_at_certainty() -> None:
    drawn = plotted(risk(BOOKS["a loan and a loss"][0]))
    (x, y), (_, certain), (_, y_uncertain) = drawn.line[0], drawn.place(40.0, 1.0), drawn.place(40.0, 0.02)
    assert (x, y) == (72.0, 28.0)
    assert abs(y - certain) < 0.1
    lows, highs = zip(*drawn.heights(drawn.place(40.0, 1.0)[0]), strict=True)
    assert abs(min(lows) - certain) < 0.1
    assert abs(max(highs) - y_uncertain) < 0.1


@given(
    weights=st.lists(st.floats(1.0, 100.0), min_size=2, max_size=8),
    gaps=st.lists(st.integers(1, 9), min_size=8, max_size=8),
    confidences=st.lists(st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99]), min_size=1, max_size=3, unique=True),
)
def test_the_drawn_step_function_is_that_of_any_distribution(weights: list[float], gaps: list[int], confidences: list[float]) -> None:
    """Between its losses the line has the probability of more than that, within what lies between two points; at a point exactly."""
    probability = np.array(weights) / sum(weights)
    losses = np.cumsum([0, *gaps])[: len(weights)].astype(float)
    curve = [
        {"exceedance_probability": p.exceedance_probability, "loss": p.loss, "loss_low": p.loss, "loss_high": p.loss}
        for p in lattice_curve(probability, losses)
    ]
    measures = []
    for confidence in confidences:
        var = float(losses[lower_quantile(probability, confidence)])
        es = var + float((probability * np.maximum(losses - var, 0.0)).sum()) / (1.0 - confidence)
        measures.append({"confidence": confidence, "var": var, "es": es})
    drawn = read(loss_curve_plot(curve, measures, el=float((losses * probability).sum()), currency="USD", method="few_names"))
    above, told = beyond(probability), {p["loss"] for p in curve}
    if len(curve) > 1 and max(p["exceedance_probability"] / q["exceedance_probability"] for p, q in pairwise(curve)) <= 1.6:
        return  # no atom is seen
    every = len(told) == len(losses) - 1
    for k, loss in enumerate(losses[:-1]):
        if loss >= max(told) and not every:
            break  # the greatest loss has no point, and is known from the measures only where every other one has
        for beside in np.linspace(loss, losses[k + 1], 5)[1:-1]:
            x, y = drawn.place(float(beside), float(above[k]))
            ((at, _),) = drawn.heights(x)
            most = 0.1 if loss in told else abs(drawn.place(0.0, 1.0)[1] - drawn.place(0.0, 1.0 / 1.3)[1])
            assert -0.1 <= y - at <= most, (loss, beside)
    if every:
        assert abs(drawn.line[-1][0] - drawn.place(float(losses[-1]), 1.0)[0]) < 0.1
    for x, y in drawn.dots:
        assert any(low - 2 * UNIT <= y <= high + 2 * UNIT for low, high in drawn.heights(x))


def test_the_words_say_more_than() -> None:
    svg = plotted(risk(TWO)).svg
    assert "probability of more than that" in svg
    assert "Probability that the loss of 12 months is more than x, in USD: 0 with probability 0.03" in svg
    assert "at least" not in svg


def test_nothing_to_lose_is_no_plot() -> None:
    assert loss_curve_plot([], [{"confidence": 0.99, "var": 0.0, "es": 0.0}], el=0.0, currency="USD", method="closed_form") == ""


def test_the_band_of_what_is_sampled_is_drawn_and_told() -> None:
    drawn = plotted(risk(TWO, method="importance_sampling", max_scenarios=20_000))
    assert drawn.band
    assert "95 % interval" in drawn.svg
    assert "95 % interval" not in plotted(risk(TWO)).svg


def test_where_errors_are_small_the_band_is_narrow_though_the_next_loss_is_a_quantile_at_the_same_probability() -> None:
    answer = risk(BOOKS["five by points"][0], method="few_names")
    drawn = plotted(answer)
    assert any(p["loss_high"] > p["loss"] for p in answer["loss_curve"]), "no interval, no band"
    assert abs(drawn.line[-1][0] - drawn.place(360.0, 1.0)[0]) < 0.1, "the greatest loss"
    half = len(drawn.band) // 2
    lower, upper = drawn.band[:half], drawn.band[half:][::-1]
    verticals = [(a, b) for path in (lower, upper) for a, b in pairwise(path) if b[1] - a[1] > 1.0]
    for (x, top), (_, bottom) in verticals:
        assert any(low - 0.1 <= top and bottom <= high + 0.1 for low, high in _merged(drawn, x)), (x, top, bottom)


def _merged(drawn: Drawn, x: float) -> list[tuple[float, float]]:
    """The line's reach at a place across, its pieces taken together."""
    pieces = drawn.heights(x)
    return [(min(low for low, _ in pieces), max(high for _, high in pieces))] if pieces else []
