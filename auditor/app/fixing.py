"""Changing an account by a plan, and taking it back: the only use case that writes to Zoom."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Protocol, cast

from auditor.app.connection import Account, RateOptions
from auditor.app.runs import configured_account, stored_runs
from auditor.config.settings import Settings
from auditor.config.writing_credentials import writing_credentials
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull
from auditor.evidence.timestamps import format_rfc3339
from auditor.fix import requests
from auditor.fix.model import FixPlan, PlanInvalid, PlanStep, read_plan
from auditor.fix.results import FixResult, ResultRow
from auditor.fix.titles import title_of_step
from auditor.plain_text import printable
from auditor.policy.catalogue import documented, writable
from auditor.store.errors import JournalNotFound, StoreError
from auditor.store.journals import JournalEntry, Journals, StoredJournal
from auditor.store.runs import Runs
from auditor.store.series import place
from auditor.writing import client
from auditor.writing.model import (
    Change,
    ChangeKind,
    ChangeLevel,
    Needed,
    Rules,
    StepOutcome,
    StepResult,
)
from auditor.writing.steps import Steps
from auditor.zoom.auth import Credentials
from auditor.zoom.hosts import Cloud, check_url
from auditor.zoom.limits import RatePlan
from auditor.zoom.retry import RetryPolicy

_SHOWN: Final = 4
"""Characters of the client id that the journal keeps."""

LOCK_WARNING: Final = (
    "Locks are lifted. Whether people's own values return when a lock is lifted is not documented: "
    "look at a few people afterwards."
)


class Progress(Protocol):
    """Shows how far the work is."""

    def step_began(self, label: str) -> None:
        """A step begins."""

    def step_ended(self, label: str, outcome: str) -> None:
        """A step has its outcome."""


_DOCUMENTS: Final = frozenset(
    (kind, level)
    for kind, levels in (("value", ("account", "group", "user")), ("lock", ("account", "group")))
    for level in levels
)
"""Kinds and levels of changes that there are requests for."""


class JournalUnfit(StoreError):
    """A journal cannot be taken back."""

    exit_code = ExitCode.NOTHING_EVALUATED


class NothingToUndo(JournalNotFound):
    """No journal is left to undo."""


@dataclass(frozen=True)
class FixOptions:
    """How a plan is applied."""

    keep_going: bool = False
    max_users: int = 0
    rate: RateOptions = field(default_factory=RateOptions)
    sleep: Callable[[float], object] = time.sleep


def load_plan(settings: Settings, path: Path, *, allow_incomplete: bool = False) -> FixPlan:
    """A plan for the configured account.

    Raises:
        PlanInvalid: it is no plan of this version, of another account or another Zoom, or was made
            from a run that could not read everything.
    """
    plan = read_plan(path)
    account_id = configured_account(settings)
    if account_id and plan.account_id != account_id.strip():
        raise PlanInvalid(
            [
                f"{path}: the plan is for account {printable(plan.account_id)}, and the configured "
                f"account is {printable(account_id)}. Nothing was done."
            ]
        )
    if place(plan.api_url) != place(settings.api_url):
        raise PlanInvalid(
            [
                f"{path}: the plan was made for {printable(plan.api_url)}, and the configured "
                f"address is {printable(settings.api_url)} (ZOOM_API_URL). Nothing was done."
            ]
        )
    if not plan.complete and not allow_incomplete:
        raise PlanInvalid(
            [
                f"{path}: the plan was made from a run that could not read everything, so it may "
                "miss what it should change. Nothing was done. Audit and plan again, or accept "
                "that with --allow-incomplete."
            ]
        )
    return plan


def people_changed(plan: FixPlan) -> int:
    """The number of people whose own settings the automatic steps change."""
    return len({step.scope.id for step in plan.automatic if step.level is Level.USER})


def credentials_to_write(settings: Settings, account_id: str | None = None) -> Credentials:
    """The credentials of the writing app.

    Raises:
        ConfigError: they are missing, invalid, or those of the app that reads.
        PlanInvalid: they are of another account than `account_id`.
    """
    credentials = writing_credentials(settings)
    if account_id is not None and credentials.account_id != account_id:
        raise PlanInvalid(
            [
                f"The plan is for account {printable(account_id)}, and the writing app belongs to "
                f"{printable(credentials.account_id)}. Nothing was done."
            ]
        )
    return credentials


@dataclass
class Fixer:
    """Changes the configured account, with the credentials of the writing app."""

    settings: Settings
    credentials: Credentials
    options: FixOptions = field(default_factory=FixOptions)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from changing the account for the duration of the block.

        Raises:
            AlreadyChanging: another process is changing it.
            StoreError: the data directory cannot be written.
        """
        return self._runs.lock_changes(self.credentials.account_id, self.settings.api_url)

    def apply(self, plan: FixPlan, progress: Progress) -> FixResult:
        """Make the automatic steps of the plan, continuing an earlier attempt that broke off.

        Raises:
            ZoomError: no token, so nothing was done.
            StoreError, DiskFull: the journal could not be begun, so nothing was done.
        """
        changes = changes_of(plan)
        named = {step.id: step for step in plan.steps}
        started = datetime.now(UTC)
        if not changes:
            return self._result("apply", "", plan.run, started, (), named, (), "")
        digest = "sha256:" + hashlib.sha256(plan.dumped().encode()).hexdigest()
        with self._writer() as writer:
            writer.authenticate()
            earlier = self._to_continue(digest)
            journal = earlier or self._begin("apply", plan.run, plan_digest=digest)
            ledger = _JournalLedger(self._journals, journal)
            rules = self._rules(self.options.keep_going, self.options.max_users)
            steps = Steps(writer, ledger, _ProgressOfSteps(progress), rules)
            problem, is_interrupted = self._run(steps, changes)
            if not problem and all(result.outcome.is_right for result in steps.results):
                problem = self._finish(journal.id)
        advice = [f"Take it back with: auditor fix rollback {journal.id}"] if ledger.wrote else []
        if earlier is not None:
            advice.insert(0, f"This continued journal {journal.id} of {journal.started_at}.")
        result = self._result(
            "apply", journal.id, plan.run, started, steps.results, named, advice, problem
        )
        return replace(result, exit_code=ExitCode.INTERRUPTED) if is_interrupted else result

    def to_undo(self, journal_id: str | None) -> StoredJournal:
        """The journal with this id, or the newest one that is not wholly undone.

        Raises:
            JournalNotFound: there is none, or nothing of it is left to undo.
            StoreError: the history cannot be read.
        """
        if journal_id:
            journal = self._journals.get(journal_id, *self._account)
            if journal.is_to_undo:
                return journal
            raise NothingToUndo(f"Nothing of journal {journal_id} is left to undo.")
        for journal in self._journals.all(*self._account):
            if journal.is_to_undo:
                return journal
        raise NothingToUndo(
            f"No journal of account {self.credentials.account_id} is left to undo, so nothing was "
            "done."
        )

    def roll_back(self, journal: StoredJournal, progress: Progress) -> FixResult:
        """Undo what a journal changed, in reverse order, where it is still as it was left.

        Raises:
            ZoomError: no token, so nothing was done.
            StoreError, DiskFull: the journal could not be begun, so nothing was done.
        """
        changes = undoing(journal)
        started = datetime.now(UTC)
        with self._writer() as writer:
            writer.authenticate()
            own = self._begin("rollback", journal.run_id, undoes=journal.id)
            ledger = _JournalLedger(self._journals, own, undoes=journal.id)
            people = len({change.scope_id for change in changes if change.level == "user"})
            steps = Steps(writer, ledger, _ProgressOfSteps(progress), self._rules(True, people))
            problem, is_interrupted = self._run(steps, changes)
            if not problem:
                problem = self._finish(own.id)
        advice = [LOCK_WARNING] if lifts_locks(journal) else []
        result = self._result(
            "rollback", own.id, journal.run_id, started, steps.results, {}, advice, problem
        )
        return replace(result, exit_code=ExitCode.INTERRUPTED) if is_interrupted else result

    @property
    def _account(self) -> tuple[str, str]:
        return self.credentials.account_id, place(self.settings.api_url)

    @cached_property
    def _runs(self) -> Runs:
        return stored_runs(self.settings, writing=True)

    @property
    def _journals(self) -> Journals:
        return Journals(self._runs.history.database)

    def _writer(self) -> client.SettingsWriter:
        settings = self.settings
        cloud = Cloud(
            check_url(settings.api_url, "ZOOM_API_URL"),
            check_url(settings.oauth_url, "ZOOM_OAUTH_URL"),
        )
        account = Account(cloud, self.credentials, RatePlan(settings.plan))
        limiter = account.limiter(self.options.rate, self.options.sleep)
        retries = RetryPolicy(sleep=self.options.sleep)
        return client.connect(self.credentials, limiter, cloud=cloud, retries=retries)

    def _rules(self, keep_going: bool, most_users: int) -> Rules:
        return Rules(
            is_read_only, keep_going=keep_going, most_users=most_users, sleep=self.options.sleep
        )

    def _to_continue(self, digest: str) -> StoredJournal | None:
        """The newest journal of the account, if it is of this plan, unfinished and not undone."""
        newest = next(iter(self._journals.all(*self._account)), None)
        if newest is None or newest.kind != "apply" or newest.plan_digest != digest:
            return None
        is_undone = any(entry.undone_at for entry in newest.entries)
        return None if newest.finished_at or is_undone else newest

    def _begin(
        self,
        kind: Literal["apply", "rollback"],
        run_id: str,
        *,
        plan_digest: str = "",
        undoes: str = "",
    ) -> StoredJournal:
        beginning = self.credentials.client_id[: min(_SHOWN, len(self.credentials.client_id) // 2)]
        return self._journals.begin(
            kind,
            *self._account,
            client_id=beginning,
            run_id=run_id,
            plan_digest=plan_digest,
            undoes=undoes,
        )

    def _finish(self, journal_id: str) -> str:
        try:
            self._journals.finish(journal_id)
        except (StoreError, DiskFull, OSError) as error:
            return f"Everything was done, but the journal could not be closed: {error}"
        return ""

    def _run(self, steps: Steps, changes: Sequence[Change]) -> tuple[str, bool]:
        """Make the changes; why they ended early, if they did, and whether by an interrupt."""
        try:
            steps.run(changes)
        except KeyboardInterrupt:
            return self._cut_short(steps, changes, "The work was interrupted."), True
        except (StoreError, DiskFull, OSError) as error:
            reason = f"The journal could not be written. {str(error).rstrip('.')}."
            return self._cut_short(steps, changes, reason), False
        return "", False

    def _cut_short(self, steps: Steps, changes: Sequence[Change], reason: str) -> str:
        done = len(steps.results)
        where = f"It ended before step {changes[done].step}" if done < len(changes) else "It ended"
        return (
            f"{reason} {where}; whatever was sent is in the journal. Run the same command again to "
            "continue, or auditor fix rollback to take it back."
        )

    def _result(
        self,
        work: Literal["apply", "rollback"],
        journal: str,
        run: str,
        started: datetime,
        results: Sequence[StepResult],
        named: Mapping[int, PlanStep],
        advice: Sequence[str],
        problem: str,
    ) -> FixResult:
        return FixResult(
            work=work,
            account_id=self.credentials.account_id,
            run=run,
            journal=journal,
            started_at=format_rfc3339(started),
            finished_at=format_rfc3339(datetime.now(UTC)),
            rows=[_row(result, named.get(result.change.step)) for result in results],
            exit_code=_exit_code(results, problem),
            problem=problem,
            advice=advice,
        )


def changes_of(plan: FixPlan) -> list[Change]:
    """The automatic steps of a plan, in order."""
    manual = {step.id: step for step in plan.steps if step.request is None}
    changes = []
    for step in plan.automatic:
        needs = [
            _needed(setting, value)
            for setting, value in (
                *((required.setting, required.value) for required in step.requires),
                *_by_hand(step, manual),
            )
        ]
        changes.append(
            Change(
                step=step.id,
                kind=step.kind,
                level=step.scope.level,
                scope_id=step.scope.id,
                scope_name=step.scope.name,
                setting=step.setting,
                before=step.from_,
                target=step.to,
                read_option=requests.view(step.kind, step.setting).option,
                write_option=requests.writing_query(step.kind, step.level, step.setting).get(
                    "option", ""
                ),
                after=tuple(number for number in step.after if number not in manual),
                needs=tuple(needs),
            )
        )
    return changes


def _by_hand(step: PlanStep, manual: Mapping[int, PlanStep]) -> list[tuple[str, JsonValue]]:
    """The values that a person sets before this step."""
    waiting = [manual[number] for number in step.after if number in manual]
    return [
        (each.setting, each.to)
        for each in waiting
        if each.kind == "value" and each.scope == step.scope
    ]


def _needed(setting: str, value: JsonValue) -> Needed:
    return Needed(setting, value, requests.view("value", setting).option)


def undoing(journal: StoredJournal) -> list[Change]:
    """The changes that take a journal back, the last one first.

    Raises:
        JournalUnfit: it names something that no plan can change.
    """
    for entry in journal.entries:
        known = (entry.kind, entry.level) in _DOCUMENTS
        if not known or not requests.is_writable(
            cast("ChangeKind", entry.kind), Level(entry.level), entry.setting
        ):
            raise JournalUnfit(
                f"Journal {journal.id} names {printable(entry.setting)}, which cannot be changed "
                "by a request. It was altered, or another version wrote it. Nothing was done."
            )
    return [
        Change(
            step=entry.step,
            kind=cast("ChangeKind", entry.kind),
            level=cast("ChangeLevel", entry.level),
            scope_id=entry.scope_id,
            scope_name=entry.scope_name,
            setting=entry.setting,
            before=entry.target,
            target=entry.before,
            read_option=requests.view(cast("ChangeKind", entry.kind), entry.setting).option,
            write_option=requests.writing_query(
                cast("ChangeKind", entry.kind), Level(entry.level), entry.setting
            ).get("option", ""),
            siblings={
                path: (values[-1], values[0])
                for path, values in entry.siblings.items()
                if len(values) > 1
            },
        )
        for entry in reversed(journal.entries)
        if entry.is_to_undo
    ]


def planned_lines(plan: FixPlan) -> list[str]:
    """The automatic steps for people, one a line."""
    named = {step.id: step for step in plan.steps}
    return [_line(change, named[change.step]) for change in changes_of(plan)]


def undoing_lines(journal: StoredJournal) -> list[str]:
    """What is taken back, for people, one a line."""
    return [_line(change) for change in undoing(journal)]


def _line(change: Change, step: PlanStep | None = None) -> str:
    row = _row(StepResult(change, StepOutcome.SKIPPED), step)
    title = f"{row.title} " if row.title else ""
    return (
        f"{row.step}. {title}({row.label}: {row.change})"
        if title
        else (f"{row.step}. {row.label}: {row.change}")
    )


def lifts_locks(journal: StoredJournal) -> bool:
    """True if undoing the journal lifts a lock."""
    return any(entry.kind == "lock" and entry.is_to_undo for entry in journal.entries)


def is_read_only(kind: ChangeKind, level: ChangeLevel, path: str) -> bool:
    """True for a leaf that Zoom is known not to accept, or to accept in another form."""
    if kind == "lock":
        return path in documented.lockable() and Level(level) not in writable.lock_levels(path)
    is_known = path in documented.settings()
    return writable.has_other_form(path) or (is_known and Level(level) not in writable.levels(path))


@dataclass
class _JournalLedger:
    """The journal of a run of changes."""

    journals: Journals
    journal: StoredJournal
    undoes: str = ""
    """The journal whose entries become undone; empty when a plan is applied."""
    wrote: bool = False
    """Something may have been changed, now or earlier."""
    _begun: dict[int, JournalEntry] = field(default_factory=dict)
    _earlier: dict[int, JournalEntry] = field(init=False)

    def __post_init__(self) -> None:
        self._earlier = {entry.step: entry for entry in self.journal.entries}
        self.wrote = any(entry.may_have_changed for entry in self.journal.entries)

    def has_intention(self, step: int) -> bool:
        """See `Ledger`."""
        entry = self._earlier.get(step)
        return entry is not None and entry.may_have_changed

    def intend(self, change: Change, before: JsonValue, siblings: Mapping[str, JsonValue]) -> None:
        """See `Ledger`."""
        entry = replace(_entry(change), before=before)
        entry = replace(entry, siblings={path: [value] for path, value in siblings.items()})
        self.journals.intend(self.journal.id, entry)
        self._begun[change.step] = entry
        self.wrote = True

    def conclude(self, result: StepResult) -> None:
        """See `Ledger`. A step that broke off earlier keeps its place until it is right again."""
        step = result.change.step
        is_changed = result.outcome is StepOutcome.CHANGED
        if step in self._begun or is_changed or not self.has_intention(step):
            entry = self._begun.get(step) or self._earlier.get(step) or _entry(result.change)
            siblings = dict(entry.siblings)
            for path, value in result.side_effects.items():
                siblings[path] = [*siblings.get(path, [None])[:1], value]
            self.journals.conclude(
                self.journal.id,
                replace(
                    entry,
                    outcome=result.outcome.value,
                    detail=result.detail,
                    siblings=siblings,
                ),
            )
        if self.undoes and result.outcome.is_right:
            self.journals.mark_undone(self.undoes, step)


def _entry(change: Change) -> JournalEntry:
    return JournalEntry(
        step=change.step,
        kind=change.kind,
        level=change.level,
        scope_id=change.scope_id,
        scope_name=change.scope_name,
        setting=change.setting,
        before=change.before,
        target=change.target,
        siblings={},
    )


@dataclass(frozen=True)
class _ProgressOfSteps:
    """Tells the progress of steps by their names."""

    progress: Progress

    def began(self, change: Change) -> None:
        """See `Watcher`."""
        self.progress.step_began(_label(change))

    def ended(self, result: StepResult) -> None:
        """See `Watcher`."""
        self.progress.step_ended(_label(result.change), result.outcome.value)


def _label(change: Change) -> str:
    return f"step {change.step}: {_row(StepResult(change, StepOutcome.SKIPPED)).label}"


def _row(result: StepResult, step: PlanStep | None = None) -> ResultRow:
    change = result.change
    return ResultRow(
        step=change.step,
        kind=change.kind,
        level=change.level,
        scope_id=change.scope_id,
        scope_name=change.scope_name,
        setting=change.setting,
        before=change.before,
        to=change.target,
        outcome=result.outcome.value,
        detail=result.detail,
        observed=result.observed,
        controls=step.controls if step else (),
        title=title_of_step(step) if step else "",
    )


def _exit_code(results: Sequence[StepResult], problem: str) -> ExitCode:
    """What stands: 1 wins over 3, as everywhere."""
    if all(result.outcome.is_right and not result.side_effects for result in results):
        if not problem:
            return ExitCode.OK
        return ExitCode.DEVIATIONS if results else ExitCode.NOTHING_EVALUATED
    wrong = (StepOutcome.NOT_CHANGED, StepOutcome.REFUSED, StepOutcome.STALE)
    if any(result.outcome in wrong or result.side_effects for result in results):
        return ExitCode.DEVIATIONS
    if not any(result.outcome is not StepOutcome.SKIPPED for result in results):
        unread = any(result.is_unread for result in results)
        return ExitCode.INCOMPLETE if unread else ExitCode.NOTHING_EVALUATED
    if any(result.is_unread for result in results):
        return ExitCode.INCOMPLETE
    return ExitCode.DEVIATIONS
