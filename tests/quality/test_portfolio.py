"""Bad books: every row that a risk number must not rest on is rejected with row, column and reason."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.credit.portfolio import read_portfolio
from crfs.errors import InvalidInput
from crfs.quality import validate_portfolio

MODEL = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.5), (0.5, 1.0)), groups={"banks": {"us": 1.0}, "retail": {"eu": 1.0}})
HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group"
GOOD = ["F1,A,100,0.4,0.02,0.2,banks", "F2,B,50,0.5,0.01,0.1,retail"]


def faults(*lines: str, header: str = HEADER, **options: Any) -> list[tuple[int, str, str]]:
    table = read_portfolio("\n".join([header, *lines]).encode())
    return validate_portfolio(table, MODEL, **options).rejected.select("row", "column", "reason").rows()


def test_a_good_book_is_accepted_whole() -> None:
    checked = validate_portfolio(read_portfolio("\n".join([HEADER, *GOOD]).encode()), MODEL)
    assert checked.rejected.is_empty()
    assert checked.accepted["ead"].to_list() == [100.0, 50.0]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("F3,C,100,0.4,1.5,0.2,banks", "pd_12m", "out_of_range"),
        ("F3,C,100,0.4,NaN,0.2,banks", "pd_12m", "not_finite"),
        ("F3,C,100,0.4,,0.2,banks", "pd_12m", "missing"),
        ("F3,C,100,0.4,two,0.2,banks", "pd_12m", "not_a_number"),
        ("F3,C,-1,0.4,0.02,0.2,banks", "ead", "out_of_range"),
        ("F3,C,,0.4,0.02,0.2,banks", "ead", "missing"),
        ("F3,C,100,1.01,0.02,0.2,banks", "lgd", "out_of_range"),
        ("F3,C,100,0.4,0.02,1.0,banks", "r2", "out_of_range"),
        ("F3,C,100,0.4,0.02,,banks", "r2", "missing"),
        ("F3,C,100,0.4,0.02,0.2,martians", "group", "unknown_group"),
        ("F3,C,100,0.4,0.02,0.2,", "group", "missing"),
        ("F1,C,100,0.4,0.02,0.2,banks", "facility_id", "duplicate"),
        (",C,100,0.4,0.02,0.2,banks", "facility_id", "missing"),
        ("F3, ,100,0.4,0.02,0.2,banks", "obligor_id", "missing"),
        ("F3,A,100,0.4,0.03,0.2,banks", "pd_12m", "inconsistent"),
        ("F3,A,100,0.4,0.02,0.3,banks", "r2", "inconsistent"),
        ("F3,A,100,0.4,0.02,0.2,retail", "group", "inconsistent"),
    ],
)
def test_a_bad_row_is_rejected_with_row_column_and_reason(line: str, column: str, reason: str) -> None:
    assert faults(*GOOD, line) == [(3, column, reason)]


def test_blanks_may_be_left_for_a_model_to_fill_when_the_caller_says_so() -> None:
    line = "F3,C,100,,,0.2,banks"
    assert faults(line) == [(1, "lgd", "missing"), (1, "pd_12m", "missing")]
    assert faults(line, allow_blank=("pd_12m", "lgd")) == []
    assert faults("F3,C,100,0.2,banks", header="facility_id,obligor_id,ead,r2,group", allow_blank=("pd_12m", "lgd")) == []
    with pytest.raises(InvalidInput, match="allow_blank"):
        faults(line, allow_blank=("ead",))


def test_exposure_is_made_of_drawn_and_limit_with_a_factor_that_someone_gave() -> None:
    header = "facility_id,obligor_id,drawn,limit,ccf,lgd,pd_12m,r2,group"
    lines = ["F1,A,60,100,0.5,0.4,0.02,0.2,banks", "F2,B,120,100,0.5,0.4,0.02,0.2,banks", "F3,C,60,100,,0.4,0.02,0.2,banks"]
    assert faults(*lines, header=header) == [(3, "ccf", "missing")]
    checked = validate_portfolio(read_portfolio("\n".join([header, *lines]).encode()), MODEL, default_ccf=0.75)
    assert checked.accepted["ead"].to_list() == [80.0, 120.0, 90.0]
    assert faults("F1,A,60,,0.5,0.4,0.02,0.2,banks", header=header) == [(1, "limit", "missing")]


def test_loadings_in_place_of_r2_and_group() -> None:
    header = "facility_id,obligor_id,ead,lgd,pd_12m,loading:us,loading:eu"
    assert faults("F1,A,1,0.4,0.02,0.5,", "F2,B,1,0.4,0.02,0.5,0.4", header=header) == []
    assert faults("F1,A,1,0.4,0.02,,", header=header) == [(1, "r2", "missing")]
    # 0.7 and 0.7 at a correlation of 0.5: variance 1.47, though the squares alone sum to 0.98
    assert faults("F1,A,1,0.4,0.02,0.7,0.7", header=header) == [(1, "loading:us", "out_of_range")]
    assert faults("F1,A,1,0.4,0.02,0.5,", "F2,A,1,0.4,0.02,0.5,0.2", header=header) == [(2, "loading:eu", "inconsistent")]
    assert faults("F1,A,1,0.4,0.02,0.2,0.5,", header="facility_id,obligor_id,ead,lgd,pd_12m,r2,loading:us,loading:eu") == [
        (1, "r2", "inconsistent")
    ]
    with pytest.raises(InvalidInput, match="no factor 'oil'"):
        faults("F1,A,1,0.4,0.02,0.5", header="facility_id,obligor_id,ead,lgd,pd_12m,loading:oil")


def test_one_book_has_one_currency() -> None:
    header = HEADER + ",currency"
    assert faults(GOOD[0] + ",EUR", GOOD[1] + ",USD", header=header) == [(2, "currency", "inconsistent")]
    assert faults(GOOD[0] + ",EUR", GOOD[1] + ",", header=header) == [(2, "currency", "missing")]
    assert faults(GOOD[0] + ",", GOOD[1] + ",", header=header) == []


@pytest.mark.parametrize("code", ["XXX1", "usd", "US", "Euro", "US D", "\u20ac", "E\u0421B", "840"])
def test_a_currency_is_three_capital_letters(code: str) -> None:
    header = HEADER + ",currency"
    assert faults(f"{GOOD[0]},{code}", f"{GOOD[1]},{code}", header=header) == [
        (1, "currency", "unknown_value"),
        (2, "currency", "unknown_value"),
    ]
    assert faults(f"{GOOD[0]},USD", f"{GOOD[1]},{code}", header=header) == [(2, "currency", "unknown_value")], "told once"
    assert faults(f"{GOOD[0]}, USD ", f"{GOOD[1]},USD", header=header) == []


def test_a_spread_of_lgd_that_no_variable_can_have() -> None:
    header = HEADER + ",lgd_sd"
    assert faults(GOOD[0] + ",0.49", header=header) == [(1, "lgd_sd", "inconsistent")]
    assert faults("F1,A,1,1.0,0.02,0.2,banks,0.1", header=header) == [(1, "lgd_sd", "inconsistent")]
    assert faults("F1,A,1,1.0,0.02,0.2,banks,0", header=header) == []


def test_a_wrong_column_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(InvalidInput, match="did you mean pd_12m") as caught:
        faults(*GOOD, header=HEADER.replace("pd_12m", "pd12m"))
    assert ("pd12m", "unknown_column") in {(p.column, p.reason) for p in caught.value.problems}


@pytest.mark.parametrize(
    ("column", "misspelt"), [("group", "grup"), ("r2", "r_2"), ("ead", "eads"), ("pd_12m", "pd12m"), ("facility_id", "facilityid")]
)
def test_a_misspelt_column_is_named_beside_the_one_that_is_missed(column: str, misspelt: str) -> None:
    with pytest.raises(InvalidInput, match=f"no column '{misspelt}'; did you mean {column}") as caught:
        faults(*GOOD, header=HEADER.replace(column, misspelt))
    found = {(p.column, p.reason) for p in caught.value.problems}
    assert found == {(misspelt, "unknown_column"), (column, "missing_column")}
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("dropped", "wanted"), [("ead", "ead"), ("r2", "r2"), ("group", "group"), ("lgd", "lgd"), ("obligor_id", "obligor_id")]
)
def test_a_book_without_a_column_it_needs_is_refused(dropped: str, wanted: str) -> None:
    table = read_portfolio("\n".join([HEADER, *GOOD]).encode()).drop(dropped)
    with pytest.raises(InvalidInput) as caught:
        validate_portfolio(table, MODEL)
    assert wanted in {problem.column for problem in caught.value.problems}


def test_without_systematic_risk_no_group_is_needed() -> None:
    assert faults("F1,A,100,0.4,0.02,0,") == []


def test_typed_tables_are_checked_like_text() -> None:
    table = pl.DataFrame(
        {"facility_id": ["F1"], "obligor_id": ["A"], "ead": [1], "lgd": [0.4], "pd_12m": [float("nan")], "r2": [0.2], "group": ["banks"]}
    )
    assert validate_portfolio(table, MODEL).rejected.select("row", "column", "reason").rows() == [(1, "pd_12m", "not_finite")]


@pytest.mark.parametrize("column", ["ead", "drawn", "limit"])
def test_an_amount_that_no_currency_has_is_out_of_range(column: str) -> None:
    header = "facility_id,obligor_id,ead,drawn,limit,lgd,pd_12m,r2,group"
    amounts = {"ead": "1", "drawn": "1", "limit": "1", column: "1e308"}
    assert faults(f"F1,A,{amounts['ead']},{amounts['drawn']},{amounts['limit']},0.4,0.02,0.2,banks", header=header) == [
        (1, column, "out_of_range")
    ]


def test_rows_that_follow_no_factor_need_no_column_of_groups() -> None:
    header = HEADER.removesuffix(",group")
    book = read_portfolio("\n".join([header, "F1,A,100,0.4,0.02,0", "F2,B,50,0.4,0.02,0.0"]).encode())
    assert validate_portfolio(book, MODEL).accepted["r2"].to_list() == [0.0, 0.0]
    with pytest.raises(InvalidInput, match="needs a column group"):
        faults("F1,A,100,0.4,0.02,0", "F2,B,50,0.4,0.02,0.1", header=header)
