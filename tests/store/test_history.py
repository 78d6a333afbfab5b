"""The history stores runs as a whole, their findings as periods, and their evidence."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.evidence.read_plan import COVERAGE_VIEWS
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import Document
from auditor.findings.drift import FindingState
from auditor.findings.model import (
    Actor,
    BaselineInfo,
    FindingHistory,
    LifecycleState,
    Severity,
    Status,
)
from auditor.store import tables
from auditor.store.errors import RunNotFound
from auditor.store.runs import SNAPSHOT, Runs
from auditor.store.series import EVERY_RUN, RunFilter, Series
from tests.every_case import every_case
from tests.report.worlds import HOSTILE, deviation, judged
from tests.store.nights import ACCOUNT, ZOOM, Nights, fingerprint_of, listed, user

FAIL, UNKNOWN, WAIVED = Status.FAIL, Status.UNKNOWN, Status.WAIVED
MANY = tables.findings, tables.periods


# What a run says of itself


def test_an_empty_history_has_no_runs_and_leaves_no_file(tmp_path: Path) -> None:
    with closing(Nights(Runs(tmp_path / "data"))) as nights:
        assert nights.history.runs() == []
        assert nights.history.newest() is None
        assert nights.history.find("20261121T000000-000Z-aaaaaa") is None
        assert nights.history.evidence("20261121T000000-000Z-aaaaaa") is None
    assert not (tmp_path / "data").exists()


def test_the_facts_of_a_run_come_back(nights: Nights) -> None:
    snapshot, run = nights.read({"u1": FAIL, "u2": UNKNOWN}, exit_code=1, fail_on="high")
    entry = nights.keep(snapshot, run)
    facts, info = entry.facts, run.info
    for name in ("id", "account_id", "api_url", "started_at", "finished_at", "depth"):
        assert getattr(facts, name) == getattr(info, name)
    assert (facts.baseline.id, facts.baseline.version) == ("strict", "1.0.0")
    assert facts.baseline.digest == info.baseline.digest
    assert facts.evidence_digest == info.evidence_digest
    assert (facts.complete, facts.exit_code, facts.fail_on) == (info.complete, 1, "high")
    assert facts.tool_version == run.tool_version
    assert (facts.deviations, facts.unknown, facts.judged) == (1, 1, 2)
    assert facts.by_severity == {"critical": 1}
    assert facts.coverage == {"user": 3}
    assert facts.controls == frozenset(run.controls)
    assert (entry.number, entry.selection, entry.stopped) == (1, "", "")


def test_runs_are_listed_oldest_first_and_by_account(nights: Nights) -> None:
    first, second = nights.night(), nights.night(account_id="other")
    third = nights.night()
    assert nights.history.runs() == [first, second, third]
    assert nights.history.runs(RunFilter("acc-1")) == [first, third]
    assert nights.history.newest() == third


def test_a_run_that_is_not_there_is_reported(nights: Nights) -> None:
    nights.night()
    with pytest.raises(RunNotFound, match=r'"20200101".*auditor history'):
        nights.history.get("20200101")


@pytest.mark.parametrize("name", ["\x00", "a\udcffb", "x" * 10_000, "'; DROP TABLE runs; --"])
def test_a_run_with_an_impossible_name_is_not_there(nights: Nights, name: str) -> None:
    nights.night()
    assert nights.history.find(name) is None
    assert nights.history.evidence(name) is None


# How findings stood


def test_every_finding_but_a_pass_comes_back_as_it_stood(nights: Nights) -> None:
    value = deviation("RC-02", observed={"enable": True, "who": ["a", 1, None]})
    account = deviation("AI-01", Level.ACCOUNT, severity=Severity.LOW)
    results = {"u1": FAIL, "u2": UNKNOWN, "u3": Status.PASS}
    more = [judged(user("u4", "Ada"), [value]), judged(ACCOUNT, [account])]
    entry = nights.night(results, more=more)
    found = {(each.scope.id, each.control): each for each in nights.finding_states(entry)}
    assert found.keys() == {("u1", "AI-01"), ("u2", "AI-01"), ("u4", "RC-02"), ("acc-1", "AI-01")}
    assert found["u4", "RC-02"] == FindingState(
        fingerprint=found["u4", "RC-02"].fingerprint,
        control="RC-02",
        kind=value.kind,
        scope=Scope(Level.USER, "u4", "Ada"),
        setting=value.setting,
        status=FAIL,
        severity=value.severity,
        observed=value.observed,
        first_seen=parse_rfc3339(nights.now),
        since=parse_rfc3339(nights.now),
    )
    assert found["u1", "AI-01"].fingerprint == fingerprint_of("u1")
    assert found["u2", "AI-01"].cause is Cause.DENIED
    assert found["acc-1", "AI-01"].severity is Severity.LOW


def test_states_come_by_fingerprint(nights: Nights) -> None:
    entry = nights.night({f"u{at}": FAIL for at in range(40)}, users=())
    fingerprints = [state.fingerprint for state in nights.finding_states(entry)]
    assert fingerprints == sorted(fingerprints)
    assert len(fingerprints) == 40


def test_a_run_of_the_past_stays_as_it_was(nights: Nights) -> None:
    first = nights.night({"u1": FAIL, "u2": FAIL})
    second = nights.night({"u1": FAIL, "u2": UNKNOWN})
    third = nights.night({"u3": WAIVED})
    assert nights.statuses(first) == {"u1": FAIL, "u2": FAIL}
    assert nights.statuses(second) == {"u1": FAIL, "u2": UNKNOWN}
    assert nights.statuses(third) == {"u3": WAIVED}


def test_two_findings_with_one_fingerprint_count_as_the_worse(nights: Nights) -> None:
    worse, other = deviation("AI-01"), deviation("AI-01", severity=Severity.LOW, observed="b")
    entry = nights.night(more=[judged(user("u1"), [other, worse])], users=())
    (state,) = nights.finding_states(entry)
    assert state.severity is worse.severity


def test_a_new_name_of_a_user_is_taken_over(nights: Nights) -> None:
    nights.night({"u1": FAIL}, names={"u1": "Ada Smith"})
    entry = nights.night({"u1": FAIL}, names={"u1": "Ada Jones"})
    (state,) = nights.finding_states(entry)
    assert state.scope.name == "Ada Jones"
    assert state.since == nights.at(1)


@every_case("name", HOSTILE)
def test_any_name_and_any_value_can_be_stored(nights: Nights, name: str) -> None:
    verdict = deviation("AI-01", setting=f"a.{name}", observed={"value": name, name: [name]})
    scope = user(f"u{name}", name or "x")
    first = nights.night(more=[judged(scope, [verdict])], users=())
    then = parse_rfc3339(nights.now)
    second = nights.night(more=[judged(scope, [verdict])], users=())
    for entry in (first, second):
        (state,) = nights.finding_states(entry)
        assert state.observed == verdict.observed
        assert state.since == then
        if "\x00" not in name and "\ud83d" not in name:
            assert (state.scope.id, state.setting) == (scope.id, verdict.setting)


def test_a_night_on_which_nothing_changes_writes_no_finding(nights: Nights) -> None:
    def rows() -> list[int]:
        with nights.history.database.reading() as connection:
            counts = (sa.select(sa.func.count()).select_from(each) for each in MANY)
            return [connection.execute(count).scalar() or 0 for count in counts]

    nights.night({"u1": FAIL, "u2": UNKNOWN}, refused=True)
    written = rows()
    nights.night({"u1": FAIL, "u2": UNKNOWN}, refused=True)
    assert rows() == written == [2, 2]
    nights.night({"u1": FAIL})
    assert rows() == [2, 2]
    nights.night({"u1": FAIL, "u2": FAIL})
    assert rows() == [2, 3]


# Pasts


def test_a_finding_keeps_its_first_day_and_tells_since_when_it_stands_so(nights: Nights) -> None:
    nights.night()
    first = nights.night({"u1": UNKNOWN})
    second = nights.night({"u1": FAIL})
    third = nights.night({"u1": FAIL})
    day = nights.at(2)
    assert nights.past(first) == FindingHistory(day, day, None)
    assert nights.past(second) == FindingHistory(day, nights.at(3), LifecycleState.NEW)
    assert nights.past(third) == FindingHistory(day, nights.at(3), LifecycleState.PERSISTING)


def test_a_finding_that_passes_is_put_right_since_the_run_that_saw_it(nights: Nights) -> None:
    nights.night({"u1": FAIL})
    second = nights.night()
    third = nights.night()
    fourth = nights.night({"u1": FAIL})
    for entry in (second, third):
        assert nights.past(entry) == FindingHistory(
            nights.at(1), nights.at(2), LifecycleState.RESOLVED
        )
    assert nights.past(fourth) == FindingHistory(
        nights.at(1), nights.at(4), LifecycleState.REGRESSED
    )


def test_a_finding_never_reported_has_no_past(nights: Nights) -> None:
    first = nights.night({"u2": FAIL})
    nights.night({"u1": FAIL})
    assert nights.past(first, "u1") is None


def test_another_value_is_another_spell_of_the_same_life(nights: Nights) -> None:
    nights.night({"u1": deviation("AI-01", observed=1)})
    entry = nights.night({"u1": deviation("AI-01", observed=2)})
    assert nights.past(entry) == FindingHistory(
        nights.at(1), nights.at(2), LifecycleState.PERSISTING
    )


def test_who_changed_a_setting_stays_with_the_finding(nights: Nights) -> None:
    actor = Actor(
        "ada@example.com \x00 \ud83d 🏥", parse_rfc3339("2026-11-21T20:00:00Z"), "Summary: On"
    )
    first = nights.night({"u1": FAIL, "u2": FAIL})
    nights.history.attribute(first, {fingerprint_of("u1"): actor, "sha256:unheard of": actor})
    second = nights.night({"u1": FAIL, "u2": FAIL})
    third = nights.night({"u1": UNKNOWN})
    assert nights.past(second) == FindingHistory(
        nights.at(1), nights.at(1), LifecycleState.PERSISTING, actor
    )
    for past in (nights.past(second, "u2"), nights.past(third)):
        assert past is not None
        assert past.changed_by is None


# Scopes that nobody could see


def test_users_that_could_not_be_listed_are_unknown_and_never_put_right(nights: Nights) -> None:
    nights.night({"u1": FAIL})
    blind = nights.night(refused=True)
    again = nights.night(refused=True)
    (state,) = nights.finding_states(again)
    assert (state.status, state.cause) == (UNKNOWN, Cause.NOT_COLLECTED)
    assert (state.observed, state.since) == (None, nights.at(2))
    for entry in (blind, again):
        assert nights.past(entry) == FindingHistory(nights.at(1), nights.at(2), None)
    seen = nights.night({"u1": FAIL})
    assert nights.past(seen) == FindingHistory(
        nights.at(1), nights.at(4), LifecycleState.PERSISTING
    )


def test_a_finding_of_the_account_is_put_right_whatever_became_of_the_user_list(
    nights: Nights,
) -> None:
    at_account = judged(ACCOUNT, [deviation("AI-01", Level.ACCOUNT)])
    nights.night(more=[at_account])
    assert nights.finding_states(nights.night(refused=True)) == []


def test_a_control_that_was_not_assessed_leaves_no_unknown_of_a_user(nights: Nights) -> None:
    nights.night({"u1": FAIL})
    snapshot, run = nights.read(refused=True)
    entry = nights.keep(snapshot, replace(run, controls={}))
    assert nights.finding_states(entry) == []


def test_findings_of_a_deleted_user_end(nights: Nights) -> None:
    nights.night({"u1": FAIL, "u2": FAIL})
    entry = nights.night({"u2": FAIL}, users=["u2", "u3"])
    assert nights.statuses(entry) == {"u2": FAIL}


def test_meetings_of_a_host_that_could_not_be_listed_are_unknown(nights: Nights) -> None:
    meeting = Scope(Level.MEETING, "811", "Review")
    found = judged(meeting, [deviation("AI-01")])
    view = COVERAGE_VIEWS[Level.MEETING, "meeting"]

    def night(*nobody: Scope) -> dict[str, Status]:
        snapshot, run = nights.read(more=[] if nobody else [found])
        snapshot.record(ACCOUNT, view, Document({"listed": 0}, "GET /meetings", nights.now))
        for scope in nobody:
            snapshot.add_scope(scope)
        return nights.statuses(nights.keep(snapshot, run))

    assert night() == {"811": FAIL}
    assert night(Scope(Level.MEETING, "*u7", "Ada")) == {"811": UNKNOWN}


def test_meetings_that_are_over_end(nights: Nights) -> None:
    found = judged(Scope(Level.MEETING, "811"), [deviation("AI-01")])
    view = COVERAGE_VIEWS[Level.MEETING, "meeting"]
    nights.night(more=[found])
    snapshot, run = nights.read()
    snapshot.record(ACCOUNT, view, listed(nights.now, refused=False))
    assert nights.finding_states(nights.keep(snapshot, run)) == []


# Series


@pytest.mark.parametrize(
    "other",
    [
        {"account_id": "other"},
        {"api_url": "https://api.zoomgov.com/v2"},
        {"depth": "account"},
        {"baseline": BaselineInfo("own", "1.0.0", "sha256:" + "ab" * 32)},
        {"selected": frozenset({"AI-01"})},
    ],
    ids=repr,
)
def test_runs_that_were_judged_otherwise_are_another_story(
    nights: Nights, other: dict[str, object]
) -> None:
    nights.night({"u1": FAIL})
    entry = nights.night({"u2": FAIL}, **other)
    assert nights.statuses(entry) == {"u2": FAIL}
    assert entry.number == 1
    assert nights.history.before(entry) is None
    assert nights.history.trend(entry) == []
    last = nights.night({"u1": FAIL})
    assert nights.past(last) == FindingHistory(
        nights.at(1), nights.at(1), LifecycleState.PERSISTING
    )
    assert last.number == 2


def test_a_local_api_on_another_port_is_the_same_place(nights: Nights) -> None:
    nights.night({"u1": FAIL}, api_url="http://127.0.0.1:4001/v2")
    entry = nights.night({"u1": FAIL}, api_url="http://127.0.0.1:4002/v2")
    past = nights.past(entry)
    assert past is not None
    assert past.lifecycle is LifecycleState.PERSISTING


def test_the_run_before_and_the_newest_of_a_series_are_found(nights: Nights) -> None:
    first, _, third = nights.night(), nights.night(depth="account"), nights.night()
    assert nights.history.before(third) == first
    series = Series.for_selection("acc-1", ZOOM, "strict", "user", None)
    assert nights.history.last_of(series) == third
    assert nights.history.last_of(replace(series, account_id="other")) is None


def test_the_run_that_was_accepted_last_counts(nights: Nights) -> None:
    first, second = nights.night(), nights.night()
    nights.night(account_id="other")
    mine = RunFilter("acc-1", ZOOM)
    assert nights.history.accepted(mine) == []
    nights.history.accept(second, nights.now, "known \x00 \ud83d")
    nights.history.accept(first, nights.now, "")
    assert [each.entry for each in nights.history.accepted(mine)] == [first, second]
    assert nights.history.accepted(RunFilter("other", ZOOM)) == []
    nights.history.set_aside(first.facts.id, "a trial")
    assert [each.entry for each in nights.history.accepted(mine)] == [second]


# A run that went on


def test_a_run_that_is_stored_already_is_not_stored_twice(nights: Nights) -> None:
    snapshot, run = nights.read({"u1": FAIL})
    file = nights.folder(run.info.id) / SNAPSHOT
    for _ in range(2):
        nights.history.add(run, snapshot, file, None, "")
    snapshot.close()
    (entry,) = nights.history.runs()
    assert nights.statuses(entry) == {"u1": FAIL}


def test_a_run_that_went_on_is_stored_anew_as_if_it_never_had_stopped(nights: Nights) -> None:
    nights.night({"u1": FAIL, "u2": FAIL})
    stopped = nights.night({"u1": UNKNOWN, "u3": FAIL}, stopped="the daily limit is used up")
    assert stopped.stopped == "the daily limit is used up"
    done = nights.night({"u1": FAIL, "u2": FAIL}, run_id=stopped.facts.id)
    assert (done.number, done.stopped, done.facts.finished_at) == (
        2,
        "",
        parse_rfc3339(nights.now),
    )
    assert nights.statuses(done) == {"u1": FAIL, "u2": FAIL}
    for zoom_id in ("u1", "u2"):
        expected = FindingHistory(nights.at(1), nights.at(1), LifecycleState.PERSISTING)
        assert nights.past(done, zoom_id) == expected
    assert nights.past(done, "u3") is None
    assert len(nights.history.runs()) == 2


def test_a_run_that_stopped_again_at_once_tells_why_it_stopped_last(nights: Nights) -> None:
    snapshot, run = nights.read({"u1": FAIL}, stopped="the daily limit")
    entry = nights.keep(snapshot, run)
    with Snapshot.open(nights.folder(run.info.id) / SNAPSHOT, write=True) as again:
        again.set_metadata("stopped", "no answer")
        assert nights.keep(again, run).stopped == "no answer"
    assert len(nights.history.runs()) == 1
    assert entry.number == 1


def test_a_run_that_went_on_after_a_later_one_comes_after_that(nights: Nights) -> None:
    stopped = nights.night({"u1": FAIL}, stopped="the daily limit is used up")
    later = nights.night({"u1": FAIL, "u2": FAIL})
    begun = {"run_id": stopped.facts.id, "started_at": stopped.facts.started_at}
    done = nights.night({"u1": FAIL}, **begun)
    assert nights.history.before(done) == later
    assert [each.facts.id for each in nights.history.runs()] == [later.facts.id, done.facts.id]
    assert nights.statuses(later) == {"u1": FAIL, "u2": FAIL}
    assert nights.past(done) == FindingHistory(
        nights.at(1), nights.at(1), LifecycleState.PERSISTING
    )
    assert nights.past(done, "u2") == FindingHistory(
        nights.at(2), nights.at(3), LifecycleState.RESOLVED
    )


# Evidence


@pytest.mark.slow  # so many users that the evidence is stored in several pieces
def test_evidence_comes_back_byte_for_byte(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot, run = nights.read({"u1": FAIL}, users=[f"u{at}" for at in range(40_000)])
    content = (nights.folder(run.info.id) / SNAPSHOT).read_bytes()
    assert len(content) > 1 << 20
    nights.keep(snapshot, run)
    found: list[bytes] = []

    def seen(path: Path) -> Snapshot:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        found.append(path.read_bytes())
        return opened(path)

    opened = Snapshot.open
    monkeypatch.setattr(Snapshot, "open", seen)
    with closing(nights.runs.open(run.info.id)) as evidence:
        assert evidence.digest() == run.info.evidence_digest
        assert evidence.meta("finished_at") == nights.now
        assert evidence.count(Level.USER) == 40_000
    assert found == [content]
    assert list((nights.runs.home / "tmp").iterdir()) == []
    assert not nights.folder(run.info.id).exists()


def test_evidence_whose_log_could_not_be_merged_stands_by_itself(nights: Nights) -> None:
    snapshot, run = nights.read({"u1": FAIL})
    snapshot._db.execute("PRAGMA journal_mode = WAL")
    snapshot.set_metadata("later", "than the file")
    nights.keep(snapshot, run)
    with closing(nights.runs.open(run.info.id)) as evidence:
        assert evidence.meta("later") == "than the file"
        assert evidence.digest() == run.info.evidence_digest
    assert list((nights.runs.home / "tmp").iterdir()) == []


def test_evidence_can_be_read_by_two_at_once(nights: Nights) -> None:
    entry = nights.night()
    with (
        closing(nights.runs.open(entry.facts.id)) as one,
        closing(nights.runs.open("latest")) as other,
    ):
        assert one.digest() == other.digest() == entry.facts.evidence_digest


# Forgetting


def test_what_is_left_tells_the_same_after_runs_were_removed(nights: Nights) -> None:
    stories = {"u1": "FF.F?", "u2": "?FFFF", "u3": ".F?FF", "u4": "F?FWF", "u5": "F...F"}
    letters = {"F": FAIL, "?": UNKNOWN, "W": WAIVED}
    entries = [
        nights.night(
            {each: letters[story[at]] for each, story in stories.items() if story[at] != "."}
        )
        for at in range(5)
    ]
    left = entries[2], entries[4]
    before = [(nights.finding_states(each), nights.past(each, "u1")) for each in left]
    nights.history.remove([entries[0], entries[1], entries[3]])
    assert [each.facts.id for each in nights.history.runs()] == [each.facts.id for each in left]
    assert [(nights.finding_states(each), nights.past(each, "u1")) for each in left] == before
    assert nights.runs.history.evidence(entries[0].facts.id) is None
    with closing(nights.runs.open(left[0].facts.id)) as evidence:
        assert evidence.digest() == left[0].facts.evidence_digest


def test_a_finding_that_no_run_is_left_of_is_forgotten(nights: Nights) -> None:
    first = nights.night({"u1": FAIL, "u2": FAIL})
    second = nights.night({"u1": FAIL})
    assert nights.history.remove([first]) == 1
    assert nights.past(second, "u2") is None
    assert nights.past(second) == FindingHistory(
        nights.at(1), nights.at(1), LifecycleState.PERSISTING
    )


def test_after_the_newest_was_removed_the_next_goes_on_from_the_one_before(nights: Nights) -> None:
    nights.night({"u1": FAIL, "u2": FAIL})
    gone = nights.night({"u1": UNKNOWN, "u3": FAIL})
    assert nights.history.remove([gone]) == 1
    entry = nights.night({"u1": FAIL})
    assert nights.past(entry) == FindingHistory(
        nights.at(1), nights.at(1), LifecycleState.PERSISTING
    )
    assert nights.past(entry, "u2") == FindingHistory(
        nights.at(1), nights.at(3), LifecycleState.RESOLVED
    )
    assert nights.past(entry, "u3") is None
    assert nights.statuses(entry) == {"u1": FAIL}


def test_a_series_without_runs_is_gone_with_all_it_had(nights: Nights) -> None:
    gone = nights.night({"u1": FAIL}, depth="account")
    left = nights.night({"u1": FAIL})
    nights.history.accept(gone, nights.now, "")
    assert nights.history.remove([gone]) == 1
    entry = nights.night({"u1": FAIL}, depth="account")
    assert entry.number == 1
    assert nights.past(entry) == FindingHistory(nights.at(3), nights.at(3), LifecycleState.NEW)
    assert nights.history.accepted(EVERY_RUN) == []
    assert nights.past(left) == FindingHistory(nights.at(2), nights.at(2), LifecycleState.NEW)


@pytest.mark.slow
def test_thousands_of_runs_can_be_removed_at_once(nights: Nights) -> None:
    entry = nights.night({"u1": FAIL})
    unheard = [replace(entry, facts=replace(entry.facts, id=str(at))) for at in range(40_000)]
    assert nights.history.remove([*unheard, entry]) == 1
    assert nights.history.runs() == []


def test_removing_gives_back_the_room(tmp_path: Path) -> None:
    with closing(Nights(Runs(tmp_path / "data"))) as nights:
        big = nights.night(users=[f"u{at}" for at in range(3_000)])
        nights.night()
        nights.close()
        before = (tmp_path / "data" / "history.sqlite").stat().st_size
        nights.history.remove([big])
        nights.close()
        assert (tmp_path / "data" / "history.sqlite").stat().st_size < before


# Several processes


def test_what_one_stored_another_sees(nights: Nights, again: Callable[[], Nights]) -> None:
    entry = nights.night({"u1": FAIL})
    other = again()
    assert other.history.runs() == [entry]
    later = other.night({"u1": FAIL})
    past = nights.past(later)
    assert past is not None
    assert past.lifecycle is LifecycleState.PERSISTING
