"""Words by which a text shows that it speaks of a company and not of a person, place or thing that is called the same."""

from __future__ import annotations

DEEDS = frozenset({
    "acquires", "agrees", "announces", "appoints", "asks", "axes", "bets", "boosts", "borrows", "buys", "cancels", "closes", "completes", "cuts",
    "declares", "delays", "delivers", "divests", "doubles", "earns", "eliminates", "eyes", "expands", "expects", "faces", "files", "fires",
    "forecasts", "guides", "halts", "hikes", "hires", "idles", "invests", "investors", "issues", "launches", "lays", "lifts", "loses", "lowers",
    "misses", "names", "narrows", "nears", "offers", "opens", "ousts", "outlines", "overhauls", "partners", "pauses", "pays", "plans", "pledges",
    "posts", "prices", "projects", "pulls", "raises", "reaffirms", "recalls", "records", "redeems", "refinances", "reinstates", "reports", "restates",
    "restructures", "resumes", "reveals", "scraps", "seeks", "sees", "sells", "settles", "sheds", "shutters", "signs", "slashes", "spends",
    "spins", "splits", "sues", "suspends", "swings", "taps", "tops", "touts", "trims", "unveils", "upgrades", "warns", "weighs", "widens",
    "withdraws", "wins", "writes", "acquired", "agreed", "announced", "appointed", "cut", "earned", "fined", "hit", "launched",
    "downgraded", "posted", "probed", "upgraded",
    "raised", "recalled", "recalling", "reported", "said", "says", "settled", "sued", "unveiled", "warned", "beats",
})  # fmt: skip
"""What headlines let a company do, right after its name."""
MOVES = frozenset({
    "climbs", "dips", "dives", "drops", "falls", "gains", "jumps", "plummets", "plunges", "pops", "rallies", "rebounds", "rises", "sinks",
    "slides", "slips", "slumps", "soars", "sparks", "spikes", "stumbles", "surges", "tanks", "tumbles",
})  # fmt: skip
"""What headlines let a share do, right after the name of its company."""
PLANS = frozenset({
    "acquire", "add", "appoint", "axe", "borrow", "build", "buy", "close", "cut", "delay", "deliver", "divest", "eliminate", "end", "exit", "expand", "expect",
    "fire", "halt", "hike", "hire", "idle", "introduce", "invest", "issue", "launch", "lay", "lower", "merge", "move", "name", "offer", "open", "pause",
    "pay", "post", "raise", "recall", "redeem", "refinance", "reinstate", "replace", "report", "restructure", "resume", "return", "scrap", "sell", "settle",
    "shed",
    "shut", "shutter", "slash", "spend", "spin", "split", "stop", "sue", "suspend", "trim", "unveil", "warn", "withdraw",
})  # fmt: skip
"""What companies are said to do next: "to buy", "will cut"."""
THINGS = frozenset({
    "analyst", "analysts", "antitrust", "bankruptcy", "bond", "bonds", "bookings", "boss", "buyback", "capex", "ceo", "cfo", "chairman", "chief", "customers",
    "debt", "dealers", "dealership", "dividend", "drivers", "earnings", "employees", "executive", "executives", "factory", "forecast", "fourth-quarter",
    "guidance", "headcount", "income", "investor", "investors", "ipo", "jobs", "lawsuit", "layoffs", "loss", "losses", "management", "margin",
    "margins", "merger", "outlook", "parent", "plant", "profit", "profits", "quarterly", "recall", "recalls", "results", "revenue",
    "revenues", "rival", "sales", "settlement", "share", "shareholder", "shareholders", "shares", "spinoff", "stake", "stock", "stores",
    "strike", "subsidiary", "supplier", "suppliers", "takeover", "tariffs", "unit", "valuation", "workers", "writedown",
    "breach", "flights", "hack", "passengers", "pilots", "plants", "ship", "ships", "trucks", "vehicles",
})  # fmt: skip
"""What a company has, right after its name or its ``'s``."""
SIGNS = frozenset({
    "acquisition", "analyst", "analysts", "antitrust", "billion", "buyback", "ceo", "cfo", "dividend", "dividends", "earnings", "ebitda", "eps", "ftc",
    "guidance",
    "investors", "ipo", "lawsuit", "layoffs", "merger", "nasdaq", "nyse", "profit", "profits", "quarter", "quarterly", "recall", "recalls",
    "revenue", "revenues", "sales", "sec", "shareholder", "shareholders", "shares", "stake", "stock", "stocks", "takeover", "valuation",
})  # fmt: skip
"""Words of business anywhere near, which do where nothing that follows makes something else of the name."""
OBJECTS_OF = frozenset({
    "acquire", "acquires", "acquiring", "against", "at", "buy", "buying", "buys", "by", "downgrade", "downgrades", "from", "sue", "sues",
    "suing", "upgrade", "upgrades", "with", "fines", "probes", "investigates", "owner", "maker", "rival", "rivals", "giant", "parent",
})  # fmt: skip
"""After them a company may stand as what something is done to."""
SUED = frozenset({
    "accuse", "accused", "accuses", "accusing", "approves", "clears", "fine", "fines", "investigates", "orders", "probe", "probes", "sue", "sues",
    "suing",
})  # fmt: skip
"""After them stands whom a court or an authority has before it."""
OWNED = frozenset({
    "acquisition", "bid", "bonds", "buyout", "customers", "debt", "earnings", "investors", "losses", "profit", "profits", "purchase", "revenue",
    "sales", "shareholders", "shares", "spinoff", "stake", "stock", "takeover", "workers",
})  # fmt: skip
"""Before "of", "in" and "at": "Shares of Apple slip"."""
SMALL = frozenset({
    "a", "about", "after", "against", "ahead", "amid", "among", "an", "and", "as", "at", "before", "but", "by", "can", "could", "despite", "for", "from",
    "has", "have", "how", "in", "into", "is", "may", "might", "near", "not", "on", "or", "over", "says", "should", "since", "than", "that",
    "to", "under", "until", "vs", "was", "what", "when", "where", "which", "while", "who", "why", "will", "with", "would", "are", "were", "its",
})  # fmt: skip
"""Words that go on with a sentence and make nothing else of a name before them."""
DETERMINERS = frozenset(
    {"a", "an", "the", "this", "that", "these", "my", "your", "our", "their", "his", "her", "every", "each", "no", "any"}
)
VENUES = frozenset({
    "amphitheater", "amphitheatre", "arena", "ballpark", "bowl", "bridge", "center", "centre", "championship", "championships", "classic",
    "coliseum", "cup", "field", "fieldhouse", "foundation", "garden", "gardens", "hall", "hospital", "invitational", "library",
    "museum", "park", "pavilion", "plaza", "scholarship", "speedway", "stadium", "theater", "theatre", "tower",
})  # fmt: skip
"""With a capital after a name they make a place, a match or a foundation of it: "Wells Fargo Center"."""
OF_PERSONS = frozenset({
    "aged", "born", "biography", "birthday", "dead", "died", "dies", "funeral", "grandson", "granddaughter", "husband", "marries", "memoir",
    "obituary", "pianist", "wedding", "weds", "widow", "wife",
})  # fmt: skip
"""After a name they make a person of it."""
RATERS = frozenset({
    ("bank", "of", "america"), ("barclays",), ("bmo",), ("bofa",), ("citi",), ("citigroup",), ("deutsche", "bank"), ("evercore",), ("fitch",),
    ("goldman",), ("goldman", "sachs"), ("hsbc",), ("jefferies",), ("jpmorgan",), ("j", "p", "morgan"), ("jp", "morgan"), ("jpmorgan", "chase"), ("mizuho",),
    ("moodys",), ("morgan", "stanley"), ("morningstar",), ("nomura",), ("piper", "sandler"), ("raymond", "james"), ("s&p", "global"),
    ("s", "&", "p", "global"), ("stifel",), ("stifel", "financial"), ("truist",), ("ubs",), ("wells", "fargo"),
})  # fmt: skip
"""Names, as they are compared, of those who rate others and write on their shares."""
