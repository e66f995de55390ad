"""Specifications that ship with crfs: the first models, factor model, satellite models and scenarios."""

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


def packaged_satellite(name: str = "us_credit") -> dict[str, Any]:
    """The specification of satellite models that ships with crfs."""
    return tomllib.loads(_read("satellites", f"{name}.toml"))


def packaged_scenarios() -> str:
    """The file of scenarios that ships with crfs."""
    return _read("scenarios", "us.toml")


def _read(folder: str, name: str) -> str:
    item = files("crfs") / "catalog" / folder / name
    if not item.is_file():
        raise NotFound(f"crfs ships no {folder} called {name!r}")
    return item.read_text(encoding="utf-8")
