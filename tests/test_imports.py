"""What is loaded by `import crfs` and by `crfs --help`: nothing heavy, which is what keeps them at 0.3 s of CPU."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {
        "adbc_driver_postgresql",
        "alembic",
        "arch",
        "celery",
        "fastapi",
        "httpx",
        "numpy",
        "pandas",
        "polars",
        "psycopg",
        "pyarrow",
        "pydantic",
        "redis",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "statsmodels",
        "torch",
        "uvicorn",
    }
)


def loaded_by(statement: str) -> frozenset[str]:
    """The top-level packages that a fresh interpreter has loaded when the statement has run."""
    script = (
        f"import sys\ntry:\n    {statement}\nexcept SystemExit as end:\n    assert not end.code, end.code\nprint()\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return frozenset(name.partition(".")[0] for name in done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", ["polars", "numpy"])
def test_a_heavy_package_that_is_imported_is_seen(package: str) -> None:
    assert package in loaded_by(f"import {package}")


@pytest.mark.parametrize(
    "statement",
    [
        "import crfs",
        "import crfs.risk",
        "from crfs.apps.cli import main; main(['--help'])",
        "import runpy; sys.argv[1:] = ['--help']; runpy.run_module('crfs', run_name='__main__')",
        "from crfs.apps.cli import main; main(['portfolio', 'risk', '--help'])",
    ],
)
def test_an_import_loads_nothing_heavy(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "crfs" in loaded
    assert loaded & HEAVY == set()


def test_a_simulation_without_a_device_does_without_pytorch() -> None:
    loaded = loaded_by(
        "import polars as pl; from crfs.risk import portfolio_risk; from crfs.credit.factor_model import FactorModel; "
        "book = pl.DataFrame({'facility_id': ['F'], 'obligor_id': ['O'], 'ead': [1.0], 'lgd': [1.0], 'lgd_sd': [0.0], 'pd_12m': [0.5], 'r2': [0.1], "
        "'group': ['all']}); portfolio_risk(book, FactorModel.one_factor('all'), method='plain', max_scenarios=1000)"
    )
    assert "numpy" in loaded
    assert "torch" not in loaded
