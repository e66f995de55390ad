"""The sources that there are: name → loader; a source's module is imported when it is first asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from crfs.errors import NotFound
from crfs.sources.core.contract import Source


def _lazily(module: str, attribute: str) -> Callable[[], Source]:
    def load() -> Source:
        return cast(Source, getattr(import_module(module), attribute))

    return load


SOURCES: Mapping[str, Callable[[], Source]] = MappingProxyType(
    {
        "bureau": _lazily("crfs.sources.bureau", "SOURCE"),
        "csv": _lazily("crfs.sources.csv_file", "SOURCE"),
        "fred": _lazily("crfs.sources.fred", "SOURCE"),
        "nyfed": _lazily("crfs.sources.nyfed", "SOURCE"),
        "packaged": _lazily("crfs.sources.packaged", "SOURCE"),
    }
)
"""Every source by its name; each module has one constant ``SOURCE``."""


def load_source(name: str) -> Source:
    """The source of that name; :class:`~crfs.errors.NotFound` names the nearest one.

    >>> load_source("fred").name
    'fred'
    """
    try:
        return SOURCES[name]()
    except KeyError:
        near = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(SOURCES)}"
        raise NotFound(f"no source is called {name!r}{hint}") from None
