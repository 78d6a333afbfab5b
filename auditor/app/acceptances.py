"""Waivers and blind spots written from the findings of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.app.forecast import JudgedEvidence
from auditor.errors import nearest
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Licence, Scope
from auditor.findings.model import Finding, FindingKind, Severity, Status
from auditor.plain_text import pluralize
from auditor.policy.catalogue.errors import PolicyError
from auditor.report import wording

MOST_PEOPLE = 100
"""A waiver names up to this many people; above, it is for a group or for all of them."""


@dataclass
class Deviating:
    """The deviations of one control."""

    control: str
    severity: Severity
    title: str
    settings: set[str] = field(default_factory=set)
    scopes: dict[tuple[Level, str], Scope] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """`1 account, 6 groups, 64 people`."""
        return wording.levels(Counter(scope.level for scope in self.scopes.values()))

    def matches(self) -> Iterator[dict[str, Any]]:
        """The scopes of waivers that cover these deviations, and nothing else of today.

        Groups stand for their members; people outside them are named, unless they are very many.
        """
        groups = [scope for scope in self.scopes.values() if scope.level is Level.GROUP]
        ids = {group.id for group in groups}
        people = [
            scope
            for scope in self.scopes.values()
            if scope.level is Level.USER and ids.isdisjoint(scope.group_ids)
        ]
        for level in dict.fromkeys(scope.level for scope in self.scopes.values()):
            if level not in (Level.GROUP, Level.USER):
                yield {"level": str(level)}
        if groups:
            yield {"group": _one_or_many([group.name or group.id for group in groups])}
        if len(people) > MOST_PEOPLE:
            yield {"level": str(Level.USER)}
        elif people:
            yield {"user": _one_or_many([person.email or person.id for person in people])}


@dataclass
class UnseenChecks:
    """Unknown checks with one cause that one blind spot for each level would accept."""

    cause: Cause
    request: str | None
    """The request that gives no answer, for a read that Zoom refuses."""
    control: str | None
    """The control, for a value that Zoom leaves out."""
    controls: set[str] = field(default_factory=set)
    by_level: Counter[Level] = field(default_factory=Counter)
    """The number of scopes by level."""
    licences: Counter[Licence | None] = field(default_factory=Counter)
    """The number of people by licence."""
    detail: str = ""
    _seen: set[tuple[Level, str]] = field(default_factory=set)

    def add(self, scope: Scope) -> None:
        """Count a scope, once."""
        key = scope.level, scope.id
        if key in self._seen:
            return
        self._seen.add(key)
        self.by_level[scope.level] += 1
        if scope.level is Level.USER:
            self.licences[Licence.of(scope.licence)] += 1

    @property
    def has_checks(self) -> bool:
        """False if it is a failed read that leaves no check unknown."""
        return bool(self._seen)

    @property
    def subject(self) -> str:
        """The request or the control."""
        return self.request or self.control or ""

    @property
    def where(self) -> str:
        """`1 account, 62 people (58 basic)`."""
        counted = wording.levels(self.by_level)
        named = ", ".join(f"{self.licences[each]:,} {each}" for each in self._unlicensed)
        return f"{counted} ({named})" if named else counted

    @property
    def _unlicensed(self) -> list[Licence]:
        return [each for each in Licence if each is not Licence.LICENSED and each in self.licences]

    def matches(self) -> Iterator[dict[str, Any]]:
        """The scopes of blind spots that cover this: one for each level.

        If only people without a licence lack the value, it is for their licences: what Zoom leaves
        out for licensed people later is news.
        """
        for level in self.by_level:
            licences = [str(each) for each in self._unlicensed]
            if level is Level.USER and len(licences) == len(self.licences):
                yield {"licence": _one_or_many(licences)}
            else:
                yield {"level": str(level)}

    @property
    def cause_words(self) -> str:
        """The cause, for people."""
        return wording.cause_name(self.cause)


_NAMED_IN_PATHS: Mapping[str, tuple[Level, Level]] = {
    "{groupId}": (Level.GROUP, Level.PHONE_GROUP),
    "{userId}": (Level.USER, Level.PHONE_USER),
    "{siteId}": (Level.PHONE_SITE, Level.PHONE_SITE),
    "{meetingId}": (Level.MEETING, Level.MEETING),
    "{webinarId}": (Level.WEBINAR, Level.WEBINAR),
}
"""What a request names, to the level of its document, and that in Zoom Phone."""


def _level_of(request: str) -> Level:
    """The level of the scopes that a request is about: `GET /groups/{groupId}/settings`."""
    named = [levels for name, levels in _NAMED_IN_PATHS.items() if name in request]
    return named[0][" /phone/" in request] if named else Level.ACCOUNT


_REFUSED = frozenset({Cause.DENIED, Cause.NOT_LICENSED})
"""Causes for which a whole request has no answer."""


def deviations(evidence: JudgedEvidence) -> list[Deviating]:
    """The deviations of the newest run by control, the worst first, without computed ones."""
    rows: dict[str, Deviating] = {}
    for finding in evidence.run.without_history():
        verdict = finding.verdict
        if verdict.status is Status.FAIL:
            title = evidence.run.controls[verdict.control].title
            row = rows.setdefault(
                verdict.control, Deviating(verdict.control, verdict.severity, title)
            )
            row.settings.add(verdict.setting)
            row.scopes[finding.scope.level, finding.scope.id] = finding.scope
    return [*rows.values()]


def chosen_deviations(evidence: JudgedEvidence, controls: Iterable[str]) -> list[Deviating]:
    """The deviations of some controls.

    Raises:
        PolicyError: a control does not exist, or does not deviate.
    """
    known = {row.control.casefold(): row for row in deviations(evidence)}
    result = []
    for control in controls:
        check_control(evidence, control)
        row = known.get(control.casefold())
        if row is None:
            others = ", ".join(row.control for row in known.values()) or "none"
            raise PolicyError(
                [f"{control} does not deviate in the newest run. Controls that do: {others}."]
            )
        result.append(row)
    return result


def check_control(evidence: JudgedEvidence, control: str) -> None:
    """Check that there is such a control.

    Raises:
        PolicyError: there is not.
    """
    known = evidence.config.catalogue.controls
    if control.casefold() not in {name.casefold() for name in known}:
        raise PolicyError([f'No control is called "{control}".{nearest(control, known)}'])


def unknowns(
    evidence: JudgedEvidence, *, computed_too: bool = False
) -> tuple[list[UnseenChecks], int]:
    """What could not be seen and no blind spot accepts, and the number of other unknown checks.

    Those were not read by this run, or the read failed: another audit may show them. Computed
    controls, most of which follow from others, are left out unless nothing else is unknown, or
    `computed_too`.
    """
    rows: dict[tuple[Cause, str], UnseenChecks] = {}
    computed: dict[tuple[Cause, str], UnseenChecks] = {}
    failed = 0
    for finding in evidence.run.without_history():
        verdict = finding.verdict
        is_open = verdict.status is Status.UNKNOWN and verdict.blind_spot is None
        if not is_open or verdict.cause is None:
            continue
        if verdict.cause in (Cause.ERROR, Cause.NOT_COLLECTED):
            failed += 1
        else:
            _add_unknown(computed if verdict.kind is FindingKind.DERIVED else rows, finding)
    for error in evidence.run.errors:
        if error.cause in _REFUSED and not error.is_accepted:
            request = error.source.partition("?")[0]
            row = rows.setdefault((error.cause, request), UnseenChecks(error.cause, request, None))
            row.controls.update(error.controls)
            if not row.has_checks:
                row.by_level[_level_of(request)] += error.scopes
    if computed_too or not rows:
        rows |= computed
    return [*rows.values()], failed


def _add_unknown(rows: dict[tuple[Cause, str], UnseenChecks], finding: Finding) -> None:
    verdict = finding.verdict
    assert verdict.cause is not None
    request = verdict.source.partition("?")[0]
    by_request = verdict.cause in _REFUSED and request.startswith("GET ")
    key = verdict.cause, request if by_request else verdict.control
    row = rows.setdefault(
        key,
        UnseenChecks(
            verdict.cause,
            request if by_request else None,
            None if by_request else verdict.control,
            detail=verdict.detail,
        ),
    )
    row.controls.add(verdict.control)
    row.add(finding.scope)


def waivers(
    rows: Sequence[Deviating],
    scope: dict[str, Any],
    setting: str | None,
    terms: dict[str, Any],
) -> list[dict[str, Any]]:
    """Entries for the organisation file. Without a scope, they are for the scopes that deviate."""
    return [
        {
            "control": row.control,
            **({"setting": setting} if setting else {}),
            "scope": match,
            **terms,
        }
        for row in rows
        for match in ([scope] if scope else row.matches())
    ]


def blind_spots(
    rows: Sequence[UnseenChecks], scope: dict[str, Any], setting: str | None, terms: dict[str, Any]
) -> list[dict[str, Any]]:
    """Entries for the organisation file. Without a scope, one for each level or its licences."""
    return [
        {
            **({"control": row.control} if row.control else {"request": row.request}),
            **({"setting": setting} if setting else {}),
            "scope": match,
            "cause": str(row.cause),
            **terms,
        }
        for row in rows
        for match in ([scope] if scope else row.matches())
    ]


def chosen_unknowns(
    evidence: JudgedEvidence, control: str | None, request: str | None
) -> list[UnseenChecks]:
    """The unknowns of a control or of a request.

    Raises:
        PolicyError: the control does not exist, or there are none.
    """
    rows, failed = unknowns(evidence, computed_too=True)
    if control is not None:
        check_control(evidence, control)
        folded = control.casefold()
        chosen = [row for row in rows if folded in map(str.casefold, row.controls)]
        name = control
    else:
        chosen = [row for row in rows if row.request == request]
        name = str(request)
    if chosen:
        return chosen
    subjects = [row.subject for row in rows]
    hint = nearest(name, subjects)
    others = ", ".join(subjects) or "nothing"
    extra = f" {unread_hint(failed)}" if failed else ""
    raise PolicyError([f"{name}: nothing is unknown there.{hint} Unknown: {others}.{extra}"])


def unread_hint(count: int) -> str:
    """What to do about checks whose read failed, or which this run did not read."""
    checks = pluralize(count, "check was", "checks were")
    return f"{checks} not read by this run: audit again for those."


def _one_or_many(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names
