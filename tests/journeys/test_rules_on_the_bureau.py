"""Early-warning rules on the bureau of a real store: scores as the champion gave them then, sectors, and no look ahead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crfs.monitoring.early_warning import Scope, packaged_rules, packaged_scale
from crfs.store.registry import champion
from crfs.workflows.alert_rules import check_rules_on_bureau
from crfs.workflows.bureau_watch import Watch, watch_bureau
from crfs.workflows.scoring import score_obligors
from crfs.workflows.session import Session, no_progress, open_session
from tests.journeys.world import World

pytestmark = [pytest.mark.servers, pytest.mark.journey]

SINCE = datetime(2007, 9, 15, tzinfo=UTC)
"""Where the out-of-time part of the world's scorecard begins."""
LATER = datetime(2009, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(world: World) -> Iterator[Session]:
    with open_session(world.address) as session:
        yield session


def watched(session: Session, known_by: datetime) -> Watch:
    return watch_bureau(session, session.pin().batch_id, packaged_rules(), packaged_scale(), known_by=known_by, progress=no_progress)


@pytest.fixture(scope="module")
def watch(store: Session) -> Watch:
    return watched(store, LATER)


@pytest.fixture(scope="module")
def document(store: Session) -> dict[str, Any]:
    return check_rules_on_bureau(store, store.pin().batch_id, packaged_rules(), packaged_scale(), known_by=LATER)


def test_a_score_is_what_the_champion_gave_at_that_time(store: Session, watch: Watch) -> None:
    table = watch.tables[Scope.OBLIGOR].filter(pl.col("pd").is_not_null())
    reader = store.reader(store.pin().batch_id)
    version = champion(store.database, "pd")
    for time in (datetime(2007, 9, 30, tzinfo=UTC), datetime(2008, 8, 31, tzinfo=UTC)):
        own = table.filter(pl.col("valid_time") == time).sort("entity")
        assert own.height > 200
        asked = score_obligors(store, reader, version, own["entity"], at=time).sort("obligor_id")
        assert asked["obligor_id"].equals(own["entity"], check_names=False)
        assert asked["pd_12m"].equals(own["pd"], check_names=False)
        assert packaged_scale().rated(own["pd"], pl.Series([False] * own.height)).equals(own["rating"])


def test_no_score_is_known_before_the_model_could_be(watch: Watch) -> None:
    scored = watch.tables[Scope.OBLIGOR].filter(pl.col("rating").is_not_null())
    assert scored["knowledge_time"].min() == SINCE
    # What rules look back to is there from the first.
    first: Any = scored["valid_time"].min()
    assert first <= datetime(2007, 3, 31, tzinfo=UTC)
    assert scored.filter(pl.col("rating") == "D")["pd"].null_count() == scored.filter(pl.col("rating") == "D").height > 0


def test_what_becomes_known_later_changes_nothing_before_it(store: Session, watch: Watch) -> None:
    for moment in (datetime(2008, 6, 30, tzinfo=UTC), datetime(2009, 2, 11, 7, tzinfo=UTC)):
        then = watched(store, moment)
        assert set(then.tables) == {"obligor", "sector", "portfolio"}
        for scope, table in then.tables.items():
            known = watch.tables[scope].filter(pl.col("knowledge_time") <= moment)
            assert_frame_equal(table, known, check_row_order=False)
        assert then.until <= moment


def test_a_sector_is_the_mean_of_its_obligors(store: Session, watch: Watch) -> None:
    time = datetime(2008, 8, 31, tzinfo=UTC)
    sectors = store.reader(store.pin().batch_id).rows("bureau_obligor", columns=["sector"]).unique("entity").select("entity", "sector")
    own = watch.tables[Scope.OBLIGOR].filter((pl.col("valid_time") == time) & pl.col("pd").is_not_null()).join(sectors, on="entity")
    means = own.group_by("sector").agg(pl.col("pd").mean()).sort("sector")
    told = watch.tables[Scope.SECTOR].filter((pl.col("valid_time") == time) & pl.col("pd").is_not_null()).sort("entity")
    assert told["entity"].to_list() == means["sector"].to_list()
    assert told["pd"].to_list() == pytest.approx(means["pd"].to_list())


def test_rules_are_measured_against_what_followed(document: dict[str, Any], watch: Watch) -> None:
    worth = {one["rule"]: one for one in document["performance"]}
    assert set(worth) == {
        "obligor.pd_increase",
        "obligor.pd_relative_increase",
        "obligor.rating_downgrade",
        "obligor.utilisation_jump",
        "obligor.days_past_due",
        "sector.pd_increase",
        "portfolio.pd_increase",
        "any rule",
    }
    # The defaults that a rule on scores could have foretold are those after the model began, of obligors who had not defaulted before.
    first = watch.defaults.group_by("entity").agg(pl.col("defaulted_at").min())
    there = (
        watch.tables[Scope.OBLIGOR].filter(pl.col("knowledge_time") >= SINCE).group_by("entity").agg(began=pl.col("knowledge_time").min())
    )
    after = first.join(there, on="entity").filter((pl.col("began") < pl.col("defaulted_at")) & (pl.col("defaulted_at") <= watch.until))
    recall = worth["obligor.pd_increase"]["recall"]
    assert 0 < recall["hits"] <= recall["of"] <= after.height
    assert recall["of"] >= 0.9 * after.height
    assert worth["obligor.pd_increase"]["since"] == SINCE
    assert worth["obligor.days_past_due"]["since"] < SINCE - timedelta(days=1000)
    said = " ".join(document["notes"])
    for rule, what in (("obligor.sentiment", "news"), ("obligor.spread_move", "credit spreads"), ("sector.limit_use", "limits of a book")):
        assert f"{rule}: it needs {what}" in said
    assert said.count("which the simulation does not have") == 7
    assert "pd version 1, the champion" in said
