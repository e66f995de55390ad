"""Factors over HTTP: both clocks, formats, pages of a snapshot, caching, errors."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest

from crfs.workflows.session import Session
from tests.apps.api.conftest import REVISED, Client, publish

GIZMO = "/v1/factors/test.gizmo/observations"
SPREAD = "/v1/factors/us.credit_spread_baa_aaa/observations"


def values(document: dict[str, list[dict[str, float]]]) -> list[float]:
    return [row["value"] for row in document["observations"]]


def test_the_catalogue_is_searched_by_words_and_by_category_and_says_why_it_is_empty(client: Client) -> None:
    everything = client.json("/v1/factors")["factors"]
    rates = client.json("/v1/factors?category=labour")["factors"]
    assert 0 < len(rates) < len(everything)
    assert {factor["category"] for factor in rates} == {"labour"}
    assert any(f["mnemonic"] == "test.gizmo" for f in client.json("/v1/factors?q=gizmo%20value")["factors"])
    assert client.json("/v1/factors?q=nosuchword") == {"factors": [], "next": None, "meta": {"total": 0, "reason": "no factor matches"}}


def test_pages_of_the_catalogue_add_up_to_it(client: Client) -> None:
    seen, url = [], "/v1/factors?limit=17"
    while url:
        answer = client.get(url)
        seen += [factor["mnemonic"] for factor in answer.json()["factors"]]
        url = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert seen == [factor["mnemonic"] for factor in client.json("/v1/factors")["factors"]]


def test_a_factor_a_dataset_and_vintages_have_documents(client: Client) -> None:
    assert client.json("/v1/factors/us.credit_spread_baa_aaa")["stored"]["observations"] == 1200
    assert client.json("/v1/datasets/moodys_yields")["stored"]["rows"] == 1200
    assert any(item["dataset"] == "moodys_yields" for item in client.json("/v1/datasets")["datasets"])
    vintages = client.json("/v1/factors/test.gizmo/vintages")["vintages"]
    assert vintages[0]["knowledge_time"] == "2020-02-01T09:00:00Z"


def test_intervals_are_half_open_and_values_are_decimals(client: Client) -> None:
    found = client.json(f"{SPREAD}?start=2008-10-01&end=2008-12-01")
    assert [row["valid_time"] for row in found["observations"]] == ["2008-10-01T00:00:00Z", "2008-11-01T00:00:00Z"]
    assert values(found) == pytest.approx([0.0260, 0.0309])
    assert found["resolved"] is True


def test_a_date_means_the_end_of_that_day_in_the_publishers_zone(client: Client) -> None:
    assert client.json(f"{SPREAD}?as_of=2008-12-31&end=2000-01-01")["as_of"] == "2009-01-01T05:00:00Z"


def test_a_pinned_read_never_changes_while_a_writer_revises(client: Client, session: Session, folder: Path) -> None:
    head = client.json("/readyz")["batch_id"]
    pinned = f"{GIZMO}?as_of=2020-06-30T00:00:00Z&recorded_as_of={head}"
    before = client.get(pinned)
    assert values(before.json()) == [1.5, 2.5]
    assert before.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert before.headers["etag"].startswith('"')
    publish(session, folder, REVISED)
    after = client.get(pinned)
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    now = client.json(GIZMO)
    assert values(now) == [1.75, 2.5]
    assert now["batch_id"] > head
    assert values(client.json(f"{GIZMO}?as_of=2020-03-15")) == [1.5, 2.5]
    assert values(client.json(f"{GIZMO}?as_of=2020-02-15")) == [1.5]


def test_pages_are_of_one_snapshot_though_a_writer_adds_rows_between_them(client: Client, session: Session, folder: Path) -> None:
    first = client.json(f"{GIZMO}?limit=1&as_of=2021-01-01")
    rows = first["observations"]
    whole = client.json(f"{GIZMO}?as_of={first['as_of']}&recorded_as_of={first['batch_id']}")["observations"]
    publish(session, folder, f"entity,valid_time,knowledge_time,value\nA,2019-{7 + len(whole):02d}-01,2020-05-01T09:00:00Z,9.5\n")
    cursor = first["next"]
    while cursor:
        page = client.json(f"{GIZMO}?limit=1&as_of=2021-01-01&cursor={cursor}")
        assert (page["as_of"], page["batch_id"]) == (first["as_of"], first["batch_id"])
        rows += page["observations"]
        cursor = page["next"]
    assert rows == whole
    assert len(client.json(f"{GIZMO}?as_of=2021-01-01")["observations"]) == len(whole) + 1


@pytest.mark.parametrize("table_format", ["csv", "ndjson", "arrow", "parquet"])
def test_every_format_has_the_same_rows_and_carries_both_clocks(client: Client, table_format: str) -> None:
    asked = f"{SPREAD}?start=2008-01-01&end=2009-01-01&as_of=2009-06-30&recorded_as_of=5"
    expected = client.json(asked)
    answer = client.get(f"{asked}&format={table_format}")
    body = io.BytesIO(answer.content)
    table = {
        "csv": lambda: pl.read_csv(body),
        "ndjson": lambda: pl.read_ndjson(body),
        "arrow": lambda: pl.read_ipc_stream(body),
        "parquet": lambda: pl.read_parquet(body),
    }[table_format]()
    assert table["value"].to_list() == values(expected)
    assert table["batch_id"].to_list() == [row["batch_id"] for row in expected["observations"]]
    assert answer.headers["crfs-as-of"] == expected["as_of"] == "2009-07-01T04:00:00Z"
    assert answer.headers["crfs-recorded-as-of"] == expected["recorded_as_of"]
    assert answer.headers["crfs-resolved"] == "false"
    assert "immutable" in answer.headers["cache-control"]
    if table_format == "parquet":
        body.seek(0)
        assert pl.read_parquet_metadata(body)["crfs.as_of"] == expected["as_of"]


def test_a_caller_that_has_the_answer_already_is_told_so(client: Client) -> None:
    for url in (f"{SPREAD}?as_of=2009-06-30&recorded_as_of=5", SPREAD, "/v1/factors", "/v1/models"):
        first = client.get(url)
        again = client.get(url, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    # An answer about now names the moment of the question, so its tag is the weak one.
    assert client.get(SPREAD).headers["etag"].startswith("W/")
    assert client.get(SPREAD).headers["cache-control"] == "no-cache"


def test_personal_data_is_kept_by_no_cache(client: Client, session: Session) -> None:
    catalogue = session.catalogue()
    personal = [f for f in catalogue.factors.values() if catalogue.dataset(f.dataset).column(f.column).personal]
    assert personal, "the bureau marks what is about persons"
    answer = client.get(f"/v1/factors/{personal[0].mnemonic}/observations?limit=1")
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("url", "status", "where"),
    [
        ("/v1/factors/us.nosuch", 404, None),
        ("/v1/factors/us.nosuch/observations", 404, None),
        ("/v1/datasets/nosuch", 404, None),
        (f"{SPREAD}?asof=2008-12-31", 422, "/query/asof"),
        (f"{SPREAD}?as_of=2008-12-31&as_of=2009-12-31", 422, "/query/as_of"),
        (f"{SPREAD}?as_of=2008-12-31T00:00:00", 422, None),
        (f"{SPREAD}?start=yesterday", 422, None),
        (f"{SPREAD}?start=2010-01-01&end=2009-01-01", 422, None),
        (f"{SPREAD}?limit=10001", 422, "/query/limit"),
        (f"{SPREAD}?format=xls", 422, "/query/format"),
        (f"{SPREAD}?cursor=nonsense", 422, None),
        (f"{SPREAD}?entity=DE", 422, None),
        ("/v1/nosuch", 404, None),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client: Client, url: str, status: int, where: str | None) -> None:
    found = client.problem("GET", url, status)
    if where:
        assert [error["pointer"] for error in found["errors"]] == [where]


def test_a_cursor_of_another_question_is_refused(client: Client) -> None:
    cursor = client.json(f"{SPREAD}?limit=1")["next"]
    assert "another question" in client.problem("GET", f"{SPREAD}?limit=1&start=2000-01-01&cursor={cursor}", 422)["detail"]


@pytest.mark.parametrize(
    ("query", "place"),
    [("as_of=never", "as_of"), ("recorded_as_of=never", "recorded_as_of"), ("start=never", "start"), ("end=x&start=2020-01-01", "end"),
     ("as_of=9999-12-31", "as_of"), ("cursor=x", "cursor"), ("entity=Z", "entity"), ("start=2020-01-01&end=2019-01-01", "end")],
)  # fmt: skip
def test_a_wrong_parameter_is_pointed_at(client: Client, query: str, place: str) -> None:
    found = client.problem("GET", f"{SPREAD}?{query}", 422)
    assert [error["pointer"] for error in found["errors"]] == [f"/query/{place}"]
    assert found["errors"][0]["detail"]
