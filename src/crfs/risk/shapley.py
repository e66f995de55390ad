"""Shapley's shares of a change among the steps that make it, in whole numbers: no step gains by being first, and the parts are the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]


def shapley_weight(size: int, count: int) -> float:
    """Share of the orders of ``count`` steps in which a given step comes right after a given set of ``size`` others.

    >>> shapley_weight(1, 3)
    0.16666666666666666
    """
    return math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)


def shapley_parts(whole: Mapping[tuple[bool, ...], IntArray], count: int) -> IntArray:
    """The mean of each step's change over all orders of ``count`` steps: steps x labels.

    ``whole`` has, for each combination of steps taken, a whole number a label. L. Shapley, "A value for n-person games", 1953. The shares are
    rounded to whole numbers, and what rounding leaves goes to the largest part, so that the parts of a label sum to its change.

    >>> numbers = {(False, False): 0, (True, False): 4, (False, True): 2, (True, True): 10}
    >>> shapley_parts({taken: np.array([value]) for taken, value in numbers.items()}, 2).tolist()
    [[6], [4]]
    """
    every = math.factorial(count)
    labels = len(next(iter(whole.values())))
    parts = np.zeros((count, labels), dtype=np.int64)
    for label in range(labels):
        sums = [0] * count
        for moved, row in whole.items():
            for step in range(count):
                if not moved[step]:
                    after = tuple(done or k == step for k, done in enumerate(moved))
                    size = sum(moved)
                    sums[step] += math.factorial(size) * math.factorial(count - size - 1) * (int(whole[after][label]) - int(row[label]))
        shares = [(2 * total + every) // (2 * every) for total in sums]
        largest = max(range(count), key=lambda k: abs(shares[k]))
        change = int(whole[(True,) * count][label]) - int(whole[(False,) * count][label])
        shares[largest] += change - sum(shares)
        parts[:, label] = shares
    return parts
