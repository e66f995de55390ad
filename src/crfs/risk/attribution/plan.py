"""Which books are measured, and how their numbers make steps: one order of blocks, or the mean over all orders."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.attribution.books import Block, Sides
from crfs.risk.shapley import shapley_parts, shapley_weight

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Taken: TypeAlias = tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``blocks`` in their order; ``active`` are those in which the dates differ, and alone cost runs; ``wanted`` the combinations measured.

    The first combination is the earlier book, the last the later one.
    """

    blocks: tuple[Block, ...]
    active: tuple[Block, ...]
    shapley: bool
    wanted: tuple[Taken, ...]

    @classmethod
    def of(cls, sides: Sides, blocks: tuple[Block, ...], *, shapley: bool) -> Plan:
        """A block is active where it changes the earlier book taken alone, or the later one left out alone."""
        every = frozenset(blocks)
        none, whole = sides.book(frozenset()), sides.book(every)
        active = tuple(
            block
            for block in blocks
            for alone, without in ((sides.book({block}), sides.book(every - {block})),)
            if any(one[1] != other[1] or not one[0].equals(other[0]) for one, other in ((none, alone), (whole, without)))
        )
        count = len(active)
        orders = (
            itertools.product((False, True), repeat=count) if shapley else (tuple(k < d for k in range(count)) for d in range(count + 1))
        )
        return cls(blocks=blocks, active=active, shapley=shapley, wanted=tuple(orders))

    def taken(self, combination: Taken) -> frozenset[Block]:
        """The blocks of a combination."""
        return frozenset(block for block, done in zip(self.active, combination, strict=True) if done)

    def steps(self, levels: IntArray) -> IntArray:
        """Steps (active blocks x labels) of whole numbers measured at each combination (combinations x labels)."""
        if not self.active:
            return np.zeros((0, levels.shape[1]), dtype=np.int64)
        if self.shapley:
            return shapley_parts(dict(zip(self.wanted, levels, strict=True)), len(self.active))
        return np.diff(levels, axis=0)

    def told(self, steps: IntArray, quantum: float) -> tuple[float, ...]:
        """One label's steps by all blocks, in currency units."""
        amounts = dict(zip(self.active, steps.tolist(), strict=True))
        return tuple(float(amounts.get(block, 0)) * quantum for block in self.blocks)

    def errors(self, values: FloatArray, errors: FloatArray) -> tuple[float, ...]:
        """Standard error of each block's step from replicates x combinations: their spread, else that of independent runs."""
        coefficients = self._coefficients()
        if len(values) > 1:
            steps = np.einsum("sl,rl->rs", coefficients, values)
            found = steps.std(axis=0, ddof=1) / math.sqrt(len(values))
        else:
            found = np.sqrt(np.einsum("sl,l->s", coefficients**2, errors[0] ** 2))
        by_block = dict(zip(self.active, found.tolist(), strict=True))
        return tuple(float(by_block.get(block, 0.0)) for block in self.blocks)

    def _coefficients(self) -> FloatArray:
        """How often each combination counts in each step: steps x combinations."""
        count = len(self.active)
        result = np.zeros((count, len(self.wanted)))
        place = {taken: k for k, taken in enumerate(self.wanted)}
        for taken in self.wanted:
            for step in range(count):
                after = tuple(done or k == step for k, done in enumerate(taken))
                if taken[step] or after not in place or (not self.shapley and sum(taken) != step):
                    continue
                weight = shapley_weight(sum(taken), count) if self.shapley else 1.0
                result[step, place[after]] += weight
                result[step, place[taken]] -= weight
        return result
