"""The requests that each control needs: its planned checks, and the requests of their surfaces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue.controls import SETTINGS_SURFACE
from auditor.policy.judging import derived, reads
from auditor.policy.judging.allowed_groups import allowed_groups
from auditor.policy.judging.reads import PlannedCheck
from auditor.surfaces import SURFACES
from auditor.surfaces.reports import GROUPS_OF_HOSTS
from auditor.zoom import endpoints
from auditor.zoom.endpoints import Endpoint


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
        needed = set[Endpoint]().union(*self.by_control.values())
        return tuple(endpoint for endpoint in endpoints.ENDPOINTS.values() if endpoint in needed)

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
    values = {**baseline.parameters, **(parameters or {})}
    by_control = {
        cid: {
            endpoint
            for planned in reads.planned(expectation, depth, values)
            for endpoint in _requests(planned)
        }.union(_of_derived(baseline, expectation, reads.reached(depth)))
        for cid, expectation in baseline.assessed.items()
    }
    allowed = allowed_groups(baseline.assessed.values(), values, 0)
    order = list(endpoints.ENDPOINTS.values())
    return Needs(
        {
            cid: tuple(sorted(needed, key=order.index))
            for cid, needed in by_control.items()
            if needed
        },
        {cid: expectation.control.title for cid, expectation in baseline.assessed.items()},
        tuple(
            cid
            for cid, expectation in baseline.assessed.items()
            if endpoints.USERS in by_control[cid]
            and (
                cid in overridden
                or _names_groups(expectation, values)
                or any(allowed.for_lock_of(cid, check) for check in reads.checks(expectation))
            )
        ),
    )


def _requests(planned: PlannedCheck) -> Iterator[Endpoint]:
    """The requests that return the documents of a check."""
    check, surface = planned.check, planned.surface
    if check.optional:
        return
    for level in planned.levels:
        yield from surface.levels[level].endpoints
    for level in planned.lock_levels:  # without the list of groups, no group's lock is judged
        locks = SURFACES[LOCKS.surface].levels[level]
        yield from set(locks.endpoints).difference(locks.listings)
    if surface.also is not None:
        yield from surface.also(check.setting)
    if planned.compares_groups:
        yield from GROUPS_OF_HOSTS.levels[Level.ACCOUNT].endpoints


def _names_groups(assessed: ControlExpectation, parameters: Mapping[str, JsonValue]) -> bool:
    """True if the verdict depends on membership of a group that the organisation names."""
    for check in reads.checks(assessed):
        expectation = assessed.expectations[check.setting]
        named = expectation.groups_param
        if check.surface in SURFACES and SURFACES[check.surface].names_hosts:
            named = named or expectation.param
        if parameters.get(named or "") is not None:
            return True
    return False


def _of_derived(
    baseline: Baseline, assessed: ControlExpectation, within: tuple[Level, ...]
) -> Iterator[Endpoint]:
    """A derived control needs the requests of the verdicts it is computed from."""
    settings = SURFACES[SETTINGS.surface].levels
    for check in reads.checks(assessed):
        if check.surface != "derived":
            continue
        if assessed.control.id == reads.NEW_SETTINGS_CONTROL:
            for level, views in reads.SCANNED_VIEWS.items():
                for view in views if level in within else ():
                    yield from SURFACES[view.surface].levels[level].endpoints
        elif assessed.control.id == "CC-01":
            yield from _locks_at_the_top(baseline)
        else:
            for level in derived.levels(assessed.control, check) & set(within):
                yield from settings[Level.ACCOUNT].endpoints
                yield from settings[level].endpoints


def _locks_at_the_top(baseline: Baseline) -> Iterator[Endpoint]:
    """The requests that return account locks, for the checks whose setting should be locked."""
    due = [expectation for expectation in baseline.assessed.values() if expectation.lock]
    for check in (
        check
        for expectation in due
        for check in reads.checks(expectation)
        if check.lock is not None
    ):
        is_setting = check.surface == SETTINGS_SURFACE
        top = (Level.ACCOUNT,) if is_setting else (Level.PHONE_ACCOUNT, Level.PHONE_SITE)
        for level in set(top).intersection(check.lock_levels):
            yield from SURFACES[check.lock_document.surface].levels[level].endpoints
