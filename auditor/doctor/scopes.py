"""Compares the scopes that an audit needs with those the app was granted. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from auditor.doctor.needs import Needs
from auditor.evidence.scope import Level
from auditor.policy.catalogue.operators import writes
from auditor.surfaces import SURFACES
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

_CLASSIC = re.compile(r"[a-z_]+(?::(?:read|write|master))?(?::(?:admin|master))?", re.IGNORECASE)
"""`area:verb[:level]`; granular scopes also name the resource. Source: Zoom's two scope lists."""

OPTIONAL: Mapping[Endpoint, str] = {
    endpoints.GROUP_MEMBERS: "who is in which group, if the list of users does not say so",
    **{s.endpoint(Level.ACCOUNT): s.adds for s in SURFACES.values() if s.adds},
}
"""Requests that no verdict needs on most accounts, and what they add."""


class ScopeKind(StrEnum):
    """Which of Zoom's two kinds of scopes an app has."""

    GRANULAR = "granular"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class ScopeRequirement:
    """One request of an audit, and whether the app may make it."""

    endpoint: Endpoint
    controls: tuple[str, ...]
    """The controls that would be partly or wholly unknown without it; empty if it is optional."""
    granted: bool | None
    """None if the granted scopes are unknown."""
    adds: str = ""
    """What it adds, if it is optional."""

    def scope(self, kind: ScopeKind) -> str:
        """The scope to add for it; empty if this kind has none."""
        if kind is ScopeKind.CLASSIC:
            return self.endpoint.classic_scopes[0] if self.endpoint.classic_scopes else ""
        return self.endpoint.scopes[0]

    def alternatives(self, kind: ScopeKind) -> tuple[str, ...]:
        """Other scopes of the same kind that suffice."""
        classic = kind is ScopeKind.CLASSIC
        return (self.endpoint.classic_scopes if classic else self.endpoint.scopes)[1:]


@dataclass(frozen=True)
class ScopeComparison:
    """The scopes an audit needs, compared with those the app was granted."""

    needs: Needs
    granted: frozenset[str] | None
    """None if there is no token, or if Zoom returned no scopes with it."""
    lists_members: bool = False
    """True if the list of users has no group ids, so that each group's members are listed."""

    @cached_property
    def kind(self) -> ScopeKind:
        """The app's kind of scopes; granular if unknown, because new apps have only those."""
        if self.granted and all(_CLASSIC.fullmatch(scope) for scope in self.granted):
            return ScopeKind.CLASSIC
        return ScopeKind.GRANULAR

    @cached_property
    def required(self) -> tuple[ScopeRequirement, ...]:
        """Every request that a control needs."""
        controls = {endpoint: self.needs.controls(endpoint) for endpoint in self.needs.endpoints}
        if self.lists_members and self.needs.by_membership:
            controls[endpoints.GROUP_MEMBERS] = self.needs.by_membership
        return tuple(
            ScopeRequirement(endpoint, controls[endpoint], self._is_granted(endpoint))
            for endpoint in endpoints.ENDPOINTS.values()
            if endpoint in controls
        )

    @cached_property
    def optional(self) -> tuple[ScopeRequirement, ...]:
        """Requests that add something although no control needs them."""
        return tuple(
            ScopeRequirement(endpoint, (), self._is_granted(endpoint), adds)
            for endpoint, adds in OPTIONAL.items()
            if endpoint not in [requirement.endpoint for requirement in self.required]
            and (endpoint is not endpoints.GROUP_MEMBERS or endpoints.USERS in self.needs.endpoints)
            and (endpoint is not endpoints.AI_WORKFLOWS or "AI-21" in self.needs.titles)
        )

    @property
    def missing(self) -> tuple[ScopeRequirement, ...]:
        """The required requests that are not granted."""
        return tuple(requirement for requirement in self.required if requirement.granted is False)

    @property
    def to_add(self) -> tuple[str, ...]:
        """The distinct scopes to add, sorted."""
        return _sorted(requirement.scope(self.kind) for requirement in self.missing)

    @property
    def to_add_for_sub_accounts(self) -> tuple[str, ...]:
        """The distinct scopes to add for the same audit of accounts below the app's own, sorted.

        Empty for an app with classic scopes, which `account:master` allows everything.
        """
        granted = self.granted
        if granted is None or "account:master" in granted:
            return ()
        return _sorted(
            requirement.endpoint.master_scopes[0]
            for requirement in self.required
            if not granted & {*requirement.endpoint.master_scopes}
        )

    @property
    def alternatives(self) -> Mapping[str, tuple[str, ...]]:
        """For each scope to add, the ones that suffice if the app's page does not offer it."""
        return {
            requirement.scope(self.kind): requirement.alternatives(self.kind)
            for requirement in self.missing
            if requirement.scope(self.kind) and requirement.alternatives(self.kind)
        }

    @property
    def without_scope(self) -> tuple[ScopeRequirement, ...]:
        """Missing requests without a scope of the app's kind."""
        return tuple(
            requirement for requirement in self.missing if not requirement.scope(self.kind)
        )

    @property
    def optional_to_add(self) -> tuple[str, ...]:
        """Optional scopes that are not granted."""
        return _sorted(
            requirement.scope(self.kind)
            for requirement in self.optional
            if requirement.granted is False
        )

    @cached_property
    def unknown(self) -> Mapping[str, tuple[ScopeRequirement, ...]]:
        """Control id to its missing requests, for the controls that would be unknown."""
        missing_by_control = {
            cid: tuple(requirement for requirement in self.missing if cid in requirement.controls)
            for cid in self.needs.by_control
        }
        return {cid: missing for cid, missing in missing_by_control.items() if missing}

    @property
    def writing(self) -> tuple[str, ...]:
        """Granted scopes that allow changes."""
        return _sorted(scope for scope in self.granted or () if writes(scope))

    @property
    def unused(self) -> tuple[str, ...]:
        """Granted read-only scopes that this audit does not use."""
        requirements = (*self.required, *self.optional)
        used = {
            s
            for requirement in requirements
            for s in (*requirement.endpoint.scopes, *requirement.endpoint.classic_scopes)
        }
        return _sorted(s for s in self.granted or () if s not in used and not writes(s))

    def _is_granted(self, endpoint: Endpoint) -> bool | None:
        return None if self.granted is None else endpoint.is_allowed_by(self.granted)


def _sorted(scopes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({scope for scope in scopes if scope}))
