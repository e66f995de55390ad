"""Weight of evidence: bins obey their trend, do not depend on units, and say what they count."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.features.woe import Binning, BinningSpec, Trend, Unseen, fit_binning

LOOSE = BinningSpec(min_share=0.0, min_defaults=0, significance=1.0, max_bins=100)


def sample(seed: int, rows: int = 2000, slope: float = 1.0) -> tuple[pl.Series, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    y = (rng.random(rows) < 1.0 / (1.0 + np.exp(2.0 - slope * x))).astype(float)
    return pl.Series("x", x), y


def shape_of(values: list[float]) -> str:
    steps = [b - a for a, b in pairwise(values)]
    return "".join("+" if step > 0 else "-" if step < 0 else "0" for step in steps)


@given(seed=st.integers(0, 10_000), slope=st.floats(-2, 2), trend=st.sampled_from([Trend.ASCENDING, Trend.DESCENDING]), loose=st.booleans())
def test_weight_of_evidence_is_strictly_monotone_where_demanded(seed: int, slope: float, trend: Trend, loose: bool) -> None:
    x, y = sample(seed, rows=400, slope=slope)
    base = LOOSE if loose else BinningSpec()
    binning = fit_binning(x, y, spec=BinningSpec.from_dict({**base.to_dict(), "trend": trend}))
    assert set(shape_of([line.woe for line in binning.ordinary])) <= {"+" if trend is Trend.ASCENDING else "-"}


@given(seed=st.integers(0, 10_000), trend=st.sampled_from([Trend.PEAK, Trend.VALLEY, Trend.AUTO]))
def test_one_turn_at_most(seed: int, trend: Trend) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=600)
    y = (rng.random(600) < 0.05 + 0.4 * np.exp(-(x**2))).astype(float)
    binning = fit_binning(pl.Series("x", x), y, spec=BinningSpec.from_dict({**LOOSE.to_dict(), "trend": trend}))
    shape = shape_of([line.woe for line in binning.ordinary])
    turns = sum(a != b for a, b in pairwise(shape))
    assert "0" not in shape
    assert turns <= 1
    if turns == 1 and trend is not Trend.AUTO:
        assert shape[0] == ("+" if trend is Trend.PEAK else "-")


def test_auto_finds_the_direction_and_a_strong_turn() -> None:
    x, y = sample(1, slope=1.0)
    assert fit_binning(x, y).trend is Trend.ASCENDING
    assert fit_binning(-x, y).trend is Trend.DESCENDING
    rng = np.random.default_rng(2)
    u = rng.uniform(-2, 2, 5000)
    peaked = (rng.random(5000) < 0.05 + 0.5 * np.exp(-3 * u**2)).astype(float)
    assert fit_binning(pl.Series("u", u), peaked).trend is Trend.PEAK
    assert fit_binning(pl.Series("u", u), 1 - peaked).trend is Trend.VALLEY
    assert fit_binning(pl.Series("u", u), peaked, spec=BinningSpec(trend=Trend.MONOTONE)).trend in (Trend.ASCENDING, Trend.DESCENDING)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0), shift=st.floats(-5, 5), curve=st.sampled_from(["linear", "cube", "exp"]))
def test_bins_do_not_depend_on_the_unit_of_the_feature(seed: int, scale: float, shift: float, curve: str) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=500), 2)
    y = (rng.random(500) < 1.0 / (1.0 + np.exp(1.0 - x))).astype(float)
    other = {"linear": x * scale + shift, "cube": (x * scale) ** 3, "exp": np.exp(x) * scale}[curve]
    a, b = fit_binning(pl.Series("x", x), y), fit_binning(pl.Series("x", other), y)
    assert [(line.count, line.defaults, line.woe) for line in a.bins] == [(line.count, line.defaults, line.woe) for line in b.bins]
    assert np.array_equal(a.assign(pl.Series(x)), b.assign(pl.Series(other)))


@given(seed=st.integers(0, 10_000), categorical=st.booleans())
def test_a_binning_comes_back_from_json_to_the_bit(seed: int, categorical: bool) -> None:
    x, y = sample(seed, rows=300)
    values = (x * 2).round().cast(pl.String) if categorical else x.set(x > 1.5, None)
    binning = fit_binning(values, y, spec=BinningSpec(specials=() if categorical else (float(x[0]),)))
    assert Binning.from_dict(json.loads(json.dumps(binning.to_dict()))) == binning


@given(seed=st.integers(0, 10_000), special=st.booleans())
def test_the_lines_count_exactly_the_rows_that_are_assigned_to_them(seed: int, special: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(400) < 0.2, np.nan, np.where(rng.random(400) < 0.3, -9.0, rng.exponential(size=400)))
    y = (rng.random(400) < 0.3).astype(float)
    series = pl.Series("x", x)
    binning = fit_binning(series, y, spec=BinningSpec(specials=(-9.0,) if special else ()))
    numbers = binning.assign(series)
    assert [line.count for line in binning.bins] == np.bincount(numbers, minlength=len(binning.bins)).tolist()
    assert [line.defaults for line in binning.bins] == np.bincount(numbers, weights=y, minlength=len(binning.bins)).tolist()


def test_small_bins_are_merged_and_the_number_of_bins_is_bounded() -> None:
    x, y = sample(3, rows=5000, slope=3.0)
    binning = fit_binning(x, y, spec=BinningSpec(max_bins=4, min_share=0.1, min_defaults=25))
    assert 2 <= len(binning.ordinary) <= 4
    for line in binning.ordinary:
        assert line.count >= 500
        assert min(line.defaults, line.count - line.defaults) >= 25


def test_a_heavy_point_keeps_its_own_bin() -> None:
    rng = np.random.default_rng(5)
    zero = rng.random(20_000) < 0.6
    x = np.where(zero, 0.0, rng.exponential(size=20_000) + 0.001)
    y = (rng.random(20_000) < np.where(zero, 0.02, 0.2)).astype(float)
    first = fit_binning(pl.Series("x", x), y).ordinary[0]
    assert first.count == int(zero.sum())


def test_a_feature_of_noise_has_one_bin_and_no_information() -> None:
    rng = np.random.default_rng(6)
    x, y = pl.Series("x", rng.normal(size=3000)), (rng.random(3000) < 0.2).astype(float)
    binning = fit_binning(x, y, spec=BinningSpec(significance=1e-6))
    assert len(binning.ordinary) == 1
    assert binning.information_value == 0.0


def test_smoothing_is_pseudo_defaults_at_the_odds_of_the_population() -> None:
    x, y = pl.Series("x", [1.0] * 90 + [2.0] * 10), [1.0] * 20 + [0.0] * 70 + [0.0] * 10
    binning = fit_binning(x, y, spec=BinningSpec(edges=(2.0,), smoothing=0.5))
    assert binning.bins[0].woe == pytest.approx(math.log(20.5 / (70 + 0.5 * 4) * 4), abs=1e-14)
    assert binning.bins[1].woe == pytest.approx(math.log(0.5 / (10 + 0.5 * 4) * 4), abs=1e-14)
    with pytest.raises(InvalidInput, match="infinite"):
        fit_binning(x, y, spec=BinningSpec(edges=(2.0,), smoothing=0.0))


def test_what_the_fit_never_saw_is_neutral_or_worst_as_stated() -> None:
    x, y = sample(7)
    for unseen in Unseen:
        binning = fit_binning(x, y, spec=BinningSpec(unseen=unseen))
        expected = 0.0 if unseen is Unseen.NEUTRAL else max(line.woe for line in binning.ordinary)
        assert binning.transform(pl.Series([None, math.nan], dtype=pl.Float64)).tolist() == [expected, expected]


def test_missing_values_have_a_bin_of_their_own_evidence() -> None:
    x, y = sample(8)
    missing = y * 0 + (np.arange(2000) < 300)
    y = np.where(missing == 1, 1.0 - (np.arange(2000) % 3 == 0), y)
    binning = fit_binning(x.set(pl.Series(missing == 1), None), y)
    line = binning.bins[-2]
    assert (line.label, line.count, line.defaults) == ("<missing>", 300, 200)
    assert binning.transform(pl.Series([None], dtype=pl.Float64))[0] == line.woe > 0.5


def test_categories_are_grouped_in_the_order_of_their_rate_and_rare_ones_are_pooled() -> None:
    rng = np.random.default_rng(9)
    rate = {"a": 0.05, "b": 0.06, "c": 0.3, "d": 0.31, "e": 0.6}
    names = rng.choice(list(rate), size=20_000).astype("U6")
    y = (rng.random(20_000) < np.array([rate[name] for name in names])).astype(float)
    names[:40] = [f"rare{i % 20}" for i in range(40)]
    y[:40] = 1.0
    series = pl.Series("sector", names)
    binning = fit_binning(series, y, spec=BinningSpec(min_defaults=5, min_share=0.001))
    groups = {name: number for number, group in enumerate(binning.groups) for name in group}
    assert groups["c"] == groups["d"] != groups["e"]
    assert binning.rare == tuple(sorted(f"rare{i}" for i in range(20)))
    assert set(shape_of([line.woe for line in binning.ordinary])) == {"+"}
    assert binning.transform(pl.Series(["never seen"]))[0] == binning.transform(pl.Series(["rare3"]))[0]
    assert binning.assign(pl.Series([None], dtype=pl.String)).tolist() == [len(binning.bins) - 2]


def test_error_of_the_information_value_covers_its_spread() -> None:
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 4, 4000).astype(float)
        y = (rng.random(4000) < np.array([0.05, 0.08, 0.12, 0.2])[x.astype(int)]).astype(float)
        binning = fit_binning(pl.Series("x", x), y, spec=BinningSpec(edges=(1.0, 2.0, 3.0), smoothing=0.0))
        found.append((binning.information_value, binning.information_value_se))
    spread = float(np.std([value for value, _ in found], ddof=1))
    assert float(np.mean([se for _, se in found])) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize(
    ("values", "target", "match"),
    [
        ([1.0, math.inf, 2.0], [0, 1, 0], "infinite"),
        ([1.0, 2.0, 3.0], [0, 0, 0], "both outcomes"),
        ([1.0, 2.0, 3.0], [0, 1, 2], "0 or 1"),
        ([1.0, 2.0, 3.0], [0, 1], "shape"),
    ],
)
def test_wrong_input_is_refused(values: list[float], target: list[int], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        fit_binning(pl.Series("x", values), target)


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="max_bin'"):
        BinningSpec.from_dict({"max_bin": 3})
    with pytest.raises(InvalidInput, match="sideways"):
        BinningSpec.from_dict({"trend": "sideways"})


@given(seed=st.integers(0, 10_000), copies=st.integers(2, 12), categorical=st.booleans())
def test_rows_that_repeat_each_default_are_no_more_evidence(seed: int, copies: int, categorical: bool) -> None:
    x, y = sample(seed, rows=300, slope=0.5)
    values = (x * 2).round().cast(pl.String) if categorical else x
    spec = BinningSpec(trend=Trend.MONOTONE)
    again = np.tile(np.arange(300), copies)
    once, many = fit_binning(values, y, spec=spec), fit_binning(values[again], y[again], spec=spec, overlap=float(copies))
    assert [line.count * copies for line in once.bins] == [line.count for line in many.bins]
    assert [line.woe for line in once.bins] == pytest.approx([line.woe for line in many.bins], abs=1e-12)
