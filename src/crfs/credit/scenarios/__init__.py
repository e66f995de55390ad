"""Scenarios: named sets of paths of macro variables, what may be done to them, and how they are read."""

from crfs.credit.scenarios.deviations import Between, from_deviations
from crfs.credit.scenarios.files import parse_scenarios, scenario_tables, severity_of_table
from crfs.credit.scenarios.operators import Shift, combine, extend, rename, scale, shift
from crfs.credit.scenarios.possible import possible_range, require_name, require_possible
from crfs.credit.scenarios.replay import hold, replay
from crfs.credit.scenarios.scenario import MONTH, QUARTER, Path, Scenario, ScenarioSeverity, require_weights
from crfs.credit.scenarios.supervisory import supervisory_history, supervisory_scenarios
from crfs.credit.scenarios.tables import from_table
from crfs.credit.scenarios.units import Change, change_of_unit

__all__ = [
    "MONTH",
    "QUARTER",
    "Between",
    "Change",
    "Path",
    "Scenario",
    "ScenarioSeverity",
    "Shift",
    "change_of_unit",
    "combine",
    "extend",
    "from_deviations",
    "from_table",
    "hold",
    "parse_scenarios",
    "possible_range",
    "rename",
    "replay",
    "require_name",
    "require_possible",
    "require_weights",
    "scale",
    "scenario_tables",
    "severity_of_table",
    "shift",
    "supervisory_history",
    "supervisory_scenarios",
]
