"""The bureau as a source: what is fetched parses without loss, what is broken is rejected by row and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import as_of
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Scope
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query, Transport, load_source
from crfs.sources.core.tables import ACCEPTED
from crfs.sources.providers.bureau import SOURCE, BureauSpec, deliver, simulate_months
from crfs.sources.providers.bureau.manifest import MANIFEST
from tests.sources.bureau.conftest import CALM


@pytest.fixture(scope="module")
def tiny() -> BureauSpec:
    return BureauSpec(seed=7, obligors=300, months=14, correction_share=0.02, **CALM)  # type: ignore[arg-type]  # all of them are shares


@pytest.fixture(scope="module")
def payloads(tiny: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue) -> list[Payload]:
    class Clock:
        has_key = False
        now = datetime(2026, 1, 2, 3, tzinfo=UTC)

        def send(self, request: object) -> Payload:
            raise AssertionError(request)

    return list(SOURCE.fetch(Query(options={"spec": tiny, "macro": macro}), Clock(), catalogue))


def saved(original: Payload, body: bytes) -> Payload:
    """A file with this body that somebody saved: no manifest came with it."""
    return replace(original, body=body, headers={name: text for name, text in original.headers.items() if name != MANIFEST})


def payload(body: bytes, url: str = "bureau://seed-7/2005-01/obligor.csv") -> Payload:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Payload(source="bureau", stream="x", body=body, url=url, status=200, headers={}, started_at=now, fetched_at=now)


def obligor_file(payloads: list[Payload]) -> Payload:
    return next(p for p in payloads if p.url.endswith("2005-01/obligor.csv"))


def test_it_is_the_source_of_that_name() -> None:
    assert load_source("bureau") is SOURCE


def test_the_same_seed_sends_the_same_bytes(
    tiny: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue, payloads: list[Payload], transport: Transport
) -> None:
    again = list(SOURCE.fetch(Query(options={"spec": tiny, "macro": macro}), transport, catalogue))
    assert [(p.url, p.stream, p.sha256) for p in again] == [(p.url, p.stream, p.sha256) for p in payloads]
    assert payloads[0].url == "bureau://seed-7/2004-10/facility.csv"


def test_a_query_picks_files_and_months(tiny: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue, transport: Transport) -> None:
    query = Query(series=("obligor",), since=date(2005, 2, 1), until=date(2005, 3, 1), options={"spec": tiny, "macro": macro})
    urls = [p.url for p in SOURCE.fetch(query, transport, catalogue)]
    assert urls == ["bureau://seed-7/2005-02/obligor.csv", "bureau://seed-7/2005-03/obligor.csv"]
    with pytest.raises(InvalidInput, match="no file 'loans'"):
        next(SOURCE.fetch(replace(query, series=("loans",)), transport, catalogue))
    with pytest.raises(InvalidInput, match="options\\['spec'\\]"):
        next(SOURCE.fetch(Query(), transport, catalogue))


def test_what_is_fetched_parses_without_loss(tiny: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue, payloads: list[Payload]) -> None:
    rows: Mapping[str, list[pl.DataFrame]] = {name: [] for name in catalogue.datasets}
    for p in payloads:
        assert SOURCE.classify(p) is Classification.OK
        parsed = SOURCE.parse(p, catalogue)
        assert parsed.rejected.is_empty(), p.url
        for name, table in parsed.tables.items():
            assert table.schema == {**ACCEPTED, **catalogue.dataset(name).schema()}
            assert set(table["knowledge_basis"].cast(pl.String)) == {"observed"}
            rows[name].append(table)
    tables = {"bureau_facility": "balance", "bureau_obligor": "total_balance", "bureau_default": "ead", "bureau_recovery": "amount"}
    deliveries = list(deliver(tiny, simulate_months(tiny, macro)))
    for name, column in tables.items():
        sent = pl.concat(d.files[name.removeprefix("bureau_")] for d in deliveries if name.removeprefix("bureau_") in d.files)
        got = pl.concat(rows[name])
        assert got.height == sent.height
        assert got[column].sort().equals(sent[column].sort(), check_dtypes=False)
        assert not got.select("entity", "valid_time", "knowledge_time").is_duplicated().any()


def test_a_question_before_the_delivery_does_not_see_it(payloads: list[Payload], catalogue: Catalogue) -> None:
    tables = [SOURCE.parse(p, catalogue).tables["bureau_obligor"] for p in payloads if p.url.endswith("obligor.csv")]
    history = pl.concat(tables).with_columns(batch_id=pl.lit(1, dtype=pl.Int64))
    january = datetime(2005, 1, 1, tzinfo=UTC)
    early = as_of(history, as_of=datetime(2005, 2, 14, tzinfo=UTC)).filter(pl.col("valid_time") == january)
    late = as_of(history, as_of=datetime(2005, 12, 1, tzinfo=UTC)).filter(pl.col("valid_time") == january)
    assert early.is_empty()
    assert late.height > 280


def test_the_quick_and_the_careful_parser_agree(payloads: list[Payload], catalogue: Catalogue) -> None:
    for p in payloads[:8]:
        quoted = p.body.split(b"\n", 1)[0].replace(b"month,", b'"month",', 1).replace(b"default_date,", b'"default_date",', 1)
        careful = SOURCE.parse(saved(p, quoted + b"\n" + p.body.split(b"\n", 1)[1]), catalogue)
        quick = SOURCE.parse(p, catalogue)
        assert careful.rejected.is_empty()
        for name, table in quick.tables.items():
            assert careful.tables[name].equals(table)


@pytest.mark.parametrize(
    ("old", "new", "column", "reason"),
    [
        (b",retail,", b",re\xfftail,", "segment", "broken_encoding"),
        (b"-01,retail,", b"-00,retail,", "month", "not_a_date"),
        (b",current,0,", b",current,yes,", "in_default", "not_a_number"),
        (b",current,0,", b",current,2,", "in_default", "out_of_range"),
        (b",current,0,", b",current,,", "in_default", "missing_field"),
        (b",current,0,", b",current,0,0,", None, "unexpected_shape"),
        (b"Z\n", b"\n", "delivered_at", "not_a_date"),
    ],
)
def test_a_bad_cell_is_rejected_by_row_and_column(
    payloads: list[Payload], catalogue: Catalogue, old: bytes, new: bytes, column: str | None, reason: str
) -> None:
    original = obligor_file(payloads)
    head, first, rest = original.body.split(b"\n", 2)
    second, rest = rest.split(b"\n", 1)
    broken = (second + b"\n").replace(old, new, 1)
    assert broken != second + b"\n"
    body = head + b"\n" + first + b"\n" + broken + rest
    parsed = SOURCE.parse(saved(original, body), catalogue)
    rejected = parsed.rejected.to_dicts()
    assert [(r["row"], r["column"], r["reason"]) for r in rejected] == [(2, column, reason)]
    whole = SOURCE.parse(original, catalogue).tables["bureau_obligor"]
    assert parsed.tables["bureau_obligor"].height == whole.height - 1


def test_bytes_that_are_no_file_of_a_bureau_are_told_apart(payloads: list[Payload], catalogue: Catalogue) -> None:
    header = obligor_file(payloads).body.split(b"\n", 1)[0] + b"\n"
    assert SOURCE.classify(payload(b"")) is Classification.EMPTY
    assert SOURCE.classify(payload(header)) is Classification.EMPTY
    assert SOURCE.classify(payload(b"<html>busy</html>")) is Classification.SCHEMA
    assert SOURCE.classify(replace(payload(b"busy"), status=503)) is Classification.RETRY
    assert SOURCE.parse(payload(b"<html>busy</html>"), catalogue).rejected["reason"].to_list() == ["unexpected_shape"]
    dropped = obligor_file(payloads).body.replace(b",minor_delays_12m", b",minor_delays", 1)
    (refused,) = SOURCE.parse(payload(dropped), catalogue).rejected.to_dicts()
    assert (refused["row"], refused["reason"]) == (None, "missing_field")
    assert "minor_delays_12m" in refused["detail"]
    more = header.replace(b",status", b",status,colour") + obligor_file(payloads).body.split(b"\n", 1)[1].replace(
        b",current,", b",current,red,"
    )
    parsed = SOURCE.parse(payload(more), catalogue)
    assert parsed.rejected.row(0)[:3] == (None, "colour", "unknown_column")
    assert parsed.tables["bureau_obligor"].height > 200


@given(data=st.data())
def test_no_bytes_make_the_parser_fail(data: st.DataObject, payloads: list[Payload], catalogue: Catalogue) -> None:
    source = payloads[data.draw(st.integers(0, 7))]
    body = bytearray(source.body[:3000])
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, 2000)) % len(body)
        match data.draw(st.integers(0, 2)):
            case 0:
                body[at] = data.draw(st.integers(0, 255))
            case 1:
                del body[at + 1 : at + 1 + data.draw(st.integers(1, 60))]
            case _:
                body[at:at] = data.draw(st.binary(max_size=8))
    broken = saved(source, bytes(body))
    SOURCE.classify(broken)
    parsed = SOURCE.parse(broken, catalogue)
    for name, table in parsed.tables.items():
        assert table.schema == {**ACCEPTED, **catalogue.dataset(name).schema()}
    assert SOURCE.classify(replace(source, body=bytes(body))) in {Classification.OK, Classification.RETRY, Classification.SCHEMA}


def test_definitions_are_synthetic_personal_data_of_a_tenant(catalogue: Catalogue) -> None:
    assert set(catalogue.datasets) == {"bureau_obligor", "bureau_facility", "bureau_default", "bureau_recovery", "bureau_dispute"}
    for dataset in catalogue.datasets.values():
        assert dataset.synthetic
        assert dataset.scope is Scope.TENANT
        assert any(column.personal for column in dataset.columns)
    assert catalogue.factor("bureau.obligor.utilisation").entity is None
    for factor in catalogue.factors.values():
        assert factor.category == "bureau"
        assert factor.dataset in {"bureau_obligor", "bureau_facility", "bureau_dispute"}, "what follows a default is no factor"
