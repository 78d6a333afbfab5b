"""Runs are judged, compared, signed and gated in one way, whichever command asks."""
