"""Reverse stress: which state of the world would cost so much, how far away it is, and what it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.factor_model import FactorModel
from crfs.credit.macro_link import MacroLink, MacroMove
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio
from crfs.risk.arguments import check_flag, check_seed, check_workers, is_whole, shown
from crfs.risk.concentration import notes_on_columns_not_cut
from crfs.risk.cuts import MOST_VALUES, coded, facility_shares
from crfs.risk.names import Names, make_names
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.portfolio import require_exposure
from crfs.risk.ranges import POSITIVE_AMOUNT, number
from crfs.risk.stress.likely_states import LikelyState, greatest_nearby, likely_states
from crfs.risk.stress.mean_loss import FARTHEST, MeanLoss
from crfs.risk.workers import MapTasks, workers

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MOST_MODES = 5
_WORDS = 6
_WORTH_SAYING = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLoss:
    """One value of a tag: its exposure, expected loss, and mean loss in the state; currency units. ``name`` is None where it is blank."""

    by: str
    name: str | None
    ead: float
    el: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelyScenario:
    """A locally most likely state of the systematic factors in which the book loses the given amount on average.

    ``distance`` is how far it is from the middle in standard deviations: Mahalanobis's under the factors' correlation, the normal score of the
    mixing variable counted in. Three probabilities say what that means. ``half_space`` is ``Phi(-distance)``, that of states beyond the plane
    through this one (with one factor: that of losing as much or more); ``second_order`` takes the surface's curvature here into account;
    ``less_likely`` is that of any state farther from the middle than this, good ones included (chi-squared).

    ``factors`` and ``groups`` are the values of the factors and of the groups' composite factors, standard normal beforehand, low is bad.
    Under a t copula ``mixing`` is ``sqrt(W / nu)`` (of the fewest degrees of freedom): all shocks are divided by it, and
    ``mixing_probability`` is that of one no larger; both None under a Gaussian copula. ``cuts`` share the loss out by the book's tags.
    ``macro`` is the most likely combination of macro variables that goes with the state, where a link was given.
    """

    loss: float
    distance: float
    half_space: float
    second_order: float
    less_likely: float
    factors: Mapping[str, float]
    groups: Mapping[str, float]
    mixing: float | None
    mixing_probability: float | None
    cuts: tuple[PartLoss, ...]
    macro: tuple[MacroMove, ...]
    words: str

    def given(self) -> ConditionalFactors:
        """The factors as something certain, for :func:`crfs.risk.stress.stressed_risk`."""
        size = len(self.factors)
        return ConditionalFactors(
            factors=tuple(self.factors),
            mean=tuple(self.factors.values()),
            covariance=((0.0,) * size,) * size,
            notes=(f"reverse stress: {self.words}",),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "loss": self.loss,
            "distance": self.distance,
            "half_space_probability": self.half_space,
            "second_order_probability": self.second_order,
            "less_likely_probability": self.less_likely,
            "factors": dict(self.factors),
            "groups": dict(self.groups),
            "mixing": self.mixing,
            "mixing_probability": self.mixing_probability,
            "cuts": [{"by": c.by, "name": c.name, "ead": c.ead, "el": c.el, "loss": c.loss} for c in self.cuts],
            "macro": [move.to_dict() for move in self.macro],
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseStress:
    """The scenarios in which a book loses ``loss`` on average, the most likely first; currency units.

    ``el`` is the expected loss over all states, ``middle`` the mean loss in the most likely state of all, in which every factor is zero.
    """

    loss: float
    el: float
    middle: float
    scenarios: tuple[LikelyScenario, ...]
    copula: str
    currency: str | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "loss": self.loss,
            "el": self.el,
            "middle": self.middle,
            "scenarios": [scenario.to_dict() for scenario in self.scenarios],
            "copula": self.copula,
            "currency": self.currency,
            "notes": list(self.notes),
        }


def reverse_stress(
    portfolio: pl.DataFrame,
    factor_model: FactorModel,
    *,
    loss: float,
    modes: int = _MOST_MODES,
    link: MacroLink | None = None,
    default_ccf: float | None = None,
    accept_partial: bool = False,
    seed: int = 0,
    map_blocks: MapTasks | None = None,
    threads: int | None = None,
) -> ReverseStress:
    """The most likely states of the systematic factors in which the mean loss of 12 months, E[L | state], is ``loss``.

    Args:
        portfolio: one row a facility, as :func:`crfs.risk.portfolio_risk` takes it.
        loss: currency units, above 0. It is met to about 1e-12 of itself, by every name's conditional default probability.
        modes: at most so many scenarios: each is a local minimum of the distance among all states with that loss, found from many starts
            (gradients at the middle, against each group, along each axis, scattered), none within 0.1 standard deviations of another. Many books have one only.
        link: what the factors mean in macro terms; :func:`crfs.models.satellite.macro_link` makes one of fitted satellite models. Its
            factors are factors or groups of the model.
        default_ccf, accept_partial: as :func:`crfs.risk.portfolio_risk` has them.
        seed: of the scattered starts. The answer has the same bits whatever ``map_blocks`` and ``threads`` are.

    The book's own luck (which names default) and random losses given default are averaged over; only the state is sought. A loss that no
    state within 10 standard deviations brings is :class:`~crfs.errors.InvalidInput`, and the error says what can be reached.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [1.0], "pd_12m": [0.01], "r2": [0.2], "group": ["all"]})
    >>> found = reverse_stress(book, FactorModel.one_factor("all"), loss=14.5525266)
    >>> [(round(s.distance, 5), round(s.half_space, 6), s.words) for s in found.scenarios]
    [(3.09023, 0.001, 'all -3.1 sd')]
    """
    loss = number("loss", loss, POSITIVE_AMOUNT)
    if not is_whole(modes) or modes < 1:
        raise InvalidInput(f"modes is a whole number of scenarios, one or more, not {shown(modes)}", argument="modes")
    check_seed(seed)
    check_flag("accept_partial", accept_partial)
    check_workers(threads=threads, map_blocks=map_blocks)
    checked = validate_portfolio(portfolio, factor_model, default_ccf=default_ccf)
    book = checked.accepted if accept_partial else checked.require_all("portfolio")
    if book.is_empty():
        raise InvalidInput("every row of the book was rejected; nothing is left to stress", problems=checked.problems)
    _check_link(link, factor_model)
    obligors = roll_up(book, factor_model)
    require_exposure(obligors)
    if not obligors.expected_loss.sum() > 0.0:
        raise InvalidInput("the book's expected loss is zero: no state of the world costs anything", argument="portfolio")
    obligors.require_lgd_alone("reverse stress")
    names = make_names(obligors, factor_model)
    with workers(map_blocks, threads) as map_tasks:
        mean, states = _states(names, loss, modes, seed, map_tasks)
    scenarios = tuple(_scenario(state, mean, obligors, factor_model, link) for state in states)
    currencies = book["currency"].drop_nulls() if "currency" in book.columns else pl.Series([], dtype=pl.String)
    middle = names.unit * float(mean.exact(np.zeros((1, mean.dimensions)))[0])
    return ReverseStress(
        loss=loss,
        el=float(obligors.expected_loss.sum()),
        middle=middle,
        scenarios=scenarios,
        copula=factor_model.copula.text,
        currency=currencies[0] if len(currencies) else None,
        notes=(*_notes(loss, middle, len(scenarios), modes, checked.rejected_rows), *notes_on_columns_not_cut(obligors)),
    )


def _states(names: Names, loss: float, modes: int, seed: int, map_tasks: MapTasks) -> tuple[MeanLoss, tuple[LikelyState, ...]]:
    """The states, or what is wrong with the loss."""
    from scipy.special import ndtr

    certain = np.isposinf(names.a)
    still = certain | ((names.b == 0.0) & (names.nu_index[names.kind] < 0))
    fixed = float(np.add.reduce(names.loss[0, still] * ndtr(names.a[still])))
    moving = float(np.add.reduce(names.loss[0, ~still]))
    wanted = loss / names.unit
    if not moving > 0.0:
        raise InvalidInput(
            f"no name follows a factor, so the mean loss is {names.unit * fixed:.10g} in every state; give names r2 above 0",
            argument="loss",
        )
    if wanted >= fixed + moving:
        raise InvalidInput(
            f"the loss of {loss:.10g} is not below lgd x ead of all names that may default, {names.unit * (fixed + moving):.10g}; ask for less",
            argument="loss",
        )
    if wanted <= fixed:
        raise InvalidInput(
            f"the book loses more than {names.unit * fixed:.10g} in every state (what does not depend on the factors); {loss:.10g} is no more",
            argument="loss",
        )
    mean = MeanLoss.of(names, map_tasks=map_tasks)
    found = likely_states(mean, wanted, fixed=fixed, moving=moving, modes=modes, seed=seed)
    if not found:
        toward = 1.0 if wanted > float(mean.exact(np.zeros((1, mean.dimensions)))[0]) else -1.0
        nearest = names.unit * greatest_nearby(mean, toward=toward, seed=seed)
        raise InvalidInput(
            f"no state within {FARTHEST:g} standard deviations has a mean loss of {loss:.10g}; the {'greatest' if toward > 0 else 'least'} found "
            f"there is {nearest:.10g}: ask for {'less' if toward > 0 else 'more'} than that",
            argument="loss",
        )
    return mean, found


def _scenario(state: LikelyState, mean: MeanLoss, obligors: Obligors, factor_model: FactorModel, link: MacroLink | None) -> LikelyScenario:
    from scipy.special import chdtrc, ndtr

    names, root = mean.names, factor_model.root()
    z = np.einsum("ij,j->i", root, state.u[: len(root)])
    factors = dict(zip(factor_model.factors, (float(value) for value in z), strict=True))
    groups = {name: float(np.add.reduce(factor_model.direction(name) * z)) for name in sorted(factor_model.groups)}
    freedom = int(np.count_nonzero(np.square(root).sum(axis=0) > 1e-10)) + bool(names.nus)
    each = np.zeros(len(obligors.names))
    each[names.obligor] = names.unit * mean.of_names(state.u)
    mixing = float(mean.mixing(state.u[None])[names.nus.index(min(names.nus)), 0]) if names.nus else None
    probability = float(ndtr(state.u[-1])) if names.nus else None
    macro = link.most_likely({**groups, **factors}) if link is not None else ()
    return LikelyScenario(
        loss=float(np.add.reduce(each)),
        distance=state.distance,
        half_space=state.half_space,
        second_order=state.second_order,
        less_likely=float(chdtrc(freedom, state.distance**2)),
        factors=factors,
        groups=groups,
        mixing=mixing,
        mixing_probability=probability,
        cuts=_cuts(obligors, each),
        macro=macro,
        words=_words(groups or factors, mixing, macro),
    )


def _cuts(obligors: Obligors, each: FloatArray) -> tuple[PartLoss, ...]:
    owner = obligors.facility_obligor
    loss = each[owner] * facility_shares(obligors)
    el = obligors.pd[owner] * obligors.facility_ead * obligors.facility_lgd
    parts = []
    for tag in obligors.facility_tags:
        values, code = coded(obligors, tag)
        if len(values) > MOST_VALUES:
            continue
        ead, expected, lost = (np.bincount(code, weights=amount, minlength=len(values)) for amount in (obligors.facility_ead, el, loss))
        parts += [
            PartLoss(by=tag, name=value, ead=float(ead[k]), el=float(expected[k]), loss=float(lost[k])) for k, value in enumerate(values)
        ]
    return tuple(parts)


def _words(moves: Mapping[str, float], mixing: float | None, macro: tuple[MacroMove, ...]) -> str:
    """The largest moves: of macro variables where these are known, else of groups (or factors)."""
    if macro:
        said = [f"{m.variable} {m.value:.4g} ({m.deviations:+.1f} sd)" for m in macro[:_WORDS] if abs(m.deviations) >= _WORTH_SAYING]
    else:
        largest = sorted(moves.items(), key=lambda item: (-abs(item[1]), item[0]))
        said = [f"{name} {value:+.1f} sd" for name, value in largest[:_WORDS] if abs(value) >= _WORTH_SAYING]
    if mixing is not None and abs(mixing - 1.0) >= _WORTH_SAYING:
        said.append(f"all shocks times {1.0 / max(mixing, 1e-12):.2g}")
    return ", ".join(said) or "the middle of all states"


def _notes(loss: float, middle: float, found: int, modes: int, rejected: int) -> tuple[str, ...]:
    notes = []
    if loss < middle:
        notes.append(f"the middle of all states already costs {middle:,.10g} on average: these are good states, not bad ones")
    if found < modes:
        notes.append(f"{found} local mode(s) of {modes} asked for: from every start the search ended in one of these")
    if rejected:
        notes.append(f"{rejected} row(s) of the book were rejected and are not in these numbers")
    return tuple(notes)


def _check_link(link: MacroLink | None, factor_model: FactorModel) -> None:
    if link is None:
        return
    if not isinstance(link, MacroLink):
        raise InvalidInput(f"link is a MacroLink, or None, not {link!r:.80}", argument="link")
    lost = [name for name in link.factors if name not in factor_model.factors and name not in factor_model.groups]
    if lost:
        known = ", ".join([*factor_model.factors, *sorted(factor_model.groups)])
        raise InvalidInput(f"the macro link speaks of {', '.join(lost)}; the factor model has {known}", argument="link")
