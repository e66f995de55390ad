"""Bodies broken on purpose, given to one parser in a process of its own: ``python -m tests.faults.fuzz '{"source": …}'``.

A body is a function of the run's seed, the source and a number, so that any can be made again. What the process says are JSON lines: a finding
each (crash, slow, memory), and at the end how many bodies there were and the greatest memory. The number of the body at hand is in the file
``at``, for whoever finds the process dead or hanging.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from crfs.credit.catalogue import packaged_catalogue
from crfs.sources.core import Classification, Parsed, Payload, Source, load_source
from crfs.sources.core.document import parse_to_json
from tests.contracts.test_sources import check
from tests.samples import sample

MEGABYTE = 1 << 20
MOST_MEMORY = 256 * MEGABYTE
MOST_SECONDS = 1.0
LARGE = 200_000
FOLDERS = {
    "alfred_vintages": "fred", "fred_md": "fred", "gscpi": "nyfed", "fed_g17": "federal_reserve", "fed_supervisory_scenarios": "federal_reserve",
    "fomc": "federal_reserve", "sec_edgar": "edgar", "earnings_releases": "edgar", "treasury_yield_csv": "treasury",
    "treasury_yield_xml": "treasury", "treasury_fiscaldata": "fiscaldata", "yahoo_chart": "yahoo", "yahoo_search_news": "yahoo",
    "oecd_sdmx": "oecd", "social_stocktwits": "stocktwits", "social_reddit": "reddit",
}  # fmt: skip
"""Where a folder of the shared recordings has another name than its source."""

_WORDS = [
    b"NaN", b"-inf", b"Infinity", b"1e999", b"-0", b"9" * 400, b"9999-12-31", b"0000-00-00", b"2020-13-45", b"2020-02-30T25:61:61Z", b"\x00", b'"',
    b"'", b"\\", b"\\u0000", b"\\ud800", b"\n", b"\r", b"\r\n\r\n", b",", b";", b"\t", b"null", b"true", b"[]", b"{}", b"\xff\xfe", b"\xef\xbb\xbf",
    b"{", b"}", b"[", b"]", b"<", b">", b"&x;", b"<![CDATA[", b"<!--", b"]]>", b"\xc3", b"\xf0\x9f\x92\xa9", b"\xe2\x80\xae", b"=1+1",
]  # fmt: skip
_HTML = b"<!DOCTYPE html><html><head><title>503</title></head><body><h1>Service unavailable</h1></body></html>"


def _piece(draw: random.Random, body: bytes, most: int = 400) -> tuple[int, int]:
    start = draw.randrange(len(body) + 1)
    return start, min(len(body), start + draw.randint(1, most))


def flipped(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """Some bits are another."""
    broken = bytearray(body or b"\0")
    for _ in range(draw.choice([1, 1, 2, 8, 64])):
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
    return bytes(broken)


def truncated(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """It ends, or begins, in the midst."""
    at = draw.randrange(len(body) + 1)
    return body[:at] if draw.random() < 0.8 else body[at:]


def spliced(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """A word that means trouble stands somewhere."""
    for _ in range(draw.choice([1, 1, 3, 10])):
        at = draw.randrange(len(body) + 1)
        body = body[:at] + draw.choice(_WORDS) + body[at + draw.randrange(8) :]
    return body


def grafted(draw: random.Random, body: bytes, other: bytes) -> bytes:
    """A piece of another answer stands in it, or begins it."""
    start, end = _piece(draw, other, 2000)
    at = draw.randrange(len(body) + 1)
    return other[:start] + body[at:] if draw.random() < 0.3 else body[:at] + other[start:end] + body[at:]


def duplicated(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """A piece, or the whole, comes several times."""
    if draw.random() < 0.2:
        return body * draw.choice([2, 3])
    start, end = _piece(draw, body)
    return body[:start] + body[start:end] * draw.choice([2, 3, 50, 1000]) + body[end:]


def recoded(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """Another encoding than it says."""
    return body.decode("latin-1").encode(draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037", "utf-8", "utf-8-sig"]))


def nested(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """A deep nest stands somewhere, closed or not."""
    opening, closing = draw.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b"(", b")"), (b'"', b'"'), (b"<div>", b"</div>")])
    depth = draw.choice([30, 60, 120, 400, 1500, 60_000])
    value = draw.choice(list(re.finditer(rb'(?<=[:\[,])\s*("[^"\\]*"|-?\d[\d.]*)(?=[,\]}])', body)) or [None])
    if value is not None and draw.random() < 0.5:  # in the place of a value of JSON, which stays JSON
        return body[: value.start()] + opening * depth + b"1" + closing * depth + body[value.end() :]
    at = draw.randrange(len(body) + 1)
    return body[:at] + opening * depth + (closing * depth if draw.random() < 0.5 else b"") + body[at:]


def swollen(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """One byte comes a hundred thousand times."""
    at = draw.randrange(len(body) + 1)
    return body[:at] + bytes([draw.choice([*b' 0a9.-,\n\t<"{[&', draw.randrange(256)])]) * draw.choice([5000, 100_000]) + body[at:]


def renumbered(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """Numbers and parts of dates are others."""
    values = [
        b"0",
        b"-1",
        b"1e308",
        b"99999999999999999999",
        b"1.7976931348623157e309",
        b"00",
        b"13",
        b"32",
        b"0x1f",
        b"1_000",
        b"",
        b"\xd9\xa1",
    ]
    return re.sub(rb"\d+", lambda found: draw.choice(values) if draw.random() < 0.1 else found.group(), body)


def shuffled(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """Its lines, or what its commas part, come in another order, and some not at all."""
    mark = draw.choice([b"\n", b",", b">"])
    parts = body.split(mark)
    if draw.random() < 0.5:
        draw.shuffle(parts)
    return mark.join(part for part in parts if draw.random() < 0.95)


def something_else(draw: random.Random, body: bytes, _other: bytes) -> bytes:
    """HTML, noise, nothing, or a document of another kind."""
    return draw.choice(
        [_HTML, _HTML + body, draw.randbytes(draw.randrange(2000)), b"", b" \n", b"null", b"[]", b"{}", b"<a/>", b"a,b\n1,2\n", b"0"]
    )


MUTATIONS: list[Callable[[random.Random, bytes, bytes], bytes]] = [
    flipped, truncated, spliced, spliced, grafted, duplicated, recoded, nested, swollen, renumbered, renumbered, shuffled, something_else,
]  # fmt: skip


def source_of(name: str) -> tuple[Source, list[Payload]]:
    """A source and good bodies of it; ``module:`` names one that is none of the product's."""
    if name.startswith("module:"):
        module: Any = import_module(name.removeprefix("module:"))
        return module.SOURCE, module.SAMPLES
    return load_source(name), list(import_module(f"tests.samples.{name}").SAMPLES)


@cache
def bodies_of(name: str, recordings: str | None) -> list[Payload]:
    """The samples of a source, and its recordings where there are any; a large one comes after all others, for it is drawn seldom."""
    from crfs.errors import CrfsError
    from crfs.sources.core.recorded import recorded_payloads

    found = source_of(name)[1]
    for folder in sorted(Path(recordings).iterdir()) if recordings else []:
        if folder.is_dir() and FOLDERS.get(folder.name, folder.name) == name:
            with contextlib.suppress(CrfsError):
                found = [*found, *(item.payload for item in recorded_payloads(folder, source=name, now=datetime.now(UTC)))]
    return sorted(found, key=lambda payload: len(payload.body) > LARGE)


def broken(name: str, number: int, *, seed: int, recordings: str | None) -> Payload:
    """The body of that number."""
    draw = random.Random(f"{seed} {name} {number}")
    whole = bodies_of(name, recordings)
    small = [payload for payload in whole if len(payload.body) <= LARGE]
    payload = draw.choice(whole if not small or draw.random() < 0.02 else small)
    other = draw.choice(small or whole)
    body = payload.body
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        body = draw.choice(MUTATIONS)(draw, body, other.body)
    status = draw.choice([200] * 8 + [payload.status, 304, 404, 429, 500])
    return sample(payload.source, body, url=payload.url, stream=payload.stream, status=status, headers=payload.headers)


class Overtime(BaseException):
    """The alarm."""


def _overtime(*_: object) -> None:
    raise Overtime


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


_CATALOGUE = packaged_catalogue()


def timed(source: Source, payload: Payload) -> tuple[float, int, str]:
    """Seconds of computing and the peak of memory that classifying and parsing took, and what was raised."""
    raised, parsed = "", None
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 4 * MOST_SECONDS)
    try:
        assert isinstance(source.classify(payload), Classification)
        parsed = source.parse(payload, _CATALOGUE)
    except Overtime:
        pass
    except BaseException:  # noqa: BLE001 - a panic of polars is no Exception, and whatever it is, it is told
        raised = traceback.format_exc()[-2000:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    seconds, peak = time.process_time() - start, _memory("VmHWM")
    return seconds, peak, raised or (wrong(source, payload, parsed) if parsed is not None else "")


def wrong(source: Source, payload: Payload, parsed: Parsed) -> str:
    """What is wrong with a result: tables that the store would not take, or no JSON."""
    try:
        check(parsed)
        json.dumps(parse_to_json(source, payload, _CATALOGUE), allow_nan=False)
    except BaseException:  # noqa: BLE001 - as above
        return traceback.format_exc()[-2000:]
    return ""


def main(asked: dict[str, Any]) -> None:
    """Read bodies from ``first`` to ``last``."""
    name, seed, recordings = asked["source"], asked["seed"], asked["recordings"]
    signal.signal(signal.SIGPROF, _overtime)
    source, good = source_of(name)
    for payload in good[:2]:
        timed(source, payload)
    bodies_of(name, recordings)
    baseline, peak, slowest = _memory("VmRSS"), 0, 0.0
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + 8 * MOST_MEMORY, resource.RLIM_INFINITY))
    at = os.open(asked["at"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in range(asked["first"], asked["last"]):
        os.pwrite(at, f"{number:<12}".encode(), 0)
        payload = broken(name, number, seed=seed, recordings=recordings)
        before = _memory("VmRSS")
        seconds, used, raised = timed(source, payload)
        if seconds > MOST_SECONDS:  # a shared machine has its moments: it counts what is slow again
            seconds = min(seconds, timed(source, payload)[0])
        slowest, peak = max(slowest, seconds), max(peak, used)
        kind = "crash" if raised else "slow" if seconds > MOST_SECONDS else ""
        if not kind and used > max(baseline, before - MOST_MEMORY // 2) + MOST_MEMORY:
            kind = "memory"
        if kind:
            detail = raised or f"{seconds:.2f} s, {(used - baseline) / MEGABYTE:.0f} MB"
            print(json.dumps({"number": number, "kind": kind, "detail": detail}), flush=True)  # noqa: T201 - a program
    print(json.dumps({"bodies": asked["last"] - asked["first"], "slowest": slowest, "peak": peak - baseline}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
