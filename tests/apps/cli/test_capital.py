"""Capital from the command line: weighed by the rules, cut without a lost cent, refused with its places, repeated to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.risk.capital import regulatory_capital
from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,exposure_class,approach,ltv,sector,maturity_years,r2,group"
ROWS = (
    "F1,O1,1000000.10,0.45,0.01,corporate,,,energy,2.5,0.2,corporate_energy",
    "F2,O2,250000.33,0.15,0.02,residential_mortgage,,0.7,,,0.08,retail_pacific",
    "F3,O3,400000.57,,,corporate,standardised,,energy,3,0.2,corporate_energy",
    "F4,O4,90000.01,0.75,0.04,qrre,,,,,0.04,retail_pacific",
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("capital") / "book.csv"
    file.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return file


def expected(book: Path, **options: Any) -> dict[str, Any]:
    """What the library says of the same file."""
    table = pl.read_csv(book, infer_schema=False)
    return regulatory_capital(table, **options).to_dict()


def test_capital_is_what_the_rules_say_and_is_replayed_and_traced(within: Crfs, book: Path) -> None:
    done = within("portfolio", "capital", book, "--models", "none", "--output-floor", "--label", "rules", "--json")
    assert done.code == 0, done.err
    answer = done.json
    told = expected(book, floor=True)
    assert answer["totals"] == told["totals"]
    assert answer["output_floor"] == told["output_floor"]
    assert answer["expected_loss"] == told["expected_loss"]
    # Of the corporate with a PD of 1 % and an LGD of 45 %: 92.32 %, as the rules' own table has it.
    assert next(row for row in answer["largest"] if row["facility_id"] == "F1")["rw"] == pytest.approx(0.9232, abs=5e-5)
    replayed = within("replay", answer["run_id"])
    assert replayed.out.startswith(f"MATCH sha256={answer['result_sha256']}")
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert [payload["sha256"] for payload in chain["payloads"]] == [hashlib.sha256(book.read_bytes()).hexdigest()]


def test_under_the_standardised_approach_there_is_no_expected_loss_rather_than_none_of_it(within: Crfs, book: Path, tmp_path: Path) -> None:
    header, plain = HEADER.replace(",approach", ""), "F1,O1,1000000.10,0.45,0.01,corporate,,energy,2.5,0.2,corporate_energy"
    file = tmp_path / "plain.csv"
    file.write_text(f"{header}\n{plain}\n")
    shown = within("portfolio", "capital", file, "--models", "none", "--approach", "standardised")
    assert shown.code == 0, shown.err
    assert "0.00" not in shown.out
    of_approaches = {
        line.split()[0]: line for line in within("portfolio", "capital", book, "--models", "none").out.splitlines() if line.split()
    }
    assert of_approaches["standardised"].rstrip(" │|").endswith("–")


def test_every_cut_sums_to_the_same_cents(within: Crfs, book: Path) -> None:
    answer = within("portfolio", "capital", book, "--models", "none", "--json").json
    assert {"exposure_class", "approach", "sector", "group"} <= set(answer["by"])
    for name in ("ead", "rwa", "capital", "el"):
        sums = {sum(round((part[name] or 0.0) * 100) for part in parts) for parts in answer["by"].values()}
        assert len(sums) == 1, name
        assert sums.pop() == round(answer["totals"][name] * 100)


def test_a_person_reads_the_totals_and_the_classes(within: Crfs, book: Path) -> None:
    shown = within("portfolio", "capital", book, "--models", "none", "--output-floor")
    assert shown.code == 0, shown.err
    assert "RWA after the output floor of 72.5 %" in shown.out
    assert "residential_mortgage" in shown.out
    assert "again: crfs replay capital-" in shown.out


def test_classes_that_a_book_does_not_say_are_told_by_type_and_for_all_others(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    file.write_text("facility_id,obligor_id,ead,lgd,pd_12m,facility_type\nF1,O1,100,0.45,0.01,corporate_loan\nF2,O2,100,0.75,0.04,card\n")
    words = ("portfolio", "capital", file, "--models", "none")
    refused = within(*words, "--json")
    assert refused.code == 1
    assert refused.json["error"]["problems"][0]["column"] == "exposure_class"
    told = within(*words, "--exposure-class", "card=qrre", "--exposure-class", "corporate", "--json")
    assert told.code == 0, told.err
    assert [part["name"] for part in told.json["by"]["exposure_class"]] == ["corporate", "qrre"]
    wrong = within(*words, "--exposure-class", "card=credit", "--json")
    assert wrong.code == 1
    assert "no exposure class" in wrong.json["error"]["message"]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ("F5,O5,100,0.45,1.5,corporate,,,,2.5,0.2,corporate_energy", ("pd_12m", "out_of_range")),
        ("F5,O5,100,,0.02,corporate,advanced,,,2.5,0.2,corporate_energy", ("lgd", "missing")),
        ("F5,O5,100,0.4,0.02,company,,,,2.5,0.2,corporate_energy", ("exposure_class", "unknown_value")),
        ("F5,O5,100,0.4,0.02,qrre,foundation,,,2.5,0.2,retail_pacific", ("approach", "inconsistent")),
        ("F5,O5,-1,0.4,0.02,corporate,,,,2.5,0.2,corporate_energy", ("ead", "out_of_range")),
    ],
)
def test_a_row_that_cannot_be_weighed_is_named_and_nothing_is_kept(within: Crfs, tmp_path: Path, row: str, place: tuple[str, str]) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("\n".join([HEADER, *ROWS, row]) + "\n")
    done = within("portfolio", "capital", file, "--models", "none", "--json")
    assert done.code == 1
    problems = done.json["error"]["problems"]
    assert [(problem["row"], problem["column"], problem["reason"]) for problem in problems] == [(5, *place)]
    assert "nothing was kept" in done.json["error"]["message"]
    assert within("payloads", "get", hashlib.sha256(file.read_bytes()).hexdigest()).code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--approach", "best"), "'best' is no approach"),
        (("--regime", "basel_v"), "'basel_v' is no regime"),
        (("--capital-ratio", "2"), "capital_ratio"),
        (("--floor-on", "someday", "--output-floor"), "'someday' is no day"),
        (("--floor-path", "moon", "--output-floor"), "'moon' is no path"),
        (("--floor-on", "2026-06-30", "--floor-path", "nonsense", "--transitional-cap"), "'nonsense' is no path"),
        (("--floor-on", "2026-06-30"), "floor_on = '2026-06-30' goes with output_floor"),
        (("--transitional-cap",), "transitional_cap = True goes with output_floor"),
    ],
)
def test_a_wrong_option_is_the_callers_mistake(within: Crfs, book: Path, words: tuple[str, ...], said: str) -> None:
    done = within("portfolio", "capital", book, "--models", "none", *words, "--json")
    assert done.code == 1
    assert said in done.json["error"]["message"]


def test_the_same_file_serves_the_risk_of_the_book(within: Crfs, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "whole.csv"
    file.write_text("\n".join([HEADER, *(row.replace(",,,corporate,standardised", ",0.4,0.03,corporate,standardised") for row in ROWS)]))
    done = within("portfolio", "risk", file, "--models", "none", "--max-scenarios", "2000", "--confidence", "0.9", "--json")
    assert done.code == 0, done.err
    assert done.json["n_facilities"] == 4
    assert within("portfolio", "load", "capital-book", file, "--json").json["facilities"] == 4
    assert within("portfolio", "capital", "capital-book", "--models", "none", "--json").json["n_facilities"] == 4
