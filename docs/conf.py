"""How Sphinx builds the documentation; `make docs` does, and a warning is an error."""

from __future__ import annotations

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "crfs"
author = _PROJECT["authors"][0]["name"]
release = _PROJECT["version"]
project_copyright = f"{author}, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore = [
    # Python's own names: their documentation is not fetched, so that the build needs no network.
    ("py:class", "Exception"),
    ("py:class", "datetime.datetime"),
    ("py:class", "collections.abc.Iterator"),
    ("py:class", "collections.abc.Sequence"),
]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"crfs {release}"
html_copy_source = False
html_show_sphinx = False
