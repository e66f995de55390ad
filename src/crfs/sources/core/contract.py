"""What every source is and what passes between a source, a transport and the landing zone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import polars as pl

from crfs.bitemporal.extent import Extent
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput


class Classification(Enum):
    """What a provider's answer is, whatever its HTTP status says.

    ``OK`` has something to parse; ``EMPTY`` says that there is nothing; ``RETRY`` is a busy or broken moment; ``QUOTA`` and ``AUTH`` are
    refusals; ``BAD_REQUEST`` means that we asked wrongly; ``SCHEMA`` that the answer has another shape than the parser knows.
    """

    OK = "OK"
    EMPTY = "EMPTY"
    RETRY = "RETRY"
    QUOTA = "QUOTA"
    AUTH = "AUTH"
    BAD_REQUEST = "BAD_REQUEST"
    SCHEMA = "SCHEMA"


PARTIAL = 206
"""The status of an answer that is a part of one. Nobody here asks for parts, so what lacks would look like a withdrawal."""


def by_status(status: int) -> Classification | None:
    """What an HTTP status alone says of an answer whose body says nothing; None where the body has to say it.

    Providers differ where they differ: such a source looks at its own cases first.

    >>> by_status(503), by_status(403), by_status(404), by_status(200)
    (<Classification.RETRY: 'RETRY'>, <Classification.AUTH: 'AUTH'>, <Classification.BAD_REQUEST: 'BAD_REQUEST'>, None)
    """
    if status in {PARTIAL, 408, 425, 429} or status >= 500:
        return Classification.RETRY
    if status in {401, 403}:
        return Classification.AUTH
    return Classification.BAD_REQUEST if status >= 400 else None


class RejectReason(Enum):
    """Why a row, a cell or (``row`` is null) a whole body is not accepted."""

    MALFORMED = "malformed"
    UNEXPECTED_SHAPE = "unexpected_shape"
    BROKEN_ENCODING = "broken_encoding"
    MISSING_FIELD = "missing_field"
    UNKNOWN_COLUMN = "unknown_column"
    UNKNOWN_SERIES = "unknown_series"
    NOT_A_DATE = "not_a_date"
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_KEY = "unknown_key"
    CONTRADICTION = "contradiction"
    NO_KNOWLEDGE_TIME = "no_knowledge_time"
    UNSUPPORTED = "unsupported"


DELIVERY = "x-delivery"
"""The header by which a source says which payloads arrived together: those with the same value are published as one batch."""

UNFRAMED = "x-unframed"
"""The header by which the transport says that nothing but the connection's end ended the body, so that later rows may lack: it has the rows
that came, and tells the whole of no span (:func:`extents_of`)."""

REJECT_REASON = pl.Enum([reason.value for reason in RejectReason])
REJECTED_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {"row": pl.Int64(), "column": pl.String(), "reason": REJECT_REASON, "detail": pl.String()}
)
"""Columns of a rejected table; ``row`` counts the data rows of the body from 1."""

STEERING = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\x{061c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]"
"""The characters of a table's texts that :func:`~crfs.errors.plain` does not show, as polars writes them."""

MOST_LISTED = 10_000
"""As many rejections of one payload are listed; one more row, of no row, says how many more there were. A hostile body has millions."""
_UNLISTED = r"^(\d{1,15}) more are not listed$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a source asks for: ``url`` without its query, ``params`` in order, ``stream`` the stable id of what is asked (a series id).

    ``content`` is the body of a POST; None asks by GET. ``fragment`` is never sent. It stays in the payload's url and tells the parser what
    the connector knew when it asked: for a POST, whose url says nothing, what was asked for.

    >>> Request(url="https://example.org/series", params=(("id", "GDP"),), stream="GDP").full_url
    'https://example.org/series?id=GDP'
    """

    url: str
    stream: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    fragment: str = ""
    content: bytes | None = None

    @property
    def method(self) -> Literal["GET", "POST"]:
        """POST where there is a body to send."""
        return "GET" if self.content is None else "POST"

    @property
    def full_url(self) -> str:
        """The url with its query and fragment; no key is in it, since a transport adds that."""
        return self.url + (f"?{urlencode(self.params)}" if self.params else "") + (f"#{self.fragment}" if self.fragment else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The bytes that a provider sent (secrets scrubbed), and how they came; ``started_at`` and ``fetched_at`` are UTC."""

    source: str
    stream: str
    body: bytes
    url: str
    status: int
    headers: Mapping[str, str]
    started_at: datetime
    fetched_at: datetime

    def __post_init__(self) -> None:
        if self.fetched_at.tzinfo is None or self.started_at.tzinfo is None:
            raise InvalidInput("a payload's started_at and fetched_at carry a zone (UTC)")
        object.__setattr__(self, "headers", MappingProxyType({name.lower(): value for name, value in self.headers.items()}))

    @property
    def sha256(self) -> str:
        """The hash under which the payload is stored."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def parameters(self) -> dict[str, str]:
        """What was asked for: the parameters of the url's query, the last of each name; none of a url that has none or cannot be read.

        >>> from datetime import UTC
        >>> moment = datetime(2024, 1, 1, tzinfo=UTC)
        >>> told = dict(source="x", stream="x", body=b"", status=200, headers={}, started_at=moment, fetched_at=moment)
        >>> Payload(url="https://example.org/x?series_id=GDP&b=#page=2", **told).parameters
        {'series_id': 'GDP'}
        >>> Payload(url="https://[/?a=1", **told).parameters
        {}
        """
        try:
            return dict(parse_qsl(urlsplit(self.url).query))
        except ValueError:
            return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser made of one payload: accepted rows by dataset (:mod:`crfs.sources.core.tables` says their columns), rejected ones.

    ``complete_history`` says that the payload has every revision of what it covers, so that unchanged values may be left out. ``extents``,
    by dataset, say what the payload shows the whole of: a period that it leaves out there is gone. Of more than
    :data:`MOST_LISTED` rejections the first are kept, and a last row says how many more there were (:func:`rejection_count`). What
    steers a terminal, or no table keeps, is shown as U+FFFD where a rejection quotes it.
    """

    tables: Mapping[str, pl.DataFrame]
    rejected: pl.DataFrame
    complete_history: bool = False
    extents: Mapping[str, Sequence[Extent]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rejected.height > MOST_LISTED:
            object.__setattr__(self, "rejected", _bounded(self.rejected))
        if self.rejected.height:
            object.__setattr__(self, "rejected", self.rejected.with_columns(pl.col("column", "detail").str.replace_all(STEERING, "\ufffd")))


def classified(source: Source, payload: Payload) -> Classification:
    """What an answer is: by its source's classifier, but that a part of one is none, whatever stands in it."""
    return Classification.RETRY if payload.status == PARTIAL else source.classify(payload)


def extents_of(parsed: Parsed, payload: Payload, dataset: str) -> Sequence[Extent]:
    """What an answer tells the whole of: nothing where its end may lack."""
    return () if UNFRAMED in payload.headers else parsed.extents.get(dataset, ())


def _bounded(rejected: pl.DataFrame) -> pl.DataFrame:
    """The first rejections, and one row about all others; parts of the table may have such rows of their own already."""
    about = pl.col("row").is_null() & pl.col("detail").str.contains(_UNLISTED)
    told, single = rejected.filter(about), rejected.filter(~about)
    count = int(told["detail"].str.extract(_UNLISTED).cast(pl.Int64).sum()) + max(0, single.height - MOST_LISTED)
    if not count:
        return single
    rest = single[MOST_LISTED:] if single.height > MOST_LISTED else told
    return pl.concat([single.head(MOST_LISTED), unlisted(count, rest["reason"][0])])


def unlisted(count: int, reason: str) -> pl.DataFrame:
    """The row that says how many more rejections there were, the first of which was for ``reason``."""
    row = {"row": [None], "column": [None], "reason": [reason], "detail": [unlisted_words(count)]}
    return pl.DataFrame(row, schema=dict(REJECTED_SCHEMA))


def unlisted_words(count: int) -> str:
    """The detail of that row."""
    return f"{count} more are not listed"


def unlisted_count(detail: str) -> int:
    """The number in such a detail; 0 for any other.

    >>> unlisted_count(unlisted_words(7)), unlisted_count("no number: 7")
    (7, 0)
    """
    found = re.fullmatch(_UNLISTED, detail)
    return int(found[1]) if found else 0


def rejection_count(rejected: pl.DataFrame) -> int:
    """How many rejections there were, listed or not.

    >>> rejection_count(pl.DataFrame(schema=dict(REJECTED_SCHEMA)))
    0
    """
    if rejected.height <= MOST_LISTED:
        return rejected.height
    more = unlisted_count(rejected["detail"][-1])
    return rejected.height - 1 + more if more else rejected.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to fetch: series, a range of valid dates (inclusive), all vintages or the latest, and what only one source understands."""

    series: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    vintages: Literal["all", "latest"] = "latest"
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise InvalidInput(f"until {self.until} lies before since {self.since}")
        if self.vintages not in ("all", "latest"):
            raise InvalidInput(f"vintages is all or latest, not {self.vintages!r}")
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))


@dataclass(frozen=True, slots=True)
class Limit:
    """A provider's limit: at most ``requests`` in any ``seconds``, over all processes that share a store.

    >>> Limit(500, 86_400).seconds
    86400
    """

    requests: int
    seconds: float

    def __post_init__(self) -> None:
        if self.requests < 1 or self.seconds <= 0:
            raise InvalidInput(f"a limit is at least one request in a positive time, got {self.requests} in {self.seconds:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How to talk to a provider: its limits, where the key goes, patience, and what its terms ask.

    ``limits`` hold together; the one of a day is the quota, which starts anew at midnight in ``quota_zone``, and of which backfills take at
    most ``backfill_share``. ``keyed_limits`` hold instead where a key is set. The key goes into the query (``key_parameter``), a header
    (``key_header``, after ``key_prefix``) or a field of a JSON body (``key_field``); none of them means that no key exists, and
    ``needs_key`` that nothing is answered without one. Of a source's hosts only ``key_hosts`` get it, where any are named.

    ``needs_contact`` says that the provider wants to know who asks, in the user agent. ``switched_on`` is False where its terms make it the
    user's own decision to ask it. ``terms`` says what its terms ask, ``key_page`` where a key is had.

    ``read_seconds`` is how long the next bytes may take, ``answer_seconds`` the whole answer, so that one which drips ends too.
    ``max_bytes`` bounds an answer once decompressed, ``max_ratio`` how much larger than the wire's bytes it may become.
    """

    title: str = ""
    limits: tuple[Limit, ...] = (Limit(2, 1.0),)
    keyed_limits: tuple[Limit, ...] = ()
    quota_zone: str = "UTC"
    backfill_share: float = 0.5
    key_parameter: str | None = None
    key_header: str | None = None
    key_prefix: str = ""
    key_field: str | None = None
    key_hosts: tuple[str, ...] = ()
    needs_key: bool = False
    needs_contact: bool = False
    switched_on: bool = True
    terms: str = ""
    key_page: str = ""
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    answer_seconds: float = 300.0
    attempts: int = 5
    retry_wait_seconds: float = 1.0
    retry_total_seconds: float = 300.0
    max_bytes: int = 256 * 1024 * 1024
    max_ratio: float = 100.0
    max_redirects: int = 0

    @property
    def takes_key(self) -> bool:
        """Whether there is such a thing as a key."""
        return bool(self.key_parameter or self.key_header or self.key_field)

    def key_goes_to(self, host: str | None) -> bool:
        """Whether a host of the source is one that the key belongs to."""
        return not self.key_hosts or host in self.key_hosts

    def limits_with(self, *, key: bool) -> tuple[Limit, ...]:
        """The limits that hold with or without a key."""
        return self.keyed_limits if key and self.keyed_limits else self.limits


class Transport(Protocol):
    """The one seam through which a source reaches outside; tests pass a fake."""

    @property
    def has_key(self) -> bool:
        """Whether requests carry the user's key for the provider."""
        ...

    @property
    def now(self) -> datetime:
        """The time by the transport's clock, UTC: sources that read files stamp their payloads with it."""
        ...

    def send(self, request: Request) -> Payload:
        """The provider's answer; :class:`~crfs.errors.SourceUnavailable` or :class:`~crfs.errors.SourceRejected` where there is none."""
        ...


class Source(Protocol):
    """One provider: how to ask, how to tell its answers apart, how to read them."""

    @property
    def name(self) -> str:
        """The name under which users know it: ``fred``."""
        ...

    @property
    def parser_version(self) -> str:
        """Changes when the same bytes give other rows."""
        ...

    @property
    def hosts(self) -> tuple[str, ...]:
        """The only hosts that a transport may talk to for it."""
        ...

    @property
    def provider(self) -> Provider:
        """How to talk to it."""
        ...

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A small question for each kind of answer that the source has, by name: what ``crfs sources test`` asks. Empty: nothing to ask."""
        ...

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Ask for what ``query`` wants, page by page and slice by slice; each answer is handed on before the next question."""
        ...

    def classify(self, payload: Payload) -> Classification:
        """What the answer is."""
        ...

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of a payload: a pure function of its bytes, url and fetch time that never raises on bad bytes but rejects them."""
        ...
