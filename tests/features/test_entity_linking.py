"""Linking texts to issuers: what links, what only looks like it, and that it is fast enough for every issuer of an exchange."""

from __future__ import annotations

import random
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.features.entity_linking import ISSUERS, LINKS, common_words, issuer_index, link_issuers

ROWS: list[tuple[str, str, list[str] | None, list[str] | None]] = [
    ("apple", "APPLE INC.", None, ["AAPL"]),
    ("gap", "GAP INC", ["The Gap, Inc."], ["GAP"]),
    ("target", "TARGET CORP", None, ["TGT"]),
    ("msft", "MICROSOFT CORP", None, ["MSFT"]),
    ("bac", "BANK OF AMERICA CORP /DE/", ["BofA"], ["BAC", "BAC-PB"]),
    ("amzn", "AMAZON COM INC", ["Amazon.com"], ["AMZN"]),
    ("jpm", "JPMORGAN CHASE & CO", ["J.P. Morgan"], ["JPM"]),
    ("gs", "GOLDMAN SACHS GROUP INC", ["Goldman"], ["GS"]),
    ("fi", "FINANCIAL INSTITUTIONS INC", None, ["FISI"]),
    ("brk", "BERKSHIRE HATHAWAY INC", None, ["BRK-B", "BRK-A"]),
    ("bhe", "BERKSHIRE HATHAWAY ENERGY CO", None, None),
    ("mmm", "3M CO", None, ["MMM"]),
    ("ebay", "EBAY INC", None, ["EBAY"]),
    ("lib1", "LIBERTY LEISURE CORP", None, ["LLA"]),
    ("lib2", "LIBERTY LEISURE LTD", None, ["LLB"]),
    ("post", "Post Holdings, Inc.", None, ["POST"]),
    ("ndaq", "NASDAQ, INC.", None, ["NDAQ"]),
    ("dup1", "Zyxo Inc", None, ["ZZZ"]),
    ("dup2", "Zyxo Inc", None, ["ZZZ"]),
]
INDEX = issuer_index(pl.DataFrame(ROWS, schema=ISSUERS, orient="row"))


def linked(text: str | None, tickers: str | None = None) -> list[tuple[str, str, str]]:
    table = link_issuers(pl.Series([text], dtype=pl.String()), INDEX, tickers=pl.Series([tickers], dtype=pl.String()))
    assert dict(table.schema) == LINKS
    return table.select("entity", "how", "evidence").rows()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$AAPL slides", [("apple", "cashtag", "$AAPL")]),
        ("Apple (NASDAQ: AAPL) slides", [("apple", "exchange", "NASDAQ: AAPL")]),
        ("Target (NYSE:TGT) and Gap (nyse: GAP)", [("target", "exchange", "NYSE:TGT"), ("gap", "exchange", "nyse: GAP")]),
        ("Apple Inc. sells bonds", [("apple", "name", "Apple Inc")]),
        ("Gap Inc names a chief", [("gap", "name", "Gap Inc")]),
        ("Microsoft's cloud grows", [("msft", "name", "Microsoft's")]),
        ("Bank of America and Goldman Sachs agree", [("bac", "name", "Bank of America"), ("gs", "name", "Goldman Sachs")]),
        ("BofA cuts, Goldman raises", [("bac", "name", "BofA"), ("gs", "name", "Goldman")]),
        ("JPMorgan Chase & Co. pays", [("jpm", "name", "JPMorgan Chase & Co")]),
        ("J.P. Morgan pays", [("jpm", "name", "J.P. Morgan")]),
        ("Amazon.com falls", [("amzn", "name", "Amazon.com")]),
        ("Berkshire Hathaway Energy borrows", [("bhe", "name", "Berkshire Hathaway Energy")]),
        ("Berkshire Hathaway borrows", [("brk", "name", "Berkshire Hathaway")]),
        ("$BRK.B is up", [("brk", "cashtag", "$BRK.B")]),
        ("3M Co settles", [("mmm", "name", "3M Co")]),
        ("Nasdaq Inc. and Target AS", [("ndaq", "name", "Nasdaq Inc"), ("target", "name", "Target AS")]),
        ("Target plc, it says", [("target", "name", "Target plc")]),
        ("eBay sells", [("ebay", "name", "eBay")]),
        ("Liberty Leisure Ltd defaults", [("lib2", "name", "Liberty Leisure Ltd")]),
        ("Microsoft and microsoft and $MSFT", [("msft", "cashtag", "$MSFT")]),
    ],
)
def test_an_issuer_is_known_by_what_names_it(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert linked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Apple pie recipes for autumn", "Gap widens between rich and poor", "Target range for the federal funds rate", "The Fed's target range",
        "Financial institutions brace", "Financial Institutions Brace for Losses", "microsoft with a small letter", "Bank of Americana", "Microsoftware sells",
        "AAPL without a sign", "$aapl small", "US$AAPL", "$AAPLX", "$5 million", "NYSE: ZZZ", "Zyxo Inc is two issuers", "Liberty Leisure is two issuers",
        "The New York Post reports", "Target! As they say", "Target se moque", "eBay Technologies is another", "listed on Nasdaq",
        "A bank of america and a goldman sachs", "Apple\npie", "", "  ", "$", "NASDAQ:",
    ],
)  # fmt: skip
def test_a_false_friend_is_no_issuer(text: str) -> None:
    assert linked(text) == []


def test_tickers_of_the_provider_link_without_any_word() -> None:
    assert linked(None, "AAPL,CRYPTO:BTC,brk.b") == [("apple", "provider", "AAPL"), ("brk", "provider", "brk.b")]
    assert linked("Apple pie", "TGT") == [("target", "provider", "TGT")]


def test_a_ticker_of_no_known_issuer_may_stand_for_itself() -> None:
    texts, given = pl.Series(["$NEWCO and NASDAQ: AAPL, $5"]), pl.Series(["zzz,BTC-USD,^GSPC,CRYPTO:BTC"])
    assert link_issuers(texts, INDEX, tickers=given, keep_unknown=True)["entity"].to_list() == ["ZZZ", "apple", "NEWCO"]
    assert link_issuers(texts, INDEX, tickers=given)["entity"].to_list() == ["apple"]


@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=60), st.sampled_from(["$AAPL up", "Microsoft down", "Gap Inc"])), max_size=8))
def test_a_link_depends_on_its_text_alone_and_its_evidence_stands_in_it(texts: list[str | None]) -> None:
    whole = link_issuers(pl.Series(texts, dtype=pl.String()), INDEX)
    for position, text in enumerate(texts):
        own = whole.filter(pl.col("position") == position).select("entity", "how", "evidence").rows()
        assert own == linked(text)
        assert all(evidence in (text or "") for _, _, evidence in own)
        assert len({entity for entity, _, _ in own}) == len(own)


def test_ten_thousand_issuers_in_ten_thousand_titles_take_seconds() -> None:
    draw = random.Random(3)
    syllables = ["ba", "ke", "li", "mo", "nu", "ra", "so", "ti", "vex", "zor"]
    names = list({"".join(draw.choices(syllables, k=4)) for _ in range(30_000)})[:9_000]
    rows = [(f"CIK{n}", f"{name} {draw.choice(['First', 'Energy', ''])} Corp", None, [f"T{n}"]) for n, name in enumerate(names)]
    titles = [
        " ".join([*draw.choices(["profit", "rises", "at", "The", "Fed"], k=10), draw.choice(names).title(), "Corp"]) for _ in range(10_000)
    ]
    begun = time.process_time()
    index = issuer_index(pl.DataFrame(rows, schema=ISSUERS, orient="row"))
    found = link_issuers(pl.Series(titles), index)
    assert time.process_time() - begun < 5
    assert found.height > 3_000


@pytest.mark.parametrize("piece", ["$A", "NYSE: ", "Berkshire Hathaway ", "& ", "a.", "$"])
def test_no_text_is_slow(piece: str) -> None:
    begun = time.process_time()
    link_issuers(pl.Series([piece * (400_000 // len(piece))]), INDEX)
    assert time.process_time() - begun < 2


def test_issuers_lacking_a_column_are_refused() -> None:
    with pytest.raises(InvalidInput, match="lack the column tickers"):
        issuer_index(pl.DataFrame({"entity": ["a"], "name": ["A"], "aliases": [None]}))
    assert {"apple", "gap", "target", "financial", "institutions"} <= common_words()
    assert not {"microsoft", "nokia", "goldman", "jpmorgan"} & common_words()
