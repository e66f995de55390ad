"""Value at risk is the lower quantile, expected shortfall counts the atom, and the stated intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk import expected_shortfall, homogeneous_pool, tail_measure, value_at_risk
from crfs.risk.measures import interval_ranks, quantile_rank
from tests.thorough import cases

losses = st.lists(st.integers(0, 50).map(float), min_size=1, max_size=200)
confidence = st.sampled_from([0.01, 0.3, 0.5, 0.9, 0.95, 0.99, 0.999])


def test_an_atom_of_five_in_a_thousand_at_99_percent() -> None:
    sample = [0.0] * 995 + [100.0] * 5
    assert value_at_risk(sample, confidence=0.99) == 0.0
    assert expected_shortfall(sample, confidence=0.99) == pytest.approx(50.0, rel=1e-12)


def test_the_quantile_is_the_lower_one_and_never_interpolated() -> None:
    assert value_at_risk([0.0] * 990 + [10.0] * 10, confidence=0.99) == 0.0
    assert value_at_risk([0.0] * 989 + [10.0] * 11, confidence=0.99) == 10.0


@given(losses, confidence)
def test_value_at_risk_is_the_smallest_loss_whose_share_reaches_the_confidence(sample: list[float], level: float) -> None:
    expected = next(x for x in sorted(sample) if sum(loss <= x for loss in sample) / len(sample) >= level)
    assert value_at_risk(sample, confidence=level) == expected


@given(losses, confidence)
def test_expected_shortfall_is_the_mean_of_the_quantiles_above_the_confidence(sample: list[float], level: float) -> None:
    ordered = sorted(sample)
    n = len(ordered)
    # integral of the quantile function from the confidence to one, over the length
    integral = sum(x * max(0.0, (k + 1) / n - max(k / n, level)) for k, x in enumerate(ordered))
    assert expected_shortfall(sample, confidence=level) == pytest.approx(integral / (1 - level), abs=1e-9)


@given(losses, confidence, st.floats(0.1, 1000.0), st.floats(0.0, 100.0))
def test_scaling_and_shifting_losses_scales_and_shifts_both_measures(sample: list[float], level: float, scale: float, shift: float) -> None:
    base = np.array(sample)
    for measure in (value_at_risk, expected_shortfall):
        assert measure(base * scale + shift, confidence=level) == pytest.approx(
            measure(base, confidence=level) * scale + shift, rel=1e-9, abs=1e-9
        )


@given(losses, confidence)
def test_equal_weights_change_nothing_and_a_weight_of_two_is_the_loss_twice(sample: list[float], level: float) -> None:
    for measure in (value_at_risk, expected_shortfall):
        assert measure(sample, confidence=level, weights=[3.0] * len(sample)) == pytest.approx(measure(sample, confidence=level))
        doubled = measure(sample, confidence=level, weights=[2.0] + [1.0] * (len(sample) - 1))
        assert doubled == pytest.approx(measure([*sample, sample[0]], confidence=level), abs=1e-9)


@given(losses, confidence)
def test_the_measure_with_errors_has_the_same_values_and_holds_them_in_its_intervals(sample: list[float], level: float) -> None:
    measure = tail_measure(sample, confidence=level)
    assert measure.var == value_at_risk(sample, confidence=level)
    assert measure.es == pytest.approx(expected_shortfall(sample, confidence=level), abs=1e-9)
    assert measure.var_low <= measure.var <= measure.var_high
    assert measure.es_low <= measure.es + 1e-9
    assert measure.es <= measure.es_high + 1e-9
    assert measure.es >= measure.var - 1e-9


@cases(30)
@given(st.integers(1, 10_000), confidence)
def test_a_rank_is_the_definition_of_the_lower_quantile(n: int, level: float) -> None:
    rank = quantile_rank(n, level)
    assert rank / n >= level
    assert rank == 1 or (rank - 1) / n < level


def test_the_ranks_of_the_interval_hold_the_quantile_with_95_percent() -> None:
    from scipy.stats import binom

    for n, level in ((300, 0.95), (1000, 0.99), (50, 0.5)):
        low, high = interval_ranks(n, level)
        assert binom.cdf(high - 1, n, level) - binom.cdf(low - 1, n, level) >= 0.95
        assert binom.cdf(low - 1, n, level) <= 0.025
    assert interval_ranks(100, 0.999)[1] == 101  # 100 scenarios bound no 99.9 % quantile


def test_the_95_percent_intervals_cover_the_truth_of_a_homogeneous_pool() -> None:
    pool = homogeneous_pool(500, 0.05, 0.15)
    cumulative = np.cumsum(pool.probability)
    level, seeds = 0.95, 400
    true_var, true_es = pool.value_at_risk(level), pool.expected_shortfall(level)
    var_covered = es_covered = 0
    for seed in range(seeds):
        uniform = np.random.Generator(np.random.Philox(seed)).random(2000)
        measure = tail_measure(np.searchsorted(cumulative, uniform).astype(float), confidence=level)
        var_covered += measure.var_low <= true_var <= measure.var_high
        es_covered += measure.es_low <= true_es <= measure.es_high
    # 400 trials of 95 %: the standard error is 1.1 %. Order statistics of a lattice cover a little more than stated.
    assert 0.93 <= var_covered / seeds <= 0.995
    assert 0.92 <= es_covered / seeds <= 0.98


def test_a_sample_without_a_tail_does_not_claim_to_bound_it() -> None:
    measure = tail_measure(np.zeros(100), confidence=0.999)
    assert measure.es_high == np.inf
    assert measure.var_high == np.inf


@pytest.mark.parametrize("bad", [[], [np.nan, 1.0], [np.inf], [[1.0]]])
def test_what_is_no_sample_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput):
        value_at_risk(bad, confidence=0.99)


@pytest.mark.parametrize("bad", [0.0, 1.0, 99.0, -0.1, float("nan")])
def test_a_confidence_is_a_decimal_between_zero_and_one(bad: float) -> None:
    with pytest.raises(InvalidInput, match="confidence"):
        expected_shortfall([1.0], confidence=bad)
    with pytest.raises(InvalidInput, match="confidence"):
        value_at_risk([1.0], confidence=bad)


@pytest.mark.parametrize("power", [-900, -30, 0, 30, 900])
def test_losses_of_any_size_have_the_measures_of_the_same_losses_in_another_unit(power: int) -> None:
    sample = np.random.default_rng(5).lognormal(0.0, 1.0, 5_000)
    unit = 2.0**power
    here, there = tail_measure(sample, confidence=0.99), tail_measure(sample * unit, confidence=0.99)
    for name in ("var", "var_se", "es", "es_se", "es_low", "es_high"):
        assert getattr(there, name) == getattr(here, name) * unit, name


def test_what_the_sample_does_not_reach_has_no_known_error() -> None:
    """The greatest of 1,000 draws is no 99.9999 % quantile: its shortfall had an error of zero, which reads as exact."""
    told = tail_measure(np.random.default_rng(1).lognormal(0.0, 1.0, 1_000), confidence=0.999999)
    assert told.var_high == told.es_high == told.es_se == math.inf
    assert told.to_dict(0.0)["es_se"] is None
    assert told.es_low <= told.es
