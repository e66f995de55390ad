"""A bureau of which everything goes wrong, on real servers: at any time the store knows what had come, in whatever order it came."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.bitemporal import as_of
from crfs.credit.catalogue import packaged_catalogue
from crfs.features.labels import outcome_labels
from crfs.sources.core import Payload, Query
from crfs.sources.providers.bureau import BureauSpec
from crfs.workflows.bureau import economy_of, ingest_bureau
from crfs.workflows.ingest_report import IngestReport
from crfs.workflows.ingestion import ingest
from crfs.workflows.session import Session, open_session
from crfs.workflows.spines import defaults_known
from crfs.workflows.training_sets import build_features
from tests.sources.bureau.truth import KEYS, ROUGH, Key, Line, came_whole, lines_of, payloads_of, truth

pytestmark = [pytest.mark.servers, pytest.mark.journey]

SPEC = BureauSpec(seed=4, obligors=60, first_month=date(2006, 10, 1), months=18, **ROUGH)
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class Taken:
    """A store that took in the bureau, its report, and what was sent."""

    session: Session
    report: IngestReport
    payloads: list[Payload]
    lines: list[Line]

    @property
    def stamps(self) -> list[datetime]:
        """The deliveries' stamps that count, in order."""
        return sorted({stamp for stamp, _, _ in self.lines})


@pytest.fixture(scope="module")
def taken(new_store: Callable[[], str]) -> Iterator[Taken]:
    """Made once: the tests ask it, and what they send again is not new."""
    with open_session(new_store()) as session:
        ingest(session, "packaged", Query(vintages="all"))
        reader = session.reader(session.pin().batch_id)
        payloads = payloads_of(SPEC, economy_of(reader, reader.catalogue), packaged_catalogue())
        lines = [line for payload in payloads if came_whole(payload) for line in lines_of(payload)]
        yield Taken(session=session, report=ingest_bureau(session, SPEC), payloads=payloads, lines=lines)


def known(session: Session, at: datetime) -> dict[Key, tuple[Any, ...]]:
    """The store's records at ``at``."""
    reader = session.reader(session.pin().batch_id)
    found: dict[Key, tuple[Any, ...]] = {}
    for name in KEYS:
        names = sorted(reader.catalogue.dataset(f"bureau_{name}").schema())
        answer = as_of(reader.rows(f"bureau_{name}", known_by=at), as_of=at).filter(pl.col("row_state").cast(pl.String) == "value")
        for entity, valid, *cells in answer.select("entity", "valid_time", *names).iter_rows():
            found[(name, entity, valid.date().isoformat())] = tuple(cells)
    return found


def told(lines: Sequence[Line], at: datetime, like: dict[Key, tuple[Any, ...]]) -> dict[Key, tuple[Any, ...]]:
    """The truth's records at ``at``, their cells read as the store's are."""

    def read(text: str, cell: Any) -> Any:
        return type(cell)(text) if isinstance(cell, int | float) else date.fromisoformat(text) if isinstance(cell, date) else text or None

    return {
        key: tuple(read(text, cell) for text, cell in zip(cells, like.get(key, cells), strict=True))
        for key, cells in truth(lines, at).items()
    }


def test_the_store_knows_at_any_time_what_had_come_in_whatever_order_it_came(
    taken: Taken, new_store: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    stamps, chance = taken.stamps, random.Random(seed)
    asked = [*(stamp - offset for stamp in chance.sample(stamps, 4) for offset in (timedelta(0), MOMENT)), stamps[-1]]
    answers = [known(taken.session, at) for at in asked]
    for at, answer in zip(asked, answers, strict=True):
        assert answer == told(taken.lines, at, answer)
    assert {"OK", "RETRY"} <= set(taken.report.classifications)
    assert taken.report.rejected_rows > 0
    again = ingest_bureau(taken.session, SPEC)
    assert not any(again.appended.values())
    assert again.batches == []
    for number, payload in enumerate(chance.sample(taken.payloads, len(taken.payloads))):
        (tmp_path / f"{number:05}.csv").write_bytes(payload.body)
        captured = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)).isoformat()
        meta = {"url": payload.url, "status": 200, "captured": captured, "headers": dict(payload.headers)}
        (tmp_path / f"{number:05}.meta.json").write_text(json.dumps(meta))
    with open_session(new_store()) as other:
        ingest(other, "bureau", Query(), replay=tmp_path)
        assert [known(other, at) for at in asked] == answers


def test_a_withdrawn_default_is_a_default_until_its_withdrawal_and_none_after(taken: Taken) -> None:
    reader = taken.session.reader(taken.session.pin().batch_id)
    seen = 0
    for stamp, (name, facility, day), said in taken.lines:
        if name != "default" or said is not None or stamp == taken.stamps[-1]:
            continue
        happened = datetime.fromisoformat(day).replace(tzinfo=UTC)
        rows = reader.rows("bureau_default", entities=[facility])
        obligor = rows.filter(pl.col("valid_time") == happened)["obligor_id"].drop_nulls()[0]
        before, after = (defaults_known(reader, {}, known_by=at).filter(obligor_id=obligor) for at in (stamp - MOMENT, stamp))
        if happened in after["default_time"]:
            continue  # another facility of the obligor defaulted on that day, and that stands
        assert happened in before["default_time"]
        spine = pl.DataFrame({"obligor_id": [obligor], "observed_at": [happened - timedelta(days=1)]}).cast(
            {"observed_at": pl.Datetime("us", "UTC")}
        )

        def flag(defaults: pl.DataFrame, spine: pl.DataFrame = spine, at: datetime = stamp) -> list[int]:
            return (
                outcome_labels(spine, defaults, horizon="P1M", known_by=at + timedelta(days=90), reporting_delay="P0D")
                .table["default_flag"]
                .to_list()
            )

        others = after.filter(pl.col("default_time").is_between(happened, happened + timedelta(days=31))).height
        if flag(before) == [1] and not others:
            assert flag(after) == [0]
            seen += 1
    assert seen > 0


def test_a_model_sees_a_dispute_from_the_delivery_that_reports_it(taken: Taken, tmp_path: Path) -> None:
    lives: dict[Key, list[tuple[datetime, tuple[str, ...]]]] = {}
    for stamp, key, said in taken.lines:
        if key[0] == "dispute" and said is not None:
            lives.setdefault(key, []).append((stamp, said))
    facilities = [key[1] for key in lives]
    key, versions = next((key, versions) for key, versions in lives.items() if len(versions) == 2 and facilities.count(key[1]) == 1)
    (opened, _), (settled, last) = sorted(versions)
    times = [opened - MOMENT, opened, settled - MOMENT, settled]
    spine = tmp_path / "spine.csv"
    spine.write_text("facility_id,observed_at\n" + "".join(f"{key[1]},{at:%Y-%m-%dT%H:%M:%SZ}\n" for at in times))
    factors = [{"mnemonic": f"bureau.facility.dispute_{name}", "entity": "facility_id"} for name in ("open", "status", "field")]
    build_features(taken.session, factors, spine, tmp_path / "features.parquet")
    table = pl.read_parquet(tmp_path / "features.parquet")
    assert table["bureau.facility.dispute_open"].to_list() == [None, 1, 1, 0]
    status = "upheld" if "upheld" in last else "rejected"
    assert table["bureau.facility.dispute_status"].to_list() == [None, "open", "open", status]
    assert table["bureau.facility.dispute_field"].drop_nulls().is_in(["balance", "payment", "days_past_due"]).all()


def test_a_file_of_which_every_row_is_broken_is_noted_and_ends_nothing(session: Session, tmp_path: Path) -> None:
    header = "facility_id,month,obligor_id,facility_type,default_date,amount,cost,status,delivered_at"
    (tmp_path / "cut.csv").write_text(f"{header}\nF1,2008-01-01,O1,card,2007-05-01,10.0,1.0,op")
    (tmp_path / "cut.meta.json").write_text(json.dumps({"url": "bureau://seed-1/2008-01/recovery.csv", "status": 200}))
    report = ingest(session, "bureau", Query(), replay=tmp_path)
    assert (report.rejected_rows, report.batches, report.last_valid_day) == (1, [], None)
