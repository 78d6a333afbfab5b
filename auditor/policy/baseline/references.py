"""References: finds names in the organisation file that do not exist in the account.

A stricter rule for a renamed group must not silently stop applying, so every name of a group, a
user or a meeting is looked up in the account's lists. If a list was not read completely, it is
unknown whether a name is on it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Literal

from auditor.evidence.names import (
    differing_characters,
    is_address,
    is_pattern,
    normalised,
    of_group,
    plain_group,
    skeleton,
)
from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS, MEETING, PENDING
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document, ReadFailure
from auditor.findings.model import Reference, ReferenceState
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.match import DisplayName, Match, Name, listed
from auditor.policy.baseline.match_index import MatchIndex
from auditor.policy.baseline.overrides import Override
from auditor.policy.baseline.waivers import Attestation, Waiver, WaiversAndAttestations
from auditor.policy.catalogue.parameters import known_parameters

What = Literal["group", "user", "meeting"]
Key = tuple[What, Name, bool]
"""The kind of thing, its name, and whether `*` is a literal character."""

_MOST_GROUPS = 50
_MOST_PEOPLE = 5
"""The number of missing names that get a suggestion: there may be 100,000 people to compare."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the organisation file, and its place there."""

    kind: str
    """override, waiver, attestation or parameter."""
    position: int
    """The position among the entries of its kind in the file."""
    entry: str
    """Its label in reports."""
    what: What
    name: Name

    @property
    def key(self) -> Key:
        """Equal for equal names of the same kind of thing."""
        return self.what, self.name, self.kind == "parameter"


@dataclass(frozen=True, slots=True)
class NameCheck:
    """The result of looking up a name that does not match exactly one thing."""

    state: ReferenceState
    detail: str
    suggestion: str = ""


def mentions_of(kind: str, position: int, entry: str, match: Match) -> Iterator[Mention]:
    """The names in one match."""
    for what, named in _NAMED:
        for name in listed(named(match)):
            yield Mention(kind, position, entry, what, name)


_NAMED: tuple[tuple[What, Callable[[Match], Name | tuple[Name, ...] | None]], ...] = (
    ("group", lambda match: match.group),
    ("user", lambda match: match.user),
    ("meeting", lambda match: match.meeting),
)


def in_parameters(parameters: Mapping[str, JsonValue]) -> Iterator[Mention]:
    """The group names in the parameters that list groups."""
    known = known_parameters()
    for position, (name, value) in enumerate(sorted(parameters.items())):
        if name in known and known[name].names == "group":
            texts = value if isinstance(value, list) else [value]
            for text in texts:
                if isinstance(text, str) and text.strip():
                    yield Mention("parameter", position, f"parameter {name}", "group", text)


@dataclass
class Roster:
    """The groups, users and meetings that were listed for an account."""

    snapshot: Snapshot
    _checks: dict[Key, NameCheck | None] = field(default_factory=dict)

    def look_up(self, mentions: Iterable[Mention]) -> Mapping[Key, NameCheck | None]:
        """Look up each name; None if the account has it, without a lookalike."""
        keys = dict.fromkeys(mention.key for mention in mentions)
        self._look_for_groups([(name, exact) for what, name, exact in keys if what == "group"])
        self._look_for_many("user", [name for what, name, _ in keys if what == "user"])
        self._look_for_many("meeting", [name for what, name, _ in keys if what == "meeting"])
        return self._checks

    def _look_for_groups(self, names_to_find: Sequence[tuple[Name, bool]]) -> None:
        if not names_to_find:
            return
        levels = Level.GROUP, Level.PHONE_GROUP
        groups = [scope for level in levels for scope in self.snapshot.scopes(level)]
        ids = {scope.id for scope in groups}
        known = frozenset(key for group in groups for key in of_group(group.id, group.name, ids))
        names = list(dict.fromkeys(group.name for group in groups if group.name))
        by_skeleton: dict[str, list[str]] = {}
        for one in names:
            by_skeleton.setdefault(skeleton(one), []).append(one)
        why = self._why_not_whole(Level.GROUP)
        missing_count = 0
        for name, exact in names_to_find:
            text = _text(name)
            lookalikes = [
                each
                for each in by_skeleton.get(skeleton(text), ())
                if not is_pattern(text) and normalised(each) != normalised(text)
            ]
            fits = not known.isdisjoint(plain_group(text))
            if fits if exact else Match(group=name).fits_groups(known):
                result = _lookalike(text, lookalikes[0]) if lookalikes else None
            elif why is not None:
                result = NameCheck(ReferenceState.UNKNOWN, f"Groups could not be listed ({why}).")
            elif lookalikes:
                result = _only_looks_like("group", text, lookalikes[0])
            else:
                missing_count += 1
                result = _missing("group", name, _near(text, names, missing_count <= _MOST_GROUPS))
            self._checks["group", name, exact] = result

    def _look_for_many(
        self, what: Literal["user", "meeting"], names_to_find: Sequence[Name]
    ) -> None:
        """Look up users or meetings in one pass: there may be very many."""
        if not names_to_find:
            return
        level = Level.USER if what == "user" else Level.MEETING
        index = MatchIndex([Match.model_validate({what: name}) for name in names_to_find])
        unmatched = set(range(len(names_to_find)))
        for scope in self.snapshot.scopes(level):
            unmatched.difference_update(index.matching(scope, frozenset()))
            if not unmatched:
                break
        self._checks.update({(what, name, False): None for name in names_to_find})
        incomplete_reason = self._why_not_whole(level)
        absent = [names_to_find[position] for position in sorted(unmatched)]
        for name in absent:
            detail = f"The {what}s could not all be listed ({incomplete_reason})."
            self._checks[what, name, False] = NameCheck(ReferenceState.UNKNOWN, detail)
        if incomplete_reason is None and absent:
            self._propose(what, absent)

    def _propose(self, what: Literal["user", "meeting"], absent: Sequence[Name]) -> None:
        """Suggest existing names for names that the account does not have."""
        level = Level.USER if what == "user" else Level.MEETING
        texts: list[str] = []
        plain_names = {normalised(name): name for name in absent if isinstance(name, str)}
        display_names: set[Name] = set()
        for scope in self.snapshot.scopes(level):
            if scope.name and (same := plain_names.get(normalised(scope.name))) is not None:
                display_names.add(same)
            texts.append(scope.email if level is Level.USER and scope.email else scope.id)
        for count, name in enumerate(absent):
            if name in display_names:
                result = _only_a_name(what, _text(name))
            else:
                result = _missing(what, name, _near(_text(name), texts, count < _MOST_PEOPLE))
            self._checks[what, name, False] = result

    def _why_not_whole(self, level: Level) -> str | None:
        """Why the list of scopes of a level is incomplete; None if it is complete."""
        outcomes = self.snapshot.account().outcomes
        if level is Level.MEETING:
            outcome = outcomes.get(COVERAGE_VIEWS[level, MEETING.surface])
            if isinstance(outcome, Document) and isinstance(outcome.body, dict):
                whole = outcome.body.get("listed") == outcome.body.get("read")
                return None if whole else "not all upcoming meetings were read"
            return _why(outcome)
        views = LISTINGS[level]
        for view in views:
            outcome = outcomes.get(view)
            if not isinstance(outcome, Document):
                return _why(outcome)
        pending = outcomes.get(PENDING)
        return _why(pending) if level is Level.USER and isinstance(pending, ReadFailure) else None


def _why(outcome: object) -> str:
    return (
        outcome.unseen.detail if isinstance(outcome, ReadFailure) else "this run did not read them"
    )


def _text(name: Name) -> str:
    return name.name if isinstance(name, DisplayName) else name


def _near(text: str, known: Sequence[str], enabled: bool) -> str:
    """The nearest name of the account; empty if there is none."""
    if not enabled or is_pattern(text):
        return ""
    folded = {
        candidate.casefold(): candidate
        for candidate in known
        if abs(len(candidate) - len(text)) <= len(text)
    }
    close = get_close_matches(text.casefold(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else ""


def _missing(what: What, name: Name, near: str) -> NameCheck:
    text = _text(name)
    if isinstance(name, DisplayName):
        called = f'is named "{text}"'
    elif is_pattern(text):
        called = f'fits "{text}"'
    elif what == "group":
        called = f'is called "{text}", and none has this id'
    else:
        called = f'has the {"address" if is_address(text) else "id"} "{text}"'
    hint = f' Did you mean "{near}"?' if near else ""
    return NameCheck(ReferenceState.UNMATCHED, f"No {what} of the account {called}.{hint}", near)


def _only_a_name(what: What, text: str) -> NameCheck:
    whose = "people choose their display names" if what == "user" else "hosts choose their topics"
    detail = (
        f'"{text}" is only the name of a {what}, and {whose} themselves. '
        f'Write its {"address" if what == "user" else "number"}, or {{name: "{text}"}}.'
    )
    return NameCheck(ReferenceState.UNMATCHED, detail)


def _only_looks_like(what: What, text: str, other: str) -> NameCheck:
    detail = (
        f'No {what} of the account is called "{text}". "{other}" only looks the same: it differs '
        f"in {differing_characters(text, other) or 'its letters'}."
    )
    return NameCheck(ReferenceState.UNMATCHED, detail, other)


def _lookalike(text: str, other: str) -> NameCheck:
    detail = (
        f'The account also has a group "{other}", which only looks like "{text}": it differs in '
        f"{differing_characters(text, other) or 'its letters'}. An entry for one does not "
        "apply to the other."
    )
    return NameCheck(ReferenceState.LOOK_ALIKE, detail, other)


@dataclass(frozen=True)
class Entries:
    """The entries of an organisation file whose names are looked up."""

    overrides: Sequence[tuple[int, Override]] = ()
    """The overrides with their positions in the file."""
    exceptions: WaiversAndAttestations | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    assessed: frozenset[str] = frozenset()
    """The assessed controls; entries for other controls are omitted."""

    def mentions(self) -> Iterator[Mention]:
        """Every name in the entries."""
        yield from in_parameters(self.parameters)
        for position, override in self.overrides:
            yield from mentions_of("override", position, override.label, override.match)
        for position, waiver in self.waivers():
            yield from mentions_of(WAIVER, position, _waiver_label(waiver), waiver.scope)
        for position, blind_spot in self.blind_spots():
            yield from mentions_of(
                BLIND_SPOT, position, _blind_spot_label(blind_spot), blind_spot.scope
            )
        for position, attestation in self.attestations():
            entry = f"attestation of {attestation.control} for {attestation.scope.label}"
            yield from mentions_of("attestation", position, entry, attestation.scope)

    def waivers(self) -> Iterator[tuple[int, Waiver]]:
        """The waivers that are valid today, with their positions."""
        if self.exceptions is not None:
            for position, waiver in enumerate(self.exceptions.waivers):
                if waiver.control in self.assessed and waiver.expires >= self.exceptions.today:
                    yield position, waiver

    def blind_spots(self) -> Iterator[tuple[int, BlindSpot]]:
        """The blind spots that are accepted today, with their positions."""
        if self.exceptions is not None:
            for position, blind_spot in enumerate(self.exceptions.blind_spots):
                is_assessed = blind_spot.control is None or blind_spot.control in self.assessed
                if is_assessed and blind_spot.expires >= self.exceptions.today:
                    yield position, blind_spot

    def dated(self) -> dict["Slot", tuple[str, Match]]:
        """The valid waivers and blind spots, with a label and the scopes that each covers."""
        waivers = {
            (WAIVER, position): (_waiver_label(waiver), waiver.scope)
            for position, waiver in self.waivers()
        }
        blind_spots = {
            (BLIND_SPOT, position): (_blind_spot_label(blind_spot), blind_spot.scope)
            for position, blind_spot in self.blind_spots()
        }
        return waivers | blind_spots

    def attestations(self) -> Iterator[tuple[int, Attestation]]:
        """The attestations of assessed controls, with their positions."""
        if self.exceptions is not None:
            for position, attestation in enumerate(self.exceptions.attestations):
                if attestation.control in self.assessed:
                    yield position, attestation


WAIVER, BLIND_SPOT = "waiver", "blind spot"

Slot = tuple[str, int]
"""The kind of an entry, `WAIVER` or `BLIND_SPOT`, and its position in the file."""


def _waiver_label(waiver: Waiver) -> str:
    return f"waiver of {waiver.label}"


def _blind_spot_label(blind_spot: BlindSpot) -> str:
    return f"blind spot {blind_spot.label}"


@dataclass(frozen=True, slots=True)
class AppliedEntries:
    """The result of judging for the entries: which of them had an effect."""

    overrides_in_force: frozenset[int]
    """Positions of the overrides that applied, or may have applied, at any scope."""
    blind: frozenset[Level]
    """Levels that were not judged, or not listed completely."""


def check(
    snapshot: Snapshot, entries: Entries, applied: AppliedEntries | None = None
) -> tuple[list[Reference], Mapping[Slot, str]]:
    """The mismatches with the account, and why waivers and blind spots match nothing.

    Without `applied`, only names are checked.
    """
    mentions = list(entries.mentions())
    checks = Roster(snapshot).look_up(mentions)
    mismatches: dict[Reference, None] = {}
    unmatched: dict[Slot, str] = {}
    dated = entries.dated()
    for mention in mentions:
        result = checks[mention.key]
        if result is None:
            continue
        slot = mention.kind, mention.position
        if slot in dated:
            _, match = dated[slot]
            if result.state is ReferenceState.UNMATCHED and not _others_fit(match, checks):
                unmatched.setdefault(slot, result.detail)
                continue
            if result.state is ReferenceState.UNKNOWN:
                continue  # the result of the waiver or blind spot reports it
        name = _text(mention.name)
        mismatches[Reference(mention.kind, mention.entry, mention.what, name, *_fields(result))] = (
            None
        )
    if applied is not None:
        mismatches.update(dict.fromkeys(_unused_entries(entries, applied, checks)))
    return sorted(mismatches, key=_order), unmatched


def mismatches(snapshot: Snapshot, entries: Entries) -> list[Reference]:
    """The names that do not match the account in a snapshot, without judging it."""
    rows, unmatched = check(snapshot, entries)
    dated = entries.dated()
    for slot, detail in unmatched.items():
        label, _ = dated[slot]
        rows.append(Reference(slot[0], label, "", "", ReferenceState.UNMATCHED, detail))
    return sorted(rows, key=_order)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The result of looking up names in a run."""

    run: str = ""
    """The id of the run; empty if there was none."""
    finished_at: datetime | None = None
    found: Sequence[Reference] = ()
    """The names that do not match."""
    unchecked: str = ""
    """Why names were not looked up, as a sentence; empty if they were."""

    @property
    def stale(self) -> list[Reference]:
        """The names that match nothing."""
        return [reference for reference in self.found if reference.is_stale]


def _fields(result: NameCheck) -> tuple[ReferenceState, str, str]:
    return result.state, result.detail, result.suggestion


def _order(reference: Reference) -> tuple[bool, str, str, str, str]:
    return not reference.is_stale, reference.kind, reference.entry, reference.what, reference.name


def _others_fit(match: Match, checks: Mapping[Key, NameCheck | None]) -> bool:
    """True if, for each criterion of a match, the account has at least one of the names."""
    return all(
        any(not _is_missing(checks.get((what, name, False))) for name in listed(named(match)))
        for what, named in _NAMED
        if named(match) is not None
    )


def _is_missing(result: NameCheck | None) -> bool:
    return result is not None and result.state is ReferenceState.UNMATCHED


def _unused_entries(
    entries: Entries, applied: AppliedEntries, checks: Mapping[Key, NameCheck | None]
) -> Iterator[Reference]:
    """Entries whose names all exist, but which apply to nothing."""
    for position, override in entries.overrides:
        match = override.match
        alone = match.licence is None and (
            match.group is None or (match.user is None and match.level is None)
        )
        if alone or position in applied.overrides_in_force or match.levels & applied.blind:
            continue
        if _all_present(match, checks):
            detail = "The account has everything it names, but no scope matches all of it."
            yield Reference("override", override.label, "", "", ReferenceState.UNMATCHED, detail)
    exceptions = entries.exceptions
    for position, attestation in entries.attestations():
        assert exceptions is not None
        match = attestation.scope
        if exceptions.is_answering(position) or match.levels & applied.blind:
            continue
        if _all_present(match, checks):
            entry = f"attestation of {attestation.control} for {match.label}"
            detail = "It has no effect: Zoom returns the value, or the control is judged elsewhere."
            yield Reference("attestation", entry, "", "", ReferenceState.UNUSED, detail)


def _all_present(match: Match, checks: Mapping[Key, NameCheck | None]) -> bool:
    return all(
        (result := checks.get((what, name, False))) is None
        or result.state is ReferenceState.LOOK_ALIKE
        for what, named in _NAMED
        for name in listed(named(match))
    )
