"""Which XBRL tags say an item of the statements: a table, in the order of preference.

An item is the first of its alternatives whose tags a filing has for the period. An alternative is a sum: every tag of ``plus`` and
``minus`` has to be there; those of ``if_stated`` are added (or, with a leading ``-``, subtracted) where they are. Tags are
``us-gaap``'s, or ``ifrs-full``'s where they say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Sum:
    """One way to say an item: the tags that have to be there, and those that count where they are."""

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    if_stated: tuple[str, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that it reads."""
        return (*self.plus, *self.minus, *(tag.removeprefix("-") for tag in self.if_stated))


def _any(*tags: str) -> tuple[Sum, ...]:
    return tuple(Sum((tag,)) for tag in tags)


LARGEST = 1e18
"""No amount of a statement is larger, in whatever currency."""
_EQUITY_ALL = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
_TOTAL = "LiabilitiesAndStockholdersEquity"
_MEZZANINE = (
    "-TemporaryEquityCarryingAmountIncludingPortionAttributableToNoncontrollingInterests",
    "-TemporaryEquityCarryingAmountAttributableToParent",
)
_SHORT = ("ShortTermBorrowings", "CommercialPaper")
_PRETAX = (
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest",
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxesMinorityInterestAndIncomeLossFromEquityMethodInvestments",
    "IncomeLossFromContinuingOperationsBeforeIncomeTaxes",
)
_INTEREST = (
    "InterestExpense", "InterestExpenseNonoperating", "InterestAndDebtExpense", "InterestExpenseDebt", "ifrs-full:InterestExpense",
    "ifrs-full:FinanceCosts",
)  # fmt: skip

INSTANTS: Mapping[str, tuple[Sum, ...]] = MappingProxyType(
    {
        "assets": _any("Assets", "ifrs-full:Assets"),
        "current_assets": _any("AssetsCurrent", "ifrs-full:CurrentAssets"),
        "inventory": _any("InventoryNet", "ifrs-full:Inventories"),
        "cash": _any("CashAndCashEquivalentsAtCarryingValue", "Cash", "ifrs-full:CashAndCashEquivalents"),
        "current_liabilities": _any("LiabilitiesCurrent", "ifrs-full:CurrentLiabilities"),
        "liabilities": (
            Sum(("Liabilities",)),
            Sum((_TOTAL,), minus=(_EQUITY_ALL,), if_stated=_MEZZANINE),
            Sum((_TOTAL,), minus=("StockholdersEquity",), if_stated=("-MinorityInterest", *_MEZZANINE)),
            Sum(("ifrs-full:Liabilities",)),
            Sum(("ifrs-full:EquityAndLiabilities",), minus=("ifrs-full:Equity",)),
        ),
        "equity": _any("StockholdersEquity", _EQUITY_ALL, "ifrs-full:EquityAttributableToOwnersOfParent", "ifrs-full:Equity"),
        "retained_earnings": _any("RetainedEarningsAccumulatedDeficit", "RetainedEarningsUnappropriated", "ifrs-full:RetainedEarnings"),
        "total_debt": (
            Sum(("DebtLongtermAndShorttermCombinedAmount",)),
            Sum(("LongTermDebtNoncurrent", "DebtCurrent")),
            Sum(("LongTermDebtNoncurrent", "LongTermDebtCurrent"), if_stated=_SHORT),
            Sum(("LongTermDebtAndCapitalLeaseObligations", "LongTermDebtAndCapitalLeaseObligationsCurrent"), if_stated=_SHORT),
            Sum(("LongTermDebt",), if_stated=_SHORT),
            Sum(("ifrs-full:Borrowings",)),
            Sum(
                ("ifrs-full:NoncurrentPortionOfNoncurrentBorrowings", "ifrs-full:CurrentBorrowingsAndCurrentPortionOfNoncurrentBorrowings")
            ),
            Sum(("ifrs-full:LongtermBorrowings", "ifrs-full:ShorttermBorrowings")),
        ),
    }
)
"""Items of a balance sheet: instants."""

DURATIONS: Mapping[str, tuple[Sum, ...]] = MappingProxyType(
    {
        "revenue": _any(
            "Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax", "SalesRevenueNet",
            "RevenueFromContractWithCustomerIncludingAssessedTax", "RevenuesNetOfInterestExpense", "ifrs-full:Revenue",
        ),
        "ebit": (
            Sum(("OperatingIncomeLoss",)),
            *(Sum((pretax, interest)) for pretax in _PRETAX for interest in _INTEREST[:4]),
            Sum(("ifrs-full:ProfitLossFromOperatingActivities",)),
            Sum(("ifrs-full:ProfitLossBeforeTax", "ifrs-full:FinanceCosts")),
        ),
        "interest_expense": _any(*_INTEREST),
        "depreciation": (
            *_any("DepreciationDepletionAndAmortization", "DepreciationAmortizationAndAccretionNet"),
            # Some issuers' DepreciationAndAmortization leaves out the amortisation of acquired intangibles: the two parts go before it.
            Sum(("Depreciation", "AmortizationOfIntangibleAssets")),
            *_any("DepreciationAndAmortization", "ifrs-full:DepreciationAndAmortisationExpense"),
        ),
        "net_income": _any("NetIncomeLoss", "ProfitLoss", "ifrs-full:ProfitLossAttributableToOwnersOfParent", "ifrs-full:ProfitLoss"),
        "operating_cash_flow": _any(
            "NetCashProvidedByUsedInOperatingActivities", "NetCashProvidedByUsedInOperatingActivitiesContinuingOperations",
            "ifrs-full:CashFlowsFromUsedInOperatingActivities",
        ),
        "capital_expenditure": _any(
            "PaymentsToAcquirePropertyPlantAndEquipment", "PaymentsToAcquireProductiveAssets",
            "ifrs-full:PurchaseOfPropertyPlantAndEquipmentClassifiedAsInvestingActivities",
        ),
    }
)  # fmt: skip
"""Items of the income and cash flow statements: durations."""


def tags_of(items: Mapping[str, tuple[Sum, ...]]) -> tuple[tuple[str, str], ...]:
    """(taxonomy, tag) of everything that the items read, each once."""
    named = dict.fromkeys(tag for alternatives in items.values() for way in alternatives for tag in way.tags)
    return tuple(split(tag) for tag in named)


def split(tag: str) -> tuple[str, str]:
    """Taxonomy and name of a tag as the table writes it.

    >>> split("Assets"), split("ifrs-full:Assets")
    (('us-gaap', 'Assets'), ('ifrs-full', 'Assets'))
    """
    taxonomy, mark, name = tag.rpartition(":")
    return (taxonomy, name) if mark else ("us-gaap", tag)
