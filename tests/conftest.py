"""One seed a run for every property test, printed at the top, so that any failure can be had again with --hypothesis-seed."""

from __future__ import annotations

import random
import secrets

import pytest
from hypothesis import settings

# Two shared cores make a deadline a coin toss; a failure prints the blob that repeats it.
settings.register_profile("crfs", deadline=None, print_blob=True)
settings.load_profile("crfs")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before hypothesis reads its option; workers of a parallel run are handed the same one."""
    if config.getoption("--hypothesis-seed", default=None) is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat this run's random cases."""
    return f"random cases: --hypothesis-seed={config.getoption('--hypothesis-seed')}"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The run's seed, for tests that draw their own cases."""
    return random.Random(str(pytestconfig.getoption("--hypothesis-seed"))).getrandbits(32)
