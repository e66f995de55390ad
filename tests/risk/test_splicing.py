"""A changed book from the book before it: the bits that a roll-up of the changed book gives."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.quality.portfolio import validate_portfolio
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.book_changes import BookChange, changed_book
from crfs.risk.names import make_names
from crfs.risk.obligors import ORDER, roll_up
from crfs.risk.splicing import Change, spliced_names, spliced_obligors

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}, "twin": {"eu": 2.0}}
COPULAS = [Copula(nu=math.inf), Copula(nu=5.0), Copula(nu=6.0, by_group=(("banks", 4.0), ("retail", 9.0)))]


def model(copula: Copula, *, correlation: float = 0.3) -> FactorModel:
    matrix = ((1.0, correlation, 0.1), (correlation, 1.0, -0.2), (0.1, -0.2, 1.0))
    return FactorModel(factors=("us", "eu", "oil"), correlation=matrix, groups=GROUPS, copula=copula)


def rows(numbers: list[int], *, seed: int, facilities: int = 1) -> pl.DataFrame:
    """Facilities of obligors by their numbers; some obligors follow nothing, default never or for certain, or have random losses."""
    rng = np.random.default_rng(seed)
    owner = [n for n in numbers for _ in range(facilities)]
    by_obligor = {
        n: (float(rng.choice([0.0, 0.004, 0.02, 0.3, 1.0])), float(rng.choice([0.0, 0.1, 0.3])), str(rng.choice(sorted(GROUPS))))
        for n in numbers
    }
    count = len(owner)
    return pl.DataFrame(
        {
            "facility_id": [f"F{n:05d}-{seed}-{k % facilities}" for k, n in enumerate(owner)],
            "obligor_id": [f"O{n:05d}" for n in owner],
            "ead": np.round(rng.lognormal(6.0, 1.5, count), 2),
            "lgd": rng.uniform(0.2, 0.7, count),
            "lgd_sd": np.where(rng.random(count) < 0.3, 0.1, 0.0),
            "pd_12m": [by_obligor[n][0] for n in owner],
            "r2": [by_obligor[n][1] for n in owner],
            "group": [by_obligor[n][2] for n in owner],
            "sector": rng.choice(["a", "b"], count),
        }
    )


def assert_same(one: Any, other: Any) -> None:
    for field in fields(one):
        if field.name.startswith("_"):
            continue
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.tobytes() == b.tobytes(), field.name
        elif isinstance(a, pl.Series):
            assert a.to_list() == b.to_list(), field.name
        elif isinstance(a, dict):
            assert {key: value.to_list() for key, value in a.items()} == {key: value.to_list() for key, value in b.items()}, field.name
        else:
            assert a == b, field.name


@given(
    copula=st.sampled_from(COPULAS),
    seed=st.integers(0, 10_000),
    size=st.integers(2, 60),
    facilities=st.integers(1, 3),
    coming=st.lists(st.integers(0, 140), max_size=6, unique=True),
    moving=st.lists(st.integers(0, 59), max_size=6, unique=True),
    going=st.lists(st.integers(0, 59), max_size=4, unique=True),
    huge=st.booleans(),
)
def test_a_changed_book_is_spliced_to_the_bits_of_its_own_roll_up(
    copula: Copula, seed: int, size: int, facilities: int, coming: list[int], moving: list[int], going: list[int], huge: bool
) -> None:
    factor_model = model(copula)
    book = (
        validate_portfolio(rows([2 * n for n in range(size)], seed=seed, facilities=facilities), factor_model)
        .require_all("it")
        .sort(*ORDER)
    )
    known = book["facility_id"].to_list()
    gone = [known[k * facilities] for k in going if k < size - 1]
    put = rows([n for n in coming if n % 2 or n >= 2 * size], seed=seed + 1)
    change = BookChange(
        put=put.with_columns(ead=pl.col("ead") * 1e6) if huge else put,
        drop=gone,
        pd={f"O{2 * n:05d}": 0.07 for n in moving if n < size and not any(name.startswith(f"F{2 * n:05d}-") for name in gone)},
    )
    if change.empty:
        return
    changed = changed_book(book, change, factor_model)
    whole = changed.book
    assert whole.select(ORDER).rows() == sorted(whole.select(ORDER).rows())
    expected = roll_up(whole.sample(fraction=1.0, shuffle=True, seed=1), factor_model)
    before = roll_up(book, factor_model)
    step = Change.of(before, changed.obligors, roll_up(changed.touched, factor_model) if changed.touched.height else None)
    obligors = spliced_obligors(before, whole, factor_model, step)
    # Where a direction comes or goes there is nothing to splice.
    if obligors is None:
        assert before.directions.tobytes() != expected.directions.tobytes()
        return
    assert_same(obligors, expected)
    if not before.loss.max() > 0.0:
        return
    names = spliced_names(make_names(before, factor_model), obligors, factor_model, step)
    if names is not None:
        again = make_names(expected, factor_model)
        assert_same(names, again)
        assert [names.class_key(k) for k in range(len(names.directions))] == [again.class_key(k) for k in range(len(again.directions))]


def test_most_changes_of_a_larger_book_are_spliced() -> None:
    factor_model = model(Copula(nu=math.inf))
    book = validate_portfolio(rows(list(range(0, 2_000, 2)), seed=3), factor_model).require_all("it").sort(*ORDER)
    before = roll_up(book, factor_model)
    names = make_names(before, factor_model)
    for change in (BookChange(pd={"O00010": 0.1}), BookChange(put=rows([11, 5_000], seed=4)), BookChange(drop=["F00010-3-0"])):
        changed = changed_book(book, change, factor_model)
        step = Change.of(before, changed.obligors, roll_up(changed.touched, factor_model) if changed.touched.height else None)
        obligors = spliced_obligors(before, changed.book, factor_model, step)
        assert obligors is not None
        assert spliced_names(names, obligors, factor_model, step) is not None


def test_groups_that_nearly_agree_are_not_spliced() -> None:
    near = FactorModel(
        factors=("us", "eu"),
        correlation=((1.0, 0.3), (0.3, 1.0)),
        groups={"a": {"us": 1.0}, "b": {"us": 1.0, "eu": 1e-12}},
        copula=Copula(),
    )
    book = rows(list(range(20)), seed=5).with_columns(group=pl.lit("b"), r2=pl.lit(0.2)).sort(*ORDER)
    before = roll_up(book, near)
    step = Change.of(before, ("O00001",), roll_up(book.filter(pl.col("obligor_id") == "O00001"), near))
    assert spliced_obligors(before, book, near, step) is None


@pytest.mark.parametrize("copula", COPULAS)
def test_a_history_of_changes_leaves_no_trace_in_the_bits(copula: Copula) -> None:
    factor_model = model(copula)
    warm = WarmPortfolio(rows(list(range(0, 1_200, 2)), seed=6, facilities=2), factor_model, confidences=(0.99,))
    steps: list[dict[str, Any]] = [
        {"pd": {"O00010": 0.2, "O00500": 0.0}},
        {"put": rows([1, 77, 9_999], seed=7)},
        {"factor_model": model(copula, correlation=0.5)},
        {"drop": ["F00010-6-0", "F00012-6-0", "F00012-6-1"], "pd": {"O00010": 0.3}},
        {"put": rows([77], seed=7).with_columns(ead=pl.lit(3e6), group=pl.lit("retail"))},
        {"drop": ["F00077-7-0"]},
        {"pd": {"O00010": 0.3}, "factor_model": factor_model},
    ]
    for step in steps:
        warm.update(**step)
        cold = portfolio_risk(
            warm.book.sample(fraction=1.0, shuffle=True, seed=2), warm.factor_model, confidences=(0.99,), contributions=False
        )
        assert warm.result.to_dict() == cold.to_dict()
