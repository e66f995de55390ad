"""From facilities to obligors: who may default, with what probability, in which direction, and what is lost then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.connected_clients import CONNECTED, connected_names
from crfs.quality.portfolio import LOADING
from crfs.risk.measures import TailMeasure, rarer_than_the_tail

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

ORDER = ("obligor_id", "facility_id")
"""By which the rows of a book are sorted, so that the order of a file's rows changes nothing."""
LEAST_SPREAD = 1e-8
"""Of an LGD, or of one less it: a standard deviation below it adds less to a second moment than a double can carry, so such an LGD is certain."""
TAGS = ("sector", "region", "rating", "group", "segment", "facility_type", CONNECTED)
"""Columns of a book by which its risk is shared out, where the book has them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Obligors:
    """A checked book as arrays, in the order of ``names`` (sorted, so that the order of a file's rows changes nothing).

    An obligor's latent variable is ``sqrt(r2) * directions[direction] . Z + sqrt(1 - r2) * e``. The facilities follow in arrays of
    their own, sorted by obligor: ``facility_obligor`` is the index of the obligor who owes. ``nu`` has the degrees of freedom of the copula,
    infinite where it is Gaussian. ``facility_tags`` are the columns by which the book can be cut, such as ``sector``. Connected clients are such a
    column, in which every facility has a value: they are one name in concentration, while each obligor defaults by itself.
    """

    names: pl.Series
    pd: FloatArray
    r2: FloatArray
    nu: FloatArray
    direction: IntArray
    directions: FloatArray
    facility_obligor: IntArray
    facility_ead: FloatArray
    facility_lgd: FloatArray
    facility_lgd_sd: FloatArray
    facility_lgd_loading: FloatArray
    facility_tags: Mapping[str, pl.Series]
    _sums: dict[str, FloatArray] = field(default_factory=dict, init=False, repr=False)
    """Sums by obligor that have been asked for: every stage of a run asks for some of them, and the arrays above do not change."""

    @property
    def ead(self) -> FloatArray:
        """Exposure at default of each obligor, currency units."""
        return self._sum("ead", lambda: self.facility_ead)

    @property
    def loss(self) -> FloatArray:
        """Mean loss of each obligor if it defaults, currency units."""
        return self._sum("loss", lambda: self.facility_ead * self.facility_lgd)

    @property
    def expected_loss(self) -> FloatArray:
        """Expected loss of each obligor in 12 months, currency units: exact."""
        return self.pd * self.loss

    @property
    def certain_loss(self) -> FloatArray:
        """Of each obligor's loss if it defaults, the part of facilities whose LGD is certain, currency units."""
        return self._sum("certain", lambda: np.where(self._random, 0.0, self.facility_ead * self.facility_lgd))

    @property
    def random_exposure(self) -> FloatArray:
        """Exposure of each obligor's facilities whose LGD is random, currency units."""
        return self._sum("random", lambda: np.where(self._random, self.facility_ead, 0.0))

    @property
    def greatest_loss(self) -> float:
        """All that can be lost, currency units: by those who may default, at no more than the exposure where the LGD is random."""
        known = self._sums.get("greatest")
        if known is None:
            may = (self.pd > 0.0) & (self.loss > 0.0)
            known = self._sums["greatest"] = np.asarray((self.certain_loss + self.random_exposure)[may].sum())
        return float(known)

    @property
    def _random(self) -> npt.NDArray[np.bool_]:
        return np.asarray(((self.facility_lgd_sd > 0.0) | (self.facility_lgd_loading > 0.0)) & (self.facility_ead > 0.0))

    def rarer_than_the_tail(self, confidence: float) -> TailMeasure | None:
        """The exact measures where any loss is rarer than the tail (:func:`crfs.risk.measures.rarer_than_the_tail`); else None."""
        return rarer_than_the_tail(float(self.pd[self.loss > 0.0].sum()), float(self.expected_loss.sum()), confidence)

    def same_as(self, other: Obligors) -> bool:
        """Whether all numbers are the other's, bit for bit; labels by which a book can be cut change no loss."""
        obligor = ("pd", "r2", "nu", "direction", "directions")
        facility = ("facility_obligor", "facility_ead", "facility_lgd", "facility_lgd_sd", "facility_lgd_loading")
        return self.names.equals(other.names) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in (*obligor, *facility)
        )

    def lgd_follows_factors(self) -> bool:
        """Whether any loss given default moves with a factor (:mod:`crfs.risk.factor_lgd`)."""
        live = (self.pd > 0.0)[self.facility_obligor] & (self.facility_ead > 0.0)
        return bool((live & (self.facility_lgd_loading > 0.0) & (self.facility_lgd > 0.0) & (self.facility_lgd < 1.0)).any())

    def require_lgd_alone(self, what: str) -> None:
        """Refuse a book whose losses given default follow factors, for ``what`` takes them as independent."""
        if self.lgd_follows_factors():
            raise InvalidInput(
                f"{what} takes losses given default as independent of the factors, and the book has an lgd_factor_loading above 0: leave that "
                "column blank, or measure the book by portfolio_risk",
                argument="portfolio",
            )

    def loss_cumulants(self) -> FloatArray:
        """First four cumulants of each obligor's loss if it defaults: 4 x obligors, powers of currency units.

        A facility's loss is ``ead`` times a Beta variable of mean ``lgd`` and standard deviation ``lgd_sd``, independent of the others.
        """
        mean, spread = self.facility_lgd, self.facility_lgd_sd
        cumulants = np.zeros((4, len(self.names)))
        cumulants[0] = self.loss
        random = np.flatnonzero(self._random & (spread > 0.0))
        if not len(random):
            return cumulants
        mu, variance = mean[random], np.square(spread[random])
        total = mu * (1.0 - mu) / variance - 1.0  # a + b of Beta(a, b)
        skewness = 2.0 * (1.0 - 2.0 * mu) * np.sqrt(total + 1.0) / ((total + 2.0) * np.sqrt(mu * (1.0 - mu)))
        a, b = mu * total, (1.0 - mu) * total
        excess = 6.0 * (np.square(a - b) * (total + 1.0) - a * b * (total + 2.0)) / (a * b * (total + 2.0) * (total + 3.0))
        sd = np.sqrt(variance)
        for order, factor in ((1, np.ones_like(mu)), (2, skewness), (3, excess)):
            amounts = (self.facility_ead[random] * sd) ** (order + 1) * factor
            cumulants[order] = np.bincount(self.facility_obligor[random], weights=amounts, minlength=len(self.names))
        return cumulants

    def _sum(self, what: str, amounts: Callable[[], FloatArray]) -> FloatArray:
        known = self._sums.get(what)
        if known is None:
            if len(self.facility_obligor) == len(self.names):
                # A facility each: what it is, for nothing is added to it.
                known = np.array(amounts())
            else:
                known = np.bincount(self.facility_obligor, weights=amounts(), minlength=len(self.names)).astype(np.float64)
            known.setflags(write=False)
            self._sums[what] = known
        return known


def roll_up(book: pl.DataFrame, factor_model: FactorModel) -> Obligors:
    """Obligors of a book whose every row has passed :func:`crfs.quality.validate_portfolio` with nothing left blank."""
    book = book.sort(*ORDER)
    ids = book["obligor_id"]
    starts = (ids != ids.shift(1)).fill_null(True)
    owner = (starts.cast(pl.Int64).cum_sum() - 1).to_numpy()
    first = book.filter(starts)
    r2, direction, directions = _directions(first, factor_model)
    return of_book(
        book,
        np.asarray(owner, dtype=np.int64),
        names=first["obligor_id"],
        pd=first["pd_12m"].to_numpy().astype(np.float64),
        r2=r2,
        nu=_degrees_of_freedom(first, factor_model),
        direction=direction,
        directions=directions,
    )


def of_book(book: pl.DataFrame, owner: IntArray, *, r2: FloatArray, **obligors: Any) -> Obligors:
    """Obligors, with the facilities of a book in its :data:`ORDER` beside them."""
    spread, loading = (
        book[name].fill_null(0.0).to_numpy() if name in book.columns else np.zeros(book.height) for name in ("lgd_sd", "lgd_factor_loading")
    )
    lgd, spread = book["lgd"].to_numpy().astype(np.float64), np.asarray(spread, dtype=np.float64)
    return Obligors(
        r2=r2,
        facility_obligor=owner,
        facility_ead=book["ead"].to_numpy().astype(np.float64),
        facility_lgd=lgd,
        facility_lgd_sd=np.where(spread > LEAST_SPREAD * np.minimum(lgd, 1.0 - lgd), spread, 0.0),
        # Who follows no factor has none for its losses to follow.
        facility_lgd_loading=np.where(r2[owner] > 0.0, np.asarray(loading, dtype=np.float64), 0.0),
        facility_tags={
            name: connected_names(book) if name == CONNECTED else book[name]
            for name in TAGS
            if name in book.columns and book[name].null_count() < book.height
        },
        **obligors,
    )


def _degrees_of_freedom(first: pl.DataFrame, factor_model: FactorModel) -> FloatArray:
    copula = factor_model.copula
    if not copula.by_group or "group" not in first.columns:
        return np.full(first.height, copula.of(None) if copula.by_group else copula.nu)
    known = {group: copula.of(group) for group in first["group"].unique().to_list()}
    return np.array([known[group] for group in first["group"].to_list()], dtype=np.float64)


def _directions(first: pl.DataFrame, factor_model: FactorModel) -> tuple[FloatArray, IntArray, FloatArray]:
    """R2, index of direction, and the distinct directions, each of unit variance under the model's correlation."""
    count = len(factor_model.factors)
    r2 = np.zeros(first.height)
    units = [np.zeros(count)]
    place = np.zeros(first.height, dtype=np.int64)
    if "r2" in first.columns:
        r2 = first["r2"].fill_null(0.0).to_numpy().astype(np.float64)
        if "group" in first.columns:
            known = sorted(first["group"].drop_nulls().unique().to_list())
            units += [factor_model.direction(name) for name in known]
            numbers = {name: k for k, name in enumerate(known, 1)}
            place = first["group"].replace_strict(numbers, default=0, return_dtype=pl.Int64).fill_null(0).to_numpy().copy()
    loadings = [name for name in first.columns if name.startswith(LOADING)]
    if loadings:
        given = np.flatnonzero(~first.select(pl.all_horizontal(pl.col(name).is_null() for name in loadings)).to_series().to_numpy())
        weights = _weights(first, loadings, given, factor_model)
        variance = _explained(weights, factor_model)
        r2[given] = variance
        own = weights / np.sqrt(np.where(variance > 0.0, variance, 1.0))[:, None]
        place[given] = len(units) + np.arange(len(given))
        units += list(own)
    place[r2 <= 0.0] = 0
    there = np.bincount(place, minlength=len(units)) > 0
    used, index = np.flatnonzero(there), (np.cumsum(there) - 1)[place]
    # Directions that agree to ten digits are one: they come from loadings of different size along the same line.
    vectors = np.array([units[k] for k in used])
    where, same = alike(vectors)
    return r2, same[index], np.ascontiguousarray(vectors[where])


def systematic_shares(book: pl.DataFrame, factor_model: FactorModel | None) -> FloatArray:
    """R2 of each row of a checked book: its own, or the variance that its loadings explain; NaN where neither says it.

    Loadings say nothing without the ``factor_model`` whose factors they are on.
    """
    r2 = book["r2"].cast(pl.Float64).fill_null(math.nan).to_numpy().copy() if "r2" in book.columns else np.full(book.height, math.nan)
    loadings = [name for name in book.columns if name.startswith(LOADING)]
    if factor_model is None or not loadings:
        return r2
    given = np.flatnonzero(~book.select(pl.all_horizontal(pl.col(name).is_null() for name in loadings)).to_series().to_numpy())
    r2[given] = _explained(_weights(book, loadings, given, factor_model), factor_model)
    return r2


def _weights(book: pl.DataFrame, loadings: list[str], rows: npt.NDArray[np.intp], factor_model: FactorModel) -> FloatArray:
    """Loadings of some rows on the model's factors; a blank one is none."""
    weights = np.zeros((len(rows), len(factor_model.factors)))
    for name in loadings:
        weights[:, factor_model.factors.index(name.removeprefix(LOADING))] = book[name].fill_null(0.0).to_numpy()[rows]
    return weights


def _explained(weights: FloatArray, factor_model: FactorModel) -> FloatArray:
    return np.asarray(np.clip(np.einsum("ij,jk,ik->i", weights, factor_model.correlation_matrix(), weights, optimize=True), 0.0, None))


def alike(vectors: FloatArray) -> tuple[IntArray, IntArray]:
    """Of vectors that agree to ten digits the first (places in order of the digits), and each vector's place among those."""
    _, where, same = np.unique(vectors.round(10) + 0.0, axis=0, return_index=True, return_inverse=True)
    return np.asarray(where, dtype=np.int64), np.asarray(same.reshape(-1), dtype=np.int64)
