"""Talking to a provider over HTTPS: allowed hosts only, a process-wide request budget, retries that listen, and no key anywhere.

What a provider answers is judged by its source's classifier, never by the HTTP status alone.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Self
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import httpx
import stamina

from crfs.errors import InvalidInput, SourceRejected, SourceUnavailable
from crfs.sources.core.contract import Classification, Payload, Provider, Request, Source

_REDACTED = "REDACTED"
_LONGEST_WAIT_SECONDS = 3600.0
_KEPT_HEADERS = (
    "content-type", "content-length", "content-encoding", "date", "last-modified", "etag", "expires", "cache-control", "retry-after",
    "location", "server", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
)  # fmt: skip
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class TokenBucket:
    """A request budget: ``rate`` tokens a second up to ``burst``; :meth:`take` waits for one. Safe between threads."""

    def __init__(
        self, *, rate: float, burst: int, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ):
        if rate <= 0 or burst < 1:
            raise InvalidInput(f"a request budget needs a positive rate and a burst of at least 1, got {rate} and {burst}")
        self._rate, self._burst = rate, burst
        self._monotonic, self._sleep = monotonic, sleep
        self._tokens, self._filled = float(burst), monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Wait for a token; returns the seconds waited. Those who wait are served in turn, each with its own token."""
        with self._lock:
            now = self._monotonic()
            self._tokens = min(float(self._burst), self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            self._tokens -= 1.0
            wait = max(0.0, -self._tokens / self._rate)
        if wait:
            self._sleep(wait)
        return wait


_buckets: dict[str, TokenBucket] = {}
_buckets_lock = threading.Lock()


def shared_bucket(name: str, provider: Provider) -> TokenBucket:
    """The one bucket of this process for a provider, whoever asks."""
    with _buckets_lock:
        return _buckets.setdefault(name, TokenBucket(rate=provider.limits[0].requests / provider.limits[0].seconds, burst=1))


class _Scrubber(logging.Filter):
    """Removes secrets from text, bytes and log records, in the plain form and as a query writes them."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: frozenset[str] = frozenset()

    def add(self, secret: str) -> None:
        if secret:
            forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
            self._secrets = self._secrets | forms

    def text(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _REDACTED)
        return text

    def body(self, body: bytes) -> bytes:
        for secret in sorted(self._secrets, key=len, reverse=True):
            body = body.replace(secret.encode(), _REDACTED.encode())
        return body

    def filter(self, record: logging.LogRecord) -> bool:
        """Log records of the HTTP library are rewritten, not dropped."""
        message = record.getMessage()
        clean = self.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


_scrubber = _Scrubber()
for _name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_scrubber)


@dataclass(frozen=True, slots=True, repr=False)
class _Secret:
    value: str

    def __repr__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """An exchange that gave no answer to judge; ``text`` has no secret."""

    text: str
    retry: bool


class _Busy(SourceUnavailable):
    """The provider is busy or the connection broke; ``after`` is how long it asks us to wait, if it says so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class HttpTransport:
    """Sends a source's requests; see the module's first lines.

    ``key`` is the user's key for the provider (None: go without), ``clock`` says what time it is in UTC, ``client`` is an httpx client
    to use instead of an own one, ``land_error`` gets every answer that is an error, scrubbed, before anything is raised or tried again.
    """

    def __init__(
        self,
        source: Source,
        *,
        clock: Callable[[], datetime],
        key: str | None = None,
        client: httpx.Client | None = None,
        land_error: Callable[[Payload], None] | None = None,
    ) -> None:
        self._source, self._clock, self._land_error = source, clock, land_error
        self._key = _Secret(key) if key else None
        if key:
            _scrubber.add(key)
        self._own = client is None
        self._client = client or httpx.Client(http2=False, follow_redirects=False)
        self._bucket = shared_bucket(source.name, source.provider)

    @property
    def has_key(self) -> bool:
        """Whether requests carry the user's key."""
        return self._key is not None

    @property
    def now(self) -> datetime:
        """The time by the clock that was passed in, UTC."""
        return self._clock().astimezone(UTC)

    def close(self) -> None:
        """Close the connections, if the client is this transport's own."""
        if self._own:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: Request) -> Payload:
        """The answer, if its classification is OK, EMPTY or SCHEMA; otherwise an error with the provider's words."""
        self._check_host(request)
        provider = self._source.provider
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
                return self._once(request)
        raise AssertionError("stamina ends with an answer or an error")

    def _once(self, request: Request) -> Payload:
        name = self._source.name
        self._bucket.take()
        # _exchange returns its failure, so that no exception here has one in its context whose request carries the key.
        outcome = self._exchange(request)
        if isinstance(outcome, _Failed):
            text = f"{name}: {outcome.text}"
            if outcome.retry:
                raise _Busy(text)
            raise SourceUnavailable(text)
        classification = self._source.classify(outcome)
        redirected = 300 <= outcome.status < 400
        if classification in (Classification.OK, Classification.EMPTY, Classification.SCHEMA) and not redirected:
            return outcome
        if self._land_error is not None:
            self._land_error(outcome)
        words = _words(outcome.body)
        if classification is Classification.RETRY and not redirected:
            raise _Busy(
                f"{name} is busy or broken (HTTP {outcome.status}): {words}; try again later", retry_after(outcome.headers, self.now)
            )
        if redirected and classification not in (Classification.AUTH, Classification.QUOTA, Classification.BAD_REQUEST):
            target = urlsplit(outcome.headers.get("location", "")).hostname or "another address"
            raise SourceRejected(f"{name} redirects to {target} (HTTP {outcome.status}); redirects are not followed")
        advice = {
            Classification.AUTH: f"check the key (CRFS_SOURCES__{name.upper()}__API_KEY)",
            Classification.QUOTA: "the quota is used up; wait until it is reset",
        }.get(classification, "the request is wrong for this provider")
        raise SourceRejected(f"{name} refuses (HTTP {outcome.status}): {words}; {advice}")

    def _exchange(self, request: Request) -> Payload | _Failed:
        provider = self._source.provider
        params, headers = list(request.params), {"user-agent": f"crfs/{version('crfs')}", **dict(request.headers)}
        if self._key is not None and provider.key_parameter:
            params.append((provider.key_parameter, self._key.value))
        if self._key is not None and provider.key_header:
            headers[provider.key_header] = self._key.value
        timeout = httpx.Timeout(provider.read_seconds, connect=provider.connect_seconds)
        started = self.now
        body = bytearray()
        try:
            with self._client.stream(
                "GET", request.url, params=httpx.QueryParams(tuple(params)), headers=headers, timeout=timeout, follow_redirects=False
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > provider.max_bytes:
                        return _Failed(text=f"the answer is larger than {provider.max_bytes} bytes; ask for less at a time", retry=False)
                status, received = response.status_code, response.headers
        except httpx.HTTPError as error:
            tls = _is_tls(error)
            what = "no trusted TLS connection" if tls else "no whole answer"
            return _Failed(text=_scrubber.text(f"{what}: {type(error).__name__}: {error}"), retry=not tls)
        except (httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            return _Failed(text=_scrubber.text(f"the request cannot be sent: {type(error).__name__}: {error}"), retry=False)
        kept = {name: _scrubber.text(received[name]) for name in _KEPT_HEADERS if name in received}
        return Payload(
            source=self._source.name,
            stream=request.stream,
            body=_scrubber.body(bytes(body)),
            url=_scrubber.text(_without_key(request, provider)),
            status=status,
            headers=kept,
            started_at=started,
            fetched_at=self.now,
        )

    def _check_host(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.hostname not in self._source.hosts or parts.username is not None:
            allowed = ", ".join(self._source.hosts) or "no host at all"
            raise InvalidInput(f"{self._source.name} may talk to {allowed}, not to {parts.hostname!r}")
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise InvalidInput(f"{self._source.name}: only https is spoken, not {parts.scheme!r}")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or an HTTP date), at most an hour; None without one that can be read.

    >>> retry_after({"retry-after": "12"}, datetime(2024, 1, 1, tzinfo=UTC))
    12.0
    >>> retry_after({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT"}, datetime(2024, 1, 1, tzinfo=UTC))
    30.0
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT_SECONDS)


def _wait_for(error: Exception) -> bool | timedelta:
    """Whether to try again, and after how long if the provider says so; else exponential waits with jitter."""
    if not isinstance(error, _Busy):
        return False
    return True if error.after is None else timedelta(seconds=error.after)


def _without_key(request: Request, provider: Provider) -> str:
    url, _, fragment = request.full_url.partition("#")
    base, _, query = url.partition("?")
    params = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != provider.key_parameter]
    return base + (f"?{urlencode(params)}" if params else "") + (f"#{fragment}" if fragment else "")


def _words(body: bytes) -> str:
    """The provider's own words, on one line: what a person reads first."""
    text = " ".join(body[:2000].decode("utf-8", "replace").split())
    return text[:300] or "no text"


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
