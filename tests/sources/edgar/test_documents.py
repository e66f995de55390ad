"""Submissions, current reports, ownership forms and earnings releases: what is read, and that what is not certain is null."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from crfs.sources.providers.edgar import releases
from crfs.sources.providers.edgar.html_text import Line, lines
from tests.samples import NOW, sample
from tests.samples.edgar import ARCHIVE, HEADER, OWNERSHIP, RELEASE, REPORT, SUBMISSION
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")


def rows(body: str, dataset: str, catalogue: Catalogue, *, url: str = "") -> list[dict[str, Any]]:
    return SOURCE.parse(sample("edgar", body.encode(), url=url), catalogue).tables[dataset].to_dicts()


def test_a_header_says_exactly_when_a_filing_was_accepted(catalogue: Catalogue) -> None:
    (row,) = rows(SUBMISSION, "edgar_headers", catalogue)
    assert (row["entity"], row["form"], row["items"], row["role"]) == ("CIK0001234567", "8-K", "2.02,9.01", "Filer")
    assert (row["filed"], row["period"]) == (date(2025, 3, 5), date(2025, 3, 1))
    assert (row["knowledge_time"], row["clipped"]) == (datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC), False)


def test_a_release_in_a_submission_is_known_from_its_acceptance(catalogue: Catalogue) -> None:
    (row,) = rows(SUBMISSION, "edgar_releases", catalogue)
    assert (row["entity"], row["accession"], row["valid_time"]) == (
        "CIK0001234567",
        "0000000001-25-000003",
        datetime(2024, 12, 31, tzinfo=UTC),
    )
    assert (row["knowledge_time"], row["clipped"]) == (datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC), False)


@pytest.mark.parametrize("gone", ["ACCESSION NUMBER", "CONFORMED SUBMISSION TYPE", "FILED AS OF DATE", "CENTRAL INDEX KEY"])
def test_a_header_that_lacks_a_field_is_rejected(gone: str, catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(sample("edgar", HEADER.replace(gone, "X").encode()), catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["missing_field"])


def test_a_header_without_acceptance_is_known_from_the_end_of_its_day(catalogue: Catalogue) -> None:
    (row,) = rows(HEADER.replace("<ACCEPTANCE-DATETIME>20250305160509\n", ""), "edgar_headers", catalogue)
    assert row["knowledge_time"] == datetime(2025, 3, 6, 5, tzinfo=UTC)


def test_a_report_alone_is_known_from_the_fetch_and_says_its_items(catalogue: Catalogue) -> None:
    (row,) = rows(REPORT, "edgar_reports", catalogue, url=ARCHIVE + "000000000125000003/report.htm")
    assert (row["entity"], row["accession"], row["items"]) == ("CIK0001234567", "0000000001-25-000003", "2.04,9.01")
    assert (row["valid_time"], row["knowledge_time"], row["clipped"]) == (datetime(2025, 3, 1, tzinfo=UTC), NOW, True)
    assert (row["acceleration"], row["early_warning"], row["bankruptcy"]) == (1, 1, 0)
    (unnamed,) = rows(REPORT, "edgar_reports", catalogue)
    assert unnamed["entity"] == "file 001-12345"


def test_an_amended_report_says_so(catalogue: Catalogue) -> None:
    (row,) = rows(REPORT.replace("FORM&nbsp;8-K", "FORM 8-K/A"), "edgar_reports", catalogue)
    assert row["form"] == "8-K/A"


@pytest.mark.parametrize(
    ("lines", "items"),
    [
        (["Item 1.03 is not applicable", "Item 2.02 Results"], "2.02"),
        (["Item 1.03 Bankruptcy or Receivership. Not Applicable.", "Item 8.01 Other Events"], "8.01"),
        (["Item 3. Bankruptcy or Receivership", "Not applicable.", "Item 5. Other Events", "We moved."], "5"),
        (["Item 3. Bankruptcy or Receivership", "None", "Item 5. Other Events", "None of it is new: a court of appeal has said so."], "5"),
        (["Item 1.03 of the report of May 1 is amended.", "Item 9.01 Exhibits"], "9.01"),
        (["Item 2.02 is incorporated by reference.", "Item 7.01 Regulation FD Disclosure"], "7.01"),
        (["Item 1.03 Bankruptcy or Receivership", "On May 1 the company filed."], "1.03"),
        (["Item 1.03", "Item 9.01 Exhibits: none"], "1.03"),
        (["Item 2.02 and Item 9.01"], "2.02"),
    ],
)
def test_an_item_that_does_not_apply_is_none(catalogue: Catalogue, lines: list[str], items: str) -> None:
    head, _, _ = REPORT.partition("<p><b>Item")
    page = head + "".join(f"<p>{line}</p>" for line in lines) + "</body></html>"
    (row,) = rows(page, "edgar_reports", catalogue)
    assert row["items"] == items


def test_a_trade_is_a_row_of_issuer_and_owner(catalogue: Catalogue) -> None:
    (row,) = rows(OWNERSHIP, "edgar_insider_trades", catalogue)
    assert row["entity"] == "CIK0001234567/CIK0000000009"
    assert (row["code"], row["acquired"], row["shares"], row["price"], row["is_director"]) == ("P", True, 100.0, 9.5, True)
    assert (row["shares_after"], row["title"], row["derivative"]) == (None, None, False)


def test_recorded_documents(recorded: Recorded, catalogue: Catalogue) -> None:
    (header,) = SOURCE.parse(recorded("filing_aapl_8k"), catalogue).tables["edgar_headers"].to_dicts()
    assert (header["accession"], header["items"]) == ("0001193125-19-292676", "8.01,9.01")
    assert header["knowledge_time"] == datetime(2019, 11, 15, 11, 2, 24, tzinfo=UTC)  # 06:02:24 in New York
    (trade,) = SOURCE.parse(recorded("filing_aapl_form4"), catalogue).tables["edgar_insider_trades"].to_dicts()
    assert (trade["entity"], trade["owner"], trade["code"]) == ("CIK0000320193/CIK0001513362", "Maestri Luca", "S")
    assert (trade["shares"], trade["price"], trade["shares_after"]) == (243431.0, 116.89, 110272.0)
    reports = {
        "filing_8K_2003": [("file 1-3464", date(2003, 3, 25), "9"), ("file 2-26720", date(2003, 3, 25), "9")],
        "filing_BuckleInc_8K": [("CIK0000885245", date(2024, 11, 22), "2.02,9.01")],
        "filing_afcgamma_8K": [("CIK0001822523", date(2023, 3, 17), "5.02,7.01,9.01")],
    }
    for name, expected in reports.items():
        found = SOURCE.parse(recorded(name), catalogue).tables["edgar_reports"].to_dicts()
        assert [(row["entity"], row["valid_time"].date(), row["items"]) for row in found] == expected


# What a person reads: revenue, diluted EPS (GAAP), guidance's months, revenue low and high, EPS low and high, total debt.
FIELDS = ("revenue", "diluted_eps", "guidance_months", "revenue_low", "revenue_high", "eps_low", "eps_high", "total_debt")
CAPTURES: dict[str, tuple[float | None, ...]] = {
    "earnings_release_BuckleInc": (293_618_000, 0.88, None, None, None, None, None, None),
}
# Transcripts of calls are no documents of EDGAR, and the source refuses them. They are a text of sentences that the rules were not made for,
# so here the rules for sentences alone are held to them: no row comes of it.
TRANSCRIPTS: dict[str, tuple[float | None, ...]] = {
    "earnings_call_transcript_AAN": (452.2e6, None, 12, 1.82e9, 1.83e9, None, None, 0.0),
    "earnings_call_transcript_AA_": (3.1e9, None, None, None, None, None, None, None),
    "earnings_call_transcript_AIR": (455.1e6, None, None, None, None, None, None, None),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_captured_releases_give_the_row_that_a_person_reads(name: str, recorded: Recorded, catalogue: Catalogue) -> None:
    (row,) = SOURCE.parse(recorded(name), catalogue).tables["edgar_releases"].to_dicts()
    assert [row[field] for field in FIELDS] == pytest.approx(list(CAPTURES[name]))


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_rules_for_sentences_say_nothing_wrong_of_a_transcript(name: str, recorded: Recorded, catalogue: Catalogue) -> None:
    payload = recorded(name)
    assert SOURCE.parse(payload, catalogue).tables == {}
    found = releases.read([Line((text.strip(),)) for text in payload.body.decode().splitlines() if text.strip()])
    assert [getattr(found, field) for field in FIELDS] == pytest.approx(list(TRANSCRIPTS[name]))


def test_the_release_of_buckle_is_for_the_quarter(recorded: Recorded, catalogue: Catalogue) -> None:
    (row,) = SOURCE.parse(recorded("earnings_release_BuckleInc"), catalogue).tables["edgar_releases"].to_dicts()
    assert (row["entity"], row["valid_time"], row["months"]) == ("BKE", datetime(2024, 11, 2, tzinfo=UTC), 3)


def test_a_release_is_read_with_units_signs_and_guidance(catalogue: Catalogue) -> None:
    (row,) = rows(RELEASE, "edgar_releases", catalogue, url=ARCHIVE + "000000000125000003/ex991.htm")
    expected = {
        "revenue": 480.5e6, "diluted_eps": -0.12, "total_debt": 310.5e6, "guidance_months": 3, "revenue_low": 500e6,
        "revenue_high": 520e6, "eps_low": 1.10, "eps_high": 1.20, "months": 3, "ticker": "EXM",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("old", "new", "null"),
    [
        ("(in millions, except per share amounts)", "", ("revenue", "diluted_eps")),  # no unit
        ("December 31, 2024</td><td>December 31, 2023", "December 31, 2023</td><td>December 31, 2022", ("revenue", "diluted_eps")),
        ("Three Months Ended", "Twelve Months Ended", ("revenue", "diluted_eps")),  # another period than the release's
        ("Three Months Ended", "", ("revenue", "diluted_eps")),
        ("Net sales</td>", "Net sales of the segment</td>", ("revenue",)),
        ("Diluted earnings", "Adjusted diluted earnings", ("diluted_eps",)),
        ("For the first quarter, the company", "The company", ("guidance_months", "revenue_low", "eps_low")),
        ("expects net sales of", "expects adjusted EBITDA of", ("revenue_low", "revenue_high")),
        ("expects net sales", "had net sales", ("guidance_months", "revenue_low", "eps_low")),
        ("$500 million to $520 million", "$520 million to $500 million", ("revenue_low", "revenue_high")),
        ("Total debt was", "Total debt maturities are", ("total_debt",)),
    ],
)
def test_what_is_not_certain_is_null(old: str, new: str, null: tuple[str, ...]) -> None:
    assert old in RELEASE
    found, whole = (releases.read(lines(text.encode())) for text in (RELEASE.replace(old, new), RELEASE))
    for name in null:
        assert getattr(whole, name) is not None
        assert getattr(found, name) is None


QUARTERS = """<p>Exhibit 99.1</p><p>Acme (Nasdaq: ACME) announced results for its third quarter ended September 30, 2023.</p>
<p>Fourth Quarter 2023 Outlook: The company expects revenue in the range of $1.25 billion to $1.30 billion for the fourth quarter.</p>
<p>(In thousands, except per share data)</p><table><tr><td></td><td colspan="4">Three Months Ended September 30,</td>
<td colspan="4">Nine Months Ended September 30,</td></tr><tr><td></td><td>2023</td><td>2022</td><td>2023</td><td>2022</td></tr>
<tr><td>Revenue:</td></tr><tr><td>Products</td><td>$</td><td>1,000,000</td><td>$</td><td>900,000</td><td>3</td><td>2</td></tr>
<tr><td>Total revenue</td><td>1,204,500</td><td>1,075,000</td><td>4</td><td>3</td></tr><tr><td>Net income per share:</td></tr>
<tr><td>Diluted</td><td>$</td><td>1.05</td><td>$</td><td>0.88</td></tr><tr><td>Weighted average shares used:</td></tr>
<tr><td>Diluted</td><td>100,000</td><td>99,000</td></tr></table>"""
YEAR = """<p>Exhibit 99.1</p><p>Results for the fourth quarter and fiscal year ended January 28, 2023.</p><table>
<tr><td>(Dollars in millions, except per share)</td></tr><tr><td></td><td>Year Ended January 28, 2023</td>
<td>Year Ended January 29, 2022</td></tr><tr><td>Net sales</td><td>$ 5,000.1</td><td>$ 4,000.0</td></tr>
<tr><td>Diluted earnings per share</td><td>$ 3.21</td><td>$ 2.00</td></tr></table>"""
LOSS = """<p>Exhibit 99.1</p><p>Results for the three months ended March 31, 2024.</p><p>(in thousands, except per share amounts)</p>
<table><tr><td></td><td>Three Months Ended March 31,</td></tr><tr><td></td><td>2024</td><td>2023</td></tr><tr><td>Total revenues</td>
<td>5,432</td><td>—</td></tr><tr><td>Net loss per share, basic and diluted</td><td>$</td><td>(0.45</td><td>)</td><td>(0.50)</td></tr></table>"""


@pytest.mark.parametrize(
    ("body", "end", "months", "revenue", "eps", "low"),
    [
        (QUARTERS, date(2023, 9, 30), 3, 1_204_500e3, 1.05, 1.25e9),
        (YEAR, date(2023, 1, 28), 12, 5_000.1e6, 3.21, None),
        (LOSS, date(2024, 3, 31), 3, 5_432e3, -0.45, None),
    ],
)
def test_statements_of_other_layouts(body: str, end: date, months: int, revenue: float, eps: float, low: float | None) -> None:
    found = releases.read(lines(body.encode()))
    assert (found.period_end, found.months) == (end, months)
    assert [found.revenue, found.diluted_eps, found.revenue_low] == pytest.approx([revenue, eps, low])


@pytest.mark.parametrize(
    ("sentence", "months", "revenue", "eps"),
    [
        ("Second quarter net revenue is expected to be $2.000 billion +/- 5%.", 3, (1.9e9, 2.1e9), (None, None)),
        ("For fiscal 2025, we expect revenue between $1.82 billion and $1.83 billion.", 12, (1.82e9, 1.83e9), (None, None)),
        ("The company expects full-year diluted earnings per share of $4.10 - $4.30.", 12, (None, None), (4.1, 4.3)),
        ("For the full year, revenue is expected to grow 5% to 7%.", None, (None, None), (None, None)),
        ("We expect capital expenditures of $90 million to $100 million for the full year.", None, (None, None), (None, None)),
        ("For the full year, we expect adjusted diluted earnings per share of $4.10 to $4.30.", None, (None, None), (None, None)),
    ],
)
def test_guidance_is_a_range_of_a_named_number_for_a_named_period(sentence: str, months: int | None, revenue: Any, eps: Any) -> None:
    found = releases.read([Line((sentence,))])
    assert found.guidance_months == months
    assert [found.revenue_low, found.revenue_high, found.eps_low, found.eps_high] == pytest.approx([*revenue, *eps])


def test_an_exhibit_without_results_gives_no_row(catalogue: Catalogue) -> None:
    body = "<html><body><p>Exhibit 99.1</p><p>Example Corp names a new chief financial officer.</p></body></html>"
    parsed = SOURCE.parse(sample("edgar", body.encode(), url=ARCHIVE + "x.htm"), catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unsupported"])


def test_a_number_that_may_be_the_quarters_or_the_years_is_not_taken(catalogue: Catalogue) -> None:
    body = (
        "<p>Exhibit 99.1</p><p>Results for the fourth quarter and fiscal year ended January 28, 2023.</p>"
        "<p>Revenue was $100 million.</p><p>Total debt was $5 million.</p>"
    )
    (row,) = rows(body, "edgar_releases", catalogue, url=ARCHIVE + "x.htm")
    assert (row["revenue"], row["months"], row["total_debt"]) == (None, None, 5e6)


def test_an_owner_whose_relation_is_not_told_is_not_known_to_be_no_director(catalogue: Catalogue) -> None:
    flags = ["is_director", "is_officer", "is_ten_percent_owner"]
    told = SOURCE.parse(sample("edgar", OWNERSHIP.encode(), url=ARCHIVE + "000000000125000003/form4.xml"), catalogue)
    assert told.tables["edgar_insider_trades"].select(flags).rows() == [(True, False, False)]
    start, end = OWNERSHIP.index("<reportingOwnerRelationship>"), OWNERSHIP.index("</reportingOwner>")
    body = OWNERSHIP[:start] + OWNERSHIP[end:]
    silent = SOURCE.parse(sample("edgar", body.encode(), url=ARCHIVE + "000000000125000003/form4.xml"), catalogue)
    assert silent.tables["edgar_insider_trades"].select(flags).rows() == [(None, None, None)]
