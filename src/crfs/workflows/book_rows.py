"""Rows of a book that came as objects, with the types of JSON: checked by their columns, and written as the CSV file that is landed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crfs.credit.schemas import Reason
from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, Problem


def rows_as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of a book as the bytes of a CSV file, so that they can be landed; the columns are those of all rows, in the order they come.

    Cells have the types that their columns have: a text is no number and no truth value, and neither is turned into the other. Null, and a text of
    nothing, are blank. A wrong cell, and a column whose name cannot be written, are :class:`InvalidInput`.

    >>> rows_as_csv([{"facility_id": "F1", "ead": 100.0}, {"facility_id": "F2", "lgd": None}])
    b'facility_id,ead,lgd\\r\\nF1,100.0,\\r\\nF2,,\\r\\n'
    >>> rows_as_csv([{"facility_id": "F1", "ead": "100"}])
    Traceback (most recent call last):
    crfs.errors.InvalidInput: the rows have 1 name or cell that is wrong; first: ead is a number or null, not the text '100'
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    problems = [
        Problem(row=None, column=name, reason=Reason.BROKEN_ENCODING.value, detail=f"the name of the column, {name!r:.80}, has {fault}")
        for name in columns
        if (fault := text_fault(name)) is not None
    ]
    faults = {name: _fault_of(name) for name in columns}
    problems += [
        Problem(row=number, column=column, reason=Reason.WRONG_TYPE.value, detail=detail)
        for number, row in enumerate(rows, 1)
        for column, cell in row.items()
        if (detail := faults[column](cell))
    ]
    if problems:
        count = f"{len(problems)} names or cells that are" if len(problems) > 1 else "1 name or cell that is"
        raise InvalidInput(f"the rows have {count} wrong; first: {problems[0].detail}", problems=tuple(problems))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _fault_of(column: str) -> Callable[[Any], str]:
    """What says why a cell cannot stand in a column; nothing where it can."""
    import polars as pl

    from crfs.workflows.book_columns import book_schema

    known = book_schema().column(column.strip())
    truth, number = known is not None and known.dtype == pl.Boolean, known is not None and known.dtype.is_numeric()

    def fault(cell: Any) -> str:
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return ""
        if truth:
            return "" if isinstance(cell, bool) else f"{column} is true, false or null, not {_shown(cell)}"
        if number and isinstance(cell, str):
            return f"{column} is a number or null, not {_shown(cell)}"
        if not isinstance(cell, str | int | float) or isinstance(cell, bool):
            return f"a cell is a number, a text or null, not {cell!r:.80}"
        return f"a cell is a number, a text or null, not {cell!r:.80}" if isinstance(cell, str) and text_fault(cell) else ""

    return fault


def _shown(cell: Any) -> str:
    return f"the text {cell!r:.80}" if isinstance(cell, str) else f"{cell!r:.80}"
