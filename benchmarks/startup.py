"""CPU seconds of ``import crfs`` and of ``crfs --help`` (bar: 0.3 s each, the median of seven children)."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.report import keep, machine

BAR_SECONDS = 0.3
COMMANDS = {
    "import crfs": [sys.executable, "-c", "import crfs"],
    "crfs --help": [str(Path(sys.executable).parent / "crfs"), "--help"],
}


def run() -> int:
    """Measure; the number of bars missed."""
    before = machine()
    figures = {name: statistics.median(_cpu_seconds(command) for _ in range(7)) for name, command in COMMANDS.items()}
    keep("startup", {"bar_cpu_seconds": BAR_SECONDS, "cpu_seconds": figures}, before)
    return sum(seconds > BAR_SECONDS for seconds in figures.values())


def _cpu_seconds(command: list[str]) -> float:
    start = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    end = os.times()
    return (end.children_user - start.children_user) + (end.children_system - start.children_system)


if __name__ == "__main__":
    sys.exit(run())
