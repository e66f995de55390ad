"""Connected clients: obligors that are one name where a book's concentration is spoken of, though each of them may default alone.

Two obligors are connected where one controls the other, or where one's trouble would be the other's (Regulation (EU) 575/2013, article 4(1)(39);
Basel framework, LEX10): limits on large exposures hold for all of them together. Who is connected with whom, the book says in the column
``connected_clients``, an id of the group; an obligor without one is a group by itself, under its own id.
"""

from __future__ import annotations

import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput
from crfs.quality.checks import Checked, Faults

CONNECTED = "connected_clients"
_OBLIGOR = "obligor_id"


def tells_connected_clients(rows: pl.DataFrame) -> bool:
    """Whether some row of a book names connected clients, and every row who owes.

    >>> tells_connected_clients(pl.DataFrame({"obligor_id": ["A"], "connected_clients": [None]}))
    False
    """
    return CONNECTED in rows.columns and _OBLIGOR in rows.columns and rows[CONNECTED].null_count() < rows.height


def connected_names(rows: pl.DataFrame) -> pl.Series:
    """The connected clients of each row of a checked book: what a row of its obligor names, else the obligor itself.

    >>> book = pl.DataFrame({"obligor_id": ["A", "A", "B", "C"], "connected_clients": ["G", None, "G", None]})
    >>> connected_names(book).to_list()
    ['G', 'G', 'G', 'C']
    """
    return rows.select(pl.coalesce(CONNECTED, _named_by_obligor(), _OBLIGOR).alias(CONNECTED)).to_series()


def check_connected_clients(typed: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """Note the rows of an obligor that name other connected clients than its first, and fill what is blank (:func:`connected_names`).

    An obligor that names none, though others name their group by that obligor's id, is a fault too: it is one of them, or the ids mean two things.
    """
    if not tells_connected_clients(typed):
        return typed
    first = typed.select(_named_by_obligor()).to_series()
    own, owes = typed[CONNECTED], typed[_OBLIGOR]
    texts = pl.DataFrame({"v": own, "f": first, "o": owes})
    detail = texts.select(pl.format("'{}' differs from '{}' on another row of obligor '{}'", "v", "f", "o")).to_series()
    faults.add(owes.is_not_null() & own.is_not_null() & (own != first), column=CONNECTED, reason=Reason.INCONSISTENT, detail=detail)
    alone = owes.is_not_null() & first.is_null()
    detail = texts.select(
        pl.format("the cell is blank, and other obligors name connected clients '{}': name them here too, or call them otherwise", "o")
    ).to_series()
    faults.add(alone & owes.is_in(own.drop_nulls().unique().implode()), column=CONNECTED, reason=Reason.INCONSISTENT, detail=detail)
    return typed.with_columns(connected_names(typed))


def with_connected_clients(table: pl.DataFrame) -> pl.DataFrame:
    """A book as it came (cells may be text), with the connected clients of every row said; all else of it stays.

    Where rows contradict each other, :class:`InvalidInput` has every place. A book that names none stays as it is.
    """
    if not all(name in table.columns and _names(table[name].dtype) for name in (CONNECTED, _OBLIGOR)):
        return table  # what is no name is refused by the check of the cells
    texts = table.select(pl.col(_OBLIGOR, CONNECTED).cast(pl.String).str.strip_chars().replace("", None))
    if not tells_connected_clients(texts):
        return table
    faults = Faults(height=texts.height)
    filled = check_connected_clients(texts, faults)
    problems = Checked(accepted=filled, rejected=faults.table()).problems
    if problems:
        raise InvalidInput(f"connected clients contradict each other; first: {problems[0]}", problems=problems)
    return table.with_columns(filled[CONNECTED])


def _names(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum) or dtype.is_integer()


def _named_by_obligor() -> pl.Expr:
    """What the first row of the same obligor that names connected clients names; null where none does, or where nobody owes."""
    named = pl.col(CONNECTED).drop_nulls().first().over(_OBLIGOR)
    return pl.when(pl.col(_OBLIGOR).is_not_null()).then(named).alias(CONNECTED)
