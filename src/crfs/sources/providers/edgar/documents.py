"""Documents of filings: full submissions (the header is the best clock there is), current reports (8-K) and earnings releases, with their texts.

A document alone does not say when it was accepted; it is known from the fetch then (``clipped``). In a full submission it is known from the
header's ``ACCEPTANCE-DATETIME``, which is New York's wall clock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any

import polars as pl

from crfs.bitemporal.release import end_of_day, local_instants
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.tables import accept, reject_all, rejected_table
from crfs.sources.core.text import day_instant
from crfs.sources.providers.edgar import items, ownership, releases
from crfs.sources.providers.edgar.answers import accession_of, cik_of, entity
from crfs.sources.providers.edgar.filings import filing_instant
from crfs.sources.providers.edgar.html_text import Line, lines, too_deep
from crfs.sources.providers.edgar.item_headings import items_of
from crfs.sources.providers.edgar.plain_text import prose_lines
from crfs.sources.providers.edgar.prose import release_prose, report_prose
from crfs.sources.providers.edgar.releases.periods import read_day
from crfs.sources.providers.edgar.texts import (
    EXHIBIT,
    NO_NAME,
    RELEASE,
    REPORT,
    TEXTS,
    Filing,
    exhibit_named,
    release_among,
    released_on,
)

HEADERS, REPORTS, RELEASES = "edgar_headers", "edgar_reports", "edgar_releases"
ZONE = "America/New_York"
_MOST_HEADER, _MOST_EXHIBITS, _MOST_TAGS = 200_000, 5, 2_000
_DOCUMENT = re.compile(rb"<DOCUMENT>", re.IGNORECASE)
_TYPE = re.compile(rb"<TYPE>\s*([^\r\n<]{1,40})", re.IGNORECASE)
_TEXT = re.compile(rb"<TEXT>", re.IGNORECASE)
_FIELD = re.compile(r"^\s*(?:<)?([A-Z][A-Z0-9 /&.\-]{2,60})(?::|>)[ \t]*(.*)$")
_REPORT_DATE = re.compile(r"date\s+of\s+report.{0,60}?(?:reported|report)\)?\s*:?", re.IGNORECASE)
_FILE_NUMBER = re.compile(r"^(?:\d{1,3}-\d{4,6}(?:-\d{2})?)$")
_COVER_CIK = re.compile(rb"EntityCentralIndexKey\"[^>]{0,200}>\s*(\d{10})\s*<")
_AMENDED = re.compile(r"^form\s*8-k\s*/\s*a\b|^\(?amendment\s+no", re.IGNORECASE)
_MONTH_DAY = re.compile(r"\b[A-Z][a-z]{2,8}\s+\d{1,2},?\s+(?:19|20)\d\d\b")
_COVER_LINES = 60
_TOO_DEEP = "the page is larger, or nested deeper, than any filing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """From when a document was known, and whether that is only an upper bound."""

    at: datetime
    clipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header of a submission says; ``parties`` are (role, CIK, name)."""

    accession: str
    form: str
    filed: date
    accepted: datetime
    period: date | None
    titles: tuple[str, ...]
    parties: tuple[tuple[str, str, str], ...]


def parse_submission(payload: Payload, catalogue: Catalogue) -> Parsed:
    """The header's rows (one a party), and the rows of the earnings release or the ownership form that the submission has."""
    header = read_header(payload.body[:_MOST_HEADER].decode("utf-8", "replace").replace("\x00", "\ufffd"))
    if isinstance(header, str):
        return reject_all(RejectReason.MISSING_FIELD, header)
    numbers = items.numbers(list(header.titles))
    frame = pl.DataFrame(
        {
            "row": range(1, len(header.parties) + 1),
            "entity": [cik for _, cik, _ in header.parties],
            "role": [role for role, _, _ in header.parties],
            "name": [name or None for _, _, name in header.parties],
        },
        schema_overrides={"name": pl.String},
    ).unique("entity", keep="first", maintain_order=True)
    frame = frame.with_columns(
        accession=pl.lit(header.accession),
        form=pl.lit(header.form),
        filed=pl.lit(header.filed),
        period=pl.lit(header.period, dtype=pl.Date),
        items=pl.lit(numbers, dtype=pl.String),
        knowledge_time=pl.lit(header.accepted).cast(INSTANT),
        knowledge_basis=pl.lit("observed"),
    )
    accepted, rejected = accept(
        frame.with_columns(valid_time=filing_instant()), catalogue.dataset(HEADERS), catalogue, fetched_at=payload.fetched_at
    )
    tables = {HEADERS: accepted} if accepted.height else {}
    known = Known(at=min(header.accepted, payload.fetched_at), clipped=header.accepted > payload.fetched_at)
    parts = [rejected]
    filing = Filing(
        issuer=header.parties[0][1],
        day=min(header.period or header.filed, header.filed),
        accession=header.accession,
        form=header.form,
        items=numbers,
    )
    exhibits: list[tuple[str, str, bool]] = []
    said: list[dict[str, Any]] = []
    named: set[str] = set()
    seen: Counter[str] = Counter()
    is_current = header.form.startswith("8-K")
    for kind, body in _documents(payload.body):
        document = _name_of(kind, seen, named)
        is_page = kind == header.form and is_current and document == NO_NAME.sub("", kind)
        is_exhibit = kind.startswith("EX-99") and is_current and len(exhibits) < _MOST_EXHIBITS
        read = lines(body) if is_page or is_exhibit else []
        if (is_page or is_exhibit) and not read and too_deep(body):
            parts.append(reject_all(RejectReason.UNSUPPORTED, f"{document}: {_TOO_DEEP}").rejected)
            exhibits += [(document, "", False)] if is_exhibit else []
        elif is_exhibit:
            found = None if RELEASES in tables else _release(read, filing.issuer, header.accession, known, catalogue)
            if isinstance(found, str):
                parts.append(reject_all(RejectReason.UNSUPPORTED, found).rejected)
            else:
                tables |= found or {}
            exhibits.append((document, release_prose(prose_lines(body, read)), isinstance(found, dict)))
        elif is_page:
            said += filing.text(REPORT, report_prose(prose_lines(body, read)), document=document)
        elif kind in ("3", "4", "5", "3/A", "4/A", "5/A") and ownership.TRADES not in tables:
            start, stop = body.find(b"<ownershipDocument"), body.rfind(b"</ownershipDocument>")
            trades = ownership.parse(
                body[start : stop + 20] if 0 <= start < stop else body, catalogue, known=known.at, clipped=known.clipped
            )
            tables |= trades.tables
            parts.append(trades.rejected)
    release = release_among(exhibits, is_of_results=filing.is_of_results)
    for place, (document, prose, _) in enumerate(exhibits):
        said += filing.text(RELEASE if place == release else EXHIBIT, prose, document=document)
    return Parsed(tables=tables | _rows(TEXTS, said, known, catalogue), rejected=pl.concat(parts))


def _name_of(kind: str, seen: Counter[str], named: set[str]) -> str:
    """The name of a document of this type, which no other document of its filing has: old filings call every exhibit EX-99.

    >>> seen, named = Counter(), set()
    >>> [_name_of(kind, seen, named) for kind in ("EX-99.1*", "EX-99.1", "EX-99.2")]
    ['EX-99.1', 'EX-99.1 (2)', 'EX-99.2']
    """
    first = document = NO_NAME.sub("", kind)
    seen[first] += 1
    while document in named:
        document = f"{first} ({seen[first]})"
        seen[first] += document in named
    named.add(document)
    return document


def read_header(text: str) -> Header | str:
    """The header of a full submission; a text that says what is missing where it cannot be read.

    >>> read_header("<SEC-HEADER>")
    'the header has no ACCESSION NUMBER'
    """
    values: dict[str, str] = {}
    titles: list[str] = []
    parties: list[list[str]] = []
    for line in text.partition("</SEC-HEADER>")[0].splitlines()[:5000]:
        found = _FIELD.match(line)
        if found is None:
            continue
        name, value = found[1].strip(), found[2].strip()
        if not value and not line[:1].isspace():
            parties.append([name.title(), "", ""])
        elif name == "ITEM INFORMATION":
            titles.append(value)
        elif name == "CENTRAL INDEX KEY" and parties:
            parties[-1][1] = parties[-1][1] or (entity(value) or "")
        elif name in ("COMPANY CONFORMED NAME", "OWNER CONFORMED NAME", "CONFORMED NAME") and parties:
            parties[-1][2] = parties[-1][2] or value
        else:
            values.setdefault(name, value)
    accession = values.get("ACCESSION NUMBER", "")
    if not re.fullmatch(r"\d{10}-\d{2}-\d{6}", accession):
        return "the header has no ACCESSION NUMBER"
    form, filed = values.get("CONFORMED SUBMISSION TYPE", ""), _compact(values.get("FILED AS OF DATE", ""))
    named = tuple((role, cik, name) for role, cik, name in parties if cik)
    if not form or filed is None or not named:
        return "the header has no CONFORMED SUBMISSION TYPE, no FILED AS OF DATE, or no party with a CENTRAL INDEX KEY"
    return Header(
        accession=accession,
        form=form,
        filed=filed,
        accepted=_acceptance(values.get("ACCEPTANCE-DATETIME", ""), filed),
        period=_compact(values.get("CONFORMED PERIOD OF REPORT", "")),
        titles=tuple(titles),
        parties=named,
    )


def _compact(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])) if re.fullmatch(r"[0-9]{8}", text) else None
    except ValueError:
        return None


def _acceptance(text: str, filed: date) -> datetime:
    """The acceptance in UTC; the end of the day of filing where the header has none (submissions of before 2000)."""
    day, clock = _compact(text[:8]), text[8:14]
    instant: datetime
    if day is None or not re.fullmatch(r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]", clock):
        instant = end_of_day(pl.Series([filed]), ZONE)[0]
    else:
        instant = local_instants(pl.Series([day]), time(int(clock[:2]), int(clock[2:4]), int(clock[4:])), ZONE)[0]
    return instant


def _documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    """(type, text) of every document of a submission."""
    starts = [found.end() for found in _DOCUMENT.finditer(body)]
    for place, start in enumerate(starts):
        stop = starts[place + 1] if place + 1 < len(starts) else len(body)
        kind = _TYPE.search(body, start, min(start + 400, stop))
        if kind is not None:
            # What stands before <TEXT> describes the document and is none of its lines.
            text = _TEXT.search(body, kind.end(), min(kind.end() + _MOST_TAGS, stop))
            yield kind[1].decode("ascii", "replace").strip().upper(), body[text.end() if text else kind.end() : stop]


def parse_release(payload: Payload, catalogue: Catalogue) -> Parsed:
    """The row of an earnings release that came alone: whose it is, its address says, or else the ticker that it names."""
    if too_deep(payload.body):
        return reject_all(RejectReason.UNSUPPORTED, _TOO_DEEP)
    read = lines(payload.body)
    issuer = cik_of(payload)
    known = Known(at=payload.fetched_at, clipped=True)
    tables = _release(read, issuer, accession_of(payload), known, catalogue)
    if tables is None:
        return reject_all(
            RejectReason.UNSUPPORTED, "an exhibit that states no results of a period (or not for certain), or not whose they are"
        )
    if isinstance(tables, str):
        return reject_all(RejectReason.UNSUPPORTED, tables)
    # Of which day an exhibit alone is, nothing says for certain but itself; without a day it would have no place among the others.
    day = released_on(read)
    if day is not None and day <= known.at.date():
        filing = Filing(issuer=tables[RELEASES]["entity"][0], day=day, accession=accession_of(payload))
        tables |= _rows(
            TEXTS, filing.text(RELEASE, release_prose(prose_lines(payload.body, read)), document=exhibit_named(read)), known, catalogue
        )
    return Parsed(tables=tables, rejected=rejected_table())


def _release(
    read: Sequence[Line], issuer: str | None, accession: str | None, known: Known, catalogue: Catalogue
) -> dict[str, pl.DataFrame] | str | None:
    """The row of a release; None where it states nothing for certain, a text where its amounts are of another currency than the columns."""
    release = releases.read(read)
    if release.other_currency is not None:
        return f"a release with amounts in another currency ({release.other_currency}): only those all in US dollars are read"
    values = {field.name: getattr(release, field.name) for field in fields(release) if field.name != "other_currency"}
    end = values.pop("period_end")
    if release.months is None:  # a sentence's number may be the quarter's or the year's
        values |= {"revenue": None, "diluted_eps": None}
    who = issuer or release.ticker
    stated = [values[name] for name in ("revenue", "diluted_eps", "revenue_low", "eps_low", "total_debt")]
    if end is None or end > known.at.date() or who is None or all(value is None for value in stated):
        return None
    row = {"entity": who, "day": end, "accession": accession, **values}
    return _rows(RELEASES, [row], known, catalogue) or None


def parse_report(payload: Payload, catalogue: Catalogue) -> Parsed:
    """The row of a current report's main document: its date and its items; one for each registrant where several file together."""
    if too_deep(payload.body):
        return reject_all(RejectReason.UNSUPPORTED, _TOO_DEEP)
    read = lines(payload.body)
    found = items_of(read)
    day = _report_date(read)
    if day is None or not found:
        return reject_all(RejectReason.MISSING_FIELD, "no date of report, or no item, was found on the page")
    cover = _COVER_CIK.search(payload.body)
    whose = cik_of(payload) or (entity(cover[1].decode()) if cover else None)
    numbers = [cell for line in read[:_COVER_LINES] for cell in line.cells if _FILE_NUMBER.match(cell)]
    registrants = [whose] if whose else [f"file {number}" for number in dict.fromkeys(numbers)]
    if not registrants:
        return reject_all(RejectReason.MISSING_FIELD, "neither the address nor the page says whose report it is")
    amended = any(_AMENDED.match(line.text) for line in read[:_COVER_LINES])
    known = Known(at=payload.fetched_at, clipped=True)
    shared = {
        "day": day,
        "form": "8-K/A" if amended else "8-K",
        "items": ",".join(dict.fromkeys(found)),
        "accession": accession_of(payload),
    }
    reports = _rows(REPORTS, [{"entity": one, **shared} for one in sorted(registrants)], known, catalogue, flags=True)
    form, listed = str(shared["form"]), str(shared["items"])
    filing = Filing(issuer=min(registrants), day=day, accession=accession_of(payload), form=form, items=listed)
    texts = _rows(TEXTS, filing.text(REPORT, report_prose(prose_lines(payload.body, read)), document=form), known, catalogue)
    return Parsed(tables=reports | texts, rejected=rejected_table())


def _report_date(read: Sequence[Line]) -> date | None:
    """The day beside "Date of Report", on its line or on the one before or after."""
    for place, line in enumerate(read[:_COVER_LINES]):
        label = _REPORT_DATE.search(line.text)
        if label is None:
            continue
        around = [
            line.text[label.end() :],
            line.text[: label.start()],
            *(other.text for other in (*read[place + 1 : place + 2], *read[place - 1 : place])),
        ]
        for text in around:
            for found in _MONTH_DAY.finditer(text):
                day = read_day(found[0])
                if day is not None:
                    return day
    return None


def _rows(name: str, rows: Sequence[dict[str, Any]], known: Known, catalogue: Catalogue, *, flags: bool = False) -> dict[str, pl.DataFrame]:
    """The table of accepted rows; none where there are none."""
    if not rows:
        return {}
    dataset = catalogue.dataset(name)
    kinds = {column: kind for column, kind in dataset.schema().items() if column in rows[0]}
    frame = pl.DataFrame(rows, schema_overrides={"day": pl.Date(), "entity": pl.String(), **kinds}).with_columns(
        row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        valid_time=day_instant("day"),
        knowledge_time=pl.lit(known.at).cast(INSTANT),
        knowledge_basis=pl.lit("observed"),
        clipped=pl.lit(known.clipped),
    )
    accepted, _ = accept(frame.with_columns(**items.flags()) if flags else frame, dataset, catalogue, fetched_at=known.at)
    return {name: accepted} if accepted.height else {}
