"""What is wrong with a file is told with the file's name, and a name that nothing has with the names that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs

BOOK = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,exposure_class\nF1,O1,100,0.4,0.02,0.2,retail_pacific,corporate\n"
QUICK = ("--models", "none")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "good.csv"
    file.write_text(BOOK)
    return file


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the file is empty"),
        ("facility_id,ead\n", "the file has no rows"),
        ("facility_id;ead\nF1;1\n", "the cells are parted by semicolons"),
        ("facility_id,ead\nF1\n", "wrong number of cells"),
        ("ead,ead\n1,2\n", "more than once"),
        ('facility_id,ead\n"F1,1\n', "quotation mark"),
    ],
)
def test_a_book_that_cannot_be_read_is_named(within: Crfs, book: Path, tmp_path: Path, body: str, said: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(body)
    for words in (
        ("portfolio", "capital", file, *QUICK),
        ("portfolio", "load", "mine", file),
        ("portfolio", "what-if", book, file, *QUICK),
    ):
        done = within(*words, "--json")
        assert done.code == 1
        message = done.json["error"]["message"]
        assert said in message
        assert message.count("mine.csv") == 1, message


def test_other_files_of_a_question_are_named(within: Crfs, book: Path, tmp_path: Path) -> None:
    shocks, matrix = tmp_path / "shocks.csv", tmp_path / "matrix.csv"
    shocks.write_text("segment,pd_probit\n,much\n")
    matrix.write_text("rating,A,D\nA,0.9,0.2\n")
    done = within("portfolio", "stress", book, *QUICK, "--no-losses", "--shocks", shocks, "--json")
    assert (done.code, "shocks.csv" in done.json["error"]["message"]) == (1, True), done.json
    done = within("portfolio", "mark-to-market", book, *QUICK, "--matrix", matrix, "--json")
    assert (done.code, "matrix.csv" in done.json["error"]["message"]) == (1, True), done.json


def test_a_name_that_nothing_ships_under_is_told_with_those_that_there_are(within: Crfs, book: Path) -> None:
    risk = within("portfolio", "risk", book, *QUICK, "--factor-model", "nosuch", "--json")
    assert risk.json["error"]["message"] == "crfs ships no factor model 'nosuch'; it ships us_credit"
    reverse = within("portfolio", "reverse-stress", book, *QUICK, "--loss", "10", "--satellite", "nosuch", "--json")
    assert reverse.json["error"]["message"] == "crfs ships no satellite 'nosuch'; it ships us_credit"
    scenario = within("portfolio", "stress", book, *QUICK, "--scenario", "nosuch", "--json")
    assert "no scenario is called 'nosuch'" in scenario.json["error"]["message"]
