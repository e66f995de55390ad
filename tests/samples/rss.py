"""Good bodies of the source ``rss``."""

from __future__ import annotations

from tests.samples import sample

_RSS = b"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Press</title><language>en-us</language>
<item><title>Rates &amp; loans</title><link>https://example.org/a</link><guid isPermaLink="false">a-1</guid>
<pubDate>Mon, 22 Dec 2025 14:00:00 EST</pubDate><description>&lt;p&gt;Banks &lt;b&gt;lend&lt;/b&gt;&lt;/p&gt;</description></item>
<item><title>Later</title><link>https://example.org/b</link></item></channel></rss>"""
_ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><id>urn:1</id><title type="html">A &lt;i&gt;word&lt;/i&gt;</title>
<link href="https://example.org/1"/><published>2025-12-20T10:00:00+01:00</published><updated>2025-12-21T10:00:00Z</updated>
<content type="html">&lt;p&gt;Text&lt;/p&gt;</content></entry></feed>"""
_RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org"><title>Bank</title></channel>
<item rdf:about="https://example.org/s"><title>Speech</title><link>https://example.org/s</link><dc:date>2025-12-19T08:00:00Z</dc:date></item>
</rdf:RDF>"""
SAMPLES = [sample("rss", _RSS, stream="press"), sample("rss", _ATOM, stream="news"), sample("rss", _RDF, stream="speeches")]
