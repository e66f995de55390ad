"""What a satellite regression looks at: macro variables, as levels or changes, so many periods before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.scenarios import Scenario
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

FloatArray: TypeAlias = npt.NDArray[np.float64]


class Transform(StrEnum):
    """What is made of a variable before it enters a regression."""

    LEVEL = "level"
    DIFFERENCE = "difference"
    LOG_CHANGE = "log_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A variable of a satellite regression.

    Args:
        variable: the factor's mnemonic, as in the history and in the scenarios.
        transform: the ``level``, its ``difference`` to ``over`` periods before, or the difference of its logarithm (for prices and
            indices).
        over: periods between the two values of a change; 4 with quarters is the change of a year.
        lags: periods before the default rate's own; of several the best is taken.
        sign: of its effect on the default rate that makes economic sense: 1 (unemployment), -1 (growth), 0 (either).

    >>> Term(variable="us.house_price_index", transform=Transform.LOG_CHANGE, over=4, sign=-1).label(2)
    'log_change4(us.house_price_index)@2'
    """

    variable: str
    transform: Transform = Transform.LEVEL
    over: int = 1
    lags: tuple[int, ...] = (0,)
    sign: int = 0

    def __post_init__(self) -> None:
        what = f"term {self.variable}"
        object.__setattr__(self, "transform", Transform(self.transform))
        if self.over < 1:
            raise InvalidInput(f"{what}: over is a number of periods, at least 1, not {self.over}")
        if not self.lags or min(self.lags) < 0 or len(set(self.lags)) < len(self.lags):
            raise InvalidInput(f"{what}: lags are numbers of periods, not negative, each once; given {self.lags}")
        if self.sign not in {-1, 0, 1}:
            raise InvalidInput(f"{what}: sign is -1, 0 or 1, not {self.sign}")

    def label(self, lag: int) -> str:
        """The name of the regressor that the term makes with a lag."""
        made = self.variable if self.transform is Transform.LEVEL else f"{self.transform.value}{self.over}({self.variable})"
        return f"{made}@{lag}" if lag else made


def regressor(macro: Scenario, term: Term, lag: int) -> FloatArray:
    """The values of a term over the periods of ``macro``, NaN where what it needs lies before them or is not said."""
    values = macro.path(term.variable).array()
    if term.transform is Transform.LOG_CHANGE:
        rows = np.flatnonzero(values <= 0.0)
        if len(rows):
            detail = f"{values[rows[0]]:g} in {macro.times[rows[0]]} has no logarithm; take the difference of {term.variable}"
            problem = Problem(row=int(rows[0]) + 1, column=term.variable, reason=Reason.OUT_OF_RANGE.value, detail=detail)
            raise InvalidInput(f"{term.variable}: {detail}", problems=(problem,))
        values = np.log(values)
    if term.transform is not Transform.LEVEL:
        values = values - lagged(values, term.over)
    return lagged(values, lag)


def lagged(values: FloatArray, periods: int) -> FloatArray:
    """The values of ``periods`` before, NaN where there are none yet."""
    if not periods:
        return values
    return np.concatenate([np.full(min(periods, len(values)), np.nan), values[:-periods]])
