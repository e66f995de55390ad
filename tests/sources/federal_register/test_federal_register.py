"""Documents are known from public inspection, else from 08:45 in Washington; more than 2,000 results are asked for in slices of time."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import polars as pl
import pytest

from crfs.credit.catalogue import packaged_catalogue
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.federal_register.documents import FIELDS
from crfs.sources.providers.federal_register.source import AGENCIES, SOURCE, FederalRegister
from tests.samples import NOW

CATALOGUE = packaged_catalogue()
URL = "https://www.federalregister.gov/api/v1/documents.json"


def body(data: object, *, url: str = "", status: int = 200, stream: str = "x") -> Payload:
    shown = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Payload(source="federal_register", stream=stream, body=shown, url=url, status=status, headers={}, started_at=NOW, fetched_at=NOW)


def document(**changes: object) -> dict[str, object]:
    return {"document_number": "2025-1", "publication_date": "2025-07-08", "type": "Rule", "title": "t", "agencies": [], **changes}


def parsed(*documents: object) -> Parsed:
    return SOURCE.parse(body({"count": len(documents), "results": list(documents)}), CATALOGUE)


def rows(result: Parsed, name: str = "federal_register_documents") -> pl.DataFrame:
    assert list(result.tables) == [name]
    return result.tables[name]


@pytest.mark.parametrize(
    ("changes", "known", "basis"),
    [
        ({}, datetime(2025, 7, 8, 12, 45, tzinfo=UTC), "calendar"),
        ({"publication_date": "2025-12-08"}, datetime(2025, 12, 8, 13, 45, tzinfo=UTC), "calendar"),
        ({"filed_at": "2025-07-07T08:45:00.000-04:00"}, datetime(2025, 7, 7, 12, 45, tzinfo=UTC), "observed"),
        ({"public_inspection_pdf_url": "https://p.org/1.pdf?1751892316"}, datetime(2025, 7, 7, 12, 45, 16, tzinfo=UTC), "observed"),
        # put there again later, long before, or without a stamp: says nothing
        ({"public_inspection_pdf_url": "https://p.org/1.pdf?1761892316"}, datetime(2025, 7, 8, 12, 45, tzinfo=UTC), "calendar"),
        ({"public_inspection_pdf_url": "https://p.org/1.pdf?1111111111"}, datetime(2025, 7, 8, 12, 45, tzinfo=UTC), "calendar"),
        ({"public_inspection_pdf_url": "https://p.org/1.pdf"}, datetime(2025, 7, 8, 12, 45, tzinfo=UTC), "calendar"),
        # it comes out tomorrow, and we have it
        ({"publication_date": "2026-01-05"}, NOW, "observed"),
    ],
)
def test_a_document_is_known_from_public_inspection_else_from_its_issue(changes: dict[str, object], known: datetime, basis: str) -> None:
    table = rows(parsed(document(**changes)))
    assert table.select("knowledge_time", "knowledge_basis", "clipped").rows() == [(known, basis, known == NOW)]


def test_a_filed_document_without_a_day_of_publication_is_true_on_its_day_of_filing() -> None:
    table = rows(parsed(document(publication_date=None, filed_at="2025-07-07T22:00:00-04:00")))
    assert table["valid_time"].to_list() == [datetime(2025, 7, 7, tzinfo=UTC)]


def test_what_a_document_says_is_kept_as_columns() -> None:
    given = document(
        title="Capital &amp; <em>liquidity</em>",
        abstract=None,
        action="Final rule.",
        agencies=[{"raw_name": "TREASURY", "name": "Treasury Department"}, {"raw_name": "OFFICE X"}, "FDIC", {"name": "FDIC"}],
        topics=["Banks, banking", "Credit"],
        effective_on="2026-04-01",
        comments_close_on="2025-09-01",
        significant=True,
        docket_ids=["R-1", "R-2"],
        citation="90 FR 1",
    )
    row = rows(parsed(given, document(document_number="2", agencies=None, agency_names=["SEC"]))).sort("entity").rows(named=True)
    assert (row[1]["title"], row[1]["abstract"], row[1]["action"]) == ("Capital & liquidity", None, "Final rule.")
    assert (row[1]["agencies"], row[1]["topics"], row[1]["docket_ids"]) == (
        "Treasury Department; OFFICE X; FDIC",
        "Banks, banking; Credit",
        "R-1; R-2",
    )
    assert (row[1]["effective_on"], row[1]["comments_close_on"], row[1]["significant"]) == (date(2026, 4, 1), date(2025, 9, 1), True)
    assert (row[0]["agencies"], row[0]["significant"], row[0]["effective_on"]) == ("SEC", None, None)


@pytest.mark.parametrize(
    ("agencies", "names"),
    [
        ("Federal Reserve System", "Federal Reserve System"),
        (["SEC", "FDIC"], "SEC; FDIC"),
        ({"name": "SEC"}, "SEC"),
        (" ", None),
        ([], None),
    ],
)
def test_agencies_are_read_in_every_form(agencies: object, names: str | None) -> None:
    assert rows(parsed(document(agencies=agencies)))["agencies"].to_list() == [names]


@pytest.mark.parametrize("agencies", [7, True, [7], [None], [{"id": 1}], [{"name": ["SEC"]}]])
def test_agencies_without_a_name_are_rejected(agencies: object) -> None:
    result = parsed(document(agencies=agencies))
    assert result.tables == {}
    assert result.rejected.select("row", "column", "reason").rows() == [(1, "agencies", "wrong_type")]


def test_fields_in_any_order_with_strangers_among_them_give_the_same_rows(seed: int) -> None:
    draw = random.Random(seed)
    given = [document(document_number=f"2025-{i}", title=f"T{i}", significant=draw.choice([True, False, None])) for i in range(40)]
    mixed = [dict(draw.sample([*item.items(), ("new", {"a": [i]}), ("page", i)], len(item) + 2)) for i, item in enumerate(given)]
    assert rows(parsed(*given)).equals(rows(parsed(*mixed)))


def test_bad_documents_are_rejected_by_row_and_column_and_the_rest_is_kept() -> None:
    bad: list[object] = [
        "no",
        {"title": "x"},
        document(document_number=""),
        document(publication_date="July 8, 2025"),
        document(publication_date=None),
        document(effective_on="soon"),
        document(significant="maybe"),
        document(filed_at="2025-07-07"),
        document(title="another"),
    ]
    result = parsed(document(), *bad)
    assert rows(result).height == 1
    assert result.rejected.select("row", "column", "reason").rows() == [
        (2, None, "unexpected_shape"),
        (3, "document_number", "missing_field"),
        (4, "document_number", "missing_field"),
        (5, "publication_date", "not_a_date"),
        (6, "publication_date", "not_a_date"),
        (7, "effective_on", "not_a_date"),
        (8, "significant", "wrong_type"),
        (9, "filed_at", "not_a_date"),
        (10, "valid_time", "contradiction"),
    ]


def test_a_posted_document_is_known_from_the_end_of_its_day_or_from_its_last_change() -> None:
    attributes = {"title": "t", "documentType": "Rule", "postedDate": "2020-10-22T04:00:00Z", "commentEndDate": "2020-11-24T04:59:59Z"}
    data = [
        {"id": "A-1", "attributes": attributes},
        {"id": "A-2", "attributes": {**attributes, "lastModifiedDate": "2021-01-05T10:00:00Z"}},
        {"id": "A-3", "attributes": {**attributes, "withdrawn": True}},
        {"id": "A-4", "attributes": {**attributes, "postedDate": "2020"}},
        {"id": "A-5"},
    ]
    result = SOURCE.parse(body({"data": data}), CATALOGUE)
    table = rows(result, "regulations_documents")
    assert table.select("entity", "knowledge_time", "clipped").rows() == [
        ("A-1", datetime(2020, 10, 23, 4, tzinfo=UTC), False),
        ("A-2", datetime(2021, 1, 5, 10, tzinfo=UTC), False),
        ("A-3", NOW, True),
    ]
    assert set(table["valid_time"]) == {datetime(2020, 10, 22, tzinfo=UTC)}
    assert set(table["comments_close_on"]) == {date(2020, 11, 23)}
    assert result.rejected.select("row", "column", "reason").rows() == [(4, "postedDate", "not_a_date"), (5, "postedDate", "not_a_date")]


@pytest.mark.parametrize(
    ("data", "status", "url", "expected"),
    [
        ({"count": 1, "results": [document()]}, 200, URL, "OK"),
        (document(), 200, URL, "OK"),
        ({"description": "none", "count": 0}, 200, URL, "EMPTY"),
        ({"count": 0, "results": []}, 200, URL, "EMPTY"),
        ({"count": 9, "results": []}, 200, URL, "RETRY"),
        ({"count": 9, "results": []}, 200, f"{URL}?page=3", "EMPTY"),
        ({"count": 9, "results": [document()], "next_page_url": "x"}, 200, f"{URL}?per_page=5", "RETRY"),
        ({"count": 9, "results": [document()], "total_pages": 1}, 200, URL, "RETRY"),
        ({"count": 9, "results": [document()]}, 200, f"{URL}?per_page=5&page=2", "RETRY"),
        ({"count": 6, "results": [document()]}, 200, f"{URL}?per_page=5&page=2", "OK"),
        ({"count": 2100, "results": [document()]}, 200, f"{URL}?per_page=1000&page=2", "OK"),
        ({"count": 1, "results": [document()]}, 200, f"{URL}?per_page=5", "OK"),
        ({"count": 5000, "results": [document()]}, 200, URL, "RETRY"),
        ({"count": 5000, "results": [document()]}, 200, f"{URL}?per_page=1000", "RETRY"),
        ({"count": 3, "results": [document()]}, 200, URL, "RETRY"),
        ({"data": [{"id": "1"}], "meta": {"numberOfElements": 2}}, 200, "", "RETRY"),
        ({"data": [], "meta": {"numberOfElements": 0}}, 200, "", "EMPTY"),
        ({"errors": [{"status": "400", "title": "Invalid filter"}]}, 400, "", "BAD_REQUEST"),
        ({"errors": [{"status": "500", "title": "broken"}]}, 200, "", "RETRY"),
        ({"errors": {"conditions": "is no date"}}, 400, "", "BAD_REQUEST"),
        ({"error": {"code": "API_KEY_INVALID", "message": "m"}}, 403, "", "AUTH"),
        ({"error": {"code": "API_KEY_MISSING", "message": "m"}}, 200, "", "AUTH"),
        ({"error": {"code": "OVER_RATE_LIMIT", "message": "m"}}, 429, "", "QUOTA"),
        ({"status": 404, "message": "Record Not Found"}, 404, "", "BAD_REQUEST"),
        (b"Too many", 429, "", "RETRY"),
        (b"<html>gateway</html>", 504, "", "RETRY"),
        (b"<html>maintenance</html>", 200, "", "SCHEMA"),
        (b'{"results": [', 200, "", "SCHEMA"),
        (b"", 200, "", "RETRY"),
        (b"", 204, "", "EMPTY"),
        ([document()], 200, "", "SCHEMA"),
    ],
)
def test_an_answer_is_told_by_its_body_before_its_status(data: object, status: int, url: str, expected: str) -> None:
    assert SOURCE.classify(body(data, status=status, url=url)) is Classification(expected)


@dataclass(kw_only=True)
class Register:
    """The Federal Register with ``a_day`` documents on each day; it shows at most 2,000 results of a question."""

    a_day: int
    most: int = 2000
    now: datetime = NOW
    has_key: bool = False
    circles: bool = False
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        params = parse_qs(urlsplit(request.full_url).query)
        first, last = (date.fromisoformat(params[f"conditions[publication_date][{end}]"][0]) for end in ("gte", "lte"))
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        found = [document(document_number=f"{day}-{i}", publication_date=str(day)) for day in days for i in range(self.a_day)]
        size, page = int(params["per_page"][0]), int(params.get("page", ["1"])[0])
        shown = found[: self.most][(page - 1) * size : page * size]
        answer: dict[str, object] = {"count": len(found), "results": shown}
        if page * size < min(len(found), self.most):
            asked = [(name, value) for name, values in params.items() if name != "page" for value in values]
            following = urlencode([*asked, ("page", "1" if self.circles else str(page + 1))])
            answer["next_page_url"] = f"https://www.federalregister.gov/api/v1/documents?{following}"
        return body(answer, url=request.full_url, stream=request.stream)


def test_more_results_than_are_shown_are_asked_for_by_halves_of_the_time() -> None:
    register = Register(a_day=7, most=20)
    source = FederalRegister(most_results=20, page=5)
    query = Query(series=("federal-reserve-system",), since=date(2025, 1, 1), until=date(2025, 2, 9))
    payloads = list(source.fetch(query, register, CATALOGUE))
    assert all(source.classify(payload) is Classification.OK for payload in payloads)
    found = pl.concat([rows(source.parse(payload, CATALOGUE)) for payload in payloads])["entity"].unique()
    assert found.len() == 40 * 7
    asked = dict(register.asked[0].params)
    assert asked["conditions[agencies][]"] == "federal-reserve-system"
    assert [value for name, value in register.asked[0].params if name == "fields[]"] == list(FIELDS)
    assert {request.stream for request in register.asked} == {"federal-reserve-system"}


def test_pages_follow_the_providers_link_and_end_where_they_turn_in_circles() -> None:
    query = Query(series=("all",), since=date(2025, 1, 1), until=date(2025, 1, 2), options={"term": "bank", "type": "RULE"})
    register = Register(a_day=8)
    assert len(list(FederalRegister(page=5).fetch(query, register, CATALOGUE))) == 4
    asked = dict(register.asked[0].params)
    assert (asked["conditions[term]"], asked["conditions[type][]"]) == ("bank", "RULE")
    assert "conditions[agencies][]" not in asked
    assert [dict(request.params).get("page") for request in register.asked] == [None, "2", "3", "4"]
    with pytest.raises(SourceUnavailable):
        list(FederalRegister(page=5).fetch(query, Register(a_day=8, circles=True), CATALOGUE))


def test_without_series_the_agencies_that_lenders_answer_to_are_asked_for_a_month() -> None:
    register = Register(a_day=0)
    list(SOURCE.fetch(Query(), register, CATALOGUE))
    assert [request.stream for request in register.asked] == list(AGENCIES)
    asked = dict(register.asked[0].params)
    bounds = [asked[f"conditions[publication_date][{end}]"] for end in ("gte", "lte")]
    assert bounds == ["2025-12-02", "2026-01-08"]
    with pytest.raises(InvalidInput, match="lies after"):
        next(SOURCE.fetch(Query(since=date(2027, 1, 1)), register, CATALOGUE))


def test_the_recordings_are_read_whole(recordings: Path) -> None:
    folder = recordings / "federal_register"
    found = {item.path.stem: item.payload for item in recorded_payloads(folder, source="federal_register", now=NOW)}
    assert {name: SOURCE.classify(payload).value for name, payload in found.items()} == {
        "fr_documents_bears_ears_page1": "OK",
        "regulations_gov_document_by_frdocnum": "OK",
        "regulations_gov_empty_result": "EMPTY",
        "regulations_gov_400_bad_filter": "BAD_REQUEST",
        "regulations_gov_403_invalid_key": "AUTH",
    }
    page = SOURCE.parse(found["fr_documents_bears_ears_page1"], CATALOGUE)
    assert (rows(page).height, page.rejected.height) == (5, 0)
    notice = rows(page).row(by_predicate=pl.col("entity") == "2026-07755", named=True)
    assert (notice["type"], notice["agencies"]) == ("Notice", "Interior Department; Fish and Wildlife Service")
    assert (notice["valid_time"], notice["knowledge_time"]) == (
        datetime(2026, 4, 21, tzinfo=UTC),
        datetime(2026, 4, 20, 12, 45, 16, tzinfo=UTC),
    )
    order = rows(page).row(by_predicate=pl.col("entity") == "2025-19485", named=True)
    assert (order["type"], order["abstract"]) == ("Presidential Document", None)
    posted = rows(SOURCE.parse(found["regulations_gov_document_by_frdocnum"], CATALOGUE), "regulations_documents").row(0, named=True)
    assert (posted["entity"], posted["docket_id"], posted["title"]) == (
        "FRTIB_FRDOC_0001-0319",
        "FRTIB_FRDOC_0001",
        "Availability of Records",
    )
    assert posted["knowledge_time"] == datetime(2020, 10, 23, 4, tzinfo=UTC)
