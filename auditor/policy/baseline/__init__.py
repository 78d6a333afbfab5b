"""Baselines and organisation files: what is expected of whom, and what was accepted."""

__all__ = [
    "attestations",
    "baselines",
    "match",
    "match_index",
    "organisation",
    "overrides",
    "references",
    "schemas",
    "serialization",
    "waivers",
    "yaml_edit",
]
