"""Plans for simulated accounts, built step by step."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.evidence.scope import Level
from auditor.fix import requests
from auditor.fix.model import FixPlan
from auditor.sandbox import Sandbox

PREDICTED: dict[str, dict[str, int]] = {"by_status": {}, "by_severity": {}}


@dataclass
class PlanBuilder:
    """Builds a plan for an account. Each method returns the id of the step it adds."""

    sandbox: Sandbox
    steps: list[dict[str, Any]] = field(default_factory=list)

    def value(self, setting: str, before: Any, to: Any, **more: Any) -> int:
        return self._add("value", setting, before, to, **more)

    def lock(self, setting: str, before: bool = False, to: bool = True, **more: Any) -> int:
        return self._add("lock", setting, before, to, **more)

    def _add(
        self,
        kind: Any,
        setting: str,
        before: Any,
        to: Any,
        *,
        level: str = "account",
        index: int = 0,
        after: tuple[int, ...] = (),
        requires: dict[str, Any] | None = None,
        manual: bool = False,
    ) -> int:
        world = self.sandbox.world
        ids = {
            "account": lambda: world.account_id,
            "group": lambda: world.group_id(index),
            "user": lambda: world.user_id(index),
        }
        number = len(self.steps) + 1
        scope_id = ids[level]()
        request = {
            "method": "PATCH",
            "path": requests.path(kind, Level(level), scope_id),
            "query": requests.writing_query(kind, Level(level), setting),
            "body": requests.body(setting, to),
        }
        self.steps.append(
            {
                "id": number,
                "kind": kind,
                "scope": {"level": level, "id": scope_id, "name": f"{level} {index}"},
                "setting": setting,
                "from": before,
                "to": to,
                "request": None if manual else request,
                "manual": {"place": "Settings > AI Companion", "reason": "read-only"}
                if manual
                else None,
                "controls": ["AI-01"],
                "resolves": 1,
                "affects": {"groups": 0, "users": 0},
                "after": list(after),
                "requires": [
                    {"setting": name, "value": value} for name, value in (requires or {}).items()
                ],
            }
        )
        return number

    def document(self, **changes: Any) -> dict[str, Any]:
        """The plan as JSON, with some keys replaced."""
        return {
            "schema": "auditor/plan/v1",
            "run": "20261129T010000-000Z-abcdef",
            "account_id": self.sandbox.account_id,
            "baseline": {"id": "strict", "version": "1", "digest": "sha256:b"},
            "evidence_digest": "sha256:e",
            "created_at": "2026-11-29T02:00:00Z",
            "steps": self.steps,
            "resolves": len(self.steps),
            "remains": 0,
            "manual": sum(step["request"] is None for step in self.steps),
            "predicted": PREDICTED,
            "current": PREDICTED,
            "predicted_with_manual": PREDICTED,
            "run_finished_at": "2026-11-29T01:00:00Z",
            "complete": True,
            "api_url": self.sandbox.api_url,
            "tool": {"name": "zoom-privacy-auditor", "version": __version__},
            **changes,
        }

    def written(self, folder: Path, **changes: Any) -> Path:
        """The file of the plan."""
        path = folder / "plan.json"
        path.write_text(json.dumps(self.document(**changes)))
        return path

    def plan(self) -> FixPlan:
        """The plan itself."""
        return FixPlan.parse(json.dumps(self.document()), "plan.json")
