"""Trying a source: one small question of each kind, with the key that is set; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from crfs.errors import CrfsError, SourceUnavailable
from crfs.workflows.circuit import check_pause
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue
    from crfs.sources.core import Payload, Query, Source, Transport

_MOST_ANSWERS = 5
_MOST_SILENCE = 2
"""After so many questions in a row that nobody answered, the others are not asked: each would wait for a minute to say the same."""
_PATIENCE_SECONDS = 30.0
"""Somebody sits before the screen: a provider that asks for a longer pause is not waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How one question went: ``works``, what came (rows accepted and rejected, the newest valid day), or the error's words."""

    name: str
    works: bool
    answers: int = 0
    classification: str = ""
    accepted: int = 0
    rejected: int = 0
    newest: str | None = None
    first_rejection: str | None = None
    error: str | None = None


def try_source(session: Session, name: str, *, progress: Progress = no_progress) -> dict[str, Any]:
    """What works of a source, with which key, and which of its streams are late or have never come. Really asks the provider, within its limits.

    A source that rests, since its quota is used up or it does not answer, is not asked: each question's error says until when.
    """
    from dataclasses import asdict

    from crfs.sources.core import load_source
    from crfs.workflows.streams import schedule_table
    from crfs.workflows.transports import transport_of

    source = load_source(name)
    catalogue = session.catalogue()
    probes: list[Probe] = []
    questions = source.probes(catalogue)
    silent = 0
    for done, (what, query) in enumerate(questions.items()):
        progress(f"{name}: {what}", done, len(questions))
        if silent == _MOST_SILENCE:
            probes.append(Probe(name=what, works=False, error="not asked, since the questions before were not answered"))
            continue
        try:
            check_pause(session, name)
            with transport_of(session, _impatient(source)) as transport:
                probes.append(_probe(source, what, query, transport, catalogue))
                silent = 0
        except CrfsError as error:
            silent = silent + 1 if isinstance(error, SourceUnavailable) else 0
            probes.append(Probe(name=what, works=False, error=str(error)))
    settings = session.settings
    streams = schedule_table(session, [stream for stream in session.streams.values() if stream.source == name])
    return {
        "source": name,
        "title": source.provider.title or name,
        "takes_key": source.provider.takes_key,
        "key_set": settings.api_key(name) is not None,
        "key_variable": f"CRFS_SOURCES__{name.upper()}__API_KEY" if source.provider.takes_key else None,
        "key_page": source.provider.key_page or None,
        "terms": source.provider.terms,
        "works": bool(probes) and all(probe.works for probe in probes),
        "probes": [asdict(probe) for probe in probes],
        "streams": streams,
        "late": [row["stream"] for row in streams if row["stale"]],
        "never_asked": [row["stream"] for row in streams if not row["stale"] and row["last_success_at"] is None],
    }


def _impatient(source: Source) -> Source:
    provider = source.provider
    least = replace(provider, retry_total_seconds=min(provider.retry_total_seconds, _PATIENCE_SECONDS))
    return replace(source, provider=least)  # type: ignore[type-var]  # every source is a dataclass


def _probe(source: Source, what: str, query: Query, transport: Transport, catalogue: Catalogue) -> Probe:
    from crfs.sources.core.contract import classified, rejection_count

    accepted = rejected = answers = 0
    newest: str | None = None
    first: str | None = None
    classifications: list[str] = []
    for payload in _answers(source, query, transport, catalogue):
        answers += 1
        classification = classified(source, payload)
        classifications.append(classification.value)
        if classification.value not in {"OK", "SCHEMA"}:
            continue
        parsed = source.parse(payload, catalogue)
        accepted += sum(table.height for table in parsed.tables.values())
        rejected += rejection_count(parsed.rejected)
        if first is None and parsed.rejected.height:
            row = parsed.rejected.row(0, named=True)
            first = f"row {row['row']}, column {row['column']}: {row['reason']}: {row['detail']}"
        days = [str(table["valid_time"].dt.date().max()) for table in parsed.tables.values()]
        newest = max([*days, *([newest] if newest else [])], default=None)
    return Probe(
        name=what,
        works=accepted > 0,
        answers=answers,
        classification=", ".join(dict.fromkeys(classifications)),
        accepted=accepted,
        rejected=rejected,
        newest=newest,
        first_rejection=first,
    )


def _answers(source: Source, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
    return islice(source.fetch(query, transport, catalogue), _MOST_ANSWERS)
