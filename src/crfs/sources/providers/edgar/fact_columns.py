"""An issuer's facts as columns of numbers: what the rows of facts and the ratios are both made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts as columns, in the order of the body: ``group`` and ``filing`` are places in ``groups`` and ``filings``.

    Days count from 1970-01-01. ``length`` is the period's days, 0 for an instant, whose ``start`` is its ``end``.
    """

    groups: Sequence[tuple[str, str, str]]
    filings: Sequence[tuple[str, int, str | None]]
    row: Ints
    group: Ints
    filing: Ints
    start: Ints
    end: Ints
    length: Ints
    value: Floats

    def where(self, keep: npt.NDArray[np.bool_]) -> Facts:
        """The facts of these places alone; groups and filings stay."""
        names = ("row", "group", "filing", "start", "end", "length", "value")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})
