"""The plot of bars: the largest first, whatever the sign; what is below zero is left of it."""

from __future__ import annotations

import re

from crfs.apps.api.plots.bars import bars_plot


def drawn(rows: list[tuple[str, float]]) -> tuple[list[str], list[tuple[float, float]]]:
    """The names from above, and the left and right end of each bar."""
    svg = bars_plot(rows, name="b", title="t", unit="u")
    names = re.findall(r'<text class="label"[^>]*>([^<]+)</text>', svg)
    ends = re.findall(r'<rect class="bar one" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    return names, [(float(x), float(x) + float(width)) for x, width in ends]


def test_bars_of_both_signs_meet_at_zero() -> None:
    names, bars = drawn([("up", 1.0), ("down", -3.0), ("little", -0.5)])
    assert names == ["down", "up", "little"]
    down, up, little = bars
    assert abs(down[1] - up[0]) < 0.02
    assert abs(little[1] - up[0]) < 0.02
    assert abs((down[1] - down[0]) - 3.0 * (up[1] - up[0])) < 0.05


def test_amounts_begin_at_the_names() -> None:
    _, bars = drawn([("a", 2.0), ("b", 1.0)])
    assert [left for left, _ in bars] == [200.0, 200.0]


def test_a_long_name_is_whole_and_within_the_plot_and_the_bars_keep_their_room() -> None:
    name = "us.unemployment_rate_quarterly +1.37 pp"
    names, bars = drawn([(name, 2.0), ("b", 1.0)])
    assert names == [name, "b"]
    left = bars[0][0]
    assert left >= 6.9 * len(name), "letters of 12 pixels are some 6.9 wide"
    _, short = drawn([("a", 2.0), ("b", 1.0)])
    assert abs((bars[0][1] - left) - (short[0][1] - short[0][0])) < 0.02
    assert drawn([("x" * 300, 1.0)])[0][0].endswith("…")


def test_nothing_to_draw_is_no_plot() -> None:
    assert bars_plot([], name="b", title="t", unit="u") == ""
    assert bars_plot([("a", 0.0)], name="b", title="t", unit="u") == ""


def test_an_interval_is_a_whisker_around_the_end_of_its_bar_and_the_rest_has_none() -> None:
    rows = [("a", 4.0), ("b", 2.0), ("c", 1.0), ("d", 1.0)]
    svg = bars_plot(rows, name="b", title="t", unit="u", most=3, intervals={"a": (3.0, 5.0), "b": (1.5, 2.5), "c": (0.5, 1.5)})
    whiskers = [
        tuple(float(x) for x in found) for found in re.findall(r'<line class="whisker" x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"', svg)
    ]
    across = [(left, right) for left, right in whiskers if left != right]
    ends = [float(x) + float(width) for x, width in re.findall(r'<rect class="bar one" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)]
    assert len(across) == 2
    for (left, right), end in zip(across, ends, strict=False):
        assert abs((left + right) / 2.0 - end) < 0.02
    (a, b), unit = across, (ends[0] - 200.0) / 4.0
    assert abs((a[1] - a[0]) - 2.0 * unit) < 0.05
    assert abs((b[1] - b[0]) - 1.0 * unit) < 0.05
    assert "a: 4 (3 to 5); b: 2 (1.5 to 2.5); 2 others: 2" in svg
