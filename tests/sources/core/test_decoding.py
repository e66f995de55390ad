"""Decompression: the same body however the wire cuts it, and never more of it than allowed."""

from __future__ import annotations

import gzip
import resource
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.sources.core.decoding import Broken, Decoder, TooLarge, UnknownEncoding
from tests.sources.provider_server import zeros

KINDS = {"gzip": 31, "x-gzip": 31, "deflate": 15, "DEFLATE": -15, "identity": None, "": None}


def packed(body: bytes, kind: int | None) -> bytes:
    if kind is None:
        return body
    packer = zlib.compressobj(6, zlib.DEFLATED, kind)
    return packer.compress(body) + packer.flush()


def decoded(encoding: str, wire: bytes, *, cut: int = 1 << 20, max_bytes: int = 1 << 24, max_ratio: float = 200.0) -> bytes:
    decoder = Decoder(encoding, max_bytes=max_bytes, max_ratio=max_ratio)
    for start in range(0, len(wire), cut):
        decoder.feed(wire[start : start + cut])
    return decoder.finish()


@given(st.binary(max_size=3000), st.integers(1, 700), st.sampled_from(list(KINDS)))
def test_a_body_is_the_same_however_the_wire_cuts_it(body: bytes, cut: int, encoding: str) -> None:
    assert decoded(encoding, packed(body * 9, KINDS[encoding]), cut=cut) == body * 9


@given(st.binary(min_size=1, max_size=3000), st.data(), st.sampled_from([31, 15]))
def test_a_stream_that_ends_early_is_broken(body: bytes, data: st.DataObject, kind: int) -> None:
    wire = packed(body, kind)
    end = data.draw(st.integers(1, len(wire) - 1))
    with pytest.raises(Broken):
        decoded("gzip" if kind == 31 else "deflate", wire[:end])


def test_no_bytes_at_all_are_an_empty_body() -> None:
    assert decoded("gzip", b"") == b""


def test_members_are_put_together_and_padding_is_left() -> None:
    assert decoded("gzip", gzip.compress(b"a,") + gzip.compress(b"b") + bytes(100), cut=3) == b"a,b"


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_body_is_bounded_to_the_byte(size: int, most: int) -> None:
    for encoding, wire in (("gzip", gzip.compress(b"x" * size)), ("", b"x" * size)):
        if size <= most:
            assert len(decoded(encoding, wire, max_bytes=most)) == size
        else:
            with pytest.raises(TooLarge, match=f"larger than {most} bytes"):
                decoded(encoding, wire, max_bytes=most)


def test_a_few_megabytes_may_be_as_well_compressed_as_they_like() -> None:
    assert len(decoded("gzip", zeros(4 << 20))) == 4 << 20
    with pytest.raises(TooLarge, match="200-fold"):
        decoded("gzip", zeros((4 << 20) + 1))
    assert len(decoded("gzip", zeros(8 << 20), max_ratio=2000)) == 8 << 20


@pytest.mark.parametrize("kind", [31, 15, -15])
def test_a_bomb_of_a_gigabyte_takes_no_memory(kind: int) -> None:
    bomb = zeros(64 << 20, kind) if kind != 31 else zeros(16 << 20, kind) * 64
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge):
        decoded("gzip" if kind == 31 else "deflate", bomb, cut=64 << 10, max_bytes=1 << 30)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 64 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, br", "compress", "gzip;q=1"])
def test_only_what_was_asked_for_is_decoded(encoding: str) -> None:
    with pytest.raises(UnknownEncoding, match="not asked for"):
        Decoder(encoding, max_bytes=1, max_ratio=1)
