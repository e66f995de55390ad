"""Daily prices as traded, currencies, and the series of commodities and the economy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text, object_cells
from crfs.sources.core.tables import known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.units import of_expected_units
from crfs.sources.providers.alpha_vantage.cells import columns, dated, finished, known, plain

DAILY, FX, SERIES = "alpha_vantage_daily", "alpha_vantage_fx", "alpha_vantage_series"


def parse_daily(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Bars as traded, not adjusted for anything (``adjusted close`` is left out), known from New York's close."""
    return _bars(fields, DAILY, payload, catalogue, close=time(16, 0))


def parse_fx(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Currency pairs by day in UTC, units of the second for one of the first."""
    return _bars(fields, FX, payload, catalogue, close=None)


def _bars(fields: Mapping[str, Any], name: str, payload: Payload, catalogue: Catalogue, *, close: time | None) -> Parsed:
    about = fields.get("Meta Data")
    meta = {plain(key): value for key, value in about.items()} if isinstance(about, dict) else {}
    title, series = next((key, value) for key, value in fields.items() if key.startswith("Time Series") and isinstance(value, dict))
    if "Daily" not in title:
        return reject_all(RejectReason.UNSUPPORTED, f"{as_text(title)[:40]}: only daily bars are kept")
    entity = (
        _pair(meta, payload.parameters)
        if name == FX
        else as_text(meta.get("Symbol") or payload.parameters.get("symbol", "")).strip().upper()
    )
    if not entity:
        return reject_all(RejectReason.MISSING_FIELD, "neither Meta Data nor the url says whose prices these are")
    dataset = catalogue.dataset(name)
    bars = [
        {**{plain(key): cell for key, cell in bar.items()}, "date": day} if isinstance(bar, dict) else bar for day, bar in series.items()
    ]
    cells, refused = object_cells(bars, ("date", "close"), optional=("open", "high", "low", "volume"), what="a bar")
    wanted = {column: column for column in dataset.schema()}
    frame, rejected = columns(cells, dataset, wanted, [rejected_table(refused)])
    frame = dated(frame, "date", rejected).with_columns(entity=pl.lit(entity))
    rows = known(frame, dataset, payload.fetched_at)
    # Known by the rule, unless the fetch came before it: then the session was running, and its "close" the last price so far.
    running = pl.col("clipped")
    refreshed = _running_day(meta.get("Last Refreshed"), close)
    if refreshed is not None:
        running = running | (pl.col("_day") >= refreshed)
    rejected.append(rejected_where(rows, running, "close", RejectReason.UNSUPPORTED, "the session had not ended, so this is not its close"))
    return finished(rows.filter(~running), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def _running_day(refreshed: object, close: time | None) -> date | None:
    """The day on which the body was made, if it says a time of day before the close (None: the day's end); so it judges a late copy too."""
    try:
        moment = datetime.fromisoformat(refreshed.strip()) if isinstance(refreshed, str) and ":" in refreshed else None
    except ValueError:
        return None
    if moment is None or (close is not None and moment.time() >= close):
        return None
    return moment.date()


def _pair(meta: Mapping[str, Any], query: Mapping[str, str]) -> str:
    one, other = (as_text(meta.get(f"{side} Symbol") or query.get(f"{side.lower()}_symbol", "")).strip().upper() for side in ("From", "To"))
    return f"{one}/{other}" if one and other else ""


def series_entity(query: Mapping[str, str]) -> str:
    """The entity of a series, from what was asked.

    >>> series_entity({"function": "WTI", "interval": "daily"})
    'WTI:daily'
    """
    parts = [query.get(name, "") for name in ("function", "interval", "maturity")]
    return ":".join(part for part in parts if part)


def parse_series(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Values of a commodity's or the economy's series, named by what was asked; a saved file by its stream or its own name and interval."""
    own = ":".join(part for part in (as_text(fields.get("name")), as_text(fields.get("interval"))) if part)
    stream = payload.stream if ":" in payload.stream else ""
    entity = series_entity(payload.parameters) or stream or own
    if not entity:
        return reject_all(RejectReason.MISSING_FIELD, "neither the url nor the body says which series this is")
    dataset = catalogue.dataset(SERIES)
    cells, refused = object_cells(fields["data"], ("date", "value"), what="an observation")
    unit = as_text(fields.get("unit")).strip()
    frame, rejected = columns(cells, dataset, {"value": "value"}, [rejected_table(refused)])
    frame = dated(frame, "date", rejected).with_columns(
        entity=pl.lit(entity), unit=pl.when(pl.col("value").is_not_null()).then(pl.lit(unit or None, dtype=pl.String))
    )
    told = pl.DataFrame({"entity": [entity], "unit": [unit], "multiplier": [""]})
    frame, other = of_expected_units(frame, told, dataset, catalogue)
    rejected.append(other)
    rows = known_by_entity(frame, dataset, catalogue, payload.fetched_at)
    early = pl.col("valid_time") > pl.lit(payload.fetched_at.astimezone(UTC))
    rejected.append(rejected_where(rows, early, "date", RejectReason.OUT_OF_RANGE, "later than the fetch"))
    return finished(rows.filter(~early), dataset, catalogue, rejected, fetched_at=payload.fetched_at)
