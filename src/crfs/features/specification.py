"""What a training set asks for: factors, each with its lag, its age limit and the spine's column that names the entity."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput

NO_LAG = Tenor()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFactor:
    """One factor of a training set.

    ``lag`` asks for the value of a period that had begun that long before; ``max_age`` overrides the factor's own limit; ``entity`` is
    the spine's column to join on, ``obligor_id`` unless the factor is of one fixed entity.

    >>> FeatureFactor(mnemonic="us.unemployment_rate", lag=Tenor.parse("P3M")).column
    'us.unemployment_rate@P3M'
    """

    mnemonic: str
    lag: Tenor = NO_LAG
    max_age: Tenor | None = None
    entity: str = "obligor_id"

    @property
    def column(self) -> str:
        """The name of the column that it gives."""
        return self.mnemonic if self.lag.is_zero else f"{self.mnemonic}@{self.lag}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, without what is at its default."""
        result: dict[str, Any] = {"mnemonic": self.mnemonic}
        if not self.lag.is_zero:
            result["lag"] = str(self.lag)
        if self.max_age is not None:
            result["max_age"] = str(self.max_age)
        if self.entity != "obligor_id":
            result["entity"] = self.entity
        return result


def feature_factors(items: Sequence[Mapping[str, Any]]) -> tuple[FeatureFactor, ...]:
    """Factors from their TOML or JSON form; an unknown key or a doubled column is an error."""
    factors = []
    for number, item in enumerate(items, start=1):
        unknown = sorted(set(item) - {"mnemonic", "lag", "max_age", "entity"})
        if unknown:
            raise InvalidInput(f"[[factor]] {number}: unknown key {unknown[0]!r}; known are mnemonic, lag, max_age, entity")
        if not isinstance(item.get("mnemonic"), str):
            raise InvalidInput(f"[[factor]] {number}: it needs a mnemonic")
        if not isinstance(item.get("entity", ""), str):
            raise InvalidInput(f"[[factor]] {number}: entity names a column of the spine, got {item['entity']!r}")
        factors.append(
            FeatureFactor(
                mnemonic=item["mnemonic"],
                lag=Tenor.parse(item.get("lag", "P0D")),
                max_age=Tenor.parse(item["max_age"]) if "max_age" in item else None,
                entity=item.get("entity", "obligor_id"),
            )
        )
    columns = [factor.column for factor in factors]
    doubled = next((name for name in columns if columns.count(name) > 1), None)
    if doubled is not None:
        raise InvalidInput(f"the factor {doubled} is asked for twice")
    return tuple(factors)


def parse_feature_specification(text: str, *, where: str) -> tuple[FeatureFactor, ...]:
    """Read a feature spec: TOML with a ``[[factor]]`` table a column."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    unknown = sorted(set(data) - {"factor"})
    items = data.get("factor")
    if unknown or not items or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidInput(f"{where}: a feature spec has [[factor]] tables" + (f", and no key {unknown[0]!r}" if unknown else ""))
    return feature_factors(items)
