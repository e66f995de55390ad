"""What a book says of default and a measurement does not take up: each answer says how many facilities, and no number moves by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps.cli.conftest import Crfs

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,r2,group,exposure_class,segment,defaulted,days_past_due,stage"


def row(facility: str, obligor: str, *, kind: str = "corporate", defaulted: str = "", late: str = "0", stage: str = "1") -> str:
    return f"{facility},{obligor},100,0.4,0.02,2,0.2,corporate_energy,{kind},corporate,{defaulted},{late},{stage}"


def asked(within: Crfs, folder: Path, kind: str, rows: list[str], *words: str) -> dict[str, Any]:
    file = folder / "signs.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    done = within("portfolio", kind, file, "--models", "none", *words, "--json")
    assert done.code == 0, done.err + done.out
    answer: dict[str, Any] = done.json
    return answer


def one(answer: dict[str, Any], words: str) -> str:
    [note] = [note for note in answer["notes"] if words in note]
    return str(note)


PERFORMING = [row("F1", "A"), row("F2", "A"), row("F3", "B")]
OF_ONE = [row("F1", "A", defaulted="true"), row("F2", "A"), row("F3", "A"), row("F4", "B")]


def test_provisions_say_that_a_default_does_not_reach_the_others_of_its_obligor(within: Crfs, tmp_path: Path) -> None:
    words = ("--interest-rate", "0", "--stages", "found")
    found = asked(within, tmp_path, "ecl", OF_ONE, *words)
    assert one(found, "another facility of the same obligor").startswith("2 facilities of 1 obligor: not in default here (stage 1 or 2)")
    assert {part["name"]: part["facilities"] for part in found["by"]["stage"]} == {1: 3, 3: 1}
    late = asked(within, tmp_path, "ecl", [row("F1", "A", late="120"), row("F2", "A")], *words)
    assert one(late, "another facility of the same obligor").startswith("1 facility of 1 obligor:")
    given = asked(within, tmp_path, "ecl", [row("F1", "A", stage="3"), row("F2", "A")], "--interest-rate", "0")
    assert one(given, "another facility of the same obligor")
    cecl = asked(within, tmp_path, "ecl", OF_ONE, "--interest-rate", "0", "--standard", "cecl")
    assert one(cecl, "another facility of the same obligor").startswith("2 facilities of 1 obligor: not in default under CECL")
    for none in (PERFORMING, [row("F1", "A", defaulted="true"), row("F2", "A", defaulted="true"), row("F3", "B")]):
        assert not [note for note in asked(within, tmp_path, "ecl", none, *words)["notes"] if "another facility" in note]


def test_capital_says_so_too_but_of_retail_and_of_a_stage_that_it_does_not_read(within: Crfs, tmp_path: Path) -> None:
    rwa = asked(within, tmp_path, "capital", OF_ONE)
    note = one(rwa, "weighed as performing")
    assert note.startswith("2 facilities of 1 obligor are weighed as performing")
    assert "CRE36.79" in note
    retail = [row("F1", "A", kind="other_retail", defaulted="true"), row("F2", "A", kind="other_retail")]
    assert not [note for note in asked(within, tmp_path, "capital", retail)["notes"] if "weighed as performing" in note]
    staged = asked(within, tmp_path, "capital", [row("F1", "A", kind="other_retail", stage="3"), row("F2", "B")])
    assert one(staged, "weighed as performing").startswith("1 facility of 1 obligor is weighed as performing")
    assert not [note for note in asked(within, tmp_path, "capital", PERFORMING)["notes"] if "weighed as performing" in note]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("risk", ()),
        ("what-if", ("--remove", "F4")),
        ("sensitivities", ("--bump", "pd_relative=0.1", "--satellite", "none")),
        ("reverse-stress", ("--loss", "50", "--satellite", "none")),
    ],
)
def test_losses_of_what_is_in_default_are_measured_by_its_probability_and_that_is_told(
    within: Crfs, tmp_path: Path, kind: str, words: tuple[str, ...]
) -> None:
    rows = [row("F1", "A", defaulted="true"), row("F2", "A", stage="3"), row("F3", "B", stage="3"), row("F4", "C")]
    few = () if kind == "reverse-stress" else ("--confidence", "0.9", "--max-scenarios", "2000")
    answer = asked(within, tmp_path, kind, rows, *few, *words)
    assert one(answer, "in default by the book").startswith("3 facilities of 2 obligors are in default by the book (defaulted, or stage 3)")
    plain = asked(within, tmp_path, kind, [row(f"F{n}", who) for n, who in enumerate("AABC", 1)], *few, *words)
    assert not [note for note in plain["notes"] if "in default by the book" in note]
    if kind == "risk":
        assert {key: plain[key] for key in ("el", "ul", "measures")} == {key: answer[key] for key in ("el", "ul", "measures")}
        certain = [line.replace(",0.4,0.02,", ",0.4,1,") for line in rows[:3]]
        told = asked(within, tmp_path, kind, [*certain, rows[3]], *few)
        assert not [note for note in told["notes"] if "in default by the book" in note], "a pd_12m of 1 says it"
