"""Documents into numbers on a real store: from an ingest's payloads to tone, stance and rules, known when their documents were."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.apps.cli.door import Door
from crfs.apps.cli.program import run
from crfs.bitemporal import as_of
from crfs.features.sentiment import FinanceScorer, VaderScorer
from crfs.sources.core import Query
from crfs.store.append import Delivery, append
from crfs.store.payloads import FetchNote, land
from crfs.store.provenance import batch_origins
from crfs.store.publication import BatchKind, BatchNote
from crfs.workflows.documents import DocumentReport, derive_documents, rederive_documents
from crfs.workflows.ingestion import ingest
from crfs.workflows.jobs import run_job
from crfs.workflows.session import Session
from crfs.workflows.verification import verify

pytestmark = [pytest.mark.servers, pytest.mark.journey]

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAID = [
    "Acme profit fell sharply",
    "$ACME profit rose",
    "Bankruptcy of $ZZZ",
    "The board meets",
    "$ACME and $ZZZ losses widened in court",
    None,
]


def table(session: Session, dataset: str) -> pl.DataFrame:
    return session.reader(session.pin().batch_id).rows(dataset)


def publish(session: Session, dataset: str, rows: list[dict[str, Any]], *, kind: BatchKind = BatchKind.INGEST) -> str:
    """Rows of a dataset from a payload of their own; its hash."""
    definition = session.catalogue().dataset(dataset)
    body = json.dumps([rows, kind.value], default=str).encode()
    note = FetchNote(
        source=definition.source, stream="test", url="", status=200, headers={}, classification="OK", parser_version="1", started_at=START,
        fetched_at=START,
    )  # fmt: skip
    sha256 = land(session.database, body, note)
    schema = {
        "entity": pl.String(), "valid_time": pl.Datetime("us", "UTC"), "knowledge_time": pl.Datetime("us", "UTC"),
        "knowledge_basis": pl.String(), "row_state": pl.String(), **definition.schema(),
    }  # fmt: skip
    frame = pl.DataFrame([{"knowledge_basis": "observed", "row_state": "value", **row} for row in rows], schema=schema)
    frame = frame.with_columns(pl.col("knowledge_basis").cast(pl.Enum(["observed", "calendar", "assumed", "backfilled"])))
    frame = frame.with_columns(pl.col("row_state").cast(pl.Enum(["value", "missing", "retracted", "annulled"])))
    given = BatchNote(kind=kind, at=session.clock.now(), reason="a test", source=definition.source, payloads={sha256: [dataset]})
    append(session.database, [Delivery(definition=definition, rows=frame)], given)
    return sha256


def derived(session: Session, *datasets: str) -> DocumentReport:
    return run_job(session, "ingest", {}, lambda job: derive_documents(session, datasets, job=job))


def article(entity: str, valid: int, known: int, said: str | None, **more: Any) -> dict[str, Any]:
    return {"entity": entity, "valid_time": START + HOUR * valid, "knowledge_time": START + HOUR * known, "title": said, **more}


def check_tones(session: Session, instants: Iterable[datetime]) -> None:
    """At each instant the stored tone of every issuer and source is that of the articles known by then, computed plainly."""
    articles, issuers, sources = (table(session, name) for name in ("rss_articles", "issuer_tone", "market_tone"))
    texts = articles["title"].unique().to_list()
    score = dict(zip(texts, FinanceScorer().score(pl.Series(texts, dtype=pl.String()))["compound"].to_list(), strict=True))
    for when in instants:
        known: dict[tuple[str, datetime], list[float | None]] = {}
        for row in as_of(articles, as_of=when).iter_rows(named=True):
            if row["row_state"] == "value":
                day = row["valid_time"].replace(hour=0)
                for group in ("rss_articles", *(symbol for symbol in ("ACME", "ZZZ") if f"${symbol}" in (row["title"] or ""))):
                    known.setdefault((group, day), []).append(score[row["title"]])
        got = {}
        for found in (issuers, sources):
            for row in as_of(found, as_of=when).iter_rows(named=True):
                if row["documents"]:
                    got[row["entity"], row["valid_time"]] = (row["documents"], row["tone"])
        expected = {}
        for key, scores in known.items():
            some = [value for value in scores if value is not None]
            expected[key] = (len(scores), sum(round(value * 10**6) for value in some) / (10**6 * len(some)) if some else None)
        assert got == expected, when


def test_tones_are_those_of_the_articles_known_whatever_comes_when(session: Session, seed: int) -> None:
    """Articles come late, out of order, are edited, withdrawn, corrected and annulled, and every number follows."""
    draw = random.Random(seed)
    stored: dict[tuple[str, int, int], str] = {}
    for _ in range(12):
        rows, kind = {}, draw.choice([BatchKind.INGEST, BatchKind.INGEST, BatchKind.CORRECTION])
        for _ in range(draw.randrange(1, 7)):
            key = (draw.choice("abcde"), draw.choice([1, 20, 26]), draw.randrange(60))
            if kind is BatchKind.INGEST and key in stored:
                continue
            gone = draw.random() < 0.15
            rows[key] = article(*key, None if gone else draw.choice(SAID), row_state="retracted" if gone else "value")
        if rows:
            publish(session, "rss_articles", list(rows.values()), kind=kind)
            stored.update(dict.fromkeys(rows, ""))
        if stored and draw.random() < 0.3:
            key = draw.choice(sorted(stored))
            publish(session, "rss_articles", [article(*key, None, row_state="annulled")], kind=BatchKind.ANNUL)
        if draw.random() < 0.7:
            derived(session, "rss_articles")
    derived(session, "rss_articles")
    check_tones(session, [START + HOUR * hour for hour in range(-1, 61, 3)])
    before = session.pin().batch_id
    assert derived(session, "rss_articles").batch_id is None
    assert rederive_documents(session).batch_id is None
    assert session.pin().batch_id == before
    assert verify(session)["sound"]


def test_an_annulled_article_never_was(session: Session) -> None:
    publish(session, "rss_articles", [article("a", 1, 2, "$ACME profit rose"), article("b", 1, 3, "$ACME profit fell")])
    derived(session, "rss_articles")
    publish(session, "rss_articles", [article("a", 1, 2, None, row_state="annulled")], kind=BatchKind.ANNUL)
    derived(session, "rss_articles")
    check_tones(session, [START + HOUR * hour for hour in (1, 2, 3)])
    assert as_of(table(session, "document_sentiment"))["entity"].to_list() == ["rss_articles/b"]


def test_only_what_a_new_document_touches_is_computed_again(session: Session) -> None:
    publish(session, "rss_articles", [article("a", 1, 2, "$ACME profit rose"), article("b", 30, 31, "$ZZZ profit fell")])
    derived(session, "rss_articles")
    publish(session, "rss_articles", [article("c", 2, 40, "$ACME losses widened")])
    report = derived(session, "rss_articles")
    assert (report.documents, report.appended) == (1, {"document_sentiment": 1, "issuer_tone": 1, "market_tone": 1})
    assert report.unchanged == {"document_sentiment": 0, "issuer_tone": 1, "market_tone": 1}
    told = table(session, "issuer_tone").filter(pl.col("entity") == "ACME").sort("knowledge_time")
    assert told["documents"].to_list() == [1, 2]
    assert told["negative_share"].to_list() == [0.0, 0.5]


def test_a_derived_row_leads_to_the_payloads_of_its_documents(session: Session) -> None:
    first = publish(session, "rss_articles", [article("a", 1, 2, "$ACME profit rose")])
    derived(session, "rss_articles")
    second = publish(session, "rss_articles", [article("b", 2, 3, "$ACME profit fell")])
    batch = derived(session, "rss_articles").batch_id
    assert batch is not None
    payloads = {
        name: list(batch_origins(session.database, [batch], dataset=name)[batch].payloads) for name in ("document_sentiment", "issuer_tone")
    }
    assert payloads == {"document_sentiment": [second], "issuer_tone": sorted([first, second])}


def test_an_interrupted_derivation_is_made_up_for_by_the_next_one(session: Session) -> None:
    publish(session, "rss_articles", [article("a", 1, 2, "$ACME profit rose")])
    publish(session, "rss_articles", [article("b", 1, 2, "$ACME profit fell")])
    assert derived(session, "rss_articles").documents == 2
    assert derived(session, "rss_articles").documents == 0


def test_another_scorer_changes_every_score_and_says_so_and_back_again(session: Session) -> None:
    publish(session, "rss_articles", [article("a", 1, 2, "$ACME losses narrowed"), article("b", 1, 2, None)])
    derived(session, "rss_articles")
    assert rederive_documents(session, scorer=VaderScorer()).appended["document_sentiment"] == 2
    now = as_of(table(session, "document_sentiment"))
    assert now["scorer"].to_list() == ["vader", "vader"]
    assert now["lexicon_sha256"].unique().to_list() == [VaderScorer().lexicon_sha256]
    assert as_of(table(session, "issuer_tone"))["negative_share"].to_list() == [1.0]
    assert rederive_documents(session, scorer=VaderScorer()).batch_id is None
    rederive_documents(session)
    assert as_of(table(session, "issuer_tone"))["tone"].item() > 0


def test_the_program_derives_all_anew_by_the_scorer_that_is_named(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(session, "rss_articles", [article("a", 1, 2, "$ACME losses narrowed")])
    derived(session, "rss_articles")
    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))

    def documents(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = int(run(["features", "documents", *words]))
        told = capsys.readouterr()
        return code, told.out + told.err

    code, said = documents("--scorer", "vader")
    assert (code, said.startswith("1 documents, scored by vader")) == (0, True), said
    assert as_of(table(session, "document_sentiment"))["scorer"].to_list() == ["vader"]
    assert "nothing new" in documents("--scorer", "vader")[1]
    assert documents()[0] == 0
    assert as_of(table(session, "document_sentiment"))["scorer"].to_list() != ["vader"]
    for words in (["--scorer", "x"], ["--scorer", "transformer"], ["--weights", "folder"]):
        code, said = documents(*words)
        assert (code, "scorer" in said) == (1, True), said


def test_issuers_that_edgar_names_are_linked_and_their_old_tickers_say_nothing_more(session: Session) -> None:
    publish(
        session, "rss_articles", [article("a", 1, 2, "$ACME profit rose"), article("b", 1, 3, "Acme Widgets profit fell", language="en-us")]
    )
    derived(session, "rss_articles")
    assert as_of(table(session, "issuer_tone"))["entity"].to_list() == ["ACME"]
    publish(
        session,
        "edgar_tickers",
        [{"entity": "ACME", "valid_time": START, "knowledge_time": START, "cik": "CIK0000000001", "name": "ACME WIDGETS INC"}],
    )
    rederive_documents(session)
    told = as_of(table(session, "issuer_tone"))
    assert told.filter(pl.col("row_state") == "value").select("entity", "documents").rows() == [("CIK0000000001", 2)]


def test_a_text_in_another_language_counts_and_has_no_score(session: Session) -> None:
    publish(
        session,
        "gdelt_articles",
        [article("a", 1, 2, "Der Profit fell $ACME", language="German"), article("b", 1, 2, "Profit fell $ACME", language="English")],
    )
    derived(session, "gdelt_articles")
    told = as_of(table(session, "issuer_tone")).row(0, named=True)
    assert (told["documents"], told["scored"], told["negative_share"]) == (2, 1, 1.0)


def test_statements_have_a_stance_and_its_change(session: Session) -> None:
    def statement(day: int, known: int, text: str) -> dict[str, Any]:
        when = START + timedelta(days=day)
        return {
            "entity": f"fomc_statement/{when:%Y-%m-%d}", "valid_time": when, "knowledge_time": START + timedelta(days=known),
            "knowledge_basis": "calendar", "kind": "fomc_statement", "text": text,
        }  # fmt: skip

    publish(session, "policy_document", [statement(0, 0, "Inflation remains elevated.")])
    publish(session, "policy_document", [statement(84, 84, "Inflation has declined and the unemployment rate rose.")])
    derived(session, "policy_document")
    publish(session, "policy_document", [statement(42, 90, "Inflation has declined. The unemployment rate has fallen.")])
    derived(session, "policy_document")
    history = table(session, "policy_stance")

    def told(day: int) -> list[tuple[float | None, float | None, int | None]]:
        rows: list[Any] = as_of(history, as_of=START + timedelta(days=day)).select("stance", "stance_change", "days_since_previous").rows()
        return rows

    assert told(83) == [(1.0, None, None)]
    assert told(84) == [(1.0, None, None), (-1.0, -2.0, 84)]
    assert told(90) == [(1.0, None, None), (0.0, -1.0, 42), (-1.0, -1.0, 42)]
    assert rederive_documents(session).batch_id is None


RANGES = [
    ("2008-10-29", "decided today to lower its target for the federal funds rate 50 basis points to 1 percent", -50.0),
    ("2008-12-16", "decided today to establish a target range for the federal funds rate of 0 to 1/4 percent", -87.5),
    ("2015-12-16", "decided to raise the target range for the federal funds rate to 1/4 to 1/2 percent", 25.0),
    ("2016-12-14", "decided to raise the target range for the federal funds rate to 1/2 to 3/4 percent", 25.0),
    ("2018-06-13", "decided to raise the target range for the federal funds rate to 1-3/4 to 2 percent", 125.0),
    ("2019-07-31", "decided to lower the target range for the federal funds rate to 1-1/2 to 1-3/4 percent", -25.0),
    ("2020-03-15", "decided to lower the target range for the federal funds rate to 0 to 1/4 percent", -150.0),
    ("2022-03-16", "decided to raise the target range for the federal funds rate to 1/4 to 1/2 percent", 25.0),
    ("2022-06-15", "decided to raise the target range for the federal funds rate to 1-1/2 to 1-3/4 percent", 125.0),
    ("2023-07-26", "decided to raise the target range for the federal funds rate to 5-1/4 to 5-1/2 percent", 375.0),
    ("2023-09-20", "decided to maintain the target range for the federal funds rate at 5-1/4 to 5-1/2 percent", 0.0),
]
FACILITY = (
    "The Federal Reserve and four other central banks announce steps against strains that have increased again. A new auction will lend up to "
    "$50 billion of securities, and the Federal Open Market Committee has approved increases in its swap lines by $10 billion."
)


def test_a_change_of_the_target_is_known_whatever_order_the_statements_come_in_and_a_facility_is_no_statement(
    session: Session, tmp_path: Path, seed: int
) -> None:
    texts = {day: f"The Federal Open Market Committee {text}. Inflation is low." for day, text, _ in RANGES} | {"2008-12-01": FACILITY}
    days = sorted(texts)
    random.Random(seed).shuffle(days)
    for place, day in enumerate(days):
        folder = tmp_path / str(place)
        folder.mkdir()
        name = f"statement_{day.replace('-', '')}"
        (folder / f"{name}.txt").write_text(texts[day])
        (folder / f"{name}.meta.json").write_text(json.dumps({"url": "", "status": 200, "captured": "2026-03-03T00:00:00Z"}))
        report = ingest(session, "federal_reserve", Query(), replay=folder)
        assert report.appended["document_sentiment"] == 1
    told = as_of(table(session, "policy_stance")).sort("valid_time")
    assert told["valid_time"].dt.date().cast(pl.String).to_list() == [day for day, _, _ in RANGES]
    assert told["change_bp"].to_list() == [change for _, _, change in RANGES]
    assert told["days_since_previous"].to_list()[:2] == [None, 48]
    then = as_of(table(session, "policy_stance"), as_of=datetime(2008, 12, 17, tzinfo=UTC)).sort("valid_time")
    assert then["change_bp"].to_list() == [-50.0, -87.5]
    assert table(session, "policy_document").filter(pl.col("entity") == "fomc_announcement/2008-12-01").height == 1
    assert rederive_documents(session).batch_id is None
    assert verify(session)["sound"]


def test_a_target_that_is_corrected_changes_what_changed(session: Session) -> None:
    days = [datetime(2024, 3, 20, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)]
    clocks = [{"valid_time": day, "knowledge_time": day + 18 * HOUR, "knowledge_basis": "calendar"} for day in days]
    kind = "fomc_statement"
    texts = [{**at, "entity": f"{kind}/{day:%Y-%m-%d}", "kind": kind, "text": "Prices."} for day, at in zip(days, clocks, strict=True)]
    target = {"entity": "fomc", "target_lower": 1.0, "target_upper": 1.25}
    said = [{**at, **target, "published": day.date()} for day, at in zip(days, clocks, strict=True)]
    publish(session, "policy_document", texts)
    publish(session, "fomc_statement", said)
    derived(session, "policy_document", "fomc_statement")
    assert as_of(table(session, "policy_stance")).sort("valid_time")["change_bp"].to_list() == [None, 0.0]
    publish(session, "fomc_statement", [{**said[1], "target_lower": 0.5, "target_upper": 0.75}], kind=BatchKind.CORRECTION)
    report = derived(session, "fomc_statement")
    assert (report.documents, report.appended) == (0, {"policy_stance": 1})
    assert as_of(table(session, "policy_stance")).sort("valid_time")["change_bp"].to_list() == [None, -50.0]
    assert derived(session, "fomc_statement").batch_id is None


def test_rules_are_counted_a_month_by_agency_and_topic(session: Session) -> None:
    def document(number: str, day: int, **more: Any) -> dict[str, Any]:
        when = START + timedelta(days=day)
        return {"entity": number, "valid_time": when, "knowledge_time": when - timedelta(hours=15), **more}

    rule = {"type": "Rule", "action": "Final rule.", "agencies": "Federal Reserve System; Treasury Department", "topics": "Credit"}
    publish(session, "federal_register_documents", [document("1", 0, **rule), document("2", 3, **rule), document("3", 40, **rule)])
    derived(session, "federal_register_documents")
    publish(session, "federal_register_documents", [document("4", 4, **rule | {"topics": None, "agencies": "Treasury Department"})])
    report = derived(session, "federal_register_documents")
    assert report.appended["final_rules"] == 2
    told = as_of(table(session, "final_rules"), as_of=START + timedelta(days=20))
    assert dict(told.select("entity", "final_rules").rows()) == {
        "all": 3, "agency/Federal Reserve System": 2, "agency/Treasury Department": 3, "topic/Credit": 2,
    }  # fmt: skip


@dataclass(frozen=True)
class Post:
    number: int
    body: str
    at: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "body": self.body,
            "created_at": self.at,
            "symbols": [{"symbol": "ACME"}],
            "entities": {"sentiment": None},
        }


def test_an_ingest_derives_in_its_own_job_and_twice_is_once(session: Session, tmp_path: Path) -> None:
    posts = [Post(1, "$ACME files for bankruptcy", "2026-03-02T10:00:00Z"), Post(2, "profit rose", "2026-03-02T11:00:00Z")]
    document = {"response": {"status": 200}, "symbol": {"symbol": "ACME"}, "messages": [post.to_dict() for post in posts]}
    (tmp_path / "posts.json").write_text(json.dumps(document))
    (tmp_path / "posts.meta.json").write_text(
        json.dumps({"url": "https://api.stocktwits.com/api/2/streams/symbol/ACME.json", "status": 200, "captured": "2026-03-03T00:00:00Z"})
    )
    report = ingest(session, "stocktwits", Query(), replay=tmp_path)
    assert report.appended == {"stocktwits_posts": 2, "document_sentiment": 2, "issuer_tone": 2, "market_tone": 2}
    assert len(report.batches) == 2
    told = as_of(table(session, "issuer_tone"), as_of=datetime(2026, 3, 2, 10, 30, tzinfo=UTC)).row(0, named=True)
    assert (told["entity"], told["documents"], told["negative_share"]) == ("ACME", 1, 1.0)
    assert told["knowledge_time"] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    again = ingest(session, "stocktwits", Query(), replay=tmp_path)
    assert again.batches == []
    assert verify(session)["sound"]
