"""Population stability: nothing moved is 0, bins stay those of the reference, epsilon is named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from crfs.errors import InvalidInput
from crfs.models.stability import psi, shares_psi


def test_the_same_sample_has_not_moved() -> None:
    x = np.random.default_rng(1).normal(size=1000)
    assert psi(x, x).psi == 0.0
    assert psi(x, x).reference_shares == pytest.approx([0.1] * 10)


def test_bins_are_fixed_on_the_reference_and_turn_with_no_transform() -> None:
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=3000), rng.normal(0.3, 1, 2000)
    found = psi(old, new)
    assert psi(np.exp(old), np.exp(new)).psi == found.psi
    assert psi(old, new[:10], edges=found.edges).bins == 10
    assert found.psi > found.upper > found.null


def test_an_empty_bin_takes_the_named_epsilon() -> None:
    old, new = np.repeat([0.0, 1.0], 50), np.zeros(100)
    for epsilon in (1e-3, 1e-4):
        found = psi(old, new, bins=2, epsilon=epsilon)
        assert found.epsilon == epsilon
        assert found.psi == pytest.approx(0.5 * math.log(2.0) + (epsilon - 0.5) * math.log(epsilon / 0.5))


def test_chance_alone_exceeds_the_upper_mark_one_time_in_twenty() -> None:
    rng = np.random.default_rng(3)
    found = [psi(rng.normal(size=2000), rng.normal(size=1000)) for _ in range(400)]
    assert 8 <= sum(item.psi > item.upper for item in found) <= 34
    assert np.mean([item.psi for item in found]) == pytest.approx(found[0].null, rel=0.1)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        psi([1.0, math.nan], [1.0])
    with pytest.raises(InvalidInput, match="different bins"):
        shares_psi([0.5, 0.5], [1.0])
