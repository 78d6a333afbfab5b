"""Runs as a collection leaves them: evidence, the facts of the run, what it was judged with."""

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from auditor.app.audit import EvaluationConfig
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.model import ApiUsage
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Override
from auditor.policy.baseline.waivers import Attestation, Waiver
from tests.builders import CATALOGUE, TODAY


def organisation(**rows: Any) -> Organisation:
    """What an organisation decided: `overrides`, `waivers`, `attestations` as plain data."""
    models: dict[str, type[Override | Waiver | Attestation]] = {
        "overrides": Override,
        "waivers": Waiver,
        "attestations": Attestation,
    }
    fields: dict[str, Any] = {
        name: tuple(map(models[name].model_validate, given)) if name in models else given
        for name, given in rows.items()
    }
    return Organisation(**fields)


def judgement(
    *controls: str, name: str = "strict", today: date = TODAY, **fields: Any
) -> EvaluationConfig:
    """A judgement by some controls of a shipped baseline, all of them where none is named."""
    wanted = baseline.load(name, CATALOGUE)
    selected = frozenset(controls) or frozenset(CATALOGUE.controls)
    fields = {"depth": Level.ACCOUNT, **fields}
    return EvaluationConfig(
        CATALOGUE, wanted.only(selected), today=today, selected=selected, **fields
    )


def finished(
    snapshot: Snapshot, judged_with: EvaluationConfig, run_id: str = "20261121T220000Z-aaaaaa"
) -> Snapshot:
    """`snapshot` with the facts of a finished run."""
    facts = {
        "run_id": run_id,
        "account_id": "acc",
        "api_url": "https://api.zoom.us/v2",
        "started_at": "2026-11-21T22:00:00.000Z",
        "finished_at": "2026-11-21T22:04:00.000Z",
        "depth": judged_with.depth,
        "judgement": judged_with.record(),
        "api": json.dumps(asdict(ApiUsage(requests=7))),
    }
    for key, value in facts.items():
        snapshot.set_metadata(key, value)
    return snapshot
