"""Segment means: the mean, its error, and the parent where there are too few."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.models.segments import SegmentMeans, fit_segment_means


def test_interval_of_a_mean_is_students() -> None:
    from scipy import stats

    x = np.random.default_rng(1).beta(0.5, 1.0, 25)
    root = fit_segment_means(pl.DataFrame({"x": x}), outcome="x", columns=(), minimum=2).segments[0]
    low, high = stats.t.interval(0.95, 24, loc=x.mean(), scale=stats.sem(x))
    assert (root.mean, root.lower, root.upper, root.sd) == pytest.approx((x.mean(), low, high, x.std(ddof=1)), abs=1e-12)


def test_copies_of_an_obligors_case_do_not_make_the_error_smaller() -> None:
    x = np.random.default_rng(2).random(40)
    once = fit_segment_means(pl.DataFrame({"x": x}), outcome="x", columns=(), minimum=2).segments[0]
    table = pl.DataFrame({"x": np.repeat(x, 5), "who": np.repeat(np.arange(40), 5)})
    many = fit_segment_means(table, outcome="x", columns=(), minimum=2, obligor="who").segments[0]
    assert (many.mean, many.se, many.clusters, many.count) == pytest.approx((once.mean, once.se, 40, 200), abs=1e-12)


def test_a_segment_with_too_few_falls_back_to_its_parent_and_so_do_its_children() -> None:
    rows = [("card", "north", 0.8)] * 50 + [("card", "south", 0.6)] * 3 + [("loan", "north", 0.2)] * 4
    table = pl.DataFrame(rows, schema=["product", "region", "x"], orient="row").with_columns(pl.col("x") + 0.01 * (pl.int_range(57) % 2))
    means = fit_segment_means(table, outcome="x", columns=("product", "region"), minimum=10)
    asked = pl.DataFrame(
        {
            "product": ["card", "card", "loan", "card", None, "lease"],
            "region": ["north", "south", "north", None, "north", "north"],
        }
    )
    found = means.locate(asked)
    assert found["segment"].to_list() == ["card / north", "card", "<all>", "card", "<all>", "<all>"]
    assert found["mean"][1] == pytest.approx(table.filter(product="card")["x"].mean(), abs=1e-12)
    assert found["mean"][2] == pytest.approx(table["x"].mean(), abs=1e-12)
    assert SegmentMeans.from_dict(means.to_dict()) == means
    assert means.table().filter(segment="loan / north")["used"].to_list() == [False]


def test_the_interval_covers_the_mean_at_its_level() -> None:
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        effect = rng.normal(0, 1, 25)[np.arange(100) // 4]
        table = pl.DataFrame({"x": effect + rng.normal(size=100), "who": np.arange(100) // 4})
        root = fit_segment_means(table, outcome="x", columns=(), minimum=2, obligor="who").segments[0]
        assert root.lower is not None
        assert root.upper is not None
        covered += root.lower <= 0.0 <= root.upper
    assert 274 <= covered <= 295


def test_one_obligor_has_no_error() -> None:
    table = pl.DataFrame({"s": ["a", "a", "b", "b"], "x": [0.1, 0.2, 0.3, 0.4], "who": ["p", "p", "q", "r"]})
    means = fit_segment_means(table, outcome="x", columns=("s",), minimum=2, obligor="who")
    assert [(item.se is None, item.used) for item in means.segments] == [(False, True), (True, False), (False, True)]
    with pytest.raises(InvalidInput, match="one obligor"):
        fit_segment_means(table.filter(who="p"), outcome="x", columns=(), minimum=2, obligor="who")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gaps_are_refused(bad: float) -> None:
    with pytest.raises(InvalidInput, match="finite"):
        fit_segment_means(pl.DataFrame({"x": [0.1, bad, 0.3]}), outcome="x", columns=(), minimum=2)
