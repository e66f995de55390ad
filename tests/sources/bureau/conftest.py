"""The economy that drives the bureau in tests: real unemployment and credit spreads, as statsmodels and arch ship them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import parse_definitions
from crfs.sources.core import Payload, Request
from crfs.sources.providers.bureau import BureauSpec, World, simulate


class NoTransport:
    """A transport for sources that ask nobody."""

    has_key = False
    now = datetime(2026, 1, 2, 3, tzinfo=UTC)

    def send(self, request: Request) -> Payload:
        raise AssertionError(f"the bureau asked for {request.full_url}")


@pytest.fixture(scope="session")
def macro() -> pl.DataFrame:
    """Month, unemployment_rate, credit_spread from 1990 to 2009-09 and beyond (the spread)."""
    import arch.data.default
    import statsmodels.api as sm

    data = sm.datasets.macrodata.load_pandas().data
    quarters = pl.DataFrame(
        {
            "month": [date(int(y), 3 * int(q) - 2, 1) for y, q in zip(data["year"], data["quarter"], strict=True)],
            "unemployment_rate": data["unemp"].to_numpy() / 100,
        }
    )
    yields = arch.data.default.load()
    spreads = pl.DataFrame({"month": [d.date() for d in yields.index], "credit_spread": ((yields["BAA"] - yields["AAA"]) / 100).to_numpy()})
    return spreads.sort("month").join_asof(quarters.sort("month"), on="month", tolerance="62d").filter(pl.col("month") >= date(1990, 1, 1))


CALM = {
    "late_delivery_share": 0.0,
    "missing_share": 0.0,
    "cut_share": 0.0,
    "repeated_share": 0.0,
    "resent_share": 0.0,
    "dispute_share": 0.0,
    "disputed_error_share": 0.0,
    "wrong_person_share": 0.0,
}
"""A provider of whom every file comes once, in its turn and whole, and whom nobody contradicts."""


@pytest.fixture(scope="session")
def calm(spec: BureauSpec) -> BureauSpec:
    """The same bureau, with delays and corrections only."""
    return replace(spec, **CALM)  # type: ignore[arg-type]  # all of them are shares


@pytest.fixture(scope="session")
def spec() -> BureauSpec:
    """A bureau large enough for every kind of event."""
    return BureauSpec(seed=42, obligors=2500)


@pytest.fixture(scope="session")
def world(spec: BureauSpec, macro: pl.DataFrame) -> World:
    """All that is true of that bureau."""
    return simulate(spec, macro)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The bureau's own definitions."""
    from importlib.resources import files

    text = (files("crfs") / "catalog" / "bureau.toml").read_text(encoding="utf-8")
    return Catalogue.of([parse_definitions(text, where="bureau.toml")])


@pytest.fixture
def transport() -> NoTransport:
    return NoTransport()
