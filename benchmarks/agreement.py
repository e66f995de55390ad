"""The fast methods beside the auditor on random books: ``python -m benchmarks.agreement``.

Ten are granular to concentrated, Gaussian and t; four are lumpy, with a handful of giants or of names that seldom default. Each is measured by what
``auto`` takes, and by exact thinned simulation with another seed. The bar: no measure differs by more than four combined errors, the stated bias of the
fast method and, where the simulation's interval of a value at risk is wider, that interval included.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import keep, machine
from benchmarks.risk_books import heterogeneous_book, twenty_factors
from crfs.credit.factor_model import FactorModel
from crfs.risk import RiskResult, portfolio_risk

# Obligors, spread of the logarithm of exposures, degrees of freedom, and times what PDs: Herfindahl indices from some 1e-5 to 0.05.
BOOKS = (
    (100_000, 0.3, math.inf, 1.0),
    (30_000, 1.0, 6.0, 1.0),
    (10_000, 1.0, math.inf, 1.0),
    (5_000, 1.5, 4.0, 1.0),
    (2_000, 1.0, math.inf, 1.0),
    (1_000, 1.2, 6.0, 1.0),
    (500, 1.0, math.inf, 1.0),
    (300, 1.5, 6.0, 1.0),
    (120, 1.2, math.inf, 1.0),
    (60, 1.0, 8.0, 1.0),
    (40_000, 2.2, math.inf, 1.0),
    (10_000, 1.8, 5.0, 0.03),
    (3_000, 1.5, math.inf, 0.03),
    (400, 1.5, 6.0, 0.05),
)
_CONFIDENCES = (0.99, 0.999)
_ERRORS = 4.0
_SCENARIOS = 100_000
"""Of a book whose names seldom default, as many more as they default less: simulation by thinning pays for defaults."""


def run() -> int:
    """Compare all books; the number that disagree."""
    before = machine()
    figures = [compare(*book, seed=number, scenarios=round(_SCENARIOS / book[-1])) for number, book in enumerate(BOOKS)]
    missed = sum(not figure["agrees"] for figure in figures)
    keep("agreement", {"bar_errors": _ERRORS, "books": figures, "summary": {"missed": missed}}, before)
    return missed


def compare(
    obligors: int, spread: float, nu: float, times_pd: float = 1.0, *, seed: int = 0, scenarios: int = _SCENARIOS
) -> dict[str, Any]:
    """One random book: how far the methods are apart, in combined errors."""
    book = heterogeneous_book(obligors, seed=100 + seed, spread=spread).with_columns(
        pd_12m=times_pd * pl.col("pd_12m"),
        lgd_sd=pl.Series(np.where(np.random.default_rng(seed).random(obligors) < 0.3, 0.15, 0.0)),
    )
    model = twenty_factors(nu)
    options: dict[str, Any] = {"confidences": _CONFIDENCES, "contributions": False}
    start = time.process_time()
    fast = portfolio_risk(book, model, seed=seed, **options)
    taken = time.process_time() - start
    slow = _simulated(book, model, seed=seed + 1_000, scenarios=scenarios)
    apart = [
        {
            "confidence": mine.confidence,
            "var": round(_distance(mine.var, truth.var, (mine.var_low, mine.var_high), (truth.var_low, truth.var_high)), 2),
            "es": round(_distance(mine.es, truth.es, (mine.es_low, mine.es_high), (truth.es_low, truth.es_high)), 2),
            "var_relative": round(mine.var / truth.var - 1.0, 5),
            "es_relative": round(mine.es / truth.es - 1.0, 5),
        }
        for mine, truth in zip(fast.measures, slow.measures, strict=True)
    ]
    figure = {
        "obligors": obligors,
        "hhi": float(f"{fast.hhi:.3g}"),
        "copula": fast.copula,
        "times_pd": times_pd,
        "method": fast.method.value,
        "converged": fast.converged,
        "cpu_seconds": round(taken, 2),
        "apart": apart,
        "agrees": all(abs(each[what]) <= _ERRORS for each in apart for what in ("var", "es")),
    }
    print(figure, flush=True)
    return figure


def _simulated(book: pl.DataFrame, model: FactorModel, *, seed: int, scenarios: int) -> RiskResult:
    return portfolio_risk(
        book,
        model,
        confidences=_CONFIDENCES,
        method="thinning",
        seed=seed,
        max_scenarios=scenarios,
        rel_tol=1e-6,
        contributions=False,
        budget=1e12,
    )


def _distance(mine: float, truth: float, own: tuple[float, float], theirs: tuple[float, float]) -> float:
    """How many combined errors apart: half the 95 % intervals on the sides that face each other, over 1.96."""
    low, high = (own, theirs) if mine <= truth else (theirs, own)
    towards = math.hypot(low[1] - min(mine, truth), max(mine, truth) - high[0])
    return 1.96 * (mine - truth) / towards if towards > 0.0 else 0.0


if __name__ == "__main__":
    sys.exit(run())
