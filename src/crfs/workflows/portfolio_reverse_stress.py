"""Reverse stress as a run: the most likely states of the world in which a book loses a given amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Asked, BookKind, Ready
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.macro_terms import NEEDED, WHERE_KNOWN, MacroTerms, macro_terms
from crfs.workflows.macro_words import words
from crfs.workflows.portfolio_risk import factor_model_of
from crfs.workflows.portfolio_risk import ready as ready_for_losses
from crfs.workflows.runs import RunKind

if TYPE_CHECKING:
    from crfs.risk.stress.reverse import ReverseStress

DEFAULTS: dict[str, Any] = {"modes": 5, "seed": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The states that were found, what makes macro terms of them, and what a reader must know of that."""

    found: ReverseStress
    macro: MacroTerms | None
    notes: list[str]


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options: the search itself checks them, on a book of one name whose exposure is twice the loss."""
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.quality.portfolio import check_default_ccf
    from crfs.risk.stress import reverse_stress

    check_default_ccf(options.get("default_ccf"))
    if options.get("macro", NEEDED) not in (WHERE_KNOWN, NEEDED):
        raise InvalidInput(f"macro is {WHERE_KNOWN} or {NEEDED}, not {options['macro']!r}", argument="macro")
    loss = options.get("loss")
    if not isinstance(loss, int | float) or isinstance(loss, bool):
        raise InvalidInput("loss is what the book is to lose in 12 months, an amount in its currency", argument="loss")
    one_name = pl.DataFrame(
        {"facility_id": ["F"], "obligor_id": ["O"], "ead": [2.0], "lgd": [1.0], "pd_12m": [0.5], "r2": [0.1], "group": ["all"]}
    )
    told = {name: options[name] for name in DEFAULTS if name in options}
    reverse_stress(one_name, FactorModel.one_factor("all"), loss=float(loss) if loss <= 0.0 else 1.0, **told)


def ready(asked: Asked) -> Ready:
    """The book as the loss distribution takes it, and the states: a loss that cannot be reached is refused before anything is kept."""
    filled = ready_for_losses(asked)
    macro, notes = macro_terms(asked, factor_model_of(asked))
    return Ready(rows=filled.rows, filler=filled.filler, more=States(found=_states(asked, filled), macro=macro, notes=notes))


def _states(asked: Asked, filled: Ready) -> ReverseStress:
    from crfs.risk.stress import reverse_stress

    options = {name: asked.option(name, default) for name, default in DEFAULTS.items()}
    with asked.pieces() as mapped:
        return reverse_stress(filled.rows, factor_model_of(asked), loss=float(asked.option("loss")), map_blocks=mapped, **options)


def measure(_asked: Asked, ready: Ready) -> dict[str, Any]:
    """The states, the most likely first, with what they mean."""
    states: States = ready.more
    document = states.found.to_dict()
    if states.macro is not None:
        for told in document["scenarios"]:
            told["macro"] = states.macro.of({**told["groups"], **told["factors"]})
            told["macro_words"] = words(told["macro"])
        document["satellites"] = [{"factor": name, **model.to_dict()} for name, model in states.macro.models.items()]
    return {**document, "n_facilities": ready.rows.height, "notes": [*document["notes"], *states.notes]}


REVERSE_STRESS = BookKind(
    kind=RunKind.REVERSE_STRESS,
    options={**DEFAULTS, "loss": None, "default_ccf": None, "satellite": None, "macro": None},
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("loss", "el"),
    doing="looking for the most likely states",
    needed=("factor_model",),
    remarks=measured_as_performing,
)
compute = REVERSE_STRESS.compute
