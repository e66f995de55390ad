"""Rights: what a provider's terms keep from leaving the store."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from crfs.errors import Forbidden
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue


def require_export(session: Session, *mnemonics: str, recorded_as_of: str | date | int | None = None) -> None:
    """Whether values of factors may leave, as a file or as JSON; :class:`~crfs.errors.Forbidden` names those that may not, with the terms.

    The terms of today hold whatever state of the store is asked, and those of that state where they forbid more.
    """
    forbidden: dict[str, str] = {}
    for catalogue in _in_force(session, recorded_as_of):
        for mnemonic in mnemonics:
            terms = _terms_that_forbid(catalogue, mnemonic)
            if terms is not None:
                forbidden.setdefault(mnemonic, terms)
    if forbidden:
        terms = " ".join(dict.fromkeys(forbidden.values()))
        raise Forbidden(
            f"{', '.join(forbidden)} may be looked at and computed with here, but not exported: {terms} The table of crfs factors get without "
            "a format or --json, the factor's page and Python on this machine show the values."
        )


def forbidden_entities(session: Session, dataset: str, *, recorded_as_of: str | date | int | None = None) -> list[str]:
    """Entities of a dataset whose rows may not be exported, since a factor of theirs may not; the whole dataset is an error."""
    from crfs.credit.definitions import Redistribution

    forbidden: set[str] = set()
    for catalogue in _in_force(session, recorded_as_of):
        definition = catalogue.datasets.get(dataset)
        if definition is None:
            continue
        if definition.redistribution is Redistribution.FORBIDDEN:
            raise Forbidden(f"dataset {dataset} may be looked at and computed with here, but not exported: {definition.rights}")
        forbidden |= {
            factor.entity
            for factor in catalogue.factors.values()
            if factor.dataset == dataset and factor.entity is not None and catalogue.redistribution(factor) is Redistribution.FORBIDDEN
        }
    return sorted(forbidden)


def terms_of_payload(session: Session, sha256: str) -> str | None:
    """The terms that keep a payload's bytes here; None where nothing does.

    They are those of what it gave rows of. Of a payload that gave none they are those of its source, where it forbids all that it has.
    """
    from crfs.credit.definitions import Redistribution
    from crfs.store.payloads import payload_fed

    catalogue = session.catalogue()
    sources, fed = payload_fed(session.database, sha256)
    datasets = {name for name, _ in fed}
    definitions = [d for d in catalogue.datasets.values() if (d.name in datasets if fed else d.source in sources)]
    forbidding = [d.rights for d in definitions if d.redistribution is Redistribution.FORBIDDEN]
    if forbidding and (fed or len(forbidding) == len(definitions)):
        return forbidding[0]
    written = set(fed)
    own = (name for name, factor in catalogue.factors.items() if (factor.dataset, factor.entity) in written)
    return next(filter(None, (_terms_that_forbid(catalogue, name) for name in own)), None)


def _in_force(session: Session, recorded_as_of: str | date | int | None) -> list[Catalogue]:
    """The definitions of today, and those of another state of the store."""
    now = session.catalogue()
    return [now] if recorded_as_of is None else [now, session.catalogue(session.pin(recorded_state(recorded_as_of)).batch_id)]


def _terms_that_forbid(catalogue: Catalogue, mnemonic: str) -> str | None:
    """What forbids the export of a factor; None where nothing does, or the catalogue does not have it."""
    from crfs.credit.definitions import Redistribution

    factor = catalogue.factors.get(mnemonic)
    if factor is None or catalogue.redistribution(factor) is not Redistribution.FORBIDDEN:
        return None
    return factor.rights or catalogue.dataset(factor.dataset).rights
