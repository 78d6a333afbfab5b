"""A first look: judges what events name at once, and tells channels what got worse.

The audit that follows an event judges, stores and compares everybody, which takes minutes in a
large account. A first look takes seconds: it reads the account and the groups and people that
events name, judges them as the newest run recorded them and as they are now, and compares the two.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from auditor.app.audit import EvaluationConfig, judge, metadata
from auditor.app.collection import newest_comparable
from auditor.app.compare import RunSide, attribution_between, classify
from auditor.app.connection import DEFAULT_SHARE
from auditor.app.nightly import NightlyJob
from auditor.app.received_events import log_document
from auditor.app.runs import stored_runs
from auditor.collect.collector import CollectionCancelled, Collector, utc_now
from auditor.errors import AuditorError, ExitCode
from auditor.evidence import diff as documents
from auditor.evidence.read_plan import RECEIVED
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document
from auditor.findings import attribution
from auditor.findings.drift import Drift, FindingChange, FindingState
from auditor.findings.model import Finding, FindingKind
from auditor.findings.run import Run
from auditor.notify.triggers import WORSE, RunEvent
from auditor.policy.catalogue.portal import RulePlace
from auditor.store.history import StoredRun
from auditor.watch.events import ReceivedEvent, Topic

_log = logging.getLogger(__name__)

QUIET, LONGEST_QUIET = 2.0, 8.0
"""Seconds without a further event before a look begins, and after the first event when it does in
any case."""
WITHIN = 40.0
"""Seconds after the start of a look in which requests are sent."""
MOST_SCOPES = 100
"""Groups and people of one look. The audit that follows reads whoever is left out."""
SHARE = 0.25
"""Of the share of the rate limit that an audit may use, as one may be under way."""
_SETTINGS_CHANGED = ("settings_updated", "lock_settings_updated")
_JUDGED = (FindingKind.VALUE, FindingKind.LOCK)

Place = tuple[Level, str]
"""A level and the id of a scope; an empty id for the account."""


def place_of(event: ReceivedEvent) -> Place | None:
    """What an event says was set or locked; None if it says nothing of the kind."""
    kind, _, what = event.name.partition(".")
    if what not in _SETTINGS_CHANGED or event.topic not in (
        Topic.ACCOUNT,
        Topic.GROUP,
        Topic.USER,
    ):
        return None
    if event.topic is Topic.ACCOUNT:
        return (Level.ACCOUNT, "") if kind == "account" else None
    return (event.level, event.scope_id) if event.scope_id else None


@dataclass(frozen=True)
class Look:
    """What a first look found."""

    event: RunEvent
    """The values and locks that got worse."""
    worse: frozenset[str]
    """Fingerprints of these, and of what is computed from them."""


def look(job: NightlyJob, places: Collection[Place], stopping: threading.Event) -> Look | None:
    """What got worse at these places since the newest run that the job would stand on.

    None if there is no such run, or it knows none of the places.

    Raises:
        AuditorError: the account or the history cannot be read.
    """
    config = job.selection.judgement(job.depth, job.settings.baseline, job.settings.org)
    stored = stored_runs(job.settings)
    began = datetime.now(UTC)
    with job.source.opened() as account:
        entry = newest_comparable(stored, account.account_id, account.cloud.api_url, config)
        if entry is None:
            return None
        with stored.history.verified(entry) as evidence:
            named = _scopes(evidence, places)
            if not named:
                return None
            scope = evidence.account().scope
            if scope in named:  # groups may decide whether the account may leave a lock open
                judged = [scope, *evidence.scopes(Level.GROUP), *_of(Level.USER, named)]
            else:
                judged = [scope, *_with_groups(named)]
            before = Snapshot.excerpt(evidence, judged)
            for key, value in metadata(evidence, config, pseudonymised=False).items():
                before.set_metadata(key, value)
        with before, Snapshot.copy_of(before) as after:
            rate = job.collection.rate
            share = (DEFAULT_SHARE if rate.share is None else rate.share) * SHARE
            until = time.monotonic() + WITHIN
            with account.connect(replace(rate, share=share), stopping.wait, until) as client:
                Collector(
                    api=client,
                    snapshot=after,
                    reads=config.reads,
                    account_id=account.account_id,
                    target_concurrency=client.target_concurrency,
                    deadline=until,
                    stopping=stopping,
                ).read_again(_with_groups(named))
            reported = log_document(stored, account.account_id, entry.facts.started_at, after)
            if reported is not None:
                outcome = Document(reported, "webhooks", utc_now())
                after.record(scope, RECEIVED, outcome)
            return _compared(job, entry, config, before, after, began)


def _scopes(evidence: Snapshot, places: Collection[Place]) -> list[Scope]:
    """The places that a run knows, the account first; as many as one look reads."""
    scopes = []
    for level, zoom_id in sorted(places):
        if level is Level.ACCOUNT:
            scopes.append(evidence.account().scope)
        elif (reads := evidence.recorded(Scope(level, zoom_id))) is not None:
            scopes.append(reads.scope)
    return scopes[:MOST_SCOPES]


def _of(level: Level, scopes: Sequence[Scope]) -> list[Scope]:
    return [scope for scope in scopes if scope.level is level]


def _with_groups(scopes: Sequence[Scope]) -> list[Scope]:
    """The scopes, and the groups that decide about people among them."""
    groups = {scope.id: scope for scope in _of(Level.GROUP, scopes)}
    people = _of(Level.USER, scopes)
    above = {zoom_id: Scope(Level.GROUP, zoom_id) for user in people for zoom_id in user.group_ids}
    return [*(above | groups).values(), *people]


def _compared(
    job: NightlyJob,
    entry: StoredRun,
    config: EvaluationConfig,
    before: Snapshot,
    after: Snapshot,
    began: datetime,
) -> Look:
    facts = replace(entry.facts, started_at=began, finished_at=datetime.now(UTC))
    was, now = judge(before, config), judge(after, config)
    log = attribution.log_reading(after)
    sides = RunSide(entry, before), RunSide(replace(entry, facts=facts), after)
    author = attribution_between(log, *sides)
    worse = list(_worse(was, now))
    # What is computed from everybody cannot be said of a few: the audit says it.
    changes = [
        replace(change, changed_by=author.actor(change)) if author is not None else change
        for change in worse
        if change.state.kind in _JUDGED
    ]
    drift = Drift(entry.facts, facts, changes, documents.compare(before, after).settings)
    event = RunEvent(
        later=facts,
        earlier=entry.facts,
        drift=drift,
        titles={control: info.title for control, info in now.controls.items()},
        fixes={control: RulePlace.of(info) for control, info in now.controls.items()},
        account=job.display_name(facts.account_id),
        is_first_look=True,
    )
    return Look(event, frozenset(change.state.fingerprint for change in worse))


def _worse(was: Run, now: Run) -> Iterator[FindingChange]:
    """The findings that got worse, by fingerprint."""
    known = {finding.fingerprint: finding for finding in was.without_history()}
    for finding in sorted(now.without_history(), key=lambda finding: finding.fingerprint):
        before = known.get(finding.fingerprint)
        move = classify(before.verdict.status if before else None, finding.verdict.status)
        if move in WORSE:
            yield FindingChange(move, _state(before) if before else None, _state(finding))


def _state(finding: Finding) -> FindingState:
    verdict = finding.verdict
    return FindingState(
        fingerprint=finding.fingerprint,
        control=verdict.control,
        kind=verdict.kind,
        scope=finding.scope,
        setting=verdict.setting,
        status=verdict.status,
        severity=verdict.severity,
        cause=verdict.cause,
        observed=verdict.observed,
    )


@dataclass
class FirstLooks:
    """Looks at what events name, on a thread of its own, beside audits."""

    job: Callable[[threading.Event], NightlyJob]
    quiet: float = QUIET
    longest: float = LONGEST_QUIET
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waiting: set[Place] = field(default_factory=set)
    _first: float = 0.0
    _last: float = 0.0
    _is_busy: bool = False
    _announced: frozenset[str] = frozenset()
    _ending: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)
    """Interrupts the look that is under way. A look that fails sets it, too."""

    def notice(self, event: ReceivedEvent) -> None:
        """Take note of an event that was kept."""
        place = place_of(event)
        if place is None:
            return
        with self._changed:
            self._last = time.monotonic()
            self._first = self._first if self._waiting else self._last
            self._waiting.add(place)
            self._changed.notify_all()

    def end(self) -> None:
        """Interrupt the look that is under way, and let the thread end."""
        with self._changed:
            self._ending = True
            self._stopping.set()
            self._changed.notify_all()

    def announced(self) -> frozenset[str]:
        """Fingerprints of what the channels were told of, once no look waits or is under way.

        Waits no longer than a look may take.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._ending or not (self._waiting or self._is_busy), WITHIN
            )
            return self._announced

    def forget(self, announced: frozenset[str]) -> None:
        """An audit has stored what the channels were told of."""
        with self._changed:
            self._announced -= announced

    def run(self) -> None:
        """Look at what events name until `end`."""
        while places := self._wait():
            try:
                self._look(places)
            except CollectionCancelled:
                return
            except AuditorError as error:
                _log.warning("The first look after an event failed; an audit follows. %s", error)
            except Exception:
                _log.exception("The first look after an event failed; an audit follows.")
            finally:
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()

    def _wait(self) -> frozenset[Place]:
        """Wait until a look is due; empty to end."""
        with self._changed:
            while not self._ending:
                if not self._waiting:
                    self._changed.wait()
                    continue
                due = min(self._last + self.quiet, self._first + self.longest)
                if (left := due - time.monotonic()) > 0:
                    self._changed.wait(left)
                    continue
                places = frozenset(self._waiting)
                self._waiting.clear()
                self._is_busy = True
                self._stopping = threading.Event()
                return places
        return frozenset()

    def _look(self, places: frozenset[Place]) -> None:
        job = self.job(self._stopping)
        began = time.monotonic()
        found = look(job, places, self._stopping)
        _log.info("Looked at what events named in %.1f s.", time.monotonic() - began)
        if found is None or found.event.drift is None or not found.event.drift.changes:
            return
        deliveries = job.announcer.announce(
            replace(found.event, announced=self._announced), ExitCode.OK, job.messages
        )
        if deliveries and all(each.sent for each in deliveries):
            with self._changed:
                self._announced |= found.worse
