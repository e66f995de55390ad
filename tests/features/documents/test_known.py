"""Aggregates as they were known: at any instant they are what a look at the documents known by then gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import as_of
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE
from crfs.features.documents.rules import is_final, monthly_rules
from crfs.features.documents.stance import DECISION, POLICY, stance_history
from crfs.features.documents.tone import LISTS, TONE, daily_tone

START = datetime(2024, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHEMA: dict[str, pl.DataType] = {
    "entity": pl.String(),
    "valid_time": INSTANT,
    "knowledge_time": INSTANT,
    "batch_id": pl.Int64(),
    "row_state": ROW_STATE,
    "knowledge_basis": KNOWLEDGE_BASIS,
    "issuers": pl.String(),
    "compound": pl.Float64(),
    "words": pl.Int64(),
    **dict.fromkeys(LISTS, pl.Int64()),
}


@st.composite
def documents(draw: st.DrawFn) -> pl.DataFrame:
    """A history of a few documents: versions that come late, edits that change the issuers, withdrawals, corrections, annulments."""
    rows: list[dict[str, Any]] = []
    for batch in range(draw(st.integers(0, 14))):
        state = draw(st.sampled_from(["value", "value", "value", "retracted", "missing", "annulled"]))
        row: dict[str, Any] = {
            "entity": draw(st.sampled_from(["a", "b", "c"])),
            "valid_time": START + HOUR * draw(st.sampled_from([0, 5, 23, 25])),
            "knowledge_time": START + HOUR * draw(st.integers(0, 40)),
            "batch_id": batch,
            "row_state": state,
            "knowledge_basis": draw(st.sampled_from(["observed", "assumed"])),
        }
        if state == "value":
            row |= {
                "issuers": draw(st.sampled_from(["X", "Y", "X,Y", ""])),
                "compound": draw(st.one_of(st.none(), st.integers(-(10**6), 10**6).map(lambda n: n / 10**6))),
                "words": draw(st.integers(0, 20)),
                **{name: draw(st.integers(0, 3)) for name in LISTS},
            }
        rows.append(row)
    return pl.DataFrame(rows, schema=SCHEMA)


def groups() -> pl.Expr:
    return pl.col("issuers").str.split(",").list.filter(pl.element() != "")


def with_state(table: pl.DataFrame) -> pl.DataFrame:
    """An aggregate as the rows of a dataset."""
    given = [] if "row_state" in table.columns else [pl.lit("value").alias("row_state")]
    return table.with_columns(*given, batch_id=pl.lit(0, dtype=pl.Int64))


@given(documents=documents(), hour=st.integers(-1, 41))
def test_the_tone_of_a_day_is_that_of_the_documents_known_by_then(documents: pl.DataFrame, hour: int) -> None:
    when = START + HOUR * hour
    answer = as_of(with_state(daily_tone(documents, groups())), as_of=when)
    got = {(row["entity"], row["valid_time"]): row for row in answer.iter_rows(named=True) if row["documents"]}
    known: dict[tuple[str, datetime], list[dict[str, Any]]] = {}
    for row in as_of(documents, as_of=when).iter_rows(named=True):
        if row["row_state"] == "value":
            day = row["valid_time"].replace(hour=0)
            for issuer in filter(None, row["issuers"].split(",")):
                known.setdefault((issuer, day), []).append(row)
    assert set(got) == set(known)
    for key, rows in known.items():
        scores = [row["compound"] for row in rows if row["compound"] is not None]
        assert got[key]["documents"] == len(rows)
        assert got[key]["scored"] == len(scores)
        words = sum(row["words"] for row in rows)
        if scores:
            assert got[key]["tone"] == sum(round(score * 10**6) for score in scores) / (10**6 * len(scores))
            assert got[key]["negative_share"] == sum(score <= -0.05 for score in scores) / len(scores)
        else:
            assert got[key]["tone"] is got[key]["negative_share"] is None
        assert got[key]["distress_share"] == (sum(row["distress"] for row in rows) / words if words else None)


@given(documents=documents(), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(documents: pl.DataFrame, seed: Any) -> None:
    order = list(range(documents.height))
    seed.shuffle(order)
    shuffled = documents[order] if order else documents
    assert daily_tone(shuffled, groups()).equals(daily_tone(documents, groups()))


@given(documents=documents(), hour=st.integers(0, 40))
def test_what_becomes_known_later_changes_no_earlier_row(documents: pl.DataFrame, hour: int) -> None:
    when = START + HOUR * hour
    early = daily_tone(documents.filter(pl.col("knowledge_time") <= when), groups())
    assert early.equals(daily_tone(documents, groups()).filter(pl.col("knowledge_time") <= when))


def test_a_number_rests_on_the_weakest_of_its_documents() -> None:
    row = {"valid_time": START, "row_state": "value", "issuers": "X", "compound": 0.5, "batch_id": 1}
    table = pl.DataFrame(
        [
            {**row, "entity": "a", "knowledge_time": START, "knowledge_basis": "observed"},
            {**row, "entity": "b", "knowledge_time": START + HOUR, "knowledge_basis": "assumed"},
            {**row, "entity": "c", "knowledge_time": START + 2 * HOUR, "knowledge_basis": "observed"},
        ],
        schema=SCHEMA,
    )
    found = daily_tone(table, groups())
    assert found["knowledge_basis"].to_list() == ["observed", "assumed", "assumed"]
    assert found.select(list(TONE)).schema == TONE


CLOCKS = {name: SCHEMA[name] for name in list(SCHEMA)[:6]}
STATEMENT: dict[str, pl.DataType] = {
    **CLOCKS,
    **dict.fromkeys(("hawkish", "dovish", "words"), pl.Int64()),
    **dict.fromkeys(("stance", "tone"), pl.Float64()),
}


@st.composite
def statements(draw: st.DrawFn) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for batch in range(draw(st.integers(0, 10))):
        number, state = draw(st.integers(0, 3)), draw(st.sampled_from(["value", "value", "value", "retracted", "annulled"]))
        row: dict[str, Any] = {
            "entity": f"policy_document/fomc_statement/{number}",
            "valid_time": START + timedelta(days=45 * number),
            "knowledge_time": START + timedelta(days=draw(st.integers(0, 200))),
            "batch_id": batch,
            "row_state": state,
            "knowledge_basis": "calendar",
        }
        if state == "value":
            stance = draw(st.one_of(st.none(), st.integers(-4, 4).map(lambda n: n / 4)))
            row |= {"hawkish": 1, "dovish": 2, "stance": stance, "tone": draw(st.integers(-4, 4)) / 4, "words": 100}
        rows.append(row)
    return pl.DataFrame(rows, schema=STATEMENT)


SAYS: dict[str, pl.DataType] = {**CLOCKS, **DECISION}


@st.composite
def decisions(draw: st.DrawFn) -> pl.DataFrame:
    """What statements say of the target, by the days of :func:`statements`: a number, a range or nothing, with the size of the change or without."""
    rows: list[dict[str, Any]] = []
    for batch in range(draw(st.integers(0, 10))):
        state = draw(st.sampled_from(["value", "value", "value", "retracted", "annulled"]))
        row: dict[str, Any] = {
            "entity": "fomc",
            "valid_time": START + timedelta(days=45 * draw(st.integers(0, 3))),
            "knowledge_time": START + timedelta(days=draw(st.integers(0, 200))),
            "batch_id": batch,
            "row_state": state,
            "knowledge_basis": "calendar",
        }
        if state == "value":
            low = draw(st.one_of(st.none(), st.integers(0, 8).map(lambda n: n / 4)))
            high = None if low is None else low + draw(st.sampled_from([0.0, 0.25]))
            direction = draw(st.sampled_from([None, "raise", "lower"]))
            row |= {
                "target_lower": low,
                "target_upper": high,
                "direction": direction,
                "change_bp": draw(st.sampled_from([None, None, 0.0, 25.0])),
            }
        rows.append(row)
    return pl.DataFrame(rows, schema=SAYS)


def change_of(row: dict[str, Any], targets: list[float]) -> float | None:
    """The change of a statement whose own words are ``row``, after the ``targets`` known of earlier ones."""
    if row["change_bp"] is not None:
        return float(row["change_bp"])
    if row["target_upper"] is None or not targets:
        return None
    moved: float = ((row["target_lower"] + row["target_upper"]) / 2 - targets[-1]) * 100
    return None if moved * {"raise": 1, "lower": -1}.get(row["direction"], 0) < 0 or (row["direction"] and not moved) else moved


@given(statements=statements(), decisions=decisions(), day=st.integers(-1, 201))
def test_what_changed_is_told_from_the_statement_known_before(statements: pl.DataFrame, decisions: pl.DataFrame, day: int) -> None:
    when = START + timedelta(days=day)
    answer = as_of(with_state(stance_history(statements, decisions)), as_of=when)
    got = {row["valid_time"]: row for row in answer.iter_rows(named=True) if row["row_state"] == "value"}
    known = sorted(
        (row for row in as_of(statements, as_of=when).iter_rows(named=True) if row["row_state"] == "value"),
        key=lambda row: row["valid_time"],
    )
    nothing = dict.fromkeys(DECISION)
    said = {row["valid_time"]: row for row in as_of(decisions, as_of=when).iter_rows(named=True) if row["row_state"] == "value"}
    assert sorted(got) == [row["valid_time"] for row in known]
    targets: list[float] = []
    for place, row in enumerate(known):
        before = known[place - 1] if place else None
        found = got[row["valid_time"]]
        assert (found["stance"], found["tone"], found["words"]) == (row["stance"], row["tone"], row["words"])
        if before is None:
            assert found["days_since_previous"] is found["tone_change"] is None
        else:
            assert found["days_since_previous"] == (row["valid_time"] - before["valid_time"]).days
            assert found["tone_change"] == row["tone"] - before["tone"]
            both = row["stance"] is not None and before["stance"] is not None
            assert found["stance_change"] == (row["stance"] - before["stance"] if both else None)
        own = said.get(row["valid_time"], nothing)
        assert found["change_bp"] == change_of(own, targets)
        if own["target_upper"] is not None:
            targets.append((own["target_lower"] + own["target_upper"]) / 2)
    assert {name: answer.schema[name] for name in POLICY} == POLICY


@pytest.mark.parametrize(
    ("before", "now", "direction", "expected"),
    [
        ((1.0, 1.0), (0.0, 0.25), None, -87.5),  # from one number to a range: its midpoint
        ((0.0, 0.25), (0.25, 0.5), "raise", 25.0),
        ((1.75, 2.0), (1.5, 1.75), "lower", -25.0),
        ((1.0, 1.25), (0.0, 0.25), "lower", -100.0),
        ((0.25, 0.5), (0.75, 1.0), "raise", 50.0),
        ((5.0, 5.25), (5.25, 5.5), "raise", 25.0),
        ((5.25, 5.5), (5.25, 5.5), None, 0.0),
        ((5.25, 5.5), (1.0, 1.25), "raise", None),  # statements between are missing
        ((1.0, 1.25), (1.0, 1.25), "lower", None),
    ],
)
def test_a_change_that_is_not_said_is_that_of_the_target(
    before: tuple[float, float], now: tuple[float, float], direction: str | None, expected: float | None
) -> None:
    later = START + timedelta(days=42)
    common = {"batch_id": 1, "row_state": "value", "knowledge_basis": "calendar"}
    days = [{**common, "valid_time": day, "knowledge_time": day + 19 * HOUR} for day in (START, later)]
    texts = [{**day, "entity": f"policy_document/fomc_statement/{place}", "hawkish": 1, "dovish": 1} for place, day in enumerate(days)]
    said = [
        {**day, "entity": "fomc", "target_lower": low, "target_upper": high, "direction": way}
        for day, (low, high), way in zip(days, (before, now), (None, direction), strict=True)
    ]
    found = stance_history(pl.DataFrame(texts, schema=STATEMENT), pl.DataFrame(said, schema=SAYS)).sort("valid_time")
    assert found["change_bp"].to_list() == [None, expected]


def test_a_statement_whose_reading_moves_to_another_entity_keeps_its_change() -> None:
    """A reading that is no longer said becomes missing, and the other entity says it."""
    row = {"valid_time": START, "knowledge_time": START + HOUR, "batch_id": 1, "row_state": "value", "knowledge_basis": "calendar"}
    text = pl.DataFrame([{**row, "entity": "policy_document/fomc_statement/1", "hawkish": 0, "dovish": 0}], schema=STATEMENT)
    said = [
        {**row, "entity": "fomc", "row_state": "missing"},
        {**row, "entity": "fomc/announcement", "change_bp": 0.0, "direction": "maintain"},
    ]
    assert stance_history(text, pl.DataFrame(said, schema=SAYS))["change_bp"].to_list() == [0.0]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("Final rule.", True),
        ("FINAL RULE", True),
        (" Final rules and interpretations.", True),
        ("Final regulations and removal of temporary regulations.", True),
        ("Final rule; request for comments.", True),
        ("Final rule; technical amendments.", True),
        ("Interim final rule with request for comment.", True),
        ("Joint final rule.", True),
        ("Direct final rule.", True),
        ("Final interim rule.", True),
        ("Correcting amendment to final rule", False),
        ("Proposed rule; not a final rule", False),
        ("Final rule; delay of effective date", False),
        ("Final rule; correction.", False),
        ("Final rule, correcting amendment.", False),
        ("Direct final rule; confirmation of effective date.", False),
        ("Direct final rule; withdrawal.", False),
        ("Final rule; extension of compliance date.", False),
        ("Final rule; partial stay.", False),
        ("Interim rule.", False),
        ("Finality of rules", False),
        ("Temporary rule", False),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_an_action_says_whether_a_rule_is_final(action: str | None, expected: bool | None) -> None:
    assert pl.DataFrame({"action": [action]}, schema={"action": pl.String()}).select(is_final()).item() is expected


RULE: dict[str, pl.DataType] = {
    **CLOCKS, **dict.fromkeys(["type", "action", "agencies", "topics", "citation"], pl.String()), "significant": pl.Boolean(),
}  # fmt: skip


def test_a_rule_that_says_no_action_makes_the_number_of_final_ones_unknown_until_it_does() -> None:
    first = datetime(2024, 3, 4, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"entity": "1", "action": "Final rule.", "agencies": "A; B", "knowledge_time": first + 9 * HOUR},
        {"entity": "2", "action": None, "agencies": "A", "knowledge_time": first + 10 * HOUR},
        {"entity": "2", "action": "Final rule.", "agencies": "A", "knowledge_time": first + 20 * HOUR},
        # on public inspection, and its issue said nothing yet
        {"entity": "3", "action": None, "agencies": "B", "valid_time": first + 48 * HOUR, "knowledge_time": first + 12 * HOUR},
        # the issue told it before, and says no action
        {"entity": "4", "agencies": "C", "citation": "89 FR 1", "valid_time": first + 48 * HOUR, "knowledge_time": first + 13 * HOUR},
    ]
    common = {"valid_time": first, "batch_id": 1, "row_state": "value", "knowledge_basis": "calendar", "type": "RULE"}
    table = monthly_rules(pl.DataFrame([{**common, **row} for row in rows], schema=RULE))

    def told(hour: int) -> dict[str, tuple[int | None, int, int]]:
        found = as_of(with_state(table), as_of=first + HOUR * hour)
        return {
            entity: (final, rules, without)
            for entity, final, rules, without in found.select("entity", "final_rules", "rules", "rules_without_action").rows()
        }

    assert told(9) == {"all": (1, 1, 0), "agency/A": (1, 1, 0), "agency/B": (1, 1, 0)}
    assert told(10) == {"all": (None, 2, 1), "agency/A": (None, 2, 1), "agency/B": (1, 1, 0)}
    assert told(12)["agency/B"] == (1, 2, 1)
    assert told(13)["agency/C"] == (None, 1, 1)
    assert told(20) == {"all": (None, 4, 2), "agency/A": (2, 2, 0), "agency/B": (1, 2, 1), "agency/C": (None, 1, 1)}


@pytest.mark.parametrize("late", [False, True])
def test_rules_are_counted_by_agency_and_topic_in_their_month(late: bool) -> None:
    first = datetime(2024, 3, 1, tzinfo=UTC)
    rows = [
        ("1", first - 24 * HOUR, "Rule", "Final rule.", "Federal Reserve System; Comptroller", "Banks; Credit", True),
        ("2", first, "Rule", "Final rule; request for comment", "Federal Reserve System", None, None),
        ("3", first, "Rule", "Interim rule", "Federal Reserve System", "Banks", False),
        ("4", first + 24 * HOUR, "Proposed Rule", None, None, "Banks", True),
        ("5", first + 24 * HOUR, "Notice", "Final determination", "Comptroller", None, None),
    ]
    table = pl.DataFrame(
        [
            {
                "entity": number, "valid_time": valid, "knowledge_time": valid + HOUR * (100 if late and number == "2" else 9), "batch_id": 1,
                "row_state": "value", "knowledge_basis": "calendar", "type": kind, "action": action, "agencies": agencies, "topics": topics,
                "significant": significant,
            }
            for number, valid, kind, action, agencies, topics, significant in rows
        ],
        schema=RULE,
    )  # fmt: skip
    found = as_of(with_state(monthly_rules(table)), as_of=first + 40 * HOUR)
    columns = ["final_rules", "proposed_rules", "significant_rules", "documents"]
    counts = {(entity, month.month): tuple(numbers) for entity, month, *numbers in found.select("entity", "valid_time", *columns).rows()}
    seen = 0 if late else 1
    assert counts == {
        ("all", 2): (1, 0, 1, 1),
        ("agency/Federal Reserve System", 2): (1, 0, 1, 1),
        ("agency/Comptroller", 2): (1, 0, 1, 1),
        ("topic/Banks", 2): (1, 0, 1, 1),
        ("topic/Credit", 2): (1, 0, 1, 1),
        ("all", 3): (seen, 1, 1, 3 + seen),
        ("agency/Federal Reserve System", 3): (seen, 0, 0, 1 + seen),
        ("agency/Comptroller", 3): (0, 0, 0, 1),
        ("topic/Banks", 3): (0, 1, 1, 2),
    }
