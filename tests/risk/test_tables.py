"""Tables of conditional cumulants: sums through cells of thresholds and slopes against sums name by name."""

from __future__ import annotations

import numpy as np
import pytest

from crfs.risk.cells import cells_of, moved, probabilities
from crfs.risk.cumulants import moments, sums_of_default, weighted_sums, weights_of_default
from crfs.risk.names import thresholds
from crfs.risk.normal_cdf import normal_cdf


def names(count: int, *, nu: float, low: float, high: float, random: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(int(count + nu if np.isfinite(nu) else count))
    pd, r2 = np.exp(rng.uniform(np.log(low), np.log(high), count)), rng.uniform(0.02, 0.8, count)
    k1 = rng.lognormal(0.0, 1.5, count)
    loss = np.stack([k1, *(0.1 * random * k1**order for order in (2, 3, 4))])
    return thresholds(pd, np.full(count, nu)) / np.sqrt(1.0 - r2), np.sqrt(r2 / (1.0 - r2)), loss


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize(("nu", "states"), [(np.inf, (1.0,)), (4.0, (0.15, 0.5, 1.0))])
@pytest.mark.parametrize(("low", "high"), [(1e-4, 1e-2), (5e-4, 0.08), (0.05, 0.999)])
def test_a_cell_s_points_stand_for_all_its_names(low: float, high: float, nu: float, states: tuple[float, ...], random: bool) -> None:
    a, b, loss = names(2000, nu=nu, low=low, high=high, random=random)
    y, s = np.linspace(-7.0, 4.0, 23), np.array(states)
    x = ((a[:, None] * s)[:, :, None] - (b[:, None] * y)[:, None, :]).reshape(len(a), -1)
    direct = sums_of_default(normal_cdf(x), loss)
    through = np.zeros_like(direct)
    cell = cells_of(a, b)
    assert (cell >= 0).all()
    for number in np.unique(cell):
        mine = cell == number
        weights = moved(int(number), a[mine], b[mine], weights_of_default(loss[:, mine]))
        through += weighted_sums(moments(*probabilities(int(number), np.tile(y, len(s)), np.repeat(s, len(y)))), weights)
    # Beside the states in which as much as a millionth of the book is lost; M4 changes sign, so it is held against M2 squared's scale.
    counts = direct[0] > 1e-6 * loss[0].sum()
    assert counts.sum() > 10
    assert np.abs(through[0] / direct[0] - 1.0)[counts].max() < 1e-5
    assert np.abs(through[1] / direct[1] - 1.0)[counts].max() < 1e-5
    assert (np.abs(through[2] - direct[2])[counts] < 1e-5 * (loss[0].max() * direct[1])[counts]).all()
    assert (np.abs(through[3] - direct[3])[counts] < 1e-5 * (loss[0].max() ** 2 * direct[1])[counts]).all()


def test_a_cell_does_not_depend_on_who_else_is_there_and_far_names_have_none() -> None:
    a, b = np.array([-3.2, -3.2, -np.inf, np.inf, 0.0]), np.array([0.4, 0.4, 0.1, 0.1, 50.0])
    cell = cells_of(a, b)
    assert cell[0] == cell[1] == cells_of(a[:1], b[:1])[0]
    assert cell[2:].tolist() == [-1, -1, -1]
