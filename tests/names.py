"""Names of parametrised tests: equal in every process, so that parallel workers agree on them."""


def same_everywhere(value: object) -> str:
    """`str(value)`, with the items of a set in order."""
    return str(sorted(value, key=repr)) if isinstance(value, set | frozenset) else str(value)
