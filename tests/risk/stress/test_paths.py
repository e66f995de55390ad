"""Stress along a path, ratings under stress, sensitivities, and the factors given a scenario."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput, NotFound
from crfs.risk.stress import (
    Transmission,
    bumped,
    expected_loss,
    restrict,
    shifted_migration,
    stress,
    stress_path,
)
from crfs.risk.stress.shifts import shifted_pd
from tests.risk.stress.books import book, shock_rows

QUARTERS = [date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1)]
seeds = st.integers(0, 5_000)


def along(rows: list[list[dict[str, Any]]]) -> pl.DataFrame:
    told = [{**row, "valid_time": day} for day, part in zip(QUARTERS, rows, strict=True) for row in part]
    return pl.DataFrame(told, schema_overrides={"segment": pl.String()}).drop("notches")


def shocks_along(values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"valid_time": QUARTERS[: len(values)], "pd_probit": values})


@given(seeds)
def test_four_quarters_without_a_shock_are_the_year_of_a_closed_book(seed: int) -> None:
    base = book(seed).drop("maturity_years")
    path = stress_path(base, shocks_along([0.0] * 4), balance_sheet="closed")
    expected = float((base["pd_12m"] * base["lgd"] * base["ead"]).sum())
    assert path.total_base == pytest.approx(expected, rel=1e-12, abs=4 * base.height * path.quantum)
    assert (path.base == path.stressed).all()
    assert path.to_table()["change"].to_list() == [0.0] * 4
    static = stress_path(base, shocks_along([0.0] * 4))
    quarter = -np.expm1(0.25 * np.log1p(-np.minimum(base["pd_12m"].to_numpy(), 1 - 1e-16)))
    loss = np.where(base["pd_12m"].to_numpy() == 1.0, 1.0, quarter) * (base["lgd"] * base["ead"]).to_numpy()
    assert static.base.sum(axis=1) == pytest.approx([loss.sum()] * 4, rel=1e-12, abs=base.height * static.quantum)


rows_along = st.lists(shock_rows(harmful=True), min_size=4, max_size=4)


@given(seeds, rows_along, st.floats(0.0, 1.0), st.sampled_from(["segment", "sector", None]))
def test_on_a_static_balance_sheet_a_harder_path_never_loses_less(
    seed: int, rows: list[list[dict[str, Any]]], share: float, tag: str | None
) -> None:
    milder = [[{**row, **{name: row[name] * share for name in ("pd_probit", "lgd_add", "ccf_add")}} for row in part] for part in rows]
    mild, hard = (stress_path(book(seed), along(one), tag=tag) for one in (milder, rows))
    assert (hard.stressed >= mild.stressed).all()
    assert (mild.stressed >= mild.base).all()
    assert (mild.base == hard.base).all()
    table = hard.to_table()
    assert table["el_stressed"].sum() == hard.total_stressed == hard.by_label()["el_stressed"].sum()
    assert table["cumulative_change"][-1] == hard.total_stressed - hard.total_base
    json.dumps(hard.to_dict())


def test_on_a_closed_balance_sheet_an_early_default_may_spare_a_dearer_one() -> None:
    base = pl.DataFrame({"facility_id": ["F"], "obligor_id": ["O"], "ead": [1.0], "lgd": [0.2], "pd_12m": [0.5]})
    days = QUARTERS[:2]
    mild = pl.DataFrame({"valid_time": days, "pd_probit": [0.0, 3.0], "lgd_add": [0.0, 0.8]})
    hard = mild.with_columns(pd_probit=pl.Series([3.0, 3.0]))
    assert stress_path(base, hard, balance_sheet="closed").total_stressed < stress_path(base, mild, balance_sheet="closed").total_stressed
    assert stress_path(base, hard).total_stressed > stress_path(base, mild).total_stressed


def test_a_closed_book_ends_at_its_maturities() -> None:
    base = pl.DataFrame(
        {
            "facility_id": ["F1", "F2", "F3"],
            "obligor_id": ["A", "B", "C"],
            "ead": 100.0,
            "lgd": 1.0,
            "pd_12m": 0.1,
            "maturity_years": [0.375, None, 0.0],
        }
    )
    path = stress_path(base, shocks_along([0.0] * 4), balance_sheet="closed", tag="facility_id")
    per = [100 * (0.9 ** (k / 4) - 0.9 ** ((k + 1) / 4)) for k in range(4)]
    assert path.base[:, 1] == pytest.approx(per, rel=1e-12)
    assert path.base[:, 0] == pytest.approx([per[0], 100 * (0.9**0.25 - 0.9**0.375), 0.0, 0.0], rel=1e-9, abs=1e-12)
    assert path.base[:, 2].tolist() == [0.0] * 4


def test_the_periods_of_a_path_follow_each_other() -> None:
    base = book(1)
    with pytest.raises(InvalidInput, match="valid_time in every row"):
        stress_path(base, pl.DataFrame({"pd_probit": [0.1]}))
    with pytest.raises(InvalidInput, match="do not follow each other evenly"):
        stress_path(base, pl.DataFrame({"valid_time": [QUARTERS[0], QUARTERS[1], QUARTERS[3]], "pd_probit": 0.1}))
    with pytest.raises(InvalidInput, match="not those of P1M"):
        stress_path(base, shocks_along([0.1, 0.1]), period="P1M")
    assert stress_path(base, shocks_along([0.1]), period="P12M").total_stressed == pytest.approx(
        stress(base, pl.DataFrame({"pd_probit": [0.1]})).el_stressed, rel=1e-12
    )


@st.composite
def migrations(draw: st.DrawFn) -> np.ndarray:
    size = draw(st.integers(2, 6))
    rows = [draw(st.lists(st.sampled_from([0.0, 1.0, 3.0, 50.0]), min_size=size, max_size=size)) for _ in range(size - 1)]
    assume(all(sum(row) for row in rows))
    made = np.array([[cell / sum(row) for cell in row] for row in rows] + [[0.0] * (size - 1) + [1.0]])
    return np.asarray(made)


@given(migrations(), st.floats(-3, 3), st.floats(0, 2))
def test_ratings_under_a_harder_shift_are_worse_in_every_grade(matrix: np.ndarray, shift: float, more: float) -> None:
    mild, hard = shifted_migration(matrix, shift), shifted_migration(matrix, shift + more)
    for one in (mild, hard):
        assert one.sum(axis=1) == pytest.approx(np.ones(len(one)), abs=1e-12)
        assert (one >= 0.0).all()
        assert one[-1].tolist() == matrix[-1].tolist()
        # What cannot happen, at either end, still cannot.
        for row, given_row in zip(one[:-1], matrix[:-1], strict=True):
            possible = np.flatnonzero(given_row)
            assert row[: possible[0]].tolist() == [0.0] * int(possible[0])
            assert row[possible[-1] + 1 :].tolist() == [0.0] * int(len(row) - possible[-1] - 1)
    tails = [np.cumsum(one[:, ::-1], axis=1) for one in (mild, hard)]
    assert (tails[1] >= tails[0] - 1e-12).all()
    assert mild[:-1, -1] == pytest.approx(shifted_pd(matrix[:-1, -1], np.full(len(matrix) - 1, shift)), abs=1e-15)


@given(migrations())
def test_no_shift_is_the_same_matrix(matrix: np.ndarray) -> None:
    assert (shifted_migration(matrix, 0.0) == matrix).all()


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        ([[1.0]], "two grades"),
        ([[0.9, 0.2], [0.0, 1.0]], "row 1: out_of_range: the row sums to 1.1"),
        ([[0.9, 0.1], [0.1, 0.9]], "never left"),
        ([[1.2, -0.2], [0.0, 1.0]], "row 1, column 1: out_of_range: 1.2"),
        ([[math.nan, 1.0], [0.0, 1.0]], "no probability"),
    ],
)
def test_what_is_no_migration_matrix_is_named(matrix: list[list[float]], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        shifted_migration(matrix, 0.1)
    with pytest.raises(InvalidInput):
        shifted_migration([[0.9, 0.1], [0.0, 1.0]], math.inf)


@pytest.mark.parametrize(
    ("name", "size", "change"),
    [
        ("pd_relative", 0.1, lambda pd, lgd, ead: 0.1 * pd * lgd * ead),
        ("ead_relative", -0.2, lambda pd, lgd, ead: -0.2 * pd * lgd * ead),
        ("lgd_add", 0.05, lambda pd, lgd, ead: 0.05 * pd * ead),
        ("lgd_add", -0.05, lambda pd, lgd, ead: -0.05 * pd * ead),
        ("pd_probit", 0.1, lambda pd, lgd, ead: (ndtr(ndtri(pd) + 0.1) - pd) * lgd * ead),
    ],
)
def test_a_moved_input_moves_the_expected_loss_by_its_formula(name: str, size: float, change: Callable[..., np.ndarray]) -> None:
    base = book(9, rows=30).with_columns(lgd=pl.col("lgd").clip(0.1, 0.9), pd_12m=pl.col("pd_12m").clip(0.001, 0.5))
    moved = expected_loss(bumped(base, name, size)) - expected_loss(base)
    assert moved == pytest.approx(change(*(base[column].to_numpy() for column in ("pd_12m", "lgd", "ead"))), rel=1e-9, abs=1e-12)


MODEL = FactorModel(
    factors=("us", "eu", "asia"),
    correlation=((1.0, 0.6, 0.3), (0.6, 1.0, 0.4), (0.3, 0.4, 1.0)),
    groups={"west": {"us": 1.0, "eu": 1.0}, "asian": {"asia": 2.0}},
)


def test_what_the_model_says_already_changes_nothing() -> None:
    names = ("west", "asian")
    rows = np.array([MODEL.direction(name) for name in names])
    own = rows @ MODEL.correlation_matrix() @ rows.T
    same = restrict(MODEL, ConditionalFactors(factors=names, mean=(0.0, 0.0), covariance=tuple(map(tuple, own.tolist()))))
    assert same.mean_array() == pytest.approx(np.zeros(3), abs=1e-15)
    assert same.covariance_array() == pytest.approx(MODEL.correlation_matrix(), abs=1e-12)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.0, 2.0))
def test_the_named_factors_end_as_they_were_given(one: float, two: float, variance: float) -> None:
    given_factors = ConditionalFactors(
        factors=("west", "asian"), mean=(one, two), covariance=((variance, 0.1 * variance), (0.1 * variance, variance))
    )
    found = restrict(MODEL, given_factors)
    rows = np.array([MODEL.direction(name) for name in given_factors.factors])
    assert rows @ found.mean_array() == pytest.approx([one, two], abs=1e-9)
    assert rows @ found.covariance_array() @ rows.T == pytest.approx(given_factors.covariance_array(), abs=1e-9)


def test_the_rest_follows_by_regression() -> None:
    given_factors = ConditionalFactors(factors=("us", "eu"), mean=(-2.0, -1.0), covariance=((0.0, 0.0), (0.0, 0.0)), notes=("x",))
    found = restrict(MODEL, given_factors)
    slope = np.linalg.solve(np.array([[1.0, 0.6], [0.6, 1.0]]), np.array([0.3, 0.4]))
    assert found.mean[2] == pytest.approx(float(slope @ [-2.0, -1.0]))
    assert found.covariance[2][2] == pytest.approx(1.0 - float(slope @ [0.3, 0.4]))
    assert found.covariance[0][0] == pytest.approx(0.0, abs=1e-12)
    assert found.notes == ("x",)
    twice = restrict(MODEL, ConditionalFactors(factors=("asia", "asian"), mean=(-1.0, -1.0), covariance=((0.5, 0.5), (0.5, 0.5))))
    once = restrict(MODEL, ConditionalFactors(factors=("asia",), mean=(-1.0,), covariance=((0.5,),)))
    assert twice.mean_array() == pytest.approx(once.mean_array(), abs=1e-9)
    assert twice.covariance_array() == pytest.approx(once.covariance_array(), abs=1e-9)
    with pytest.raises(NotFound, match="no factor or group 'mars'"):
        restrict(MODEL, ConditionalFactors(factors=("mars",), mean=(0.0,), covariance=((1.0,),)))


@pytest.mark.parametrize(
    ("mean", "covariance", "match"),
    [
        ((0.0,), ((1.0, 0.0), (0.0, 1.0)), "2 means"),
        ((0.0, math.nan), ((1.0, 0.0), (0.0, 1.0)), "not finite"),
        ((0.0, 0.0), ((1.0, 0.5), (0.0, 1.0)), "not symmetric"),
        ((0.0, 0.0), ((1.0, 2.0), (2.0, 1.0)), "not positive semi-definite"),
    ],
)
def test_impossible_distributions_are_refused(mean: tuple[float, ...], covariance: tuple[tuple[float, ...], ...], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        ConditionalFactors(factors=("us", "eu"), mean=mean, covariance=covariance)


def test_satellite_models_drive_a_book() -> None:
    """The whole way: history to satellites, a scenario to shocks, shocks to a stressed book and to the factors of an engine."""
    from crfs.credit.scenarios import shift
    from crfs.models.satellite import SatelliteSpec, SatelliteTransmission, Term, conditional_factors, fit_default_rates, fit_latent_factor
    from tests.models import macro_world as world

    rng = np.random.default_rng(1)
    values = world.macro(rng, 100)
    terms = (Term(variable=world.UNEMPLOYMENT, sign=1),)
    rates = fit_default_rates(world.rates(world.log_odds_rates(rng, values)), world.long(values), SatelliteSpec(terms=terms))
    factor = fit_latent_factor(
        world.rates(world.factor_rates(values, rng.standard_normal(100))),
        world.long(values),
        SatelliteSpec(terms=terms),
        pd=world.PD,
        r2=world.R2,
    )
    calm = world.scenario(date(2021, 1, 1), unemployment=[0.055] * 8, growth=[0.02] * 8)
    slump = shift(calm, {world.UNEMPLOYMENT: 0.04}, name="slump")
    transmission: Transmission = SatelliteTransmission(pd={None: rates, "mortgage": factor}, base=calm)
    base = book(9)
    assert stress(base, transmission(calm), at="worst").waterfall.change == 0.0
    hard = stress(base, transmission(slump), at="worst")
    assert hard.el_stressed > hard.el_base
    low, high = (stress(base, transmission(slump), at=hard.at, band=band).el_stressed for band in ("low", "high"))
    assert low < hard.el_stressed < high
    assert stress_path(base, transmission(slump)).total_stressed > stress_path(base, transmission(calm)).total_stressed
    found = restrict(FactorModel.one_factor("mortgage"), conditional_factors({"mortgage": factor}, slump))
    assert found.mean[0] < -0.5
    assert 0.0 < found.covariance[0][0] < 1.5
