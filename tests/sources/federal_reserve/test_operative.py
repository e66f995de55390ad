"""What the Committee decides is told from its past, its plans and its dissenters, in the wording of statements since 1994."""

from __future__ import annotations

import pytest

from crfs.sources.providers.federal_reserve.decisions import read_decision

# A text, then lower, upper, change, direction, discount rate and its change.
CASES = [
    pytest.param(
        "The Federal Open Market Committee decided today to lower its target for the federal funds rate by 50 basis "
        "points to 4-1/2 percent. The Board of Governors approved a 50 basis point decrease in the discount rate to 4 "
        "percent.",
        (4.5, 4.5, -50, "lower", 4.0, -50),
        id="emergency 2001",
    ),
    pytest.param(
        "The Committee seeks to achieve maximum employment. In support of these goals, the Committee decided to raise "
        "the target range for the federal funds rate by 3/4 percentage point, to 2-1/4 to 2-1/2 percent. In addition, "
        "the Committee will continue reducing its holdings of Treasury securities by $35 billion a month.",
        (2.25, 2.5, 75, "raise", None, None),
        id="75bp 2022",
    ),
    pytest.param(
        "At its previous meeting, the Committee decided to lower the target range for the federal funds rate to 4-1/2 "
        "to 4-3/4 percent. At this meeting, the Committee decided to keep the target range for the federal funds rate "
        "at 4-1/2 to 4-3/4 percent.",
        (4.5, 4.75, 0, "maintain", None, None),
        id="previous meeting",
    ),
    pytest.param(
        "In September, the Committee lowered the target range for the federal funds rate by 1/2 percentage point to "
        "4-3/4 to 5 percent. The Committee decided today to lower the target range for the federal funds rate by 1/4 "
        "percentage point to 4-1/2 to 4-3/4 percent.",
        (4.5, 4.75, -25, "lower", None, None),
        id="in month lowered",
    ),
    pytest.param(
        "Since last June the Committee has raised its target for the federal funds rate by 175 basis points to 6-1/2 "
        "percent. The Committee decided today to leave its target for the federal funds rate unchanged.",
        (None, None, 0, "maintain", None, None),
        id="history with single and no change",
    ),
    pytest.param(
        "The Committee voted to maintain the target range for the federal funds rate at 4¼–4½ percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="en dash mixed",
    ),
    pytest.param(
        "The Committee decided to keep the target range for the federal funds rate at 0-1/4 percent.",
        (0, 0.25, 0, "maintain", None, None),
        id="0-1/4",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate to 4.00%-4.25%.",
        (4, 4.25, None, "lower", None, None),
        id="percent signs",
    ),
    pytest.param(
        "The Committee decided against lowering the target range for the federal funds rate, which stays at 5-1/4 to 5-1/2 percent.",
        (5.25, 5.5, 0, "maintain", None, None),
        id="against lowering",
    ),
    pytest.param(
        "The Committee decided not to lower the target range for the federal funds rate by 1/4 percentage point to 4 to "
        "4-1/4 percent at this meeting.",
        (None, None, 0, "maintain", None, None),
        id="not to lower by",
    ),
    pytest.param(
        "The Committee decided to keep its target for the federal funds rate at 5-1/4 percent. One member preferred to "
        "lower the target for the federal funds rate to 5 percent.",
        (5.25, 5.25, 0, "maintain", None, None),
        id="dissent in prose before votes",
    ),
    pytest.param(
        "Two members preferred to lower the target range for the federal funds rate to 3-3/4 to 4 percent; the "
        "Committee decided to maintain the target range for the federal funds rate at 4 to 4-1/4 percent.",
        (4, 4.25, 0, "maintain", None, None),
        id="dissent first",
    ),
    pytest.param(
        "Beginning in October, the Committee will initiate the balance sheet normalization program. Over the past year, "
        "the Committee has increased the target range for the federal funds rate to 1 to 1-1/4 percent. In view of "
        "realized and expected labor market conditions and inflation, the Committee decided to maintain the target "
        "range for the federal funds rate at 1 to 1-1/4 percent.",
        (1, 1.25, 0, "maintain", None, None),
        id="balance sheet",
    ),
    pytest.param(
        "Chairman Greenspan announced today that the Federal Open Market Committee decided to reduce the federal funds "
        "rate from around 5-1/2 percent to around 5-1/4 percent. The Board approved a reduction in the discount rate "
        "from 5-1/4 percent to 5 percent.",
        (5.25, 5.25, -25, "lower", 5.0, -25),
        id="1996",
    ),
    pytest.param(
        "The Board approved an increase in the discount rate from 4 percent to 4-3/4 percent, effective immediately. "
        "The Committee agreed that this increase should be reflected fully in interest rates in reserve markets.",
        (None, None, None, None, 4.75, 75),
        id="1994-11",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 1/4 percentage point to 4 to "
        "4-1/4 percent. Participants anticipate a target range for the federal funds rate of 3-1/4 to 3-1/2 percent at "
        "the end of next year.",
        (4, 4.25, -25, "lower", None, None),
        id="projection last",
    ),
    pytest.param(
        "Participants anticipate that the federal funds rate will be 3-1/4 percent. The Committee expects to raise the "
        "target range for the federal funds rate to 3 to 3-1/4 percent over the coming year.",
        (None, None, None, None, None, None),
        id="projection only",
    ),
    pytest.param(
        "The Committee, which had raised the target range for the federal funds rate to 5 to 5-1/4 percent in May, "
        "decided to maintain the target range for the federal funds rate at 5 to 5-1/4 percent.",
        (5, 5.25, 0, "maintain", None, None),
        id="which it had raised",
    ),
    pytest.param(
        "The Committee decided to raise the target range for the federal funds rate to between 3 and 3-1/4 percent.",
        (3, 3.25, None, "raise", None, None),
        id="between",
    ),
    pytest.param(
        "The Federal Reserve today took action. Consistent with its mandate, the Committee has decided to lower the "
        "target range for the federal funds rate by 100 basis points, to 0 to 0.25 percent, and to increase its "
        "holdings of Treasury securities by at least $500 billion.",
        (0, 0.25, -100, "lower", None, None),
        id="100 emergency",
    ),
    pytest.param(
        "The Committee decided to lower its target for the federal funds rate by one-half percentage point to 3 "
        "percent. The Board of Governors approved a one-half percentage point reduction in the discount rate to 3-1/2 "
        "percent.",
        (3, 3, -50, "lower", 3.5, -50),
        id="word step",
    ),
    pytest.param(
        "In light of the cumulative easing since September, and with inflation having fallen, the Committee decided to "
        "hold the target range for the federal funds rate at 3-1/2 to 3-3/4 percent.",
        (3.5, 3.75, 0, "maintain", None, None),
        id="cumulative",
    ),
    pytest.param(
        "With today's action, the Committee has lowered the target range for the federal funds rate by 1 percentage "
        "point since September. The Committee lowered the target range for the federal funds rate by 25 basis points to "
        "4.25 to 4.5 percent today.",
        (4.25, 4.5, -25, "lower", None, None),
        id="today after",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 0.25 percentage points, to 4.25-4.50 percent.",
        (4.25, 4.5, -25, "lower", None, None),
        id="decimals with a hyphen",
    ),
    pytest.param(
        "Since September, the Committee has lowered the target range for the federal funds rate by 1 percentage point "
        "to 4-1/4 to 4-1/2 percent. Today the Committee decided to maintain the target range for the federal funds rate "
        "at 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="history, then maintain",
    ),
    pytest.param(
        "The Committee had judged that a target range for the federal funds rate of 5-1/4 to 5-1/2 percent was "
        "sufficient. The Committee today decided to lower the target range for the federal funds rate to 5 to 5-1/4 "
        "percent.",
        (5, 5.25, None, "lower", None, None),
        id="had judged",
    ),
    pytest.param(
        "The Committee decided not to raise the target range for the federal funds rate, which remains at 2-1/4 to 2-1/2 percent.",
        (2.25, 2.5, 0, "maintain", None, None),
        id="not to raise",
    ),
    pytest.param(
        "The Board of Governors voted not to raise the discount rate.",
        (None, None, None, None, None, None),
        id="discount rate refused",
    ),
    pytest.param(
        "The Committee unanimously rejected a proposal to lower the target range for the federal funds rate to 2 to 2-1/4 percent.",
        (None, None, None, None, None, None),
        id="proposal rejected",
    ),
    pytest.param(
        "A motion to lower the target range for the federal funds rate to 2 to 2-1/4 percent was defeated.",
        (None, None, None, None, None, None),
        id="motion defeated",
    ),
    pytest.param(
        "Lowering the target range for the federal funds rate to 2 to 2-1/4 percent was rejected.",
        (None, None, None, None, None, None),
        id="was rejected",
    ),
    pytest.param(
        "The Committee rejected a proposal to lower the target range for the federal funds rate to 2 to 2-1/4 percent and "
        "decided to keep the target range for the federal funds rate at 2-1/4 to 2-1/2 percent.",
        (2.25, 2.5, 0, "maintain", None, None),
        id="rejected, then kept",
    ),
    pytest.param(
        "In December, the Committee decided to lower the target range for the federal funds rate to 4-1/4 to 4-1/2 "
        "percent. The Committee will carefully assess incoming data.",
        (None, None, None, None, None, None),
        id="decided in December",
    ),
    pytest.param(
        "At its December 2024 meeting, the Committee decided to lower the target range for the federal funds rate to "
        "4-1/4 to 4-1/2 percent.",
        (None, None, None, None, None, None),
        id="December meeting",
    ),
    pytest.param(
        "In 2019, the FOMC voted to lower the target range for the federal funds rate to 1-1/2 to 1-3/4 percent.",
        (None, None, None, None, None, None),
        id="in a year",
    ),
    pytest.param(
        "Last week the Committee decided to lower the target range for the federal funds rate to 1 to 1-1/4 percent.",
        (None, None, None, None, None, None),
        id="last week",
    ),
    pytest.param(
        "The Committee decided yesterday to lower the target range for the federal funds rate to 1 to 1-1/4 percent.",
        (None, None, None, None, None, None),
        id="yesterday",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate to 1 to 1-1/4 percent at its previous meeting.",
        (None, None, None, None, None, None),
        id="previous meeting after",
    ),
    pytest.param(
        "In December, the Committee decided not to raise the target range for the federal funds rate.",
        (None, None, None, None, None, None),
        id="not raised in December",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate to 4-1/4 to 4-1/2 percent, effective "
        "December 19, 2024.",
        (4.25, 4.5, None, "lower", None, None),
        id="effective in December",
    ),
    pytest.param(
        "As it signaled at its last meeting, the Committee decided to lower the target range for the federal funds rate "
        "to 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, None, "lower", None, None),
        id="as signaled",
    ),
    pytest.param(
        "In December inflation fell, and the Committee decided to lower the target range for the federal funds rate to "
        "4-1/4 to 4-1/2 percent, in light of the data of May 2023.",
        (4.25, 4.5, None, "lower", None, None),
        id="another's date",
    ),
    pytest.param(
        "In December the Committee decided to wait; at this meeting, the Committee decided to lower the target range for "
        "the federal funds rate to 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, None, "lower", None, None),
        id="waited, now lowers",
    ),
    pytest.param(
        "At its last meeting the Committee raised the target range for the federal funds rate to 5 to 5-1/4 percent. "
        "Today it took no action on rates and will assess incoming data.",
        (None, None, 0, "maintain", None, None),
        id="raised, today no action",
    ),
    pytest.param(
        "At its last meeting the Committee raised the target range for the federal funds rate to 5 to 5-1/4 percent, and "
        "today it took no action on rates.",
        (None, None, 0, "maintain", None, None),
        id="raised, and today no action",
    ),
    pytest.param(
        "The Committee raised the target range for the federal funds rate to 5 to 5-1/4 percent in May 2023. The "
        "Committee did not change the target range at this meeting.",
        (None, None, 0, "maintain", None, None),
        id="raised in May, not changed",
    ),
    pytest.param(
        "The Committee did not change the target range for the federal funds rate, which remains at 5 to 5-1/4 percent.",
        (5, 5.25, 0, "maintain", None, None),
        id="not changed, remains",
    ),
    pytest.param(
        "The Committee did not raise the target range for the federal funds rate to 5 to 5-1/4 percent.",
        (None, None, 0, "maintain", None, None),
        id="did not raise",
    ),
    pytest.param(
        "The Committee decided to raise the target range for the federal funds rate to 4 to 4-1/4 percent. The Committee "
        "decided to lower the target range for the federal funds rate to 3-1/2 to 3-3/4 percent.",
        (None, None, None, None, None, None),
        id="contradictory",
    ),
    pytest.param(
        "The Committee raised the target range for the federal funds rate to 4.00-4.25 percent, then lowered it to 3.50-3.75 percent.",
        (None, None, None, None, None, None),
        id="contradictory in a sentence",
    ),
    pytest.param(
        "The Committee decided to raise the target range for the federal funds rate to 4 to 4-1/4 percent. The Committee "
        "then decided to lower the range to 3-1/2 to 3-3/4 percent.",
        (None, None, None, None, None, None),
        id="contradictory of the range",
    ),
    pytest.param(
        "The Committee decided to keep the target range for the federal funds rate at 4.00% to 4.25%. The Committee will "
        "maintain the target range for the federal funds rate at 4 to 4-1/4 percent.",
        (4, 4.25, 0, "maintain", None, None),
        id="said twice",
    ),
    pytest.param(
        "Financial conditions did not ease, and the Committee lowered the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (4, 4.25, None, "lower", None, None),
        id="another did not",
    ),
    pytest.param(
        "Inflation did not change while the federal funds rate was watched.",
        (None, None, None, None, None, None),
        id="inflation did not change",
    ),
    pytest.param(
        "At the December 17-18, 2024, meeting, the Committee lowered the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="days of a meeting",
    ),
    pytest.param(
        "The Committee declined to lower the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (None, None, 0, "maintain", None, None),
        id="declined",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_decision_is_what_the_committee_decides(text: str, expected: tuple[float | str | None, ...]) -> None:
    found = read_decision(text)
    assert (
        found.target_lower, found.target_upper, found.change_bp, found.direction, found.discount_rate, found.discount_rate_change_bp,
    ) == expected  # fmt: skip
