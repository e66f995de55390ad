"""How a direction and a quantity, and two numbers, say together what neither says alone."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.features.sentiment import FinanceScorer, policy_stance
from crfs.features.sentiment.interplay import read
from crfs.features.sentiment.lexicon import packaged_lexicon, parse_lexicon

GOOD = [
    "Operating loss narrowed",
    "Costs decreased by 4 %",
    "The company cut its costs",
    "A fall in loan losses was seen",
    "Delinquencies declined",
    "Net debt was reduced",
    "Unemployment fell to 4.1 percent",
    "Credit spreads tightened as profit rose",
    "Profit rose",
    "Operating profit totalled EUR 13.1 mn, up from EUR 8.7 mn",
    "Operating profit was EUR 13.1 mn, compared to EUR 8.7 mn in 2008",
    "Operating profit was EUR 1.1 bn, compared to EUR 980 mn",
    "Net profit amounted to EUR 0.5 mn compared to a loss of EUR 0.8 mn",
    "Interest expenses were USD 3 million versus USD 4 million",
    "Acme swung to a profit",
    "Sales did not fall",
    "Shares rose 3%",
]
BAD = [
    "Profit fell",
    "Costs increased",
    "Net loss widened",
    "Unemployment rose",
    "The operating margin came down to 2.4 % from 5.7 %",
    "Operating profit was EUR 8.7 mn, compared to EUR 13.1 mn a year earlier",
    "Operating loss totalled EUR 0.8 mn, compared to a profit of EUR 0.5 mn",
    "Operating margin was 2.4 % against 5.7 %",
    "Provisions for loan losses grew",
    "Acme filed for bankruptcy",
    "The covenant breach led to a downgrade",
    "Rising costs weighed on the quarter",
    "Acme reported a net loss of EUR 3 mn",
    "Profit did not rise",
]
NEUTRAL = [
    "The company increased its stake to 5 percent",
    "The share capital was increased",
    "Operating profit was EUR 13.1 mn",
    "Costs amounted to EUR 5 mn",
    "Acme issued bonds and shares of the gross interest tax liability",
    "Sales in 2009 were as planned, and in 2008 too",
    "The order covers 12 units compared to the earlier one of 2008",
    "The annual general meeting is held on 31 March 2009",
]


def compound(text: str) -> float:
    return float(FinanceScorer().score(pl.Series([text]))["compound"].item())


@pytest.mark.parametrize("text", GOOD)
def test_good_news_is_good(text: str) -> None:
    assert compound(text) > 0.05


@pytest.mark.parametrize("text", BAD)
def test_bad_news_is_bad(text: str) -> None:
    assert compound(text) < -0.05


@pytest.mark.parametrize("text", NEUTRAL)
def test_no_news_is_none(text: str) -> None:
    assert abs(compound(text)) < 0.05


AMOUNTS = st.integers(1, 10**6).map(lambda cents: cents / 100)


@given(now=AMOUNTS, then=AMOUNTS, multiple=st.sampled_from(["mn", "million", "bn"]), currency=st.sampled_from(["EUR", "USD", "$"]))
def test_two_numbers_compared_say_the_sign_of_their_difference(now: float, then: float, multiple: str, currency: str) -> None:
    sign = (now > then) - (now < then)
    for quantity, goodness in (("Operating profit", 1), ("Costs", -1), ("Its stake", 0)):
        text = f"{quantity} totalled {currency} {now:.2f} {multiple}, compared to {currency} {then:.2f} {multiple}"
        said = sum(mark.valence for mark in read(text, packaged_lexicon("finance_lexicon")))
        assert said == 2.0 * goodness * sign


@given(
    quantity=st.sampled_from(["profit", "costs", "net debt", "sales", "delinquencies"]),
    verbs=st.sampled_from([("rose", "fell"), ("increased", "decreased")]),
)
def test_a_direction_and_its_opposite_say_opposites(quantity: str, verbs: tuple[str, str]) -> None:
    up, down = (compound(f"The {quantity} {verb}") for verb in verbs)
    assert up == -down != 0


def test_years_and_days_are_no_amounts() -> None:
    assert compound("Profit was reported on 15 May 2009, compared to 31 March 2008") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Inflation remains elevated.", 1),
        ("Inflation has declined.", -1),
        ("The unemployment rate rose.", -1),
        ("The unemployment rate has fallen.", 1),
        ("The Committee decided to raise the target range for the federal funds rate.", 1),
        ("The Committee decided to lower the target range for the federal funds rate.", -1),
        ("The Committee anticipates that ongoing increases in the target range will be appropriate.", 1),
        ("Policy will remain highly accommodative.", -1),
        ("The stance is not restrictive.", -1),
        ("The Committee voted to lower its target for the federal funds rate by 25 basis points.", -1),
        ("The Committee lifted nothing; a 25 basis point reduction in the discount rate was approved.", -1),
        ("The federal funds rate was increased by 50 basis points.", 1),
        ("The Board approved an increase in the primary credit rate.", 1),
    ],
)
def test_the_stance_of_policy_is_told_by_what_moves(text: str, expected: int) -> None:
    assert policy_stance(pl.Series([text]))["stance"].item() == expected


@pytest.mark.parametrize(
    "text",
    [
        "Pressures in interbank lending have increased over recent weeks.",
        "The Committee authorized increases in its reciprocal currency lines with two central banks.",
        "The auctions will be higher in amount, representing increases of $20 billion.",
        "The size of the facility was raised, and its rates were lowered.",
    ],
)
def test_what_moves_something_that_says_nothing_of_policy_says_nothing(text: str) -> None:
    assert policy_stance(pl.Series([text])).row(0) == (0, 0, None)


HEAD = b"# Origin: a test.\nterm\tclass\tvalence\treason\n"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"loss\tmore_is_worse\t1\tx", "more_is_worse"),
        (b"loss\tbad\t-9\tx", "from -4 to 4"),
        (b"fell\tfall\t-1\tx", "above 0 for a direction"),
        (b"loss\tbad\tmuch\tx", "much"),
        (b"loss\tbad\t-1", "3 cells"),
        (b"loss\tbad\t-1\tx\nLoss\tbad\t-1\tx", "stands twice"),
    ],
)
def test_a_lexicon_that_is_wrong_says_where(row: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_lexicon(HEAD + row, where="lexicon.tsv")


def test_a_lexicon_without_its_header_is_none() -> None:
    with pytest.raises(InvalidInput, match="term class valence reason"):
        parse_lexicon(b"loss\tbad\t-1\tx", where="lexicon.tsv")
