"""``python -m crfs.apps.api``: the service on this machine, at 127.0.0.1 and nowhere else, since it does not ask who is calling."""

from __future__ import annotations

import os

import uvicorn

if __name__ == "__main__":
    uvicorn.run(
        "crfs.apps.api:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        log_level="warning",
        server_header=False,
    )
