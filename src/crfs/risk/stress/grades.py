"""A rating scale with the default probability of each grade, and what it means to go some grades down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.risk.arguments import check_texts, is_number

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """Performing grades from the best to the worst, and their default probabilities in 12 months, which do not fall and lie within (0, 1).

    >>> Grades(names=("A", "BBB", "BB"), pd=(0.0004, 0.002, 0.01)).moved(np.array([0, 2]), np.array([1, 1])).tolist()
    [1, 2]
    """

    names: tuple[str, ...]
    pd: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", check_texts("names", self.names))
        object.__setattr__(self, "pd", _listed(self.pd))
        if len(self.names) < 2 or len(self.names) != len(self.pd) or len(set(self.names)) < len(self.names):
            raise InvalidInput("grades are two or more names that differ, with a pd each", argument="names")
        for number, (name, pd) in enumerate(zip(self.names, self.pd, strict=True), start=1):
            if not 0.0 < pd < 1.0 or (number > 1 and pd < self.pd[number - 2]):
                detail = f"{pd} of grade {name!r}: probabilities lie within (0, 1) and do not fall from grade to grade"
                problem = Problem(row=number, column="pd", reason=Reason.OUT_OF_RANGE.value, detail=detail)
                raise InvalidInput(detail, problems=(problem,), argument="pd")

    def positions(self, ratings: pl.Series, wanted: npt.NDArray[np.bool_]) -> IntArray:
        """The grade's number of each rating, -1 for an unknown one; an unknown one among the ``wanted`` is refused with its row."""
        numbers = {name: number for number, name in enumerate(self.names)}
        found = ratings.replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
        lost = np.flatnonzero((found < 0) & wanted)
        if len(lost):
            problems = tuple(
                Problem(row=int(row) + 1, column="rating", reason=Reason.UNKNOWN_VALUE.value, detail=f"{ratings[int(row)]!r} is no grade")
                for row in lost[:100]
            )
            raise InvalidInput(f"{len(lost)} row(s) move by grades and have none of the scale; first: {problems[0]}", problems=problems)
        return np.asarray(found, dtype=np.int64)

    def of_pd(self, pd: FloatArray) -> IntArray:
        """The grade's number of each default probability: the border of two grades lies halfway between theirs, in probits, and is the worse one's.

        >>> Grades(names=("A", "BBB", "BB"), pd=(0.0004, 0.002, 0.01)).of_pd(np.array([0.0, 0.001, 0.01, 1.0])).tolist()
        [0, 1, 2, 2]
        """
        from scipy.special import ndtri

        middle = ndtri(np.array(self.pd))
        return np.searchsorted(0.5 * (middle[1:] + middle[:-1]), ndtri(pd), side="right").astype(np.int64)

    def moved(self, positions: IntArray, notches: IntArray) -> IntArray:
        """Grades after so many notches down; the best and the worst grade are the ends."""
        return np.asarray(np.clip(positions + notches, 0, len(self.names) - 1), dtype=np.int64)

    def probit_shift(self, positions: IntArray, moved: IntArray) -> FloatArray:
        """The difference of the probits of two grades' probabilities: a name keeps its place within its grade."""
        from scipy.special import ndtri

        probits = ndtri(np.array(self.pd))
        return np.asarray(probits[moved] - probits[positions], dtype=np.float64)


def _listed(pd: object) -> tuple[float, ...]:
    given = pd.tolist() if isinstance(pd, np.ndarray) else pd
    if not isinstance(given, list | tuple) or not all(map(is_number, given)):
        raise InvalidInput(f"pd is a list of decimals within (0, 1), one a grade, not {pd!r:.80}", argument="pd")
    return tuple(given)
