"""Survival curves: flat hazards, rating agencies' tables, transition matrices, generators; and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crfs.errors import InvalidInput
from crfs.risk import vasicek
from crfs.risk.provisions import (
    PdCurves,
    curves_from_conditional,
    curves_from_cumulative,
    curves_from_generator,
    curves_from_pd_12m,
    curves_from_transitions,
    point_in_time_pd,
)

STATES = ("A", "B", "C", "D")


@given(st.floats(0.0, 1.0), st.floats(0.0, 40.0))
def test_a_flat_hazard_survives_as_its_power(pd: float, years: float) -> None:
    survival = float(curves_from_pd_12m({"x": pd}).survival_at(years)[0, 0])
    assert survival == pytest.approx((1.0 - pd) ** years, rel=1e-9, abs=1e-300)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20), st.floats(0.1, 2.0))
def test_conditional_marginal_and_cumulative_are_one_curve(pds: list[float], length: float) -> None:
    times = length * np.arange(len(pds) + 1)
    curves = curves_from_conditional({"x": pds}, times_years=times)
    assert curves.marginal.sum() == pytest.approx(curves.cumulative[0, -1], abs=1e-12)
    again = curves_from_cumulative({"x": curves.cumulative[0].tolist()}, times_years=times)
    assert again.survival == pytest.approx(curves.survival, abs=1e-12)
    alive = curves.survival[0, :-1] > 1e-6
    assert curves.conditional[0][alive] == pytest.approx(np.array(pds)[alive], rel=1e-6, abs=1e-9)


@given(st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_a_pd_between_two_times_is_what_survival_loses(start: float, length: float) -> None:
    curves = curves_from_conditional({"x": [0.02, 0.05, 0.01]}, times_years=[0.0, 1.0, 3.0, 4.0])
    before, after = (float(curves.survival_at(t)[0, 0]) for t in (start, start + length))
    assert curves.pd_between("x", start, start + length) == pytest.approx(1.0 - after / before, abs=1e-12)


def test_a_certain_default_ends_a_curve() -> None:
    curves = curves_from_conditional({"x": [0.1, 1.0, 0.3]}, times_years=[0.0, 1.0, 2.0, 3.0])
    assert curves.survival[0].tolist() == [1.0, 0.9, 0.0, 0.0]
    assert curves.conditional[0].tolist() == pytest.approx([0.1, 1.0, 1.0])
    assert curves.survival_at([1.0, 1.5, 2.0, 9.0])[0].tolist() == [0.9, 0.0, 0.0, 0.0]
    assert curves.pd_between("x", 2.5, 3.0) == 1.0


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    weights = draw(arrays(np.float64, (3, 4), elements=st.floats(0.001, 1.0)))
    matrix = np.eye(4)
    matrix[:3] = weights / weights.sum(axis=1, keepdims=True)
    return matrix


@given(matrices(), matrices())
def test_survival_of_migrations_is_the_product_of_matrices(first: np.ndarray, second: np.ndarray) -> None:
    curves = curves_from_transitions(STATES, np.stack([first, second, first]), period_years=0.5)
    product = first @ second @ first
    assert curves.names == ("A", "B", "C")
    assert curves.times_years.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert curves.cumulative[:, -1] == pytest.approx(product[:3, 3], rel=1e-12)
    once = curves_from_transitions(STATES, first, periods=3)
    assert once.cumulative[:, -1] == pytest.approx(np.linalg.matrix_power(first, 3)[:3, 3], rel=1e-12)


@given(arrays(np.float64, (3, 4), elements=st.floats(0.0, 2.0)), st.floats(0.01, 20.0))
def test_a_generator_is_its_matrix_exponential(rates: np.ndarray, years: float) -> None:
    from scipy.linalg import expm

    generator = np.zeros((4, 4))
    generator[:3] = rates
    generator[np.arange(3), np.arange(3)] = 0.0
    generator[np.arange(4), np.arange(4)] = -generator.sum(axis=1)
    curves = curves_from_generator(STATES, generator, times_years=[0.0, years])
    assert curves.cumulative[:, 0] == pytest.approx(expm(generator * years)[:3, 3], abs=1e-10)


def test_a_generator_may_change_from_period_to_period() -> None:
    slow, fast = [[-0.01, 0.01], [0.0, 0.0]], [[-0.2, 0.2], [0.0, 0.0]]
    curves = curves_from_generator(["A", "D"], [slow, fast], times_years=[0.0, 2.0, 5.0])
    assert curves.survival[0].tolist() == pytest.approx([1.0, np.exp(-0.02), np.exp(-0.62)])


def test_the_chapman_kolmogorov_law_holds_for_a_generator() -> None:
    generator = [[-0.11, 0.1, 0.01], [0.05, -0.15, 0.1], [0.0, 0.0, 0.0]]
    coarse = curves_from_generator(["A", "B", "D"], generator, times_years=[0.0, 6.0])
    fine = curves_from_generator(["A", "B", "D"], generator, times_years=np.linspace(0.0, 6.0, 25))
    assert fine.survival[:, -1] == pytest.approx(coarse.survival[:, -1], rel=1e-12)


@given(st.floats(0.0001, 0.5), st.floats(0.0, 0.9), st.floats(-4.0, 4.0))
def test_a_pd_at_a_point_of_the_cycle_is_vasicek_s(pd: float, r2: float, factor: float) -> None:
    assert float(point_in_time_pd(pd, r2=r2, factor=factor)) == pytest.approx(
        vasicek.conditional_default_probability(pd, r2=r2, factor=factor), rel=1e-12
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: curves_from_pd_12m({"x": float("nan")}), "decimals within"),
        (lambda: curves_from_cumulative({"x": [0.2, 0.1]}, times_years=[0.0, 1.0, 2.0]), "never rises"),
        (lambda: curves_from_cumulative({"x": [0.2]}, times_years=[1.0, 2.0]), "begins with 0"),
        (lambda: curves_from_transitions(["A", "D"], [[0.9, 0.2], [0.0, 1.0]]), "sum to 1"),
        (lambda: curves_from_transitions(["A", "D"], [[0.9, 0.1], [0.1, 0.9]]), "never left"),
        (lambda: curves_from_transitions(["A", "B", "D"], [[0.9, 0.1], [0.0, 1.0]]), "3 states"),
        (lambda: curves_from_generator(["A", "D"], [[-0.1, 0.2], [0.0, 0.0]], times_years=[0.0, 1.0]), "sum to 0"),
        (lambda: curves_from_pd_12m({"x": 0.1}).survival_at(-1.0), "zero or more"),
        (lambda: curves_from_pd_12m({"x": 0.1}).pd_between("y", 0.0, 1.0), "no curve 'y'"),
        (lambda: PdCurves(names=("x", "x"), times_years=np.array([0.0, 1.0]), survival=np.ones((2, 2))), "each name once"),
    ],
)
def test_impossible_curves_are_refused(wrong: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        wrong()
