"""The confidence that rules where a page or a table has room for one: the highest, in whatever order they were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def at_highest(measures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Of what a run says at each of its ``confidence``s, what it says at the highest.

    >>> at_highest([{"confidence": 0.999, "es": 3.0}, {"confidence": 0.9, "es": 1.0}])["es"]
    3.0
    """
    return max(measures, key=lambda measure: measure["confidence"])
