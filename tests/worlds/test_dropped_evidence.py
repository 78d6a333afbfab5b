"""A whole account, read over HTTP, judged again with some of its evidence gone.

With overrides, exceptions, waivers and attestations that name groups and users: a list that was not
read takes the names away by which they are matched, and nothing may come out better, or worse, for
it. What is true of single settings is tested with the judgement.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.read_plan import LISTINGS
from auditor.evidence.reading import Cause, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Outcome, ReadFailure, View
from auditor.findings.model import FindingKind, Status
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.evaluation.evaluate import evaluate
from auditor.store.runs import Runs
from tests.builders import CATALOGUE, READ_AT
from tests.end_to_end.conftest import Auditor, served
from tests.every_case import every_case
from tests.policy.samples import BASELINES

OTHERS = ("consent-first", "regulated")
TODAY = date(2026, 11, 21)
ORGANISATION = """
parameters:
  ai_allowed_groups: [Clinical Ops]
  allowed_regions: [US]
overrides:
  - match: {group: "Clin*"}
    controls: {AI-02: {expect: true}, RC-02: {expect: true}}
  - match: {group: Sales}
    controls: {RC-02: {expect: false, severity: critical}, RC-01: {expect: true}}
waivers:
  - {control: AI-02, scope: {group: Legal}, reason: agreed, owner: a@example.com,
     expires: "2027-01-31"}
attestations:
  - {control: AI-01, scope: {level: user}, statement: seen, evidence: a note, by: b@example.com,
     "on": "2026-11-02", expires: "2027-05-02"}
"""

Reads = dict[Scope, dict[View, Outcome]]
Key = tuple[str, ...]


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Reads:
    """All that was read of a small drifted account."""
    folder = tmp_path_factory.mktemp("drifted")
    with served("drifted", users=10, groups=3) as account:
        assert Auditor(folder, account).audit("--baseline", "strict").code in (0, 3)
    with Runs(folder / "data").open("latest") as snapshot:
        return {e.scope: dict(e.outcomes) for level in Level for e in snapshot.evidence(level)}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    file = tmp_path_factory.mktemp("org") / "org.yaml"
    file.write_text(ORGANISATION)
    return organisation.load(Path(file), CATALOGUE)


def statuses(reads: Reads, decided: Organisation, name: str) -> dict[Key, Status]:
    """Every verdict by level, scope, control, setting and kind."""
    snapshot = Snapshot.create()
    with snapshot.transaction():
        for scope, outcomes in reads.items():
            snapshot.add_scope(scope)
            for view, outcome in outcomes.items():
                snapshot.record(scope, view, outcome)
    baseline = BASELINES[name]
    evaluation = evaluate(
        snapshot,
        CATALOGUE,
        baseline,
        decided.parameters,
        Level.USER,
        keep_passes=True,
        overrides=Overrides(baseline, CATALOGUE, decided.overrides),
        exceptions=WaiversAndAttestations(decided.waivers, decided.attestations, TODAY),
    )
    with snapshot:
        return dict(_rows(evaluation.assessments))


def _rows(assessments: Any) -> Iterator[tuple[Key, Status]]:
    for each in assessments:
        for v in each.verdicts:
            attested = v.kind is FindingKind.ATTESTATION and v.setting != "attestation"
            kind = FindingKind.LOCK if attested else v.kind  # a lock that no flag shows
            if kind is not FindingKind.UNCOVERED:
                yield (each.scope.level, each.scope.id, v.control, v.setting, kind), v.status


def refusal(cause: Cause) -> ReadFailure:
    return ReadFailure(Unseen(cause, "gone"), "GET /gone", READ_AT)


def without_reads(reads: Reads, gone: list[tuple[Scope, View]], cause: Cause | None) -> Reads:
    """The same with some reads never made or refused."""
    left = {scope: dict(outcomes) for scope, outcomes in reads.items()}
    for scope, view in gone:
        if cause is None:
            left[scope].pop(view, None)
        else:
            left[scope][view] = refusal(cause)
    return left


def without_lists(reads: Reads, levels: list[Level], cause: Cause, kept: int) -> Reads:
    """The same where lists broke off: of each level only the first scopes are known."""
    (account,) = (scope for scope in reads if scope.level is Level.ACCOUNT)
    left = without_reads(reads, [(account, v) for at in levels for v in LISTINGS[at]], cause)
    for level in levels:
        for scope in [scope for scope in left if scope.level is level][kept:]:
            del left[scope]
    return left


OPEN = {Status.UNKNOWN, Status.NEEDS_DECISION, Status.ATTESTED}
"""What any verdict may become: nobody knows, or somebody still has to decide or has looked."""

UNNAMED: Mapping[Status, set[Status]] = {
    Status.WAIVED: {Status.FAIL},
    Status.NOT_APPLICABLE: {Status.PASS},
}
"""What it may become besides where a group has no name: a waiver for that group is not applied to
a deviation that was seen, nor an exception to a value that is fine without it."""

LOCKS_ALONE: Mapping[Status, set[Status]] = {Status.NOT_APPLICABLE: {Status.PASS, Status.FAIL}}
"""A lock that was seen is judged by itself where nobody can tell whether its setting applies."""


def compare(
    before: Mapping[Key, Status],
    after: Mapping[Key, Status],
    besides: Mapping[Status, set[Status]],
) -> None:
    """Assert that nothing came out better or worse, and that nothing went silent."""
    for key, status in before.items():
        now = after.get(key)
        if now is None:
            spoken = {k[2] for k in after if k[0] == key[0] and k[1].startswith("*")}
            assert key[2] in spoken or status is Status.NOT_APPLICABLE, ("silent", key)
        elif now is not status:
            seen = LOCKS_ALONE if key[4] == FindingKind.LOCK else besides
            assert now in OPEN | seen.get(status, set()), (key, status, now)
    assert not [k for k, s in after.items() if s is Status.PASS and k not in before]


@pytest.fixture(
    scope="module",
    params=["strict", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)],
)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def before(reads: Reads, decided: Organisation, name: str) -> Mapping[Key, Status]:
    return statuses(reads, decided, name)


@every_case("seed", range(8))
def test_reads_that_were_not_made_move_a_verdict_towards_unknown_only(
    reads: Reads, decided: Organisation, name: str, before: Mapping[Key, Status], seed: int
) -> None:
    dice = random.Random(seed)
    listings = {view for views in LISTINGS.values() for view in views}
    places = [(s, view) for s, views in reads.items() for view in sorted(views)]
    gone = dice.sample([place for place in places if place[1] not in listings], 2 + seed)
    cause = dice.choice([None, Cause.DENIED, Cause.ERROR, Cause.NOT_COLLECTED])
    compare(before, statuses(without_reads(reads, gone, cause), decided, name), {})


@every_case(
    "levels, kept",
    itertools.product([[Level.GROUP], [Level.USER], [Level.GROUP, Level.USER]], [0, 1]),
)
def test_lists_that_broke_off_move_a_verdict_towards_unknown_only(
    reads: Reads,
    decided: Organisation,
    name: str,
    before: Mapping[Key, Status],
    levels: list[Level],
    kept: int,
) -> None:
    left = without_lists(reads, levels, Cause.DENIED, kept)
    compare(before, statuses(left, decided, name), UNNAMED)


def test_without_any_lock_document_no_lock_passes(reads: Reads, decided: Organisation) -> None:
    gone = [(s, v) for s, views in reads.items() for v in views if v.surface == "lock_settings"]
    assert gone
    after = statuses(without_reads(reads, gone, Cause.DENIED), decided, "strict")
    locks = {
        k: s for k, s in after.items() if k[4] == FindingKind.LOCK and k[0] in ("account", "group")
    }
    assert locks
    assert not {Status.PASS, Status.FAIL} & set(locks.values())


def test_the_account_to_start_from_holds_every_kind_of_verdict(
    reads: Reads, decided: Organisation
) -> None:
    found = set(statuses(reads, decided, "strict").values())
    assert found >= {Status.PASS, Status.FAIL, Status.WAIVED, Status.NOT_APPLICABLE}
