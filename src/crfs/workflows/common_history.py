"""Over which periods a factor model was estimated, in the words that screens and pages share: factors' histories are seldom of one length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def estimated_over(answer: Mapping[str, Any]) -> str:
    """The periods that correlations rest on; not those of the longest history, which no pair may have in common.

    >>> told = {"frequency": "month", "first_period": "2000-01-01", "last_period": "2009-12-01", "periods": 120}
    >>> estimated_over({**told, "estimate": {"observations": [[120, 120], [120, 120]]}})
    'over 120 periods (month), 2000-01-01 to 2009-12-01'
    >>> short = {"periods": 48, "first_period": "2006-01-01", "last_period": "2009-12-01"}
    >>> estimated_over({**told, "estimate": {"observations": [[48, 48], [48, 48]]}, "in_common": short})
    'over the 48 periods (month) that all have in common, 2006-01-01 to 2009-12-01'
    >>> estimated_over({**told, "estimate": {"observations": [[120, 48], [48, 48]]}, "in_common": short})
    'each pair over the 48 periods (month) that both have in common'
    >>> three = [[120, 48, 120], [48, 48, 48], [120, 48, 120]]
    >>> estimated_over({**told, "estimate": {"observations": three}, "in_common": short})
    'each pair over the periods (month) that both have in common, 48 to 120 of them; all have 48, 2006-01-01 to 2009-12-01'
    """
    counts, unit = answer["estimate"]["observations"], f"({answer['frequency']})"
    every = {count for row in counts for count in row}
    common = answer.get("in_common")
    if every == {answer["periods"]}:
        return f"over {answer['periods']} periods {unit}, {answer['first_period']} to {answer['last_period']}"
    if len(every) == 1:
        span = f", {common['first_period']} to {common['last_period']}" if common and common["periods"] else ""
        return f"over the {min(every)} periods {unit} that all have in common{span}"
    pairs = {counts[i][j] for i in range(len(counts)) for j in range(i)}
    if len(pairs) == 1:
        return f"each pair over the {min(pairs)} periods {unit} that both have in common"
    whole = ""
    if common:
        span = f", {common['first_period']} to {common['last_period']}" if common["periods"] else ""
        whole = f"; all have {common['periods'] or 'none'}{span}"
    return f"each pair over the periods {unit} that both have in common, {min(pairs)} to {max(pairs)} of them{whole}"
