"""Reports of ingests: what came, what was stored, refused and contradicted; and when that is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from crfs.errors import Conflict, InvalidInput, SourceRejected, StoredInPart, Unreadable


@dataclass(slots=True, kw_only=True)
class IngestReport:
    """What an ingest did: payloads seen, rows appended and unchanged by dataset, rows rejected with their reasons, batches written.

    ``conflicts`` are the answers that contradict what the store has, of which nothing was stored: stream, payload and what was found.
    """

    source: str
    payloads: int = 0
    classifications: dict[str, int] = field(default_factory=dict)
    appended: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rejected_rows: int = 0
    conflicts: list[dict[str, str]] = field(default_factory=list)
    last_valid_day: date | None = None
    batches: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "source": self.source,
            "payloads": self.payloads,
            "classifications": dict(sorted(self.classifications.items())),
            "appended": dict(sorted(self.appended.items())),
            "unchanged": dict(sorted(self.unchanged.items())),
            "rejected_rows": self.rejected_rows,
            "rejected": self.rejected,
            "conflicts": self.conflicts,
            "last_valid_day": self.last_valid_day.isoformat() if self.last_valid_day else None,
            "batches": self.batches,
            "notes": self.notes,
        }


def add_counts(totals: dict[str, int], counts: Mapping[str, int]) -> None:
    """Add counts by dataset to totals."""
    for dataset, count in counts.items():
        totals[dataset] = totals.get(dataset, 0) + count


def check_report(report: IngestReport) -> None:
    """An ingest whose every answer was a refusal is an error of the source's."""
    refused = {"AUTH", "QUOTA", "BAD_REQUEST"}
    if report.payloads and set(report.classifications) <= refused:
        raise SourceRejected(f"{report.source} refused: {', '.join(report.notes[:3])}")


def require_all_stored(report: IngestReport) -> None:
    """That no answer contradicts the store; :class:`~crfs.errors.StoredInPart` where others were stored, else a plain Conflict."""
    if report.conflicts:
        [first, *others] = report.conflicts
        more = f" (and {len(others)} more: {', '.join(dict.fromkeys(item['stream'] for item in others))})" if others else ""
        text = f"{report.source}: {first['stream']}: {first['detail']}{more}"
        stored = any(report.appended.values()) or any(report.unchanged.values())
        raise StoredInPart(f"{text}. What else came is stored") if stored else Conflict(text)


def require_anything_stored(report: IngestReport) -> None:
    """That there is something that does not contradict the store, if anything came."""
    try:
        require_all_stored(report)
    except StoredInPart:
        return


def check_rejected(report: IngestReport) -> None:
    """Bytes that hold rows and give none that can be accepted are an error: of the caller's file, or in a provider's answer."""
    from crfs.errors import Problem
    from crfs.sources.core import load_source

    if not report.rejected_rows or any(report.appended.values()) or any(report.unchanged.values()):
        return
    problems = tuple(
        Problem(row=item.get("row"), column=item.get("column"), reason=str(item.get("reason")), detail=str(item.get("detail")))
        for item in report.rejected
    )
    text = f"{report.source}: all {report.rejected_rows} rows were rejected and nothing was stored"
    if load_source(report.source).hosts:
        raise Unreadable(f"{text}. The answers are kept: crfs quarantine list --source {report.source}", problems=problems)
    raise InvalidInput(text, problems=problems)
