"""A client of the store in a process of its own, there to be killed: it tells each step on stdout and a deliberate error in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def say(**facts: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(task: dict[str, Any]) -> int:
    """Open the store and do the task: ``packaged``, ``bureau``, ``fred`` (a folder of recordings), or nothing more."""
    from crfs.errors import CrfsError
    from crfs.workflows.session import open_session

    say(step="imported")
    try:
        with open_session(data_dir=task["data_dir"], progress=lambda sentence: say(step=sentence)) as session:
            say(step="open")
            for name, what in task["work"].items():
                say(done=name, **_work(session, name, what).to_dict())
        say(step="closed")
    except CrfsError as error:
        say(error=type(error).__name__, text=str(error))
        return 3
    return 0


def _work(session: Any, name: str, what: Any) -> Any:
    from crfs.sources.core import Query
    from crfs.sources.providers.bureau import BureauSpec
    from crfs.workflows.bureau import ingest_bureau
    from crfs.workflows.ingestion import ingest

    def progress(step: str, done: int, _total: int | None) -> None:
        say(step=f"{step} {done}")

    match name:
        case "packaged":
            return ingest(session, "packaged", Query(series=tuple(what), vintages="all"), progress=progress)
        case "bureau":
            return ingest_bureau(session, BureauSpec(**what), progress=progress)
        case "fred":
            return ingest(session, "fred", Query(), replay=Path(what), progress=progress)
    raise ValueError(name)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
