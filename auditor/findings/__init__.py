"""Findings: the result model, and what follows from it (roll-up, exit code)."""
