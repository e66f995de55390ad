"""Watching: rules that make conditions of what is known, and the life of the alerts that they raise. Tables and values in, values out."""
