"""What the Committee decides is told from its past, its plans and its dissenters, in the wording of statements since 1994."""

from __future__ import annotations

from datetime import date

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
        (None, None, 75, "raise", 4.75, 75),
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
    pytest.param(
        "On December 18, the Committee decided to lower the target range for the federal funds rate by 1/4 percentage "
        "point to 4-1/4 to 4-1/2 percent. Today the Committee decided to maintain the target range for the federal funds "
        "rate at 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="on a day of December, then today",
    ),
    pytest.param(
        "The Committee decided today to maintain the target range for the federal funds rate at 4-1/4 to 4-1/2 percent. "
        "On December 18, 2024, the Committee decided to lower the target range for the federal funds rate by 1/4 "
        "percentage point to 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="today, then on a day of December",
    ),
    pytest.param(
        "On December 18, the Committee decided to lower the target range for the federal funds rate by 1/4 percentage "
        "point to 4-1/4 to 4-1/2 percent. The Committee decided today to leave the target range for the federal funds "
        "rate unchanged.",
        (None, None, 0, "maintain", None, None),
        id="on a day, then unchanged without a number",
    ),
    pytest.param(
        "Following the December meeting, when the Committee decided to lower the target range for the federal funds rate "
        "by 1/4 percentage point to 4-1/4 to 4-1/2 percent, financial conditions eased. The Committee decided to maintain "
        "the target range for the federal funds rate at 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="following a meeting when",
    ),
    pytest.param(
        "Three weeks earlier, the Committee decided to lower the target range for the federal funds rate by 1/4 "
        "percentage point to 4-1/4 to 4-1/2 percent. The Committee decided to maintain the target range for the federal "
        "funds rate at 4-1/4 to 4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="weeks earlier",
    ),
    pytest.param(
        "Since the Committee decided on March 3 to lower the target range for the federal funds rate by 1/4 percentage "
        "point to 4-1/4 to 4-1/2 percent, the outlook has worsened.",
        (None, None, None, None, None, None),
        id="since it decided",
    ),
    pytest.param(
        "On Dec. 18, the Committee decided to lower the target range for the federal funds rate by 1/4 percentage point "
        "to 4-1/4 to 4-1/2 percent.",
        (None, None, None, None, None, None),
        id="a shortened month",
    ),
    pytest.param(
        "On Wednesday, December 18, the Committee decided to lower the target range for the federal funds rate by 1/4 "
        "percentage point to 4-1/4 to 4-1/2 percent.",
        (None, None, None, None, None, None),
        id="a weekday and a day",
    ),
    pytest.param(
        "On 18 December, the Committee decided to lower the target range for the federal funds rate by 1/4 percentage "
        "point to 4-1/4 to 4-1/2 percent.",
        (None, None, None, None, None, None),
        id="the day before the month",
    ),
    pytest.param(
        "The Committee's December decision to lower the target range for the federal funds rate by 1/4 percentage point "
        "to 4-1/4 to 4-1/2 percent has eased conditions.",
        (None, None, None, None, None, None),
        id="the decision of December",
    ),
    pytest.param(
        "The Committee had decided to lower the target range for the federal funds rate by 1/4 percentage point to 4-1/4 to 4-1/2 percent.",
        (None, None, None, None, None, None),
        id="had decided",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 1/4 percentage point to 4-1/4 to "
        "4-1/2 percent. Today the Committee decided to maintain the target range for the federal funds rate at 4-1/4 to "
        "4-1/2 percent.",
        (4.25, 4.5, 0, "maintain", None, None),
        id="undated against today",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 1/4 percentage point to 4-1/4 to "
        "4-1/2 percent. The Committee decided to maintain the target range for the federal funds rate at 4-1/4 to 4-1/2 "
        "percent.",
        (None, None, None, None, None, None),
        id="lower against maintain",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 1/4 percentage point to 4-1/4 to "
        "4-1/2 percent. The Committee decided to leave the target range for the federal funds rate unchanged.",
        (None, None, None, None, None, None),
        id="lower against unchanged",
    ),
    pytest.param(
        "The Committee decided to lower the target range for the federal funds rate by 1/4 percentage point to 4-1/4 to "
        "4-1/2 percent and will maintain the target range for the federal funds rate at 4-1/4 to 4-1/2 percent until "
        "inflation has fallen.",
        (4.25, 4.5, -25, "lower", None, None),
        id="lowers and will maintain",
    ),
    pytest.param(
        "The Committee agreed to consider raising the target range for the federal funds rate to 5 to 5-1/4 percent at its next meeting.",
        (None, None, None, None, None, None),
        id="consider raising",
    ),
    pytest.param(
        "The Committee decided that it will raise the target range for the federal funds rate to 5 to 5-1/4 percent at "
        "its next meeting if inflation persists.",
        (None, None, None, None, None, None),
        id="will raise at its next meeting",
    ),
    pytest.param(
        "The Committee decided to raise the target range for the federal funds rate to 5 to 5-1/4 percent at its next meeting.",
        (None, None, None, None, None, None),
        id="at its next meeting",
    ),
    pytest.param(
        "The Committee may lower the target range for the federal funds rate to 1-1/2 to 1-3/4 percent.",
        (None, None, None, None, None, None),
        id="may lower",
    ),
    pytest.param(
        "In May the Committee may lower the target range for the federal funds rate to 1-1/2 to 1-3/4 percent.",
        (None, None, None, None, None, None),
        id="lowered in May",
    ),
    pytest.param(
        "Governor Lopez dissented in favor of lowering the target range for the federal funds rate to 3-1/4 to 3-1/2 percent.",
        (None, None, None, None, None, None),
        id="dissented in favor",
    ),
    pytest.param(
        "Two members called for raising the target range for the federal funds rate to 5 to 5-1/4 percent.",
        (None, None, None, None, None, None),
        id="members called for",
    ),
    pytest.param(
        "Governor Lopez voted to lower the target range for the federal funds rate to 4-3/4 to 5 percent.",
        (None, None, None, None, None, None),
        id="a governor voted",
    ),
    pytest.param(
        "Dissenting was Governor Lopez, who voted to lower the target range for the federal funds rate to 4-3/4 to 5 "
        "percent. The Committee decided to maintain the target range for the federal funds rate at 5 to 5-1/4 percent.",
        (5, 5.25, 0, "maintain", None, None),
        id="who voted",
    ),
    pytest.param(
        "Several members voted to lower the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="several members voted",
    ),
    pytest.param(
        "Participants agreed that lowering the target range for the federal funds rate to 4 to 4-1/4 percent would be appropriate.",
        (None, None, None, None, None, None),
        id="would be appropriate",
    ),
    pytest.param(
        "The median participant sees the federal funds rate at 3.9 percent at the end of 2025.",
        (None, None, None, None, None, None),
        id="the median",
    ),
    pytest.param(
        "Today, participants see the federal funds rate at 3.9 percent at the end of 2025.",
        (None, None, None, None, None, None),
        id="the median today",
    ),
    pytest.param(
        "Futures put the federal funds rate at 3-1/2 percent.",
        (None, None, None, None, None, None),
        id="the market's",
    ),
    pytest.param(
        "The Committee discussed lowering the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="discussed",
    ),
    pytest.param(
        "The Committee decided today to keep its policy stance unchanged. It is prepared to lower its target for the "
        "federal funds rate to 1 percent.",
        (None, None, 0, "maintain", None, None),
        id="prepared",
    ),
    pytest.param(
        "Participants see a decline in the federal funds rate from about 4 percent to about 3-1/2 percent by the end of next year.",
        (None, None, None, None, None, None),
        id="projected from and to",
    ),
    pytest.param(
        "The Committee decided to decrease slightly the degree of pressure on bank reserve positions. This action is "
        "expected to be reflected in a 25 basis point decline in the federal funds rate from about 6 percent to about "
        "5-3/4 percent.",
        (5.75, 5.75, -25, "lower", None, None),
        id="1995",
    ),
    pytest.param(
        "The Federal Open Market Committee at its meeting today decided to maintain the existing stance of monetary "
        "policy, keeping its target for the federal funds rate at 6-1/2 percent.",
        (6.5, 6.5, 0, "maintain", None, None),
        id="2000",
    ),
    pytest.param(
        "The Committee will maintain the target range for the federal funds rate at 0 to 1/4 percent and anticipates that "
        "conditions are likely to warrant low levels.",
        (0, 0.25, 0, "maintain", None, None),
        id="2009",
    ),
    pytest.param(
        "The Committee today reaffirmed its view that the current 0 to 1/4 percent target range for the federal funds "
        "rate remains appropriate.",
        (0, 0.25, 0, "maintain", None, None),
        id="2014",
    ),
    pytest.param(
        "In considering any adjustments to the target range for the federal funds rate, the Committee will assess the "
        "data. In support of its goals, the Committee decided to lower the target range for the federal funds rate by 1/4 "
        "percentage point to 4 to 4-1/4 percent.",
        (4, 4.25, -25, "lower", None, None),
        id="2025",
    ),
    pytest.param(
        "The Committee today lowered the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (4, 4.25, None, "lower", None, None),
        id="today it lowered",
    ),
    pytest.param(
        "By unanimous vote, the Committee approved raising the target range for the federal funds rate to 4 to 4-1/4 percent.",
        (4, 4.25, None, "raise", None, None),
        id="approved",
    ),
    pytest.param(
        "The Board declined to approve a 25-basis-point decrease in the discount rate to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="discount declined",
    ),
    pytest.param(
        "The Board of Governors did not approve a 25-basis-point increase in the discount rate to 6 percent.",
        (None, None, None, None, None, None),
        id="discount not approved",
    ),
    pytest.param(
        "The Board stands ready to approve a 25-basis-point decrease in the discount rate to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="discount ready",
    ),
    pytest.param(
        "In January the Board of Governors approved a 25-basis-point decrease in the discount rate to 4-1/2 percent. In a "
        "related action today, the Board of Governors approved a 25-basis-point decrease in the discount rate to 4-1/4 "
        "percent.",
        (None, None, None, None, 4.25, -25),
        id="discount of January and of today",
    ),
    pytest.param(
        "The Boards of Directors of the Federal Reserve Banks of Boston and Dallas had approved a 50 basis point decrease "
        "in the discount rate to 4 percent; the Board of Governors approved a 25-basis-point decrease in the discount "
        "rate to 4-1/4 percent.",
        (None, None, None, None, 4.25, -25),
        id="discount asked for",
    ),
    pytest.param(
        "The Board approved a 25-basis-point decrease in the discount rate to 4-1/2 percent. The Board approved a "
        "25-basis-point decrease in the discount rate to 4-1/4 percent.",
        (None, None, None, None, None, None),
        id="discounts that differ",
    ),
]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Broaddus favored a decision to raise the target for the federal funds rate by 25 basis points to 6 percent.",
        "Several members argued for a decision to raise the target range for the federal funds rate to 5 to 5-1/4 percent.",
        "The Committee saw no case for a decision to raise the target for the federal funds rate by 25 basis points to 6 percent.",
        "The Committee discussed a decision to lower the target for the federal funds rate to 6 percent.",
        "Mr. Hoenig believed that the Committee should have decided to raise the target for the federal funds rate to 1 percent.",
        "The Committee agreed that a decision to raise the target range for the federal funds rate to 5 to 5-1/4 percent was not warranted.",
        "The Committee agreed it was too early to lower the target range for the federal funds rate to 4 to 4-1/4 percent.",
        "The Committee decided to wait before raising the target range for the federal funds rate to 5 to 5-1/4 percent.",
        "The Committee decided to postpone raising the target for the federal funds rate to 5 percent.",
        "The Committee decided to await more data before it raises the target for the federal funds rate to 5 percent.",
        "Had the Committee voted to lower the target for the federal funds rate to 3 percent, credit would have grown.",
        "The minority voted to lower the target for the federal funds rate to 3 percent.",
        "Members leaned toward deciding to lower the target range for the federal funds rate to 4 to 4-1/4 percent.",
        "In the alternative statement A the Committee decided to raise the target for the federal funds rate to 5 percent.",
        "Under Alternative C the Committee decided to raise the target for the federal funds rate to 5 percent.",
        "In an alternative scenario the Committee decided to lower the target for the federal funds rate to 5 percent.",
        "It is not true that the Committee decided to raise the target for the federal funds rate to 5 percent.",
        "Reports that the Committee decided to raise the target for the federal funds rate to 5 percent are false.",
        "Market participants priced in that the Committee decided to raise the target for the federal funds rate to 5 percent.",
        "The Committee refrained from deciding to raise the target for the federal funds rate to 5 percent.",
        "One member voiced a preference for the decision announced to lower the target for the federal funds rate to 5 percent.",
    ],
)
def test_a_decision_that_is_spoken_of_is_not_made(text: str) -> None:
    assert not read_decision(text).is_said
    made = "The Committee decided today to keep its target for the federal funds rate at 5-1/4 percent. "
    assert (read_decision(made + text).target_upper, read_decision(made + text).direction) == (5.25, "maintain")


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_decision_is_what_the_committee_decides(text: str, expected: tuple[float | str | None, ...]) -> None:
    found = read_decision(text)
    assert (
        found.target_lower, found.target_upper, found.change_bp, found.direction, found.discount_rate, found.discount_rate_change_bp,
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "On January 29, 2025, the Committee decided to maintain",
        "At its January 28-29 meeting, the Committee decided to maintain",
        "At its meeting on January 28-29, 2025, the Committee decided to maintain",
    ],
)
def test_a_statement_that_says_its_own_day_tells_of_today(text: str) -> None:
    said = f"{text} the target range for the federal funds rate at 4-1/4 to 4-1/2 percent."
    assert read_decision(said, date(2025, 1, 29)).target_upper == 4.5
    assert read_decision(said, date(2025, 3, 19)).target_upper is None


def test_a_text_of_dates_and_verbs_without_end_is_read_in_time() -> None:
    for words in (
        "on December 18, ",
        "the Committee decided ",
        "who ",
        "federal funds rate ",
        "approved a 25 basis point ",
        "from about 5 percent to about ",
    ):
        assert read_decision(words * (100_000 // len(words))).target_upper is None
