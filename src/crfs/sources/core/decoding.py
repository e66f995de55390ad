"""The bytes of the wire → the body, piece by piece: gzip and deflate, and an end to what grows beyond all measure."""

from __future__ import annotations

import zlib
from typing import Protocol

ACCEPTED_ENCODINGS = "gzip, deflate"
RATIO_FLOOR = 4 * 1024 * 1024
"""Below this size an answer may be as well compressed as it likes: a few megabytes of zeros harm nobody."""
_PIECE = 256 * 1024


class TooLarge(Exception):
    """The body is larger than allowed, or grew too much."""


class Broken(Exception):
    """The compressed stream ends early or is damaged."""


class UnknownEncoding(Exception):
    """The answer comes in an encoding that was not asked for."""


class _Inflater(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Decoder:
    """Collects an answer: :meth:`feed` the pieces as they come, then :meth:`finish`.

    The body never has more than ``max_bytes``; beyond a few megabytes it may be at most ``max_ratio`` times as large as what came.

    >>> decoder = Decoder("gzip", max_bytes=100, max_ratio=200)
    >>> import gzip
    >>> decoder.feed(gzip.compress(b"a,b"))
    >>> decoder.finish()
    b'a,b'
    """

    def __init__(self, encoding: str, *, max_bytes: int, max_ratio: float, ratio_floor: int = RATIO_FLOOR) -> None:
        names = [name.strip().lower() for name in encoding.split(",")]
        kinds = [name.removeprefix("x-") for name in names if name not in ("", "identity")]
        if len(kinds) > 1 or not set(kinds) <= {"gzip", "deflate"}:
            raise UnknownEncoding(f"it is encoded as {encoding[:40]!r}, which was not asked for")
        self._kind = kinds[0] if kinds else None
        self._max_bytes, self._max_ratio, self._floor = max_bytes, max_ratio, ratio_floor
        self._came, self._size = 0, 0
        self._pieces: list[bytes] = []
        self._inflater: _Inflater | None = None
        self._members = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the wire."""
        self._came += len(data)
        if self._kind is None:
            self._keep(data)
            return
        more = bool(data)
        while more:
            if self._inflater is None:
                if self._members and not data.startswith(b"\x1f"):
                    return  # padding after the last member, as gzip itself leaves it alone
                self._inflater = self._started(data)
            most = min(_PIECE, self._max_bytes - self._size + 1)
            try:
                piece = self._inflater.decompress(data, most)
            except zlib.error as error:
                raise Broken(f"its {self._kind} stream is damaged ({error})") from None
            self._keep(piece)
            data = self._inflater.unconsumed_tail
            more = bool(data) or len(piece) == most  # a full piece may have left some of its end inside
            if self._inflater.eof:
                data, self._inflater, self._members = self._inflater.unused_data, None, self._members + 1
                more = bool(data)

    def finish(self) -> bytes:
        """The whole body; :class:`Broken` where the stream had not come to its end."""
        if self._inflater is not None or (self._kind is not None and self._came and not self._members):
            raise Broken(f"its {self._kind} stream ends early")
        body = b"".join(self._pieces)
        self._pieces = [body]
        return body

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            raise TooLarge(f"the answer is larger than {self._max_bytes} bytes; ask for less at a time")
        if self._size > self._floor and self._size > self._max_ratio * self._came:
            raise TooLarge(f"the answer grows more than {self._max_ratio:g}-fold when it is decompressed")
        if piece:
            self._pieces.append(piece)

    def _started(self, data: bytes) -> _Inflater:
        if self._kind == "gzip":
            return zlib.decompressobj(wbits=31)
        # "deflate" means zlib's format, and some servers send the bare stream; the two bytes of zlib's header are a multiple of 31.
        zlib_header = data[0] & 0x0F == 8 and (len(data) < 2 or int.from_bytes(data[:2], "big") % 31 == 0)
        return zlib.decompressobj(wbits=15 if zlib_header else -15)
