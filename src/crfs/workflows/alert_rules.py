"""Early-warning rules looked at and tested: on the bureau as it was known, against the defaults that followed, or on tables of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Session
from crfs.workflows.times import parse_question

if TYPE_CHECKING:
    import polars as pl

    from crfs.monitoring.early_warning import Evaluation, Rule

_OBLIGORS, _DEFAULTS = "bureau_obligor", "bureau_default"
_WATCHED = ("utilisation", "days_past_due")
"""Columns of the bureau's obligors that rules may look at, under the bureau's own names."""


def list_rules(file: Path | None = None) -> list[dict[str, Any]]:
    """The rules of a file, or those that ship with crfs."""
    return [{**rule.to_dict(), "column": rule.watched, "scope": rule.scope.value} for rule in read_rules(file)]


def read_rules(file: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a TOML file, or those that ship with crfs."""
    from crfs.monitoring.early_warning import packaged_rules, parse_rules

    if file is None:
        return packaged_rules()
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    return parse_rules(text, where=str(file))


def check_rules_on_tables(
    rules: Sequence[Rule], tables: Mapping[str, pl.DataFrame], *, at: datetime | None = None, defaults: pl.DataFrame | None = None
) -> dict[str, Any]:
    """What rules make of tables by scope, as of a moment (the last one at which something became known, if none is named).

    With ``defaults`` (``entity``, ``defaulted_at``) alerts on obligors are measured against them. Rules whose table or column is not there
    are named in the notes.
    """
    import polars as pl

    from crfs.monitoring.early_warning import applicable, evaluate

    usable, notes = applicable(tables, rules)
    if not usable:
        raise InvalidInput(f"no rule can look at the tables: {'; '.join(notes)}")
    found = evaluate({scope: tables[scope] for scope in {rule.scope.value for rule in usable}}, usable, as_of=at)
    moment: datetime | None = at or pl.concat([seen["at"] for seen in found.sightings.values()]).max()  # type: ignore[assignment]  # instants
    if moment is None:
        raise InvalidInput("no row of the tables says anything that a rule looks at")
    return {
        "at": moment,
        "rules": found.summary(moment).to_dicts(),
        "alerts": [
            {"rule": c.rule, "subject": c.subject, "severity": c.severity.value, "title": c.title, "evidence": dict(c.evidence)}
            for c in found.conditions(moment)
        ],
        "performance": [] if defaults is None else _performance(found, defaults, moment),
        "notes": list(notes),
    }


def try_rules(
    session: Session,
    file: Path,
    *,
    table: Path | None = None,
    defaults: Path | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
) -> dict[str, Any]:
    """Test the rules of a TOML file on the bureau's obligors, against the defaults that it reports; or on a ``table`` of obligors.

    ``table`` and ``defaults`` are CSV or Parquet files; where ``file`` itself is one, the rules are those that ship with crfs. Nothing is
    kept, and no alert is opened.
    """
    if file.suffix in {".csv", ".parquet"}:
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
    moment = at or pin.recorded_at
    obligors, events = _bureau(session, pin.batch_id, moment)
    return {"source": _OBLIGORS, "batch_id": pin.batch_id, **check_rules_on_tables(rules, {"obligor": obligors}, at=at, defaults=events)}


def _bureau(session: Session, batch_id: int, known_by: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    from crfs.workflows.spines import defaults_known

    reader = session.reader(batch_id)
    rows = reader.rows(_OBLIGORS, columns=list(_WATCHED), known_by=known_by)
    if rows.is_empty():
        raise InvalidInput("the store knows no obligor of the bureau: crfs ingest bureau, or give a table (--table)")
    counted = rows.filter(pl.col("row_state").cast(pl.String) == "value")
    events = defaults_known(reader, {"defaults": _DEFAULTS}, known_by=known_by)
    return counted.select("entity", "valid_time", "knowledge_time", *_WATCHED), events.select(
        entity="obligor_id", defaulted_at="default_time"
    )


def _performance(found: Evaluation, defaults: pl.DataFrame, until: datetime) -> list[dict[str, Any]]:
    import polars as pl

    from crfs.monitoring.early_warning import rule_performance

    spells = found.spells().filter(pl.col("scope") == "obligor")
    seen = [table.select("entity", "at") for name, table in found.sightings.items() if not table.is_empty()]
    watched = pl.concat(seen).unique() if seen else None
    return [one.to_dict() for one in rule_performance(spells, defaults, until=until, watched=watched)]


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
