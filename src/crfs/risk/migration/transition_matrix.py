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
from crfs.errors import InvalidInput, Problem, naming
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_text, check_texts
from crfs.risk.ranges import Range, number, numbers, whole_number

FloatArray: TypeAlias = npt.NDArray[np.float64]

# A row that came through double precision sums to one within this.
_SUM = 1e-9
# Eight or twenty cells printed in percent with two decimals sum to one within this.
ROUNDING_TOLERANCE = 0.002
# What of them is no probability is told with its row and column.
_ROWS = Range(said="rows of probabilities", or_unknown=True)
_YEARS = Range(said="the positive length of the matrix's period", low=0.0, with_low=False, with_high=False)
_TOLERANCE = Range(said="how far from one a row may sum, a decimal of zero or more", low=0.0)
_SHARES = Range(said="a share within [0, 1) for each rating, 0 for default", low=0.0, high=1.0, with_high=False)
_PERIODS = "a whole number of 1 or more"


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
        names = check_texts("ratings", self.ratings)
        values = numbers("probability", self.probability, _ROWS).copy()
        with naming("probability", instead_of="rows"):
            _require(_problems(names, values, _SUM), "the transition matrix")
        number("years", self.years, _YEARS)
        values.flags.writeable = False
        object.__setattr__(self, "ratings", names)
        object.__setattr__(self, "probability", values)
        object.__setattr__(self, "notes", check_texts("notes", self.notes))

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
        except (TypeError, ValueError):
            raise InvalidInput(f"remainder is 'diagonal' or 'proportional', not {remainder!r:.80}", argument="remainder") from None
        names = check_texts("ratings", ratings)
        values = numbers("rows", rows, _ROWS)
        number("years", years, _YEARS)
        number("tolerance", tolerance, _TOLERANCE)
        if values.shape == (len(names) - 1, len(names)):
            values = np.vstack([values, np.eye(len(names))[-1]])
        with naming("rows"):
            _require(_problems(names, values, math.inf), "the transition matrix")
        notes: list[str] = []
        if withdrawn is not None:
            values = _spread_withdrawn(names, values, withdrawn, notes)
        with naming("rows"):
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
        with naming("rows", instead_of="probability"):
            made = cls(ratings=names, probability=mended, years=years)
        return cls(ratings=names, probability=mended, years=years, notes=(*notes, *_disorder(made)))

    @classmethod
    def from_table(cls, table: pl.DataFrame, *, withdrawn: str | None = None, **options: Any) -> TransitionMatrix:
        """A matrix from a table with a column ``rating`` and one column an end rating, in order; rows in any order, that of default may lack.

        ``withdrawn`` names the column of ratings that ended (such as ``NR``). ``options`` are those of :meth:`from_rows`.
        """
        require_table(table, argument="table")
        if withdrawn is not None:
            check_text("withdrawn", withdrawn)
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
            ended[: ordered.height] = _decimals(ordered, withdrawn).to_numpy()
        cells = pl.DataFrame([_decimals(ordered, name) for name in ratings]).to_numpy()
        with naming("table", instead_of="rows"):
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
        if check_text("rating", rating) not in self.ratings:
            raise InvalidInput(f"rating {rating!r} is none of {', '.join(self.ratings)}", argument="rating")
        return self.ratings.index(rating)

    def row(self, rating: str) -> FloatArray:
        """Probabilities of each end rating from ``rating``."""
        found: FloatArray = self.probability[self.index(rating)]
        return found

    def power(self, periods: int) -> TransitionMatrix:
        """The matrix over ``periods`` of its periods, 1 or more, for migrations without memory."""
        count = whole_number("periods", periods, _PERIODS)
        return TransitionMatrix(ratings=self.ratings, probability=_tidy(matrix_power(self.probability, count)), years=self.years * count)

    def default_term_structure(self, periods: int) -> pl.DataFrame:
        """Default probabilities by rating: ``rating``, ``years``, ``pd_cumulative``, ``pd_marginal`` (in the period), ``pd_conditional`` (of survivors)."""
        count = whole_number("periods", periods, _PERIODS)
        reached = np.eye(len(self.ratings))[:-1]
        cumulative = []
        for _ in range(count):
            reached = np.einsum("ij,jk->ik", reached, self.probability)
            cumulative.append(reached[:, -1])
        pd = np.stack(cumulative, axis=1)
        before = np.concatenate([np.zeros((len(pd), 1)), pd[:, :-1]], axis=1)
        marginal = np.maximum(pd - before, 0.0)
        alive = 1.0 - before
        return pl.DataFrame(
            {
                "rating": np.repeat(self.performing, count),
                "years": np.tile(self.years * np.arange(1, count + 1), len(pd)),
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


def _decimals(table: pl.DataFrame, name: str) -> pl.Series:
    try:
        return table[name].cast(pl.Float64)
    except pl.exceptions.PolarsError:
        raise InvalidInput(f"table: column {name} holds {table.schema[name]}, not decimals", argument="table") from None


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
    share = numbers("withdrawn", withdrawn, _SHARES)
    if share.shape == (len(ratings) - 1,):
        share = np.r_[share, 0.0]
    if share.shape != (len(ratings),) or share[-1] != 0.0:
        raise InvalidInput(f"withdrawn is {_SHARES.said}", argument="withdrawn")
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
