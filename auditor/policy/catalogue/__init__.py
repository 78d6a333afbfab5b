"""The catalogue: controls, what Zoom documents, and the operators that compare values."""

__all__ = [
    "controls",
    "documented",
    "errors",
    "features",
    "files",
    "frameworks",
    "glossary",
    "operators",
    "outcome",
    "parameters",
    "permissiveness",
    "portal",
    "questions",
    "values",
    "word_lists",
    "words",
    "writable",
    "yaml_source",
]
