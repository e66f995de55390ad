"""How a run asks for rating migration: by a transition matrix that is kept with it, or (a stress) on the book's own grades."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, in_file, naming

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk.migration import TransitionMatrix
    from crfs.risk.stress import RatingMigration

GRADES = "grades"
_MEMBERS = {"ratings", "rows"}


def read_migration(given: str | Path | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    """The option as a specification keeps it: ``grades``, or the matrix of a CSV file (a column ``rating`` and one an end rating, the best first
    and default last, decimals), or its content: ``ratings`` and ``rows``."""
    if given is None or given == GRADES:
        return None if given is None else GRADES
    return read_matrix(given, argument="migration", what=f"migration is {GRADES}, or a CSV file of a matrix")


def read_matrix(given: str | Path | Mapping[str, Any], *, argument: str, what: str) -> dict[str, Any]:
    """A transition matrix of 12 months as a specification keeps it: that of a CSV file, or its content; ``what`` is what errors say it should be."""
    import polars as pl

    from crfs.risk.migration import TransitionMatrix

    if isinstance(given, Mapping):
        return dict(given)
    with naming(argument, instead_of="table"):
        try:
            table = pl.read_csv(Path(given))
        except OSError as error:
            raise InvalidInput(f"cannot read {given}: {error.strerror}; {what}") from None
        except pl.exceptions.PolarsError as error:
            raise InvalidInput(f"{given} cannot be read as CSV: {str(error).splitlines()[0]}") from None
        with in_file(given):
            matrix = TransitionMatrix.from_table(_numbers(table))
    return {"ratings": list(matrix.ratings), "rows": matrix.probability.tolist()}


def _numbers(table: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    wrong = [name for name, kind in table.schema.items() if name != "rating" and not kind.is_numeric()]
    if wrong:
        raise InvalidInput(f"column {wrong[0]} of the transition matrix has cells that are no numbers")
    return table.with_columns(pl.col("rating").cast(pl.String)) if "rating" in table.columns else table


def matrix_of(option: Any) -> TransitionMatrix | None:
    """The matrix of an option; None for the book's own grades. What is neither is refused, cells by row and column."""
    if option == GRADES:
        return None
    return matrix_of_content(
        option, argument="migration", what=f"migration is {GRADES!r}, or an object of ratings (default last) and rows of probabilities"
    )


def matrix_of_content(content: Any, *, argument: str, what: str) -> TransitionMatrix:
    """The matrix of its content, as :func:`read_matrix` keeps it. What is none is refused, cells by row and column."""
    from crfs.risk.migration import TransitionMatrix

    with naming(argument):
        names = content.get("ratings") if isinstance(content, Mapping) and set(content) == _MEMBERS else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InvalidInput(what)
        try:
            return TransitionMatrix.from_rows(names, content["rows"])
        except (TypeError, ValueError):
            raise InvalidInput("rows of a transition matrix are lists of decimals, all of one length") from None
        except InvalidInput as error:
            # Its rows are those of the matrix, not of the book: the words keep them.
            raise InvalidInput(str(error), argument=argument) from None


def migration_of(option: Any, base: pl.DataFrame, stressed: pl.DataFrame) -> RatingMigration:
    """The migration of a book that was stressed, as it was asked for."""
    from crfs.risk.stress import expected_migration, regraded

    matrix = matrix_of(option)
    with naming("migration"):
        return regraded(base, stressed) if matrix is None else expected_migration(base, stressed, matrix)
