"""Run every benchmark, or those named: ``python -m benchmarks [NAME …]``; a bar that is missed makes the exit code 1."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("startup", "append", "main_job", "calibration", "companyfacts", "sentiment", "portfolio_risk", "device", "agreement", "coverage")


def main(names: list[str]) -> int:
    """Run them in order; the number of bars missed."""
    missed = 0
    for name in names or list(NAMES):
        print(f"== {name}", flush=True)
        missed += import_module(f"benchmarks.{name}").run()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
