"""Whoever takes jobs from the queue takes every kind that a door puts there."""

from __future__ import annotations

from crfs.workflows.book_jobs import JOBS, REPLAY
from crfs.workflows.holders import TAKEN_UP


def test_every_kind_of_run_about_a_book_is_taken_up() -> None:
    assert set(TAKEN_UP) == {*JOBS, REPLAY}
