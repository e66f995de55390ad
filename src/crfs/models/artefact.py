"""Model families behind one shape, so that a registry stores and loads any of them as data."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import polars as pl

from crfs.errors import InvalidInput
from crfs.models import ead, lgd, scorecard


class ModelKind(StrEnum):
    """The families; the value is written in each model file."""

    SCORECARD = scorecard.KIND
    LGD_SEGMENT_MEAN = lgd.KIND
    EAD_SEGMENT_MEAN = ead.KIND


class Model(Protocol):
    """What every fitted model can do: say its kind, predict on a table (new columns only, in the rows' order), and become bytes."""

    @property
    def kind(self) -> str:
        """A value of :class:`ModelKind`."""
        ...

    def predict(self, table: pl.DataFrame) -> pl.DataFrame:
        """New columns for each row, in its order."""
        ...

    def to_json(self) -> bytes:
        """The model file: canonical JSON, the same fit gives the same bytes."""
        ...


LOADERS: dict[ModelKind, Callable[[bytes], Model]] = {
    ModelKind.SCORECARD: scorecard.Scorecard.from_json,
    ModelKind.LGD_SEGMENT_MEAN: lgd.LgdModel.from_json,
    ModelKind.EAD_SEGMENT_MEAN: ead.EadModel.from_json,
}
"""A new family adds its kind above and its loader here."""


def load_model(kind: ModelKind | str, data: bytes) -> Model:
    """The model in a model file; ``VerificationFailed`` where the bytes are of another kind or format."""
    try:
        loader = LOADERS[ModelKind(kind)]
    except ValueError:
        raise InvalidInput(f"there is no model family {kind!r}; there are {[str(known) for known in ModelKind]}") from None
    return loader(data)
