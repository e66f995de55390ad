"""The columns of a book: one file serves every kind of run, and each kind takes the columns that it knows."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.schemas import TableSchema
    from crfs.errors import Problem


@cache
def book_schema() -> TableSchema:
    """Every column that some kind of run about a book knows: of its risk, its capital, its stages and its provisions.

    Where two of them know a column, the definition of :data:`crfs.credit.schemas.PORTFOLIO` stands.
    """
    from crfs.credit.schemas import PORTFOLIO, TableSchema
    from crfs.risk.capital import capital_schema
    from crfs.risk.provisions import provisions_schema, staging_schema

    known = {column.name: column for column in PORTFOLIO.columns}
    for schema in (capital_schema(), provisions_schema(), staging_schema()):
        for column in schema.columns:
            known.setdefault(column.name, replace(column, required=False))
    return TableSchema(name="book", unique=PORTFOLIO.unique, columns=tuple(known.values()))


def columns_for(table: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """The table without the columns that other kinds of runs know and ``schema`` does not; what nobody knows stays, to be refused."""
    book = book_schema()
    return table.drop([name for name in table.columns if schema.column(name) is None and book.column(name) is not None])


def problems_beside(table: pl.DataFrame) -> tuple[Problem, ...]:
    """Wrong cells in those columns of a book that only some kinds of runs know: a run that leaves them out has not looked at them."""
    from crfs.credit.schemas import PORTFOLIO, TableSchema
    from crfs.quality.checks import check_table

    columns = {name: book_schema().column(name) for name in table.columns if PORTFOLIO.column(name) is None}
    known = {name: column for name, column in columns.items() if column is not None}
    if not known:
        return ()
    return check_table(table.select(list(known)), TableSchema(name="book", columns=tuple(known.values()))).problems


def with_amounts(table: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """A book as it came, with the probabilities, losses and exposures of one that was made of it row by row."""
    return table.with_columns(made[name] for name in ("ead", "lgd", "pd_12m"))


def with_lifetimes(table: pl.DataFrame, before: pl.Series, after: pl.Series) -> pl.DataFrame:
    """A book whose 12-month probabilities went from ``before`` to ``after``, with its own ``pd_lifetime`` moved by as many standard deviations.

    A blank stays blank, and so does what can be no probability: whoever reads the column names it. Where a 12-month probability is 0 or 1 no shock
    moves it, and the lifetime one stays too.
    """
    import polars as pl

    from crfs.quality.checks import check_columns
    from crfs.risk.provisions import staging_schema
    from crfs.risk.stress.shifts import probit_shift, shifted_pd

    if "pd_lifetime" not in table.columns:
        return table
    typed, _ = check_columns(table.select("facility_id", "pd_lifetime"), staging_schema())
    given = typed["pd_lifetime"]
    moved = shifted_pd(given.fill_null(0.0).to_numpy(), probit_shift(before.to_numpy(), after.to_numpy()))
    return table.with_columns(pl.Series("pd_lifetime", moved).set(given.is_null(), None))
