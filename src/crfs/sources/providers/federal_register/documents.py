"""Documents → rows: those of the Federal Register, published or on public inspection, and those of regulations.gov."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import time

import polars as pl

from crfs.bitemporal.release import end_of_day, local_instants
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.articles import filled, web_address
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text
from crfs.sources.core.markup import plain_text
from crfs.sources.core.one_dataset import one_dataset
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, Rejection, Rejections, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant, iso_date, iso_instant
from crfs.sources.providers.federal_register.answers import Kind, look

DOCUMENTS, REGULATIONS = "federal_register_documents", "regulations_documents"
PUBLISHED_AT = time(8, 45)
"""The Federal Register's own time, in Washington: an issue, and the regular documents on public inspection, come at 08:45."""
FIELDS = (
    "document_number", "publication_date", "type", "title", "abstract", "action", "agencies", "topics", "effective_on", "comments_close_on",
    "significant", "docket_ids", "regulation_id_numbers", "citation", "html_url", "public_inspection_pdf_url",
)  # fmt: skip
_TEXTS = ("document_number", "publication_date", "filed_at", "type", "effective_on", "comments_close_on", "citation", "html_url")
_LISTS = ("topics", "docket_ids", "regulation_id_numbers")


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of one payload, by what its body is."""
    answer = look(payload)
    match answer.kind:
        case Kind.DOCUMENTS:
            return _documents(answer.documents, payload, catalogue)
        case Kind.REGULATIONS:
            return _regulations(answer.documents, payload, catalogue)
        case Kind.ERROR:
            return reject_all(RejectReason.UNSUPPORTED, f"an error of the provider: {answer.words}")
        case _:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no documents: {answer.words or 'an empty body'}")


def _documents(documents: Sequence[object], payload: Payload, catalogue: Catalogue) -> Parsed:
    """A document is true on its day of publication, and known from public inspection where that came earlier, else from 08:45 of that day."""
    cells, rejected = _cells(documents, "document_number", _document)
    dataset = catalogue.dataset(DOCUMENTS)
    typed = cells.with_columns(
        entity=filled("document_number"),
        _filed=iso_instant(pl.col("filed_at")),
        _published=iso_date(pl.col("publication_date").str.strip_chars()),
        _effective=iso_date(pl.col("effective_on").str.strip_chars()),
        _close=iso_date(pl.col("comments_close_on").str.strip_chars()),
        # The address of the inspected file ends with the second at which the file was put there.
        _stamp=pl.from_epoch(pl.col("inspected").str.extract(r"\?(1[0-9]{9})$", 1).cast(pl.Int64, strict=False), time_unit="s")
        .dt.replace_time_zone("UTC")
        .cast(INSTANT),
    )
    filed_day = pl.col("_filed").dt.convert_time_zone(dataset.zone).dt.date()
    typed = typed.with_columns(_day=pl.coalesce("_published", pl.when(pl.col("publication_date") == "").then(filed_day)))
    checks = [
        (pl.col("entity").is_null(), "document_number", RejectReason.MISSING_FIELD, "a document without its number"),
        (pl.col("_day").is_null(), "publication_date", RejectReason.NOT_A_DATE, "no date like 2026-04-21"),
        (~pl.col("_day").is_between(FIRST_DAY, LAST_DAY), "publication_date", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        (_unread("filed_at", "_filed"), "filed_at", RejectReason.NOT_A_DATE, "no instant with its zone"),
        (_unread("effective_on", "_effective"), "effective_on", RejectReason.NOT_A_DATE, "no date like 2026-04-21"),
        (_unread("comments_close_on", "_close"), "comments_close_on", RejectReason.NOT_A_DATE, "no date like 2026-04-21"),
        (~pl.col("significant").is_in(["", "true", "false"]), "significant", RejectReason.WRONG_TYPE, "neither true nor false"),
        (pl.col("named") == as_text(value=False), "agencies", RejectReason.WRONG_TYPE, "neither names nor objects with a name"),
    ]
    good, bad = _checked(typed, checks)
    good = good.with_columns(
        _at=local_instants(good["_day"], PUBLISHED_AT, dataset.zone), effective_on="_effective", comments_close_on="_close"
    )
    earlier = pl.col("_stamp").is_between(pl.col("_at").dt.offset_by("-90d"), pl.col("_at"))
    inspected = pl.coalesce("_filed", pl.when(earlier).then("_stamp"))
    fetched = pl.lit(payload.fetched_at).cast(INSTANT)
    out = pl.min_horizontal(inspected, "_at")
    known = pl.min_horizontal(out, fetched)
    frame = good.with_columns(
        valid_time=day_instant("_day"),
        knowledge_time=known,
        knowledge_basis=pl.when(known == pl.col("_at")).then(pl.lit("calendar")).otherwise(pl.lit("observed")),
        clipped=out > fetched,
        significant=pl.when(pl.col("significant") != "").then(pl.col("significant") == "true"),
        document_number=pl.col("entity"),
        **{name: filled(name) for name in ("type", "title", "abstract", "action", "agencies", *_LISTS, "citation")},
        html_url=web_address("html_url"),
    )
    return one_dataset(frame, [rejected_table(rejected), *bad], DOCUMENTS, payload, catalogue)


def _document(document: Mapping[str, object]) -> dict[str, str]:
    cells = {name: as_text(document.get(name)) for name in _TEXTS}
    cells |= {name: _words(document.get(name)) for name in ("title", "abstract", "action")}
    cells |= {name: _joined(document.get(name)) for name in _LISTS}
    cells["title"] = cells["title"] or " ".join(_words(document.get(name)) for name in ("subject_1", "subject_2", "subject_3")).strip()
    agencies = _agencies(document.get("agencies"))
    cells["agencies"] = as_text(document.get("agencies")) if agencies is None else agencies or _joined(document.get("agency_names"))
    cells["named"] = as_text(agencies is not None)
    significant = document.get("significant")
    cells["significant"] = as_text(significant).lower()
    cells["inspected"] = as_text(document.get("public_inspection_pdf_url"))[-200:]
    return cells


def _regulations(documents: Sequence[object], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Documents of a docket, true on the day on which they were posted and known from its end, or from their last change."""
    cells, rejected = _cells(documents, "id", _regulation)
    dataset = catalogue.dataset(REGULATIONS)
    typed = cells.with_columns(
        entity=filled("id"),
        **{f"_{name}": iso_instant(pl.col(name)) for name in ("postedDate", "commentStartDate", "commentEndDate", "lastModifiedDate")},
    )
    local = {
        name: pl.col(f"_{name}").dt.convert_time_zone(dataset.zone).dt.date()
        for name in ("postedDate", "commentStartDate", "commentEndDate")
    }
    checks = [
        (pl.col("entity").is_null(), "id", RejectReason.MISSING_FIELD, "a document without its id"),
        (pl.col("_postedDate").is_null(), "postedDate", RejectReason.NOT_A_DATE, "no instant like 2020-10-22T04:00:00Z"),
        (~local["postedDate"].is_between(FIRST_DAY, LAST_DAY), "postedDate", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        *(
            (_unread(name, f"_{name}"), name, RejectReason.NOT_A_DATE, "no instant like 2020-10-22T04:00:00Z")
            for name in ("commentStartDate", "commentEndDate", "lastModifiedDate")
        ),
        (~pl.col("withdrawn").is_in(["", "true", "false"]), "withdrawn", RejectReason.WRONG_TYPE, "neither true nor false"),
    ]
    good, bad = _checked(typed, checks)
    good = good.with_columns(_day=local["postedDate"])
    fetched = pl.lit(payload.fetched_at).cast(INSTANT)
    # What is withdrawn by now was not when it was posted, and nothing says since when.
    withdrawn = (pl.col("withdrawn") == "true") & pl.col("_lastModifiedDate").is_null()
    posted = good.with_columns(_end=end_of_day(good["_day"], dataset.zone))
    known = pl.when(withdrawn).then(fetched).otherwise(pl.min_horizontal(pl.max_horizontal("_end", "_lastModifiedDate"), fetched))
    frame = posted.with_columns(
        valid_time=day_instant("_day"),
        knowledge_time=known,
        knowledge_basis=pl.lit("observed"),
        clipped=withdrawn,
        comments_open_on=local["commentStartDate"],
        comments_close_on=local["commentEndDate"],
        withdrawn=pl.when(pl.col("withdrawn") != "").then(pl.col("withdrawn") == "true"),
        **{name: filled(name) for name in ("title", "document_type", "subtype", "agency", "docket_id")},
    )
    return one_dataset(frame, [rejected_table(rejected), *bad], REGULATIONS, payload, catalogue)


def _regulation(document: Mapping[str, object]) -> dict[str, str]:
    given = document.get("attributes")
    attributes: Mapping[str, object] = given if isinstance(given, dict) else {}
    names = {"document_type": "documentType", "subtype": "subtype", "agency": "agencyId", "docket_id": "docketId"}
    return {
        "id": as_text(document.get("id")),
        "title": _words(attributes.get("title")),
        "withdrawn": as_text(attributes.get("withdrawn")).lower(),
        **{name: as_text(attributes.get(other)) for name, other in names.items()},
        **{name: as_text(attributes.get(name)) for name in ("postedDate", "commentStartDate", "commentEndDate", "lastModifiedDate")},
    }


def _cells(
    documents: Sequence[object], key: str, read: Callable[[Mapping[str, object]], dict[str, str]]
) -> tuple[pl.DataFrame, list[Rejection]]:
    """The fields of each document as text, and what is no document."""
    rejected = Rejections()
    rows: list[dict[str, object]] = []
    for number, document in enumerate(documents, start=1):
        if not isinstance(document, dict):
            rejected.append((number, None, RejectReason.UNEXPECTED_SHAPE, "a document is an object"))
        elif key not in document:
            rejected.append((number, key, RejectReason.MISSING_FIELD, "a document has no such field"))
        else:
            rows.append({"row": number, **read(document)})
    names = ["row", *read({})]
    return pl.DataFrame(rows, schema={name: pl.Int64() if name == "row" else pl.String() for name in names}), rejected.listed()


def _checked(frame: pl.DataFrame, checks: Sequence[tuple[pl.Expr, str, RejectReason, str]]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The rows that fail none of the checks; of the others the first that each fails."""
    bad: list[pl.DataFrame] = []
    for check, column, reason, detail in checks:
        failed = check.fill_null(False)
        bad.append(rejected_where(frame, failed, column, reason, detail))
        frame = frame.filter(~failed)
    return frame, bad


def _unread(name: str, read: str) -> pl.Expr:
    return (pl.col(name).str.strip_chars() != "") & pl.col(read).is_null()


def _words(value: object) -> str:
    return plain_text(value) if isinstance(value, str) else ""


def _joined(value: object) -> str:
    """The texts of a list, with semicolons; a text stays itself."""
    if isinstance(value, list):
        return "; ".join(_words(item) for item in value if isinstance(item, str) and item.strip())
    return _words(value)


def _agencies(value: object) -> str | None:
    """The names of agencies, with semicolons: of objects that have one, or as they stand; None where it is anything else.

    >>> _agencies([{"name": "SEC", "raw_name": "X"}, {"raw_name": "OFFICE"}, "FDIC"]), _agencies("SEC"), _agencies(None), _agencies([7])
    ('SEC; OFFICE; FDIC', 'SEC', '', None)
    """
    names = []
    for agency in value if isinstance(value, list) else [] if value is None else [value]:
        name = (agency.get("name") or agency.get("raw_name")) if isinstance(agency, dict) else agency
        if not isinstance(name, str):
            return None
        names.append(_words(name))
    return "; ".join(name for name in dict.fromkeys(names) if name.strip())
