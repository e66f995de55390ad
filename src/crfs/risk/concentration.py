"""How much of a book sits with few names, sectors or regions: Herfindahl index and effective number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput


def herfindahl_index(exposure: npt.ArrayLike) -> float:
    """Sum of squared shares of ``exposure``: one entry an obligor (or sector, region), currency units, none negative.

    1 means a single name, 1/n means n equal ones. A book with no exposure at all has no shares: :class:`InvalidInput`.

    >>> herfindahl_index([1.0, 1.0, 2.0])
    0.375
    """
    amounts = np.asarray(exposure, dtype=np.float64)
    if amounts.ndim != 1 or not np.isfinite(amounts).all() or (amounts < 0.0).any():
        raise InvalidInput("exposure is one finite amount of zero or more for each name")
    total = amounts.sum()
    if not total > 0.0:
        raise InvalidInput("the exposures sum to zero, so there are no shares; give at least one exposure above zero")
    return float(np.square(amounts / total).sum())


def effective_number(exposure: npt.ArrayLike) -> float:
    """The number of equal names that would be as concentrated as these: one over the Herfindahl index.

    >>> effective_number([5.0, 5.0, 5.0, 5.0])
    4.0
    """
    return 1.0 / herfindahl_index(exposure)
