"""Facts: checks the metadata that a snapshot holds about its run."""

from collections.abc import Iterable, Mapping
from typing import Any

from auditor.evidence import json_values
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import is_moment

MOST_FACTS = 100
LONGEST_FACT = 20_000
"""Characters of a fact that is not a record."""
LONGEST_RECORD = 32 * 1024 * 1024
"""Characters of a record in JSON. The policy of a run may list 10,000 waivers."""
MOST_VALUES = 1_000_000
"""Values in a record."""

_MOMENTS = frozenset(("started_at", "finished_at", "changes_since"))
_RECORDS = frozenset(("judgement", "extent", "api", "use"))
_DEEPEST_RECORD = 30


def check(rows: Iterable[tuple[Any, Any]]) -> None:
    """Check that the rows of the facts have a form that the program writes.

    Raises:
        ValueError: one has not. The text completes "the facts of the run cannot be used: …".
    """
    for number, (name, value) in enumerate(rows):
        if number >= MOST_FACTS:
            raise ValueError("there are too many")
        if type(name) is not str or type(value) is not str or len(name) > LONGEST_FACT:
            raise ValueError("one is not in the form that the program writes")
        if len(value) > (LONGEST_RECORD if name in _RECORDS else LONGEST_FACT):
            raise ValueError(f"{name} is too long")
        if name in _MOMENTS and value and not is_moment(value):
            raise ValueError(f"{name} is not a possible time of a run")
        if name == "depth" and value not in {*Level}:
            raise ValueError("depth is not a level")
        if name in _RECORDS and value:
            try:
                record = json_values.parse(value, values=MOST_VALUES, depth=_DEEPEST_RECORD)
            except ValueError as error:
                raise ValueError(f"{name} cannot be read") from error
            if not isinstance(record, Mapping):
                raise ValueError(f"{name} cannot be read")
