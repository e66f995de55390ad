"""Stress testing: shocks to a book's probabilities, losses, exposures, ratings and correlations, over a year or a path, explained."""

from crfs.risk.stress.conditioning import restrict
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.migration import shifted_migration
from crfs.risk.stress.multi_period import BalanceSheet, StressPath, stress_path
from crfs.risk.stress.one_period import StressResult, stress
from crfs.risk.stress.rating_migration import RatingMigration, expected_migration, regraded
from crfs.risk.stress.reverse import LikelyScenario, ReverseStress, reverse_stress
from crfs.risk.stress.sensitivity import INPUTS, bumped
from crfs.risk.stress.stressed_book import Band, stressed_book
from crfs.risk.stress.stressed_risk import RiskOptions, StressedRisk, conditional_book, stressed_risk
from crfs.risk.stress.transmission import SHOCKS, LgdResponse, Transmission
from crfs.risk.stress.waterfall import Channel, Waterfall, expected_loss, waterfall

__all__ = [
    "INPUTS",
    "SHOCKS",
    "BalanceSheet",
    "Band",
    "Channel",
    "Grades",
    "LgdResponse",
    "LikelyScenario",
    "RatingMigration",
    "ReverseStress",
    "RiskOptions",
    "StressPath",
    "StressResult",
    "StressedRisk",
    "Transmission",
    "Waterfall",
    "bumped",
    "conditional_book",
    "expected_loss",
    "expected_migration",
    "regraded",
    "restrict",
    "reverse_stress",
    "shifted_migration",
    "stress",
    "stress_path",
    "stressed_book",
    "stressed_risk",
    "waterfall",
]
