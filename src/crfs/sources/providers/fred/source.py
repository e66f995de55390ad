"""FRED as a source: what is asked, in which order, with and without a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from urllib.parse import urlencode

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, QuotaExhausted, SourceRejected, SourceUnavailable
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, Request, Transport
from crfs.sources.core.pages import pages, with_params
from crfs.sources.providers.fred import answers, observations
from crfs.sources.providers.fred.periods import EARLIEST

API = "https://api.stlouisfed.org/fred/"
GRAPH = "https://fred.stlouisfed.org/graph/fredgraph.csv"
PANEL = "https://www.stlouisfed.org/-/media/project/frbstl/stlouisfed/research/fred-md/monthly/"
PANEL_SERIES = "fred_md"
MAX_VINTAGES = 2000
MAX_ROWS = 100_000
MAX_DATES = 10_000
_FOREVER = "9999-12-31"
_MOST_REFUSALS = 3
_PANEL_FILE = re.compile(r"^[0-9A-Za-z_-]{1,40}$")
_PROVIDER = Provider(
    title="FRED and ALFRED, Federal Reserve Bank of St. Louis",
    limits=(Limit(3, 2.0),),
    key_parameter="api_key",
    key_hosts=("api.stlouisfed.org",),
    key_page="fred.stlouisfed.org/docs/api/api_key.html",
    terms="Attribution, no implied endorsement; series of third parties have terms of their own.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fred:
    """The source ``fred``. The three limits are FRED's own; smaller ones only make more requests.

    A series of a query is FRED's id; ``fred_md`` is the newest panel of FRED-MD, ``fred_md/2015-01`` the file of that name.
    Options of a query: ``vintages_since`` and ``vintages_until`` (dates) bound the vintages that are fetched; the one before the first comes
    with them, so that what the first of them brought is told from what was there. Where there is none in between, nothing is fetched but the
    list of them; with ``newest`` (true), the newest vintage comes all the same.
    """

    max_vintages: int = MAX_VINTAGES
    max_rows: int = MAX_ROWS
    max_dates: int = MAX_DATES
    name: str = "fred"
    parser_version: str = "7"
    hosts: tuple[str, ...] = ("api.stlouisfed.org", "fred.stlouisfed.org", "www.stlouisfed.org")
    provider: Provider = _PROVIDER

    def __post_init__(self) -> None:
        # A date has at most one period a vintage, so a page larger than a slice always reaches a second date.
        if self.max_vintages < 2 or self.max_rows <= self.max_vintages or self.max_dates < 1:
            raise InvalidInput("slices overlap by one vintage, so they need at least 2; a page needs more rows than a slice has vintages")

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.fred.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of ``fred_series`` or ``fred_md_panel``; see :mod:`crfs.sources.providers.fred.observations`."""
        return observations.parse(payload, catalogue)

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest values of one series (its vintages need a key), and the newest panel of FRED-MD."""
        return {"observations": Query(series=("UNRATE",), since=date(2020, 1, 1)), "panel": Query(series=(PANEL_SERIES,))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Payloads of every series of ``query``, in order. A series that FRED does not have ends, when the others have come, with the
        provider's words; three refusals in a row end it at once.

        With a key: the series' description (one of another series ends this one), then the latest values, or the list of vintage dates and
        every vintage in slices and pages. Slices overlap by one vintage date and pages by one date, so that no edge of a request looks like an event.
        Without a key: the latest values as CSV.
        """
        if not query.series or not all(map(str.strip, query.series)):
            raise InvalidInput("fred: name at least one series, like UNRATE, and none that is empty")
        panels = [series for series in query.series if series.partition("/")[0].lower().replace("-", "_") == PANEL_SERIES]
        if not transport.has_key and query.vintages == "all" and len(panels) < len(query.series):
            raise InvalidInput("fred: vintages need a key; set CRFS_SOURCES__FRED__API_KEY or ask for the latest (--vintages latest)")
        refused: dict[str, SourceRejected] = {}
        in_a_row = 0
        for series in query.series:
            try:
                yield from self._series(series, query, transport, is_panel=series in panels)
            except QuotaExhausted:
                raise
            except SourceRejected as error:
                refused[series], in_a_row = error, in_a_row + 1
                if in_a_row == _MOST_REFUSALS:
                    break
            else:
                in_a_row = 0
        if refused:
            [first, *others] = refused
            raise type(refused[first])(f"{first}: {refused[first]}" + (f" (and so {', '.join(others)})" if others else ""))

    def _series(self, series: str, query: Query, transport: Transport, *, is_panel: bool) -> Iterator[Payload]:
        if is_panel:
            yield self._panel(series, transport)
        elif not transport.has_key:
            yield from self._graph(series, query, transport)
        elif query.vintages == "latest":
            yield from self._latest(series, query, transport)
        else:
            yield from self._vintages(series, query, transport)

    def _panel(self, series: str, transport: Transport) -> Payload:
        file = series.partition("/")[2].removesuffix(".csv") or "current"
        if not _PANEL_FILE.match(file):
            raise InvalidInput(f"fred: {series}: a panel's file is called like fred_md/2015-01")
        return transport.send(Request(url=f"{PANEL}{file}.csv", stream=f"{PANEL_SERIES}/{file}"))

    def _graph(self, series: str, query: Query, transport: Transport) -> Iterator[Payload]:
        params = [("id", series)]
        params += [("cosd", query.since.isoformat())] if query.since else []
        params += [("coed", query.until.isoformat())] if query.until else []
        yield transport.send(Request(url=GRAPH, params=tuple(params), stream=series))

    def _latest(self, series: str, query: Query, transport: Transport) -> Iterator[Payload]:
        yield (about := self._ask("series", series, transport))
        if _is_of_another(about):
            return
        yield from self._pages(series, query, transport, window=None, archive_start=None)

    def _vintages(self, series: str, query: Query, transport: Transport) -> Iterator[Payload]:
        # Without real-time parameters, an unknown series is a refusal here, so that EMPTY below only means "not in the archive".
        yield (about := self._ask("series", series, transport))
        if _is_of_another(about):
            return
        dates: list[date] = []

        def more(request: Request, payload: Payload) -> Request | None:
            answer = self._look(payload)
            found = _dates(answer.rows)
            if dates and found and found[0] <= dates[-1]:
                raise _again(payload)
            dates.extend(found)
            is_last = not found or len(dates) >= answers.as_int(answer.fields.get("count"), 0)
            return None if is_last else with_params(request, offset=len(dates))

        first = _asking(
            "series/vintagedates", series, ("realtime_start", EARLIEST.isoformat()), ("realtime_end", _FOREVER),
            ("limit", str(self.max_dates)), ("offset", "0"),
        )  # fmt: skip
        yield from pages(first, more, transport)
        if not dates:
            yield from self._pages(series, query, transport, window=None, archive_start=None)
            return
        dates = sorted(set(dates))
        for window in self._windows(dates, query):
            yield from self._pages(series, query, transport, window=window, archive_start=dates[0])

    def _windows(self, dates: list[date], query: Query) -> list[tuple[str, str]]:
        """Windows of real time with at most ``max_vintages`` vintage dates each; a window begins with the last date of the one before.

        So does the first of those since a day: what FRED cuts off at a window's start looks as if it was known from then only.
        """
        since, until = query.options.get("vintages_since"), query.options.get("vintages_until")
        wanted = [day for day in dates if (since is None or day >= since) and (until is None or day <= until)]
        if not wanted and query.options.get("newest"):
            wanted = dates[-1:]
        if not wanted:
            return []
        if since is not None:
            wanted = [*[day for day in dates if day < wanted[0]][-1:], *wanted]
        edges = list(range(0, max(len(wanted) - 1, 1), self.max_vintages - 1))
        pairs = [*pairwise(edges), (edges[-1], None)]
        windows = [(wanted[a].isoformat(), _FOREVER if b is None else wanted[b].isoformat()) for a, b in pairs]
        if wanted[0] == dates[0]:
            windows[0] = (EARLIEST.isoformat(), windows[0][1])
        if until is not None:
            windows[-1] = (windows[-1][0], wanted[-1].isoformat())
        return windows

    def _pages(
        self, series: str, query: Query, transport: Transport, *, window: tuple[str, str] | None, archive_start: date | None
    ) -> Iterator[Payload]:
        fixed = [("sort_order", "asc"), ("order_by", "observation_date"), ("output_type", "1"), ("limit", str(self.max_rows))]
        fixed += [("realtime_start", window[0]), ("realtime_end", window[1])] if window else []
        fixed += [("observation_start", query.since.isoformat())] if query.since else []
        fixed += [("observation_end", query.until.isoformat())] if query.until else []
        hint = {"archive_start": archive_start.isoformat()} if archive_start else {}
        before = ""

        def following(request: Request, payload: Payload) -> Request | None:
            nonlocal before
            offset, rows, count = answers.page(answer := self._look(payload))
            days = [str(row.get("date")) if isinstance(row, dict) else "" for row in answer.rows]
            if days and days[0] < before:
                raise _again(payload)
            if not rows or offset + rows >= count:
                return None
            # The last date may go on: begin the next page with it, unless it fills this page alone.
            before = days[-1]
            step = days.index(before)
            asked = {**hint, **({"page": "whole_dates"} if step else {})}
            return replace(with_params(request, offset=offset + (step or rows)), fragment=urlencode(asked))

        first = _asking("series/observations", series, *fixed, ("offset", "0"), fragment=urlencode(hint))
        yield from pages(first, following, transport)

    def _ask(self, path: str, series: str, transport: Transport) -> Payload:
        return transport.send(_asking(path, series))

    def _look(self, payload: Payload) -> answers.Answer:
        """What was answered; an unknown shape ends the fetch here, after its bytes were handed on."""
        if self.classify(payload) is Classification.SCHEMA:
            raise SourceUnavailable(
                f"fred: {payload.stream} was answered in another shape than expected ({payload.url}); its bytes were kept"
            )
        return answers.look(payload)


def _asking(path: str, series: str, *params: tuple[str, str], fragment: str = "") -> Request:
    asked = (("series_id", series), ("file_type", "json"), *params)
    return Request(url=API + path, params=asked, stream=series, fragment=fragment)


def _is_of_another(payload: Payload) -> bool:
    """Whether a description is of another series than was asked for: its observations would not say so, and are not asked."""
    return answers.other_series(answers.look(payload), payload) is not None


def _again(payload: Payload) -> SourceUnavailable:
    return SourceUnavailable(f"fred: {payload.stream}: rows of the page before come again at {payload.url}; those that came are kept")


def _dates(rows: list[object]) -> list[date]:
    found = []
    for row in rows:
        try:
            found.append(date.fromisoformat(str(row)))
        except ValueError:
            continue
    return found


SOURCE = Fred()
