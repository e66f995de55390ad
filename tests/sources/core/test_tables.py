"""Cells of delimited text, instants, and which rows are accepted."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crfs.bitemporal.release import ReleaseLag
from crfs.bitemporal.tenor import Tenor
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import MOST_LISTED, REJECTED_SCHEMA, Parsed, RejectReason, rejection_count
from crfs.sources.core.tables import Rejections, accept, known_from, rejected_table, rejected_where, settle_clipped
from crfs.sources.core.text import MOST_BLANK_LINES, MOST_COLUMNS, iso_date, iso_instant, read_delimited

NOON = datetime(2020, 1, 2, 12, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02T12:00:00Z", NOON),
        ("2020-01-02 14:00:00.000+02:00", NOON),
        ("2020-01-02T07:00-05", NOON),
        ("2020-01-02T12:00:00", None),  # no zone
        ("2020-01-02", None),
        ("2020-02-30T12:00:00Z", None),
        ("2020-01-02T25:00:00Z", None),
        ("²020-01-02T12:00:00Z", None),
    ],
)
def test_an_instant_has_its_zone(text: str, expected: datetime | None) -> None:
    assert pl.DataFrame({"t": [text]}).select(iso_instant(pl.col("t"))).item() == expected


@pytest.mark.parametrize("text", ["2020-1-2", "2020-02-30", "20200102", "2020-01-02x", " ", "20200-01-02"])
def test_a_date_is_written_one_way(text: str) -> None:
    assert pl.DataFrame({"t": [text]}).select(iso_date(pl.col("t"))).item() is None


def test_a_table_has_a_bound_of_columns_and_of_blank_lines() -> None:
    """Its columns are made in one pass; each of them takes time of its own in all that follows."""
    for count in (MOST_COLUMNS, MOST_COLUMNS + 1, 1_000_000):
        header = ",".join(f"c{place}" for place in range(count))
        start = time.process_time()
        text = read_delimited(f"{header}\n{','.join(map(str, range(count)))}\n".encode())
        assert time.process_time() - start < 3.0  # less than a tenth of that
        if count <= MOST_COLUMNS:
            assert (text.problem, text.table.row(0)) == (None, (1, *map(str, range(count))))
        else:
            assert text.problem == (RejectReason.UNEXPECTED_SHAPE, f"{count:,} columns; no more than 5,000 are read")
    for end in ("\n", "\r\n", "\r"):
        few, many = (f"a,b{end}1,2{end * count}3,4{end}" for count in (MOST_BLANK_LINES, 10_000_000))
        assert read_delimited(few.encode()).table.height == 2
        assert read_delimited(many.encode()).problem == (RejectReason.UNEXPECTED_SHAPE, "more than 100,000 blank lines")


def test_columns_of_many_rows_are_those_of_their_parts() -> None:
    rows = [(str(number), f" {number}\u3000", "") for number in range(45_000)]
    text = read_delimited(("\ufeffa,b,\n" + "".join(",".join(row) + "\n" for row in rows)).encode())
    assert text.header == ("a", "b", "")
    assert text.table.columns == ["row", "a", "b", ""]
    assert text.table.rows() == [(number + 1, str(number), str(number), "") for number in range(45_000)]
    empty = read_delimited(b"a,b\n")
    assert dict(empty.table.schema) == {"row": pl.Int64(), "a": pl.String(), "b": pl.String()}


def test_rows_of_text_are_counted_without_header_and_blank_lines_and_judged_one_by_one() -> None:
    text = read_delimited(b'\xef\xbb\xbfa,b\r\n\r\n1,"x, y"\n2\n3,\xff\n4,z\n')
    assert text.header == ("a", "b")
    assert text.table.rows() == [(1, "1", "x, y"), (4, "4", "z")]
    assert [(row, column, reason.value) for row, column, reason, _ in text.rejected] == [
        (2, None, "unexpected_shape"),
        (3, "b", "broken_encoding"),
    ]


def test_a_repeated_row_is_kept_once_and_of_two_values_at_one_key_neither(catalogue: Catalogue) -> None:
    frame = pl.DataFrame(
        {
            "row": [1, 2, 3],
            "entity": "X",
            "valid_time": NOON,
            "knowledge_time": NOON,
            "knowledge_basis": "observed",
            "value": [1.0, 1.0, 2.0],
        }
    )
    accepted, rejected = accept(frame, catalogue.dataset("fred_series"), fetched_at=LATER)
    assert accepted.height == 0
    assert rejected.select("row", "reason").rows() == [(1, "contradiction"), (3, "contradiction")]
    accepted, rejected = accept(frame[:2], catalogue.dataset("fred_series"), fetched_at=LATER)
    assert (accepted["value"].to_list(), rejected.height) == ([1.0], 0)


def test_of_two_rows_that_differ_in_words_the_first_stands(catalogue: Catalogue) -> None:
    frame = pl.DataFrame(
        {
            "row": [1, 2, 3, 4],
            "entity": ["X", "X", "Y", "Y"],
            "valid_time": NOON,
            "knowledge_time": NOON,
            "knowledge_basis": "observed",
            "value": [1.0, 1.0, 1.0, 2.0],
            "footnotes": ["P", "R", "P", "P"],
        }
    )
    accepted, rejected = accept(frame, catalogue.dataset("bls_monthly"), fetched_at=LATER)
    assert accepted.select("entity", "footnotes").rows() == [("X", "P")]
    assert rejected.select("row", "reason").rows() == [(2, "contradiction"), (3, "contradiction"), (4, "contradiction")]


def test_of_what_has_happened_no_period_begins_after_the_fetch(catalogue: Catalogue) -> None:
    days = [NOON + timedelta(hours=23), NOON + timedelta(hours=25)]
    frame = pl.DataFrame(
        {"row": [1, 2], "entity": "X", "valid_time": days, "knowledge_time": NOON, "knowledge_basis": "observed", "value": 1.0}
    )
    accepted, rejected = accept(frame, catalogue.dataset("bls_monthly"), fetched_at=NOON)
    assert accepted["valid_time"].to_list() == days[:1]
    assert rejected.select("row", "column", "reason").rows() == [(2, "valid_time", "out_of_range")]
    early = frame.with_columns(valid_time=pl.lit(NOON), knowledge_time=pl.Series([NOON - timedelta(hours=23), NOON - timedelta(hours=25)]))
    assert accept(early, catalogue.dataset("bls_monthly"), fetched_at=LATER)[1]["row"].to_list() == [2]
    # FRED has projections, and a simulation its own clock.
    for name, fetched_at in (("fred_series", NOON), ("bls_monthly", None)):
        assert accept(frame, catalogue.dataset(name), fetched_at=fetched_at)[0].height == 2


def test_a_text_that_no_table_can_hold_is_rejected_and_its_rejection_can_be_kept(catalogue: Catalogue) -> None:
    frame = pl.DataFrame(
        {
            "row": [1, 2],
            "entity": ["A\0B", "C"],
            "valid_time": NOON,
            "knowledge_time": NOON,
            "knowledge_basis": "observed",
            "value": [1.0, 2.0],
        }
    )
    accepted, rejected = accept(frame, catalogue.dataset("fred_series"), fetched_at=LATER)
    assert accepted["entity"].to_list() == ["C"]
    told = Parsed(tables={"fred_series": accepted}, rejected=rejected).rejected
    assert told.rows() == [(1, "entity", "malformed", "a NUL character: A\ufffdB")]


def test_a_declared_lag_never_says_later_than_the_fetch() -> None:
    rule = ReleaseLag(lag=Tenor(days=10), at=NOON.time(), zone="UTC")
    known = known_from(pl.Series([datetime(2019, 12, 1, tzinfo=UTC), datetime(2019, 12, 31, tzinfo=UTC)]), rule, Tenor(days=1), NOON)
    assert known.rows() == [(datetime(2019, 12, 12, 12, tzinfo=UTC), "assumed"), (NOON, "observed")]


def test_settled_rows_stay_settled(catalogue: Catalogue) -> None:
    states = ["value", "missing", "missing", "value", "value", "value"]
    frame = pl.DataFrame(
        {
            "row": range(6), "entity": "X", "valid_time": NOON, "knowledge_basis": "observed", "row_state": states,
            "knowledge_time": [datetime(2020, 2, day, tzinfo=UTC) for day in range(1, 7)], "clipped": [False, True, True, True, True, False],
            "value": [1.0, None, None, 1.0, 1.0, 1.0],
        }
    )  # fmt: skip
    settled = settle_clipped(accept(frame, catalogue.dataset("fred_series"), fetched_at=LATER)[0])
    assert settled.select(pl.col("knowledge_time").dt.day(), "row_state").rows() == [
        (1, "value"),
        (2, "retracted"),
        (4, "value"),
        (6, "value"),
    ]
    assert settle_clipped(settled).equals(settled)


def test_a_million_rows_may_be_rejected_for_one_reason() -> None:
    frame = pl.DataFrame({"row": pl.int_range(1, 1_000_001, eager=True)}).with_columns(value=pl.lit("x"))
    rejected = rejected_where(frame, pl.lit(True), "value", RejectReason.NOT_A_NUMBER, "not a number")
    assert (rejected.height, rejection_count(rejected)) == (MOST_LISTED + 1, 1_000_000)
    assert rejected.row(MOST_LISTED - 1) == (MOST_LISTED, "value", "not_a_number", "not a number: x")
    assert rejected.row(MOST_LISTED) == (None, None, "not_a_number", "990000 more are not listed")


@pytest.mark.parametrize("counts", [(9_999,), (10_000,), (10_001,), (3, 10_001, 0, 25_000), (10_000, 1), (5_000, 5_000), (50_000, 1)])
def test_of_many_rejections_the_first_are_listed_and_the_others_counted(counts: tuple[int, ...]) -> None:
    """Whichever parts they come in, and in whatever order the parts are put together."""
    parts = [rejected_table([(number + 1, "value", RejectReason.NOT_A_NUMBER, "x") for number in range(count)]) for count in counts]
    for joined in (pl.concat(parts), pl.concat(parts).sort("row", maintain_order=True)):
        rejected = Parsed(tables={}, rejected=joined).rejected
        assert rejection_count(rejected) == sum(counts)
        assert rejected.height == min(sum(counts), MOST_LISTED + 1)
        assert rejected.filter(pl.col("row").is_null()).height == (sum(counts) > MOST_LISTED)
        if sum(counts) > MOST_LISTED:
            assert rejected.row(-1) == (None, None, "not_a_number", f"{sum(counts) - MOST_LISTED} more are not listed")


def test_rejections_ask_for_room_before_their_text_is_made() -> None:
    rejections = Rejections()
    made = 0
    for number in range(25_000):
        if rejections.room(RejectReason.MALFORMED):
            made += 1
            rejections.append((number, None, RejectReason.MALFORMED, "x"))
    assert (made, len(rejections), len(rejections.listed())) == (MOST_LISTED, 25_000, MOST_LISTED + 1)
    assert rejection_count(rejected_table(rejections.listed())) == 25_000


def _prices(*rows: tuple[str, datetime, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": range(1, len(rows) + 1),
            "entity": [entity for entity, _, _ in rows],
            "valid_time": [valid for _, valid, _ in rows],
            "knowledge_time": NOON,
            "knowledge_basis": "observed",
            "value": [value for _, _, value in rows],
        },
        schema_overrides={"value": pl.Float64(), "entity": pl.String()},
    )


def test_rows_come_out_the_same_in_order_or_not(catalogue: Catalogue) -> None:
    days = [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    ordered = _prices(*((entity, day, 1.5) for entity in ("A", "B") for day in days))
    dataset = catalogue.dataset("fred_series")
    accepted, rejected = accept(ordered, dataset, fetched_at=LATER)
    assert rejected.is_empty()
    assert dict(rejected.schema) == dict(REJECTED_SCHEMA)
    for seed in range(5):
        assert accept(ordered.sample(fraction=1, shuffle=True, seed=seed), dataset, fetched_at=LATER)[0].equals(accepted)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (("", NOON, 1.0), "missing_field"),
        (("C", datetime(1599, 12, 31, tzinfo=UTC), 1.0), "out_of_range"),
        (("C", NOON, float("nan")), "not_finite"),
        (("C", NOON, float("-inf")), "not_finite"),
    ],
)
def test_one_wrong_row_among_rows_in_order_is_found(wrong: tuple[str, datetime, float], reason: str, catalogue: Catalogue) -> None:
    accepted, rejected = accept(_prices(("A", NOON, 1.0), ("B", NOON, 1.0), wrong), catalogue.dataset("fred_series"), fetched_at=LATER)
    assert accepted["value"].to_list() == [1.0, 1.0]
    assert rejected.select("row", "reason").rows() == [(3, reason)]


def test_a_row_without_a_value_is_missing_and_a_repeated_one_is_kept_once(catalogue: Catalogue) -> None:
    rows = _prices(("A", NOON, 1.0), ("B", NOON, None), ("B", NOON, None))
    accepted, rejected = accept(rows, catalogue.dataset("fred_series"), fetched_at=LATER)
    assert accepted.select("entity", "row_state").rows() == [("A", "value"), ("B", "missing")]
    assert rejected.is_empty()


def test_bounds_of_columns_and_required_ones_hold_for_rows_in_order(catalogue: Catalogue) -> None:
    dataset = catalogue.dataset("moodys_yields")
    frame = _prices(("A", NOON, 5.0), ("B", NOON, 51.0)).rename({"value": "aaa"}).with_columns(baa=pl.lit(6.0))
    accepted, rejected = accept(frame, dataset, fetched_at=LATER)
    assert accepted["aaa"].to_list() == [5.0]
    assert rejected.select("row", "column", "reason").rows() == [(2, "aaa", "out_of_range")]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_told_once(value: float, catalogue: Catalogue) -> None:
    """The factor of UNRATE has bounds, and neither is what is wrong with such a number."""
    rows = _prices(("UNRATE", NOON, value), ("UNRATE", NOON + timedelta(days=31), 99.0))
    _, rejected = accept(rows, catalogue.dataset("fred_series"), catalogue, fetched_at=LATER)
    assert rejected.select("row", "column", "reason").rows() == [(1, "value", "not_finite"), (2, "value", "out_of_range")]


def test_a_row_that_would_be_known_after_the_fetch_is_known_from_it(catalogue: Catalogue) -> None:
    """An announced day, a wrong clock or an error of typing is no knowledge of the future; beyond the calendar nothing is known at all."""
    frame = _prices(("A", NOON, 1.0), ("B", NOON, 2.0), ("C", NOON, 3.0), ("D", NOON, 4.0)).with_columns(
        knowledge_time=pl.Series([NOON, NOON + timedelta(days=400), NOON + timedelta(seconds=1), datetime(2200, 1, 1, tzinfo=UTC)]),
        knowledge_basis=pl.Series(["calendar", "calendar", "backfilled", "calendar"]),
    )
    accepted, rejected = accept(frame, catalogue.dataset("fred_series"), fetched_at=NOON)
    assert accepted.select("entity", "knowledge_time", "knowledge_basis", "clipped").rows() == [
        ("A", NOON, "calendar", False), ("B", NOON, "observed", True), ("C", NOON, "observed", True),
    ]  # fmt: skip
    assert rejected.select("row", "column", "reason").rows() == [(4, "knowledge_time", "out_of_range")]
