"""Statements of 1994 to 1996, as the Committee issued them: they name the discount rate and pressure on reserve positions, not their target.

The rates that the Committee had set are in its transcripts: 3 % → 3¼ % (4 February 1994), 3¾ % → 4¼ % (17 May), 4¼ % → 4¾ % (16 August),
5½ % → 6 % (1 February 1995), 6 % → 5¾ % (6 July).
"""

from __future__ import annotations

from datetime import date

import pytest

from crfs.sources.providers.federal_reserve.decisions import read_decision

PRESSURE = "Chairman Alan Greenspan announced today that the Federal Open Market Committee decided to {} the degree of pressure on reserve positions. "
SHOWN = "the Federal Open Market Committee agreed that this increase {} interest rates in reserve markets."
FEBRUARY_1994 = PRESSURE.format("increase slightly") + (
    "The action is expected to be associated with a small increase in short-term money market interest rates."
)
APRIL_1994 = (
    "Chairman Alan Greenspan announced today that the Federal Reserve will increase slightly the degree of pressure on reserve positions. This action "
    "is expected to be associated with a small increase in short-term money market interest rates."
)
MAY_1994 = (
    "The Federal Reserve today announced two actions. The Board approved an increase in the discount rate from 3 percent to 3-1/2 percent, effective "
    "immediately, and " + SHOWN.format("should be allowed to show through completely into")
)
FEBRUARY_1995 = (
    "The Federal Reserve Board today approved an increase in the discount rate from 4-3/4 percent to 5-1/4 percent, effective immediately. "
    "In a related move, the Federal Open Market Committee agreed that the increase would be reflected fully in interest rates in reserve markets."
)
JULY_1995 = PRESSURE.format("decrease slightly") + (
    "Today's action will be reflected in a 25 basis point decline in the federal funds rate, from about 6 percent to about 5-3/4 percent."
)


@pytest.mark.parametrize(
    ("day", "text", "expected"),
    [
        (date(1994, 2, 4), FEBRUARY_1994, (None, None, "raise", None)),
        (date(1994, 4, 18), APRIL_1994, (None, None, "raise", None)),
        (date(1994, 5, 17), MAY_1994, (None, 50.0, "raise", 3.5)),
        (date(1995, 2, 1), FEBRUARY_1995, (None, 50.0, "raise", 5.25)),
        (date(1995, 7, 6), JULY_1995, (5.75, -25.0, "lower", None)),
    ],
    ids=str,
)
def test_what_a_statement_of_the_time_says(day: date, text: str, expected: tuple[float | str | None, ...]) -> None:
    found = read_decision(text, day)
    assert (found.target_upper, found.change_bp, found.direction, found.discount_rate) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            MAY_1994.replace("show through completely into", "show through partially on"), (None, "raise"), id="in part: by how much?"
        ),
        pytest.param(
            "The Board approved a reduction in the discount rate from 5-1/4 percent to 5 percent. The Committee decided that the reduction would be "
            "reflected fully in interest rates in the reserve markets.",
            (-25.0, "lower"),
            id="decided, in the reserve markets",
        ),
        pytest.param("In a related move, " + SHOWN.format("would be reflected fully in"), (None, "raise"), id="no discount rate is said"),
        pytest.param(
            "The Board of Governors approved a reduction in the discount rate from 4 percent to 3-1/2 percent, and "
            + SHOWN.format("would be reflected fully in"),
            (None, "raise"),
            id="the discount rate went the other way",
        ),
        pytest.param("Two members favored an action to increase the degree of pressure on reserve positions.", (None, None), id="favored"),
        pytest.param("Mr. Jordan decided to increase the degree of pressure on reserve positions.", (None, None), id="somebody"),
        pytest.param(
            "At its meeting in November, the Committee decided to increase the degree of pressure on reserve positions.",
            (None, None),
            id="of another meeting",
        ),
        pytest.param(
            "Mr. Broaddus favored a decision to increase somewhat the degree of pressure on reserve positions.",
            (None, None),
            id="favored it",
        ),
        pytest.param(
            "A decision to increase slightly the degree of pressure on reserve positions was not made.", (None, None), id="not made"
        ),
        pytest.param(
            "The directive would permit a decision to increase the degree of pressure on reserve positions.", (None, None), id="permitted"
        ),
        pytest.param(
            PRESSURE.format("decrease slightly")
            + "Several members argued for a decision to increase slightly the degree of pressure on reserve positions.",
            (None, "lower"),
            id="beside what some argued for",
        ),
        pytest.param("The Committee decided not to increase the degree of pressure on reserve positions.", (None, None), id="turned down"),
        pytest.param(
            PRESSURE.format("increase")
            + "It also agreed that this reduction would be reflected fully in interest rates in reserve markets.",
            (None, None),
            id="two that contradict",
        ),
    ],
)
def test_what_is_not_decided_or_not_sized_is_not_said(text: str, expected: tuple[float | None, str | None]) -> None:
    found = read_decision(text)
    assert (found.change_bp, found.direction) == expected


def test_a_later_target_stands_before_all_of_it() -> None:
    said = "The Committee decided today to raise its target for the federal funds rate 25 basis points to 5 percent. "
    found = read_decision(said + MAY_1994)
    assert (found.target_upper, found.change_bp) == (5.0, 25.0)
