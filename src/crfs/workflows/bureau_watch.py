"""What early-warning rules see of the bureau: its obligors as they were known month by month, their scores, sectors and the whole; what followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.session import Progress, Session

if TYPE_CHECKING:
    import polars as pl

    from crfs.monitoring.early_warning import RatingScale, Rule
    from crfs.store.registry import ModelVersion
    from crfs.store.scan import StoreReader

OBLIGORS, DEFAULTS = "bureau_obligor", "bureau_default"
WATCHED = ("utilisation", "days_past_due")
"""Columns of the bureau's obligors, under the bureau's own names, that rules of some kinds look at and sectors have means of."""
PORTFOLIO = "bureau"
"""What the whole of the bureau is called."""
MODEL = "pd"
"""The model whose champion scores the obligors."""

_SCORED = ("pd", "rating")
_MAX_AGE = "P3M"
"""How old an obligor's newest record may be for him to count in his sector."""
_AT_ONCE = 200_000
"""Rows scored together: some 100 MB."""

NOT_SIMULATED: Mapping[str, str] = {
    "spread_bp": "it needs credit spreads of the obligors, which the simulation does not have",
    "sentiment": "it needs news about the obligors, which the simulation does not have",
    "covenant_headroom": "it needs covenants of the obligors, which the simulation does not have",
    "limit_use": "it needs limits of a book and their use, which the simulation does not have",
    "ec": "it needs the economic capital of a book and its standard error month by month, which the simulation does not have",
}
"""Why there is no such column of the bureau."""


class NoBureau(InvalidInput):
    """Nothing of the bureau was known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Tables by scope; what followed: ``defaults`` of obligors and ``rates`` of groups by scope, both known up to ``until``.

    ``why_not`` says of columns why they are not there, ``notes`` what else is to know.
    """

    tables: Mapping[str, pl.DataFrame]
    defaults: pl.DataFrame
    rates: Mapping[str, pl.DataFrame]
    until: datetime
    why_not: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    """``obligor_id``, ``observed_at`` and ``pd``, known from ``since`` on, or why there are none."""

    table: pl.DataFrame | None
    since: datetime | None = None
    run_id: str = ""
    why_not: str = ""
    note: str = ""


def watch_bureau(
    session: Session, batch_id: int, rules: Sequence[Rule], scale: RatingScale, *, known_by: datetime, progress: Progress
) -> Watch:
    """Tables of the bureau for ``rules``, with what was known at each moment; scores and sectors are made only where a rule asks for them."""
    import polars as pl

    from crfs.monitoring.early_warning import Scope, default_rates, grouped
    from crfs.workflows.spines import defaults_known

    reader = session.reader(batch_id)
    progress("reading the bureau", 0, 1)
    told = _told_columns(reader, rules)
    rows = reader.rows(OBLIGORS, columns=list(dict.fromkeys(["sector", "in_default", *told])), known_by=known_by)
    if rows.is_empty():
        raise NoBureau("the store knows no obligor of the bureau: crfs ingest bureau, or give a table (--table)")
    events = defaults_known(reader, {"defaults": DEFAULTS}, known_by=known_by)
    defaults = events.select(entity="obligor_id", defaulted_at="default_time")
    # The end of the last month that has been told: nobody knows of later defaults.
    until = min(rows.select(pl.col("valid_time").max().dt.offset_by("1mo")).item(), known_by)
    progress("reading the bureau", 1, 1)
    asked = {scope.value: {name for rule in rules if rule.scope is scope for name in rule.needs} for scope in Scope}
    of_groups = {scope: names for scope, names in asked.items() if scope != Scope.OBLIGOR.value and names - set(NOT_SIMULATED)}
    scored = any(names.intersection(_SCORED) for names in asked.values())
    months = _Months(reader=reader, rows=rows, known_by=known_by)
    scores = _scores(session, reader, months, rules, known_by=known_by, progress=progress) if scored else _Scores(table=None)
    told_rows = rows.filter(pl.col("row_state").cast(pl.String) == "value")
    own = told_rows.select("entity", "valid_time", "knowledge_time", *told, _batch())
    tables = {Scope.OBLIGOR.value: own if scores.table is None else _joined(own, _rated(scores, months, scale))}
    rates = {}
    if of_groups:
        seen = months.seen(None).with_columns(pl.lit(PORTFOLIO).alias("portfolio"))
        seen = seen.join(_pd_of(scores), on=["obligor_id", "observed_at"], how="left", maintain_order="left")
        for scope in of_groups:
            newest = seen.group_by(pl.col(scope).alias("entity"), pl.col("observed_at").alias("valid_time")).agg(pl.col("batch_id").max())
            means = grouped(seen, scope).join(newest, on=["entity", "valid_time"], how="left", maintain_order="left")
            tables[scope] = _group_table(means.with_columns(_batch()).drop("batch_id"), scores)
            rates[scope] = default_rates(seen, defaults, scope, until=until)
    why_not = {**NOT_SIMULATED, **(dict.fromkeys(_SCORED, scores.why_not) if scores.why_not else {})}
    return Watch(tables=tables, defaults=defaults, rates=rates, until=until, why_not=why_not, notes=(scores.note,) if scores.note else ())


def _told_columns(reader: StoreReader, rules: Sequence[Rule]) -> list[str]:
    """What the bureau tells of obligors that rules may look at: what it mostly is, and any other number that one of them asks for."""
    kinds = reader.catalogue.dataset(OBLIGORS).schema()
    asked = {name for rule in rules for name in rule.needs}
    return [*WATCHED, *sorted(name for name in asked - {*WATCHED, *_SCORED} if name in kinds and kinds[name].is_numeric())]


class _Months:
    """The obligors of the bureau at ends of months, each as it was known then."""

    def __init__(self, *, reader: StoreReader, rows: pl.DataFrame, known_by: datetime) -> None:
        self._rows = rows
        self._period = reader.catalogue.dataset(OBLIGORS).period
        self._times = month_ends(rows["knowledge_time"].min(), known_by)  # type: ignore[arg-type]  # of rows that there are

    def seen(self, since: datetime | None, *, max_age: str = _MAX_AGE) -> pl.DataFrame:
        """``obligor_id``, ``observed_at``, ``sector``, ``in_default``, what is watched and its batch, of whoever was on the books at each end of a month."""
        import polars as pl

        from crfs.bitemporal.join import answers

        times = pl.DataFrame(
            {"at": [time for time in self._times if since is None or time >= since]}, schema={"at": pl.Datetime("us", "UTC")}
        )
        asked = times.join(self._rows.select(pl.col("entity").unique().sort()), how="cross")
        place = answers(asked, self._rows, period=self._period, max_age=max_age)
        there = place.is_not_null()
        found = self._rows.select("sector", pl.col("in_default") == 1, *WATCHED, "batch_id")[place.filter(there)]
        return asked.filter(there).select(obligor_id="entity", observed_at="at").hstack(found)


def month_ends(first: datetime, last: datetime) -> list[datetime]:
    """The days on which months end, as the instants at which these days begin in UTC, from ``first`` to ``last``.

    >>> from datetime import UTC
    >>> [f"{end:%Y-%m-%d}" for end in month_ends(datetime(2008, 1, 31, 5, tzinfo=UTC), datetime(2008, 3, 31, tzinfo=UTC))]
    ['2008-02-29', '2008-03-31']
    """
    ends: list[datetime] = []
    year, month = first.year, first.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        day = date(year, month, 1) - timedelta(days=1)
        end = datetime(day.year, day.month, day.day, tzinfo=first.tzinfo)
        if end > last:
            return ends
        if end >= first:
            ends.append(end)


def _scores(
    session: Session, reader: StoreReader, months: _Months, rules: Sequence[Rule], *, known_by: datetime, progress: Progress
) -> _Scores:
    """What the champion says of the obligors from where on it was not fitted on; before that it would have seen what followed.

    Rules that look back find scores of earlier months too, as the model gave them when it began.
    """
    import polars as pl

    from crfs.store.registry import champion
    from crfs.workflows.scoring import fitted_until, score_spine

    try:
        version = champion(session.database, MODEL, batch_id=reader.batch_id)
        since, max_age = fitted_until(session, version)
    except NotFound:
        words = f"crfs models train {MODEL}, then crfs models promote {MODEL} VERSION --reason WHY"
        return _Scores(table=None, why_not=f"it needs a champion of model {MODEL}, which scores the obligors: {words}")
    except InvalidInput as error:
        return _Scores(table=None, why_not=f"the champion of model {MODEL} cannot score the bureau's obligors: {error}")
    seen = months.seen(_earlier(since, rules), max_age=max_age).filter(~pl.col("in_default"))
    if seen.is_empty() or since > known_by:
        why = (
            f"the champion of model {MODEL} was fitted on what happened up to {since:%Y-%m-%d}, and nothing is known of the months after it"
        )
        return _Scores(table=None, why_not=why)
    table = score_spine(
        session, reader, version, seen.select("obligor_id", "observed_at"), known_by=known_by, at_once=_AT_ONCE, progress=progress
    )
    return _Scores(table=table.rename({"pd_12m": "pd"}), since=since, run_id=version.run_id, note=_told(version, since))


def _told(version: ModelVersion, since: datetime) -> str:
    return (
        f"pd is what {version.model} version {version.version}, the champion, gives on what was known at each month's end, and rating the grade "
        f"of it; the rules that look at them are measured from {since:%Y-%m-%d} on, since the model was fitted on what happened before"
    )


def _earlier(since: datetime, rules: Sequence[Rule]) -> datetime:
    """The time that the rule which looks back farthest asks about when scores begin."""
    import polars as pl

    back = [rule.lookback for rule in rules if rule.lookback is not None and rule.watched in _SCORED]
    months = pl.Series([since])
    earliest = [months.dt.offset_by(f"-{tenor.polars_offset()}").item() for tenor in back]
    # A month more, for the end of a month before.
    first: datetime = pl.Series([min([since, *earliest])]).dt.offset_by("-1mo").item()
    return first


def _pd_of(scores: _Scores) -> pl.DataFrame:
    import polars as pl

    if scores.table is not None:
        return scores.table
    return pl.DataFrame(schema={"obligor_id": pl.String, "observed_at": pl.Datetime("us", "UTC"), "pd": pl.Float64})


def _rated(scores: _Scores, months: _Months, scale: RatingScale) -> pl.DataFrame:
    """Scores and grades as rows of obligors; who is known to be in default has no score, and the grade of default."""
    import polars as pl

    assert scores.table is not None  # asked for where there are some
    assert scores.since is not None
    first: Any = scores.table["observed_at"].min()
    seen = months.seen(first).select("obligor_id", "observed_at", "in_default")
    all_of_them = seen.join(scores.table, on=["obligor_id", "observed_at"], how="left", maintain_order="left")
    return all_of_them.with_columns(scale.rated(all_of_them["pd"], all_of_them["in_default"])).select(
        pl.col("obligor_id").alias("entity"),
        pl.col("observed_at").alias("valid_time"),
        _known("observed_at", scores.since),
        "pd",
        "rating",
        _model(scores),
    )


def _group_table(table: pl.DataFrame, scores: _Scores) -> pl.DataFrame:
    """The table of groups; their mean probabilities became known when the model's scores did."""
    import polars as pl

    if scores.table is None:
        return table.drop("pd")
    assert scores.since is not None
    means = table.filter(pl.col("pd").is_not_null()).select(
        "entity", "valid_time", _known("valid_time", scores.since), "pd", _model(scores)
    )
    return _joined(table.drop("pd"), means)


def _known(time: str, since: datetime) -> pl.Expr:
    """When a score of a month was known: then, or when there was the model."""
    import polars as pl

    return pl.max_horizontal(pl.col(time), pl.lit(since).cast(pl.Datetime("us", "UTC"))).alias("knowledge_time")


def _joined(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows of two tables of one scope; where both have a row of one time that became known at one moment, it is one row."""
    import polars as pl

    both = one.join(other, on=["entity", "valid_time", "knowledge_time"], how="full", coalesce=True)
    basis = pl.concat_str("rests_on", "rests_on_right", separator=", ", ignore_nulls=True)
    return both.with_columns(basis.alias("rests_on")).drop("rests_on_right")


def _batch() -> pl.Expr:
    """What a row of the bureau rests on."""
    import polars as pl

    return pl.format("batch {}", "batch_id").alias("rests_on")


def _model(scores: _Scores) -> pl.Expr:
    """What a score rests on."""
    import polars as pl

    return pl.lit(f"run {scores.run_id}").alias("rests_on")
