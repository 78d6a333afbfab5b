"""An index of the matches of an organisation file: lookup time does not grow with their number.

Matches for users and meetings are indexed by address, id and name, because there may be thousands
of waivers for single users. Matches for groups, licences and levels are evaluated once per set of
groups and licence.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from auditor.evidence.names import normalised
from auditor.evidence.scope import Level, Scope
from auditor.policy.baseline.match import Match, Names, keys_of, listed, scope_keys

_MOST_MEMBERSHIPS = 4_000
"""The cached sets of groups; a dropped result is cheap to compute again."""


class MatchIndex:
    """Finds the matches of a scope without comparing each of them."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self.matches = matches
        self.comparisons = 0
        """The number of comparisons of a match with a scope so far."""
        self._general: list[int] = []
        self._people = {Level.USER: _Keys(), Level.MEETING: _Keys()}
        for position, match in enumerate(matches):
            if match.meeting is not None:
                self._people[Level.MEETING].add(position, match.meeting)
            elif match.user is not None:
                self._people[Level.USER].add(position, match.user)
            else:
                self._general.append(position)
        self._by_groups: dict[tuple[Level, int | None, frozenset[str]], tuple[int, ...]] = {}
        self._names_licences = any(match.licence is not None for match in matches)
        self._possible: dict[tuple[Level, int | None], tuple[int, ...]] = {}
        self._groups_named = _groups_named(matches, self._general)

    def matching(self, scope: Scope, groups: frozenset[str]) -> tuple[int, ...]:
        """The positions of the matches that match `scope`, ascending."""
        general = self._of_groups(scope, groups)
        named = tuple(
            position
            for position in self._named(scope)
            if self._match_at(position).matches(scope, groups)
        )
        return tuple(sorted((*general, *named))) if named else general

    def possible(self, scope: Scope) -> tuple[int, ...]:
        """The positions of those that would match `scope` if a group had the right name."""
        key = scope.level, scope.licence if self._names_licences else None
        general = self._possible.get(key)
        if general is None:
            general = tuple(p for p in self._general if self._match_at(p).might_match(scope))
            self._possible[key] = general
        named = (p for p in self._named(scope) if self._match_at(p).might_match(scope))
        return tuple(sorted((*general, *named)))

    def _of_groups(self, scope: Scope, groups: frozenset[str]) -> tuple[int, ...]:
        licence = scope.licence if self._names_licences else None
        key = scope.level, licence, groups & self._groups_named if self._groups_named else groups
        positions = self._by_groups.get(key)
        if positions is None:
            if len(self._by_groups) >= _MOST_MEMBERSHIPS:
                self._by_groups.clear()
            positions = tuple(p for p in self._general if self._match_at(p).matches(scope, groups))
            self._by_groups[key] = positions
        return positions

    def _named(self, scope: Scope) -> Iterable[int]:
        keys = self._people.get(scope.level)
        if not keys:
            return ()
        address = scope.email if scope.level is Level.USER else scope.id
        return keys.candidates(scope.id, address, scope.name)

    def _match_at(self, position: int) -> Match:
        self.comparisons += 1
        return self.matches[position]


def _groups_named(matches: Sequence[Match], general: Iterable[int]) -> frozenset[str]:
    """All keys that may name a group; empty if a pattern is among them."""
    keys = [key for p in general for name in listed(matches[p].group) for key in keys_of(name)]
    return frozenset() if any(key.startswith("like") for key in keys) else frozenset(keys)


class _Keys:
    """Positions of matches by exact names, ids and addresses, and by ends of patterns."""

    def __init__(self) -> None:
        self._exact: defaultdict[str, list[int]] = defaultdict(list)
        self._patterns = {"like": _Patterns(), "likename": _Patterns()}

    def __bool__(self) -> bool:
        return bool(self._exact) or any(self._patterns.values())

    def add(self, position: int, names: Names) -> None:
        for name in listed(names):
            for key in keys_of(name):
                kind, text = key.split(":", 1)
                if kind in self._patterns:
                    self._patterns[kind].add(position, text)
                else:
                    self._exact[key].append(position)

    def candidates(self, zoom_id: str, address: str, name: str) -> Iterable[int]:
        """The positions whose names match, or whose patterns may match, without duplicates."""
        positions: dict[int, None] = {}
        for key in scope_keys(zoom_id, address, name):
            positions.update(dict.fromkeys(self._exact.get(key, ())))
        for kind, text in (("like", address or zoom_id), ("likename", name)):
            if self._patterns[kind]:
                positions.update(dict.fromkeys(self._patterns[kind].candidates(normalised(text))))
        return positions


class _Patterns:
    """Patterns by the text before their first wildcard, or else after their last one."""

    def __init__(self) -> None:
        self._starts: dict[int, dict[str, list[int]]] = {}
        self._ends: dict[int, dict[str, list[int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._starts or self._ends)

    def add(self, position: int, pattern: str) -> None:
        wild = [at for at, letter in enumerate(pattern) if letter in "*?["]
        start, end = pattern[: wild[0]], pattern[wild[-1] + 1 :]
        by_length, text = (
            (self._ends, end) if end and not start and "]" not in end else (self._starts, start)
        )
        by_length.setdefault(len(text), {}).setdefault(text, []).append(position)

    def candidates(self, text: str) -> Iterator[int]:
        """The positions of the patterns that begin or end like `text`."""
        for length, starts in self._starts.items():
            yield from starts.get(text[:length], ())
        for length, ends in self._ends.items():
            yield from ends.get(text[-length:], ())
