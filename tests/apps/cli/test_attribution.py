"""Attribution from the command line: two dates of a named book, in steps that sum to the last bit, repeated and traced."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector"
MARCH = ("F1,O1,1000,0.5,0.02,0.2,corporate_energy,energy", "F2,O2,500,0.4,0.01,0.1,retail_pacific,retail")
JUNE = ("F1,O1,1200,0.5,0.03,0.2,corporate_energy,energy", "F3,O3,700,0.6,0.05,0.1,retail_pacific,retail")
DATES = ("--from", "2026-03-31", "--to", "2026-06-30", "--models", "none")


@pytest.fixture
def books(within: Crfs, tmp_path: Path) -> list[str]:
    """Two books under the name ``moving``, in force at the ends of March and June, loaded once; their hashes."""
    loaded = any(book["portfolio"] == "moving" for book in within("portfolio", "list", "--json").json)
    hashes = []
    for day, rows in (("2026-03-31", MARCH), ("2026-06-30", JUNE)):
        file = tmp_path / f"{day}.csv"
        file.write_text("\n".join([HEADER, *rows]) + "\n")
        hashes.append(hashlib.sha256(file.read_bytes()).hexdigest())
        assert loaded or within("portfolio", "load", "moving", file, "--valid-at", day).code == 0
    return hashes


def whole(answer: dict[str, Any], measure: str) -> dict[str, Any]:
    return next(effect for effect in answer["effects"] if effect["measure"] == measure and effect["by"] is None)


def test_the_steps_are_what_changed_and_sum_to_the_last_bit(within: Crfs, books: list[str]) -> None:
    done = within("portfolio", "attribute", "moving", *DATES, "--by", "sector", "--confidence", "0.9", "--json")
    assert done.code == 0, done.err
    answer = done.json
    el = whole(answer, "el")
    steps = {step["step"]: step["amount"] for step in el["steps"]}
    assert el["before"] == pytest.approx(1000 * 0.5 * 0.02 + 500 * 0.4 * 0.01)
    assert el["after"] == pytest.approx(1200 * 0.5 * 0.03 + 700 * 0.6 * 0.05)
    expected = {"gone": -2.0, "new": 21.0, "ead": 200 * 0.5 * 0.02, "pd": 1200 * 0.5 * 0.01}
    assert {name: amount for name, amount in steps.items() if amount} == pytest.approx(expected)
    for effect in answer["effects"]:
        assert effect["before"] + sum(step["amount"] for step in effect["steps"]) == effect["after"]
    for measure in ("el", "var", "es"):
        parts = [effect for effect in answer["effects"] if effect["measure"] == measure and effect["by"] == "sector"]
        assert sum(effect["after"] for effect in parts) == whole(answer, measure)["after"]
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert sorted(payload["sha256"] for payload in chain["payloads"]) == sorted(books)


def test_nothing_changed_between_two_times_of_one_book(within: Crfs, books: list[str]) -> None:
    words = ("--from", "2026-03-31", "--to", "2026-06-29", "--models", "none", "--confidence", "0.9", "--json")
    answer = within("portfolio", "attribute", "moving", *words).json
    assert [step["amount"] for effect in answer["effects"] for step in effect["steps"] if step["amount"]] == []
    assert [effect["before"] for effect in answer["effects"]] == [effect["after"] for effect in answer["effects"]]
    assert [payload["sha256"] for payload in within("lineage", answer["run_id"], "--to", "payload", "--json").json["payloads"]] == books[:1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nosuch", *DATES), "no portfolio is called 'nosuch'"),
        (("moving", "--from", "2026-01-31", "--to", "2026-06-30"), "no book was in force under 'moving' at the end of 2026-01-31"),
        (("moving", "--from", "2026-06-30", "--to", "2026-03-31"), "is not before"),
        (("moving", "--from", "2026-03-31", "--to", "2199-12-31"), "to the end of 2199-12-31 lies ahead"),
        (("moving", "--from", "someday", "--to", "2026-03-31"), "someday"),
        (("moving", *DATES, "--by", "colour"), "cannot be cut by 'colour'"),
        (("moving", *DATES, "--replicates", "0"), "replicates"),
        (("moving", *DATES, "--confidence", "1.5"), "confidence"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_words(within: Crfs, books: list[str], words: tuple[str, ...], told: str) -> None:
    refused = within("portfolio", "attribute", *words, "--json")
    assert refused.code == 1, refused.out
    assert told in refused.json["error"]["message"]


def test_a_person_reads_the_steps(within: Crfs, books: list[str]) -> None:
    shown = within("portfolio", "attribute", "moving", *DATES, "--by", "sector", "--confidence", "0.9")
    assert shown.code == 0, shown.err
    for words in ("new facilities", "default probabilities", "VaR 90 %", "mostly by"):
        assert words in shown.out


def test_both_ends_are_what_risk_says_of_the_two_times_though_the_positions_came_in_after_them(
    within: Crfs, history: dict[str, Any], tmp_path: Path
) -> None:
    assert history
    rows = {"january": MARCH[:1], "march": MARCH, "june": JUNE}

    def load(which: str, valid_at: str) -> None:
        file = tmp_path / f"{which}.csv"
        file.write_text("\n".join([HEADER, *rows[which]]) + "\n")
        assert within("portfolio", "load", "late", file, "--valid-at", valid_at).code == 0

    load("january", "2026-01-31")
    earlier = datetime.now(UTC).isoformat()  # the store knows a book of January by then, and gets that of March afterwards
    load("march", "2026-03-31")
    later = datetime.now(UTC).isoformat()
    load("june", later)
    drawn = ("--models", "none", "--confidence", "0.9", "--max-scenarios", "2000", "--rel-tol", "0.05", "--json")
    answer = within("portfolio", "attribute", "late", "--from", earlier, "--to", later, *drawn).json
    el = whole(answer, "el")
    for end, at, book in (("before", earlier, MARCH), ("after", later, JUNE)):
        assert within("portfolio", "risk", "late", "--as-of", at, *drawn).json["el"] == pytest.approx(el[end], rel=1e-12), end
        assert el[end] == pytest.approx(expected_loss(book)), end
    assert {step["step"] for step in el["steps"] if step["amount"]} == {"gone", "new", "ead", "pd"}
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")


def expected_loss(rows: tuple[str, ...]) -> float:
    cells = [row.split(",") for row in rows]
    return sum(float(ead) * float(lgd) * float(pd) for _, _, ead, lgd, pd, *_ in cells)
