"""The worker door: a process that does what the job ledger has to do (``python -m crfs.apps.worker``)."""
