"""Attribution as a run: why a book's risk changed between two dates, in parts that sum exactly.

Each date has the book in force then, as a risk run has it, and the values and champions of the state of the store that it had, or of the one in
which that book had come in. That the earlier positions are known otherwise by the later date, and that its models see the later positions
otherwise, are reasons of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows import portfolio_risk
from crfs.workflows.book_runs import Asked, BookKind, Question, Ready, fillers, hindsight
from crfs.workflows.books import book_in_force, build_book
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session
from crfs.workflows.spines import check_types, require
from crfs.workflows.times import parse_instant, refuse_ahead

if TYPE_CHECKING:
    from crfs.risk.attribution import Attribution

DEFAULTS: dict[str, Any] = {**portfolio_risk.DEFAULTS, "default_ccf": None, "shapley": False, "replicates": 1, "tags": []}
EARLIER = ("book", "batch_id", "as_of", "models", "factor_model")
"""What a specification says of the earlier date; the later one is that of the run itself."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options before anything is kept."""
    portfolio_risk.check_options(options)
    check_types(options, flags=("shapley",))
    tags = options.get("tags")
    if tags is not None and (isinstance(tags, str) or not isinstance(tags, Sequence) or not all(isinstance(tag, str) for tag in tags)):
        raise InvalidInput(f"tags is a list of columns by which numbers are cut, such as sector, not {tags!r:.80}", argument="tags")
    listed = list(tags or ())
    twice = next((tag for n, tag in enumerate(listed) if tag in listed[:n]), None)
    if twice is not None:
        raise InvalidInput(f"tags has {twice!r} twice: one cut by it is enough", argument="tags")
    replicates = options.get("replicates", 1)
    if not isinstance(replicates, int) or isinstance(replicates, bool) or not 1 <= replicates <= 100:
        raise InvalidInput(f"replicates is a number of seeds from 1 to 100, not {replicates!r}", argument="replicates")


def ready(asked: Asked) -> Ready:
    """Both books with their blanks filled, as each date knew them, and the books between them where the dates know or judge differently."""
    earlier = asked.specification["earlier"]
    require(earlier, "the earlier date", ("book", "batch_id"), EARLIER[2:])
    later = portfolio_risk.ready(asked)
    model = earlier.get("factor_model") or asked.specification["factor_model"]
    reader = asked.session.reader(earlier["batch_id"])
    then = replace(
        asked,
        reader=reader,
        table=build_book(asked.session, reader, earlier["book"]),
        specification={**asked.specification, "factor_model": model, "models": earlier.get("models", {}), "as_of": earlier.get("as_of")},
        what=f"{asked.what} (the earlier one)",
    )
    before = portfolio_risk.ready(then)
    also, revised, remodelled = [before.filler], None, None
    if earlier["batch_id"] != asked.reader.batch_id and (then.models or earlier["book"]["kind"] != "payload"):
        table = build_book(asked.session, asked.reader, earlier["book"])
        known_since = portfolio_risk.ready(replace(then, reader=asked.reader, table=table))
        revised = _same_positions(known_since, before)
        also.append(known_since.filler)
    if then.models != asked.models:
        judged = portfolio_risk.ready(replace(asked, specification={**asked.specification, "models": then.models}))
        remodelled = judged.rows
        also.append(judged.filler)
    return Ready(
        rows=later.rows,
        filler=later.filler,
        more={"before": before, "before_model": model, "revised": revised, "remodelled": remodelled},
        also=tuple(also),
    )


def _same_positions(since: Ready, before: Ready) -> Any:
    """The earlier positions as they are known since. A facility that only one state knows says nothing of revised values: the earlier state's stands."""
    import polars as pl

    key = ["facility_id", "obligor_id"]
    kept = since.rows.join(before.rows.select(key), on=key, how="semi", maintain_order="left")
    lost = before.rows.join(since.rows.select(key), on=key, how="anti", maintain_order="left")
    return kept if lost.is_empty() else pl.concat([kept, lost.select(kept.columns)])


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Every measure before, the steps with their errors, and after; and by the tags that were asked for."""
    found = _attribution(asked, ready)
    before, earlier = ready.more["before"], asked.specification["earlier"]
    told = found.to_dict()
    then = parse_instant(earlier["as_of"], what="as_of") if earlier.get("as_of") else None
    return {
        **told,
        "notes": [
            *told["notes"],
            *_other_champions(asked),
            *hindsight(asked.session, before.filler, then, what="the numbers of the earlier date"),
        ],
        "earlier": {"as_of": earlier.get("as_of"), "n_facilities": before.rows.height},
        "n_facilities": ready.rows.height,
        "change": {name: {"before": one.before, "after": one.after} for name in ("el", "ul") for one in (found.effect(name),)},
    }


def _other_champions(asked: Asked) -> list[str]:
    """Why a risk run of the earlier date that is asked today may answer otherwise: said where models judge the two dates differently."""
    if asked.specification["earlier"].get("models", {}) == asked.models:
        return []
    return [
        "the earlier date has the champions that the store had when its book had come in, which is the step of models; crfs portfolio risk "
        "--as-of that date takes those of now, and those of then with --recorded-as-of"
    ]


def _attribution(asked: Asked, ready: Ready) -> Attribution:
    from crfs.credit.factor_model import FactorModel
    from crfs.risk.attribution import attribute

    told = ready.more
    options = {name: asked.option(name, default) for name, default in DEFAULTS.items()}
    with asked.pieces() as mapped:
        return attribute(
            told["before"].rows,
            ready.rows,
            FactorModel.from_content(told["before_model"]),
            portfolio_risk.factor_model_of(asked),
            revised=told["revised"],
            remodelled=told["remodelled"],
            map_blocks=mapped,
            **options,
        )


def _files(specification: Mapping[str, Any]) -> list[str]:
    book = specification["earlier"]["book"]
    return [book["sha256"]] if book.get("kind") == "payload" else []


ATTRIBUTION = BookKind(
    kind=RunKind.ATTRIBUTION,
    options=DEFAULTS,
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("change",),
    doing="measuring the books between the two dates",
    needed=("factor_model", "earlier"),
    files=_files,
    remarks=measured_as_performing,
)
compute = ATTRIBUTION.compute


def between(
    session: Session,
    name: str,
    earlier: datetime,
    later: datetime,
    *,
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    models: Sequence[str] | None = None,
    batch_id: int,
    label: str | None = None,
) -> Question:
    """The question why the risk of the book under a name changed between two dates.

    The book of each date is the one in force then as the store has it at ``batch_id``, as a risk run's: positions of a day come in after it. Each date
    has the state that the store had then, or the later one in which its book had come in, up to ``batch_id``: its champions and values are those
    of that state, and a risk run ``as_of`` the date and ``recorded_as_of`` that state has the same losses.
    """
    if not earlier < later:
        raise InvalidInput(f"the earlier date, {earlier.isoformat()}, is not before the later one, {later.isoformat()}", argument="from")
    refuse_ahead(later, now=session.latest(session.pin(batch_id)), what="to")
    (first, first_batch), (last, last_batch) = (_state(session, name, at, batch_id=batch_id) for at in (earlier, later))
    # The earlier book may be loaded, or put right, after the later one: one state knows both then.
    last_batch = max(first_batch, last_batch)
    then: dict[str, Any] = {"book": first, "batch_id": first_batch}
    if references := fillers(session, models, batch_id=first_batch):
        then |= {"models": references, "as_of": earlier.isoformat()}
    if "earlier_factor_model" in settings:
        then["factor_model"] = settings["earlier_factor_model"]
    return Question(
        kind=ATTRIBUTION,
        book=last,
        settings={"factor_model": settings["factor_model"], "earlier": then},
        options=options,
        models=models,
        as_of=later.isoformat(),
        recorded_as_of=last_batch,
        label=label,
    )


def _state(session: Session, name: str, at: datetime, *, batch_id: int) -> tuple[dict[str, Any], int]:
    """The specification of the book in force at ``at``, and the state of the store that the date is seen in."""
    row = book_in_force(session, name, at, batch_id=batch_id)
    book = {"kind": "payload", "sha256": row["sha256"], "format": row["file_format"], "name": name}
    return book, max(min(session.pin(at).batch_id, batch_id), row["batch_id"])
