"""Lists of filings: ``submissions`` (columns, newest first, and its older pages) and the Atom feed of the latest filings.

One row a filing. Valid time is the day of filing plus microseconds that the accession number says, so that filings of one day have rows of
their own whatever list they come from: see :func:`filing_instant`.

A filing is known from its acceptance. The JSON's ``acceptanceDateTime`` says "Z" and is most often New York's wall clock all the same, but
not always: the later of both readings, New York's, is taken (never later than the fetch), and so the rows are ``clipped``. The feed's instants carry
their offset and are exact; those of a full submission's header too (:mod:`crfs.sources.providers.edgar.submission`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from crfs.bitemporal.release import end_of_day
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text
from crfs.sources.core.tables import Rejection, accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant, iso_date, iso_instant
from crfs.sources.core.xml_text import read_xml
from crfs.sources.providers.edgar import issuers, items
from crfs.sources.providers.edgar.answers import cik_of, entity

FILINGS, EVENTS, FEED = "edgar_filings", "edgar_events", "edgar_feed"
ZONE = "America/New_York"
_NAMES = {
    "accessionNumber": "accession", "form": "form", "filingDate": "filed", "reportDate": "report_date",
    "acceptanceDateTime": "accepted", "items": "items", "primaryDocument": "primary_document", "size": "size",
}  # fmt: skip
_REQUIRED = ("accessionNumber", "filingDate", "form")
_ACCESSION = r"^\d{10}-\d{2}-\d{6}$"
_LONGEST_WAIT = "-8d"
"""Before the end of the day of filing: longer than any weekend."""
_SEQUENCES, _PLACES, _SPREAD = 1_000_000, 598_999_991, 2_654_435_761
"""Sequences of one filer and year; places of filers, a prime number; a factor that parts neighbours (the golden ratio's, as in Knuth's hash)."""
_TITLE = re.compile(r"^(?P<form>.{1,40}?) - (?P<name>.{0,300}?) \((?P<cik>\d{1,10})\) \((?P<role>[^()]{1,60})\)\s*$", re.DOTALL)
_FILED = re.compile(r"Filed:(?:</b>)?\s*(\d{4}-\d{2}-\d{2})")
_ATOM = "{http://www.w3.org/2005/Atom}"


def parse_submissions(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """The issuer's description and its recent filings."""
    issuer = entity(fields.get("cik")) or cik_of(payload)
    if issuer is None:
        return reject_all(RejectReason.MISSING_FIELD, "neither the body nor the url names the issuer's CIK")
    listed = _listed(fields["filings"]["recent"], issuer, payload, catalogue)
    described = issuers.described(fields, issuer, payload, catalogue)
    return Parsed(tables={**described.tables, **listed.tables}, rejected=pl.concat([listed.rejected, described.rejected]))


def parse_page(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """An older page, which says whose filings it lists only by its address."""
    issuer = cik_of(payload)
    if issuer is None:
        return reject_all(RejectReason.MISSING_FIELD, "a page of older filings is told by its address: CIK##########-submissions-001.json")
    return _listed(fields, issuer, payload, catalogue)


def _listed(columns: Mapping[str, Any], issuer: str, payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of ``edgar_filings`` and ``edgar_events`` of a columnar list."""
    for name in _REQUIRED:
        if not isinstance(columns.get(name), list):
            return reject_all(RejectReason.MISSING_FIELD, f"the list of filings has no column {name}")
    count = len(columns["accessionNumber"])
    cells: dict[str, list[str]] = {}
    for name, ours in _NAMES.items():
        given = columns.get(name)
        if given is None:  # nothing is said: null in every row
            cells[ours] = [""] * count
        elif isinstance(given, list) and len(given) == count:
            cells[ours] = [as_text(value) for value in given]
        else:
            shown = f"{len(given)} cells" if isinstance(given, list) else "no list of cells"
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"{name} has {shown}, accessionNumber {count}: which is whose cannot be told")
    table = pl.DataFrame({"row": range(1, count + 1), **cells}, schema={"row": pl.Int64(), **dict.fromkeys(cells, pl.String())})
    read, refused = _read(table)
    known = _known(read.with_columns(entity=pl.lit(issuer)), payload)
    accepted, more = accept(known, catalogue.dataset(FILINGS), catalogue, fetched_at=payload.fetched_at)
    tables = {FILINGS: accepted} if accepted.height else {}
    happened = known.filter(items.is_event(pl.col("form"))).with_columns(**items.flags())
    # What is wrong with them is said above.
    events, _ = accept(happened, catalogue.dataset(EVENTS), catalogue, fetched_at=payload.fetched_at)
    tables |= {EVENTS: events} if events.height else {}
    return Parsed(tables=tables, rejected=pl.concat([refused, more]).sort("row", maintain_order=True))


def _read(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed columns of the rows that have an accession number, a form and a day; other cells that cannot be read are null and said."""
    read = table.with_columns(
        filed=iso_date(pl.col("filed")),
        report_date=iso_date(pl.col("report_date")),
        size=pl.col("size").cast(pl.Int64, strict=False),
        **{name: pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)) for name in ("items", "primary_document")},
        _filed=pl.col("filed"),
        _report=pl.col("report_date"),
    )
    no_number = ~pl.col("accession").str.contains(_ACCESSION)
    no_form = pl.col("form").str.strip_chars() == ""
    no_report = (pl.col("_report") != "") & pl.col("report_date").is_null()
    rejected = [
        rejected_where(read, no_number, "accessionNumber", RejectReason.MALFORMED, "no accession number", shown="accession"),
        rejected_where(read, no_form, "form", RejectReason.MISSING_FIELD, "no form", shown="form"),
        rejected_where(read, pl.col("filed").is_null(), "filingDate", RejectReason.NOT_A_DATE, "no date", shown="_filed"),
        rejected_where(read, no_report, "reportDate", RejectReason.NOT_A_DATE, "no date; it is left out", shown="_report"),
    ]
    return read.filter(~(no_number | no_form | pl.col("filed").is_null())), pl.concat(rejected)


def filing_instant(entity: str = "entity", filed: str = "filed", accession: str = "accession") -> pl.Expr:
    """Valid time of a filing: its day, plus microseconds of at most ten minutes that its accession number says.

    An accession number is its filer's key, the year and a sequence. What the issuer files itself lies as many microseconds behind midnight
    as the sequence says. Every other filer has, by its key and the year, a place of its own among 599 million microseconds, from
    which its sequence counts; so one filer's filings never meet, and those of two filers do in one of some 599 million pairs.
    """
    number = pl.col(accession).str.slice(0, 10).cast(pl.Int64, strict=False).fill_null(0)
    year = pl.col(accession).str.slice(11, 2).cast(pl.Int64, strict=False).fill_null(0)
    sequence = pl.col(accession).str.slice(14, 6).cast(pl.Int64, strict=False).fill_null(0)
    own = (pl.col(entity) == "CIK" + pl.col(accession).str.slice(0, 10)) & (year == pl.col(filed).dt.year() % 100)
    place = (number * 100 + year) % _PLACES * _SPREAD % _PLACES + _SEQUENCES
    return (day_instant(filed).cast(pl.Int64) + sequence + pl.when(own).then(0).otherwise(place)).cast(INSTANT)


def wall_clock(name: str) -> pl.Expr:
    """Texts like 2023-08-08T18:30:28.000Z as New York's wall clock, in UTC; null for midnight, which stands for "not recorded"."""
    text = pl.col(name).str.replace(r"[zZ]$", "")
    good = text.str.contains(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$") & ~text.str.contains(r"T00:00:00(?:\.0+)?$")
    local = pl.when(good).then(text).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    exact = local.dt.replace_time_zone(ZONE, ambiguous="latest", non_existent="null")
    skipped = local.dt.offset_by("1h").dt.replace_time_zone(ZONE, ambiguous="latest", non_existent="null")
    return pl.coalesce(exact, skipped).dt.convert_time_zone("UTC").cast(INSTANT)


def _known(read: pl.DataFrame, payload: Payload) -> pl.DataFrame:
    """Clocks of listed filings: see the module's first lines. Without an acceptance, a filing is known from the end of its day; so is one whose
    acceptance lies more than a week before it: what comes in after half past five, and on holidays, is filed on the next business day.
    """
    fetch = pl.lit(payload.fetched_at).cast(INSTANT)
    read = read.with_columns(_accepted=wall_clock("accepted"), _end=end_of_day(read["filed"], ZONE))
    read = read.with_columns(_accepted=pl.when(pl.col("_accepted") >= pl.col("_end").dt.offset_by(_LONGEST_WAIT)).then("_accepted"))
    later = pl.coalesce("_accepted", "_end")
    earlier = pl.when(pl.col("_accepted").is_null()).then(pl.col("_end").dt.offset_by("-1d")).otherwise(iso_instant(pl.col("accepted")))
    between = (earlier <= fetch) & (fetch < later)  # it was there when we looked, so the later reading is not the right one
    return read.with_columns(
        valid_time=filing_instant(),
        knowledge_time=pl.when(between).then(fetch).otherwise(later),
        knowledge_basis=pl.lit("observed"),
        vintage_date=pl.when(pl.col("_accepted").is_null()).then("filed"),
        clipped=pl.lit(True),
    )


def parse_feed(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of ``edgar_feed``: an entry for each party of a filing, known from the acceptance that it says with its offset."""
    read = read_xml(payload.body)
    if read.root is None:
        return reject_all(RejectReason.MALFORMED, read.problem or "no XML")
    rows: list[tuple[int, str, str, str, str, str, str]] = []
    rejected: list[Rejection] = []
    for number, entry in enumerate(read.root.iter(f"{_ATOM}entry"), start=1):
        title = _TITLE.match((entry.findtext(f"{_ATOM}title") or "").strip())
        accession = (entry.findtext(f"{_ATOM}id") or "").rpartition("accession-number=")[2].strip()
        filed = _FILED.search(entry.findtext(f"{_ATOM}summary") or "")
        category = entry.find(f"{_ATOM}category")
        if title is None or filed is None or (issuer := entity(title["cik"])) is None:
            what = "title" if title is None else "summary" if filed is None else "title"
            rejected.append((number, what, RejectReason.UNEXPECTED_SHAPE, "an entry says FORM - NAME (CIK) (Role), and Filed: a date"))
            continue
        form = (category.get("term") if category is not None else None) or title["form"]
        rows.append((number, issuer, accession, form, title["role"], filed.group(1), entry.findtext(f"{_ATOM}updated") or ""))
    names = ("row", "entity", "accession", "form", "role", "_filed", "_updated")
    table = pl.DataFrame(rows, schema={name: pl.Int64() if name == "row" else pl.String() for name in names}, orient="row")
    frame = table.with_columns(filed=iso_date(pl.col("_filed")), knowledge_time=iso_instant(pl.col("_updated").str.strip_chars()))
    bad = [
        (~pl.col("accession").str.contains(_ACCESSION), "id", RejectReason.MALFORMED, "no accession number", "accession"),
        (pl.col("filed").is_null(), "summary", RejectReason.NOT_A_DATE, "no day of filing", "_filed"),
        (pl.col("knowledge_time").is_null(), "updated", RejectReason.NOT_A_DATE, "no instant with its offset", "_updated"),
    ]
    refused = [rejected_where(frame, check, name, reason, detail, shown=shown) for check, name, reason, detail, shown in bad]
    good = frame.filter(~pl.any_horizontal(check for check, *_ in bad))
    # One party may appear in two roles; the filing is still one row of it.
    roles = pl.col("role").unique().sort().str.join(", ")
    good = good.group_by("entity", "accession", maintain_order=True).agg(pl.exclude("role").first(), role=roles)
    good = good.with_columns(valid_time=filing_instant(), knowledge_basis=pl.lit("observed"))
    accepted, more = accept(good, catalogue.dataset(FEED), catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={FEED: accepted} if accepted.height else {},
        rejected=pl.concat([rejected_table(rejected), *refused, more]).sort("row", maintain_order=True),
    )
