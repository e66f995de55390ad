"""The world that journeys share: making a clone of it disturbs nobody who reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.journeys.conftest import cloned
from tests.journeys.world import World

pytestmark = [pytest.mark.servers, pytest.mark.journey]


def test_who_reads_the_world_is_not_ended_by_a_clone(world: World, server: sa.URL, tier_folder: Path) -> None:
    engine = sa.create_engine(world.url)
    try:
        with engine.connect() as reader:
            before = reader.exec_driver_sql("SELECT count(*), pg_backend_pid() FROM crfs.batch").one()
            with cloned(world, server, tier_folder) as own:
                assert own.url != world.url
            assert reader.exec_driver_sql("SELECT count(*), pg_backend_pid() FROM crfs.batch").one() == before
    finally:
        engine.dispose()
