"""Linking texts to issuers: what links, what only looks like it, and that it is fast enough for every issuer of an exchange."""

from __future__ import annotations

import random
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.features.entity_linking import ISSUERS, LINKS, IssuerIndex, issuer_index, link_issuers
from crfs.features.linking_words import common_words

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
        ("Nasdaq Inc. and Target Corp.", [("ndaq", "name", "Nasdaq Inc"), ("target", "name", "Target Corp")]),
        ("Target Corporation, it says", [("target", "name", "Target Corporation")]),
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
        "The New York Post reports", "Target! As they say", "Target plc, it says", "Target AS",
        "Target se moque", "eBay Technologies is another", "listed on Nasdaq",
        "A bank of america and a goldman sachs", "Apple\npie", "", "  ", "$", "NASDAQ:",
    ],
)  # fmt: skip
def test_a_false_friend_is_no_issuer(text: str) -> None:
    assert linked(text) == []


TRAPS: list[tuple[str, str, list[str] | None, list[str] | None]] = [
    ("a", "AGILENT TECHNOLOGIES, INC.", None, ["A"]),
    ("aapl", "Apple Inc.", None, ["AAPL"]),
    ("all", "ALLSTATE CORP", None, ["ALL"]),
    ("axp", "AMERICAN EXPRESS CO", None, ["AXP"]),
    ("amzn", "AMAZON COM INC", None, ["AMZN"]),
    ("bac", "BANK OF AMERICA CORP /DE/", None, ["BAC"]),
    ("bby", "BEST BUY CO INC", None, ["BBY"]),
    ("big", "BIG LOTS INC", None, ["BIG"]),
    ("bks", "BARNES & NOBLE INC", None, ["BKS"]),
    ("brk", "BERKSHIRE HATHAWAY INC", None, ["BRK-B", "BRK-A"]),
    ("cat", "CATERPILLAR INC", None, ["CAT"]),
    ("de", "DEERE & CO", None, ["DE"]),
    ("dg", "DOLLAR GENERAL CORP", None, ["DG"]),
    ("el", "ESTEE LAUDER COMPANIES INC", None, ["EL"]),
    ("f", "FORD MOTOR CO", None, ["F"]),
    ("gap", "GAP INC", ["The Gap, Inc."], ["GAP"]),
    ("gm", "General Motors Co", None, ["GM"]),
    ("it", "GARTNER INC", None, ["IT"]),
    ("jnj", "JOHNSON & JOHNSON", None, ["JNJ"]),
    ("key", "KEYCORP /NEW/", None, ["KEY"]),
    ("ko", "COCA COLA CO", None, ["KO"]),
    ("kss", "KOHLS Corp", None, ["KSS"]),
    ("levi", "LEVI STRAUSS & CO", ["Levi's"], ["LEVI"]),
    ("low", "LOWES COMPANIES INC", None, ["LOW"]),
    ("m", "Macy's, Inc.", None, ["M"]),
    ("mcd", "MCDONALDS CORP", None, ["MCD"]),
    ("mmm", "3M CO", None, ["MMM"]),
    ("mrk", "Merck & Co., Inc.", None, ["MRK"]),
    ("ms", "MORGAN STANLEY", None, ["MS"]),
    ("mtch", "Match Group, Inc.", None, ["MTCH"]),
    ("now", "ServiceNow, Inc.", None, ["NOW"]),
    ("ntrs", "NORTHERN TRUST CORP", None, ["NTRS"]),
    ("on", "ON SEMICONDUCTOR CORP", None, ["ON"]),
    ("pg", "PROCTER & GAMBLE Co", None, ["PG"]),
    ("pgr", "PROGRESSIVE CORP/OH/", None, ["PGR"]),
    ("psa", "Public Storage", None, ["PSA"]),
    ("so", "SOUTHERN CO", None, ["SO"]),
    ("sq", "Block, Inc.", None, ["XYZ"]),
    ("t", "AT&T INC.", None, ["T"]),
    ("tgt", "TARGET CORP", None, ["TGT"]),
    ("tsla", "Tesla, Inc.", None, ["TSLA"]),
    ("v", "VISA INC.", None, ["V"]),
    ("wen", "Wendy's Co", None, ["WEN"]),
    ("nyt", "NEW YORK TIMES CO", None, ["NYT"]),
    ("twin1", "GALVAREX CORP", None, ["GVX"]),
    ("twin2", "Galvarex Ltd", None, ["GVXL"]),
    ("reed", "REED'S, INC.", None, ["REED"]),
    ("cof", "CAPITAL ONE FINANCIAL CORP", None, ["COF"]),
    ("dis", "Walt Disney Co", None, ["DIS"]),
    ("hsy", "HERSHEY CO", None, ["HSY"]),
    ("jpm", "JPMORGAN CHASE & CO", None, ["JPM"]),
    ("lo1", "LOMBARDO CORP", None, ["LMB"]),
    ("lo2", "LOMBARDOS INC", None, ["LMS"]),
]
"""Issuers as EDGAR calls them, whose names and tickers are words, or have what texts write otherwise."""

TRAPPED: list[tuple[str, str]] = [
    # an exchange and what looks like a ticker
    ("Nasdaq: it was a wild day", ""),
    ("nasdaq: on Monday stocks fell", ""),
    ("shares ended lower on the Nasdaq: a sell-off", ""),
    ("On the NYSE: all sectors fell", ""),
    ("Gartner (NYSE: IT) rises", "it"),
    ("(NASDAQ: ON)", "on"),
    ("Nasdaq: ON", "on"),
    ("NASDAQ: A good day", ""),
    ("NYSE: ALL SECTORS FELL", ""),
    ("ON THE NASDAQ: IT LEADS", ""),
    ("Losers on the Nasdaq: IT, energy", ""),
    ("(NYSE: A)", "a"),
    ("Agilent (NYSE:A) and Ford (NYSE:F), it said", "a f"),
    ("NYSE: F", ""),
    ("NYSE:F gains", ""),
    ("Tesla's ticker is NASDAQ:TSLA now", "tsla"),
    ("See NASDAQ: TSLA; NYSE: GM.", "gm tsla"),
    ("Aristocrat (ASX: ALL), Telus (TSX: T), BAE (LSE: BA)", ""),
    ("(NYSE: KEY, Baa2)", "key"),
    ("NYSE: LOW, as ever", ""),
    ("NYSE: IT'S A SELL-OFF", ""),
    ("Block (NYSE: XYZ) cuts jobs", "sq"),
    # legal forms: an issuer's own, another company's, a part of a phrase
    ("Target AS planned", ""),
    ("APPLE SE LAUNCHES", ""),
    ("Gap Limited liability", ""),
    ("Visa SA", ""),
    ("Progressive Co-operation", ""),
    ("Progressive Company policies", ""),
    ("Target Corporation cuts", "tgt"),
    ("TARGET CORP CUTS", "tgt"),
    ("Target Inc, it says", ""),
    ("Southern Company's plants", "so"),
    ("Southern Co-op opens", ""),
    ("Merck KGaA buys", ""),
    ("Merck buys", "mrk"),
    ("Merck & Co. buys", "mrk"),
    ("Galvarex rises", ""),
    ("Galvarex Limited rises", "twin2"),
    ("Galvarex Corporation rises", "twin1"),
    ("Galvarex Inc rises", ""),
    ("They missed the Target. Corp tax is next", ""),
    ("Deere and Company pays", "de"),
    ("Northern Corp pays", ""),
    ("Northern Trust pays", "ntrs"),
    ("Best Buy of the week", ""),
    ("Best Buy Co. closes shops", "bby"),
    ("Democrats Target Corporation Tax", ""),
    # ampersands
    ("AT&T cuts debt", "t"),
    ("AT&T Inc. cuts debt", "t"),
    ("AT&amp;T cuts", "t"),
    ("at&t cuts", ""),
    ("Johnson & Johnson recalls", "jnj"),
    ("Johnson and Johnson recalls", "jnj"),
    ("Procter and Gamble Co. said", "pg"),
    ("Barnes & Noble closes", "bks"),
    ("Barnes and the Noble family", ""),
    # apostrophes
    ("McDonald's Corp. sells", "mcd"),
    ("McDonald’s sells", "mcd"),
    ("MCDONALD'S SELLS", "mcd"),
    ("Lowe's Companies, Inc. said", "low"),
    ("Lowe’s Cos. said", "low"),
    ("Kohl's, Macy's and Wendy's report", "kss m wen"),
    ("Levi’s sells jeans", "levi"),
    ("Macy said", ""),
    ("Rob Lowe's new show", ""),
    ("Helmut Kohl's chancellery", ""),
    ("Sen. Reed's bill", ""),
    ("Reed's bill", ""),
    ("Lombardo's sales", ""),
    ("Lombardo's, Inc. sells", "lo2"),
    # words, units, persons, publishers, subsidiaries
    ("ALL of it is ON the table, IT says A KEY to NOW", ""),
    ("a BIG CAT so LOW", ""),
    ("$F $AAPL $ALL", "f aapl all"),
    ("revenue in $M, net debt ($M)", ""),
    ("Macy's ($M) falls", "m"),
    ("$ALLstate", ""),
    ("US$F", ""),
    ("Apple pie, Visa rules, Block parties, Match day, Square miles, Gap years", ""),
    ("Target-date funds and a Visa-free trip", ""),
    ("Target (TGT) and Block (XYZ)", "tgt sq"),
    ("Target (AAPL)", ""),
    ("American Express Company pays", "axp"),
    ("American Express pays", "axp"),
    ("General Motors recalls, Ford Motor Co. too", "gm f"),
    ("GENERAL MOTORS CUTS, FORD WAITS", "gm"),
    ("Motors of General interest", ""),
    ("Ford Motor Credit borrows", ""),
    ("Ford recalls", "f"),
    ("Ford waits", ""),
    ("The 3M Treasury bill", ""),
    ("3M Company settles", "mmm"),
    ("Dollar General grows", "dg"),
    ("The dollar General Assembly", ""),
    ("Bank of America and Merrill", "bac"),
    ("Merrill Lynch said", ""),
    ("bank of america", ""),
    ("Bank of Americas", ""),
    ("Coca-Cola and COCA COLA CO", "ko"),
    ("Estée Lauder sells", "el"),
    ("Berkshire Hathaway Energy borrows", ""),
    ("Berkshire Hathaway's stake", "brk"),
    ("Tesla Credit Rating Cut", "tsla"),
    ("Mr. Tesla, the inventor, and Nikola Tesla", ""),
    ("Trump at the game - The New York Times", ""),
    ("The New York Times cuts jobs", "nyt"),
    ("Amazon.com, Inc. falls", "amzn"),
    ("AMAZON COM INC", "amzn"),
    ("Amazon rain forest", ""),
    ("Match Group Inc sells", "mtch"),
    ("Public Storage builds", "psa"),
    ("Morgan Stanley said", "ms"),
    ("Visa Inc.\n\nCorp tax", "v"),
    ("General\n\nMotors", ""),
    ("Big Lots closes; big lots sold", ""),
    ("Gap, Inc.'s sales", "gap"),
    ("JPMorgan and J.P. Morgan", "jpm"),
    ("Capital One lends", "cof"),
    ("One capital idea", ""),
    ("Disney's parks", "dis"),
    ("Hershey, Pa., flooded", ""),
    ("Hershey, maker of chocolate", "hsy"),
    ("Coca-Cola Bottling Co. Consolidated", ""),
    ("( NYSE : GM )", "gm"),
    ("Moves on the NYSE: GM", "gm"),
    ("Apple Corps Ltd sues", ""),
    ("The Visa Company said", ""),
    ("William H. Macy's new show", ""),
    ("Match point for Match Group", "mtch"),
    ("$SO what, $IT happened", "so it"),
    ("The Gap Inc reports", "gap"),
]
"""Texts, and the issuers that they speak of."""


@pytest.fixture(scope="module")
def trap_index() -> IssuerIndex:
    return issuer_index(pl.DataFrame(TRAPS, schema=ISSUERS, orient="row"))


@pytest.mark.parametrize(("text", "expected"), TRAPPED)
def test_a_text_links_those_whom_it_speaks_of_and_nobody_else(trap_index: IssuerIndex, text: str, expected: str) -> None:
    assert set(link_issuers(pl.Series([text]), trap_index)["entity"]) == set(expected.split())


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


@pytest.mark.parametrize(
    "piece",
    [
        "$A",
        "NYSE: ",
        "(NYSE: A",
        "Nasdaq: IT ",
        "Berkshire Hathaway ",
        "& ",
        "a.",
        "$",
        "Target ",
        "McDonald's ",
        " - The New York Times",
        "Gap\n",
        "Liberty  \t",
    ],
)
def test_a_megabyte_takes_a_second_or_two(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crfs.features.entity_linking._LONGEST_TEXT", 1_000_000)
    text = pl.Series([piece * (1_000_000 // len(piece)), piece + " " * 1_000_000])
    begun = time.process_time()
    link_issuers(text, INDEX)
    assert time.process_time() - begun < 5


def test_issuers_lacking_a_column_are_refused() -> None:
    with pytest.raises(InvalidInput, match="lack the column tickers"):
        issuer_index(pl.DataFrame({"entity": ["a"], "name": ["A"], "aliases": [None]}))
    assert {"apple", "gap", "target", "financial", "institutions"} <= common_words()
    assert not {"microsoft", "nokia", "goldman", "jpmorgan"} & common_words()
