"""A bad book is refused: every wrong place is named, the exit code is 1, and nothing of it is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.ops.datatier import DataTier
from tests.apps.cli.conftest import HEADER, Crfs

GOOD = "F1,A,100,0.4,0.02,0.2,all,x"

BAD = {
    "PD above one": ([HEADER, GOOD, "F2,B,100,0.4,1.5,0.2,all,x"], (2, "pd_12m", "out_of_range")),
    "PD NaN": ([HEADER, "F2,B,100,0.4,NaN,0.2,all,x", GOOD], (1, "pd_12m", "not_finite")),
    "negative EAD": ([HEADER, GOOD, "F2,B,-100,0.4,0.02,0.2,all,x"], (2, "ead", "out_of_range")),
    "duplicate facility": ([HEADER, GOOD, GOOD.replace(",A,", ",B,")], (2, "facility_id", "duplicate")),
    "unknown group": ([HEADER, GOOD, "F2,B,100,0.4,0.02,0.2,nowhere,x"], (2, "group", "unknown_group")),
    "no number": ([HEADER, GOOD, "F2,B,lots,0.4,0.02,0.2,all,x"], (2, "ead", "not_a_number")),
    "blank PD and no model": ([HEADER, GOOD, "F2,B,100,0.4,,0.2,all,x"], (2, "pd_12m", "missing")),
    "wrong column": ([HEADER.replace("lgd", "lgd_percent"), GOOD], (None, "lgd_percent", "unknown_column")),
    "broken row": ([HEADER, GOOD, "F2,B,100"], (2, None, "broken_row")),
    "broken encoding": ([HEADER, GOOD, "F2,\udcff,100,0.4,0.02,0.2,all,x"], (2, "obligor_id", "broken_encoding")),
    "no exposure": ([HEADER, "F1,A,0,0.4,0.02,0.2,all,x"], (None, "ead", "out_of_range")),
    "two currencies": ([f"{HEADER},currency", f"{GOOD},USD", "F2,B,100,0.4,0.02,0.2,all,x,EUR"], (2, "currency", "inconsistent")),
    "a currency and none": ([f"{HEADER},currency", f"{GOOD},USD", "F2,B,100,0.4,0.02,0.2,all,x,"], (2, "currency", "missing")),
    "unknown class": (
        [f"{HEADER},exposure_class", f"{GOOD},corporate", "F2,B,100,0.4,0.02,0.2,all,x,corprate"],
        (2, "exposure_class", "unknown_value"),
    ),
    "no such life": ([f"{HEADER},maturity_years", f"{GOOD},1e9"], (1, "maturity_years", "out_of_range")),
    "sales in euros": ([f"{HEADER},turnover", f"{GOOD},20000000"], (1, "turnover", "out_of_range")),
    "unknown stage": ([f"{HEADER},stage", f"{GOOD},4"], (1, "stage", "unknown_value")),
    "unknown amortisation": ([f"{HEADER},amortisation", f"{GOOD},linaer"], (1, "amortisation", "unknown_value")),
    "empty": ([""], (None, None, "empty")),
}
WHEN_MEASURED = {"unknown group", "blank PD and no model"}
"""What only a factor model, or the models, can tell."""


def kept(tier: DataTier) -> list[Any]:
    """How many payloads, batches, runs and artefacts the store has."""
    engine = sa.create_engine(tier.store_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [
            connection.exec_driver_sql(f"SELECT count(*) FROM crfs.{table}").scalar() for table in ("payload", "batch", "run", "artefact")
        ]


@pytest.mark.parametrize(
    ("verb", "name"), [*(("risk", name) for name in BAD), *(("load", name) for name in BAD if name not in WHEN_MEASURED)]
)
def test_a_bad_book_names_its_places_and_leaves_nothing(
    verb: str, name: str, within: Crfs, measured: dict[str, Any], tier: DataTier, factor_model: Path, tmp_path: Path
) -> None:
    lines, place = BAD[name]
    file = tmp_path / "book.csv"
    file.write_bytes(os.fsencode("\n".join(lines) + "\n") if name != "empty" else b"")
    before = kept(tier)
    words = ["portfolio", "risk", file, "--factor-model", factor_model] if verb == "risk" else ["portfolio", "load", "bad", file]
    done = within(*words, "--json")
    assert done.code == 1, done.err
    error = done.json["error"]
    assert place in [(problem["row"], problem["column"], problem["reason"]) for problem in error["problems"]]
    assert done.err.count("Error:") == 1
    assert "Traceback" not in done.err
    assert kept(tier) == before
    assert measured["run_id"]


def test_every_wrong_place_of_a_book_is_named_at_once(crfs: Crfs, history: dict[str, Any], factor_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    rows = ["F1,A,100,0.4,1.5,0.2,all,x,", "F2,B,-1,0.4,0.1,0.2,all,x,corprate", "F3,C,1,7,0.1,0.2,none,x,"]
    file.write_text("\n".join([f"{HEADER},exposure_class", *rows]) + "\n")
    done = crfs("portfolio", "risk", file, "--factor-model", factor_model)
    assert history
    assert done.code == 1
    assert done.out == ""
    for line in ("row 1, column pd_12m", "row 2, column ead", "row 3, column lgd", "row 3, column group"):
        assert f"  {line}: " in done.err
    assert "row 2, column exposure_class: unknown_value: 'corprate' is none of sovereign, bank, corporate, " in done.err
    assert "; did you mean corporate?" in done.err


def test_a_book_that_is_not_there_is_the_callers_mistake(within: Crfs, history: dict[str, Any]) -> None:
    assert history
    done = within("portfolio", "risk", "no-such-book", "--json")
    assert (done.code, done.json["error"]["type"]) == (1, "NotFound")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"factors": ["\\ud800"], "correlation": [[1]], "groups": {"all": {"\\ud800": 1}}}', "factor 1"),
        ('{"factors": ["a\\u0000"], "correlation": [[1]], "groups": {"all": {"a\\u0000": 1}}}', "factor 1"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"all": {"a": 1e400}}}', "group 'all', factor 'a'"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"all": {"a": 1' + "0" * 400 + "}}}", "group 'all', factor 'a'"),
        ("[" * 200_000, "is not JSON"),
        ('{"factors": ["\udcff"]}', "is not JSON"),
    ],
    ids=["half a pair", "NUL", "1e400", "400 digits", "deep", "no UTF-8"],
)
def test_a_factor_model_that_nobody_can_write_down_or_count_with_is_the_callers_mistake(
    within: Crfs, history: dict[str, Any], tier: DataTier, tmp_path: Path, text: str, words: str
) -> None:
    assert history
    book, model = tmp_path / "book.csv", tmp_path / "model.json"
    book.write_text("\n".join([HEADER, GOOD]) + "\n")
    model.write_bytes(os.fsencode(text))
    before = kept(tier)
    done = within("portfolio", "risk", book, "--factor-model", model, "--json")
    assert (done.code, words in done.json["error"]["message"]) == (1, True), done.out
    assert kept(tier) == before
