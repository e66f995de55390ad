"""Good bodies of the source ``gdelt``."""

from __future__ import annotations

import io
import zipfile

from crfs.sources.providers.gdelt.answers import EVENTS
from tests.samples import sample

_DOC = "https://api.gdeltproject.org/api/v2/doc/doc?query=recession&mode=timelinetone&format=json"
_ARTICLES = rb"""{"articles": [{"url": "https://example.org/a", "url_mobile": "", "title": "Bank\'s loss of 5\% \u00e9", "seendate": "20251224T181500Z",
"domain": "example.org", "language": "English", "sourcecountry": "United States"},
{"url": "https://example.org/b", "title": "Second", "seendate": "20251224T180000Z", "domain": "example.org", "language": "Spanish"}]}"""
_TIMELINE = b"""{"query_details": {"title": "recession", "date_resolution": "day"}, "timeline": [{"series": "Average Tone",
"data": [{"date": "20251222T000000Z", "value": -2.5}, {"date": "20251223T000000Z", "value": 0}]}]}"""
_TABLE = b'\xef\xbb\xbfURL,MobileURL,Date,Title\nhttps://example.org/a,,2025-12-24 18:15:00,"A title, of two parts"\n'
_MENTIONS = b"555924816\t20241224210000\t20251224234500\t1\texample.org\thttps://example.org/m\t4\t-1\t996\t988\t1\t100\t2579\t-3.25\tsrclc:ara;eng:GT\t\n"


def event(**cells: str) -> bytes:
    """A line of a file of events in version 2."""
    given = {"globaleventid": "1", "sqldate": "20251224", "dateadded": "20251224181500", "quadclass": "4", "avgtone": "-1.5", **cells}
    return "\t".join(given.get(name, "") for name in EVENTS[61]).encode() + b"\n"


def zipped(data: bytes) -> bytes:
    """One file in a ZIP."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20251224181500.export.CSV", data)
    return file.getvalue()


SAMPLES = [
    sample("gdelt", _ARTICLES, url=_DOC, stream="articles/recession"),
    sample("gdelt", _TIMELINE, url=_DOC, stream="tone/recession"),
    sample("gdelt", b"Date,Series,Value\n2025-12-22 00:00:00,Volume Intensity,0.25\n", stream="volume/recession"),
    sample("gdelt", _TABLE, stream="articles"),
    sample("gdelt", _MENTIONS, stream="mentions"),
    sample("gdelt", event() + event(globaleventid="2"), stream="export"),
    sample("gdelt", zipped(event()), stream="export"),
]
