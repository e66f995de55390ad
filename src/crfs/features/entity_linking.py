"""Which issuers a text speaks of: by cashtags, by tickers with their exchange, by tickers that the provider gives, and by names.

Names are compared word by word, without their legal form (Inc., Corp., plc), the longest first, and only where the text writes them with a
capital. A name of one or two common words (Apple, Gap, Target, Financial Institutions) needs its legal form beside it; without one it is
the fruit, the difference or the aim. An alias of several words stands by itself. A name or ticker that several issuers share links none,
unless the legal form tells them apart. Every link says what was matched, so that a wrong one can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

import polars as pl

from crfs.errors import InvalidInput

ISSUERS: dict[str, pl.DataType] = {
    "entity": pl.String(),
    "name": pl.String(),
    "aliases": pl.List(pl.String()),
    "tickers": pl.List(pl.String()),
}
"""A row an issuer: its entity in the store, its name, other names, its tickers; a null is none."""

LINKS: dict[str, pl.DataType] = {"position": pl.Int64(), "entity": pl.String(), "how": pl.String(), "evidence": pl.String()}
"""A row a link: the place of the text in its series (from 0), the issuer, what it was known by, and the words that were matched."""


class How(StrEnum):
    """What an issuer was known by, the surest first."""

    PROVIDER = "provider"
    EXCHANGE = "exchange"
    CASHTAG = "cashtag"
    NAME = "name"


_LONGEST_TEXT = 20_000
_LEGAL = frozenset({
    "inc", "incorporated", "corp", "corporation", "co", "company", "companies", "ltd", "limited", "plc", "llc", "lp", "llp", "sa", "ag", "nv", "bv", "se",
    "spa", "oyj", "oy", "ab", "asa", "as", "a/s", "kgaa", "gmbh", "pte", "pty", "kk", "bhd", "tbk", "publ", "sab", "ulc", "lllp",
})  # fmt: skip
_SOFT = frozenset({"group", "holdings", "holding", "com", "&", "and", "cl", "class", "trust", "the"})
_WRITTEN = frozenset({"Co", "plc", "Oy", "a.s", "publ"})
"""Legal forms that are not written with a capital, or have two letters: "As" begins a sentence, "AS" ends a Norwegian name."""
_CONTINUES = frozenset({
    "technologies", "technology", "financial", "finance", "bank", "bancorp", "bancshares", "energy", "solar", "power", "pharma",
    "pharmaceuticals", "therapeutics", "biosciences", "bio", "biotech", "health", "healthcare", "medical", "systems", "software",
    "solutions", "services", "capital", "partners", "resources", "foods", "brands", "industries", "international", "global",
    "communications", "media", "networks", "materials", "metals", "mining", "gold", "oil", "gas", "petroleum", "insurance", "properties",
    "realty", "reit", "logistics", "motors", "airlines", "semiconductor", "semiconductors", "electronics", "labs", "laboratories",
    "university", "hospital", "park", "street", "county", "city", "river", "valley",
})  # fmt: skip
_BETWEEN = re.compile(r"[\s,.]{1,4}")
_STATE = re.compile(r"\s*[/\\][a-z]{2,4}[/\\]?\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[.'’/][^\W_]+)*|&")
_TICKER = re.compile(r"[A-Z]{1,5}(?:-[A-Z]{1,2})?")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)(?![\w$])")
_EXCHANGE = re.compile(
    r"\b(?:NYSE(?: ?(?:American|Arca|MKT))?|NASDAQ(?:GS|GM|CM|-GS|-GM|-CM)?|AMEX|OTC(?:QB|QX|MKTS| Markets)?|LSE|LON|TSXV?|ASX|CBOE)\s?:\s?"
    r"([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)(?![\w])",
    re.IGNORECASE,
)

_Words = tuple[str, ...]
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerIndex:
    """Issuers as they are looked up: tickers, and names by their first word, the longest first.

    A name goes with its issuer and whether it stands by itself; where it does not, a legal form has to follow it in the text.
    """

    tickers: Mapping[str, str]
    names: Mapping[str, Sequence[tuple[_Words, str, bool]]]


def issuer_index(issuers: pl.DataFrame) -> IssuerIndex:
    """Prepare issuers (:data:`ISSUERS`) for :func:`link_issuers`; more columns are ignored.

    >>> index = issuer_index(pl.DataFrame({"entity": ["CIK1"], "name": ["APPLE INC."], "aliases": [None], "tickers": [["AAPL"]]}))
    >>> link_issuers(pl.Series(["Apple Inc. sells bonds", "An apple pie", "$AAPL falls"]), index)["evidence"].to_list()
    ['Apple Inc', '$AAPL']
    """
    lacking = [name for name in ISSUERS if name not in issuers.columns]
    if lacking:
        raise InvalidInput(f"issuers lack the column {lacking[0]}; they have entity, name, aliases and tickers")
    table = issuers.select(pl.col(name).cast(dtype) for name, dtype in ISSUERS.items())
    tickers: dict[str, set[str]] = {}
    short: dict[_Words, set[str]] = {}
    full: dict[_Words, set[str]] = {}
    chosen: set[_Words] = set()
    for entity, name, aliases, symbols in table.rows():
        for symbol in symbols or ():
            if symbol:
                tickers.setdefault(_symbol(symbol), set()).add(entity)
        for text in (name, *(aliases or ())):
            words = _words_of(text or "")
            if text != name and len(_stripped(words)) > 1:
                chosen.add(_stripped(words))
            stripped = _stripped(words)
            if stripped:
                short.setdefault(stripped, set()).add(entity)
                full.setdefault(words, set()).add(entity)
    names: dict[str, list[tuple[_Words, str, bool]]] = {}
    for words, entity in _unique(short):
        names.setdefault(words[0], []).append((words, entity, words in chosen or not _is_common(words)))
    for words, entity in _unique(full):
        if words not in short:
            names.setdefault(words[0], []).append((words, entity, True))
    for found in names.values():
        found.sort(key=lambda item: (-len(item[0]), item[0]))
    return IssuerIndex(tickers=MappingProxyType(dict(_unique(tickers))), names=MappingProxyType(names))


def link_issuers(texts: pl.Series, index: IssuerIndex, *, tickers: pl.Series | None = None, keep_unknown: bool = False) -> pl.DataFrame:
    """The links of texts (:data:`LINKS`), in the order of the texts and each issuer once a text, by the surest evidence.

    ``tickers`` are the provider's for each text, with commas between. A null text has no link but these. With ``keep_unknown`` a ticker
    that belongs to no issuer of the index, or to several, stands for itself: its link's entity is the ticker.
    """
    given = tickers.to_list() if tickers is not None else [None] * len(texts)
    rows: list[tuple[int, str, str, str]] = []
    for position, (text, symbols) in enumerate(zip(texts.to_list(), given, strict=True)):
        found: dict[str, tuple[How, str]] = {}
        for entity, how, evidence in _links((text or "")[:_LONGEST_TEXT], symbols, index, keep_unknown=keep_unknown):
            found.setdefault(entity, (how, evidence))
        rows += [(position, entity, how.value, evidence) for entity, (how, evidence) in found.items()]
    return pl.DataFrame(rows, schema=LINKS, orient="row")


def _links(text: str, symbols: str | None, index: IssuerIndex, *, keep_unknown: bool) -> Iterable[tuple[str, How, str]]:
    """All that a text gives, the surest evidence first."""
    for symbol in (symbols or "").split(","):
        entity = _of_ticker(symbol, index, keep_unknown=keep_unknown)
        if entity is not None:
            yield entity, How.PROVIDER, symbol.strip()
    for how, pattern in ((How.EXCHANGE, _EXCHANGE), (How.CASHTAG, _CASHTAG)):
        for match in pattern.finditer(text):
            entity = _of_ticker(match.group(1), index, keep_unknown=keep_unknown)
            if entity is not None:
                yield entity, how, match.group()
    found = [(match.start(), match.end(), _plain(match.group())) for match in _WORD.finditer(text)]
    place = 0
    while place < len(found):
        start, _, first = found[place]
        named = next((item for item in index.names.get(first, ()) if _stands(item, text, found, place)), None)
        if named is None or not _capital(text, found[place : place + len(named[0])]):
            place += 1
            continue
        words, entity, alone = named
        last = place + len(words) - (1 if alone else 0)
        yield entity, How.NAME, text[start : found[last][1]]
        place = last + 1


def _of_ticker(text: str, index: IssuerIndex, *, keep_unknown: bool) -> str | None:
    symbol = _symbol(text)
    return index.tickers.get(symbol) or (symbol if keep_unknown and _TICKER.fullmatch(symbol) else None)


def _stands(item: tuple[_Words, str, bool], text: str, found: list[tuple[int, int, str]], place: int) -> bool:
    """Whether a name stands at a place, with the legal form that it needs if it is made of common words."""
    words, _, alone = item
    end = place + len(words)
    if end > len(found) or any(word != found[place + offset][2] for offset, word in enumerate(words)):
        return False
    following = found[end] if end < len(found) and _BETWEEN.fullmatch(text, found[end - 1][1], found[end][0]) else None
    written = text[following[0] : following[1]] if following else ""
    if alone:
        # "FMC Technologies" is another company than FMC.
        return len(words) > 1 or not (following and following[2] in _CONTINUES and written[0].isupper())
    return (
        following is not None
        and following[2] in _LEGAL
        and (written.isupper() or (written[0].isupper() and len(written) > 2) or written in _WRITTEN)
    )


def _capital(text: str, words: Sequence[tuple[int, int, str]]) -> bool:
    """Whether every word of a name but the small ones has a capital or is a number."""
    longer = [text[start:end] for start, end, word in words if len(word) > 3] or [text[start:end] for start, end, _ in words]
    return all(any(letter.isupper() or letter.isdecimal() for letter in word) for word in longer)


def _words_of(name: str) -> _Words:
    """The words of a name as they are compared: lower case, without dots, without EDGAR's state (/DE/)."""
    return tuple(_plain(word) for word in _WORD.findall(_STATE.sub("", name)))


def _plain(word: str) -> str:
    lower = word.lower().replace("’", "'").removesuffix("'s")
    return lower.replace(".", "").replace("'", "")


def _stripped(words: _Words) -> _Words:
    """A name without the legal forms and other words at its end, and the article at its start; what is left may be nothing."""
    end, start = len(words), 0
    while end > 1 and (words[end - 1] in _LEGAL or words[end - 1] in _SOFT):
        end -= 1
    while start < end - 1 and words[start] == "the":
        start += 1
    return words[start:end]


def _symbol(text: str) -> str:
    return text.strip().upper().replace(".", "-")


def _unique(by_key: Mapping[_Key, set[str]]) -> Iterable[tuple[_Key, str]]:
    """What belongs to one issuer alone."""
    return ((key, next(iter(entities))) for key, entities in by_key.items() if len(entities) == 1)


def _is_common(words: _Words) -> bool:
    """Whether a name says too little by itself: one or two words, all of them common, numbers or single letters."""
    return len(words) < 3 and all(word in common_words() or word.isdecimal() or len(word) < 3 for word in words)


@cache
def common_words() -> frozenset[str]:
    """Words that mean something else most of the time: those of ``common_words.txt`` and of the lexicons of sentiment."""
    from crfs.features.sentiment.lexicon import packaged_lexicon
    from crfs.features.sentiment.word_lists import word_lists

    lines = (files("crfs.features") / "common_words.txt").read_text(encoding="utf-8").splitlines()
    listed = (word for line in lines if not line.startswith("# ") for word in line.split())
    scored = (
        word
        for name in ("finance_lexicon", "policy_lexicon")
        for terms in packaged_lexicon(name).by_first.values()
        for term, _ in terms
        for word in term
    )
    counted = (word for terms in word_lists().values() for term in terms for word in term.split())
    return frozenset({*listed, *scored, *counted, "of", "for", "in", "and", "the", "&", "a", "an", "to", "at"})
