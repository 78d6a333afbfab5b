"""Fixing: the fewest changes that bring an account to its baseline, and what they would do.

Pure and offline: a plan comes from stored evidence. Nothing in this room sends a request.
"""

__all__ = [
    "changed_evidence",
    "model",
    "page",
    "planner",
    "recorded",
    "requests",
    "results",
    "search",
    "steps",
    "text",
    "titles",
    "what_if",
    "wording",
]
