"""States of the factors in macro terms: which variables go with a state, how far they have moved, and what level that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Asked
from crfs.workflows.factor_satellites import fit_factors, material_known
from crfs.workflows.macro_history import age_notes
from crfs.workflows.satellites import read_satellite

if TYPE_CHECKING:
    from crfs.credit.factor_model import FactorModel
    from crfs.credit.macro_link import MacroLink, MacroMove
    from crfs.models.satellite import LatentFactorModel, Term

WHERE_KNOWN, NEEDED = "where_known", "needed"
"""Whether macro terms are told where the store knows enough for them, or must be."""
NO_SATELLITE = "none"


def satellite_settings(given: str | Path | Mapping[str, Any] | None) -> dict[str, Any]:
    """How a specification keeps what joins factors or default rates and macro variables: a satellite specification that somebody gave is needed,
    the one that ships with crfs serves where the store knows enough, and ``none`` is neither."""
    if given == NO_SATELLITE:
        return {}
    return {"satellite": read_satellite(given), "macro": WHERE_KNOWN if given is None else NEEDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroTerms:
    """Regressions of factors on macro history, read backwards; ``known`` has the last value of each variable, its unit and its period."""

    models: Mapping[str, LatentFactorModel]
    link: MacroLink
    terms: Mapping[str, tuple[Term, int]]
    known: Mapping[str, tuple[float, str, str]]

    def of(self, values: Mapping[str, float]) -> list[dict[str, Any]]:
        """The variables in a state of the factors, the largest move first.

        ``value`` is that of the regressor ``variable``, ``sd`` what the state leaves open of it, ``usual`` and ``usual_sd`` its mean and spread in
        the sample, ``deviations`` how many of these it has moved. ``mnemonic`` with ``transform``, ``over`` and ``lag`` (quarters) say what the
        regressor is; ``last_known`` is the variable's last value, of the quarter from ``last_known_at``, and ``level`` the one that it comes to.
        """
        from crfs.models.satellite import macro_moves

        return [self._told(move) for move in macro_moves(self.link, self.models, values)]

    def _told(self, move: MacroMove) -> dict[str, Any]:
        from crfs.models.satellite import Transform

        term, lag = self.terms[move.variable]
        last, unit, at = self.known[term.variable]
        level = {
            Transform.LEVEL: move.value,
            Transform.DIFFERENCE: last + move.value,
            Transform.LOG_CHANGE: last * math.exp(move.value),
        }[term.transform]
        about = {"mnemonic": term.variable, "transform": term.transform.value, "over": term.over, "lag": lag, "unit": unit}
        return {**move.to_dict(), **about, "last_known": last, "last_known_at": at, "level": level}


def macro_terms(asked: Asked, factor_model: FactorModel) -> tuple[MacroTerms | None, list[str]]:
    """What a run's satellite specification makes of its factors, and notes; None where it has none, or where nothing could be fitted.

    The latter is refused where the specification was given by somebody (``macro`` is ``needed``).
    """
    content = asked.option("satellite")
    if content is None:
        return None, []
    known_by = asked.at or asked.session.pin(asked.reader.batch_id).recorded_at
    from crfs.models.satellite import macro_link

    try:
        material = material_known(asked.reader, content, known_by=known_by)
        models = fit_factors(material, content, factor_model)
        link = macro_link(models)
    except InvalidInput as error:
        if asked.option("macro", WHERE_KNOWN) == NEEDED:
            raise
        return None, [f"no macro terms: {error}"]
    terms = {term.label(lag): (term, lag) for model in models.values() for term, lag in model.fit.chosen}
    known = {term.variable: _last_value(models, term.variable) for term, _ in terms.values()}
    quarters = {name: date.fromisoformat(day) for name, (_, _, day) in known.items()}
    notes = list(age_notes(asked.reader, quarters, known_by=known_by))
    notes += [f"{name}: {note}" for name, model in models.items() for note in model.fit.notes]
    if factor_model.copula.text != "gaussian":
        notes.append("macro terms speak of the factors; the common shock of the t copula comes on top of them")
    return MacroTerms(models=models, link=link, terms=terms, known=known), notes


def _last_value(models: Mapping[str, LatentFactorModel], variable: str) -> tuple[float, str, str]:
    """The last known value of a variable in the unit of the regressions, the unit, and the first day of its quarter."""
    macro = next(model.fit.macro for model in models.values() if variable in model.fit.macro.variables)
    path = macro.path(variable)
    value, day = [(value, day) for value, day in zip(path.array().tolist(), macro.times, strict=True) if not math.isnan(value)][-1]
    return value, path.unit, day.isoformat()
