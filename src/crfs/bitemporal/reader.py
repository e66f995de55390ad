"""What the science needs of a store: one method that hands out rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import polars as pl


class Reader(Protocol):
    """Anything that hands out a dataset's rows: PostgreSQL, a Parquet file, a table in memory."""

    def rows(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
        known_by: datetime | None = None,
    ) -> pl.DataFrame:
        """Rows of ``dataset`` up to the reader's batch, with ``entity``, the clocks, ``row_state``, ``knowledge_basis`` and the value
        ``columns`` asked for.

        ``entities`` keeps those entities only; ``known_by`` leaves out what became known later. Nothing is resolved here: revisions,
        corrections and annulments all come, and the pure functions of this package decide which row counts.
        """
        ...
