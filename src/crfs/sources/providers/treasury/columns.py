"""Names of the Treasury's tables: from a field of the XML feed, or a header of the CSV, to the series that it holds.

A tenor is read from its name (``BC_10YEAR``, ``10 Yr``), never from its place: tenors came and went. A tenor that is new but written
like the others is read like them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAR, REAL, BILLS, LONG = "treasury_par_yields", "treasury_real_yields", "treasury_bill_rates", "treasury_long_term_rates"
SPREADS = "treasury_term_spreads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Where a cell belongs: the dataset, the entity and the column."""

    dataset: str
    entity: str
    column: str = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of table: the name that the Treasury gives it, what users may call it, the year of its first rates, and where they are kept."""

    name: str
    short: str
    first_year: int
    dataset: str


KINDS: tuple[Kind, ...] = (
    Kind(name="daily_treasury_yield_curve", short="par_yields", first_year=1990, dataset=PAR),
    Kind(name="daily_treasury_real_yield_curve", short="real_yields", first_year=2003, dataset=REAL),
    Kind(name="daily_treasury_bill_rates", short="bill_rates", first_year=2002, dataset=BILLS),
    Kind(name="daily_treasury_long_term_rate", short="long_term_rates", first_year=2000, dataset=LONG),
    Kind(name="daily_treasury_real_long_term", short="real_long_term_rates", first_year=2000, dataset=LONG),
)

LONG_TERM = Series(dataset=LONG, entity="over_10Y")
REAL_LONG_TERM = Series(dataset=LONG, entity="real_over_10Y")
_TWENTY_YEARS = Series(dataset=LONG, entity="20Y")
_EXTRAPOLATION = Series(dataset=LONG, entity="extrapolation_factor")

RATE_TYPES: Mapping[str, Series] = MappingProxyType(
    {"bc_20year": _TWENTY_YEARS, "over_10_years": LONG_TERM, "real_rate": REAL_LONG_TERM},
)
"""The values of ``RATE_TYPE`` in the feed of long-term rates, in lower case."""

_NUMBER = r"(\d{1,3}(?:[._]\d{1,2})?)"
_FIELD = re.compile(rf"(BC|TC)_{_NUMBER}(MONTH|YEAR)", re.ASCII)
_BILL_FIELD = re.compile(r"ROUND_B1_(CLOSE|YIELD)_(\d{1,3})WK_2", re.ASCII)
_HEADER = re.compile(rf"{_NUMBER} ?(mo|mos|month|months|yr|yrs|year|years)", re.ASCII)
_BILL_HEADER = re.compile(r"(\d{1,3}) ?(?:wk|wks|week|weeks) (bank discount|coupon equivalent)", re.ASCII)
_LONG_HEADERS = {
    "lt composite": LONG_TERM,
    "treasury 20 yr cmt": _TWENTY_YEARS,
    "extrapolation factor": _EXTRAPOLATION,
    "lt real average": REAL_LONG_TERM,
}
_REAL_TENORS = {"5Y", "7Y", "10Y", "20Y", "30Y"}
_BILL_COLUMNS = {
    "CLOSE": "discount_rate",
    "YIELD": "coupon_equivalent",
    "bank discount": "discount_rate",
    "coupon equivalent": "coupon_equivalent",
}


def of_field(name: str) -> Series | None:
    """The series of a field of the XML feed; None for a field that has none (``BC_30YEARDISPLAY`` is a placeholder, 0.00 until 2011).

    >>> of_field("BC_1_5MONTH").entity, of_field("TC_10YEAR").dataset, of_field("BC_30YEARDISPLAY")
    ('1.5M', 'treasury_real_yields', None)
    """
    if name == "EXTRAPOLATION_FACTOR":
        return _EXTRAPOLATION
    if found := _FIELD.fullmatch(name):
        return Series(dataset=PAR if found[1] == "BC" else REAL, entity=_tenor(found[2], found[3]))
    if found := _BILL_FIELD.fullmatch(name):
        return Series(dataset=BILLS, entity=f"{int(found[2])}W", column=_BILL_COLUMNS[found[1]])
    return None


def is_unknown_tenor(name: str) -> bool:
    """Whether a field of the XML feed looks like a rate that :func:`of_field` cannot read."""
    return name.startswith(("BC_", "TC_", "ROUND_B1_")) and not name.endswith("DISPLAY") and of_field(name) is None


def of_headers(headers: list[str], kind: str | None) -> dict[str, Series]:
    """The series of each header of a CSV that holds one. ``kind`` is what was asked for, where the payload says so.

    Only a table of real yields, and a part of one of par yields, may have the same headers. It is of real yields where that was asked for, or
    where 5 years are among the tenors and none is written as in par yields (``5 Yr`` is par, ``5 YR`` real): a whole table of par yields has
    others than these five.
    """
    found = {name: series for name in headers if (series := _of_header(name)) is not None}
    tenors = {series.entity for series in found.values() if series.dataset == PAR}
    if not tenors or not tenors <= _REAL_TENORS:
        return found
    real = kind == "daily_treasury_real_yield_curve" or ("5Y" in tenors and not any("Yr" in name for name in found))
    return {name: Series(dataset=REAL, entity=series.entity) if real else series for name, series in found.items()}


def _of_header(name: str) -> Series | None:
    low = " ".join(name.lower().split())
    if found := _HEADER.fullmatch(low):
        return Series(dataset=PAR, entity=_tenor(found[1], found[2]))
    if found := _BILL_HEADER.fullmatch(low):
        return Series(dataset=BILLS, entity=f"{int(found[1])}W", column=_BILL_COLUMNS[found[2]])
    words = low.partition("(")[0].replace("-", " ").strip()
    return next((series for start, series in _LONG_HEADERS.items() if words.startswith(start)), None)


def _tenor(number: str, unit: str) -> str:
    return f"{float(number.replace('_', '.')):g}{unit[0].upper()}"
