"""Good bodies of the source ``edgar``."""

from __future__ import annotations

import json
from typing import Any

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
COLUMNS: dict[str, list[Any]] = {
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
HEADER = """<SEC-DOCUMENT>0000000001-25-000003.txt : 20250305
<SEC-HEADER>0000000001-25-000003.hdr.sgml : 20250305
<ACCEPTANCE-DATETIME>20250305160509
ACCESSION NUMBER:\t\t0000000001-25-000003
CONFORMED SUBMISSION TYPE:\t8-K
PUBLIC DOCUMENT COUNT:\t\t2
CONFORMED PERIOD OF REPORT:\t20250301
ITEM INFORMATION:\t\tResults of Operations and Financial Condition
ITEM INFORMATION:\t\tFinancial Statements and Exhibits
FILED AS OF DATE:\t\t20250305

FILER:

\tCOMPANY DATA:\t
\t\tCOMPANY CONFORMED NAME:\t\t\tExample Corp
\t\tCENTRAL INDEX KEY:\t\t\t0001234567
</SEC-HEADER>
"""
RELEASE = """<TYPE>EX-99.1
<TEXT><html><body><p>Exhibit 99.1</p><p>Example Corp (NYSE: EXM) today reported results for the quarter ended December 31, 2024.</p>
<p>Total debt was $310.5 million. For the first quarter, the company expects net sales of $500 million to $520 million and diluted earnings
per share of $1.10 to $1.20.</p>
<p>CONSOLIDATED STATEMENTS OF INCOME (in millions, except per share amounts)</p>
<table><tr><td></td><td colspan="2">Three Months Ended</td></tr>
<tr><td></td><td>December 31, 2024</td><td>December 31, 2023</td></tr>
<tr><td>Net sales</td><td>$</td><td>480.5</td><td>$</td><td>450.1</td></tr>
<tr><td>Net loss</td><td>(</td><td>(12.0</td><td>)</td><td>3.0</td></tr>
<tr><td>Diluted earnings (loss) per share</td><td>$</td><td>(0.12</td><td>)</td><td>0.03</td></tr></table></body></html></TEXT>
"""
SUBMISSION = f"{HEADER}<DOCUMENT>\n<TYPE>8-K\n<TEXT><p>FORM 8-K</p></TEXT>\n</DOCUMENT>\n<DOCUMENT>\n{RELEASE}</DOCUMENT>\n"
REPORT = """<html><body><p>UNITED STATES</p><p>FORM&nbsp;8-K</p><p>Date of Report (Date of earliest event reported): March 1, 2025</p>
<table><tr><td>Delaware</td><td>001-12345</td></tr><tr><td>(State)</td><td>(Commission File Number)</td></tr></table>
<p><b>Item 2.04.</b> Triggering Events That Accelerate a Direct Financial Obligation</p><p>As Item 9.01 says below.</p>
<div>Item&#160;9.01 Exhibits</div></body></html>"""
OWNERSHIP = """<?xml version="1.0"?><ownershipDocument><documentType>4</documentType><issuer><issuerCik>0001234567</issuerCik></issuer>
<reportingOwner><reportingOwnerId><rptOwnerCik>0000000009</rptOwnerCik><rptOwnerName>Doe Jane</rptOwnerName></reportingOwnerId>
<reportingOwnerRelationship><isDirector>true</isDirector></reportingOwnerRelationship></reportingOwner>
<nonDerivativeTable><nonDerivativeTransaction><securityTitle><value>Common Stock</value></securityTitle>
<transactionDate><value>2025-03-03</value></transactionDate><transactionCoding><transactionCode>P</transactionCode></transactionCoding>
<transactionAmounts><transactionShares><value>100</value></transactionShares><transactionPricePerShare><value>9.5</value>
</transactionPricePerShare><transactionAcquiredDisposedCode><value>A</value></transactionAcquiredDisposedCode></transactionAmounts>
</nonDerivativeTransaction></nonDerivativeTable></ownershipDocument>"""
ARCHIVE = "https://www.sec.gov/Archives/edgar/data/1234567/"
SAMPLES += [
    sample("edgar", SUBMISSION.encode(), url=ARCHIVE + "0000000001-25-000003.txt"),
    sample("edgar", RELEASE.encode(), url=ARCHIVE + "000000000125000003/ex991.htm"),
    sample("edgar", REPORT.encode(), url=ARCHIVE + "000000000125000003/report.htm"),
    sample("edgar", OWNERSHIP.encode(), url=ARCHIVE + "000000000125000003/form4.xml"),
]
