"""What the cases measure is what they say: the controls, the plain script, the large account."""

import json
import sys
from pathlib import Path

import pytest

from auditor.evidence.read_plan import PENDING, ReadPlan
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document, View
from benchmarks import controls
from benchmarks.bench import EVALUATED, Workshop
from benchmarks.pace import SCRIPT


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, lambda _: None)


def test_controls_that_the_account_can_lock_are_lockable() -> None:
    assert {"AI-04", "RC-02", "EN-02"} <= set(controls.lockable())


@pytest.mark.parametrize(
    ("control", "why"),
    [("TP-07", "no lock"), ("IA-01", "one lock is inferred"), ("CC-03", "not about users")],
)
def test_other_controls_are_not_lockable(control: str, why: str) -> None:
    assert control not in controls.lockable(), why


def test_controls_of_settings_alone_need_one_rate_limit_label() -> None:
    read = controls.documents(controls.settings_only())
    assert SETTINGS in read.user
    assert read == ReadPlan(read.account, read.group, read.user)


def test_a_plain_script_reads_the_documents_it_is_told(shop: Workshop) -> None:
    views = ("settings", "settings?option=meeting_security")
    arguments = [f"--user={view}" for view in views]
    with shop.sandbox(60) as where:
        shop.finished([sys.executable, str(SCRIPT), *arguments, "--most", "1000"], where, within=60)
    told = json.loads((shop.folder / "process.out").read_text())
    token, groups, lists, present = 1, 1, 2, 59
    assert told["requests"] == token + groups + lists + present * len(views)


def test_a_plain_script_stops_when_it_has_asked_enough(shop: Workshop) -> None:
    with shop.sandbox(60) as where:
        command = [sys.executable, str(SCRIPT), "--user=settings", "--most", "10"]
        shop.finished(command, where, within=60)
    assert json.loads((shop.folder / "process.out").read_text())["requests"] == 10


@pytest.mark.slow
def test_a_large_account_is_a_small_one_with_other_users(shop: Workshop) -> None:
    auditor = [sys.executable, "-m", "auditor", "audit"]
    with shop.sandbox(60, scenario="unlocked") as where:
        shop.finished(
            [*auditor, "--baseline", "strict", "--max-rate", "5000"],
            where,
            within=120,
            accepted=EVALUATED,
        )
    model = shop.evidence()
    large = shop.folder / "large.sqlite"
    write = [sys.executable, "-m", "benchmarks.large_account", str(model), str(large)]
    shop.finished([*write, "200", "20"], {}, within=120)

    snapshot = Snapshot.open(large)
    users = list(snapshot.evidence(Level.USER))
    account = snapshot.account().outcomes
    listed = {view: account[view] for view in (View("users", "active"), PENDING)}
    groups = {group.id for group in snapshot.scopes(Level.GROUP)}
    snapshot.close()
    assert len(users) == 200
    assert len({user.digests[SETTINGS] for user in users}) == 20
    assert {len(user.outcomes) for user in users} == {4}
    assert {len(user.scope.id) for user in users} == {22}
    assert all(set(user.scope.group_ids) <= groups for user in users)
    assert {len(user.scope.group_ids) for user in users} == {1, 2}
    bodies = {view: out.body for view, out in listed.items() if isinstance(out, Document)}
    assert bodies == {View("users", "active"): {"listed": 195}, PENDING: {"listed": 0}}

    shop.finished([*auditor, "--from", str(large)], {}, within=120, accepted=EVALUATED)
    assert "200 people" in (shop.folder / "process.out").read_text()
