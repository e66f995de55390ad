"""Reverse stress from the command line: the loss is reached, the closed form of one factor, refusals with words, repeated to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy.stats import norm

from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("reverse") / "book.csv"
    rows = [f"F{n},O{n},1000,0.5,0.02,0.2,{group},{group}" for n, group in enumerate(("corporate_energy", "retail_pacific") * 10)]
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


def test_each_state_costs_the_loss_and_the_run_is_replayed_and_traced(within: Crfs, book: Path) -> None:
    done = within("portfolio", "reverse-stress", book, "--loss", "2000", "--models", "none", "--json")
    assert done.code == 0, done.err
    answer = done.json
    for found in answer["scenarios"]:
        assert found["loss"] == pytest.approx(2000.0, rel=1e-9)
        for by in ("group", "sector"):
            assert sum(part["loss"] for part in found["cuts"] if part["by"] == by) == pytest.approx(2000.0, rel=1e-9)
    distances = [found["distance"] for found in answer["scenarios"]]
    assert distances == sorted(distances)
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")
    assert within("lineage", answer["run_id"], "--to", "payload", "--json").json["sound"]


def test_with_one_factor_it_is_vasicek_s_formula_turned_round(within: Crfs, book: Path, tmp_path: Path) -> None:
    model = tmp_path / "one.json"
    groups = {name: {"economy": 1.0} for name in ("corporate_energy", "retail_pacific")}
    model.write_text(json.dumps({"factors": ["economy"], "correlation": [[1.0]], "groups": groups}))
    words = ("portfolio", "reverse-stress", book, "--loss", "2000", "--factor-model", model, "--models", "none", "--json")
    [found] = within(*words).json["scenarios"]
    # 2000 of 20 x 1000 x 0.5 is a conditional default probability of 0.2.
    z = (norm.ppf(0.02) - norm.ppf(0.2) * 0.8**0.5) / 0.2**0.5
    assert found["factors"]["economy"] == pytest.approx(z, rel=1e-9)
    assert found["half_space_probability"] == pytest.approx(norm.cdf(z), rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "words"),
    [("20000", "is not below lgd x ead of all names"), ("0", "above 0"), ("-5", "above 0"), ("nan", "above 0"), ("1e-9", "ask for more")],
)
def test_a_loss_that_no_state_brings_is_refused_with_what_can_be_reached(within: Crfs, book: Path, loss: str, words: str) -> None:
    refused = within("portfolio", "reverse-stress", book, "--loss", loss, "--models", "none", "--json")
    assert refused.code == 1
    assert words in refused.json["error"]["message"]


def test_a_person_reads_the_states_and_who_loses(within: Crfs, book: Path) -> None:
    shown = within("portfolio", "reverse-stress", book, "--loss", "2000", "--models", "none")
    assert shown.code == 0, shown.err
    assert "what costs 2,000" in shown.out
    assert "corporate_energy" in shown.out
    assert "again: crfs replay reverse-stress-" in shown.out


def test_a_far_state_is_shown_with_how_unlikely_it_is(within: Crfs, book: Path) -> None:
    words = ("portfolio", "reverse-stress", book, "--loss", "8000", "--models", "none", "--modes", "1")
    [found] = within(*words, "--json").json["scenarios"]
    assert 0.0 < found["half_space_probability"] < 1e-5
    shown = within(*words)
    assert shown.code == 0, shown.err
    assert "0.00 %" not in shown.out.split("what happens", maxsplit=1)[1].splitlines()[2]
    digits = f"{100.0 * found['half_space_probability']:.1e}".partition("e")[0]
    assert f"{digits}e-" in shown.out


def test_states_better_than_the_middle_are_not_called_worse(within: Crfs, book: Path) -> None:
    words = ("portfolio", "reverse-stress", book, "--models", "none", "--loss")
    middle = within(*words, "2000", "--json").json["middle"]
    for loss, beyond in ((middle * 0.8, "as likely as or better"), (middle * 1.2, "as likely as or worse")):
        assert beyond in within(*words, f"{loss:.6f}").out
