"""Answers for people: tables and numbers on a terminal, plain text elsewhere."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 10_000
"""Columns where the output is no terminal: a pipe has no width, and a table whose words are folded cannot be searched."""
_SENTENCE = 80
"""The width of a column of sentences there; a word that is longer, such as a hash or an address, is shown whole."""


_WRITTEN = re.compile(r"[+-]?[0-9][0-9,.]*( %| sd)?( ± [0-9][0-9,.]*)?")


def console() -> Console:
    """The standard output; no colour and no folding where it is no terminal."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            """Nobody reads any more: that is for the entry point to know, and no failure."""
            raise BrokenPipeError

    return Screen(file=sys.stdout, highlight=False, width=width, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, title: str | None = None) -> Table:
    """Rows as a table of the named columns; numbers stand on the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    cells = {name: [cell(row.get(name)) for row in rows] for name in columns}
    for name in columns:
        numbers = all(_is_number(row.get(name)) for row in rows)
        words = max((len(word) for text in cells[name] for word in text.split()), default=0)
        widest = None if sys.stdout.isatty() else max(_SENTENCE, words)
        made.add_column(Text(name), justify="right" if numbers else "left", overflow="fold", max_width=widest)
    for texts in zip(*cells.values(), strict=True):
        made.add_row(*(Text(text) for text in texts))
    return made


def _is_number(value: Any) -> bool:
    """Whether a cell stands on the right: a number, one that was written out with its unit, or nothing."""
    if isinstance(value, str):
        return not value or value == "exact" or _WRITTEN.fullmatch(value) is not None
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def cell(value: Any) -> str:
    """One value for people: instants to the second in UTC, whole days as days, nothing for what is absent."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            at_midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
            return value.strftime("%Y-%m-%d" if at_midnight else "%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
        case int():
            return f"{value:,}"
        case float():
            return number(value)
        case Mapping():
            return ", ".join(f"{name} {cell(item)}" for name, item in value.items())
        case list() | tuple():
            return ", ".join(cell(item) for item in value)
    return plain(str(value))  # a provider's title may have what steers a terminal


def number(value: float) -> str:
    """A number with as many digits as a reader wants.

    >>> number(1234567.891), number(0.0123456789), number(12.5)
    ('1,234,567.89', '0.0123457', '12.5')
    """
    return f"{value:,.2f}" if abs(value) >= 10_000 else f"{value:.6g}"


def money(value: float | None, currency: str | None = None) -> str:
    """An amount in currency units; hundredths where it is small.

    >>> money(12517354.5, "USD"), money(2.4)
    ('12,517,354 USD', '2.40')
    """
    if value is None:
        return "–"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}") + (f" {currency}" if currency else "")
