"""Turns: however long connections take, no limit is broken; no connection waits long; and waiting is not the provider's slowness."""

from __future__ import annotations

import ssl
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import QuotaExhausted, SourceUnavailable
from crfs.sources.core import Limit, Request
from crfs.sources.core.budget import JITTER_SECONDS, LocalBudget, spacing
from crfs.sources.core.http import HttpTransport
from crfs.sources.core.turns import HELD_SECONDS, LATE_SECONDS, Far, Missed, Turn
from tests.sources.provider_server import GOOD, Local, QuietServer, provider_server, reply, self_signed, served

KEY = "0123456789abcdef0123456789abcdef"


class Clock:
    """A time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(
    st.lists(st.tuples(st.floats(0, 3), st.lists(st.floats(0, 20), min_size=8, max_size=8)), min_size=1, max_size=30),
    st.sampled_from([Limit(2, 1.0), Limit(1, 5.0), Limit(5, 60.0)]),
)
def test_however_long_connections_take_requests_keep_their_distance(asked: list[tuple[float, list[float]]], limit: Limit) -> None:
    clock = Clock()
    budget = LocalBudget(monotonic=lambda: clock.now)
    apart = spacing([limit])
    left: list[float] = []
    for pause, connecting in asked:
        clock.sleep(pause)
        taken: list[bool] = []

        def take(first: bool, taken: list[bool] = taken) -> float:
            taken.append(first)
            return budget.take("x", spacing=apart, a_day=None, for_backfills=None, zone="UTC", backfill=False, patience=1e9)

        turn = Turn(take, sleep=clock.sleep, monotonic=lambda: clock.now)
        for seconds in connecting:
            turn.draw_near()
            clock.sleep(seconds)
            try:
                waited = turn.come()
            except Far:
                continue
            except Missed:
                break
            assert waited <= max(HELD_SECONDS, 2 * max(connecting) + JITTER_SECONDS)
            left.append(clock.now)
            break
        assert taken == [True] + [False] * (len(taken) - 1), "a request counts once for the day"
    assert all(later - earlier >= apart - LATE_SECONDS - 1e-6 for earlier, later in pairwise(left))


def test_a_connection_that_takes_as_long_as_the_one_before_is_there_in_time() -> None:
    clock, slots = Clock(), iter([30.0])
    turn = Turn(lambda _: next(slots), sleep=clock.sleep, monotonic=lambda: clock.now)
    turn.draw_near()
    clock.sleep(1.5)
    with pytest.raises(Far):
        turn.come()
    turn.draw_near()
    assert clock.now == pytest.approx(101.5 + 30.0 - 3.25)
    clock.sleep(1.5)
    assert turn.come() == pytest.approx(1.75)
    assert clock.now == pytest.approx(131.5)


def test_who_never_comes_in_time_is_not_sent() -> None:
    clock = Clock()
    late = iter([1.0] * 9)
    turn = Turn(lambda _: 0.5, sleep=lambda seconds: clock.sleep(seconds + next(late)), monotonic=lambda: clock.now)
    turn.draw_near()
    with pytest.raises(Missed):
        turn.come()


# -------------------------------------------------------------------------------------------------------------- real servers


@dataclass(kw_only=True)
class Slow:
    """A server: how long each of its handshakes takes (the last for ever), and when connections and requests came."""

    port: int
    handshakes: list[float]
    silence: float = 60.0
    connected: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def request(self, number: int = 0) -> Request:
        return Request(url=f"https://127.0.0.1:{self.port}/{number}", stream="X")


@contextmanager
def slow_server(tls: ssl.SSLContext, *handshakes: float, silence: float = 60.0) -> Iterator[Slow]:
    """Over TLS; it closes a connection that says nothing for ``silence`` seconds."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = silence

        def setup(self) -> None:
            with lock:
                state.connected.append(time.monotonic())
                seconds = state.handshakes[min(len(state.connected), len(state.handshakes)) - 1]
            time.sleep(seconds)
            self.request.do_handshake()
            super().setup()

        def do_GET(self) -> None:
            with lock:
                state.asked.append(time.monotonic())
            reply(200, GOOD)(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        state = Slow(port=http.server_address[1], handshakes=list(handshakes))
        with served(http):
            yield state


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


def source(*limits: Limit, **more: Any) -> Local:
    return Local(provider=replace(Local().provider, limits=limits, read_seconds=5.0, **more))


def sending(trust: ssl.SSLContext, source: Local, budget: LocalBudget, **more: object) -> HttpTransport:
    return HttpTransport(source, clock=lambda: datetime.now(UTC), budget=budget, tls=trust, **more)  # type: ignore[arg-type]


def test_a_slow_handshake_breaks_no_limit(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """One process is still connecting when another one begins to ask: its request would arrive amid the other's."""
    budget, two_a_second = LocalBudget(), source(Limit(2, 1.0))

    def work(count: int) -> None:
        with sending(tls[1], two_a_second, budget) as transport:
            for number in range(count):
                transport.send(server.request(number))

    with slow_server(tls[0], 1.2, 0.0, 0.5, 0.0) as server:
        threads = [threading.Thread(target=work, args=(count,)) for count in (1, 4, 2)]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
    times = sorted(server.asked)
    assert len(times) == 7
    assert len(server.connected) == 3, "connections are used again"
    assert max(sum(start <= moment < start + 1.0 for moment in times) for start in times) <= 2


def test_no_connection_waits_for_a_slot_that_is_far_away(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """This server closes connections that are silent for a second; no request is lost by it, and no slot."""
    budget, seldom = LocalBudget(), source(Limit(1, 2.5), attempts=1)
    with (
        slow_server(tls[0], 0.3, silence=1.0) as server,
        sending(tls[1], seldom, budget) as first,
        sending(tls[1], seldom, budget) as other,
    ):
        first.send(server.request())
        other.send(server.request())
        first.send(server.request())
    one, two, three = server.asked
    assert 2.6 < two - one < 3.2
    assert 2.6 < three - two < 3.2


def test_what_waits_for_its_turn_is_not_slow(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """The whole answer may take half a second, and the turn comes after three."""
    budget, hasty = LocalBudget(), source(Limit(1, 1.0), answer_seconds=0.5, attempts=1)
    with slow_server(tls[0], 0.0) as server, sending(tls[1], hasty, budget) as first, sending(tls[1], hasty, budget) as other:
        first.send(server.request())
        payload = other.send(server.request())
        assert (payload.fetched_at - payload.started_at).total_seconds() < 0.5, "it began when the request left"
        first.send(server.request())
    assert len(server.connected) == 2


def test_what_ends_the_wait_for_a_turn_shows_no_key() -> None:
    """Whether the slot is asked for with or without a connection."""
    budget = LocalBudget()
    scarce = Local(provider=replace(Local().provider, limits=(Limit(1, 86_400.0),)))
    with provider_server(reply(200, GOOD)) as server:
        request = Request(url=server.address + "/x", stream="X")
        with HttpTransport(scarce, clock=lambda: datetime.now(UTC), budget=budget, key=KEY) as transport:
            transport.send(request)
            for _ in range(2):
                with pytest.raises(QuotaExhausted) as caught:
                    transport.send(request)
        with (
            HttpTransport(scarce, clock=lambda: datetime.now(UTC), budget=budget, key=KEY) as fresh,
            pytest.raises(QuotaExhausted) as anew,
        ):
            fresh.send(request)
        assert len(server.asked) == 1
    for error in (caught.value, anew.value):
        assert error.__context__ is None
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert KEY not in "".join(part for part in trace.format() if "test_turns.py" not in part)


def test_a_server_that_is_not_there_costs_no_slot() -> None:
    budget, landed = LocalBudget(), Local(provider=replace(Local().provider, limits=(Limit(5, 86_400.0),)))
    with provider_server(reply(200, GOOD)) as server:
        gone = Request(url=server.address + "/x", stream="X")
    with HttpTransport(landed, clock=lambda: datetime.now(UTC), budget=budget) as transport:
        for _ in range(3):
            with pytest.raises(SourceUnavailable, match="ConnectError"):
                transport.send(gone)
    assert budget.take("local", spacing=0, a_day=1, for_backfills=None, zone="UTC", backfill=False, patience=0) == 0.0
