"""Limits that a user gives, of books, their sectors and their obligors, and how much of them the exposures of books use."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.reading import known, made
from crfs.errors import InvalidInput
from crfs.monitoring.early_warning.known import RESTS_ON
from crfs.monitoring.early_warning.rules import Scope

EACH = "*"
"""The entity of a limit for each one that has none of its own."""

_USE = {"entity": pl.String(), "valid_time": INSTANT, "knowledge_time": INSTANT, "limit_use": pl.Float64(), RESTS_ON: pl.String()}
_ENTITY_OF = {Scope.OBLIGOR: "obligor_id", Scope.SECTOR: "sector"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The most that a book may be exposed to, in its currency: to all (``scope`` portfolio), to a sector or to an obligor.

    ``portfolio`` is the name that the book was loaded under, ``entity`` the sector or obligor; ``*`` stands for each one that has no limit
    of its own.
    """

    portfolio: str
    scope: Scope
    limit: float
    entity: str | None = None

    def __post_init__(self) -> None:
        what = f"limit of {self.portfolio}, {self.scope}{'' if self.entity is None else f' {self.entity}'}"
        if not self.limit > 0.0:
            raise InvalidInput(f"{what}: a limit is above 0, not {self.limit:g}")
        if (self.entity is None) is not (self.scope is Scope.PORTFOLIO):
            wanted = "no entity: it is of the whole book" if self.entity is not None else f"an entity, or {EACH} for each {self.scope}"
            raise InvalidInput(f"{what}: it needs {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Position:
    """A book in force from ``valid_time`` on: ``exposures`` has ``obligor_id``, ``sector`` (if the book has it) and ``exposure``."""

    portfolio: str
    valid_time: datetime
    exposures: pl.DataFrame
    rests_on: str


def parse_limits(text: str, *, where: str) -> tuple[Limit, ...]:
    """The limits of a TOML file of ``[[limit]]`` tables, or of a CSV file with the same names as columns; ``where`` names it in errors.

    >>> parse_limits("portfolio,scope,entity,limit\\ncorp,sector,energy,2.5e6\\ncorp,portfolio,,1e7\\n", where="limits.csv")[1].limit
    10000000.0
    """
    text = text.removeprefix("\ufeff")
    items = _from_toml(text, where) if _is_toml(text) else _from_csv(text, where)
    limits = []
    for number, item in enumerate(items, 1):
        what = f"{where}: limit {number}"
        try:
            limits.append(made(Limit, known(Limit, item, what), what, scope=Scope))
        except InvalidInput as error:
            raise InvalidInput(str(error) if str(error).startswith(what) else f"{what}: {error}") from None
    keys = [(limit.portfolio, limit.scope, limit.entity) for limit in limits]
    twice = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if twice:
        raise InvalidInput(f"{where}: more than one limit of {', '.join(str(part) for part in twice[0] if part)}")
    return tuple(limits)


def _is_toml(text: str) -> bool:
    """Whether a text is meant as TOML, also where it is wrong: its first line that is no comment is a table's head or sets a key.

    The header of a CSV file has neither a bracket before its names nor an equals sign; the name of the file plays no part, as over HTTP it has none.

    >>> _is_toml('# of the board\\n\\n[[ limit ]]\\nportfolio = "corp"\\n'), _is_toml("portfolio,scope,entity,limit\\n")
    (True, False)
    """
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.startswith("[") or "=" in first


def _from_toml(text: str, where: str) -> list[Mapping[str, Any]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    items = data.get("limit")
    if set(data) != {"limit"} or not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise InvalidInput(f"{where}: a file of limits has [[limit]] tables and nothing else; found {', '.join(sorted(data))}")
    if not items:
        raise InvalidInput(f"{where}: it has no limit")
    return items


def _from_csv(text: str, where: str) -> list[Mapping[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    needed = {"portfolio", "scope", "limit"}
    if not needed <= set(reader.fieldnames or ()):
        raise InvalidInput(f"{where}: limits are [[limit]] tables of TOML, or CSV with the columns portfolio, scope, entity, limit")
    items: list[Mapping[str, Any]] = []
    for number, row in enumerate(reader, 1):
        if None in row:
            raise InvalidInput(f"{where}: row {number} has more cells than the header")
        cells = {name: value.strip() for name, value in row.items() if value and value.strip()}
        try:
            items.append(cells | ({"limit": float(cells["limit"])} if "limit" in cells else {}))
        except ValueError:
            raise InvalidInput(f"{where}: row {number}, column limit: {cells['limit']!r} is no number") from None
    if not items:
        raise InvalidInput(f"{where}: it has no limit")
    return items


def limit_use(positions: Sequence[Position], limits: Sequence[Limit]) -> dict[str, pl.DataFrame]:
    """By scope the table that rules of kind ``limit_use`` look at: ``entity``, both clocks, ``limit_use`` and ``rests_on``.

    ``entity`` is ``book`` for a whole book, else ``book/sector`` or ``book/obligor``. Every one that has a limit has a row from every book
    on, also where the book has nothing of it: its use is 0 then. A scope without a limit has no table.
    """
    tables: dict[str, list[pl.DataFrame]] = {}
    for portfolio in dict.fromkeys(limit.portfolio for limit in limits):
        own = [position for position in positions if position.portfolio == portfolio]
        for scope in Scope:
            amounts = {limit.entity: limit.limit for limit in limits if limit.portfolio == portfolio and limit.scope is scope}
            if own and amounts:
                tables.setdefault(scope.value, []).append(_use(portfolio, scope, own, amounts))
    return {scope: pl.concat(parts) for scope, parts in tables.items()}


def limits_of_nobody(positions: Sequence[Position], limits: Sequence[Limit]) -> list[str]:
    """A sentence for each limit of a sector or obligor that no book in force ever had: a name that was misspelt guards nothing.

    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 31, tzinfo=UTC)
    >>> book = Position(portfolio="corp", valid_time=at, exposures=pl.DataFrame({"obligor_id": ["A"], "exposure": [1.0]}), rests_on="")
    >>> for told in limits_of_nobody([book], [Limit(portfolio="corp", scope=Scope.OBLIGOR, entity="a", limit=1.0)]): print(told)
    corp: the limit of obligor 'a' guards nothing: no book in force has it
    """
    notes = []
    for limit in limits:
        own = [position for position in positions if position.portfolio == limit.portfolio]
        if not own or limit.scope is Scope.PORTFOLIO:
            continue
        column = _ENTITY_OF[limit.scope]
        there = {name for position in own if column in position.exposures.columns for name in position.exposures[column].drop_nulls()}
        if limit.entity not in there and not (limit.entity == EACH and there):
            why = "no book in force has it" if there else f"the book has no column {column}"
            notes.append(f"{limit.portfolio}: the limit of {limit.scope.value} {limit.entity!r} guards nothing: {why}")
    return notes


def _use(portfolio: str, scope: Scope, positions: Sequence[Position], amounts: Mapping[str | None, float]) -> pl.DataFrame:
    exposed = [_exposed(position, scope) for position in positions]
    each = amounts.get(EACH)
    names = sorted({name for table in exposed for name in table["name"]} | {name or "" for name in amounts if name != EACH})
    limits = pl.DataFrame(
        {"name": names, "most": [amounts.get(name or None, each) for name in names]}, schema={"name": pl.String, "most": pl.Float64}
    ).drop_nulls()
    parts = [pl.DataFrame(schema=_USE)]
    for position, table in zip(positions, exposed, strict=True):
        used = limits.join(table, on="name", how="left", maintain_order="left")
        parts.append(
            used.select(
                entity=pl.lit(portfolio) if scope is Scope.PORTFOLIO else pl.format("{}/{}", pl.lit(portfolio), "name"),
                valid_time=pl.lit(position.valid_time).cast(INSTANT),
                knowledge_time=pl.lit(position.valid_time).cast(INSTANT),
                limit_use=pl.col("exposure").fill_null(0.0) / pl.col("most"),
                rests_on=pl.format("{}, limit {}", pl.lit(position.rests_on), "most"),
            )
        )
    return pl.concat(parts)


def _exposed(position: Position, scope: Scope) -> pl.DataFrame:
    """Exposure by ``name``; of a whole book the name is blank. Facilities without a sector are in none."""
    if scope is Scope.PORTFOLIO:
        return position.exposures.select(name=pl.lit(""), exposure=pl.col("exposure").sort().sum())
    column = _ENTITY_OF[scope]
    if column not in position.exposures.columns:
        return pl.DataFrame(schema={"name": pl.String, "exposure": pl.Float64})
    return position.exposures.drop_nulls(column).group_by(name=column).agg(pl.col("exposure").sort().sum()).sort("name")
