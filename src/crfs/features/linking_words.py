"""Words by which :mod:`crfs.features.entity_linking` tells names from prose: legal forms, what makes another name of a name, common words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

LEGAL_FORMS: Mapping[str, str] = MappingProxyType(
    {
        **{form: form for form in (
            "inc", "corp", "co", "cos", "ltd", "plc", "llc", "lp", "llp", "lllp", "publ", "ulc", "sa", "ag", "nv", "bv", "se", "spa", "oyj", "oy",
            "ab", "asa", "as", "a/s", "kgaa", "gmbh", "pte", "pty", "kk", "bhd", "tbk", "sab",
        )},
        "incorporated": "inc", "corporation": "corp", "company": "co", "companies": "cos", "limited": "ltd",
    }
)  # fmt: skip
"""Legal forms as they are compared: what is long and what is short is the same form, and Co. is another one than Corp."""
FOREIGN_FORMS = frozenset(
    {"sa", "ag", "nv", "bv", "se", "spa", "oy", "ab", "asa", "a/s", "kgaa", "gmbh", "pte", "pty", "kk", "bhd", "tbk", "sab"}
)
"""Forms that make another company of a name that has a form of its own: Merck KGaA is not Merck & Co."""
SOFT_ENDS = frozenset({"group", "holdings", "holding", "com", "&", "cl", "class", "trust", "the"})
UNSAID_ENDS = frozenset({"com", "cl", "class", "the"})
"""Words at the end of a name which texts leave out."""
FORMS_AS_WRITTEN = frozenset({"Co", "plc", "Oy", "a.s", "publ"})
"""Legal forms that are not written with a capital, or have two letters: "As" begins a sentence, "AS" ends a Norwegian name."""
PHRASES_OF_FORMS = frozenset({
    "liability", "partnership", "edition", "editions", "release", "series", "time", "supply", "tax", "taxes", "law", "laws", "culture",
    "policy", "policies", "car", "cars", "town", "towns", "picnic", "rules", "overtime", "partner", "partners", "founder", "operation",
})  # fmt: skip
"""After a legal form that is a word (Company, Limited) they make a phrase of it: "a Gap Limited edition"."""
CONTINUES_SHORT = frozenset({
    "technologies", "technology", "financial", "finance", "bank", "bancorp", "bancshares", "energy", "solar", "power", "pharma",
    "pharmaceuticals", "therapeutics", "biosciences", "bio", "biotech", "health", "healthcare", "medical", "systems", "software",
    "solutions", "services", "capital", "partners", "resources", "foods", "brands", "industries", "international", "global",
    "communications", "media", "networks", "materials", "metals", "mining", "gold", "oil", "gas", "petroleum", "insurance", "properties",
    "realty", "reit", "logistics", "motors", "airlines", "semiconductor", "semiconductors", "electronics", "labs", "laboratories",
    "university", "hospital", "park", "street", "county", "city", "river", "valley", "credit", "funding", "leasing",
})  # fmt: skip
"""After a name of one word they make another name: "FMC Technologies" is another company than FMC."""
CONTINUES_LONG = frozenset({
    "technologies", "financial", "bancorp", "bancshares", "energy", "solar", "petroleum", "mining", "pharmaceuticals", "therapeutics",
    "properties", "realty", "reit", "credit", "funding", "leasing", "bottling",
})  # fmt: skip
"""After a name of several words: "Ford Motor Credit" borrows by itself, and so does "Berkshire Hathaway Energy"."""
AFTER_CREDIT = frozenset({"rating", "ratings", "risk", "default", "spread", "spreads", "outlook", "facility", "agreement"})
"""After "credit" they say that it is no part of a name: "Boeing Credit Rating Cut"."""
STATES = frozenset({
    "ala", "ariz", "ark", "calif", "colo", "conn", "del", "fla", "ga", "ill", "ind", "kan", "ky", "md", "mass", "mich", "minn", "mo", "mont", "neb",
    "nev", "nh", "nj", "nm", "ny", "nc", "nd", "ohio", "okla", "ore", "pa", "ri", "sc", "sd", "tenn", "texas", "tx", "vt", "va", "wash",
    "wis", "wyo",
})  # fmt: skip
"""After a name of one word and a comma they make a place of it: "Hershey, Pa."."""
TITLES = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "professor", "sir", "lord", "lady", "judge", "justice", "sen", "senator", "gov", "governor", "rep",
    "president", "mayor", "sgt", "capt", "captain", "general", "gen", "detective",
})  # fmt: skip
NO_TICKERS = frozenset({
    "a", "i", "ad", "ago", "ai", "all", "am", "an", "and", "any", "are", "as", "at", "be", "big", "but", "by", "can", "cars", "cash", "cat", "ceo",
    "cfo", "cpi", "do", "ecb", "esg", "etf", "eu", "eur", "fed", "fomc", "for", "gbp", "gdp", "go", "good", "has", "he", "her", "his", "how",
    "if", "imf", "in", "ipo", "irs", "is", "it", "its", "key", "life", "love", "low", "me", "my", "new", "no", "not", "now", "of", "off", "old", "on",
    "one", "open", "or", "our", "out", "over", "own", "pay", "per", "play", "real", "run", "sec", "see", "she", "so", "tech", "than", "that", "the",
    "they", "this", "to", "too", "two", "uk", "up", "us", "usa", "usd", "vix", "was", "we", "well", "what", "when", "who", "why", "you",
})  # fmt: skip
"""Words and abbreviations that capitals do not make a ticker of, beside :func:`common_words`."""


@cache
def common_words() -> frozenset[str]:
    """Words that mean something else most of the time: those of ``common_words.txt`` and of the lexicons of sentiment."""
    from crfs.features.sentiment.lexicon import packaged_lexicon
    from crfs.features.sentiment.word_lists import word_lists

    listed = (word for line in listed_lines("common_words.txt") for word in line.split())
    scored = (
        word
        for name in ("finance_lexicon", "policy_lexicon")
        for terms in packaged_lexicon(name).by_first.values()
        for term, _ in terms
        for word in term
    )
    counted = (word for terms in word_lists().values() for term in terms for word in term.split())
    return frozenset({*listed, *scored, *counted, "of", "for", "in", "and", "the", "&", "a", "an", "to", "at"})


@cache
def given_names() -> frozenset[str]:
    """First names of persons: "Rob Lowe" is no shop."""
    return frozenset(name for line in listed_lines("given_names.txt") for name in line.split())


def listed_lines(name: str) -> list[str]:
    """The lines of a packaged list of words, without its comments."""
    lines = (files("crfs.features") / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]
