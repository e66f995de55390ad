"""What a run is asked with: whole numbers are whole, and no method takes on more evaluations than the budget."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.risk import WarmPortfolio, portfolio_risk, reverse_stress
from tests.risk.test_fine_lattice import book, model


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("seed", 1.5, "seed is a whole number"),
        ("seed", True, "seed is a whole number"),
        ("max_scenarios", 20_000.7, "max_scenarios is a whole number"),
        ("max_scenarios", 999, "1,000 or more"),
        ("max_scenarios", 100_000_001, "100,000,000 at most"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "plain"])
def test_a_number_that_is_not_whole_is_refused(method: str, argument: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        portfolio_risk(book(8, 1), model(), method=method, **{argument: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("confidences", ("x",)),
        ("confidences", ("0.99",)),
        ("confidences", "0.99"),
        ("confidences", 0.99),
        ("confidences", None),
        ("confidences", (None,)),
        ("confidences", (True,)),
        ("confidences", (1.0 - 1e-13,)),
        ("rel_tol", "x"),
        ("rel_tol", None),
        ("seed", "x"),
        ("max_scenarios", None),
        ("budget", None),
        ("budget", "x"),
        ("budget", True),
        ("threads", "x"),
        ("threads", 1.5),
        ("threads", 0),
        ("threads", 10**6),
        ("map_blocks", 3),
        ("map_blocks", "map"),
        ("contributions", "yes"),
        ("listed", -1),
        ("listed", 1.5),
        ("listed", "all"),
        ("listed", True),
        ("listed", None),
        ("contributions", None),
        ("method", None),
        ("default_ccf", "x"),
        ("portfolio", {"facility_id": ["F1"]}),
        ("portfolio", book(8, 1).to_pandas()),
        pytest.param("portfolio", book(8, 1).lazy(), id="a book that is not collected"),
        ("portfolio", None),
        ("factor_model", None),
        ("factor_model", {"factors": ["a"]}),
    ],
    ids=lambda value: f"{value!r:.24}",
)
@pytest.mark.parametrize("run", [portfolio_risk, WarmPortfolio])
def test_what_is_of_another_kind_is_refused_by_its_name(run: Any, argument: str, value: Any) -> None:
    asked: dict[str, Any] = {"portfolio": book(8, 1), "factor_model": model(), "budget": 10.0, argument: value}
    with pytest.raises(InvalidInput) as refused:
        run(asked.pop("portfolio"), asked.pop("factor_model"), **asked)
    assert refused.value.argument == argument
    assert argument.removesuffix("s") in str(refused.value)


def test_a_frame_of_another_library_is_told_how_it_becomes_a_book() -> None:
    with pytest.raises(InvalidInput, match=r"portfolio is a polars\.DataFrame, not a pandas\.DataFrame: .*polars\.from_pandas"):
        reverse_stress(book(8, 1).to_pandas(), model(), loss=1.0)  # type: ignore[arg-type]


def test_whole_numbers_of_numpy_are_taken() -> None:
    options: dict[str, Any] = {"method": "plain", "contributions": False}
    numbers: dict[str, Any] = {"seed": np.int64(3), "max_scenarios": np.int32(20_000), "threads": np.int64(2)}
    numbers |= {"confidences": np.array([0.99, 0.999]), "rel_tol": np.float64(0.005), "budget": np.int64(10**11)}
    told = portfolio_risk(book(8, 1), model(), **numbers, **options)
    assert told.to_dict() == portfolio_risk(book(8, 1), model(), seed=3, max_scenarios=20_000, **options).to_dict()


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (300, {"method": "thinning", "budget": 2e5}, "raise the budget: the fewest scenarios, 1,000, take 3e[+]05$"),
        (300, {"method": "thinning", "budget": 6e5}, "lower max_scenarios to 2,000 or raise the budget$"),
        (5, {"budget": 10.0}, "no method takes this book of 5 names for no more evaluations than the budget of 10; raise the budget$"),
        (5, {"method": "collapsed", "budget": 10.0}, "the tables take 5 names"),
    ],
)
def test_what_is_advised_can_be_done(count: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        portfolio_risk(book(count, 1), model(), **options)


@pytest.mark.parametrize(
    ("count", "method"), [(12, "few_names"), (20, "few_names"), (40, "exact"), (20, "auto"), (20, "plain"), (300, "thinning")]
)
def test_no_run_is_begun_that_takes_more_than_its_budget(count: int, method: str) -> None:
    table = book(count, 1)
    if method == "exact":
        table = table.with_columns(ead=np.ceil(table["ead"] / 1000.0) * 1000.0, group=np.full(count, "retail"))
        assert portfolio_risk(table, model(), method=method, contributions=False).method == "exact"
    with pytest.raises(InvalidInput, match="budget of"):
        portfolio_risk(table, model(), method=method, budget=10.0)


@pytest.mark.parametrize("amount", [1e-60, 1e-100, 1e-300, 1e-320])
@pytest.mark.parametrize("count", [1, 5, 200])
def test_a_book_of_losses_too_small_to_be_counted_with_is_refused_with_its_column(count: int, amount: float) -> None:
    table = book(count, 1).with_columns(ead=pl.lit(amount))
    for run in (portfolio_risk, WarmPortfolio, lambda *asked: reverse_stress(*asked, loss=amount)):
        with pytest.raises(InvalidInput, match=r"smaller unit of currency$") as refused:
            run(table, model())
        assert [problem.column for problem in refused.value.problems] == ["ead"]


@pytest.mark.parametrize("count", [5, 200])
def test_small_amounts_are_measured_as_great_ones_are(count: int) -> None:
    table = book(count, 1)
    small = table.with_columns(pl.col("ead") * 2.0**-160)
    told, expected = (portfolio_risk(each, model(), contributions=False).measures for each in (small, table))
    assert [measure.es * 2.0**160 for measure in told] == pytest.approx([measure.es for measure in expected], rel=1e-9)


@pytest.mark.parametrize("value", ["yes", 1, None, [True]], ids=lambda value: f"{value!r}")
def test_what_is_neither_true_nor_false_says_nothing_of_partial_books(value: Any) -> None:
    for run in (portfolio_risk, lambda *asked, **options: reverse_stress(*asked, loss=100.0, **options)):
        with pytest.raises(InvalidInput, match="accept_partial is True or False, not ") as refused:
            run(book(8, 1), model(), accept_partial=value)
        assert refused.value.argument == "accept_partial"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *((argument, value) for argument in ("loss", "modes") for value in ("5", None, True, [1.0, 2.0], -1, 0, math.nan, math.inf)),
        *(("modes", 1.5), ("seed", 1.5), ("seed", "x"), ("threads", 0), ("map_blocks", 3), ("link", "x"), ("default_ccf", "x")),
    ],
    ids=lambda value: f"{value!r}",
)  # fmt: skip
def test_a_reverse_stress_asked_with_another_kind_names_it(argument: str, value: Any) -> None:
    asked: dict[str, Any] = {"loss": 100.0, argument: value}
    with pytest.raises(InvalidInput) as refused:
        reverse_stress(book(8, 1), model(), **asked)
    assert refused.value.argument == argument


def test_truths_are_no_numbers_of_a_book() -> None:
    with pytest.raises(InvalidInput, match="the column holds Boolean where numbers belong") as refused:
        portfolio_risk(book(8, 1).with_columns(pd_12m=pl.lit(True)), model())
    assert {(problem.row, problem.column) for problem in refused.value.problems} == {(row, "pd_12m") for row in range(1, 9)}


@pytest.mark.parametrize(
    ("count", "method"),
    [(1, "closed_form"), (30, "exact"), (30, "few_names"), (30, "convolution"), (300, "collapsed"), (30, "importance_sampling")]
    + [(30, method) for method in ("thinning", "plain", "creditriskplus")],
)
def test_so_many_obligors_are_listed_as_are_asked_for(count: int, method: str) -> None:
    table = book(count, 1).with_columns(ead=pl.lit(1000.0) + pl.int_range(count) % 4 * 1000.0, group=pl.lit("retail"), sector=pl.lit("a"))
    asked: dict[str, Any] = {"method": method, "max_scenarios": 5_000, "confidences": (0.9,), "rel_tol": 0.05}
    usual = portfolio_risk(table, model(), **asked).contributions
    assert [sum(part.by == "obligor" for part in usual), sum(part.by == "sector" for part in usual)] == [min(count, 20), 1]
    for listed in (0, 25, 10**6):
        parts = portfolio_risk(table, model(), listed=listed, **asked).contributions
        of_obligors, others = ([part for part in parts if (part.by == "obligor") == wanted] for wanted in (True, False))
        assert len(of_obligors) == min(listed, count)
        assert of_obligors[: min(listed, 20)] == [part for part in usual if part.by == "obligor"][:listed]
        assert others == [part for part in usual if part.by != "obligor"]
