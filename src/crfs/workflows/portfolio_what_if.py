"""What-if as a run: loans that come into a book, take another's place or leave it, and what that does to its risk.

The changed book is filled and checked as a whole, so it is what a run of its own would be about. Both are measured at the same random numbers: the
differences have their own errors alone, but for a changed book that has to have a run of its own, which the notes say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.credit.schemas import Reason
from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, Problem, first_places, in_file, naming
from crfs.workflows import portfolio_risk
from crfs.workflows.book_runs import Asked, Attachment, BookKind, Ready, hindsight, hint_of_models
from crfs.workflows.books import book_of_bytes, read_book_file
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.runs import RunKind

if TYPE_CHECKING:
    import polars as pl

    from crfs.quality.checks import Checked
    from crfs.risk import WarmPortfolio, WhatIf
    from crfs.workflows.filling import Filler

DEFAULTS: dict[str, Any] = {**portfolio_risk.DEFAULTS, "default_ccf": None, "changes": None, "remove": None}
MOST_BY_OBLIGOR = 12
"""So many changed obligors are told one by one: each is a question of its own."""
MOST_AT_FIRST_ORDER = 500
"""Of a change of more obligors no first order is told: it looks at each of them in every state."""
_AMOUNTS = ("var", "es", "ec")
_ENDS = ("se", "low", "high")
_EMPTY = "a what-if needs a change: rows of facilities that come or take another's place, or facilities that leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A change as a specification keeps it, and the file that comes with it."""

    settings: Mapping[str, Any]
    attachments: tuple[Attachment, ...] = ()


def changes_of_bytes(body: bytes, *, file_name: str) -> Changes:
    """Rows that came as the bytes of a CSV or Parquet file."""
    book = book_of_bytes(body, file_name=file_name)
    attachment = Attachment(body=body, file_name=file_name, source="changes")
    return Changes(settings={"changes": {"sha256": attachment.sha256, "format": book.file_format}}, attachments=(attachment,))


def read_changes(given: str | Path | Sequence[Mapping[str, Any]] | None) -> Changes:
    """Rows that come or take another's place: a CSV or Parquet file with the columns of a book, or its rows; None is none."""
    from crfs.credit.portfolio import read_portfolio
    from crfs.workflows.book_rows import rows_as_csv

    with naming("changes"):
        if given is None:
            return Changes(settings={})
        if isinstance(given, str | Path):
            told = changes_of_bytes(read_book_file(Path(given))[0], file_name=Path(given).name)
            with in_file(given):
                read_portfolio(told.attachments[0].body)
            return told
        return changes_of_bytes(rows_as_csv(given), file_name="changes.csv") if given else Changes(settings={})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Changed obligors: all of their rows in the book, and in the changed book."""

    obligors: tuple[str, ...]
    before: pl.DataFrame
    after: pl.DataFrame

    def of(self, obligors: tuple[str, ...]) -> Part:
        """What of it is of these obligors."""
        before, after = (rows.filter(rows["obligor_id"].is_in(obligors)) for rows in (self.before, self.after))
        return Part(obligors=obligors, before=before, after=after)

    def effect(self, warm: WarmPortfolio, *, first_order: bool) -> WhatIf:
        """What the change does to the book if nothing else changes."""
        dropped = self.before["facility_id"].filter(~self.before["facility_id"].is_in(self.after["facility_id"].to_list()))
        return warm.what_if(put=self.after if self.after.height else None, drop=dropped.to_list(), first_order=first_order)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changed:
    """The changed book, what filled it, and what of it changes.

    ``apart`` are the changed obligors who can be looked at without the others: one by one, but together where a facility moves between them.
    ``came``, ``replaced`` and ``left`` count facilities.
    """

    rows: pl.DataFrame
    filler: Filler
    whole: Part
    apart: tuple[tuple[str, ...], ...]
    came: int
    replaced: int
    left: int


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options before anything is kept; whether the book has the facilities, the run says."""
    portfolio_risk.check_options(options)
    remove = options.get("remove", [])
    if isinstance(remove, str) or not isinstance(remove, Sequence):
        raise InvalidInput("remove is a list of facilities", argument="remove")
    for name in remove:
        if not isinstance(name, str) or text_fault(name) is not None:
            raise InvalidInput(f"a facility that leaves is named by its facility_id, a text, not {name!r:.80}", argument="remove")


def ready(asked: Asked) -> Ready:
    """Both books with their blanks filled: wrong rows of the book, and then wrong rows of the change, are refused with their places."""
    before = portfolio_risk.ready(asked)
    changed = _changed(asked, before.rows)
    return replace(before, more=changed, also=(changed.filler,))


def _changed(asked: Asked, before: pl.DataFrame) -> Changed:
    """The changed book is made of the rows as they came, so that its blanks are filled by what it says itself, as those of any book."""
    from crfs.credit.schemas import PORTFOLIO
    from crfs.workflows.book_columns import columns_for
    from crfs.workflows.filling import fill_and_check

    came = _rows(asked)
    remove = list(dict.fromkeys(asked.option("remove") or ()))
    if came is None and not remove:
        raise InvalidInput(_EMPTY, argument="changes")
    ids = before["facility_id"]
    known = set(ids)
    unknown = [name for name in remove if name not in known]
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise InvalidInput(f"the book has no facility {unknown[0]!r}{more}, so it cannot leave it", argument="remove")
    arriving = [] if came is None else _facilities(came)
    changed = set(arriving)
    both = [name for name in remove if name in changed]
    if both and asked.attached:  # asked for now; what was accepted once is computed again
        more = f" (so do {len(both) - 1} more)" if len(both) > 1 else ""
        raise InvalidInput(
            f"facility {both[0]!r} is in the changes and leaves the book{more}: one that is changed stays, so leave it out of one of them",
            argument="remove",
        )
    gone = ids.is_in([*remove, *arriving])
    stays = (~gone).arg_true()
    table = columns_for(asked.table, PORTFOLIO)[stays]
    if not table.height and came is None:
        raise InvalidInput("the change leaves the book without a row: nothing would be left to measure", argument="remove")
    try:
        checked, filler = fill_and_check(
            asked.session,
            asked.reader,
            table if came is None else _beneath(table, came),
            portfolio_risk.factor_model_of(asked),
            asked.models,
            at=asked.at,
            default_ccf=asked.option("default_ccf"),
        )
    except InvalidInput as error:
        raise InvalidInput(f"the book with the change: {error}", problems=error.problems, argument="changes") from None
    _refuse(asked, checked, stays, came)
    after = checked.accepted
    rows = after[table.height :]
    leaving = before.filter(gone)
    touched = tuple(sorted({*leaving["obligor_id"], *rows["obligor_id"]}))
    replaced = int(ids.is_in(rows["facility_id"].to_list()).sum())
    return Changed(
        rows=after,
        filler=filler,
        whole=Part(obligors=touched, before=before, after=after).of(touched),
        apart=tuple(_apart(touched, leaving, rows)),
        came=rows.height - replaced,
        replaced=replaced,
        left=int(gone.sum()) - replaced,
    )


def _rows(asked: Asked) -> pl.DataFrame | None:
    """The rows that come, as they came."""
    from crfs.credit.portfolio import FileFormat, read_portfolio
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.checks import column_problems
    from crfs.workflows.book_columns import columns_for
    from crfs.workflows.spines import require

    told = asked.option("changes")
    if told is None:
        return None
    with naming("changes"):
        require(told, "changes", ("sha256",), ("format",))
        try:
            read = read_portfolio(asked.landed(told["sha256"]), file_format=FileFormat(told.get("format", "csv")))
        except InvalidInput as error:
            raise InvalidInput(f"the changes: {error}", problems=error.problems) from None
        table = columns_for(read, PORTFOLIO)
        allowed = [column.name for column in PORTFOLIO.columns if column.name not in {"facility_id", "obligor_id"}]
        problems = [
            problem
            for problem in column_problems(table.columns, PORTFOLIO, allow_blank=allowed)
            if problem.reason == Reason.UNKNOWN_COLUMN or problem.column not in allowed
        ]
        if problems:
            raise InvalidInput("the changes: " + "; ".join(problem.detail for problem in problems), problems=tuple(problems))
        if table.is_empty():
            raise InvalidInput(f"the changes have no rows; {_EMPTY}")
    return table


def _facilities(came: pl.DataFrame) -> list[str]:
    """What rows that come call their facilities, as a check reads it."""
    import polars as pl

    return came["facility_id"].cast(pl.String).str.strip_chars().drop_nulls().to_list()


def _beneath(table: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """Rows of a book, and below them those that come; a column that one has as text and the other as numbers is text, which loses no bit."""
    import polars as pl

    text = [name for name in came.columns if name in table.columns and came.schema[name] != table.schema[name]]
    as_text = [pl.col(name).cast(pl.String) for name in text]
    return pl.concat([table.with_columns(as_text), came.with_columns(as_text)], how="diagonal")


def _refuse(asked: Asked, checked: Checked, stays: pl.Series, came: pl.DataFrame | None) -> None:
    """Refuse a wrong row of the change with its place there, or one of the book that the change leaves wrong with its place there."""
    kept, problems = len(stays), checked.problems
    hint = hint_of_models(asked, problems)
    mine = [_at(problem, (problem.row or 0) - kept) for problem in problems if (problem.row or 0) > kept]
    if came is not None:
        mine = _numbered_as_they_came(mine, came)
        if any(problem.column == "currency" and (problem.row or 0) <= kept for problem in problems):
            mine = [problem for problem in mine if problem.column != "currency"] + _currencies_of_no_book(came)
            mine.sort(key=lambda problem: problem.row or 0)
    if mine:
        raise InvalidInput(
            f"the changes: {_count(mine)} cannot be measured; nothing was kept{hint}: {first_places(mine)}",
            problems=tuple(mine),
            argument="changes",
        )
    theirs = [_at(problem, stays[problem.row - 1] + 1) for problem in problems if problem.row is not None]
    if theirs:
        raise InvalidInput(
            f"{asked.what}: with the change {_count(theirs)} cannot be measured; nothing was kept{hint}: {first_places(theirs)}",
            problems=tuple(theirs),
        )


def _numbered_as_they_came(problems: Sequence[Problem], came: pl.DataFrame) -> list[Problem]:
    """The same, where one that is there twice is told the other's row in the change: the check has counted the book's rows before it."""
    import polars as pl

    if not any(problem.reason == Reason.DUPLICATE.value for problem in problems):
        return list(problems)
    names = came["facility_id"].cast(pl.String).str.strip_chars().to_list()

    def told(problem: Problem) -> Problem:
        if problem.reason != Reason.DUPLICATE.value or problem.row is None:
            return problem
        name = names[problem.row - 1]
        detail = f"'{name}' is already on row {names.index(name) + 1}"
        return Problem(row=problem.row, column=problem.column, reason=problem.reason, detail=detail)

    return [told(problem) for problem in problems]


def _currencies_of_no_book(came: pl.DataFrame) -> list[Problem]:
    """What is wrong with a change that says its currency where the book, which was right before, says none."""
    import polars as pl

    detail = "the change says '{}' and the book says no currency: leave it out, or say that of the book"
    return [
        Problem(row=row, column="currency", reason=Reason.INCONSISTENT.value, detail=detail.format(name))
        for row, name in enumerate(came["currency"].cast(pl.String).str.strip_chars().to_list(), 1)
        if name
    ]


def _at(problem: Problem, row: int) -> Problem:
    return Problem(row=row, column=problem.column, reason=problem.reason, detail=problem.detail)


def _count(problems: Sequence[Problem]) -> str:
    rows = len({problem.row for problem in problems})
    return f"{rows} row{'s' if rows != 1 else ''}"


def _apart(touched: Sequence[str], gone: pl.DataFrame, rows: pl.DataFrame) -> list[tuple[str, ...]]:
    """The changed obligors one by one; those between whom a facility moves are one."""
    together = {name: {name} for name in touched}
    owed_before = dict(zip(gone["facility_id"], gone["obligor_id"], strict=True))
    for facility, obligor in zip(rows["facility_id"], rows["obligor_id"], strict=True):
        before = owed_before.get(facility, obligor)
        if together[before] is not together[obligor]:
            one = together[before] | together[obligor]
            together |= dict.fromkeys(one, one)
    return list(dict.fromkeys(tuple(sorted(one)) for one in together.values()))


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Every number of the book, of the changed book and the difference with its error; and what each changed obligor does on its own."""
    changed: Changed = ready.more
    first_order = len(changed.whole.obligors) <= MOST_AT_FIRST_ORDER
    with asked.pieces() as mapped:
        warm = portfolio_risk.warm_portfolio(asked, ready.rows, map_blocks=mapped)
        answer = changed.whole.effect(warm, first_order=first_order)
        obligors, notes = _by_obligor(warm, changed, answer, first_order=first_order)
    base, told = warm.result.to_dict(), answer.to_dict()
    before, after = _totals(ready.rows), _totals(changed.rows)
    if changed.filler.used != ready.filler.used:
        notes += hindsight(asked.session, changed.filler, asked.at, what="the numbers of the changed book")
    if answer.measures and answer.measures[0].marginal_var is None:
        reason = (
            f"the change is of more than {MOST_AT_FIRST_ORDER} obligors" if not first_order else f"the book is measured by {base['method']}"
        )
        notes.append(f"no first order (marginal): {reason}")
    return {
        **{name: base[name] for name in ("method", "copula", "seed", "currency")},
        "method_after": told["method"],
        "el": {"before": base["el"], "after": told["el"], "change": told["incremental_el"]},
        "ul": {
            "before": base["ul"],
            "after": told["ul"],
            "before_se": base["ul_se"],
            "after_se": told["ul_se"],
            **_change(told["incremental_ul"]),
        },
        "measures": [_measure(one, other) for one, other in zip(base["measures"], told["measures"], strict=True)],
        "total_ead": {"before": before["ead"], "after": after["ead"], "change": after["ead"] - before["ead"]},
        "changes": {"came": changed.came, "replaced": changed.replaced, "left": changed.left},
        "obligors": obligors,
        "n_facilities": ready.rows.height,
        "n_obligors": ready.rows["obligor_id"].n_unique(),
        "n_facilities_after": changed.rows.height,
        "n_obligors_after": changed.rows["obligor_id"].n_unique(),
        "origins_after": changed.filler.origins,
        "models_after": changed.filler.used,
        "notes": list(dict.fromkeys([*answer.notes, *notes])),
    }


def _by_obligor(warm: WarmPortfolio, changed: Changed, whole: WhatIf, *, first_order: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """What each changed obligor would do if he alone changed, and at first order, where all of them sum to the whole; the largest first."""
    el = {name: after - before for name, before, after in _losses(changed.whole)}
    ordered = sorted(changed.apart, key=lambda names: (-abs(sum(el[name] for name in names)), names))
    exposure = float(warm.book["ead"].sum())
    told, notes = [], []
    for names in ordered[:MOST_BY_OBLIGOR]:
        part, name = changed.whole.of(names), ", ".join(names)
        before, after = _totals(part.before), _totals(part.after)
        # Where nobody else has an exposure, one who leaves alone would leave nothing to measure.
        asked = len(ordered) == 1 or exposure - before["ead"] + after["ead"] > 0.0
        answer = whole if len(ordered) == 1 else part.effect(warm, first_order=first_order) if asked else None
        notes += [f"{name} alone: {note}" for note in answer.notes if note not in whole.notes] if answer is not None else []
        told.append(
            {
                "obligor_id": name,
                **{what: {"before": before[what], "after": after[what], "change": after[what] - before[what]} for what in before},
                "measures": [] if answer is None else [_alone(each) for each in answer.to_dict()["measures"]],
            }
        )
    if len(ordered) > MOST_BY_OBLIGOR:
        notes.append(f"of {len(ordered)} changed obligors the {MOST_BY_OBLIGOR} whose expected loss changes most are told one by one")
    return told, notes


def _losses(whole: Part) -> list[tuple[str, float, float]]:
    """The expected loss of each changed obligor in both books."""
    import polars as pl

    el = pl.col("ead") * pl.col("lgd") * pl.col("pd_12m")
    before, after = (
        dict(rows.group_by("obligor_id", maintain_order=True).agg(el=el.sort().sum()).iter_rows()) for rows in (whole.before, whole.after)
    )
    return [(name, before.get(name, 0.0), after.get(name, 0.0)) for name in whole.obligors]


def _measure(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Value at risk, expected shortfall and economic capital at one confidence: before, after, the difference, and its first order."""
    found: dict[str, Any] = {"confidence": before["confidence"]}
    for name in _AMOUNTS:
        found[name] = {"before": before[name], "after": after[name], **_change(after[f"incremental_{name}"])}
        for end in _ENDS:
            found[name] |= {f"before_{end}": before[f"{name}_{end}"], f"after_{end}": after[f"{name}_{end}"]}
        if name != "ec":
            found[name] |= _named(after[f"marginal_{name}"], "marginal")
    return found


def _alone(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a part of the change adds to a measure, alone and at first order."""
    return {
        "confidence": told["confidence"],
        **{name: {**_change(told[f"incremental_{name}"]), **_named(told[f"marginal_{name}"], "marginal")} for name in ("var", "es")},
    }


def _change(told: Mapping[str, Any]) -> dict[str, Any]:
    return _named(told, "change")


def _named(told: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """A difference with its error and its interval under a name; None where there is none."""
    found = dict.fromkeys(("value", *_ENDS)) if told is None else told
    return {name: found["value"], **{f"{name}_{end}": found[end] for end in _ENDS}}


def _totals(rows: pl.DataFrame) -> dict[str, Any]:
    """Exposure and expected loss of rows; their number."""
    el = rows["ead"] * rows["lgd"] * rows["pd_12m"]
    return {"facilities": rows.height, "ead": float(rows["ead"].sum()), "el": float(el.sum())}


def _files(specification: Mapping[str, Any]) -> list[str]:
    changes = specification.get("changes")
    return [] if changes is None else [changes["sha256"]]


WHAT_IF = BookKind(
    kind=RunKind.WHAT_IF,
    options=DEFAULTS,
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("el", "ul", "measures", "method"),
    doing="measuring the book and what the change does to it",
    needed=("factor_model",),
    files=_files,
    remarks=measured_as_performing,
)
compute = WHAT_IF.compute
