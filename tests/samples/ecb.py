"""Good bodies of the source ``ecb``: reference rates as XML and CSV, the data portal as CSV, JSON and generic XML."""

from __future__ import annotations

from collections.abc import Mapping

from tests.samples import sample
from tests.samples.sdmx import json_message, xml_message

API = "https://data-api.ecb.europa.eu/service/data/"
KEYS = ("FREQ", "REF_AREA", "CURRENCY", "PROVIDER_FM", "INSTRUMENT_FM", "PROVIDER_FM_ID", "DATA_TYPE_FM")
DEPOSIT = ("D", "U2", "EUR", "4F", "KR", "DFR", "LEV")


def eurofxref(days: Mapping[str, Mapping[str, str]]) -> bytes:
    """Reference rates as the ECB writes them: currencies by day."""
    cubes = "".join(
        f'<Cube time="{day}">' + "".join(f'<Cube currency="{name}" rate="{rate}"/>' for name, rate in rates.items()) + "</Cube>\n"
        for day, rates in days.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"><gesmes:subject>Reference rates</gesmes:subject>'
        f"<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender><Cube>{cubes}</Cube></gesmes:Envelope>"
    ).encode()


CSV = (
    b"KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE\n"
    b'EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2024-03-28,1.0811,A,"US dollar, euro"\n'
    b"EXR.D.USD.EUR.SP00.A,D,USD,EUR,SP00,A,2024-03-29,,H,US dollar\n"
)
SAMPLES = [
    sample("ecb", eurofxref({"2024-03-28": {"USD": "1.0811", "JPY": "163.45"}, "2024-03-27": {"USD": "1.0816", "GBP": "0.85"}})),
    sample("ecb", b"Date,USD,JPY,CYP,\n2024-03-28,1.0811,163.45,N/A,\n2024-03-27,1.0816,163.52,N/A,\n"),
    sample("ecb", b"Date, USD, JPY, \n28 March 2024, 1.0811, 163.45, \n"),
    sample("ecb", CSV, url=f"{API}EXR/D.USD.EUR.SP00.A?format=csvdata", stream="EXR.D.USD.EUR.SP00.A"),
    sample(
        "ecb",
        json_message([(name, [code]) for name, code in zip(KEYS, DEPOSIT, strict=True)], [(DEPOSIT, "2024-03-28", 4.0)]),
        stream="FM.D.U2.EUR.4F.KR.DFR.LEV",
    ),
    sample("ecb", xml_message(KEYS, [(DEPOSIT, "2024-03-28", "4")], flow="FM"), url=f"{API}FM/D.U2.EUR.4F.KR.DFR.LEV"),
]
