"""Scanning rows of a dataset into a table: the store's side of :class:`crfs.bitemporal.Reader`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import polars as pl

from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASES, KNOWLEDGE_BASIS, ROW_STATE, ROW_STATES
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.store.database import Database
from crfs.store.entities import entity_names, known_entity_ids
from crfs.store.relations import ensure_relation, relation


class StoreReader:
    """Rows as the store had them at one batch; it notes which batches the rows that it handed out came from.

    The notes are what a result's lineage rests on, so a result uses one reader of its own.
    """

    def __init__(self, database: Database, catalogue: Catalogue, *, batch_id: int) -> None:
        self.catalogue = catalogue
        self.batch_id = batch_id
        self.batches_read: dict[str, set[int]] = {}
        self._database = database

    def rows(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
        known_by: datetime | None = None,
        vintage_dates: bool = False,
        batches: Collection[int] | None = None,
        valid_from: datetime | None = None,
        valid_before: datetime | None = None,
    ) -> pl.DataFrame:
        """Rows up to this reader's batch; see :meth:`crfs.bitemporal.Reader.rows`. ``vintage_dates`` adds the provider's ``vintage_date``.

        ``batches`` keeps the rows of those batches only, ``valid_from <= valid_time < valid_before`` those of a stretch of valid time.
        """
        definition = self.catalogue.dataset(dataset)
        ensure_relation(self._database, definition)
        wanted = list(definition.schema()) if columns is None else list(columns)
        for name in wanted:
            definition.column(name)
        where = [f"batch_id <= {self.batch_id}"]
        bounds = {"knowledge_time <=": known_by, "valid_time >=": valid_from, "valid_time <": valid_before}
        for what, bound in bounds.items():
            if bound is not None:
                if bound.tzinfo is None:
                    raise InvalidInput(f"{what} {bound}: the bound has no time zone")
                where.append(f"{what} '{bound.isoformat()}'")
        if batches is not None:
            where.append(f"batch_id IN ({', '.join(str(int(batch)) for batch in sorted(batches))})" if batches else "false")
        if entities is not None:
            ids = known_entity_ids(self._database, definition, list(entities))
            where.append(f"entity_id IN ({', '.join(str(i) for i in sorted(ids.values()))})" if ids else "false")
            names = pl.DataFrame(
                {"entity_id": list(ids.values()), "entity": list(ids)}, schema={"entity_id": pl.Int64, "entity": pl.String}
            )
        else:
            names = entity_names(self._database, definition)
        about = ["vintage_date"] if vintage_dates else []
        selected = "".join(f', "{name}"' for name in [*about, *wanted])
        table = self._database.table(
            f"SELECT entity_id, valid_time, knowledge_time, batch_id, row_state, knowledge_basis{selected} FROM {relation(dataset)} WHERE {' AND '.join(where)}"
        )
        self.batches_read.setdefault(dataset, set()).update(table["batch_id"].unique().to_list())
        schema = definition.schema()
        return table.join(names, on="entity_id", how="inner", maintain_order="left").select(
            "entity",
            pl.col("valid_time", "knowledge_time").cast(INSTANT),
            pl.col("batch_id").cast(pl.Int64),
            pl.col("row_state").replace_strict(dict(enumerate(ROW_STATES)), return_dtype=ROW_STATE),
            pl.col("knowledge_basis").replace_strict(dict(enumerate(KNOWLEDGE_BASES)), return_dtype=KNOWLEDGE_BASIS),
            *(pl.col(name).cast(pl.Date) for name in about),
            *(pl.col(name).cast(schema[name]) for name in wanted),
        )
