"""What a simulated bureau is: its size, its months, its seed, and the economy that drives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.sources.providers.bureau.streams import Floats

MACRO_COLUMNS = {"month": pl.Date(), "unemployment_rate": pl.Float64(), "credit_spread": pl.Float64()}
"""The economy: a row a month (its first day), rates as decimals. ``credit_spread`` is the yield of Baa less that of Aaa bonds."""

WARM_UP_MONTHS = 14
"""Months simulated before the first one delivered, so that windows over a year of behaviour are full from the start."""

LONGEST_LAG_MONTHS = 15
"""How far back the hazard looks: the change of unemployment over the year that ended three months ago."""

ENTRY_MONTHS = 72
"""Months over which new obligors come in; a longer simulation has no later entrants."""


_SHARES = (
    "corporate_share", "late_share", "correction_share", "late_delivery_share", "missing_share", "cut_share", "repeated_share",
    "resent_share", "dispute_share", "withdrawn_share", "disputed_error_share", "wrong_person_share",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BureauSpec:
    """A bureau to simulate.

    ``obligors`` is the size of the book at its start (to a few in a hundred); every month some 0.7 % leave (moved on, paid off,
    worked out) and as many enter, so over 60 months some 40 % more are seen.
    ``months`` from ``first_month`` (its first day) are reported; reports of late rows and corrections follow for a few months after.
    ``corporate_share``, ``late_share`` and ``correction_share`` are decimals of obligors and of rows.

    What may go wrong with a delivery (decimals of files, or of deliveries where the name says so): ``late_delivery_share`` come after the
    next month's, ``missing_share`` are left out and come with the next delivery, ``cut_share`` arrive cut short and come again whole,
    ``repeated_share`` come a second time as they were, ``resent_share`` have some of their rows sent again under the next delivery's date.

    What obligors say of their records: ``dispute_share`` of facility records are disputed without being wrong, and of such disputes
    ``withdrawn_share`` end with the record's withdrawal, since nobody could prove it; ``disputed_error_share`` of the wrong records that are
    put right two deliveries later or more are found by a dispute. ``wrong_person_share`` of facility records bring with them somebody else's
    default, withdrawn a few deliveries later. A default is withdrawn ``expiry_months`` after the month in which it ended (the law).

    >>> BureauSpec(seed=1, obligors=100).month(12)
    datetime.date(2005, 10, 1)
    """

    seed: int
    obligors: int
    first_month: date = date(2004, 10, 1)
    months: int = 60
    corporate_share: float = 0.12
    late_share: float = 0.02
    correction_share: float = 0.005
    late_delivery_share: float = 0.02
    missing_share: float = 0.01
    cut_share: float = 0.01
    repeated_share: float = 0.01
    resent_share: float = 0.01
    dispute_share: float = 0.001
    withdrawn_share: float = 0.05
    disputed_error_share: float = 0.4
    wrong_person_share: float = 0.00002
    expiry_months: int = 120

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InvalidInput(f"a bureau's seed is a whole number from 0 to 2**63 - 1, not {self.seed}")
        if not 1 <= self.obligors <= 2_000_000:
            raise InvalidInput(f"a bureau has 1 to 2,000,000 obligors, not {self.obligors}")
        if not 1 <= self.months <= 600:
            raise InvalidInput(f"a bureau reports 1 to 600 months, not {self.months}")
        if self.first_month.day != 1:
            raise InvalidInput(f"first_month is the first day of a month, not {self.first_month}")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 0.5:
                raise InvalidInput(f"{name} lies in 0 to 0.5, not {getattr(self, name)}")
        if not 12 <= self.expiry_months <= 600:
            raise InvalidInput(f"expiry_months lies in 12 to 600, not {self.expiry_months}")

    @property
    def slots(self) -> int:
        """Places for obligors: two of three are taken at the start, every third by one who enters later."""
        return -(-self.obligors * 3 // 2)

    def month(self, index: int) -> date:
        """First day of the month ``index`` months after the first one reported (negative: before)."""
        years, month = divmod(self.first_month.year * 12 + self.first_month.month - 1 + index, 12)
        return date(years, month + 1, 1)

    @property
    def calendar_month(self) -> int:
        """The first month reported, counted from January of year 0: random streams are keyed by it, so extending a bureau keeps its past."""
        return self.first_month.year * 12 + self.first_month.month - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """What the hazard sees of the economy, a value a month simulated (the first is ``-WARM_UP_MONTHS``).

    ``unemployment_change``: change over twelve months, three months ago, in percentage points; ``spread``: last month's credit spread
    in percentage points, less its long calm level of 0.9.
    """

    unemployment_change: Floats
    spread: Floats

    @classmethod
    def of(cls, spec: BureauSpec, macro: pl.DataFrame) -> Economy:
        """Read the economy's table; months that the simulation needs and the table lacks are an error."""
        for name in MACRO_COLUMNS:
            if name not in macro.columns:
                raise InvalidInput(f"the economy's table has no column {name!r}; it needs {', '.join(MACRO_COLUMNS)}")
        months = [spec.month(index) for index in range(-WARM_UP_MONTHS - LONGEST_LAG_MONTHS, spec.months)]
        wanted = pl.DataFrame({"month": months}, schema={"month": pl.Date()})
        table = macro.select(pl.col(name).cast(dtype) for name, dtype in MACRO_COLUMNS.items())
        if table["month"].is_duplicated().any():
            raise InvalidInput("the economy's table has a month twice")
        full = wanted.join(table, on="month", how="left", maintain_order="left")
        # The newest months a hazard reads are one (spread) and three (unemployment) months old: later ones may be missing.
        for name, lag in (("unemployment_rate", 3), ("credit_spread", 1)):
            needed = full.head(len(months) - lag)
            gaps = needed.filter(~pl.col(name).is_finite().fill_null(value=False))["month"]
            if len(gaps):
                raise InvalidInput(
                    f"the economy's table lacks {name} for {gaps[0]}; this bureau needs every month from {months[0]} to {needed['month'][-1]}"
                )
        unemployment = full["unemployment_rate"].to_numpy() * 100
        spread = full["credit_spread"].to_numpy() * 100
        now = np.arange(LONGEST_LAG_MONTHS, len(months))
        return cls(unemployment_change=unemployment[now - 3] - unemployment[now - 15], spread=spread[now - 1] - 0.9)
