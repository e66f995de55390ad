"""Options that several kinds of runs about a book have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from crfs.apps.cli.parameters import Decimals, Names


def about_the_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every kind of run about a book has."""
    for option in (
        click.option("--label", help="A name for the run."),
        click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then."),
        click.option(
            "--as-of",
            metavar="TIME",
            help="The time asked about: the book in force under NAME, and what is known for its blanks. Now, if not given.",
        ),
        click.option(
            "--models", type=Names(), metavar="pd,lgd,ead|none", help="Champions that fill blank cells; all there are, if not given."
        ),
    ):
        function = option(function)
    return function


def about_losses(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a loss distribution."""
    for option in (
        click.option("--default-ccf", type=float, help="Share of what is undrawn that is drawn at default, where ead has to be made."),
        click.option(
            "--budget",
            type=float,
            help="The most evaluations (obligors x scenarios, or names x points of a lattice) that a run may take on; 1e11, if not given. "
            "One that may need more is refused before it starts.",
        ),
        click.option(
            "--max-scenarios", type=int, default=200_000, show_default=True, help="The most scenarios (or points in the factors) to draw."
        ),
        click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same numbers, bit for bit."),
        click.option("--rel-tol", type=float, default=0.005, show_default=True, help="Relative standard error at which drawing stops."),
        click.option(
            "--method",
            default="auto",
            show_default=True,
            help="auto, closed_form, exact, few_names, convolution, collapsed, importance_sampling, thinning, plain; or creditriskplus, "
            "another model of dependence.",
        ),
        click.option("--confidence", "confidences", type=Decimals(), default="0.99,0.999", show_default=True, help="Of VaR and ES."),
        click.option("--copula", metavar="gaussian|t:NU", help="Instead of the factor model's own."),
        click.option("--factor-model", metavar="FILE", help="model.json, or the name of one that ships with crfs (us_credit)."),
    ):
        function = option(function)
    return function
