"""Whether an audit of the configured account, or of a simulated one, would be complete."""

from collections.abc import Callable

from auditor.app import names
from auditor.app.configuration import describe, doctor_check
from auditor.app.runs import SANDBOX_HOME, stored_runs
from auditor.app.selection import Selection
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.doctor.checks import DoctorInputs, Policy, examine
from auditor.doctor.model import DoctorReport
from auditor.evidence.scope import Level
from auditor.files.permissions import InsecureDirectory
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.catalogue.errors import PolicyError
from auditor.secrets import backends
from auditor.store.errors import StoreError
from auditor.store.runs import Runs
from auditor.zoom.auth import Credentials
from auditor.zoom.limits import RatePlan


def diagnose(
    settings: Settings,
    selection: Selection,
    depth: Level,
    say: Callable[[str], None],
    simulated: tuple[str, str, str] | None = None,
    *,
    checks_configuration: bool = True,
) -> DoctorReport:
    """Examine the configured account; `say` shows a sentence to the user.

    `simulated`: the account, client id and secret of a simulated account, to which the addresses of
    `settings` lead. Without `checks_configuration` the configuration of this process is no part of
    it.
    """
    is_simulated = simulated is not None
    refused = ""
    unchecked = (
        Runs(settings.data / SANDBOX_HOME) if is_simulated else Runs(settings.data, settings.store)
    )
    try:
        stored = stored_runs(settings, sandbox=is_simulated)
    except InsecureDirectory as error:
        stored, refused = unchecked, str(error)
    except StoreError:  # reported by the check of the history
        stored = unchecked

    def look_up(entries: Entries) -> LookedUp:
        return names.in_newest_run(settings, say, entries, sandbox=is_simulated)

    credentials: Credentials | ConfigError
    if simulated is None:
        credentials, origins = _credentials(settings)
    else:
        credentials, origins = Credentials(*simulated), ("sandbox",)
    return examine(
        DoctorInputs(
            api_url=settings.api_url,
            oauth_url=settings.oauth_url,
            policy=_policy(selection, depth, settings),
            credentials=credentials,
            origins=origins,
            stored=stored,
            keyring=backends.keyring_status,
            look_up=look_up,
            refused=refused,
            plan=RatePlan(settings.plan),
            configuration=doctor_check(describe())
            if checks_configuration and not is_simulated
            else None,
        )
    )


def _policy(selection: Selection, depth: Level, settings: Settings) -> Policy | PolicyError:
    """The policy of an audit, or why there is none."""
    try:
        judgement = selection.judgement(depth, settings.baseline, settings.org)
    except PolicyError as error:
        return error
    by_group = [
        override
        for override in judgement.organisation.overrides
        if override.match.group is not None
    ]
    overridden = frozenset(cid for override in by_group for cid in override.controls)
    entries = names.entries(judgement.organisation, judgement.baseline)
    return Policy(judgement.overrides.union(), depth, judgement.parameters, overridden, entries)


def _credentials(settings: Settings) -> tuple[Credentials | ConfigError, tuple[str, ...]]:
    """The credentials, or why there are none, and their origins."""
    credentials_by_name, problem = settings.credential_sources()

    def known(_: str, name: str) -> str | None:
        if problem is not None and credentials_by_name[name].value is None:
            raise problem
        return credentials_by_name[name].value

    origins = tuple(
        str(credential.origin)
        for credential in credentials_by_name.values()
        if credential.origin is not None
    )
    try:
        return settings.credentials(known), origins
    except ConfigError as error:
        return error, origins
