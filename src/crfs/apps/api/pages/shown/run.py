"""What a page shows of a run about a book: figures, plots and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from crfs.workflows.cutting import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of a page: the first column names the rows, the others are numbers or words."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[Markup | str]]]
    caption: str = ""
    words: tuple[int, ...] = ()
    """The places, counted from 0, of the cells of a row that are words in place of a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run as a page shows it: ``cards`` are a name, a figure and what stands below it; ``plots`` an SVG and its caption.

    The first ``beside`` of the plots stand in the risk report of the same book too.
    """

    title: str
    lede: str
    cards: Sequence[tuple[str, Markup, Markup | str]]
    plots: Sequence[tuple[str, str]]
    grids: Sequence[Grid]
    notes: Sequence[str]
    beside: int = 0


def about(answer: Mapping[str, Any]) -> str:
    """How many facilities a run is of, and the currency of its amounts."""
    currency = f" {answer['currency']}" if answer["currency"] else ""
    return f"{counted(answer['n_facilities'], 'facility', 'facilities')}{', amounts in' + currency if currency else ''}."
