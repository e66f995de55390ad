"""Portfolio credit risk: loss distribution, value at risk, expected shortfall, concentration. Losses are positive, in currency units."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crfs.risk.attribution import attribute
    from crfs.risk.capital import regulatory_capital
    from crfs.risk.granularity import granularity_adjustment
    from crfs.risk.homogeneous import homogeneous_pool
    from crfs.risk.largest_names import effective_number, herfindahl_index, name_concentration
    from crfs.risk.measures import expected_shortfall, tail_measure, value_at_risk
    from crfs.risk.portfolio import portfolio_risk
    from crfs.risk.provisions import apply_overlays, cecl_allowance, expected_credit_loss, stage_facilities
    from crfs.risk.result import RiskResult
    from crfs.risk.stress import reverse_stress, stressed_risk
    from crfs.risk.warm import WarmPortfolio
    from crfs.risk.what_if import WhatIf

# The public names and the modules that hold them, imported when asked for: the science costs nothing until it is used.
_HOME = {
    "RiskResult": "result",
    "WarmPortfolio": "warm",
    "WhatIf": "what_if",
    "apply_overlays": "provisions",
    "attribute": "attribution",
    "cecl_allowance": "provisions",
    "effective_number": "largest_names",
    "expected_credit_loss": "provisions",
    "expected_shortfall": "measures",
    "granularity_adjustment": "granularity",
    "herfindahl_index": "largest_names",
    "homogeneous_pool": "homogeneous",
    "name_concentration": "largest_names",
    "portfolio_risk": "portfolio",
    "regulatory_capital": "capital",
    "reverse_stress": "stress",
    "stage_facilities": "provisions",
    "stressed_risk": "stress",
    "tail_measure": "measures",
    "value_at_risk": "measures",
}
_MODULES = (
    "attribution",
    "bivariate_normal",
    "capital",
    "cents",
    "concentration",
    "correlation",
    "creditriskplus",
    "granularity",
    "homogeneous",
    "irb",
    "largest_names",
    "measures",
    "migration",
    "obligors",
    "output_floor",
    "provisions",
    "result",
    "simulation",
    "standardised",
    "stress",
    "vasicek",
    "warm",
    "what_if",
)

__all__ = [
    "RiskResult",
    "WarmPortfolio",
    "WhatIf",
    "apply_overlays",
    "attribute",
    "cecl_allowance",
    "effective_number",
    "expected_credit_loss",
    "expected_shortfall",
    "granularity_adjustment",
    "herfindahl_index",
    "homogeneous_pool",
    "name_concentration",
    "portfolio_risk",
    "regulatory_capital",
    "reverse_stress",
    "stage_facilities",
    "stressed_risk",
    "tail_measure",
    "value_at_risk",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
