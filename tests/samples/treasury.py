"""Good bodies of the source ``treasury``: each kind of table as the XML feed and as the CSV have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.samples import sample

_HEAD = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes" ?>\n<feed xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" xmlns="http://www.w3.org/2005/Atom">\n'
    '<title type="text"></title><id>https://home.treasury.gov/pages/xml-item?data=</id><updated>2024-04-01T00:04:02Z</updated>\n'
)


def feed(days: Sequence[Mapping[str, str | None]]) -> bytes:
    """An Atom feed with an entry for each day; a field that is None is written as null."""
    entries = []
    for day in days:
        fields = [
            f'<d:{name} m:null="true" />' if text is None else f'<d:{name} m:type="Edm.Double">{text}</d:{name}>'
            for name, text in day.items()
        ]
        entries.append(f'<entry><content type="application/xml"><m:properties>{"".join(fields)}</m:properties></content></entry>\n')
    return (_HEAD + "".join(entries) + "</feed>").encode()


PAR = feed(
    [
        {"Id": "1", "NEW_DATE": "2024-03-27T00:00:00", "BC_1MONTH": "5.49", "BC_3MONTH": "5.46", "BC_2YEAR": "4.54", "BC_10YEAR": "4.20"},
        {"NEW_DATE": "2024-03-28T00:00:00", "BC_3MONTH": None, "BC_2YEAR": "4.59", "BC_10YEAR": "4.20", "BC_30YEARDISPLAY": "0.00"},
    ]
)
_REAL = feed([{"NEW_DATE": "2024-03-28T00:00:00", "TC_5YEAR": "1.79", "TC_10YEAR": "1.88", "TC_30YEAR": "-0.05"}])
_BILLS = feed(
    [
        {
            "INDEX_DATE": "2024-03-28T00:00:00", "ROUND_B1_CLOSE_4WK_2": "5.27", "ROUND_B1_YIELD_4WK_2": "5.38", "CUSIP_4WK": "912797JN8",
            "MATURITY_DATE_4WK": "2024-04-30T00:00:00", "CS_4WK_CLOSE_AVG": "5.27", "ROUND_B1_CLOSE_52WK_2": "4.80",
            "ROUND_B1_YIELD_52WK_2": "5.05", "QUOTE_DATE": "2024-03-28T00:00:00", "CF_WEEK": "202413",
        }
    ]
)  # fmt: skip
_LONG = feed(
    [
        {"QUOTE_DATE": "2004-03-26T00:00:00", "EXTRAPOLATION_FACTOR": "0.10", "RATE_TYPE": "BC_20year", "RATE": "4.68"},
        {"QUOTE_DATE": "2004-03-26T00:00:00", "EXTRAPOLATION_FACTOR": "0.10", "RATE_TYPE": "Over_10_Years", "RATE": "4.62"},
        {"QUOTE_DATE": "2004-03-26T00:00:00", "EXTRAPOLATION_FACTOR": "0.10", "RATE_TYPE": "Real_Rate", "RATE": "1.81"},
    ]
)
SAMPLES = [
    sample("treasury", PAR, stream="daily_treasury_yield_curve"),
    sample("treasury", _REAL, stream="daily_treasury_real_yield_curve"),
    sample("treasury", _BILLS, stream="daily_treasury_bill_rates"),
    sample("treasury", _LONG, stream="daily_treasury_long_term_rate"),
    sample("treasury", feed([{"QUOTE_DATE": "2024-03-28T00:00:00", "RATE": "2.05"}]), stream="daily_treasury_real_long_term"),
    sample(
        "treasury", b'Date,"1 Mo","1.5 Month","2 Yr","10 Yr"\n03/28/2024,5.49,,4.59,4.2\n03/27/2024,5.48,5.47,4.54,4.20\n', stream="rates"
    ),
    sample("treasury", b'Date,"5 YR","7 YR","10 YR"\n03/28/2024,1.79,1.82,-1.88\n', stream="rates"),
    sample("treasury", b'date,"4 weeks bank discount","4 weeks coupon equivalent"\n3/28/24,5.27,5.38\n', stream="rates"),
    sample(
        "treasury",
        b'Date,"LT COMPOSITE (>10 Yrs)","TREASURY 20-Yr CMT","Extrapolation Factor"\n03/28/2024,4.41,4.45,N/A\n',
        stream="rates",
    ),
]
