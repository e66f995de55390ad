"""The tables that parsers hand on: which columns accepted rows have, and how rows that may not be kept are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from types import MappingProxyType

import polars as pl

from crfs.bitemporal.release import ReleaseRule
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE, KnowledgeBasis, RowState
from crfs.bitemporal.tenor import Tenor
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType, DatasetDefinition
from crfs.sources.core.contract import MOST_LISTED, REJECTED_SCHEMA, Parsed, RejectReason, unlisted, unlisted_count, unlisted_words

ACCEPTED: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "entity": pl.String(),
        "valid_time": INSTANT,
        "knowledge_time": INSTANT,
        "knowledge_basis": KNOWLEDGE_BASIS,
        "vintage_date": pl.Date(),
        "row_state": ROW_STATE,
        "clipped": pl.Boolean(),
    }
)
"""The first columns of every accepted table; the dataset's value columns follow.

``clipped`` says that the knowledge time is only an upper bound: the provider was asked about a window of real time (or of now), and
what it knew before that window looks as if it were new at the window's start. See :func:`settle_clipped`.
"""

FIRST_DAY, LAST_DAY = date(1600, 1, 1), date(2199, 12, 31)
_FIRST, _LAST = datetime(FIRST_DAY.year, 1, 1, tzinfo=UTC), datetime(LAST_DAY.year, 12, 31, tzinfo=UTC)
_KEY = ["entity", "valid_time", "knowledge_time"]
_DAYS_AHEAD = 1
"""A provider's day may begin before ours, and its clock be another."""
Rejection = tuple[int | None, str | None, RejectReason, str]


class Rejections:
    """Rejections in their order: the first :data:`~crfs.sources.core.contract.MOST_LISTED`, and how many more there were.

    Ask for :meth:`room` before making a rejection's text: where there is none, it is counted and need not be made.
    """

    __slots__ = ("_listed", "_more", "_reason")

    def __init__(self, rejections: Iterable[Rejection] = ()) -> None:
        self._listed: list[Rejection] = []
        self._more, self._reason = 0, RejectReason.UNEXPECTED_SHAPE
        self.extend(rejections)

    def __len__(self) -> int:
        return len(self._listed) + self._more

    def room(self, reason: RejectReason) -> bool:
        """Whether one more is listed; where it is not, it is counted."""
        if len(self._listed) < MOST_LISTED:
            return True
        self._reason = self._reason if self._more else reason
        self._more += 1
        return False

    def append(self, rejection: Rejection) -> None:
        """List one more, or count it; one that stands for many counts as many."""
        row, _, reason, detail = rejection
        many = unlisted_count(detail) if row is None else 0
        if many:
            self._reason = self._reason if self._more else reason
            self._more += many
        elif self.room(reason):
            self._listed.append(rejection)

    def extend(self, rejections: Iterable[Rejection]) -> None:
        """List or count several."""
        for rejection in rejections:
            self.append(rejection)

    def listed(self) -> list[Rejection]:
        """Those that are listed, and one of no row that says how many are not."""
        more: list[Rejection] = [(None, None, self._reason, unlisted_words(self._more))] if self._more else []
        return [*self._listed, *more]


def rejected_table(rows: Iterable[Rejection] = ()) -> pl.DataFrame:
    """A rejected table of (row, column, reason, detail); of very many the first, and a row that says how many more there were."""
    listed = rows if isinstance(rows, list) else list(rows)
    if not listed:
        return _nothing_rejected().clone()
    if len(listed) > MOST_LISTED + 1:
        listed = Rejections(listed).listed()
    columns = {
        "row": [row for row, _, _, _ in listed],
        "column": [column for _, column, _, _ in listed],
        "reason": [reason.value for _, _, reason, _ in listed],
        "detail": [detail[:500] for _, _, _, detail in listed],
    }
    # By columns: a hostile body may have a million bad rows, and building from rows takes twenty times as long.
    return pl.DataFrame(columns, schema=dict(REJECTED_SCHEMA))


@cache
def _nothing_rejected() -> pl.DataFrame:
    """The rejected table of most answers: made once."""
    return pl.DataFrame(schema=dict(REJECTED_SCHEMA))


def reject_all(reason: RejectReason, detail: str) -> Parsed:
    """Nothing of the payload is accepted, for one reason that holds for all of it."""
    return Parsed(tables={}, rejected=rejected_table([(None, None, reason, detail)]))


def rejected_where(
    frame: pl.DataFrame, bad: pl.Expr, column: str, reason: RejectReason, detail: str, *, shown: str | None = None
) -> pl.DataFrame:
    """The rejected rows of ``frame`` where ``bad`` holds; ``detail`` is followed by the cell (of ``shown``, else of ``column``)."""
    cell = pl.col(shown or column).cast(pl.String).fill_null("").str.slice(0, 80)
    return _listed(frame, bad, pl.lit(column), reason, pl.lit(f"{detail}: ") + cell)


def rejected_cells(frame: pl.DataFrame, bad: pl.Expr, reason: RejectReason, detail: str) -> pl.DataFrame:
    """The rejected cells of a wide table in its long form: ``entity`` is the column's name, ``text`` what stood there."""
    return _listed(frame, bad, pl.col("entity"), reason, pl.lit(f"{detail}: ") + pl.col("text").fill_null("").str.slice(0, 80))


def _listed(frame: pl.DataFrame, bad: pl.Expr, column: pl.Expr, reason: RejectReason, detail: pl.Expr) -> pl.DataFrame:
    """The rejected rows where ``bad`` holds: the first of them, before any text is made, and how many more there were."""
    # As a column: polars does not broadcast a literal predicate over a frame that it filters in parts.
    places = frame.with_columns(_bad=bad.fill_null(False))["_bad"].arg_true()
    if places.is_empty():
        return rejected_table()
    listed = frame[places.head(MOST_LISTED)].select(
        row=pl.col("row").cast(pl.Int64), column=column, reason=pl.lit(reason.value, dtype=REJECTED_SCHEMA["reason"]), detail=detail
    )
    more = len(places) - listed.height
    return pl.concat([listed, unlisted(more, reason.value)]) if more else listed


def known_from(valid_times: pl.Series, rule: ReleaseRule | None, period: Tenor, fetched_at: datetime) -> pl.DataFrame:
    """From when values without a publication time were known: columns ``knowledge_time`` and ``knowledge_basis``.

    By the declared ``rule`` where there is one; never later than the fetch, since then we had them; from the fetch where there is none.
    """
    fetch = pl.lit(fetched_at).cast(INSTANT)
    observed = pl.lit(KnowledgeBasis.OBSERVED.value, dtype=KNOWLEDGE_BASIS)
    if rule is None or valid_times.is_empty():
        return (
            pl.DataFrame({"valid_time": valid_times})
            .select(knowledge_time=fetch, knowledge_basis=observed, n=pl.col("valid_time"))
            .drop("n")
        )
    ruled = pl.DataFrame({"ruled": rule.knowledge_times(valid_times, period)})
    declared = pl.lit(rule.basis.value, dtype=KNOWLEDGE_BASIS)
    sooner = pl.col("ruled") > fetch
    return ruled.select(
        knowledge_time=pl.when(sooner).then(fetch).otherwise(pl.col("ruled")),
        knowledge_basis=pl.when(sooner).then(observed).otherwise(declared),
    )


def known_by_entity(frame: pl.DataFrame, dataset: DatasetDefinition, catalogue: Catalogue, fetched_at: datetime) -> pl.DataFrame:
    """``frame`` (``entity``, ``valid_time``) with ``knowledge_time``, ``knowledge_basis`` and ``clipped``, for values that came without a time.

    The rule is that of the factor whose fixed entity the row's is, else the dataset's; see :func:`known_from`. What is known from the fetch
    may have been there before, so it is ``clipped``.
    """
    rules: dict[tuple[ReleaseRule | None, Tenor], list[str]] = {}
    for name in frame["entity"].drop_nulls().unique(maintain_order=True):
        factors = catalogue.of_entity(dataset.name, name)
        rule = catalogue.release(factors[0]) if factors else dataset.release
        rules.setdefault((rule, catalogue.period(factors[0]) if factors else dataset.period), []).append(name)
    if not rules:
        rules = {(None, dataset.period): []}
    indexed = frame.with_row_index("_place")
    parts = []
    for (rule, period), names in rules.items():
        part = indexed if len(rules) == 1 else indexed.filter(pl.col("entity").is_in(names))
        parts.append(part.hstack(known_from(part["valid_time"], rule, period, fetched_at)))
    known = pl.concat(parts).sort("_place").drop("_place")
    return known.with_columns(clipped=pl.col("knowledge_basis") == KnowledgeBasis.OBSERVED.value)


def accept(
    frame: pl.DataFrame, dataset: DatasetDefinition, catalogue: Catalogue | None = None, *, fetched_at: datetime | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Accepted and rejected rows of ``frame``: clocks that lie in time, finite values within the definition's bounds, no two answers.

    Nothing is known later than it was fetched: a row that says so is known from ``fetched_at``, ``observed`` and ``clipped``. None is for
    a simulation, whose clock is its own.

    ``frame`` has ``row`` (of the body, from 1), ``entity``, ``valid_time``, ``knowledge_time``, ``knowledge_basis``, and may have
    ``vintage_date``, ``row_state``, ``clipped`` and value columns of the definition's types; what it has not is null, ``value`` and
    False. A row without any value is ``missing``. A repeated row is kept once; of two that differ at one key in a number neither is, and
    of two that differ in words the first.

    With a ``catalogue``, the bounds of the factors that are fixed to an entity hold for its rows. Of a dataset of what has happened
    (``realised``) no period begins later than a day after it was known.
    """
    frame = _completed(frame, dataset)
    frame = frame if fetched_at is None else _known_by(frame, fetched_at)
    values = [column.name for column in dataset.columns]
    bounds = _factor_bounds(frame, dataset, catalogue) if catalogue is not None else []
    is_realised = dataset.realised and fetched_at is not None
    if not bounds and _is_clean(frame, dataset, is_realised=is_realised):
        return frame.select([*ACCEPTED, *values]), rejected_table()
    first, last = _FIRST, _LAST
    ahead = _ahead() if is_realised else pl.lit(False)
    has_value = pl.col("row_state") == RowState.VALUE.value
    in_time = pl.col("valid_time").is_between(first, last)
    texts = ["entity", *(column.name for column in dataset.columns if frame.schema[column.name] == pl.String)]
    unknown = in_time & pl.col("knowledge_time").is_null()
    checks: list[tuple[pl.Expr, str, RejectReason, str]] = [
        (pl.col("entity").is_null() | (pl.col("entity") == ""), "entity", RejectReason.MISSING_FIELD, "no entity"),
        (pl.col("valid_time").is_null(), "valid_time", RejectReason.MISSING_FIELD, "no valid time"),
        (~in_time, "valid_time", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        (in_time & ahead, "valid_time", RejectReason.OUT_OF_RANGE, "its period had not begun when it was known"),
        (unknown, "knowledge_time", RejectReason.NO_KNOWLEDGE_TIME, "no time from which it was known"),
        (~pl.col("knowledge_time").is_between(first, last), "knowledge_time", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        *((_has_nul(name), name, RejectReason.MALFORMED, "a NUL character") for name in texts),
    ]
    for column in dataset.columns:
        cell = pl.col(column.name)
        if column.type is ColumnType.FLOAT8:
            checks.append((~cell.is_finite(), column.name, RejectReason.NOT_FINITE, "not a finite number"))
            cell = pl.when(cell.is_finite()).then(cell)
        if column.minimum is not None:
            checks.append((cell < column.minimum, column.name, RejectReason.OUT_OF_RANGE, f"below {column.minimum:g}"))
        if column.maximum is not None:
            checks.append((cell > column.maximum, column.name, RejectReason.OUT_OF_RANGE, f"above {column.maximum:g}"))
        if column.required:
            checks.append(
                (has_value & pl.col(column.name).is_null(), column.name, RejectReason.MISSING_FIELD, "a required value is missing")
            )
    checks += bounds
    # One pass says which checks find anything; in a clean delivery none does, and no mask is made.
    found = frame.select(check.any().alias(str(i)) for i, (check, _, _, _) in enumerate(checks)).row(0)
    failed = [check for check, any_row in zip(checks, found, strict=True) if any_row]
    rejected = [rejected_where(frame, check, name, reason, detail) for check, name, reason, detail in failed]
    good = frame.filter(~pl.any_horizontal(check.fill_null(False) for check, *_ in failed)) if failed else frame
    del frame  # of a body of half a million cells no copy is kept that is not needed
    if not _in_order(good):
        good = _sorted(good).filter(~_as_before("_entity", *_KEY[1:], "row_state", *values))
        good, refused = _uncontradicted(good, dataset)
        rejected.append(refused)
    accepted = good.select([*ACCEPTED, *values])
    return accepted, pl.concat(rejected).sort("row", maintain_order=True) if rejected else rejected_table()


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows by their keys, those of one key as they came, with ``_entity``: the entity as a number that sorts as it does."""
    names = frame["entity"].unique().sort()
    return frame.with_columns(_entity=pl.col("entity").cast(pl.Enum(names)).to_physical()).sort("_entity", *_KEY[1:], maintain_order=True)


def _uncontradicted(frame: pl.DataFrame, dataset: DatasetDefinition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sorted rows without those that say two things at one key, and these. Of two numbers neither is known to be right; of two texts, the first
    stands: a title or a note may be put in other words.
    """
    again = _as_before("_entity", *_KEY[1:])
    several = again | again.shift(-1, fill_value=False)
    # Keys that one row has are looked at no further.
    part = frame.with_columns(_key=(~again).cum_sum(), _place=pl.int_range(pl.len())).filter(several)
    if part.is_empty():
        return frame, rejected_table()
    part = part.unique(["_key", "row_state", *dataset.schema()], keep="first", maintain_order=True)
    told = ["row_state", *(column.name for column in dataset.columns if column.type is not ColumnType.TEXT)]
    later = _as_before("_key")
    two = part.filter(later & ~_as_before(*told))["_key"].unique()
    marked = part.with_columns(_later=later, _two=pl.col("_key").is_in(two.implode()))
    detail = "another value was given for the same entity, valid time and knowledge time"
    refused = [
        rejected_where(marked, pl.col("_two"), "valid_time", RejectReason.CONTRADICTION, f"{detail}; neither is taken"),
        rejected_where(
            marked, pl.col("_later") & ~pl.col("_two"), "valid_time", RejectReason.CONTRADICTION, f"{detail}; the first is taken"
        ),
    ]
    kept = marked.filter(~pl.col("_two") & ~pl.col("_later"))["_place"]
    return frame.filter(~several | pl.int_range(pl.len()).is_in(kept.implode())), pl.concat(refused)


def _known_by(frame: pl.DataFrame, fetched_at: datetime) -> pl.DataFrame:
    """The rows with no knowledge time after the fetch; those that are in no calendar stay for the checks."""
    late = (pl.col("knowledge_time") > pl.lit(fetched_at).cast(INSTANT)) & (pl.col("knowledge_time") <= _LAST)
    if not frame.select(late.any()).item():
        return frame
    return frame.with_columns(
        knowledge_time=pl.when(late).then(pl.lit(fetched_at).cast(INSTANT)).otherwise(pl.col("knowledge_time")),
        knowledge_basis=pl.when(late)
        .then(pl.lit(KnowledgeBasis.OBSERVED.value, dtype=KNOWLEDGE_BASIS))
        .otherwise(pl.col("knowledge_basis")),
        clipped=late.fill_null(value=False) | pl.col("clipped"),
    )


def _has_nul(name: str) -> pl.Expr:
    """Where a text has a character that no PostgreSQL text can hold."""
    return pl.col(name).str.contains("\0", literal=True)


def _ahead() -> pl.Expr:
    """Where a period begins after it was known, which is never after the fetch."""
    return pl.col("valid_time") > pl.col("knowledge_time") + pl.duration(days=_DAYS_AHEAD)


def _is_clean(frame: pl.DataFrame, dataset: DatasetDefinition, *, is_realised: bool) -> bool:
    """Whether there is nothing to reject, to merge or to sort: one pass that says yes or no, for deliveries that come in order.

    It asks what the checks of :func:`accept` ask; where it says no, they say why.
    """
    if any(frame[name].null_count() for name in _KEY):
        return False
    required = [column.name for column in dataset.columns if column.required]
    if any(frame[name].null_count() for name in required):
        return False
    clocks = pl.col("valid_time", "knowledge_time")
    sound = [
        (pl.col("entity") != "").all().alias("entity"),
        *((~_has_nul(name)).all().alias(f"{name} text") for name, kind in frame.schema.items() if kind == pl.String),
        clocks.is_between(_FIRST, _LAST).all().name.suffix(" in time"),
        _later_than_before().all().alias("order"),
    ]
    if is_realised:
        sound.append((~_ahead()).all().alias("begun"))
    floats = [column.name for column in dataset.columns if column.type is ColumnType.FLOAT8]
    if floats:
        sound.append(pl.col(floats).is_finite().all().name.suffix(" finite"))
    sound += [
        (pl.col(column.name) >= column.minimum).all().alias(f"{column.name} low")
        for column in dataset.columns
        if column.minimum is not None
    ]
    sound += [
        (pl.col(column.name) <= column.maximum).all().alias(f"{column.name} high")
        for column in dataset.columns
        if column.maximum is not None
    ]
    return all(frame.select(sound).row(0))


def _in_order(frame: pl.DataFrame) -> bool:
    """Whether every key lies after the one before: then nothing is repeated, and nothing needs sorting."""
    return bool(frame.select(_later_than_before().all()).item())


def _later_than_before() -> pl.Expr:
    entity, valid, known = (pl.col(name) for name in _KEY)
    same_entity, same_valid = entity == entity.shift(1), valid == valid.shift(1)
    return (entity > entity.shift(1)) | (same_entity & ((valid > valid.shift(1)) | (same_valid & (known > known.shift(1)))))


def _as_before(*names: str) -> pl.Expr:
    """Where a row of a sorted frame has the same in these columns as the row before."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names) & (pl.int_range(pl.len()) > 0)


def _factor_bounds(frame: pl.DataFrame, dataset: DatasetDefinition, catalogue: Catalogue) -> list[tuple[pl.Expr, str, RejectReason, str]]:
    """A check for each distinct pair of bounds that factors declare for a fixed entity of the frame; bounds in the column's unit."""
    bounds: dict[tuple[str, float | None, float | None], list[str]] = {}
    present = frame["entity"].unique()
    named = present.filter(present.is_in(list(catalogue.entities(dataset.name)))).sort()
    for factor in (factor for entity in named for factor in catalogue.of_entity(dataset.name, entity)):
        if factor.entity is not None and (factor.minimum is not None or factor.maximum is not None):
            low, high = (None if bound is None else bound / factor.scale for bound in (factor.minimum, factor.maximum))
            if factor.scale < 0:
                low, high = high, low
            bounds.setdefault((factor.column, low, high), []).append(factor.entity)
    checks = []
    for (column, low, high), entities in bounds.items():
        # A number that is not finite has been told of as such.
        cell, own = pl.when(pl.col(column).is_finite()).then(pl.col(column)), pl.col("entity").is_in(entities)
        if low is not None:
            checks.append((own & (cell < low), column, RejectReason.OUT_OF_RANGE, f"below {low:g}, which the factor allows at least"))
        if high is not None:
            checks.append((own & (cell > high), column, RejectReason.OUT_OF_RANGE, f"above {high:g}, which the factor allows at most"))
    return checks


def _completed(frame: pl.DataFrame, dataset: DatasetDefinition) -> pl.DataFrame:
    """``frame`` with every column, and a row state that agrees with the values."""
    schema = dataset.schema()
    defaults: dict[str, pl.Expr] = {
        "vintage_date": pl.lit(None, dtype=pl.Date),
        "row_state": pl.lit(RowState.VALUE.value, dtype=ROW_STATE),
        "clipped": pl.lit(False),
        **{name: pl.lit(None, dtype=kind) for name, kind in schema.items()},
    }
    is_given = "row_state" in frame.columns
    absent = [default.alias(name) for name, default in defaults.items() if name not in frame.columns]
    frame = frame.with_columns(absent) if absent else frame
    present = frame.schema
    other = [pl.col(name).cast(kind) for name, kind in {**ACCEPTED, **schema}.items() if present[name] != kind]
    frame = frame.with_columns(other) if other else frame
    if not is_given and any(frame[name].null_count() == 0 for name in schema):
        return frame  # every row has a value, and says so
    empty = pl.all_horizontal(pl.col(name).is_null() for name in schema)
    is_value = pl.col("row_state") == RowState.VALUE.value
    missing = pl.lit(RowState.MISSING.value, dtype=ROW_STATE)
    frame = frame.with_columns(row_state=pl.when(is_value & empty).then(missing).otherwise(pl.col("row_state")))
    return frame.with_columns(pl.when(is_value).then(pl.col(name)).alias(name) for name in schema)


def settle_clipped(table: pl.DataFrame) -> pl.DataFrame:
    """Several accepted tables of one dataset, put together, without the clipped rows that say nothing new.

    In the order of knowledge a clipped row that repeats what was known just before it goes, and so does a ``missing`` one where there
    was no value anyhow; a ``missing`` row after a value is a withdrawal that its own window did not show, so it becomes ``retracted``.
    Windows that overlap by one vintage date give exactly the
    rows of one request. Put the stored rows of a stream (``clipped`` False) before a new capture's to see what the capture adds.

    >>> day = lambda d: datetime(2020, 1, d, tzinfo=UTC)
    >>> rows = pl.DataFrame({"entity": "GDP", "valid_time": [day(1)] * 3, "knowledge_time": [day(5), day(7), day(9)],
    ...     "row_state": pl.Series(["value"] * 3, dtype=ROW_STATE), "clipped": [False, True, True], "value": [1.0, 1.0, 1.5]})
    >>> settle_clipped(rows)["knowledge_time"].dt.day().to_list()
    [5, 9]
    """
    values = [name for name in table.columns if name not in ACCEPTED and name != "batch_id"]
    # At one key the exact row stands for the clipped one.
    rows = table.sort([*_KEY, "clipped"], maintain_order=True).unique(_KEY, keep="first", maintain_order=True)
    absent = [RowState.MISSING.value, RowState.RETRACTED.value]
    rows = rows.with_columns(
        _absent=pl.col("row_state").cast(pl.String).is_in(absent),
        _state=pl.col("row_state").cast(pl.String),
    )
    group = ["entity", "valid_time"]
    before = [pl.col(name).shift(1).over(group) for name in values]
    same_values = pl.all_horizontal(
        [pl.lit(True), *(pl.col(name).eq_missing(previous) for name, previous in zip(values, before, strict=True))]
    )
    had = pl.col("_absent").shift(1).over(group)
    is_missing = pl.col("_state") == RowState.MISSING.value
    still_absent = (pl.col("clipped") | is_missing) & pl.col("_absent") & had
    repeats = still_absent | (pl.col("clipped") & ~pl.col("_absent") & ~had & same_values)
    withdrawn = is_missing & ~had.fill_null(True)
    retracted = pl.lit(RowState.RETRACTED.value, dtype=ROW_STATE)
    return (
        rows.with_columns(row_state=pl.when(withdrawn).then(retracted).otherwise(pl.col("row_state").cast(ROW_STATE)))
        .filter(~repeats.fill_null(False))
        .select(table.columns)
    )
