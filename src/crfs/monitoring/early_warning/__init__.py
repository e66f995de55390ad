"""Early warning: rules on obligors, sectors and the portfolio, with hysteresis and evidence, and what they were worth against defaults."""

from crfs.monitoring.early_warning.carried_over import CarriedOver, Earlier, Ended, carry_over
from crfs.monitoring.early_warning.evaluation import Evaluation, applicable, evaluate
from crfs.monitoring.early_warning.groups import default_rates, group_performance, grouped, stretches
from crfs.monitoring.early_warning.limits import Limit, Position, limit_use, limits_of_nobody, parse_limits
from crfs.monitoring.early_warning.newest import first_needed
from crfs.monitoring.early_warning.performance import ANY, RulePerformance, Share, rule_performance, wilson
from crfs.monitoring.early_warning.rating_scale import RatingScale, packaged_scale, parse_scale
from crfs.monitoring.early_warning.rules import Level, Rule, RuleKind, Scope, packaged_rules, parse_rules, rule_from_dict

__all__ = [
    "ANY",
    "CarriedOver",
    "Earlier",
    "Ended",
    "Evaluation",
    "Level",
    "Limit",
    "Position",
    "RatingScale",
    "Rule",
    "RuleKind",
    "RulePerformance",
    "Scope",
    "Share",
    "applicable",
    "carry_over",
    "default_rates",
    "evaluate",
    "first_needed",
    "group_performance",
    "grouped",
    "limit_use",
    "limits_of_nobody",
    "packaged_rules",
    "packaged_scale",
    "parse_limits",
    "parse_rules",
    "parse_scale",
    "rule_from_dict",
    "rule_performance",
    "stretches",
    "wilson",
]
