"""Files of the Data Download Program: both layouts, what is missing, from when values were known."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.federal_reserve import SOURCE
from tests.samples import NOW, sample
from tests.samples.federal_reserve import COLUMNS, ROWS


def rows_of(body: bytes, catalogue: Catalogue, *, url: str = "", stream: str = "G17") -> dict[tuple[str, str], float | None]:
    parsed = SOURCE.parse(sample("federal_reserve", body, url=url, stream=stream), catalogue)
    return {
        (row["entity"], f"{row['valid_time']:%Y-%m-%d}"): row["value"]
        for table in parsed.tables.values()
        for row in table.iter_rows(named=True)
    }


def as_columns(series: dict[str, dict[str, str]], *, release: str = "G17", labels: bool = True) -> bytes:
    """The same series as a file with a series a column."""
    periods = sorted({period for values in series.values() for period in values})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if labels:
        writer.writerow(["Series Description", *("a series" for _ in series)])
        writer.writerow(["Unit:", *("Index" for _ in series)])
        writer.writerow(["Unique Identifier: ", *(f"{release}/GROUP/{name}" for name in series)])
    writer.writerow(["Time Period", *series])
    for period in periods:
        writer.writerow([period, *(values.get(period, "") for values in series.values())])
    return out.getvalue().encode()


def as_rows(series: dict[str, dict[str, str]], *, order: random.Random | None = None) -> bytes:
    periods = sorted({period for values in series.values() for period in values})
    columns = ["Descriptions:", "Unit:", "Unique Identifier:", "Series Name:", *periods]
    if order is not None:
        order.shuffle(columns)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for name, values in series.items():
        about = {"Descriptions:": "a series", "Unit:": "Index", "Unique Identifier:": f"G17/GROUP/{name}", "Series Name:": name}
        writer.writerow({**about, **values})
    return out.getvalue().encode()


def test_the_recorded_release_has_every_series_with_the_values_in_the_file(recordings: Path, catalogue: Catalogue) -> None:
    (item,) = recorded_payloads(recordings / "fed_g17", source="federal_reserve", now=datetime.now(UTC))
    assert SOURCE.classify(item.payload) is Classification.OK
    parsed = SOURCE.parse(item.payload, catalogue)
    assert parsed.rejected.is_empty()
    table = parsed.tables["fed_g17"]
    assert table["entity"].n_unique() == 17
    assert table.height == 15_996
    total = table.filter(pl.col("entity") == "IP.B50001.S")
    assert (total["valid_time"][0], total["value"][0]) == (datetime(1919, 1, 1, tzinfo=UTC), 4.8773)
    assert (total["valid_time"][-1], total["value"][-1]) == (datetime(2022, 12, 1, tzinfo=UTC), 103.4332)
    finished = table.filter(pl.col("entity") == "CAPUTL.B5640C.S")
    assert (finished["valid_time"][0], finished["value"][-1]) == (datetime(1948, 1, 1, tzinfo=UTC), 77.6688)


def test_a_month_is_known_at_a_quarter_past_nine_in_washington_in_the_middle_of_the_next(recordings: Path, catalogue: Catalogue) -> None:
    (item,) = recorded_payloads(recordings / "fed_g17", source="federal_reserve", now=datetime.now(UTC))
    table = SOURCE.parse(item.payload, catalogue).tables["fed_g17"]
    known = dict(table.filter(pl.col("entity") == "IP.G21.S").select("valid_time", "knowledge_time").iter_rows())
    assert known[datetime(2022, 6, 1, tzinfo=UTC)] == datetime(2022, 7, 18, 13, 15, tzinfo=UTC)
    assert known[datetime(2022, 12, 1, tzinfo=UTC)] == datetime(2023, 1, 18, 14, 15, tzinfo=UTC)
    assert table["knowledge_basis"].unique().to_list() == ["calendar"]


def test_both_layouts_give_the_same_rows_whatever_the_order_of_columns(catalogue: Catalogue, seed: int) -> None:
    draw = random.Random(seed)
    series = {
        f"IP.G{code}.S": {f"2020-{month:02d}": f"{draw.uniform(50, 150):.4f}" for month in range(1, draw.randint(4, 12))}
        for code in draw.sample(range(300, 340), 5)
    }
    expected = {(name, f"{period}-01"): float(text) for name, values in series.items() for period, text in values.items()}
    assert rows_of(as_columns(series), catalogue) == expected
    assert rows_of(as_rows(series), catalogue) == expected
    assert rows_of(as_rows(series, order=draw), catalogue) == expected
    assert rows_of(as_columns(series, labels=False), catalogue, stream="G17/abcd") == expected


def test_nd_says_none_a_blank_inside_too_and_a_blank_at_an_end_says_nothing(catalogue: Catalogue) -> None:
    rows = rows_of(ROWS, catalogue)
    assert rows == {
        ("IP.B50001.S", "2020-01-01"): 101.5,
        ("IP.B50001.S", "2020-02-01"): None,
        ("IP.B50001.S", "2020-03-01"): 97.2,
        ("CAPUTL.B50001.S", "2019-12-01"): 77.1,
        ("CAPUTL.B50001.S", "2020-01-01"): 76.9,
        ("CAPUTL.B50001.S", "2020-02-01"): 76.8,
    }
    assert rows_of(as_columns({"A.S": {"2020-01": "1", "2020-02": "", "2020-03": "3"}}), catalogue)[("A.S", "2020-02-01")] is None


def test_rates_of_a_day_are_known_on_the_next_business_day(catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(sample("federal_reserve", COLUMNS, stream="H15"), catalogue)
    table = parsed.tables["fed_h15"].filter(pl.col("entity") == "RIFLGFCY10_XII_N.B")
    assert table["row_state"].cast(pl.String).to_list() == ["value", "missing", "value"]
    assert table["knowledge_time"].to_list() == [datetime(2024, 12, day, 21, 15, tzinfo=UTC) for day in (26, 26, 27)]


@pytest.mark.parametrize(
    ("period", "dataset"), [("2020-01-31", "fed_ddp_daily"), ("2020-01", "fed_ddp_monthly"), ("2020Q1", "fed_ddp_quarterly")]
)
def test_a_series_of_another_release_is_known_from_the_fetch(catalogue: Catalogue, period: str, dataset: str) -> None:
    body = as_columns({"LA1.X": {period: "5.5"}}, release="Z1")
    table = SOURCE.parse(sample("federal_reserve", body), catalogue).tables[dataset]
    assert table["knowledge_time"].to_list() == [NOW]
    assert table["clipped"].to_list() == [True]


def test_years_have_no_dataset_and_are_rejected(catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(sample("federal_reserve", as_columns({"LA1.A": {"1999": "5.5"}}, release="Z1")), catalogue)
    assert not parsed.tables
    assert parsed.rejected["reason"].to_list() == ["unsupported"]


def test_a_cell_that_is_no_number_goes_alone(catalogue: Catalogue) -> None:
    body = as_columns({"IP.A.S": {"2020-01": "1", "2020-02": "n/k", "2020-13": "2"}, "IP.B.S": {"2020-01": "7", "2020-02": "8"}})
    parsed = SOURCE.parse(sample("federal_reserve", body), catalogue)
    assert sum(table.height for table in parsed.tables.values()) == 3
    assert sorted(parsed.rejected["reason"].cast(pl.String).to_list()) == ["not_a_date", "not_a_number"]


def test_a_series_that_stands_in_two_groups_is_one(catalogue: Catalogue) -> None:
    body = b"Series Description,a,a\nUnique Identifier:,G17/X/IP.A.S,G17/Y/IP.A.S\nTime Period,IP.A.S,IP.A.S\n2020-01,5,5\n2020-02,6,7\n"
    parsed = SOURCE.parse(sample("federal_reserve", body), catalogue)
    assert parsed.tables["fed_g17"]["value"].to_list() == [5.0]
    assert parsed.rejected["reason"].to_list() == ["contradiction"] * 2


def test_an_unknown_column_is_noted_and_the_rows_stand(catalogue: Catalogue) -> None:
    body = ROWS.replace(b'"Currency:"', b'"Frequency of mood:"')
    parsed = SOURCE.parse(sample("federal_reserve", body), catalogue)
    assert parsed.tables["fed_g17"].height == 6
    assert parsed.rejected.select("column", "reason").rows() == [("Frequency of mood:", "unknown_column")]


def test_factors_of_the_release_are_decimals_of_real_series(catalogue: Catalogue) -> None:
    factors = [factor for factor in catalogue.factors.values() if factor.dataset == "fed_g17"]
    assert len(factors) >= 40
    assert len({factor.entity for factor in factors}) == len(factors)
    assert all((factor.scale == 0.01) == (factor.entity or "").startswith("CAPUTL.") for factor in factors)
