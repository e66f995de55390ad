"""Herfindahl index, effective number and granularity adjustment."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk import effective_number, granularity_adjustment, herfindahl_index

exposures = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50)


@given(exposures, st.floats(0.1, 1e3))
def test_the_index_lies_between_equal_shares_and_one_name_and_knows_no_scale(exposure: list[float], scale: float) -> None:
    index = herfindahl_index(exposure)
    assert 1.0 / len(exposure) - 1e-12 <= index <= 1.0 + 1e-12
    assert index == pytest.approx(herfindahl_index(np.array(exposure) * scale))
    assert effective_number(exposure) == pytest.approx(1.0 / index)


@pytest.mark.parametrize("bad", [[], [0.0], [-1.0, 2.0], [np.nan]])
def test_what_has_no_shares_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput):
        herfindahl_index(bad)


def test_splitting_every_loan_in_two_halves_the_granularity_adjustment() -> None:
    whole = granularity_adjustment(np.ones(50), pd=0.02, lgd=0.4, capital=0.06)
    split = granularity_adjustment(np.ones(100), pd=0.02, lgd=0.4, capital=0.06)
    assert split == pytest.approx(whole / 2)


def test_importing_the_package_imports_no_scipy() -> None:
    code = "import sys, crfs.risk; assert not any(m.split('.')[0] in ('scipy', 'numpy', 'polars') for m in sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", code], check=True)
