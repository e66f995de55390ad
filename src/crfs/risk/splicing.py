"""A changed book from the book before the change: what a run from nothing would make of it, to the bit, where only what is touched is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.quality.portfolio import LOADING
from crfs.risk.joints import Joint
from crfs.risk.names import Names, live, make_names, unit_of
from crfs.risk.obligors import Obligors, alike, of_book

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change:
    """Obligors that leave (places among those before), and those that arrive (None where none does) with their places afterwards; both in order."""

    leaving: IntArray
    arriving: Obligors | None
    arrived: IntArray

    @classmethod
    def of(cls, before: Obligors, touched: tuple[str, ...], arriving: Obligors | None) -> Change:
        """``touched`` obligors become those ``arriving``; who of them was not there before is new."""
        asked = pl.Series(sorted(touched), dtype=pl.String)
        rank = before.names.search_sorted(asked).to_numpy().astype(np.int64)
        there = rank < len(before.names)
        there[there] = (before.names.gather(rank[there]) == asked.filter(pl.Series(there))).to_numpy()
        leaving = rank[there]
        if arriving is None:
            return cls(leaving=leaving, arriving=None, arrived=leaving[:0])
        at = rank[np.asarray(asked.search_sorted(arriving.names).to_numpy(), dtype=np.int64)]
        return cls(leaving=leaving, arriving=arriving, arrived=at - np.searchsorted(leaving, at) + np.arange(len(at)))

    @property
    def restates(self) -> bool:
        """Whether all obligors keep their places."""
        return np.array_equal(self.leaving, self.arrived)

    def joined(self, old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array of one entry an obligor after the change."""
        return Joint.of(self.leaving, self.arrived - np.arange(len(self.arrived)), len(old)).joined(old, new)


def spliced_obligors(before: Obligors, book: pl.DataFrame, factor_model: FactorModel, change: Change) -> Obligors | None:
    """What :func:`roll_up` makes of ``book`` (in its :data:`ORDER`), to the bit, from the obligors ``before`` the change; None where it does not serve.

    It does not where the change gives or takes a direction of the factor model, or where obligors have loadings of their own.
    """
    arriving, place = change.arriving, np.zeros(0, dtype=np.int64)
    if any(name.startswith(LOADING) for name in book.columns) or not _told_apart(factor_model):
        return None
    if arriving is not None:
        rows = {vector.tobytes(): k for k, vector in enumerate(before.directions)}
        known = [rows.get(vector.tobytes()) for vector in arriving.directions]
        if None in known:
            return None
        place = np.array(known, dtype=np.int64)[arriving.direction]
    direction = change.joined(before.direction, place)
    if not (np.bincount(direction, minlength=len(before.directions)) > 0).all():
        return None
    some = arriving if arriving is not None else before
    few = slice(None) if arriving is not None else slice(0)
    counts = [np.bincount(each.facility_obligor, minlength=len(each.names)) for each in (before, some)]
    facilities = change.joined(counts[0], counts[1][few])
    return of_book(
        book,
        np.repeat(np.arange(len(direction)), facilities),
        names=book["obligor_id"].gather(np.cumsum(facilities) - facilities),
        pd=change.joined(before.pd, some.pd[few]),
        r2=change.joined(before.r2, some.r2[few]),
        nu=change.joined(before.nu, some.nu[few]),
        direction=direction,
        directions=before.directions,
    )


def spliced_names(before: Names, obligors: Obligors, factor_model: FactorModel, change: Change) -> Names | None:
    """What :func:`make_names` makes of the changed ``obligors`` (:func:`spliced_obligors`'), to the bit; None where the change does not serve.

    It does not where the unit of losses changes with it, or where it gives or takes a class of names.
    """
    if unit_of(obligors) != before.unit:
        return None
    arriving = before.chosen(np.zeros(0, dtype=np.int64))
    if change.arriving is not None and live(change.arriving).any():
        fresh = make_names(change.arriving, factor_model, unit=before.unit)
        kinds = kinds_in(before, fresh)
        if kinds is None:
            return None
        kind, obligor = kinds[fresh.kind], change.arrived[fresh.obligor]
        order = np.lexsort((obligor, kind))
        arriving = replace(fresh.chosen(order), kind=kind[order], obligor=obligor[order])
    gone = np.zeros(len(obligors.names) - len(change.arrived) + len(change.leaving), dtype=np.bool_)
    gone[change.leaving] = True
    leaving = np.flatnonzero(gone[before.obligor])
    staying = before
    if not change.restates:
        numbers = np.full(len(gone), -1, dtype=np.int64)
        numbers[~gone] = np.delete(np.arange(len(obligors.names)), change.arrived)
        staying = before.renumbered(numbers)
    joined = staying.spliced(leaving, arriving, places_of(staying, leaving, arriving))
    populated = np.bincount(joined.kind, minlength=len(before.directions)) > 0
    return joined if populated.all() else None


def places_of(names: Names, leaving: IntArray, arriving: Names) -> IntArray:
    """Where each of ``arriving`` (in the order of classes and obligors) belongs among ``names`` without those ``leaving``."""
    kind, obligor = np.delete(names.kind, leaving), np.delete(names.obligor, leaving)
    starts = np.searchsorted(kind, np.arange(len(names.directions) + 1))
    places = np.zeros(len(arriving), dtype=np.int64)
    for n, (mine, who) in enumerate(zip(arriving.kind.tolist(), arriving.obligor.tolist(), strict=True)):
        first, last = starts[mine], starts[mine + 1]
        places[n] = first + np.searchsorted(obligor[first:last], who)
    return places


def kinds_in(names: Names, fresh: Names) -> IntArray | None:
    """For each class of ``fresh`` the same class of ``names``; None where there is one without."""
    result = np.zeros(len(fresh.directions), dtype=np.int64)
    nu = np.array([names.nus[k] if k >= 0 else math.inf for k in names.nu_index])
    for k, direction in enumerate(fresh.directions):
        own = fresh.nus[fresh.nu_index[k]] if fresh.nu_index[k] >= 0 else math.inf
        same = np.flatnonzero((nu == own) & (names.directions == direction).all(axis=1))
        if not len(same):
            return None
        result[k] = same[0]
    return result


def _told_apart(factor_model: FactorModel) -> bool:
    """Whether groups whose directions agree to ten digits have the same one, so that it does not matter who follows which."""
    vectors = np.array([factor_model.direction(group) for group in factor_model.groups])
    if not len(vectors):
        return True
    where, same = alike(vectors)
    return np.array_equal(vectors[where][same], vectors)
