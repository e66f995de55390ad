"""The Federal Register as a source: documents of an agency, in slices of time that its limit of 2,000 results allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, Request, Transport
from crfs.sources.core.pages import pages
from crfs.sources.providers.federal_register import answers, documents
from crfs.sources.providers.federal_register.answers import MOST_RESULTS

API = "https://www.federalregister.gov/api/v1/"
PAGE = 1000
INSPECTION = "public_inspection"
EVERYBODY = "all"
AGENCIES = (
    "federal-reserve-system", "comptroller-of-the-currency", "federal-deposit-insurance-corporation", "consumer-financial-protection-bureau",
    "national-credit-union-administration", "securities-and-exchange-commission", "commodity-futures-trading-commission",
    "federal-housing-finance-agency", "housing-and-urban-development-department", "farm-credit-administration",
)  # fmt: skip
"""The agencies that lenders answer to, as the Federal Register writes them: what is asked for where no series is named."""
_PROVIDER = Provider(
    title="Federal Register, Office of the Federal Register",
    limits=(Limit(2, 1.0),),
    terms="Works of the government of the United States: public domain. The web edition is not the official one.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederalRegister:
    """The source ``federal_register``. A series is an agency's name in addresses (``federal-reserve-system``), ``all`` agencies, or
    ``public_inspection``: what is on the desk now and comes out on the next days.

    Options of a query: ``term`` (words to search) and ``type`` (RULE, PRORULE, NOTICE or PRESDOCU). Without ``since`` the last 30 days.
    """

    most_results: int = MOST_RESULTS
    page: int = PAGE
    name: str = "federal_register"
    parser_version: str = "3"
    hosts: tuple[str, ...] = ("www.federalregister.gov",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest documents of one agency, and the desk of public inspection."""
        return {"documents": Query(series=(AGENCIES[0],)), "public inspection": Query(series=(INSPECTION,))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Documents by day of publication, oldest first. Where a time has more than the provider shows, it is halved and asked again."""
        today = transport.now.astimezone(ZoneInfo("America/New_York")).date()
        until = query.until or today + timedelta(days=7)  # a document that was filed has its day of publication
        since = query.since or min(until, today) - timedelta(days=30)
        if since > until:
            raise InvalidInput(f"federal_register: since {since} lies after {until}")
        for series in query.series or AGENCIES:
            if series == INSPECTION:
                url = f"{API}public-inspection-documents/current.json"
                yield transport.send(Request(url=url, params=(("per_page", str(PAGE)),), stream=series))
            else:
                yield from self._documents(series, since, until, query, transport)

    def _documents(self, series: str, since: date, until: date, query: Query, transport: Transport) -> Iterator[Payload]:
        windows = [(since, until)]
        while windows:
            first, last = windows.pop()
            for payload in pages(self._request(series, first, last, query), self._next, transport):
                yield payload
                if answers.whole(answers.look(payload).fields.get("count")) > self.most_results and first < last:
                    half = first + (last - first) // 2
                    windows += [(half + timedelta(days=1), last), (first, half)]
                    break

    def _request(self, series: str, first: date, last: date, query: Query) -> Request:
        asked = [("conditions[publication_date][gte]", first.isoformat()), ("conditions[publication_date][lte]", last.isoformat())]
        asked += [("conditions[agencies][]", series)] if series != EVERYBODY else []
        for option in ("term", "type"):
            if query.options.get(option):
                asked.append((f"conditions[{option}]{'[]' if option == 'type' else ''}", str(query.options[option])))
        asked += [("per_page", str(self.page)), ("order", "oldest"), *(("fields[]", name) for name in documents.FIELDS)]
        return Request(url=f"{API}documents.json", params=tuple(asked), stream=series)

    def _next(self, request: Request, payload: Payload) -> Request | None:
        """What ``next_page_url`` names; the transport refuses it where it leads to another host."""
        link = answers.look(payload).fields.get("next_page_url")
        if not isinstance(link, str) or not link:
            return None
        try:
            parts = urlsplit(link)
        except ValueError:
            return None
        url = f"{parts.scheme}://{parts.netloc}{parts.path}"
        return Request(url=url, params=tuple(parse_qsl(parts.query, keep_blank_values=True)), stream=request.stream)

    def classify(self, payload: Payload) -> Classification:
        """What the answer is; see :func:`crfs.sources.providers.federal_register.answers.classify`."""
        return answers.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of documents; see :mod:`crfs.sources.providers.federal_register.documents`."""
        return documents.parse(payload, catalogue)


SOURCE = FederalRegister()
