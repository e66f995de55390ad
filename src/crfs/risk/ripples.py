"""What an expansion, which is smooth, cannot see of losses that are nearly alike: sums of them come in steps, which show as ripples.

Of ``n`` defaults that lose about ``a`` each the density has ripples of wave length ``a``: as high as itself where all lose the same, and lower by
``exp(-n (1 - |psi|))`` where they differ, ``psi`` being the characteristic function of one loss at ``2 pi / a``. Whatever the losses are, that of all in
a state says it at every frequency. Here it is that of a compound Poisson loss with the state's mean and variance,

    log phi(w) = sum_i p_i (1 - p_i) (exp(i w l_i) - 1) + i w sum_i p_i^2 l_i,

whose modulus is at least that of the sum of defaults (1 - p + p exp(i t) is at most exp(-p (1 - p) (1 - cos t))), and equal to it where all losses are
alike. Its part at high frequencies is what ``P(L > x)`` and ``E(L - x)+`` have beside the smooth ones; over the smooth density it is about the same in all
states in which ``x`` is reached, and so it is looked at in the most likely of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Ripples are looked for down to those that can move a value at risk by a tenth of the wanted error: a wave length of 0.3 of that.
_SHORTEST = 0.3
# Places to a radian of the shortest ripple, and the most places there may be: of even shorter ones nothing is told.
_PLACES = 4.0
_MOST_PLACES = 2**17
_LEAST_BITS = 4
# A loss of this part of the tolerance turns by a radian at the highest frequency: 1 - cos is there at least 0.45 of the square.
_TOO_SMALL, _SMOOTHING = 0.05, 0.45
# Below the first of these frequencies, in units of one over the spread of what it has, the expansion sees all; above the second nothing.
_SEEN, _UNSEEN = 3.0, 6.0
# How far about its mean the state's loss is looked at, and how far it reaches, in spreads.
_WINDOW = 0.5
_REACH = 10.0
# Of ripples that can move nothing by this part of the wanted error their height need not be known.
_NEGLIGIBLE = 0.01


class Ripples(NamedTuple):
    """By how much ripples move a value at risk, and ``E(L - x)+`` over the density at ``x``: zero or more, in units of the losses and their squares."""

    var: float
    excess: float


def too_small(losses: FloatArray, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which losses are too small to make ripples that matter: they only smooth those of others."""
    return losses <= _TOO_SMALL * tolerance


def ripples(
    p: FloatArray,
    losses: FloatArray,
    spreads: FloatArray,
    tolerance: float,
    *,
    expanded: npt.NDArray[np.bool_] | None = None,
    rest: tuple[float, float] = (0.0, 0.0),
) -> Ripples:
    """Ripples of the loss of names that default with probabilities ``p`` in a state in which the value at risk is reached.

    ``losses`` are the means of what they lose given default, ``spreads`` the standard deviations; ``tolerance`` is the wanted error of the value
    at risk. Ripples far below it are left out. ``expanded`` says which names the expansion has (None: all); others are taken exactly.
    ``rest`` is the mean and the variance of what names lose that are :func:`too_small` and not among these.

    >>> alike = ripples(np.full(1_000, 0.01), np.ones(1_000), np.zeros(1_000), 0.05)
    >>> bool(0.4 < alike.var < 0.7)  # half a loss, and something for the state's own density
    True
    >>> bool(ripples(np.full(1_000, 0.01), np.linspace(0.5, 1.5, 1_000), np.zeros(1_000), 0.05).var < 0.001)
    True
    """
    weight = p * (1.0 - p)
    square = weight * (losses * losses + spreads * spreads)
    mean, spread = float(p @ losses) + rest[0], math.sqrt(float(square.sum()) + rest[1])
    smoothed = spread if expanded is None else math.sqrt(float(square[expanded].sum()) + rest[1])
    if not (smoothed > 0.0 and tolerance > 0.0):
        return Ripples(0.0, 0.0)
    reach = mean + _REACH * spread
    finest = max(_SHORTEST * tolerance / (2.0 * math.pi * _PLACES), reach / _MOST_PLACES)
    places = 1 << max(_LEAST_BITS, math.ceil(math.log2(reach / finest)))
    frequencies = 2.0 * math.pi / (places * finest) * np.arange(places // 2 + 1)
    spectrum = np.conj(np.fft.rfft(_held(weight, losses, spreads, finest, places)))
    with np.errstate(under="ignore"):
        drift = 1j * frequencies * (float((p * p) @ losses) + rest[0])
        phi = np.exp(spectrum - spectrum[0].real + drift - _SMOOTHING * rest[1] * frequencies**2)
    highest = 1.0 / (_PLACES * finest)
    unseen = np.sin(0.5 * math.pi * np.clip((frequencies * smoothed - _SEEN) / (_UNSEEN - _SEEN), 0.0, 1.0)) ** 2
    unseen *= np.clip((highest - frequencies) / (0.2 * highest), 0.0, 1.0)
    rippled = np.zeros_like(phi)
    rippled[1:] = phi[1:] * unseen[1:] / (1j * frequencies[1:])
    # A density of a normal shape is 1 / (spread sqrt(2 pi)) at most: what all frequencies together can move the value at risk by.
    if float(np.abs(rippled).sum()) * frequencies[1] / math.pi * spread * math.sqrt(2.0 * math.pi) <= _NEGLIGIBLE * tolerance:
        return Ripples(0.0, 0.0)

    def about_the_mean(of: npt.NDArray[np.complex128]) -> FloatArray:
        first, last = (round((mean + side * _WINDOW * spread) / finest) for side in (-1.0, 1.0))
        return np.asarray(np.fft.irfft(np.conj(of), n=places)[np.arange(max(first, 0), last + 1) % places] / finest)

    density = float(about_the_mean(phi * (1.0 - unseen) * (frequencies <= highest)).mean())
    if not density > 0.0:
        return Ripples(reach, reach * reach)
    beyond = float(np.abs(about_the_mean(rippled)).max())
    rippled[1:] /= 1j * frequencies[1:]
    return Ripples(beyond / density, float(np.abs(about_the_mean(rippled)).max()) / density)


# Standard normal values that are equally likely: what a random loss is spread over.
_NORMAL = np.array([-1.6469, -0.9346, -0.5470, -0.2297, 0.2297, 0.5470, 0.9346, 1.6469])


def _held(weight: FloatArray, losses: FloatArray, spreads: FloatArray, finest: float, places: int) -> FloatArray:
    """The weights at the places of their losses, each shared by the two that are nearest with its mean kept; what is beyond the last begins anew."""
    held = np.zeros(places)
    random = spreads > 0.0
    for which, shift, part in [(~random, 0.0, 1.0), *((random, z, 1.0 / len(_NORMAL)) for z in _NORMAL.tolist())]:
        if not which.any():
            continue
        position = np.maximum(losses[which] + shift * spreads[which], 0.0) / finest
        below = np.floor(position)
        share = position - below
        at = below.astype(np.int64) % places
        mass = part * weight[which]
        held += np.bincount(at, weights=mass * (1.0 - share), minlength=places)
        held += np.bincount((at + 1) % places, weights=mass * share, minlength=places)
    return held
