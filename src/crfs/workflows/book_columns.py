"""The columns of a book: which of them its schema knows, and number cells that were read from text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

ORIGINS = ("ead_origin", "lgd_origin", "pd_12m_origin")
"""Columns that say where a filled cell comes from."""


def numeric_cells(book: pl.DataFrame) -> pl.DataFrame:
    """Number columns of a book read from text, as numbers where they can be; a cell that cannot stays for the checks to name."""
    import polars as pl

    casts = []
    for name in ("ead", "lgd", "pd_12m", "drawn", "limit", "lgd_sd"):
        if name in book.columns and book[name].dtype == pl.String:
            text = pl.col(name).str.strip_chars()
            blank = book.select((text.is_null()) | (text == ""))[name]
            numbers = book.select(text.cast(pl.Float64, strict=False))[name]
            if (numbers.is_not_null() | blank).all():
                casts.append(numbers)
    return book.with_columns(casts)


def columns_of_a_book(book: pl.DataFrame) -> pl.DataFrame:
    """The columns that the schema of a book knows; what the models read besides is left out."""
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.portfolio import LOADING

    known = {column.name for column in PORTFOLIO.columns}
    extra = {"facility_type", "segment", "months_on_book", "collateral_value", *ORIGINS}
    return book.select(name for name in book.columns if name in known or name.startswith(LOADING) or name not in extra)
