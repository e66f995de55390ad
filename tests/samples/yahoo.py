"""Good bodies of the source ``yahoo``."""

from __future__ import annotations

import json
from typing import Any

from tests.samples import sample

CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/ACME?period1=1577836800&period2=1578268800&interval=1d"


def chart(**changes: Any) -> dict[str, Any]:
    """Three sessions in New York (2, 3 and 6 January 2020), the second without a value, a dividend and a split; ``changes`` go into it."""
    meta = {
        "currency": "USD",
        "symbol": "ACME",
        "exchangeName": "NYQ",
        "gmtoffset": -14400,
        "timezone": "EDT",
        "exchangeTimezoneName": "America/New_York",
        "regularMarketTime": 1740171601,
        "currentTradingPeriod": {"regular": {"timezone": "EST", "start": 1740148200, "end": 1740171600, "gmtoffset": -18000}},
        "dataGranularity": "1d",
        "range": "",
    }
    quote = {
        "open": [74.06, None, 73.45],
        "high": [75.15, None, 75],
        "low": [73.8, None, 73.19],
        "close": [75.09, None, 74.95],
        "volume": [135480400, None, 118387200],
    }
    result = {
        "meta": meta,
        "timestamp": [1577975400, 1578061800, 1578321000],
        "events": {
            "dividends": {"1578061800": {"amount": 0.205, "date": 1578061800}},
            "splits": {"1578321000": {"date": 1578321000, "numerator": 4, "denominator": 1, "splitRatio": "4:1"}},
        },
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [72.7, None, 72.6]}]},
    }
    meta.update(changes.pop("meta", {}))
    quote.update(changes.pop("quote", {}))
    return {"chart": {"result": [{**result, **changes}], "error": None}}


NEWS: dict[str, Any] = {
    "count": 2,
    "quotes": [],
    "news": [
        {
            "uuid": "57ea9c09-0c99-3adf-9062-fecfdbe472cc",
            "title": "ACME misses a payment",
            "publisher": "A Wire",
            "link": "https://finance.yahoo.com/news/acme-1.html",
            "providerPublishTime": 1740442800,
            "type": "STORY",
            "relatedTickers": ["ACME", "brk-b"],
        },
        {
            "title": "No id of its own",
            "publisher": None,
            "link": "https://finance.yahoo.com/news/acme-2.html",
            "providerPublishTime": 1740442801,
        },
    ],
}
QUOTE = {
    "quoteResponse": {
        "result": [
            {
                "symbol": "ACME",
                "currency": "USD",
                "regularMarketPrice": 244.6,
                "regularMarketTime": 1739566800,
                "marketCap": 3674405863424,
                "sharesOutstanding": 15022100480,
            }
        ],
        "error": None,
    }
}
SUMMARY = {
    "quoteSummary": {
        "result": [
            {
                "price": {
                    "symbol": "ACME.L",
                    "currency": "GBp",
                    "regularMarketPrice": {"raw": 305.3, "fmt": "305.30"},
                    "regularMarketTime": 1740051143,
                    "marketCap": {},
                }
            }
        ],
        "error": None,
    }
}
SAMPLES = [
    sample("yahoo", json.dumps(chart()).encode(), url=CHART_URL, stream="ACME"),
    sample("yahoo", json.dumps(NEWS).encode(), url="https://query2.finance.yahoo.com/v1/finance/search?q=ACME", stream="news:ACME"),
    sample("yahoo", json.dumps(QUOTE).encode(), url="https://query2.finance.yahoo.com/v7/finance/quote?symbols=ACME", stream="ACME"),
    sample("yahoo", json.dumps(SUMMARY).encode(), url="https://query2.finance.yahoo.com/v10/finance/quoteSummary/ACME.L", stream="ACME.L"),
]
