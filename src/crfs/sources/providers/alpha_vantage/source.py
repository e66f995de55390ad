"""Alpha Vantage as a source: what is asked, in which order, and which parser reads which answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport
from crfs.sources.core.pages import pages, with_params
from crfs.sources.core.tables import reject_all
from crfs.sources.providers.alpha_vantage import answers, companies, news, prices

API = "https://www.alphavantage.co/query"
MOST_ARTICLES = 1000
COMPACT_DAYS = 100
"""Calendar days that the last 100 sessions (``outputsize=compact``) cover for certain."""
_MATURITIES = ("TREASURY_YIELD",)
_COMPANY = (
    "OVERVIEW", "INCOME_STATEMENT", "BALANCE_SHEET", "CASH_FLOW", "EARNINGS", "EARNINGS_ESTIMATES", "DIVIDENDS",
)  # fmt: skip
_COMMODITIES = ("WTI", "BRENT", "NATURAL_GAS", "COPPER", "ALUMINUM", "WHEAT", "CORN", "COTTON", "SUGAR", "COFFEE", "ALL_COMMODITIES")
_ECONOMY = (
    "REAL_GDP", "REAL_GDP_PER_CAPITA", "TREASURY_YIELD", "FEDERAL_FUNDS_RATE", "CPI", "INFLATION", "RETAIL_SALES", "DURABLES",
    "UNEMPLOYMENT", "NONFARM_PAYROLL",
)  # fmt: skip
_ByFields = Callable[[Mapping[str, Any], Payload, Catalogue], Parsed]
_BY_FIELDS: Mapping[str, _ByFields] = {
    "daily": prices.parse_daily,
    "fx": prices.parse_fx,
    "series": prices.parse_series,
    "overview": companies.parse_overview,
    "statements": companies.parse_statements,
    "earnings": companies.parse_earnings,
    "estimates": companies.parse_estimates,
    "dividends": companies.parse_dividends,
    "symbols": companies.parse_symbols,
    "news": news.parse_news,
    "transcript": news.parse_transcript,
}
_BY_TABLE: Mapping[str, Callable[[Payload, Catalogue], Parsed]] = {
    "calendar": companies.parse_calendar,
    "listing": companies.parse_listing,
    "currencies": companies.parse_currencies,
}
_PROVIDER = Provider(
    title="Alpha Vantage",
    limits=(Limit(5, 60.0), Limit(25, 86_400.0)),
    quota_zone="America/New_York",
    key_parameter="apikey",
    needs_key=True,
    key_page="www.alphavantage.co/support/#api-key",
    attempts=3,
    retry_wait_seconds=15.0,
    terms="Personal, non-commercial use of the free key; data may not be redistributed without a licence.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaVantage:
    """The source ``alpha_vantage``; the series of a query are FUNCTION:WHAT.

    ``IBM`` or ``TIME_SERIES_DAILY:IBM``, ``FX_DAILY:EUR/USD``, ``OVERVIEW:IBM`` (and the other functions about a company),
    ``NEWS_SENTIMENT:AAPL``, ``EARNINGS_CALENDAR`` or ``EARNINGS_CALENDAR:IBM``, ``LISTING_STATUS`` or ``LISTING_STATUS:delisted``,
    ``EARNINGS_CALL_TRANSCRIPT:IBM:2024Q1``, ``SYMBOL_SEARCH:words``, ``WTI:daily``, ``TREASURY_YIELD:monthly:10year``.
    """

    name: str = "alpha_vantage"
    parser_version: str = "4"
    hosts: tuple[str, ...] = ("www.alphavantage.co",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A company's last prices and one commodity: two of the 25 requests of a day."""
        return {"daily prices": Query(series=("TIME_SERIES_DAILY:IBM",)), "a commodity": Query(series=("WTI:daily",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """An answer for each series; without series those of the catalogue's factors. News come in pages of 1,000 articles.

        Dates bound news only: every other function gives all that it has, and daily prices the last 100 sessions where these reach back to
        ``since`` (``outputsize=full`` is a premium function).
        """
        for series in query.series or _of_catalogue(catalogue):
            request = _request(series, query, transport)
            if ("function", "NEWS_SENTIMENT") in request.params:
                yield from pages(request, _more_news, transport)
            else:
                yield transport.send(request)

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.alpha_vantage.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows by the kind of data that the body has, whatever its url says. The provider's words are not repeated: they may hold a key."""
        answer = answers.look(payload.body)
        if (other := answers.other_series(answer, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        kind = answer.kind or "nothing"
        if kind in _BY_TABLE:
            return _BY_TABLE[kind](payload, catalogue)
        if kind in _BY_FIELDS:
            return _BY_FIELDS[kind](answer.fields, payload, catalogue)
        reason = RejectReason.UNEXPECTED_SHAPE if answer.problem is None or answer.fields else RejectReason.MALFORMED
        return reject_all(reason, answer.problem or "words in place of data: an error, a limit, or an unknown symbol")


def _of_catalogue(catalogue: Catalogue) -> tuple[str, ...]:
    prefixes = {prices.FX: "FX_DAILY:", prices.SERIES: ""}
    return tuple(prefix + entity for dataset, prefix in prefixes.items() for entity in catalogue.entities(dataset))


def _request(series: str, query: Query, transport: Transport) -> Request:
    """What to ask for a series; :class:`~crfs.errors.InvalidInput` names the ways to write one."""
    head, _, rest = series.strip().partition(":")
    function, what = head.upper(), rest.strip()
    if head and not what and function not in (*_COMMODITIES, *_ECONOMY, "EARNINGS_CALENDAR", "LISTING_STATUS"):
        function, what = "TIME_SERIES_DAILY", head
    params = [("function", function), *_params(function, what, query, transport)]
    stream = f"{function}:{what}" if what else function
    return Request(url=API, params=tuple(params), stream=stream)


def _params(function: str, what: str, query: Query, transport: Transport) -> list[tuple[str, str]]:
    upper, (first, _, second) = what.upper(), what.partition(":")
    match function:
        case "TIME_SERIES_DAILY" if upper:
            return [("symbol", upper), ("outputsize", _size(query.since, transport))]
        case "FX_DAILY" if "/" in upper:
            one, _, other = upper.partition("/")
            return [("from_symbol", one), ("to_symbol", other), ("outputsize", _size(query.since, transport))]
        case "NEWS_SENTIMENT" if upper:
            return _news(upper, query)
        case "EARNINGS_CALENDAR":
            return [("symbol", upper)] * bool(upper) + [("horizon", "12month")]
        case "LISTING_STATUS":
            return [("state", what.lower())] if what else []
        case "EARNINGS_CALL_TRANSCRIPT" if second:
            return [("symbol", first.upper()), ("quarter", second.upper())]
        case "SYMBOL_SEARCH" if what:
            return [("keywords", what)]
        case _ if function in _COMPANY and upper:
            return [("symbol", upper)]
        case _ if function in (*_COMMODITIES, *_ECONOMY):
            interval = [("interval", first.lower())] if first else []
            return interval + [("maturity", second.lower())] * (function in _MATURITIES and bool(second))
    raise InvalidInput(
        f"alpha_vantage: {function}:{what} is no series; write IBM, FX_DAILY:EUR/USD, OVERVIEW:IBM, NEWS_SENTIMENT:AAPL, "
        "EARNINGS_CALL_TRANSCRIPT:IBM:2024Q1, LISTING_STATUS or WTI:daily"
    )


def _size(since: date | None, transport: Transport) -> str:
    return "full" if since is not None and since < transport.now.date() - timedelta(days=COMPACT_DAYS) else "compact"


def _news(tickers: str, query: Query) -> list[tuple[str, str]]:
    params = [("tickers", tickers), ("sort", "EARLIEST" if query.since else "LATEST"), ("limit", str(MOST_ARTICLES))]
    if query.since:
        params.append(("time_from", f"{query.since:%Y%m%d}T0000"))
    if query.until:
        params.append(("time_to", f"{query.until:%Y%m%d}T2359"))
    return params


def _more_news(request: Request, payload: Payload) -> Request | None:
    """The question for the articles after those of a full page, from the minute of the last one on; None where a page was not full."""
    feed = answers.look(payload.body).fields.get("feed")
    if not isinstance(feed, list) or len(feed) < MOST_ARTICLES or ("sort", "EARLIEST") not in request.params:
        return None
    times = [item["time_published"] for item in feed if isinstance(item, dict) and isinstance(item.get("time_published"), str)]
    last = max(times, default="")[:13]
    return with_params(request, time_from=last) if last and ("time_from", last) not in request.params else None


SOURCE = AlphaVantage()
