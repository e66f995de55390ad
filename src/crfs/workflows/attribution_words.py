"""What people call the steps and the measures of an attribution: the same on the terminal and on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crfs.credit.confidences import percentage

REASONS = {
    "revisions": "values revised since",
    "gone": "gone facilities",
    "new": "new facilities",
    "ead": "exposures (EAD)",
    "lgd": "losses given default (LGD)",
    "pd": "default probabilities (PD)",
    "model": "models",
    "correlation": "correlations and copula",
}
"""Why a number changed, by step."""
SHORT = {**{step: step for step in ("revisions", "gone", "new", "correlation")}, "ead": "EAD", "lgd": "LGD", "pd": "PD", "model": "models"}
"""The same where there is room for a word alone, as under a bar."""


def measure_title(effect: Mapping[str, Any]) -> str:
    """The name of what an effect measures.

    >>> measure_title({"measure": "var", "confidence": 0.999}), measure_title({"measure": "el", "confidence": None})
    ('VaR 99.9 %', 'EL')
    """
    name = {"var": "VaR"}.get(effect["measure"], effect["measure"].upper())
    return name if effect["confidence"] is None else f"{name} {percentage(effect['confidence'])} %"
