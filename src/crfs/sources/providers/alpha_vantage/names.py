"""How Alpha Vantage calls the series of commodities and of the economy: whether an answer's ``name`` and ``unit`` are those of what was asked.

A series is kept by what was asked for. So an answer that calls itself something else would put natural gas among the prices of oil.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

SERIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "WTI": ("wti", "barrel|bbl"),
        "BRENT": ("brent", "barrel|bbl"),
        "NATURAL_GAS": ("natural gas", "btu|mmbtu"),
        "COPPER": ("copper", "metric ton|tonne"),
        "ALUMINUM": ("aluminum", "metric ton|tonne"),
        "WHEAT": ("wheat", "metric ton|tonne"),
        "CORN": ("corn", "metric ton|tonne"),
        "COTTON": ("cotton", "pound|lb"),
        "SUGAR": ("sugar", "pound|lb"),
        "COFFEE": ("coffee", "pound|lb"),
        "ALL_COMMODITIES": ("all commodities", "index"),
        "REAL_GDP": ("real gross domestic product", "dollar|usd"),
        "REAL_GDP_PER_CAPITA": ("real gross domestic product per capita", "dollar|usd"),
        "TREASURY_YIELD": ("treasury", "percent|%"),
        "FEDERAL_FUNDS_RATE": ("federal funds rate", "percent|%"),
        "CPI": ("consumer price index", "index"),
        "INFLATION": ("inflation", "percent|%"),
        "RETAIL_SALES": ("retail sales", "dollar|usd"),
        "DURABLES": ("durable goods", "dollar|usd"),
        "UNEMPLOYMENT": ("unemployment rate", "percent|%"),
        "NONFARM_PAYROLL": ("nonfarm payroll", "person"),
    }
)
"""Function → words that the documented name of its series has, and how a word of its unit begins (``|``: or)."""


def is_called(name: str, unit: str, *, function: str, maturity: str = "") -> bool:
    """Whether a name and a unit (blank: not told) are those of a function's series; so is any name of a function that is not known here.

    >>> is_called("Crude Oil Prices WTI", "dollars per barrel", function="WTI"), is_called("Crude Oil Prices Brent", "", function="WTI")
    (True, False)
    >>> is_called("5-Year Treasury Constant Maturity Rate", "percent", function="TREASURY_YIELD", maturity="10year")
    False
    """
    if function not in SERIES:
        return True
    words, measures = SERIES[function]
    # The one name begins as the other does.
    if function == "REAL_GDP" and _has(name, "per capita"):
        return False
    fits = not name.strip() or all(_has(name, each) for each in (words, *_length(maturity)))
    return fits and (not unit.strip() or re.search(rf"(?<![a-z])({measures})", unit.lower()) is not None)


def _has(text: str, words: str) -> bool:
    return f" {words} " in f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _length(maturity: str) -> list[str]:
    """A maturity as names have it: ``10year`` is 10 year."""
    found = re.fullmatch(r"(\d+)(month|year)", maturity.strip().lower(), re.ASCII)
    return [f"{found[1]} {found[2]}"] if found else []
