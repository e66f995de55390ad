"""What the catalogue covers: factors by category and provider, and from when; made from the definitions alone."""

from __future__ import annotations

from datetime import date
from typing import Any

from crfs.credit.catalogue import Catalogue, packaged_catalogue
from crfs.credit.categories import CATEGORIES, Area


def coverage(catalogue: Catalogue | None = None) -> list[dict[str, Any]]:
    """A row a category and provider: area, category, provider, how many factors, how many declare from when they have values, and from when.

    Of those that declare it, ``since`` is the earliest first day, ``half_since`` the day by which half of them have begun, ``last_since`` the
    latest first day; all null where none does. A factor that does not declare it may begin earlier or later.
    """
    catalogue = catalogue or packaged_catalogue()
    found: dict[tuple[str, str], list[Any]] = {}
    for factor in catalogue.factors.values():
        found.setdefault((factor.category, catalogue.dataset(factor.dataset).source), []).append(factor.start)
    areas = [area.value for area in Area]
    rows: list[dict[str, Any]] = []
    for (category, provider), starts in found.items():
        known = sorted(start for start in starts if start is not None)
        rows.append(
            {
                "area": CATEGORIES[category].value if category in CATEGORIES else "",
                "category": category,
                "provider": provider,
                "factors": len(starts),
                "declared": len(known),
                "since": known[0] if known else None,
                "half_since": known[(len(known) - 1) // 2] if known else None,
                "last_since": known[-1] if known else None,
            }
        )
    rows.sort(key=lambda row: (areas.index(row["area"]) if row["area"] in areas else len(areas), row["category"], row["provider"]))
    return rows


def coverage_page(catalogue: Catalogue | None = None) -> str:
    """The same as the page of the documentation (``docs/reference/coverage.md``), which a test holds to the catalogue."""
    rows = coverage(catalogue)
    factors, declared = sum(row["factors"] for row in rows), sum(row["declared"] for row in rows)
    lines = [
        "# Coverage",
        "",
        "Made from the catalogue by `crfs sources coverage --markdown > docs/reference/coverage.md`; a test holds it to that.",
        "",
        f"{factors} factors of {len({row['provider'] for row in rows})} providers. {declared} declare the first day that the provider has values of,",
        "of a vintaged series in its newest vintage; `crfs factors show NAME` gives it as `start`. A row says when the first of its factors",
        "begins, when half of those that declare it have begun, and when the last one begins. Of the others nothing is said: values of each",
        "company, instrument or document begin with it, what crfs makes of documents begins with those in the store, some providers keep only",
        "their last years, and of some series it is not known. A test holds the starts that recorded answers show; the others are what is",
        "known of the series, and were not seen in an answer. Nothing asks for data by them: backfills have a day of their own.",
        "",
        "| area | category | provider | factors | declare it | first begins | half have begun | last begins |",
        "| --- | --- | --- | ---: | ---: | --- | --- | --- |",
    ]
    lines += [
        f"| {row['area']} | {row['category']} | {row['provider']} | {row['factors']} | {_declared(row)} | "
        f"{_day(row['since'])} | {_day(row['half_since'])} | {_day(row['last_since'])} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _declared(row: dict[str, Any]) -> str:
    return "all" if row["declared"] == row["factors"] else str(row["declared"] or "none")


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
