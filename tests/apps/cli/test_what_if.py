"""What-ifs from the command line: told, repeated to the byte, traced to both files, and refused with their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps.cli.conftest import ROOT, Crfs

EXAMPLES = ROOT / "examples"
WORDS: tuple[str | Path, ...] = (
    "portfolio", "what-if", EXAMPLES / "book.csv", EXAMPLES / "loan.csv", "--factor-model", EXAMPLES / "model.json", "--models", "none",
    "--rel-tol", "0.02",
)  # fmt: skip
HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,currency\n"


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    return tmp_path / "loans.csv"


@pytest.mark.usefixtures("history")
def test_a_new_loan_is_told_replayed_and_traced(within: Crfs) -> None:
    done = within(*WORDS, "--remove", "F007", "--remove", "F007", "--label", "new loan", "--json")
    assert done.code == 0, done.err
    answer: dict[str, Any] = done.json
    assert answer["changes"] == {"came": 1, "replaced": 0, "left": 1}
    assert answer["el"]["change"] == pytest.approx(2_000_000 * 0.45 * 0.012 - 1_800_000 * 0.45 * 0.035)
    assert [part["obligor_id"] for part in answer["obligors"]] == ["O04", "O09"], "the largest change first"
    assert answer["run_id"].startswith("what-if-")
    replayed = within("replay", answer["run_id"])
    assert replayed.out.startswith(f"MATCH sha256={answer['result_sha256']}")
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert len(chain["payloads"]) == 2


@pytest.mark.usefixtures("history")
def test_a_person_reads_before_after_and_the_difference_with_its_error(within: Crfs) -> None:
    shown = within(*WORDS)
    assert shown.code == 0, shown.err
    words = " ".join(shown.out.split())
    for said in (
        "12 facilities of 8 obligors; 1 come in, 0 take another's place, 0 leave",
        "exposure 21,465,000 USD, afterwards 23,465,000 USD",
        "EL 99,752 110,552 10,800 exact",
        "95 % interval",
        "EC 99.9 %",
        "What each obligor adds if he alone changes",
        "again: crfs replay what-if-",
    ):
        assert said in words
    assert max(len(line.rstrip()) for line in shown.out.splitlines() if not line.startswith(("Note", "as of", "run", "again"))) <= 100


@pytest.mark.usefixtures("history")
def test_what_is_wrong_is_named_with_its_row_of_the_changes(within: Crfs, loans: Path) -> None:
    loans.write_text(HEADER + "X1,OX,100,0.4,0.02,0.2,corporate_energy,USD\nX2,OY,-5,0.4,1.5,0.2,nowhere,USD\n")
    words = (*WORDS[:3], loans, *WORDS[4:])
    refused = within(*words, "--json")
    assert refused.code == 1
    found = {(problem["row"], problem["column"], problem["reason"]) for problem in refused.json["error"]["problems"]}
    assert {(2, "ead", "out_of_range"), (2, "pd_12m", "out_of_range"), (2, "group", "unknown_group")} == found
    assert refused.json["error"]["message"].startswith("the changes: 1 row cannot be measured")
    for more, said in (
        ((*WORDS[:3], *WORDS[4:]), "a what-if needs a change"),
        ((*WORDS, "--remove", "F999"), "the book has no facility 'F999'"),
        ((*WORDS[:3], loans.with_name("none.csv"), *WORDS[4:]), "cannot read"),
        ((*WORDS, "--method", "best"), "method"),
    ):
        done = within(*more, "--json")
        assert done.code == 1, more
        assert said in done.json["error"]["message"], more
    loans.write_text(HEADER)
    empty = within(*words, "--json")
    assert (empty.code, "no rows" in empty.json["error"]["message"]) == (1, True), empty.out
