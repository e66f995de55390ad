"""Losses that come in whole steps: what an expansion, which is smooth, cannot see of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.lattice import common_step
from crfs.risk.names import Names

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MOST_DISTINCT = 1_000
_MOST_STEPS = 1_000_000
# Losses that agree to this part of the smallest one make one atom.
_ALIKE = 0.01


def atom(names: Names, least: float) -> float:
    """The step, in the book's units, that every loss given default is a whole number of, at least nearly; 0 where there is none of ``least`` or more.

    The book's loss is then a multiple of it too: its value at risk lies within half a step of the smooth one.
    """
    smallest = float(names.loss[0].min())
    if names.loss[1:].any() or smallest < least:
        return 0.0
    # Rounded ones alone may hide the step: hundredths of three are no part of four.
    for unit, losses in ((1.0, np.unique(names.loss[0])), (_ALIKE * smallest, np.unique(np.round(names.loss[0] / (_ALIKE * smallest))))):
        step = common_step(losses, _MOST_STEPS) if len(losses) <= _MOST_DISTINCT else None
        if step is not None and step * unit >= least:
            return step * unit
    return 0.0
