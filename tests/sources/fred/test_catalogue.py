"""FRED's part of the catalogue: every factor is asked for by a stream, and what may not be passed on says so."""

from __future__ import annotations

from collections import Counter

from crfs.credit.catalogue import Catalogue
from crfs.credit.categories import CATEGORIES
from crfs.credit.definitions import Redistribution

WORDS = """AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX
UT VT VA WA WV WI WY"""
STATES = WORDS.split()


def test_every_series_is_in_exactly_one_stream_and_every_stream_asks_for_factors(catalogue: Catalogue) -> None:
    asked = Counter(series for stream in catalogue.streams.values() if stream.source == "fred" for series in stream.series)
    series = {factor.entity for factor in catalogue.factors.values() if factor.dataset == "fred_series"}
    assert set(asked) == series | {"fred_md"}
    assert set(asked.values()) == {1}


def test_the_states_have_unemployment_and_house_prices(catalogue: Catalogue) -> None:
    assert len(STATES) == 51
    for state in STATES:
        assert catalogue.factor(f"us.state.{state.lower()}.unemployment_rate").entity == f"{state}UR"
        assert catalogue.factor(f"us.state.{state.lower()}.house_price_index").entity == f"{state}STHPI"


def test_ice_indices_are_not_passed_on_and_say_why(catalogue: Catalogue) -> None:
    ice = [factor for factor in catalogue.factors.values() if (factor.entity or "").startswith("BAML")]
    assert len(ice) == 13
    assert all(catalogue.redistribution(factor) is Redistribution.FORBIDDEN and "ICE" in factor.rights for factor in ice)


def test_units_periods_and_release_times_are_whole(catalogue: Catalogue) -> None:
    for factor in catalogue.factors.values():
        if factor.dataset not in ("fred_series", "fred_md_panel"):
            continue
        assert factor.category in CATEGORIES
        assert factor.max_age is not None
        assert factor.period is not None
        assert (factor.release_time is None) == (factor.release_zone is None)
        assert factor.unit
        if factor.unit == "decimal":
            assert factor.scale == 0.01
            assert factor.maximum is None or factor.maximum <= 20
