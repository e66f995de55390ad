"""Scenarios through satellite models on a store: what was known then is fitted, and a scenario that is defined anew leaves earlier runs alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crfs.credit.scenarios import Scenario
from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Question, measure_book
from crfs.workflows.collection import collect
from crfs.workflows.measuring import ecl, reverse_stress, sensitivities, stress
from crfs.workflows.packaged import packaged_factor_model
from crfs.workflows.portfolio_stress import STRESS
from crfs.workflows.replaying import replay_run
from crfs.workflows.scenarios import define_scenarios, find_scenario, list_scenarios, resolver, show_scenario
from crfs.workflows.session import Session
from crfs.workflows.stress_questions import stress_settings
from crfs.workflows.times import parse_instant
from tests.journeys.conftest import SHARED
from tests.journeys.world import BOOK, BOOK_AT, BOOK_FILE

pytestmark = [pytest.mark.servers, pytest.mark.journey]

QUICK: dict[str, Any] = {"losses": False, "as_of": BOOK_AT, "models": []}
MINE = """
[[scenario]]
name = "mine/slump"
base = "us/hold"

[[scenario.step]]
do = "shift"
by = {{ "us.unemployment_rate_quarterly" = {rise}, "us.credit_spread_baa_aaa" = {rise} }}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("book") / "book.csv"
    header, *rows = BOOK_FILE.strip().splitlines()
    segments = ("corporate", "corporate", "retail")
    file.write_text("\n".join([f"{header},segment", *(f"{row},{segment}" for row, segment in zip(rows, segments, strict=True))]) + "\n")
    return file


def test_a_scenario_against_itself_changes_exactly_nothing(shared_world: Session, book: Path) -> None:
    for name in ("us/hold", "us/recession"):
        answer = stress(shared_world, book, name, base=name, **QUICK)
        assert answer["el_change"] == 0.0
        assert {row["change"] for row in answer["path"]["path"]} == {0.0}
    assert stress(shared_world, book, "us/hold", **QUICK)["el_change"] == 0.0, "nothing moves, against nothing moves"


def test_a_harsher_scenario_loses_more_within_a_band_that_the_regressions_errors_give(shared_world: Session, book: Path) -> None:
    mild, hard = (stress(shared_world, book, f"us/{name}", **QUICK) for name in ("recession", "severe_recession"))
    assert hard["el_stressed"] > mild["el_stressed"] > mild["el_base"] == hard["el_base"]
    for answer in (mild, hard):
        assert answer["band"]["el_low"] < answer["el_stressed"] < answer["band"]["el_high"]
        assert answer["base_scenario"]["name"] == "us/hold"
        assert answer["scenario"]["start"] == answer["path"]["path"][0]["valid_time"] == "2009-07-01"
    assert all(fit["r2"] <= 1.0 and fit["observations"] > 10 for fit in hard["satellites"])


def test_three_years_of_deviations_lose_more_than_nothing_moving_and_worsen_from_year_to_year(shared_world: Session, book: Path) -> None:
    name, base = "us/eba_style_adverse", "us/eba_style_baseline"
    answer = stress(shared_world, book, name, **QUICK)
    assert answer["el_stressed"] > answer["el_base"] == stress(shared_world, book, "us/hold", **QUICK)["el_stressed"]
    assert answer["base_scenario"]["name"] == base, "the baseline from which the deviations are told"
    assert stress(shared_world, book, name, base=name, **QUICK)["el_change"] == 0.0
    listed = {one["scenario"]: one for one in list_scenarios(shared_world)}
    assert (listed[base]["severity"], listed[name]["severity"]) == ("baseline", "severely_adverse")
    assert "figures of crfs's own" in listed[name]["notes"]
    paths = [
        {path["variable"]: path["values"] for path in show_scenario(shared_world, one, as_of=BOOK_AT)["paths"]} for one in (name, base)
    ]
    ends = {variable: [(paths[0][variable][k], paths[1][variable][k]) for k in (3, 7, 11)] for variable in paths[0]}
    assert [told - still for told, still in ends["us.unemployment_rate_quarterly"]] == pytest.approx([0.015, 0.035, 0.045])
    assert [told / still - 1.0 for told, still in ends["us.real_gdp_quarterly"]] == pytest.approx([-0.04, -0.07, -0.08])
    assert [told / still - 1.0 for told, still in ends["us.equity_index_sp500"]] == pytest.approx([-0.45, -0.4, -0.3])
    assert {"us.bond_yield_aaa", "us.credit_spread_baa_aaa"} < set(ends)


def test_what_is_known_later_changes_nothing_of_an_earlier_question(shared_world: Session, book: Path) -> None:
    early = stress(shared_world, book, "us/recession", **{**QUICK, "as_of": "2008-06-30T00:00:00Z"})
    late = stress(shared_world, book, "us/recession", **QUICK)
    assert early["scenario"]["start"] < late["scenario"]["start"]
    assert early["satellites"][0]["sample_end"] < "2008-06-30" < late["satellites"][0]["sample_end"]


def test_a_run_is_replayed_to_the_byte_after_its_scenario_was_defined_anew(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE.format(rise=0.01))
    define_scenarios(shared_world, file)
    before = stress(shared_world, book, "mine/slump", **QUICK)
    file.write_text(MINE.format(rise=0.03))
    define_scenarios(shared_world, file)
    after = stress(shared_world, book, "mine/slump", **QUICK)
    assert after["el_stressed"] > before["el_stressed"]
    replayed = replay_run(shared_world, before["run_id"])
    assert (replayed.verdict.value, replayed.sha256) == ("MATCH", before["result_sha256"])
    again = stress(shared_world, book, "mine/slump", recorded_as_of=before["recorded_as_of"], **QUICK)
    assert again["el_stressed"] == before["el_stressed"]
    chain = shared_world_chain(shared_world, before["run_id"])
    assert {"scenario_file", "bureau_obligor", "us_macro_quarterly"} <= {batch["dataset"] for batch in chain["batches"]}
    # The same from the file itself, which is kept with the run.
    own = stress(shared_world, book, file, **QUICK)
    assert own["el_stressed"] == after["el_stressed"]
    file.unlink()
    assert replay_run(shared_world, own["run_id"]).verdict.value == "MATCH"


FAR = r"'mine/slump': us\.unemployment_rate_quarterly is {value} in the period from 2009-\d\d-01, and cannot be beyond 0 to 0\.99: give it in decimals"


def of_unemployment(rise: str) -> str:
    """The file of a scenario that moves unemployment alone."""
    return MINE.format(rise=rise).replace(f', "us.credit_spread_baa_aaa" = {rise}', "")


@pytest.mark.parametrize(("rise", "value"), [("10.0", r"10\.\d+"), ("1e300", r"1e\+300"), ("-0.5", r"-0\.\d+")])
def test_a_value_that_its_variable_cannot_have_is_refused_wherever_the_scenario_is_read(
    shared_world: Session, book: Path, tmp_path: Path, rise: str, value: str
) -> None:
    file = tmp_path / "far.toml"
    file.write_text(of_unemployment(rise))
    before = shared_world.pin().batch_id
    doors: list[Callable[[], Any]] = [
        lambda: define_scenarios(shared_world, file),
        lambda: stress(shared_world, book, file, **QUICK),
        lambda: ecl(shared_world, book, scenarios={str(file): 1.0}, stages="found", interest_rate=0.04, as_of=BOOK_AT, models=[]),
    ]
    for number, door in enumerate(doors):
        with pytest.raises(InvalidInput, match=FAR.format(value=value)) as refused:
            door()
        assert refused.value.argument == ("scenarios" if number == 2 else "scenario")
    assert shared_world.pin().batch_id == before, "nothing is kept"


def test_a_scenario_that_the_regressions_cannot_answer_is_named_at_every_door(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "hard.toml"
    file.write_text(of_unemployment("0.85"))
    words = (
        r"'mine/slump': in the period from 2009-\d\d-01 the default rate is 1.* us\.unemployment_rate_quarterly is 0\.9\d+ "
        r"in the period from 2009-07-01, and history"
    )
    with pytest.raises(InvalidInput, match=words) as refused:
        stress(shared_world, book, file, **QUICK)
    assert (refused.value.argument, refused.value.problems) == ("scenario", ())
    with pytest.raises(InvalidInput, match=words) as refused:
        ecl(
            shared_world,
            book,
            scenarios={str(file): 1.0},
            stages="found",
            interest_rate=0.04,
            expected_life_years=3.0,
            as_of=BOOK_AT,
            models=[],
        )
    assert refused.value.argument == "scenarios"
    with pytest.raises(
        InvalidInput, match=r"'us\.unemployment_rate_quarterly moved by 10': in the period from 2009-\d\d-01 the default rate is"
    ) as refused:
        sensitivities(shared_world, book, bumps={"us.unemployment_rate_quarterly": 10.0}, confidences=[0.99], as_of=BOOK_AT, models=[])
    assert refused.value.argument == "bumps"


@pytest.mark.parametrize("name", ["../x", "a//b", "/a", "a/", "a?b", "a=1", " a", "a#b", "x" * 201])
def test_a_name_that_is_no_address_is_refused_where_a_scenario_is_defined(shared_world: Session, tmp_path: Path, name: str) -> None:
    file = tmp_path / "named.toml"
    file.write_text(MINE.format(rise=0.01).replace("mine/slump", name))
    with pytest.raises(InvalidInput, match=r"a name (is parts joined by /|has at most 200)"):
        define_scenarios(shared_world, file)


def shared_world_chain(session: Session, run_id: str) -> dict[str, Any]:
    from crfs.workflows.lineage import trace

    chain = trace(session, run_id)
    assert chain["sound"]
    return chain


def test_the_bureaus_book_is_stressed_whole_and_what_runs_share_changes_nothing(shared_world: Session) -> None:
    told = stress_settings(
        shared_world,
        scenario=find_scenario("history/2001"),
        base=None,
        shocks=None,
        satellite=None,
        batch_id=shared_world.pin().batch_id,
        known_by=parse_instant(BOOK_AT, what="as_of"),
    )
    classes = {"card": "qrre", "mortgage": "residential_mortgage", "instalment": "other_retail", "*": "corporate"}
    question = Question(
        kind=STRESS,
        book=BOOK,
        settings={"factor_model": packaged_factor_model(), **told.settings},
        options={
            "confidences": [0.99],
            "max_scenarios": 20_000,
            "capital": {"exposure_classes": classes},
            "ecl": {"expected_life_years": 3.0},
        },
        models=("pd", "lgd", "ead"),
        as_of=BOOK_AT,
        attachments=told.attachments,
    )
    _, alone = measure_book(shared_world, question)
    with shared_world.sharing():
        _, first = measure_book(shared_world, question)
        _, second = measure_book(shared_world, question)
    assert alone["result_sha256"] == first["result_sha256"] == second["result_sha256"]
    assert {"capital", "ecl", "losses"} <= {name for name, value in alone.items() if value is not None}
    runs = [shared_world_chain(shared_world, answer["run_id"]) for answer in (alone, first, second)]
    batches = [{(batch["dataset"], batch["batch_id"]) for batch in chain["batches"]} for chain in runs]
    assert batches[0] == batches[1] == batches[2]


def test_provisions_weigh_macro_scenarios_and_a_baseline_alone_moves_nothing(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "staged.csv"
    header, *rows = book.read_text().splitlines()
    file.write_text("\n".join([f"{header},stage,maturity_years", *(f"{row},{1 + k % 2},3" for k, row in enumerate(rows))]) + "\n")
    asked: dict[str, Any] = {"interest_rate": 0.04, "as_of": BOOK_AT, "models": []}
    plain = ecl(shared_world, file, **asked)
    held = ecl(shared_world, file, scenarios={"us/hold": 1.0}, **asked)
    mixed = ecl(shared_world, file, scenarios={"us/hold": 0.6, "us/recession": 0.4}, **asked)
    assert held["allowance"] == plain["allowance"]
    assert held["macro"][0]["hazard_multiplier"] == {name: [1.0] * 9 for name in held["macro"][0]["hazard_multiplier"]}
    assert mixed["allowance"] > plain["allowance"]
    weighed = sum(scenario["weight"] * scenario["ecl"] for scenario in mixed["scenarios"])
    assert weighed == pytest.approx(mixed["ecl"], abs=0.01)
    assert replay_run(shared_world, mixed["run_id"]).verdict.value == "MATCH"
    with pytest.raises(InvalidInput, match="sum to 1"):
        ecl(shared_world, file, scenarios={"us/hold": 0.6, "us/recession": 0.3}, **asked)


def test_the_supervisory_scenarios_that_were_brought_stress_a_book_against_their_own_baseline(shared_world: Session, book: Path) -> None:
    folder = SHARED / "recordings" / "fed_supervisory_scenarios"
    if not folder.is_dir():
        pytest.skip("the recordings of the Federal Reserve are not beside the repository; CRFS_SHARED names their folder")
    collect(shared_world, "federal_reserve", (), replay=folder)
    answer = stress(shared_world, book, "2025/severely_adverse", losses=False, models=[])
    assert answer["base_scenario"]["name"] == "2025/baseline"
    assert answer["el_stressed"] > answer["el_base"]
    assert {"us.scenario.unemployment_rate"} <= {term["variable"] for fit in answer["satellites"] for term in fit["terms"]}
    assert "fed_scenario_domestic" in {batch["dataset"] for batch in shared_world_chain(shared_world, answer["run_id"])["batches"]}
    assert stress(shared_world, book, "2025/baseline", base="2025/baseline", losses=False, models=[])["el_change"] == 0.0


def test_a_scenario_that_says_nothing_which_the_models_look_at_is_refused(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "oil.toml"
    file.write_text(
        '[[scenario]]\nname = "oil"\nstart = 2009-10-01\n[[scenario.path]]\nvariable = "us.oil_price_wti"\nunit = "USD per barrel"\nvalues = [20.0, 30.0]\n'
    )
    with pytest.raises(InvalidInput, match="looks at") as refused:
        stress(shared_world, book, file, **QUICK)
    assert refused.value.argument == "scenario"
    with pytest.raises(InvalidInput, match="looks at") as refused:
        ecl(
            shared_world,
            book,
            scenarios={str(file): 1.0},
            stages="found",
            interest_rate=0.04,
            expected_life_years=3.0,
            as_of=BOOK_AT,
            models=[],
        )
    assert refused.value.argument == "scenarios"


LATER = """
[[scenario]]
name = "mine/base"
severity = "baseline"
start = {start}
[[scenario.path]]
variable = "us.unemployment_rate_quarterly"
unit = "percent"
values = [9.5, 9.5, 9.5]
[[scenario.path]]
variable = "us.credit_spread_baa_aaa"
unit = "percent"
values = [1.2, 1.2, 1.2]
[[scenario]]
name = "mine/later"
base = "mine/base"
[[scenario.step]]
do = "shift"
by = {{ "us.unemployment_rate_quarterly" = 0.02, "us.credit_spread_baa_aaa" = 0.01 }}
"""


@pytest.mark.parametrize("start", ["2010-01-01", "2010-10-01"])
def test_a_scenario_that_starts_quarters_after_the_last_known_has_them_filled_and_says_so(
    shared_world: Session, book: Path, tmp_path: Path, start: str
) -> None:
    file = tmp_path / "later.toml"
    file.write_text(LATER.format(start=start))
    answer = stress(shared_world, book, f"{file}#mine/later", **QUICK)
    assert answer["el_stressed"] > answer["el_base"]
    told = [note for note in answer["notes"] if "us.unemployment_rate_quarterly is known up to the quarter from 2009-04-01" in note]
    assert len(told) == 1
    assert start in told[0]
    weighed = ecl(
        shared_world,
        book,
        scenarios={f"{file}#mine/base": 0.5, f"{file}#mine/later": 0.5},
        stages="found",
        interest_rate=0.04,
        expected_life_years=3.0,
        as_of=BOOK_AT,
        models=[],
    )
    assert any("mine/later: us.unemployment_rate_quarterly is known up to" in note for note in weighed["notes"])


@pytest.mark.parametrize(("start", "early"), [("2006-10-01", True), ("2009-04-01", True), ("2009-07-01", False)])
def test_a_scenario_that_starts_before_the_last_known_quarter_says_that_it_stands_in_place_of_what_is_known(
    shared_world: Session, book: Path, tmp_path: Path, start: str, early: bool
) -> None:
    file = tmp_path / "early.toml"
    file.write_text(LATER.format(start=start))
    options: dict[str, Any] = {"stages": "found", "interest_rate": 0.04, "expected_life_years": 3.0, "as_of": BOOK_AT, "models": []}
    told = {
        "stress": stress(shared_world, book, f"{file}#mine/later", **QUICK)["notes"],
        "ecl": ecl(shared_world, book, scenarios={f"{file}#mine/base": 0.5, f"{file}#mine/later": 0.5}, **options)["notes"],
        "show": show_scenario(shared_world, f"{file}#mine/later", as_of=BOOK_AT)["warnings"],
    }
    for what, notes in told.items():
        found = [note for note in notes if f"starts on {start}, and its variables are known beyond that" in note]
        assert len(found) == (0 if not early else 2 if what == "ecl" else 1), (what, notes)
        assert all("let it start on 2009-07-01" in note for note in found)
    for name in ("us/hold", "us/recession", "history/2007"):
        assert not any("known beyond that" in note for note in stress(shared_world, book, name, **QUICK)["notes"]), name


def test_paths_without_a_start_begin_in_the_first_quarter_of_which_not_every_variable_is_known(
    shared_world: Session, book: Path, tmp_path: Path
) -> None:
    file, told = tmp_path / "open.toml", tmp_path / "told.toml"
    file.write_text(LATER.format(start="X").replace("start = X\n", ""))
    told.write_text(LATER.format(start="2009-07-01"))
    assert show_scenario(shared_world, f"{file}#mine/later", as_of=BOOK_AT)["start"] == "2009-07-01"
    assert show_scenario(shared_world, f"{file}#mine/later", as_of="2008-08-15")["start"] < "2009-07-01"
    answers = [stress(shared_world, book, f"{one}#mine/later", **QUICK) for one in (file, told)]
    assert answers[0]["el_stressed"] == answers[1]["el_stressed"]
    assert replay_run(shared_world, answers[0]["run_id"]).verdict.value == "MATCH"
    own = tmp_path / "own.toml"
    own.write_text('[[scenario]]\nname = "own"\n[[scenario.path]]\nvariable = "mine.level"\nunit = "decimal"\nvalues = [0.1]\n')
    with pytest.raises(InvalidInput, match="it needs start"):
        show_scenario(shared_world, own)


def test_a_scenario_that_starts_years_after_the_last_known_is_refused_in_words(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "years.toml"
    file.write_text(LATER.format(start="2026-01-01"))
    with pytest.raises(InvalidInput, match=r"starts on 2026-01-01, and us\.\w+ is known up to the quarter from 2009-\d\d-01") as refused:
        stress(shared_world, book, f"{file}#mine/later", **QUICK)
    assert refused.value.argument == "scenario"


LATE = "2011-12-31T00:00:00Z"


def test_last_known_values_that_are_old_are_told_with_their_age_wherever_something_starts_from_them(
    shared_world: Session, book: Path, tmp_path: Path
) -> None:
    late: dict[str, Any] = {"as_of": LATE, "models": []}
    exposed = tmp_path / "exposed.csv"
    header, *rows = book.read_text().splitlines()
    exposed.write_text("\n".join([f"{header},stage,maturity_years", *(f"{row},1,3" for row in rows)]) + "\n")
    answers = {
        "stress": stress(shared_world, book, "us/recession", **{**QUICK, **late})["notes"],
        "ecl": ecl(shared_world, exposed, scenarios={"us/hold": 0.5, "us/recession": 0.5}, interest_rate=0.04, **late)["notes"],
        "reverse": reverse_stress(shared_world, book, 300_000.0, modes=1, **late)["notes"],
        "sensitivities": sensitivities(shared_world, book, confidences=[0.99], max_scenarios=8192, **late)["notes"],
        "show": show_scenario(shared_world, "us/recession", as_of=LATE)["warnings"],
    }
    for what, notes in answers.items():
        aged = [note for note in notes if note.startswith("the last known macro values are old: as of the end of 2011-12-30")]
        assert len(aged) == 1, (what, notes)
        assert "us.unemployment_rate_quarterly is of the quarter from 2009-" in aged[0], what
        assert re.search(r"ended 2\.[1-6] years before", aged[0]), what
        assert "crfs ingest" in aged[0]
        # Spreads are known to the end of 2011. Reverse stress takes each variable where it ends; a scenario starts where the first of them does.
        if what == "reverse":
            assert "us.credit_spread_baa_aaa" not in aged[0]
        else:
            assert re.search(
                r"all start together, where (us\.real_gdp_quarterly and )?us\.unemployment_rate_quarterly ends?: "
                r"us\.credit_spread_baa_aaa, known up to the quarter from 2011-\d\d-01, is taken of that from 2009-\d\d-01; crfs ingest",
                aged[0],
            ), (what, aged)


def test_last_known_values_of_the_time_of_the_question_need_no_word(shared_world: Session, book: Path) -> None:
    for name in ("us/recession", "us/eba_style_adverse"):
        assert show_scenario(shared_world, name, as_of=BOOK_AT)["warnings"] == []
    notes = stress(shared_world, book, "us/recession", **QUICK)["notes"]
    assert not [note for note in notes if "last known macro values" in note]


DERIVED = """
[[scenario]]
name = "derived/base"
severity = "baseline"
base = "us/recession"
[[scenario]]
name = "derived/slump"
severity = "severely_adverse"
base = "derived/base"
[[scenario]]
name = "derived/double"
base = "derived/slump"
[[scenario]]
name = "derived/mean"
combine = { "derived/base" = 0.5, "derived/double" = 0.5 }
[[scenario]]
name = "derived/still"
hold = { periods = 4, variables = ["us.unemployment_rate_quarterly"] }
[[scenario]]
name = "derived/packaged"
base = "us/severe_recession"
"""


def test_the_list_says_how_bad_a_derived_scenario_is_as_its_own_page_does(shared_world: Session, tmp_path: Path) -> None:
    file = tmp_path / "derived.toml"
    file.write_text(DERIVED)
    made = {one["scenario"]: one["severity"] for one in define_scenarios(shared_world, file)["scenarios"]}
    listed = {one["scenario"]: one["severity"] for one in list_scenarios(shared_world)}
    assert {name: listed[name] for name in made} == made
    assert (made["derived/double"], made["derived/mean"], made["derived/still"]) == ("severely_adverse", "severely_adverse", "baseline")
    shown = {name: show_scenario(shared_world, name, as_of=BOOK_AT)["severity"] for name in listed if not name.startswith("20")}
    assert {name: listed[name] for name in shown} == shown


def test_a_run_rests_on_no_scenario_file_but_its_own(shared_world: Session, book: Path, tmp_path: Path) -> None:
    file = tmp_path / "others.toml"
    file.write_text(MINE.format(rise=0.01).replace("mine/slump", "others/slump"))
    define_scenarios(shared_world, file)
    packaged = shared_world_chain(shared_world, stress(shared_world, book, "us/recession", **QUICK)["run_id"])
    assert "scenario_file" not in {batch["dataset"] for batch in packaged["batches"]}
    own = shared_world_chain(shared_world, stress(shared_world, book, "others/slump", **QUICK)["run_id"])
    assert "scenario_file" in {batch["dataset"] for batch in own["batches"]}


def test_scenarios_of_two_files_that_are_made_of_each_other_are_refused_with_the_chain(shared_world: Session, tmp_path: Path) -> None:
    file = tmp_path / "loops.toml"

    def define(name: str, base: str) -> None:
        file.write_text(
            f'[[scenario]]\nname = "{name}"\nbase = "{base}"\n[[scenario.step]]\ndo = "shift"\nby = {{ "us.unemployment_rate_quarterly" = 0.01 }}\n'
        )
        define_scenarios(shared_world, file)

    define("loop/first", "us/recession")
    define("loop/second", "loop/first")
    define("loop/third", "loop/second")
    with pytest.raises(InvalidInput, match="loop/first is made of itself: loop/first -> loop/third -> loop/second -> loop/first"):
        define("loop/first", "loop/third")
    assert show_scenario(shared_world, "loop/third")["periods"] > 0, "the names mean what they meant before"
    file.write_text(file.read_text().replace("loop/first", "loop/other", 1))
    assert show_scenario(shared_world, f"{file}#loop/other")["periods"] > 0, "a file that the store does not have makes no circle"


def test_what_many_are_made_of_is_made_once_and_means_the_same(shared_world: Session, tmp_path: Path) -> None:
    """Two names a file, each made of both names of the file before: as many ways down as there are pairs of names, doubled at every step."""
    file, depth = tmp_path / "diamonds.toml", 7
    for step in range(depth + 1):
        of = f'combine = {{ "diamond/a{step - 1}" = 0.5, "diamond/b{step - 1}" = 0.5 }}' if step else 'base = "us/recession"'
        file.write_text("".join(f'[[scenario]]\nname = "diamond/{one}{step}"\n{of}\n' for one in "ab"))
        define_scenarios(shared_world, file)
    found = resolver(shared_world, batch_id=shared_world.pin().batch_id, known_by=parse_instant(LATE, what="as_of"))
    landed: list[str] = []

    def counted(sha256: str) -> bytes:
        landed.append(sha256)
        return shared_world.landed(sha256)

    found.landed = counted
    top = found.named(f"diamond/a{depth}")
    assert len(landed) == 2 * depth + 1, "every name but the other one of the last file"
    alone = resolver(shared_world, batch_id=shared_world.pin().batch_id, known_by=parse_instant(LATE, what="as_of"))
    slump = alone.named("us/recession")
    assert [path.values for path in top.paths] == [pytest.approx(path.values) for path in slump.paths]
    assert found.notes == alone.notes
    assert len(found.notes) == 1
    assert (found.sets, found.touched) == ([], True)
    assert found.named(f"diamond/a{depth}") is top


def test_the_supervisory_set_that_was_needed_last_is_so_whether_a_scenario_is_made_or_was(shared_world: Session) -> None:
    def made(name: str, *of: str) -> bytes:
        return f'[[scenario]]\nname = "{name}"\ncombine = {{ {", ".join(f"{json.dumps(one)} = {1 / len(of)}" for one in of)} }}\n'.encode()

    found = resolver(shared_world, batch_id=shared_world.pin().batch_id)
    slump = found.named("us/recession")
    vars(found)["supervisory"] = {name: replace(slump, name=name) for name in ("2024/slump", "2025/slump")}
    texts = {"set/a": made("set/a", "2025/slump"), "set/b": made("set/b", "set/a", "2024/slump"), "set/c": made("set/c", "set/a", "set/b")}
    found.defining, found.landed = {name: name for name in texts}, texts.__getitem__
    for name, last in (("set/c", "2025"), ("2024/slump", "2024"), ("set/b", "2025"), ("2024/slump", "2024"), ("set/b", "2025")):
        found.named(name)
        assert found.sets[-1] == last, name
    assert set(found.sets) == {"2024", "2025"}


def test_a_circle_that_a_store_holds_already_is_refused_whoever_asks(
    shared_world: Session, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crfs.workflows import scenarios

    real = scenarios.Resolver.named

    def taken_unseen(own: scenarios.Resolver, _: str) -> Scenario:
        return real(own, "us/recession")

    file = tmp_path / "loops.toml"
    for name, base in (("old/one", "us/recession"), ("old/two", "old/one"), ("old/one", "old/two")):
        file.write_text(
            f'[[scenario]]\nname = "{name}"\nbase = "{base}"\n[[scenario.step]]\ndo = "shift"\nby = {{ "us.unemployment_rate_quarterly" = 0.01 }}\n'
        )
        with monkeypatch.context() as patch:  # as stores took them before
            patch.setattr(scenarios.Resolver, "named", taken_unseen)
            define_scenarios(shared_world, file)
    with pytest.raises(InvalidInput, match="made of itself: old/two -> old/one -> old/two"):
        show_scenario(shared_world, "old/two")
    with pytest.raises(InvalidInput, match="made of itself: old/one -> old/two -> old/one"):
        stress(shared_world, book, "old/one", **QUICK)
    file.write_text('[[scenario]]\nname = "old/one"\nbase = "us/recession"\n')
    define_scenarios(shared_world, file)
    assert show_scenario(shared_world, "old/two")["periods"] > 0


def test_a_scenario_as_of_a_time_that_lies_ahead_is_refused(shared_world: Session) -> None:
    with pytest.raises(InvalidInput, match="as_of the end of 2199-12-31 lies ahead"):
        show_scenario(shared_world, "us/recession", as_of="2199-12-31")


MADE = """
[[scenario]]
name = "made/half_as_bad_again"
base = "us/recession"
[[scenario.step]]
do = "scale"
about = "us/hold"
factor = 1.5
[[scenario]]
name = "made/nothing"
base = "us/recession"
[[scenario.step]]
do = "scale"
about = "us/hold"
factor = 0
[[scenario]]
name = "made/mean"
combine = { "us/recession" = 0.5, "us/hold" = 0.5 }
[[scenario]]
name = "made/worse"
base = "made/half_as_bad_again"
[[scenario]]
name = "made/calm"
severity = "baseline"
base = "us/recession"
[[scenario]]
name = "made/slump"
base = "us/hold"
[[scenario.step]]
do = "shift"
by = { "us.unemployment_rate_quarterly" = 0.02 }
[[scenario]]
name = "made/slump_and_more"
base = "made/slump"
[[scenario.step]]
do = "scale"
about = "us/hold"
factor = 1.5
"""


def test_the_base_is_the_nearest_baseline_that_a_scenario_was_made_of_however_it_was_made(
    shared_world: Session, book: Path, tmp_path: Path
) -> None:
    file = tmp_path / "made.toml"
    file.write_text(MADE)
    defined = tmp_path / "defined.toml"
    defined.write_text(MADE.replace("made/", "made_too/"))
    define_scenarios(shared_world, defined)
    recession = stress(shared_world, book, "us/recession", **QUICK)
    for made in (f"{file}#made/", "made_too/"):
        names = ("half_as_bad_again", "nothing", "mean", "worse", "calm", "slump", "slump_and_more")
        answers = [stress(shared_world, book, f"{made}{name}", **QUICK) for name in names]
        assert {answer["base_scenario"]["name"] for answer in answers} == {"us/hold"}
        harder, nothing, mean, worse, _, slump, more = answers
        assert more["el_change"] > slump["el_change"] > 0.0
        assert harder["el_change"] == worse["el_change"] > recession["el_change"] > mean["el_change"] > 0.0
        assert nothing["el_change"] == pytest.approx(0.0, abs=1e-6)
        assert replay_run(shared_world, harder["run_id"]).verdict.value == "MATCH"
    below = tmp_path / "below.toml"
    below.write_text(
        '[[scenario]]\nname = "below/worse"\nbase = "made_too/worse"\n[[scenario]]\nname = "below/calmer"\nbase = "made_too/calm"\n'
    )
    assert stress(shared_world, book, f"{below}#below/worse", **QUICK)["base_scenario"]["name"] == "us/hold"
    calmer = stress(shared_world, book, f"{below}#below/calmer", **QUICK)
    assert (calmer["base_scenario"]["name"], calmer["el_change"]) == ("made_too/calm", 0.0)


def test_where_a_scenario_was_made_of_no_baseline_the_base_is_called_what_it_is(shared_world: Session, book: Path) -> None:
    assert stress(shared_world, book, "history/2001", **QUICK)["base_scenario"]["name"] == "the last known values going on"


def test_scenarios_that_are_weighed_together_have_one_base_which_the_answer_names(
    shared_world: Session, book: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"stages": "found", "interest_rate": 0.04, "expected_life_years": 3.0, "as_of": BOOK_AT, "models": []}
    made, later = tmp_path / "made.toml", tmp_path / "later.toml"
    made.write_text(MADE)
    later.write_text(LATER.format(start="2010-01-01"))
    for scenarios, base in (
        ({"us/recession": 0.5, "us/severe_recession": 0.5}, "us/hold"),
        ({"us/hold": 0.5, f"{made}#made/half_as_bad_again": 0.5}, "us/hold"),
        ({"us/recession": 0.5, "history/2001": 0.5}, "us/hold"),
        ({f"{made}#made/calm": 0.5, "us/recession": 0.5}, "us/hold"),
        ({f"{later}#mine/base": 0.5, f"{later}#mine/later": 0.5}, "mine/base"),
        ({"history/2001": 0.5, "history/2007": 0.5}, "the last known values going on"),
    ):
        answer = ecl(shared_world, book, scenarios=scenarios, **asked)
        assert [one["base"] for one in answer["macro"]] == [base, base], scenarios
        assert replay_run(shared_world, answer["run_id"]).verdict.value == "MATCH"
    other = ecl(shared_world, book, scenarios={"us/recession": 0.5, "us/severe_recession": 0.5}, base=f"{made}#made/calm", **asked)
    assert [one["base"] for one in other["macro"]] == ["made/calm", "made/calm"]
    assert replay_run(shared_world, other["run_id"]).verdict.value == "MATCH"
    alone = ecl(shared_world, book, scenarios={"us/recession": 1.0}, base="us/recession", **asked)
    assert {rate for path in alone["macro"][0]["hazard_multiplier"].values() for rate in path} == {1.0}
    with pytest.raises(InvalidInput) as wrong:
        ecl(shared_world, book, base="us/hold", **asked)
    assert wrong.value.argument == "base"
    with pytest.raises(InvalidInput, match="none such") as wrong:
        ecl(shared_world, book, scenarios={"us/recession": 1.0}, base="none such", **asked)
    assert wrong.value.argument == "base"
    with pytest.raises(InvalidInput, match=r"one base.*us/recession: us/hold; mine/later: mine/base") as refused:
        ecl(shared_world, book, scenarios={"us/recession": 0.5, f"{later}#mine/later": 0.5}, **asked)
    assert refused.value.argument == "scenarios"
    with pytest.raises(InvalidInput, match="periods") as refused:
        ecl(shared_world, book, scenarios={"history/2001": 0.5, f"{later}#mine/later": 0.5}, **asked)
    assert refused.value.argument == "scenarios"
