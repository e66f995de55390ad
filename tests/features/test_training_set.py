"""Training sets from any reader: columns, questions that are dates, refusals, manifest and bytes. The rows' values are held to the
definition with the store's random histories."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crfs.bitemporal import Tenor
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Definitions, parse_definitions
from crfs.errors import InvalidInput, NotFound, NotYetKnown
from crfs.features import FeatureFactor, canonical_parquet, training_set

TEXT = """
[[dataset]]
name = "macro"
title = "Macro series"
source = "test"
entity_kind = "series"
period = "P1M"
zone = "America/Chicago"
[[dataset.column]]
name = "value"
title = "Value"

[[dataset]]
name = "bureau"
title = "Bureau"
source = "test"
entity_kind = "obligor"
period = "P0D"
zone = "UTC"
[[dataset.column]]
name = "balance"
title = "Balance"
[[dataset.column]]
name = "sector"
title = "Sector"
type = "text"

[[factor]]
mnemonic = "us.rate"
title = "Rate"
dataset = "macro"
column = "value"
unit = "decimal"
category = "test"
entity = "RATE"
scale = 0.01
max_age = "P2M"

[[factor]]
mnemonic = "obligor.balance"
title = "Balance"
dataset = "bureau"
column = "balance"
unit = "USD"
category = "test"

[[factor]]
mnemonic = "obligor.sector"
title = "Sector"
dataset = "bureau"
column = "sector"
unit = "1"
category = "test"
"""
PARSED: Definitions = parse_definitions(TEXT, where="test")
CATALOGUE = Catalogue.of([PARSED])


class TableReader:
    """A reader of tables in memory; it keeps what it was asked."""

    def __init__(self, **tables: pl.DataFrame) -> None:
        self.tables = tables
        self.asked: list[tuple[str, tuple[str, ...], tuple[str, ...] | None, datetime | None]] = []

    def rows(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
        known_by: datetime | None = None,
    ) -> pl.DataFrame:
        table = self.tables[dataset]
        self.asked.append((dataset, tuple(columns or ()), None if entities is None else tuple(entities), known_by))
        if entities is not None:
            table = table.filter(pl.col("entity").is_in(list(entities)))
        return table if known_by is None else table.filter(pl.col("knowledge_time") <= known_by)


def instant(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    defaults = {"batch_id": 1, "row_state": "value", "knowledge_basis": "observed"}
    return pl.DataFrame(
        [{**defaults, **row} for row in rows],
        schema_overrides={"valid_time": INSTANT, "knowledge_time": INSTANT, "row_state": ROW_STATE, "knowledge_basis": KNOWLEDGE_BASIS},
    )


MACRO = table(
    [
        {"entity": "RATE", "valid_time": instant(2020, month, 1), "knowledge_time": instant(2020, month + 1, 6, 6), "value": float(month)}
        for month in range(1, 7)
    ]
    + [{"entity": "OTHER", "valid_time": instant(2020, 1, 1), "knowledge_time": instant(2020, 1, 2), "value": 99.0}]
)
BUREAU = table(
    [
        {
            "entity": entity,
            "valid_time": instant(2020, month, 28),
            "knowledge_time": instant(2020, month, 28) + timedelta(days=20),
            "balance": balance + month,
            "sector": sector,
        }
        for entity, balance, sector in [("a", 100.0, "retail"), ("b", 200.0, None)]
        for month in range(1, 6)
    ]
)
RATE, BALANCE, SECTOR = (FeatureFactor(mnemonic=name) for name in ("us.rate", "obligor.balance", "obligor.sector"))


def reader(**changed: pl.DataFrame) -> TableReader:
    return TableReader(**{"macro": MACRO, "bureau": BUREAU, **changed})


def spine(*rows: tuple[str | None, datetime]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"obligor_id": pl.String, "observed_at": pl.Datetime("us", "UTC")}, orient="row")


def test_each_row_has_what_was_known_at_its_own_time_in_the_spines_order() -> None:
    asked = spine(
        ("b", instant(2020, 5, 1)),
        ("a", instant(2020, 3, 1)),
        ("nobody", instant(2020, 5, 1)),
        ("a", instant(2019, 1, 1)),
        (None, instant(2020, 5, 1)),
    )
    made = training_set(reader(), asked, [SECTOR, RATE, BALANCE], catalogue=CATALOGUE)
    assert made.table.columns == ["obligor_id", "observed_at", "obligor.sector", "us.rate", "obligor.balance"]
    assert made.table.select("obligor_id", "observed_at").equals(asked)
    # On 1 May the March figure (known from 6 April) is the newest; on 1 March that of January, known from 6 February.
    assert made.table["us.rate"].to_list() == [0.03, 0.01, 0.03, None, 0.03]
    assert made.table["obligor.balance"].to_list() == [203.0, 101.0, None, None, None]
    assert made.table["obligor.sector"].to_list() == [None, "retail", None, None, None]


def test_a_dataset_is_read_once_for_all_its_factors_and_lags_and_a_fixed_entity_alone() -> None:
    source = reader()
    lagged = FeatureFactor(mnemonic="us.rate", lag=Tenor.parse("P3M"), max_age=Tenor.parse("P1Y"))
    training_set(source, spine(("a", instant(2020, 5, 1))), [RATE, lagged, BALANCE, SECTOR], catalogue=CATALOGUE, as_of=instant(2021, 1, 1))
    assert source.asked == [
        ("macro", ("value",), ("RATE",), instant(2021, 1, 1)),
        ("bureau", ("balance", "sector"), None, instant(2021, 1, 1)),
    ]


def test_a_value_too_old_is_missing_and_a_factor_asked_for_may_say_otherwise() -> None:
    at = instant(2020, 9, 2)  # the June figure's period ends on 1 July; two months later is 1 September
    patient = FeatureFactor(mnemonic="us.rate", max_age=Tenor.parse("P3M"))
    assert training_set(reader(), spine(("a", at)), [RATE], catalogue=CATALOGUE).table["us.rate"].item() is None
    assert training_set(reader(), spine(("a", at - timedelta(days=1))), [RATE], catalogue=CATALOGUE).table["us.rate"].item() == 0.06
    assert training_set(reader(), spine(("a", at)), [patient], catalogue=CATALOGUE).table["us.rate"].item() == 0.06


def test_a_question_that_is_a_date_means_the_end_of_that_day_where_the_publisher_is() -> None:
    """The January figure is known from 6 February 06:00 UTC, which is the end of 5 February in Chicago."""
    days = pl.DataFrame({"obligor_id": "a", "observed_at": [date(2020, 2, 4), date(2020, 2, 5)]})
    assert training_set(reader(), days, [RATE], catalogue=CATALOGUE).table["us.rate"].to_list() == [None, 0.01]


def test_instants_of_any_zone_and_unit_are_the_same_question() -> None:
    asked = spine(("a", instant(2020, 5, 1)))
    local = asked.with_columns(pl.col("observed_at").dt.convert_time_zone("Asia/Tokyo").cast(pl.Datetime("ms", "Asia/Tokyo")))
    assert training_set(reader(), local, [BALANCE], catalogue=CATALOGUE).table["obligor.balance"].to_list() == [103.0]


def test_a_strict_set_refuses_an_assumed_knowledge_time_that_counts() -> None:
    assumed = MACRO.with_columns(knowledge_basis=pl.lit("assumed").cast(KNOWLEDGE_BASIS))
    mended = pl.concat([assumed, MACRO.with_columns(batch_id=pl.lit(2, pl.Int64))])
    annulled = MACRO.with_columns(batch_id=pl.lit(2, pl.Int64), row_state=pl.lit("annulled").cast(ROW_STATE), value=None)
    asked = spine(("a", instant(2020, 5, 1)))
    with pytest.raises(NotYetKnown, match=r"dataset macro .* declare a release calendar, or ask with strict off"):
        training_set(reader(macro=assumed), asked, [RATE], catalogue=CATALOGUE)
    loose = training_set(reader(macro=assumed), asked, [RATE], catalogue=CATALOGUE, strict=False)
    assert loose.table["us.rate"].to_list() == [0.03]
    assert loose.manifest["strict"] is False
    assert training_set(reader(macro=mended), asked, [RATE], catalogue=CATALOGUE).table["us.rate"].to_list() == [0.03]
    gone = training_set(reader(macro=pl.concat([assumed, annulled])), asked, [RATE], catalogue=CATALOGUE)
    assert gone.table["us.rate"].to_list() == [None]


def test_the_manifest_has_the_hash_of_the_tables_own_bytes_and_of_every_definition() -> None:
    asked = spine(("a", instant(2020, 5, 1)), ("b", instant(2020, 5, 1)))
    made = training_set(reader(), asked, [RATE, BALANCE], catalogue=CATALOGUE, as_of=instant(2020, 6, 1))
    assert made.manifest["content_sha256"] == hashlib.sha256(made.to_parquet()).hexdigest()
    assert made.manifest["spine_sha256"] == hashlib.sha256(canonical_parquet(asked)).hexdigest()
    assert pl.read_parquet(io.BytesIO(made.to_parquet())).equals(made.table)
    assert (made.manifest["rows"], made.manifest["as_of"], made.manifest["vintage"]) == (2, "2020-06-01T00:00:00+00:00", None)
    assert [factor["mnemonic"] for factor in made.manifest["factors"]] == ["us.rate", "obligor.balance"]
    assert all(len(factor["definition_sha256"]) == len(factor["dataset_sha256"]) == 64 for factor in made.manifest["factors"])
    again = training_set(
        reader(macro=MACRO.sample(fraction=1, shuffle=True, seed=1)), asked, [RATE, BALANCE], catalogue=CATALOGUE, as_of=instant(2020, 6, 1)
    )
    assert again.manifest == made.manifest, "the order of rows in the store is no part of it"


def test_bytes_depend_on_the_values_and_not_on_the_chunks_that_they_lie_in() -> None:
    whole = pl.DataFrame({"x": list(range(10)), "s": ["a", None] * 5})
    assert canonical_parquet(pl.concat([whole.head(3), whole.tail(7)], rechunk=False)) == canonical_parquet(whole)
    assert canonical_parquet(whole.head(9)) != canonical_parquet(whole)


def test_one_vintage_sees_the_future_and_says_so() -> None:
    asked = spine(("a", instant(2020, 2, 10)))
    made = training_set(reader(), asked, [BALANCE], catalogue=CATALOGUE, vintage=instant(2021, 1, 1))
    assert made.table["obligor.balance"].to_list() == [101.0], "January's, known only from 17 February"
    assert training_set(reader(), asked, [BALANCE], catalogue=CATALOGUE).table["obligor.balance"].to_list() == [None]
    assert (made.manifest["sees_the_future"], made.manifest["vintage"]) == (True, "2021-01-01T00:00:00+00:00")


def test_an_empty_spine_gives_an_empty_set_with_every_column() -> None:
    made = training_set(reader(), spine(), [RATE, BALANCE, SECTOR], catalogue=CATALOGUE)
    assert made.table.height == 0
    assert dict(made.table.schema) == dict(spine().schema) | {
        "us.rate": pl.Float64,
        "obligor.balance": pl.Float64,
        "obligor.sector": pl.String,
    }


def test_a_set_of_no_factors_is_the_spine() -> None:
    asked = spine(("a", instant(2020, 5, 1)))
    assert training_set(reader(), asked, [], catalogue=CATALOGUE).table.equals(asked)


def test_what_cannot_be_asked_is_refused() -> None:
    asked = spine(("a", instant(2020, 5, 1)))
    naive = asked.with_columns(pl.col("observed_at").dt.replace_time_zone(None))
    now = instant(2020, 5, 1)
    for frame, factors, times, message in [
        (asked, [RATE], {"as_of": now, "vintage": now}, "not both"),
        (asked.drop("observed_at"), [RATE], {}, "needs a column observed_at"),
        (naive, [RATE], {}, "no time zone"),
        (asked.with_columns(observed_at=pl.lit("2020-05-01")), [RATE], {}, "no time zone"),
        (asked.with_columns(observed_at=pl.lit(None, pl.Datetime("us", "UTC"))), [RATE], {}, "blank in 1 rows"),
        (asked.rename({"obligor_id": "firm"}), [BALANCE], {}, "joined on 'obligor_id', which the spine lacks"),
        (asked, [RATE, RATE], {}, "us.rate would be there twice"),
        (asked.with_columns(pl.lit(1).alias("us.rate")), [RATE], {}, "us.rate would be there twice"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            training_set(reader(), frame, factors, catalogue=CATALOGUE, **times)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match=r"did you mean us\.rate"):
        training_set(reader(), asked, [FeatureFactor(mnemonic="us.rates")], catalogue=CATALOGUE)
