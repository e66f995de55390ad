"""A seeded simulator of a credit bureau, driven by a real economy: obligors, facilities, defaults, recoveries, late and corrected rows."""

from crfs.sources.providers.bureau.deliveries import Delivery, deliver
from crfs.sources.providers.bureau.source import SOURCE, BureauSource
from crfs.sources.providers.bureau.spec import MACRO_COLUMNS, BureauSpec
from crfs.sources.providers.bureau.truth import Truth
from crfs.sources.providers.bureau.world import Month, World, simulate, simulate_months

__all__ = [
    "MACRO_COLUMNS",
    "SOURCE",
    "BureauSource",
    "BureauSpec",
    "Delivery",
    "Month",
    "Truth",
    "World",
    "deliver",
    "simulate",
    "simulate_months",
]
