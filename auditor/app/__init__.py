"""Use cases: what each command does, without parsing its options or printing its answer."""

__all__ = [
    "attestations",
    "audit",
    "collection",
    "compare",
    "configuration",
    "connection",
    "controls",
    "credentials",
    "gate",
    "nightly",
    "pseudonyms",
    "runs",
    "selection",
    "signed_runs",
    "storing",
]
