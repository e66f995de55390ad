"""Where the factors are looked at: scrambled Sobol points, some of them moved to where the losses are, with the weights that make up for it.

The points come in strata: an unmoved one, and one moved toward each aim. A point's weight is the density of the factors over that of the
whole mixture (the balance heuristic of E. Veach and L. Guibas, 1995), so weights stay below one over the unmoved stratum's share. Each of
several independent scrambles is an unbiased answer of its own; their spread is the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.sobol import scrambled_sobol

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aim:
    """A bad state of the world: independent normals ``epsilon`` (1 x factors) and, under a t copula, by what the chi-squared variable is scaled."""

    epsilon: FloatArray
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Points by scramble: ``epsilon`` (points x factors), ``mixing`` (degrees of freedom + 1, points) whose last row is one, ``weight``.

    ``weight`` sums to about one over the points of each of the ``scrambles``, which follow each other in equal blocks.
    """

    epsilon: FloatArray
    mixing: FloatArray
    weight: FloatArray
    scrambles: int

    def __len__(self) -> int:
        return len(self.epsilon)


def draw(aims: tuple[Aim, ...], *, factors: int, nus: tuple[float, ...], seed: int, scrambles: int, size: int, skip: int = 0) -> Points:
    """Points ``skip`` to ``skip + size`` of every moved stratum, and a quarter as many unmoved ones (all of them where there is no aim).

    ``size`` and ``skip`` are multiples of 32. The same arguments give the same points, and further ones continue the same sequences.
    """
    strata = [Aim(epsilon=np.zeros(factors)), *aims]
    counts = [size // 4 if aims else size, *([size] * len(aims))]
    skips = [skip // 4 if aims else skip, *([skip] * len(aims))]
    reference = min(nus, default=0.0)
    blocks_e, blocks_w = [], []
    for scramble in range(scrambles):
        for number, (aim, count, past) in enumerate(zip(strata, counts, skips, strict=True)):
            uniform = scrambled_sobol(factors + bool(nus), key=(seed, scramble, number), skip=past, count=count)
            if nus:
                blocks_w.append(aim.scale * _chi_squared(uniform[:, 0], reference))
                uniform = uniform[:, 1:]
            blocks_e.append(_toward(_normal(uniform), aim.epsilon))
    epsilon = np.concatenate(blocks_e)
    chi_squared = np.concatenate(blocks_w) if nus else None
    total = sum(counts)
    density = np.full(len(epsilon), counts[0] / total)
    for aim, count in zip(strata[1:], counts[1:], strict=True):
        log_ratio = epsilon @ aim.epsilon - 0.5 * float(aim.epsilon @ aim.epsilon)
        if chi_squared is not None:
            log_ratio += -0.5 * reference * np.log(aim.scale) - 0.5 * chi_squared * (1.0 / aim.scale - 1.0)
        density += count / total * np.exp(log_ratio)
    return Points(
        epsilon=epsilon, mixing=mixing_variables(chi_squared, nus, len(epsilon)), weight=1.0 / (density * total), scrambles=scrambles
    )


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
        mixing[row] = np.sqrt(np.maximum(mine, 1e-12) / nu)
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
