"""A mended parser reads history again: rows get the values that it reads, and keep the times from which they were known first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources import core
from crfs.sources.core import Parsed, Payload
from crfs.sources.core.registry import load_source
from crfs.workflows.collection import collect, collect_again
from crfs.workflows.session import Session, open_session

CAPTURES = {
    "a": ("2024-02-20T15:00:00+00:00", b"observation_date,UNRATE\n2023-12-01,3.7\n2024-01-01,3.7\n"),
    "b": ("2024-03-20T15:00:00+00:00", b"observation_date,UNRATE\n2023-12-01,3.8\n2024-01-01,3.7\n2024-02-01,3.9\n"),
}


@dataclass(frozen=True)
class OtherParser:
    """FRED with another parser: values a tenth of what they are, or without the first row."""

    inner: Any
    parser_version: str
    factor: float = 1.0
    drops_first: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        parsed: Parsed = self.inner.parse(payload, catalogue)
        tables = {
            name: table.slice(1 if self.drops_first else 0).with_columns(pl.selectors.by_dtype(pl.Float64) * self.factor)
            for name, table in parsed.tables.items()
        }
        return replace(parsed, tables=tables)


@pytest.fixture
def readings_again() -> None:
    """Of this module they have servers of their own, as those of users have."""


@pytest.fixture(scope="module")
def session(new_store: Callable[[], str]) -> Iterator[Session]:
    with open_session(new_store()) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("captures")
    for name, (captured, body) in CAPTURES.items():
        (place / f"{name}.csv").write_bytes(body)
        meta = {"url": f"https://fred.stlouisfed.org/graph/fredgraph.csv?id=UNRATE&cosd={name}", "status": 200, "captured": captured}
        (place / f"{name}.meta.json").write_text(json.dumps(meta))
    return place


def parsing_with(monkeypatch: pytest.MonkeyPatch, *, of: str = "fred", **parser: Any) -> None:
    def load(name: str) -> Any:
        return OtherParser(inner=load_source(name), **parser) if name == of else load_source(name)

    monkeypatch.setattr(core, "load_source", load)


def rows(session: Session) -> list[tuple[str, str, float | None]]:
    """What counts at each key of the series: valid day, known from, value."""
    from crfs.bitemporal.resolve import rows_that_count

    table = rows_that_count(session.reader(session.pin().batch_id).rows("fred_series", columns=["value"], entities=["UNRATE"]))
    return [
        (f"{v:%Y-%m}", f"{k:%Y-%m-%d}", value)
        for v, k, value in table.sort("valid_time", "knowledge_time").select("valid_time", "knowledge_time", "value").rows()
    ]


TRUE = [("2023-12", "2024-02-20", 3.7), ("2023-12", "2024-03-20", 3.8), ("2024-01", "2024-02-20", 3.7), ("2024-02", "2024-03-20", 3.9)]


def test_from_a_wrong_parser_to_a_mended_one_and_to_one_that_says_less(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsing_with(monkeypatch, parser_version="0", factor=10.0)
    first = collect(session, "fred", replay=folder)
    assert sum(first.appended.values()) == 4
    assert [value for _, _, value in rows(session)] == [37.0, 38.0, 37.0, 39.0]
    before = session.pin()

    monkeypatch.undo()
    mended = collect_again(session, "fred")
    assert rows(session) == TRUE
    assert sum(mended.appended.values()) == 4
    assert len(mended.batches) == 2
    assert sum(collect_again(session, "fred").appended.values()) == 0, "once is enough"
    assert sum(collect(session, "fred", replay=folder).appended.values()) == 0, "and the same folder adds nothing"

    old = session.reader(before.batch_id).rows("fred_series", columns=["value"], entities=["UNRATE"])
    assert sorted(old["value"].to_list()) == [37.0, 37.0, 38.0, 39.0], "what the store answered then, it answers still"

    parsing_with(monkeypatch, parser_version="later", drops_first=True)
    less = collect(session, "fred", replay=folder)
    assert sum(less.appended.values()) == 2, "the two rows that are no longer said are annulled, by a replay of the same folder too"
    assert [row for row in rows(session) if row[0] == "2023-12"] == []


def test_a_source_without_payloads_has_nothing_to_read_again(session: Session) -> None:
    assert collect_again(session, "treasury").payloads == 0


def test_reparse_is_of_a_source_that_there_is(session: Session) -> None:
    with pytest.raises(InvalidInput, match="no source"):
        collect_again(session, "fret")


def test_the_same_bytes_in_a_new_fetch_say_what_is_shown_then_whatever_parser_read_them_before(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's yield is 4.40 in January, and in March again, by which time there is a newer parser. February's answer, 4.50, comes in last."""
    url = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/2025/all"

    def shown(month: int, value: float) -> Path:
        place = tmp_path / str(month)
        place.mkdir()
        (place / "rates.csv").write_text(f"Date,10 Yr\n01/02/2025,{value:.2f}\n")
        meta = {
            "url": f"{url}?type=daily_treasury_yield_curve&field_tdr_date_value=2025&page&_format=csv",
            "status": 200,
            "captured": f"2025-{month:02}-20T15:00:00+00:00",
        }
        (place / "rates.meta.json").write_text(json.dumps(meta))
        return place

    january, february, march = shown(1, 4.40), shown(2, 4.50), shown(3, 4.40)
    parsing_with(monkeypatch, of="treasury", parser_version="0")
    collect(session, "treasury", replay=january)
    monkeypatch.undo()
    for folder in (march, february):
        collect(session, "treasury", replay=folder)
    table = session.reader(session.pin().batch_id).rows("treasury_par_yields", columns=["rate"])
    last = table.sort("knowledge_time").select(known=pl.col("knowledge_time").dt.strftime("%Y-%m"), rate="rate").rows()
    assert last == [("2025-01", 4.40), ("2025-02", 4.50), ("2025-03", 4.40)]
