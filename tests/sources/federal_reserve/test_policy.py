"""Texts of monetary policy: every recording against history, pages, what is not said, and from when it was known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification, Parsed, Payload
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.federal_reserve import SOURCE
from crfs.sources.providers.federal_reserve.administered import Implementation, read_implementation
from crfs.sources.providers.federal_reserve.decisions import Decision, read_decision
from crfs.sources.providers.federal_reserve.release_times import minutes_time, statement_time
from tests.samples import sample
from tests.samples.federal_reserve import NOTE, PAGE, SENTENCES, STATEMENT

# Day, lower, upper, change, direction, for, against, discount rate, its change: as the statement says them (None: it does not).
HISTORY = [
    ("1997-03-25", 5.5, 5.5, 25, "raise", None, None, 5.0, 0),
    ("2000-02-02", 5.75, 5.75, 25, "raise", None, None, 5.25, 25),
    ("2001-01-03", 6.0, 6.0, -50, "lower", None, None, 5.75, -25),
    ("2001-12-11", 1.75, 1.75, -25, "lower", None, None, 1.25, -25),
    ("2003-01-29", 1.25, 1.25, 0, "maintain", 12, 0, None, None),
    ("2005-05-03", 3.0, 3.0, 25, "raise", 11, 0, 4.0, 25),
    ("2006-06-29", 5.25, 5.25, 25, "raise", 10, 0, 6.25, 25),
    ("2008-01-22", 3.5, 3.5, -75, "lower", 8, 1, 4.0, -75),
    ("2008-01-30", 3.0, 3.0, -50, "lower", 9, 1, 3.5, -50),
    ("2008-03-11", None, None, None, None, None, None, None, None),
    ("2008-03-18", 2.25, 2.25, -75, "lower", 8, 2, 2.5, -75),
    ("2008-04-30", 2.0, 2.0, -25, "lower", 8, 2, 2.25, -25),
    ("2008-06-25", 2.0, 2.0, 0, "maintain", 9, 1, None, None),
    ("2008-08-05", 2.0, 2.0, 0, "maintain", 10, 1, None, None),
    ("2008-10-29", 1.0, 1.0, -50, "lower", 10, 0, 1.25, -50),
    ("2008-12-16", 0.0, 0.25, None, None, 10, 0, 0.5, -75),
    ("2009-04-29", 0.0, 0.25, 0, "maintain", 10, 0, None, None),
    ("2011-06-22", 0.0, 0.25, 0, "maintain", 10, 0, None, None),
    ("2012-08-01", 0.0, 0.25, 0, "maintain", 11, 1, None, None),
    ("2014-10-29", 0.0, 0.25, 0, "maintain", 9, 1, None, None),
    ("2015-12-16", 0.25, 0.5, None, "raise", 10, 0, None, None),
]
NUMBERS = [
    "target_lower", "target_upper", "change_bp", "direction", "votes_for", "votes_against", "discount_rate", "discount_rate_change_bp",
]  # fmt: skip


def recorded(recordings: Path) -> dict[str, Payload]:
    items = recorded_payloads(recordings / "fomc", source="federal_reserve", now=datetime.now(UTC))
    return {item.path.stem: item.payload for item in items}


def parse(body: str | bytes, catalogue: Catalogue, *, url: str = "", stream: str = "") -> Parsed:
    data = body.encode() if isinstance(body, str) else body
    return SOURCE.parse(sample("federal_reserve", data, url=url, stream=stream), catalogue)


@pytest.mark.parametrize("expected", HISTORY, ids=[row[0] for row in HISTORY])
def test_a_recorded_statement_says_what_history_knows(recordings: Path, catalogue: Catalogue, expected: tuple[object, ...]) -> None:
    payload = recorded(recordings)[f"statement_{str(expected[0]).replace('-', '')}"]
    assert SOURCE.classify(payload) is Classification.OK
    parsed = SOURCE.parse(payload, catalogue)
    assert parsed.rejected.is_empty()
    (row,) = parsed.tables["fomc_statement"].iter_rows(named=True)
    assert (row["valid_time"].date().isoformat(), *(row[name] for name in NUMBERS)) == expected
    assert row["entity"] == ("fomc" if expected[2] is not None else "fomc/announcement")


@pytest.mark.parametrize(
    ("day", "known"),
    [
        ("19970325", datetime(1997, 3, 25, 19, 15, tzinfo=UTC)),
        ("20010103", datetime(2001, 1, 4, 5, 0, tzinfo=UTC)),
        ("20080122", datetime(2008, 1, 22, 13, 20, tzinfo=UTC)),
        ("20080311", datetime(2008, 3, 11, 12, 30, tzinfo=UTC)),
        ("20080805", datetime(2008, 8, 5, 18, 15, tzinfo=UTC)),
        ("20081216", datetime(2008, 12, 16, 19, 15, tzinfo=UTC)),
        ("20141029", datetime(2014, 10, 29, 18, 0, tzinfo=UTC)),
        ("20151216", datetime(2015, 12, 16, 19, 0, tzinfo=UTC)),
    ],
)
def test_a_statement_is_known_at_the_hour_of_its_time(recordings: Path, catalogue: Catalogue, day: str, known: datetime) -> None:
    tables = SOURCE.parse(recorded(recordings)[f"statement_{day}"], catalogue).tables
    for table in tables.values():
        assert table["knowledge_time"].to_list() == [known]
        assert table["knowledge_basis"].cast(pl.String).to_list() == ["calendar"]


def test_a_statement_whose_name_lacks_a_digit_and_whose_text_has_no_date_is_rejected(recordings: Path, catalogue: Catalogue) -> None:
    payload = recorded(recordings)["statement_2008091"]
    assert SOURCE.classify(payload) is Classification.SCHEMA
    parsed = SOURCE.parse(payload, catalogue)
    assert not parsed.tables
    assert parsed.rejected["reason"].to_list() == ["missing_field"]


def test_every_recorded_text_is_a_document_with_its_words(recordings: Path, catalogue: Catalogue) -> None:
    documents = {}
    for name, payload in recorded(recordings).items():
        parsed = SOURCE.parse(payload, catalogue)
        for row in parsed.tables.get("policy_document", pl.DataFrame()).iter_rows(named=True):
            documents[row["entity"]] = row
            assert row["words"] == len(row["text"].split()) > 100, name
    kinds = [entity.partition("/")[0] for entity in documents]
    names = ("fomc_statement", "fomc_announcement", "fomc_implementation_note", "fomc_minutes", "fomc_press_conference")
    assert [kinds.count(kind) for kind in names] == [20, 1, 1, 4, 3]
    assert documents["fomc_announcement/2008-03-11"]["kind"] == "fomc_announcement"
    minutes = documents["fomc_minutes/2011-01-26"]
    assert minutes["knowledge_time"] == datetime(2011, 2, 16, 19, 0, tzinfo=UTC)
    assert minutes["text"].startswith("Structural Unemployment A staff presentation on structural unemployment")
    assert minutes["text"].count("\n") == 105
    conference = documents["fomc_press_conference/2022-07-27"]
    assert conference["knowledge_time"] == datetime(2022, 7, 28, 4, 0, tzinfo=UTC)
    assert documents["fomc_minutes/1996-01-30"]["knowledge_basis"] == "assumed"
    note = documents["fomc_implementation_note/2015-12-16"]
    assert (note["valid_time"], note["published"]) == (datetime(2015, 12, 16, tzinfo=UTC), date(2015, 12, 16))


@pytest.mark.parametrize(
    ("text", "low", "high", "change", "direction"),
    [
        ("decided to maintain the target range for the federal funds rate at 5-1/4 to 5-1/2 percent.", 5.25, 5.5, 0, "maintain"),
        ("decided to raise the target range for the federal funds rate to 4-1/2 to 4-3/4 percent.", 4.5, 4.75, None, "raise"),
        (
            "decided to lower the target range for the federal funds rate by 1/2 percentage point, to 4-3/4 to 5 percent.",
            4.75,
            5,
            -50,
            "lower",
        ),
        ("to raise the target range for the federal funds rate by 1/4 percentage point to 3-3/4 to 4 percent.", 3.75, 4, 25, "raise"),
        (
            "decided to lower the target range for the federal funds rate by 1/4 percentage point to 3½ to 3¾ percent.",
            3.5,
            3.75,
            -25,
            "lower",
        ),
        ("decided to keep the target range for the federal funds rate at 4.25 to 4.50 percent.", 4.25, 4.5, 0, "maintain"),
        ("The Committee is lowering its target for the federal funds rate 50 basis points to 1-1/2 percent.", 1.5, 1.5, -50, "lower"),
        ("decided today to leave its target for the federal funds rate unchanged at 6\u20111/2 percent.", 6.5, 6.5, 0, "maintain"),
        ("keeping its target for the federal funds rate at 6-1/2 percent.", 6.5, 6.5, 0, "maintain"),
        (
            "to ease slightly, expecting the federal funds rate to decline 1/4 percentage point to around 5-1/4 percent.",
            5.25,
            5.25,
            -25,
            "lower",
        ),
        ("A 25 basis point decline in the federal funds rate from about 6 percent to about 5-3/4 percent.", 5.75, 5.75, -25, "lower"),
        (
            "a reduction in the federal funds rate of 25 basis points, from about 5-1/2 percent to about 5-1/4 percent.",
            5.25,
            5.25,
            -25,
            "lower",
        ),
        (
            "says: The federal funds rate is expected to fall 25 basis points from around 5 percent to around 4-3/4 percent.",
            4.75,
            4.75,
            -25,
            "lower",
        ),
        (
            "says that a decline in the federal funds rate of 25 basis points, from about 5 3/4 percent to about 5 1/2 percent.",
            5.5,
            5.5,
            -25,
            "lower",
        ),
        ("says that the funds rate stays near the target rate of 5-1/4 percent.", None, None, None, None),
        ("decided today to lower its target for the federal funds rate by 50 basis points to 1 1/4 percent.", 1.25, 1.25, -50, "lower"),
        (
            "decided to lower the target range for the federal funds rate by 1/2 percentage point, to 1 to 1\u20111/4 percent.",
            1.0,
            1.25,
            -50,
            "lower",
        ),
        ("decided to lower the target range for the federal funds rate to 0 to 1/4 percent.", 0.0, 0.25, None, "lower"),
        ("today voted to raise its target for the federal funds rate 25 basis points to 5 percent.", 5.0, 5.0, 25, "raise"),
        ("decided today to leave its target for the federal funds rate unchanged.", None, None, 0, "maintain"),
        ("did not take action today to alter the stance of monetary policy.", None, None, 0, "maintain"),
        ("The Federal Reserve made no change today in its target for the federal funds rate.", None, None, 0, "maintain"),
        ("low levels of the federal funds rate are consistent with a return to 2 percent inflation.", None, None, None, None),
        ("The federal funds rate is likely to remain below levels that prevail in the longer run.", None, None, None, None),
    ],
)
def test_a_target_is_read_in_every_wording(
    text: str, low: float | None, high: float | None, change: float | None, direction: str | None
) -> None:
    decision = read_decision(f"The Federal Open Market Committee {text} Inflation runs below 2 percent.")
    assert (decision.target_lower, decision.target_upper, decision.change_bp, decision.direction) == (low, high, change, direction)


@pytest.mark.parametrize(
    ("text", "votes"),
    [
        ("approved the following statement for release by a 9 – 3 vote:", (9, 3)),
        ("approved the following statement for release by an 11-1 vote:", (11, 1)),
        ("Voting for the monetary policy action were Jerome H. Powell, Chair; John C. Williams, Vice Chair; and Lisa D. Cook.", (3, 0)),
        (
            "Voting for the action were J. Alfred One, Jr.; Carl D. Two, and Eve F. Three, Jr. Ms. Three voted as the alternate for Guy H. Four.",
            (3, 0),
        ),
        (
            "Voting for the action was Ada B. One. Voting against the action were James Two, who preferred to lower the target range for the "
            "federal funds rate to 1-1/2 to 1-3/4 percent; and Esther L. Three and Eric S. Four, who preferred to maintain the target range.",
            (1, 3),
        ),
        (
            "Voting for the FOMC monetary policy action were Alan One, Chairman; Ben S. Two; and Jamie B. Three, Jr.\n\nVoting against the action "
            "was Robert T. Four. President Four preferred a 50 basis point reduction.\n\nThe Board approved requests of Boston and New York.",
            (3, 1),
        ),
        (
            "Voting for the action were Alan One and Jamie B. Three, Jr.\n\nIn taking the action, the Board of New York, Saint Louis agreed.",
            (2, 0),
        ),
        ("Voting in favor of the policy announcement were: Ben S. One, Chairman; William Two; and Eric\nThree.", (3, 0)),
        (
            "Voting for the action was Ada One. Voting against the action was James Two, who believed that the Committee should signal more "
            "strongly, and Esther L. Three, who was concerned that the high level of accommodation of the Federal Reserve increased risks.",
            (1, 2),
        ),
        (
            "Voting for the action was Ada One.\n\nVoting against the action were: Richard W. Two, Narayana Three, and Charles I. Four, who would "
            "have preferred to continue to describe economic conditions as they were.",
            (1, 3),
        ),
        (
            "Voting for the action was Ada One. Voting against the action were: Esther L. Two, Loretta J. Three, and Eric Four, each of whom "
            "preferred at this meeting to raise the target range for the federal funds rate to 1/2 to 3/4 percent.",
            (1, 3),
        ),
        ("Economic activity expanded.", (None, None)),
    ],
)
def test_votes_are_counted_by_the_people_named(text: str, votes: tuple[int | None, int | None]) -> None:
    decision = read_decision(text)
    assert (decision.votes_for, decision.votes_against) == votes
    assert decision.target_upper is None, "what dissenters preferred is no target"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("approved an increase in the discount rate from 3 1/2 percent to 4 percent, effective immediately.", (4.0, 50.0)),
        ("approved a 25 basis point reduction in the discount rate to 2 percent.", (2.0, -25.0)),
        ("approved a reduction in the discount rate by 25 basis points from 4-3/4 percent to 4-1/2 percent.", (4.5, -25.0)),
        ("says: The discount rate remains unchanged at 5 percent.", (5.0, 0.0)),
        ("approve a 1/4 percentage point increase in the discount rate (the primary credit rate) to 1.00 percent", (1.0, 25.0)),
        ("stands ready to approve a further reduction of 25 basis points in the discount rate to 5-1/2 percent", (None, None)),
    ],
)
def test_a_discount_rate_is_what_was_approved(text: str, expected: tuple[float | None, float | None]) -> None:
    decision = read_decision(f"The Board of Governors {text}.")
    assert (decision.discount_rate, decision.discount_rate_change_bp) == expected


def test_nothing_said_is_nothing_known() -> None:
    assert read_decision("") == Decision()


def test_a_page_is_read_without_what_stands_around_it(catalogue: Catalogue) -> None:
    parsed = parse(PAGE, catalogue)
    (text,) = parsed.tables["policy_document"].iter_rows(named=True)
    assert text["entity"] == "fomc_statement/2025-07-29"
    assert text["title"] == "Federal Reserve issues FOMC statement"
    assert text["knowledge_time"] == datetime(2025, 7, 29, 18, 0, tzinfo=UTC)
    assert text["knowledge_basis"] == "observed"
    assert text["text"].split("\n\n")[0].startswith("The Federal Open Market Committee approved")
    assert not {"media", "Last", "Implementation", "Governors"} & set(text["text"].split())
    (numbers,) = parsed.tables["fomc_statement"].iter_rows(named=True)
    assert [numbers[name] for name in NUMBERS[:6]] == [3.5, 3.75, 25.0, "raise", 9, 3]


def test_a_page_of_2008_is_read_by_its_own_date(catalogue: Catalogue) -> None:
    page = (
        "<html><head><title>FRB: Press Release--FOMC statement--December 16, 2008</title></head><body><div id='leftText'><p>Release Date: "
        "December 16, 2008</p><p>For immediate release</p><p>The Federal Open Market Committee decided today to establish a target range for "
        "the<br>federal funds rate of 0 to 1/4 percent.</p></div></body></html>"
    )
    (row,) = parse(page, catalogue).tables["fomc_statement"].iter_rows(named=True)
    assert (row["target_lower"], row["target_upper"]) == (0.0, 0.25)
    assert row["knowledge_time"] == datetime(2008, 12, 16, 19, 15, tzinfo=UTC)
    assert row["words"] == 22


def test_minutes_are_of_the_last_day_that_they_name(catalogue: Catalogue) -> None:
    page = (
        "<html><body><div id='article'><h3>Minutes of the Federal Open Market Committee</h3><p>January 31&ndash;February 1, 2023</p>"
        "<p>A joint meeting of the Federal Open Market Committee was held.</p></div></body></html>"
    )
    parsed = parse(page, catalogue, url="https://www.federalreserve.gov/monetarypolicy/fomcminutes20230201.htm")
    (row,) = parsed.tables["policy_document"].iter_rows(named=True)
    assert (row["entity"], row["knowledge_time"]) == ("fomc_minutes/2023-02-01", datetime(2023, 2, 22, 19, 0, tzinfo=UTC))
    assert "fomc_statement" not in parsed.tables


def test_an_implementation_note_tells_its_day_itself(catalogue: Catalogue) -> None:
    assert parse(NOTE, catalogue).tables["policy_document"]["entity"].to_list() == ["fomc_implementation_note/2015-12-16"]


def test_the_recorded_note_says_the_rates_of_december_2015(recordings: Path, catalogue: Catalogue) -> None:
    (row,) = (
        SOURCE.parse(recorded(recordings)["implementation_note_20151216"], catalogue).tables["fomc_implementation"].iter_rows(named=True)
    )
    assert (row["interest_on_reserves"], row["reverse_repo_rate"], row["primary_credit_rate"]) == (0.5, 0.25, 1.0)
    assert row["knowledge_time"] == datetime(2015, 12, 16, 19, 0, tzinfo=UTC)


def test_a_note_of_today_and_one_that_leaves_all_as_it_is_are_read() -> None:
    later = (
        "The Board of Governors voted unanimously to lower the interest rate paid on reserve balances to 3.65 percent, effective December 11."
        "\n\nConduct standing overnight repurchase agreement operations at a rate of 3.75 percent.\n\nConduct standing overnight reverse "
        "repurchase agreement operations at an offering rate of 3.50 percent.\n\nThe Board voted to approve a 1/4 percentage point decrease "
        "in the primary credit rate to 3.75 percent, effective December 11."
    )
    assert read_implementation(later) == Implementation(interest_on_reserves=3.65, reverse_repo_rate=3.5, primary_credit_rate=3.75)
    same = (
        "The Board left unchanged the interest rate paid on required and excess reserve balances at 0.50 percent.\n\nThe Board "
        "approved the establishment of the primary credit rate at the existing level of 1.00 percent."
    )
    assert read_implementation(same) == Implementation(interest_on_reserves=0.5, primary_credit_rate=1.0)
    kept = "The Board took no action to change the discount rate (the primary credit rate), which remains at 1.00 percent."
    assert read_implementation(kept) == Implementation(primary_credit_rate=1.0)
    assert read_implementation("Nothing was said of rates.") == Implementation()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Board voted to lower the interest rate paid on reserve balances from 4.65 percent to 4.40 percent, effective July 30.", 4.4),
        ("The Board voted to raise the interest rate paid on reserve balances by 25 basis points to 4.65 percent.", 4.65),
        (
            "In June, the Board set the interest rate paid on reserve balances at 4.65 percent. The Board voted to lower the interest rate paid on "
            "reserve balances to 4.40 percent.",
            4.4,
        ),
        (
            "The Board left the interest rate paid on reserve balances at 4.40 percent. It had lowered the interest rate paid on reserve balances "
            "to 4.65 percent.",
            4.4,
        ),
        ("The Board declined to lower the interest rate paid on reserve balances to 4.40 percent.", None),
        (
            "The Board set the interest rate paid on reserve balances at 4.65 percent. It set the interest rate paid on reserve balances at 4.40 percent.",
            None,
        ),
    ],
)
def test_an_administered_rate_is_what_is_set_now(text: str, expected: float | None) -> None:
    assert read_implementation(text).interest_on_reserves == expected


def test_a_primary_credit_rate_is_the_one_that_it_moves_to() -> None:
    text = "voted to approve a 1/4 percentage point decrease in the primary credit rate from 4.75 percent to 4.50 percent"
    assert read_implementation(text).primary_credit_rate == 4.5


def test_sentences_need_a_name_that_says_what_they_are_of(catalogue: Catalogue) -> None:
    assert parse(SENTENCES, catalogue, stream="FOMCpresconf20181219_select_filtered").tables["policy_document"]["kind"][0] == (
        "fomc_press_conference"
    )
    assert parse(SENTENCES, catalogue, stream="20181219").rejected["reason"].to_list() == ["missing_field"]
    labelled = b"index,label,sentence,year\n0,1,One.,2018\n1,2,2,3,2018\n2,0,Three.,2018\n"
    parsed = parse(labelled, catalogue, stream="minutes_20180801")
    assert parsed.tables["policy_document"]["text"].to_list() == ["One.\nThree."]
    assert parsed.rejected["reason"].to_list() == ["unexpected_shape"]


def test_a_text_in_an_encoding_that_it_does_not_declare_is_rejected(catalogue: Catalogue) -> None:
    body = STATEMENT.replace("today", "today\u2019s").encode("cp1252")
    assert parse(body, catalogue, stream="20080122").rejected["reason"].to_list() == ["broken_encoding"]
    page = PAGE.replace("<head>", "<head><meta charset=windows-1252>").replace("elevated", "caf\u00e9").encode("cp1252")
    assert "café" in parse(page, catalogue).tables["policy_document"]["text"][0]


def test_release_times_have_their_exceptions() -> None:
    assert statement_time(date(2008, 10, 8)) == datetime(2008, 10, 8, 11, 0, tzinfo=UTC)
    assert statement_time(date(2013, 1, 30)) == datetime(2013, 1, 30, 19, 15, tzinfo=UTC)
    assert statement_time(date(2013, 3, 20)) == datetime(2013, 3, 20, 18, 0, tzinfo=UTC)
    assert statement_time(date(1994, 2, 4)) == datetime(1994, 2, 5, 5, 0, tzinfo=UTC)
    assert minutes_time(date(2007, 12, 11)) == (datetime(2008, 1, 2, 19, 0, tzinfo=UTC), "calendar")
    assert minutes_time(date(2012, 12, 12))[0] == datetime(2013, 1, 3, 19, 0, tzinfo=UTC)


def test_numbers_of_policy_name_their_formula(catalogue: Catalogue) -> None:
    for name in ("target_upper", "target_lower", "change_bp"):
        factor = catalogue.factor(f"us.policy.{name}")
        assert factor.formula
        assert factor.column == name
        assert factor.entity == "fomc"
