"""The inventory in words: the cells and sentences that its formats for people share."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.feature_rules import FeatureRule, FeatureRules, RuleState
from auditor.findings.inventory import (
    Feature,
    FeatureUse,
    GroupState,
    Inventory,
    SettingState,
    ValueKey,
    is_on,
    key_of,
)
from auditor.findings.model import Role
from auditor.findings.run import Run
from auditor.plain_text import join_and, pluralize
from auditor.report import wording
from auditor.report.display import printable, shorten, value_text

LONGEST_VALUE = 60
"""Columns of a value in a sentence."""
MOST_GROUPS = 5
"""Groups that a sentence names; CSV and JSON have all."""
MOST_NAMED = 3
"""Groups that a cell names."""
COLUMNS = ("Setting", "Account", "Groups", "People")
RULE = "Rule"
"""The column that says whether it is as the baseline asks."""
NOT_HERE = "–"
NOT_KNOWN = "not known"
LEGEND = (
    f"{NOT_HERE}: Zoom has no such setting there. Without one for groups or people, the account's "
    "holds for everybody. For phones, a site's value holds at that site where the table shows one."
)
"""What the mark for a missing value means."""
MEMBERS = "A person may be in several groups."
"""Why the members of groups add up to more than all people."""

TOPIC: Mapping[str, str] = {
    "ai": "AI",
    "third-party-sharing": "Sharing with others",
    "data-residency": "Data residency",
}
"""Topics whose name is not their own heading."""
USE: Mapping[FeatureUse, str] = {
    FeatureUse.ON: "On",
    FeatureUse.SET: "Set to a value",
    FeatureUse.OFF: "Off wherever it was read",
    FeatureUse.UNKNOWN: "Not known",
}

_CAVEATS = (
    (
        {
            "chat.allow_users_to_chat_with_others.selected_option",
            "chat.external_collab_restrict.external_chat",
        },
        "Several settings say who can chat with people outside, such as “Whom people can chat "
        "with” and “Chat with outsiders”. Zoom does not document which of them wins.",
    ),
)
"""Settings that may contradict each other, with what is said if both were read. Source: @zoom/rivet
0.4.0, 2025-12-04, and Zoom's articles KB0058688 and KB0074841, November 2026."""
_WHO: Mapping[Role, str] = {
    Role.USER: "people",
    Role.GROUP_ADMIN: "group admins",
    Role.ACCOUNT_ADMIN: "account admins",
}
_ACCOUNT_LEVELS = (Level.ACCOUNT, Level.PHONE_ACCOUNT)


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature as one row of a table, and sentences about it."""

    feature: Feature
    account: str
    groups: str
    people: str
    notes: tuple[str, ...]
    rule: str = ""
    """Whether it is as the baseline asks; empty if nothing was judged."""
    full: tuple[str, ...] = ()
    """The account, groups and people with values and the names of few groups, for rows without
    notes."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The words of the columns after the setting, in a row without notes."""
        return (*self.full, self.rule) if self.rule else self.full


@dataclass(frozen=True, slots=True)
class TopicSection:
    """The features of a topic, by whether they are on."""

    heading: str
    summary: str
    parts: tuple[tuple[str, tuple[FeatureRow, ...]], ...]
    """Headings with their rows."""
    judged: str = ""
    """How many of those that are on or set break a rule, in a sentence; empty if nothing was
    judged."""
    legend: str = f"{LEGEND} {MEMBERS}"
    caveat: str = ""
    """What Zoom does not document about the settings of the topic, in a sentence."""


def columns(inventory_sections: Sequence[TopicSection]) -> tuple[str, ...]:
    """The head of the tables: with the rules if something was judged."""
    return (*COLUMNS, RULE) if any(each.judged for each in inventory_sections) else COLUMNS


def of_run(run: Run) -> list[TopicSection]:
    """The features of a run by topic and use, and whether each is as the baseline asks.

    Empty without the evidence of the run.
    """
    return sections(run.inventory(), rules_of(run)) if run.inventory else []


def others_of_run(run: Run) -> list[TopicSection]:
    """The same for the topics besides AI, which stand in the annex of a report."""
    return sections(run.other_inventory(), rules_of(run)) if run.other_inventory else []


def others_heading(others: Sequence[TopicSection]) -> str:
    """`Sharing with others and recording: what is on, and for whom`."""
    return wording.sentence_case(f"{_topics(others)}: what is on, and for whom")


def see_others(others: Sequence[TopicSection]) -> str:
    """Where to find the topics besides AI, in a sentence."""
    return f"The same for {_topics(others)}: see “{others_heading(others)}” below."


def _topics(topic_sections: Sequence[TopicSection]) -> str:
    return join_and([each.heading.lower() for each in topic_sections])


def rules_of(run: Run) -> FeatureRules | None:
    """What the baseline of a run says on features; None if nothing was judged."""
    return FeatureRules(run) if wording.judged(run) else None


def sections(inventory: Inventory, rules: FeatureRules | None = None) -> list[TopicSection]:
    """The features by topic and use; what is on comes first.

    `rules` are those that a baseline asks, and what breaks them comes first; None says nothing on
    them.
    """
    topics: dict[str, list[Feature]] = {}
    for feature in inventory.features:
        if not feature.is_repeated:
            topics.setdefault(feature.topic, []).append(feature)
    run_at = inventory.info.finished_at
    return [_section(topic, features, run_at, rules) for topic, features in topics.items()]


def origin(inventory: Inventory) -> str:
    """The run that the facts come from, in a sentence."""
    info = inventory.info
    limited = f" Only {join_and([*map(printable, inventory.groups)])}." if inventory.groups else ""
    simulated = "Simulated: not from Zoom. " if info.simulated else ""
    names = " People go by pseudonyms." if info.pseudonymised else ""
    carried = (
        f" {pluralize(info.carried, 'person', 'people')} {'was' if info.carried == 1 else 'were'} "
        f"carried over from earlier runs, the oldest of {wording.when(info.oldest_evidence_at)}."
        if info.carried
        else ""
    )
    return (
        f"{simulated}Run {printable(info.run_id)} of account {printable(info.account_id)}, "
        f"{wording.when(info.finished_at)}, read {wording.depth(info.depth)}."
        f"{limited}{names}{carried}"
    )


def topic_name(topic: str) -> str:
    """The heading of a topic."""
    return TOPIC.get(topic) or topic[:1].upper() + topic[1:].replace("-", " ")


def value_words(value: JsonValue, words: Mapping[ValueKey, str]) -> str:
    """`on`, `off`, or another value in its words."""
    return shorten(words.get(key_of(value)) or _switch_words(value), LONGEST_VALUE)


def _switch_words(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value_text(value, LONGEST_VALUE)


def state_words(state: SettingState, words: Mapping[ValueKey, str]) -> str:
    """The value in words, or why it is unknown."""
    if state.cause is not None:
        return wording.cause_name(state.cause)
    return value_words(state.value, words)


def changeable(roles: Sequence[Role]) -> str:
    """`people, group admins and account admins`."""
    return join_and([_WHO[role] for role in roles])


def _caveat(features: Sequence[Feature]) -> str:
    found = {feature.setting for feature in features if feature.account.is_seen}
    return " ".join(caveat for settings, caveat in _CAVEATS if settings <= found)


def _section(
    topic: str, features: Sequence[Feature], run_at: str, rules: FeatureRules | None
) -> TopicSection:
    by_use = {use: [feature for feature in features if feature.use is use] for use in FeatureUse}
    counts = [
        f"{len(rows)} {words}"
        for use, words in (
            (FeatureUse.ON, "on"),
            (FeatureUse.SET, "set to a value"),
            (FeatureUse.OFF, "off"),
            (FeatureUse.UNKNOWN, "not known"),
        )
        if (rows := by_use[use])
    ]
    on = by_use[FeatureUse.ON]
    at_account = sum(feature.account.is_seen and is_on(feature.account.value) for feature in on)
    if at_account < len(on):
        of_them = f"{at_account or 'none'} at the account"
        counts[0] += f" for somebody ({of_them})"
    if unseen := sum(feature.has_unknowns for feature in by_use[FeatureUse.OFF]):
        off = next(place for place, count in enumerate(counts) if count.endswith(" off"))
        counts[off] += f" where they were read ({unseen} not everywhere)"
    return TopicSection(
        topic_name(topic),
        f"{pluralize(len(features), 'setting')}: {', '.join(counts)}",
        tuple(
            (USE[use], tuple(_row(feature, run_at, rules) for feature in _worst_first(rows, rules)))
            for use, rows in by_use.items()
            if rows
        ),
        "" if rules is None else _judged([rules.of(f) for f in (*on, *by_use[FeatureUse.SET])]),
        caveat=_caveat(features),
    )


def _worst_first(features: Sequence[Feature], rules: FeatureRules | None) -> Sequence[Feature]:
    """The features by what the rules say on them, those without a rule last."""
    if rules is None:
        return features

    def rank(feature: Feature) -> tuple[bool, tuple[int, int]]:
        found = rules.of(feature)
        return not found, found[0].rank if found else (0, 0)

    return sorted(features, key=rank)


def _row(feature: Feature, run_at: str, rules: FeatureRules | None) -> FeatureRow:
    notes = tuple(_notes(feature, run_at))
    rule = "" if rules is None else _rule(rules.of(feature))
    return FeatureRow(
        feature,
        _full_account(feature),
        _groups(feature),
        _full_people(feature),
        notes,
        rule,
        (_full_account(feature), _groups_with_names(feature), _full_people(feature)),
    )


NO_RULE = "not judged"
_EXPLAINED = f"“{wording.sentence_case(NO_RULE)}”: the baseline has no rule for it."


def _rule(rules: Sequence[FeatureRule]) -> str:
    """`broken (AI-02)`: each state with its rules; `not judged` without any."""
    by_state: dict[str, list[str]] = {}
    for rule in rules:
        words = f"{rule.state}, elsewhere allowed" if rule.allowed_elsewhere else str(rule.state)
        by_state.setdefault(words, []).append(printable(rule.control))
    return "; ".join(f"{words} ({', '.join(ids)})" for words, ids in by_state.items()) or NO_RULE


def _judged(used: Sequence[Sequence[FeatureRule]]) -> str:
    """What the baseline and the organisation say on the features that are on or set to a value."""
    if not used:
        return _EXPLAINED
    counts = Counter(rules[0].state if rules else None for rules in used)
    parts = [f"{counts[each]} {each.partition(':')[0]}" for each in RuleState if counts[each]]
    parts += [f"{counts[None]} {NO_RULE}"] if counts[None] else []
    listed = ", ".join(parts)
    counted = f"By the rules of the baseline, of those that are on or set to a value: {listed}."
    return f"{counted} {_EXPLAINED} {_allowed(used)}"


def _allowed(used: Sequence[Sequence[FeatureRule]]) -> str:
    """Whether the organisation allows any of these features."""
    allowed = sum(
        any(rule.state is RuleState.ALLOWED or rule.allowed_elsewhere for rule in rules)
        for rules in used
    )
    if not allowed:
        return "The organisation file records no approval for any of them."
    return (
        f"Your organisation has allowed {allowed} of these {len(used)}, for the groups or people "
        "that it names."
    )


def _account(feature: Feature) -> str:
    state = feature.account
    exists = state.is_seen or any(level in feature.levels for level in _ACCOUNT_LEVELS)
    if not exists:
        return NOT_HERE
    if not state.is_seen:
        return NOT_KNOWN
    words = value_words(state.value, feature.words) if isinstance(state.value, bool) else "set"
    return f"{words}, locked" if state.locked else words


def _groups(feature: Feature, most_names: int = 0) -> str:
    """`1 of 6 on`; with the names of at most `most_names` groups `1 of 6 on: “Sales”`."""
    groups = [group for group in feature.groups if not _is_site(group)]
    seen = [group for group in groups if group.state.is_seen]
    if not groups:
        return "see phone sites" if feature.groups else NOT_HERE
    if not seen:
        return NOT_KNOWN
    if not all(isinstance(group.state.value, bool) for group in seen):
        account = key_of(feature.account.value)
        differ = [group for group in seen if key_of(group.state.value) != account]
        names = _short_names(differ, most_names)
        return f"{len(differ)} of {len(groups)} differ{names}" if differ else "as the account"
    on = [group for group in seen if is_on(group.state.value)]
    names = _short_names(on, most_names)
    if not names and (off := _short_names([g for g in seen if g not in on], most_names)):
        names = f", off{off}"
    parts = [_share(len(on), len(seen), len(groups) - len(seen), names if on else "")]
    sites = [g for g in feature.groups if _is_site(g) and g.state.is_seen and is_on(g.state.value)]
    if sites:
        where = pluralize(len(sites), "phone site")
        parts.append(f"on at {where}{_short_names(sites, most_names)}")
    return "; ".join(parts)


def _groups_with_names(feature: Feature) -> str:
    """The words on groups with the names of few, and of those that lock the setting."""
    words = _groups(feature, MOST_NAMED)
    is_used = feature.use in (FeatureUse.ON, FeatureUse.SET)
    locked = _short_names(_locking(feature), MOST_NAMED) if is_used else ""
    return f"{words}; locked in{locked.removeprefix(':')}" if locked else words


def _locking(feature: Feature) -> list[GroupState]:
    """The groups that lock the setting where the account does not."""
    return [g for g in feature.groups if g.state.locked and not feature.account.locked]


def _short_names(groups: Sequence[GroupState], most: int) -> str:
    """`: “Sales”, “Legal”`; empty for none or for more than `most`."""
    names = [f"“{shorten(group.group.label, 40)}”" for group in groups]
    return f": {', '.join(names)}" if 0 < len(names) <= most else ""


def _is_site(group: GroupState) -> bool:
    return group.group.level is Level.PHONE_SITE


def _people(feature: Feature) -> str:
    people = feature.people
    if not people.values:
        return NOT_KNOWN if people.unknown else NOT_HERE
    if not all(isinstance(each.value, bool) for each in people.values):
        return pluralize(len(people.values), "value")
    if any(each.count is None for each in people.unknown):
        return f"{wording.number(people.on)} of {wording.number(people.known)} on, others not known"
    return _share(people.on, people.known, people.not_known)


def off_where_known(row: FeatureRow) -> str:
    """A feature in a list of those that are off: `Smart chapters (not known for 62 people)`."""
    places = [note.partition(":")[0].lower() for note in unknown_notes(row.feature)]
    title = row.feature.title
    return f"{title} (not known for {join_and(places)})" if places else title


def _share(on: int, known: int, not_known: int, names: str = "") -> str:
    """`all 6 off`, `53 of 293 on`, `45 of 293 on, 62 not known`; `names` are those that are on."""
    total = known + not_known
    if not not_known and on in (0, total):
        return f"all {wording.number(total)} {'on' if on else 'off'}"
    count, state = (on, "on") if on else (known, "off")
    unknown = f"{';' if names else ','} {wording.number(not_known)} not known" if not_known else ""
    return f"{wording.number(count)} of {wording.number(total)} {state}{names}{unknown}"


def _notes(feature: Feature, run_at: str) -> Iterator[str]:
    """What the cells do not say: groups that differ, people that differ, unknowns, who and when."""
    use = feature.use
    for words, groups in _differing_groups(feature).items():
        members = [_members(feature, group) for group in groups]
        yield f"{wording.sentence_case(words)} in {_named(groups, members)}."
    locked = _locking(feature)
    if locked and use in (FeatureUse.ON, FeatureUse.SET):
        bars = Role.USER in feature.changeable_by
        where = _named(locked, [""] * len(locked))
        yield f"Locked in {where}{': people there cannot change it' if bars else ''}."
    people = feature.people
    if people.differing and feature.groups and use in (FeatureUse.ON, FeatureUse.SET):
        verb = "differs" if people.differing == 1 else "differ"
        yield (
            f"{pluralize(people.differing, 'person', 'people')} {verb} from their groups and the "
            "account."
        )
    if people.proved_by_lock:
        yield (
            f"Not read for {pluralize(people.proved_by_lock, 'person', 'people')}: the account's "
            "lock proves it."
        )
    yield from (f"{note}." for note in unknown_notes(feature))
    if use in (FeatureUse.ON, FeatureUse.SET):
        since = (
            f" Unchanged at the account since {wording.when(feature.since)}."
            if feature.since and feature.since != run_at  # the first run has nothing to compare
            else ""
        )
        yield f"{_who_can_change(feature, bool(locked))}{since}"


def _who_can_change(feature: Feature, is_locked_somewhere: bool) -> str:
    if not feature.changeable_by:
        return "Who can change it is not known."
    who = changeable(feature.changeable_by)
    if feature.changeable_by == (Role.ACCOUNT_ADMIN,):
        return f"Only {who} can change it."
    if is_locked_somewhere and Role.USER in feature.changeable_by:
        return f"Elsewhere {who} can."
    if feature.account.locked is None:
        return f"{wording.sentence_case(who)} can change it, unless it is locked: look in Zoom."
    return f"{wording.sentence_case(who)} can change it."


def _values_of_people(feature: Feature) -> str:
    values = [
        f"{value_words(each.value, feature.words)} ({wording.number(each.count)})"
        for each in feature.people.values
    ]
    return wording.listed(values, MOST_GROUPS)


def _full_account(feature: Feature) -> str:
    """`_account`, with the value of a setting that is not a switch."""
    state = feature.account
    if not state.is_seen or isinstance(state.value, bool):
        return _account(feature)
    return f"{value_words(state.value, feature.words)}{', locked' if state.locked else ''}"


def _full_people(feature: Feature) -> str:
    """`_people`, with the values of a setting that is not a switch."""
    is_set = any(not isinstance(each.value, bool) for each in feature.people.values)
    return _values_of_people(feature) if is_set else _people(feature)


def _differing_groups(feature: Feature) -> dict[str, list[GroupState]]:
    """The groups whose value differs from the account's, by value in words."""
    by_value: dict[str, list[GroupState]] = {}
    account = feature.account
    for group in feature.groups:
        state = group.state
        if account.is_seen:
            differs = state.is_seen and key_of(state.value) != key_of(account.value)
        else:
            differs = state.is_seen and is_on(state.value)
        if differs:
            by_value.setdefault(value_words(state.value, feature.words), []).append(group)
    return by_value


def _named(groups: Sequence[GroupState], notes: Sequence[str]) -> str:
    """`groups “Sales” (42 of its 51 members), “Legal”`; a name alone could be any word."""
    names: dict[Level, list[str]] = {}
    for group, note in zip(groups, notes, strict=True):
        level = Level.PHONE_SITE if _is_site(group) else Level.GROUP
        names.setdefault(level, []).append(f"“{shorten(group.group.label, 40)}”{note}")
    return " and ".join(
        f"{wording.level_name(level, len(each))} {wording.listed(each, MOST_GROUPS)}"
        for level, each in names.items()
    )


def _members(feature: Feature, group: GroupState) -> str:
    if group.members is None:
        return ""
    people = pluralize(group.members, "person", "people")
    if not feature.people.values:  # people have no value of their own
        return f" ({people})"
    alike = wording.number(group.members_alike)
    others = [
        f"{value_words(each.value, feature.words)} for {wording.number(each.count)}"
        for each in group.members_differing
    ]
    if group.members_not_known:
        others.append(f"not known for {wording.number(group.members_not_known)}")
    rest = f"; {wording.listed(others, MOST_NAMED)}" if others else ""
    return f" ({alike} of its {pluralize(group.members, 'member')}{rest})"


def unknown_notes(feature: Feature) -> list[str]:
    """The unknown values by level and cause: `62 people: not returned by Zoom`."""
    return [*_unknown(feature)]


def _unknown(feature: Feature) -> Iterator[str]:
    if feature.account.cause is not None and _account(feature) != NOT_HERE:
        yield f"The account: {wording.cause_name(feature.account.cause)}"
    causes: dict[tuple[str, bool], int | None] = {}
    for group in feature.groups:
        if group.state.cause is not None:
            key = wording.cause_name(group.state.cause), _is_site(group)
            count = causes.get(key, 0)
            causes[key] = None if group.group.is_placeholder or count is None else count + 1
    for (words, is_site), count in causes.items():
        noun = Level.PHONE_SITE.noun if is_site else "group"
        who = wording.sentence_case(f"{noun}s") if count is None else pluralize(count, noun)
        yield f"{who}: {words}"
    for unknown in feature.people.unknown:
        who = "People" if unknown.count is None else pluralize(unknown.count, "person", "people")
        yield f"{who}: {wording.cause_name(unknown.cause)}"
