"""How many rules agencies publish a month, by agency and by topic, from the documents of the Federal Register."""

from __future__ import annotations

import polars as pl

from crfs.features.documents.totals import known_totals

_COUNTS = ("final_rules", "rules", "proposed_rules", "significant_rules", "rules_without_action", "documents")
RULES: dict[str, pl.DataType] = dict.fromkeys(_COUNTS, pl.Int64())
"""Counts of the month so far: rules whose action says that they are final (:func:`is_final`); all rules; proposed rules; rules of either kind that
are significant under Executive Order 12866; rules whose action nobody has told; all documents."""

_FINAL = r"(?i)^\W*(?:(?:interim|direct|joint|temporary|emergency|supplemental|partial)[\s,-]+(?:and\s+)?)*final\s+(?:\w+\s+)?(?:rule|regulation)s?\b"
_NO_RULE = r"(?i)\b(?:correct\w*|delay\w*|withdraw\w*|stay(?:s|ed)?|suspen\w+|postpone\w*|defer\w*|exten(?:d\w*|sion)|effective\s+dates?)\b"
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


def is_final(action: str = "action") -> pl.Expr:
    """Whether an action says that a document of the type Rule is a final rule; null where it says nothing.

    It begins with "Final rule" or "Final regulation", or with one that is so in another way: interim, direct, joint, temporary final rules
    have the force of law as well. What only changes another rule's text or dates (a correction, a delay, a withdrawal, a stay, an extension,
    the confirmation of an effective date) is not counted again.

    >>> actions = ["Final rule; request for comment.", "Interim final rule.", "Correcting amendment to final rule", "Final rule; delay of effective date"]
    >>> pl.DataFrame({"action": actions}).select(is_final()).to_series().to_list()
    [True, True, False, False]
    """
    said = pl.when(pl.col(action).str.strip_chars() != "").then(pl.col(action))
    return said.str.contains(_FINAL) & ~said.str.contains(_NO_RULE)


def monthly_rules(documents: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``all``, of ``agency/NAME`` and of ``topic/NAME`` (:data:`RULES`, with the clocks), one for each instant at which a month's
    documents change. ``documents`` are rows of ``federal_register_documents``, whose valid time is their day of publication at midnight in
    UTC; so is the first day that stands for a month. A month without a document has no row.

    ``final_rules`` is null while a published rule of the group says no action, since it may be one. A document that is only on public inspection
    never says one: until its issue does it is among ``rules_without_action`` and no final rule.
    """
    kind = pl.col("type").str.strip_chars().str.to_lowercase()
    rule, proposed = kind == "rule", kind.is_in(["proposed rule", "prorule"])
    final = rule & is_final()
    without_action = rule & is_final().is_null()
    published = pl.col("citation").is_not_null() | (pl.col("knowledge_time") >= pl.col("valid_time"))
    amounts = {
        "final_rules": final,
        "rules": rule,
        "proposed_rules": proposed,
        "significant_rules": (rule | proposed) & pl.col("significant"),
        "rules_without_action": without_action,
        "unknown": without_action & published,
    }
    versions = documents.with_columns(
        groups=rule_groups(),
        period=pl.col("valid_time").dt.truncate("1mo"),
        **{name: expression.fill_null(value=False).cast(pl.Int64) for name, expression in amounts.items()},
    )
    totals = known_totals(versions, list(amounts))
    totals = totals.with_columns(final_rules=pl.when(pl.col("unknown") == 0).then(pl.col("final_rules")))
    return totals.select("knowledge_time", "knowledge_basis", *RULES, entity="group", valid_time="period")
