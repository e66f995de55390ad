"""The Federal Register, and the documents of regulations.gov: rules, proposed rules, notices."""

from crfs.sources.providers.federal_register.source import SOURCE

__all__ = ["SOURCE"]
