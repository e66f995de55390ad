"""Answers of providers that show only the latest values: from when what they show was known, whatever the order they are ingested in.

Three laws hold. What a fetch showed of a period is what is known of it from that fetch on, until a later fetch showed something else. From
the rule's time up to the first of the fetches it is what that first one showed, and which one is the first may turn out late. And an
answer is news where it says something else than the source said before, not where it differs from what we made of that: a correction
or an annulment stands until the source's word changes. A period that is shown with none after a value is withdrawn (``retracted``).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.store.additions import again, without_value
from crfs.store.comparison_terms import Comparison
from crfs.store.conditions import by_source, is_taken, is_word, last_word, same_key, same_period, says_as, stands
from crfs.store.notes import tells_its_fetch
from crfs.store.relations import relation
from crfs.store.sightings import covers


def shows_the_latest(definition: DatasetDefinition, fetched_at: datetime | None) -> bool:
    """Whether an answer says of its fetch what is known from then."""
    return fetched_at is not None and definition.revision_policy is RevisionPolicy.LATEST_ONLY


def forget_known_history(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Take out the staged rows before the last of their period whose keys the store has: the provider tells again how it came to it."""
    connection.exec_driver_sql(
        f"DELETE FROM {table} AS s WHERE NOT s.shown AND {is_taken(relation(definition.name), 's', 's.knowledge_time')}"
    )


def is_first_to_show(data: str, row: str) -> str:
    """SQL: whether all that the source said of a staged row's period came from later fetches than its own (``:fetched_at``, ``:dataset``).

    What the source said without a fetch counts as there before. What somebody made of its word does so at the row's own key alone: an
    amendment stands there, and says nothing of when the period was shown.
    """
    before = f"d.fetched_at IS NULL OR d.fetched_at <= :fetched_at AND {tells_its_fetch('e')}"
    return (
        f"{row}.shown AND NOT EXISTS (SELECT 1 FROM {data} AS e JOIN crfs.batch_dataset AS d ON d.batch_id = e.batch_id AND d.dataset = :dataset "
        f"WHERE {same_period('e', row)} AND CASE WHEN {by_source('e')} THEN {before} ELSE e.knowledge_time = {row}.knowledge_time END) "
        f"AND NOT EXISTS (SELECT 1 FROM crfs.sighting AS g WHERE {covers(data, 'g', row)} AND g.seen_at <= :fetched_at)"
    )


def fetch_of(data: str, row: str) -> str:
    """SQL: when the answer was fetched that a row comes from (``:dataset``): that of its batch, else the first that showed the period by then."""
    showed = f"SELECT min(f.seen_at) FROM crfs.sighting AS f WHERE {covers(data, 'f', row)} AND f.seen_at >= {row}.knowledge_time"
    return (
        f"(SELECT CASE WHEN {tells_its_fetch(row)} THEN brought.fetched_at WHEN brought.fetched_at IS NOT NULL THEN ({showed}) END "
        f"FROM crfs.batch_dataset AS brought WHERE brought.batch_id = {row}.batch_id AND brought.dataset = :dataset)"
    )


def know_from_the_fetch(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """What is shown of a period that the source spoke of is known from the fetch, since the provider does not say when it was changed.

    That holds for a row that a rule dates, since the rule says when the period was first published; for one with a publication time
    where the store has its very key, since an edited text keeps the time of the first one; neither where the store has the period from
    later fetches alone. The source spoke though its word was corrected or annulled since, unless the row dates it anew. And it holds for
    a row that was published, it says, before what another fetch showed by then. Rows that are given the time of the fetch are marked
    ``clipped``.
    """
    data = relation(definition.name)
    by_rule = f"s.knowledge_basis IN ({KnowledgeBasis.CALENDAR.code}, {KnowledgeBasis.ASSUMED.code})"
    shown_before = (
        f"EXISTS (SELECT 1 FROM {data} AS x WHERE {same_period('x', 's')} AND {stands(data, 'x')} AND x.knowledge_time > s.knowledge_time "
        f"AND x.knowledge_time <= :fetched_at)"
    )
    spoken_of = (
        f"EXISTS (SELECT 1 FROM {data} AS x WHERE {same_period('x', 's')} AND ({is_word(data, 'x')} OR {stands(data, 'x')}) "
        f"AND (x.knowledge_time = s.knowledge_time OR {by_rule} AND NOT ({_dates_anew(definition, data, 's')})))"
    )
    connection.execute(
        sa.text(
            f"UPDATE {table} AS s SET knowledge_time = :fetched_at, knowledge_basis = {KnowledgeBasis.OBSERVED.code}, clipped = true "
            f"WHERE s.shown AND s.knowledge_time < :fetched_at AND ({shown_before} OR {spoken_of} AND NOT ({is_first_to_show(data, 's')}))"
        ),
        {"fetched_at": how.fetched_at, "dataset": definition.name},
    )


def _dates_anew(definition: DatasetDefinition, data: str, row: str) -> str:
    """SQL: whether a staged row that a rule dates has the source's last word of a period of which nothing stands: all its keys were annulled.

    So a wrong rule is mended: its keys are annulled, and the word is known from the time of another one. Where the source was seen to
    speak before that time (a poll that came before the rule's), the rule never dated it, and there is nothing to mend.
    """
    said = f"SELECT 1 FROM {data} AS a WHERE {same_period('a', row)}"
    return (
        f"NOT EXISTS ({said} AND {stands(data, 'a')}) AND EXISTS (SELECT 1 FROM {last_word(data, row, by=':fetched_at')} AS a "
        f"WHERE {says_as(definition, row, 'a')}) AND NOT EXISTS ({said} AND {is_word(data, 'a')} "
        f"AND a.knowledge_time < {row}.knowledge_time AND a.knowledge_basis = {KnowledgeBasis.OBSERVED.code})"
    )


def forget_what_was_said(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Take out what is shown from the fetch on where the source said the same last; what it says instead of that is kept, as it is."""
    data = relation(definition.name)
    connection.execute(
        sa.text(
            f"WITH told AS MATERIALIZED (SELECT entity_id, valid_time, max(knowledge_time) AS last FROM {table} WHERE NOT shown GROUP BY 1, 2), "
            f"heard AS MATERIALIZED (SELECT s.ctid AS place, {says_as(definition, 's', 'w')} "
            f"AND coalesce(n.last <= w.knowledge_time, true) AS again FROM {table} AS s LEFT JOIN told AS n ON {same_period('n', 's')} "
            f"JOIN LATERAL {last_word(data, 's', by='s.knowledge_time')} AS w ON true "
            "WHERE s.shown AND s.clipped AND s.knowledge_time = :fetched_at), "
            f"gone AS (DELETE FROM {table} AS t USING heard WHERE t.ctid = heard.place AND heard.again) "
            f"UPDATE {table} AS t SET clipped = false FROM heard WHERE t.ctid = heard.place AND NOT heard.again"
        ),
        {"fetched_at": how.fetched_at},
    )


def comes_late(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> bool:
    """Whether the store may know what a later fetch than that of a staged answer showed. In the order of their fetches none does."""
    return bool(
        connection.execute(
            sa.text(
                "SELECT EXISTS (SELECT 1 FROM crfs.batch_dataset WHERE dataset = :dataset AND fetched_at > :fetched_at) "
                f"OR EXISTS (SELECT 1 FROM crfs.sighting AS g JOIN {table} AS s ON s.entity_id = g.entity_id "
                "WHERE g.dataset = :dataset AND g.seen_at > :fetched_at)"
            ),
            {"fetched_at": how.fetched_at, "dataset": definition.name},
        ).scalar_one()
    )


def keep_what_was_seen_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Of a fetch that is ingested late: what a later one had shown of its periods is known again from that later one.

    The later one is the next that showed the period, be it that it was news (its batch has rows of it) or not (it was sighted).
    """
    data = relation(definition.name)
    late = (
        f"{table} AS s JOIN LATERAL ({_SEEN_LATER.format(data=data)}) AS later ON later.seen IS NOT NULL "
        f"JOIN LATERAL {last_word(data, 's', by='later.seen')} AS c ON c.knowledge_time <= s.knowledge_time AND NOT ({says_as(definition, 's', 'c')}) "
        f"WHERE s.shown AND s.row_state <> {RowState.ANNULLED.code} AND s.knowledge_time <= :fetched_at AND NOT {is_taken(data, 's', 'later.seen')}"
    )
    statement = again(definition, table, late, row="c", known_at="later.seen")
    connection.execute(sa.text(statement), {"fetched_at": how.fetched_at, "dataset": definition.name})


def date_from_the_fetch_what_a_rule_dated(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Of a fetch that is ingested late and was made before the rule's time: what a later one showed otherwise was not known by the rule.

    The rule's key never was, and what the later one showed is known from its fetch.
    """
    data = relation(definition.name)
    seen_again = f"SELECT min(g.seen_at) FROM crfs.sighting AS g WHERE {covers(data, 'g', 's')} AND g.seen_at >= x.knowledge_time AND g.seen_at > :fetched_at"
    dated = (
        f"SELECT DISTINCT x.entity_id, x.valid_time, x.knowledge_time, x.knowledge_basis, x.batch_id, s.row_state, "
        f"least(d.fetched_at, ({seen_again})) AS fetched_at FROM {table} AS s "
        f"JOIN {data} AS x ON {same_period('x', 's')} AND x.knowledge_time > s.knowledge_time AND {stands(data, 'x')} "
        f"AND NOT ({says_as(definition, 's', 'x')}) AND x.knowledge_basis IN ({KnowledgeBasis.CALENDAR.code}, {KnowledgeBasis.ASSUMED.code}) "
        f"JOIN LATERAL (SELECT {fetch_of(data, 'x')} AS fetched_at) AS d ON d.fetched_at > x.knowledge_time "
        "WHERE s.shown AND s.knowledge_time <= :fetched_at AND d.fetched_at > :fetched_at "
        f"AND NOT EXISTS (SELECT 1 FROM {data} AS y WHERE {same_period('y', 's')} AND y.knowledge_time > s.knowledge_time "
        f"AND y.knowledge_time < x.knowledge_time AND {is_word(data, 'y')})"
    )
    never_was = without_value(table, RowState.ANNULLED, "dated AS g", of="g", known_at="g.knowledge_time")
    showed = (
        f"dated AS g JOIN {data} AS x ON {same_key('x', 'g')} AND x.batch_id = g.batch_id WHERE NOT {is_taken(data, 'g', 'g.fetched_at')} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS l WHERE {same_period('l', 'g')} AND l.knowledge_time = g.fetched_at)"
    )
    statement = again(definition, table, showed, of="g", row="x", after="g", known_at="g.fetched_at")
    connection.execute(
        sa.text(f"WITH dated AS MATERIALIZED ({dated}), never_was AS ({never_was}) {statement}"),
        {"fetched_at": how.fetched_at, "dataset": definition.name},
    )


_SEEN_LATER = (
    "SELECT min(f.seen) AS seen FROM ("
    "SELECT d.fetched_at AS seen FROM {data} AS x JOIN crfs.batch_dataset AS d ON d.batch_id = x.batch_id AND d.dataset = :dataset "
    f"WHERE x.entity_id = s.entity_id AND x.valid_time = s.valid_time AND {tells_its_fetch('x')} "
    f"UNION ALL SELECT g.seen_at FROM crfs.sighting AS g WHERE {covers('{data}', 'g', 's')}"
    ") AS f WHERE f.seen > :fetched_at"
)
"""SQL: when a later fetch showed a staged row's period next, be it that it was news or not."""
