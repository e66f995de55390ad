"""``crfs ingest``: options that would be left out silently are refused before anything is asked or opened."""

from __future__ import annotations

import re

import pytest

from crfs.apps.cli.program import run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fred", "UNRATE", "--stream", "rates"], "--stream .* does not go with SERIES"),
        (["fred", "--stream", "rates", "--replay", "answers"], "--stream .* does not go with --replay"),
        (["fred", "--stream", "rates", "--since", "2020-01-01", "--until", "2020-02-01"], "--stream .* does not go with --since, --until"),
        (["fred", "--stream", "rates", "--vintages", "latest"], "--stream .* does not go with --vintages"),
        (["fred", "--stream", "rates", "--backfill", "--since", "2020-01-01"], "does not go with --since"),
        (["fred", "--stream", "rates", "--reparse"], "--stream .* does not go with --reparse"),
        (["fred", "UNRATE", "--reparse"], "--reparse reads what has landed already: it does not go with SERIES"),
        (["bureau", "--reparse", "--seed", "0"], "--reparse .* does not go with --seed"),
        (["fred", "--backfill"], "--backfill goes with --stream"),
        (["fred", "--stream", "rates", "--queue"], "--queue goes with --backfill"),
    ],
)
def test_what_would_be_left_out_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ingest", *words]) == 1
    assert re.search(told, capsys.readouterr().err)
