"""``python -m crfs``: the command line."""

from __future__ import annotations

from crfs.apps.cli import main

if __name__ == "__main__":
    main()
