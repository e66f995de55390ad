"""The books that the portfolio-risk benchmarks measure: heterogeneous, on a printed seed."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel

FACTORS = 20


def heterogeneous_book(obligors: int, *, seed: int = 1, spread: float = 1.5) -> pl.DataFrame:
    """Lognormal exposures (``spread`` of their logarithm), PD 0.05 to 8 % evenly in its logarithm, R2 5 to 40 %, LGD 45 %, twenty groups."""
    random = np.random.default_rng(seed)
    ids = [f"O{i:07d}" for i in range(obligors)]
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": random.lognormal(10.0, spread, obligors),
            "lgd": 0.45,
            "pd_12m": np.exp(random.uniform(math.log(0.0005), math.log(0.08), obligors)),
            "r2": random.uniform(0.05, 0.40, obligors),
            "group": pl.Series([f"g{k:02d}" for k in range(FACTORS)])[random.integers(0, FACTORS, obligors).tolist()],
        }
    )


def twenty_factors(nu: float = math.inf, *, correlation: float = 0.4) -> FactorModel:
    """Twenty equally correlated factors; a group follows its own and, half as much, another one."""
    matrix = np.full((FACTORS, FACTORS), correlation)
    np.fill_diagonal(matrix, 1.0)
    return FactorModel(
        factors=tuple(f"f{k}" for k in range(FACTORS)),
        correlation=tuple(map(tuple, matrix.tolist())),
        groups={f"g{k:02d}": {f"f{k}": 1.0, f"f{(k + 7) % FACTORS}": 0.5} for k in range(FACTORS)},
        copula=Copula(nu=nu),
    )


def loadings(book: pl.DataFrame, model: FactorModel) -> np.ndarray:
    """Loadings of each obligor on twenty independent normals, for those who simulate plainly."""
    root = model.root()
    directions = np.stack([model.direction(f"g{k:02d}") @ root for k in range(FACTORS)])
    place = book["group"].str.slice(1).cast(pl.Int64).to_numpy()
    return np.asarray(np.sqrt(book["r2"].to_numpy())[:, None] * directions[place])
