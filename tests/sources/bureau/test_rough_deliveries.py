"""Delivered like a provider: late, left out, cut short, sent again, disputed, withdrawn; and still one answer to what was known when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crfs.bitemporal import as_of
from crfs.bitemporal.rows import INSTANT, ROW_STATE
from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification, Parsed, Payload
from crfs.sources.providers.bureau import SOURCE, BureauSpec, Delivery, Sending, deliver, simulate_months
from crfs.sources.providers.bureau.manifest import MANIFEST
from tests.sources.bureau.conftest import CALM
from tests.sources.bureau.truth import KEYS, ROUGH, Key, came_whole, lines_of, payloads_of, truth
from tests.thorough import cases


@dataclass
class Shelf:
    """The store's rule of appending, a row at a time: a key has one content for ever; a row sent again that says nothing new is dropped."""

    catalogue: Catalogue
    rows: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = field(default_factory=dict)
    rejected: int = 0
    times: dict[tuple[Any, ...], list[datetime]] = field(default_factory=dict)
    """When each record was known anew."""
    histories: dict[str, pl.DataFrame] = field(default_factory=dict)
    """The rows as tables, until others are added."""
    read: dict[int, Parsed] = field(default_factory=dict)
    """What the parser made of the payloads that were ingested, by their number in memory: the same whenever it is asked."""

    def ingest(self, payload: Payload) -> int:
        """How many rows were new."""
        if SOURCE.classify(payload) is Classification.RETRY:
            return 0
        parsed = self.read.get(id(payload)) or self.read.setdefault(id(payload), SOURCE.parse(payload, self.catalogue))
        self.rejected += parsed.rejected.height
        added = 0
        for dataset, table in parsed.tables.items():
            kept = self.rows.setdefault(dataset, {})
            values = list(self.catalogue.dataset(dataset).schema())
            for row in table.with_columns(pl.col("row_state").cast(pl.String)).iter_rows(named=True):
                key = (row["entity"], row["valid_time"], row["knowledge_time"])
                content = (row["row_state"], *(row[name] for name in values))
                if key in kept:
                    assert kept[key] == content, f"two answers to one question: {dataset} {key}"
                    continue
                times = self.times.setdefault((dataset, *key[:2]), [])
                if row["clipped"]:
                    before = [time for time in times if time < key[2]]
                    if before and kept[(*key[:2], max(before))] == content:
                        continue
                kept[key] = content
                times.append(key[2])
                self.histories.pop(dataset, None)
                added += 1
        return added

    def history(self, dataset: str) -> pl.DataFrame:
        """A dataset's rows as a table."""
        if dataset not in self.histories:
            self.histories[dataset] = pl.DataFrame(
                [(*key, 1, *content) for key, content in self.rows[dataset].items()],
                schema={"entity": pl.String(), "valid_time": INSTANT, "knowledge_time": INSTANT, "batch_id": pl.Int64()}
                | {"row_state": pl.String(), **self.catalogue.dataset(dataset).schema()},
                orient="row",
            ).with_columns(pl.col("row_state").cast(ROW_STATE))
        return self.histories[dataset]

    def answers(self, at: datetime) -> dict[Key, tuple[str, ...]]:
        """What the definition of an answer says was known at ``at``."""
        found: dict[Key, tuple[str, ...]] = {}
        for dataset in self.rows:
            known = as_of(self.history(dataset), as_of=at).filter(pl.col("row_state").cast(pl.String) == "value")
            name, columns = dataset.removeprefix("bureau_"), sorted(self.catalogue.dataset(dataset).schema())
            for entity, valid, *cells in known.select("entity", pl.col("valid_time").dt.strftime("%Y-%m-%d"), *columns).iter_rows():
                found[(name, entity, valid)] = tuple(cells)
        return found


def same(kept: dict[Key, tuple[Any, ...]], said: dict[Key, tuple[str, ...]]) -> None:
    """The store's answers are the truth's, cell by cell."""
    assert kept.keys() == said.keys()
    for key, cells in kept.items():
        for cell, text in zip(cells, said[key], strict=True):
            if isinstance(cell, float | int):
                assert float(text) == cell, key
            else:
                assert ("" if cell is None else str(cell)) == text, key


def questions(stamps: list[datetime], chance: random.Random) -> list[datetime]:
    """The instants of some deliveries, those just before, and one after all."""
    picked = chance.sample(stamps, min(3, len(stamps)))
    return [*picked, *(stamp - timedelta(seconds=1) for stamp in picked), stamps[-1] + timedelta(days=1)]


SPECS = st.builds(
    BureauSpec,
    seed=st.integers(0, 2**40),
    obligors=st.integers(1, 12),
    months=st.integers(1, 15),
    first_month=st.sampled_from([date(2002, 1, 1), date(2004, 10, 1), date(2006, 11, 1)]),
    **{name: st.sampled_from([0.0, top / 4, top]) for name, top in ROUGH.items() if name != "expiry_months"},
    expiry_months=st.sampled_from([12, 13]),
)


@settings(cases(8), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(spec=SPECS, order=st.integers(0, 2**32))
def test_any_bureau_is_known_at_any_time_as_its_deliveries_said_until_then(
    spec: BureauSpec, order: int, macro: pl.DataFrame, catalogue: Catalogue
) -> None:
    payloads, chance = payloads_of(spec, macro, catalogue), random.Random(order)
    lines = [line for payload in payloads if came_whole(payload) for line in lines_of(payload)]
    stamps = sorted({stamp for stamp, _, _ in lines})
    if not stamps:
        return
    shelf, cut = Shelf(catalogue), chance.randrange(len(payloads))
    for payload in payloads[:cut]:
        shelf.ingest(payload)
    reached = max((stamp for payload in payloads[:cut] for stamp, _, _ in lines_of(payload)), default=None)
    before = None if reached is None else (reached, shelf.answers(reached - timedelta(seconds=1)))
    for payload in payloads[cut:]:
        shelf.ingest(payload)
    asked = questions(stamps, chance)
    told = [shelf.answers(at) for at in asked]
    for at, answer in zip(asked, told, strict=True):
        same(answer, truth(lines, at))
    if before is not None:
        assert shelf.answers(before[0] - timedelta(seconds=1)) == before[1], "later deliveries leave what was known before as it was"
    assert sum(shelf.ingest(payload) for payload in payloads) == 0, "all of it once more adds nothing"
    other = Shelf(catalogue, read=shelf.read)
    for payload in chance.sample(payloads, len(payloads)):
        other.ingest(payload)
    assert [other.answers(at) for at in asked] == told, "in any order the answers are the same at the end"


@pytest.fixture(scope="module")
def rough() -> BureauSpec:
    return BureauSpec(seed=11, obligors=90, first_month=date(2006, 10, 1), months=36, **ROUGH)


@pytest.fixture(scope="module")
def deliveries(rough: BureauSpec, macro: pl.DataFrame) -> list[Delivery]:
    return list(deliver(rough, simulate_months(rough, macro)))


@pytest.fixture(scope="module")
def payloads(rough: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue) -> list[Payload]:
    return payloads_of(rough, macro, catalogue)


def sent(deliveries: Iterable[Delivery], name: str) -> pl.DataFrame:
    """All rows of one file but those of files that came once more as they were."""
    return pl.concat([d.files[name] for d in deliveries if name in d.files and d.sending is not Sending.REPEATED], how="diagonal")


def regular(deliveries: Iterable[Delivery]) -> list[Delivery]:
    return [d for d in deliveries if d.sending is Sending.REGULAR]


def test_a_late_delivery_comes_after_the_next_months_and_no_month_is_lost(deliveries: list[Delivery], rough: BureauSpec) -> None:
    months = [d.month for d in regular(deliveries)]
    late = [i for i in range(1, len(months)) if months[i] < months[i - 1]]
    assert len(late) > 3
    assert sorted(months)[: rough.months] == [rough.month(i) for i in range(rough.months)]
    assert all(months[i - 1] == (months[i].replace(day=28) + timedelta(days=4)).replace(day=1) for i in late), "the next month's, no other"
    stamps = [d.delivered_at for d in deliveries if d.sending is not Sending.REPEATED]
    assert stamps == sorted(set(stamps)), "every delivery has a stamp of its own, in the order of sending"


def test_a_file_that_is_left_out_comes_with_the_next_delivery(deliveries: list[Delivery]) -> None:
    own = regular(deliveries)
    missing = [i for i, d in enumerate(own[:30]) if "obligor" not in d.files]
    assert missing
    for i in missing:
        assert own[i].month in own[i + 1].files["obligor"]["month"].to_list()


def test_the_last_version_of_every_record_is_the_truth_or_its_withdrawal(
    deliveries: list[Delivery], rough: BureauSpec, macro: pl.DataFrame
) -> None:
    months = list(simulate_months(rough, macro))
    gone = sent(deliveries, "retraction")
    for name in ("facility", "obligor", "default", "recovery"):
        key = list(KEYS[name])
        true = pl.concat(getattr(month, name) for month in months).drop("slot", "place").unique(key, keep="last", maintain_order=True)
        withdrawn = gone.filter(pl.col("file") == name).select(pl.col("entity_id").alias(key[0]), pl.col("valid_on").alias(key[1]))
        rows = sent(deliveries, name).sort("delivered_at", maintain_order=True).unique(key, keep="last", maintain_order=True)
        rows = rows.drop("delivered_at", "first_delivered_at", strict=False).join(withdrawn, on=key, how="anti")
        assert_frame_equal(rows.sort(key), true.join(withdrawn, on=key, how="anti").sort(key))


def test_a_withdrawal_gives_its_reason_and_follows_what_it_withdraws(deliveries: list[Delivery]) -> None:
    gone = sent(deliveries, "retraction")
    assert set(gone["reason"]) == {"upheld_dispute", "wrong_person", "legal_expiry"}
    assert not gone.select("file", "entity_id", "valid_on").is_duplicated().any()
    for name, reason in (("facility", "upheld_dispute"), ("default", "wrong_person"), ("default", "legal_expiry")):
        entity, valid = KEYS[name]
        mine = gone.filter((pl.col("file") == name) & (pl.col("reason") == reason))
        rows = mine.join(sent(deliveries, name), left_on=["entity_id", "valid_on"], right_on=[entity, valid], suffix="_sent")
        assert mine.height
        assert rows.select("entity_id", "valid_on").n_unique() == mine.height
        assert (rows["delivered_at"] > rows["delivered_at_sent"]).all(), "nothing of a record comes after its withdrawal"


def test_a_dispute_is_open_first_and_settled_later_one_at_a_time(deliveries: list[Delivery]) -> None:
    rows = sent(deliveries, "dispute").sort("delivered_at", maintain_order=True)
    lives = rows.group_by("facility_id", "opened_on", maintain_order=True).agg(pl.all())
    assert all(states in (["open"], ["open", "upheld"], ["open", "rejected"]) for states in lives["status"].to_list())
    assert set(rows["status"]) == {"open", "upheld", "rejected"}
    assert rows.filter((pl.col("is_open") == 1) != (pl.col("status") == "open")).is_empty()
    assert rows.filter(pl.col("resolved_on").is_null() != (pl.col("status") == "open")).is_empty()
    days = pl.col("delivered_at").str.slice(0, 10).str.to_date()
    assert rows.filter((pl.col("opened_on") >= days) | (pl.col("resolved_on") < pl.col("opened_on"))).is_empty()
    for facility in rows.partition_by("facility_id"):
        opened: set[date] = set()
        for row in facility.iter_rows(named=True):
            opened ^= {row["opened_on"]}
            assert len(opened) <= 1


def test_a_record_stays_while_it_is_disputed_and_an_upheld_dispute_puts_it_right_or_withdraws_it(deliveries: list[Delivery]) -> None:
    rows = sent(deliveries, "dispute")
    facility = sent(deliveries, "facility")
    if "first_delivered_at" in facility.columns:
        facility = facility.filter(pl.col("first_delivered_at").is_null())
    gone = sent(deliveries, "retraction").filter(pl.col("reason") == "upheld_dispute")
    upheld, rejected = rows.filter(pl.col("status") == "upheld"), rows.filter(pl.col("status") == "rejected")
    versions = facility.group_by("facility_id", pl.col("month").alias("disputed_on")).agg(
        pl.len().alias("versions"), pl.col("delivered_at").min()
    )
    key = ["facility_id", "disputed_on"]
    withdrawn = upheld.join(gone, left_on=key, right_on=["entity_id", "valid_on"], suffix="_gone")
    assert (withdrawn["delivered_at"] == withdrawn["delivered_at_gone"]).all()
    corrected = upheld.join(gone, left_on=key, right_on=["entity_id", "valid_on"], how="anti").join(versions, on=key, suffix="_sent")
    assert withdrawn.height
    assert corrected.height
    assert set(corrected["versions"]) == {2}
    assert set(rejected.join(versions, on=key)["versions"]) == {1}, "a dispute that is rejected changes nothing"
    opened = rows.filter(pl.col("status") == "open").join(versions, on=key, suffix="_sent")
    assert (opened["delivered_at"] > opened["delivered_at_sent"]).all(), "nobody disputes what nobody has seen"


def test_a_wrong_persons_default_is_none_of_the_simulation(deliveries: list[Delivery], rough: BureauSpec, macro: pl.DataFrame) -> None:
    true = pl.concat(month.default for month in simulate_months(rough, macro))
    key = list(KEYS["default"])
    made = sent(deliveries, "default").join(true, on=key, how="anti").unique(key)
    gone = sent(deliveries, "retraction").filter(pl.col("reason") == "wrong_person")
    assert made.height > 3
    assert_frame_equal(
        made.select(entity_id="facility_id", valid_on="default_date").sort("entity_id", "valid_on"),
        gone.select("entity_id", "valid_on").sort("entity_id", "valid_on"),
    )


def test_rows_that_come_again_are_the_same_and_say_when_they_came_first(deliveries: list[Delivery]) -> None:
    seen: dict[tuple[str, str, str, str], tuple[Any, ...]] = {}
    again = 0
    for d in deliveries:
        for name, table in d.files.items():
            if name == "retraction":
                continue
            entity, valid = KEYS[name]
            for row in table.iter_rows(named=True):
                told = tuple(value for column, value in row.items() if column not in {"delivered_at", "first_delivered_at"})
                if d.sending is Sending.RESENT:
                    again += 1
                    assert row["first_delivered_at"] < row["delivered_at"]
                    assert seen[(name, row[entity], str(row[valid]), row["first_delivered_at"])] == told
                key = (name, row[entity], str(row[valid]), row["delivered_at"])
                assert seen.setdefault(key, told) == told, "one stamp, one content"
    assert again > 100
    assert any(d.sending is Sending.REPEATED for d in deliveries)


def test_what_was_put_right_in_between_does_not_come_again_wrong(macro: pl.DataFrame) -> None:
    spec = BureauSpec(seed=3, obligors=200, months=12, **{**CALM, "correction_share": 0.5, "resent_share": 0.5})  # type: ignore[arg-type]  # all of them are shares
    newest: dict[tuple[str, str, date], tuple[Any, ...]] = {}
    put_right = again = 0
    for d in deliver(spec, simulate_months(spec, macro)):
        for name, table in d.files.items():
            for row in table.drop("delivered_at", "first_delivered_at", strict=False).iter_rows(named=True):
                key = (name, row[KEYS[name][0]], row[KEYS[name][1]])
                told = tuple(row.values())
                if d.sending is Sending.RESENT:
                    assert told == newest[key]
                    again += 1
                else:
                    put_right += key in newest
                    newest[key] = told
    assert put_right > 500
    assert again > 50


def test_a_file_that_comes_once_more_has_the_same_bytes_at_the_same_place(payloads: list[Payload]) -> None:
    repeated = [p for p in payloads if p.headers["x-delivery"].endswith("/repeated")]
    first = {(p.url, p.sha256) for p in payloads if not p.headers["x-delivery"].endswith("/repeated")}
    assert repeated
    assert {(p.url, p.sha256) for p in repeated} <= first


def test_a_cut_file_is_asked_for_again_or_its_broken_row_is_rejected(payloads: list[Payload], catalogue: Catalogue) -> None:
    cut, rejected = 0, 0
    for p in payloads:
        parsed = SOURCE.parse(p, catalogue)
        if not came_whole(p):
            cut += 1
            assert SOURCE.classify(p) is Classification.RETRY
            assert not parsed.tables
            assert parsed.rejected["reason"].to_list() == ["contradiction"]
        elif parsed.rejected.height:
            rejected += 1
            assert SOURCE.classify(p) is Classification.OK
            assert parsed.rejected.height == 1
            assert parsed.rejected["row"].item() == p.body.count(b"\n")
            assert not p.body.endswith(b"\n")
    assert cut > 2
    assert rejected > 2


def test_what_came_again_unchanged_is_no_revision(payloads: list[Payload], catalogue: Catalogue) -> None:
    """What is cut is doubled by nothing either."""
    shelf = Shelf(catalogue)
    for p in payloads:
        if p.headers["x-delivery"] < "seed-11/2008-04":
            shelf.ingest(p)
    for kept in shelf.rows.values():
        last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        for key, content in sorted(kept.items()):
            assert last.get(key[:2]) != content
            last[key[:2]] = content


def test_the_manifest_names_every_file_of_a_delivery(payloads: list[Payload]) -> None:
    by_delivery: dict[str, list[Payload]] = {}
    for p in payloads:
        by_delivery.setdefault(p.headers["x-delivery"], []).append(p)
    for files in by_delivery.values():
        (manifest,) = {p.headers[MANIFEST] for p in files}
        assert set(json.loads(manifest)) == {p.url.rsplit("/", 1)[-1] for p in files}
        for p in files:
            entry = json.loads(manifest)[p.url.rsplit("/", 1)[-1]]
            rows = len(p.body.splitlines()) - 1
            assert entry["rows"] == rows if came_whole(p) else entry["rows"] >= rows


def test_a_file_is_held_to_its_manifest(payloads: list[Payload], catalogue: Catalogue) -> None:
    p = next(p for p in payloads if p.url.endswith("obligor.csv") and came_whole(p) and p.body.endswith(b"\n"))
    lines = p.body.splitlines(keepends=True)
    other = p.body.replace(b",current,", b",late_30,", 1)
    assert SOURCE.classify(p) is Classification.OK
    for body, expected in (
        (b"".join(lines[:-1]), Classification.RETRY),
        (p.body[:-1], Classification.RETRY),
        (b"", Classification.RETRY),
        (lines[0], Classification.RETRY),
        (b"<html>busy</html>", Classification.RETRY),
        (other, Classification.SCHEMA),
        (p.body + lines[-1], Classification.SCHEMA),
    ):
        changed = replace(p, body=body)
        assert SOURCE.classify(changed) is expected, body[:40]
        assert not SOURCE.parse(changed, catalogue).tables
    for manifest in (
        "",
        "{",
        "[]",
        '{"obligor.csv": 1}',
        '{"obligor.csv": {"rows": "9", "sha256": "x"}}',
        '{"facility.csv": {}}',
        "\ud800",
        "[" * 5000,
    ):
        lost = replace(p, headers={**p.headers, MANIFEST: manifest})
        assert SOURCE.classify(lost) is Classification.SCHEMA, manifest[:20]
        assert SOURCE.parse(lost, catalogue).rejected["reason"].to_list() == ["contradiction"]
    saved = replace(p, headers={}, body=other)
    assert SOURCE.classify(saved) is Classification.OK
    assert SOURCE.parse(saved, catalogue).tables["bureau_obligor"].height == len(lines) - 1


def withdrawal(*lines: str, header: str = "file,entity_id,valid_on,reason,delivered_at") -> Payload:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    body = "\n".join([header, *lines, ""]).encode()
    return Payload(
        source="bureau",
        stream="x",
        body=body,
        url="bureau://seed-1/2008-03/retraction.csv",
        status=200,
        headers={},
        started_at=now,
        fetched_at=now,
    )


def test_withdrawals_of_several_files_are_rows_without_values(catalogue: Catalogue) -> None:
    p = withdrawal(
        "default,F1,2008-01-05,wrong_person,2008-04-20T06:00:00Z",
        "facility,F2,2008-02-01,upheld_dispute,2008-04-20T06:00:00Z",
        "facility,F2,2008-02-01,another_reason,2008-04-20T06:00:00Z",
    )
    assert SOURCE.classify(p) is Classification.OK
    parsed = SOURCE.parse(p, catalogue)
    assert parsed.rejected.is_empty()
    assert {name: table.height for name, table in parsed.tables.items()} == {"bureau_default": 1, "bureau_facility": 1}
    row = parsed.tables["bureau_default"].row(0, named=True)
    assert (row["entity"], row["valid_time"], row["knowledge_time"]) == (
        "F1",
        datetime(2008, 1, 5, tzinfo=UTC),
        datetime(2008, 4, 20, 6, tzinfo=UTC),
    )
    assert (row["row_state"], row["knowledge_basis"], row["ead"], row["status"]) == ("retracted", "observed", None, None)


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("loans,F1,2008-01-05,wrong_person,2008-04-20T06:00:00Z", "file", "unknown_series"),
        ("retraction,F1,2008-01-05,wrong_person,2008-04-20T06:00:00Z", "file", "unknown_series"),
        ("default,F1,2008-01-05,,2008-04-20T06:00:00Z", "reason", "missing_field"),
        ("default,,2008-01-05,wrong_person,2008-04-20T06:00:00Z", "entity", "missing_field"),
        ("default,F1,2008-01-50,wrong_person,2008-04-20T06:00:00Z", "valid_on", "not_a_date"),
        ("default,F1,2008-01-05,wrong_person,2008-04-20T06:00", "delivered_at", "not_a_date"),
        ("default,F1,2008-01-05,wrong_person,", "knowledge_time", "no_knowledge_time"),
        ("default,F1,2008-01-05,wrong_person", None, "unexpected_shape"),
    ],
)
def test_a_bad_withdrawal_is_rejected_alone(catalogue: Catalogue, line: str, column: str | None, reason: str) -> None:
    parsed = SOURCE.parse(withdrawal("default,F9,2008-01-05,wrong_person,2008-04-20T06:00:00Z", line), catalogue)
    assert [(r["row"], r["column"], r["reason"]) for r in parsed.rejected.to_dicts()] == [(2, column, reason)]
    assert parsed.tables["bureau_default"]["entity"].to_list() == ["F9"]


def test_withdrawals_without_a_column_are_refused(catalogue: Catalogue) -> None:
    p = withdrawal("F1,2008-01-05,wrong_person,2008-04-20T06:00:00Z", header="entity_id,valid_on,reason,delivered_at")
    assert SOURCE.parse(p, catalogue).rejected["reason"].to_list() == ["missing_field"]


def test_rows_sent_again_are_clipped_in_both_parsers_and_a_broken_first_stamp_is_rejected(
    payloads: list[Payload], catalogue: Catalogue
) -> None:
    p = next(p for p in payloads if p.headers["x-delivery"].endswith("/resent") and p.url.endswith(("facility.csv", "obligor.csv")))
    p = replace(p, headers={})
    (quick,) = SOURCE.parse(p, catalogue).tables.values()
    quoted = replace(p, body=b'"' + p.body.replace(b",", b'",', 1))
    (careful,) = SOURCE.parse(quoted, catalogue).tables.values()
    assert quick["clipped"].all()
    assert_frame_equal(quick, careful)
    header, first, rest = p.body.split(b"\n", 2)
    cells = first.split(b",")
    at = header.split(b",").index(b"first_delivered_at")
    for text, reasons in ((b"soon", ["not_a_date"]), (b"", []), (b"2190-01-01T00:00:00Z", [])):
        cells[at] = text
        parsed = SOURCE.parse(replace(p, body=b"\n".join([header, b",".join(cells), rest])), catalogue)
        assert parsed.rejected["reason"].to_list() == reasons
        (table,) = parsed.tables.values()
        assert table.height == quick.height - len(reasons)
        assert table["clipped"].not_().sum() == (0 if reasons else 1), "a row that does not say it came before is new"


def test_a_value_that_is_put_back_is_a_revision_whatever_came_again(payloads: list[Payload], catalogue: Catalogue) -> None:
    """Only a row that says it came before may be dropped: 1, then 2, then 1 again by a correction, then 1 once more."""
    header, first, _ = next(p for p in payloads if p.url.endswith("/facility.csv")).body.split(b"\n", 2)
    names, cells = header.decode().split(","), first.decode().split(",")

    def file(payment: str, day: str, came: str = "") -> Payload:
        line = dict(zip(names, cells, strict=True)) | {"payment": payment, "delivered_at": f"2008-{day}T06:00:00Z"}
        if came:
            line["first_delivered_at"] = f"2008-{came}T06:00:00Z"
        return replace(withdrawal(",".join(line.values()), header=",".join(line)), url="bureau://seed-1/2008-01/facility.csv")

    sequence = [file("1.0", "01-20"), file("2.0", "02-20"), file("1.0", "03-20"), file("1.0", "04-20", came="03-20")]
    for order in permutations(sequence):
        shelf = Shelf(catalogue)
        for p in order:
            shelf.ingest(p)
        place = sorted(catalogue.dataset("bureau_facility").schema()).index("payment")
        told = [float(next(iter(shelf.answers(datetime(2008, month, 28, tzinfo=UTC)).values()))[place]) for month in (1, 2, 3, 4)]
        assert told == [1.0, 2.0, 1.0, 1.0]


def test_rough_deliveries_are_the_same_in_any_cut_and_an_extension_keeps_them(macro: pl.DataFrame) -> None:
    spec = BureauSpec(seed=9, obligors=40, months=14, **ROUGH)
    whole = list(deliver(spec, simulate_months(spec, macro)))
    parts = [list(deliver(spec, simulate_months(spec, macro, slots=part), slots=part)) for part in (range(21), range(21, spec.slots))]
    longer = list(deliver(replace(spec, months=17), simulate_months(replace(spec, months=17), macro)))
    for name in (*KEYS, "retraction"):
        rows = sent(whole, name)
        order = ["delivered_at", *KEYS.get(name, ("file", "entity_id", "valid_on"))]
        together = pl.concat([sent(part, name) for part in parts if any(name in d.files for d in part)], how="diagonal")
        assert_frame_equal(together.select(rows.columns).sort(order), rows.sort(order))
        own = rows.filter(pl.col("delivered_at") < "2005-12")
        extended = sent(longer, name).filter(pl.col("delivered_at") < "2005-12").select(rows.columns)
        assert_frame_equal(extended.sort(order), own.sort(order))
