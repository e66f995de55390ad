"""The providers, a module or a package each: it has one constant ``SOURCE``, and imports :mod:`crfs.sources.core`, never another provider."""
