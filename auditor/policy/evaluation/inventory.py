"""The inventory of an account: each feature at the account, in each group and for all people.

Distinct documents are read once, and people are counted by groups and documents, so that neither
time nor memory grows with the number of people who have the same settings.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from auditor.errors import nearest
from auditor.evidence import names
from auditor.evidence.read_plan import LISTINGS, MEMBERS
from auditor.evidence.reading import Cause, JsonValue, Unseen, at_path
from auditor.evidence.scope import Level, Scope, placeholder_id
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import SETTINGS, Document, Outcome, ReadFailure, View
from auditor.findings.inventory import (
    CauseCount,
    Feature,
    GroupState,
    PeopleStates,
    SettingState,
    ValueCount,
    ValueKey,
    key_of,
)
from auditor.policy.catalogue import features
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Catalogue, Check
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.features import AI, CatalogueFeature
from auditor.policy.catalogue.values import iter_leaves
from auditor.policy.evaluation.setting_states import (
    AccountEvidence,
    read,
    words_of,
)
from auditor.policy.evaluation.uncovered import Coverage, speaks_of
from auditor.policy.judging.groups import NOT_REQUESTED
from auditor.policy.judging.lock_inheritance import confirmed_documents, is_locked_value
from auditor.policy.judging.phone_and_meetings import PhoneAndMeetings

PHONE_GROUPS = (Level.PHONE_SITE, Level.PHONE_GROUP)
_TOPICS: Mapping[str, str] = {"ai": AI, "sharing": features.SHARING}
"""Topic of a key word to topic of a feature."""


@dataclass(frozen=True, slots=True)
class FeatureSelection:
    """Which features and groups an inventory is about; everything by default."""

    topics: tuple[str, ...] = ()
    """Topics; `features.DEFAULT_TOPICS` if there are none."""
    settings: tuple[str, ...] = ()
    """Paths or patterns of settings, instead of topics."""
    groups: tuple[str, ...] = ()
    """Names or ids of groups."""
    everything: bool = False
    """Every documented setting."""


def chosen_features(
    evidence: AccountEvidence, catalogue: Catalogue, selection: FeatureSelection
) -> list[CatalogueFeature]:
    """The features of a selection: documented ones, and those that only the evidence has.

    Raises:
        PolicyError: a topic or a setting does not exist.
    """
    documented = features.shipped(catalogue)
    rows = {**documented, **_discovered(evidence, catalogue, documented)}
    if selection.settings:
        paths = [p for pattern in selection.settings for p in _named(pattern, rows)]
        return [rows[path] for path in dict.fromkeys(paths)]
    if selection.everything:
        return list(rows.values())
    features.check_topics(selection.topics, rows.values())
    topics = selection.topics or features.DEFAULT_TOPICS
    chosen = (row for row in rows.values() if row.topic in topics)
    return sorted(chosen, key=lambda row: topics.index(row.topic))


def _named(pattern: str, rows: Iterable[str]) -> list[str]:
    chosen_rows = features.matching(pattern, rows)
    if not chosen_rows:
        hint = nearest(pattern, rows)
        raise PolicyError(
            [f'--setting: Zoom documents no setting "{pattern}", and none was read.{hint}']
        )
    return chosen_rows


def inventory(
    evidence: AccountEvidence, rows: Sequence[CatalogueFeature], groups: Sequence[str] = ()
) -> list[Feature]:
    """The state of each of `rows`, in their order; with `groups`, of these and their members only.

    Raises:
        PolicyError: there is no such group.
    """
    chosen = _chosen_groups(evidence, groups) if groups else None
    of_settings = [row for row in rows if row.check.surface == SETTINGS_SURFACE]
    of_phone = [row for row in rows if row.check.surface != SETTINGS_SURFACE]
    counted = _SettingsCount(evidence, of_settings, chosen).features()
    counted |= _phone(evidence, of_phone) if of_phone else {}
    return [_with_words(counted[row.check.setting]) for row in rows]


def _with_words(feature: Feature) -> Feature:
    return replace(feature, words=words_of(feature.setting, feature.known_values()))


def _chosen_groups(evidence: AccountEvidence, requested: Sequence[str]) -> frozenset[str]:
    """The ids of the groups with these names or ids."""
    scopes = [group.scope for group in evidence.group_evidence.values()]
    ids: set[str] = set()
    for name in requested:
        folded = names.normalised(name)
        matching = [scope.id for scope in scopes if scope.id == name.strip()] or [
            scope.id for scope in scopes if names.normalised(scope.name) == folded
        ]
        if not matching:
            listed = evidence.groups.unseen is None
            hint = nearest(name, (scope.name for scope in scopes))
            why = "" if listed else " The groups could not be listed."
            raise PolicyError([f'--group: no group is called "{name}".{hint}{why}'])
        ids.update(matching)
    return frozenset(ids)


@dataclass
class _SettingsCount:
    """Counts the settings of account, groups and users."""

    evidence: AccountEvidence
    rows: Sequence[CatalogueFeature]
    chosen: frozenset[str] | None
    """The ids of the groups it is limited to; None for the whole account."""
    _values: dict[ValueKey, JsonValue] = field(default_factory=dict)
    _distinct: dict[tuple[object, ...], int] = field(default_factory=dict)
    """Distinct states of all features of a person, with a number each."""
    _by_profile: dict[int | None, int] = field(default_factory=dict)
    _people: Counter[tuple[tuple[str, ...], int]] = field(default_factory=Counter)
    """Groups and number of the states, to the number of people."""

    def features(self) -> dict[str, Feature]:
        """Path to feature."""
        self._inherited = confirmed_documents(self.evidence.account)
        for person, count in self.evidence.snapshot.grouped_by_profile(Level.USER):
            ids = person.scope.group_ids
            if person.scope.is_invited or (self.chosen is not None and self.chosen.isdisjoint(ids)):
                continue
            self._people[ids, self._states_of(person)] += count
        states = list(self._distinct)
        return {
            row.check.setting: self._feature(row, [each[at] for each in states])
            for at, row in enumerate(self.rows)
        }

    def _states_of(self, person: ScopeEvidence) -> int:
        number = self._by_profile.get(person.profile)
        if number is None:
            states = tuple(self._state_of(row.check, person.outcomes) for row in self.rows)
            number = self._distinct.setdefault(states, len(self._distinct))
            self._by_profile[person.profile] = number
        return number

    def _state_of(self, check: Check, outcomes: Mapping[View, Outcome]) -> object:
        """The key of a person's value, or why there is none; None if a lock may prove it."""
        if check.document in self._inherited and check.document not in outcomes:
            return None
        reading, _ = read(check, outcomes)
        if isinstance(reading, Unseen):
            return reading.cause
        key = key_of(reading.value)
        self._values.setdefault(key, reading.value)
        return key

    def _feature(self, row: CatalogueFeature, states: Sequence[object]) -> Feature:
        check = row.check
        account = self.evidence.state(check, self.evidence.account)
        groups = self._groups(check)
        counts: Counter[object] = Counter()
        members: Counter[str] = Counter()
        states_in: dict[str, Counter[object]] = {}
        differing = inherited = 0
        own = {
            at_group.group.id: key_of(at_group.state.value)
            for at_group in groups
            if at_group.state.is_seen
        }
        all_own = own if self.chosen is None else self._own_values(check)
        account_key = key_of(account.value) if account.is_seen else ""
        proved = self._proved(check, account_key, states)
        for (ids, number), count in self._people.items():
            state = states[number]
            if state is None:
                inherited += count
                state = proved
            counts[state] += count
            for group_id in ids:
                members[group_id] += count
                states_in.setdefault(group_id, Counter())[state] += count
            if not isinstance(state, Cause):
                above = [all_own[i] for i in ids if i in all_own] or [account_key]
                differing += count * (state not in above)
        people = PeopleStates(
            self._value_counts(counts, account),
            tuple(self._cause_counts(check, counts)),
            inherited if not isinstance(proved, Cause) else 0,
            differing,
        )
        listed = self._are_users_listed()
        below = [each.state.cause for each in groups] + [each.cause for each in people.unknown]
        # Zoom returned it for the account alone: perhaps nobody below can have it.
        is_open = not account.locked and below and not people.values
        is_returned = not is_open or any(cause is not Cause.ABSENT for cause in below)
        effective = self.evidence.effective(check, self.evidence.account)
        return Feature(
            check.setting,
            row.title,
            row.topic,
            check.levels,
            account,
            tuple(
                self._with_members(
                    at_group,
                    members[at_group.group.id] if listed else None,
                    states_in.get(at_group.group.id, Counter()),
                    account,
                )
                for at_group in groups
            ),
            people,
            effective.changeable_by if is_returned else (),
            None,
            row.controls,
            is_repeated=row.is_repeated,
            is_documented=row.is_documented,
        )

    def _with_members(
        self,
        at_group: GroupState,
        members: int | None,
        states: Counter[object],
        account: SettingState,
    ) -> GroupState:
        """The group with the numbers of its members who have its value, and those of the others."""
        own = key_of(at_group.state.value) if at_group.state.is_seen else None
        others = {state: count for state, count in states.items() if state != own}
        return replace(
            at_group,
            members=members,
            members_alike=states[own],
            members_differing=self._value_counts(others, account),
            members_not_known=sum(n for state, n in others.items() if isinstance(state, Cause)),
        )

    def _proved(self, check: Check, account_key: ValueKey, states: Sequence[object]) -> object:
        """The value that the account's lock proves for people who were not read, or the cause.

        A lock proves nothing if anybody who was read has another value.
        """
        outcomes = self.evidence.account.outcomes
        is_contradicted = any(state is not None and state != account_key for state in states)
        if not account_key or is_contradicted or not is_locked_value(check, outcomes):
            return Cause.NOT_COLLECTED
        return account_key

    def _groups(self, check: Check) -> list[GroupState]:
        """The groups by name; a placeholder if they could not be listed."""
        rows = [
            GroupState(group.scope, self.evidence.state(check, group))
            for group in self.evidence.group_evidence.values()
            if self.chosen is None or group.scope.id in self.chosen
        ]
        if Level.GROUP not in check.levels and not any(row.state.is_seen for row in rows):
            return []
        rows.sort(key=lambda row: (row.group.label.casefold(), row.group.id))
        cause = self._listing_cause(LISTINGS[Level.GROUP][0])
        if cause is not None:
            scope = Scope(Level.GROUP, placeholder_id(), "groups that could not be listed")
            rows.append(GroupState(scope, SettingState(cause=cause)))
        return rows

    def _own_values(self, check: Check) -> dict[str, ValueKey]:
        states = {
            gid: self.evidence.state(check, group)
            for gid, group in self.evidence.group_evidence.items()
        }
        return {gid: key_of(state.value) for gid, state in states.items() if state.is_seen}

    def _value_counts(
        self, counts: Mapping[object, int], account: SettingState
    ) -> tuple[ValueCount, ...]:
        """The values, the most frequent one first."""
        known = {**self._values, key_of(account.value): account.value}
        rows = [
            (-count, str(key), ValueCount(known[str(key)], count))
            for key, count in counts.items()
            if not isinstance(key, Cause)
        ]
        return tuple(row[2] for row in sorted(rows, key=lambda row: row[:2]))

    def _cause_counts(self, check: Check, counts: Mapping[object, int]) -> Iterator[CauseCount]:
        """The causes; none for a setting that people do not have."""
        is_seen = any(not isinstance(key, Cause) for key in counts)
        if Level.USER not in check.levels and not is_seen:
            return
        for cause in Cause:
            if counts.get(cause):
                yield CauseCount(cause, counts[cause])
        missing = {self._listing_cause(view) for view in LISTINGS[Level.USER]}
        if self.chosen is not None and self.evidence.groups.membership_unknown:
            missing.add(self._listing_cause(MEMBERS))
        yield from (CauseCount(cause, None) for cause in Cause if cause in missing)

    def _listing_cause(self, view: View) -> Cause | None:
        """Why a list could not be read; None if it was."""
        outcome = self.evidence.account.outcomes.get(view, NOT_REQUESTED)
        return outcome.unseen.cause if isinstance(outcome, ReadFailure) else None

    def _are_users_listed(self) -> bool:
        return all(self._listing_cause(view) is None for view in LISTINGS[Level.USER])


def _phone(evidence: AccountEvidence, rows: Sequence[CatalogueFeature]) -> dict[str, Feature]:
    """The features of Zoom Phone: its sites and groups count as groups, phone users as people."""
    levels = (*PHONE_GROUPS, Level.PHONE_USER)
    now = evidence.account.outcomes.get(SETTINGS, NOT_REQUESTED).observed_at
    groups: dict[str, list[GroupState]] = {row.check.setting: [] for row in rows}
    people: dict[str, Counter[object]] = {row.check.setting: Counter() for row in rows}
    values: dict[object, JsonValue] = {}
    for scope_evidence in PhoneAndMeetings(evidence.snapshot, evidence.account, now).evidence(
        levels
    ):
        for row in rows:
            check = row.check
            if scope_evidence.scope.level not in check.levels:
                continue
            state = evidence.state(check, scope_evidence)
            if scope_evidence.scope.level is not Level.PHONE_USER:
                groups[check.setting].append(GroupState(scope_evidence.scope, state))
                continue
            key = (
                (state.cause, scope_evidence.scope.is_placeholder)
                if state.cause
                else key_of(state.value)
            )
            values.setdefault(key, state.value)
            people[check.setting][key] += 1
    return {
        row.check.setting: Feature(
            row.check.setting,
            row.title,
            row.topic,
            row.check.levels,
            evidence.state(row.check, evidence.phone),
            tuple(groups[row.check.setting]),
            _phone_people(people[row.check.setting], values),
            evidence.effective(row.check, evidence.phone).changeable_by,
            None,
            row.controls,
        )
        for row in rows
    }


def _phone_people(counts: Counter[object], values: Mapping[object, JsonValue]) -> PeopleStates:
    known = [
        ValueCount(values[key], count)
        for key, count in counts.most_common()
        if isinstance(key, str)
    ]
    unknown = [
        CauseCount(key[0], None if key[1] else count)
        for key, count in counts.items()
        if isinstance(key, tuple)
    ]
    return PeopleStates(tuple(known), tuple(sorted(unknown, key=lambda each: each.cause)))


def _discovered(
    evidence: AccountEvidence, catalogue: Catalogue, documented: Mapping[str, CatalogueFeature]
) -> dict[str, CatalogueFeature]:
    """The leaves of the `ai` object, and the undocumented settings about AI or sharing."""
    coverage = Coverage(catalogue, None, ())
    topics: dict[str, str] = {}
    for view, path in _leaf_paths(evidence):
        setting = path.partition("[]")[0]
        keys = setting.split(".")
        if AI in keys[:-1]:
            topics.setdefault(".".join(keys[keys.index(AI) :]), AI)
        elif coverage.is_new(view, path):
            topic = _TOPICS.get(speaks_of(path) or "")
            if topic is not None:
                topics.setdefault(setting, topic)
    by_key = {path for path, row in documented.items() if row.check.find_key == path}
    rows = {}
    for path in sorted(topics.keys() - documented.keys()):
        if path.startswith(f"{AI}."):
            row = features.leaf(path, _lock_path(path, evidence))
            is_repeated = path.rpartition(".")[2] in by_key
            rows[path] = replace(row, is_repeated=is_repeated)
            rows[AI] = replace(documented[AI], is_repeated=True)
        else:
            rows[path] = features.undocumented(path, topics[path])
    return rows


def _leaf_paths(evidence: AccountEvidence) -> set[tuple[View, str]]:
    """The view and path of every leaf in a settings document; equal documents are walked once."""
    snapshot = evidence.snapshot
    people = (person for person, _ in snapshot.grouped_by_profile(Level.USER))
    walked: set[str] = set()
    paths: set[tuple[View, str]] = set()
    for scope_evidence in (evidence.account, *evidence.group_evidence.values(), *people):
        for view, digest in scope_evidence.digests.items():
            if view.surface == SETTINGS.surface and digest not in walked:
                walked.add(digest)
                outcome = scope_evidence.outcomes[view]
                assert isinstance(outcome, Document)
                paths.update((view, path) for path, _ in iter_leaves(outcome.body) if path)
    return paths


def _lock_path(path: str, evidence: AccountEvidence) -> str:
    """The most specific flag for a leaf of `ai` in a lock document, else that of the whole object.

    The object holds one flag per setting. Source: Zoom's changelog for accounts, 2026-09-21.
    """
    documents = [evidence.locks.account, *evidence.locks.groups.values()]
    bodies = [each.body for outcomes in documents for each in outcomes.values() if _is_read(each)]
    keys = path.split(".")
    for length in range(len(keys), 1, -1):
        candidate = ".".join(keys[:length])
        if any(isinstance(at_path(body, candidate), bool) for body in bodies):
            return candidate
    return AI


def _is_read(outcome: Outcome) -> TypeGuard[Document]:
    return isinstance(outcome, Document)
