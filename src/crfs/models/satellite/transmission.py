"""Satellite models as one function of a scenario: shocks to a book's probabilities and losses by segment, against a base scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.scenarios import Scenario
from crfs.errors import InvalidInput
from crfs.models.satellite.default_rates import DefaultRateModel, RatePath
from crfs.models.satellite.latent_factor import LatentFactorModel
from crfs.models.satellite.lgd import HousePriceLgd

FloatArray: TypeAlias = npt.NDArray[np.float64]
Satellite: TypeAlias = DefaultRateModel | LatentFactorModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SatelliteTransmission:
    """A callable from a scenario to shocks, as :class:`crfs.risk.stress.Transmission` asks for it.

    Args:
        pd: satellite models by segment; the key None is for all segments that have none of their own.
        base: the scenario that means no shock: its own shocks are zero, bit for bit.
        history: macro history up to the scenarios' start, where it is newer than what the models were fitted on.
        lgd: house-price channels by segment.

    The shock to a probability is the difference of the probits of the 12-month default rate under the scenario and under the base, so
    that a name of any probability moves by as much as its segment does. Rates over less than a year are compounded first, as if the
    period's rate held for a year. The band is that of the scenario's path about the base's centre.
    """

    pd: Mapping[str | None, Satellite]
    base: Scenario
    history: pl.DataFrame | None = None
    lgd: Mapping[str | None, HousePriceLgd] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.pd and not self.lgd:
            raise InvalidInput("a transmission needs a model for at least one segment", argument="pd")

    def __call__(self, scenario: Scenario) -> pl.DataFrame:
        """One row a segment and period: ``valid_time``, ``segment`` (null: all others), ``pd_probit`` with its band ``pd_probit_low`` and
        ``pd_probit_high``, and ``lgd_add``."""
        if (scenario.start, scenario.period, scenario.periods) != (self.base.start, self.base.period, self.base.periods):
            raise InvalidInput(f"{scenario.name!r} and the base {self.base.name!r} differ in their periods; extend the shorter one")
        segments = sorted({*self.pd, *self.lgd}, key=lambda segment: (segment is None, segment or ""))
        return pl.concat([self._segment(segment, scenario) for segment in segments])

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """What a reader must know of the predicted paths: where they leave what the sample has seen."""
        return tuple(
            f"{segment or 'all others'}: {note}"
            for segment, model in sorted(self.pd.items(), key=lambda item: item[0] or "")
            for note in model.predict(scenario, history=self.history).notes
        )

    def rates(self, model: Satellite, scenario: Scenario, *, band: bool = True) -> RatePath:
        """The default rates that a model of :attr:`pd` foretells.

        A scenario so far out that one of them (with ``band`` an end of its band too) is 0 or 1 as near as numbers tell has no finite shock and
        is :class:`~crfs.errors.InvalidInput` with variable, period and value.
        """
        path = model.predict(scenario, history=self.history)
        looked_at = (path.mean, path.low, path.high) if band else (path.mean,)
        inside = np.logical_and.reduce([(rate > 0.0) & (rate < 1.0) for rate in looked_at])
        if not inside.all():
            where = int(np.flatnonzero(~inside)[0])
            ends = f" (band {path.low[where]:.4g} to {path.high[where]:.4g})" if band else ""
            what = f"the default rate is {path.mean[where]:.4g}{ends}, and no shock to the base's is finite"
            raise model.fit.too_far(scenario, where, what, history=self.history)
        return path

    def _segment(self, segment: str | None, scenario: Scenario) -> pl.DataFrame:
        # A segment that has a model of one kind alone takes the other from the rest.
        model, channel = self.pd.get(segment, self.pd.get(None)), self.lgd.get(segment, self.lgd.get(None))
        zero = np.zeros(scenario.periods)
        centre, low, high = (zero, zero, zero) if model is None else self._probits(model, scenario)
        added = zero
        if channel is not None:
            # The ratio of a path to itself is exactly one.
            added = channel.shift(scenario.values(channel.variable) / self.base.values(channel.variable))
        return pl.DataFrame(
            {
                "valid_time": pl.Series(list(scenario.times)).cast(INSTANT),
                "segment": pl.Series([segment] * scenario.periods, dtype=pl.String),
                "pd_probit": centre,
                "pd_probit_low": low,
                "pd_probit_high": high,
                "lgd_add": added,
            }
        )

    def _probits(self, model: Satellite, scenario: Scenario) -> tuple[FloatArray, FloatArray, FloatArray]:
        from scipy.special import ndtri

        told, base = (self.rates(model, one) for one in (scenario, self.base))
        months = model.fit.spec.horizon.months
        centre = ndtri(yearly(base.mean, months))
        paths = (told.mean, told.low, told.high)
        return tuple(np.asarray(ndtri(yearly(path, months)) - centre) for path in paths)  # type: ignore[return-value] # three of three


def yearly(rate: npt.ArrayLike, months: int) -> FloatArray:
    """The default probability of a year in which each ``months`` have this default rate: ``1 - (1 - rate)^(12 / months)``.

    >>> yearly([0.01], 3).round(8).tolist()
    [0.03940399]
    """
    return np.asarray(-np.expm1(np.log1p(-np.asarray(rate, dtype=np.float64)) * (12.0 / months)), dtype=np.float64)
