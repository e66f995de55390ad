"""Sensitivities on a store: nothing moved is nothing changed, more is never less, amounts are linear, and macro variables are their own stress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.workflows.lineage import trace
from crfs.workflows.measuring import capital, risk, sensitivities
from crfs.workflows.replaying import replay_run
from crfs.workflows.session import Session
from tests.journeys.world import BOOK_AT

pytestmark = [pytest.mark.servers, pytest.mark.journey]

RATE, SPREAD = "us.unemployment_rate_quarterly", "us.credit_spread_baa_aaa"
ONE = {"factors": ["economy"], "correlation": [[1.0]], "groups": {"all": {"economy": 1.0}}}
ASKED: dict[str, Any] = {"as_of": BOOK_AT, "models": [], "confidences": [0.99], "factor_model": ONE}
NAMES = 12


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve names that are all alike, and stay so whatever moves: with one factor their distribution is exact, and done at once."""
    file = tmp_path_factory.mktemp("sensitivities") / "book.csv"
    table = pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in range(NAMES)],
            "obligor_id": [f"O{k}" for k in range(NAMES)],
            "ead": [1000.0] * NAMES,
            "lgd": [0.5] * NAMES,
            "pd_12m": [0.02] * NAMES,
            "r2": [0.2] * NAMES,
            "group": ["all"] * NAMES,
            "segment": ["retail"] * NAMES,
            "exposure_class": ["corporate"] * NAMES,
        }
    )
    table.write_csv(file)
    return file


@pytest.fixture(scope="module")
def answer(shared_world: Session, book: Path) -> dict[str, Any]:
    return sensitivities(shared_world, book, **ASKED)


def by_name(answer: dict[str, Any], *, small: bool = False) -> dict[str, dict[str, Any]]:
    return {bump["name"]: bump for bump in answer["bumps"] if bump["small"] is small}


def test_the_standard_bumps_are_those_of_a_risk_manager(answer: dict[str, Any]) -> None:
    whole = by_name(answer)
    assert [bump["words"] for name, bump in whole.items() if "." not in name] == ["PD +10 %", "LGD +5 pp", "EAD +10 %", "R² +10 %"]
    assert {RATE, SPREAD} <= set(whole)
    el = answer["el"]
    assert whole["pd_relative"]["el"]["change"] == pytest.approx(0.1 * el, rel=1e-9)
    assert whole["ead_relative"]["el"]["change"] == pytest.approx(0.1 * el, rel=1e-9)
    assert whole["lgd_add"]["el"]["change"] == pytest.approx(0.1 * el, rel=1e-9), "five points of fifty"
    assert whole["r2_relative"]["el"]["change"] == 0.0
    kept = {term["variable"] for fit in answer["satellites"] for term in fit["terms"]}
    assert kept
    for name in (RATE, SPREAD):
        assert (whole[name]["el"]["change"] > 0.0) is (name in kept), "each the way that is worse"
        assert (name in kept) is not any(note.startswith(f"{name} moves nothing") for note in answer["notes"])
        assert whole[name]["deviations"] == pytest.approx(1.0)
    for name, small in by_name(answer, small=True).items():
        assert small["size"] == pytest.approx(0.1 * whole[name]["size"])
        assert abs(small["el"]["change"]) <= abs(whole[name]["el"]["change"])


def test_every_number_is_base_bumped_and_difference_and_exposures_scale_all_of_them(answer: dict[str, Any]) -> None:
    for bump in answer["bumps"]:
        for part in (bump["el"], *(bump["measures"][0][name] for name in ("var", "es", "ec")), *bump["capital"].values()):
            assert part["bumped"] - part["base"] == pytest.approx(part["change"], abs=1e-6 * part["base"])
    larger = by_name(answer)["ead_relative"]
    for name in ("var", "es"):
        part = larger["measures"][0][name]
        assert part["change"] == pytest.approx(0.1 * part["base"], rel=1e-9)
        assert part["change_se"] == 0.0
    assert larger["capital"]["rwa"]["change"] == pytest.approx(0.1 * answer["capital"]["rwa"], abs=0.02), "in whole cents"


def test_its_base_is_what_risk_and_capital_runs_say(shared_world: Session, book: Path, answer: dict[str, Any]) -> None:
    alone = risk(shared_world, book, **ASKED)
    assert [alone["el"], alone["measures"][0]["var"], alone["measures"][0]["es"]] == [
        answer["el"],
        answer["measures"][0]["var"],
        answer["measures"][0]["es"],
    ]
    rules = capital(shared_world, book, as_of=BOOK_AT, models=[])
    assert rules["totals"]["rwa"] == answer["capital"]["rwa"]
    moved = by_name(answer)["pd_relative"]["capital"]["capital"]
    assert moved["bumped"] > moved["base"] == rules["totals"]["capital"]


def test_nothing_moved_is_exactly_no_change_of_any_number(shared_world: Session, book: Path) -> None:
    nothing = {"pd_relative": 0.0, "lgd_add": 0.0, "ead_relative": 0.0, "r2_relative": 0.0, "ccf_add": 0.1, "macro_deviations": 0.0}
    found = sensitivities(shared_world, book, bumps=nothing, **ASKED)
    changes = [bump["el"]["change"] for bump in found["bumps"]]
    changes += [bump["measures"][0][name]["change"] for bump in found["bumps"] for name in ("var", "es", "ec")]
    changes += [part["change"] for bump in found["bumps"] for part in bump["capital"].values()]
    assert len(changes) > 60
    assert set(changes) == {0.0}


def test_a_harder_bump_is_never_a_smaller_loss(shared_world: Session, book: Path, answer: dict[str, Any]) -> None:
    harder = {"pd_relative": 0.3, "lgd_add": 0.2, "ead_relative": 0.4, "r2_relative": 0.5, "macro_deviations": 2.0}
    hard, soft = by_name(sensitivities(shared_world, book, bumps=harder, **ASKED)), by_name(answer)
    assert set(hard) == set(soft)
    for name, bump in hard.items():
        assert bump["el"]["bumped"] >= soft[name]["el"]["bumped"] >= bump["el"]["base"]
        for what in ("var", "es"):
            levels = [one["measures"][0][what]["bumped"] for one in (soft[name], bump)]
            assert levels[0] <= levels[1] * (1.0 + 1e-9), (name, what)


def test_a_variable_by_its_own_amount_is_the_scenario_that_moves_it(shared_world: Session, book: Path, tmp_path: Path) -> None:
    from crfs.workflows.measuring import stress

    found = sensitivities(shared_world, book, bumps={RATE: 0.02}, **ASKED)
    file = tmp_path / "higher.toml"
    hold = f'[[scenario]]\nname = "still"\nseverity = "baseline"\nhold = {{ periods = 8, variables = ["{RATE}", "{SPREAD}"] }}\n'
    file.write_text(hold + f'[[scenario]]\nname = "higher"\nbase = "still"\n[[scenario.step]]\ndo = "shift"\nby = {{ "{RATE}" = 0.02 }}\n')
    told = stress(shared_world, book, f"{file}#higher", losses=False, **ASKED)
    [whole] = by_name(found).values()
    assert whole["el"]["bumped"] == pytest.approx(told["el_stressed"], rel=1e-12)
    assert whole["at"] == told["at"]


def test_it_is_the_same_to_the_byte_again_and_traced(shared_world: Session, book: Path, answer: dict[str, Any]) -> None:
    assert sensitivities(shared_world, book, **ASKED)["result_sha256"] == answer["result_sha256"]
    assert replay_run(shared_world, answer["run_id"]).verdict.value == "MATCH"
    chain = trace(shared_world, answer["run_id"])
    assert chain["sound"]
    assert chain["payloads"]
    assert {"bureau_default", "us_macro_quarterly"} <= {batch["dataset"] for batch in chain["batches"]}


def test_where_nothing_was_known_only_what_somebody_asked_for_is_refused(shared_world: Session, book: Path) -> None:
    early = {**ASKED, "as_of": "1999-12-31"}
    found = sensitivities(shared_world, book, bumps={"pd_relative": 0.1, "macro_deviations": 1.0}, **early)
    assert set(by_name(found)) == {"pd_relative"}
    assert any(note.startswith("no macro variables: ") for note in found["notes"])
    for more in ({"bumps": {RATE: 0.01}}, {"satellite": "us_credit"}):
        with pytest.raises(InvalidInput):
            sensitivities(shared_world, book, **{**early, **more})


@pytest.mark.parametrize(
    ("bumps", "words"),
    [
        ({"us.moon": 1.0}, "no bump is of 'us.moon'; known are pd_relative"),
        ({"pd_relative": -1.5}, "-1 or more"),
        ({"lgd_add": float("nan")}, "the bump of lgd_add is a finite number"),
        ({}, "an object of inputs"),
    ],
)
def test_a_bump_that_cannot_be_is_refused_with_its_name(shared_world: Session, book: Path, bumps: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        sensitivities(shared_world, book, bumps=bumps, **ASKED)
    assert refused.value.argument == "bumps"
