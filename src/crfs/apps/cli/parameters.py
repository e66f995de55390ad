"""Kinds of values that options take, besides those of click."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click


class Decimals(click.ParamType[tuple[float, ...]]):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not numbers with commas between them, like 0.99,0.999", param, ctx)


class Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them; ``none`` is none of them."""

    name = "names"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> tuple[str, ...]:
        """The names."""
        if isinstance(value, tuple):
            return value
        return () if value == "none" else tuple(part.strip() for part in str(value).split(","))


class Pairs(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``; a value alone is for any name."""

    name = "name=value"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> tuple[str, str]:
        """The name (``*`` for any) and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, told = str(value).partition("=")
        return (name.strip(), told.strip()) if equals else ("*", name.strip())


class Weights(click.ParamType[tuple[str, float]]):
    """``NAME=WEIGHT``; the weight follows the last equals sign."""

    name = "name=weight"
    wanted = "no scenario with a weight, like us/recession=0.3"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """The name and the weight."""
        if isinstance(value, tuple):
            return value
        name, _, told = str(value).rpartition("=")
        try:
            return name.strip(), float(told)
        except ValueError:
            self.fail(f"{value!r} is {self.wanted}", param, ctx)


class Sizes(Weights):
    """``NAME=SIZE``."""

    name = "name=size"
    wanted = "no input with a size, like pd_relative=0.1"


class JobId(click.ParamType[UUID]):
    """The id of a job."""

    name = "uuid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        """The id."""
        try:
            return value if isinstance(value, UUID) else UUID(value)
        except ValueError:
            self.fail(f"{value!r} is no job's id, which crfs jobs list shows", param, ctx)
