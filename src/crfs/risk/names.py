"""The names of a book that may lose something, as the conditional methods need them: thresholds, slopes, cumulants, classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.risk.beta_points import beta_points
from crfs.risk.joints import Joint
from crfs.risk.memo import digest
from crfs.risk.normal_cdf import normal_cdf
from crfs.risk.obligors import Obligors

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_MOST_VALUES = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Names:
    """Names with a positive PD and loss, sorted by class: a class is a direction of the factor model and a number of degrees of freedom.

    Given its composite factor ``y`` and the mixing variable ``s = sqrt(W / nu)`` (1 where the copula is Gaussian) a name defaults with
    probability ``Phi(s a - b y)``, where ``a = c / sqrt(1 - r2)``, ``b = sqrt(r2 / (1 - r2))`` and ``c`` is the quantile of its PD.

    ``certain`` and ``random`` are the parts of its exposure at default, in the same units, that are lost for certain and that are lost as a
    Beta variable's share; ``loss`` has the first four cumulants of its loss if it defaults (4 x names) in units of ``unit``, a power of two in currency, so
    that fourth powers stay harmless. ``kind`` is its class; ``directions`` (classes x factors) are unit vectors in independent
    standard normals, the largest principal component first; ``nu_index`` points a class into ``nus``, -1 for a Gaussian one.
    """

    obligor: IntArray
    a: FloatArray
    b: FloatArray
    loss: FloatArray
    certain: FloatArray
    random: FloatArray
    kind: IntArray
    directions: FloatArray
    nu_index: IntArray
    nus: tuple[float, ...]
    unit: float
    _class_keys: dict[int, bytes] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.obligor)

    def same_as(self, other: Names) -> bool:
        """Whether all numbers are the other's, bit for bit."""
        arrays = ("obligor", "a", "b", "loss", "certain", "random", "kind", "directions", "nu_index")
        return (self.nus, self.unit) == (other.nus, other.unit) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in arrays
        )

    @property
    def greatest(self) -> float:
        """All that the book can lose, in its units."""
        return float(self.certain.sum() + self.random.sum())

    def loss_given_default(self, i: int, fineness: float) -> tuple[FloatArray, FloatArray]:
        """Values and probabilities that stand for name ``i``'s loss if it defaults: Gauss's points of its Beta density, ``fineness`` apart or nearer.

        Of several facilities with a random LGD the sum is taken as one Beta variable of the same mean and variance.
        """
        mean, variance = float(self.loss[0, i] - self.certain[i]), float(self.loss[1, i])
        if variance <= 0.0:
            return self.loss[0, i : i + 1], np.ones(1)
        exposure = float(self.random[i])
        share = mean / exposure
        total = share * (1.0 - share) / (variance / exposure**2) - 1.0
        count = int(min(_MOST_VALUES, max(4, np.ceil(0.5 * np.pi * exposure / fineness))))
        values, probabilities = beta_points(share, total, count)
        return self.certain[i] + exposure * values, probabilities

    def conditional_pd(self, which: npt.NDArray[np.intp] | slice, y: FloatArray, s: FloatArray | float) -> FloatArray:
        """Default probabilities of some names: ``y`` (and ``s``) have one row a name, or one row for all."""
        return normal_cdf(self.a[which, None] * s - self.b[which, None] * y)

    def class_key(self, kind: int) -> bytes:
        """What stands in a memo for the thresholds, slopes and losses of a class."""
        known = self._class_keys.get(kind)
        if known is None:
            start, end = np.searchsorted(self.kind, [kind, kind + 1])
            loss = self.loss[:, start:end]
            told = loss if loss[1:].any() else loss[:1]
            known = self._class_keys[kind] = digest(self.a[start:end], self.b[start:end], *told)
        return known

    def chosen(self, which: IntArray) -> Names:
        """Some of the names, in the order of ``which``."""
        return replace(
            self,
            obligor=self.obligor[which],
            a=self.a[which],
            b=self.b[which],
            loss=np.ascontiguousarray(self.loss[:, which]),
            certain=self.certain[which],
            random=self.random[which],
            kind=self.kind[which],
        )

    def renumbered(self, numbers: IntArray) -> Names:
        """The same names, where obligor ``i`` is now number ``numbers[i]``."""
        result = replace(self, obligor=numbers[self.obligor])
        result._class_keys.update(self._class_keys)
        return result

    def spliced(self, leaving: IntArray, arriving: Names, places: IntArray) -> Names:
        """Without the names at ``leaving``, then with each of ``arriving`` (of this book's classes and unit) before what is at its place then.

        ``places`` do not fall.
        """

        joined = Joint.of(leaving, places, len(self)).joined
        result = replace(
            self,
            obligor=joined(self.obligor, arriving.obligor),
            a=joined(self.a, arriving.a),
            b=joined(self.b, arriving.b),
            loss=joined(self.loss, arriving.loss),
            certain=joined(self.certain, arriving.certain),
            random=joined(self.random, arriving.random),
            kind=joined(self.kind, arriving.kind),
        )
        changed = {*self.kind[leaving].tolist(), *arriving.kind.tolist()}
        result._class_keys.update({kind: key for kind, key in self._class_keys.items() if kind not in changed})
        return result


def live(obligors: Obligors) -> npt.NDArray[np.bool_]:
    """Who of a book's obligors may lose something."""
    return (obligors.pd > 0.0) & (obligors.loss > 0.0)


def unit_of(obligors: Obligors) -> float:
    """The power of two, in currency units, in which a book's losses are measured: just above the largest."""
    return 2.0 ** math.frexp(float(obligors.loss.max()))[1]


def make_names(obligors: Obligors, factor_model: FactorModel, *, unit: float | None = None) -> Names:
    """The live names of a book in the order of their classes; a name with PD 1 is among them (its ``a`` is infinite).

    ``unit`` is :func:`unit_of` the book where it is not given.
    """
    places = np.flatnonzero(live(obligors))
    nus, nu_of = distinct(obligors.nu[places])
    # A class as one number: its direction, then its degrees of freedom.
    code, kind = distinct(obligors.direction[places] * max(1, len(nus)) + nu_of)
    kinds = np.divmod(code.astype(np.int64), max(1, len(nus)))
    order = np.argsort(kind.astype(np.uint16) if len(code) < 2**16 else kind, kind="stable")  # of short numbers in one pass
    places, kind = places[order], kind[order]
    pd, r2, nu = obligors.pd[places], obligors.r2[places], obligors.nu[places]
    finite = [float(value) for value in nus if math.isfinite(value)]
    unit = unit_of(obligors) if unit is None else unit
    scale = unit ** np.arange(1, 5)
    return Names(
        obligor=np.asarray(places, dtype=np.int64),
        a=thresholds(pd, nu) / np.sqrt(1.0 - r2),
        b=np.sqrt(r2 / (1.0 - r2)),
        loss=np.ascontiguousarray(obligors.loss_cumulants()[:, places] / scale[:, None]),
        certain=obligors.certain_loss[places] / unit,
        random=obligors.random_exposure[places] / unit,
        kind=kind,
        directions=np.ascontiguousarray(_white(obligors.directions, factor_model)[kinds[0]]),
        nu_index=np.array([finite.index(nus[k]) if math.isfinite(nus[k]) else -1 for k in kinds[1]], dtype=np.int64),
        nus=tuple(finite),
        unit=unit,
    )


def distinct(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """The distinct values in order and each one's place among them, as ``numpy.unique`` gives them, but at once where there are few.

    >>> distinct(np.array([4.0, 4.0, 2.0]))
    (array([2., 4.]), array([1, 1, 0]))
    """
    if len(values) and bool((values == values[0]).all()):
        return values[:1].copy(), np.zeros(len(values), dtype=np.int64)
    if len(values) and values.dtype.kind == "i" and int(values.min()) >= 0 and int(values.max()) <= 4 * len(values):
        there = np.bincount(values) > 0
        return np.flatnonzero(there), (np.cumsum(there) - 1)[values]
    found, place = np.unique(values, return_inverse=True)
    return found, np.asarray(place.reshape(-1), dtype=np.int64)


def thresholds(pd: FloatArray, nu: FloatArray) -> FloatArray:
    """Below what a name's latent variable lies when it defaults: the quantile of its PD, normal or of Student's t; infinite for PD 1, and minus that for 0.

    >>> thresholds(np.array([0.0, 0.5, 1.0]), np.array([4.0, 4.0, 4.0])).tolist()
    [-inf, 0.0, inf]
    """
    from scipy.special import ndtri, stdtrit

    result = np.asarray(ndtri(pd), dtype=np.float64)
    for value in distinct(nu[np.isfinite(nu)])[0]:
        mine = nu == value
        # SciPy's own quantile of 0 is infinite, not minus that.
        inside = (pd[mine] > 0.0) & (pd[mine] < 1.0)
        result[mine] = np.where(inside, stdtrit(value, np.clip(pd[mine], 1e-300, 1.0 - 1e-16)), result[mine])
    return result


def _white(directions: FloatArray, factor_model: FactorModel) -> FloatArray:
    """Directions on the factors as directions on the independent normals that make the factors."""
    return np.asarray(np.einsum("ij,jk->ik", directions, factor_model.root()))
