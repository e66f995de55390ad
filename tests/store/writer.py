"""A writer in a process of its own: ``python -m tests.store.writer URL NAME COUNT``; with COUNT 0 it stages rows and waits to be killed."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from crfs.store import append as appending
from crfs.store.database import Database, ensure_schema
from crfs.store.publication import BatchKind
from tests.store.deliveries import NOW, dataset, rows, write

SHARED = dataset(name="shared")


def write_batches(database: Database, name: str, count: int) -> list[int]:
    """Batches of three rows, told by a clock that goes backwards; the ids in the order in which they were answered."""
    ids = []
    for number in range(count):
        table = rows([float(number)] * 3, entity=name, valid=[0, 1, 2], known=100 + number)
        receipt = write(database, SHARED, table, at=NOW - timedelta(hours=number))
        assert receipt.batch_id is not None
        ids.append(receipt.batch_id)
    return ids


def main(url: str, name: str, count: int) -> None:
    database = Database(url, actor=name)
    ensure_schema(database)
    if count:
        print(*write_batches(database, name, count), flush=True)  # noqa: T201
    else:
        # A correction is compared whatever the store has, so its rows are staged.
        vars(appending)["publication"] = lambda *_, **__: wait()
        write(database, SHARED, rows([1.0], entity=name), BatchKind.CORRECTION)
    database.close()


def wait() -> None:
    print("staged", flush=True)  # noqa: T201
    time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
