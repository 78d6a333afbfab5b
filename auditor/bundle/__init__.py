"""The evidence bundle: a signed zip of a run's reports, its evidence and what judged it."""

__all__ = ["verifying", "writing", "zip_writer"]
