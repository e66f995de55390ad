"""Concentration of exposure as a run: a book, and how what it may lose is spread over names and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Asked, BookKind, Ready, refuse_rows, refusing
from crfs.workflows.filling import Filler
from crfs.workflows.runs import RunKind

if TYPE_CHECKING:
    import polars as pl

DEFAULTS: dict[str, Any] = {"top": 10, "default_ccf": None}
MOST_LISTED = 1000
FILLED = ("pd_12m", "lgd")
"""What exposure does not need: it may be blank, or not there."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options."""
    from crfs.quality.portfolio import check_default_ccf

    top = options.get("top")
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or not 0 <= top <= MOST_LISTED):
        raise InvalidInput(f"top is how many of the largest to list, 0 to {MOST_LISTED}, not {top!r}", argument="top")
    check_default_ccf(options.get("default_ccf"))


def ready(asked: Asked) -> Ready:
    """The book with its exposures, made as a risk run makes them where they are blank, and every row's connected clients where it names any."""
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.checks import Checked, check_columns
    from crfs.quality.connected_clients import check_connected_clients
    from crfs.quality.one_currency import check_one_currency
    from crfs.quality.portfolio import require_exposure
    from crfs.workflows.book_columns import columns_for

    table = columns_for(asked.table, PORTFOLIO)
    if table.is_empty():
        raise InvalidInput(f"{asked.what} has no rows; there is nothing to measure", argument="book")
    filler = Filler(session=asked.session, reader=asked.reader, models=asked.models, at=asked.at, default_ccf=asked.option("default_ccf"))
    with refusing(asked):
        typed, faults = check_columns(table, PORTFOLIO, allow_blank=FILLED)
        typed = check_connected_clients(filler.ead(table, typed, faults), faults)
        check_one_currency(typed, faults)
        checked = Checked(accepted=typed.filter(~faults.bad), rejected=faults.table())
        refuse_rows(asked, checked.problems)
        require_exposure(checked.accepted)
    return Ready(rows=checked.accepted, filler=filler)


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Herfindahl index, effective number, the largest and what they hold together: by obligor, connected clients and every label."""
    import math

    from crfs.quality.connected_clients import tells_connected_clients
    from crfs.risk.largest_names import name_concentration
    from crfs.risk.portfolio import currency_of

    rows = ready.rows
    exposure = rows["ead"].to_numpy()
    top = asked.option("top", DEFAULTS["top"])
    return {
        "n_facilities": rows.height,
        "n_obligors": rows["obligor_id"].n_unique(),
        "n_connected_clients": rows["connected_clients"].n_unique() if tells_connected_clients(rows) else None,
        "total_ead": math.fsum(exposure),
        "currency": currency_of(rows),
        "by": {name: name_concentration(rows[name], exposure, top=top).to_dict() for name in names_of(rows)},
        "notes": [],
    }


def names_of(rows: pl.DataFrame) -> list[str]:
    """The columns of a book by which exposure is summed: who owes, and every label that some row has."""
    from crfs.quality.connected_clients import CONNECTED
    from crfs.risk.obligors import TAGS

    known = dict.fromkeys(("obligor_id", CONNECTED, *TAGS))
    return [name for name in known if name in rows.columns and rows[name].null_count() < rows.height]


CONCENTRATION = BookKind(
    kind=RunKind.CONCENTRATION,
    options=DEFAULTS,
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("n_facilities", "total_ead"),
    doing="summing exposures",
)
compute = CONCENTRATION.compute
