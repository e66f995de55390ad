"""A machine whose clock is behind that of the one that wrote the store asks of all that the store holds, and of nothing that lies ahead of both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows.books import load_book
from crfs.workflows.portfolio_risk import measure_portfolio
from crfs.workflows.rule_evaluation import evaluate_rules, question_of_texts
from crfs.workflows.session import open_session

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
