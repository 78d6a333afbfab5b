"""Merges verdicts if several expectations may apply and it is unknown which."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from auditor.evidence.reading import Unseen
from auditor.findings.model import Status, Verdict


def resolve_conflict(alternatives: list[list[Verdict]], overrides: list[str]) -> Iterator[Verdict]:
    """The verdicts on one control if several equally specific overrides apply.

    If the verdicts agree, the conflict does not matter. Otherwise a person must decide.
    """
    names = " and the ".join(overrides)
    detail = (
        f"Conflicting overrides of equal specificity: the {names}. Make one of them more specific, "
        "or remove it."
    )
    yield from _merge(alternatives, status=Status.NEEDS_DECISION, cause=None, detail=detail)


def resolve_unknown_groups(alternatives: list[list[Verdict]], unseen: Unseen) -> Iterator[Verdict]:
    """The verdicts on one control if it is unknown which overrides apply."""
    detail = (
        "An override for a group may apply here, but the names of the groups could not be read."
    )
    yield from _merge(alternatives, status=Status.UNKNOWN, cause=unseen.cause, detail=detail)


def _merge(alternatives: Sequence[list[Verdict]], **otherwise: Any) -> Iterator[Verdict]:
    """The common verdicts of all alternatives; if they differ, the worst, with `otherwise` set."""
    if len(alternatives) == 1:
        yield from alternatives[0]
        return
    by_key = [{(v.setting, v.kind): v for v in verdicts} for verdicts in alternatives]
    for key in sorted({key for verdicts in by_key for key in verdicts}):
        candidates = [verdicts[key] for verdicts in by_key if key in verdicts]
        worst = min(candidates, key=lambda verdict: verdict.severity.rank)
        if len(candidates) == len(by_key) and len({verdict.status for verdict in candidates}) == 1:
            yield worst
        else:
            yield replace(worst, override="", **otherwise)


class VerdictInterner:
    """Stores equal passes once: most verdicts of most scopes are equal."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Verdict] = {}

    def shared(self, verdict: Verdict) -> Verdict:
        """The verdict, or the first pass equal to it."""
        if verdict.status is not Status.PASS:
            return verdict
        key = (
            *(verdict.control, verdict.kind, verdict.setting, verdict.severity, verdict.source),
            *(repr(verdict.observed), repr(verdict.expected), verdict.detail, verdict.locked),
            *(verdict.decided_by, verdict.changeable_by, verdict.proved_by, verdict.override),
            verdict.allowed_by,
        )
        return self._known.setdefault(key, verdict)
