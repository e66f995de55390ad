"""What-ifs on a store: nothing changed is exactly nothing, the changed book is that of a run of its own, more is never less, and blanks are filled."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.store.runs import run as find_run
from crfs.workflows.book_runs import Question, measure_book
from crfs.workflows.lineage import trace
from crfs.workflows.measuring import risk, what_if
from crfs.workflows.packaged import packaged_factor_model
from crfs.workflows.portfolio_what_if import MOST_BY_OBLIGOR, WHAT_IF, changes_of_bytes
from crfs.workflows.replaying import replay_run
from crfs.workflows.session import Session, no_progress
from tests.journeys.test_books import kept, obligors
from tests.journeys.world import BOOK, BOOK_AT

pytestmark = [pytest.mark.servers, pytest.mark.journey]

ONE = {"factors": ["economy"], "correlation": [[1.0]], "groups": {"all": {"economy": 1.0}}}
ASKED: dict[str, Any] = {"as_of": BOOK_AT, "models": [], "confidences": [0.99, 0.999], "factor_model": ONE}
NAMES = 400


def table(names: int = NAMES) -> pl.DataFrame:
    """Facilities of unequal names; every tenth obligor has two."""
    number = pl.int_range(names, eager=True)
    return pl.DataFrame(
        {
            "facility_id": [f"F{k:03d}" for k in number],
            "obligor_id": [f"O{k - (k % 10 == 9):03d}" for k in number],
            "ead": [1000.0 + 37.0 * (k % 61) for k in number],
            "lgd": [0.3 + 0.05 * (k % 7) for k in number],
            "pd_12m": [0.005 + 0.002 * ((k - (k % 10 == 9)) % 11) for k in number],
            "r2": 0.2,
            "group": "all",
        }
    )


def loan(ead: float = 30_000.0, facility: str = "NEW", obligor: str = "NEWCOMER", **more: Any) -> dict[str, Any]:
    return {"facility_id": facility, "obligor_id": obligor, "ead": ead, "lgd": 0.5, "pd_12m": 0.02, "r2": 0.2, "group": "all", **more}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("what-if") / "book.csv"
    table().write_csv(file)
    return file


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of few names, which is measured name by name."""
    file = tmp_path_factory.mktemp("what-if") / "few.csv"
    table(12).write_csv(file)
    return file


def rows(book: Path) -> list[dict[str, Any]]:
    return pl.read_csv(book).to_dicts()


def differences(answer: dict[str, Any]) -> list[float]:
    """Every number of a run that says by how much something changes, its error, or an end of its interval."""
    whole = [answer["el"]["change"], answer["total_ead"]["change"], *(answer["ul"][f"change{end}"] for end in ("", "_se", "_low", "_high"))]
    for measures in (answer["measures"], *(part["measures"] for part in answer["obligors"])):
        for measure in measures:
            for part in (each for each in measure.values() if isinstance(each, dict)):
                whole += [value for name, value in part.items() if name.startswith(("change", "marginal")) and value is not None]
    return whole


@pytest.mark.parametrize("which", ["book", "few"])
def test_a_change_of_nothing_is_exactly_zero(shared_world: Session, request: pytest.FixtureRequest, which: str) -> None:
    file: Path = request.getfixturevalue(which)
    same = [row for row in rows(file) if row["facility_id"] in {"F003", "F009"}]
    answer = what_if(shared_world, file, same, **ASKED)
    told = differences(answer)
    assert len(told) > 40
    assert set(told) == {0.0}
    assert answer["changes"] == {"came": 0, "replaced": 2, "left": 0}
    for measure in answer["measures"]:
        assert all(measure[name]["before"] == measure[name]["after"] for name in ("var", "es", "ec"))


def test_what_changes_does_not_leave_too_but_a_run_that_was_accepted_so_is_computed_again(shared_world: Session, few: Path) -> None:
    same = [row for row in rows(few) if row["facility_id"] in {"F003", "F009"}]
    with pytest.raises(InvalidInput, match=r"'F003' is in the changes and leaves the book \(so do 1 more\)") as refused:
        what_if(shared_world, few, same, remove=["F003", "F009"], **ASKED)
    assert refused.value.argument == "remove"
    run = find_run(shared_world.database, what_if(shared_world, few, same, **ASKED)["run_id"])
    then = WHAT_IF.compute(shared_world, {**run.specification, "remove": ["F003", "F009"]}, run.batch_id, no_progress)
    assert set(differences(then.facts["document"])) == {0.0}


CHANGES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a loan": ([loan()], []),
    "a loan of a known obligor": ([loan(8000.0, obligor="O005", pd_12m=0.015)], []),
    "another amount": ([loan(20_000.0, facility="F005", obligor="O005", pd_12m=0.015)], []),
    "some leave": ([], ["F002", "F007"]),
    "all at once": ([loan(), loan(9000.0, facility="F005", obligor="O005", pd_12m=0.015)], ["F002"]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", ["book", "few"])
def test_the_changed_book_is_what_a_run_of_its_own_says_within_the_errors(
    shared_world: Session, request: pytest.FixtureRequest, tmp_path: Path, which: str, change: str
) -> None:
    file: Path = request.getfixturevalue(which)
    come, leave = CHANGES[change]
    answer = what_if(shared_world, file, come or None, remove=leave, **ASKED)
    gone = {*leave, *(row["facility_id"] for row in come)}
    stays = pl.read_csv(file).filter(~pl.col("facility_id").is_in(sorted(gone)))
    (pl.concat([stays, pl.DataFrame(come)]) if come else stays).write_csv(tmp_path / "changed.csv")
    before, after = (risk(shared_world, each, **ASKED) for each in (file, tmp_path / "changed.csv"))
    assert answer["el"]["before"] == before["el"]
    assert answer["el"]["after"] == pytest.approx(after["el"], rel=1e-12)
    assert answer["el"]["change"] == pytest.approx(after["el"] - before["el"], abs=1e-9 * after["el"])
    assert answer["total_ead"]["after"] == pytest.approx(after["total_ead"], rel=1e-12)
    for told, old, new in zip(answer["measures"], before["measures"], after["measures"], strict=True):
        for name in ("var", "es", "ec"):
            assert told[name]["before"] == old[name]
            assert told[name]["after"] - told[name]["before"] == pytest.approx(told[name]["change"], abs=1e-6 * old["es"])
            assert told[name]["after_low"] <= new[f"{name}_high"], (name, told["confidence"])
            assert new[f"{name}_low"] <= told[name]["after_high"], (name, told["confidence"])
    error = 4.0 * ((answer["ul"]["after_se"] or 0.0) + (after["ul_se"] or 0.0))
    assert answer["ul"]["after"] == pytest.approx(after["ul"], abs=error + 1e-9 * after["ul"])


def test_a_facility_that_is_repaid_is_one_that_leaves(shared_world: Session, few: Path) -> None:
    repaid = [{**row, "ead": 0.0} for row in rows(few) if row["facility_id"] == "F003"]
    told, left = what_if(shared_world, few, repaid, **ASKED), what_if(shared_world, few, remove=["F003"], **ASKED)
    assert told["changes"] == {"came": 0, "replaced": 1, "left": 0}
    assert told["el"] == left["el"]
    assert told["total_ead"]["after"] == left["total_ead"]["after"]
    assert [measure["es"]["after"] for measure in told["measures"]] == [measure["es"]["after"] for measure in left["measures"]]


@pytest.mark.parametrize("which", ["book", "few"])
def test_a_larger_loan_is_never_less_risk(shared_world: Session, request: pytest.FixtureRequest, which: str) -> None:
    file: Path = request.getfixturevalue(which)
    told = [what_if(shared_world, file, [loan(ead)], **ASKED) for ead in (1000.0, 4000.0, 16_000.0)]
    for small, large in pairwise(told):
        assert large["el"]["after"] > small["el"]["after"] > small["el"]["before"]
        for one, other in zip(small["measures"], large["measures"], strict=True):
            for name in ("var", "es"):
                error = abs(one[name]["change"] - one[name]["change_low"]) + abs(other[name]["change_high"] - other[name]["change"])
                assert other[name]["change"] >= one[name]["change"] - error, (name, one["confidence"])


def test_first_orders_of_obligors_sum_to_that_of_the_whole_and_each_alone_is_a_what_if_of_its_own(
    shared_world: Session, book: Path
) -> None:
    come = [loan(2000.0), loan(1500.0, facility="F005", obligor="O005", pd_12m=0.015)]
    answer = what_if(shared_world, book, come, remove=["F002"], **ASKED)
    assert answer["method"] == "collapsed"
    assert {part["obligor_id"] for part in answer["obligors"]} == {"NEWCOMER", "O005", "O002"}
    assert sum(part["el"]["change"] for part in answer["obligors"]) == pytest.approx(answer["el"]["change"], rel=1e-9)
    for k, measure in enumerate(answer["measures"]):
        for name in ("var", "es"):
            parts = [part["measures"][k][name]["marginal"] for part in answer["obligors"]]
            assert sum(parts) == pytest.approx(measure[name]["marginal"], rel=1e-9)
            assert measure[name]["marginal"] == pytest.approx(measure[name]["change"], rel=0.25), "a small change is its first order"
    [alone] = what_if(shared_world, book, come[:1], **ASKED)["obligors"]
    assert alone == next(part for part in answer["obligors"] if part["obligor_id"] == "NEWCOMER")


def test_a_facility_that_moves_to_another_obligor_makes_both_one_part(shared_world: Session, book: Path) -> None:
    moved = loan(1000.0, facility="F002", obligor="O005", pd_12m=0.015)
    answer = what_if(shared_world, book, [moved, loan()], **ASKED)
    assert {part["obligor_id"] for part in answer["obligors"]} == {"O002, O005", "NEWCOMER"}
    assert sum(part["el"]["change"] for part in answer["obligors"]) == pytest.approx(answer["el"]["change"], rel=1e-9)
    assert answer["changes"] == {"came": 1, "replaced": 1, "left": 0}


def test_of_many_changed_obligors_the_largest_are_told_and_the_others_counted(shared_world: Session, few: Path) -> None:
    come = [loan(1000.0 + k, facility=f"N{k}", obligor=f"N{k}") for k in range(MOST_BY_OBLIGOR + 3)]
    answer = what_if(shared_world, few, come, method="plain", max_scenarios=2000, **ASKED)
    assert len(answer["obligors"]) == MOST_BY_OBLIGOR
    assert any(f"of {MOST_BY_OBLIGOR + 3} changed obligors" in note for note in answer["notes"])


def test_the_last_obligor_may_be_replaced(shared_world: Session, tmp_path: Path) -> None:
    table(1).write_csv(tmp_path / "one.csv")
    answer = what_if(shared_world, tmp_path / "one.csv", [loan()], remove=["F000"], **ASKED)
    assert answer["el"]["after"] == pytest.approx(30_000 * 0.5 * 0.02)
    assert [bool(part["measures"]) for part in answer["obligors"]] == [True, False], "he who leaves alone leaves nothing"


def test_blanks_are_filled_by_the_champions_and_by_what_the_book_says_of_the_obligor(shared_world: Session, tmp_path: Path) -> None:
    known = obligors(shared_world)
    book, loans, changed = (tmp_path / name for name in ("book.csv", "loans.csv", "changed.csv"))
    header = "facility_id,obligor_id,facility_type,ead,lgd,pd_12m,r2,group\n"
    old = f"F1,{known[0]},term,100000,0.4,0.031,0.2,retail_pacific\nF2,{known[1]},term,200000,0.45,,0.2,retail_pacific\n"
    new = f"F3,{known[2]},term,50000,0.4,,0.2,retail_pacific\nF4,{known[0]},term,70000,0.4,,0.2,retail_pacific\n"
    book.write_text(header + old)
    loans.write_text(header + new)
    changed.write_text(header + old + new)
    asked: dict[str, Any] = {"as_of": BOOK_AT, "confidences": [0.99]}
    answer = what_if(shared_world, book, loans, **asked)
    whole = risk(shared_world, changed, **asked)
    assert answer["el"]["after"] == pytest.approx(whole["el"], rel=1e-12)
    assert answer["origins"]["pd_12m_origin"] == {"given": 1, "pd v1": 1}
    assert answer["origins_after"] == whole["origins"]
    assert whole["origins"]["pd_12m_origin"] == {"given": 1, "given on another row": 1, "pd v1": 2}
    chain = trace(shared_world, answer["run_id"])
    assert {"bureau_obligor", "bureau_facility"} & {batch["dataset"] for batch in chain["batches"]}


def test_it_is_asked_of_a_book_of_the_bureau_too_whose_cells_are_numbers(shared_world: Session) -> None:
    content = packaged_factor_model("us_credit")
    found = shared_world.reader(shared_world.pin().batch_id).rows("bureau_facility", columns=["obligor_id"])
    told = changes_of_bytes(
        b"facility_id,obligor_id,ead,lgd,pd_12m,r2,group,currency\nN,N,90000,0.4,0.03,0.2,retail_pacific,USD\n", file_name="n.csv"
    )
    assert found.height
    settings = {"factor_model": content, **told.settings}
    question = Question(
        kind=WHAT_IF, book=BOOK, settings=settings, options={"confidences": [0.99]}, as_of=BOOK_AT, attachments=told.attachments
    )
    run, answer = measure_book(shared_world, question)
    assert answer["el"]["change"] == pytest.approx(90_000 * 0.4 * 0.03)
    assert answer["obligors"][0]["obligor_id"] == "N"
    assert replay_run(shared_world, run.run_id).verdict.value == "MATCH"


def test_it_is_the_same_to_the_byte_again_and_traced_to_both_files(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    pl.DataFrame([loan()]).write_csv(file)
    answer = what_if(shared_world, book, file, remove=["F001"], **ASKED)
    assert what_if(shared_world, book, file, remove=["F001"], **ASKED)["result_sha256"] == answer["result_sha256"]
    assert replay_run(shared_world, answer["run_id"]).verdict.value == "MATCH"
    chain = trace(shared_world, answer["run_id"])
    assert chain["sound"]
    assert sorted(shared_world.landed(one["sha256"]) for one in chain["payloads"]) == sorted([book.read_bytes(), file.read_bytes()])


WRONG: dict[str, tuple[Any, dict[str, Any], str, list[tuple[int | None, str | None]]]] = {
    "nobody's facility": ([loan()], {"remove": ["F001", "NONE"]}, "no facility 'NONE'", []),
    "no change": (None, {}, "needs a change", []),
    "no rows": ([], {"remove": []}, "needs a change", []),
    "wrong cells": ([loan(), loan(-1.0, facility="X", pd_12m=1.5)], {}, "the changes: 1 row cannot", [(2, "pd_12m"), (2, "ead")]),
    "a blank": ([loan(lgd=None)], {}, "the changes: 1 row cannot", [(1, "lgd")]),
    "twice": ([loan(), loan()], {}, "the changes: 1 row cannot", [(2, "facility_id")]),
    "another PD of the same obligor": ([loan(obligor="O005", pd_12m=0.9)], {}, "the changes: 1 row cannot", [(1, "pd_12m")]),
    "a currency where the book says none": (
        [loan(), loan(facility="X", currency="USD")],
        {},
        "the changes: 1 row cannot be measured; nothing was kept: row 2, column currency: ",
        [(2, "currency")],
    ),
    "no name": (
        [loan(facility=" "), loan(obligor="")],
        {},
        "nothing was kept: row 1, column facility_id: ",
        [(1, "facility_id"), (2, "obligor_id")],
    ),
    "an unknown group": ([loan(group="nowhere")], {}, "the changes: 1 row cannot", [(1, "group")]),
    "an unknown column": ([loan(pd=0.1)], {}, "no column 'pd'", [(None, "pd")]),
    "no facility_id": ([{"obligor_id": "A", "ead": 1.0}], {}, "needs a column facility_id", [(None, "facility_id")]),
    "all leave": (None, {"remove": [f"F{k:03d}" for k in range(12)]}, "without a row", []),
    "nothing is left to lose": ([loan(0.0)], {"remove": [f"F{k:03d}" for k in range(12)]}, "sum to zero", [(None, "ead")]),
    "one text": (None, {"remove": "F001"}, "remove is a list", []),
}


@pytest.mark.parametrize("which", WRONG)
def test_what_is_wrong_is_told_with_its_places_and_nothing_is_kept(shared_world: Session, few: Path, which: str) -> None:
    come, more, words, places = WRONG[which]
    before = kept(shared_world)
    with pytest.raises(InvalidInput, match=words) as refused:
        what_if(shared_world, few, come, **{**ASKED, **more})
    assert sorted((p.row or 0, p.column or "") for p in refused.value.problems) == sorted(
        (row or 0, column or "") for row, column in places
    )
    assert refused.value.argument in {"changes", "remove"}
    assert kept(shared_world) == before


def test_a_facility_that_a_change_has_twice_is_told_its_rows_of_the_change(shared_world: Session, few: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        what_if(shared_world, few, [loan(facility="A"), loan(), loan(facility=" NEW ")], **ASKED)
    assert [str(problem) for problem in refused.value.problems] == ["row 3, column facility_id: duplicate: 'NEW' is already on row 2"]


def test_a_row_of_the_book_that_the_change_leaves_wrong_has_its_place_in_the_book(shared_world: Session, tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\n"
    file.write_text(header + "F1,B,100,0.4,0.02,0.2,all\nF2,A,100,0.4,0.02,0.2,all\nF3,A,100,0.4,,0.2,all\n")
    with pytest.raises(InvalidInput, match=r"with the change 1 row cannot be measured; .*: row 3, column pd_12m: missing: ") as refused:
        what_if(shared_world, file, remove=["F2"], **ASKED)
    assert [(p.row, p.column) for p in refused.value.problems] == [(3, "pd_12m")]
    answer = what_if(shared_world, file, [loan(5.0, obligor="A", pd_12m=0.5)], remove=["F2"], **ASKED)
    assert answer["el"]["after"] == pytest.approx(100 * 0.4 * 0.02 + 100 * 0.4 * 0.5 + 5 * 0.5 * 0.5), (
        "what stays takes what the obligor's new row says"
    )
