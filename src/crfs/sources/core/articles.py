"""What every source of texts (news, posts) does alike, so that sentiment can be scored alike: ids, tickers, addresses, empty cells.

The datasets of texts have the same columns, whoever delivers: ``title``, ``summary``, ``url``, ``publisher``, ``language``, ``tickers`` and
``provider_sentiment`` (the provider's own score or label from -1 to 1; null where it gives none). The entity is the text's stable id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

_LONGEST_TICKER = 40


def text_id(text: str) -> str:
    """A stable id of 32 characters for a text that has none of its own, from its address.

    >>> text_id("https://example.org/a")
    'b5b10dd0429e69ac7cfaf0a20b6901c1'
    """
    return hashlib.sha256(text.strip().encode("utf-8", "replace")).hexdigest()[:32]


def ids(own: pl.Series, addresses: pl.Series) -> pl.Series:
    """The providers' own ids; where one is empty that of the address; null where both are."""
    pairs = zip(own.to_list(), addresses.to_list(), strict=True)
    return pl.Series(
        own.name, [(mine or "").strip() or (text_id(url) if (url or "").strip() else None) for mine, url in pairs], pl.String()
    )


def tickers(symbols: object) -> str:
    """Symbols as one text: upper case, each once, in the provider's order, with commas; empty where there are none.

    >>> tickers(["aapl", "MSFT", "AAPL", None, 3])
    'AAPL,MSFT'
    """
    if not isinstance(symbols, Iterable) or isinstance(symbols, str | bytes):
        return ""
    found = (symbol.strip().upper() for symbol in symbols if isinstance(symbol, str))
    clean = (symbol.encode("utf-8", "replace").decode("utf-8") for symbol in found if symbol and "," not in symbol)
    return ",".join(dict.fromkeys(symbol for symbol in clean if len(symbol) <= _LONGEST_TICKER))


def web_address(name: str) -> pl.Expr:
    """The text column ``name`` where it is an address of the web; null where it is anything else.

    A page that shows it as a link would run what ``javascript:`` or ``data:`` says.

    >>> pl.DataFrame({"url": [" https://example.org/a", "HTTP://b.org", "javascript:alert(1)", "//c.org", "ftp://d.org", "https://"]}).select(
    ...     web_address("url"))["url"].to_list()
    ['https://example.org/a', 'HTTP://b.org', None, None, None, None]
    """
    text = pl.col(name).str.strip_chars()
    return pl.when(text.str.contains(r"^(?i:https?)://[^\s/?#\\]")).then(text)


def filled(name: str) -> pl.Expr:
    """The text column ``name`` without blanks around it; null where nothing is left."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text)
