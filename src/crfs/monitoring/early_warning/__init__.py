"""Early warning: rules on obligors, sectors and the portfolio, with hysteresis and evidence, and what they were worth against defaults."""

from crfs.monitoring.early_warning.evaluation import Evaluation, applicable, evaluate
from crfs.monitoring.early_warning.performance import RulePerformance, Share, rule_performance, wilson
from crfs.monitoring.early_warning.rules import Level, Rule, RuleKind, Scope, packaged_rules, parse_rules, rule_from_dict

__all__ = [
    "Evaluation",
    "Level",
    "Rule",
    "RuleKind",
    "RulePerformance",
    "Scope",
    "Share",
    "applicable",
    "evaluate",
    "packaged_rules",
    "parse_rules",
    "rule_from_dict",
    "rule_performance",
    "wilson",
]
