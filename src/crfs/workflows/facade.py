"""The library's face: an open store whose functions are the verbs of the command line.

::

    with crfs.open() as store:
        store.ingest("packaged")
        history = store.factors.get("us.unemployment_rate_quarterly", as_of="2009-06-30").table
        version = store.models.train("pd")
        answer = store.portfolio.risk("book.csv", "model.json", confidences=(0.999,))
        store.replay(answer["run_id"])
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from crfs.errors import InvalidInput
from crfs.workflows.session import Progress, Session, no_progress, open_session

if TYPE_CHECKING:
    from crfs.workflows.amendments import AmendmentReport
    from crfs.workflows.factors import FactorHistory, FactorVintages
    from crfs.workflows.ingest_report import IngestReport
    from crfs.workflows.market_curves import MarketCurves
    from crfs.workflows.measuring import (
        AttributionOptions,
        CapitalOptions,
        ConcentrationOptions,
        EclOptions,
        LossOptions,
        MarkToMarketOptions,
        ReverseStressOptions,
        SensitivityOptions,
        StressOptions,
        WhatIfOptions,
    )
    from crfs.workflows.runs import Replay


def open_store(url: str | None = None, data_dir: Path | str | None = None) -> Store:
    """Open the store at ``url``, else at ``CRFS_STORE__URL``, else the embedded one in ``data_dir``; close it, or use it in a ``with``."""
    return Store(open_session(url, data_dir=data_dir))


class Store:
    """An open store.

    Verbs of one word are its functions; ``factors``, ``datasets``, ``features``, ``models``, ``portfolio``, ``scenarios``, ``alerts``, ``payloads`` and
    ``jobs`` have theirs. Times are instants with a zone, or texts: an RFC 3339 instant, or a day, which means its end.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.factors = Factors(session)
        self.datasets = Datasets(session)
        self.features = Features(session)
        self.models = Models(session)
        self.portfolio = Portfolio(session)
        self.scenarios = Scenarios(session)
        self.alerts = Alerts(session)
        self.payloads = Payloads(session)
        self.jobs = Jobs(session)

    def ingest(
        self,
        source: str,
        series: str | Sequence[str] = (),
        *,
        since: str | None = None,
        until: str | None = None,
        vintages: Literal["all", "latest"] = "latest",
        replay: Path | str | None = None,
        file: Path | str | None = None,
        seed: int | None = None,
        obligors: int | None = None,
        first_month: str | None = None,
        months: int | None = None,
        progress: Progress = no_progress,
    ) -> IngestReport:
        """Bring a source's rows into the store; see :func:`crfs.workflows.collection.collect`."""
        from crfs.workflows.collection import collect

        return collect(
            self.session,
            source,
            (series,) if isinstance(series, str) else series,
            since=since,
            until=until,
            vintages=vintages,
            replay=replay,
            file=file,
            seed=seed,
            obligors=obligors,
            first_month=first_month,
            months=months,
            progress=progress,
        )

    def demo(self, *, progress: Progress = no_progress) -> dict[str, Any]:
        """The main job; its report."""
        from crfs.workflows.demo import demo

        return demo(self.session, progress=progress)

    def replay(self, run_id: str, *, recorded_as_of: str | date | int | None = None, progress: Progress = no_progress) -> Replay:
        """Compute a result again and compare it to the byte."""
        from crfs.workflows.given import check_given
        from crfs.workflows.replaying import replay_run

        check_given(run_id=run_id)
        return replay_run(self.session, run_id, recorded_as_of=recorded_as_of, progress=progress)

    def lineage(self, run_id: str) -> dict[str, Any]:
        """What a result rests on, down to the bytes that came over the wire."""
        from crfs.workflows.given import check_given
        from crfs.workflows.lineage import trace

        check_given(run_id=run_id)
        return trace(self.session, run_id)

    def verify(self) -> dict[str, Any]:
        """Whether every byte and every book of the store is what it was."""
        from crfs.workflows.verification import verify

        return verify(self.session)

    def close(self) -> None:
        """Close the connections; the last client of an embedded store stops its servers."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Factors:
    """Factors: what there is, and what was known when."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, category: str | None = None, search: str | None = None) -> list[dict[str, Any]]:
        """Factors in force."""
        from crfs.workflows.factors import list_factors

        return list_factors(self._session, category=category, search=search)

    def show(self, mnemonic: str) -> dict[str, Any]:
        """What a factor means, where it comes from, and what the store has of it."""
        from crfs.workflows.factors import show_factor

        return show_factor(self._session, mnemonic)

    def get(
        self,
        mnemonic: str,
        *,
        entity: str | None = None,
        start: str | None = None,
        end: str | None = None,
        as_of: str | date | None = None,
        recorded_as_of: str | date | int | None = None,
    ) -> FactorHistory:
        """A factor's history as known at a time; ``.table`` is the polars table."""
        from crfs.workflows.factors import factor_history

        return factor_history(self._session, mnemonic, entity=entity, start=start, end=end, as_of=as_of, recorded_as_of=recorded_as_of)

    def vintages(self, mnemonic: str, *, entity: str | None = None, recorded_as_of: str | date | int | None = None) -> FactorVintages:
        """When a factor became known; ``.table`` is the polars table."""
        from crfs.workflows.factors import factor_vintages

        return factor_vintages(self._session, mnemonic, entity=entity, recorded_as_of=recorded_as_of)


class Datasets:
    """Datasets of one's own."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def define(self, file: Path | str) -> dict[str, Any]:
        """Put the datasets and factors of a TOML file in force."""
        from crfs.workflows.datasets import define_datasets

        return define_datasets(self._session, Path(file))

    def append(self, name: str, file: Path | str, *, progress: Progress = no_progress) -> IngestReport:
        """Append the rows of a CSV file."""
        from crfs.workflows.collection import collect

        return collect(self._session, "csv", (name,), file=file, progress=progress)

    def correct(self, name: str, file: Path | str, *, reason: str, progress: Progress = no_progress) -> AmendmentReport:
        """Give rows other values, by a CSV file and a reason; see :func:`crfs.workflows.amendments.correct`."""
        from crfs.workflows.amendments import correct

        return correct(self._session, name, Path(file), reason=reason, progress=progress)

    def annul(self, name: str, file: Path | str, *, reason: str, progress: Progress = no_progress) -> AmendmentReport:
        """Say that rows never were, by a CSV file and a reason; see :func:`crfs.workflows.amendments.annul`."""
        from crfs.workflows.amendments import annul

        return annul(self._session, name, Path(file), reason=reason, progress=progress)

    def list(self) -> list[dict[str, Any]]:
        """Datasets in force."""
        from crfs.workflows.datasets import list_datasets

        return list_datasets(self._session)

    def show(self, name: str) -> dict[str, Any]:
        """A dataset's definition, and what the store has of it."""
        from crfs.workflows.datasets import show_dataset

        return show_dataset(self._session, name)

    def export(self, name: str, *, out: Path | str, recorded_as_of: str | date | int | None = None) -> dict[str, Any]:
        """Write all rows of a dataset into a folder, as Parquet with a manifest."""
        from crfs.workflows.datasets import export_dataset

        return export_dataset(self._session, name, Path(out), recorded_as_of=recorded_as_of)


class Features:
    """Training sets that do not see the future."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def build(
        self,
        specification: Path | str,
        *,
        spine: Path | str,
        out: Path | str,
        as_of: str | date | None = None,
        vintage: str | date | None = None,
        recorded_as_of: str | date | int | None = None,
        strict: bool = True,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Join the factors of a TOML file to every row of a spine file, as they were known at the row's own time; the manifest."""
        from crfs.workflows.training_files import build_from_file

        return build_from_file(
            self._session,
            Path(specification),
            Path(spine),
            Path(out),
            as_of=as_of,
            vintage=vintage,
            recorded_as_of=recorded_as_of,
            strict=strict,
            progress=progress,
        )

    def leakcheck(self, file: Path | str, *, manifest: Path | str | None = None) -> dict[str, Any]:
        """Whether every value of a training set's file was known at its row's own time."""
        from crfs.workflows.leakcheck import leakcheck

        return leakcheck(self._session, Path(file), manifest=None if manifest is None else Path(manifest))


class Models:
    """Models and their registry."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def train(
        self,
        specification: Mapping[str, Any] | Path | str,
        *,
        label: str | None = None,
        recorded_as_of: str | date | int | None = None,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Fit, validate and register a model: ``pd``, ``lgd`` or ``ead`` as shipped, a TOML file, or its content."""
        from crfs.workflows.models import model_content, train_model

        return train_model(self._session, model_content(specification), label=label, recorded_as_of=recorded_as_of, progress=progress)

    def list(self) -> list[dict[str, Any]]:
        """Every version of every model."""
        from crfs.workflows.models import list_models

        return list_models(self._session)

    def show(self, model: str, *, version: int | None = None) -> dict[str, Any]:
        """A version of a model; its champion, else its newest, where none is named."""
        from crfs.workflows.models import show_model

        return show_model(self._session, model, version=version)

    def card(self, model: str, *, version: int | None = None) -> dict[str, Any]:
        """The card of a version: purpose, limits, fit and validation."""
        return dict(self.show(model, version=version)["card"])

    def promote(self, model: str, version: int, *, reason: str) -> dict[str, Any]:
        """Make a version the champion of its model."""
        from crfs.workflows.models import promote_model

        return promote_model(self._session, model, version, reason=reason)

    def score(self, model: str, file: Path | str, *, version: int | None = None, at: str | date | None = None) -> dict[str, Any]:
        """Score the obligors or facilities of a file."""
        from crfs.workflows.models import score_file

        return score_file(self._session, model, Path(file), version=version, at=at)


class Portfolio:
    """Books and their risk."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def load(self, name: str, file: Path | str, *, valid_at: str | date | None = None) -> dict[str, Any]:
        """Keep a book file under a name: ``portfolio``, ``valid_time`` (an RFC 3339 instant in UTC), ``facilities``, ``sha256`` and ``batch_id``.

        ``valid_at`` is when the positions were these (a day means its end in UTC; now, if not given): from then on a question of the name is
        about this book, until that of a later time. It may lie up to ten years ahead, and not before 1900. A book with a wrong cell is
        :class:`~crfs.errors.InvalidInput` with every one of them, and nothing is kept::

            store.portfolio.load("loans", "march.csv", valid_at="2026-03-31")
            store.portfolio.load("loans", "june.csv", valid_at="2026-06-30")
            store.portfolio.attribute("loans", "2026-03-31", "2026-06-30", "model.json")
        """
        from crfs.workflows.books import load_portfolio
        from crfs.workflows.given import check_given
        from crfs.workflows.times import parse_question

        check_given(name=name, file=file, valid_at=valid_at)
        at = None if valid_at is None else parse_question(valid_at, what="valid_at")
        return load_portfolio(self._session, name, Path(file), valid_at=at)

    def list(self) -> list[dict[str, Any]]:
        """The newest book under each name."""
        from crfs.workflows.measuring import portfolios

        return portfolios(self._session)

    def risk(
        self,
        book: str | Path,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        *,
        device: str | None = None,
        **asked: Unpack[LossOptions],
    ) -> dict[str, Any]:
        """Loss distribution, VaR, ES and concentration of a book that was loaded, or of a file; see :func:`crfs.workflows.measuring.risk`."""
        from crfs.workflows.measuring import risk

        return risk(self._session, book, factor_model, device=device, **asked)

    def capital(self, book: str | Path, **asked: Unpack[CapitalOptions]) -> dict[str, Any]:
        """Regulatory capital of a book that was loaded, or of a file; see :func:`crfs.workflows.measuring.capital`."""
        from crfs.workflows.measuring import capital

        return capital(self._session, book, **asked)

    def ecl(
        self,
        book: str | Path,
        policy: str | Path | Mapping[str, Any] | None = None,
        *,
        scenarios: Mapping[str, float] | None = None,
        satellite: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[EclOptions],
    ) -> dict[str, Any]:
        """Expected credit losses of a book that was loaded, or of a file; see :func:`crfs.workflows.measuring.ecl`."""
        from crfs.workflows.measuring import ecl

        return ecl(self._session, book, policy, scenarios=scenarios, satellite=satellite, **asked)

    def factor_model(
        self,
        specification: str | Path | Mapping[str, Any],
        *,
        out: Path | str | None = None,
        as_of: str | date | None = None,
        recorded_as_of: str | date | int | None = None,
        label: str | None = None,
    ) -> dict[str, Any]:
        """A factor model estimated from histories; see :func:`crfs.workflows.factor_models.estimate_factor_model`."""
        from crfs.workflows.factor_models import estimate_factor_model

        return estimate_factor_model(self._session, specification, out=out, as_of=as_of, recorded_as_of=recorded_as_of, label=label)

    def attribute(
        self,
        name: str,
        earlier: str | date,
        later: str | date,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[AttributionOptions],
    ) -> dict[str, Any]:
        """Why the risk of a book changed between two times; see :func:`crfs.workflows.measuring.attribute`."""
        from crfs.workflows.measuring import attribute

        return attribute(self._session, name, earlier, later, factor_model, **asked)

    def reverse_stress(
        self,
        book: str | Path,
        loss: float,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        *,
        satellite: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[ReverseStressOptions],
    ) -> dict[str, Any]:
        """The most likely states that cost a given loss; see :func:`crfs.workflows.measuring.reverse_stress`."""
        from crfs.workflows.measuring import reverse_stress

        return reverse_stress(self._session, book, loss, factor_model, satellite=satellite, **asked)

    def sensitivities(
        self,
        book: str | Path,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        *,
        satellite: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[SensitivityOptions],
    ) -> dict[str, Any]:
        """What one input moved at a time does to a book; see :func:`crfs.workflows.measuring.sensitivities`."""
        from crfs.workflows.measuring import sensitivities

        return sensitivities(self._session, book, factor_model, satellite=satellite, **asked)

    def what_if(
        self,
        book: str | Path,
        changes: str | Path | Sequence[Mapping[str, Any]] | None = None,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[WhatIfOptions],
    ) -> dict[str, Any]:
        """What loans that come, change or leave do to a book's risk; see :func:`crfs.workflows.measuring.what_if`."""
        from crfs.workflows.measuring import what_if

        return what_if(self._session, book, changes, factor_model, **asked)

    def mark_to_market(
        self,
        book: str | Path,
        transition_matrix: str | Path | Mapping[str, Any],
        factor_model: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[MarkToMarketOptions],
    ) -> dict[str, Any]:
        """The loss of value of a book by a horizon as ratings migrate; see :func:`crfs.workflows.measuring.mark_to_market`."""
        from crfs.workflows.measuring import mark_to_market

        return mark_to_market(self._session, book, transition_matrix, factor_model, **asked)

    def zero_curves(
        self,
        ratings: Sequence[str],
        *,
        quotes: str = "auto",
        grades: Mapping[str, str] | None = None,
        spreads: Mapping[str, float] | None = None,
        as_of: str | date | None = None,
        recorded_as_of: str | date | int | None = None,
    ) -> MarketCurves:
        """Zero curves by rating of what the store knew at a time; see :func:`crfs.workflows.market_curves.market_curves`."""
        from crfs.workflows.market_curves import zero_curves

        return zero_curves(
            self._session, ratings, quotes=quotes, grades=grades, spreads=spreads, as_of=as_of, recorded_as_of=recorded_as_of
        )

    def stress(
        self,
        book: str | Path,
        scenario: str | Path | None = None,
        *,
        base: str | Path | None = None,
        shocks: str | Path | Sequence[Mapping[str, Any]] | None = None,
        satellite: str | Path | Mapping[str, Any] | None = None,
        factor_model: str | Path | Mapping[str, Any] | None = None,
        **asked: Unpack[StressOptions],
    ) -> dict[str, Any]:
        """A stress test of a book that was loaded, or of a file; see :func:`crfs.workflows.measuring.stress`."""
        from crfs.workflows.measuring import stress

        return stress(self._session, book, scenario, base=base, shocks=shocks, satellite=satellite, factor_model=factor_model, **asked)

    def concentration(self, book: str | Path, **asked: Unpack[ConcentrationOptions]) -> dict[str, Any]:
        """How a book's exposure is spread over names and labels; see :func:`crfs.workflows.measuring.concentration`."""
        from crfs.workflows.measuring import concentration

        return concentration(self._session, book, **asked)


class Scenarios:
    """Scenarios by name."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> list[dict[str, Any]]:
        """Scenarios that were defined, that the Federal Reserve gave, and that ship with crfs."""
        from crfs.workflows.scenarios import list_scenarios

        return list_scenarios(self._session)

    def show(
        self, scenario: str | Path, *, as_of: str | date | None = None, recorded_as_of: str | date | int | None = None
    ) -> dict[str, Any]:
        """A scenario with its paths: of a name, of ``FILE.toml`` or of ``FILE.toml#NAME``."""
        from crfs.workflows.scenarios import show_scenario

        return show_scenario(self._session, scenario, as_of=as_of, recorded_as_of=recorded_as_of)

    def define(self, file: Path | str) -> dict[str, Any]:
        """Keep the scenarios of a TOML file under their names."""
        from crfs.workflows.scenarios import define_scenarios

        return define_scenarios(self._session, Path(file))


class Alerts:
    """What needs somebody's attention, and the rules that say so."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(
        self,
        *,
        closed: bool = False,
        rule: str | Sequence[str] | None = None,
        severity: str | Sequence[str] | None = None,
        limit: int = 500,
    ) -> list[dict[str, Any]]:
        """Alerts, the newest first, at most ``limit``: of one or more rules and severities, if they are named; closed ones too, if that is asked."""
        from crfs.workflows.alerts import list_alerts

        return list_alerts(self._session, live_only=not closed, rules=rule, severities=severity, limit=limit)

    def show(self, alert_id: int) -> dict[str, Any]:
        """One alert with its evidence and its history."""
        from crfs.workflows.alerts import show_alert

        return show_alert(self._session, alert_id)

    def ack(self, alert_id: int, *, note: str | None = None) -> dict[str, Any]:
        """Say that somebody is on it."""
        from crfs.workflows.alerts import act_on_alert

        return act_on_alert(self._session, alert_id, "acknowledge", note=note)

    def silence(self, alert_id: int, *, until: str | date, note: str | None = None) -> dict[str, Any]:
        """Say that nobody wants to hear of it until a time (a day is its start in UTC): it opens again then, if its condition is still there."""
        from crfs.workflows.alerts import act_on_alert

        return act_on_alert(self._session, alert_id, "silence", note=note, until=until)

    def close(self, alert_id: int, *, note: str | None = None) -> dict[str, Any]:
        """Close it; if its condition is still there, the rules open a new one."""
        from crfs.workflows.alerts import act_on_alert

        return act_on_alert(self._session, alert_id, "close", note=note)

    def list_rules(self, rules: Path | str | None = None) -> Sequence[dict[str, Any]]:
        """The rules of a TOML file, or those that ship with crfs."""
        from crfs.workflows.alert_rules import list_rules

        return list_rules(_file(rules, "rules"))

    def evaluate_rules(
        self,
        rules: Path | str | None = None,
        *,
        limits: Path | str | None = None,
        rating_scale: Path | str | None = None,
        as_of: str | date | None = None,
        dry_run: bool = False,
        progress: Progress = no_progress,
    ) -> dict[str, Any]:
        """Let the rules of a TOML file, or those that ship with crfs, look at the store, and open, keep and close their alerts."""
        from crfs.workflows.rule_evaluation import evaluate_rules, question_of_files

        question = question_of_files(
            _file(rules, "rules"),
            limits=_file(limits, "limits"),
            rating_scale=_file(rating_scale, "rating_scale"),
            as_of=as_of,
            dry_run=dry_run,
        )
        return evaluate_rules(self._session, question, progress=progress).to_dict()


def _file(given: Path | str | None, what: str) -> Path | None:
    """The path of a file that may be left out; what is no path is refused in the words of the argument."""
    if given is None:
        return None
    if not isinstance(given, str | os.PathLike):
        raise InvalidInput(f"{what} = {given!r} is no file: give its path, such as {what}.toml", argument=what)
    return Path(given)


class Payloads:
    """The raw bytes behind a number."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, sha256: str) -> bytes:
        """The bytes under a hash, checked against it."""
        from crfs.workflows.payload_bytes import payload_bytes

        return payload_bytes(self._session, sha256)


class Jobs:
    """The ledger of long work."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """The newest jobs first."""
        from crfs.workflows.ledger import list_jobs

        return list_jobs(self._session, limit=limit)
