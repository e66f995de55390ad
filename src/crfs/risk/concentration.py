"""How much of a book, and of its tail, sits with few sectors, regions or groups of connected clients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crfs.risk.largest_names import herfindahl_index

if TYPE_CHECKING:
    from crfs.risk.largest_names import NameConcentration
    from crfs.risk.obligors import Obligors
    from crfs.risk.result import Contribution, SectorIndex


def sector_indices(obligors: Obligors, contributions: tuple[Contribution, ...]) -> tuple[SectorIndex, ...]:
    """For each column that the book is cut by, how concentrated its values are: in exposure and, where there are contributions, in the tail.

    The error of the tail's index is that of the contributions to first order, as if they were independent. Connected clients that are more than can
    be told have no index here (:func:`connected_concentration` has that of their exposures).
    """
    from crfs.quality.connected_clients import CONNECTED
    from crfs.risk.cuts import MOST_VALUES, coded
    from crfs.risk.result import SectorIndex

    result = []
    for tag in obligors.facility_tags:
        values, code = coded(obligors, tag)
        if len(values) > MOST_VALUES:
            continue
        exposure = herfindahl_index(np.bincount(code, weights=obligors.facility_ead, minlength=len(values)))
        parts = [part for part in contributions if part.by == tag]
        if tag == CONNECTED and None in values:
            # Too many to be told one by one: the part of the others is no name.
            continue
        es: list[float] = []
        errors: list[float] = []
        for each, error in _tails(parts):
            whole = float(each.sum())
            shares = each / whole if whole > 0.0 else each
            es.append(float(np.square(shares).sum()))
            errors.append(2.0 * math.sqrt(float(np.square(shares * error).sum())) / whole if whole > 0.0 else 0.0)
        result.append(
            SectorIndex(by=tag, values=len(values), hhi=exposure, effective=1.0 / exposure, es_hhi=tuple(es), es_hhi_se=tuple(errors))
        )
    return tuple(result)


def notes_on_columns_not_cut(obligors: Obligors) -> tuple[str, ...]:
    """Which columns neither contributions nor indices are cut by, since they have too many values; connected clients are told in part, not left out."""
    from crfs.quality.connected_clients import CONNECTED
    from crfs.risk.cuts import MOST_VALUES

    counts = {tag: column.n_unique() for tag, column in obligors.facility_tags.items() if tag != CONNECTED}
    return tuple(
        f"the book is not cut by {tag}: the column has {count:,} values, and one of more than {MOST_VALUES:,} is a name of its own"
        for tag, count in counts.items()
        if count > MOST_VALUES
    )


def connected_concentration(obligors: Obligors) -> NameConcentration | None:
    """The exposure of a book by groups of connected clients, each one name; None where the book does not say who is connected."""
    from crfs.quality.connected_clients import CONNECTED
    from crfs.risk.largest_names import name_concentration

    column = obligors.facility_tags.get(CONNECTED)
    return None if column is None else name_concentration(column, obligors.facility_ead)


def _tails(parts: list[Contribution]) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """At each confidence the contributions to the expected shortfall, and their errors."""
    if not parts:
        return []
    return [(np.array([p.es[c] for p in parts]), np.array([p.es_se[c] for p in parts])) for c in range(len(parts[0].es))]
