"""Parsing a body of EDGAR's companyfacts of 3 MB against only reading its JSON: classified, checked, sorted, with the ratios (medians)."""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.report import keep, machine

ROUNDS = 11
BAR = 3.0
SEED = 20261126
TAGS = 480
BYTES = 3_000_000
_BALANCE = (
    "Assets", "AssetsCurrent", "Liabilities", "LiabilitiesCurrent", "StockholdersEquity", "RetainedEarningsAccumulatedDeficit",
    "InventoryNet", "LongTermDebtNoncurrent", "LongTermDebtCurrent", "CashAndCashEquivalentsAtCarryingValue",
)  # fmt: skip
_FLOWS = (
    "Revenues", "OperatingIncomeLoss", "InterestExpense", "NetIncomeLoss", "DepreciationDepletionAndAmortization",
    "NetCashProvidedByUsedInOperatingActivities",
)  # fmt: skip


def run() -> int:
    """Measure both, interleaved, each run on a body of its own in memory; 1 where the ratio of the medians is above the bar."""
    import orjson

    from crfs.credit.catalogue import packaged_catalogue
    from crfs.sources.core import Payload, load_source

    before = machine()
    source, catalogue, body = load_source("edgar"), packaged_catalogue(), made()
    now = datetime(2026, 1, 2, tzinfo=UTC)
    url = "https://data.sec.gov/api/xbrl/companyfacts/CIK0001234567.json"
    payload = Payload(source="edgar", stream="", body=body, url=url, status=200, headers={}, started_at=now, fetched_at=now)
    parsed = source.parse(payload, catalogue)  # the first run imports what it needs
    seconds: dict[str, list[float]] = {"loads": [], "parse": []}
    for _ in range(ROUNDS):
        for name, measured in (("loads", lambda: orjson.loads(body)), ("parse", lambda: source.parse(payload, catalogue))):
            begun = time.perf_counter()
            measured()
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = medians["parse"] / medians["loads"]
    figures: dict[str, Any] = {
        "rounds": ROUNDS,
        "seed": SEED,
        "bytes": len(body),
        "rows": {name: table.height for name, table in parsed.tables.items()},
        "rejected": parsed.rejected.height,
        "milliseconds": {name: round(1000 * value, 2) for name, value in medians.items()},
        "bar": BAR,
        "summary": {"parse_to_loads": round(ratio, 2), "facts_per_second": round(parsed.tables["edgar_facts"].height / medians["parse"])},
    }
    keep("companyfacts", figures, before)
    return int(ratio > BAR)


def made() -> bytes:
    """A body of the contract's shape: reports of seventeen years, each with its own and the comparative periods, until it has 3 MB."""
    import orjson

    random = np.random.default_rng(SEED)
    reports = _reports()
    names = [*_BALANCE, *_FLOWS]
    names += [f"{'Flow' if number % 2 else 'Balance'}Of{random.integers(10**9, 10**10)}Item{number}" for number in range(TAGS - len(names))]
    tags: dict[str, Any] = {}
    size = 0
    for number, name in enumerate(names):
        is_flow = name in _FLOWS or (name not in _BALANCE and number % 2 == 1)
        used = reports[: int(random.integers(8, len(reports)))] if number >= 20 else reports
        facts = [item for report in used for item in _facts(report, random, is_flow=is_flow)]
        facts.sort(key=lambda item: (item["end"], item["filed"]))
        description = "Words that the taxonomy has for it. " * int(random.integers(3, 14))
        tags[name] = {"label": name, "description": description, "units": {"USD": facts}}
        size += len(orjson.dumps(tags[name]))
        if size > BYTES:
            break
    return orjson.dumps({"cik": 1234567, "entityName": "Example Corp", "facts": {"us-gaap": dict(sorted(tags.items()))}})


def _reports() -> list[dict[str, Any]]:
    """Filings in order: three 10-Q and a 10-K a year."""
    reports: list[dict[str, Any]] = []
    for year in range(2009, 2026):
        for quarter, end in enumerate((date(year, 3, 31), date(year, 6, 30), date(year, 9, 30), date(year, 12, 31)), start=1):
            form = "10-K" if quarter == 4 else "10-Q"
            filed = end + timedelta(days=50 if quarter == 4 else 35)
            reports.append(
                {
                    "end": end,
                    "accn": f"0001234567-{filed:%y}-{4 * (year - 2009) + quarter:06d}",
                    "fy": year,
                    "fp": "FY" if quarter == 4 else f"Q{quarter}",
                    "form": form,
                    "filed": filed.isoformat(),
                }
            )
    return [report for report in reports if report["filed"] < "2026-01-01"]


def _facts(report: dict[str, Any], random: np.random.Generator, *, is_flow: bool) -> list[dict[str, Any]]:
    end: date = report["end"]
    about = {name: report[name] for name in ("accn", "fy", "fp", "form", "filed")}
    frame = {"frame": f"CY{end.year}"} if random.random() < 0.4 else {}
    if not is_flow:
        ends = [date(end.year - 1, 12, 31), end]
        return [{"end": day.isoformat(), "val": int(random.integers(10**6, 10**11)), **about, **frame} for day in ends]
    periods = []
    for year in (end.year - 1, end.year):
        last = end.replace(year=year)
        starts = {date(year, 1, 1), date(year, max(end.month - 2, 1), 1)} if report["form"] == "10-Q" else {date(year, 1, 1)}
        periods += [(start, last) for start in sorted(starts)]
    values = [int(random.integers(-(10**9), 10**10)) if random.random() > 0.05 else float(random.random()) for _ in periods]
    return [
        {"start": start.isoformat(), "end": last.isoformat(), "val": value, **about, **frame}
        for (start, last), value in zip(periods, values, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(run())
