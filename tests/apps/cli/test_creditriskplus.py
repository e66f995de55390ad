"""`crfs portfolio risk --method creditriskplus`: another model's answer to the same question, told as such, and replayed to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs

ASKED = ("--models", "none", "--method", "creditriskplus", "--confidence", "0.9,0.99")


def test_a_run_by_gamma_sectors_is_answered_explained_and_replayed(within: Crfs, book: Path, factor_model: Path) -> None:
    asked = within("portfolio", "risk", book, "--factor-model", factor_model, *ASKED, "--json")
    assert asked.code == 0, asked.err
    answer = asked.json
    assert (answer["method"], answer["scenarios"], answer["converged"]) == ("creditriskplus", 0, True)
    assert answer["el_simulated"] == pytest.approx(answer["el"], rel=1e-9)
    for measure in answer["measures"]:
        assert measure["var_se"] == measure["es_se"] == 0.0
        assert measure["var_low"] <= measure["var"] <= measure["var_high"]
        assert measure["var"] < measure["es"]
    for k, measure in enumerate(answer["measures"]):
        parts = [part for part in answer["contributions"] if part["by"] == "sector"]
        assert sum(part["es"][k]["es"] for part in parts) == pytest.approx(measure["es"], rel=1e-9)
        assert sum(part["es"][k]["var"] for part in parts) == pytest.approx(measure["var"], rel=1e-9)
    assert "another model of dependence than the copula" in answer["notes"][0]
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")

    shown = within("portfolio", "risk", book, "--factor-model", factor_model, *ASKED)
    assert shown.code == 0, shown.err
    assert "creditriskplus, gamma sectors matched to the gaussian copula" in " ".join(shown.out.split())
    assert "0 scenarios" not in shown.out
    rows = [line.split() for line in shown.out.splitlines()]
    assert {row[-1] for row in rows if row[:1] == ["UL"] or row[:2] == ["VaR", "99"]} == {"exact"}, "the losses are multiples of one amount"
    assert "creditriskplus" in within("portfolio", "risk", "--help").out


def test_what_it_cannot_take_is_the_callers_mistake(within: Crfs, book: Path, factor_model: Path, tmp_path: Path) -> None:
    header, *rows = book.read_text().splitlines()
    follows = tmp_path / "follows.csv"
    follows.write_text("\n".join([f"{header},lgd_sd,lgd_factor_loading", *(f"{row},0.2,0.3" for row in rows)]) + "\n")
    done = within("portfolio", "risk", follows, "--factor-model", factor_model, *ASKED, "--json")
    assert done.code == 1
    assert "the method creditriskplus takes losses given default as independent" in done.json["error"]["message"]


def test_a_what_if_is_measured_by_it_too(within: Crfs, book: Path, factor_model: Path, tmp_path: Path) -> None:
    header = book.read_text().splitlines()[0]
    loan = tmp_path / "loan.csv"
    loan.write_text(f"{header}\nN1,N1,5000,0.45,0.03,0.2,all,retail\n")
    told = within("portfolio", "what-if", book, loan, "--factor-model", factor_model, *ASKED, "--json")
    assert told.code == 0, told.err
    assert (told.json["method"], told.json["method_after"]) == ("creditriskplus", "creditriskplus")


def test_what_is_rounded_and_not_drawn_is_told_with_its_interval(within: Crfs, book: Path, factor_model: Path, tmp_path: Path) -> None:
    header, *rows = book.read_text().splitlines()
    random, loan = tmp_path / "random.csv", tmp_path / "loan.csv"
    random.write_text("\n".join([f"{header},lgd_sd", *(f"{row},0.2" for row in rows)]) + "\n")
    loan.write_text(f"{header},lgd_sd\nN1,N1,5000,0.45,0.03,0.2,all,retail,0.2\n")
    answer = within("portfolio", "risk", random, "--factor-model", factor_model, *ASKED, "--json").json
    assert all(part["es"][-1]["es_low"] < part["es"][-1]["es"] < part["es"][-1]["es_high"] for part in answer["contributions"])
    assert "no sampling error" in answer["notes"][-1]
    shown = within("portfolio", "risk", random, "--factor-model", factor_model, *ASKED).out
    [var] = [line for line in shown.splitlines() if line.startswith("VaR 99 %")]
    assert "none drawn" in var
    assert " to " in var
    asked = ("portfolio", "what-if", random, loan, "--factor-model", factor_model, *ASKED)
    shown = within(*asked).out
    assert [line.split()[-1] for line in shown.splitlines() if line[:2] in ("EL", "UL")] == ["exact", "exact"]
    [one] = [line for line in shown.splitlines() if line.startswith("N1 ")]
    assert " to " in one, "what one obligor adds is known to an interval"
    assert any("another model of dependence" in note for note in within(*asked, "--json").json["notes"])


def test_a_stress_is_measured_by_it_and_a_harder_one_costs_more(within: Crfs, tmp_path: Path) -> None:
    rows = [f"F{i},O{i % 30},{1000 + 10 * i},0.45,0.0{1 + i % 30 % 5},0.2,corporate_energy,corporate,corporate,1,3,0.05" for i in range(40)]
    header = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,segment,exposure_class,stage,maturity_years,effective_interest_rate"
    table = tmp_path / "book.csv"
    table.write_text("\n".join([header, *rows]) + "\n")
    found = []
    for probit in (0.0, 0.3, 0.6):
        shock = tmp_path / f"{probit}.csv"
        shock.write_text(f"pd_probit\n{probit}\n")
        told = within("portfolio", "stress", table, "--shocks", shock, *ASKED, "--json")
        assert told.code == 0, told.err
        assert told.json["losses"]["method"] == {"base": "creditriskplus", "stressed": "creditriskplus"}
        found.append(told.json["losses"]["measures"][1]["var"]["change"])
    assert found[0] == 0.0 < found[1] < found[2]
