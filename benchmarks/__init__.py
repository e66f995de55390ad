"""Benchmarks: one script per user verb, each runnable alone (``python -m benchmarks.startup``), results under ``benchmarks/results``."""
