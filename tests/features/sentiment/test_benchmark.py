"""The labelled sentences of the benchmark: the workbook of the FOMC is read with what crfs itself is installed with."""

from __future__ import annotations

import ast
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import sentiment

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def test_sentences_and_their_labels_are_read_from_the_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ("index", "sentence", "label"),
        ("0", "Rates rose.", "1"),
        ("1", "Rates fell &amp; fell.", "0"),
        ("2", "It is so.", "2"),
        ("3", "Unread.", ""),
    ]
    cells = [
        [f'<c r="{column}{number}"><is><t>{value}</t></is></c>' for column, value in zip("ABC", row, strict=True)]
        for number, row in enumerate(rows, start=1)
    ]
    written = "".join(f"<row>{''.join(row)}</row>" for row in cells)
    with zipfile.ZipFile(tmp_path / "fomc_hawkish_dovish_manual-mm-split.xlsx", "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{SHEET}"><sheetData>{written}</sheetData></worksheet>')
    monkeypatch.setattr(sentiment, "CORPORA", tmp_path)
    assert sentiment.fomc() == [("Rates rose.", 1), ("Rates fell & fell.", -1), ("It is so.", 0)]


def test_what_the_benchmarks_import_is_installed_with_the_tests() -> None:
    lacking = set()
    for path in Path(sentiment.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [name.name for name in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            lacking |= {(path.name, name) for name in names if find_spec(name.partition(".")[0]) is None}
    assert lacking == set()
