"""Baselines and organisation files: what is expected of whom, and what was accepted."""

__all__ = [
    "attestations",
    "baselines",
    "blind_spots",
    "match",
    "match_index",
    "organisation",
    "overrides",
    "own_controls",
    "references",
    "schemas",
    "serialization",
    "waivers",
    "yaml_edit",
]
