"""Rating migration of a book under stress: the matrix's own rows, no shock is no change, harder is worse in every way, and refusals by row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.migration import TransitionMatrix
from crfs.risk.stress import RatingMigration, expected_migration, regraded, shifted_migration, stress
from tests.thorough import cases

GRADES = ("A", "B", "C", "D")
MATRIX = TransitionMatrix.from_rows(GRADES, [[0.9, 0.07, 0.02, 0.01], [0.05, 0.85, 0.06, 0.04], [0.0, 0.1, 0.75, 0.15]])
PD = {"A": 0.004, "B": 0.02, "C": 0.1}


def book(names: int = 12) -> pl.DataFrame:
    ratings = [GRADES[k % 3] for k in range(names)]
    return pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in range(names)],
            "obligor_id": [f"O{k}" for k in range(names)],
            "ead": [100.0 + 7.0 * k for k in range(names)],
            "lgd": 0.4,
            "pd_12m": [PD[rating] * (1.0 + 0.2 * (k % 2)) for k, rating in enumerate(ratings)],
            "rating": ratings,
            "segment": ["card", "loan"] * (names // 2),
        }
    )


def under(probit: float, *, card: float | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    shocks = {"segment": ["card", None], "pd_probit": [probit if card is None else card, probit]}
    result = stress(book(), pl.DataFrame(shocks))
    return result.base, result.stressed


def both(probit: float) -> list[RatingMigration]:
    return [expected_migration(*under(probit), MATRIX), regraded(*under(probit))]


def test_from_each_grade_it_is_the_matrix_and_the_matrix_moved_by_the_shock() -> None:
    found = expected_migration(*under(0.4), MATRIX)
    for side, wanted in ((found.base, MATRIX.probability), (found.stressed, shifted_migration(MATRIX.probability, 0.4))):
        rows = found.matrix(side)
        assert rows[-1] is None, "nobody is in default"
        assert np.array(rows[:-1]) == pytest.approx(wanted[:-1], abs=1e-12)
    # Segments move by their own shocks.
    mixed = expected_migration(*under(0.0, card=0.4), MATRIX)
    cards = np.array(book()["segment"] == "card")
    assert (mixed.stressed[~cards] == mixed.base[~cards]).all()
    assert mixed.stressed[cards] == pytest.approx(found.stressed[cards], abs=1e-12)


@pytest.mark.parametrize("way", [0, 1])
def test_no_shock_is_exactly_no_change_of_any_number(way: int) -> None:
    told = both(0.0)[way].to_dict(tags=("segment",))
    changes = [row["change"] for row in told["exposure"]]
    changes += [part[name]["change"] for part in (told, *told["cuts"]["segment"]) for name in ("downgraded", "upgraded", "notches")]
    assert len(changes) > 10
    assert set(changes) == {0.0}


@given(st.floats(0.0, 1.5), st.floats(0.0, 1.5))
@cases(25)
def test_a_harder_shock_is_never_a_milder_migration(shock: float, more: float) -> None:
    for mild, hard in zip(both(shock), both(shock + more), strict=True):
        tails = [np.cumsum(one.stressed[:, ::-1], axis=1) for one in (mild, hard)]
        assert (tails[1] >= tails[0] - 1e-12).all()
        for one in (mild, hard):
            assert np.add.reduce(one.stressed, axis=1) == pytest.approx(np.ones(len(one.ead)), abs=1e-12)
            exposure = one.by_grade()
            for name in ("today", "base", "stressed"):
                assert sum(row[name] for row in exposure) == pytest.approx(one.ead.sum(), rel=1e-12)
        worse = [one.by(None)[0] for one in (mild, hard)]
        assert worse[1]["downgraded"]["stressed"] >= worse[0]["downgraded"]["stressed"] - 1e-12
        assert worse[1]["upgraded"]["stressed"] <= worse[0]["upgraded"]["stressed"] + 1e-12


def test_shares_are_sums_over_the_grades_and_cuts_weigh_up_to_the_whole() -> None:
    found = expected_migration(*under(0.5), MATRIX)
    [whole] = found.by(None)
    assert whole["defaulted"]["stressed"] == pytest.approx(found.by_grade()[-1]["stressed"] / found.ead.sum(), rel=1e-12)
    parts = found.by("segment")
    for name in ("downgraded", "upgraded", "defaulted"):
        for side in ("base", "stressed", "change"):
            weighed = sum(part["ead"] * part[name][side] for part in parts) / whole["ead"]
            assert weighed == pytest.approx(whole[name][side], rel=1e-12)
    # Of the notches by hand: one name of grade B, which survives with A, B and C.
    alone = book().filter(pl.col("rating") == "B").head(1)
    [one] = expected_migration(alone, alone, MATRIX).by(None)
    assert one["notches"]["base"] == pytest.approx((0.06 - 0.05) / 0.96, rel=1e-12)


def test_on_the_books_own_scale_a_row_changes_grade_where_its_probability_crosses_a_border() -> None:
    base = book()
    stressed = base.with_columns(pd_12m=pl.when(pl.col("rating") == "A").then(0.025).otherwise(pl.col("pd_12m")))
    found = regraded(base, stressed)
    assert found.grades == ("A", "B", "C")
    assert [row["change"] for row in found.by_grade()] == [-found.by_grade()[0]["today"], found.by_grade()[0]["today"], 0.0]
    beyond = regraded(base, base.with_columns(pd_12m=pl.lit(0.9)))
    assert beyond.by_grade()[2]["stressed"] == pytest.approx(base["ead"].sum()), "no farther than the worst grade"


@pytest.mark.parametrize(
    ("rows", "matrix", "words"),
    [
        (book().drop("rating"), MATRIX, "the book has no ratings"),
        (book().drop("rating"), None, "the book has no ratings"),
        (book().with_columns(rating=pl.lit(None, pl.String)), None, "the book has no ratings"),
        (
            book().with_columns(rating=pl.when(pl.col("facility_id") == "F2").then(pl.lit("Z")).otherwise("rating")),
            MATRIX,
            "row 3, column rating",
        ),
        (book().with_columns(rating=pl.when(pl.col("facility_id") == "F3").then(None).otherwise("rating")), None, "row 4, column rating"),
        (book().with_columns(rating=pl.lit("A")), None, "make no scale"),
        (book(), MATRIX.power(2), "a matrix of one year, not of 2"),
    ],
)
def test_a_book_that_cannot_migrate_is_refused_with_the_place(rows: pl.DataFrame, matrix: TransitionMatrix | None, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        _ = regraded(rows, rows) if matrix is None else expected_migration(rows, rows, matrix)
