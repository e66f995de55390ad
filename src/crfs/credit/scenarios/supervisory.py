"""Supervisory scenarios of the Federal Reserve: rows of the store's two datasets to scenarios and to the history that comes with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.scenarios.scenario import Scenario, ScenarioSeverity
from crfs.credit.scenarios.tables import from_table
from crfs.errors import InvalidInput

DATASETS = {"domestic": "fed_scenario_domestic", "international": "fed_scenario_international"}
HISTORY = "historic"
_SEVERITIES = {
    "baseline": ScenarioSeverity.BASELINE,
    "adverse": ScenarioSeverity.ADVERSE,
    "severely_adverse": ScenarioSeverity.SEVERELY_ADVERSE,
}


def supervisory_scenarios(tables: Iterable[pl.DataFrame], catalogue: Catalogue) -> tuple[Scenario, ...]:
    """Scenarios like ``2025/severely_adverse``, with domestic and international variables together where both are there.

    Args:
        tables: rows of ``fed_scenario_domestic`` and ``fed_scenario_international``, resolved to one vintage (a row an entity and
            ``valid_time``): ``entity`` (``2025/severely_adverse/domestic``), ``valid_time`` and the dataset's columns as delivered, in
            percent. What the source's parser accepted has this shape, and so has what :func:`crfs.bitemporal.as_of` answers.
        catalogue: its factors name the variables (``us.scenario.unemployment_rate``) and scale them to decimals.

    The rows of history are left out: :func:`supervisory_history` has them. In the order of their names.
    """
    told = _long(tables, catalogue).filter(pl.col("scenario") != HISTORY)
    found = []
    for key, part in told.sort("set", "scenario").group_by("set", "scenario", maintain_order=True):
        year, kind = str(key[0]), str(key[1])
        stated = part.filter(pl.col("value").is_not_null().any().over("variable"))
        found.append(
            from_table(
                stated.select("valid_time", "variable", "value", "unit"),
                name=f"{year}/{kind}",
                severity=_SEVERITIES.get(kind, ScenarioSeverity.ADVERSE),
                source=f"Board of Governors of the Federal Reserve System, supervisory scenarios {year}",
                period="P3M",
            )
        )
    return tuple(found)


def supervisory_history(tables: Iterable[pl.DataFrame], catalogue: Catalogue, *, scenario_set: str) -> pl.DataFrame:
    """The history that the Board publishes with a set (such as ``2025``), under the same names and in the same units as its scenarios.

    A long table, as :func:`~crfs.credit.scenarios.replay.replay` and the satellite models take it (``pivot`` makes it wide).
    """
    told = _long(tables, catalogue).filter((pl.col("scenario") == HISTORY) & (pl.col("set") == scenario_set))
    if told.is_empty():
        raise InvalidInput(f"the tables have no history of the set {scenario_set!r}", argument="scenario_set")
    return told.select("valid_time", "variable", "value", "unit").sort("variable", "valid_time")


def _long(tables: Iterable[pl.DataFrame], catalogue: Catalogue) -> pl.DataFrame:
    """One row a set, scenario, variable and quarter, in the engine's units."""
    parts = []
    for table in tables:
        absent = sorted({"entity", "valid_time"} - set(table.columns))
        if absent:
            raise InvalidInput(f"a table of supervisory scenarios has entity and valid_time; lacking: {', '.join(absent)}")
        named = table.with_columns(
            pl.col("entity").str.extract(r"^([^/]+)/([^/]+)/([^/]+)$", number).alias(part)
            for number, part in enumerate(("set", "scenario", "kind"), start=1)
        )
        wrong = named.filter(~pl.col("kind").is_in(list(DATASETS)) | pl.col("kind").is_null())
        if not wrong.is_empty():
            raise InvalidInput(f"the entity {wrong['entity'][0]!r} is no scenario; it is like 2025/severely_adverse/domestic")
        parts += [_of_kind(named.filter(pl.col("kind") == kind), DATASETS[kind], catalogue) for kind in DATASETS]
    told = [part for part in parts if not part.is_empty()]
    if not told:
        raise InvalidInput("there is no row of a supervisory scenario")
    return pl.concat(told)


def _of_kind(rows: pl.DataFrame, dataset: str, catalogue: Catalogue) -> pl.DataFrame:
    factors = [factor for factor in catalogue.factors.values() if factor.dataset == dataset and factor.column in rows.columns]
    parts: list[Any] = [
        rows.select(
            "set",
            "scenario",
            "valid_time",
            variable=pl.lit(factor.mnemonic),
            value=factor.value_of(rows[factor.column]),
            unit=pl.lit(factor.unit),
        )
        for factor in factors
    ]
    return pl.concat(parts) if parts else rows.clear()
