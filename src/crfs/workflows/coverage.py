"""What the catalogue covers: factors by category and provider, and from when; made from the definitions alone."""

from __future__ import annotations

from typing import Any

from crfs.credit.catalogue import Catalogue, packaged_catalogue
from crfs.credit.categories import CATEGORIES, Area


def coverage(catalogue: Catalogue | None = None) -> list[dict[str, Any]]:
    """A row a category and provider: area, category, provider, how many factors, and the first valid day that any of them is declared to have.

    ``since`` is null where no definition says it; ``declared`` is how many do: one that does not may begin earlier.
    """
    catalogue = catalogue or packaged_catalogue()
    found: dict[tuple[str, str], list[Any]] = {}
    for factor in catalogue.factors.values():
        found.setdefault((factor.category, catalogue.dataset(factor.dataset).source), []).append(factor.start)
    areas = [area.value for area in Area]
    rows: list[dict[str, Any]] = [
        {
            "area": CATEGORIES[category].value if category in CATEGORIES else "",
            "category": category,
            "provider": provider,
            "factors": len(starts),
            "since": min((start for start in starts if start is not None), default=None),
            "declared": sum(start is not None for start in starts),
        }
        for (category, provider), starts in found.items()
    ]
    rows.sort(key=lambda row: (areas.index(row["area"]) if row["area"] in areas else len(areas), row["category"], row["provider"]))
    return rows


def coverage_page(catalogue: Catalogue | None = None) -> str:
    """The same as the page of the documentation (``docs/reference/coverage.md``), which a test holds to the catalogue."""
    rows = coverage(catalogue)
    lines = [
        "# Coverage",
        "",
        "Made from the catalogue by `crfs sources coverage --markdown > docs/reference/coverage.md`; a test holds it to that.",
        "",
        f"{sum(row['factors'] for row in rows)} factors of {len({row['provider'] for row in rows})} providers.",
        "",
        "| area | category | provider | factors | from |",
        "| --- | --- | --- | ---: | --- |",
    ]
    lines += [f"| {row['area']} | {row['category']} | {row['provider']} | {row['factors']} | {_since(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _since(row: dict[str, Any]) -> str:
    if row["since"] is None:
        return "not declared"
    return str(row["since"]) if row["declared"] == row["factors"] else f"{row['since']} ({row['declared']} of {row['factors']} declare it)"
