"""The leak check: whether a table's every value was known at its row's own time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound, in_file
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from crfs.credit.catalogue import Catalogue
    from crfs.features.specification import FeatureFactor
    from crfs.store.scan import StoreReader

SHOWN = 20


def leakcheck(session: Session, file: Path, *, manifest: Path | None = None) -> dict[str, Any]:
    """Ask the store again what was known at each row's ``observed_at`` and compare.

    Factors, their lags and the state of the store are read from the manifest beside the file; without one every column that is named
    as a factor is (``us.credit_spread_baa_aaa@P3M``) is asked of the head. ``clean`` says that nothing differs and that the table was not made of one
    vintage for all rows, which sees the future of older rows. ``findings`` has the first wrong cells, with the instant from which
    their value was known, where the store knows it.
    """
    from crfs.features.training_set import training_set
    from crfs.workflows.spines import read_spine
    from crfs.workflows.times import parse_instant

    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    with in_file(file):
        table = read_spine(body, file_format="parquet" if file.suffix == ".parquet" else "csv")
    about = _manifest(file, manifest)
    reader = session.reader(session.pin(about.get("batch_id")).batch_id)
    factors = _factors(about, table, reader.catalogue)
    lacking = [factor.column for factor in factors if factor.column not in table.columns]
    if lacking:
        raise InvalidInput(f"{file} lacks the column {lacking[0]} that its manifest names")
    cap = parse_instant(about["as_of"], what="as_of") if about.get("as_of") else None
    spine = table.drop(factor.column for factor in factors)
    known = training_set(reader, spine, factors, catalogue=reader.catalogue, as_of=cap, strict=bool(about.get("strict", True))).table
    wrong = 0
    findings: list[dict[str, Any]] = []
    for factor in factors:
        told, expected = _comparable(table[factor.column], known[factor.column])
        rows = (told.ne_missing(expected)).arg_true()
        wrong += rows.len()
        findings += [
            _finding(reader, table, factor, row, value=told[row], known=expected[row])
            for row in rows.head(max(0, SHOWN - len(findings))).to_list()
        ]
    return {
        "clean": not wrong and not about.get("sees_the_future", False),
        "file": str(file),
        "rows": table.height,
        "factors": [factor.column for factor in factors],
        "sees_the_future": bool(about.get("sees_the_future", False)),
        "wrong_cells": wrong,
        "findings": findings,
        "batch_id": reader.batch_id,
    }


def _manifest(file: Path, named: Path | None) -> dict[str, Any]:
    beside = named or file.with_name(file.name + ".manifest.json")
    if named is None and not beside.exists():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read {beside}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInput(f"{beside} is not JSON: {error}") from None
    if not isinstance(content, dict) or "factors" not in content:
        raise InvalidInput(f"{beside} is no manifest of a training set")
    return content


def _factors(manifest: dict[str, Any], table: pl.DataFrame, catalogue: Catalogue) -> tuple[FeatureFactor, ...]:
    from crfs.features.specification import feature_factors

    if manifest:
        names = ("mnemonic", "lag", "max_age", "entity")
        return feature_factors([{name: item[name] for name in names if name in item} for item in manifest["factors"]])
    found = []
    for column in table.columns:
        mnemonic, _, lag = column.partition("@")
        try:
            catalogue.factor(mnemonic)
        except NotFound:
            continue
        found.append({"mnemonic": mnemonic, **({"lag": lag} if lag else {})})
    if not found:
        raise InvalidInput("no column has the name of a factor, so there is nothing to check")
    return feature_factors(found)


def _comparable(told: pl.Series, expected: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The told values in the type of the expected ones; a text that is no such value stays a text, and differs."""
    import polars as pl

    if told.dtype == expected.dtype:
        return told, expected
    if told.dtype == pl.String:
        text = pl.DataFrame({"t": told}).select(pl.when(pl.col("t").str.strip_chars() != "").then(pl.col("t")))["t"]
        if expected.dtype == pl.Boolean:
            return text, expected.cast(pl.String)
        read = text.cast(expected.dtype, strict=False)
        return (read, expected) if read.null_count() == text.null_count() else (text, expected.cast(pl.String))
    return told.cast(expected.dtype, strict=False), expected


def _finding(reader: StoreReader, table: pl.DataFrame, factor: FeatureFactor, row: int, *, value: Any, known: Any) -> dict[str, Any]:
    """A wrong cell, and from when its value was known."""
    import polars as pl

    from crfs.bitemporal.release import end_of_day

    definition = reader.catalogue.factor(factor.mnemonic)
    zone = reader.catalogue.dataset(definition.dataset).zone
    observed = table["observed_at"].slice(row, 1)
    at: datetime = (end_of_day(observed, zone) if observed.dtype == pl.Date else observed)[0]
    entity = definition.entity or str(table[factor.entity][row])
    history = reader.rows(definition.dataset, columns=[definition.column], entities=[entity])
    told = definition.value_of(pl.col(definition.column))
    same = history.clear() if value is None else history.filter(told == value, pl.col("knowledge_time") > at)
    return {
        "row": row + 1,
        "column": factor.column,
        "entity": entity,
        "observed_at": at,
        "value": value,
        "known_then": known,
        "value_known_from": same["knowledge_time"].min(),
    }
