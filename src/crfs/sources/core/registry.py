"""The sources that there are: every module of :mod:`crfs.sources.providers`, imported when it is first asked for."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import cast

from crfs.errors import NotFound
from crfs.sources.core.contract import Source

_PROVIDERS = "crfs.sources.providers"


@cache
def source_names() -> tuple[str, ...]:
    """The names of all sources, in the order of the alphabet; none of their modules is imported."""
    spec = find_spec(_PROVIDERS)
    places = spec.submodule_search_locations if spec is not None else None
    return tuple(sorted(module.name for module in iter_modules(places)))


def load_source(name: str) -> Source:
    """The source of that name; :class:`~crfs.errors.NotFound` names the nearest one.

    >>> load_source("fred").name
    'fred'
    """
    if name not in source_names():
        near = difflib.get_close_matches(name, source_names(), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(source_names())}"
        raise NotFound(f"no source is called {name!r}{hint}")
    return cast(Source, import_module(f"{_PROVIDERS}.{name}").SOURCE)
