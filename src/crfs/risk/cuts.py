"""The tail shared out: by name, and by every column that the book can be cut by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.quality.connected_clients import CONNECTED
from crfs.risk.obligors import Obligors
from crfs.risk.result import Contribution
from crfs.risk.scrambles import scramble_error

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

TOP_OBLIGORS = 20
"""So many obligors are listed where nobody says how many."""
MOST_VALUES = 500
"""A column with more values than this is no cut, but a name of its own."""
LISTED_GROUPS = 100
"""So many connected clients are told by name where there are more than :data:`MOST_VALUES`; the others are one part."""

_ROUNDING = 1e-12
_ROUNDING_OF_ALL = 1e-14


def cut(obligors: Obligors, es: FloatArray, var: FloatArray, *, listed: int) -> tuple[Contribution, ...]:
    """The greatest obligors at the highest confidence, as many as are to be ``listed``, then every tag's values.

    ``es`` and ``var`` are contributions, confidences x obligors x independent answers.

    One answer alone is exact; the spread of several is the error. An obligor's part is split among its facilities as their mean losses are.
    """
    most = float(obligors.loss.sum())
    parts_of_es = es.mean(axis=2)
    # The highest confidence rules, in whatever order they were asked for: the shortfall is greatest there.
    top = np.argsort(-parts_of_es[int(np.argmax(parts_of_es.sum(axis=1)))], kind="stable")[:listed]
    ead, el = obligors.ead, obligors.expected_loss
    parts = [_part(("obligor", obligors.names[int(i)]), float(ead[i]), float(el[i]), es[:, i], var[:, i], most=most) for i in top]
    share = facility_shares(obligors)
    for tag in obligors.facility_tags:
        values, code = coded(obligors, tag)
        if len(values) > MOST_VALUES:
            continue
        by_value = [_summed(obligors, share, code, len(values), amounts) for amounts in (es, var)]
        for k, value in enumerate(values):
            mine = code == k
            owed = float(obligors.facility_ead[mine].sum())
            expected = float((obligors.pd[obligors.facility_obligor] * obligors.facility_ead * obligors.facility_lgd)[mine].sum())
            parts.append(_part((tag, value), owed, expected, by_value[0][:, k], by_value[1][:, k], most=most))
    return tuple(parts)


def mean_part(answers: FloatArray, most: float) -> float:
    """The mean of answers; zero where it is below that by no more than rounding: theirs, and that of ``most``, all that can be lost.

    What is left out so is less than the rounding of the sum over all parts.

    >>> mean_part(np.array([3e4, -3e4 - 1e-11]), 2e6), mean_part(np.array([-1e-12]), 2e6), mean_part(np.array([-0.5]), 2e6)
    (0.0, 0.0, -0.5)
    """
    mean = float(answers.mean())
    if mean < 0.0 and mean >= -(_ROUNDING * float(np.abs(answers).max()) + _ROUNDING_OF_ALL * most):
        return 0.0
    return mean


def scaling_note(factors: Sequence[float]) -> list[str]:
    """What contributions were multiplied by so that they sum to their measures, in words where that is not one to a millionth.

    >>> scaling_note([1.0, 1.0000000001]), len(scaling_note([1.0, 0.99]))
    ([], 1)
    """
    if max((abs(factor - 1.0) for factor in factors), default=0.0) <= 1e-6:
        return []
    return ["contributions are scaled to sum to their measures; the factors are " + ", ".join(f"{factor:.6f}" for factor in factors)]


def facility_shares(obligors: Obligors) -> FloatArray:
    """Each facility's part of its obligor's mean loss."""
    mean = obligors.facility_ead * obligors.facility_lgd
    whole = obligors.loss[obligors.facility_obligor]
    return np.divide(mean, whole, out=np.zeros_like(whole), where=whole > 0.0)


def facility_losses(obligors: Obligors, facility: IntArray, loss: FloatArray) -> FloatArray:
    """What facilities lost of their obligors' ``loss`` (one entry each): the certain ones their own, the random ones the rest, as their means are."""
    random = ((obligors.facility_lgd_sd > 0.0) | (obligors.facility_lgd_loading > 0.0)) & (obligors.facility_ead > 0.0)
    mean = obligors.facility_ead * obligors.facility_lgd
    owner = obligors.facility_obligor
    uncertain = np.bincount(owner, weights=np.where(random, mean, 0.0), minlength=len(obligors.names))
    share = np.divide(np.where(random, mean, 0.0), uncertain[owner], out=np.zeros_like(mean), where=uncertain[owner] > 0.0)
    rest = loss - obligors.certain_loss[owner[facility]]
    return np.asarray(np.where(random[facility], rest * share[facility], mean[facility]))


def note_on_split_obligors(obligors: Obligors) -> tuple[str, ...]:
    """How many obligors owe both what is lost for certain and what is lost by chance: by their mean losses their parts are split but roughly."""
    random = (obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0)
    kinds = np.zeros((2, len(obligors.names)), dtype=np.bool_)
    for k, mine in enumerate((random, ~random & (obligors.facility_ead * obligors.facility_lgd > 0.0))):
        kinds[k, obligors.facility_obligor[mine]] = True
    mixed = int((kinds.all(axis=0) & (obligors.pd > 0.0)).sum())
    if not mixed or not obligors.facility_tags:
        return ()
    return (
        f"{mixed:,} obligor(s) owe facilities with an lgd_sd beside others without: by this method an obligor's part is split among its facilities as their "
        "mean losses are, which is rough there; the methods thinning and plain split what each lost",
    )


def coded(obligors: Obligors, tag: str) -> tuple[list[str | None], IntArray]:
    """The values of a tag in order (None, where facilities have none, comes last) and each facility's place among them.

    A column of more than :data:`MOST_VALUES` values has no places, but for connected clients: of so many the :data:`LISTED_GROUPS` that owe most
    are told apart, and the others are None.
    """
    column = obligors.facility_tags[tag]
    known: list[str | None] = [*sorted(column.drop_nulls().unique().to_list())]
    if column.null_count():
        known = [*known, None]
    if len(known) > MOST_VALUES and tag == CONNECTED:
        known = [*_greatest(obligors, column), None]
        column = column.set(~column.is_in(known[:-1]), None)
    if len(known) > MOST_VALUES:
        return known, np.zeros(0, dtype=np.int64)
    places = column.replace_strict(known, list(range(len(known))), return_dtype=pl.Int64)
    return known, np.asarray(places.to_numpy(), dtype=np.int64)


def _greatest(obligors: Obligors, column: pl.Series) -> list[str | None]:
    """The names that owe most, in the order of their names."""
    from crfs.risk.largest_names import name_concentration

    found = name_concentration(column, obligors.facility_ead, top=LISTED_GROUPS)
    return sorted((each.name for each in found.largest), key=str)


def _summed(obligors: Obligors, share: FloatArray, code: IntArray, width: int, amounts: FloatArray) -> FloatArray:
    """Amounts (confidences x obligors x answers) summed by value: confidences x values x answers."""
    result = np.zeros((amounts.shape[0], width, amounts.shape[2]))
    for c in range(amounts.shape[0]):
        for r in range(amounts.shape[2]):
            weights = amounts[c, obligors.facility_obligor, r] * share
            result[c, :, r] = np.bincount(code, weights=weights, minlength=width)
    return result


def _part(what: tuple[str, str | None], ead: float, el: float, es: FloatArray, var: FloatArray, *, most: float) -> Contribution:
    return Contribution(
        by=what[0],
        name=what[1],
        ead=ead,
        el=el,
        es=tuple(mean_part(values, most) for values in es),
        es_se=tuple(scramble_error(values) for values in es),
        var=tuple(mean_part(values, most) for values in var),
        var_se=tuple(scramble_error(values) for values in var),
    )
