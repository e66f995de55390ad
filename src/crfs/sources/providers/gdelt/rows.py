"""GDELT's answers → rows: articles, timelines, mentions, events. All of its times are UTC."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.articles import filled, text_id, web_address
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import object_cells
from crfs.sources.core.markup import plain_text
from crfs.sources.core.one_dataset import one_dataset
from crfs.sources.core.tables import Rejection, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant, read_delimited
from crfs.sources.providers.gdelt.answers import Answer, Kind, look, other_search
from crfs.sources.providers.gdelt.queries import NAMES

ARTICLES, MENTIONS, EVENTS, TIMELINES = "gdelt_articles", "gdelt_mentions", "gdelt_events", "gdelt_timelines"
MOST_SERIES = 1000
"""A timeline has one series, or one a language or a country."""
_SERIES = {
    "volume intensity": "volume",
    "average tone": "tone",
    "article count": "count",
}
_ARTICLE_NAMES = {
    "url": ("url",),
    "seendate": ("seendate", "date"),
    "title": ("title", "headline"),
    "domain": ("domain", "source_name"),
    "language": ("language",),
}
_EVENT_TEXT = (
    "actor1name",
    "actor1countrycode",
    "actor2name",
    "actor2countrycode",
    "eventcode",
    "actiongeo_fullname",
    "actiongeo_countrycode",
    "sourceurl",
)
_EVENT_NUMBERS = ("quadclass", "goldsteinscale", "nummentions", "numsources", "numarticles", "avgtone")


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of one payload, by what its body is."""
    answer = look(payload)
    if (other := other_search(answer, payload)) is not None:
        return reject_all(RejectReason.UNKNOWN_SERIES, other)
    match answer.kind:
        case Kind.ARTICLES:
            cells, rejected = object_cells(
                answer.fields["articles"], ("url", "seendate"), optional=("title", "domain", "language"), what="an article"
            )
            return _articles(cells, rejected, payload, catalogue)
        case Kind.ARTICLE_TABLE:
            return _article_table(answer, payload, catalogue)
        case Kind.TIMELINE | Kind.TIMELINE_TABLE:
            return _timeline(answer, payload, catalogue)
        case Kind.MENTIONS:
            return _mentions(answer, payload, catalogue)
        case Kind.EVENTS:
            return _events(answer, payload, catalogue)
        case Kind.NO_RESULT:
            return Parsed(tables={}, rejected=rejected_table())
        case Kind.BUSY | Kind.WORDS:
            return reject_all(RejectReason.UNSUPPORTED, f"words of the provider: {answer.words}")
        case _:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no answer of GDELT: {answer.words or 'an empty body'}")


def _article_table(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    text = read_delimited(answer.body, delimiter=answer.columns[0])
    if text.problem is not None:
        return reject_all(*text.problem)
    by_name = {name.lower(): name for name in text.header}
    chosen = {name: next((by_name[other] for other in others if other in by_name), None) for name, others in _ARTICLE_NAMES.items()}
    cells = text.table.select("row", *((pl.col(column) if column else pl.lit("")).alias(name) for name, column in chosen.items()))
    return _articles(cells, text.rejected, payload, catalogue)


def _articles(cells: pl.DataFrame, rejected: Sequence[Rejection], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Articles, known from when GDELT first saw them, on its grid of fifteen minutes."""
    typed = cells.with_columns(filled("url").alias("url"), _seen=instant("seendate"))
    no_url = pl.col("url").is_null()
    bad = [
        rejected_where(typed, no_url, "url", RejectReason.MISSING_FIELD, "an article without an address"),
        rejected_where(typed, ~no_url & pl.col("_seen").is_null(), "seendate", RejectReason.NOT_A_DATE, "no time like 20260524T181500Z"),
    ]
    good = typed.filter(~no_url & pl.col("_seen").is_not_null())
    # One search names an address twice where it lists its mobile page; GDELT spaces out the marks of a title, which stays as it is.
    frame = good.with_columns(
        pl.Series("entity", [text_id(url) for url in good["url"]], pl.String()),
        pl.Series("title", [plain_text(title) or None for title in good["title"]], pl.String()),
        url=web_address("url"),
        publisher=filled("domain"),
        language=filled("language"),
    )
    return one_dataset(_seen_at(frame, payload), [rejected_table(rejected), *bad], ARTICLES, payload, catalogue)


def _seen_at(frame: pl.DataFrame, payload: Payload) -> pl.DataFrame:
    fetched = pl.lit(payload.fetched_at).cast(INSTANT)
    return frame.with_columns(
        valid_time=pl.col("_seen"),
        knowledge_time=pl.min_horizontal("_seen", fetched),
        knowledge_basis=pl.lit("observed"),
        clipped=pl.col("_seen") > fetched,
    )


def _timeline(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    """A search's timeline. Its values move while late articles come in, so they are known from the fetch."""
    rejections: list[Rejection] = []
    parts: list[pl.DataFrame] = []
    query = _query(answer, payload)
    if answer.kind is Kind.TIMELINE_TABLE:
        text = read_delimited(answer.body, delimiter=answer.columns[0])
        if text.problem is not None:
            return reject_all(*text.problem)
        rejections += text.rejected
        by_name = {name.lower(): name for name in text.header}
        missing = next((name for name in ("date", "series", "value") if name not in by_name), None)
        if missing is not None:
            return reject_all(RejectReason.MISSING_FIELD, f"the table has no column {missing}")
        parts.append(text.table.select("row", **{name: pl.col(by_name[name]) for name in ("date", "series", "value")}))
    else:
        if len(answer.fields["timeline"]) > MOST_SERIES:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"more than {MOST_SERIES} series in one timeline")
        offset = 0
        for place, line in enumerate(answer.fields["timeline"], start=1):
            data = line.get("data") if isinstance(line, dict) else None
            if not isinstance(data, list):
                rejections.append((offset + 1, "data", RejectReason.MISSING_FIELD, f"series {place} of the timeline has no list of data"))
                continue
            cells, bad = object_cells(data, ("date", "value"), what="a point")
            name = str(line.get("series") or "").encode("utf-8", "replace").decode()
            parts.append(cells.select(pl.col("row") + offset, "date", pl.lit(name).alias("series"), "value"))
            rejections += [(row and row + offset, column, reason, detail) for row, column, reason, detail in bad]
            offset += len(data)
    if not query or not parts:
        reason = "neither the url nor query_details says what was searched" if not query else "no series in the timeline"
        return reject_all(RejectReason.UNKNOWN_SERIES if not query else RejectReason.UNEXPECTED_SHAPE, reason)
    cells = pl.concat(parts)
    kind = pl.col("series").str.strip_chars().str.to_lowercase()
    typed = cells.with_columns(
        entity=pl.concat_str(kind.replace(_SERIES).fill_null(""), pl.lit(f"/{query}")),
        valid_time=instant("date"),
        _value=pl.col("value").str.strip_chars().cast(pl.Float64, strict=False),
    )
    no_date, no_number = pl.col("valid_time").is_null(), pl.col("_value").is_null()
    rejected = [
        rejected_table(rejections),
        rejected_where(typed, no_date, "date", RejectReason.NOT_A_DATE, "no time like 20260524T181500Z"),
        rejected_where(typed, ~no_date & no_number, "value", RejectReason.NOT_A_NUMBER, "not a number"),
    ]
    good = typed.filter(~no_date & ~no_number).with_columns(value=pl.col("_value"))
    return one_dataset(
        known_by_entity(good, catalogue.dataset(TIMELINES), catalogue, payload.fetched_at), rejected, TIMELINES, payload, catalogue
    )


def _query(answer: Answer, payload: Payload) -> str:
    """What was searched: from the address, else from the answer; by its name where it has one."""
    query = payload.parameters.get("query", "")
    details = answer.fields.get("query_details")
    if not query and isinstance(details, dict):
        query = str(details.get("title") or "")
    query = " ".join((query or (payload.stream.partition("/")[2] or payload.stream)).split())[:300]
    return NAMES.get(query, query.encode("utf-8", "replace").decode())


def _mentions(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    """Documents of a file of mentions: each once, however many events it mentions, with its tone."""
    table, rejected = _table(
        answer, ("mentiontimedate", "mentionidentifier"), ("mentionsourcename", "mentiondoctone", "mentiondoctranslationinfo")
    )
    typed = table.with_columns(
        _seen=instant("mentiontimedate"),
        url=filled("mentionidentifier"),
        _tone=pl.col("mentiondoctone").str.strip_chars().cast(pl.Float64, strict=False),
    )
    no_document, no_time = pl.col("url").is_null(), pl.col("_seen").is_null()
    no_tone = (pl.col("mentiondoctone").str.strip_chars() != "") & ~pl.col("_tone").is_finite().fill_null(False)
    bad = [
        rejected_where(typed, no_document, "mentionidentifier", RejectReason.MISSING_FIELD, "a mention without its document"),
        rejected_where(typed, ~no_document & no_time, "mentiontimedate", RejectReason.NOT_A_DATE, "no time like 20260524181500"),
        rejected_where(typed, ~no_document & ~no_time & no_tone, "mentiondoctone", RejectReason.NOT_A_NUMBER, "not a number"),
    ]
    good = typed.filter(~no_document & ~no_time & ~no_tone).unique(["url", "_seen", "_tone"], keep="first", maintain_order=True)
    source = pl.col("mentiondoctranslationinfo").str.extract(r"^srclc:([a-z]{2,3})", 1)
    frame = good.with_columns(
        pl.Series("entity", [text_id(url) for url in good["url"]], pl.String()),
        url=web_address("url"),
        publisher=filled("mentionsourcename"),
        language=pl.when(pl.col("mentiondoctranslationinfo").str.strip_chars() == "").then(pl.lit("eng")).otherwise(source),
        provider_sentiment=(pl.col("_tone") / 100).clip(-1, 1),
    )
    return one_dataset(_seen_at(frame, payload), [rejected, *bad], MENTIONS, payload, catalogue)


def _events(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    """Events, true on their day and known from when they were added (version 1 gives a day: its file is out at 07:00 UTC of the next)."""
    table, rejected = _table(answer, ("globaleventid", "sqldate", "dateadded"), (*_EVENT_TEXT, *_EVENT_NUMBERS))
    numbers = {name: pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in _EVENT_NUMBERS}
    typed = table.with_columns(
        entity=filled("globaleventid"),
        _day=pl.col("sqldate").str.strip_chars().str.to_date("%Y%m%d", strict=False),
        _added=instant("dateadded"),
        _added_day=pl.col("dateadded").str.strip_chars().str.to_date("%Y%m%d", strict=False),
        **{f"_{name}": number for name, number in numbers.items()},
    )
    fetched = pl.lit(payload.fetched_at).cast(INSTANT)
    known = pl.coalesce("_added", day_instant("_added_day").dt.offset_by("31h").cast(INSTANT))
    no_day, no_time = pl.col("_day").is_null(), known.is_null()
    bad = [
        rejected_where(typed, no_day, "sqldate", RejectReason.NOT_A_DATE, "no day like 20260524"),
        rejected_where(typed, ~no_day & no_time, "dateadded", RejectReason.NO_KNOWLEDGE_TIME, "no time like 20260524181500"),
    ]
    good = ~no_day & ~no_time
    for name in _EVENT_NUMBERS:
        unread = good & (pl.col(name).str.strip_chars() != "") & ~pl.col(f"_{name}").is_finite().fill_null(False)
        bad.append(rejected_where(typed, unread, name, RejectReason.NOT_A_NUMBER, "not a number"))
    frame = typed.filter(good & ~pl.any_horizontal(
        (pl.col(name).str.strip_chars() != "") & ~pl.col(f"_{name}").is_finite().fill_null(False) for name in _EVENT_NUMBERS
    )).select(
        "row",
        "entity",
        valid_time=day_instant("_day"),
        knowledge_time=pl.min_horizontal(known, fetched),
        clipped=known > fetched,
        knowledge_basis=pl.when(pl.col("_added").is_not_null() | (known > fetched)).then(pl.lit("observed")).otherwise(pl.lit("calendar")),
        actor1=filled("actor1name"),
        actor1_country=filled("actor1countrycode"),
        actor2=filled("actor2name"),
        actor2_country=filled("actor2countrycode"),
        event_code=filled("eventcode"),
        place=filled("actiongeo_fullname"),
        place_country=filled("actiongeo_countrycode"),
        url=web_address("sourceurl"),
        quad_class=pl.col("_quadclass").cast(pl.Int64, strict=False),
        goldstein=pl.col("_goldsteinscale"),
        mentions=pl.col("_nummentions").cast(pl.Int64, strict=False),
        sources=pl.col("_numsources").cast(pl.Int64, strict=False),
        articles=pl.col("_numarticles").cast(pl.Int64, strict=False),
        tone=pl.col("_avgtone"),
    )  # fmt: skip
    return one_dataset(frame, [rejected, *bad], EVENTS, payload, catalogue)


def _table(answer: Answer, wanted: Sequence[str], optional: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The named columns of a file as text: with a header by its names, without one by the file's own order; what is absent is empty."""
    if answer.has_header:
        text = read_delimited(answer.body, delimiter=answer.columns[0])
        table, rejected = text.table, rejected_table([*text.rejected, *([(None, None, *text.problem)] if text.problem else [])])
        by_name = {name.lower(): name for name in text.header}
        missing = [name for name in wanted if name not in by_name]
        if missing:
            note = rejected_table([(None, missing[0], RejectReason.MISSING_FIELD, "the file has no such column")])
            return table.clear().select("row", *(pl.lit("").alias(name) for name in (*wanted, *optional))), pl.concat([rejected, note])
        chosen = [(pl.col(by_name[name]) if name in by_name else pl.lit("")).alias(name) for name in (*wanted, *optional)]
        return table.select("row", *chosen), rejected
    lines = answer.body.decode("utf-8", "replace").replace("\x00", "\ufffd").split("\n")
    frame = pl.DataFrame({"line": lines}).with_row_index("row", offset=1).with_columns(pl.col("row").cast(pl.Int64))
    frame = frame.with_columns(pl.col("line").str.strip_suffix("\r")).filter(pl.col("line").str.strip_chars() != "")
    frame = frame.with_columns(cells=pl.col("line").str.split("\t"))
    wrong = pl.col("cells").list.len() != len(answer.columns)
    detail = f"not the {len(answer.columns)} columns of the first line"
    rejected = rejected_where(frame, wrong, "line", RejectReason.UNEXPECTED_SHAPE, detail)
    kept = frame.filter(~wrong)
    places = {name: place for place, name in enumerate(answer.columns)}
    cells = [(pl.col("cells").list.get(places[name]) if name in places else pl.lit("")).alias(name) for name in (*wanted, *optional)]
    table = kept.select("row", *cells)
    broken = pl.any_horizontal(pl.col(name).str.contains("\ufffd", literal=True) for name in wanted)
    return table.filter(~broken), pl.concat(
        [rejected, rejected_where(table, broken, wanted[-1], RejectReason.BROKEN_ENCODING, "not UTF-8")]
    )


def instant(name: str) -> pl.Expr:
    """GDELT's times (20260524T181500Z, 20260524181500, 2026-05-24 18:15:00) as instants; null for any other text."""
    text = pl.col(name).str.strip_chars()
    shaped = text.str.contains(r"^(\d{8}T?\d{6}Z?|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}Z?)$")
    digits = pl.when(shaped).then(text.str.replace_all(r"[^0-9]", ""))
    return digits.str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="us").dt.replace_time_zone("UTC").cast(INSTANT)
