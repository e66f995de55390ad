"""What is known of the systematic factors given a scenario: their mean and covariance, as data that an engine conditions on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.arrays import matrix, names, row
from crfs.errors import InvalidInput

FloatArray: TypeAlias = npt.NDArray[np.float64]

_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalFactors:
    """A normal distribution of factors: ``mean`` and ``covariance`` in the order of ``factors``.

    ``factors`` are names of factors of a factor model, or of its groups (whose composite factor has variance one before anything is
    known). A factor is standard normal where nothing is known of it, and low is bad: a mean of -2 is a state that is worse in one of 44
    years. The covariance is symmetric and positive semi-definite; zeros mean that the value is certain. ``notes`` are sentences for the
    reader.

    >>> given = ConditionalFactors(factors=("us",), mean=(-2.0,), covariance=((0.4,),))
    >>> given.mean_array().tolist(), given.covariance_array().tolist()
    ([-2.0], [[0.4]])
    """

    factors: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", names("factors", self.factors, "factor"))
        object.__setattr__(self, "mean", row("mean", self.mean))
        object.__setattr__(self, "covariance", matrix("covariance", self.covariance))
        object.__setattr__(self, "notes", names("notes", self.notes, "note"))
        count = len(self.factors)
        if not count or len(set(self.factors)) < count:
            raise InvalidInput(f"conditional factors need names that differ, not {', '.join(self.factors) or 'none'}", argument="factors")
        if len(self.mean) != count:
            raise InvalidInput(f"{count} factors need {count} means, not {len(self.mean)}", argument="mean")
        if len(self.covariance) != count or any(len(each) != count for each in self.covariance):
            raise InvalidInput(f"{count} factors need a {count} x {count} covariance", argument="covariance")
        given = self.covariance_array()
        size = max(float(np.abs(given).max()), 1.0)
        if float(np.abs(given - given.T).max()) > _TOLERANCE * size:
            raise InvalidInput("the covariance of conditional factors is not symmetric", argument="covariance")
        smallest = float(np.linalg.eigvalsh(given)[0])
        if smallest < -_TOLERANCE * size:
            raise InvalidInput(
                f"the covariance of conditional factors is not positive semi-definite: its smallest eigenvalue is {smallest:.6g}",
                argument="covariance",
            )

    def mean_array(self) -> FloatArray:
        """The mean, K numbers."""
        return np.array(self.mean, dtype=np.float64)

    def covariance_array(self) -> FloatArray:
        """The covariance, K x K."""
        return np.array(self.covariance, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "factors": list(self.factors),
            "mean": list(self.mean),
            "covariance": [list(row) for row in self.covariance],
            "notes": list(self.notes),
        }
