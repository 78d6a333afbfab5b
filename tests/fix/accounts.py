"""Small generated accounts, and an exhaustive search for the fewest changes to them.

The search here knows nothing of the program: one switch, one lock, the rules of inheritance, and
every combination of changes.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.model import Status
from auditor.fix.changed_evidence import EvidenceChange, changed_evidence
from auditor.fix.model import PlanStep
from auditor.fix.planner import Planner
from auditor.fix.recorded import FixPolicy
from auditor.fix.search import PlanLimits
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.waivers import Waiver, WaiversAndAttestations
from auditor.policy.evaluation.evaluate import Evaluation, evaluate
from tests.builders import (
    ACCOUNT,
    TODAY,
    Bodies,
    baseline_of,
    check,
    expected_control,
    group,
    nested,
    override_entry,
    overrides_of,
    snapshot_of,
    user,
    waiver_entry,
)

SETTING = "recording.cloud_recording"
NAMES = ("Clinical", "Legal", "Sales")


@dataclass(frozen=True)
class State:
    """Values and locks of the account, the groups and the users of a small account."""

    account: bool
    locked: bool
    groups: tuple[bool, ...]
    group_locks: tuple[bool, ...]
    users: tuple[bool, ...]


@dataclass(frozen=True)
class SmallAccount:
    """One switch that should be off, in an account with a few groups and users."""

    state: State
    members: tuple[tuple[int, ...], ...]
    """For each user, the numbers of their groups."""
    is_lock_due: bool
    overrides: Mapping[int, bool] = field(default_factory=dict)
    """Number of a group to the value that an override expects of it and of its members."""
    waived: frozenset[int] = frozenset()
    """Groups with a waiver, which covers their members."""

    @classmethod
    def generated(cls, seed: int, most: int = 2) -> "SmallAccount":
        """An account of at most `most` groups and users whose evidence contradicts itself
        nowhere."""
        chance = random.Random(seed)

        def flip(share: float = 0.5) -> bool:
            return chance.random() < share

        count = chance.randint(0, most)
        members = tuple(
            tuple(chance.sample(range(count), min(count, chance.choice((0, 1, 1, 2)))))
            for _ in range(chance.randint(1, most))
        )
        account, locked = flip(0.6), flip(0.2)
        groups = tuple(account if locked or flip() else flip() for _ in range(count))
        group_locks = tuple(locked or flip(0.2) for _ in range(count))
        users = []
        for own_groups in members:
            holding = [n for n in own_groups if group_locks[n]]
            above = groups[own_groups[0]] if own_groups else account
            forced = account if locked else groups[holding[0]] if holding else None
            users.append(forced if forced is not None else above if flip() else flip())
        decided = {n: flip() for n in range(count) if flip(0.25)}
        waived = frozenset(n for n in range(count) if n not in decided and flip(0.25))
        state = State(account, locked, groups, group_locks, tuple(users))
        return cls(state, members, flip(0.6), decided, waived)

    # As evidence and policy

    @property
    def snapshot(self) -> Snapshot:
        """The evidence."""
        state = self.state
        rows: list[tuple[Scope, Bodies]] = [(ACCOUNT, _bodies(state.account, state.locked))]
        for number, value in enumerate(state.groups):
            rows.append((self.group(number), _bodies(value, state.group_locks[number])))
        for number, value in enumerate(state.users):
            rows.append((self.user(number), {SETTINGS: nested(SETTING, value)}))
        return snapshot_of(*rows)

    @staticmethod
    def group(number: int) -> Scope:
        """A group."""
        return group(number, NAMES[number])

    def user(self, number: int) -> Scope:
        """A user."""
        return user(number, *(f"g{each}" for each in self.members[number]))

    @property
    def baseline(self) -> Baseline:
        """The baseline: the switch is off, and perhaps locked."""
        return baseline_of(expected_control(check(SETTING), lock=self.is_lock_due))

    def policy(self) -> FixPolicy:
        """A new policy with the overrides and waivers."""
        entries = [
            override_entry(value, group=NAMES[number]) for number, value in self.overrides.items()
        ]
        waivers = [
            Waiver.model_validate(waiver_entry(scope={"group": NAMES[number]}))
            for number in sorted(self.waived)
        ]
        return FixPolicy(
            self.baseline,
            {},
            Level.USER,
            overrides_of(self.baseline, *entries),
            WaiversAndAttestations(waivers, [], TODAY),
        )

    def judged(self, snapshot: Snapshot) -> Evaluation:
        """The verdicts on some evidence."""
        policy = self.policy()
        return evaluate(
            snapshot,
            policy.overrides.catalogue,
            policy.baseline,
            {},
            Level.USER,
            overrides=policy.overrides,
            exceptions=policy.exceptions,
        )

    def plan(self, snapshot: Snapshot, limits: PlanLimits | None = None) -> list[PlanStep]:
        """The steps of the program."""
        return Planner.of(snapshot, self.policy(), {}, limits).plan()

    def fails_after(self, snapshot: Snapshot, steps: list[PlanStep]) -> int:
        """The number of deviations that the program predicts."""
        changes = [
            EvidenceChange(each.kind, each.level, each.scope.id, each.setting, each.to)
            for each in steps
        ]
        components = Planner.of(snapshot, self.policy(), {}).components
        with changed_evidence(snapshot, changes, components) as changed:
            return self.judged(changed).summary.by_status[Status.FAIL]

    # The exhaustive search

    def fewest(self) -> tuple[int, int]:
        """The fewest deviations that any changes leave, and the fewest changes that do it."""
        best = (self._deviations(self.state), 0)
        for changes in self._changes():
            steps = sum(each is not None for each in changes)
            if (found := self._after(changes)) is not None:
                best = min(best, (self._deviations(found), steps))
        return best

    def _changes(self) -> Iterator[tuple[bool | None, ...]]:
        """Account value, account lock, then group values, group locks, user values."""
        value, lock = (None, False, True), (None, True)
        groups, users = len(self.state.groups), len(self.state.users)
        return product(value, lock, *[value] * groups, *[lock] * groups, *[value] * users)

    def _after(self, changes: tuple[bool | None, ...]) -> State | None:
        """The account after changes; None if they break something."""
        before, count = self.state, len(self.state.groups)
        account, lock, *rest = changes
        values, locks, own = rest[:count], rest[count : 2 * count], rest[2 * count :]
        new_account = before.account if account is None else account
        locked = before.locked or bool(lock)
        groups = []
        for number, value in enumerate(before.groups):
            is_own = value != before.account
            inherited = value if is_own else new_account
            wanted = values[number]
            groups.append(new_account if locked else inherited if wanted is None else wanted)
        group_locks = tuple(locked or before.group_locks[n] or bool(locks[n]) for n in range(count))
        users = []
        for number, value in enumerate(before.users):
            members = self.members[number]
            parent = before.groups[members[0]] if members else before.account
            above = groups[members[0]] if members else new_account
            holding = [n for n in members if group_locks[n]]
            chosen = own[number]
            if locked:
                users.append(new_account)
            elif holding:
                users.append(groups[holding[0]])
            elif chosen is not None:
                users.append(chosen)
            else:
                users.append(value if value != parent else above)
        after = State(new_account, locked, tuple(groups), group_locks, tuple(users))
        return None if self._is_broken(after, bool(lock), locks) else after

    def _is_broken(self, after: State, lock: bool, locks: list[bool | None]) -> bool:
        before = self.state
        if after.account and (lock or not before.account):
            return True
        for number, value in enumerate(before.groups):
            new = after.groups[number]
            if number in self.waived and value and value != new:
                return True
            right = self.overrides.get(number, False)
            if value == right and new != right:
                return True
            if locks[number] and new != right and number not in self.waived:
                return True
        for number, value in enumerate(before.users):
            new, members = after.users[number], self.members[number]
            parent = before.groups[members[0]] if members else before.account
            if not self.waived.isdisjoint(members) and self._right(number) != value:
                if value != parent and value != new:
                    return True
                continue
            right_of_user = self._right(number)
            if right_of_user is not None and value == right_of_user != new:
                return True
        return False

    def _right(self, number: int) -> bool | None:
        """What is expected of a user; None if two overrides contradict each other."""
        found = {self.overrides[n] for n in self.members[number] if n in self.overrides}
        if len(found) > 1:
            return None
        return next(iter(found), False)

    def _deviations(self, state: State) -> int:
        count = int(state.account) + (self.is_lock_due and not state.locked)
        for number, value in enumerate(state.groups):
            right = self.overrides.get(number, False)
            count += value != right and number not in self.waived
        for number, value in enumerate(state.users):
            right_of_user = self._right(number)
            is_waived = not self.waived.isdisjoint(self.members[number])
            count += right_of_user is not None and value != right_of_user and not is_waived
        return count


def _bodies(value: bool, locked: bool) -> Bodies:
    return {SETTINGS: nested(SETTING, value), LOCKS: nested(SETTING, locked)}
