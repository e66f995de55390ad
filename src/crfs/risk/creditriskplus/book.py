"""What CreditRisk+ is asked of: arrays that have passed every check, or an error with each place at fault."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.schemas import LARGEST_AMOUNT, Reason
from crfs.errors import InvalidInput, Problem
from crfs.risk.arguments import check_confidences, is_number, shown
from crfs.risk.creditriskplus.lattice import Rounding
from crfs.risk.creditriskplus.sectors import Dependence
from crfs.risk.ranges import Range, number, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

IDIOSYNCRATIC = "idiosyncratic"
"""The name of what follows no sector."""

_WEIGHT_TOLERANCE = 1e-9
# That of as many facilities of the largest amount as any obligor has; squares of larger ones would overflow before long.
_LARGEST_LOSS = 1e12 * LARGEST_AMOUNT
# Any number at first: of those outside of what they may be every row is told.
_READABLE = Range(said="numbers", or_unknown=True)
_MISSING_MASS = Range(said="a probability within [1e-15, 1e-6]", low=1e-15, high=1e-6)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Book:
    """Checked arrays: one entry an obligor, ``weights`` one column a sector."""

    names: tuple[str, ...]
    loss: FloatArray
    pd: FloatArray
    weights: FloatArray
    sector_names: tuple[str, ...]
    variance: FloatArray

    @property
    def own(self) -> FloatArray:
        """What of each obligor follows no sector."""
        left: FloatArray = np.clip(1.0 - self.weights.sum(axis=1), 0.0, None)
        return left


def check_book(
    loss: npt.ArrayLike, pd: npt.ArrayLike, sectors: Mapping[str, float], weights: npt.ArrayLike | None, names: Sequence[str] | None
) -> Book:
    """The arguments of :func:`~crfs.risk.creditriskplus.loss_distribution` that describe the book, or every row at fault."""
    variance = check_sectors(sectors)
    losses, pds = numbers("loss", loss, _READABLE), numbers("pd", pd, _READABLE)
    if losses.ndim != 1 or not len(losses):
        raise InvalidInput("loss is a sequence of amounts, one an obligor, and not empty", argument="loss")
    if pds.shape != losses.shape:
        raise InvalidInput(f"pd has {pds.size} values where loss has {losses.size}; each obligor needs both", argument="pd")
    if weights is None:
        if len(variance) != 1:
            raise InvalidInput("with several sectors each obligor needs its weights on them", argument="weights")
        share = np.ones((len(losses), 1))
    else:
        share = numbers("weights", weights, _READABLE)
        if share.shape != (len(losses), len(variance)):
            raise InvalidInput(
                f"weights is {len(losses)} x {len(variance)}, one row an obligor and one column a sector, not {' x '.join(map(str, share.shape))}",
                argument="weights",
            )
    given: object = names
    if given is not None and (
        isinstance(given, str) or not isinstance(given, Collection) or not all(isinstance(name, str) for name in given)
    ):
        raise InvalidInput(f"names is a sequence of texts, one an obligor, not {given!r:.80}", argument="names")
    if names is not None and len(names) != len(losses):
        raise InvalidInput(f"names has {len(names)} entries where loss has {len(losses)}", argument="names")
    named = tuple(names) if names is not None else tuple(str(row) for row in range(1, len(losses) + 1))
    problems = [
        *_outside(losses, "loss", 0.0, _LARGEST_LOSS),
        *_outside(pds, "pd", 0.0, 1.0),
        *(problem for k, name in enumerate(sectors) for problem in _outside(share[:, k], f"weight:{name}", 0.0, 1.0)),
    ]
    total = share.sum(axis=1)
    for row in np.flatnonzero(total > 1.0 + _WEIGHT_TOLERANCE):
        detail = f"the weights of an obligor sum to at most 1, not {total[row]:.6g}"
        problems.append(Problem(row=int(row) + 1, column="weights", reason=Reason.OUT_OF_RANGE.value, detail=detail))
    if problems:
        raise InvalidInput(f"the book has {len(problems)} fault(s): {'; '.join(map(str, problems[:3]))}", problems=tuple(problems))
    return Book(names=named, loss=losses, pd=pds, weights=share, sector_names=tuple(sectors), variance=variance)


def check_sectors(sectors: Mapping[str, float]) -> FloatArray:
    """The relative variances, in the order of ``sectors``."""
    given: object = sectors
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidInput(f"sectors is a mapping of each sector's name to its relative variance, not {given!r:.80}", argument="sectors")
    if not sectors:
        raise InvalidInput("sectors needs at least one name with its relative variance", argument="sectors")
    if IDIOSYNCRATIC in sectors:
        raise InvalidInput(f"{IDIOSYNCRATIC!r} is what follows no sector; give that sector another name", argument="sectors")
    for name, value in sectors.items():
        if not is_number(value) or not (math.isfinite(value) and value >= 0.0):
            raise InvalidInput(
                f"sector {name!r}: a relative variance is a finite number of zero or more, not {shown(value)}", argument="sectors"
            )
    return np.array(list(sectors.values()), dtype=np.float64)


def _outside(values: FloatArray, column: str, low: float, high: float) -> list[Problem]:
    problems = []
    for row in np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high))):
        value = float(values[row])
        reason = Reason.OUT_OF_RANGE if math.isfinite(value) else Reason.NOT_FINITE
        detail = f"{value} is not within [{low:g}, {high:g}]" if math.isfinite(value) else f"{value} is not a finite number"
        problems.append(Problem(row=int(row) + 1, column=column, reason=reason.value, detail=detail))
    return problems


def check_dependence(
    dependence: Dependence | str | None, correlation: npt.ArrayLike | None, count: int
) -> tuple[Dependence, FloatArray | None]:
    """The form of dependence and the K x K correlation that it has, where it has one."""
    try:
        chosen = Dependence(dependence) if dependence is not None else Dependence.INDEPENDENT
    except ValueError:
        known = ", ".join(form.value for form in Dependence)
        raise InvalidInput(f"dependence {dependence!r} is not known; use {known}", argument="dependence") from None
    if (correlation is None) != (chosen is Dependence.INDEPENDENT):
        raise InvalidInput(
            "a correlation of the sectors needs a dependence that can have it (moment_matched, compound_gamma or hidden_gamma), and these need "
            "a correlation",
            argument="correlation" if correlation is None else "dependence",
        )
    if correlation is None:
        return chosen, None
    matrix = numbers("correlation", correlation, _READABLE)
    if matrix.shape != (count, count) or not np.isfinite(matrix).all():
        raise InvalidInput(f"correlation is {count} x {count} finite numbers, as there are {count} sectors", argument="correlation")
    if np.abs(matrix - matrix.T).max() > 1e-8 or np.abs(np.diag(matrix) - 1.0).max() > 1e-8 or np.abs(matrix).max() > 1.0 + 1e-8:
        raise InvalidInput("correlation is symmetric with ones on its diagonal and no cell outside [-1, 1]", argument="correlation")
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < -1e-8:
        raise InvalidInput(
            f"correlation is not positive semi-definite: its smallest eigenvalue is {smallest:.6g}; take the nearest that is",
            argument="correlation",
        )
    return chosen, matrix


def check_rounding(rounding: Rounding | str) -> Rounding:
    """The rule that ``rounding`` names."""
    try:
        return Rounding(rounding)
    except ValueError:
        raise InvalidInput(
            f"rounding {rounding!r} is not known; use {', '.join(rule.value for rule in Rounding)}", argument="rounding"
        ) from None


def check_levels(confidences: Sequence[float], missing_mass: float) -> tuple[float, ...]:
    """The confidences, each within what a lattice that may lack ``missing_mass`` can tell."""
    levels = check_confidences(confidences)
    missing_mass = number("missing_mass", missing_mass, _MISSING_MASS)
    for confidence in levels:
        if 1.0 - confidence < 1000.0 * missing_mass:
            raise InvalidInput(
                f"confidence {confidence!r} asks beyond what double precision tells; stay below {1.0 - 1000.0 * missing_mass!r}",
                argument="confidences",
            )
    return levels


def check_confidence(confidence: float) -> float:
    """``confidence`` itself, where it is within (0, 1)."""
    return check_confidences((confidence,))[0]
