"""The plot of a waterfall: steps begin where the one before ended, what changes nothing is left out, and the same numbers make the same bytes."""

from __future__ import annotations

import re

from crfs.apps.api.plots.waterfall import waterfall_plot


def drawn(base: float, steps: list[tuple[str, float]], total: float) -> str:
    return waterfall_plot(base, steps, total, name="w", title="t", unit="u", ends=("base", "stressed"))


def bars(svg: str) -> list[tuple[float, float]]:
    """Top and bottom of each bar, from above."""
    found = re.findall(r'<rect class="bar [a-z]+" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', svg)
    return [(float(y), float(y) + float(height)) for y, height in found]


def test_each_step_begins_where_the_one_before_ended() -> None:
    base, up, down, total = bars(drawn(100.0, [("PD", 50.0), ("LGD", -30.0)], 120.0))
    assert abs(up[1] - base[0]) < 0.02, "a rise stands on the base"
    assert abs(down[0] - up[0]) < 0.02, "a fall hangs from where the rise ended"
    assert abs(down[1] - total[0]) < 0.02
    assert abs(base[1] - total[1]) < 0.02, "both ends are drawn from nothing"


def test_a_step_of_nothing_is_left_out_and_nothing_at_all_is_no_plot() -> None:
    svg = drawn(100.0, [("PD", 50.0), ("EAD", 0.0)], 150.0)
    assert len(bars(svg)) == 3
    assert "EAD" not in svg
    assert drawn(0.0, [("PD", 0.0)], 0.0) == ""


def test_many_steps_have_a_wider_drawing_so_that_their_names_do_not_touch() -> None:
    steps = [(name, 10.0) for name in ("revisions", "gone", "new", "EAD", "LGD", "PD", "models", "correlation")]
    width = float(re.findall(r'viewBox="0 0 ([\d.]+) ', drawn(100.0, steps, 180.0))[0])
    assert (width - 88.0) / 10 >= 7.0 * len("correlation") * 0.9


def test_the_description_tells_the_numbers_and_words_are_escaped() -> None:
    svg = drawn(1000.0, [("<PD>", 500.0)], 1500.0)
    assert "base 1,000; &lt;PD&gt;: +500; stressed 1,500" in svg
    assert svg == drawn(1000.0, [("<PD>", 500.0)], 1500.0)
