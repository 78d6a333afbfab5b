"""The doctor: checks whether an audit would be complete, and says what to do if not."""

__all__ = ["as_json", "checks", "model", "text", "writing"]
