"""Releases that no company sends: how much is read of them is bounded, for a reader that seeks from every letter takes the square of their number."""

from __future__ import annotations

from crfs.sources.providers.edgar.html_text import lines
from crfs.sources.providers.edgar.releases import columns

TABLE = (
    "<p>CONSOLIDATED STATEMENTS OF INCOME (in millions, except per share amounts)</p>"
    "<table><tr><td></td><td>Three Months Ended December 31, 2024</td></tr><tr><td>Revenue</td><td>500.0</td></tr></table>"
)


def test_of_a_word_without_end_the_first_letters_are_kept() -> None:
    (line,) = lines(f"<p>before {'x' * 5_000} after</p>".encode())
    assert line.text == f"before {'x' * 120} after"
    (cells,) = lines(f"<table><tr><td>E{'9' * 100_000}</td><td>{'9' * 120}</td></tr></table>".encode())
    assert cells.cells == ("E" + "9" * 119, "9" * 120)


def test_more_tables_than_a_release_has_are_not_read() -> None:
    assert len(columns.tables(lines(TABLE.encode()))) == 1
    assert len(columns.tables(lines((TABLE * 900).encode()))) == 300
