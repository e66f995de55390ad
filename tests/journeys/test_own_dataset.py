"""A user's own CSV: defined, appended, read back, corrected with a reason, annulled; each earlier state stays to be asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.bitemporal import as_of
from crfs.errors import Conflict, InvalidInput
from crfs.sources.core import Query
from crfs.store.append import Delivery, append
from crfs.store.publication import BatchKind, BatchNote
from crfs.workflows.datasets import define_datasets, export_dataset, show_dataset
from crfs.workflows.ingest_report import IngestReport
from crfs.workflows.ingestion import ingest
from crfs.workflows.session import Session

pytestmark = [pytest.mark.servers, pytest.mark.journey]

DEFINITION = """
[[dataset]]
name = "branch_losses"
title = "Losses by branch"
source = "csv"
entity_kind = "branch"
period = "P1M"
zone = "Europe/Vienna"
scope = "tenant"
[[dataset.column]]
name = "loss"
title = "Written off in the month"
unit = "EUR"
minimum = 0.0
required = true
[[dataset.column]]
name = "cases"
title = "Cases"
type = "int8"
[[factor]]
mnemonic = "own.branch_loss"
title = "Written off in the month"
column = "loss"
unit = "EUR"
category = "own"
"""
FIRST = """entity,valid_time,knowledge_time,loss,cases
Graz,2024-01-01,2024-02-05,1200.5,3
Graz,2024-02-01,2024-03-05,0,0
Wien,2024-01-01,2024-02-05,99999.25,41
"""


def bring(session: Session, folder: Path, text: str) -> IngestReport:
    (folder / "losses.csv").write_text(text)
    return ingest(session, "csv", Query(series=("branch_losses",), options={"path": str(folder / "losses.csv")}))


def answers(session: Session, batch_id: int | None = None) -> list[tuple[object, ...]]:
    rows = session.reader(session.pin(batch_id).batch_id).rows("branch_losses")
    return as_of(rows).select("entity", pl.col("valid_time").dt.date().cast(pl.String), "loss", "cases").sort("entity", "valid_time").rows()


def test_a_dataset_of_ones_own_from_its_definition_to_an_annulment(session: Session, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(DEFINITION)
    assert define_datasets(session, tmp_path / "own.toml")["datasets"] == ["branch_losses"]
    assert define_datasets(session, tmp_path / "own.toml")["batch_id"] is None

    first = bring(session, tmp_path, FIRST)
    assert (first.appended, first.rejected) == ({"branch_losses": 3}, [])
    whole = [("Graz", "2024-01-01", 1200.5, 3), ("Graz", "2024-02-01", 0.0, 0), ("Wien", "2024-01-01", 99999.25, 41)]
    assert answers(session) == whole
    assert bring(session, tmp_path, FIRST).batches == []

    # Another value under the same clocks rewrites history: refused whole, the good new row too.
    with pytest.raises(Conflict, match=r"Graz at 2024-01-01 known from 2024-02-05 23:00Z .*correction with a reason"):
        bring(session, tmp_path, FIRST.replace("1200.5", "1300") + "Linz,2024-01-01,2024-02-05,1,1\n")
    assert answers(session) == whole

    bad = bring(session, tmp_path, "entity,valid_time,knowledge_time,loss,cases\nLinz,2024-01-01,2024-02-05,-5,1\nLinz,2024-13-01,,7,1\n")
    assert bad.appended.get("branch_losses", 0) == 0
    assert [(row["row"], row["column"], row["reason"]) for row in bad.rejected] == [
        (1, "loss", "out_of_range"),
        (2, "valid_time", "not_a_date"),
    ]

    reader = session.reader(session.pin().batch_id)
    graz = reader.rows("branch_losses", entities=["Graz"]).drop("batch_id").sort("valid_time")
    definition, now = session.catalogue().dataset("branch_losses"), session.clock.now()
    with pytest.raises(InvalidInput, match="reason"):
        BatchNote(kind=BatchKind.CORRECTION, at=now)
    correction = append(
        session.database,
        [Delivery(definition=definition, rows=graz.head(1).with_columns(loss=pl.lit(1300.0)))],
        BatchNote(kind=BatchKind.CORRECTION, at=now, reason="a case was booked twice"),
    )
    corrected = [("Graz", "2024-01-01", 1300.0, 3), *whole[1:]]
    assert answers(session) == corrected

    nothing = pl.lit(None)
    annulment = append(
        session.database,
        [Delivery(definition=definition, rows=graz.tail(1).with_columns(row_state=pl.lit("annulled"), loss=nothing, cases=nothing))],
        BatchNote(kind=BatchKind.ANNUL, at=now, reason="the month was not closed"),
    )
    assert answers(session) == [corrected[0], corrected[2]]
    assert correction.batch_id is not None
    assert annulment.batch_id is not None
    assert answers(session, correction.batch_id) == corrected
    assert answers(session, correction.batch_id - 1) == whole

    shown = show_dataset(session, "branch_losses")["stored"]
    assert (shown["rows"], shown["entities"]) == (5, 2)
    manifest = export_dataset(session, "branch_losses", tmp_path / "out")
    exported = pl.read_parquet(tmp_path / "out" / "branch_losses.parquet")
    assert (manifest["rows"], exported.height) == (5, 5)
    assert exported["knowledge_time"].min() == datetime(2024, 2, 5, 23, 0, tzinfo=UTC)  # the end of that day in Vienna
