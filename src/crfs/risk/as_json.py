"""Numbers of a result as JSON can hold them."""

from __future__ import annotations

import math


def finite_or_none(value: float) -> float | None:
    """The number, or None where it is infinite or none: JSON has no word for these, and null is read as "not bounded".

    >>> finite_or_none(1.5), finite_or_none(math.inf)
    (1.5, None)
    """
    return value if math.isfinite(value) else None
