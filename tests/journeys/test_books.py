"""Books whose blank cells are filled: what a row says itself comes first, a model fills the rest, and what nobody can tell is named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.workflows.books import load_book
from crfs.workflows.measuring import concentration, risk
from crfs.workflows.models import promote_model
from crfs.workflows.session import Session
from crfs.workflows.training import train
from tests.journeys.world import BOOK_AT, specification
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]

HEADER = "facility_id,obligor_id,ead,drawn,limit,ccf,facility_type,lgd,lgd_sd,pd_12m,r2,group"
DRAWN = "F1,O1,,100,200,0.5,card,0.4,,0.02,0.2,retail_pacific"


def book(folder: Path, *rows: str, header: str = HEADER) -> Path:
    file = folder / "book.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def measured(session: Session, file: Path | str, **options: Any) -> dict[str, Any]:
    return risk(session, file, max_scenarios=1_000, confidences=[0.9], **{"as_of": BOOK_AT, **options})


def refused(session: Session, file: Path | str, **options: Any) -> list[tuple[int | None, str | None, str, str]]:
    """The wrong places that the refusal of a book names."""
    with pytest.raises(InvalidInput) as caught:
        measured(session, file, **options)
    return [(p.row, p.column, p.reason, p.detail) for p in caught.value.problems]


def places(found: Sequence[tuple[int | None, str | None, str, str]]) -> list[tuple[int | None, str | None, str]]:
    return [item[:3] for item in found]


def kept(session: Session) -> list[int]:
    """How much the store has of everything that a book could leave."""
    with administering(session.database.url) as connection:
        return [
            connection.exec_driver_sql(f"SELECT count(*) FROM crfs.{table}").scalar_one()
            for table in ("payload", "fetch", "batch", "run", "artefact", "job")
        ]


def obligors(session: Session) -> pl.Series:
    """Those of whom the bureau's last month tells."""
    rows = session.reader(session.pin().batch_id).rows("bureau_obligor", columns=[])
    return rows.filter(pl.col("valid_time") == pl.col("valid_time").max())["entity"].unique().sort()


def test_the_ccf_of_a_row_makes_its_exposure_whatever_a_model_would_say(shared_world: Session, tmp_path: Path) -> None:
    file = book(tmp_path, DRAWN)
    answer = measured(shared_world, file)
    assert answer["total_ead"] == concentration(shared_world, file)["total_ead"] == 150.0
    assert answer["models"] == {}
    assert answer["origins"]["ead_origin"] == {"drawn and ccf": 1}


def test_a_row_without_a_ccf_is_filled_alike_for_the_risk_and_for_the_concentration(shared_world: Session, tmp_path: Path) -> None:
    file = book(tmp_path, DRAWN, DRAWN.replace("F1", "F2").replace("0.5,card", ",card"))
    answer = measured(shared_world, file)
    assert answer["total_ead"] == concentration(shared_world, file)["total_ead"]
    assert 250.0 < answer["total_ead"] < 350.0
    assert answer["total_ead"] != 300.0
    assert answer["origins"]["ead_origin"] == {"drawn and ccf": 1, "ead v1": 1}
    assert set(answer["models"]) == {"ead"}


def test_a_book_with_ccf_and_no_type_of_facility_is_measured_where_models_are(shared_world: Session, tmp_path: Path) -> None:
    file = book(
        tmp_path, "F1,O1,,100,200,0.5,0.4,0.02,0.2,retail_pacific", header="facility_id,obligor_id,ead,drawn,limit,ccf,lgd,pd_12m,r2,group"
    )
    assert measured(shared_world, file)["total_ead"] == concentration(shared_world, file)["total_ead"] == 150.0


@pytest.mark.parametrize(
    ("header", "row", "place"),
    [
        (HEADER, "F2,O2,,100,200,,spaceship,0.4,,0.02,0.2,retail_pacific", (2, "facility_type", "unknown_value")),
        (HEADER, "F2,O2,,100,200,,,0.4,,0.02,0.2,retail_pacific", (2, "facility_type", "missing")),
        (HEADER, "F2,O2,,100,,,card,0.4,,0.02,0.2,retail_pacific", (2, "limit", "missing")),
        (HEADER, "F2,O2,,,200,,card,0.4,,0.02,0.2,retail_pacific", (2, "drawn", "missing")),
        (HEADER, "F2,O2,100,,,,spaceship,,,0.02,0.2,retail_pacific", (2, "facility_type", "unknown_value")),
        (HEADER, "F2,O2,100,,,,,,,0.02,0.2,retail_pacific", (2, "facility_type", "missing")),
    ],
)
def test_a_cell_that_no_model_can_tell_is_a_rejection_with_its_place(
    shared_world: Session, tmp_path: Path, header: str, row: str, place: tuple[int, str, str]
) -> None:
    before = kept(shared_world)
    assert places(refused(shared_world, book(tmp_path, DRAWN, row, header=header))) == [place]
    assert kept(shared_world) == before


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("facility_id,obligor_id,ead,drawn,limit,lgd,pd_12m,r2,group", "F1,O1,,100,200,0.4,0.02,0.2,retail_pacific"),
        ("facility_id,obligor_id,ead,lgd,pd_12m,r2,group", "F1,O1,100,,0.02,0.2,retail_pacific"),
    ],
)
def test_a_column_that_a_model_needs_and_the_book_lacks_is_a_rejection_too(
    shared_world: Session, tmp_path: Path, header: str, row: str
) -> None:
    assert places(refused(shared_world, book(tmp_path, row, header=header))) == [(1, "facility_type", "missing")]


def test_a_given_conversion_factor_takes_the_rows_that_no_model_can(shared_world: Session, tmp_path: Path) -> None:
    header = "facility_id,obligor_id,ead,drawn,limit,lgd,pd_12m,r2,group"
    file = book(tmp_path, "F1,O1,,100,200,0.4,0.02,0.2,retail_pacific", header=header)
    answer = measured(shared_world, file, default_ccf=0.25)
    assert answer["total_ead"] == 125.0
    assert answer["origins"]["ead_origin"] == {"default ccf": 1}


def test_a_pd_that_the_bureau_cannot_tell_says_why(shared_world: Session, tmp_path: Path) -> None:
    known = obligors(shared_world)[0]
    rows = [f"F1,{known},100,,,,,0.4,,,0.2,retail_pacific", "F2,nobody,100,,,,,0.4,,,0.2,retail_pacific"]
    file = book(tmp_path, *rows)
    stale, unknown = refused(shared_world, file, as_of="2026-01-01T00:00:00Z")
    assert (stale[:3], unknown[:3]) == ((1, "pd_12m", "missing"), (2, "pd_12m", "missing"))
    assert "older than P3M at 2026-01-01" in stale[3]
    assert "as of" in stale[3]
    assert "'nobody'" in unknown[3]
    assert "bureau_obligor" in unknown[3]
    assert places(refused(shared_world, file)) == [(2, "pd_12m", "missing")]


def test_a_pd_that_is_given_on_one_row_of_an_obligor_holds_for_its_others(shared_world: Session, tmp_path: Path) -> None:
    known = obligors(shared_world)[0]
    file = book(tmp_path, f"F1,{known},100,,,,,0.4,,0.02,0.2,retail_pacific", f"F2,{known},100,,,,,0.4,,,0.2,retail_pacific")
    answer = measured(shared_world, file)
    assert answer["el"] == pytest.approx(2 * 100 * 0.4 * 0.02)
    assert answer["origins"]["pd_12m_origin"] == {"given": 1, "given on another row": 1}
    assert answer["models"] == {}
    assert measured(shared_world, file, models=[])["el"] == answer["el"]


def test_a_loss_given_default_that_a_model_fills_has_its_spread_cell_by_cell(shared_world: Session, tmp_path: Path) -> None:
    filled, given = "F1,O1,1000,,,,card,,,1.0,0.0,retail_pacific", "F2,O2,1000,,,,card,0.4,0.1,1.0,0.0,retail_pacific"
    alone = measured(shared_world, book(tmp_path, filled.replace(",,,1.0", ",,1.0"), header=HEADER.replace("lgd_sd,", "")))
    with_column = measured(shared_world, book(tmp_path, filled))
    assert alone["ul"] == with_column["ul"] > 0.0
    certain = measured(shared_world, book(tmp_path, filled.replace(",,,1.0", ",,0,1.0")))
    assert certain["ul"] == 0.0, "a spread of zero that somebody gave stays"
    both = measured(shared_world, book(tmp_path, filled, given))
    assert both["ul"] > with_column["ul"]


def test_a_book_that_is_refused_leaves_nothing_behind(shared_world: Session, tmp_path: Path) -> None:
    before = kept(shared_world)
    # Right by its cells, wrong only once it is filled.
    refused(shared_world, book(tmp_path, "F2,nobody,100,,,,,0.4,,,0.2,retail_pacific"))
    assert kept(shared_world) == before


def test_a_name_and_a_champion_are_those_of_the_state_that_is_asked_about(own_world: Any, tmp_path: Path) -> None:
    from crfs.workflows.session import open_session

    at = datetime.fromisoformat(BOOK_AT)
    with open_session(own_world.address) as session:
        header = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group"
        row = "F1,O1,100,0.4,{},0.2,retail_pacific"
        load_book(session, "mine", f"{header}\n{row.format(0.02)}\n".encode(), valid_at=at)
        load_book(
            session,
            "blank",
            f"{header.replace('ead', 'facility_type,ead')}\nF1,O1,card,100,,0.02,0.2,retail_pacific\n".encode(),
            valid_at=at,
        )
        then = session.pin()
        load_book(session, "mine", f"{header}\n{row.format(0.5)}\n".encode(), valid_at=at)
        load_book(session, "later", f"{header}\n{row.format(0.5)}\n".encode(), valid_at=at)
        asked = {"recorded_as_of": then.recorded_at}
        assert measured(session, "mine")["el"] == pytest.approx(20.0)
        assert measured(session, "mine", **asked)["el"] == pytest.approx(0.8)
        assert measured(session, "mine", recorded_as_of=then.recorded_at.isoformat())["batch_id"] == then.batch_id
        with pytest.raises(InvalidInput, match="no portfolio is called 'later'"):
            measured(session, "later", **asked)

        before = measured(session, "blank")
        lgd = specification("lgd")
        version = train(session, {**lgd, "lgd": {**lgd["lgd"], "floor": 0.99}})
        promote_model(session, "lgd", version.version, reason="a harsher one")
        assert measured(session, "blank")["models"]["lgd"]["version"] == 2
        again = measured(session, "blank", **asked)
        assert again["models"]["lgd"]["version"] == 1
        assert again["el"] == before["el"]
        long_ago = session.pin(1).recorded_at - timedelta(days=1)
        with pytest.raises(InvalidInput, match="no portfolio is called"):
            measured(session, "blank", recorded_as_of=long_ago)
        file = book(tmp_path, "F1,O1,100,,,,card,,,0.02,0.2,retail_pacific")
        assert places(refused(session, file, recorded_as_of=session.pin(2).recorded_at)) == [(1, "lgd", "missing")]


def test_the_examples_say_the_same_in_a_store_with_champions(shared_world: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.journeys.test_examples import EXAMPLES, commands, here, squeezed

    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setenv("CRFS_STORE__URL", shared_world.database.url.set(drivername="postgresql").render_as_string(hide_password=False))
    others = ("mark-to-market", "factor-model factors")  # these ask for the Treasury's yields and a bureau that are not in this store
    asked = [
        shown for shown in commands() if shown.command.startswith("crfs portfolio") and not any(word in shown.command for word in others)
    ]
    assert len(asked) == 6
    for shown in asked:
        told = here(shown.command)
        assert told.code == 0, told.err
        printed = [squeezed(line) for line in told.out.splitlines()]
        assert all(squeezed(line) in printed for line in shown.lines), told.out
