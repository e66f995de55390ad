"""Runs about a book: what measuring its losses, capital, provisions and stresses have in common, from the question to the answer.

A kind of run is a :class:`BookKind`: its options, how it makes a book ready, and what it measures. Everything else is here, once: one state
of the store answers for the name, the champions and the values; a book is filled and checked before a byte of it is kept; the result is
canonical JSON, with what it rests on; the answer has the run's id, both clocks and the hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crfs.credit.schemas import Reason
from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, Problem, first_places, naming
from crfs.workflows.books import Book, build_book, find_book, was_in_force
from crfs.workflows.filling import FILLED, Filler
from crfs.workflows.pieces import in_pieces
from crfs.workflows.runs import Computation, RunKind, execute
from crfs.workflows.scoring import model_reference, model_runs
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import require
from crfs.workflows.times import day_of, parse_instant, refuse_ahead

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk.workers import MapTasks
    from crfs.store.runs import Run
    from crfs.store.scan import StoreReader

_STEPS = 3
LONGEST_LABEL = 200
"""Characters of a label, whoever asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a question beside the book: a scenario, say. A specification names it by its hash; it is landed with the run."""

    body: bytes
    file_name: str
    source: str

    @property
    def sha256(self) -> str:
        """The hash of the bytes."""
        return hashlib.sha256(self.body).hexdigest()

    def keep(self, session: Session) -> None:
        """Land the bytes."""
        from crfs.workflows.books import land_file

        land_file(session, self.body, Path(self.file_name), source=self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a kind's functions are handed: the store as it was at the batch, the book as it came, and what was asked of it.

    ``what`` is what errors call the book. ``attached`` has the bytes, by hash, of files that are not landed yet.
    """

    session: Session
    reader: StoreReader
    table: pl.DataFrame
    specification: Mapping[str, Any]
    what: str
    attached: Mapping[str, bytes] = field(default_factory=dict)
    progress: Progress = no_progress
    doing: str = "measuring"

    def pieces(self) -> AbstractContextManager[MapTasks]:
        """``map`` on the session's threads: a run that measures in pieces can be stopped between them, and tells how many are done."""
        return in_pieces(self.session.workers, self.progress, self.doing, step=_STEPS - 1, steps=_STEPS)

    @property
    def at(self) -> datetime | None:
        """What is known then fills the blanks; None where nobody asked for a time."""
        text = self.specification.get("as_of")
        return parse_instant(text, what="as_of") if text else None

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """References of the models that fill blanks."""
        found: Mapping[str, Mapping[str, Any]] = self.specification.get("models", {})
        return found

    def option(self, name: str, default: Any = None) -> Any:
        """One of the options."""
        return self.specification.get(name, default)

    def landed(self, sha256: str) -> bytes:
        """The bytes of a file that the specification names."""
        return self.attached[sha256] if sha256 in self.attached else self.session.landed(sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A book that can be measured: its rows, what filled their blanks, and (of some kinds) what else was made ready for it.

    ``also`` are the fillers of other books that the run is about: it rests on what they read and used too.
    """

    rows: pl.DataFrame
    filler: Filler
    more: Any = None
    also: tuple[Filler, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookKind:
    """A kind of run about a book.

    ``needed`` are keys of the specification that must be there besides the book, ``options`` those that may be, with their defaults.
    ``check_options`` refuses a wrong one before anything is kept, ``check_days`` one that names a day which cannot be meant, seen from the day that
    the question is about: what was accepted once is computed again whatever day it is. ``ready`` fills and checks the book: every wrong place is in its
    :class:`InvalidInput`. ``measure`` gives the result, plain values for JSON. ``summary`` are the members of it that fit on a line.
    ``files`` are the hashes of files, besides the book's, that a specification names. A kind is ``timed`` if it reads the store for more than the
    book's blanks: then a question without a time is one of now. ``dated`` says of options that the answer is one of a day with them, which models that
    fill nothing give it too. ``remarks`` are notes on what the book says and the kind does not take up.
    """

    kind: RunKind
    options: Mapping[str, Any]
    check_options: Callable[[Mapping[str, Any]], None]
    ready: Callable[[Asked], Ready]
    measure: Callable[[Asked, Ready], Mapping[str, Any]]
    summary: tuple[str, ...]
    doing: str
    needed: tuple[str, ...] = ()
    files: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _: ()
    check_days: Callable[[Mapping[str, Any], date], None] = lambda _options, _day: None
    timed: bool = False
    dated: Callable[[Mapping[str, Any]], bool] = lambda _options: False
    remarks: Callable[[Asked, Ready], Sequence[str]] = lambda _asked, _ready: ()

    @property
    def job(self) -> str:
        """The kind of the jobs that do such runs, and the last part of their addresses less the plural."""
        return f"{self.kind.value}-run"

    def compute(self, session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
        """Build the book, fill and check it, and measure it: a function of the specification and the batch alone."""
        require(
            specification,
            f"{self.kind.value} run",
            ("book", *self.needed),
            ("models", "as_of", *self.options),
        )
        with session.sharing():
            return self._computed(session, specification, batch_id, progress)

    def _computed(self, session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
        from crfs.models.canonical import canonical_json
        from crfs.store.runs import RunInputs

        reader = session.reader(batch_id)
        progress("building the book", 0, _STEPS)
        table = build_book(session, reader, specification["book"])
        asked = Asked(
            session=session,
            reader=reader,
            table=table,
            specification=specification,
            what="the book",
            progress=progress,
            doing=self.doing,
        )
        progress("filling and checking the book", 1, _STEPS)
        ready = self.ready(asked)
        progress(self.doing, 2, _STEPS)
        document = {
            **self.measure(asked, ready),
            "as_of": specification.get("as_of"),
            "origins": ready.filler.origins,
            "models": ready.filler.used,
        }
        document["notes"] = [*document.get("notes", ()), *self.remarks(asked, ready), *hindsight(session, ready.filler, asked.at)]
        payloads = [specification["book"]["sha256"]] if specification["book"].get("kind") == "payload" else []
        progress(self.doing, _STEPS, _STEPS)
        return Computation(
            result=canonical_json(document),
            inputs=RunInputs(
                batches=_batches_read(reader, *(filler.reader for filler in ready.also)),
                runs=sorted({run for filler in (ready.filler, *ready.also) for run in model_runs(session, filler.used)}),
                payloads=list(dict.fromkeys([*payloads, *self.files(specification)])),
            ),
            facts={"document": document, "summary": {name: document[name] for name in self.summary}},
        )


def hindsight(session: Session, filler: Filler, at: datetime | None, *, what: str = "these numbers") -> list[str]:
    """What the models that filled a book know that nobody knew at ``at``: said, since a later model on an earlier book may be meant.

    ``what`` is what notes call that which rests on it.
    """
    from crfs.store.runs import run as find
    from crfs.workflows.scoring import referenced_version

    if at is None:
        return []
    later: dict[str, list[str]] = {}
    for reference in filler.used.values():
        version = referenced_version(session, reference)
        text = find(session.database, version.run_id).specification.get("as_of")
        if text and parse_instant(text, what="as_of") > at:
            later.setdefault(text, []).append(f"{version.model} v{version.version}")
    return [
        f"the model{'s' if len(models) > 1 else ''} {', '.join(models)} {'were' if len(models) > 1 else 'was'} fitted on what was known at {text}, "
        f"after {at.isoformat()}: {what} look ahead"
        for text, models in later.items()
    ]


def _batches_read(*readers: StoreReader) -> dict[str, list[int]]:
    """The batches that readers read, by dataset."""
    found: dict[str, set[int]] = {}
    for reader in readers:
        for name, batches in reader.batches_read.items():
            found.setdefault(name, set()).update(batches)
    return {name: sorted(batches) for name, batches in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody asks of a book.

    ``book`` is a name or a file, its bytes, or a book's specification; ``settings`` are the keys that the kind needs, such as the factor
    model, and ``options`` its options (None: the default). ``models`` None takes the champions that there are. ``as_of``, an instant that does
    not lie ahead, is the time that is asked about, None: now: a name means its book in force then, and blanks are filled with what was known
    then. ``recorded_as_of`` is the state of the store that is asked: an instant, a batch, or None for the head.
    """

    kind: BookKind
    book: str | Book | Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[str] | None = None
    as_of: str | None = None
    recorded_as_of: datetime | int | None = None
    label: str | None = None
    attachments: Sequence[Attachment] = ()

    @property
    def given(self) -> dict[str, Any]:
        """The options that say something."""
        return {name: value for name, value in self.options.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A question that was checked whole, on one state of the store: :meth:`keep` lands what came with it and gives the specification."""

    question: Question
    book: Book | Mapping[str, Any]
    models: Mapping[str, Mapping[str, Any]]
    as_of: str | None
    batch_id: int

    def keep(self, session: Session) -> dict[str, Any]:
        """The specification of the run; only now are bytes kept."""
        for attachment in self.question.attachments:
            attachment.keep(session)
        book = self.book.keep(session) if isinstance(self.book, Book) else dict(self.book)
        return {"book": book, **self.asked()}

    def asked(self) -> dict[str, Any]:
        """The specification without the book."""
        found: dict[str, Any] = {**self.question.settings, **self.question.given}
        if self.models:
            found["models"] = dict(self.models)
        if self.as_of:
            found["as_of"] = self.as_of
        return found


def accept(session: Session, question: Question, *, files: bool = True, rows: bool = True, what: str = "") -> Accepted:
    """Check a question and its book, cell by cell; a wrong one is :class:`InvalidInput` with every place, and nothing is kept.

    With ``files`` a book that is no name may be a file of this machine; without ``rows`` those of the book are left to the run, before
    which nothing has to be kept; ``what`` is what errors call the book.
    """
    from crfs.workflows.books import named_book

    kind = question.kind
    require(question.given, "options", (), tuple(kind.options))
    check_label(question.label)
    kind.check_options(question.given)
    pin = session.pin(question.recorded_as_of)
    batch_id, now = pin.batch_id, session.latest(pin)
    at = parse_instant(question.as_of, what="as_of") if question.as_of else now
    refuse_ahead(at, now=now, what="as_of")
    kind.check_days(question.given, day_of(at))
    models = fillers(session, question.models, batch_id=batch_id)
    book, timed = question.book, kind.timed
    if isinstance(book, str):
        book = (find_book if files else named_book)(session, book, at=at, batch_id=batch_id)
        # A question without a time is one of the state's, and has the same answer whenever it is asked, where the state's book is that of now.
        timed = timed or not was_in_force(session, book, at=pin.recorded_at, batch_id=batch_id)
    as_of = question.as_of or (now.isoformat() if models or timed else None)
    accepted = Accepted(question=question, book=book, models=models, as_of=as_of, batch_id=batch_id)
    if not rows:
        return accepted
    reader = session.reader(batch_id)
    table = book.table() if isinstance(book, Book) else build_book(session, reader, book)
    asked = Asked(
        session=session,
        reader=reader,
        table=table,
        specification=accepted.asked(),
        what=what or (question.book if isinstance(question.book, str) else "the book"),
        attached={attachment.sha256: attachment.body for attachment in question.attachments},
    )
    ready = _check_book(kind, asked)
    if not (question.as_of or timed or kind.dated(question.given)) and not any(filler.used for filler in (ready.filler, *ready.also)):
        # Where no model fills a cell the time says nothing either.
        return replace(accepted, as_of=None, models={})
    return accepted


def _check_book(kind: BookKind, asked: Asked) -> Ready:
    """The book made ready: refuse a book that cannot be made ready, and one with a wrong cell in a column that the kind leaves out: all of them together.

    What was accepted once is computed again though the columns that it leaves out were not looked at then.
    """
    from crfs.workflows.book_columns import problems_beside

    beside = problems_beside(asked.table)
    try:
        ready = kind.ready(asked)
    except InvalidInput as error:
        # An error about an argument names places of that, not of the book.
        if beside and error.argument is None and all(problem.row is not None for problem in error.problems):
            told = {(problem.row, problem.column) for problem in error.problems}
            more = [problem for problem in beside if (problem.row, problem.column) not in told]
            refuse_rows(asked, sorted([*error.problems, *more], key=lambda problem: problem.row or 0))
        raise
    refuse_rows(asked, beside)
    return ready


def measure_book(
    session: Session, question: Question, *, job_id: UUID | None = None, progress: Progress = no_progress, rows: bool | None = None
) -> tuple[Run, dict[str, Any]]:
    """Ask a question of a book here and now: the run, and its result with the run's id, both clocks and the hash.

    ``rows`` False leaves those of the book to the run (see :func:`accept`); None does so where nothing would have been kept by then.
    """
    wanted = not isinstance(question.book, Mapping) or bool(question.attachments) if rows is None else rows
    with session.sharing():  # between the check and the answer
        accepted = accept(session, question, rows=wanted)
        return execute_book(session, question.kind, accepted, label=question.label, job_id=job_id, progress=progress)


def execute_book(
    session: Session,
    kind: BookKind,
    accepted: Accepted,
    *,
    label: str | None,
    job_id: UUID | None = None,
    progress: Progress = no_progress,
) -> tuple[Run, dict[str, Any]]:
    """Do a question that was accepted."""
    specification = accepted.keep(session)
    run, computation = execute(
        session, kind.kind, specification, label=label, recorded_as_of=accepted.batch_id, job_id=job_id, progress=progress
    )
    return run, run_answer(run, computation.facts["document"])


def run_answer(run: Run, document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a run about a book: its result with the run's id, both clocks resolved and the hash.

    Which batch a state of the store has is no part of a result, which is the same in every store that holds the same: it is told here.
    """
    earlier = run.specification.get("earlier")
    beside = {} if earlier is None else {"earlier": {**document["earlier"], "batch_id": earlier["batch_id"]}}
    return {
        "run_id": run.run_id,
        **document,
        **beside,
        "as_of": document.get("as_of") or run.recorded_as_of.isoformat(),
        "recorded_as_of": run.recorded_as_of.isoformat(),
        "batch_id": run.batch_id,
        "result_sha256": run.result_sha256,
    }


def fillers(session: Session, names: Sequence[str] | None, *, batch_id: int) -> dict[str, dict[str, Any]]:
    """The champions of ``names`` at a batch, as a specification keeps them; None: of ``pd``, ``lgd`` and ``ead`` those that there are."""
    from crfs.store.registry import champion, model_versions

    if names is None:
        found = model_versions(session.database, batch_id=batch_id)
        return {name: model_reference(v) for name in FILLED for v in found if v.model == name and v.role == "champion"}
    unknown = [name for name in names if name not in FILLED]
    if unknown:
        raise InvalidInput(f"no model called {unknown[0]!r} fills a book; {', '.join(FILLED)} do", argument="models")
    with naming("models"):
        return {name: model_reference(champion(session.database, name, batch_id=batch_id)) for name in names}


def check_label(label: str | None) -> None:
    """Refuse a label that cannot be written, or is longer than :data:`LONGEST_LABEL`."""
    if label is not None and len(label) > LONGEST_LABEL:
        raise InvalidInput(f"a label has at most {LONGEST_LABEL} characters, not {len(label):,}", argument="label")
    fault = None if label is None else text_fault(label)
    if fault is not None:
        raise InvalidInput(f"the label has {fault}", argument="label")


@contextmanager
def refusing(asked: Asked) -> Iterator[None]:
    """Say of an error that names rows, raised within, what it means for the book, as :func:`refuse_rows` does."""
    try:
        yield
    except InvalidInput as error:
        if any(problem.row is not None for problem in error.problems):
            refuse_rows(asked, error.problems)
        raise


def refuse_rows(asked: Asked, problems: Sequence[Problem]) -> None:
    """Refuse a book with these wrong places; none is fine."""
    if not problems:
        return
    rows = len({problem.row for problem in problems})
    raise InvalidInput(
        f"{asked.what}: {rows} row{'s' if rows != 1 else ''} cannot be measured; nothing was kept{hint_of_models(asked, problems)}: "
        f"{first_places(problems)}",
        problems=tuple(problems),
    )


def hint_of_models(asked: Asked, problems: Sequence[Problem]) -> str:
    """What to add to an error with these wrong places where one is a blank that a model would fill, and none does."""
    filled = {FILLED["pd"], FILLED["lgd"]}
    lacking = any(problem.reason == Reason.MISSING.value and problem.column in filled for problem in problems)
    return "; blank pd_12m and lgd are filled where models were trained and promoted" if lacking and not asked.models else ""
