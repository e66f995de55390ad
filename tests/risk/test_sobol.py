"""Sobol points: the same net as everybody's, scrambles that keep it a net, and every point a function of its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from crfs.risk.sobol import DIMENSIONS, _sobol, scrambled_sobol


def test_the_unscrambled_points_are_those_of_joe_and_kuo() -> None:
    ours = _sobol(DIMENSIONS, 0, 512) / 2.0**32
    theirs = qmc.Sobol(DIMENSIONS, scramble=False, bits=32).random(512)
    assert {tuple(row) for row in ours.tolist()} == {tuple(row) for row in theirs.tolist()}


@given(key=st.integers(0, 2**64 - 1), level=st.integers(1, 8), dimension=st.integers(1, DIMENSIONS))
def test_each_interval_of_each_coordinate_holds_one_point_whatever_the_scramble(key: int, level: int, dimension: int) -> None:
    points = scrambled_sobol(dimension, key=(key, 3), skip=0, count=2**level)
    for column in points.T:
        assert sorted((column * 2**level).astype(int).tolist()) == list(range(2**level))


@given(
    pieces=st.lists(st.sampled_from([32, 64, 128]), min_size=1, max_size=4), dimension=st.sampled_from([1, 20, DIMENSIONS, DIMENSIONS + 7])
)
def test_a_sequence_fetched_in_pieces_is_the_same_sequence(pieces: list[int], dimension: int) -> None:
    whole = scrambled_sobol(dimension, key=(5,), skip=0, count=sum(pieces))
    parts, past = [], 0
    for size in pieces:
        parts.append(scrambled_sobol(dimension, key=(5,), skip=past, count=size))
        past += size
    assert np.array_equal(np.vstack(parts), whole)


def test_scrambles_are_unbiased_and_far_better_than_random_points() -> None:
    # The mean of x1 x2 x3 over the cube is 1/8; random points would spread by sqrt((1/3)^3 - 1/64) / 16.
    means = np.array([scrambled_sobol(3, key=(seed,), skip=0, count=256).prod(axis=1).mean() for seed in range(400)])
    spread = means.std(ddof=1)
    assert abs(means.mean() - 0.125) < 4 * spread / 20
    assert spread < 0.05 * np.sqrt((1 / 27 - 1 / 64) / 256)


def test_scrambles_of_different_keys_are_independent() -> None:
    first = np.concatenate([scrambled_sobol(2, key=(seed, 0), skip=0, count=1) for seed in range(4000)])
    second = np.concatenate([scrambled_sobol(2, key=(seed, 1), skip=0, count=1) for seed in range(4000)])
    assert np.abs(np.corrcoef(np.hstack([first, second]).T) - np.eye(4)).max() < 0.07
    assert first.mean() == pytest.approx(0.5, abs=0.015)
