"""Fleets: the accounts of a `fleet.yaml`, and the roll-up of their runs."""

__all__ = ["loading", "model"]
