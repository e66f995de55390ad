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
