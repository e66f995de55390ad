"""Mark-to-market risk on curves of the store: made of what was known at a time and of nothing later, valued, replayed, and refused with what to bring."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput, NotYetKnown
from crfs.risk.migration import TransitionMatrix, mark_to_market_risk
from crfs.workflows.collection import collect
from crfs.workflows.facade import Store
from crfs.workflows.market_curves import Quotes, zero_curves
from crfs.workflows.session import Session
from tests.journeys.conftest import SHARED

pytestmark = [pytest.mark.servers, pytest.mark.journey]

RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
# CreditMetrics, technical document (1997), table 1.1: one-year transitions of Standard & Poor's, CreditWeek 15 April 1996, per cent.
MATRIX: dict[str, Any] = {
    "ratings": [*RATINGS, "D"],
    "rows": [
        [0.9081, 0.0833, 0.0068, 0.0006, 0.0012, 0.0, 0.0, 0.0],
        [0.0070, 0.9065, 0.0779, 0.0064, 0.0006, 0.0014, 0.0002, 0.0],
        [0.0009, 0.0227, 0.9105, 0.0552, 0.0074, 0.0026, 0.0001, 0.0006],
        [0.0002, 0.0033, 0.0595, 0.8693, 0.0530, 0.0117, 0.0012, 0.0018],
        [0.0003, 0.0014, 0.0067, 0.0773, 0.8053, 0.0884, 0.0100, 0.0106],
        [0.0, 0.0011, 0.0024, 0.0043, 0.0648, 0.8346, 0.0407, 0.0520],
        [0.0022, 0.0, 0.0022, 0.0130, 0.0238, 0.1124, 0.6486, 0.1979],
    ],
}
MODEL = {"factors": ["e"], "correlation": [[1.0]], "groups": {"all": {"e": 1.0}}}
BOOK = "facility_id,obligor_id,ead,lgd,rating,maturity_years,r2,group,currency,exposure_class\n" + "".join(
    f"F{i},O{i},{1000 + 10 * i},0.45,{RATINGS[1 + i % 5]},{2 + i % 6},0.2,all,USD,corporate\n" for i in range(40)
)
TENORS = "1 Mo,3 Mo,6 Mo,1 Yr,2 Yr,5 Yr,10 Yr,30 Yr"
URL = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/2018/all"
FEW: dict[str, Any] = {"confidences": [0.99], "max_scenarios": 8_000, "rel_tol": 0.05}


def showing(folder: Path, rows: Sequence[str], *, captured: str) -> Path:
    """What the Treasury showed at a time, as a folder to replay."""
    folder.mkdir()
    (folder / "rates.csv").write_text(f"Date,{TENORS}\n" + "".join(f"{row}\n" for row in rows))
    meta = {"url": f"{URL}?type=daily_treasury_yield_curve&field_tdr_date_value=2018&page&_format=csv", "status": 200, "captured": captured}
    (folder / "rates.meta.json").write_text(json.dumps(meta))
    return folder


FIRST = ("10/02/2018,2.14,2.23,2.41,2.61,2.82,2.94,3.05,3.20", "09/04/2018,1.98,2.13,2.29,2.49,2.66,2.77,2.90,3.07")
LATER = ("11/01/2018,2.23,2.33,2.50,2.69,2.84,2.97,3.14,3.38", "10/02/2018,2.14,2.23,2.41,2.61,2.82,2.94,3.06,3.21")


@pytest.fixture
def known(session: Session, tmp_path: Path) -> Session:
    """A store that knows Moody's yields and a few days of the Treasury's curve, shown on the second of October of 2018."""
    collect(session, "packaged", ("moodys_yields",))
    collect(session, "treasury", replay=showing(tmp_path / "first", FIRST, captured="2018-10-03T15:00:00+00:00"))
    return session


def test_curves_are_of_what_was_known_and_say_what_nobody_quotes(known: Session) -> None:
    found = zero_curves(known, RATINGS, as_of="2018-10-05")
    assert found.day.isoformat() == "2018-10-02"
    assert [each.tenor for each in found.treasury] == ["1M", "3M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y"]
    assert found.treasury[-2].par_yield == 0.0305
    assert found.quoted_by is Quotes.MOODYS_MONTHLY
    # September of 2018 is over, so Moody's averages of it are known; one day of its 10-year yields is in the store, at 2.90 %.
    yields = {
        mnemonic: Store(known).factors.get(mnemonic, as_of="2018-10-05").table["value"][-1]
        for mnemonic in ("us.bond_yield_aaa", "us.bond_yield_baa")
    }
    assert {quote.mnemonic: quote.spread for quote in found.quotes} == pytest.approx(
        {name: value - 0.0290 for name, value in yields.items()}
    )
    assert {quote.day.isoformat() for quote in found.quotes} == {"2018-09-01"}
    spreads = [each.spread for each in found.spreads.spreads]
    assert spreads == sorted(spreads)
    assert [each.origin.value for each in found.spreads.spreads] == [
        "quoted", "interpolated", "interpolated", "quoted", "extrapolated", "extrapolated", "extrapolated",
    ]  # fmt: skip
    assert any("no market quotes BB, B, CCC here" in note for note in found.notes)
    assert (np.diff(found.curves.discount(np.array([7.0]))[0]) < 0.0).all()
    told = found.to_dict()
    assert found.withheld
    assert {each["spread_bp"] for each in (*told["quotes"], *told["spreads"])} == {None}


def test_curves_of_a_time_that_lies_ahead_are_refused(known: Session) -> None:
    with pytest.raises(InvalidInput, match="as_of the end of 2199-12-31 lies ahead"):
        zero_curves(known, RATINGS, as_of="2199-12-31")


def test_what_is_known_later_changes_no_earlier_answer(known: Session, tmp_path: Path) -> None:
    before = zero_curves(known, RATINGS, as_of="2018-10-05")
    batch = known.pin().batch_id
    collect(known, "treasury", replay=showing(tmp_path / "later", LATER, captured="2018-11-02T15:00:00+00:00"))
    after = zero_curves(known, RATINGS, as_of="2018-10-05")
    assert after.to_dict() == before.to_dict()
    assert np.array_equal(after.curves.rates, before.curves.rates)
    revised = zero_curves(known, RATINGS, as_of="2018-11-05")
    assert revised.day.isoformat() == "2018-11-01"
    with pytest.raises(NotYetKnown, match="its newest are of 2018-10-02"):
        zero_curves(known, RATINGS, as_of="2018-11-05", recorded_as_of=batch)


def test_where_the_store_knows_no_curve_it_is_said_what_brings_it(session: Session, tmp_path: Path) -> None:
    with pytest.raises(NotYetKnown, match="crfs ingest treasury par_yields"):
        zero_curves(session, RATINGS, as_of="2018-10-05")
    collect(session, "treasury", replay=showing(tmp_path / "first", FIRST[:1], captured="2018-10-03T15:00:00+00:00"))
    with pytest.raises(
        NotYetKnown, match=r"crfs ingest fred --stream credit_spreads brings option-adjusted.*crfs ingest packaged moodys_yields"
    ):
        zero_curves(session, RATINGS, as_of="2018-10-05")
    with pytest.raises(NotYetKnown, match="crfs ingest fred --stream credit_spreads"):
        zero_curves(session, RATINGS, quotes="ice", as_of="2018-10-05")
    with pytest.raises(InvalidInput, match="not 'mine'"):
        zero_curves(session, RATINGS, quotes="mine", as_of="2018-10-05")
    own = zero_curves(session, ("good", "bad"), spreads={"good": 0.01, "bad": 0.05}, as_of="2018-10-05")
    assert (own.quoted_by, own.quotes, own.withheld) == (None, (), False)
    assert [each["spread_bp"] for each in own.to_dict()["spreads"]] == pytest.approx([100.0, 500.0])
    collect(session, "packaged", ("moodys_yields",))
    with pytest.raises(NotYetKnown, match=r"of 2018-09-01 is a yield.*--since 2018-09-01"):
        zero_curves(session, RATINGS, as_of="2018-10-05")


def test_a_book_is_valued_on_the_curves_and_replayed(known: Session, tmp_path: Path) -> None:
    store, file = Store(known), tmp_path / "book.csv"
    file.write_text(BOOK)
    asked: dict[str, Any] = {"as_of": "2018-10-05", "models": (), **FEW}
    answer = store.portfolio.mark_to_market(file, MATRIX, MODEL, **asked)
    assert answer["curves"]["day"] == "2018-10-02"
    assert answer["n_obligors"] == 40
    market = store.portfolio.zero_curves(RATINGS, as_of="2018-10-05")
    table = pl.read_csv(file).drop("exposure_class")
    library = mark_to_market_risk(
        table, FactorModel.from_content(MODEL), TransitionMatrix.from_rows(MATRIX["ratings"], MATRIX["rows"]), market.curves, seed=1, **FEW
    )
    assert (answer["el"], answer["ul"], answer["measures"][0]["var"]) == (library.el, library.ul, library.measures[0].var)
    # Every loan pays what makes it worth its exposure now, so that the value now is what is owed.
    assert answer["reference_value"] == pytest.approx(answer["total_ead"])
    assert answer["measures"][0]["es"] >= answer["measures"][0]["var"] > answer["el"]
    replayed = store.replay(answer["run_id"])
    assert (replayed.verdict.value, replayed.sha256) == ("MATCH", answer["result_sha256"])
    chain = store.lineage(answer["run_id"])
    assert chain["sound"]
    assert {batch["dataset"] for batch in chain["batches"]} >= {"treasury_par_yields", "moodys_yields"}

    longer = store.portfolio.mark_to_market(file, MATRIX, MODEL, periods=3, persistence=0.5, **asked)
    assert longer["horizon_years"] == 3.0
    assert longer["ul"] > answer["ul"]
    wider = store.portfolio.mark_to_market(file, MATRIX, MODEL, spreads={"CCC": 0.15, "B": 0.06, "BB": 0.03}, **asked)
    assert {each["rating"]: each["spread_bp"] for each in wider["curves"]["spreads"]}["CCC"] == pytest.approx(1500.0)
    assert wider["ul"] > answer["ul"]

    collect(known, "treasury", replay=showing(tmp_path / "later", LATER, captured="2018-11-02T15:00:00+00:00"))
    again = store.portfolio.mark_to_market(file, MATRIX, MODEL, **asked)
    assert again["result_sha256"] == answer["result_sha256"]


def test_what_cannot_be_valued_is_refused_with_its_place(known: Session, tmp_path: Path) -> None:
    store, file = Store(known), tmp_path / "book.csv"
    file.write_text(BOOK.replace("F3,O3,1030,0.45,BB,", "F3,O3,1030,0.45,ZZ,").replace("F4,O4,1040,0.45,B,6,", "F4,O4,1040,0.45,B,,"))
    with pytest.raises(InvalidInput) as refused:
        store.portfolio.mark_to_market(file, MATRIX, MODEL, as_of="2018-10-05", models=())
    assert {(problem.row, problem.column) for problem in refused.value.problems} == {(4, "rating"), (5, "maturity_years")}
    file.write_text(BOOK)
    wrongs: tuple[tuple[dict[str, Any], str], ...] = (
        ({"periods": 0}, "periods"), ({"persistence": 1.0}, "persistence"), ({"quotes": "mine"}, "quotes"), ({"frequency": 1.5}, "frequency"),
        ({"method": "exact"}, "method"), ({"reference": "then"}, "reference"), ({"grades": {"R1": "AAA"}}, "grades"), ({"spreads": {"CCC": -1.0}}, "spreads"),
        ({"confidences": [2.0]}, "confidences"), ({"max_scenarios": 0}, "max_scenarios"),
    )  # fmt: skip
    for wrong, argument in wrongs:
        with pytest.raises(InvalidInput) as refused:
            store.portfolio.mark_to_market(file, MATRIX, MODEL, as_of="2018-10-05", models=(), **wrong)
        assert refused.value.argument == argument, wrong
    with pytest.raises(InvalidInput, match="transition_matrix"):
        store.portfolio.mark_to_market(file, {"ratings": ["A"]}, MODEL, as_of="2018-10-05", models=())
    euros = tmp_path / "euros.csv"
    euros.write_text(BOOK.replace("USD", "EUR"))
    answer = store.portfolio.mark_to_market(euros, MATRIX, MODEL, as_of="2018-10-05", models=(), **FEW)
    assert any("the book's amounts of EUR" in note for note in answer["notes"])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Treasury's recorded curves of 2008 and 2018."""
    if not (SHARED / "recordings").is_dir():
        pytest.skip(f"the shared recordings are not at {SHARED} (CRFS_SHARED)")
    folder = tmp_path_factory.mktemp("treasury")
    for year in (2008, 2018):
        for file in (SHARED / "recordings" / "treasury_yield_xml").glob(f"*_{year}.*"):
            shutil.copy(file, folder)
    return folder


def test_recorded_curves_of_two_years_and_the_spreads_of_a_crisis(session: Session, recorded: Path) -> None:
    collect(session, "packaged", ("moodys_yields",))
    collect(session, "treasury", replay=recorded)
    crisis, calm = (zero_curves(session, RATINGS, as_of=day) for day in ("2008-12-15", "2018-10-15"))
    for found in (crisis, calm):
        assert found.quoted_by is Quotes.MOODYS_MONTHLY
        assert len(found.treasury) >= 11
    spread = {name: {each.rating: each.spread for each in found.spreads.spreads} for name, found in (("crisis", crisis), ("calm", calm))}
    # November of 2008: Baa at 9.21 % over a 10-year yield of 3.53 %; September of 2018: 4.88 % over 3.00 %. Federal Reserve, H.15.
    assert spread["crisis"]["BBB"] == pytest.approx(0.0921 - 0.0353, abs=0.0006)
    assert spread["calm"]["BBB"] == pytest.approx(0.0488 - 0.0300, abs=0.0006)


ICE = {"AAA": 0.39, "AA": 0.48, "A": 0.70, "BBB": 1.05, "BB": 1.93, "B": 3.01, "CCC": 8.86}
SERIES = {
    "AAA": "BAMLC0A1CAAA", "AA": "BAMLC0A2CAA", "A": "BAMLC0A3CA", "BBB": "BAMLC0A4CBBB", "BB": "BAMLH0A1HYBB", "B": "BAMLH0A2HYB",
    "CCC": "BAMLH0A3HYC",
}  # fmt: skip


def test_quotes_by_rating_are_taken_before_others_and_as_they_are(known: Session, tmp_path: Path) -> None:
    folder = tmp_path / "ice"
    folder.mkdir()
    for grade, series in SERIES.items():
        (folder / f"{series}.csv").write_text(f"observation_date,{series}\n2018-10-01,9.99\n2018-10-02,{ICE[grade]}\n")
        meta = {
            "url": f"https://fred.stlouisfed.org/graph/fredgraph.csv?id={series}",
            "status": 200,
            "captured": "2018-10-03T15:00:00+00:00",
        }
        (folder / f"{series}.meta.json").write_text(json.dumps(meta))
    collect(known, "fred", replay=folder)
    found = zero_curves(known, (*RATINGS[:4], "BBB-", *RATINGS[4:]), as_of="2018-10-05")
    assert found.quoted_by is Quotes.ICE
    told = {each.rating: each for each in found.spreads.spreads}
    assert {name: told[name].spread for name in RATINGS} == pytest.approx({name: value / 100.0 for name, value in ICE.items()})
    assert told["BBB-"].spread == pytest.approx(np.exp((2.0 * np.log(0.0105) + np.log(0.0193)) / 3.0))
    assert [note for note in found.notes if "no market quotes" in note] == [
        "no market quotes BBB- here: their spreads lie between those of AAA, AA, A, BBB, BB, B, CCC, logarithms linear in notches"
    ]
    assert zero_curves(known, RATINGS, as_of="2018-10-05", quotes="moodys_monthly").quoted_by is Quotes.MOODYS_MONTHLY
