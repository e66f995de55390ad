"""The loss distribution of names in gamma sectors on a lattice: Poisson defaults of random losses, beside losses that are certain to come."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.creditriskplus.blur import blurred
from crfs.risk.creditriskplus.contributions import Allocation, LatticeTail
from crfs.risk.creditriskplus.lattice import Lattice, Rounding, choose_unit, coarser, to_lattice
from crfs.risk.creditriskplus.sectors import GammaSectors
from crfs.risk.creditriskplus.severities import Severities, beta_on_lattice, severities
from crfs.risk.creditriskplus.transform import Transform, lattice_points, make_bands, transform_length

FloatArray: TypeAlias = npt.NDArray[np.float64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
IntArray: TypeAlias = npt.NDArray[np.int64]

MISSING_MASS = 1e-13
# Points times drivers that contributions hold at once: 134 MB. Points of a lattice, and of the recoveries on it.
_MOST_HELD, _MOST_POINTS, _MOST_RECOVERIES = 2**24, 2**22, 2**20
# What a blur did over what it does a second time: 1 / (sqrt(2) - 1) for an atom, 1 where the loss is smooth.
_ONCE_MORE = 2.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposed:
    """Names that may default, or have: what each loses, currency units, one entry a name.

    ``pd`` 1 is a name that has defaulted: its ``certain`` part is lost, and its Beta share of ``random`` is all that is uncertain. ``variance`` is that of
    the loss if it defaults. ``weight`` is each name's on the sectors.
    """

    pd: FloatArray
    loss: FloatArray
    certain: FloatArray
    random: FloatArray
    variance: FloatArray
    weight: FloatArray

    @property
    def alive(self) -> IntArray:
        """Places of the names that have not defaulted."""
        return np.flatnonzero(self.pd < 1.0)

    @property
    def gone(self) -> IntArray:
        """Places of those that have."""
        return np.flatnonzero(self.pd >= 1.0)

    def variance_of_loss(self, systematic: float) -> float:
        """Of the whole loss: each default's own, ``pd (loss^2 + variance)`` as Poisson counts have it, beside the ``systematic`` one of the sectors."""
        alive, gone = self.alive, self.gone
        own = float((self.pd * (np.square(self.loss) + self.variance))[alive].sum())
        return own + systematic + float(self.variance[gone].sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recoveries:
    """What is uncertain of the losses of names that have defaulted, all together as one Beta variable: steps above what is lost at the least.

    ``probability[n]`` is that of a loss of ``n`` steps more; ``lost`` is what each name loses at the least, currency units (zero for other names).
    """

    probability: FloatArray
    lost: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A loss of ``base + n * unit`` has ``probability[n]``; beyond the lattice lies :data:`MISSING_MASS` at most.

    Where there is nothing the probabilities are the transform's rounding, some 1e-17 of either sign, whose sums are small for having both.

    ``added`` is how much the lattice adds to the variance of a loss at most, a unit of the loss (currency units).
    """

    names: Exposed
    drivers: GammaSectors
    lattice: Lattice
    transform: Transform
    poisson: ComplexArray
    """The generating function without the recoveries."""
    recoveries: Recoveries
    probability: FloatArray
    unit: float
    added: float

    @property
    def base(self) -> float:
        """What is lost for certain."""
        return float(self.recoveries.lost.sum())

    @property
    def rounds(self) -> bool:
        """Whether any loss lies between the points of the lattice."""
        return self.added > 0.0 or len(self.recoveries.probability) > 1

    @property
    def losses(self) -> FloatArray:
        """The losses of the lattice, currency units."""
        return self.base + self.unit * np.arange(len(self.probability), dtype=np.float64)

    def moved(self, tail: LatticeTail) -> tuple[float, float]:
        """By how much the lattice may move value at risk and shortfall, currency units; the first is known to one of its steps besides.

        Rounding keeps means and adds to the variance. What it did is judged by what as much of it once more would do: half as much or more, be the loss
        smooth or made of atoms, which noise of variance 1 and 2 blurs as 1 and as the root of 2.
        """
        once = 0.25 if len(self.recoveries.probability) > 1 else 0.0
        by_var, by_es = blurred(self.probability, tail, math.sqrt(self.added * tail.at / self.unit + once))
        return _ONCE_MORE * self.unit * abs(by_var), _ONCE_MORE * self.unit * max(0.0, by_es)

    def parts(self, tails: list[LatticeTail]) -> list[tuple[FloatArray, FloatArray]]:
        """For each tail every name's mean loss in it, and at its value at risk, currency units.

        Those of names that have defaulted with an uncertain recovery are exact together; each has its own mean and, of what the sum is apart from its
        mean, a part in proportion to its variance, which is right to first order.
        """
        alive, names = self.names.alive, self.names
        masses = [*self.transform.driver_masses(), self.probability]
        allocation = Allocation(lattice=self.lattice, weight=names.weight[alive], drivers=self.drivers, masses=masses)
        gone = names.pd >= 1.0
        spread, own = np.where(gone, names.variance, 0.0), np.where(gone, names.loss - self.recoveries.lost, 0.0)
        recovered = self._recovered() if spread.any() else None
        result = []
        for tail in tails:
            found = allocation.parts(tail)
            each: FloatArray = np.stack([self.recoveries.lost, self.recoveries.lost])
            each[:, alive] += np.stack([found.obligor_es, found.obligor_var])
            if recovered is not None:
                at = float(recovered[tail.at])
                far = float(recovered[tail.at + 1 :].sum())
                means = (far + tail.atom * at) / (1.0 - tail.confidence), at / float(self.probability[tail.at])
                for k, mean in enumerate(means):
                    each[k] += own + spread / spread.sum() * (self.unit * mean - own.sum())
            result.append((each[0], each[1]))
        return result

    def _recovered(self) -> FloatArray:
        """E[recoveries that failed, in steps; L = n] for each point n of the lattice."""
        from scipy.fft import irfft, rfft

        points, probability = len(self.probability), self.recoveries.probability
        steps = np.arange(len(probability), dtype=np.float64)
        return np.asarray(irfft(self.poisson * rfft(probability * steps, n=points), n=points), dtype=np.float64)


def fit(names: Exposed, drivers: GammaSectors, *, ul: float, beyond: float = 0.0) -> Fitted:
    """The distribution of the loss; ``ul`` is its standard deviation, by which the lattice's step is chosen: the next one above ``beyond``, where
    that is greater.

    >>> alone = Exposed(pd=np.array([0.02]), loss=np.array([40.0]), certain=np.array([40.0]), random=np.zeros(1), variance=np.zeros(1), weight=np.zeros((1, 1)))
    >>> found = fit(alone, GammaSectors(mixing=np.eye(1), variance=np.zeros(1)), ul=5.6)
    >>> found.unit, np.round(found.probability[:2], 6).tolist()
    (40.0, [0.980199, 0.019604])
    """
    alive = names.alive
    weight, pd = names.weight[alive], names.pd[alive]
    of_alive = [values[alive] for values in (names.loss, names.certain, names.random, names.variance)]
    step = max(_first_step(names, ul), coarser(beyond) if beyond > 0.0 else 0.0)
    while True:
        each = severities(*of_alive, unit=step)
        lattice = to_lattice(each.loss, pd[each.owner] * each.probability, unit=step, rounding=Rounding.MEAN)
        lattice = replace(lattice, owner=each.owner[lattice.owner])
        recoveries = _recoveries(names, step)
        bands = make_bands(lattice, weight, drivers)
        points = lattice_points(bands, drivers, missing_mass=MISSING_MASS) + len(recoveries.probability)
        if points <= min(_MOST_POINTS, _MOST_HELD / (1.0 + len(drivers.variance))):
            break
        step = coarser(step)
    transform = Transform.of(bands, drivers, points=transform_length(points))
    poisson = transform.pgf
    if len(recoveries.probability) > 1:
        from scipy.fft import rfft

        transform = replace(transform, pgf=poisson * rfft(recoveries.probability, n=transform.points))
    return Fitted(
        names=names,
        drivers=drivers,
        lattice=lattice,
        transform=transform,
        poisson=poisson,
        recoveries=recoveries,
        probability=transform.probability(),
        unit=step,
        added=_added(each, names.loss[alive], step),
    )


def _first_step(names: Exposed, ul: float) -> float:
    """The losses' own step where they have one, or one that is fine beside the standard deviation."""
    alive, gone = names.alive, names.gone
    certain = names.loss[alive]
    if names.variance[alive].any() or names.variance[gone].any():
        # Of no common measure: an amount that is none of any other's.
        certain = np.append(certain, math.pi * (certain.max(initial=0.0) or ul) / 4.0)
    step = choose_unit(certain, ul=ul) if len(certain) else 1.0
    uncertain = float(names.random[gone][names.variance[gone] > 0.0].sum())
    while uncertain > _MOST_RECOVERIES * step:
        step = coarser(step)
    return step


def _recoveries(names: Exposed, unit: float) -> Recoveries:
    gone = names.gone
    uncertain = gone[names.variance[gone] > 0.0]
    lost = np.zeros(len(names.pd))
    lost[gone] = names.loss[gone]
    if not len(uncertain):
        return Recoveries(probability=np.ones(1), lost=lost)
    exposure = float(names.random[uncertain].sum())
    mean = float((names.loss - names.certain)[uncertain].sum()) / exposure
    low, probability = beta_on_lattice(mean, float(names.variance[uncertain].sum()) / exposure**2, unit / exposure)
    lost[uncertain] = names.certain[uncertain] + low * names.random[uncertain]
    return Recoveries(probability=probability, lost=lost)


def _added(each: Severities, loss: FloatArray, unit: float) -> float:
    """The most that two roundings, to a grid and to the lattice, add to the variance of a name's loss, over that loss."""
    if not len(loss):
        return 0.0
    exact = each.loss / unit
    above = exact - np.floor(exact)
    above[np.abs(exact - np.rint(exact)) <= 1e-9 * np.maximum(1.0, exact)] = 0.0
    on_lattice = np.bincount(each.owner, weights=each.probability * above * (1.0 - above), minlength=len(loss)) * unit * unit
    return float(((each.added + on_lattice) / loss).max())
