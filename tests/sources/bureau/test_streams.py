"""Random numbers belong to places, not to the order in which they are asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crfs.sources.providers.bureau.streams import BLOCK, Purpose, normals, uniforms

SLOTS = st.integers(0, 2 * BLOCK + 100)


@given(SLOTS, SLOTS, SLOTS)
def test_any_cut_gives_the_same_numbers(a: int, b: int, c: int) -> None:
    first, middle, last = sorted((a, b, c))
    for draw in (uniforms, normals):
        whole = draw(9, Purpose.STRESS, 2, range(first, last), month=5)
        parts = [draw(9, Purpose.STRESS, 2, part, month=5) for part in (range(first, middle), range(middle, last))]
        assert np.array_equal(whole, np.concatenate(parts, axis=1))


def test_purposes_months_blocks_and_seeds_share_no_number() -> None:
    draws = [
        uniforms(seed, purpose, 1, range(2 * BLOCK), month=month)
        for seed in (1, 2)
        for purpose in (Purpose.STRESS, Purpose.PAYMENT)
        for month in (0, 1)
    ]
    numbers = np.concatenate(draws, axis=None)
    assert len(np.unique(numbers)) == numbers.size
