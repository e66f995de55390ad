"""What was wrong is corrected or annulled by a file and a reason: the answer of before stays to be asked for on the store's own clock."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.errors import InvalidInput, NotFound
from crfs.sources.core import Query
from crfs.sources.providers.bureau import BureauSpec
from crfs.workflows.amendments import annul, correct
from crfs.workflows.bureau import ingest_bureau
from crfs.workflows.datasets import define_datasets, show_dataset
from crfs.workflows.ingestion import ingest, parse_again
from crfs.workflows.lineage import trace
from crfs.workflows.observations import observations
from crfs.workflows.runs import replay
from crfs.workflows.session import Session, open_session
from crfs.workflows.training_sets import build_features
from crfs.workflows.verification import verify
from tests.journeys.world import World

pytestmark = [pytest.mark.servers, pytest.mark.journey]

DEFINITION = """
[[dataset]]
name = "index"
title = "An index"
source = "csv"
entity_kind = "area"
period = "P1M"
zone = "UTC"
release = { name = "the index", anchor = "period_end", business_day = 3, at = "18:00", zone = "UTC" }
[[dataset.column]]
name = "level"
title = "Level"
minimum = 0.0
[[dataset.column]]
name = "cases"
title = "Cases"
type = "int8"
[[factor]]
mnemonic = "own.index"
title = "An index"
entity = "ALL"
column = "level"
unit = "index"
category = "own"
"""
HEADER = "entity,valid_time,knowledge_time,level,cases\n"
FIRST = "ALL,2024-01-01,2024-02-05,100,1\nALL,2024-02-01,2024-03-05,101,2\n"
REVISED = "ALL,2024-01-01,2024-03-05,102,1\n"
ASKED = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def ingested(session: Session, tmp_path: Path) -> Session:
    """A store with two months of an index, one of them revised, and one month whose knowledge time a calendar says."""
    (tmp_path / "index.toml").write_text(DEFINITION)
    define_datasets(session, tmp_path / "index.toml")
    report = ingest(
        session, "csv", Query(series=("index",), options={"path": str(written(tmp_path, FIRST + REVISED + "ALL,2024-03-01,,103,3\n"))})
    )
    assert (report.appended, report.rejected_rows) == ({"index": 4}, 0)
    return session


def written(folder: Path, rows: str, *, header: str = HEADER) -> Path:
    (folder / "rows.csv").write_text(header + rows)
    return folder / "rows.csv"


def levels(session: Session, **asked: Any) -> list[float | None]:
    return observations(session, "own.index", **asked).table["value"].to_list()


def training_set(session: Session, folder: Path) -> str:
    (folder / "spine.csv").write_text("observed_at\n2024-02-10T00:00:00Z\n2024-06-01T00:00:00Z\n")
    built = build_features(session, [{"mnemonic": "own.index"}], folder / "spine.csv", folder / "set.parquet")
    return str(built["run_id"])


def notes(session: Session) -> list[tuple[Any, ...]]:
    with session.database.reading() as connection:
        return list(
            map(
                tuple,
                connection.execute(sa.text("SELECT kind, reason, actor FROM crfs.batch WHERE source = 'amendment' ORDER BY batch_id")),
            )
        )


def test_a_correction_answers_from_its_batch_on_and_what_was_answered_before_stays(ingested: Session, tmp_path: Path) -> None:
    run, before = training_set(ingested, tmp_path), ingested.pin().batch_id
    file = written(tmp_path, "ALL,2024-01-01,2024-02-05,99.5,7\n")
    done = correct(ingested, "index", file, reason="typed wrongly")
    assert (done.amended, done.unchanged, done.batch_id) == (1, 0, before + 1)
    assert done.payload == hashlib.sha256(file.read_bytes()).hexdigest()
    assert ingested.landed(done.payload) == file.read_bytes()

    assert levels(ingested) == [102.0, 101.0, 103.0]
    assert levels(ingested, as_of="2024-02-10") == [99.5]
    assert levels(ingested, as_of="2024-02-04") == []
    assert levels(ingested, as_of="2024-02-10", recorded_as_of=before) == [100.0]
    assert notes(ingested) == [("correction", "typed wrongly", ingested.database.actor)]

    assert verify(ingested)["sound"]
    assert replay(ingested, run).verdict.value == "MATCH"
    moved = training_set(ingested, tmp_path)
    assert moved != run
    assert done.payload in json.dumps(trace(ingested, moved), default=str)
    assert done.payload not in json.dumps(trace(ingested, run), default=str)

    again = correct(ingested, "index", file, reason="typed wrongly")
    assert (again.amended, again.unchanged, again.batch_id) == (0, 1, None)


def test_a_bureau_names_the_series_of_which_a_month_was_annulled(own_world: World, tmp_path: Path) -> None:
    with open_session(own_world.address) as session:
        factor = session.catalogue().factor("us.credit_spread_baa_aaa")
        rows = session.reader(session.pin().batch_id).rows(factor.dataset, entities=[str(factor.entity)])
        month = datetime(2005, 3, 1, tzinfo=UTC)
        gone = rows.filter(pl.col("valid_time").dt.convert_time_zone("UTC").dt.date() == month.date())
        assert gone.height
        lines = [
            f"{row['entity']},{row['valid_time'].isoformat()},{row['knowledge_time'].isoformat()}\n" for row in gone.iter_rows(named=True)
        ]
        file = written(tmp_path, "".join(lines), header="entity,valid_time,knowledge_time\n")
        assert annul(session, factor.dataset, file, reason="of another paper").amended == gone.height
        spec = BureauSpec(seed=1, obligors=20, first_month=date(2005, 1, 1), months=12)
        with pytest.raises(InvalidInput, match="lacks credit_spread for 2005-03-01"):
            ingest_bureau(session, spec)


def test_an_annulled_row_never_was_and_a_correction_brings_it_back(ingested: Session, tmp_path: Path) -> None:
    before = ingested.pin().batch_id
    file = written(tmp_path, "ALL,2024-01-01,2024-03-05\n", header="entity,valid_time,knowledge_time\n")
    assert annul(ingested, "index", file, reason="of another index").amended == 1
    assert levels(ingested) == [100.0, 101.0, 103.0]
    assert levels(ingested, recorded_as_of=before) == [102.0, 101.0, 103.0]
    assert annul(ingested, "index", file, reason="of another index").batch_id is None
    assert correct(ingested, "index", written(tmp_path, REVISED), reason="it was this one after all").amended == 1
    assert levels(ingested) == [102.0, 101.0, 103.0]
    assert [kind for kind, *_ in notes(ingested)] == ["annul", "correction"]
    assert verify(ingested)["sound"]


def test_how_a_row_was_known_stays_and_no_parser_reads_an_amendment_as_the_sources_word(ingested: Session, tmp_path: Path) -> None:
    known = observations(ingested, "own.index").table.row(-1, named=True)["knowledge_time"]
    correct(ingested, "index", written(tmp_path, f"ALL,2024-03-01,{known.isoformat()},104,\n"), reason="rounded")
    rows = ingested.reader(ingested.pin().batch_id).rows("index").filter(valid_time=datetime(2024, 3, 1, tzinfo=UTC)).sort("batch_id")
    assert rows["knowledge_basis"].to_list() == ["calendar", "calendar"]
    assert rows.select("level", "cases").rows() == [(103.0, 3), (104.0, None)]
    with ingested.database.reading() as connection:
        read = connection.execute(sa.text("SELECT DISTINCT source FROM crfs.fetch ORDER BY 1")).scalars().all()
    assert read == ["amendment", "csv"]
    assert parse_again(ingested, "csv").batches == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("ALL,2024-01-01,2024-02-05,99,1\nALL,2024-02-01,2024-03-05,-1,2\n", [(2, "level", "out_of_range")]),
        ("ALL,2024-01-01,2024-02-05,99,1\nALL,2024-01-01,,98,1\n", [(2, "knowledge_time", "missing_field")]),
        (
            "ALL,2024-01-01,2024-02-06,99,1\nSOME,2024-01-01,2024-02-05,x,1\n",
            [(1, "knowledge_time", "unknown_key"), (2, "level", "not_a_number")],
        ),
        ("SOME,2024-01-01,2024-02-05,99,1\n", [(1, "knowledge_time", "unknown_key")]),
        (
            "ALL,2024-01-01,2024-02-05,99,1\nALL,2024-01-01,2024-02-05,98,1\n",
            [(1, "valid_time", "contradiction"), (2, "valid_time", "contradiction")],
        ),
    ],
)
def test_a_correction_with_a_bad_row_names_it_and_leaves_nothing(ingested: Session, tmp_path: Path, rows: str, found: list[Any]) -> None:
    before = ingested.pin().batch_id
    with pytest.raises(InvalidInput, match="nothing is corrected") as told:
        correct(ingested, "index", written(tmp_path, rows), reason="wrong")
    assert [(one.row, one.column, one.reason) for one in told.value.problems] == found
    assert ingested.pin().batch_id == before
    assert notes(ingested) == []


def test_an_unknown_row_is_told_with_the_knowledge_times_that_there_are(ingested: Session, tmp_path: Path) -> None:
    file = written(tmp_path, "ALL,2024-01-01,2024-02-06\n", header="entity,valid_time,knowledge_time\n")
    with pytest.raises(InvalidInput, match="nothing is annulled") as told:
        annul(ingested, "index", file, reason="wrong")
    assert told.value.problems[0].detail.endswith("known from: 2024-02-06T00:00:00Z, 2024-03-06T00:00:00Z")


def test_an_amendment_wants_a_reason_a_dataset_and_the_right_columns(ingested: Session, tmp_path: Path) -> None:
    file = written(tmp_path, FIRST)
    for amend in (correct, annul):
        for reason in ("", "  "):
            with pytest.raises(InvalidInput, match="say why"):
                amend(ingested, "index", file, reason=reason)
        with pytest.raises(NotFound, match="did you mean index"):
            amend(ingested, "indx", file, reason="wrong")
        with pytest.raises(InvalidInput, match="cannot be read"):
            amend(ingested, "index", tmp_path / "none.csv", reason="wrong")
        header = HEADER if amend is correct else "entity,valid_time,knowledge_time\n"
        with pytest.raises(InvalidInput, match="has no rows"):
            amend(ingested, "index", written(tmp_path, "", header=header), reason="wrong")
        with pytest.raises(InvalidInput) as told:
            amend(ingested, "index", written(tmp_path, "ALL,2024-01-01,1\n", header="entity,valid_time,size\n"), reason="wrong")
        lacking = ["size", "knowledge_time", *(["level", "cases"] if amend is correct else [])]
        assert [one.column for one in told.value.problems] == lacking
    with pytest.raises(InvalidInput) as told:
        annul(ingested, "index", written(tmp_path, FIRST), reason="wrong")
    assert [(one.column, one.reason) for one in told.value.problems] == [("level", "unknown_column"), ("cases", "unknown_column")]
    assert show_dataset(ingested, "index")["stored"]["batches"] == 1
