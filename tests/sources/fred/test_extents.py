"""What an answer of FRED tells the whole of: the dates that it shows all of, and from when what it leaves out is known to be gone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter

import polars as pl
import pytest

from crfs.bitemporal.extent import Extent
from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Payload
from crfs.sources.providers.fred import SOURCE
from crfs.sources.providers.fred.contradictions import contradicted
from tests.sources.alfred import observations_document, payload_of

ASKED = "https://api.stlouisfed.org/fred/series/observations?series_id=TEST&realtime_start=2020-03-02&realtime_end=2020-05-01"
LATEST = "https://api.stlouisfed.org/fred/series/observations?series_id=TEST"
GRAPH = "https://fred.stlouisfed.org/graph/fredgraph.csv?id=TEST"
START, END = date(2020, 3, 2), date(2020, 5, 1)


def shown(*days: str, value: str = "1.5") -> list[dict[str, str]]:
    return [{"realtime_start": str(START), "realtime_end": str(END), "date": day, "value": value} for day in days]


def extents(payload: Payload, catalogue: Catalogue) -> list[tuple[date, date, datetime]]:
    told: list[Extent] = list(SOURCE.parse(payload, catalogue).extents.get("fred_series", ()))
    return [(one.first_valid_time.date(), one.last_valid_time.date(), one.known_at) for one in told]


def table(body: str, *, url: str = GRAPH) -> Payload:
    return payload_of(body.encode(), url=url)


def test_a_window_of_real_time_tells_of_every_date_from_the_end_of_its_first_day(catalogue: Catalogue) -> None:
    document = observations_document(shown("2020-01-01", "2020-02-01"), START, END)
    assert extents(payload_of(document, url=ASKED), catalogue) == [
        (date(1600, 1, 1), date(2199, 12, 31), datetime(2020, 3, 3, 6, tzinfo=UTC))
    ]


def test_a_window_says_what_its_days_ended_with_as_far_as_they_were_over(catalogue: Catalogue) -> None:
    document, fetched = observations_document(shown("2020-01-01"), START, END), datetime(2020, 4, 2, 15, tzinfo=UTC)

    def until(payload: Payload) -> datetime | None:
        [one] = SOURCE.parse(payload, catalogue).extents["fred_series"]
        return one.final_until

    assert until(payload_of(document, url=ASKED)) == datetime(2020, 5, 2, 5, tzinfo=UTC)
    assert until(replace(payload_of(document, url=ASKED), started_at=fetched, fetched_at=fetched)) == datetime(2020, 4, 2, 5, tzinfo=UTC)
    assert until(table("observation_date,TEST\n2020-01-01,1.5\n")) is None


def test_while_the_first_day_of_a_window_runs_it_is_the_fetch_that_tells(catalogue: Catalogue) -> None:
    fetched = datetime(2020, 3, 2, 15, tzinfo=UTC)
    payload = replace(
        payload_of(observations_document(shown("2020-01-01"), START, START), url=ASKED), started_at=fetched, fetched_at=fetched
    )
    assert [known for _, _, known in extents(payload, catalogue)] == [fetched]


def test_the_latest_values_do_not_tell_what_lies_before_the_first_that_they_show(catalogue: Catalogue) -> None:
    document = observations_document(shown("2020-01-01", "2020-02-01"), START, START)
    [(first, last, _)] = extents(payload_of(document, url=LATEST), catalogue)
    assert (first, last) == (date(2020, 1, 1), date(2199, 12, 31))
    [(first, last, _)] = extents(table("observation_date,TEST\n2020-01-01,1.5\n2020-02-01,.\n"), catalogue)
    assert (first, last) == (date(2020, 1, 1), date(2199, 12, 31))
    asked = table("observation_date,TEST\n2020-01-01,1.5\n", url=f"{GRAPH}&coed=2020-02-15")
    assert [last for _, last, _ in extents(asked, catalogue)] == [date(2020, 2, 15)]


def test_dates_that_were_not_asked_for_are_not_told_of(catalogue: Catalogue) -> None:
    document = {**observations_document(shown("2020-01-01"), START, END, observation_start="2019-12-01"), "observation_end": "2020-01-31"}
    assert [(first, last) for first, last, _ in extents(payload_of(document, url=ASKED), catalogue)] == [
        (date(2019, 12, 1), date(2020, 1, 31))
    ]


@pytest.mark.parametrize(
    ("offset", "count", "told"),
    [
        (0, 3, (date(1600, 1, 1), date(2199, 12, 31))),
        (0, 9, (date(1600, 1, 1), date(2020, 2, 29))),
        (4, 7, (date(2020, 1, 2), date(2199, 12, 31))),
        (4, 9, (date(2020, 1, 2), date(2020, 2, 29))),
    ],
)
def test_a_page_tells_of_the_dates_that_lie_wholly_on_it(catalogue: Catalogue, offset: int, count: int, told: tuple[date, date]) -> None:
    rows = shown("2020-01-01", "2020-02-01", "2020-03-01")
    document = observations_document(rows, START, END, offset=offset, count=count, limit=3)
    assert [(first, last) for first, last, _ in extents(payload_of(document, url=ASKED), catalogue)] == [told]


@pytest.mark.parametrize(
    "document",
    [
        observations_document([*shown("2020-01-01"), *shown("2020-02-01", value="n/a")], START, END),
        {**observations_document(shown("2020-01-01"), START, END), "output_type": 4},
        {**observations_document(shown("2020-01-01"), START, END, offset=3, count=9), "sort_order": "desc"},
    ],
    ids=["a value was refused", "first releases", "a page from the end"],
)
def test_answers_that_do_not_show_all_tell_of_nothing(catalogue: Catalogue, document: dict[str, object]) -> None:
    assert extents(payload_of(document, url=ASKED), catalogue) == []
    assert extents(table("observation_date,TEST\n2020-01-01,1.5\n2020-02-01,n/a\n"), catalogue) == []


def periods(*told: tuple[str, str, str | None]) -> dict[str, object]:
    """A document of the periods (from, to, value) of one date; without a value where that is None."""
    rows = [
        {"realtime_start": start, "realtime_end": end, "date": "2020-01-01", **({} if value is None else {"value": value})}
        for start, end, value in told
    ]
    return observations_document(rows, START, END)


@pytest.mark.parametrize("value", ["3,5", "x", None, "1e999"])
@pytest.mark.parametrize("after", [[], [("2020-04-20", "2020-05-01", "3.6")]])
def test_a_refused_value_withdraws_none_and_those_beside_it_stand(
    catalogue: Catalogue, value: str | None, after: list[tuple[str, str, str | None]]
) -> None:
    document = periods(("2020-03-02", "2020-03-31", "3.4"), ("2020-04-01", "2020-04-19" if after else "2020-05-01", value), *after)
    parsed = SOURCE.parse(payload_of(document, url=ASKED), catalogue)
    table = parsed.tables["fred_series"]
    assert table["row_state"].to_list() == ["value"] * (1 + len(after))
    assert table["value"].to_list() == [3.4, 3.6][: 1 + len(after)]
    assert parsed.rejected.height == 1


def test_values_that_hold_on_the_same_days_contradict_each_other_and_none_is_taken(catalogue: Catalogue) -> None:
    two = [("2020-03-02", "2020-05-01", "3.4"), ("2020-03-20", "2020-04-10", "9.9")]
    parsed = SOURCE.parse(payload_of(periods(*two), url=ASKED), catalogue)
    assert parsed.tables == {}
    assert parsed.rejected["reason"].to_list() == ["contradiction"] * 2
    same = SOURCE.parse(payload_of(periods(two[0], ("2020-03-20", "2020-04-10", "3.4")), url=ASKED), catalogue)
    assert same.rejected.is_empty()
    other = observations_document(
        [{"realtime_start": start, "realtime_end": end, "date": day, "value": value}
         for day, (start, end, value) in zip(("2020-01-01", "2020-02-01"), two, strict=True)],
        START, END,
    )  # fmt: skip
    assert SOURCE.parse(payload_of(other, url=ASKED), catalogue).rejected.is_empty()


A, B = ("2020-03-02", "2020-05-01"), ("2020-03-05", "2020-03-20")


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ([(*A, "3.4"), (*B, "3.4"), ("2020-04-01", "2020-04-10", "9.9")], [("2020-03-05", 3.4)]),
        ([(*A, "3.4"), (*B, "9.9"), ("2020-04-01", "2020-04-10", "9.9")], []),
        ([(*A, "3.4"), (*B, "9.9"), ("2020-03-10", "2020-04-10", "3.4")], []),
        ([("2020-03-02", "2020-03-10", "3.4"), (*B, "9.9"), ("2020-03-21", "2020-05-01", "3.4")], [("2020-03-21", 3.4)]),
        ([("2020-03-05", "2020-03-05", "3.4"), (*B, "9.9"), ("2020-03-20", "2020-05-01", ".")], []),
        ([("2020-03-02", "2020-03-04", "3.4"), (*B, "9.9"), (*B, "9.8")], [("2020-03-02", 3.4)]),
    ],
    ids=[
        "not its neighbour",
        "two of three",
        "the second after it",
        "a neighbour of one side",
        "three of one day each",
        "two of one start",
    ],
)
def test_of_values_that_hold_on_the_same_day_none_is_taken_whichever_lies_between(
    catalogue: Catalogue, told: list[tuple[str, str, str]], taken: list[tuple[str, float]]
) -> None:
    for order in (told, told[::-1]):
        parsed = SOURCE.parse(payload_of(periods(*order), url=ASKED), catalogue)
        table = parsed.tables.get("fred_series")
        assert ([] if table is None else table.select(pl.col("vintage_date").cast(pl.String), "value").rows()) == taken
        assert parsed.rejected["reason"].to_list() == ["contradiction"] * (len(told) - len(taken))


@pytest.mark.parametrize("seed", range(200))
def test_a_period_contradicts_whatever_shares_a_day_with_it_and_says_something_else(seed: int) -> None:
    draw = random.Random(seed)
    days = [date(2020, 1, 1) + timedelta(days=draw.randrange(12)) for _ in range(draw.randrange(1, 8))]
    told = sorted(((day, day + timedelta(days=draw.randrange(8)), draw.choice([None, 1.0, 2.0, 3.0])) for day in days), key=itemgetter(0))
    expected = [any(a <= y and x <= b and v != w for x, y, w in told) for a, b, v in told]
    assert contradicted(*([period[place] for period in told] for place in range(3))) == expected  # type: ignore[arg-type]  # columns of three types
