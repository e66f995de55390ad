"""Texts of current reports and their releases as rows of ``edgar_texts``: the prose of each document, under what it is, whose and of which filing.

An entity is ``release/CIK0000320193/0000320193-24-000120/EX-99.1``. A ``release`` is an earnings release: of a filing's EX-99 the first that states
the numbers of a period, or else, where the filing reports results (Item 2.02, and 12 before 23 August 2004), the first. All other EX-99 are
``exhibit``, and the page of a report is ``report``. A text is valid on the date of the report, which an amendment repeats, and known when its
filing was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.items import FLAGS
from crfs.sources.providers.edgar.releases.periods import DAY, read_day

TEXTS = "edgar_texts"
RELEASE, EXHIBIT, REPORT = "release", "exhibit", "report"
_RELEASED = re.compile(r"\b(?:immediate\s+release|released?(?:\s+date)?|dated?)\W{0,5}", re.IGNORECASE)
_EXHIBIT_99 = re.compile(r"\bEX(?:HIBIT)?[\s.-]{0,3}(99(?:\.\d{1,2})?)\b", re.IGNORECASE)
# "CHICAGO, July 25, 2024 (BUSINESS WIRE) -- ", but not "For the quarter ended July 25, 2024 - unaudited".
_SENT = re.compile(r"\s*(?:[/(][^/()]{1,40}[/)]\s*)*(?:--|[–—-])")
_OF_A_PERIOD = re.compile(r"\b(?:ended|ending|as\s+of|quarter|year|months|weeks)\b", re.IGNORECASE)
_FIRST_LINES, _DATELINE = 40, 150
NO_NAME = re.compile(r"[^A-Za-z0-9 .()-]")
"""What no name of a document has, whoever wrote its header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """Of which filing a document is, as far as it is known: whose, and of which ``day`` its report is."""

    issuer: str
    day: date
    accession: str | None
    form: str | None = None
    items: str | None = None

    @property
    def is_of_results(self) -> bool:
        """Whether its items are of results.

        >>> filing = Filing(issuer="CIK0000000001", day=date(2025, 3, 1), accession=None, items="2.02,9.01")
        >>> filing.is_of_results
        True
        """
        return any(item in FLAGS["results"] for item in (self.items or "").split(","))

    def text(self, kind: str, prose: str, *, document: str) -> list[dict[str, Any]]:
        """The row of a document's text; none without prose. A document whose accession number is not known is named by its day."""
        if not prose:
            return []
        row = {
            "entity": "/".join((kind, self.issuer, self.accession or self.day.isoformat(), NO_NAME.sub("", document))),
            "day": self.day,
            "accession": self.accession,
            "form": self.form,
            "items": self.items,
            "words": len(prose.split()),
            "text": prose,
        }
        return [row]


def release_among(exhibits: Sequence[tuple[str, str, bool]], *, is_of_results: bool) -> int | None:
    """The place of the earnings release among a filing's EX-99 (name, prose, whether it states the numbers of a period); None where none is one.

    >>> exhibits = [("EX-99.1", "We have a new treasurer.", False), ("EX-99.2", "Revenue was $5 million.", True)]
    >>> release_among(exhibits, is_of_results=False), release_among(exhibits[:1], is_of_results=True), release_among(exhibits[:1], is_of_results=False)
    (1, 0, None)
    """
    told = [place for place, (_, prose, states) in enumerate(exhibits) if prose and states]
    first = [place for place, (_, prose, _) in enumerate(exhibits) if prose and is_of_results]
    return next(iter(told or first), None)


def released_on(read: Sequence[Line]) -> date | None:
    """The day that a release bears, in its dateline, after "for immediate release" or on a line of its own; None where it bears none.

    >>> released_on([Line(("ST. PAUL, Minn., May 2, 2024 (GLOBE NEWSWIRE) -- Acme Corp. reported results.",))])
    datetime.date(2024, 5, 2)
    """
    for line in read[:_FIRST_LINES]:
        text = line.text[:400]
        said = _RELEASED.search(text)
        found = DAY.search(text, 0, _DATELINE)
        if found is None or not (found[0] == text or (_SENT.match(text, found.end()) and not _OF_A_PERIOD.search(text, 0, found.start()))):
            found = DAY.match(text, said.end()) if said is not None else None
        if found is not None and (day := read_day(found[0])) is not None:
            return day
    return None


def exhibit_named(read: Sequence[Line]) -> str:
    """Which exhibit a document alone says that it is, like ``EX-99.1``.

    >>> exhibit_named([Line(("Exhibit 99.2",))]), exhibit_named([Line(("Acme reports results",))])
    ('EX-99.2', 'EX-99')
    """
    return next((f"EX-{found[1]}" for line in read[:_FIRST_LINES] if (found := _EXHIBIT_99.search(line.text[:400]))), "EX-99")
