"""Headings of releases: which short lines head what follows, and what is read and compared below them."""

from __future__ import annotations

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from tests.samples import sample
from tests.samples.edgar import ARCHIVE, HEADER
from tests.sources.edgar.release_text import HEAD, PROFIT, QUARTER, UNIT, read, table

TITLE = "Acme Corp Reports Fourth Quarter Results"
SAID = "<p>Revenue for the fourth quarter was $510 million.</p><p>Diluted earnings per share for the fourth quarter were $1.35.</p>"
TABLE = UNIT + table(*HEAD, ("Total revenues", "$ 500.0", "$ 450.0"), PROFIT)
FURNITURE = (
    "EX-99.1", "EX-99.1 2", "EX-99.1 2 ex991.htm", "EX-99.1 2 ex991.htm PRESS RELEASE", "Exhibit 99.1", "ex991.htm", "PRESS RELEASE", "News Release",
    "FOR IMMEDIATE RELEASE", "Investor Relations", "Investor and Media Contacts:", "Contact: Jane Doe", "Page 1 of 8", "2", "- 3 -", "For more information",
    "For further information, contact", "Table of Contents", "(more)", "www.acme.example/investors",
)  # fmt: skip
TITLES = (
    "Board Declares Dividend", "New York, February 20, 2025", "February 20, 2025", "Acme Announces Record Year", "A Year of Progress", "ACME CORP",
    "Company Provides 2025 Outlook", "(Unaudited)",
)  # fmt: skip
OTHERS = ("Aerospace", "Aerospace Segment Results", "Non-GAAP Results", "Snacks", "Full Year 2023 Results", "2025 Outlook")


@pytest.mark.parametrize("line", [*FURNITURE, *TITLES])
@pytest.mark.parametrize("title", ["", f"<p>{TITLE}</p>"])
def test_no_line_over_the_opening_switches_reading_off(line: str, title: str) -> None:
    found = read(f"{title}<p>{line}</p>{QUARTER}{SAID}")
    assert (found.revenue, found.diluted_eps) == (510e6, 1.35)


BELOW = (
    *FURNITURE,
    "Board Declares Dividend",
    "New York, February 20, 2025",
    "A Year of Progress",
    "ACME CORP",
    "A Good Start",
    "Aerospace",
)


@pytest.mark.parametrize("line", BELOW)
def test_no_short_line_switches_the_comparison_with_the_table_off(line: str) -> None:
    found = read(f"{QUARTER}<p>{line}</p>{SAID}{TABLE}")
    assert (found.revenue, found.diluted_eps) == (None, None)


@pytest.mark.parametrize(
    "line", [*FURNITURE, *(line for line in TITLES if "Outlook" not in line)]
)  # a table near that word is no statement
def test_no_line_over_the_opening_switches_the_comparison_with_the_table_off(line: str) -> None:
    found = read(f"<p>{line}</p>{QUARTER}{SAID}{TABLE}")
    assert (found.revenue, found.diluted_eps) == (None, None)


@pytest.mark.parametrize("line", FURNITURE)
def test_furniture_leaves_the_heading_above_it_in_force(line: str) -> None:
    assert read(f"{QUARTER}<p>Fourth Quarter 2024 Highlights</p><p>{line}</p><p>Revenue was $510 million, up 3%.</p>").revenue == 510e6
    assert read(f"{QUARTER}<p>Aerospace</p><p>{line}</p>{SAID}").revenue is None


@pytest.mark.parametrize("line", OTHERS)
def test_what_stands_under_a_part_or_another_measure_is_not_read(line: str) -> None:
    found = read(f"{QUARTER}<p>{line}</p>{SAID}")
    assert (found.revenue, found.diluted_eps) == (None, None)


@pytest.mark.parametrize(
    "line", ["Board Declares Dividend", "Liquidity and Dividends", "Balance Sheet", "ACME CORP", "Conference Call", "Net Sales"]
)
def test_headings_in_words_of_results_head_the_companys(line: str) -> None:
    assert read(f"{QUARTER}<p>{line}</p>{SAID}").revenue == 510e6


def test_a_parts_revenue_contradicts_no_table() -> None:
    part = "<p>Aerospace</p><p>Revenue for the fourth quarter was $310 million, up 3%.</p>"
    assert read(f"{QUARTER}{part}{TABLE}").revenue == 500e6
    segment = part.replace("Aerospace", "Aerospace Segment").replace("$310", "$910")
    assert read(f"{QUARTER}{TABLE}{segment}").revenue == 500e6


def test_a_bullet_of_a_part_over_the_opening_is_the_parts() -> None:
    part = "<p>Fourth Quarter Highlights</p><p>Aerospace</p><p>• Revenue of $310 million for the fourth quarter, up 5%</p>"
    assert read(f"<p>{TITLE}</p>{part}{QUARTER}").revenue is None


def test_the_tags_of_a_submission_are_no_lines_of_its_release(catalogue: Catalogue) -> None:
    exhibit = (
        f"<TYPE>EX-99.1\n<SEQUENCE>2\n<FILENAME>a.htm\n<DESCRIPTION>AEROSPACE\n<TEXT>\n<html><body>{QUARTER}{SAID}%s</body></html>\n</TEXT>"
    )
    for below, numbers in (("", [(510e6, 1.35)]), (TABLE, [])):
        body = f"{HEADER}<DOCUMENT>\n{exhibit % below}\n</DOCUMENT>\n"
        parsed = load_source("edgar").parse(sample("edgar", body.encode(), url=ARCHIVE + "0000000001-25-000003.txt"), catalogue)
        found = parsed.tables["edgar_releases"].select("revenue", "diluted_eps").rows() if "edgar_releases" in parsed.tables else []
        assert found == numbers
