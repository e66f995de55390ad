"""Who is certainly dead: a process of this numbering that is no more; of all others only the lease tells."""

from __future__ import annotations

import subprocess
import sys

from crfs.workflows.holders import holder, is_dead


def ended() -> str:
    """The holder that a process was which has ended."""
    said = subprocess.run(
        [sys.executable, "-c", "from crfs.workflows.holders import holder; print(holder())"], check=True, capture_output=True, text=True
    )
    return said.stdout.strip()


def test_a_process_that_has_ended_is_dead_and_this_one_is_not() -> None:
    assert is_dead(ended())
    assert not is_dead(holder())


def test_a_number_that_counts_elsewhere_is_not_judged_here_though_the_host_has_the_same_name() -> None:
    place, _, number = ended().rpartition(":")
    host, _, numbering = place.rpartition("/")
    assert host
    assert numbering
    for elsewhere in (f"{host}/{'0' * 8}:{number}", f"{host}:{number}", f"another-host/{numbering}:{number}"):
        assert not is_dead(elsewhere), elsewhere


def test_what_is_no_holder_is_not_dead() -> None:
    place = holder().rpartition(":")[0]
    for odd in ("", ":", "a", f"{place}:x", f"{place}:"):
        assert not is_dead(odd), odd


def test_a_number_that_no_process_can_have_is_dead() -> None:
    assert is_dead(f"{holder().rpartition(':')[0]}:{10**30}")
