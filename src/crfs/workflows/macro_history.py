"""Macro history by quarters, as it was known: what scenarios start from, and what default rates are explained by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput
from crfs.workflows.times import as_told

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.scan import StoreReader

LONGEST_GAP = 8
"""For how many quarters a last known value may go on until a scenario starts; in two years a macro variable is elsewhere."""
_ANSWERS_FOR = Tenor(months=12)
"""How long after its quarter a macro value answers whose factor does not say."""
_CARRIED = ("variable", "value", "unit")
_DOMESTIC, _INTERNATIONAL = "fed_scenario_domestic", "fed_scenario_international"


def macro_history(reader: StoreReader, variables: Iterable[str], *, known_by: datetime) -> pl.DataFrame:
    """A long table of whole quarters: ``valid_time``, ``variable``, ``value`` (the mean of the quarter's values) and ``unit``.

    ``variables`` are factors with one fixed entity; those of which nothing was known are left out. A quarter counts once it is over and,
    where values come by the month, has all three.
    """
    import polars as pl

    parts = [_quarters(reader, name, known_by) for name in sorted(set(variables))]
    schema = {"valid_time": pl.Date, "variable": pl.String, "value": pl.Float64, "unit": pl.String}
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def is_history(reader: StoreReader, variable: str) -> bool:
    """Whether a variable is a factor of which the store may have a history by itself."""
    factor = reader.catalogue.factors.get(variable)
    return factor is not None and isinstance(factor.entity, str) and factor.dataset not in {_DOMESTIC, _INTERNATIONAL}


def last_known(history: pl.DataFrame) -> tuple[dict[str, float], date | None]:
    """The first quarter of which not every variable is known (None where nothing is), and the last value of each up to that quarter."""
    import polars as pl

    if history.is_empty():
        return {}, None
    newest = history.group_by("variable").agg(pl.col("valid_time").max())
    start: date = newest.select(pl.col("valid_time").min().dt.offset_by("3mo")).item()
    return values_at(history, start), start


def values_at(history: pl.DataFrame, start: date) -> dict[str, float]:
    """The last value of each variable up to the quarter that begins at ``start``, itself among them."""
    import polars as pl

    told = history.filter(pl.col("valid_time") <= start).sort("variable", "valid_time")
    return dict(told.group_by("variable", maintain_order=True).last().select("variable", "value").iter_rows())


def carried_to(history: pl.DataFrame, start: date) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The history with the last value of each variable going on until the quarter before ``start``, and what a reader must know of that.

    A variable that would have to go on for more than :data:`LONGEST_GAP` quarters is refused: its last value says nothing of that time.
    """
    import polars as pl

    from crfs.credit.scenarios.scenario import QUARTER, period_starts

    parts, notes = [history], []
    for key, part in history.group_by("variable", maintain_order=True):
        last = part.sort("valid_time").row(-1, named=True)
        months = (start.year - last["valid_time"].year) * 12 + start.month - last["valid_time"].month
        missing = period_starts(last["valid_time"], QUARTER, max(months // 3, 1))[1:]
        if not missing:
            continue
        said = f"{key[0]} is known up to the quarter from {last['valid_time']}"
        if len(missing) > LONGEST_GAP:
            latest = period_starts(last["valid_time"], QUARTER, LONGEST_GAP + 2)[-1]
            raise InvalidInput(
                f"the scenario starts on {start}, and {said}: {len(missing)} quarters lie between, and a last value is taken to go on for "
                f"{LONGEST_GAP} at most. Bring newer values by crfs ingest, or let the scenario start by {latest}",
                argument="scenario",
            )
        parts.append(pl.DataFrame({"valid_time": list(missing)}).select("valid_time", **{name: pl.lit(last[name]) for name in _CARRIED}))
        lasts = f"for {len(missing)} quarters, until" if len(missing) > 1 else "for a quarter, until"
        notes.append(f"{said}; its last value is taken to go on {lasts} the scenario starts on {start}")
    return pl.concat(parts).sort("variable", "valid_time"), tuple(notes)


def passed_over(history: pl.DataFrame, start: date) -> tuple[str, ...]:
    """That a scenario which starts at ``start`` stands in place of quarters in which every variable of the history is known; none where it does not.

    Such a start may be meant, as where a time that is over is played through; that nothing known since then counts is told.
    """
    from crfs.credit.scenarios.scenario import QUARTER, period_starts

    _, first = last_known(history)
    if first is None or start >= first:
        return ()
    quarters = ((first.year - start.year) * 12 + first.month - start.month + 2) // 3
    last = period_starts(start, QUARTER, max(quarters, 1))[-1]
    span = f"the quarters from {start} to that from {last} are" if quarters > 1 else f"the quarter from {start} is"
    return (
        f"the scenario starts on {start}, and its variables are known beyond that: {span} known, and the scenario stands in place of what is known; "
        f"let it start on {first} (or leave start out, where it may be) to go on from the last known values, or ask as of (--as-of) that time",
    )


def last_quarters(history: pl.DataFrame, start: date) -> dict[str, date]:
    """The quarter, by its first day, of the last value of each variable up to the quarter that begins at ``start``."""
    import polars as pl

    told = history.filter(pl.col("valid_time") <= start).group_by("variable").agg(pl.col("valid_time").max()).sort("variable")
    return dict(told.iter_rows())


def newest_quarters(history: pl.DataFrame) -> dict[str, date]:
    """The last quarter, by its first day, in which each variable is known."""
    import polars as pl

    return dict(history.group_by("variable").agg(pl.col("valid_time").max()).sort("variable").iter_rows())


def age_notes(
    reader: StoreReader, last: Mapping[str, date], *, known_by: datetime, newest: Mapping[str, date] | None = None
) -> tuple[str, ...]:
    """That the last known values of some variables are old, with the age of each; none where all still answer.

    ``last`` has the first day of the quarter that each is taken of, ``newest`` that of the last one known, where variables start together: the
    note says which of them the others wait for. A value answers for its factor's ``max_age`` after its quarter, as in training sets, and of
    what is quoted by the day until another quarter may be over.
    """
    from crfs.credit.scenarios.scenario import QUARTER

    farther = {name for name, day in last.items() if newest is not None and newest.get(name, day) > day}
    old = []
    for variable, day in sorted(last.items()):
        factor = reader.catalogue.factors.get(variable)
        end = QUARTER.after(datetime.combine(day, time(), UTC))
        answers = (factor.max_age if factor is not None else None) or _ANSWERS_FOR
        if variable not in farther and known_by > max(answers.after(end), QUARTER.after(end)):
            old.append(f"{variable} is of the quarter from {day}, which ended {(known_by - end).days / 365.25:.1f} years before")
    if not old:
        return ()
    waits = f"; {_waiting(farther, last, newest)}" if newest is not None and farther else ""
    ways = "crfs ingest brings newer ones, or ask as of (--as-of) an earlier time"
    return (f"the last known macro values are old: as of {as_told(known_by)}, {', '.join(old)}{waits}; {ways}",)


def _waiting(farther: Set[str], last: Mapping[str, date], newest: Mapping[str, date]) -> str:
    """Which variables are known farther than the quarter that they are taken of, and which ones they wait for."""
    first = min(newest.values())
    ending = " and ".join(name for name, day in sorted(newest.items()) if day == first)
    alike: dict[tuple[date, date], list[str]] = {}
    for name in sorted(farther):
        alike.setdefault((newest[name], last[name]), []).append(name)
    told = [
        f"{' and '.join(names)}, known up to the quarter from {known}, {'are' if len(names) > 1 else 'is'} taken of that from {taken}"
        for (known, taken), names in alike.items()
    ]
    return f"all start together, where {ending} end{'' if ' and ' in ending else 's'}: {', '.join(told)}"


def supervisory_tables(reader: StoreReader, *, known_by: datetime) -> list[pl.DataFrame]:
    """The rows of the Federal Reserve's scenarios as they were known, a table a dataset that has any."""
    from crfs.bitemporal.resolve import as_of

    tables = [
        as_of(reader.rows(name, known_by=known_by), as_of=known_by)
        for name in (_DOMESTIC, _INTERNATIONAL)
        if name in reader.catalogue.datasets
    ]
    return [table for table in tables if not table.is_empty()]


def supervisory_quarters(reader: StoreReader, scenario_set: str | None, *, known_by: datetime) -> pl.DataFrame:
    """The history that the Federal Reserve published with a set of scenarios; None: the newest set that has one."""
    import polars as pl

    from crfs.credit.scenarios import supervisory_history

    tables = supervisory_tables(reader, known_by=known_by)
    found = sorted({name.split("/")[0] for table in tables for name in table["entity"].to_list() if "/historic/" in name})
    chosen = scenario_set if scenario_set is not None else (found[-1] if found else None)
    if chosen is None or chosen not in found:
        raise InvalidInput(
            f"the store has no history of the supervisory scenarios{'' if chosen is None else f' {chosen}'}; crfs ingest federal_reserve brings it",
            argument="scenario",
        )
    history = supervisory_history(tables, reader.catalogue, scenario_set=chosen).drop_nulls("value")
    return history.with_columns(pl.col("valid_time").cast(pl.Date))


def _quarters(reader: StoreReader, mnemonic: str, known_by: datetime) -> pl.DataFrame:
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    factor = reader.catalogue.factors[mnemonic]
    rows = as_of(reader.rows(factor.dataset, columns=[factor.column], entities=[str(factor.entity)], known_by=known_by), as_of=known_by)
    values = rows.select("valid_time", value=factor.value_of(rows[factor.column])).drop_nulls().sort("valid_time")
    months = reader.catalogue.dataset(factor.dataset).period.months
    least = 3 // months if months in {1, 3} else 1
    quarters = (
        values.group_by(valid_time=pl.col("valid_time").dt.truncate("1q"), maintain_order=True)
        .agg(pl.col("value").mean(), pl.len().alias("count"))
        .filter((pl.col("count") >= least) & (pl.col("valid_time").dt.offset_by("3mo") <= known_by))
    )
    return quarters.select(pl.col("valid_time").dt.date(), variable=pl.lit(mnemonic), value="value", unit=pl.lit(factor.unit))


def variables_of(tables: Iterable[Mapping[str, object]]) -> set[str]:
    """The variables of which scenario tables ask for history: those of a replay, those that are held, and those of paths that do not say when they start."""
    found: set[str] = set()
    for table in tables:
        for kind in ("replay", "hold"):
            told = table.get(kind)
            if isinstance(told, Mapping):
                found |= {name for name in [*(told.get("variables") or ()), *(told.get("today") or ())] if isinstance(name, str)}
        paths = table.get("path")
        if isinstance(paths, list) and "start" not in table:
            named = [path.get("variable") for path in paths if isinstance(path, Mapping)]
            found |= {name for name in named if isinstance(name, str)}
    return found


def leans_on_last_known(table: Mapping[str, object]) -> bool:
    """Whether a scenario table goes on from the last known values of a store, or starts where they end."""
    told = next((table[kind] for kind in ("replay", "hold") if kind in table), None)
    if "path" in table:
        return "start" not in table
    return isinstance(told, Mapping) and ("variables" in told or "start" not in table)
