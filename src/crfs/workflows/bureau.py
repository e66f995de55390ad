"""The simulated bureau as a source: its economy is read from the store, its deliveries are ingested like any provider's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crfs.errors import NotYetKnown
from crfs.workflows.ingest_report import IngestReport
from crfs.workflows.ingestion import ingest
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.reader import Reader
    from crfs.credit.catalogue import Catalogue
    from crfs.sources.providers.bureau import BureauSpec


def economy_of(reader: Reader, catalogue: Catalogue) -> pl.DataFrame:
    """What happened in the economy, a row a month: ``month``, ``unemployment_rate`` and ``credit_spread``, decimals.

    It is the world's truth, so the newest vintage is read whatever was known when; a quarter's unemployment holds for its three months.
    """
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    def series(mnemonic: str) -> pl.DataFrame:
        factor = catalogue.factor(mnemonic)
        rows = as_of(reader.rows(factor.dataset, columns=[factor.column], entities=[str(factor.entity)]))
        if rows.is_empty():
            raise NotYetKnown(f"the bureau is driven by {mnemonic}, and the store has none: crfs ingest packaged brings it")
        return rows.select(month=pl.col("valid_time").dt.date(), value=factor.value_of(pl.col(factor.column))).sort("month")

    spread = series("us.credit_spread_baa_aaa").rename({"value": "credit_spread"})
    quarterly = series("us.unemployment_rate_quarterly").rename({"value": "unemployment_rate"})
    monthly = pl.concat(quarterly.with_columns(pl.col("month").dt.offset_by(f"{offset}mo")) for offset in range(3))
    # A month that one of them lacks stays, so that an error names the series that is short.
    return spread.join(monthly, on="month", how="full", coalesce=True).select("month", "unemployment_rate", "credit_spread").sort("month")


def ingest_bureau(session: Session, spec: BureauSpec, *, progress: Progress = no_progress) -> IngestReport:
    """Simulate a bureau in the economy that the store knows, and ingest its deliveries."""
    from crfs.sources.core import Query

    reader = session.reader(session.pin().batch_id)
    query = Query(options={"spec": spec, "macro": economy_of(reader, reader.catalogue)})
    return ingest(session, "bureau", query, progress=progress)
