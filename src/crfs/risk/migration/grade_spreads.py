"""A credit spread for every grade of a rating scale from those that a market quotes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput, naming
from crfs.risk.arguments import check_mapping, check_texts, is_number
from crfs.risk.migration.curves import ZeroCurves
from crfs.risk.migration.par_yields import annual, bond_equivalent
from crfs.risk.ranges import ANYWHERE, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

LEAST_SPREAD = 0.0001
"""A quoted spread below one basis point counts as one: logarithms are interpolated."""

_MOST_SPREAD = 5.0
_STANDARD = (
    "AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+", "BB", "BB-", "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C",
)  # fmt: skip
_MOODYS = (
    "Aaa", "Aa1", "Aa2", "Aa3", "A1", "A2", "A3", "Baa1", "Baa2", "Baa3", "Ba1", "Ba2", "Ba3", "B1", "B2", "B3", "Caa1", "Caa2", "Caa3", "Ca", "C",
)  # fmt: skip
NOTCHES: Mapping[str, int] = MappingProxyType(
    {name: place for names in (_STANDARD, _MOODYS) for place, name in enumerate(names)}
    | {"Aa": 2, "Baa": 8, "Ba": 11, "Caa": 17}
    | {name.upper(): place for place, name in enumerate(_MOODYS) if name.upper() not in {"C", "CA"}}
    | {"BAA": 8, "BA": 11, "CAA": 17}
)
"""Grades of the agencies by notches below the best; a letter without a notch is the middle one of its three."""


class Origin(StrEnum):
    """Where the spread of a grade comes from: the caller, a quote, in between two quotes, or beyond the last one."""

    GIVEN = "given"
    QUOTED = "quoted"
    INTERPOLATED = "interpolated"
    EXTRAPOLATED = "extrapolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeSpread:
    """The ``spread`` (decimal a year, bond-equivalent, over riskless zero rates) of a ``rating``, and its ``origin``.

    ``grade`` is the agencies' grade that the rating was taken as; None where the spread was given.
    """

    rating: str
    grade: str | None
    spread: float
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeSpreads:
    """A spread for each rating of a scale, the best first, and what a reader must know of them."""

    spreads: tuple[GradeSpread, ...]
    notes: tuple[str, ...] = ()

    @property
    def ratings(self) -> tuple[str, ...]:
        """The scale."""
        return tuple(each.rating for each in self.spreads)

    def curves(self, years: npt.ArrayLike, base: npt.ArrayLike) -> ZeroCurves:
        """Zero curves of the ratings: ``base`` (annually compounded decimals, one a tenor of ``years``) and each rating's spread at all tenors.

        A spread is compounded twice a year, as quotes are: it is added to the bond-equivalent zero rate.
        """
        with naming("base", instead_of="annual"):
            riskless = bond_equivalent(base)
        rates = np.stack([annual(riskless + each.spread) for each in self.spreads])
        return ZeroCurves(ratings=self.ratings, years=numbers("years", years, ANYWHERE), rates=rates)


def grade_spreads(
    ratings: Sequence[str],
    quotes: Mapping[str, float],
    *,
    grades: Mapping[str, str] | None = None,
    given: Mapping[str, float] | None = None,
) -> GradeSpreads:
    """A spread for each of ``ratings`` (performing ones, the best first) from ``quotes``: agencies' grades and spreads, decimals a year.

    ``grades`` says which agency's grade a rating of another scale is like (``{"R1": "AA-"}``); ``given`` has spreads of ratings that need no quote
    (decimal, zero or more). In between two quoted grades the logarithm of the spread is linear in notches; a grade below the worst quoted one goes on as
    between the last two, and a grade above the best has the best's spread. Spreads never fall down the notches: quotes that do are pooled to their
    geometric mean (pool adjacent violators), and a note says so. At least two quotes are needed, but where all ratings are given.

    A rating that is no grade and is not mapped, a wrong number or a wrong name are :class:`InvalidInput` that names it.

    >>> told = grade_spreads(("AAA", "AA", "BBB", "BB"), {"AAA": 0.005, "BBB": 0.02})
    >>> [(each.rating, round(each.spread, 6), each.origin.value) for each in told.spreads]
    [('AAA', 0.005, 'quoted'), ('AA', 0.007071, 'interpolated'), ('BBB', 0.02, 'quoted'), ('BB', 0.033636, 'extrapolated')]
    """
    names = check_texts("ratings", ratings)
    told = {} if grades is None else dict(check_mapping("grades", grades))
    own = {} if given is None else dict(check_mapping("given", given))
    check_mapping("quotes", quotes)
    if not names or len(set(names)) != len(names):
        raise InvalidInput("ratings are one or more names that differ, the best first, without default", argument="ratings")
    _check_names(names, told, own)
    wanted = {name: told.get(name, name) for name in names if name not in own}
    places = {name: _place(name, grade) for name, grade in wanted.items()}
    if not wanted:
        return GradeSpreads(spreads=tuple(GradeSpread(rating=n, grade=None, spread=own[n], origin=Origin.GIVEN) for n in names))
    at, logs, notes = _quoted(quotes)
    found, worst_at, told_by = [], float(at[-1]), {float(NOTCHES[grade]): spread for grade, spread in quotes.items()}
    for name in names:
        if name in own:
            found.append(GradeSpread(rating=name, grade=None, spread=own[name], origin=Origin.GIVEN))
            continue
        place = float(places[name])
        origin = Origin.QUOTED if place in at else Origin.INTERPOLATED if at[0] < place < worst_at else Origin.EXTRAPOLATED
        beyond = max(place - worst_at, 0.0) * float(logs[-1] - logs[-2]) / float(at[-1] - at[-2])
        spread = min(math.exp(float(np.interp(place, at, logs)) + beyond), _MOST_SPREAD)
        if math.isclose(spread, told_by.get(place, math.nan), rel_tol=1e-12):
            spread = told_by[place]  # the quote itself, to the last bit
        found.append(GradeSpread(rating=name, grade=wanted[name], spread=spread, origin=origin))
    return GradeSpreads(spreads=tuple(found), notes=(*notes, *_words(found, quotes), *_disorder(found)))


def _check_names(names: tuple[str, ...], grades: Mapping[str, str], given: Mapping[str, float]) -> None:
    for argument, known in (("grades", grades), ("given", given)):
        strange = [name for name in known if name not in names]
        if strange:
            raise InvalidInput(
                f"{'grades' if known is grades else 'spreads'} names {strange[0]!r}, which is none of {', '.join(names)}", argument=argument
            )
    for name, spread in given.items():
        if not _is_spread(spread):
            raise InvalidInput(
                f"spreads: {name} has {spread!r:.80}; a spread is a decimal a year within [0, {_MOST_SPREAD:g}]", argument="given"
            )


def _is_spread(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= _MOST_SPREAD


def _place(rating: str, grade: Any) -> int:
    place = NOTCHES.get(grade) if isinstance(grade, str) else None
    if place is None:
        what = f"rating {rating!r} is" if grade == rating else f"rating {rating!r} is said to be like {grade!r}, which is"
        raise InvalidInput(
            f"{what} no grade that a market quotes (AAA, AA+, …, C, or Aaa, Aa1, …); grades says which one it is like, or spreads its spread",
            argument="grades",
        )
    return place


def _quoted(quotes: Mapping[str, float]) -> tuple[FloatArray, FloatArray, list[str]]:
    """Places of the quoted grades and logarithms of their spreads, which rise; and what was done to the quotes."""
    for grade, spread in quotes.items():
        if grade not in NOTCHES or not is_number(spread) or not (math.isfinite(spread) and spread <= _MOST_SPREAD):
            raise InvalidInput(f"quotes: {grade} = {spread!r:.80} is no grade with a decimal spread a year", argument="quotes")
    ordered = sorted(quotes.items(), key=lambda quote: NOTCHES[quote[0]])
    if len({NOTCHES[grade] for grade in quotes}) != len(quotes) or len(quotes) < 2:
        raise InvalidInput("quotes are spreads of two or more grades that differ", argument="quotes")
    notes = [
        f"the quoted spread of {grade} is {spread * 1e4:.3g} basis points; it counts as {LEAST_SPREAD * 1e4:g}"
        for grade, spread in ordered
        if spread < LEAST_SPREAD
    ]
    logs = [math.log(max(spread, LEAST_SPREAD)) for _, spread in ordered]
    pools: list[list[float]] = []
    for value in logs:
        pools.append([value])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    first = 0
    for pool in pools:
        if len(pool) > 1:
            names = ", ".join(grade for grade, _ in ordered[first : first + len(pool)])
            notes.append(f"the quoted spreads of {names} fall where grades get worse; each counts as their geometric mean")
        first += len(pool)
    pooled = np.array([_mean(pool) for pool in pools for _ in pool])
    return np.array([float(NOTCHES[grade]) for grade, _ in ordered]), pooled, notes


def _mean(values: list[float]) -> float:
    return values[0] if len(values) == 1 else math.fsum(values) / len(values)


def _words(found: Sequence[GradeSpread], quotes: Mapping[str, float]) -> list[str]:
    quoted = ", ".join(sorted(quotes, key=NOTCHES.__getitem__))
    notes = []
    between = [each.rating for each in found if each.origin is Origin.INTERPOLATED]
    beyond = [each.rating for each in found if each.origin is Origin.EXTRAPOLATED]
    if between:
        notes.append(
            f"no market quotes {', '.join(between)} here: their spreads lie between those of {quoted}, logarithms linear in notches"
        )
    if beyond:
        notes.append(
            f"no market quotes {', '.join(beyond)} here: their spreads go on from those of {quoted} as if a notch further down cost as much more; "
            "spreads below investment grade have been a multiple of that; give your own in spreads"
        )
    return notes


def _disorder(found: Sequence[GradeSpread]) -> list[str]:
    return [
        f"the spread of {after.rating} ({after.spread * 1e4:.4g} bp) is below that of {before.rating} ({before.spread * 1e4:.4g} bp)"
        for before, after in pairwise(found)
        if after.spread < before.spread
    ]
