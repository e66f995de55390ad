"""Portfolio risk: one answer for every way of running it, laws of the measures, and books at the edge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import RiskResult, homogeneous_pool, portfolio_risk
from crfs.risk.obligors import roll_up
from crfs.risk.simulation import BlockTask, make_plan, simulate_block

MODEL = FactorModel(
    factors=("us", "eu", "oil"),
    correlation=((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0)),
    groups={"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}},
)


def book(obligors: int, *, seed: int = 3) -> pl.DataFrame:
    """A heterogeneous book: one to three facilities an obligor, some with a random LGD."""
    rng = np.random.default_rng(seed)
    per_obligor = rng.integers(1, 4, obligors)
    owner = np.repeat(np.arange(obligors), per_obligor)
    n = len(owner)
    pd = np.exp(rng.uniform(np.log(0.0005), np.log(0.15), obligors))
    r2 = rng.uniform(0.0, 0.6, obligors)
    group = np.array(sorted(MODEL.groups))[rng.integers(0, 3, obligors)]
    return pl.DataFrame(
        {
            "facility_id": [f"F{i:05d}" for i in range(n)],
            "obligor_id": [f"O{i:05d}" for i in owner],
            "ead": rng.lognormal(10.0, 1.0, n).round(2),
            "lgd": rng.uniform(0.2, 0.7, n).round(3),
            "lgd_sd": np.where(rng.random(n) < 0.5, 0.15, 0.0),
            "pd_12m": pd[owner],
            "r2": r2[owner],
            "group": group[owner],
            "sector": np.array(["a", "b", "c"])[rng.integers(0, 3, n)],
            "currency": ["EUR"] * n,
        }
    )


def run(table: pl.DataFrame, **options: Any) -> RiskResult:
    return portfolio_risk(
        table, MODEL, **{"confidences": (0.95, 0.99), "method": "thinning", "max_scenarios": 12_000, "seed": 7, **options}
    )


@pytest.fixture(scope="module")
def base() -> tuple[pl.DataFrame, RiskResult]:
    table = book(150)
    return table, run(table)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def test_the_same_bits_inline_on_threads_on_processes_and_in_any_order_of_blocks(
    base: tuple[pl.DataFrame, RiskResult], processes: ProcessPoolExecutor
) -> None:
    table, result = base
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        for pool_map in (one.map, two.map, processes.map, lambda work, tasks: map(work, reversed(list(tasks)))):
            assert run(table, map_blocks=pool_map).to_dict() == result.to_dict()


@pytest.mark.parametrize("method", ["few_names", "convolution", "collapsed"])
@pytest.mark.parametrize("spread", [0.4, 2.0])
def test_every_method_runs_on_processes_with_the_same_bits(processes: ProcessPoolExecutor, method: str, spread: float) -> None:
    count = 12 if method == "few_names" else 120
    ids = [f"O{i:03d}" for i in range(count)]
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "lgd": 0.5, "pd_12m": 0.03, "r2": 0.2, "group": "all"}).with_columns(
        ead=pl.Series(np.random.default_rng(4).lognormal(3.0, spread, count))
    )
    one = FactorModel.one_factor("all")
    found = [
        portfolio_risk(table, one, method=method, confidences=(0.99,), rel_tol=0.02, map_blocks=mapped).to_dict()
        for mapped in (map, processes.map)
    ]
    assert found[0] == found[1]


def test_the_order_of_the_rows_changes_nothing(base: tuple[pl.DataFrame, RiskResult]) -> None:
    table, result = base
    assert run(table.sample(fraction=1.0, shuffle=True, seed=1)).to_dict() == result.to_dict()


def test_another_seed_gives_other_scenarios_of_the_same_distribution(base: tuple[pl.DataFrame, RiskResult]) -> None:
    table, result = base
    other = run(table, seed=8)
    for mine, theirs in zip(result.measures, other.measures, strict=True):
        assert mine.es != theirs.es
        assert abs(mine.es - theirs.es) < 4 * np.hypot(mine.es_se, theirs.es_se)


def test_the_answer_is_plain_json_with_errors_on_every_number(base: tuple[pl.DataFrame, RiskResult]) -> None:
    table, result = base
    answer = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert {"el", "ul", "measures", "method", "scenarios", "hhi", "granularity_adjustment", "contributions", "currency"} <= answer.keys()
    assert {"confidence", "var", "var_se", "es", "es_se"} <= answer["measures"][0].keys()
    assert answer["currency"] == "EUR"
    assert answer["n_obligors"] == 150
    assert answer["n_facilities"] == table.height
    assert answer["granularity_adjustment"] is None
    assert "more than one direction" in answer["granularity_note"]
    assert answer["el"] == pytest.approx((table["ead"] * table["lgd"] * table["pd_12m"]).sum(), rel=1e-12)


def test_sectors_sum_to_the_whole_shortfall_expected_loss_and_exposure(base: tuple[pl.DataFrame, RiskResult]) -> None:
    _, result = base
    sectors = [part for part in result.contributions if part.by == "sector"]
    assert [part.name for part in sectors] == ["a", "b", "c"]
    for k, measure in enumerate(result.measures):
        assert sum(part.es[k] for part in sectors) == pytest.approx(measure.es, rel=1e-10)
    assert sum(part.el for part in sectors) == pytest.approx(result.el, rel=1e-12)
    assert sum(part.ead for part in sectors) == pytest.approx(result.total_ead, rel=1e-12)


def test_contributions_do_not_depend_on_how_scenarios_were_split_into_rounds(base: tuple[pl.DataFrame, RiskResult]) -> None:
    # 50,000 scenarios take two rounds; the first one's tail is made again for the contributions.
    table, _ = base
    result = run(table, max_scenarios=50_000, rel_tol=1e-6)
    assert result.scenarios == 50_000
    assert not result.converged
    for k, measure in enumerate(result.measures):
        assert sum(part.es[k] for part in result.contributions if part.by == "sector") == pytest.approx(measure.es, rel=1e-10)


def test_losses_scale_with_the_exposures(base: tuple[pl.DataFrame, RiskResult]) -> None:
    table, result = base
    doubled = run(table.with_columns(pl.col("ead") * 2.0))
    assert doubled.el == pytest.approx(2 * result.el)
    assert doubled.hhi == pytest.approx(result.hhi)
    for mine, theirs in zip(result.measures, doubled.measures, strict=True):
        assert (theirs.var, theirs.es, theirs.es_se) == pytest.approx((2 * mine.var, 2 * mine.es, 2 * mine.es_se))


def test_higher_default_probabilities_lose_more(base: tuple[pl.DataFrame, RiskResult]) -> None:
    table, result = base
    worse = run(table.with_columns((pl.col("pd_12m") * 2.0).clip(upper_bound=1.0)))
    assert worse.el > result.el
    for mine, theirs in zip(result.measures, worse.measures, strict=True):
        assert theirs.var > mine.var
        assert theirs.es > mine.es
        assert theirs.es >= theirs.var


def test_thinned_and_plain_simulation_agree_name_by_name() -> None:
    table = book(60, seed=11).with_columns(pl.when(pl.col("obligor_id") == "O00003").then(1.0).otherwise("pd_12m").alias("pd_12m"))
    obligors = roll_up(table, MODEL)
    counts = {}
    scenarios, blocks = 4000, 15
    for thinning in (True, False):
        plan = make_plan(obligors, MODEL, thinning=thinning)
        assert plan is not None
        total = np.zeros(len(obligors.names))
        pairs = np.zeros((scenarios * blocks,))
        for block in range(blocks):
            result = simulate_block(BlockTask(plan, 1, block, scenarios, 1e-300))
            total += np.bincount(result.tail_obligor, minlength=len(total))
            pairs[block * scenarios : (block + 1) * scenarios] = np.bincount(result.tail_scenario, minlength=scenarios)
            keys = result.tail_scenario * len(total) + result.tail_obligor
            assert len(np.unique(keys)) == len(keys)  # nobody defaults twice
        n = scenarios * blocks
        error = np.sqrt(obligors.pd * (1 - obligors.pd) / n)
        assert (np.abs(total / n - obligors.pd) <= 4.5 * error).all()
        counts[thinning] = pairs
    # The variance of the number of defaults sees every pair's joint default probability.
    spread = [counts[k].var() for k in (True, False)]
    errors = [np.sqrt(((counts[k] - counts[k].mean()) ** 4).mean() / len(counts[k])) for k in (True, False)]
    assert abs(spread[0] - spread[1]) < 4 * np.hypot(*errors)


def test_loadings_say_the_same_as_r2_and_a_group() -> None:
    table = book(80, seed=5)
    units = {name: MODEL.direction(name) for name in MODEL.groups}
    rows = table.select("r2", "group").rows()
    weights = np.array([np.sqrt(r2) * units[group] for r2, group in rows])
    loaded = table.drop("r2", "group").with_columns(pl.Series(f"loading:{name}", weights[:, k]) for k, name in enumerate(MODEL.factors))
    mine, theirs = (run(t, confidences=(0.95,), max_scenarios=40_000, contributions=False) for t in (table, loaded))
    assert abs(mine.measures[0].es - theirs.measures[0].es) < 4 * np.hypot(mine.measures[0].es_se, theirs.measures[0].es_se)
    assert abs(mine.ul - theirs.ul) < 4 * np.hypot(mine.ul_se, theirs.ul_se)


def test_all_facilities_of_an_obligor_default_together() -> None:
    names = [f"F{i}" for i in range(40)]
    split = pl.DataFrame(
        {
            "facility_id": names,
            "obligor_id": [f"O{i // 2}" for i in range(40)],
            "ead": 1.0,
            "lgd": 1.0,
            "pd_12m": 0.1,
            "r2": 0.2,
            "group": "retail",
        }
    )
    exact = homogeneous_pool(20, 0.1, 0.2)
    result = run(split, confidences=(0.99,), max_scenarios=40_000)
    (measure,) = result.measures
    assert abs(measure.es - 2 * exact.expected_shortfall(0.99)) < 4 * measure.es_se
    # Losses are whole numbers here, so the value at risk is an atom, part of which belongs to the tail: all twenty names sum to the whole with it.
    parts = [part for part in result.contributions if part.by == "obligor"]
    assert len(parts) == 20
    assert sum(part.es[0] for part in parts) == pytest.approx(measure.es, rel=1e-10)


def test_a_random_lgd_widens_the_loss_by_its_variance() -> None:
    names = [f"O{i:02d}" for i in range(50)]
    table = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": 1.0, "lgd": 0.4, "lgd_sd": 0.3, "pd_12m": 0.1, "r2": 0.0, "group": "retail"}
    )
    result = run(table, max_scenarios=40_000)
    variance = 50 * (0.1 * (0.3**2 + 0.4**2) - (0.1 * 0.4) ** 2)
    assert abs(result.ul - np.sqrt(variance)) < 4 * result.ul_se
    assert abs(result.el_simulated - 2.0) < 4 * result.el_simulated_se


def test_a_run_stops_when_its_errors_are_small_enough() -> None:
    easy = run(book(150), confidences=(0.9,), rel_tol=0.05, max_scenarios=200_000)
    assert easy.converged
    assert easy.scenarios < 100_000
    (measure,) = easy.measures
    assert measure.es_se <= 0.05 * measure.es
    assert measure.var_se <= 0.05 * measure.var


@pytest.mark.parametrize("pd", [0.0, 0.02, 1.0])
def test_one_name_has_its_closed_form(pd: float) -> None:
    table = pl.DataFrame(
        {"facility_id": ["F"], "obligor_id": ["O"], "ead": [100.0], "lgd": [0.5], "pd_12m": [pd], "r2": [0.2], "group": ["retail"]}
    )
    result = run(table, method="auto")
    assert result.method == "closed_form"
    assert result.converged
    assert result.el == 50.0 * pd
    assert [m.var for m in result.measures] == [50.0 * (pd > 0.05), 50.0 * (pd > 0.01)]
    assert [m.es for m in result.measures] == pytest.approx([50.0 * min(1.0, pd / 0.05), 50.0 * min(1.0, pd / 0.01)])
    assert all(m.exact for m in result.measures)


def test_defaults_too_rare_for_the_sample_are_answered_exactly_not_with_zero() -> None:
    names = ["A", "B"]
    table = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": 100.0, "lgd": 1.0, "pd_12m": 1e-7, "r2": 0.2, "group": "retail"}
    )
    for measure in run(table).measures:
        assert measure.var == 0.0
        assert measure.es == pytest.approx(2e-5 / (1 - measure.confidence))
        assert measure.exact


def test_a_thin_tail_sample_is_not_called_converged() -> None:
    names = [f"O{i}" for i in range(4)]
    table = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": 100.0, "lgd": 1.0, "pd_12m": 0.0004, "r2": 0.2, "group": "retail"}
    )
    result = run(table, confidences=(0.999,), max_scenarios=10_000)
    assert not result.converged
    assert any("raise max_scenarios" in note for note in result.notes)


def test_certain_defaults_are_a_floor_under_every_loss() -> None:
    table = book(30).with_columns(lgd_sd=pl.lit(0.0))
    sure = table.with_columns(pl.when(pl.col("obligor_id") == "O00000").then(1.0).otherwise("pd_12m").alias("pd_12m"))
    floor = sure.filter(pl.col("obligor_id") == "O00000").select((pl.col("ead") * pl.col("lgd")).sum()).item()
    result = run(sure, contributions=False)
    assert min(point.loss for point in result.loss_curve) >= floor - 1e-6


def test_the_loss_curve_falls_and_stays_within_its_band(base: tuple[pl.DataFrame, RiskResult]) -> None:
    _, result = base
    assert 10 < len(result.loss_curve) <= 200
    for a, b in zip(result.loss_curve, result.loss_curve[1:], strict=False):
        assert a.exceedance_probability > b.exceedance_probability
        assert a.loss <= b.loss
    assert all(point.loss_low <= point.loss <= point.loss_high for point in result.loss_curve)


def test_an_unpayable_run_is_refused_before_it_starts_with_its_price() -> None:
    with pytest.raises(InvalidInput, match=r"150 obligors x 12,000 scenarios = 1.8e\+06 .* budget of 1e\+06"):
        run(book(150), budget=1e6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidences": ()}, "confidences"),
        ({"confidences": (99.0,)}, "confidence"),
        ({"confidences": (0.99, 0.99)}, "twice"),
        ({"seed": -1}, "seed"),
        ({"rel_tol": 0.0}, "rel_tol"),
        ({"max_scenarios": 10}, "max_scenarios"),
        ({"method": "magic"}, "magic"),
        ({"method": "closed_form"}, "at most one uncertain"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        run(book(20), **options)


def test_a_rejected_row_stops_the_run_unless_the_caller_goes_on_without_it() -> None:
    table = book(40)
    broken = table.with_columns(pl.when(pl.col("facility_id") == "F00003").then(-5.0).otherwise("ead").alias("ead"))
    with pytest.raises(InvalidInput, match="row 4, column ead") as caught:
        run(broken)
    (problem,) = caught.value.problems
    assert (problem.row, problem.column, problem.reason) == (4, "ead", "out_of_range")
    result = run(broken, accept_partial=True)
    assert result.n_rejected == 1
    assert result.n_facilities == table.height - 1
    assert any("rejected" in note for note in result.notes)


def test_books_with_nothing_to_measure_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        run(book(5).clear())
    with pytest.raises(InvalidInput, match="sum to zero"):
        run(book(5).with_columns(ead=pl.lit(0.0)))


def test_a_tail_too_large_to_keep_leaves_out_the_contributions_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(book(60), max_scenarios=50_000, rel_tol=1e-6)
    monkeypatch.setattr("crfs.risk.simulated._MOST_TAIL_DEFAULTS", 100)
    result = run(book(60), max_scenarios=50_000, rel_tol=1e-6)
    assert result.contributions == ()
    assert any("left out" in note for note in result.notes)
    assert result.measures == whole.measures


@pytest.mark.parametrize("pd", [1e-4, 0.05, 0.5, 0.97])
@pytest.mark.parametrize("r2", [0.0, 0.2, 0.6, 0.98])
def test_thinning_is_exact_from_rare_to_likely_defaults_and_from_none_to_near_full_correlation(pd: float, r2: float) -> None:
    names = [f"O{i}" for i in range(12)]
    table = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": 1.0, "lgd": 1.0, "pd_12m": pd, "r2": r2, "group": "banks"})
    plan = make_plan(roll_up(table, MODEL), MODEL, thinning=True)
    assert plan is not None
    losses = np.concatenate([simulate_block(BlockTask(plan, 4, block, 4000, np.inf)).losses for block in range(10)])
    expected = homogeneous_pool(12, pd, r2).probability * len(losses)
    seen = np.bincount(losses.astype(int), minlength=13)
    # Pearson's statistic over the cells that are expected to hold something; 45 is beyond the 99.998 % point of 12 degrees of freedom.
    common = expected > 5.0
    assert (np.square(seen - expected)[common] / expected[common]).sum() < 45.0
    assert seen[~common].sum() <= 5 * expected[~common].sum() + 10


@pytest.mark.parametrize("method", ["auto", "thinning", "plain"])
def test_a_book_that_cannot_default_loses_nothing_for_certain(method: str) -> None:
    result = run(book(10).with_columns(pd_12m=pl.lit(0.0)), method=method)
    assert result.method == "closed_form"
    assert (result.el, result.ul) == (0.0, 0.0)
    assert all((m.var, m.es, m.exact) == (0.0, 0.0, True) for m in result.measures)


@pytest.mark.parametrize("method", ["thinning", "plain"])
def test_one_certain_default_with_a_random_lgd_has_the_spread_of_that_lgd(method: str) -> None:
    table = pl.DataFrame(
        {
            "facility_id": ["F"],
            "obligor_id": ["O"],
            "ead": [100.0],
            "lgd": [0.5],
            "lgd_sd": [0.2],
            "pd_12m": [1.0],
            "r2": [0.2],
            "group": ["retail"],
        }
    )
    result = run(table, method=method, seed=1)
    assert abs(result.el_simulated - 50.0) < 4 * result.el_simulated_se
    assert abs(result.ul - 20.0) < 4 * result.ul_se


@pytest.mark.parametrize("method", ["collapsed", "plain", "thinning", "exact"])
def test_every_number_that_has_an_error_has_an_interval_around_it(method: str) -> None:
    table = (
        book(30, seed=3)
        if method != "exact"
        else book(30, seed=3).with_columns(ead=100.0, lgd=0.5, lgd_sd=0.0, pd_12m=0.02, r2=0.2, group=pl.lit("banks"))
    )
    answer = portfolio_risk(table, MODEL, confidences=(0.9,), method=method, max_scenarios=4_000, seed=2).to_dict()
    found = [("ul", answer), *((name, part) for part in answer["measures"] for name in ("var", "es", "ec"))]
    found += [(name, item) for part in answer["contributions"] for item in part["es"] for name in ("var", "es")]
    found += [("hhi", item) for index in answer["sector_indices"] for item in index["es"]]
    assert len(found) > 20
    for name, part in found:
        value, se, low, high = (part[key] for key in (name, f"{name}_se", f"{name}_low", f"{name}_high"))
        assert low <= value <= high
        assert (low == value == high) if se == 0.0 and method != "collapsed" else (se == 0.0 or high - low > 0.0)


@pytest.mark.parametrize("spread", [1e-9, 1e-16, 1e-100, 1e-155, 1e-200])
@pytest.mark.parametrize("method", ["auto", "plain", "thinning", "importance_sampling"])
def test_a_spread_that_no_double_can_carry_is_none(method: str, spread: float) -> None:
    table = book(40).with_columns(lgd=pl.lit(0.45))
    tiny, certain = (run(table.with_columns(lgd_sd=pl.lit(value)), method=method) for value in (spread, 0.0))
    assert tiny.method == certain.method
    assert tiny.measures == certain.measures
