"""The most likely states of the world in which a book loses a given amount on average: local minima of the distance from the middle.

States are independent standard normals, so the most likely state of a surface is its point nearest the origin (the design point of A.
Hasofer and N. Lind, "Exact and invariant second-moment code format", Journal of Engineering Mechanics 100, 1974). Where the gradient of the
loss points along the state itself, that point is stationary; H. Hasofer, N. Lind, R. Rackwitz and B. Fiessler go to where the gradient
points. Here that direction is a line that is searched: on the sphere through the present state the loss is raised, then the sphere
shrinks until the loss is the wanted one again. Each step comes nearer, so what is found is a minimum, from each of many starts its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.sobol import scrambled_sobol
from crfs.risk.stress.mean_loss import FARTHEST, MeanLoss

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

_MOST_CLASSES = 16
_MOST_AXES = 4
_SCATTERED = 16
_MOST_STEPS = 80
_ALIGNED = 1e-6
# Down to a five-hundredth of the way ahead: where the surface bends a hundred times as much as the sphere, longer ones all overshoot.
_STRIDES = 2.0 ** np.arange(4.0, -10.0, -1.0)
_ROOT_STEPS = 60
_CURVATURE_STEP = 0.02
_ESCAPE = 0.2
_MOST_ESCAPES = 4
# Two states nearer to each other than this, in standard deviations, are one.
APART = 0.1
# Tables that turn a state by less than this leave its distance right to seven digits.
_MISLED = 3e-4
_OUTWARD = 12
_MET = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LikelyState:
    """A local minimum: the state ``u``, and the principal curvatures of the surface there, times the distance, below 1 each.

    One above 0 bends the surface around the middle, so that there is more beyond it than beyond its tangent plane.
    """

    u: FloatArray
    bends: FloatArray

    @property
    def distance(self) -> float:
        """From the middle, in standard deviations."""
        return math.sqrt(math.fsum(self.u**2))

    @property
    def half_space(self) -> float:
        """Probability beyond the plane that touches the surface here: ``Phi(-distance)``."""
        from scipy.special import ndtr

        return float(ndtr(-self.distance))

    @property
    def second_order(self) -> float:
        """Probability beyond a paraboloid that touches it: K. Breitung, "Asymptotic approximations for multinormal integrals", Journal of
        Engineering Mechanics 110, 1984."""
        return min(1.0, self.half_space / math.sqrt(float(np.prod(1.0 - self.bends))))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Surface:
    """States at which the mean loss is ``loss``; ``toward`` is 1 where it lies above the middle's, else -1."""

    mean: MeanLoss
    loss: float
    toward: float
    fixed: float
    moving: float

    def gap(self, values: FloatArray) -> FloatArray:
        """How far mean losses lie beyond the wanted one, as a difference of probits: of a homogeneous pool a straight line of the factor."""
        from scipy.special import ndtri

        shares = np.clip((np.append(values, self.loss) - self.fixed) / self.moving, 1e-300, 1.0 - 1e-16)
        scores = ndtri(shares)
        return np.asarray(self.toward * (scores[:-1] - scores[-1]))

    def at(self, u: FloatArray) -> FloatArray:
        """The gap at states."""
        return self.gap(self.mean.value(u))

    def ahead(self, u: FloatArray) -> FloatArray:
        """Unit vectors along which the loss goes the wanted way fastest; zeros where nothing moves it."""
        gradient = self.toward * self.mean.slope(u)
        return gradient / np.maximum(_length(gradient), 1e-300)[:, None]


def likely_states(mean: MeanLoss, loss: float, *, fixed: float, moving: float, modes: int, seed: int) -> tuple[LikelyState, ...]:
    """At most ``modes`` local minima of the distance among states in which the mean loss is ``loss`` (book units), the nearest first.

    ``fixed`` is lost in every state, ``moving`` at most beyond it. None where no state within :data:`FARTHEST` was found.
    """
    middle = float(mean.exact(np.zeros((1, mean.dimensions)))[0])
    if abs(loss - middle) <= 1e-12 * middle:
        return (LikelyState(u=np.zeros(mean.dimensions), bends=np.zeros(0)),)
    surface = _Surface(mean=mean, loss=loss, toward=1.0 if loss > middle else -1.0, fixed=fixed, moving=moving)
    found = _descend(surface, _starts(mean, surface, seed) * FARTHEST)
    states: list[LikelyState] = []
    for u in _distinct(found, APART):
        if len(states) == modes:
            break
        state = _settled(surface, u)
        if state is not None and all(float(_length((state.u - other.u)[None])[0]) > APART for other in states):
            states.append(state)
    return tuple(sorted(states, key=lambda state: state.distance))


def greatest_nearby(mean: MeanLoss, *, toward: float, seed: int) -> float:
    """The greatest (``toward`` 1) or least (-1) mean loss that was found on the sphere of :data:`FARTHEST`, book units."""
    surface = _Surface(mean=mean, loss=float(mean.exact(np.zeros((1, mean.dimensions)))[0]), toward=toward, fixed=0.0, moving=1.0)
    u = _starts(mean, surface, seed) * FARTHEST
    for _ in range(_MOST_STEPS // 2):
        u, moved = _climb(lambda states: toward * mean.value(states), u, surface.ahead(u))
        if not moved.any():
            break
    return float(toward * (toward * mean.exact(u)).max())


def _starts(mean: MeanLoss, surface: _Surface, seed: int) -> FloatArray:
    """Unit vectors: where the loss grows at the middle, against each of the greatest classes, along and against each coordinate, and scattered."""
    from scipy.special import ndtri

    names, size = mean.names, mean.dimensions
    weight = np.bincount(names.kind, weights=names.loss[0], minlength=len(names.directions))
    classes = np.zeros((min(_MOST_CLASSES, len(weight)), size))
    greatest = np.argsort(-weight, kind="stable")[: len(classes)]
    classes[:, : names.directions.shape[1]] = -surface.toward * names.directions[greatest]
    scattered = ndtri(scrambled_sobol(size, key=(seed, 0), skip=0, count=_SCATTERED))
    axes = np.eye(size)[:_MOST_AXES]
    starts = np.concatenate([surface.ahead(np.zeros((1, size))), classes, axes, -axes, scattered])
    if names.nus:
        bad = starts.copy()
        bad[:, -1] -= surface.toward * _length(starts)
        starts = np.concatenate([starts, bad])
    length = _length(starts)
    return starts[length > 1e-9] / length[length > 1e-9, None]


def _descend(surface: _Surface, u: FloatArray) -> FloatArray:
    """Climb on the sphere, shrink it, and so on; what never reaches the surface is left out."""
    u = _shrunk(surface, u)
    done = []
    for _ in range(_MOST_STEPS):
        ahead = surface.ahead(u)
        turned = _length(ahead - u / _length(u)[:, None])
        moved, improved = _climb(surface.at, u, ahead)
        u = _shrunk(surface, moved)
        going = improved & (turned > _ALIGNED)
        done.append(u[~going])
        # Starts that have met go on as one.
        u = _distinct(u[going], _MET)
        if not len(u):
            break
    u = np.concatenate([*done, u])
    return u[surface.at(u) >= -1e-9]


def _climb(height: Callable[[FloatArray], FloatArray], u: FloatArray, ahead: FloatArray) -> tuple[FloatArray, BoolArray]:
    """On the sphere of each state the best of some points on the line from its direction to (and past) the one ahead; whether it is higher."""
    radius = _length(u)[:, None]
    here = u / radius
    tried = np.concatenate([here[None], here[None] + _STRIDES[:, None, None] * (ahead - here)[None]])
    length = np.sqrt(np.add.reduce(tried**2, axis=-1))[..., None]
    # Halfway to the opposite lies the middle, which is no direction.
    tried = radius * np.where(length > 1e-6, tried / np.maximum(length, 1e-6), here)
    tried[0] = u
    heights = height(tried.reshape(-1, u.shape[1])).reshape(len(tried), len(u))
    best = np.argmax(heights, axis=0)
    return tried[best, np.arange(len(u))], best > 0


def _shrunk(surface: _Surface, u: FloatArray) -> FloatArray:
    """Each state that lies beyond the surface drawn in to it along its ray; the others stay.

    The Illinois variant of false position (M. Dowell and P. Jarratt, 1971): the middle lies before the surface, the state beyond.
    """
    beyond = surface.at(u)
    moving = np.flatnonzero(beyond > 0.0)
    low, high = np.zeros(len(moving)), np.ones(len(moving))
    low_gap, high_gap = np.repeat(surface.at(np.zeros((1, u.shape[1]))), len(moving)), beyond[moving]
    root, side, left = high.copy(), np.zeros(len(moving)), np.arange(len(moving))
    for _ in range(_ROOT_STEPS):
        if not len(left):
            break
        a, b = low[left], high[left]
        x = np.clip((a * high_gap[left] - b * low_gap[left]) / (high_gap[left] - low_gap[left]), a, b)
        value = surface.at(u[moving[left]] * x[:, None])
        root[left] = x
        now = np.where(value > 0.0, 1.0, -1.0)
        # An end that stays a second time counts half, so that it is drawn in as well.
        again = np.where(side[left] == now, 0.5, 1.0)
        side[left] = now
        low_gap[left] = np.where(now > 0.0, again * low_gap[left], value)
        high_gap[left] = np.where(now > 0.0, value, again * high_gap[left])
        low[left], high[left] = np.where(now > 0.0, a, x), np.where(now > 0.0, x, b)
        left = left[(np.abs(value) > 1e-13) & (high[left] - low[left] > 1e-15)]
    drawn = u.copy()
    drawn[moving] = u[moving] * root[:, None]
    return drawn


def _distinct(u: FloatArray, apart: float) -> FloatArray:
    """The states in the order of their distance, but those within ``apart`` of one before."""
    kept: list[FloatArray] = []
    for state in u[np.argsort(_length(u), kind="stable")]:
        if not kept or float(_length(np.array(kept) - state).min()) > apart:
            kept.append(state)
    return np.array(kept).reshape(-1, u.shape[1])


def _settled(surface: _Surface, u: FloatArray) -> LikelyState | None:
    """The minimum to which a stationary state belongs: from a saddle on, along the direction in which the distance falls."""
    for _ in range(_MOST_ESCAPES):
        bends, ways = _curvature(surface, u)
        if not len(bends) or bends[-1] < 1.0 - 1e-3:
            break
        sides = np.stack([u + _ESCAPE * ways[:, -1], u - _ESCAPE * ways[:, -1]])
        outside = sides * (1.0 + 2.0 * _ESCAPE / float(_length(u[None])[0]))
        lower = _descend(surface, outside)
        if not len(lower) or float(_length(lower).min()) >= float(_length(u[None])[0]) * (1.0 - 1e-9):
            break  # as flat as a cylinder: every direction is as near
        u = lower[int(np.argmin(_length(lower)))]
    else:
        return None
    exact = _polished(replace(surface, mean=surface.mean.by_names()), u)
    return None if exact is None else LikelyState(u=exact, bends=np.minimum(bends, 1.0 - 1e-3))


def _polished(surface: _Surface, u: FloatArray) -> FloatArray | None:
    """The state by every name's own probability: on the surface, and down to the minimum where the tables have misled."""
    outside = u[None] * np.geomspace(1.0 + 1e-6, 1.2, _OUTWARD)[:, None]
    beyond = np.flatnonzero(surface.at(outside) > 0.0)
    if not len(beyond):
        return None
    state = _shrunk(surface, outside[beyond[:1]])
    if float(_length(surface.ahead(state) - state / _length(state)[:, None])[0]) > _MISLED:
        state = _descend(surface, state * (1.0 + 1e-9))
    return state[0] if len(state) else None


def _curvature(surface: _Surface, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Curvatures of the surface in its tangent plane, times the distance, in rising order, and their directions (dimensions x number)."""
    size = len(u)
    if size == 1:
        return np.zeros(0), np.zeros((1, 0))
    moved = np.eye(size) * _CURVATURE_STEP
    slopes = surface.toward * surface.mean.slope(np.concatenate([u + moved, u - moved, u[None]]))
    hessian = (slopes[:size] - slopes[size : 2 * size]) / (2.0 * _CURVATURE_STEP)
    normal = slopes[-1] / max(float(_length(slopes[-1:])[0]), 1e-300)
    plane = np.linalg.svd(np.eye(size) - np.outer(normal, normal))[0][:, : size - 1]
    bent = np.einsum("ia,ij,jb->ab", plane, 0.5 * (hessian + hessian.T), plane)
    values, vectors = np.linalg.eigh(bent * float(_length(u[None])[0]) / max(float(_length(slopes[-1:])[0]), 1e-300))
    return values, np.einsum("ia,ab->ib", plane, vectors)


def _length(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.add.reduce(vectors**2, axis=-1)), dtype=np.float64)
