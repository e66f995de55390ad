"""Training data sees what was known at each row's own time: not a day more, and later knowledge changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crfs.errors import NotYetKnown
from crfs.sources.core import Query
from crfs.store.append import Delivery, append
from crfs.store.publication import BatchKind, BatchNote
from crfs.workflows.datasets import define_datasets
from crfs.workflows.ingestion import ingest
from crfs.workflows.runs import replay
from crfs.workflows.session import Session, open_session
from crfs.workflows.training_sets import build_features
from tests.journeys.world import World

pytestmark = [pytest.mark.servers, pytest.mark.journey]

DELAY = timedelta(days=45)
DEFINITION = """
[[dataset]]
name = "planted"
title = "A number that is published 45 days after the month that it describes"
source = "csv"
entity_kind = "planted"
period = "P1M"
zone = "UTC"
[[dataset.column]]
name = "value"
title = "The months since 2019"
[[factor]]
mnemonic = "test.planted"
title = "The months since 2019"
entity = "ALL"
column = "value"
unit = "count"
category = "test"
"""
ASSUMED = DEFINITION.replace('zone = "UTC"\n', 'zone = "UTC"\nrelease = { lag = "P45D", at = "00:00", zone = "UTC" }\n')


def month(number: int) -> datetime:
    """The first day of a month, counted from January 2020."""
    return datetime(2020 + number // 12, 1 + number % 12, 1, tzinfo=UTC)


def plant(session: Session, folder: Path, definition: str, *, with_knowledge: bool) -> None:
    """Twelve months of the factor; ``knowledge_time`` is in the file or is left to the dataset's rule."""
    (folder / "planted.toml").write_text(definition)
    define_datasets(session, folder / "planted.toml")
    lines = [
        f"ALL,{month(i):%Y-%m-%d}," + (f"{month(i + 1) + DELAY:%Y-%m-%dT%H:%M:%SZ}," if with_knowledge else "") + f"{i}" for i in range(12)
    ]
    header = "entity,valid_time," + ("knowledge_time," if with_knowledge else "") + "value\n"
    (folder / "planted.csv").write_text(header + "\n".join(lines) + "\n")
    report = ingest(session, "csv", Query(series=("planted",), options={"path": str(folder / "planted.csv")}))
    assert (report.appended, report.rejected_rows) == ({"planted": 12}, 0)


def features(session: Session, folder: Path, times: list[datetime], *, strict: bool = True) -> list[float | None]:
    """The factor at each time."""
    spine = folder / "spine.csv"
    spine.write_text("observed_at\n" + "".join(f"{time:%Y-%m-%dT%H:%M:%S.%fZ}\n" for time in times))
    build_features(session, [{"mnemonic": "test.planted"}], spine, folder / "features.parquet", strict=strict)
    return pl.read_parquet(folder / "features.parquet")["test.planted"].to_list()


def test_a_row_a_moment_before_a_release_does_not_see_it(session: Session, tmp_path: Path) -> None:
    plant(session, tmp_path, DEFINITION, with_knowledge=True)
    moment = timedelta(microseconds=1)
    releases = [month(i + 1) + DELAY for i in range(12)]
    before = features(session, tmp_path, [release - moment for release in releases])
    after = features(session, tmp_path, releases)
    assert after == [float(i) for i in range(12)]
    assert before == [None, *after[:-1]]
    # A day after the month's end its own value is a month and a half away.
    assert features(session, tmp_path, [month(i + 1) + timedelta(days=1) for i in range(12)]) == [None, None, *after[:-2]]


def test_a_lag_that_is_only_assumed_is_refused_unless_it_is_asked_for(session: Session, tmp_path: Path) -> None:
    plant(session, tmp_path, ASSUMED, with_knowledge=False)
    with pytest.raises(NotYetKnown, match="assumed"):
        features(session, tmp_path, [month(6)])
    assert features(session, tmp_path, [month(4)], strict=False) == [1.0]


def test_later_knowledge_leaves_an_old_training_set_byte_identical(own_world: World) -> None:
    with open_session(own_world.address) as session:
        before = replay(session, own_world.runs["training_set"])
        catalogue, reader = session.catalogue(), session.reader(session.pin().batch_id)
        deliveries = []
        for name in ("bureau_obligor", "us_macro_quarterly", "moodys_yields"):
            rows = reader.rows(name).drop("batch_id").filter(pl.col("valid_time").dt.year() >= 2008)
            number = "score" if name == "bureau_obligor" else "unemp" if name == "us_macro_quarterly" else "spread_bp"
            # The spine ends on 31 March 2009: what is known from then on is later for every row of it.
            known = pl.max_horizontal(pl.col("knowledge_time").dt.offset_by("1y"), pl.lit(datetime(2009, 4, 2, tzinfo=UTC)))
            later = rows.with_columns(pl.col(number) + 1, knowledge_time=known)
            deliveries.append(Delivery(definition=catalogue.dataset(name), rows=later))
        note = BatchNote(kind=BatchKind.INGEST, at=session.clock.now(), source="test")
        receipt = append(session.database, deliveries, note)
        assert receipt.batch_id is not None
        assert all(receipt.appended.values())
        # At the new head: other batches are there, the bytes are the same.
        after = replay(session, own_world.runs["training_set"], recorded_as_of=receipt.batch_id)
        assert after.batch_id > before.batch_id
        assert after.sha256 == before.sha256 == before.recorded_sha256
