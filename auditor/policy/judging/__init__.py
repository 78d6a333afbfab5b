"""Judging: the documents that a baseline needs, and the verdicts on each scope."""
