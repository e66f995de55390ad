"""Transition matrices: what is mended and what is refused, powers, monotone matrices, generators and their distance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from crfs.errors import InvalidInput
from crfs.risk.migration import Generator, Regularisation, TransitionMatrix, embedding, generator_of
from crfs.risk.migration.generator import exponential

FloatArray = npt.NDArray[np.float64]

RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "D")
# Standard & Poor's one-year matrix as CreditMetrics prints it (table 6.9), in percent.
PRINTED = [
    [90.81, 8.33, 0.68, 0.06, 0.12, 0.0, 0.0, 0.0],
    [0.70, 90.65, 7.79, 0.64, 0.06, 0.14, 0.02, 0.0],
    [0.09, 2.27, 91.05, 5.52, 0.74, 0.26, 0.01, 0.06],
    [0.02, 0.33, 5.95, 86.93, 5.30, 1.17, 0.12, 0.18],
    [0.03, 0.14, 0.67, 7.73, 80.53, 8.84, 1.00, 1.06],
    [0.0, 0.11, 0.24, 0.43, 6.48, 83.46, 4.07, 5.20],
    [0.22, 0.0, 0.22, 1.30, 2.38, 11.24, 64.86, 19.79],
]


def printed() -> TransitionMatrix:
    return TransitionMatrix.from_rows(RATINGS, np.array(PRINTED) / 100.0)


@st.composite
def matrices(draw: st.DrawFn, most: int = 6) -> TransitionMatrix:
    count = draw(st.integers(2, most))
    cells = np.array([draw(st.lists(st.floats(0.0, 1.0), min_size=count, max_size=count)) for _ in range(count)]) + 1e-6
    cells[-1] = np.eye(count)[-1]
    return TransitionMatrix(ratings=tuple(f"R{k}" for k in range(count)), probability=cells / cells.sum(axis=1, keepdims=True))


@st.composite
def monotone_matrices(draw: st.DrawFn) -> TransitionMatrix:
    """Rows' distribution functions sorted column by column: each rating is worse than the one above in every way."""
    matrix = draw(matrices())
    tails = np.sort(np.cumsum(matrix.probability[:, ::-1], axis=1)[:, ::-1], axis=0)
    tails[-1] = 1.0
    rows = np.maximum(-np.diff(np.c_[tails, np.zeros(len(tails))], axis=1), 0.0)
    return TransitionMatrix(ratings=matrix.ratings, probability=rows / rows.sum(axis=1, keepdims=True))


@st.composite
def generators(draw: st.DrawFn, smallest: float = 0.0, largest: float = 0.5) -> Generator:
    count = draw(st.integers(2, 6))
    rates = np.array([draw(st.lists(st.floats(smallest, largest), min_size=count, max_size=count)) for _ in range(count)])
    rates[-1] = 0.0
    np.fill_diagonal(rates, 0.0)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    return Generator(ratings=tuple(f"R{k}" for k in range(count)), rates=rates)


def test_rows_that_rounding_moved_off_one_are_mended_on_the_diagonal_and_it_is_told() -> None:
    matrix = printed()
    assert matrix.probability.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-15)
    assert matrix.notes == (
        "row B summed to 0.9999; the rest of 0.0001 went to the diagonal",
        "row CCC summed to 1.0001; the rest of -0.0001 went to the diagonal",
    )
    assert matrix.row("B")[5] == pytest.approx(0.8347)
    assert matrix.row("BBB").tolist() == pytest.approx([x / 100 for x in PRINTED[3]])
    assert matrix.is_ordered
    assert not matrix.is_monotone
    in_proportion = TransitionMatrix.from_rows(RATINGS, np.array(PRINTED) / 100.0, remainder="proportional")
    assert in_proportion.row("B") == pytest.approx(np.array(PRINTED[5]) / 99.99, rel=1e-12)


def test_a_worse_rating_with_a_lower_default_probability_is_told() -> None:
    matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.9, 0.07, 0.03], [0.1, 0.88, 0.02]])
    assert not matrix.is_ordered
    assert "B has a lower default probability" in matrix.notes[0]


def test_withdrawn_ratings_are_spread_over_their_rows() -> None:
    matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.72, 0.06, 0.02], [0.1, 0.8, 0.1]], withdrawn=[0.2, 0.0])
    assert matrix.row("A") == pytest.approx([0.9, 0.075, 0.025])
    assert matrix.row("B") == pytest.approx([0.1, 0.8, 0.1])
    assert len(matrix.notes) == 1
    table = pl.DataFrame({"rating": ["B", "A"], "A": [0.1, 0.72], "B": [0.8, 0.06], "D": [0.1, 0.02], "NR": [0.0, 0.2]})
    assert TransitionMatrix.from_table(table, withdrawn="NR").probability == pytest.approx(matrix.probability)


def test_a_table_is_read_back_as_it_was_written() -> None:
    matrix = printed()
    again = TransitionMatrix.from_table(matrix.to_table().sample(fraction=1.0, shuffle=True, seed=3))
    assert again.ratings == matrix.ratings
    assert np.array_equal(again.probability, matrix.probability)


@pytest.mark.parametrize(
    ("rows", "row", "column"),
    [
        ([[0.9, 0.2, 0.0], [0.1, 0.8, 0.1]], 1, None),
        ([[1.1, -0.1, 0.0], [0.1, 0.8, 0.1]], 1, "A"),
        ([[0.9, 0.1, 0.0], [0.1, math.nan, 0.1]], 2, "B"),
        ([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.1, 0.0, 0.9]], 3, "D"),
    ],
)
def test_a_row_that_is_no_distribution_is_refused_with_its_place(rows: list[list[float]], row: int, column: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        TransitionMatrix.from_rows(("A", "B", "D"), rows)
    assert (refused.value.problems[0].row, refused.value.problems[0].column) == (row, column)


@pytest.mark.parametrize("ratings", [("A",), ("A", "A", "D"), ("A", "B")])
def test_ratings_that_do_not_fit_are_refused(ratings: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        TransitionMatrix.from_rows(ratings, [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1]])


def test_a_matrix_cannot_be_changed_after_it_was_checked() -> None:
    with pytest.raises(ValueError, match="read-only"):
        printed().probability[0, 0] = 2.0


@given(matrices(), st.integers(1, 9))
def test_powers_are_repeated_products_and_default_is_never_left(matrix: TransitionMatrix, periods: int) -> None:
    power = matrix.power(periods)
    assert power.probability == pytest.approx(np.linalg.matrix_power(matrix.probability, periods), abs=1e-13)
    assert power.years == periods * matrix.years
    assert power.probability[-1].tolist() == np.eye(len(matrix.ratings))[-1].tolist()


@given(monotone_matrices(), st.integers(1, 8))
def test_powers_of_a_monotone_matrix_are_monotone_and_their_default_probabilities_in_order(matrix: TransitionMatrix, periods: int) -> None:
    assert matrix.is_monotone
    power = matrix.power(periods)
    assert power.is_monotone
    assert (np.diff(power.probability[:, -1]) >= -1e-12).all()


@given(matrices(), st.integers(1, 12))
def test_the_term_structure_of_default_is_that_of_the_powers(matrix: TransitionMatrix, periods: int) -> None:
    table = matrix.default_term_structure(periods)
    last = table.filter(pl.col("years") == float(periods))
    assert last["pd_cumulative"].to_numpy() == pytest.approx(matrix.power(periods).default_probability, abs=1e-13)
    for name in matrix.performing:
        own = table.filter(pl.col("rating") == name)
        assert own["pd_marginal"].sum() == pytest.approx(float(own["pd_cumulative"][-1]), abs=1e-12)
        survival = float(np.prod(1.0 - own["pd_conditional"].to_numpy()))
        assert 1.0 - survival == pytest.approx(float(own["pd_cumulative"][-1]), abs=1e-9)


@given(generators(), st.floats(0.01, 30.0))
def test_the_exponential_is_that_of_another_algorithm_and_never_below_zero(generator: Generator, years: float) -> None:
    made = exponential(generator.rates, years)
    assert made == pytest.approx(expm(generator.rates * years), abs=1e-12)
    assert made.min() >= 0.0
    assert made.sum(axis=1) == pytest.approx(np.ones(len(made)), abs=1e-14)


def test_the_smallest_rate_that_there_is_moves_nobody() -> None:
    assert exponential(np.array([[-5e-324, 5e-324], [0.0, 0.0]]), 1.0) == pytest.approx(np.eye(2), abs=1e-300)


@given(generators(), st.integers(1, 6))
def test_powers_of_a_matrix_are_exponentials_of_its_generator(generator: Generator, periods: int) -> None:
    year = generator.matrix(1.0)
    assert year.power(periods).probability == pytest.approx(generator.matrix(float(periods)).probability, abs=1e-12)
    half = generator.matrix(0.5)
    assert half.power(2).probability == pytest.approx(year.probability, abs=1e-13)


@given(generators(smallest=0.005, largest=0.1), st.sampled_from(list(Regularisation)))
def test_the_generator_of_a_matrix_that_has_one_is_found(generator: Generator, method: Regularisation) -> None:
    matrix = generator.matrix(1.0)
    found = generator_of(matrix, method=method)
    assert found.rates == pytest.approx(generator.rates, abs=1e-9)
    assert found.distance < 1e-9
    assert found.regularised == 0.0
    assert found.embedding is not None
    assert found.embedding.exists is True


@pytest.mark.parametrize("method", list(Regularisation))
def test_the_printed_matrix_has_no_generator_and_each_regularisation_is_near(method: Regularisation) -> None:
    matrix = printed()
    found = generator_of(matrix, method=method)
    off = found.rates - np.diag(np.diag(found.rates))
    assert off.min() >= 0.0
    assert found.rates.sum(axis=1) == pytest.approx(np.zeros(8), abs=1e-15)
    assert found.embedding is not None
    assert found.embedding.exists is False
    assert "AAA can become D, but not within one period" in found.embedding.reasons
    # What is told is what it is.
    difference = np.abs(expm(found.rates) - matrix.probability)
    assert found.distance == pytest.approx(float(difference.sum(axis=1).max()), abs=1e-12)
    assert found.largest_change == pytest.approx(float(difference.max()), abs=1e-12)
    assert 1e-4 < found.distance < 1e-3
    # Negative rates of the logarithm are gone, all of them told.
    assert 0.0 < found.regularised < 0.01


def test_the_nearest_regularisation_is_no_further_from_the_logarithm_than_the_others() -> None:
    from scipy.linalg import logm

    logarithm = np.asarray(logm(np.array(printed().probability))).real
    gaps = {method: np.linalg.norm(generator_of(printed(), method=method).rates - logarithm, axis=1) for method in Regularisation}
    for method in (Regularisation.DIAGONAL, Regularisation.WEIGHTED):
        assert (gaps[Regularisation.NEAREST] <= gaps[method] + 1e-12).all()
    rng = np.random.default_rng(1)
    best = generator_of(printed(), method="nearest").rates
    for _ in range(200):
        # Any other generator near by is further off, row for row.
        moved = np.maximum(best + rng.normal(0.0, 1e-4, best.shape), 0.0)
        np.fill_diagonal(moved, 0.0)
        np.fill_diagonal(moved, -moved.sum(axis=1))
        assert (np.linalg.norm(moved - logarithm, axis=1)[:-1] >= gaps[Regularisation.NEAREST][:-1] - 1e-12).all()


def test_conditions_under_which_no_generator_exists() -> None:
    swap = TransitionMatrix.from_rows(("A", "B", "D"), [[0.1, 0.9, 0.0], [0.9, 0.1, 0.0]])
    assert embedding(swap).exists is False
    assert "is not positive" in embedding(swap).reasons[0]
    with pytest.raises(InvalidInput, match="no real principal logarithm"):
        generator_of(swap)
    # Elliott's kind: the determinant exceeds the product of the diagonal.
    cycle = TransitionMatrix.from_rows(("A", "B", "C", "D"), [[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0], [0.5, 0.0, 0.5, 0.0]])
    assert embedding(cycle).exists is False
    assert any("exceeds the product" in reason for reason in embedding(cycle).reasons)


def test_rates_that_are_no_generator_are_refused() -> None:
    for rates in ([[0.1, -0.1], [0.0, 0.0]], [[-0.1, 0.2], [0.0, 0.0]], [[-0.1, 0.1], [0.1, -0.1]]):
        with pytest.raises(InvalidInput):
            Generator(ratings=("A", "D"), rates=np.array(rates))
    with pytest.raises(InvalidInput):
        generator_of(printed(), method="magic")


@pytest.mark.parametrize("withdrawn", [None, "rating", "NR"])
def test_a_column_of_a_table_that_holds_no_decimals_is_refused(withdrawn: str | None) -> None:
    table = pl.DataFrame({"rating": ["A"], "A": ["x"], "D": ["y"], "NR": ["z"]})
    with pytest.raises(InvalidInput) as refused:
        TransitionMatrix.from_table(table if withdrawn == "NR" else table.drop("NR"), withdrawn=withdrawn)
    assert refused.value.argument == "table"
