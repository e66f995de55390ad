"""Provisions from the command line: to the cent, by stage and scenario, with overlays, refused with places, repeated to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pytest

from crfs.risk.provisions import expected_credit_loss
from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,stage,effective_interest_rate,segment,sector"
ROWS = (
    "F1,O1,1000000.10,0.25,0.005,5,1,0.04,corporate,energy",
    "F2,O2,1000.33,0.4,0.1,2,2,0.05,retail,",
    "F3,O3,5000.57,0.6,,,3,0.05,retail,",
    "F4,O4,33333.33,0.45,0.03,3,2,0.06,corporate,energy",
)
POLICY = """
[[scenario]]
name = "base"
weight = 0.7

[[scenario]]
name = "adverse"
weight = 0.3
hazard_multiplier = { retail = [2.0, 1.5], "*" = [1.5] }

[[overlay]]
name = "energy prices"
factor = 1.1
where = { sector = ["energy"] }
author = "credit risk"
approver = "CRO"
reason = "energy prices"
effective = 2025-01-01
expires = 2025-12-31
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ecl") / "book.csv"
    file.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return file


def test_losses_reconcile_to_the_cent_and_the_run_is_replayed_and_traced(within: Crfs, book: Path) -> None:
    done = within("portfolio", "ecl", book, "--models", "none", "--json")
    assert done.code == 0, done.err
    answer = done.json
    library = expected_credit_loss(pl.read_csv(book, infer_schema=False))
    assert answer["ecl"] == answer["allowance"] == library.total
    for by, parts in answer["by"].items():
        assert sum(round(part["allowance"] * 100) for part in parts) == round(answer["allowance"] * 100), by
    assert sum(round(stage["ecl"] * 100) for stage in answer["stages"]) == round(answer["ecl"] * 100)
    shown = [part[name] for parts in answer["by"].values() for part in parts for name in ("ead", "ecl", "overlay", "allowance")]
    shown += [stage[name] for stage in answer["stages"] for name in ("ead", "ecl")] + [one["allowance"] for one in answer["largest"]]
    assert shown == [round(amount, 2) for amount in shown], "the numbers nearest to whole cents"
    replayed = within("replay", answer["run_id"])
    assert replayed.out.startswith(f"MATCH sha256={answer['result_sha256']}")
    assert f"allowance={answer['allowance']!r}" in replayed.out
    chain = within("lineage", answer["run_id"], "--to", "payload", "--json").json
    assert (chain["sound"], [p["sha256"] for p in chain["payloads"]]) == (True, [hashlib.sha256(book.read_bytes()).hexdigest()])


def test_a_policy_weighs_scenarios_and_adds_overlays_while_they_hold(within: Crfs, book: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    words = ("portfolio", "ecl", book, "--models", "none", "--policy", policy)
    held = within(*words, "--reporting-date", "2025-06-30", "--json")
    assert held.code == 0, held.err
    energy = next(part for part in held.json["by"]["sector"] if part["name"] == "energy")
    assert round(energy["overlay"] * 100) == pytest.approx(round(energy["ecl"] * 10), abs=2)
    assert held.json["allowance"] == pytest.approx(held.json["ecl"] + energy["overlay"], abs=1e-9)
    assert [scenario["name"] for scenario in held.json["scenarios"]] == ["base", "adverse"]
    assert held.json["scenarios"][1]["ecl"] > held.json["scenarios"][0]["ecl"]
    gone = within(*words, "--reporting-date", "2026-01-01", "--json").json
    assert (gone["overlays"]["overlays"][0]["status"], gone["allowance"]) == ("expired", gone["ecl"])
    policy.write_text(POLICY.replace('["energy"]', '["enrgy"]'))
    lost = within(*words, "--reporting-date", "2025-06-30", "--json").json
    assert (lost["overlays"]["overlays"][0]["status"], lost["allowance"]) == ("no_facility", lost["ecl"])
    assert [note for note in lost["notes"] if note.startswith("overlay energy prices") and "did you mean 'energy'?" in note]
    policy.write_text(POLICY)
    undated = within(*words, "--json")
    assert (undated.code, "--reporting-date" in undated.json["error"]["message"]) == (1, True), "nobody said which day it is"
    days = {"2025-12-31": "held", "2025-12-31T23:00:00Z": "held", "2026-01-01": "gone"}
    of_day = {day: within(*words, "--as-of", day, "--json").json["allowance"] for day in days}
    assert of_day == {day: (held.json if told == "held" else gone)["allowance"] for day, told in days.items()}
    assert within("replay", held.json["run_id"]).code == 0
    shown = within(*words, "--reporting-date", "2025-06-30")
    assert "Overlay energy prices" in shown.out
    assert "adverse" in shown.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--reporting-date", "1800-12-31"), "reporting_date = 1800-12-31 is before 2014-07-24, when IFRS 9 was issued"),
        (("--reporting-date", "2015-12-31", "--standard", "cecl"), "is before 2016-06-16, when ASU 2016-13 was issued"),
        (("--reporting-date", "2090-12-31"), "reporting_date = 2090-12-31 lies more than a year after"),
        (("--reporting-date", "2021-12-31", "--as-of", "2020-06-30"), "lies more than a year after 2020-06-30, the day of what is known"),
        (("--reporting-date", "2007-12-31", "--as-of", "2009-06-30"), "a back-test asks as_of a day within a year of it"),
    ],
)
def test_a_reporting_date_that_nobody_closes_books_for_is_refused(within: Crfs, book: Path, words: tuple[str, ...], told: str) -> None:
    refused = within("portfolio", "ecl", book, "--models", "none", *words, "--json")
    assert refused.code == 1, refused.out
    assert told in refused.json["error"]["message"]


@pytest.mark.parametrize(("reported", "known"), [("2020-12-31", "2020-06-30"), ("2018-12-31", "2020-06-30"), ("2008-12-31", "2009-06-30")])
def test_a_closing_ahead_a_comparative_figure_and_a_back_test_have_their_reporting_dates(
    within: Crfs, book: Path, reported: str, known: str
) -> None:
    words = ("portfolio", "ecl", book, "--models", "none", "--reporting-date", reported, "--as-of", known)
    assert within(*words, "--json").code == 0


def test_stages_are_found_by_the_rule_where_the_book_has_none(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "unstaged.csv"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,days_past_due,pd_lifetime_at_origination"
    rows = ("F1,O1,100,0.4,0.02,1,0,0.02", "F2,O2,100,0.4,0.02,1,31,0.02", "F3,O3,100,0.4,0.08,1,0,0.02", "F4,O4,100,0.4,0.5,1,95,0.02")
    file.write_text("\n".join([header, *rows]) + "\n")
    answer = within("portfolio", "ecl", file, "--models", "none", "--interest-rate", "0", "--json").json
    assert {part["name"]: part["facilities"] for part in answer["by"]["stage"]} == {1: 1, 2: 2, 3: 1}
    assert answer["staging"]["triggers"]["pd_increase"] >= 1
    assert answer["allowance"] == pytest.approx(0.8 + 0.8 + 3.2 + 40.0, abs=1e-9)


def test_a_lifetime_pd_is_found_row_by_row_and_a_pd_of_one_is_in_default(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "lifetimes.csv"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,defaulted,pd_lifetime,pd_lifetime_at_origination"
    rows = ("F1,O1,100,0.4,0.08,1,,,0.02", "F2,O2,100,0.4,0.02,1,,0.02,0.02", "F3,O3,100,0.4,,1,true,,0.02", "F4,O4,100,0.4,1,1,,,")
    file.write_text("\n".join([header, *rows]) + "\n")
    words = ("portfolio", "ecl", file, "--models", "none", "--interest-rate", "0", "--json")
    done = within(*words, "--stages", "found")
    assert done.code == 0, done.err
    assert {row["facility_id"]: row["stage"] for row in done.json["largest"]} == {"F1": 2, "F2": 1, "F3": 3, "F4": 3}
    [told] = [note for note in within(*words, "--standard", "cecl").json["notes"] if "in default" in note]
    assert told.startswith("2 facilities are in default (defaulted, stage 3, or a PD of 1)")


def test_the_example_of_a_cure_is_as_the_page_says(within: Crfs, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "provisions.md").read_text(encoding="utf-8")
    file = tmp_path / "cures.csv"
    file.write_text("facility_id" + page.split("```\nfacility_id")[1].split("```")[0])
    found = within("portfolio", "ecl", file, "--models", "none", "--stages", "found", "--json").json
    assert {row["facility_id"]: row["stage"] for row in found["largest"]} == {"F1": 3, "F2": 2, "F3": 1}
    assert found["staging"]["triggers"] == {"probation_stage_2": 1, "probation_stage_3": 1}


def test_a_loss_given_default_that_a_scenario_would_take_above_one_is_told_of(within: Crfs, tmp_path: Path) -> None:
    file, policy = tmp_path / "held.csv", tmp_path / "held.toml"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,stage"
    file.write_text("\n".join([header, "F1,O1,100,0.4,0.08,1,1", "F2,O2,100,0.1,0.02,1,1", "F3,O3,100,0.4,,1,3"]) + "\n")
    policy.write_text('[[scenario]]\nname = "base"\nweight = 0.5\n[[scenario]]\nname = "typo"\nweight = 0.5\nlgd_multiplier = [1.0, 9.0]\n')
    words = ("portfolio", "ecl", file, "--policy", policy, "--models", "none", "--interest-rate", "0", "--json")
    for standard in ("ifrs9", "cecl"):
        [told] = [note for note in within(*words, "--standard", standard).json["notes"] if "LGD" in note and "at 1" in note]
        assert told == "scenario typo: the LGD of 1 facility is held at 1, which its lgd_multiplier (up to 9) would exceed"


def test_a_given_stage_that_default_contradicts_counts_and_is_told_of(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "contradicted.csv"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,stage,defaulted,days_past_due,poci,initial_ecl"
    said = ["1,true,120,,", "2,false,95,,", "3,true,120,,", "2,false,89,,", "3,false,0,,", "1,true,0,true,1"]
    rows = [f"F{n},O{n},100,0.4,0.02,1,{words}" for n, words in enumerate(said, 1)]
    file.write_text("\n".join([header, *rows]) + "\n")
    words = ("portfolio", "ecl", file, "--models", "none", "--interest-rate", "0", "--json")
    answer = within(*words).json
    [told] = [note for note in answer["notes"] if "default" in note]
    assert told.startswith(
        "2 facilities are given stage 1 or 2 and are in default (defaulted, a PD of 1, or 90 days past due or more), in rows 1, 2:"
    )
    assert "the given stage counts" in told
    assert {part["name"]: part["facilities"] for part in answer["by"]["stage"]} == {1: 1, 2: 2, 3: 2, None: 1}
    found = within(*words, "--stages", "found").json
    assert not [note for note in found["notes"] if "are given stage" in note]
    policy = tmp_path / "policy.toml"
    policy.write_text("[staging]\ndpd_stage_3 = 80\n")
    [later] = [note for note in within(*words, "--policy", policy).json["notes"] if "default" in note]
    assert later.startswith(
        "3 facilities are given stage 1 or 2 and are in default (defaulted, a PD of 1, or 80 days past due or more), in rows 1, 2, 4:"
    )
    cecl = within(*words, "--standard", "cecl").json
    [late] = [note for note in cecl["notes"] if "days past due" in note]
    assert late.startswith("1 facility is 90 days past due or more and is not in default (defaulted, stage 3, or a PD of 1), in row 2:")


def test_cecl_takes_the_whole_life_of_every_facility(within: Crfs, book: Path) -> None:
    ifrs = within("portfolio", "ecl", book, "--models", "none", "--json").json
    file = book.parent / "cecl.csv"
    file.write_text("\n".join([HEADER, *(row.replace(",0.6,,,3", ",0.6,0.5,1,3") for row in ROWS)]) + "\n")
    done = within("portfolio", "ecl", file, "--models", "none", "--standard", "cecl", "--json")
    assert done.code == 0, done.err
    first = next(row for row in done.json["largest"] if row["facility_id"] == "F1")
    assert first["allowance"] > next(row for row in ifrs["largest"] if row["facility_id"] == "F1")["allowance"]
    assert within("replay", done.json["run_id"]).code == 0


def test_cecl_takes_exposure_times_lgd_of_what_is_in_default_and_needs_no_pd_of_it(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "defaulted.csv"
    rows = ("F1,O1,1000000,0.4,0.05,5,3,true,120", "F2,O2,1000,0.5,,,,TRUE,", "F3,O3,1000,0.5,0.1,1,,false,")
    file.write_text("\n".join(["facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,stage,defaulted,days_past_due", *rows]) + "\n")
    done = within("portfolio", "ecl", file, "--models", "none", "--standard", "cecl", "--json")
    assert done.code == 0, done.err
    assert {row["facility_id"]: row["allowance"] for row in done.json["largest"]} == {"F1": 400_000.0, "F2": 500.0, "F3": 50.0}
    assert any(note.startswith("2 facilities are in default") for note in done.json["notes"])
    assert "stage" not in done.json["by"]
    assert any(note.startswith("CECL has no stages: of the stage given for 1 facility only a 3 counts") for note in done.json["notes"])
    assert within("replay", done.json["run_id"]).code == 0


@pytest.mark.parametrize(
    ("row", "places"),
    [
        ("F5,O5,100,0.4,1.5,2,1,0.05,retail,", [("pd_12m", "out_of_range")]),
        ("F5,O5,100,0.4,0.02,,1,0.05,retail,", [("maturity_years", "missing")]),
        ("F5,O5,100,0.4,0.02,2,4,0.05,retail,", [("stage", "unknown_value")]),
        ("F5,O5,100,,0.02,2,1,,retail,", [("lgd", "missing"), ("effective_interest_rate", "missing")]),
    ],
)
def test_a_row_that_cannot_be_measured_is_named_and_nothing_is_kept(
    within: Crfs, tmp_path: Path, row: str, places: list[tuple[str, str]]
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("\n".join([HEADER, *ROWS, row]) + "\n")
    done = within("portfolio", "ecl", file, "--models", "none", "--json")
    assert done.code == 1
    found = [(problem["row"], problem["column"], problem["reason"]) for problem in done.json["error"]["problems"]]
    assert found == [(5, *place) for place in places]
    assert within("payloads", "get", hashlib.sha256(file.read_bytes()).hexdigest()).code == 1


@pytest.mark.parametrize(
    "text",
    [
        "[[scenario]]\nname = 'a'\nweight = 0.5\n",
        "[[scenario]]\nname = 'a'\nweight = 1.0\nhazard_multiplier = [-1.0]\n",
        "[[overlay]]\nname = 'a'\nfactor = 1.1\nauthor = 'b'\napprover = ''\nreason = 'r'\neffective = 2026-01-01\nexpires = 2026-12-31\n",
        "[[overlay]]\nname = 'a'\nfactor = 1.1\napprover = 'c'\nreason = 'r'\neffective = 2026-01-01\nexpires = 2026-12-31\n",
        "[[overlay]]\nname = 'a'\nfactor = 1.1\nauthor = 'c d'\napprover = 'C  D'\nreason = 'r'\neffective = 2026-01-01\nexpires = 2026-12-31\n",
        "[staging]\nrelative_rise = 2.0\n",
        "[other]\n",
        "no TOML",
    ],
)
def test_a_policy_that_cannot_be_is_refused(within: Crfs, book: Path, tmp_path: Path, text: str) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    done = within("portfolio", "ecl", book, "--models", "none", "--policy", policy, "--reporting-date", "2025-06-30", "--json")
    assert done.code == 1
    assert "policy.toml" in done.json["error"]["message"]
