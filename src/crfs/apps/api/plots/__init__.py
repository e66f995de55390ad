"""Plots as SVG, drawn here: no script, no font, no address from elsewhere, and the same bytes for the same numbers."""
