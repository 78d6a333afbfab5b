"""Use cases: what each command does, without parsing its options or printing its answer."""

__all__ = [
    "announcer",
    "ask",
    "attestations",
    "audit",
    "capture",
    "collection",
    "compare",
    "configuration",
    "connection",
    "controls",
    "credentials",
    "gate",
    "nightly",
    "pseudonyms",
    "retention",
    "runs",
    "selection",
    "signed_runs",
    "storing",
]
