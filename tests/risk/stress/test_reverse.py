"""Reverse stress: closed forms, symmetric books, what is never nearer, and losses that nothing brings."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.credit.macro_link import MacroLink
from crfs.errors import InvalidInput
from crfs.risk import portfolio_risk
from crfs.risk.names import make_names
from crfs.risk.obligors import roll_up
from crfs.risk.stress import ReverseStress, reverse_stress
from crfs.risk.stress.likely_states import APART
from crfs.risk.stress.mean_loss import MeanLoss, chi_squared
from tests.thorough import cases

ONE = FactorModel.one_factor("all")
TWO = FactorModel(factors=("a", "b"), correlation=((1.0, 0.0), (0.0, 1.0)), groups={"A": {"a": 1.0}, "B": {"b": 1.0}})
GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}}
CORRELATION = ((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0))
COPULAS = {
    "gaussian": Copula(),
    "t": Copula(nu=5.0),
    "grouped-t": Copula(nu=8.0, by_group=(("banks", 4.0), ("retail", math.inf))),
}


def world(copula: str = "gaussian") -> FactorModel:
    return FactorModel(factors=("us", "eu", "oil"), correlation=CORRELATION, groups=GROUPS, copula=COPULAS[copula])


def wild(names: int, seed: int = 3) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [f"O{i:05d}" for i in range(names)]
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": rng.lognormal(8.0, 1.0, names),
            "lgd": rng.uniform(0.2, 0.7, names),
            "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.1), names)),
            "r2": rng.uniform(0.05, 0.5, names),
            "group": np.array(sorted(GROUPS))[rng.integers(0, 3, names)],
            "sector": [("a", "b", None)[k] for k in rng.integers(0, 3, names)],
        }
    )


def alike(groups: dict[str, int], *, pd: float = 0.01, r2: float = 0.3) -> pl.DataFrame:
    owner = [name for name, count in groups.items() for _ in range(count)]
    ids = [f"O{i:04d}" for i in range(len(owner))]
    return pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": 1.0, "lgd": 1.0, "pd_12m": pd, "r2": r2, "group": owner})


def el(book: pl.DataFrame) -> float:
    return float((book["ead"] * book["lgd"] * book["pd_12m"]).sum())


def total(book: pl.DataFrame) -> float:
    return float((book["ead"] * book["lgd"]).sum())


@given(st.floats(1e-4, 0.2), st.floats(0.02, 0.8), st.floats(0.001, 0.99), st.sampled_from([1, 3, 50]))
@cases(20)
def test_with_one_factor_it_is_vasicek_turned_round(pd: float, r2: float, share: float, names: int) -> None:
    expected = (ndtri(pd) - math.sqrt(1.0 - r2) * ndtri(share)) / math.sqrt(r2)
    if abs(expected) > 9.5:
        return
    found = reverse_stress(alike({"all": names}, pd=pd, r2=r2), ONE, loss=share * names)
    assert len(found.scenarios) == 1
    assert found.scenarios[0].factors["economy"] == pytest.approx(expected, abs=1e-9)
    assert found.scenarios[0].distance == pytest.approx(abs(expected), abs=1e-9)
    assert found.scenarios[0].half_space == pytest.approx(ndtr(-abs(expected)), rel=1e-6)
    assert found.scenarios[0].less_likely == pytest.approx(2.0 * ndtr(-abs(expected)), rel=1e-6)
    assert found.scenarios[0].loss == pytest.approx(share * names, rel=1e-10)
    assert (found.loss < found.middle) == any("good states" in note for note in found.notes)


@pytest.mark.parametrize("copula", COPULAS)
def test_the_loss_is_reached_and_the_parts_sum_to_it(copula: str) -> None:
    book = wild(300)
    found = reverse_stress(book, world(copula), loss=6.0 * el(book))
    for scenario in found.scenarios:
        assert scenario.loss == pytest.approx(found.loss, rel=1e-9)
        for by in ("sector", "group"):
            parts = [part for part in scenario.cuts if part.by == by]
            assert sum(part.loss for part in parts) == pytest.approx(found.loss, rel=1e-9)
            assert sum(part.el for part in parts) == pytest.approx(found.el, rel=1e-12)
        assert (scenario.mixing is None) == (copula == "gaussian")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["scenarios"]


@pytest.mark.parametrize("copula", COPULAS)
def test_no_state_nearby_that_costs_as_much_is_more_likely(copula: str) -> None:
    """Against any of a thousand states around the mode: either it costs less, or it is farther."""
    book, model = wild(60), world(copula)
    names = make_names(roll_up(book, model), model)
    mean = MeanLoss.of(names)
    found = reverse_stress(book, model, loss=8.0 * el(book))
    best = found.scenarios[0]
    u = np.linalg.solve(model.root(), np.array([best.factors[name] for name in model.factors]))
    if best.mixing_probability is not None:
        u = np.append(u, ndtri(best.mixing_probability))
    assert np.linalg.norm(u) == pytest.approx(best.distance, abs=1e-9)
    around = u + 0.3 * np.random.default_rng(1).standard_normal((1000, len(u)))
    nearer = around * (best.distance * (1.0 - 1e-5) / np.linalg.norm(around, axis=1))[:, None]
    assert (mean.exact(nearer) * names.unit < found.loss).all()


@pytest.mark.parametrize("copula", COPULAS)
def test_slopes_are_those_of_the_exact_mean(copula: str) -> None:
    """Of a book that is tabulated, and name by name."""
    book, model = wild(2_500), world(copula)
    mean = MeanLoss.of(make_names(roll_up(book, model), model))
    assert mean.tabulated is not None
    u = np.random.default_rng(2).standard_normal((5, mean.dimensions)) - 0.5
    step = 1e-5 * np.eye(mean.dimensions)
    differences = np.array([(mean.exact(u + h) - mean.exact(u - h)) / 2e-5 for h in step]).T
    # Tables of two dimensions are coarser; what is found in them is settled name by name.
    assert np.abs(mean.slope(u) - differences).max() < 0.01 * np.abs(differences).max()
    assert mean.value(u) == pytest.approx(mean.exact(u), rel=1e-3)
    assert mean.by_names().slope(u) == pytest.approx(differences, rel=1e-5, abs=1e-7)


def any_book(seed: int) -> tuple[pl.DataFrame, FactorModel, float]:
    """Names of every kind, groups in any direction, few degrees of freedom too, and a loss anywhere between little and nearly all."""
    rng = np.random.default_rng(seed)
    factors, names = int(rng.integers(1, 6)), int(rng.integers(2, 60))
    rows = rng.standard_normal((factors, factors + 1))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    correlation = rows @ rows.T
    np.fill_diagonal(correlation, 1.0)
    known = tuple(f"f{k}" for k in range(factors))
    groups = {f"g{k}": {name: float(rng.normal()) for name in known} for k in range(int(rng.integers(1, 5)))}
    copula = [Copula(), Copula(nu=float(rng.choice([1.0, 3.0, 50.0]))), Copula(nu=5.0, by_group=(("g0", math.inf),))][
        int(rng.integers(0, 3))
    ]
    model = FactorModel(factors=known, correlation=tuple(map(tuple, correlation.tolist())), groups=groups, copula=copula)
    ids = [f"O{i:03d}" for i in range(names)]
    book = pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": rng.choice([0.0, 1.0, 50.0, 1e6], names, p=[0.05, 0.5, 0.4, 0.05]),
            "lgd": rng.choice([0.0, 0.3, 1.0], names, p=[0.1, 0.5, 0.4]),
            "pd_12m": rng.choice([0.0, 1e-6, 0.01, 0.2, 0.9, 1.0], names, p=[0.05, 0.05, 0.5, 0.3, 0.05, 0.05]),
            "r2": rng.choice([0.0, 0.05, 0.3, 0.95], names),
            "group": rng.choice(list(groups), names),
        }
    )
    return book, model, el(book) + (total(book) - el(book)) * float(rng.choice([-0.2, 0.001, 0.05, 0.3, 0.7]))


def found_or_refused(book: pl.DataFrame, model: FactorModel, loss: float) -> ReverseStress | None:
    """None where the loss is refused for a reason that is one."""
    reasons = ("above 0", "no state within", "no name follows", "every state", "not below", "is zero")
    try:
        return reverse_stress(book, model, loss=loss)
    except InvalidInput as error:
        if any(reason in str(error) for reason in reasons):
            return None
        raise


@given(st.integers(0, 100_000))
@example(83_381)  # a narrow valley
def test_of_any_book_the_loss_is_reached_where_no_nearer_state_brings_it_or_it_is_refused(seed: int) -> None:
    book, model, loss = any_book(seed)
    found = found_or_refused(book, model, loss)
    if found is None:
        return
    mean = MeanLoss.of(make_names(roll_up(book, model), model))
    for scenario in found.scenarios:
        assert scenario.loss == pytest.approx(loss, rel=1e-9)
    best = found.scenarios[0]
    u = np.linalg.lstsq(model.root(), np.array([best.factors[name] for name in model.factors]), rcond=1e-9)[0]
    if best.mixing_probability is not None:
        u = np.append(u, ndtri(best.mixing_probability))
    if best.distance < 1e-3 or not np.isfinite(u).all():
        return
    random = np.random.default_rng(seed).standard_normal((1_000, len(u)))
    tried = np.concatenate([random, u + 0.3 * random, u + 0.03 * random])
    nearer = tried / np.linalg.norm(tried, axis=1)[:, None] * best.distance * (1.0 - 1e-4)
    values = mean.exact(nearer) * mean.names.unit
    assert (values < loss * (1.0 + 1e-9)).all() if loss > found.middle else (values > loss * (1.0 - 1e-9)).all()


@given(st.integers(0, 40), st.sampled_from(sorted(COPULAS)), st.floats(1.5, 20.0), st.floats(1.001, 2.0))
@cases(10)
def test_a_larger_loss_is_never_nearer(seed: int, copula: str, multiple: float, more: float) -> None:
    book = wild(12, seed)
    losses = [min(multiple * el(book), 0.5 * total(book)), min(multiple * more * el(book), 0.6 * total(book))]
    small, large = (reverse_stress(book, world(copula), loss=loss).scenarios[0] for loss in losses)
    assert large.distance >= small.distance * (1.0 - 1e-6)


@pytest.mark.parametrize("multiple", [5.0, 10.0, 20.0])
def test_a_symmetric_book_of_two_groups_has_two_modes_that_mirror_each_other(multiple: float) -> None:
    book = alike({"A": 100, "B": 100})
    found = reverse_stress(book, TWO, loss=multiple * el(book))
    one, other = found.scenarios
    assert one.distance == pytest.approx(other.distance, abs=1e-7)
    assert [one.factors["a"], one.factors["b"]] == pytest.approx([other.factors["b"], other.factors["a"]], abs=1e-5)
    assert abs(one.factors["a"] - one.factors["b"]) > 1.0
    assert {one.words.split()[0], other.words.split()[0]} == {"A", "B"}


def test_the_middle_of_a_symmetric_book_is_found_where_both_must_be_bad() -> None:
    book = alike({"A": 100, "B": 100})
    best = reverse_stress(book, TWO, loss=100.0).scenarios[0]
    assert best.factors["a"] == pytest.approx(best.factors["b"], abs=1e-5)


def test_the_second_order_probability_is_near_the_exact_one() -> None:
    """P(E[L | Z] >= loss) by a fine grid over both factors; each of the two modes has its half of it."""
    book = alike({"A": 100, "B": 100})
    found = reverse_stress(book, TWO, loss=20.0)
    y = np.linspace(-9.0, 9.0, 3601)
    mean = 100.0 * ndtr((ndtri(0.01) - math.sqrt(0.3) * y) / math.sqrt(0.7))
    # For each value of one factor the greatest value of the other at which the loss is reached.
    needed = np.interp(20.0 - mean, mean[::-1], y[::-1], left=np.inf, right=-np.inf)
    density = np.exp(-0.5 * y * y) / math.sqrt(2.0 * math.pi)
    exact = float((density * ndtr(needed)).sum() * (y[1] - y[0]))
    assert sum(s.second_order for s in found.scenarios) == pytest.approx(exact, rel=0.1)


def test_modes_are_apart_and_in_the_order_of_their_distance() -> None:
    names = [f"g{k}" for k in range(5)]
    model = FactorModel(
        factors=tuple(names), correlation=tuple(map(tuple, np.eye(5).tolist())), groups={name: {name: 1.0} for name in names}
    )
    book = alike({name: 40 + 5 * k for k, name in enumerate(names)}, pd=0.005, r2=0.5)
    found = reverse_stress(book, model, loss=25.0, modes=4)
    distances = [scenario.distance for scenario in found.scenarios]
    assert len(distances) == 4
    assert distances == sorted(distances)
    points = np.array([list(scenario.factors.values()) for scenario in found.scenarios])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert (gaps[np.triu_indices(4, 1)] > APART).all()
    # The larger the group, the nearer the state in which it alone brings the loss.
    assert [scenario.words.split()[0] for scenario in found.scenarios] == ["g4", "g3", "g2", "g1"]
    assert len(reverse_stress(book, model, loss=25.0, modes=1).scenarios) == 1


def test_under_a_t_copula_a_common_shock_takes_part_and_brings_the_state_nearer() -> None:
    book = wild(200)
    gaussian, t = (reverse_stress(book, world(copula), loss=8.0 * el(book)).scenarios[0] for copula in ("gaussian", "t"))
    assert t.distance < gaussian.distance
    assert t.mixing is not None
    assert t.mixing_probability is not None
    assert t.mixing < 1.0
    assert t.mixing == pytest.approx(math.sqrt(chi2.ppf(t.mixing_probability, 5.0) / 5.0), rel=1e-9)
    assert "all shocks times" in t.words
    assert chi_squared(np.array([-7.0, 0.5, 6.0]), 5.0) == pytest.approx(
        [chi2.ppf(ndtr(-7.0), 5.0), chi2.ppf(ndtr(0.5), 5.0), chi2.isf(ndtr(-6.0), 5.0)], rel=1e-9
    )


def test_names_with_directions_of_their_own_are_taken_one_by_one() -> None:
    rng = np.random.default_rng(5)
    shared = (
        wild(40)
        .drop("group", "r2", "sector")
        .with_columns(pl.Series("loading:a", rng.uniform(0.1, 0.6, 40)), pl.Series("loading:b", rng.uniform(0.1, 0.6, 40)))
    )
    found = reverse_stress(shared, TWO, loss=5.0 * el(shared))
    assert found.scenarios[0].loss == pytest.approx(found.loss, rel=1e-10)


def test_factors_that_are_one_count_once() -> None:
    model = FactorModel(factors=("a", "b"), correlation=((1.0, 1.0), (1.0, 1.0)), groups={"all": {"a": 1.0}})
    one = reverse_stress(alike({"all": 10}), ONE, loss=2.0).scenarios[0]
    both = reverse_stress(alike({"all": 10}), model, loss=2.0).scenarios[0]
    assert both.factors["a"] == pytest.approx(both.factors["b"], abs=1e-9)
    assert both.distance == pytest.approx(one.distance, abs=1e-9)
    assert both.less_likely == pytest.approx(one.less_likely, rel=1e-9)


def test_the_state_is_something_to_condition_on() -> None:
    book = wild(50)
    scenario = reverse_stress(book, world(), loss=4.0 * el(book)).scenarios[0]
    told = scenario.given()
    assert told.factors == ("us", "eu", "oil")
    assert told.mean == tuple(scenario.factors.values())
    assert not told.covariance_array().any()


def test_the_expected_loss_is_reached_near_the_middle_and_the_value_at_risk_far_from_it() -> None:
    book = wild(400)
    risk = portfolio_risk(book, world(), confidences=(0.999,), contributions=False)
    found = reverse_stress(book, world(), loss=risk.measures[0].var)
    # A granular book's tail is systematic: the state that brings its value at risk is about as probable as the tail.
    assert 0.1 * 0.001 < sum(s.second_order for s in found.scenarios) < 0.001
    assert reverse_stress(book, world(), loss=risk.el).scenarios[0].distance < 1.0
    assert reverse_stress(book, world(), loss=found.middle).scenarios[0].distance < 1e-6


@pytest.mark.parametrize(
    ("loss", "match"),
    [
        (math.nan, "above 0"),
        (0.0, "above 0"),
        (200.0, "not below lgd x ead of all names that may default, 200"),
        (1e9, "ask for less"),
    ],
)
def test_losses_that_cannot_be_are_refused(loss: float, match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        reverse_stress(alike({"A": 100, "B": 100}), TWO, loss=loss)


def test_a_loss_below_what_is_certain_is_refused() -> None:
    book = alike({"all": 4}).with_columns(pd_12m=pl.Series([1.0, 0.01, 0.01, 0.01]))
    with pytest.raises(InvalidInput, match="loses more than 1 in every state"):
        reverse_stress(book, ONE, loss=0.9)
    assert reverse_stress(book, ONE, loss=1.5).scenarios[0].loss == pytest.approx(1.5, rel=1e-10)
    still = alike({"all": 4}).with_columns(r2=pl.lit(0.0))
    with pytest.raises(InvalidInput, match="no name follows a factor"):
        reverse_stress(still, ONE, loss=1.0)


def test_a_loss_that_no_state_within_reach_brings_is_refused_with_what_can_be_reached() -> None:
    opposed = FactorModel(factors=("x",), correlation=((1.0,),), groups={"up": {"x": 1.0}, "down": {"x": -1.0}})
    with pytest.raises(
        InvalidInput, match=r"no state within 10 standard deviations .*greatest found there is 49\.9.*ask for less"
    ) as error:
        reverse_stress(alike({"up": 50, "down": 50}, pd=1e-4, r2=0.5), opposed, loss=80.0)
    assert error.value.argument == "loss"
    assert len(reverse_stress(alike({"up": 50, "down": 50}, pd=1e-4, r2=0.5), opposed, loss=30.0).scenarios) == 2


def test_the_same_bits_whatever_the_threads_and_the_order_of_rows() -> None:
    book = wild(200)

    def told(threads: int, rows: pl.DataFrame) -> ReverseStress:
        return reverse_stress(rows, world("t"), loss=5.0 * el(book), threads=threads)

    assert told(1, book).to_dict() == told(2, book).to_dict() == told(3, book.reverse()).to_dict()


def test_a_link_gives_the_words_of_the_macro_economy() -> None:
    link = MacroLink(
        variables=("growth", "unemployment"),
        mean=(0.02, 0.05),
        covariance=((0.0004, -0.0001), (-0.0001, 0.0001)),
        factors=("retail", "oil"),
        intercept=(2.0, 0.0),
        loadings=((10.0, -40.0), (5.0, 0.0)),
        residual=((0.5, 0.1), (0.1, 0.9)),
    )
    book = wild(100)
    scenario = reverse_stress(book, world(), loss=6.0 * el(book), link=link).scenarios[0]
    told = {move.variable: move for move in scenario.macro}
    assert told["unemployment"].value > 0.05
    assert told["growth"].value < 0.02
    assert "unemployment" in scenario.words
    # The joint normal distribution conditioned directly.
    spread, loadings = np.array(link.covariance), np.array(link.loadings)
    whole = np.block([[spread, spread @ loadings.T], [loadings @ spread, loadings @ spread @ loadings.T + np.array(link.residual)]])
    surprise = np.array([scenario.groups["retail"], scenario.factors["oil"]]) - np.array([2.0 + 0.2 - 2.0, 0.1])
    expected = np.array(link.mean) + whole[:2, 2:] @ np.linalg.solve(whole[2:, 2:], surprise)
    assert [told["growth"].value, told["unemployment"].value] == pytest.approx(expected.tolist(), rel=1e-9)
    with pytest.raises(InvalidInput, match="the macro link speaks of retail, oil; the factor model has economy, all"):
        reverse_stress(alike({"all": 3}), ONE, loss=1.0, link=link)
    with pytest.raises(InvalidInput, match="residual is not symmetric"):
        MacroLink(
            variables=("x",), mean=(0.0,), covariance=((1.0,),), factors=("f",), intercept=(0.0,), loadings=((1.0,),), residual=((-1.0,),)
        )


def test_fitted_satellites_make_a_link() -> None:
    from crfs.models.satellite import SatelliteSpec, Term, fit_latent_factor, macro_link
    from tests.models import macro_world as world_of

    rng = np.random.default_rng(1)
    values = world_of.macro(rng, 100)
    terms = (Term(variable=world_of.UNEMPLOYMENT, sign=1),)
    rates = world_of.rates(world_of.factor_rates(values, rng.standard_normal(100)))
    for lagged in (False, True):
        model = fit_latent_factor(rates, world_of.long(values), SatelliteSpec(terms=terms, lagged=lagged), pd=world_of.PD, r2=world_of.R2)
        link = macro_link({"all": model})
        assert link.variables == (world_of.UNEMPLOYMENT,)
        assert link.loadings[0][0] < 0.0
        book = alike({"all": 100}, pd=0.02, r2=world_of.R2)
        mild, hard = (reverse_stress(book, ONE, loss=multiple * el(book), link=link).scenarios[0].macro[0] for multiple in (3.0, 6.0))
        assert hard.value > mild.value > mild.usual
        assert 0.0 < hard.sd < hard.usual_sd
    with pytest.raises(InvalidInput, match="at least one model"):
        macro_link({})
