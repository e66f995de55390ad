"""Rating migration: transition matrices and their generators, estimates from histories, thresholds, revaluation, mark-to-market risk."""

from crfs.risk.migration.conditional import conditional_matrix
from crfs.risk.migration.curves import ZERO_CURVES, ZeroCurves
from crfs.risk.migration.estimation import TransitionEstimate, aalen_johansen_estimate, cohort_estimate, duration_estimate
from crfs.risk.migration.generator import Embedding, Generator, Regularisation, embedding, generator_of
from crfs.risk.migration.grade_spreads import GradeSpread, GradeSpreads, Origin, grade_spreads
from crfs.risk.migration.histories import RATING_HISTORY
from crfs.risk.migration.mark_to_market import mark_to_market_risk, positions_risk
from crfs.risk.migration.par_yields import zero_rates
from crfs.risk.migration.positions import RatedPositions, Reference, rated_positions
from crfs.risk.migration.result import MarkToMarketResult, MigrationMethod
from crfs.risk.migration.thresholds import joint_migration, matrix_thresholds, thresholds
from crfs.risk.migration.transition_matrix import Remainder, TransitionMatrix
from crfs.risk.migration.valuation import (
    CashFlows,
    ValueDistribution,
    bullet_flows,
    par_coupon,
    value_distribution,
    values_by_rating,
)

__all__ = [
    "RATING_HISTORY",
    "ZERO_CURVES",
    "CashFlows",
    "Embedding",
    "Generator",
    "GradeSpread",
    "GradeSpreads",
    "MarkToMarketResult",
    "MigrationMethod",
    "Origin",
    "RatedPositions",
    "Reference",
    "Regularisation",
    "Remainder",
    "TransitionEstimate",
    "TransitionMatrix",
    "ValueDistribution",
    "ZeroCurves",
    "aalen_johansen_estimate",
    "bullet_flows",
    "cohort_estimate",
    "conditional_matrix",
    "duration_estimate",
    "embedding",
    "generator_of",
    "grade_spreads",
    "joint_migration",
    "mark_to_market_risk",
    "matrix_thresholds",
    "par_coupon",
    "positions_risk",
    "rated_positions",
    "thresholds",
    "value_distribution",
    "values_by_rating",
    "zero_rates",
]
