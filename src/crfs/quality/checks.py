"""Check a table against its schema: typed rows that pass, and a list of cells that do not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import polars as pl

from crfs.credit.schemas import ColumnSchema, ColumnType, Reason, TableSchema
from crfs.errors import InvalidInput, Problem, first_places

REJECTED_COLUMNS = {"row": pl.Int64, "column": pl.String, "reason": pl.String, "detail": pl.String}

# A cell may hold anything; a message quotes this much of it.
_QUOTED_CHARACTERS = 80
# Of so many different values of a column the nearest that is allowed is looked for.
_MOST_HINTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check made of a table.

    ``accepted`` has the rows without a fault, typed, with the schema's columns in the order of the input. ``rejected`` has one
    row a fault: ``row`` (the first data row is 1), ``column``, ``reason`` (a value of :class:`Reason`), ``detail``. A row with a
    fault is never in ``accepted``, and may have several faults.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The faults as values that an error can carry."""
        return tuple(Problem(**fault) for fault in self.rejected.iter_rows(named=True))

    @property
    def rejected_rows(self) -> int:
        """Number of rows with at least one fault."""
        return self.rejected["row"].n_unique()

    def require_all(self, what: str) -> pl.DataFrame:
        """The accepted rows if nothing was rejected, else :class:`InvalidInput` with every fault."""
        if self.rejected.is_empty():
            return self.accepted
        problems = self.problems
        raise InvalidInput(f"{what}: {self.rejected_rows} row(s) rejected: {first_places(problems)}", problems=problems)


@dataclass(slots=True, kw_only=True)
class Faults:
    """Collects faults while columns are checked; ``bad`` says per row whether it has one."""

    height: int
    frames: list[pl.DataFrame] = field(default_factory=list)
    bad: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        self.bad = pl.repeat(False, self.height, eager=True)

    def add(self, mask: pl.Series, *, column: str, reason: Reason, detail: pl.Series | str | Callable[[], pl.Series]) -> None:
        """Note a fault in ``column`` at each row where ``mask`` is true (null counts as false).

        ``detail`` is a text, or one text a row, or a function that makes them and is called where there is a fault.
        """
        if not mask.any():
            return
        mask = mask.fill_null(False)
        rows = mask.arg_true()
        made = detail() if callable(detail) else detail
        texts = pl.repeat(made, len(rows), dtype=pl.String, eager=True) if isinstance(made, str) else made.gather(rows)
        self.frames.append(
            pl.DataFrame(
                {
                    "row": rows.cast(pl.Int64) + 1,
                    "column": pl.repeat(column, len(rows), dtype=pl.String, eager=True),
                    "reason": pl.repeat(reason.value, len(rows), dtype=pl.String, eager=True),
                    "detail": texts,
                }
            )
        )
        self.bad = self.bad | mask

    def in_column(self, column: str) -> pl.Series:
        """Whether each row has a fault in ``column``: what could not be read there is not missing."""
        found = pl.repeat(False, self.height, eager=True)
        for frame in self.frames:
            if frame["column"][0] == column:
                found = found.scatter(frame["row"] - 1, True)
        return found

    def table(self) -> pl.DataFrame:
        """All faults, by row, and within a row in the order in which they were found."""
        if not self.frames:
            return pl.DataFrame(schema=REJECTED_COLUMNS)
        return pl.concat(self.frames).sort("row", maintain_order=True)


def quoted(values: pl.Series, *, before: str = "", after: str = "") -> pl.Series:
    """One text a row: ``before``, the value as it stands in the table (cut if long), ``after``."""
    text = pl.col("v").cast(pl.String, strict=False).fill_null("")
    cut = text.str.slice(0, _QUOTED_CHARACTERS) + pl.format("… ({} characters)", text.str.len_chars())
    shown = pl.when(text.str.len_chars() > _QUOTED_CHARACTERS).then(cut).otherwise(text)
    return pl.DataFrame({"v": values}).select(pl.lit(before) + shown + pl.lit(after)).to_series()


def check_table(table: pl.DataFrame, schema: TableSchema, *, allow_blank: Collection[str] = ()) -> Checked:
    """Check every cell of ``table`` against ``schema``.

    Text is trimmed, and blank text is a missing value; numbers may come as text. Columns named in ``allow_blank`` may be
    absent or blank though the schema requires them. Of rows with the same ``unique`` key the first stands and each later one
    is a ``duplicate``. A column that the schema does not know, or one that is missing, is the caller's mistake as a whole:
    :class:`InvalidInput`, with the nearest known name.

    >>> from crfs.credit.schemas import ColumnSchema, TableSchema
    >>> schema = TableSchema(name="t", columns=(ColumnSchema(name="pd_12m", dtype=pl.Float64, required=True, minimum=0, maximum=1),))
    >>> checked = check_table(pl.DataFrame({"pd_12m": ["0.02", "1.5", "NaN", ""]}), schema)
    >>> checked.accepted.rows(), checked.rejected["reason"].to_list()
    ([(0.02,)], ['out_of_range', 'not_finite', 'missing'])
    """
    typed, faults = check_columns(table, schema, allow_blank=allow_blank)
    return Checked(accepted=typed.filter(~faults.bad), rejected=faults.table())


def check_columns(table: pl.DataFrame, schema: TableSchema, *, allow_blank: Collection[str] = ()) -> tuple[pl.DataFrame, Faults]:
    """As :func:`check_table`, but all rows, with null where a cell is faulty: for checks that look across columns afterwards."""
    require_known_columns(table.columns, schema, allow_blank=allow_blank)
    faults = Faults(height=table.height)
    columns: list[pl.Series] = []
    for name in table.columns:
        column = schema.column(name)
        assert column is not None  # require_known_columns
        series = _typed(table[name], column, faults)
        if column.required and name not in allow_blank and series.null_count():
            given = table[name]
            blank = given.is_null() | (given.str.strip_chars() == "") if given.dtype == pl.String else given.is_null()
            faults.add(blank, column=name, reason=Reason.MISSING, detail="the cell is blank; a value is required")
        columns.append(series)
    typed = pl.DataFrame(columns) if columns else table
    _check_unique(typed, schema, faults)
    return typed, faults


def require_known_columns(names: Collection[str], schema: TableSchema, *, allow_blank: Collection[str] = ()) -> None:
    """Raise :class:`InvalidInput` naming each column that ``schema`` does not know and each required one that is absent."""
    require_columns(column_problems(names, schema, allow_blank=allow_blank))


def require_columns(problems: Sequence[Problem]) -> None:
    """Raise one :class:`InvalidInput` of all that is wrong with a table's columns, if anything is."""
    if problems:
        raise InvalidInput("; ".join(problem.detail for problem in problems), problems=tuple(problems))


def column_problems(names: Collection[str], schema: TableSchema, *, allow_blank: Collection[str] = ()) -> list[Problem]:
    """Each column that ``schema`` does not know, with the nearest that it does, and each required one that is absent."""
    problems: list[Problem] = []
    for name in names:
        if schema.column(name) is None:
            near = schema.nearest(name)
            hint = f"did you mean {near}?" if near else f"known columns: {', '.join(schema.names)}"
            detail = f"{schema.name} has no column {name!r}; {hint}"
            problems.append(Problem(row=None, column=name, reason=Reason.UNKNOWN_COLUMN.value, detail=detail))
    for column in schema.columns:
        if column.required and column.name not in names and column.name not in allow_blank:
            detail = f"{schema.name} needs a column {column.name}" + (f" ({column.unit})" if column.unit else "")
            problems.append(Problem(row=None, column=column.name, reason=Reason.MISSING_COLUMN.value, detail=detail))
    return problems


def _typed(given: pl.Series, column: ColumnSchema, faults: Faults) -> pl.Series:
    """``given`` as the schema's type, null where a cell is missing or faulty; the faults are noted."""
    name = given.name
    if given.dtype == pl.String:
        given = given.str.strip_chars()
        blank = given == ""
        given = given.set(blank, None) if blank.any() else given
    target = column.dtype
    if target in (pl.Float64, pl.Int64):
        typed = _numbers(given, column, faults)
    elif target == pl.String:
        typed = _texts(given, faults)
    else:
        typed = given.cast(target, strict=False) if given.dtype != pl.String else _parsed(given, target)
        if typed.null_count() != given.null_count():
            faults.add(
                given.is_not_null() & typed.is_null(),
                column=name,
                reason=Reason.WRONG_TYPE,
                detail=lambda: quoted(given, before="'", after=f"' is not a {target}"),
            )
    if column.allowed:
        unknown = typed.is_not_null() & ~typed.is_in(list(column.allowed))
        faults.add(unknown, column=name, reason=Reason.UNKNOWN_VALUE, detail=lambda: _none_of(typed, unknown, column))
        typed = typed.set(unknown.fill_null(False), None) if unknown.any() else typed
    if column.form:
        other = typed.is_not_null() & ~typed.str.contains(f"^(?:{column.form})$")
        faults.add(
            other, column=name, reason=Reason.UNKNOWN_VALUE, detail=lambda: quoted(typed, before="'", after=f"' is not {column.unit}")
        )
        typed = typed.set(other.fill_null(False), None) if other.any() else typed
    return typed.alias(name)


def _none_of(typed: pl.Series, unknown: pl.Series, column: ColumnSchema) -> pl.Series:
    """One text a row: that the value is none of those allowed, and the nearest of them where one looks like it."""
    listed = ", ".join(str(value) for value in column.allowed)
    told = quoted(typed, before="'", after=f"' is none of {listed}")
    if typed.dtype != pl.String:
        return told
    near = {}
    for value in typed.filter(unknown.fill_null(False)).unique().head(_MOST_HINTS).to_list():
        close = difflib.get_close_matches(value[:_QUOTED_CHARACTERS].lower(), [str(word) for word in column.allowed], n=1)
        if close:
            near[value] = f"; did you mean {close[0]}?"
    return told + typed.replace_strict(near, default="", return_dtype=pl.String).fill_null("") if near else told


def _numbers(given: pl.Series, column: ColumnSchema, faults: Faults) -> pl.Series:
    name = given.name
    if given.dtype == pl.String:
        numbers = given.cast(pl.Float64, strict=False)
        if numbers.null_count() != given.null_count():
            unread = given.is_not_null() & numbers.is_null()
            faults.add(unread, column=name, reason=Reason.NOT_A_NUMBER, detail=lambda: quoted(given, before="'", after="' is not a number"))
    elif given.dtype.is_numeric() or given.dtype == pl.Null:
        numbers = given.cast(pl.Float64)
    else:
        detail = f"the column holds {given.dtype} where numbers belong"
        faults.add(given.is_not_null(), column=name, reason=Reason.WRONG_TYPE, detail=detail)
        numbers = pl.repeat(None, len(given), dtype=pl.Float64, eager=True)
    if column.dtype == pl.Float64 and _is_faultless(numbers, column):
        return numbers
    unfinite = (numbers.is_nan() | numbers.is_infinite()).fill_null(False)
    faults.add(unfinite, column=name, reason=Reason.NOT_FINITE, detail=lambda: quoted(given, after=" is not a finite number"))
    numbers = numbers.set(unfinite, None)
    outside = pl.repeat(False, len(given), eager=True)
    if column.minimum is not None:
        outside |= (numbers <= column.minimum) if column.minimum_open else (numbers < column.minimum)
    if column.maximum is not None:
        outside |= (numbers >= column.maximum) if column.maximum_open else (numbers > column.maximum)
    outside = outside.fill_null(False)
    faults.add(outside, column=name, reason=Reason.OUT_OF_RANGE, detail=lambda: quoted(given, after=f" is not within {column.bounds_text}"))
    numbers = numbers.set(outside, None)
    if column.dtype == pl.Int64:
        broken = (numbers.is_not_null() & ((numbers != numbers.floor()) | (numbers.abs() > 2.0**53))).fill_null(False)
        faults.add(broken, column=name, reason=Reason.WRONG_TYPE, detail=lambda: quoted(given, after=" is not a whole number"))
        return numbers.set(broken, None).cast(pl.Int64)
    return numbers


def _is_faultless(numbers: pl.Series, column: ColumnSchema) -> bool:
    """Whether every number is finite and within its bounds, by three figures of the whole column: most columns are, and cells cost more."""
    if not math.isfinite(numbers.sum()):
        return False
    if numbers.null_count() == len(numbers):
        return True
    smallest, largest = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]  # there is a number
    low, high = column.minimum, column.maximum
    return (low is None or smallest > low or (smallest == low and not column.minimum_open)) and (
        high is None or largest < high or (largest == high and not column.maximum_open)
    )


def _texts(given: pl.Series, faults: Faults) -> pl.Series:
    if given.dtype in (pl.String, pl.Null, pl.Categorical, pl.Enum) or given.dtype.is_integer():
        return given.cast(pl.String)
    # A float is no name: 1.0 and 1 would be two obligors.
    detail = f"the column holds {given.dtype} where text belongs"
    faults.add(given.is_not_null(), column=given.name, reason=Reason.WRONG_TYPE, detail=detail)
    return pl.repeat(None, len(given), dtype=pl.String, eager=True)


def _parsed(given: pl.Series, target: ColumnType) -> pl.Series:
    if target == pl.Boolean:
        lowered = given.str.to_lowercase()
        return lowered.replace_strict({"true": True, "1": True, "false": False, "0": False}, default=None, return_dtype=pl.Boolean)
    if target == pl.Date:
        return given.str.to_date("%Y-%m-%d", strict=False)
    if target == pl.Datetime:
        zoned = given.str.to_datetime(time_unit="us", time_zone="UTC", format="%+", strict=False)
        return zoned.cast(target)
    return given.cast(target, strict=False)


def _check_unique(typed: pl.DataFrame, schema: TableSchema, faults: Faults) -> None:
    if not schema.unique or not all(name in typed.columns for name in schema.unique):
        return
    if not typed.select(schema.unique).is_duplicated().any():
        return
    keyed = typed.select(schema.unique).with_row_index("__row", offset=1)
    first = keyed.select(pl.col("__row").min().over(schema.unique), pl.col("__row").alias("__own"))
    complete = typed.select(pl.all_horizontal(pl.col(name).is_not_null() for name in schema.unique)).to_series()
    repeated = (first["__own"] != first["__row"]) & complete
    values = typed.select(pl.concat_str([pl.col(name).cast(pl.String) for name in schema.unique], separator=", ")).to_series()
    detail = pl.DataFrame({"v": values, "r": first["__row"]}).select(pl.format("'{}' is already on row {}", "v", "r")).to_series()
    faults.add(repeated, column=schema.unique[-1], reason=Reason.DUPLICATE, detail=detail)
