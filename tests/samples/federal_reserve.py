"""Good bodies of the source ``federal_reserve``."""

from __future__ import annotations

from tests.samples import sample

ROWS = b""""Descriptions:","Unit:","Multiplier:","Currency:","Unique Identifier:","Series Name:",2019-12,2020-01,2020-02,2020-03
"Total index; s.a. IP","Index:_2017_100","1","NA",G17/IP_MARKET_GROUPS/IP.B50001.S,IP.B50001.S,,101.5,ND,97.2
"Total index; s.a. CAPUTL","Percentage","1","NA",G17/CAPUTL/CAPUTL.B50001.S,CAPUTL.B50001.S,77.1,76.9,76.8,
"""
COLUMNS = b""""Series Description","Market yield at 10 years, inflation-indexed","Market yield at 5 years, inflation-indexed"
"Unit:","Percent:_Per_Year","Percent:_Per_Year"
"Multiplier:","1","1"
"Currency:","NA","NA"
"Unique Identifier: ","H15/H15/RIFLGFCY10_XII_N.B","H15/H15/RIFLGFCY05_XII_N.B"
"Time Period","RIFLGFCY10_XII_N.B","RIFLGFCY05_XII_N.B"
2024-12-24,2.26,2.20
2024-12-25,ND,ND
2024-12-26,2.24,2.19
"""
DOMESTIC = b"""Scenario Name,Date,Real GDP growth,Nominal GDP growth,Real disposable income growth,Nominal disposable income growth,\
Unemployment rate,CPI inflation rate,3-month Treasury rate,5-year Treasury yield,10-year Treasury yield,BBB corporate yield,Mortgage rate,\
Prime rate,Dow Jones Total Stock Market Index (Level),House Price Index (Level),Commercial Real Estate Price Index (Level),\
Market Volatility Index (Level)
Supervisory Severely Adverse,2025 Q1,-8.9,-8.0,-6.0,-4.5,5.6,2.0,1.8,0.6,1.4,5.2,4.0,4.8,34508.6,275.1,302.4,60.0
Supervisory Severely Adverse,2025 Q2,-6.7,-6.0,-3.5,-2.2,6.8,1.5,0.1,0.5,1.0,,3.7,3.1,30792.3,255.2,295.4,65.0
"""
INTERNATIONAL = b"""Scenario Name,Date,Euro area real GDP growth,Euro area inflation,Euro area bilateral dollar exchange rate (USD/euro),\
Developing Asia real GDP growth,Developing Asia inflation,"Developing Asia bilateral dollar exchange rate (F/USD, index)",\
Japan real GDP growth,Japan inflation,Japan bilateral dollar exchange rate (yen/USD),U.K. real GDP growth,U.K. inflation,\
U.K. bilateral dollar exchange rate (USD/pound)
Supervisory Baseline,2025 Q1,1.2,1.8,1.17,4.2,1.4,107,0.8,1.8,141.5,1.1,2.5,1.355
"""
STATEMENT = """The Federal Open Market Committee decided today to lower its target for the
federal funds rate 75 basis points to 3-1/2 percent.

Voting for the action were: Ada B. First, Chairman; Carl D. Second, Jr.; and Eve Third. Voting against was Guy H. Fourth, who preferred
no change in the target for the federal funds rate at this meeting.

In a related action, the Board of Governors approved a 75-basis-point decrease in the discount rate to 4 percent.
"""
PAGE = """<!DOCTYPE html><html lang="en"><head><title>The Fed - Federal Reserve issues FOMC statement</title></head><body>
<div><p>Board of Governors of the Federal Reserve System</p></div><div id="content"><div id="article">
<div class="heading"><p class="article__time">July 29, 2025</p><h3 class="title">Federal Reserve issues FOMC statement</h3>
<p class="releaseTime">For release at 2:00 p.m. EDT</p></div><div class="col-xs-12 col-sm-8 col-md-8">
<p>The Federal Open Market Committee approved the following statement for release by a 9 &#8211; 3 vote:</p>
<p>The Committee decided to raise the target range for the federal funds rate by 1/4 percentage point to 3&#8209;1/2 to 3&frac34; percent.
Inflation remains <em>elevated</em> relative to the Committee's 2 percent goal.</p>
<p>Voting against the monetary policy action were three members, who preferred to maintain the target range at 3-1/4 to 3-1/2 percent.</p>
<p>For media inquiries, please call.</p><p><a href="/newsevents/pressreleases/monetary20250729a1.htm">Implementation Note issued July 29,
2025</a></p></div></div></div><div>Last Update: July 29, 2025</div></body></html>"""
NOTE = """The Federal Reserve has made the following decisions to implement the monetary
policy stance announced by the Federal Open Market Committee in its statement
on December 16, 2015:

* The Board of Governors voted unanimously to raise the interest rate paid on reserve balances to 0.50 percent.
"""
SENTENCES = b',sentence\n0,"Consumer spending, however, advanced further."\n1,The Committee expects inflation to moderate.\n'

SAMPLES = [
    sample("federal_reserve", ROWS, stream="G17"),
    sample("federal_reserve", COLUMNS, url="https://www.federalreserve.gov/datadownload/Output.aspx?rel=H15&series=x", stream="H15"),
    sample("federal_reserve", DOMESTIC, stream="2025-Table_3A_Supervisory_Severely_Adverse_Domestic"),
    sample("federal_reserve", INTERNATIONAL, stream="2025-Table_2B_Supervisory_Baseline_International"),
    sample("federal_reserve", STATEMENT.encode(), stream="statement_20080122"),
    sample("federal_reserve", PAGE.encode(), url="https://www.federalreserve.gov/newsevents/pressreleases/monetary20250729a.htm"),
    sample("federal_reserve", NOTE.encode(), stream="note"),
    sample("federal_reserve", SENTENCES, stream="meeting_minutes_20110126_filtered"),
]
