"""Refusals and absences of EDGAR, told by their bodies before their status."""

from __future__ import annotations

import json

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification, load_source
from tests.samples import sample
from tests.samples.edgar import COLUMNS, FEED, ISSUER, REPORT
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
S3 = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{}</Code><Message>x</Message></Error>'
RATE = b"<html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head><body><h1>Request Rate Threshold Exceeded</h1></body></html>"
TOOL = b"<!DOCTYPE html><html><body><h1>Your Request Originates from an Undeclared Automated Tool</h1></body></html>"
HTML = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, S3.format("NoSuchKey").encode(), Classification.EMPTY),
        (403, S3.format("AccessDenied").encode(), Classification.EMPTY),
        (200, S3.format("NoSuchKey").encode(), Classification.EMPTY),
        (503, S3.format("SlowDown").encode(), Classification.RETRY),
        (403, TOOL, Classification.AUTH),
        (200, TOOL, Classification.AUTH),
        (403, RATE, Classification.QUOTA),
        (429, RATE, Classification.QUOTA),
        (200, RATE, Classification.QUOTA),
        (429, b"", Classification.QUOTA),
        (304, b"", Classification.EMPTY),
        (404, b"<html>Not found</html>", Classification.EMPTY),
        (503, HTML, Classification.RETRY),
        (500, b"", Classification.RETRY),
        (200, b"", Classification.RETRY),
        (200, HTML, Classification.SCHEMA),
        (403, HTML, Classification.AUTH),
        (400, HTML, Classification.BAD_REQUEST),
        (200, b"[]", Classification.SCHEMA),
        (200, b'{"facts":1,"cik":1}', Classification.SCHEMA),
        (200, b'{"filings":{"recent":[]}}', Classification.SCHEMA),
        (200, b"words", Classification.SCHEMA),
        (200, b'<feed xmlns="http://www.w3.org/2005/Atom"></feed>', Classification.EMPTY),
        (200, FEED, Classification.OK),
        (200, REPORT.encode(), Classification.OK),
        (200, json.dumps(ISSUER).encode(), Classification.OK),
        (200, json.dumps({name: [] for name in COLUMNS}).encode(), Classification.EMPTY),
    ],
)
def test_an_answer_is_what_its_body_says(status: int, body: bytes, expected: Classification) -> None:
    assert SOURCE.classify(sample("edgar", body, status=status)) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("error_403_undeclared", Classification.AUTH),
        ("full_index_304", Classification.EMPTY),
        ("full_index_403", Classification.EMPTY),
        ("submissions_404", Classification.EMPTY),
        ("filing_aapl_form4", Classification.OK),
        ("filing_aapl_8k", Classification.OK),
        ("filing_8K_2003", Classification.OK),
        ("earnings_release_Buckle", Classification.OK),
        ("earnings_call_transcript_AA_", Classification.SCHEMA),
    ],
)
def test_recorded_answers(name: str, expected: Classification, recorded: Recorded) -> None:
    assert SOURCE.classify(recorded(name)) is expected


def test_who_asks_without_a_contact_is_told_to_set_one() -> None:
    assert SOURCE.provider.needs_contact
    assert "contact" in SOURCE.provider.terms
    (limit,) = SOURCE.provider.limits
    assert (limit.requests, limit.seconds) == (8, 1.0)


@pytest.mark.parametrize("element", [b"<div>", b"<b>", b"<table><tr><td>", b"<font>"])
def test_a_page_nested_without_end_is_refused(element: bytes, catalogue: Catalogue) -> None:
    body = b"<p>FORM 8-K</p>" + element * 200_000
    parsed = SOURCE.parse(sample("edgar", body), catalogue)
    assert parsed.rejected["reason"].to_list() == ["unsupported"]
