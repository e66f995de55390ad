"""``crfs portfolio``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crfs.apps.cli.book_options import about_losses, about_the_run
from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import group
from crfs.apps.cli.parameters import Decimals, Names, Pairs, Sizes, Weights


@group("portfolio")
def portfolio() -> None:
    """Books: load, list, VaR and ES, concentration, capital, provisions, stress, reverse stress, sensitivities, what-if, mark-to-market,
    attribution."""


@portfolio.command("load")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--valid-at", metavar="TIME", help="When the book was so; now, if not given. A day means its end.")
@pass_door
def load(door: Door, name: str, file: Path, *, valid_at: str | None) -> None:
    """Keep a book FILE under NAME."""
    from crfs.workflows.books import load_portfolio
    from crfs.workflows.times import as_told, parse_instant, parse_question

    at = None if valid_at is None else parse_question(valid_at, what="valid_at")
    with door.session() as session:
        document = load_portfolio(session, name, file, valid_at=at)
    in_force = as_told(parse_instant(document["valid_time"], what="valid_time"))
    door.lines(document, f"{name}: {document['facilities']:,} facilities, in force from {in_force}, sha256={document['sha256']}")


@portfolio.command("list")
@pass_door
def list_(door: Door) -> None:
    """The newest book under each name."""
    from crfs.workflows.measuring import portfolios
    from crfs.workflows.times import as_told

    with door.session() as session:
        found = portfolios(session)
    if not door.json:
        found = [{**book, "valid_time": as_told(book["valid_time"])} for book in found]
    door.table(
        found, ["portfolio", "valid_time", "facilities", "file_name", "sha256"], empty="No book was loaded: crfs portfolio load NAME FILE"
    )


@portfolio.command("risk")
@click.argument("book", metavar="NAME_OR_FILE")
@about_losses
@click.option(
    "--device",
    metavar="cuda|cuda:N|cpu",
    help="Where PyTorch works on the method plain (pip install 'crfs[gpu]'). No bit of the answer changes.",
)
@about_the_run
@pass_door
def risk(door: Door, book: str, **options: Any) -> None:
    """Expected and unexpected loss, VaR and ES with their errors, concentration and contributions of a book.

    A book with a row that cannot be measured is refused, and every wrong place is named.
    """
    from crfs.apps.cli.reports.risk import show
    from crfs.workflows.measuring import risk as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(session, book, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("concentration")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option("--top", type=int, default=10, show_default=True, help="How many of the largest to list.")
@click.option("--default-ccf", type=float, help="Share of what is undrawn that is drawn at default, where ead has to be made.")
@about_the_run
@pass_door
def concentration(door: Door, book: str, **options: Any) -> None:
    """How a book's exposure is spread over obligors, connected clients, sectors, regions, ratings and other labels."""
    from crfs.apps.cli.reports.concentration import show
    from crfs.workflows.measuring import concentration as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(session, book, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("capital")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option(
    "--approach",
    metavar="advanced|foundation|standardised",
    default="advanced",
    show_default=True,
    help="Of facilities that name none in the column approach.",
)
@click.option("--regime", metavar="basel_iii|basel_ii", help="The parameters of the rules; basel_iii, if not given.")
@click.option("--output-floor", is_flag=True, help="With the floor of 72.5 % of the standardised approaches, which every row then needs.")
@click.option("--floor-on", metavar="DAY", help="The day whose step of the floor's transition holds; after it, if not given.")
@click.option("--floor-path", metavar="basel|eu", help="Whose transition; basel, if not given.")
@click.option("--transitional-cap", is_flag=True, help="Hold what the floor adds to 25 % in the transition.")
@click.option("--no-ratings", is_flag=True, help="Where external ratings are not allowed.")
@click.option("--general-provisions", type=float, help="Of facilities under models, set against their expected loss.")
@click.option("--capital-ratio", type=float, help="Capital over risk-weighted assets; 0.08, if not given.")
@click.option(
    "--exposure-class",
    "classes",
    type=Pairs(),
    multiple=True,
    metavar="[NAME=]CLASS",
    help="Class of facilities that have none in the column exposure_class, by facility type or segment; CLASS alone: of all others. "
    "May be given again.",
)
@about_the_run
@pass_door
def capital(door: Door, book: str, *, no_ratings: bool, classes: tuple[tuple[str, str], ...], **options: Any) -> None:
    """Risk weights, risk-weighted assets, capital and expected loss of a book by the Basel rules.

    A book with a row that cannot be weighed is refused, and every wrong place is named.
    """
    from crfs.apps.cli.reports.capital import show
    from crfs.workflows.measuring import capital as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(
            session,
            book,
            progress=progress,
            ratings_allowed=not no_ratings,
            exposure_classes=dict(classes) or None,
            **options,
        )
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("ecl")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option("--standard", metavar="ifrs9|cecl", default="ifrs9", show_default=True, help="Whose rules.")
@click.option("--policy", metavar="FILE", help="A TOML file: the rule of stages, scenarios with weights, overlays.")
@click.option(
    "--scenario",
    "scenarios",
    type=Weights(),
    multiple=True,
    metavar="NAME=WEIGHT",
    help="A macro scenario and its weight, in place of the policy's; to be given again until the weights sum to 1.",
)
@click.option(
    "--base", metavar="NAME|FILE.toml[#NAME]", help="What they are compared with; the nearest baseline of all of them, if not given."
)
@click.option("--satellite", metavar="FILE.toml", help="Which default rates are explained by which variables; us_credit, if not given.")
@click.option("--stages", metavar="given|found", help="As the book has them, or by the policy's rule; found, where the book has none.")
@click.option("--interest-rate", type=float, help="Effective, a year, of facilities without one.")
@click.option("--expected-life-years", type=float, help="Of facilities without a maturity.")
@click.option("--timing", metavar="exact|start|middle|end", help="When in its period a default is discounted from; exact, if not given.")
@click.option("--period-years", type=float, help="Between two looks at what is owed; 0.25, if not given.")
@click.option("--forecast-years", type=float, help="CECL: how long a forecast is reasonable; 2, if not given.")
@click.option("--reversion-years", type=float, help="CECL: over which it goes back to the long run; 1, if not given.")
@click.option("--discounted", is_flag=True, help="CECL: discount losses at the effective interest rate.")
@click.option("--reporting-date", metavar="DAY", help="On which overlays hold or not; the day of --as-of, if not given.")
@about_the_run
@pass_door
def ecl(door: Door, book: str, *, scenarios: tuple[tuple[str, float], ...], **options: Any) -> None:
    """Stages and expected credit losses of a book by IFRS 9, or its allowance by CECL, to the cent.

    A book with a row that cannot be measured is refused, and every wrong place is named.
    """
    from crfs.apps.cli.reports.ecl import show
    from crfs.workflows.measuring import ecl as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(session, book, progress=progress, scenarios=dict(scenarios), **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("reverse-stress")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option("--loss", type=float, required=True, help="What the book is to lose in 12 months, in its currency.")
@click.option("--factor-model", metavar="FILE", help="model.json, or the name of one that ships with crfs (us_credit).")
@click.option("--copula", metavar="gaussian|t:NU", help="Instead of the factor model's own.")
@click.option(
    "--satellite", metavar="FILE.toml|none", help="What makes macro terms of the states; us_credit, if not given, where it can be fitted."
)
@click.option("--modes", type=int, default=5, show_default=True, help="The most states to tell.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the scattered starts of the search.")
@click.option("--default-ccf", type=float, help="Share of what is undrawn that is drawn at default, where ead has to be made.")
@about_the_run
@pass_door
def reverse_stress(door: Door, book: str, *, loss: float, factor_model: str | None, **options: Any) -> None:
    """The most likely states of the systematic factors in which a book loses a given amount.

    Each is told with its distance, its probability, the moves of factors and groups, the macro variables that most likely go with it, and
    the loss by every cut. A loss that no state
    brings is refused, and what can be reached is said.
    """
    from crfs.apps.cli.reports.reverse_stress import show
    from crfs.workflows.measuring import reverse_stress as search

    with door.session() as session, door.progress() as progress:
        answer = search(session, book, loss, factor_model, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("stress")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option("--scenario", metavar="NAME|FILE.toml[#NAME]", help="The scenario; crfs scenarios list shows the names.")
@click.option("--base", metavar="NAME|FILE.toml[#NAME]", help="What it is compared with; its own baseline, if not given.")
@click.option("--shocks", metavar="FILE.csv", help="The shocks themselves, by segment, in place of a scenario.")
@click.option("--satellite", metavar="FILE.toml", help="Which default rates are explained by which variables; us_credit, if not given.")
@click.option("--at", metavar="DAY|worst", default="worst", show_default=True, help="The period whose shocks are taken.")
@click.option("--balance-sheet", metavar="static|closed", help="Along the path; static, if not given.")
@click.option(
    "--lgd-response",
    metavar="frye_jacobs|none",
    help="How losses given default answer; if not given, frye_jacobs to a scenario, none to shocks.",
)
@click.option("--no-losses", is_flag=True, help="Without loss distributions: expected losses alone.")
@click.option("--conditional", is_flag=True, help="VaR and ES given the scenario's factors too, beside those over all states.")
@click.option("--migration", metavar="grades|FILE.csv", help="Rating migration too: on the book's own grades, or by a transition matrix.")
@click.option(
    "--exposure-class",
    "classes",
    type=Pairs(),
    multiple=True,
    metavar="[NAME=]CLASS",
    help="Capital under stress too: classes as of crfs portfolio capital. May be given again.",
)
@click.option("--policy", metavar="FILE", help="Provisions under stress too: the policy as of crfs portfolio ecl.")
@click.option("--interest-rate", type=float, help="Provisions under stress too: of facilities without a rate.")
@click.option("--expected-life-years", type=float, help="Provisions under stress too: of facilities without a maturity.")
@about_losses
@about_the_run
@pass_door
def stress(door: Door, book: str, *, no_losses: bool, conditional: bool, classes: tuple[tuple[str, str], ...], **options: Any) -> None:
    """A scenario's effect on a book: expected loss, VaR and ES, capital and provisions; base, stressed and the difference.

    Macro paths become default probabilities by regressions that are fitted on the store's history; their errors are shown as a band.
    """
    from crfs.apps.cli.reports.stress import show
    from crfs.workflows.measuring import stress as measure
    from crfs.workflows.stress_questions import provision_options

    provisions = provision_options(**{name: options.pop(name) for name in ("policy", "interest_rate", "expected_life_years")})
    with door.session() as session, door.progress() as progress:
        answer = measure(
            session,
            book,
            progress=progress,
            losses=not no_losses,
            conditional=conditional or None,
            capital={"exposure_classes": dict(classes)} if classes else None,
            ecl=provisions or None,
            **options,
        )
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("sensitivities")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option(
    "--bump",
    "bumps",
    type=Sizes(),
    multiple=True,
    metavar="NAME=SIZE",
    help="pd_relative, pd_probit, lgd_add, ead_relative, ccf_add, r2_relative, macro_deviations, or a macro variable. May be given again.",
)
@click.option(
    "--satellite", metavar="FILE.toml|none", help="What a macro variable does to the book; us_credit, if not given, where it can be fitted."
)
@click.option(
    "--exposure-class",
    "classes",
    type=Pairs(),
    multiple=True,
    metavar="[NAME=]CLASS",
    help="Regulatory capital too: classes as of crfs portfolio capital. May be given again.",
)
@about_losses
@about_the_run
@pass_door
def sensitivities(
    door: Door, book: str, *, bumps: tuple[tuple[str, float], ...], classes: tuple[tuple[str, str], ...], **options: Any
) -> None:
    """What one input moved at a time does to EL, VaR, ES and capital: base, bumped and the difference.

    If nothing is said PD, EAD and R² move by 10 % of themselves, LGD by 5 points, and each macro variable by one of its standard deviations,
    the way that is worse; each also by a tenth of that.
    """
    from crfs.apps.cli.reports.sensitivity import show
    from crfs.workflows.measuring import sensitivities as measure
    from crfs.workflows.portfolio_sensitivity import bumps_of

    with door.session() as session, door.progress() as progress:
        capital = {"exposure_classes": dict(classes)} if classes else None
        answer = measure(session, book, bumps=bumps_of(bumps), capital=capital, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("what-if")
@click.argument("book", metavar="NAME_OR_FILE")
@click.argument("changes", metavar="[CHANGES.csv]", required=False)
@click.option("--remove", metavar="FACILITY_ID", multiple=True, help="A facility that leaves. May be given again.")
@about_losses
@about_the_run
@pass_door
def what_if(door: Door, book: str, changes: str | None, *, factor_model: str | None, remove: tuple[str, ...], **options: Any) -> None:
    """What new, changed or leaving loans do to a book's EL, VaR, ES and capital: before, after and the difference with its error.

    CHANGES has rows like a book's: each comes in, or takes the place of the facility that has its facility_id. Blank cells are filled as
    those of a book.
    """
    from crfs.apps.cli.reports.what_if import show
    from crfs.workflows.measuring import what_if as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(session, book, changes, factor_model, remove=remove or None, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("mark-to-market")
@click.argument("book", metavar="NAME_OR_FILE")
@click.option(
    "--matrix",
    "transition_matrix",
    metavar="FILE.csv",
    required=True,
    help="Transition matrix of 12 months: a column rating and one an end rating, the best first and default last, decimals.",
)
@click.option("--factor-model", metavar="FILE", help="model.json, or the name of one that ships with crfs (us_credit).")
@click.option("--copula", metavar="gaussian|t:NU", help="Instead of the factor model's own.")
@click.option("--periods", type=int, default=1, show_default=True, help="Years to the horizon.")
@click.option("--persistence", type=float, default=0.0, show_default=True, help="Correlation of the factors from one year to the next.")
@click.option(
    "--reference", metavar="now|unchanged", help="What a value is compared with: that of now, if not given, or of an unchanged rating."
)
@click.option("--frequency", type=int, help="Coupons a year; 1, if not given.")
@click.option(
    "--quotes",
    metavar="auto|ice|moodys_daily|moodys_monthly",
    help="Whose credit spreads; the first of these that there are, if not given.",
)
@click.option(
    "--grade",
    "grades",
    type=Pairs(),
    multiple=True,
    metavar="RATING=GRADE",
    help="The agency's grade that a rating of another scale is like. May be given again.",
)
@click.option(
    "--spread",
    "spreads",
    type=Sizes(),
    multiple=True,
    metavar="RATING=SPREAD",
    help="The spread of a rating, a decimal a year, in place of a market's. May be given again.",
)
@click.option("--confidence", "confidences", type=Decimals(), default="0.99,0.999", show_default=True, help="Of VaR and ES.")
@click.option("--method", default="auto", show_default=True, help="auto, names or collapsed.")
@click.option("--rel-tol", type=float, default=0.01, show_default=True, help="Relative standard error at which drawing stops.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same numbers, bit for bit.")
@click.option(
    "--max-scenarios", type=int, default=200_000, show_default=True, help="The most scenarios to draw, in whole blocks, one at least."
)
@click.option(
    "--budget",
    type=float,
    help="The most steps (names x periods x scenarios) that a run may take on; 1e11, if not given. One that may need more is refused before it starts.",
)
@click.option("--default-ccf", type=float, help="Share of what is undrawn that is drawn at default, where ead has to be made.")
@about_the_run
@pass_door
def mark_to_market(
    door: Door,
    book: str,
    *,
    transition_matrix: str,
    factor_model: str | None,
    grades: tuple[tuple[str, str], ...],
    spreads: tuple[tuple[str, float], ...],
    **options: Any,
) -> None:
    """The loss of a book's value by a horizon as ratings migrate, on the Treasury curve and the credit spreads that the store knew at --as-of.

    Every row needs rating, maturity_years and lgd. Losses are positive: the value now, or of an unchanged rating, less that at the horizon.
    """
    from crfs.apps.cli.reports.mark_to_market import show
    from crfs.workflows.measuring import mark_to_market as measure

    with door.session() as session, door.progress() as progress:
        answer = measure(
            session,
            book,
            transition_matrix,
            factor_model,
            grades=dict(grades) or None,
            spreads=dict(spreads) or None,
            progress=progress,
            **options,
        )
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("attribute")
@click.argument("name")
@click.option("--from", "earlier", metavar="TIME", required=True, help="The earlier time; a day means its end.")
@click.option("--to", "later", metavar="TIME", required=True, help="The later one.")
@click.option("--by", "tags", type=Names(), metavar="sector,region", default="none", show_default=True, help="Cuts of every number.")
@click.option("--shapley", is_flag=True, help="Each step the mean over all orders, in place of one order.")
@click.option("--replicates", type=int, default=1, show_default=True, help="Seeds to average over; from 2 on errors are their spread.")
@click.option("--earlier-factor-model", metavar="FILE", help="The earlier time's; --factor-model's, if not given.")
@about_losses
@about_the_run
@pass_door
def attribute(door: Door, name: str, *, earlier: str, later: str, factor_model: str | None, **options: Any) -> None:
    """Why the risk of the book NAME changed between two times: new and gone names, exposures, losses given default, default
    probabilities, models, correlations, and values that were revised.

    Each time has the book in force then, whenever it was loaded, and values and champions as the store had them then, or when that book had
    come in. The steps sum exactly.
    """
    from crfs.apps.cli.reports.attribution import show
    from crfs.workflows.measuring import attribute as explain

    with door.session() as session, door.progress() as progress:
        answer = explain(session, name, earlier, later, factor_model, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))


@portfolio.command("factor-model")
@click.argument("specification", metavar="SPEC.toml", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="model.json", help="Where the factor model is written.")
@click.option("--as-of", metavar="TIME", help="Histories as they were known then. Now, if not given.")
@click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then.")
@click.option("--label", help="A name for the run.")
@pass_door
def factor_model(door: Door, specification: Path, **options: Any) -> None:
    """A factor model whose correlation is estimated from histories in the store, with its errors; repaired where it is none."""
    from crfs.apps.cli.reports.factor_model import show
    from crfs.workflows.factor_models import estimate_factor_model

    with door.session() as session, door.progress() as progress:
        answer = estimate_factor_model(session, specification, progress=progress, **options)
    door.answer(answer, lambda screen: show(screen, answer))
