"""What a payload parsed to, where all of its rows are of one dataset."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload
from crfs.sources.core.tables import accept


def one_dataset(frame: pl.DataFrame, rejected: Sequence[pl.DataFrame], name: str, payload: Payload, catalogue: Catalogue) -> Parsed:
    """The rows of ``frame`` that :func:`crfs.sources.core.tables.accept` lets into the dataset ``name``, and all that were rejected by then."""
    accepted, refused = accept(frame, catalogue.dataset(name), catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={name: accepted} if accepted.height else {}, rejected=pl.concat([*rejected, refused]).sort("row", maintain_order=True)
    )
