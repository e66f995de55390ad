"""A process that asks a provider again and again: ``asker.py STORE_URL SERVER_URL REQUESTS A_SECOND SECONDS``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

from crfs.errors import QuotaExhausted
from crfs.sources.core import Limit, Request
from crfs.sources.core.http import HttpTransport
from crfs.store.database import Database
from crfs.store.rate_limits import StoredBudget
from tests.sources.provider_server import Local


def main() -> None:
    """Ask until the time is over or the quota is used up, and say how often."""
    store, server, rate, a_day, seconds = sys.argv[1:]
    source = Local()
    limits = (Limit(int(rate), 1.0), *([Limit(int(a_day), 86_400.0)] if int(a_day) else []))
    source = replace(source, provider=replace(source.provider, limits=limits, read_seconds=5.0))
    database = Database(store)
    asked, end = 0, time.monotonic() + float(seconds)
    with HttpTransport(source, clock=lambda: datetime.now(UTC), budget=StoredBudget(database)) as transport:
        while time.monotonic() < end:
            try:
                transport.send(Request(url=server + "/data", stream="X"))
            except QuotaExhausted:
                break
            asked += 1
    database.close()
    sys.stdout.write(f"{asked}\n")


if __name__ == "__main__":
    main()
