"""Work in pieces: in order, told, and stopped between two of them."""

from __future__ import annotations

import threading
import time

import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.errors import Cancelled
from crfs.risk.portfolio import portfolio_risk
from crfs.workflows.pieces import in_pieces


def test_results_come_in_the_order_of_the_tasks_and_each_is_told() -> None:
    told: list[tuple[str, int, int | None]] = []

    def late(number: int) -> int:
        time.sleep(0.01 * (3 - number))
        return number * number

    with in_pieces(3, lambda *words: told.append(words), "squaring", step=2, steps=3) as mapped:
        assert list(mapped(late, range(3))) == [0, 1, 4]
        assert list(mapped(late, [3])) == [9]
    assert [text for text, _, _ in told] == [f"squaring: {n} of work" for n in ("1 piece", "2 pieces", "3 pieces", "4 pieces")]
    assert {(done, total) for _, done, total in told} == {(2, 3)}


def test_who_is_told_to_stop_begins_no_other_piece() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            begun.append(number)
        time.sleep(0.005)
        return number

    def stop(text: str, _done: int, _total: int | None) -> None:
        if text.startswith("working: 3 "):
            raise Cancelled("enough")

    with pytest.raises(Cancelled), in_pieces(2, stop, "working", step=0, steps=1) as mapped:
        list(mapped(work, range(1000)))
    time.sleep(0.1)
    assert 3 <= len(begun) < 20


def test_a_simulation_can_be_stopped_between_its_blocks_and_is_the_same_whoever_looks_on() -> None:
    book = pl.DataFrame(
        {
            "facility_id": [f"F{n}" for n in range(200)],
            "obligor_id": [f"O{n}" for n in range(200)],
            "ead": [float(100 + n) for n in range(200)],
            "lgd": [0.45] * 200,
            "pd_12m": [0.02] * 200,
            "r2": [0.2] * 200,
            "group": ["all"] * 200,
        }
    )
    asked = {"method": "plain", "max_scenarios": 65_536, "rel_tol": 1e-6, "seed": 3}
    model = FactorModel.one_factor("all")
    pieces: list[str] = []
    with in_pieces(2, lambda text, *_: pieces.append(text), "measuring", step=2, steps=3) as mapped:
        found = portfolio_risk(book, model, map_blocks=mapped, **asked)  # type: ignore[arg-type]
    assert len(pieces) > 8
    assert found.to_dict() == portfolio_risk(book, model, **asked).to_dict()  # type: ignore[arg-type]

    def stop(text: str, _done: int, _total: int | None) -> None:
        if text == pieces[4]:
            raise Cancelled("enough")

    with pytest.raises(Cancelled), in_pieces(2, stop, "measuring", step=2, steps=3) as mapped:
        portfolio_risk(book, model, map_blocks=mapped, **asked)  # type: ignore[arg-type]
