"""The store: run folders, and the history database with findings and evidence of every run."""

__all__ = [
    "batching",
    "checkpoints",
    "errors",
    "events",
    "filesystem",
    "history",
    "journals",
    "retention",
    "runs",
    "series",
    "visibility",
]
