"""Looks up the names in an organisation file in a stored run."""

from collections.abc import Callable
from datetime import UTC, datetime

from auditor.app.runs import LATEST, RunSource
from auditor.config.settings import Settings
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.timestamps import parse_or_none
from auditor.files.permissions import InsecureDirectory
from auditor.policy.baseline import references
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue import files
from auditor.store.errors import RunNotFound, StoreError


def entries(organisation: Organisation, baseline: Baseline | None) -> Entries:
    """All entries that can contain names, of any control."""
    today = datetime.now(UTC).date()
    return Entries(
        tuple(enumerate(organisation.overrides)),
        WaiversAndAttestations(
            organisation.waivers, organisation.attestations, today, organisation.blind_spots
        ),
        {**(baseline.parameters if baseline is not None else {}), **organisation.parameters},
        frozenset(organisation.extended(files.shipped_catalogue()).controls),
    )


def in_run(snapshot: Snapshot, names: Entries) -> LookedUp:
    """Look up the names in the evidence of a run."""
    return LookedUp(
        snapshot.meta("run_id") or "",
        parse_or_none(snapshot.meta("finished_at") or ""),
        references.mismatches(snapshot, names),
    )


def in_newest_run(
    settings: Settings,
    say: Callable[[str], None],
    names: Entries,
    *,
    account: str | None = None,
    sandbox: bool = False,
) -> LookedUp:
    """Look up the names in the newest run of the account, if there is one."""
    try:
        source = RunSource.chosen(settings, say, account=account, sandbox=sandbox)
        _, snapshot = source.opened(LATEST)
        with snapshot:
            return in_run(snapshot, names)
    except (RunNotFound, StoreError, SnapshotError, InsecureDirectory) as error:
        return LookedUp(unchecked=str(error))
