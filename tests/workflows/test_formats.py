"""Tables as bytes: every format gives back the same rows."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crfs.errors import InvalidInput
from crfs.workflows.formats import FORMATS, encoded

TABLE = pl.DataFrame(
    {"valid_time": [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, 12, 30, tzinfo=UTC)], "value": [0.1 + 0.2, None]},
    schema={"valid_time": pl.Datetime("us", "UTC"), "value": pl.Float64},
)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_table_comes_back_as_it_went(file_format: str) -> None:
    body = io.BytesIO(encoded(TABLE, file_format))
    if file_format == "csv":
        read = pl.read_csv(body, schema_overrides={"valid_time": pl.String}).with_columns(
            pl.col("valid_time").str.to_datetime(time_unit="us", time_zone="UTC")
        )
    elif file_format == "json":
        text = pl.read_json(body, schema_overrides={"valid_time": pl.String})
        read = text.with_columns(pl.col("valid_time").str.to_datetime(time_unit="us", time_zone="UTC"))
    else:
        read = pl.read_ipc(body) if file_format == "arrow" else pl.read_parquet(body)
    assert_frame_equal(read, TABLE, check_exact=True)


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="csv, json, arrow, parquet"):
        encoded(TABLE, "xls")
