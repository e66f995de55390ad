"""Good bodies of the source ``alpha_vantage``."""

from __future__ import annotations

import json
from typing import Any

from tests.samples import sample

API = "https://www.alphavantage.co/query?function="
DAILY: dict[str, Any] = {
    "Meta Data": {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": "ACME",
        "3. Last Refreshed": "2020-01-03",
        "4. Output Size": "Compact",
        "5. Time Zone": "US/Eastern",
    },
    "Time Series (Daily)": {
        "2020-01-03": {"1. open": "11.0", "2. high": "12.5", "3. low": "10.5", "4. close": "12.0", "5. volume": "1200"},
        "2020-01-02": {"1. open": "10.0", "2. high": "11.5", "3. low": "9.5", "4. close": "11.0", "5. volume": "1000"},
    },
}
FX: dict[str, Any] = {
    "Meta Data": {"2. From Symbol": "EUR", "3. To Symbol": "USD", "5. Last Refreshed": "2020-01-03", "6. Time Zone": "UTC"},
    "Time Series FX (Daily)": {"2020-01-02": {"1. open": "1.12", "2. high": "1.13", "3. low": "1.11", "4. close": "1.117"}},
}
SERIES: dict[str, Any] = {
    "name": "Crude Oil Prices WTI",
    "interval": "daily",
    "unit": "dollars per barrel",
    "data": [{"date": "2020-01-03", "value": "63"}, {"date": "2020-01-02", "value": "61.17"}, {"date": "2020-01-01", "value": "."}],
}
OVERVIEW: dict[str, Any] = {
    "Symbol": "ACME",
    "AssetType": "Common Stock",
    "Name": "Acme Corp",
    "Sector": "TECHNOLOGY",
    "LatestQuarter": "2025-09-30",
    "MarketCapitalization": "255874367000",
    "PERatio": "None",
    "EBITDA": "-",
    "52WeekHigh": "332.46",
}
BALANCE: dict[str, Any] = {
    "symbol": "ACME",
    "annualReports": [{"fiscalDateEnding": "2024-12-31", "reportedCurrency": "USD", "totalAssets": "137", "goodwill": "None"}],
    "quarterlyReports": [{"fiscalDateEnding": "2025-09-30", "reportedCurrency": "USD", "totalAssets": "150", "totalLiabilities": "119"}],
}
INCOME: dict[str, Any] = {
    "symbol": "ACME",
    "annualReports": [
        {"fiscalDateEnding": "2024-12-31", "reportedCurrency": "USD", "totalRevenue": "62", "netIncome": "-6", "ebit": "None"}
    ],
    "quarterlyReports": [],
}
CASH_FLOW: dict[str, Any] = {
    "symbol": "ACME",
    "annualReports": [],
    "quarterlyReports": [{"fiscalDateEnding": "2025-09-30", "reportedCurrency": "USD", "operatingCashflow": "4", "netIncome": "2"}],
}
EARNINGS: dict[str, Any] = {
    "symbol": "ACME",
    "annualEarnings": [{"fiscalDateEnding": "2024-12-31", "reportedEPS": "10.33"}],
    "quarterlyEarnings": [
        {
            "fiscalDateEnding": "2025-09-30",
            "reportedDate": "2025-10-22",
            "reportedEPS": "2.65",
            "estimatedEPS": "2.45",
            "surprise": "0.2",
            "surprisePercentage": "8.1633",
            "reportTime": "post-market",
        }
    ],
}
ESTIMATES: dict[str, Any] = {
    "symbol": "ACME",
    "estimates": [
        {"date": "2026-12-31", "horizon": "fiscal year", "eps_estimate_average": "12.4254", "eps_estimate_analyst_count": "22.0000"},
        {"date": "2026-03-31", "horizon": "fiscal quarter", "eps_estimate_average": "2.9", "revenue_estimate_average": None},
    ],
}
DIVIDENDS: dict[str, Any] = {
    "symbol": "ACME",
    "data": [
        {
            "ex_dividend_date": "2025-11-10",
            "declaration_date": "2025-10-28",
            "record_date": "2025-11-10",
            "payment_date": "2025-12-10",
            "amount": "1.68",
        },
        {"ex_dividend_date": "1999-05-06", "declaration_date": "None", "record_date": "None", "payment_date": "None", "amount": "0.24"},
    ],
}
NEWS: dict[str, Any] = {
    "items": "2",
    "feed": [
        {
            "title": "ACME misses a payment",
            "url": "https://example.org/1",
            "time_published": "20260102T021500",
            "summary": "It did.",
            "source": "A Wire",
            "overall_sentiment_score": -0.41,
            "overall_sentiment_label": "Bearish",
            "ticker_sentiment": [
                {"ticker": "ACME", "relevance_score": "1.000000", "ticker_sentiment_score": "-0.71", "ticker_sentiment_label": "Bearish"},
                {"ticker": "FOREX:USD", "relevance_score": "0.1", "ticker_sentiment_score": "0.05", "ticker_sentiment_label": "Neutral"},
            ],
        },
        {"title": "Old news", "url": "https://example.org/2", "time_published": "20240102T0215", "ticker_sentiment": []},
    ],
}
TRANSCRIPT: dict[str, Any] = {
    "symbol": "ACME",
    "quarter": "2024Q1",
    "transcript": [{"speaker": "A", "title": "CEO", "content": "Thank you.", "sentiment": "0.6"}],
}
SEARCH: dict[str, Any] = {"bestMatches": [{"1. symbol": "ACME", "2. name": "Acme Corp", "3. type": "Equity", "8. currency": "USD"}]}
CALENDAR = b"symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay\r\nACME,ACME CORP,2026-01-28,2025-12-31,2.95,USD,post-market\r\n"
LISTING = (
    b"symbol,name,exchange,assetType,ipoDate,delistingDate,status\r\nACME,Acme Corp,NYSE,Stock,1999-11-18,null,Active\r\n"
    b"GONE,,NYSE,Stock,2001-01-02,2009-06-01,Delisted\r\n"
)
CURRENCIES = b"currency code,currency name\r\nEUR,Euro\r\n"
BODIES: dict[str, Any] = {
    "TIME_SERIES_DAILY&symbol=ACME": DAILY,
    "FX_DAILY&from_symbol=EUR&to_symbol=USD": FX,
    "WTI&interval=daily": SERIES,
    "OVERVIEW&symbol=ACME": OVERVIEW,
    "BALANCE_SHEET&symbol=ACME": BALANCE,
    "INCOME_STATEMENT&symbol=ACME": INCOME,
    "CASH_FLOW&symbol=ACME": CASH_FLOW,
    "EARNINGS&symbol=ACME": EARNINGS,
    "EARNINGS_ESTIMATES&symbol=ACME": ESTIMATES,
    "DIVIDENDS&symbol=ACME": DIVIDENDS,
    "NEWS_SENTIMENT&tickers=ACME": NEWS,
    "EARNINGS_CALL_TRANSCRIPT&symbol=ACME&quarter=2024Q1": TRANSCRIPT,
    "SYMBOL_SEARCH&keywords=acme": SEARCH,
    "EARNINGS_CALENDAR": CALENDAR,
    "LISTING_STATUS": LISTING,
    "": CURRENCIES,
}
SAMPLES = [
    sample("alpha_vantage", body if isinstance(body, bytes) else json.dumps(body).encode(), url=API + asked, stream=asked.partition("&")[0])
    for asked, body in BODIES.items()
]
