"""The tone of earnings releases as it was known: at any instant it is what a look at the releases known by then gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import as_of
from crfs.bitemporal.resolve import rows_that_count
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE
from crfs.features.documents.release_tone import RELEASE_TONE, RELEASES, release_history

START = datetime(2024, 1, 31, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA: dict[str, pl.DataType] = {
    "entity": pl.String(),
    "valid_time": INSTANT,
    "knowledge_time": INSTANT,
    "batch_id": pl.Int64(),
    "row_state": ROW_STATE,
    "knowledge_basis": KNOWLEDGE_BASIS,
    "compound": pl.Float64(),
    **dict.fromkeys(("words", "uncertainty", "litigation", "distress"), pl.Int64()),
}


def release(
    issuer: str, filing: str, valid: int, known: int, tone: float | None, *, state: str = "value", batch: int = 0, basis: str = "observed"
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "entity": f"{RELEASES}{issuer}/{filing}/EX-99.1",
        "valid_time": START + DAY * valid,
        "knowledge_time": START + DAY * known,
        "batch_id": batch,
        "row_state": state,
        "knowledge_basis": basis,
    }
    return row | ({"compound": tone, "words": 100, "uncertainty": 3, "litigation": 2, "distress": 1} if state == "value" else {})


@st.composite
def documents(draw: st.DrawFn) -> pl.DataFrame:
    """Releases of two issuers: late, filed again for the same date, edited, withdrawn, corrected, annulled; and other documents among them."""
    rows: list[dict[str, Any]] = []
    for batch in range(draw(st.integers(0, 14))):
        number = draw(st.integers(0, 4))
        tone = draw(st.one_of(st.none(), st.integers(-4, 4).map(lambda n: n / 4)))
        state = draw(st.sampled_from(["value", "value", "value", "retracted", "missing", "annulled"]))
        # The date of 4 is more than 200 days after that of 3.
        valid = (0, 1, 90, 180, 450)[number]
        known = valid + draw(st.integers(0, 300))
        row = release(
            draw(st.sampled_from(["CIK1", "CIK2"])), draw(st.sampled_from(["a", "b"])) + str(number), valid, known, tone,
            state=state, batch=batch, basis=draw(st.sampled_from(["observed", "assumed"])),
        )  # fmt: skip
        if draw(st.integers(0, 5)) == 0:  # of another filing, whose date is then that which was known first
            row["valid_time"] += DAY
        if draw(st.integers(0, 5)) == 0:
            row["entity"] = row["entity"].replace("/release/", "/report/")
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def with_state(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(batch_id=pl.lit(0, dtype=pl.Int64))


@given(documents=documents(), day=st.integers(-1, 760))
def test_the_tone_of_a_date_is_that_of_its_last_release_known_by_then_and_changes_from_the_date_before(
    documents: pl.DataFrame, day: int
) -> None:
    when = START + DAY * day
    answer = as_of(with_state(release_history(documents)), as_of=when)
    got = {(row["entity"], row["valid_time"]): row for row in answer.iter_rows(named=True) if row["row_state"] == "value"}
    last: dict[tuple[str, datetime], dict[str, Any]] = {}
    known = [row for row in as_of(documents, as_of=when).iter_rows(named=True) if row["row_state"] == "value"]
    date: dict[str, tuple[datetime, datetime]] = {}
    for row in (
        rows_that_count(documents.filter(pl.col("knowledge_time") <= when)).filter(pl.col("row_state") == "value").iter_rows(named=True)
    ):
        clocks = (row["knowledge_time"], row["valid_time"])
        date[row["entity"]] = min(date.get(row["entity"], clocks), clocks)
    for row in sorted(known, key=lambda row: (row["knowledge_time"], row["entity"])):
        if row["entity"].startswith(RELEASES) and row["valid_time"] == date[row["entity"]][1]:
            last[row["entity"].removeprefix(RELEASES).split("/")[0], row["valid_time"]] = row
    assert set(got) == set(last)
    for (issuer, valid), row in last.items():
        found = got[issuer, valid]
        assert (found["tone"], found["words"], found["release"]) == (row["compound"], 100, row["entity"])
        assert (found["uncertainty_share"], found["litigation_share"], found["distress_share"]) == (0.03, 0.02, 0.01)
        earlier = [other for name, other in last if name == issuer and timedelta() < valid - other <= timedelta(days=200)]
        if not earlier:
            assert found["tone_change"] is found["days_since_previous"] is None
            continue
        before = last[issuer, max(earlier)]
        both = row["compound"] is not None and before["compound"] is not None
        assert found["tone_change"] == (row["compound"] - before["compound"] if both else None)
        assert found["days_since_previous"] == (valid - max(earlier)).days
    assert {name: answer.schema[name] for name in RELEASE_TONE} == RELEASE_TONE


@given(documents=documents(), day=st.integers(0, 760))
def test_what_becomes_known_later_changes_no_earlier_row(documents: pl.DataFrame, day: int) -> None:
    when = START + DAY * day
    early = release_history(documents.filter(pl.col("knowledge_time") <= when))
    assert early.equals(release_history(documents).filter(pl.col("knowledge_time") <= when))


@given(documents=documents(), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(documents: pl.DataFrame, seed: Any) -> None:
    order = list(range(documents.height))
    seed.shuffle(order)
    assert release_history(documents[order] if order else documents).equals(release_history(documents))


def test_an_amendment_says_its_date_anew_and_moves_the_change_of_the_next_release_from_then_on() -> None:
    rows = [release("X", "1", 0, 0, 0.5), release("X", "2", 90, 90, 0.25), release("X", "1a", 0, 95, -0.5)]
    history = with_state(release_history(pl.DataFrame(rows, schema=SCHEMA)))

    def told(day: int) -> list[tuple[float | None, float | None]]:
        found: list[Any] = as_of(history, as_of=START + DAY * day).sort("valid_time").select("tone", "tone_change").rows()
        return found

    assert told(89) == [(0.5, None)]
    assert told(90) == [(0.5, None), (0.25, -0.25)]
    assert told(95) == [(-0.5, None), (0.25, 0.75)]
    assert history.height == 4


def test_a_change_rests_on_the_weaker_of_two_releases() -> None:
    rows = [release("X", "1", 0, 0, 0.5, basis="assumed"), release("X", "2", 90, 90, 0.25)]
    assert release_history(pl.DataFrame(rows, schema=SCHEMA)).sort("valid_time")["knowledge_basis"].to_list() == ["assumed", "assumed"]


@pytest.mark.parametrize(("gap", "change"), [(91, -0.25), (200, -0.25), (201, None)])
def test_across_a_gap_there_is_no_change(gap: int, change: float | None) -> None:
    rows = [release("X", "1", 0, 0, 0.5), release("X", "2", gap, gap, 0.25), release("Y", "3", gap - 1, gap - 1, 0.0)]
    history = release_history(pl.DataFrame(rows, schema=SCHEMA)).filter(pl.col("entity") == "X").sort("valid_time")
    assert history["tone_change"].to_list() == [None, change]
    assert history["days_since_previous"].to_list() == [None, None if change is None else gap]


FILED_ONCE = [
    release("X", "0", -90, -90, 0.0),
    release("X", "1", 0, 3, 0.5),  # by the header: the report's date, known from the acceptance
    release("X", "1", 2, 30, 0.25),  # the exhibit alone: the day of its dateline, known from the fetch
    release("X", "2", 90, 90, 0.75),
]


def test_a_filing_has_one_date_that_which_was_known_first() -> None:
    history = release_history(pl.DataFrame(FILED_ONCE, schema=SCHEMA)).sort("valid_time")
    assert history["valid_time"].to_list() == [START + DAY * day for day in (-90, 0, 90)]
    assert history["tone"].to_list() == [0.0, 0.5, 0.75]
    assert history["tone_change"].to_list() == [None, 0.5, 0.25]
    assert history["days_since_previous"].to_list() == [None, 90, 90]


@pytest.mark.parametrize("document", ["EX-99.1", "EX-99.2"])
def test_an_exhibit_alone_of_a_filing_that_is_not_known_otherwise_has_the_day_that_it_bears(document: str) -> None:
    rows = [FILED_ONCE[0], FILED_ONCE[2] | {"entity": f"{RELEASES}X/1/{document}"}]
    history = release_history(pl.DataFrame(rows, schema=SCHEMA)).sort("valid_time")
    assert history.select("valid_time", "tone_change").rows() == [(START - DAY * 90, None), (START + DAY * 2, 0.25)]
    both = release_history(pl.DataFrame([*rows, FILED_ONCE[1]], schema=SCHEMA)).sort("valid_time")
    assert both["valid_time"].to_list() == [START - DAY * 90, START]


def test_of_two_dates_that_became_known_at_once_the_earlier_counts() -> None:
    rows = [release("X", "1", 2, 3, 0.25), release("X", "1", 0, 3, 0.5)]
    assert release_history(pl.DataFrame(rows, schema=SCHEMA))["tone"].to_list() == [0.5]
