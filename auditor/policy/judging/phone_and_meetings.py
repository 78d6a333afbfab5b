"""Evidence of Zoom Phone sites, groups and users, and of meetings.

The account records how completely each of these levels was read. Scopes without a record, because
the level was refused or not read completely, are represented by one placeholder scope, so that
every level is reported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from auditor.evidence.read_plan import COVERAGE_VIEWS, MEETING, NOTICES, PHONE, PHONE_VIEWS, SITE
from auditor.evidence.reading import Cause, JsonValue, Unseen, is_integer
from auditor.evidence.scope import Level, Scope, placeholder_id
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, Outcome, ReadFailure, View

_LEVELS = (
    Level.PHONE_SITE,
    Level.PHONE_GROUP,
    Level.PHONE_USER,
    Level.MEETING,
    Level.WEBINAR,
)

NO_SITES = Unseen(Cause.ABSENT, "Zoom lists no phone sites, and returns this setting nowhere else")


@dataclass(frozen=True)
class PhoneAndMeetings:
    """The evidence of one snapshot at these levels."""

    snapshot: Snapshot
    account: ScopeEvidence
    now: str
    """The time of placeholder outcomes that were never requested: RFC 3339."""

    def evidence(self, reached: Iterable[Level]) -> Iterator[ScopeEvidence]:
        """The evidence at each of the `reached` levels, and placeholders for missing scopes."""
        for level in _LEVELS:
            if level in reached:
                yield from self._read(level)
                yield from self._rest(level)

    def _read(self, level: Level) -> Iterator[ScopeEvidence]:
        unlisted: dict[Cause, list[tuple[Scope, ReadFailure]]] = {}
        for evidence in self.snapshot.evidence(level):
            outcome = evidence.outcomes.get(MEETING)
            if level in PHONE_VIEWS:
                yield with_policy(evidence)
            elif evidence.scope.is_placeholder and isinstance(outcome, ReadFailure):
                unlisted.setdefault(outcome.unseen.cause, []).append((evidence.scope, outcome))
            else:
                yield evidence
        for cause, hosts in sorted(unlisted.items()):
            yield _hosts_placeholder(level, cause, hosts)

    def _rest(self, level: Level) -> Iterator[ScopeEvidence]:
        """The placeholders for the scopes of a level without a record."""
        counted = {view: surface for (at, surface), view in COVERAGE_VIEWS.items() if at is level}
        for view, surface in counted.items():
            outcome = self._placeholder_outcome(level, view, surface)
            if outcome is not None:
                views = (PHONE, SITE) if level in PHONE_VIEWS else (View(surface),)
                scope = Scope(level, placeholder_id(), level.plural)
                yield ScopeEvidence(scope, dict.fromkeys(views, outcome), {})

    def _placeholder_outcome(self, level: Level, view: View, surface: str) -> Outcome | None:
        """The outcome of the scopes without a record; None if there are none."""
        outcome = self.account.outcomes.get(view)
        if outcome is None:
            return self._unrequested_level(level)
        if isinstance(outcome, ReadFailure):
            return outcome
        listed, read = _number(outcome.body, "listed"), _number(outcome.body, "read")
        if not listed and surface == NOTICES.surface:
            body: JsonValue = {"answers": [], "silent": 0, "idle": True}
            return Document(body, outcome.source, outcome.observed_at)
        if not listed and level is Level.PHONE_SITE:
            return ReadFailure(NO_SITES, outcome.source, outcome.observed_at)
        if listed > read and surface != NOTICES.surface:  # notices are a sample by design
            detail = f"{listed - read} of {listed} {level.plural} were left out"
            unseen = Unseen(Cause.NOT_COLLECTED, detail)
            return ReadFailure(unseen, outcome.source, outcome.observed_at)
        return None

    def _unrequested_level(self, level: Level) -> Outcome:
        """The outcome of a level that was not read; Zoom Phone may lack a licence."""
        if level in PHONE_VIEWS:
            for phone in self.snapshot.evidence(Level.PHONE_ACCOUNT):
                outcome = phone.outcomes.get(PHONE)
                if isinstance(outcome, ReadFailure):
                    return outcome
        unseen = Unseen(Cause.NOT_COLLECTED, f"the list of {level.plural} was not requested")
        return ReadFailure(unseen, "", self.now)


def coverage(account: ScopeEvidence, reached: Iterable[Level]) -> dict[Level, int]:
    """The number of scopes read per level. Past meetings are a sample and not counted."""
    counts = {}
    for (level, surface), view in COVERAGE_VIEWS.items():
        outcome = account.outcomes.get(view)
        if level in reached and surface != NOTICES.surface and isinstance(outcome, Document):
            counts[level] = _number(outcome.body, "read")
    return counts


def with_policy(evidence: ScopeEvidence) -> ScopeEvidence:
    """The evidence with its settings where the checks look: sites and users have them in `policy`.

    One document answers for the checks of every surface of Zoom Phone.
    """
    level = evidence.scope.level
    view = PHONE_VIEWS[level]
    outcome = evidence.outcomes.get(view)
    if outcome is None:
        return replace(evidence, outcomes={})
    in_policy = level in (Level.PHONE_SITE, Level.PHONE_USER)
    if isinstance(outcome, Document) and in_policy:
        body = outcome.body.get("policy") if isinstance(outcome.body, dict) else None
        outcome = replace(outcome, body=body if isinstance(body, dict) else {})
    digests = {PHONE: evidence.digests[view]} if view in evidence.digests else {}
    outcomes = dict.fromkeys((PHONE, SITE), outcome)
    return replace(evidence, outcomes=outcomes, digests=digests)


def _hosts_placeholder(
    level: Level, cause: Cause, hosts: list[tuple[Scope, ReadFailure]]
) -> ScopeEvidence:
    """One placeholder for the hosts whose meetings could not be listed for the same cause."""
    details = Counter(refusal.unseen.detail for _, refusal in hosts)
    most = max(sorted(details), key=details.__getitem__)
    first = next(refusal for _, refusal in hosts if refusal.unseen.detail == most)
    who = hosts[0][0].label if len(hosts) == 1 else Level.USER.counted(len(hosts))
    scope = Scope(level, placeholder_id(cause), f"{level.plural} of {who}")
    return ScopeEvidence(scope, {MEETING: first}, {})


def _number(body: JsonValue, key: str) -> int:
    value = body.get(key) if isinstance(body, dict) else None
    return value if is_integer(value) else 0
