"""Files in a zip, bounded before a byte is unpacked: what the directory declares is checked first, and what comes out is counted too."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

MAGIC = b"PK\x03\x04"
MOST_MEMBERS = 10_000
MOST_RATIO = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A zip that was opened: the names of its files, or the ``problem`` why there are none."""

    names: tuple[str, ...] = ()
    problem: str | None = None
    _body: bytes = field(default=b"", repr=False)
    _most_bytes: int = 0

    def read(self, name: str) -> bytes | None:
        """The bytes of one file; None where they cannot be had, or are more than was allowed."""
        try:
            with zipfile.ZipFile(io.BytesIO(self._body)) as archive, archive.open(name) as member:
                data = member.read(self._most_bytes + 1)
        except _BROKEN:
            return None
        return data if len(data) <= self._most_bytes else None

    def only(self, wanted: Callable[[str], bool]) -> bytes | None:
        """The bytes of the one file whose name is wanted; None where there is none, or more than one."""
        found = [name for name in self.names if wanted(name)]
        return self.read(found[0]) if len(found) == 1 else None


_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, LookupError, NotImplementedError, OSError, OverflowError, RuntimeError, ValueError,
    struct.error,
)  # fmt: skip
"""What the library raises on a broken, encrypted or unknown kind of zip."""


def open_archive(body: bytes, *, most_bytes: int) -> Archive:
    """The directory of a zip whose files have at most ``most_bytes`` each and together; never raises.

    >>> open_archive(b"no zip", most_bytes=10).problem
    'not a zip: File is not a zip file'
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except _BROKEN as error:
        return Archive(problem=f"not a zip: {error}")
    if len(members) > MOST_MEMBERS:
        return Archive(problem=f"a zip with more than {MOST_MEMBERS} files")
    size = sum(member.file_size for member in members)
    if size > most_bytes or size > MOST_RATIO * max(len(body), 1):
        return Archive(problem=f"a zip that unpacks to {size} bytes, more than is read")
    names = tuple(member.filename for member in members)
    if len(set(names)) < len(names):
        return Archive(problem="a zip with two files of one name")
    return Archive(names=names, _body=body, _most_bytes=most_bytes)
