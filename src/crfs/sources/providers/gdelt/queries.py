"""The searches that the source knows by name: what the press writes of credit risk."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "bankruptcy": '(bankruptcy OR "chapter 11") sourcecountry:US sourcelang:english',
        "corporate_default": '("debt default" OR "bond default" OR "missed interest payment") sourcelang:english',
        "rating_downgrade": '("rating downgrade" OR "credit downgrade" OR "downgraded to junk") sourcelang:english',
        "bank_failure": '("bank failure" OR "bank run" OR "bank collapse") sourcelang:english',
        "layoffs": '(layoffs OR "job cuts") sourcecountry:US sourcelang:english',
        "mortgage_distress": '(foreclosure OR "mortgage delinquency") sourcecountry:US sourcelang:english',
        "consumer_debt": '("credit card debt" OR "auto loan" OR "household debt") sourcecountry:US sourcelang:english',
        "commercial_real_estate": '"commercial real estate" sourcecountry:US sourcelang:english',
        "recession": "recession sourcecountry:US sourcelang:english",
    }
)
"""Name → query of the DOC interface. A changed query is another series: give it another name."""

NAMES: Mapping[str, str] = MappingProxyType({query: name for name, query in QUERIES.items()})
