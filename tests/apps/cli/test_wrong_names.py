"""Names that there are not: the program says so, and what there is, before anything is asked."""

from __future__ import annotations

import pytest

from crfs.apps.cli.program import run
from crfs.errors import InvalidInput
from crfs.workflows.streams import stream_key


@pytest.mark.parametrize("command", ["show", "cancel"])
def test_what_is_no_jobs_id_is_told_where_the_ids_are(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", command, "1"]) == 1
    assert "'1' is no job's id, which crfs jobs list shows" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["/claims", "", "/", "fred/"])
def test_half_the_id_of_a_stream_is_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="is no stream; write one like claims or fred/claims"):
        stream_key("fred", name)
