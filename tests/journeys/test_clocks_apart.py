"""A machine whose clock is behind that of the one that wrote the store asks of all that the store holds, and of nothing that lies ahead of both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows.books import load_book
from crfs.workflows.portfolio_risk import measure_portfolio
from crfs.workflows.rule_evaluation import evaluate_rules, question_of_texts
from crfs.workflows.runs import replay
from crfs.workflows.session import open_session

if TYPE_CHECKING:
    from crfs.store.runs import Run

pytestmark = [pytest.mark.servers, pytest.mark.journey]

WRITTEN = datetime(2027, 3, 31, 18, 0, tzinfo=UTC)
DAYS = timedelta(days=5)
MODEL: dict[str, Any] = {"factors": ["economy"], "correlation": [[1.0]], "groups": {"all": {"economy": 1.0}}}
BOOK = b"facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,95,0.4,0.02,0.2,all\nF2,O2,50,0.4,0.02,0.2,all\n"
LIMITS = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"


class Clock:
    """A clock that is turned by hand."""

    time = WRITTEN

    def now(self) -> datetime:
        return self.time


def test_what_a_store_holds_has_come_whatever_this_clock_says(new_store: Callable[[], str]) -> None:
    clock = Clock()
    with open_session(new_store(), clock=clock) as session:
        load_book(session, "corp", BOOK)
        clock.time = WRITTEN - DAYS

        def risk(at: datetime) -> dict[str, Any]:
            return measure_portfolio(session, "corp", MODEL, options={"max_scenarios": 1024}, models=(), as_of=at.isoformat())[1]

        recorded = session.pin().recorded_at
        assert risk(recorded)["total_ead"] == 145.0
        assert evaluate_rules(session, question_of_texts(limits=LIMITS, as_of=recorded.isoformat())).as_of == recorded
        for ask in (risk, lambda at: evaluate_rules(session, question_of_texts(limits=LIMITS, as_of=at.isoformat()))):
            with pytest.raises(InvalidInput, match=r"as_of .* lies ahead"):
                ask(WRITTEN + DAYS)


def test_the_time_that_a_run_tells_is_one_at_which_its_book_was_in_force(new_store: Callable[[], str]) -> None:
    clock = Clock()
    with open_session(new_store(), clock=clock) as session:
        load_book(session, "ahead", BOOK, valid_at=WRITTEN + DAYS)
        load_book(session, "changing", BOOK)
        load_book(session, "changing", BOOK.replace(b",95,", b",45,"), valid_at=WRITTEN + DAYS)
        load_book(session, "steady", BOOK)
        load_book(session, "steady", BOOK, valid_at=WRITTEN + DAYS)
        clock.time = WRITTEN + 2 * DAYS

        def risk(name: str, as_of: str | None = None) -> tuple[Run, dict[str, Any]]:
            return measure_portfolio(session, name, MODEL, options={"max_scenarios": 1024}, models=(), as_of=as_of)

        for name, exposure in (("ahead", 145.0), ("changing", 95.0)):
            run, told = risk(name)
            assert (told["as_of"], told["total_ead"]) == (clock.time.isoformat(), exposure)
            _, again = risk(name, told["as_of"])
            assert (again["total_ead"], again["result_sha256"]) == (exposure, told["result_sha256"])
            assert replay(session, run.run_id).verdict.value == "MATCH"
        # One that was the same all the while is asked of no time: its answer is the same whenever it is asked.
        _, steady = risk("steady")
        assert steady["as_of"] == steady["recorded_as_of"]
        clock.time += DAYS
        assert risk("steady")[1]["result_sha256"] == steady["result_sha256"]
