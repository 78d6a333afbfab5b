"""One audit from start to end: plan, collect and evaluate, or evaluate stored evidence again."""

import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from auditor import __version__
from auditor.collect.carrying import CARRIED, CarryPolicy, PreviousRun
from auditor.collect.collector import Collector, utc_now
from auditor.collect.interface import NoProgress, ProgressListener
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.read_plan import RECEIVED, MeetingSelection, ReadPlan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.timestamps import parse_or_none
from auditor.evidence.view import Document
from auditor.findings import exit_code
from auditor.findings.model import ApiUsage, Carried, ControlInfo, RunInfo, Severity
from auditor.findings.run import Run
from auditor.policy.baseline import serialization
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.baselines import names as shipped_baselines
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue import frameworks, questions, words
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.evaluation.evaluate import evaluate, judged_levels
from auditor.policy.judging import reads
from auditor.policy.judging.lock_verifier import SnapshotLockVerifier
from auditor.zoom.client import ZoomClient
from auditor.zoom.hosts import is_loopback


class _Record(BaseModel):
    """The JSON form of an evaluation config, as `EvaluationConfig.record` writes it."""

    policy: str
    selected: frozenset[str] | None
    today: Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2200, 1, 1))]
    depth: Level
    fail_on: Severity | None
    allow_unknown: bool
    strict: bool


@dataclass(frozen=True)
class EvaluationConfig:
    """The policy and options that evidence is judged with."""

    catalogue: Catalogue
    baseline: Baseline
    organisation: Organisation = field(default_factory=Organisation)
    selected: frozenset[str] | None = None
    """The requested controls; None for all."""
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    """The day, UTC, on which waivers and attestations must be valid."""
    depth: Level = Level.USER
    fail_on: Severity | None = None
    allow_unknown: bool = False
    strict: bool = False
    keep_passes: bool = False

    def record(self) -> str:
        """This config as JSON, so that the same evidence can be judged again in the same way."""
        return json.dumps(
            {
                "policy": serialization.dump(self.baseline, self.organisation),
                "selected": None if self.selected is None else sorted(self.selected),
                "today": self.today.isoformat(),
                "depth": self.depth,
                "fail_on": self.fail_on,
                "allow_unknown": self.allow_unknown,
                "strict": self.strict,
            }
        )

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, catalogue: Catalogue) -> "EvaluationConfig":
        """The config that the evidence was collected for.

        Raises:
            PolicyError: another version wrote it in a form that this version does not understand.
        """
        try:
            stored = _Record.model_validate_json(snapshot.meta("judgement") or "{}")
            baseline, organisation = serialization.load(stored.policy, catalogue)
            return cls(
                catalogue=organisation.extended(catalogue),
                baseline=baseline,
                organisation=organisation,
                selected=stored.selected,
                today=stored.today,
                depth=stored.depth,
                fail_on=stored.fail_on,
                allow_unknown=stored.allow_unknown,
                strict=stored.strict,
            )
        except serialization.UNREADABLE as error:
            raise PolicyError([serialization.NOT_UNDERSTOOD]) from error

    @property
    def selected_subset(self) -> frozenset[str] | None:
        """The requested controls; None if they are all controls of the catalogue."""
        everything = self.selected is None or self.selected >= self.catalogue.controls.keys()
        return None if everything else self.selected

    @property
    def overrides(self) -> Overrides:
        """The organisation's overrides of the baseline."""
        return Overrides(self.baseline, self.catalogue, self.organisation.overrides, self.selected)

    @property
    def reads(self) -> ReadPlan:
        """The documents that this config needs."""
        return reads.needed(self.overrides.union(), self.depth, self.parameters)

    @property
    def parameters(self) -> dict[str, JsonValue]:
        """The organisation's parameters, including the settings it has triaged."""
        parameters = dict(self.organisation.parameters)
        configured = parameters.get("known_keys")
        known: list[JsonValue] = list(configured) if isinstance(configured, list) else []
        triaged: list[JsonValue] = [entry.setting for entry in self.organisation.triage]
        return {**parameters, "known_keys": [*known, *triaged]} if triaged else parameters


class NothingSelected(AuditorError):
    """The selection leaves no control of the baseline."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __str__(self) -> str:
        return (
            "Nothing to evaluate: the baseline assesses none of the selected controls. "
            "See which it assesses with: auditor baseline show NAME"
        )


T = TypeVar("T")

SIMULATED = "simulated"
"""Metadata key of a snapshot whose evidence does not come from Zoom: `yes`, or `_APART`."""
_APART = "apart"
"""The value of a run that only `--sandbox` finds."""

_FACTS = (
    "run_id",
    "account_id",
    "api_url",
    "started_at",
    "finished_at",
    "depth",
    "api",
    "changes_since",
    SIMULATED,
    CARRIED,
)
PSEUDONYMISED = "pseudonymised"
"""Metadata key of a snapshot without real names: `yes`."""


def metadata(
    snapshot: Snapshot, judgement: EvaluationConfig, *, pseudonymised: bool
) -> dict[str, str]:
    """The metadata of a copy of a finished snapshot, so that it can be judged again."""
    facts = {key: snapshot.meta(key) or "" for key in _FACTS}
    hidden = {PSEUDONYMISED: "yes"} if pseudonymised or snapshot.meta(PSEUDONYMISED) else {}
    return {**facts, **hidden, "judgement": judgement.record()}


_API = TypeAdapter(ApiUsage)


def _read(kind: TypeAdapter[T], snapshot: Snapshot, name: str) -> T:
    """Parse metadata that is a JSON record; a record of defaults if it is absent.

    Raises:
        SnapshotError: it is not such a record.
    """
    try:
        return kind.validate_json(snapshot.meta(name) or "{}")
    except ValidationError as error:
        raise SnapshotError(
            f"This version cannot read how the run was made ({name}). Audit again."
        ) from error


@dataclass(frozen=True)
class AccountConnection:
    """The account to read, with its client and limits."""

    client: ZoomClient
    account_id: str
    listener: ProgressListener = field(default_factory=NoProgress)
    deadline: float = math.inf
    """No request starts after this `time.monotonic` time."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the collection is interrupted; requests that wait for their turn may give up."""
    is_simulated: bool = False
    """True for the account of `--sandbox`, whose runs are stored apart from all others."""


@dataclass(frozen=True)
class CollectionScope:
    """How much of the account is read, as far as that is optional."""

    verify_locks: int = 25
    """Number of randomly chosen users who confirm values proved by locks; 0 reads every user."""
    meetings: MeetingSelection = field(default_factory=MeetingSelection)
    changes_since: str | None = None
    """Start of the operation log to read, RFC 3339: the start of an earlier run; None to read no
    log."""
    refresh: float | None = None
    """The run may carry over documents of users that are at most so many seconds old; None to read
    everything."""
    verify_carried: int | None = None
    """Number of carried users who are read and compared; None for the default."""

    @property
    def carry_policy(self) -> CarryPolicy | None:
        """What may be carried over; None to read everything."""
        if self.refresh is None:
            return None
        return CarryPolicy(timedelta(seconds=self.refresh), self.verify_carried)

    def record(self) -> str:
        """This scope as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> "CollectionScope":
        """The scope that a collection was started with.

        Raises:
            SnapshotError: it cannot be read.
        """
        return _read(TypeAdapter(cls), snapshot, "extent")


def collect(
    target: AccountConnection,
    snapshot: Snapshot,
    judgement: EvaluationConfig,
    run_id: str,
    collection_scope: CollectionScope | None = None,
    previous: PreviousRun | None = None,
    received: Callable[[Snapshot], JsonValue | None] | None = None,
) -> None:
    """Read what the judgement needs into an empty snapshot, with the metadata of the run.

    `received` returns what webhooks reported, which is recorded with the account.

    Documents of users that need not be read are carried over from `previous`, if the scope allows.

    Raises:
        NothingSelected: the judgement assesses no control.
        CollectionFailed: Zoom allowed nothing to be read.
        SnapshotError: the snapshot cannot be written.
    """
    if not judgement.overrides.union().assessed:
        raise NothingSelected
    facts = {
        "run_id": run_id,
        "account_id": target.account_id,
        "api_url": target.client.api_url,
        "started_at": utc_now(),
        "depth": judgement.depth,
        "judgement": judgement.record(),
        "extent": (collection_scope or CollectionScope()).record(),
        "changes_since": (collection_scope.changes_since if collection_scope else None) or "",
        SIMULATED: _simulation(target),
    }
    for key, value in facts.items():
        snapshot.set_metadata(key, value)
    _run_collector(target, snapshot, judgement, None, previous, received)


def _simulation(target: AccountConnection) -> str:
    if target.is_simulated:
        return _APART
    return "yes" if is_loopback(target.client.api_url) else ""


def resume(
    target: AccountConnection, snapshot: Snapshot, judgement: EvaluationConfig, since: str
) -> None:
    """Continue an interrupted collection, and read documents older than `since` again.

    Raises:
        CollectionFailed: Zoom allowed nothing to be read.
        SnapshotError: the snapshot cannot be written.
    """
    snapshot.set_metadata("finished_at", "")
    _run_collector(target, snapshot, judgement, since)


def _run_collector(
    target: AccountConnection,
    snapshot: Snapshot,
    judgement: EvaluationConfig,
    since: str | None,
    previous: PreviousRun | None = None,
    received: Callable[[Snapshot], JsonValue | None] | None = None,
) -> None:
    collection_scope = CollectionScope.from_snapshot(snapshot)
    overrides, parameters = judgement.overrides, judgement.parameters
    needed = replace(
        judgement.reads,
        meetings=collection_scope.meetings,
        changes_since=collection_scope.changes_since,
    )
    before = _read(_API, snapshot, "api")
    began = time.monotonic()

    def checkpoint() -> None:
        spent = target.client.counters
        cost = ApiUsage(
            before.requests + spent.requests,
            before.retries + spent.retries,
            before.rate_limited + spent.rate_limited,
            round(before.seconds + time.monotonic() - began, 3),
        )
        snapshot.set_metadata("api", json.dumps(asdict(cost)))

    collector = Collector(
        api=target.client,
        snapshot=snapshot,
        reads=needed,
        account_id=target.account_id,
        target_concurrency=target.client.target_concurrency,
        listener=target.listener,
        deadline=target.deadline,
        stopping=target.stopping,
        since=since,
        lock_verifier=SnapshotLockVerifier(overrides, parameters, needed)
        if collection_scope.verify_locks
        else None,
        sample=collection_scope.verify_locks,
        carry_policy=collection_scope.carry_policy,
        previous=previous,
        checkpoint=checkpoint,
    )
    collector.collect()
    reported = received(snapshot) if received is not None else None
    if reported is not None:
        outcome = Document(reported, "webhooks", utc_now())
        snapshot.record(collector.account, RECEIVED, outcome)
    snapshot.set_metadata("stopped", collector.stop_reason.detail if collector.stop_reason else "")
    snapshot.set_metadata("finished_at", utc_now())
    snapshot.finish()


def judge(snapshot: Snapshot, judgement: EvaluationConfig) -> Run:
    """Evaluate the evidence of a finished collection. Needs no network.

    Raises:
        NothingSelected: the judgement assesses no control.
        SnapshotError: the collection did not finish, so missing scopes are unknown.
    """
    widest = judgement.overrides.union()
    if not widest.assessed:
        raise NothingSelected
    if not snapshot.meta("finished_at"):
        raise SnapshotError(
            "The run was interrupted before everything was read, so it cannot be judged. Resume it "
            "with: auditor audit --resume"
        )
    evaluation = evaluate(
        snapshot,
        judgement.catalogue,
        judgement.baseline,
        judgement.parameters,
        judgement.depth,
        judgement.keep_passes,
        judgement.overrides,
        WaiversAndAttestations(
            judgement.organisation.waivers,
            judgement.organisation.attestations,
            judgement.today,
            judgement.organisation.blind_spots,
        ),
    )
    code = exit_code.of_run(
        evaluation.summary,
        complete=evaluation.complete or evaluation.gaps_accepted,
        fail_on=judgement.fail_on,
        allow_unknown=judgement.allow_unknown,
        strict=judgement.strict,
        stale=evaluation.stale,
    )

    def fact(key: str) -> str:
        return snapshot.meta(key) or ""

    def time(key: str) -> datetime:
        if (moment := parse_or_none(fact(key))) is None:
            raise SnapshotError(f"The evidence has no {key}, so it cannot be judged. Audit again.")
        return moment

    return Run(
        info=RunInfo(
            id=fact("run_id"),
            account_id=fact("account_id"),
            api_url=fact("api_url"),
            started_at=time("started_at"),
            finished_at=time("finished_at"),
            depth=judgement.depth,
            baseline=judgement.baseline.info,
            evidence_digest=snapshot.digest(),
            complete=evaluation.complete,
            exit_code=code,
            fail_on=judgement.fail_on or "never",
            simulated=bool(fact(SIMULATED)) or is_loopback(fact("api_url")),
            is_stored_apart=fact(SIMULATED) == _APART,
            organisation_digest=serialization.organisation_digest(judgement.organisation),
            gaps_accepted=evaluation.gaps_accepted,
            oldest_evidence_at=snapshot.oldest(),
            carried=_carried(snapshot),
        ),
        summary=evaluation.summary,
        api=_read(_API, snapshot, "api"),
        errors=evaluation.errors,
        controls={
            cid: _control_info(control, judgement.catalogue.family_names[cid])
            for cid, control in widest.assessed.items()
        },
        assessments=evaluation.assessments,
        tool_version=__version__,
        allow_unknown=judgement.allow_unknown,
        waivers=evaluation.waivers,
        references=evaluation.references,
        blind_spots=evaluation.blind_spots,
        questions=questions.shipped().questions if judgement.keep_passes else (),
        account_times={
            control.source: control.observed_at for control in snapshot.account().outcomes.values()
        },
        pseudonymised=bool(snapshot.meta(PSEUDONYMISED)),
        passed=evaluation.passed,
    )


class _CarriedFacts(BaseModel):
    """The metadata that a collection records about what it carried over."""

    run: str
    reason: str = ""
    sample: Annotated[int, Field(ge=0)] = 0
    differences: Annotated[int, Field(ge=0)] = 0


def _carried(snapshot: Snapshot) -> Carried | None:
    """What the run took over from the run before; None if it read everything.

    The numbers of users are counted in the evidence itself.
    """
    if not snapshot.meta(CARRIED):
        return None
    facts = _read(TypeAdapter(_CarriedFacts), snapshot, CARRIED)
    read, carried = snapshot.count_by_age(Level.USER, snapshot.meta("started_at") or "")
    return Carried(
        run=facts.run,
        read=read,
        carried=carried,
        oldest=snapshot.oldest() if carried else None,
        sample=max(facts.sample, facts.differences),
        differences=facts.differences,
        reason=facts.reason,
    )


def _control_info(expected: ControlExpectation, family: str) -> ControlInfo:
    """A control as shown in reports.

    Its facts hold for what its title asks, as the shipped baselines do. Where another baseline asks
    something else, they may say the opposite, so the settings speak for themselves.
    """
    info = replace(
        expected.control.info,
        family=family,
        setting_names=words.setting_names(expected.control),
        levels=judged_levels(expected),
        provision_titles=frameworks.provision_titles(expected.control),
    )
    if expected.origin in shipped_baselines():
        return info
    return replace(info, broken="", obeyed="", unlocked="")
