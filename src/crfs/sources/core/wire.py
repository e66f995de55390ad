"""What is sent: where the key goes, where a request may go, what a redirect makes of it, and the user's own gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import httpcore
import orjson

from crfs.errors import InvalidInput, Redirected
from crfs.sources.core.contract import Provider, Request, Source
from crfs.sources.core.decoding import ACCEPTED_ENCODINGS
from crfs.sources.core.scrubbing import Secret

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a source may name and reach without TLS: servers of this machine, as tests have them."""
_PORTS = {"https": 443, "http": 80}
_PATH = "/%:@!$&'()*+,;=~"
_QUERY = _PATH + "?[]"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_FOR_ANY_HOST = frozenset({"accept", "accept-language", "content-type"})


@cache
def _program() -> str:
    return f"crfs/{version('crfs')}"


def user_agent(contact: str | None) -> str:
    """Who asks: the program and its version, and the user's contact where one is set.

    >>> user_agent("Example Bank jane@example.com").partition(" ")[2]
    'Example Bank jane@example.com'
    """
    return f"{_program()} {contact.strip()}" if contact and contact.strip() else _program()


def proxy_of(address: str) -> httpcore.Proxy:
    """The user's way out of his network, from ``http://name:password@host:port``."""
    parts = urlsplit(address)
    auth = (parts.username, parts.password or "") if parts.username else None
    return httpcore.Proxy(url=urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", "")), auth=auth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One request of a way that redirects may lengthen. ``shown`` is its url as it is kept: the provider's, and without a key."""

    method: str
    shown: str
    sent_headers: tuple[tuple[str, str], ...]
    body: bytes | None
    provider: Provider
    with_key: bool

    @classmethod
    def first(cls, request: Request, source: Source, key: Secret | None) -> Self:
        """What a source asks; :class:`~crfs.errors.InvalidInput` where it may not ask there."""
        problem = _forbidden(request.url, source)
        if problem is not None:
            raise InvalidInput(f"{source.name} {problem}")
        return cls(
            method=request.method,
            shown=_without_key(request.full_url, source.provider),
            sent_headers=request.headers,
            body=request.content,
            provider=source.provider,
            with_key=key is not None and source.provider.key_goes_to(urlsplit(request.url).hostname),
        )

    @staticmethod
    def is_redirect(status: int) -> bool:
        """Whether an answer points elsewhere."""
        return status in _REDIRECTS

    def url(self, key: Secret | None) -> httpcore.URL:
        """Where it is sent."""
        parts = urlsplit(self.shown)
        query = quote(parts.query, safe=_QUERY)
        if key is not None and self.with_key and self.provider.key_parameter:
            query += ("&" if query else "") + urlencode({self.provider.key_parameter: key.value})
        target = quote(parts.path or "/", safe=_PATH) + (f"?{query}" if query else "")
        return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)

    def headers(self, key: Secret | None) -> dict[str, str]:
        """Its headers, by lower-case name."""
        headers = {name.lower(): value for name, value in self.sent_headers}
        headers["accept-encoding"] = ACCEPTED_ENCODINGS
        if self.body is not None:
            headers.setdefault("content-type", "application/json")
        if key is not None and self.with_key and self.provider.key_header:
            headers[self.provider.key_header.lower()] = self.provider.key_prefix + key.value
        return headers

    def content(self, key: Secret | None) -> bytes | None:
        """Its body, with the key where the provider wants it there."""
        if self.body is None or key is None or not self.with_key or not self.provider.key_field:
            return self.body
        try:
            fields: Any = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            fields = None
        if not isinstance(fields, dict):
            raise InvalidInput(f"the key goes into the field {self.provider.key_field} of a JSON object, and the body is none")
        return orjson.dumps({**fields, self.provider.key_field: key.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A gateway of the user's own, asked instead of a provider: path and query are kept, after its own ``path``."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def read(cls, address: str) -> Self:
        """From ``http://127.0.0.1:8080`` or ``https://gateway.example/fred``."""
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise InvalidInput("a mirror is an address like http://127.0.0.1:8080, without a query and without a password")
        return cls(scheme=parts.scheme, host=parts.hostname, port=port, path=parts.path.rstrip("/"))

    def instead_of(self, url: httpcore.URL) -> tuple[httpcore.URL, Mapping[str, str]]:
        """Where a request goes, and the header that says whom it was meant for."""
        target = self.path.encode() + url.target
        return httpcore.URL(scheme=self.scheme, host=self.host, port=self.port, target=target), {"x-forwarded-host": url.host.decode()}

    def own(self, target: str) -> str | None:
        """The path and query of an address of this gateway as the provider has them; None for any other address."""
        parts = urlsplit(target)
        if (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) != (
            self.scheme,
            self.host,
            self.port or _PORTS[self.scheme],
        ):
            return None
        return urlunsplit(("", "", parts.path.removeprefix(self.path) or "/", parts.query, ""))


def followed(hop: Hop, status: int, location: str, source: Source, mirror: Mirror | None) -> Hop:
    """The request that a redirect asks for; :class:`~crfs.errors.Redirected` where it may not be sent.

    The key, and what headers the source set, go to the same host only. ``location`` has been scrubbed: a server that quotes the key in it
    cannot pass it on.
    """
    try:
        if mirror is not None:
            sent, _ = mirror.instead_of(httpcore.URL(hop.shown))
            absolute = urljoin(bytes(sent).decode(), location)
            target = urljoin(hop.shown, mirror.own(absolute) or absolute)
        else:
            target = urljoin(hop.shown, location)
        problem = _forbidden(target, source)
        same = _origin(target) == _origin(hop.shown)
    except (ValueError, UnicodeError):
        raise Redirected(f"{source.name} redirects to an address that cannot be read") from None
    if problem is not None:
        raise Redirected(f"{source.name} redirects, but {problem}")
    keeps = status in _KEEPS_METHOD or hop.body is None
    return Hop(
        method=hop.method if keeps else "GET",
        shown=_without_key(urlunsplit((*urlsplit(target)[:4], "")), source.provider),
        sent_headers=hop.sent_headers if same else tuple(item for item in hop.sent_headers if item[0].lower() in _FOR_ANY_HOST),
        body=hop.body if keeps else None,
        provider=source.provider,
        with_key=hop.with_key and same,
    )


def _forbidden(url: str, source: Source) -> str | None:
    """Why a source may not ask there; None where it may."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "may not talk to an address that cannot be read"
    if parts.hostname not in source.hosts or parts.username is not None:
        allowed = ", ".join(source.hosts) or "no host at all"
        return f"may talk to {allowed}, not to {parts.hostname!r}"
    if parts.hostname in LOOPBACK:
        return None if parts.scheme in _PORTS else f"speaks only https, not {parts.scheme!r}"
    if parts.scheme != "https":
        return f"may talk to {parts.hostname}, but only https is spoken, not {parts.scheme!r}"
    return None if port in (None, 443) else f"may talk to {parts.hostname}, but not at port {port}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _without_key(url: str, provider: Provider) -> str:
    base, _, fragment = url.partition("#")
    path, _, query = base.partition("?")
    if provider.key_parameter and provider.key_parameter in query:
        query = urlencode([(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != provider.key_parameter])
    return path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
