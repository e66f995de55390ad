"""Early-warning rules from the command line: listed, tested on a table and on the bureau, and refused with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crfs.monitoring.early_warning import packaged_rules
from tests.apps.cli.conftest import Crfs

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


def test_rules_are_tested_on_the_bureau_as_it_was_known(within: Crfs, bureau: dict[str, Any], files: dict[str, Path]) -> None:
    assert bureau
    document = within("alerts", "rules", "test", files["rules.toml"], "--json").json
    assert document["source"] == "bureau_obligor"
    assert document["rules"][0]["entities"] >= 60
    assert document["performance"][-1]["rule"] == "any rule"


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
