"""Baselines and organisation files: what is expected of whom, and what was accepted."""
