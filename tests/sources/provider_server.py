"""A real HTTP(S) server that plays a provider, well and badly: answers in turn, and remembers what it was asked and when."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification, Limit, Parsed, Payload, Provider, Query, Request, Transport
from crfs.sources.providers.fred import SOURCE as FRED

Answer = Callable[[BaseHTTPRequestHandler], None]
FAST = (Limit(10_000, 1.0),)
GOOD = b'{"observations": [{"realtime_start": "2020-01-01", "realtime_end": "2020-01-01", "date": "2019-12-01", "value": "1"}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes
    at: float


@dataclass(kw_only=True)
class ProviderServer:
    """The server: ``answers`` in turn, the last one for ever; ``asked`` so far; ``names`` of the servers that TLS clients asked for;
    ``numbers`` of the pages that :func:`quick_pages` gave."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def most_in(self, seconds: float) -> int:
        """The most requests that came in any window of so many seconds."""
        times = sorted(asked.at for asked in self.asked)
        return max(sum(start <= time < start + seconds for time in times) for start in times)


class QuietServer(ThreadingHTTPServer):
    """A client that hangs up, as one with a short patience does, is no news."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def provider_server(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[ProviderServer]:
    """A server on this machine while the block lasts."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for the client's delayed acknowledgement

        def do_GET(self) -> None:
            at = time.monotonic()
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with lock:
                state.asked.append(Asked(method=self.command, path=self.path, headers=self.headers, body=body, at=at))
                turn = len(state.asked)
            state.answers[min(turn, len(state.answers)) - 1](self)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        scheme = "http"
        state = ProviderServer(address="", answers=list(answers))
        if tls is not None:
            scheme = "https"
            tls.sni_callback = lambda _socket, name, _context: state.names.append(name)
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        state.address = f"{scheme}://127.0.0.1:{http.server_address[1]}"
        with served(http):
            yield state


@contextmanager
def served(http: ThreadingHTTPServer) -> Iterator[None]:
    """A server at work in a thread while the block lasts."""
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        http.shutdown()
        thread.join()


@contextmanager
def quick_pages(count: int) -> Iterator[ProviderServer]:
    """Pages as :func:`pages_of` gives them, from a server of one client that reads no more of a request than its page: it is quick."""
    state = ProviderServer(address="")

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting = b""
            while received := connection.recv(65_536):
                waiting += received
                if not waiting.endswith(b"\r\n\r\n"):
                    continue
                number = int(waiting.partition(b"page=")[2].partition(b" ")[0])
                state.numbers.append(number)
                body = json.dumps({"page": number, "next": number + 1 if number < count else None}).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                waiting = b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        state.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=serve)
        thread.start()
        yield state
        thread.join()


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer in one piece; ``Retry_After="1"`` is the header Retry-After."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def unframed(body: bytes, **headers: str) -> Answer:
    """An answer that says nothing of its length: the connection just ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    """Fewer bytes than Content-Length says."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"observations": [')
    handler.close_connection = True


def _chunked(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def chunks(*pieces: bytes, **headers: str) -> Answer:
    """An answer in chunks."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _chunked(handler, **headers)
        for piece in (*pieces, b""):
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    return answer


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    """A chunk that ends in its midst."""
    _chunked(handler)
    handler.wfile.write(b"10\r\n{")
    handler.close_connection = True


def bad_chunks(handler: BaseHTTPRequestHandler) -> None:
    """A chunk whose length is none."""
    _chunked(handler)
    handler.wfile.write(b"xyz\r\n" + GOOD + b"\r\n")
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""
    handler.close_connection = True
    handler.connection.close()


def late(seconds: float) -> Answer:
    """A good answer that comes late."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        reply(200, GOOD)(handler)

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.02)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    """A header now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-More: 1\r\n")
        time.sleep(0.02)


def zeros(size: int, kind: int = 31) -> bytes:
    """That many zeros, as gzip (31), zlib (15) or bare deflate (-15) writes them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, kind)
    return b"".join(
        [*(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)), packer.compress(bytes(size % (1 << 20))), packer.flush()]
    )


def pages_of(count: int | None, *, circle: int | None = None) -> Answer:
    """Pages that name the next one: so many, or endlessly many (None), or such that page ``circle`` comes round again."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        number = int(handler.path.partition("page=")[2].partition("&")[0] or 1)
        following = number + 1 if count is None or number < count else None
        if circle is not None and number == circle:
            following = 1
        reply(200, json.dumps({"page": number, "next": following}).encode())(handler)

    return answer


@dataclass(frozen=True, kw_only=True)
class Local:
    """A source on this machine with FRED's classifier."""

    name: str = "local"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ("127.0.0.1",)
    provider: Provider = Provider(  # noqa: RUF009 - frozen
        limits=FAST, key_parameter="api_key", attempts=3, retry_wait_seconds=0.01, read_seconds=0.3, max_bytes=5000
    )

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        return {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        yield transport.send(Request(url=query.series[0], stream="X"))

    def classify(self, payload: Payload) -> Classification:
        return FRED.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        return FRED.parse(payload, catalogue)


def self_signed(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server that nobody vouches for, and for a client that trusts it all the same."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-subj", "/CN=provider", "-addext", "subjectAltName=" + ",".join(names), "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
