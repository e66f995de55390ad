"""Whose number a sentence says: the company's own and whole one, or a part's, another company's, a supposed or a corrected one.

What is the company's is told by what it is, not by what it is not: between the company and its number stand only words that everybody uses for
that ("the company", "today reported", "net income of"), or the company's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PART = re.compile(r"\b(?:segments?|divisions?|business units?|subsidiar(?:y|ies)|joint ventures?|reportable)\b", re.IGNORECASE)
# What did not happen, or was said before and is no longer so.
SUPPOSED = re.compile(
    r"\b(?:would|could|might|hypothetical\w*|scenarios?|pro[\s-]?forma|as if|assum(?:es|ed|ing)|illustrat\w+|(?:base|down-?side|up-?side|bear"
    r"|bull|best|worst|stress)[\s-]+case"
    r"|had (?:the|we|it|our|this|these)|if|unless|hypothetically|on a combined basis)\b",
    re.IGNORECASE,
)
CORRECTED = re.compile(
    r"\b(?:previously|originally|initially|earlier|formerly|erroneously|incorrectly)\b(?! than)|\bcorrect(?:ed|s|ions?)\b|\berrors?\b|\berratum\b"
    r"|\brestat\w+|\bpreliminar\w+|\bunderstated\b"
    r"|\boverstated\b",
    re.IGNORECASE,
)
# Where a number comes from, or what it went to: then it is no whole.
OF_AN_EVENT = re.compile(
    r"\b(?:came|comes|coming|arose|arising|stem\w*|deriv\w+|result(?:ed|ing|s)?) (?:\w+ )?from\b|\bcontribut\w+|\bgenerated (?:by|from|in|at)\b"
    r"|\b(?:was|were|is|are) (?:\w+ly )?(?:due|attributable|related|relating|owing|secured|guaranteed|deferred|lost|added)\b"
    r"|\b(?:from|of|by|with|for|to) (?:the |our |its |a |an )?(?:\w+ )?(?:acquisitions?|sales? of|disposals?|divestitures?|dispositions?"
    r"|settlements?|mergers?|insurance|litigation)\b"
    r"|\bwithout\b|\babsent\b",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r",?\s+(?:(?:primarily|mainly|largely|partly|partially|mostly|principally)\b|driven\b|led by\b|reflect\w+|due to\b|because\b|as a result\b"
    r"|helped\b|supported\b|thanks to\b|on (?:the )?strength\b"
    r"|benefit\w+ from\b|as (?:higher|lower|strong)\b)",
    re.IGNORECASE,
)
# Words that say whose and which a result is, of which period, and how it changed; any other word may be somebody's or something's name.
_PLAIN_WORDS = """
    the a an our its their company company's company’s corporation we it they today also report reports reported announced announces posted delivered
    recorded generated achieved earned had has record strong solid consolidated total gaap net sales revenue revenues income earnings profit loss losses
    eps of for in on during and or at up down percent million billion thousand approximately about roughly increase increased increasing decrease
    decreased decreasing grew rose fell declined decline improved improvement narrowed widened change swing totaled totalled was were is are be came to
    quarterly basic diluted fully common ordinary share shares per result results financial operating quarter quarter's quarter’s quarters year year's
    year’s year-over-year full full-year fiscal first second third fourth first-quarter second-quarter third-quarter fourth-quarter three six nine twelve
    month months week weeks ended ending period q1 q2 q3 q4 fy january february march april may june july august september october november december
    compared attributable available applicable stockholder stockholders shareholder shareholders shareowners equity holders as with that this same all
    operations from equal equivalent respectively after tax after-tax both exceeded reached swung another all-time high highest new set sets us u.s s by
    over now history ever while
    """
_OF_NAMES = "the and of inc corp corporation company co ltd llc plc holdings group & sa nv lp de"
_ENTITIES = frozenset(("inc", "corp", "corporation", "company", "co", "ltd", "llc", "plc", "sa", "nv", "lp"))
_OF_STATEMENTS = (
    "comprehensive cash flows unaudited condensed interim selected summary data amounts dollars thousands millions except statements"
)
_PLAIN, _COMMON, _STATEMENT_WORDS = frozenset(_PLAIN_WORDS.split()), frozenset(_OF_NAMES.split()), frozenset(_OF_STATEMENTS.split())
_TOKEN = re.compile(r"[^\W\d_][\w.&'’-]*|[&]", re.UNICODE)
_SAID = r"(?i:today\s+|has\s+|have\s+)?(?i:reports?|reported|announces?|announced|posts?|posted|delivers?|delivered|provides?|released|releases)\b"
_NAME = r"(?P<name>[A-Z0-9][\w.&'’-]*(?:,?\s+(?:(?:of|and|the|de|&)\s+)?[A-Z0-9&][\w.&'’-]*){0,7})[®™]?"
# Where the company's name stands, the surest place first: before its ticker, before "today reported", over its statements.
_NAMED = (
    re.compile(rf"{_NAME},?\s*\(\s*(?:[^()]{{0,40}}[;,]\s*)?(?:NYSE|NASDAQ|Nasdaq|AMEX|OTC|TSX)[^():]{{0,30}}:\s*(?P<ticker>[A-Z.]+)"),
    re.compile(rf"(?:^|[:–—]\s+){_NAME.replace('{0,7}', '{0,7}?')},?\s+(?:\([^)]*\),?\s+)?{_SAID}"),
    re.compile(rf"^{_NAME}\s+(?i:condensed\s+)?(?i:consolidated\s+statements?)"),
)
_ALIAS = re.compile(r"\([^()]{0,40}[“\"](?P<name>[A-Z][^”\"]{1,40})[”\"]")
_ENTITY = re.compile(rf"{_NAME},?\s+(?i:Inc|Corp|Corporation|LLC|L\.L\.C|L\.?P|Ltd|Limited|plc|Co|Company|N\.?V|S\.A)\b\.?")
_OF_ENTITY = re.compile(rf"\b(?i:financial\s+statements?|statements?|results|revenues?|sales|income)\s+of\s+{_NAME}")
_SUBJECT = re.compile(
    rf"^[“\"]?(?:In|At|For|The|Our)?\s*{_NAME}\s*(?:,(?!\s+(?:19|20)\d\d)|\b(?:was|were|had|has|is|reported|posted|earned|delivered|performed"
    rf"|generated|saw|continued|grew|contributed|did|said)\b)"
)
_OTHERS_BEFORE = re.compile(
    rf"{PART.pattern}|\b(?:business|businesses|regions?|geograph\w+|products?|brands?|acquired|affiliates?|captive|combined|unconsolidated|units?"
    rf"|industry|parent|which we|predecessor|"
    r"customers? (?:had|reported|expects?)|pro[\s-]?forma|previously)\b",
    re.IGNORECASE,
)
_FINANCE = {"finance", "financial", "credit", "capital", "leasing", "funding", "bank", "insurance"}


def name_words(texts: Sequence[str]) -> frozenset[str]:
    """The words of the company's name, its ticker and its short name, in lower case, by the opening of a release."""
    opening = [text[:400].replace("--", " — ") for text in texts[:25]]
    for pattern in _NAMED:
        for text in opening:
            if (found := pattern.search(text)) is not None:
                said = [*(word for word in found.groups() if word), *(alias["name"] for alias in _ALIAS.finditer(text))]
                return frozenset(word for one in said for word in _words(one))
    return frozenset()


def _words(text: str) -> set[str]:
    """The words of a name that no other name or sentence has as a matter of course."""
    found = {token.group().strip(".,'’").lower().removesuffix("'s").removesuffix("’s") for token in _TOKEN.finditer(text)}
    return found - _PLAIN - _COMMON


def is_plain(text: str, name: frozenset[str], *, also: re.Pattern[str] | None = None) -> bool:
    """Whether all words of ``text`` are such as say a company's results, or those of its name; ``also`` matches further ones.

    >>> is_plain("Acme Corp today reported net income of", frozenset({"acme"})), is_plain("Xyz Finance earned net income of", frozenset({"acme"}))
    (True, False)
    """
    for token in _TOKEN.finditer(re.sub(r"\([A-Z]+\s*:\s*[A-Z.]+\)", " ", text)):
        word = token.group().strip(".,'’").lower()
        if not (word in _PLAIN or word in _COMMON or word.removesuffix("'s").removesuffix("’s") in name or (also and also.fullmatch(word))):
            return False
    return True


def is_name(text: str, name: frozenset[str]) -> bool:
    """Whether a text is the company's name alone, with the word for what it is.

    >>> is_name("ACME CORP.", frozenset({"acme"})), is_name("Acme Finance Corp.", frozenset({"acme"})), is_name("Acme", frozenset({"acme"}))
    (True, False, False)
    """
    words = {token.group().strip(".,'’").lower() for token in _TOKEN.finditer(text)}
    return not words.isdisjoint(name) and not words.isdisjoint(_ENTITIES) and words <= name | _COMMON


def is_entity(word: str) -> bool:
    """Whether a word says what a company is, behind its name."""
    return word in _ENTITIES or word in ("group", "holdings", "limited", "incorporated")


def is_not_so(text: str) -> bool:
    """Whether a text supposes something, corrects it, or says where a number comes from."""
    return SUPPOSED.search(text) is not None or CORRECTED.search(text) is not None or OF_AN_EVENT.search(text) is not None


def before_reasons(text: str, start: int) -> str:
    """``text`` up to the reasons that it gives after ``start``: "driven by the acquisition" explains a number, and is not its subject."""
    reasons = _EXPLAINS.search(text, start)
    return text[: reasons.start()] if reasons else text


def has_another_subject(before: str, name: frozenset[str]) -> bool:
    """Whether the sentences before one, in its paragraph, are about somebody else or a place: "Xyz, which we acquired, …", "In China, …"."""
    for sentence in re.split(r"(?<=[.!?])\s+", before):
        if (found := _SUBJECT.match(sentence)) is not None and not is_plain(found["name"], name):
            return True
    return _OTHERS_BEFORE.search(before) is not None


def names_another_company(text: str, name: frozenset[str]) -> bool:
    """Whether the title of a statement names a company that is not this one, or a lender that belongs to it."""
    for found in [*_ENTITY.finditer(text), *_OF_ENTITY.finditer(text)]:
        words = _words(found["name"]) - _STATEMENT_WORDS
        if words and name and (not words & name or (words & _FINANCE) - name):
            return True
    return False
