"""The copula: how defaults hang together beyond the correlation of their latent variables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crfs.credit.arrays import finite
from crfs.errors import InvalidInput, naming

_LEAST_NU = 1.0
_MOST_NU = 1e6  # above it nobody can tell it from the Gaussian copula


@dataclass(frozen=True, slots=True, kw_only=True)
class Copula:
    """A Gaussian, a t, or a grouped t copula.

    ``nu``: degrees of freedom; infinite for the Gaussian copula. Under a t copula every latent variable is divided by one common
    ``sqrt(W / nu)``, ``W`` chi-squared with ``nu`` degrees of freedom, so extremes come together: the fewer, the more.
    ``by_group`` gives groups degrees of their own (S. Daul, E. De Giorgi, F. Lindskog and A. McNeil, "The grouped t-copula with an application
    to credit risk", Risk, 2003): their mixing variables are the quantiles of one uniform variable, so they are bad together.

    >>> Copula(nu=6.0).text, Copula().text, Copula(nu=6.0, by_group=(("retail", 20.0),)).of("retail")
    ('t:6', 'gaussian', 20.0)
    """

    nu: float = math.inf
    by_group: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        pairs: object = self.by_group
        if not isinstance(pairs, list | tuple) or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
        ):
            raise InvalidInput(f"by_group is pairs of a group and its degrees of freedom, not {pairs!r:.80}", argument="by_group")
        object.__setattr__(self, "by_group", tuple(map(tuple, pairs)))
        _check_nu(self.nu, "the copula", "nu")
        for name, nu in self.by_group:
            _check_nu(nu, f"group {name!r}", "by_group")

    def of(self, group: str | None) -> float:
        """Degrees of freedom of a group's obligors; infinite where they are Gaussian."""
        return dict(self.by_group).get(group, self.nu) if group is not None else self.nu

    @property
    def text(self) -> str:
        """``gaussian``, ``t:NU`` or ``grouped-t``."""
        if self.by_group and any(nu != self.nu for _, nu in self.by_group):
            return "grouped-t"
        return "gaussian" if self.nu == math.inf else f"t:{self.nu:g}"

    def to_json(self) -> Any:
        """As a ``model.json`` has it."""
        if not self.by_group:
            return self.text
        groups = {name: nu if nu != math.inf else None for name, nu in self.by_group}
        return {"t": self.nu if self.nu != math.inf else None, "groups": groups}


def _check_nu(nu: object, what: str, argument: str) -> None:
    gaussian = isinstance(nu, float) and nu == math.inf
    if not gaussian and not _LEAST_NU <= finite(nu, f"{what}, degrees of freedom", argument) <= _MOST_NU:
        raise InvalidInput(
            f"{what}: degrees of freedom lie within [{_LEAST_NU:g}, {_MOST_NU:g}], not {nu}; for more take 'gaussian'", argument=argument
        )


GAUSSIAN = Copula()


def parse_copula(text: str) -> Copula:
    """The copula that ``text`` names: ``gaussian`` or ``t:NU``.

    >>> parse_copula("t:4").nu
    4.0
    """
    name = text.strip().lower()
    if name == "gaussian":
        return GAUSSIAN
    if name.startswith("t:"):
        try:
            nu = float(name[2:])
        except ValueError:
            nu = math.nan
        if math.isfinite(nu):
            with naming("copula", instead_of="nu"):
                return Copula(nu=nu)
    raise InvalidInput(
        f"copula {text!r} is not known; use 'gaussian', or 't:NU' with its degrees of freedom such as 't:6'", argument="copula"
    )


def read_copula(value: object) -> Copula:
    """The ``copula`` of a ``model.json``: a text, or ``{"t": NU, "groups": {name: NU}}`` where null stands for Gaussian."""
    if isinstance(value, str):
        return parse_copula(value)
    if not isinstance(value, Mapping) or set(value) - {"t", "groups"} or not isinstance(value.get("groups", {}), Mapping):
        raise InvalidInput(
            "copula is a text such as 'gaussian' or 't:6', or an object {\"t\": 6, \"groups\": {name: degrees of freedom}}",
            argument="copula",
        )
    groups = value.get("groups", {})
    with naming("copula", instead_of="nu"), naming("copula", instead_of="by_group"):
        return Copula(
            nu=_nu(value.get("t"), "t"), by_group=tuple(sorted((name, _nu(nu, f"group {name!r}")) for name, nu in groups.items()))
        )


def _nu(value: object, place: str) -> float:
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"copula, {place}: {value!r} is no number of degrees of freedom", argument="copula")
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(f"copula, {place}: the number has too many digits to be one of degrees of freedom", argument="copula") from None
