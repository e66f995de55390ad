"""GDELT: refusals in plain words, JSON with escapes that are none, and times at which GDELT first saw an article."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.articles import text_id
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.gdelt import answers
from crfs.sources.providers.gdelt.answers import EVENTS, repaired
from crfs.sources.providers.gdelt.queries import QUERIES
from crfs.sources.providers.gdelt.source import SOURCE
from tests.samples import NOW
from tests.samples.gdelt import event, zipped

DOC = "https://api.gdeltproject.org/api/v2/doc/doc"


def body(data: bytes | object, *, url: str = "", status: int = 200, stream: str = "x") -> Payload:
    shown = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Payload(source="gdelt", stream=stream, body=shown, url=url, status=status, headers={}, started_at=NOW, fetched_at=NOW)


def article(**changes: object) -> dict[str, object]:
    return {"url": "https://e.org/1", "title": "t", "seendate": "20251224T181500Z", "domain": "e.org", "language": "English", **changes}


def only(parsed: Parsed, name: str) -> pl.DataFrame:
    assert list(parsed.tables) == [name]
    return parsed.tables[name]


@pytest.mark.parametrize(
    ("data", "status", "expected"),
    [
        ({"articles": [article()]}, 200, "OK"),
        ({"articles": []}, 200, "EMPTY"),
        (b"{}", 200, "EMPTY"),
        ({"timeline": []}, 200, "EMPTY"),
        (b"", 200, "RETRY"),
        (b"Please limit requests to one every 5 seconds or contact us.", 200, "RETRY"),
        (b"busy", 429, "RETRY"),
        (b"<html>bad gateway</html>", 502, "RETRY"),
        (b"Your query was too short or too long.", 200, "BAD_REQUEST"),
        (b"The specified phrase is too short.\n", 200, "BAD_REQUEST"),
        (b"Timespan is too short.", 200, "BAD_REQUEST"),
        (b"<Error><Code>NoSuchKey</Code></Error>", 404, "BAD_REQUEST"),
        (b"<html><body>Service unavailable</body></html>", 200, "SCHEMA"),
        (b'{"articles": [{"url"', 200, "SCHEMA"),
        (b"PK\x03\x04 cut", 200, "SCHEMA"),
        ([article()], 200, "SCHEMA"),
        ({"other": 1}, 200, "SCHEMA"),
        (zipped(event()), 200, "OK"),
    ],
)
def test_an_answer_is_told_by_its_body(data: bytes | object, status: int, expected: str) -> None:
    assert SOURCE.classify(body(data, status=status)) is Classification(expected)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        (rb"McDonald\'s up 5\%, Lowe\'s too", "McDonald's up 5%, Lowe's too"),
        (rb"a lone \ stays, C:\Users and \0 too, a quoted \\' also", r"a lone \ stays, C:\Users and \0 too, a quoted \' also"),
        (rb"a \\ b \" c", 'a \\ b " c'),
        (rb"\u00e9 and \u12 and \x", "é and \\u12 and \\x"),
        (rb"half \ud83d of, whole \ud83d\ude00", "half \ufffd of, whole 😀"),
        (b"a\ttab, a\nline", "a tab, a line"),
        (b"caf\xe9", "caf\ufffd"),
        (rb"ends \\", "ends \\"),
    ],
)
def test_json_with_escapes_that_are_none_is_read_and_good_escapes_stay(catalogue: Catalogue, written: bytes, title: str) -> None:
    data = b'{"articles": [{"url": "https://e.org/1", "seendate": "20251224T181500Z", "title": "' + written + b'"}]}'
    assert only(SOURCE.parse(body(data), catalogue), "gdelt_articles")["title"].to_list() == [title]


@pytest.mark.parametrize("written", [rb'a "quote" inside', b"\x22 ends early"], ids=["quote", "end"])
def test_json_that_no_escape_explains_is_refused(written: bytes) -> None:
    data = b'{"articles": [{"url": "https://e.org/1", "seendate": "20251224T181500Z", "title": "' + written + b'"}]}'
    assert SOURCE.classify(body(data)) is Classification.SCHEMA


def test_repair_leaves_good_json_as_it_is(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(300):
        text = "".join(draw.choice(["\\", '"', "/", "é", "😀", "\n", "u", "x", "\u2028", " "]) for _ in range(20))
        for ascii_only in (True, False):
            good = json.dumps({"t": text}, ensure_ascii=ascii_only).encode()
            assert repaired(good) == good


def test_an_article_is_known_from_when_it_was_first_seen(catalogue: Catalogue) -> None:
    late = article(url="https://e.org/2", seendate=f"{NOW + timedelta(hours=6):%Y%m%dT%H%M%SZ}")
    never = article(url="https://e.org/3", seendate=f"{NOW + timedelta(days=2):%Y%m%dT%H%M%SZ}")
    parsed = SOURCE.parse(body({"articles": [article(), late, never]}), catalogue)
    table = only(parsed, "gdelt_articles").sort("valid_time")
    assert parsed.rejected.select("row", "column", "reason").rows() == [(3, "valid_time", "out_of_range")]
    assert table["entity"].to_list() == [text_id("https://e.org/1"), text_id("https://e.org/2")]
    assert table.select("valid_time", "knowledge_time", "clipped").rows() == [
        (datetime(2025, 12, 24, 18, 15, tzinfo=UTC), datetime(2025, 12, 24, 18, 15, tzinfo=UTC), False),
        (NOW + timedelta(hours=6), NOW, True),
    ]


def test_bad_articles_are_rejected_and_the_rest_is_kept(catalogue: Catalogue) -> None:
    articles = [article(), "no", {"title": "x"}, article(url=""), article(seendate="yesterday"), article(url="https://e.org/9", new=1)]
    parsed = SOURCE.parse(body({"new": True, "articles": articles}), catalogue)
    assert only(parsed, "gdelt_articles").height == 2
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, None, "unexpected_shape"),
        (3, "url", "missing_field"),
        (4, "url", "missing_field"),
        (5, "seendate", "not_a_date"),
    ]


def test_the_table_of_articles_says_what_the_json_says(catalogue: Catalogue) -> None:
    table = b'\xef\xbb\xbfTitle,Date,MobileURL,URL\r\n"t, u",2025-12-24 18:15:00,,https://e.org/1\r\n'
    by_table = only(SOURCE.parse(body(table), catalogue), "gdelt_articles")
    by_json = only(SOURCE.parse(body({"articles": [article(title="t, u")]}), catalogue), "gdelt_articles")
    same = ["entity", "valid_time", "knowledge_time", "title", "url"]
    assert by_table.select(same).equals(by_json.select(same))


def timeline(values: dict[str, object], *, series: str = "Average Tone", title: str = "recession") -> dict[str, object]:
    points = [{"value": value, "date": day, "norm": 9} for day, value in values.items()]
    return {"timeline": [{"data": points, "series": series}], "query_details": {"title": title, "date_resolution": "day"}}


def test_a_timeline_is_named_by_its_search_and_known_from_the_fetch(catalogue: Catalogue) -> None:
    days: dict[str, object] = {"20251222T000000Z": -2.5, "20251223T000000Z": 0, "bad": 1, "20251224T000000Z": None}
    for url, title, entity in (
        (f"{DOC}?mode=timelinetone&query=recession+sourcecountry%3AUS+sourcelang%3Aenglish", "recession", "tone/recession"),
        (f"{DOC}?query=oil", "oil", "tone/oil"),
        (f"{DOC}?query=oil", "", "tone/oil"),
        ("", "recession", "tone/recession"),
    ):
        data = timeline(days, title=title)
        parsed = SOURCE.parse(body(data, url=url), catalogue)
        table = only(parsed, "gdelt_timelines")
        assert table.select("entity", "valid_time", "value", "knowledge_time", "clipped").rows() == [
            (entity, datetime(2025, 12, 22, tzinfo=UTC), -2.5, NOW, True),
            (entity, datetime(2025, 12, 23, tzinfo=UTC), 0.0, NOW, True),
        ]
        assert parsed.rejected.select("row", "column", "reason").rows() == [(3, "date", "not_a_date"), (4, "value", "not_a_number")]
    volume = SOURCE.parse(body(timeline({"20251222T000000Z": 1}, series="Volume Intensity", title=QUERIES["layoffs"])), catalogue)
    assert only(volume, "gdelt_timelines")["entity"].to_list() == ["volume/layoffs"]
    assert catalogue.factor("news.gdelt.volume.layoffs").entity == "volume/layoffs"


def test_a_document_that_mentions_many_events_is_one_row_with_its_tone(catalogue: Catalogue) -> None:
    line = "{}\t20241224210000\t20251224234500\t{}\te.org\t{}\t4\t-1\t9\t9\t1\t100\t25\t{}\t{}\t\n"
    lines = [
        line.format(1, 1, "https://e.org/m", "-3.25", "srclc:ara;eng:GT"),
        line.format(2, 1, "https://e.org/m", "-3.25", "srclc:ara;eng:GT"),
        line.format(3, 1, "https://e.org/n", "-250", ""),
        line.format(4, 2, "BBC Monitoring", "", ""),
        line.format(5, 1, "https://e.org/o", "x", ""),
        "6\tshort\n",
        line.format(7, 1, "", "1", ""),
    ]
    parsed = SOURCE.parse(body("".join(lines).encode()), catalogue)
    table = only(parsed, "gdelt_mentions").sort("publisher", "url", nulls_last=True)
    assert table.select("url", "language", "provider_sentiment").rows() == [
        ("https://e.org/m", "ara", -0.0325),
        ("https://e.org/n", "eng", -1.0),
        (None, "eng", None),
    ]
    assert set(table["valid_time"]) == set(table["knowledge_time"]) == {datetime(2025, 12, 24, 23, 45, tzinfo=UTC)}
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (5, "mentiondoctone", "not_a_number"),
        (6, "line", "unexpected_shape"),
        (7, "mentionidentifier", "missing_field"),
    ]


@pytest.mark.parametrize("columns", [57, 58, 61])
def test_events_are_true_on_their_day_and_known_from_when_they_were_added(catalogue: Catalogue, columns: int) -> None:
    cells = {"globaleventid": "7", "sqldate": "20241224", "quadclass": "4", "goldsteinscale": "-5", "nummentions": "3", "avgtone": "-1.5"}
    cells |= {"actor1name": "BANK", "eventcode": "190", "actiongeo_fullname": "Paris, France", "sourceurl": "https://e.org/1"}
    cells["dateadded"] = "20251224181500" if columns == 61 else "20251224"
    data = "\t".join(cells.get(name, "") for name in EVENTS[columns]).encode()
    row = only(SOURCE.parse(body(zipped(data)), catalogue), "gdelt_events").row(0, named=True)
    assert (row["entity"], row["valid_time"], row["tone"], row["goldstein"], row["mentions"]) == (
        "7",
        datetime(2024, 12, 24, tzinfo=UTC),
        -1.5,
        -5.0,
        3,
    )
    assert (row["actor1"], row["event_code"], row["place"]) == ("BANK", "190", "Paris, France")
    assert row["url"] == (None if columns == 57 else "https://e.org/1")
    known = (
        (datetime(2025, 12, 24, 18, 15, tzinfo=UTC), "observed") if columns == 61 else (datetime(2025, 12, 25, 7, tzinfo=UTC), "calendar")
    )
    assert (row["knowledge_time"], row["knowledge_basis"]) == known


def test_bad_events_are_rejected_by_row_and_column(catalogue: Catalogue) -> None:
    bad = [{"sqldate": "20251340"}, {"dateadded": "x"}, {"avgtone": "nan"}, {"avgtone": "101"}, {"quadclass": "5"}, {"goldsteinscale": "z"}]
    lines = [event(globaleventid=str(i), **cells) for i, cells in enumerate([{}, *bad], start=1)]
    parsed = SOURCE.parse(body(b"".join(lines)), catalogue)
    assert only(parsed, "gdelt_events")["entity"].to_list() == ["1"]
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "sqldate", "not_a_date"),
        (3, "dateadded", "no_knowledge_time"),
        (4, "avgtone", "not_a_number"),
        (5, "tone", "out_of_range"),
        (6, "quad_class", "out_of_range"),
        (7, "goldsteinscale", "not_a_number"),
    ]


@dataclass(kw_only=True)
class Busy:
    """GDELT's interface with an article every ``minutes`` minutes; it gives at most 250 and 429 to nobody."""

    minutes: int = 5
    now: datetime = NOW
    has_key: bool = False
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        params = dict(parse_qsl(urlsplit(request.full_url).query))
        first, last = (
            datetime.strptime(params[name], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp() for name in ("startdatetime", "enddatetime")
        )
        step = self.minutes * 60
        stamps = range(int(-(-first // step) * step), int(last) + 1, step)
        seen = [datetime.fromtimestamp(stamp, UTC) for stamp in stamps][: int(params.get("maxrecords", "250"))]
        articles = [article(url=f"https://e.org/{at:%s}", seendate=f"{at:%Y%m%dT%H%M%SZ}") for at in seen]
        return body({"articles": articles}, url=request.full_url, stream=request.stream)


def test_a_search_that_gives_250_is_asked_again_by_halves_of_its_time(catalogue: Catalogue) -> None:
    busy = Busy()
    query = Query(series=("articles/layoffs",), since=date(2025, 12, 20), until=date(2025, 12, 22))
    payloads = list(SOURCE.fetch(query, busy, catalogue))
    tables = [only(SOURCE.parse(payload, catalogue), "gdelt_articles") for payload in payloads]
    assert pl.concat(tables)["url"].n_unique() == 3 * 288
    assert len(payloads) == 7
    asked = dict(busy.asked[0].params)
    assert asked["query"] == QUERIES["layoffs"]
    assert (asked["startdatetime"], asked["enddatetime"]) == ("20251220000000", "20251222235959")
    # never below fifteen minutes, whatever comes
    flood = Busy(minutes=1)
    assert len(list(SOURCE.fetch(Query(series=("articles/x",), since=date(2026, 1, 2)), flood, catalogue))) < 40


def test_timelines_are_asked_by_the_day_and_files_by_their_stamps(catalogue: Catalogue) -> None:
    busy = Busy(minutes=60)
    query = Query(series=("tone/recession", "export/20251224", "mentions/20251224181500"), since=date(2026, 1, 1))
    with pytest.raises(KeyError):  # the fake has no files
        list(SOURCE.fetch(query, busy, catalogue))
    asked = dict(busy.asked[0].params)
    assert (asked["mode"], asked["startdatetime"], asked["enddatetime"]) == ("timelinetone", "20251225030405", "20260102030405")
    assert busy.asked[1].url.endswith("/events/20251224.export.CSV.zip")
    urls = []
    for series in ("export/20251224181500", "mentions/20251224181500"):
        with pytest.raises(KeyError):
            next(SOURCE.fetch(Query(series=(series,)), busy, catalogue))
        urls.append(busy.asked[-1].url.rpartition("gdeltv2/")[2])
    assert urls == ["20251224181500.export.CSV.zip", "20251224181500.mentions.CSV.zip"]


@pytest.mark.parametrize("series", ["layoffs", "articles/", "export/2025", "mentions/20251224", "other/x"])
def test_what_is_no_series_is_refused_before_anything_is_asked(catalogue: Catalogue, series: str) -> None:
    busy = Busy()
    with pytest.raises(InvalidInput, match="no series"):
        next(SOURCE.fetch(Query(series=("tone/recession", series)), busy, catalogue))
    assert not busy.asked


def test_a_day_of_events_is_read_whole(catalogue: Catalogue) -> None:
    data = b"".join(event(globaleventid=str(i)) for i in range(30_000))
    assert only(SOURCE.parse(body(data), catalogue), "gdelt_events").height == 30_000


def test_a_file_that_unzips_to_far_more_than_a_day_is_refused(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_UNZIPPED", 10_000)
    for lines, expected in ((10, Classification.OK), (1000, Classification.SCHEMA)):
        payload = body(zipped(b"".join(event(globaleventid=str(i)) for i in range(lines))))
        assert SOURCE.classify(payload) is expected
        assert bool(SOURCE.parse(payload, catalogue).tables) is (expected is Classification.OK)


def test_the_recordings_are_read_whole(recordings: Path, catalogue: Catalogue) -> None:
    found = {item.path.stem: item.payload for item in recorded_payloads(recordings / "gdelt", source="gdelt", now=NOW)}
    parsed = {name: SOURCE.parse(payload, catalogue) for name, payload in found.items()}
    assert SOURCE.classify(found["doc_429_rate_limited"]) is Classification.RETRY
    mentions = only(parsed["gdelt_mentions_sample"], "gdelt_mentions")
    assert (mentions.height, parsed["gdelt_mentions_sample"].rejected.height) == (559, 0)
    row = mentions.row(by_predicate=pl.col("url") == "http://arabic.china.org.cn/txt/2017-07/02/content_41135804.htm", named=True)
    assert row["provider_sentiment"] == pytest.approx(0.0083565459610028)
    assert (row["publisher"], row["language"], row["title"]) == ("china.org.cn", "ara", None)
    assert row["knowledge_time"] == datetime(2017, 7, 1, 23, 45, tzinfo=UTC)
    articles = only(parsed["gdelt_doc_artlist_derived_2026-05"], "gdelt_articles")
    assert (articles.height, parsed["gdelt_doc_artlist_derived_2026-05"].rejected.height) == (15, 0)
    first = articles.row(
        by_predicate=pl.col("entity") == text_id("https://www.newsday.com/long-island/politics/trump-compensation-fund-uepsjy52"),
        named=True,
    )
    assert first["title"] == "Trump $1 . 776B fund gets bipartisan pushback from LI delegation"
    assert (first["publisher"], first["language"]) == ("newsday.com", "English")
    assert first["valid_time"] == datetime(2026, 5, 24, 11, 15, tzinfo=UTC)
