"""From one date's allowance to the next: transfers between stages, new, gone and remeasured facilities, to the cent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_text, check_texts
from crfs.risk.cents import in_cents, in_units

_STAGES = (1, 2, 3)


class Movement(StrEnum):
    """The lines of the reconciliation, in their order."""

    OPENING = "opening"
    TRANSFER_TO_STAGE_1 = "transfer_to_stage_1"
    TRANSFER_TO_STAGE_2 = "transfer_to_stage_2"
    TRANSFER_TO_STAGE_3 = "transfer_to_stage_3"
    NEW = "new"
    DERECOGNISED = "derecognised"
    WRITTEN_OFF = "written_off"
    REMEASURED_ON_TRANSFER = "remeasured_on_transfer"
    REMEASURED = "remeasured"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reconciliation:
    """``table`` has a line a :class:`Movement`: ``stage_1``, ``stage_2``, ``stage_3`` and ``total`` in whole cents, and ``facilities``,
    how many it is about.

    In every column the lines from the opening to the last remeasurement sum to the closing exactly; transfers sum to nothing in the total.
    """

    table: pl.DataFrame

    def amount(self, movement: Movement | str, stage: int | None = None) -> float:
        """One amount in currency units; of all stages where none is named."""
        row = self.table.filter(pl.col("movement") == Movement(movement).value)
        return int(row[f"stage_{stage}" if stage else "total"][0]) / 100.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, in currency units."""
        columns = [f"stage_{stage}" for stage in _STAGES] + ["total"]
        return {"lines": in_units(self.table, *columns).to_dicts()}


def reconcile(opening: pl.DataFrame, closing: pl.DataFrame, *, amount: str = "ecl", written_off: Collection[str] = ()) -> Reconciliation:
    """The movements of the allowance between two tables of ``facility_id``, ``stage`` and ``amount`` (IFRS 7, 35H and 35I).

    ``amount`` is the name of a column in currency units, or, where it ends in ``_cents`` or a column of that name with ``_cents`` is
    there, of whole cents: these are taken as they are, and other amounts are brought to whole cents by the largest remainder. What
    changes its stage is transferred with its opening allowance and then remeasured in its new stage. ``written_off`` names facilities
    that are gone because they were. A stage is 1, 2 or 3.

    >>> opening = pl.DataFrame({"facility_id": ["A", "B", "C"], "stage": [1, 1, 2], "ecl": [10.0, 20.0, 40.0]})
    >>> closing = pl.DataFrame({"facility_id": ["A", "B", "D"], "stage": [1, 2, 1], "ecl": [11.0, 55.0, 5.0]})
    >>> moved = reconcile(opening, closing)
    >>> [moved.amount(line) for line in ("opening", "new", "derecognised", "remeasured_on_transfer", "remeasured", "closing")]
    [70.0, 5.0, -40.0, 35.0, 1.0, 71.0]
    >>> moved.amount("transfer_to_stage_2", stage=1), moved.amount("transfer_to_stage_2", stage=2), moved.amount("transfer_to_stage_2")
    (-20.0, 20.0, 0.0)
    """
    check_text("amount", amount)
    written_off = check_texts("written_off", written_off)
    before, after = _read(opening, amount, "opening"), _read(closing, amount, "closing")
    both = before.join(after, on="facility_id", how="full", coalesce=True, suffix="_after")
    ids = both["facility_id"]
    stage, stage_after = (both[name].fill_null(0).to_numpy() for name in ("stage", "stage_after"))
    cents, cents_after = (both[name].fill_null(0).to_numpy() for name in ("cents", "cents_after"))
    there, there_after = stage > 0, stage_after > 0
    lost = sorted(set(written_off) - set(ids.filter(pl.Series(there & ~there_after)).to_list()))
    if lost:
        raise InvalidInput(f"written_off names what is not gone, or never was: {', '.join(lost[:5])}", argument="written_off")
    off = ids.is_in(list(written_off)).to_numpy()
    stays, moves = there & there_after, there & there_after & (stage != stage_after)

    def line(
        movement: Movement, mask: npt.NDArray[np.bool_], *parts: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    ) -> dict[str, Any]:
        columns = {f"stage_{s}": sum(int(values[mask & (of == s)].sum()) for of, values in parts) for s in _STAGES}
        return {"movement": movement.value, "facilities": int(mask.sum()), **columns, "total": sum(columns.values())}

    transfers = [
        line(movement, moves & (stage_after == target), (stage, -cents), (stage_after, cents))
        for target, movement in zip(_STAGES, list(Movement)[1:4], strict=True)
    ]
    change = cents_after - cents
    lines = [
        line(Movement.OPENING, there, (stage, cents)),
        *transfers,
        line(Movement.NEW, ~there & there_after, (stage_after, cents_after)),
        line(Movement.DERECOGNISED, there & ~there_after & ~off, (stage, -cents)),
        line(Movement.WRITTEN_OFF, there & ~there_after & off, (stage, -cents)),
        line(Movement.REMEASURED_ON_TRANSFER, moves, (stage_after, change)),
        line(Movement.REMEASURED, stays & ~moves, (stage_after, change)),
        line(Movement.CLOSING, there_after, (stage_after, cents_after)),
    ]
    return Reconciliation(table=pl.DataFrame(lines, schema_overrides={"facilities": pl.Int64}))


def _read(table: pl.DataFrame, amount: str, what: str) -> pl.DataFrame:
    """``facility_id``, ``stage`` and ``cents`` of a table, checked."""
    require_table(table, argument=what)
    column = amount if amount.endswith("_cents") or f"{amount}_cents" not in table.columns else f"{amount}_cents"
    problems = [
        Problem(row=None, column=name, reason=Reason.MISSING_COLUMN.value, detail=f"the {what} table needs a column {name}")
        for name in ("facility_id", "stage", column)
        if name not in table.columns
    ]
    if problems:
        raise InvalidInput("; ".join(problem.detail for problem in problems), problems=tuple(problems))
    ids, stage = table["facility_id"].cast(pl.String), table["stage"].cast(pl.Int64, strict=False)
    wrong = ~stage.is_in(list(_STAGES)).fill_null(False)
    twice = ids.is_duplicated() | ids.is_null()
    problems = [
        Problem(row=int(row) + 1, column=name, reason=reason.value, detail=detail)
        for mask, name, reason, detail in (
            (wrong, "stage", Reason.UNKNOWN_VALUE, "a stage is 1, 2 or 3"),
            (twice, "facility_id", Reason.DUPLICATE, "a facility comes once"),
        )
        for row in mask.arg_true().to_list()
    ]
    if problems:
        raise InvalidInput(
            f"{what}: {problems[0]}" + (f"; and {len(problems) - 1} more" if len(problems) > 1 else ""), problems=tuple(problems)
        )
    given = table[column]
    if column.endswith("_cents"):
        if not given.dtype.is_integer() or given.null_count():
            raise InvalidInput(f"{what}: {column} holds whole numbers, and none is blank")
        cents = given.to_numpy().astype(np.int64)
    else:
        cents = in_cents(given.cast(pl.Float64).to_numpy())
    return pl.DataFrame({"facility_id": ids, "stage": stage, "cents": cents})
