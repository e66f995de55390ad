"""How defaults hang together in a run, in the words that screens and pages share."""

from __future__ import annotations

SECTORS = "creditriskplus"
"""The method that draws nothing and has gamma sectors in place of the copula."""


def dependence(method: str, copula: str) -> str:
    """The model of dependence that numbers rest on.

    >>> dependence("auto", "gaussian"), dependence("creditriskplus", "gaussian")
    ('gaussian copula', 'gamma sectors matched to the gaussian copula')
    """
    return f"gamma sectors matched to the {copula} copula" if method == SECTORS else f"{copula} copula"
