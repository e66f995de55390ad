"""Satellite models: from macro history to default rates, the factor behind them, and losses given default; simple, with their errors."""

from crfs.models.satellite.default_rates import DefaultRateModel, Link, RatePath, fit_default_rates
from crfs.models.satellite.fitting import Forecast, MacroFit, SatelliteSpec, WrongSign
from crfs.models.satellite.latent_factor import (
    LatentFactorModel,
    conditional_factors,
    conditional_pd,
    fit_latent_factor,
    fit_pool,
    implied_factor,
)
from crfs.models.satellite.lgd import HousePriceLgd, frye_jacobs, frye_jacobs_response, house_price_severity
from crfs.models.satellite.macro_link import macro_link, macro_moves
from crfs.models.satellite.regression import Regression, Stability, regress
from crfs.models.satellite.terms import Term, Transform
from crfs.models.satellite.transmission import SatelliteTransmission, yearly

__all__ = [
    "DefaultRateModel",
    "Forecast",
    "HousePriceLgd",
    "LatentFactorModel",
    "Link",
    "MacroFit",
    "RatePath",
    "Regression",
    "SatelliteSpec",
    "SatelliteTransmission",
    "Stability",
    "Term",
    "Transform",
    "WrongSign",
    "conditional_factors",
    "conditional_pd",
    "fit_default_rates",
    "fit_latent_factor",
    "fit_pool",
    "frye_jacobs",
    "frye_jacobs_response",
    "house_price_severity",
    "implied_factor",
    "macro_link",
    "macro_moves",
    "regress",
    "yearly",
]
