"""Mark-to-market risk against exact distributions, limits with closed forms, and itself by another method."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.special import ndtr, ndtri

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import homogeneous_pool
from crfs.risk.bivariate_normal import bivariate_normal_cdf
from crfs.risk.migration import (
    MarkToMarketResult,
    MigrationMethod,
    RatedPositions,
    TransitionMatrix,
    ZeroCurves,
    joint_migration,
    mark_to_market_risk,
    matrix_thresholds,
    positions_risk,
    rated_positions,
)
from crfs.risk.migration.collapsed import make_collapsed_plan, simulate_collapsed
from crfs.risk.migration.paths import PathResult, PathTask, make_plan, shared_plan, simulate_paths

FloatArray = npt.NDArray[np.float64]

ONE = FactorModel.one_factor("all")
TWO = FactorModel(
    factors=("us", "eu"),
    correlation=((1.0, 0.4), (0.4, 1.0)),
    groups={"us": {"us": 1.0}, "eu": {"eu": 1.0}, "both": {"us": 1.0, "eu": 1.0}},
)
MATRIX = TransitionMatrix.from_rows(("A", "B", "C", "D"), [[0.92, 0.06, 0.015, 0.005], [0.06, 0.85, 0.07, 0.02], [0.01, 0.12, 0.72, 0.15]])
DEFAULT_ONLY = TransitionMatrix.from_rows(("P", "D"), [[0.98, 0.02]])


def positions(
    count: int, *, r2: float | FloatArray = 0.2, seed: int = 0, directions: FloatArray | None = None, worth: FloatArray | None = None
) -> RatedPositions:
    rng = np.random.default_rng(seed)
    rating = rng.integers(0, 3, count)
    value = np.array([1.03, 1.0, 0.9, 0.4]) if worth is None else worth
    size = rng.lognormal(0.0, 0.8, count)
    lines = np.eye(1) if directions is None else directions
    return RatedPositions.of_losses(
        tuple(f"N{k:05d}" for k in range(count)),
        rating=rating,
        r2=np.broadcast_to(np.asarray(r2, dtype=np.float64), (count,)).copy(),
        direction=rng.integers(0, len(lines), count),
        directions=lines,
        loss=size[:, None] * (value[rating][:, None] - value),
    )


def same_rating(count: int, *, rating: int, r2: float, loss: list[float]) -> RatedPositions:
    return RatedPositions.of_losses(
        tuple(f"N{k}" for k in range(count)),
        rating=np.full(count, rating),
        r2=np.full(count, r2),
        direction=np.zeros(count, dtype=np.int64),
        directions=np.eye(1),
        loss=np.tile(loss, (count, 1)),
    )


def agrees(result: MarkToMarketResult) -> None:
    assert abs(result.el_simulated - result.el) < 4.5 * result.el_simulated_se


def test_two_names_lose_as_the_bivariate_normal_says() -> None:
    loss = np.array([[-3.0, 0.0, 10.0, 60.0], [-5.0, -1.0, 0.0, 47.0]])
    pair = RatedPositions.of_losses(
        ("X", "Y"), rating=np.array([1, 2]), r2=np.array([0.3, 0.5]), direction=np.array([0, 1]), directions=TWO_LINES, loss=loss
    )
    result = positions_risk(pair, TWO, MATRIX, confidences=(0.9, 0.99), method="names", seed=3, max_scenarios=200_000, rel_tol=1e-4)
    joint = joint_migration(MATRIX.row("B"), MATRIX.row("C"), correlation=0.4 * math.sqrt(0.3 * 0.5))
    total = (loss[0][:, None] + loss[1][None, :]).ravel()
    order = np.argsort(total)
    below = np.cumsum(joint.ravel()[order])
    n = result.scenarios
    for measure in result.measures:
        # The lower quantile of the exact law, its share being far from the confidence for these losses.
        exact = float(total[order][np.searchsorted(below, measure.confidence)])
        assert measure.var == exact
    mean = float((joint.ravel() * total).sum())
    spread = math.sqrt(float((joint.ravel() * total**2).sum()) - mean**2)
    assert result.el == pytest.approx(mean, rel=1e-9)
    assert abs(result.ul - spread) < 4.5 * result.ul_se
    assert n >= 200_000
    agrees(result)


TWO_LINES = np.array([[1.0, 0.0], [0.0, 1.0]])


def test_without_systematic_variance_names_are_independent() -> None:
    book = positions(60, r2=0.0, seed=2)
    result = positions_risk(book, ONE, MATRIX, periods=2, method="names", seed=1, max_scenarios=60_000, rel_tol=1e-3)
    reached = MATRIX.power(2).probability[book.rating]
    mean = (reached * book.loss).sum(axis=1)
    variance = (reached * book.loss**2).sum(axis=1) - mean**2
    assert result.el == pytest.approx(float(mean.sum()), rel=1e-12)
    assert abs(result.ul - math.sqrt(float(variance.sum()))) < 4.5 * result.ul_se
    agrees(result)


@pytest.mark.parametrize("method", ["names", "collapsed"])
@pytest.mark.parametrize("freedom", [None, 5.0])
def test_migrations_over_several_periods_are_the_matrix_s_power(method: str, freedom: float | None) -> None:
    book = positions(400, r2=0.25, seed=4)
    result = positions_risk(
        book,
        ONE,
        MATRIX,
        periods=3,
        degrees_of_freedom=freedom,
        method=method,
        seed=2,
        max_scenarios=12_000,
        rel_tol=1e-3,
        contributions=False,
    )
    for row in result.default_term_structure.iter_rows(named=True):
        exact = float(MATRIX.power(round(row["years"])).row(row["rating"])[-1])
        assert row["pd_memoryless"] == pytest.approx(exact, rel=1e-12)
        assert abs(row["pd"] - exact) < 4.5 * row["pd_se"] + 1e-12
    last = result.migrations.filter(pl.col("years") == 3.0)
    shares = last["share"].to_numpy().reshape(3, 4)
    assert shares.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-9)
    assert shares == pytest.approx(MATRIX.power(3).probability[:-1], rel=1e-12)
    assert last["share_se"].to_list() == [0.0] * 12, "the matrix's power is exact where periods do not remember"
    agrees(result)


@pytest.mark.parametrize("method", ["names", "collapsed"])
def test_shares_of_end_ratings_have_errors_where_periods_remember(method: str) -> None:
    book = positions(400, r2=0.25, seed=4)
    asked: dict[str, Any] = {
        "periods": 2,
        "persistence": 0.6,
        "method": method,
        "max_scenarios": 12_000,
        "rel_tol": 1e-3,
        "contributions": False,
    }
    found = [positions_risk(book, ONE, MATRIX, seed=seed, **asked).migrations for seed in range(8)]
    shares = np.stack([each["share"].to_numpy() for each in found])
    errors = np.stack([each["share_se"].to_numpy() for each in found]).mean(axis=0)
    assert (errors > 0.0).all()
    # One period does not remember, whatever the factors do: its mean is the matrix's own.
    first = found[0]["years"].to_numpy() == 1.0
    exact = MATRIX.probability[:-1].ravel()
    assert (np.abs(shares.mean(axis=0)[first] - exact) < 4.5 * errors[first] / math.sqrt(8)).all()
    ratio = shares.std(axis=0, ddof=1) / errors
    assert 0.5 < float(np.median(ratio)) < 1.6, "the errors are as large as the spread of independent runs"
    total = found[0].group_by("rating", "years").agg(pl.col("share").sum())
    assert total["share"].to_numpy() == pytest.approx(np.ones(total.height), abs=1e-9)


@pytest.mark.parametrize("most", [1_000, 12_000, 20_000, 33_000])
def test_no_more_scenarios_are_drawn_than_were_asked_for_but_for_one_block(most: int) -> None:
    book = positions(40, r2=0.25, seed=4)
    result = positions_risk(book, ONE, MATRIX, method="names", max_scenarios=most, rel_tol=1e-6, contributions=False)
    block = positions_risk(book, ONE, MATRIX, method="names", max_scenarios=1_000, rel_tol=1e-6, contributions=False).scenarios
    assert result.scenarios <= max(most, block)
    assert result.scenarios > most - block


def test_with_default_alone_the_loss_is_that_of_the_default_mode() -> None:
    book = same_rating(100, rating=0, r2=0.2, loss=[0.0, 1.0])
    result = positions_risk(book, ONE, DEFAULT_ONLY, confidences=(0.95, 0.99), method="names", seed=5, max_scenarios=120_000, rel_tol=1e-3)
    exact = homogeneous_pool(100, 0.02, 0.2)
    for measure in result.measures:
        assert measure.var_low <= exact.value_at_risk(measure.confidence) <= measure.var_high
        assert abs(measure.es - exact.expected_shortfall(measure.confidence)) < 4.5 * measure.es_se
    assert abs(result.ul - exact.standard_deviation) < 4.5 * result.ul_se
    assert result.el == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("persistence", [0.0, 0.4, 0.9])
def test_default_within_two_periods_has_a_closed_form_where_factors_persist(persistence: float) -> None:
    r2 = 0.3
    book = same_rating(200, rating=0, r2=r2, loss=[0.0, 1.0])
    result = positions_risk(
        book,
        ONE,
        DEFAULT_ONLY,
        periods=2,
        persistence=persistence,
        method="names",
        seed=8,
        max_scenarios=40_000,
        contributions=False,
        rel_tol=1e-3,
    )
    threshold = float(ndtri(0.02))
    # Latent variables of two years correlate by r2 x persistence: survival of both is a quadrant.
    exact = 1.0 - bivariate_normal_cdf(-threshold, -threshold, r2 * persistence)
    first, second = result.default_term_structure.iter_rows(named=True)
    assert abs(first["pd"] - 0.02) < 4.5 * first["pd_se"]
    assert abs(second["pd"] - exact) < 4.5 * second["pd_se"]
    assert second["pd_memoryless"] == pytest.approx(1.0 - 0.98**2, rel=1e-12)
    assert (result.el_se == 0.0) == (persistence == 0.0)


@pytest.mark.parametrize("method", ["names", "collapsed"])
@pytest.mark.parametrize(("start", "persistence", "periods"), [(-2.0, 0.6, 1), (1.5, 0.6, 2), (-2.0, 0.0, 1), (-2.0, 0.0, 2)])
def test_a_state_of_the_economy_moves_the_first_year_s_default_probability(
    method: str, start: float, persistence: float, periods: int
) -> None:
    r2 = 0.25
    book = same_rating(300, rating=0, r2=r2, loss=[0.0, 1.0])
    result = positions_risk(
        book,
        ONE,
        DEFAULT_ONLY,
        start={"economy": start},
        persistence=persistence,
        periods=periods,
        method=method,
        seed=6,
        max_scenarios=20_000,
        contributions=False,
        rel_tol=1e-3,
    )
    # The factor is normal with mean persistence x start and variance 1 - persistence^2.
    exact = float(ndtr((ndtri(0.02) - math.sqrt(r2) * persistence * start) / math.sqrt(1.0 - r2 * persistence**2)))
    row = result.default_term_structure.row(0, named=True)
    assert abs(row["pd"] - exact) < 4.5 * row["pd_se"] + 1e-12
    # What is lost follows: each default loses one.
    assert abs(result.el_simulated - 300 * exact) < (4.5 * result.el_simulated_se if periods == 1 else math.inf)


@pytest.mark.parametrize("freedom", [None, 6.0])
@pytest.mark.parametrize("periods", [1, 2])
def test_the_conditional_law_agrees_with_every_name_drawn(freedom: float | None, periods: int) -> None:
    rng = np.random.default_rng(3)
    lines = np.array([[1.0, 0.0], [0.0, 1.0], TWO.direction("both")])
    # Many r2, so that they are interpolated.
    book = positions(400, r2=rng.uniform(0.02, 0.6, 400), seed=7, directions=lines)
    common: dict[str, Any] = {"periods": periods, "degrees_of_freedom": freedom, "confidences": (0.9, 0.99), "rel_tol": 1e-3}
    drawn = positions_risk(book, TWO, MATRIX, method="names", seed=1, max_scenarios=16_000, **common)
    law = positions_risk(book, TWO, MATRIX, method="collapsed", seed=2, max_scenarios=16_000, **common)
    assert abs(drawn.ul - law.ul) < 4.5 * math.hypot(drawn.ul_se, law.ul_se)
    assert drawn.el == law.el
    agrees(drawn)
    agrees(law)
    for ours, theirs in zip(law.measures, drawn.measures, strict=True):
        assert abs(ours.var - theirs.var) < 4.5 * math.hypot(ours.var_se, theirs.var_se)
        assert abs(ours.es - theirs.es) < 4.5 * math.hypot(ours.es_se, theirs.es_se)
    for confidence in ("0.9", "0.99"):
        of_law, of_names = (result.obligors[f"es:{confidence}"].to_numpy() for result in (law, drawn))
        error = np.hypot(law.obligors[f"es_se:{confidence}"].to_numpy(), drawn.obligors[f"es_se:{confidence}"].to_numpy())
        # Errors from eight parts have heavy tails themselves, so the bulk is held to them and the whole to a distance.
        assert np.quantile(np.abs(of_law - of_names) / error, 0.95) < 3.5
        assert np.corrcoef(of_law, of_names)[0, 1] > 0.98


def test_an_r2_between_nodes_is_interpolated_to_a_millionth() -> None:
    rng = np.random.default_rng(12)
    spread = positions(200, r2=rng.uniform(0.01, 0.9, 200), seed=1)
    # The same names, two by two in books small enough for exact nodes.
    common: dict[str, Any] = {"periods": 1, "persistence": 0.0, "degrees_of_freedom": None, "start": None}
    plan = make_collapsed_plan(spread, shared_plan(spread, ONE, MATRIX, **common))
    assert plan is not None
    assert len(plan["r2_nodes"]) < 40
    mean = np.zeros(401)
    variance = np.zeros(401)
    for start in range(0, 200, 20):
        part = slice(start, start + 20)
        few = RatedPositions.of_losses(
            spread.names[part],
            rating=spread.rating[part],
            r2=spread.r2[part],
            direction=spread.direction[part],
            directions=spread.directions,
            loss=spread.loss[part],
        )
        exact = make_collapsed_plan(few, shared_plan(few, ONE, MATRIX, **common))
        assert exact is not None
        assert sorted(exact["r2_nodes"].tolist()) == sorted(few.r2.tolist())
        mean += exact["table_first"][0]
        variance += exact["table_second"][0]
    inside = slice(80, 321)  # the factor from -5.1 to 5.1
    assert plan["table_first"][0][inside] == pytest.approx(mean[inside], abs=1e-5 * float(np.abs(mean).max()))
    assert plan["table_second"][0][inside] == pytest.approx(variance[inside], abs=1e-4 * float(variance.max()))


def test_tails_of_a_t_copula_are_heavier_and_its_margins_the_same() -> None:
    book = positions(800, r2=0.2, seed=5)
    results = [
        positions_risk(book, ONE, MATRIX, degrees_of_freedom=nu, seed=3, max_scenarios=20_000, contributions=False) for nu in (None, 4.0)
    ]
    assert results[0].copula == "gaussian"
    assert results[1].copula == "t:4"
    gauss, heavy = (result.measures[1] for result in results)
    assert heavy.es > 1.3 * gauss.es
    assert results[0].el == results[1].el


def test_persistence_and_correlation_widen_the_loss_of_several_years() -> None:
    spreads = []
    for r2, persistence in ((0.05, 0.0), (0.3, 0.0), (0.3, 0.8)):
        book = positions(500, r2=r2, seed=6)
        run = positions_risk(book, ONE, MATRIX, periods=3, persistence=persistence, seed=4, max_scenarios=8_000, contributions=False)
        spreads.append(run.ul)
    assert spreads[0] < 0.8 * spreads[1]
    assert spreads[1] < 0.9 * spreads[2]


def reversed_map(function: Callable[[PathTask], PathResult], tasks: Iterable[PathTask]) -> list[PathResult]:
    return [function(task) for task in reversed(list(tasks))]


@pytest.mark.parametrize(("method", "periods"), [("names", 2), ("collapsed", 1), ("collapsed", 2)])
def test_the_same_seed_has_the_same_bits_whoever_runs_the_blocks(method: str, periods: int) -> None:
    book = positions(200, r2=np.linspace(0.05, 0.5, 200), seed=8)

    def run(map_blocks: Any) -> str:
        result = positions_risk(
            book, ONE, MATRIX, method=method, periods=periods, seed=9, max_scenarios=10_000, rel_tol=0.05, map_blocks=map_blocks
        )
        return json.dumps(result.to_dict()) + result.obligors.write_csv()

    plain = run(map)
    assert run(reversed_map) == plain
    with ThreadPoolExecutor(3) as threads:
        assert run(threads.map) == plain
    with ProcessPoolExecutor(2) as processes:
        assert run(processes.map) == plain


@pytest.mark.parametrize("method", [MigrationMethod.NAMES, MigrationMethod.COLLAPSED])
def test_a_chunk_has_the_same_losses_in_whatever_block_it_stands(method: MigrationMethod) -> None:
    book = positions(700, seed=3)
    shared = shared_plan(book, ONE, MATRIX, periods=2, persistence=0.3, degrees_of_freedom=None, start=None)
    names = method is MigrationMethod.NAMES
    plan = make_plan(book, shared) if names else make_collapsed_plan(book, shared)
    simulate = simulate_paths if names else simulate_collapsed
    assert plan is not None
    whole = simulate(PathTask(plan, 5, 2, 4)).losses
    parts = np.concatenate([simulate(PathTask(plan, 5, first, count)).losses for first, count in ((2, 1), (3, 3))])
    assert np.array_equal(whole, parts)
    assert not np.array_equal(whole, simulate(PathTask(plan, 6, 2, 4)).losses)


@pytest.mark.parametrize(
    ("method", "periods", "freedom"), [("names", 1, None), ("names", 2, 5.0), ("collapsed", 1, None), ("collapsed", 2, 5.0)]
)
def test_contributions_sum_to_the_expected_shortfall(method: str, periods: int, freedom: float | None) -> None:
    book = positions(300, r2=0.2, seed=1)
    result = positions_risk(
        book, ONE, MATRIX, method=method, periods=periods, degrees_of_freedom=freedom, seed=2, confidences=(0.8, 0.99), max_scenarios=10_000
    )
    for measure in result.measures:
        assert result.obligors[f"es:{measure.confidence}"].sum() == pytest.approx(measure.es, rel=1e-9)
    assert result.obligors["el"].sum() == pytest.approx(result.el, rel=1e-12)


def test_the_book_chooses_its_method_and_says_why() -> None:
    large = positions(5000, r2=0.2, seed=1)
    small = positions(12, r2=0.2, seed=1)
    chosen = positions_risk(large, ONE, MATRIX, max_scenarios=10_000, contributions=False)
    assert chosen.method is MigrationMethod.COLLAPSED
    assert 0.0 < chosen.shape_bias < 0.01 * chosen.measures[-1].es
    assert "no name is drawn" in chosen.notes[0]
    drawn = positions_risk(small, ONE, MATRIX, max_scenarios=10_000, contributions=False)
    assert drawn.method is MigrationMethod.NAMES
    assert drawn.shape_bias == 0.0
    assert "every name is drawn" in drawn.notes[0]


# A book of facilities.

CURVES = ZeroCurves.from_spreads(("A", "B", "C"), [1.0, 3.0, 7.0], [0.02, 0.025, 0.03], [0.005, 0.02, 0.08])


def book(**changes: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "facility_id": ["F1", "F2", "F3", "F4"],
        "obligor_id": ["X", "Y", "X", "Z"],
        "rating": ["A", "B", "A", "D"],
        "ead": [100.0, 200.0, 50.0, 80.0],
        "lgd": [0.4, 0.5, 0.6, 0.7],
        "maturity_years": [3.0, 5.5, 0.5, 2.0],
        "effective_interest_rate": [0.03, None, 0.02, None],
        "r2": [0.2, 0.3, 0.2, 0.0],
        "group": ["all", "all", "all", None],
    }
    return pl.DataFrame(columns | changes, strict=False)


def test_facilities_are_valued_by_hand_and_added_up_by_obligor() -> None:
    found = rated_positions(book(), ONE, MATRIX, CURVES, horizon_years=1.0)
    assert found.names == ("X", "Y", "Z")
    assert found.rating.tolist() == [0, 1, 3]
    a1, a3 = 0.025, 0.03
    a2 = (a1 + a3) / 2
    one = 3 / (1 + a1) + 3 / (1 + a2) ** 2 + 103 / (1 + a3) ** 3
    # F3 pays at half a year: 51 (its rate is flat before a year), carried from there to the horizon at the best rating's curve.
    short_now = 51 / (1 + a1) ** 0.5
    assert found.reference_value.tolist() == pytest.approx([one + short_now, 200.0, 24.0], rel=1e-12)
    grown = 51 * (1 + a1) ** 0.5
    discount = {name: CURVES.discount(np.array([1.0, 2.0, 3.0]))[:, k] for k, name in enumerate("ABC")}
    for k, name in enumerate("ABC"):
        d = discount[name]
        at_horizon = 3 + 3 * d[1] / d[0] + 103 * d[2] / d[0]
        assert found.loss[0, k] == pytest.approx(one + short_now - at_horizon - grown, rel=1e-9)
    assert found.loss[0, 3] == pytest.approx(one + short_now - 60.0 - 20.0, rel=1e-12)
    # Who is in default now has nothing to lose and nothing to gain.
    assert found.loss[2, 3] == 0.0
    assert found.ead.tolist() == [150.0, 200.0, 80.0]


def test_against_the_unchanged_rating_nobody_gains_by_waiting() -> None:
    found = rated_positions(book(), ONE, MATRIX, CURVES, horizon_years=1.0, reference="unchanged")
    assert found.loss[np.arange(3), found.rating].tolist() == [0.0, 0.0, 0.0]
    risk = mark_to_market_risk(book(), ONE, MATRIX, CURVES, reference="unchanged", max_scenarios=20_000, seed=1)
    now = mark_to_market_risk(book(), ONE, MATRIX, CURVES, reference="now", max_scenarios=20_000, seed=1)
    assert risk.el > now.el
    assert risk.ul == pytest.approx(now.ul, rel=1e-9)


def test_a_view_on_the_curves_at_the_horizon_takes_the_place_of_forwards() -> None:
    wider = ZeroCurves(ratings=CURVES.ratings, years=CURVES.years, rates=CURVES.rates + 0.01)
    base = mark_to_market_risk(book(), ONE, MATRIX, CURVES, horizon_curves=CURVES, max_scenarios=5_000)
    shocked = mark_to_market_risk(book(), ONE, MATRIX, CURVES, horizon_curves=wider, max_scenarios=5_000)
    assert shocked.el > base.el
    assert shocked.reference_value == base.reference_value


def test_the_order_of_rows_changes_nothing() -> None:
    one = mark_to_market_risk(book(), ONE, MATRIX, CURVES, max_scenarios=5_000, seed=4)
    other = mark_to_market_risk(book().reverse(), ONE, MATRIX, CURVES, max_scenarios=5_000, seed=4)
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())


def test_a_random_recovery_adds_its_variance_and_no_mean() -> None:
    count = 300
    names = [f"F{k:03d}" for k in range(count)]
    plain = pl.DataFrame(
        {
            "facility_id": names,
            "obligor_id": names,
            "rating": "C",
            "ead": 10.0,
            "lgd": 0.5,
            "maturity_years": 4.0,
            "r2": 0.1,
            "group": "all",
        }
    )
    random = plain.with_columns(pl.lit(0.3).alias("lgd_sd"))
    for method in ("names", "collapsed"):
        options: dict[str, Any] = {"seed": 3, "max_scenarios": 20_000, "method": method, "rel_tol": 1e-3}
        certain = mark_to_market_risk(plain, ONE, MATRIX, CURVES, **options)
        spread = mark_to_market_risk(random, ONE, MATRIX, CURVES, **options)
        assert spread.el == pytest.approx(certain.el, rel=1e-12)
        added = count * 0.15 * (10.0 * 0.3) ** 2
        error = 2.0 * spread.ul * math.hypot(spread.ul_se, certain.ul_se)
        assert abs(spread.ul**2 - certain.ul**2 - added) < 4.5 * error
        agrees(spread)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"rating": ["A", "B", "A", "Q"]}, (4, "rating")),
        ({"rating": ["A", None, "A", "D"]}, (2, "rating")),
        ({"rating": ["A", "B", "B", "D"]}, (3, "rating")),
        ({"maturity_years": [3.0, 0.0, 0.5, 2.0]}, (2, "maturity_years")),
        ({"maturity_years": [3.0, None, 0.5, 2.0]}, (2, "maturity_years")),
        ({"lgd": [0.4, 1.5, 0.6, 0.7]}, (2, "lgd")),
        ({"r2": [0.2, 1.0, 0.2, 0.0]}, (2, "r2")),
    ],
)
def test_a_faulty_row_is_refused_with_its_place(change: dict[str, Any], place: tuple[int, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        mark_to_market_risk(book(**change), ONE, MATRIX, CURVES)
    assert place in [(problem.row, problem.column) for problem in refused.value.problems]


def test_a_book_without_ratings_is_told_what_it_lacks() -> None:
    with pytest.raises(InvalidInput) as refused:
        mark_to_market_risk(book().drop("rating", "maturity_years"), ONE, MATRIX, CURVES)
    assert [problem.column for problem in refused.value.problems] == ["rating", "maturity_years"]
    with pytest.raises(InvalidInput, match="performing ratings"):
        mark_to_market_risk(book(), ONE, DEFAULT_ONLY, CURVES)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("periods", {"periods": 0}),
        ("persistence", {"persistence": 1.0}),
        ("persistence", {"persistence": math.nan}),
        ("degrees_of_freedom", {"degrees_of_freedom": -1.0}),
        ("start", {"start": {"mars": 1.0}}),
        ("start", {"start": {"economy": math.inf}}),
        ("start", {"start": {"economy": -7.0}}),
        ("confidences", {"confidences": (1.0,)}),
        ("confidences", {"confidences": ()}),
        ("rel_tol", {"rel_tol": 0.0}),
        ("seed", {"seed": -1}),
        ("max_scenarios", {"max_scenarios": 10}),
        ("max_scenarios", {"method": "names", "budget": 1e5}),
        ("budget", {"budget": math.nan}),
        ("budget", {"budget": 0.0}),
        ("method", {"method": "magic"}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(argument: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        positions_risk(positions(20), ONE, MATRIX, **options)
    assert refused.value.argument == argument


def test_positions_that_do_not_fit_are_refused() -> None:
    for change in ({"r2": np.array([1.0])}, {"rating": np.array([7])}, {"direction": np.array([3])}, {"loss": np.array([[0.0, math.nan]])}):
        arguments: dict[str, Any] = {
            "rating": np.array([0]),
            "r2": np.array([0.2]),
            "direction": np.array([0]),
            "directions": np.eye(1),
            "loss": np.array([[0.0, 1.0]]),
        } | change
        with pytest.raises(InvalidInput):
            RatedPositions.of_losses(("X",), **arguments)
    with pytest.raises(InvalidInput, match="losses for 2 ratings"):
        positions_risk(same_rating(3, rating=0, r2=0.1, loss=[0.0, 1.0]), ONE, MATRIX)


def test_the_answer_is_plain_json() -> None:
    result = mark_to_market_risk(book(), ONE, MATRIX, CURVES, max_scenarios=2_000)
    said = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert [measure["confidence"] for measure in said["measures"]] == [0.99, 0.999]
    assert said["n_obligors"] == 3
    assert {row["rating"] for row in said["default_term_structure"]} == {"A", "B"}


def test_one_name_has_the_distribution_of_its_row() -> None:
    one = same_rating(1, rating=1, r2=0.3, loss=[-5.0, 0.0, 20.0, 100.0])
    result = positions_risk(one, ONE, MATRIX, confidences=(0.9, 0.95, 0.985), seed=1, max_scenarios=100_000)
    assert [measure.var for measure in result.measures] == [0.0, 20.0, 100.0]
    assert abs(result.measures[1].es - (0.02 * 100 + 0.03 * 20) / 0.05) < 4.5 * result.measures[1].es_se
    assert result.el == pytest.approx(0.06 * -5 + 0.07 * 20 + 0.02 * 100)


def test_thresholds_of_the_simulation_are_those_told() -> None:
    shared = shared_plan(positions(3), ONE, MATRIX, periods=1, persistence=0.0, degrees_of_freedom=None, start=None)
    assert np.array_equal(shared["thresholds"], matrix_thresholds(MATRIX))


def test_a_factor_model_s_own_t_copula_is_taken_and_a_grouped_one_is_refused() -> None:
    common: dict[str, Any] = {"seed": 3, "max_scenarios": 10_000, "contributions": False}
    own = FactorModel(factors=ONE.factors, correlation=ONE.correlation, groups=ONE.groups, copula=Copula(nu=4.0))
    asked = positions_risk(positions(3), ONE, MATRIX, degrees_of_freedom=4.0, **common)
    assert positions_risk(positions(3), own, MATRIX, **common).to_dict() == asked.to_dict()
    group = next(iter(ONE.groups))
    grouped = FactorModel(
        factors=ONE.factors, correlation=ONE.correlation, groups=ONE.groups, copula=Copula(nu=4.0, by_group=((group, 9.0),))
    )
    with pytest.raises(InvalidInput, match="grouped"):
        positions_risk(positions(3), grouped, MATRIX, **common)
