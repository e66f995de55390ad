"""Sectors: their means and default rates counted by hand, where trouble begins, and what rules on them were worth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.monitoring.early_warning import default_rates, group_performance, grouped, stretches

INSTANT = pl.Datetime("us", "UTC")


def at(month: int) -> datetime:
    """The first day of a month, the first being January 2020."""
    return datetime(2020 + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)


def obligor(name: str, month: int, **cells: Any) -> dict[str, Any]:
    return {
        "sector": "energy",
        "obligor_id": name,
        "observed_at": at(month),
        "in_default": False,
        "pd": 0.02,
        "utilisation": 0.5,
        "days_past_due": 0,
        **cells,
    }


def test_a_sector_is_the_mean_of_its_obligors_who_are_not_in_default() -> None:
    months = pl.DataFrame(
        [
            obligor("A", 1, pd=0.02, days_past_due=29),
            obligor("B", 1, pd=0.04, utilisation=None, days_past_due=30),
            obligor("C", 1, pd=None, utilisation=2.0, days_past_due=200, in_default=True),
            obligor("A", 2, pd=0.10),
            obligor("Z", 1, sector="public"),
        ]
    )
    table = grouped(months, "sector")
    first, second, other = table.to_dicts()
    assert first == {
        "entity": "energy",
        "valid_time": at(1),
        "knowledge_time": at(1),
        "obligors": 2,
        "pd": pytest.approx(0.03),
        "utilisation": 0.5,
        "days_past_due": 29.5,
        "late_share": 0.5,
    }
    assert (second["valid_time"], second["pd"], other["entity"]) == (at(2), 0.10, "public")
    # What comes later changes nothing before it.
    assert grouped(months.filter(pl.col("observed_at") == at(1)), "sector").equals(table.filter(pl.col("valid_time") == at(1)))


def test_a_default_rate_counts_whoever_was_there_at_its_start() -> None:
    months = pl.DataFrame([obligor(name, 1) for name in "ABCD"] + [obligor("E", 1, in_default=True), obligor("A", 8)])
    defaults = pl.DataFrame(
        {"entity": ["A", "B", "B", "C", "E"], "defaulted_at": [at(13), at(1), at(5), datetime(2021, 1, 2, tzinfo=UTC), at(3)]}
    )
    # A on the window's last day, B again within it; C a day after it; E was in default, D never; the window of month 8 is open.
    assert default_rates(months, defaults, "sector", until=at(14)).to_dicts() == [
        {"entity": "energy", "at": at(13), "obligors": 4, "rate": 0.5}
    ]


def rates(**by: str) -> pl.DataFrame:
    """A rate of 0 where the word has a dot, of 1 elsewhere, month by month."""
    rows = [(name, at(number), float(mark != ".")) for name, word in by.items() for number, mark in enumerate(word, start=1)]
    return pl.DataFrame(rows, schema={"entity": pl.String, "at": INSTANT, "rate": pl.Float64}, orient="row")


def test_trouble_begins_where_the_rate_rises_above_its_own_level() -> None:
    cut = stretches(rates(late="....##", twice="..#..#.", first="##..", never="...."))
    found = [(name, begins, onset) for name, _, begins, onset in cut.sort("stretch").rows()]
    assert found == [
        ("first", at(1), at(1)),
        ("first", at(3), None),
        ("late", at(1), at(5)),
        ("never", at(1), None),
        ("twice", at(1), at(3)),
        ("twice", at(4), at(6)),
        ("twice", at(7), None),
    ]


def test_the_worth_of_a_rule_on_sectors_by_hand() -> None:
    told = rates(good="....#.........", twice="..#...#.......", calm="." * 14, at_once="#.............")
    spells = [
        ("r", "good", 2, 4),  # trouble from month 5 on: foretold
        ("r", "twice", 4, None),  # after the first trouble ended; the second one comes in month 7
        ("r", "calm", 1, 3),  # none follows in three months
        ("r", "at_once", 1, 2),  # in trouble already: late
        ("r", "calm", 13, None),  # its window is open
        ("s", "good", 1, 2),  # another rule
    ]
    alerts = pl.DataFrame(
        [(rule, name, at(opened), None if closed is None else at(closed)) for rule, name, opened, closed in spells],
        schema={"rule": pl.String, "entity": pl.String, "opened_at": INSTANT, "closed_at": INSTANT},
        orient="row",
    )
    watched = told.select("entity", "at")
    (one,) = group_performance(alerts, watched, told, ["r"], until=at(14), window="P3M")
    assert (one.precision.hits, one.precision.of) == (2, 3)
    assert (one.recall.hits, one.recall.of) == (2, 3)  # good once, twice twice; at_once was in trouble when it was first looked at
    assert (one.late, one.undecided) == (1, 1)
    assert one.lead_days is not None
    assert one.lead_days["mean"] == pytest.approx(((at(5) - at(2)).days + (at(7) - at(4)).days) / 2)
    assert one.false_alarm_rate is not None
    # Calm are months up to 11 without trouble in the three after them or at them: good 1 and 6 to 11, twice 8 to 11, calm 1 to 11,
    # at_once 2 to 11. In alert: twice from 4 on, through the end of its second trouble, and calm in 1 and 2.
    assert (one.false_alarm_rate.hits, one.false_alarm_rate.of) == (6, 32)
    with pytest.raises(InvalidInput, match="name the rules"):
        group_performance(alerts, watched, told, [], until=at(14))


def test_means_of_a_group_have_the_same_bits_in_any_order_of_its_obligors() -> None:
    random = np.random.default_rng(3)
    count = 20_000
    months = pl.DataFrame(
        {
            "sector": random.choice(["energy", "services"], count),
            "observed_at": 1,
            "in_default": False,
            "pd": random.lognormal(-4.0, 1.0, count),
            "utilisation": random.uniform(0.0, 1.0, count),
            "days_past_due": 0,
        }
    )
    told = grouped(months, "sector")
    for seed in range(8):
        assert grouped(months.sample(fraction=1.0, shuffle=True, seed=seed), "sector").equals(told)
