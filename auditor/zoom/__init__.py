"""Everything that speaks HTTP to Zoom: read-only, paced, and without keeping a secret."""

__all__ = [
    "auth",
    "bounded_http",
    "client",
    "endpoints",
    "errors",
    "hosts",
    "limits",
    "paging",
    "probe",
    "proxy_checks",
    "responses",
    "retry",
    "scope_names",
    "sub_accounts",
    "transport",
]
