"""The transport against a real server: patience, refusals, limits, and a key that is nowhere to be found."""

from __future__ import annotations

import gzip
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput, QuotaExhausted, SourceRejected, SourceUnavailable
from crfs.sources.core import Classification, Limit, Payload, Request
from crfs.sources.core.budget import LocalBudget
from crfs.sources.core.contract import UNFRAMED
from crfs.sources.core.headers import LONGEST_WAIT_SECONDS, retry_after, until_reset
from crfs.sources.core.http import HttpTransport
from crfs.sources.providers.fred import SOURCE as FRED
from tests.sources.provider_server import (
    GOOD,
    Answer,
    Local,
    ProviderServer,
    bad_chunks,
    chunks,
    cut_chunks,
    cut_short,
    drip,
    drip_headers,
    hang_up,
    late,
    provider_server,
    reply,
    unframed,
    zeros,
)

KEY = "0123456789abcdef0123456789abcd+/"
Make = Callable[..., HttpTransport]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as server:
        yield server


class Judge(Local):
    """A source whose provider says in one word what its answer is."""

    def classify(self, payload: Payload) -> Classification:
        word = payload.body.partition(b":")[0].decode("latin-1")
        return Classification(word) if word in Classification.__members__ else Classification.OK


@pytest.fixture
def transport() -> Iterator[Make]:
    """Makes transports of a budget of their own, with a key, and closes them."""
    with ExitStack() as stack:

        def made(landed: list[Payload] | None = None, *, source: Local | None = None, key: str | None = KEY, **more: Any) -> HttpTransport:
            given = {"clock": lambda: datetime.now(UTC), "budget": LocalBudget(), **more}
            land = landed.append if landed is not None else None
            return stack.enter_context(HttpTransport(source or Local(), key=key, land_error=land, **given))

        yield made


def with_provider(**changes: Any) -> Local:
    return Local(provider=replace(Local().provider, **changes))


def ask(server: ProviderServer, path: str = "/fred/series/observations", **more: Any) -> Request:
    return Request(url=server.address + path, params=(("series_id", "X"),), stream="X", **more)


def test_an_answer_is_a_payload_without_the_key(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(200, GOOD, ETag="abc", Set_Cookie="secret=1")]
    payload = transport().send(ask(server))
    assert "api_key=" in server.paths[0]
    assert payload.url == f"{server.address}/fred/series/observations?series_id=X"
    assert (payload.body, payload.status, payload.stream, payload.source) == (GOOD, 200, "X", "local")
    assert dict(payload.headers).get("etag") == "abc"
    assert "set-cookie" not in payload.headers
    assert payload.started_at <= payload.fetched_at


# ------------------------------------------------------------------------------------------------------------------ patience


@pytest.mark.parametrize("after", [None, "seconds", "date"])
def test_too_many_requests_is_tried_again_when_the_provider_says(transport: Make, server: ProviderServer, after: str | None) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=2)  # an HTTP date has whole seconds, so that between one and two are left
    headers = {None: {}, "seconds": {"Retry_After": "1"}, "date": {"Retry_After": format_datetime(moment, usegmt=True)}}[after]
    server.answers = [reply(429, b"Too Many Requests", **headers), reply(200, GOOD)]
    landed: list[Payload] = []
    start = time.monotonic()
    assert transport(landed).send(ask(server)).body == GOOD
    at_least = 0.0 if after is None else 0.9
    assert time.monotonic() - start >= at_least
    assert [payload.status for payload in landed] == [429]


def test_what_one_transport_is_told_to_wait_holds_for_all_that_share_the_budget(transport: Make, server: ProviderServer) -> None:
    budget = LocalBudget()
    slept: list[float] = []
    server.answers = [reply(429, b"slow down", Retry_After="1"), reply(200, GOOD)]
    with pytest.raises(SourceUnavailable):
        transport(source=with_provider(attempts=1), budget=budget).send(ask(server))
    transport(budget=budget, sleep=slept.append).send(ask(server))
    assert 0.5 < slept[0] <= 1.0


@pytest.mark.parametrize(("status", "seconds"), [(429, 2700), (503, 600)])
def test_a_provider_that_asks_for_more_patience_than_there_is_is_left_alone_until_then(
    transport: Make, server: ProviderServer, status: int, seconds: int
) -> None:
    server.answers = [reply(status, b"rate limit", Retry_After=str(seconds))]
    budget, landed = LocalBudget(), list[Payload]()
    with pytest.raises(QuotaExhausted) as caught:
        transport(landed, budget=budget).send(ask(server))
    assert abs((caught.value.until - datetime.now(UTC)).total_seconds() - seconds) < 5
    with pytest.raises(QuotaExhausted):
        transport(budget=budget).send(ask(server))
    assert (len(server.asked), [payload.status for payload in landed]) == (1, [status])


def test_a_broken_server_is_unavailable_after_the_attempts_and_every_answer_is_landed(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(500, b"out of order", Server="broken/1")]
    landed: list[Payload] = []
    with pytest.raises(SourceUnavailable, match=r"HTTP 500.*out of order"):
        transport(landed).send(ask(server))
    assert len(server.asked) == len(landed) == 3
    assert {(payload.status, payload.body, payload.headers["content-length"]) for payload in landed} == {(500, b"out of order", "12")}


HALVES = {
    "cut short": cut_short,
    "too slow": late(0.6),
    "cut in a chunk": cut_chunks,
    "no chunk": bad_chunks,
    "no answer": hang_up,
    "half a gzip": reply(200, gzip.compress(GOOD)[:-12], Content_Encoding="gzip"),
    "half a gzip in whole chunks": chunks(gzip.compress(GOOD * 9)[:40], Content_Encoding="gzip"),
    "no gzip": reply(200, GOOD, Content_Encoding="gzip"),
    "a number that may go on": unframed(b"observation_date,UNRATE\n2024-06-01,4"),
    "a number that may go on, as it is": unframed(b"observation_date,UNRATE\n2024-06-01,4", Content_Encoding="identity"),
    "a last line that may go on, by its quotation mark": unframed(b'"date","value"\n"2024-06-01","4"'),
    "a document that ends in a line": unframed(b'{"a": [1,\n'),
    "a damaged gzip": reply(200, gzip.compress(GOOD)[:-6] + b"xxxxxx", Content_Encoding="gzip"),
}


@pytest.mark.parametrize("answer", HALVES.values(), ids=list(HALVES))
def test_half_an_answer_is_none_and_is_tried_again(transport: Make, server: ProviderServer, answer: Answer) -> None:
    server.answers = [answer]
    with pytest.raises(SourceUnavailable, match="no whole answer"):
        transport().send(ask(server))
    assert len(server.asked) == 3
    server.answers = [answer, reply(200, GOOD)]
    server.asked.clear()
    assert transport().send(ask(server)).body == GOOD


@pytest.mark.parametrize("body", [b"a,b\n1,2\n", b'{"a": [1]}', b"<a>1</a>", b'{"a": [1]}\n'])
def test_an_answer_without_a_length_that_ends_as_texts_end_is_taken_and_lines_may_lack(
    transport: Make, server: ProviderServer, body: bytes
) -> None:
    server.answers = [unframed(body)]
    payload = transport().send(ask(server))
    assert payload.body == body
    assert (UNFRAMED in payload.headers) == body.startswith(b"a")


@pytest.mark.parametrize(
    "answer",
    [reply(200, GOOD), chunks(GOOD), unframed(gzip.compress(b"a,b\n1,2\n"), Content_Encoding="gzip")],
    ids=["length", "chunks", "gzip"],
)
def test_an_answer_whose_end_is_known_is_not_said_to_lack_any(transport: Make, server: ProviderServer, answer: Answer) -> None:
    server.answers = [answer]
    assert UNFRAMED not in transport().send(ask(server)).headers


@pytest.mark.parametrize("source", [Local(), Judge()], ids=["by its body", "that says OK"])
def test_a_part_of_an_answer_is_none(transport: Make, server: ProviderServer, source: Local) -> None:
    server.answers = [reply(206, GOOD, Content_Range="bytes 0-99/9999")]
    landed: list[Payload] = []
    with pytest.raises(SourceUnavailable, match="HTTP 206"):
        transport(landed, source=source).send(ask(server))
    assert (len(server.asked), {payload.status for payload in landed}) == (3, {206})


@pytest.mark.parametrize("answer", [drip, drip_headers], ids=["body", "headers"])
def test_an_answer_that_drips_ends(transport: Make, server: ProviderServer, answer: Answer) -> None:
    """No single read is too slow, the whole is."""
    server.answers = [answer]
    start = time.monotonic()
    with pytest.raises(SourceUnavailable, match="the whole answer takes too long"):
        transport(source=with_provider(answer_seconds=0.4, attempts=2)).send(ask(server))
    assert time.monotonic() - start >= 0.8
    assert len(server.asked) == 2


def test_a_server_that_is_not_there_is_unavailable(transport: Make) -> None:
    with provider_server() as server:
        gone = ask(server)
    with pytest.raises(SourceUnavailable, match="no whole answer: ConnectError"):
        transport().send(gone)


def test_a_short_page_is_tried_again(transport: Make, server: ProviderServer) -> None:
    short = GOOD.replace(b'{"observations"', b'{"count": 7, "observations"')
    server.answers = [reply(200, short), reply(200, GOOD)]
    assert transport().send(ask(server)).body == GOOD


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>maintenance</html>", b'{"observation_list": []}'], ids=["html", "renamed"])
def test_an_answer_of_another_shape_is_handed_on_as_such(transport: Make, server: ProviderServer, body: bytes) -> None:
    server.answers = [reply(200, body)]
    payload = transport().send(ask(server))
    assert (payload.body, FRED.classify(payload)) == (body, Classification.SCHEMA)


def test_a_connection_that_the_server_closed_is_opened_anew(transport: Make, server: ProviderServer) -> None:
    def last(handler: BaseHTTPRequestHandler) -> None:
        reply(200, GOOD)(handler)
        handler.close_connection = True

    server.answers = [last]
    sending = transport()
    for _ in range(3):
        assert sending.send(ask(server)).body == GOOD


# ------------------------------------------------------------------------------------------------------------------ refusals


def test_a_refusal_is_not_tried_again(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(400, b'{"error_code":400,"error_message":"Bad Request.  The value for variable api_key is not registered."}')]
    landed: list[Payload] = []
    with pytest.raises(SourceRejected, match=r"is not registered.*CRFS_SOURCES__LOCAL__API_KEY"):
        transport(landed).send(ask(server))
    assert len(server.asked) == len(landed) == 1


@pytest.mark.parametrize(
    ("headers", "zone", "until"),
    [
        ({"Retry_After": "7200"}, "UTC", datetime(2026, 3, 8, 14, 0, tzinfo=UTC)),
        ({}, "UTC", datetime(2026, 3, 9, tzinfo=UTC)),
        ({}, "America/New_York", datetime(2026, 3, 9, 4, tzinfo=UTC)),  # the clocks went forward that day
        ({"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "60"}, "UTC", datetime(2026, 3, 8, 12, 1, tzinfo=UTC)),
    ],
    ids=["retry-after", "midnight", "midnight there", "reset"],
)
def test_a_quota_is_used_up_until_the_provider_says_or_its_next_midnight(
    transport: Make, server: ProviderServer, headers: dict[str, str], zone: str, until: datetime
) -> None:
    server.answers = [reply(200, b"QUOTA: 25 requests a day", **headers)]
    source = Judge(provider=replace(Local().provider, quota_zone=zone))
    landed: list[Payload] = []
    with pytest.raises(QuotaExhausted, match="25 requests a day") as caught:
        transport(landed, source=source, clock=lambda: datetime(2026, 3, 8, 12, tzinfo=UTC)).send(ask(server))
    assert caught.value.until == until
    assert len(server.asked) == len(landed) == 1


def test_after_a_quota_nothing_is_asked_until_it_starts_anew(transport: Make, server: ProviderServer) -> None:
    now = [datetime(2026, 3, 8, 12, tzinfo=UTC)]

    def seconds() -> float:
        return now[0].timestamp()

    budget = LocalBudget(now=lambda: now[0], monotonic=seconds)
    server.answers = [reply(200, b"QUOTA: used up"), reply(200, GOOD)]
    sending = transport(source=Judge(), budget=budget, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(QuotaExhausted) as caught:
            sending.send(ask(server))
        assert caught.value.until == datetime(2026, 3, 9, tzinfo=UTC)
    assert len(server.asked) == 1
    now[0] = datetime(2026, 3, 9, tzinfo=UTC)
    assert sending.send(ask(server)).body == GOOD


def test_who_says_that_no_request_remains_is_not_asked_before_the_reset(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(200, GOOD, X_RateLimit_Remaining="0", X_RateLimit_Reset="30")]
    slept: list[float] = []
    sending = transport(sleep=slept.append)
    sending.send(ask(server))
    assert slept == []
    sending.send(ask(server))
    assert 29 < slept[0] <= 30


def test_the_day_count_is_kept_and_a_backfill_has_its_share_of_it(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(200, GOOD)]
    source = with_provider(limits=(Limit(10_000, 1.0), Limit(10, 86_400.0)), backfill_share=0.3)
    now = datetime(2026, 3, 8, 12, tzinfo=UTC)
    budget = LocalBudget(now=lambda: now)
    backfill, ordinary = (transport(source=source, budget=budget, backfill=kind) for kind in (True, False))
    for _ in range(3):
        backfill.send(ask(server))
    with pytest.raises(QuotaExhausted, match="the 3 of a day's 10 requests that backfills may use"):
        backfill.send(ask(server))
    for _ in range(7):
        ordinary.send(ask(server))
    with pytest.raises(QuotaExhausted, match="the day's 10 requests"):
        ordinary.send(ask(server))
    assert len(server.asked) == 10


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_refused_and_not_followed_where_the_provider_has_none(transport: Make, server: ProviderServer, status: int) -> None:
    server.answers = [reply(status, GOOD, Location=f"{server.address}/elsewhere")]
    landed: list[Payload] = []
    with pytest.raises(SourceRejected, match="redirects to 127"):
        transport(landed).send(ask(server))
    assert len(server.asked) == len(landed) == 1


def test_an_unchanged_answer_is_handed_on_to_who_asked_for_changes_alone(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(304, ETag="abc")]
    landed: list[Payload] = []
    payload = transport(landed).send(ask(server, headers=(("If-None-Match", "abc"),)))
    assert (payload.status, payload.body, landed) == (304, b"", [])
    assert server.asked[0].headers["if-none-match"] == "abc"


# -------------------------------------------------------------------------------------------------------------------- bounds


def test_an_answer_that_is_too_large_is_dropped(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(200, b"x" * 6000)]
    with pytest.raises(SourceUnavailable, match="larger than 5000 bytes"):
        transport().send(ask(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", [31, 15, -15], ids=["gzip", "zlib", "deflate"])
def test_a_bomb_does_not_go_off(transport: Make, server: ProviderServer, kind: int) -> None:
    """A hundredth of a gigabyte of zeros in ten kilobytes, and a thousand times as much, if anybody went on."""
    bomb = zeros(64 << 20, kind)
    server.answers = [reply(200, bomb, Content_Encoding="gzip" if kind == 31 else "deflate")]
    with pytest.raises(SourceUnavailable, match="grows more than 100-fold"):
        transport(source=with_provider(max_bytes=1 << 30)).send(ask(server))
    with pytest.raises(SourceUnavailable, match="larger than 5000 bytes"):
        transport().send(ask(server))
    assert len(server.asked) == 2


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_that_was_not_asked_for_is_no_answer(transport: Make, server: ProviderServer, encoding: str) -> None:
    server.answers = [reply(200, GOOD, Content_Encoding=encoding)]
    with pytest.raises(SourceUnavailable, match="not asked for"):
        transport().send(ask(server))
    assert server.asked[0].headers["accept-encoding"] == "gzip, deflate"


# ---------------------------------------------------------------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/x", "https://evil.example/x", "https://127.0.0.1@evil.example/x", "http://x@127.0.0.1/", "http://2130706433/",
        "http://[::ffff:127.0.0.1]/", "http://127.0.0.1\\@evil.example/", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[/",
    ],
)  # fmt: skip
def test_only_the_providers_hosts_are_asked(transport: Make, url: str) -> None:
    with pytest.raises(InvalidInput, match=r"may talk to|may not talk to|speaks only"):
        transport().send(Request(url=url, stream="X"))


@pytest.mark.parametrize("url", ["http://api.stlouisfed.org/fred/", "ftp://api.stlouisfed.org/fred/"])
def test_plain_http_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="only https"):
        HttpTransport(FRED, clock=lambda: datetime.now(UTC)).send(Request(url=url, stream="X"))


def test_no_other_port_of_a_provider_is_asked() -> None:
    with pytest.raises(InvalidInput, match="not at port 22"):
        HttpTransport(FRED, clock=lambda: datetime.now(UTC)).send(Request(url="https://api.stlouisfed.org:22/", stream="X"))


# -------------------------------------------------------------------------------------------------------------------- the key


def echo(handler: BaseHTTPRequestHandler) -> None:
    """A provider that tells everybody what it was asked, key and all, in every form."""
    words = {"error_code": 400, "error_message": f"you asked {handler.path} with {KEY}, <{KEY.upper()}>; API key as {KEY}"}
    body = json.dumps(words).replace("/", "\\/").encode() + handler.path.lower().encode()
    reply(400, body, Location=handler.path)(handler)


ECHOES = {
    "echo": echo,
    "broken": reply(500, KEY.encode()),
    "cut short": cut_short,
    "elsewhere": reply(302, Location=f"https://evil.example/{KEY}"),
}


@pytest.mark.parametrize("place", ["parameter", "header", "field"])
@pytest.mark.parametrize("answer", ECHOES.values(), ids=list(ECHOES))
def test_the_key_is_nowhere_to_be_found(
    transport: Make, server: ProviderServer, answer: Answer, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in payloads, messages, causes, tracebacks with local variables, nor in the logs of the libraries."""
    server.answers = [answer]
    landed: list[Payload] = []
    keys: dict[str, Any] = {"key_parameter": None, f"key_{place}": "api_key", "key_prefix": "Bearer "}
    request = ask(server, content=b'{"series": ["X"]}' if place == "field" else None)
    with caplog.at_level(logging.DEBUG), pytest.raises((SourceRejected, SourceUnavailable)) as caught:
        transport(landed, source=with_provider(**keys)).send(request)
    asked = server.asked[0]
    sent = {
        "parameter": "api_key=0123456789abcdef0123456789abcd%2B%2F" in asked.path,
        "header": asked.headers["api_key"] == f"Bearer {KEY}",
        "field": json.loads(asked.body or b"{}").get("api_key") == KEY,
    }
    assert sent == {name: name == place for name in sent}
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [part for part in trace.format() if "test_http.py" not in part]
    said = [*own, caplog.text, *(str(record.args) for record in caplog.records)]
    said += [str((payload.body, payload.url, dict(payload.headers))) for payload in landed]
    assert own
    for text in said:
        assert "0123456789abcdef0123456789abcd" not in text.lower()


# --------------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("status", [400, 503])
def test_a_providers_words_steer_no_terminal_and_fit_into_every_column(
    transport: Make, server: ProviderServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """NUL, escape sequences (of one and of two bytes), DEL, and marks that turn the order of letters."""
    said = "out\0 of \x1b]0;mine\x07\x1b[2J\x9b31m\x7f order\r\n\u202esoon\u2066 \u20ac"
    server.answers = [reply(status, said.encode())]
    with pytest.raises((SourceUnavailable, SourceRejected), match=r"out\ufffd of .*order \ufffdsoon\ufffd \u20ac") as caught:
        transport().send(ask(server))
    for text in [str(caught.value), *(record.getMessage() for record in caplog.records)]:
        assert all(letter.isprintable() for letter in text), ascii(text)


def test_what_a_redirect_says_of_its_target_steers_no_terminal(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(302, b"", Location="https://evil\x9b31m.example/")]
    with pytest.raises(SourceRejected, match="redirects to evil") as caught:
        transport().send(ask(server))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("key", "contact", "named"),
    [("word\nword", None, "LOCAL__API_KEY"), ("w\u00f6rdword", None, "LOCAL__API_KEY"), ("wordword", "Jane\nDoe", "LOCAL__CONTACT")],
    ids=["key", "letters", "contact"],
)
def test_what_cannot_be_sent_is_our_mistake_and_its_value_is_not_told(
    transport: Make, server: ProviderServer, caplog: pytest.LogCaptureFixture, key: str, contact: str | None, named: str
) -> None:
    source = with_provider(key_parameter=None, key_header="X-Key")
    with pytest.raises(InvalidInput, match=f"cannot be sent; CRFS_SOURCES__{named} can only have") as caught:
        transport(source=source, key=key, contact=contact).send(ask(server))
    told = "".join([*traceback.format_exception(caught.value), caplog.text])
    assert not any(part in told for part in ("word", "w\u00f6rd", "Jane", "Illegal"))
    assert server.asked == []


def test_a_key_is_sent_and_found_without_what_stands_around_it(transport: Make, server: ProviderServer) -> None:
    server.answers = [reply(200, GOOD + b"  " + KEY.encode())]
    source = with_provider(key_parameter=None, key_header="X-Key")
    payload = transport(source=source, key=f" {KEY}\r\n").send(ask(server))
    assert (server.asked[0].headers["x-key"], KEY.encode() in payload.body) == (KEY, False)


# ------------------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize("after", ["0", "Mon, 01 Jan 2024 00:00:30 GMT", "-5", "0.0"])
def test_now_is_no_time_to_ask_again(transport: Make, server: ProviderServer, after: str) -> None:
    server.answers = [reply(429, b"slow down", Retry_After=after)]
    with pytest.raises(SourceUnavailable):
        transport(source=with_provider(attempts=3, retry_wait_seconds=0.2)).send(ask(server))
    times = [asked.at for asked in server.asked]
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times)), times


@pytest.mark.parametrize(
    ("text", "seconds"), [("1.5", 2.0), ("5, 1", 5.0), ("1, 5", 5.0), ("0.2", 1.0), ("0", 0.0), ("9" * 19, LONGEST_WAIT_SECONDS)]
)
def test_how_long_to_wait_is_read_as_the_longest_that_it_may_mean(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, datetime.now(UTC)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "-3", "²", "Mon, 99 Jan",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999", f"Mon, 01 Jan {'9' * 5000} 00:00:00 GMT",
    ],
)  # fmt: skip
def test_a_retry_after_that_cannot_be_read_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}, datetime.now(UTC)) is None


NUMBERS = st.one_of(st.integers(-1, 70), st.integers(0, 10**25)).map(str)
DATES = st.builds(
    lambda day, month, year, hour, sign, zone: f"Mon, {day} {month} {year} {hour}:00:00 {sign}{zone}",
    NUMBERS, st.sampled_from(["Jan", "Feb", "Dec", "Foo"]), NUMBERS, NUMBERS, st.sampled_from(["+", "-", ""]), NUMBERS,
)  # fmt: skip


@given(st.one_of(st.text(max_size=40), DATES, NUMBERS), st.datetimes(timezones=st.just(UTC)))
def test_no_header_is_too_odd_to_be_read_as_a_wait_or_none(text: str, now: datetime) -> None:
    for seconds in (
        retry_after({"retry-after": text}, now),
        until_reset({"x-ratelimit-remaining": "0", "x-ratelimit-reset": text}, now),
        until_reset({"x-ratelimit-remaining": text, "x-ratelimit-reset": "60"}, now),
    ):
        assert seconds is None or 0.0 <= seconds <= LONGEST_WAIT_SECONDS


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [
        ("0", "1704067260", 60.0),
        ("0", "1704067260000", 60.0),
        ("0.0", "90", 90.0),
        ("0", "1600000000", 0.0),
        ("0", "99999999999", 86_400.0),
        ("1", "60", None),
        ("0", None, None),
        ("0", "soon", None),
        ("0", "9" * 400, None),
        (None, "60", None),
    ],
)
def test_a_reset_is_read_as_seconds_or_as_an_instant(remaining: str | None, reset: str | None, seconds: float | None) -> None:
    found = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    headers = {name: text for name, text in found.items() if text is not None}
    assert until_reset(headers, datetime(2024, 1, 1, tzinfo=UTC)) == seconds
