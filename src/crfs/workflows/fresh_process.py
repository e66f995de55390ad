"""A replay in a process of its own, so that nothing this one remembers can be in the answer; ``python -m`` this module is that process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from crfs import errors
from crfs.errors import CrfsError, ServiceUnavailable
from crfs.workflows.session import Session

_SECONDS = 900


def replay_in_fresh_process(session: Session, run_id: str, *, recorded_as_of: str | None = None) -> dict[str, Any]:
    """The JSON form of :class:`crfs.workflows.runs.Replay`, computed by a process that knows only the run's id and where the store is."""
    environment = {**os.environ, "CRFS_ACTOR": session.database.actor}
    request = {
        "run_id": run_id,
        "recorded_as_of": recorded_as_of,
        "data_dir": None if session.data_dir is None else str(session.data_dir),
    }
    if session.data_dir is None:
        # By the environment and not on the command line, which every user of the machine can read.
        environment["CRFS_STORE__URL"] = session.database.url.render_as_string(hide_password=False)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "crfs.workflows.fresh_process"],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServiceUnavailable(f"the replay of {run_id} took longer than {_SECONDS} s and was ended") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise CrfsError(
            f"the process that replays {run_id} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}"
        ) from None
    if "error" in answer:
        raise _ERRORS.get(answer["kind"], CrfsError)(answer["error"])
    return dict(answer)


_ERRORS: dict[str, type[CrfsError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CrfsError) and kind is not errors.QuotaExhausted  # which no replay meets
}
"""What may be raised again here from its text alone, by name."""


def main() -> None:
    """Read the request from standard input, replay, and write the answer."""
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.runs import replay
    from crfs.workflows.session import open_session

    request = json.load(sys.stdin)
    try:
        with open_session(data_dir=request["data_dir"]) as session:
            answer = replay(session, request["run_id"], recorded_as_of=recorded_state(request["recorded_as_of"])).to_dict()
    except CrfsError as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    json.dump(answer, sys.stdout, default=str)


if __name__ == "__main__":
    main()
