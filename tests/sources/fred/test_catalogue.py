"""FRED's part of the catalogue: every factor is asked for by a stream, and what may not be passed on says so."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

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


OWNERS = {
    "S&P Dow Jones": ["SP500", "CSUSHPINSA", "CSUSHPISA", "SPCS20RSA", "NYXRSA", "S&P 500", "S&P: indust", "S&P div yield", "S&P PE ratio"],
    "Cboe": ["VIXCLS", "GVZCLS", "OVXCLS", "VXOCLSx", "VIXCLSx", "VIX"],
    "Moody's": ["AAA", "BAA", "DAAA", "DBAA", "BAA10Y", "AAA10Y", "AAAFFM", "BAAFFM"],
    "Nasdaq": ["NASDAQCOM"],
    "Nikkei": ["NIKKEI225"],
    "University of Michigan": ["UMCSENT", "MICH", "UMCSENTx"],
    "Conference Board": ["HWI", "HWIURATIO"],
    "Institute for Supply Management": ["NAPM", "NAPMPI", "NAPMEI", "NAPMNOI", "NAPMSDI", "NAPMII", "NAPMPRI"],
    "Dow Jones & Company": ["OILPRICEx"],
    "European Money Markets Institute": ["FM.M.U2.EUR.RT.MM.EURIBOR3MD_.HSTA"],
}


@pytest.mark.parametrize("owner", OWNERS)
def test_what_is_a_third_party_s_is_not_passed_on_and_names_its_owner(catalogue: Catalogue, owner: str) -> None:
    for series in OWNERS[owner]:
        found = [factor for factor in catalogue.factors.values() if factor.entity == series]
        assert found, series
        for factor in found:
            assert catalogue.redistribution(factor) is Redistribution.FORBIDDEN, factor.mnemonic
            assert owner in (factor.rights or catalogue.dataset(factor.dataset).rights), factor.mnemonic


def test_no_title_names_an_owner_whose_factor_is_exported(catalogue: Catalogue) -> None:
    owned = re.compile(r"S&P|Case-Shiller|Moody|CBOE|Cboe|VIX\b|NASDAQ|Nikkei|University of Michigan|ICE BofA|Euribor|\bISM\b")
    allowed = [f for f in catalogue.factors.values() if catalogue.redistribution(f) is Redistribution.ALLOWED and owned.search(f.title)]
    assert [factor.mnemonic for factor in allowed] == []


def test_the_example_asks_for_what_may_be_exported(catalogue: Catalogue) -> None:
    asked = tomllib.loads((Path(__file__).parents[3] / "examples/spec.toml").read_text(encoding="utf-8"))["factor"]
    assert {catalogue.redistribution(catalogue.factor(item["mnemonic"])) for item in asked} == {Redistribution.ALLOWED}


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
