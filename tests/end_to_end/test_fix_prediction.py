"""A plan predicts what an audit says after it was applied: over real HTTP, on several accounts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.sandbox import Conduct, World
from tests.end_to_end.conftest import FAST, Auditor, serving, slow

ORGANISATION = {
    "parameters": {"ai_allowed_groups": ["Legal"]},
    "overrides": [
        {"match": {"group": "Sales"}, "controls": {"RC-02": {"expect": True}}},
        {"match": {"group": "Research"}, "controls": {"RC-03": {"expect": "local"}}},
    ],
    "waivers": [
        {
            "control": "RC-01",
            "scope": {"group": "People"},
            "reason": "A project.",
            "owner": "ciso@example.com",
            "ticket": "SEC-1",
            "expires": "2099-01-31",
        }
    ],
}


@pytest.mark.parametrize(
    ("scenario", "seed", "baseline", "decided"),
    [
        slow("drifted", 1, "strict", False),
        ("unlocked", 2, "strict", True),
        slow("drifted", 3, "education", True),
        slow("drifted", 4, "regulated", False),
        slow("unlocked", 5, "cis-zoom-1.0", False),
    ],
)
def test_an_audit_after_the_plan_says_what_the_plan_predicts(
    tmp_path: Path, scenario: str, seed: int, baseline: str, decided: bool
) -> None:
    world = World(users=24, scenario=scenario, seed=seed)
    with serving(world, Conduct(plan="none")) as sandbox:
        auditor = Auditor(tmp_path, sandbox)
        options = ["--baseline", baseline, *FAST, "--allow-unknown"]
        if decided:
            file = tmp_path / "organisation.yaml"
            file.write_text(yaml.safe_dump(ORGANISATION), encoding="utf-8")
            options += ["--org", str(file)]
        auditor("audit", *options)
        plan = tmp_path / "plan.json"
        assert auditor("fix", "plan", "--output", str(plan)).code == 0
        predicted: dict[str, Any] = json.loads(plan.read_text(encoding="utf-8"))
        assert predicted["resolves"] > 0
        write = {
            "ZOOM_WRITE_CLIENT_ID": sandbox.writing_client_id,
            "ZOOM_WRITE_CLIENT_SECRET": sandbox.writing_client_secret,
        }
        how = ("--yes", "--keep-going", "--allow-incomplete", "--max-users", "1000")
        applied = auditor("fix", "apply", str(plan), *how, "--format", "json", env=write)
        outcomes = {row["id"]: row["outcome"] for row in json.loads(applied.out)["steps"]}
        automatic = [step["id"] for step in predicted["steps"] if step["request"] is not None]
        after = auditor("audit", *options, "--format", "json").report
        assert after["summary"]["by_status"] == predicted["predicted"]["by_status"], outcomes
        assert {outcomes[number] for number in automatic} <= {"changed", "skipped"}
