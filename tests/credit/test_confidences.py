"""Confidences as percentages: no two are told alike, and none but certainty is 100 %."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.confidences import percentage

CONFIDENCES = st.floats(min_value=0.0, max_value=1.0).map(abs)


@given(CONFIDENCES)
def test_a_percentage_is_the_number_itself(confidence: float) -> None:
    told = percentage(confidence)
    assert "e" not in told.lower()
    assert (told == "100") == (confidence == 1.0)
    assert math.isclose(float(told) / 100.0, confidence, rel_tol=1e-15, abs_tol=5e-324)


@given(CONFIDENCES, CONFIDENCES)
def test_two_that_differ_are_told_apart(first: float, second: float) -> None:
    assert (percentage(first) == percentage(second)) == (first == second)


@given(st.integers(min_value=1, max_value=40))
def test_neighbours_near_certainty_are_told_apart(steps: int) -> None:
    confidence = 1.0
    seen = {percentage(confidence)}
    for _ in range(steps):
        confidence = math.nextafter(confidence, 0.0)
        seen.add(percentage(confidence))
    assert len(seen) == steps + 1
