"""How many defaulted in each period, by segment or pool, as it was known: what satellite models explain and correlations are estimated from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from crfs.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.scan import StoreReader


def default_counts(
    reader: StoreReader, *, defaults: str, obligors: str, segments: Sequence[str], known_by: datetime
) -> Mapping[str | None, pl.DataFrame]:
    """``valid_time`` (first day of a quarter), ``obligors`` that were not in default as it began, and ``defaults`` among them, in order; by
    segment, and under None of all.

    The last quarter is the last one whose every month's record of obligors was known. Records are of a month's end, so those of the month
    before say who was there.
    """
    import polars as pl

    for name in (defaults, obligors):
        if name not in reader.catalogue.datasets:
            raise InvalidInput(f"there is no dataset {name!r} for default rates; the satellite's rates name one that is defined")
    whole = periods_at_risk(reader, defaults=defaults, records=obligors, tags=["segment"], months=3, known_by=known_by)
    if whole is None:
        raise InvalidInput(
            f"the store knows no obligor in {obligors}, so there are no default rates to explain: crfs ingest bureau brings a simulated "
            "history; a stress of shocks of one's own needs none",
            argument="scenario",
        )
    return {None: counted(whole), **{name: counted(whole.filter(pl.col("segment") == name)) for name in segments}}


def periods_at_risk(
    reader: StoreReader, *, defaults: str, records: str, tags: Sequence[str], months: int, known_by: datetime, facilities: bool = False
) -> pl.DataFrame | None:
    """A row a period and obligor (or facility, of ``facilities``) that was not in default as the period of so many ``months`` began.

    ``entity``, ``period`` (its first day), the text columns ``tags`` as the period began, and ``struck``, 1 where it defaulted within the period,
    else null. ``records`` is the dataset of the months' ends: the record of the month before a period says who was there. Periods whose every
    month has been recorded by ``known_by`` are there, no later one. None where no record was known.
    """
    import polars as pl

    from crfs.bitemporal.resolve import as_of
    from crfs.workflows.spines import defaults_known

    known = as_of(reader.rows(records, columns=[*tags, "in_default"], known_by=known_by), as_of=known_by)
    if known.is_empty():
        return None
    newest = known["valid_time"].max()
    every = f"{months}mo"
    at_risk = known.filter((pl.col("in_default") == 0) & (pl.col("valid_time").dt.month() % months == 0)).select(
        *tags, "entity", period=pl.col("valid_time").dt.offset_by("1mo").dt.truncate(every)
    )
    if facilities:
        events = as_of(reader.rows(defaults, columns=["status"], known_by=known_by), as_of=known_by)
        events = events.filter(pl.col("row_state").cast(pl.String) == "value").select("entity", default_time="valid_time")
    else:
        events = defaults_known(reader, {"defaults": defaults}, known_by=known_by).rename({"obligor_id": "entity"})
    struck = events.select("entity", period=pl.col("default_time").dt.truncate(every), struck=pl.lit(1)).unique()
    last = pl.col("period").dt.offset_by(f"{months - 1}mo")
    return at_risk.join(struck, on=["entity", "period"], how="left").filter(last <= newest)


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Of rows of :func:`periods_at_risk`: ``valid_time`` (first day of a period), ``obligors`` at risk and ``defaults`` among them, in order."""
    import polars as pl

    sums = rows.group_by("period").agg(pl.len().cast(pl.Int64).alias("obligors"), pl.col("struck").sum().cast(pl.Int64).alias("defaults"))
    return sums.sort("period").select(pl.col("period").dt.date().alias("valid_time"), "obligors", "defaults")
