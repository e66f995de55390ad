"""The stories of the command line, by the real program on a real store."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.ops.datatier import DataTier
from tests.apps.cli.conftest import PROGRAM, SHARED, Crfs, environment


def test_history_is_answered_as_it_was_known(within: Crfs, history: dict[str, Any]) -> None:
    assert history["appended"]["us_macro_quarterly"] > 100
    words = ("factors", "get", "us.unemployment_rate_quarterly", "--start", "2008-01-01", "--end", "2008-12-31")
    early = within(*words, "--as-of", "2008-10-15", "--json").json
    late = within(*words, "--json").json
    assert [row["valid_time"][:10] for row in early["observations"]] == ["2008-01-01", "2008-04-01"]
    assert [row["valid_time"][:10] for row in late["observations"]] == ["2008-01-01", "2008-04-01", "2008-07-01", "2008-10-01"]
    assert all(row["knowledge_time"] <= early["as_of"] for row in early["observations"])
    # A day means its end in New York.
    assert early["as_of"] == "2008-10-16T04:00:00+00:00"


def test_an_empty_answer_says_why(within: Crfs, history: dict[str, Any]) -> None:
    assert history
    factor = "us.unemployment_rate_quarterly"
    first = within("factors", "vintages", factor, "--json").json["vintages"][0]["knowledge_time"]
    before = within("factors", "get", factor, "--as-of", "1900-01-01", "--json")
    assert (before.code, before.json["observations"]) == (0, [])
    assert f"Nothing was known of {factor} of US then; it was first known {first[:10]}" in before.err
    outside = within("factors", "get", factor, "--start", "1800-01-01", "--end", "1800-12-31", "--format", "csv")
    assert (outside.code, len(outside.out.splitlines())) == (0, 1)
    assert "no value in this window" in outside.err
    answered = within("factors", "get", factor, "--start", "2008-01-01", "--end", "2008-12-31")
    assert "first known" not in answered.err
    assert "window" not in answered.err


def test_a_factor_of_which_the_store_has_nothing_says_what_brings_it(within: Crfs, history: dict[str, Any]) -> None:
    assert history
    factor = "us.nowcast.construction_spending"
    for verb in ("vintages", "get"):
        done = within("factors", verb, factor)
        assert done.code == 0
        assert f"The store has no value of {factor} of TTLCONS: crfs ingest nyfed brings it" in done.err
        assert "brings it" not in within("factors", verb, "us.unemployment_rate_quarterly").err
    assert within("factors", "vintages", factor, "--json").json["vintages"] == []


def test_an_export_has_every_revision_with_its_clocks_and_vintage_date(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    import polars as pl

    assert history
    definition, rows = tmp_path / "exported.toml", tmp_path / "rows.csv"
    definition.write_text(
        '[[dataset]]\nname = "my_exported"\ntitle = "Mine"\nsource = "csv"\nentity_kind = "country"\nperiod = "P1M"\nzone = "UTC"\n'
        'revision_policy = "vintaged"\n[[dataset.column]]\nname = "level"\ntitle = "Level"\n'
    )
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.5\nUS,2020-01-01,2020-03-10T12:00:00Z,1.75\n")
    assert within("datasets", "define", definition).code == 0
    assert within("datasets", "append", "my_exported", rows).code == 0
    done = within("datasets", "export", "my_exported", "--out", tmp_path / "out", "--json")
    assert done.json["rows"] == 2
    body = (tmp_path / "out" / "my_exported.parquet").read_bytes()
    assert hashlib.sha256(body).hexdigest() == done.json["sha256"]
    table = pl.read_parquet(tmp_path / "out" / "my_exported.parquet")
    assert {"entity", "valid_time", "knowledge_time", "knowledge_basis", "vintage_date", "row_state", "batch_id"} <= set(table.columns)
    assert table["level"].to_list() == [1.5, 1.75]
    # A day was given for the first row, an instant for the second.
    assert [str(day) for day in table["vintage_date"]] == ["2020-02-10", "None"]


def test_a_table_leaves_as_bytes(history: dict[str, Any], tier: DataTier) -> None:
    import io

    import polars as pl

    assert history
    words = ["factors", "get", "us.credit_spread_baa_aaa", "--start", "2000-01-01", "--end", "2001-12-31", "--format", "parquet"]
    done = subprocess.run([*PROGRAM, *words, "--data-dir", str(tier.data_dir)], capture_output=True, check=True, env=environment())
    values = pl.read_parquet(io.BytesIO(done.stdout))["value"].to_list()
    assert len(values) == 24
    assert values[0] == pytest.approx(0.0055, abs=1e-12)


def test_recordings_of_fred_replayed_twice_add_nothing(crfs: Crfs, within: Crfs, history: dict[str, Any]) -> None:
    folder = SHARED / "recordings" / "fred"
    if not folder.is_dir():
        pytest.skip("the recordings of FRED are not beside the repository; CRFS_SHARED names their folder")
    assert history
    first = crfs("ingest", "fred", "--replay", folder, "--json")
    again = within("ingest", "fred", "--replay", folder, "--json")
    assert first.code == again.code
    assert first.json["appended"]["fred_series"] > 5000
    assert set(again.json["appended"].values()) == {0}
    assert again.json["batches"] == []
    assert again.json["unchanged"]["fred_series"] == first.json["appended"]["fred_series"] + first.json["unchanged"]["fred_series"]
    assert len(within("factors", "vintages", "us.gdp", "--json").json["vintages"]) > 100


def test_a_run_is_replayed_to_the_byte_and_traced_to_its_bytes(crfs: Crfs, within: Crfs, measured: dict[str, Any], book: Path) -> None:
    run = measured["run_id"]
    assert [measure["confidence"] for measure in measured["measures"]] == [0.99, 0.999]
    replayed = crfs("replay", run)
    assert replayed.code == 0, replayed.err
    value = measured["measures"][1]["var"]
    assert replayed.out.splitlines()[0].startswith(f"MATCH sha256={measured['result_sha256']} ")
    assert f"var_0.999={value!r}" in replayed.out
    chain = within("lineage", run, "--to", "payload", "--json").json
    assert (chain["dangling"], chain["damaged"], chain["sound"]) == (0, [], True)
    hashes = [payload["sha256"] for payload in chain["payloads"]]
    assert hashes == [hashlib.sha256(book.read_bytes()).hexdigest()]


def test_payload_bytes_come_as_they_were(within: Crfs, measured: dict[str, Any], book: Path, tier: DataTier) -> None:
    assert measured
    sha256 = hashlib.sha256(book.read_bytes()).hexdigest()
    words = [*PROGRAM, "payloads", "get", sha256, "--data-dir", str(tier.data_dir)]
    assert subprocess.run(words, capture_output=True, check=True, env=environment()).stdout == book.read_bytes()
    assert within("payloads", "get", "0" * 64).code == 1


def test_another_state_of_the_store_is_told_apart_from_a_mismatch(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    assert history
    definition, rows = tmp_path / "grows.toml", tmp_path / "rows.csv"
    definition.write_text(
        '[[dataset]]\nname = "grows"\ntitle = "Grows"\nsource = "csv"\nentity_kind = "country"\nperiod = "P1M"\nzone = "UTC"\n'
        '[[dataset.column]]\nname = "level"\ntitle = "Level"\n'
        '[[factor]]\nmnemonic = "my.growth"\ntitle = "Grows"\ncolumn = "level"\nunit = "index"\ncategory = "mine"\nentity = "US"\n'
    )
    assert within("datasets", "define", definition).code == 0
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.5\n")
    assert within("datasets", "append", "grows", rows).code == 0
    then = within("status", "--json").json["recorded_at"]
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-02-01,2020-03-10,1.7\n")
    later = within("datasets", "append", "grows", rows, "--json").json["batches"]
    spine, specification, out = tmp_path / "spine.csv", tmp_path / "spec.toml", tmp_path / "table.csv"
    spine.write_text("name,observed_at\nA,2020-02-28\nB,2020-03-31\n")
    specification.write_text('[[factor]]\nmnemonic = "my.growth"\n')
    built = within("features", "build", specification, "--spine", spine, "--out", out, "--json")
    assert out.read_text().splitlines()[1:] == ["A,2020-02-28,1.5", "B,2020-03-31,1.7"]
    earlier = within(
        "features", "build", specification, "--spine", spine, "--out", tmp_path / "earlier.csv", "--recorded-as-of", later[0] - 1
    )
    assert earlier.code == 0, earlier.err
    assert (tmp_path / "earlier.csv").read_text().splitlines()[1:] == ["A,2020-02-28,1.5", "B,2020-03-31,1.5"]
    other = within("replay", built.json["run_id"], "--recorded-as-of", then, "--json")
    assert (other.code, other.json["verdict"]) == (0, "OTHER STATE")
    assert other.json["moved"] == [{"dataset": "grows", "new_batches": [], "gone_batches": later}]
    same = within("replay", built.json["run_id"])
    assert (same.code, same.out.split()[0]) == (0, "MATCH")


def test_a_planted_look_ahead_is_found(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    assert history
    spine, specification, out = tmp_path / "spine.csv", tmp_path / "spec.toml", tmp_path / "table.csv"
    spine.write_text("obligor_id,observed_at\nO1,2005-06-30\nO2,2006-03-31\n")
    specification.write_text('[[factor]]\nmnemonic = "us.unemployment_rate_quarterly"\n')
    assert within("features", "build", specification, "--spine", spine, "--out", out).code == 0
    assert within("features", "leakcheck", out).code == 0
    rows = out.read_text().splitlines()
    own, later = rows[1].rsplit(",", 1)[1], rows[2].rsplit(",", 1)[1]
    assert own != later
    out.write_text("\n".join([rows[0], rows[1].replace(own, later), rows[2]]) + "\n")
    done = within("features", "leakcheck", out, "--json")
    assert done.code == 2
    (finding,) = done.json["findings"]
    assert (finding["row"], finding["column"]) == (1, "us.unemployment_rate_quarterly")
    assert finding["value_known_from"] > finding["observed_at"]
    sees = within("features", "build", specification, "--spine", spine, "--out", out, "--vintage", "2009-01-01", "--json")
    assert sees.json["sees_the_future"] is True
    assert within("features", "leakcheck", out).code == 2


def test_a_dataset_of_ones_own_takes_the_good_rows_and_names_the_bad(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    assert history
    definition, rows = tmp_path / "mine.toml", tmp_path / "rows.csv"
    definition.write_text(
        '[[dataset]]\nname = "my_index"\ntitle = "Mine"\nsource = "csv"\nentity_kind = "country"\nperiod = "P1M"\nzone = "UTC"\n'
        '[[dataset.column]]\nname = "level"\ntitle = "Level"\nminimum = 0\n'
        '[[factor]]\nmnemonic = "my.index"\ntitle = "Mine"\ncolumn = "level"\nunit = "index"\ncategory = "mine"\nentity = "US"\n'
    )
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.5\nUS,2020-02-01,2020-03-10,-4\n")
    assert within("datasets", "define", definition, "--json").json["batch_id"] is not None
    assert within("datasets", "define", definition, "--json").json["batch_id"] is None
    done = within("datasets", "append", "my_index", rows, "--json")
    assert done.code == 4
    assert done.json["appended"] == {"my_index": 1}
    assert [(item["row"], item["column"], item["reason"]) for item in done.json["rejected"]] == [(2, "level", "out_of_range")]
    assert within("factors", "get", "my.index", "--as-of", "2020-02-09", "--json").json["observations"] == []
    assert [row["value"] for row in within("factors", "get", "my.index", "--as-of", "2020-02-10", "--json").json["observations"]] == [1.5]
    rows.write_text("entity,valid_time,level\nUS,2020-02-01,-4\n")
    done = within("datasets", "append", "my_index", rows, "--json")
    assert (done.code, done.json["error"]["problems"][0]["column"]) == (1, "level")
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.6\n")
    done = within("datasets", "append", "my_index", rows, "--json")
    assert (done.code, done.json["error"]["type"]) == (1, "Conflict")


def test_what_was_wrong_is_corrected_and_annulled_by_a_file_and_a_reason(within: Crfs, history: dict[str, Any], tmp_path: Path) -> None:
    assert history
    definition, rows = tmp_path / "mended.toml", tmp_path / "rows.csv"
    definition.write_text(
        '[[dataset]]\nname = "my_mended"\ntitle = "Mine"\nsource = "csv"\nentity_kind = "country"\nperiod = "P1M"\nzone = "UTC"\n'
        '[[dataset.column]]\nname = "level"\ntitle = "Level"\nminimum = 0\n'
        '[[factor]]\nmnemonic = "my.mended"\ntitle = "Mine"\ncolumn = "level"\nunit = "index"\ncategory = "mine"\nentity = "US"\n'
    )

    def values(*asked: str) -> list[float]:
        return [row["value"] for row in within("factors", "get", "my.mended", *asked, "--json").json["observations"]]

    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.5\nUS,2020-02-01,2020-03-10,4\n")
    assert within("datasets", "define", definition).code == 0
    [before] = within("datasets", "append", "my_mended", rows, "--json").json["batches"]

    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.6\nUS,2020-02-01,2020-03-10,-4\n")
    refused = within("datasets", "correct", "my_mended", rows, "--reason", "a slip")
    assert (refused.code, values()) == (1, [1.5, 4.0])
    assert "row 2, column level: out_of_range" in refused.err
    rows.write_text("entity,valid_time,knowledge_time,level\nUS,2020-01-01,2020-02-10,1.6\n")
    assert within("datasets", "correct", "my_mended", rows).code == 1
    done = within("datasets", "correct", "my_mended", rows, "--reason", "a slip")
    assert (done.code, done.out.startswith("my_mended: 1 rows corrected, 0 stood so already; batch ")) == (0, True)
    assert (values(), values("--recorded-as-of", str(before))) == ([1.6, 4.0], [1.5, 4.0])

    rows.write_text("entity,valid_time,knowledge_time\nUS,2020-02-01,2020-03-10\n")
    done = within("datasets", "annul", "my_mended", rows, "--reason", "never published", "--json")
    assert (done.code, done.json["kind"], done.json["amended"], done.json["reason"]) == (0, "annul", 1, "never published")
    assert values() == [1.6]


def test_a_flipped_byte_is_named_with_every_run_that_rests_on_it(
    within: Crfs, measured: dict[str, Any], book: Path, tier: DataTier
) -> None:
    sha256 = hashlib.sha256(book.read_bytes()).hexdigest()
    assert within("verify", "--all").code == 0
    flip = sa.text("UPDATE crfs.payload SET body = set_byte(body, 5, get_byte(body, 5) # 1) WHERE sha256 = :sha256")
    engine = sa.create_engine(tier.store_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        assert connection.execute(flip, {"sha256": sha256}).rowcount == 1
    try:
        told = within("verify")
        document = within("verify", "--json")
        chain = within("lineage", measured["run_id"], "--json")
        taken = within("payloads", "get", sha256)
    finally:
        with engine.begin() as connection:
            connection.execute(flip, {"sha256": sha256})
    assert (told.code, document.code, chain.code, taken.code) == (2, 2, 2, 2)
    assert sha256 in told.out
    assert measured["run_id"] in told.out
    damaged = {item["sha256"]: item["runs"] for item in document.json["damaged_payloads"]}
    assert list(damaged) == [sha256]
    assert measured["run_id"] in damaged[sha256]
    assert within("verify").code == 0


@pytest.mark.parametrize(("sent", "seed", "code"), [(signal.SIGINT, "7", 130), (signal.SIGTERM, "8", 143)], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_ingest_ends_cleanly_and_the_next_one_goes_on(
    within: Crfs, history: dict[str, Any], tier: DataTier, sent: signal.Signals, seed: str, code: int
) -> None:
    assert history
    words = ["ingest", "bureau", "--seed", seed, "--obligors", "4000", "--months", "24", "--data-dir", str(tier.data_dir)]
    running = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    for _ in range(600):
        if within("jobs", "list", "--limit", "1", "--json").json[0]["state"] == "running":
            break
        time.sleep(0.1)
    running.send_signal(sent)
    out, err = running.communicate(timeout=60)
    assert running.returncode == code, (out, err)
    assert (out, "Traceback" in err) == ("", False)
    newest = within("jobs", "list", "--limit", "1", "--json").json[0]
    assert newest["state"] == "cancelled", newest["error"]
    assert within("verify").code == 0


def test_a_reader_that_goes_away_is_no_failure(history: dict[str, Any], tier: DataTier) -> None:
    assert history
    reading, writing = os.pipe()
    os.close(reading)
    words = [*PROGRAM, "factors", "list", "--json", "--data-dir", str(tier.data_dir)]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment())
    os.close(writing)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
