"""Which issuers a text speaks of: by cashtags, by tickers with their exchange, by tickers that the provider gives, and by names.

A wrong link is worse than none. Names are compared word by word, without their legal form (Inc., Corp., plc), the longest first, and only
where the text writes them with a capital. A name of one or two common words (Apple, Gap, Target, Financial Institutions) needs its own legal
form or its ticker beside it; without one it is the fruit, the difference or the aim, and with another's (Visa SA) it is another company. An
alias of several words stands by itself, and so do the names of ``standing_names.txt``, which has a few short names too. What headlines call
large issuers for short is in ``trade_names.txt``: some by themselves (IBM), some only where the text speaks of business (Ford recalls). A
place called after a company, a person, and a rater who speaks of another are not whom a text is about. A name or ticker that
several issuers share links none, unless the legal form tells them apart. Every link says what was matched, so that a wrong one can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TypeVar
from unicodedata import combining, normalize

import polars as pl

from crfs.errors import InvalidInput
from crfs.features.business_context import is_meant, is_place_or_person, rates_another
from crfs.features.linking_words import (
    AFTER_CREDIT,
    CONTINUES_LONG,
    CONTINUES_SHORT,
    FOREIGN_FORMS,
    FORMS_AS_WRITTEN,
    LEGAL_FORMS,
    NO_TICKERS,
    PHRASES_OF_FORMS,
    SOFT_ENDS,
    STATES,
    TITLES,
    UNSAID_ENDS,
    common_words,
    given_names,
    listed_lines,
)
from crfs.features.trade_names import TradeName, trade_names

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
_GAP = re.compile(r"[ \t\xa0]{1,2}|\r?\n|[-\u2010\u2011]|['’] |")
"""What stands between two words of a name: never the end of a sentence, a comma or a paragraph."""
_SHORT_GAP = re.compile(r"\.[ \t\xa0]?")
"""What may stand there too after a short word: "St. Joe"."""
_BEFORE_FORM = re.compile(r",?(?:[ \t\xa0]{1,2}|\r?\n)")
_IN_FORM = re.compile(r"\.?,?[ \t\xa0]{0,2}")
_OWN_TICKER = re.compile(r",? ?\(\$?([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)\)")
_PUBLISHER = re.compile(r"\s[-–—|]\s(?:The\s)?\Z")
_ENDS = re.compile(r"[ \t]*(?:\n|\Z)")
_HYPHEN = re.compile(r"[-\u2010\u2011]")
_STATE = re.compile(r"\s*[/\\][a-z]{2,4}[/\\]?\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[.'’/][^\W_]+)*|&(?:amp;)?")
_TICKER = re.compile(r"[A-Z]{1,5}(?:-[A-Z]{1,2})?")
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)(?![\w$])")
_UNITS = frozenset({"B", "BN", "K", "M", "MM", "MN", "T", "TN"})
"""Cashtags that are also units: "revenue in $M", "net debt ($B)"."""
_EXCHANGE = re.compile(
    r"\b(?i:New York Stock Exchange|Nasdaq(?: Global(?: Select)?)?(?: Stock)? Market"
    r"|NYSE(?: ?(?:American|Arca|MKT))?|NASDAQ(?:GS|GM|CM|-GS|-GM|-CM)?|AMEX|OTC(?:QB|QX|MKTS| Markets)?|CBOE)(\s?:\s?)"
    r"([A-Z]{1,5}(?:[.-][A-Z]{1,2})?)(?!\w|['’][A-Z])"
)
"""Exchanges of the United States, whose tickers EDGAR has; a ticker of London, Toronto or Sydney is another company's."""
_CLOSED = re.compile(r"\s?[)\]]")
_PAUSED = re.compile(r"\s?[;|,]|\.(?!\w)|['’]s\b|\s[-–—]\s|\s*(?:\n|\Z)")
_LAST = re.compile(r"\.?\s*(?:\n|\Z)")

_Words = tuple[str, ...]
_Found = tuple[int, int, str, str]
"""A word of a text: where it begins and ends, and as it is compared with and without the ``'s`` at its end."""
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedIssuers:
    """Who is called by some ``words``: whom they mean by themselves, whom with a legal form after them, whom as a trade name, and whom at all."""

    words: _Words
    alone: str | None
    forms: Mapping[_Words, str]
    entities: frozenset[str]
    trade: tuple[TradeName, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerIndex:
    """Issuers as they are looked up: tickers, and names by their first word, the longest first."""

    tickers: Mapping[str, str]
    names: Mapping[str, Sequence[NamedIssuers]]


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
    forms: dict[_Words, dict[_Words, set[str]]] = {}
    called: dict[_Words, set[str]] = {}
    chosen: set[_Words] = set()
    traded: dict[_Words, tuple[TradeName, set[str]]] = {}
    for entity, name, aliases, symbols in table.rows():
        for symbol in symbols or ():
            if symbol:
                tickers.setdefault(_symbol(symbol), set()).add(entity)
        for text in (name, *(aliases or ())):
            for words, tails in _spellings(text or ""):
                if text != name and len(words) > 1:
                    chosen.add(words)
                called.setdefault(words, set()).add(entity)
                for tail in tails:
                    forms.setdefault(words, {}).setdefault(tail, set()).add(entity)
        for trade in _trade_names().get(_words_of(name or ""), ()):
            words = _words_of(trade.written)
            traded.setdefault(words, (trade, set()))[1].add(entity)
            called.setdefault(words, set()).add(entity)
            for tail in _tails(_words_of(name)[-1:]):
                forms.setdefault(words, {}).setdefault(tail, set()).add(entity)
    names: dict[str, list[NamedIssuers]] = {}
    for words, entities in called.items():
        alone = next(iter(entities)) if len(entities) == 1 and (words in chosen or not _is_common(words)) else None
        told_apart = MappingProxyType(dict(_unique(forms.get(words, {}))))
        listed, owners = traded.get(words, (None, set[str]()))
        meant = (listed, next(iter(owners))) if listed is not None and len(owners) == 1 else None
        item = NamedIssuers(words=words, alone=alone, forms=told_apart, entities=frozenset(entities), trade=meant)
        names.setdefault(words[0], []).append(item)
    for found in names.values():
        found.sort(key=lambda item: (-len(item.words), item.words))
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
    for how, symbol, evidence in (*_by_exchange(text), *_by_cashtag(text)):
        entity = _of_ticker(symbol, index, keep_unknown=keep_unknown)
        if entity is not None:
            yield entity, how, evidence
    found = [_as_found(match) for match in _WORD.finditer(text)]
    place = 0
    while place < len(found):
        named = _named(text, found, place, index)
        if named is not None and named.entity is not None:
            yield named.entity, How.NAME, text[found[place][0] : named.end]
        place = named.following if named is not None else place + 1


def _by_exchange(text: str) -> Iterable[tuple[How, str, str]]:
    """Tickers after an exchange, in capitals as written, where what follows is no prose: "(NASDAQ: IT)", not "On the Nasdaq: IT leads"."""
    for match in _EXCHANGE.finditer(text):
        symbol, end = match.group(2), match.end()
        # No prose says an exchange's whole name before a colon and one letter, but for an article.
        is_letter = len(symbol) == 1 and (symbol in {"A", "I"} or not match.group().lower().startswith("new york"))
        is_word = is_letter or symbol.lower() in NO_TICKERS or symbol.lower() in common_words()
        is_paused = _PAUSED.match(text, end) is not None
        if _CLOSED.match(text, end):
            is_said = True
        elif text[max(0, match.start() - 2) : match.start()].rstrip(" ").endswith(("(", "[")):
            is_said = is_paused
        elif match.group(1) == ":":
            is_said = is_paused or not is_word
        else:
            is_said = is_paused and (not is_word or (len(symbol) > 1 and _LAST.match(text, end) is not None))
        if is_said:
            yield How.EXCHANGE, symbol, match.group()


def _by_cashtag(text: str) -> Iterable[tuple[How, str, str]]:
    for match in _CASHTAG.finditer(text):
        before = text[max(0, match.start() - 3) : match.start()]
        if match.group(1) not in _UNITS or not before.endswith(("in ", "(", "[")):
            yield How.CASHTAG, match.group(1), match.group()


def _of_ticker(text: str, index: IssuerIndex, *, keep_unknown: bool) -> str | None:
    symbol = _symbol(text)
    return index.tickers.get(symbol) or (symbol if keep_unknown and _TICKER.fullmatch(symbol) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """What a name in a text came to: the issuer, or None where it is nobody's; where it ends, and the place of the word after it."""

    entity: str | None
    end: int
    following: int


def _named(text: str, found: Sequence[_Found], place: int, index: IssuerIndex) -> _Named | None:
    """Who is named at a place, by the longest name; None where no name stands."""
    _, _, word, bare = found[place]
    chosen: _Named | None = None
    for item in index.names.get(word, ()):
        if _is_written(item.words, text, found, place):
            chosen = _decided(item, text, found, place, index)
            if chosen is not None:
                break
    if word == bare or (chosen is not None and chosen.following > place + 1):
        return chosen
    # "Lowe's" is the shop, or what belongs to Lowe: if both are issuers, it is neither.
    for item in index.names.get(bare, ()):
        if len(item.words) == 1 and _is_written(item.words, text, found, place):
            other = _decided(item, text, found, place, index)
            if other is None:
                return chosen
            if chosen is None or chosen.entity == other.entity or other.following > place + 1:
                return other
            return _Named(entity=None, end=other.end, following=other.following)
    return chosen


def _decided(item: NamedIssuers, text: str, found: Sequence[_Found], place: int, index: IssuerIndex) -> _Named | None:
    """Whom a name that is written at a place means; None where it is words like any other."""
    following = place + len(item.words)
    end = found[following - 1][1]
    if found[place][0] and text[found[place][0] - 1] == "$":
        return None
    if rates_another(item.words, text, found[place][0], end):
        return _Named(entity=None, end=end, following=following)
    for tail in sorted(item.forms, key=len, reverse=True):
        if _has_form(tail, text, found, following):
            after = following + len(tail)
            return _Named(entity=item.forms[tail], end=found[after - 1][1], following=after)
    ticker = _OWN_TICKER.match(text, end)
    if ticker is not None and (owner := index.tickers.get(_symbol(ticker.group(1)))) in item.entities:
        return _Named(entity=owner, end=ticker.end(), following=following + 1)
    if item.trade is not None:
        trade, owner = item.trade
        is_owner = is_meant(trade, text, found, place, following) and _is_by_itself(item, text, found, place)
        return _Named(entity=owner if is_owner else None, end=end, following=following)
    if item.alone is not None:
        entity = item.alone if _is_by_itself(item, text, found, place) else None
        return _Named(entity=entity, end=end, following=following)
    return _Named(entity=None, end=end, following=following) if len(item.entities) > 1 else None


def _is_written(words: _Words, text: str, found: Sequence[_Found], place: int) -> bool:
    """Whether the words of a name stand at a place, next to each other and with capitals."""
    end = place + len(words)
    if end > len(found):
        return False
    for offset, word in enumerate(words):
        start, _, joined, bare = found[place + offset]
        if word != joined and (word != bare or offset + 1 < len(words)):
            return False
        if offset:
            before, stop = found[place + offset - 1][:2]
            if not (_GAP.fullmatch(text, stop, start) or (stop - before < 5 and _SHORT_GAP.fullmatch(text, stop, start))):
                return False
    return _capital(text, found[place:end])


def _has_form(tail: _Words, text: str, found: Sequence[_Found], place: int) -> bool:
    """Whether the end of a name (Group Inc) stands at a place, written like one and no part of a phrase."""
    if place + len(tail) > len(found):
        return False
    for offset, form in enumerate(tail):
        start, stop, joined, bare = found[place + offset]
        if not (_IN_FORM if offset else _BEFORE_FORM).fullmatch(text, found[place + offset - 1][1], start):
            return False
        if form not in {LEGAL_FORMS.get(joined, joined), LEGAL_FORMS.get(bare, bare)} or not (
            form == "&" or _is_form(text[start:stop].replace("’", "'").removesuffix("'s"))
        ):
            return False
    start, stop, joined, _ = found[place + len(tail) - 1]
    after = found[place + len(tail)] if place + len(tail) < len(found) else None
    if after is None or LEGAL_FORMS.get(joined) not in {"co", "cos", "corp", "ltd", "as"}:
        return True
    between, written = text[stop : after[0]], text[after[0] : after[1]]
    if joined == "as":
        return not (between.isspace() and written.isupper())
    return not (_HYPHEN.fullmatch(between) or (between.isspace() and after[2] in PHRASES_OF_FORMS)) or joined == "corp"


def _is_form(written: str) -> bool:
    """Whether a legal form is written like one."""
    return written.isupper() or (written[0].isupper() and len(written) > 2 and written != "Spa") or written in FORMS_AS_WRITTEN


def _is_by_itself(item: NamedIssuers, text: str, found: Sequence[_Found], place: int) -> bool:
    """Whether a name without its legal form is no part of another name: of a company, a person or the publisher of the text."""
    length = len(item.words)
    start, end, following = found[place][0], found[place + length - 1][1], place + length
    if _ENDS.match(text, end) and _PUBLISHER.search(text, max(0, start - 8), start):
        return False
    if is_place_or_person(text, found, following):
        return False
    if following < len(found) and _BEFORE_FORM.fullmatch(text, end, found[following][0]):
        word, written = found[following][2], text[found[following][0] : found[following][1]]
        if item.forms and LEGAL_FORMS.get(word) in FOREIGN_FORMS and _is_form(written):
            return False
        if length == 1 and word in STATES and text[end] == "," and written[0].isupper():
            return False
        is_credit = word == "credit" and following + 1 < len(found) and found[following + 1][2] in AFTER_CREDIT
        continues = CONTINUES_SHORT if length == 1 else CONTINUES_LONG
        if word in continues and written[0].isupper() and not is_credit and text[end] != ",":
            return False
    if length > 1 or not place:
        return True
    before, stop, word, _ = found[place - 1]
    between = text[stop:start]
    if not text[before].isupper() or between not in {" ", ". "}:
        return True
    return not (word in TITLES or (between == " " and word in given_names()) or (between == ". " and len(word) == 1))


def _capital(text: str, words: Sequence[_Found]) -> bool:
    """Whether every word of a name but the small ones has a capital or is a number."""
    said = [text[start:end] for start, end, word, _ in words if word != "&"]
    longer = [word for word in said if len(word) > 3] or said
    return all(any(letter.isupper() or letter.isdecimal() for letter in word) for word in longer)


def _as_found(match: re.Match[str]) -> _Found:
    joined, bare = _plain(match.group())
    return match.start(), match.end(), joined, bare


def _words_of(name: str) -> _Words:
    """The words of a name as they are compared: lower case, without dots, without EDGAR's state (/DE/)."""
    return tuple(_plain(word)[0] for word in _WORD.findall(_STATE.sub("", name)))


def _plain(word: str) -> tuple[str, str]:
    """A word as it is compared: in lower case, without accents, dots and apostrophes; and without the ``'s`` at its end."""
    lower = word.lower()
    if lower.isalnum() and lower.isascii():
        plain = "&" if lower == "and" else lower
        return plain, plain
    if lower[0] == "&":
        return "&", "&"
    if not lower.isascii():
        lower = "".join(letter for letter in normalize("NFKD", lower.replace("’", "'")) if not combining(letter))
    bare = lower.removesuffix("'s").replace(".", "").replace("'", "")
    return (lower.replace(".", "").replace("'", ""), bare) if lower.endswith("'s") else (bare, bare)


def _spellings(name: str) -> Iterable[tuple[_Words, set[_Words]]]:
    """A name without the legal forms and other words at its end and the article at its start, with the ends that it may be written with.

    >>> list(_spellings("GAP INC")) == [(("gap",), {("inc",)})]
    True
    """
    words = _words_of(name)
    end, start = len(words), 0
    while end > 1 and (words[end - 1] in LEGAL_FORMS or words[end - 1] in SOFT_ENDS):
        end -= 1
    while start < end - 1 and words[start] == "the":
        start += 1
    if start == end:
        return
    for cut in range(end, len(words) + 1):
        if cut == end or words[start:cut] in standing_names():
            yield words[start:cut], _tails(words[cut:])
    for short in short_names().get(words[start:end], ()):
        yield short, _tails(words[end:])
    if words[end : end + 1] == ("com",):
        yield (*words[start : end - 1], f"{words[end - 1]}com"), _tails(words[end + 1 :])


def _tails(words: _Words) -> set[_Words]:
    """The ends of a name that tell it: up to a legal form, or whole."""
    found: set[_Words] = set()
    for unsaid in (frozenset[str](), UNSAID_ENDS, UNSAID_ENDS | {"&"}):
        tail = tuple(LEGAL_FORMS.get(word, word) for word in words if word not in unsaid)
        found |= {tail[: place + 1] for place, word in enumerate(tail) if word in LEGAL_FORMS or place + 1 == len(tail)}
    return found


def _symbol(text: str) -> str:
    return text.strip().upper().replace(".", "-")


def _unique(by_key: Mapping[_Key, set[str]]) -> Iterable[tuple[_Key, str]]:
    """What belongs to one issuer alone."""
    return ((key, next(iter(entities))) for key, entities in by_key.items() if len(entities) == 1)


def _is_common(words: _Words) -> bool:
    """Whether a name says too little by itself: one or two words, all of them common, numbers or single letters."""
    is_short = len(words) < 3 and words not in standing_names()
    return is_short and all(word in common_words() or word.isdecimal() or len(word) < 3 for word in words)


@cache
def _trade_names() -> Mapping[_Words, tuple[TradeName, ...]]:
    """The trade names of each registrant, by the words of its name."""
    return MappingProxyType({_words_of(registrant): names for registrant, names in trade_names().items()})


@cache
def standing_names() -> frozenset[_Words]:
    """Names of common words that mean their company wherever capitals write them, as they are compared (``standing_names.txt``)."""
    return frozenset(_words_of(line.partition("=")[0]) for line in listed_lines("standing_names.txt"))


@cache
def short_names() -> Mapping[_Words, Sequence[_Words]]:
    """What issuers are called for short, by their name without its legal form (``standing_names.txt``)."""
    found: dict[_Words, list[_Words]] = {}
    for line in listed_lines("standing_names.txt"):
        short, is_short, name = line.partition("=")
        if is_short:
            found.setdefault(_words_of(name), []).append(_words_of(short))
    return MappingProxyType(found)
