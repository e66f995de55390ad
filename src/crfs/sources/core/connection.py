"""Connections to checked addresses: a name is resolved once, every address is judged, and the connection goes to exactly such a one.

A name that is looked up for a check and again for the connection can change in between; here there is no second look-up. TLS and the Host
header keep the original name.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import certifi
import httpcore

from crfs.sources.core.addresses import refusal

Resolver = Callable[[str, int], list[str]]
"""All addresses of a name, best first."""


class ForbiddenAddress(Exception):
    """A name leads to an address where no provider is asked."""


def system_resolver(host: str, port: int) -> list[str]:
    """What the operating system says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def trusted_certificates() -> ssl.SSLContext:
    """TLS that trusts the authorities of certifi and those of this machine, where an office puts its own."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class Deadline:
    """How long an exchange of the present thread may still take, all of it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic, self._ends = monotonic, threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """The exchange in this block may take so long."""
        self._ends.at = self._monotonic() + seconds
        try:
            yield
        finally:
            self._ends.at = None

    def extend(self, seconds: float) -> None:
        """So long was waited for what is not the provider's."""
        if getattr(self._ends, "at", None) is not None:
            self._ends.at += seconds

    def left(self, timeout: float | None) -> float | None:
        """The lesser of a timeout and what is left."""
        end = getattr(self._ends, "at", None)
        if end is None:
            return timeout
        left = float(end) - self._monotonic()
        if left <= 0.001:
            raise httpcore.ReadTimeout("the whole answer takes too long")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends with the deadline: an answer that drips ends too."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._inner.read(max_bytes, self._deadline.left(timeout))
        except httpcore.ReadTimeout:
            self._deadline.left(None)  # says so where the whole took too long, and not this read
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left(timeout)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to the addresses of names, after it has judged them; ``trusted`` names may lead anywhere, since the user named them."""

    def __init__(
        self,
        *,
        trusted: Collection[str] = (),
        resolve: Resolver = system_resolver,
        deadline: Deadline | None = None,
        inner: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._trusted, self._resolve = frozenset(trusted), resolve
        self._deadline, self._inner = deadline or Deadline(), inner or httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that answers; one forbidden address among them forbids the name."""
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not found: {error}") from None
        if host not in self._trusted:
            for address in addresses:
                if (why := refusal(address)) is not None:
                    raise ForbiddenAddress(f"{host} leads to {address} ({why}), where no provider is asked")
        failed: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._inner.connect_tcp(address, port, self._deadline.left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            return _Stream(stream, self._deadline)
        raise failed

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.NetworkStream:
        """No provider lives in a socket's file."""
        raise ForbiddenAddress(f"{path} is no provider")
