"""Ratios of issuers that have told their sheets in more than one currency: each sheet in its own, and none changed by what is filed later."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from tests.samples import sample
from tests.samples.edgar import fact

SOURCE = load_source("edgar")
Units = dict[str, list[dict[str, object]]]


def yearly(year: int, value: float, *, filed: int | None = None) -> dict[str, object]:
    later = (year if filed is None else filed) + 1
    return fact(value, f"{year}-12-31", filed=f"{later}-02-20", accession=f"0000000001-{later % 100:02d}-000001")


def sheets(assets: Units, liabilities: Units, catalogue: Catalogue, **others: Units) -> pl.DataFrame:
    tags: dict[str, Any] = {"Assets": assets, "Liabilities": liabilities, **others}
    body = {
        "cik": 1234567,
        "entityName": "Example Corp",
        "facts": {"us-gaap": {tag: {"label": tag, "units": units} for tag, units in tags.items()}},
    }
    tables = SOURCE.parse(sample("edgar", json.dumps(body).encode()), catalogue).tables
    return tables["edgar_ratios"] if "edgar_ratios" in tables else pl.DataFrame(schema={"valid_time": pl.Datetime("us", "UTC")})


def of(years: Sequence[int], start: float) -> list[dict[str, object]]:
    return [yearly(year, start + year) for year in years]


def test_each_year_of_an_issuer_that_changed_its_currency_has_its_ratios(catalogue: Catalogue) -> None:
    rows = sheets(
        {"EUR": of(range(2018, 2021), 0), "USD": of(range(2021, 2023), 0)},
        {"EUR": of(range(2018, 2021), -1000), "USD": of(range(2021, 2023), -900)},
        catalogue,
    )
    assert rows["valid_time"].dt.year().to_list() == [2018, 2019, 2020, 2021, 2022]
    assert rows["leverage"].to_list() == [(year - (1000 if year < 2021 else 900)) / year for year in range(2018, 2023)]


def test_what_was_known_by_a_day_depends_on_no_later_filing(catalogue: Catalogue) -> None:
    euros, dollars = range(2018, 2021), range(2021, 2026)
    before = sheets({"EUR": of(euros, 0)}, {"EUR": of(euros, -1000)}, catalogue)
    again = [yearly(year, 5000.0, filed=2021) for year in (2019, 2020)]
    after = sheets(
        {"EUR": of(euros, 0), "USD": again + of(dollars, 0)}, {"EUR": of(euros, -1000), "USD": again + of(dollars, -900)}, catalogue
    )
    assert after.filter(pl.col("knowledge_time") < datetime(2022, 1, 1, tzinfo=UTC)).equals(before)
    assert after.filter(pl.col("valid_time") < datetime(2021, 1, 1, tzinfo=UTC)).equals(before), (
        "the older years in dollars are of no sheet in euros"
    )
    assert after.height == 8


def test_no_item_mixes_two_currencies(catalogue: Catalogue) -> None:
    rows = sheets({"EUR": [yearly(2020, 1000)], "USD": [yearly(2021, 1100)]}, {"USD": [yearly(2020, 600), yearly(2021, 660)]}, catalogue)
    assert rows["leverage"].to_list() == [None, 0.6]


def test_a_translation_beside_the_own_currency_is_not_the_sheet(catalogue: Catalogue) -> None:
    rows = sheets(
        {"CNY": [yearly(2023, 7000), yearly(2022, 6900, filed=2023)], "USD": [yearly(2023, 1000)]},
        {"CNY": [yearly(2023, 3500)], "USD": [yearly(2023, 510)]},
        catalogue,
    )
    assert rows["assets"].to_list() == [7000]
    assert rows["leverage"].to_list() == [0.5]


def test_a_day_told_as_much_in_two_currencies_has_no_sheet_until_a_filing_says_which(catalogue: Catalogue) -> None:
    both: Units = {"EUR": [yearly(2023, 900)], "USD": [yearly(2023, 1000)]}
    assert sheets(both, both, catalogue).is_empty()
    later: Units = {"EUR": both["EUR"], "USD": [*both["USD"], yearly(2023, 1000, filed=2024)]}
    (row,) = sheets(later, later, catalogue).iter_rows(named=True)
    assert (row["assets"], row["knowledge_time"].year) == (1000, 2025)


def test_whatever_is_filed_in_whatever_currency_the_past_stays_as_it_was_known(catalogue: Catalogue) -> None:
    chance = random.Random(5)
    compared = 0
    for _ in range(40):
        told = {
            (chance.choice(["Assets", "Assets", "Liabilities"]), chance.choice(["EUR", "USD", "CNY"]), filed, chance.randint(2018, filed))
            for filed in chance.choices(range(2019, 2024), k=20)
        }
        said = [(*one, float(chance.randint(1, 99))) for one in sorted(told)]

        def known(last: int, said: list[tuple[str, str, int, int, float]] = said) -> pl.DataFrame:
            tags: dict[str, Units] = {"Assets": {}, "Liabilities": {}}
            for tag, unit, filed, year, value in said:
                if filed <= last:
                    tags[tag].setdefault(unit, []).append(yearly(year, value, filed=filed))
            return sheets(tags["Assets"], tags["Liabilities"], catalogue)

        whole = known(2023)
        for last in range(2019, 2023):
            then = known(last)
            compared += then.height
            if then.height:
                assert whole.filter(pl.col("knowledge_time") < datetime(last + 2, 1, 1, tzinfo=UTC)).equals(then)
    assert compared > 100
