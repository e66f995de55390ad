"""Sobol points with Owen's scrambling, each number a function of a seed and its place alone.

Direction numbers: S. Joe and F. Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM Journal on Scientific
Computing 30 (2008), their set new-joe-kuo-6.21201. Scrambling: A. Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences" (1995), its nested
permutations made by a hash as B. Burley, "Practical hash-based Owen scrambling", Journal of Computer Graphics Techniques 9 (2020) has it.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Words: TypeAlias = npt.NDArray[np.uint32]

_BITS = 32
# Primitive polynomial (as bits) and initial direction numbers of dimensions 2, 3, ...; the first dimension needs none.
_JOE_KUO: tuple[tuple[int, tuple[int, ...]], ...] = (
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
    (103, (1, 1, 1, 15, 7, 5)),
    (109, (1, 3, 1, 15, 13, 25)),
    (115, (1, 1, 5, 5, 19, 61)),
    (131, (1, 3, 7, 11, 23, 15, 103)),
    (137, (1, 3, 7, 13, 13, 15, 69)),
    (143, (1, 1, 3, 13, 7, 35, 63)),
    (145, (1, 3, 5, 9, 1, 25, 53)),
    (157, (1, 3, 1, 13, 9, 35, 107)),
    (167, (1, 3, 1, 5, 27, 61, 31)),
    (171, (1, 1, 5, 11, 19, 41, 61)),
    (185, (1, 3, 5, 3, 3, 13, 69)),
    (191, (1, 1, 7, 13, 1, 19, 1)),
    (193, (1, 3, 7, 5, 13, 19, 59)),
    (203, (1, 1, 3, 9, 25, 29, 41)),
    (211, (1, 3, 5, 13, 23, 1, 55)),
    (213, (1, 3, 7, 3, 13, 59, 17)),
    (229, (1, 3, 1, 3, 5, 53, 69)),
    (239, (1, 1, 5, 5, 23, 33, 13)),
    (241, (1, 1, 7, 7, 1, 61, 123)),
    (247, (1, 1, 7, 9, 13, 61, 49)),
    (253, (1, 3, 3, 5, 3, 55, 33)),
    (285, (1, 3, 1, 15, 31, 13, 49, 245)),
    (299, (1, 3, 5, 15, 31, 59, 63, 97)),
    (301, (1, 3, 1, 11, 11, 11, 77, 249)),
    (333, (1, 3, 1, 11, 27, 43, 71, 9)),
    (351, (1, 1, 7, 15, 21, 11, 81, 45)),
    (355, (1, 3, 7, 3, 25, 31, 65, 79)),
    (357, (1, 3, 1, 1, 19, 11, 3, 205)),
    (361, (1, 1, 5, 9, 19, 21, 29, 157)),
    (369, (1, 3, 7, 11, 1, 33, 89, 185)),
    (391, (1, 3, 3, 3, 15, 9, 79, 71)),
    (397, (1, 3, 7, 11, 15, 39, 119, 27)),
    (425, (1, 1, 3, 1, 11, 31, 97, 225)),
    (451, (1, 1, 1, 3, 23, 43, 57, 177)),
    (463, (1, 3, 7, 7, 17, 17, 37, 71)),
    (487, (1, 3, 1, 5, 27, 63, 123, 213)),
    (501, (1, 1, 3, 5, 11, 43, 53, 133)),
    (529, (1, 3, 5, 5, 29, 17, 47, 173, 479)),
    (539, (1, 3, 3, 11, 3, 1, 109, 9, 69)),
    (545, (1, 1, 1, 5, 17, 39, 23, 5, 343)),
    (557, (1, 3, 1, 5, 25, 15, 31, 103, 499)),
    (563, (1, 1, 1, 11, 11, 17, 63, 105, 183)),
    (601, (1, 1, 5, 11, 9, 29, 97, 231, 363)),
    (607, (1, 1, 5, 15, 19, 45, 41, 7, 383)),
    (617, (1, 3, 7, 7, 31, 19, 83, 137, 221)),
    (623, (1, 1, 1, 3, 23, 15, 111, 223, 83)),
    (631, (1, 1, 5, 13, 31, 15, 55, 25, 161)),
    (637, (1, 1, 3, 13, 25, 47, 39, 87, 257)),
)
DIMENSIONS = 1 + len(_JOE_KUO)
"""How many coordinates are Sobol's; further ones are drawn independently."""


def scrambled_sobol(dimensions: int, *, key: tuple[int, ...], skip: int, count: int) -> FloatArray:
    """Points ``skip`` to ``skip + count`` (count x dimensions) of the scrambled sequence that belongs to ``key``; within (0, 1).

    Each point is uniform over the cube; two keys give independent scrambles; a sequence that is fetched in pieces is the same sequence.
    The first 64 coordinates are low in discrepancy, further ones are independent random numbers.

    >>> points = scrambled_sobol(3, key=(1, 0), skip=0, count=8)
    >>> [sorted(int(x) for x in column) for column in (points.T * 8)]
    [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7]]
    """
    used = min(dimensions, DIMENSIONS)
    seeds = np.random.Generator(np.random.Philox(np.random.SeedSequence(key))).integers(0, 2**32, (2, used), dtype=np.uint32)
    words = _scramble(_sobol(used, skip, count), seeds[0]) ^ seeds[1]
    points: FloatArray = (words + 0.5) / 2.0**_BITS
    if dimensions == used:
        return points
    rest = np.random.Philox(np.random.SeedSequence((*key, 1)))
    # One step of the generator makes four doubles: whole steps are skipped, and a row begins a new one.
    width = -(-(dimensions - used) // 4) * 4
    rest.advance(skip * width // 4)
    return np.hstack([points, np.random.Generator(rest).random((count, width))[:, : dimensions - used]])


def _sobol(dimensions: int, skip: int, count: int) -> Words:
    """Coordinates as whole numbers of 32 bits, in the order of the sequence (not of its Gray code)."""
    index = np.arange(skip, skip + count, dtype=np.uint32)[:, None]
    words = np.zeros((count, dimensions), dtype=np.uint32)
    directions = _directions()[:dimensions]
    for bit in range(int(skip + count - 1).bit_length() if skip + count else 0):
        words ^= np.where((index >> np.uint32(bit)) & np.uint32(1), directions[:, bit], np.uint32(0))
    return words


@cache
def _directions() -> Words:
    """Direction numbers, dimensions x bits."""
    table = np.zeros((DIMENSIONS, _BITS), dtype=np.uint32)
    table[0] = [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    for row, (polynomial, initial) in enumerate(_JOE_KUO, 1):
        degree = len(initial)
        numbers = [m << (_BITS - 1 - bit) for bit, m in enumerate(initial)]
        for bit in range(degree, _BITS):
            value = numbers[bit - degree] ^ (numbers[bit - degree] >> degree)
            for k in range(1, degree):
                if (polynomial >> (degree - k)) & 1:
                    value ^= numbers[bit - k]
            numbers.append(value)
        table[row] = numbers
    table.setflags(write=False)
    return table


def _scramble(words: Words, seeds: Words) -> Words:
    """Owen's nested permutation of each column by a hash of its leading bits (the constants are N. Vegdahl's, 2021)."""
    x = _reversed(words)
    x ^= x * np.uint32(0x3D20ADEA)
    x += seeds
    x *= (seeds >> np.uint32(16)) | np.uint32(1)
    x ^= x * np.uint32(0x05526C56)
    x ^= x * np.uint32(0x53A22864)
    return _reversed(x)


def _reversed(words: Words) -> Words:
    """Each word with its bits in the other order."""
    x = words.byteswap()
    for shift, mask in ((4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        low, by = np.uint32(mask), np.uint32(shift)
        x = ((x >> by) & low) | ((x & low) << by)
    return x
