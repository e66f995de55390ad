"""Which book a name means: the one in force at the time that is asked about, in every kind of run, and none before the first."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs

HEADER = (
    "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector,segment,exposure_class,stage,maturity_years,effective_interest_rate,currency\n"
)
ROW = "F{n},O{n},{ead},0.4,0.02,0.2,retail_pacific,retail,retail,other_retail,1,3,0.05,USD\n"
AHEAD = f"{datetime.now(UTC).year + 5}-12-31"
DAYS = {"2026-03-31": 1000, "2026-06-30": 2000, AHEAD: 4000}
FEW = ("--confidence", "0.9", "--max-scenarios", "2000", "--rel-tol", "0.05")
ASKED: dict[str, tuple[str, ...]] = {
    "risk": FEW,
    "concentration": (),
    "capital": (),
    "ecl": (),
    "stress": ("--shocks", "shocks.csv", *FEW),
    "reverse-stress": ("--loss", "1500", "--satellite", "none"),
    "sensitivities": ("--bump", "pd_relative=0.1", "--satellite", "none", *FEW),
    "what-if": ("--remove", "F1", *FEW),
}


@pytest.fixture
def hashes(within: Crfs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A book a day under the name ``dated``, the newest loaded first and the last far ahead; the hashes of their bytes by day."""
    monkeypatch.chdir(tmp_path)
    Path("shocks.csv").write_text("segment,pd_probit\nretail,0.4\n")
    loaded = any(book["portfolio"] == "dated" for book in within("portfolio", "list", "--json").json)
    found = {}
    for day, ead in reversed(DAYS.items()):
        file = tmp_path / f"{day}.csv"
        file.write_text(HEADER + "".join(ROW.format(n=n, ead=ead) for n in range(8)))
        found[day] = hashlib.sha256(file.read_bytes()).hexdigest()
        assert loaded or within("portfolio", "load", "dated", file, "--valid-at", day).code == 0
    return found


def measured_book(within: Crfs, kind: str, *words: str) -> str:
    """The hash of the book that a run was about, as its lineage tells it."""
    done = within("portfolio", kind, "dated", *ASKED[kind], "--models", "none", *words, "--json")
    assert done.code == 0, done.err + done.out
    chain = within("lineage", done.json["run_id"], "--to", "payload", "--json").json
    books: list[str] = [payload["sha256"] for payload in chain["payloads"]]
    assert len(books) == 1, chain
    return books[0]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("kind", list(ASKED))
def test_a_name_means_the_book_in_force_at_the_time_that_is_asked_about(within: Crfs, hashes: dict[str, str], kind: str) -> None:
    assert measured_book(within, kind, "--as-of", "2026-05-01") == hashes["2026-03-31"]
    assert measured_book(within, kind, "--as-of", "2026-06-30") == hashes["2026-06-30"], "its own day"
    assert measured_book(within, kind) == hashes["2026-06-30"], "what is in force in the future answers nothing today"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("kind", list(ASKED))
def test_before_the_first_book_a_question_is_refused_with_the_first(within: Crfs, hashes: dict[str, str], kind: str) -> None:
    assert hashes
    refused = within("portfolio", kind, "dated", *ASKED[kind], "--models", "none", "--as-of", "2026-01-01", "--json")
    assert refused.code == 1, refused.out
    told = refused.json["error"]["message"]
    assert "no book was in force under 'dated' at the end of 2026-01-01: the first is of the end of 2026-03-31" in told


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("kind", list(ASKED))
def test_a_time_that_lies_ahead_is_refused(within: Crfs, hashes: dict[str, str], kind: str) -> None:
    assert hashes
    refused = within("portfolio", kind, "dated", *ASKED[kind], "--models", "none", "--as-of", AHEAD, "--json")
    assert refused.code == 1, refused.out
    assert refused.json["error"]["message"] == f"as_of the end of {AHEAD} lies ahead; nothing is known of it yet"


@pytest.mark.usefixtures("history")
def test_the_day_that_is_not_over_can_be_asked_of(within: Crfs, hashes: dict[str, str]) -> None:
    assert measured_book(within, "capital", "--as-of", datetime.now(UTC).date().isoformat()) == hashes["2026-06-30"]


@pytest.mark.usefixtures("history")
def test_a_book_of_a_time_to_come_answers_nothing_before(within: Crfs, hashes: dict[str, str]) -> None:
    assert hashes
    file = Path(f"{AHEAD}.csv")
    loaded = within("portfolio", "load", "ahead", file, "--valid-at", AHEAD)
    assert loaded.code == 0
    assert f"in force from the end of {AHEAD}, sha256=" in loaded.out
    refused = within("portfolio", "risk", "ahead", "--models", "none", "--json")
    assert (refused.code, f"the first is of the end of {AHEAD}" in refused.json["error"]["message"]) == (1, True)


@pytest.mark.usefixtures("history")
def test_a_run_is_replayed_on_its_own_book_after_another_came_into_force_before_its_time(
    within: Crfs, factor_model: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for file, ead in ((first, 100), (second, 200)):
        file.write_text(f"facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,{ead},0.4,0.02,0.2,all\nF2,O2,{ead},0.4,0.02,0.2,all\n")
    words = ("portfolio", "risk", "replayed", "--factor-model", factor_model, "--models", "none", "--as-of", "2026-05-01", *FEW, "--json")
    assert within("portfolio", "load", "replayed", first, "--valid-at", "2026-03-31").code == 0
    before = within(*words).json
    assert within("portfolio", "load", "replayed", second, "--valid-at", "2026-04-30").code == 0
    assert within("replay", before["run_id"]).out.startswith(f"MATCH sha256={before['result_sha256']}")
    assert within(*words).json["total_ead"] == 2 * before["total_ead"]
    then = within(*words[:-1], "--recorded-as-of", str(before["batch_id"]), "--json").json
    assert json.dumps([then["total_ead"], then["el"]]) == json.dumps([before["total_ead"], before["el"]])


@pytest.mark.usefixtures("history", "hashes")
def test_the_list_shows_the_day_that_was_said(within: Crfs) -> None:
    [row] = [line for line in within("portfolio", "list").out.splitlines() if line.startswith("dated")]
    assert f"the end of {AHEAD}" in row
    [book] = [book for book in within("portfolio", "list", "--json").json if book["portfolio"] == "dated"]
    assert book["valid_time"].startswith(f"{int(AHEAD[:4]) + 1}-01-01T00:00:00"), "the instant itself"
