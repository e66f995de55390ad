"""The source ``federal_reserve``: what is asked on www.federalreserve.gov, how its answers are told apart, who reads which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.feeds import read_feed
from crfs.sources.core.tables import reject_all, rejected_table
from crfs.sources.core.xml_text import read_xml
from crfs.sources.providers.federal_reserve import ddp, documents, scenarios, texts

SITE = "https://www.federalreserve.gov"
DOWNLOAD = f"{SITE}/datadownload/Output.aspx"
FEED = f"{SITE}/feeds/press_all.xml"
CALENDAR = f"{SITE}/monetarypolicy/fomccalendars.htm"
FILES = f"{SITE}/supervisionreg/files/"
PACKAGES = {"G17": "809009461b1cba2fd5b4cf5557d9d663", "H15": "bf17364827e38702b42a58cf8eaa3f78"}
"""Packages of the Data Download Program by release: G.17's total and major groups, H.15's Treasury constant maturities."""

_STATEMENTS, _MINUTES, _NOTES = "fomc_statements", "fomc_minutes", "fomc_implementation_notes"
_CALENDAR_YEARS = 5
_ENOUGH = 200_000
_TABLES = ("Historic", "Supervisory_Baseline", "Supervisory_Severely_Adverse")
_FIRST_TABLE = {"2025": 1, "2024": 2, "2023": 1, "2022": 1}
_PROVIDER = Provider(
    title="Board of Governors of the Federal Reserve System",
    limits=(Limit(1, 1.0),),
    terms="Works of the Board are in the public domain; series of third parties in its releases have terms of their own.",
)


class Body(Enum):
    """What a body is, by its first bytes."""

    EMPTY = "empty"
    DDP = "ddp"
    SCENARIOS = "scenarios"
    FEED = "feed"
    INDEX = "index"
    TEXT = "text"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FederalReserve:
    """The source ``federal_reserve``. Series of a query:

    - ``G17``, ``H15``: the release's package; ``REL/HASH``: any package of the Data Download Program by its ``series=`` code.
    - ``scenarios/2026``, ``scenarios/2026-proposed`` …: the six tables of a set. The option ``url`` names one file of another set.
    - ``fomc_statements``, ``fomc_implementation_notes``, ``fomc_minutes``: those of the days from since to until, found on the
      Committee's calendar and the pages of its history; without since, statements that the feed of press releases lists.
    - ``fomc_statement/2015-12-16``, ``fomc_minutes/…``, ``fomc_implementation_note/…``: one of them.
    """

    name: str = "federal_reserve"
    parser_version: str = "7"
    hosts: tuple[str, ...] = ("www.federalreserve.gov",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A file of each kind."""
        return {
            "G.17": Query(series=("G17",), since=date(2024, 1, 1), until=date(2024, 12, 31)),
            "statement": Query(series=("fomc_statement/2015-12-16",)),
            "scenarios": Query(series=("scenarios/2025",)),
        }

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Payloads of every series of ``query`` in order; none named: G.17 and the newest statements."""
        for series in query.series or ("G17", _STATEMENTS):
            kind, _, which = series.partition("/")
            if kind == "scenarios":
                yield from self._scenarios(which, query, transport)
            elif series in (_STATEMENTS, _MINUTES, _NOTES):
                yield from self._policy(series, query, transport)
            elif kind in (texts.STATEMENT, texts.MINUTES, texts.NOTE):
                yield transport.send(Request(url=policy_url(kind, _day(series, which)), stream=series))
            else:
                yield transport.send(download_request(series, query, today=transport.now.date()))

    def classify(self, payload: Payload) -> Classification:
        """What the answer is: a body that is known stands for itself, else the status decides."""
        if payload.status in (204, 304):
            return Classification.EMPTY
        if payload.status == 403:  # its answer to those whom it takes for a robot that asks too much
            return Classification.QUOTA
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        match look(payload.body):
            case Body.EMPTY:
                return Classification.RETRY
            case Body.UNKNOWN:
                return Classification.SCHEMA
            case Body.DDP:
                # The first lines say what the layout is; the rest need not be read twice.
                grid = ddp.read_grid(payload.body[: payload.body.find(b"\n", _ENOUGH) + 1 or None])
                if grid.problem is not None or ddp.others(grid, payload) is not None:
                    return Classification.SCHEMA
                return Classification.OK if grid.cells.height or grid.rejected else Classification.EMPTY
            case Body.SCENARIOS:
                if "scenario name" not in scenarios.header(payload.body):
                    return Classification.SCHEMA
                return Classification.OK if b"\n" in payload.body.strip() else Classification.EMPTY
            case Body.TEXT:
                readable = isinstance(texts.read_text(payload), texts.PolicyText)
                return Classification.OK if readable else Classification.SCHEMA
            case _:
                return Classification.OK

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the file; the feed and lists of statements are for finding texts and have none."""
        match look(payload.body):
            case Body.DDP:
                return ddp.parse(payload, catalogue)
            case Body.SCENARIOS:
                return scenarios.parse(payload, catalogue)
            case Body.TEXT:
                return documents.parse(payload, catalogue)
            case Body.FEED | Body.INDEX:
                return Parsed(tables={}, rejected=rejected_table())
            case Body.EMPTY:
                return reject_all(RejectReason.UNEXPECTED_SHAPE, "an empty body")
            case _:
                return reject_all(RejectReason.UNEXPECTED_SHAPE, "no file of the Federal Reserve that is known here")

    def _scenarios(self, which: str, query: Query, transport: Transport) -> Iterator[Payload]:
        url = query.options.get("url")
        urls = [str(url)] if url else scenario_urls(which)
        for address in urls:
            yield transport.send(Request(url=address, stream=f"scenarios/{which}/{address.rpartition('/')[2]}"))

    def _policy(self, series: str, query: Query, transport: Transport) -> Iterator[Payload]:
        """What lists the texts, then the texts of the days asked for, oldest first. What is not out yet has no link there."""
        kind = {_STATEMENTS: texts.STATEMENT, _MINUTES: texts.MINUTES, _NOTES: texts.NOTE}[series]
        found: dict[date, str] = {}
        if query.since is None and kind == texts.STATEMENT:
            feed = transport.send(Request(url=FEED, stream="press_all"))
            yield feed
            found = feed_statements(feed.body)
        else:
            for url in calendar_urls(query.since, query.until, today=transport.now.date()):
                page = transport.send(Request(url=url, stream=url.rpartition("/")[2].removesuffix(".htm")))
                yield page
                found |= texts.links(page.body, kind)
        first, last = query.since or date.min, query.until or date.max
        for day in sorted(day for day in found if first <= day <= last):
            yield transport.send(Request(url=SITE + found[day], stream=f"{kind}/{day}"))


def look(body: bytes) -> Body:
    """What a body is; never raises."""
    if not body.strip(b"\xef\xbb\xbf \t\r\n"):
        return Body.EMPTY
    if texts.is_html(body):
        if texts.is_index(body):
            return Body.INDEX
        return Body.TEXT if texts.is_policy(body) else Body.UNKNOWN
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        root = read_xml(body).root
        return Body.FEED if root is not None and root.tag.rpartition("}")[2].lower() in ("rss", "feed", "rdf") else Body.UNKNOWN
    if texts.is_sentences(body):
        return Body.TEXT
    if scenarios.is_scenarios(body):
        return Body.SCENARIOS
    if ddp.is_ddp(body):
        return Body.DDP
    return Body.TEXT if texts.is_policy(body) else Body.UNKNOWN


def download_request(series: str, query: Query, *, today: date) -> Request:
    """The CSV of a package of the Data Download Program, a series a column."""
    release, _, package = series.partition("/")
    release = release.upper().replace(".", "")
    package = package or PACKAGES.get(release, "")
    if not re.fullmatch(r"[0-9a-z_]{4,64}", package) or not re.fullmatch(r"[A-Z0-9]{1,12}", release):
        raise InvalidInput(
            f"federal_reserve: {series!r} is no series; name G17, H15, REL/CODE (the series= of a download on the Board's site), "
            "scenarios/YEAR, fomc_statements, fomc_minutes or fomc_implementation_notes"
        )
    asks = query.since is not None or query.until is not None
    first, last = query.since or date(1900, 1, 1), query.until or today
    params = {
        "rel": release,
        "series": package,
        "lastobs": "",
        "from": f"{first:%m/%d/%Y}" if asks else "",
        "to": f"{last:%m/%d/%Y}" if asks else "",
        "filetype": "csv",
        "label": "include",
        "layout": "seriescolumn",
        "type": "package",
    }
    return Request(url=DOWNLOAD, params=tuple(params.items()), stream=series)


def scenario_urls(which: str) -> list[str]:
    """The addresses of a set's tables; :class:`~crfs.errors.InvalidInput` for a set whose addresses are not known."""
    if which in ("2026", "2026-proposed"):
        stage = "Proposed" if which.endswith("proposed") else "Final"
        return [f"{FILES}2026_{stage}_{table}_{place}.csv" for table in _TABLES for place in ("Domestic", "International")]
    if which not in _FIRST_TABLE:
        raise InvalidInput(
            f"federal_reserve: the addresses of scenarios/{which} are not known; known are 2026, 2026-proposed, {', '.join(_FIRST_TABLE)}. "
            "Give the file's address as the option url"
        )
    names = [
        f"{which}-Table_{number}{letter}_{table}_{place}.csv"
        for number, table in enumerate(_TABLES, start=_FIRST_TABLE[which])
        for letter, place in (("A", "Domestic"), ("B", "International"))
    ]
    # Until 2023 the names were in lower case.
    return [FILES + (name.lower() if which <= "2023" else name) for name in names]


def policy_url(kind: str, day: date) -> str:
    """The stable address of a text of the Committee: a statement (from 2006), an implementation note (from 2015-12), minutes (from 2007).

    >>> policy_url("fomc_statement", date(2015, 12, 16))
    'https://www.federalreserve.gov/newsevents/pressreleases/monetary20151216a.htm'
    """
    stamp = f"{day:%Y%m%d}"
    if kind == texts.MINUTES:
        return f"{SITE}/monetarypolicy/fomcminutes{stamp}.htm"
    return f"{SITE}/newsevents/pressreleases/monetary{stamp}a{'1' if kind == texts.NOTE else ''}.htm"


def calendar_urls(since: date | None, until: date | None, *, today: date) -> list[str]:
    """The pages that list the meetings from since to until: years of the history, and the calendar of the last five years."""
    last = (until or today).year
    first = since.year if since is not None else last
    history = [
        f"{SITE}/monetarypolicy/fomchistorical{year}.htm"
        for year in range(max(first, 1994), min(last, today.year - _CALENDAR_YEARS - 1) + 1)
    ]
    return [*history, *([CALENDAR] if last >= today.year - _CALENDAR_YEARS else [])]


def feed_statements(body: bytes) -> dict[date, str]:
    """Paths of the statements that a feed of press releases lists, by day; a broken feed gives what can be read of it."""
    found: dict[date, str] = {}
    for entry in read_feed(body).entries:
        match = re.search(r"/newsevents/pressreleases/monetary(\d{8})a\.htm$", str(entry.get("link") or ""))
        if match and "statement" in str(entry.get("title") or "").lower():
            try:
                found.setdefault(date.fromisoformat(match[1]), match[0])
            except ValueError:
                continue
    return found


def _day(series: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"federal_reserve: {series!r} needs the day of the meeting, like {series.partition('/')[0]}/2015-12-16"
        ) from None


SOURCE = FederalReserve()
