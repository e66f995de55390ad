"""How much of a book sits with few names: Herfindahl index, effective number, the largest, and what they hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_texts, is_whole, shown
from crfs.risk.ranges import AMOUNT, numbers

COUNTS = tuple(k * 10**power for power in range(7) for k in (1, 2, 5))
"""Of how many of the largest names the common share is told, as far as there are so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestName:
    """One of the largest names: its exposure in currency units, and its share of the whole, a decimal. ``name`` is None for rows without one."""

    name: str | None
    ead: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NameConcentration:
    """How a book's exposure is spread over names: obligors, groups of connected clients, or the values of a column such as ``sector``.

    ``hhi`` is the sum of squared shares (1: a single name), ``effective_names`` one over it: so many equal names would be as concentrated.
    ``largest`` come in falling order. ``top_shares`` are pairs of a number of names and the share (decimal) that so many of the largest
    hold together.
    """

    names: int
    hhi: float
    effective_names: float
    largest: tuple[LargestName, ...]
    top_shares: tuple[tuple[int, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "names": self.names,
            "hhi": self.hhi,
            "effective_names": self.effective_names,
            "largest": [{"name": each.name, "ead": each.ead, "share": each.share} for each in self.largest],
            "top_shares": [{"names": count, "share": share} for count, share in self.top_shares],
        }


def herfindahl_index(exposure: npt.ArrayLike) -> float:
    """Sum of squared shares of ``exposure``: one entry an obligor (or sector, region), currency units, none negative.

    1 means a single name, 1/n means n equal ones. A book with no exposure at all has no shares: :class:`InvalidInput`.

    >>> herfindahl_index([1.0, 1.0, 2.0])
    0.375
    """
    return float(np.square(shares(exposure)).sum())


def shares(exposure: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Each name's part of the whole ``exposure``, decimals: refused as :func:`herfindahl_index` says.

    >>> shares([1.0, 1.0, 2.0]).tolist()
    [0.25, 0.25, 0.5]
    """
    amounts = numbers("exposure", exposure, AMOUNT)
    if amounts.ndim != 1:
        raise InvalidInput("exposure is one finite amount of zero or more for each name, in one row", argument="exposure")
    with np.errstate(over="ignore"):
        total = amounts.sum()
    if not total > 0.0:
        raise InvalidInput("the exposures sum to zero, so there are no shares; give at least one exposure above zero", argument="exposure")
    if not np.isfinite(total):
        raise InvalidInput("the exposures sum to more than a double holds; give them in a larger unit", argument="exposure")
    return np.asarray(amounts / total)


def effective_number(exposure: npt.ArrayLike) -> float:
    """The number of equal names that would be as concentrated as these: one over the Herfindahl index.

    >>> effective_number([5.0, 5.0, 5.0, 5.0])
    4.0
    """
    return 1.0 / herfindahl_index(exposure)


def name_concentration(names: pl.Series | Sequence[str], exposure: npt.ArrayLike, *, top: int = 10) -> NameConcentration:
    """The concentration of ``exposure`` (currency units, none negative, one a row) by ``names`` (text, one a row; the same name is one name).

    Rows without a name are one name, None. ``top`` is how many of the largest are told, 0 or more; of equal ones the first by name comes first.
    The answer has the same bits in any order of rows. Exposures that sum to zero, or are negative or not finite, are :class:`InvalidInput`.

    >>> found = name_concentration(pl.Series(["A", "B", "A", "C"]), [30.0, 40.0, 20.0, 10.0], top=1)
    >>> found.names, round(found.hhi, 12), found.largest[0].name, found.top_shares
    (3, 0.42, 'A', ((1, 0.5), (2, 0.9)))
    """
    if not is_whole(top) or top < 0:
        raise InvalidInput(f"top is how many names to list, 0 or more, not {shown(top)}", argument="top")
    names = names if isinstance(names, pl.Series) else pl.Series(check_texts("names", names), dtype=pl.String)
    if names.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise InvalidInput(f"names are texts, one a row, not values of the type {names.dtype}", argument="names")
    amounts = numbers("exposure", exposure, AMOUNT)
    if amounts.shape != (len(names),):
        raise InvalidInput("exposure is one amount for each row of names", argument="exposure")
    rows = pl.DataFrame({"name": names, "ead": amounts}).sort("name", "ead", nulls_last=True)
    # Sums in the order of the sorted rows: the same bits whatever the order of a file, and the number of threads.
    totals = np.bincount(rows["name"].rle_id().to_numpy(), weights=rows["ead"].to_numpy())
    known = rows["name"].unique(maintain_order=True)
    hhi = herfindahl_index(totals)
    order = np.argsort(-totals, kind="stable")
    whole = float(np.add.reduce(totals))
    held = np.cumsum(totals[order])
    return NameConcentration(
        names=len(totals),
        hhi=hhi,
        effective_names=1.0 / hhi,
        largest=tuple(LargestName(name=known[int(k)], ead=float(totals[k]), share=float(totals[k] / whole)) for k in order[:top]),
        top_shares=tuple((count, min(1.0, float(held[count - 1] / whole))) for count in COUNTS if count <= len(totals)),
    )
