"""Earnings releases into their tone on a real store: from the submissions of EDGAR to factors, known when each filing was accepted."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.features.sentiment import FinanceScorer, VaderScorer
from crfs.sources import core
from crfs.sources.core import Parsed, Payload, Query
from crfs.sources.core.registry import load_source
from crfs.store.provenance import batch_origins
from crfs.workflows.collection import collect_again
from crfs.workflows.documents import rederive_documents
from crfs.workflows.factors import factor_history
from crfs.workflows.ingestion import ingest
from crfs.workflows.session import Session
from crfs.workflows.verification import verify
from tests.journeys.conftest import SHARED
from tests.samples.edgar import ARCHIVE, HEADER, RELEASE

pytestmark = [pytest.mark.servers, pytest.mark.journey]

ISSUER = "CIK0001234567"
GOOD = "Sales rose sharply to $500 million. Profit rose by a tenth. The board meets in May."
BAD = "Sales fell sharply to $400 million. Losses widened again. The board meets in August."
MIXED = "Sales rose sharply to $510 million. Profit fell by a tenth. The board meets in May."
FILINGS = {
    "0000000001-24-000010": ("8-K", "20240502", "20240502160509", GOOD),
    "0000000001-24-000020": ("8-K", "20240801", "20240801160509", BAD),
    "0000000001-24-000030": ("8-K/A", "20240502", "20240905090000", MIXED),
}
"""Accession number: form, date of the report, acceptance in New York, and what the release says."""


def submission(accession: str) -> str:
    form, day, accepted, said = FILINGS[accession]
    header = HEADER.replace("0000000001-25-000003", accession).replace("20250305160509", accepted)
    header = header.replace("TYPE:\t8-K", f"TYPE:\t{form}").replace("20250301", day).replace("20250305", accepted[:8])
    table = "<table><tr><td>Bankruptcy losses of parts that fell</td><td>1</td></tr></table>"
    lawyers = "<p>Forward-looking statements face losses, lawsuits, defaults and bankruptcy.</p>"
    page = f"<html><body><p>Exhibit 99.1</p><p>{said}</p>{table}{lawyers}</body></html>"
    return f"{header}<DOCUMENT>\n<TYPE>EX-99.1\n<TEXT>{page}</TEXT>\n</DOCUMENT>\n"


def folder_of(folder: Path, accessions: Sequence[str]) -> Path:
    """A folder of answers as they were recorded, all in 2026."""
    folder.mkdir()
    for name in accessions:
        (folder / f"{name}.txt").write_text(submission(name))
        meta = {"url": f"{ARCHIVE}{name}.txt", "status": 200, "captured": "2026-03-03T00:00:00Z"}
        (folder / f"{name}.meta.json").write_text(json.dumps(meta))
    return folder


def told(session: Session, mnemonic: str, as_of: str) -> dict[str, float]:
    """The factor's values of the issuer by date, as known on a day."""
    table = factor_history(session, mnemonic, entity=ISSUER, as_of=as_of).table.drop_nulls("value")
    return {f"{when:%Y-%m-%d}": value for when, value in table.select("valid_time", "value").rows()}


def score(text: str) -> float:
    value: float = FinanceScorer().score(pl.Series([text]))["compound"][0]
    return value


def test_the_tone_of_releases_and_its_change_are_as_they_were_known_in_whatever_order_the_filings_come(
    session: Session, tmp_path: Path, seed: int
) -> None:
    order = sorted(FILINGS)
    random.Random(seed).shuffle(order)
    for place, name in enumerate(order):
        report = ingest(session, "edgar", Query(), replay=folder_of(tmp_path / str(place), [name]))
        assert (report.appended["edgar_texts"], report.appended["document_sentiment"]) == (1, 1)
    good, bad, mixed = score(GOOD), score(BAD), score(MIXED)
    assert bad < mixed < good
    first, second = "2024-05-02", "2024-08-01"
    tone, change = "issuer.release_tone", "issuer.release_tone_change"
    assert told(session, tone, "2024-05-01") == {}
    assert (told(session, tone, "2024-05-02"), told(session, change, "2024-05-02")) == ({first: good}, {})
    assert (told(session, tone, "2024-08-01"), told(session, change, "2024-08-01")) == ({first: good, second: bad}, {second: bad - good})
    # The amendment of September says the first release anew: from then on, and not before.
    assert told(session, tone, "2024-09-04") == {first: good, second: bad}
    assert (told(session, tone, "2024-09-05"), told(session, change, "2024-09-05")) == ({first: mixed, second: bad}, {second: bad - mixed})
    rows = session.reader(session.pin().batch_id).rows("release_tone")
    assert rows["knowledge_time"].min() == datetime(2024, 5, 2, 20, 5, 9, tzinfo=UTC)
    assert rows["knowledge_basis"].unique().to_list() == ["observed"]
    assert rederive_documents(session).batch_id is None
    assert verify(session)["sound"]


def test_a_score_says_by_what_it_was_made_and_a_tone_leads_to_the_filings_that_it_rests_on(session: Session, tmp_path: Path) -> None:
    for place, name in enumerate(sorted(FILINGS)[:2]):
        ingest(session, "edgar", Query(), replay=folder_of(tmp_path / str(place), [name]))
    reader = session.reader(session.pin().batch_id)
    scores, tones = reader.rows("document_sentiment"), reader.rows("release_tone")
    assert scores["entity"].sort().to_list() == [f"edgar_texts/release/{ISSUER}/{name}/EX-99.1" for name in sorted(FILINGS)[:2]]
    by = FinanceScorer()
    assert scores.select("scorer", "scorer_version", "lexicon_sha256").unique().rows() == [(by.name, by.version, by.lexicon_sha256)]
    words = [sum(word[0].isalpha() for word in said.split()) for said in (GOOD, BAD)]
    assert scores.sort("entity")["words"].to_list() == words  # neither cells nor lawyers
    newest = tones.sort("valid_time").row(-1, named=True)
    assert newest["release"] == f"edgar_texts/release/{ISSUER}/0000000001-24-000020/EX-99.1"
    origin = batch_origins(session.database, [newest["batch_id"]], dataset="release_tone")[newest["batch_id"]]
    assert len(origin.payloads) == 2
    # What a company says of itself is no news of it.
    assert reader.rows("issuer_tone").is_empty()
    rederive_documents(session, scorer=VaderScorer())
    again = session.reader(session.pin().batch_id).rows("release_tone").filter(pl.col("batch_id") > newest["batch_id"])
    assert again.height == 2
    assert set(again["tone"]).isdisjoint(tones["tone"])


def test_only_issuers_with_new_releases_are_compared_again(session: Session, tmp_path: Path) -> None:
    names = sorted(FILINGS)
    other = folder_of(tmp_path / "other", names[:1])
    body = other / f"{names[0]}.txt"
    body.write_text(body.read_text().replace("0001234567", "0007654321"))
    ingest(session, "edgar", Query(), replay=other)
    for place, name in enumerate(names[:2]):
        report = ingest(session, "edgar", Query(), replay=folder_of(tmp_path / str(place), [name]))
    assert report.appended["release_tone"] == 1
    rows = session.reader(session.pin().batch_id).rows("release_tone").sort("batch_id")
    assert rows["entity"].to_list() == ["CIK0007654321", ISSUER, ISSUER]
    again = ingest(session, "edgar", Query(), replay=tmp_path / "1")
    assert again.batches == []


def test_an_exhibit_that_is_saved_alone_too_is_no_second_release(session: Session, tmp_path: Path) -> None:
    said = RELEASE.replace("<p>Example Corp", "<p>AUSTIN, Texas, March 4, 2025 (GLOBE NEWSWIRE) -- Example Corp")
    for name, body in (("alone", said), ("whole", f"{HEADER}<DOCUMENT>\n{said}</DOCUMENT>\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "0000000001-25-000003.txt").write_text(body)
        url = ARCHIVE + {"alone": "000000000125000003/ex991.htm", "whole": "0000000001-25-000003.txt"}[name]
        (folder / "0000000001-25-000003.meta.json").write_text(json.dumps({"url": url, "status": 200, "captured": "2026-03-03T00:00:00Z"}))
        ingest(session, "edgar", Query(), replay=folder)
        told_of = {"alone": ["2025-03-04"], "whole": ["2025-03-01"]}[name]
        assert list(told(session, "issuer.release_tone", "2026-03-03")) == told_of
    assert list(told(session, "issuer.release_tone", "2025-03-06")) == ["2025-03-01"]
    assert rederive_documents(session).batch_id is None


@dataclass(frozen=True)
class ReadsNoTexts:
    """EDGAR as it was read before texts were kept."""

    inner: Any
    parser_version: str = "5"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        parsed: Parsed = self.inner.parse(payload, catalogue)
        return replace(parsed, tables={name: table for name, table in parsed.tables.items() if name != "edgar_texts"})


def test_filings_that_were_landed_before_texts_were_kept_get_their_tones_when_they_are_read_again(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "load_source", lambda name: ReadsNoTexts(load_source(name)))
    ingest(session, "edgar", Query(), replay=folder_of(tmp_path / "all", sorted(FILINGS)))
    assert session.reader(session.pin().batch_id).rows("release_tone").is_empty()
    monkeypatch.undo()
    collect_again(session, "edgar")
    change = {"2024-08-01": score(BAD) - score(GOOD)}
    assert told(session, "issuer.release_tone_change", "2024-08-01") == change
    assert told(session, "issuer.release_tone_change", "2024-09-05") == {"2024-08-01": score(BAD) - score(MIXED)}
    assert collect_again(session, "edgar").batches == []


def test_the_recorded_release_of_a_quarter_of_falling_sales_has_a_bad_tone(session: Session, tmp_path: Path) -> None:
    recordings = SHARED / "recordings" / "earnings_releases"
    if not recordings.is_dir():
        pytest.skip(f"the shared recordings are not at {SHARED} (CRFS_SHARED)")
    for path in recordings.glob("earnings_release_BuckleInc*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ingest(session, "edgar", Query(), replay=tmp_path)
    row: dict[str, Any] = session.reader(session.pin().batch_id).rows("release_tone").row(0, named=True)
    assert (row["entity"], row["valid_time"]) == ("BKE", datetime(2024, 11, 22, tzinfo=UTC))
    # A person reads eleven sentences: seven say that sales or income fell, one that they rose, three neither.
    text = session.reader(session.pin().batch_id).rows("edgar_texts")["text"][0]
    signs = [-1] * 7 + [1] + [0] * 3
    assert row["tone"] == score(text)
    assert row["tone"] == pytest.approx(-score("Net sales decreased.") * sum(signs) / len(signs), abs=1e-6)
