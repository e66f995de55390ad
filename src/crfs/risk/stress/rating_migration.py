"""Rating migration of a book under stress: where its exposure is expected to be in 12 months, as the book is and as it is stressed.

Every row moves by as many standard deviations as its default probability did. With a transition matrix the whole row of its rating moves by them
(:func:`crfs.risk.stress.migration.shifted_migration`); without one a row changes its grade where its stressed probability is that of another, on the
scale that the book's own ratings and probabilities make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.migration import tails_of, taken_apart
from crfs.risk.stress.shifts import shifted_pd
from crfs.risk.stress.waterfall import tag_codes

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatingMigration:
    """Probabilities of each row's grade in 12 months: rows x grades, base and stressed; ``default`` is the last grade where there is one.

    ``position`` is each row's grade today, ``ead`` its exposure of today (currency units), which weighs everything: a stressed exposure would mix
    the migration with drawings.
    """

    grades: tuple[str, ...]
    default: str | None
    position: IntArray
    ead: FloatArray
    base: FloatArray
    stressed: FloatArray
    book: pl.DataFrame
    notes: tuple[str, ...]

    def by_grade(self) -> list[dict[str, Any]]:
        """Exposure by grade: today, expected in 12 months as the book is and stressed, and the difference of these two."""
        today = np.bincount(self.position, weights=self.ead, minlength=len(self.grades))
        base, stressed = (np.einsum("i,ij->j", self.ead, side) for side in (self.base, self.stressed))
        return [
            {"grade": name, "today": float(t), "base": float(b), "stressed": float(s), "change": float(s - b)}
            for name, t, b, s in zip(self.grades, today, base, stressed, strict=True)
        ]

    def matrix(self, side: FloatArray) -> list[list[float] | None]:
        """From each grade of today (rows) to each grade, weighted by exposure; None of a grade that nobody has."""
        rows: list[list[float] | None] = []
        for k in range(len(self.grades)):
            mine = self.position == k
            whole = float(np.add.reduce(self.ead[mine]))
            rows.append((np.einsum("i,ij->j", self.ead[mine], side[mine]) / whole).tolist() if whole > 0.0 else None)
        return rows

    def by(self, tag: str | None) -> list[dict[str, Any]]:
        """One row a value of a column (one for all, where ``tag`` is None): ``downgraded``, ``upgraded`` and ``defaulted`` are shares of exposure
        (a default is a downgrade too), ``notches`` how far it goes down on average while it does not default; each base, stressed, difference."""
        codes, labels = tag_codes(self.book, tag)
        sides = [self._shares(side, codes, len(labels)) for side in (self.base, self.stressed)]
        ead = np.bincount(codes, weights=self.ead, minlength=len(labels))
        return [
            {
                **({} if tag is None else {"name": label}),
                "ead": float(ead[k]),
                **{name: _difference(sides[0][name][k], sides[1][name][k]) for name in sides[0]},
            }
            for k, label in enumerate(labels)
        ]

    def _shares(self, side: FloatArray, codes: IntArray, labels: int) -> dict[str, list[float | None]]:
        last = len(self.grades) - (self.default is not None)
        steps = np.arange(len(self.grades))[None, :] - self.position[:, None]

        def summed(each: FloatArray) -> FloatArray:
            return np.asarray(np.bincount(codes, weights=self.ead * each, minlength=labels), dtype=np.float64)

        whole = np.bincount(codes, weights=self.ead, minlength=labels)
        alive = summed(np.add.reduce(side[:, :last], axis=1))
        parts = {
            "downgraded": (summed(np.add.reduce(side * (steps > 0), axis=1)), whole),
            "upgraded": (summed(np.add.reduce(side * (steps < 0), axis=1)), whole),
            "notches": (summed(np.add.reduce(side[:, :last] * steps[:, :last], axis=1)), alive),
        }
        if self.default is not None:
            parts["defaulted"] = (summed(side[:, -1]), whole)
        return {name: [float(a / b) if b > 0.0 else None for a, b in zip(*pair, strict=True)] for name, pair in parts.items()}

    def to_dict(self, *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """Plain values for JSON; ``tags`` are columns by which the shares are cut."""
        return {
            "grades": list(self.grades),
            "default": self.default,
            "exposure": self.by_grade(),
            **self.by(None)[0],
            "matrix": {"base": self.matrix(self.base), "stressed": self.matrix(self.stressed)},
            "cuts": {tag: self.by(tag) for tag in tags},
            "notes": list(self.notes),
        }


def expected_migration(base: pl.DataFrame, stressed: pl.DataFrame, matrix: TransitionMatrix) -> RatingMigration:
    """Where a transition matrix of 12 months takes a book's ratings, as it is and as it is stressed.

    ``base`` and ``stressed`` are books of the same rows, such as a stress gives; their column ``rating`` has ratings of the matrix. Rows move by
    the difference of the probits of their two default probabilities: the book's own, while the matrix says where it starts. No shock is the same
    probabilities, bit for bit, and a harder one never makes a worse grade less probable.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "rating": ["A"]})
    >>> matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.90, 0.08, 0.02], [0.10, 0.80, 0.10]])
    >>> found = expected_migration(book, book.with_columns(pd_12m=pl.lit(0.05)), matrix)
    >>> [(row["grade"], round(row["base"], 6), round(row["stressed"], 6)) for row in found.by_grade()]
    [('A', 90.0, 80.857477), ('B', 8.0, 14.142523), ('D', 2.0, 5.0)]
    """
    from scipy.special import ndtri

    if abs(matrix.years - 1.0) > 1e-9:
        raise InvalidInput(f"a migration of 12 months needs a matrix of one year, not of {matrix.years:g}", argument="matrix")
    position = _positions(base, matrix.ratings)
    before, after = (book["pd_12m"].to_numpy() for book in (base, stressed))
    inside = (before != after) & (before > 0.0) & (before < 1.0) & (after > 0.0) & (after < 1.0)
    shift = np.zeros(base.height)
    shift[inside] = ndtri(after[inside]) - ndtri(before[inside])
    tails = tails_of(matrix.probability)[position]
    sides = [taken_apart(shifted_pd(tails, np.broadcast_to(moved[:, None], tails.shape))) for moved in (np.zeros(base.height), shift)]
    return RatingMigration(
        grades=matrix.ratings,
        default=matrix.default,
        position=position,
        ead=base["ead"].to_numpy(),
        base=sides[0],
        stressed=sides[1],
        book=base,
        notes=matrix.notes,
    )


def regraded(base: pl.DataFrame, stressed: pl.DataFrame) -> RatingMigration:
    """The grades that a book's stressed default probabilities have on the book's own scale; as the book is every row keeps its rating.

    Each rating's middle probability is the median of its rows; the border of two lies halfway between these, in probits. A row moves by as
    many grades as its probability crosses borders, from the rating that it has, and no farther than the ends of the scale.
    """
    if "rating" not in base.columns:
        _positions(base, ())
    known = base.filter(pl.col("rating").is_not_null()).group_by("rating").agg(pl.col("pd_12m").median()).sort("pd_12m", "rating")
    position = _positions(base, tuple(known["rating"].to_list()))
    try:
        grades = Grades(names=tuple(known["rating"].to_list()), pd=tuple(known["pd_12m"].to_list()))
    except InvalidInput as error:
        raise InvalidInput(f"the book's ratings make no scale: {error}", problems=error.problems, argument="rating") from None
    crossed = grades.of_pd(stressed["pd_12m"].to_numpy()) - grades.of_pd(base["pd_12m"].to_numpy())
    return RatingMigration(
        grades=grades.names,
        default=None,
        position=position,
        ead=base["ead"].to_numpy(),
        base=np.eye(len(grades.names))[position],
        stressed=np.eye(len(grades.names))[grades.moved(position, crossed)],
        book=base,
        notes=(
            "grades are those of stressed default probabilities on the book's own scale; a transition matrix says what else may happen",
        ),
    )


def _positions(book: pl.DataFrame, grades: tuple[str, ...]) -> IntArray:
    """The grade's number of each row; a book without ratings, and a row with none of the grades, are refused."""
    if "rating" not in book.columns or book["rating"].null_count() == book.height:
        detail = "the book has no ratings: rating migration needs the column rating"
        raise InvalidInput(detail, problems=(Problem(row=None, column="rating", reason=Reason.MISSING_COLUMN.value, detail=detail),))
    numbers = {name: number for number, name in enumerate(grades)}
    found = book["rating"].replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
    lost = np.flatnonzero(found < 0)
    if len(lost):
        problems = tuple(_lost(book, int(row), grades) for row in lost[:_LISTED])
        raise InvalidInput(f"{len(lost)} row(s) of the book have no grade to move from; first: {problems[0]}", problems=problems)
    return np.asarray(found, dtype=np.int64)


def _lost(book: pl.DataFrame, row: int, grades: tuple[str, ...]) -> Problem:
    rating = book["rating"][row]
    if rating is None:
        return Problem(row=row + 1, column="rating", reason=Reason.MISSING.value, detail="the cell is blank")
    return Problem(row=row + 1, column="rating", reason=Reason.UNKNOWN_VALUE.value, detail=f"{rating!r} is none of {', '.join(grades)}")


def _difference(base: float | None, stressed: float | None) -> dict[str, float | None]:
    known = base is not None and stressed is not None
    return {"base": base, "stressed": stressed, "change": stressed - base if known else None}  # type: ignore[operator] # both are there
