"""`auditor doctor --for fix`: the scopes that a plan needs, and those an app that reads lacks."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Auditor, served
from tests.end_to_end.plans import PlanBuilder
from tests.end_to_end.test_fix_apply import COMPOSE, writing

READS = ("account:read:settings:admin", "account:read:lock_settings:admin")
WRITES = ("account:update:settings:admin", "account:update:lock_settings:admin")


def checks(folder: Path, *, with_plan: bool = True, **conduct: Any) -> tuple[int, dict[str, Any]]:
    """Exit code, and state and facts of each check."""
    with served(users=10, **conduct) as sandbox:
        builder = PlanBuilder(sandbox)
        builder.value(COMPOSE, True, False)
        builder.lock("chat.ai_compose")
        words = [builder.written(folder)] if with_plan else []
        auditor = Auditor(folder, sandbox)
        ran = auditor("doctor", "--for", "fix", *words, "-f", "json", env=writing(sandbox))
        assert sandbox.requests.by_template.keys() == {("/oauth/token", 200)}
    found = json.loads(ran.out)
    assert found["for"] == "fix"
    return ran.code, {check["name"]: (check["state"], check["facts"]) for check in found["checks"]}


def test_an_app_with_the_scopes_of_the_plan_is_enough(tmp_path: Path) -> None:
    code, found = checks(tmp_path, writing_scopes=(*READS, *WRITES))
    assert (code, found["fix_scopes"][0], found["read_app"][0]) == (0, "ok", "ok")


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (READS, [WRITES[1], WRITES[0]]),
        (WRITES, [READS[1], READS[0]]),
        (("account:write:admin", "account:read:admin"), []),
    ],
)
def test_what_is_missing_to_write_or_to_verify_is_listed(
    tmp_path: Path, scopes: tuple[str, ...], missing: list[str]
) -> None:
    code, found = checks(tmp_path, writing_scopes=scopes)
    assert found["fix_scopes"][1]["missing"] == missing
    assert code == (3 if missing else 0)


def test_without_a_plan_every_kind_of_change_counts(tmp_path: Path) -> None:
    code, found = checks(tmp_path, with_plan=False, writing_scopes=(*READS, *WRITES))
    assert code == 3
    assert "user:update:settings:admin" in found["fix_scopes"][1]["missing"]


def test_an_app_that_reads_and_could_write_is_a_warning(tmp_path: Path) -> None:
    code, found = checks(tmp_path, scopes=(*READS, WRITES[0]))
    assert (code, found["read_app"]) == (0, ("warning", {"scopes": [WRITES[0]]}))
