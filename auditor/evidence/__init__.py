"""Evidence: the documents read from Zoom by scope, request and time, or why they are missing."""

__all__ = [
    "diff",
    "errors",
    "export",
    "inflating",
    "json_values",
    "names",
    "operation_log",
    "read_plan",
    "reading",
    "scope",
    "scope_index",
    "snapshot",
    "snapshot_reader",
    "timestamps",
    "view",
]
