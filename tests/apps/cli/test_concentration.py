"""Concentration from the command line: a run like its sisters, with connected clients as one name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs

BOOK = "facility_id,obligor_id,connected_clients,ead,sector\nF1,A,G,300,energy\nF2,B,G,200,\nF3,C,,400,energy\nF4,C,,100,retail\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("concentration") / "book.csv"
    file.write_text(BOOK)
    return file


def test_it_is_replayed_and_traced(within: Crfs, book: Path) -> None:
    done = within("portfolio", "concentration", book, "--models", "none", "--label", "names", "--json")
    assert done.code == 0, done.err
    answer = done.json
    assert answer["by"]["obligor_id"]["hhi"] == pytest.approx(0.38)
    assert answer["by"]["connected_clients"]["hhi"] == pytest.approx(0.5)
    assert [each["name"] for each in answer["by"]["connected_clients"]["largest"]] == ["C", "G"]
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert [payload["sha256"] for payload in chain["payloads"]] == [hashlib.sha256(book.read_bytes()).hexdigest()]


def test_a_person_reads_the_names_and_how_to_have_them_again(within: Crfs, book: Path) -> None:
    shown = within("portfolio", "concentration", book, "--models", "none", "--top", "1")
    assert shown.code == 0, shown.err
    assert "4 facilities, exposure 1,000" in shown.out
    assert "connected_clients: 2 names, HHI 0.5, as many as 2.0 equal ones" in shown.out
    assert "again: crfs replay concentration-" in shown.out
    refused = within("portfolio", "concentration", book, "--top", "-1", "--json")
    assert refused.code == 1
    assert "top is how many" in refused.json["error"]["message"]


def test_a_group_that_rows_contradict_is_refused_by_row_and_nothing_is_loaded(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(BOOK + "F5,A,H,10,\n")
    for words in (("portfolio", "concentration", file, "--models", "none"), ("portfolio", "load", "wrong", file)):
        refused = within(*words, "--json")
        assert refused.code == 1, refused.out
        assert [(p["row"], p["column"]) for p in refused.json["error"]["problems"]] == [(5, "connected_clients")]


def test_a_second_currency_is_refused_by_row_and_so_is_a_blank_one(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text("facility_id,obligor_id,ead,currency\nF1,A,100,USD\nF2,B,200,EUR\nF3,C,300,\n")
    refused = within("portfolio", "concentration", file, "--models", "none", "--json")
    assert refused.code == 1, refused.out
    told = [(p["row"], p["column"], p["reason"]) for p in refused.json["error"]["problems"]]
    assert told == [(2, "currency", "inconsistent"), (3, "currency", "missing")]


def test_a_blank_label_and_one_that_is_called_none_are_told_apart(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "blank.csv"
    header = "facility_id,obligor_id,ead,sector,lgd,pd_12m,r2,group\n"
    rows = [f"F{k},O{k},{100 + k},{('none', 'energy', '')[k % 3]},0.4,0.02,0.2,retail_pacific" for k in range(12)]
    file.write_text(header + "\n".join(rows) + "\n")
    shown = within("portfolio", "concentration", file, "--models", "none")
    assert shown.code == 0, shown.err
    sectors = shown.out.split("sector:", maxsplit=1)[1]
    assert {"none", "(blank)", "energy"} <= {line.split()[0] for line in sectors.splitlines() if line.strip()}
    risk = within("portfolio", "risk", file, "--models", "none", "--confidence", "0.9", "--max-scenarios", "2000")
    assert risk.code == 0, risk.err
    told = risk.out.split("Sectors", maxsplit=1)[1]
    shares = {
        line.split()[0]: float(line.split()[-2]) for line in told.splitlines() if line.rstrip().endswith("%") and "interval" not in line
    }
    assert set(shares) == {"none", "(blank)", "energy"}
    assert sum(shares.values()) == pytest.approx(100.0, abs=0.2)


def test_a_label_has_one_bound_at_every_door(within: Crfs, book: Path) -> None:
    assert within("portfolio", "concentration", book, "--label", "x" * 200).code == 0
    refused = within("portfolio", "concentration", book, "--label", "x" * 201)
    assert refused.code == 1
    assert "a label has at most 200 characters" in refused.err
