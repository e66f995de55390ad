"""Units and multipliers that answers state: what a text like ``Percent:_Per_Year`` means, and whether a series still has its factor's unit.

Values are kept as the provider gives them. So a factor rests on the unit that its series had when it was defined: rows of a series that now
says another kind of unit, another currency or another multiplier are refused, and not stored a hundred or a thousand times too large. What a
text means that is not known here is left to the threshold ``unit_change`` (:mod:`crfs.sources.core.shapes`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from enum import Enum

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition, FactorDefinition
from crfs.sources.core.contract import RejectReason
from crfs.sources.core.tables import rejected_table, rejected_where

NOT_TOLD = ("", "NA", "N/A", "n.a.", "null")
"""Cells of a unit or a multiplier that say none."""


class Kind(Enum):
    """Kinds of units that are a factor apart, or cannot be compared at all."""

    PERCENT = "percent"
    BASIS_POINTS = "basis points"
    DECIMAL = "a decimal"
    INDEX = "an index"
    MONEY = "money"
    CENTS = "hundredths of a currency"


_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.PERCENT, re.compile(r"^(%|per ?cent|pct\b|pc\b|pcpa\b|pcch\b|pa\b|pt\b)", re.IGNORECASE)),
    (Kind.BASIS_POINTS, re.compile(r"^(basis points?|bps?)\b", re.IGNORECASE)),
    (Kind.INDEX, re.compile(r"^(index|indices|ind|idx|ix)\b", re.IGNORECASE)),
    (Kind.CENTS, re.compile(r"^((us |u\.s\. )?cents?\b|GBp\b|GBX\b|ZAc\b|ILA\b|USX\b)")),
    (Kind.MONEY, re.compile(r"^((us |u\.s\. |chained .{0,20})?dollars?|currency\d*|euros?)\b", re.IGNORECASE)),
)
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(rf"\b({'|'.join(_SCALES)})s?\b", re.IGNORECASE)
_MULTIPLE = re.compile(rf"^({'|'.join(_SCALES)})s? (of )?", re.IGNORECASE)
_CURRENCY = re.compile(
    r"^(?:chained )?(?:\d{4} )?(AUD|BGN|BRL|CAD|CHF|CLP|CNY|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KRW|MXN|MYR|NOK|NZD|PHP|PLN|RON|RUB|SEK|SGD|THB"
    r"|TRY|TWD|USD|ZAR)\b"
)


def kind_of(text: str) -> Kind | None:
    """The kind of a unit as a provider, or the catalogue, writes it; None for one that is not known here.

    >>> [kind_of(text) for text in ("Percent:_Per_Year", "Index:_2017_100", "dollars per barrel", "GBp", "persons")]
    [<Kind.PERCENT: 'percent'>, <Kind.INDEX: 'an index'>, <Kind.MONEY: 'money'>, <Kind.CENTS: 'hundredths of a currency'>, None]
    """
    plain = _MULTIPLE.sub("", " ".join(text.replace("_", " ").split()))
    found = next((kind for kind, pattern in _KINDS if pattern.match(plain)), None)
    return found or (Kind.MONEY if currency_in(plain) else None)


def currency_in(text: str) -> str | None:
    """The currency's code with which a unit begins.

    >>> currency_in("USD per EUR"), currency_in("millions of USD"), currency_in("index")
    ('USD', 'USD', None)
    """
    found = _CURRENCY.match(_MULTIPLE.sub("", text))
    return found[1] if found else None


def exponent_in(text: str) -> int | None:
    """The power of ten that a unit names in words, of what it counts and not of what it counts by.

    >>> exponent_in("Billions of Chained 2017 Dollars"), exponent_in("dollars per million BTU")
    (9, None)
    """
    found = _SCALE.search(text.partition(" per ")[0])
    return _SCALES[found[1].lower()] if found else None


def of_provider(factor: FactorDefinition) -> tuple[Kind | None, int]:
    """The kind of unit that the series of a factor has at its provider, and the power of ten of which its values are multiples."""
    if factor.unit == "decimal":
        return {0.01: Kind.PERCENT, 0.0001: Kind.BASIS_POINTS, 1.0: Kind.DECIMAL}.get(factor.scale), 0
    scale = math.log10(abs(factor.scale))
    return kind_of(factor.unit), (exponent_in(factor.unit) or 0) + (round(scale) if abs(scale - round(scale)) < 1e-9 else 0)


def power_of_ten(text: str) -> int | None:
    """The exponent that SDMX's UNIT_MULT says: 6 for millions; None for what is none."""
    return int(text) if re.fullmatch(r"[+-]?\d{1,2}", text, re.ASCII) else None


def multiplier(text: str) -> int | None:
    """The exponent of a multiplier that is written out; None for what is no power of ten.

    >>> multiplier("1"), multiplier("1000"), multiplier("7")
    (0, 3, None)
    """
    return len(text) - 1 if re.fullmatch(r"10{0,17}", text, re.ASCII) else None


def of_expected_units(
    frame: pl.DataFrame,
    told: pl.DataFrame,
    dataset: DatasetDefinition,
    catalogue: Catalogue,
    *,
    exponent: Callable[[str], int | None] = power_of_ten,
    kinds: Collection[Kind] = tuple(Kind),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of ``frame`` (``row``, ``entity``) whose series says nothing against its factors, and the others, rejected.

    ``told`` has ``entity`` and the texts ``unit`` and ``multiplier`` (null or blank: not told), the latter read by ``exponent``. A series
    that says several things is refused for any that is wrong. Only factors whose own unit is one of ``kinds`` are asked: a provider may say
    of an index in which currency it is.
    """
    named = told.filter(pl.col("entity").is_in(list(catalogue.entities(dataset.name)))).select("entity", "unit", "multiplier")
    problems: dict[str, str] = {}
    for entity, unit, times in named.rows():
        problem = _problem(catalogue.of_entity(dataset.name, entity), unit, times, exponent, kinds)
        if problem is not None:
            problems.setdefault(entity, problem)
    if not problems:
        return frame, rejected_table()
    said = pl.col("entity").replace_strict(problems, default=None, return_dtype=pl.String)
    marked = frame.with_columns(_problem=said)
    detail = "the unit is not that of the series' factor"
    rejected = rejected_where(marked, pl.col("_problem").is_not_null(), "unit", RejectReason.UNSUPPORTED, detail, shown="_problem")
    return marked.filter(pl.col("_problem").is_null()).drop("_problem"), rejected


def _problem(
    factors: list[FactorDefinition], unit: str | None, times: str | None, exponent: Callable[[str], int | None], kinds: Collection[Kind]
) -> str | None:
    """What a series says against one of its factors; None where it says nothing."""
    stated, multiple = (unit or "").strip(), (times or "").strip()
    for factor in factors:
        expected, power = of_provider(factor)
        if expected is not None and expected not in kinds:
            continue
        if multiple not in NOT_TOLD and exponent(multiple) != power:
            return f"multiplier {multiple[:20]}, not ten to the {power}"
        if stated in NOT_TOLD:
            continue
        given = kind_of(stated)
        if expected is not None and given is not None and given is not expected:
            return f"{stated[:40]}, not {expected.value}"
        one, other = currency_in(stated), currency_in(factor.unit)
        if one and other and one != other:
            return f"{stated[:40]}, not {other}"
        said = exponent_in(stated)
        if said is not None and multiple in NOT_TOLD and said != power:
            return f"{stated[:40]}, not ten to the {power}"
    return None
