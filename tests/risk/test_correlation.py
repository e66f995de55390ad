"""Correlations from histories: published repairs, what is left alone, and what is recovered from simulated factors."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from crfs.credit.copula import Copula
from crfs.errors import InvalidInput
from crfs.models.satellite import implied_factor
from crfs.risk.correlation import LEDOIT_WOLF, estimate_correlation, nearest_correlation

TRUE = np.array([[1.0, 0.6, 0.3, 0.2], [0.6, 1.0, 0.4, 0.1], [0.3, 0.4, 1.0, 0.5], [0.2, 0.1, 0.5, 1.0]])
NAMES = ("us", "eu", "asia", "oil")


def table(values: np.ndarray, names: tuple[str, ...] = NAMES) -> pl.DataFrame:
    return pl.DataFrame({"valid_time": np.arange(len(values)), **{name: values[:, k] for k, name in enumerate(names)}}).with_columns(
        pl.col(names).fill_nan(None)
    )


def simulated(seed: int, periods: int, truth: np.ndarray = TRUE) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).multivariate_normal(np.zeros(len(truth)), truth, periods))


def random_symmetric(seed: int, size: int) -> np.ndarray:
    cells = np.random.default_rng(seed).uniform(-1.0, 1.0, (size, size))
    matrix = np.tril(cells, -1) + np.tril(cells, -1).T
    np.fill_diagonal(matrix, 1.0)
    return matrix


def test_highams_examples() -> None:
    """Both that N. Higham (2002) prints, to the digits printed."""
    tridiagonal = 2.0 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1)
    found = nearest_correlation(tridiagonal)
    expected = [
        [1.0, -0.8084, 0.1916, 0.1068],
        [-0.8084, 1.0, -0.6562, 0.1916],
        [0.1916, -0.6562, 1.0, -0.8084],
        [0.1068, 0.1916, -0.8084, 1.0],
    ]
    assert found.matrix.round(4).tolist() == expected
    assert found.distance == pytest.approx(np.linalg.norm(np.array(expected) - tridiagonal), abs=1e-4)
    three = nearest_correlation([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    assert three.matrix.round(4).tolist() == [[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]]
    assert round(three.distance, 4) == 0.5278


@given(st.integers(0, 500), st.integers(1, 8))
def test_a_correlation_matrix_is_left_as_it_is(seed: int, size: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((size, size + 2))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    matrix = rows @ rows.T
    matrix = 0.5 * (matrix + matrix.T)
    np.fill_diagonal(matrix, 1.0)
    found = nearest_correlation(matrix)
    assert (found.matrix == matrix).all()
    assert found.distance == 0.0
    assert found.steps == 0


@given(st.integers(0, 500), st.integers(2, 7))
def test_what_is_found_is_a_correlation_and_nothing_tried_is_nearer(seed: int, size: int) -> None:
    matrix = random_symmetric(seed, size)
    found = nearest_correlation(matrix)
    assert (np.diag(found.matrix) == 1.0).all()
    assert (found.matrix == found.matrix.T).all()
    assert np.linalg.eigvalsh(found.matrix)[0] >= -1e-10
    assert found.distance == pytest.approx(np.linalg.norm(found.matrix - matrix), abs=1e-12)
    again = nearest_correlation(found.matrix)
    assert again.distance == 0.0
    rng = np.random.default_rng(seed + 1)
    for _ in range(20):
        rows = rng.standard_normal((size, size))
        rows /= np.linalg.norm(rows, axis=1)[:, None]
        for share in (1.0, 0.1, 0.001):
            other = (1.0 - share) * found.matrix + share * rows @ rows.T
            assert np.linalg.norm(other - matrix) >= found.distance - 1e-9


def test_correlations_are_recovered_within_their_errors() -> None:
    found = estimate_correlation(table(simulated(1, 4_000)))
    upper = np.triu_indices(4, 1)
    z = (found.sample - TRUE)[upper] / found.standard_errors[upper]
    assert (np.abs(z) < 4.0).all()
    # Of normal values the error is known.
    assert found.standard_errors[upper] == pytest.approx((1.0 - TRUE[upper] ** 2) / math.sqrt(4_000), rel=0.1)
    assert found.distance == 0.0
    assert (found.matrix == found.sample).all()
    assert found.sample == pytest.approx(np.corrcoef(simulated(1, 4_000).T), abs=1e-12)
    model = found.factor_model(copula=Copula(nu=5.0))
    assert model.factors == NAMES
    assert model.direction("oil").tolist() == [0.0, 0.0, 0.0, 1.0]


def test_errors_cover_the_truth_as_often_as_they_say_also_with_fat_tails_and_persistence() -> None:
    inside = {"normal": 0, "fat": 0, "persistent": 0}
    runs = 300
    for seed in range(runs):
        values = simulated(seed, 240)[:, :2]
        fat = values / np.sqrt(np.random.default_rng(seed + 10_000).chisquare(6.0, (240, 1)) / 6.0)
        slow = np.zeros_like(values)
        for t in range(1, 240):
            slow[t] = 0.6 * slow[t - 1] + values[t]
        for name, sample, lags in (("normal", values, 0), ("fat", fat, 0), ("persistent", slow, 8)):
            found = estimate_correlation(table(sample, NAMES[:2]), hac_lags=lags)
            inside[name] += abs(found.sample[0, 1] - 0.6) < 1.96 * found.standard_errors[0, 1]
    assert all(0.88 < count / runs < 0.985 for count in inside.values()), inside
    naive = estimate_correlation(table(slow, NAMES[:2]))
    assert naive.standard_errors[0, 1] < found.standard_errors[0, 1]


def test_missing_months_are_left_out_pair_by_pair() -> None:
    values = simulated(3, 200)
    values[:60, 0] = np.nan
    values[100::7, 1] = np.nan
    found = estimate_correlation(table(values).sample(fraction=1.0, shuffle=True, seed=1))
    both = ~np.isnan(values[:, 0]) & ~np.isnan(values[:, 1])
    assert found.sample[0, 1] == pytest.approx(np.corrcoef(values[both][:, :2].T)[0, 1], abs=1e-12)
    assert found.observations[0, 1] == both.sum()
    assert found.observations[0, 0] == 140
    assert any("common periods" in note for note in found.notes)
    complete = estimate_correlation(table(values), missing="complete")
    whole = values[~np.isnan(values).any(axis=1)]
    assert complete.matrix == pytest.approx(np.corrcoef(whole.T), abs=1e-12)
    absent = estimate_correlation(table(values).filter(pl.col("valid_time") % 3 > 0))
    assert absent.observations[2, 3] == 133


def test_a_matrix_of_pairs_that_is_no_correlation_is_repaired_and_the_distance_told() -> None:
    """Three factors, each pair seen in other years: a goes with b, b with c, a against c."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((90, 1))
    e = 0.1 * rng.standard_normal((90, 3))
    values = np.full((90, 3), np.nan)
    values[:30, [0, 1]] = (x + e)[:30, [0, 1]]
    values[30:60, [1, 2]] = (x + e)[30:60, [1, 2]]
    values[60:, [0, 2]] = (x * [1.0, 0.0, -1.0] + e)[60:, [0, 2]]
    found = estimate_correlation(table(values, NAMES[:3]))
    assert found.smallest < -0.5
    assert found.distance == pytest.approx(np.linalg.norm(found.matrix - found.sample), abs=1e-12)
    assert found.distance > 0.5
    assert np.linalg.eigvalsh(found.matrix)[0] > -1e-10
    assert "nearest correlation matrix" in found.notes[-1]
    found.factor_model()


def test_default_rates_give_the_correlation_of_their_factors() -> None:
    z = simulated(5, 400)[:, :2]
    pd, r2 = 0.02, 0.15
    rates = ndtr((-2.0537489106318225 - math.sqrt(r2) * z) / math.sqrt(1.0 - r2))
    mixed = table(np.column_stack([rates[:, 0], z[:, 1]]), NAMES[:2])
    found = estimate_correlation(mixed, default_rates=("us",))
    # A rate is high where its factor is low: the score turns it round.
    assert found.sample[0, 1] == pytest.approx(np.corrcoef(z.T)[0, 1], abs=1e-9)
    assert implied_factor(rates[:, 0], pd=pd, r2=r2) == pytest.approx(z[:, 0], abs=1e-6)
    assert estimate_correlation(table(rates, NAMES[:2]), default_rates=NAMES[:2]).sample[0, 1] == pytest.approx(
        np.corrcoef(z.T)[0, 1], abs=1e-9
    )


def test_shrinkage_is_nearer_to_the_truth_in_short_histories_and_fades_in_long_ones() -> None:
    size = 12
    truth = np.full((size, size), 0.3) + 0.7 * np.eye(size)
    names = tuple(f"f{k:02d}" for k in range(size))
    gained = []
    for seed in range(20):
        sample = table(simulated(seed, 40, truth), names)
        raw, shrunk = estimate_correlation(sample), estimate_correlation(sample, shrinkage=LEDOIT_WOLF)
        assert 0.0 < shrunk.shrinkage <= 1.0
        gained.append(np.linalg.norm(raw.matrix - truth) - np.linalg.norm(shrunk.matrix - truth))
    assert np.mean(gained) > 0.5
    short, long = (estimate_correlation(table(simulated(1, periods)), shrinkage=LEDOIT_WOLF) for periods in (60, 20_000))
    assert long.shrinkage < 0.01 < short.shrinkage
    half = estimate_correlation(table(simulated(1, 60)), shrinkage=0.5)
    upper = np.triu_indices(4, 1)
    assert half.matrix[upper] == pytest.approx(0.5 * half.sample[upper] + 0.5 * half.sample[upper].mean(), abs=1e-12)
    assert estimate_correlation(table(simulated(1, 60)), shrinkage=1.0).matrix[upper] == pytest.approx(half.sample[upper].mean())


def test_long_tables_are_the_same_as_wide_ones() -> None:
    wide = table(simulated(6, 50)).with_columns(valid_time=pl.date_range(date(2000, 1, 1), date(2004, 2, 1), "1mo", eager=True))
    long = wide.unpivot(index="valid_time")
    assert estimate_correlation(long).factors == tuple(sorted(NAMES))
    one, other = estimate_correlation(wide.select("valid_time", *sorted(NAMES))), estimate_correlation(long)
    assert (one.matrix == other.matrix).all()
    assert json.loads(json.dumps(one.to_dict(), allow_nan=False))["observations"][0][1] == 50


def test_one_factor_alone_has_nothing_to_hang_together_with() -> None:
    found = estimate_correlation(table(simulated(1, 20)[:, :1], NAMES[:1]), shrinkage=LEDOIT_WOLF)
    assert found.matrix.tolist() == [[1.0]]
    assert found.observations.tolist() == [[20]]


@pytest.mark.parametrize(
    ("change", "options", "match"),
    [
        ({"us": pl.lit(1.0)}, {}, "us does not vary"),
        ({"us": pl.lit("x")}, {}, "holds String"),
        ({"us": pl.lit(math.inf)}, {}, "row 1, column us.*not finite"),
        ({}, {"default_rates": ("us",)}, "strictly between 0 and 1"),
        ({}, {"default_rates": ("mars",)}, "no mars"),
        ({"us": pl.when(pl.col("valid_time") < 9).then("us")}, {}, "9 periods in common; 12"),
        ({"valid_time": pl.lit(1)}, {}, "more than one row"),
        ({}, {"shrinkage": 1.5}, "shrinkage is a decimal"),
        ({}, {"shrinkage": "some"}, "shrinkage is a decimal"),
        ({}, {"hac_lags": -1}, "not negative"),
    ],
)
def test_histories_that_say_nothing_are_refused(change: dict[str, Any], options: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        estimate_correlation(table(simulated(1, 30)).with_columns(**change), **options)


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "row 1, column 2 has 0.5, and the other way 0.4"),
        ([[1.0, math.nan], [math.nan, 1.0]], "row 1, column 2 is no finite"),
        ([[1.0, 0.5]], "square"),
    ],
)
def test_matrices_that_cannot_be_repaired_are_refused(matrix: list[list[float]], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        nearest_correlation(matrix)
