"""Rights: what a provider's terms keep from leaving the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crfs.errors import Forbidden
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue


def require_export(session: Session, mnemonic: str) -> None:
    """Whether a factor's values may be written into a file; :class:`~crfs.errors.Forbidden` with the terms where they may not."""
    from crfs.credit.definitions import Redistribution

    catalogue = session.catalogue()
    factor = catalogue.factor(mnemonic)
    if catalogue.redistribution(factor) is Redistribution.FORBIDDEN:
        terms = factor.rights or catalogue.dataset(factor.dataset).rights
        raise Forbidden(f"{mnemonic} may be looked at and computed with here, but not exported: {terms}")


def forbidden_entities(catalogue: Catalogue, dataset: str) -> list[str]:
    """Entities of a dataset whose rows may not be exported, since a factor of theirs may not; the whole dataset is an error."""
    from crfs.credit.definitions import Redistribution

    definition = catalogue.dataset(dataset)
    if definition.redistribution is Redistribution.FORBIDDEN:
        raise Forbidden(f"dataset {dataset} may be looked at and computed with here, but not exported: {definition.rights}")
    return sorted(
        {
            factor.entity
            for factor in catalogue.factors.values()
            if factor.dataset == dataset and factor.entity is not None and catalogue.redistribution(factor) is Redistribution.FORBIDDEN
        }
    )
