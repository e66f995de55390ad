"""The United States Treasury's daily interest rates: par yields, real yields, bill rates, long-term rates."""

from crfs.sources.providers.treasury.source import SOURCE

__all__ = ["SOURCE"]
