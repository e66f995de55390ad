"""One seed a run for every property test, printed at the top, so that any failure can be had again with --hypothesis-seed."""

from __future__ import annotations

import gc
import random
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.thorough import USUAL

# Two shared cores make a deadline a coin toss; a failure prints the blob that repeats it.
settings.register_profile("crfs", deadline=None, print_blob=True, max_examples=USUAL)
settings.load_profile("crfs")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before hypothesis reads its option; workers of a parallel run are handed the same one."""
    if config.getoption("--hypothesis-seed", default=None) is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


_TOGETHER = ("tests/apps/cli/", "tests/apps/api/")
"""Folders whose files share a world that takes long to make: one worker of a parallel run makes it, and does them all."""
_FIRST = (
    *_TOGETHER,
    "tests/apps/",
    "tests/faults/",
    "tests/journeys/",
    "tests/ops/",
    "tests/contracts/",
    "tests/risk/",
    "tests/store/",
    "tests/sources/",
)
"""What takes longest begins first, so that no worker is left with it when the others have done (``--no-loadscope-reorder``)."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end, and it is most of what there is: the collector of garbage looks at it no more.

    Each look at all of it takes half a second, and a run had some dozens.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of the tests; those of a file stay together."""
    items.sort(key=lambda item: next((n for n, start in enumerate(_FIRST) if item.nodeid.startswith(start)), len(_FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A parallel run by files (``--dist loadfile``) hands out some folders as a whole."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduler: Any = LoadFileScheduling(config, log)
    of_its_own = scheduler._split_scope
    scheduler._split_scope = lambda nodeid: next((start for start in _TOGETHER if nodeid.startswith(start)), of_its_own(nodeid))
    return scheduler


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat this run's random cases."""
    return f"random cases: --hypothesis-seed={config.getoption('--hypothesis-seed')}"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The run's seed, for tests that draw their own cases."""
    return random.Random(str(pytestconfig.getoption("--hypothesis-seed"))).getrandbits(32)
