"""Files of the Data Download Program (G.17, H.15 and their kin): metadata, then series in rows or in columns → rows a series.

Two layouts. ``seriesrow``: one header line names the metadata columns and then the periods, and each line is a series. ``seriescolumn``:
each metadata line has a cell a series, the line ``Time Period`` names the series, and each line after it is a period. Values stay in the
provider's unit and multiplier; a series whose factor has another one is refused. ``ND`` says that there is no datum: the row is ``missing``.
A blank before a series begins or after it ends only fills the grid and gives no row; one inside is ``missing`` too.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.sources.core.asked import beside_asked
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, Rejection, accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant, read_delimited
from crfs.sources.core.unit_statements import label_of
from crfs.sources.core.units import multiplier, of_expected_units

G17, H15 = "fed_g17", "fed_h15"
BY_FREQUENCY = {"D": "fed_ddp_daily", "M": "fed_ddp_monthly", "Q": "fed_ddp_quarterly"}
"""Where series go that belong to no release with a dataset of its own, by the length of their periods."""

_OWN = {("G17", "M"): G17, ("H15", "D"): H15}
_NONE = ["", "ND", "NC", "NA", "n.a."]
_FREQUENCIES = {"D": r"^\d{4}-\d{2}-\d{2}$", "M": r"^\d{4}-\d{2}$", "Q": r"^\d{4}[-:]?Q[1-4]$", "A": r"^\d{4}$"}
_PERIOD = "|".join(pattern.strip("^$") for pattern in _FREQUENCIES.values())
_METADATA = {"descriptions", "series description", "unit", "multiplier", "currency", "unique identifier", "series name", "time period"}
_STATED = ("unit", "multiplier")
_OF_COLUMN = ("unique identifier", *_STATED)
_UNITS = dict.fromkeys(("entity", *_STATED), pl.String())
_MOST_COLUMNS = 20_000
_HEAD_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The cells of a file as ``row``, ``series``, ``identifier``, ``period`` and ``text``, and the rows left out.

    ``units`` says of each series ``entity``, ``unit`` and ``multiplier`` as the file has them.
    """

    cells: pl.DataFrame
    units: pl.DataFrame
    rejected: tuple[Rejection, ...]
    problem: tuple[RejectReason, str] | None = None


def is_ddp(body: bytes) -> bool:
    """Whether a body begins like a file of the Data Download Program."""
    head = _head(body)
    if not head:
        return False
    names = {label_of(name) for name in head[0]}
    in_rows = "series name" in names or "unique identifier" in names
    return (in_rows and len(names & _METADATA) > 1) or any(label_of(line[0]) == "time period" for line in head if line)


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of every series, by the dataset of its release and frequency."""
    grid = read_grid(payload.body)
    if grid.problem is not None:
        return reject_all(*grid.problem)
    if (other := others(grid, payload)) is not None:
        return reject_all(RejectReason.UNKNOWN_SERIES, other)
    typed, rejected = _typed(grid.cells)
    keyed = _with_dataset(typed, payload, catalogue)
    annual = pl.col("dataset").is_null()
    rejected.append(rejected_where(keyed, annual, "period", RejectReason.UNSUPPORTED, "no dataset holds periods of this length"))
    tables: dict[str, pl.DataFrame] = {}
    for (name,), part in keyed.filter(~annual).group_by("dataset", maintain_order=True):
        dataset = catalogue.dataset(str(name))
        good, unlike = of_expected_units(part.with_columns(entity="series"), grid.units, dataset, catalogue, exponent=multiplier)
        known = known_by_entity(good, dataset, catalogue, payload.fetched_at)
        accepted, refused = accept(known, dataset, catalogue, fetched_at=payload.fetched_at)
        rejected += [unlike, refused]
        if accepted.height:
            tables[dataset.name] = accepted
    return Parsed(
        tables=tables, rejected=pl.concat([rejected_table(grid.rejected), *rejected]).sort("row", maintain_order=True, nulls_last=False)
    )


def others(grid: Grid, payload: Payload) -> str | None:
    """What is wrong where a file has series of other releases than the one that its url asks for (``rel``); None where it has not."""
    asked = payload.parameters.get("rel", "").replace(".", "").strip()
    if not asked:
        return None
    named = grid.cells["identifier"].unique(maintain_order=True)
    told = [name.partition("/")[0].strip() for name in named if name and "/" in name]
    return beside_asked([asked], dict.fromkeys(told))


def read_grid(body: bytes) -> Grid:
    """The cells of either layout; never raises."""
    head = _head(body)
    if not head:
        return _unreadable(RejectReason.MALFORMED, "no line that can be read")
    at = next((i for i, line in enumerate(head) if line and label_of(line[0]) == "time period"), None)
    if max(len(line) for line in head) > _MOST_COLUMNS:
        return _unreadable(RejectReason.UNEXPECTED_SHAPE, f"more than {_MOST_COLUMNS} columns")
    return _rows_are_series(body) if at is None else _columns_are_series(body, head[: at + 1])


def _rows_are_series(body: bytes) -> Grid:
    text = read_delimited(body)
    if text.problem is not None:
        return _unreadable(*text.problem)
    labels = {label_of(name): name for name in text.header}
    periods = [name for name in text.header if _is_period(name)]
    name, identifier = labels.get("series name"), labels.get("unique identifier")
    if name is None and identifier is None:
        return _unreadable(RejectReason.MISSING_FIELD, "neither Series Name nor Unique Identifier is among the columns")
    if not periods:
        return _unreadable(RejectReason.UNEXPECTED_SHAPE, "no column is a period like 2023-01")
    whole = pl.col(identifier) if identifier else pl.lit("")
    series = text.table.select(
        "row",
        *periods,
        identifier=whole,
        series=pl.col(name) if name else whole.str.split("/").list.last(),
    )
    cells = series.unpivot(on=periods, index=["row", "series", "identifier"], variable_name="period", value_name="text")
    stated = {label: pl.col(labels[label]) if label in labels else pl.lit(None, dtype=pl.String) for label in _STATED}
    units = text.table.with_columns(entity=series["series"], **stated).select(list(_UNITS))
    unknown = [
        (None, column[:80], RejectReason.UNKNOWN_COLUMN, "neither metadata of a series nor a period")
        for column in text.header
        if column not in periods and label_of(column) not in _METADATA
    ]
    return Grid(cells=cells.sort("row", maintain_order=True), units=units, rejected=(*text.rejected, *unknown))


def _columns_are_series(body: bytes, head: list[list[str]]) -> Grid:
    names = [name.strip() for name in head[-1][1:]]
    metadata = {label_of(line[0]): line[1:] for line in head[:-1] if line}
    # A trailing comma leaves a column without a name or data. A series may stand twice (in two groups), so columns go by their number.
    rest = _after(body, "time period")
    lines = b",".join([b"period", *(str(i).encode() for i in range(len(names)))]) + b"\n" + rest
    text = read_delimited(lines)
    if text.problem is not None:
        return _unreadable(*text.problem)
    if not names:
        return _unreadable(RejectReason.UNEXPECTED_SHAPE, "Time Period is followed by no series")
    identifiers, units, multipliers = ([*metadata.get(label, []), *[""] * len(names)][: len(names)] for label in _OF_COLUMN)
    columns = pl.DataFrame(
        {"column": [str(i) for i in range(len(names))], "series": names, "identifier": [i.strip() for i in identifiers]},
        schema={"column": pl.String(), "series": pl.String(), "identifier": pl.String()},
    )
    cells = text.table.unpivot(on=text.header[1:], index=["row", "period"], variable_name="column", value_name="text")
    cells = cells.join(columns, on="column", how="left", maintain_order="left").select("row", "series", "identifier", "period", "text")
    empty = (pl.col("series") == "") & (pl.col("text") == "")
    stated = pl.DataFrame({"entity": names, "unit": units, "multiplier": multipliers}, schema=_UNITS)
    return Grid(cells=cells.filter(~empty).sort("series", maintain_order=True), units=stated, rejected=text.rejected)


def _typed(cells: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Cells with ``valid_time``, ``frequency``, ``value`` and ``row_state``, and those that no row is made of."""
    period = pl.col("period").str.strip_chars()
    frequency = pl.coalesce(*(pl.when(period.str.contains(pattern)).then(pl.lit(key)) for key, pattern in _FREQUENCIES.items()))
    quarter = period.str.slice(-1).cast(pl.Int32, strict=False)
    text = cells["period"].unique()
    days = pl.DataFrame({"period": text}).with_columns(
        frequency=frequency,
        day=pl.coalesce(
            pl.when(frequency == "D").then(period).str.to_date("%Y-%m-%d", strict=False),
            pl.when(frequency == "M").then(period + "-01").str.to_date("%Y-%m-%d", strict=False),
            pl.when(frequency == "Q")
            .then(pl.format("{}-{}-01", period.str.slice(0, 4), (quarter * 3 - 2).cast(pl.String).str.zfill(2)))
            .str.to_date("%Y-%m-%d", strict=False),
            pl.when(frequency == "A").then(period + "-01-01").str.to_date("%Y-%m-%d", strict=False),
        ),
    )
    typed = cells.join(days, on="period", how="left", maintain_order="left").with_columns(
        none=pl.col("text").is_in(_NONE), value=cell("text", ColumnType.FLOAT8)
    )
    blank = pl.col("text") == ""
    said, group = pl.when(~blank).then(pl.col("day")), ("series", "identifier")
    inside = pl.col("day").is_between(said.min().over(group), said.max().over(group))
    typed = typed.filter(~blank | inside)
    no_series, no_day = pl.col("series") == "", pl.col("day").is_null()
    outside = ~pl.col("day").is_between(FIRST_DAY, LAST_DAY)
    no_number = ~pl.col("none") & pl.col("value").is_null()
    bad: list[tuple[pl.Expr, str, RejectReason, str, str]] = [
        (no_series, "series", RejectReason.MISSING_FIELD, "the series has no name", "identifier"),
        (no_day, "period", RejectReason.NOT_A_DATE, "no period like 2023-01, 2023-01-31 or 2023Q1", "period"),
        (outside, "period", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199", "period"),
        (no_number, "value", RejectReason.NOT_A_NUMBER, "no number, nor ND", "text"),
    ]
    rejected = [rejected_where(typed, check, column, reason, detail, shown=shown) for check, column, reason, detail, shown in bad]
    good = typed.filter(~pl.any_horizontal(check.fill_null(False) for check, *_ in bad)).with_columns(
        valid_time=day_instant("day"), row_state=pl.when("none").then(pl.lit("missing")).otherwise(pl.lit("value"))
    )
    return good, rejected


def _with_dataset(cells: pl.DataFrame, payload: Payload, catalogue: Catalogue) -> pl.DataFrame:
    """``cells`` with the dataset of each: by the release in the series' identifier, else in the url, else by what the catalogue says."""
    asked = _release(payload)
    series = cells.select("series", "identifier", "frequency").unique(maintain_order=True)
    names: list[str | None] = []
    for name, identifier, frequency in series.iter_rows():
        own = identifier.partition("/")[0].upper() if "/" in identifier else asked
        listed = next((dataset for dataset in (G17, H15) if catalogue.of_entity(dataset, name)), None) if not own else None
        names.append(listed or _OWN.get((own, frequency)) or BY_FREQUENCY.get(frequency))
    known = series.with_columns(dataset=pl.Series(names, dtype=pl.String()))
    return cells.join(known, on=["series", "identifier", "frequency"], how="left", maintain_order="left")


def _release(payload: Payload) -> str:
    """The release that was asked for: ``rel`` of the url, else the stream's first part (``G17/HASH``)."""
    params = {name.lower(): value for name, value in payload.parameters.items()}
    asked = params.get("rel") or payload.stream.partition("/")[0]
    return asked.upper().replace(".", "")


def _head(body: bytes) -> list[list[str]]:
    """The first lines' cells; not more than a file's metadata may take."""
    text = body[:4_000_000].decode("utf-8-sig", errors="replace").replace("\x00", "�")
    lines = text.split("\n", _HEAD_LINES)[:_HEAD_LINES]
    try:
        return [cells for cells in csv.reader(lines) if any(value.strip() for value in cells)]
    except csv.Error:
        return []


def _after(body: bytes, label: str) -> bytes:
    """What follows the first line that begins with ``label``."""
    at = 0
    for _ in range(_HEAD_LINES + 1):
        end = body.find(b"\n", at)
        if label_of(body[at : at + 40].decode("utf-8-sig", errors="replace").partition(",")[0]) == label:
            return body[end + 1 :] if end >= 0 else b""
        if end < 0:
            break
        at = end + 1
    return b""


def _is_period(name: str) -> bool:
    import re

    return re.fullmatch(_PERIOD, name.strip()) is not None


def _unreadable(reason: RejectReason, detail: str) -> Grid:
    return Grid(cells=pl.DataFrame(), units=pl.DataFrame(schema=_UNITS), rejected=(), problem=(reason, detail))
