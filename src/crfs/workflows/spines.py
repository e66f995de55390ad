"""Spines: the rows that a training set, a model or a book asks about, from cohorts of the store or from a file that was landed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.times import parse_instant

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.reader import Reader
    from crfs.credit.catalogue import Catalogue


Landed = Callable[[str], bytes]
"""Gives the bytes of a payload by its hash."""


def build_spine(
    reader: Reader, catalogue: Catalogue, specification: Mapping[str, Any], *, known_by: datetime | None, landed: Landed
) -> pl.DataFrame:
    """The spine of a specification: ``kind = "cohorts"`` of a dataset's entities, or ``kind = "payload"``, a landed CSV or Parquet file."""
    kind = specification.get("kind")
    if kind == "cohorts":
        from crfs.features.cohorts import cohorts, observation_times

        require(specification, "spine", ("dataset", "first", "last"), ("kind", "every", "max_age", "entity"))
        definition = catalogue.dataset(specification["dataset"])
        times = observation_times(
            parse_instant(specification["first"], what="spine.first"),
            parse_instant(specification["last"], what="spine.last"),
            specification.get("every", "P1M"),
        )
        return cohorts(
            reader,
            definition.name,
            times,
            period=definition.period,
            max_age=specification.get("max_age", "P3M"),
            known_by=known_by,
            entity=specification.get("entity", "obligor_id"),
        )
    if kind == "payload":
        require(specification, "spine", ("sha256",), ("kind", "format"))
        return read_spine(landed(specification["sha256"]), file_format=specification.get("format", "csv"))
    raise InvalidInput(f"spine.kind = {kind!r}; it is cohorts or payload")


def read_spine(body: bytes, *, file_format: str) -> pl.DataFrame:
    """A spine file: CSV (``observed_at`` as a date or an instant with a zone) or Parquet."""
    import io

    import polars as pl

    try:
        if file_format == "parquet":
            return pl.read_parquet(io.BytesIO(body))
        table = pl.read_csv(body, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInput(f"the spine cannot be read as {file_format}: {str(error).splitlines()[0]}") from None
    if "observed_at" not in table.columns:
        raise InvalidInput(f"the spine needs a column observed_at; it has {', '.join(table.columns)}")
    dates = table["observed_at"].str.to_date("%Y-%m-%d", strict=False)
    if not dates.null_count():
        return table.with_columns(dates.alias("observed_at"))
    instants = table["observed_at"].str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if instants.null_count():
        row = int(instants.is_null().arg_max() or 0) + 1
        raise InvalidInput(f"spine row {row}, column observed_at: {table['observed_at'][row - 1]!r} is no date and no instant with a zone")
    return table.with_columns(instants.alias("observed_at"))


def defaults_known(reader: Reader, specification: Mapping[str, Any], *, known_by: datetime) -> pl.DataFrame:
    """Default events by obligor as known at ``known_by``: ``obligor_id``, ``default_time``, ``cure_time`` (null where there was none yet).

    One obligor's facilities that default on one day are one event; it is cured when the last of them is.
    """
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    rows = reader.rows(specification.get("defaults", "bureau_default"), columns=["obligor_id", "status", "ended_on"], known_by=known_by)
    known = as_of(rows, as_of=known_by).filter(pl.col("row_state").cast(pl.String) == "value")
    cured = pl.when(pl.col("status") == "cured").then(pl.col("ended_on").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    return (
        known.select("obligor_id", pl.col("valid_time").alias("default_time"), cured.alias("cure_time"), open=pl.col("status") != "cured")
        .group_by("obligor_id", "default_time")
        .agg(pl.when(~pl.col("open").any()).then(pl.col("cure_time").max()).alias("cure_time"))
        .sort("obligor_id", "default_time")
    )


def require(data: Mapping[str, Any], what: str, needed: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a specification that lacks a key, or has one that nobody reads."""
    for name in needed:
        if name not in data:
            raise InvalidInput(f"{what} needs {name}")
    unknown = sorted(set(data) - {*needed, *known})
    if unknown:
        raise InvalidInput(f"{what}: unknown key {unknown[0]!r}; known are {', '.join((*needed, *known))}")


def check_types(options: Mapping[str, Any], *, numbers: Sequence[str] = (), flags: Sequence[str] = (), objects: Sequence[str] = ()) -> None:
    """Refuse an option of ``numbers`` that is no number, as a truth value or a text is none, one of ``flags`` that is not true or false, and one of
    ``objects`` that has no names and values; what is not given (or None) is fine.

    >>> check_types({"capital_ratio": True}, numbers=("capital_ratio",))
    Traceback (most recent call last):
    crfs.errors.InvalidInput: capital_ratio = True: a number is wanted
    """
    for names, fits, wanted in (
        (numbers, _is_number, "a number"),
        (flags, _is_flag, "true or false"),
        (objects, _is_object, "an object of options"),
    ):
        for name in names:
            if options.get(name) is not None and not fits(options[name]):
                raise InvalidInput(f"{name} = {options[name]!r}: {wanted} is wanted", argument=name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not (isinstance(value, float) and not math.isfinite(value))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)
