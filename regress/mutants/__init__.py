"""Mutation score: one change at a time in the RTL, and whether the smoke suite sees it. `make mutants`."""
