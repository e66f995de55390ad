"""EDGAR as a source: what is asked, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport
from crfs.sources.core.pages import pages, with_params
from crfs.sources.core.tables import reject_all
from crfs.sources.providers.edgar import answers, documents, facts, filings, issuers, ownership
from crfs.sources.providers.edgar.answers import Kind

DATA, SITE = "https://data.sec.gov/", "https://www.sec.gov/"
FEED_PAGE, FEED_END = 100, 5000
_CIK = re.compile(r"^(?:CIK)?(\d{1,10})$", re.IGNORECASE)
_TICKER = re.compile(r"^[A-Z][A-Z0-9.\-]{0,9}$")
_PROVIDER = Provider(
    title="EDGAR, US Securities and Exchange Commission",
    limits=(Limit(8, 1.0),),
    needs_contact=True,
    key_page="www.sec.gov/os/accessing-edgar-data",
    terms=(
        "No key. The SEC wants to know who asks: set a contact (the setting contact: your name and e-mail address), or it answers 403 "
        '"Undeclared Automated Tool". At most ten requests a second over all machines; above that it refuses for ten minutes.'
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edgar:
    """The source ``edgar``.

    The series of a query are issuers, as a CIK (``320193``, ``CIK0000320193``) or a ticker (``AAPL``, looked up first); ``tickers`` is
    the list of tickers, and ``current`` the feed of the latest filings (``current:8-K`` those of one form). ``AAPL:8-K:2.02`` are the full
    submissions of an issuer's form (and of its amendments) with an item, here those of earnings releases; without an item all of the form.

    Options: ``what`` is ``all`` (default), ``facts`` or ``filings``; ``documents`` are forms whose full submissions are fetched as well
    (``8-K:2.02`` those with an item: earnings releases); ``pages`` bounds the feed's pages (default 1). ``since`` and ``until`` bound the
    days of filing.
    """

    name: str = "edgar"
    parser_version: str = "6"
    hosts: tuple[str, ...] = ("data.sec.gov", "www.sec.gov")
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """One small issuer's list of filings, and a page of the feed."""
        return {
            "submissions": Query(series=("CIK0001800903",), options={"what": "filings"}),
            "feed": Query(series=("current",)),
        }

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.edgar.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the dataset that the kind of document fills."""
        answer = answers.look(payload)
        if (other := answers.other_issuer(answer, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        match answer.kind:
            case Kind.COMPANY_FACTS:
                return facts.parse(answer.fields, payload, catalogue)
            case Kind.SUBMISSIONS:
                return filings.parse_submissions(answer.fields, payload, catalogue)
            case Kind.SUBMISSIONS_PAGE:
                return filings.parse_page(answer.fields, payload, catalogue)
            case Kind.TICKERS:
                return issuers.parse_tickers(answer.fields, payload, catalogue)
            case Kind.FEED:
                return filings.parse_feed(payload, catalogue)
            case Kind.SUBMISSION:
                return documents.parse_submission(payload, catalogue)
            case Kind.REPORT:
                return documents.parse_report(payload, catalogue)
            case Kind.RELEASE:
                return documents.parse_release(payload, catalogue)
            case Kind.OWNERSHIP:
                return ownership.parse(payload.body, catalogue, known=payload.fetched_at, clipped=True)
        return reject_all(RejectReason.UNEXPECTED_SHAPE, answer.words or f"a document of kind {answer.kind.value} has no rows")

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """For each issuer its list of filings with the older pages that the days ask for, its facts, and the documents that were named."""
        if not query.series:
            raise InvalidInput("edgar: name at least one issuer, like 320193 or AAPL; or tickers; or current")
        what = query.options.get("what", "all")
        if what not in ("all", "facts", "filings"):
            raise InvalidInput(f"edgar: what is all, facts or filings, not {what!r}")
        known: dict[str, str] | None = None
        for series in query.series:
            if series == "tickers":
                yield self._ask(SITE + "files/company_tickers.json", "tickers", transport)
            elif series == "current" or series.startswith("current:"):
                yield from self._feed(series.partition(":")[2], query, transport)
            else:
                name, _, named = series.partition(":")
                issuer = self._issuer(name)
                if issuer is None:
                    if known is None:
                        listed = self._ask(SITE + "files/company_tickers.json", "tickers", transport)
                        yield listed
                        known = _ticker_keys(answers.look(listed).fields)
                    if name.upper() not in known:
                        raise InvalidInput(f"edgar: the SEC lists no ticker {name!r}; name the issuer by its CIK, like 320193")
                    issuer = known[name.upper()]
                forms = _forms(named) if named else _asked_forms(query)
                yield from self._of_issuer(issuer, "filings" if named else what, forms, query, transport)

    def _issuer(self, series: str) -> str | None:
        """The entity that a CIK names; None for a ticker."""
        number = _CIK.match(series)
        if number and int(number.group(1)):
            return f"CIK{int(number.group(1)):010d}"
        if not _TICKER.match(series.upper()):
            raise InvalidInput(f"edgar: {series!r} is neither a CIK, like 320193, nor a ticker, like AAPL")
        return None

    def _of_issuer(
        self, issuer: str, what: str, forms: frozenset[tuple[str, str]], query: Query, transport: Transport
    ) -> Iterator[Payload]:
        if what in ("all", "filings"):
            first = self._ask(f"{DATA}submissions/{issuer}.json", issuer, transport)
            yield first
            if self.classify(first) is Classification.SCHEMA:
                raise SourceUnavailable(f"edgar: {issuer} was answered in another shape than expected ({first.url}); its bytes were kept")
            fields = answers.look(first).fields
            lists = [_mapping(_mapping(fields.get("filings")).get("recent"))]
            for page in _older(fields, query.since, query.until):
                older = self._ask(f"{DATA}submissions/{page}", issuer, transport)
                yield older
                lists.append(answers.look(older).fields)
            for accession in _wanted(lists, forms, query):
                address = f"{SITE}Archives/edgar/data/{int(issuer[3:])}/{accession}.txt"
                yield self._ask(address, f"{issuer}/{accession}", transport)
        if what in ("all", "facts"):
            yield self._ask(f"{DATA}api/xbrl/companyfacts/{issuer}.json", issuer, transport)

    def _feed(self, form: str, query: Query, transport: Transport) -> Iterator[Payload]:
        most = query.options.get("pages", 1)
        if not isinstance(most, int) or not 1 <= most <= FEED_END // FEED_PAGE:
            raise InvalidInput(f"edgar: pages is a number from 1 to {FEED_END // FEED_PAGE}; the feed ends at {FEED_END} entries")
        first = Request(
            url=SITE + "cgi-bin/browse-edgar",
            stream="current" + (f":{form}" if form else ""),
            params=(
                ("action", "getcurrent"), ("count", str(FEED_PAGE)), ("start", "0"), ("type", form), ("owner", "include"), ("output", "atom"),
            ),
        )  # fmt: skip
        asked = 1

        def following(request: Request, payload: Payload) -> Request | None:
            nonlocal asked
            if asked >= most or payload.body.count(b"<entry>") < FEED_PAGE:
                return None
            asked += 1
            return with_params(request, start=(asked - 1) * FEED_PAGE)

        yield from pages(first, following, transport)

    def _ask(self, url: str, stream: str, transport: Transport) -> Payload:
        return transport.send(Request(url=url, stream=stream))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _ticker_keys(fields: Mapping[str, Any]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for item in fields.values():
        issuer = answers.entity(_mapping(item).get("cik_str"))
        if issuer is not None:
            keys.setdefault(str(item.get("ticker")).upper(), issuer)
    return keys


def _older(fields: Mapping[str, Any], since: date | None, until: date | None) -> list[str]:
    """Names of the older pages that have filings of the days asked for."""
    listed = _mapping(fields.get("filings")).get("files")
    names = []
    for item in listed if isinstance(listed, list) else []:
        page = _mapping(item)
        name = str(page.get("name", ""))
        if not re.fullmatch(r"CIK\d{10}-submissions-\d{3}\.json", name):
            continue
        if since is not None and str(page.get("filingTo", "9999")) < since.isoformat():
            continue
        if until is not None and str(page.get("filingFrom", "")) > until.isoformat():
            continue
        names.append(name)
    return names


def _forms(named: str) -> frozenset[tuple[str, str]]:
    """The forms and items that a series names after its issuer: an amendment says a filing anew, so it comes along.

    >>> sorted(_forms("8-K:2.02"))
    [('8-K', '2.02'), ('8-K/A', '2.02')]
    """
    form, _, item = named.partition(":")
    return frozenset({(form.upper(), item), (form.upper().removesuffix("/A") + "/A", item)})


def _asked_forms(query: Query) -> frozenset[tuple[str, str]]:
    """The forms and items of the option ``documents``; an item is empty where all of the form are asked for."""
    documents = query.options.get("documents", ())
    asked = [documents] if isinstance(documents, str) else list(documents)
    return frozenset((form, item) for form, _, item in (str(one).partition(":") for one in asked))


def _wanted(lists: list[Mapping[str, Any]], wanted: frozenset[tuple[str, str]], query: Query) -> list[str]:
    """Accession numbers of the filings of the forms and items whose full submissions are wanted, the oldest first."""
    if not wanted:
        return []
    found: dict[str, str] = {}
    for columns in lists:
        cells = [columns.get(name) for name in ("accessionNumber", "form", "filingDate", "items")]
        if not all(isinstance(column, list) for column in cells):
            continue
        for accession, form, day, listed in zip(*cells, strict=False):
            if (query.since and str(day) < query.since.isoformat()) or (query.until and str(day) > query.until.isoformat()):
                continue
            items = str(listed).split(",")
            if any(form == kind and (not item or item in items) for kind, item in wanted) and re.fullmatch(
                r"\d{10}-\d{2}-\d{6}", str(accession)
            ):
                found[str(accession)] = str(day)
    return sorted(found, key=lambda accession: (found[accession], accession))
