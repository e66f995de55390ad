"""Which values of a macro variable are possible at all, and which names a scenario may be kept under."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from crfs.credit.definitions import FactorDefinition
from crfs.credit.scenarios.scenario import Scenario
from crfs.errors import InvalidInput

Range: TypeAlias = tuple[float, float]

LARGEST = 1e15
"""Beyond it, on either side, no macro variable lies: the product of a country in its currency is below."""
LONGEST_NAME = 200
_PART = re.compile(r"[^\W_]([\w .,()+-]*[\w)+])?")


def possible_range(factor: FactorDefinition) -> Range:
    """The values that a scenario may give a factor: as far beyond what is accepted of it as that is wide, where both ends of that are known.

    What cannot be below 0 as it is observed is not below 0 in a scenario either. Else any number will do that is not beyond :data:`LARGEST`.

    >>> rate = FactorDefinition(mnemonic="us.rate", title="", dataset="d", column="c", unit="decimal", category="", minimum=0.01, maximum=0.5)
    >>> possible_range(rate)
    (0.0, 0.99)
    """
    low, high = factor.minimum, factor.maximum
    width = high - low if low is not None and high is not None else None
    least = -LARGEST if low is None else 0.0 if low >= 0.0 else low - width if width is not None else -LARGEST
    return least, LARGEST if high is None or width is None else high + width


def require_possible(scenario: Scenario, factors: Mapping[str, FactorDefinition]) -> None:
    """Refuse a scenario with a value that its variable cannot have, naming scenario, variable, period and value.

    ``factors`` are those of the catalogue by their names; one whose unit is not that of the path says nothing of it.
    """
    for path in scenario.paths:
        factor = factors.get(path.variable)
        low, high = possible_range(factor) if factor is not None and factor.unit == path.unit else (-LARGEST, LARGEST)
        values = path.array()
        beyond = np.flatnonzero((values < low) | (values > high))
        if len(beyond):
            units = "in decimals (0.1 is 10 percent)" if path.unit == "decimal" else f"in {path.unit}"
            raise InvalidInput(
                f"scenario {scenario.name!r}: {path.variable} is {values[beyond[0]]:g} in the period from {scenario.times[beyond[0]]}, and cannot "
                f"be beyond {low:g} to {high:g}: give it {units}, and correct the path or the step that leads there",
                argument="scenario",
            )


def require_name(name: str) -> None:
    """Refuse a name that no scenario can be kept under: it goes into addresses and onto command lines.

    >>> require_name("house/mild 2027")
    >>> require_name("../mild")
    Traceback (most recent call last):
        ...
    crfs.errors.InvalidInput: scenario '../mild': a name is parts joined by /, such as house/mild; each begins with a letter or a digit, and has \
letters, digits, spaces and _ . , ( ) + - alone
    """
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"scenario {name[:40]!r}…: a name has at most {LONGEST_NAME} characters, not {len(name):,}", argument="scenario")
    if not all(_PART.fullmatch(part) for part in name.split("/")):
        raise InvalidInput(
            f"scenario {name!r}: a name is parts joined by /, such as house/mild; each begins with a letter or a digit, and has "
            "letters, digits, spaces and _ . , ( ) + - alone",
            argument="scenario",
        )
