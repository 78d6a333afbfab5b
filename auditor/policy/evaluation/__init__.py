"""Evaluation: the verdicts of a whole run, new settings, and baselines made or compared."""

__all__ = ["capture", "comparison", "evaluate", "explanation", "inventory", "setting_states"]
