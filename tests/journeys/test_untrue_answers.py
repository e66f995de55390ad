"""Answers that are not what they seem, from a provider on this machine: cut, about another series, of bytes that no text has; what the store then says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest

from crfs.errors import Quarantined, SourceUnavailable, Unreadable
from crfs.sources.core import Query
from crfs.store.quarantine import items
from crfs.workflows.ingest_report import IngestReport, check_rejected
from crfs.workflows.ingestion import ingest, parse_again
from crfs.workflows.releasing import release_quarantine
from crfs.workflows.session import Session
from tests.sources.provider_server import Answer, provider_server, reply, unframed

pytestmark = [pytest.mark.servers, pytest.mark.journey]

MONTHS = pl.date_range(date(2000, 1, 1), date(2025, 12, 1), "1mo", eager=True).to_list()
SINCE = date(2020, 1, 1)


@dataclass(kw_only=True)
class Graph:
    """FRED's keyless table, of series that have a value each month; ``instead`` answers to a body in its place."""

    instead: dict[str, Answer]

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        asked = dict(parse_qsl(urlsplit(handler.path).query))
        reply(200, table(asked["id"], asked.get("cosd", "")))(handler) if asked["id"] not in self.instead else self.instead[asked["id"]](
            handler
        )


def table(series: str, since: str = "", until: int = len(MONTHS)) -> bytes:
    rows = [f"{month},{20 + number / 100:.2f}" for number, month in enumerate(MONTHS[:until]) if f"{month}" >= since]
    return "\n".join([f"observation_date,{series}", *rows, ""]).encode()


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    from crfs.sources.providers import fred as module

    provider = replace(module.SOURCE.provider, attempts=2, retry_wait_seconds=0.01)
    monkeypatch.setattr(module, "SOURCE", replace(module.SOURCE, provider=provider))
    with provider_server() as server:
        served = Graph(instead={})
        server.answers = [served]
        monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", server.address)
        monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "10000")
        yield served


@pytest.fixture
def session(graph: Graph, session: Session) -> Session:
    return session


def bring(session: Session, *series: str, since: date | None = None) -> dict[str, int]:
    return ingest(session, "fred", Query(series=series, since=since)).appended


def standing(session: Session, series: str) -> dict[date, float]:
    rows = session.reader(session.pin().batch_id).rows("fred_series").filter(pl.col("entity") == series)
    newest = rows.sort("valid_time", "knowledge_time", "batch_id").unique("valid_time", keep="last", maintain_order=True)
    return {when.date(): value for when, value in newest.select("valid_time", "value").drop_nulls().rows()}


def test_a_part_of_an_answer_changes_nothing(graph: Graph, session: Session) -> None:
    bring(session, "PART")
    before = standing(session, "PART")
    assert len(before) == len(MONTHS)
    graph.instead["PART"] = reply(206, table("PART", "2020-01-01", 294)[:-2], Content_Range="bytes 0-700/9999")
    with pytest.raises(SourceUnavailable, match="HTTP 206"):
        bring(session, "PART", since=SINCE)
    parse_again(session, "fred")
    assert standing(session, "PART") == before


def test_what_an_answer_without_a_length_lacks_at_its_end_is_not_withdrawn(graph: Graph, session: Session) -> None:
    bring(session, "LINE")
    before = standing(session, "LINE")
    graph.instead["LINE"] = unframed(table("LINE", "2020-01-01", 294))
    assert not any(bring(session, "LINE", since=SINCE).values())
    assert standing(session, "LINE") == before
    assert not any(parse_again(session, "fred").appended.values())
    assert standing(session, "LINE") == before


@pytest.mark.parametrize("gone", [1, 2, 3, 19])
def test_an_answer_to_another_question_that_ends_earlier_is_held_unless_it_takes_back_a_few(
    graph: Graph, session: Session, gone: int
) -> None:
    bring(session, "ENDS")
    before = standing(session, "ENDS")
    graph.instead["ENDS"] = reply(200, table("ENDS", "2020-01-01", len(MONTHS) - gone))
    left = dict(list(before.items())[:-gone])
    if gone <= 2:
        bring(session, "ENDS", since=SINCE)
        assert standing(session, "ENDS") == left
        return
    with pytest.raises(Quarantined, match=f"ENDS ends on .*, and {gone} later values are known, to 2025-12-01"):
        bring(session, "ENDS", since=SINCE)
    assert standing(session, "ENDS") == before
    [held] = items(session.database, state="held")
    assert (held.rule, held.evidence["series"]["ENDS"]["gone"]) == ("ends_earlier", gone)
    release_quarantine(session, held.quarantine_id, reason="FRED took them back")
    assert standing(session, "ENDS") == left


@pytest.mark.parametrize("body", [b"observation_date,GDP\n2025-11-01,1\n", b"observation_date,OTHER,GDP\n2025-11-01,1,2\n"])
def test_an_answer_about_another_series_changes_none_and_the_others_of_the_run_come(graph: Graph, session: Session, body: bytes) -> None:
    bring(session, "GDP")
    before = standing(session, "GDP")
    graph.instead["OTHER"] = reply(200, body)
    with pytest.raises(Unreadable) as caught:
        strictly(session, "OTHER")
    assert "OTHER was asked for, and the answer is about" in str(caught.value.problems[0])
    report = strictly(session, "OTHER", "AFTER")
    assert [(row["stream"], row["reason"]) for row in report.rejected] == [("OTHER", "unknown_series")]
    assert (standing(session, "GDP"), standing(session, "OTHER")) == (before, {})
    assert len(standing(session, "AFTER")) == len(MONTHS)


def test_a_table_of_a_header_alone_is_told(graph: Graph, session: Session) -> None:
    graph.instead["NONE"] = reply(200, b"observation_date,NONE\n")
    assert strictly(session, "NONE").notes == ["NONE: EMPTY, nothing to store"]


def strictly(session: Session, *series: str) -> IngestReport:
    """As the program does it: an error where nothing could be read."""
    report = ingest(session, "fred", Query(series=series))
    check_rejected(report)
    return report


def test_bytes_that_no_text_has_stop_no_other_answer(graph: Graph, session: Session) -> None:
    """UTF-16 without a mark: each character has a NUL beside it, the header's too."""
    graph.instead |= {
        "WIDE": reply(200, table("WIDE").decode().encode("utf-16-le")),
        "NUL": reply(200, table("NUL").replace(b",NUL", b",N\0UL")),
        "MARK": reply(200, table("MARK").decode().encode("utf-16")),
    }
    report = strictly(session, "WIDE", "NUL", "MARK", "RIGHT")
    assert {row["stream"] for row in report.rejected} == {"WIDE", "NUL", "MARK"}
    assert len(standing(session, "RIGHT")) == len(MONTHS)
    assert len(items(session.database, state="held")) == 3
