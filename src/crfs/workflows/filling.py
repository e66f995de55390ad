"""Filling a book: each blank exposure, loss given default and default probability, from what the book says itself, else from a model.

The risk of a book, the check before it and its concentration all fill by these rules, so that they speak of the same book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, Problem
from crfs.workflows.cutting import counted
from crfs.workflows.scoring import predict_facilities, referenced_version, revolving_types, score_obligors, unscored
from crfs.workflows.session import Session
from crfs.workflows.training import registered_model

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.models.segments import SegmentMeans
    from crfs.quality.checks import Checked, Faults
    from crfs.store.registry import ModelVersion
    from crfs.store.scan import StoreReader

FILLED = {"ead": "ead", "lgd": "lgd", "pd": "pd_12m"}
"""The models that fill a book, and the column that each fills."""


@dataclass(slots=True, kw_only=True)
class Filler:
    """Fills a book's blank cells from ``models`` (``{"pd": reference, "lgd": …, "ead": …}``), as ``reader`` knows the world at ``at``.

    ``origins`` counts afterwards for each column where its cells come from: ``given``, ``drawn and ccf``, ``default ccf``, ``given on another
    row`` (of the same obligor), or the model and its version. ``used`` are the models that filled a cell.
    """

    session: Session
    reader: StoreReader
    models: Mapping[str, Mapping[str, Any]]
    at: datetime | None
    default_ccf: float | None = None
    origins: dict[str, dict[str, int]] = field(default_factory=dict)
    used: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, table: pl.DataFrame, typed: pl.DataFrame, faults: Faults) -> pl.DataFrame:
        """The rows with ``ead``, ``lgd`` and ``pd_12m``."""
        return self.pd_12m(table, self.lgd(table, self.ead(table, typed, faults), faults), faults)

    def ead(self, table: pl.DataFrame, typed: pl.DataFrame, faults: Faults) -> pl.DataFrame:
        """The rows with ``ead``: a row's own ``ccf`` comes before the model, and the model before the default factor."""
        from crfs.credit.schemas import Reason
        from crfs.quality.portfolio import blank_cells, column_of, with_ead

        blank, no_ccf = blank_cells(table, "ead"), blank_cells(table, "ccf")
        wanting = blank & no_ccf if "drawn" in table.columns else blank & False
        predicted = told = None
        version = self._version("ead") if wanting.any() else None
        if version is not None:
            model: Any = registered_model(self.session, version)
            types = revolving_types(self.session, version)
            known: dict[str, set[str] | None] = {name: _values((model.ccf, model.factor), name) for name in model.spec.segments}
            # Whether a facility revolves is told by its type; which types there are, only by a fit that tells them apart.
            met = known.get("facility_type")
            known["facility_type"] = None if met is None else met | set(types)
            by_default = self.default_ccf is not None
            lacking, unknown = self._told_apart(
                table, typed, version, known, wanting=wanting, faults=faults, column="ead", silent=by_default
            )
            ready = wanting & ~lacking & ~unknown
            revolving = _text(typed, "facility_type").is_in(types).fill_null(value=False)
            no_drawn, no_limit = wanting & blank_cells(table, "drawn"), ready & revolving & blank_cells(table, "limit")
            faults.add(no_drawn, column="drawn", reason=Reason.MISSING, detail="ead is blank, so drawn is needed")
            detail = "ead is blank, and a revolving facility needs limit for it"
            faults.add(no_limit, column="limit", reason=Reason.MISSING, detail=detail)
            usable = ready & typed["drawn"].is_not_null() & (~revolving | column_of(typed, "limit").is_not_null())
            predicted = _predicted(self.session, version, typed, usable, ("ead",))["ead"]
            told = unknown | no_drawn | no_limit if by_default else lacking | unknown | no_drawn | no_limit
        filled = with_ead(table, typed, faults, self.default_ccf, predicted=predicted, told=told)
        by_model = blank & no_ccf & predicted.is_not_null() if predicted is not None else blank & False
        by_ccf = blank & ~no_ccf
        self._note("ead", filled, version, by_model, {"given": ~blank, "drawn and ccf": by_ccf, "default ccf": blank & no_ccf & ~by_model})
        return filled

    def lgd(self, table: pl.DataFrame, typed: pl.DataFrame, faults: Faults) -> pl.DataFrame:
        """The rows with ``lgd``; one that the model fills has the model's spread too, unless the row has its own."""
        import polars as pl

        from crfs.quality.portfolio import blank_cells, column_of

        blank = blank_cells(table, "lgd")
        given = column_of(typed, "lgd")
        version = self._version("lgd") if blank.any() else None
        if version is None:
            _require(blank, "lgd", faults)
            self._note("lgd", typed, None, blank & False, {"given": ~blank})
            return typed
        model: Any = registered_model(self.session, version)
        known: dict[str, set[str] | None] = {name: _values((model.means,), name) for name in model.means.columns}
        lacking, unknown = self._told_apart(table, typed, version, known, wanting=blank, faults=faults, column="lgd")
        by_model = blank & ~lacking & ~unknown
        predicted = _predicted(self.session, version, typed, by_model, ("lgd", "lgd_sd"))
        lgd = predicted["lgd"].zip_with(by_model, given)
        # A Beta's spread is below sqrt(m (1 - m)).
        widest = (lgd * (1.0 - lgd)).clip(lower_bound=0.0).sqrt() * 0.999
        spread = pl.select(pl.min_horizontal(predicted["lgd_sd"].fill_nan(0.0), widest))[:, 0].fill_null(0.0)
        own = column_of(typed, "lgd_sd")
        spread = spread.zip_with(by_model & blank_cells(table, "lgd_sd"), own)
        filled = typed.with_columns(lgd.alias("lgd"), spread.alias("lgd_sd"))
        self._note("lgd", filled, version, by_model, {"given": ~blank})
        return filled

    def pd_12m(self, table: pl.DataFrame, typed: pl.DataFrame, faults: Faults) -> pl.DataFrame:
        """The rows with ``pd_12m``: an obligor defaults as one, so what another of its rows gives comes before the model."""
        import polars as pl

        from crfs.quality.portfolio import blank_cells, column_of

        blank = blank_cells(table, "pd_12m")
        rows = typed.select("obligor_id").with_columns(column_of(typed, "pd_12m").alias("pd_12m"))
        own = rows.select(pl.col("pd_12m").drop_nulls().first().over("obligor_id"))["pd_12m"]
        elsewhere = blank & own.is_not_null() & rows["obligor_id"].is_not_null()
        filled = own.zip_with(elsewhere, rows["pd_12m"])
        wanting = blank & ~elsewhere
        version = self._version("pd") if wanting.any() else None
        by_model = blank & False
        if version is None:
            _require(wanting, "pd_12m", faults)
        else:
            filled, by_model = self._scored(typed, version, wanting, filled, faults)
        result = typed.with_columns(filled.alias("pd_12m"))
        self._note("pd", result, version, by_model, {"given": ~blank, "given on another row": elsewhere})
        return result

    def _scored(
        self, typed: pl.DataFrame, version: ModelVersion, wanting: pl.Series, filled: pl.Series, faults: Faults
    ) -> tuple[pl.Series, pl.Series]:
        """The probabilities with those of the model, and which rows those are; why an obligor has no score goes to ``faults``."""
        import polars as pl

        from crfs.credit.schemas import Reason

        at = self.at
        assert at is not None
        asked = typed.filter(wanting)["obligor_id"].drop_nulls().unique().sort()
        key = ("scores", version.artefact_sha256, at, tuple(asked))
        scores = self.session.shared(self.reader, key, lambda own: score_obligors(self.session, own, version, asked, at=at))
        if "pd_12m" not in scores.columns:
            scores = scores.with_columns(pd_12m=pl.lit(None, pl.Float64))
        joined = typed.select("obligor_id").join(scores.select("obligor_id", "pd_12m"), on="obligor_id", how="left", maintain_order="left")
        by_model = wanting & joined["pd_12m"].is_not_null()
        untold = wanting & ~by_model & typed["obligor_id"].is_not_null()
        if untold.any():
            why = unscored(self.session, self.reader, version, typed.filter(untold)["obligor_id"].unique().sort(), at=at)
            detail = typed.select("obligor_id").join(why, on="obligor_id", how="left", maintain_order="left")["detail"]
            faults.add(untold, column="pd_12m", reason=Reason.MISSING, detail=detail)
        return joined["pd_12m"].zip_with(by_model, filled), by_model

    def _told_apart(
        self,
        table: pl.DataFrame,
        typed: pl.DataFrame,
        version: ModelVersion,
        known: Mapping[str, set[str] | None],
        *,
        wanting: pl.Series,
        faults: Faults,
        column: str,
        silent: bool = False,
    ) -> tuple[pl.Series, pl.Series]:
        """Of the rows that want a model, those whose cells it tells them apart by are blank, and those where they hold what it never saw."""
        import polars as pl

        from crfs.credit.schemas import Reason
        from crfs.quality.checks import quoted
        from crfs.quality.portfolio import blank_cells

        lacking = unknown = wanting & False
        for name, values in known.items():
            blank = wanting & blank_cells(table, name)
            if not silent:
                detail = f"{column} is blank, and the model {_label(version)} tells it by {name}, which is blank too"
                faults.add(blank, column=name, reason=Reason.MISSING, detail=detail)
            lacking = lacking | blank
            if name in typed.columns and values is not None:
                cells = typed[name].cast(pl.String)
                strange = wanting & cells.is_not_null() & ~cells.is_in(sorted(values))
                listed = ", ".join(sorted(values)[:10]) + (", …" if len(values) > 10 else "")
                detail_of = quoted(
                    cells, before="'", after=f"' is nothing that the model {_label(version)} knows, which is to fill {column}: {listed}"
                )
                faults.add(strange, column=name, reason=Reason.UNKNOWN_VALUE, detail=detail_of)
                unknown = unknown | strange
        return lacking.fill_null(value=False), unknown.fill_null(value=False)

    def _version(self, name: str) -> ModelVersion | None:
        return referenced_version(self.session, self.models[name]) if name in self.models else None

    def _note(
        self, name: str, filled: pl.DataFrame, version: ModelVersion | None, by_model: pl.Series, others: Mapping[str, pl.Series]
    ) -> None:
        """Count where the cells of a column come from; a cell that is still blank or was refused counts for nothing."""
        column = FILLED[name]
        there = filled[column].is_not_null() if column in filled.columns else by_model & False
        counts = {label: int((mask & there).sum()) for label, mask in others.items()}
        if version is not None:
            counts[_label(version)] = int((by_model & there).sum())
            if counts[_label(version)]:
                self.used[name] = dict(self.models[name])
        self.origins[f"{column}_origin"] = {label: count for label, count in sorted(counts.items()) if count}


def fill_and_check(
    session: Session,
    reader: StoreReader,
    book: pl.DataFrame,
    factor_model: FactorModel,
    models: Mapping[str, Mapping[str, Any]],
    *,
    at: datetime | None,
    default_ccf: float | None = None,
) -> tuple[Checked, Filler]:
    """A book with its blank cells filled, row by row accepted or rejected, and the filler that says what came from where."""
    from crfs.quality.portfolio import validate_portfolio

    filler = Filler(session=session, reader=reader, models=models, at=at, default_ccf=default_ccf)
    # A column of which every cell is blank is filled like one that is not there; one that nobody fills has to be there.
    blanks = [column for name, column in FILLED.items() if column != "ead" and (name in models or column in book.columns)]
    return validate_portfolio(book, factor_model, allow_blank=blanks, default_ccf=default_ccf, fill=filler), filler


def fill_wanted(
    session: Session,
    reader: StoreReader,
    book: pl.DataFrame,
    models: Mapping[str, Mapping[str, Any]],
    *,
    at: datetime | None,
    wanted: Mapping[str, pl.Series],
) -> tuple[pl.DataFrame, Filler]:
    """A book as it came, with those blank cells filled by models that ``wanted`` marks (a mask a column of :data:`FILLED`).

    Other blanks stay: what measures the book says whether it can do without. A given cell stays as it is, right or wrong. A cell that
    is wanted and that a model cannot tell is :class:`InvalidInput` with its place. Where there is no model nothing is filled.
    """
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.checks import Checked, Faults, check_columns
    from crfs.quality.portfolio import blank_cells

    filler = Filler(session=session, reader=reader, models=models, at=at)
    found, problems = book, []
    for name, column in FILLED.items():
        given = int((~blank_cells(book, column)).sum())
        blank = blank_cells(book, column) & wanted[column]
        if name in models and blank.any() and "obligor_id" in book.columns:
            # An obligor defaults as one, so its other rows may say what this one does not.
            mask = blank if name != "pd" else book["obligor_id"].is_in(book.filter(blank)["obligor_id"].implode())
            numbers = mask.arg_true()
            part = book.filter(mask).select(c for c in book.columns if PORTFOLIO.column(c) is not None)
            typed, _ = check_columns(part, PORTFOLIO, allow_blank=("pd_12m", "lgd"))
            faults = Faults(height=part.height)
            filled = {"ead": filler.ead, "lgd": filler.lgd, "pd": filler.pd_12m}[name](part, typed, faults)
            told = Checked(accepted=filled, rejected=faults.table()).problems
            problems += [_moved(problem, numbers) for problem in told]
            for made in (column, "lgd_sd") if name == "lgd" else (column,):
                found = _with_filled(found, made, filled[made], numbers)
        origins = filler.origins.setdefault(f"{column}_origin", {})
        filler.origins[f"{column}_origin"] = {**origins, **({"given": given} if given else {})}
    if problems:
        raise InvalidInput(f"{len(problems)} blank cell(s) cannot be filled; first: {problems[0]}", problems=tuple(problems))
    return found, filler


def _moved(problem: Problem, numbers: pl.Series) -> Problem:
    """A wrong place of some rows of a book as one of the whole book."""
    row = None if problem.row is None else numbers[problem.row - 1] + 1
    return Problem(row=row, column=problem.column, reason=problem.reason, detail=problem.detail)


def _with_filled(book: pl.DataFrame, column: str, values: pl.Series, numbers: pl.Series) -> pl.DataFrame:
    """The book with the values in the blank cells of some rows of a column; text where the column is text, exactly."""
    import polars as pl

    from crfs.quality.portfolio import blank_cells

    given = book[column] if column in book.columns else pl.repeat(None, book.height, dtype=pl.Float64, eager=True).alias(column)
    made: list[float | str | None] = [None] * book.height
    text = given.dtype == pl.String
    for row, value in zip(numbers, values, strict=True):
        made[row] = repr(value) if text and value is not None else value
    spread = pl.Series(column, made, dtype=pl.String if text else pl.Float64)
    blank = blank_cells(book, column) & spread.is_not_null()
    return book.with_columns(spread.zip_with(blank, given if text else given.cast(pl.Float64)).alias(column))


def _predicted(session: Session, version: ModelVersion, typed: pl.DataFrame, rows: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
    """What a model of facilities says of ``rows``; null elsewhere."""
    import polars as pl

    if not rows.any():
        return pl.DataFrame({name: pl.repeat(None, typed.height, dtype=pl.Float64, eager=True) for name in columns})
    numbered = typed.with_row_index("_row").filter(rows)
    found = predict_facilities(session, version, numbered.drop("_row")).select(columns).with_columns(numbered["_row"])
    return (
        pl.DataFrame({"_row": pl.int_range(typed.height, dtype=pl.UInt32, eager=True)})
        .join(found, on="_row", how="left", maintain_order="left")
        .select(columns)
    )


def _values(fits: Iterable[SegmentMeans | None], column: str) -> set[str]:
    """The values of a segment column that a fit has met."""
    met: set[str] = set()
    for means in fits:
        if means is not None and column in means.columns:
            place = means.columns.index(column)
            met |= {segment.path[place] for segment in means.segments if len(segment.path) > place}
    return met


def _require(rows: pl.Series, column: str, faults: Faults) -> None:
    from crfs.credit.schemas import Reason

    faults.add(rows, column=column, reason=Reason.MISSING, detail="the cell is blank; a value is required")


def _text(typed: pl.DataFrame, name: str) -> pl.Series:
    import polars as pl

    return typed[name] if name in typed.columns else pl.repeat(None, typed.height, dtype=pl.String, eager=True)


def filled_in_words(answer: Mapping[str, Any]) -> str | None:
    """Which cells of the book of a run about one its models filled, for people; None where they filled none.

    >>> filled_in_words({"n_facilities": 4, "models": {"pd": {"model": "pd", "version": 1}},
    ...                  "origins": {"lgd_origin": {"given": 4}, "pd_12m_origin": {"given": 1, "pd v1": 3}}})
    'PD of 3 of 4 facilities by pd v1'
    """
    told = []
    for name in ("pd", "lgd", "ead"):
        column, reference = FILLED[name], (answer.get("models") or {}).get(name)
        if reference is None:
            continue
        label = f"{reference['model']} v{reference['version']}"
        count = answer["origins"].get(f"{column}_origin", {}).get(label, 0)
        if count:
            told.append(f"{name.upper()} of {count:,} of {counted(answer['n_facilities'], 'facility', 'facilities')} by {label}")
    return ", ".join(told) or None


def _label(version: ModelVersion) -> str:
    return f"{version.model} v{version.version}"
