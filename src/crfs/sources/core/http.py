"""Talking to a provider over HTTPS: allowed hosts at public addresses only, within its limits, patiently, and with no key left anywhere.

What a provider answers is judged by its source's classifier, never by the HTTP status alone.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import httpcore
import stamina

from crfs.errors import InvalidInput, QuotaExhausted, Redirected, SourceRejected, SourceUnavailable, plain
from crfs.sources.core import budget as budgets
from crfs.sources.core.budget import Budget
from crfs.sources.core.connection import CheckedBackend, Deadline, ForbiddenAddress, Resolver, system_resolver, trusted_certificates
from crfs.sources.core.contract import UNFRAMED, Classification, Limit, Payload, Provider, Request, Source, classified
from crfs.sources.core.decoding import Broken, Decoder, TooLarge, UnknownEncoding
from crfs.sources.core.headers import KEPT, retry_after, until_reset
from crfs.sources.core.scrubbing import OF_THIS_PROCESS as SCRUBBER
from crfs.sources.core.scrubbing import Secret
from crfs.sources.core.turns import HELD_SECONDS, MARGIN_SECONDS, Far, Missed, Turn
from crfs.sources.core.wire import LOOPBACK, Hop, Mirror, followed, proxy_of, user_agent

_ANSWERS = (Classification.OK, Classification.EMPTY, Classification.SCHEMA)
_NOT_MODIFIED = 304
_log = logging.getLogger("crfs.sources")


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Whether a line of stamina's is about somebody else's retries: ours are told in a sentence of our own."""
    return not str(record.__dict__.get("stamina.caused_by", "")).startswith("Busy(")


logging.getLogger("stamina").addFilter(_is_not_ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """An exchange that gave no answer to judge; ``text`` has no secret. ``ours`` is a mistake on this side: the provider was not asked."""

    text: str
    retry: bool = False
    refused: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waits:
    """A request that was not sent: its slot is far away, or (``error``) there is none."""

    error: Exception | None = None


class _NotSent(Exception):
    """Ends an exchange before its request leaves."""


class Busy(SourceUnavailable):
    """The provider is busy or the connection broke; ``after`` is how long it asks us to wait, if it says so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class HttpTransport:
    """Sends a source's requests; see the module's first lines.

    What the user set for the provider: ``key`` (None: go without), ``contact`` (who asks, in the user agent), ``enabled`` (None: as the
    provider's terms have it), ``mirror`` (a gateway of the user's own that is asked instead, ``per_second`` times at most; None: as the
    provider is asked), ``proxy`` (the way out of the user's network; names are then resolved there, and no address can be checked here).

    ``clock`` says what time it is in UTC. ``budget`` hands out the slots of the provider's limits (None: the one of this process), and
    ``backfill`` says that these requests count as a backfill's. ``land_error`` gets every answer that is an error or a redirect, scrubbed,
    before anything is raised or tried again. ``tls``, ``resolve`` and ``sleep`` replace what the machine has.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Callable[[], datetime],
        key: str | None = None,
        contact: str | None = None,
        enabled: bool | None = None,
        mirror: str | None = None,
        per_second: float | None = None,
        proxy: str | None = None,
        budget: Budget | None = None,
        backfill: bool = False,
        land_error: Callable[[Payload], None] | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source, self._clock, self._land_error, self._sleep = source, clock, land_error, sleep
        trimmed = (key or "").strip()  # as a provider echoes it
        self._key = Secret(trimmed) if trimmed and source.provider.takes_key else None
        for secret in (key, trimmed, urlsplit(proxy or "").password):
            if secret:
                SCRUBBER.add(secret)
        self._contact, self._enabled = contact, enabled
        self._mirror = Mirror.read(mirror) if mirror else None
        self._budget, self._backfill = budget or budgets.OF_THIS_PROCESS, backfill
        limits = source.provider.limits_with(key=self._key is not None)
        self._spacing, self._a_day = budgets.spacing(limits), budgets.a_day(limits)
        if per_second is not None and self._mirror is not None:
            self._spacing = budgets.spacing([Limit(whole := max(1, int(per_second)), whole / per_second)])
        trusted = {host for host in source.hosts if host in LOOPBACK}
        if self._mirror is not None:
            trusted, proxy = {self._mirror.host}, None
        outside = proxy_of(proxy) if proxy else None
        self._deadline, self._lead = Deadline(), MARGIN_SECONDS
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or trusted_certificates(),
            proxy=outside,
            max_connections=8,
            keepalive_expiry=30.0,
            network_backend=CheckedBackend(
                trusted={*trusted, outside.url.host.decode()} if outside else trusted, resolve=resolve, deadline=self._deadline
            ),
        )

    @property
    def has_key(self) -> bool:
        """Whether requests carry the user's key."""
        return self._key is not None

    @property
    def now(self) -> datetime:
        """The time by the clock that was passed in, UTC."""
        return self._clock().astimezone(UTC)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: Request) -> Payload:
        """The answer, if its classification is OK, EMPTY or SCHEMA; otherwise an error with the provider's words."""
        self._check_permission()
        provider = self._source.provider
        first = Hop.first(request, self._source, self._key)
        attempts = stamina.retry_context(
            on=_wait_for,
            attempts=provider.attempts,
            timeout=provider.retry_total_seconds,
            wait_initial=provider.retry_wait_seconds,
            wait_max=60.0 * provider.retry_wait_seconds,
            wait_jitter=provider.retry_wait_seconds,
        )
        for attempt in attempts:
            with attempt:
                try:
                    return self._once(request, first)
                except Busy as busy:
                    if attempt.num < provider.attempts:
                        _log.warning("%s (attempt %d of %d)", busy, attempt.num, provider.attempts)
                    raise
        raise AssertionError("stamina ends with an answer or an error")

    def _check_permission(self) -> None:
        """The provider's terms, and what it wants to know before it is asked at all."""
        name, provider = self._source.name, self._source.provider
        if self._enabled is False:
            raise SourceRejected(f"{name} is switched off ({_variable(name, 'ENABLED')}=false)")
        if self._enabled is None and not provider.switched_on:
            raise SourceRejected(
                f"{name} is not asked unless you say so, because of its terms: {provider.terms or 'see its pages'} "
                f"If you may use it so, set {_variable(name, 'ENABLED')}=true"
            )
        if provider.needs_contact and not (self._contact or "").strip():
            raise InvalidInput(
                f"{provider.title or name} wants to know who asks: set {_variable(name, 'CONTACT')}, such as 'Example Bank jane@example.com'"
            )
        if provider.needs_key and self._key is None:
            where = f"; a key is had at {provider.key_page}" if provider.key_page else ""
            raise SourceRejected(f"{provider.title or name} answers nothing without a key: set {_variable(name, 'API_KEY')}{where}")

    def _once(self, request: Request, first: Hop) -> Payload:
        """One answer, after as many redirects as the provider may have; it keeps the url of what was asked."""
        name, provider, hop = self._source.name, self._source.provider, first
        for left in range(provider.max_redirects, -1, -1):
            answer = self._answered(request, hop)
            location = answer.headers.get("location", "")
            if not hop.is_redirect(answer.status) or not location or not provider.max_redirects:
                return self._judged(request, replace(answer, url=SCRUBBER.text(first.shown)))
            self._land(answer)
            if left:
                hop = followed(hop, answer.status, location, self._source, self._mirror)
        raise Redirected(f"{name} redirects more than {provider.max_redirects} times; the last target is {_host(location)}")

    def _answered(self, request: Request, hop: Hop) -> Payload:
        """What comes back, in its turn."""
        turn = Turn(self._take, lead=self._lead, sleep=self._sleep)
        if self._is_connected(self._sent_to(hop)[0]):
            turn.take()
        outcome: Payload | _Failed | _Waits = _Waits()
        while isinstance(outcome, _Waits):
            if outcome.error is not None:
                raise outcome.error
            turn.draw_near()
            # _exchange returns its failure, so that no exception here has one in its context whose request carries the key.
            outcome = self._exchange(request, hop, turn)
        self._lead = min(turn.lead, HELD_SECONDS)
        if not isinstance(outcome, _Failed):
            return outcome
        text = f"{self._source.name}: {outcome.text}"
        if outcome.ours:
            raise InvalidInput(text)
        if outcome.refused:
            raise SourceRejected(text)
        raise Busy(text) if outcome.retry else SourceUnavailable(text)

    def _judged(self, request: Request, answer: Payload) -> Payload:
        """The answer, or what follows from its being none."""
        name = self._source.name
        reset, after = until_reset(answer.headers, self.now), retry_after(answer.headers, self.now)
        if reset:
            self._budget.hold(name, reset)
        if answer.status == _NOT_MODIFIED and any(header.lower().startswith("if-") for header, _ in request.headers):
            return answer
        classification = classified(self._source, answer)
        redirected = Hop.is_redirect(answer.status)
        if classification in _ANSWERS and not redirected:
            return answer
        self._land(answer)
        words = f"(HTTP {answer.status}): {_words(answer.body)}"
        if classification is Classification.RETRY and not redirected:
            raise self._busy(f"{name} is busy or broken {words}", after or reset)
        if classification is Classification.QUOTA:
            raise self._exhausted(f"{name}: the quota is used up {words}", after or reset)
        if redirected and classification not in (Classification.AUTH, Classification.BAD_REQUEST):
            target = _host(answer.headers.get("location", ""))
            raise Redirected(f"{name} redirects to {target} (HTTP {answer.status}); redirects are not followed")
        raise SourceRejected(f"{name} refuses {words}; {self._advice(classification)}")

    def _advice(self, classification: Classification) -> str:
        name, provider = self._source.name, self._source.provider
        if classification is not Classification.AUTH:
            return "the request is wrong for it"
        if provider.needs_contact:
            return f"see that the contact is one that it accepts ({_variable(name, 'CONTACT')})"
        return f"check the key ({_variable(name, 'API_KEY')})" if provider.takes_key else "it does not let everybody ask"

    def _to_mend(self, headers: Mapping[str, str]) -> str:
        """Which setting makes a request one that cannot be sent; its value is not told."""
        name, wrong = self._source.name, [header for header, value in headers.items() if not (value.isascii() and value.isprintable())]
        settings = {(self._source.provider.key_header or "").lower(): "API_KEY", "user-agent": "CONTACT"}
        named = [_variable(name, settings[header]) for header in wrong if header in settings]
        if named:
            return f"{' and '.join(named)} can only have plain letters (ASCII) on one line"
        return f"its headers {', '.join(wrong)} can only have plain letters" if wrong else f"see the settings of {name}: crfs config check"

    def _busy(self, text: str, after: float | None) -> SourceUnavailable | QuotaExhausted:
        """The error of a busy provider: one that asks for more patience than there is counts as exhausted until then."""
        if not after:  # "now", to one who was just too many, is no time that is worth a try
            return Busy(f"{text}; try again later")
        if after > self._source.provider.retry_total_seconds:
            return self._exhausted(text, after)
        self._budget.hold(self._source.name, after)
        return Busy(f"{text}; try again later", after)

    def _exhausted(self, text: str, seconds: float | None) -> QuotaExhausted:
        """The error of a quota that is used up, until the provider's own time for that or else the next midnight where it counts."""
        now = self.now
        until = now + timedelta(seconds=seconds) if seconds else budgets.next_midnight(now, self._source.provider.quota_zone)
        self._budget.hold(self._source.name, (until - now).total_seconds())
        return QuotaExhausted(f"{text}; more from {until:%Y-%m-%d %H:%M:%S} UTC", until=until)

    def _take(self, first: bool) -> float:
        """Take a slot; of those that a request takes only the first one counts for the day."""
        provider, counted = self._source.provider, self._a_day if first else None
        return self._budget.take(
            self._source.name,
            spacing=self._spacing,
            a_day=counted,
            for_backfills=None if counted is None else int(counted * provider.backfill_share),
            zone=provider.quota_zone,
            backfill=self._backfill,
            patience=provider.retry_total_seconds,
        )

    def _is_connected(self, url: httpcore.URL) -> bool:
        """Whether a connection is there that a request can leave by at once."""
        return any(
            connection.can_handle_request(url.origin) and connection.is_available() and not connection.has_expired()
            for connection in self._pool.connections
        )

    def _land(self, answer: Payload) -> None:
        if self._land_error is not None:
            self._land_error(answer)

    def _sent_to(self, hop: Hop) -> tuple[httpcore.URL, Mapping[str, str]]:
        """Where a request really goes, and the headers that a gateway wants."""
        url = hop.url(self._key)
        return self._mirror.instead_of(url) if self._mirror else (url, {})

    def _exchange(self, request: Request, hop: Hop, turn: Turn) -> Payload | _Failed | _Waits:
        """Connect, wait for the turn, send, and read the whole answer within the provider's bounds; the wait is not the provider's."""
        provider = self._source.provider
        started = self.now
        headers = {**hop.headers(self._key), "user-agent": user_agent(self._contact)}
        url, more = self._sent_to(hop)
        waits: _Waits | None = None

        def before(event: str, about: Mapping[str, Any]) -> None:
            nonlocal started, waits
            if event != "http11.send_request_headers.started" or about["request"].method == b"CONNECT":
                return  # what is said to a proxy reaches no provider
            try:
                self._deadline.extend(turn.come())
            except Far:
                waits = _Waits()
            except Missed:
                waits = _Waits(error=Busy(f"{self._source.name}: its turn came and passed before the connection was there"))
            except Exception as error:  # noqa: BLE001 - whatever it is goes on from where no request with a key is in its context
                waits = _Waits(error=error)
            if waits is not None:
                raise _NotSent
            started = self.now

        try:
            with (
                self._deadline.within(provider.answer_seconds),
                self._pool.stream(
                    hop.method,
                    url,
                    headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in {**headers, **more}.items()],
                    content=hop.content(self._key),
                    extensions={"timeout": _timeouts(provider), "trace": before},
                ) as response,
            ):
                received = _headers(response)
                decoder = Decoder(received.get("content-encoding", ""), max_bytes=provider.max_bytes, max_ratio=provider.max_ratio)
                for chunk in response.iter_stream():
                    decoder.feed(chunk)
                body, status = decoder.finish(), response.status
                framed = _is_framed(received)
                if not framed and not _may_be_whole(body):
                    return _Failed(text="no whole answer: it has neither a length nor an end of its own", retry=True)
        except _NotSent:
            assert waits is not None
            return waits
        except ForbiddenAddress as error:
            return _Failed(text=f"{error}; a gateway of your own is named with {_variable(self._source.name, 'MIRROR')}", refused=True)
        except (TooLarge, UnknownEncoding) as error:
            return _Failed(text=str(error))
        except (Broken, httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError, httpcore.ProxyError) as error:
            tls = _is_tls(error)
            what = "no trusted TLS connection" if tls else "no whole answer"
            return _Failed(text=SCRUBBER.text(f"{what}: {type(error).__name__}: {error}"), retry=not tls)
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol, UnicodeError):
            # What the library says quotes the header that it means.
            return _Failed(text=f"the request cannot be sent; {self._to_mend({**headers, **more})}", ours=True)
        return Payload(
            source=self._source.name,
            stream=request.stream,
            body=SCRUBBER.body(body),
            url=SCRUBBER.text(hop.shown),
            status=status,
            headers={
                **{name: SCRUBBER.text(received[name]) for name in KEPT if name in received},
                **({} if framed or _has_own_end(body) else {UNFRAMED: "the connection's end"}),
            },
            started_at=started,
            fetched_at=self.now,
        )


def _is_framed(headers: Mapping[str, str]) -> bool:
    """Whether the end of a body is known: by its length, its last chunk, or the end of its encoding ("identity" is none)."""
    encoded = headers.get("content-encoding", "").strip().lower() not in {"", "identity"}
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower() or encoded


def _has_own_end(body: bytes) -> bool:
    """Whether a body is of a format (JSON, XML, a packed file) that nothing reads which is cut."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b"<") or body.startswith(b"PK")


def _may_be_whole(body: bytes) -> bool:
    """Whether a body that the connection's end ended is not cut within a line: a number that is cut is a number."""
    ends = (b"}", b"]", b">", b"\0") if _has_own_end(body) else (b"\n", b"\r", b"\0")
    return not body.strip() or body.rstrip(b" \t\r\n" if _has_own_end(body) else b" ")[-1:] in ends


def _timeouts(provider: Provider) -> dict[str, float]:
    seconds = provider.read_seconds
    return {"connect": provider.connect_seconds, "read": seconds, "write": seconds, "pool": provider.answer_seconds}


def _headers(response: httpcore.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _variable(source: str, setting: str) -> str:
    return f"CRFS_SOURCES__{source.upper()}__{setting}"


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "another address"
    except ValueError:
        return "another address"


def _wait_for(error: Exception) -> bool | timedelta:
    """Whether to try again, and after how long if the provider says so; else exponential waits with jitter."""
    if not isinstance(error, Busy):
        return False
    return True if error.after is None else timedelta(seconds=error.after)


def _words(body: bytes) -> str:
    """The provider's own words, on one line and with nothing in them that steers a terminal: what a person reads first."""
    text = plain(" ".join(body[:2000].decode("utf-8", "replace").split()))
    return text[:300] or "no text"


def _is_tls(error: BaseException | None) -> bool:
    """Whether the other side could not be trusted, which another try does not change; a connection that ended is no such thing."""
    connecting = isinstance(error, httpcore.ConnectError)
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        if connecting and isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return True
        error = error.__cause__ or error.__context__
    return False
