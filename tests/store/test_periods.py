"""Periods agree with a model that keeps the findings of every run, whatever happens to the runs."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.model import FindingHistory, LifecycleState, Status
from auditor.store.history import StoredRun
from auditor.store.runs import Runs
from tests.builders import FIXED
from tests.store.conftest import POSTGRESQL
from tests.store.nights import Nights

USERS = ("u1", "u2", "u3")
STATUSES = [
    Status.FAIL,
    Status.FAIL,
    Status.UNKNOWN,
    Status.WAIVED,
    Status.ATTESTED,
    Status.NOT_APPLICABLE,
    Status.NEEDS_DECISION,
]
DEVIATING = {Status.FAIL, Status.WAIVED}
DETERMINATE = {*DEVIATING, Status.ATTESTED, Status.NOT_APPLICABLE, None}


@dataclass(frozen=True)
class Night:
    """The findings of a night."""

    results: Mapping[str, Status]
    users: Sequence[str]
    refused: bool
    goes_on: bool
    """True if it resumes the run of the night before, which was stopped."""


@dataclass(frozen=True)
class Removal:
    """Deleted runs, by their position among the remaining ones."""

    places: frozenset[int]


NIGHTS = st.builds(
    Night,
    results=st.dictionaries(st.sampled_from(USERS), st.sampled_from(STATUSES)),
    users=st.sampled_from([USERS, USERS, USERS[:2], ()]),
    refused=st.sampled_from([False, False, False, True]),
    goes_on=st.sampled_from([False, False, False, True]),
)
REMOVALS = st.builds(Removal, st.frozensets(st.integers(0, 6), max_size=4))
STORIES = st.lists(st.one_of(NIGHTS, NIGHTS, NIGHTS, REMOVALS), min_size=1, max_size=10)


@dataclass
class ModelRun:
    """A run in the model: the state of every finding, and whether the run still exists."""

    entry: StoredRun
    at: datetime
    stood: dict[str, tuple[Status, str]]
    """User to status, and what distinguishes two periods of one status."""
    left: bool = True


@dataclass
class Model:
    """Keeps the findings of every run, and derives everything from them."""

    runs: list[ModelRun] = field(default_factory=list)

    def add(self, entry: StoredRun, night: Night, at: datetime) -> None:
        before = self.runs[-1].stood if self.runs else {}
        stood = {each: (status, "reported") for each, status in night.results.items()}
        if night.refused:
            for each in before.keys() - stood.keys():
                stood[each] = Status.UNKNOWN, "unseen"
        self.runs.append(ModelRun(entry, at, stood))

    def remove(self, gone: Sequence[ModelRun]) -> None:
        if not gone:
            return
        for each in gone:
            each.left = False
        while self.runs and not self.runs[-1].left:
            self.runs.pop()
        remaining = {each for run in self.runs if run.left for each in run.stood}
        for run in self.runs:
            run.stood = {each: how for each, how in run.stood.items() if each in remaining}

    def left(self) -> list[ModelRun]:
        return [run for run in self.runs if run.left]

    def past(self, number: int, zoom_id: str) -> FindingHistory | None:
        story = [run.stood.get(zoom_id) for run in self.runs[: number + 1]]
        reported = [at for at, how in enumerate(story) if how is not None]
        if not reported:
            return None
        since = number
        while since and story[since - 1] == story[number]:
            since -= 1
        statuses = [how and how[0] for how in story]
        return FindingHistory(self.runs[reported[0]].at, self.runs[since].at, life(statuses))


def life(story: Sequence[Status | None]) -> LifecycleState | None:
    *earlier, now = story
    known = [status for status in earlier if status in DETERMINATE]
    was = any(status in DEVIATING for status in earlier)
    if now is Status.FAIL:
        if not was:
            return LifecycleState.NEW
        return LifecycleState.PERSISTING if known[-1] in DEVIATING else LifecycleState.REGRESSED
    if now in DETERMINATE and now is not Status.WAIVED and was:
        return LifecycleState.RESOLVED
    return None


@pytest.fixture(scope="module", params=["sqlite", POSTGRESQL])
def places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Iterator[Nights]]:
    """Successive nights, each for an account of its own in one history."""
    server = request.getfixturevalue("server") if request.param == "postgresql" else None
    home = tmp_path_factory.mktemp("periods")
    runs = Runs(home, server.database() if server is not None else None)
    with closing(Nights(runs)):
        yield (Nights(runs) for _ in itertools.count())


NUMBERS = itertools.count()


@settings(FIXED, max_examples=40)
@given(story=STORIES)
def test_periods_agree_with_a_model_that_keeps_every_run(
    places: Iterator[Nights], story: Sequence[Night | Removal]
) -> None:
    nights, model, account = next(places), Model(), f"acc-{next(NUMBERS)}"
    for step in story:
        if isinstance(step, Removal):
            gone = [run for at, run in enumerate(model.left()) if at in step.places]
            nights.history.remove([run.entry for run in gone])
            model.remove(gone)
        else:
            _store(nights, model, step, account)
        _same(nights, model)


def _store(nights: Nights, model: Model, night: Night, account: str) -> None:
    run_id = None
    if night.goes_on and model.runs:
        run_id = model.runs.pop().entry.facts.id
        nights.runs.discard(run_id)
        event("went on")
    how = {"users": night.users, "refused": night.refused, "run_id": run_id}
    entry = nights.night(night.results, account_id=account, **how)
    model.add(entry, night, parse_rfc3339(nights.now))


def _same(nights: Nights, model: Model) -> None:
    for number, run in enumerate(model.runs):
        if not run.left:
            continue
        expected = {each: how[0] for each, how in run.stood.items()}
        assert nights.statuses(run.entry) == expected
        for state in nights.finding_states(run.entry):
            past = model.past(number, state.scope.id)
            assert past is not None
            assert (state.first_seen, state.since) == (past.first_seen, past.since)
        for each in USERS:
            assert nights.past(run.entry, each) == model.past(number, each)


def test_the_model_can_fail(tmp_path: Path) -> None:
    with closing(Nights(Runs(tmp_path))) as nights:
        model, night = Model(), Night({"u1": Status.FAIL}, USERS, False, False)
        _store(nights, model, night, "acc-1")
        _same(nights, model)
        model.runs[0].stood["u2"] = Status.FAIL, "reported"
        with pytest.raises(AssertionError):
            _same(nights, model)
