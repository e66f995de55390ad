"""Feeds: broken ones are read, dates without a zone are no instants, and only declared hosts are asked."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query
from crfs.sources.core.articles import text_id
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.rss.source import SOURCE, Rss
from tests.samples import NOW
from tests.sources.recorded_transport import RecordedTransport

TODAY = NOW.replace(hour=0, minute=0, second=0)


def feed(items: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Payload:
    return body(f'<rss version="2.0"><channel><title>Press</title>{items}</channel></rss>'.encode(), status=status, headers=headers)


def body(data: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Payload:
    return Payload(source="rss", stream="x", body=data, url="", status=status, headers=headers or {}, started_at=NOW, fetched_at=NOW)


def rows(parsed: Parsed) -> pl.DataFrame:
    return parsed.tables["rss_articles"]


@pytest.mark.parametrize(
    ("date", "valid", "known"),
    [
        ("Mon, 22 Dec 2025 14:00:00 EST", datetime(2025, 12, 22, 19, tzinfo=UTC), datetime(2025, 12, 22, 19, tzinfo=UTC)),
        ("Mon, 22 Dec 2025 14:00:00 +0530", datetime(2025, 12, 22, 8, 30, tzinfo=UTC), datetime(2025, 12, 22, 8, 30, tzinfo=UTC)),
        ("Mon, 22 Dec 2025 14:00:00 -0000", datetime(2025, 12, 22, 14, tzinfo=UTC), datetime(2025, 12, 22, 14, tzinfo=UTC)),
        ("22 Dec 2025 14:00 GMT", datetime(2025, 12, 22, 14, tzinfo=UTC), datetime(2025, 12, 22, 14, tzinfo=UTC)),
        (
            "2025-12-22T14:00:00.25Z",
            datetime(2025, 12, 22, 14, 0, 0, 250_000, tzinfo=UTC),
            datetime(2025, 12, 22, 14, 0, 0, 250_000, tzinfo=UTC),
        ),
        # no zone, or one that nobody knows: the day of the text, known from the fetch
        ("Mon, 22 Dec 2025 14:00:00", datetime(2025, 12, 22, tzinfo=UTC), NOW),
        ("Mon, 22 Dec 2025 14:00:00 XYZ", datetime(2025, 12, 22, tzinfo=UTC), NOW),
        ("2025-12-22", datetime(2025, 12, 22, tzinfo=UTC), NOW),
        # a clock that runs ahead: we had it at the fetch
        ("Sat, 03 Jan 2026 00:00:00 GMT", datetime(2026, 1, 3, tzinfo=UTC), NOW),
    ],
)
def test_an_article_is_known_from_its_publication_if_that_has_a_zone(
    catalogue: Catalogue, date: str, valid: datetime, known: datetime
) -> None:
    parsed = SOURCE.parse(feed(f"<item><title>t</title><guid>1</guid><pubDate>{date}</pubDate></item>"), catalogue)
    assert parsed.rejected.is_empty()
    assert rows(parsed).select("valid_time", "knowledge_time", "clipped").rows() == [(valid, known, known == NOW)]


@pytest.mark.parametrize("date", ["", "yesterday", "Mardi, 22 déc. 2025", "Mon, 99 Dec 2025 14:00:00 GMT", "0000-00-00"])
def test_without_a_date_that_can_be_read_the_row_is_kept_and_a_bad_date_is_noted(catalogue: Catalogue, date: str) -> None:
    parsed = SOURCE.parse(feed(f"<item><title>t</title><guid>1</guid><pubDate>{date}</pubDate></item>"), catalogue)
    assert rows(parsed).select("valid_time", "knowledge_time", "clipped").rows() == [(TODAY, NOW, True)]
    assert parsed.rejected.select("row", "column", "reason").rows() == ([(1, "published", "not_a_date")] if date else [])


def test_a_text_that_was_changed_is_known_from_the_change(catalogue: Catalogue) -> None:
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id><title>t</title><published>2025-12-20T00:00:00Z</published>
    <updated>2025-12-21T00:00:00Z</updated></entry><entry><id>b</id><title>t</title><updated>2025-12-21T00:00:00Z</updated></entry></feed>"""
    first, second = rows(SOURCE.parse(body(atom), catalogue)).sort("entity").select("valid_time", "knowledge_time").rows()
    assert first == (datetime(2025, 12, 20, tzinfo=UTC), datetime(2025, 12, 21, tzinfo=UTC))
    assert second == (datetime(2025, 12, 21, tzinfo=UTC), datetime(2025, 12, 21, tzinfo=UTC))


def test_the_id_is_the_guid_else_the_link_else_the_words(catalogue: Catalogue) -> None:
    items = "<item><guid>g</guid><link>https://e.org/1</link></item><item><link>https://e.org/2</link></item><item><title>t</title></item><item/>"
    parsed = SOURCE.parse(feed(items), catalogue)
    assert set(rows(parsed)["entity"]) == {"g", text_id("https://e.org/2"), text_id("t\n")}
    assert parsed.rejected.select("row", "reason").rows() == [(4, "missing_field")]


def test_fields_in_any_order_with_strangers_among_them_give_the_same_rows(catalogue: Catalogue, seed: int) -> None:
    draw = random.Random(seed)
    items = []
    for i in range(30):
        at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(500_000))
        items.append(
            [
                f"<title>{escape(f'<b>News</b> {i} & more')}</title>",
                f"<link>https://e.org/{i}?a=1&amp;b=2</link>",
                f"<guid>id-{i}</guid>",
                f"<pubDate>{at:%a, %d %b %Y %H:%M:%S} GMT</pubDate>",
                f"<description><![CDATA[<p>Text {i}</p>]]></description>",
                '<source url="https://p.org">Paper</source>',
            ]
        )
    plain = feed("".join(f"<item>{''.join(parts)}</item>" for parts in items))
    extra = [
        "<category>x</category>",
        "<new:field xmlns:new='urn:n'>1</new:field>",
        "<comments/>",
        "<enclosure url='u' length='1' type='t'/>",
    ]
    mixed = feed("".join(f"<item>{''.join(draw.sample([*parts, *extra], len(parts) + len(extra)))}</item>" for parts in items))
    tables = [rows(SOURCE.parse(payload, catalogue)).sort("entity") for payload in (plain, mixed)]
    assert tables[0].equals(tables[1])
    assert tables[0].height == 30
    shown = tables[0].filter(pl.col("entity") == "id-7").select("title", "summary", "url", "publisher").row(0)
    assert shown == ("News 7 & more", "Text 7", "https://e.org/7?a=1&b=2", "Paper")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (feed("<item><title>t</title></item>"), "OK"),
        (feed(""), "EMPTY"),
        (body(b"", status=304), "EMPTY"),
        (body(b""), "RETRY"),
        (body(b"Too many", status=429), "RETRY"),
        (body(b"<html>gateway</html>", status=502), "RETRY"),
        (body(b"<html>denied</html>", status=403), "AUTH"),
        (body(b"<html>gone</html>", status=404), "BAD_REQUEST"),
        (body(b"<!DOCTYPE html><html><body><item><title>x</title></item></body></html>"), "SCHEMA"),
        (body(b'{"items": []}'), "SCHEMA"),
        (body(b'<rss version="2.0"><channel><item><title>cut'), "OK"),
        (body(b"<rss>" + b"<item/>" * 50_000), "SCHEMA"),
    ],
)
def test_an_answer_is_told_by_its_body_and_its_status(payload: Payload, expected: str) -> None:
    assert SOURCE.classify(payload) is Classification(expected)


@pytest.mark.parametrize(
    "data",
    [
        b"<rss>" + b"\n" * 1_000_000 + b"<channel/></rss>",
        b"\n" * 1_000_000 + b'<rss version="2.0"/>',
        b'<rss version="2.0"><channel>' + b"<a>" * 29_000,
        b'<rss version="2.0"><channel><item><title>' + b"a &x " * 190_000,
        b'<rss version="2.0"><channel><item><description>' + b"&lt;script&gt;" * 200_000 + b"</description></item></channel></rss>",
    ],
)
def test_hostile_feeds_come_to_an_end(catalogue: Catalogue, data: bytes) -> None:
    parsed = SOURCE.parse(body(data), catalogue)
    assert sum(table.height for table in parsed.tables.values()) <= 1


HEAD = b'<rss version="2.0"><channel><item><title>t</title>'
FOOT = b"</item></channel></rss>"


@pytest.mark.parametrize(
    ("data", "bound"),
    [
        (HEAD + b"<a></a>" * 10_000 + FOOT, "20000 tags"),
        (HEAD + b"<title>" + b"&lt;" * 200_001 + b"</title>" + FOOT, "200000 references"),
        (HEAD + b"<a>" * 8_000, "8000 tags in markup that is not well-formed"),
        (HEAD + b"&lt; " * 30_001, "30000 references in markup that is not well-formed"),
        (HEAD + b'<a b="x>' * 60, "50 tags with an open quote"),
        (HEAD + b'</a "' * 60, "50 tags with an open quote"),
        (HEAD + b"<a" + b" " * 63 + b"a" * 250_000 + b"/>" + FOOT, "250000 characters in a tag"),
        (HEAD + b"<a " + b" ".join(b'a%d="1"' % i for i in range(101)) + b"/>" + FOOT, "100 attributes in a tag"),
        (HEAD + b"<a " + b" ".join(b"a%d=1" % i for i in range(101)) + b">", "100 attributes in a tag"),
        (HEAD + (b"<a " + b" ".join(b'a%d="1"' % i for i in range(99)) + b"/>") * 500 + FOOT, "40000 attributes"),
        (HEAD + b"".join(b'<a%d:a xmlns:a%d="urn:%d"/>' % (i, i, i) for i in range(101)) + FOOT, "100 namespaces"),
        (HEAD + b'<a xml:base="https://e.org/' + b"a/" * 1_000 + b'"/>' + FOOT, "1000 characters in a base address"),
        (b"<!DOCTYPE\n" * 1_000 + HEAD + FOOT, "10 declarations that do not end"),
        (b"<!ENTITY\n" * 1_000 + HEAD + FOOT, "10 declarations that do not end"),
        (b'<!DOCTYPE a [\n<!ENTITY x "' + b"A" * 201 + b'">]>' + HEAD + b"&x;" + FOOT, "200 characters in an entity"),
    ],
)
def test_what_takes_more_than_its_length_is_bounded_and_the_bound_is_named(catalogue: Catalogue, data: bytes, bound: str) -> None:
    payload = body(data)
    assert SOURCE.classify(payload) is Classification.SCHEMA
    parsed = SOURCE.parse(payload, catalogue)
    assert not parsed.tables
    assert parsed.rejected["detail"].to_list() == [f"no feed: larger than any feed: more than {bound}"]


@pytest.mark.parametrize(
    "data",
    [
        # Each would take minutes or more in the square of its length; none is beyond a bound, and the entry is read.
        HEAD + b"<description>&lt;" + b"a" * 2_000_000 + b"</description>" + FOOT,
        HEAD + b"<author>" + b"a." * 1_000_000 + b"</author>" + FOOT,
        HEAD + b"<tags>" + b",".join(b"%d" % i for i in range(300_000)) + b"</tags>" + FOOT,
        HEAD + b"".join(b"<category>%d</category>" % i for i in range(9_000)) + FOOT,
        ("\ufeff<?xml version='1.0' encoding='utf-16'?>" + "\n" * 1_000_000 + (HEAD + FOOT).decode()).encode("utf-16-le"),
        b'<?xml version="1.0"?>' + HEAD + b"<description>" + b"encoding='a' " * 100_000 + b"</description>" + FOOT,
        b'<?xml version="1.0" encoding="punycode"?>' + HEAD + b"<description>" + b"a" * 2_000_000 + b"</description>" + FOOT,
        HEAD + b"<description>" + b"x\n" * 1_000_000 + b"</description>" + FOOT,
    ],
)
def test_a_long_text_takes_its_length_and_no_more(catalogue: Catalogue, data: bytes) -> None:
    parsed = SOURCE.parse(body(data), catalogue)
    assert rows(parsed)["title"].to_list() == ["t"]


def test_markup_that_is_not_well_formed_is_not_read_by_the_strict_parser(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crfs.sources.core.feed_parsers.Strict", None)
    assert rows(SOURCE.parse(body(HEAD + b"<a>" + FOOT), catalogue))["title"].to_list() == ["t"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp037"])
@pytest.mark.parametrize("named", [True, False])
def test_a_text_is_read_in_the_encoding_that_it_begins_with(catalogue: Catalogue, codec: str, named: bool) -> None:
    name = codec.removesuffix("-sig")
    declared = f" encoding='{name}'" if named else ""
    words = f"<?xml version='1.0'{declared}?>" + HEAD.decode().replace(">t<", ">Zürich<")
    data = (words + FOOT.decode()).encode(codec)
    payload = body(data)
    if codec == "cp037":  # no bracket where one is looked for
        assert SOURCE.classify(payload) is Classification.SCHEMA
    else:
        assert rows(SOURCE.parse(payload, catalogue))["title"].to_list() == ["Zürich"]


def test_the_servers_charset_comes_before_the_declared_one_and_that_before_the_usual_ones(catalogue: Catalogue) -> None:
    words = "<?xml version='1.0' encoding='iso-8859-2'?>" + HEAD.decode().replace(">t<", ">Łódź<") + FOOT.decode()
    for data, headers in (
        (words.encode("utf-8"), {"content-type": "text/xml; charset=utf-8"}),
        (words.encode("iso-8859-2"), {}),
        (words.replace("iso-8859-2", "nobody-knows").encode("utf-8"), {}),
    ):
        assert rows(SOURCE.parse(body(data, headers=headers), catalogue))["title"].to_list() == ["Łódź"]


def test_a_body_that_reads_like_an_address_or_a_path_is_not_opened(catalogue: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_bytes(feed("<item><title>secret</title></item>").body)
    for text in (str(file), file.as_uri(), "http://127.0.0.1:9/feed"):
        assert not SOURCE.parse(body(text.encode()), catalogue).tables


def test_entities_of_a_document_type_are_not_expanded(catalogue: Catalogue) -> None:
    data = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss version="2.0"><channel><item><title>&x;</title><guid>1</guid></item></channel></rss>'
    parsed = SOURCE.parse(body(data), catalogue)
    assert all("root:" not in str(title) for title in rows(parsed)["title"])


def test_feeds_are_asked_by_name_by_address_and_by_words(catalogue: Catalogue) -> None:
    fed = "https://www.federalreserve.gov/feeds/"
    answers = [f"{fed}press_all.xml", f"{fed}h15.xml", "https://news.google.com/rss/search?q=bank+failure&hl=en-US&gl=US&ceid=US%3Aen"]
    recorded = [
        Payload(source="rss", stream="", body=b"", url=url, status=200, headers={}, started_at=NOW, fetched_at=NOW) for url in answers
    ]
    transport = RecordedTransport(recorded, now=NOW)
    query = Query(series=("fed_press", f"{fed}h15.xml", "google_news/bank failure"), options={"etag": '"1"', "modified": "x"})
    assert [payload.url for payload in SOURCE.fetch(query, transport, catalogue)] == answers
    assert transport.asked[0].headers == (("if-none-match", '"1"'), ("if-modified-since", "x"))
    assert [request.stream for request in transport.asked] == list(query.series)


@pytest.mark.parametrize("series", ["nope", "https://evil.example/feed", "google_news/", "http://[", "https://www.sec.gov/x#fragment"])
def test_what_is_not_declared_is_not_asked(catalogue: Catalogue, series: str) -> None:
    with pytest.raises(InvalidInput, match="no declared feed"):
        next(SOURCE.fetch(Query(series=("fed_press", series)), RecordedTransport([], now=NOW), catalogue))


def test_a_user_may_declare_other_feeds() -> None:
    own = Rss(feeds={"mine": "https://example.org/feed"})
    assert own.hosts == ("example.org", "news.google.com")
    assert all(stream in SOURCE.feeds for stream in ("fed_press", "sec_press", "fdic_press", "occ_news", "bis_press", "ecb_press"))


def test_recorded_feeds_say_what_their_authors_expect(recordings: Path, catalogue: Catalogue) -> None:
    found = {item.path.stem: item.payload for item in recorded_payloads(recordings / "rss", source="rss", now=NOW)}
    assert {name: SOURCE.classify(payload).value for name, payload in found.items()} == {
        "feedparser_rss_empty_document": "SCHEMA",
        "feedparser_rss_item_link_corrupted_ampersands": "OK",
        "feedparser_undeclared_namespace": "EMPTY",
        "google_news_search_rss": "OK",
    }
    broken = rows(SOURCE.parse(found["feedparser_rss_item_link_corrupted_ampersands"], catalogue))
    assert broken["url"].to_list() == ["http://link/get?a=1&b=2"]
    assert broken["entity"].to_list() == [text_id("http://link/get?a=1&b=2")]
    parsed = SOURCE.parse(found["google_news_search_rss"], catalogue)
    assert (rows(parsed).height, parsed.rejected.height) == (92, 0)
    newest = rows(parsed).filter(pl.col("publisher") == "The Washington Post").sort("valid_time").row(-1, named=True)
    assert newest["title"] == "Trump again shrinks two national monuments in Utah - The Washington Post"
    assert newest["valid_time"] == newest["knowledge_time"] == datetime(2026, 7, 14, 3, 33, 16, tzinfo=UTC)
    assert newest["summary"].startswith(
        "Trump again shrinks two national monuments in Utah The Washington Post President Trump drastically"
    )
    assert newest["language"] == "en-US"
    assert newest["entity"].startswith("CBMiwwFBVV95cUxQa2dqd043R002")
    assert newest["tickers"] is None
    assert newest["provider_sentiment"] is None
