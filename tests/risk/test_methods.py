"""The methods that draw no name's own noise: against each other, against simulation of every name, and against exact cases."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import RiskResult, homogeneous_pool, portfolio_risk
from tests.thorough import cases

SHARED = Path(os.environ.get("CRFS_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
TRUTH = SHARED / "truth"
needs_truth = pytest.mark.skipif(not TRUTH.exists(), reason="the folder of reference cases (CRFS_SHARED) is not here")

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}}
CORRELATION = ((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0))


def model(**options: Any) -> FactorModel:
    return FactorModel(factors=("us", "eu", "oil"), correlation=CORRELATION, groups=GROUPS, **options)


COPULAS = {
    "gaussian": Copula(),
    "t": Copula(nu=5.0),
    "grouped-t": Copula(nu=8.0, by_group=(("banks", 4.0), ("retail", math.inf))),
}


def book(names: int, *, seed: int = 3, spread: float = 0.6, whole: bool = False, lgd_sd: float = 0.15) -> pl.DataFrame:
    """A heterogeneous book; ``whole`` gives losses in whole hundreds, ``spread`` is that of the log exposures."""
    rng = np.random.default_rng(seed)
    ead = rng.lognormal(8.0, spread, names)
    ids = [f"O{i:05d}" for i in range(names)]
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": np.ceil(ead / 100.0) * 100.0 if whole else ead,
            "lgd": np.ones(names) if whole else rng.uniform(0.2, 0.7, names),
            "lgd_sd": np.zeros(names) if whole else np.where(rng.random(names) < 0.5, lgd_sd, 0.0),
            "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.1), names)),
            "r2": rng.uniform(0.05, 0.5, names),
            "group": np.array(sorted(GROUPS))[rng.integers(0, 3, names)],
            "sector": np.array(["a", "b", "c"])[rng.integers(0, 3, names)],
        }
    )


def alike(names: int, pd: float, r2: float, *, loss: float = 1.0) -> pl.DataFrame:
    ids = [f"O{i:05d}" for i in range(names)]
    return pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": loss, "lgd": 1.0, "pd_12m": pd, "r2": r2, "group": "all"})


def one_factor(nu: float = math.inf) -> FactorModel:
    return FactorModel(factors=("economy",), correlation=((1.0,),), groups={"all": {"economy": 1.0}}, copula=Copula(nu=nu))


def published(start: str) -> list[Any]:
    file = TRUTH / "portfolio_cases.json"
    listed = json.loads(file.read_text()) if file.exists() else []
    return [pytest.param(case, id=case["id"]) for case in listed if case["id"].startswith(start)]


def agree(one: RiskResult, other: RiskResult, *, errors: float = 4.0) -> None:
    for a, b in zip(one.measures, other.measures, strict=True):
        assert abs(a.var - b.var) < errors * np.hypot(a.var_se, b.var_se) + 1e-9 * a.var, (a, b)
        assert abs(a.es - b.es) < errors * np.hypot(a.es_se, b.es_se) + 1e-9 * a.es, (a, b)


@needs_truth
@pytest.mark.parametrize("case", published("fmn_t_copula"))
def test_frey_mcneil_and_nyfeler_s_ten_thousand_names_are_exact_under_both_copulas(case: Any) -> None:
    given_, expected = case["inputs"], case["expected"]
    nu = float(given_["nu"]) if given_["nu"] not in (None, "inf") else math.inf
    result = portfolio_risk(alike(given_["m"], given_["pd"], given_["rho"]), one_factor(nu), confidences=(0.95, 0.99), contributions=False)
    assert result.method == "exact"
    assert [m.var for m in result.measures] == [expected["VaR_0.95"], expected["VaR_0.99"]]


@needs_truth
def test_25_names_and_their_contributions_are_exact_to_the_last_digits() -> None:
    (case,) = (parameter.values[0] for parameter in published("exact_25"))
    given_, expected = case["inputs"], case["expected"]
    ids = [f"O{i:02d}" for i in range(25)]
    table = pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": [1e5 * unit for unit in given_["units"]],
            "lgd": 1.0,
            "pd_12m": given_["pd"],
            "r2": given_["rho"],
            "group": "all",
        }
    )
    result = portfolio_risk(table, one_factor(), confidences=(0.95, 0.99, 0.999))
    assert result.method == "exact"
    for measure in result.measures:
        assert measure.var == 1e5 * expected[f"VaR_{measure.confidence}"]
        assert measure.es == pytest.approx(1e5 * expected[f"ES_{measure.confidence}"], rel=1e-12)
        assert measure.exact
    es, var = dict(zip(ids, expected["ES99_contributions"], strict=True)), dict(zip(ids, expected["VaR99_contributions"], strict=True))
    shown = [part for part in result.contributions if part.by == "obligor"]
    assert len(shown) == 20
    for part in shown:
        assert part.name is not None
        assert part.es[1] == pytest.approx(1e5 * es[part.name], rel=1e-10)
        assert part.var[1] == pytest.approx(1e5 * var[part.name], rel=1e-10)


@needs_truth
@pytest.mark.parametrize("seed", [1])
def test_a_thousand_names_in_twenty_factors_under_t6_agree_with_brute_force(seed: int) -> None:
    table, known = pl.read_csv(TRUTH / "hard_portfolio.csv"), json.loads((TRUTH / "hard_case_t6.json").read_text())
    factors = tuple(name for name in table.columns if name.startswith("a"))
    ids = [f"O{i:04d}" for i in range(table.height)]
    loaded = pl.DataFrame(
        {"facility_id": ids, "obligor_id": ids, "ead": table["loss_units"].cast(pl.Float64), "lgd": 1.0, "pd_12m": table["pd"]}
    ).with_columns(table[name].cast(pl.Float64).alias(f"loading:{name}") for name in factors)
    many = FactorModel(factors=factors, correlation=tuple(map(tuple, np.eye(len(factors)).tolist())), copula=Copula(nu=6.0))
    result = portfolio_risk(loaded, many, confidences=(0.99, 0.995, 0.999, 0.9999), seed=seed, contributions=False)
    assert result.method == "collapsed"
    assert result.converged
    assert result.el == pytest.approx(known["EL_exact"], rel=1e-12)
    for measure in result.measures:
        reference = known["t6"][f"{measure.confidence:g}"]
        assert abs(measure.var - reference["VaR"]) < 4 * np.hypot(measure.var_se, reference["VaR_se"])
        assert abs(measure.es - reference["ES"]) < 4 * np.hypot(measure.es_se, reference["ES_se"])


@pytest.mark.parametrize(("copula", "names", "spread"), [("gaussian", 150, 1.0), ("t", 2000, 0.7), ("grouped-t", 300, 0.7)])
def test_the_collapsed_method_agrees_with_simulation_of_every_name(copula: str, names: int, spread: float) -> None:
    table, factor_model = book(names, spread=spread), model(copula=COPULAS[copula])
    fast = portfolio_risk(table, factor_model, confidences=(0.95, 0.99), seed=1)
    slow = portfolio_risk(table, factor_model, confidences=(0.95, 0.99), method="thinning", seed=2, max_scenarios=40_000, rel_tol=1e-6)
    assert (fast.method, slow.method) == ("collapsed", "thinning")
    assert fast.converged
    agree(fast, slow)
    assert abs(fast.ul - slow.ul) < 4 * np.hypot(fast.ul_se, slow.ul_se)
    theirs = {(part.by, part.name): part for part in slow.contributions}
    common = [part for part in fast.contributions if (part.by, part.name) in theirs]
    assert len(common) > 10
    for part in common:
        other = theirs[part.by, part.name]
        for k in range(2):
            assert abs(part.es[k] - other.es[k]) < 4.5 * np.hypot(part.es_se[k], other.es_se[k]) + 0.002 * fast.measures[k].es


@pytest.mark.parametrize("spread", [2.5])
def test_books_of_giants_and_dwarfs_are_measured_right_by_whatever_auto_takes(spread: float) -> None:
    table = book(60, spread=spread)
    chosen = portfolio_risk(table, model(), confidences=(0.95, 0.99), contributions=False)
    judge = portfolio_risk(table, model(), confidences=(0.95, 0.99), method="thinning", seed=6, rel_tol=1e-6, contributions=False)
    for mine, truth in zip(chosen.measures, judge.measures, strict=True):
        assert mine.var_low <= truth.var_high + 1e-3 * truth.var
        assert truth.var_low <= mine.var_high + 1e-3 * truth.var
        assert abs(mine.es - truth.es) < 4 * np.hypot(mine.es_se, truth.es_se)


@pytest.mark.parametrize("copula", COPULAS)
def test_thinned_and_plain_simulation_are_one_model_under_every_copula(copula: str) -> None:
    table, factor_model = book(80), model(copula=COPULAS[copula])
    options: dict[str, Any] = {"confidences": (0.95, 0.99), "max_scenarios": 40_000, "rel_tol": 1e-6, "contributions": False}
    agree(
        portfolio_risk(table, factor_model, method="thinning", seed=3, **options),
        portfolio_risk(table, factor_model, method="plain", seed=4, **options),
    )


@pytest.mark.parametrize("method", ["plain", "thinning"])
def test_contributions_of_a_simulation_sum_to_its_measures_and_the_notes_have_the_factors(method: str) -> None:
    result = portfolio_risk(book(80), model(), confidences=(0.95, 0.999), method=method, max_scenarios=20_000, seed=5)
    parts = [part for part in result.contributions if part.by == "group"]
    for c, measure in enumerate(result.measures):
        assert sum(part.es[c] for part in parts) == pytest.approx(measure.es, rel=1e-12)
        assert sum(part.var[c] for part in parts) == pytest.approx(measure.var, rel=1e-12)
    assert any("contributions are scaled to sum to their measures" in note for note in result.notes)


def test_where_the_value_at_risk_is_none_for_certain_no_part_of_it_is_anybodys() -> None:
    rare = book(3).with_columns(pd_12m=pl.lit(1e-4))
    result = portfolio_risk(rare, model(), confidences=(0.99,), method="plain", max_scenarios=20_000)
    (measure,) = result.measures
    assert (measure.var, measure.exact) == (0.0, True)
    assert all(part.var == (0.0,) for part in result.contributions)
    parts = [part.es[0] for part in result.contributions if part.by == "group"]
    assert sum(parts) in (pytest.approx(measure.es, rel=1e-12), 0.0)  # none of a sample that never saw a default


def test_a_few_names_of_any_amounts_and_a_pool_with_strangers_in_it_are_exact() -> None:
    """One loss of another amount is no reason to sample: the sums are few, and parts of a value at risk that two sets of names make are of both."""
    names = [f"O{i:02d}" for i in range(18)]
    pool = pl.DataFrame({"facility_id": names, "obligor_id": names, "group": "all"}).with_columns(
        ead=pl.lit(10.0), lgd=pl.lit(0.4), pd_12m=pl.lit(0.05), r2=pl.lit(0.2)
    )
    few = book(9, lgd_sd=0.0).with_columns(
        group=pl.lit("all"), ead=pl.Series([1.0, 2.0, 3.0, math.pi, math.e, 7.1, 8.3, 9.7, 11.9]), lgd=pl.lit(1.0)
    )
    for table in (pool.with_columns(ead=pl.when(pl.col("obligor_id") == "O00").then(10.1).otherwise("ead")), few):
        exact = portfolio_risk(table, one_factor(), confidences=(0.95, 0.999))
        sampled = portfolio_risk(table, one_factor(), confidences=(0.95, 0.999), method="few_names", rel_tol=1e-3)
        assert (exact.method, sampled.method) == ("exact", "few_names")
        assert exact.el == pytest.approx(float((table["ead"] * table["lgd"] * table["pd_12m"]).sum()), rel=1e-9)
        theirs = {(part.by, part.name): part for part in sampled.contributions}
        for k, (a, b) in enumerate(zip(exact.measures, sampled.measures, strict=True)):
            assert b.var_low * (1.0 - 1e-12) <= a.var <= b.var_high * (1.0 + 1e-12)
            assert abs(a.es - b.es) <= 4.0 * b.es_se + 1e-3 * a.es
            parts = [part for part in exact.contributions if part.by == "obligor"]
            assert sum(part.var[k] for part in parts) == pytest.approx(a.var, rel=1e-9)
            assert sum(part.es[k] for part in parts) == pytest.approx(a.es, rel=1e-9)
            for part in parts:
                other = theirs[part.by, part.name]
                assert abs(part.es[k] - other.es[k]) <= 5.0 * other.es_se[k] + 2e-3 * a.es


def test_few_names_on_a_lattice_have_the_exact_distribution_of_a_single_factor() -> None:
    table = book(20, whole=True).with_columns(group=pl.lit("all"))
    exact = portfolio_risk(table, one_factor(), confidences=(0.95, 0.99))
    sampled = portfolio_risk(table, one_factor(), confidences=(0.95, 0.99), method="few_names")
    assert (exact.method, sampled.method) == ("exact", "few_names")
    for a, b in zip(exact.measures, sampled.measures, strict=True):
        # The quantile of a sampled distribution may fall on the next atom.
        assert abs(a.var - b.var) <= 100.0 + 4 * b.var_se
        assert abs(a.es - b.es) < 5 * b.es_se
    theirs = {(part.by, part.name): part for part in exact.contributions}
    for part in sampled.contributions:
        assert part.es[1] == pytest.approx(theirs[part.by, part.name].es[1], rel=0.05, abs=2e-3 * exact.measures[1].es)


def test_few_names_under_a_t_copula_agree_with_simulation_of_every_name() -> None:
    table = book(12, whole=True)
    sampled = portfolio_risk(table, model(copula=Copula(nu=4.0)), confidences=(0.95, 0.99), method="few_names", contributions=False)
    drawn = portfolio_risk(table, model(copula=Copula(nu=4.0)), confidences=(0.95, 0.99), method="plain", rel_tol=1e-6, contributions=False)
    for a, b in zip(sampled.measures, drawn.measures, strict=True):
        assert abs(a.es - b.es) < 4 * np.hypot(a.es_se, b.es_se)
        assert b.var_low - 100.0 <= a.var <= b.var_high + 100.0


def test_auto_takes_a_small_book_of_several_factors_exactly_given_the_factors() -> None:
    result = portfolio_risk(book(20, whole=True), model(), confidences=(0.99,))
    assert result.method == "few_names"
    (measure,) = result.measures
    assert measure.var % 100.0 == 0.0
    assert measure.es >= measure.var


@pytest.mark.parametrize("names", [12, 1500, 4600])
def test_the_same_bits_on_one_two_and_eight_threads(names: int) -> None:
    table = book(names, whole=names == 12)
    one, two, eight = (portfolio_risk(table, model(copula=Copula(nu=6.0)), threads=threads).to_dict() for threads in (1, 2, 8))
    assert one == two == eight
    assert portfolio_risk(table.sample(fraction=1.0, shuffle=True, seed=1), model(copula=Copula(nu=6.0))).to_dict() == one


def test_a_pool_that_answers_in_any_pieces_gives_the_same_bits() -> None:
    table, factor_model = book(4600), model()
    base = portfolio_risk(table, factor_model, threads=1).to_dict()

    def backwards(work: Any, tasks: Any) -> list[Any]:
        return [work(task) for task in reversed(list(tasks))][::-1]

    assert portfolio_risk(table, factor_model, map_blocks=backwards).to_dict() == base


def test_a_loss_of_several_causes_is_looked_for_along_all_of_them() -> None:
    # Banks or retail alone bring about a tenth of the losses beyond the value at risk, far from the likeliest state: points that are moved there alone
    # see them once in a while, with great weight, and a run that does not see them errs by many of its own standard errors.
    rng = np.random.default_rng(3)
    names = 3_000
    ead = rng.lognormal(8.0, 0.8, names)
    table = book(names).with_columns(ead=ead, lgd_sd=pl.lit(0.0), r2=pl.Series(rng.uniform(0.05, 0.5, names)))
    options: dict[str, Any] = {"confidences": (0.99, 0.999), "contributions": False}
    fine = portfolio_risk(table, model(), seed=99, rel_tol=0.0007, **options)
    for seed in range(6):
        for mine, truth in zip(portfolio_risk(table, model(), seed=seed, **options).measures, fine.measures, strict=True):
            assert abs(mine.var - truth.var) < 5.0 * np.hypot(mine.var_se, truth.var_se)
            assert abs(mine.es - truth.es) < 5.0 * np.hypot(mine.es_se, truth.es_se)


def test_parts_sum_to_both_measures_by_every_cut() -> None:
    result = portfolio_risk(book(1500), model(), confidences=(0.95, 0.999))
    for tag in ("sector", "group"):
        parts = [part for part in result.contributions if part.by == tag]
        assert len(parts) == 3
        for k, measure in enumerate(result.measures):
            assert sum(part.es[k] for part in parts) == pytest.approx(measure.es, rel=1e-9)
            assert sum(part.var[k] for part in parts) == pytest.approx(measure.var, rel=1e-9)
        assert sum(part.el for part in parts) == pytest.approx(result.el, rel=1e-12)


def test_economic_capital_and_sector_indices_come_with_their_errors() -> None:
    table = book(1500)
    result = portfolio_risk(table, model(), confidences=(0.95, 0.999))
    assert result.economic_capital == tuple(measure.var - result.el for measure in result.measures)
    answer = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    for measure in answer["measures"]:
        assert measure["ec_high"] - measure["ec_low"] == pytest.approx(measure["var_high"] - measure["var_low"])
        assert measure["ec_se"] == measure["var_se"]
    for index in result.sector_indices:
        column = table.group_by(index.by).agg(pl.col("ead").sum())["ead"]
        assert index.hhi == pytest.approx(float(((column / column.sum()) ** 2).sum()))
        assert index.values == 3
        parts = np.array([part.es[1] for part in result.contributions if part.by == index.by])
        assert index.es_hhi[1] == pytest.approx(float(np.square(parts / parts.sum()).sum()))
        assert 0.0 < index.es_hhi_se[1] < 0.02
    assert {index.by for index in result.sector_indices} == {"sector", "group"}


def test_a_t_copula_of_many_degrees_of_freedom_is_the_gaussian_one_and_a_grouped_one_of_equal_degrees_is_t() -> None:
    table = book(1500)
    options: dict[str, Any] = {"confidences": (0.99,), "contributions": False}
    gaussian = portfolio_risk(table, model(), **options)
    agree(gaussian, portfolio_risk(table, model(copula=Copula(nu=1e6)), **options))
    grouped = model(copula=Copula(nu=6.0, by_group=(("banks", 6.0), ("retail", 6.0))))
    t6 = portfolio_risk(table, model(copula=Copula(nu=6.0)), **options)
    assert t6.copula == portfolio_risk(table, grouped, **options).copula == "t:6"
    agree(t6, portfolio_risk(table, grouped, **options))
    assert t6.measures[0].es > gaussian.measures[0].es


def test_a_large_homogeneous_pool_without_shared_losses_meets_the_finite_one() -> None:
    # Losses that differ in the last digits keep the book from the exact method.
    table = alike(1000, 0.02, 0.15).with_columns(ead=1.0 + pl.int_range(1000) * 1e-7)
    exact = homogeneous_pool(1000, 0.02, 0.15)
    result = portfolio_risk(table, one_factor(), confidences=(0.99, 0.999), rel_tol=0.001)
    assert result.method == "collapsed"
    for measure in result.measures:
        assert abs(measure.es - exact.expected_shortfall(measure.confidence)) < 4 * measure.es_se + 2e-4 * measure.es


@cases(3)
@given(seed=st.integers(0, 1000), factor=st.floats(1e-3, 1e6), names=st.integers(1000, 1500))
def test_expected_shortfall_is_above_value_at_risk_scales_and_falls_with_better_names(seed: int, factor: float, names: int) -> None:
    table = book(names, seed=seed)
    options: dict[str, Any] = {"confidences": (0.95, 0.99), "contributions": False, "rel_tol": 0.02, "threads": 1}
    base = portfolio_risk(table, model(), **options)
    scaled = portfolio_risk(table.with_columns(pl.col("ead") * factor), model(), **options)
    better = portfolio_risk(table.with_columns(pl.col("pd_12m") * 0.5), model(), **options)
    for a, b, c in zip(base.measures, scaled.measures, better.measures, strict=True):
        assert a.es >= a.var >= 0.0
        assert b.var == pytest.approx(factor * a.var, rel=1e-6)
        assert b.es == pytest.approx(factor * a.es, rel=1e-6)
        assert c.es < a.es + 4 * np.hypot(a.es_se, c.es_se)


def test_shortfall_of_two_books_together_is_no_more_than_of_each() -> None:
    options: dict[str, Any] = {"confidences": (0.99,), "contributions": False}
    first, second = book(1000, seed=1), book(1000, seed=2).with_columns(pl.concat_str(pl.lit("x"), "facility_id").alias("facility_id"))
    second = second.with_columns(obligor_id=pl.col("facility_id"))
    (one,), (two,), (both,) = (portfolio_risk(t, model(), **options).measures for t in (first, second, pl.concat([first, second])))
    assert both.es <= one.es + two.es + 4 * math.sqrt(one.es_se**2 + two.es_se**2 + both.es_se**2)


@pytest.mark.parametrize(("method", "message"), [("exact", "one line of the factor model"), ("few_names", "128 names at most")])
def test_a_method_outside_its_range_is_refused_with_what_to_do(method: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        portfolio_risk(book(130), model(), method=method)


def test_a_book_of_many_amounts_along_one_factor_is_asked_for_its_sums_without_a_warning() -> None:
    """Two to the power of 1,200 is no double."""
    table = book(1_200, lgd_sd=0.0).with_columns(group=pl.lit("all"))
    assert portfolio_risk(table, one_factor(), confidences=(0.99,), contributions=False).method == "collapsed"


def test_losses_that_are_nearly_multiples_are_not_moved_where_an_answer_says_that_it_is_exact() -> None:
    near = alike(40, 0.02, 0.2).with_columns(ead=1e6 + pl.int_range(40) * 0.0023)
    (told,) = portfolio_risk(near, one_factor(), confidences=(0.999,), contributions=False).measures
    assert not told.exact
    (third,) = portfolio_risk(
        alike(40, 0.02, 0.2).with_columns(ead=pl.int_range(1, 41) / 3.0), one_factor(), confidences=(0.999,), contributions=False
    ).measures
    assert third.exact
    assert 3.0 * third.var == pytest.approx(round(3.0 * third.var), rel=1e-9)


def test_a_name_that_defaults_for_certain_and_one_that_cannot_are_taken_as_such() -> None:
    table = book(120).with_columns(
        pd_12m=pl.when(pl.col("obligor_id") == "O00000").then(1.0).when(pl.col("obligor_id") == "O00001").then(0.0).otherwise("pd_12m")
    )
    for factor_model in (model(), model(copula=Copula(nu=4.0))):
        result = portfolio_risk(table, factor_model, confidences=(0.99,))
        parts = {part.name: part for part in result.contributions if part.by == "obligor"}
        sure = table.filter(pl.col("obligor_id") == "O00000")
        loss = float((sure["ead"] * sure["lgd"])[0])
        assert abs(result.el_simulated - result.el) < 5 * result.el_simulated_se
        assert "O00001" not in parts
        assert parts["O00000"].es[0] == pytest.approx(loss, rel=0.01)


def test_an_atom_at_the_value_at_risk_is_not_smeared() -> None:
    # The largest name's LGD is certain and it seldom defaults with another: P(loss = 2,080,000 exactly) is some 0.15 %, at the 99 % quantile.
    ids = [f"O{i}" for i in range(8)]
    table = pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": [4_960_000.0, 2_500_000.0, 4_750_000.0, 1_800_000.0, 5_200_000.0, 1_500_000.0, 420_000.0, 335_000.0],
            "lgd": [0.43, 0.45, 0.41, 0.45, 0.40, 0.55, 0.45, 0.60],
            "lgd_sd": [0.2, 0.2, 0.2, 0.25, 0.0, 0.2, 0.0, 0.2],
            "pd_12m": [0.004, 0.02, 0.0066, 0.035, 0.002, 0.026, 0.004, 0.006],
            "r2": 0.2,
            "group": ["banks", "energy", "energy", "retail", "banks", "retail", "banks", "retail"],
        }
    )
    result = portfolio_risk(table, model(), confidences=(0.99,), contributions=False)
    judge = portfolio_risk(table, model(), confidences=(0.99,), method="plain", seed=9, rel_tol=1e-6, contributions=False)
    (mine,), (truth,) = result.measures, judge.measures
    assert mine.var_low <= truth.var_high
    assert truth.var_low <= mine.var_high


@pytest.mark.parametrize("names", [100, 300, 1_000])
@pytest.mark.parametrize("correlation", [0.15, 0.3])
def test_the_interval_of_a_smooth_answer_holds_the_atom_where_losses_are_all_alike(names: int, correlation: float) -> None:
    table = alike(names, 0.01, correlation)
    exact = portfolio_risk(table, one_factor(), confidences=(0.99, 0.999), contributions=False)
    smooth = portfolio_risk(table, one_factor(), confidences=(0.99, 0.999), method="collapsed", contributions=False)
    assert exact.method == "exact"
    assert any("multiples of" in note for note in smooth.notes)
    for true, told in zip(exact.measures, smooth.measures, strict=True):
        assert told.var_low <= true.var <= told.var_high
        assert told.es_low <= true.es <= told.es_high
        assert told.var_high - told.var_low < 1.5 * table["ead"][0] * table["lgd"][0] + 10.0 * told.var_se


def test_losses_of_no_common_amount_have_no_atoms() -> None:
    result = portfolio_risk(book(1_500), model(), confidences=(0.99,), method="collapsed", contributions=False)
    assert not any("multiples of" in note for note in result.notes)


def test_a_confidence_below_the_mean_has_no_adjustment_for_granularity_and_says_so() -> None:
    table = alike(300, 0.01, 0.15).with_columns(ead=100.0 + pl.int_range(300))
    result = portfolio_risk(table, one_factor(), confidences=(0.3,), rel_tol=0.1, contributions=False)
    assert result.granularity_adjustment is None
    assert "no capital to adjust" in result.granularity_note
    assert portfolio_risk(table, one_factor(), confidences=(0.999,), contributions=False).granularity_adjustment is not None


def test_the_closed_form_says_what_the_exact_method_says() -> None:
    """At the edge of its one atom too: 1 - 0.93 is less than 0.07 in doubles, and the loss is no more likely than that."""
    table = alike(1, 0.07, 0.2)
    closed, exact = (
        portfolio_risk(table, one_factor(), confidences=(0.92, 0.93, 0.94), method=method) for method in ("closed_form", "exact")
    )
    assert closed.method == "closed_form"
    for a, b in zip(closed.measures, exact.measures, strict=True):
        assert [a.var, a.es] == pytest.approx([b.var, b.es])
    assert closed.measures[1].var == 0.0
    (point,), (other,) = closed.loss_curve, exact.loss_curve
    assert [point.exceedance_probability, point.loss] == pytest.approx([other.exceedance_probability, other.loss])
    assert closed.contributions
    assert not portfolio_risk(table, one_factor(), contributions=False).contributions


def test_a_pool_never_has_more_defaults_than_names() -> None:
    pool = homogeneous_pool(100, 0.01, 0.2)
    assert pool.value_at_risk(1.0 - 1e-15) <= 100
    assert pool.expected_shortfall(1.0 - 1e-15) <= 100.0
    assert homogeneous_pool(1, 0.07, 0.0).value_at_risk(0.93) == homogeneous_pool(1, 0.07, 0.2).value_at_risk(0.93) == 0


@pytest.mark.parametrize("nu", [2.0, 2.1, 2.5, 3.0, 4.0, 12.0])
def test_the_exact_method_sees_every_default_however_few_the_degrees_of_freedom(nu: float) -> None:
    """The mixing variable of a t copula of few degrees of freedom spreads over many powers of ten: at 2.1 some 5e-7 of the mean loss was not seen."""
    table = alike(10, 0.02, 0.3).with_columns(ead=pl.int_range(1, 11).cast(pl.Float64))
    found = portfolio_risk(table, one_factor(nu), contributions=False)
    assert found.method == "exact"
    assert found.el_simulated == pytest.approx(found.el, rel=1e-11)
