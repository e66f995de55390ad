"""Trade names in plain headlines: whom they mean, and the places, persons and things that are called the same."""

from __future__ import annotations

import polars as pl
import pytest

from crfs.features.entity_linking import ISSUERS, IssuerIndex, issuer_index, link_issuers
from crfs.features.trade_names import trade_names

PLAIN = [
    ("Profit at Ford slumps as EV losses mount", ["FORD MOTOR CO"]),
    ("Shares of Apple slip after weak China sales", ["Apple Inc."]),
    ("Why Meta stock is falling today", ["Meta Platforms, Inc."]),
    ("Amazon shareholders reject pay plan", ["AMAZON COM INC"]),
    ("Ford, GM pause production at Michigan plants; shares fall", ["FORD MOTOR CO", "General Motors Co"]),
    ("Judge approves 3M earplug deal worth $6 billion", ["3M CO"]),
    ("Best Buy trims its full-year outlook", ["BEST BUY CO INC"]),
    ("IBM shares sink as software growth cools", ["INTERNATIONAL BUSINESS MACHINES CORP"]),
    ("Google loses antitrust case over search", ["Alphabet Inc."]),
    ("UPS and union reach tentative contract", ["UNITED PARCEL SERVICE INC"]),
    ("Exxon, Chevron earnings fall on lower crude", ["EXXON MOBIL CORP"]),
    ("Costco's quarterly profit tops estimates", ["COSTCO WHOLESALE CORP /NEW"]),
    ("Cisco Lays Off Thousands in Restructuring", ["CISCO SYSTEMS, INC."]),
    ("Uber will cut 3,500 jobs over Zoom", ["Uber Technologies, Inc"]),
    ("Oracle's cloud revenue disappoints", ["ORACLE CORP"]),
    ("Visa earnings beat on travel rebound", ["VISA INC."]),
    ("AMD forecasts weak quarter", ["ADVANCED MICRO DEVICES INC"]),
    ("Deere warns of lower farm income", ["DEERE & CO"]),
    ("CVS names new chief executive", ["CVS HEALTH Corp"]),
    ("Walgreens slashes dividend", ["Walgreens Boots Alliance, Inc."]),
    ("Dell posts record AI server orders", ["Dell Technologies Inc."]),
    ("Hilton raises 2024 profit forecast", ["Hilton Worldwide Holdings Inc."]),
    ("Marriott reports jump in bookings", ["MARRIOTT INTERNATIONAL INC /MD/"]),
    ("U.S. Steel rejects Cleveland-Cliffs bid", ["UNITED STATES STEEL CORP"]),
    ("New York Stock Exchange: GM slides", ["General Motors Co"]),
    ("Carnival narrows loss, sees demand growing", ["CARNIVAL CORP"]),
    ("Delta expects strong summer profit", ["DELTA AIR LINES, INC."]),
    ("Snap shares tank 30% on revenue miss", ["Snap Inc"]),
    ("Target's CEO to step down after sales slump", ["TARGET CORP"]),
    ("Lawsuit accuses Apple of monopolizing phones", ["Apple Inc."]),
    ("EU probes Meta over ads; fine may reach billions", ["Meta Platforms, Inc."]),
    ("Investors sue Ford over warranty costs", ["FORD MOTOR CO"]),
    ("Citi to exit Mexico retail bank", ["CITIGROUP INC"]),
    ("Caterpillar reports record margins", ["CATERPILLAR INC"]),
    ("State Street settles bond case for $42 million", ["STATE STREET CORP"]),
    ("GE splits into three companies", ["GENERAL ELECTRIC CO"]),
    ("Lockheed wins missile order", ["LOCKHEED MARTIN CORP"]),
    ("First Solar stock rallies on tax credit", ["FIRST SOLAR, INC."]),
    ("Block cuts staff as payments volume slows; shares jump", ["Block, Inc."]),
    ("Southwest to cut 1,750 jobs", ["SOUTHWEST AIRLINES CO"]),
    ("Apple suppliers brace for weaker iPhone demand", ["Apple Inc."]),
    ("Chip shortage idles Ford plants for third week", ["FORD MOTOR CO"]),
    ("Amazon workers walk out at Staten Island site", ["AMAZON COM INC"]),
    ("Meta's Zuckerberg grilled on child safety", ["Meta Platforms, Inc."]),
    ("Delta pilots approve new contract", ["DELTA AIR LINES, INC."]),
    ("Uber drivers win minimum wage case", ["Uber Technologies, Inc"]),
    ("Buffett adds to HP stake", ["HP INC"]),
    ("After weak holiday, Target slashes prices on 5,000 items", ["TARGET CORP"]),
    ("Best Buy to stop selling DVDs", ["BEST BUY CO INC"]),
    ("Carnival ship fire prompts refunds", ["CARNIVAL CORP"]),
    ("Snap to lay off 10% of staff", ["Snap Inc"]),
    ("Alphabet tops $2 trillion in market value", ["Alphabet Inc."]),
    ("IBM freezes hiring for roles AI could do", ["INTERNATIONAL BUSINESS MACHINES CORP"]),
    ("Citi fined $136 million over data problems", ["CITIGROUP INC"]),
    ("Exxon sued by activist funds", ["EXXON MOBIL CORP"]),
]
HOSTILE = [
    "Gerald Ford library reopens after repairs",
    "Ford's Theatre marks Lincoln anniversary",
    "Betty Ford Center expands to new state",
    "Apple cider prices rise with poor harvest",
    "Big Apple circus returns",
    "Fiona Apple releases new record",
    "Amazon deforestation slows in Brazil",
    "Crocodile found on Amazon riverbank",
    "Delta variant spreads through Europe",
    "Rice growers in the Delta report losses",
    "Target inflation rate reached, ECB says",
    "Fed officials see target range unchanged",
    "On Target: archery club wins",
    "Visa delays hit foreign students",
    "Schengen visa fees to rise",
    "Visa waiver talks stall as stocks fall",
    "Paris Hilton sells perfume line",
    "Perez Hilton sued",
    "Carnival parade draws millions to Rio",
    "Carnival season lifts Brazil's beer sales",
    "Snap election called in France; stocks fall",
    "Cold Snap hits farmers",
    "Oracle of Delphi temple restored",
    "Oracle of Omaha speaks",
    "Meta-analysis links coffee to health",
    "Meta questions in philosophy",
    "Gap between rich and poor widens",
    "Pay gap report: Gap rises",
    "State Street shops reopen in Chicago",
    "Best Buy Award goes to small winery",
    "Madison Square Garden concert",
    "Citi Field hosts Mets opener",
    "PNC Park sells out",
    "Target Center hosts Timberwolves",
    "Ford Field to host draft",
    "American Airlines Center concert sold out",
    "Moody's upgrades Greece to investment grade",
    "According to JPMorgan, recession odds fell",
    "Wells Fargo analysts see Fed cuts in June",
    "Shares drop after downgrade by Morgan Stanley",
    "3M Treasury bill yield falls",
    "GM crops approved in Kenya",
    "The Block grant program ends",
    "UPS and downs of a startup",
    "Uber-rich buyers snap up homes",
    "Michael Dell sells shares",
    "Henry Ford College raises tuition",
    "Discover Utah's parks this fall",
    "Steve Carell joins Apple orchard film",
    "Dow falls 400 points as stocks sell off",
    "Ford Madox Brown painting sold",
    "Former first lady Betty Ford remembered",
    "Ford crossing closed after river floods",
    "Apple growers fear late frost",
    "Adam's Apple surgery on the rise",
    "Amazon tribes sue over dam",
    "Amazon parrots seized at border",
    "Delta of the Nile sinks",
    "Delta blues festival draws crowd",
    "Target practice accident injures two",
    "Target shooting club wins medal",
    "Visa applications from India surge",
    "Visa backlog worries hospitals and investors",
    "Carnival worker injured",
    "Church carnival Carnival Night raises money",
    "Oracle cards and tarot sales boom",
    "Snap peas recipe",
    "Block Island ferry delayed",
    "Block chain of mountains",
    "Gap year students volunteer",
    "Uber alles: anthem row",
    "Dell comics collector's sale",
    "Hilton Head beaches reopen after storm; hotel stocks dip",
    "Marriott Center hosts BYU game",
    "Meta fiction novel sells millions",
    "Ally of president resigns; stocks fall",
    "Shell shock: veterans remember",
    "Shell companies hide billions, report says",
    "Progressive lenses explained",
    "Southwest monsoon arrives in Kerala",
    "United we stand, says mayor",
    "United fans protest Glazer stake sale",
    "Toast to the king",
    "Coke fired plants close",
    "Caterpillar fungus prices soar",
    "Dow hits record as earnings beat",
    "Booking photo released",
    "State Street closed for parade; shops lose sales",
    "Best Buy deals? Consumer tips",
    "HP Lovecraft stories sell again",
]
MORE = [
    ("Visa, Mastercard reach $30 billion swipe-fee settlement", ["VISA INC."]),
    ("Dell to return $5 billion to shareholders", ["Dell Technologies Inc."]),
    ("GM reinstates dividend", ["General Motors Co"]),
    ("Meta wins dismissal of shareholder suit", ["Meta Platforms, Inc."]),
    ("Delta sues CrowdStrike over outage", ["DELTA AIR LINES, INC."]),
    ("Citi Open tennis draw", []),
    ("Bad apple theory: Apple blossom festival opens", []),
    ("Amazon warriors in Greek myth", []),
    ("JPMorgan Chase Tower lit green", []),
]
RATERS = [
    ("Moody's cuts rating of Ford Motor", ["FORD MOTOR CO"]),
    ("Moody's cuts its dividend", ["MOODYS CORP /DE/"]),
    ("Moody's raises outlook after strong quarter", ["MOODYS CORP /DE/"]),
    ("Morgan Stanley analyst cuts Nvidia", []),
    ("Morgan Stanley profit falls", ["MORGAN STANLEY"]),
    ("Shares of Apple fall, according to Goldman Sachs", ["Apple Inc."]),
    ("Goldman Sachs cuts bonuses", ["GOLDMAN SACHS GROUP INC"]),
    ("Citi initiated coverage of Intel with a Neutral rating", ["INTEL CORP"]),
    ("Bank of America upgraded Intel to Buy", ["INTEL CORP"]),
    ("Bank of America upgraded by Fitch", ["BANK OF AMERICA CORP /DE/"]),
    ("Ford downgraded by Morgan Stanley as profit falls", ["FORD MOTOR CO"]),
]
TICKERS = [
    ("Ford (F) recalls", ["FORD MOTOR CO"]),
    ("New York Stock Exchange: F", ["FORD MOTOR CO"]),
    ("Apple (Nasdaq Global Select Market: AAPL)", ["Apple Inc."]),
    ("On the New York Stock Exchange: A sell-off", []),
    ("IBM Corp. pays", ["INTERNATIONAL BUSINESS MACHINES CORP"]),
]


@pytest.fixture(scope="module")
def index() -> IssuerIndex:
    tickers = {"FORD MOTOR CO": ["F"], "Apple Inc.": ["AAPL"]}
    others = ["MOODYS CORP /DE/", "MORGAN STANLEY", "WELLS FARGO & COMPANY/MN", "JPMORGAN CHASE & CO", "AMERICAN AIRLINES GROUP INC."]
    names = [*trade_names(), *others]
    rows = [(name, name, None, tickers.get(name)) for name in names]
    return issuer_index(pl.DataFrame(rows, schema=ISSUERS, orient="row"))


@pytest.mark.parametrize(("text", "expected"), [*PLAIN, *MORE, *RATERS, *TICKERS])
def test_a_plain_headline_links_whom_it_is_about(index: IssuerIndex, text: str, expected: list[str]) -> None:
    assert sorted(link_issuers(pl.Series([text]), index)["entity"]) == sorted(expected)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_called_like_an_issuer_is_none(index: IssuerIndex, text: str) -> None:
    assert link_issuers(pl.Series([text]), index)["evidence"].to_list() == []


def test_every_trade_name_links_to_its_registrant_alone(index: IssuerIndex) -> None:
    names = [(name.written, registrant) for registrant, listed in trade_names().items() for name in listed]
    assert len({written for written, _ in names}) == len(names)
    texts = pl.Series([f"{written} shares fall" for written, _ in names])
    found = dict(link_issuers(texts, index).select("position", "entity").rows())
    assert [(written, found.get(place)) for place, (written, _) in enumerate(names)] == names
