"""The library: the verbs of the command line on an open store, and the science with no store at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import crfs
from crfs.errors import InvalidInput, NotFound
from crfs.workflows import portfolio_ecl
from tests.places import servers_folder


@pytest.fixture(scope="module")
def store() -> Iterator[crfs.Store]:
    """An embedded store with a few years of history."""
    with servers_folder("library test") as folder, crfs.open(data_dir=folder / "data") as opened:
        opened.ingest("packaged", "moodys_yields")
        yield opened


def test_a_factor_is_asked_as_it_was_known(store: crfs.Store) -> None:
    spread = store.factors.get("us.credit_spread_baa_aaa", as_of="2008-12-15", start="2008-01-01").table
    assert spread["valid_time"].dt.month().to_list() == list(range(1, 12))
    assert spread["knowledge_time"].max() <= datetime(2008, 12, 16, 5, tzinfo=UTC)  # type: ignore[operator]
    same = datetime(2008, 12, 16, 5, tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
    for asked in (date(2008, 12, 15), same):
        again = store.factors.get("us.credit_spread_baa_aaa", as_of=asked, start="2008-01-01")
        assert (again.as_of, again.as_of.tzinfo) == (same, UTC)
        assert again.table.equals(spread)
    with pytest.raises(NotFound, match=r"did you mean us\.credit_spread_baa_aaa"):
        store.factors.get("us.credit_spread_baa_aa")
    with pytest.raises(InvalidInput, match="no time zone"):
        store.factors.get("us.credit_spread_baa_aaa", as_of=datetime(2020, 1, 1))  # noqa: DTZ001


def test_a_book_is_measured_replayed_traced_and_verified(store: crfs.Store, tmp_path: Path) -> None:
    book = tmp_path / "book.csv"
    rows = [f"F{i},O{i},100,0.45,0.02,0.2,all" for i in range(50)]
    book.write_text("\n".join(["facility_id,obligor_id,ead,lgd,pd_12m,r2,group", *rows]) + "\n")
    model = {"factors": ["e"], "correlation": [[1.0]], "groups": {"all": {"e": 1.0}}}
    store.portfolio.load("fifty", book)
    answer = store.portfolio.risk("fifty", model, confidences=(0.99,), max_scenarios=20_000)
    assert answer["el"] == pytest.approx(50 * 100 * 0.45 * 0.02, rel=1e-12)
    assert store.portfolio.concentration("fifty")["by"]["obligor_id"]["effective_names"] == pytest.approx(50)
    replayed = store.replay(answer["run_id"])
    assert replayed.sha256 == answer["result_sha256"]
    chain = store.lineage(answer["run_id"])
    assert chain["sound"]
    assert [store.payloads.get(payload["sha256"]) for payload in chain["payloads"]] == [book.read_bytes()]
    assert store.verify()["sound"]


def test_one_file_serves_every_kind_of_run_under_the_same_names_as_the_command_line(store: crfs.Store, tmp_path: Path) -> None:
    book = tmp_path / "whole.csv"
    header = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,exposure_class,stage,maturity_years,effective_interest_rate"
    book.write_text("\n".join([header, *(f"F{i},O{i},100,0.45,0.01,0.2,all,corporate,1,2.5,0.0" for i in range(20))]) + "\n")
    model = {"factors": ["e"], "correlation": [[1.0]], "groups": {"all": {"e": 1.0}}}
    store.portfolio.load("whole", book)
    capital = store.portfolio.capital("whole")
    assert capital["rw"] == pytest.approx(0.9232, abs=5e-5)  # the rules' own table: a PD of 1 %, an LGD of 45 %, 2.5 years
    ecl = store.portfolio.ecl("whole")
    assert ecl["allowance"] == pytest.approx(20 * 100 * 0.45 * 0.01, abs=0.005)
    shocks: list[dict[str, object]] = [{"pd_probit": 0.0}, {"segment": "nobody", "pd_probit": 1.0}]
    with pytest.raises(InvalidInput, match="segment"):
        store.portfolio.stress("whole", shocks=shocks, factor_model=model)
    stressed = store.portfolio.stress("whole", shocks=[{"pd_probit": 0.5}], factor_model=model, losses=False)
    assert stressed["el_base"] == pytest.approx(ecl["allowance"])
    assert stressed["capital"]["capital"]["base"] == capital["totals"]["capital"]
    assert stressed["ecl"]["allowance"]["base"] == ecl["allowance"]
    loan = {"facility_id": "N", "obligor_id": "N", "ead": 50, "lgd": 0.45, "pd_12m": 0.01, "r2": 0.2, "group": "all"}
    changed = store.portfolio.what_if("whole", [loan], model, remove=["F0"], confidences=(0.99,))
    assert changed["el"]["change"] == pytest.approx(-50 * 0.45 * 0.01)
    for answer in (capital, ecl, stressed, changed):
        assert store.replay(answer["run_id"]).verdict.value == "MATCH"
    assert {"us/hold", "history/2007"} <= {scenario["scenario"] for scenario in store.scenarios.list()}


@pytest.mark.parametrize("wrong", [None, 5, b"x", ["run"]])
def test_what_is_no_id_of_a_run_is_refused_by_its_name(store: crfs.Store, wrong: Any) -> None:
    for verb in (store.replay, store.lineage):
        with pytest.raises(InvalidInput, match="run_id is the id of a run, a text") as refused:
            verb(wrong)
        assert refused.value.argument == "run_id"


ONE_GROUP = {"factors": ["e"], "correlation": [[1.0]], "groups": {"all": {"e": 1.0}}}


def loan(ead: float) -> str:
    return f"facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,{ead},0.4,0.02,0.2,all\n"


def test_books_of_two_days_are_loaded_and_what_changed_between_them_is_told(store: crfs.Store, tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    for day, ead in (("2026-03-31", 100.0), (date(2026, 1, 31), 50.0)):
        file.write_text(loan(ead))
        told = store.portfolio.load("loans", file, valid_at=day)
        assert told["valid_time"] == f"2026-{'04' if ead == 100.0 else '02'}-01T00:00:00+00:00", "a day means its end"
    changed = store.portfolio.attribute("loans", "2026-02-28", "2026-03-31", ONE_GROUP, confidences=(0.9,), max_scenarios=1_000)
    assert changed["change"]["el"]["before"] == pytest.approx(50 * 0.4 * 0.02)
    assert changed["change"]["el"]["after"] == pytest.approx(100 * 0.4 * 0.02)
    with pytest.raises(InvalidInput, match="no time zone"):
        store.portfolio.load("loans", file, valid_at=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="before 1900"):
        store.portfolio.load("loans", file, valid_at="0001-01-01")


def test_of_a_loaded_book_and_a_file_of_the_same_name_neither_is_guessed(
    store: crfs.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("mine.v2")
    file.write_text(loan(100))
    store.portfolio.load("mine.v2", file)
    file.write_text(loan(700))
    total = "total_ead"
    asks: list[Callable[[Any], Any]] = [
        store.portfolio.concentration,
        lambda book: store.portfolio.stress(book, shocks=[{"pd_probit": 0.5}]),
    ]
    for ask in asks:
        with pytest.raises(
            InvalidInput, match=r"loaded under the name 'mine\.v2', and there is a file.* \./mine\.v2 .*portfolio:mine\.v2"
        ) as both:
            ask("mine.v2")
        assert both.value.argument == "book"
    assert store.portfolio.concentration("./mine.v2")[total] == 700.0
    assert store.portfolio.concentration(file)[total] == 700.0, "a path is a file"
    assert store.portfolio.concentration("portfolio:mine.v2")[total] == 100.0
    file.unlink()
    assert store.portfolio.concentration("mine.v2")[total] == 100.0
    file.mkdir()
    assert store.portfolio.concentration("mine.v2")[total] == 100.0, "a folder is no book"
    with pytest.raises(NotFound, match="no portfolio is called 'nobody'"):
        store.portfolio.concentration("portfolio:nobody")
    with pytest.raises(InvalidInput, match="no book is named"):
        store.portfolio.concentration("")


def test_a_new_name_does_not_end_like_a_file_and_one_that_is_loaded_goes_on(store: crfs.Store, tmp_path: Path) -> None:
    from crfs.store.append import Delivery, append
    from crfs.store.publication import BatchKind, BatchNote
    from crfs.workflows.books import DATASET

    file = tmp_path / "loans.csv"
    file.write_text(loan(100))
    for name in ("book.csv", "book.JSON", "book.parquet", "book.toml", "book.jsonl"):
        with pytest.raises(InvalidInput, match="would be taken for a file; call it 'book'") as refused:
            store.portfolio.load(name, file)
        assert refused.value.argument == "name"
    store.portfolio.load("book.2026-03-31", file)
    # A store of before has such a name.
    session = store.session
    sha256 = store.portfolio.load("before", file)["sha256"]
    day = pl.Datetime("us", "UTC")
    row = {"entity": ["before.csv"], "valid_time": [datetime(2026, 1, 1, tzinfo=UTC)], "knowledge_time": [datetime(2026, 1, 1, tzinfo=UTC)]}
    file_columns = {"sha256": [sha256], "file_format": ["csv"], "file_name": ["x.csv"], "facilities": [1]}
    rows = pl.DataFrame(
        {**row, "knowledge_basis": ["observed"], "row_state": ["value"], **file_columns},
        schema_overrides={"valid_time": day, "knowledge_time": day},
    )
    note = BatchNote(kind=BatchKind.INGEST, at=session.clock.now(), source="portfolio:before.csv", parser_version="1", payloads=[sha256])
    append(session.database, [Delivery(definition=session.catalogue().dataset(DATASET), rows=rows)], note)
    assert store.portfolio.concentration("before.csv")["total_ead"] == 100.0
    file.write_text(loan(300))
    store.portfolio.load("before.csv", file)
    assert store.portfolio.concentration("before.csv")["total_ead"] == 300.0


def test_a_facility_does_not_change_and_leave_and_a_tag_cuts_once(store: crfs.Store, tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    file.write_text(loan(100) + "F2,O2,50,0.4,0.02,0.2,all\n")
    row = {"facility_id": "F1", "obligor_id": "O1", "ead": 70, "lgd": 0.4, "pd_12m": 0.02, "r2": 0.2, "group": "all"}
    with pytest.raises(InvalidInput, match="'F1' is in the changes and leaves the book") as refused:
        store.portfolio.what_if(file, [row], ONE_GROUP, remove=["F1"])
    assert refused.value.argument == "remove"
    store.portfolio.load("cut_twice", file, valid_at="2026-01-31")
    with pytest.raises(InvalidInput, match="tags has 'sector' twice") as refused:
        store.portfolio.attribute("cut_twice", "2026-02-28", "2026-03-31", ONE_GROUP, tags=["sector", "sector"])
    assert refused.value.argument == "tags"


def test_the_science_needs_no_store() -> None:
    assert crfs.risk.value_at_risk([1.0, 2.0, 3.0, 4.0], confidence=0.75) == 3.0
    assert crfs.risk.expected_shortfall([1.0, 2.0, 3.0, 4.0], confidence=0.75) == 4.0
    assert crfs.risk.vasicek.__name__ == "crfs.risk.vasicek"
    assert callable(crfs.risk.portfolio_risk)
    assert callable(crfs.features.training_set)
    day = datetime(2020, 1, 1, tzinfo=UTC)
    rows = pl.DataFrame(
        {"entity": "US", "valid_time": [day], "knowledge_time": [day], "batch_id": [1], "row_state": "value", "value": [1.0]}
    )
    assert crfs.bitemporal.as_of(rows, as_of=day)["value"].to_list() == [1.0]
    assert crfs.bitemporal.change_points(rows, "P1M")["effective_time"].to_list() == [datetime(2020, 2, 1, tzinfo=UTC)]
    with pytest.raises(AttributeError, match="nonsense"):
        _ = crfs.nonsense
    assert set(crfs.__all__) <= set(dir(crfs))


def test_rows_are_corrected_and_annulled_from_a_file(store: crfs.Store, tmp_path: Path) -> None:
    definition, rows = tmp_path / "own.toml", tmp_path / "rows.csv"
    definition.write_text(
        '[[dataset]]\nname = "own_level"\ntitle = "Mine"\nsource = "csv"\nentity_kind = "country"\nperiod = "P1M"\nzone = "UTC"\n'
        '[[dataset.column]]\nname = "level"\ntitle = "Level"\n'
    )
    store.datasets.define(definition)
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.5\n")
    store.datasets.append("own_level", rows)
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.6\n")
    assert store.datasets.correct("own_level", rows, reason="a slip").amended == 1
    rows.write_text("entity,valid_time,knowledge_time\nUS,2020-01-01,2020-02-10\n")
    assert store.datasets.annul("own_level", rows, reason="never published").amended == 1
    with pytest.raises(InvalidInput, match="say why"):
        store.datasets.annul("own_level", rows, reason=" ")


def test_rules_watch_a_loaded_book_under_the_same_names_as_the_command_line(store: crfs.Store, tmp_path: Path) -> None:
    book, limits = tmp_path / "two.csv", tmp_path / "limits.csv"
    book.write_text("facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,A,95,0.4,0.02,0.2,all\nF2,B,10,0.4,0.02,0.2,all\n")
    limits.write_text("portfolio,scope,entity,limit\ntwo,obligor,*,100\n")
    store.portfolio.load("two", book)
    assert store.alerts.evaluate_rules(limits=limits, dry_run=True)["opened"] == 1
    assert store.alerts.list() == []
    (change,) = store.alerts.evaluate_rules(limits=limits)["changes"]
    assert store.alerts.ack(change["alert_id"], note="mine")["state"] == "acknowledged"
    assert store.alerts.show(change["alert_id"])["subject"] == "obligor/two/A"
    assert store.alerts.evaluate_rules(limits=limits)["kept"] == 1
    assert [alert["alert_id"] for alert in store.alerts.list(rule="obligor.limit_use", severity=["warning", "critical"])] == [
        change["alert_id"]
    ]
    assert store.alerts.list(rule="obligor.covenant") == []
    until = datetime.now(UTC) + timedelta(days=2)
    assert store.alerts.silence(change["alert_id"], until=until, note="they know")["silenced_until"] == until
    closed = store.alerts.close(change["alert_id"], note="handled")
    assert (closed["state"], closed["events"][-1]["note"]) == ("closed", "handled")
    assert {rule["name"] for rule in store.alerts.list_rules()} >= {"obligor.limit_use"}


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda alerts: alerts.evaluate_rules(5), "rules = 5 is no file"),
        (lambda alerts: alerts.evaluate_rules(limits=3), "limits = 3 is no file"),
        (lambda alerts: alerts.evaluate_rules(rating_scale=b"x"), "rating_scale = b'x' is no file"),
        (lambda alerts: alerts.evaluate_rules(as_of=5), "as_of = 5 is no time: it is a datetime"),
        (lambda alerts: alerts.evaluate_rules(dry_run="no"), "dry_run = 'no': True or False"),
        (lambda alerts: alerts.list(limit="all"), "limit = 'all': a whole number"),
        (lambda alerts: alerts.list(limit=-1), "limit = -1: a whole number"),
        (lambda alerts: alerts.list(rule=["a", 7]), "rule = 7: a name"),
        (lambda alerts: alerts.list(rule=5), "rule = 5: a name"),
        (lambda alerts: alerts.list(severity=5), "severity = 5: a name"),
        (lambda alerts: alerts.list(severity="bad"), "severity = 'bad': it is one of info"),
        (lambda alerts: alerts.show("x"), "alert_id = 'x': the number of an alert"),
        (lambda alerts: alerts.ack(1, note=7), "note = 7: a text"),
        (lambda alerts: alerts.close(1, note="a\0b"), "note has a NUL"),
        (lambda alerts: alerts.silence(1, until=5), "until = 5 is no time"),
    ],
)
def test_an_argument_of_another_kind_is_refused_with_what_is_wanted(store: crfs.Store, ask: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)) as caught:
        ask(store.alerts)
    assert caught.value.argument is not None


WRONG: list[Any] = [5, 1.5, True, object(), math.nan, b"x", {1}, [[]], [None], np.array([1.0]), pl.Series([1.0]), pl.DataFrame({"a": [1]})]
TEXTS = ["models", "ratings"]
ROWS = ["changes", "shocks"]
SHARED = ("models", "label", "progress", "as_of")


@pytest.mark.parametrize(
    ("verb", "given", "arguments"),
    [
        ("load", {"name": "x", "file": "x.csv"}, ("name", "file", "valid_at")),
        ("risk", {"book": "few"}, ("book", "factor_model", "device", "copula", "method", *SHARED)),
        ("capital", {"book": "few"}, ("book", "approach", "regime", "floor_on", "exposure_classes", *SHARED)),
        ("ecl", {"book": "few"}, ("book", "policy", "scenarios", "satellite", "standard", "stages", "timing", "reporting_date", *SHARED)),
        (
            "attribute",
            {"name": "few", "earlier": "2020-01-01", "later": "2020-01-02"},
            ("name", "earlier", "later", "factor_model", "earlier_factor_model", *SHARED[:-1]),
        ),
        ("reverse_stress", {"book": "few", "loss": 1.0}, ("book", "factor_model", "satellite", *SHARED)),
        ("sensitivities", {"book": "few"}, ("book", "factor_model", "satellite", "bumps", *SHARED)),
        ("what_if", {"book": "few"}, ("book", "changes", "factor_model", *SHARED)),
        ("mark_to_market", {"book": "few", "transition_matrix": {}}, ("book", "transition_matrix", "quotes", "grades", "spreads", *SHARED)),
        ("zero_curves", {"ratings": ["A"]}, ("ratings", "quotes", "grades", "spreads")),
        (
            "stress",
            {"book": "few"},
            ("book", "scenario", "base", "shocks", "satellite", "at", "balance_sheet", "lgd_response", "migration", *SHARED),
        ),
        ("concentration", {"book": "few"}, ("book", *SHARED)),
        ("factor_model", {"specification": {}}, ("specification", "out", "label")),
    ],
)
def test_what_is_of_another_kind_is_refused_by_its_name(
    store: crfs.Store, verb: str, given: dict[str, Any], arguments: tuple[str, ...]
) -> None:
    for argument in arguments:
        listed: list[Any] = [["a"]] if argument in ROWS else [[{}]] if argument in TEXTS else [["a"], [{}]]
        for wrong in [*WRONG, *listed]:
            with pytest.raises(InvalidInput) as refused:
                getattr(store.portfolio, verb)(**{**given, argument: wrong})
            assert refused.value.argument == argument, wrong


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_no_option(wrong: float) -> None:
    for name in ("forecast_years", "reversion_years"):
        with pytest.raises(InvalidInput) as refused:
            portfolio_ecl.check_options({name: wrong})
        assert refused.value.argument == name
