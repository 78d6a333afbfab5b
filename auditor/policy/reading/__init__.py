"""Readings: finds values, locks and effective values in the evidence of a scope."""

__all__ = ["effective_value", "explanations", "locks", "lookup"]
