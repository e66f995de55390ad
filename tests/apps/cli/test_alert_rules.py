"""Early-warning rules from the command line: listed, tested on a table and on the bureau, and refused with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crfs
from crfs.monitoring.early_warning import packaged_rules
from tests.apps.cli.conftest import HEADER, Crfs

SHIPPED = Path(crfs.__file__).parent / "catalog" / "early_warning" / "rules.toml"
RULE = """
[[rule]]
name = "obligor.late"
kind = "days_past_due"
levels = [{ severity = "warning", open = 30.0, close = 1.0 }]
"""
TABLE = (
    "entity,valid_time,days_past_due\nA,2025-01-31,0\nA,2025-02-28,45\nB,2025-01-31,0\nB,2025-02-28,10\nC,2025-01-31,60\nC,2025-02-28,0\n"
)
DEFAULTS = "entity,defaulted_at\nA,2025-06-30\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, text in (("rules.toml", RULE), ("table.csv", TABLE), ("defaults.csv", DEFAULTS)):
        found[name] = tmp_path / name
        found[name].write_text(text)
    return found


def test_the_rules_that_ship_are_listed_and_those_of_a_file(within: Crfs, files: dict[str, Path]) -> None:
    shipped = within("alerts", "rules", "list", "--json").json
    assert [rule["name"] for rule in shipped] == [rule.name for rule in packaged_rules()]
    assert [rule["column"] for rule in within("alerts", "rules", "list", files["rules.toml"], "--json").json] == ["days_past_due"]
    assert "obligor.pd_increase" in within("alerts", "rules", "list").out


def test_a_rule_is_tested_on_a_table_and_measured_against_defaults(within: Crfs, files: dict[str, Path]) -> None:
    words = ("alerts", "rules", "test", files["rules.toml"], "--table", files["table.csv"], "--defaults", files["defaults.csv"])
    done = within(*words, "--as-of", "2026-12-31", "--json")
    assert done.code == 0, done.err
    summary = done.json["rules"][0]
    assert (summary["entities"], summary["opened"], summary["live"]) == (3, 2, 1)
    assert [alert["subject"] for alert in done.json["alerts"]] == ["obligor/A"]
    worth = next(one for one in done.json["performance"] if one["rule"] == "obligor.late")
    assert (worth["precision"]["hits"], worth["precision"]["of"]) == (1, 2)
    assert worth["recall"]["value"] == 1.0
    shown = within(*words, "--as-of", "2026-12-31")
    assert "50.0 %" in shown.out
    # The rules that ship look at a table alone.
    own = within("alerts", "rules", "test", files["table.csv"], "--json").json
    assert [rule["rule"] for rule in own["rules"]] == ["obligor.days_past_due"]
    assert any("obligor.covenant" in note for note in own["notes"])


def test_without_a_file_those_rules_are_tested_that_ship(within: Crfs, bureau: dict[str, Any], files: dict[str, Path]) -> None:
    assert bureau
    assert within("alerts", "rules", "test", "--json").json == within("alerts", "rules", "test", SHIPPED, "--json").json
    words = ("--table", files["table.csv"], "--json")
    assert within("alerts", "rules", "test", *words).json["rules"] == within("alerts", "rules", "test", SHIPPED, *words).json["rules"]


def test_rules_are_tested_on_the_bureau_as_it_was_known(within: Crfs, bureau: dict[str, Any], files: dict[str, Path]) -> None:
    assert bureau
    document = within("alerts", "rules", "test", files["rules.toml"], "--json").json
    assert document["source"] == "bureau_obligor"
    assert document["rules"][0]["entities"] >= 60
    assert document["performance"][-1]["rule"] == "any rule"


def test_what_cannot_be_seen_of_the_bureau_is_said_with_what_would_show_it(within: Crfs, bureau: dict[str, Any]) -> None:
    assert bureau
    done = within("alerts", "rules", "test", SHIPPED, "--json")
    assert done.code == 0, done.err
    said = {note.split(":")[0]: note for note in done.json["notes"]}
    for rule in ("obligor.pd_increase", "obligor.rating_downgrade", "sector.pd_increase", "portfolio.pd_increase"):
        assert "crfs models train pd, then crfs models promote pd VERSION --reason WHY" in said[rule]
    for rule in ("obligor.spread_move", "obligor.sentiment", "obligor.covenant", "sector.limit_use", "portfolio.ec_drift"):
        assert said[rule].endswith("which the simulation does not have")
    assert {one["rule"] for one in done.json["performance"]} == {"obligor.utilisation_jump", "obligor.days_past_due", "any rule"}
    assert "reading the bureau" in done.err


def test_rules_on_sectors_are_measured_against_the_rises_of_their_default_rates(
    within: Crfs, bureau: dict[str, Any], tmp_path: Path
) -> None:
    assert bureau
    file = tmp_path / "sectors.toml"
    file.write_text(
        '[[rule]]\nname = "sector.late"\nkind = "level"\nscope = "sector"\ncolumn = "late_share"\n'
        'levels = [{ severity = "info", open = 0.01, close = 0.01 }]\n'
    )
    done = within("alerts", "rules", "test", file, "--json")
    assert done.code == 0, done.err
    (one,) = done.json["performance"]
    assert (one["scope"], one["rule"]) == ("sector", "sector.late")
    assert one["since"] > "2002"
    assert "Sectors and the whole" in within("alerts", "rules", "test", file).out


def test_a_rule_may_look_at_any_number_that_the_bureau_tells_of_an_obligor(within: Crfs, bureau: dict[str, Any], tmp_path: Path) -> None:
    assert bureau
    file = tmp_path / "enquiries.toml"
    rule = '[[rule]]\nname = "obligor.{0}"\nkind = "level"\ncolumn = "{0}"\nlevels = [{{ severity = "info", open = 1.0, close = 1.0 }}]\n'
    file.write_text(rule.format("enquiries_6m") + rule.format("region"))
    done = within("alerts", "rules", "test", file, "--json")
    assert done.code == 0, done.err
    assert [(one["rule"], one["entities"] >= 60) for one in done.json["rules"]] == [("obligor.enquiries_6m", True)]
    assert done.json["notes"] == ["obligor.region: the table of scope obligor has no column region"]


def test_rules_on_scores_and_grades_of_a_table_are_measured_as_planted(within: Crfs, tmp_path: Path) -> None:
    # Four obligors of which two default: A is foretold, C is not; B and D are false alarms of the one rule and of the other.
    changes = {"A": ("0.006,BB", "0.066,B"), "B": ("0.030,B", "0.060,B"), "C": ("0.020,B", "0.021,B"), "D": ("0.0001,AA", "0.009,BB")}
    days = [f"2024-{month:02}-01" for month in range(1, 13)]
    lines = [f"{who},{day},{after if day >= '2024-09' else before}" for who, (before, after) in changes.items() for day in days]
    table, defaults = tmp_path / "scores.csv", tmp_path / "defaults.csv"
    table.write_text("\n".join(["entity,valid_time,pd,rating", *lines]) + "\n")
    defaults.write_text("entity,defaulted_at\nA,2025-02-28\nC,2025-03-31\n")
    done = within("alerts", "rules", "test", table, "--defaults", defaults, "--as-of", "2026-12-31", "--json")
    assert done.code == 0, done.err
    worth = {one["rule"]: one for one in done.json["performance"]}
    for rule in ("obligor.pd_increase", "obligor.rating_downgrade"):
        assert (worth[rule]["precision"]["hits"], worth[rule]["precision"]["of"]) == (1, 2)
        assert (worth[rule]["recall"]["hits"], worth[rule]["recall"]["of"]) == (1, 2)
        assert worth[rule]["lead_days"]["p50"] == 180.0  # from 1 September to 28 February


def test_a_rating_scale_must_have_the_grades_of_the_rule(within: Crfs, bureau: dict[str, Any], tmp_path: Path) -> None:
    assert bureau
    scale = tmp_path / "scale.toml"
    scale.write_text('default = "D"\ngrade = [{ name = "good", pd = 0.01 }, { name = "poor", pd = 0.1 }]\n')
    done = within("alerts", "rules", "test", SHIPPED, "--rating-scale", scale, "--json")
    assert any("its scale has no good, poor" in note for note in done.json["notes"])
    scale.write_text("default = 1\n")
    wrong = within("alerts", "rules", "test", SHIPPED, "--rating-scale", scale, "--json")
    assert wrong.code == 1
    assert str(scale) in wrong.json["error"]["message"]


def test_what_is_wrong_with_rules_and_tables_is_said(within: Crfs, files: dict[str, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(RULE.replace("close = 1.0", "close = 40.0"))
    refused = within("alerts", "rules", "test", bad, "--table", files["table.csv"], "--json")
    assert refused.code == 1
    assert "close = 40" in refused.json["error"]["message"]
    files["table.csv"].write_text(TABLE + "D,2025-02-28,many\n")
    wrong = within("alerts", "rules", "test", files["rules.toml"], "--table", files["table.csv"], "--json")
    assert wrong.code == 1
    assert [(problem["row"], problem["column"]) for problem in wrong.json["error"]["problems"]] == [(7, "days_past_due")]
    assert within("alerts", "rules", "test", tmp_path / "none.toml").code == 1


LIMITS = "portfolio,scope,entity,limit\nwatched,obligor,*,1500\nwatched,sector,energy,40000\n"


def test_rules_are_evaluated_on_a_loaded_book_and_its_alerts_are_listed(within: Crfs, book: Path, tmp_path: Path) -> None:
    limits = tmp_path / "limits.csv"
    limits.write_text(LIMITS)
    assert within("portfolio", "load", "watched", book).code == 0
    words = ("alerts", "rules", "evaluate", SHIPPED, "--limits", limits)
    dry = within(*words, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert within("alerts", "list", "--rule", "obligor.limit_use", "--json").json == []
    done = within(*words, "--json").json
    ways = ("opened", "worsened", "reopened", "eased", "kept", "closed")
    assert {name: done[name] for name in ways} == {name: dry.json[name] for name in ways}
    opened = [change for change in done["changes"] if change["subject"].startswith("obligor/watched/")]
    listed = within("alerts", "list", "--rule", "obligor.limit_use", "--limit", "1000", "--json").json
    assert sorted(change["alert_id"] for change in opened) == sorted(alert["alert_id"] for alert in listed)
    critical = within("alerts", "list", "--rule", "obligor.limit_use", "--severity", "critical", "--json").json
    assert 0 < len(critical) < len(listed)
    again = within(*words)
    assert again.code == 0, again.err
    assert "0 opened, 0 worsened, 0 opened again, 0 eased" in again.out
    assert "obligor.sentiment: it needs news" in again.out
    # A limit that nobody uses up: all of them close.
    limits.write_text(LIMITS.replace("1500", "150000"))
    closed = within(*words)
    assert f"{len(listed)} closed" in closed.out
    assert f"10 of {len(listed)} alerts that changed" in closed.out
    assert "--severity SEVERITY" in closed.out


def test_what_is_wrong_with_an_evaluation_is_said(within: Crfs, tmp_path: Path) -> None:
    limits = tmp_path / "limits.csv"
    limits.write_text(LIMITS.replace("1500", "-1"))
    refused = within("alerts", "rules", "evaluate", "--limits", limits, "--json")
    assert refused.code == 1
    assert "limits.csv: limit 1: limit of watched, obligor *: a limit is above 0" in refused.json["error"]["message"]
    assert within("alerts", "rules", "evaluate", "--limits", tmp_path / "none.csv").code == 1
    for way in ("evaluate", "test"):
        assert "as_of the end of 2999-01-01 lies ahead" in within("alerts", "rules", way, SHIPPED, "--as-of", "2999-01-01").err
    assert within("alerts", "list", "--severity", "bad").code == 1


def test_many_alerts_are_told_by_their_numbers(within: Crfs, tmp_path: Path) -> None:
    rows = "".join(f"F{i},N{i},100,0.4,0.02,0.2,all,retail\n" for i in range(60))
    file, limits = tmp_path / "many.csv", tmp_path / "limits.csv"
    file.write_text(f"{HEADER}\n{rows}")
    limits.write_text("portfolio,scope,entity,limit\nmany,obligor,*,90\n")
    assert within("portfolio", "load", "many", file).code == 0
    assert within("alerts", "rules", "evaluate", "--limits", limits).code == 0
    shown = within("alerts", "list", "--rule", "obligor.limit_use").out
    assert "60 alerts" in shown
    assert "The newest 40 of 60" in shown
    cut = within("alerts", "list", "--rule", "obligor.limit_use", "--limit", "50", "--json")
    assert (len(cut.json), "The newest 50 of 60 alerts; --limit has more." in cut.err) == (50, True)
    assert shown.count("obligor many/") == 40
