"""Specifications that ship with crfs: the first models, factor model, satellite models and scenarios."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from typing import Any

from crfs.errors import NotFound

_CALLED = {"models": "model", "factor_models": "factor model", "satellites": "satellite", "scenarios": "file of scenarios"}
"""What people call the content of each folder, as the options that name it do."""


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
        shipped = sorted(one.name.rpartition(".")[0] for one in (files("crfs") / "catalog" / folder).iterdir() if one.is_file())
        raise NotFound(f"crfs ships no {_CALLED[folder]} {name.rpartition('.')[0]!r}; it ships {', '.join(shipped)}")
    return item.read_text(encoding="utf-8")
