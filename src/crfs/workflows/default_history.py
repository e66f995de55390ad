"""How many obligors defaulted in each quarter, by segment, as it was known: what satellite models explain."""

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

    from crfs.bitemporal.resolve import as_of
    from crfs.workflows.spines import defaults_known

    for name in (defaults, obligors):
        if name not in reader.catalogue.datasets:
            raise InvalidInput(f"there is no dataset {name!r} for default rates; the satellite's rates name one that is defined")
    records = as_of(reader.rows(obligors, columns=["segment", "in_default"], known_by=known_by), as_of=known_by)
    if records.is_empty():
        raise InvalidInput(
            f"the store knows no obligor in {obligors}, so there are no default rates to explain: crfs ingest bureau brings a simulated "
            "history; or give the shocks themselves",
            argument="scenario",
        )
    newest = records["valid_time"].max()
    at_risk = records.filter((pl.col("in_default") == 0) & (pl.col("valid_time").dt.month() % 3 == 0)).select(
        "segment", obligor_id="entity", quarter=pl.col("valid_time").dt.offset_by("1mo").dt.truncate("1q")
    )
    events = defaults_known(reader, {"defaults": defaults}, known_by=known_by)
    struck = events.select("obligor_id", quarter=pl.col("default_time").dt.truncate("1q"), struck=pl.lit(1)).unique()
    whole = at_risk.join(struck, on=["obligor_id", "quarter"], how="left").filter(pl.col("quarter").dt.offset_by("2mo") <= newest)

    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        sums = rows.group_by("quarter").agg(
            pl.len().cast(pl.Int64).alias("obligors"), pl.col("struck").sum().cast(pl.Int64).alias("defaults")
        )
        return sums.sort("quarter").select(pl.col("quarter").dt.date().alias("valid_time"), "obligors", "defaults")

    return {None: counted(whole), **{name: counted(whole.filter(segment=name)) for name in segments}}
