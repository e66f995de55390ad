"""A rating scale: the grade that a default probability has, and the one of who is in default. Read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.stress.grades import Grades

_WANTED = 'a rating scale has default = "D" and [[grade]] tables with name and pd, and nothing else'


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingScale:
    """Performing ``grades`` with their default probabilities in 12 months, and the grade of who is in ``default``.

    >>> scale = RatingScale(grades=Grades(names=("A", "B"), pd=(0.01, 0.05)), default="D")
    >>> scale.rated(pl.Series([0.01, 0.2, None, None]), pl.Series([False, False, True, False])).to_list()
    ['A', 'B', 'D', None]
    """

    grades: Grades
    default: str

    def __post_init__(self) -> None:
        if self.default in self.grades.names:
            raise InvalidInput(f"{self.default!r} is the grade of who is in default, and of who is not", argument="default")

    @property
    def names(self) -> tuple[str, ...]:
        """All grades, that of default last."""
        return (*self.grades.names, self.default)

    def rated(self, pd: pl.Series, in_default: pl.Series) -> pl.Series:
        """The grade of each default probability (decimal, within [0, 1]; blank: no grade), or that of default."""
        place = self.grades.of_pd(pd.fill_null(0.0).cast(pl.Float64).to_numpy())
        grade = pl.Series(np.array(self.grades.names, dtype=object)[place], dtype=pl.String).set(pd.is_null(), None)
        return grade.set(in_default.fill_null(False), self.default).alias("rating")


def parse_scale(text: str, *, where: str) -> RatingScale:
    """The rating scale of a TOML file; ``where`` names it in errors.

    >>> text = '''
    ... default = "D"
    ... grade = [{ name = "good", pd = 0.01 }, { name = "poor", pd = 0.08 }]
    ... '''
    >>> parse_scale(text, where="scale.toml").names
    ('good', 'poor', 'D')
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    items = data.get("grade")
    if set(data) != {"default", "grade"} or not isinstance(items, list) or not isinstance(data["default"], str):
        raise InvalidInput(f"{where}: {_WANTED}")
    pairs = [_pair(item, where) for item in items]
    try:
        grades = Grades(names=tuple(name for name, _ in pairs), pd=tuple(pd for _, pd in pairs))
        return RatingScale(grades=grades, default=data["default"])
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}", problems=error.problems) from None


@cache
def packaged_scale() -> RatingScale:
    """The rating scale that ships with crfs."""
    text = (files("crfs") / "catalog" / "early_warning" / "scale.toml").read_text(encoding="utf-8")
    return parse_scale(text, where="catalog/early_warning/scale.toml")


def _pair(item: Any, where: str) -> tuple[str, float]:
    if not isinstance(item, Mapping) or set(item) != {"name", "pd"}:
        raise InvalidInput(f"{where}: {_WANTED}; found {item!r}")
    name, pd = item["name"], item["pd"]
    if not isinstance(name, str) or isinstance(pd, bool) or not isinstance(pd, int | float):
        raise InvalidInput(f"{where}: name is a text and pd a number; found {item!r}")
    return name, float(pd)
