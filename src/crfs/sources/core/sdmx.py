"""SDMX data messages → observations in long form: JSON 1.0 and 2.0, generic XML 2.0 and 2.1, CSV; never raises.

An observation has its series' key (the codes of its dimensions but time, in the order of their positions, joined by dots), the frequency that
one of them says (null: none does), its period as the provider writes it, its value as text, and the unit and the multiplier that its attributes
say (null: they say none). The multiplier is not applied: values stay those of the provider. What a message about structures holds is no data:
it gives no observations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from crfs.credit.definitions import ColumnType
from crfs.sources.core.contract import RejectReason
from crfs.sources.core.json_text import as_text, read_json
from crfs.sources.core.sdmx_periods import FREQUENCIES, LENGTHS, period_of
from crfs.sources.core.tables import Rejection, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant, read_delimited
from crfs.sources.core.xml_text import local_name, read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OBSERVATIONS = dict.fromkeys(("row", "key", "frequency", "period", "text", "unit", "multiplier"), pl.String()) | {"row": pl.Int64()}
_TIME = ("TIME_PERIOD", "TIME")
_MOST_DIMENSIONS = 64
_MOST_GROUPS = 1_000
_UNIT, _MULTIPLIER = ("UNIT_MEASURE", "UNIT"), ("UNIT_MULT", "POWERCODE")
"""Attributes that say the unit of an observation and the power of ten of which it is a multiple, by their ids or their roles."""
_NONE = ["", "nan", "null", ":"]
_Row = tuple[int, str, str | None, str, str, str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SdmxMessage:
    """A message that was read. ``flow`` is the dataflow's id where it says so, ``prepared`` when it was made (with its zone), ``error`` the
    provider's words; ``is_structure`` says that it describes data and has none; ``problem`` why nothing could be read.
    """

    table: pl.DataFrame
    rejected: tuple[Rejection, ...] = ()
    flow: str | None = None
    prepared: datetime | None = None
    is_structure: bool = False
    error: str | None = None
    problem: tuple[RejectReason, str] | None = None

    @property
    def count(self) -> int:
        """How many observations there were, readable or not."""
        return self.table.height + sum(1 for row, *_ in self.rejected if row is not None)


def read_sdmx(body: bytes) -> SdmxMessage:
    """The message by its first byte: JSON, XML, or else CSV."""
    start = body[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"{", b"[")):
        return _of_json(body)
    return _of_xml(body) if start.startswith(b"<") else _of_csv(body)


def observation_rows(message: SdmxMessage, *, prefix: str, frequency: pl.Expr | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows (``row``, ``entity``, ``valid_time``, ``value``) and what is rejected; an observation that has none is null (``missing``).

    The entity is ``prefix`` and the series' key; ``valid_time`` the start of the period in UTC. A period of another length than its series'
    ``frequency`` says (None: the one that the message says) is rejected: the rule that dates the series would date the value of a year as that
    of a day.
    """
    given = message.table["period"].unique()
    periods = [period_of(text) or (None, None) for text in given]
    told = {"period": given, "day": [start for start, _ in periods], "length": [length for _, length in periods]}
    schema = {"period": pl.String(), "day": pl.Date(), "length": pl.String()}
    table = message.table.join(pl.DataFrame(told, schema=schema), on="period", how="left", maintain_order="left").with_columns(
        none=pl.col("text").str.strip_chars().str.to_lowercase().is_in(_NONE),
        value=cell("text", ColumnType.FLOAT8),
        expected=(pl.col("frequency") if frequency is None else frequency).replace_strict(LENGTHS, default=None, return_dtype=pl.String()),
    )
    no_day, no_number = pl.col("day").is_null(), ~pl.col("none") & pl.col("value").is_null()
    other_length = (pl.col("length") != pl.col("expected")).fill_null(False)
    lengths = table.filter(other_length).with_columns(
        lengths=pl.format("{} is a {}, and the key's frequency a {}", "period", "length", "expected")
    )
    rejected = [
        rejected_table(message.rejected),
        rejected_where(table, no_day, "TIME_PERIOD", RejectReason.NOT_A_DATE, "no period like 2020, 2020-Q1, 2020-01", shown="period"),
        rejected_where(
            lengths, pl.lit(True), "TIME_PERIOD", RejectReason.CONTRADICTION, "not as long as the series' periods", shown="lengths"
        ),
        rejected_where(table, no_number, "OBS_VALUE", RejectReason.NOT_A_NUMBER, "not a number", shown="text"),
    ]
    good = table.filter(~no_day & ~other_length & ~no_number)
    value = pl.when(~pl.col("none")).then(pl.col("value"))
    return good.select("row", entity=pl.lit(prefix) + pl.col("key"), valid_time=day_instant("day"), value=value), pl.concat(rejected)


def stated_units(message: SdmxMessage, *, prefix: str) -> pl.DataFrame:
    """What the message says of each series: ``entity``, ``unit`` and ``multiplier`` (an exponent of ten), each combination once, in order."""
    told = message.table.select("unit", "multiplier", entity=pl.lit(prefix) + pl.col("key"))
    return told.unique().sort("entity", "unit", "multiplier")


def _problem(detail: str, reason: RejectReason = RejectReason.UNEXPECTED_SHAPE) -> SdmxMessage:
    return SdmxMessage(table=pl.DataFrame(schema=OBSERVATIONS), problem=(reason, detail))


def _message(rows: Sequence[_Row], rejected: Sequence[Rejection], flow: str | None, prepared: datetime | None) -> SdmxMessage:
    table = pl.DataFrame(rows, schema=OBSERVATIONS, orient="row")
    return SdmxMessage(table=table, rejected=tuple(rejected), flow=flow, prepared=prepared)


# --- JSON ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dimension:
    """A dimension: its id, its codes in order, and where it stands in the series' key."""

    name: str
    codes: tuple[str, ...]
    position: float

    @property
    def is_time(self) -> bool:
        return self.name in _TIME

    @property
    def is_frequency(self) -> bool:
        return self.name in FREQUENCIES


_Levels = Mapping[str, tuple[_Dimension, ...]]


@dataclass(slots=True, kw_only=True)
class _Place:
    """What a group of indices stands for: codes with their positions in the key, the frequency, the period, or a problem."""

    codes: list[tuple[float, str]]
    frequency: str | None = None
    period: str | None = None
    problem: str | None = None


def _of_json(body: bytes) -> SdmxMessage:
    read = read_json(body)
    if read.problem is not None:
        return _problem(read.problem, RejectReason.MALFORMED)
    document = read.fields
    inner = document.get("data")
    data: Mapping[str, Any] = inner if isinstance(inner, dict) else document
    errors = document.get("errors")
    sets = data.get("dataSets")
    if not isinstance(sets, list):
        if isinstance(errors, list) and errors:
            return SdmxMessage(table=pl.DataFrame(schema=OBSERVATIONS), error=as_text(errors[0])[:300])
        described = any(isinstance(data.get(name), list) for name in ("dataStructures", "dataflows", "codelists", "conceptSchemes"))
        if described:
            return SdmxMessage(table=pl.DataFrame(schema=OBSERVATIONS), is_structure=True)
        return _problem("no SDMX data message: it has no dataSets")
    several = data.get("structures")
    structures = several if isinstance(several, list) else [data.get("structure")]
    head = document.get("meta") if isinstance(document.get("meta"), dict) else document.get("header")
    header = head if isinstance(head, dict) else {}
    rows: list[_Row] = []
    rejected: list[Rejection] = []
    flow: str | None = None
    for one in sets:
        number = one.get("structure", 0) if isinstance(one, dict) else None
        structure = structures[number] if isinstance(number, int) and 0 <= number < len(structures) else None
        levels = _dimensions(structure)
        if not isinstance(one, dict) or levels is None:
            return _problem("a data set whose structure names no dimensions, or more than one time or none")
        flow = flow or _flow(structure, header)
        _place(one, levels, _attributes(structure), rows, rejected)
    return _message(rows, rejected, flow, _instant(header.get("prepared")))


def _place(one: Mapping[str, Any], levels: _Levels, attributes: _Attributes, rows: list[_Row], rejected: list[Rejection]) -> None:
    """Put the observations of a data set into ``rows``, or say in ``rejected`` why they have no place."""
    fixed = _Place(codes=[(item.position, item.codes[0]) for item in levels["dataSet"] if item.codes and not item.is_time])
    fixed.frequency = next((item.codes[0] for item in levels["dataSet"] if item.codes and item.is_frequency), None)
    fixed.period = next((item.codes[0] for item in levels["dataSet"] if item.codes and item.is_time), None)
    places: dict[tuple[str, str], _Place] = {}
    whole = _told(attributes["dataSet"], one.get("attributes"))
    groups = _groups(one, attributes)
    of_series: dict[str, _Told] = {}
    for series, index, cells in _json_observations(one):
        row = len(rows) + len(rejected) + 1
        parts = [fixed]
        for level, text in (("series", series), ("observation", index)):
            if text is None:
                continue
            if (level, text) not in places:
                places[level, text] = _placed(text, levels[level])
            parts.append(places[level, text])
        problem = next((part.problem for part in parts if part.problem), None)
        period = next((part.period for part in parts if part.period is not None), None)
        if problem or period is None:
            rejected.append((row, None, RejectReason.UNEXPECTED_SHAPE, problem or "the observation has no period"))
            continue
        frequency = next((part.frequency for part in parts if part.frequency is not None), None)
        codes = sorted((code for part in parts for code in part.codes), key=lambda item: item[0])
        name = series if series is not None else index
        if name not in of_series:
            own = one["series"][series].get("attributes") if series is not None else None
            of_series[name] = _either(_told(attributes["series"], own), _of_group(groups, name), whole)
        unit, multiplier = of_series[name]
        if attributes["observation"]:
            unit, multiplier = _either(_told(attributes["observation"], cells[1:] if isinstance(cells, list) else None), (unit, multiplier))
        rows.append((row, ".".join(code for _, code in codes), frequency, period, _first(cells), unit, multiplier))


def _dimensions(structure: object) -> _Levels | None:
    """The dimensions of the data set, of its series and of its observations."""
    given = structure.get("dimensions") if isinstance(structure, dict) else None
    if not isinstance(given, dict):
        return None
    levels: dict[str, tuple[_Dimension, ...]] = {}
    count = 0
    for level in ("dataSet", "series", "observation"):
        items = given.get(level, [])
        if not isinstance(items, list):
            return None
        read = []
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("values"), list):
                return None
            place = item.get("keyPosition")
            codes = tuple(_code(value) for value in item["values"])
            read.append(_Dimension(name=as_text(item.get("id")), codes=codes, position=place if isinstance(place, int) else count))
            count += 1
        levels[level] = tuple(read)
    if count > _MOST_DIMENSIONS or sum(dimension.is_time for level in levels.values() for dimension in level) != 1:
        return None
    return levels


def _code(value: object) -> str:
    """The code of a dimension's value: its id; in 2.0 an uncoded one has a ``value``, or is the text itself."""
    if isinstance(value, dict):
        return as_text(value["id"] if "id" in value else value.get("value"))
    return as_text(value)


def _json_observations(one: Mapping[str, Any]) -> Iterator[tuple[str | None, str, object]]:
    """(indices of the series or None, indices of the observation, its cells) of each observation, whether in series or flat."""
    flat, series = one.get("observations"), one.get("series")
    for index, cells in flat.items() if isinstance(flat, dict) else ():
        yield None, index, cells
    for key, item in series.items() if isinstance(series, dict) else ():
        observations = item.get("observations") if isinstance(item, dict) else None
        for index, cells in observations.items() if isinstance(observations, dict) else ():
            yield key, index, cells


_Told = tuple[str | None, str | None]
_Attribute = tuple[int, int, tuple[str, ...]]
"""Which of unit (0) and multiplier (1) an attribute says, its place among the attributes of its level, and the codes of its values."""
_Attributes = Mapping[str, tuple[_Attribute, ...]]


def _attributes(structure: object) -> _Attributes:
    """The attributes that say a unit or a multiplier, by the level to which they are attached."""
    given = structure.get("attributes") if isinstance(structure, dict) else None
    found: dict[str, tuple[_Attribute, ...]] = {}
    for level in ("dataSet", "dimensionGroup", "series", "observation"):
        items = given.get(level) if isinstance(given, dict) else None
        read: list[_Attribute] = []
        for place, item in enumerate(items if isinstance(items, list) else []):
            names = {as_text(item.get("id")), as_text(item.get("role"))} if isinstance(item, dict) else set()
            values = item.get("values") if isinstance(item, dict) else None
            codes = tuple(_code(value) for value in values) if isinstance(values, list) else ()
            read += [(which, place, codes) for which, ids in enumerate((_UNIT, _MULTIPLIER)) if names & set(ids)]
        found[level] = tuple(read)
    return found


def _told(attributes: Sequence[_Attribute], indices: object) -> _Told:
    """The unit and the multiplier that indices into the values of the attributes of a level stand for; null where they say none."""
    told: list[str | None] = [None, None]
    for which, place, codes in attributes:
        index = indices[place] if isinstance(indices, list) and place < len(indices) else None
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(codes):
            told[which] = codes[index]
    return told[0], told[1]


def _either(*told: _Told) -> _Told:
    """Of what several levels say the first that says anything."""
    return next((unit for unit, _ in told if unit is not None), None), next((times for _, times in told if times is not None), None)


def _groups(one: Mapping[str, Any], attributes: _Attributes) -> list[tuple[list[str], _Told]]:
    """What is told of groups of series: the indices of their dimensions, blank where any will do."""
    given = one.get("dimensionGroupAttributes") if attributes["dimensionGroup"] else None
    items = given.items() if isinstance(given, dict) else ()
    return [(key.split(":"), _told(attributes["dimensionGroup"], indices)) for key, indices in items][:_MOST_GROUPS]


def _of_group(groups: Sequence[tuple[list[str], _Told]], indices: str) -> _Told:
    parts = indices.split(":")
    return _either(*(told for key, told in groups if all(code in ("", part) for code, part in zip(key, parts, strict=False))))


def _first(cells: object) -> str:
    """The value of an observation: the first of its cells (the rest are indices of attributes)."""
    return as_text(cells[0] if isinstance(cells, list) and cells else None if isinstance(cells, list) else cells)


def _placed(text: str, dimensions: tuple[_Dimension, ...]) -> _Place:
    """The codes and the period that indices like ``0:3:1`` stand for, or why they stand for none."""
    place = _Place(codes=[])
    parts = text.split(":") if text else []
    if len(parts) != len(dimensions):
        place.problem = f"{len(parts)} indices ({text[:60]}) for {len(dimensions)} dimensions"
        return place
    for part, dimension in zip(parts, dimensions, strict=True):
        index = int(part) if part.isascii() and part.isdigit() and len(part) < 10 else -1
        if not 0 <= index < len(dimension.codes):
            place.problem = f"no value of {dimension.name[:60]} has the index {part[:20]}"
        elif dimension.is_time:
            place.period = dimension.codes[index]
        else:
            place.codes.append((dimension.position, dimension.codes[index]))
            place.frequency = dimension.codes[index] if dimension.is_frequency else place.frequency
    return place


_FLOW_IN_LINK = re.compile(
    r"/dataflow/(?:[^/?#]+/)?([^/?#,]+)(?:/|$)|/data/(?:[^/?#,]+,)?([^/?#,]+)|(?:Dataflow|DataStructure)=[^:]*:([^()]+)\("
)


def _flow(structure: object, header: Mapping[str, Any]) -> str | None:
    """The id of the dataflow, from the structure's links or the request that the header repeats."""
    links: list[object] = []
    for holder in (structure, header):
        given = holder.get("links") if isinstance(holder, dict) else None
        links += given if isinstance(given, list) else []
    for wanted in ("dataflow", "request", "self"):
        for link in links:
            if isinstance(link, dict) and link.get("rel") == wanted:
                for text in (as_text(link.get("urn")), as_text(link.get("href"))):
                    found = flow_in(text)
                    if found:
                        return found
    return None


def flow_in(text: str) -> str | None:
    """The dataflow's id in a link or a URN.

    >>> flow_in("https://stats.oecd.org/sdmx-json/dataflow/QNA/all"), flow_in("https://sdmx.oecd.org/rest/data/OECD.SDD,DSD_A@DF_B,4.1/M")
    ('QNA', 'DSD_A@DF_B')
    >>> flow_in("urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=ECB:EXR(1.0)")
    'EXR'
    """
    shown = text[:2000]
    old = re.search(r"/dataflow/([^/?#]+)/all\b", shown)
    if old:
        return old[1]
    found = _FLOW_IN_LINK.search(shown)
    return next((part for part in found.groups() if part), None) if found else None


# --- XML and CSV -----------------------------------------------------------------------------------------------------


def _of_xml(body: bytes) -> SdmxMessage:
    read = read_xml(body)
    if read.root is None:
        return _problem(read.problem or "not XML", RejectReason.MALFORMED)
    kind = local_name(read.root)
    if kind == "Structure":
        return SdmxMessage(table=pl.DataFrame(schema=OBSERVATIONS), is_structure=True)
    if kind in ("Error", "error"):
        return SdmxMessage(table=pl.DataFrame(schema=OBSERVATIONS), error=" ".join("".join(read.root.itertext()).split())[:300])
    if kind not in ("GenericData", "GenericTimeSeriesData"):
        return _problem(f"XML with the root {kind[:60]}; of SDMX's data messages the generic one is read")
    rows: list[_Row] = []
    rejected: list[Rejection] = []
    flow: str | None = None
    prepared: datetime | None = None
    count = 0
    for element, key, told in _series(read.root):
        name = local_name(element)
        if name == "Prepared":
            prepared = prepared or _instant((element.text or "").strip())
        elif name in ("Ref", "KeyFamilyRef"):
            flow = flow or element.get("id") or (element.text or "").strip() or None
        elif name == "Obs":
            count += 1
            codes, period, value = _xml_observation(element)
            names = {name: code for code, name in [*key, *codes]}
            frequency = next((names[name] for name in FREQUENCIES if name in names), None)
            if period is None:
                rejected.append((count, "TIME_PERIOD", RejectReason.MISSING_FIELD, "the observation has no period"))
            else:
                own = _either(_xml_told(element), told)
                rows.append((count, ".".join(code for code, _ in (*key, *codes)), frequency, period, value, *own))
    return _message(rows, rejected, flow, prepared)


_Codes = list[tuple[str, str]]
"""Codes of dimensions with the dimensions' names, in the order of the key."""


def _series(root: Element) -> Iterator[tuple[Element, _Codes, _Told]]:
    """Every element with the codes of the series that it stands in, and what the series or the data set says of its unit."""
    stack: list[tuple[Element, _Codes, _Told]] = [(root, [], (None, None))]
    while stack:
        element, key, told = stack.pop()
        yield element, key, told
        if local_name(element) == "Series":
            key = [value for child in element if local_name(child) == "SeriesKey" for value in _values(child)]
        if local_name(element) in ("Series", "DataSet"):
            told = _either(_xml_told(element), told)
        if local_name(element) != "Obs":
            stack += [(child, key, told) for child in reversed(element)]


def _xml_told(element: Element) -> _Told:
    """The unit and the multiplier that the attributes right below an element say."""
    given = {name: code for child in element if local_name(child) == "Attributes" for code, name in _values(child)}
    return next((given[name] for name in _UNIT if name in given), None), next((given[name] for name in _MULTIPLIER if name in given), None)


def _xml_observation(element: Element) -> tuple[_Codes, str | None, str]:
    codes: _Codes = []
    period, value = None, ""
    for child in element:
        match local_name(child):
            case "ObsDimension":
                period = child.get("value")
            case "Time":
                period = (child.text or "").strip()
            case "ObsKey":
                for code, name in _values(child):
                    if name in _TIME:
                        period = code
                    else:
                        codes.append((code, name))
            case "ObsValue":
                value = child.get("value", "")
    return codes, period, value


def _values(element: Element) -> _Codes:
    return [(child.get("value", ""), child.get("id") or child.get("concept") or "") for child in element if local_name(child) == "Value"]


_CSV_FRAME = ("DATAFLOW", "STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)


def _of_csv(body: bytes) -> SdmxMessage:
    """CSV: with a column ``KEY`` (the ECB's), else as the standard has it, the dimensions standing between the dataflow and TIME_PERIOD.

    Columns of labels (``Reference area``), and labels behind a code (``USA: United States``), are left out.
    """
    text = read_delimited(body)
    if text.problem is not None:
        return _problem(text.problem[1], text.problem[0])
    names = {name: name.partition(":")[0].strip() for name in text.header}
    found = {code: name for name, code in reversed(names.items())}
    lacking = [code for code in ("TIME_PERIOD", "OBS_VALUE") if code not in found]
    if lacking:
        return _problem(f"CSV without a column called {lacking[0]}")
    before = list(names)[: list(names).index(found["TIME_PERIOD"])]
    key = ["KEY"] if "KEY" in found else [names[name] for name in before if _CODE.fullmatch(names[name]) and names[name] not in _CSV_FRAME]
    if not key:
        return _problem("CSV without a KEY, and without dimensions before TIME_PERIOD")
    codes = [pl.col(found[code]).str.split(": ").list.first().str.strip_chars() for code in key]
    place = pl.col(found["TIME_PERIOD"]).str.split(": ").list.first()
    told = {}
    for name, ids in (("frequency", FREQUENCIES), ("unit", _UNIT), ("multiplier", _MULTIPLIER)):
        column = next((found[code] for code in ids if code in found and (code not in key or name == "frequency")), None)
        said = pl.col(column).str.split(": ").list.first().str.strip_chars() if column else pl.lit(None, dtype=pl.String)
        told[name] = pl.when(said != "").then(said)
    table = text.table.select(
        "row", pl.concat_str(codes, separator=".").alias("key"), place.alias("period"), pl.col(found["OBS_VALUE"]).alias("text"), **told
    ).select(list(OBSERVATIONS))
    flow = next(
        (_flow_of_cell(text.table[found[name]][0]) for name in ("DATAFLOW", "STRUCTURE_ID") if name in found and table.height), None
    )
    return SdmxMessage(table=table, rejected=text.rejected, flow=flow)


def _flow_of_cell(cell_text: str) -> str | None:
    """``OECD.SDD.STES:DSD_STES@DF_CLI(4.1)`` names the dataflow behind its agency."""
    return cell_text.partition("(")[0].rpartition(":")[2].strip() or None


def _instant(value: object) -> datetime | None:
    """When a message was prepared; None without a zone. Fractions of a second beyond the sixth digit are dropped."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", as_text(value)[:40])
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None and moment.utcoffset() != timedelta.max else None
    except (ValueError, OverflowError):
        return None
