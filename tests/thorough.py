"""How many random cases a property test takes: some in an ordinary run, so many times more of them where ``CRFS_CASES`` says so (``make faults``)."""

from __future__ import annotations

import os

from hypothesis import settings

TIMES = int(os.environ.get("CRFS_CASES", "1"))
USUAL = 40 * TIMES
"""The cases of a test that does not say how many: enough to find what is often wrong, every time that the suite runs."""


def cases(ordinary: int) -> settings:
    """The settings of a test of as many cases in an ordinary run."""
    return settings(max_examples=ordinary * TIMES)
