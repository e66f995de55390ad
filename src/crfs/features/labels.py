"""Outcome labels: whether an obligor defaulted within a horizon, told only where the outcome window has closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput, NotYetKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A spine with its labels; ``in_default`` rows were left out because the obligor was in default at the observation already."""

    table: pl.DataFrame
    in_default: int


def outcome_labels(
    spine: pl.DataFrame,
    defaults: pl.DataFrame,
    *,
    horizon: str | Tenor,
    known_by: datetime,
    reporting_delay: str | Tenor,
    entity: str = "obligor_id",
    flag: str = "default_flag",
) -> Labelled:
    """Mark spine rows whose obligor defaulted in ``(observed_at, observed_at + horizon]``, as known at ``known_by``.

    ``defaults`` has the entity, ``default_time`` and ``cure_time`` (null while in default). An outcome window is closed when the reports of
    its last day are in: ``observed_at + horizon + reporting_delay <= known_by``; one row that is still open refuses the whole set, since a
    label of an open window is too good. Obligors in default at the observation have no outcome and are left out.
    """
    window, delay = Tenor.parse(horizon), Tenor.parse(reporting_delay)
    _check_columns("spine", spine, (entity, "observed_at"), instants=("observed_at",))
    _check_columns("defaults", defaults, (entity, "default_time", "cure_time"), instants=("default_time", "cure_time"))
    for name, column in (("the spine", spine[entity]), ("the spine", spine["observed_at"]), ("the defaults", defaults["default_time"])):
        if column.null_count():
            raise InvalidInput(f"{column.name} is blank in {column.null_count()} rows of {name}")
    if known_by.tzinfo is None:
        raise InvalidInput("known_by has no time zone")
    closes = pl.col("observed_at").dt.offset_by(window.polars_offset()).dt.offset_by(delay.polars_offset())
    last = spine.select(closes.max()).item()
    if last is not None and last > known_by:
        open_rows = spine.select((closes > known_by).sum()).item()
        raise NotYetKnown(
            f"the outcome window of {open_rows} of {spine.height} rows is open at {known_by:%Y-%m-%d}: the last one closes at {last:%Y-%m-%d} "
            f"({window} after the observation, and {delay} for reports); leave those observations out or ask later"
        )
    events = defaults.select(pl.col(entity), "default_time", "cure_time").sort(entity, "default_time")
    rows = spine.with_row_index("_row")
    pairs = rows.select("_row", entity, "observed_at").join(events, on=entity, how="inner")
    before = (pl.col("default_time") <= pl.col("observed_at")) & (
        pl.col("cure_time").is_null() | (pl.col("cure_time") > pl.col("observed_at"))
    )
    end = pl.col("observed_at").dt.offset_by(window.polars_offset())
    within = (pl.col("default_time") > pl.col("observed_at")) & (pl.col("default_time") <= end)
    already = pairs.filter(before)["_row"].unique()
    hit = pairs.filter(within)["_row"].unique()
    table = rows.filter(~pl.col("_row").is_in(already.implode())).with_columns(
        pl.col("_row").is_in(hit.implode()).cast(pl.Int8).alias(flag)
    )
    return Labelled(table=table.drop("_row"), in_default=already.len())


def _check_columns(what: str, table: pl.DataFrame, names: tuple[str, ...], *, instants: tuple[str, ...]) -> None:
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise InvalidInput(f"labels need the column {lacking[0]} in the {what}")
    for name in instants:
        dtype = table[name].dtype
        if dtype != pl.Null and (not isinstance(dtype, pl.Datetime) or dtype.time_zone is None):
            raise InvalidInput(f"labels need {name} as instants with a zone, got {dtype}")
