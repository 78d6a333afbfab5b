"""Compares the evidence of a stored run with its row in the history."""

import json
import sqlite3
from typing import TYPE_CHECKING

from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.timestamps import format_or_none, format_rfc3339, parse_rfc3339
from auditor.findings import digest
from auditor.plain_text import clipped
from auditor.store.errors import RunAltered
from auditor.store.series import place

if TYPE_CHECKING:
    from auditor.store.history import StoredRun


def verify_evidence(entry: "StoredRun", evidence: SnapshotReader) -> None:
    """Compare the evidence of a run with its row: ids, place, times, policy, documents.

    Raises:
        RunAltered: something differs; the message names it.
    """
    try:
        metadata = _metadata(evidence)
        recomputed = evidence.digest()
        oldest = evidence.oldest()
        finished_at = format_rfc3339(parse_rfc3339(metadata["finished_at"]))
    except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunAltered(
            f"The evidence of run {entry.facts.id} cannot be read ({clipped(error)}). It was "
            f"changed after it was stored: audit again."
        ) from error
    facts = entry.facts
    compared = [
        ("run id", metadata["run_id"], facts.id),
        ("account", metadata["account_id"], facts.account_id),
        ("place of the API", place(metadata["api_url"]), entry.place),
        ("end of the run", finished_at, format_rfc3339(facts.finished_at)),
        ("baseline digest", metadata["baseline"], facts.baseline.digest),
        ("evidence digest", recomputed, facts.evidence_digest),
    ]
    if facts.oldest_evidence_at is not None:  # None for runs of an earlier version
        recorded = format_rfc3339(facts.oldest_evidence_at)
        compared.append(("time of the oldest document", format_or_none(oldest) or "", recorded))
    if facts.organisation_digest is not None:  # None likewise
        compared.append(
            ("organisation digest", metadata["organisation"], facts.organisation_digest)
        )
    _check_equal(facts.id, compared)


def _check_equal(run_id: str, compared: list[tuple[str, str, str]]) -> None:
    """Compare tuples of a name, the value in the evidence and the value in the history.

    Raises:
        RunAltered: the values of at least one tuple differ.
    """
    differing = [
        f"{name} (evidence: {actual or 'none'}; history: {recorded or 'none'})"
        for name, actual, recorded in compared
        if actual != recorded
    ]
    if differing:
        raise RunAltered(
            f"The evidence of run {run_id} differs from the record in the history: "
            f"{', '.join(differing)} differ{'s' if len(differing) == 1 else ''}. "
            "Do not rely on it: audit again."
        )


def _metadata(evidence: SnapshotReader) -> dict[str, str]:
    """The run's metadata in its evidence."""
    names = ("run_id", "account_id", "api_url", "finished_at")
    facts = {name: evidence.meta(name) or "" for name in names}
    judgement = json.loads(evidence.meta("judgement") or "{}")
    policy = json.loads(judgement.get("policy") or "{}")
    baseline = policy.get("baseline", {}).get("info", {}).get("digest", "")
    decisions = digest.of_decisions(policy.get("organisation", {}))
    return {**facts, "baseline": str(baseline), "organisation": decisions}
