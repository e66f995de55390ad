"""What every request passes, as plain ASGI: the Host header, the size of a body, headers that keep a browser inside."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crfs.apps.api import problems

# No inline script or style, nothing from elsewhere, no framing, forms to this service alone.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "script-src 'none'; connect-src 'self'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class Guard:
    """Refuses a foreign Host (DNS rebinding) and a write that a foreign page's form sends, and puts the security headers on answers.

    ``hosts`` are the names that this service may be called by, without port; ``*`` takes any.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = host_name(headers.get("host", ""))

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                outgoing = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    outgoing.setdefault(name, value)
            await send(message)

        if "*" not in self.hosts and host not in self.hosts:
            detail = f"this service is not called {host or '(nothing)'}; it answers as {', '.join(sorted(self.hosts))}"
            await _refuse(400, detail, scope, receive, guarded)
            return
        origin = headers.get("origin")
        if scope["method"] not in _SAFE_METHODS and origin is not None and host_name(origin.partition("://")[2]) != host:
            await _refuse(403, f"a page of {origin} may not write here", scope, receive, guarded)
            return
        await self.app(scope, receive, guarded)


class BodyLimit:
    """Refuses a body of more than ``limit`` bytes: at its Content-Length, or at the byte that is too many."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        detail = f"the body has more than {self.limit:,} bytes, the most that this service takes"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self.limit:
            await _refuse(413, detail, scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, counted, send)


def host_name(host: str) -> str:
    """The name of a Host header, without its port, in lower case.

    >>> host_name("LocalHost:8000"), host_name("[::1]:8000"), host_name("127.0.0.1")
    ('localhost', '[::1]', '127.0.0.1')
    """
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


async def _refuse(status: int, detail: str, scope: Scope, receive: Receive, send: Send) -> None:
    body: dict[str, Any] = problems.of_status(status, detail, str(scope.get("path", "")))
    await problems.answer(body)(scope, receive, send)
