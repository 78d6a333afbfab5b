"""Audit, plan, apply, audit again, roll back: the plan predicts the audit, and nothing is left."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Conduct, Sandbox, World
from tests.end_to_end.conftest import Auditor, serving
from tests.end_to_end.test_fix_apply import writing


def everything(sandbox: Sandbox) -> list[Any]:
    """Every settings and lock document of the account."""
    bodies, world = sandbox.service.changes.bodies, sandbox.world
    surfaces: tuple[Any, ...] = ("settings", "lock_settings")
    found = [bodies("account", 0, surface) for surface in surfaces]
    found += [bodies("group", n, surface) for n in range(world.group_count) for surface in surfaces]
    found += [bodies("user", n, "settings") for n in range(world.present)]
    return [{name: json.loads(text) for name, text in each.items()} for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("keeps_siblings", [True, False], ids=["merging", "replacing"])
@pytest.mark.parametrize(
    ("baseline", "scenario", "seed"),
    [("strict", "drifted", 2), ("consent-first", "unlocked", 5), ("education", "drifted", 9)],
)
def test_the_plan_predicts_the_audit_after_it_and_rollback_leaves_nothing(
    tmp_path: Path, baseline: str, scenario: str, seed: int, keeps_siblings: bool
) -> None:
    world = World(users=24, scenario=scenario, seed=seed)
    with serving(world, Conduct(plan="none", keeps_siblings=keeps_siblings)) as sandbox:
        auditor = Auditor(tmp_path, sandbox)
        before = everything(sandbox)
        assert auditor.audit("--baseline", baseline, "--format", "json").code == 0
        file = tmp_path / "plan.json"
        assert auditor("fix", "plan", "--output", file).code == 0
        plan = json.loads(file.read_text())
        assert sum(step["request"] is not None for step in plan["steps"]) > 3
        apply = ("fix", "apply", file, "--yes", "--max-users", "100", "--format", "json")
        ran = auditor(*apply, env=writing(sandbox))
        assert ran.code == 0, ran.out
        after = auditor.report("--baseline", baseline)
        assert after["summary"]["by_status"] == plan["predicted"]["by_status"]
        assert everything(sandbox) != before
        assert auditor("fix", "rollback", "--yes", env=writing(sandbox)).code == 0
        assert everything(sandbox) == before
