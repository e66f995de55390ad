"""The transport against a real server: patience, refusals, limits, and a key that is nowhere to be found."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceRejected, SourceUnavailable
from crfs.sources.core import Classification, Limit, Parsed, Payload, Provider, Query, Request, Transport
from crfs.sources.core.http import HttpTransport, TokenBucket, retry_after, shared_bucket
from crfs.sources.providers.fred import SOURCE as FRED

KEY = "0123456789abcdef0123456789abcd+/"
Answer = Callable[[BaseHTTPRequestHandler], None]
GOOD = b'{"observations": [{"realtime_start": "2020-01-01", "realtime_end": "2020-01-01", "date": "2019-12-01", "value": "1"}]}'


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"observations": [')
    handler.close_connection = True


def slow(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.6)
    reply(200, GOOD)(handler)


def echo(handler: BaseHTTPRequestHandler) -> None:
    """A provider that tells everybody what it was asked, key and all."""
    reply(400, f'{{"error_code":400,"error_message":"you asked {handler.path} with {KEY}"}}'.encode(), Location=handler.path)(handler)


@dataclass
class Server:
    """Answers in turn, the last one for ever; remembers what it was asked."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Quiet(ThreadingHTTPServer):
    """A client that hangs up, as one with a short patience does, is no news."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths.append(self.path)
            state.answers[min(len(state.paths), len(state.answers)) - 1](self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        state = Server(address=f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Local:
    """FRED's classifier over the local server."""

    name: str = "local"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ("127.0.0.1",)
    provider: Provider = Provider(  # noqa: RUF009 - frozen
        limits=(Limit(10_000, 1.0),),
        key_parameter="api_key",
        attempts=3,
        retry_wait_seconds=0.01,
        read_seconds=0.3,
        max_bytes=5000,
    )

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        return {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        yield transport.send(Request(url=query.series[0], stream="X"))

    def classify(self, payload: Payload) -> Classification:
        return FRED.classify(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        return FRED.parse(payload, catalogue)


def transport(landed: list[Payload] | None = None, *, key: str | None = KEY) -> HttpTransport:
    client = httpx.Client(trust_env=False)
    return HttpTransport(
        Local(), clock=lambda: datetime.now(UTC), key=key, client=client, land_error=landed.append if landed is not None else None
    )


def ask(server: Server, path: str = "/fred/series/observations") -> Request:
    return Request(url=server.address + path, params=(("series_id", "X"),), stream="X")


def test_an_answer_is_a_payload_without_the_key(server: Server) -> None:
    server.answers = [reply(200, GOOD, ETag="abc", Set_Cookie="secret=1")]
    payload = transport().send(ask(server))
    assert "api_key=" in server.paths[0]
    assert payload.url == f"{server.address}/fred/series/observations?series_id=X"
    assert (payload.body, payload.status, payload.stream, payload.source) == (GOOD, 200, "X", "local")
    assert dict(payload.headers).get("etag") == "abc"
    assert "set-cookie" not in payload.headers
    assert payload.started_at <= payload.fetched_at


@pytest.mark.parametrize(("headers", "at_least"), [({}, 0.0), ({"Retry_After": "1"}, 1.0)])
def test_too_many_requests_is_tried_again_when_the_provider_says(server: Server, headers: dict[str, str], at_least: float) -> None:
    server.answers = [reply(429, b"Too Many Requests", **headers), reply(200, GOOD)]
    landed: list[Payload] = []
    start = time.monotonic()
    assert transport(landed).send(ask(server)).body == GOOD
    assert at_least <= time.monotonic() - start < at_least + 1.0
    assert [payload.status for payload in landed] == [429]


def test_a_broken_server_is_unavailable_after_the_attempts_and_every_answer_is_landed(server: Server) -> None:
    server.answers = [reply(500, b"out of order")]
    landed: list[Payload] = []
    with pytest.raises(SourceUnavailable, match=r"HTTP 500.*out of order"):
        transport(landed).send(ask(server))
    assert len(server.paths) == len(landed) == 3


@pytest.mark.parametrize("answer", [cut_short, slow], ids=["cut short", "too slow"])
def test_half_an_answer_is_none(server: Server, answer: Answer) -> None:
    server.answers = [answer]
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        transport().send(ask(server))
    assert len(server.paths) == 3


def test_a_short_page_is_tried_again(server: Server) -> None:
    short = GOOD.replace(b'{"observations"', b'{"count": 7, "observations"')
    server.answers = [reply(200, short), reply(200, GOOD)]
    assert transport().send(ask(server)).body == GOOD


def test_a_page_of_html_is_handed_on_as_another_shape(server: Server) -> None:
    server.answers = [reply(200, b"<!DOCTYPE html><html>maintenance</html>")]
    assert FRED.classify(transport().send(ask(server))) is Classification.SCHEMA


def test_a_refusal_is_not_tried_again(server: Server) -> None:
    server.answers = [reply(400, b'{"error_code":400,"error_message":"Bad Request.  The value for variable api_key is not registered."}')]
    with pytest.raises(SourceRejected, match=r"is not registered.*CRFS_SOURCES__LOCAL__API_KEY"):
        transport().send(ask(server))
    assert len(server.paths) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.2/x", "https://evil.example/x", "https://127.0.0.1@evil.example/x", "http://x@127.0.0.1/"])
def test_only_the_providers_hosts_are_asked(url: str) -> None:
    with pytest.raises(InvalidInput, match="may talk to"):
        transport().send(Request(url=url, stream="X"))


def test_plain_http_to_another_machine_is_refused() -> None:
    with pytest.raises(InvalidInput, match="only https"):
        HttpTransport(FRED, clock=lambda: datetime.now(UTC)).send(Request(url="http://api.stlouisfed.org/fred/", stream="X"))


def test_a_redirect_is_refused_and_not_followed(server: Server) -> None:
    server.answers = [reply(302, GOOD, Location=f"{server.address}/elsewhere")]
    landed: list[Payload] = []
    with pytest.raises(SourceRejected, match="redirects to 127"):
        transport(landed).send(ask(server))
    assert len(server.paths) == len(landed) == 1


def test_an_answer_that_is_too_large_is_dropped(server: Server) -> None:
    server.answers = [reply(200, b"x" * 6000)]
    with pytest.raises(SourceUnavailable, match="larger than 5000 bytes"):
        transport().send(ask(server))
    assert len(server.paths) == 1


def test_no_trusted_tls_is_no_answer_and_not_tried_again(server: Server) -> None:
    server.answers = [reply(200, GOOD)]
    with pytest.raises(SourceUnavailable, match="no trusted TLS"):
        transport().send(Request(url=server.address.replace("http:", "https:"), stream="X"))


@pytest.mark.parametrize("answer", [echo, reply(500, KEY.encode()), cut_short], ids=["echo", "broken", "cut short"])
def test_the_key_is_nowhere_to_be_found(server: Server, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    """Not in payloads, messages, causes, tracebacks with local variables, nor in the logs of the libraries."""
    server.answers = [answer]
    landed: list[Payload] = []
    with caplog.at_level(logging.DEBUG), pytest.raises((SourceRejected, SourceUnavailable)) as caught:
        transport(landed).send(ask(server))
    assert KEY[:32] in server.paths[0] or "api_key=0123456789abcdef" in server.paths[0]
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    said = ["".join(trace.format()), caplog.text, *(str(record.args) for record in caplog.records)]
    said += [str((payload.body, payload.url, dict(payload.headers))) for payload in landed]
    for text in said:
        assert "0123456789abcdef0123456789abcd" not in text.partition("caplog =")[0]


def test_the_budget_lets_requests_through_at_its_rate() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    bucket = TokenBucket(rate=2.0, burst=2, monotonic=lambda: now[0], sleep=sleep)
    for _ in range(6):
        bucket.take()
    assert slept == [0.5] * 4
    assert now[0] == 2.0


def test_the_whole_process_shares_one_budget() -> None:
    assert shared_bucket("fred", FRED.provider) is shared_bucket("fred", FRED.provider)


@pytest.mark.parametrize("text", ["", "soon", "-3", "²", "Mon, 99 Jan"])
def test_a_retry_after_that_cannot_be_read_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}, datetime.now(UTC)) is None
