"""What a book says of default that a measurement does not take up: it is told and moves no number, since whoever keeps the book knows what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from crfs.workflows.book_runs import Asked, Ready


def says(table: pl.DataFrame, column: str, *words: str) -> pl.Series:
    """Where a column of a book as it came (cells may be text) has one of some words; a book without the column says it nowhere."""
    import polars as pl

    if column not in table.columns:
        return pl.repeat(False, table.height, eager=True)
    return table[column].cast(pl.String).str.strip_chars().str.to_lowercase().is_in(words).fill_null(False)


def says_default(table: pl.DataFrame) -> pl.Series:
    """Where a book as it came has ``defaulted``, or stage 3.

    >>> import polars as pl
    >>> says_default(pl.DataFrame({"defaulted": ["true", "", "false"], "stage": [1, 3, 2]})).to_list()
    [True, True, False]
    """
    return says(table, "defaulted", "true", "1") | says(table, "stage", "3", "3.0")


def beside_a_default(table: pl.DataFrame, default: pl.Series) -> pl.Series:
    """The rows that are not in ``default`` themselves, of obligors who have another one that is; a book without obligors has none.

    >>> import polars as pl
    >>> beside_a_default(pl.DataFrame({"obligor_id": ["A", "A", "B", None]}), pl.Series([True, False, False, False])).to_list()
    [False, True, False, False]
    """
    import polars as pl

    if "obligor_id" not in table.columns or not default.any():
        return pl.repeat(False, table.height, eager=True)
    obligors = table["obligor_id"].cast(pl.String).str.strip_chars()
    return ~default & obligors.is_in(obligors.filter(default).drop_nulls().unique().implode()).fill_null(False)


def counted(table: pl.DataFrame, rows: pl.Series) -> str:
    """How many facilities some rows of a book are, and of how many obligors, in words.

    >>> import polars as pl
    >>> counted(pl.DataFrame({"obligor_id": ["A", "A", "B"]}), pl.Series([True, True, False]))
    '2 facilities of 1 obligor'
    """
    import polars as pl

    count = int(rows.sum())
    facilities = f"{count:,} {'facility' if count == 1 else 'facilities'}"
    if "obligor_id" not in table.columns:
        return facilities
    obligors = table["obligor_id"].cast(pl.String).filter(rows).n_unique()
    return f"{facilities} of {obligors:,} obligor{'' if obligors == 1 else 's'}"


def measured_as_performing(asked: Asked, ready: Ready) -> list[str]:
    """That a distribution of losses takes what is in default for what may default yet: by its probability, the same for all of an obligor."""
    table, rows = asked.table, says_default(asked.table)
    if not rows.any():
        return []
    if ready.rows.height == table.height:
        rows &= ready.rows["pd_12m"] < 1.0
    if not rows.any():
        return []
    are = "is" if int(rows.sum()) == 1 else "are"
    return [
        f"{counted(table, rows)} {are} in default by the book (defaulted, or stage 3), and {are} measured by pd_12m as what may default yet: leave out "
        "what is in default, whose loss provisions tell, or give it a pd_12m of 1"
    ]
