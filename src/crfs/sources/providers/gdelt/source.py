"""GDELT as a source: searches of the DOC 2.0 interface, and files of events and mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, Request, Transport
from crfs.sources.providers.gdelt import answers, rows
from crfs.sources.providers.gdelt.queries import QUERIES

DOC = "https://api.gdeltproject.org/api/v2/doc/doc"
FILES = "https://storage.googleapis.com/data.gdeltproject.org/"
"""The bucket behind data.gdeltproject.org, whose own name has no certificate."""
MOST_ARTICLES = 250
SHORTEST = timedelta(minutes=15)
SHORTEST_TIMELINE = timedelta(days=8)
"""Below a week GDELT answers by the hour, then by fifteen minutes."""
_MODES = {"articles": "artlist", "volume": "timelinevol", "tone": "timelinetone"}
_FILE = re.compile(r"^(?:(export)/(\d{8})|(export|mentions)/(\d{14}))$")
_PROVIDER = Provider(
    title="The GDELT Project",
    limits=(Limit(1, 5.0),),
    terms="Free for any use, with a citation and a link to the GDELT Project. Headlines belong to their publishers.",
    attempts=4,
    retry_wait_seconds=15.0,
    retry_total_seconds=900.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gdelt:
    """The source ``gdelt``. Series are ``articles/SEARCH``, ``volume/SEARCH``, ``tone/SEARCH``, where SEARCH is a declared name or a query of
    the DOC interface; and files: ``export/20260524`` (a day), ``export/20260524181500`` and ``mentions/20260524181500`` (fifteen minutes).

    Without series all declared searches are asked for their volume and tone.
    """

    name: str = "gdelt"
    parser_version: str = "3"
    hosts: tuple[str, ...] = ("api.gdeltproject.org", "storage.googleapis.com")
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest articles of one search, and a timeline."""
        return {"articles": Query(series=("articles/bankruptcy",)), "timeline": Query(series=("tone/bankruptcy",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Payloads of every series, in order. The interface searches the last three months only; older history is in the files.

        A search for articles gives at most 250: where it gives that many, its time is halved and asked again, down to fifteen minutes.
        """
        series = query.series or tuple(f"{mode}/{name}" for mode in ("volume", "tone") for name in QUERIES)
        for one in series:  # all are looked at before the first is asked
            self._check(one)
        for one in series:
            mode, _, search = one.partition("/")
            if _FILE.match(one):
                yield transport.send(Request(url=FILES + _path(one), stream=one))
            elif mode == "articles":
                yield from self._articles(one, search, query, transport)
            else:
                yield self._timeline(one, mode, search, query, transport)

    def _check(self, series: str) -> None:
        mode, _, search = series.partition("/")
        if not _FILE.match(series) and (mode not in _MODES or not search.strip()):
            raise InvalidInput(
                f"gdelt: {series!r} is no series; write articles/…, volume/… or tone/… and a search ({', '.join(QUERIES)}, or your own words), "
                "export/YYYYMMDD, export/YYYYMMDDHHMMSS or mentions/YYYYMMDDHHMMSS"
            )

    def _articles(self, series: str, search: str, query: Query, transport: Transport) -> Iterator[Payload]:
        start, end = _window(query, transport.now, timedelta(days=1))
        windows = [(start, end)]
        while windows:
            first, last = windows.pop()
            limits = (("maxrecords", str(MOST_ARTICLES)), ("sort", "datedesc"))
            payload = transport.send(_request(series, "artlist", search, first, last, *limits))
            yield payload
            found = answers.look(payload).fields.get("articles")
            if isinstance(found, list) and len(found) >= MOST_ARTICLES and last - first > SHORTEST:
                half = first + (last - first) / 2
                windows += [(first, half), (half, last)]

    def _timeline(self, series: str, mode: str, search: str, query: Query, transport: Transport) -> Payload:
        start, end = _window(query, transport.now, timedelta(days=90))
        return transport.send(_request(series, _MODES[mode], search, min(start, end - SHORTEST_TIMELINE), end))

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.gdelt.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of articles, timelines, mentions or events; see :mod:`crfs.sources.providers.gdelt.rows`."""
        return rows.parse(payload, catalogue)


def _request(series: str, mode: str, search: str, start: datetime, end: datetime, *more: tuple[str, str]) -> Request:
    asked = (("query", QUERIES.get(search, search)), ("mode", mode), ("format", "json"))
    window = (("startdatetime", f"{start:%Y%m%d%H%M%S}"), ("enddatetime", f"{end:%Y%m%d%H%M%S}"))
    return Request(url=DOC, params=(*asked, *window, *more), stream=series)


def _window(query: Query, now: datetime, otherwise: timedelta) -> tuple[datetime, datetime]:
    """From the start of ``since`` to the end of ``until`` (UTC), never later than now."""
    now = now.astimezone(UTC).replace(microsecond=0)
    end = min(datetime.combine(query.until, time(23, 59, 59), tzinfo=UTC), now) if query.until is not None else now
    start = datetime.combine(query.since, time(0), tzinfo=UTC) if query.since is not None else end - otherwise
    if start >= end:
        raise InvalidInput(f"gdelt: since {query.since} is not before now")
    return start, end


def _path(series: str) -> str:
    kind, _, stamp = series.partition("/")
    return f"events/{stamp}.export.CSV.zip" if len(stamp) == 8 else f"gdeltv2/{stamp}.{kind}.CSV.zip"


SOURCE = Gdelt()
