"""The lists of the import contracts name every package that there is, so that none escapes a rule by being new."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS: dict[str, dict[str, Any]] = {
    contract["name"].partition(".")[0]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
}
PACKAGES = frozenset(
    path.stem
    for path in (ROOT / "src" / "crfs").iterdir()
    if (path / "__init__.py").is_file() or (path.suffix == ".py" and path.stem != "__init__")
)
SCIENCE = frozenset({"bitemporal", "credit", "quality", "features", "models", "risk", "monitoring"})


def named(contract: str, key: str) -> set[str]:
    return {module.removeprefix("crfs.") for module in CONTRACTS[contract][key]}


def test_the_science_that_there_is_stands_in_the_contract_of_the_science() -> None:
    assert named("2", "source_modules") == SCIENCE & PACKAGES


def test_a_door_may_import_workflows_ops_and_errors_and_nothing_else() -> None:
    assert named("3b", "forbidden_modules") == PACKAGES - {"apps", "workflows", "ops", "errors"}


def test_every_package_but_the_store_is_kept_from_its_tables() -> None:
    assert named("5", "source_modules") == PACKAGES - {"store"}


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_no_contract_has_an_exception(contract: str) -> None:
    assert not {"ignore_imports", "exhaustive_ignores", "skip_descendants"} & CONTRACTS[contract].keys()
