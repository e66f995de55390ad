"""CreditRisk+ as a method: what it keeps of the copula, what of closed forms it is, and the laws of its parts."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import beta, nbinom, poisson

from benchmarks.risk_books import heterogeneous_book, twenty_factors
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio
from crfs.risk import RiskResult, portfolio_risk
from crfs.risk.bivariate_normal import dependence
from crfs.risk.creditriskplus import intensities as intensity_module
from crfs.risk.creditriskplus.classes import MOST_SECTORS, sectors_of
from crfs.risk.creditriskplus.contributions import lattice_tail
from crfs.risk.creditriskplus.fitted import Exposed, fit
from crfs.risk.creditriskplus.intensities import intensities
from crfs.risk.creditriskplus.matching import match
from crfs.risk.creditriskplus.sectors import Dependence
from crfs.risk.names import Names, make_names
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.warm import WarmPortfolio
from tests.risk.test_methods import COPULAS, TRUTH, alike, book, model, needs_truth, one_factor

FloatArray = npt.NDArray[np.float64]
CRP: dict[str, Any] = {"method": "creditriskplus"}


def rolled(table: pl.DataFrame, factor_model: FactorModel) -> Obligors:
    return roll_up(validate_portfolio(table, factor_model).require_all("portfolio"), factor_model)


def names_of(table: pl.DataFrame, factor_model: FactorModel) -> Names:
    return make_names(rolled(table, factor_model), factor_model)


def sums(result: RiskResult, by: str) -> list[tuple[float, float]]:
    parts = [part for part in result.contributions if part.by == by]
    return [(sum(p.var[c] for p in parts), sum(p.es[c] for p in parts)) for c in range(len(result.measures))]


def by_pairs(table: pl.DataFrame, factor_model: FactorModel) -> float:
    """The variance of the conditional expected loss under a Gaussian copula, pair by pair of names."""
    obligors = rolled(table, factor_model)
    threshold, loading = ndtri(obligors.pd), np.sqrt(obligors.r2)
    cosine = obligors.directions @ factor_model.correlation_matrix() @ obligors.directions.T
    total = 0.0
    for i, (c, r) in enumerate(zip(threshold, loading, strict=True)):
        for j, (d, q) in enumerate(zip(threshold, loading, strict=True)):
            shared = float(r * q * cosine[obligors.direction[i], obligors.direction[j]])
            total += obligors.loss[i] * obligors.loss[j] * dependence(float(c), float(d), shared)
    return float(total)


@pytest.mark.parametrize("copula", COPULAS)
def test_the_expected_loss_is_exact_and_everything_is_answered_that_a_run_answers(copula: str) -> None:
    result = portfolio_risk(book(200), model(copula=COPULAS[copula]), confidences=(0.99, 0.999), **CRP)
    assert result.method == "creditriskplus"
    assert result.el_simulated == pytest.approx(result.el, rel=1e-9)
    assert result.el_simulated_se == result.ul_se == 0.0
    assert result.converged
    assert result.scenarios == 0
    assert len(result.loss_curve) > 20
    assert all(
        a.loss <= b.loss and a.exceedance_probability > b.exceedance_probability
        for a, b in zip(result.loss_curve, result.loss_curve[1:], strict=False)
    )
    for measure in result.measures:
        assert 0.0 < measure.var_low <= measure.var <= measure.var_high
        assert measure.es_low <= measure.es <= measure.es_high
        assert measure.es > measure.var > result.el
        assert measure.var_se == measure.es_se == 0.0
        assert measure.var_high - measure.var_low < 1e-3 * measure.var
    for column in ("group", "sector"):
        for (var, es), measure in zip(sums(result, column), result.measures, strict=True):
            assert var == pytest.approx(measure.var, rel=1e-9)
            assert es == pytest.approx(measure.es, rel=1e-9)
    assert all(0.0 < part.es_se[1] < 1e-3 * part.es[1] for part in result.contributions)
    assert "have no sampling error: their intervals are numerical" in result.notes[-1]
    assert "another model of dependence" in result.notes[0]
    assert json.loads(json.dumps(result.to_dict()))["method"] == "creditriskplus"


def test_the_deviation_is_the_copula_s_but_for_what_poisson_counts_add() -> None:
    table, factor_model = book(40, lgd_sd=0.2), model()
    obligors = rolled(table, factor_model)
    pd, cumulants = obligors.pd, obligors.loss_cumulants()
    pairs = by_pairs(table, factor_model)
    result = portfolio_risk(table, factor_model, **CRP)
    # Given the factors the variance of a count is its mean; of a default it is less by the square of the conditional PD.
    assert result.ul**2 == pytest.approx(pairs + float((pd * (cumulants[0] ** 2 + cumulants[1])).sum()), rel=1e-9)
    square = np.array([p * p + dependence(float(ndtri(p)), float(ndtri(p)), float(r2)) for p, r2 in zip(pd, obligors.r2, strict=True)])
    copula = portfolio_risk(table, factor_model, method="few_names", confidences=(0.99,), rel_tol=0.002)
    apart = math.sqrt(result.ul**2 - float((cumulants[0] ** 2 * square).sum())) - copula.ul
    assert abs(apart) < 4.0 * copula.ul_se + 1e-4 * copula.ul


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_covariances_of_sectors_are_those_of_all_pairs_of_names(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = book(12, seed=seed).with_columns(r2=pl.Series(rng.uniform(0.0, 0.9, 12)), pd_12m=pl.Series(rng.uniform(1e-4, 0.9, 12)))
    names = names_of(table, model())
    pd = rolled(table, model()).pd[names.obligor]
    found = intensities(names, pd, np.zeros(len(names.directions), dtype=np.int64), 1, seed=0, most_points=1000)
    assert found.se == 0.0
    assert found.total * names.unit**2 == pytest.approx(by_pairs(table, model()), rel=1e-7)


@pytest.mark.parametrize("copula", COPULAS)
def test_sampled_covariances_agree_with_the_series_within_their_error(copula: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, factor_model = book(300, seed=8), model(copula=COPULAS[copula])
    names = names_of(table, factor_model)
    pd = rolled(table, factor_model).pd[names.obligor]
    sector = np.arange(len(names.directions))
    exact = intensities(names, pd, sector, len(sector), seed=1, most_points=16_384)
    whole = portfolio_risk(table, factor_model, seed=1, max_scenarios=16_384, **CRP)
    monkeypatch.setattr(intensity_module, "_MOST_WORK", 0.0)
    sampled = intensities(names, pd, sector, len(sector), seed=1, most_points=16_384)
    assert sampled.points == 16_384
    # Under a Gaussian copula the first three orders of the expansion are known, and what is left is sampled.
    assert 0.0 < sampled.se < (1e-3 if copula == "gaussian" else 0.1) * exact.total
    assert abs(sampled.total - exact.total) < 4.0 * sampled.se
    assert sampled.covariance == pytest.approx(exact.covariance, rel=0.3)
    told = portfolio_risk(table, factor_model, seed=1, max_scenarios=16_384, **CRP)
    assert told.scenarios == 16_384
    assert "sampled at 16,384 Sobol points" in " ".join(told.notes)
    assert abs(told.ul - whole.ul) < 4.0 * told.ul_se
    for a, b in zip(told.measures, whole.measures, strict=True):
        assert not a.exact
        assert abs(a.var - b.var) <= 4.0 * a.var_se + 2e-4 * b.var
        assert abs(a.es - b.es) <= 4.0 * a.es_se + 2e-4 * b.es
        assert a.var_high - a.var > 2.0 * a.var_se
        assert a.es_se > 0.0
    for (var, es), measure in zip(sums(told, "group"), told.measures, strict=True):
        assert (var, es) == pytest.approx((measure.var, measure.es), rel=1e-9)
    assert any(part.es_se[-1] > 0.0 for part in told.contributions)


@pytest.mark.parametrize("nu", [3.0, 6.0, 30.0])
def test_names_that_share_a_mixing_variable_alone_have_its_covariance(nu: float) -> None:
    table = alike(50, 0.02, 0.0)
    names = names_of(table, one_factor(nu))
    found = intensities(names, np.full(50, 0.02), np.zeros(1, dtype=np.int64), 1, seed=0, most_points=1000)
    from scipy.integrate import quad
    from scipy.special import ndtr, stdtrit
    from scipy.stats import chi2

    c = float(stdtrit(nu, 0.02))
    both = quad(lambda q: float(ndtr(c * math.sqrt(chi2.ppf(q, nu) / nu))) ** 2, 0.0, 1.0, limit=400, epsabs=1e-13, epsrel=1e-10)[0]
    assert found.total * names.unit**2 == pytest.approx(2500.0 * (both - 0.02**2), rel=1e-6)


def test_without_factors_defaults_are_independent_poisson_counts() -> None:
    result = portfolio_risk(alike(300, 0.02, 0.0, loss=10.0), one_factor(), confidences=(0.9, 0.99, 0.999), **CRP)
    for measure in result.measures:
        at = int(poisson.ppf(measure.confidence, 6.0))
        assert measure.exact
        assert measure.var == measure.var_low == measure.var_high == 10.0 * at
        n = np.arange(200)
        excess = float((np.clip(n - at, 0, None) * poisson.pmf(n, 6.0)).sum()) / (1.0 - measure.confidence)
        assert measure.es == pytest.approx(10.0 * (at + excess), rel=1e-9)
    assert result.ul == pytest.approx(10.0 * math.sqrt(6.0), rel=1e-12)
    # All alike: each has its share, and nothing is rounded.
    assert all(part.es_se == part.var_se == (0.0, 0.0, 0.0) for part in result.contributions)
    assert all(part.es == pytest.approx([m.es / 300.0 for m in result.measures]) for part in result.contributions if part.by == "obligor")


def test_one_name_has_a_negative_binomial_number_of_defaults() -> None:
    pd, r2 = 0.1, 0.3
    result = portfolio_risk(alike(1, pd, r2, loss=40.0), one_factor(), confidences=(0.95, 0.999), **CRP)
    v = dependence(float(ndtri(pd)), float(ndtri(pd)), r2) / pd**2
    count = nbinom(1.0 / v, 1.0 / (1.0 + v * pd))
    assert [m.var for m in result.measures] == [40.0 * count.ppf(0.95), 40.0 * count.ppf(0.999)]
    assert result.ul == pytest.approx(40.0 * math.sqrt(pd + v * pd * pd), rel=1e-9)
    assert any(note.startswith("a loss beyond 40.00, all that can be lost, has a probability of 0.0") for note in result.notes)
    assert any("second and later defaults" in note for note in result.notes)


def test_what_has_defaulted_is_lost_for_certain_and_what_cannot_is_not() -> None:
    table, factor_model = book(60, whole=True), model()
    more = pl.concat(
        [
            table,
            table.head(2).with_columns(
                facility_id=pl.Series(["X1", "X2"]),
                obligor_id=pl.Series(["X1", "X2"]),
                pd_12m=pl.Series([1.0, 0.0]),
                ead=pl.Series([7000.0, 9000.0]),
            ),
        ]
    )
    alone, beside = portfolio_risk(table, factor_model, **CRP), portfolio_risk(more, factor_model, **CRP)
    assert beside.el == pytest.approx(alone.el + 7000.0, rel=1e-12)
    assert beside.ul == pytest.approx(alone.ul, rel=1e-12)
    for a, b in zip(alone.measures, beside.measures, strict=True):
        assert b.var == pytest.approx(a.var + 7000.0, rel=1e-12)
        assert b.es == pytest.approx(a.es + 7000.0, rel=1e-12)
    gone = next(part for part in beside.contributions if (part.by, part.name) == ("obligor", "X1"))
    assert (*gone.es, *gone.var) == pytest.approx((7000.0,) * 4, rel=1e-9)
    certain = portfolio_risk(alike(3, 1.0, 0.1, loss=5.0), one_factor(), **CRP)
    assert [(m.var, m.es) for m in certain.measures] == [(15.0, 15.0)] * 2
    assert certain.ul == 0.0
    nothing = portfolio_risk(alike(3, 0.0, 0.1, loss=5.0), one_factor(), **CRP)
    assert [(m.var, m.es) for m in nothing.measures] == [(0.0, 0.0)] * 2


def test_an_uncertain_recovery_is_a_beta_variable_and_of_several_the_sum_is_exact_to_two_moments() -> None:
    one = alike(1, 1.0, 0.0, loss=1000.0).with_columns(lgd=pl.lit(0.4), lgd_sd=pl.lit(0.2))
    result = portfolio_risk(one, one_factor(), confidences=(0.9, 0.99), **CRP)
    total = 0.4 * 0.6 / 0.04 - 1.0
    for measure in result.measures:
        assert measure.var_low <= 1000.0 * beta.ppf(measure.confidence, 0.4 * total, 0.6 * total) <= measure.var_high
    assert result.ul == pytest.approx(200.0, rel=1e-9)

    several = pl.concat(
        [
            book(50),
            alike(4, 1.0, 0.2, loss=3000.0).with_columns(
                lgd=pl.Series([0.2, 0.3, 0.4, 0.5]), lgd_sd=pl.Series([0.0, 0.1, 0.2, 0.25]), group=pl.lit("banks"), obligor_id="X" + pl.col("obligor_id"),
                facility_id="X" + pl.col("facility_id"),
            ),
        ],
        how="diagonal",
    )  # fmt: skip
    found = portfolio_risk(several, model(), **CRP)
    simulated = portfolio_risk(several, model(), method="plain", max_scenarios=20_000, contributions=False)
    without = portfolio_risk(book(50), model(), **CRP)
    spread = 3000.0**2 * (0.1**2 + 0.2**2 + 0.25**2)
    assert found.ul**2 == pytest.approx(without.ul**2 + spread, rel=1e-9)
    assert found.el_simulated == pytest.approx(found.el, rel=1e-9)
    assert abs(found.el - simulated.el_simulated) < 4.0 * simulated.el_simulated_se
    for (var, es), measure in zip(sums(found, "group"), found.measures, strict=True):
        assert (var, es) == pytest.approx((measure.var, measure.es), rel=1e-6)


def test_a_recovery_that_is_all_or_nothing_keeps_its_mean() -> None:
    table = alike(1, 1.0, 0.0, loss=3.3e9).with_columns(lgd=pl.lit(1e-6), lgd_sd=pl.lit(9e-4))
    result = portfolio_risk(table, one_factor(), confidences=(0.99,), **CRP)
    assert result.el_simulated == pytest.approx(result.el, rel=1e-6)
    # Nearly always nothing is lost, and once in a million times nearly all.
    assert result.measures[0].var_low == 0.0
    assert result.measures[0].var < 1e-6 * 3.3e9
    assert result.measures[0].es == pytest.approx(100.0 * result.el, rel=1e-3)


def test_random_losses_given_default_are_those_of_a_compound_poisson_sum() -> None:
    table = alike(200, 0.02, 0.0, loss=100.0).with_columns(lgd=pl.lit(0.45), lgd_sd=pl.lit(0.3))
    result = portfolio_risk(table, one_factor(), confidences=(0.95, 0.99), **CRP)
    rng = np.random.default_rng(5)
    total = 0.45 * 0.55 / 0.09 - 1.0
    counts = rng.poisson(4.0, 400_000)
    drawn = 100.0 * rng.beta(0.45 * total, 0.55 * total, int(counts.sum()))
    losses = np.bincount(np.repeat(np.arange(len(counts)), counts), weights=drawn, minlength=len(counts))
    assert result.ul == pytest.approx(float(losses.std()), rel=0.01)
    for measure in result.measures:
        share = float((losses <= measure.var).mean())
        assert abs(share - measure.confidence) < 4.0 * math.sqrt(measure.confidence * (1.0 - measure.confidence) / len(losses))


def test_the_same_bits_in_any_order_of_rows_and_on_any_number_of_threads() -> None:
    table, factor_model = book(120), model(copula=COPULAS["t"])
    answers = [
        portfolio_risk(rows, factor_model, threads=threads, **CRP)
        for rows, threads in ((table, 1), (table.sample(fraction=1.0, shuffle=True, seed=3), 2), (table.reverse(), None))
    ]
    assert answers[0] == answers[1] == answers[2]
    # The seed is that of points, of which there are none.
    other = portfolio_risk(table, factor_model, seed=9, **CRP)
    assert other.measures == answers[0].measures


@needs_truth
def test_the_published_book_of_25_names_in_one_sector() -> None:
    listed = json.loads((TRUTH / "portfolio_cases.json").read_text())
    case = next(each for each in listed if each["id"] == "creditriskplus_25_single_sector")
    loss, pd = (np.array(case["inputs"][name]) for name in ("exposure", "pd"))
    expected = np.array([float(loss @ pd)])
    matched = match(expected, np.array([[case["inputs"]["sector_rel_var"] * expected[0] ** 2]]))
    names = Exposed(pd=pd, loss=loss, certain=loss, random=np.zeros(25), variance=np.zeros(25), weight=np.ones((25, 1)))
    variance = names.variance_of_loss(float(matched.sectors.covariance[0, 0]) * expected[0] ** 2)
    assert math.sqrt(variance) == pytest.approx(case["expected"]["sd_closed"], rel=1e-9)
    fitted = fit(names, matched.sectors, ul=math.sqrt(variance))
    for confidence in (0.5, 0.95, 0.99, 0.999):
        tail = lattice_tail(fitted.probability, confidence)
        assert abs(fitted.unit * tail.at - case["expected"][f"VaR_{confidence}"]) <= 2.0 * fitted.unit
        assert fitted.unit * tail.es_units == pytest.approx(case["expected"][f"ES_{confidence}"], rel=1e-4)


@pytest.mark.parametrize("lgd_sd", [0.0, 0.2])
def test_what_a_finer_lattice_finds_lies_within_the_intervals(lgd_sd: float) -> None:
    table, factor_model = book(30, lgd_sd=lgd_sd), model()
    obligors = rolled(table, factor_model)
    names = names_of(table, factor_model)
    result = portfolio_risk(table, factor_model, confidences=(0.95, 0.99, 0.999), **CRP)
    sector = sectors_of(names, np.ones(len(names.directions)))
    found = intensities(names, obligors.pd[names.obligor], sector, 3, seed=0, most_points=1000)
    u = names.unit
    weight = np.zeros((len(names), 3))
    weight[np.arange(len(names)), sector[names.kind]] = 1.0
    exposed = Exposed(
        pd=obligors.pd[names.obligor],
        loss=u * names.loss[0],
        certain=u * names.certain,
        random=u * names.random,
        variance=u * u * names.loss[1],
        weight=weight,
    )
    fine = fit(exposed, match(u * found.expected, u * u * found.covariance).sectors, ul=0.1 * result.ul)
    for measure in result.measures:
        tail = lattice_tail(fine.probability, measure.confidence)
        assert measure.var_low < measure.var_high
        assert measure.var_low <= fine.unit * tail.at <= measure.var_high
        assert measure.es_low <= fine.unit * tail.es_units <= measure.es_high * (1.0 + 1e-12)
    found_es, _ = fine.parts([lattice_tail(fine.probability, 0.999)])[0]
    shares = {obligors.names[owner]: float(part) for owner, part in zip(names.obligor.tolist(), found_es, strict=True)}
    parts = [part for part in result.contributions if part.by == "obligor" and part.name is not None]
    assert all(result.reach * part.es_se[-1] < 0.01 * part.es[-1] for part in parts)
    held = [part for part in parts if abs(part.es[-1] - shares[str(part.name)]) <= result.reach * part.es_se[-1]]
    assert sum(part.es[-1] for part in held) > 0.8 * sum(part.es[-1] for part in parts)


def test_a_large_book_of_little_correlation_has_nearly_the_copula_s_quantile() -> None:
    """A gamma variable's skewness is twice its deviation, that of a probit of a normal one three times in the limit of rare defaults: at 99 % and a
    relative variance of some 0.2 that is a few percent, further out more."""
    table = alike(20_000, 0.02, 0.03)
    factors = one_factor()
    gamma, copula = (
        portfolio_risk(table, factors, confidences=(0.99,), method=m, contributions=False) for m in ("creditriskplus", "collapsed")
    )
    assert gamma.ul == pytest.approx(copula.ul, rel=0.003)
    (a,), (b,) = gamma.measures, copula.measures
    assert a.var == pytest.approx(b.var, rel=0.04)
    assert a.es == pytest.approx(b.es, rel=0.06)
    assert a.var < b.var


def test_many_directions_are_put_together_in_sectors_and_the_variance_is_kept() -> None:
    rng = np.random.default_rng(2)
    table, factor_model = book(60).drop("group", "r2"), model()
    loadings = rng.uniform(-0.4, 0.5, (60, 3))
    table = table.with_columns(pl.Series(f"loading:{name}", loadings[:, k]) for k, name in enumerate(("us", "eu", "oil")))
    result = portfolio_risk(table, factor_model, **CRP)
    obligors = rolled(table, factor_model)
    own = float((obligors.pd * (obligors.loss_cumulants()[0] ** 2 + obligors.loss_cumulants()[1])).sum())
    assert result.ul**2 == pytest.approx(by_pairs(table, factor_model) + own, rel=1e-9)
    assert any(
        note.startswith(f"the 60 directions that the book follows are put together in {MOST_SECTORS} sectors") for note in result.notes
    )
    names = names_of(table, factor_model)
    sector = sectors_of(names, np.bincount(names.kind, weights=names.loss[0]).astype(np.float64))
    assert set(sector.tolist()) == set(range(MOST_SECTORS))
    # Whoever follows another follows the nearest of them.
    assert np.flatnonzero(np.diff(np.unique(sector, return_index=True)[1]) <= 0).size == 0


def test_names_that_follow_no_factor_are_in_no_sector() -> None:
    table = pl.concat(
        [alike(50, 0.02, 0.2, loss=10.0), alike(50, 0.02, 0.0, loss=10.0).with_columns(pl.col("obligor_id", "facility_id") + "x")]
    )
    result = portfolio_risk(table, one_factor(), **CRP)
    assert "in 1 gamma sector(s)" in result.notes[0]
    half = portfolio_risk(alike(50, 0.02, 0.2, loss=10.0), one_factor(), **CRP)
    assert result.ul**2 == pytest.approx(half.ul**2 + 100.0, rel=1e-9)
    sides = {
        side: sum(p.es[1] for p in result.contributions if p.by == "obligor" and str(p.name).endswith("x") is side)
        for side in (True, False)
    }
    assert sides[False] > sides[True]


def test_sectors_that_fall_when_others_rise_keep_the_variance_by_one_gamma_variable() -> None:
    covariance = np.array([[4.0, -1.0], [-1.0, 1.0]])
    matched = match(np.array([4.0, 1.0]), covariance)
    assert matched.dependence is Dependence.MOMENT_MATCHED
    el = np.array([4.0, 1.0])
    assert float(el @ matched.sectors.covariance @ el) == pytest.approx(3.0, rel=1e-12)
    assert matched.apart > 0.1


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_whatever_the_covariances_their_sum_is_kept(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(0.3, 1.0, (count, count))
    el = rng.uniform(0.1, 3.0, count)
    covariance = root @ root.T * np.outer(el, el)
    matched = match(el, covariance)
    assert float(el @ matched.sectors.covariance @ el) == pytest.approx(max(0.0, float(covariance.sum())), rel=1e-9, abs=1e-9)


def test_auto_never_takes_it() -> None:
    for count in (1, 20, 500):
        assert portfolio_risk(book(count), model(), confidences=(0.99,), contributions=False).method != "creditriskplus"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"lgd_factor_loading": 0.3}, {}, "the method creditriskplus takes losses given default as independent"),
        ({}, {"confidences": (0.99999999999,)}, "tells no tail of less than 1e-10"),
        ({}, {"budget": 10.0}, "covariance of the default intensities takes"),
        ({}, {"device": "cpu"}, "has nothing to do"),
    ],
    ids=["lgd", "confidence", "budget", "device"],
)
def test_what_it_cannot_do_is_refused_by_name(change: dict[str, Any], options: dict[str, Any], message: str) -> None:
    table = book(10).with_columns(**{name: pl.lit(value) for name, value in change.items()})
    with pytest.raises(InvalidInput, match=message):
        portfolio_risk(table, model(), **{**CRP, **options})


def test_a_tolerance_that_rounding_does_not_meet_is_told() -> None:
    result = portfolio_risk(book(30), model(), rel_tol=1e-7, **CRP)
    assert not result.converged
    assert any("draws nothing that would narrow them" in note for note in result.notes)


def test_a_warm_book_answers_a_what_if_by_a_run_of_its_own() -> None:
    table, factor_model = book(50), model()
    warm = WarmPortfolio(table, factor_model, confidences=(0.99,), **CRP)
    loan = table.head(1).with_columns(facility_id=pl.lit("N"), obligor_id=pl.lit("N"), ead=pl.lit(5000.0))
    told = warm.what_if(put=loan)
    assert told.method == "creditriskplus"
    after = portfolio_risk(pl.concat([table, loan]), factor_model, confidences=(0.99,), **CRP)
    assert told.measures[0].var == after.measures[0].var
    assert warm.update(put=loan).measures == after.measures


def test_many_groups_of_a_large_book_sum_as_well() -> None:
    table = heterogeneous_book(3_000).with_columns(group="g" + (pl.int_range(pl.len()) % 30).cast(pl.String).str.zfill(2))
    twenty = twenty_factors()
    factors = FactorModel(
        factors=twenty.factors,
        correlation=twenty.correlation,
        groups={f"g{k:02d}": {f"f{k % 20}": 1.0, f"f{(k * 7 + 3) % 20}": 0.2 + 0.02 * k} for k in range(30)},
        copula=Copula(),
    )
    result = portfolio_risk(table, factors, **CRP)
    assert any("are put together in 24 sectors" in note for note in result.notes)
    for (var, es), measure in zip(sums(result, "group"), result.measures, strict=True):
        assert (var, es) == pytest.approx((measure.var, measure.es), rel=1e-9)
