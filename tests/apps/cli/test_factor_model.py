"""A factor model from histories in the store: what was known then is what is estimated from, with errors, and a book is measured with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.apps.cli.conftest import Crfs

MONTHS = 120
DEFINITION = """
[[dataset]]
name = "own_returns"
title = "Returns"
source = "csv"
entity_kind = "industry"
period = "P1M"
zone = "UTC"
revision_policy = "vintaged"
[[dataset.column]]
name = "value"
title = "Return"
[[factor]]
mnemonic = "own.return"
title = "A return"
dataset = "own_returns"
column = "value"
unit = "decimal"
category = "mine"
"""
SPECIFICATION = """
frequency = "{frequency}"
{more}
[[factor]]
name = "banks"
mnemonic = "own.return"
entity = "B"
[[factor]]
name = "shops"
mnemonic = "own.return"
entity = "S"
[[factor]]
name = "spread"
mnemonic = "own.return"
entity = "X"
low_is_bad = false
[groups.both]
banks = 1.0
shops = 1.0
[groups.all]
spread = 1.0
"""


def returns() -> np.ndarray:
    chance = np.random.Generator(np.random.Philox(7))
    common, own = chance.standard_normal(MONTHS), chance.standard_normal((3, MONTHS))
    drawn: np.ndarray = 0.05 * (np.sqrt(0.5) * common + np.sqrt(0.5) * own) * np.array([[1.0], [1.0], [-1.0]])
    return drawn


@pytest.fixture
def history(within: Crfs, tmp_path: Path) -> np.ndarray:
    """Ten years of three monthly series, known a month after each; the last year of the shops was revised much later."""
    values = returns()
    if any(one["dataset"] == "own_returns" for one in within("datasets", "list", "--json").json):
        return values
    lines = ["entity,valid_time,knowledge_time,value"]
    for name, series in zip("BSX", values, strict=True):
        for number, value in enumerate(series):
            year, month = divmod(number, 12)
            lines.append(
                f"{name},{2000 + year}-{month + 1:02d}-01,{2000 + (number + 1) // 12}-{(number + 1) % 12 + 1:02d}-20,{float(value)!r}"
            )
    lines += [line.replace("B,", "N,", 1) for line in lines[1:] if line.startswith("B,200") and line >= "B,2006"]
    lines += [f"S,2009-{month:02d}-01,2015-06-01,9.5" for month in range(1, 13)]
    (tmp_path / "own.toml").write_text(DEFINITION)
    (tmp_path / "own.csv").write_text("\n".join(lines) + "\n")
    assert within("datasets", "define", tmp_path / "own.toml").code == 0
    done = within("datasets", "append", "own_returns", tmp_path / "own.csv")
    assert done.code == 0, done.err
    return values


def specification(folder: Path, *, frequency: str = "month", more: str = "") -> Path:
    file = folder / "spec.toml"
    file.write_text(SPECIFICATION.format(frequency=frequency, more=more))
    return file


def test_it_is_the_correlation_of_what_was_known_then_and_a_book_is_measured_with_it(
    within: Crfs, history: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "model.json"
    done = within("portfolio", "factor-model", specification(tmp_path), "--as-of", "2012-01-01", "--out", out, "--json")
    assert done.code == 0, done.err
    answer = done.json
    expected = np.corrcoef(history * np.array([[1.0], [1.0], [-1.0]]))
    assert answer["periods"] == MONTHS
    assert np.array(answer["estimate"]["correlation"]) == pytest.approx(expected, abs=1e-12)
    assert answer["estimate"]["distance"] == 0.0
    assert json.loads(out.read_text()) == answer["model"]
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")
    assert within("lineage", answer["run_id"], "--json").json["sound"]
    revised = within("portfolio", "factor-model", specification(tmp_path), "--as-of", "2016-01-01", "--json").json
    assert revised["estimate"]["correlation"] != answer["estimate"]["correlation"], "the revision is known by then"
    book = tmp_path / "book.csv"
    book.write_text("facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100,0.4,0.02,0.2,both\nF2,O2,100,0.4,0.02,0.2,all\n")
    measured = within("portfolio", "risk", book, "--factor-model", out, "--models", "none", "--confidence", "0.99", "--json")
    assert measured.code == 0, measured.err


def test_quarters_shrinkage_and_a_span_are_what_was_asked_for(within: Crfs, history: np.ndarray, tmp_path: Path) -> None:
    file = specification(tmp_path, frequency="quarter", more='start = 2002-01-01\nend = 2008-12-31\nshrinkage = 0.5\ncopula = "t:5"')
    answer = within("portfolio", "factor-model", file, "--as-of", "2012-01-01", "--json").json
    last = history[:, 2::3][:, 8:36] * np.array([[1.0], [1.0], [-1.0]])
    sample = np.corrcoef(last)
    assert (answer["periods"], answer["first_period"], answer["last_period"]) == (28, "2002-01-01", "2008-10-01")
    assert np.array(answer["estimate"]["sample"]) == pytest.approx(sample, abs=1e-12)
    mean = sample[np.triu_indices(3, 1)].mean()
    assert answer["estimate"]["correlation"][0][1] == pytest.approx(0.5 * sample[0, 1] + 0.5 * mean, abs=1e-12)
    assert answer["model"]["copula"] == "t:5"


@pytest.mark.parametrize(
    ("more", "replaced", "words"),
    [
        ("", ("month", "week"), "frequency = 'week'"),
        ("", ("own.return", "own.nothing"), "own.nothing"),
        ("", ('entity = "B"', ""), "name one with entity"),
        ("", ('entity = "B"', 'entity = "Q"'), "nothing of own.return (Q) was known"),
        ("", ("banks = 1.0", "boats = 1.0"), "boats"),
        ('start = "2009-06-01"', ("", ""), "12 are the least"),
        ("shrinkage = 2.0", ("", ""), "shrinkage"),
        ("colour = 1", ("", ""), "colour"),
        ('missing = "drop"', ("", ""), "missing = 'drop'; known: pairwise, complete"),
        ("rates = 3", ("", ""), "rates is a table of"),
        (
            "start = 2050-01-01",
            ("", ""),
            "factor banks has no value in the span from 2050-01-01; its values are of 2000-01-01 to 2009-12-01",
        ),
        ("", ('name = "banks"', "name = 3"), "name is a text, not 3"),
        ("", ("banks = 1.0", "banks = nan"), "group 'both': the weight of 'banks' is nan"),
        ("= 3", ("", ""), "is not TOML"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_words(
    within: Crfs, history: np.ndarray, tmp_path: Path, more: str, replaced: tuple[str, str], words: str
) -> None:
    file = specification(tmp_path, more=more)
    file.write_text(file.read_text().replace(*replaced, 1) if replaced[0] else file.read_text())
    refused = within("portfolio", "factor-model", file, "--as-of", "2012-01-01", "--json")
    assert refused.code == 1, refused.out
    assert words in refused.json["error"]["message"]


def test_a_time_that_lies_ahead_is_refused(within: Crfs, history: np.ndarray, tmp_path: Path) -> None:
    refused = within("portfolio", "factor-model", specification(tmp_path), "--as-of", "2150-01-01", "--json")
    assert refused.code == 1, refused.out
    assert "as_of the end of 2150-01-01 lies ahead" in refused.json["error"]["message"]


def test_a_lone_factor_without_history_in_the_span_is_named(within: Crfs, history: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text('frequency = "month"\nstart = 2050-01-01\n[[factor]]\nname = "banks"\nmnemonic = "own.return"\nentity = "B"\n')
    refused = within("portfolio", "factor-model", file, "--as-of", "2012-01-01", "--json")
    assert refused.code == 1, refused.out
    assert "factor banks has no value in the span from 2050-01-01" in refused.json["error"]["message"]


def test_a_place_that_cannot_be_written_is_refused_before_a_run_is_kept(within: Crfs, history: np.ndarray, tmp_path: Path) -> None:
    for out in (tmp_path / "nowhere" / "model.json", tmp_path):
        asked = ("--as-of", "2012-01-01", "--out", out, "--json")
        refused = within("portfolio", "factor-model", specification(tmp_path), *asked)
        assert refused.code == 1, refused.out
        assert f"cannot write {out}" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "each pair over the periods (month) that both have in common, 48 to 120 of them; all have 48, 2006-01-01 to 2009-12-01"),
        ('missing = "complete"', "over the 48 periods (month) that all have in common, 2006-01-01 to 2009-12-01"),
        ("start = 2006-01-01", "over 48 periods (month), 2006-01-01 to 2009-12-01"),
    ],
)
def test_the_periods_that_are_told_are_those_that_were_used(
    within: Crfs, history: np.ndarray, tmp_path: Path, more: str, told: str
) -> None:
    file = specification(tmp_path, more=more)
    file.write_text(file.read_text().replace("[groups", '[[factor]]\nname = "new"\nmnemonic = "own.return"\nentity = "N"\n[groups', 1))
    shown = within("portfolio", "factor-model", file, "--as-of", "2012-01-01")
    assert shown.code == 0, shown.err
    assert f"4 factors, {told}\n" in shown.out
    answer = within("portfolio", "factor-model", file, "--as-of", "2012-01-01", "--json").json
    assert answer["in_common"] == {"periods": 48, "first_period": "2006-01-01", "last_period": "2009-12-01"}
    assert answer["histories"]["new"] == answer["in_common"]


def test_a_person_reads_each_pair_with_its_error(within: Crfs, history: np.ndarray, tmp_path: Path) -> None:
    shown = within("portfolio", "factor-model", specification(tmp_path), "--as-of", "2012-01-01")
    assert shown.code == 0, shown.err
    assert "3 factors, over 120 periods (month), 2000-01-01 to 2009-12-01" in shown.out
    assert "shops" in shown.out
    assert "±" in shown.out
