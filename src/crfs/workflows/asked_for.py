"""The kinds of jobs that somebody waits for: a service takes them from the queue and does them itself, also those that a dead process left.

The one list of them, which imports nothing: the ledger needs the names whenever a store is opened, and the work behind them takes a second to
import (:mod:`crfs.workflows.job_kinds`). Streams and backfills are a worker's, who finds those that a dead one left by their live key.
"""

from __future__ import annotations

BOOK_RUNS = (
    "risk-run",
    "concentration-run",
    "capital-run",
    "ecl-run",
    "stress-run",
    "reverse-stress-run",
    "sensitivity-run",
    "what-if-run",
    "mark-to-market-run",
    "attribution-run",
)
"""Jobs that make a run about a book, each called by the kind of run."""
FACTOR_MODEL_RUN = "factor-model-run"
"""The job that estimates a factor model, which is about no book."""
REPLAY = "replay"
EVALUATION = "alert-evaluation"
ASKED_FOR = (*BOOK_RUNS, FACTOR_MODEL_RUN, REPLAY, EVALUATION)
