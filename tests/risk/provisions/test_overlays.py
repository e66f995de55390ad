"""Overlays: governed, dated, cut by anything, exact to the cent; what is not applied is told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.provisions import Overlay, apply_overlays

TODAY = date(2026, 6, 30)
TABLE = pl.DataFrame(
    {
        "sector": ["energy", "energy", "retail", None],
        "stage": [1, 2, 1, 3],
        "exposure": [1e6, 2e6, 3e6, 4e6],
        "ecl_cents": [10_000, 30_000, 0, 55_555],
    }
)


def overlay(**change: Any) -> Overlay:
    usual: dict[str, Any] = {
        "name": "o",
        "author": "credit risk",
        "approver": "CRO",
        "reason": "floods",
        "effective": date(2026, 1, 1),
        "expires": date(2026, 12, 31),
    }
    return Overlay(**(usual | change))


def added(*overlays: Overlay, on: date = TODAY) -> list[int]:
    return apply_overlays(TABLE, overlays, on=on).table["overlay_cents"].to_list()


def test_a_factor_multiplies_and_an_amount_is_spread_by_ecl() -> None:
    assert added(overlay(factor=1.5, where={"sector": ["energy"]})) == [5_000, 15_000, 0, 0]
    assert added(overlay(factor=0.9, where={"stage": [2, 3]})) == [0, -3_000, 0, -5_555]
    assert added(overlay(amount=100.01, where={"sector": ["energy"]})) == [2_500, 7_501, 0, 0]
    assert added(overlay(amount=60.0, where={"sector": ["retail"]})) == [0, 0, 6_000, 0]  # no ECL: by exposure
    assert added(overlay(amount=-400.0, where={"sector": ["energy"]})) == [-10_000, -30_000, 0, 0]


def test_cuts_combine_and_a_blank_belongs_to_none() -> None:
    assert added(overlay(factor=2.0, where={"sector": ["energy"], "stage": [1, 3]})) == [10_000, 0, 0, 0]
    assert added(overlay(factor=2.0)) == [10_000, 30_000, 0, 55_555]


def test_all_act_on_the_model_s_ecl_so_their_order_changes_nothing() -> None:
    one, two = overlay(name="a", factor=2.0), overlay(name="b", amount=100.0, where={"sector": ["energy"]})
    assert added(one, two) == added(two, one) == [12_500, 37_500, 0, 55_555]


@pytest.mark.parametrize(
    ("where", "notes"),
    [
        ({"sector": ["enrgy"]}, ["not applied, as no facility belongs to it: no facility has sector 'enrgy'; did you mean 'energy'?"]),
        ({"sector": ["Retail"]}, ["no facility has sector 'Retail'; did you mean 'retail'?"]),
        ({"sector": ["mining"]}, ["no facility has sector 'mining'; there are 'energy', 'retail'"]),
        ({"stage": [4]}, ["no facility has stage 4; there are 1, 2, 3"]),
        ({"sector": ["retail"], "stage": [2]}, ["none has all that it asks for"]),
        ({"sector": ["retail", "enrgy"]}, ["overlay o: no facility has sector 'enrgy'; did you mean 'energy'?"]),
        ({"sector": ["retail"]}, []),
        ({}, []),
    ],
)
def test_a_value_that_no_facility_has_is_told_with_the_nearest(where: dict[str, Any], notes: list[str]) -> None:
    told = apply_overlays(TABLE, [overlay(factor=2.0, where=where)], on=TODAY).notes
    assert len(told) == len(notes)
    assert all(note in of for note, of in zip(notes, told, strict=True))
    late = apply_overlays(TABLE, [overlay(factor=2.0, where=where)], on=date(2027, 6, 30))
    assert late.notes == ()  # what has expired would find nobody anyhow


def test_expired_early_and_homeless_overlays_are_not_applied_and_say_so() -> None:
    some = [
        overlay(name="old", factor=2.0, expires=date(2026, 6, 29)),
        overlay(name="last day", factor=2.0, expires=TODAY),
        overlay(name="new", factor=2.0, effective=date(2026, 7, 1)),
        overlay(name="nobody", amount=5.0, where={"sector": ["mining"]}),
    ]
    result = apply_overlays(TABLE, some, on=TODAY)
    assert [(line.name, line.status.value, line.facilities, line.amount) for line in result.lines] == [
        ("old", "expired", 0, 0.0),
        ("last day", "applied", 4, 955.55),
        ("new", "not_yet", 0, 0.0),
        ("nobody", "no_facility", 0, 0.0),
    ]
    assert result.lines[0].detail == "expired on 2026-06-29: not applied"
    assert result.total == 955.55
    assert json.loads(json.dumps(result.to_dict()))["overlays"][1]["approver"] == "CRO"


def test_an_amount_goes_by_the_ecl_above_zero_and_a_row_below_it_has_none_of_it() -> None:
    table = pl.DataFrame({"ecl_cents": [10_000, 1_000, -100], "exposure": [1e6, 2e6, 3e6]})
    assert apply_overlays(table, [overlay(amount=330.0)], on=TODAY).table["overlay_cents"].to_list() == [30_000, 3_000, 0]
    none = pl.DataFrame({"ecl_cents": [0, -100], "exposure": [1e6, 3e6]})
    assert apply_overlays(none, [overlay(amount=4.0)], on=TODAY).table["overlay_cents"].to_list() == [100, 300], "by exposure"


def test_what_is_below_zero_by_the_model_may_fall_further_and_a_refusal_names_who_lowers_its_row() -> None:
    better = pl.DataFrame({"sector": ["a", "b"], "ecl_cents": [-100, 100]})
    assert apply_overlays(better, [overlay(factor=1.1)], on=TODAY).table["ecl_after_cents"].to_list() == [-110, 110]
    some = [
        overlay(name="release", amount=-2.0, where={"sector": ["b"]}),
        overlay(name="elsewhere", factor=0.5, where={"sector": ["a"]}),
        overlay(name="halved", factor=0.5, where={"sector": ["b"]}),
        overlay(name="more", amount=0.1, where={"sector": ["b"]}),
    ]
    with pytest.raises(InvalidInput, match=r"row 2: overlays release, halved take its allowance to -1\.40, below zero"):
        apply_overlays(better, some, on=TODAY)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40), st.integers(-(10**9), 10**9), st.integers(0, 2**31))
def test_an_amount_is_spread_to_the_cent(ecl: list[int], cents: int, seed: int) -> None:
    cents = max(cents, -sum(ecl))
    table = pl.DataFrame({"ecl_cents": ecl, "exposure": np.random.default_rng(seed).uniform(1.0, 2.0, len(ecl))})
    result = apply_overlays(table, [overlay(amount=cents / 100.0)], on=TODAY)
    assert int(result.table["overlay_cents"].sum()) == cents
    assert (result.table["ecl_after_cents"] >= 0).all()
    assert (result.table["ecl_after_cents"] - result.table["ecl_cents"] == result.table["overlay_cents"]).all()


def test_an_allowance_below_zero_is_refused_with_the_overlay_that_makes_it() -> None:
    with pytest.raises(InvalidInput, match=r"row 1: overlay release takes its allowance to -2\.00, below zero"):
        apply_overlays(TABLE, [overlay(name="release", amount=-408.0, where={"sector": ["energy"]})], on=TODAY)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"approver": " "}, "approver is blank"),
        ({"reason": ""}, "reason is blank"),
        ({"approver": "\u200b\ufeff"}, "approver is blank"),
        ({"author": ""}, "author is blank"),
        ({"author": "\u2060 \t"}, "author is blank"),
        ({"author": "CRO"}, "cannot approve"),
        ({"author": "cro"}, "cannot approve"),
        ({"expires": date(2025, 1, 1)}, "before it begins"),
        ({"amount": 1.0}, "amount or a factor"),
        ({"factor": None}, "amount or a factor"),
        ({"factor": -1.0}, "zero or more"),
        ({"factor": None, "amount": float("nan")}, "finite"),
    ],
)
def test_an_overlay_without_governance_or_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        overlay(**({"factor": 1.1} | wrong))


@pytest.mark.parametrize(
    "approver",
    [
        "JANE DO\u00c9",
        "Jane  Do\u00e9",
        " Jane\u00a0Do\u00e9\n",
        "Jane Do\u00e9\u200b",
        "J\u00adane\u200d Do\u00e9",
        "Jane Doe\u0301",
        "\uff2aane Do\u00e9",
        "Jane\u2003Do\u00e9\ufe0f",
        "\u3164Jane Do\u00e9",
    ],
)
def test_whoever_proposed_an_overlay_does_not_approve_it_however_the_name_is_written(approver: str) -> None:
    with pytest.raises(InvalidInput, match="cannot approve"):
        overlay(factor=1.1, author="Jane Do\u00e9", approver=approver)
    assert overlay(factor=1.1, author="Jane Do\u00e9", approver=f"{approver} Smith").approver == f"{approver} Smith", "kept as it was given"


def test_other_names_are_other_people() -> None:
    for approver in ("Jane Doe", "Jan Edo\u00e9", "JaneDo\u00e9", "Jane D. Do\u00e9"):
        assert overlay(factor=1.1, author="Jane Do\u00e9", approver=approver).author == "Jane Do\u00e9"


def test_a_cut_by_a_column_that_is_not_there_or_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no column 'desk'"):
        added(overlay(factor=1.1, where={"desk": ["x"]}))
    with pytest.raises(InvalidInput, match="its values are not"):
        added(overlay(factor=1.1, where={"stage": ["1"]}))
    with pytest.raises(InvalidInput, match="one name"):
        added(overlay(factor=1.1), overlay(factor=1.2))
    with pytest.raises(InvalidInput, match="ecl_cents"):
        apply_overlays(TABLE.drop("ecl_cents"), [], on=TODAY)


@pytest.mark.parametrize("values", [["a", 1], [1, True], [None], [["a"]], [{"a": 1}], [date(2026, 1, 1), "a"], "energy"])
def test_values_of_a_cut_are_of_one_kind(values: Any) -> None:
    with pytest.raises(InvalidInput, match=r"overlay o: where sector = .* texts, numbers, truth values or days, all of one kind"):
        overlay(factor=1.1, where={"sector": values})


def test_a_cut_is_by_what_its_column_holds() -> None:
    table = TABLE.with_columns(poci=pl.Series([True, False, None, True]), since=pl.Series([date(2026, 1, 1)] * 3 + [date(2025, 1, 1)]))
    for column, right, wrong in (("poci", [True], ["true"]), ("since", [date(2025, 1, 1)], ["2025-01-01"]), ("stage", [3, 10**30], [True])):
        kept = apply_overlays(table, [overlay(factor=2.0, where={column: right})], on=TODAY)
        assert kept.table["overlay_cents"][3] == 55_555
        with pytest.raises(InvalidInput, match=f"column {column} holds .*, and its values are not"):
            apply_overlays(table, [overlay(factor=2.0, where={column: wrong})], on=TODAY)
    assert added(overlay(factor=2.0, where={"stage": []})) == added(overlay(factor=2.0, where={"sector": []})) == [0, 0, 0, 0]


def test_what_does_not_hold_that_day_needs_no_column() -> None:
    some = [
        overlay(factor=2.0, where={"desk": ["x"]}, **days) for days in ({"expires": date(2026, 6, 29)}, {"effective": date(2026, 7, 1)})
    ]
    for one, status in zip(some, ("expired", "not_yet"), strict=True):
        assert apply_overlays(TABLE, [one], on=TODAY).lines[0].status.value == status
