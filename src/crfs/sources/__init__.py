"""Where numbers come from: one module a provider, each in the shape that :mod:`crfs.sources.core` gives."""
