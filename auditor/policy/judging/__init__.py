"""Judging: the documents that a baseline needs, and the verdicts on each scope."""

__all__ = [
    "allowed_groups",
    "assess",
    "derived",
    "groups",
    "judge",
    "lock_inheritance",
    "lock_verifier",
    "members",
    "phone_and_meetings",
    "reads",
]
