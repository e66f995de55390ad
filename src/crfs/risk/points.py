"""Where the factors are looked at: scrambled Sobol points, some of them moved to where the losses are, with the weights that make up for it.

The points come in strata: an unmoved one, one that is stretched along the few directions in which bad states lie (a loss may have many causes, and an
aim is but the likeliest), and one moved toward each aim. A point's weight is the density of the factors over that of the
whole mixture (the balance heuristic of E. Veach and L. Guibas, 1995), so weights stay below one over the unmoved stratum's share. Each of
several independent scrambles is an unbiased answer of its own; their spread is the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from crfs.risk.memo import Memo, digest
from crfs.risk.sobol import scrambled_sobol

FloatArray: TypeAlias = npt.NDArray[np.float64]

STRETCH = 2.0
"""Standard deviation of the stretched stratum along its directions."""
# Places of an aim's lattice: in a standard deviation of each factor, and in a doubling of the chi-squared variable's scale.
_STEPS = 8
_SCALES = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aim:
    """A bad state of the world: independent normals ``epsilon`` (1 x factors) and, under a t copula, by what the chi-squared variable is scaled."""

    epsilon: FloatArray
    scale: float = 1.0

    def rounded(self) -> Aim:
        """The nearest of a lattice of states: points serve as well from there, and a book that hardly changes keeps its points.

        >>> Aim(epsilon=np.array([1.03, -0.4]), scale=0.26).rounded()
        Aim(epsilon=array([ 1.  , -0.375]), scale=0.25)
        """
        step = math.log2(self.scale) * _SCALES
        return Aim(epsilon=np.round(self.epsilon * _STEPS) / _STEPS, scale=2.0 ** (round(step) / _SCALES))

    def mixing(self, nus: tuple[float, ...]) -> FloatArray:
        """The mixing variables there (degrees of freedom + 1, one)."""
        return mixing_variables(np.array([self.scale * min(nus)]) if nus else None, nus, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Points by scramble: ``epsilon`` (points x factors), ``mixing`` (degrees of freedom + 1, points) whose last row is one, ``weight``.

    ``weight`` sums to about one over the points of each of the ``scrambles``, which follow each other in equal blocks. ``key`` stands for all of
    it in a memo.
    """

    epsilon: FloatArray
    mixing: FloatArray
    weight: FloatArray
    scrambles: int
    key: bytes

    def __len__(self) -> int:
        return len(self.epsilon)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stratum:
    """Points to be drawn: ``count`` of them, from ``skip`` on, toward ``aim``, stretched by ``STRETCH`` along the rows of ``along``."""

    aim: Aim
    along: FloatArray
    count: int
    skip: int

    def placed(self, normal: FloatArray) -> FloatArray:
        """Independent normals as points of the stratum."""
        if not len(self.along):
            return _toward(normal, self.aim.epsilon)
        # The best of the sequence, its first coordinates, lie along the directions that are stretched.
        frame = np.linalg.qr(np.concatenate([self.along, np.eye(normal.shape[1])]).T)[0].T
        stretched = normal.copy()
        stretched[:, : len(self.along)] *= STRETCH
        return np.asarray(stretched @ frame)

    def log_density(self, epsilon: FloatArray, chi_squared: FloatArray | None, nu: float) -> FloatArray:
        """Logarithm of the stratum's density at points over that of the unmoved factors."""
        shift = self.aim.epsilon
        result = epsilon @ shift - 0.5 * float(shift @ shift)
        if len(self.along):
            result += 0.5 * (1.0 - STRETCH**-2) * np.square(epsilon @ self.along.T).sum(axis=1) - len(self.along) * np.log(STRETCH)
        if chi_squared is not None:
            result += -0.5 * nu * np.log(self.aim.scale) - 0.5 * chi_squared * (1.0 / self.aim.scale - 1.0)
        return np.asarray(result)


def draw(
    aims: tuple[Aim, ...],
    *,
    factors: int,
    nus: tuple[float, ...],
    seed: int,
    scrambles: int,
    size: int,
    skip: int = 0,
    along: FloatArray | None = None,
    unmoved: float = 0.25,
    memo: Memo | None = None,
) -> Points:
    """Points ``skip`` to ``skip + size`` of every moved stratum, and ``unmoved`` times as many unmoved ones (all of them where there is no aim).

    ``along`` (directions x factors, orthonormal) adds half as many that are stretched along these directions. ``size`` and ``skip`` are multiples of
    32. The same arguments give the same points, and further ones continue the same sequences; ``memo`` holds those that were drawn before.
    """
    along = np.zeros((0, factors)) if along is None or not aims else along
    numbers = repr((factors, nus, seed, scrambles, size, skip, unmoved, [aim.scale for aim in aims])).encode()
    key = digest(b"points", numbers, along, *(aim.epsilon for aim in aims))
    known = memo.find(key) if memo is not None else None
    if known is not None:
        return cast(Points, known)
    points = _drawn(_strata(aims, along, size, skip, unmoved), nus=nus, seed=seed, scrambles=scrambles, key=key)
    if memo is not None:
        memo.keep(key, points)
    return points


def _drawn(strata: list[Stratum], *, nus: tuple[float, ...], seed: int, scrambles: int, key: bytes) -> Points:
    factors = len(strata[0].aim.epsilon)
    reference = min(nus, default=0.0)
    blocks_e, blocks_w = [], []
    for scramble in range(scrambles):
        for number, stratum in enumerate(strata):
            uniform = scrambled_sobol(factors + bool(nus), key=(seed, scramble, number), skip=stratum.skip, count=stratum.count)
            if nus:
                blocks_w.append(stratum.aim.scale * _chi_squared(uniform[:, 0], reference))
                uniform = uniform[:, 1:]
            blocks_e.append(stratum.placed(_normal(uniform)))
    epsilon = np.concatenate(blocks_e)
    chi_squared = np.concatenate(blocks_w) if nus else None
    total = sum(stratum.count for stratum in strata)
    density = np.full(len(epsilon), strata[0].count / total)
    for stratum in strata[1:]:
        density += stratum.count / total * np.exp(stratum.log_density(epsilon, chi_squared, reference))
    return Points(
        epsilon=epsilon,
        mixing=mixing_variables(chi_squared, nus, len(epsilon)),
        weight=1.0 / (density * total),
        scrambles=scrambles,
        key=key,
    )


def _strata(aims: tuple[Aim, ...], along: FloatArray, size: int, skip: int, unmoved: float) -> list[Stratum]:
    none = along[:0]
    if not aims:
        return [Stratum(aim=Aim(epsilon=np.zeros(along.shape[1])), along=none, count=size, skip=skip)]
    strata = [Stratum(aim=Aim(epsilon=np.zeros(along.shape[1])), along=none, count=int(unmoved * size), skip=int(unmoved * skip))]
    strata += [Stratum(aim=aim, along=none, count=size, skip=skip) for aim in aims]
    if len(along):
        # Halfway, in its logarithm, to the mildest of the aims' mixing variables.
        middle = Aim(epsilon=np.zeros(along.shape[1]), scale=max(aim.scale for aim in aims) ** 0.5)
        strata.append(Stratum(aim=middle, along=along, count=size // 2, skip=skip // 2))
    return strata


def mixing_variables(chi_squared: FloatArray | None, nus: tuple[float, ...], count: int) -> FloatArray:
    """``sqrt(W / nu)`` for each number of degrees of freedom, all quantiles of one uniform; the last row is one (no mixing)."""
    from scipy.special import gammainc, gammaincinv

    mixing = np.ones((len(nus) + 1, count))
    if chi_squared is None:
        return mixing
    reference = min(nus)
    uniform = gammainc(0.5 * reference, 0.5 * chi_squared) if len(nus) > 1 else None
    for row, nu in enumerate(nus):
        mine = chi_squared if nu == reference or uniform is None else 2.0 * gammaincinv(0.5 * nu, uniform)
        mixing[row] = np.sqrt(np.maximum(mine, 1e-200) / nu)
    return mixing


def merged(first: Points, second: Points) -> Points:
    """The points of both, scramble by scramble; the weights are each set's own, weighed by its size."""
    share = len(first) / (len(first) + len(second))
    rows = first.scrambles

    def join(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.concatenate([a.reshape(rows, -1, *a.shape[1:]), b.reshape(rows, -1, *b.shape[1:])], axis=1).reshape(-1, *a.shape[1:])

    return Points(
        epsilon=join(first.epsilon, second.epsilon),
        mixing=np.ascontiguousarray(join(first.mixing.T, second.mixing.T).T),
        weight=join(first.weight * share, second.weight * (1.0 - share)),
        scrambles=rows,
        key=digest(b"merged", first.key, second.key),
    )


def _normal(uniform: FloatArray) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform))


def _chi_squared(uniform: FloatArray, nu: float) -> FloatArray:
    from scipy.special import gammaincinv

    return np.asarray(2.0 * gammaincinv(0.5 * nu, uniform))


def _toward(normal: FloatArray, aim: FloatArray) -> FloatArray:
    """Move points by ``aim``, after a reflection that lays the best of the sequence, its first coordinate, along it."""
    length = float(np.sqrt(aim @ aim))
    if length == 0.0:
        return normal
    mirror = -aim / length
    mirror[0] += 1.0
    square = float(mirror @ mirror)
    reflected = normal if square < 1e-24 else normal - np.outer(normal @ mirror, mirror * (2.0 / square))
    return reflected + aim
