"""Alpha Vantage: daily prices, currencies, commodities, company figures, and news with sentiment."""

from crfs.sources.providers.alpha_vantage.source import SOURCE

__all__ = ["SOURCE"]
