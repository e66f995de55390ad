"""Spreads by grade: quotes stay, grades in between lie in between, worse grades never cost less, and what nobody quotes is said."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.migration import Origin, ZeroCurves, grade_spreads
from crfs.risk.migration.grade_spreads import NOTCHES
from crfs.risk.migration.par_yields import annual, bond_equivalent

LETTERS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
SCALE = (
    "AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+", "BB", "BB-", "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C",
)  # fmt: skip
quotes = st.dictionaries(st.sampled_from(LETTERS), st.floats(0.0, 0.3), min_size=2)


@given(quotes)
def test_a_worse_grade_never_costs_less(quoted: dict[str, float]) -> None:
    told = [each.spread for each in grade_spreads(SCALE, quoted).spreads]
    assert all(after >= before * (1.0 - 1e-12) for before, after in pairwise(told))


@given(st.sets(st.sampled_from(LETTERS), min_size=2), st.lists(st.floats(0.0001, 0.3), min_size=len(LETTERS), max_size=len(LETTERS)))
def test_quotes_in_order_stay_and_grades_in_between_lie_in_between(names: set[str], values: list[float]) -> None:
    ordered = sorted(values[: len(names)])
    quoted = dict(zip([name for name in LETTERS if name in names], ordered, strict=True))
    told = grade_spreads(SCALE, quoted)
    for each in told.spreads:
        if each.rating in quoted:
            assert each.origin is Origin.QUOTED
            assert each.spread == pytest.approx(quoted[each.rating], rel=1e-12)
        elif each.origin is Origin.INTERPOLATED:
            assert ordered[0] * (1.0 - 1e-12) <= each.spread <= ordered[-1] * (1.0 + 1e-12)
    beyond = [each.rating for each in told.spreads if each.origin is Origin.EXTRAPOLATED]
    assert any(f"no market quotes {', '.join(beyond)} here" in note for note in told.notes)


def test_in_between_the_logarithm_is_linear_in_notches() -> None:
    told = {each.rating: each for each in grade_spreads(("AAA", "A", "BBB", "B"), {"AAA": 0.008, "BBB": 0.02}).spreads}
    step = math.log(0.02 / 0.008) / 8
    assert told["A"].spread == pytest.approx(0.008 * math.exp(5 * step))
    assert told["B"].spread == pytest.approx(0.02 * math.exp(6 * step))
    assert [told[name].origin.value for name in told] == ["quoted", "interpolated", "quoted", "extrapolated"]


def test_both_agencies_names_are_one_scale() -> None:
    standard = grade_spreads(("AAA", "AA-", "BBB", "BB+"), {"AAA": 0.008, "BBB": 0.02})
    moodys = grade_spreads(("Aaa", "Aa3", "Baa2", "Ba1"), {"Aaa": 0.008, "Baa": 0.02})
    assert [a.spread for a in standard.spreads] == [b.spread for b in moodys.spreads]
    assert (NOTCHES["A"], NOTCHES["A2"], NOTCHES["B"], NOTCHES["CAA"], NOTCHES["C"]) == (5, 5, 14, 17, 20)


def test_quotes_that_fall_are_pooled_and_said() -> None:
    told = grade_spreads(("AAA", "AA", "A"), {"AAA": 0.006, "AA": 0.004, "A": 0.01})
    assert [each.spread for each in told.spreads] == pytest.approx([math.sqrt(0.006 * 0.004)] * 2 + [0.01])
    assert any("AAA, AA fall where grades get worse" in note for note in told.notes)
    floored = grade_spreads(("AAA", "A"), {"AAA": -0.002, "A": 0.01})
    assert floored.spreads[0].spread == pytest.approx(0.0001)
    assert any("counts as 1" in note for note in floored.notes)


def test_another_scale_is_mapped_or_given() -> None:
    told = grade_spreads(("R1", "R2", "R3"), {"AAA": 0.008, "BBB": 0.02}, grades={"R1": "AAA", "R2": "BBB"}, given={"R3": 0.09})
    assert [(each.rating, each.grade, each.origin.value) for each in told.spreads] == [
        ("R1", "AAA", "quoted"), ("R2", "BBB", "quoted"), ("R3", None, "given"),
    ]  # fmt: skip
    assert told.notes == ()
    assert grade_spreads(("R1",), {}, given={"R1": 0.0}).spreads[0].spread == 0.0
    crossed = grade_spreads(("AAA", "BBB"), {"AAA": 0.008, "BBB": 0.02}, given={"BBB": 0.001})
    assert any("BBB (10 bp) is below that of AAA (80 bp)" in note for note in crossed.notes)


@pytest.mark.parametrize(
    ("ratings", "options", "argument", "words"),
    [
        (("R1",), {}, "grades", "'R1' is no grade"),
        (("R1",), {"grades": {"R1": "good"}}, "grades", "like 'good'"),
        (("AAA",), {"grades": {"R9": "AAA"}}, "grades", "'R9'"),
        (("AAA",), {"given": {"R9": 0.01}}, "given", "'R9'"),
        (("AAA",), {"given": {"AAA": -0.01}}, "given", "AAA has -0.01"),
        (("AAA",), {"given": {"AAA": float("nan")}}, "given", "AAA has nan"),
        (("AAA", "AAA"), {}, "ratings", "differ"),
    ],
)
def test_wrong_words_are_refused_by_name(
    ratings: tuple[str, ...], options: dict[str, dict[str, object]], argument: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        grade_spreads(ratings, {"AAA": 0.008, "BBB": 0.02}, **options)  # type: ignore[arg-type]
    assert refused.value.argument == argument


@pytest.mark.parametrize(
    "quoted", [{}, {"AAA": 0.01}, {"AAA": 0.01, "Aaa": 0.02}, {"AAA": 0.01, "BBB": float("nan")}, {"AAA": 0.01, "Q": 0.02}]
)
def test_wrong_quotes_are_refused(quoted: dict[str, float]) -> None:
    with pytest.raises(InvalidInput) as refused:
        grade_spreads(("AAA", "A"), quoted)
    assert refused.value.argument == "quotes"


def test_a_spread_is_added_to_the_bond_equivalent_rate_at_every_tenor() -> None:
    base = np.array([0.02, 0.03, 0.04])
    curves: ZeroCurves = grade_spreads(("AAA", "BBB"), {"AAA": 0.005, "BBB": 0.02}).curves([1.0, 2.0, 10.0], base)
    assert curves.ratings == ("AAA", "BBB")
    assert curves.rates[1] == pytest.approx(annual(bond_equivalent(base) + 0.02), abs=1e-15)
    assert (curves.rates[1] > curves.rates[0]).all()
    assert (curves.discount(np.array([5.0]))[0, 1]) < curves.discount(np.array([5.0]))[0, 0]
