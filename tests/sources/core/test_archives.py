"""Zips: what is too large is refused by what the directory says, and by what comes out where the directory lies."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from crfs.sources.core.archives import open_archive


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_the_files_of_a_zip_are_read_by_name() -> None:
    archive = open_archive(zipped({"a.csv": b"1,2", "folder/": b"", "b.txt": b"x"}), most_bytes=100)
    assert archive.names == ("a.csv", "b.txt")
    assert archive.read("a.csv") == b"1,2"
    assert archive.read("none") is None
    assert archive.only(lambda name: name.endswith(".csv")) == b"1,2"
    assert archive.only(lambda name: True) is None


def test_a_zip_that_says_it_is_too_large_is_not_opened() -> None:
    assert "101 bytes" in (open_archive(zipped({"a": b"x" * 101}), most_bytes=100).problem or "")
    assert open_archive(zipped({"a": b"x" * 100}), most_bytes=100).problem is None
    bomb = zipped({"a": b"\0" * 50_000_000})
    assert "more than is read" in (open_archive(bomb, most_bytes=10_000).problem or "")


def test_a_directory_that_lies_about_sizes_gives_nothing() -> None:
    body = bytearray(zipped({"a": b"\0" * 5_000_000}))
    at = body.find(b"PK\x01\x02")
    body[at + 24 : at + 28] = (10).to_bytes(4, "little")
    archive = open_archive(bytes(body), most_bytes=1000)
    assert archive.problem is None
    assert archive.read("a") is None or len(archive.read("a") or b"") <= 1000


@pytest.mark.parametrize("case", range(300))
def test_no_bytes_crash_the_reading_of_a_zip(case: int, seed: int) -> None:
    draw = random.Random(f"{seed}-{case}")
    body = bytearray(zipped({"a.csv": b"1,2\n" * 50, "b": draw.randbytes(50)}, draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    for _ in range(draw.randint(1, 8)):
        body[draw.randrange(len(body))] = draw.randrange(256)
    archive = open_archive(bytes(body[: draw.randrange(len(body) + 1)] if case % 3 == 0 else body), most_bytes=1000)
    for name in archive.names:
        assert len(archive.read(name) or b"") <= 1000
