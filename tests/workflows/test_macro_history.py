"""The macro history before a scenario: a gap is filled by the last known value, and told, or refused where it is long."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.workflows.macro_history import LONGEST_GAP, carried_to, passed_over


def history(*values: float, variable: str = "us.rate") -> pl.DataFrame:
    """Quarters from the beginning of 2009 on."""
    days = pl.date_range(date(2009, 1, 1), date(2030, 1, 1), interval="3mo", eager=True)[: len(values)]
    return pl.DataFrame({"valid_time": days, "variable": variable, "value": list(values), "unit": "decimal"})


def test_a_scenario_that_starts_where_history_ends_needs_nothing() -> None:
    told = history(0.04, 0.05)
    carried, notes = carried_to(told, date(2009, 7, 1))
    assert carried.equals(told)
    assert notes == ()


@pytest.mark.parametrize(("start", "missing"), [(date(2009, 10, 1), 1), (date(2010, 1, 1), 2), (date(2011, 7, 1), LONGEST_GAP)])
def test_a_gap_has_the_last_value_in_each_quarter_and_is_told(start: date, missing: int) -> None:
    carried, notes = carried_to(history(0.04, 0.05), start)
    assert carried["value"].to_list() == [0.04, *[0.05] * (missing + 1)]
    assert carried["valid_time"].to_list()[-1] < start
    assert carried["valid_time"].n_unique() == carried.height
    assert carried.schema == history(0.04).schema
    (note,) = notes
    assert "us.rate is known up to the quarter from 2009-04-01" in note
    assert str(start) in note


def test_each_variable_goes_on_from_its_own_end() -> None:
    told = pl.concat([history(0.04, 0.05), history(1.0, 2.0, 3.0, 4.0, variable="us.index")])
    carried, notes = carried_to(told, date(2010, 1, 1))
    assert carried.filter(pl.col("variable") == "us.rate")["value"].to_list() == [0.04, 0.05, 0.05, 0.05]
    assert carried.filter(pl.col("variable") == "us.index").equals(history(1.0, 2.0, 3.0, 4.0, variable="us.index"))
    assert len(notes) == 1


def test_a_long_gap_is_refused_with_the_last_known_quarter_and_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="2009-04-01") as refused:
        carried_to(history(0.04, 0.05), date(2011, 10, 1))
    assert refused.value.argument == "scenario"
    assert "crfs ingest" in str(refused.value)
    latest = date(2011, 7, 1)
    assert f"start by {latest}" in str(refused.value)
    assert carried_to(history(0.04, 0.05), latest)[1], "the start that the refusal names is taken"


def test_a_scenario_that_stands_in_place_of_known_quarters_is_told() -> None:
    told = pl.concat([history(0.04, 0.05, 0.06), history(1.0, 2.0, 3.0, 4.0, variable="us.index")])
    for start in (date(2009, 10, 1), date(2010, 1, 1), date(2012, 1, 1)):
        assert passed_over(told, start) == (), "from the first quarter of which not every variable is known"
    (two,) = passed_over(told, date(2009, 4, 1))
    assert "starts on 2009-04-01" in two
    assert "the quarters from 2009-04-01 to that from 2009-07-01 are known" in two
    assert "let it start on 2009-10-01" in two
    (one,) = passed_over(told, date(2009, 7, 1))
    assert "the quarter from 2009-07-01 is known" in one
    assert passed_over(told.clear(), date(2009, 4, 1)) == (), "nothing is known"
