"""Default rates of pools as histories of systematic factors: which pool, how many defaulted in each period, and how much of it is chance.

A pool is told by text columns of a dataset of monthly records: ``{ sector = "energy" }`` is every obligor whose record says so, ``{}`` all of them,
``{ facility_type = "mortgage" }`` every facility of that type. ``rates`` says which datasets these are; those of the bureau, if it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.default_history import counted, periods_at_risk
from crfs.workflows.spines import require

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.scan import StoreReader

DATASETS = {"defaults": "bureau_default", "obligors": "bureau_obligor", "facilities": "bureau_facility"}
_MUCH = 0.1
_NO_TAGS = ("obligor_id", "facility_id", "status")
"""Texts that say which one or how it stands, not what kind it is of: nobody's pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The obligors, or the ``facilities``, whose records say ``told``: a text a column."""

    told: Mapping[str, str]
    facilities: bool

    @property
    def words(self) -> str:
        """How notes and errors call it.

        >>> Pool(told={"sector": "energy"}, facilities=False).words
        "obligors of sector = 'energy'"
        """
        of = " and ".join(f"{name} = {value!r}" for name, value in self.told.items())
        return ("facilities" if self.facilities else "obligors") + (f" of {of}" if of else "")


def pool_counts(
    reader: StoreReader, pools: Mapping[str, Mapping[str, str]], rates: Mapping[str, Any], *, months: int, known_by: datetime
) -> dict[str, tuple[Pool, pl.DataFrame]]:
    """Of each factor its pool and, by period of so many ``months`` (1, 3 or 12), how many could and did default, as known at ``known_by``.

    The table has ``valid_time`` (first day of a period), ``obligors`` (or facilities) that were not in default as it began, and ``defaults`` among
    them. A column that no dataset has is :class:`~crfs.errors.InvalidInput`; a pool that nobody was in is :class:`~crfs.errors.NotFound`.
    """
    datasets = _datasets(reader, rates)
    found = {name: _pool(reader, name, told, datasets) for name, told in pools.items()}
    counts: dict[str, tuple[Pool, pl.DataFrame]] = {}
    for facilities in (False, True):
        here = {name: pool for name, pool in found.items() if pool.facilities is facilities}
        if here:
            records = datasets["facilities" if facilities else "obligors"]
            tags = sorted({column for pool in here.values() for column in pool.told})
            whole = periods_at_risk(
                reader, defaults=datasets["defaults"], records=records, tags=tags, months=months, known_by=known_by, facilities=facilities
            )
            if whole is None:
                raise NotFound(
                    f"nothing of {records} was known at {known_by.isoformat()}, so there are no default rates: crfs ingest bureau brings a "
                    "simulated history"
                )
            counts |= {name: (pool, counted(_of(whole, name, pool))) for name, pool in here.items()}
    return counts


def _of(whole: pl.DataFrame, name: str, pool: Pool) -> pl.DataFrame:
    import polars as pl

    rows = whole
    for column, value in pool.told.items():
        if rows.filter(pl.col(column) == value).is_empty():
            there = ", ".join(sorted(rows[column].drop_nulls().unique().to_list()))
            raise NotFound(f"factor {name}: there are no {pool.words}; of {column} there are {there or '(none)'}")
        rows = rows.filter(pl.col(column) == value)
    return rows


def rate() -> pl.Expr:
    """The default rate of a period, ``(defaults + 1/2) / (obligors + 1)``: a period without a default has a probit too."""
    import polars as pl

    return (pl.col("defaults") + 0.5) / (pl.col("obligors") + 1.0)


def chance(counts: pl.DataFrame) -> float:
    """The share of the variance of a pool's probits over periods that is there because the pool is finite, within [0, 1].

    Defaults are binomial given the state of the world, so a probit's variance has ``p (1 - p) / n / phi(Phi^-1(p))^2`` of chance (delta
    method), with the mean rate ``p`` and the harmonic mean of ``n``. Correlations with what shares no obligor with the pool come out
    ``sqrt(1 - share)`` times what they are.

    >>> import polars as pl
    >>> told = [{"obligors": n, "defaults": d} for n, d in ((10_000, 50), (10_000, 400), (10_000, 100))]
    >>> round(chance(pl.DataFrame(told)), 3), chance(pl.DataFrame([{"obligors": 20, "defaults": d} for d in (0, 1, 0)]))
    (0.005, 1.0)
    """
    import polars as pl
    from scipy.special import ndtri

    mean = float(counts.select(rate().mean()).item())
    scores = ndtri(counts.select(rate().alias("rate"))["rate"].to_numpy())
    spread = float(scores.var(ddof=1)) if len(scores) > 1 else 0.0
    density = math.exp(-0.5 * float(ndtri(mean)) ** 2) / math.sqrt(2.0 * math.pi)
    drawn = mean * (1.0 - mean) * float(counts.select((1.0 / (pl.col("obligors") + 1.0)).mean()).item()) / density**2
    return min(1.0, drawn / spread) if spread > 0.0 else 1.0


def rates_told(counts: Mapping[str, tuple[Pool, pl.DataFrame]]) -> tuple[dict[str, Any], list[str]]:
    """What an answer tells of each pool (its columns, periods, mean number, defaults, mean rate, share of chance), and notes of those where chance is much."""
    told, notes = {}, []
    for name, (pool, table) in counts.items():
        share, defaults, mean = chance(table), int(table["defaults"].sum()), float(table.select("obligors").mean().item())
        counts_of = "facilities" if pool.facilities else "obligors"
        told[name] = {
            "of": dict(pool.told),
            "counts": counts_of,
            "periods": table.height,
            "mean_number": mean,
            "defaults": defaults,
            "mean_rate": float(table.select(rate().mean()).item()),
            "share_of_chance": share,
        }
        if share > _MUCH:
            notes.append(
                f"{name}: {defaults} defaults over {table.height} periods among {mean:.0f} {counts_of}; {100.0 * share:.0f} % of the variance "
                "of its probits is chance, as of any small pool: correlations with what shares none of them come out nearer to 0 than they are"
            )
    return told, notes


def pool_told(name: str, told: Any) -> dict[str, str]:
    """What a factor of a name says of its pool, checked: a text a column."""
    if not isinstance(told, Mapping) or not all(isinstance(value, str) for value in told.values()):
        raise InvalidInput(
            f'factor {name}: default_rate_of is a table of columns and a text each, {{ sector = "energy" }}; {{}} for all obligors',
            argument="factor",
        )
    return dict(told)


def check_rates(rates: Any) -> None:
    """Refuse what is no table of datasets that default rates are counted from."""
    if not isinstance(rates, Mapping) or not all(isinstance(name, str) for name in rates.values()):
        raise InvalidInput(f"rates is a table of {', '.join(DATASETS)} and a dataset's name each, not {rates!r:.80}", argument="rates")
    require(rates, "rates", (), tuple(DATASETS))


def _datasets(reader: StoreReader, rates: Mapping[str, Any]) -> dict[str, str]:
    check_rates(rates)
    found = {name: str(rates.get(name, given)) for name, given in DATASETS.items()}
    for name, dataset in found.items():
        if dataset not in reader.catalogue.datasets:
            raise InvalidInput(f"rates.{name} = {dataset!r}: there is no such dataset; crfs datasets list shows them", argument="rates")
    return found


def _pool(reader: StoreReader, name: str, told: Mapping[str, str], datasets: Mapping[str, str]) -> Pool:
    from crfs.credit.definitions import ColumnType

    texts = {
        which: [
            column.name
            for column in reader.catalogue.dataset(datasets[which]).columns
            if column.type is ColumnType.TEXT and column.name not in _NO_TAGS
        ]
        for which in ("obligors", "facilities")
    }
    for which in ("obligors", "facilities"):
        if set(told) <= set(texts[which]):
            return Pool(told=dict(told), facilities=which == "facilities")
    known = "; ".join(f"{datasets[which]} has {', '.join(names)}" for which, names in texts.items())
    raise InvalidInput(
        f"factor {name}: default_rate_of names text columns of one dataset, not {', '.join(sorted(told))}: {known}",
        argument="factor",
    )
