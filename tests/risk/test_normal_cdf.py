"""The fast normal distribution function against the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from crfs.risk.normal_cdf import normal_cdf


def test_it_is_right_to_seven_in_ten_billion_of_itself_down_to_the_smallest_double() -> None:
    x = np.linspace(-37.0, 0.0, 20_001)
    assert np.abs(normal_cdf(x) / ndtr(x) - 1.0).max() < 8e-10


def test_both_sides_sum_to_one_and_the_ends_are_zero_and_one() -> None:
    x = np.linspace(0.0, 9.0, 2_001)[1:]
    assert normal_cdf(np.zeros(1))[0] == pytest.approx(0.5, rel=1e-9)
    assert np.abs(normal_cdf(x) + normal_cdf(-x) - 1.0).max() < 1e-15
    assert normal_cdf(np.array([-np.inf, np.inf, 60.0])).tolist() == [normal_cdf(np.array([-38.0]))[0], 1.0, 1.0]
    assert np.isnan(normal_cdf(np.array([np.nan]))).all()
