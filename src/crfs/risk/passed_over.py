"""Why ``auto`` passed over the methods that come before the one it took: a note for whoever reads the answer."""

from __future__ import annotations

from collections.abc import Mapping

from crfs.risk.exact import follow_one_line
from crfs.risk.few_names import MOST_ON_FINE_LATTICE
from crfs.risk.names import Names
from crfs.risk.result import Method

NOT_PAYABLE = "no lattice is both fine enough for rel_tol, and for the confidences, and payable"


def not_exact(names: Names) -> str:
    """Why the exact method does not take a book: what the first of its conditions is that does not hold."""
    if not follow_one_line(names):
        return "names follow several directions of the factors"
    if names.loss[1:].any():
        return "losses given default are random"
    return "losses are no multiples of one amount that is large enough and have too many sums, or the names are too many for it"


def not_few_names(names: Names, *, tried: bool) -> str:
    """Why names are not taken exactly as few are; ``tried`` says whether a lattice that is not the losses' own was."""
    if len(names) > MOST_ON_FINE_LATTICE:
        return f"{len(names):,} names are more than {MOST_ON_FINE_LATTICE}"
    return NOT_PAYABLE if tried else "the losses have no lattice of their own"


def note(passed: Mapping[Method, str]) -> tuple[str, ...]:
    """One sentence on all of them; none where the first method of all served.

    >>> note({Method.EXACT: "losses given default are random", Method.FEW_NAMES: "600 names are more than 128"})
    ('auto passed over exact (losses given default are random) and few_names (600 names are more than 128)',)
    """
    reasons = [f"{method.value} ({why})" for method, why in passed.items()]
    if not reasons:
        return ()
    *first, last = reasons
    return (f"auto passed over {', '.join(first)} and {last}" if first else f"auto passed over {last}",)
