"""Why risk changed between two dates: names, data, parameters, models and correlations, in parts that sum exactly."""

from crfs.risk.attribution.attribute import Attribution, Effect, attribute
from crfs.risk.attribution.books import ORDER, Block

__all__ = ["ORDER", "Attribution", "Block", "Effect", "attribute"]
