"""Tables of releases: the words over and under a table, its unit and its columns say whose statement it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.edgar.release_text import HEAD, PROFIT, QUARTER, UNIT, read, statement, table

ROWS = (("Net sales", "$ 1,100", "$ 980"), PROFIT)


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("(in millions, except number of shares, which are reflected in thousands, and per-share amounts)", 1e6),
        ("(In millions, except per share amounts, shares in thousands)", 1e6),
        ("(in millions, except shares in thousands and per share data)", 1e6),
        ("(dollars and shares in millions, except per share data)", 1e6),
        ("(Millions of dollars, except per share data)", 1e6),
        ("(Thousands of dollars, except per share amounts)", 1e3),
        ("(millions, except per share amounts)", 1e6),
        ("($ millions, except per share amounts)", 1e6),
        ("($000s, except per share)", 1e3),
        ("(In 000's, except per share)", 1e3),
        ("$M except per share", 1e6),
        ("(hundreds of thousands of dollars)", None),
        ("(millions of pounds of copper)", None),
        ("Millions of customers served", None),
    ],
)
def test_units_as_companies_write_them(unit: str, scale: float | None) -> None:
    assert read(statement(*ROWS, unit=f"<p>{unit}</p>")).revenue == (None if scale is None else 1100 * scale)


@pytest.mark.parametrize(
    "title",
    [
        "The following table presents adjusted results, excluding special items.",
        "The table below shows our results on an ongoing basis.",
        "Operating Earnings",
        "Managed basis",
        "Core Earnings",
        "Financial statements of Zenith Holdings, acquired July 1, 2024",
        "ZENITH CORP. CONSOLIDATED STATEMENTS OF INCOME",
        "Acme Credit LLC Consolidated Statements of Income",
        "Zenith Bakeries Inc.</p><p>Statements of Earnings",
        "Discontinued Operations",
        "Hypothetical results at constant prices",
        "Predecessor",
    ],
)
def test_a_table_that_is_not_the_companys_statement_gives_nothing(title: str) -> None:
    found = read(f"{QUARTER}<p>{title}</p>{UNIT}" + table(*HEAD, *ROWS))
    assert (found.revenue, found.diluted_eps) == (None, None)


@pytest.mark.parametrize(
    "title",
    [
        "ACME CORP CONSOLIDATED STATEMENTS OF OPERATIONS",
        "Acme Corp. and Subsidiaries</p><p>Consolidated Statements of Income",
        "Non-GAAP measures are reconciled in the tables below.</p><p>Acme Corp</p><p>Condensed Consolidated Statements of Operations</p><p>(Unaudited)",
        "Acme Corp</p><p>Consolidated Statements of Income</p><p>Unaudited</p><p>Amounts are rounded",
        "CONSOLIDATED STATEMENTS OF COMPREHENSIVE INCOME",
        "The outlook excludes special items.</p><p>Financial Summary",
    ],
)
def test_the_companys_statement_is_read_below_other_words(title: str) -> None:
    found = read(f"{QUARTER}<p>{title}</p>{UNIT}" + table(*HEAD, *ROWS))
    assert (found.revenue, found.diluted_eps) == (1100e6, 1.25)


@pytest.mark.parametrize("mark", ["*", "(1)", "†", "(a)", "<sup>1</sup>", "<sup>(2)</sup>", "<sup>*</sup>"])
def test_a_note_may_make_a_row_another_measure(mark: str) -> None:
    rows = (("Net sales", "1,100", "980"), (f"Diluted EPS {mark}", "1.40", "1.30"))
    assert read(statement(*rows) + f"<p>{mark} Non-GAAP financial measure; see the reconciliation.</p>").diluted_eps is None
    found = read(statement(*rows) + f"<p>{mark} Rounded to the cent.</p>")
    assert (found.revenue, found.diluted_eps) == (1100e6, 1.40)


def test_a_note_to_the_title_is_one_to_every_row() -> None:
    note = "<p>(1) Adjusted for special items.</p>"
    found = read(f"{QUARTER}<p>Selected results (1)</p>{UNIT}" + table(*HEAD, *ROWS) + note)
    assert (found.revenue, found.diluted_eps) == (None, None)


COLUMNS: list[tuple[Any, Any, float | None, float | None]] = [
    ((("", "4Q24", "3Q24", "4Q23"),), (("Total revenue", "1,100", "1,050", "980"), ("Diluted EPS", "1.25", "1.20", "1.10")), 1100e6, 1.25),
    ((("", "3Q24", "4Q24"),), (("Total revenue", "1,050", "1,100"), ("Diluted EPS", "1.20", "1.25")), 1100e6, 1.25),
    ((("", "3Q24", "4Q23"),), (("Total revenue", "1,050", "980"), ("Diluted EPS", "1.20", "1.10")), None, None),
    ((("", "Q4 2024 GAAP", "Q4 2024 Non-GAAP"),), (("Revenue", "1,100", "1,150"), ("Diluted EPS", "1.25", "1.40")), 1100e6, 1.25),
    (
        (("", ("colspan=3", "Three Months Ended December 31,")), ("", "2024 As Reported", "2024 Adjustments", "2024 Ongoing")),
        (("Revenue", "1,100", "10", "1,110"), ("Diluted EPS", "1.25", "0.15", "1.40")),
        1100e6,
        1.25,
    ),
]


@pytest.mark.parametrize(("head", "rows", "revenue", "eps"), COLUMNS)
def test_columns_of_quarters_and_of_what_was_reported(head: Any, rows: Any, revenue: float | None, eps: float | None) -> None:
    found = read(statement(*rows, head=head))
    assert (found.revenue, found.diluted_eps) == (revenue, eps)


def test_totals_below_a_heading() -> None:
    found = read(
        statement(
            ("Revenues:", ""),
            ("Products", "600", "500"),
            ("Services", "500", "480"),
            ("Total", "1,100", "980"),
            ("Diluted earnings per share:", ""),
            ("Continuing operations", "1.35", "1.20"),
            ("Discontinued operations", "(0.10)", "(0.10)"),
            ("Net income", "1.25", "1.10"),
        )
    )
    assert (found.revenue, found.diluted_eps) == (1100e6, 1.25)


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("Sales in Canada rose by C$4 million.", None),
        ("Revenue for the fourth quarter was C$4 million.", "C$"),
        ("Sales in Canada rose by C$4 million.</p><p>Sales in Australia rose by A$4 million.", "C$"),
        ("Net sales rose by €4 million.", "€"),
    ],
)
def test_one_change_in_another_dollar_refuses_that_sentence_alone(sentence: str, other: str | None) -> None:
    found = read(f"{statement(*ROWS)}<p>{sentence}</p>")
    assert (found.revenue, found.other_currency) == (None if other else 1100e6, other)


@pytest.mark.parametrize(
    ("sentence", "revenue", "eps"),
    [
        ("Revenue for the fourth quarter was $1.1 billion.", 1.1e9, 1.25),
        ("Revenue for the fourth quarter was $1,534.5 million.", None, 1.25),
        ("Diluted earnings per share for the fourth quarter were $1.25.", 1.1e9, 1.25),
        ("Diluted earnings per share for the fourth quarter were $2.25.", 1.1e9, None),
        ("Revenue for the year was $4.2 billion.", 1.1e9, 1.25),
    ],
)
def test_a_number_that_the_prose_contradicts_is_not_certain(sentence: str, revenue: float | None, eps: float | None) -> None:
    found = read(statement(*ROWS) + f"<p>{sentence}</p>")
    assert (found.revenue, found.diluted_eps) == (revenue, eps)


DEBT = table(("", "December 31, 2024", "December 31, 2023"), ("Total debt", "$ 1,200.0", "$ 1,400.0"))
EXACT = (("Total revenues", "$ 500.0", "$ 450.0"), PROFIT)


@pytest.mark.parametrize(
    ("amount", "revenue"),
    [
        ("$500.0 million", 500e6),
        ("$500 million", 500e6),
        ("$0.5 billion", 500e6),
        ("$500.04 million", 500e6),  # which the table rounds
        ("$500,000,000", 500e6),
        ("approximately $500 million", 500e6),
        ("$500.4 million", None),
        ("$505.0 million", None),
        ("$510 million", None),
        ("$529.9 million", None),
        ("$0.6 billion", None),
        ("approximately $510 million", None),
    ],
)
def test_prose_differs_from_a_table_by_the_rounding_of_its_own_digits_alone(amount: str, revenue: float | None) -> None:
    found = read(statement(*EXACT) + f"<p>Revenue for the fourth quarter was {amount}.</p>")
    assert (found.revenue, found.diluted_eps) == (revenue, 1.25)


@pytest.mark.parametrize(("amount", "eps"), [("$1.25", 1.25), ("$1.3", 1.25), ("$1.26", None), ("$1.32", None), ("$1.2", 1.25)])
def test_earnings_of_prose_differ_by_no_cent(amount: str, eps: float | None) -> None:
    assert read(statement(*EXACT) + f"<p>Diluted earnings per share for the fourth quarter were {amount}.</p>").diluted_eps == eps


@pytest.mark.parametrize(
    ("sentence", "debt"),
    [
        ("Total debt was $1.2 billion at December 31, 2024.", 1.2e9),
        ("Total debt was $1,200 million at December 31, 2024, compared with $1.4 billion.", 1.2e9),
        ("Total debt was $1.4 billion at December 31, 2023.", 1.2e9),
        ("Total debt was $1.3 billion at December 31, 2024.", None),
        ("Total debt was $2.4 billion at December 31, 2024.", None),
        ("As of December 31, 2024, the Company had no debt.", None),
    ],
)
def test_total_debt_that_the_prose_contradicts_is_not_certain(sentence: str, debt: float | None) -> None:
    assert read(QUARTER + UNIT + DEBT + f"<p>{sentence}</p>").total_debt == debt


def test_a_table_does_not_settle_which_of_two_sentences_is_right() -> None:
    said = "<p>Revenue for the fourth quarter was $500 million.</p><p>Revenue for the fourth quarter was $600 million.</p>"
    assert read(statement(*EXACT) + said).revenue is None


def test_a_sentence_does_not_settle_which_of_two_tables_is_right() -> None:
    said = "<p>Revenue for the fourth quarter was $500.0 million.</p>"
    two_rows = statement(("Total revenues", "$ 500.0", "$ 450.0"), ("Total revenues", "$ 520.0", "$ 450.0"), PROFIT)
    two_tables = statement(*EXACT) + UNIT + table(*HEAD, ("Total revenues", "$ 505.0", "$ 450.0"), PROFIT)
    assert read(two_rows + said).revenue is None
    assert read(two_tables + said).revenue is None


@pytest.mark.parametrize("digits", ["9" * 400, "1." + "0" * 400, "1" + "0" * 400])
def test_a_number_of_hundreds_of_digits_is_none(digits: str) -> None:
    said = (
        f"<p>Revenue for the fourth quarter was ${digits} million.</p><p>Total debt was ${digits} million.</p>"
        f"<p>For fiscal 2025, the Company expects revenue of ${digits} million to ${digits} million and EPS of ${digits} to ${digits}.</p>"
    )
    found = read(f"{QUARTER}{said}{UNIT}" + table(*HEAD, ("Total revenues", digits, "1"), ("Diluted EPS", digits, "1.10")))
    assert (found.revenue, found.diluted_eps, found.total_debt, found.guidance_months) == (None, None, None, None)
