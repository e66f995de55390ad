"""Taking out of staged rows those that say nothing new, in SQL; what would rewrite history is refused here."""

from __future__ import annotations

import sqlalchemy as sa

from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.errors import Conflict, InvalidInput
from crfs.store.additions import without_value
from crfs.store.comparison_terms import Comparison
from crfs.store.conditions import by_source, counts, is_word, last_batch, same_key, same_period, says_as, stands
from crfs.store.day_ends import say_again_what_days_ended_with, say_what_days_ended_with
from crfs.store.extents import Told, withdraw_what_was_left_out_later
from crfs.store.latest_only import (
    comes_late,
    date_from_the_fetch_what_a_rule_dated,
    fetch_of,
    forget_known_history,
    forget_what_was_said,
    is_first_to_show,
    keep_what_was_seen_later,
    know_from_the_fetch,
    shows_the_latest,
)
from crfs.store.publication import BatchKind
from crfs.store.relations import relation
from crfs.store.running_days import know_changes_from_the_fetch, say_again_what_was_seen_later
from crfs.store.sightings import say_again_what_was_sighted_later


def compare(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison, *, told: Told | None = None) -> None:
    """Take out of the staged rows those that say nothing new, and stage what the store has to say again for them.

    The order is that of their times: first the rows are given the times from which they are known, then what is known by then already goes,
    then, of what is left, what other answers said later is said again, and last what days ended with.
    """
    speaks = how.kind is BatchKind.INGEST
    vintaged = speaks and definition.revision_policy is RevisionPolicy.VINTAGED
    shows = speaks and shows_the_latest(definition, how.fetched_at)
    running = vintaged and how.fetched_at is not None
    for settle, due in (
        (forget_known_history, shows),
        (know_from_the_fetch, shows),
        (know_changes_from_the_fetch, running),
        (forget_what_was_said, shows),
        (_withdraw, shows or vintaged),
        (_check_that_they_are_there, how.kind is BatchKind.ANNUL),
        (_settle_by_key, True),
        (_settle_clipped, True),
    ):
        if due:
            settle(connection, definition, table, how)
    left = _has_rows(connection, table)
    late = left and shows and comes_late(connection, definition, table, how)
    for say_again, due in (
        (keep_what_was_seen_later, late),
        (date_from_the_fetch_what_a_rule_dated, late),
        (say_again_what_was_sighted_later, left and vintaged),
        (_withdraw_later, left and (shows or vintaged)),
        (say_again_what_was_seen_later, left and running),
    ):
        if due:
            say_again(connection, definition, table, how)
    if vintaged:
        _end_days(connection, definition, table, how, told, left=left)


def _end_days(
    connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison, told: Told | None, *, left: bool
) -> None:
    """What other answers left out later, and what the days ended with on which they were asked; ``left`` says whether any row is staged still.

    What is said again from the end of a day may be left out by the next answer, or not be what a later one saw again: so until nothing is added.
    """
    added = 1
    while added:
        added = withdraw_what_was_left_out_later(connection, definition, table) if left else 0
        if told is not None:
            added += say_what_days_ended_with(connection, definition, table, how, told)
        left = left or added > 0
        if left:
            added += say_again_what_was_sighted_later(connection, definition, table, how)
    if left and how.fetched_at is not None:
        say_again_what_days_ended_with(connection, definition, table, how)


def _has_rows(connection: sa.Connection, table: str) -> bool:
    """Whether a staged row is left; most answers say nothing new."""
    return bool(connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {table})").scalar_one())


def _settle_by_key(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Take out the staged rows whose keys the store has and that say nothing new of them; an ingest may not say anything else.

    What the source itself said last of a key is nothing new though it was corrected or annulled since. An answer that shows only the latest
    values and turns out to be the first of its period may say something else of the key: a rule dates what the first one saw. And of a key
    that a mended parser no longer made the source may speak again.
    """
    data, kind, ingest = relation(definition.name), how.kind, how.kind is BatchKind.INGEST
    shows = ingest and shows_the_latest(definition, how.fetched_at)
    vintaged = ingest and definition.revision_policy is RevisionPolicy.VINTAGED
    same, better = _same_values(definition, "s", "d"), "false"
    if vintaged:
        # Of two answers that say the same of a key, the one counts that says better how it was known, whichever came first.
        better = f"({same}) AND s.knowledge_basis < d.knowledge_basis AND {by_source('d')}"
    if kind not in {BatchKind.INGEST, BatchKind.ANNUL}:
        same += " AND (s.knowledge_basis, s.vintage_date) IS NOT DISTINCT FROM (d.knowledge_basis, d.vintage_date)"
    settled, upgraded = f"({same}) AND NOT ({better})", better
    if ingest:
        annulled = f"d.row_state = {RowState.ANNULLED.code}"
        settled += f" OR {annulled} AND NOT {by_source('d')}"
        upgraded += f" OR {annulled} AND {by_source('d')}"
    if shows or vintaged:
        # Both say that there is no value. "Retracted" says more: that there was one.
        settled += f" OR (s.row_state = {RowState.MISSING.code} AND d.row_state = {RowState.RETRACTED.code})"
        upgraded += f" OR (s.row_state = {RowState.RETRACTED.code} AND d.row_state = {RowState.MISSING.code})"
    if ingest:
        said = _same_values(definition, "s", "w") + (" OR (s.row_state <> 0 AND w.row_state <> 0)" if shows or vintaged else "")
        said_before = f"EXISTS (SELECT 1 FROM {data} AS w WHERE {same_key('w', 's')} AND ({said}) AND {is_word(data, 'w')})"
        settled += f" OR (NOT {by_source('d')} AND {said_before})"
    first = "false"
    if shows:
        # The second: the fetch fell on the very time that the rule says.
        first = f"{is_first_to_show(data, 's')} OR s.shown AND s.knowledge_time = :fetched_at AND {fetch_of(data, 'd')} > :fetched_at"
    refused = f"NOT ({settled} OR ({upgraded}) OR ({first}))" if ingest else "false"
    # One look at each row's counterpart says both what goes and what may not come.
    row = connection.execute(
        sa.text(
            f"WITH k AS MATERIALIZED (SELECT s.ctid AS place, s.entity_id, s.valid_time, s.knowledge_time, ({settled}) AS settled, "
            f"({refused}) AS refused FROM {table} AS s JOIN LATERAL (SELECT * FROM {data} AS x WHERE {same_key('x', 's')} "
            f"ORDER BY x.batch_id DESC LIMIT 1) AS d ON d.batch_id > {how.since}), "
            f"gone AS (DELETE FROM {table} AS t USING k WHERE t.ctid = k.place AND k.settled) "
            "SELECT entity_id, valid_time, knowledge_time FROM k WHERE refused LIMIT 1"
        ),
        {"dataset": definition.name, "fetched_at": how.fetched_at},
    ).one_or_none()
    if row is not None:
        entity = connection.execute(
            sa.text("SELECT natural_key FROM crfs.entity WHERE entity_id = :entity_id"), {"entity_id": row.entity_id}
        ).scalar()
        raise Conflict(
            f"dataset {definition.name}: {entity} at {row.valid_time:%Y-%m-%d} known from {row.knowledge_time:%Y-%m-%d %H:%M}Z has another "
            "value in the store; if the source was wrong then, write a correction with a reason (crfs datasets correct)"
        )


def _same_values(definition: DatasetDefinition, one: str, other: str) -> str:
    """SQL: whether two rows have the same state and values."""
    names = ["row_state", *(f'"{column.name}"' for column in definition.columns)]
    return "({}) IS NOT DISTINCT FROM ({})".format(*(", ".join(f"{row}.{name}" for name in names) for row in (one, other)))


def _check_that_they_are_there(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    absent = connection.exec_driver_sql(
        f"SELECT count(*) FROM {table} AS s WHERE NOT EXISTS (SELECT 1 FROM {relation(definition.name)} AS x WHERE {same_key('x', 's')})"
    ).scalar_one()
    if absent:
        raise InvalidInput(f"dataset {definition.name}: {absent} of the rows to annul are not in the store")


def _settle_clipped(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Take out the clipped rows that say what was known before, or what the source had said instead of what was corrected there.

    A row of the same answer that says something else in between makes them news.
    """
    data = relation(definition.name)
    connection.exec_driver_sql(
        f"DELETE FROM {table} AS gone USING (SELECT s.ctid FROM {table} AS s JOIN LATERAL (SELECT * FROM {data} AS x "
        f"WHERE {same_period('x', 's')} AND x.knowledge_time <= s.knowledge_time AND {stands(data, 'x')} "
        f"ORDER BY x.knowledge_time DESC LIMIT 1) AS d ON {says_as(definition, 's', 'd')} OR EXISTS (SELECT 1 FROM {data} AS w "
        f"WHERE {same_key('w', 'd')} AND {says_as(definition, 's', 'w')} AND {is_word(data, 'w')}) WHERE s.clipped "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS n WHERE {same_period('n', 's')} AND n.knowledge_time > d.knowledge_time "
        f"AND n.knowledge_time < s.knowledge_time AND NOT ({says_as(definition, 'n', 's')}))) AS k WHERE gone.ctid = k.ctid"
    )


def _withdraw(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Staged ``missing`` rows whose value was known before: the source withdrew it, and its window did not show from what.

    Where the source had said that there is none, a value is a correction of that, and the same word again does not withdraw it.
    """
    data = relation(definition.name)
    put_there = (
        f"NOT {by_source('x')} AND EXISTS (SELECT 1 FROM {data} AS w WHERE {same_key('w', 'x')} AND {is_word(data, 'w')} "
        f"AND w.row_state <> {RowState.VALUE.code})"
    )
    connection.exec_driver_sql(
        f"UPDATE {table} AS s SET row_state = {RowState.RETRACTED.code} WHERE s.row_state = {RowState.MISSING.code} AND "
        f"(SELECT x.row_state = {RowState.VALUE.code} AND NOT ({put_there}) FROM {data} AS x WHERE {same_period('x', 's')} "
        f"AND x.knowledge_time < s.knowledge_time AND {counts(data, 'x')} ORDER BY x.knowledge_time DESC LIMIT 1)"
    )


def _withdraw_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Stored ``missing`` rows of which a staged value now shows what they withdrew: they are staged again, as ``retracted``."""
    data = relation(definition.name)
    withdrawn = (
        f"{table} AS s JOIN {data} AS x ON {same_period('x', 's')} AND x.knowledge_time > s.knowledge_time "
        f"AND x.row_state = {RowState.MISSING.code} AND {last_batch(data, 'x')} WHERE s.row_state = {RowState.VALUE.code} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS z WHERE {same_period('z', 's')} AND z.knowledge_time > s.knowledge_time "
        f"AND z.knowledge_time <= x.knowledge_time) AND NOT EXISTS (SELECT 1 FROM {data} AS z WHERE {same_period('z', 's')} "
        f"AND z.knowledge_time > s.knowledge_time AND z.knowledge_time < x.knowledge_time AND {counts(data, 'z')})"
    )
    connection.exec_driver_sql(without_value(table, RowState.RETRACTED, withdrawn, of="x", known_at="x.knowledge_time"))
