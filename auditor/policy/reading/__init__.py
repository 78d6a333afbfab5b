"""Readings: finds values, locks and effective values in the evidence of a scope."""
