"""Thresholds, joint migration of two names, and migration given the factor: closed forms and limits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, stdtr

from crfs.errors import InvalidInput
from crfs.risk import vasicek
from crfs.risk.bivariate_normal import bivariate_normal_cdf
from crfs.risk.migration import TransitionMatrix, conditional_matrix, joint_migration, matrix_thresholds, thresholds

FloatArray = npt.NDArray[np.float64]


@st.composite
def rows(draw: st.DrawFn, count: int | None = None) -> FloatArray:
    size = count if count is not None else draw(st.integers(2, 8))
    cells = np.array(draw(st.lists(st.sampled_from([0.0, 1e-6, 1e-3, 0.02, 0.3, 1.0]), min_size=size, max_size=size)))
    cells[draw(st.integers(0, size - 1))] = 1.0
    return np.asarray(cells / cells.sum())


@given(rows(), st.sampled_from([None, 3.0, 8.0]))
def test_between_thresholds_lie_the_probabilities(row: FloatArray, freedom: float | None) -> None:
    cut = thresholds(row, degrees_of_freedom=freedom)
    below = [1.0, *(float(ndtr(x)) if freedom is None or math.isinf(x) else float(stdtr(freedom, x)) for x in cut), 0.0]
    assert (cut[1:] <= cut[:-1]).all()
    assert -np.diff(below) == pytest.approx(row, abs=1e-12)


def test_small_tails_at_both_ends_keep_their_digits() -> None:
    cut = thresholds([1e-14, 1.0 - 2e-14, 1e-14])
    assert ndtr(cut[1]) == pytest.approx(1e-14, rel=1e-10)
    assert ndtr(-cut[0]) == pytest.approx(1e-14, rel=1e-10)


def test_default_is_never_left_and_never_reached_where_it_cannot_be() -> None:
    matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.9, 0.1, 0.0], [0.0, 0.9, 0.1]])
    cut = matrix_thresholds(matrix)
    assert cut[0, 1] == -math.inf
    assert cut[1, 0] == math.inf
    assert cut[2].tolist() == [math.inf, math.inf]


@given(rows(), rows(), st.sampled_from([-1.0, -0.9999, -0.6, -0.1, 0.0, 0.2, 0.8, 0.999999, 1.0]))
def test_joint_migration_has_the_two_rows_as_its_margins(first: FloatArray, second: FloatArray, correlation: float) -> None:
    joint = joint_migration(first, second, correlation=correlation)
    assert joint.min() >= 0.0
    assert joint.sum(axis=1) == pytest.approx(first, abs=1e-12)
    assert joint.sum(axis=0) == pytest.approx(second, abs=1e-12)
    other_way = joint_migration(second, first, correlation=correlation)
    assert joint == pytest.approx(other_way.T, abs=1e-12)


@given(rows(), rows())
def test_without_correlation_two_names_are_independent(first: FloatArray, second: FloatArray) -> None:
    assert joint_migration(first, second, correlation=0.0) == pytest.approx(np.outer(first, second), rel=1e-9, abs=1e-16)


@given(rows(count=4), rows(count=4), st.floats(-0.95, 0.95))
def test_rectangles_are_differences_of_the_bivariate_normal(first: FloatArray, second: FloatArray, correlation: float) -> None:
    joint = joint_migration(first, second, correlation=correlation)
    a, b = np.r_[np.inf, thresholds(first), -np.inf], np.r_[np.inf, thresholds(second), -np.inf]
    below = np.array([[bivariate_normal_cdf(float(x), float(y), correlation) for y in b] for x in a])
    rectangle = below[:-1, :-1] - below[1:, :-1] - below[:-1, 1:] + below[1:, 1:]
    assert joint == pytest.approx(rectangle, abs=1e-12)


def test_joint_default_of_two_names_is_that_of_the_large_pool_s_model() -> None:
    for correlation in (-0.5, 0.1, 0.7):
        joint = joint_migration([0.5, 0.48, 0.02], [0.1, 0.899, 0.001], correlation=correlation)
        assert joint[2, 2] == pytest.approx(vasicek.joint_default_probability(0.02, 0.001, correlation=correlation), rel=1e-10)


def test_one_name_twice_ends_in_one_rating() -> None:
    row = [0.05, 0.8, 0.1, 0.05]
    assert joint_migration(row, row, correlation=1.0) == pytest.approx(np.diag(row), abs=1e-13)


@pytest.mark.parametrize("row", [[0.5, 0.6], [1.0], [-0.1, 1.1], [math.nan, 1.0]])
def test_a_row_that_is_no_distribution_has_no_thresholds(row: list[float]) -> None:
    with pytest.raises(InvalidInput):
        thresholds(row)
    with pytest.raises(InvalidInput):
        joint_migration([0.5, 0.5], [0.5, 0.5], correlation=1.5)


MATRIX = TransitionMatrix.from_rows(("A", "B", "C", "D"), [[0.92, 0.06, 0.015, 0.005], [0.06, 0.85, 0.07, 0.02], [0.01, 0.12, 0.72, 0.15]])


@pytest.mark.parametrize("r2", [0.05, 0.3, 0.8])
def test_averaged_over_the_factor_conditional_migration_is_the_matrix(r2: float) -> None:
    # The trapezoid rule of a normal density converges as fast as anything.
    points = np.linspace(-9.0, 9.0, 1201)
    weight = np.exp(-points * points / 2.0) / math.sqrt(2.0 * math.pi) * (points[1] - points[0])
    average = sum(w * conditional_matrix(MATRIX, r2=r2, factor=float(y)).probability for y, w in zip(points, weight, strict=True))
    assert average == pytest.approx(MATRIX.probability, abs=1e-12)


@given(st.floats(0.0, 0.9), st.floats(-5.0, 5.0), st.floats(0.01, 2.0))
def test_a_lower_factor_is_worse_in_every_way(r2: float, factor: float, step: float) -> None:
    better, worse = (conditional_matrix(MATRIX, r2=r2, factor=y).probability for y in (factor, factor - step))
    tails = [np.cumsum(rows[:, ::-1], axis=1)[:, ::-1] for rows in (better, worse)]
    assert (tails[1] >= tails[0] - 1e-12).all()
    assert worse[0, -1] == pytest.approx(vasicek.conditional_default_probability(0.005, r2=r2, factor=factor - step), rel=1e-9, abs=1e-15)


def test_without_systematic_variance_the_factor_changes_nothing() -> None:
    assert conditional_matrix(MATRIX, r2=0.0, factor=-4.0) is MATRIX


def test_a_name_that_is_its_factor_has_no_conditional_matrix() -> None:
    with pytest.raises(InvalidInput):
        conditional_matrix(MATRIX, r2=1.0, factor=0.0)


def test_the_threshold_of_default_is_that_of_its_probability() -> None:
    assert matrix_thresholds(MATRIX)[:-1, -1] == pytest.approx(ndtri([0.005, 0.02, 0.15]), rel=1e-14)
