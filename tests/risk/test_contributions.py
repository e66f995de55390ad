"""Contributions of names that are many: asked one by one, and by the points of the cells that they lie in."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import WarmPortfolio, portfolio_risk, reverse_stress
from crfs.risk import contributions as subject
from crfs.risk.cells import cells_of, interpolation, probabilities
from crfs.risk.collapsed import collapse
from crfs.risk.conditional import condition
from crfs.risk.first_order import mean_changes
from crfs.risk.lumpy import Lumpy
from crfs.risk.mixtures import make_mixture
from crfs.risk.names import make_names
from crfs.risk.normal_cdf import normal_cdf
from crfs.risk.obligors import roll_up
from crfs.risk.simulated import _means_and_errors


def book(count: int, *, lgd_sd: float | None = None) -> pl.DataFrame:
    random = np.random.default_rng(count)
    ids = [f"O{number}" for number in range(count)]
    table = pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": random.lognormal(3.0, 0.5, count),
            "lgd": random.uniform(0.2, 0.7, count),
            "pd_12m": np.exp(random.uniform(math.log(0.0005), math.log(0.1), count)),
            "r2": random.uniform(0.05, 0.5, count),
            "group": [("one", "two")[number % 2] for number in range(count)],
            "sector": [f"S{number % 7}" for number in range(count)],
        }
    )
    return table if lgd_sd is None else table.with_columns(lgd_sd=pl.lit(lgd_sd))


def model(nu: float) -> FactorModel:
    groups = {"one": {"x": 1.0}, "two": {"x": 0.3, "y": 1.0}}
    return FactorModel(factors=("x", "y"), correlation=((1.0, 0.4), (0.4, 1.0)), groups=groups, copula=Copula(nu=nu))


@pytest.mark.parametrize("contributions", [True, False])
def test_a_column_of_too_many_values_is_no_cut_and_that_is_said(contributions: bool) -> None:
    table = book(1_200).with_columns(
        sector=pl.Series([f"S{number % 501}" for number in range(1_200)]), region=pl.Series([f"R{number % 500}" for number in range(1_200)])
    )
    told = portfolio_risk(table, model(math.inf), confidences=(0.99,), contributions=contributions)
    assert "the book is not cut by sector: the column has 501 values, and one of more than 500 is a name of its own" in told.notes
    assert not any("cut by region" in note or "cut by group" in note for note in told.notes)
    assert {index.by for index in told.sector_indices} == {"region", "group"}
    reverse = reverse_stress(table, model(math.inf), loss=2.0 * told.el)
    assert [note for note in reverse.notes if "not cut by" in note] == [note for note in told.notes if "not cut by" in note]
    assert {part.by for part in reverse.scenarios[0].cuts} == {"region", "group"}


@pytest.mark.parametrize(("nu", "lgd_sd"), [(math.inf, None), (4.0, 0.15)])
def test_names_asked_by_their_cells_contribute_what_they_do_one_by_one(
    nu: float, lgd_sd: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = book(6_000, lgd_sd=lgd_sd)
    through = portfolio_risk(table, model(nu), confidences=(0.99, 0.999), seed=1)
    monkeypatch.setattr(subject, "_LEAST_IN_CELL", 10**9)
    alone = portfolio_risk(table, model(nu), confidences=(0.99, 0.999), seed=1)
    assert through.method == "collapsed"
    assert through.measures == alone.measures
    assert [(part.by, part.name) for part in through.contributions] == [(part.by, part.name) for part in alone.contributions]
    for mine, theirs in zip(through.contributions, alone.contributions, strict=True):
        assert mine.es == pytest.approx(theirs.es, rel=1e-7)
        assert mine.var == pytest.approx(theirs.var, rel=1e-7)
    for number, measure in enumerate(through.measures):
        parts = [part for part in through.contributions if part.by == "sector"]
        assert sum(part.es[number] for part in parts) == pytest.approx(measure.es, rel=1e-9)
        assert sum(part.var[number] for part in parts) == pytest.approx(measure.var, rel=1e-9)


@given(st.floats(-5.0, 0.0), st.floats(0.0, 1.5), st.floats(-6.0, 6.0), st.floats(0.2, 1.2))
def test_within_a_cell_a_probability_is_interpolated_to_seven_digits_where_the_mixing_variable_is_not_far_above_one(
    a: float, b: float, y: float, s: float
) -> None:
    thresholds, slopes = np.array([a]), np.array([b])
    cell = int(cells_of(thresholds, slopes)[0])
    p, q = probabilities(cell, np.array([y]), np.array([s]))
    weights = interpolation(cell, thresholds, slopes)
    assert weights.sum() == pytest.approx(1.0, abs=1e-13)
    assert (weights @ p)[0, 0] == pytest.approx(normal_cdf(np.array([s * a - b * y]))[0], abs=2e-7)
    assert (weights @ p + weights @ q)[0, 0] == pytest.approx(1.0, abs=1e-12)


def test_what_facilities_of_an_obligor_lost_is_told_apart_where_some_is_certain() -> None:
    rows = [
        {
            "facility_id": f"F{i:02d}{s}",
            "obligor_id": f"O{i:02d}",
            "sector": s,
            "ead": 100.0 * (1.0 + 0.1 * (i % 7)),
            "lgd": 0.5,
            "lgd_sd": sd,
            "pd_12m": 0.03,
            "r2": 0.25,
            "group": "all",
        }
        for i in range(15)
        for s, sd in (("X", 0.0), ("Y", 0.49))
    ]
    told = portfolio_risk(pl.DataFrame(rows), FactorModel.one_factor("all"), confidences=(0.99,), method="plain", max_scenarios=200_000)
    parts = {part.name: part for part in told.contributions if part.by == "sector"}
    # A million scenarios of a simulation apart: 313.4 and 410.3, within 1.1; mean losses are alike, and split the whole in halves.
    assert parts["X"].es[0] == pytest.approx(313.4, abs=4.0 * math.hypot(parts["X"].es_se[0], 1.0))
    assert parts["Y"].es[0] == pytest.approx(410.3, abs=4.0 * math.hypot(parts["Y"].es_se[0], 1.1))
    assert parts["X"].es[0] + parts["Y"].es[0] == pytest.approx(told.measures[0].es, rel=1e-9)
    rough = portfolio_risk(pl.DataFrame(rows), FactorModel.one_factor("all"), confidences=(0.99,), max_scenarios=20_000)
    assert any("15 obligor(s) owe facilities with an lgd_sd beside others without" in note for note in rough.notes) == (
        rough.method not in {"plain", "thinning"}
    )


def test_no_part_of_a_loss_is_below_zero_by_rounding() -> None:
    # Amounts without a lattice of their own: what a name can hardly lose at the value at risk is found as a difference of what is far larger.
    rng = np.random.default_rng(0)
    count = 19
    table = pl.DataFrame(
        {
            "facility_id": [f"F{k:02d}" for k in range(count)],
            "obligor_id": [f"O{k:02d}" for k in range(count)],
            "ead": rng.lognormal(12.0, 1.2, count).round(2),
            "lgd": rng.uniform(0.2, 0.7, count).round(3),
            "pd_12m": rng.uniform(0.0005, 0.05, count).round(6),
            "r2": 0.2,
            "group": "all",
        }
    )
    result = portfolio_risk(table, FactorModel.one_factor("all"), confidences=(0.9, 0.99, 0.999), method="few_names", seed=5)
    mine = [part for part in result.contributions if part.by == "obligor"]
    assert len(mine) == count
    for k, measure in enumerate(result.measures):
        assert min(min(part.var[k], part.es[k]) for part in mine) >= 0.0
        assert sum(part.var[k] for part in mine) == pytest.approx(measure.var, rel=1e-12)
        assert sum(part.es[k] for part in mine) == pytest.approx(measure.es, rel=1e-12)


def test_errors_of_contributions_to_expected_shortfall_are_their_spread_over_seeds() -> None:
    random = np.random.default_rng(4242)
    count = 150
    names = [f"O{i:03d}" for i in range(count)]
    book = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": random.lognormal(0.0, 1.3, count)}).with_columns(
        pd_12m=pl.Series(np.clip(0.02 * random.lognormal(-0.3, 0.9, count), 1e-4, 0.3)),
        r2=pl.Series(random.uniform(0.1, 0.45, count)),
        lgd=pl.lit(1.0),
        group=pl.lit("all"),
    )
    told: dict[str, list[tuple[float, float]]] = {}
    for seed in range(20):
        found = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.99,), seed=seed, method="collapsed")
        for part in found.contributions:
            if part.by == "obligor":
                told.setdefault(str(part.name), []).append((part.es[0], part.es_se[0]))
    always = [np.array(each) for each in told.values() if len(each) == 20]
    ratios = [each[:, 0].std(ddof=1) / each[:, 1].mean() for each in always]
    assert len(ratios) >= 10
    assert max(ratios) < 1.7  # 20 seeds tell a standard deviation to 16 %
    assert np.median(ratios) < 1.3


def uneven(count: int, typical: float) -> pl.DataFrame:
    """Whole-number losses, the largest about as large as what all vary by in a bad state."""
    random = np.random.default_rng(6)
    names = [f"O{i:03d}" for i in range(count)]
    return pl.DataFrame({"facility_id": names, "obligor_id": names, "lgd": [1.0] * count}).with_columns(
        ead=pl.Series(np.ceil(np.exp(random.normal(math.log(typical), 0.8, count)))),
        pd_12m=pl.Series(np.exp(random.uniform(math.log(0.004), math.log(0.06), count))),
        r2=pl.Series(random.uniform(0.05, 0.45, count)),
        group=pl.Series([f"g{k}" for k in random.integers(0, 4, count)]),
    )


AXES = {"g0": (1.0, 0.0), "g1": (0.0, 1.0), "g2": (0.8, 0.6), "g3": (0.6, -0.8)}


def two_factors(nu: float = math.inf) -> FactorModel:
    groups = {name: {"x": x, "y": y} for name, (x, y) in AXES.items()}
    return FactorModel(factors=("x", "y"), correlation=((1.0, 0.0), (0.0, 1.0)), groups=groups, copula=Copula(nu=nu))


@pytest.mark.parametrize("lgd_sd", [None, 0.2])
@pytest.mark.parametrize("nu", [math.inf, 5.0])
def test_the_parts_of_large_names_are_those_that_they_have_where_they_are_taken_apart(nu: float, lgd_sd: float | None) -> None:
    table = uneven(400, 60.0).with_columns(lgd=pl.lit(0.6 if lgd_sd else 1.0), lgd_sd=pl.lit(lgd_sd or 0.0))
    names = make_names(roll_up(table, two_factors(nu)), two_factors(nu))
    found = collapse(names, confidences=(0.99,), rel_tol=0.01, seed=1)
    (q,), mixture = found.quantiles, found.mixture
    assert not len(mixture.book.explicit)
    large = mixture.to_take_out(q.var)
    large = large[np.argsort(-names.loss[0, large], kind="stable")]
    assert names.loss[0, large[0]] == names.loss[0].max()
    assert len(large) > 20
    (shares,) = subject.contributions(mixture, [(q.var, 0.99)])
    density = float(mixture.by_scramble(mixture.local(q.var).density).mean())
    for i in large[[0, 5, 20]].tolist():
        apart = make_mixture(mixture.book.with_explicit(np.array([i]), map), mixture.points, mixture.spread_at(q.var))
        tail, line = apart.explicit_parts([q.var])[0, :, 0]
        # Tables are interpolated, and the name's own is left out of one and subtracted from the other.
        assert shares.es[i] == pytest.approx(tail / 0.01, rel=1e-4)
        assert shares.var[i] == pytest.approx(line / density, rel=1e-4)


@pytest.mark.parametrize("lgd_sd", [None, 0.2])
@pytest.mark.parametrize("nu", [math.inf, 5.0])
def test_beside_many_large_names_the_parts_of_others_are_those_that_they_have_where_they_are_taken_apart(
    nu: float, lgd_sd: float | None
) -> None:
    table = uneven(300, 60.0).with_columns(lgd=pl.lit(0.6 if lgd_sd else 1.0), lgd_sd=pl.lit(lgd_sd or 0.0))
    names = make_names(roll_up(table, two_factors(nu)), two_factors(nu))
    found = collapse(names, confidences=(0.99,), rel_tol=0.01, seed=1)
    (q,), points = found.quantiles, found.mixture.points
    order = np.argsort(-names.loss[0], kind="stable")
    giants = np.sort(order[:8])
    smooth = condition(names)
    mixture = make_mixture(smooth.with_explicit(giants, map), points, found.mixture.spread_at(q.var))
    assert isinstance(mixture, Lumpy)
    large = mixture.to_take_out(q.var)
    assert len(large) > 20
    assert not np.isin(large, giants).any()
    (shares,) = subject.contributions(mixture, [(q.var, 0.99)])
    density = float(mixture.by_scramble(mixture.local(q.var).density).mean())
    assert np.isin(order[[8, 12, 20]], large).all()
    for i in order[[8, 12, 20]].tolist():
        apart = make_mixture(smooth.with_explicit(np.append(giants, i), map), points, mixture.spread_at(q.var))
        tail, line = apart.explicit_parts([q.var])[0, :, list(np.sort(np.append(giants, i))).index(i)]
        assert shares.es[i] == pytest.approx(tail / 0.01, rel=1e-4)
        assert shares.var[i] == pytest.approx(line / density, rel=1e-4)
    # What is remembered of a name is what is found of him, and defaults are losses of one.
    again, share = mixture.parts_of(large[:3], [q.var]), np.ones((3, len(points)))
    assert mixture.parts_of(large[:3], [q.var], share=share) == pytest.approx(again, rel=1e-6)
    if lgd_sd is None:
        of_default = mixture.parts_of(large[:3], [q.var], of_default=True)
        assert of_default * names.loss[0, large[:3], None] == pytest.approx(again, rel=1e-9)


def test_losses_of_whole_numbers_are_taken_by_name_where_that_is_soon_done() -> None:
    table = uneven(300, 6.0)
    warm = WarmPortfolio(table, two_factors(), confidences=(0.99,))
    (m,), (smooth,) = warm.result.measures, portfolio_risk(table, two_factors(), method="collapsed", confidences=(0.99,)).measures
    assert warm.result.method == "convolution"
    assert "losses are multiples of an amount" in warm.result.notes[-1]
    assert m.var == pytest.approx(round(m.var), abs=1e-9)
    assert max(m.var_low, smooth.var_low) <= min(m.var_high, smooth.var_high)
    # A book that is no longer on the lattice: what that moves is in the intervals.
    (moved,) = warm.what_if(put=table.with_columns(ead=1.0037 * pl.col("ead")), first_order=False).measures
    assert moved.var_low <= 1.0037 * m.var <= moved.var_high
    assert moved.es_low <= 1.0037 * m.es <= moved.es_high
    other = portfolio_risk(table.with_columns(ead=pl.col("ead") + 0.001 * pl.int_range(pl.len())), two_factors(), confidences=(0.99,))
    assert other.method == "collapsed"


def test_the_first_order_of_a_name_that_leaves_is_less_its_part_whatever_else_is_asked() -> None:
    names = make_names(roll_up(uneven(400, 60.0), two_factors()), two_factors())
    found = collapse(names, confidences=(0.9, 0.999), rel_tol=0.01, seed=1)
    mixture, losses = found.mixture, [q.var for q in found.quantiles]
    largest = mixture.to_take_out(losses[0])[:3]
    # Taken out at one value at risk, and left in the expansion at the other.
    between = np.setdiff1d(mixture.to_take_out(losses[0]), mixture.to_take_out(losses[1]))[:2]
    for i in [*largest.tolist(), *between.tolist()]:
        gone: dict[str, Any] = {"leaving": np.array([i]), "arrived": np.zeros(0, dtype=np.int64), "was": np.zeros(0, dtype=np.int64)}
        both = mean_changes(mixture, names, losses=losses, **gone)
        for k, (x, q) in enumerate(zip(losses, found.quantiles, strict=True)):
            alone = mean_changes(mixture, names, losses=[x], **gone)[0]
            assert (alone == both[k]).all()
            (shares,) = subject.contributions(mixture, [(x, q.confidence)])
            assert alone[0] == pytest.approx(-shares.es[i] * (1.0 - q.confidence), rel=1e-3)


def test_names_that_are_alike_have_like_parts_however_many_they_are() -> None:
    ids = [f"O{i:03d}" for i in range(200)]
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": 100.0, "lgd": 1.0, "pd_12m": 0.02, "r2": 0.2}).with_columns(
        group=pl.Series(["one"] * 180 + ["two"] * 20)
    )
    found = portfolio_risk(table, model(math.inf), method="collapsed", confidences=(0.999,), listed=200)
    parts = {(part.es[0], part.var[0]) for part in found.contributions if part.by == "obligor" and str(part.name) < "O180"}
    assert np.ptp(np.array(sorted(parts)), axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)


def test_errors_of_first_orders_are_their_spread_over_seeds() -> None:
    table = uneven(400, 60.0)
    loan = pl.DataFrame(
        {"facility_id": ["N"], "obligor_id": ["N"], "ead": [170.0], "lgd": [1.0], "pd_12m": [0.02], "r2": [0.3], "group": ["g2"]}
    )
    told = []
    for seed in range(12):
        _, measure = WarmPortfolio(table, two_factors(), method="collapsed", seed=seed).what_if(put=loan).measures
        told.append([(first.value, first.se) for first in (measure.marginal_var, measure.marginal_es) if first is not None])
    values, errors = np.moveaxis(np.array(told), 2, 0)
    # 12 seeds tell a standard deviation to 21 %.
    assert (values.std(axis=0, ddof=1) < 1.6 * np.sqrt(np.square(errors).mean(axis=0))).all()


def test_parts_are_exact_where_any_loss_is_rarer_than_the_tail() -> None:
    names = [f"O{i:03d}" for i in range(60)]
    book = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": [1.0 + i for i in range(60)]}).with_columns(
        pd_12m=pl.lit(1e-4), lgd=pl.lit(0.5), r2=pl.lit(0.2), group=pl.lit("all")
    )
    for method in ("collapsed", "convolution", "few_names"):
        found = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.9, 0.99), method=method)
        assert found.measures[1].var == 0.0
        largest = next(part for part in found.contributions if part.name == "O059")
        assert largest.es == pytest.approx((30.0 * 1e-4 / 0.1, 30.0 * 1e-4 / 0.01), rel=1e-12)
        assert largest.es_se == (0.0, 0.0)
        assert largest.var == (0.0, 0.0)


@pytest.mark.parametrize("method", ["few_names", "plain", "importance_sampling", "creditriskplus"])
def test_who_is_listed_first_is_ruled_by_the_highest_confidence_in_whatever_order_they_are_asked_for(method: str) -> None:
    names = ["A", "B", "C"]
    table = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": [10.0, 100.0, 30.0], "pd_12m": [0.2, 0.003, 0.02]}
    ).with_columns(lgd=1.0, r2=0.2, group=pl.lit("one"))
    rising, falling = (
        portfolio_risk(table, model(math.inf), confidences=levels, method=method, max_scenarios=20_000).contributions
        for levels in ((0.9, 0.999), (0.999, 0.9))
    )
    assert [part.name for part in falling] == [part.name for part in rising]
    assert rising[0].name == "B"
    assert falling[-1].es[::-1] == pytest.approx(rising[-1].es, rel=0.1)  # the group, told in the order asked


def test_importance_sampling_tells_by_what_the_parts_of_either_measure_are_scaled() -> None:
    """Losses near the value at risk stand for it: their mean is all but it, so what is told is no power of the window's width."""
    found = portfolio_risk(book(300), model(math.inf), confidences=(0.99, 0.999), method="importance_sampling", max_scenarios=20_000)
    (note,) = (note for note in found.notes if note.startswith("contributions are scaled to sum to their measures; the factors are "))
    factors = [float(told) for told in note.rpartition(" are ")[2].split(", ")]
    assert len(factors) == 2 * len(found.measures)
    assert factors == pytest.approx([1.0] * 4, abs=0.05)
    for c, measure in enumerate(found.measures):
        assert sum(part.var[c] for part in found.contributions if part.by == "sector") == pytest.approx(measure.var, rel=1e-9)


def test_parts_of_a_column_take_a_table_of_a_block_of_scenarios_and_not_of_all() -> None:
    random = np.random.default_rng(1)
    blocks, rows, width, losses = 40, 250, 500, 1_000
    row = np.sort(random.integers(0, rows, (blocks, losses)), axis=1) + rows * np.arange(blocks)[:, None]
    row, place, amount = row.ravel(), random.integers(0, width, blocks * losses), random.lognormal(0.0, 1.0, blocks * losses)
    weights = [np.full(blocks * rows, 1e-4), np.where(np.arange(blocks * rows) % 50 == 0, 1.0, 0.0) / (blocks * rows // 50)]
    pieces = [slice(start, start + losses) for start in range(0, blocks * losses, losses)]
    tracemalloc.start()
    found = _means_and_errors(weights, row, place, amount, blocks=pieces, width=width)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    table = np.bincount(row * width + place, weights=amount, minlength=blocks * rows * width).reshape(-1, width)
    assert peak < 0.2 * table.nbytes
    for (mean, error), weight in zip(found, weights, strict=True):
        assert mean == pytest.approx(weight @ table, rel=1e-12)
        spread = np.sqrt(weight @ table**2 - mean**2) * np.sqrt((weight**2).sum())
        assert error == pytest.approx(spread, rel=1e-9)
