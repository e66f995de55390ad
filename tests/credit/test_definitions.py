"""Definitions: every key checked, a canonical form that reads back, hashes that new optional keys leave alone."""

from __future__ import annotations

import math
from datetime import time

import polars as pl
import pytest

from crfs.bitemporal import ReleaseCalendar, ReleaseLag, Tenor
from crfs.credit.catalogue import packaged_definitions
from crfs.credit.definitions import (
    ColumnDefinition,
    ColumnType,
    DatasetDefinition,
    FactorDefinition,
    RevisionPolicy,
    Scope,
    dataset_from_dict,
    digest,
    factor_from_dict,
    parse_definitions,
    to_dict,
)
from crfs.errors import InvalidInput

DATASET = """
[[dataset]]
name = "prices"
title = "Prices"
source = "test"
entity_kind = "series"
period = "P1M"
zone = "America/New_York"
scope = "tenant"
revision_policy = "vintaged"
release = { name = "cpi", business_day = 9, at = "08:30", zone = "America/New_York" }
[[dataset.column]]
name = "value"
title = "Value"
minimum = 0
[[dataset.column]]
name = "note"
title = "Note"
type = "text"
"""
FACTOR = """
[[factor]]
mnemonic = "us.prices"
title = "Prices"
column = "value"
unit = "index"
category = "prices"
scale = 2
max_age = "P6M"
release_time = "08:30"
"""


def test_a_file_is_read() -> None:
    found = parse_definitions(DATASET + FACTOR, where="x.toml")
    (dataset,), (factor,) = found.datasets, found.factors
    assert dataset == DatasetDefinition(
        name="prices",
        title="Prices",
        source="test",
        entity_kind="series",
        period=Tenor(months=1),
        zone="America/New_York",
        scope=Scope.TENANT,
        revision_policy=RevisionPolicy.VINTAGED,
        release=ReleaseCalendar(name="cpi", business_day=9, at=time(8, 30), zone="America/New_York"),
        columns=(
            ColumnDefinition(name="value", title="Value", minimum=0),
            ColumnDefinition(name="note", title="Note", type=ColumnType.TEXT),
        ),
    )
    assert dict(dataset.schema()) == {"value": pl.Float64(), "note": pl.String()}
    assert dataset.column("note").type is ColumnType.TEXT
    with pytest.raises(InvalidInput, match="no column 'notes'; it has value, note"):
        dataset.column("notes")
    assert (factor.dataset, factor.scale, factor.max_age, factor.release_time) == ("prices", 2.0, Tenor(months=6), time(8, 30))


def test_what_ships_with_the_package_reads_back_from_its_canonical_form() -> None:
    for part in packaged_definitions():
        for dataset in part.datasets:
            assert dataset_from_dict(to_dict(dataset)) == dataset
            assert digest(dataset_from_dict(to_dict(dataset))) == digest(dataset)
        for factor in part.factors:
            assert factor_from_dict(to_dict(factor)) == factor


def test_a_release_lag_is_told_from_a_calendar_by_its_lag() -> None:
    text = DATASET.replace('name = "cpi", business_day = 9,', 'lag = "P1M",')
    assert parse_definitions(text, where="x").datasets[0].release == ReleaseLag(
        lag=Tenor(months=1), at=time(8, 30), zone="America/New_York"
    )


def test_the_canonical_form_leaves_out_what_is_at_its_default_and_the_hash_moves_with_any_other_change() -> None:
    base = parse_definitions(DATASET + FACTOR, where="x")
    assert "synthetic" not in to_dict(base.datasets[0])
    assert to_dict(base.datasets[0])["columns"] == [
        {"name": "value", "title": "Value", "minimum": 0},
        {"name": "note", "title": "Note", "type": "text"},
    ]
    explicit = parse_definitions(
        DATASET.replace('zone = "America/New_York"\nscope', 'zone = "America/New_York"\nsynthetic = false\nscope'), where="x"
    )
    assert digest(explicit.datasets[0]) == digest(base.datasets[0])
    for old, new in [("P1M", "P3M"), ("minimum = 0", "minimum = 1"), ("business_day = 9", "business_day = 8"), ('"Note"', '"Notes"')]:
        assert digest(parse_definitions(DATASET.replace(old, new), where="x").datasets[0]) != digest(base.datasets[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[dataset]]", "[[dataset", "x.toml: not TOML"),
        ("[[dataset]]", "extra = 1\n[[dataset]]", "unknown key 'extra'"),
        ('name = "prices"', 'name = "Prices"', "a name is a lower case letter"),
        ('name = "prices"', 'name = "x; drop table"', "a name is a lower case letter"),
        ('name = "prices"', f'name = "{"a" * 49}"', "at most 48"),
        ('name = "prices"', "name = 3", "name"),
        ('title = "Prices"\nsource', "source", "title"),
        ('title = "Prices"\nsource', "title = 3\nsource", "title"),
        ('period = "P1M"', 'period = "monthly"', "no ISO 8601 duration"),
        ('period = "P1M"', "period = 1", "no ISO 8601 duration"),
        ('zone = "America/New_York"\nscope', 'zone = "New York"\nscope', "no time zone is called"),
        ('zone = "America/New_York"\nscope', "zone = 5\nscope", "zone"),
        ('scope = "tenant"', 'scope = "mine"', "scope = 'mine'"),
        ('scope = "tenant"', 'scope = "tenant"\nsynthetic = "yes"', "synthetic"),
        ('revision_policy = "vintaged"', 'revision_policy = "often"', "revision_policy = 'often'"),
        ('scope = "tenant"', 'scpoe = "tenant"', "dataset prices: unknown key 'scpoe'"),
        ('name = "value"', 'name = "valid_time"', "column 'valid_time'"),
        ('name = "value"', 'name = "note"', "two columns have the same name"),
        ('type = "text"', 'type = "numeric"', "type = 'numeric'"),
        ("minimum = 0", 'minimum = "low"', "minimum"),
        ("minimum = 0", "minimum = 2\nmaximum = 1", "minimum 2 is above its maximum 1"),
        ("minimum = 0", "lowest = 0", "column value: unknown key 'lowest'"),
        ('at = "08:30"', 'at = "half past eight"', "release: at = 'half past eight'"),
        ("business_day = 9", "business_days = -9", "count forward"),
        ("business_day = 9", 'business_day = "9"', "business_day"),
        ("business_day = 9", "weekday = 9", "release: unknown key 'weekday'"),
        ('mnemonic = "us.prices"', 'mnemonic = "prices"', "a mnemonic is dotted lower case"),
        ('mnemonic = "us.prices"', 'mnemonic = "us.Prices"', "a mnemonic is dotted lower case"),
        ("scale = 2", 'scale = "two"', "scale = 'two'"),
        ("scale = 2", "scale = 0", "scale"),
        ("scale = 2", "scale = nan", "scale"),
        ('max_age = "P6M"', "max_age = 6", "no ISO 8601 duration"),
        ('release_time = "08:30"', 'release_time = "8.30"', "release_time = '8.30'"),
        ('release_time = "08:30"', 'release_zone = "X"', "no time zone is called"),
        ('unit = "index"\n', "", "factor us.prices: it needs unit$"),
    ],
)
def test_what_is_no_definition_is_refused_and_says_where(old: str, new: str, message: str) -> None:
    text = DATASET + FACTOR
    assert old in text
    with pytest.raises(InvalidInput, match=message) as raised:
        parse_definitions(text.replace(old, new, 1), where="x.toml")
    assert str(raised.value).startswith("x.toml: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[dataset]]\nname = "mine"\n', "dataset mine: it needs title, source, entity_kind, period, zone, columns"),
        ('[[dataset]]\ntitle = "Mine"\n[[dataset.column]]\nname = "level"\n', "dataset ?: column level: it needs title"),
        ('[[factor]]\nmnemonic = "my.index"\nunit = "index"\n', "factor my.index: it needs title, dataset, column, category"),
    ],
)
def test_every_key_that_lacks_is_named_at_once(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_definitions(text, where="x.toml")
    assert str(raised.value) == f"x.toml: {message}"


@pytest.mark.parametrize(
    "text", ["dataset = 1", "dataset = [1]", "[dataset]\nname = 'x'", "factor = 'x'", DATASET.split("[[dataset.column]]", maxsplit=1)[0]]
)
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^x\.toml: "):
        parse_definitions(text, where="x.toml")
    with pytest.raises(InvalidInput):
        parse_definitions(DATASET.split("[[dataset.column]]", maxsplit=1)[0] + "column = 'value'", where="x.toml")


def test_percent_becomes_the_nearest_decimal_whatever_the_cells_come_in() -> None:
    def factor(scale: float) -> FactorDefinition:
        return FactorDefinition(mnemonic="a.rate", title="", dataset="d", column="rate", unit="decimal", category="test", scale=scale)

    percent = factor(0.01)
    texts = [f"{number}e{power}" for power in (-1, -2, -4, -8) for number in range(-3000, 3000, 7)]
    cells = pl.Series("rate", [float(text) for text in texts])
    wanted = [float(text.replace("e-", "e-0")[:-1] + str(int(text[-1]) + 2)) for text in texts]
    assert percent.value_of(cells).to_list() == wanted
    assert pl.DataFrame(cells).select(percent.value_of(pl.col("rate"))).to_series().to_list() == wanted
    assert [percent.value_of(cell) for cell in cells.to_list()] == wanted
    # What is no decimal of few places is multiplied as ever; blanks stay blank, whole numbers become decimals.
    odd = [math.pi, 1 / 3, 1e300, 1e-300, 123456789.123456789]
    assert percent.value_of(pl.Series("rate", [*odd, None])).to_list() == [*(cell * 0.01 for cell in odd), None]
    assert percent.value_of(pl.Series("rate", [44, None, 7])).to_list() == [0.44, None, 0.07]
    assert (factor(1000.0).value_of(1.5), factor(1.0).value_of(0.1), factor(0.3).value_of(2.0), factor(-0.01).value_of(4.4)) == (
        1500.0, 0.1, 0.3 * 2.0, -0.044
    )  # fmt: skip
    assert factor(1e-300).value_of(1.0) == 1e-300
