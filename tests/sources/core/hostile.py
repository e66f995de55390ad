"""Reads hostile documents, each in a process with little memory and time: ``hostile.py KIND`` says as JSON what came of each."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from crfs.sources.core.json_text import read_json
from crfs.sources.core.xml_text import read_xml

MEGABYTE = 1 << 20
_LAUGHS = b'<!DOCTYPE l [<!ENTITY l0 "ha">%s]><l>&l30;</l>' % b"".join(
    b'<!ENTITY l%d "&l%d;&l%d;">' % (n, n - 1, n - 1) for n in range(1, 31)
)
XML: dict[str, Callable[[], bytes]] = {
    "deep": lambda: b"<a>" * 1_000_000,
    "deep and whole": lambda: b"<a>" * 200_000 + b"</a>" * 200_000,
    "billion laughs": lambda: _LAUGHS,
    "quadratic blowup": lambda: b'<!DOCTYPE l [<!ENTITY x "%s">]><l>%s</l>' % (b"x" * 100_000, b"&x;" * 20_000),
    "external entity": lambda: b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    "external document type": lambda: b'<!DOCTYPE l SYSTEM "http://127.0.0.1:1/x.dtd"><l/>',
    "a huge attribute": lambda: b'<a b="' + b"x" * (16 * MEGABYTE) + b'"/>',
    "a huge attribute without end": lambda: b'<a b="' + b"x" * (16 * MEGABYTE),
    "many attributes": lambda: b"<a " + b" ".join(b'a%d="1"' % n for n in range(200_000)) + b"/>",
    "many namespaces": lambda: b"<a " + b" ".join(b'xmlns:n%d="u%d"' % (n, n) for n in range(50_000)) + b"/>",
    "a huge name": lambda: b"<" + b"a" * (8 * MEGABYTE) + b"/>",
    "a million elements": lambda: b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
    "a million elements with text": lambda: b"<a>" + b"<b c='1'>2</b>" * 1_000_000 + b"</a>",
    "as many tags as are read": lambda: b"<a>" + b"<b c='1'>2</b>" * 249_999 + b"</a>",
    "a huge comment": lambda: b"<a><!--" + b"x" * (16 * MEGABYTE),
    "another encoding": lambda: b'<?xml version="1.0" encoding="utf-32"?><a/>',
    "an unknown encoding": lambda: b'<?xml version="1.0" encoding="rot13"?><n/>',
    "a codec that is no text": lambda: b'<?xml version="1.0" encoding="zip"?><n/>',
}
JSON: dict[str, Callable[[], bytes]] = {
    "deep lists": lambda: b"[" * 5_000_000,
    "deep lists and whole": lambda: b"[" * 1_000_000 + b"]" * 1_000_000,
    "deep objects": lambda: b'{"a":' * 1_000_000,
    "a million members": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}",
    "a million rows": lambda: b"[" + b",".join([b"[]"] * 1_000_000) + b"]",
    "the same name again and again": lambda: b"{" + b",".join([b'"a":1'] * 1_000_000) + b"}",
    "a huge number": lambda: b"1" * MEGABYTE,
    "a huge exponent": lambda: b"1e" + b"9" * MEGABYTE,
    "a huge text": lambda: b'"' + b"\\u0000" * (2 * MEGABYTE) + b'"',
    "no end": lambda: b'{"a": "' + b"x" * (16 * MEGABYTE),
    "lone surrogates": lambda: b'["\\ud800"]',
    "not UTF-8": lambda: b'["\xff\xfe\xfd"]' * 1000,
    "NaN": lambda: b"[NaN, Infinity]",
}


def read_alone(kind: str, name: str) -> str | None:
    """Read one document; an alarm or a lack of memory ends the process. The problem that was found with it."""
    read, bodies = (read_json, JSON) if kind == "json" else (read_xml, XML)
    body = bodies[name]()
    read(b"<a/>" if kind == "xml" else b"[]")
    baseline = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (baseline + 256 * MEGABYTE, -1))
    signal.setitimer(signal.ITIMER_PROF, 1.0)
    problem = read(body).problem
    signal.setitimer(signal.ITIMER_PROF, 0)
    return problem


def main(kind: str) -> None:
    """A process for each document; what it says, or the status with which it ended."""
    said: dict[str, object] = {}
    for name in JSON if kind == "json" else XML:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as out:
                json.dump({"problem": read_alone(kind, name)}, out)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as lines:
            text = lines.read()
        _, status = os.waitpid(child, 0)
        said[name] = json.loads(text) if status == 0 else {"status": status}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
