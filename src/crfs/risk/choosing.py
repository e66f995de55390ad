"""Which method answers: from the exact to the approximate, the first that is in its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk.analytic import collapsed_outcome, exact_outcome, few_names_outcome
from crfs.risk.arguments import check_budget, check_confidences, check_flag, check_listed, check_method, check_run, within_budget
from crfs.risk.closed_form import closed_form
from crfs.risk.collapsed import TAKEN_BY_NAME, Collapsed, collapse
from crfs.risk.convolution import convolved
from crfs.risk.creditriskplus.method import gamma_sectors_outcome
from crfs.risk.cuts import TOP_OBLIGORS
from crfs.risk.departure import departure
from crfs.risk.exact import ExactTail, exact_tail
from crfs.risk.few_names import AT_BEST, MOST_ON_FINE_LATTICE, FewNames, few_names
from crfs.risk.importance_sampling import importance_sampled
from crfs.risk.memo import Memo
from crfs.risk.names import Names, live, make_names
from crfs.risk.obligors import Obligors
from crfs.risk.outcome import Outcome
from crfs.risk.passed_over import NOT_PAYABLE, not_exact, not_few_names, note
from crfs.risk.result import SIMULATED, Method
from crfs.risk.same_points import at_points_of
from crfs.risk.scrambles import SCRAMBLES
from crfs.risk.simulated import MOST_PLAIN, simulate
from crfs.risk.systematic import lattice_step
from crfs.risk.tables import NODES_A_NAME
from crfs.risk.workers import MapTasks, workers

_ALWAYS_BY_NAME = 32
"""So few names are taken one by one where that is payable: a book's sums are then few and far between, which an expansion smooths over."""

_SMOOTH = "losses are multiples of an amount, of which an expansion knows nothing"
# Evaluations of some seconds of one core.
_SOON = 3e9
_ITS_STATES = "the factors are sampled at the points of the book that it is compared with"
_FAR_OFF = "how far its expected loss is from the book's"
# What an exact answer may be off by: a millionth of the expected loss, or the last digits of all that can be lost.
_EXACT, _LAST_DIGITS = 2e-6, 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a book."""

    confidences: tuple[float, ...]
    method: Method
    rel_tol: float
    seed: int
    max_scenarios: int
    budget: float
    contributions: bool
    listed: int

    @property
    def parts_listed(self) -> int | None:
        """How many of the greatest obligors are told with their contributions; None where no contributions are asked for."""
        return self.listed if self.contributions else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """An outcome, and the computation behind it where that was the collapsed method, or the one of few names."""

    outcome: Outcome
    collapsed: Collapsed | None = None
    few_names: FewNames | None = None


def make_question(
    *,
    confidences: Sequence[float] = (0.99, 0.999),
    method: Method | str = Method.AUTO,
    rel_tol: float = 0.005,
    seed: int = 0,
    max_scenarios: int = 200_000,
    budget: float = 1e11,
    contributions: bool = True,
    listed: int = TOP_OBLIGORS,
) -> Question:
    """The question, once it is known to make sense; :class:`InvalidInput` names the argument that does not."""
    levels = check_confidences(confidences)
    check_run(rel_tol=rel_tol, seed=seed, max_scenarios=max_scenarios)
    check_budget(budget)
    check_listed(listed)
    return Question(
        confidences=levels,
        method=check_method(method, Method),
        rel_tol=rel_tol,
        seed=seed,
        max_scenarios=max_scenarios,
        budget=budget,
        contributions=check_flag("contributions", contributions),
        listed=listed,
    )


def find_outcome(
    obligors: Obligors,
    factor_model: FactorModel,
    question: Question,
    *,
    map_tasks: MapTasks | None = None,
    threads: int | None = None,
    device: str | None = None,
    memo: Memo | None = None,
    names: Names | None = None,
    beside: Found | None = None,
) -> Found:
    """The method that is asked for; ``auto`` goes from the exact to the approximate and stops at the first that is in its range.

    ``memo`` holds tables of earlier runs, ``names`` are the obligors' where they are at hand: they change the time, and no bit of the answer. What was
    found of a book ``beside`` which this one stands, name by name, lends it its points in the factors, unless this one is exact, or they are not for it or
    tell too little: at one set of points a worse book has no smaller loss.
    """
    alive = live(obligors)
    uncertain = np.flatnonzero(alive & (obligors.pd < 1.0))
    random_lgd = (obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0) & alive[obligors.facility_obligor]
    follows = obligors.lgd_follows_factors()
    if follows and question.method not in {Method.AUTO, *SIMULATED}:
        obligors.require_lgd_alone(f"the method {question.method}")
    closed = len(uncertain) <= 1 and not random_lgd.any() and not follows
    if question.method is Method.CLOSED_FORM and not closed:
        raise InvalidInput("the closed form is for a book with at most one uncertain name and a certain lgd; use method 'auto'")
    if not alive.any() or (closed and question.method in {Method.AUTO, Method.CLOSED_FORM}):
        return Found(outcome=closed_form(obligors, uncertain, question.confidences, listed=question.parts_listed))
    passed: dict[Method, str] = {}
    with workers(map_tasks, threads) as mapped:
        found = _first_in_range(
            obligors, factor_model, question, passed, map_tasks=mapped, device=device, memo=memo, names=names, beside=beside
        )
    if question.method is not Method.AUTO:
        return found
    return replace(found, outcome=replace(found.outcome, notes=(*found.outcome.notes, *note(passed))))


def _first_in_range(
    obligors: Obligors,
    factor_model: FactorModel,
    question: Question,
    passed: dict[Method, str],
    *,
    map_tasks: MapTasks,
    device: str | None,
    memo: Memo | None,
    names: Names | None,
    beside: Found | None,
) -> Found:
    """The first method that serves; those before it are told in ``passed`` with why they do not."""
    if obligors.lgd_follows_factors():
        passed[Method.COLLAPSED] = "losses given default follow factors, which simulation alone takes"
    elif question.method not in SIMULATED:
        names = make_names(obligors, factor_model) if names is None else names
        if question.method is Method.CREDITRISKPLUS:
            return Found(outcome=_gamma_sectors(obligors, names, question, map_tasks))
        small = _small(obligors, names, question, passed, map_tasks, beside=beside)
        if small is not None:
            return small
        passed[Method.FEW_NAMES] = not_few_names(names, tried=len(names) <= _ALWAYS_BY_NAME)
        if question.method is Method.CONVOLUTION:
            return _required(_convolved(obligors, names, question, map_tasks), question)
        found = _collapsed(names, question, map_tasks, memo)
        apart = departure(found.mixture.moments()[0], float(obligors.expected_loss.sum()) / names.unit, question.rel_tol)
        if (found.trusted and apart is None) or question.method is Method.COLLAPSED:
            in_steps = _in_steps(obligors, found, question, map_tasks) if question.method is Method.AUTO else None
            if in_steps is not None:
                passed[Method.COLLAPSED] = _SMOOTH
                return in_steps
            outcome = collapsed_outcome(obligors, found, rel_tol=question.rel_tol, listed=question.parts_listed, map_tasks=map_tasks)
            return Found(outcome=_alarmed(outcome, apart), collapsed=found)
        passed[Method.COLLAPSED] = (found.doubt or _FAR_OFF) + " is not small beside rel_tol"
        # Fewer were looked at before: what did not serve then does not now.
        few = _few_names(obligors, names, question, map_tasks, fine=True) if len(names) > _ALWAYS_BY_NAME else None
        if few is not None:
            del passed[Method.FEW_NAMES]
            return few
        passed[Method.FEW_NAMES] = not_few_names(names, tried=True)
        few = _convolved(obligors, names, question, map_tasks)
        if few is not None:
            return few
        passed[Method.CONVOLUTION] = NOT_PAYABLE
        # A lattice that is not quite fine enough tells more than a simulation of as much work.
        few = _few_names(obligors, names, question, map_tasks, fine=True, at_best=True)
        if few is not None:
            del passed[Method.FEW_NAMES]
            return few
    return Found(outcome=_simulated(obligors, factor_model, question, map_tasks, device))


def _small(
    obligors: Obligors, names: Names, question: Question, passed: dict[Method, str], map_tasks: MapTasks, *, beside: Found | None
) -> Found | None:
    """The outcome of a book that is small or simple enough to be taken exactly given the factors, or is one ``beside`` which it stands; else None."""
    if question.method in {Method.AUTO, Method.EXACT}:
        exact = exact_tail(names, budget=question.budget)
        apart = None if exact is None else _departure_of_the_exact(exact, obligors)
        if exact is not None and (apart is None or question.method is Method.EXACT):
            outcome = exact_outcome(obligors, exact, question.confidences, listed=question.parts_listed)
            return Found(outcome=_alarmed(outcome, apart))
        passed[Method.EXACT] = _FAR_OFF if apart is not None else not_exact(names)
        if question.method is Method.EXACT:
            raise InvalidInput(
                "the exact method is for a book along one line of the factor model, with certain losses that are all alike, multiples of one amount "
                f"or of few sums; and for no more evaluations than the budget of {question.budget:.3g}; use method 'auto'"
            )
    alike = None if beside is None else _at_its_points(beside, obligors, names, question, map_tasks)
    if alike is not None:
        return alike
    if question.method in {Method.AUTO, Method.FEW_NAMES}:
        few = _few_names(obligors, names, question, map_tasks, fine=False)
        if few is None and (question.method is Method.FEW_NAMES or len(names) <= _ALWAYS_BY_NAME):
            few = _few_names(obligors, names, question, map_tasks, fine=True, at_best=question.method is Method.FEW_NAMES)
            if few is None and question.method is Method.FEW_NAMES:
                raise InvalidInput(
                    f"this method is for {MOST_ON_FINE_LATTICE} names at most, of which the largest loss is not too small beside the book, for "
                    "confidences that are no nearer to 1 than some 1e-9 where losses are random or have many sums, "
                    f"and for no more evaluations than the budget of {question.budget:.3g}; use method 'auto'"
                )
        return few
    return None


def _at_its_points(beside: Found, obligors: Obligors, names: Names, question: Question, map_tasks: MapTasks) -> Found | None:
    """The book at the states in which another was taken name by name; None where none was, or these are not for it, or do not tell enough."""
    found = (
        None
        if beside.few_names is None
        else at_points_of(
            beside.few_names, names, question.confidences, rel_tol=question.rel_tol, budget=question.budget, map_tasks=map_tasks
        )
    )
    if found is None or not found.settles(question.confidences, question.rel_tol):
        return None
    if departure(found.expected_loss, float(obligors.expected_loss.sum()) / names.unit, question.rel_tol) is not None:
        return None
    outcome = _told_by_name(obligors, replace(found, converged=True), question, beside.outcome.method, map_tasks)
    return Found(outcome=replace(outcome, notes=(*outcome.notes, _ITS_STATES)), few_names=found)


def _departure_of_the_exact(exact: ExactTail, obligors: Obligors) -> str | None:
    """Why a distribution that is told without any error is not the book's; None where it is."""
    unit = exact.names.unit
    expected = float(obligors.expected_loss.sum()) / unit
    if abs(exact.expected_loss - expected) <= _LAST_DIGITS * exact.names.greatest:
        return None
    return departure(np.array([exact.expected_loss]), expected, _EXACT)


def _few_names(
    obligors: Obligors, names: Names, question: Question, map_tasks: MapTasks, *, fine: bool, at_best: bool = False
) -> Found | None:
    found = few_names(
        names,
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        most_points=question.max_scenarios,
        fine=fine,
        at_best=at_best,
        budget=question.budget,
        map_tasks=map_tasks,
    )
    # What is told at best is not converged, and simulation, which would answer instead, is farther off.
    within = max(question.rel_tol, AT_BEST) if at_best else question.rel_tol
    apart = None if found is None else departure(found.expected_loss, float(obligors.expected_loss.sum()) / names.unit, within)
    if found is None or (apart is not None and question.method is Method.AUTO):
        return None
    return Found(outcome=_alarmed(_told_by_name(obligors, found, question, Method.FEW_NAMES, map_tasks), apart), few_names=found)


def _in_steps(obligors: Obligors, found: Collapsed, question: Question, map_tasks: MapTasks) -> Found | None:
    """The outcome by convolution of a book of few names whose losses are multiples of an amount that matters; None where it is not soon found on these.

    An expansion is smooth: it does not know which of the multiples is the value at risk, nor what that one is made of.
    """
    names = found.mixture.book.names
    if len(names) > TAKEN_BY_NAME or not lattice_step(found, question.rel_tol) > 0.0:
        return None
    exactly = _convolved(obligors, names, replace(question, budget=min(_SOON, question.budget)), map_tasks)
    if exactly is None or exactly.few_names is None or not exactly.outcome.converged or exactly.few_names.lattice.rounded_to > 0.0:
        return None
    return exactly


def _convolved(obligors: Obligors, names: Names, question: Question, map_tasks: MapTasks) -> Found | None:
    found = convolved(
        names,
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        most_points=question.max_scenarios,
        budget=question.budget,
        map_tasks=map_tasks,
    )
    apart = None if found is None else departure(found.expected_loss, float(obligors.expected_loss.sum()) / names.unit, question.rel_tol)
    if found is None or (apart is not None and question.method is Method.AUTO):
        return None
    return Found(outcome=_alarmed(_told_by_name(obligors, found, question, Method.CONVOLUTION, map_tasks), apart), few_names=found)


def _told_by_name(obligors: Obligors, found: FewNames, question: Question, method: Method, map_tasks: MapTasks) -> Outcome:
    return few_names_outcome(
        obligors,
        found,
        question.confidences,
        rel_tol=question.rel_tol,
        most_points=question.max_scenarios,
        listed=question.parts_listed,
        map_tasks=map_tasks,
        method=method,
    )


def _required(found: Found | None, question: Question) -> Found:
    if found is None:
        raise InvalidInput(
            "the losses of this book need a finer lattice, or more work, than convolution is for, or a confidence is nearer to 1 than some 1e-8 "
            f"(a budget of {question.budget:.3g} evaluations, {question.max_scenarios:,} scenarios); use method 'auto'"
        )
    return found


def _alarmed(outcome: Outcome, apart: str | None) -> Outcome:
    return outcome if apart is None else replace(outcome, converged=False, notes=(apart, *outcome.notes))


def _gamma_sectors(obligors: Obligors, names: Names, question: Question, map_tasks: MapTasks) -> Outcome:
    """CreditRisk+, another model than the copula: ``auto``, which answers for the copula, has no use for it."""
    return gamma_sectors_outcome(
        obligors,
        names,
        question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        most_points=question.max_scenarios,
        budget=question.budget,
        listed=question.parts_listed,
        map_tasks=map_tasks,
    )


def _collapsed(names: Names, question: Question, map_tasks: MapTasks, memo: Memo | None) -> Collapsed:
    price = float(len(names)) * NODES_A_NAME
    if price > question.budget and question.method is Method.AUTO and len(names) <= MOST_ON_FINE_LATTICE:
        # What was in the way is not these tables, which a book of few names seldom needs.
        raise InvalidInput(
            f"no method takes this book of {len(names):,} name{'s' if len(names) != 1 else ''} for no more evaluations than the budget of "
            f"{question.budget:.3g}; raise the budget",
            argument="budget",
        )
    if price > question.budget:
        raise InvalidInput(
            f"the tables take {len(names):,} names x {NODES_A_NAME:,} states = {price:.3g} evaluations, above the budget of {question.budget:.3g}; "
            "raise the budget"
        )
    return collapse(
        names,
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        map_tasks=map_tasks,
        most_points=question.max_scenarios,
        memo=memo,
    )


def _simulated(obligors: Obligors, factor_model: FactorModel, question: Question, map_tasks: MapTasks, device: str | None) -> Outcome:
    price = float(len(obligors.names)) * question.max_scenarios
    if price > question.budget:
        raise InvalidInput(
            f"the run may take {len(obligors.names):,} obligors x {question.max_scenarios:,} scenarios = {price:.3g} obligor-scenarios, above the "
            f"budget of {question.budget:.3g}; {within_budget(question.budget, float(len(obligors.names)))}"
        )
    if question.method is Method.IMPORTANCE_SAMPLING or (question.method is Method.AUTO and len(obligors.names) > MOST_PLAIN):
        found = importance_sampled(
            obligors,
            factor_model,
            confidences=question.confidences,
            rel_tol=question.rel_tol,
            seed=question.seed,
            max_scenarios=question.max_scenarios,
            listed=question.parts_listed,
            map_tasks=map_tasks,
        )
        if found is not None:
            return found
        if question.method is Method.IMPORTANCE_SAMPLING:
            raise InvalidInput(
                f"importance sampling needs more than {question.max_scenarios:,} scenarios for its {SCRAMBLES} scrambles; raise max_scenarios",
                argument="max_scenarios",
            )
    return simulate(
        obligors,
        factor_model,
        confidences=question.confidences,
        method=question.method,
        rel_tol=question.rel_tol,
        seed=question.seed,
        max_scenarios=question.max_scenarios,
        listed=question.parts_listed,
        map_blocks=map_tasks,
        device=device,
    )
