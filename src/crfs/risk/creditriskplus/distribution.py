"""CreditRisk+: the loss distribution of a book by one fast Fourier transform of its probability generating function.

With ``P_k(z) = sum_i w_ik pd_i z^units_i`` for sector ``k`` and independent sectors of relative variance ``v_k``,
log E[z^L] = P_0(z) - P_0(1) - sum_k log(1 - v_k (P_k(z) - P_k(1))) / v_k (CSFB, CreditRisk+, 1997, appendix A; the other forms of dependence are in
:mod:`crfs.risk.creditriskplus.sectors`). Evaluated at the roots of unity and transformed back it gives every probability at once, with an
absolute error of some 1e-16: no recursion, and none of its cancellation.

Contributions follow D. Tasche ("Capital allocation with CreditRisk+", in Gundlach and Lehrbass, 2004) and H. Haaf and D. Tasche ("Calculating
value-at-risk contributions in CreditRisk+", 2002): E[L_i; L = n] = units_i pd_i sum_k w_ik E[S_k; L = n - units_i], where E[S_k; L = n]
has the generating function's derivative by P_k as its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_flag
from crfs.risk.creditriskplus.book import IDIOSYNCRATIC, Book, check_book, check_dependence, check_levels, check_rounding
from crfs.risk.creditriskplus.contributions import Allocation, Parts, lattice_tail
from crfs.risk.creditriskplus.lattice import MOST_POINTS, Lattice, Rounding, choose_unit, coarser, to_lattice
from crfs.risk.creditriskplus.result import CreditRiskPlusResult
from crfs.risk.creditriskplus.sectors import Dependence, GammaSectors, make_sectors
from crfs.risk.creditriskplus.transform import Transform, lattice_points, make_bands, transform_length
from crfs.risk.measures import certain
from crfs.risk.ranges import POSITIVE_AMOUNT, number

FloatArray: TypeAlias = npt.NDArray[np.float64]

MISSING_MASS = 1e-13
# Poisson counts let a name default twice; beyond this share of the expected loss the reader is told.
_TOLD_SHARE_OF_TWICE = 0.01
# A unit above this share of the standard deviation costs a quantile its third digit.
_TOLD_UNIT_OF_UL = 0.01
# Covariances that agree to this are the same to a reader.
_TOLD_COVARIANCE_GAP = 1e-9


def loss_distribution(
    loss: npt.ArrayLike,
    pd: npt.ArrayLike,
    *,
    sectors: Mapping[str, float],
    weights: npt.ArrayLike | None = None,
    correlation: npt.ArrayLike | None = None,
    dependence: Dependence | str | None = None,
    unit: float | None = None,
    rounding: Rounding | str = Rounding.MEAN,
    confidences: Sequence[float] = (0.99, 0.999),
    names: Sequence[str] | None = None,
    contributions: bool = True,
    missing_mass: float = MISSING_MASS,
) -> CreditRiskPlusResult:
    """Distribution of a book's loss in 12 months under CreditRisk+.

    ``loss`` is what each obligor loses if it defaults (ead x lgd; currency units, zero to 1e30), ``pd`` its probability of default (decimal,
    used as a Poisson intensity, so that the expected loss is exact and a name may count twice). ``sectors`` gives each sector's relative
    variance, the squared ratio of its default rate's standard deviation to its mean (0.25 where the rate varies by half of itself; 0 for none).
    ``weights`` has one row an obligor, one column a sector in the order of ``sectors``, each a share within [0, 1]: what a row lacks of one is
    idiosyncratic. Without it every obligor belongs to the one sector.

    ``correlation`` of the sectors (K x K) needs a ``dependence`` other than ``independent``; each reproduces the standard deviation of loss
    under that correlation (:class:`~crfs.risk.creditriskplus.sectors.Dependence`), and ``sector_covariance`` of the answer says what became of it.

    ``unit`` is the lattice's step in currency units, chosen where None. ``missing_mass`` bounds the probability beyond the lattice: its
    length is found from Chernoff's bound before anything is transformed.

    Raises :class:`InvalidInput` with every row at fault, or with the argument that is of another kind.

    >>> result = loss_distribution([100.0] * 50, [0.02] * 50, sectors={"all": 0.25}, confidences=(0.99,))
    >>> result.el, result.unit, result.measures[0].var, round(float(result.probability[0]), 6)
    (100.0, 100.0, 500.0, 0.4096)
    """
    book = check_book(loss, pd, sectors, weights, names)
    chosen, matrix = check_dependence(dependence, correlation, len(sectors))
    step_rule = check_rounding(rounding)
    levels = check_levels(confidences, missing_mass)
    unit = None if unit is None else number("unit", unit, POSITIVE_AMOUNT)
    contributions = check_flag("contributions", contributions)
    return _answer(
        book,
        _make(book, chosen, matrix, unit=unit, rounding=step_rule, missing_mass=missing_mass),
        levels,
        contributions=contributions,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    """A book's sectors, lattice and generating function; ``live`` are the obligors that can lose, to whom the lattice and ``weight`` belong."""

    live: npt.NDArray[np.intp]
    weight: FloatArray
    covariance: FloatArray
    ul: float
    dependence: Dependence
    drivers: GammaSectors
    lattice: Lattice
    rounding: Rounding
    transform: Transform
    missing_mass: float


def _make(
    book: Book, dependence: Dependence, correlation: FloatArray | None, *, unit: float | None, rounding: Rounding, missing_mass: float
) -> _Made:
    sector_el: FloatArray = np.einsum("i,ik->k", book.loss * book.pd, book.weights)
    drivers = make_sectors(book.variance, correlation, sector_el, dependence)
    # The variance under the correlation as it was stated: what every form of dependence keeps.
    deviation = np.sqrt(book.variance)
    stated = np.eye(len(deviation)) if correlation is None else correlation
    covariance: FloatArray = stated * np.outer(deviation, deviation)
    ul = math.sqrt(_variance(book.loss, book.pd, sector_el, covariance))
    live = np.flatnonzero((book.loss > 0.0) & (book.pd > 0.0))
    step = float(unit) if unit is not None else choose_unit(book.loss[live], ul=ul) if len(live) else 1.0
    while True:
        lattice = to_lattice(book.loss[live], book.pd[live], unit=step, rounding=rounding)
        bands = make_bands(lattice, book.weights[live], drivers)
        points = lattice_points(bands, drivers, missing_mass=missing_mass)
        if points <= MOST_POINTS:
            break
        if unit is not None:
            raise InvalidInput(
                f"a lattice of unit {step:g} needs {points:.3g} points, above the {MOST_POINTS:,} allowed; take a unit of at least "
                f"{step * points / MOST_POINTS * 1.1:.3g}",
                argument="unit",
            )
        # A tail so long, or a deviation so small, that four digits of it do not fit: as many as do.
        step = coarser(step)
    return _Made(
        live=live,
        weight=book.weights[live],
        covariance=covariance,
        ul=ul,
        dependence=dependence,
        drivers=drivers,
        lattice=lattice,
        rounding=rounding,
        transform=Transform.of(bands, drivers, points=transform_length(points)),
        missing_mass=missing_mass,
    )


def _answer(book: Book, made: _Made, confidences: tuple[float, ...], *, contributions: bool) -> CreditRiskPlusResult:
    lattice, unit = made.lattice, made.lattice.unit
    probability = made.transform.probability()
    tails = [lattice_tail(probability, confidence) for confidence in confidences]
    parts: list[Parts] = []
    if contributions:
        masses = [*made.transform.driver_masses(), probability]
        allocation = Allocation(lattice=lattice, weight=made.weight, drivers=made.drivers, masses=masses)
        parts = [allocation.parts(tail) for tail in tails]
    rounded = lattice.units.astype(np.float64) * unit
    lattice_el: FloatArray = np.einsum("e,ek->k", rounded * lattice.intensity, made.weight[lattice.owner])
    ul_lattice = math.sqrt(_variance(rounded, lattice.intensity, lattice_el, made.covariance))
    return CreditRiskPlusResult(
        el=float((book.loss * book.pd).sum()),
        ul=made.ul,
        el_lattice=float((rounded * lattice.intensity).sum()),
        ul_lattice=ul_lattice,
        measures=tuple(certain(tail.confidence, tail.at * unit, tail.es_units * unit) for tail in tails),
        probability=np.maximum(probability, 0.0),
        unit=unit,
        rounding=made.rounding,
        missing_mass_bound=made.missing_mass,
        dependence=made.dependence,
        sector_covariance=made.drivers.covariance,
        obligors=_obligor_table(book, made, parts),
        sectors=_sector_table(book, made, parts),
        n_obligors=len(book.loss),
        total_loss=float(book.loss.sum()),
        notes=_notes(book, made, ul_lattice),
    )


def _variance(loss: FloatArray, pd: FloatArray, sector_el: FloatArray, covariance: FloatArray) -> float:
    """Var L = sum pd loss^2 + sum_kl cov_kl EL_k EL_l (CSFB 1997, equation 118 and Bürgisser et al. 1999)."""
    return float((pd * loss * loss).sum()) + max(0.0, float(np.einsum("k,kl,l->", sector_el, covariance, sector_el)))


def _obligor_table(book: Book, made: _Made, parts: list[Parts]) -> pl.DataFrame:
    el = book.pd * book.loss
    pull = np.einsum("ik,kl,l->i", book.weights, made.covariance, np.einsum("i,ik->k", el, book.weights))
    columns = {"obligor_id": pl.Series(book.names, dtype=pl.String), "loss": book.loss, "pd_12m": book.pd, "el": el}
    columns["ul"] = (el * (book.loss + pull)) / made.ul if made.ul > 0.0 else np.zeros(len(el))
    for part in parts:
        for name, values in (("var", part.obligor_var), ("es", part.obligor_es)):
            whole = np.zeros(len(el))
            whole[made.live] = values
            columns[f"{name}:{part.confidence!r}"] = whole
    return pl.DataFrame(columns)


def _sector_table(book: Book, made: _Made, parts: list[Parts]) -> pl.DataFrame:
    covariance, ul = made.covariance, made.ul
    own_share = np.column_stack([book.weights, book.own])
    el_parts = (book.pd * book.loss)[:, None] * own_share
    el = el_parts.sum(axis=0)
    # A default's own variance belongs to the sectors that drive it in their shares.
    diversifiable = (el_parts * book.loss[:, None]).sum(axis=0)
    shared = np.r_[el[:-1] * np.einsum("kl,l->k", covariance, el[:-1]), 0.0]
    alone = np.sqrt(diversifiable + np.r_[np.square(el[:-1]) * np.diag(covariance), 0.0])
    columns: dict[str, object] = {
        "sector": [*book.sector_names, IDIOSYNCRATIC],
        "el": el,
        "ul": (diversifiable + shared) / ul if ul > 0.0 else np.zeros(len(el)),
        "standalone_ul": alone,
    }
    for part in parts:
        columns |= {f"var:{part.confidence!r}": part.sector_var, f"es:{part.confidence!r}": part.sector_es}
    return pl.DataFrame(columns)


def _notes(book: Book, made: _Made, ul_lattice: float) -> tuple[str, ...]:
    notes = []
    el = book.pd * book.loss
    # pd - (1 - exp(-pd)): what of the Poisson count is second and later defaults.
    twice = float(((book.pd + np.expm1(-book.pd)) * book.loss).sum())
    if twice > _TOLD_SHARE_OF_TWICE * el.sum():
        notes.append(
            f"{twice / float(el.sum()):.1%} of the expected loss are second defaults of one name, which Poisson counts allow; read it for small pd"
        )
    if made.lattice.unit > _TOLD_UNIT_OF_UL * made.ul and abs(ul_lattice - made.ul) > 1e-9 * made.ul:
        notes.append(
            f"the lattice's unit {made.lattice.unit:g} is {made.lattice.unit / made.ul:.2g} standard deviations of loss, and losses are rounded to it: "
            "no quantile is finer"
        )
    gap = float(np.abs(made.drivers.covariance - made.covariance).max())
    if made.dependence is not Dependence.INDEPENDENT and gap > _TOLD_COVARIANCE_GAP:
        notes.append(
            f"the sectors' relative covariances differ from those stated by up to {gap:.3g}; the standard deviation of the book's loss is as stated"
        )
    return tuple(notes)
