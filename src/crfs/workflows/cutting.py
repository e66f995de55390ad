"""By which columns the result of a run about a book is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOST_VALUES = 500
"""A column with more values than this is no cut, but a name of its own."""
BLANK = "(blank)"
"""What the facilities without a value in a column are called where a cut is shown; a book may well have a sector that is named ``none``."""


def shown_name(value: object) -> str:
    """A value of a cut as people read it.

    >>> shown_name("energy"), shown_name(None)
    ('energy', '(blank)')
    """
    return BLANK if value is None or value == "" else str(value)


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with what it counts, in as many words as it needs.

    >>> counted(1, "facility", "facilities"), counted(1200, "obligor")
    ('1 facility', '1,200 obligors')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def cuts_of(rows: pl.DataFrame, *further: str) -> list[str]:
    """The columns of a book that cut its result: those that cut its risk (:data:`crfs.risk.obligors.TAGS`) and ``further`` ones, where
    they are there, are not blank throughout, and have no more values than a reader can take in.
    """
    from crfs.risk.obligors import TAGS

    wanted = [name for name in (*TAGS, *further) if name in rows.columns]
    return [name for name in wanted if rows[name].null_count() < rows.height and rows[name].n_unique() <= MOST_VALUES]
