"""Limits and their use: read from TOML and CSV, refused with their place, and compared with what books are exposed to."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.monitoring.early_warning import Limit, Position, Scope, evaluate, limit_use, packaged_rules, parse_limits

TOML = """
[[limit]]
portfolio = "corp"
scope = "portfolio"
limit = 1000
[[limit]]
portfolio = "corp"
scope = "obligor"
entity = "*"
limit = 100.0
[[limit]]
portfolio = "corp"
scope = "obligor"
entity = "A"
limit = 400.0
[[limit]]
portfolio = "corp"
scope = "sector"
entity = "energy"
limit = 500
"""
CSV = "portfolio,scope,entity,limit\ncorp,portfolio,,1000\ncorp,obligor,*,100\ncorp,obligor,A,400\ncorp,sector,energy,500\n"
FIRST, SECOND = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC)


def position(at: datetime, *rows: tuple[str, str | None, float]) -> Position:
    table = pl.DataFrame(rows, schema={"obligor_id": pl.String, "sector": pl.String, "exposure": pl.Float64}, orient="row")
    return Position(portfolio="corp", valid_time=at, exposures=table, rests_on=f"the book of {at:%Y-%m-%d}")


POSITIONS = [
    position(FIRST, ("A", "energy", 300.0), ("A", "energy", 90.0), ("B", "energy", 60.0), ("C", None, 10.0)),
    position(SECOND, ("A", "energy", 100.0), ("C", "retail", 95.0)),
]


def test_toml_and_csv_say_the_same() -> None:
    assert parse_limits(TOML, where="limits.toml") == parse_limits(CSV, where="limits.csv")


@pytest.mark.parametrize(
    "text",
    [
        TOML.replace("[[limit]]", "[[ limit ]]"),
        TOML.replace("[[limit]]", '[["limit"]]'),
        "\ufeff# limits of the board\n" + TOML,
        'limit = [{ portfolio = "corp", scope = "portfolio", limit = 1000 }]',
    ],
    ids=["blanks", "quotes", "comment", "inline"],
)
@pytest.mark.parametrize("where", ["limits", "limits.toml", "limits.txt"])
def test_toml_is_taken_for_toml_however_it_is_written(text: str, where: str) -> None:
    wanted = parse_limits(TOML, where=where)
    assert parse_limits(text, where=where) == wanted[: len(parse_limits(text, where=where))]


def test_use_is_exposure_over_the_limit_of_one_s_own_or_of_each() -> None:
    tables = limit_use(POSITIONS, parse_limits(TOML, where="limits.toml"))
    used = {(entity, time): value for entity, time, value in tables["obligor"].select("entity", "valid_time", "limit_use").rows()}
    assert used == {
        ("corp/A", FIRST): 390.0 / 400.0,
        ("corp/B", FIRST): 0.6,
        ("corp/C", FIRST): 0.1,
        ("corp/A", SECOND): 0.25,
        ("corp/B", SECOND): 0.0,  # gone from the book: nothing of its limit is used
        ("corp/C", SECOND): 0.95,
    }
    assert tables["sector"]["limit_use"].to_list() == [0.9, 0.2]
    assert tables["portfolio"].select("entity", "limit_use").rows() == [("corp", 0.46), ("corp", 0.195)]


def test_the_rules_that_ship_open_at_a_used_up_limit_and_close_behind_it() -> None:
    rules = [rule for rule in packaged_rules() if rule.kind == "limit_use"]
    found = evaluate(limit_use(POSITIONS, parse_limits(TOML, where="limits.toml")), rules)
    alarmed = {condition.subject: condition for condition in found.conditions(FIRST)}
    assert {subject: condition.severity.value for subject, condition in alarmed.items()} == {
        "obligor/corp/A": "warning",
        "sector/corp/energy": "warning",
    }
    assert alarmed["obligor/corp/A"].evidence["rests_on"] == "the book of 2026-01-31, limit 400.0"
    assert [condition.subject for condition in found.conditions(SECOND)] == ["obligor/corp/C"]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        (TOML + TOML, "limits.toml", "more than one limit of corp, portfolio"),
        (TOML.replace("400.0", "0"), "limits.toml", "limit 3: .* above 0"),
        (TOML.replace('entity = "A"', ""), "limits.toml", "needs an entity"),
        (TOML.replace('"energy"', '"energy"\nwhat = 1'), "limits.toml", "unknown key 'what'"),
        ("[[limit]]\n[other]\n", "limits.toml", "nothing else"),
        ("[[limit", "limits.toml", "not TOML"),
        ("[[limit]]\nx", "limits.toml", "not TOML"),
        (CSV.replace("400", "many"), "limits.csv", "row 3, column limit: 'many'"),
        (CSV.replace("sector,energy", "branch,energy"), "limits.csv", "limit 4: scope = 'branch'"),
        ("limit = []", "limits.toml", "no limit"),
        ("", "limits", "columns portfolio"),
        ("portfolio,scope,entity,limit\n", "limits.csv", "no limit"),
        (CSV.replace("400", "400,5"), "limits.csv", "row 3 has more cells"),
        (CSV.replace("400", ""), "limits.csv", "limit 3: it needs limit"),
    ],
)
def test_what_is_wrong_with_limits_is_said_with_its_place(text: str, where: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_limits(text, where=where)


def test_a_limit_of_a_whole_book_names_nobody_in_it() -> None:
    with pytest.raises(InvalidInput, match="whole book"):
        Limit(portfolio="corp", scope=Scope.PORTFOLIO, entity="energy", limit=1.0)
