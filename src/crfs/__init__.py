"""crfs, the Credit Risk Factor Store."""
