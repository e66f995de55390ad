"""The reader of earnings releases on texts in their style: each number is right or null, never the one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from tests.samples import sample
from tests.samples.edgar import ARCHIVE
from tests.sources.edgar.release_text import HEAD, PROFIT, QUARTER, UNIT, read, statement, table, two

SOURCE = load_source("edgar")


@pytest.mark.parametrize(
    ("cell", "revenue"),
    [
        ("", None),
        ("N/M", None),
        ("n/a", None),
        ("—", None),  # nothing, or not meaningful
        ("(1)", None),  # a footnote's mark, where the number should be
        ("1,100 980", None),
        ("1.100,5", None),
        ("10-15", None),
        ("1,100", 1100e6),
        ("1,100*", 1100e6),
        ("$1,100 (a)", 1100e6),
        ("1,100(1)", 1100e6),
        ("1,100<sup>1</sup>", 1100e6),
        ("1,100 <span style='position:relative;top:-3.5pt;font-size:6pt'>(2)</span>", 1100e6),
        ("US$1,100", 1100e6),
        ("U.S. $1,100", 1100e6),
        ("980<sup>1</sup>", 980e6),
    ],
)
def test_an_unreadable_cell_is_null_and_never_last_years(cell: str, revenue: float | None) -> None:
    found = read(statement(("Total revenues", cell, "980"), PROFIT))
    assert (found.revenue, found.diluted_eps) == (revenue, 1.25)


@pytest.mark.parametrize("cell", ["N/M", "", "—", "(1)", "1"])
def test_earnings_that_can_not_be_read_are_null(cell: str) -> None:
    found = read(statement(("Net sales", "1,100", "980"), ("Diluted EPS", cell, "1.10")))
    assert (found.revenue, found.diluted_eps) == (1100e6, None)


SPREAD = (("", ("colspan=5", "Three Months Ended December 31,")), ("", two("2024"), "", two("2023")))


@pytest.mark.parametrize(
    ("row", "revenue"),
    [
        (("Net sales", "$", "1,100", "", "$", "980"), 1100e6),
        (("Net sales", two("1,100"), "", two("980")), 1100e6),
        (("Net sales", "", "1,100", "", "", "980"), 1100e6),
        (("Net sales", "", "", "", "$", "980"), None),
        (("Net sales", two(""), "", two("980")), None),
        (("Net sales", "$", "N/M", "", "$", "980"), None),
        (("Net sales", "$", "1,100", "(a)", "$", "980"), 1100e6),
    ],
)
def test_a_currency_sign_has_a_cell_of_its_own(row: Sequence[str | tuple[str, str]], revenue: float | None) -> None:
    loss = ("Diluted loss per share", "$", "(0.12", ")", "$", "(0.10)")
    found = read(statement(row, ("Cost of sales", two("600"), "", two("500")), loss, head=SPREAD))
    assert (found.revenue, found.diluted_eps) == (revenue, -0.12)


def test_a_sign_in_its_own_cell_without_widths() -> None:
    head = (("", "Three Months Ended"), ("", "December 31, 2024", "", "December 31, 2023"))
    found = read(statement(("Net sales", "$", "1,100", "", "$", "980"), ("Diluted EPS", "$", "(", "0.12", ")", "$", "0.03"), head=head))
    assert (found.revenue, found.diluted_eps) == (1100e6, -0.12)
    blank = read(statement(("Net sales", "", "", "", "$", "980"), ("Diluted EPS", "$", "(", "0.12", ")", "$", "0.03"), head=head))
    assert blank.revenue is None


# (what it is, rows of the head, rows of the body, revenue, diluted EPS) where the release is about the three months to December 31, 2024.
LAYOUTS: list[tuple[str, Any, Any, float | None, float | None]] = [
    (
        "the prior year first",
        (("", "Three Months Ended December 31,"), ("", "2023", "2024")),
        (("Revenue", "980", "1,100"), ("Diluted EPS", "1.10", "1.25")),
        1100e6,
        1.25,
    ),
    (
        "the year beside the quarter",
        (("", two("Three Months Ended December 31,"), two("Year Ended December 31,")), ("", "2024", "2023", "2024", "2023")),
        (("Revenue", "1,100", "980", "4,500", "4,000"), ("Diluted EPS", "1.25", "1.10", "5.00", "4.40")),
        1100e6,
        1.25,
    ),
    (
        "the year before the quarter",
        (("", two("Twelve Months Ended December 31,"), two("Three Months Ended December 31,")), ("", "2024", "2023", "2024", "2023")),
        (("Revenue", "4,500", "4,000", "1,100", "980"), ("Diluted EPS", "5.00", "4.40", "1.25", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "only six months",
        (("", "Six Months Ended December 31,"), ("", "2024", "2023")),
        (("Revenue", "2,100", "1,900"), ("Diluted EPS", "2.25", "2.10")),
        None,
        None,
    ),
    (
        "a column of changes",
        (("", "Three Months Ended December 31,", "", ""), ("", "2024", "2023", "% Change")),
        (("Revenue", "1,100", "980", "12%"), ("Diluted EPS", "N/M", "1.10", "14%")),
        1100e6,
        None,
    ),
    (
        "a column of changes without a heading",
        (("", "Three Months Ended December 31,"), ("", "2024", "2023")),
        (("Revenue", "", "980", "12", "%"), ("Diluted EPS", "1.25", "1.10", "14", "%")),
        None,
        1.25,
    ),
    (
        "changes first",
        (("", "", "Three Months Ended December 31,", ""), ("", "Change", "2024", "2023")),
        (("Revenue", "12%", "1,100", "980"), ("Diluted EPS", "14%", "1.25", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "the quarter before beside it",
        (("", "Three Months Ended"), ("", "December 31, 2024", "September 30, 2024", "December 31, 2023")),
        (("Revenue", "1,100", "1,050", "980"), ("Diluted EPS", "1.25", "1.20", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "the quarter before first",
        (("", "Three Months Ended"), ("", "Sept. 30, 2024", "Dec. 31, 2024")),
        (("Revenue", "1,050", "1,100"), ("Diluted EPS", "1.20", "1.25")),
        1100e6,
        1.25,
    ),
    (
        "restated columns",
        (("", "Three Months Ended December 31, 2024", "Three Months Ended December 31, 2024"), ("", "As reported", "As adjusted")),
        (("Revenue", "1,050", "1,100"), ("Diluted EPS", "1.20", "1.25")),
        None,
        None,
    ),
    (
        "pro forma columns",
        (("", "Three Months Ended December 31,"), ("", "2024 Pro Forma", "2024", "2023")),
        (("Revenue", "1,500", "1,100", "980"), ("Diluted EPS", "1.45", "1.25", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "fiscal years that run ahead of the calendar",
        (("", "Three Months Ended"), ("", "Fiscal 2025", "Fiscal 2024")),
        (("Revenue", "1,100", "980"), ("Diluted EPS", "1.25", "1.10")),
        None,
        None,
    ),
    (
        "a head that begins with a cell over two rows",
        (
            (("rowspan=2", "(unaudited)"), two("Three Months Ended December 31,"), ("rowspan=2", "% Change")),
            ("2024", "2023"),
        ),
        (("Revenue", "", "980", "N/M"), ("Diluted EPS", "1.25", "1.10", "14%")),
        None,
        1.25,
    ),
    (
        "a head without a cell over the labels",
        (("Three Months Ended December 31,",), ("2024", "2023")),
        (("Revenue", "", "980"), ("Diluted EPS", "1.25", "1.10")),
        None,
        1.25,
    ),
    (
        "what is reported beside what is not",
        (("", ("colspan=3", "Three Months Ended December 31, 2024")), ("", "GAAP", "Adjustments", "Non-GAAP")),
        (("Revenue", "1,100", "(50)", "1,050"), ("Diluted EPS", "1.25", "0.15", "1.40")),
        None,
        None,
    ),
    (
        "segments side by side",
        (("", ("colspan=3", "Three Months Ended December 31, 2024")), ("", "Aerospace", "Industrial", "Total")),
        (("Revenue", "310", "790", "1,100"), ("Diluted EPS", "0.50", "0.75", "1.25")),
        None,
        None,
    ),
    (
        "what was reported before beside what is restated",
        (("", "Three Months Ended December 31,"), ("", "2024 (as previously reported)", "2024 (as restated)", "2023")),
        (("Revenue", "1,050", "1,100", "980"), ("Diluted EPS", "1.20", "1.25", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "a column of notes",
        (("", "Note", "Three Months Ended December 31, 2024", "Three Months Ended December 31, 2023"),),
        (("Revenue", "3", "", "980"), ("Diluted EPS", "14", "", "1.10")),
        None,
        None,
    ),
    (
        "amounts and their shares of revenue",
        (("", ("colspan=3", "Three Months Ended December 31, 2024"), ("colspan=3", "Three Months Ended December 31, 2023")),),
        (("Revenue", "", "", "", "980", "100.0", "%"), ("Diluted EPS", "1.25", "", "", "1.10", "", "")),
        None,
        1.25,
    ),
    (
        "marks of footnotes on the years",
        (("Three Months Ended December 31,", "2024<sup>1</sup>", "2023(2)"),),
        (("Revenue", "1,100", "980"), ("Diluted EPS", "1.25", "1.10")),
        1100e6,
        1.25,
    ),
    (
        "two statements one under the other",
        (("", "Three Months Ended December 31,"), ("", "2024", "2023")),
        (
            ("Revenue", "1,100", "980"),
            ("Diluted EPS", "1.25", "1.10"),
            ("", "Twelve Months Ended December 31,"),
            ("", "2024", "2023"),
            ("Revenue", "4,500", "4,000"),
            ("Diluted EPS", "5.00", "4.40"),
        ),
        1100e6,
        1.25,
    ),
]


@pytest.mark.parametrize(("what", "head", "body", "revenue", "eps"), LAYOUTS, ids=[one[0] for one in LAYOUTS])
def test_a_number_is_of_its_own_column(what: str, head: Any, body: Any, revenue: float | None, eps: float | None) -> None:
    found = read(statement(*body, head=head))
    assert (found.revenue, found.diluted_eps) == (revenue, eps)


def test_a_quarter_of_fourteen_weeks_is_a_quarter() -> None:
    body = "<p>Results for the 14 weeks ended February 3, 2024.</p><p>(in thousands, except per share data)</p>" + table(
        ("", "14 Weeks Ended", "13 Weeks Ended", "53 Weeks Ended", "52 Weeks Ended"),
        ("", "February 3, 2024", "January 28, 2023", "February 3, 2024", "January 28, 2023"),
        ("Net sales", "$ 1,100", "$ 980", "4,500", "4,000"),
        ("Diluted", "x", "x", "x", "x"),
        ("Diluted earnings per share", "$ 1.25", "$ 1.10", "5.00", "4.40"),
    )
    found = read(body)
    assert (found.months, found.revenue, found.diluted_eps) == (3, 1100e3, 1.25)


@pytest.mark.parametrize(
    ("rows", "revenue"),
    [
        ((("Net revenues excluding fuel", "900", "800"),), None),
        ((("Total revenues (excluding fuel)", "900", "800"),), None),
        ((("Adjusted revenue", "900", "800"),), None),
        ((("Organic net sales", "900", "800"),), None),
        ((("Revenues", "900", "800"), ("Revenues from affiliates", "200", "180"), ("Cost of revenues", "1", "1")), None),
        ((("Sales", "900", "800"), ("Rental revenue", "200", "180"), ("Total revenues", "1,100", "980")), 1100e6),
        ((("Total sales", "900", "800"), ("Other", "200", "180"), ("Total revenues", "1,100", "980")), 1100e6),
        ((("Total revenues", "1,100", "980"), ("Total revenues", "900", "800")), None),
        ((("Net sales (in thousands)", "1,100", "980"), ("Cost of sales", "700", "600")), 1100e3),
        ((("Net sales (1)", "1,100", "980"), ("Cost of sales (2)", "700", "600")), 1100e6),
        ((("Revenue", "(1,100)", "980"),), None),
        ((("Revenue growth", "12%", "10%"), ("Revenue", "12%", "10%")), None),
    ],
)
def test_revenue_is_the_companys_whole(rows: Any, revenue: float | None) -> None:
    assert read(statement(*rows, PROFIT)).revenue == revenue


@pytest.mark.parametrize(
    ("rows", "eps"),
    [
        ((("Diluted EPS - continuing operations", "1.20", "1.00"), ("Diluted EPS", "1.15", "1.10")), 1.15),
        ((("Diluted EPS - continuing operations", "1.20", "1.00"),), None),
        (
            (
                ("Earnings per share from continuing operations:", ""),
                ("Diluted", "1.20", "1.00"),
                ("Earnings per share:", ""),
                ("Diluted", "1.15", "1.10"),
            ),
            1.15,
        ),
        ((("Adjusted diluted EPS", "1.40", "1.30"), ("Diluted EPS", "1.25", "1.10")), 1.25),
        ((("Adjusted earnings per share:", ""), ("Diluted", "1.40", "1.30")), None),
        ((("Non-GAAP diluted earnings per share", "1.40", "1.30"),), None),
        ((("Operating earnings per diluted share", "1.40", "1.30"),), None),
        ((("FFO per diluted share", "1.40", "1.30"), ("Book value per diluted share", "14.00", "13.00")), None),
        ((("Diluted earnings per ADS", "2.50", "2.20"),), None),
        ((("Diluted earnings per share", "0.25", "0.22"), ("Diluted earnings per ADS", "2.50", "2.20")), 0.25),
        ((("Pro forma diluted earnings per share", "1.40", "1.30"),), None),
        ((("Net loss per share, basic and diluted", "(0.12)", "0.10"),), -0.12),
        ((("Net loss per share, basic and diluted", "0.12", "0.10"),), None),  # a loss without its sign
        ((("Net income (loss) per share, diluted", "$(0.12)", "$0.10"),), -0.12),
        ((("Net income (loss) per diluted share", "-0.12", "0.10"),), -0.12),
        ((("Earnings per share:", ""), ("Basic", "1.26", "1.11"), ("Diluted", "1.25", "1.10"), ("Diluted shares", "50.3", "50.1")), 1.25),
        ((("Earnings per share:", ""), ("Diluted shares", "50.3", "50.1")), None),
        ((("Diluted EPS, Class A", "1.25", "1.10"), ("Diluted EPS, Class B", "1.20", "1.05")), None),  # of which shares?
        ((("Diluted EPS, Class A", "1.25", "1.10"), ("Diluted EPS, Class B", "1.25", "1.10")), 1.25),
        ((("Diluted EPS", "1.25", "1.10"), ("Diluted EPS", "1.20", "1.05")), None),
        ((("Diluted EPS (cents)", "125.0", "110.0"),), None),
        ((("Diluted EPS", "&minus;0.12", "0.10"),), -0.12),
        ((("Diluted EPS", "(.12)", "0.10"),), -0.12),
        ((("Diluted EPS", "0.12-", "0.10"),), None),
        ((("Net income per ADS:", ""), ("Diluted", "2.50", "2.20")), None),
    ],
)
def test_earnings_per_share_are_of_all_operations_and_by_the_accounting_rules(rows: Any, eps: float | None) -> None:
    found = read(statement(("Revenue", "1,100", "980"), ("Diluted margin", "x", "x"), *rows))
    assert found.diluted_eps == eps


@pytest.mark.parametrize(
    ("unit", "revenue"),
    [
        ("<p>(in thousands, except per share amounts)</p>", 1100e3),
        ("<p>(Amounts in billions)</p>", 1100e9),
        ("<p>($ in millions)</p>", 1100e6),
        ("<p>(in thousands)</p><p>(in millions)</p>", 1100e6),  # the nearest
        ("<p>(dollars in millions, shares in thousands)</p>", 1100e6),
        ("<p>(in hundreds of thousands)</p>", None),
        ("<p>(in millions of U.S. dollars)</p>", 1100e6),
        ("<p>(in thousands of pounds)</p>", None),  # of sterling, or of copper
        ("", None),
    ],
)
def test_the_unit_is_the_tables_own(unit: str, revenue: float | None) -> None:
    assert read(statement(("Revenue", "1,100", "980"), PROFIT, unit=unit)).revenue == revenue


def test_the_unit_of_the_table_before_is_not_this_ones() -> None:
    other = table(("(in thousands)", "2024", "2023"), ("Cash", "5", "4"))
    assert read(QUARTER + other + table(*HEAD, ("Revenue", "1,100", "980"), PROFIT)).revenue is None


def test_two_statements_that_differ_give_none() -> None:
    one = statement(("Revenue", "1,100", "980"), PROFIT)
    assert read(one + UNIT + table(*HEAD, ("Revenue", "700", "600"), PROFIT)).revenue is None
    assert read(one + UNIT + table(*HEAD, ("Revenue", "1,104.2", "980.1"), PROFIT)).revenue == 1100e6
    reconciled = "<p>Reconciliation of GAAP to non-GAAP</p>"
    assert read(one + reconciled + UNIT + table(*HEAD, ("Revenue", "700", "600"), PROFIT)).revenue == 1100e6


@pytest.mark.parametrize(
    ("unit", "cell"),
    [
        ("(In millions of RMB)", "1,100"),
        ("(in thousands of Euros)", "1,100"),
        ("(RMB in millions)", "1,100"),
        ("(in millions of Canadian dollars)", "1,100"),
        ("(Canadian dollars in millions)", "1,100"),
        ("(In € millions)", "1,100"),
        ("(in millions of rubles)", "1,100"),
        ("(in CHF thousands)", "1,100"),
        ("(HK$ in millions)", "1,100"),
        ("(in millions)", "¥1,100"),
        ("(in millions)", "NT$1,100"),
        ("(in millions)", "NT$ 1,100"),
        ("(in millions)", "C$1,100"),
        ("(in millions)", "£1,100"),
        ("(in millions)", "RMB 1,100"),
        ("All amounts are expressed in Canadian dollars, in millions", "$1,100"),
    ],
)
def test_a_release_in_another_currency_is_refused_and_says_why(unit: str, cell: str, catalogue: Catalogue) -> None:
    body = f"<p>Exhibit 99.1</p>{statement(('Total revenues', cell, '980'), PROFIT, unit=f'<p>{unit}</p>')}"
    parsed = SOURCE.parse(sample("edgar", f"<html>{body}</html>".encode(), url=ARCHIVE + "x.htm"), catalogue)
    assert "edgar_releases" not in parsed.tables
    (rejected,) = parsed.rejected.to_dicts()
    assert rejected["reason"] == "unsupported"
    assert "another currency" in rejected["detail"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Revenue for the fourth quarter was C$1.1 billion.",
        "Revenue for the fourth quarter was €1.1 billion ($1.2 billion).",
        "Revenue for the fourth quarter was $1.1 billion Canadian.",
        "Revenue for the fourth quarter was CAD $1.1 billion.",
        "The Company reports in Hong Kong dollars. Revenue for the fourth quarter was $1.1 billion.",
    ],
)
def test_a_sentence_in_another_currency_gives_nothing(sentence: str) -> None:
    found = read(f"{QUARTER}<p>{sentence}</p>")
    assert (found.revenue, found.other_currency is not None) == (None, True)


def test_what_names_no_currency_gives_nothing() -> None:
    body = statement(("Revenue", "1,100", "980"), ("Diluted EPS", "1.25", "1.10"))
    found = read(body.replace("$", ""))
    assert (found.revenue, found.diluted_eps, found.other_currency) == (None, None, None)


def test_a_currency_in_passing_refuses_nothing() -> None:
    passing = "<p>The euro and the Canadian dollar fell against the dollar, and a fire in Leeds cost £2 million.</p>"
    assert read(passing + statement(("Revenue", "1,100", "980"), PROFIT)).revenue == 1100e6


@pytest.mark.parametrize(
    ("sentence", "eps"),
    [
        (
            "Net income for the fourth quarter was $1.25 per share, compared with $55 million, or $1.10 per diluted share, in the prior-year quarter.",
            None,
        ),
        (
            "Net income for the fourth quarter, including a $2 million loss on extinguishment, was $60 million, or $1.25 per diluted share.",
            1.25,
        ),
        ("Compared with a net loss a year ago, net income for the fourth quarter was $60 million, or $1.25 per diluted share.", 1.25),
        ("Net income for the fourth quarter was $60 million, or $1.25 per diluted share, compared with a net loss of $0.10.", 1.25),
        ("Net loss for the fourth quarter was $6 million, or $0.12 per diluted share, compared with net income of $3 million.", -0.12),
        ("Net loss for the fourth quarter was $6 million, or $(0.12) per diluted share.", -0.12),
        ("Net loss for the fourth quarter was $6 million, or ($0.12) per diluted share.", -0.12),
        ("The company had a loss of $0.12 per diluted share in the fourth quarter.", -0.12),
        ("Diluted EPS for the fourth quarter was $1.25, up from $1.10.", 1.25),
        ("Diluted EPS for the fourth quarter was $(0.12).", -0.12),
        ("Net income attributable to noncontrolling interests for the fourth quarter was $0.10 per diluted share.", None),
        ("Diluted EPS for the fourth quarter was a loss of $0.12 per diluted share.", None),
        ("Net income for the fourth quarter was less than $0.01 per diluted share.", None),
        ("Net income for the fourth quarter was $1.25 per diluted share, and $5.00 per diluted share for the full year.", None),
        ("Net loss narrowed to $0.10 per diluted share in the fourth quarter from $0.40 per diluted share.", -0.10),
        ("Diluted EPS for the full year was $5.00.", None),
        ("Diluted EPS for the third quarter was $1.20.", None),
        ("Diluted EPS was $5.00 for the twelve months ended December 31, 2024.", None),
        ("Diluted EPS was $1.25.", None),  # of which period?
        ("In the prior-year quarter, net income was $1.10 per diluted share.", None),
        ("Net income in the fourth quarter of 2023 was $55 million, or $1.10 per diluted share.", None),
        ("Net income for the fourth quarter included charges of $0.10 per diluted share.", None),
        ("Net income for the fourth quarter rose by $0.10 per diluted share.", None),
        ("Income from continuing operations for the fourth quarter was $1.30 per diluted share.", None),
        ("Excluding special items, net income for the fourth quarter was $1.40 per diluted share.", None),
        ("Net income for the fourth quarter was $1.40 per diluted share on an adjusted basis.", None),
        ("Funds from operations for the fourth quarter were $1.40 per diluted share.", None),
        ("Results for the fourth quarter were $1.25 per diluted share.", None),
        ("Net income swung from a net loss to $60 million, or $1.25 per diluted share, in the fourth quarter.", None),
        (
            "For the fourth quarter, net income was $1.25 per diluted share. For the fourth quarter, net income was $1.20 per diluted share.",
            None,
        ),
    ],
)
def test_a_sentence_says_earnings_with_their_sign_and_period(sentence: str, eps: float | None) -> None:
    assert read(f"{QUARTER}<p>{sentence}</p>").diluted_eps == eps


@pytest.mark.parametrize(
    ("text", "revenue"),
    [
        ("<p>Revenue was $4.5 billion for the full year 2024.</p>", None),
        ("<p>Revenue was $4.5 billion for the full year 2024. Revenue for the fourth quarter was $1.1 billion.</p>", 1.1e9),
        ("<p>Revenue was $4.5 billion.</p>", None),
        ("<p>Full Year 2024 Highlights</p><p>Revenue was $4.5 billion.</p>", None),
        ("<p>Fourth Quarter 2024 Highlights</p><p>Revenue was $1.1 billion, up 12% year over year.</p>", 1.1e9),
        ("<p>Revenues of $310 million in the Aerospace segment for the fourth quarter.</p>", None),
        ("<p>Revenue of $310 million in Aerospace for the fourth quarter.</p>", None),
        ("<p>Fourth quarter revenue of $310 million came from services.</p>", None),
        ("<p>Aerospace</p><p>Revenue for the fourth quarter was $310 million, up 3%.</p>", None),
        ("<p>Aerospace</p><p>Total revenue for the fourth quarter was $1.1 billion, up 3%.</p>", 1.1e9),
        ("<p>Aerospace Segment Results</p><p>Revenue for the fourth quarter was $310 million, up 3%.</p>", None),
        ("<p>Aerospace Fourth Quarter Results</p><p>Revenue was $310 million, up 5%.</p>", None),
        ("<p>Fourth Quarter Highlights</p><p>Aerospace:</p><p>Revenue was $310 million, up 5%.</p>", None),
        ("<p>In our Aerospace business, demand was strong. Revenue for the fourth quarter was $310 million, up 5%.</p>", None),
        (
            "<p>Fourth Quarter 2024 Highlights</p><p>Total revenue of $1.1 billion, up 12%</p>"
            "<p>Full Year 2024 Highlights</p><p>Total revenue of $4.5 billion, up 9%</p>",
            1.1e9,
        ),
        ("<p>Revenue for the fourth quarter of 2023 was $980 million.</p>", None),
        ("<p>Revenue for the third quarter was $1.05 billion.</p>", None),
        ("<p>Revenue for the fourth quarter was $1.1 billion. Sales in the fourth quarter were $900 million.</p>", None),
        ("<p>Revenue for the fourth quarter was $1.1 billion, compared to $980 million a year ago.</p>", 1.1e9),
        ("<p>Revenue for the fourth quarter was $1.1 billion, excluding divested businesses.</p>", None),
        ("<p>Revenue for the fourth quarter was $100 million lower than a year ago.</p>", None),
        ("<p>Revenue for the fourth quarter of 2023 and 2024 was $980 million and $1.1 billion, respectively.</p>", None),
        ("<p>Net sales were $1.1 billion in the fourth quarter, an increase of 12% from the prior-year quarter.</p>", 1.1e9),
        ("<p>Total revenue for the fourth quarter decreased 3.2 percent to $293.6 million from $303.5 million.</p>", 293.6e6),
        ("<p>Sales in the fourth quarter were $100 million per week.</p>", None),
        ("<p>Revenue for the fourth quarter was expected to be $1.1 billion.</p>", None),
        ("<p>Revenue for the fourth quarter was $310<sup>1</sup> million.</p>", 310e6),
    ],
)
def test_a_sentence_says_revenue_of_the_whole_company_and_of_the_period(text: str, revenue: float | None) -> None:
    found = read(QUARTER + text)
    assert (found.months, found.revenue) == (3, revenue)


@pytest.mark.parametrize(
    ("text", "debt"),
    [
        (
            "The company has $900 million of senior notes. As of December 31, 2024, it had no borrowings outstanding under its revolving credit facility.",
            None,
        ),
        ("As of December 31, 2024, the company had no borrowings outstanding under its $500 million revolving credit facility.", None),
        ("As of December 31, 2024, the company had no debt under its revolver.", None),
        ("As of December 31, 2024, the company had no debt maturing before 2030.", None),
        ("As of December 31, 2024, the company had no long-term debt.", None),
        ("As of December 31, 2024, the company had cash of $15 million and no outstanding debt.", 0.0),
        ("The company has a $300 million term loan. As of December 31, 2024, the parent had no debt.", None),
        ("As of September 30, 2024, the company had no debt.", None),
        ("Total debt was $900 million at December 31, 2024, compared with $950 million.", 900e6),
        ("Total debt was $950 million at December 31, 2023.", None),
        ("Total debt, compared with $950 million a year ago, was $900 million.", None),
        ("Total debt was $900 million. Total debt was $700 million in the Finance segment.", 900e6),
        ("Total debt was $900 million. Total debt was $700 million.", None),
        ("Net total debt was $900 million.", None),
        ("Total debt, net of cash, was $900 million.", None),
        ("Total debt of $100 million was repaid.", None),
        ("Total debt maturing in 2026 was $100 million.", None),
        ("As of December 31, 2024, the company had no debt, other than $300 million of convertible notes.", None),
        ("As of December 31, 2024, the company had no debt and owed its banks nothing but a mortgage.", None),
    ],
)
def test_no_borrowings_under_a_revolver_is_not_no_debt(text: str, debt: float | None) -> None:
    assert read(f"{QUARTER}<p>{text}</p>").total_debt == debt


def test_a_balance_sheet_that_owes_says_that_there_is_debt() -> None:
    free = "<p>As of December 31, 2024, the company had cash of $15 million and no debt.</p>"
    sheet = table(("(in millions)", "December 31, 2024", "December 31, 2023"), ("Long-term debt", "900", "950"))
    assert read(QUARTER + free).total_debt == 0.0
    assert read(QUARTER + free + sheet).total_debt is None


@pytest.mark.parametrize(
    ("row", "debt"), [(("Total debt", "900", "950"), 900e6), (("Total debt", "", "950"), None), (("Total debt", "N/M", "950"), None)]
)
def test_total_debt_is_of_the_periods_end(row: Sequence[str], debt: float | None) -> None:
    sheet = table(("(in millions)", "December 31, 2024", "December 31, 2023"), ("Cash", "$ 5", "$ 4"), row)
    assert read(QUARTER + sheet).total_debt == debt
    swapped = table(("(in millions)", "December 31, 2023", "December 31, 2024"), ("Cash", "$ 5", "$ 4"), ("Total debt", "950", "900"))
    assert read(QUARTER + swapped).total_debt == 900e6


@pytest.mark.parametrize(
    ("sentence", "revenue", "eps"),
    [
        (
            "The company raised its full year 2025 revenue guidance from $4.8 billion to $5.0 billion, to a range of $5.0 billion to $5.2 billion.",
            (5.0e9, 5.2e9),
            (None, None),
        ),
        (
            "The company raised its full year 2025 revenue guidance to $5.0 billion to $5.2 billion from $4.8 billion to $5.0 billion.",
            (5.0e9, 5.2e9),
            (None, None),
        ),
        (
            "The company expects full year 2025 revenue of $5.0 billion to $5.2 billion, compared with its previous outlook of $4.8 billion to $5.0 billion.",
            (5.0e9, 5.2e9),
            (None, None),
        ),
        ("The company raised full year 2025 revenue guidance from $4.8 billion to $5.0 billion.", (None, None), (None, None)),
        ("Its previous outlook for the full year was revenue of $4.8 billion to $5.0 billion.", (None, None), (None, None)),
        ("Analysts had expected full year revenue of $4.8 billion to $5.0 billion.", (None, None), (None, None)),
        ("The company had expected full year revenue of $4.8 billion to $5.0 billion.", (None, None), (None, None)),
        ("Full year revenue is expected to range from $4.8 billion to $5.0 billion.", (4.8e9, 5.0e9), (None, None)),
        ("The company expects full year revenue between $4.8 billion and $5.0 billion.", (4.8e9, 5.0e9), (None, None)),
        ("The company expects full year revenue of $4.8 billion and $5.0 billion in bookings.", (None, None), (None, None)),
        ("The company expects full year Aerospace revenue of $4.8 billion to $5.0 billion.", (None, None), (None, None)),
        ("The company expects full year revenue of $4.8 billion to $5.0 billion in its Aerospace segment.", (None, None), (None, None)),
        ("The company expects full year revenue growth of $480 million to $500 million.", (None, None), (None, None)),
        ("The company expects a full year net loss per share of $0.05 to $0.10.", (None, None), (-0.10, -0.05)),
        ("The company expects full year diluted EPS of $4.10 to $4.30 on an adjusted basis.", (None, None), (None, None)),
        (
            "The company expects full year revenue of $4.8 billion to $5.0 billion and adjusted EPS of $4.10 to $4.30.",
            (4.8e9, 5.0e9),
            (None, None),
        ),
        ("The company expects full year revenue to increase by $100 million to $150 million.", (None, None), (None, None)),
        ("The company lowered its full-year revenue outlook by $100 million to $150 million.", (None, None), (None, None)),
        ("The acquisition is expected to add full year revenue of $100 million to $150 million.", (None, None), (None, None)),
        ("The deal is expected to be accretive to full-year EPS by $0.10 to $0.15.", (None, None), (None, None)),
        ("The company expects full-year diluted EPS from continuing operations of $4.10 to $4.30.", (None, None), (None, None)),
        ("By 2030, the company expects annual revenue of $8 billion to $9 billion.", (None, None), (None, None)),
        ("Fourth quarter revenue guidance of $1.0 billion to $1.1 billion was exceeded.", (None, None), (None, None)),
        ("Our 2024 guidance was full year revenue of $4.4 billion to $4.5 billion.", (None, None), (None, None)),
        ("The company now expects full-year EPS of $4.10 to $4.30 (previously $4.00 to $4.20).", (None, None), (4.10, 4.30)),
        ("The company expects full year revenue of C$4.8 billion to C$5.0 billion.", (None, None), (None, None)),
        (
            "The company expects full year revenue of $4.8 billion to $5.0 billion. The company expects full year revenue of $5.1 billion to $5.2 billion.",
            (None, None),
            (None, None),
        ),
    ],
)
def test_guidance_is_what_the_company_expects_now(sentence: str, revenue: Any, eps: Any) -> None:
    found = read(f"{QUARTER}<p>{sentence}</p>")
    assert ((found.revenue_low, found.revenue_high), (found.eps_low, found.eps_high)) == (revenue, eps)


def test_a_period_that_is_still_to_come_is_not_what_the_release_is_about(catalogue: Catalogue) -> None:
    body = "<p>Exhibit 99.1</p><p>For the quarter ending March 31, 2025, Acme expects growth.</p><p>Revenue for the fourth quarter was $1.1 billion.</p>"
    assert read(body).period_end is None
    later = body.replace("For the quarter ending March 31, 2025, Acme expects growth", "Results for the quarter ended March 31, 2095")
    parsed = SOURCE.parse(sample("edgar", later.encode(), url=ARCHIVE + "x.htm"), catalogue)
    assert parsed.tables == {}
