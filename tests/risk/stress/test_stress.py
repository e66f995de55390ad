"""Stress over twelve months: nothing is exactly nothing, harder is never less, parts add up to the last bit, and what is wrong is named."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality import validate_portfolio
from crfs.risk.stress import Band, Channel, Grades, bumped, expected_loss, stress, stress_path, waterfall
from crfs.risk.stress.shifts import scaled_r2, scaled_spread, shifted_ead, shifted_lgd, shifted_pd
from crfs.risk.stress.stressed_book import checked_book
from crfs.risk.stress.transmission import NO_SHOCK, checked_shocks
from tests.risk.stress.books import RATINGS, book, shock_rows, shocks

GRADES = Grades(names=tuple(RATINGS), pd=(0.0005, 0.002, 0.01, 0.05))
ONE_FACTOR = FactorModel.one_factor("all")
seeds = st.integers(0, 5_000)
amounts = st.floats(-3.0, 3.0)


@given(seeds)
def test_no_shock_is_no_change_bit_for_bit(seed: int) -> None:
    base = book(seed)
    result = stress(base, shocks([{**NO_SHOCK, "segment": None}]), grades=GRADES, lgd_response=lambda pd, after, lgd, r2: lgd)
    assert result.stressed.equals(result.base)
    assert result.waterfall.change == 0.0
    assert result.waterfall.total_steps == (0.0, 0.0, 0.0, 0.0)
    assert result.el_base == result.el_stressed


def test_exposures_by_rating_have_the_same_bits_every_time_and_in_any_order_of_rows() -> None:
    base = book(1, 100_000).with_columns(ead=pl.col("ead") / 7.0)
    result, other = (stress(rows, shocks([{**NO_SHOCK, "segment": None}]), grades=GRADES) for rows in (base, base.reverse()))
    found = {json.dumps(each.ratings().to_dicts()) for each in (result, other) for _ in range(30)}
    assert len(found) == 1


@given(seeds, shock_rows(harmful=True), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_harder_shock_is_never_a_smaller_loss_of_any_facility(seed: int, rows: list[dict[str, Any]], one: float, two: float) -> None:
    def told(share: float) -> Any:
        part = [
            {
                "segment": row["segment"],
                "notches": round(row["notches"] * share),
                "r2_scale": 1.0 + (row["r2_scale"] - 1.0) * share,
                **{name: row[name] * share for name in ("pd_probit", "lgd_add", "ccf_add")},
            }
            for row in rows
        ]
        return stress(book(seed), shocks(part), grades=GRADES)

    mild, hard = told(min(one, two)), told(max(one, two))
    assert (expected_loss(hard.stressed) >= expected_loss(mild.stressed)).all()
    assert (expected_loss(mild.stressed) >= expected_loss(mild.base)).all()
    assert hard.el_stressed >= mild.el_stressed >= mild.el_base
    assert hard.el_base == mild.el_base


@given(st.floats(1e-12, 1.0), st.floats(-4.0, 4.0), st.integers(0, 40))
def test_probabilities_are_ordered_as_their_shifts_even_where_these_are_neighbours(pd: float, shift: float, steps: int) -> None:
    further = shift
    for _ in range(steps):
        further = math.nextafter(further, math.inf)
    low, high = shifted_pd(np.array([pd, pd]), np.array([shift, further]))
    assert low <= high
    assert low == pytest.approx(float(ndtr(ndtri(pd) + shift)), rel=1e-10)
    assert (low >= pd) if shift >= 0 else (low <= pd)


@given(
    seeds,
    shock_rows(harmful=False),
    st.permutations(list(Channel)),
    st.booleans(),
    st.sampled_from([None, "segment", "sector", "region", "rating"]),
)
def test_steps_and_cuts_add_up_to_the_last_bit(
    seed: int, rows: list[dict[str, Any]], order: list[Channel], shapley: bool, tag: str | None
) -> None:
    result = stress(book(seed), shocks(rows), grades=GRADES, order=order, shapley=shapley)
    found = result.cut(tag) if tag else result.waterfall
    for base, steps, stressed in zip(found.base, found.steps, found.stressed, strict=True):
        assert base + sum(steps) == stressed
        assert stressed - base == sum(steps)
        assert math.fsum([base, *steps]) == stressed
    assert found.total_base + sum(found.total_steps) == found.total_stressed
    assert sum(found.total_steps) == found.change
    plain = float(expected_loss(result.stressed).sum())
    assert found.total_stressed == pytest.approx(plain, rel=1e-14, abs=found.quantum * result.base.height)
    # Every cut has the same totals.
    assert (found.total_base, found.total_stressed, found.total_steps) == (
        result.el_base,
        result.el_stressed,
        result.waterfall.total_steps if not shapley else found.total_steps,
    )
    assert found.total_steps[found.order.index(Channel.CORRELATION)] == 0.0
    table = found.to_table()
    assert table["change"].sum() == found.change
    json.dumps(result.to_dict(tags=["sector"]))


@given(seeds, shock_rows(harmful=False), st.permutations(list(Channel)))
def test_equal_right_does_not_depend_on_the_order(seed: int, rows: list[dict[str, Any]], order: list[Channel]) -> None:
    result = stress(book(seed), shocks(rows), grades=GRADES)
    one = waterfall(result.base, result.stressed, shapley=True, tag="segment")
    two = waterfall(result.base, result.stressed, shapley=True, order=order, tag="segment")
    for label in range(len(one.labels)):
        for channel in Channel:
            first, second = one.steps[label][one.order.index(channel)], two.steps[label][two.order.index(channel)]
            assert first == pytest.approx(second, abs=4 * one.quantum)


def test_equal_right_is_the_mean_over_all_orders() -> None:
    from itertools import permutations

    base = book(7)
    result = stress(base, shocks([{"segment": None, "pd_probit": 0.6, "lgd_add": 0.2, "ccf_add": 0.4}]))
    each = [waterfall(result.base, result.stressed, order=order) for order in permutations(Channel)]
    mean = {channel: np.mean([one.total_steps[one.order.index(channel)] for one in each]) for channel in Channel}
    found = waterfall(result.base, result.stressed, shapley=True)
    for channel, amount in zip(found.order, found.total_steps, strict=True):
        assert amount == pytest.approx(mean[channel], rel=1e-12, abs=4 * found.quantum)


def test_a_step_is_the_loss_with_the_channels_before_it_moved() -> None:
    base = book(7)
    result = stress(base, shocks([{"segment": None, "pd_probit": 0.6, "lgd_add": 0.2, "ccf_add": 0.4}]))
    pd, lgd, ead = (result.base[name] for name in ("pd_12m", "lgd", "ead"))
    pd1, lgd1, ead1 = (result.stressed[name] for name in ("pd_12m", "lgd", "ead"))
    expected = [float(product.sum()) for product in (pd * lgd * ead, pd1 * lgd * ead, pd1 * lgd1 * ead, pd1 * lgd1 * ead1)]
    assert result.waterfall.total_steps[:3] == pytest.approx(np.diff(expected), rel=1e-10)


def test_a_measure_of_the_whole_book_sees_correlation() -> None:
    from crfs.risk import portfolio_risk

    base = book(3, rows=40).filter(pl.col("pd_12m") < 1.0)
    result = stress(base, shocks([{"segment": None, "pd_probit": 0.3, "r2_scale": 2.0}]))

    def tail(one: pl.DataFrame) -> float:
        return portfolio_risk(one, ONE_FACTOR, confidences=(0.99,), seed=1, max_scenarios=20_000, contributions=False).measures[0].es

    found = waterfall(result.base, result.stressed, measure=tail)
    steps = dict(zip(found.order, found.total_steps, strict=True))
    assert steps[Channel.CORRELATION] > 0.0
    assert steps[Channel.LGD] == 0.0
    assert found.total_stressed == pytest.approx(tail(result.stressed), rel=1e-14)
    with pytest.raises(InvalidInput, match="cannot be cut"):
        waterfall(result.base, result.stressed, measure=tail, tag="segment")


@given(seeds, shock_rows(harmful=False))
def test_a_stressed_book_is_a_book(seed: int, rows: list[dict[str, Any]]) -> None:
    result = stress(book(seed), shocks(rows), grades=GRADES)
    checked = validate_portfolio(result.stressed, ONE_FACTOR)
    assert checked.rejected.is_empty(), checked.rejected
    assert result.stressed.columns == result.base.columns
    assert (result.stressed["r2"] < 1.0).all()


def test_every_shock_does_what_it_says() -> None:
    base = pl.DataFrame(
        {
            "facility_id": ["F1", "F2", "F3"],
            "obligor_id": ["A", "B", "C"],
            "drawn": [100.0, 100.0, None],
            "limit": [200.0, 100.0, None],
            "ead": [130.0, 100.0, 50.0],
            "lgd": [0.4, 0.9, 0.5],
            "lgd_sd": [0.2, 0.1, None],
            "pd_12m": [0.02, 0.02, 0.02],
            "rating": ["BBB", "B", "BB"],
            "r2": [0.2, 0.6, 0.1],
            "segment": ["card", "loan", "loan"],
        }
    )
    told = shocks(
        [
            {"segment": "card", "pd_probit": 0.5, "lgd_add": 0.1, "ccf_add": 0.2, "notches": 1, "r2_scale": 1.5},
            {"segment": "loan", "pd_probit": 0.0, "lgd_add": 0.3, "ccf_add": 0.2, "notches": 1, "r2_scale": 2.0},
        ]
    )
    after = stress(base, told, grades=GRADES).stressed
    down = ndtri(np.array([0.01, 0.05])) - ndtri(np.array([0.002, 0.01]))
    assert after["pd_12m"].to_list() == pytest.approx([ndtr(ndtri(0.02) + 0.5 + down[0]), 0.02, ndtr(ndtri(0.02) + down[1])], rel=1e-10)
    assert after["rating"].to_list() == ["BB", "B", "B"]
    assert after["lgd"].to_list() == pytest.approx([0.5, 1.0, 0.8])
    assert after["lgd_sd"].to_list() == [pytest.approx(0.2 * math.sqrt(0.25 / 0.24)), 0.0, None]
    assert after["ead"].to_list() == pytest.approx([150.0, 100.0, 50.0])
    assert after["r2"].to_list() == pytest.approx([0.3, 0.99, 0.2])
    assert stress(base, told, grades=GRADES).ratings().rows() == [("B", 100.0, 150.0), ("BB", 50.0, 130.0), ("BBB", 130.0, 0.0)]


def test_loadings_move_as_r2_does() -> None:
    base = pl.DataFrame(
        {
            "facility_id": ["F"],
            "obligor_id": ["A"],
            "ead": [1.0],
            "lgd": [0.5],
            "pd_12m": [0.02],
            "loading:oil": [0.4],
            "loading:gas": [None],
        },
        schema_overrides={"loading:gas": pl.Float64},
    )
    after = stress(base, pl.DataFrame({"r2_scale": [4.0]})).stressed
    assert after["loading:oil"].to_list() == pytest.approx([0.8])
    assert after["loading:gas"].to_list() == [None]


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1.5), st.floats(-1, 1), st.floats(-1, 1))
def test_exposure_stays_within_what_may_be_drawn(drawn: float, undrawn: float, share: float, one: float, two: float) -> None:
    ead = np.array([drawn + share * undrawn] * 2)
    low, high = shifted_ead(ead, np.array([drawn] * 2), np.array([drawn + undrawn] * 2), np.array([min(one, two), max(one, two)]))
    assert low <= high
    assert high <= max(ead[0], drawn + undrawn) * (1 + 1e-12)
    assert low >= min(ead[0], drawn) * (1 - 1e-12)
    assert shifted_ead(ead, np.array([math.nan] * 2), np.array([math.nan] * 2), np.array([one, two])).tolist() == ead.tolist()


def test_the_spread_keeps_its_share_of_what_its_mean_allows() -> None:
    lgd, moved = np.array([0.4, 0.4, 0.4, 0.0, 1.0]), np.array([0.4, 0.5, 1.0, 0.5, 1.0])
    spread = scaled_spread(np.array([0.3, 0.3, 0.3, 0.0, 0.0]), lgd, moved)
    assert spread.tolist() == [0.3, pytest.approx(0.3 * math.sqrt(0.25 / 0.24)), 0.0, 0.0, 0.0]
    assert shifted_lgd(np.array([0.2]), np.array([-0.5])).tolist() == [0.0]
    assert scaled_r2(np.array([0.995, 0.5, 0.2]), np.array([2.0, 3.0, 0.0])).tolist() == [0.995, 0.99, 0.0]


def test_the_band_moves_probabilities_alone() -> None:
    base = book(5)
    told = pl.DataFrame({"pd_probit": [0.4], "pd_probit_low": [0.1], "pd_probit_high": [0.9], "lgd_add": [0.1]})
    losses = [stress(base, told, band=band).el_stressed for band in (Band.LOW, Band.CENTRAL, Band.HIGH)]
    assert losses == sorted(losses)
    assert losses[0] < losses[2]
    assert stress(base, told, band="low").stressed["lgd"].equals(stress(base, told).stressed["lgd"])
    with pytest.raises(InvalidInput, match="no column pd_probit_low"):
        stress(base, told.drop("pd_probit_low"), band="low")


def test_losses_may_answer_to_probabilities() -> None:
    from crfs.models.satellite import frye_jacobs, frye_jacobs_response

    base = book(5, rows=200)
    told = pl.DataFrame({"pd_probit": [0.8]})
    plain, answered = stress(base, told), stress(base, told, lgd_response=frye_jacobs_response)
    assert (answered.stressed["lgd"] >= plain.stressed["lgd"]).all()
    row = answered.base.with_row_index().filter((pl.col("pd_12m") == 0.03) & (pl.col("lgd") == 0.45))
    for number, pd, lgd, r2 in row.select("index", "pd_12m", "lgd", "r2").iter_rows():
        after = answered.stressed["pd_12m"][number]
        growth = frye_jacobs(after, pd=pd, lgd=lgd, r2=r2) / frye_jacobs(pd, pd=pd, lgd=lgd, r2=r2)
        assert answered.stressed["lgd"][number] == pytest.approx(float(lgd * growth), rel=1e-12)
    assert row.height > 0
    with pytest.raises(InvalidInput, match="need it"):
        stress(base.drop("r2"), told, lgd_response=frye_jacobs_response)
    with pytest.raises(InvalidInput, match="one decimal within"):
        stress(base, told, lgd_response=lambda pd, after, lgd, r2: lgd + 2.0)


def test_losses_of_rows_with_loadings_answer_by_the_r2_that_the_loadings_say() -> None:
    from crfs.models.satellite import frye_jacobs_response

    model = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.5), (0.5, 1.0)), groups={"all": {"us": 1.0}})
    base = book(5, rows=50)
    # 0.3^2 + 0.2^2 + 2 0.5 0.3 0.2
    own = base.with_columns(
        r2=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col("r2")),
        **{f"loading:{name}": pl.when(pl.int_range(pl.len()) == 7).then(value) for name, value in (("us", 0.3), ("eu", 0.2))},
    )
    same = base.with_columns(r2=pl.when(pl.int_range(pl.len()) == 7).then(0.19).otherwise(pl.col("r2")))
    told = pl.DataFrame({"pd_probit": [0.8]})
    found = stress(own, told, lgd_response=frye_jacobs_response, factor_model=model)
    assert found.stressed["lgd"].to_list() == pytest.approx(stress(same, told, lgd_response=frye_jacobs_response).stressed["lgd"].to_list())
    with pytest.raises(InvalidInput, match="factor model"):
        stress(own, told, lgd_response=frye_jacobs_response)
    path = pl.DataFrame({"valid_time": [date(2026, m, 1) for m in (1, 4)], "pd_probit": [0.8, 0.8]})
    along = stress_path(own, path, lgd_response=frye_jacobs_response, factor_model=model)
    assert along.total_stressed == pytest.approx(stress_path(same, path, lgd_response=frye_jacobs_response).total_stressed)


def test_the_period_of_a_path_is_said_or_the_worst() -> None:
    base = book(5)
    days = [date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1)]
    told = pl.DataFrame({"valid_time": days, "pd_probit": [0.2, 0.7, 0.4]})
    with pytest.raises(InvalidInput, match="3 periods"):
        stress(base, told)
    worst = stress(base, told, at="worst")
    assert worst.at == days[1]
    assert "the worst of 3 periods" in worst.notes[0]
    assert worst.el_stressed == stress(base, told, at="2026-04-01").el_stressed == stress(base, told[1]).el_stressed
    with pytest.raises(InvalidInput, match="no shock is of the period from 2027-01-01"):
        stress(base, told, at=date(2027, 1, 1))
    with pytest.raises(InvalidInput, match="first day of a period"):
        stress(base, told, at="best")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([{"segment": "card", "pd_probit": math.nan}], "row 1, column pd_probit: not_finite"),
        ([{"segment": "card", "lgd_add": 1.5}], r"not within \[-1, 1\]"),
        ([{"segment": "card", "r2_scale": -1.0}], "not within"),
        ([{"segment": "card", "pd_probit": 1.0}, {"segment": "card", "pd_probit": 2.0}], "row 2, column segment: duplicate"),
        ([{"segment": None, "pd_probit": 1.0}, {"segment": None, "pd_probit": 2.0}], "row 2, column segment: duplicate"),
        ([{"segment": "card"}], "at least one of the columns"),
        ([{"segment": "card", "pd": 1.0}], "no column 'pd'"),
    ],
)
def test_wrong_shocks_are_named(rows: list[dict[str, Any]], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        checked_shocks(pl.DataFrame(rows, schema_overrides={"segment": pl.String()}))


@pytest.mark.parametrize("column", ["pd_probit", "pd_probit_low", "pd_probit_high", "lgd_add", "ccf_add", "r2_scale", "notches"])
@pytest.mark.parametrize("value", [1e308, -1e308, 101.0, math.nan, math.inf])
def test_a_shock_beyond_reason_is_refused_by_row_and_column(column: str, value: float) -> None:
    if column == "r2_scale" and value == 101.0:
        return
    with pytest.raises(InvalidInput) as told:
        stress(book(1), pl.DataFrame({"segment": ["card", None], "pd_probit": [0.0, 0.0]} | {column: [0.0, value]}))
    assert (told.value.problems[0].row, told.value.problems[0].column) == (2, column)


@pytest.mark.parametrize("size", [1e308, math.inf, -1.5])
@pytest.mark.parametrize("name", ["pd_relative", "ead_relative", "r2_relative", "pd_probit", "lgd_add"])
def test_a_bump_beyond_reason_is_refused(name: str, size: float) -> None:
    if name == "pd_probit" and size == -1.5:
        return
    with pytest.raises(InvalidInput):
        bumped(checked_book(book(1)), name, size)


def test_a_row_that_no_shock_is_for_is_named() -> None:
    base = book(5)
    row = base["segment"].to_list().index("loan") + 1
    with pytest.raises(InvalidInput, match="no shock is for") as error:
        stress(base, shocks([{"segment": "card", "pd_probit": 0.1}, {"segment": "mortgage", "pd_probit": 0.1}]))
    assert (error.value.problems[0].row, error.value.problems[0].column) == (row, "segment")
    result = stress(base, shocks([{"segment": "lost", "pd_probit": 0.1}, {"segment": None, "pd_probit": 0.1}]))
    assert result.notes == ("no row of the book is of lost",)
    with pytest.raises(InvalidInput, match="no column 'country'"):
        stress(base, shocks([{"segment": "card", "pd_probit": 0.1}]), by="country")
    with pytest.raises(InvalidInput, match="no rows"):
        checked_shocks(pl.DataFrame({"segment": [], "pd_probit": []}))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"pd_12m": 1.5}, "row 1, column pd_12m: out_of_range"),
        ({"pd_12m": math.nan}, "row 1, column pd_12m: not_finite"),
        ({"pd_12m": None}, "row 1, column pd_12m: missing"),
        ({"ead": None}, "row 1, column ead: missing"),
        ({"ead": -1.0}, "row 1, column ead: out_of_range"),
        ({"lgd": None}, "row 1, column lgd: missing"),
        ({"r2": 1.0}, "row 1, column r2: out_of_range"),
    ],
)
def test_a_wrong_book_is_refused_with_its_place(change: dict[str, Any], match: str) -> None:
    (name, value), base = next(iter(change.items())), book(5)
    wrong = base.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value, pl.Float64)).otherwise(name).alias(name))
    with pytest.raises(InvalidInput, match=match):
        stress(wrong, pl.DataFrame({"pd_probit": [0.1]}))
    with pytest.raises(InvalidInput, match="no rows"):
        stress(base.clear(), pl.DataFrame({"pd_probit": [0.1]}))
    with pytest.raises(InvalidInput, match="lacks pd_12m"):
        stress(base.drop("pd_12m"), pl.DataFrame({"pd_probit": [0.1]}))


def test_an_obligor_defaults_as_one() -> None:
    base = book(5).head(2).with_columns(obligor_id=pl.lit("O"), pd_12m=pl.lit(0.02), segment=pl.Series(["card", "loan"]))
    with pytest.raises(InvalidInput, match="would have facilities with different"):
        stress(base, shocks([{"segment": "card", "pd_probit": 0.1}, {"segment": "loan", "pd_probit": 0.2}]))
    assert stress(base, shocks([{"segment": "card", "pd_probit": 0.1}, {"segment": "loan", "pd_probit": 0.1}])).el_stressed > 0.0
    torn = base.with_columns(pd_12m=pl.Series([0.02, 0.03]))
    with pytest.raises(InvalidInput, match="correct the book"):
        stress(torn, pl.DataFrame({"pd_probit": [0.1]}))


def test_notches_need_a_scale_that_knows_the_rating() -> None:
    base = book(5)
    with pytest.raises(InvalidInput, match="need a rating scale"):
        stress(base, pl.DataFrame({"notches": [1]}))
    with pytest.raises(InvalidInput, match="have none of the scale"):
        stress(base.with_columns(rating=pl.lit("Aaa")), pl.DataFrame({"notches": [1]}), grades=GRADES)
    with pytest.raises(InvalidInput, match="do not fall"):
        Grades(names=("A", "B"), pd=(0.02, 0.01))
    assert stress(base, pl.DataFrame({"notches": [-9]}), grades=GRADES).stressed["rating"].unique().to_list() == ["A"]


def test_the_order_of_steps_has_each_channel_once() -> None:
    base = book(5)
    for order in (["pd", "lgd"], ["pd", "pd", "lgd", "ead"]):
        with pytest.raises(InvalidInput, match="once"):
            stress(base, pl.DataFrame({"pd_probit": [0.1]}), order=order)
    with pytest.raises(InvalidInput, match="no column 'country'"):
        stress(base, pl.DataFrame({"pd_probit": [0.1]})).cut("country")


@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_facility(seed: int, random: Any) -> None:
    base, told = book(seed), pl.DataFrame({"segment": ["card", None], "pd_probit": [0.5, 0.2], "lgd_add": [0.1, 0.0]})
    order = list(range(base.height))
    random.shuffle(order)
    assert stress(base[order], told).stressed.equals(stress(base, told).stressed[order])
