"""Runs as their pages show them: a module a kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from crfs.apps.api.pages.shown import (
    attribution,
    capital,
    concentration,
    ecl,
    factor_model,
    mark_to_market,
    reverse_stress,
    sensitivity,
    stress,
    what_if,
)
from crfs.apps.api.pages.shown.run import Grid, Shown

__all__ = ["BESIDE", "PAGES", "Grid", "Shown", "shown"]

_KINDS: Mapping[str, ModuleType] = {
    "stress": stress,
    "ecl": ecl,
    "capital": capital,
    "concentration": concentration,
    "reverse-stress": reverse_stress,
    "sensitivity": sensitivity,
    "what-if": what_if,
    "mark-to-market": mark_to_market,
    "attribution": attribution,
    "factor-model": factor_model,
}
PAGES: Mapping[str, str] = {kind: module.TITLE for kind, module in _KINDS.items()}
"""The kinds of runs that :func:`shown` shows, with the titles of their pages."""
BESIDE = tuple(kind for kind in _KINDS if kind != "factor-model")
"""Those that are about a book, in the order in which they stand beside its risk run."""


def shown(kind: str, answer: Mapping[str, Any]) -> Shown:
    """A run of a kind that has a page of figures (:data:`PAGES`)."""
    page: Shown = _KINDS[kind].page(answer)
    return page
