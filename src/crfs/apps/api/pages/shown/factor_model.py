"""An estimated factor model as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import number, percent
from crfs.apps.api.pages.shown.run import Grid, Shown
from crfs.apps.api.plots.bars import around, bars_plot
from crfs.workflows.common_history import estimated_over

TITLE = "A factor model from histories"
MOST_PAIRS = 24
MOST_ROWS = 100


def page(answer: Mapping[str, Any]) -> Shown:
    """A run that estimated a factor model."""
    found = answer["estimate"]
    names = found["factors"]
    pairs = [(i, j) for i in range(len(names)) for j in range(i)]
    largest = sorted(pairs, key=lambda pair: -abs(found["sample"][pair[0]][pair[1]]))[:MOST_PAIRS]
    title = "Correlations in the sample" if len(pairs) <= MOST_PAIRS else f"The {MOST_PAIRS} largest correlations in the sample"
    plot = bars_plot(
        [(f"{names[j]}, {names[i]}", found["sample"][i][j]) for i, j in largest],
        name="correlations",
        title=title,
        unit="correlation \N{PLUS-MINUS SIGN} 2 standard errors",
        intervals={f"{names[j]}, {names[i]}": around(found["sample"][i][j], 2.0 * found["standard_errors"][i][j]) for i, j in largest},
    )
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Factors", number(len(names)), f"by {answer['frequency']}"),
        ("Shrinkage", number(found["shrinkage"]), "weight of the mean correlation"),
        ("Distance", number(found["distance"]), "moved to be positive semi-definite (Frobenius)"),
    ]
    return Shown(
        title=TITLE,
        lede=f"How {len(names)} systematic factors hang together by their histories, {estimated_over(answer)}; low is bad.",
        cards=cards,
        plots=[(plot, f"{title}, before shrinkage and repair.")] if plot else [],
        grids=[
            *_matrix(answer["model"]),
            _pairs(found, pairs),
            *_histories(answer.get("histories", {})),
            *_pools(answer.get("default_rates", {})),
            *_groups(answer["model"]),
        ],
        notes=answer["notes"],
    )


def _matrix(model: Mapping[str, Any]) -> list[Grid]:
    """The correlation, where a page can hold it."""
    if len(model["factors"]) > MOST_PAIRS:
        return []
    rows = [(name, [number(value) for value in row]) for name, row in zip(model["factors"], model["correlation"], strict=True)]
    caption = f"As a book is measured with it; copula {model.get('copula', 'gaussian')}."
    return [Grid(title="The model's correlation", head=("factor", *model["factors"]), rows=rows, caption=caption)]


def _pairs(found: Mapping[str, Any], pairs: Sequence[tuple[int, int]]) -> Grid:
    names = found["factors"]
    largest = sorted(pairs, key=lambda pair: -abs(found["sample"][pair[0]][pair[1]]))[:MOST_ROWS]
    caption = "" if len(largest) == len(pairs) else f"The {MOST_ROWS} largest of {len(pairs):,}."
    rows = [
        (
            f"{names[j]}, {names[i]}",
            (number(found["sample"][i][j]), number(found["standard_errors"][i][j]), number(found["observations"][i][j])),
        )
        for i, j in largest
    ]
    head = ("pair", "Correlation", "Standard error", "Periods in common")
    return Grid(title="Each pair in the sample", head=head, rows=rows, caption=caption)


def _histories(spans: Mapping[str, Mapping[str, Any]]) -> list[Grid]:
    """The history of each factor; a run that was kept before they were told has none."""
    rows = [(name, [number(one["periods"]), one["first_period"], one["last_period"]]) for name, one in spans.items()]
    return [Grid(title="The histories", head=("factor", "Periods", "First", "Last"), rows=rows)] if rows else []


def _pools(rates: Mapping[str, Mapping[str, Any]]) -> list[Grid]:
    """What factors that are default rates were counted from."""
    rows = [
        (
            name,
            (
                ", ".join(f"{column} = {value}" for column, value in one["of"].items()) or "all",
                number(one["mean_number"]),
                number(one["defaults"]),
                percent(one["mean_rate"]),
                percent(one["share_of_chance"], 0),
            ),
        )
        for name, one in rates.items()
    ]
    head = ("factor", "Pool", "Mean number", "Defaults", "Mean rate of a period", "Of its variance, chance")
    return [Grid(title="Default rates", head=head, rows=rows, words=(0,))] if rows else []


def _groups(model: Mapping[str, Any]) -> list[Grid]:
    """The weights of the groups, where they are not the factors themselves."""
    groups = model["groups"]
    if all(weights == {name: 1.0} for name, weights in groups.items()):
        return []
    rows = [(name, [number(weights.get(factor, 0.0)) for factor in model["factors"]]) for name, weights in groups.items()]
    return [Grid(title="Weights of the groups", head=("group", *model["factors"]), rows=rows)]
