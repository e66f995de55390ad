"""What Python may hand to a workflow about a book: names, files, contents and options, each refused by its name where it is of another kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from numbers import Real
from typing import Any

from crfs.errors import InvalidInput

Kind = tuple[Callable[[Any], bool], str]


def _is_text(given: Any) -> bool:
    return isinstance(given, str)


def _is_place(given: Any) -> bool:
    return isinstance(given, str | os.PathLike)


def _is_content(given: Any) -> bool:
    return _is_place(given) or _is_object(given)


def _is_object(given: Any) -> bool:
    return isinstance(given, Mapping)


def _are_rows(given: Any) -> bool:
    return _is_place(given) or (isinstance(given, Sequence) and all(isinstance(row, Mapping) for row in given))


def _are_texts(given: Any) -> bool:
    return isinstance(given, Collection) and not isinstance(given, str | bytes) and all(isinstance(each, str) for each in given)


def _are_weights(given: Any) -> bool:
    return _is_object(given) and all(isinstance(weight, Real) and not isinstance(weight, bool) for weight in given.values())


def _is_time(given: Any) -> bool:
    return isinstance(given, str | date)


_TEXT: Kind = (_is_text, "a text")
_BOOK: Kind = (_is_place, "the name of a book that was loaded, or a file")
_FILE: Kind = (_is_place, "a file: give its path")
_SCENARIO: Kind = (_is_place, "the name of a scenario, FILE.toml or FILE.toml#NAME")
_CONTENT: Kind = (_is_content, "a file, its content (a mapping), or the name of one that ships with crfs")
_MATRIX: Kind = (_is_content, "a CSV file, or its content, ratings and rows")
_ROWS: Kind = (_are_rows, "a file, or a list of rows, each a mapping")
_TEXTS: Kind = (_are_texts, "a list of texts")
_OBJECT: Kind = (_is_object, "a mapping, such as a dict")
_TIME: Kind = (_is_time, "a day or an instant: a date, a datetime with a zone, or a text of either")

_KINDS: Mapping[str, Kind] = {
    "name": _TEXT,
    "run_id": (_is_text, "the id of a run, a text"),
    "book": _BOOK,
    "file": _FILE,
    "out": _FILE,
    "earlier": _TIME,
    "later": _TIME,
    "as_of": _TIME,
    **dict.fromkeys(("factor_model", "earlier_factor_model", "policy", "satellite", "specification"), _CONTENT),
    "transition_matrix": _MATRIX,
    "migration": (_is_content, "'grades', or a matrix: a CSV file, or its content, ratings and rows"),
    **dict.fromkeys(("scenario", "base"), _SCENARIO),
    **dict.fromkeys(("shocks", "changes"), _ROWS),
    "scenarios": (_are_weights, "a mapping of scenarios and their weights"),
    **dict.fromkeys(("grades", "spreads", "exposure_classes", "bumps"), _OBJECT),
    **dict.fromkeys(("models", "ratings"), _TEXTS),
    **dict.fromkeys(
        ("copula", "method", "device", "label", "approach", "regime", "floor_path", "standard", "stages", "timing", "balance_sheet"), _TEXT
    ),
    **dict.fromkeys(("lgd_response", "reference", "quotes"), _TEXT),
    **dict.fromkeys(("at", "reporting_date", "floor_on", "valid_at"), _TIME),
    "progress": (callable, "a function that is told of a step, how many are done, and of how many"),
}
"""The other options are looked at by the kinds of runs themselves."""
_NEEDED = ("name", "run_id", "book", "file", "earlier", "later", "specification", "transition_matrix", "ratings", "progress")
"""In place of what else there is, None says nothing."""


def check_given(**given: Any) -> None:
    """Refuse what is of another kind than its argument, before the store is asked anything.

    >>> check_given(book="loans", label=5)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: label is a text, not 5
    """
    for name, value in given.items():
        fits, said = _KINDS.get(name, (None, ""))
        if fits is None or (value is None and name not in _NEEDED):
            continue
        if not fits(value):
            raise InvalidInput(f"{name} is {said}, not {value!r:.80}", argument=name)
