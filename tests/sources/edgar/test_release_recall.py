"""Ordinary sentences of releases that must be read: a reader that says null of everything would never be wrong."""

from __future__ import annotations

import pytest

from tests.sources.edgar.release_text import HEAD, PROFIT, UNIT, read, table

TITLE = "<p>EX-99.1</p><p>PRESS RELEASE</p><p>Acme Corporation Reports Fourth Quarter 2024 Results</p><p>Board Declares Dividend</p>"
OPENING = (
    "<p>CHICAGO, February 20, 2025 (BUSINESS WIRE) -- Acme Corporation (NYSE: ACM) today announced financial results for its fourth quarter "
    "ended December 31, 2024.</p><p>The dividend is $0.10 a share.</p>"
)
REVENUE = (
    "Revenue for the fourth quarter was $510 million.",
    "Revenue in the fourth quarter of 2024 was $510 million, compared with $450 million in the fourth quarter of 2023.",
    "Fourth quarter revenue was $510 million, up 13% year over year.",
    "Fourth quarter 2024 net sales were $510.0 million, an increase of 13% from the prior year quarter.",
    "Total revenue for the fourth quarter of 2024 was $510 million, up 13%.",
    "The Company reported revenue of $510 million for the fourth quarter of 2024.",
    "Acme reported fourth quarter revenue of $510 million.",
    "Acme Corporation reported net sales of $510 million for the quarter ended December 31, 2024.",
    "Net sales increased 13% to $510 million in the fourth quarter.",
    "Revenues for the quarter were $510 million.",
    "Revenue for the three months ended December 31, 2024 was $510 million, up from $450 million.",
    "We delivered record revenue of $510 million in the fourth quarter, driven by strong demand before the holidays.",
    "Q4 revenue of $510 million, up 13%",
    "Consolidated net sales for the fourth quarter were approximately $510 million.",
)
EARNINGS = (
    "Diluted earnings per share for the fourth quarter were $1.35.",
    "Diluted EPS for the fourth quarter of 2024 was $1.35, compared with $1.10 in the fourth quarter of 2023.",
    "Net income for the fourth quarter was $60 million, or $1.35 per diluted share, compared with $50 million, or $1.10 per diluted share.",
    "Net income was $60 million, or $1.35 per diluted share, for the quarter ended December 31, 2024.",
    "Acme reported fourth quarter net income of $60 million, or $1.35 per diluted share.",
    "GAAP diluted earnings per share were $1.35 in the fourth quarter of 2024.",
    "GAAP diluted EPS for the fourth quarter was $1.35; adjusted diluted EPS was $1.60.",
    "Earnings per diluted share were $1.35 for the fourth quarter, versus $1.10 a year ago.",
    "Diluted earnings per share increased 23% to $1.35 in the fourth quarter.",
    "Net earnings for the fourth quarter were $60 million, or $1.35 per diluted share, after a charge of $4 million.",
)
DEBT = (
    "Total debt was $1.2 billion at December 31, 2024.",
    "As of December 31, 2024, total debt was $1.2 billion, compared with $1.4 billion at December 31, 2023.",
    "At December 31, 2024, the Company had total debt of $1.2 billion and cash of $90 million.",
    "The Company ended the year with cash of $90 million and total debt of $1.2 billion.",
    "Total debt at year-end was $1.2 billion, down $200 million from the prior year.",
    "Total debt outstanding was $1.2 billion as of December 31, 2024.",
    "Cash was $90 million and total debt was $1.2 billion at the end of the quarter.",
    "Total debt of $1.2 billion at the end of the fourth quarter was down from $1.4 billion a year ago.",
    "Total debt stood at $1.2 billion on December 31, 2024, including $50 million of short-term borrowings.",
)
GUIDANCE = (
    "For fiscal 2025, the Company expects revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "For the full year 2025, Acme expects revenue of $2.1 billion to $2.2 billion and diluted earnings per share of $5.10 to $5.30.",
    "Acme Corporation expects fiscal 2025 revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "For 2025, Acme Corp. expects revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "In 2025, the Corporation expects revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "We expect full year 2025 revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "The Company's full year 2025 guidance is revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "Management expects full year revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "Acme’s 2025 outlook is for revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "For the year ending December 31, 2025, we expect annual revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "For the first quarter of 2025, the Company expects revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "First quarter 2025 revenue is expected to be $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "For the next quarter, we anticipate revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
    "The Company expects first quarter revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30, versus $1.10 in the first quarter of 2024.",
    "Looking ahead, the Company expects full year 2025 revenue of $2.1 billion to $2.2 billion and diluted EPS of $5.10 to $5.30.",
)
STATEMENT = UNIT + table(*HEAD, ("Total revenues", "$ 510.0", "$ 450.0"), ("Diluted earnings per share", "$ 1.35", "$ 1.10"))
SHEET = UNIT + table(("", "December 31, 2024", "December 31, 2023"), ("Total debt", "$ 1,200.0", "$ 1,400.0"))
TITLES = ("", TITLE)


@pytest.mark.parametrize("title", TITLES, ids=["", "titled"])
@pytest.mark.parametrize("sentence", REVENUE)
def test_revenue_is_read_and_agrees_with_the_table(sentence: str, title: str) -> None:
    for body in (f"{title}{OPENING}<p>{sentence}</p>", f"{title}{OPENING}<p>{sentence}</p>{STATEMENT}"):
        assert read(body).revenue == 510e6


@pytest.mark.parametrize("title", TITLES, ids=["", "titled"])
@pytest.mark.parametrize("sentence", EARNINGS)
def test_earnings_are_read_and_agree_with_the_table(sentence: str, title: str) -> None:
    for body in (f"{title}{OPENING}<p>{sentence}</p>", f"{title}{OPENING}<p>{sentence}</p>{STATEMENT}"):
        assert read(body).diluted_eps == 1.35


@pytest.mark.parametrize("title", TITLES, ids=["", "titled"])
@pytest.mark.parametrize("sentence", DEBT)
def test_debt_is_read_and_agrees_with_the_table(sentence: str, title: str) -> None:
    for body in (f"{title}{OPENING}<p>{sentence}</p>", f"{title}{OPENING}<p>{sentence}</p>{SHEET}"):
        assert read(body).total_debt == 1.2e9


@pytest.mark.parametrize("title", TITLES, ids=["", "titled"])
@pytest.mark.parametrize("sentence", GUIDANCE)
def test_guidance_is_read(sentence: str, title: str) -> None:
    found = read(f"{title}{OPENING}<p>{sentence}</p>")
    assert (found.guidance_months, found.revenue_low, found.revenue_high) == (3 if "quarter" in sentence.lower() else 12, 2.1e9, 2.2e9)
    assert (found.eps_low, found.eps_high) == (5.1, 5.3)


@pytest.mark.parametrize("sentence", [*REVENUE, *EARNINGS])
def test_sentences_of_results_contradict_another_table(sentence: str) -> None:
    other = UNIT + table(*HEAD, ("Total revenues", "$ 530.0", "$ 450.0"), PROFIT)
    found = read(f"{TITLE}{OPENING}<p>{sentence}</p>{other}")
    assert (found.revenue if sentence in REVENUE else found.diluted_eps) is None
