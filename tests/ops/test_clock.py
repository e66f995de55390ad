"""The machine's clock, corrected by a server's where the two differ by more than clocks do that keep time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crfs.ops.clock import AGREES, SystemClock

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Machine:
    """A machine's clock that goes on by itself only while somebody waits."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def answer(self, said: datetime, *, takes: timedelta = timedelta(0)) -> datetime:
        self.time += takes
        return said


@pytest.mark.parametrize("ahead", [timedelta(seconds=-90), timedelta(days=400), -3 * AGREES, 3 * AGREES])
def test_a_machine_that_is_off_tells_the_servers_time(ahead: timedelta) -> None:
    machine = Machine()
    clock = SystemClock(machine)
    assert clock.set_by(lambda: NOON - ahead) == -ahead
    assert clock.now() == NOON - ahead
    machine.time += timedelta(hours=1)
    assert clock.now() == NOON - ahead + timedelta(hours=1)
    # Somebody has set it in the meantime.
    machine.time -= ahead
    assert clock.set_by(machine) == timedelta(0)
    assert clock.now() == machine.time


def test_one_that_keeps_time_is_left_alone_and_so_is_one_whose_server_took_long_to_answer() -> None:
    machine = Machine()
    clock = SystemClock(machine)
    assert clock.set_by(lambda: NOON + AGREES / 2) == timedelta(0)
    assert clock.now() == NOON
    assert clock.set_by(lambda: machine.answer(NOON + timedelta(seconds=9), takes=timedelta(seconds=20))) == timedelta(0)
    assert clock.now() == machine.time
