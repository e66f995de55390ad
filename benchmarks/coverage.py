"""How often the stated 95 % intervals hold the reference, over many seeds on small books: ``python -m benchmarks.coverage [SEEDS]`` (2,000 unless told).

``few_names`` (on a knife edge too, where two sums of losses are all but equally the value at risk) and ``thinning`` are held against the exact distribution
of a book on one factor, found by convolution and quadrature (on the edge: of three factors, at hundreds of times as many points); ``collapsed`` against the
same tables at thirty times as many points (what its expansion leaves out is in its intervals, and judged by ``benchmarks.agreement``); what a new loan adds
to both measures and the first order of that, and the parts in them of a name about as large as what all vary by in a bad state, against the mean of four runs
of forty times as many points. The bar: 93.5 to 96.5 %, give or take what so many seeds can tell (two standard errors). A value at risk that is one atom
of a discrete loss is covered more often: it is printed, and has a lower bar alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from benchmarks.report import keep, machine
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import RiskResult, WarmPortfolio, portfolio_risk
from crfs.risk.aiming import bad_directions
from crfs.risk.choosing import Question, find_outcome, make_question
from crfs.risk.collapsed import measure, spread_of_rest
from crfs.risk.mixtures import make_mixture
from crfs.risk.obligors import roll_up
from crfs.risk.points import draw

SEEDS = 2_000
LOWEST, HIGHEST = 0.935, 0.965
CONFIDENCE = 0.99
_GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}}
_CORRELATION = ((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0))


def run(seeds: int = SEEDS) -> int:
    """Measure; the number of bars missed."""
    before = machine()
    slack = 2.0 * math.sqrt(0.05 * 0.95 / seeds)
    figures, missed = {}, 0
    for name, (atoms, reference, ask) in _studies().items():
        covered = {"var": 0, "es": 0}
        for seed in range(seeds):
            for what, (low, high) in ask(seed).items():
                # An atom's interval is the atom: rounding of its sum is no miss.
                covered[what] += low * (1.0 - 1e-9) <= reference[what] <= high * (1.0 + 1e-9)
        shares = {what: count / seeds for what, count in covered.items()}
        tops = {"var": 1.0 if atoms else HIGHEST + slack, "es": HIGHEST + slack}
        figure = {**shares, "met": all(LOWEST - slack <= shares[what] <= tops[what] for what in shares)}
        missed += not figure["met"]
        figures[name] = figure
        print(f"{name}: {figure}", flush=True)
    keep("coverage", {"bar": [LOWEST, HIGHEST], "seeds": seeds, "studies": figures, "summary": {"missed": missed}}, before)
    return missed


Intervals: TypeAlias = dict[str, tuple[float, float]]


def _studies() -> dict[str, tuple[bool, dict[str, float], Callable[[int], Intervals]]]:
    """Of each study: whether its losses are a few atoms, the reference, and what a run with a seed states."""
    one, three, heavy = FactorModel.one_factor("all"), _three(), _three(nu=5.0)
    few, small, many = _book(24, whole=True, groups=("all",)), _book(60, whole=True, groups=("all",)), _book(600)
    ten = _book(10, whole=True)
    exactly: dict[str, Any] = {"method": "few_names", "rel_tol": 1e-7, "max_scenarios": 2**19}

    def asked(book: pl.DataFrame, model: FactorModel, *, confidence: float = CONFIDENCE, **options: Any) -> Callable[[int], RiskResult]:
        return lambda seed: portfolio_risk(book, model, confidences=(confidence,), contributions=False, threads=1, seed=seed, **options)

    def stated(*args: Any, **options: Any) -> Callable[[int], Intervals]:
        ask = asked(*args, **options)
        return lambda seed: _intervals(ask(seed))

    edge = _edge(asked(ten, three, **exactly)(10**9))
    uneven, finely = _uneven(400), {"rel_tol": 1e-7, "max_scenarios": 2**17}
    return {
        "few_names": (True, _measure(asked(few, one, method="exact")(0)), stated(few, one, method="few_names")),
        "few_names_on_an_edge": (
            True,
            _measure(asked(ten, three, confidence=edge, **exactly)(10**9)),
            stated(ten, three, confidence=edge, method="few_names"),
        ),
        "thinning": (True, _measure(asked(small, one, method="exact")(0)), stated(small, one, method="thinning", max_scenarios=4_000)),
        "collapsed": (False, _fine(many, three), stated(many, three, method="collapsed")),
        "collapsed_t5": (False, _fine(many, heavy), stated(many, heavy, method="collapsed")),
        "new_loan": (
            False,
            _mean(lambda seed: _what_if(uneven, three, seed, "incremental", **finely)),
            lambda seed: _ends(_what_if(uneven, three, seed, "incremental")),
        ),
        "first_order": (
            False,
            _mean(lambda seed: _what_if(uneven, three, seed, "marginal", **finely)),
            lambda seed: _ends(_what_if(uneven, three, seed, "marginal")),
        ),
        "largest_name": (False, _mean(lambda seed: _part(uneven, three, seed, **finely)), lambda seed: _ends(_part(uneven, three, seed))),
    }


def _intervals(result: RiskResult) -> Intervals:
    (measure,) = result.measures
    return {"var": (measure.var_low, measure.var_high), "es": (measure.es_low, measure.es_high)}


Stated: TypeAlias = dict[str, tuple[float, float, float]]
"""A value and the ends of its interval, of each measure."""


def _ends(stated: Stated) -> Intervals:
    return {what: (low, high) for what, (_, low, high) in stated.items()}


def _mean(ask: Callable[[int], Stated]) -> dict[str, float]:
    """Of four runs."""
    runs = [ask(10**9 + seed) for seed in range(4)]
    return {what: float(np.mean([run[what][0] for run in runs])) for what in runs[0]}


def _uneven(names: int) -> pl.DataFrame:
    """The largest loses about as much as what all vary by in a bad state."""
    random = np.random.default_rng(6)
    book = _book(names)
    return book.with_columns(ead=pl.Series(np.exp(random.normal(4.0, 0.8, names))), lgd=pl.lit(1.0))


def _what_if(book: pl.DataFrame, model: FactorModel, seed: int, which: str, **options: Any) -> Stated:
    """What a loan of twice the mean size adds to the measures, or the first order of that."""
    loan = book.head(1).with_columns(
        facility_id=pl.lit("N"), obligor_id=pl.lit("N"), ead=pl.lit(2.0 * book["ead"].to_numpy().mean()), pd_12m=pl.lit(0.02)
    )
    warm = WarmPortfolio(book, model, confidences=(CONFIDENCE,), method="collapsed", threads=1, seed=seed, **options)
    (measure,) = warm.what_if(put=loan).measures
    found = {what: getattr(measure, f"{which}_{what}") for what in ("var", "es")}
    return {what: (each.value, each.low, each.high) for what, each in found.items()}


def _part(book: pl.DataFrame, model: FactorModel, seed: int, **options: Any) -> Stated:
    """The largest name's."""
    told = portfolio_risk(
        book, model, confidences=(CONFIDENCE,), method="collapsed", threads=1, seed=seed, listed=len(book), **options
    ).to_dict()
    name = book.sort("ead", descending=True)["obligor_id"][0]
    (found,) = (part["es"][0] for part in told["contributions"] if part["by"] == "obligor" and part["name"] == name)
    return {what: (found[what], found[f"{what}_low"], found[f"{what}_high"]) for what in ("var", "es")}


def _three(nu: float = math.inf) -> FactorModel:
    return FactorModel(factors=("us", "eu", "oil"), correlation=_CORRELATION, groups=_GROUPS, copula=Copula(nu=nu))


def _book(names: int, *, whole: bool = False, groups: tuple[str, ...] = tuple(_GROUPS)) -> pl.DataFrame:
    random = np.random.default_rng(names)
    ids = [f"O{i:04d}" for i in range(names)]
    ead = random.lognormal(3.0, 0.4, names)
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": np.ceil(ead / 8.0) if whole else ead,
            "lgd": np.ones(names) if whole else random.uniform(0.2, 0.7, names),
            "pd_12m": np.exp(random.uniform(math.log(0.005), math.log(0.1), names)),
            "r2": random.uniform(0.05, 0.4, names),
            "group": [groups[k % len(groups)] for k in range(names)],
        }
    )


def _edge(finely: RiskResult) -> float:
    """A confidence near 99 % at which two sums of losses are all but equally the value at risk: off by 0.2 % of its tail."""
    beyond = min((point.exceedance_probability for point in finely.loss_curve), key=lambda p: abs(math.log(p / (1.0 - CONFIDENCE))))
    return 1.0 - 1.002 * beyond


def _measure(result: RiskResult) -> dict[str, float]:
    (measure,) = result.measures
    return {"var": measure.var, "es": measure.es}


def _fine(book: pl.DataFrame, model: FactorModel) -> dict[str, float]:
    """The mean of four drawings of thirty times as many points, of the tables and large names that an ordinary run works with."""
    found = find_outcome(roll_up(book, model), model, _question()).collapsed
    assert found is not None
    conditional = found.mixture.book
    names = conditional.names
    measures = []
    for seed in range(4):
        points = draw(
            found.aims,
            factors=names.directions.shape[1],
            nus=names.nus,
            seed=10**9 + seed,
            scrambles=8,
            size=8_192,
            along=bad_directions(conditional),
        )
        measures.append(measure(make_mixture(conditional, points, spread_of_rest(conditional, found.aims)), CONFIDENCE))
    return {what: names.unit * float(np.mean([getattr(each, what) for each in measures])) for what in ("var", "es")}


def _question() -> Question:
    return make_question(
        confidences=(CONFIDENCE,), method="collapsed", rel_tol=0.005, seed=10**9, max_scenarios=200_000, budget=1e11, contributions=False
    )


if __name__ == "__main__":
    sys.exit(run(*map(int, sys.argv[1:])))
