"""What ``auto`` takes and the exact simulation of every name answer alike, from granular books to concentrated ones."""

from __future__ import annotations

import math

import pytest

from benchmarks.agreement import compare


@pytest.mark.parametrize(("obligors", "spread", "nu"), [(4_000, 1.0, math.inf), (400, 1.0, 6.0), (80, 1.2, math.inf)])
def test_the_fast_methods_agree_with_the_auditor(obligors: int, spread: float, nu: float) -> None:
    figure = compare(obligors, spread, nu, seed=3, scenarios=20_000)
    assert figure["agrees"], figure
