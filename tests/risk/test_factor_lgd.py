"""Losses given default on the factor: what is kept, closed forms of the large pool, and small books by other arithmetic."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, roots_jacobi, stdtrit
from scipy.stats import beta, chi2

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import WarmPortfolio, portfolio_risk, reverse_stress, stressed_risk
from crfs.risk.bivariate_normal import bivariate_normal_cdf
from crfs.risk.factor_lgd import FactorLgd, beta_cumulants, factor_lgd
from crfs.risk.obligors import roll_up

Y = np.linspace(-9.5, 9.5, 6_001)
PHI = np.exp(-0.5 * Y * Y) / math.sqrt(2.0 * math.pi) * (Y[1] - Y[0])


def single(**changes: Any) -> FactorLgd:
    base = {"owner": [0], "ead": 1.0, "lgd": 0.4, "lgd_sd": 0.25, "loading": 0.3, "pd": 0.02, "r2": 0.2}
    return factor_lgd(**{**base, **changes})


def default_probability(pd: float, r2: float) -> np.ndarray:
    return np.asarray(ndtr((ndtri(pd) - math.sqrt(r2) * Y) / math.sqrt(1.0 - r2)))


@given(st.floats(1e-4, 0.5), st.floats(0.0, 0.8), st.floats(0.05, 0.95), st.floats(0.0, 0.6))
def test_the_mean_given_default_is_kept_whatever_the_loading(pd: float, r2: float, lgd: float, loading: float) -> None:
    curves = single(lgd=lgd, lgd_sd=0.0, loading=loading, pd=pd, r2=r2)
    lost = (PHI * default_probability(pd, r2) * curves.mean(slice(None), Y[None])[0]).sum()
    assert lost == pytest.approx(pd * lgd, rel=2e-8)
    # The expected loss is the probability that two normal variables are both low: the default's and the loss's.
    threshold = float(curves.level[0]) * math.sqrt(1.0 - loading**2)
    assert bivariate_normal_cdf(float(ndtri(pd)), threshold, math.sqrt(r2) * loading) == pytest.approx(pd * lgd, rel=2e-8)


@pytest.mark.parametrize("r2", [0.2, 0.9, 0.99, 0.999, 1.0 - 1e-6, 1.0 - 1e-12])
@pytest.mark.parametrize("loading", [0.3, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("pd", [1e-12, 0.01, 0.5, 0.99])
def test_the_mean_given_default_is_kept_where_default_or_loss_is_a_step_of_the_factor(r2: float, loading: float, pd: float) -> None:
    for lgd in (0.05, 0.4, 0.9):
        level = float(single(lgd=lgd, lgd_sd=0.0, loading=loading, pd=pd, r2=r2).level[0])
        both = bivariate_normal_cdf(float(ndtri(pd)), level * math.sqrt(1.0 - loading**2), math.sqrt(r2) * loading)
        assert both == pytest.approx(pd * lgd, rel=1e-8)


@pytest.mark.parametrize(("r2", "loading"), [(0.2, 0.9), (0.99, 0.3), (0.99, 0.9), (0.999, 0.99)])
def test_the_standard_deviation_given_default_is_kept_where_default_is_a_step_of_the_factor(r2: float, loading: float) -> None:
    pd, lgd, sd = 0.01, 0.4, 0.45
    curves = single(lgd=lgd, lgd_sd=sd, loading=loading, pd=pd, r2=r2)
    y = np.linspace(-9.5, 4.0, 400_001)
    weight = np.exp(-0.5 * y * y) * ndtr((ndtri(pd) - math.sqrt(r2) * y) / math.sqrt(1.0 - r2))
    weight /= weight.sum()
    mean = curves.mean(slice(None), y[None])[0]
    assert (weight * mean).sum() == pytest.approx(lgd, rel=1e-8)
    second = (weight * (mean**2 + curves.kappa[0] * mean * (1.0 - mean))).sum()
    assert math.sqrt(second - lgd**2) == pytest.approx(sd, rel=1e-8)


@pytest.mark.parametrize(
    ("nu", "r2", "pd"), [(1.0, 0.2, 0.01), (3.0, 0.99, 0.5), (5.0, 0.999, 0.01), (200.0, 0.999, 1e-4), (30.0, 0.9, 0.7)]
)
def test_under_a_t_copula_the_mean_given_default_is_kept_where_default_is_a_step_of_the_factor(nu: float, r2: float, pd: float) -> None:
    """Given the mixing variable the two variables are normal: Phi2 in each of its states."""
    lgd, loading = 0.35, 0.9
    level = float(single(pd=pd, r2=r2, nu=nu, lgd=lgd, lgd_sd=0.0, loading=loading).level[0])
    v = np.linspace(-8.0, 8.0, 401)
    share = np.exp(-0.5 * v * v) / np.exp(-0.5 * v * v).sum()
    s = np.sqrt(np.where(v < 0.0, chi2.ppf(ndtr(v), nu), chi2.isf(ndtr(-v), nu)) / nu)
    c, threshold = float(np.asarray(stdtrit(nu, pd))), level * math.sqrt(1.0 - loading**2)
    both = sum(
        w * bivariate_normal_cdf(c * one, threshold, math.sqrt(r2) * loading) for w, one in zip(share.tolist(), s.tolist(), strict=True)
    )
    assert both == pytest.approx(pd * lgd, rel=1e-7)


@given(st.floats(1e-3, 0.3), st.floats(0.05, 0.6), st.floats(0.2, 0.8), st.floats(0.0, 0.4), st.floats(0.2, 0.9))
def test_the_standard_deviation_given_default_is_kept_too(pd: float, r2: float, lgd: float, loading: float, wide: float) -> None:
    bare = single(lgd=lgd, lgd_sd=0.0, loading=loading, pd=pd, r2=r2).mean(slice(None), Y[None])[0]
    weight = PHI * default_probability(pd, r2)
    weight = weight / weight.sum()
    least = math.sqrt(max((weight * bare**2).sum() - lgd**2, 0.0))
    sd = least + wide * (math.sqrt(lgd * (1.0 - lgd)) - least)
    assume(sd <= 0.5)
    curves = single(lgd=lgd, lgd_sd=sd, loading=loading, pd=pd, r2=r2)
    mean = curves.mean(slice(None), Y[None])[0]
    second = (weight * (mean**2 + curves.kappa[0] * mean * (1.0 - mean))).sum()
    assert math.sqrt(second - lgd**2) == pytest.approx(sd, rel=1e-6)


def test_a_loading_of_nought_is_the_ordinary_facility() -> None:
    book = pl.DataFrame(
        {
            "facility_id": ["F1", "F2", "F3"],
            "obligor_id": ["A", "A", "B"],
            "ead": [100.0, 40.0, 70.0],
            "lgd": [0.4, 0.7, 0.2],
            "lgd_sd": [0.2, 0.1, 0.3],
            "pd_12m": [0.02, 0.02, 0.05],
            "r2": 0.2,
            "group": "all",
        }
    )
    obligors = roll_up(book, FactorModel.one_factor("all"))
    curves = factor_lgd(
        owner=obligors.facility_obligor,
        ead=obligors.facility_ead,
        lgd=obligors.facility_lgd,
        lgd_sd=obligors.facility_lgd_sd,
        loading=0.0,
        pd=obligors.pd[obligors.facility_obligor],
        r2=0.2,
    )
    found = curves.cumulants(np.array([[-5.0, 0.0, 3.0]]), names=2)
    assert found == pytest.approx(np.repeat(obligors.loss_cumulants()[:, :, None], 3, axis=2), rel=1e-12)


def test_worse_states_lose_more_the_more_so_the_larger_the_loading() -> None:
    states = np.array([[-4.0, -2.0, 0.0, 2.0]])
    small, large = single(loading=0.1).mean(slice(None), states)[0], single(loading=0.3).mean(slice(None), states)[0]
    assert (np.diff(small) < 0.0).all()
    assert (np.diff(large) < np.diff(small)).all()
    assert large[0] > small[0] > 0.4


def test_beta_cumulants_are_those_of_the_distribution() -> None:
    for mean, kappa in ((0.3, 0.1), (0.9, 0.5), (0.5, 0.9)):
        precision = 1.0 / kappa - 1.0
        law = beta(mean * precision, (1.0 - mean) * precision)
        m, v, skew, excess = (float(x) for x in law.stats(moments="mvsk"))
        assert beta_cumulants(np.array(mean), np.array(kappa)) == pytest.approx((m, v, skew * v**1.5, excess * v**2), rel=1e-10)
    assert [float(k) for k in beta_cumulants(np.array(1.0), np.array(0.3))] == [1.0, 0.0, 0.0, 0.0]


def test_the_large_pool_has_vasiceks_quantile_times_the_loss_of_that_state() -> None:
    """Of infinitely many equal loans the loss is p(y) m(y); 4,000 of them by simulation of defaults and losses come near."""
    pd, r2, names, states = 0.02, 0.2, 4_000, 4_000
    curves = single(lgd_sd=0.25, loading=0.3, pd=pd, r2=r2)
    confidence = 0.99
    bad = float(ndtri(1.0 - confidence))
    at_bad = float(ndtr((ndtri(pd) - math.sqrt(r2) * bad) / math.sqrt(1.0 - r2)))
    closed = at_bad * float(curves.mean(slice(None), np.array([[bad]]))[0, 0])
    # The same states at even quantiles in place of random ones.
    y = ndtri((np.arange(states) + 0.5) / states)
    rng = np.random.default_rng(1)
    defaults = rng.binomial(names, ndtr((ndtri(pd) - math.sqrt(r2) * y) / math.sqrt(1.0 - r2)))
    state = np.repeat(np.arange(states), defaults)
    lost = np.bincount(state, weights=curves.draw(np.zeros(len(state), dtype=np.int64), y[state], rng), minlength=states) / names
    assert np.quantile(lost, confidence, method="inverted_cdf") == pytest.approx(closed, rel=0.03)
    assert lost.mean() == pytest.approx(pd * 0.4, rel=0.02)
    assert closed > 1.15 * 0.4 * at_bad  # an independent spread of the same mean and width knows nothing of this


def test_cumulants_of_a_small_book_given_the_state_are_those_of_all_its_outcomes() -> None:
    """Three names, four facilities: every pattern of default times Gauss's points of each Beta density, moment by moment."""
    curves = factor_lgd(
        owner=[0, 0, 1, 2],
        ead=[3.0, 1.0, 2.0, 5.0],
        lgd=[0.4, 0.6, 0.5, 0.3],
        lgd_sd=[0.2, 0.0, 0.3, 0.25],
        loading=[0.3, 0.2, 0.0, 0.4],
        pd=[0.05, 0.05, 0.1, 0.02],
        r2=0.3,
    )
    y = np.array([[-2.0, 0.5]])
    p = ndtr((ndtri(np.array([0.05, 0.1, 0.02]))[:, None] - math.sqrt(0.3) * y) / math.sqrt(0.7))
    found = curves.sums(p, y)
    for state in range(2):
        mean = curves.mean(slice(None), y)[:, state]
        laws = []
        for f in range(4):
            kappa = curves.kappa[f]
            if kappa == 0.0:
                laws.append((np.array([mean[f]]), np.ones(1)))
                continue
            precision = 1.0 / kappa - 1.0
            place, weight = roots_jacobi(6, (1.0 - mean[f]) * precision - 1.0, mean[f] * precision - 1.0)
            laws.append((0.5 * (1.0 + place), weight / weight.sum()))
        raw = np.zeros(4)
        for pattern in itertools.product((0, 1), repeat=3):
            chance = np.prod(np.where(pattern, p[:, state], 1.0 - p[:, state]))
            for cells in itertools.product(*(range(len(values)) for values, _ in laws)):
                loss = sum(pattern[(0, 0, 1, 2)[f]] * (3.0, 1.0, 2.0, 5.0)[f] * laws[f][0][c] for f, c in enumerate(cells))
                raw += chance * np.prod([laws[f][1][c] for f, c in enumerate(cells)]) * loss ** np.arange(1, 5)
        m1, m2, m3, m4 = raw
        expected = [m1, m2 - m1**2, m3 - 3 * m2 * m1 + 2 * m1**3, m4 - 4 * m3 * m1 - 3 * m2**2 + 12 * m2 * m1**2 - 6 * m1**4]
        assert found[:, state] == pytest.approx(expected, rel=1e-9)


def test_the_distribution_of_a_small_book_by_quadrature_is_the_one_that_is_drawn() -> None:
    """P(L > x) of two names: given the factor by the Beta laws themselves, the factor integrated over; against 400,000 draws."""
    pd, r2 = np.array([0.1, 0.2]), 0.4
    curves = factor_lgd(owner=[0, 1], ead=1.0, lgd=0.5, lgd_sd=0.25, loading=0.5, pd=pd, r2=r2)
    y = Y[::20]
    weight = PHI[::20] / PHI[::20].sum()
    p = ndtr((ndtri(pd)[:, None] - math.sqrt(r2) * y) / math.sqrt(1.0 - r2))
    mean = curves.mean(slice(None), y[None])
    precision = (1.0 / curves.kappa - 1.0)[:, None]
    laws = beta(mean * precision, (1.0 - mean) * precision)
    grid = (np.arange(200) + 0.5) / 200
    rng = np.random.default_rng(2)
    z = rng.standard_normal(400_000)
    both = rng.standard_normal((2, len(z))) < (ndtri(pd)[:, None] - math.sqrt(r2) * z) / math.sqrt(1.0 - r2)
    lost = sum(both[k] * curves.draw(np.full(len(z), k), z, rng) for k in range(2))
    for x in (0.3, 0.7, 1.2):
        alone = np.asarray(laws.sf(x))
        quantiles = beta(mean[0] * precision[0], (1.0 - mean[0]) * precision[0]).ppf(grid[:, None])
        together = beta(mean[1] * precision[1], (1.0 - mean[1]) * precision[1]).sf(x - quantiles).mean(axis=0)
        given_y = p[0] * (1 - p[1]) * alone[0] + (1 - p[0]) * p[1] * alone[1] + p[0] * p[1] * together
        expected = float((weight * given_y).sum())
        assert np.mean(lost > x) == pytest.approx(expected, abs=4.0 * math.sqrt(expected / len(z)) + 1e-4)


def test_under_a_t_copula_the_mean_given_default_is_kept() -> None:
    pd, r2, nu, lgd, loading = 0.01, 0.2, 5.0, 0.35, 0.5
    curves = single(pd=pd, r2=r2, nu=nu, lgd=lgd, lgd_sd=0.0, loading=loading)
    v = np.linspace(-8.0, 8.0, 1_601)
    share = np.exp(-0.5 * v * v) / np.exp(-0.5 * v * v).sum()
    s = np.sqrt(np.where(v < 0.0, chi2.ppf(ndtr(v), nu), chi2.isf(ndtr(-v), nu)) / nu)
    y = Y[::30]
    weight = PHI[::30] / PHI[::30].sum()
    threshold = float(np.asarray(stdtrit(nu, pd)))
    p = share @ np.asarray(ndtr((s[:, None] * threshold - math.sqrt(r2) * y) / math.sqrt(1.0 - r2)))
    assert (weight * p).sum() == pytest.approx(pd, rel=1e-8)
    assert (weight * p * curves.mean(slice(None), y[None])[0]).sum() == pytest.approx(pd * lgd, rel=1e-8)


def test_ends_stay_ends_and_names_that_never_default_do_no_harm() -> None:
    curves = factor_lgd(owner=[0, 1, 2, 3], ead=1.0, lgd=[0.0, 1.0, 0.4, 0.4], lgd_sd=0.0, loading=0.5, pd=[0.1, 0.1, 0.0, 1.0], r2=0.2)
    found = curves.mean(slice(None), np.array([[-3.0, 3.0]]))
    assert found[0].tolist() == [0.0, 0.0]
    assert found[1].tolist() == [1.0, 1.0]
    assert np.isfinite(found).all()
    # A certain default says nothing of the state: the plain mean over states is kept.
    assert (PHI * curves.mean(slice(3, 4), Y[None])[0]).sum() == pytest.approx(0.4, rel=1e-8)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"lgd": 1.2}, "row 1, column lgd"),
        ({"loading": 1.0}, "row 1, column loading"),
        ({"pd": math.nan}, "row 1, column pd"),
        ({"r2": 1.0}, "row 1, column r2"),
        ({"ead": -1.0}, "row 1, column ead"),
        ({"loading": 0.7, "lgd_sd": 0.1}, r"0\.1 is less than the 0\.\d+ that the loading alone makes"),
        ({"lgd_sd": 0.499, "lgd": 0.4}, "too wide"),
        ({"owner": [-1]}, "rising order"),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        single(**changes)


ONE = FactorModel.one_factor("all")


def pool(names: int, **changes: Any) -> pl.DataFrame:
    ids = [f"O{i:05d}" for i in range(names)]
    base = {"facility_id": ids, "obligor_id": ids, "ead": 1.0, "lgd": 0.4, "lgd_sd": 0.25, "pd_12m": 0.02, "r2": 0.2, "group": "all"}
    return pl.DataFrame({**base, **changes})


@pytest.mark.parametrize("method", ["auto", "plain"])
def test_a_book_whose_losses_follow_the_factor_has_the_tail_of_the_large_pool(method: str) -> None:
    names = 400 if method == "plain" else 3_000
    book = pool(names, lgd_factor_loading=0.3)
    found = portfolio_risk(book, ONE, confidences=(0.99,), method=method, max_scenarios=20_000, rel_tol=0.001)
    bad = float(ndtri(0.01))
    at_bad = float(ndtr((ndtri(0.02) - math.sqrt(0.2) * bad) / math.sqrt(0.8)))
    closed = names * at_bad * float(single().mean(slice(None), np.array([[bad]]))[0, 0])
    granular = 0.02 if names > 1_000 else 0.08
    assert found.measures[0].var == pytest.approx(closed, rel=granular + 4.0 * found.measures[0].var_se / closed)
    assert abs(found.el_simulated - found.el) < 4.0 * found.el_simulated_se
    assert found.el == pytest.approx(names * 0.02 * 0.4, rel=1e-12)
    assert found.method == ("plain" if method == "plain" else "importance_sampling")


def test_a_tail_is_heavier_the_larger_the_loading_and_the_expected_loss_stays() -> None:
    tails = []
    for loading in (0.0, 0.15, 0.3):
        found = portfolio_risk(
            pool(1_000, lgd_factor_loading=loading), ONE, confidences=(0.99,), method="thinning", max_scenarios=20_000, rel_tol=0.001
        )
        assert abs(found.el_simulated - 8.0) < 4.0 * found.el_simulated_se
        tails.append(found.measures[0].es)
    assert tails[0] < 0.95 * tails[1] < 0.9 * tails[2]


def test_under_a_t_copula_and_without_a_spread_the_expected_loss_stays_too() -> None:
    model = FactorModel(factors=("x",), correlation=((1.0,),), groups={"all": {"x": 1.0}}, copula=Copula(nu=5.0))
    found = portfolio_risk(pool(500, lgd_sd=0.0, lgd_factor_loading=0.4), model, confidences=(0.99,), max_scenarios=20_000, rel_tol=0.001)
    assert abs(found.el_simulated - found.el) < 4.0 * found.el_simulated_se
    parts = [c for c in found.contributions if c.by == "group"]
    assert sum(c.es[0] for c in parts) == pytest.approx(found.measures[0].es, rel=1e-9)


def test_a_loading_of_nought_or_on_no_factor_changes_no_bit() -> None:
    plain = portfolio_risk(pool(50), ONE, confidences=(0.9,), method="thinning", max_scenarios=2_000)
    for book in (pool(50, lgd_factor_loading=0.0), pool(50, lgd_factor_loading=None)):
        same = portfolio_risk(
            book.with_columns(pl.col("lgd_factor_loading").cast(pl.Float64)),
            ONE,
            confidences=(0.9,),
            method="thinning",
            max_scenarios=2_000,
        )
        assert same.to_dict() == plain.to_dict()
    options: dict[str, Any] = {"confidences": (0.9,), "max_scenarios": 2_000, "method": "thinning"}
    alone = portfolio_risk(pool(50, r2=0.0), ONE, **options)
    assert portfolio_risk(pool(50, r2=0.0, lgd_factor_loading=0.5), ONE, **options).to_dict() == alone.to_dict()


def test_what_takes_losses_as_independent_of_the_factors_refuses_such_a_book() -> None:
    book = pool(20, lgd_factor_loading=0.3)
    for method in ("collapsed", "exact", "few_names", "closed_form"):
        with pytest.raises(InvalidInput, match="lgd_factor_loading"):
            portfolio_risk(book, ONE, method=method)
    with pytest.raises(InvalidInput, match="reverse stress takes losses given default as independent"):
        reverse_stress(book, ONE, loss=2.0)
    with pytest.raises(InvalidInput, match="conditioning on factors takes"):
        stressed_risk(book, ONE, ConditionalFactors(factors=("economy",), mean=(-1.0,), covariance=((0.0,),)))
    with pytest.raises(InvalidInput, match=r"obligor 'O00000': 0\.02 is less than the 0\.\d+ that the loading alone makes"):
        portfolio_risk(pool(3, lgd_sd=0.02, lgd_factor_loading=0.5), ONE)
    with pytest.raises(InvalidInput, match="row 1, column lgd_factor_loading"):
        portfolio_risk(pool(3, lgd_factor_loading=1.0), ONE)


def test_a_loan_that_follows_the_factor_is_measured_by_a_run_beside_a_warm_book_that_does_not() -> None:
    warm = WarmPortfolio(pool(300, r2=0.15), ONE, confidences=(0.99,), max_scenarios=4_000, rel_tol=0.05)
    assert warm.result.method == "collapsed"
    new = pool(1, facility_id="new", obligor_id="new", ead=30.0, lgd_factor_loading=0.3)
    asked = warm.what_if(put=new)
    assert asked.incremental_el == pytest.approx(30.0 * 0.02 * 0.4, rel=1e-9)
    assert warm.update(put=new).method == "importance_sampling"
    assert warm.update(drop=["new"]).method == "collapsed"
