"""Random numbers by count: each is a function of (seed, block, scenario, place) alone, whoever asks for it, where and in which order.

The numbers of a scenario are those of a splitmix64 generator (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", 2014) that
starts at a number of its own: the mixed number of the scenario, from two keys of the block. So any piece of a table of scenarios and
places can be made alone, on any machine that multiplies 64-bit integers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]
WordArray: TypeAlias = npt.NDArray[np.uint64]

# Of splitmix64: the step between two numbers of a generator, and the shifts and factors that mix one.
STEP = 0x9E3779B97F4A7C15
MIXING = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
UNUSED_BITS = 11
"""A number has the upper 53 of 64 bits, as many as a double holds."""
NUMBERS = 2.0**53
"""How many there are: ``k`` of them stands for the uniform number ``(k + 1/2) / NUMBERS``."""


class Stream(IntEnum):
    """What a block's random numbers are for; each has a key of its own."""

    FACTORS = 0
    LOSSES = 1
    DEFAULTS = 2
    AIMED = 3
    """Everything but the factors, of scenarios whose factors are given."""
    AIMED_DEFAULTS = 4


def philox(seed: int, block: int, stream: Stream) -> np.random.Philox:
    """The counter stream of a block."""
    return np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=np.array([0, 0, 0, block], dtype=np.uint64))


def block_key(seed: int, block: int, stream: Stream) -> WordArray:
    """Two words from which a block's numbers by count follow."""
    return np.asarray(philox(seed, block, stream).random_raw(2), dtype=np.uint64)


def starts(key: WordArray, scenario: IntArray) -> WordArray:
    """Where the generators of scenarios start."""
    return mixed(scenario.astype(np.uint64) * np.uint64(STEP) + key[0])


def steps(key: WordArray, place: IntArray) -> WordArray:
    """How far from a start the numbers of places are: to be added, and mixed."""
    return np.asarray(place.astype(np.uint64) * np.uint64(STEP) + key[1])


def counted(key: WordArray, scenario: IntArray, place: IntArray) -> WordArray:
    """Numbers below 2^53, evenly distributed, of scenarios and places that go together (or are broadcast)."""
    return mixed(starts(key, scenario) + steps(key, place)) >> np.uint64(UNUSED_BITS)


def mixed(words: WordArray, scratch: WordArray | None = None) -> WordArray:
    """The mixing function of splitmix64, in place; ``scratch`` is an array of the same shape to work in.

    >>> [hex(int(word)) for word in mixed(np.array([STEP, 2 * STEP % 2**64], dtype=np.uint64))]  # as a generator of seed 0 starts
    ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4']
    """
    scratch = np.empty_like(words) if scratch is None else scratch
    for shift, factor in MIXING:
        np.right_shift(words, np.uint64(shift), out=scratch)
        np.bitwise_xor(words, scratch, out=words)
        if factor != 1:
            np.multiply(words, np.uint64(factor), out=words)
    return words
