"""Run every benchmark, or those named: ``python -m benchmarks [NAME …]``; a bar that is missed makes the exit code 1."""

from __future__ import annotations

import argparse
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    asked = parser.parse_args().names
    if unknown := sorted(set(asked) - set(NAMES)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    sys.exit(main(asked))
