"""Histories as tables, and questions put to the pure functions."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crfs.bitemporal import answers, recorded_by
from crfs.bitemporal.rows import CLOCKS
from tests.bitemporal.histories import History, Question, Row

Told = tuple[datetime, datetime, float | None]


def table_of(histories: dict[str, History]) -> pl.DataFrame:
    rows = [(entity, *row) for entity, history in histories.items() for row in history]
    return pl.DataFrame(rows, schema=[*CLOCKS.items(), ("value", pl.Float64())], orient="row")


def known_to(table: pl.DataFrame, question: Question) -> pl.DataFrame:
    seen = recorded_by(table, question.batch)
    return seen if question.cap is None else seen.filter(pl.col("knowledge_time") <= question.cap)


def ask(table: pl.DataFrame, asked: list[tuple[str, datetime]], question: Question) -> list[Told | None]:
    rows = known_to(table, question)
    positions = answers(
        pl.DataFrame(asked, schema={"entity": pl.String, "at": pl.Datetime("us", "UTC")}, orient="row"),
        rows,
        lag=question.lag.iso,
        period=question.period.iso,
        max_age=question.max_age.iso if question.max_age else None,
        missing_is_answer=question.missing_is_answer,
    )
    found = rows.select("valid_time", "knowledge_time", "value").rows()
    return [None if position is None else found[position] for position in positions]


def told(row: Row | None) -> Told | None:
    return None if row is None else (row.valid, row.known, row.value)
