"""Factor models estimated from the store: how systematic factors hang together by their histories, as a run.

What is estimated is told by a TOML file (or its content)::

    frequency = "month"            # or quarter, or year
    start = 1990-01-01             # the first period; none: all that is known
    shrinkage = "ledoit_wolf"      # or a weight within [0, 1]; 0 if not given
    copula = "t:6"                 # gaussian if not given

    [[factor]]
    name = "energy"
    mnemonic = "us.industry_return_energy"
    transform = "level"            # level, difference, log_difference, or default_rate
    aggregate = "last"             # of a period's values: last, mean, sum, or compound (of returns)
    low_is_bad = true              # false turns the sign: of spreads, of unemployment

    [[factor]]                     # the default rate of a pool, counted from the monthly records of a bureau
    name = "energy_defaults"
    default_rate_of = { segment = "corporate", sector = "energy" }

    [groups.corporate_energy]      # weights of factors; without any group each factor is one
    energy = 1.0

A default rate counts as ``-Phi^-1(rate)``, which of a large pool is its factor but for level and scale (O. Vasicek, "Loan portfolio value",
Risk 15, 2002); :mod:`crfs.workflows.default_pools` says what a pool is, and ``[rates]`` other datasets than the bureau's.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.book_runs import run_answer
from crfs.workflows.default_pools import Pool, check_rates, pool_counts, pool_told, rate, rates_told
from crfs.workflows.given import check_given
from crfs.workflows.observations import bound_entity, recorded_state
from crfs.workflows.runs import Computation, RunKind, execute
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import require
from crfs.workflows.times import parse_instant, parse_question, refuse_ahead

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.scan import StoreReader

FREQUENCIES = {"month": 1, "quarter": 3, "year": 12}
"""How many months a period has."""
TRANSFORMS = ("level", "difference", "log_difference", "default_rate")
AGGREGATES = ("last", "mean", "sum", "compound")
_OPTIONS = ("start", "end", "shrinkage", "missing", "hac_lags", "copula", "groups", "rates")
_KINDS = (
    ("name", str, "a text"),
    ("mnemonic", str, "a text"),
    ("entity", str, "a text"),
    ("transform", str, "a text"),
    ("aggregate", str, "a text"),
    ("low_is_bad", bool, "true or false"),
)
"""What a [[factor]] may say, by what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factor:
    name: str
    mnemonic: str | None
    pool: Mapping[str, str] | None
    entity: str | None
    transform: str
    aggregate: str
    low_is_bad: bool

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> _Factor:
        """A ``[[factor]]`` table, checked."""
        what = f"factor {told['name']}" if isinstance(told.get("name"), str) else "a factor of the factor model"
        for key, kind, spoken in _KINDS:
            if key in told and not isinstance(told[key], kind):
                raise InvalidInput(f"{what}: {key} is {spoken}, not {told[key]!r:.80}", argument="factor")
        if "default_rate_of" in told:
            require(told, what, ("name", "default_rate_of"), ())
            pool = pool_told(told["name"], told["default_rate_of"])
            return cls(
                name=told["name"], mnemonic=None, pool=pool, entity=None, transform="default_rate", aggregate="last", low_is_bad=True
            )
        if "mnemonic" not in told:
            raise InvalidInput(f"{what} needs mnemonic, or default_rate_of where it is the default rate of a pool", argument="factor")
        require(told, what, ("name", "mnemonic"), ("entity", "transform", "aggregate", "low_is_bad"))
        found = cls(
            name=told["name"],
            mnemonic=told["mnemonic"],
            pool=None,
            entity=told.get("entity"),
            transform=told.get("transform", "level"),
            aggregate=told.get("aggregate", "last"),
            low_is_bad=told.get("low_is_bad", True),
        )
        for what, value, known in (("transform", found.transform, TRANSFORMS), ("aggregate", found.aggregate, AGGREGATES)):
            if value not in known:
                raise InvalidInput(f"factor {found.name}: {what} = {value!r}; known: {', '.join(known)}", argument=what)
        if found.transform == "default_rate" and not found.low_is_bad:
            raise InvalidInput(f"factor {found.name}: a default rate has its sign by itself; leave low_is_bad out", argument="low_is_bad")
        return found


def compute(session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Read the histories as they were known, and estimate: a function of the specification and the batch alone."""
    from crfs.credit.copula import read_copula
    from crfs.models.canonical import canonical_json
    from crfs.risk.correlation import estimate_correlation
    from crfs.store.runs import RunInputs

    require(specification, "factor model", ("frequency", "factor", "as_of"), _OPTIONS)
    reader = session.reader(batch_id)
    known_by = parse_instant(specification["as_of"], what="as_of")
    factors = _factors(specification)
    progress("reading histories", 0, 2)
    pools = _pools(reader, factors, specification, known_by)
    history = _history(reader, factors, pools, specification, known_by)
    progress("estimating correlations", 1, 2)
    found = estimate_correlation(
        history,
        default_rates=[factor.name for factor in factors if factor.transform == "default_rate"],
        **{name: specification[name] for name in ("shrinkage", "missing", "hac_lags") if name in specification},
    )
    model = found.factor_model(specification.get("groups"), copula=read_copula(specification.get("copula", "gaussian")))
    kept = history.select("valid_time")
    rates, scatter = rates_told({name: (pool, counts.join(kept, on="valid_time", how="semi")) for name, (pool, counts) in pools.items()})
    document = {
        "model": json.loads(model.to_json()),
        "estimate": found.to_dict(),
        "frequency": specification["frequency"],
        **_span(history),
        "in_common": _span(history.drop_nulls()),
        "histories": {factor.name: _span(history.select("valid_time", factor.name).drop_nulls()) for factor in factors},
        "as_of": specification["as_of"],
        "notes": [*found.notes, *scatter],
        **({"default_rates": rates} if rates else {}),
    }
    progress("estimating correlations", 2, 2)
    return Computation(
        result=canonical_json(document),
        inputs=RunInputs(batches={name: sorted(batches) for name, batches in reader.batches_read.items()}),
        facts={"document": document, "summary": {"factors": list(model.factors), "distance": found.distance}},
    )


def _span(history: pl.DataFrame) -> dict[str, Any]:
    """How many periods there are, and the first and the last of them; None where there is none."""
    first, last = history["valid_time"].min(), history["valid_time"].max()
    return {
        "periods": history.height,
        "first_period": None if first is None else first.isoformat(),  # type: ignore[union-attr]  # they are days
        "last_period": None if last is None else last.isoformat(),  # type: ignore[union-attr]
    }


def _factors(specification: Mapping[str, Any]) -> list[_Factor]:
    factors = [_Factor.of(told) for told in specification["factor"]]
    if len({factor.name for factor in factors}) < len(factors) or not factors:
        raise InvalidInput("a factor model has factors, each of a name of its own", argument="factor")
    return factors


def _months(specification: Mapping[str, Any]) -> int:
    frequency = specification["frequency"]
    if frequency not in FREQUENCIES:
        raise InvalidInput(f"frequency = {frequency!r}; known: {', '.join(FREQUENCIES)}", argument="frequency")
    return FREQUENCIES[frequency]


def _pools(
    reader: StoreReader, factors: list[_Factor], specification: Mapping[str, Any], known_by: datetime
) -> dict[str, tuple[Pool, pl.DataFrame]]:
    """The factors that are default rates of pools: how many could and did default, by period."""
    pools = {factor.name: factor.pool for factor in factors if factor.pool is not None}
    if not pools:
        return {}
    return pool_counts(reader, pools, specification.get("rates", {}), months=_months(specification), known_by=known_by)


def _history(
    reader: StoreReader,
    factors: list[_Factor],
    pools: Mapping[str, tuple[Pool, pl.DataFrame]],
    specification: Mapping[str, Any],
    known_by: datetime,
) -> pl.DataFrame:
    """One row a period that is over, a column a factor: what its values became, null where there is none."""
    import polars as pl

    every = f"{_months(specification)}mo"
    columns = [
        pools[factor.name][1].select("valid_time", rate().alias(factor.name))
        if factor.name in pools
        else _periods(reader, factor, every, known_by)
        for factor in factors
    ]
    known = pl.concat([column.select("valid_time") for column in columns])
    periods = known.select(pl.date_range(pl.col("valid_time").min(), pl.col("valid_time").max(), every))
    for factor, column in zip(factors, columns, strict=True):
        periods = periods.join(column, on="valid_time", how="left", maintain_order="left")
        value = pl.col(factor.name)
        told = {"difference": value - value.shift(1), "log_difference": (value / value.shift(1)).log()}.get(factor.transform, value)
        periods = periods.with_columns(told if factor.low_is_bad else -told)
    start, end = (_day(specification.get(name), name) for name in ("start", "end"))
    whole = periods
    if start is not None:
        periods = periods.filter(pl.col("valid_time") >= start)
    if end is not None:
        periods = periods.filter(pl.col("valid_time") <= end)
    for factor in factors:
        if periods[factor.name].null_count() == periods.height:
            span = " ".join(f"{word} {day.isoformat()}" for word, day in (("from", start), ("to", end)) if day is not None)
            there = whole.filter(pl.col(factor.name).is_not_null())["valid_time"].to_list()
            has = f"its values are of {there[0].isoformat()} to {there[-1].isoformat()}" if there else "it has none at all"
            raise InvalidInput(
                f"factor {factor.name} has no value in the span{' ' if span else ''}{span}; {has}",
                argument="start" if start is not None else "end" if end is not None else "factor",
            )
    return periods


def _periods(reader: StoreReader, factor: _Factor, every: str, known_by: datetime) -> pl.DataFrame:
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    assert factor.mnemonic is not None  # a pool has none, and is counted in place of this
    definition = reader.catalogue.factor(factor.mnemonic)
    entity = bound_entity(definition, factor.entity)
    if entity is None:
        raise InvalidInput(
            f"factor {factor.name}: {factor.mnemonic} is one of many entities; name one with entity, "
            "or a pool of them with default_rate_of",
            argument="entity",
        )
    rows = as_of(reader.rows(definition.dataset, columns=[definition.column], entities=[entity], known_by=known_by), as_of=known_by)
    values = rows.select("valid_time", value=definition.value_of(rows[definition.column])).drop_nulls().sort("valid_time")
    if factor.transform == "log_difference" and not values.is_empty() and not bool((values["value"] > 0.0).all()):
        raise InvalidInput(f"factor {factor.name}: {factor.mnemonic} has values that are not above 0, which have no logarithm")
    of_period = {
        "last": pl.col("value").last(),
        "mean": pl.col("value").mean(),
        "sum": pl.col("value").sum(),
        "compound": (1.0 + pl.col("value")).product() - 1.0,
    }[factor.aggregate]
    found = (
        values.group_by(valid_time=pl.col("valid_time").dt.date().dt.truncate(every), maintain_order=True)
        .agg(of_period.alias(factor.name))
        .filter(pl.col("valid_time").dt.offset_by(every) <= known_by.date())
    )
    if found.is_empty():
        raise NotFound(f"factor {factor.name}: nothing of {factor.mnemonic} ({entity}) was known at {known_by.isoformat()}")
    return found


def _day(text: str | None, what: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} = {text!r} is no day; write 1990-01-01", argument=what) from None


def read_specification(given: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The content of a specification: as it is, or of a TOML file; its dates as texts."""
    if isinstance(given, Mapping):
        content = dict(given)
    else:
        try:
            content = tomllib.loads(Path(given).read_bytes().decode())
        except OSError as error:
            raise InvalidInput(f"cannot read {given}: {error.strerror}") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{given} is not TOML: {error}") from None
    for name in ("start", "end"):
        if isinstance(content.get(name), date):
            content[name] = content[name].isoformat()
    if not isinstance(content.get("factor"), list) or not all(isinstance(one, Mapping) for one in content["factor"]):
        raise InvalidInput("a specification of a factor model has [[factor]] tables", argument="factor")
    return content


def asked_content(session: Session, given: str | Path | Mapping[str, Any], *, as_of: str | date | None) -> dict[str, Any]:
    """The specification of a run, with the time that is asked about; a wrong key, factor, frequency, day or copula is refused here.

    ``given`` is a TOML file or its content, ``as_of`` None is now. Whether histories are there is found as they are read.
    """
    from crfs.credit.copula import read_copula

    content = read_specification(given)
    require(content, "factor model", ("frequency", "factor"), _OPTIONS)
    now = session.latest(session.pin())
    known_by = now if as_of is None else parse_question(as_of, what="as_of")
    refuse_ahead(known_by, now=now, what="as_of")
    content["as_of"] = known_by.isoformat()
    _factors(content)
    _months(content)
    for name in ("start", "end"):
        _day(content.get(name), name)
    read_copula(content.get("copula", "gaussian"))
    check_rates(content.get("rates", {}))
    _check_estimation(content)
    _check_groups(content.get("groups"))
    return content


def _check_estimation(content: Mapping[str, Any]) -> None:
    """Refuse a wrong way to estimate."""
    from crfs.risk.correlation import LEDOIT_WOLF, Missing

    missing, lags, shrinkage = (content.get(name) for name in ("missing", "hac_lags", "shrinkage"))
    if missing is not None and missing not in tuple(Missing):
        raise InvalidInput(f"missing = {missing!r:.80}; known: {', '.join(Missing)}", argument="missing")
    if lags is not None and (isinstance(lags, bool) or not isinstance(lags, int) or lags < 0):
        raise InvalidInput(f"hac_lags is a number of periods, not negative, not {lags!r:.80}", argument="hac_lags")
    weight = isinstance(shrinkage, int | float) and not isinstance(shrinkage, bool) and 0.0 <= shrinkage <= 1.0
    if shrinkage is not None and shrinkage != LEDOIT_WOLF and not weight:
        raise InvalidInput(f"shrinkage is a decimal within [0, 1] or '{LEDOIT_WOLF}', not {shrinkage!r:.80}", argument="shrinkage")


def _check_groups(groups: Any) -> None:
    """Refuse groups whose weights are no numbers."""
    if groups is None:
        return
    if not isinstance(groups, Mapping) or not all(isinstance(weights, Mapping) for weights in groups.values()):
        raise InvalidInput("groups is a table of tables: {group: {factor: weight}}", argument="groups")
    for name, weights in groups.items():
        for factor, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
                raise InvalidInput(
                    f"group {name!r:.80}: the weight of {factor!r:.80} is {weight!r:.80}, not a finite number", argument="groups"
                )


def estimate_factor_model(
    session: Session,
    specification: str | Path | Mapping[str, Any],
    *,
    out: Path | str | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
    label: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Estimate a factor model from histories as they were known at ``as_of`` (now, if not given), and write its ``model.json`` to ``out``.

    The answer is the run's: ``model`` is what ``crfs portfolio risk --factor-model`` takes, ``estimate`` the sample's correlations with their
    standard errors, the shrinkage, and how far the matrix had to be moved to be positive semi-definite.
    """
    check_given(specification=specification, out=out, label=label, progress=progress)
    out = None if out is None else Path(out)
    content = asked_content(session, specification, as_of=as_of)
    if out is not None:
        _check_writable(out)
    run, computation = execute(
        session, RunKind.FACTOR_MODEL, content, label=label, recorded_as_of=recorded_state(recorded_as_of), progress=progress
    )
    document = computation.facts["document"]
    if out is not None:
        try:
            out.write_text(json.dumps(document["model"], indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot write {out}: {error.strerror}") from None
    return run_answer(run, document)


def _check_writable(out: Path) -> None:
    """Refuse a place that no file can be written to, before anything is kept."""
    if out.is_dir():
        raise InvalidInput(f"cannot write {out}: it is a folder", argument="out")
    if not out.parent.is_dir():
        raise InvalidInput(f"cannot write {out}: there is no folder {out.parent}", argument="out")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise InvalidInput(f"cannot write {out}: it may not be written", argument="out")
