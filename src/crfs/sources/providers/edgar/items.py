"""Items of Form 8-K: their numbers, their titles in the header of a submission, and which of them warn of trouble."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "entry into a material definitive agreement": "1.01",
        "termination of a material definitive agreement": "1.02",
        "bankruptcy or receivership": "1.03",
        "mine safety - reporting of shutdowns and patterns of violations": "1.04",
        "material cybersecurity incidents": "1.05",
        "completion of acquisition or disposition of assets": "2.01",
        "results of operations and financial condition": "2.02",
        "creation of a direct financial obligation or an obligation under an off-balance sheet arrangement of a registrant": "2.03",
        "triggering events that accelerate or increase a direct financial obligation or an obligation under an "
        "off-balance sheet arrangement": "2.04",
        "costs associated with exit or disposal activities": "2.05",
        "cost associated with exit or disposal activities": "2.05",
        "material impairments": "2.06",
        "notice of delisting or failure to satisfy a continued listing rule or standard; transfer of listing": "3.01",
        "unregistered sales of equity securities": "3.02",
        "material modifications to rights of security holders": "3.03",
        "changes in registrant's certifying accountant": "4.01",
        "non-reliance on previously issued financial statements or a related audit report or completed interim review": "4.02",
        "changes in control of registrant": "5.01",
        "departure of directors or certain officers; election of directors; appointment of certain officers: "
        "compensatory arrangements of certain officers": "5.02",
        "departure of directors or certain officers; election of directors; appointment of certain officers; "
        "compensatory arrangements of certain officers": "5.02",
        "departure of directors or principal officers; election of directors; appointment of principal officers": "5.02",
        "amendments to articles of incorporation or bylaws; change in fiscal year": "5.03",
        "temporary suspension of trading under registrant's employee benefit plans": "5.04",
        "amendments to the registrant's code of ethics, or waiver of a provision of the code of ethics": "5.05",
        "change in shell company status": "5.06",
        "submission of matters to a vote of security holders": "5.07",
        "shareholder director nominations": "5.08",
        "abs informational and computational material": "6.01",
        "change of servicer or trustee": "6.02",
        "change in credit enhancement or other external support": "6.03",
        "failure to make a required distribution": "6.04",
        "securities act updating disclosure": "6.05",
        "static pool": "6.06",
        "regulation fd disclosure": "7.01",
        "other events": "8.01",
        "financial statements and exhibits": "9.01",
    }
)  # fmt: skip
"""The titles that the header of a full submission has in place of the numbers, in lower case."""

FLAGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bankruptcy": ("1.03", "3"),
        "acceleration": ("2.04",),
        "impairment": ("2.06",),
        "non_reliance": ("4.02",),
        "auditor_change": ("4.01", "4"),
        "delisting_notice": ("3.01",),
        "restructuring": ("2.05",),
        "agreement_ended": ("1.02",),
        "new_obligation": ("2.03",),
        "officer_change": ("5.02", "6"),
        "control_change": ("5.01", "1"),
        "results": ("2.02", "12"),
    }
)
"""Columns of ``edgar_events`` and the items that set them: the numbers of today, and those of before 23 August 2004."""

KNOWN = (*sorted(set(TITLES.values())), *(str(number) for number in range(1, 13)))
"""The numbers that there are: those of today, and the twelve of before 23 August 2004."""

WARNINGS = ("bankruptcy", "acceleration", "impairment", "non_reliance", "auditor_change", "delisting_notice", "late_report")
"""The flags that ``early_warning`` gathers."""

_ITEM = r"^items?(\d{1,2}(?:\.\d\d)?)[.:]?$"
_EVENT_FORMS = r"^(?:8-K(?:12[BG]3|15D5)?(?:/A)?|NT .+|15-?(?:12[BG]|15D|F)?.*|25(?:-NSE)?(?:/A)?)$"


def is_event(form: pl.Expr) -> pl.Expr:
    """Forms that report an event: 8-K, a late report (NT), the end of a registration or a listing (15, 25)."""
    return form.str.contains(_EVENT_FORMS)


def flags(form: str = "form", items: str = "items") -> dict[str, pl.Expr]:
    """The columns of flags, 0 or 1, from the columns of forms and of items like ``2.02,9.01`` or ``Item 2.02``.

    An 8-K has at least one item. Where none is told, it is not known which, and the flags of items are null; so is ``early_warning``. Where
    one is told that is no item, it may stand for any: the flags that the others set are 1, and the rest null.
    """
    is_8k = pl.col(form).str.starts_with("8-K")
    listed = pl.col(items).str.to_lowercase().str.replace_all(r"\s", "").str.split(",")
    listed = listed.list.eval(pl.element().filter(pl.element() != "").str.replace(_ITEM, "${1}"))
    known = (listed.list.len() > 0) & listed.list.eval(pl.element().is_in(KNOWN)).list.all()
    has = {}
    for name, numbers in FLAGS.items():
        told = listed.list.eval(pl.element().is_in(numbers)).list.any()
        has[name] = is_8k & pl.when(told).then(True).when(known).then(False)
    has["late_report"] = pl.col(form).str.starts_with("NT ")
    has["registration_ended"] = pl.col(form).str.starts_with("15") | pl.col(form).str.starts_with("25")
    has["early_warning"] = pl.any_horizontal(has[name] for name in WARNINGS)
    return {name: flag.cast(pl.Int64) for name, flag in has.items()}


def numbers(titles: list[str]) -> str | None:
    """The numbers of items that a header names by their titles, like ``8.01,9.01``; a title that is not known stays as it is.

    >>> numbers(["Other Events", "Financial Statements and Exhibits"])
    '8.01,9.01'
    """
    found = [TITLES.get(" ".join(title.lower().split()), " ".join(title.split()).replace(",", ";")) for title in titles]
    return ",".join(found) or None
