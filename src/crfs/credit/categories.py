"""What kinds of factors there are: the categories of the packaged catalogue, and the part of the mission that each belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Area(Enum):
    """The parts of the mission: what credit risk is measured by."""

    ECONOMIC = "economic"
    MARKET = "market"
    BUREAU = "bureau"
    INDUSTRY = "industry"
    REGULATORY = "macro and regulatory"
    COMPANY = "company"
    ALTERNATIVE = "alternative"


CATEGORIES: Mapping[str, Area] = MappingProxyType(
    {
        "activity": Area.ECONOMIC,
        "demographics": Area.ECONOMIC,
        "fiscal": Area.ECONOMIC,
        "households": Area.ECONOMIC,
        "housing": Area.ECONOMIC,
        "labour": Area.ECONOMIC,
        "prices": Area.ECONOMIC,
        "trade": Area.ECONOMIC,
        "commodities": Area.MARKET,
        "credit": Area.MARKET,
        "currencies": Area.MARKET,
        "markets": Area.MARKET,
        "rates": Area.MARKET,
        "bureau": Area.BUREAU,
        "industry": Area.INDUSTRY,
        "policy": Area.REGULATORY,
        "regulation": Area.REGULATORY,
        "scenario": Area.REGULATORY,
        "banking": Area.REGULATORY,
        "statements": Area.COMPANY,
        "ratios": Area.COMPANY,
        "filings": Area.COMPANY,
        "news": Area.ALTERNATIVE,
        "sentiment": Area.ALTERNATIVE,
        "social": Area.ALTERNATIVE,
        "supply_chain": Area.ALTERNATIVE,
    }
)
"""Every category of the packaged catalogue; a user's own definitions may have others."""
