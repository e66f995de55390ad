"""Plain simulation: every obligor has a number of its own in every scenario, and defaults where it is below its default probability there.

An obligor's default probability in a scenario is ``Phi(a s - b y)``, with ``y`` its composite factor and ``s`` its mixing variable (1 under a Gaussian
copula). Its number is one of 2^53 by count (:mod:`crfs.risk.counted`); so many of them mean a default as the probability is 2^53rds, to the nearest.
So a probability is met to 6e-17, a name that cannot default never does, and one that must always does.

Most numbers are above whatever probability their obligors have in any of a few scenarios that are alike. These are told by one bound an obligor, and
probabilities are computed for the others alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.counted import NUMBERS, UNUSED_BITS, WordArray, counted, mixed, starts, steps

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Plan: TypeAlias = Mapping[str, npt.NDArray[Any]]

# Numbers at once: with fewer, many threads wait for each other between one short step and the next.
_AT_ONCE = 1 << 19
# Scenarios share a bound: as many as have so many numbers, and no fewer than these.
_NUMBERS_ALIKE = 1 << 15
_ALIKE = 32
# Thresholds beyond this say "never" or "always" and nothing of which scenarios are bad.
_TELLING = 100.0
# What a bound is above the largest probability, relatively: more than any rounding on the way.
_ABOVE = 1e-9


class States(NamedTuple):
    """The scenarios of a block: the key of its numbers, the composite factor of each class of names, and the mixing variables, the last of them one."""

    key: WordArray
    factor: FloatArray
    mixing: FloatArray

    @property
    def scenarios(self) -> int:
        """How many."""
        return int(self.factor.shape[1])


class Band(NamedTuple):
    """Scenarios that are alike, and what is worst for a name in any of them: for each class the lowest factor, and both ends of the mixing variable."""

    which: IntArray
    factor: FloatArray
    least: FloatArray
    most: FloatArray


def plain_defaults(plan: Plan, states: States) -> IntArray:
    """Who defaults: ``scenario * names + name`` of each, in order."""
    count = len(plan["obligor"])
    start, step = starts(states.key, np.arange(states.scenarios)), steps(states.key, np.arange(count))
    room = np.empty((2, _AT_ONCE), dtype=np.uint64)
    found = [np.zeros(0, dtype=np.int64)]
    for band in bands(plan, states, rows=max(_ALIKE, _NUMBERS_ALIKE // max(count, 1))):
        bound = _bound(plan, band)
        width = max(1, _AT_ONCE // len(band.which))
        for first in range(0, count, width):
            here = slice(first, first + width)
            shape = len(band.which), len(step[here])
            number, scratch = (each[: shape[0] * shape[1]].reshape(shape) for each in room)
            np.add(start[band.which, None], step[here], out=number)
            mixed(number, scratch)
            number >>= np.uint64(UNUSED_BITS)
            near = np.flatnonzero(number < bound[here])
            row = near // shape[1]
            name, scenario = first + near - row * shape[1], band.which[row]
            hit = number.ravel()[near] < _below(_probability(plan, states, name, scenario))
            found.append(scenario[hit] * count + name[hit])
    return np.sort(np.concatenate(found))


def decided(plan: Plan, states: States, pair: IntArray) -> IntArray:
    """Those of some pairs ``scenario * names + name`` that default, one by one: what others leave open."""
    count = len(plan["obligor"])
    scenario = pair // count
    name = pair - scenario * count
    return pair[counted(states.key, scenario, name) < _below(_probability(plan, states, name, scenario))]


def bands(plan: Plan, states: States, *, rows: int) -> Iterator[Band]:
    """All scenarios, from the worst to the best for the mean name, in bands of about as many, ``rows`` at most."""
    nu = plan["kind_nu"]
    order = np.argsort(_quality(plan, states), kind="stable")
    for which in np.array_split(order, -(-len(order) // rows)):
        mixing = states.mixing[:, which]
        yield Band(which, states.factor[:, which].min(axis=1), mixing.min(axis=1)[nu], mixing.max(axis=1)[nu])


def _bound(plan: Plan, band: Band) -> WordArray:
    """A number for each name below which all are that mean a default in any scenario of the band.

    Rounding keeps the order of products and differences, so no threshold in the band is above the one here.
    """
    from scipy.special import ndtr

    kind, a = plan["kind"], plan["a"]
    highest = ndtr(a * np.where(a > 0.0, band.most[kind], band.least[kind]) - plan["b"] * band.factor[kind])
    return _below(highest * (1.0 + _ABOVE)) + np.uint64(1)


def _below(probability: FloatArray) -> WordArray:
    """How many of the numbers mean a default."""
    return np.rint(np.minimum(probability, 1.0) * NUMBERS).astype(np.uint64)


def _probability(plan: Plan, states: States, name: IntArray, scenario: IntArray) -> FloatArray:
    """Default probabilities of names in scenarios."""
    from scipy.special import ndtr

    kind = plan["kind"][name]
    threshold = plan["a"][name]
    if len(plan["nus"]):
        threshold = threshold * states.mixing[plan["kind_nu"][kind], scenario]
    return np.asarray(ndtr(threshold - plan["b"][name] * states.factor[kind, scenario]))


def _quality(plan: Plan, states: States) -> FloatArray:
    """A number for each scenario that falls as it gets worse: minus the threshold of the mean name."""
    a = np.where(np.abs(plan["a"]) < _TELLING, plan["a"], 0.0)
    each = (np.bincount(plan["kind"], weights=weights, minlength=len(states.factor)) for weights in (a, plan["b"]))
    lift, slope = next(each), next(each)
    better = np.zeros(states.scenarios)
    for k, nu in enumerate(plan["kind_nu"]):
        better += slope[k] * states.factor[k] - lift[k] * states.mixing[nu]
    return better
