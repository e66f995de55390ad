"""Pages: the API's numbers, nothing from elsewhere, everything escaped, every state a URL."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from crfs.apps.api.pages.factors import OPEN_VINTAGES, ROWS
from crfs.workflows.book_runs import measure_book
from crfs.workflows.demo import EARLIER_AT, book_question
from crfs.workflows.session import Session
from tests.apps.api.conftest import Client

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """What a page has: its numbers, addresses, tags, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: set[str] = set()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.styles: list[str] = []
        self.labels: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.addresses += [given[name] for name in ("href", "src", "action") if name in given]
        self.styles += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "data":
            self.numbers.add(given["value"])
        if tag not in VOID and not (self.open and "svg" in self.open and tag in {"line", "path", "rect", "circle"}):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass


@pytest.fixture(scope="module")
def explained(client: Client, session: Session, demo_run: str) -> dict[str, dict[str, Any]]:
    """What the main job asks about the risk that it found, by the names in its report."""
    risk = client.json(f"/v1/risk-runs/{demo_run}")
    questions = {what: book_question(session, what, {"risk": risk}) for what in ("reverse_stress", "attribution")}
    return {
        what: measure_book(session, replace(question, recorded_as_of=risk["batch_id"]), rows=False)[1]
        for what, question in questions.items()
    }


@pytest.fixture(scope="module")
def every_page(client: Client, demo_run: str, explained: dict[str, dict[str, Any]]) -> dict[str, str]:
    payload = client.json(f"/v1/runs/{demo_run}/lineage")["payloads"][0]["sha256"]
    urls = [
        "/", f"/runs/{demo_run}", "/runs", "/runs?kind=model", "/models", "/models/pd/1", "/models/lgd/1", "/models/ead/1", "/factors",
        "/factors?q=unemployment&category=labour", "/factors/us.credit_spread_baa_aaa", "/factors/us.credit_spread_baa_aaa?as_of=2008-12-31&start=2000-01-01",
        "/factors/us.credit_spread_baa_aaa?period=2008-10-01", "/factors/bureau.obligor.score", "/factors/bureau.obligor.sector",
        "/factors/us.unemployment_rate", "/factors/test.gizmo", "/factors/test.revised", f"/lineage/{demo_run}", f"/payloads/{payload}", "/problems",
        *(f"/runs/{answer['run_id']}" for answer in explained.values()),
    ]  # fmt: skip
    return {url: client.html(url) for url in urls}


def test_the_report_has_the_numbers_of_the_api(client: Client, demo_run: str, every_page: dict[str, str]) -> None:
    risk = client.json(f"/v1/risk-runs/{demo_run}")
    shown = Page(every_page[f"/runs/{demo_run}"]).numbers
    wanted: list[Any] = [risk[name] for name in ("el", "ul", "ul_se", "total_ead", "hhi", "effective_names")]
    wanted += [m[name] for m in risk["measures"] for name in ("var", "var_se", "var_low", "var_high", "es", "es_se", "es_low", "es_high")]
    wanted += [value for item in risk["contributions"] if item["name"] is not None for value in (item["ead"], item["el"])]
    wanted += [value for item in risk["segments"] for value in (item["ead"], item["el"])]
    assert {repr(value) for value in wanted if value is not None} <= shown
    assert f"crfs replay {demo_run}" in every_page[f"/runs/{demo_run}"]
    assert {repr(risk["el"]), repr(risk["measures"][0]["var"])} <= Page(every_page["/"]).numbers


def test_the_model_page_has_the_numbers_of_the_card_and_warns_of_a_wrong_level(client: Client, every_page: dict[str, str]) -> None:
    seen = client.json("/v1/models/pd/versions/1")["card"]["validation"]
    shown = Page(every_page["/models/pd/1"]).numbers
    wanted = [
        seen["auc"]["value"],
        seen["ks"],
        seen["brier"]["brier"],
        seen["calibration"]["slope"]["value"],
        seen["mean_pd"],
        seen["default_rate"],
    ]
    assert {repr(value) for value in wanted} <= shown
    level = seen["calibration"]["in_the_large"]
    assert ("of the level" in every_page["/models/pd/1"]) == (level["lower"] > 0 or level["upper"] < 0)
    assert "was not validated" in every_page["/models/lgd/1"]


def test_the_factor_page_has_the_values_of_the_api_and_says_when_it_is_not_now(client: Client, every_page: dict[str, str]) -> None:
    now, then = "/factors/us.credit_spread_baa_aaa", "/factors/us.credit_spread_baa_aaa?as_of=2008-12-31&start=2000-01-01"
    found = client.json("/v1/factors/us.credit_spread_baa_aaa/observations?as_of=2008-12-31&start=2000-01-01")["observations"]
    assert {repr(row["value"]) for row in found} <= Page(every_page[then]).numbers
    assert "not now</span>" in every_page[then]
    assert "not now</span>" not in every_page[now]
    assert "Revisions of 2008-10-01" in every_page["/factors/us.credit_spread_baa_aaa?period=2008-10-01"]


def test_a_newcomer_sees_that_a_factor_was_revised(every_page: dict[str, str]) -> None:
    revised, unrevised = every_page["/factors/test.revised"], every_page["/factors/us.credit_spread_baa_aaa"]
    assert (
        "as known now: 2 values, 21 at 2020-01-01, 22 at 2020-02-01; as first known: 2 values, 20 at 2020-01-01, 22 at 2020-02-01"
        in revised
    )
    assert "as first known" not in unrevised
    assert "as first known" not in every_page["/factors/us.credit_spread_baa_aaa?as_of=2008-12-31&start=2000-01-01"]


def test_revisions_and_vintages_stand_before_the_observations_and_older_vintages_are_folded(every_page: dict[str, str]) -> None:
    page = every_page["/factors/us.credit_spread_baa_aaa?period=2008-10-01"]
    places = [page.index(f">{title}") for title in ("Revisions of 2008-10-01", "Vintages", "Observations", "Definition")]
    assert places == sorted(places)
    vintages = page[places[1] : places[2]]
    assert vintages[: vintages.index("<details>")].count("<tr><td>") == OPEN_VINTAGES
    assert vintages.count("<tr><td>") == ROWS
    assert "<details>" not in every_page["/factors/test.gizmo"]


def test_the_main_job_explains_its_risk_and_the_first_page_leads_there(
    client: Client, demo_run: str, explained: dict[str, dict[str, Any]], every_page: dict[str, str]
) -> None:
    risk, reverse, attribution = client.json(f"/v1/risk-runs/{demo_run}"), explained["reverse_stress"], explained["attribution"]
    var = next(measure["var"] for measure in risk["measures"] if measure["confidence"] == 0.999)
    assert reverse["loss"] == round(var)
    assert all(found["loss"] == pytest.approx(reverse["loss"]) for found in reverse["scenarios"])
    [el] = [effect for effect in attribution["effects"] if effect["measure"] == "el"]
    assert el["after"] == pytest.approx(risk["el"])
    moved = {step["step"] for effect in attribution["effects"] for step in effect["steps"] if step["amount"]}
    assert {"new", "gone", "ead"} <= moved <= {"new", "gone", "ead", "pd", "lgd"}, "one state of the store, the same models"
    assert attribution["earlier"]["as_of"] == EARLIER_AT
    assert "the numbers of the earlier date look ahead" in attribution["notes"][-1]
    for answer, title in ((reverse, "Reverse stress"), (attribution, "Why the risk changed")):
        assert f'<a href="/runs/{answer["run_id"]}">{title}</a>' in every_page["/"]
        assert f"<h2>{title}</h2>" in every_page[f"/runs/{demo_run}"]


def test_every_place_of_a_page_says_the_same_day_of_what_was_known(
    demo_run: str, explained: dict[str, dict[str, Any]], every_page: dict[str, str]
) -> None:
    # The main job asks at 2009-11-30T00:00:00Z: the end of the day before.
    told = '<time datetime="2009-11-30T00:00:00Z">the end of 2009-11-29</time>'
    for run in (demo_run, *(answer["run_id"] for answer in explained.values())):
        page = every_page[f"/runs/{run}"]
        assert 'class="badge then">as known <time>2009-11-29</time>' in page
        assert f"<dt>As known at</dt><dd>{told}</dd>" in page
    assert f"<dt>As known at</dt><dd>{told}</dd>" in every_page[f"/lineage/{demo_run}"]
    for url in ("/", "/runs", "/models/pd/1"):
        assert told in every_page[url], url
        assert ">2009-11-30</time>" not in every_page[url], url


def test_nothing_on_any_page_is_from_elsewhere_or_inline(every_page: dict[str, str]) -> None:
    for url, text in every_page.items():
        page = Page(text)
        assert [a for a in page.addresses if not a.startswith(("/", "#")) or a.startswith("//")] == [], url
        assert "script" not in page.tags, url
        assert "style" not in page.tags, url
        assert page.styles == [], url
        assert not re.search(r"@import|url\(", text), url


def test_every_link_of_the_first_page_and_of_the_report_leads_somewhere(client: Client, demo_run: str, every_page: dict[str, str]) -> None:
    links = {a.partition("#")[0] for url in ("/", f"/runs/{demo_run}") for a in Page(every_page[url]).addresses} - {""}
    for link in sorted(links):
        assert client.get(link, headers={"accept": "text/html"}).status_code in {200, 303}, link


def test_what_a_user_wrote_is_shown_as_text(client: Client, every_page: dict[str, str]) -> None:
    page = every_page["/factors/test.gizmo"]
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; value" in page
    name = "<script>alert(2)</script>"
    book = f"facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector\n{name},{name},100,0.4,0.02,0.2,retail_pacific,{name}\n"
    book += "F2,O2,100,0.4,0.02,0.2,retail_pacific,other\n"
    asked = {"book": {"csv": book}, "models": [], "max_scenarios": 2000, "label": name}
    run = client.post("/v1/risk-runs", json=asked, headers={"Prefer": "wait=30"}).json()["run_id"]
    for url in (f"/runs/{run}", f"/lineage/{run}", "/runs", "/"):
        text = client.html(url)
        assert "<script" not in text, url
        assert "&lt;script&gt;alert(2)" in text, url
    assert "<script" not in client.html("/factors?q=%3Cscript%3E")
    assert "<script" not in client.html("/factors/%3Cscript%3E", status=404)


def test_the_same_page_twice_is_the_same_bytes(client: Client, demo_run: str, every_page: dict[str, str]) -> None:
    assert client.html(f"/runs/{demo_run}") == every_page[f"/runs/{demo_run}"]


def test_plots_say_what_they_show(every_page: dict[str, str], demo_run: str) -> None:
    for url in (f"/runs/{demo_run}", "/models/pd/1", "/factors/us.credit_spread_baa_aaa"):
        text = every_page[url]
        for name in re.findall(r'aria-labelledby="([^"]+)"', text):
            title, description = name.split()
            assert re.search(f'<title id="{title}">[^<]+</title><desc id="{description}">[^<]+</desc>', text), (url, name)
        assert 'class="plot"' in text


def test_the_report_is_found_by_label_and_by_the_state_of_the_store(client: Client, demo_run: str) -> None:
    assert client.get("/report").headers["location"] == f"/runs/{demo_run}"
    assert client.get("/report?label=demo&recorded_as_of=").headers["location"] == f"/runs/{demo_run}"
    assert client.get("/report?recorded_as_of=1", headers={"accept": "text/html"}).status_code == 404


def test_a_problem_is_a_page_to_a_person_and_a_document_to_a_program(client: Client) -> None:
    assert "no factor is called" in client.html("/factors/us.nosuch", status=404)
    assert client.problem("GET", "/factors/us.nosuch", 404)["type"] == "/problems#not-found"
    assert "there is no query parameter" in client.html("/factors?colour=red", status=422)
    assert 'id="not-found"' in client.html("/problems")


def test_a_day_is_said_to_be_answered_as_of_its_end_where_the_publisher_is(client: Client) -> None:
    text = client.html("/factors/us.credit_spread_baa_aaa?as_of=1900-01-01")
    assert "as of the end of 1900-01-01 in America/New_York, which is" in text
    assert ">1900-01-02 05:00</time> UTC" in text
    assert "the end of" not in client.html("/factors/us.credit_spread_baa_aaa?as_of=1900-01-01T00:00:00Z")


def test_the_page_of_a_run_whose_result_is_damaged_is_shown_and_one_that_cannot_be_computed_again_says_why(
    client: Client, session: Session, demo_run: str
) -> None:
    before = client.html(f"/runs/{demo_run}")
    with session.database.owning() as connection:
        sha256 = connection.exec_driver_sql("SELECT result_sha256 FROM crfs.run WHERE run_id = %s", (demo_run,)).scalar_one()
        connection.exec_driver_sql("UPDATE crfs.artefact SET body = 'damaged' WHERE sha256 = %s", (sha256,))
    assert Page(client.html(f"/runs/{demo_run}")).numbers == Page(before).numbers
    with session.database.owning() as connection:
        connection.exec_driver_sql("UPDATE crfs.run SET result_sha256 = repeat('0', 64) WHERE run_id = %s", (demo_run,))
    try:
        told = client.html(f"/runs/{demo_run}", 409)
        assert f"crfs replay {demo_run} says why" in told
        assert "Do not trust this number" in client.html(f"/lineage/{demo_run}")
    finally:
        with session.database.owning() as connection:
            connection.exec_driver_sql("UPDATE crfs.run SET result_sha256 = %s WHERE run_id = %s", (sha256, demo_run))


def test_a_page_says_which_cells_models_filled(client: Client, session: Session) -> None:
    from crfs.workflows.book_runs import Question, measure_book
    from crfs.workflows.demo import BOOK, BOOK_AT
    from crfs.workflows.portfolio_capital import CAPITAL

    run, found = measure_book(session, Question(kind=CAPITAL, book=BOOK, options={"exposure_classes": {"*": "corporate"}}, as_of=BOOK_AT))
    told = found["origins"]["pd_12m_origin"]["pd v1"]
    assert f"PD of {told:,} of {found['n_facilities']:,} facilities by pd v1" in client.html(f"/runs/{run.run_id}")
    assert "–" not in client.html("/runs?kind=capital").split("<tbody>")[1]
