"""What capital and provisions share when they read a table of facilities: its columns, blank cells, currency and carried columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import PORTFOLIO, ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import Checked, Faults, check_columns
from crfs.quality.one_currency import check_one_currency
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_flag, check_texts

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]


LARGEST_AMOUNT = 1e15
"""Of one facility, in currency units: so that whole cents hold the risk-weighted assets of a book."""


def book_columns(*, but: Sequence[str] = ()) -> tuple[ColumnSchema, ...]:
    """Every column of :data:`crfs.credit.schemas.PORTFOLIO` but some, none of them required: the file of a book is read as it is."""
    columns = (column for column in PORTFOLIO.columns if column.name not in but)
    return tuple(
        replace(column, required=False, maximum=LARGEST_AMOUNT if column.unit == "currency" else column.maximum) for column in columns
    )


def amount_column(name: str, meaning: str) -> ColumnSchema:
    """A column of amounts in currency units, zero or more."""
    return ColumnSchema(name=name, dtype=pl.Float64, unit="currency", minimum=0.0, maximum=LARGEST_AMOUNT, meaning=meaning)


def decimal_column(name: str, meaning: str) -> ColumnSchema:
    """A column of decimals within [0, 1]."""
    return ColumnSchema(name=name, dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0, meaning=meaning)


def read_facilities(table: pl.DataFrame, schema: TableSchema, *, carry: Sequence[str] = ()) -> tuple[pl.DataFrame, Faults]:
    """Typed rows with null where a cell is blank or faulty, and the faults; the columns named in ``carry`` come along as they are.

    An empty table, a carried column that is not there or that the schema knows, and a column that nobody knows, are
    :class:`crfs.errors.InvalidInput`.
    """
    require_table(table, argument="facilities")
    carry = check_texts("carry", carry)
    if table.is_empty():
        detail = f"the {schema.name} has no rows"
        raise InvalidInput(detail, problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail=detail),))
    for name in carry:
        if name not in table.columns or schema.column(name) is not None:
            detail = f"the {schema.name} has no column {name!r}" if name not in table.columns else f"the {schema.name} has {name!r} anyway"
            problem = Problem(row=None, column=name, reason=Reason.UNKNOWN_COLUMN.value, detail=detail)
            raise InvalidInput(f"carry names a column in vain: {detail}", problems=(problem,), argument="carry")
    typed, faults = check_columns(table.drop(carry), schema)
    check_one_currency(typed, faults)
    return typed.with_columns(table[name] for name in carry), faults


def accepted_rows(typed: pl.DataFrame, faults: Faults, *, what: str, accept_partial: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows without a fault, and the list of faults; with any fault an error unless ``accept_partial``, and one where no row is left."""
    check_flag("accept_partial", accept_partial)
    checked = Checked(accepted=typed.filter(~faults.bad), rejected=faults.table())
    rows = checked.accepted if accept_partial else checked.require_all(what)
    if rows.is_empty():
        raise InvalidInput(f"{what}: every row was rejected; nothing is left to measure", problems=checked.problems)
    return rows, checked.rejected


def rejected_note(rejected: pl.DataFrame) -> tuple[str, ...]:
    """The sentence about rows that were left out, of a list of faults; none where no row was.

    >>> rejected_note(pl.DataFrame({"row": [2, 2, 5]}))
    ('2 row(s) of the table were rejected and are not in these numbers',)
    """
    return () if rejected.is_empty() else (f"{rejected['row'].n_unique()} row(s) of the table were rejected and are not in these numbers",)


def numbers(typed: pl.DataFrame, name: str, *, default: float = np.nan) -> FloatArray:
    """A column as an array of numbers, ``default`` where it is blank or absent."""
    if name not in typed.columns:
        return np.full(typed.height, default)
    return typed[name].cast(pl.Float64).fill_null(default).to_numpy().astype(np.float64)


def flags(typed: pl.DataFrame, name: str, *, default: bool = False) -> BoolArray:
    """A column of true and false, ``default`` where it is blank or absent."""
    if name not in typed.columns:
        return np.full(typed.height, default, dtype=np.bool_)
    return np.asarray(typed[name].fill_null(default).to_numpy(), dtype=np.bool_)


def codes(typed: pl.DataFrame, name: str, vocabulary: Sequence[str]) -> IntArray:
    """A column of text as positions in ``vocabulary``; -1 where it is blank, absent or says something else."""
    if name not in typed.columns:
        return np.full(typed.height, -1, dtype=np.int64)
    words = pl.Series(vocabulary, dtype=pl.String)
    found = typed[name].replace_strict(words, pl.int_range(len(words), eager=True), default=-1, return_dtype=pl.Int64)
    return found.fill_null(-1).to_numpy().astype(np.int64)


def note(faults: Faults, mask: BoolArray, *, column: str, detail: str, reason: Reason = Reason.MISSING) -> None:
    """Note a fault in ``column`` at each row of ``mask``, but where that cell has one already: what could not be read is not missing."""
    faults.add(pl.Series(mask) & ~faults.in_column(column), column=column, reason=reason, detail=detail)
