"""Judging: the documents that a baseline needs, and the verdicts on each scope."""

__all__ = ["assess", "derived", "judge", "lock_verifier", "phone_and_meetings", "reads"]
