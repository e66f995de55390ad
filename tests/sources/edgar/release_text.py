"""Short earnings releases in HTML, and the reader's answer to them."""

from __future__ import annotations

from collections.abc import Sequence

from crfs.sources.providers.edgar import releases
from crfs.sources.providers.edgar.html_text import lines

QUARTER = (
    "<p>Acme Corp (NYSE: ACM) reported results for its fourth quarter ended December 31, 2024.</p><p>The dividend is $0.10 a share.</p>"
)
UNIT = "<p>(in millions, except per share amounts)</p>"
HEAD = (("", "Three Months Ended December 31,"), ("", "2024", "2023"))
PROFIT = ("Diluted earnings per share", "$ 1.25", "$ 1.10")


def table(*rows: Sequence[str | tuple[str, str]]) -> str:
    """An HTML table; a cell is its text, or (its attributes, its text)."""
    made = ""
    for row in rows:
        cells = [cell if isinstance(cell, tuple) else ("", cell) for cell in row]
        made += "<tr>" + "".join(f"<td {attributes}>{text}</td>" for attributes, text in cells) + "</tr>"
    return f"<table>{made}</table>"


def statement(*rows: Sequence[str | tuple[str, str]], head: Sequence[Sequence[str | tuple[str, str]]] = HEAD, unit: str = UNIT) -> str:
    return QUARTER + unit + table(*head, *rows)


def read(body: str) -> releases.Release:
    return releases.read(lines(f"<html><body>{body}</body></html>".encode()))


def two(text: str) -> tuple[str, str]:
    return ("colspan=2", text)


def prose(*paragraphs: str) -> releases.Release:
    """What is read of the release of a fourth quarter and these paragraphs."""
    return read(QUARTER + "".join(f"<p>{one}</p>" for one in paragraphs))
