"""Figures of companies: snapshots, statements, earnings and what analysts expect, dividends, the calendar, the lists of symbols.

Statements are restated without a trace and have no publication date, so they are known from the fetch; earnings have ``reportedDate``,
dividends ``declaration_date``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from crfs.bitemporal.release import vintage_instants
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition
from crfs.sources.core.articles import filled
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text
from crfs.sources.core.tables import reject_all, rejected_table, rejected_where
from crfs.sources.core.text import iso_date, read_delimited
from crfs.sources.providers.alpha_vantage.cells import (
    NEW_YORK,
    camel,
    columns,
    dated,
    finished,
    known,
    on,
    plain,
    records,
    together,
)

OVERVIEW = "alpha_vantage_overview"
EARNINGS, ANNUAL_EARNINGS = "alpha_vantage_earnings", "alpha_vantage_earnings_annual"
ESTIMATES, ANNUAL_ESTIMATES = "alpha_vantage_estimates", "alpha_vantage_estimates_annual"
DIVIDENDS, CALENDAR = "alpha_vantage_dividends", "alpha_vantage_earnings_calendar"
LISTING, SYMBOLS = "alpha_vantage_listing", "alpha_vantage_symbols"
STATEMENTS = {
    "totalAssets": "alpha_vantage_balance",
    "operatingCashflow": "alpha_vantage_cash_flow",
    "totalRevenue": "alpha_vantage_income",
}
"""The field that tells a statement's kind, in the order in which it is looked for (a cash flow has a net income too)."""
_OVERVIEW = {
    "Name": "name", "Exchange": "exchange", "Country": "country", "Sector": "sector", "Industry": "industry", "Currency": "currency",
    "CIK": "cik", "LatestQuarter": "latest_quarter", "MarketCapitalization": "market_cap", "EBITDA": "ebitda", "RevenueTTM": "revenue_ttm",
    "GrossProfitTTM": "gross_profit_ttm", "EPS": "eps", "BookValue": "book_value", "DividendPerShare": "dividend_per_share",
    "ProfitMargin": "profit_margin", "OperatingMarginTTM": "operating_margin_ttm", "ReturnOnAssetsTTM": "return_on_assets_ttm",
    "ReturnOnEquityTTM": "return_on_equity_ttm", "PERatio": "pe_ratio", "PriceToBookRatio": "price_to_book",
    "EVToRevenue": "ev_to_revenue", "EVToEBITDA": "ev_to_ebitda", "Beta": "beta", "52WeekHigh": "high_52_weeks",
    "52WeekLow": "low_52_weeks", "SharesOutstanding": "shares_outstanding", "SharesFloat": "shares_float",
}  # fmt: skip
_EARNINGS = {
    "reportedEPS": "reported_eps",
    "estimatedEPS": "estimated_eps",
    "surprise": "surprise",
    "surprisePercentage": "surprise_percent",
    "reportTime": "report_time",
}
_CALENDAR = {
    "name": "name",
    "reportDate": "report_date",
    "estimate": "estimate",
    "currency": "currency",
    "timeOfTheDay": "time_of_day",
}
_LISTING = {
    "name": "name",
    "exchange": "exchange",
    "assetType": "asset_type",
    "delistingDate": "delisting_date",
    "status": "status",
}
_SYMBOLS = {"name": "name", "type": "type", "region": "region", "currency": "currency"}


def parse_overview(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """A company as it stands at the fetch: valid on the day of the fetch in New York; the quarter of its figures is ``latest_quarter``."""
    dataset = catalogue.dataset(OVERVIEW)
    frame, rejected = records([fields], dataset, _OVERVIEW, needed=("Symbol",), what="an overview")
    frame = on(frame.with_columns(entity=_symbol("Symbol")), payload.fetched_at)
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def parse_statements(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Annual and quarterly statements of one kind; a row is valid from the first day of the period that ends on ``fiscalDateEnding``."""
    lists = {name: fields[name] for name in ("annualReports", "quarterlyReports") if isinstance(fields.get(name), list)}
    present: set[str] = set()
    for reports in lists.values():
        for report in reports:
            present.update(report if isinstance(report, dict) else ())
    base = next((name for mark, name in STATEMENTS.items() if mark in present), None)
    if base is None:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, f"reports without {', '.join(STATEMENTS)}: none of the three statements")
    symbol = _company(fields, payload)
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "the statements do not say whose they are")
    parts = []
    for name, reports in lists.items():
        dataset = catalogue.dataset(f"{base}_annual" if name == "annualReports" else base)
        wanted = {camel(column): column for column in dataset.schema()}
        frame, rejected = records(reports, dataset, wanted, needed=("fiscalDateEnding",), what="a report")
        frame = dated(frame, "fiscalDateEnding", rejected, months=dataset.period.months).with_columns(entity=pl.lit(symbol))
        frame = _only_with_figures(frame, dataset, "reported_currency")
        parts.append(finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at))
    return together(parts)


def parse_earnings(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Earnings a share by fiscal quarter, known from the end of ``reportedDate`` in New York, and by fiscal year, known from the fetch."""
    symbol = _company(fields, payload)
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "the earnings do not say whose they are")
    parts = []
    quarters = fields.get("quarterlyEarnings")
    if isinstance(quarters, list):
        dataset = catalogue.dataset(EARNINGS)
        needed = ("fiscalDateEnding", "reportedDate", "reportedEPS")
        frame, rejected = records(quarters, dataset, _EARNINGS, needed=needed, what="a quarter's earnings")
        frame = dated(frame, "fiscalDateEnding", rejected, months=3).with_columns(entity=pl.lit(symbol))
        frame = _only_with_figures(frame, dataset, "report_time")
        parts.append(finished(_told(frame, "reportedDate", dataset, payload), dataset, catalogue, rejected, fetched_at=payload.fetched_at))
    years = fields.get("annualEarnings")
    if isinstance(years, list):
        dataset = catalogue.dataset(ANNUAL_EARNINGS)
        frame, rejected = records(
            years, dataset, {"reportedEPS": "reported_eps"}, needed=("fiscalDateEnding", "reportedEPS"), what="a year's earnings"
        )
        frame = dated(frame, "fiscalDateEnding", rejected, months=12).with_columns(entity=pl.lit(symbol))
        parts.append(finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at))
    return together(parts)


def parse_estimates(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """What analysts expect of fiscal quarters and years, as of the fetch."""
    symbol = _company(fields, payload)
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "the estimates do not say whose they are")
    dataset = catalogue.dataset(ESTIMATES)
    wanted = {column: column for column in dataset.schema()}
    read, rejected = records(fields["estimates"], dataset, wanted, needed=("date", "horizon"), what="an estimate")
    horizon = pl.col("horizon").str.to_lowercase()
    is_quarter = horizon.str.contains("quarter", literal=True)
    is_year = ~is_quarter & horizon.str.contains("year", literal=True)
    unknown = rejected_where(read, ~is_quarter & ~is_year, "horizon", RejectReason.UNSUPPORTED, "neither a quarter nor a year")
    parts = [Parsed(tables={}, rejected=pl.concat([*rejected, unknown]))]
    for name, own, months in ((ESTIMATES, is_quarter, 3), (ANNUAL_ESTIMATES, is_year, 12)):
        refused: list[pl.DataFrame] = []
        frame = dated(read.filter(own), "date", refused, months=months).with_columns(entity=pl.lit(symbol))
        parts.append(
            finished(
                known(frame, catalogue.dataset(name), payload.fetched_at),
                catalogue.dataset(name),
                catalogue,
                refused,
                fetched_at=payload.fetched_at,
            )
        )
    return together(parts)


def parse_dividends(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Dividends as paid (not adjusted for splits) by ex-date; known from the end of ``declaration_date``, else from the ex-date's morning."""
    symbol = _company(fields, payload)
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "the dividends do not say whose they are")
    dataset = catalogue.dataset(DIVIDENDS)
    wanted = {"amount": "amount", "record_date": "record_date", "payment_date": "payment_date"}
    frame, rejected = records(
        fields["data"],
        dataset,
        {**wanted, "declaration_date": "declaration_date"},
        needed=("ex_dividend_date", "amount"),
        what="a dividend",
    )
    no_amount = rejected_where(
        frame, pl.col("amount").is_null(), "amount", RejectReason.MISSING_FIELD, "no amount", shown="ex_dividend_date"
    )
    rejected.append(no_amount)
    frame = dated(frame.filter(pl.col("amount").is_not_null()), "ex_dividend_date", rejected).with_columns(entity=pl.lit(symbol))
    return finished(_told(frame, "declaration_date", dataset, payload), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def parse_calendar(payload: Payload, catalogue: Catalogue) -> Parsed:
    """When companies are expected to report, by fiscal quarter: a date that moves is a new version."""
    read = _csv(payload, "symbol", "fiscalDateEnding", "reportDate")
    if isinstance(read, Parsed):
        return read
    cells, refused = read
    dataset = catalogue.dataset(CALENDAR)
    frame, rejected = columns(cells, dataset, {name: ours for name, ours in _CALENDAR.items() if name in cells.columns}, [refused])
    frame = dated(frame, "fiscalDateEnding", rejected, months=3).with_columns(entity=_symbol("symbol"))
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def parse_listing(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Listed and delisted symbols, each valid from its first day of trading; what changes (a delisting) is a new version."""
    read = _csv(payload, "symbol", "ipoDate")
    if isinstance(read, Parsed):
        return read
    cells, refused = read
    dataset = catalogue.dataset(LISTING)
    frame, rejected = columns(cells, dataset, {name: ours for name, ours in _LISTING.items() if name in cells.columns}, [refused])
    frame = dated(frame, "ipoDate", rejected).with_columns(entity=_symbol("symbol"))
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def parse_currencies(payload: Payload, catalogue: Catalogue) -> Parsed:
    """The list of currencies that Alpha Vantage has, as symbols."""
    read = _csv(payload, "currency code", "currency name")
    if isinstance(read, Parsed):
        return read
    cells, refused = read
    dataset = catalogue.dataset(SYMBOLS)
    frame, rejected = columns(cells, dataset, {"currency name": "name"}, [refused])
    frame = frame.with_columns(entity=_symbol("currency code"), type=pl.lit("Currency"))
    return finished(
        known(on(frame, payload.fetched_at), dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at
    )


def parse_symbols(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """What a search for symbols found."""
    dataset = catalogue.dataset(SYMBOLS)
    matches = [{plain(key): value for key, value in match.items()} if isinstance(match, dict) else match for match in fields["bestMatches"]]
    frame, rejected = records(matches, dataset, _SYMBOLS, needed=("symbol",), what="a match")
    frame = on(frame.with_columns(entity=_symbol("symbol")), payload.fetched_at)
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def _told(frame: pl.DataFrame, name: str, dataset: DatasetDefinition, payload: Payload) -> pl.DataFrame:
    """``frame`` with its clocks: from the end of the day in ``name`` in New York; without one, or before it, as the dataset's rule says."""
    day = pl.col(name) if frame.schema[name] == pl.Date() else iso_date(pl.col(name).str.strip_chars().str.slice(0, 10))
    days = frame.select(pl.when(day.dt.year().is_between(1800, 2198)).then(day).alias("day"))["day"]
    told = vintage_instants(days, NEW_YORK)
    ruled = known(frame, dataset, payload.fetched_at)
    use = pl.Series(told <= payload.fetched_at).fill_null(False)
    return ruled.with_columns(
        knowledge_time=pl.when(use).then(told).otherwise(pl.col("knowledge_time")).cast(INSTANT),
        knowledge_basis=pl.when(use).then(pl.lit("observed", dtype=ruled.schema["knowledge_basis"])).otherwise(pl.col("knowledge_basis")),
        vintage_date=pl.when(use).then(days),
        clipped=pl.col("clipped") & ~use,
    )


def _only_with_figures(frame: pl.DataFrame, dataset: DatasetDefinition, about: str) -> pl.DataFrame:
    """``frame`` with ``about`` null where there is no figure beside it, so that such a row is ``missing``."""
    there = [name for name in dataset.schema() if name != about and name in frame.columns]
    if about not in frame.columns:
        return frame
    given = pl.any_horizontal(pl.col(name).is_not_null() for name in there)
    return frame.with_columns(pl.when(given).then(pl.col(about)).alias(about))


def _company(fields: Mapping[str, Any], payload: Payload) -> str:
    return as_text(fields.get("symbol") or payload.parameters.get("symbol", "")).strip().upper()


def _symbol(name: str) -> pl.Expr:
    return filled(name).str.to_uppercase()


def _csv(payload: Payload, *needed: str) -> tuple[pl.DataFrame, pl.DataFrame] | Parsed:
    text = read_delimited(payload.body)
    if text.problem is not None:
        return reject_all(*text.problem)
    absent = [name for name in needed if name not in text.header]
    if absent:
        return reject_all(RejectReason.MISSING_FIELD, f"the table has no column {absent[0]!r}")
    return text.table, rejected_table(text.rejected)
