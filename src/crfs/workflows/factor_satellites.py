"""The factors of a factor model that default rates stand for, explained by macro history: from a scenario to factors, and back.

Vasicek's formula turns the default rates of a segment into the history of one factor, which is regressed on the terms of the satellite
specification. Its ``[factors]`` table says which factor (or group) of a factor model that is; a model of one factor needs no such word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.macro_history import is_history, macro_history, supervisory_quarters, supervisory_tables
from crfs.workflows.satellites import EVERY, Material, chosen_terms, listed_variables, material_of

if TYPE_CHECKING:
    from crfs.credit.factor_model import FactorModel
    from crfs.models.satellite import LatentFactorModel
    from crfs.store.scan import StoreReader


def fit_factors(material: Material, content: Mapping[str, Any], factor_model: FactorModel) -> dict[str, LatentFactorModel]:
    """A regression a factor (or group) of the factor model; default rates stand in for their own mean and spread.

    The pool's probability and correlation are estimated from the same default rates, so the factor is their probit on a standard scale, with
    the sign turned round: 0 is an average quarter of the sample, -2 a quarter that is two of its standard deviations worse.
    """
    from crfs.models.satellite import fit_latent_factor

    found = {}
    for factor, segment in stand_for(content, factor_model).items():
        counts = material.counts[None if segment == EVERY else segment]
        try:
            found[factor] = fit_latent_factor(counts, material.history, material.spec)
        except InvalidInput as error:
            raise InvalidInput(
                f"the factor {factor!r} cannot be explained: {error}", problems=error.problems, argument="satellite"
            ) from None
    return found


def material_known(reader: StoreReader, content: Mapping[str, Any], *, known_by: datetime) -> Material:
    """What the store knew for a satellite specification without any scenario: of each concept the first term whose history it has.

    A concept of which there is a supervisory history alone takes the newest one.
    """
    import polars as pl

    history = macro_history(
        reader, {item["variable"] for item in content["term"] if is_history(reader, item["variable"])}, known_by=known_by
    )
    known = set(history["variable"].to_list())
    told = {item.get("concept", item["variable"]) for item in content["term"] if item["variable"] in known}
    others = {item["variable"] for item in content["term"] if item.get("concept", item["variable"]) not in told}
    if any(name.split(".")[1:2] == ["scenario"] for name in others) and supervisory_tables(reader, known_by=known_by):
        more = supervisory_quarters(reader, None, known_by=known_by)
        history = pl.concat([history, more.filter(pl.col("variable").is_in(sorted(others))).select(history.columns)])
    terms = chosen_terms(content, set(history["variable"].to_list()))
    if not terms:
        raise InvalidInput(
            f"the satellite model looks at {listed_variables(content)}, and the store knows none of these; crfs ingest packaged brings some",
            argument="satellite",
        )
    return material_of(reader, content, terms, history, known_by=known_by)


def stand_for(content: Mapping[str, Any], factor_model: FactorModel) -> dict[str, str]:
    """The segment (``"*"``: all obligors) whose default rates each of some factors, or groups, of a factor model stands for.

    >>> from crfs.credit.factor_model import FactorModel
    >>> stand_for({}, FactorModel.one_factor("all", factor="world"))
    {'world': '*'}
    """
    told = dict(content.get("factors", {}))
    known = {*factor_model.factors, *factor_model.groups}
    if len(factor_model.factors) == 1 and set(told.values()) <= {EVERY} and not set(told) <= known:
        told = {}
    if not told and len(factor_model.factors) == 1:
        return {factor_model.factors[0]: EVERY}
    lost = sorted(set(told) - known)
    if lost or not told:
        listed = ", ".join(sorted(known)[:12]) + (" …" if len(known) > 12 else "")
        what = f"says that default rates stand for {', '.join(lost)}" if lost else "does not say which factors default rates stand for"
        raise InvalidInput(
            f"the satellite specification {what}; the factor model has {listed}: name one of these in its [factors]", argument="satellite"
        )
    return dict(sorted(told.items()))
