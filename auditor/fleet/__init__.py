"""Fleets: the accounts of a `fleet.yaml`, and the roll-up of their runs."""

__all__ = [
    "attempts",
    "gate_output",
    "html_output",
    "json_output",
    "loading",
    "model",
    "rollup",
    "sub_accounts",
    "text_output",
    "xlsx_output",
]
