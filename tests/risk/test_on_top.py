"""A changed book's number beside what is told of the book: in the order of the shocks, within what can be lost, and exactly the book's where nothing moves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crfs.credit.factor_model import FactorModel
from crfs.risk import WarmPortfolio
from crfs.risk.book_changes import BookChange, changed_book
from crfs.risk.measures import TailMeasure
from crfs.risk.obligors import ORDER, roll_up
from crfs.risk.on_top import Anchor, Carried
from crfs.risk.stress import bumped
from crfs.risk.stress.stressed_book import checked_book
from crfs.risk.what_if import Difference, WhatIf
from tests.thorough import cases


@given(told=st.floats(0.0, 100.0), found=st.floats(0.0, 100.0), afters=st.lists(st.floats(0.0, 130.0), min_size=2, max_size=2))
@example(told=0.0, found=100.0, afters=[0.0, 50.0])
@cases(200)
def test_what_is_told_moves_with_what_was_found_and_ends_where_it_does(told: float, found: float, afters: list[float]) -> None:
    anchor = Anchor(told=told, found=found, greatest=100.0)
    low, high = (told + anchor.moved(after) for after in sorted(afters))
    assert low <= high * (1.0 + 1e-12) + 1e-9
    assert low >= -1e-9
    assert anchor.moved(found) == 0.0
    if found < 100.0:
        # All that the book can lose is lost by both.
        assert told + anchor.moved(100.0) == pytest.approx(100.0)


def test_slopes_are_those_of_the_move() -> None:
    for after in (2.0, 9.0, 20.0, 80.0, 120.0):
        anchor, h = Anchor(told=11.0, found=10.0, greatest=100.0), 1e-6
        by_after, by_found, kept = anchor.slopes(after)
        assert by_after == pytest.approx((anchor.moved(after + h) - anchor.moved(after - h)) / (2 * h), rel=1e-6)
        ends = [Anchor(told=11.0 + step, found=10.0, greatest=100.0).moved(after) + 11.0 + step for step in (h, -h)]
        assert kept == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-9)
        assert by_found == -kept


def _hard(copula: str) -> FactorModel:
    text = (
        '{"factors": ["economy", "home"], "correlation": [[1, 0.2], [0.2, 1]], "groups": {"corp": {"economy": 1}, "retail": {"economy": 0.3, '
        '"home": 0.9}}, "copula": ' + copula + "}"
    )
    return FactorModel.from_json(text)


def _book(lgd_sd: float = 0.0, follows: float = 0.0) -> pl.DataFrame:
    ids = [f"O{i:02d}" for i in range(40)]
    ead = [1_000_003.0 + 37_511.0 * i for i in range(40)]
    told = {"lgd_sd": lgd_sd, "lgd_factor_loading": follows} if lgd_sd else {}
    group = ["retail", "corp"] * 20
    return checked_book(
        pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": ead, "lgd": 0.45, "pd_12m": 0.1, "r2": 0.2, "group": group, **told})
    )


def _is_possible(told: WhatIf, base: WarmPortfolio, greatest: float) -> None:
    slack = 1e-9 * greatest
    for m, before in zip(told.measures, base.result.measures, strict=True):
        assert m.var_low - slack <= m.var <= m.var_high + slack <= greatest + 2 * slack
        assert m.es_low - slack <= m.es <= m.es_high + slack <= greatest + 2 * slack
        assert m.es >= max(m.var, told.el) - slack
        for value, was, moved in ((m.var, before.var, m.incremental_var), (m.es, before.es, m.incremental_es)):
            assert value - was == pytest.approx(moved.value, abs=1e-3)
            assert moved.low - slack <= moved.value <= moved.high + slack
            assert was + moved.high <= greatest + 2 * slack
    assert 0.0 <= told.ul <= math.sqrt(max(greatest - told.el, 0.0) * told.el) + 1e-6 * greatest
    assert told.ul - base.result.ul == pytest.approx(told.incremental_ul.value, abs=1e-3)


@pytest.mark.parametrize("copula", ['"gaussian"', '{"t": 5, "groups": {"retail": 20}}'])
def test_a_stressed_loss_is_never_more_than_can_be_lost(copula: str) -> None:
    table = _book()
    warm = WarmPortfolio(table, _hard(copula))
    greatest = float((table["ead"] * table["lgd"]).sum())
    last = np.zeros(4)
    methods = set()
    for probit in (0.5, 2.5, 3.0, 4.0, 8.0):
        told = warm.what_if(put=bumped(table, "pd_probit", probit), first_order=False)
        methods.add(told.method)
        _is_possible(told, warm, greatest)
        assert told.ul_se <= 0.1 * warm.result.ul
        values = np.array([value for m in told.measures for value in (m.var, m.es)])
        assert (values >= last * (1.0 - 1e-9)).all()
        last = values
    # What is left to lose is lost: nothing of what two methods differ by for the book is left over.
    assert last == pytest.approx(np.full(4, greatest), rel=1e-9)
    assert told.ul <= 1e-3 * warm.result.ul
    assert "few_names" in methods


def test_a_simulated_book_loses_no_more_than_there_is_either() -> None:
    table = _book(lgd_sd=0.2, follows=0.3)
    warm = WarmPortfolio(table, _hard('"gaussian"'), max_scenarios=5_000, method="importance_sampling")
    for probit in (2.5, 8.0):
        _is_possible(warm.what_if(put=bumped(table, "pd_probit", probit), first_order=False), warm, float(table["ead"].sum()))


def test_an_error_of_the_book_is_no_error_of_a_loss_of_everything() -> None:
    told = TailMeasure(
        confidence=0.99, var=50.0, var_se=1.0, var_low=48.0, var_high=52.0, es=60.0, es_se=1.0, es_low=58.0, es_high=62.0, tail_scenarios=9
    )
    none = Difference(value=50.0, se=0.0, low=50.0, high=50.0)
    everything, half = Carried(moved=none, kept=0.0), Carried(moved=replace(none, value=20.0, low=20.0, high=20.0), kept=1.0)
    assert everything.number(told, "var") == {"se": 0.0, "low": 100.0, "high": 100.0}
    assert everything.with_error_of(told, "var") == Difference(value=50.0, se=1.0, low=48.0, high=52.0)
    assert half.number(told, "var") == {"se": 1.0, "low": 68.0, "high": 72.0}
    assert half.with_error_of(told, "var") == half.moved


def test_all_that_can_be_lost_follows_a_change() -> None:
    base = _book().with_columns(
        lgd_sd=pl.Series([0.2, None] * 20), lgd_factor_loading=pl.Series([None, 0.3, None, None] * 10), pd_12m=pl.Series([0.0, *[0.1] * 39])
    )
    base = checked_book(base)
    model = _hard('"gaussian"')
    moved = bumped(bumped(base, "lgd_add", 0.1), "ead_relative", 0.2)[5:30]
    change = BookChange(put=moved, drop=[base["facility_id"][1]], pd={"O00": 0.5})
    changed = changed_book(base.sort(*ORDER), change, model)
    after = roll_up(changed.book, model).greatest_loss
    assert changed.greatest_loss(roll_up(base, model).greatest_loss) == pytest.approx(after, rel=1e-12)
