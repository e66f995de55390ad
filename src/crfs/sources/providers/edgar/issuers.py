"""Who the issuers are: the description in ``submissions``, and the list of tickers. Both say what is so now, and are known from the fetch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text, object_cells
from crfs.sources.core.tables import accept, rejected_table
from crfs.sources.providers.edgar.answers import entity

ISSUERS, TICKERS = "edgar_issuers", "edgar_tickers"
_TEXTS = {
    "name": "name", "sic": "sic", "sicDescription": "industry", "entityType": "entity_type", "category": "filer_category",
    "stateOfIncorporation": "state", "fiscalYearEnd": "fiscal_year_end", "lei": "lei",
}  # fmt: skip


def _clocks(payload: Payload) -> dict[str, pl.Expr]:
    """A description is valid on the day of its fetch, and known from it (it may have been so before: ``clipped``)."""
    day = payload.fetched_at.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "valid_time": pl.lit(day),
        "knowledge_time": pl.lit(payload.fetched_at),
        "knowledge_basis": pl.lit("observed"),
        "clipped": pl.lit(True),
    }


def described(fields: Mapping[str, Any], issuer: str, payload: Payload, catalogue: Catalogue) -> Parsed:
    """The row of ``edgar_issuers``; an empty text is null."""
    row = {ours: as_text(fields.get(name)).removeprefix("<br>").strip() or None for name, ours in _TEXTS.items()}
    for name in ("tickers", "exchanges"):
        given = fields.get(name)
        listed = [as_text(item) for item in given if item] if isinstance(given, list) else []
        row[name] = ",".join(listed) or None
    if row["name"] is None:
        return Parsed(tables={}, rejected=rejected_table([(None, "name", RejectReason.MISSING_FIELD, "the issuer has no name")]))
    frame = pl.DataFrame([{"row": 1, "entity": issuer, **row}], schema_overrides=dict.fromkeys(row, pl.String()))
    accepted, rejected = accept(
        frame.with_columns(**_clocks(payload)), catalogue.dataset(ISSUERS), catalogue, fetched_at=payload.fetched_at
    )
    return Parsed(tables={ISSUERS: accepted} if accepted.height else {}, rejected=rejected)


def parse_tickers(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of ``edgar_tickers``, one a ticker: an issuer has as many as it has share classes."""
    table, bad = object_cells(fields.values(), ("cik_str", "ticker", "title"), what="a ticker")
    keys = [entity(int(cik)) if cik.isascii() and cik.isdigit() and len(cik) <= 10 else None for cik in table["cik_str"]]
    frame = table.with_columns(entity=pl.col("ticker").str.strip_chars(), cik=pl.Series(keys, dtype=pl.String), name=pl.col("title"))
    no_key = frame.filter(pl.col("cik").is_null())
    bad += [
        (row, "cik_str", RejectReason.NOT_A_NUMBER, f"no central index key: {text[:80]!r}")
        for row, text in no_key.select("row", "cik_str").rows()
    ]
    good = frame.filter(pl.col("cik").is_not_null()).with_columns(**_clocks(payload))
    accepted, rejected = accept(good, catalogue.dataset(TICKERS), catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={TICKERS: accepted} if accepted.height else {},
        rejected=pl.concat([rejected_table(bad), rejected]).sort("row", maintain_order=True),
    )
