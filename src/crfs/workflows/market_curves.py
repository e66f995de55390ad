"""Zero curves by rating of what the store knew at a time: the Treasury's par yields, and the credit spreads that a market quotes.

The riskless curve is bootstrapped from the newest day of par yields (:func:`crfs.risk.migration.zero_rates`); each rating's spread is made of the quotes of
a few grades (:func:`crfs.risk.migration.grade_spreads`) and is the same at all tenors, since no source quotes it by tenor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotYetKnown, naming
from crfs.workflows.session import Session
from crfs.workflows.times import as_told, parse_question, refuse_ahead

if TYPE_CHECKING:
    from crfs.credit.definitions import FactorDefinition
    from crfs.risk.migration import GradeSpreads, ZeroCurves
    from crfs.store.scan import StoreReader

PAR_YIELDS = "us.treasury.par_yield_"
"""How the factors of the par yield curve begin; their entity is the tenor."""
SUBTRACTED = "us.treasury.par_yield_10y"
"""What a yield of Moody's is told as a spread over, as FRED's own spreads (BAA10Y, AAA10Y) are."""
_TENOR = re.compile(r"(\d+(?:\.\d+)?)([MY])", re.ASCII)
_LEAST_TENORS = 2


class Quotes(StrEnum):
    """Whose quotes a spread is made of; ``auto`` takes the first of the others that the store has two fresh ones of."""

    AUTO = "auto"
    ICE = "ice"
    MOODYS_DAILY = "moodys_daily"
    MOODYS_MONTHLY = "moodys_monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSet:
    """Factors by the grade that they quote, in words, what brings them, and whether they are yields (from which a Treasury yield is taken)."""

    factors: Mapping[str, str]
    title: str
    brought_by: str
    yields: bool = False


QUOTES: Mapping[Quotes, QuoteSet] = MappingProxyType(
    {
        Quotes.ICE: QuoteSet(
            factors={
                "AAA": "us.credit_spread_aaa_ice",
                "AA": "us.credit_spread_aa_ice",
                "A": "us.credit_spread_a_ice",
                "BBB": "us.credit_spread_bbb",
                "BB": "us.credit_spread_bb",
                "B": "us.credit_spread_b",
                "CCC": "us.credit_spread_ccc",
            },
            title="option-adjusted spreads over Treasuries of ICE BofA's indices by rating",
            brought_by="crfs ingest fred --stream credit_spreads",
        ),
        Quotes.MOODYS_DAILY: QuoteSet(
            factors={"AAA": "us.credit_spread_aaa_10y", "BBB": "us.credit_spread_baa_10y"},
            title="Moody's seasoned Aaa and Baa yields of a day less the 10-year Treasury yield",
            brought_by="crfs ingest fred --stream credit_spreads",
        ),
        Quotes.MOODYS_MONTHLY: QuoteSet(
            factors={"AAA": "us.bond_yield_aaa", "BBB": "us.bond_yield_baa"},
            title="Moody's seasoned Aaa and Baa yields less the 10-year Treasury par yield, both averages of the month",
            brought_by="crfs ingest packaged moodys_yields",
            yields=True,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParYield:
    """One tenor of the par curve: ``par_yield`` is bond-equivalent, ``zero_rate`` annually compounded; decimals."""

    tenor: str
    years: float
    par_yield: float
    zero_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a market quoted: ``spread`` (decimal a year) of ``grade``, of the factor ``mnemonic`` and the period that begins on ``day``."""

    grade: str
    mnemonic: str
    day: date
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCurves:
    """Zero curves by rating as they were known, with what they were made of.

    ``day`` is the day of the par yields ``treasury``, by tenor; ``spreads`` has each rating's, made of ``quotes`` (none where all were given), whose set is
    ``quoted_by``. ``withheld`` says that a provider's terms keep the quotes, and what gives them back, from leaving the store: they are left out of
    :meth:`to_dict`.
    """

    curves: ZeroCurves
    day: date
    treasury: tuple[ParYield, ...]
    spreads: GradeSpreads
    quotes: tuple[Quote, ...]
    quoted_by: Quotes | None
    withheld: bool
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a spread is null where it may not leave."""
        return {
            "day": self.day.isoformat(),
            "treasury": [
                {"tenor": each.tenor, "years": each.years, "par_yield": each.par_yield, "zero_rate": each.zero_rate}
                for each in self.treasury
            ],
            "quoted_by": None if self.quoted_by is None else self.quoted_by.value,
            "quotes": [
                {
                    "grade": each.grade,
                    "mnemonic": each.mnemonic,
                    "day": each.day.isoformat(),
                    "spread_bp": None if self.withheld else each.spread * 1e4,
                }
                for each in self.quotes
            ],
            "spreads": [
                {
                    "rating": each.rating,
                    "grade": each.grade,
                    "origin": each.origin.value,
                    "spread_bp": None if self.withheld and each.grade is not None else each.spread * 1e4,
                }
                for each in self.spreads.spreads
            ],
            "notes": list(self.notes),
        }


def zero_curves(
    session: Session,
    ratings: Sequence[str],
    *,
    quotes: Quotes | str = Quotes.AUTO,
    grades: Mapping[str, str] | None = None,
    spreads: Mapping[str, float] | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
) -> MarketCurves:
    """The curves of ``ratings`` as known at ``as_of`` (None: now) in the store of ``recorded_as_of``; see :func:`market_curves`."""
    from crfs.workflows.given import check_given
    from crfs.workflows.observations import recorded_state

    check_given(ratings=ratings, quotes=quotes, grades=grades, spreads=spreads)
    pin = session.pin(recorded_state(recorded_as_of))
    reader = session.reader(pin.batch_id)
    known_by = session.clock.now() if as_of is None else parse_question(as_of, what="as_of")
    refuse_ahead(known_by, now=session.latest(pin), what="as_of")
    return market_curves(reader, ratings, known_by=known_by, quotes=quotes, grades=grades, spreads=spreads)


def market_curves(
    reader: StoreReader,
    ratings: Sequence[str],
    *,
    known_by: datetime,
    quotes: Quotes | str = Quotes.AUTO,
    grades: Mapping[str, str] | None = None,
    spreads: Mapping[str, float] | None = None,
) -> MarketCurves:
    """Zero curves of ``ratings`` (performing ones, the best first) of what ``reader`` knew by ``known_by``.

    ``grades`` and ``spreads`` (decimals a year) are for ratings that are no agency's grades, as of :func:`crfs.risk.migration.grade_spreads`. A value counts
    as long as its factor's ``max_age`` allows. Where there are no par yields, or no quotes, that count, :class:`~crfs.errors.NotYetKnown` says
    what brings them.
    """
    from crfs.credit.definitions import Redistribution
    from crfs.risk.migration import grade_spreads, zero_rates

    wanted = _quotes_of(quotes)
    given = dict(spreads or {})
    day, par = _par_curve(reader, known_by)
    years = [tenor for tenor, _, _ in par]
    zero = zero_rates(years, [rate for _, _, rate in par])
    chosen, found, notes = (None, [], []) if set(given) >= set(ratings) else _quoted(reader, wanted, known_by)
    with naming("spreads", instead_of="given"):
        told = grade_spreads(ratings, {quote.grade: quote.spread for quote in found}, grades=grades, given=given)
    withheld = any(reader.catalogue.redistribution(_factor(reader, quote.mnemonic)) is Redistribution.FORBIDDEN for quote in found)
    if withheld:
        notes.append(
            "the provider's terms keep its quotes here: spreads made of them are left out of what leaves the store; store.portfolio.zero_curves "
            "shows them on this machine"
        )
    return MarketCurves(
        curves=told.curves(years, zero),
        day=day,
        treasury=tuple(
            ParYield(tenor=tenor, years=at, par_yield=rate, zero_rate=float(spot))
            for (at, tenor, rate), spot in zip(par, zero, strict=True)
        ),
        spreads=told,
        quotes=tuple(found),
        quoted_by=chosen,
        withheld=withheld,
        notes=(*told.notes, *notes),
    )


def tenor_years(tenor: str) -> float:
    """A tenor as the Treasury names it, in years.

    >>> tenor_years("1.5M"), tenor_years("10Y")
    (0.125, 10.0)
    """
    match = _TENOR.fullmatch(tenor)
    if match is None:
        raise InvalidInput(f"tenor {tenor!r} is not written like 6M or 10Y", argument="tenor")
    return float(match[1]) / (12.0 if match[2] == "M" else 1.0)


def _quotes_of(given: Quotes | str) -> Quotes:
    try:
        return Quotes(given)
    except ValueError:
        raise InvalidInput(f"quotes is {', '.join(Quotes)}, not {given!r}", argument="quotes") from None


def _factor(reader: StoreReader, mnemonic: str) -> FactorDefinition:
    found: FactorDefinition = reader.catalogue.factors[mnemonic]
    return found


def _values(reader: StoreReader, factor: FactorDefinition, known_by: datetime) -> list[tuple[datetime, float]]:
    """Valid times and values of a factor as they were known, in order."""
    from crfs.bitemporal.resolve import as_of

    rows = as_of(reader.rows(factor.dataset, columns=[factor.column], entities=[str(factor.entity)], known_by=known_by), as_of=known_by)
    values = rows.select("valid_time", value=factor.value_of(rows[factor.column])).drop_nulls().sort("valid_time")
    return list(values.iter_rows())


def _fresh(reader: StoreReader, factor: FactorDefinition, valid_time: datetime, known_by: datetime) -> bool:
    """Whether a value still answers: ``max_age`` after its period, as of training sets."""
    end = (factor.period or reader.catalogue.dataset(factor.dataset).period).after(valid_time)
    return factor.max_age is None or known_by <= factor.max_age.after(end)


def _par_curve(reader: StoreReader, known_by: datetime) -> tuple[date, list[tuple[float, str, float]]]:
    """The newest day on which a par curve was published, and its tenors: years, name, yield (decimal), the shortest first."""
    from crfs.bitemporal.resolve import as_of

    mine = [factor for name, factor in reader.catalogue.factors.items() if name.startswith(PAR_YIELDS) and factor.entity is not None]
    found: list[tuple[datetime, float, str, float]] = []
    for dataset, column in sorted({(factor.dataset, factor.column) for factor in mine}):
        factors = {str(factor.entity): factor for factor in mine if (factor.dataset, factor.column) == (dataset, column)}
        rows = as_of(reader.rows(dataset, columns=[column], entities=sorted(factors), known_by=known_by), as_of=known_by)
        found += [
            (at, tenor_years(name), name, factors[name].value_of(cell))
            for at, name, cell in rows.select("valid_time", "entity", column).drop_nulls().iter_rows()
        ]
    days: dict[datetime, list[tuple[float, str, float]]] = {}
    for at, years, name, value in found:
        days.setdefault(at, []).append((years, name, value))
    whole = [at for at, tenors in days.items() if len(tenors) >= _LEAST_TENORS]
    newest = max(whole, default=None)
    if newest is None or not _fresh(reader, mine[0], newest, known_by):
        last = "" if newest is None else f"; its newest are of {newest.date()}"
        raise NotYetKnown(
            f"the store knew no par yield curve of the Treasury at {as_told(known_by)}{last}: crfs ingest treasury par_yields "
            f"--since {known_by.year}-01-01 brings it, or ask as of (--as-of) a time that has one"
        )
    return newest.date(), sorted(days[newest])


def _quoted(reader: StoreReader, wanted: Quotes, known_by: datetime) -> tuple[Quotes, list[Quote], list[str]]:
    """The quotes of the set that is asked for, or of the first that the store has."""
    for kind in QUOTES if wanted is Quotes.AUTO else (wanted,):
        found, lacking = _of_set(reader, QUOTES[kind], known_by)
        if len(found) >= _LEAST_TENORS:
            notes = [f"spreads are {QUOTES[kind].title}, of {', '.join(sorted({quote.day.isoformat() for quote in found}))}"]
            if QUOTES[kind].factors.keys() <= {"AAA", "BBB"}:
                notes.append(
                    "bonds of Moody's indices are of 20 years and more, so that spreads over the 10-year yield have some of the term premium in them"
                )
            notes += [f"{name} is not among the quotes: the store knew no value of it that counts" for name in lacking]
            return kind, found, notes
    sets = [QUOTES[kind] for kind in (QUOTES if wanted is Quotes.AUTO else (wanted,))]
    ways = "; ".join(dict.fromkeys(f"{each.brought_by} brings {each.title}" for each in sets))
    raise NotYetKnown(f"the store knew no credit spreads that count at {known_by.isoformat()}: {ways}; or give each rating's in spreads")


def _of_set(reader: StoreReader, quoted: QuoteSet, known_by: datetime) -> tuple[list[Quote], list[str]]:
    """The newest quotes of a set that count, and the factors of which there is none."""
    found, lacking = [], []
    for grade, mnemonic in quoted.factors.items():
        factor = reader.catalogue.factors.get(mnemonic)
        values = [] if factor is None else _values(reader, factor, known_by)
        spread = None
        if factor is not None and values and _fresh(reader, factor, values[-1][0], known_by):
            at, value = values[-1]
            spread = value - _mean_par_yield(reader, factor, at, known_by) if quoted.yields else value
            found.append(Quote(grade=grade, mnemonic=mnemonic, day=at.astimezone(UTC).date(), spread=spread))
        else:
            lacking.append(mnemonic)
    return found, lacking


def _mean_par_yield(reader: StoreReader, factor: FactorDefinition, start: datetime, known_by: datetime) -> float:
    """The mean of the 10-year par yields of the days of a factor's period, what is to be taken from its yield."""
    import math

    end = reader.catalogue.dataset(factor.dataset).period.after(start)
    days = [value for at, value in _values(reader, _factor(reader, SUBTRACTED), known_by) if start.date() <= at.date() < end.date()]
    if not days:
        raise NotYetKnown(
            f"{factor.mnemonic} of {start.date()} is a yield, and the store knew no {SUBTRACTED} of that period to take from it: crfs ingest treasury "
            f"par_yields --since {start.date()} brings it"
        )
    return math.fsum(days) / len(days)
