"""Findings: the result model, and what follows from it (roll-up, exit code)."""

__all__ = [
    "answers",
    "applicability",
    "at_risk",
    "attribution",
    "closing_steps",
    "digest",
    "drift",
    "exit_code",
    "exposure",
    "feature_rules",
    "frameworks",
    "history_summary",
    "inventory",
    "model",
    "questions",
    "rollup",
    "run",
    "sampling",
    "verdict_store",
    "whom",
]
