"""Beginning a new source: its files from a template, in a checkout of crfs."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from typing import Literal

from crfs.errors import Conflict, InvalidInput

REFRESH = "crfs sources coverage --markdown > docs/reference/coverage.md"
"""The command that makes the page of coverage anew, which counts the factors of a new source too."""
_NAME = re.compile(r"^[a-z][a-z0-9_]{1,30}$")


def new_source(name: str, template: Literal["csv", "json"] | str, checkout: Path) -> list[Path]:
    """Write the files of a new source; a file that is there already is a :class:`~crfs.errors.Conflict`, and nothing is written then."""
    if not _NAME.match(name):
        raise InvalidInput(
            f"a source is called by a lower case letter, then letters, digits and _, 2 to 31 characters in all, not {name!r}"
        )
    if keyword.iskeyword(name):
        raise InvalidInput(f"a source is a module of its name, and {name} is a word of Python")
    providers = checkout / "src" / "crfs" / "sources" / "providers"
    if not providers.is_dir():
        raise InvalidInput(
            f"{checkout.resolve()} is no checkout of crfs: it has no folder src/crfs/sources/providers. A source is a module of crfs itself, "
            "so clone crfs, and go there or name it with --into",
            argument="into",
        )
    places = {
        f"{template}.txt": providers / f"{name}.py",
        "catalog.txt": checkout / "src" / "crfs" / "catalog" / f"{name}.toml",
        f"samples_{template}.txt": checkout / "tests" / "samples" / f"{name}.py",
        "test.txt": checkout / "tests" / "sources" / name / "test_source.py",
        "page.txt": checkout / "docs" / "sources" / f"{name}.md",
    }
    there = [path for path in (*places.values(), providers / name) if path.exists()]
    if there:
        raise Conflict(f"{there[0]} is there already; choose another name")
    folder = files("crfs.workflows") / "source_templates"
    for source, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (folder / source).read_text(encoding="utf-8").replace("NAME", name)
        # With its last word no class is called as a word of Python, or as what its module imports.
        path.write_text(text.replace("NewSource", "".join(part.capitalize() for part in name.split("_")) + "Source"), encoding="utf-8")
    return list(places.values())
