"""Losses given the factors that a scenario brings, on a store: the closed form, no shock is no change, harder is more, and repeated to the byte."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.special import ndtr, ndtri

from crfs.errors import InvalidInput
from crfs.workflows.lineage import trace
from crfs.workflows.measuring import stress
from crfs.workflows.packaged import packaged_factor_model
from crfs.workflows.replaying import replay_run
from crfs.workflows.satellites import read_satellite
from crfs.workflows.session import Session
from tests.journeys.world import BOOK_AT

pytestmark = [pytest.mark.servers, pytest.mark.journey]

QUICK: dict[str, Any] = {"losses": False, "conditional": True, "as_of": BOOK_AT, "models": [], "confidences": [0.9], "rel_tol": 0.02}
ROWS = {
    "facility_id": [f"F{k}" for k in range(12)],
    "obligor_id": [f"O{k}" for k in range(12)],
    "ead": [1000.0] * 12,
    "lgd": [0.5] * 12,
    "pd_12m": [0.01, 0.04, 0.1] * 4,
    "r2": [0.2] * 12,
    "group": ["corporate_energy", "retail_pacific"] * 6,
    "segment": ["corporate", "retail"] * 6,
    "sector": ["energy", None] * 6,
}
ONE = {"factors": ["world"], "correlation": [[1.0]], "groups": {name: {"world": 1.0} for name in ("corporate_energy", "retail_pacific")}}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("given factors") / "book.csv"
    pl.DataFrame(ROWS).write_csv(file)
    return file


@pytest.fixture(scope="module")
def mild(shared_world: Session, book: Path) -> dict[str, Any]:
    return stress(shared_world, book, "us/recession", **QUICK)


@pytest.mark.parametrize("answers", [True, False])
def test_expected_losses_are_those_of_the_conditional_probabilities(
    shared_world: Session, book: Path, mild: dict[str, Any], answers: bool
) -> None:
    """In every state a name loses as one of probability pd lgd (Frye and Jacobs), or as it did where losses do not answer."""
    told = mild if answers else stress(shared_world, book, "us/recession", lgd_response="none", **QUICK)
    found = told["conditional"]
    [economy] = found["factors"]
    groups = packaged_factor_model()["groups"]
    for side in ("base", "stressed"):
        mean, sd = economy[side], economy["base_sd" if side == "base" else "stressed_sd"]
        el = 0.0
        for ead, lgd, pd, r2, group in zip(*(ROWS[name] for name in ("ead", "lgd", "pd_12m", "r2", "group")), strict=True):
            weights = groups[group]
            share = weights["economy"] / math.sqrt(math.fsum(w * w for w in weights.values()))
            left = 1.0 - r2 * share**2 * (1.0 - sd**2)
            start, times = (pd * lgd, 1.0) if answers else (pd, lgd)
            el += ead * times * float(ndtr((ndtri(start) - math.sqrt(r2) * share * mean) / math.sqrt(left)))
        assert found["el"][side] == pytest.approx(el, rel=1e-9)
    assert found["el"]["all_states"] == pytest.approx(told["el_base"], rel=1e-12)
    assert economy["stressed"] < economy["base"]
    for rows in found["cuts"].values():
        assert math.fsum(row["change"] for row in rows) == pytest.approx(found["el"]["change"], rel=1e-9)


def test_the_difference_of_two_simulated_books_is_drawn_in_pieces_as_they_are(shared_world: Session, book: Path) -> None:
    told: list[str] = []
    drawn = {**QUICK, "method": "plain", "max_scenarios": 2000}
    stress(shared_world, book, "us/recession", **drawn, progress=lambda text, _done, _total: told.append(text))
    pieces = [text for text in told if "piece" in text]
    assert [text.rpartition(": ")[2] for text in pieces] == [*["1 piece of work"] * 4, "2 pieces of work"], "three books, and a pair"


@pytest.mark.parametrize("name", ["us/hold", "us/recession"])
def test_a_scenario_against_itself_changes_exactly_nothing(shared_world: Session, book: Path, name: str) -> None:
    found = stress(shared_world, book, name, base=name, **QUICK)["conditional"]
    changes = [found["el"]["change"], found["ul"]["change"], *(item["change"] for item in found["factors"])]
    changes += [
        measure[what]["change"]
        for measure in found["measures"]
        for name in ("var", "es")
        for what in (name, f"{name}_se", f"{name}_low", f"{name}_high")
    ]
    changes += [row["change"] for rows in found["cuts"].values() for row in rows]
    assert len(changes) > 8
    assert set(changes) == {0.0}


def test_a_harsher_scenario_never_loses_less_given_its_factors(shared_world: Session, book: Path, mild: dict[str, Any]) -> None:
    asked = {**QUICK, "at": mild["at"]}
    hard = stress(shared_world, book, "us/severe_recession", **asked)["conditional"]
    soft = mild["conditional"]
    assert hard["factors"][0]["stressed"] < soft["factors"][0]["stressed"]
    assert hard["el"]["base"] == soft["el"]["base"]
    assert hard["el"]["stressed"] > soft["el"]["stressed"] > soft["el"]["base"]
    for what in ("var", "es"):
        levels = [one["measures"][0][what]["stressed"] for one in (soft, hard)]
        assert levels[0] <= levels[1]
    assert hard["measures"][0]["es_se"]["stressed"] is not None


def test_it_is_the_same_to_the_byte_again_and_rests_on_what_it_was_fitted_on(
    shared_world: Session, book: Path, mild: dict[str, Any]
) -> None:
    again = stress(shared_world, book, "us/recession", **QUICK)
    assert again["result_sha256"] == mild["result_sha256"]
    assert replay_run(shared_world, mild["run_id"]).verdict.value == "MATCH"
    chain = trace(shared_world, mild["run_id"])
    assert chain["sound"]
    assert chain["payloads"]
    assert {"bureau_default", "us_macro_quarterly"} <= {batch["dataset"] for batch in chain["batches"]}


def test_one_factor_is_what_default_rates_stand_for_and_others_are_named(shared_world: Session, book: Path) -> None:
    found = stress(shared_world, book, "us/recession", factor_model=ONE, **QUICK)["conditional"]
    assert [item["factor"] for item in found["factors"]] == ["world"]
    own = {**read_satellite(None), "factors": {"corporate_energy": "corporate", "retail_pacific": "retail"}}
    both = stress(shared_world, book, "us/recession", satellite=own, **QUICK)["conditional"]
    assert [item["factor"] for item in both["factors"]] == ["corporate_energy", "retail_pacific"]
    assert both["el"]["change"] > 0.0


def test_a_run_says_that_the_regressions_errors_are_in_the_band_alone(shared_world: Session, book: Path) -> None:
    options = {**QUICK, "conditional": False, "max_scenarios": 2_000}
    for losses in (False, True):
        notes = stress(shared_world, book, "us/recession", **{**options, "losses": losses})["notes"]
        assert any("leave out those of the regressions" in note for note in notes) is losses


@pytest.mark.parametrize("conditional", [False, True])
def test_one_row_with_loadings_answers_as_it_would_with_the_r2_that_they_say(
    shared_world: Session, tmp_path: Path, conditional: bool
) -> None:
    """0.4^2 = 0.16 on the one factor that every group follows."""
    found = []
    for r2, loading in ((0.16, None), (None, 0.4)):
        rows = {**ROWS, "r2": [r2, *[0.2] * 11], "loading:world": [loading] + [None] * 11}
        file = tmp_path / f"{r2}.csv"
        pl.DataFrame(rows, schema_overrides={"loading:world": pl.Float64}).write_csv(file)
        options = {**QUICK, "conditional": conditional, "factor_model": ONE, "lgd_response": "frye_jacobs"}
        told = stress(shared_world, file, "us/recession", **options)
        found.append([told["el_stressed"], told["band"]["el_high"], *(told["conditional"]["el"].values() if conditional else ())])
        assert any("answer" in note for note in told["notes"])
        assert next(step for step in told["waterfall"]["steps"] if step["step"] == "lgd")["amount"] > 0.0
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_what_cannot_be_conditioned_on_is_refused_with_words(shared_world: Session, book: Path) -> None:
    with pytest.raises(InvalidInput, match="Gaussian copulas, not t:6"):
        stress(shared_world, book, "us/recession", copula="t:6", **QUICK)
    with pytest.raises(InvalidInput, match="need a scenario"):
        stress(shared_world, book, shocks=[{"pd_probit": 0.1}], **QUICK)
    content = read_satellite(None)
    with pytest.raises(InvalidInput, match="stand for mars; the factor model has"):
        stress(shared_world, book, "us/recession", satellite={**content, "factors": {"mars": "*"}}, **QUICK)
    with pytest.raises(InvalidInput, match="factors is a table of factors"):
        stress(shared_world, book, "us/recession", satellite={**content, "factors": {"economy": "moon"}}, **QUICK)
    without = {name: table for name, table in content.items() if name != "factors"}
    with pytest.raises(InvalidInput, match="does not say which factors"):
        stress(shared_world, book, "us/recession", satellite=without, **QUICK)
    assert stress(shared_world, book, "us/recession", satellite=without, **{**QUICK, "conditional": False})["el_change"] > 0.0
