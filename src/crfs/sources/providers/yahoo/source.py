"""Yahoo Finance as a source: what is asked, and which parser reads which answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport
from crfs.sources.core.json_text import read_json
from crfs.sources.core.tables import reject_all
from crfs.sources.providers.yahoo import answers
from crfs.sources.providers.yahoo.chart import parse_chart
from crfs.sources.providers.yahoo.news import parse_news, parse_quotes

CHART = "https://query2.finance.yahoo.com/v8/finance/chart/"
SEARCH = "https://query2.finance.yahoo.com/v1/finance/search"
NEWS = "news:"
_FIRST = date(1900, 1, 1)
_NEWS_COUNT = 50
_PROVIDER = Provider(
    title="Yahoo Finance, unofficial endpoints",
    limits=(Limit(1, 2.0), Limit(2000, 86_400.0)),
    attempts=3,
    retry_wait_seconds=30.0,
    switched_on=False,
    terms=(
        "There is no official interface: Yahoo's terms allow personal use only, no automated collection without its consent, and no "
        "redistribution. Switch it on only where you have that right."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yahoo:
    """The source ``yahoo``; the series of a query are symbols (``AAPL``, ``^VIX``, ``EURUSD=X``), or ``news:`` and words to search."""

    name: str = "yahoo"
    parser_version: str = "4"
    hosts: tuple[str, ...] = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A week of one index, and the headlines of one company."""
        return {
            "chart": Query(series=("^GSPC",), since=date(2024, 1, 2), until=date(2024, 1, 8)),
            "news": Query(series=("news:AAPL",)),
        }

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """A chart for each symbol, with dividends and splits, or a search for each ``news:``. Without series: those of the catalogue's factors.

        A range goes by the sessions' openings, so a day more is asked on both sides: no zone is further off than that. Dates play no part
        in a search, which gives the newest headlines.
        """
        series = query.series or catalogue.entities("yahoo_daily")
        if not series:
            raise InvalidInput("yahoo: name at least one symbol, like AAPL, or news:AAPL")
        for name in series:
            if name.startswith(NEWS):
                yield self._search(name, transport)
            else:
                yield self._chart(name.strip().upper(), query, transport)

    def _chart(self, symbol: str, query: Query, transport: Transport) -> Payload:
        since = _FIRST if query.since is None else query.since - timedelta(days=1)
        until = transport.now.date() if query.until is None else query.until
        params = (
            ("period1", str(_midnight(since))),
            ("period2", str(_midnight(until + timedelta(days=2)))),
            ("interval", "1d"),
            ("includePrePost", "false"),
            ("events", "div|split"),
        )
        return transport.send(Request(url=CHART + quote(symbol, safe="=^.-"), params=params, stream=symbol))

    def _search(self, name: str, transport: Transport) -> Payload:
        words = name.removeprefix(NEWS).strip()
        if not words:
            raise InvalidInput("yahoo: news: wants words to search after it, like news:AAPL")
        params = (("q", words), ("quotesCount", "0"), ("newsCount", str(_NEWS_COUNT)), ("enableFuzzyQuery", "false"))
        return transport.send(Request(url=SEARCH, params=params, stream=name))

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.yahoo.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of a chart, of a search's headlines, or of quotes; everything is known from the fetch."""
        read = read_json(payload.body)
        if read.problem is not None:
            return reject_all(RejectReason.MALFORMED, read.problem)
        if (other := answers.others(read.fields, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        charts, quotes, summaries = (answers.results(read.fields, name) for name in ("chart", "quoteResponse", "quoteSummary"))
        if charts is not None:
            return parse_chart(charts, payload, catalogue)
        if quotes is not None:
            return parse_quotes(quotes, payload, catalogue)
        if summaries is not None:
            prices = [item.get("price") if isinstance(item, dict) else item for item in summaries]
            return parse_quotes([price for price in prices if price is not None], payload, catalogue)
        news = read.fields.get("news")
        if isinstance(news, list):
            return parse_news(news, payload, catalogue)
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "neither a chart, nor quotes, nor a search of Yahoo")


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(0), tzinfo=UTC).timestamp())


SOURCE = Yahoo()
