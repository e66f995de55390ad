"""Early-warning rules looked at and tested: on the bureau as it was known, against the defaults that followed, or on tables of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question, refuse_ahead

if TYPE_CHECKING:
    import polars as pl

    from crfs.monitoring.early_warning import Evaluation, Limit, RatingScale, Rule, RulePerformance
    from crfs.workflows.bureau_watch import Watch


def list_rules(file: Path | None = None) -> list[dict[str, Any]]:
    """The rules of a file, or those that ship with crfs."""
    return [{**rule.to_dict(), "column": rule.watched, "scope": rule.scope.value} for rule in read_rules(file)]


def read_rules(file: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a TOML file, or those that ship with crfs."""
    from crfs.monitoring.early_warning import packaged_rules, parse_rules

    if file is None:
        return packaged_rules()
    return parse_rules(_text(file), where=str(file))


def read_scale(file: Path | None = None) -> RatingScale:
    """The rating scale of a TOML file, or the one that ships with crfs."""
    from crfs.monitoring.early_warning import packaged_scale, parse_scale

    return packaged_scale() if file is None else parse_scale(_text(file), where=str(file))


def read_limits(file: Path | None = None) -> tuple[Limit, ...]:
    """The limits of a TOML or CSV file; none where there is no file."""
    from crfs.monitoring.early_warning import parse_limits

    return () if file is None else parse_limits(_text(file), where=str(file))


def check_rules_on_tables(
    rules: Sequence[Rule], tables: Mapping[str, pl.DataFrame], *, at: datetime | None = None, defaults: pl.DataFrame | None = None
) -> dict[str, Any]:
    """What rules make of tables by scope, as of a moment (the last one at which something became known, if none is named).

    With ``defaults`` (``entity``, ``defaulted_at``) alerts on obligors are measured against them. Rules whose table or column is not there
    are named in the notes.
    """
    from crfs.monitoring.early_warning import applicable

    usable, notes = applicable(tables, rules)
    if not usable:
        raise InvalidInput(f"no rule can look at the tables: {'; '.join(notes)}")
    found, moment = _evaluated(usable, tables, at)
    return _document(found, moment, [] if defaults is None else _performance(found, defaults, moment), notes)


def _evaluated(rules: Sequence[Rule], tables: Mapping[str, pl.DataFrame], at: datetime | None) -> tuple[Evaluation, datetime]:
    import polars as pl

    from crfs.monitoring.early_warning import evaluate

    found = evaluate({scope: tables[scope] for scope in {rule.scope.value for rule in rules}}, rules, as_of=at)
    moment: datetime | None = at or pl.concat([seen["at"] for seen in found.sightings.values()]).max()  # type: ignore[assignment]  # instants
    if moment is None:
        raise InvalidInput("no row of the tables says anything that a rule looks at")
    return found, moment


def _document(found: Evaluation, moment: datetime, performance: list[dict[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "at": moment,
        "rules": found.summary(moment).to_dicts(),
        "alerts": [
            {"rule": c.rule, "subject": c.subject, "severity": c.severity.value, "title": c.title, "evidence": dict(c.evidence)}
            for c in found.conditions(moment)
        ],
        "performance": performance,
        "notes": list(notes),
    }


def try_rules(
    session: Session,
    file: Path | None = None,
    *,
    table: Path | None = None,
    defaults: Path | None = None,
    as_of: str | date | None = None,
    rating_scale: Path | None = None,
    recorded_as_of: str | date | int | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Test the rules of a TOML file (None: those that ship with crfs) on the bureau, against the defaults that it reports; or on a ``table`` of obligors.

    Of the bureau its obligors are looked at, with the scores of the champion and their grades on the ``rating_scale`` (a TOML file; None:
    the one that ships with crfs), its sectors, and the whole of it.
    ``table`` and ``defaults`` are CSV or Parquet files; where ``file`` itself is one, the rules are those that ship with crfs. Nothing is
    kept, and no alert is opened.
    """
    if file is not None and file.suffix in {".csv", ".parquet"}:
        if table is not None:
            raise InvalidInput(f"{file} is a table; the rules come from a TOML file")
        rules, table = read_rules(), file
    else:
        rules = read_rules(file)
    at = None if as_of is None else parse_question(as_of, what="as_of")
    if table is not None:
        found = None if defaults is None else _with_instants(_read(defaults), "defaulted_at")
        return {"source": str(table), **check_rules_on_tables(rules, {"obligor": _read(table)}, at=at, defaults=found)}
    pin = session.pin(recorded_state(recorded_as_of))
    if at is not None:  # a table may well have times that lie ahead; the store knows nothing of them
        refuse_ahead(at, now=session.latest(pin), what="as_of")
    return {"source": "bureau_obligor", "batch_id": pin.batch_id} | check_rules_on_bureau(
        session, pin.batch_id, rules, read_scale(rating_scale), at=at, known_by=at or pin.recorded_at, progress=progress
    )


def check_rules_on_bureau(
    session: Session,
    batch_id: int,
    rules: Sequence[Rule],
    scale: RatingScale,
    *,
    known_by: datetime,
    at: datetime | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """What rules make of the bureau's obligors, sectors and the whole of it, and what they were worth against what followed."""
    from crfs.monitoring.early_warning import applicable
    from crfs.workflows.bureau_watch import watch_bureau

    other_scale = {rule.name: note for rule in rules if (note := lacks_grades(rule, scale))}
    fitting = [rule for rule in rules if rule.name not in other_scale]
    watch = watch_bureau(session, batch_id, fitting, scale, known_by=known_by, progress=progress)
    usable, absent = applicable(watch.tables, fitting)
    reasons = dict(zip((rule.name for rule in fitting if rule not in usable), absent, strict=True))
    for rule in fitting:
        why = next((watch.why_not[name] for name in rule.needs if name in watch.why_not), None)
        if rule.name in reasons and why is not None:
            reasons[rule.name] = f"{rule.name}: {why}"
    reasons |= other_scale
    notes = [reasons[rule.name] for rule in rules if rule.name in reasons]
    notes += [
        f"{rule.name}: it is not measured: the bureau tells of less than 12 months, and so of no default rate"
        for rule in usable
        if rule.scope.value in watch.rates and watch.rates[rule.scope.value].is_empty()
    ]
    if not usable:
        raise InvalidInput(f"no rule can look at the bureau: {'; '.join(notes)}")
    progress("evaluating the rules", 0, 1)
    found, moment = _evaluated(usable, watch.tables, at)
    performance = [*_groups_performance(found, watch), *_performance(found, watch.defaults, min(moment, watch.until))]
    progress("evaluating the rules", 1, 1)
    return _document(found, moment, performance, [*notes, *watch.notes])


def lacks_grades(rule: Rule, scale: RatingScale) -> str | None:
    """A rule that counts other grades than those of the scale cannot be tested on it."""
    lost = [name for name in scale.names if name not in rule.scale]
    if not rule.scale or not lost:
        return None
    return f"{rule.name}: its scale has no {', '.join(lost)}, which scores are given; name a rating scale of its grades (--rating-scale)"


def _performance(found: Evaluation, defaults: pl.DataFrame, until: datetime) -> list[dict[str, Any]]:
    """The obligors' rules, each from where on it saw anybody, and any of them together."""
    import polars as pl

    from crfs.monitoring.early_warning import ANY, rule_performance

    spells = found.spells().filter(pl.col("scope") == "obligor")
    own = {rule.name: found.sightings[rule.name].select("entity", "at") for rule in found.rules if rule.scope.value == "obligor"}
    seen = {name: table for name, table in own.items() if not table.is_empty()}
    if not seen:
        return []
    watched = pl.concat(seen.values()).unique()
    told: list[dict[str, Any]] = []
    for name, table in sorted(seen.items()):
        since: datetime = table["at"].min()  # type: ignore[assignment]  # of rows that there are
        one, _ = rule_performance(spells, defaults, until=until, watched=watched.filter(pl.col("at") >= since), rules=[name])
        told.append(_worth(one, "obligor", since))
    anyone = rule_performance(spells, defaults, until=until, watched=watched)[-1]
    assert anyone.rule == ANY
    return [*told, _worth(anyone, "obligor", watched["at"].min())]


def _groups_performance(found: Evaluation, watch: Watch) -> list[dict[str, Any]]:
    """The rules on sectors and on the whole, against the rises of their default rates."""
    import polars as pl

    from crfs.monitoring.early_warning import group_performance

    told = []
    for rule in found.rules:
        scope, table = rule.scope.value, found.sightings[rule.name].select("entity", "at")
        if scope not in watch.rates or watch.rates[scope].is_empty() or table.is_empty():
            continue
        spells = found.spells().filter(pl.col("rule") == rule.name)
        (one,) = group_performance(spells, table, watch.rates[scope], [rule.name], until=watch.until)
        told.append(_worth(one, scope, max(table["at"].min(), watch.rates[scope]["at"].min())))  # type: ignore[type-var]  # instants
    return told


def _worth(one: RulePerformance, scope: str, since: Any) -> dict[str, Any]:
    return {"scope": scope, "since": since, **one.to_dict()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None


def _read(file: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{file} cannot be read: {str(error).splitlines()[0]}") from None


def _with_instants(table: pl.DataFrame, column: str) -> pl.DataFrame:
    """The table with a column of days or instants as instants; a cell that is neither is named."""
    import polars as pl

    from crfs.credit.schemas import Reason
    from crfs.errors import Problem

    if column not in table.columns or table.schema[column] != pl.String:
        return table
    days = table[column].str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC", strict=False)
    instants = table[column].str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    read = days.zip_with(days.is_not_null(), instants)
    bad = (read.is_null() & table[column].is_not_null()).arg_true()
    if len(bad):
        detail = f"{table[column][bad[0]]!r} is no day and no instant with a zone"
        problem = Problem(row=bad[0] + 1, column=column, reason=Reason.WRONG_TYPE.value, detail=detail)
        raise InvalidInput(f"row {problem.row}, column {column}: {detail}", problems=(problem,))
    return table.with_columns(read.alias(column))
