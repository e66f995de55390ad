"""Books and shocks for the tests of stress, small and wild."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

SEGMENTS = ["card", "loan", "mortgage"]
RATINGS = ["A", "BBB", "BB", "B"]


def book(seed: int, rows: int = 12) -> pl.DataFrame:
    """A book with everything that a shock can reach."""
    rng = np.random.default_rng(seed)
    drawn = np.round(10.0 ** rng.uniform(1, 6, rows), 2)
    limit = np.round(drawn * rng.choice([1.0, 1.5, 3.0, 0.9], rows), 2)
    ccf = rng.choice([0.0, 0.3, 1.0], rows)
    lgd = rng.choice([0.0, 0.2, 0.45, 1.0], rows)
    return pl.DataFrame(
        {
            "facility_id": [f"F{i:03d}" for i in range(rows)],
            "obligor_id": [f"O{i:03d}" for i in range(rows)],
            "drawn": drawn,
            "limit": limit,
            "ccf": ccf,
            "ead": drawn + ccf * np.maximum(limit - drawn, 0.0),
            "lgd": lgd,
            "lgd_sd": 0.5 * np.sqrt(lgd * (1 - lgd)),
            "pd_12m": rng.choice([0.0, 1e-6, 0.004, 0.03, 0.3, 1.0], rows),
            "r2": rng.uniform(0.05, 0.4, rows),
            "group": "all",
            "segment": rng.choice(SEGMENTS, rows),
            "sector": [("food", "steel", None)[k] for k in rng.integers(0, 3, rows)],
            "region": rng.choice(["north", "south"], rows),
            "rating": rng.choice(RATINGS, rows),
            "maturity_years": rng.uniform(0.1, 5.0, rows),
        }
    )


def shock_rows(*, harmful: bool, segments: list[str | None] | None = None) -> st.SearchStrategy[list[dict[str, Any]]]:
    """A row a segment; ``harmful`` shocks are none or worse."""
    low = 0.0 if harmful else -1.0
    row = st.fixed_dictionaries(
        {
            "pd_probit": st.floats(3 * low, 3.0),
            "lgd_add": st.floats(low, 1.0),
            "ccf_add": st.floats(low, 1.0),
            "notches": st.integers(0 if harmful else -3, 3),
            "r2_scale": st.floats(1.0 if harmful else 0.0, 3.0),
        }
    )
    names = segments or [*SEGMENTS, None]
    return st.lists(row, min_size=len(names), max_size=len(names)).map(
        lambda rows: [{**one, "segment": name} for one, name in zip(rows, names, strict=True)]
    )


def shocks(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows as a table."""
    return pl.DataFrame(rows, schema_overrides={"segment": pl.String(), "notches": pl.Int64()})
