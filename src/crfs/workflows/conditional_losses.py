"""Losses given the factors that a scenario brings: a book over all states of the world, in those of the base, and in those of the scenario.

The satellite regressions foretell the factors of the factor model, with their errors; the book keeps its default probabilities, which are
means over all states, and the engine measures it in the states that are left; losses given default answer as in any stress. A scenario that
is its own base changes exactly nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from crfs.workflows import portfolio_risk
from crfs.workflows.book_runs import Asked
from crfs.workflows.factor_satellites import fit_factors
from crfs.workflows.satellites import Satellites

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.conditional_factors import ConditionalFactors
    from crfs.credit.factor_model import FactorModel
    from crfs.credit.scenarios import Scenario
    from crfs.models.satellite import LatentFactorModel
    from crfs.risk.portfolio import MeasuredBook
    from crfs.risk.what_if import Difference

SIDES = ("base", "stressed")
_HELD = (
    "given the scenario's factors the book keeps its default probabilities, as means over all states of the world; the state of the quarter is "
    "taken to hold for the 12 months"
)
_LGD_ANSWERS = (
    "losses given default are the means, by the function of Frye and Jacobs, over the states that are left; within these they do not move"
)
_LGD_STAYS = "losses given default stay as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioned:
    """A book in the states that the base (first) and the scenario (second) leave: its rows, its factor model and its factors."""

    models: Mapping[str, LatentFactorModel]
    given: tuple[ConditionalFactors, ConditionalFactors]
    books: tuple[tuple[pl.DataFrame, FactorModel], ...]
    lgd_answers: bool


def condition_on(
    asked: Asked, rows: pl.DataFrame, scenario: Scenario, satellites: Satellites, *, at: date | None, lgd_answers: bool
) -> Conditioned:
    """The book given the factors of a scenario and of its base in the period ``at``; what cannot be conditioned on is refused.

    With ``lgd_answers`` losses given default go with the probabilities.
    """
    from crfs.models.satellite import conditional_factors
    from crfs.risk.stress import conditional_book, restrict

    model = portfolio_risk.factor_model_of(asked)
    models = fit_factors(satellites.material, asked.specification["satellite"], model)
    transmission = satellites.transmission
    base, told = (conditional_factors(models, one, at=at, history=transmission.history) for one in (transmission.base, scenario))
    books = tuple(conditional_book(rows, model, restrict(model, one)) for one in (base, told))
    if lgd_answers:
        books = tuple((_with_losses(rows, model, moved, factors), factors) for moved, factors in books)
    return Conditioned(models=models, given=(base, told), books=books, lgd_answers=lgd_answers)


def _with_losses(rows: pl.DataFrame, model: FactorModel, moved: pl.DataFrame, left_model: FactorModel) -> pl.DataFrame:
    """The conditional book with losses given default as the states that are left have them on average.

    In each state the expected loss is that of a name of probability ``pd lgd``, so over states Z = m + L x, with ``t = |l L|^2 + 1 - r2``, it is
    ``Phi((Phi^-1(pd lgd) - l m) / sqrt(t))``: the function of Frye and Jacobs with t in place of 1 - r2. The conditional book has, by its own
    model, R2 of ``1 - (1 - r2) / t``. Where nothing is known t is 1, and the loss given default that of the book.
    """
    import numpy as np
    import polars as pl

    from crfs.models.satellite import frye_jacobs
    from crfs.risk.obligors import systematic_shares
    from crfs.risk.stress.shifts import scaled_spread

    lgd = rows["lgd"].to_numpy()
    left = (1.0 - systematic_shares(rows, model)) / (1.0 - systematic_shares(moved, left_model))
    # A regression that knows less than nothing would leave more than all states: it leaves all.
    told = frye_jacobs(moved["pd_12m"].to_numpy(), pd=rows["pd_12m"].to_numpy(), lgd=lgd, r2=np.maximum(1.0 - left, 0.0))
    moved = moved.with_columns(lgd=pl.Series(told))
    if "lgd_sd" not in rows.columns:
        return moved
    spread = scaled_spread(rows["lgd_sd"].fill_null(0.0).to_numpy(), lgd, told)
    return moved.with_columns(lgd_sd=pl.Series(spread).set(rows["lgd_sd"].is_null(), None))


def conditional_losses(
    asked: Asked, whole: Mapping[str, Any], conditioned: Conditioned, *, at: date | None, cuts: Sequence[str]
) -> dict[str, Any]:
    """Expected loss, its cuts, and measures with their errors: over all states (``whole``), given the base and given the scenario.

    All are measured with the same seed. Two books that are simulated name by name, or taken name by name at the same states of the factors, have common
    random numbers, and the error of their difference is that of the pair; else it is that of both runs, which is more than it has. Of no change it is none.
    """
    from crfs.risk.paired import differences
    from crfs.risk.stress import waterfall
    from crfs.risk.workers import workers

    sides: list[MeasuredBook] = []
    for rows, model in conditioned.books:
        base = sides[0] if sides else None
        sides.append(portfolio_risk.measured_book(asked, rows, model=model, contributions=False, beside=base))
    with asked.pieces() as pieces, workers(pieces, asked.session.workers) as mapped:
        changes = differences(sides[0], sides[1], map_blocks=mapped, device=asked.session.device)
    told = [one.result.to_dict() for one in sides]
    columns = {"all_states": whole, **dict(zip(SIDES, told, strict=True))}
    amounts = {
        name: {**{side: one[name] for side, one in columns.items()}, "change": told[1][name] - told[0][name]} for name in ("el", "ul")
    }
    before, after = (rows for rows, _ in conditioned.books)
    keep = ("name", "base", "stressed", "change")
    cut_rows = {tag: waterfall(before, after, tag=tag).to_table().rename({tag: "name"}).select(keep).to_dicts() for tag in cuts}
    return {
        "at": None if at is None else at.isoformat(),
        "factors": _factors(conditioned),
        "satellites": [{"factor": name, **model.to_dict()} for name, model in conditioned.models.items()],
        **amounts,
        "measures": [_measure([one["measures"][k] for one in columns.values()], change) for k, change in enumerate(changes)],
        "cuts": cut_rows,
        "method": {side: one["method"] for side, one in columns.items()},
        "notes": [
            _HELD,
            _LGD_ANSWERS if conditioned.lgd_answers else _LGD_STAYS,
            *dict.fromkeys(note for given in conditioned.given for note in given.notes),
        ],
    }


def _measure(sides: Sequence[Mapping[str, Any]], changes: tuple[Difference, Difference]) -> dict[str, Any]:
    """One confidence: all states, base, stressed, in this order, with the changes of value at risk and of expected shortfall."""
    names = ("all_states", *SIDES)
    found: dict[str, Any] = {"confidence": sides[0]["confidence"]}
    for what, change in zip(("var", "es"), changes, strict=True):
        found[what] = {**{name: side[what] for name, side in zip(names, sides, strict=True)}, "change": sides[2][what] - sides[1][what]}
        for end in ("se", "low", "high"):
            moved = getattr(change, end)
            ends = {name: side[f"{what}_{end}"] for name, side in zip(names, sides, strict=True)}
            found[f"{what}_{end}"] = {**ends, "change": moved if math.isfinite(moved) else None}
    return found


def _factors(conditioned: Conditioned) -> list[dict[str, Any]]:
    """What the base and the scenario say of each factor: mean and standard deviation; beforehand they are 0 and 1."""
    base, told = conditioned.given
    return [
        {
            "factor": name,
            "base": base.mean[k],
            "base_sd": math.sqrt(base.covariance[k][k]),
            "stressed": told.mean[k],
            "stressed_sd": math.sqrt(told.covariance[k][k]),
            "change": told.mean[k] - base.mean[k],
        }
        for k, name in enumerate(told.factors)
    ]
