"""Landing: bytes once under their hash, a row a fetch, and what was refused of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.errors import NotFound, VerificationFailed
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.payloads import keep_rejected, payload
from tests.store.conftest import administering
from tests.store.keeping import landed


@pytest.fixture
def database(module_database: Database) -> Database:
    return module_database


def test_the_same_bytes_twice_are_one_payload_and_two_fetches(database: Database) -> None:
    body = bytes(range(256)) * 300
    assert landed(database, body) == landed(database, body, url="https://example.org/again") == hashlib.sha256(body).hexdigest()
    assert payload(database, hashlib.sha256(body).hexdigest()) == body
    with database.reading() as connection:
        sha = hashlib.sha256(body).hexdigest()
        assert connection.exec_driver_sql("SELECT count(*), max(byte_count) FROM crfs.payload WHERE sha256 = %s", (sha,)).one() == (
            1,
            76_800,
        )
        urls = connection.exec_driver_sql("SELECT url FROM crfs.fetch WHERE sha256 = %s ORDER BY fetch_id", (sha,)).scalars().all()
    assert list(urls) == ["https://example.org/series", "https://example.org/again"]


def test_no_bytes_are_bytes_too(database: Database) -> None:
    assert payload(database, landed(database, b"")) == b""


def test_a_tenant_sees_the_payloads_that_it_fetched(database: Database, connect: Callable[..., Database]) -> None:
    other = connect(database.url, tenant_id=2)
    sha = landed(database, b"of one tenant")
    with pytest.raises(NotFound, match="no payload has the hash"):
        payload(other, sha)
    assert landed(other, b"of one tenant") == sha
    assert payload(other, sha) == b"of one tenant"


def test_a_damaged_or_expired_payload_is_not_handed_out(database: Database) -> None:
    damaged, expired = landed(database, b"will be damaged"), landed(database, b"will expire")
    with administering(database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.payload SET body = set_byte(body, 3, 255) WHERE sha256 = %s", (damaged,))
        connection.exec_driver_sql("UPDATE crfs.payload SET body = NULL WHERE sha256 = %s", (expired,))
    with pytest.raises(VerificationFailed, match=f"{damaged} is damaged"):
        payload(database, damaged)
    with pytest.raises(NotFound, match="has expired"):
        payload(database, expired)
    # The bytes come again: they are kept again, and a fetch more.
    for sha, body in ((damaged, b"will be damaged"), (expired, b"will expire")):
        assert landed(database, body) == sha
        assert payload(database, sha) == body


def test_nobody_puts_other_bytes_under_a_hash(database: Database) -> None:
    sha = landed(database, b"the bytes")
    for statement in ("SELECT crfs.mend_payload('other bytes')", "SELECT crfs.mend_artefact('other bytes')"):
        with database.writing() as connection:
            assert connection.exec_driver_sql(statement).scalar_one() is False
    assert payload(database, sha) == b"the bytes"
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), database.writing() as connection:
        connection.exec_driver_sql("UPDATE crfs.payload SET body = 'other bytes'")


def test_refused_rows_are_kept_once_an_answer_and_parser_and_seen_by_their_tenant(
    database: Database, connect: Callable[..., Database]
) -> None:
    sha = landed(database, b"with two bad rows")
    rejected = pl.DataFrame(
        {"row": [3, None], "column": ["value", None], "reason": ["not_a_number", "encoding"], "detail": ["'x'", "byte 9"]}
    )
    one, other = (AnswerKey("fred", series, sha) for series in ("UNRATE", "FEDFUNDS"))
    for answer, version in ((one, "1"), (one, "1"), (one, "2"), (other, "2")):
        assert keep_rejected(database, answer, version, rejected) == 2
    assert keep_rejected(database, one, "3", rejected.clear()) == 0
    query = "SELECT stream, parser_version, row_number, column_name, reason FROM crfs.rejected_row WHERE sha256 = %s ORDER BY rejected_id"
    noted = [("UNRATE", "1"), ("UNRATE", "2"), ("FEDFUNDS", "2")]
    expected = [(*answer, *row) for answer in noted for row in [(3, "value", "not_a_number"), (None, None, "encoding")]]
    for tenant, seen in [(1, expected), (2, [])]:
        with connect(database.url, tenant_id=tenant).reading() as connection:
            assert [tuple(row) for row in connection.exec_driver_sql(query, (sha,))] == seen
