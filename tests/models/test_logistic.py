"""Logistic regression: equal to two other implementations, and the same bits on any number of threads."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from crfs.errors import InvalidInput
from crfs.models.logistic import fit_logistic, sigmoid


def sample(rows: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(rows), rng.normal(size=(rows, 3))])
    groups = np.arange(rows) // 4
    shared = rng.normal(size=rows // 4)[groups]
    y = (rng.random(rows) < sigmoid(x @ np.array([-1.0, 0.5, -0.3, 0.0]) + shared)).astype(float)
    return x, y, groups


def test_equal_to_statsmodels_with_and_without_clusters() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import statsmodels.api as sm
    x, y, groups = sample()
    plain, clustered = fit_logistic(x, y), fit_logistic(x, y, clusters=groups)
    theirs = sm.Logit(y, x).fit(disp=0, tol=1e-12)
    robust = sm.Logit(y, x).fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": groups})
    assert plain.coefficients == pytest.approx(theirs.params, abs=1e-8)
    assert plain.standard_errors == pytest.approx(theirs.bse, abs=1e-8)
    assert plain.log_likelihood == pytest.approx(theirs.llf, abs=1e-8)
    assert plain.p_values == pytest.approx(theirs.pvalues, abs=1e-8)
    assert clustered.standard_errors == pytest.approx(robust.bse, abs=1e-8)
    assert clustered.clusters == 200


def test_equal_to_scikit_learn_with_a_ridge() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y, _ = sample()
    ours = fit_logistic(x, y, ridge=[0.0, 5.0, 5.0, 5.0])
    theirs = LogisticRegression(C=0.2, tol=1e-12, max_iter=1000, solver="newton-cholesky").fit(x[:, 1:], y)
    assert ours.coefficients[1:] == pytest.approx(theirs.coef_[0], abs=1e-6)
    assert ours.coefficients[0] == pytest.approx(theirs.intercept_[0], abs=1e-6)


def test_same_bits_whatever_the_number_of_threads() -> None:
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(60_000), rng.normal(size=(60_000, 20))])
    y = (rng.random(60_000) < sigmoid(x[:, 1] - 2.0)).astype(float)
    results = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            results.append(fit_logistic(x, y))
    assert results[0].coefficients.tobytes() == results[1].coefficients.tobytes()
    assert results[0].covariance.tobytes() == results[1].covariance.tobytes()


def test_collinear_columns_and_perfect_separation_are_refused_and_a_ridge_mends_both() -> None:
    x, y, _ = sample()
    twice = np.column_stack([x, x[:, 1]])
    with pytest.raises(InvalidInput, match="collinear"):
        fit_logistic(twice, y)
    assert fit_logistic(twice, y, ridge=1.0).coefficients[1] == pytest.approx(fit_logistic(twice, y, ridge=1.0).coefficients[4])
    apart = np.column_stack([np.ones(800), y + 0.01 * x[:, 1]])
    with pytest.raises(InvalidInput, match="separate"):
        fit_logistic(apart, y)
    assert np.isfinite(fit_logistic(apart, y, ridge=0.1).coefficients).all()


def test_an_offset_is_a_known_part_of_the_log_odds() -> None:
    x, y, _ = sample()
    shifted = fit_logistic(x, y, offset=np.full(800, 0.7))
    assert shifted.coefficients[0] == pytest.approx(fit_logistic(x, y).coefficients[0] - 0.7, abs=1e-9)


def test_a_row_without_an_obligor_is_refused() -> None:
    import polars as pl

    x, y, _ = sample()
    with pytest.raises(InvalidInput, match="no obligor"):
        fit_logistic(x, y, clusters=pl.Series([None, *["a"] * 799]))


def test_a_start_far_from_the_maximum_is_not_taken_for_collinear_columns() -> None:
    chance = np.random.default_rng(3)
    x = chance.normal(size=400)
    outcome = (chance.random(400) < 1.0 / (1.0 + np.exp(2.0 - x))).astype(float)
    design = np.column_stack([np.ones(400), x])
    plain = fit_logistic(design, outcome)
    for start in ([60.0, 0.0], [0.0, -900.0], [-2.0, 1.0]):
        assert fit_logistic(design, outcome, start=start).coefficients == pytest.approx(plain.coefficients, rel=1e-9)
