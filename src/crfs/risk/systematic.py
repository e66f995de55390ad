"""What the fast method may be off by beside the sampling of the factors: one bound for a measure, its parts and its changes."""

from __future__ import annotations

import numpy as np

from crfs.risk.atoms import atom
from crfs.risk.collapsed import Collapsed, Quantile
from crfs.risk.mixture import Mixture


def lattice_step(found: Collapsed, rel_tol: float) -> float:
    """The step, in the book's units, of which all losses are multiples; zero where there is none that matters at ``rel_tol``."""
    return atom(found.mixture.book.names, 0.1 * rel_tol * max(q.var for q in found.quantiles))


def lattice_errors(mixture: Mixture, q: Quantile, step: float) -> tuple[float, float]:
    """By how much value at risk and expected shortfall of losses that are multiples of ``step`` may differ from the smooth ones, the book's units.

    A value at risk is one of the multiples. Euler and Maclaurin: a sum over them is the smooth integral but for a part of the density at its end.
    """
    if not step > 0.0:
        return 0.0, 0.0
    above, below = mixture.tails(np.array([q.var - 0.5 * step, q.var + 0.5 * step]))[0].mean(axis=1)
    return 0.5 * step, max(float(above - below), 0.0) * step / (6.0 * (1.0 - q.confidence))


def step_errors(mixture: Mixture, q: Quantile, step: float, told: Quantile | None = None) -> tuple[float, float]:
    """What losses that come in steps make of both: multiples of ``step``, and such as are nearly alike, as ``told`` (None: ``q``) knows of them."""
    known = q if told is None else told
    on_lattice, of_lattice = lattice_errors(mixture, q, step)
    return max(on_lattice, known.ripple_var), max(of_lattice, known.ripple_es)


def systematic_errors(mixture: Mixture, q: Quantile, step: float) -> tuple[float, float]:
    """Bounds for value at risk and expected shortfall, zero or more, in the book's units: what the expansion leaves out, its tables, the blur of atoms,
    and the steps in which losses come, multiples of ``step`` or such as are nearly alike.
    """
    (var, es), (by_var, by_es) = q.biases, step_errors(mixture, q, step)
    return var + by_var + mixture.smeared(q.var), es + by_es
