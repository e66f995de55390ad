"""Valid, knowledge and system time, and the functions that say which row answers a question."""

from crfs.bitemporal.join import answers
from crfs.bitemporal.reader import Reader
from crfs.bitemporal.release import ReleaseCalendar, ReleaseLag, ReleaseRule
from crfs.bitemporal.resolve import as_of, change_points, recorded_by, rows_that_count
from crfs.bitemporal.rows import KnowledgeBasis, RowState, value_columns
from crfs.bitemporal.tenor import Tenor

__all__ = [
    "KnowledgeBasis",
    "Reader",
    "ReleaseCalendar",
    "ReleaseLag",
    "ReleaseRule",
    "RowState",
    "Tenor",
    "answers",
    "as_of",
    "change_points",
    "recorded_by",
    "rows_that_count",
    "value_columns",
]
