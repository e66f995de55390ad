"""Who expects what a sentence of guidance says, and whether it does so now: the company itself, not another one, an analyst or a scenario."""

from __future__ import annotations

import re

from crfs.sources.providers.edgar.releases.company import SUPPOSED, has_another_subject, is_entity, is_plain, names_another_company
from crfs.sources.providers.edgar.releases.sentences import Sentence

# Who expects: the word before "expects" is the company's; "expected" that is no passive was expected then.
_EXPECTS = re.compile(
    r"(?P<who>[\w.&'’,-]+)\s+(?:(?:now|currently|also|still|continues?|today|presently|therefore|further)\s+(?:to\s+)?)*(?P<verb>expects?"
    r"|anticipates?|projects?|forecasts?|estimates?|targets?|guides?|sees)\b",
    re.IGNORECASE,
)
_EXPECTED_THEN = re.compile(
    r"\b(?:(?:company|we|management|it|corp\.?|inc\.?|who|that|which)\s+(?:had\s+|previously\s+|originally\s+|initially\s+)*(?:expected"
    r"|anticipated|projected|forecast(?:ed)?|estimated|guided|provided|issued|gave|announced"
    r"|set|targeted)"
    r"|(?:guidance|outlook|forecast) (?:was|had been|had)|guided to|exceeded|in line with|met (?:our|its|the)|within (?:our|its|the) (?:previous"
    r"|prior|guid|outlook)|(?:above|below|beat|beating|"
    r"topped|ahead of|at the (?:high|low|upper|mid)) \w*)\b",
    re.IGNORECASE,
)
# The company as it speaks of itself; "Inc." and "Holdings" are the end of a name, which has to be its own.
_SELVES = frozenset(("company", "we", "management", "it", "and", "guidance", "outlook", "now", "currently", "which", "our", "its", "the"))
_NOT_THE_COMPANYS = re.compile(
    r"\bcombined (?:company|business|entity|organi[sz]ation|firm)|\bpro[\s-]?forma\b|\bindustry\b|\baddressable\b|\bpeers?\b|\bcompetitors?\b"
    r"|\baffiliates?\b|\bunconsolidated\b"
    r"|\bassum\w+ [^.;]{0,60}\b(?:merger|acquisition|transaction|clos\w+|complet\w+)|\bcustomers?['’]?s? (?:expect|anticipat|project)"
    r"|\bhad (?:the|we|it)\b|\bexit(?:s|ing)?\b|\b(?:is|are) \w+ed to (?:generate|add|produce|bring|provide|yield|drive|result)\b|\bpotential\b"
    r"|\b(?:after|following|upon|when)\b[^.;]{0,40}\b(?:clos\w+|acqui\w+|merger|transaction|complet\w+|opens?)\b|\bonce\b"
    r"|\bopportunity\b|\bmarket size\b"
    r"|\bfranchisees?\b|\bdealers?\b|\bsystem-?wide\b|\bstand-?alone\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\baccording to\b|\banalysts?\b|\bconsensus\b|\bwall street\b|\bthe street\b|\bfactset\b|\brefinitiv\b|\bhad (?:previously )?expected\b",
    re.IGNORECASE,
)
# "Beta said that it expects", "Beta's guidance": whoever is named so has to be the company.
_SAYS = re.compile(
    r"(?P<name>[A-Z0-9][\w.&’'-]*),?\s+(?:(?:has|have|also|recently|today)\s+){0,2}(?:said|says|stated|states|believes|announced|announces|reported|reports"
    r"|disclosed|confirmed|told)\b"
)
_OWNS = re.compile(r"(?P<name>[A-Z0-9][\w.&-]*)(?:['’]s\b|(?<=s)['’](?=\s))")
# "Guidance for Beta", "Beta is expected to have": so too.
_OF_GUIDANCE = re.compile(r"\b(?:guidance|outlook|forecasts?|expectations)\s+(?:for|of|from|by)\s+(?:the\s+)?(?P<name>[A-Z][\w.&’'-]*)")
_BEGINS = re.compile(
    r"^(?P<name>[A-Z][\w.&-]*)(?:,?\s+(?:Inc|Corp|Co|Ltd|Corporation|Company|Holdings|Group)\b\.?)?\s+(?:is|are|was|has|had|will|fiscal|full|20\d\d|FY\w*"
    r"|guidance|outlook)\b"
)
_BEGINNING_WORDS = re.compile(
    r"guidance|outlook|updat\w*|initial|annual|rais\w*|re-?affirm\w*|current|preliminary|expect\w*|forecast\w*|there|here|these|those|such|narrow\w*"
    r"|lower\w*|reiterat\w*|maintain\w*|introduc\w*|provid\w*|issu\w*|management|gaap|non-gaap|new",
    re.IGNORECASE,
)
_VERB = re.compile(r"(?:now\s+)?(?:expects?|anticipates?|projects?|forecasts?|estimates?|guides?|sees)\b", re.IGNORECASE)
_OWNERS = frozenset(("board", "management", "today", "ceo", "cfo", "officer", "president", "chairman", "chair"))
# "We" are the speaker's company, whoever speaks; "it" is whoever was named last.
_WE, _IT = (
    re.compile(r"\bwe\b", re.IGNORECASE),
    re.compile(r"\b(?:it|they)\s+(?:\w+\s+){0,2}(?:expects?|anticipates?|projects?|forecasts?|sees?)\b", re.IGNORECASE),
)
_CLAUSE = 120
"""Characters before "Inc." in which its name stands."""


def is_expected_by_the_company(sentence: Sentence, text: str, name: frozenset[str]) -> bool:
    """Whether it is the company that expects ``text`` (a sentence behind the words that lead it in), now, and no scenario."""
    if _VERB.match(text):  # "ACME INC." and "EXPECTS …" look like two sentences
        text = f"{sentence.before} {text}"
    if (
        SUPPOSED.search(re.sub(r"\bassum\w+", " ", text, flags=re.IGNORECASE))
        or _NOT_THE_COMPANYS.search(text)
        or _EXPECTED_THEN.search(text)
        or _OTHERS.search(text)
        or _names_somebody_else(text, name)
        or (_IT.search(text) and has_another_subject(sentence.before, name))
    ):
        return False
    return all(_is_itself(text, found, name) for found in _EXPECTS.finditer(text))


def names_the_company(text: str, name: frozenset[str]) -> bool:
    """Whether a sentence names the company as the one who expects, or whose guidance it is."""
    words = {word.strip(".,'’").lower().removesuffix("'s").removesuffix("’s") for word in text.split()}
    return not words.isdisjoint(name | {"company", "we", "our", "management"})


def _names_somebody_else(text: str, name: frozenset[str]) -> bool:
    """Whether a sentence names a company that is not this one, says what somebody else said, or whose guidance it is."""
    named = [found["name"] for pattern in ((_OWNS,) if _WE.search(text) else (_SAYS, _OWNS)) for found in pattern.finditer(text)]
    named += [
        found["name"] for pattern in (_OF_GUIDANCE, _BEGINS) for found in pattern.finditer(text) if not re.search(r"\d", found["name"])
    ]
    is_other = any(not is_plain(one, name, also=_BEGINNING_WORDS) and one.lower() not in _OWNERS for one in named)
    return is_other or names_another_company(text, name)


def _is_itself(text: str, found: re.Match[str], name: frozenset[str]) -> bool:
    """Whether the word before "expects" is the company."""
    who = found["who"].strip(".'’,").lower()
    if found["who"].endswith(",") and not is_entity(who):
        # "For fiscal 2025, Acme Inc. expects": what the words before say of no one else.
        return who in name
    if is_entity(who):
        return _is_own_name(text[: found.start("who")], name)
    return who in _SELVES or who in name or is_plain(who, name)


def _is_own_name(before: str, name: frozenset[str]) -> bool:
    """Whether the words before "Inc." or "Company" are the company's name, or "the"."""
    for word in reversed(before[-_CLAUSE:].split()):
        bare = word.strip(".,'’()").lower()
        if is_entity(bare) or bare in ("&", "and", ""):
            continue
        # "In fiscal 2025, Company expects": the words of another clause are no name.
        return bare in name or bare in ("the", "our") or bare.isdigit() or (word.endswith((",", ":", ";")) and not word[:1].isupper())
    return True
