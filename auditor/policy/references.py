"""References: names in the organisation file that the account does not have.

A stricter rule for a group that was renamed must not fall silent, so every name of a group, a
person or a meeting is looked for in the account's own lists. Where a list was not read to its end,
nobody can say that a name is not on it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from auditor.evidence.read_plan import COVERAGE_VIEWS, LISTINGS, MEETING, PENDING
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import Document, ReadFailure
from auditor.findings.model import Reference
from auditor.policy.match import DisplayName, Match, Name, listed
from auditor.policy.match_index import MatchIndex
from auditor.policy.names import (
    differing,
    is_address,
    is_pattern,
    normalised,
    of_group,
    plain_group,
    skeleton,
)
from auditor.policy.overrides import Override
from auditor.policy.parameters import known_parameters
from auditor.policy.waivers import Attestation, Waiver, WaiversAndAttestations

What = Literal["group", "user", "meeting"]
Key = tuple[What, Name, bool]
"""What is named, and how; True where `*` is a character like any other."""

_MOST_GROUPS = 50
_MOST_PEOPLE = 5
"""For how many names another one is proposed; of people there may be 100,000 to compare with."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the organisation file, and where it stands."""

    kind: str
    """override, waiver, attestation or parameter."""
    position: int
    """Which one of its kind in the file."""
    entry: str
    """What reports call it."""
    what: What
    name: Name

    @property
    def key(self) -> Key:
        """Equal for equal names of one kind of thing."""
        return self.what, self.name, self.kind == "parameter"


@dataclass(frozen=True, slots=True)
class NameCheck:
    """What came of looking for a name that does not simply fit."""

    state: str
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
    """The names of groups in the parameters that list groups."""
    known = known_parameters()
    for position, (name, value) in enumerate(sorted(parameters.items())):
        if name in known and known[name].names == "group":
            texts = value if isinstance(value, list) else [value]
            for text in texts:
                if isinstance(text, str) and text.strip():
                    yield Mention("parameter", position, f"parameter {name}", "group", text)


@dataclass
class Roster:
    """Who and what an account has, as far as it was listed."""

    snapshot: Snapshot
    _checks: dict[Key, NameCheck | None] = field(default_factory=dict)

    def look_up(self, mentions: Iterable[Mention]) -> Mapping[Key, NameCheck | None]:
        """What came of looking for each name; None where the account has it, and no lookalike."""
        wanted = dict.fromkeys(each.key for each in mentions)
        self._look_for_groups([(name, exact) for what, name, exact in wanted if what == "group"])
        self._look_for_many("user", [name for what, name, _ in wanted if what == "user"])
        self._look_for_many("meeting", [name for what, name, _ in wanted if what == "meeting"])
        return self._checks

    def _look_for_groups(self, wanted: Sequence[tuple[Name, bool]]) -> None:
        if not wanted:
            return
        levels = Level.GROUP, Level.PHONE_GROUP
        groups = [scope for level in levels for scope in self.snapshot.scopes(level)]
        ids = {scope.id for scope in groups}
        known = frozenset(key for each in groups for key in of_group(each.id, each.name, ids))
        names = list(dict.fromkeys(each.name for each in groups if each.name))
        drawn: dict[str, list[str]] = {}
        for one in names:
            drawn.setdefault(skeleton(one), []).append(one)
        why = self._why_not_whole(Level.GROUP)
        proposed = 0
        for name, exact in wanted:
            text = _text(name)
            alike = [
                each
                for each in drawn.get(skeleton(text), ())
                if not is_pattern(text) and normalised(each) != normalised(text)
            ]
            fits = not known.isdisjoint(plain_group(text))
            if fits if exact else Match(group=name).fits_groups(known):
                found = _lookalike(text, alike[0]) if alike else None
            elif why is not None:
                found = NameCheck("unknown", f"Groups could not be listed ({why}).")
            elif alike:
                found = _only_looks_like("group", text, alike[0])
            else:
                proposed += 1
                found = _missing("group", name, _near(text, names, proposed <= _MOST_GROUPS))
            self._checks["group", name, exact] = found

    def _look_for_many(self, what: Literal["user", "meeting"], wanted: Sequence[Name]) -> None:
        """Look for people or meetings: there may be very many, so each is looked at once."""
        if not wanted:
            return
        level = Level.USER if what == "user" else Level.MEETING
        index = MatchIndex([Match.model_validate({what: name}) for name in wanted])
        missing = set(range(len(wanted)))
        for scope in self.snapshot.scopes(level):
            missing.difference_update(index.matching(scope, frozenset()))
            if not missing:
                break
        self._checks.update({(what, name, False): None for name in wanted})
        why = self._why_not_whole(level)
        lost = [wanted[position] for position in sorted(missing)]
        for name in lost:
            detail = f"The {what}s could not all be listed ({why})."
            self._checks[what, name, False] = NameCheck("unknown", detail)
        if why is None and lost:
            self._propose(what, lost)

    def _propose(self, what: Literal["user", "meeting"], lost: Sequence[Name]) -> None:
        """Say what the account has instead of names that it does not have."""
        level = Level.USER if what == "user" else Level.MEETING
        texts: list[str] = []
        bare = {normalised(name): name for name in lost if isinstance(name, str)}
        borne: set[Name] = set()
        for scope in self.snapshot.scopes(level):
            if scope.name and (same := bare.get(normalised(scope.name))) is not None:
                borne.add(same)
            texts.append(scope.email if level is Level.USER and scope.email else scope.id)
        for count, name in enumerate(lost):
            if name in borne:
                found = _borne(what, _text(name))
            else:
                found = _missing(what, name, _near(_text(name), texts, count < _MOST_PEOPLE))
            self._checks[what, name, False] = found

    def _why_not_whole(self, level: Level) -> str | None:
        """Why there may be more scopes of a level than are known; None where all of them are."""
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


def _near(text: str, known: Sequence[str], wanted: bool) -> str:
    """The nearest of the names an account has; empty for none."""
    if not wanted or is_pattern(text):
        return ""
    folded = {each.casefold(): each for each in known if abs(len(each) - len(text)) <= len(text)}
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
    return NameCheck("unmatched", f"No {what} of the account {called}.{hint}", near)


def _borne(what: What, text: str) -> NameCheck:
    whose = "people choose their display names" if what == "user" else "hosts choose their topics"
    detail = (
        f'"{text}" is only the name of a {what}, and {whose} themselves. '
        f'Write its {"address" if what == "user" else "number"}, or {{name: "{text}"}}.'
    )
    return NameCheck("unmatched", detail)


def _only_looks_like(what: What, text: str, other: str) -> NameCheck:
    detail = (
        f'No {what} of the account is called "{text}". "{other}" only looks the same: it differs '
        f"in {differing(text, other) or 'its letters'}."
    )
    return NameCheck("unmatched", detail, other)


def _lookalike(text: str, other: str) -> NameCheck:
    detail = (
        f'The account also has a group "{other}", which only looks like "{text}": it differs in '
        f"{differing(text, other) or 'its letters'}. What is meant for one does not hold for the "
        "other."
    )
    return NameCheck("look_alike", detail, other)


@dataclass(frozen=True)
class Entries:
    """The entries of an organisation file whose names are looked for."""

    overrides: Sequence[tuple[int, Override]] = ()
    """With their positions in the file."""
    settlements: WaiversAndAttestations | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    assessed: frozenset[str] = frozenset()
    """The controls that are assessed: entries for others are left out."""

    def mentions(self) -> Iterator[Mention]:
        """Every name in them."""
        yield from in_parameters(self.parameters)
        for position, override in self.overrides:
            yield from mentions_of("override", position, override.label, override.match)
        for position, waiver in self.waivers():
            yield from mentions_of("waiver", position, _waiver_label(waiver), waiver.scope)
        for position, attestation in self.attestations():
            entry = f"attestation of {attestation.control} for {attestation.scope.label}"
            yield from mentions_of("attestation", position, entry, attestation.scope)

    def waivers(self) -> Iterator[tuple[int, Waiver]]:
        """Those that hold today, with their positions."""
        if self.settlements is not None:
            for position, each in enumerate(self.settlements.waivers):
                if each.control in self.assessed and each.expires >= self.settlements.today:
                    yield position, each

    def attestations(self) -> Iterator[tuple[int, Attestation]]:
        """Those of assessed controls, with their positions."""
        if self.settlements is not None:
            for position, each in enumerate(self.settlements.attestations):
                if each.control in self.assessed:
                    yield position, each


def _waiver_label(waiver: Waiver) -> str:
    return f"waiver of {waiver.control} for {waiver.scope.label}"


@dataclass(frozen=True, slots=True)
class Bearings:
    """What judging found of the entries: which of them were about anything."""

    overriding: frozenset[int]
    """Positions of overrides that held somewhere, or may have."""
    blind: frozenset[Level]
    """Levels that were not reached, or not listed as a whole."""


def check(
    snapshot: Snapshot, entries: Entries, bearings: Bearings | None = None
) -> tuple[list[Reference], Mapping[int, str]]:
    """What does not fit the account, and for waivers that name nobody, why, by position.

    Without `bearings`, names alone are looked at.
    """
    mentions = list(entries.mentions())
    checks = Roster(snapshot).look_up(mentions)
    found: dict[Reference, None] = {}
    lost: dict[int, str] = {}
    matches = dict(entries.waivers())
    for each in mentions:
        result = checks[each.key]
        if result is None:
            continue
        if each.kind == "waiver":
            if result.state == "unmatched" and not _others_fit(
                matches[each.position].scope, checks
            ):
                lost.setdefault(each.position, result.detail)
                continue
            if result.state == "unknown":
                continue  # the waiver itself says so
        name = _text(each.name)
        found[Reference(each.kind, each.entry, each.what, name, *_fields(result))] = None
    if bearings is not None:
        found.update(dict.fromkeys(_idle(entries, bearings, checks)))
    return sorted(found, key=_order), lost


def unfitting(snapshot: Snapshot, entries: Entries) -> list[Reference]:
    """The names that do not fit an account as it was read, without judging anything."""
    found, lost = check(snapshot, entries)
    waivers = dict(entries.waivers())
    for position, detail in lost.items():
        entry = _waiver_label(waivers[position])
        found.append(Reference("waiver", entry, "", "", "unmatched", detail))
    return sorted(found, key=_order)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What came of looking for names in a run."""

    run: str = ""
    """Its id; empty where no run was looked at."""
    finished_at: str = ""
    found: Sequence[Reference] = ()
    """The names that do not fit."""
    unchecked: str = ""
    """Why no name was looked for, as a sentence; empty where they were."""

    @property
    def stale(self) -> list[Reference]:
        """Those that match nothing."""
        return [each for each in self.found if each.is_stale]


def _fields(result: NameCheck) -> tuple[str, str, str]:
    return result.state, result.detail, result.suggestion


def _order(each: Reference) -> tuple[bool, str, str, str, str]:
    return not each.is_stale, each.kind, each.entry, each.what, each.name


def _others_fit(match: Match, checks: Mapping[Key, NameCheck | None]) -> bool:
    """True where, of everything a match names, the account has at least one name."""
    return all(
        any(not _is_lost(checks.get((what, name, False))) for name in listed(named(match)))
        for what, named in _NAMED
        if named(match) is not None
    )


def _is_lost(result: NameCheck | None) -> bool:
    return result is not None and result.state == "unmatched"


def _idle(
    entries: Entries, bearings: Bearings, checks: Mapping[Key, NameCheck | None]
) -> Iterator[Reference]:
    """Entries whose names all exist, and that are about nothing all the same."""
    for position, override in entries.overrides:
        match = override.match
        alone = match.group is None or (match.user is None and match.level is None)
        if alone or position in bearings.overriding or match.levels & bearings.blind:
            continue
        if _are_known(match, checks):
            detail = "The account has what it names, but nobody is all of it at once."
            yield Reference("override", override.label, "", "", "unmatched", detail)
    settlements = entries.settlements
    for position, attestation in entries.attestations():
        assert settlements is not None
        match = attestation.scope
        if settlements.is_answering(position) or match.levels & bearings.blind:
            continue
        if _are_known(match, checks):
            entry = f"attestation of {attestation.control} for {match.label}"
            detail = (
                "It answers nothing: Zoom returns the value, or the control is judged elsewhere."
            )
            yield Reference("attestation", entry, "", "", "unused", detail)


def _are_known(match: Match, checks: Mapping[Key, NameCheck | None]) -> bool:
    return all(
        (found := checks.get((what, name, False))) is None or found.state == "look_alike"
        for what, named in _NAMED
        for name in listed(named(match))
    )
