"""Sensitivities: a book with one input of every row moved."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import is_number, shown
from crfs.risk.stress.stressed_book import stressed_book
from crfs.risk.stress.transmission import checked_shocks

INPUTS = ("pd_relative", "pd_probit", "lgd_add", "ead_relative", "ccf_add", "r2_relative")
"""The inputs that :func:`bumped` moves."""

_MOST_RELATIVE = 999.0


def bumped(book: pl.DataFrame, name: str, size: float) -> pl.DataFrame:
    """A checked book (:func:`~crfs.risk.stress.stressed_book.checked_book`) with one input of every row moved; a size of 0 changes no bit.

    ``pd_relative``, ``ead_relative`` and ``r2_relative`` are shares of what there is, -1 to 999: probabilities are held at 1, ``r2`` below
    0.99, and loadings of a row's own go by the root. ``pd_probit`` adds to the probits of probabilities; ``lgd_add`` and ``ccf_add`` are
    decimals, held within [0, 1]; the spread of a loss goes with its mean.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "r2": [0.2]})
    >>> [round(bumped(book, name, 0.1)[column][0], 9) for name, column in (("pd_relative", "pd_12m"), ("lgd_add", "lgd"), ("r2_relative", "r2"))]
    [0.022, 0.5, 0.22]
    """
    require_table(book, argument="book")
    given: object = name
    if not isinstance(given, str) or given not in INPUTS:
        raise InvalidInput(f"a bump is of {', '.join(INPUTS)}, not of {name!s:.80}", argument="bumps")
    relative = name.endswith("relative")
    if not is_number(size) or not math.isfinite(size) or (relative and not -1.0 <= size <= _MOST_RELATIVE):
        within = f", -1 or more and {_MOST_RELATIVE:g} at most" if relative else ""
        raise InvalidInput(f"the bump of {name} is a finite number{within}, not {shown(size)}", argument="bumps")
    if size == 0.0:
        return book
    match name:
        case "pd_relative":
            return book.with_columns(pd_12m=pl.Series(np.clip(book["pd_12m"].to_numpy() * (1.0 + size), 0.0, 1.0)))
        case "ead_relative":
            return book.with_columns(ead=pl.Series(book["ead"].to_numpy() * (1.0 + size)))
        case "r2_relative":
            return stressed_book(book, checked_shocks(pl.DataFrame({"r2_scale": [1.0 + size]})))
    return stressed_book(book, checked_shocks(pl.DataFrame({name: [size]})))
