"""`--budget`: a run that may need more than it is refused before it starts, whatever it is a run of, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs


@pytest.mark.parametrize("command", ["risk", "stress", "what-if"])
def test_a_run_beyond_its_budget_is_refused_and_keeps_nothing(
    within: Crfs, book: Path, factor_model: Path, tmp_path: Path, command: str
) -> None:
    shocks = tmp_path / "shocks.csv"
    shocks.write_text("pd_probit\n0.4\n")
    more = {"risk": (), "stress": ("--shocks", shocks), "what-if": ("--remove", "F1")}[command]
    words = ("portfolio", command, book, "--factor-model", factor_model, *more, "--models", "none", "--method", "plain", "--json")
    runs = within("status", "--json").json["runs"]
    refused = within(*words, "--budget", "1000")
    assert refused.code == 1, refused.out
    assert "above the budget of 1e+03" in refused.json["error"]["message"]
    assert "raise the budget" in refused.json["error"]["message"]
    assert within("status", "--json").json["runs"] == runs
    answered = within(*words, "--budget", "1e6", "--max-scenarios", "1000")
    assert answered.code == 0, answered.out


@pytest.mark.parametrize(
    ("command", "more"), [("risk", ()), ("what-if", ("--remove", "F1")), ("mark-to-market", ("--matrix", "matrix.csv"))]
)
def test_a_budget_without_end_is_refused_in_words(
    within: Crfs, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, more: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("matrix.csv").write_text("rating,A,D\nA,0.99,0.01\n")
    refused = within("portfolio", command, book, *more, "--models", "none", "--budget", "inf", "--json")
    assert refused.code == 1, refused.out
    assert "budget is a finite number above 0" in refused.json["error"]["message"]
