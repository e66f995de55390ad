"""Mark-to-market risk from the command line: curves as they were known, told, repeated to the byte, and refused where the store lacks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.apps.cli.conftest import ROOT, Crfs

EXAMPLES = ROOT / "examples"
WORDS: tuple[str | Path, ...] = (
    "portfolio", "mark-to-market", EXAMPLES / "bonds.csv", "--matrix", EXAMPLES / "matrix.csv", "--factor-model", EXAMPLES / "model.json", "--models",
    "none", "--confidence", "0.99", "--max-scenarios", "8000", "--rel-tol", "0.05",
)  # fmt: skip
AT = ("--as-of", "2018-11-15")


@pytest.fixture(scope="module")
def curves(crfs: Crfs, history: dict[str, Any]) -> dict[str, Any]:
    """The store knows the Treasury's curve of six weeks of 2018."""
    assert history
    done = crfs("ingest", "treasury", "--replay", EXAMPLES / "treasury", "--json")
    assert done.code == 0, done.err
    report: dict[str, Any] = done.json
    return report


def test_where_the_store_knows_no_curve_nothing_is_kept_and_it_is_said_what_brings_it(within: Crfs, history: dict[str, Any]) -> None:
    assert history
    done = within(*WORDS, "--as-of", "1985-06-30", "--json")
    assert done.code == 1
    assert "crfs ingest treasury par_yields --since 1985-01-01" in done.json["error"]["message"]


@pytest.mark.usefixtures("curves")
def test_a_book_is_valued_on_what_was_known_and_replayed_and_traced(within: Crfs) -> None:
    done = within(*WORDS, *AT, "--label", "valued", "--json")
    assert done.code == 0, done.err
    answer = done.json
    assert answer["curves"]["day"] == "2018-11-15"
    assert answer["curves"]["quoted_by"] == "moodys_monthly"
    assert {each["spread_bp"] for each in answer["curves"]["spreads"]} == {None}, "Moody's terms keep its yields here"
    assert answer["total_ead"] == pl.read_csv(EXAMPLES / "bonds.csv")["ead"].sum()
    assert answer["measures"][0]["es"] > answer["measures"][0]["var"] > answer["el"]
    replayed = within("replay", answer["run_id"])
    assert replayed.out.startswith(f"MATCH sha256={answer['result_sha256']}")
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert len(chain["payloads"]) >= 3


@pytest.mark.usefixtures("curves")
def test_a_person_reads_the_spreads_the_losses_and_what_nobody_quotes(within: Crfs) -> None:
    shown = within(*WORDS, *AT, "--spread", "CCC=0.09", "--grade", "B=BB-", "--periods", "2")
    assert shown.code == 0, shown.err
    assert "Treasury par yields of 2018-11-15" in shown.out
    assert "900.0" in shown.out
    assert "withheld" in shown.out
    assert "ES 99 %" in shown.out
    assert "to D" in shown.out
    assert "no market quotes BB, B here" in " ".join(shown.out.split())
    assert "again: crfs replay mark-to-market-" in shown.out


@pytest.mark.usefixtures("curves")
def test_what_is_wrong_is_named(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "matrix.csv"
    file.write_text("rating,A,D\nA,0.5,0.4\n")
    for words, named in (
        (("--matrix", tmp_path / "none.csv"), "cannot read"),
        (("--matrix", file), "sums to 0.9"),
        (("--quotes", "mine"), "quotes is auto"),
        (("--spread", "ZZ=0.1"), "'ZZ'"),
        (("--persistence", "1"), "persistence"),
    ):
        refused = within(*WORDS, *AT, *words, "--json")
        assert refused.code == 1, words
        assert named in refused.json["error"]["message"], words
    book = tmp_path / "book.csv"
    book.write_text("facility_id,obligor_id,ead,lgd,r2,group\nF1,O1,100,0.4,0.2,corporate_energy\n")
    refused = within(*WORDS[:2], book, *WORDS[3:], *AT, "--json")
    assert refused.code == 1
    assert {problem["column"] for problem in refused.json["error"]["problems"]} == {"rating", "maturity_years"}


@pytest.mark.usefixtures("curves")
def test_a_name_is_valued_by_its_book_in_force_then(within: Crfs, tmp_path: Path) -> None:
    rows = (EXAMPLES / "bonds.csv").read_text().splitlines(keepends=True)
    for day, kept in (("2018-09-30", rows[:-1]), ("2018-12-31", rows)):
        file = tmp_path / f"{day}.csv"
        file.write_text("".join(kept))
        assert within("portfolio", "load", "bonds", file, "--valid-at", day).code == 0
    words = tuple("bonds" if word == EXAMPLES / "bonds.csv" else word for word in WORDS)
    done = within(*words, *AT, "--json")
    assert done.code == 0, done.err
    assert done.json["total_ead"] == pl.read_csv(EXAMPLES / "bonds.csv")["ead"][:-1].sum()
    refused = within(*words, "--as-of", "2018-09-15", "--json")
    assert (refused.code, "no book was in force under 'bonds'" in refused.json["error"]["message"]) == (1, True)
