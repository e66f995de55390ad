"""Attribution of a change between two dates: parts sum to the last bit, each cause is found, and no order is favoured where none should be."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import portfolio_risk
from crfs.risk.attribution import ORDER, Attribution, Block, attribute
from tests.thorough import cases

MODEL = FactorModel(factors=("a", "b"), correlation=((1.0, 0.3), (0.3, 1.0)), groups={"A": {"a": 1.0}, "B": {"b": 1.0}})
QUICK: dict[str, Any] = {"confidences": (0.99,), "rel_tol": 0.05}
WILD: dict[str, Any] = {"confidences": (0.99,), "rel_tol": 0.5, "max_scenarios": 2_000}


def book(seed: int, rows: int = 14, first: int = 0) -> pl.DataFrame:
    """Facilities from number ``first`` on; two in three obligors have one, the others two."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(first, first + rows)
    owner = numbers - (numbers % 4 == 3)
    pd, r2 = rng.choice([0.0, 0.004, 0.03, 0.2, 1.0], 400), rng.uniform(0.05, 0.4, 400)
    return pl.DataFrame(
        {
            "facility_id": [f"F{i:03d}" for i in numbers],
            "obligor_id": [f"O{i:03d}" for i in owner],
            "ead": 100.0 * rng.integers(1, 20, rows),  # whole hundreds, so that few names are measured on a lattice
            "lgd": rng.choice([0.0, 0.5, 1.0], rows),
            "pd_12m": pd[owner],
            "r2": r2[owner],
            "group": [("A", "B")[i % 2] for i in owner],
            "sector": [("food", "steel", None)[k] for k in rng.integers(0, 3, rows)],
            "region": [("north", "south")[k] for k in rng.integers(0, 2, rows)],
        }
    )


def even(names: int = 200) -> pl.DataFrame:
    ids = [f"O{i:04d}" for i in range(names)]
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": 100.0 + np.arange(names) % 7,
            "lgd": 0.4,
            "pd_12m": 0.01 + 0.0001 * (np.arange(names) % 50),
            "r2": 0.2,
            "group": np.array(["A", "B"])[np.arange(names) % 2],
            "sector": np.array(["food", "steel"])[np.arange(names) // 2 % 2],
        }
    )


def sums_exactly(found: Attribution) -> None:
    for one in found.effects:
        total = one.before
        for step in one.steps:
            total += step  # in floating point, one after the other
        assert total == one.after, one
    for one in (effect for effect in found.effects if effect.by is None and effect.measure != "ul"):
        for tag in {effect.by for effect in found.effects} - {None}:
            parts = [e for e in found.effects if e.by == tag and e.measure == one.measure and e.confidence == one.confidence]
            assert sum(part.before for part in parts) == one.before
            assert sum(part.after for part in parts) == one.after
            for k in range(len(one.steps)):
                assert sum(part.steps[k] for part in parts) == one.steps[k]


def step(found: Attribution, block: Block, measure: str = "el", confidence: float | None = None) -> float:
    return found.effect(measure, confidence).steps[found.order.index(block)]


def el(rows: pl.DataFrame) -> float:
    return math.fsum((rows["ead"] * rows["lgd"] * rows["pd_12m"]).to_list())


@given(st.integers(0, 300), st.integers(301, 600), st.sampled_from([0, 3, 14]), st.booleans())
@cases(8)
def test_every_number_is_the_sum_of_its_steps_and_of_its_labels_to_the_last_bit(one: int, other: int, moved: int, shapley: bool) -> None:
    before, after = book(one), book(other, first=moved)
    found = attribute(before, after, MODEL, shapley=shapley and moved != 3, tags=("sector", "region"), **WILD)
    sums_exactly(found)
    whole = found.effect("el")
    assert whole.before == pytest.approx(el(before), rel=1e-12, abs=1e-9)
    assert whole.after == pytest.approx(el(after), rel=1e-12, abs=1e-9)
    for label in ("food", "steel", None):
        mine = next((e for e in found.effects if e.measure == "el" and e.by == "sector" and e.label == label), None)
        rows = after.filter(pl.col("sector").eq_missing(label))
        assert (mine.after if mine else 0.0) == pytest.approx(el(rows), rel=1e-12, abs=1e-9)


def test_the_ends_are_what_each_book_has_by_itself() -> None:
    before, after = even(), even().with_columns(pd_12m=pl.col("pd_12m") * 1.5).tail(150)
    found = attribute(before, after, MODEL, tags=("sector",), **QUICK)
    for rows, which in ((before, "before"), (after, "after")):
        alone = portfolio_risk(rows, MODEL, **QUICK)
        for measure, value in (("var", alone.measures[0].var), ("es", alone.measures[0].es), ("ec", alone.measures[0].var - alone.el)):
            assert getattr(found.effect(measure, 0.99), which) == pytest.approx(value, rel=1e-12)
        assert getattr(found.effect("ul"), which) == pytest.approx(alone.ul, rel=1e-12)
        food = next(c for c in alone.contributions if (c.by, c.name) == ("sector", "food"))
        mine = next(e for e in found.effects if (e.measure, e.by, e.label) == ("es", "sector", "food"))
        assert getattr(mine, which) == pytest.approx(food.es[0], rel=1e-9)
    assert found.runs == 3


def test_the_same_book_twice_is_no_change_and_one_run() -> None:
    found = attribute(book(1), book(1).reverse(), MODEL, shapley=True, tags=("sector",), **QUICK)
    assert found.runs == 1
    assert all(one.before == one.after and not any(one.steps) for one in found.effects)
    assert "the dates do not differ in revisions, gone, new, ead, lgd, pd, model, correlation" in found.notes


@pytest.mark.parametrize(
    ("block", "change"),
    [
        (Block.PD, {"pd_12m": pl.col("pd_12m") * 2.0}),
        (Block.LGD, {"lgd": pl.col("lgd") + 0.1}),
        (Block.EAD, {"ead": pl.col("ead") * 1.1}),
        (Block.CORRELATION, {"r2": pl.col("r2") + 0.1}),
        (Block.GONE, None),
        (Block.NEW, None),
    ],
)
def test_a_single_cause_has_the_whole_change(block: Block, change: dict[str, pl.Expr] | None) -> None:
    base = even()
    before, after = (
        (base, base.with_columns(**change)) if change else (base, base.head(120)) if block is Block.GONE else (base.head(120), base)
    )
    found = attribute(before, after, MODEL, **QUICK)
    assert found.runs == 2
    for measure, confidence in (("el", None), ("ul", None), ("var", 0.99), ("es", 0.99), ("ec", 0.99)):
        whole = found.effect(measure, confidence)
        assert step(found, block, measure, confidence) == whole.after - whole.before
        assert (whole.after != whole.before) == (measure != "el" or block is not Block.CORRELATION)


def test_another_copula_or_correlation_of_factors_is_a_change_of_correlation() -> None:
    other = FactorModel(factors=MODEL.factors, correlation=((1.0, 0.8), (0.8, 1.0)), groups=MODEL.groups)
    for later in (other, FactorModel(factors=MODEL.factors, correlation=MODEL.correlation, groups=MODEL.groups, copula=Copula(nu=5.0))):
        found = attribute(even(100), even(100), MODEL, later, **QUICK)
        assert step(found, Block.CORRELATION) == 0.0
        assert step(found, Block.CORRELATION, "es", 0.99) > 0.0


def test_revisions_and_models_are_told_from_the_change_of_the_book() -> None:
    before = even()
    revised = before.with_columns(pd_12m=pl.col("pd_12m") * 1.1)
    remodelled = before.with_columns(pd_12m=pl.col("pd_12m") * 2.0)
    after = before.with_columns(pd_12m=pl.col("pd_12m") * 3.0)
    found = attribute(before, after, MODEL, revised=revised, remodelled=remodelled, **QUICK)
    assert step(found, Block.REVISIONS) == pytest.approx(0.1 * el(before), rel=1e-12)
    assert step(found, Block.PD) == pytest.approx(0.9 * el(before), rel=1e-12)
    assert step(found, Block.MODEL) == pytest.approx(1.0 * el(before), rel=1e-12)
    with pytest.raises(InvalidInput, match=r"revised has the positions of before: 0 of them are lacking .* 50 are none of them"):
        attribute(before.head(150), after, MODEL, revised=revised, **QUICK)


def test_shares_in_equal_right_are_shapleys_and_know_no_order() -> None:
    """EL = ead x lgd x pd of one name, two factors of which change: the closed form of the mean over both orders."""
    before = even(1)
    after = before.with_columns(lgd=pl.lit(0.6), pd_12m=pl.lit(0.05))
    ead, pd = before["ead"][0], before["pd_12m"][0]
    told = []
    for order in (ORDER, tuple(reversed(ORDER))):
        found = attribute(before, after, MODEL, order=order, shapley=True, **QUICK)
        assert found.runs == 4
        assert step(found, Block.LGD) == pytest.approx(ead * 0.2 * 0.5 * (pd + 0.05), rel=1e-12)
        assert step(found, Block.PD) == pytest.approx(ead * (0.05 - pd) * 0.5 * (0.4 + 0.6), rel=1e-12)
        told.append({block: step(found, block) for block in Block})
    assert told[0] == told[1]
    first, last = (attribute(before, after, MODEL, order=order, **QUICK) for order in (ORDER, tuple(reversed(ORDER))))
    assert step(first, Block.LGD) == pytest.approx(ead * 0.2 * pd, rel=1e-12)
    assert step(last, Block.LGD) == pytest.approx(ead * 0.2 * 0.05, rel=1e-12)


def test_shapley_is_the_mean_over_every_order_of_the_active_blocks() -> None:
    before = book(5, rows=6)
    after = before.with_columns(ead=pl.col("ead") * 2.0, lgd=0.5 * pl.col("lgd"), pd_12m=pl.col("pd_12m") * 0.5)
    moving = (Block.EAD, Block.LGD, Block.PD)
    still = tuple(block for block in ORDER if block not in moving)
    together = attribute(before, after, MODEL, shapley=True, **WILD)
    for measure, confidence in (("el", None), ("es", 0.99)):
        means = dict.fromkeys(moving, 0.0)
        for order in itertools.permutations(moving):
            found = attribute(before, after, MODEL, order=(*order, *still), **WILD)
            for block in moving:
                means[block] += step(found, block, measure, confidence) / 6.0
        for block in moving:
            assert step(together, block, measure, confidence) == pytest.approx(means[block], rel=1e-9, abs=1e-9)


def test_the_expected_loss_alone_takes_no_run_of_the_engine() -> None:
    before, after = book(5), book(6, first=4)
    options: dict[str, Any] = {"shapley": True, "tags": ("sector",), "confidences": ()}
    alone = attribute(before, after, MODEL, **options)
    sums_exactly(alone)
    assert {one.measure for one in alone.effects} == {"el"}
    whole = attribute(before, after, MODEL, **WILD).effect("el")
    assert alone.effect("el").before == pytest.approx(whole.before, rel=1e-14)
    assert alone.effect("el").after == pytest.approx(whole.after, rel=1e-14)
    # Without correlations: they move no expected loss.
    assert step(alone, Block.CORRELATION) == 0.0


def test_an_obligors_facilities_move_with_it_even_where_one_is_new_or_gone() -> None:
    before = pl.DataFrame(
        {"facility_id": ["F1", "F2"], "obligor_id": "A", "ead": 100.0, "lgd": 0.5, "pd_12m": 0.02, "r2": 0.2, "group": "A"}
    )
    after = before.with_columns(facility_id=pl.Series(["F1", "F3"]), pd_12m=pl.lit(0.04), r2=pl.lit(0.3), group=pl.lit("B"))
    for order in (ORDER, tuple(reversed(ORDER))):
        found = attribute(before, after, MODEL, order=order, **QUICK)
        sums_exactly(found)
        assert found.effect("el").after == pytest.approx(4.0)
    first = attribute(before, after, MODEL, **QUICK)
    assert [round(step(first, block), 9) for block in (Block.GONE, Block.NEW, Block.PD)] == [-1.0, 1.0, 2.0]
    moved = before.with_columns(obligor_id=pl.Series(["A", "Z"]))
    elsewhere = attribute(before, moved, MODEL, order=tuple(reversed(ORDER)), **QUICK)
    assert step(elsewhere, Block.GONE) == -step(elsewhere, Block.NEW) == pytest.approx(-1.0)


def test_loadings_of_ones_own_are_followed_too() -> None:
    base = even(40).drop("group", "r2").with_columns(pl.lit(0.3).alias("loading:a"), pl.lit(0.2).alias("loading:b"))
    found = attribute(base.head(30), base.with_columns(pl.lit(0.5).alias("loading:a")), MODEL, **QUICK)
    sums_exactly(found)
    assert step(found, Block.CORRELATION, "es", 0.99) > 0.0
    assert step(found, Block.NEW) > 0.0


def test_errors_of_replicates_are_those_of_the_shared_numbers() -> None:
    before, after = even(), even().with_columns(pd_12m=pl.col("pd_12m") * 1.2)
    alone = attribute(before, after, MODEL, **QUICK).effect("es", 0.99)
    many = attribute(before, after, MODEL, replicates=4, **QUICK).effect("es", 0.99)
    place = ORDER.index(Block.PD)
    assert alone.step_se is not None
    assert many.step_se is not None
    assert 0.0 < many.step_se[place] < alone.step_se[place]
    assert abs(many.steps[place] - alone.steps[place]) < 5.0 * alone.step_se[place]
    assert [se for k, se in enumerate(many.step_se) if k != place] == [0.0] * (len(ORDER) - 1)


def test_a_group_of_one_date_alone_needs_a_place_in_the_other_model() -> None:
    later = FactorModel(
        factors=("a", "b", "c"), correlation=tuple(map(tuple, np.eye(3).tolist())), groups={**MODEL.groups, "C": {"c": 1.0}}
    )
    base = even(20)
    after = base.with_columns(group=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("C")).otherwise("group"))
    sums_exactly(attribute(base, after, MODEL, later, **QUICK))
    with pytest.raises(InvalidInput, match="follows the group 'C', which the other date's factor model lacks"):
        attribute(base.tail(10), after, MODEL, later, **QUICK)
    known = FactorModel(factors=("a", "b"), correlation=MODEL.correlation, groups={**MODEL.groups, "C": {"a": 1.0, "b": 1.0}})
    sums_exactly(attribute(base.tail(10), after, MODEL, known, **QUICK))


def test_a_book_that_is_all_new_starts_from_nothing_on_the_way() -> None:
    found = attribute(even(10), even(30).tail(20), MODEL, tags=("sector",), **QUICK)
    sums_exactly(found)
    assert step(found, Block.GONE) == -found.effect("el").before
    assert step(found, Block.NEW) == found.effect("el").after


def test_its_content_is_plain() -> None:
    found = attribute(even(10), even(12), MODEL, tags=("sector",), **QUICK)
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["order"] == [block.value for block in ORDER]
    assert found.to_table().height == len(content["effects"]) == 5 + 4 * 2


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"order": ("pd",)}, "order has each of"),
        ({"order": ("pd", "luck")}, "luck"),
        ({"tags": ("colour",)}, "cannot be cut by 'colour'; they have sector"),
        ({"tags": ("region",)}, "cannot be cut by 'region'"),
        ({"replicates": 0}, "one or more"),
        ({"accept_partial": True}, "compared whole"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        attribute(even(4), even(4), MODEL, **options)


def test_wrong_rows_and_currencies_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"after: 1 row\(s\) rejected: row 2, column ead"):
        attribute(even(4), even(4).with_columns(ead=pl.Series([1.0, -1.0, 1.0, 1.0])), MODEL)
    with pytest.raises(InvalidInput, match="EUR and USD"):
        attribute(even(4).with_columns(currency=pl.lit("EUR")), even(4).with_columns(currency=pl.lit("USD")), MODEL)
