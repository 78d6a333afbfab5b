"""Waivers and blind spots written from the findings of a run."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from auditor.app.forecast import JudgedEvidence
from auditor.errors import nearest
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Licence, Scope
from auditor.findings.model import Finding, FindingKind, Severity, Status
from auditor.plain_text import pluralize
from auditor.policy.baseline.match import Match
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.judging.groups import Groups
from auditor.report import wording

MOST_NAMED = 100
"""A waiver names up to this many people or meetings; above, it is for all of them."""


MOST_VALUES = 5
"""A waiver names the value that it accepts, unless more values of a setting deviate."""
MOST_ITEMS = 50
"""A waiver names a value of up to this many items, such as apps or entries of a log."""


@dataclass
class DeviatingPart:
    """The deviations of one kind of one setting of a control."""

    kind: FindingKind
    setting: str
    values: dict[str, tuple[JsonValue, list[Scope]]] = field(default_factory=dict)
    """The observed values as JSON; each with the value itself, and the scopes that have it."""

    def add(self, observed: JsonValue, scope: Scope) -> None:
        """Add a deviation."""
        key = json.dumps(observed, sort_keys=True)
        self.values.setdefault(key, (observed, []))[1].append(scope)

    @property
    def scopes(self) -> list[Scope]:
        """All scopes that deviate."""
        return [scope for _, scopes in self.values.values() for scope in scopes]

    def accepted(self) -> Iterator[tuple[dict[str, Any], list[Scope]]]:
        """The fields of waivers that say what is accepted, each with the scopes to accept it for.

        A switch has one deviating value, and a lock, too: only other values are named.
        """
        named = {"setting": self.setting, "kind": str(self.kind)}
        if not self.has_other_values or self.has_too_many:
            yield named, self.scopes
            return
        for observed, scopes in self.values.values():
            yield {**named, "observed": observed}, scopes

    @property
    def has_other_values(self) -> bool:
        """True if another value could deviate, too: it is no switch."""
        observed = [value for value, _ in self.values.values()]
        is_switch = any(value is None or isinstance(value, bool) for value in observed)
        return self.kind in _OF_A_VALUE and not is_switch

    @property
    def has_too_many(self) -> bool:
        """True if there are too many values to name, or one is too long."""
        observed = [value for value, _ in self.values.values()]
        return len(observed) > MOST_VALUES or any(
            isinstance(value, list | dict) and len(value) > MOST_ITEMS for value in observed
        )


_OF_A_VALUE = (FindingKind.VALUE, FindingKind.USAGE, FindingKind.ATTESTATION)


@dataclass
class Deviating:
    """The deviations of one control."""

    control: str
    severity: Severity
    title: str
    parts: dict[tuple[FindingKind, str], DeviatingPart] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Add a deviation of the control."""
        verdict = finding.verdict
        key = verdict.kind, verdict.setting
        part = self.parts.setdefault(key, DeviatingPart(*key))
        part.add(verdict.observed, finding.scope)

    @property
    def is_unnamed(self) -> bool:
        """True if a waiver cannot name the values that it accepts, and covers later ones, too."""
        return any(part.has_other_values and part.has_too_many for part in self.parts.values())

    @property
    def level_wide(self) -> list[Level]:
        """The levels of its deviations at which a waiver can name nothing, and covers all."""
        levels = {scope.level for part in self.parts.values() for scope in part.scopes}
        return sorted(levels & _UNNAMED, key=lambda level: level.rank)

    @property
    def where(self) -> str:
        """`1 account, 6 groups, 64 people`."""
        scopes = {(scope.level, scope.id) for part in self.parts.values() for scope in part.scopes}
        return wording.levels(Counter(level for level, _ in scopes))


_UNNAMED = frozenset({Level.PHONE_SITE, Level.PHONE_USER, Level.WEBINAR, Level.APP})
"""Levels whose scopes a waiver cannot name: the contract knows groups, users and meetings."""


def _matches(scopes: Sequence[Scope]) -> Iterator[dict[str, Any]]:
    """The scopes of waivers that cover these deviations.

    A group stands for its members if any of them deviates; people outside are named, unless they
    are very many.
    """
    groups = [scope for scope in scopes if scope.level is Level.GROUP]
    ids = {group.id for group in groups}
    people = [scope for scope in scopes if scope.level is Level.USER]
    outside = [person for person in people if ids.isdisjoint(person.group_ids)]
    for level in dict.fromkeys(scope.level for scope in scopes):
        if level not in (Level.GROUP, Level.USER):
            yield _match_at(level, [scope for scope in scopes if scope.level is level])
    with_members = ids.intersection(group for person in people for group in person.group_ids)
    for members in (True, False):
        names = [each.name or each.id for each in groups if (each.id in with_members) is members]
        if names:
            only_groups = {} if members else {"level": str(Level.GROUP)}
            yield {**only_groups, "group": _one_or_many(names)}
    if len(outside) > MOST_NAMED:
        yield {"level": str(Level.USER)}
    elif outside:
        yield {"user": _one_or_many([person.email or person.id for person in outside])}


def _match_at(level: Level, scopes: Sequence[Scope]) -> dict[str, Any]:
    """The scope of a waiver for meetings or groups of Zoom Phone by name, else for the level."""
    if level is Level.PHONE_GROUP:
        return {"level": str(level), "group": _one_or_many([s.name or s.id for s in scopes])}
    if level is Level.MEETING and len(scopes) <= MOST_NAMED:
        return {"meeting": _one_or_many([scope.id for scope in scopes])}
    return {"level": str(level)}


@dataclass
class UnseenChecks:
    """Unknown checks with one cause."""

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
    parts: dict[tuple[FindingKind, str] | None, list[Scope]] = field(default_factory=dict)
    """The scopes of a control's checks, by kind and setting; those of a request under None."""
    _seen: set[tuple[Level, str]] = field(default_factory=set)

    def add(self, finding: Finding) -> None:
        """Count a check, and its scope once."""
        scope, verdict = finding.scope, finding.verdict
        is_new = (scope.level, scope.id) not in self._seen
        self._seen.add((scope.level, scope.id))
        part = None if self.control is None else (verdict.kind, verdict.setting)
        if is_new or part is not None:
            self.parts.setdefault(part, []).append(scope)
        if is_new:
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
        unlicensed = _unlicensed(self.licences)
        named = ", ".join(f"{self.licences[each]:,} {each}" for each in unlicensed)
        return f"{counted} ({named})" if named else counted

    @property
    def cause_words(self) -> str:
        """The cause, for people."""
        return wording.cause_name(self.cause)


def _unlicensed(licences: Container[Licence | None]) -> list[Licence]:
    return [each for each in Licence if each is not Licence.LICENSED and each in licences]


def _unseen_matches(scopes: Iterable[Scope]) -> Iterator[dict[str, Any]]:
    """The scopes of blind spots that cover unknown checks: one for each level.

    If only people without a licence lack the value, it is for their licences: what Zoom leaves out
    for licensed people later is news.
    """
    licences = {Licence.of(each.licence) for each in scopes if each.level is Level.USER}
    unlicensed = [str(each) for each in _unlicensed(licences)]
    for level in dict.fromkeys(scope.level for scope in scopes):
        if level is Level.USER and len(unlicensed) == len(licences):
            yield {"licence": _one_or_many(unlicensed)}
        else:
            yield {"level": str(level)}


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


def deviations(evidence: JudgedEvidence, *, computed_too: bool = False) -> list[Deviating]:
    """The deviations of the newest run by control, the worst first.

    Computed controls, which follow from others, are left out unless nothing else deviates, or
    `computed_too`: they are waived with what they are computed from.
    """
    rows: dict[str, Deviating] = {}
    computed: dict[str, Deviating] = {}
    for finding in evidence.run.without_history():
        verdict = finding.verdict
        if verdict.status is Status.FAIL:
            title = evidence.run.controls[verdict.control].title
            is_computed = verdict.kind is FindingKind.DERIVED
            row = (computed if is_computed else rows).setdefault(
                verdict.control, Deviating(verdict.control, verdict.severity, title)
            )
            row.add(finding)
    if not computed_too and rows:
        return [*rows.values()]
    return sorted({**computed, **rows}.values(), key=lambda row: (row.severity.rank, row.control))


def chosen_deviations(evidence: JudgedEvidence, controls: Iterable[str]) -> list[Deviating]:
    """The deviations of some controls.

    Raises:
        PolicyError: a control does not exist, or does not deviate.
    """
    known = {row.control.casefold(): row for row in deviations(evidence, computed_too=True)}
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
    row.add(finding)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a control that is asked for: all of it without a setting and a kind."""

    setting: str | None = None
    kind: FindingKind | None = None

    def includes(self, kind: FindingKind, setting: str) -> bool:
        """True if checks of this kind and setting belong to it."""
        return self.setting in (None, setting) and self.kind in (None, kind)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of an entry for this part."""
        setting = {"setting": self.setting} if self.setting else {}
        return setting | ({"kind": str(self.kind)} if self.kind else {})


def waivers(
    evidence: JudgedEvidence,
    rows: Iterable[Deviating],
    scope: dict[str, Any],
    only: Part,
    terms: dict[str, Any],
) -> list[dict[str, Any]]:
    """Entries for the organisation file, one for each kind, setting and value that deviates.

    Without a scope, they are for the scopes that deviate.
    """
    entries = []
    for row in rows:
        found: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for part in row.parts.values():
            if only.includes(part.kind, part.setting):
                for accepted, scopes in part.accepted():
                    if not scope:
                        found += [(accepted, match) for match in _matches(scopes)]
                    elif _is_among(evidence, scope, scopes):
                        found.append((accepted, scope))
        if not found:  # what is named does not deviate: the file is refused with the reason
            everywhere = [each for part in row.parts.values() for each in part.scopes]
            found = [(only.fields, match) for match in ([scope] if scope else _matches(everywhere))]
        entries += [
            {"control": row.control, **accepted, "scope": match, **terms}
            for accepted, match in found
        ]
    return entries


def _is_among(evidence: JudgedEvidence, named: dict[str, Any], scopes: Iterable[Scope]) -> bool:
    """True if the named scope matches one of `scopes`."""
    try:
        match = Match.model_validate(named)
    except ValidationError:
        return False  # the file is refused with the reason
    groups = {group.id: group.name for group in evidence.snapshot.scopes(Level.GROUP)}
    of_groups = Groups({}, groups, ids=frozenset(groups))
    return any(match.matches(scope, of_groups.of(scope)) for scope in scopes)


def blind_spots(
    evidence: JudgedEvidence,
    rows: Iterable[UnseenChecks],
    scope: dict[str, Any],
    only: Part,
    terms: dict[str, Any],
) -> list[dict[str, Any]]:
    """Entries for the organisation file: for a request, or for each setting of a control.

    Without a scope, there is one for each level or its licences.
    """
    entries = []
    for row in rows:
        named = {"control": row.control} if row.control else {"request": row.request}
        requested = {**named, **only.fields}
        found: list[dict[str, Any]] = []
        for part, scopes in row.parts.items():
            if part is not None and not only.includes(*part):
                continue
            if not scope or _is_among(evidence, scope, scopes):
                entry = {**named, "setting": part[1], "kind": str(part[0])} if part else requested
                matches = [scope] if scope else _unseen_matches(scopes)
                found += [{**entry, "scope": match} for match in matches]
        if not found:  # a read that leaves no check unknown, or something that is not unknown
            levels = [{"level": str(level)} for level in row.by_level]
            found = [{**requested, "scope": match} for match in ([scope] if scope else levels)]
        entries += [{**entry, "cause": str(row.cause), **terms} for entry in found]
    return entries


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
