"""Arrays without some entries and with others in between: one copy in stretches, whatever the number of arrays."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]


class Joint(NamedTuple):
    """Where arrays are cut: stretches of the old one (``starts`` to ``ends``) and of the new one that follows each (up to ``news``)."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    news: tuple[int, ...]

    @classmethod
    def of(cls, leaving: IntArray, places: IntArray, length: int) -> Joint:
        """Of an array of ``length`` entries those ``leaving`` (places that rise) go, then new ones come before what is at ``places`` (that do not fall).

        >>> Joint.of(np.array([1]), np.array([1, 3]), 4).joined(np.array([5, 6, 7, 8]), np.array([0, 9]))
        array([5, 0, 7, 8, 9])
        """
        # Each cut as a place in the array as it was: one that leaves goes before what comes in its stead.
        before = places + np.searchsorted(leaving - np.arange(len(leaving)), places, side="right")
        at = np.concatenate([leaving, before])
        comes = np.repeat([0, 1], [len(leaving), len(places)])
        order = np.lexsort((comes, at))
        at, comes = at[order], comes[order]
        return cls(starts=(0, *(at + 1 - comes).tolist()), ends=(*at.tolist(), length), news=(*np.cumsum(comes).tolist(), len(places)))

    def joined(self, old: npt.NDArray[Any], new: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``old`` with ``new`` in it, along the last axis."""
        parts, done = [], 0
        for start, end, upto in zip(self.starts, self.ends, self.news, strict=True):
            if start < end:
                parts.append(old[..., start:end])
            if done < upto:
                parts.append(new[..., done:upto])
            done = upto
        return np.concatenate(parts, axis=-1) if parts else old[..., :0].copy()
