"""What sentences say of a release's income: revenue and diluted earnings per share, the company's own ones of a named period.

A sentence that compares says two numbers, so only what stands before the comparison is read. Every sentence that states the number is told:
whether they agree with each other and with the tables is seen where all of them are at hand (``release``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.releases.agreement import Stated
from crfs.sources.providers.edgar.releases.company import PART, before_reasons, is_not_so, is_plain
from crfs.sources.providers.edgar.releases.currency import names_other
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE
from crfs.sources.providers.edgar.releases.periods import COMPARISON, Period
from crfs.sources.providers.edgar.releases.sentences import (
    FORWARD,
    MONEY,
    Said,
    Sentence,
    money,
    until_comparison,
    whose,
)

_MOST_AMOUNTS = 12
_OF_QUARTER = r"(?:first|second|third|fourth)[\s-](?:fiscal[\s-])?quarter"
_PERIOD = (
    rf"(?:(?:the|our|its) )?(?:fiscal )?(?:{_OF_QUARTER}|Q[1-4]|quarter|full[\s-]year|fiscal year|year|(?:three|six|nine|twelve) months"
    rf"|\d\d[\s-]weeks?)"
)
_MORE = r"(?:[^$,]|,(?=\s(?:19|20)\d\d)){0,60}"
_REVENUE = re.compile(
    rf"^(?P<head>[^$]{{0,160}}?)(?P<metric>\brevenues?|\bsales)(?:,? (?:in|for|during) {_PERIOD}(?P<more>{_MORE}),?)?"
    r" (?:(?:was|were|of|at|totaled|totalled|came in at|reached|rose to|fell to|grew to)(?: approximately| a record)?"
    rf"|(?:increased|decreased|grew|rose|declined|fell|was up|were up|was down|were down)(?:[^$.]|\.\d){{0,60}}? to(?: a record)?) {MONEY}",
    re.IGNORECASE,
)
# Words of results that make of "revenue" something else: "financial revenue", "income from sales".
_NOT_BEFORE_REVENUE = re.compile(
    r"\b(?:income|earnings|profit|loss|losses|eps|per|shares?|financial|operations|from|by|to|equity|tax|new|while|decrease|increase|this|same"
    r"|with|all|another|both|common|ordinary|basic|diluted)\b",
    re.IGNORECASE,
)
# What may follow the number: the period, a change, the end. "$310 million in Aerospace" or "from services" is a part of the company.
_AFTER_REVENUE = re.compile(
    rf"^\s*(?:$|[.;]|,? ?(?:(?:was|were) )?(?:up|down|an? (?:increase|decrease|new|record)|increas|decreas|growing|grew|rose|fell|declin"
    rf"|representing|reflecting)"
    rf"|,? (?:for|in|during) {_PERIOD}\b|,? ?(?:as )?(?:compared|versus|vs)\b|,? from (?:\$|net|total|the (?:prior|same|first|second|third|fourth"
    rf"|year))|, driven by|, including|,? and "
    r"(?:(?:quarterly|net|gaap|diluted|record|total|adjusted) )*(?:income|loss|earnings|eps|diluted)|,? \(?\d[\d.]*\s?(?:%|percent)|,? \((?:up"
    r"|down|an?)\b|,?$)",
    re.IGNORECASE,
)
_SHARE = r"(?:common |ordinary )?share"
_NAMED = (
    rf"(?:(?:diluted|fully diluted|basic and diluted) (?:gaap )?(?:net )?(?:earnings|loss|income|profit|earnings \(loss\)"
    rf"|income \(loss\)) per {_SHARE}|diluted (?:gaap )?EPS"
    rf"|(?:earnings|net income|net loss|loss|net earnings|eps) per (?:common )?(?:basic and )?diluted {_SHARE}|(?:earnings|net income"
    rf"|net earnings|net loss|loss) per {_SHARE},? (?:assuming dilution|(?:basic and )?diluted))"
)
_EPS = (
    re.compile(rf"\((?P<minus>\()?{MONEY}\)? per share on a diluted basis\)", re.IGNORECASE),
    re.compile(
        rf"(?P<minus>\(|-)?{MONEY}\)? (?:loss |earnings )?per (?:common )?(?:basic and |basic or )?(?:fully )?diluted {_SHARE}",
        re.IGNORECASE,
    ),
    re.compile(rf"(?P<minus>\(|-)?{MONEY}\)? per {_SHARE},? \(?(?:assuming dilution|(?:basic and )?diluted)\b", re.IGNORECASE),
    re.compile(
        rf"{_NAMED}(?:,? (?:for|in|of) {_PERIOD}{_MORE}?,?)? (?:(?:was|were|of|totaled)|(?:increased|decreased|grew|rose|declined|fell"
        rf"|improved)(?:[^$.]|\.\d){{0,60}}? to)"
        rf" (?P<minus>\(|-)?{MONEY}\)?",
        re.IGNORECASE,
    ),
)
# A number "of", "was" or "or" the earnings themselves: not a charge "of", not a fall "by".
_IS_EARNINGS = re.compile(r"(?:\bor|\bof|\bwas|\bwere|\bto|\bequal to|\bequivalent to|\btotaled|\$|,|\()\s*$", re.IGNORECASE)
_NEGATIVE = re.compile(r"\$\s?\(\s?(?=\d)")  # $(0.12) is ($0.12)
_ASIDE = re.compile(r",\s*(?:including|which includes?|net of|despite|after|inclusive of)\b[^,]{0,160},", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:(?:as )?(?:compared|in contrast|versus)\b(?:[^.]|\.\d){0,200}?(?:a year (?:ago|earlier)|(?:prior|last"
    r"|previous)[\s-]year(?:[\s-]\w+){0,2}|(?:19|20)\d\d),\s*(?=net|diluted|earnings|income|the company|we)"
    r"|(?:as )?(?:compared|in contrast|versus)\b[^,]{0,160},\s*|(?:driven by|reflecting|despite|helped by|as a result of)\b[^,$]{0,160},\s*)",
    re.IGNORECASE,
)
_INCOME = re.compile(r"\b(?:net (?:income|earnings|profit)|earnings|income|eps|diluted net income)\b", re.IGNORECASE)
_LOSS = re.compile(r"\b(?:net loss|loss(?:es)? (?:of|was|were|per|attributable)|diluted loss)\b", re.IGNORECASE)
_NOT_THE_EARNINGS = re.compile(
    r"\b(?:charges?|gains?|benefit\w*|impact|impairment|includ\w+|dividends?|costs?|expenses?|loss on|losses on|losses from|continuing|discontinued|"
    r"funds from|ffo|book value|cash flow|distribut\w+|increase of|decrease of|by|per ads|operating (?:income|earnings|loss)|income from"
    r"|loss from|before|pre-?tax|ebitda|"
    r"attributable to non\w*|non-?controlling|minority|preferred|than)\b",
    re.IGNORECASE,
)
# What makes a number behind it another one than was reported: before a charge, at a height, of some operations.
_MADE_ANOTHER = re.compile(
    r"\b(?:before|prior to|ahead of|net of|adding back|less the|plus the|pre-?charges?|from (?:continuing|discontinued)"
    r"|at (?:its|their|the|our) (?:\w+ )?(?:peak|height|high|low|top|bottom))\b",
    re.IGNORECASE,
)
_OF_A_NAME = re.compile(r"\b(?:at|for|of|from|by|in)\s+(?:the\s+)?(?P<name>[A-Z][\w&’'.-]*)")
# The adjusted number beside the reported one ends what is read: "GAAP diluted EPS of $1.10 and adjusted EPS of $1.40".
_BESIDE = re.compile(
    rf"(?:[,;]?\s+(?:and|while|with)|[;,])\s+(?:its |our |the company['’]s |quarterly )?(?=(?:{OTHER_MEASURE.pattern}))", re.IGNORECASE
)


def said_revenue(said: Sequence[Sentence], period: Period, name: frozenset[str]) -> list[Said]:
    """What sentences state of the company's total revenue, in dollars, in the release's period."""
    found = []
    for sentence in said:
        text = sentence.text
        match = _REVENUE.match(text)
        if match is None or not (match["unit"] or len(match["number"]) >= 9):
            continue
        whole = until_comparison(text, match.end())
        clause = before_reasons(whole, match.end())
        own = text[: match.end()] + _BESIDE.split(clause[match.end() :])[0]
        if FORWARD.search(own) or names_other(text) or OTHER_MEASURE.search(own) or PART.search(own) or is_not_so(own):
            continue
        if (
            not _AFTER_REVENUE.match(text[match.end() :])
            or _is_made_another(own, match.end(), name)
            or _NOT_BEFORE_REVENUE.search(match["head"])
            or not is_plain(f"{match['head']} {match['more'] or ''}", name)
        ):
            continue
        # A total is the whole company's under any heading but a part's.
        is_total = re.search(r"\b(?:total|consolidated|company)\b", match[0], re.IGNORECASE) is not None
        of = whose(sentence, own, period, name, is_total=is_total)
        if of is not None:
            found.append(Said(stated=money(match), months=of[0], may_be_a_part=of[1]))
    return found


def said_eps(said: Sequence[Sentence], period: Period, name: frozenset[str]) -> list[Said]:
    """What sentences state of the company's diluted earnings per share in the release's period, with the sign that they give them."""
    found = []
    for sentence in said:
        # A sentence of very many amounts is a list of them, and says none for certain.
        if not 1 <= sentence.text.count("$") <= _MOST_AMOUNTS or not re.search("dilut", sentence.text, re.IGNORECASE):
            continue
        leading = _LEADING.match(sentence.text)
        if leading and COMPARISON.match(leading[0]) is None and (OTHER_MEASURE.search(leading[0]) or is_not_so(leading[0])):
            continue
        text = _BESIDE.split(_NEGATIVE.sub("($", _ASIDE.sub("", sentence.text[leading.end() :] if leading else sentence.text)))[0]
        if FORWARD.search(text) or names_other(text) or PART.search(text):
            continue
        comparison = COMPARISON.search(text)
        before = text[: comparison.start()] if comparison else text
        matches = [match for pattern in _EPS for match in pattern.finditer(before)]
        values = {value for match in matches if (value := _signed(before, match, name)) is not None}
        if not matches:
            continue
        own = before_reasons(before, min(match.end() for match in matches))
        if OTHER_MEASURE.search(own) or is_not_so(own) or _is_made_another(own, min(match.end() for match in matches), name):
            continue
        of = whose(sentence, before, period, name)
        if len(values) == 1 and of is not None:
            found.append(Said(stated=values.pop(), months=of[0], may_be_a_part=of[1]))
    return found


def _is_made_another(text: str, start: int, name: frozenset[str]) -> bool:
    """Whether the words behind a number make it another one, or somebody else's."""
    names = (found["name"] for found in _OF_A_NAME.finditer(text, start))
    return _MADE_ANOTHER.search(text, start) is not None or any(not re.search(r"\d", one) and not is_plain(one, name) for one in names)


def _signed(text: str, match: re.Match[str], name: frozenset[str]) -> Stated | None:
    head = text[: match.start()]
    is_named = re.match(_NAMED, match[0], re.IGNORECASE) is not None
    if match["unit"] or _NOT_THE_EARNINGS.search(head) or not (is_named or match[0].endswith("basis)") or _IS_EARNINGS.search(head)):
        return None
    if not is_plain(head + match[0], name):
        return None
    about = head + match[0]
    is_loss, is_income = _LOSS.search(about) is not None, _INCOME.search(_LOSS.sub(" ", about)) is not None
    if (match["minus"] and match["minus"] != "(") or (match["minus"] == "(" and ")" in match[0]):
        is_loss, is_income = True, False  # written as a negative number
    if is_loss == is_income:
        return None  # both, or neither: the sign is not known
    return money(match, is_negative=is_loss)
