"""Rows that a comparison adds to the staged ones: what the store heard already is said again, or that there is no value any more."""

from __future__ import annotations

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition

_KEPT = "entity_id, valid_time, knowledge_time, row_state, knowledge_basis, vintage_date, clipped, shown"


def again(
    definition: DatasetDefinition,
    table: str,
    found: str,
    *,
    row: str,
    known_at: str,
    of: str = "s",
    after: str = "s",
    basis: str | int = KnowledgeBasis.OBSERVED.code,
    vintage_date: str | None = None,
) -> str:
    """SQL: stages what ``row`` says once more, of the period of ``of`` and known from ``known_at``; all are aliases of rows that are ``found``.

    That there is none after a value (that of ``after``) is its withdrawal, and so it is where ``row`` is none at all.
    """
    names = [f'"{column.name}"' for column in definition.columns]
    withdrawn = f"{row}.row_state = {RowState.MISSING.code} AND {after}.row_state = {RowState.VALUE.code}"
    retracted = RowState.RETRACTED.code
    return (
        f"INSERT INTO {table} ({', '.join([_KEPT, *names])}) SELECT DISTINCT {of}.entity_id, {of}.valid_time, {known_at}, "
        f"CASE WHEN {withdrawn} THEN {retracted} ELSE coalesce({row}.row_state, {retracted}) END, {basis}, "
        f"{vintage_date or f'{row}.vintage_date'}, false, false{''.join(f', {row}.{name}' for name in names)} FROM {found}"
    )


def without_value(table: str, state: RowState, found: str, *, of: str, known_at: str, clipped: bool = False) -> str:
    """SQL: stages that periods have no value from ``known_at`` on; ``of`` is the alias of rows that are ``found``."""
    vintage_date = "CAST(NULL AS date)" if state is RowState.ANNULLED else f"{of}.vintage_date"
    return (
        f"INSERT INTO {table} ({_KEPT}) SELECT DISTINCT {of}.entity_id, {of}.valid_time, {known_at}, {state.code}, {of}.knowledge_basis, "
        f"{vintage_date}, {'true' if clipped else 'false'}, false FROM {found}"
    )
