"""The verdict store agrees with a plain list: in every order, weighted, on disk and in memory."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document
from auditor.findings import verdict_store as module
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.rollup import Aggregator, Rollup, roll_up
from auditor.findings.verdict_store import Assessment, VerdictSet, VerdictStore
from tests.builders import FIXED
from tests.report.worlds import deviation, judged, run_of, unknown, user

ENOUGH = settings(FIXED, max_examples=30)
AT = "2026-11-21T20:00:00.000Z"
MANY = (Level.USER, Level.MEETING)


def verdict(
    control: str, setting: str, severity: Severity, kind: FindingKind, status: Status
) -> Verdict:
    cause = Cause.DENIED if status is Status.UNKNOWN else None
    return Verdict(control, kind, status, severity, setting, cause=cause)


VERDICTS = st.builds(
    verdict,
    st.sampled_from(["AI-01", "AI-02", "RC-01"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(list(Severity)),
    st.sampled_from([FindingKind.VALUE, FindingKind.LOCK]),
    st.sampled_from([Status.FAIL, Status.PASS, Status.UNKNOWN]),
)
SCOPES = st.builds(
    Scope,
    st.sampled_from([Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING]),
    st.sampled_from(["10", "9", "a", "B", "ü", "*", "z"]),
    st.sampled_from(["", "Ada", "ada", "Ärger", "zoë"]),
    st.sampled_from(["", "Ada@example.com"]),
)
SETS = st.lists(st.lists(VERDICTS, max_size=5).map(VerdictSet.of), min_size=1, max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> list[Assessment]:
    """Distinct scopes that share a few sets of verdicts."""
    shared = draw(SETS)
    scopes = draw(st.lists(SCOPES, max_size=12, unique_by=lambda scope: (scope.level, scope.id)))
    return [Assessment(scope, draw(st.sampled_from(shared))) for scope in scopes]


def in_memory(assessments: Sequence[Assessment]) -> VerdictStore:
    return VerdictStore.of(assessments)


def on_disk(assessments: Sequence[Assessment]) -> VerdictStore:
    """Users and meetings as numbers beside a snapshot, everything else by itself."""
    snapshot = Snapshot.create()
    store = VerdictStore(snapshot.scope_index())
    for each in assessments:
        if each.scope.level in MANY and each.scope.id != "*":
            snapshot.add_scope(each.scope)
            store.add_shared(each.scope, each.verdict_set)
        else:
            store.add(each)
    store.flush()
    return store


def rolled(store: VerdictStore) -> Rollup:
    return roll_up(replace(run_of([]), assessments=store), names=2, worst=3)


KINDS = pytest.mark.parametrize("made", [in_memory, on_disk])
Made = Callable[[Sequence[Assessment]], VerdictStore]


def in_order(store: VerdictStore) -> list[tuple[Scope, Verdict]]:
    return [(each.scope, each.verdicts[position]) for each, position in store.in_order()]


def rows(store: VerdictStore) -> list[tuple[Scope, tuple[Verdict, ...]]]:
    return [(each.scope, each.verdicts) for each in store]


@KINDS
@ENOUGH
@given(world=worlds())
def test_verdicts_come_in_the_order_of_the_contract(made: Made, world: list[Assessment]) -> None:
    plain = [(each.scope, one) for each in world for one in each.verdicts]
    plain.sort(
        key=lambda pair: (
            pair[1].severity.rank, pair[1].control, pair[0].level.rank, pair[0].id,
            pair[1].setting, pair[1].kind,
        )
    )  # fmt: skip
    assert in_order(made(world)) == plain


@KINDS
@ENOUGH
@given(world=worlds())
def test_scopes_with_verdicts_come_by_level_and_id(made: Made, world: list[Assessment]) -> None:
    plain = sorted((each for each in world if each.verdicts), key=lambda each: each.scope.order)
    assert list(made(world)) == plain


@KINDS
@ENOUGH
@given(world=worlds())
def test_scopes_come_by_the_name_people_know(made: Made, world: list[Assessment]) -> None:
    def name(each: Assessment) -> tuple[int, str, str]:
        return each.scope.level.rank, each.scope.label.casefold(), each.scope.id

    plain = sorted((each for each in world if each.verdicts), key=name)
    assert list(made(world).by_name()) == plain


@KINDS
@ENOUGH
@given(world=worlds())
def test_shares_count_what_one_by_one_would_count(made: Made, world: list[Assessment]) -> None:
    plain = Counter((each.scope.level, one) for each in world for one in each.verdicts)
    shared: Counter[tuple[Level, Verdict]] = Counter()
    for share in made(world).shares():
        for one in share.verdicts:
            shared[share.level, one] += share.count
    assert shared == plain


@KINDS
@ENOUGH
@given(world=worlds())
def test_what_is_left_out_is_gone_everywhere_and_the_rest_stays(
    made: Made, world: list[Assessment]
) -> None:
    store = made(world)
    store.retain(lambda one: one.status is not Status.PASS)
    retained = [
        Assessment(
            each.scope,
            VerdictSet.of(one for one in each.verdicts if one.status is not Status.PASS),
        )
        for each in world
    ]
    assert rows(store) == rows(made(retained))
    assert in_order(store) == in_order(made(retained))


@ENOUGH
@given(world=worlds())
def test_a_rollup_is_the_same_from_numbers_on_disk_and_from_a_list(world: list[Assessment]) -> None:
    assert rolled(on_disk(world)) == rolled(in_memory(world))


@ENOUGH
@given(world=worlds())
def test_counting_equal_scopes_at_once_is_counting_one_by_one(world: list[Assessment]) -> None:
    weighted, single = Aggregator(5, 5), Aggregator(5, 5)
    for share in on_disk(world).shares():
        weighted.count(share)
    for share in in_memory(world).shares():
        single.count(share)
    assert {key: group.by_level for key, group in weighted.groups.items()} == {
        key: group.by_level for key, group in single.groups.items()
    }
    assert (weighted.controls, weighted.causes, weighted.deviating) == (
        single.controls, single.causes, single.deviating,
    )  # fmt: skip


FAILED = VerdictSet.of([verdict("AI-01", "a", Severity.HIGH, FindingKind.VALUE, Status.FAIL)])


def test_a_scope_that_is_kept_by_itself_is_reported_with_its_share() -> None:
    (only,) = in_memory([Assessment(Scope(Level.GROUP, "g"), FAILED)]).shares()
    assert (only.scope, only.count) == (Scope(Level.GROUP, "g"), 1)


def test_scopes_that_are_alike_are_one_share_a_level() -> None:
    world = [Assessment(Scope(Level.USER, f"u{n}"), FAILED) for n in range(7)]
    world += [Assessment(Scope(Level.MEETING, "m"), FAILED)]
    shares = {share.level: share.count for share in on_disk(world).shares()}
    assert shares == {Level.USER: 7, Level.MEETING: 1}


def test_a_scope_on_disk_keeps_the_times_of_its_requests() -> None:
    snapshot = Snapshot.create()
    scope = Scope(Level.USER, "u")
    snapshot.add_scope(scope)
    snapshot.record(scope, SETTINGS, Document({}, "GET /settings", AT))
    store = VerdictStore(snapshot.scope_index())
    store.add_shared(scope, FAILED)
    store.flush()
    (only,) = store
    assert only.observed_at == {"GET /settings": AT}


def test_more_verdicts_of_a_scope_come_to_those_it_has_with_their_times() -> None:
    scope, more = Scope(Level.ACCOUNT, "acc"), VerdictSet.of([unknown(Cause.DENIED)])
    store = in_memory([Assessment(scope, FAILED, {"a": AT}), Assessment(scope, more, {"b": AT})])
    (only,) = store
    assert only.verdicts == (*FAILED.verdicts, *more.verdicts)
    assert only.observed_at == {"a": AT, "b": AT}


def test_scopes_that_go_to_disk_in_several_batches_are_all_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BATCH_SIZE", 3)
    snapshot = Snapshot.create()
    store = VerdictStore(snapshot.scope_index())
    for number in range(10):
        scope = Scope(Level.USER, f"u{number}")
        snapshot.add_scope(scope)
        store.add_shared(scope, FAILED)
    store.flush()
    assert len(list(store)) == 10


def test_a_store_can_be_gone_through_again_and_while_it_is_gone_through() -> None:
    store = on_disk([Assessment(Scope(Level.USER, f"u{n}"), FAILED) for n in range(5)])
    pairs = [(one.scope.id, other.scope.id) for one in store for other in store]
    assert len(pairs) == 25


def test_a_group_that_many_tuples_fill_names_no_more_than_requested() -> None:
    same = deviation()
    each = [judged(user(n), [same, deviation(setting=f"s{n}")]) for n in range(6)]
    (shared,) = [g for g in roll_up(run_of(each), names=2).groups if g.count == 6]
    assert [scope.id for scope in shared.scopes] == ["u00000", "u00001"]


def test_the_times_of_a_group_span_all_that_share_its_verdict() -> None:
    times = ["2026-11-21T21:00:00Z", "2026-11-21T23:00:00Z", "2026-11-21T20:00:00Z"]
    shared = VerdictSet.of([deviation()])
    source = shared.verdicts[0].source
    world = [Assessment(user(n), shared, {source: at}) for n, at in enumerate(times)]
    (only,) = roll_up(run_of(world)).groups
    assert (only.observed_from, only.observed_to) == (times[2], times[1])
