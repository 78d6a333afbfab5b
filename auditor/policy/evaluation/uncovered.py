"""New settings in Zoom's documents: undocumented fields appear almost monthly.

A leaf is covered if a control of the catalogue reads it, and known if Zoom's references document
it. A leaf that is neither is new. A new leaf whose key is relevant to AI, consent or sharing is a
deviation of CC-07; any other needs a decision.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope, placeholder_id
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import LOCKS, SETTINGS, Document, View
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.verdict_store import Assessment, VerdictSet
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import documented, word_lists
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Catalogue
from auditor.policy.catalogue.values import iter_leaves
from auditor.policy.judging.reads import NEW_SETTINGS_CONTROL, SCANNED_VIEWS


def speaks_of(path: str) -> str | None:
    """The topic of a settings path: ai, consent or sharing; None for any other."""
    return word_lists.key_words().topic(path)


class Coverage:
    """Knows which leaves of a document are covered by controls, and which are documented."""

    def __init__(
        self, catalogue: Catalogue, baseline: Baseline | None, accepted: Iterable[str]
    ) -> None:
        """Without a baseline, `is_judged` is false for every path."""
        checks = [check for control in catalogue for check in control.checks]
        reading = [check for check in checks if check.surface == SETTINGS_SURFACE]
        self._covered = {check.setting for check in reading}
        self._covered |= {c.only_when.setting for c in reading if c.only_when is not None}
        self._keyed = [(check, check.find_key) for check in reading if check.find_key is not None]
        self._wholes = {c.setting for c in reading if {"object", "array"} & set(c.type)}
        """Settings that a control reads as a whole."""
        self._locks = {check.lock for check in reading if check.lock is not None}
        controls = baseline.assessed.values() if baseline is not None else ()
        self._judged = {setting for assessed in controls for setting in assessed.expectations}
        self._accepted = [pattern.casefold().replace("[", "[[]") for pattern in accepted]

    def is_new(self, view: View, path: str) -> bool:
        """True if the leaf is not read by a control, not documented and not accepted."""
        if view.surface == LOCKS.surface:
            known = any(
                prefix in self._locks or prefix in documented.lockable()
                for leaf in self._path_variants(view, path)
                for prefix in _prefixes(leaf)
            )
        else:
            known = any(self._is_known(leaf) for leaf in self._path_variants(view, path))
            known = known or self._is_found_by_key(path)
        return not (
            known or any(fnmatchcase(path.casefold(), pattern) for pattern in self._accepted)
        )

    def _is_known(self, path: str) -> bool:
        """True if a control or a reference covers the leaf, or a parent object or list."""
        leaf = path.removesuffix("[]")
        known_paths = (self._covered, documented.settings(), documented.containers())
        return (
            any(leaf in paths for paths in known_paths)
            or any(
                around in self._wholes or documented.is_whole(around) for around in _prefixes(leaf)
            )
            or documented.is_known_by_key(leaf)
        )

    def _is_found_by_key(self, path: str) -> bool:
        """True if a control with an inferred parent reads the leaf by its key."""
        parts = path.split(".")
        for check, key in self._keyed:
            if key in parts:
                setting_parts = check.setting.split(".")
                below = setting_parts[setting_parts.index(key) + 1 :]
                if parts[parts.index(key) + 1 :][: len(below)] == below:
                    return True
        return False

    def is_judged(self, path: str) -> bool:
        """True if a check of the baseline reads the leaf or a parent object."""
        return any(prefix in self._judged for prefix in _prefixes(path))

    def _path_variants(self, view: View, path: str) -> Iterator[str]:
        """The path of the leaf, and its paths in the unflattened view."""
        yield path
        if view.option:
            yield f"{view.option}.{path}"
            yield path.removeprefix(f"authentication_options.{view.option}.")


def _prefixes(path: str) -> Iterator[str]:
    """`a.b.c`, then its parents, which may be leaves elsewhere: `a.b`, `a`."""
    while path:
        yield path
        yield path.removesuffix("[]")
        path = path.rpartition(".")[0]


@dataclass
class NewSettings:
    """Collects new settings over all scopes; equal documents are scanned once."""

    coverage: Coverage
    returned: set[str] = field(default_factory=set)
    unread: set[Cause] = field(default_factory=set)
    """Why documents that may contain new settings are missing."""
    _by_scope: dict[Scope, dict[str, str]] = field(default_factory=dict)
    """Scope to its new settings, with the first request that returned each of them."""
    _users: int = 0
    """The number of users with new settings."""
    _with: Counter[str] = field(default_factory=Counter)
    """New setting to the number of users with it, in one or more views."""
    _user_sources: dict[str, str] = field(default_factory=dict)
    _times: dict[Scope, dict[str, str]] = field(default_factory=dict)
    _walked: dict[tuple[View, str], tuple[str, ...]] = field(default_factory=dict)

    def add(self, evidence: ScopeEvidence, scopes: int = 1) -> None:
        """Scan the settings and lock documents shared by `scopes` equal scopes."""
        if not evidence.outcomes.keys() >= set(SCANNED_VIEWS[evidence.scope.level]):
            self.unread.add(Cause.NOT_COLLECTED)
        documents: dict[str, Document] = {}
        for view, outcome in evidence.outcomes.items():
            if view.surface not in (SETTINGS.surface, LOCKS.surface):
                continue
            if not isinstance(outcome, Document):
                self.unread.add(outcome.unseen.cause)
            else:
                for path in self._new(view, evidence.digests.get(view, ""), outcome):
                    documents.setdefault(path, outcome)
        if documents and evidence.scope.level is Level.USER:
            self._users += scopes
            for path, outcome in documents.items():
                self._with[path] += scopes
                self._user_sources.setdefault(path, outcome.source)
        elif documents:
            sources = {path: outcome.source for path, outcome in documents.items()}
            self._by_scope[evidence.scope] = sources
            self._times[evidence.scope] = {
                outcome.source: outcome.observed_at for outcome in documents.values()
            }

    def _new(self, view: View, digest: str, outcome: Document) -> tuple[str, ...]:
        cached = self._walked.get((view, digest))
        if cached is None:
            paths = {path for path, _ in iter_leaves(outcome.body) if path}
            if view.surface == SETTINGS.surface:
                self.returned |= paths
            new = tuple(sorted(path for path in paths if self.coverage.is_new(view, path)))
            cached = self._walked[view, digest] = new
        return cached

    def assessments(self, severity: Severity) -> Iterator[Assessment]:
        """One finding per new setting and scope; all users share one placeholder scope."""
        for scope, rows in self._by_scope.items():
            verdicts = VerdictSet.of(_verdict(path, rows[path], severity) for path in sorted(rows))
            yield Assessment(scope, verdicts, self._times[scope])
        if self._users:
            verdicts = VerdictSet.of(
                _verdict(path, source, severity, self._of_users(path))
                for path, source in sorted(self._user_sources.items())
            )
            yield Assessment(
                Scope(Level.USER, placeholder_id(), Level.USER.counted(self._users)), verdicts
            )

    def _of_users(self, path: str) -> str:
        """A sentence with the number of users, if not all users of the row have the setting."""
        count = self._with[path]
        return "" if count == self._users else f"Seen at {Level.USER.counted(count)}. "

    @property
    def judged(self) -> int:
        """The number of returned settings that the baseline judges."""
        return sum(self.coverage.is_judged(path) for path in self.returned)


def _verdict(path: str, source: str, severity: Severity, where: str = "") -> Verdict:
    suspicious = speaks_of(path) is not None
    what = "Its name mentions AI, consent or data sharing; look at it first. " if suspicious else ""
    return Verdict(
        control=NEW_SETTINGS_CONTROL,
        kind=FindingKind.UNCOVERED,
        status=Status.FAIL if suspicious else Status.NEEDS_DECISION,
        severity=severity if suspicious else Severity.LOW,
        setting=path,
        expected=None,
        detail=f"No control covers this setting and no reference documents it. {where}{what}"
        "Decide what it should be, or accept it with: auditor baseline accept-keys.",
        source=source,
    )
