"""Satellite models on an economy whose equations are known: what is found, foretold, and refused."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from datetime import date
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, ndtr, ndtri

from crfs.credit.scenarios import Scenario, shift
from crfs.errors import InvalidInput
from crfs.models.satellite import (
    HousePriceLgd,
    Link,
    SatelliteSpec,
    SatelliteTransmission,
    Term,
    Transform,
    WrongSign,
    conditional_factors,
    conditional_pd,
    fit_default_rates,
    fit_latent_factor,
    fit_pool,
    frye_jacobs,
    frye_jacobs_response,
    house_price_severity,
    implied_factor,
    macro_link,
    macro_moves,
    yearly,
)
from crfs.risk import vasicek
from tests.models import macro_world as world
from tests.thorough import cases

SHARED = FilePath(os.environ.get("CRFS_SHARED") or FilePath(__file__).parents[2].parent / "shared")
TERMS = (Term(variable=world.UNEMPLOYMENT, sign=1), Term(variable=world.GROWTH, sign=-1))
SPEC = SatelliteSpec(terms=TERMS)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
AFTER = date(2021, 1, 1)  # 100 quarters from the beginning


def fitted(seed: int = 1, *, periods: int = 100, spec: SatelliteSpec = SPEC, lag: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    values = world.macro(rng, periods)
    return fit_default_rates(world.rates(world.log_odds_rates(rng, values, lag=lag)), world.long(values), spec)


def flat(**changes: Any) -> Scenario:
    return world.scenario(AFTER, unemployment=[0.055] * 8, growth=[0.02] * 8, **changes)


def test_known_coefficients_are_found_within_their_errors() -> None:
    fit = fitted().fit.regression
    assert fit.names == ("intercept", "last_period", world.UNEMPLOYMENT, world.GROWTH)
    assert fit.observations == 99
    for found, error, truth in zip(
        fit.coefficients, fit.standard_errors, (world.A, world.PERSISTENCE, world.ON_UNEMPLOYMENT, world.ON_GROWTH), strict=True
    ):
        assert abs(found - truth) < 4 * error
    assert fit.sigma == pytest.approx(world.SIGMA, rel=0.25)


def test_the_best_lag_is_found_and_the_search_is_admitted() -> None:
    terms = (Term(variable=world.UNEMPLOYMENT, sign=1), Term(variable=world.GROWTH, sign=-1, lags=(0, 1, 2, 3)))
    model = fitted(spec=SatelliteSpec(terms=terms), lag=2)
    assert [lag for _, lag in model.fit.chosen] == [0, 2]
    assert model.fit.tried == 4
    assert any("best of 4 combinations" in note for note in model.fit.notes)


def test_a_wrong_sign_is_refused_or_dropped_with_a_note() -> None:
    terms = (Term(variable=world.UNEMPLOYMENT, sign=1), Term(variable=world.GROWTH, sign=1))
    with pytest.raises(InvalidInput, match=r"us\.gdp_growth has -5.*against its sign"):
        fitted(spec=SatelliteSpec(terms=terms))
    model = fitted(spec=SatelliteSpec(terms=terms, wrong_sign=WrongSign.DROP))
    assert [term.variable for term, _ in model.fit.chosen] == [world.UNEMPLOYMENT]
    assert any("us.gdp_growth" in note and note.endswith("dropped") for note in model.fit.notes)
    with pytest.raises(InvalidInput, match="no term is left"):
        fitted(spec=SatelliteSpec(terms=(Term(variable=world.GROWTH, sign=1),), wrong_sign=WrongSign.DROP))


def test_a_path_is_the_equation_carried_on() -> None:
    model = fitted()
    a, phi, on_u, on_g = model.fit.regression.coefficients
    path = model.predict(flat())
    last = model.fit.series.paths[0].array()[-1]
    for rate in path.central:
        last = a + phi * last + on_u * 0.055 + on_g * 0.02
        assert rate == pytest.approx(expit(last), rel=1e-12)
    assert (path.low < path.central).all()
    assert (path.central < path.high).all()
    assert (path.mean > path.central).all()  # log-odds below a half: convex
    told = path.to_table()
    assert told.columns == ["valid_time", "default_rate", "default_rate_mean", "default_rate_low", "default_rate_high"]
    assert json.loads(json.dumps(path.to_dict()))["times"][0] == "2021-01-01"


def test_the_error_of_a_path_adds_up_as_far_as_it_persists() -> None:
    model = fitted()
    told = model.fit.forecast(flat())
    phi, sigma = model.fit.regression.persistence, model.fit.regression.sigma
    steps = np.arange(1, 9)
    assert told.residual_sd == pytest.approx(sigma * np.sqrt((1 - phi ** (2 * steps)) / (1 - phi**2)), rel=1e-9)


def test_the_error_of_coefficients_is_the_delta_method() -> None:
    model = fitted()
    told = model.fit.forecast(flat())
    fit = model.fit.regression
    step = 1e-6
    slopes = []
    for k in range(4):
        moved = [
            replace(model.fit, regression=replace(fit, coefficients=fit.coefficients + np.eye(4)[k] * sign * step)).forecast(flat()).mean
            for sign in (1, -1)
        ]
        slopes.append((moved[0] - moved[1]) / (2 * step))
    jacobian = np.array(slopes)
    assert told.parameter_sd**2 == pytest.approx(np.einsum("ih,ij,jh->h", jacobian, fit.covariance, jacobian), rel=1e-5)


def test_bands_cover_what_they_say() -> None:
    inside = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = world.macro(rng, 88)
        rates = world.log_odds_rates(rng, values)
        known = {name: series[:80] for name, series in values.items()}
        model = fit_default_rates(world.rates(rates[:80]), world.long(known), SPEC)
        ahead = world.scenario(
            date(2016, 1, 1), unemployment=values[world.UNEMPLOYMENT][80:].tolist(), growth=values[world.GROWTH][80:].tolist()
        )
        path = model.predict(ahead)
        inside.append((path.low <= rates[80:]) & (rates[80:] <= path.high))
    coverage = np.mean(inside, axis=0)
    # 100 draws about 0.9: the standard error is 0.03; HAC errors are a little too small in 80 periods.
    assert (coverage > 0.8).all()
    assert (coverage < 0.985).all()


def test_a_gap_between_rates_and_scenario_is_gone_through_with_history() -> None:
    rng = np.random.default_rng(3)
    values = world.macro(rng, 104)
    rates = world.log_odds_rates(rng, values)[:100]
    model = fit_default_rates(world.rates(rates), world.long(values), SPEC)
    later = world.scenario(date(2022, 1, 1), unemployment=[0.08] * 4, growth=[0.0] * 4)
    whole = world.scenario(
        AFTER,
        unemployment=[*values[world.UNEMPLOYMENT][100:].tolist(), *[0.08] * 4],
        growth=[*values[world.GROWTH][100:].tolist(), *[0.0] * 4],
    )
    assert model.predict(later).central == pytest.approx(model.predict(whole).central[4:], rel=1e-12)
    assert model.predict(later).high == pytest.approx(model.predict(whole).high[4:], rel=1e-12)
    with pytest.raises(InvalidInput, match="neither history nor scenario says"):
        model.predict(world.scenario(date(2022, 4, 1), unemployment=[0.08] * 4, growth=[0.0] * 4))


def test_changes_and_lags_look_back_into_history() -> None:
    rng = np.random.default_rng(4)
    values = world.macro(rng, 100)
    spec = SatelliteSpec(
        terms=(
            Term(variable=world.UNEMPLOYMENT, transform=Transform.DIFFERENCE, over=4),
            Term(variable=world.HOUSES, transform=Transform.LOG_CHANGE, over=2, lags=(3,)),
        ),
        lagged=False,
    )
    rates = world.log_odds_rates(rng, values)
    model = fit_default_rates(world.rates(rates), world.long(values), spec)
    told = model.fit.sample_columns()
    assert model.fit.times[0] == date(1997, 4, 1)  # two quarters of a change, three before: the sixth
    u, h = values[world.UNEMPLOYMENT], values[world.HOUSES]
    assert told[:, 0] == pytest.approx(u[5:] - u[1:-4])
    assert told[:, 1] == pytest.approx(np.log(h[2:-3] / h[:-5]))
    ahead = flat(houses=[50.0] * 8)
    forecast = model.fit.forecast(ahead).mean
    a, on_u, on_h = model.fit.regression.coefficients
    assert forecast[0] == pytest.approx(a + on_u * (0.055 - u[96]) + on_h * np.log(h[97] / h[95]))
    assert forecast[4] == pytest.approx(a + on_u * 0.0 + on_h * np.log(50.0 / h[99]))


def test_a_model_is_told_in_plain_values() -> None:
    told = json.loads(json.dumps(fitted().to_dict()))
    assert [row["name"] for row in told["coefficients"]] == ["intercept", "last_period", world.UNEMPLOYMENT, world.GROWTH]
    assert (told["observations"], told["sample_start"], told["sample_end"]) == (99, "1996-04-01", "2020-10-01")
    assert {"durbin_watson", "r2", "stability", "notes", "hac_lags"} <= set(told)
    assert {"se", "t", "p", "coefficient", "vif"} <= set(told["coefficients"][1])


def test_a_scenario_beyond_the_sample_is_said() -> None:
    notes = fitted().predict(world.scenario(AFTER, unemployment=[0.3] * 8, growth=[0.02] * 8)).notes
    assert len(notes) == 1
    assert notes[0].startswith("us.unemployment_rate reaches 0.3; the sample saw")


def test_rates_are_checked_by_row() -> None:
    values = world.macro(np.random.default_rng(1), 100)
    table = world.rates(np.full(100, 0.02))
    for wrong in (0.0, 1.0, -0.1, float("nan")):
        bad = table.with_columns(default_rate=pl.when(pl.int_range(100) == 6).then(wrong).otherwise("default_rate"))
        with pytest.raises(InvalidInput) as error:
            fit_default_rates(bad, world.long(values), SPEC)
        assert (error.value.problems[0].row, error.value.problems[0].column) == (7, "default_rate")
    with pytest.raises(InvalidInput, match="or the columns defaults and obligors"):
        fit_default_rates(table.rename({"default_rate": "rate"}), world.long(values), SPEC)


def test_counts_have_log_odds_where_nobody_defaulted() -> None:
    rng = np.random.default_rng(9)
    values = world.macro(rng, 100)
    defaults = rng.binomial(100, world.log_odds_rates(rng, values))
    defaults[10] = 0
    table = world.rates(np.zeros(100)).select("valid_time", defaults=pl.Series(defaults), obligors=pl.lit(100))
    model = fit_default_rates(table, world.long(values), replace(SPEC, wrong_sign=WrongSign.DROP))
    assert model.fit.series.paths[0].array()[10] == pytest.approx(np.log(0.5 / 100.5))
    with pytest.raises(InvalidInput, match="between 0 and the number"):
        fit_default_rates(table.with_columns(obligors=1), world.long(values), SPEC)


def test_what_does_not_go_together_is_refused() -> None:
    values = world.macro(np.random.default_rng(1), 100)
    history = world.long(values)
    rates = world.rates(np.linspace(0.01, 0.03, 100))
    with pytest.raises(InvalidInput, match=r"has no us\.nothing"):
        fit_default_rates(rates, history, SatelliteSpec(terms=(Term(variable="us.nothing"),)))
    hole = rates.with_columns(default_rate=pl.when(pl.int_range(100) == 50).then(None).otherwise("default_rate"))
    with pytest.raises(InvalidInput, match="missing in 2008-07-01, within the sample"):
        fit_default_rates(hole, history, SPEC)
    with pytest.raises(InvalidInput, match="no period has"):
        fit_default_rates(world.rates(np.full(40, 0.02), date(1950, 1, 1)), history, SPEC)
    monthly = rates.with_columns(valid_time=pl.date_range(date(2000, 1, 1), date(2008, 4, 1), "1mo", eager=True))
    with pytest.raises(InvalidInput, match="periods of P1M"):
        fit_default_rates(monthly, history, SPEC)
    with pytest.raises(InvalidInput, match="too many to compare"):
        fit_default_rates(rates, history, SatelliteSpec(terms=tuple(replace(term, lags=tuple(range(80))) for term in TERMS)))
    with pytest.raises(InvalidInput, match="has no logarithm"):
        fit_default_rates(
            rates,
            history.with_columns(value=pl.when(pl.col("variable") == world.HOUSES).then(0.0).otherwise("value")),
            SatelliteSpec(terms=(Term(variable=world.HOUSES, transform=Transform.LOG_CHANGE),)),
        )
    for wrong in ({"over": 0}, {"lags": ()}, {"lags": (-1,)}, {"lags": (1, 1)}, {"sign": 2}):
        with pytest.raises(InvalidInput):
            replace(TERMS[0], **wrong)


rates_inside = st.floats(1e-6, 1.0 - 1e-6)


@given(st.floats(1e-4, 0.5), st.floats(0.01, 0.6), st.floats(-5.0, 5.0))
def test_the_implied_factor_is_vasicek_turned_round(pd: float, r2: float, factor: float) -> None:
    rate = vasicek.conditional_default_probability(pd, r2=r2, factor=factor)
    if 1e-12 < rate < 1.0 - 1e-6:
        assert implied_factor([rate], pd=pd, r2=r2)[0] == pytest.approx(factor, abs=1e-6)


@given(st.floats(1e-4, 0.5), st.floats(0.01, 0.6), st.floats(-3.0, 3.0), st.floats(0.0, 2.0))
def test_the_conditional_probability_is_the_mean_over_the_factor(pd: float, r2: float, mean: float, variance: float) -> None:
    z = mean + np.sqrt(variance) * NODES
    rates = ndtr((ndtri(pd) - np.sqrt(r2) * z) / np.sqrt(1 - r2))
    assert conditional_pd(pd, r2=r2, mean=mean, variance=variance) == pytest.approx(float((rates * WEIGHTS).sum()), abs=1e-9)
    assert conditional_pd(pd, r2=r2, mean=0.0, variance=1.0) == pytest.approx(pd, rel=1e-12)


def test_a_pool_is_found_in_its_rates() -> None:
    z = np.random.default_rng(5).standard_normal(20_000)
    rates = ndtr((ndtri(0.03) - np.sqrt(0.15) * z) / np.sqrt(0.85))
    assert fit_pool(rates) == pytest.approx((0.03, 0.15), rel=0.03)
    with pytest.raises(InvalidInput, match="two default rates"):
        fit_pool([0.02])


def factor_model(seed: int = 2, *, shocks: np.ndarray | None = None) -> Any:
    rng = np.random.default_rng(seed)
    values = world.macro(rng, 100)
    told = rng.standard_normal(100) if shocks is None else shocks
    spec = SatelliteSpec(terms=(Term(variable=world.UNEMPLOYMENT, sign=1),), lagged=False)
    return fit_latent_factor(world.rates(world.factor_rates(values, told)), world.long(values), spec, pd=world.PD, r2=world.R2)


def test_the_factor_falls_as_unemployment_rises_and_its_mean_gives_the_rates() -> None:
    model = factor_model()
    assert model.fit.regression.coefficients[1] < 0.0
    good, bad = flat(), shift(flat(), {world.UNEMPLOYMENT: 0.03})
    assert (model.predict(bad).central > model.predict(good).central).all()
    assert (model.predict(bad).mean > model.predict(good).mean).all()
    told = model.factor(bad)
    assert model.predict(bad).mean == pytest.approx(conditional_pd(world.PD, r2=world.R2, mean=told.mean, variance=told.residual_sd**2))
    assert model.to_dict()["model"] == "latent_factor_regression"


def test_the_sign_of_a_term_is_that_of_its_effect_on_the_rate_though_the_factor_moves_against_it() -> None:
    rng = np.random.default_rng(2)
    values = world.macro(rng, 100)
    rates = world.rates(world.factor_rates(values, rng.standard_normal(100)))
    wrong = SatelliteSpec(terms=(Term(variable=world.UNEMPLOYMENT, sign=-1),), lagged=False)
    with pytest.raises(InvalidInput, match="against its sign"):
        fit_latent_factor(rates, world.long(values), wrong, pd=0.02, r2=0.12)


def test_what_is_estimated_from_the_same_rates_is_said() -> None:
    rng = np.random.default_rng(2)
    values = world.macro(rng, 100)
    table = world.rates(world.factor_rates(values, rng.standard_normal(100)))
    spec = SatelliteSpec(terms=(Term(variable=world.UNEMPLOYMENT, sign=1),))
    model = fit_latent_factor(table, world.long(values), spec)
    assert any("estimated from the same rates" in note for note in model.fit.notes)
    assert (model.pd, model.r2) == pytest.approx((world.PD, world.R2), rel=0.5)
    tight = fit_latent_factor(table, world.long(values), spec, pd=0.02, r2=0.005)
    assert any("r2 does not fit" in note for note in tight.fit.notes)


def test_factors_given_a_scenario_hang_together_as_their_residuals_did() -> None:
    rng = np.random.default_rng(11)
    common = rng.standard_normal(100)
    parts = [0.8 * common + 0.6 * rng.standard_normal(100) for _ in range(2)]
    models = {name: factor_model(2, shocks=part) for name, part in zip(("b", "a"), parts, strict=True)}
    bad = shift(flat(), {world.UNEMPLOYMENT: 0.03})
    given = conditional_factors(models, bad, at=date(2022, 1, 1))
    assert given.factors == ("a", "b")
    matrix, mean = given.covariance_array(), given.mean_array()
    for k, name in enumerate(given.factors):
        told = models[name].factor(bad)
        assert mean[k] == told.mean[4]
        assert matrix[k, k] == pytest.approx(told.sd[4] ** 2, rel=1e-12)
    assert (mean < -0.5).all()
    residuals = [models[name].fit.regression.residuals for name in given.factors]
    size = models["a"].factor(bad).residual_sd[4] * models["b"].factor(bad).residual_sd[4]
    assert matrix[0, 1] == pytest.approx(size * np.corrcoef(residuals)[0, 1], rel=1e-9)
    assert np.linalg.eigvalsh(matrix)[0] > 0.0
    assert given.notes[0] == "given flat at 2022-01-01"
    with pytest.raises(InvalidInput, match="no period of the scenario"):
        conditional_factors(models, bad, at=date(2040, 1, 1))


def test_persistent_factors_add_up_their_common_shocks() -> None:
    rng = np.random.default_rng(12)
    values = world.macro(rng, 100)
    spec = SatelliteSpec(terms=(Term(variable=world.UNEMPLOYMENT),), lagged=True)
    models = {
        name: fit_latent_factor(world.rates(world.factor_rates(values, shocks)), world.long(values), spec, pd=world.PD, r2=world.R2)
        for name, shocks in (("a", np.cumsum(rng.standard_normal(100)) * 0.2), ("b", rng.standard_normal(100)))
    }
    at = flat().times[5]
    matrix = conditional_factors(models, flat(), at=at).covariance_array()
    one, two = (models[name].fit.regression for name in "ab")
    shock = one.sigma * two.sigma * np.einsum("t,t->", one.residuals, two.residuals)
    shock /= np.sqrt((one.residuals**2).sum() * (two.residuals**2).sum())
    product = one.persistence * two.persistence
    assert matrix[0, 1] == pytest.approx(shock * (1 - product**6) / (1 - product), rel=1e-8)


@pytest.mark.skipif(not (SHARED / "truth" / "model_cases.json").exists(), reason="the folder of reference cases (CRFS_SHARED) is not here")
def test_point_in_time_probabilities_are_those_of_the_reference_cases() -> None:
    cases = json.loads((SHARED / "truth" / "model_cases.json").read_text())["Vasicek PIT PD"]
    assert cases
    for key, expected in cases.items():
        given = dict(part.split("=") for part in key.split(","))
        pd, r2, z = (float(given[name]) for name in ("TTC", "rho", "z"))
        assert conditional_pd(pd, r2=r2, mean=z) == pytest.approx(expected, abs=5e-9)
        assert implied_factor([expected], pd=pd, r2=r2)[0] == pytest.approx(z, abs=1e-6)


probabilities = st.floats(1e-5, 0.6)


@given(probabilities, st.floats(0.01, 0.99), st.floats(0.0, 0.6))
def test_over_all_states_frye_and_jacobs_lose_what_is_expected(pd: float, lgd: float, r2: float) -> None:
    rate = ndtr((ndtri(pd) - np.sqrt(r2) * NODES) / np.sqrt(1 - r2))
    loss = rate * frye_jacobs(rate, pd=pd, lgd=lgd, r2=r2)
    assert float((loss * WEIGHTS).sum()) == pytest.approx(pd * lgd, rel=1e-6)


@given(probabilities, st.floats(0.0, 1.0), st.floats(0.0, 0.9), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8))
def test_a_higher_default_rate_never_loses_less_of_each(pd: float, lgd: float, r2: float, rates: list[float]) -> None:
    given = frye_jacobs(sorted(rates), pd=pd, lgd=lgd, r2=r2)
    assert (np.diff(given) >= -1e-9).all()
    assert ((given >= 0.0) & (given <= 1.0)).all()
    p, loss, share = np.full(len(rates), pd), np.full(len(rates), lgd), np.full(len(rates), r2)
    response = frye_jacobs_response(p, np.array(sorted(rates)), loss, share)
    assert (np.diff(response) >= -1e-9).all()
    assert (frye_jacobs_response(p, p, loss, share) == lgd).all()


def test_the_response_of_next_to_no_loss_is_still_at_most_all_of_it() -> None:
    one = np.array([0.5])
    assert frye_jacobs_response(one, np.array([1.0]), np.array([2.2e-309]), np.array([0.0])).tolist() == [1.0]


def test_frye_and_jacobs_have_their_limits() -> None:
    assert frye_jacobs([0.3, 0.0], pd=0.02, lgd=1.0, r2=0.1).tolist() == [1.0, 1.0]
    assert frye_jacobs([0.3, 0.0], pd=0.02, lgd=0.0, r2=0.1).tolist() == [0.0, 0.0]
    assert frye_jacobs([1.0], pd=0.02, lgd=0.4, r2=0.1).tolist() == [1.0]
    assert frye_jacobs([0.3], pd=0.0, lgd=0.4, r2=0.1).tolist() == [0.4]
    for wrong in ({"pd": 1.1}, {"lgd": -0.1}, {"r2": 1.0}, {"pd": float("nan")}):
        with pytest.raises(InvalidInput, match="is a decimal within"):
            frye_jacobs([0.1], **{"pd": 0.02, "lgd": 0.4, "r2": 0.1, **wrong})


@given(st.floats(0.3, 1.5), st.floats(0.3, 1.5), st.floats(0.0, 0.5), st.floats(0.01, 0.6))
def test_the_loss_of_a_forced_sale_is_that_of_a_put(price: float, ltv: float, haircut: float, dispersion: float) -> None:
    from scipy.integrate import quad
    from scipy.stats import norm

    coverage = (1 - haircut) * price / ltv
    edge = -np.log(coverage) / dispersion + dispersion / 2
    value, _ = quad(
        lambda e: (1 - coverage * np.exp(dispersion * e - dispersion**2 / 2)) * norm.pdf(e),
        min(-12.0, edge - 1),
        edge,
        epsabs=1e-12,
        limit=200,
    )
    assert house_price_severity(price, ltv=ltv, sale_haircut=haircut, dispersion=dispersion) == pytest.approx(max(value, 0.0), abs=1e-8)


@given(st.lists(st.floats(0.05, 3.0), min_size=2, max_size=8), st.floats(0.2, 1.5), st.floats(0.0, 0.6))
def test_lower_prices_never_lose_less(prices: list[float], ltv: float, dispersion: float) -> None:
    channel = HousePriceLgd(variable="us.house_price_index", ltv=ltv, sale_haircut=0.2, dispersion=dispersion)
    assert (np.diff(channel.severity(sorted(prices))) <= 1e-12).all()
    assert channel.shift([1.0]).tolist() == [0.0]


def test_impossible_property_is_refused() -> None:
    good = HousePriceLgd(variable="us.x", ltv=0.8)
    for wrong in ({"ltv": 0.0}, {"ltv": float("nan")}, {"sale_haircut": 1.0}, {"dispersion": -0.1}):
        with pytest.raises(InvalidInput):
            replace(good, **wrong)  # type: ignore[arg-type] # variable is a text, and none of these
    with pytest.raises(InvalidInput, match="above 0"):
        HousePriceLgd(variable="us.x", ltv=0.8).severity([0.0])


def transmission(**changes: Any) -> SatelliteTransmission:
    given = {"pd": {None: fitted(), "mortgage": factor_model()}, "base": flat()}
    return SatelliteTransmission(**{**given, **changes})


def test_the_base_scenario_is_no_shock_bit_for_bit() -> None:
    channel = {"mortgage": HousePriceLgd(variable=world.HOUSES, ltv=0.9, dispersion=0.2)}
    told = transmission(lgd=channel)(replace(flat(), name="the same"))
    assert told.height == 16
    assert told["segment"].unique().sort().to_list() == [None, "mortgage"]
    assert told["pd_probit"].to_list() == [0.0] * 16
    assert told["lgd_add"].to_list() == [0.0] * 16
    assert (told["pd_probit_low"] < 0.0).all()
    assert (told["pd_probit_high"] > 0.0).all()


@cases(15)
@given(st.floats(0.0, 0.08), st.floats(0.0, 0.08), st.floats(0.4, 1.0), st.floats(0.4, 1.0))
def test_a_harder_scenario_is_a_harder_shock(one: float, two: float, down: float, further: float) -> None:
    send = transmission(lgd={None: HousePriceLgd(variable=world.HOUSES, ltv=0.9)})
    mild, hard = (
        send(shift(shift(flat(), {world.UNEMPLOYMENT: u}), {world.HOUSES: fall - 1.0}, how="relative"))
        for u, fall in ((min(one, two), max(down, further)), (max(one, two), min(down, further)))
    )
    assert (hard["pd_probit"] >= mild["pd_probit"] - 1e-12).all()
    assert (mild["pd_probit"] >= -1e-12).all()
    assert (hard["lgd_add"] >= mild["lgd_add"] - 1e-12).all()


def test_rates_of_a_quarter_are_compounded_to_a_year() -> None:
    assert yearly([0.01], 12)[0] == pytest.approx(0.01, rel=1e-14)
    assert yearly([0.01], 3)[0] == pytest.approx(1 - 0.99**4, rel=1e-12)
    from crfs.bitemporal import Tenor

    quarterly = fitted(spec=replace(SPEC, horizon=Tenor(months=3)))
    bad = shift(flat(), {world.UNEMPLOYMENT: 0.03})
    told = transmission(pd={None: quarterly})(bad)
    expected = ndtri(yearly(quarterly.predict(bad).mean, 3)) - ndtri(yearly(quarterly.predict(flat()).mean, 3))
    assert told["pd_probit"].to_numpy() == pytest.approx(expected, abs=1e-12)


def test_scenarios_of_other_periods_than_the_base_are_refused() -> None:
    with pytest.raises(InvalidInput, match="differ in their periods"):
        transmission()(world.scenario(AFTER, unemployment=[0.05], growth=[0.02]))
    with pytest.raises(InvalidInput, match="at least one segment"):
        transmission(pd={})
    assert transmission().notes(shift(flat(), {world.UNEMPLOYMENT: 0.3}))[0].startswith("all others: us.unemployment_rate reaches")


@pytest.mark.skipif(not (SHARED / "data" / "fred_credit_macro").is_dir(), reason="the folder of shared data (CRFS_SHARED) is not here")
def test_card_delinquencies_on_unemployment_agree_with_statsmodels() -> None:
    """Real history (FRED, DRCCLACBS on the quarter's first UNRATE): every coefficient and error as statsmodels has them."""
    import statsmodels.api as sm

    folder = SHARED / "data" / "fred_credit_macro"
    read = {name: pl.read_csv(folder / f"{name}.csv.gz", try_parse_dates=True) for name in ("DRCCLACBS", "UNRATE")}
    rates = read["DRCCLACBS"].select(valid_time="observation_date", default_rate=pl.col("DRCCLACBS") / 100)
    macro = read["UNRATE"].filter(pl.col("observation_date").dt.month().is_in([1, 4, 7, 10])).drop_nulls()
    history = macro.select(
        valid_time="observation_date", variable=pl.lit(world.UNEMPLOYMENT), value=pl.col("UNRATE"), unit=pl.lit("percent")
    )
    terms = (Term(variable=world.UNEMPLOYMENT, transform=Transform.DIFFERENCE, over=4, sign=1),)
    spec = SatelliteSpec(terms=terms)
    with pytest.raises(InvalidInput, match="against its sign"):
        fit_default_rates(rates, history, spec)  # in 2020 unemployment jumped, and delinquencies fell
    rates = rates.filter(pl.col("valid_time") < date(2020, 1, 1))
    model = fit_default_rates(rates, history, spec, link=Link.LOGIT)
    joined = rates.join(history, on="valid_time", how="left").with_columns(y=(pl.col("default_rate") / (1 - pl.col("default_rate"))).log())
    change = history.sort("valid_time").select("valid_time", change=(pl.col("value") - pl.col("value").shift(4)) / 100)
    table = joined.with_columns(last=pl.col("y").shift(1)).join(change, on="valid_time").drop_nulls(["y", "last", "change"])
    design = sm.add_constant(table.select("last", "change").to_numpy())
    lags = model.fit.regression.hac_lags
    other: Any = sm.OLS(table["y"].to_numpy(), design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    assert model.fit.regression.observations == table.height
    assert model.fit.regression.coefficients == pytest.approx(other.params, rel=1e-8)
    assert model.fit.regression.standard_errors == pytest.approx(other.bse, rel=1e-8)
    assert 0.8 < model.fit.regression.persistence < 1.0


def test_a_state_read_backwards_counts_the_errors_of_the_coefficients_in() -> None:
    """One variable, one factor: the conditional mean, whose regression is as unsure as it is at that very value."""
    rng = np.random.default_rng(5)
    values = world.macro(rng, 60)
    rates = world.rates(world.factor_rates(values, rng.standard_normal(60)))
    spec = SatelliteSpec(terms=(Term(variable=world.UNEMPLOYMENT, sign=1),), lagged=False)
    models = {"all": fit_latent_factor(rates, world.long(values), spec, pd=world.PD, r2=world.R2)}
    link, fit = macro_link(models), models["all"].fit.regression
    for state in (-4.0, -1.0, 2.0):
        [move] = macro_moves(link, models, {"all": state})
        row = np.array([1.0, move.value])
        doubt = float(row @ fit.covariance @ row)
        slope, spread = link.loadings[0][0], link.covariance[0][0]
        gain = spread * slope / (slope**2 * spread + link.residual[0][0] + doubt)
        assert move.value == pytest.approx(move.usual + gain * (state - link.intercept[0] - slope * move.usual), rel=1e-9)
        assert move.sd == pytest.approx(math.sqrt(spread - gain * slope * spread), rel=1e-9)
        [surer] = link.most_likely({"all": state})
        assert abs(move.deviations) < abs(surer.deviations)
        assert move.sd > surer.sd


@pytest.mark.parametrize("amount", [10.0, -30.0, 1e160, 1e300, -1e300])
@pytest.mark.parametrize("of_factor", [False, True])
def test_a_scenario_beyond_what_a_regression_can_answer_is_named_with_variable_period_and_value(amount: float, of_factor: bool) -> None:
    rng = np.random.default_rng(3)
    values = world.macro(rng, 100)
    rates, spec = world.rates(world.factor_rates(values, rng.standard_normal(100))), SatelliteSpec(terms=TERMS[:1])
    model = fit_latent_factor(rates, world.long(values), spec, pd=world.PD, r2=world.R2) if of_factor else fitted()
    send = SatelliteTransmission(pd={None: model}, base=flat())
    far = shift(flat(), {world.UNEMPLOYMENT: amount}, since=date(2021, 7, 1), name="slump")
    with pytest.raises(InvalidInput, match=r"scenario 'slump': in the period from 202\d-\d\d-01 ") as refused:
        send(far)
    assert f"us.unemployment_rate is {0.055 + amount:g} in the period from 2021-07-01" in str(refused.value)
    assert "0.1 is 10 percent" in str(refused.value)
    assert (refused.value.argument, refused.value.problems) == ("scenario", ())
    if of_factor and abs(amount) > 1e200:
        with pytest.raises(InvalidInput, match=r"'slump': in the period from 2021-07-01 what the regression foretells is no finite number"):
            conditional_factors({"world": model}, far)


def test_a_level_without_a_logarithm_is_named_with_its_scenario_and_period() -> None:
    spec = SatelliteSpec(terms=(Term(variable=world.HOUSES, transform=Transform.LOG_CHANGE, over=4),))
    send = SatelliteTransmission(pd={None: fitted(spec=spec)}, base=flat())
    with pytest.raises(
        InvalidInput, match=r"scenario 'crash': us\.house_price_index is -50 in the period from 2021-04-01, and has no logarithm"
    ):
        send(shift(flat(), {world.HOUSES: -150.0}, since=date(2021, 4, 1), name="crash"))
