"""Specifications that ship with crfs: the first models and the first factor model."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

from crfs.errors import NotFound


def packaged_model(name: str) -> dict[str, Any]:
    """The specification of a model that ships with crfs: ``pd``, ``lgd`` or ``ead``."""
    return tomllib.loads(_read("models", f"{name}.toml"))


def packaged_factor_model(name: str = "us_credit") -> dict[str, Any]:
    """A factor model that ships with crfs, in the form of ``model.json``."""
    content: dict[str, Any] = json.loads(_read("factor_models", f"{name}.json"))
    return content


def _read(folder: str, name: str) -> str:
    item = files("crfs") / "catalog" / folder / name
    if not item.is_file():
        raise NotFound(f"crfs ships no {folder} called {name!r}")
    return item.read_text(encoding="utf-8")
