"""Reverse stress in macro terms, on a store: harder losses move the variables farther, nothing is invented where nothing is known, and it repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.models.satellite.regression import INTERCEPT
from crfs.workflows.lineage import trace
from crfs.workflows.measuring import reverse_stress
from crfs.workflows.replaying import replay_run
from crfs.workflows.satellites import read_satellite
from crfs.workflows.session import Session
from tests.journeys.world import BOOK_AT, BOOK_FILE

pytestmark = [pytest.mark.servers, pytest.mark.journey]

ASKED: dict[str, Any] = {"as_of": BOOK_AT, "models": [], "modes": 1}
LOSSES = (150_000.0, 300_000.0, 450_000.0)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("macro terms") / "book.csv"
    file.write_text(BOOK_FILE)
    return file


@pytest.fixture(scope="module")
def answers(shared_world: Session, book: Path) -> list[dict[str, Any]]:
    return [reverse_stress(shared_world, book, loss, **ASKED) for loss in LOSSES]


def moves(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {move["mnemonic"]: move for move in answer["scenarios"][0]["macro"]}


def test_the_loss_is_reached_and_a_greater_one_moves_every_variable_farther_to_its_bad_side(answers: list[dict[str, Any]]) -> None:
    told = [moves(answer) for answer in answers]
    assert told[0]
    for answer, loss in zip(answers, LOSSES, strict=True):
        assert answer["scenarios"][0]["loss"] == pytest.approx(loss, rel=1e-9)
    factors = [answer["scenarios"][0]["factors"]["economy"] for answer in answers]
    assert factors == sorted(factors, reverse=True)
    for name in told[0]:
        rises = [one[name]["deviations"] for one in told]
        assert rises == sorted(rises), name
        assert rises[-1] > 0.3, name
        for one in told:
            assert 0.0 < one[name]["sd"] <= one[name]["usual_sd"]


def test_a_change_comes_to_the_last_known_level_and_itself_and_words_say_so(answers: list[dict[str, Any]]) -> None:
    found = answers[-1]["scenarios"][0]
    rate = moves(answers[-1])["us.unemployment_rate_quarterly"]
    assert (rate["transform"], rate["over"]) == ("difference", 4)
    assert rate["level"] == rate["last_known"] + rate["value"]
    assert rate["last_known_at"] < BOOK_AT[:10]
    assert (
        f"us.unemployment_rate_quarterly {100 * rate['value']:+.1f} points in 4 quarters to {100 * rate['level']:.1f} %"
        in found["macro_words"]
    )
    assert found["words"].startswith(("retail_pacific", "corporate_energy")), "the groups keep their words"


def test_given_the_foretold_variables_alone_the_factor_is_foretold_less_bad_than_the_state(answers: list[dict[str, Any]]) -> None:
    """Part of the state is what the regression does not explain: macro variables never have to explain all of it."""
    for answer in answers:
        [fit] = answer["satellites"]
        told = {move["variable"]: move["value"] for move in answer["scenarios"][0]["macro"]}
        values = {INTERCEPT: 1.0, **told}
        foretold = sum(item["coefficient"] * values[item["name"]] for item in fit["coefficients"])
        assert answer["scenarios"][0]["factors"][fit["factor"]] < foretold < 0.5


def test_it_is_the_same_to_the_byte_again_and_rests_on_the_histories(
    shared_world: Session, book: Path, answers: list[dict[str, Any]]
) -> None:
    again = reverse_stress(shared_world, book, LOSSES[0], **ASKED)
    assert again["result_sha256"] == answers[0]["result_sha256"]
    assert replay_run(shared_world, again["run_id"]).verdict.value == "MATCH"
    chain = trace(shared_world, again["run_id"])
    assert chain["sound"]
    assert {"bureau_default", "us_macro_quarterly"} <= {batch["dataset"] for batch in chain["batches"]}


def test_where_nothing_was_known_there_are_no_macro_terms_unless_somebody_asks_for_them(shared_world: Session, book: Path) -> None:
    early = {**ASKED, "as_of": "1999-12-31"}
    answer = reverse_stress(shared_world, book, LOSSES[0], **early)
    assert answer["scenarios"][0]["macro"] == []
    assert any(note.startswith("no macro terms: ") for note in answer["notes"])
    with pytest.raises(InvalidInput):
        reverse_stress(shared_world, book, LOSSES[0], satellite="us_credit", **early)
    plain = reverse_stress(shared_world, book, LOSSES[0], satellite="none", **ASKED)
    assert plain["scenarios"][0]["macro"] == []
    assert not any("macro" in note for note in plain["notes"])


def test_a_satellite_that_speaks_of_no_factor_of_the_model_is_refused(shared_world: Session, book: Path) -> None:
    content = {**read_satellite(None), "factors": {"mars": "*"}}
    with pytest.raises(InvalidInput, match="stand for mars"):
        reverse_stress(shared_world, book, LOSSES[0], satellite=content, **ASKED)


def test_under_a_t_copula_the_common_shock_is_said_beside_the_macro_terms(shared_world: Session, book: Path) -> None:
    answer = reverse_stress(shared_world, book, LOSSES[1], copula="t:6", **ASKED)
    assert answer["scenarios"][0]["macro"]
    assert answer["scenarios"][0]["mixing"] < 1.0
    assert any("common shock" in note for note in answer["notes"])
