"""The catalogue: every definition of a dataset or a factor that is in force, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TypeVar

from crfs.bitemporal.release import ReleaseRule
from crfs.bitemporal.tenor import Tenor
from crfs.credit.definitions import ColumnType, DatasetDefinition, Definitions, FactorDefinition, Redistribution, parse_definitions
from crfs.credit.streams import StreamDefinition
from crfs.errors import InvalidInput, NotFound

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Datasets by name, factors by mnemonic and streams by id; every factor's dataset and column exist."""

    datasets: Mapping[str, DatasetDefinition]
    factors: Mapping[str, FactorDefinition]
    streams: Mapping[str, StreamDefinition] = field(default_factory=lambda: MappingProxyType({}))
    _fixed: Mapping[tuple[str, str], list[FactorDefinition]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fixed: dict[tuple[str, str], list[FactorDefinition]] = {}
        for factor in self.factors.values():
            if factor.entity is not None:
                fixed.setdefault((factor.dataset, factor.entity), []).append(factor)
        object.__setattr__(self, "_fixed", fixed)

    @classmethod
    def of(cls, parts: Iterable[Definitions]) -> Catalogue:
        """One catalogue of many files; a name defined twice is an error."""
        datasets: dict[str, DatasetDefinition] = {}
        factors: dict[str, FactorDefinition] = {}
        streams: dict[str, StreamDefinition] = {}
        for part in parts:
            for stream in part.streams:
                if stream.key in streams:
                    raise InvalidInput(f"stream {stream.key} is defined twice")
                streams[stream.key] = stream
            for dataset in part.datasets:
                if dataset.name in datasets:
                    raise InvalidInput(f"dataset {dataset.name} is defined twice")
                datasets[dataset.name] = dataset
            for factor in part.factors:
                if factor.mnemonic in factors:
                    raise InvalidInput(f"factor {factor.mnemonic} is defined twice")
                factors[factor.mnemonic] = factor
        for factor in factors.values():
            if factor.dataset not in datasets:
                raise InvalidInput(f"factor {factor.mnemonic}: no dataset is called {factor.dataset!r}")
            column = datasets[factor.dataset].column(factor.column)
            if factor.scale != 1.0 and column.type not in {ColumnType.FLOAT8, ColumnType.INT8}:
                raise InvalidInput(f"factor {factor.mnemonic}: column {column.name} is {column.type.value}, which cannot be scaled")
        return cls(datasets=datasets, factors=factors, streams=streams)

    def dataset(self, name: str) -> DatasetDefinition:
        """The dataset of that name; :class:`~crfs.errors.NotFound` names the nearest one."""
        return _lookup(self.datasets, name, "dataset")

    def factor(self, mnemonic: str) -> FactorDefinition:
        """The factor of that mnemonic; :class:`~crfs.errors.NotFound` names the nearest one."""
        return _lookup(self.factors, mnemonic, "factor")

    def period(self, factor: FactorDefinition) -> Tenor:
        """The length of the period that a value of ``factor`` describes."""
        return factor.period or self.dataset(factor.dataset).period

    def release(self, factor: FactorDefinition) -> ReleaseRule | None:
        """The rule by which values of ``factor`` that carry no publication time were known."""
        return factor.release or self.dataset(factor.dataset).release

    def redistribution(self, factor: FactorDefinition) -> Redistribution:
        """Whether the provider's terms let values of ``factor`` leave the store."""
        return factor.redistribution or self.dataset(factor.dataset).redistribution

    def entities(self, *datasets: str) -> tuple[str, ...]:
        """The fixed entities of the factors of some datasets, each once, in the order of their definitions: what a source may ask for."""
        wanted = set(datasets)
        return tuple(dict.fromkeys(entity for dataset, entity in self._fixed if dataset in wanted))

    def of_entity(self, dataset: str, entity: str) -> list[FactorDefinition]:
        """The factors that are columns of ``dataset`` for one fixed ``entity``."""
        return self._fixed.get((dataset, entity), [])


@cache
def packaged_definitions() -> tuple[Definitions, ...]:
    """The definitions that ship with crfs, a file each, in the order of their names; read once a process."""
    folder = files("crfs") / "catalog"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".toml"))
    return tuple(parse_definitions((folder / name).read_text(encoding="utf-8"), where=f"catalog/{name}") for name in names)


@cache
def packaged_catalogue() -> Catalogue:
    """The catalogue that ships with crfs; made once a process."""
    return Catalogue.of(packaged_definitions())


def _lookup(items: Mapping[str, _Item], name: str, what: str) -> _Item:
    try:
        return items[name]
    except KeyError:
        near = difflib.get_close_matches(name, items, n=1)
        raise NotFound(f"no {what} is called {name!r}" + (f"; did you mean {near[0]}?" if near else "")) from None
