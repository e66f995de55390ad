"""Default rates of pools as factors: counted from monthly records as they were known, by whatever text column they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from tests.apps.cli.conftest import Crfs, Ended

MONTHS, OBLIGORS = 36, 40
SECTORS = ("mills", "farms")
DEFINITION = """
[[dataset]]
name = "own_month"
title = "Obligors at the ends of months"
source = "csv"
entity_kind = "obligor"
period = "P1M"
zone = "UTC"
revision_policy = "vintaged"
[[dataset.column]]
name = "sector"
title = "Sector"
type = "text"
[[dataset.column]]
name = "in_default"
title = "1 in default"
type = "int8"
[[dataset]]
name = "own_default"
title = "Defaults"
source = "csv"
entity_kind = "facility"
period = "P1D"
zone = "UTC"
revision_policy = "vintaged"
[[dataset.column]]
name = "obligor_id"
title = "Obligor"
type = "text"
[[dataset.column]]
name = "status"
title = "Status"
type = "text"
[[dataset.column]]
name = "ended_on"
title = "End"
type = "date"
"""
OWN = '[rates]\nobligors = "own_month"\ndefaults = "own_default"\n'


def month(number: int) -> str:
    return f"{2000 + number // 12}-{number % 12 + 1:02d}"


def struck() -> np.ndarray:
    """Who defaults in which month (months x obligors), each at most once a month and well again in the next."""
    chance = np.random.Generator(np.random.Philox(11))
    bad = 0.1 + 0.2 * chance.random((MONTHS, 1))
    drawn: np.ndarray = chance.random((MONTHS, OBLIGORS)) < bad
    return drawn


@pytest.fixture
def own(within: Crfs, tmp_path: Path) -> np.ndarray:
    """Three years of forty obligors, in mills and farms by turns; a month is known on the 10th of the next, a last default much later."""
    defaults = struck()
    if any(one["dataset"] == "own_month" for one in within("datasets", "list", "--json").json):
        return defaults
    records, events = (
        ["entity,valid_time,knowledge_time,sector,in_default"],
        ["entity,valid_time,knowledge_time,obligor_id,status,ended_on"],
    )
    for number in range(MONTHS):
        for i in range(OBLIGORS):
            told = f"{month(number + 1)}-10"
            # Whoever is in default as the month ends is no one who could default in the next.
            flag = int(number < MONTHS - 1 and i == number % OBLIGORS)
            records.append(f"O{i},{month(number)}-01,{told},{SECTORS[i % 2]},{flag}")
            if defaults[number, i]:
                events += [f"F{i}-{kind},{month(number)}-{15 + i % 3},{told},O{i},open," for kind in "ab"]
    events.append(f"F0-late,{month(20)}-03,2008-01-01,O{int(np.flatnonzero(~defaults[20])[0])},open,")
    (tmp_path / "own.toml").write_text(DEFINITION)
    assert within("datasets", "define", tmp_path / "own.toml").code == 0
    for name, lines in (("own_month", records), ("own_default", events)):
        (tmp_path / "own.csv").write_text("\n".join(lines) + "\n")
        done = within("datasets", "append", name, tmp_path / "own.csv")
        assert done.code == 0, done.err
    return defaults


def rate(defaults: np.ndarray, of: slice, *, months: int) -> np.ndarray:
    """Default rates of periods, from the second month on, or the first whole period after it."""
    found = []
    for first in range(months, MONTHS - months + 1, months):
        at_risk = np.ones(OBLIGORS, dtype=bool)
        at_risk[(first - 1) % OBLIGORS] = False
        at_risk = at_risk[of]
        hit = defaults[first : first + months, of].any(axis=0)
        found.append(((hit & at_risk).sum() + 0.5) / (at_risk.sum() + 1.0))
    return np.array(found)


def estimated(within: Crfs, folder: Path, pools: str, *, frequency: str = "month", as_of: str = "2005-01-01") -> Ended:
    file = folder / "spec.toml"
    file.write_text(f'frequency = "{frequency}"\n{OWN}{pools}')
    return within("portfolio", "factor-model", file, "--as-of", as_of, "--json")


MILLS = '[[factor]]\nname = "mills"\ndefault_rate_of = { sector = "mills" }\n'
FARMS = '[[factor]]\nname = "farms"\ndefault_rate_of = { sector = "farms" }\n'
ALL = '[[factor]]\nname = "everyone"\ndefault_rate_of = {}\n'


def test_what_counts_is_the_probit_of_the_rate_of_those_who_were_not_in_default(within: Crfs, own: np.ndarray, tmp_path: Path) -> None:
    done = estimated(within, tmp_path, MILLS + FARMS + ALL)
    assert done.code == 0, done.err
    answer = done.json
    pools = [slice(0, None, 2), slice(1, None, 2), slice(None)]
    expected = np.corrcoef([-ndtri(rate(own, of, months=1)) for of in pools])
    assert np.array(answer["estimate"]["sample"]) == pytest.approx(expected, abs=1e-12)
    assert (answer["periods"], answer["first_period"], answer["last_period"]) == (MONTHS - 1, "2000-02-01", "2002-12-01")
    everyone = answer["default_rates"]["everyone"]
    assert everyone["of"] == {}
    assert everyone["mean_rate"] == pytest.approx(rate(own, slice(None), months=1).mean())
    assert within("replay", answer["run_id"]).out.startswith(f"MATCH sha256={answer['result_sha256']}")
    assert within("lineage", answer["run_id"], "--json").json["sound"]


def test_a_year_counts_an_obligor_once_and_a_default_that_was_told_later_is_not_known_yet(
    within: Crfs, own: np.ndarray, tmp_path: Path
) -> None:
    pool = MILLS + FARMS
    few = estimated(within, tmp_path, pool, frequency="quarter")
    assert few.code == 1
    assert "11 periods in common; 12 are the least" in few.json["error"]["message"]
    before, after = (estimated(within, tmp_path, pool, as_of=day).json["default_rates"] for day in ("2007-12-31", "2008-01-02"))
    assert after["mills"]["defaults"] + after["farms"]["defaults"] == before["mills"]["defaults"] + before["farms"]["defaults"] + 1


def test_small_pools_are_told_to_scatter_by_chance(within: Crfs, own: np.ndarray, tmp_path: Path) -> None:
    answer = estimated(within, tmp_path, MILLS + FARMS).json
    assert own.any()
    assert 0.1 < answer["default_rates"]["mills"]["share_of_chance"] <= 1.0
    assert any("mills: " in note and "is chance" in note for note in answer["notes"])


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ('{ colour = "red" }', "own_month has sector; bureau_facility has facility_type"),
        ('{ obligor_id = "O1" }', "not obligor_id: own_month has sector"),
        ('{ sector = "ships" }', "of sector there are farms, mills"),
        ('"sector:mills"', "a table of columns and a text each"),
        ("{}\nlow_is_bad = false", "unknown key 'low_is_bad'"),
        ('{}\nmnemonic = "us.gdp"', "unknown key 'mnemonic'"),
    ],
)
def test_a_pool_that_is_not_there_is_refused_with_those_that_are(
    within: Crfs, own: np.ndarray, tmp_path: Path, pool: str, words: str
) -> None:
    assert own.any()
    refused = estimated(within, tmp_path, f'[[factor]]\nname = "odd"\ndefault_rate_of = {pool}\n{MILLS}')
    assert refused.code == 1, refused.out
    assert words in refused.json["error"]["message"]


def test_the_bureaus_pools_are_at_hand_and_a_book_is_measured_with_their_model(within: Crfs, bureau: object, tmp_path: Path) -> None:
    file, out, book = tmp_path / "spec.toml", tmp_path / "model.json", tmp_path / "book.csv"
    file.write_text(
        'frequency = "month"\n[[factor]]\nname = "retail"\ndefault_rate_of = { segment = "retail" }\n'
        '[[factor]]\nname = "cards"\ndefault_rate_of = { facility_type = "card" }\n'
    )
    done = within("portfolio", "factor-model", file, "--out", out, "--json")
    assert done.code == 0, (done.err, bureau)
    told = done.json["default_rates"]
    assert (told["retail"]["counts"], told["cards"]["counts"]) == ("obligors", "facilities")
    book.write_text("facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100,0.4,0.02,0.2,retail\nF2,O2,100,0.4,0.02,0.2,cards\n")
    measured = within("portfolio", "risk", book, "--factor-model", out, "--models", "none", "--confidence", "0.99", "--json")
    assert measured.code == 0, measured.err
