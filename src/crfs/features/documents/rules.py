"""How many rules agencies publish a month, by agency and by topic, from the documents of the Federal Register."""

from __future__ import annotations

import polars as pl

from crfs.features.documents.totals import known_totals

RULES: dict[str, pl.DataType] = dict.fromkeys(("final_rules", "rules", "proposed_rules", "significant_rules", "documents"), pl.Int64())
"""Counts of the month so far: rules whose action says that they are final; all rules; proposed rules; rules of either kind that are significant under
Executive Order 12866; all documents."""

ALL = "all"


def rule_groups() -> pl.Expr:
    """The groups of a document: ``all``, its agencies and its topics."""
    named = [
        pl.col(column)
        .fill_null("")
        .str.split(";")
        .list.eval(pl.lit(f"{kind}/") + pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
        for column, kind in (("agencies", "agency"), ("topics", "topic"))
    ]
    return pl.concat_list(pl.lit(ALL), *named)


def monthly_rules(documents: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``all``, of ``agency/NAME`` and of ``topic/NAME`` (:data:`RULES`, with the clocks), one for each instant at which a month's
    documents change. ``documents`` are rows of ``federal_register_documents``, whose valid time is their day of publication at midnight in
    UTC; so is the first day that stands for a month. A month without a document has no row.
    """
    rule, proposed = pl.col("type") == "Rule", pl.col("type") == "Proposed Rule"
    final = rule & pl.col("action").str.contains(r"(?i)\bfinal\b")
    amounts = {
        "final_rules": final,
        "rules": rule,
        "proposed_rules": proposed,
        "significant_rules": (rule | proposed) & pl.col("significant"),
    }
    versions = documents.with_columns(
        groups=rule_groups(),
        period=pl.col("valid_time").dt.truncate("1mo"),
        **{name: expression.fill_null(value=False).cast(pl.Int64) for name, expression in amounts.items()},
    )
    totals = known_totals(versions, list(amounts))
    return totals.select("knowledge_time", "knowledge_basis", *RULES, entity="group", valid_time="period")
