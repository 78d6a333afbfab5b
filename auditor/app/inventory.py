"""The inventory: what every feature of AI, sharing and recording is set to, without a baseline."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.app.audit import PSEUDONYMISED, SIMULATED, EvaluationConfig
from auditor.app.runs import RunSource
from auditor.collect.carrying import CARRIED
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull, Snapshot, SnapshotError
from auditor.evidence.timestamps import format_or_none
from auditor.findings.inventory import EvidenceInfo, Feature, Inventory, key_of
from auditor.policy.catalogue import features, files
from auditor.policy.evaluation import inventory as evaluation
from auditor.policy.evaluation.inventory import FeatureSelection
from auditor.policy.evaluation.setting_states import AccountEvidence
from auditor.store.errors import StoreError
from auditor.store.runs import Runs
from auditor.zoom.hosts import is_loopback

if TYPE_CHECKING:
    from auditor.app.export import ExportOptions

__all__ = [
    "AI_FEATURES",
    "OTHER_FEATURES",
    "FeatureSelection",
    "evidence_info",
    "inventory_of",
    "take_inventory",
    "with_history",
]

AI_FEATURES = FeatureSelection(topics=(features.AI,))
OTHER_FEATURES = FeatureSelection(
    topics=tuple(topic for topic in features.DEFAULT_TOPICS if topic != features.AI)
)
"""What `auditor inventory` lists besides AI."""


def take_inventory(
    source: RunSource, run: str, selection: FeatureSelection, export: "ExportOptions"
) -> Inventory:
    """The features of a stored run, by id, `latest` or the path of a snapshot.

    `export` says whether people go by pseudonyms.

    Raises:
        PolicyError: a topic, a setting or a group does not exist.
        RunNotFound: there is no such run.
        SnapshotError: the run did not finish, or its file is not a snapshot.
        StoreError: the history cannot be read.
    """
    stored, evidence = source.opened_file(run)
    with evidence as snapshot:
        judgement = EvaluationConfig.from_snapshot(snapshot, files.shipped_catalogue())
        with export.renamed(snapshot, judgement) as (shown, _):
            found = inventory_of(shown, selection)
    return with_history(stored, found)


def inventory_of(snapshot: Snapshot, selection: FeatureSelection) -> Inventory:
    """The features in the evidence of a finished run.

    Raises:
        PolicyError: a topic, a setting or a group does not exist, or another version recorded
            what was judged in a form that this version does not understand.
        SnapshotError: the run did not finish.
    """
    catalogue = files.shipped_catalogue()
    info = evidence_info(snapshot)
    judgement = EvaluationConfig.from_snapshot(snapshot, catalogue)
    evidence = AccountEvidence.of(snapshot, judgement.reads)
    rows = evaluation.chosen_features(evidence, catalogue, selection)
    found = evaluation.inventory(evidence, rows, selection.groups)
    return Inventory(info, tuple(found), selection.groups)


def with_history(stored: Runs, found: Inventory) -> Inventory:
    """The inventory with the time since which the history shows each value of the account.

    Unchanged if the run is not in the history, or the history cannot be read.
    """
    try:
        entry = stored.history.find(found.info.run_id)
        if entry is None or entry.facts.evidence_digest != found.info.evidence_digest:
            return found
        since = stored.history.account_values_since(entry)
    except (StoreError, DiskFull):
        return found
    return replace(
        found, features=tuple(replace(each, since=_since(each, since)) for each in found.features)
    )


def _since(feature: Feature, since: Mapping[tuple[str, str], str]) -> str | None:
    if not feature.account.is_seen:
        return None
    return since.get((feature.setting, key_of(feature.account.value)))


def evidence_info(snapshot: Snapshot) -> EvidenceInfo:
    """The facts of the run that a snapshot is of.

    Raises:
        SnapshotError: the run did not finish.
    """

    def fact(key: str) -> str:
        return snapshot.meta(key) or ""

    if not fact("finished_at"):
        raise SnapshotError(
            "The run was interrupted before everything was read. Resume it with: auditor audit "
            "--resume"
        )
    carried = 0
    if fact(CARRIED):
        _, carried = snapshot.count_by_age(Level.USER, fact("started_at"))
    return EvidenceInfo(
        run_id=fact("run_id"),
        account_id=fact("account_id"),
        finished_at=fact("finished_at"),
        evidence_digest=snapshot.digest(),
        depth=fact("depth"),
        simulated=bool(fact(SIMULATED)) or is_loopback(fact("api_url")),
        pseudonymised=bool(fact(PSEUDONYMISED)),
        started_at=fact("started_at"),
        carried=carried,
        oldest_evidence_at=format_or_none(snapshot.oldest()),
    )
