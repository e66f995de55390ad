"""Texts of current reports and releases: what is kept of a document, under which name, of which day, and since when it is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from crfs.sources.providers.edgar.html_text import lines
from crfs.sources.providers.edgar.plain_text import paragraphs, prose_lines
from crfs.sources.providers.edgar.prose import MOST_PROSE, release_prose, report_prose
from crfs.sources.providers.edgar.texts import released_on
from tests.samples import NOW, sample
from tests.samples.edgar import ARCHIVE, HEADER, RELEASE, SUBMISSION
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
PAGE = (
    "<p>FORM 8-K</p><p>Item 2.02 Results of Operations</p><p>On March 5 the company told its results of the quarter.</p><p>SIGNATURES</p>"
)
FOUND = "A court has found for us today."
SUPPLEMENT = RELEASE.replace("EX-99.1", "EX-99.2").replace("Total debt was", "In the supplement, total debt was")


def document(kind: str, body: str) -> str:
    return f"<DOCUMENT>\n<TYPE>{kind}\n<TEXT>{body}</TEXT>\n</DOCUMENT>\n"


def texts(body: str | bytes, catalogue: Catalogue, *, url: str = "") -> list[dict[str, Any]]:
    given = body.encode() if isinstance(body, str) else body
    table = SOURCE.parse(sample("edgar", given, url=url), catalogue).tables.get("edgar_texts")
    return [] if table is None else table.to_dicts()


def prose(body: str) -> str:
    return release_prose(lines(f"<html><body>{body}</body></html>".encode()))


def test_a_filing_of_results_has_one_release_and_what_else_it_says(catalogue: Catalogue) -> None:
    body = SUBMISSION.replace("<TEXT><p>FORM 8-K</p></TEXT>", f"<TEXT>{PAGE}</TEXT>") + f"<DOCUMENT>\n{SUPPLEMENT}</DOCUMENT>\n"
    rows = sorted(texts(body, catalogue), key=lambda row: str(row["entity"]))
    filing = "CIK0001234567/0000000001-25-000003"
    assert [row["entity"] for row in rows] == [f"exhibit/{filing}/EX-99.2", f"release/{filing}/EX-99.1", f"report/{filing}/8-K"]
    for row in rows:
        assert (row["valid_time"], row["knowledge_time"]) == (datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC))
        assert (row["clipped"], row["form"], row["items"]) == (False, "8-K", "2.02,9.01")
        assert row["words"] == len(row["text"].split()) > 5
    assert rows[2]["text"] == "On March 5 the company told its results of the quarter."
    assert "Example Corp (NYSE: EXM) today reported" in rows[1]["text"]
    assert "480.5" not in rows[1]["text"]  # a cell of a table


def test_an_amendment_has_the_date_of_the_report_that_it_amends_and_is_known_from_its_own_acceptance(catalogue: Catalogue) -> None:
    amended = SUBMISSION.replace("0000000001-25-000003", "0000000001-25-000009").replace("TYPE:\t8-K", "TYPE:\t8-K/A")
    amended = amended.replace("DATETIME>20250305160509", "DATETIME>20250310090000").replace(
        "AS OF DATE:\t\t20250305", "AS OF DATE:\t\t20250310"
    )
    ((first,), (second,)) = texts(SUBMISSION, catalogue), texts(amended, catalogue)
    assert (first["valid_time"], first["form"]) == (second["valid_time"], "8-K")
    assert (second["form"], second["entity"]) == ("8-K/A", "release/CIK0001234567/0000000001-25-000009/EX-99.1")
    assert second["knowledge_time"] == datetime(2025, 3, 10, 13, tzinfo=UTC)  # nine in New York, in summer time


def test_a_text_is_of_no_day_after_that_of_its_filing(catalogue: Catalogue) -> None:
    (row,) = texts(SUBMISSION.replace("PERIOD OF REPORT:\t20250301", "PERIOD OF REPORT:\t20350301"), catalogue)
    assert row["valid_time"] == datetime(2025, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("items", "exhibit", "kind"),
    [
        ("Results of Operations and Financial Condition", "<p>The quarter was a good one for all of us.</p>", "release"),
        ("Other Events", "<p>The company has a new treasurer from today on.</p>", "exhibit"),
        ("Regulation FD Disclosure", RELEASE.partition("<TEXT>")[2].removesuffix("</TEXT>\n"), "release"),
    ],
)
def test_a_release_is_of_a_filing_of_results_or_states_them(items: str, exhibit: str, kind: str, catalogue: Catalogue) -> None:
    header = HEADER.replace("Results of Operations and Financial Condition", items)
    (row,) = texts(header + document("EX-99.1", exhibit), catalogue)
    assert row["entity"].split("/")[0] == kind


def test_forms_other_than_current_reports_have_no_texts(catalogue: Catalogue) -> None:
    assert texts(SUBMISSION.replace("TYPE:\t8-K", "TYPE:\t10-K"), catalogue) == []
    assert len(texts(SUBMISSION, catalogue)) == 1


def test_documents_that_are_called_alike_are_told_apart(catalogue: Catalogue) -> None:
    one = document("EX-99", "<p>The quarter was a good one for all of us.</p>")
    names = {row["entity"].partition("/")[0]: row["entity"].rpartition("/")[2] for row in texts(HEADER + one + one, catalogue)}
    assert names == {"release": "EX-99", "exhibit": "EX-99 (2)"}


def test_a_release_alone_has_the_day_that_it_bears_or_no_place(catalogue: Catalogue) -> None:
    url = ARCHIVE + "000000000125000003/ex991.htm"
    assert texts(RELEASE, catalogue, url=url) == []
    dated = RELEASE.replace("<p>Example Corp", "<p>AUSTIN, Texas, March 4, 2025 (GLOBE NEWSWIRE) -- Example Corp")
    (row,) = texts(dated, catalogue, url=url)
    assert (row["entity"], row["valid_time"]) == ("release/CIK0001234567/0000000001-25-000003/EX-99.1", datetime(2025, 3, 4, tzinfo=UTC))
    assert (row["knowledge_time"], row["clipped"]) == (NOW, True)
    assert texts(dated.replace("March 4, 2025", f"March 4, {NOW.year + 1}"), catalogue, url=url) == []


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("For Immediate Release: November 22, 2024", date(2024, 11, 22)),
        ("CHICAGO--(BUSINESS WIRE)--Nov. 22, 2024-- Acme reported results.", date(2024, 11, 22)),
        ("CHICAGO, Nov. 22, 2024 /PRNewswire/ -- Acme reported results.", date(2024, 11, 22)),
        ("November 22, 2024", date(2024, 11, 22)),
        ("For the quarter ended November 2, 2024 - unaudited", None),
        ("Sales rose in the quarter ended November 2, 2024.", None),
        ("Released February 30, 2024", None),
    ],
)
def test_the_day_of_a_release(line: str, day: date | None) -> None:
    assert released_on(lines(f"<p>Exhibit 99.1</p><p>{line}</p>".encode())) == day


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("<p>CONDENSED CONSOLIDATED BALANCE SHEETS</p><p>Sales rose by a tenth.</p>", "CONDENSED CONSOLIDATED BALANCE SHEETS\n\nSales rose by a tenth."),
        ("<p>Sales rose by a tenth.</p><p>CONDENSED CONSOLIDATED BALANCE SHEETS</p>", "Sales rose by a tenth."),
        ("<p>Sales rose by a tenth.</p><p>(in thousands, except per share amounts)</p>", "Sales rose by a tenth."),
        ("<p>Sales rose by a tenth.</p><p>About Acme</p><p>We are the leader of all markets.</p>", "Sales rose by a tenth."),
        (
            "<p>Sales rose by a tenth.</p><p>About Acme</p><p>We are the leader of all markets.</p><p>Outlook</p><p>We expect that sales fall.</p>",
            "Sales rose by a tenth.\n\nWe expect that sales fall.",
        ),
        (
            "<p>Sales rose by a tenth. This release has forward-looking statements. Risks are many.</p><p>Costs fell by a tenth too.</p>",
            "Sales rose by a tenth.\n\nCosts fell by a tenth too.",
        ),
        ("<p>All forward-looking statements involve risks and losses.</p><p>Sales rose by a tenth.</p>", "Sales rose by a tenth."),
        ("<ul><li>• Net Sales Rose Again By 5%</li></ul>", "Net Sales Rose Again By 5%"),
        ("<table><tr><td>•</td><td>Net sales rose by 5% again</td></tr></table>", "Net sales rose by 5% again"),
        ("<table><tr><td>Sales of all our many parts</td><td>100</td></tr></table>", ""),
        (f"<table><tr><td>{'Sales rose by a tenth and costs fell. ' * 3}</td></tr></table>", ("Sales rose by a tenth and costs fell. " * 3).strip()),
        (f"<table><tr><td>{'Sales rose by a tenth and costs fell. ' * 3}</td><td>5</td></tr></table>", ""),
        ("<p>Acme Posts Loss, Hosts Webcast</p><p>Sales fell by a tenth.</p>", "Acme Posts Loss, Hosts Webcast\n\nSales fell by a tenth."),
        ("<p>Acme Reports Results of the Year</p>", ""),
    ],
)  # fmt: skip
def test_the_prose_of_a_release_is_what_it_says_this_time(body: str, kept: str) -> None:
    assert prose(body) == kept


@pytest.mark.parametrize(
    ("page", "kept"),
    [
        (f"<p>Indicate by check mark whether the registrant is small.</p><p>Item 8.01</p><p>{FOUND}</p>", FOUND),
        (f"<p>Item 8.01</p><p>{FOUND}</p><p>Item 9.01</p><p>The release is here as an exhibit.</p>", FOUND),
        (f"<p>Item 1.03</p><p>{FOUND}</p><p>SIGNATURE</p><p>The registrant has signed it on this day.</p>", FOUND),
        ("<p>Item 7.01</p><p>It shall not be deemed “filed” for any purpose.</p>", ""),
        ("<p>Item 8.01 Other Events. On this day a court has found for us.</p>", "Item 8.01 Other Events. On this day a court has found for us."),
        (f"<p>{FOUND}</p>", ""),
    ],
)  # fmt: skip
def test_the_prose_of_a_report_is_that_of_its_items(page: str, kept: str) -> None:
    assert report_prose(lines(page.encode())) == kept


def test_a_plain_text_has_paragraphs_and_no_rows() -> None:
    body = b"Sales rose\n  by a tenth.\n\n<PAGE>\nSales            100\nCosts             90\n\n<TABLE>\nAll sales of it\n</TABLE>\n\nCosts fell by a tenth.\n"
    assert [line.text for line in paragraphs(body)] == ["Sales rose by a tenth.", "Costs fell by a tenth."]
    assert release_prose(prose_lines(body, lines(body))) == "Sales rose by a tenth.\n\nCosts fell by a tenth."


def test_of_a_text_without_end_the_first_hundred_thousand_letters_are_kept() -> None:
    many = "".join(f"<p>In the year {number} sales rose by a tenth.</p>" for number in range(9_000))
    assert MOST_PROSE - 2 <= len(prose(many)) <= MOST_PROSE
    assert len(prose(f"<p>{'Sales rose by a tenth. ' * 20_000}</p>")) <= MOST_PROSE


def test_recorded_documents_have_the_prose_that_a_person_reads(recorded: Recorded, catalogue: Catalogue) -> None:
    def of(name: str) -> dict[str, Any]:
        (row,) = SOURCE.parse(recorded(name), catalogue).tables["edgar_texts"].to_dicts()
        return dict(row)

    release = of("earnings_release_BuckleInc")
    assert (release["entity"], release["valid_time"]) == ("release/BKE/2024-11-22/EX-99.1", datetime(2024, 11, 22, tzinfo=UTC))
    paragraphs = release["text"].split("\n\n")
    assert (len(paragraphs), paragraphs[0]) == (8, "THE BUCKLE, INC. REPORTS THIRD QUARTER NET INCOME")
    for left_out in ("denim", "forward-looking", "Retained earnings", "Exhibit", "phone"):
        assert left_out not in release["text"]
    issue = of("filing_aapl_8k")
    assert issue["entity"] == "report/CIK0000320193/0001193125-19-292676/8-K"
    assert issue["valid_time"] == datetime(2019, 11, 7, tzinfo=UTC)
    assert issue["knowledge_time"] == datetime(2019, 11, 15, 11, 2, 24, tzinfo=UTC)
    assert issue["text"].startswith("On November 15, 2019, Apple Inc.")
    assert of("filing_afcgamma_8K")["entity"] == "report/CIK0001822523/2023-03-17/8-K"
    assert of("filing_8K_2003")["entity"] == "report/file 1-3464/0001104659-03-004925/8-K"
    assert of("filing_BuckleInc_8K")["text"].count("\n\n") == 0
