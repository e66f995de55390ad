"""crfs, the Credit Risk Factor Store: ``crfs.open()`` opens a store; the science beside it needs none.

Names are imported when they are asked for, so that ``import crfs`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crfs import bitemporal, credit, errors, features, models, quality, risk
    from crfs.workflows.facade import Store
    from crfs.workflows.facade import open_store as open

_MODULES = frozenset({"bitemporal", "credit", "errors", "features", "models", "quality", "risk"})
_HOME = {"Store": ("crfs.workflows.facade", "Store"), "open": ("crfs.workflows.facade", "open_store")}

__all__ = ["Store", "bitemporal", "credit", "errors", "features", "models", "open", "quality", "risk"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(import_module(module), attribute)
    if name == "__version__":
        from importlib.metadata import version

        return version("crfs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
