"""An answer about another series than was asked for is not stored, whatever the source: its values would become that other series'."""

from __future__ import annotations

import json

import pytest

from crfs.credit.catalogue import packaged_catalogue
from crfs.sources.core import Classification, load_source
from crfs.sources.core.registry import source_names
from crfs.sources.providers.census import WIDE
from tests.samples import (
    alpha_vantage,
    bls,
    census,
    ecb,
    edgar,
    federal_reserve,
    fiscaldata,
    ken_french,
    oecd,
    sample,
    stocktwits,
    treasury,
    yahoo,
)
from tests.samples.sdmx import json_message, xml_message

FRED = "https://fred.stlouisfed.org/graph/fredgraph.csv?id="
DATA = "https://sdmx.oecd.org/public/rest/data/OECD.SDD.NAD,{},/{}?format=jsondata"
PAR = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/"
RATE = json_message(
    [(name, [code]) for name, code in zip(ecb.KEYS, ecb.DEPOSIT, strict=True)],
    [(ecb.DEPOSIT, "2024-03-28", 4.0)],
    flow="https://x/dataflow/FM/all",
)
GENERIC = xml_message(ecb.KEYS, [(ecb.DEPOSIT, "2024-03-28", "4")], flow="FM")
QNA = json_message(oecd.DIMENSIONS, oecd.OBSERVATIONS, flow="https://x/dataflow/QNA/all")
QUOTE = {"symbol": "ACME", "regularMarketPrice": 12.5, "regularMarketTime": 1740171601, "currency": "USD"}
CSV_OF_REAL_YIELDS = b'Date,"5 YR","7 YR","10 YR","20 YR","30 YR"\n03/28/2024,1.79,1.82,1.88,2.0,2.1\n'
CSV_OF_PAR_YIELDS = b'Date,"1 Mo","2 Mo","5 Yr","10 Yr"\n03/28/2024,5.49,5.45,4.21,4.2\n'
EITS = ["data_type_code", "time_slot_id", "seasonally_adj", "category_code", "cell_value", "error_data"]
TONE = {
    "query_details": {"title": "&quot;bank failure&quot; sourcelang:english", "date_resolution": "day"},
    "timeline": [{"series": "Average Tone", "data": [{"date": "20251222T000000Z", "value": 2.5}]}],
}
CSV_OF_BILLS = b'date,"4 weeks bank discount","4 weeks coupon equivalent"\n3/28/24,5.27,5.38\n'


def av(document: object) -> bytes:
    return json.dumps(document).encode()


CASES = {
    "fred's table": ("fred", b"observation_date,GDP\n2025-11-01,1\n", FRED, ["GDP", "gdp"], ["S9", "GDP,S9"]),
    "ecb, csv": (
        "ecb",
        ecb.CSV,
        ecb.API,
        ["EXR/D.USD.EUR.SP00.A", "EXR/D.USD+JPY.EUR..A", "EXR/all"],
        ["EXR/D.JPY.EUR.SP00.A", "FM/D.USD.EUR.SP00.A"],
    ),
    "ecb, json": (
        "ecb",
        RATE,
        ecb.API,
        ["FM/D.U2.EUR.4F.KR.DFR.LEV?format=jsondata", "FM/......"],
        ["FM/D.U2.EUR.4F.KR.MLFR.LEV", "EST/D.U2.EUR.4F.KR.DFR.LEV"],
    ),
    "ecb, xml": ("ecb", GENERIC, ecb.API, ["FM/D.U2.EUR.4F.KR.DFR.LEV"], ["FM/M.U2.EUR.4F.KR.DFR.LEV"]),
    "oecd": (
        "oecd",
        QNA,
        "",
        [DATA.format("QNA", "AUS+CHL.B1_GE."), DATA.format("QNA", "..")],
        [DATA.format("QNA", "USA.B1_GE.Q"), DATA.format("DSD_A@DF_B", "AUS+CHL.B1_GE.")],
    ),
    "bls": (
        "bls",
        bls.SAMPLES[0].body,
        "https://api.bls.gov/publicAPI/v2/timeseries/data/#startyear=2024&seriesid=",
        ["LNS14000000,CES0000000001", "lns14000000,CES0000000001,PRS85006092"],
        ["LNS14000000", "PRS85006092"],
    ),
    "yahoo, a chart": (
        "yahoo",
        av(yahoo.chart()),
        "https://query2.finance.yahoo.com/v8/finance/chart/",
        ["ACME?interval=1d", "acme?interval=1d"],
        ["BRK-B?interval=1d"],
    ),
    "yahoo, quotes": (
        "yahoo",
        av({"quoteResponse": {"result": [QUOTE], "error": None}}),
        "https://query2.finance.yahoo.com/v7/finance/quote?symbols=",
        ["ACME", "BRK-B,ACME"],
        ["BRK-B"],
    ),
    "yahoo, a summary": (
        "yahoo",
        av({"quoteSummary": {"result": [{"price": QUOTE}], "error": None}}),
        "https://query2.finance.yahoo.com/v10/finance/quoteSummary/",
        ["ACME?modules=price"],
        ["BRK-B?modules=price"],
    ),
    "census": (
        "census",
        av(census.STATES),
        "https://api.census.gov/data/2023/acs/acs5?get=",
        [f"NAME,{','.join(WIDE.values())}&for=state:*", "NAME&for=state:*"],
        ["NAME,B25001_099E&for=state:*", "NAME&for=county:*&in=state:42"],
    ),
    "census, a place": (
        "census",
        av([["NAME", "B01003_001E", "state", "county"], ["Philadelphia", "1600000", "42", "101"]]),
        "https://api.census.gov/data/2023/acs/acs5?get=NAME,B01003_001E&for=",
        ["county:101&in=state:42", "county:*&in=state:*", "county:045,101&in=state:42"],
        ["county:101&in=state:06", "county:045&in=state:42", "us:1", "us:*"],
    ),
    "census, an indicator": (
        "census",
        av([[*EITS, "program_code", "time", "us"], ["SM", "0", "yes", "44X72", "700000", "no", "MARTS", "2024-01", "1"]]),
        "https://api.census.gov/data/timeseries/eits/",
        ["marts?time=from+2010-01", "marts?for=us:*&time=2024"],
        ["m3?time=from+2010-01", "mrtsadv?time=from+2010-01"],
    ),
    "census, an advance report": (
        "census",
        av([[*EITS, "program_code", "time", "us"], ["NO", "0", "yes", "MDM", "700000", "no", "M3ADV", "2024-01", "1"]]),
        "https://api.census.gov/data/timeseries/eits/",
        ["advm3?time=from+2010-01"],
        ["m3?time=from+2010-01"],
    ),
    "fiscaldata": (
        "fiscaldata",
        fiscaldata.page(fiscaldata.ROWS["debt_to_penny"]),
        fiscaldata.API,
        [fiscaldata.PATHS["debt_to_penny"]],
        [fiscaldata.PATHS["mspd_table_1"], fiscaldata.PATHS["operating_cash_balance"]],
    ),
    "ken_french, a file": (
        "ken_french",
        ken_french.INDUSTRIES,
        "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/",
        ["5_Industry_Portfolios_CSV.zip"],
        ["49_Industry_Portfolios_CSV.zip", "F-F_Research_Data_Factors_CSV.zip"],
    ),
    "ken_french, a zip": (
        "ken_french",
        ken_french.zipped(ken_french.DAILY, "F-F_Research_Data_Factors_daily.CSV"),
        "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/",
        ["F-F_Research_Data_Factors_daily_CSV.zip", "F-F_research_data_factors_DAILY_CSV.zip"],
        ["F-F_Research_Data_Factors_CSV.zip", "F-F_Research_Data_5_Factors_2x3_daily_CSV.zip"],
    ),
    "edgar, facts": (
        "edgar",
        edgar.company_facts(edgar.STATEMENTS),
        "https://data.sec.gov/api/xbrl/companyfacts/",
        ["CIK0001234567.json"],
        ["CIK0000000099.json"],
    ),
    "edgar, filings": (
        "edgar",
        av(edgar.ISSUER),
        "https://data.sec.gov/submissions/",
        ["CIK0001234567.json"],
        ["CIK0000000099.json"],
    ),
    "federal_reserve": (
        "federal_reserve",
        federal_reserve.ROWS,
        "https://www.federalreserve.gov/datadownload/Output.aspx?series=x&rel=",
        ["G17", "g.17"],
        ["H15"],
    ),
    "treasury": (
        "treasury",
        treasury.PAR,
        f"{PAR}pages/xml?data=",
        ["daily_treasury_yield_curve"],
        ["daily_treasury_bill_rates", "daily_treasury_real_yield_curve"],
    ),
    "treasury, csv": (
        "treasury",
        CSV_OF_BILLS,
        f"{PAR}daily-treasury-rates.csv/2024/all?type=",
        ["daily_treasury_bill_rates"],
        ["daily_treasury_yield_curve"],
    ),
    "treasury, csv of real yields": (
        "treasury",
        CSV_OF_REAL_YIELDS,
        f"{PAR}daily-treasury-rates.csv/2024/all?type=",
        ["daily_treasury_real_yield_curve"],
        ["daily_treasury_yield_curve", "daily_treasury_bill_rates", "daily_treasury_long_term_rate"],
    ),
    "treasury, csv of par yields": (
        "treasury",
        CSV_OF_PAR_YIELDS,
        f"{PAR}daily-treasury-rates.csv/2024/all?type=",
        ["daily_treasury_yield_curve"],
        ["daily_treasury_real_yield_curve", "daily_treasury_bill_rates"],
    ),
    "gdelt, a timeline": (
        "gdelt",
        av(TONE),
        "https://api.gdeltproject.org/api/v2/doc/doc?mode=timelinetone&format=json&query=",
        ["%22bank+failure%22+sourcelang:english", "%22BANK+failure%22+sourcelang:eng+sourcecountry:US"],
        [
            "recession",
            "bank+sourcelang:english",
            "%22bank+failure%22+sourcelang:german",
            "%22bank+failure%22",
            "bank+failure+run+sourcelang:english",
        ],
    ),
    "stocktwits": (
        "stocktwits",
        av(stocktwits.STREAM),
        "https://api.stocktwits.com/api/2/streams/symbol/",
        ["ACME.json?limit=30"],
        ["AAPL.json?limit=30"],
    ),
    "alpha_vantage, prices": (
        "alpha_vantage",
        av(alpha_vantage.DAILY),
        alpha_vantage.API,
        ["TIME_SERIES_DAILY&symbol=ACME"],
        ["TIME_SERIES_DAILY&symbol=IBM"],
    ),
    "alpha_vantage, currencies": (
        "alpha_vantage",
        av(alpha_vantage.FX),
        alpha_vantage.API,
        ["FX_DAILY&from_symbol=EUR&to_symbol=USD"],
        ["FX_DAILY&from_symbol=EUR&to_symbol=JPY"],
    ),
    "alpha_vantage, a snapshot": (
        "alpha_vantage",
        av(alpha_vantage.OVERVIEW),
        alpha_vantage.API,
        ["OVERVIEW&symbol=acme"],
        ["OVERVIEW&symbol=IBM"],
    ),
    "alpha_vantage, a statement": (
        "alpha_vantage",
        av(alpha_vantage.BALANCE),
        alpha_vantage.API,
        ["BALANCE_SHEET&symbol=ACME"],
        ["BALANCE_SHEET&symbol=IBM"],
    ),
    "alpha_vantage, a commodity": (
        "alpha_vantage",
        av(alpha_vantage.SERIES),
        alpha_vantage.API,
        ["WTI&interval=daily", "wti&interval=daily"],
        [
            "WTI&interval=monthly",
            "BRENT&interval=daily",
            "NATURAL_GAS&interval=daily",
            "CPI&interval=daily",
            "TREASURY_YIELD&interval=daily",
        ],
    ),
    "alpha_vantage, a commodity in another unit": (
        "alpha_vantage",
        av({**alpha_vantage.SERIES, "name": "", "unit": "dollars per million BTU"}),
        alpha_vantage.API,
        ["NATURAL_GAS&interval=daily"],
        ["WTI&interval=daily", "UNEMPLOYMENT"],
    ),
    "alpha_vantage, a yield": (
        "alpha_vantage",
        av({**alpha_vantage.SERIES, "name": "5-Year Treasury Constant Maturity Rate", "interval": "monthly", "unit": "percent"}),
        alpha_vantage.API,
        ["TREASURY_YIELD&interval=monthly&maturity=5year", "TREASURY_YIELD"],
        ["TREASURY_YIELD&interval=monthly&maturity=10year", "TREASURY_YIELD&maturity=5month", "FEDERAL_FUNDS_RATE"],
    ),
    "alpha_vantage, an index": (
        "alpha_vantage",
        av(
            {
                **alpha_vantage.SERIES,
                "name": "Consumer Price Index for all Urban Consumers",
                "interval": "monthly",
                "unit": "index 1982-1984=100",
            }
        ),
        alpha_vantage.API,
        ["CPI&interval=monthly"],
        ["FEDERAL_FUNDS_RATE&interval=monthly", "INFLATION", "ALL_COMMODITIES"],
    ),
    "alpha_vantage, a product a head": (
        "alpha_vantage",
        av(
            {
                **alpha_vantage.SERIES,
                "name": "Real Gross Domestic Product per Capita",
                "interval": "quarterly",
                "unit": "chained 2012 dollars",
            }
        ),
        alpha_vantage.API,
        ["REAL_GDP_PER_CAPITA"],
        ["REAL_GDP&interval=quarterly", "DURABLES"],
    ),
    "alpha_vantage, a transcript": (
        "alpha_vantage",
        av(alpha_vantage.TRANSCRIPT),
        alpha_vantage.API,
        ["EARNINGS_CALL_TRANSCRIPT&symbol=ACME&quarter=2024Q1"],
        ["EARNINGS_CALL_TRANSCRIPT&symbol=ACME&quarter=2023Q4"],
    ),
    "alpha_vantage, a calendar": (
        "alpha_vantage",
        alpha_vantage.CALENDAR,
        alpha_vantage.API,
        ["EARNINGS_CALENDAR&symbol=acme", "EARNINGS_CALENDAR"],
        ["EARNINGS_CALENDAR&symbol=IBM"],
    ),
}

NOT_NAMED = {
    "bureau": "simulated here: nothing comes from elsewhere",
    "csv": "one's own file, whose rows name their series and whose stream names the dataset",
    "packaged": "files that lie in the package, by their names",
    "nyfed": "the index is called GSCPI wherever it stands; that a panel is of another day than its file's name says nothing tells",
    "federal_register": "documents, each by its own number: one that was not asked for changes no other",
    "newsapi": "articles, each by its own address",
    "reddit": "posts, each by its own id, and of the subreddit that it names itself",
    "rss": "articles, each by its own address",
}
"""Sources whose answers cannot be of another series, or do not say of which they are, and why. Also, of those above: FRED's observations name
no series, a timeline or articles of GDELT as a table no search, and news of Alpha Vantage and Yahoo are articles.
"""


def test_every_source_is_held_to_what_was_asked_of_it_or_says_why_it_cannot_be() -> None:
    held = {source for source, *_ in CASES.values()}
    assert held | set(NOT_NAMED) == set(source_names())
    assert not held & set(NOT_NAMED)


@pytest.mark.parametrize(
    ("source", "body", "url", "is_asked"),
    [
        pytest.param(source, body, address + asked, is_asked, id=f"{name}: {asked.rpartition('/')[2]}, {is_asked}")
        for name, (source, body, address, right, wrong) in CASES.items()
        for is_asked, questions in ((True, right), (False, wrong))
        for asked in questions
    ],
)
def test_an_answer_about_another_series_is_not_stored(source: str, body: bytes, url: str, is_asked: bool) -> None:
    asked, payload = load_source(source), sample(source, body, url=url, stream="asked")
    said, parsed = asked.classify(payload), asked.parse(payload, packaged_catalogue())
    if is_asked:
        assert said is Classification.OK
        assert parsed.tables
        return
    assert said is Classification.SCHEMA
    assert parsed.tables == {}
    [(reason, detail)] = parsed.rejected.select("reason", "detail").rows()
    assert reason == "unknown_series"
    assert "was asked for, and the answer is about" in detail


@pytest.mark.parametrize("asked", ["marts?time=from+2010-01", "marts?for=us:*&time=from+2010-01", ""])
def test_a_states_value_is_none_of_the_country(asked: str) -> None:
    body = av([[*EITS, "time", "state"], ["SM", "0", "yes", "44X72", "5", "no", "2024-01", "42"]])
    url = f"https://api.census.gov/data/timeseries/eits/{asked}" if asked else ""
    parsed = load_source("census").parse(sample("census", body, url=url, stream="eits/marts"), packaged_catalogue())
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unknown_series"])


def test_a_row_that_is_cut_does_not_say_that_the_table_is_of_another_place() -> None:
    rows = [["NAME", "B01003_001E", "state"], ["Pennsylvania", "12986518", "42"], ["Ohio", "7", "39", "x"]]
    url = "https://api.census.gov/data/2023/acs/acs5?get=NAME,B01003_001E&for=state:42"
    parsed = load_source("census").parse(sample("census", av(rows), url=url), packaged_catalogue())
    assert parsed.tables["census_acs5"].height == 1
    assert parsed.rejected["reason"].to_list() == ["unexpected_shape"]


@pytest.mark.parametrize(
    ("source", "body", "own", "other"),
    [
        ("alpha_vantage", av(alpha_vantage.SERIES), "WTI:daily", "BRENT:daily"),
        ("alpha_vantage", av(alpha_vantage.SERIES), "WTI:daily", "WTI:monthly"),
    ],
)
def test_a_saved_answer_without_an_address_is_of_what_its_stream_names(source: str, body: bytes, own: str, other: str) -> None:
    asked, catalogue = load_source(source), packaged_catalogue()
    assert asked.parse(sample(source, body, stream=own), catalogue).tables
    wrong = sample(source, body, stream=other)
    assert asked.classify(wrong) is Classification.SCHEMA
    assert asked.parse(wrong, catalogue).tables == {}
