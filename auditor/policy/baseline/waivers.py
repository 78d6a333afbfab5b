"""Waivers and attestations: deviations that people accepted, and facts that people confirmed.

Neither is ever a pass. A waiver covers a deviation until a date; an attestation confirms a fact
that no API shows or that Zoom did not return. Blind spots (`blind_spots`) are applied with them.
Dates are UTC; the expiry day is included.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, model_validator

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import (
    GOES_BEYOND,
    BlindSpotResult,
    BlindSpotState,
    FindingKind,
    ReadError,
    Status,
    Verdict,
    WaiverResult,
    WaiverState,
    WaiverTerms,
    part_label,
)
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.match import Match, NonBlank
from auditor.policy.baseline.match_index import MatchIndex
from auditor.policy.catalogue.operators import goes_further

WARN_DAYS = 14
"""Days before the expiry of a waiver, a blind spot or an attestation when warnings begin."""

ATTESTABLE_CAUSES = frozenset({Cause.ABSENT, Cause.NOT_LICENSED, Cause.UNDOCUMENTED_VALUE})
"""Causes of an unknown that an attestation can resolve. Denied and failed reads stay unknown."""


_MOST_GROUPED = 4_000
"""The cached sets of waivers and attestations, grouped by control."""

Verdicts = tuple[Verdict, ...]


class Waiver(BaseModel):
    """A justified acceptance of a deviation, with an owner and an expiry date. It hides nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    scope: Match
    reason: NonBlank
    owner: NonBlank
    expires: date
    ticket: str = ""
    approved_by: NonBlank | None = None
    setting: str | None = None
    """Only this setting of the control."""
    kind: FindingKind | None = None
    """Only a finding of this kind: `lock` or `value`. Without it, the waiver of a lock also covers
    the value if that deviates later."""
    observed: JsonValue = None
    """The value that is accepted, as a report shows it; one that goes further is not covered.
    None for any value."""

    @property
    def label(self) -> str:
        """`AI-02, lock of chat.ai_quick_reply for group Studio`."""
        parts = self.control, part_label(self.setting, self.kind)
        return f"{', '.join(filter(None, parts))} for {self.scope.label}"

    def concerns(self, verdict: Verdict) -> bool:
        """True if it is about the verdict, regardless of value, status and date."""
        return (
            verdict.control == self.control
            and self.setting in (None, verdict.setting)
            and self.kind in (None, verdict.kind)
        )

    def covers(self, verdict: Verdict) -> bool:
        """True if it concerns the verdict and accepts its value, regardless of status and date.

        A value whose distance from the expected one is unknown is not accepted, unless it is equal.
        """
        if not self.concerns(verdict):
            return False
        return self.observed is None or goes_further(verdict, self.observed) is False


class Attestation(BaseModel):
    """A dated answer by a named person, with evidence, that expires."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    as_expected: bool | None = None
    """Whether the fact is as expected; older files lack it. False is a deviation."""
    statement: NonBlank
    evidence: NonBlank
    by: NonBlank
    on: date
    expires: date
    approved_by: NonBlank | None = None
    scope: Match = Match(level=Level.ACCOUNT)
    setting: str | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> "Attestation":
        if self.expires < self.on:
            raise ValueError(f"it expires on {self.expires}, before it was made on {self.on}.")
        return self

    def covers(self, verdict: Verdict) -> bool:
        """True if it concerns the verdict, regardless of status and date."""
        return verdict.control == self.control and self.setting in (None, verdict.setting)


@dataclass
class WaiversAndAttestations:
    """Applies waivers, attestations and blind spots, and counts what each of them covers.

    Their positions are counted through: the waivers, then the attestations, then the blind spots.
    """

    waivers: Sequence[Waiver]
    attestations: Sequence[Attestation]
    today: date
    blind_spots: Sequence[BlindSpot] = ()
    _waiver_counts: dict[int, int] = field(default_factory=dict)
    _uncertain: set[int] = field(default_factory=set)
    _outgrown: set[int] = field(default_factory=set)
    """Positions of the waivers of another value than the one that deviates."""
    _answering: set[int] = field(default_factory=set)
    """Positions of the attestations that concerned a verdict, whatever the result."""
    _blind: Counter[int] = field(default_factory=Counter)
    """The number of unknown checks and failed reads, by the position of a blind spot."""
    _visible: set[int] = field(default_factory=set)
    """Positions of the blind spots that concerned a verdict with another result than unknown."""
    _grouped: dict[tuple[int, ...], dict[str, list[int]]] = field(default_factory=dict)

    @cached_property
    def _index(self) -> MatchIndex:
        scopes = [waiver.scope for waiver in self.waivers]
        scopes += [attestation.scope for attestation in self.attestations]
        return MatchIndex(scopes + [blind_spot.scope for blind_spot in self.blind_spots])

    @cached_property
    def _first_blind_spot(self) -> int:
        return len(self.waivers) + len(self.attestations)

    def matching(self, scope: Scope, groups: frozenset[str]) -> tuple[int, ...]:
        """The positions of those that match `scope`, ascending."""
        return self._index.matching(scope, groups)

    def apply(self, verdicts: Verdicts, matching: Sequence[int]) -> Verdicts:
        """Apply the matching attestations and waivers to `verdicts`.

        If none applies, the same tuple is returned, so that scopes continue to share it.
        """
        by_control = self._by_control(matching)
        of_any = by_control.get(_ANY_CONTROL, ())
        if not of_any and by_control.keys().isdisjoint(verdict.control for verdict in verdicts):
            return verdicts
        applied = tuple(
            self._apply_to(verdict, (*by_control.get(verdict.control, ()), *of_any))
            if of_any or verdict.control in by_control
            else verdict
            for verdict in verdicts
        )
        unchanged = all(one is other for one, other in zip(verdicts, applied, strict=True))
        return verdicts if unchanged else applied

    def _apply_to(self, verdict: Verdict, positions: Sequence[int]) -> Verdict:
        """Apply the attestation, then the waiver, then the blind spot, to one verdict."""
        first = len(self.waivers)
        if _can_be_attested(verdict):
            answering = [
                p
                for p in positions
                if first <= p < self._first_blind_spot
                and self.attestations[p - first].covers(verdict)
            ]
            self._answering.update(answering)
            verdict = self._attest(verdict, [self.attestations[p - first] for p in answering])
        waivers = [self.waivers[position] for position in positions if position < first]
        for waiver in waivers:
            verdict = self._waive(verdict, waiver)
        if verdict.status is Status.FAIL:
            verdict = self._note_outgrown(verdict, waivers)
        return self._accept_unknown(verdict, positions)

    def count(self, verdicts: Iterable[Verdict], matching: Sequence[int], scopes: int = 1) -> None:
        """Count the waivers and blind spots that match verdicts shared by `scopes` scopes."""
        by_control = self._by_control(matching)
        of_any = by_control.get(_ANY_CONTROL, ())
        for verdict in verdicts:
            for position in (*by_control.get(verdict.control, ()), *of_any):
                if position >= self._first_blind_spot:
                    self._count_blind_spot(verdict, position, scopes)
                elif position < len(self.waivers):
                    self._count_waiver(verdict, position, scopes)

    def _by_control(self, matching: Sequence[int]) -> Mapping[str, Sequence[int]]:
        """The positions in `matching`, grouped by control."""
        key = tuple(matching)
        by_control = self._grouped.get(key)
        if by_control is None:
            if len(self._grouped) >= _MOST_GROUPED:
                self._grouped.clear()
            by_control = self._grouped[key] = {}
            for position in key:
                control = self._at(position).control or _ANY_CONTROL
                by_control.setdefault(control, []).append(position)
        return by_control

    def _at(self, position: int) -> Waiver | Attestation | BlindSpot:
        if position >= self._first_blind_spot:
            return self.blind_spots[position - self._first_blind_spot]
        waivers = len(self.waivers)
        return (
            self.waivers[position] if position < waivers else self.attestations[position - waivers]
        )

    def _count_waiver(self, verdict: Verdict, position: int, scopes: int) -> None:
        waiver = self.waivers[position]
        if not waiver.concerns(verdict):
            return
        if verdict.status is Status.UNKNOWN:
            self._uncertain.add(position)
        elif verdict.status in (Status.FAIL, Status.WAIVED):
            if waiver.covers(verdict):
                self._waiver_counts[position] = self._waiver_counts.get(position, 0) + scopes
            else:
                self._outgrown.add(position)

    def _count_blind_spot(self, verdict: Verdict, position: int, scopes: int) -> None:
        blind_spot = self.blind_spots[position - self._first_blind_spot]
        if not blind_spot.concerns(verdict):
            return
        if verdict.status is Status.UNKNOWN:
            if verdict.cause is blind_spot.cause:
                self._blind[position] += scopes
            elif verdict.cause in _PASSING_CAUSES:
                self._uncertain.add(position)
        elif verdict.status is not Status.NOT_APPLICABLE and not verdict.is_undecided:
            self._visible.add(position)

    def accept_errors(self, errors: Iterable[ReadError]) -> Iterable[ReadError]:
        """Mark the failed reads that a blind spot for their request accepts.

        A failed read may leave no verdict behind: the list of users makes no check unknown if the
        baseline has none at users.
        """
        first = self._first_blind_spot
        for error in errors:
            for position, blind_spot in enumerate(self.blind_spots, start=first):
                if blind_spot.concerns_error(error):
                    self._blind[position] += 0 if self._blind[position] else error.scopes
                    if blind_spot.expires >= self.today:
                        error = replace(error, is_accepted=True)
            yield error

    def is_answering(self, position: int) -> bool:
        """True if the attestation concerned a verdict, or is dated in the future."""
        if self.attestations[position].on > self.today:
            return True
        return len(self.waivers) + position in self._answering

    def waiver_results(
        self,
        assessed: Iterable[str],
        unseen_levels: frozenset[Level] = frozenset(),
        unmatched: Mapping[int, str] = MappingProxyType({}),
        unjudged: frozenset[str] = frozenset(),
    ) -> list[WaiverResult]:
        """The result of each waiver; waivers of controls that were not assessed are omitted.

        `unseen_levels` were not judged or not listed completely: whether a waiver matches there
        is unknown. `unmatched` says, by position, why a waiver names nothing that exists.
        `unjudged` are controls and requests of the account that also rest on unseen levels.
        """
        controls = set(assessed)
        return [
            WaiverResult(
                control=waiver.control,
                scope=waiver.scope.label,
                reason=waiver.reason,
                owner=waiver.owner,
                ticket=waiver.ticket,
                expires=waiver.expires,
                state=self._state(position, waiver, unseen_levels, unmatched, unjudged),
                matched=self._waiver_counts.get(position, 0),
                detail=unmatched.get(position, GOES_BEYOND if position in self._outgrown else ""),
                approved_by=waiver.approved_by or "",
                setting=waiver.setting,
                kind=waiver.kind,
            )
            for position, waiver in enumerate(self.waivers)
            if waiver.control in controls
        ]

    def _state(
        self,
        position: int,
        waiver: Waiver,
        unseen_levels: frozenset[Level],
        unmatched: Mapping[int, str],
        unjudged: frozenset[str],
    ) -> WaiverState:
        if waiver.expires < self.today:
            return WaiverState.EXPIRED
        if position not in self._waiver_counts:
            is_uncertain = (
                position in self._uncertain
                or waiver.scope.levels & unseen_levels
                or waiver.control in unjudged
            )
            unmatched_only = position in unmatched or not is_uncertain
            return WaiverState.UNMATCHED if unmatched_only else WaiverState.UNKNOWN
        soon = waiver.expires - self.today <= timedelta(days=WARN_DAYS)
        return WaiverState.EXPIRING if soon else WaiverState.ACTIVE

    def blind_spot_results(
        self,
        assessed: Iterable[str],
        unseen_levels: frozenset[Level] = frozenset(),
        unmatched: Mapping[int, str] = MappingProxyType({}),
        unjudged: frozenset[str] = frozenset(),
    ) -> list[BlindSpotResult]:
        """The result of each blind spot; those of controls that were not assessed are omitted."""
        controls = set(assessed)
        return [
            BlindSpotResult(
                label=blind_spot.label,
                scope=blind_spot.scope.label,
                cause=blind_spot.cause,
                reason=blind_spot.reason,
                owner=blind_spot.owner,
                ticket=blind_spot.ticket,
                expires=blind_spot.expires,
                state=self._blind_spot_state(
                    position, blind_spot, unseen_levels, unmatched, unjudged
                ),
                matched=self._blind[position],
                control=blind_spot.control,
                request=blind_spot.request,
                setting=blind_spot.setting,
                approved_by=blind_spot.approved_by or "",
                detail=unmatched.get(position - self._first_blind_spot, ""),
                kind=blind_spot.kind,
            )
            for position, blind_spot in enumerate(self.blind_spots, self._first_blind_spot)
            if blind_spot.control is None or blind_spot.control in controls
        ]

    def _blind_spot_state(
        self,
        position: int,
        blind_spot: BlindSpot,
        unseen_levels: frozenset[Level],
        unmatched: Mapping[int, str],
        unjudged: frozenset[str],
    ) -> BlindSpotState:
        if blind_spot.expires < self.today:
            return BlindSpotState.EXPIRED
        if self._blind[position]:
            soon = blind_spot.expires - self.today <= timedelta(days=WARN_DAYS)
            return BlindSpotState.EXPIRING if soon else BlindSpotState.ACTIVE
        if position - self._first_blind_spot in unmatched:
            return BlindSpotState.UNMATCHED
        named = {blind_spot.control, blind_spot.request}
        if position in self._uncertain or blind_spot.scope.levels & unseen_levels:
            return BlindSpotState.UNKNOWN
        if not named.isdisjoint(unjudged):
            return BlindSpotState.UNKNOWN
        is_visible = position in self._visible
        return BlindSpotState.SEEN_AGAIN if is_visible else BlindSpotState.UNMATCHED

    def _accept_unknown(self, verdict: Verdict, positions: Sequence[int]) -> Verdict:
        """Add the terms of the blind spot that covers an unknown verdict and expires last."""
        if verdict.status is not Status.UNKNOWN:
            return verdict
        covering = [
            blind_spot
            for position in positions
            if position >= self._first_blind_spot
            and (blind_spot := self.blind_spots[position - self._first_blind_spot]).cause
            is verdict.cause
            and blind_spot.concerns(verdict)
        ]
        if not covering:
            return verdict
        last = max(covering, key=lambda blind_spot: blind_spot.expires)
        if last.expires < self.today:
            detail = f"The blind spot of {last.owner} expired on {last.expires}. {verdict.detail}"
            return replace(verdict, detail=detail.strip())
        return replace(verdict, blind_spot=_terms(last))

    def _waive(self, verdict: Verdict, waiver: Waiver) -> Verdict:
        if verdict.status is not Status.FAIL or not waiver.covers(verdict):
            return verdict
        if waiver.expires < self.today:
            detail = f"The waiver of {waiver.owner} expired on {waiver.expires}. {verdict.detail}"
            return replace(verdict, detail=detail.strip())
        return replace(verdict, status=Status.WAIVED, waiver=_terms(waiver))

    def _note_outgrown(self, verdict: Verdict, waivers: Iterable[Waiver]) -> Verdict:
        """Say of a deviation that a waiver accepts another value there."""
        for waiver in waivers:
            is_valid = waiver.expires >= self.today
            if is_valid and waiver.concerns(verdict) and not waiver.covers(verdict):
                detail = f"It goes beyond what the waiver of {waiver.owner} accepts."
                return replace(verdict, detail=f"{detail} {verdict.detail}".strip())
        return verdict

    def _attest(self, verdict: Verdict, answers: Sequence[Attestation]) -> Verdict:
        """Apply the newest valid answer; an expired one if none is valid.

        "Not as expected" stays valid until another answer replaces it: an expiry date does not
        show that the deviation ended.
        """
        past = [answer for answer in answers if answer.on <= self.today]
        valid = [
            answer for answer in past if answer.expires >= self.today or answer.as_expected is False
        ]
        if valid:
            newest = max(answer.on for answer in valid)
            return self._with_answer(verdict, [answer for answer in valid if answer.on == newest])
        if past:
            last = max(past, key=lambda answer: answer.expires)
            detail = f"Attested by {_author(last)}; it expired on {last.expires}. {verdict.detail}"
            return replace(verdict, status=Status.ATTESTATION_EXPIRED, detail=detail.strip())
        if answers:
            author = _author(answers[0])
            detail = f"The attestation by {author} is dated in the future. {verdict.detail}"
            return replace(verdict, detail=detail.strip())
        return verdict

    def _with_answer(self, verdict: Verdict, answers: Sequence[Attestation]) -> Verdict:
        """Apply one of several answers of the same day: the worst one counts."""
        answer = min(answers, key=lambda attestation: _WORST_FIRST.index(attestation.as_expected))
        until = f"({_author(answer)}, until {answer.expires})"
        if answer.as_expected is False:
            late = " The answer has expired: look again." if answer.expires < self.today else ""
            detail = (
                f"Somebody looked, and it is not as expected: {answer.statement} {until}. "
                f"Evidence: {answer.evidence.rstrip('.')}.{late}"
            )
            seen = answer.statement if verdict.kind is FindingKind.ATTESTATION else verdict.observed
            return replace(
                verdict,
                status=Status.FAIL,
                cause=None,
                observed=seen,
                detail=detail,
                as_expected=False,
            )
        statement = answer.statement
        if answer.as_expected is None:
            statement = f"Attested, answer not compared with what is expected: {statement}"
        return replace(
            verdict,
            status=Status.ATTESTED,
            detail=f"{statement} {until}",
            as_expected=answer.as_expected,
        )


_WORST_FIRST = (False, None, True)

_PASSING_CAUSES = (Cause.ERROR, Cause.NOT_COLLECTED)
"""Causes that hide tonight what a blind spot covers on other nights."""

_ANY_CONTROL = ""
"""The key of blind spots that name a request or a setting, but no control."""


def _author(attestation: Attestation) -> str:
    approved = f", approved by {attestation.approved_by}" if attestation.approved_by else ""
    return f"{attestation.by} on {attestation.on}{approved}"


def _can_be_attested(verdict: Verdict) -> bool:
    if verdict.kind is FindingKind.ATTESTATION:
        return verdict.status in (Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED)
    return verdict.status is Status.UNKNOWN and verdict.cause in ATTESTABLE_CAUSES


def _terms(entry: Waiver | BlindSpot) -> WaiverTerms:
    return WaiverTerms(
        entry.reason, entry.owner, entry.ticket, entry.expires, entry.approved_by or ""
    )
