"""What earlier runs found out, by the content that it was found from."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy.typing as npt


@dataclass(slots=True)
class Memo:
    """Results of pure functions of arrays: what is looked up is what the function would give, to the bit.

    :meth:`forget` drops what was neither found nor kept since it was last called, so that the memo holds what one run needs.
    """

    _known: MutableMapping[bytes, Any] = field(default_factory=dict)
    _used: set[bytes] = field(default_factory=set)

    def find(self, key: bytes) -> Any | None:
        """What was kept under ``key``; None where nothing was."""
        found = self._known.get(key)
        if found is not None:
            self._used.add(key)
        return found

    def keep(self, key: bytes, value: Any) -> None:
        """Keep ``value``, which nobody changes from here on."""
        self._known[key] = value
        self._used.add(key)

    def use(self, keys: Iterable[bytes]) -> None:
        """Hold on to what is under ``keys`` where it is part of what was found."""
        self._used.update(keys)

    def scratch(self) -> Memo:
        """A memo that knows what this one knows, and leaves it as it is."""
        return Memo(_known=ChainMap({}, self._known))

    def forget(self) -> None:
        """Drop what has not been used since."""
        self._known = {key: self._known[key] for key in self._used if key in self._known}
        self._used = set()


def digest(*content: npt.NDArray[Any] | bytes) -> bytes:
    """A key for arrays (C contiguous) and bytes in this order."""
    hashed = blake2b(digest_size=20)
    for each in content:
        if isinstance(each, bytes):
            hashed.update(each)
        else:
            hashed.update(repr((each.shape, each.dtype.str)).encode())
            hashed.update(each.tobytes() if not each.flags.c_contiguous else each.data)
    return hashed.digest()
