"""The feeds that the source knows by name. Only their hosts may be talked to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GOOGLE_NEWS = "https://news.google.com/rss/search"

FEEDS: Mapping[str, str] = MappingProxyType(
    {
        "fed_press": "https://www.federalreserve.gov/feeds/press_all.xml",
        "fed_monetary_policy": "https://www.federalreserve.gov/feeds/press_monetary.xml",
        "fed_banking_regulation": "https://www.federalreserve.gov/feeds/press_bcreg.xml",
        "fed_enforcement": "https://www.federalreserve.gov/feeds/press_enforcement.xml",
        "fed_speeches": "https://www.federalreserve.gov/feeds/speeches.xml",
        "sec_press": "https://www.sec.gov/news/pressreleases.rss",
        "fdic_press": "https://public.govdelivery.com/topics/USFDIC_26/feed.rss",
        "occ_news": "https://www.occ.gov/rss/occ_news.xml",
        "bis_press": "https://www.bis.org/doclist/all_pressrels.rss",
        "bis_speeches": "https://www.bis.org/doclist/cbspeeches.rss",
        "ecb_press": "https://www.ecb.europa.eu/rss/press.html",
        "bank_of_england_news": "https://www.bankofengland.co.uk/rss/news",
    }
)
"""Name → address of each feed."""
