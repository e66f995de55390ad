"""CreditRisk+ against closed forms, Panjer's recursion, simulation of the same model, and the laws of its contributions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from crfs.errors import InvalidInput
from crfs.risk.creditriskplus import Dependence, loss_distribution, portfolio_loss_distribution
from crfs.risk.measures import expected_shortfall, value_at_risk
from tests.thorough import cases

FloatArray = npt.NDArray[np.float64]

obligors = st.integers(1, 12)
probabilities = st.floats(0.001, 0.2)


@st.composite
def books(draw: st.DrawFn, most_sectors: int = 3) -> tuple[FloatArray, FloatArray, dict[str, float], FloatArray]:
    count, sectors = draw(obligors), draw(st.integers(1, most_sectors))
    loss = np.array(draw(st.lists(st.integers(1, 20).map(float), min_size=count, max_size=count)))
    pd = np.array(draw(st.lists(probabilities, min_size=count, max_size=count)))
    variance = {f"s{k}": draw(st.floats(0.0, 2.0)) for k in range(sectors)}
    raw = np.array([draw(st.lists(st.floats(0.0, 1.0), min_size=sectors + 1, max_size=sectors + 1)) for _ in range(count)]) + 1e-3
    return loss, pd, variance, (raw / raw.sum(axis=1, keepdims=True))[:, :sectors]


def panjer(loss: FloatArray, pd: FloatArray, variance: float, points: int) -> FloatArray:
    """One sector, losses in whole units: the recursion of the original CreditRisk+ (CSFB 1997, A10), (n) A_n = sum_j (...) A_{n-j}.

    For a negative binomial number of claims, written from its definition: p = v mu / (1 + v mu), a = p, b = (1 / v - 1) p; Poisson for v = 0.
    """
    mu = float(pd.sum())
    severity = np.bincount(loss.astype(int), weights=pd, minlength=points)[:points] / mu
    p = variance * mu / (1.0 + variance * mu)
    a, b = (p, (1.0 / variance - 1.0) * p) if variance > 0.0 else (0.0, mu)
    mass = np.zeros(points)
    mass[0] = (1.0 + variance * mu) ** (-1.0 / variance) if variance > 0.0 else math.exp(-mu)
    for n in range(1, points):
        mass[n] = sum((a + b * j / n) * severity[j] * mass[n - j] for j in range(1, n + 1))
    return mass


@cases(25)
@given(books(most_sectors=1), st.sampled_from([0.0, 0.1, 0.5, 2.0]))
def test_the_transform_agrees_with_panjer_s_recursion(book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray], v: float) -> None:
    loss, pd, _, _ = book
    result = loss_distribution(loss, pd, sectors={"all": v}, unit=1.0, confidences=(0.99,))
    points = min(150, len(result.probability))
    assert result.probability[:points] == pytest.approx(panjer(loss, pd, v, points), abs=1e-13, rel=1e-9)


def test_one_obligor_has_a_negative_binomial_number_of_defaults() -> None:
    pd, v = 0.15, 0.8
    result = loss_distribution([40.0], [pd], sectors={"all": v}, confidences=(0.9,))
    assert result.unit == 40.0
    expected = nbinom.pmf(np.arange(10), 1.0 / v, 1.0 / (1.0 + v * pd))
    assert result.probability[:10] == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert result.ul == pytest.approx(40.0 * math.sqrt(pd + v * pd**2), rel=1e-12)


def test_sectors_without_variance_leave_a_compound_poisson_law() -> None:
    pd = np.full(200, 0.03)
    result = loss_distribution(np.full(200, 10.0), pd, sectors={"a": 0.0, "b": 0.0}, weights=np.full((200, 2), 0.4))
    assert result.probability[:30] == pytest.approx(poisson.pmf(np.arange(30), 6.0), rel=1e-10)
    assert result.ul == pytest.approx(10.0 * math.sqrt(6.0), rel=1e-12)


@given(books())
def test_the_distribution_has_the_expectation_and_deviation_of_the_formulas(
    book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray],
) -> None:
    loss, pd, variance, weights = book
    result = loss_distribution(loss, pd, sectors=variance, weights=weights, unit=1.0)
    n = np.arange(len(result.probability))
    mean = float((n * result.probability).sum())
    assert result.probability.sum() == pytest.approx(1.0, abs=1e-12)
    assert result.el == pytest.approx(float(loss @ pd), rel=1e-12)
    assert mean == pytest.approx(result.el, rel=1e-9)
    assert float(((n - mean) ** 2 * result.probability).sum()) == pytest.approx(result.ul**2, rel=1e-7)


@given(books(), st.sampled_from([0.5, 0.9, 0.99, 0.9999]))
def test_the_measures_are_those_of_the_definitions(
    book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray], confidence: float
) -> None:
    loss, pd, variance, weights = book
    result = loss_distribution(loss, pd, sectors=variance, weights=weights, unit=1.0, confidences=(confidence,))
    losses = np.arange(len(result.probability), dtype=np.float64)
    (measure,) = result.measures
    assert measure.var == value_at_risk(losses, confidence=confidence, weights=result.probability)
    assert measure.es == pytest.approx(expected_shortfall(losses, confidence=confidence, weights=result.probability), rel=1e-7)
    assert measure.es >= measure.var
    assert result.exceedance(measure.var) <= 1.0 - confidence + 1e-12
    assert result.exceedance(measure.var - 1.0) > 1.0 - confidence - 1e-12
    assert result.value_at_risk(confidence) == measure.var


@given(books(), st.sampled_from([None, *list(Dependence)[1:]]))
def test_every_contribution_sums_to_its_total_over_obligors_and_over_sectors(
    book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray], dependence: Dependence | None
) -> None:
    loss, pd, variance, weights = book
    # Within what every form can have: a covariance below the smallest variance, a common shape below the smallest.
    variance = {name: 0.2 + value / 10.0 for name, value in variance.items()}
    correlation = None if dependence is None else np.full((len(variance), len(variance)), 0.2) + 0.8 * np.eye(len(variance))
    result = loss_distribution(
        loss, pd, sectors=variance, weights=weights, correlation=correlation, dependence=dependence, confidences=(0.9, 0.999)
    )
    for table in (result.obligors, result.sectors):
        assert table["el"].sum() == pytest.approx(result.el, rel=1e-12)
        assert table["ul"].sum() == pytest.approx(result.ul, rel=1e-12)
        for measure in result.measures:
            assert table[f"var:{measure.confidence}"].sum() == pytest.approx(measure.var, rel=1e-8, abs=1e-9)
            assert table[f"es:{measure.confidence}"].sum() == pytest.approx(measure.es, rel=1e-8)


def test_a_contribution_is_the_derivative_by_the_size_of_the_name() -> None:
    """Euler: with a fine lattice, a name that grows by a thousandth moves the shortfall by a thousandth of its contribution."""
    rng = np.random.default_rng(3)
    loss, pd = rng.integers(50, 400, 60) * 10.0, rng.uniform(0.005, 0.05, 60)
    weights = rng.dirichlet((1.0, 2.0, 1.0), 60)[:, :2]
    sectors = {"a": 0.6, "b": 1.2}
    whole = loss_distribution(loss, pd, sectors=sectors, weights=weights, unit=1.0, confidences=(0.99,))
    for name in (0, 17, 42):
        # Both sides, so that the curvature drops out.
        step = 0.02 * loss[name]
        ends = []
        for sign in (1.0, -1.0):
            moved = loss.copy()
            moved[name] += sign * step
            ends.append(loss_distribution(moved, pd, sectors=sectors, weights=weights, unit=1.0, confidences=(0.99,)).measures[0].es)
        slope = (ends[0] - ends[1]) / (2.0 * step)
        assert slope * loss[name] == pytest.approx(whole.obligors["es:0.99"][name], rel=2e-3)


def test_contributions_are_those_of_simulated_defaults() -> None:
    rng = np.random.default_rng(8)
    loss, pd, v = np.array([1.0, 2.0, 3.0, 5.0, 8.0]), np.array([0.2, 0.1, 0.1, 0.08, 0.05]), 1.5
    result = loss_distribution(loss, pd, sectors={"all": v}, unit=1.0, confidences=(0.95,))
    n = 400_000
    state = rng.gamma(1.0 / v, v, n)
    drawn = rng.poisson(state[:, None] * pd) * loss
    total = drawn.sum(axis=1)
    (measure,) = result.measures
    at, above = total == measure.var, total > measure.var
    atom = (0.05 - above.mean()) / at.mean()
    simulated = ((above + atom * at)[:, None] * drawn).mean(axis=0) / 0.05
    error = ((above + atom * at)[:, None] * drawn).std(axis=0) / 0.05 / math.sqrt(n)
    assert np.abs(result.obligors["es:0.95"].to_numpy() - simulated).max() < 5.0 * float(error.max())
    at_var = drawn[at]
    assert np.abs(result.obligors["var:0.95"].to_numpy() - at_var.mean(axis=0)).max() < 5.0 * float(
        (at_var.std(axis=0) / math.sqrt(at.sum())).max()
    )


def simulated_states(dependence: Dependence, variance: FloatArray, covariance: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Draws of the sectors, from the definitions in words: the engine's generating functions have no part in it."""
    if dependence is Dependence.COMPOUND_GAMMA:
        hidden = covariance[0, 1]
        shape = rng.gamma(1.0 / hidden, hidden, n)
        return np.stack([rng.gamma(shape / (v - hidden), v - hidden) for v in variance])
    if dependence is Dependence.HIDDEN_GAMMA:
        common = covariance[0, 1] / (variance[0] * variance[1])
        shared = rng.gamma(common, 1.0, n)
        return np.stack([v * (shared + rng.gamma(1.0 / v - common, 1.0, n)) for v in variance])
    return np.stack([rng.gamma(1.0 / v, v, n) for v in variance])


@pytest.mark.parametrize("dependence", [Dependence.INDEPENDENT, Dependence.COMPOUND_GAMMA, Dependence.HIDDEN_GAMMA])
def test_dependent_sectors_have_the_distribution_of_their_simulation(dependence: Dependence) -> None:
    rng = np.random.default_rng(21)
    count, n = 40, 200_000
    loss = rng.integers(1, 9, count).astype(float)
    pd = rng.uniform(0.01, 0.1, count)
    weights = rng.dirichlet((2.0, 2.0, 1.0), count)[:, :2]
    variance = np.array([0.8, 0.5])
    correlation = None if dependence is Dependence.INDEPENDENT else np.array([[1.0, 0.4], [0.4, 1.0]])
    result = loss_distribution(
        loss,
        pd,
        sectors={"a": 0.8, "b": 0.5},
        weights=weights,
        correlation=correlation,
        dependence=dependence,
        unit=1.0,
        confidences=(0.95, 0.99),
    )
    states = simulated_states(dependence, variance, result.sector_covariance, n, rng)
    measured = np.cov(states)
    assert np.abs(measured - result.sector_covariance).max() < 0.03
    own = 1.0 - weights.sum(axis=1)
    rate = (own[:, None] + weights @ states) * pd[:, None]
    total = loss @ rng.poisson(rate)
    for x in (5.0, 15.0, 30.0, 45.0):
        share = float((total > x).mean())
        assert abs(result.exceedance(x) - share) < 4.5 * math.sqrt(share * (1.0 - share) / n) + 1e-6
    for measure in result.measures:
        assert abs(expected_shortfall(total.astype(float), confidence=measure.confidence) - measure.es) < 0.03 * measure.es
    # What was stated of the deviation is kept, whatever the dependence made of the correlation.
    assert float(total.std()) == pytest.approx(result.ul, rel=0.02)


@pytest.mark.parametrize("dependence", [Dependence.MOMENT_MATCHED, Dependence.COMPOUND_GAMMA, Dependence.HIDDEN_GAMMA])
def test_dependence_keeps_the_stated_deviation_and_without_correlation_some_forms_are_independence(dependence: Dependence) -> None:
    loss, pd = np.arange(1.0, 11.0), np.full(10, 0.05)
    weights = np.zeros((10, 2))
    weights[:6, 0] = 0.9
    weights[6:, 1] = 0.7
    sectors = {"a": 0.5, "b": 0.6}
    result = loss_distribution(
        loss, pd, sectors=sectors, weights=weights, correlation=[[1.0, 0.3], [0.3, 1.0]], dependence=dependence, unit=1.0
    )
    n = np.arange(len(result.probability))
    spread = float((n**2 * result.probability).sum()) - float((n * result.probability).sum()) ** 2
    assert math.sqrt(spread) == pytest.approx(result.ul, rel=1e-8)
    free = loss_distribution(loss, pd, sectors=sectors, weights=weights, unit=1.0)
    uncorrelated = loss_distribution(loss, pd, sectors=sectors, weights=weights, correlation=np.eye(2), dependence=dependence, unit=1.0)
    assert uncorrelated.ul == pytest.approx(free.ul, rel=1e-12)
    if dependence is not Dependence.MOMENT_MATCHED:
        assert uncorrelated.probability[:100] == pytest.approx(free.probability[:100], abs=1e-14)


def test_sectors_of_one_variance_fully_correlated_are_one_sector() -> None:
    loss, pd = np.arange(1.0, 21.0), np.full(20, 0.03)
    halves = np.repeat(np.eye(2), 10, axis=0)
    one = loss_distribution(loss, pd, sectors={"all": 0.7}, unit=1.0)
    for dependence in (Dependence.MOMENT_MATCHED, Dependence.COMPOUND_GAMMA, Dependence.HIDDEN_GAMMA):
        both = loss_distribution(
            loss, pd, sectors={"a": 0.7, "b": 0.7}, weights=halves, correlation=np.ones((2, 2)), dependence=dependence, unit=1.0
        )
        assert both.probability[:200] == pytest.approx(one.probability[:200], abs=1e-13)


def test_books_in_independent_sectors_add_up_by_convolution() -> None:
    rng = np.random.default_rng(5)
    loss, pd = rng.integers(1, 30, 40).astype(float), rng.uniform(0.01, 0.1, 40)
    weights = np.repeat(np.eye(2), 20, axis=0)
    whole = loss_distribution(loss, pd, sectors={"a": 0.4, "b": 1.1}, weights=weights, unit=1.0)
    first = loss_distribution(loss[:20], pd[:20], sectors={"a": 0.4}, unit=1.0)
    second = loss_distribution(loss[20:], pd[20:], sectors={"b": 1.1}, unit=1.0)
    together = np.convolve(first.probability, second.probability)
    assert whole.probability[:300] == pytest.approx(together[:300], abs=1e-14)


@given(books(), st.floats(0.01, 1e6))
def test_losses_in_another_currency_scale_everything(
    book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray], rate: float
) -> None:
    loss, pd, variance, weights = book
    base = loss_distribution(loss, pd, sectors=variance, weights=weights, unit=1.0)
    scaled = loss_distribution(loss * rate, pd, sectors=variance, weights=weights, unit=rate)
    assert scaled.ul == pytest.approx(rate * base.ul, rel=1e-12)
    for ours, theirs in zip(scaled.measures, base.measures, strict=True):
        assert ours.var == pytest.approx(rate * theirs.var, rel=1e-12)
        assert ours.es == pytest.approx(rate * theirs.es, rel=1e-9)


@cases(20)
@given(books(), st.sampled_from(["mean", "nearest", "up"]), st.floats(0.3, 7.0))
def test_no_rounding_changes_the_expected_loss_and_the_mean_keeping_one_never_narrows(
    book: tuple[FloatArray, FloatArray, dict[str, float], FloatArray], rounding: str, unit: float
) -> None:
    loss, pd, variance, weights = book
    result = loss_distribution(loss + 0.37, pd, sectors=variance, weights=weights, unit=unit, rounding=rounding)
    assert result.el_lattice == pytest.approx(result.el, rel=1e-12)
    if rounding == "mean":
        assert result.ul <= result.ul_lattice * (1 + 1e-12)
        assert result.ul_lattice**2 <= result.ul**2 + float(pd.sum()) * unit**2 / 4.0 + 1e-9


def test_the_chosen_unit_gives_four_digits_of_a_fine_one() -> None:
    rng = np.random.default_rng(2)
    loss, pd = rng.lognormal(8.0, 1.2, 300), rng.uniform(0.001, 0.05, 300)
    chosen = loss_distribution(loss, pd, sectors={"all": 0.5}, contributions=False)
    fine = loss_distribution(loss, pd, sectors={"all": 0.5}, contributions=False, unit=chosen.unit / 8.0)
    for ours, theirs in zip(chosen.measures, fine.measures, strict=True):
        assert ours.var == pytest.approx(theirs.var, rel=1e-4)
        assert ours.es == pytest.approx(theirs.es, rel=1e-5)


@pytest.mark.parametrize("variance", [0.0, 0.5, 8.0])
def test_a_longer_lattice_finds_no_mass_that_a_shorter_one_lost(variance: float) -> None:
    loss, pd = np.array([1.0, 7.0, 50.0]), np.array([0.5, 0.3, 0.05])
    short = loss_distribution(loss, pd, sectors={"all": variance}, unit=1.0, missing_mass=1e-7, confidences=(0.9,))
    long = loss_distribution(loss, pd, sectors={"all": variance}, unit=1.0, missing_mass=1e-14, confidences=(0.9,))
    assert len(long.probability) > len(short.probability)
    lost = float(long.probability[len(short.probability) :].sum())
    assert 0.0 < lost <= 1e-7
    assert float(np.abs(short.probability - long.probability[: len(short.probability)]).sum()) == pytest.approx(lost, rel=1e-3)


@pytest.mark.parametrize(
    ("loss", "pd", "variance"),
    [
        (np.full(300, 10.01), np.full(300, 0.02), 5000.0),  # a tail a thousand deviations long
        (np.array([1e12, 3.3e6, 7.7e6]), np.array([1e-14, 0.1, 0.1]), 0.3),  # a name that dwarfs the deviation
        (np.full(40_000, 1.0 / 3.0), np.full(40_000, 0.5), 0.0),  # a deviation that is nothing beside the expectation
    ],
)
def test_books_of_any_shape_find_a_lattice(loss: FloatArray, pd: FloatArray, variance: float) -> None:
    result = loss_distribution(loss, pd, sectors={"all": variance}, contributions=False)
    n = np.arange(len(result.probability))
    assert float((n * result.probability).sum()) * result.unit == pytest.approx(result.el, rel=1e-4)
    assert all(measure.es >= measure.var for measure in result.measures)
    # Where the lattice has to be coarse, it is told.
    assert (result.unit > 0.01 * result.ul) == any("no quantile is finer" in note for note in result.notes)


def test_rare_defaults_lose_nothing_at_the_quantile_and_all_of_it_in_the_tail() -> None:
    result = loss_distribution([100.0, 300.0], [1e-5, 2e-5], sectors={"all": 0.3}, confidences=(0.99,))
    (measure,) = result.measures
    assert measure.var == 0.0
    assert measure.es == pytest.approx(result.el / 0.01, rel=1e-9)
    assert result.obligors["es:0.99"].to_list() == pytest.approx([0.1, 0.6], rel=1e-9)
    assert result.obligors["var:0.99"].to_list() == [0.0, 0.0]


def test_a_book_that_cannot_lose_has_all_its_mass_at_zero() -> None:
    result = loss_distribution([100.0, 0.0], [0.0, 0.5], sectors={"all": 0.3})
    assert result.probability.tolist() == [1.0]
    assert [(m.var, m.es) for m in result.measures] == [(0.0, 0.0)] * 2
    assert result.obligors["es:0.999"].to_list() == [0.0, 0.0]
    assert (result.el, result.ul) == (0.0, 0.0)


def test_a_table_of_facilities_is_rolled_up_to_obligors_and_their_sectors() -> None:
    book = pl.DataFrame(
        {
            "facility_id": ["F1", "F2", "F3", "F4"],
            "obligor_id": ["B", "A", "A", "C"],
            "ead": [100.0, 200.0, 200.0, 50.0],
            "lgd": [0.5, 0.5, 0.25, 1.0],
            "pd_12m": [0.01, 0.02, 0.02, 0.03],
            "sector": ["x", "x", "y", None],
        }
    )
    sectors = {"x": 0.4, "y": 0.9}
    result = portfolio_loss_distribution(book, sectors=sectors, systematic_share=0.75)
    arrays = loss_distribution(
        [150.0, 50.0, 50.0], [0.02, 0.01, 0.03], sectors=sectors, weights=[[0.5, 0.25], [0.75, 0.0], [0.0, 0.0]], names=["A", "B", "C"]
    )
    assert result.obligors.equals(arrays.obligors)
    assert result.sectors.equals(arrays.sectors)
    given_weights = book.with_columns(pl.Series("weight:x", [0.75, 0.5, 0.5, 0.0]), pl.Series("weight:y", [None, 0.25, 0.25, None]))
    assert portfolio_loss_distribution(given_weights, sectors=sectors).obligors.equals(arrays.obligors)
    assert portfolio_loss_distribution(book.reverse(), sectors=sectors, systematic_share=0.75).obligors.equals(arrays.obligors)


def test_the_answer_is_plain_json() -> None:
    import json

    result = loss_distribution([100.0] * 30, [0.02] * 30, sectors={"all": 0.25}, confidences=(0.9, 0.99))
    said = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert said["measures"][1]["var"] == result.measures[1].var
    assert len(said["contributions"]) == 20
    assert said["sectors"][-1]["sector"] == "idiosyncratic"
    points = [point["exceedance_probability"] for point in said["loss_curve"]]
    assert points == sorted(points, reverse=True)
    for point in said["loss_curve"]:
        assert result.exceedance(point["loss"]) == pytest.approx(point["exceedance_probability"], abs=1e-12)


@pytest.mark.parametrize(
    ("loss", "pd", "where"),
    [
        ([-1.0, 1.0], [0.1, 0.1], (1, "loss")),
        ([1.0, math.nan], [0.1, 0.1], (2, "loss")),
        ([1.0, math.inf], [0.1, 0.1], (2, "loss")),
        ([1.0, 1.0], [0.1, 1.5], (2, "pd")),
        ([1.0, 1.0], [math.nan, 0.1], (1, "pd")),
    ],
)
def test_a_row_that_is_no_obligor_is_refused_with_its_place(loss: list[float], pd: list[float], where: tuple[int, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        loss_distribution(loss, pd, sectors={"all": 0.25})
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [where]


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("sectors", {"sectors": {}}),
        ("sectors", {"sectors": {"all": -0.1}}),
        ("sectors", {"sectors": {"idiosyncratic": 0.1}}),
        ("weights", {"sectors": {"a": 0.1, "b": 0.2}}),
        ("weights", {"weights": [[0.5, 0.5]]}),
        ("unit", {"unit": 0.0}),
        ("unit", {"unit": math.nan}),
        ("unit", {"unit": 1e-9}),
        ("rounding", {"rounding": "down"}),
        ("confidences", {"confidences": (1.0,)}),
        ("confidences", {"confidences": ()}),
        ("confidences", {"confidences": (0.9, 0.9)}),
        ("confidences", {"confidences": (1.0 - 1e-12,)}),
        ("dependence", {"dependence": "copula"}),
        ("dependence", {"correlation": [[1.0]]}),
        ("correlation", {"dependence": "moment_matched"}),
        ("missing_mass", {"missing_mass": 0.0}),
        ("names", {"names": ["A"]}),
        ("pd", {"pd": [0.1]}),
        ("loss", {"loss": [], "pd": []}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(argument: str, options: dict[str, object]) -> None:
    arguments: dict[str, object] = {"loss": [1.0, 3.0], "pd": [0.1, 0.2], "sectors": {"all": 0.25}} | options
    with pytest.raises(InvalidInput) as refused:
        loss_distribution(**arguments)  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.argument == argument


def test_correlations_that_a_form_cannot_have_are_refused_with_one_that_can() -> None:
    weights = np.repeat(np.eye(2), 3, axis=0)
    for correlation, sectors in (([[1.0, -0.3], [-0.3, 1.0]], {"a": 0.5, "b": 0.5}), ([[1.0, 0.9], [0.9, 1.0]], {"a": 0.1, "b": 2.0})):
        for dependence in ("compound_gamma", "hidden_gamma"):
            with pytest.raises(InvalidInput, match="moment_matched"):
                loss_distribution(
                    np.ones(6), np.full(6, 0.1), sectors=sectors, weights=weights, correlation=correlation, dependence=dependence
                )
    with pytest.raises(InvalidInput, match="semi-definite"):
        loss_distribution(
            np.ones(6),
            np.full(6, 0.1),
            sectors={"a": 0.5, "b": 0.5, "c": 0.5},
            weights=np.full((6, 3), 0.2),
            correlation=[[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]],
            dependence="moment_matched",
        )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"pd_12m": [0.01, 0.02, 0.03]}, (2, "pd_12m")),
        ({"sector": ["x", "x", "mining"]}, (3, "sector")),
        ({"ead": [1.0, -1.0, 1.0]}, (2, "ead")),
        ({"lgd": [0.5, 0.5, None]}, (3, "lgd")),
    ],
)
def test_a_faulty_row_of_a_table_is_refused_with_its_place(change: dict[str, object], where: tuple[int, str]) -> None:
    columns: dict[str, object] = {
        "facility_id": ["F1", "F2", "F3"],
        "obligor_id": ["A", "A", "B"],
        "ead": [1.0, 1.0, 1.0],
        "lgd": [0.5, 0.5, 0.5],
        "pd_12m": [0.01, 0.01, 0.03],
        "sector": ["x", "x", "x"],
    }
    with pytest.raises(InvalidInput) as refused:
        portfolio_loss_distribution(pl.DataFrame(columns | change), sectors={"x": 0.4})
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [where]


def test_a_misspelt_column_is_named_beside_the_one_that_is_missed() -> None:
    book = pl.DataFrame({"facility_id": ["F"], "obligor_id": ["A"], "ead": [1.0], "lgd": [0.4], "pd_12m": [0.02], "sectr": ["x"]})
    with pytest.raises(InvalidInput, match="did you mean sector") as told:
        portfolio_loss_distribution(book, sectors={"x": 1.0})
    assert [(one.column, one.reason) for one in told.value.problems] == [("sectr", "unknown_column"), ("sector", "missing_column")]
