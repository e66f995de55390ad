"""What a provider's terms keep in the store: it is looked at and computed with here, and written into no file by any door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from crfs.apps.api import create_app
from crfs.apps.cli.door import Door
from crfs.apps.cli.program import run
from crfs.errors import Forbidden
from crfs.workflows.collection import collect
from crfs.workflows.datasets import define_datasets, export_dataset
from crfs.workflows.run_documents import list_runs
from crfs.workflows.session import Session, open_session
from crfs.workflows.training_files import build_from_file
from tests.apps.api.conftest import serving

pytestmark = [pytest.mark.servers, pytest.mark.journey]

DATASET = """
[[dataset]]
name = "rights_{name}"
title = "{name}"
source = "csv"
entity_kind = "country"
period = "P1M"
zone = "UTC"
{rights}
[[dataset.column]]
name = "level"
title = "Level"
[[factor]]
mnemonic = "rights.{name}"
title = "{name}"
dataset = "rights_{name}"
column = "level"
unit = "index"
category = "mine"
entity = "US"
"""
FORBIDDEN = 'redistribution = "forbidden"\nrights = "Only {} may have it."'


@pytest.fixture(scope="module")
def session(new_store: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A free dataset, two forbidden ones, and one that was free until now."""
    folder = tmp_path_factory.mktemp("rights")
    with open_session(new_store()) as opened:
        for name, rights in (("free", ""), ("one", FORBIDDEN.format("Ann")), ("two", FORBIDDEN.format("Ben")), ("turned", "")):
            definition, rows = folder / f"{name}.toml", folder / f"{name}.csv"
            definition.write_text(DATASET.format(name=name, rights=rights))
            level = 1.5 if name == "free" else 2.5  # other bytes: those that fed a forbidden dataset too are forbidden
            rows.write_text(f"entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,{level}\n")
            define_datasets(opened, definition)
            collect(opened, "csv", [f"rights_{name}"], file=rows)
        yield opened


def build(session: Session, folder: Path, *names: str, recorded_as_of: str | None = None) -> Path:
    spine, specification, out = folder / "spine.csv", folder / "spec.toml", folder / "table.csv"
    spine.write_text("name,observed_at\nA,2020-02-28\n")
    specification.write_text("".join(f'[[factor]]\nmnemonic = "rights.{name}"\n' for name in names))
    build_from_file(session, specification, spine, out, recorded_as_of=recorded_as_of)
    return out


def test_a_training_set_is_written_where_every_factor_may_leave_and_else_names_those_that_may_not(session: Session, tmp_path: Path) -> None:
    assert build(session, tmp_path, "free").read_text().splitlines()[1] == "A,2020-02-28,1.5"
    for file in tmp_path.glob("table.*"):
        file.unlink()
    runs = list_runs(session)
    with pytest.raises(Forbidden, match=r"rights\.one, rights\.two may be looked at .* not exported: Only Ann may have it\. Only Ben"):
        build(session, tmp_path, "free", "one", "two")
    assert [file.name for file in tmp_path.iterdir() if "table" in file.name] == []
    assert list_runs(session) == runs, "nothing was computed either"


def test_the_program_and_the_service_refuse_a_file_and_show_the_values(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Forbidden):
        build(session, tmp_path, "one")
    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))
    words = ["features", "build", str(tmp_path / "spec.toml"), "--spine", str(tmp_path / "spine.csv"), "--out", str(tmp_path / "x.parquet")]
    assert run(words) == 1
    assert "rights.one may be looked at and computed with here, but not exported" in capsys.readouterr().err
    assert not (tmp_path / "x.parquet").exists()
    for asked in (["--format", "csv"], ["--format", "json"], ["--json"]):
        assert run(["factors", "get", "rights.one", *asked]) == 1
        shown = capsys.readouterr()
        assert "2.5" not in shown.out
        assert "Only Ann may have it." in shown.err + shown.out
        assert run(["factors", "get", "rights.free", *asked]) == 0
        assert "1.5" in capsys.readouterr().out
    assert run(["factors", "get", "rights.one"]) == 0
    assert "2.5" in capsys.readouterr().out
    with serving(create_app(session)) as client:
        for table_format in ("json", "csv"):
            refused = client.get("/v1/factors/rights.one/observations", params={"format": table_format})
            assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
            assert "Only Ann may have it." in refused.json()["detail"]
            assert "show the values" in refused.json()["detail"]
            assert client.get("/v1/factors/rights.free/observations", params={"format": table_format}).status_code == 200
        page = client.get("/factors/rights.one")
        assert page.status_code == 200
        assert "2.5" in page.text


def test_the_bytes_that_rows_came_from_are_the_operators_and_nobody_elses(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sha256(name: str) -> str:
        with session.database.reading() as connection:
            found: str = connection.exec_driver_sql(
                f"SELECT p.sha256 FROM crfs.batch_payload AS p JOIN crfs.batch_dataset AS d USING (batch_id) WHERE d.dataset = 'rights_{name}'"
            ).scalar_one()
        return found

    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))
    with serving(create_app(session)) as client:
        for name, status, words in (("free", 200, ""), ("one", 403, "Only Ann may have it.")):
            answer = client.get(f"/v1/payloads/{sha256(name)}")
            assert answer.status_code == status
            assert words in answer.text
            assert run(["payloads", "get", sha256(name)]) == 0
            shown = capsys.readouterr()
            assert shown.out.startswith("entity,valid_time")
            assert words in shown.err


def test_the_terms_of_today_hold_for_every_state_of_the_store(session: Session, tmp_path: Path) -> None:
    before = str(session.pin().batch_id)
    build(session, tmp_path, "turned")
    export_dataset(session, "rights_turned", tmp_path)
    definition = tmp_path / "turned.toml"
    definition.write_text(DATASET.format(name="turned", rights=FORBIDDEN.format("nobody")))
    define_datasets(session, definition)
    with pytest.raises(Forbidden):
        build(session, tmp_path, "turned", recorded_as_of=before)
    with pytest.raises(Forbidden):
        export_dataset(session, "rights_turned", tmp_path, recorded_as_of=before)
