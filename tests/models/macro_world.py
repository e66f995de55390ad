"""A made-up economy whose default rates follow known equations: what a satellite regression ought to find."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from scipy.special import expit, ndtr, ndtri

from crfs.credit.scenarios import QUARTER, Path, Scenario
from crfs.credit.scenarios.scenario import period_starts

FIRST = date(1996, 1, 1)
UNEMPLOYMENT, GROWTH, HOUSES = "us.unemployment_rate", "us.gdp_growth", "us.house_price_index"
A, PERSISTENCE, ON_UNEMPLOYMENT, ON_GROWTH, SIGMA = -3.0, 0.5, 12.0, -5.0, 0.08
PD, R2 = 0.02, 0.12


def macro(rng: np.random.Generator, periods: int) -> dict[str, np.ndarray]:
    """Unemployment that reverts slowly, growth that hardly does, and house prices that trend."""
    unemployment, growth = np.empty(periods), np.empty(periods)
    u = 0.055
    for t in range(periods):
        growth[t] = 0.02 + 0.02 * rng.standard_normal()
        u = 0.055 + 0.9 * (u - 0.055) + 0.004 * rng.standard_normal() - 0.05 * (growth[t] - 0.02)
        unemployment[t] = u
    houses = 100.0 * np.exp(np.cumsum(0.008 + 0.02 * rng.standard_normal(periods)))
    return {UNEMPLOYMENT: unemployment, GROWTH: growth, HOUSES: houses}


def long(values: dict[str, np.ndarray], start: date = FIRST) -> pl.DataFrame:
    """A long table of macro history."""
    days = list(period_starts(start, QUARTER, len(next(iter(values.values())))))
    units = {HOUSES: "index"}
    return pl.concat(
        pl.DataFrame({"valid_time": days, "variable": name, "value": series, "unit": units.get(name, "decimal")})
        for name, series in values.items()
    )


def log_odds_rates(rng: np.random.Generator, values: dict[str, np.ndarray], *, lag: int = 0) -> np.ndarray:
    """Default rates by the log-odds equation with a growth of ``lag`` quarters before."""
    x, periods = np.empty(len(values[GROWTH])), len(values[GROWTH])
    last = (A + ON_UNEMPLOYMENT * 0.055 + ON_GROWTH * 0.02) / (1.0 - PERSISTENCE)
    for t in range(periods):
        growth = values[GROWTH][max(t - lag, 0)]
        last = A + PERSISTENCE * last + ON_UNEMPLOYMENT * values[UNEMPLOYMENT][t] + ON_GROWTH * growth + SIGMA * rng.standard_normal()
        x[t] = last
    return np.asarray(expit(x))


def factor_rates(values: dict[str, np.ndarray], shocks: np.ndarray, *, explained: float = 0.7) -> np.ndarray:
    """Vasicek's default rates where the factor is ``explained`` by unemployment, the rest being ``shocks``."""
    u = values[UNEMPLOYMENT]
    z = -explained * (u - u.mean()) / u.std() + np.sqrt(1.0 - explained**2) * shocks
    return np.asarray(ndtr((ndtri(PD) - np.sqrt(R2) * z) / np.sqrt(1.0 - R2)))


def rates(values: np.ndarray, start: date = FIRST) -> pl.DataFrame:
    """A table of default rates."""
    return pl.DataFrame({"valid_time": list(period_starts(start, QUARTER, len(values))), "default_rate": values})


def scenario(
    start: date, *, name: str = "flat", unemployment: list[float], growth: list[float], houses: list[float] | None = None
) -> Scenario:
    """A scenario of the economy's variables."""
    prices = houses or [100.0] * len(growth)
    return Scenario(
        name=name,
        start=start,
        period=QUARTER,
        paths=(
            Path(variable=UNEMPLOYMENT, unit="decimal", values=tuple(unemployment)),
            Path(variable=GROWTH, unit="decimal", values=tuple(growth)),
            Path(variable=HOUSES, unit="index", values=tuple(prices)),
        ),
    )
