"""Check a book of facilities: cells against the schema, then what must agree across columns, rows and the factor model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from numbers import Real

import numpy as np
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.credit.schemas import PORTFOLIO, Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import Checked, Faults, check_columns, column_problems, quoted, require_columns
from crfs.quality.connected_clients import check_connected_clients
from crfs.quality.one_currency import check_one_currency

LOADING = "loading:"
Fill = Callable[[pl.DataFrame, pl.DataFrame, Faults], pl.DataFrame]
"""Fills blank cells of a book: from the table as it came, its typed rows and their faults to rows with ``ead``, ``lgd`` and ``pd_12m``.
Where it cannot tell a cell it notes the fault."""


def validate_portfolio(
    table: pl.DataFrame,
    factor_model: FactorModel,
    *,
    allow_blank: Collection[str] = (),
    default_ccf: float | None = None,
    fill: Fill | None = None,
    part: bool = False,
) -> Checked:
    """Accept or reject each row of a book, with row, column and reason.

    ``table`` has the columns of :data:`crfs.credit.schemas.PORTFOLIO`; cells may be text (a CSV as read) or typed.
    ``allow_blank`` names those of ``pd_12m`` and ``lgd`` that a model will fill later. ``default_ccf`` (decimal, 0 to 1) is the
    credit conversion factor where ``ead`` has to be made of ``drawn`` and ``limit`` and the row has no ``ccf``; with none such a row is rejected.
    ``fill`` completes the rows before they are compared with each other, in place of that rule. ``part`` says that other rows of the book are not
    in the table: of these alone the exposures may sum to zero, as those of facilities that are repaid.

    Accepted rows have every column of the schema that the book has, and always ``ead = drawn + ccf * max(limit - drawn, 0)`` where it was blank.
    Where the book names connected clients, all of them name theirs: an obligor that is connected with nobody, itself.

    >>> book = pl.DataFrame({"facility_id": ["F1", "F2"], "obligor_id": ["A", "B"], "ead": [100.0, -5.0], "lgd": 0.4, "pd_12m": 0.02,
    ...                      "r2": 0.2, "group": "all"})
    >>> checked = validate_portfolio(book, FactorModel.one_factor("all"))
    >>> checked.accepted.height, checked.rejected.rows()
    (1, [(2, 'ead', 'out_of_range', '-5.0 is not within [0, 1e+18]')])
    """
    wrong = sorted(set(allow_blank) - {"pd_12m", "lgd"})
    if wrong:
        raise InvalidInput(f"allow_blank may name pd_12m and lgd, not {', '.join(wrong)}")
    check_default_ccf(default_ccf)
    require_table(table, argument="portfolio")
    require_factor_model(factor_model)
    if table.is_empty():
        detail = "the book has no rows; there is nothing to measure"
        raise InvalidInput(detail, problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail=detail),))
    # At once: a column that is missed may be there under a name that nobody knows.
    require_columns([*column_problems(table.columns, PORTFOLIO, allow_blank=allow_blank), *_lacking_together(table, factor_model)])
    typed, faults = check_columns(table, PORTFOLIO, allow_blank=allow_blank)
    typed = with_ead(table, typed, faults, default_ccf) if fill is None else fill(table, typed, faults)
    _check_lgd_spread(typed, faults)
    _check_directions(table, typed, factor_model, faults)
    _check_obligors_agree(typed, faults)
    typed = check_connected_clients(typed, faults)
    check_one_currency(typed, faults)
    if not part:
        require_exposure(typed)
    return Checked(accepted=typed.filter(~faults.bad), rejected=faults.table())


def check_default_ccf(default_ccf: float | None) -> None:
    """Refuse what is no credit conversion factor in place of ``default_ccf``; None is none.

    >>> check_default_ccf(1.5)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: default_ccf is a decimal within [0, 1], not 1.5
    """
    if default_ccf is not None and not (isinstance(default_ccf, Real) and not isinstance(default_ccf, bool) and 0.0 <= default_ccf <= 1.0):
        raise InvalidInput(f"default_ccf is a decimal within [0, 1], not {default_ccf!r:.80}", argument="default_ccf")


def require_table(table: object, *, argument: str) -> None:
    """Refuse rows that are no polars DataFrame: those of another library, or a mapping, in place of ``argument``.

    >>> require_table({"facility_id": ["F1"]}, argument="portfolio")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: portfolio is a polars.DataFrame, not a dict: polars.DataFrame(...) makes one of columns or rows, polars.from_pandas of pandas'
    """
    if not isinstance(table, pl.DataFrame):
        raise InvalidInput(
            f"{argument} is a polars.DataFrame, not {_article(type(table))}: polars.DataFrame(...) makes one of columns or rows, polars.from_pandas of pandas'",
            argument=argument,
        )


def require_filled(table: object, *, argument: str, numbers: Collection[str] = (), texts: Collection[str] = ()) -> None:
    """Refuse a table in place of ``argument`` that lacks a column of ``numbers`` or of ``texts``, as one that was not checked and filled may.

    >>> require_filled(pl.DataFrame({"pd_12m": ["x"]}), argument="book", numbers=["pd_12m"])
    Traceback (most recent call last):
    crfs.errors.InvalidInput: book: column pd_12m holds String, not numbers
    """
    require_table(table, argument=argument)
    assert isinstance(table, pl.DataFrame)
    absent = [name for name in (*texts, *numbers) if name not in table.columns]
    if absent:
        raise InvalidInput(f"{argument} lacks {', '.join(absent)}", argument=argument)
    for name in numbers:
        if not table.schema[name].is_numeric():
            raise InvalidInput(f"{argument}: column {name} holds {table.schema[name]}, not numbers", argument=argument)
    for name in texts:
        if table.schema[name] not in {pl.String, pl.Null}:
            raise InvalidInput(f"{argument}: column {name} holds {table.schema[name]}, not texts", argument=argument)


def require_factor_model(given: object, *, argument: str = "factor_model") -> None:
    """Refuse what is no factor model in place of ``argument``: nothing, or the content of one."""
    if not isinstance(given, FactorModel):
        raise InvalidInput(
            f"{argument} is a FactorModel, not {_article(type(given))}: FactorModel.from_content(...) makes one of a model.json's content",
            argument=argument,
        )


def _article(kind: type) -> str:
    package = kind.__module__.partition(".")[0]
    return "None" if kind is type(None) else f"a {kind.__name__}" if package == "builtins" else f"a {package}.{kind.__name__}"


def require_exposure(typed: pl.DataFrame) -> None:
    """Refuse a book whose exposures are all known and sum to zero: there is nothing to lose, and nothing to measure.

    >>> require_exposure(pl.DataFrame({"ead": [0.0, None]}))
    """
    if "ead" in typed.columns and not typed["ead"].null_count() and not typed["ead"].sum() > 0.0:
        detail = "the book's exposures sum to zero; there is nothing to lose, and no concentration to speak of"
        raise InvalidInput(detail, problems=(Problem(row=None, column="ead", reason=Reason.OUT_OF_RANGE.value, detail=detail),))


def column_of(typed: pl.DataFrame, name: str) -> pl.Series:
    """A column of numbers; all of it is null where the book has none of that name."""
    return typed[name] if name in typed.columns else pl.repeat(None, typed.height, dtype=pl.Float64, eager=True).alias(name)


def blank_cells(table: pl.DataFrame, name: str) -> pl.Series:
    """Where the cell, as given, holds nothing: a faulty cell is not blank, and is not reported twice."""
    if name not in table.columns:
        return pl.repeat(True, table.height, eager=True)
    series = table[name]
    return series.is_null() | (series.str.strip_chars() == "").fill_null(True) if series.dtype == pl.String else series.is_null()


def _lacking_together(table: pl.DataFrame, factor_model: FactorModel) -> list[Problem]:
    """What columns that go together lack: those of the exposure, and those of the systematic risk."""
    names, problems = table.columns, list[Problem]()

    def need(column: str, detail: str, reason: Reason = Reason.MISSING_COLUMN) -> None:
        problems.append(Problem(row=None, column=column, reason=reason.value, detail=detail))

    if "ead" not in names:
        for column in ("drawn", "limit"):
            if column not in names:
                need(column if "drawn" in names or "limit" in names else "ead", "portfolio needs a column ead, or drawn and limit")
                break
    loadings = [name for name in names if name.startswith(LOADING) and len(name) > len(LOADING)]
    if "r2" not in names and not loadings:
        need("r2", "portfolio needs columns r2 and group, or a column loading:<factor> for each factor")
    if "r2" in names and "group" not in names and not loadings and _follows(table["r2"]):
        need("group", "portfolio has r2 and needs a column group, a direction of the factor model")
    for name in loadings:
        if name.removeprefix(LOADING) not in factor_model.factors:
            detail = f"the factor model has no factor {name.removeprefix(LOADING)!r}; it has {', '.join(factor_model.factors)}"
            need(name, detail, Reason.UNKNOWN_COLUMN)
    return problems


def _follows(r2: pl.Series) -> bool:
    """Whether any row follows the factors, for which it needs a direction; a cell that is no number is told of elsewhere.

    >>> _follows(pl.Series(["0", " 0.0", None])), _follows(pl.Series(["0", "0.1"]))
    (False, True)
    """
    text = r2.str.strip_chars() if r2.dtype == pl.String else r2
    return bool((text.cast(pl.Float64, strict=False) > 0.0).any()) if r2.dtype == pl.String or r2.dtype.is_numeric() else False


def with_ead(
    table: pl.DataFrame,
    typed: pl.DataFrame,
    faults: Faults,
    default_ccf: float | None,
    *,
    predicted: pl.Series | None = None,
    told: pl.Series | None = None,
) -> pl.DataFrame:
    """``typed`` with every blank ``ead`` made; what lacks for it goes to ``faults``.

    It is ``drawn + ccf · max(limit - drawn, 0)`` with the row's own ``ccf``; where that is blank, what a model ``predicted`` (null where it
    said nothing), else the same with ``default_ccf``. Of rows that are ``told`` somebody has noted already what lacks.
    """
    blank = blank_cells(table, "ead")
    if not blank.any():
        return typed
    no_ccf = blank_cells(table, "ccf")
    drawn, limit, ccf, ead = (column_of(typed, name) for name in ("drawn", "limit", "ccf", "ead"))
    undrawn = (limit - drawn).clip(lower_bound=0.0)  # an overdrawn facility has nothing undrawn
    by_model = no_ccf & predicted.is_not_null() if predicted is not None else no_ccf & False
    made = drawn + (ccf if default_ccf is None else ccf.set(no_ccf, default_ccf)) * undrawn
    if predicted is not None:
        made = predicted.zip_with(by_model, made)
    lacking = blank & ~by_model if told is None else blank & ~by_model & ~told
    if "drawn" not in typed.columns or "limit" not in typed.columns:
        detail = "the cell is blank, and there are no columns drawn and limit to make it of"
        faults.add(lacking, column="ead", reason=Reason.MISSING, detail=detail)
    else:
        for name in ("drawn", "limit"):
            faults.add(lacking & blank_cells(table, name), column=name, reason=Reason.MISSING, detail=f"ead is blank, so {name} is needed")
        if default_ccf is None:
            detail = "ead is made of drawn and limit, so a ccf is needed: give the column or a default"
            faults.add(lacking & no_ccf, column="ccf", reason=Reason.MISSING, detail=detail)
    return typed.with_columns(made.zip_with(blank, ead).alias("ead"))


def _check_lgd_spread(typed: pl.DataFrame, faults: Faults) -> None:
    if "lgd_sd" not in typed.columns or "lgd" not in typed.columns:
        return
    # A Beta variable with this mean and sd exists only below this bound.
    impossible = (typed["lgd_sd"] > 0.0) & (typed["lgd_sd"] ** 2 >= typed["lgd"] * (1.0 - typed["lgd"]))
    detail = partial(quoted, typed["lgd_sd"], after=" is too wide: lgd_sd must be below sqrt(lgd * (1 - lgd))")
    faults.add(impossible, column="lgd_sd", reason=Reason.INCONSISTENT, detail=detail)


def _check_directions(table: pl.DataFrame, typed: pl.DataFrame, factor_model: FactorModel, faults: Faults) -> None:
    loadings = [name for name in typed.columns if name.startswith(LOADING)]
    has_loading = ~_all_of((blank_cells(table, name) for name in loadings), typed.height)
    blank_r2, blank_group = blank_cells(table, "r2"), blank_cells(table, "group")
    faults.add(
        has_loading & ~blank_r2,
        column="r2",
        reason=Reason.INCONSISTENT,
        detail="the row has r2 and loadings; loadings say r2 already: blank one of them",
    )
    faults.add(~has_loading & blank_r2, column="r2", reason=Reason.MISSING, detail="the row has neither r2 nor a loading")
    if "group" in typed.columns:
        known = typed["group"].is_in(list(factor_model.groups))
        listed = ", ".join(sorted(factor_model.groups)[:10]) + (", ..." if len(factor_model.groups) > 10 else "")
        detail = partial(quoted, typed["group"], before="'", after=f"' is no group of the factor model, which has {listed or 'none'}")
        faults.add(~blank_group & ~known, column="group", reason=Reason.UNKNOWN_GROUP, detail=detail)
    if "r2" in typed.columns:
        needs_group = ~has_loading & blank_group & (typed["r2"] > 0.0)
        faults.add(needs_group, column="group", reason=Reason.MISSING, detail="r2 is above 0, so the row needs a group to follow")
    if loadings:
        weights = np.zeros((typed.height, len(factor_model.factors)))
        for name in loadings:
            weights[:, factor_model.factors.index(name.removeprefix(LOADING))] = typed[name].fill_null(0.0).to_numpy()
        variance = pl.Series(np.einsum("ij,jk,ik->i", weights, factor_model.correlation_matrix(), weights, optimize=True))
        too_much = has_loading & (variance >= 1.0)
        detail = partial(quoted, variance.round(6), before="the loadings give a systematic variance of ", after="; it must be below 1")
        faults.add(too_much, column=loadings[0], reason=Reason.OUT_OF_RANGE, detail=detail)


def _all_of(masks: Iterable[pl.Series], height: int) -> pl.Series:
    result = pl.repeat(True, height, eager=True)
    for mask in masks:
        result = result & mask
    return result


def _check_obligors_agree(typed: pl.DataFrame, faults: Faults) -> None:
    """An obligor defaults as one, so what drives its default must be the same on all its rows; the first row that says it stands."""
    if not typed["obligor_id"].is_duplicated().any():
        return
    for name in [c for c in typed.columns if c in ("pd_12m", "r2", "group") or c.startswith(LOADING)]:
        # A blank loading is a loading of zero, so it may differ from another row's.
        values = typed[name].fill_null(0.0) if name.startswith(LOADING) else typed[name]
        typed = typed.with_columns(values)
        first = typed.select(pl.col(name).drop_nulls().first().over("obligor_id")).to_series()
        differs = typed["obligor_id"].is_not_null() & typed[name].is_not_null() & (typed[name] != first)
        pairs = pl.DataFrame({"v": typed[name], "f": first, "o": typed["obligor_id"]})
        detail = pairs.select(pl.format("{} differs from {} on another row of obligor '{}'", "v", "f", "o")).to_series()
        faults.add(differs, column=name, reason=Reason.INCONSISTENT, detail=detail)
