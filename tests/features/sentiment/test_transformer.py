"""The adapter of a transformer: a tiny model made here runs for real, a stub stands at the one seam, and errors say what to do."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.features.sentiment import TransformerScorer
from crfs.features.sentiment.wordpiece import WordPiece

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "profit", "rose", "fell", ".", "##s"]
LABELS = {"0": "Negative", "1": "Neutral", "2": "Positive"}


def _field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer."""
    return _varint(number << 3) + _varint(value) if isinstance(value, int) else _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _tensor(name: str, dims: list[int], kind: int, raw: bytes) -> bytes:
    return b"".join(_field(1, size) for size in dims) + _field(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, dims: list[str]) -> bytes:
    shape = b"".join(_field(1, _field(2, dim.encode())) for dim in dims)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    return b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode()) + _field(4, kind.encode()) + attributes


def tiny_model(weights: np.ndarray[Any, np.dtype[np.float32]]) -> bytes:
    """ONNX of logits = sum over tokens of a row of ``weights`` (a row a piece of the vocabulary, a column a label)."""
    keep = _field(5, _field(1, b"keepdims") + _field(3, 0) + _field(20, 2))
    graph = (
        _field(1, _node("Gather", ["weights", "input_ids"], "rows"))
        + _field(1, _node("ReduceSum", ["rows", "axis"], "logits", keep))
        + _field(2, b"tiny")
        + _field(5, _tensor("weights", list(weights.shape), 1, weights.astype("<f4").tobytes()))
        + _field(5, _tensor("axis", [1], 7, struct.pack("<q", 1)))
        + _field(11, _value("input_ids", 7, ["batch", "length"]))
        + _field(12, _value("logits", 1, ["batch", "labels"]))
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 13))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights = np.zeros((len(VOCABULARY), 3), dtype=np.float32)
    weights[VOCABULARY.index("rose"), 2] = 3
    weights[VOCABULARY.index("fell"), 0] = 3
    weights[VOCABULARY.index("."), 1] = 1
    (tmp_path / "model.onnx").write_bytes(tiny_model(weights))
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    (tmp_path / "config.json").write_text(json.dumps({"id2label": LABELS}))
    return tmp_path


def test_a_tiny_model_scores_what_its_weights_say(folder: Path) -> None:
    scores = TransformerScorer(folder).score(pl.Series(["Profits rose.", "Profits fell.", "Profits.", None, " "]))
    e = np.exp([0.0, 1.0, 3.0])
    expected = (e[2] - e[0]) / e.sum()
    assert scores["compound"].to_list() == [pytest.approx(expected, abs=2e-6), pytest.approx(-expected, abs=2e-6), 0.0, None, None]
    assert scores.row(0)[1:] == (
        pytest.approx(e[2] / e.sum(), abs=1e-6),
        pytest.approx(e[0] / e.sum(), abs=1e-6),
        pytest.approx(e[1] / e.sum(), abs=1e-6),
    )


def test_the_hash_is_that_of_the_weights(folder: Path) -> None:
    before = TransformerScorer(folder).lexicon_sha256
    assert before == TransformerScorer(folder).lexicon_sha256
    (folder / "model.onnx").write_bytes(tiny_model(np.ones((len(VOCABULARY), 3), dtype=np.float32)))
    assert TransformerScorer(folder).lexicon_sha256 != before


def test_a_stub_at_the_seam_is_asked_a_sentence_at_a_time(folder: Path) -> None:
    asked: list[list[int]] = []

    def predict(ids: Any, mask: Any) -> Any:
        asked.append(ids[0].tolist())
        assert mask.shape == ids.shape
        return np.array([[0.0, 0.0, 0.0]])

    row = TransformerScorer(folder, predict).score(pl.Series(["Profit rose. Profit fell."])).row(0)
    assert row == (0.0, pytest.approx(1 / 3, abs=1e-6), pytest.approx(1 / 3, abs=1e-6), pytest.approx(1 / 3, abs=1e-6))
    assert asked == [[2, 4, 5, 7, 3], [2, 4, 6, 7, 3]]


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("model.onnx", None, "export the weights to ONNX"),
        ("vocab.txt", None, r"no vocab\.txt"),
        ("vocab.txt", "a\nb", r"lacks \[UNK\]"),
        ("config.json", "{", "no JSON"),
        ("config.json", "[]", "no JSON object"),
        ("config.json", '{"id2label": {"0": "LABEL_0"}}', "id2label has to name"),
    ],
)
def test_a_folder_that_lacks_something_says_what(folder: Path, name: str, body: str | None, message: str) -> None:
    (folder / name).unlink() if body is None else (folder / name).write_text(body)
    with pytest.raises(InvalidInput, match=message):
        TransformerScorer(folder).score(pl.Series(["Profit rose."]))


def test_without_the_extra_the_error_says_how_to_install_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InvalidInput, match=r"pip install 'crfs\[transformers\]'"):
        TransformerScorer(folder).score(pl.Series(["Profit rose."]))


def test_a_model_of_other_labels_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="three labels"):
        TransformerScorer(folder, lambda ids, mask: np.zeros((1, 2))).score(pl.Series(["Profit rose."]))


def test_pieces_are_those_of_wordpiece() -> None:
    pieces = WordPiece(vocabulary={piece: place for place, piece in enumerate(VOCABULARY)})
    assert pieces.ids("Prófits, FELL", longest=10) == [2, 4, 8, 1, 6, 3]
    assert pieces.ids("rose " * 50, longest=4) == [2, 5, 5, 3]
    assert pieces.ids("x" * 500, longest=4) == [2, 1, 3]
