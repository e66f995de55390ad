"""A table's columns, declared once: name, type, unit, range, and what a cell may be rejected for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import polars as pl

from crfs.errors import InvalidInput

ColumnType: TypeAlias = "pl.DataType | type[pl.DataType]"


class Reason(StrEnum):
    """Why a cell, a row or a whole input is rejected. The list is closed: programs may switch on it."""

    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    UNKNOWN_GROUP = "unknown_group"
    DUPLICATE = "duplicate"
    INCONSISTENT = "inconsistent"
    UNKNOWN_COLUMN = "unknown_column"
    MISSING_COLUMN = "missing_column"
    BROKEN_ENCODING = "broken_encoding"
    BROKEN_ROW = "broken_row"
    BROKEN_FILE = "broken_file"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSchema:
    """One column: what its cells are and which of them are impossible.

    ``name`` is the column's name; with ``prefix=True`` it is what the names of a family of columns start with
    (``loading:`` stands for ``loading:<factor>``). ``unit`` is text for people. ``required`` means that the column is
    there and no cell is blank. ``minimum`` and ``maximum`` belong to the range unless ``minimum_open`` / ``maximum_open``.
    ``allowed`` lists the only texts or whole numbers that may stand there; empty means any. ``form`` is a regular expression that a whole text
    has to match, and ``unit`` says the same in words.

    >>> ColumnSchema(name="pd_12m", dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0).range_text
    '[0, 1]'
    """

    name: str
    dtype: ColumnType
    unit: str = ""
    meaning: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    minimum_open: bool = False
    maximum_open: bool = False
    allowed: tuple[str | int, ...] = ()
    form: str = ""
    prefix: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInput("a column schema needs a name")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidInput(f"column {self.name}: the minimum {self.minimum} is above the maximum {self.maximum}")

    @property
    def range_text(self) -> str:
        """The range in mathematicians' brackets, for messages."""
        low = "(-inf" if self.minimum is None else f"{'(' if self.minimum_open else '['}{self.minimum:g}"
        high = "inf)" if self.maximum is None else f"{self.maximum:g}{')' if self.maximum_open else ']'}"
        return f"{low}, {high}"

    @property
    def bounds_text(self) -> str:
        """The range, with the unit that it is in where a cell may be in another one.

        >>> ColumnSchema(name="turnover", dtype=pl.Float64, unit="million euros", minimum=0.0, maximum=2e6).bounds_text
        '[0, 2e+06], in million euros'
        """
        plain = not self.unit or self.unit.startswith(("decimal", "currency"))
        return self.range_text if plain else f"{self.range_text}, in {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """A table: its columns in order, and the columns ``unique`` whose values together occur once.

    >>> PORTFOLIO.nearest("pd12m")
    'pd_12m'
    >>> PORTFOLIO.column("loading:oil").unit
    'decimal'
    """

    name: str
    columns: tuple[ColumnSchema, ...]
    unique: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidInput(f"schema {self.name} declares {', '.join(twice)} more than once")
        lost = [name for name in self.unique if name not in names]
        if lost:
            raise InvalidInput(f"schema {self.name}: unique names columns that it does not have: {', '.join(lost)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, families of columns left out."""
        return tuple(column.name for column in self.columns if not column.prefix)

    def column(self, name: str) -> ColumnSchema | None:
        """The schema of a column by its name or by its family; None when the table has no such column."""
        for column in self.columns:
            if name.startswith(column.name) and len(name) > len(column.name) if column.prefix else name == column.name:
                return column
        return None

    def nearest(self, name: str) -> str | None:
        """The known column whose name looks most like ``name``; None when none does."""
        close = difflib.get_close_matches(name.strip().lower(), self.names, n=1, cutoff=0.6)
        return close[0] if close else None


LARGEST_AMOUNT = 1e18
"""Of one facility, in currency units: more than any currency has, and small enough for sums and powers of losses to stay finite."""

LONGEST_YEARS = 200.0
"""Until a contract's end: the longest that any measurement takes; provisions take less."""

PORTFOLIO = TableSchema(
    name="portfolio",
    unique=("facility_id",),
    columns=(
        ColumnSchema(name="facility_id", dtype=pl.String, required=True, meaning="the contract; once a file"),
        ColumnSchema(
            name="obligor_id", dtype=pl.String, required=True, meaning="who owes; all of an obligor's facilities default together"
        ),
        ColumnSchema(name="ead", dtype=pl.Float64, unit="currency", minimum=0.0, maximum=LARGEST_AMOUNT, meaning="exposure at default"),
        ColumnSchema(
            name="drawn",
            dtype=pl.Float64,
            unit="currency",
            minimum=0.0,
            maximum=LARGEST_AMOUNT,
            meaning="owed now; with limit it gives ead where ead is blank",
        ),
        ColumnSchema(
            name="limit", dtype=pl.Float64, unit="currency", minimum=0.0, maximum=LARGEST_AMOUNT, meaning="the most that may be drawn"
        ),
        ColumnSchema(
            name="ccf", dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0, meaning="share of the undrawn that is drawn at default"
        ),
        ColumnSchema(
            name="lgd", dtype=pl.Float64, unit="decimal of ead", required=True, minimum=0.0, maximum=1.0, meaning="mean loss given default"
        ),
        ColumnSchema(
            name="lgd_sd",
            dtype=pl.Float64,
            unit="decimal of ead",
            minimum=0.0,
            maximum=0.5,
            meaning="spread of the loss given default; blank or 0: certain",
        ),
        ColumnSchema(
            name="lgd_factor_loading",
            dtype=pl.Float64,
            unit="decimal",
            minimum=0.0,
            maximum=1.0,
            maximum_open=True,
            meaning="loading of the loss given default on the factor of the obligor's default; blank or 0: independent of it",
        ),
        ColumnSchema(
            name="pd_12m",
            dtype=pl.Float64,
            unit="decimal",
            required=True,
            minimum=0.0,
            maximum=1.0,
            meaning="probability of default in 12 months",
        ),
        ColumnSchema(
            name="connected_clients",
            dtype=pl.String,
            meaning="the group of connected clients that the obligor belongs to: one name in concentration; blank: the obligor alone is one",
        ),
        ColumnSchema(name="rating", dtype=pl.String),
        ColumnSchema(name="sector", dtype=pl.String),
        ColumnSchema(name="region", dtype=pl.String),
        ColumnSchema(name="maturity_years", dtype=pl.Float64, unit="years", minimum=0.0, maximum=LONGEST_YEARS),
        ColumnSchema(
            name="r2",
            dtype=pl.Float64,
            unit="decimal",
            minimum=0.0,
            maximum=1.0,
            maximum_open=True,
            meaning="share of the latent variance that is systematic",
        ),
        ColumnSchema(name="group", dtype=pl.String, meaning="the direction of the factor model that the obligor follows"),
        ColumnSchema(
            name="loading:",
            dtype=pl.Float64,
            unit="decimal",
            minimum=-1.0,
            maximum=1.0,
            prefix=True,
            meaning="loading on a factor, in place of r2 and group",
        ),
        ColumnSchema(name="currency", dtype=pl.String, unit="three capital letters (ISO 4217)", form="[A-Z]{3}", meaning="one a book"),
        ColumnSchema(name="stage", dtype=pl.Int64, allowed=(1, 2, 3), meaning="IFRS 9 stage"),
        ColumnSchema(name="effective_interest_rate", dtype=pl.Float64, unit="decimal a year", minimum=-1.0, minimum_open=True),
        ColumnSchema(name="facility_type", dtype=pl.String, meaning="what models of ead and lgd tell apart, such as card or mortgage"),
        ColumnSchema(name="segment", dtype=pl.String, meaning="for models, such as retail or corporate"),
        ColumnSchema(name="months_on_book", dtype=pl.Int64, unit="months", minimum=0, meaning="for models"),
        ColumnSchema(name="collateral_value", dtype=pl.Float64, unit="currency", minimum=0.0, maximum=LARGEST_AMOUNT, meaning="for models"),
    ),
)
"""One row a facility: the file of ``crfs portfolio load`` and ``crfs portfolio risk``."""
