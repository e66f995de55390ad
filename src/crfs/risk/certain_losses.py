"""What of a change is lost for certain: it shifts every loss by one amount, and needs no measurement."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from crfs.risk.book_changes import Changed
from crfs.risk.what_if import NOTHING_CHANGES, Difference, WhatIf

_LOSSES = ("var", "var_low", "var_high", "es", "es_low", "es_high")


def certain_losses_apart(changed: Changed) -> tuple[Changed, float]:
    """A change without what it does to losses that are certain, and the amount by which those move, currency units.

    An obligor's loss is certain where it defaults for certain and no loss given default of it is random. Those that come are left out of what is
    measured; those that were certain before, and are or leave, stay what they were. One that was uncertain is left to the measurement: of shocks that
    grow, the last one is then measured as those before it.
    """
    before = changed.before
    uncertain = pl.concat([_uncertain_obligors(before), _uncertain_obligors(changed.touched)]).implode()
    measured = changed.touched["obligor_id"].is_in(uncertain)
    staying = before.filter(~before["obligor_id"].is_in(uncertain))
    if measured.all() and not staying.height:
        return changed, 0.0
    rest = replace(changed, touched=pl.concat([changed.touched.filter(measured), staying], how="diagonal_relaxed"))
    # A book of nothing else has nothing to be measured.
    if not rest.exposure > 0.0:
        return changed, 0.0
    return rest, _lost(changed.touched.filter(~measured)) - _lost(staying)


def with_certain_loss(answer: WhatIf, loss: float) -> WhatIf:
    """The same with every loss of the changed book more by ``loss``: its spread is what it was, and no error is added."""

    def more(difference: Difference | None) -> Difference | None:
        return None if difference is None else difference.less(-loss)

    note = f"{loss:,.2f} of the change is certain: every loss moves by it, exactly"
    return replace(
        answer,
        el=answer.el + loss,
        incremental_el=answer.incremental_el + loss,
        measures=tuple(
            replace(
                each,
                **{name: max(0.0, getattr(each, name) + loss) for name in _LOSSES},
                incremental_var=each.incremental_var.less(-loss),
                incremental_es=each.incremental_es.less(-loss),
                marginal_var=more(each.marginal_var),
                marginal_es=more(each.marginal_es),
            )
            for each in answer.measures
        ),
        notes=(*(told for told in answer.notes if told != NOTHING_CHANGES), note),
    )


def _uncertain_obligors(rows: pl.DataFrame) -> pl.Series:
    """Those of whom any row is not lost for certain."""
    random = [pl.col(name).fill_null(0.0) > 0.0 for name in ("lgd_sd", "lgd_factor_loading") if name in rows.columns]
    certain = (pl.col("pd_12m") >= 1.0) & ~(pl.any_horizontal(*random, pl.lit(False)) & (pl.col("ead") > 0.0))
    return rows.filter(~certain)["obligor_id"].unique()


def _lost(rows: pl.DataFrame) -> float:
    return float((rows["ead"] * rows["lgd"]).sum())
