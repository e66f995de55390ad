"""Definitions of datasets and factors: what the catalogue says of the numbers in the store.

A definition is data (TOML in ``crfs/catalog``, or a file of the user's); reading one checks every key, and an unknown key is an error.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from enum import Enum
from typing import Any, TypeVar

import polars as pl

from crfs.bitemporal.release import ReleaseCalendar, ReleaseLag, ReleaseRule, check_zone
from crfs.bitemporal.tenor import Tenor
from crfs.credit.reading import called, known, made
from crfs.credit.streams import StreamDefinition, read_time, stream_from_dict
from crfs.errors import InvalidInput

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")
_MNEMONIC = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")
_RESERVED = {
    "entity", "entity_id", "valid_time", "knowledge_time", "batch_id", "row_state", "knowledge_basis", "vintage_date",
    "effective_time", "recorded_at", "tenant_id", "at", "position", "question",
}  # fmt: skip


class ColumnType(Enum):
    """The types that a dataset's column may have; the names are PostgreSQL's."""

    FLOAT8 = "float8"
    INT8 = "int8"
    TEXT = "text"
    BOOL = "bool"
    DATE = "date"

    @property
    def polars(self) -> pl.DataType:
        """The same type in a table."""
        return _POLARS[self]()


_POLARS: dict[ColumnType, type[pl.DataType]] = {
    ColumnType.FLOAT8: pl.Float64,
    ColumnType.INT8: pl.Int64,
    ColumnType.TEXT: pl.String,
    ColumnType.BOOL: pl.Boolean,
    ColumnType.DATE: pl.Date,
}


class Scope(Enum):
    """Whose a dataset's rows are: anybody's, or one tenant's (row-level security)."""

    PUBLIC = "public"
    TENANT = "tenant"


class RevisionPolicy(Enum):
    """What the provider does to old values: publishes vintages, overwrites them, estimates all again, or never changes them."""

    VINTAGED = "vintaged"
    LATEST_ONLY = "latest_only"
    RE_ESTIMATED = "re_estimated"
    FINAL = "final"


class Redistribution(Enum):
    """Whether the provider's terms let its values leave the store: an export of what is forbidden is refused."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDefinition:
    """A typed value column of a dataset, as it comes from the source: ``minimum`` and ``maximum`` bound what is accepted (inclusive)."""

    name: str
    title: str
    type: ColumnType = ColumnType.FLOAT8
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    personal: bool = False

    def __post_init__(self) -> None:
        if not _NAME.match(self.name) or self.name in _RESERVED:
            raise InvalidInput(
                f"column {self.name!r}: a name is lower case letters, digits and _, and none of {', '.join(sorted(_RESERVED))}"
            )
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidInput(f"column {self.name}: its minimum {self.minimum:g} is above its maximum {self.maximum:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDefinition:
    """One relation with typed value columns that arrive together.

    ``period`` is the length of the period that a row describes, from its valid_time; ``zone`` is the publisher's, in which a question
    that is only a date ends; ``release`` gives the knowledge time where a delivery carries none. ``realised`` says that only what has
    happened is told, no projection: a row of a period that had not begun when it was known is rejected. ``rights`` says what the provider's
    terms ask, ``redistribution`` whether they let values leave the store.
    """

    name: str
    title: str
    source: str
    entity_kind: str
    period: Tenor
    zone: str
    columns: tuple[ColumnDefinition, ...]
    scope: Scope = Scope.PUBLIC
    revision_policy: RevisionPolicy = RevisionPolicy.LATEST_ONLY
    release: ReleaseRule | None = None
    synthetic: bool = False
    realised: bool = False
    rights: str = ""
    redistribution: Redistribution = Redistribution.ALLOWED

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise InvalidInput(f"dataset {self.name!r}: a name is a lower case letter, then letters, digits and _, at most 48 in all")
        if not self.columns:
            raise InvalidInput(f"dataset {self.name}: it needs at least one column")
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise InvalidInput(f"dataset {self.name}: two columns have the same name")
        check_zone(self.zone)

    def column(self, name: str) -> ColumnDefinition:
        """The column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise InvalidInput(f"dataset {self.name} has no column {name!r}; it has {', '.join(c.name for c in self.columns)}")

    def schema(self) -> dict[str, pl.DataType]:
        """Names and table types of the value columns."""
        return {column.name: column.type.polars for column in self.columns}


_PLACES = 10**10
_WRITTEN_OUT = 1e16
"""From here on Python writes a whole float with an exponent."""
_Cells = TypeVar("_Cells", pl.Expr, pl.Series, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorDefinition:
    """A named, documented column of a dataset, bound to one entity (``entity``) or to the row's own (None).

    The factor's value is ``scale`` times the column's, so that percent in a delivery is a decimal in the engine. ``max_age`` is how
    long after its period (and lag) a value still answers; ``missing_is_answer`` makes the source's "none" blank an older value.

    ``minimum`` and ``maximum`` bound the factor's value (inclusive, in its unit, after ``scale``): a cell outside is rejected. ``start``
    is the first valid day that the provider has, of a vintaged series in its newest vintage; nothing is asked or rejected by it.
    ``release`` is the factor's own release rule, where its series keep to another one than their dataset. ``formula`` says how the
    number is made of documents or of other numbers. ``redistribution`` and ``rights`` differ from the dataset's where they are given.
    """

    mnemonic: str
    title: str
    dataset: str
    column: str
    unit: str
    category: str
    entity: str | None = None
    period: Tenor | None = None
    scale: float = 1.0
    seasonal_adjustment: str | None = None
    max_age: Tenor | None = None
    missing_is_answer: bool = False
    release_time: time | None = None
    release_zone: str | None = None
    notes: str = ""
    minimum: float | None = None
    maximum: float | None = None
    start: date | None = None
    release: ReleaseRule | None = None
    formula: str = ""
    rights: str = ""
    redistribution: Redistribution | None = None

    def __post_init__(self) -> None:
        if not _MNEMONIC.match(self.mnemonic):
            raise InvalidInput(f"factor {self.mnemonic!r}: a mnemonic is dotted lower case, scope first, like us.unemployment_rate")
        if not math.isfinite(self.scale) or self.scale == 0.0:
            raise InvalidInput(f"factor {self.mnemonic}: scale = {self.scale}: a finite number other than 0 is wanted")
        if self.release_zone is not None:
            check_zone(self.release_zone)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidInput(f"factor {self.mnemonic}: its minimum {self.minimum:g} is above its maximum {self.maximum:g}")

    def value_of(self, cells: _Cells) -> _Cells:
        """The factor's value of its column's cells: an expression, a series, or a number.

        A decimal of ten places or fewer becomes the number next to its exact value, where ``scale`` is one over a whole number: 4.4 percent
        are 0.044, not the 0.044000000000000004 of a product.
        """
        if self.scale == 1.0:
            return cells
        if isinstance(cells, pl.Series):
            return cells.to_frame().select(self.value_of(pl.col(cells.name))).to_series()
        whole = round(1.0 / self.scale) if 1e-12 < abs(self.scale) < 1.0 else 0
        if not whole or 1.0 / whole != self.scale or int(float(_PLACES * whole)) != _PLACES * whole:
            return cells * self.scale
        if isinstance(cells, pl.Expr):
            # Polars divides by a number as it multiplies by one over it, which rounds twice; by a column it divides.
            ones = cells * 0.0 + 1.0
            units = (cells * float(_PLACES)).round()
            return (
                pl.when(units / (ones * float(_PLACES)) == cells)
                .then(units / (ones * float(_PLACES * whole)))
                .otherwise(cells * self.scale)
            )
        unit = round(cells * _PLACES)
        return unit / (_PLACES * whole) if unit / _PLACES == cells else cells * self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What one catalogue file defines."""

    datasets: tuple[DatasetDefinition, ...]
    factors: tuple[FactorDefinition, ...]
    streams: tuple[StreamDefinition, ...] = ()


def parse_definitions(text: str, *, where: str) -> Definitions:
    """Read a catalogue file: ``[[dataset]]`` tables with ``[[dataset.column]]``, ``[[factor]]`` and ``[[stream]]`` tables.

    ``[[factors]]`` is a family: what it says holds for every factor in its list ``each``, which says the rest. A factor without
    ``dataset`` belongs to the file's only dataset. ``where`` names the file in errors.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    unknown = data.keys() - {"dataset", "factor", "factors", "stream"}
    if unknown:
        raise InvalidInput(
            f"{where}: unknown key {min(unknown)!r}; a catalogue file has [[dataset]], [[factor]], [[factors]] and [[stream]]"
        )
    try:
        for key, tables in data.items():
            if not isinstance(tables, list):
                raise InvalidInput(f"{key} is no list of tables; write [[{key}]]")
        datasets = tuple(dataset_from_dict(item) for item in data.get("dataset", []))
        only = datasets[0].name if len(datasets) == 1 else None
        single = [*data.get("factor", []), *(item for family in data.get("factors", []) for item in _members(family))]
        factors = tuple(factor_from_dict({"dataset": only, **item} if only and isinstance(item, dict) else item) for item in single)
        streams = tuple(stream_from_dict(item) for item in data.get("stream", []))
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None
    return Definitions(datasets=datasets, factors=factors, streams=streams)


def _members(family: Any) -> list[Any]:
    """The factors of a family: what its members say goes before what the family says."""
    if not isinstance(family, Mapping) or not isinstance(family.get("each"), list) or not family["each"]:
        raise InvalidInput("factors: a family has a list of tables called each")
    shared = {key: value for key, value in family.items() if key != "each"}
    return [{**shared, **member} if isinstance(member, Mapping) else member for member in family["each"]]


def dataset_from_dict(data: Mapping[str, Any]) -> DatasetDefinition:
    """A dataset's definition from its TOML or JSON form."""
    what = called("dataset", data, "name")
    values = known(DatasetDefinition, {"columns" if key == "column" else key: value for key, value in data.items()}, what)
    if "columns" in values:
        if not isinstance(values["columns"], list):
            raise InvalidInput(f"{what}: its columns are tables; write [[dataset.column]]")
        values["columns"] = tuple(_column_from_dict(item, what) for item in values["columns"])
    if "release" in values and values["release"] is not None:
        values["release"] = release_from_dict(values["release"], what)
    return made(
        DatasetDefinition, values, what, period=Tenor.parse, scope=Scope, revision_policy=RevisionPolicy, redistribution=Redistribution
    )


def factor_from_dict(data: Mapping[str, Any]) -> FactorDefinition:
    """A factor's definition from its TOML or JSON form."""
    what = called("factor", data, "mnemonic")
    values = known(FactorDefinition, data, what)
    if values.get("release") is not None:
        values["release"] = release_from_dict(values["release"], what)
    return made(
        FactorDefinition,
        values,
        what,
        period=Tenor.parse,
        max_age=Tenor.parse,
        release_time=read_time,
        start=_date,
        scale=float,
        redistribution=Redistribution,
    )


def release_from_dict(data: Mapping[str, Any], what: str) -> ReleaseRule:
    """A release rule: a calendar (``name`` and a rule on business days) or a ``lag``."""
    called(f"{what}: release", data, "name")
    kind: type[ReleaseCalendar | ReleaseLag] = ReleaseLag if "lag" in data else ReleaseCalendar
    return made(kind, known(kind, data, f"{what}: release"), f"{what}: release", lag=Tenor.parse, at=read_time)


def to_dict(definition: DatasetDefinition | FactorDefinition | ReleaseRule | ColumnDefinition) -> dict[str, Any]:
    """The JSON form of a definition: only what differs from the defaults, so that a new optional key does not change old hashes."""
    result: dict[str, Any] = {}
    for name, default in _defaults(type(definition)):
        value = getattr(definition, name)
        if value is not default and value != default:
            result[name] = value if type(value) is str else _plain(value)
    return result


_DEFAULTS: dict[type[Any], tuple[tuple[str, Any], ...]] = {}


def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """The fields of a kind of definition, each with its default."""
    if kind not in _DEFAULTS:
        _DEFAULTS[kind] = tuple((field.name, field.default) for field in fields(kind))
    return _DEFAULTS[kind]


def digest(definition: DatasetDefinition | FactorDefinition) -> str:
    """SHA-256 of the canonical JSON form."""
    return digest_of_form(to_dict(definition))


def digest_of_form(form: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON form, written canonically."""
    return hashlib.sha256(json.dumps(form, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    match value:
        case tuple():
            return [_plain(item) for item in value]
        case ColumnDefinition() | ReleaseCalendar() | ReleaseLag():
            return to_dict(value)
        case Enum():
            return value.value
        case Tenor():
            return str(value)
        case time():
            return value.isoformat(timespec="minutes" if not value.second else "seconds")
        case date():
            return value.isoformat()
        case float() if abs(value) >= _WRITTEN_OUT or value == 0.0:
            # JSON from PostgreSQL writes 1e+18 out, as a whole number, and has no negative zero: the same hash before and after.
            return int(value) if value else 0.0
        case _:
            return value


def _column_from_dict(data: Mapping[str, Any], what: str) -> ColumnDefinition:
    what = called(f"{what}: column", data, "name")
    return made(ColumnDefinition, known(ColumnDefinition, data, what), what, type=ColumnType)


def _date(text: str | date) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)
