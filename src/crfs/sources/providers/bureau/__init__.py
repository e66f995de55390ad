"""A seeded simulator of a credit bureau, driven by a real economy: what it delivers, and how."""

from crfs.sources.providers.bureau.deliveries import Cut, Delivery, Sending, deliver
from crfs.sources.providers.bureau.source import SOURCE, BureauSource
from crfs.sources.providers.bureau.spec import MACRO_COLUMNS, BureauSpec
from crfs.sources.providers.bureau.truth import Truth
from crfs.sources.providers.bureau.world import Month, World, simulate, simulate_months

__all__ = [
    "MACRO_COLUMNS",
    "SOURCE",
    "BureauSource",
    "BureauSpec",
    "Cut",
    "Delivery",
    "Month",
    "Sending",
    "Truth",
    "World",
    "deliver",
    "simulate",
    "simulate_months",
]
