"""The calibration slope out of time on five bureaus, each with 2,000 obligors or more that default out of time.

The bar: the 95 % interval of the slope lies within 0.9 to 1.1 on each of the printed seeds. The bureau's files go through the source's own
parser into a table in memory, and the packaged PD specification is fitted on it as it stands.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from benchmarks.report import keep, machine

SEEDS = (101, 102, 103, 104, 105)
OBLIGORS = 40_000
LOWEST, HIGHEST = 0.9, 1.1
FEWEST_DEFAULTERS = 2_000


class TableReader:
    """Datasets in memory, as a :class:`crfs.bitemporal.Reader`."""

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        self._tables = tables

    def rows(
        self, dataset: str, *, columns: Sequence[str] | None = None, entities: Sequence[str] | None = None, known_by: datetime | None = None
    ) -> pl.DataFrame:
        """Rows of a table; see :meth:`crfs.bitemporal.Reader.rows`."""
        clocks = ["entity", "valid_time", "knowledge_time", "batch_id", "row_state", "knowledge_basis"]
        table = self._tables[dataset]
        if columns is not None:
            table = table.select(*clocks, *columns)
        if entities is not None:
            table = table.filter(pl.col("entity").is_in(list(entities)))
        if known_by is not None:
            table = table.filter(pl.col("knowledge_time") <= known_by)
        return table


def run() -> int:
    """Fit on every seed; the number of seeds that miss the bar."""
    before = machine()
    figures, missed = [], 0
    for seed in SEEDS:
        figure = fit(seed)
        slope = figure["slope"]
        figure["met"] = bool(slope["lower"] >= LOWEST and slope["upper"] <= HIGHEST and figure["defaulters"] >= FEWEST_DEFAULTERS)
        missed += not figure["met"]
        figures.append(figure)
        print(f"seed {seed}: {figure}", flush=True)
    keep("calibration", {"bar": [LOWEST, HIGHEST], "obligors": OBLIGORS, "seeds": figures, "summary": {"missed": missed}}, before)
    return missed


def fit(seed: int, *, obligors: int = OBLIGORS) -> dict[str, Any]:
    """One bureau: simulated, delivered, parsed, fitted, validated out of time."""
    from crfs.credit.catalogue import packaged_catalogue
    from crfs.sources.core import Query
    from crfs.sources.core.recorded import NoTransport
    from crfs.sources.providers.bureau import BureauSpec
    from crfs.workflows.bureau import economy_of
    from crfs.workflows.demo import FIRST_MONTH, MONTHS
    from crfs.workflows.packaged import packaged_model
    from crfs.workflows.training import fit_model

    begun = time.perf_counter()
    catalogue = packaged_catalogue()
    transport = NoTransport(now=datetime(2010, 1, 1, tzinfo=UTC))
    tables = _parsed("packaged", Query(vintages="all"), transport, catalogue)
    spec = BureauSpec(seed=seed, obligors=obligors, first_month=date.fromisoformat(FIRST_MONTH), months=MONTHS)
    options = {"spec": spec, "macro": economy_of(TableReader(tables), catalogue)}
    tables |= _parsed("bureau", Query(series=("obligor", "default"), options=options), transport, catalogue)
    simulated = time.perf_counter()

    def nothing_landed(sha256: str) -> bytes:
        raise KeyError(sha256)

    specification = packaged_model("pd")
    model, card, _ = fit_model(TableReader(tables), catalogue, specification, landed=nothing_landed)
    validation = card["validation"]
    del model
    return {
        "seed": seed,
        "slope": validation["calibration"]["slope"],
        "in_the_large": validation["calibration"]["in_the_large"],
        "auc": validation["auc"],
        "ks": validation["ks"],
        "brier": validation["brier"]["brier"],
        "mean_pd": validation["mean_pd"],
        "default_rate": validation["default_rate"],
        "defaulters": validation["defaulters"],
        "rows": validation["rows"],
        "seconds": {"simulate": round(simulated - begun, 1), "fit": round(time.perf_counter() - simulated, 1)},
    }


def _parsed(name: str, query: Any, transport: Any, catalogue: Any) -> dict[str, pl.DataFrame]:
    from crfs.sources.core import load_source

    source = load_source(name)
    parts: dict[str, list[pl.DataFrame]] = {}
    for number, payload in enumerate(source.fetch(query, transport, catalogue), start=1):
        for dataset, table in source.parse(payload, catalogue).tables.items():
            parts.setdefault(dataset, []).append(table.drop("vintage_date", "clipped").with_columns(batch_id=pl.lit(number, pl.Int64)))
    return {dataset: pl.concat(tables) for dataset, tables in parts.items()}


if __name__ == "__main__":
    sys.exit(run())
