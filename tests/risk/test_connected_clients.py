"""Connected clients in a book's risk: one name of its concentration and one part of its tail, and nothing else of it moves."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import attribute, cuts, herfindahl_index, name_concentration, portfolio_risk
from crfs.risk.concentration import connected_concentration
from crfs.risk.obligors import roll_up
from crfs.risk.warm import WarmPortfolio
from tests.thorough import cases

MODEL = FactorModel.one_factor("all")
EXPOSURES = st.lists(st.floats(0.01, 1e9), min_size=1, max_size=30)


def book(amounts: list[float], groups: list[str | None] | None = None) -> pl.DataFrame:
    rows = range(len(amounts))
    table = pl.DataFrame(
        {
            "facility_id": [f"F{k:03d}" for k in rows],
            "obligor_id": [f"O{k:03d}" for k in rows],
            "ead": amounts,
            "lgd": 0.5,
            "pd_12m": 0.05,
            "r2": 0.2,
            "group": "all",
        }
    )
    return table if groups is None else table.with_columns(connected_clients=pl.Series(groups, dtype=pl.String))


@given(EXPOSURES, st.data())
def test_joining_names_never_lowers_the_index_and_joins_no_more_than_it_says(amounts: list[float], data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from(["G", "H", None]), min_size=len(amounts), max_size=len(amounts)))
    obligors = roll_up(book(amounts, groups), MODEL)
    found = connected_concentration(obligors)
    apart = herfindahl_index(amounts)
    if not any(groups):
        assert found is None
        return
    assert found is not None
    assert found.names == len({group for group in groups if group}) + groups.count(None)
    shares = np.array(amounts) / np.sum(amounts)
    twice = sum(2.0 * shares[i] * shares[j] for i in range(len(amounts)) for j in range(i) if groups[i] and groups[i] == groups[j])
    assert found.hhi == pytest.approx(apart + twice, rel=1e-9)
    assert found.effective_names == pytest.approx(1.0 / found.hhi)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.floats(0.01, 1e9)), min_size=1, max_size=30), st.randoms())
def test_the_largest_names_are_those_of_a_loop_in_any_order_of_rows(rows: list[tuple[str | None, float]], order: object) -> None:
    totals: dict[str | None, float] = {}
    for name, amount in rows:
        totals[name] = totals.get(name, 0.0) + amount
    found = name_concentration(pl.Series([name for name, _ in rows], dtype=pl.String), [amount for _, amount in rows])
    assert {each.name: pytest.approx(each.ead) for each in found.largest} == totals
    assert [each.ead for each in found.largest] == sorted((each.ead for each in found.largest), reverse=True)
    assert sum(each.share for each in found.largest) == pytest.approx(1.0)
    assert found.top_shares[0][0] == 1
    assert found.top_shares[0][1] == pytest.approx(max(totals.values()) / sum(totals.values()))
    assert all(a[1] <= b[1] for a, b in zip(found.top_shares, found.top_shares[1:], strict=False))
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    again = name_concentration(pl.Series([name for name, _ in shuffled], dtype=pl.String), [amount for _, amount in shuffled])
    assert again == found


@pytest.mark.parametrize(
    ("exposure", "top"), [([0.0, 0.0], 10), ([-1.0, 2.0], 10), ([np.nan, 1.0], 10), ([1.0, 2.0, 3.0], 10), ([1.0, 2.0], -1)]
)
def test_what_has_no_largest_names_is_refused(exposure: list[float], top: int) -> None:
    with pytest.raises(InvalidInput):
        name_concentration(pl.Series(["A", "B"]), exposure, top=top)


@pytest.mark.parametrize("method", ["exact", "few_names", "thinning", "plain"])
def test_a_group_takes_the_sum_of_its_obligors_parts_and_nothing_else_moves(method: str) -> None:
    groups: list[str | None] = ["G", None, "G", "H", None, "H", "H", None]
    amounts = [100.0, 200.0, 300.0, 100.0, 100.0, 200.0, 400.0, 100.0]
    asked = {"method": method, "confidences": (0.9, 0.99), "max_scenarios": 4000, "seed": 3}
    without = portfolio_risk(book(amounts), MODEL, **asked).to_dict()  # type: ignore[arg-type]  # options of one type each
    found = portfolio_risk(book(amounts, groups), MODEL, **asked).to_dict()  # type: ignore[arg-type]  # the same
    concentration = found.pop("connected_clients")
    assert concentration["names"] == 5
    assert concentration["hhi"] == pytest.approx(herfindahl_index([400.0, 700.0, 200.0, 100.0, 100.0]))
    assert [each["name"] for each in concentration["largest"]] == ["H", "G", "O001", "O004", "O007"]
    parts = {part["name"]: part for part in found["contributions"] if part["by"] == "connected_clients"}
    assert set(parts) == {"G", "H", "O001", "O004", "O007"}
    alone = {part["name"]: part for part in found["contributions"] if part["by"] == "obligor"}
    for name, part in parts.items():
        own = [alone[f"O{k:03d}"] for k, group in enumerate(groups) if (group or f"O{k:03d}") == name]
        for measure in ("var", "es"):
            for at in (0, 1):
                assert part["es"][at][measure] == pytest.approx(sum(each["es"][at][measure] for each in own), rel=1e-9, abs=1e-9)
        assert part["ead"] == pytest.approx(sum(each["ead"] for each in own))
    for at, measure in enumerate(found["measures"]):
        assert sum(part["es"][at]["es"] for part in parts.values()) == pytest.approx(measure["es"], rel=1e-9)
    index = next(index for index in found["sector_indices"] if index["by"] == "connected_clients")
    assert (index["values"], index["hhi"]) == (5, pytest.approx(concentration["hhi"]))
    for name in ("contributions", "sector_indices"):
        found[name] = [part for part in found[name] if part["by"] != "connected_clients"]
    assert found == without


def test_a_book_whose_column_is_blank_has_the_answer_of_one_without_the_column() -> None:
    amounts = [100.0, 200.0, 300.0]
    assert portfolio_risk(book(amounts, [None] * 3), MODEL).to_dict() == portfolio_risk(book(amounts), MODEL).to_dict()
    assert "connected_clients" not in portfolio_risk(book(amounts), MODEL).to_dict()


def test_of_more_groups_than_a_reader_takes_in_the_largest_are_told_and_the_parts_still_sum() -> None:
    count = cuts.MOST_VALUES + 50
    amounts = [float(1 + k % 7) for k in range(count)]
    amounts[5], amounts[9] = 90.0, 80.0
    groups = [None if k not in (5, 6) else "G" for k in range(count)]
    found = portfolio_risk(book(amounts, groups), MODEL, method="plain", max_scenarios=1000, confidences=(0.9,))
    parts = [part for part in found.contributions if part.by == "connected_clients"]
    assert len(parts) == cuts.LISTED_GROUPS + 1
    assert parts[-1].name is None
    assert {"G", "O009"} <= {part.name for part in parts}
    assert sum(part.ead for part in parts) == pytest.approx(sum(amounts))
    assert sum(part.es[0] for part in parts) == pytest.approx(found.measures[0].es)
    assert found.connected_clients is not None
    assert found.connected_clients.names == count - 1
    assert "connected_clients" not in [index.by for index in found.sector_indices], "what is lumped is no name"


def test_a_warm_book_that_learns_of_a_connection_says_what_a_run_from_nothing_says() -> None:
    amounts = [float(100 * (1 + k % 5)) for k in range(40)]
    warm = WarmPortfolio(book(amounts), MODEL, confidences=(0.9,))
    told = book(amounts, ["G" if k in (3, 4) else None for k in range(40)])
    changed = warm.update(put=told[3:5])
    fresh = portfolio_risk(told, MODEL, confidences=(0.9,), contributions=False)
    assert changed.connected_clients == fresh.connected_clients
    assert changed.to_dict() == fresh.to_dict()
    another = told[3:4].with_columns(facility_id=pl.lit("F900")).drop("connected_clients")
    further = warm.update(put=another)
    assert further.connected_clients is not None
    assert further.connected_clients.names == 39, "a new loan of an obligor is with its group, said or not"


def test_why_risk_changed_is_told_by_groups_that_obligors_moved_between() -> None:
    before = book([100.0, 200.0, 300.0, 400.0], ["G", "G", None, None])
    after = book([100.0, 200.0, 300.0, 400.0], ["G", "H", "H", None])
    gone = pl.DataFrame(before[1:2]).with_columns(facility_id=pl.lit("F900"))
    found = attribute(pl.concat([before, gone]), after, MODEL, confidences=(0.9,), tags=("connected_clients",))
    labels = {effect.label for effect in found.effects if effect.by == "connected_clients"}
    assert labels == {"G", "H", "O003"}


@cases(15)
@given(st.lists(st.sampled_from(["G", "H", None]), min_size=6, max_size=6))
def test_the_loss_of_a_book_does_not_depend_on_who_is_connected(groups: list[str | None]) -> None:
    amounts = [100.0, 100.0, 200.0, 300.0, 100.0, 200.0]
    found = portfolio_risk(book(amounts, groups), MODEL, confidences=(0.99,))
    plain = portfolio_risk(book(amounts), MODEL, confidences=(0.99,))
    assert (found.measures, found.ul, found.hhi) == (plain.measures, plain.ul, plain.hhi)
