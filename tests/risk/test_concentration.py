"""Herfindahl index, effective number and granularity adjustment."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import effective_number, granularity_adjustment, herfindahl_index, portfolio_risk, vasicek

exposures = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50)


@given(exposures, st.floats(0.1, 1e3))
def test_the_index_lies_between_equal_shares_and_one_name_and_knows_no_scale(exposure: list[float], scale: float) -> None:
    index = herfindahl_index(exposure)
    assert 1.0 / len(exposure) - 1e-12 <= index <= 1.0 + 1e-12
    assert index == pytest.approx(herfindahl_index(np.array(exposure) * scale))
    assert effective_number(exposure) == pytest.approx(1.0 / index)


@pytest.mark.parametrize("bad", [[], [0.0], [-1.0, 2.0], [np.nan]])
def test_what_has_no_shares_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput):
        herfindahl_index(bad)


def test_splitting_every_loan_in_two_halves_the_granularity_adjustment() -> None:
    whole = granularity_adjustment(np.ones(50), pd=0.02, lgd=0.4, capital=0.06)
    split = granularity_adjustment(np.ones(100), pd=0.02, lgd=0.4, capital=0.06)
    assert split == pytest.approx(whole / 2)


def equal_names(count: int, **changes: Any) -> pl.DataFrame:
    ids = [f"O{k:04}" for k in range(count)]
    base = {"facility_id": ids, "obligor_id": ids, "ead": 1.0, "lgd": 0.45, "pd_12m": 0.01, "r2": 0.2, "group": "all"}
    return pl.DataFrame({**base, **changes})


def test_the_adjustment_of_a_run_is_what_a_finite_book_adds_to_the_large_pool() -> None:
    """A thousand equal names with a certain loss: value at risk less the pool's is 0.664, and the first order, by another law of the factor, above it."""
    found = portfolio_risk(equal_names(1_000), FactorModel.one_factor("all"), confidences=(0.999,), contributions=False)
    pool = 1_000 * vasicek.value_at_risk(0.01, r2=0.2, confidence=0.999, lgd=0.45)
    true = found.measures[0].var - pool
    assert found.granularity_adjustment is not None
    assert true == pytest.approx(0.664, abs=0.001)
    assert true < found.granularity_adjustment < 1.5 * true
    assert "variance of the loss given default that the book gives each obligor" in found.granularity_note


def test_the_adjustment_of_a_run_grows_with_the_variance_of_losses_given_default() -> None:
    factor_model = FactorModel.one_factor("all")
    spreads = (0.0, 0.1, 0.2, 0.3)
    runs = [
        portfolio_risk(equal_names(200, lgd_sd=sd), factor_model, contributions=False, method="plain", max_scenarios=1_000)
        for sd in spreads
    ]
    found = [float(run.granularity_adjustment or 0.0) for run in runs]
    assert found == sorted(found)
    assert found[0] < 0.8 * found[-1]
    lgd = np.full(200, 0.45)
    capital = vasicek.value_at_risk(0.01, r2=0.2, confidence=0.999, lgd=0.45) - 0.0045
    for sd, adjustment in zip(spreads, found, strict=True):
        own = granularity_adjustment(np.ones(200), pd=0.01, lgd=lgd, capital=capital, lgd_variance_factor=sd**2 / (0.45 * 0.55))
        assert adjustment == pytest.approx(200 * own, rel=1e-9)


def test_obligors_that_the_bad_state_spares_do_not_keep_a_book_from_being_measured() -> None:
    """Half of the names default all at once, in a state worse than the 98 % one; the other half have capital there."""
    book = equal_names(20, r2=[0.9999] * 10 + [0.2] * 10, pd_12m=[0.0123] * 10 + [0.05] * 10, ead=[0.01] * 10 + [1.0] * 10)
    found = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.98,), method="plain", max_scenarios=1_000)
    assert found.granularity_adjustment is not None or "too few names" in found.granularity_note


def test_capital_is_no_less_than_the_expected_loss_that_it_goes_without() -> None:
    assert granularity_adjustment(np.ones(2), pd=0.02, lgd=0.4, capital=[-0.008, 0.06]) > 0.0
    with pytest.raises(InvalidInput, match="capital is below -pd"):
        granularity_adjustment(np.ones(2), pd=0.02, lgd=0.4, capital=[-0.009, 0.06])


def test_importing_the_package_imports_no_scipy() -> None:
    code = "import sys, crfs.risk; assert not any(m.split('.')[0] in ('scipy', 'numpy', 'polars') for m in sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", code], check=True)
