"""The Federal Reserve's scenarios: from the provider's files through its parser to scenarios in decimals."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import packaged_catalogue
from crfs.credit.scenarios import ScenarioSeverity, replay, scale, supervisory_history, supervisory_scenarios
from crfs.errors import InvalidInput
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.federal_reserve import SOURCE
from tests.samples import sample
from tests.samples.federal_reserve import DOMESTIC, INTERNATIONAL

SHARED = Path(os.environ.get("CRFS_SHARED") or Path(__file__).parents[2].parent / "shared")


def parsed(body: bytes, stream: str) -> list[pl.DataFrame]:
    return list(SOURCE.parse(sample("federal_reserve", body, stream=stream), packaged_catalogue()).tables.values())


def test_domestic_and_international_tables_make_one_scenario_in_decimals() -> None:
    tables = parsed(DOMESTIC, "2025-Table_3A") + parsed(INTERNATIONAL, "2025-Table_2B")
    baseline, adverse = supervisory_scenarios(tables, packaged_catalogue())
    assert (adverse.name, adverse.severity, adverse.start) == ("2025/severely_adverse", ScenarioSeverity.SEVERELY_ADVERSE, date(2025, 1, 1))
    assert (baseline.name, baseline.severity) == ("2025/baseline", ScenarioSeverity.BASELINE)
    assert adverse.path("us.scenario.real_gdp_growth").values == (-0.089, -0.067)
    assert adverse.path("us.scenario.bbb_yield").values == (0.052, None)
    assert adverse.path("us.scenario.equity_index").values == (34508.6, 30792.3)
    assert (baseline.path("intl.scenario.japan_exchange_rate").unit, baseline.periods) == ("yen per USD", 1)


def test_an_entity_that_is_no_scenario_is_named() -> None:
    (table,) = parsed(DOMESTIC, "2025-Table_3A")
    with pytest.raises(InvalidInput, match="'US' is no scenario"):
        supervisory_scenarios([table.with_columns(entity=pl.lit("US"))], packaged_catalogue())
    with pytest.raises(InvalidInput, match="no row of a supervisory scenario"):
        supervisory_scenarios([table.clear()], packaged_catalogue())
    with pytest.raises(InvalidInput, match="for this period already"):
        supervisory_scenarios([table, table], packaged_catalogue())


@pytest.fixture(scope="module")
def recorded() -> list[pl.DataFrame]:
    folder = SHARED / "recordings" / "fed_supervisory_scenarios"
    if not folder.is_dir():
        pytest.skip(f"the shared recordings are not at {folder} (CRFS_SHARED)")
    catalogue = packaged_catalogue()
    return [
        table
        for item in recorded_payloads(folder, source="federal_reserve", now=datetime.now(UTC))
        for table in SOURCE.parse(item.payload, catalogue).tables.values()
    ]


def test_every_recorded_set_is_read_and_its_2008_is_replayed(recorded: list[pl.DataFrame]) -> None:
    catalogue = packaged_catalogue()
    found = {one.name: one for one in supervisory_scenarios(recorded, catalogue)}
    assert sorted(found) == ["2025/baseline", "2025/severely_adverse", "2026-proposed/baseline", "2026-proposed/severely_adverse"]
    assert {one.periods for one in found.values()} == {13}
    assert len(found["2025/severely_adverse"].variables) == 16
    assert len(found["2026-proposed/severely_adverse"].variables) == 28
    adverse, base = found["2025/severely_adverse"], found["2025/baseline"]
    # Table 3A of the 2025 set: unemployment peaks at 10 percent in the third quarter of 2026.
    peak = adverse.values("us.scenario.unemployment_rate")
    assert (peak.max(), adverse.times[int(peak.argmax())]) == (0.1, date(2026, 7, 1))
    half = scale(adverse, base, 0.5).values("us.scenario.unemployment_rate")
    assert half == pytest.approx((peak + base.values("us.scenario.unemployment_rate")) / 2)

    history = supervisory_history(recorded, catalogue, scenario_set="2025")
    today = {"us.scenario.unemployment_rate": 0.041, "us.scenario.house_price_index": 322.1}
    again = replay(history, since=date(2008, 1, 1), until=date(2010, 1, 1), today=today, start=date(2025, 1, 1), name="2008")
    told = history.filter(pl.col("variable") == "us.scenario.house_price_index")
    levels = dict(zip(told["valid_time"].dt.date(), told["value"], strict=True))
    assert again.values("us.scenario.house_price_index")[-1] == pytest.approx(322.1 * levels[date(2009, 10, 1)] / levels[date(2007, 10, 1)])
    assert again.values("us.scenario.unemployment_rate")[-1] == pytest.approx(0.041 + 0.099 - 0.048)
    with pytest.raises(InvalidInput, match="no history of the set '2019'"):
        supervisory_history(recorded, catalogue, scenario_set="2019")
