"""Units that answers state: a change is seen whatever the layout, and rows in another unit than their factor's are refused and never stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.quality.thresholds import Threshold, breaches
from crfs.sources.core import Payload, load_source
from crfs.sources.core.shapes import scales_of, shape_of
from crfs.sources.core.unit_statements import stated_in
from tests.samples import fiscaldata, sample
from tests.samples.alpha_vantage import SERIES
from tests.samples.sdmx import json_message, xml_message
from tests.samples.yahoo import chart

MONTHS = [f"{2023 + number // 12}-{number % 12 + 1:02}" for number in range(30)]
DAYS = [f"{month}-01" for month in MONTHS]
NOW = datetime(2026, 3, 20, tzinfo=UTC)


def answer(source: str, body: object, *, url: str = "", stream: str = "x") -> Payload:
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return sample(source, data, url=url, stream=stream)


def held(before: Payload, now: Payload, catalogue: Catalogue) -> set[Threshold]:
    """The thresholds that the second answer breaks."""
    source = load_source(before.source)
    old, tables = shape_of(before, source.parse(before, catalogue).tables), source.parse(now, catalogue).tables
    return {breach.threshold for breach in breaches(old, shape_of(now, tables), rejected_rows=0, scales=scales_of(old, tables))}


def refused(payload: Payload, catalogue: Catalogue) -> tuple[int, set[str]]:
    """How many rows of an answer are stored, and of what it says the columns and reasons of those that are not."""
    parsed = load_source(payload.source).parse(payload, catalogue)
    reasons = parsed.rejected.select(pl.col("column").fill_null("-") + " " + pl.col("reason").cast(pl.String))
    return sum(table.height for table in parsed.tables.values()), set(reasons.to_series())


# ------------------------------------------------------------------------------------------------ the Data Download Program


def ddp(unit: str, times: str, *, layout: str = "columns", series: str = "IP.B50001.S", factor: float = 1.0) -> Payload:
    values = [f"{(100 + number) * factor:.4f}" for number in range(30)]
    if layout == "columns":
        about = {"Series Description": "Industrial production", "Unit:": unit, "Multiplier:": times, "Currency:": "NA"}
        about |= {"Unique Identifier: ": f"G17/X/{series}", "Time Period": series}
        lines = [f'"{label}","{text}"' for label, text in about.items()] + [
            f"{month},{value}" for month, value in zip(MONTHS, values, strict=True)
        ]
    else:
        lines = [",".join(('"Descriptions:","Unit:","Multiplier:","Currency:","Unique Identifier:","Series Name:"', *MONTHS))]
        lines.append(",".join((f'"Total index","{unit}","{times}","NA",G17/X/{series},{series}', *values)))
    return answer("federal_reserve", "\n".join(lines), stream="G17")


@pytest.mark.parametrize("layout", ["columns", "rows"])
def test_another_base_year_unit_or_multiplier_of_a_file_of_the_federal_reserve_is_held(catalogue: Catalogue, layout: str) -> None:
    before = ddp("Index:_2017_100", "1", layout=layout)
    assert held(before, ddp("Index:_2017_100", "1", layout=layout), catalogue) == set()
    assert held(before, ddp("Index:_2022_100", "1", layout=layout, factor=0.97), catalogue) == {Threshold.UNIT_CHANGE}
    assert Threshold.UNIT_CHANGE in held(before, ddp("Percent", "1", layout=layout), catalogue)
    assert Threshold.UNIT_CHANGE in held(before, ddp("Index:_2017_100", "1000", layout=layout), catalogue)


@pytest.mark.parametrize("layout", ["columns", "rows"])
@pytest.mark.parametrize(
    ("unit", "times", "stored"),
    [
        ("Index:_2017_100", "1", 30), ("Index:_2022_100", "1", 30), ("Index:_2017_100", "", 30), ("", "NA", 30), ("Something_new", "1", 30),
        ("Percent", "1", 0), ("Index:_2017_100", "1000", 0), ("Index:_2017_100", "7", 0), ("Index:_2017_100", "one", 0),
    ],
)  # fmt: skip
def test_a_series_of_the_federal_reserve_in_another_unit_than_its_factor_is_refused(
    catalogue: Catalogue, layout: str, unit: str, times: str, stored: int
) -> None:
    said = refused(ddp(unit, times, layout=layout), catalogue)
    assert said == ((30, set()) if stored else (0, {"unit unsupported"}))


def test_one_series_in_another_unit_does_not_take_the_others_with_it(catalogue: Catalogue) -> None:
    lines = ['"Unit:","Percent","Index:_2017_100"', '"Multiplier:","1","1"', '"Unique Identifier: ","G17/X/A","G17/X/B"']
    lines += ['"Time Period","IP.B50001.S","IP.B50002.S"', "2024-01,101,102", "2024-02,103,104"]
    parsed = load_source("federal_reserve").parse(answer("federal_reserve", "\n".join(lines), stream="G17"), catalogue)
    assert parsed.tables["fed_g17"]["entity"].unique().to_list() == ["IP.B50002.S"]
    assert parsed.rejected.height == 2
    assert parsed.rejected["detail"][0] == "the unit is not that of the series' factor: Percent, not an index"


# ------------------------------------------------------------------------------------------------------------------- SDMX

DEPOSIT = "FM.D.U2.EUR.4F.KR.DFR.LEV"
CLI = "DSD_STES@DF_CLI/USA.M.LI.IX._Z.AA.IX._Z.H"


def sdmx_csv(key: str, unit: str, times: str, *, source: str = "ecb", stream: str = "") -> Payload:
    rows = "".join(f"{key},{day},{3 + number / 10},{unit},{times}\n" for number, day in enumerate(DAYS))
    return answer(source, f"KEY,TIME_PERIOD,OBS_VALUE,UNIT,UNIT_MULT\n{rows}", stream=stream or key)


def oecd_csv(unit: str, times: str) -> Payload:
    rows = "".join(f"OECD.SDD:D@DF(1.0),USA,M,LI,{month},{100 + number},{unit},{times}\n" for number, month in enumerate(MONTHS))
    return answer("oecd", f"DATAFLOW,REF_AREA,FREQ,MEASURE,TIME_PERIOD,OBS_VALUE,UNIT_MEASURE,UNIT_MULT\n{rows}")


def sdmx_json(unit: str, times: str, *, place: str) -> Payload:
    """A message that says its unit at one of the places at which SDMX-JSON may say it."""
    flat = place in ("observation", "group")
    key = DEPOSIT.removeprefix("FM.")
    observations = [((key,), day, 3.0) for day in DAYS]
    document: dict[str, Any] = json.loads(json_message([("KEY", [key])], observations, flat=flat, flow="https://x.org/dataflow/FM/all"))
    one = document["dataSets"][0]
    told = [
        {"id": "UNIT", "role": "UNIT_MEASURE", "values": [{"id": unit}]},
        {"id": "POWERCODE", "role": "UNIT_MULT", "values": [{"id": times}]},
    ]
    level = {"group": "dimensionGroup"}.get(place, place)
    document["structure"]["attributes"] = {level: told}
    if place == "dataSet":
        one["attributes"] = [0, 0]
    elif place == "series":
        for item in one["series"].values():
            item["attributes"] = [0, 0]
    elif place == "group":
        one["dimensionGroupAttributes"] = {"0:": [0, 0]}
    else:
        one["observations"] = {index: [cells[0], 0, 0] for index, cells in one["observations"].items()}
    return answer("ecb", document, stream=DEPOSIT)


def sdmx_xml(unit: str, times: str, *, place: str) -> Payload:
    told = (
        f'<generic:Attributes><generic:Value id="UNIT" value="{unit}"/><generic:Value id="UNIT_MULT" value="{times}"/></generic:Attributes>'
    )
    body = xml_message(["KEY"], [((DEPOSIT.removeprefix("FM."),), day, 3.0) for day in DAYS], flow="FM").decode()
    after = {"series": "</generic:SeriesKey>", "observation": '<generic:ObsValue value="3.0"/>', "dataSet": "<message:DataSet>"}[place]
    return answer("ecb", body.replace(after, after + told), stream=DEPOSIT)


FORMS = [
    *(("json", place) for place in ("dataSet", "series", "group", "observation")),
    *(("xml", place) for place in ("dataSet", "series", "observation")),
    ("csv", ""),
]


@pytest.mark.parametrize(("kind", "place"), FORMS)
def test_the_unit_and_multiplier_of_an_sdmx_series_are_read_wherever_they_stand(catalogue: Catalogue, kind: str, place: str) -> None:
    def form(unit: str, times: str) -> Payload:
        if kind == "csv":
            return sdmx_csv(DEPOSIT, unit, times)
        return sdmx_json(unit, times, place=place) if kind == "json" else sdmx_xml(unit, times, place=place)

    assert refused(form("PCPA", "0"), catalogue) == (30, set())
    assert refused(form("PCPA", "3"), catalogue) == (0, {"unit unsupported"})
    assert refused(form("PCPA", "x"), catalogue) == (0, {"unit unsupported"})
    assert refused(form("EUR", "0"), catalogue) == (0, {"unit unsupported"})
    assert refused(form("PURE_NUMB", "0"), catalogue) == (30, set())
    assert held(form("PCPA", "0"), form("PCPA", "0"), catalogue) == set()
    assert Threshold.UNIT_CHANGE in held(form("PCPA", "0"), form("PCPA", "6"), catalogue)
    assert Threshold.UNIT_CHANGE in held(form("PCPA", "0"), form("USD", "0"), catalogue)


def test_a_series_that_no_factor_names_is_held_where_its_unit_or_multiplier_changes(catalogue: Catalogue) -> None:
    assert held(oecd_csv("IX", "0"), oecd_csv("IX", "0"), catalogue) == set()
    assert held(oecd_csv("IX", "0"), oecd_csv("USD", "0"), catalogue) == {Threshold.UNIT_CHANGE}
    assert held(oecd_csv("IX", "0"), oecd_csv("IX", "3"), catalogue) == {Threshold.UNIT_CHANGE}


def test_a_unit_that_is_a_dimension_is_part_of_the_series_name(catalogue: Catalogue) -> None:
    """The OECD's own keys: what comes in another unit is another series, and no value of the old one."""
    body = "DATAFLOW,REF_AREA,UNIT_MEASURE,TIME_PERIOD,OBS_VALUE\nO:D@DF(1.0),USA,IX,2024-01,100\nO:D@DF(1.0),USA,PC,2024-01,2\n"
    table = load_source("oecd").parse(answer("oecd", body), catalogue).tables["oecd_series"]
    assert dict(table.select("entity", "value").rows()) == {"D@DF/USA.IX": 100.0, "D@DF/USA.PC": 2.0}
    assert stated_in(body.encode()) == {}


# ------------------------------------------------------------------------------------------------------- delimited text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("Date,A,B\nUnits,Percent,Index\n2024-01-01,1,2\n", {"units of A": "Percent", "units of B": "Index"}),
        ("\n\nUnit:,Percent\nDate,A\n2024-01-01,1\n", {"unit of A": "Percent"}),
        ("series_id,date,value,unit\nA,2024-01-01,1,Percent\nB,2024-01-01,1,USD\nA,2024-02-01,1,Percent\n", {"unit of A": "Percent", "unit of B": "USD"}),
        ("symbol,close,currency\nA,1,GBp\nA,1,GBP\n", {"currency of A": "GBP | GBp"}),
        ("date,value,units\n2024-01-01,1,Percent\n2024-02-01,2,Percent\n", {"units": "Percent"}),
        ("date,value,units\n2024-01-01,1,Percent\n2024-02-01,2,USD\n", {}),
        ("Date,USD\n2024-01-01,1\n", {}), ("Date,Unit\n", {}), ("Unit:,Percent\n", {}), ("", {}), ('a,"b\n', {}),
    ],
)  # fmt: skip
def test_delimited_text_says_its_units_in_a_line_or_in_a_column(body: str, told: dict[str, str]) -> None:
    assert stated_in(body.encode()) == told


def test_a_change_in_the_midst_of_a_series_is_a_change_too(catalogue: Catalogue) -> None:
    half = "KEY,TIME_PERIOD,OBS_VALUE,UNIT_MULT\n" + "".join(f"X.D,{day},1,{3 if day > '2024-07' else 0}\n" for day in DAYS)
    whole = "KEY,TIME_PERIOD,OBS_VALUE,UNIT_MULT\n" + "".join(f"X.D,{day},1,0\n" for day in DAYS)
    assert held(answer("ecb", whole), answer("ecb", half), catalogue) == {Threshold.UNIT_CHANGE}


def test_not_more_than_two_thousand_units_are_noted() -> None:
    body = "series_id,value,unit\n" + "".join(f"S{number},1,Percent\n" for number in range(5_000))
    assert len(stated_in(body.encode())) == 2_000


# -------------------------------------------------------------------------------------------------------------- providers


def test_fred_refuses_transformed_units_and_a_change_of_a_series_description_is_held(catalogue: Catalogue) -> None:
    def series(*units: str) -> Payload:
        named = [{"id": name, "title": "T", "units": unit} for name, unit in zip(("UNRATE", "GDP"), units, strict=False)]
        return answer("fred", {"realtime_start": "2026-01-01", "realtime_end": "2026-01-01", "seriess": named})

    rows = [{"realtime_start": "2026-01-01", "realtime_end": "2026-01-01", "date": "2025-12-01", "value": "4.4"}]
    body = {"realtime_start": "2026-01-01", "realtime_end": "2026-01-01", "units": "pch", "count": 1, "observations": rows}
    assert refused(answer("fred", body, stream="UNRATE"), catalogue) == (0, {"- unsupported"})
    assert held(series("Percent"), series("Basis Points"), catalogue) == {Threshold.UNIT_CHANGE}
    assert held(series("Percent", "Billions of Dollars"), series("Percent", "Millions of Dollars"), catalogue) == {Threshold.UNIT_CHANGE}
    assert held(series("Percent", "Billions of Dollars"), series("Percent", "Billions of Dollars"), catalogue) == set()


@pytest.mark.parametrize(
    ("series", "measure", "stored"),
    [
        ("LNS14000000", "Percent or rate", 1), ("LNS14000000", "Number in thousands", 0), ("CES0000000001", "ALL EMPLOYEES, THOUSANDS", 1),
        ("CES0000000001", "Number in millions", 0), ("CES0000000001", "Percent", 1), ("CUSR0000SA0", "Index", 1), ("CUSR0000SA0", "Percent", 0),
    ],
)  # fmt: skip
def test_bls_series_that_measure_something_else_than_their_factor_are_refused(
    catalogue: Catalogue, series: str, measure: str, stored: int
) -> None:
    def body(words: str) -> Payload:
        one = {
            "seriesID": series,
            "catalog": {"series_id": series, "measure_data_type": words},
            "data": [{"year": "2025", "period": "M06", "value": "4.1", "footnotes": [{}]}],
        }
        return answer("bls", {"status": "REQUEST_SUCCEEDED", "message": [], "Results": {"series": [one]}})

    if catalogue.of_entity("bls_monthly", series):
        assert refused(body(measure), catalogue) == ((1, set()) if stored else (0, {"unit unsupported"}))
    assert Threshold.UNIT_CHANGE in held(body(measure), body("Something else"), catalogue)


def test_fiscal_data_that_is_no_percentage_or_in_other_multiples_is_refused(catalogue: Catalogue) -> None:
    def body(table: str, field: str, type_: str, label: str) -> Payload:
        document = json.loads(fiscaldata.page(fiscaldata.ROWS[table]))
        document["meta"] |= {"dataTypes": {field: type_}, "labels": {field: label}}
        return answer("fiscaldata", document, stream=table)

    rate = ("avg_interest_rates", "avg_interest_rate_amt")
    assert refused(body(*rate, "PERCENTAGE", "Average Interest Rate Amount"), catalogue)[1] == set()
    assert refused(body(*rate, "CURRENCY", "Average Interest Rate Amount"), catalogue) == (0, {"- unsupported"})
    debt = ("mspd_table_1", "total_mil_amt")
    assert refused(body(*debt, "CURRENCY", "Total Public Debt Outstanding (in Millions)"), catalogue)[1] == set()
    assert refused(body(*debt, "CURRENCY", "Total Public Debt Outstanding (in Billions)"), catalogue) == (0, {"- unsupported"})
    was, now = body(*rate, "PERCENTAGE", "Rate"), body(*rate, "NUMBER", "Rate")
    assert held(was, now, catalogue) == {Threshold.UNIT_CHANGE}


def test_alpha_vantage_prices_in_cents_are_refused_where_the_factor_is_in_dollars(catalogue: Catalogue) -> None:
    def body(unit: str) -> Payload:
        url = "https://www.alphavantage.co/query?function=WTI&interval=daily"
        return answer("alpha_vantage", {**SERIES, "unit": unit}, url=url, stream="WTI:daily")

    assert refused(body("dollars per barrel"), catalogue) == (3, set())
    assert refused(body("cents per barrel"), catalogue) == (0, {"unit unsupported"})
    assert refused(body("percent"), catalogue) == (0, {"- unknown_series"}), "a rate is no price of oil, whatever its name"
    assert Threshold.UNIT_CHANGE in held(body("dollars per barrel"), body("cents per barrel"), catalogue)


def test_yahoo_quotes_in_another_currency_than_the_factor_are_refused_and_an_index_may_say_any(catalogue: Catalogue) -> None:
    def body(symbol: str, currency: str) -> Payload:
        document = json.loads(json.dumps(chart()))
        document["chart"]["result"][0]["meta"] |= {"symbol": symbol, "currency": currency}
        return answer("yahoo", document, url=f"https://query1.finance.yahoo.com/v8/finance/chart/{symbol}?interval=1d", stream=symbol)

    rows, _ = refused(body("KRE", "USD"), catalogue)
    assert rows > 0
    daily = load_source("yahoo").parse(body("KRE", "GBp"), catalogue)
    assert "yahoo_daily" not in daily.tables
    assert set(daily.rejected["column"]) >= {"unit"}
    assert "yahoo_daily" not in load_source("yahoo").parse(body("KRE", "EUR"), catalogue).tables
    assert refused(body("^GSPC", "USD"), catalogue)[0] == rows
    assert held(body("ACME.L", "GBp"), body("ACME.L", "GBP"), catalogue) == {Threshold.UNIT_CHANGE}


def test_a_unit_of_edgar_and_a_kind_of_value_of_the_census_are_part_of_the_entity(catalogue: Catalogue) -> None:
    fact = {"end": "2024-12-31", "val": 5, "accn": "0000320193-25-000001", "fy": 2024, "fp": "FY", "form": "10-K", "filed": "2025-02-01"}
    units = {"USD": [fact], "EUR": [{**fact, "val": 4}], "USD/shares": [{**fact, "val": 3}]}
    body = {"cik": 320193, "entityName": "A", "facts": {"us-gaap": {"Assets": {"label": "A", "description": "A", "units": units}}}}
    facts = load_source("edgar").parse(answer("edgar", body, stream="CIK0000320193"), catalogue).tables["edgar_facts"]
    assert sorted(facts["entity"]) == [f"CIK0000320193/us-gaap/Assets/{unit}" for unit in ("EUR", "USD", "USD/shares")]
    header = ["cell_value", "data_type_code", "time_slot_id", "seasonally_adj", "category_code", "error_data", "time"]
    rows = [header, ["100", "VS", "0", "yes", "MTM", "no", "2024-01"], ["1.5", "MPCVS", "0", "yes", "MTM", "no", "2024-01"]]
    census = load_source("census").parse(answer("census", rows, stream="eits/m3"), catalogue).tables["census_eits"]
    assert census["entity"].n_unique() == 2
