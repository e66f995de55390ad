"""A few large names beside many small ones: their states are told apart, and what is told is what their characteristic functions tell."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.collapsed import find_aims, quantile
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.lumpy import Lumpy
from crfs.risk.mixtures import MOST_IN_STATES, make_mixture
from crfs.risk.names import make_names
from crfs.risk.obligors import roll_up
from crfs.risk.points import Points, draw
from crfs.risk.scrambles import SCRAMBLES
from crfs.risk.smooth import Smooth
from tests.thorough import cases


def model(nu: float = math.inf) -> FactorModel:
    return FactorModel(
        factors=("us", "eu"),
        correlation=((1.0, 0.5), (0.5, 1.0)),
        groups={"banks": {"us": 1.0, "eu": 0.5}, "retail": {"eu": 1.0}},
        copula=Copula(nu=nu),
    )


def book(*, large: int, lgd_sd: float = 0.0, names: int = 4_000, seed: int = 5, times: float = 120.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [f"O{i:05d}" for i in range(names)]
    ead = rng.lognormal(0.0, 0.3, names)
    ead[:large] = times * (1.0 + np.arange(large))
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": ead,
            "lgd": rng.uniform(0.3, 0.7, names),
            "lgd_sd": np.full(names, lgd_sd),
            "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.05), names)),
            "r2": rng.uniform(0.05, 0.4, names),
            "group": rng.choice(["banks", "retail"], names),
        }
    )


def taken_apart(table: pl.DataFrame, factor_model: FactorModel, large: int) -> tuple[ConditionalBook, Points, float]:
    """The book with its ``large`` first obligors explicit, points for 99.9 %, and the value at risk there."""
    names = make_names(roll_up(table, factor_model), factor_model)
    smooth = condition(names)
    aims = find_aims(smooth, (0.999,), seed=1)
    explicit = np.sort(np.flatnonzero(names.obligor < large))
    whole = smooth.with_explicit(explicit, map)
    points = draw(aims, factors=names.directions.shape[1], nus=names.nus, seed=1, scrambles=SCRAMBLES, size=64)
    return whole, points, quantile(make_mixture(whole, points, 1.0), 0.999)


@cases(3)
@given(
    large=st.integers(1, MOST_IN_STATES), nu=st.sampled_from([math.inf, 4.0]), part=st.floats(0.3, 1.5), lgd_sd=st.sampled_from([0.0, 0.1])
)
def test_the_states_of_large_names_tell_what_their_characteristic_functions_tell(large: int, nu: float, part: float, lgd_sd: float) -> None:
    whole, points, var = taken_apart(book(large=large, lgd_sd=lgd_sd), model(nu), large)
    sums = whole.cumulants_at(points)
    explicit_pd = whole.conditional_pd(whole.explicit, points.epsilon, points.mixing)
    states = Smooth.of(whole, points, sums, explicit_pd)
    spectra = Lumpy.of(whole, points, sums, explicit_pd, spread=1e-12)
    x = part * var
    for mine, theirs in zip(states.moments(), spectra.moments(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    beyond, excess, density = (each.mean() for each in states.tails(np.array([x])))
    wanted_beyond, wanted_excess, wanted_density = (each.mean() for each in spectra.tails(np.array([x])))
    # A random loss given default has its own law in the one, and cumulants in the other, which tells what they leave out.
    off_beyond, off_excess = (abs(each) for each in states.left_out(x))
    rel = 5e-3 if lgd_sd else 1e-4
    assert beyond == pytest.approx(wanted_beyond, rel=rel, abs=4.0 * off_beyond)
    assert excess == pytest.approx(wanted_excess, rel=rel, abs=4.0 * off_excess)
    mine, theirs = (each.explicit_parts([x]) for each in (states, spectra))
    assert mine.shape == theirs.shape == (1, 2, large, SCRAMBLES)
    if not lgd_sd:
        assert density == pytest.approx(wanted_density, rel=1e-3)
        np.testing.assert_allclose(mine.mean(axis=-1), theirs.mean(axis=-1), rtol=1e-3, atol=2e-3 * theirs.max())


@pytest.mark.parametrize("lgd_sd", [0.0, 0.2])
@pytest.mark.parametrize("nu", [math.inf, 5.0])
def test_a_book_with_a_few_large_names_agrees_with_simulation_of_every_name(nu: float, lgd_sd: float) -> None:
    table = book(large=3, lgd_sd=lgd_sd, times=240.0)
    told = portfolio_risk(table, model(nu), confidences=(0.99, 0.999), rel_tol=0.005, seed=3)
    assert told.method.value == "collapsed"
    assert told.converged
    assert "3 large names taken exactly" in told.notes[0]
    drawn = portfolio_risk(
        table, model(nu), confidences=(0.99, 0.999), method="thinning", rel_tol=1e-4, seed=4, max_scenarios=150_000, contributions=False
    )
    for mine, theirs in zip(told.measures, drawn.measures, strict=True):
        assert abs(mine.es - theirs.es) <= 4.0 * math.hypot(mine.es_se, theirs.es_se) + (mine.es_high - mine.es - 2.0 * mine.es_se)
        assert abs(mine.var - theirs.var) <= 4.0 * math.hypot(mine.var_se, theirs.var_se) + (mine.var_high - mine.var - 2.0 * mine.var_se)
    assert told.contributions is not None
    for mine in told.measures:
        assert mine.es > 0.0


def test_the_states_of_no_large_name_are_one_and_what_it_says_sums_over_names() -> None:
    whole, points, var = taken_apart(book(large=2), model(), 2)
    sums = whole.cumulants_at(points)
    states = Smooth.of(whole, points, sums, whole.conditional_pd(whole.explicit, points.epsilon, points.mixing))
    assert states.given.shape == (4, 4, len(points))
    np.testing.assert_allclose(states.chance.sum(axis=0), 1.0, rtol=1e-14)
    alone = Smooth.of(whole, points, sums, np.zeros((0, len(points))) if not len(whole.explicit) else np.zeros((2, len(points))))
    # Large names that never default are none.
    np.testing.assert_allclose(alone.chance[0], 1.0)
    np.testing.assert_allclose(alone.chance[1:], 0.0)
    assert (states.tails(np.array([var]))[0] > alone.tails(np.array([var]))[0]).all()


def test_a_what_if_of_a_book_with_large_names_adds_what_a_run_of_its_own_adds() -> None:
    table, factor_model = book(large=3), model()
    warm = WarmPortfolio(table, factor_model, confidences=(0.999,), seed=2)
    loan = table[:1].with_columns(facility_id=pl.lit("new"), obligor_id=pl.lit("new"), ead=pl.lit(200.0))
    (answer,) = warm.what_if(put=loan).measures
    after = WarmPortfolio(pl.concat([table, loan]), factor_model, confidences=(0.999,), seed=2).result.measures[0]
    assert answer.es == pytest.approx(after.es, rel=0.01)
    assert answer.incremental_es.low <= after.es - warm.result.measures[0].es + 4.0 * after.es_se
    assert answer.incremental_es.value > 0.0


def test_random_losses_of_giants_leave_little_to_be_blurred_so_that_no_name_has_to_be_drawn() -> None:
    """Beside giants whose losses are spread wide, what the blur of the others adds to the variance moves nothing that matters."""
    giants = pl.DataFrame(
        {
            "facility_id": ["L0", "L1", "L2"],
            "obligor_id": ["L0", "L1", "L2"],
            "ead": [606.0, 880.0, 1320.0],
            "pd_12m": [0.01, 0.02, 0.005],
            "r2": [0.3, 0.25, 0.4],
            "group": ["banks"] * 3,
        }
    )
    ids = [f"S{i:05d}" for i in range(20_000)]
    size = 2.0 * np.random.default_rng(7).integers(1, 3, len(ids))
    small = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": size}).with_columns(
        pd_12m=pl.lit(0.003), r2=pl.lit(0.12), group=pl.lit("retail")
    )
    table = pl.concat([small, giants]).with_columns(lgd=pl.lit(0.5), lgd_sd=pl.lit(0.2))
    told = portfolio_risk(table, model(), confidences=(0.99, 0.999), seed=3, contributions=False)
    assert (told.method.value, told.converged) == ("collapsed", True)
    drawn = portfolio_risk(
        table, model(), confidences=(0.99, 0.999), method="thinning", rel_tol=1e-6, seed=4, max_scenarios=200_000, contributions=False
    )
    for mine, theirs in zip(told.measures, drawn.measures, strict=True):
        assert abs(mine.es - theirs.es) <= 4.0 * math.hypot(mine.es_se, theirs.es_se)
        assert mine.var_low <= theirs.var_high
        assert theirs.var_low <= mine.var_high
