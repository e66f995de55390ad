"""Random numbers by place: every draw belongs to (seed, purpose, month, block of slots), so nothing depends on order or chunks."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

BLOCK = 2048
"""Slots (places for an obligor) that share one counter-based stream; a block is always drawn whole, so its first slots never change."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Purpose(IntEnum):
    """What a stream is for; streams of different purposes never share a number."""

    OBLIGOR = 1
    FACILITY = 2
    FRAILTY = 3
    STRESS = 4
    PAYMENT = 5
    BEHAVIOUR = 6
    DEFAULT = 7
    WORKOUT = 8
    DELIVERY = 9
    LATENESS = 10
    ERROR = 11
    WORKOUT_FLOW = 12
    FILE = 13
    CLAIM = 14
    SENDING = 15


def generator(seed: int, purpose: Purpose, *, month: int = 0, block: int = 0) -> np.random.Generator:
    """The stream of one place: Philox (Salmon et al. 2011) keyed by seed and purpose, with month and block in the counter's top words."""
    return np.random.Generator(np.random.Philox(key=[seed, int(purpose)], counter=[0, 0, month, block]))


def uniforms(seed: int, purpose: Purpose, rows: int, slots: range, *, month: int = 0) -> Floats:
    """``rows`` × len(slots) uniform numbers in [0, 1); a column is the same whatever other slots are asked for.

    >>> whole = uniforms(7, Purpose.STRESS, 2, range(0, 5000), month=3)
    >>> part = uniforms(7, Purpose.STRESS, 2, range(2048, 5000), month=3)
    >>> bool((whole[:, 2048:] == part).all())
    True
    """
    return _blocks(seed, purpose, rows, slots, month, normal=False)


def normals(seed: int, purpose: Purpose, rows: int, slots: range, *, month: int = 0) -> Floats:
    """As :func:`uniforms`, standard normal. A purpose is drawn either as uniforms or as normals, never both."""
    return _blocks(seed, purpose, rows, slots, month, normal=True)


def _blocks(seed: int, purpose: Purpose, rows: int, slots: range, month: int, *, normal: bool) -> Floats:
    out = np.empty((rows, len(slots)))
    start = slots.start
    while start < slots.stop:
        block, offset = divmod(start, BLOCK)
        stop = min(slots.stop, (block + 1) * BLOCK)
        source = generator(seed, purpose, month=month, block=block)
        drawn = source.standard_normal((rows, BLOCK)) if normal else source.random((rows, BLOCK))
        out[:, start - slots.start : stop - slots.start] = drawn[:, offset : offset + stop - start]
        start = stop
    return out
