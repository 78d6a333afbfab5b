"""A plan is applied over real HTTP: every outcome, bad input, and who may write."""

import json
import os
import pty
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Faults, Sandbox
from tests.end_to_end.conftest import COMMAND, Auditor, Ran, served, slow
from tests.end_to_end.plans import PlanBuilder

COMPOSE, DROPBOX = "chat.ai_compose.enable", "integration.dropbox"
STREAMING = "in_meeting.allow_live_streaming"
ACCOUNT = "PATCH /accounts/{accountId}/settings"


def writing(sandbox: Sandbox) -> dict[str, str]:
    return {
        "ZOOM_WRITE_CLIENT_ID": sandbox.writing_client_id,
        "ZOOM_WRITE_CLIENT_SECRET": sandbox.writing_client_secret,
    }


@dataclass
class Fix:
    """The command `auditor fix`, its account, and a plan for it."""

    auditor: Auditor
    sandbox: Sandbox
    builder: PlanBuilder

    @property
    def file(self) -> Path:
        return self.auditor.folder / "plan.json"

    def __call__(self, verb: str, *words: object, env: dict[str, str] | None = None) -> Ran:
        self.builder.written(self.auditor.folder)
        return self.run(verb, *words, env=env)

    def run(self, verb: str, *words: object, env: dict[str, str] | None = None) -> Ran:
        """Run it with the plan file as it is."""
        plan = () if verb == "rollback" else (self.file,)
        variables = {**writing(self.sandbox), **(env or {})}
        return self.auditor("fix", verb, *plan, *words, env=variables)

    def result(self, verb: str, *words: object) -> tuple[int, dict[int, str]]:
        """The exit code, and the outcome of each step."""
        ran = self(verb, "--format", "json", *([] if verb == "verify" else ["--yes"]), *words)
        assert ran.out, ran.err
        return ran.code, {row["id"]: row["outcome"] for row in json.loads(ran.out)["steps"]}

    def value(self, setting: str, level: Any = "account", index: int = 0) -> Any:
        bodies = self.sandbox.service.changes.bodies(level, index, "settings").values()
        return next(
            found for body in bodies if (found := at(json.loads(body), setting)) is not None
        )

    @property
    def writes(self) -> int:
        counted = self.sandbox.requests.by_template.items()
        return sum(count for (name, _), count in counted if name.startswith("PATCH"))


def at(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


Start = Callable[..., Fix]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A `fix` command with an account of its own."""
    with ExitStack() as stack:

        def one(**how: Any) -> Fix:
            sandbox = stack.enter_context(served(**{"users": 40, **how}))
            return Fix(Auditor(tmp_path, sandbox), sandbox, PlanBuilder(sandbox))

        yield one


def test_a_value_and_its_lock_are_changed_verified_and_taken_back(start: Start) -> None:
    fix = start()
    first = fix.builder.value(COMPOSE, True, False)
    fix.builder.lock("chat.ai_compose", after=(first,), requires={COMPOSE: False})
    assert fix.result("apply") == (0, {1: "changed", 2: "changed"})
    assert fix.value(COMPOSE) is False
    assert fix.result("verify") == (0, {1: "done", 2: "done"})
    assert fix.result("apply") == (0, {1: "already right", 2: "already right"})
    assert fix.writes == 2
    assert fix.result("rollback") == (0, {2: "changed", 1: "changed"})
    assert fix.value(COMPOSE) is True
    assert fix.run("rollback", "--yes").code == 4


def test_only_the_leaf_is_sent_with_its_object_and_without_what_is_read_only(start: Start) -> None:
    fix = start(keeps_siblings=False)
    before = fix.value("chat.ai_compose.shown_in_team_chat")
    fix.builder.value(COMPOSE, True, False)
    assert fix.result("apply") == (0, {1: "changed"})
    assert fix.value("chat.ai_compose.shown_in_team_chat") == before


@pytest.mark.parametrize(
    ("faults", "change", "expected", "code"),
    [
        slow(Faults(ignored_writes=1), {}, "not changed", 1),
        slow(Faults(contested_writes=1), {}, "not changed", 1),
        (Faults(lost_writes=1), {}, "changed", 0),
        (Faults(), {"value": False}, "already right", 0),
        (Faults(), {"value": "text"}, "stale", 1),
    ],
    ids=["ignored", "undone", "lost", "already", "stale"],
)
def test_each_outcome(
    start: Start, faults: Faults, change: dict[str, Any], expected: str, code: int
) -> None:
    fix = start(faults=faults)
    if change:
        fix.sandbox.change(level="account", setting=COMPOSE, **change)
    fix.builder.value(COMPOSE, True, False)
    assert fix.result("apply") == (code, {1: expected})


def test_a_scope_that_is_missing_is_a_refusal_that_names_it(start: Start) -> None:
    fix = start(writing_scopes=("account:read:settings:admin",))
    fix.builder.value(COMPOSE, True, False)
    ran = fix("apply", "--yes")
    assert ran.code == 1
    assert "refused" in ran.out
    assert "account:update:settings:admin" in ran.out.replace("\n", "").replace("  ", "")


def test_what_cannot_be_read_is_not_written(start: Start) -> None:
    fix = start(writing_scopes=("account:update:settings:admin",))
    fix.builder.value(COMPOSE, True, False)
    assert fix.result("apply") == (3, {1: "skipped"})
    assert fix.writes == 0


def test_the_first_surprise_stops_the_work_unless_it_is_to_keep_going(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, "old", False)
    fix.builder.value(DROPBOX, True, False)
    assert fix.result("apply") == (1, {1: "stale", 2: "skipped"})
    assert fix.result("apply", "--keep-going") == (1, {1: "stale", 2: "changed"})


def test_a_lock_waits_for_every_value_under_it(start: Start) -> None:
    fix = start()
    fix.builder.lock("chat.ai_compose", requires={COMPOSE: False})
    by_hand = fix.builder.value(DROPBOX, True, False, manual=True)
    fix.builder.lock("in_meeting.annotation", after=(by_hand,))
    assert fix.result("apply") == (4, {1: "skipped", 3: "skipped"})
    assert fix.writes == 0


def test_no_persons_settings_are_changed_unless_all_of_them_may_be(start: Start) -> None:
    fix = start(scenario="unlocked")
    setting = "recording.local_recording"
    for level, index in (("user", 0), ("user", 1), ("group", 0)):
        before = fix.value(setting, level, index)
        fix.builder.value(setting, before, not before, level=level, index=index)
    before = fix.value(setting, "user", 1)
    skipped = {1: "skipped", 2: "skipped", 3: "changed"}
    assert fix.result("apply", "--max-users", "1") == (1, skipped)
    assert fix.result("apply", "--max-users", "2") == (0, dict.fromkeys((1, 2, 3), "changed"))
    assert fix.value(setting, "user", 1) is not before


def test_nothing_is_written_without_a_yes_or_with_a_dry_run(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    ran = fix("apply")
    assert (ran.code, "--yes" in ran.err) == (4, True)
    shown = fix("apply", "--dry-run", env={"ZOOM_WRITE_CLIENT_ID": "", "ZOOM_CLIENT_SECRET": ""})
    assert shown.code == 0
    assert 'PATCH /accounts/me/settings\n{"chat": {"ai_compose": {"enable": false}}}' in shown.out
    assert fix.sandbox.requests.total == 0


def test_rollback_leaves_alone_what_somebody_else_changed_since(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    fix.builder.value(DROPBOX, True, False)
    assert fix.result("apply")[0] == 0
    fix.sandbox.change(level="account", setting=COMPOSE, value="third")
    assert fix.result("rollback") == (1, {2: "changed", 1: "stale"})
    assert (fix.value(COMPOSE), fix.value(DROPBOX)) == ("third", True)
    assert fix.result("verify")[1] == {1: "changed since", 2: "not done"}


def test_rollback_restores_every_setting_and_lock(start: Start) -> None:
    fix = start(users=30)
    world = fix.sandbox.world

    def everything() -> list[dict[str, bytes]]:
        bodies = fix.sandbox.service.changes.bodies
        scopes: list[tuple[Any, int, Any]] = [
            ("account", 0, "settings"),
            ("account", 0, "lock_settings"),
        ]
        scopes += [
            ("group", n, s) for n in range(world.group_count) for s in ("settings", "lock_settings")
        ]
        scopes += [("user", n, "settings") for n in range(world.present)]
        return [bodies(*scope) for scope in scopes]

    before = everything()
    first = fix.builder.value(COMPOSE, True, False)
    fix.builder.lock("chat.ai_compose", after=(first,))
    fix.builder.lock(STREAMING)
    fix.builder.value("meeting_security.embed_password_in_join_link", False, True)
    code, outcomes = fix.result("apply")
    assert code == 0, outcomes
    assert everything() != before
    assert fix.result("rollback")[0] == 0
    assert [*map(_parsed, everything())] == [*map(_parsed, before)]


def _parsed(bodies: dict[str, bytes]) -> dict[str, Any]:
    return {option: json.loads(body) for option, body in bodies.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account_id": "other"}, "account"),
        ({"schema": "auditor/plan/v2"}, "auditor/plan/v1"),
        ({"tool": {"name": "a", "version": "9"}}, "version 9"),
        ({"complete": False}, "--allow-incomplete"),
        ({"created_at": "2026-11-28T00:00:00Z"}, "older"),
        ({"api_url": "https://api.zoom.us/v2"}, "ZOOM_API_URL"),
        ({"steps": "all"}, "steps"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(
    start: Start, changes: dict[str, Any], words: str
) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    fix.builder.written(fix.auditor.folder, **changes)
    ran = fix.run("apply", "--yes")
    assert (ran.code, fix.sandbox.requests.total) == (2, 0)
    assert words in ran.err


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("request", {"method": "PATCH", "path": "/users/me/settings", "query": {}, "body": {}}),
        ("request", {"method": "DELETE", "path": "/accounts/me/settings", "query": {}, "body": {}}),
        ("setting", "in_meeting.meeting_summary_with_ai_companion.enable"),
        ("scope", {"level": "account", "id": "other", "name": ""}),
        ("id", 0),
    ],
)
def test_a_step_edited_into_nonsense_is_refused(start: Start, key: str, value: Any) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    fix.builder.steps[0][key] = value
    ran = fix("apply", "--yes")
    assert (ran.code, fix.sandbox.requests.total) == (2, 0)
    assert "step" in ran.err


def test_what_is_shown_before_a_yes_is_the_change_and_not_what_the_plan_calls_it(
    start: Start,
) -> None:
    fix = start()
    fix.builder.value("recording.cloud_recording", False, True)
    fix.builder.steps[0]["title"] = "Cloud recording: from on to off, for the account"
    ran = fix("apply")
    assert (ran.code, fix.sandbox.requests.total) == (4, 0)
    shown = " ".join(ran.err.split())
    assert "Cloud recording: from off to on, for the account" in shown
    assert "from on to off" not in shown


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ZOOM_WRITE_CLIENT_ID": "", "ZOOM_WRITE_CLIENT_SECRET": ""}, "is not set"),
        ({"ZOOM_WRITE_CLIENT_SECRET": ""}, "ZOOM_WRITE_CLIENT_SECRET is not set"),
        ({"ZOOM_ACCOUNT_ID": "another-account"}, "another-account"),
    ],
)
def test_without_credentials_of_its_own_nothing_is_written(
    start: Start, variables: dict[str, str], words: str
) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    ran = fix("apply", "--yes", env=variables)
    assert (ran.code, fix.sandbox.requests.total) == (2, 0)
    assert words in ran.err or "are not set" in ran.err


def test_the_app_that_reads_is_never_used_to_write(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    reading = fix.sandbox.client_id, fix.sandbox.client_secret
    names = "ZOOM_WRITE_CLIENT_ID", "ZOOM_WRITE_CLIENT_SECRET"
    ran = fix("apply", "--yes", env=dict(zip(names, reading, strict=True)))
    assert (ran.code, fix.sandbox.requests.total) == (2, 0)
    assert "never writes" in ran.err


def test_credentials_that_zoom_does_not_accept_do_nothing(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    secret = "CANARY-wrong-writing-secret"
    ran = fix("apply", "--yes", env={"ZOOM_WRITE_CLIENT_SECRET": secret})
    assert (ran.code, fix.writes) == (4, 0)
    assert secret not in ran.err + ran.out


def test_another_apply_of_the_same_account_is_refused(start: Start) -> None:
    from auditor.store.runs import Runs

    fix = start()
    fix.builder.value(COMPOSE, True, False)
    with Runs(fix.auditor.data).lock_changes(fix.sandbox.account_id, fix.sandbox.api_url):
        ran = fix("apply", "--yes")
    assert (ran.code, fix.writes) == (4, 0)
    assert "Another auditor fix" in ran.err


def test_a_token_that_ends_in_the_middle_is_replaced(start: Start) -> None:
    fix = start(faults=Faults(token_life=1))
    for setting in (COMPOSE, DROPBOX, "chat.ai_recommend"):
        fix.builder.value(setting, fix.value(setting), not fix.value(setting))
    code, outcomes = fix.result("apply")
    assert (code, {*outcomes.values()}) == (0, {"changed"})


def test_a_network_that_fails_now_and_then_changes_nothing_twice(start: Start) -> None:
    fix = start(faults=Faults(errors_5xx=0.2, reset=0.1, seed=3))
    for setting in (COMPOSE, DROPBOX):
        fix.builder.value(setting, True, False)
    code, outcomes = fix.result("apply", "--keep-going")
    assert (code, {*outcomes.values()}) == (0, {"changed"})
    assert fix.sandbox.service.writes == 2


def test_a_journal_that_was_altered_is_not_taken_back(start: Start) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    assert fix.result("apply")[0] == 0
    with closing(sqlite3.connect(fix.auditor.data / "history.sqlite")) as database, database:
        database.execute("UPDATE journal_entries SET setting = 'security.hide_billing_info.x'")
    ran = fix.run("rollback", "--yes")
    assert (ran.code, fix.writes) == (4, 1)
    assert "cannot be changed by a request" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 4), (b"\n", 4), (b"y\n", 0)])
def test_a_person_at_a_terminal_is_asked(start: Start, answer: bytes, code: int) -> None:
    fix = start()
    fix.builder.value(COMPOSE, True, False)
    fix.builder.written(fix.auditor.folder)
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "-q", "fix", "apply", str(fix.file)],
        cwd=fix.auditor.folder,
        env=fix.auditor.environment(writing(fix.sandbox)),
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(leader, answer)
    _, shown = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    assert (process.returncode, fix.writes) == (code, 1 if code == 0 else 0)
    assert "chat.ai_compose.enable at the account: true -> false" in shown.decode()
