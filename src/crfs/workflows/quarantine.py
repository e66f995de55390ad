"""Quarantine at work: answers are compared with the ones before them, and what is not to be trusted is held back with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import Quarantined
from crfs.workflows.session import Session

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.catalogue import Catalogue
    from crfs.quality.thresholds import LostEnd, Scale, Shape
    from crfs.sources.core import Parsed, Payload, Source
    from crfs.store.answers import AnswerKey
    from crfs.store.publication import Fence

_SERIES_ASKED = 5
_DAYS_ASKED = 60


def answer_key(payload: Payload) -> AnswerKey:
    """Which answer a payload is."""
    from crfs.store.answers import AnswerKey

    return AnswerKey(source=payload.source, stream=payload.stream, sha256=payload.sha256)


def require_trust(
    session: Session, source: Source, payload: Payload, parsed: Parsed, catalogue: Catalogue, *, compared: bool, fence: Fence
) -> Shape:
    """The shape of an answer, if it breaks no threshold; else it is held, and :class:`~crfs.errors.Quarantined` says why.

    A payload that somebody has released is trusted. It is ``compared`` with the answer before it unless a backfill asked for it: old parts
    of a history look as they did then. Its values are compared with what the store has of the same days in any case, and its end with the
    store's.
    """
    from crfs.quality.thresholds import Shape, breaches
    from crfs.sources.core.shapes import kind_of_answer, scales_of, shape_of
    from crfs.store.quarantine import hold, is_released, last_shape

    shape = shape_of(payload, parsed.tables)
    kept = last_shape(session.database, source.name, kind_of_answer(payload)) if compared else None
    before = None if kept is None else Shape.from_dict(kept)
    scales = stored_scales(session, parsed.tables, catalogue) | ({} if before is None else scales_of(before, parsed.tables))
    ends = lost_ends(session, payload, parsed, catalogue)
    broken = breaches(before, shape, rejected_rows=bad_rows(parsed), scales=scales, ends=ends)
    if not broken or is_released(session.database, answer_key(payload)):
        return shape
    numbers = [
        hold(
            session.database,
            answer_key(payload),
            parser_version=source.parser_version,
            rule=breach.threshold.value,
            detail=breach.detail,
            evidence=breach.evidence,
            at=session.clock.now(),
            fence=fence,
        )
        for breach in broken
    ]
    raise Quarantined(
        f"{source.name}: {payload.stream}: {'; '.join(breach.detail for breach in broken)}. The answer is held back: look at it "
        f"(crfs quarantine show {numbers[0]}), and release it with a reason if it is right (crfs quarantine release {numbers[0]})"
    )


def stored_scales(session: Session, tables: Mapping[str, pl.DataFrame], catalogue: Catalogue) -> dict[str, Scale]:
    """How many times what the store has of the same days the values of an answer are; of its newest days, and of a few series.

    Vintages are left out: providers change units between them, and an older one may well be in another.
    """
    from datetime import timedelta

    from crfs.credit.definitions import RevisionPolicy
    from crfs.quality.thresholds import Shape
    from crfs.sources.core.shapes import scales_of, sizes_of
    from crfs.store.scan import StoreReader

    found: dict[str, Scale] = {}
    for dataset, table in tables.items():
        if catalogue.dataset(dataset).revision_policy is RevisionPolicy.VINTAGED or table.is_empty():
            continue
        few = table["entity"].unique(maintain_order=True).head(_SERIES_ASKED)
        newest = table.filter(table["entity"].is_in(few.implode()))["valid_time"].unique().sort().tail(_DAYS_ASKED)
        reader = StoreReader(session.database, catalogue, batch_id=session.pin().batch_id)
        stretch = {"valid_from": newest[0], "valid_before": newest[-1] + timedelta(microseconds=1)}
        known = reader.rows(dataset, entities=few.to_list(), **stretch)
        asked = table.filter(table["entity"].is_in(few.implode()) & table["valid_time"].is_in(newest.implode()))
        found |= scales_of(Shape(question="", row_count=0, sizes=sizes_of({dataset: known})), {dataset: asked})
    return found


def lost_ends(session: Session, payload: Payload, parsed: Parsed, catalogue: Catalogue) -> dict[str, LostEnd]:
    """The series of which the store knows values later than the last one that came, in a span that the answer tells the whole of."""
    import polars as pl

    from crfs.bitemporal.rows import RowState
    from crfs.quality.thresholds import LostEnd
    from crfs.sources.core.contract import extents_of
    from crfs.store.scan import StoreReader

    found: dict[str, LostEnd] = {}
    for dataset, table in parsed.tables.items():
        extents = extents_of(parsed, payload, dataset)
        if not extents or table.is_empty():
            continue
        spans = pl.DataFrame(
            [(one.entity, one.last_valid_time, one.known_at) for one in extents],
            schema={"entity": pl.String, "last": table.schema["valid_time"], "known_at": table.schema["knowledge_time"]},
            orient="row",
        ).join(table.group_by("entity").agg(pl.col("valid_time").max().alias("came")), on="entity")
        if spans.is_empty():
            continue
        reader = StoreReader(session.database, catalogue, batch_id=session.pin().batch_id)
        start = spans["came"].min()
        assert isinstance(start, datetime)
        known = reader.rows(dataset, columns=[], entities=spans["entity"].unique().to_list(), valid_from=start).join(spans, on="entity")
        gone = (
            known.filter(
                pl.col("valid_time") > pl.col("came"),
                pl.col("valid_time") <= pl.col("last"),
                pl.col("knowledge_time") <= pl.col("known_at"),
            )
            .sort("knowledge_time", "batch_id")
            .unique(["entity", "valid_time"], keep="last", maintain_order=True)
            .filter(pl.col("row_state").cast(pl.String) == RowState.VALUE.value)
            .group_by("entity")
            .agg(pl.col("came").first().dt.date(), pl.col("valid_time").max().dt.date(), pl.len())
        )
        found |= {entity: LostEnd(newest=came, before=before, gone=count) for entity, came, before, count in gone.rows()}
    return found


def released_shape(payload: Payload, parsed: Parsed) -> Shape:
    """What an answer looks like that somebody has released."""
    from crfs.sources.core.shapes import shape_of

    return shape_of(payload, parsed.tables)


def bad_rows(parsed: Parsed) -> int:
    """How many rows are bad; a column that nobody knows yet makes none so. Of rejections that are not listed as many are assumed
    to be of one row as of those that are.
    """
    import polars as pl

    from crfs.sources.core import RejectReason
    from crfs.sources.core.contract import rejection_count

    bad = parsed.rejected.filter(pl.col("reason").cast(pl.String) != RejectReason.UNKNOWN_COLUMN.value)
    listed = bad["row"].drop_nulls()
    count = rejection_count(parsed.rejected)
    return listed.n_unique() if count == parsed.rejected.height else round(listed.n_unique() * count / (parsed.rejected.height - 1))


def keep_shapes(
    session: Session, source: Source, shapes: Iterable[tuple[Payload, Shape]], *, released: bool = False, fence: Fence | None = None
) -> None:
    """Note what accepted answers look like, for the next ones; an answer about older days does not replace one about newer ones, unless
    somebody has ``released`` it.
    """
    from crfs.sources.core.shapes import kind_of_answer
    from crfs.store.quarantine import keep_shape

    for payload, shape in shapes:
        keep_shape(
            session.database,
            source.name,
            kind_of_answer(payload),
            sha256=payload.sha256,
            row_count=shape.row_count,
            shape=shape.to_dict(),
            newest=shape.newest,
            at=payload.fetched_at,
            released=released,
            fence=fence,
        )


def hold_rejected(session: Session, source: Source, payload: Payload, rejected: pl.DataFrame, *, fence: Fence) -> None:
    """Note that some rows of a payload were refused; the others are published."""
    from crfs.sources.core.contract import rejection_count
    from crfs.store.quarantine import REJECTED_ROWS, hold

    counts = {str(reason): count for reason, count in rejected.group_by("reason").len().sort("reason").rows()}
    first = rejected.row(0, named=True)
    hold(
        session.database,
        answer_key(payload),
        parser_version=source.parser_version,
        rule=REJECTED_ROWS,
        detail=f"{rejection_count(rejected)} cells or rows refused, the first: row {first['row']}, column {first['column']}: {first['detail']}",
        evidence={"reasons": counts},
        at=session.clock.now(),
        fence=fence,
    )


def list_quarantine(session: Session, *, held_only: bool = True, source: str | None = None) -> list[dict[str, Any]]:
    """What is in quarantine, the newest first; :class:`~crfs.errors.NotFound` for a ``source`` that there is not."""
    from crfs.sources.core import load_source
    from crfs.store.quarantine import items

    if source is not None:
        load_source(source)
    return [asdict(item) for item in items(session.database, state="held" if held_only else None, source=source)]


def show_quarantine(session: Session, quarantine_id: int) -> dict[str, Any]:
    """One item, with the places in its payload that were refused."""
    from crfs.store.quarantine import item, rejected_rows

    found = item(session.database, quarantine_id)
    return {**asdict(found), "rejected": [asdict(row) for row in rejected_rows(session.database, found.answer, found.parser_version)]}
