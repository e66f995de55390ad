"""Whether several places of a release say the same number: one that another place contradicts is not certain."""

from __future__ import annotations

from collections.abc import Sequence


def agreed(found: Sequence[float], *, within: float) -> float | None:
    """The first of numbers that all say the same, ``within`` so large a part of it (rounding); None where they do not, or there is none.

    >>> agreed([1.1e9, 1.1049e9], within=0.01), agreed([1.15, 1.20], within=0.0), agreed([], within=0.0)
    (1100000000.0, None, None)
    """
    if not found:
        return None
    return found[0] if all(abs(one - found[0]) <= within * abs(found[0]) + 1e-9 for one in found) else None
