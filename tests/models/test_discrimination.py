"""Discrimination: equal to scikit-learn's and to counting pairs, and blind to any increasing transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.models.discrimination import auc, gini, ks, roc_points
from tests.thorough import cases

rows = st.integers(0, 10_000).map(
    lambda seed: (
        np.concatenate([[0.0, 1.0], (np.random.default_rng(seed).random(60) < 0.3).astype(float)]),
        np.round(np.random.default_rng(seed + 1).normal(size=62), 1),
    )
)


@given(rows)
def test_equal_to_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    y, s = case
    assert auc(y, s).auc == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    false, true, thresholds = roc_curve(y, s, drop_intermediate=False)
    assert ks(y, s) == pytest.approx(np.max(np.abs(true - false)), abs=1e-12)
    ours = roc_points(y, s)
    assert ours["false_positive_rate"].to_numpy() == pytest.approx(false, abs=1e-12)
    assert ours["true_positive_rate"].to_numpy() == pytest.approx(true, abs=1e-12)
    assert ours["threshold"].to_list()[1:] == thresholds[1:].tolist()


@given(rows)
def test_delong_error_equals_its_definition_by_pairs(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, s = case
    bad, good = s[y == 1], s[y == 0]
    wins = (bad[:, None] > good[None, :]) + 0.5 * (bad[:, None] == good[None, :])
    if len(bad) < 2 or len(good) < 2:
        return
    expected = np.sqrt(np.var(wins.mean(axis=1), ddof=1) / len(bad) + np.var(wins.mean(axis=0), ddof=1) / len(good))
    found = auc(y, s)
    assert found.auc == pytest.approx(wins.mean(), abs=1e-12)
    assert found.se == pytest.approx(expected, abs=1e-12)
    assert 0.0 <= found.lower <= found.auc <= found.upper <= 1.0


@given(rows)
@cases(30)
def test_only_the_order_of_the_score_counts_and_turning_it_round_mirrors(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, s = case
    assert auc(y, np.exp(s)).auc == auc(y, s).auc
    assert ks(y, np.exp(s)) == ks(y, s)
    assert auc(y, -s).auc == pytest.approx(1.0 - auc(y, s).auc, abs=1e-12)
    assert auc(1.0 - y, s).auc == pytest.approx(1.0 - auc(y, s).auc, abs=1e-12)
    assert gini(y, s) == pytest.approx(2.0 * auc(y, s).auc - 1.0, abs=1e-12)


def test_copies_of_a_row_do_not_make_the_error_smaller() -> None:
    rng = np.random.default_rng(4)
    y = (rng.random(1500) < 0.2).astype(float)
    s = rng.normal(size=1500) + y
    once = auc(y, s)
    copies = np.tile(np.arange(1500), 9)
    many = auc(y[copies], s[copies], clusters=copies)
    assert many.clusters == 1500
    assert many.auc == pytest.approx(once.auc, abs=1e-12)
    assert many.se == pytest.approx(once.se, rel=0.01)
    assert auc(y[copies], s[copies]).se < 0.4 * once.se


def test_a_sample_of_one_outcome_is_refused() -> None:
    with pytest.raises(InvalidInput, match="both"):
        auc([0, 0], [0.1, 0.2])
    with pytest.raises(InvalidInput, match="finite"):
        auc([0, 1], [0.1, float("nan")])
