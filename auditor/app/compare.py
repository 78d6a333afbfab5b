"""Comparison of two stored runs: what changed, and whether the account or the baseline changed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from auditor.app.audit import EvaluationConfig, NothingSelected, judge
from auditor.app.runs import RunSource
from auditor.collect.carrying import CARRIED
from auditor.errors import AuditorError, ExitCode
from auditor.evidence import diff as documents
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.findings import attribution
from auditor.findings.attribution import Attribution, OperationLog
from auditor.findings.drift import ChangeKind, Drift, FindingChange, FindingState, not_compared
from auditor.findings.model import FindingHistory, FindingKind, LifecycleState, Status
from auditor.plain_text import pluralize
from auditor.policy.catalogue import files, word_lists
from auditor.policy.catalogue.controls import Catalogue, Control
from auditor.policy.catalogue.errors import PolicyError
from auditor.store.batching import batched
from auditor.store.history import History, StoredRun
from auditor.store.series import place
from auditor.store.visibility import ScopeVisibility

_Pair = tuple[FindingState | None, FindingState | None]
"""The state of a finding in the earlier and in the later run."""


class NotComparable(AuditorError):
    """The two runs are unrelated."""

    exit_code = ExitCode.USAGE


BATCH_SIZE = 500
"""Findings per query of the history."""

MAX_CACHED_CHANGES = 5_000
"""Changes kept in memory: a night with few changes is compared once, however often it is read."""

MAX_LOGS = 31
"""Maximum number of runs between the two compared ones whose operation logs are read."""

ACCOUNT_CHANGES = (ChangeKind.REGRESSED, ChangeKind.IMPROVED)
"""Changes made in the account."""

OK_STATUSES = (None, Status.PASS, Status.NOT_APPLICABLE, Status.ATTESTED)
"""Statuses without a problem. A finding that is not reported passed, hence None."""


def classify(before: Status | None, after: Status | None) -> ChangeKind | None:
    """The kind of a change of status; None if it is not a change."""
    if before == after or (before in OK_STATUSES and after in OK_STATUSES):
        return None
    if after is Status.FAIL:
        return ChangeKind.WAIVER_LAPSED if before is Status.WAIVED else ChangeKind.REGRESSED
    if after is Status.UNKNOWN:
        return ChangeKind.NEWLY_UNKNOWN
    if before is Status.FAIL:
        return ChangeKind.WAIVED if after is Status.WAIVED else ChangeKind.IMPROVED
    if before is Status.UNKNOWN and after in OK_STATUSES:
        return ChangeKind.KNOWN_AGAIN
    return ChangeKind.OTHER


@dataclass(frozen=True)
class RunSide:
    """One of the two compared runs."""

    entry: StoredRun
    evidence: Snapshot


@dataclass(frozen=True)
class RunDiff:
    """The changes between two runs, by fingerprint. Streams on every iteration."""

    history: History
    earlier: RunSide
    later: RunSide
    by_baseline: frozenset[str] = field(default_factory=frozenset)
    """Fingerprints of findings that changed with the baseline, not with the account."""
    newly_blind: frozenset[str] = field(default_factory=frozenset)
    """Fingerprints of unknown findings that the later run accepts as blind spots."""
    attribution: Attribution | None = None
    """Names the author of a change that the history does not know."""
    _cached: list[tuple[FindingChange, ...]] = field(init=False, repr=False, default_factory=list)
    """All changes after the first complete iteration, if there are few enough to keep."""

    def __iter__(self) -> Iterator[FindingChange]:
        if self._cached:
            yield from self._cached[0]
            return
        changes: list[FindingChange] = []
        for batch in batched(self._status_changes(), BATCH_SIZE):
            for change in self._with_history(batch):
                if len(changes) <= MAX_CACHED_CHANGES:
                    changes.append(change)
                yield change
        if len(changes) <= MAX_CACHED_CHANGES:
            self._cached.append(tuple(changes))

    def _status_changes(self) -> Iterator[FindingChange]:
        earlier_visibility, later_visibility = (
            ScopeVisibility(self.earlier.evidence),
            ScopeVisibility(self.later.evidence),
        )
        for before, after in _merge_kind_changes(self._pairs()):
            kind = self._classify(before, after, earlier_visibility, later_visibility)
            if kind is not None:
                yield FindingChange(kind, before, after)

    def _pairs(self) -> Iterator[_Pair]:
        """Findings whose status differs, ordered by fingerprint."""
        with ExitStack() as stack:
            left = stack.enter_context(self.history.finding_states(self.earlier.entry))
            right = stack.enter_context(self.history.finding_states(self.later.entry))
            before, after = next(left, None), next(right, None)
            while before is not None or after is not None:
                if after is None or (before is not None and before.fingerprint < after.fingerprint):
                    yield before, None
                    before = next(left, None)
                elif before is None or after.fingerprint < before.fingerprint:
                    yield None, after
                    after = next(right, None)
                else:
                    if before.status is not after.status:
                        yield before, after
                    before, after = next(left, None), next(right, None)

    def _classify(
        self,
        before: FindingState | None,
        after: FindingState | None,
        earlier_visibility: ScopeVisibility,
        later_visibility: ScopeVisibility,
    ) -> ChangeKind | None:
        state = after or before
        assert state is not None
        kind = classify(before.status if before else None, after.status if after else None)
        if kind is ChangeKind.NEWLY_UNKNOWN and state.fingerprint in self.newly_blind:
            return ChangeKind.NEWLY_BLIND
        if kind in (None, ChangeKind.NEWLY_UNKNOWN):
            return kind
        if (
            after is None
            and not state.scope.is_placeholder
            and later_visibility.was_present(state.scope) is False
        ):
            return ChangeKind.SCOPE_REMOVED
        if (
            before is None
            and not state.scope.is_placeholder
            and earlier_visibility.was_present(state.scope) is False
        ):
            return ChangeKind.SCOPE_ADDED
        if before is None and state.kind is FindingKind.UNCOVERED:
            return ChangeKind.NEWLY_VISIBLE
        if state.fingerprint in self.by_baseline:
            return ChangeKind.BASELINE_CHANGED
        return kind

    def _with_history(self, changes: Iterable[FindingChange]) -> Iterator[FindingChange]:
        """Add the history and the author of each finding to its change."""
        by_fingerprint = {change.state.fingerprint: change for change in changes}
        pasts = self.history.histories(self.later.entry, by_fingerprint)
        for fingerprint, change in by_fingerprint.items():
            past = pasts.get(fingerprint)
            yield self._attributed(change if past is None else _with_past(change, past))

    def _attributed(self, change: FindingChange) -> FindingChange:
        if self.attribution is None or change.changed_by or change.move not in ACCOUNT_CHANGES:
            return change
        state = replace(change.state, scope=self._full_scope(change.state.scope))
        question = replace(change, after=state) if change.after else replace(change, before=state)
        return replace(change, changed_by=self.attribution.actor(question))

    def _full_scope(self, scope: Scope) -> Scope:
        """The scope with its address and groups, which the history does not store."""
        known = self.later.evidence.has(scope)
        return self.later.evidence.evidence_of(scope).scope if known else scope


def _merge_kind_changes(pairs: Iterable[_Pair]) -> Iterator[_Pair]:
    """Pair a finding that disappeared with one that appeared for the same setting under another
    kind.

    A finding that awaited an attestation has another kind, and so another fingerprint, once it can
    be read or computed. It neither disappeared nor appeared. The merged pairs come last.
    """
    removed: dict[tuple[str, str, str], list[FindingState]] = {}
    added: dict[tuple[str, str, str], list[FindingState]] = {}
    for before, after in pairs:
        state = after if before is None else before
        assert state is not None
        is_attestable = state.kind in (
            FindingKind.ATTESTATION,
            FindingKind.DERIVED,
            FindingKind.LOCK,
        )
        if (
            (before is None or after is None)
            and is_attestable
            and state.scope.level is Level.ACCOUNT
        ):
            group = removed if after is None else added
            group.setdefault((state.control, state.scope.id, state.setting), []).append(state)
        else:
            yield before, after
    for key, states in removed.items():
        for before in states:
            others = added.get(key, [])
            after = next((other for other in others if _is_other_kind(before, other)), None)
            if after is not None:
                others.remove(after)
            if after is None or after.status is not before.status:
                yield before, after
    yield from ((None, after) for others in added.values() for after in others)


def _is_other_kind(one: FindingState, other: FindingState) -> bool:
    """True if exactly one of the two awaits an attestation."""
    return (one.kind is FindingKind.ATTESTATION) is not (other.kind is FindingKind.ATTESTATION)


def _with_past(change: FindingChange, past: FindingHistory) -> FindingChange:
    """A change with the history of its finding. A finding that was only unknown did not regress."""
    was_unknown = change.before is not None and change.before.status is Status.UNKNOWN
    seen_again = was_unknown and past.lifecycle is LifecycleState.PERSISTING
    return replace(
        change,
        move=ChangeKind.KNOWN_AGAIN if seen_again else change.move,
        lifecycle=past.lifecycle,
        changed_by=past.changed_by,
    )


@contextmanager
def open_chosen_comparison(
    source: RunSource, earlier: str | None, later: str | None
) -> Iterator[tuple[Drift, Mapping[str, str]]]:
    """The changes between two runs as `RunSource.pair` chooses them, for the duration of the block.

    With the titles of the controls.

    Raises:
        As `open_comparison`.
    """
    catalogue = files.shipped_catalogue()
    with open_comparison(*source.pair(earlier, later), catalogue) as drift:
        shipped = {control.id: control.title for control in catalogue}
        yield drift, {**shipped, **drift.titles}


@contextmanager
def open_comparison(
    history: History, earlier: StoredRun, later: StoredRun, catalogue: Catalogue
) -> Iterator[Drift]:
    """The changes from one stored run to the other, for the duration of the block.

    Raises:
        NotComparable: the runs are unrelated.
        RunAltered: the evidence of a run differs from what was stored.
        RunNotFound: the evidence of a run no longer exists.
        StoreError: the history cannot be read.
    """
    with ExitStack() as stack:
        sides = []
        for entry in (earlier, later):
            sides.append(RunSide(entry, stack.enter_context(history.verified(entry))))
        before, after = sides
        between = [
            stack.enter_context(evidence)
            for entry in history.between(earlier, later)[-MAX_LOGS:]
            if (evidence := history.evidence(entry.facts.id)) is not None
        ]
        yield compare(history, before, after, catalogue, between)


def compare(
    history: History,
    earlier: RunSide,
    later: RunSide,
    catalogue: Catalogue,
    between: Sequence[Snapshot] = (),
) -> Drift:
    """The changes from one run to the other. The operation logs of the runs `between` them are read
    too.

    Raises:
        NotComparable: the runs belong to different accounts, or to accounts at different places.
        StoreError: the history cannot be read.
    """
    one, other = earlier.entry.facts, later.entry.facts
    if one.account_id != other.account_id:
        raise NotComparable(
            f"Run {one.id} is of account {one.account_id}, run {other.id} of account "
            f"{other.account_id}: there is nothing to compare."
        )
    if place(one.api_url) != place(other.api_url):
        raise NotComparable(
            f"Run {one.id} is of an account at {place(one.api_url)}, run {other.id} of one at "
            f"{place(other.api_url)}: there is nothing to compare."
        )
    changes = RunDiff(history, earlier, later)
    log = attribution.log_reading(*between, later.evidence)
    changes = replace(
        changes,
        by_baseline=_by_baseline(changes, catalogue),
        newly_blind=_newly_blind(changes, catalogue),
        attribution=attribution_between(log, earlier, later),
    )
    diff = documents.compare(earlier.evidence, later.evidence)
    account_changes = [change for change in changes if change.move in ACCOUNT_CHANGES]
    has_actor = [
        change.changed_by is not None
        for change in account_changes
        if change.state.kind in (FindingKind.VALUE, FindingKind.LOCK)
    ]
    computed = sum(change.state.kind is FindingKind.DERIVED for change in account_changes)
    return Drift(
        one,
        other,
        changes,
        settings=diff.settings,
        scopes_added=diff.added,
        scopes_removed=diff.removed,
        notes=(
            *_notes(earlier.entry, later.entry),
            *_not_looked_at_again(later.evidence),
            *not_compared(diff),
        ),
        log=attribution.sentence(log, one.started_at, len(has_actor), sum(has_actor), computed)
        if has_actor
        else "",
        titles={
            control.id: control.title
            for side in (earlier, later)
            for control in _own_controls(side.evidence, catalogue)
        },
    )


def _not_looked_at_again(later: Snapshot) -> Iterator[str]:
    """The people whom the later run carried over, as a sentence."""
    if not later.meta(CARRIED):
        return
    _, carried = later.count_by_age(Level.USER, later.meta("started_at") or "")
    if carried:
        yield (
            f"{pluralize(carried, 'person', 'people')} {'was' if carried == 1 else 'were'} carried "
            "over by the later run, and not looked at again."
        )


def note_actors(history: History, drift: Drift, later: StoredRun) -> None:
    """Store with the findings of a run who caused them, for as long as they persist."""
    actors = {
        change.state.fingerprint: change.changed_by
        for change in drift.of(ChangeKind.REGRESSED)
        if change.changed_by is not None
    }
    if actors:
        history.attribute(later, actors)


def attribution_between(log: OperationLog, earlier: RunSide, later: RunSide) -> Attribution | None:
    """Finds in a log who changed what between two runs; None if it has no entries."""
    if not log.entries:
        return None
    groups = {scope.id: scope.name for scope in later.evidence.scopes(Level.GROUP)}
    window = earlier.entry.facts.started_at, later.entry.facts.finished_at
    return Attribution(log.entries, word_lists.portal_labels().names, window, groups)


def _by_baseline(changes: RunDiff, catalogue: Catalogue) -> frozenset[str]:
    """Findings that the earlier evidence shows as well, if judged by the policy of the later
    run."""
    earlier, later = changes.earlier, changes.later
    if _policy(earlier.evidence) == _policy(later.evidence):
        return frozenset()
    now = {
        change.state.fingerprint: change.after.status if change.after else None
        for change in changes
    }
    if not now:
        return frozenset()
    try:
        before = EvaluationConfig.from_snapshot(earlier.evidence, catalogue)
        after = EvaluationConfig.from_snapshot(later.evidence, catalogue)
        run = judge(earlier.evidence, replace(after, today=before.today))
    except (PolicyError, NothingSelected):
        return frozenset()
    judged_anew: dict[str, Status | None] = dict.fromkeys(now)
    for finding in run.findings():
        if finding.fingerprint in judged_anew:
            judged_anew[finding.fingerprint] = finding.verdict.status
    return frozenset(
        fingerprint for fingerprint, status in now.items() if judged_anew[fingerprint] == status
    )


def _newly_blind(changes: RunDiff, catalogue: Catalogue) -> frozenset[str]:
    """Findings that became unknown, and that the policy of the later run accepts as blind."""
    evidence = changes.later.evidence
    try:
        config = EvaluationConfig.from_snapshot(evidence, catalogue)
        if not config.organisation.blind_spots:
            return frozenset()
        unknown = {
            change.state.fingerprint
            for change in changes
            if change.move is ChangeKind.NEWLY_UNKNOWN
        }
        if not unknown:
            return frozenset()
        run = judge(evidence, config)
    except (PolicyError, NothingSelected):
        return frozenset()
    return frozenset(
        finding.fingerprint
        for finding in run.without_history()
        if finding.verdict.blind_spot is not None and finding.fingerprint in unknown
    )


def _own_controls(evidence: Snapshot, catalogue: Catalogue) -> Iterator[Control]:
    """The controls that the organisation file of a run adds."""
    try:
        extended = EvaluationConfig.from_snapshot(evidence, catalogue).catalogue
    except PolicyError:
        return
    yield from (control for control in extended if control.id not in catalogue.controls)


def _policy(evidence: Snapshot) -> object:
    """The policy that the evidence was judged with, without the date."""
    record = json.loads(evidence.meta("judgement") or "{}")
    return record.get("policy"), record.get("selected")


def _notes(earlier: StoredRun, later: StoredRun) -> Sequence[str]:
    one, other = earlier.facts, later.facts
    notes = []
    if one.tool_version != other.tool_version:
        notes.append(
            f"The earlier run was judged by version {one.tool_version} of the auditor, the later "
            f"by {other.tool_version}: some changes may be the program's."
        )
    if one.baseline.id != other.baseline.id:
        notes.append(
            f"The earlier run was judged by baseline {one.baseline.id}, the later by "
            f"{other.baseline.id}."
        )
    elif one.baseline.digest != other.baseline.digest:
        notes.append(f"The baseline {one.baseline.id} changed between the runs.")
    if one.depth != other.depth:
        notes.append(f"The earlier run looked at depth {one.depth}, the later at {other.depth}.")
    if earlier.selection != later.selection:
        notes.append("The runs assessed different selections of controls.")
    for facts, name in ((one, "earlier"), (other, "later")):
        if not facts.complete:
            notes.append(f"The {name} run is incomplete: what it did not see is unknown.")
    return tuple(notes)
