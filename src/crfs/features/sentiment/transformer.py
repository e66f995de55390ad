"""A transformer as a scorer: weights that the user has, given by the path of their folder; nothing is fetched, and no score is claimed.

The folder holds ``model.onnx`` (a classifier of sequences of BERT's family), ``vocab.txt`` and ``config.json`` with ``id2label``, whose
labels start with pos, neg and neu, as FinBERT's do. It needs the extra ``crfs[transformers]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.features.sentiment.scorer import SCORES, checked_texts
from crfs.features.sentiment.tokens import sentences
from crfs.features.sentiment.wordpiece import WordPiece

if TYPE_CHECKING:
    import numpy.typing as npt

Predict = Callable[["npt.NDArray[np.int64]", "npt.NDArray[np.int64]"], "npt.NDArray[np.float64]"]
"""From ids and mask (a row a sentence) to logits (a row a sentence, a column a label): the seam at which a test puts a stub."""

_LABELS = ("positive", "negative", "neutral")
_LONGEST = 512


@dataclass(frozen=True)
class TransformerScorer:
    """Scores sentences one by one, so that a score does not depend on its neighbours; a document has the mean of its sentences.

    ``compound`` is the probability of positive less that of negative.
    """

    path: Path
    predict: Predict | None = None

    @cached_property
    def name(self) -> str:
        """The folder's name."""
        return f"transformer/{self.path.name}"

    @property
    def version(self) -> str:
        """That of the adapter; the weights are told by their hash."""
        return "1"

    @cached_property
    def lexicon_sha256(self) -> str:
        """The hash of the weights and the vocabulary."""
        whole = hashlib.sha256()
        for name in ("model.onnx", "vocab.txt", "config.json"):
            with self._file(name).open("rb") as body:
                whole.update(hashlib.file_digest(body, "sha256").digest())
        return whole.hexdigest()

    def score(self, texts: pl.Series) -> pl.DataFrame:
        """See :class:`~crfs.features.sentiment.scorer.SentimentScorer`."""
        return pl.DataFrame([self._document(text) for text in checked_texts(texts)], schema=SCORES, orient="row")

    def _document(self, text: str | None) -> tuple[float | None, ...]:
        parts = sentences(text or "")
        if not parts:
            return (None,) * len(SCORES)
        chances = np.mean([self._sentence(part) for part in parts], axis=0)
        positive, negative, neutral = (round(float(chance), 6) for chance in chances)
        return round(positive - negative, 6), positive, negative, neutral

    def _sentence(self, sentence: str) -> npt.NDArray[np.float64]:
        """Probabilities of positive, negative and neutral."""
        ids = np.array([self._pieces.ids(sentence, longest=_LONGEST)], dtype=np.int64)
        logits = np.asarray(self._session(ids, np.ones_like(ids)), dtype=np.float64)
        if logits.shape != (1, len(_LABELS)):
            raise InvalidInput(f"{self.path}: the model answers {logits.shape}, not one row of three labels")
        weights = np.exp(logits[0] - logits[0].max())
        chances: npt.NDArray[np.float64] = (weights / weights.sum())[self._order]
        return chances

    @cached_property
    def _pieces(self) -> WordPiece:
        lines = self._file("vocab.txt").read_text(encoding="utf-8").splitlines()
        vocabulary = {piece: place for place, piece in enumerate(lines)}
        lacking = [piece for piece in ("[UNK]", "[CLS]", "[SEP]") if piece not in vocabulary]
        if lacking:
            raise InvalidInput(f"{self.path}/vocab.txt lacks {lacking[0]}: it is no vocabulary of BERT's family")
        return WordPiece(vocabulary=vocabulary, lower_case=bool(self._configuration.get("do_lower_case", True)))

    @cached_property
    def _configuration(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file("config.json").read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidInput(f"{self.path}/config.json is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise InvalidInput(f"{self.path}/config.json is no JSON object")
        return found

    @cached_property
    def _order(self) -> list[int]:
        """The columns of positive, negative and neutral."""
        labels = self._configuration.get("id2label")
        named = {str(label).lower()[:3]: int(place) for place, label in labels.items()} if isinstance(labels, dict) else {}
        try:
            return [named[label[:3]] for label in _LABELS]
        except KeyError:
            raise InvalidInput(f"{self.path}/config.json: id2label has to name positive, negative and neutral") from None

    @cached_property
    def _session(self) -> Predict:
        return self.predict or _onnx(self._file("model.onnx"))

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            how = "; export the weights to ONNX first (optimum-cli export onnx)" if name == "model.onnx" else ""
            raise InvalidInput(f"{self.path} has no {name}{how}")
        return file


def _onnx(model: Path) -> Predict:
    """Computing on one thread of the processor, so that a score is the same on every run."""
    try:
        import onnxruntime
    except ImportError:
        raise InvalidInput("a transformer needs onnxruntime: pip install 'crfs[transformers]'") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    wanted: Sequence[str] = [item.name for item in session.get_inputs()]

    def predict(ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return np.asarray(session.run(None, {name: given[name] for name in wanted})[0], dtype=np.float64)

    return predict
