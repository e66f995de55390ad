"""What was known: of tables with one row an entity, time and version, the values that could be seen at each moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.schemas import ColumnSchema, TableSchema
from crfs.errors import InvalidInput
from crfs.monitoring.early_warning.rules import Rule, RuleKind
from crfs.quality.checks import check_table

IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

NOWHERE = -1
"""The position of an answer that there is not."""

RESTS_ON = "rests_on"
"""A column that a table may have: what a row rests on, in words (``batch 7``, ``run …``), for the evidence of alerts."""

_KEY = ("entity", "valid_time", "knowledge_time")
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "pd": (0.0, 1.0),
    "utilisation": (0.0, None),
    "days_past_due": (0.0, None),
    "sentiment": (-1.0, 1.0),
    "limit_use": (0.0, None),
    "ec_se": (0.0, None),
}


def checked_table(table: pl.DataFrame, rules: Sequence[Rule], what: str) -> pl.DataFrame:
    """The columns that the rules need, typed, with ``entity`` and both clocks, sorted by them; wrong cells are named by row and column.

    Without a column ``knowledge_time``, and where its cell is blank, a value was known from its valid time on. Days are the instants at which
    they begin in UTC.
    Columns that no rule needs are left alone, but for :data:`RESTS_ON`. ``code`` numbers the entities in the order of their names.
    """
    texts = sorted({rule.watched for rule in rules if rule.kind is RuleKind.RATING_DOWNGRADE})
    numbers = sorted({name for rule in rules for name in rule.needs} - set(texts))
    absent = sorted({"entity", "valid_time", *texts, *numbers} - set(table.columns))
    if absent:
        raise InvalidInput(f"the table of {what} has no column {', '.join(absent)}, which its rules look at")
    columns = (
        ColumnSchema(name="entity", dtype=pl.String, required=True),
        ColumnSchema(name="valid_time", dtype=INSTANT, required=True),
        ColumnSchema(name="knowledge_time", dtype=INSTANT, required=True),
        *(_number(name) for name in numbers),
        *(ColumnSchema(name=name, dtype=pl.String) for name in texts),
        *(ColumnSchema(name=name, dtype=pl.String) for name in (RESTS_ON,) if name in table.columns),
    )
    told = table if "knowledge_time" in table.columns else table.with_columns(knowledge_time=pl.col("valid_time"))
    valid, known = (_instants(told[name]) for name in ("valid_time", "knowledge_time"))
    given = told.select(column.name for column in columns).with_columns(valid, _filled(known, valid))
    schema = TableSchema(name=f"table of {what}", columns=columns, unique=_KEY)
    ordered = _ordered(given) if all(_is_clean(given[column.name], column) for column in columns) else None
    if ordered is None or _has_repeated_key(ordered):
        # Slow, and exact about what is wrong; text that is right comes through it too.
        ordered = _ordered(check_table(given, schema).require_all(schema.name))
    return ordered


def _number(name: str) -> ColumnSchema:
    low, high = _RANGES.get(name, (None, None))
    return ColumnSchema(name=name, dtype=pl.Float64, minimum=low, maximum=high)


def _instants(times: pl.Series) -> pl.Series:
    """Days as instants in UTC; texts may be days too."""
    if times.dtype == pl.Date:
        return times.cast(INSTANT)
    if times.dtype == pl.String:
        return times.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00Z")
    if isinstance(times.dtype, pl.Datetime):
        if times.dtype.time_zone is None:
            raise InvalidInput(f"{times.name} has no time zone; give UTC instants, or days", argument=times.name)
        return times.dt.convert_time_zone("UTC").cast(INSTANT)
    return times


def _filled(known: pl.Series, valid: pl.Series) -> pl.Series:
    """Times of knowledge, those of the values where a cell is blank."""
    if known.dtype == pl.String:
        known = known.set((known.str.strip_chars() == "").fill_null(False), None)
    if known.dtype == pl.Null:
        return valid.alias(known.name)
    return valid.alias(known.name).zip_with(known.is_null(), known) if known.null_count() and known.dtype == valid.dtype else known


def _is_clean(cells: pl.Series, column: ColumnSchema) -> bool:
    """Whether every cell is what the schema wants, as it stands."""
    if column.required and (cells.null_count() or cells.dtype != column.dtype):
        return False
    if column.dtype == pl.Float64:
        if not cells.dtype.is_numeric():
            return False
        told = cells.drop_nulls().cast(pl.Float64)
        low, high = column.minimum, column.maximum
        return bool(told.is_finite().all() and (low is None or (told >= low).all()) and (high is None or (told <= high).all()))
    # Text that might be blank, or padded, is read cell by cell.
    return cells.dtype == column.dtype and (
        cells.dtype != pl.String or bool((cells.drop_nulls().str.strip_chars() == cells.drop_nulls()).all())
    )


def _ordered(table: pl.DataFrame) -> pl.DataFrame:
    numbers = [name for name, kind in table.schema.items() if kind.is_numeric()]
    names = table["entity"].unique().sort()
    codes = pl.DataFrame({"entity": names}).with_row_index("code")
    coded = table.join(codes, on="entity", how="left", maintain_order="left").with_columns(pl.col(numbers).cast(pl.Float64))
    return coded.sort("code", "valid_time", "knowledge_time")


def _has_repeated_key(ordered: pl.DataFrame) -> bool:
    same = [(pl.col(name) == pl.col(name).shift(1)) for name in ("code", "valid_time", "knowledge_time")]
    return bool(ordered.select(pl.all_horizontal(same).any()).item())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Times as numbers: ``of`` gives how many of the ``distinct`` ones are not after each."""

    distinct: IntArray

    def of(self, times: IntArray) -> IntArray:
        """0 where a time is before all of them."""
        return np.asarray(np.searchsorted(self.distinct, times, side="right"), dtype=np.int64)

    @property
    def span(self) -> int:
        """More than any number that :meth:`of` gives."""
        return len(self.distinct) + 1


class KnownValues:
    """The rows of a sorted table that have some columns, prepared for the question: which was the last one known?

    ``versions`` are those rows; times are microseconds. A period is an entity and valid time: ``first`` is the position of its first
    version, and so ``knowledge[first]`` says from when something was known of it.
    """

    def __init__(self, rows: pl.DataFrame, columns: Sequence[str]) -> None:
        self.versions = rows.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
        self.code = self.versions["code"].to_numpy().astype(np.int64)
        self.valid = microseconds(self.versions["valid_time"])
        self.knowledge = microseconds(self.versions["knowledge_time"])
        self._valid_order, self._known_order = Order(distinct=np.unique(self.valid)), Order(distinct=np.unique(self.knowledge))
        key = self.code * self._valid_order.span + self._valid_order.of(self.valid)
        starts = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=np.bool_)
        self.first: IntArray = np.flatnonzero(starts)
        self.period_of: IntArray = np.cumsum(starts) - 1
        self._period_key = key[self.first]
        self._version_key = self.period_of * self._known_order.span + self._known_order.of(self.knowledge)

    def moments(self) -> tuple[IntArray, IntArray]:
        """When each entity had something new: its code and the moment, sorted. What is known before it is true is new when it is true."""
        pairs = pl.DataFrame({"code": self.code, "at": np.maximum(self.knowledge, self.valid)}).unique().sort("code", "at")
        return pairs["code"].to_numpy(), pairs["at"].to_numpy()

    def last(self, code: IntArray, until: IntArray, at: IntArray) -> IntArray:
        """For each question the position of the row that answers it, :data:`NOWHERE` where none does.

        That is the row of the greatest valid time up to ``until`` of which something was known ``at`` the moment, in its last version known
        then.
        """
        if not len(self.code):
            return np.full(len(code), NOWHERE, dtype=np.int64)
        asked = code * self._valid_order.span + self._valid_order.of(until)
        period = np.searchsorted(self._period_key, asked, side="right") - 1
        pending = np.flatnonzero(period >= 0)
        # A period of which nothing was known yet gives way to the one before it, within the entity.
        while len(pending):
            first = self.first[period[pending]]
            own = self.code[first] == code[pending]
            unknown = own & (self.knowledge[first] > at[pending])
            period[pending] -= unknown
            period[pending[~own]] = NOWHERE
            pending = pending[unknown & (period[pending] >= 0)]
        found = np.flatnonzero(period >= 0)
        wanted = period[found] * self._known_order.span + self._known_order.of(at[found])
        answer = np.full(len(code), NOWHERE, dtype=np.int64)
        answer[found] = np.searchsorted(self._version_key, wanted, side="right") - 1
        return answer


def microseconds(times: pl.Series) -> IntArray:
    """Instants as whole microseconds."""
    return times.cast(pl.Int64).to_numpy()


def instants(times: IntArray) -> pl.Series:
    """Whole microseconds as instants."""
    return pl.Series(times).cast(INSTANT)
