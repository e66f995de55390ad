"""Numbers by count: even over each place and scenario, and as if independent of their neighbours in every direction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from crfs.risk.counted import NUMBERS, Stream, block_key, counted

SCENARIOS, PLACES = 2_000, 1_000


def uniforms(seed: int, block: int, stream: Stream = Stream.DEFAULTS) -> np.ndarray:
    key = block_key(seed, block, stream)
    return np.asarray(counted(key, np.arange(SCENARIOS)[:, None], np.arange(PLACES)) / NUMBERS)


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_numbers_are_even_on_the_whole_and_in_cells_of_neighbours(seed: int) -> None:
    u = uniforms(seed, 3)
    cells = {
        "alone": (u * 1_000).astype(np.int64),
        "beside each other": (u[:, ::2] * 32).astype(np.int64) * 32 + (u[:, 1::2] * 32).astype(np.int64),
        "below each other": (u[::2] * 32).astype(np.int64) * 32 + (u[1::2] * 32).astype(np.int64),
        "in the last bits": (u * 2**50).astype(np.int64) % 1_024,
    }
    for cell in cells.values():
        seen = np.bincount(cell.ravel())
        expected = cell.size / len(seen)
        statistic = float(np.square(seen - expected).sum()) / expected
        # Of twelve statistics none should be in the outer 1e-5 of either end.
        assert chi2.ppf(1e-5, len(seen) - 1) < statistic < chi2.isf(1e-5, len(seen) - 1)


def test_each_place_and_each_scenario_has_the_mean_of_a_uniform_and_their_means_scatter_no_less_than_they_should() -> None:
    u = uniforms(5, 0) - 0.5
    for axis, count in ((0, PLACES), (1, SCENARIOS)):
        scores = u.mean(axis=axis) * np.sqrt(12.0 * u.shape[axis])
        statistic = float(np.square(scores).sum())
        assert chi2.ppf(1e-5, count) < statistic < chi2.isf(1e-5, count)


@pytest.mark.parametrize("across", [0, 1])
@pytest.mark.parametrize("lag", [1, 2, 64])
def test_neighbours_are_not_correlated(across: int, lag: int) -> None:
    u = np.moveaxis(uniforms(7, 2) - 0.5, across, 0)
    products = u[lag:] * u[:-lag]
    assert abs(float(products.mean())) < 4.5 / 12.0 / np.sqrt(products.size)


def test_blocks_seeds_and_streams_have_numbers_of_their_own() -> None:
    first = uniforms(1, 1)
    for other in (uniforms(1, 2), uniforms(2, 1), uniforms(1, 1, Stream.LOSSES)):
        assert abs(float(np.mean((first - 0.5) * (other - 0.5)))) < 4.5 / 12.0 / np.sqrt(first.size)


def test_a_number_is_the_same_whoever_asks_for_it() -> None:
    key = block_key(1, 1, Stream.DEFAULTS)
    whole = counted(key, np.arange(50)[:, None], np.arange(70))
    scenario, place = np.array([49, 0, 17]), np.array([3, 69, 17])
    assert counted(key, scenario, place).tolist() == whole[scenario, place].tolist()
    assert int(whole.max()) < NUMBERS
