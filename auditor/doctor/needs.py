"""The requests that each control needs: checks to documents, documents to requests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.evidence import read_plan
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.judging import derived, reads
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint

_SETTINGS: Mapping[Level, tuple[Endpoint, ...]] = {
    Level.ACCOUNT: (endpoints.ACCOUNT_SETTINGS,),
    Level.GROUP: (endpoints.GROUPS, endpoints.GROUP_SETTINGS),
    Level.USER: (endpoints.USERS, endpoints.USER_SETTINGS),
}
_LOCKS: Mapping[Level, tuple[Endpoint, ...]] = {
    Level.ACCOUNT: (endpoints.ACCOUNT_LOCK_SETTINGS,),
    Level.GROUP: (endpoints.GROUP_LOCK_SETTINGS,),
}
_PHONE_AND_MEETINGS: Mapping[Level, tuple[Endpoint, ...]] = {
    Level.PHONE_ACCOUNT: (endpoints.PHONE_ACCOUNT_SETTINGS,),
    Level.PHONE_SITE: (endpoints.PHONE_SITES, endpoints.PHONE_SITE),
    Level.PHONE_GROUP: (endpoints.GROUPS, endpoints.PHONE_GROUP_SETTINGS),
    Level.PHONE_USER: (endpoints.USERS, endpoints.PHONE_USER),
    Level.MEETING: (endpoints.USERS, endpoints.USER_MEETINGS, endpoints.MEETING),
    Level.WEBINAR: (endpoints.USERS, endpoints.USER_WEBINARS, endpoints.WEBINAR),
}
"""The requests for Zoom Phone's settings and upcoming meetings, by level."""
_BY_SURFACE: Mapping[str, tuple[Endpoint, ...]] = {
    read_plan.TOKEN.surface: (),
    read_plan.ROLES.surface: (endpoints.ROLES, endpoints.ROLE, endpoints.ROLE_MEMBERS),
    read_plan.LOGS.surface: (endpoints.OPERATION_LOGS,),
    read_plan.SUMMARIES.surface: (endpoints.MEETING_SUMMARIES,),
    read_plan.history("").surface: (endpoints.HISTORY_MEETINGS,),
    read_plan.apps("").surface: (endpoints.MARKETPLACE_APPS,),
    read_plan.NOTICES.surface: (endpoints.HISTORY_MEETINGS, endpoints.DASHBOARD_PARTICIPANTS),
    read_plan.DISCLAIMERS.surface: (endpoints.DISCLAIMERS,),
}
_PHONE_WIDE = (Level.PHONE_ACCOUNT, Level.PHONE_SITE)
_LISTING_HOSTS = (read_plan.history("").surface, read_plan.SUMMARIES.surface)
_HOSTS_GROUPS = (endpoints.USERS, endpoints.GROUPS)
"""The requests that map people in reports to their groups."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The requests that controls need, down to a depth."""

    by_control: Mapping[str, tuple[Endpoint, ...]]
    """Control id to its requests. Contains only controls that an API shows at this depth and whose
    parameters are set."""
    titles: Mapping[str, str]
    by_membership: tuple[str, ...] = ()
    """The controls that depend on group membership."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All requests, in the order of `ENDPOINTS`."""
        needed = {endpoint for each in self.by_control.values() for endpoint in each}
        return tuple(each for each in endpoints.ENDPOINTS.values() if each in needed)

    def controls(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The ids of the controls that would be partly or wholly unknown without a request."""
        return tuple(cid for cid, needed in self.by_control.items() if endpoint in needed)


def needs(
    baseline: Baseline,
    depth: Level,
    parameters: Mapping[str, JsonValue] | None = None,
    overridden: frozenset[str] = frozenset(),
) -> Needs:
    """The requests of an audit by `baseline` (including what overrides add) down to `depth`.

    `parameters` are the organisation's, and take precedence over those of the baseline.
    `overridden` are the controls with an override that names groups.
    """
    join = _Join(baseline, depth, {**baseline.parameters, **(parameters or {})})
    by_control = {cid: join.of(each) for cid, each in baseline.assessed.items()}
    order = list(endpoints.ENDPOINTS.values())
    return Needs(
        {cid: tuple(sorted(each, key=order.index)) for cid, each in by_control.items() if each},
        {cid: each.control.title for cid, each in baseline.assessed.items()},
        tuple(
            cid
            for cid, each in baseline.assessed.items()
            if endpoints.USERS in by_control[cid]
            and (cid in overridden or join.asks_for_groups(each))
        ),
    )


@dataclass(frozen=True)
class _Join:
    """Maps controls to checks, checks to documents, and documents to requests."""

    baseline: Baseline
    depth: Level
    parameters: Mapping[str, JsonValue]

    @property
    def _within(self) -> tuple[Level, ...]:
        return reads.reached(self.depth)

    def of(self, assessed: ControlExpectation) -> set[Endpoint]:
        """The requests of one control."""
        return {
            endpoint
            for check in reads.checks(assessed)
            for endpoint in self._of_check(assessed, check)
        }

    def asks_for_groups(self, assessed: ControlExpectation) -> bool:
        """True if the verdict depends on membership of a group that the organisation names."""
        for check in reads.checks(assessed):
            wish = assessed.expectations[check.setting]
            named = wish.group_exception_param
            if wish.op == "user_in_group_param" or check.surface in _LISTING_HOSTS:
                named = named or wish.param
            if self.parameters.get(named or "") is not None:
                return True
        return False

    def _of_check(self, assessed: ControlExpectation, check: Check) -> Iterator[Endpoint]:
        if check.surface == "derived":
            yield from self._derived(assessed, check)
        elif check.surface == SETTINGS_SURFACE:
            yield from self._settings(check)
        else:
            wish = assessed.expectations[check.setting]
            if self._can_be_judged(wish) and not check.optional:
                yield from self._other_surfaces(check, wish)

    def _settings(self, check: Check) -> Iterator[Endpoint]:
        for level in check.levels:
            if level in self._within:
                yield from _SETTINGS[level]
        yield from self._locks(check)

    def _locks(self, check: Check) -> Iterator[Endpoint]:
        for level in check.lock_levels if check.lock is not None else ():
            if level in self._within:
                yield from _LOCKS[level]

    def _other_surfaces(self, check: Check, wish: Expectation) -> Iterator[Endpoint]:
        within = [level for level in check.levels if level in self._within]
        if not within:
            return
        if check.surface in _BY_SURFACE:
            yield from _BY_SURFACE[check.surface]
            is_notice = check.surface == read_plan.DISCLAIMERS.surface
            if is_notice and read_plan.NOTICE_KINDS[reads.notice_kind(check)].features:
                yield endpoints.HISTORY_MEETINGS
            if check.surface in _LISTING_HOSTS and wish.op == "subset_of_param":
                yield from _HOSTS_GROUPS
            return
        for level in within:
            yield from _PHONE_AND_MEETINGS[level]

    def _derived(self, assessed: ControlExpectation, check: Check) -> Iterator[Endpoint]:
        """A derived control needs the requests of the verdicts it is computed from."""
        if assessed.control.id == reads.NEW_SETTINGS_CONTROL:
            for level, views in reads.SCANNED_VIEWS.items():
                if level in self._within:
                    yield from _SETTINGS[level]
                    yield from _LOCKS[level] if LOCKS in views else ()
        elif assessed.control.id == "CC-01":
            yield from self._locks_at_the_top()
        else:
            for level in derived.levels(assessed.control, check) & set(self._within):
                yield from _SETTINGS[Level.ACCOUNT]
                yield from _SETTINGS[level]

    def _locks_at_the_top(self) -> Iterator[Endpoint]:
        """The requests that return account locks, for the checks whose setting should be locked."""
        due = [each for each in self.baseline.assessed.values() if each.lock]
        for check in (check for each in due for check in reads.checks(each)):
            for level in check.lock_levels if check.lock is not None else ():
                if check.surface == SETTINGS_SURFACE and level is Level.ACCOUNT:
                    yield from _LOCKS[level]
                elif check.surface != SETTINGS_SURFACE and level in _PHONE_WIDE:
                    yield from _PHONE_AND_MEETINGS[level]

    def _can_be_judged(self, wish: Expectation) -> bool:
        """False where the organisation has yet to decide: nothing is asked for then."""
        return wish.is_decided(self.parameters)
