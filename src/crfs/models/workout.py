"""Realised loss given default: from the cash flows of a workout to the share of the exposure that was lost."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from crfs.errors import InvalidInput


def realised_lgd(defaults: pl.DataFrame, recoveries: pl.DataFrame, *, discount_rate: float) -> pl.DataFrame:
    """Add ``lgd`` (decimal of ``ead``) and ``resolved`` to defaults; ``lgd`` is null while the workout is open.

    ``defaults``: facility_id, default_time, ead, status (``open``, ``cured``, ``closed``). ``recoveries``: facility_id, default_time, paid_at,
    amount, cost. Flows are discounted to the default at ``discount_rate`` a year, compounded, actual/365.25. Of a closed workout
    ``lgd = 1 - Σ (amount - cost)·v / ead``; a cured exposure goes on, so only the costs are lost: ``lgd = Σ cost·v / ead``.
    Source: economic loss, EBA/GL/2017/16, 6.3.
    """
    if not (math.isfinite(discount_rate) and discount_rate > -1.0):
        raise InvalidInput(f"discount_rate is a decimal above -1, not {discount_rate}")
    years = (pl.col("paid_at") - pl.col("default_time")).dt.total_days() / 365.25
    factor = (1.0 + discount_rate) ** (-years)
    key = ["facility_id", "default_time"]
    ordered = recoveries.with_columns(received=pl.col("amount") * factor, spent=pl.col("cost") * factor).sort(*key, "paid_at")
    # Sums in the order of the rows: the same bits whatever the number of threads.
    group = ordered.select(pl.struct(key).rle_id())[key[0]].to_numpy()
    flows = (
        ordered.unique(key, keep="first", maintain_order=True)
        .select(key)
        .with_columns(
            pl.Series(name, np.bincount(group, weights=ordered[name].to_numpy()) if ordered.height else [], dtype=pl.Float64)
            for name in ("received", "spent")
        )
    )
    joined = defaults.join(flows, on=key, how="left", maintain_order="left").with_columns(pl.col("received", "spent").fill_null(0.0))
    lost = (
        pl.when(pl.col("status") == "closed")
        .then(1.0 - (pl.col("received") - pl.col("spent")) / pl.col("ead"))
        .when(pl.col("status") == "cured")
        .then(pl.col("spent") / pl.col("ead"))
    )
    return joined.with_columns(lgd=lost, resolved=pl.col("status") != "open").drop("received", "spent")
