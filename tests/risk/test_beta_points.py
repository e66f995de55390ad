"""Points that stand for a Beta density: its moments, however wide or narrow it is."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.risk_books import heterogeneous_book, twenty_factors
from crfs.risk import portfolio_risk
from crfs.risk.beta_points import beta_points


@given(st.floats(0.01, 0.99), st.floats(-0.3, 15.0), st.integers(4, 60))
def test_points_have_the_moments_of_the_density(mean: float, size: float, count: int) -> None:
    total = 10.0**size
    values, probabilities = beta_points(mean, total, count)
    assert ((values >= 0.0) & (values <= 1.0)).all()
    assert probabilities.sum() == pytest.approx(1.0, rel=1e-12)
    found = float(probabilities @ values)
    assert found == pytest.approx(mean, rel=1e-9)
    variance = mean * (1.0 - mean) / (total + 1.0)
    spread = math.sqrt(variance)
    skewness = 2.0 * (1.0 - 2.0 * mean) * math.sqrt((total + 1.0) / (mean * (1.0 - mean))) / (total + 2.0)
    scaled = (values - found) / spread
    assert float(probabilities @ scaled**2) == pytest.approx(1.0, rel=1e-6)
    assert float(probabilities @ scaled**3) == pytest.approx(skewness, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("spread", [0.02, 1e-3, 1e-5, 1e-7])
def test_a_book_of_nearly_certain_losses_is_measured_like_one_of_certain_losses(spread: float) -> None:
    table = heterogeneous_book(300, seed=4, spread=1.0)
    exactly, nearly = (
        portfolio_risk(each, twenty_factors(), confidences=(0.99,), method="collapsed", contributions=False)
        for each in (table, table.with_columns(lgd_sd=pl.lit(spread)))
    )
    assert nearly.measures[0].es == pytest.approx(exactly.measures[0].es, rel=2e-3)
    assert nearly.ul == pytest.approx(exactly.ul, rel=2e-3)
