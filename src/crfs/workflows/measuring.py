"""What a user asks of a book that they name: a bad book is refused, every wrong place named, before a byte of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.given import check_given
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question

if TYPE_CHECKING:
    from crfs.workflows.book_runs import Attachment, BookKind

PACKAGED_FACTOR_MODEL = "us_credit"


class Shared(TypedDict, total=False):
    """What may be said whatever is measured.

    ``models`` names the champions that fill blank cells (None: those that there are; empty: none). ``as_of`` is the time asked about (None:
    now): a name means its book in force then, and blanks are filled with what was known then. ``recorded_as_of`` is the state of the store;
    ``label`` a name for the run.
    """

    models: Sequence[str] | None
    as_of: str | date | None
    recorded_as_of: str | date | int | None
    label: str | None
    progress: Progress


class LossOptions(Shared, total=False):
    """What may be said of a loss distribution; ``copula`` overrides the factor model's own, and a run that may take more evaluations than ``budget``
    (obligors x scenarios, or names x points of a lattice; 1e11 if not given) is refused before it starts."""

    copula: str | None
    confidences: Sequence[float] | None
    method: str | None
    rel_tol: float | None
    seed: int | None
    max_scenarios: int | None
    budget: float | None
    default_ccf: float | None


class ConcentrationOptions(Shared, total=False):
    """What may be said of concentration: ``top`` is how many of the largest are listed, ``default_ccf`` the conversion factor (decimal) of rows
    whose exposure has to be made and that say none.
    """

    top: int | None
    default_ccf: float | None


class CapitalOptions(Shared, total=False):
    """What may be said of capital: the arguments of :func:`crfs.risk.capital.regulatory_capital`.

    ``floor_on``, ``floor_path`` and ``transitional_cap`` go with ``output_floor``, the last two also with ``floor_on``: alone they are refused.
    ``exposure_classes`` gives the class of facilities that have none in the book, by ``facility_type``, by ``segment``, or (``"*"``) for
    all the others.
    """

    approach: str | None
    regime: str | None
    ratings_allowed: bool | None
    output_floor: bool | None
    floor_on: str | date | None
    floor_path: str | None
    transitional_cap: bool | None
    general_provisions: float | None
    defaulted_excess_covers_others: bool | None
    capital_ratio: float | None
    exposure_classes: Mapping[str, str] | None


class EclOptions(Shared, total=False):
    """What may be said of provisions.

    ``standard`` is ``ifrs9`` or ``cecl``. ``stages`` are ``given`` in the book, or ``found`` by the policy's rule; found, where the book
    has none. ``interest_rate`` and ``expected_life_years`` are for facilities without a rate, or without a maturity. ``timing`` and
    ``period_years`` are those of :func:`crfs.risk.provisions.expected_credit_loss`, ``forecast_years``, ``reversion_years`` and
    ``discounted`` those of :func:`crfs.risk.provisions.cecl_allowance`; what the other standard alone reads (``timing`` and ``stages`` under CECL, these
    three under IFRS 9) is refused. ``reporting_date`` says which overlays hold; the day of ``as_of``,
    if not given.
    """

    standard: str | None
    stages: str | None
    interest_rate: float | None
    expected_life_years: float | None
    timing: str | None
    period_years: float | None
    forecast_years: float | None
    reversion_years: float | None
    discounted: bool | None
    reporting_date: str | date | None


class ReverseStressOptions(Shared, total=False):
    """What may be said of reverse stress: at most ``modes`` states are looked for, from starts that ``seed`` scatters."""

    copula: str | None
    modes: int | None
    seed: int | None
    default_ccf: float | None


class StressOptions(LossOptions, total=False):
    """What may be said of a stress, besides what may be said of a loss distribution.

    ``at`` is the first day of the period whose shocks are taken, or ``worst``; ``balance_sheet`` is ``static`` or ``closed`` along the
    path; ``lgd_response`` is ``frye_jacobs`` (if not said, of a scenario) or ``none`` (of given shocks, which move losses by their own
    ``lgd_add`` alone). Without ``losses`` no loss distribution is made. ``conditional`` adds the losses
    given the scenario's factors: over all states, given the base and given the scenario. ``migration`` adds that of ratings: ``grades`` on the
    book's own scale, or by a transition matrix of 12 months (a CSV file, or ``ratings`` and ``rows``). ``capital`` and ``ecl`` are the
    options of those, as :class:`CapitalOptions` and :class:`EclOptions` have them: given, they are measured under stress too; not given,
    they are where the book has a column ``exposure_class``, or ``stage``.
    """

    at: str | date | None
    balance_sheet: str | None
    lgd_response: str | None
    losses: bool | None
    conditional: bool | None
    migration: str | Path | Mapping[str, Any] | None
    capital: Mapping[str, Any] | None
    ecl: Mapping[str, Any] | None


class SensitivityOptions(LossOptions, total=False):
    """What may be said of sensitivities, besides what may be said of a loss distribution.

    ``bumps`` are inputs and by how much each is moved: ``pd_relative``, ``pd_probit``, ``lgd_add``, ``ead_relative``, ``ccf_add``,
    ``r2_relative``, ``macro_deviations`` (each macro variable by so many of its standard deviations, the way that is worse) and macro variables by
    name, in their units (a logarithm for one that enters by it); not given: :data:`crfs.workflows.portfolio_sensitivity.STANDARD`. ``capital`` are
    the options of regulatory capital; it is told without them too where the book has a column ``exposure_class``.
    """

    bumps: Mapping[str, float] | None
    capital: Mapping[str, Any] | None


class WhatIfOptions(LossOptions, total=False):
    """What may be said of a what-if, besides what may be said of a loss distribution: ``remove`` names facilities that leave the book."""

    remove: Sequence[str] | None


class MarkToMarketOptions(LossOptions, total=False):
    """What may be said of mark-to-market risk, besides what may be said of a loss distribution (``method``: ``auto``, ``names`` or ``collapsed``).

    ``periods`` are the years of the horizon; ``persistence`` (decimal within [0, 1)) is the factors' correlation from one to the next. ``reference`` is
    what the value at the horizon is compared with: the value ``now``, or that of an ``unchanged`` rating; ``frequency`` how often a year coupons are paid.
    ``quotes`` says whose credit spreads are taken (:class:`crfs.workflows.market_curves.Quotes`), ``grades`` which agency's grade a rating of another scale is
    like, ``spreads`` (decimals a year) those of ratings that need no quote.
    """

    periods: int | None
    persistence: float | None
    reference: str | None
    frequency: int | None
    quotes: str | None
    grades: Mapping[str, str] | None
    spreads: Mapping[str, float] | None


class AttributionOptions(LossOptions, total=False):
    """What may be said of attribution, besides what may be said of a loss distribution.

    ``tags`` cut each number (``sector``, ``region``, ``rating``, ``segment``, ``facility_type``, ``connected_clients``). With ``shapley``
    each step is the mean over all orders. ``replicates`` are seeds over which numbers are averaged: from 2 on their spread is the error of a step.
    ``earlier_factor_model`` is that of the earlier date, if it was another one.
    """

    tags: Sequence[str] | None
    shapley: bool | None
    replicates: int | None
    earlier_factor_model: str | Path | Mapping[str, Any] | None


def risk(
    session: Session,
    book: str | Path,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    *,
    device: str | None = None,
    **asked: Unpack[LossOptions],
) -> dict[str, Any]:
    """Loss distribution of a book: a name that was loaded, or a file. The answer is the run's, with its id and both clocks.

    ``factor_model`` is a ``model.json`` (a file or its content) or the name of one that ships with crfs. ``device`` ("cuda") is where PyTorch works on the
    method ``plain``; it is no part of the run, which is the same without.
    """
    from crfs.risk.on_device import check_device
    from crfs.workflows.portfolio_risk import RISK

    check_given(book=book, factor_model=factor_model, device=device, **asked)
    check_device(device, asked.get("method") or RISK.options["method"])
    settings = {"factor_model": _factor_model(factor_model, asked.get("copula"))}
    return _measured(session.on(device), RISK, book, asked, settings, but=("copula",))


def capital(session: Session, book: str | Path, **asked: Unpack[CapitalOptions]) -> dict[str, Any]:
    """Regulatory capital of a book: a name that was loaded, or a file. The answer is the run's, with its id and both clocks."""
    from crfs.workflows.portfolio_capital import CAPITAL

    check_given(book=book, **asked)
    return _measured(session, CAPITAL, book, asked, {})


def ecl(
    session: Session,
    book: str | Path,
    policy: str | Path | Mapping[str, Any] | None = None,
    *,
    scenarios: Mapping[str, float] | None = None,
    base: str | None = None,
    satellite: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[EclOptions],
) -> dict[str, Any]:
    """Expected credit losses of a book: a name that was loaded, or a file. The answer is the run's, with its id and both clocks.

    ``policy`` is a TOML file, or its content: the rule of stages, scenarios with weights, and overlays
    (:mod:`crfs.workflows.provision_policy`). ``scenarios`` are macro ones by name (or ``FILE.toml#NAME``) with their weights, in place of
    the policy's: they move hazards as ``satellite`` says (see :func:`stress`), all of them from those of one ``base``: None takes the nearest
    baseline that they were made of. The answer names it.
    """
    from crfs.workflows.portfolio_ecl import ECL
    from crfs.workflows.provision_policy import read_policy
    from crfs.workflows.scenarios import find_scenario
    from crfs.workflows.stress_questions import macro_settings

    check_given(book=book, policy=policy, scenarios=scenarios, base=base, satellite=satellite, **asked)
    options = {**asked, **read_policy(policy)}
    if not scenarios and base is None:
        return _measured(session, ECL, book, options, {})
    as_of = asked.get("as_of")
    batch_id = session.pin(recorded_state(asked.get("recorded_as_of"))).batch_id
    told = macro_settings(
        session,
        [(find_scenario(name), weight) for name, weight in (scenarios or {}).items()],
        base=None if base is None else find_scenario(base),
        satellite=satellite,
        batch_id=batch_id,
        known_by=None if as_of is None else parse_question(as_of, what="as_of"),
    )
    return _measured(session, ECL, book, {**options, "recorded_as_of": batch_id}, told.settings, attachments=told.attachments)


def reverse_stress(
    session: Session,
    book: str | Path,
    loss: float,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    *,
    satellite: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[ReverseStressOptions],
) -> dict[str, Any]:
    """The most likely states in which a book (a name that was loaded, or a file) loses ``loss`` in 12 months, an amount in its currency.

    ``factor_model`` is a ``model.json`` (a file or its content) or the name of one that ships with crfs. ``satellite`` makes macro terms of the
    states: a TOML file, its content, or the name of one that ships with crfs; None takes ``us_credit`` where the store knows enough for it, and
    ``"none"`` none. The answer is the run's.
    """
    from crfs.workflows.macro_terms import satellite_settings
    from crfs.workflows.portfolio_reverse_stress import REVERSE_STRESS

    check_given(book=book, factor_model=factor_model, satellite=satellite, **asked)
    settings = {"factor_model": _factor_model(factor_model, asked.get("copula")), **satellite_settings(satellite)}
    return _measured(session, REVERSE_STRESS, book, {**asked, "loss": loss}, settings, but=("copula",))


def sensitivities(
    session: Session,
    book: str | Path,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    *,
    satellite: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[SensitivityOptions],
) -> dict[str, Any]:
    """What one input moved at a time does to a book (a name that was loaded, or a file); the answer is the run's.

    ``satellite`` says what a macro variable does to the book, as :func:`stress` takes it: None takes ``us_credit`` where the store knows enough for
    it, and ``"none"`` none.
    """
    from crfs.workflows.macro_terms import satellite_settings
    from crfs.workflows.portfolio_sensitivity import SENSITIVITY

    check_given(book=book, factor_model=factor_model, satellite=satellite, **asked)
    settings = {"factor_model": _factor_model(factor_model, asked.get("copula")), **satellite_settings(satellite)}
    return _measured(session, SENSITIVITY, book, asked, settings, but=("copula",))


def what_if(
    session: Session,
    book: str | Path,
    changes: str | Path | Sequence[Mapping[str, Any]] | None = None,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[WhatIfOptions],
) -> dict[str, Any]:
    """What a change does to the risk of a book (a name that was loaded, or a file); the answer is the run's.

    ``changes`` are a file like a book's, or its rows: each comes in, or takes the place of the facility that has its ``facility_id``.
    ``factor_model`` is a ``model.json`` (a file or its content) or the name of one that ships with crfs.
    """
    from crfs.workflows.portfolio_what_if import WHAT_IF, read_changes

    check_given(book=book, changes=changes, factor_model=factor_model, **asked)
    told = read_changes(changes)
    settings = {"factor_model": _factor_model(factor_model, asked.get("copula")), **told.settings}
    return _measured(session, WHAT_IF, book, asked, settings, but=("copula",), attachments=told.attachments)


def mark_to_market(
    session: Session,
    book: str | Path,
    transition_matrix: str | Path | Mapping[str, Any],
    factor_model: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[MarkToMarketOptions],
) -> dict[str, Any]:
    """The loss of value of a book (a name that was loaded, or a file) by a horizon as ratings migrate; the answer is the run's.

    Positions are valued on the curves that the store knew at ``as_of`` (None: now): :func:`crfs.workflows.market_curves.market_curves`.
    ``transition_matrix`` is one of 12 months: a CSV file (a column ``rating`` and one an end rating, the best first and default last, decimals), or its
    content, ``ratings`` and ``rows``. ``factor_model`` is a ``model.json`` (a file or its content) or the name of one that ships with crfs.
    """
    from crfs.workflows.portfolio_mark_to_market import MARK_TO_MARKET, read_transition_matrix

    check_given(book=book, transition_matrix=transition_matrix, factor_model=factor_model, **asked)
    settings = {
        "factor_model": _factor_model(factor_model, asked.get("copula")),
        "transition_matrix": read_transition_matrix(transition_matrix),
    }
    return _measured(session, MARK_TO_MARKET, book, asked, settings, but=("copula",))


def attribute(
    session: Session,
    name: str,
    earlier: str | date,
    later: str | date,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[AttributionOptions],
) -> dict[str, Any]:
    """Why the risk of the book under a name changed between two times, in steps that sum exactly; the answer is the run's.

    Each time has the book in force then, whenever it was loaded, and values and champions as the store had them then, or when that book had
    come in. So both ends are what :func:`risk` says ``as_of`` the two times, as far as later champions and values recorded later do not say
    otherwise; with ``recorded_as_of`` the batches of the answer it says the same whatever came later.
    """
    from crfs.workflows.book_runs import measure_book
    from crfs.workflows.portfolio_attribution import between

    check_given(name=name, earlier=earlier, later=later, factor_model=factor_model, **asked)
    copula = asked.get("copula")
    settings = {"factor_model": _factor_model(factor_model, copula)}
    given = asked.get("earlier_factor_model")
    if given is not None:
        settings["earlier_factor_model"] = _factor_model(given, copula)
    but = ("copula", "earlier_factor_model")
    question = between(
        session,
        name,
        parse_question(earlier, what="from"),
        parse_question(later, what="to"),
        settings=settings,
        options={key: _plain(value) for key, value in asked.items() if key not in Shared.__annotations__ and key not in but},
        models=asked.get("models"),
        batch_id=session.pin(recorded_state(asked.get("recorded_as_of"))).batch_id,
        label=asked.get("label"),
    )
    _, answer = measure_book(session, question, progress=asked.get("progress", no_progress))
    return answer


def stress(
    session: Session,
    book: str | Path,
    scenario: str | Path | None = None,
    *,
    base: str | Path | None = None,
    shocks: str | Path | Sequence[Mapping[str, Any]] | None = None,
    satellite: str | Path | Mapping[str, Any] | None = None,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    **asked: Unpack[StressOptions],
) -> dict[str, Any]:
    """A stress test of a book: a name that was loaded, or a file. The answer is the run's, with its id and both clocks.

    ``scenario`` is a name (:func:`crfs.workflows.scenarios.list_scenarios`), ``FILE.toml`` or ``FILE.toml#NAME``; ``base`` what it is
    compared with, if not its own baseline. ``shocks`` (a CSV file, or rows) stand for a scenario. ``satellite`` says which default rates
    are explained by which variables: a TOML file, its content, or the name of one that ships with crfs.
    """
    from crfs.workflows.migrations import read_migration
    from crfs.workflows.portfolio_stress import STRESS
    from crfs.workflows.scenarios import find_scenario
    from crfs.workflows.stress_questions import read_shocks, stress_settings

    check_given(book=book, scenario=scenario, base=base, shocks=shocks, satellite=satellite, factor_model=factor_model, **asked)
    as_of = asked.get("as_of")
    batch_id = session.pin(recorded_state(asked.get("recorded_as_of"))).batch_id
    told = stress_settings(
        session,
        scenario=None if scenario is None else find_scenario(scenario),
        base=None if base is None else find_scenario(base),
        shocks=read_shocks(shocks) if isinstance(shocks, str | Path) else shocks,
        satellite=satellite,
        batch_id=batch_id,
        known_by=None if as_of is None else parse_question(as_of, what="as_of"),
    )
    settings = {"factor_model": _factor_model(factor_model, asked.get("copula")), **told.settings}
    pinned = {**asked, "migration": read_migration(asked.get("migration")), "recorded_as_of": batch_id}
    return _measured(session, STRESS, book, pinned, settings, but=("copula",), attachments=told.attachments)


def _measured(
    session: Session,
    kind: BookKind,
    book: str | Path,
    asked: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    but: Sequence[str] = (),
    attachments: Sequence[Attachment] = (),
) -> dict[str, Any]:
    """Ask a question of a book and answer as the run does; what is ``asked`` of it is options, but for what all kinds share."""
    from crfs.workflows.book_runs import Question, measure_book

    shared = Shared.__annotations__.keys()
    as_of = asked.get("as_of")
    question = Question(
        kind=kind,
        book=book if isinstance(book, str) else _place(Path(book)),
        settings=settings,
        options={name: _plain(value) for name, value in asked.items() if name not in shared and name not in but},
        models=asked.get("models"),
        as_of=None if as_of is None else parse_question(as_of, what="as_of").isoformat(),
        recorded_as_of=recorded_state(asked.get("recorded_as_of")),
        label=asked.get("label"),
        attachments=attachments,
    )
    _, answer = measure_book(session, question, progress=asked.get("progress", no_progress))
    return answer


def _place(book: Path) -> str:
    """A path as :func:`crfs.workflows.books.find_book` reads it: one that leads to a file means that, whatever book has its name."""
    from crfs.workflows.books import true_of

    return f"./{book}" if true_of(book.is_file) and not book.is_absolute() else str(book)


def _plain(value: Any) -> Any:
    """An option as a specification keeps it."""
    match value:
        case date():
            return value.isoformat()
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return value


def _factor_model(given: str | Path | Mapping[str, Any] | None, copula: str | None) -> dict[str, Any]:
    content = dict(read_factor_model(given))
    return content if copula is None else {**content, "copula": copula}


def portfolios(session: Session) -> list[dict[str, Any]]:
    """The newest book under each name."""
    from crfs.workflows.books import list_portfolios

    return list_portfolios(session).to_dicts()


def concentration(session: Session, book: str | Path, **asked: Unpack[ConcentrationOptions]) -> dict[str, Any]:
    """How the exposure of a book (a name that was loaded, or a file) is spread over obligors, connected clients and labels; the answer is the run's.

    Where ``ead`` is blank it is made as the risk run makes it.
    """
    from crfs.workflows.portfolio_concentration import CONCENTRATION

    check_given(book=book, **asked)
    return _measured(session, CONCENTRATION, book, asked, {})


def read_factor_model(given: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The content of a factor model: a mapping as it is, a file, or the name of one that ships with crfs."""
    from crfs.credit.factor_model import FactorModel, factor_model_content
    from crfs.workflows.packaged import packaged_factor_model

    if isinstance(given, Mapping):
        return given
    if given is None:
        return packaged_factor_model(PACKAGED_FACTOR_MODEL)
    file = Path(given)
    if not file.exists():
        if file.suffix or len(file.parts) > 1:
            raise NotFound(f"there is no file {given}; a factor model is a model.json, or the name of one that ships with crfs")
        return packaged_factor_model(str(given))
    try:
        content = factor_model_content(file.read_bytes(), where=str(file))
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    try:
        FactorModel.from_content(content)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error}", problems=error.problems, argument="factor_model") from None
    return content
