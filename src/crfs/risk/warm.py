"""A portfolio kept warm: when a factor model, PD, exposure or position changes, only what depends on it is computed again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeAlias

import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import LOADING, require_factor_model, validate_portfolio
from crfs.risk.arguments import check_flag, check_function, check_workers
from crfs.risk.attainable import attainable, with_note_on_errors
from crfs.risk.book_changes import BookChange, Changed, changed_book
from crfs.risk.certain_losses import certain_losses_apart, with_certain_loss
from crfs.risk.choosing import Found, find_outcome, make_question
from crfs.risk.collapsed import Collapsed
from crfs.risk.cuts import TOP_OBLIGORS
from crfs.risk.few_names import MOST_ON_FINE_LATTICE, FewNames, own_lattice
from crfs.risk.memo import Memo
from crfs.risk.names import Names, live, make_names
from crfs.risk.obligors import ORDER, Obligors, roll_up
from crfs.risk.on_device import check_device
from crfs.risk.paired import pair_method, paired_what_if, simulate_pair
from crfs.risk.paired_few import few_names_base, few_names_what_if
from crfs.risk.portfolio import answer, currency_of, require_exposure
from crfs.risk.result import SIMULATED, Method, RiskResult
from crfs.risk.simulated import MOST_PLAIN
from crfs.risk.splicing import Change, spliced_names, spliced_obligors
from crfs.risk.what_if import Base, WhatIf, collapsed_what_if, make_base, rerun_what_if, unchanged
from crfs.risk.workers import MapTasks, workers

Listener: TypeAlias = Callable[[RiskResult], Any]

_log = logging.getLogger("crfs.risk")

_EXACT = (Method.EXACT, Method.CLOSED_FORM)
# Obligor-scenarios that are simulated of two books whose own methods differ: some seconds.
_MOST_SIMULATED_PAIR = 1e9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """A measured book: replaced as a whole, so that a change that is refused leaves everything as it was."""

    book: pl.DataFrame
    factor_model: FactorModel
    obligors: Obligors
    found: Found
    result: RiskResult


class WarmPortfolio:
    """A book, its model and its measured risk, which follow changes in a fraction of a run's time.

    Arguments are those of :func:`crfs.risk.portfolio_risk`, but contributions are left out unless they are asked for with ``contributions=True``
    (there they are made unless told not to): ``result.contributions`` is empty then, and a change is followed sooner.

    After every :meth:`update` the numbers are those that a run of the changed book from nothing would give, to the bit: tables are looked up by the
    content they were made from, so what is reused is what would be made again. Where positions or PDs change, the classes of names that they belong
    to are tabulated anew, in the cells that they fall in; a new correlation keeps every table; a new copula none. Aims, points and the measures
    follow from the whole book, and are found again. :meth:`what_if` alone departs from a run of its own: it keeps the book's points, so that
    differences have no noise but their own.

    Methods may be called from several threads; one change is made at a time.

    >>> book = pl.DataFrame({"facility_id": ["F1", "F2"], "obligor_id": ["A", "B"], "ead": [100.0, 50.0], "lgd": [0.4, 0.4], "pd_12m": [0.02, 0.03],
    ...                      "r2": [0.2, 0.2], "group": ["all", "all"]})
    >>> warm = WarmPortfolio(book, FactorModel.one_factor("all"), confidences=(0.99,))
    >>> told = []
    >>> unsubscribe = warm.subscribe(lambda result: told.append(round(result.el, 6)))
    >>> round(warm.result.el, 6), round(warm.update(pd={"B": 0.05}).el, 6), told
    (1.4, 1.8, [1.8])
    >>> warm.result.contributions
    ()
    """

    def __init__(
        self,
        portfolio: pl.DataFrame,
        factor_model: FactorModel,
        *,
        confidences: Sequence[float] = (0.99, 0.999),
        method: Method | str = Method.AUTO,
        rel_tol: float = 0.005,
        seed: int = 0,
        max_scenarios: int = 200_000,
        budget: float = 1e11,
        default_ccf: float | None = None,
        contributions: bool = False,
        listed: int = TOP_OBLIGORS,
        map_blocks: MapTasks | None = None,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        self._question = make_question(
            confidences=confidences,
            method=method,
            rel_tol=rel_tol,
            seed=seed,
            max_scenarios=max_scenarios,
            budget=budget,
            contributions=contributions,
            listed=listed,
        )
        check_device(device, self._question.method)
        check_workers(threads=threads, map_blocks=map_blocks)
        self._default_ccf = default_ccf
        self._map_blocks = map_blocks
        self._threads = threads
        self._device = device
        self._memo = Memo()
        self._lock = RLock()
        self._listeners: dict[object, Listener] = {}
        self._untold: deque[RiskResult] = deque()
        self._base: Base | None = None
        self._name_by_name: dict[bool, FewNames | None] = {}
        book = validate_portfolio(portfolio, factor_model, default_ccf=default_ccf).require_all("portfolio").sort(*ORDER)
        self._state = self._measured(book, factor_model, roll_up(book, factor_model), None, self._memo)

    @property
    def result(self) -> RiskResult:
        """The risk of the book as it is now."""
        return self._state.result

    @property
    def book(self) -> pl.DataFrame:
        """The book's checked rows as they are now, one a facility, by obligor and facility."""
        return self._state.book

    @property
    def factor_model(self) -> FactorModel:
        """The model that is in force now."""
        return self._state.factor_model

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hand every new result to ``listener``, in the thread that makes the change and before :meth:`update` returns; the answer unsubscribes.

        Listeners are told in the order of their subscriptions, each of every result in its order: of one that a listener's own update makes, all are
        told once they know the one before. What one raises is logged with its traceback, by the logger ``crfs.risk``, and is not raised from
        :meth:`update`: the numbers have moved, and the other listeners are told of them. A listener does not wait for another thread that calls this
        portfolio: that thread waits for the change to end.
        """
        check_function("listener", listener, "that is handed a result")
        with self._lock:
            subscription = object()
            self._listeners[subscription] = listener

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(subscription, None)

        return unsubscribe

    def update(
        self,
        *,
        put: pl.DataFrame | None = None,
        drop: Collection[str] = (),
        pd: Mapping[str, float] | None = None,
        factor_model: FactorModel | None = None,
    ) -> RiskResult:
        """Change the book (:class:`crfs.risk.book_changes.BookChange`), its model, or both; the new result, which subscribers have by then.

        ``put`` has rows of facilities that come or are restated, ``drop`` names facilities that go, ``pd`` gives obligors new PDs. What cannot be is
        :class:`crfs.errors.InvalidInput` and changes nothing. A call that changes nothing answers the result at hand, and tells nobody.
        """
        change = BookChange(put=put, drop=drop, pd={} if pd is None else pd)
        if factor_model is not None:
            require_factor_model(factor_model)
        with self._lock:
            state = self._state
            model = factor_model or state.factor_model
            if change.empty and model == state.factor_model:
                return state.result
            book = state.book
            if model != state.factor_model and not _fits(book, model):
                book = validate_portfolio(book, model).require_all("portfolio")
            if change.empty:
                self._state = self._measured(book, model, roll_up(book, model), None, self._memo)
            else:
                self._state = self._after(changed_book(book, change, model, default_ccf=self._default_ccf), model, self._memo)
            self._base = None
            self._name_by_name = {}
            result = self._state.result
            self._tell(result)
            return result

    def _tell(self, result: RiskResult) -> None:
        self._untold.append(result)
        if len(self._untold) > 1:  # a listener has made this change: who is told of the one before goes on with it
            return
        try:
            while self._untold:
                for listener in tuple(self._listeners.values()):
                    try:
                        listener(self._untold[0])
                    except Exception:  # noqa: BLE001 (whatever it is, the numbers have moved, and others wait to be told)
                        _log.exception("subscriber_failed subscriber=%r", listener)
                self._untold.popleft()
        finally:
            self._untold.clear()

    def what_if(
        self,
        *,
        put: pl.DataFrame | None = None,
        drop: Collection[str] = (),
        pd: Mapping[str, float] | None = None,
        first_order: bool = True,
    ) -> WhatIf:
        """What a change would do, with nothing changed: a loan that comes (``put``), facilities that go, PDs that move.

        Expected loss, value at risk and expected shortfall of the changed book, what the change adds to them (``incremental``), and its first order
        (``marginal``), all with errors; differences are measured at the same points, so their errors are theirs alone. Where a large part of a large
        book changes, leave the ``first_order`` out: it looks at every touched name in every state.
        """
        first_order = check_flag("first_order", first_order)
        change = BookChange(put=put, drop=drop, pd={} if pd is None else pd)
        with self._lock:
            state = self._state
            changed = changed_book(state.book, change, state.factor_model, default_ccf=self._default_ccf)
            if not changed.exposure > 0.0:
                raise InvalidInput("the change leaves the book with no exposure at all: nothing would be left to measure")
            measured, certain = certain_losses_apart(changed)
            answer = self._what_if(measured, first_order)
            if certain:
                answer = with_certain_loss(answer, certain)
            if changed.of_nothing:
                return answer
            answer = attainable(answer, state.result, changed.greatest_loss(state.obligors.greatest_loss))
            return with_note_on_errors(answer, self._question.rel_tol)

    def _what_if(self, changed: Changed, first_order: bool) -> WhatIf:
        """The answer by the book's own tables, name by name, or by two books beside each other: the first that serves."""
        state = self._state
        if changed.of_nothing:
            return unchanged(state.result, first_order=first_order and state.found.collapsed is not None)
        answered = self._at_its_points(state.found.collapsed, changed, first_order) if state.found.collapsed is not None else None
        if answered is None:
            return self._beside(changed, lumpy=False)
        few = int(live(state.obligors).sum()) <= MOST_ON_FINE_LATTICE
        if few and state.found.collapsed is not None and state.found.collapsed.mixture.parts_large_names:
            exactly = self._by_names(roll_up(changed.book, state.factor_model))
            if exactly is not None:
                return exactly.with_first_order_of(answered)
        if answered.trusted or self._question.method is Method.COLLAPSED:
            return answered
        return self._beside(changed, lumpy=True)

    def _at_its_points(self, found: Collapsed, changed: Changed, first_order: bool) -> WhatIf | None:
        """The answer from the book's own tables; None where they do not serve the change."""
        state = self._state
        touched = roll_up(changed.touched, state.factor_model) if changed.touched.height else None
        # The tables take losses given default as independent of the factors.
        if touched is not None and touched.lgd_follows_factors():
            return None
        with workers(map, None):
            if self._base is None:
                self._base = make_base(state.obligors, state.factor_model, found, self._question.rel_tol)
            return collapsed_what_if(self._base, touched, changed.obligors, rel_tol=self._question.rel_tol, first_order=first_order)

    def _beside(self, changed: Changed, *, lumpy: bool) -> WhatIf:
        """The answer where the book's tables do not serve, or where an expansion is not to be trusted with so ``lumpy`` a book.

        Two books of a few names are taken name by name at the same states. Others are simulated together where either is simulated, where a few names'
        methods differ (between two methods a small difference is lost), and where a lumpy one can be: else the changed book has a run of its own.
        """
        state, question = self._state, self._question
        scenarios, method, after = self._scenarios(state.result), state.result.method, None
        if method not in SIMULATED:
            answered = None if method in _EXACT else self._by_names(roll_up(changed.book, state.factor_model))
            if answered is not None:
                return answered
            after = self._after(changed, state.factor_model, self._memo.scratch())
            if method in _EXACT and after.result.method not in _EXACT:
                answered = self._by_names(after.obligors)
                if answered is not None:
                    return answered
            work = float(len(after.obligors.names)) * question.max_scenarios
            small = len(after.obligors.names) <= MOST_PLAIN and after.result.method != method and work <= question.budget
            small |= lumpy and work <= min(_MOST_SIMULATED_PAIR, question.budget)
            if after.result.method not in SIMULATED and not small:
                return rerun_what_if(state.result, after.result)
            method = after.result.method
            scenarios = self._scenarios(after.result)
        obligors = roll_up(changed.book, state.factor_model) if after is None else after.obligors
        with workers(self._map_blocks, self._threads) as mapped:
            pair = simulate_pair(
                state.obligors,
                obligors,
                (state.factor_model, state.factor_model),
                method=pair_method(method, len(obligors.names), scenarios),
                seed=question.seed,
                scenarios=scenarios,
                map_blocks=mapped,
                device=self._device,
            )
        return paired_what_if(state.result, float(obligors.expected_loss.sum()), pair, greatest=state.obligors.greatest_loss)

    def _scenarios(self, result: RiskResult) -> int:
        """In how many scenarios two books are simulated beside each other: as many as the book's own run took, where these were alike."""
        return result.scenarios if result.method in {Method.THINNING, Method.PLAIN} else self._question.max_scenarios

    def _by_names(self, after: Obligors) -> WhatIf | None:
        """Both books name by name at the same states of the factors; None where one of them is not for that, or another method was asked for."""
        state = self._state
        sides = (state.obligors, after)
        asked = self._question.method in {Method.AUTO, Method.FEW_NAMES, Method.CONVOLUTION}
        if not asked or any(side.lgd_follows_factors() for side in sides):
            return None
        if state.result.method is Method.CONVOLUTION and state.found.few_names is not None:
            with workers(self._map_blocks, self._threads) as mapped:
                changed = make_names(after, state.factor_model)
                return few_names_what_if(
                    state.result,
                    state.found.few_names,
                    changed,
                    float(after.expected_loss.sum()),
                    rel_tol=self._question.rel_tol,
                    budget=self._question.budget,
                    map_tasks=mapped,
                )
        if max(int(live(side).sum()) for side in sides) > MOST_ON_FINE_LATTICE:
            return None
        before, changed = (make_names(side, state.factor_model) for side in sides)
        fine = own_lattice(before) is None or own_lattice(changed) is None
        with workers(self._map_blocks, self._threads) as mapped:
            if fine not in self._name_by_name:
                own = state.found.few_names
                kept = own is not None and (own.lattice.rounded_to > 0.0) == fine
                self._name_by_name[fine] = own if kept else few_names_base(before, self._question, fine=fine, map_tasks=mapped)
            found = self._name_by_name[fine]
            if found is None:
                return None
            return few_names_what_if(
                state.result,
                found,
                changed,
                float(after.expected_loss.sum()),
                rel_tol=self._question.rel_tol,
                budget=self._question.budget,
                map_tasks=mapped,
            )

    def _after(self, changed: Changed, factor_model: FactorModel, memo: Memo) -> _State:
        """The changed book, from the one before it where the model is the same."""
        state, book = self._state, changed.book
        obligors, names = None, None
        if factor_model == state.factor_model:
            arriving = roll_up(changed.touched, factor_model) if changed.touched.height else None
            change = Change.of(state.obligors, changed.obligors, arriving)
            obligors = spliced_obligors(state.obligors, book, factor_model, change)
            if obligors is not None and state.found.collapsed is not None:
                names = spliced_names(state.found.collapsed.mixture.book.names, obligors, factor_model, change)
        if obligors is None:
            obligors = roll_up(book, factor_model)
        return self._measured(book, factor_model, obligors, names, memo)

    def _measured(self, book: pl.DataFrame, factor_model: FactorModel, obligors: Obligors, names: Names | None, memo: Memo) -> _State:
        require_exposure(obligors)
        found = find_outcome(
            obligors,
            factor_model,
            self._question,
            map_tasks=self._map_blocks,
            threads=self._threads,
            device=self._device,
            memo=memo,
            names=names,
        )
        memo.forget()
        result = answer(obligors, factor_model, self._question, found.outcome, currency=currency_of(book), n_rejected=0)
        return _State(book=book, factor_model=factor_model, obligors=obligors, found=found, result=result)


def _fits(book: pl.DataFrame, model: FactorModel) -> bool:
    """Whether checked rows are fit for a model without another look: they follow its groups, and say nothing of its factors themselves."""
    if any(name.startswith(LOADING) for name in book.columns):
        return False
    return "group" not in book.columns or set(book["group"].drop_nulls().unique().to_list()) <= set(model.groups)
