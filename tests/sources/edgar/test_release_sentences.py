"""Sentences of releases: a number is the company's own, of the whole of it and of this period, or it is null."""

from __future__ import annotations

import pytest

from tests.sources.edgar.release_text import prose, read


@pytest.mark.parametrize(
    ("paragraphs", "revenue"),
    [
        (("In the fourth quarter of 2023, revenue was $980 million.",), None),
        (("For the fourth quarter of fiscal 2023, net sales were $980 million.",), None),
        (("Revenue for the quarter ended December 31, 2024, was $1.1 billion.",), 1.1e9),
        (("Fourth Quarter 2023 Results", "Revenue for the fourth quarter was $980 million."), None),
        (("Twelve Months Ended December 31, 2024", "Revenue for the fourth quarter was $980 million."), None),
        (("Fourth Quarter 2024 Results (compared with 2023)", "Revenue was $1.1 billion, up 12%."), 1.1e9),
        (("Financial Operations", "Revenue for the fourth quarter was $55 million, up 3%."), None),
        (("Income Operations", "Revenue for the fourth quarter was $55 million, up 3%."), None),
        (("Operating Results", "Revenue for the fourth quarter was $1.1 billion, up 3%."), 1.1e9),
        (("Zenith, which Acme bought in May, grew well. Revenue for the fourth quarter was $55 million, up 40%.",), None),
        (("The acquired stores did well. Revenue for the fourth quarter was $55 million, up 40%.",), None),
        (("In Mexico, traffic rose. Revenue for the fourth quarter was $55 million, up 40%.",), None),
        (("Revenue of $30 million in the fourth quarter came from the purchase of Zenith.",), None),
        (("Revenue of $30 million in the fourth quarter was attributable to Zenith.",), None),
        (("Revenue for the fourth quarter would have been $1.2 billion without the strike.",), None),
        (("Revenue for the fourth quarter was $1.1 billion, as previously reported.",), None),
        (("Revenue for the fourth quarter was $1.1 billion, driven by the acquisition of Zenith.",), 1.1e9),
        (("Fourth Quarter Highlights", "Net sales increased 4.5% to $3.2 billion, compared with $3.1 billion."), 3.2e9),
        (("Net sales increased 4.5% to $3.2 billion in the fourth quarter.",), 3.2e9),
        (("Fourth quarter revenue of $1.1 billion increased 12% year over year.",), 1.1e9),
        (("Q4 revenue of $1.1 billion, up 12% year over year",), 1.1e9),
        (("The company reported revenue of $1.1 billion for the fourth quarter of 2024, compared with $980 million.",), 1.1e9),
        (
            (
                "Acme posted quarterly revenue of $1.1 billion, up 12 percent year over year, and quarterly earnings per diluted share of $1.25.",
            ),
            1.1e9,
        ),
        (("Zenith posted quarterly revenue of $1.1 billion, up 12 percent year over year.",), None),
        (
            (
                "For the fourth quarter, the company delivered revenue of $1.1 billion and net income of $60 million, or $1.25 per diluted share.",
            ),
            1.1e9,
        ),
        (("Record fourth quarter revenue of $310.5 million, up 12%",), 310.5e6),
        (("Revenue for the fourth quarter was $310.5M, up 12%.",), 310.5e6),
        (("Services revenue for the fourth quarter was $310 million, up 12%.",), None),
        (("Financial revenue for the fourth quarter was $310 million, up 12%.",), None),
        (("Total revenue for the fourth quarter to our largest customer was $310 million.",), None),
        (("Total revenue under the proposed rule for the fourth quarter was $310 million.",), None),
        (("Revenue in July of the fourth quarter was $310 million.",), None),
    ],
)
def test_revenue_is_the_companys_own_whole_result_of_the_period(paragraphs: tuple[str, ...], revenue: float | None) -> None:
    assert prose(*paragraphs).revenue == revenue


@pytest.mark.parametrize(
    ("sentence", "eps"),
    [
        ("Net loss for the fourth quarter was $45.2 million, or $0.55 per basic and diluted share.", -0.55),
        ("Net loss for the fourth quarter was $15.2 million, or $0.33 per share (basic and diluted).", -0.33),
        ("Earnings per diluted share were $0.77 for the fourth quarter, versus $0.70.", 0.77),
        ("Diluted earnings per share increased 10% to $1.10 in the fourth quarter.", 1.10),
        ("Net income per diluted share for the fourth quarter was $1.10.", 1.10),
        ("GAAP diluted EPS for the fourth quarter was $1.10 and adjusted diluted EPS was $1.40.", 1.10),
        ("Acme today reported fourth quarter net income of $60 million, or $1.25 per diluted share, compared with $55 million.", 1.25),
        ("Zenith today reported fourth quarter net income of $60 million, or $1.25 per diluted share.", None),
        ("Net income attributable to Acme for the fourth quarter was $60 million, or $1.25 per diluted share.", 1.25),
        ("Our largest customer had net income in the fourth quarter of $60 million, or $1.25 per diluted share.", None),
        ("The Ohio plant earned net income of $10 million, or $0.10 per diluted share, in the fourth quarter.", None),
        ("Net income in the fourth quarter of $10 million, or $0.10 per diluted share, came from the sale of land.", None),
        ("Earnings of $0.10 per diluted share in the fourth quarter were attributable to Zenith.", None),
        ("Net income for the fourth quarter benefited from a lower tax rate of $0.10 per diluted share.", None),
        ("Net income for the fourth quarter would have been $1.30 per diluted share.", None),
        ("Net income for the fourth quarter was previously reported as $1.10 per diluted share.", None),
        ("Assuming the merger had closed in January, net income for the fourth quarter was $1.30 per diluted share.", None),
        ("On an operating basis, diluted EPS for the fourth quarter was $1.30.", None),
        ("On a non-GAAP basis, diluted earnings per share were $0.83 in the fourth quarter of 2024.", None),
        ("Cash EPS for the fourth quarter was $1.30 per diluted share.", None),
        ("In the fourth quarter of 2023, diluted earnings per share were $1.00.", None),
        (
            "Compared to a net loss of $5 million, or $0.05 per diluted share, a year ago, net income for the fourth quarter was $0.10 per diluted share.",
            0.10,
        ),
    ],
)
def test_earnings_are_the_companys_own_whole_result_of_the_period(sentence: str, eps: float | None) -> None:
    assert prose(sentence).diluted_eps == eps


@pytest.mark.parametrize(
    ("sentence", "debt"),
    [
        ("Our captive finance company had total debt of $5.0 billion as of December 31, 2024.", None),
        ("Zenith Leasing, an unconsolidated affiliate, had total debt of $500 million as of December 31, 2024.", None),
        ("As of December 31, 2024, total debt of $500 million was secured by the plants.", None),
        ("As of December 31, 2024, Zenith had no debt.", None),
        ("Acme continues to have no debt and held $90 million of cash as of December 31, 2024.", 0.0),
        ("As of December 31, 2024, the Company had cash of $100 million and total debt of $820 million.", 820e6),
        ("Total debt at December 31, 2024 was $820,345,000.", 820_345_000.0),
        ("Total debt would have been $700 million as of December 31, 2024.", None),
    ],
)
def test_debt_is_the_companys_own(sentence: str, debt: float | None) -> None:
    assert prose(sentence).total_debt == debt


def test_a_dateline_names_no_other_period() -> None:
    found = read(
        "<p>CHICAGO, January 28, 2025 (NEWSWIRE) -- Acme Corp (NYSE: ACM) today reported fourth quarter net income of $60 million, or $1.25 per diluted share, "
        "for the quarter ended December 31, 2024.</p>"
    )
    assert found.diluted_eps == 1.25


@pytest.mark.parametrize(("year", "revenue"), [("2025", 26e9), ("2024", None)])
def test_a_fiscal_year_ahead_of_the_calendar_is_told_by_its_name(year: str, revenue: float | None) -> None:
    found = read(
        "<p>Acme Announces Financial Results for First Quarter Fiscal 2025</p><p>Acme reported results for the quarter ended April 28, 2024.</p>"
        f"<p>Revenue for the first quarter of fiscal {year} was $26 billion.</p>"
    )
    assert found.revenue == revenue


@pytest.mark.parametrize(
    "when",
    [
        "at year-end 2023", "at the end of 2023", "at the end of the third quarter", "at September 30", "at the end of September", "as of February 10, 2025",
        "at its peak", "at closing", "before the offering", "after the offering", "immediately after the acquisition", "following the merger",
        "when the offering closed", "at the parent", "in Texas", "on average", "at the end of fiscal 2023", "prior to the spin-off", ", its highest level",
        ", giving effect to the offering", ", three months ago", ", pre-offering", "at the end of the second quarter of 2024", "until January", "a year ago",
    ],
)  # fmt: skip
def test_debt_of_another_day_is_not_the_balance_sheets(when: str) -> None:
    assert prose(f"Total debt was $1.4 billion {when}.").total_debt is None
    assert prose(f"{when.strip(', ').capitalize()}, total debt was $1.4 billion.").total_debt is None
    assert prose(f"Total debt {when} was $1.4 billion.").total_debt is None


@pytest.mark.parametrize(
    "when",
    [
        "", "at year-end", "at year-end 2024", "at the end of 2024", "at the end of the year", "at the end of the fourth quarter", "at December 31",
        "at the end of December", "as of December 31, 2024", "at the end of fiscal 2024", "at quarter-end", "at the end of the quarter",
        "at the end of the fourth quarter of 2024", "at period-end",
    ],
)  # fmt: skip
def test_debt_of_the_balance_sheets_day_is_read_whatever_it_is_called(when: str) -> None:
    for tail in (
        ".",
        ", compared with $1.5 billion at year-end 2023.",
        ", down $100 million from year-end 2023.",
        " and cash was $90 million.",
    ):
        assert prose(f"Total debt was $1.4 billion {when}".rstrip() + tail).total_debt == 1.4e9
    if when:
        assert prose(f"{when.capitalize()}, total debt was $1.4 billion.").total_debt == 1.4e9
        assert prose(f"Total debt {when} was $1.4 billion.").total_debt == 1.4e9


def test_a_years_end_is_not_the_day_of_a_quarters_release() -> None:
    quarter = "<p>Acme Corp (NYSE: ACM) reported results for its second quarter ended June 30, 2024.</p>"
    assert read(f"{quarter}<p>Total debt was $1.4 billion at year-end.</p>").total_debt is None
    assert read(f"{quarter}<p>Total debt was $1.4 billion at the end of the second quarter.</p>").total_debt == 1.4e9


@pytest.mark.parametrize(
    "heading", ["Subsequent Events", "Acquisition of Zenith", "Fourth Quarter 2023 Results", "Pro Forma Capitalization"]
)
def test_debt_under_another_days_heading_is_not_the_balance_sheets(heading: str) -> None:
    assert prose(heading, "Total debt was $1.4 billion.").total_debt is None
    assert prose("The offering closed in February. Total debt was $1.4 billion.").total_debt is None


@pytest.mark.parametrize(
    "after",
    [
        "before the charge",
        "prior to the charge",
        "at its peak",
        "before a charge of $0.20",
        "net of the charge",
        "at Beta Inc.",
        "for Beta",
    ],
)
def test_a_number_before_something_is_another_one(after: str) -> None:
    assert prose(f"Diluted earnings per share for the fourth quarter were $1.35 {after}.").diluted_eps is None
    assert prose(f"Net income was $60 million, or $1.35 per diluted share, in the fourth quarter {after}.").diluted_eps is None
    assert prose(f"Revenue was $510 million for the fourth quarter {after}.").revenue is None


def test_of_two_amounts_of_debt_in_one_sentence_neither_is_the_balance_sheets() -> None:
    assert prose("Total debt was $1.4 billion and is $1.1 billion today.").total_debt is None
    assert prose("Total debt was $1.4 billion, and total debt was $1.1 billion at December 31, 2024.").total_debt is None


def test_earnings_from_some_operations_are_not_all_of_them() -> None:
    assert (
        prose("Net income was $60 million, or $1.35 per diluted share from continuing operations, in the fourth quarter.").diluted_eps
        is None
    )
