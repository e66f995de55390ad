"""Correlations of systematic factors from histories, with their errors, and matrices that are no correlations made so."""

from crfs.risk.correlation.estimate import LEDOIT_WOLF, CorrelationEstimate, Missing, estimate_correlation
from crfs.risk.correlation.nearest import NearestCorrelation, nearest_correlation

__all__ = ["LEDOIT_WOLF", "CorrelationEstimate", "Missing", "NearestCorrelation", "estimate_correlation", "nearest_correlation"]
