"""Stress tests and scenarios from the command line: nothing is exactly nothing, harder is never less, and a scenario's old meaning stays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector,segment,exposure_class,stage,maturity_years,effective_interest_rate"
ROWS = [
    f"F{i},O{i % 30},{1000 + 10 * i},0.45,0.0{1 + i % 30 % 5},0.2,corporate_energy,{'retail' if i % 2 else 'energy'},"
    f"{'corporate' if i % 30 % 3 else 'retail'},corporate,{1 + (i % 10 == 0)},3,0.05"
    for i in range(40)
]
QUICK = ("--models", "none", "--max-scenarios", "2000", "--confidence", "0.9")
MINE = """
[[scenario]]
name = "mine/base"
severity = "baseline"
hold = {{ periods = 4, variables = ["us.unemployment_rate_quarterly"] }}

[[scenario]]
name = "mine/slump"
base = "mine/base"

[[scenario.step]]
do = "shift"
by = {{ "us.unemployment_rate_quarterly" = {rise} }}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stress") / "book.csv"
    file.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return file


def shocks(folder: Path, text: str) -> Path:
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:8]}.csv"
    file.write_text(text)
    return file


def stressed(within: Crfs, book: Path, file: Path, *words: str) -> dict[str, Any]:
    done = within("portfolio", "stress", book, "--shocks", file, *QUICK, *words, "--json")
    assert done.code == 0, done.err
    answer: dict[str, Any] = done.json
    return answer


def changes(answer: dict[str, Any]) -> list[float]:
    """Every difference that an answer tells."""
    found = [answer["el_change"], answer["losses"]["ul"]["change"], *(step["amount"] for step in answer["waterfall"]["steps"])]
    found += [measure[name]["change"] for measure in answer["losses"]["measures"] for name in ("var", "es")]
    found += [row["change"] for rows in answer["cuts"].values() for row in rows]
    found += [part["change"] for part in answer["capital"].values()]
    return [*found, answer["ecl"]["allowance"]["change"], *(part["change"] for part in answer["ecl"]["stages"])]


def test_no_shock_is_exactly_no_change_of_any_number(within: Crfs, book: Path, tmp_path: Path) -> None:
    found = changes(stressed(within, book, shocks(tmp_path, "segment,pd_probit,lgd_add\n,0,0\n")))
    assert len(found) > 15
    assert set(found) == {0.0}


def test_a_harder_shock_is_never_a_smaller_loss_and_the_run_is_replayed(within: Crfs, book: Path, tmp_path: Path) -> None:
    mild = stressed(within, book, shocks(tmp_path, "segment,pd_probit,lgd_add\ncorporate,0.3,0\n,0,0\n"))
    hard = stressed(within, book, shocks(tmp_path, "segment,pd_probit,lgd_add\ncorporate,0.6,0.1\n,0.1,0\n"))
    assert hard["el_change"] > mild["el_change"] > 0.0
    assert hard["el_stressed"] > mild["el_stressed"]
    assert hard["losses"]["measures"][0]["var"]["stressed"] > mild["losses"]["measures"][0]["var"]["stressed"]
    assert hard["ecl"]["allowance"]["stressed"] > mild["ecl"]["allowance"]["stressed"] > mild["ecl"]["allowance"]["base"]
    # Every cut has the same total, exactly, and the steps lead from the base to the stressed loss.
    assert {sum(row["change"] for row in rows) for rows in hard["cuts"].values()} == {hard["el_change"]}
    assert hard["el_base"] + sum(step["amount"] for step in hard["waterfall"]["steps"]) == hard["el_stressed"]
    replayed = within("replay", hard["run_id"])
    assert replayed.out.startswith(f"MATCH sha256={hard['result_sha256']}")
    chain = within("lineage", hard["run_id"], "--to", "payload", "--json").json
    assert chain["sound"]
    assert chain["as_of"] == chain["recorded_as_of"]
    assert "as of ," not in within("lineage", hard["run_id"], "--to", "payload").out
    assert hashlib.sha256(book.read_bytes()).hexdigest() in [payload["sha256"] for payload in chain["payloads"]]


def test_given_shocks_are_taken_as_they_are_and_losses_answer_only_if_asked(within: Crfs, book: Path, tmp_path: Path) -> None:
    from scipy.special import ndtr, ndtri

    file = shocks(tmp_path, "segment,pd_probit,lgd_add\n,0.5,0.05\n")
    plain, answered = (stressed(within, book, file, *words) for words in ((), ("--lgd-response", "frye_jacobs")))
    rows = [row.split(",") for row in ROWS]
    closed = sum(float(ead) * (float(lgd) + 0.05) * ndtr(ndtri(float(pd)) + 0.5) for _, _, ead, lgd, pd, *_ in rows)
    assert plain["el_stressed"] == pytest.approx(closed, rel=1e-9)
    assert answered["el_stressed"] > 1.01 * closed
    assert any("lgd_add alone" in note for note in plain["notes"])
    assert any("Frye and Jacobs before lgd_add" in note for note in answered["notes"])
    assert stressed(within, book, file, "--lgd-response", "none")["el_stressed"] == plain["el_stressed"]


def test_every_difference_has_the_error_and_the_interval_of_paired_runs(within: Crfs, book: Path, tmp_path: Path) -> None:
    answer = stressed(within, book, shocks(tmp_path, "pd_probit\n0.1\n"))
    for measure in answer["losses"]["measures"]:
        for name in ("var", "es", "ec"):
            change, se = measure[name]["change"], measure[f"{name}_se"]
            assert measure[f"{name}_low"]["change"] <= change <= measure[f"{name}_high"]["change"]
            assert measure[f"{name}_low"]["stressed"] <= measure[name]["stressed"] <= measure[f"{name}_high"]["stressed"]
            # A value at risk of a few lumps has an error that differs from state to state of the book; an expected shortfall has not.
            assert 0.0 < se["change"] < (0.5 if name == "es" else 1.0) * (se["base"] ** 2 + se["stressed"] ** 2) ** 0.5
    assert answer["losses"]["ul_se"]["change"] > 0.0


def test_a_shock_to_certain_default_tells_why_capital_vanishes(within: Crfs, book: Path, tmp_path: Path) -> None:
    answer = stressed(within, book, shocks(tmp_path, "pd_probit\n50\n"))
    assert answer["capital"]["rwa"]["stressed"] == 0.0
    assert any(note.startswith("capital under stress: 40 facilities are in default") for note in answer["notes"])


def test_a_lifetime_probability_of_the_books_own_moves_as_the_other_does_and_takes_its_stage_along(within: Crfs, tmp_path: Path) -> None:
    head = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,maturity_years,effective_interest_rate,pd_lifetime_at_origination,pd_lifetime"
    own = tmp_path / "own.csv"
    own.write_text(f"{head}\nF1,O1,10000,0.4,0.01,0.2,corporate_energy,3,0.05,0.03,0.03\n")
    policy = tmp_path / "policy.toml"
    policy.write_text("[staging]\nrelative_increase = 1.0\n")
    told = [
        stressed(within, own, shocks(tmp_path, f"pd_probit\n{shift}\n"), "--policy", str(policy), "--no-losses")["ecl"]
        for shift in (0, 0.1, 1, 50)
    ]
    assert told[0]["allowance"]["change"] == 0.0
    allowances = [one["allowance"]["stressed"] for one in told]
    assert allowances == sorted(allowances)
    # The probit of 0.03 is -1.88: a shift of 1 takes it to 0.19, more than twice what it was at recognition. One of 50 takes the PD to one: in default.
    assert [[row["stage"] for row in one["stages"] if row["stressed"]] for one in told] == [[1], [1], [2], [3]]


def test_what_provisions_have_to_say_of_stages_is_said_once_and_of_stress_apart(within: Crfs, book: Path, tmp_path: Path) -> None:
    text = shocks(tmp_path, "pd_probit\n0.5\n")
    given = [note for note in stressed(within, book, text, "--no-losses")["notes"] if note.startswith("provisions")]
    assert len(given) == 1
    assert given[0].startswith("provisions: stages are given with the book, so no shock changes them")
    bare = tmp_path / "bare.csv"
    lines = [line.split(",") for line in (HEADER, *ROWS)]
    where = lines[0].index("stage")
    bare.write_text("\n".join(",".join(cell for k, cell in enumerate(line) if k != where) for line in lines) + "\n")
    policy = tmp_path / "policy.toml"
    policy.write_text("[staging]\nrelative_increase = 1.0\n")
    found = [
        note for note in stressed(within, bare, text, "--policy", str(policy), "--no-losses")["notes"] if note.startswith("provisions")
    ]
    assert len(found) == 1
    assert found[0].startswith("provisions: the book has no PD of recognition")


def test_a_person_reads_base_stressed_and_difference(within: Crfs, book: Path, tmp_path: Path) -> None:
    shown = within("portfolio", "stress", book, "--shocks", shocks(tmp_path, "pd_probit\n0.5\n"), *QUICK)
    assert shown.code == 0, shown.err
    for words in ("difference", "default probabilities", "risk-weighted assets", "provisions, stage 2", "again: crfs replay stress-"):
        assert words in shown.out


MATRIX = "rating,A,B,D\nA,0.95,0.04,0.01\nB,0.1,0.8,0.1\n"


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book with a rating in every row, the safer half A."""
    file = tmp_path_factory.mktemp("rated") / "rated.csv"
    rows = [f"{row},{'A' if float(row.split(',')[4]) < 0.03 else 'B'}" for row in ROWS]
    file.write_text("\n".join([f"{HEADER},rating", *rows]) + "\n")
    return file


@pytest.mark.parametrize("matrix", [MATRIX, ""])
def test_ratings_migrate_on_a_matrix_or_on_the_books_own_grades(within: Crfs, rated: Path, tmp_path: Path, matrix: str) -> None:
    way = "grades"
    if matrix:
        (tmp_path / "matrix.csv").write_text(matrix)
        way = str(tmp_path / "matrix.csv")
    words = ("--no-losses", "--migration", way)
    still = within("portfolio", "stress", rated, "--shocks", shocks(tmp_path, "pd_probit\n0\n"), *QUICK, *words, "--json").json["migration"]
    assert {row["change"] for row in still["exposure"]} == {still["downgraded"]["change"], still["notches"]["change"]} == {0.0}
    hard = within("portfolio", "stress", rated, "--shocks", shocks(tmp_path, "pd_probit\n0.6\n"), *QUICK, *words, "--json").json
    assert hard["migration"]["downgraded"]["change"] > 0.0
    assert sum(row["change"] for row in hard["migration"]["exposure"]) == pytest.approx(0.0, abs=1e-6)
    assert within("replay", hard["run_id"]).out.startswith(f"MATCH sha256={hard['result_sha256']}")
    shown = within("portfolio", "stress", rated, "--shocks", shocks(tmp_path, "pd_probit\n0.6\n"), *QUICK, *words)
    assert "Exposure by grade in 12 months" in shown.out
    assert ("\ndefaulted " in shown.out) is bool(matrix)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (None, "the book has no ratings"),
        ("rating,A,B,D\nA,0.95,0.2,0.01\nB,0.1,0.8,0.1\n", "row 1"),
        ("rating,A,B,D\nA,much,0.04,0.01\nB,0.1,0.8,0.1\n", "cells that are no numbers"),
        ("rating,A,D\nA,0.95,0.05\n", "'B' is none of A, D"),
        ("A,B\n1,2\n", "a column rating"),
    ],
)
def test_a_migration_that_cannot_be_is_refused_with_its_place(
    within: Crfs, book: Path, rated: Path, tmp_path: Path, matrix: str | None, said: str
) -> None:
    way, asked = "grades", book
    if matrix is not None:
        (tmp_path / "matrix.csv").write_text(matrix)
        way, asked = str(tmp_path / "matrix.csv"), rated
    done = within("portfolio", "stress", asked, "--shocks", shocks(tmp_path, "pd_probit\n0.1\n"), *QUICK, "--migration", way, "--json")
    assert done.code == 1
    assert said in done.out


def test_sensitivities_are_read_by_a_person_and_wrong_bumps_refused(within: Crfs, book: Path) -> None:
    words = ("portfolio", "sensitivities", book, *QUICK, "--satellite", "none")
    shown = within(*words, "--bump", "pd_relative=0.1", "--bump", "lgd_add=0.05")
    assert shown.code == 0, shown.err
    for said in ("nothing", "PD +10 %", "PD +1 %", "LGD +5 pp", "Difference", "again: crfs replay sensitivity-"):
        assert said in shown.out
    assert max(len(line.rstrip()) for line in shown.out.splitlines() if not line.startswith(("Note", "as of", "run", "again"))) <= 100
    for bump, said in (("us.moon=1", "needs a satellite model"), ("pd_relative=-2", "-1 or more"), ("pd_relative", "no input with a size")):
        done = within(*words, "--bump", bump, "--json")
        assert done.code == 1
        assert said in done.out + done.err
    twice = within(*words, "--bump", "pd_relative=0.1", "--bump", "pd_relative=0.2", "--json")
    assert twice.code == 1
    assert "given twice" in twice.out


@pytest.mark.parametrize(
    "text", ["pd_probit\nmuch\n", "segment,pd_probit\ncorporate,0.1\n", "segment\ncorporate\n", "pd_probit,pd_logit\n0.1,0.1\n", ""]
)
def test_shocks_that_cannot_be_are_refused_and_nothing_is_kept(within: Crfs, book: Path, tmp_path: Path, text: str) -> None:
    fresh = tmp_path / "fresh.csv"
    fresh.write_text(book.read_text() + "F99,O99,7,0.45,0.01,0.2,corporate_energy,energy,,corporate,1,3,0.05\n")
    done = within("portfolio", "stress", fresh, "--shocks", shocks(tmp_path, text), *QUICK, "--json")
    assert done.code == 1
    assert within("payloads", "get", hashlib.sha256(fresh.read_bytes()).hexdigest()).code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a stress needs a scenario"),
        (("--scenario", "us/nowhere"), "no scenario is called 'us/nowhere'"),
        (("--scenario", "none.toml"), "cannot read none.toml"),
        (("--scenario", "us/hold", "--balance-sheet", "moving"), "balance_sheet = 'moving'"),
        (("--scenario", "us/hold", "--lgd-response", "loud"), "lgd_response = 'loud'"),
        (("--scenario", "us/hold", "--at", "tomorrow"), "not 'tomorrow'"),
        (("--scenario", "us/hold", "--satellite", "nothing.toml"), "cannot read nothing.toml"),
        (("--scenario", "us/hold", "--as-of", "1999-12-31"), "no default rates to explain"),
    ],
)
def test_a_question_that_cannot_be_is_the_callers_mistake(
    within: Crfs, history: dict[str, Any], book: Path, words: tuple[str, ...], said: str
) -> None:
    assert history
    done = within("portfolio", "stress", book, *QUICK, *words, "--json")
    assert done.code == 1
    assert said in done.json["error"]["message"]


def test_scenarios_are_listed_shown_defined_and_defined_anew(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    assert history
    names = {item["scenario"]: item["origin"] for item in within("scenarios", "list", "--json").json}
    assert {"us/hold", "us/recession", "us/severe_recession", "us/eba_style_baseline", "us/eba_style_adverse", "history/2007"} <= set(names)
    shown = within("scenarios", "show", "history/2007", "--as-of", "2006-12-31", "--json")
    assert shown.code == 1, "the replayed window was not known then"
    then = within("scenarios", "show", "us/hold", "--as-of", "2006-12-31", "--json").json
    rate = next(path for path in then["paths"] if path["variable"] == "us.unemployment_rate_quarterly")
    known = within("factors", "get", "us.unemployment_rate_quarterly", "--as-of", "2006-12-31", "--json").json["observations"][-1]
    assert set(rate["values"]) == {known["value"]}
    assert (known["valid_time"][:10], then["start"]) == ("2006-04-01", "2006-07-01"), "it starts where nothing was known yet"
    severe, mild = (within("scenarios", "show", f"us/{name}", "--json").json for name in ("severe_recession", "recession"))
    hold = within("scenarios", "show", "us/hold", "--json").json
    for path, once, never in zip(severe["paths"], mild["paths"], hold["paths"], strict=True):
        assert path["values"] == pytest.approx([2 * a - b for a, b in zip(once["values"], never["values"], strict=True)])

    file = tmp_path / "mine.toml"
    file.write_text(MINE.format(rise=0.01))
    first = within("scenarios", "define", file, "--json")
    assert first.code == 0, first.err
    before = within("scenarios", "show", "mine/slump", "--json").json
    file.write_text(MINE.format(rise=0.03))
    second = within("scenarios", "define", file, "--json").json
    after = within("scenarios", "show", "mine/slump", "--json").json
    assert after["digest"] == second["scenarios"][1]["digest"] != before["digest"]
    again = within("scenarios", "show", "mine/slump", "--recorded-as-of", before["recorded_as_of"], "--json").json
    assert again["digest"] == before["digest"]
    assert {item["scenario"]: item["origin"] for item in within("scenarios", "list", "--json").json}["mine/slump"] == "defined"
    assert within("scenarios", "show", f"{file}#mine/slump", "--json").json["digest"] == after["digest"]
    assert "mine/slump" in within("scenarios", "show", file).err
    table = within("scenarios", "show", "mine/slump").out
    assert "us.unemployment_rate_quarterly" in table


@pytest.mark.parametrize("text", ["", "[[scenario]]\n", "[[scenario]]\nname = 'x'\nbase = 'nowhere'\n", "[[other]]\nname = 'x'\n"])
def test_a_scenario_file_that_cannot_be_is_refused_and_defines_nothing(
    within: Crfs, history: dict[str, Any], tmp_path: Path, text: str
) -> None:
    assert history
    file = tmp_path / "bad.toml"
    file.write_text(text)
    assert within("scenarios", "define", file).code == 1
    assert within("scenarios", "show", "x").code == 1
