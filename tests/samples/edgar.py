"""Good bodies of the source ``edgar``."""

from __future__ import annotations

import json

from tests.samples import sample

DATA = "https://data.sec.gov/"


def fact(
    value: object,
    end: str = "2024-12-31",
    start: str | None = None,
    *,
    filed: str = "2025-02-20",
    accession: str = "0000000001-25-000001",
    form: str = "10-K",
) -> dict[str, object]:
    """A fact as ``companyfacts`` writes it."""
    begin = {} if start is None else {"start": start}
    return {**begin, "end": end, "val": value, "accn": accession, "fy": 2024, "fp": "FY", "form": form, "filed": filed, "frame": "CY2024"}


def company_facts(tags: dict[str, list[dict[str, object]]], *, unit: str = "USD", taxonomy: str = "us-gaap") -> bytes:
    """A body of ``companyfacts`` with one unit a tag."""
    about = {tag: {"label": tag, "description": None, "units": {unit: facts}} for tag, facts in tags.items()}
    return json.dumps({"cik": 1234567, "entityName": "Example Corp", "facts": {taxonomy: about}}).encode()


STATEMENTS = {
    "Assets": [fact(1000), fact(900, "2023-12-31")],
    "AssetsCurrent": [fact(400)],
    "InventoryNet": [fact(100)],
    "Liabilities": [fact(600)],
    "LiabilitiesCurrent": [fact(200)],
    "StockholdersEquity": [fact(400)],
    "RetainedEarningsAccumulatedDeficit": [fact(250)],
    "LongTermDebtNoncurrent": [fact(280)],
    "LongTermDebtCurrent": [fact(20)],
    "Revenues": [fact(2000, start="2024-01-01")],
    "OperatingIncomeLoss": [fact(120, start="2024-01-01"), fact(40, start="2024-10-01")],
    "InterestExpense": [fact(30.0, start="2024-01-01")],
    "DepreciationDepletionAndAmortization": [fact(30, start="2024-01-01")],
    "NetIncomeLoss": [fact(70, start="2024-01-01")],
}
COLUMNS = {
    "accessionNumber": ["0000000001-25-000003", "0000000001-25-000002", "0000000001-25-000001"],
    "filingDate": ["2025-03-05", "2025-03-04", "2025-02-20"],
    "reportDate": ["2025-03-01", "", "2024-12-31"],
    "acceptanceDateTime": ["2025-03-05T16:05:09.000Z", "2025-03-04T18:30:28.000Z", "2025-02-20T00:00:00.000Z"],
    "form": ["8-K", "4", "10-K"],
    "items": ["2.04,9.01", "", ""],
    "size": [1000, 2000, 3000],
    "primaryDocument": ["a.htm", "xslF345X05/b.xml", ""],
    "isXBRL": [1, 0, 1],
}
ISSUER = {
    "cik": "0001234567", "name": "Example Corp", "sic": "3571", "sicDescription": "Electronic Computers", "entityType": "operating",
    "category": "<br>Large accelerated filer", "fiscalYearEnd": "1231", "stateOfIncorporation": "DE", "lei": None,
    "tickers": ["EXM", "EXMB"], "exchanges": ["NYSE", None], "filings": {"recent": COLUMNS, "files": []},
}  # fmt: skip
TICKERS = {"0": {"cik_str": 1234567, "ticker": "EXM", "title": "Example Corp"}, "1": {"cik_str": 7, "ticker": "SVN", "title": "Seven & Co"}}
ENTRY = """<entry><title>8-K - Example &amp; Co (0001234567) (Filer)</title>
<link rel="alternate" type="text/html" href="https://www.sec.gov/Archives/edgar/data/1234567/000000000125000003/0000000001-25-000003-index.htm"/>
<summary type="html"> &lt;b&gt;Filed:&lt;/b&gt; 2025-03-05 &lt;b&gt;AccNo:&lt;/b&gt; 0000000001-25-000003</summary>
<updated>2025-03-05T16:05:09-05:00</updated><category scheme="https://www.sec.gov/" label="form type" term="8-K"/>
<id>urn:tag:sec.gov,2008:accession-number=0000000001-25-000003</id></entry>"""
FEED = f'<?xml version="1.0" encoding="ISO-8859-1" ?><feed xmlns="http://www.w3.org/2005/Atom"><title>Latest</title>{ENTRY}</feed>'.encode()
SAMPLES = [
    sample("edgar", company_facts(STATEMENTS), url=DATA + "api/xbrl/companyfacts/CIK0001234567.json"),
    sample("edgar", json.dumps(ISSUER).encode(), url=DATA + "submissions/CIK0001234567.json"),
    sample("edgar", json.dumps(COLUMNS).encode(), url=DATA + "submissions/CIK0001234567-submissions-001.json"),
    sample("edgar", json.dumps(TICKERS).encode(), url="https://www.sec.gov/files/company_tickers.json"),
    sample("edgar", FEED, url="https://www.sec.gov/cgi-bin/browse-edgar?action=getcurrent&output=atom"),
]
