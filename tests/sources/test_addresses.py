"""Addresses of documents: whoever delivers them, only one of the web is kept, since a page will show it as a link."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Parsed, load_source

DOCUMENTS = ["alpha_vantage", "federal_register", "gdelt", "newsapi", "reddit", "rss", "yahoo"]


def addresses(parsed: Parsed) -> list[str | None]:
    tables = [table[name] for table in parsed.tables.values() for name in ("url", "html_url") if name in table.columns]
    return pl.concat(tables).to_list() if tables else []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_address_that_is_none_of_the_web_is_not_kept(name: str, catalogue: Catalogue) -> None:
    source, found = load_source(name), 0
    for payload in import_module(f"tests.samples.{name}").SAMPLES:
        good = addresses(source.parse(payload, catalogue))
        found += sum(each is not None for each in good)
        assert all(each is None or each.startswith(("https://", "http://")) for each in good)
        for other in (b"javascript:", b"data:text/html,", b"file:///", b"JavaScript://"):
            body = payload.body.replace(b'"/r/', b'"r/').replace(b"https://", other).replace(b"http://", other)
            assert set(addresses(source.parse(replace(payload, body=body), catalogue))) <= {None}
    assert found
