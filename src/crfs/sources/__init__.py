"""Where numbers come from: :mod:`crfs.sources.providers`, each in the shape that :mod:`crfs.sources.core` gives."""
