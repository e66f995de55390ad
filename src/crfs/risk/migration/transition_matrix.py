"""Rating transition matrices: checked, mended where rounding asks for it and no further, raised to powers, read as default probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

FloatArray: TypeAlias = npt.NDArray[np.float64]

# A row that came through double precision sums to one within this.
_SUM = 1e-9
# Eight or twenty cells printed in percent with two decimals sum to one within this.
ROUNDING_TOLERANCE = 0.002


class Remainder(StrEnum):
    """Where what a row lacks of one (or has too much) goes: onto staying in the rating, or onto all cells in proportion."""

    DIAGONAL = "diagonal"
    PROPORTIONAL = "proportional"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransitionMatrix:
    """Probabilities to move from the rating of a row to the rating of a column within ``years``.

    ``ratings`` are in order, the best first; the last one is default, which is never left. ``probability`` is K x K, read-only, each row
    summing to one. ``notes`` say what was done to the numbers as they came. Use :meth:`from_rows` or :meth:`from_table`: this constructor
    mends nothing.

    >>> matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.95, 0.04, 0.01], [0.10, 0.80, 0.10]])
    >>> matrix.power(2).row("A").round(6).tolist()
    [0.9065, 0.07, 0.0235]
    """

    ratings: tuple[str, ...]
    probability: FloatArray
    years: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.array(self.probability, dtype=np.float64)
        _require(_problems(self.ratings, values, _SUM), "the transition matrix")
        if not (math.isfinite(self.years) and self.years > 0.0):
            raise InvalidInput(f"years is the positive length of the matrix's period, not {self.years}", argument="years")
        values.flags.writeable = False
        object.__setattr__(self, "probability", values)

    @classmethod
    def from_rows(
        cls,
        ratings: Sequence[str],
        rows: npt.ArrayLike,
        *,
        years: float = 1.0,
        tolerance: float = ROUNDING_TOLERANCE,
        remainder: Remainder | str = Remainder.DIAGONAL,
        withdrawn: npt.ArrayLike | None = None,
    ) -> TransitionMatrix:
        """A matrix from numbers as they are printed.

        ``rows`` is K x K, or (K - 1) x K without the row of default, decimals. A row's sum may differ from one by ``tolerance``; the rest goes
        where ``remainder`` says, with a note of the row and the amount. ``withdrawn`` is, a row, the share whose rating ended: it is spread over
        the row in proportion, as agencies do. Anything else is refused with its row (1 for the best rating) and column.
        """
        try:
            rule = Remainder(remainder)
        except ValueError:
            raise InvalidInput(f"remainder is 'diagonal' or 'proportional', not {remainder!r}", argument="remainder") from None
        names = tuple(ratings)
        values = np.array(rows, dtype=np.float64)
        if values.shape == (len(names) - 1, len(names)):
            values = np.vstack([values, np.eye(len(names))[-1]])
        _require(_problems(names, values, math.inf), "the transition matrix")
        notes: list[str] = []
        if withdrawn is not None:
            values = _spread_withdrawn(names, values, withdrawn, notes)
        _require(_problems(names, values, tolerance), "the transition matrix")
        mended = values.copy()
        for i, name in enumerate(names):
            gap = 1.0 - float(values[i].sum())
            if abs(gap) <= _SUM:
                continue
            if rule is Remainder.PROPORTIONAL:
                mended[i] = values[i] / values[i].sum()
            else:
                mended[i, i] += gap
            where = "all its cells in proportion" if rule is Remainder.PROPORTIONAL else "the diagonal"
            notes.append(f"row {name} summed to {1.0 - gap:.6g}; the rest of {gap:.3g} went to {where}")
        made = cls(ratings=names, probability=mended, years=years)
        return cls(ratings=names, probability=mended, years=years, notes=(*notes, *_disorder(made)))

    @classmethod
    def from_table(cls, table: pl.DataFrame, *, withdrawn: str | None = None, **options: Any) -> TransitionMatrix:
        """A matrix from a table with a column ``rating`` and one column an end rating, in order; rows in any order, that of default may lack.

        ``withdrawn`` names the column of ratings that ended (such as ``NR``). ``options`` are those of :meth:`from_rows`.
        """
        if "rating" not in table.columns:
            raise InvalidInput("the table has a column rating and one column an end rating", argument="table")
        ratings = [name for name in table.columns if name not in ("rating", withdrawn)]
        given = table["rating"].to_list()
        lacking = [name for name in ratings[:-1] if name not in given]
        strange = [str(name) for name in given if name not in ratings]
        if lacking or strange or len(set(given)) != len(given):
            what = f"lacks {', '.join(lacking)}" if lacking else f"has {', '.join(strange)}" if strange else "has a rating twice"
            raise InvalidInput(f"rows and columns of the table differ: column rating {what}", argument="table")
        order = {name: k for k, name in enumerate(ratings)}
        ordered = table.sort(pl.col("rating").replace_strict(order, return_dtype=pl.Int64))
        ended = None
        if withdrawn is not None:
            if withdrawn not in table.columns:
                raise InvalidInput(f"the table has no column {withdrawn!r}", argument="withdrawn")
            ended = np.zeros(len(ratings))
            ended[: ordered.height] = ordered[withdrawn].cast(pl.Float64).to_numpy()
        cells = ordered.select(pl.col(name).cast(pl.Float64) for name in ratings).to_numpy()
        return cls.from_rows(ratings, cells, withdrawn=ended, **options)

    @property
    def default(self) -> str:
        """The name of default, the last rating."""
        return self.ratings[-1]

    @property
    def performing(self) -> tuple[str, ...]:
        """Every rating but default."""
        return self.ratings[:-1]

    @property
    def default_probability(self) -> FloatArray:
        """Probability of default within the period, of each performing rating."""
        return self.probability[:-1, -1]

    @property
    def is_ordered(self) -> bool:
        """Whether no rating has a lower default probability than a better one."""
        return bool((np.diff(self.probability[:, -1]) >= 0.0).all())

    @property
    def is_monotone(self) -> bool:
        """Whether a worse rating is worse in every way: P(end at j or worse) never falls down the ratings. Powers then stay so."""
        worse = np.cumsum(self.probability[:, ::-1], axis=1)[:, ::-1]
        return bool((np.diff(worse, axis=0) >= -1e-12).all())

    def index(self, rating: str) -> int:
        """The place of a rating in the order, 0 for the best."""
        if rating not in self.ratings:
            raise InvalidInput(f"rating {rating!r} is none of {', '.join(self.ratings)}", argument="rating")
        return self.ratings.index(rating)

    def row(self, rating: str) -> FloatArray:
        """Probabilities of each end rating from ``rating``."""
        found: FloatArray = self.probability[self.index(rating)]
        return found

    def power(self, periods: int) -> TransitionMatrix:
        """The matrix over ``periods`` of its periods, 1 or more, for migrations without memory."""
        if periods < 1 or periods != int(periods):
            raise InvalidInput(f"periods is a whole number of 1 or more, not {periods}", argument="periods")
        return TransitionMatrix(
            ratings=self.ratings, probability=_tidy(matrix_power(self.probability, int(periods))), years=self.years * int(periods)
        )

    def default_term_structure(self, periods: int) -> pl.DataFrame:
        """Default probabilities by rating: ``rating``, ``years``, ``pd_cumulative``, ``pd_marginal`` (in the period), ``pd_conditional`` (of survivors)."""
        if periods < 1 or periods != int(periods):
            raise InvalidInput(f"periods is a whole number of 1 or more, not {periods}", argument="periods")
        reached = np.eye(len(self.ratings))[:-1]
        cumulative = []
        for _ in range(int(periods)):
            reached = np.einsum("ij,jk->ik", reached, self.probability)
            cumulative.append(reached[:, -1])
        pd = np.stack(cumulative, axis=1)
        before = np.concatenate([np.zeros((len(pd), 1)), pd[:, :-1]], axis=1)
        marginal = np.maximum(pd - before, 0.0)
        alive = 1.0 - before
        return pl.DataFrame(
            {
                "rating": np.repeat(self.performing, int(periods)),
                "years": np.tile(self.years * np.arange(1, int(periods) + 1), len(pd)),
                "pd_cumulative": pd.ravel(),
                "pd_marginal": marginal.ravel(),
                "pd_conditional": np.divide(marginal, alive, out=np.zeros_like(marginal), where=alive > 0.0).ravel(),
            }
        )

    def to_table(self) -> pl.DataFrame:
        """A column ``rating`` and one column an end rating, as :meth:`from_table` reads it."""
        return pl.DataFrame({"rating": self.ratings} | {name: self.probability[:, k] for k, name in enumerate(self.ratings)})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "ratings": list(self.ratings),
            "years": self.years,
            "probability": self.probability.tolist(),
            "ordered": self.is_ordered,
            "monotone": self.is_monotone,
            "notes": list(self.notes),
        }


def matrix_power(values: FloatArray, exponent: int) -> FloatArray:
    """``values`` to a whole power of 0 or more, by squaring, with sums in one order whatever the machine's BLAS."""
    result = np.eye(len(values))
    base = np.array(values, dtype=np.float64)
    while exponent:
        if exponent & 1:
            result = np.einsum("ij,jk->ik", result, base)
        exponent >>= 1
        if exponent:
            base = np.einsum("ij,jk->ik", base, base)
    return result


def _tidy(values: FloatArray) -> FloatArray:
    """Rows that rounding moved off one by some ulps, back on it, and default exactly absorbing."""
    positive = np.maximum(values, 0.0)
    tidy: FloatArray = positive / positive.sum(axis=1, keepdims=True)
    tidy[-1] = np.eye(len(values))[-1]
    return tidy


def _problems(ratings: tuple[str, ...], values: FloatArray, tolerance: float) -> list[Problem]:
    """What stands against these numbers as a transition matrix; rows and columns are counted and named as the caller sees them."""
    count = len(ratings)
    if count < 2 or len(set(ratings)) != count or not all(ratings):
        raise InvalidInput("ratings are two or more names that differ, the best first and default last", argument="ratings")
    if values.shape != (count, count):
        raise InvalidInput(
            f"the transition matrix is {count} x {count}, as there are {count} ratings (the row of default may lack), not "
            f"{' x '.join(map(str, values.shape))}",
            argument="rows",
        )
    found = []
    for i, j in np.argwhere(~(np.isfinite(values) & (values >= 0.0) & (values <= 1.0))):
        value = float(values[i, j])
        reason = Reason.OUT_OF_RANGE if math.isfinite(value) else Reason.NOT_FINITE
        detail = f"from {ratings[i]} to {ratings[j]}: {value} is no probability"
        found.append(Problem(row=int(i) + 1, column=ratings[j], reason=reason.value, detail=detail))
    if found:
        return found
    for i, total in enumerate(values.sum(axis=1)):
        if abs(total - 1.0) > tolerance:
            detail = f"the row of {ratings[i]} sums to {total:.6g}, further from 1 than {tolerance:g}"
            found.append(Problem(row=i + 1, column=None, reason=Reason.INCONSISTENT.value, detail=detail))
    if values[-1, -1] < 1.0 - _SUM or values[-1, :-1].any():
        detail = f"default is never left: the row of {ratings[-1]}, the last rating, is 1 on the diagonal and 0 elsewhere"
        found.append(Problem(row=count, column=ratings[-1], reason=Reason.INCONSISTENT.value, detail=detail))
    return found


def _require(problems: list[Problem], what: str) -> None:
    if problems:
        raise InvalidInput(f"{what} has {len(problems)} fault(s): {'; '.join(map(str, problems[:3]))}", problems=tuple(problems))


def _spread_withdrawn(ratings: tuple[str, ...], values: FloatArray, withdrawn: npt.ArrayLike, notes: list[str]) -> FloatArray:
    share = np.array(withdrawn, dtype=np.float64)
    if share.shape == (len(ratings) - 1,):
        share = np.r_[share, 0.0]
    if share.shape != (len(ratings),) or not (np.isfinite(share) & (share >= 0.0) & (share < 1.0)).all() or share[-1] != 0.0:
        raise InvalidInput("withdrawn is a share within [0, 1) for each rating, 0 for default", argument="withdrawn")
    remaining = values.sum(axis=1)
    if not (remaining > 0.0).all():
        raise InvalidInput("a row has nothing but withdrawn ratings; it tells no probability", argument="withdrawn")
    if share.any():
        notes.append(f"withdrawn ratings, up to {share.max():.4g} of a row, were spread over their rows in proportion")
    return np.where(share[:, None] > 0.0, values * ((remaining + share) / remaining)[:, None], values)


def _disorder(matrix: TransitionMatrix) -> list[str]:
    pd, names = matrix.probability[:, -1], matrix.ratings
    return [
        f"{names[i + 1]} has a lower default probability ({pd[i + 1]:.4g}) than {names[i]} ({pd[i]:.4g})"
        for i in np.flatnonzero(np.diff(pd) < 0.0)
    ]
