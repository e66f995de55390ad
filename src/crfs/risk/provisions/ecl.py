"""Expected credit losses under IFRS 9: of 12 months and of the whole life, discounted, weighted over scenarios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk import ranges
from crfs.risk.cents import in_cents, in_units
from crfs.risk.facilities import FloatArray, flags, numbers, rejected_note
from crfs.risk.provisions.book import exposures, held_at_one, loans_of, paths_of, read_book, segments_of
from crfs.risk.provisions.loss_paths import Loans, PathTable, Timing, expected_losses, losses_in_default
from crfs.risk.provisions.scenarios import BASE, EclScenario, check_weights, curves_of, time_grid
from crfs.risk.provisions.term_structure import PdCurves
from crfs.risk.ranges import elementwise

_COLUMNS = ("ecl_12m", "ecl_lifetime", "pd_12m_weighted", "pd_lifetime")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotal:
    """Sums over one stage; currency units, whole cents. ``stage`` is None for what was credit-impaired when it came (poci)."""

    stage: int | None
    facilities: int
    ead: float
    ecl: float

    @property
    def coverage(self) -> float:
        """ECL as a decimal of exposure; 0 where there is none."""
        return self.ecl / self.ead if self.ead > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EclResult:
    """Expected credit losses of a table of facilities.

    ``table`` has the given columns of the accepted rows, and: ``exposure`` (what is owed, and drawn by default, today), ``ecl_12m``,
    ``ecl_lifetime``, the one that counts for the stage as ``ecl``, the same in whole cents as ``ecl_cents``, ``pd_12m_weighted`` and
    ``pd_lifetime`` over the scenarios, and ``ecl:<scenario>`` for each. ``rejected`` lists the faults of rows that are left out.
    ``scenario_ecl`` is the total on each scenario.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame
    scenario_ecl: tuple[tuple[str, float, float], ...]
    timing: Timing
    periods: int
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """ECL of all rows, currency units: the sum of their whole cents."""
        return int(self.table["ecl_cents"].sum()) / 100.0

    @property
    def stages(self) -> tuple[StageTotal, ...]:
        """Sums by stage."""
        return tuple(StageTotal(**row) for row in self.by("stage").sort("stage", nulls_last=True).iter_rows(named=True))

    def by(self, *columns: str) -> pl.DataFrame:
        """Facilities, ``ead`` and ``ecl`` by the values of any columns, in whole cents: whatever the cut, its parts sum to the total, to
        the cent.

        The cents of a row are allotted once, by the largest remainder (:mod:`crfs.risk.cents`).
        """
        lost = [name for name in columns if name not in self.table.columns]
        if lost or not columns:
            raise InvalidInput(f"the table has no column {', '.join(lost)}" if lost else "name a column to cut by", argument="columns")
        cut = self.table.select(
            *columns, pl.Series("__ead", in_cents(self.table["exposure"].to_numpy())), pl.col("ecl_cents").alias("__ecl")
        )
        sums = cut.group_by(columns).agg(pl.len().alias("facilities"), pl.col("__ead", "__ecl").sum()).sort(columns)
        return in_units(sums, "__ead", "__ecl").select(*columns, "facilities", ead="__ead", ecl="__ecl")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the rows."""
        return {
            "ecl": self.total,
            "stages": [asdict(stage) | {"coverage": stage.coverage} for stage in self.stages],
            "scenarios": [{"name": name, "weight": weight, "ecl": ecl} for name, weight, ecl in self.scenario_ecl],
            "timing": self.timing.value,
            "periods": self.periods,
            "n_rejected": self.rejected["row"].n_unique(),
            "notes": list(self.notes),
        }


def expected_credit_loss(
    facilities: pl.DataFrame,
    *,
    scenarios: Sequence[EclScenario] = (BASE,),
    pd_curves: PdCurves | None = None,
    period_years: float = 0.25,
    interest_rate: float | None = None,
    timing: Timing | str = Timing.EXACT,
    segment_column: str = "segment",
    carry: Sequence[str] = (),
    accept_partial: bool = False,
) -> EclResult:
    """ECL of each facility: of 12 months in stage 1, lifetime in stage 2, LGD × exposure in stage 3 (IFRS 9, 5.5.3-5.5.5 and 5.5.17).

    ``facilities`` has one row a facility with the columns of :func:`crfs.risk.provisions.provisions_schema`: ``stage``, ``lgd``,
    ``pd_12m`` (a constant hazard) or ``pd_curve`` (a name in ``pd_curves``), ``maturity_years`` (of a revolving facility its expected
    life, 5.5.20), ``ead``, or ``drawn``, ``limit`` and ``ccf``, ``effective_interest_rate`` (``interest_rate`` where blank; of poci the
    credit-adjusted one), ``amortisation`` and ``prepayment_rate``.

    The exposure of a period is what is owed at its beginning, ``period_years`` apart. A default is discounted from its moment in the
    period, or from where ``timing`` puts it. Losses are those of each scenario times its weight; weights sum to one. What was
    credit-impaired when it came (``poci``) has the lifetime loss less ``initial_ecl``, whatever its stage (5.5.13-14): negative where the
    outlook is better than then.

    A rejected row means :class:`crfs.errors.InvalidInput` with every problem, unless ``accept_partial`` says to measure the others.

    >>> table = pl.DataFrame({"facility_id": ["F1", "F2"], "ead": [1_000_000.0, 1000.0], "lgd": [0.25, 0.4], "pd_12m": [0.005, 0.1],
    ...                       "maturity_years": [5.0, 2.0], "stage": [1, 2]})
    >>> result = expected_credit_loss(table, interest_rate=0.0)
    >>> result.table["ecl"].round(6).to_list(), result.total
    ([1250.0, 76.0], 1326.0)
    """
    moment = _timing(timing)
    scenarios = check_weights(scenarios)
    rows, rejected = read_book(
        facilities,
        staged=True,
        needs_r2=any(scenario.factor is not None for scenario in scenarios),
        interest_rate=interest_rate,
        all_need_a_rate=True,
        curves=curves_of(scenarios, pd_curves),
        carry=carry,
        accept_partial=accept_partial,
    )
    poci = flags(rows, "poci")
    stage = np.where(poci, 0.0, numbers(rows, "stage"))
    living = np.flatnonzero(stage != 3.0)
    longest = float(numbers(rows, "maturity_years", default=0.0)[living].max(initial=0.0))
    times = time_grid(scenarios, until_years=longest, period_years=period_years)
    segments = segments_of(rows, scenarios, segment_column)

    sums = {name: np.zeros(rows.height) for name in _COLUMNS}
    by_scenario: dict[str, FloatArray] = {}
    for scenario in scenarios:
        curves = scenario.pd_curves or pd_curves
        loans = loans_of(rows, curves=curves, segments=segments, segment_column=segment_column)
        paths = paths_of(scenario, times, period_years=period_years, curves=curves, segments=segments)
        found = _on_one_scenario(loans, paths, living, moment)
        for name in _COLUMNS:
            sums[name] += scenario.weight * found[name]
        by_scenario[scenario.name] = _of_stage(found, stage, rows)
    ecl = _of_stage(sums, stage, rows)
    on, off = exposures(rows)
    table = rows.with_columns(
        pl.Series("exposure", on + off),
        *(pl.Series(name, values) for name, values in sums.items()),
        pl.Series("ecl", ecl),
        pl.Series("ecl_cents", in_cents(ecl)),
        *(pl.Series(f"ecl:{name}", values) for name, values in by_scenario.items()),
    )
    return EclResult(
        table=table.with_columns(pl.when(pl.Series(~poci)).then(pl.col("stage")).alias("stage")) if poci.any() else table,
        rejected=rejected,
        scenario_ecl=tuple((s.name, s.weight, math.fsum(by_scenario[s.name].tolist())) for s in scenarios),
        timing=moment,
        periods=len(times) - 1,
        notes=(*_notes(rejected, poci), *held_at_one(rows, scenarios, segment_column, defaulted=stage == 3.0)),
    )


@elementwise
def provision_matrix(gross: npt.ArrayLike, loss_rate: npt.ArrayLike) -> FloatArray:
    """Lifetime ECL of trade receivables and the like by days past due: ``gross`` (currency) times ``loss_rate`` (decimal) (IFRS 9,
    B5.5.35).

    >>> provision_matrix([15_000_000.0, 7_500_000.0], [0.003, 0.016]).tolist()
    [45000.0, 120000.0]
    """
    amounts, rates = ranges.numbers("gross", gross, ranges.AMOUNT), ranges.numbers("loss_rate", loss_rate, ranges.DECIMAL)
    return np.asarray(amounts * rates)


def _timing(timing: Timing | str) -> Timing:
    try:
        return Timing(timing)
    except (TypeError, ValueError):
        raise InvalidInput(f"{timing!r:.80} is no timing of defaults; known: {', '.join(Timing)}", argument="timing") from None


def _on_one_scenario(loans: Loans, paths: PathTable, living: npt.NDArray[np.intp], timing: Timing) -> dict[str, FloatArray]:
    """Losses and PDs of all rows: those of the paths for the ``living``; what is in default loses LGD × exposure now."""
    now = losses_in_default(loans, paths)
    losses = expected_losses(loans.take(living), paths, timing=timing)
    found = dict(zip(_COLUMNS, (now, now.copy(), np.ones(len(now)), np.ones(len(now))), strict=True))
    for name, values in zip(_COLUMNS, (losses.within_12m, losses.lifetime, losses.pd_12m, losses.pd_lifetime), strict=True):
        found[name][living] = values
    return found


def _of_stage(losses: dict[str, FloatArray], stage: FloatArray, rows: pl.DataFrame) -> FloatArray:
    """What counts: 12 months in stage 1, else the life; of poci (stage 0 here) the life less what was expected when it came."""
    initial = np.where(stage == 0.0, numbers(rows, "initial_ecl", default=0.0), 0.0)
    return np.where(stage == 1.0, losses["ecl_12m"], losses["ecl_lifetime"]) - initial


def _notes(rejected: pl.DataFrame, poci: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    notes = [*rejected_note(rejected)]
    if poci.any():
        notes.append(
            f"{int(poci.sum())} facilities were credit-impaired when they came: their allowance is the change of the lifetime loss since "
            "then, discounted at the rate they have, which must be the credit-adjusted one"
        )
    return tuple(notes)
