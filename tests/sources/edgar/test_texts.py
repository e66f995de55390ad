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


@pytest.mark.parametrize("kinds", [("EX-99.1*", "EX-99.1"), ("EX-99.1", "EX-99.1*"), ("EX-99.1", "EX-99.1")])
def test_documents_whose_types_differ_in_struck_out_characters_alone_are_told_apart(kinds: tuple[str, str], catalogue: Catalogue) -> None:
    said = ("The quarter was a good one for all of us.", "The year was a bad one for all of us.")
    rows = texts(HEADER + "".join(document(kind, f"<p>{text}</p>") for kind, text in zip(kinds, said, strict=True)), catalogue)
    assert {row["entity"].rpartition("/")[2]: row["text"] for row in rows} == dict(zip(("EX-99.1", "EX-99.1 (2)"), said, strict=True))


def test_a_name_that_another_document_has_is_given_to_none(catalogue: Catalogue) -> None:
    one = "<p>The quarter was a good one for all of us.</p>"
    rows = texts(HEADER + "".join(document(kind, one) for kind in ("EX-99 (2)", "EX-99", "EX-99")), catalogue)
    assert sorted(row["entity"].rpartition("/")[2] for row in rows) == ["EX-99", "EX-99 (2)", "EX-99 (3)"]


@pytest.mark.parametrize("kind", ["EX-99.1", "8-K"])
def test_a_document_of_a_filing_that_is_nested_too_deep_is_rejected_by_its_name(kind: str, catalogue: Catalogue) -> None:
    deep = "<div>" * 5_000 + "<p>Item 8.01</p><p>The quarter was a good one for all of us.</p>"
    other = document("EX-99.2", "<p>The year was a good one for all of us.</p>")
    parsed = SOURCE.parse(sample("edgar", (HEADER + document(kind, deep) + other).encode()), catalogue)
    assert parsed.rejected.select("reason", "detail").rows() == [
        ("unsupported", f"{kind}: the page is larger, or nested deeper, than any filing")
    ]
    assert [row.rpartition("/")[2] for row in parsed.tables["edgar_texts"]["entity"]] == ["EX-99.2"]


def test_the_page_of_an_amendment_is_named_without_its_stroke(catalogue: Catalogue) -> None:
    body = HEADER.replace("TYPE:\t8-K", "TYPE:\t8-K/A") + document("8-K/A", PAGE)
    assert [row["entity"].rpartition("/")[2] for row in texts(body, catalogue)] == ["8-KA"]


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
    "sentence",
    [
        "“We had a record quarter,” said John Smith, Chairman and Chief Executive Officer of Acme Corp.",
        "On November 7, 2019, Acme Corporation and Acme Holdings LLC filed for Chapter 11 in the Southern District of New York.",
        "Acme Corp. filed for Chapter 11.",
        "Moody's Investors Service and S&P Global Ratings downgraded Acme Corporation's Senior Notes.",
        "The Board of Directors of Acme Holdings Corporation suspended the Quarterly Cash Dividend on Common Stock.",
        "Jane A. Doe, President and Chief Executive Officer of Acme, said: “Our results were weak.”",
        "CHICAGO, November 7, 2019 (BUSINESS WIRE) -- Acme Corp. (NYSE: ACM) today reported results for the third quarter ended September 30, 2019.",
        "NEW YORK, November 7, 2019 (BUSINESS WIRE) -- Acme Holdings Corporation (NYSE: ACM) today reported:",
        "THE COMPANY TODAY REPORTED THAT IT HAS DEFAULTED ON ITS SENIOR NOTES AND WILL FILE FOR CHAPTER 11.",
        "(The Company defaulted on its notes and is in talks with lenders.)",
        "(On November 7, Acme Corporation defaulted on its Senior Secured Notes.)",
    ],
)  # fmt: skip
def test_a_sentence_is_kept_however_many_names_it_has(sentence: str) -> None:
    assert prose(f"<p>Sales rose by a tenth.</p><p>{sentence}</p>") == f"Sales rose by a tenth.\n\n{sentence}"
    assert report_prose(lines(f"<p>Item 1.03</p><p>{sentence}</p>".encode())) == sentence


@pytest.mark.parametrize(
    "line",
    [
        "Condensed Consolidated Statements of Income (Unaudited)",
        "Condensed Consolidated Statements of Income (Unaudited).",
        "Consolidated Statements of Income for the Three Months ended September 30, 2019 and 2018.",
        "CONDENSED CONSOLIDATED STATEMENTS OF INCOME AND COMPREHENSIVE LOSS.",
        "Filed by Acme Corporation pursuant to Rule 425.",
        "Agreement and Plan of Merger, dated as of November 7, 2019, by and among Acme Corp., Beta Inc. and Gamma LLC.",
        "Press Release issued by Acme Corporation, dated November 7, 2019.",
        "Acme Inc., 100 Main Street, Suite 200, Chicago, Illinois 60601, U.S.A.",
        "Acme Corporation, c/o Beta Holdings, Inc.",
        "The Acme Holdings Company, Inc. and its subsidiaries.",
        "John Q. Smith, Jr., vice president and chief financial officer, Acme Holdings Corp.",
        "Jane Doe, Investor Relations, Acme Holdings Corporation, jane.doe@acme.com, www.acme.com.",
        "Third Quarter 2019 Highlights (Compared With Third Quarter 2018):",
        "(b) Issuer Free Writing Prospectuses not included in the Pricing Disclosure Package:",
        "(in thousands, except per share amounts)",
        "(Amounts in thousands, except per share amounts.)",
        "Dollars in millions, except per share amounts",
        "(Unaudited; see the accompanying notes.)",
        "See accompanying notes to these consolidated financial statements.",
        "THE ACCOMPANYING NOTES ARE AN INTEGRAL PART OF THESE STATEMENTS.",
    ],
)
def test_what_ends_in_a_stop_and_tells_nothing_is_left_out(line: str) -> None:
    assert prose(f"<p>Sales rose by a tenth.</p><p>{line}</p><p>Costs fell by a tenth too.</p>") == (
        "Sales rose by a tenth.\n\nCosts fell by a tenth too."
    )


@pytest.mark.parametrize(
    "heading",
    [
        "Item 2.03 Creation of a Direct Financial Obligation or an Obligation under an Off-Balance Sheet Arrangement of a Registrant.",
        "ITEM 2.04 TRIGGERING EVENTS THAT ACCELERATE OR INCREASE A DIRECT FINANCIAL OBLIGATION.",
        "Item 4.02 Non-Reliance on Previously Issued Financial Statements or a Related Audit Report or Completed Interim Review.",
        "Item 5.02 Departure of Directors or Certain Officers; Election of Directors; Compensatory Arrangements of Certain Officers.",
    ],
)
def test_the_heading_of_an_item_is_no_prose(heading: str) -> None:
    assert report_prose(lines(f"<p>{heading}</p><p>{FOUND}</p>".encode())) == FOUND


TORN = (
    "CHICAGO, Nov. 7, 2019 (GLOBE NEWSWIRE) -- Acme Corporation today reported",
    "its results for the third quarter of fiscal 2019. Net sales did not",
    "decline in the quarter, and the Company no longer expects losses from its",
    "Specialty Materials and Industrial Products Group in North America, of",
    "$5 million. Chief Executive Officer Jane Doe said that the loss narrowed",
    "sharply and that demand was not weak.",
)


@pytest.mark.parametrize("tear", ["<br>", "<br/>\n", "</span><br><span>"])
def test_a_sentence_that_a_line_break_tears_is_whole(tear: str) -> None:
    title = "Acme Corporation Reports Third Quarter Results"
    assert prose(f"<p>{title}</p><p><span>{tear.join(TORN)}</span></p>") == f"{title}\n\n{' '.join(TORN)}"
    assert report_prose(lines(f"<p>Item 8.01</p><p>{tear.join(TORN)}</p>".encode())) == " ".join(TORN)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (
            "<p>Acme Reports Results of the Quarter<br>and of the Year</p><p>Sales rose by a tenth.</p>",
            "Acme Reports Results of the Quarter and of the Year\n\nSales rose by a tenth.",
        ),
        ("<p>Sales rose by a tenth.<br>Costs fell by a tenth too.</p>", "Sales rose by a tenth.\n\nCosts fell by a tenth too."),
        ("<p>Sales rose by a tenth and<br><br>costs fell by a tenth too</p>", "Sales rose by a tenth and\n\ncosts fell by a tenth too"),
        ("<p>Sales rose by a tenth and</p><p>costs fell by a tenth too</p>", "Sales rose by a tenth and\n\ncosts fell by a tenth too"),
        (
            "<p>Sales rose by a tenth again<br>o costs fell by a tenth too<br>• profit rose by a tenth too</p>",
            "Sales rose by a tenth again\n\ncosts fell by a tenth too\n\nprofit rose by a tenth too",
        ),
        ("<p>Sales rose, to the joy of<br>us. Costs fell.</p>", "Sales rose, to the joy of us. Costs fell."),
        ("<p>(a) sales rose by a tenth again<br>(b) costs fell by a tenth too</p>", "(a) sales rose by a tenth again\n\n(b) costs fell by a tenth too"),
        ("<p>Sales rose by a tenth again<br>Costs fell by a tenth too</p>", "Sales rose by a tenth again\n\nCosts fell by a tenth too"),
        ("<p>Sales rose by a tenth in the quarter.<br>About Acme<br>We are the leader of<br>all markets.</p>", "Sales rose by a tenth in the quarter."),
        ("<p>Sales rose by a tenth. All forward-looking statements involve risks.<br>Losses may be ours in many ways.</p>", "Sales rose by a tenth."),
    ],
)  # fmt: skip
def test_a_line_break_between_sentences_titles_or_entries_parts_them(body: str, kept: str) -> None:
    assert prose(body) == kept


@pytest.mark.parametrize(
    ("heading", "is_kept"),
    [
        *((heading, True) for heading in (
            "Media Networks", "Media segment", "Media", "Investor Services", "Investor day", "Investor Group", "Non-GAAP Results",
            "Non-GAAP Operating Income", "GAAP and Non-GAAP Highlights", "Conference Call Highlights", "Earnings Call Commentary",
            "About Our Results", "About this quarter", "Webcast Services", "Webcast and Streaming Segment", "Media: Networks",
            "Analysts: Networks Segment", "Investor Relations Services", "Safe Harbor Wind Farm", "Forward-Looking Outlook",
        )),
        *((heading, False) for heading in (
            "About Acme", "About Acme Corp.", "About 3M", "About Acme.COM, Inc.", "Company Profile", "Contacts", "Contact:", "Contact Information",
            "Investor Contacts", "Media Contact", "For Further Information", "Teleconference", "Availability of Replay", "Dial-In Information",
            "Disclaimer", "Notice Regarding Non-GAAP", "Safe Harbor Statement",
            "About the Company", "Media contact at Acme", "Media:", "Investors and Media:", "Investor Contact at Acme",
            "Investor and Media Contacts of Acme", "Media inquiries to Acme",
            "Use of Non-GAAP Financial Measures", "Non-GAAP Financial Measures", "Non-GAAP Financial Information", "About Non-GAAP Measures",
            "Reconciliation of Net Income to Adjusted EBITDA", "GAAP to Non-GAAP Reconciliation", "Definitions of Non-GAAP Terms",
            "Note Regarding Non-GAAP Results", "Conference Call", "Conference Call Information", "Third Quarter 2024 Conference Call Details",
            "Earnings Conference Call and Webcast", "Webcast", "Live Webcast Information", "Conference Call to Discuss Results",
        )),
    ],
)  # fmt: skip
def test_what_stands_under_a_heading_of_every_release_is_left_out_and_no_other(heading: str, *, is_kept: bool) -> None:
    told = "Net loss widened and demand was weak in the quarter."
    assert prose(f"<p>Sales rose by a tenth.</p><p>{heading}</p><p>{told}</p>") == "\n\n".join(
        ["Sales rose by a tenth.", told][: 1 + is_kept]
    )


@pytest.mark.parametrize(
    ("paragraph", "is_kept"),
    [
        ("Management will hold a live audio webcast at 10:00 a.m. EST today to discuss results. A replay of the event can be accessed later.", False),
        ("Acme will host at 10:00 a.m. Eastern Time a conference call on its results.", False),
        ("Acme will hold its third quarter conference call on Thursday.", False),
        ("Acme today announced that it will release its results on May 2 and hold a conference call.", False),
        ("Acme Corp. has scheduled a conference call for 9 a.m. on Thursday.", False),
        ("A live webcast of the call will be available on our website.", False),
        ("A replay will be available until the end of the year.", False),
        ("Interested parties may listen to the conference call by dialing 1-800-555-0100.", False),
        ("A conference call to discuss these results is scheduled for 9 a.m. today.", False),
        ("Sales fell sharply. The company will host a conference call today.", True),
        ("Acme reported a loss of $5 million and will host a conference call today.", True),
        ("We said in our last conference call that sales would fall.", True),
        ("Sales of our webcast services fell by a tenth.", True),
        ("Our webcast services grew, and we will hold our prices.", True),
    ],
)  # fmt: skip
def test_how_to_listen_to_a_call_is_left_out_without_a_heading_too(paragraph: str, *, is_kept: bool) -> None:
    assert prose(f"<p>Sales rose by a tenth.</p><p>{paragraph}</p>") == "\n\n".join(["Sales rose by a tenth.", paragraph][: 1 + is_kept])


def test_of_a_paragraph_that_begins_with_the_call_what_is_no_call_is_kept() -> None:
    call = "Acme will host a conference call at 10 a.m. EST on Friday. A replay will be available."
    news = "The Company has received a notice of default from its lenders and may file for bankruptcy."
    assert prose(f"<p>Sales rose by a tenth.</p><p>{call} {news}</p>") == f"Sales rose by a tenth.\n\n{news}"


def test_whom_to_ask_before_the_first_paragraph_takes_nothing_away() -> None:
    assert prose("<p>Contact: Jane Doe</p><p>Investor Relations</p><p>Sales rose by a tenth.</p>") == "Sales rose by a tenth."


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
    assert (len(paragraphs), paragraphs[0]) == (7, "THE BUCKLE, INC. REPORTS THIRD QUARTER NET INCOME")
    for left_out in ("denim", "forward-looking", "Retained earnings", "Exhibit", "phone", "webcast"):
        assert left_out not in release["text"]
    issue = of("filing_aapl_8k")
    assert issue["entity"] == "report/CIK0000320193/0001193125-19-292676/8-K"
    assert issue["valid_time"] == datetime(2019, 11, 7, tzinfo=UTC)
    assert issue["knowledge_time"] == datetime(2019, 11, 15, 11, 2, 24, tzinfo=UTC)
    assert issue["text"].startswith("On November 15, 2019, Apple Inc.")
    assert "\n\nThe Notes are being issued pursuant to Apple’s Registration Statement on Form S-3 filed with" in issue["text"]
    assert of("filing_afcgamma_8K")["entity"] == "report/CIK0001822523/2023-03-17/8-K"
    assert of("filing_8K_2003")["entity"] == "report/file 1-3464/0001104659-03-004925/8-K"
    assert of("filing_BuckleInc_8K")["text"].count("\n\n") == 0
