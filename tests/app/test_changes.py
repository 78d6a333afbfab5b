"""From a changed setting to who changed it: two real runs, and what is stored of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.app import pseudonyms
from auditor.app.audit import CollectionScope, collect, judge, metadata, resume
from auditor.evidence.diff import SettingChange, SnapshotDiff, compare
from auditor.evidence.export import copy_snapshot
from auditor.evidence.read_plan import CHANGES
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import Document, ReadFailure
from auditor.findings.attribution import Attribution, log_reading, sentence
from auditor.policy.catalogue import word_lists
from auditor.sandbox import Conduct, Sandbox, World, serve
from tests.app.stored import judgement
from tests.app.test_collection_scope import LONG_AGO, target

SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
WANTED = judgement("AI-01", depth=Level.USER)
ADA = "ada@example.com"


@pytest.fixture
def account() -> Iterator[Sandbox]:
    with serve(World(users=30, scenario="clean"), conduct=Conduct(plan="none")) as sandbox:
        yield sandbox


def collected(account: Sandbox, since: str | None = None) -> Snapshot:
    snapshot, aim = Snapshot.create(), target(account)
    with aim.client:
        extent = CollectionScope(verify_locks=0, changes_since=since)
        collect(aim, snapshot, WANTED, "20261121T220000Z-cccccc", extent)
    return snapshot


def begin(snapshot: Snapshot) -> str:
    return snapshot.meta("started_at") or ""


def told(earlier: Snapshot, later: Snapshot) -> dict[tuple[str, str], str | None]:
    """Level and setting of each change, to who made it."""
    found = compare(earlier, later)
    return {
        (each.scope.level, each.setting): actor and actor.operator
        for each, actor in _actors(earlier, later, found)
    }


def _actors(
    earlier: Snapshot, later: Snapshot, found: SnapshotDiff
) -> Iterator[tuple[SettingChange, Any]]:
    names = {scope.id: scope.name for scope in later.scopes(Level.GROUP)}
    window = parse_rfc3339(begin(earlier)), parse_rfc3339(later.meta("finished_at") or "")
    log = log_reading(earlier, later).entries
    attribution = Attribution(log, word_lists.portal_labels().names, window, names)
    for each in found.settings:
        yield each, attribution.actor_of(each)


def test_a_change_is_found_at_every_level_and_explained_by_its_entry(account: Sandbox) -> None:
    earlier = collected(account)
    account.change(level="account", setting=f"{SUMMARY}.enable", value=True, operator=ADA)
    account.change(level="account", setting=SUMMARY, locked=False, operator="bob@example.com")
    later = collected(account, begin(earlier))
    assert told(earlier, later) == {
        ("account", SUMMARY): "bob@example.com",
        ("account", f"{SUMMARY}.enable"): ADA,
        ("group", SUMMARY): "bob@example.com",
        ("group", f"{SUMMARY}.enable"): ADA,
        ("user", f"{SUMMARY}.enable"): ADA,
    }


def test_members_of_a_group_that_was_changed_are_explained_by_the_group(account: Sandbox) -> None:
    earlier = collected(account)
    group = account.world.group_name(0)
    account.change(level="group", id=group, setting=f"{SUMMARY}.enable", value=True, operator=ADA)
    later = collected(account, begin(earlier))
    assert told(earlier, later) == {
        ("group", f"{SUMMARY}.enable"): ADA,
        ("user", f"{SUMMARY}.enable"): ADA,
    }


def test_what_a_user_did_alone_is_a_change_that_nobody_is_named_for(account: Sandbox) -> None:
    earlier = collected(account)
    own = account.world.user_email(4)
    account.change(level="user", id=own, setting=f"{SUMMARY}.enable", value=True, operator=own)
    later = collected(account, begin(earlier))
    assert told(earlier, later) == {("user", f"{SUMMARY}.enable"): None}
    text = sentence(log_reading(later), parse_rfc3339(begin(earlier)), 1, 0)
    assert "It shows who made 0 of 1 change." in text
    assert "people change in their own settings" in text


def test_a_run_after_another_one_costs_one_request_more(account: Sandbox) -> None:
    first = collected(account)
    before = account.requests.total
    second = collected(account, begin(first))
    asked = account.requests.total - before
    assert asked == judge(first, WANTED).api.requests + 2  # and its token
    assert account.requests.template("/report/operationlogs") == 1
    assert judge(second, WANTED).api.requests == judge(first, WANTED).api.requests + 1


def test_without_the_right_to_read_the_log_a_run_is_as_complete_as_before() -> None:
    scopes: tuple[str, ...] = ("account:read:settings:admin", "account:read:lock_settings:admin")
    scopes += ("group:read:list_groups:admin", "group:read:settings:admin")
    scopes += ("group:read:lock_settings:admin", "user:read:list_users:admin")
    scopes += ("user:read:settings:admin",)
    conduct = Conduct(plan="none", scopes=scopes)
    with serve(World(users=30, scenario="clean"), conduct=conduct) as account:
        first = collected(account)
        second = collected(account, begin(first))
    outcome = second.account().outcomes[CHANGES]
    assert isinstance(outcome, ReadFailure)
    assert outcome.unseen.cause is Cause.DENIED
    before, after = judge(first, WANTED), judge(second, WANTED)
    assert (after.info.complete, after.info.exit_code) == (True, 0)
    assert after.errors == ()
    assert after.summary.by_status == before.summary.by_status
    assert second.meta("stopped") == ""
    text = sentence(log_reading(second), parse_rfc3339(begin(first)), 1, 0)
    assert "report:read:operation_logs:admin" in text
    assert "Nobody is named" in text


def test_the_log_decides_no_verdict(account: Sandbox) -> None:
    first = collected(account)
    second = collected(account, begin(first))
    one, other = (judge(each, WANTED) for each in (first, second))
    assert other.summary == one.summary
    assert [f.fingerprint for f in other.findings()] == [f.fingerprint for f in one.findings()]


def test_a_run_that_goes_on_reads_the_log_since_the_same_time(account: Sandbox) -> None:
    first = collected(account)
    snapshot, aim = Snapshot.create(), target(account)
    with aim.client:
        collect(aim, snapshot, WANTED, "r", CollectionScope(0, changes_since=begin(first)))
    snapshot.set_metadata("finished_at", "")
    account.change(level="account", setting=f"{SUMMARY}.enable", value=True, operator=ADA)
    assert CollectionScope.from_snapshot(snapshot).changes_since == begin(first)
    aim = target(account)
    with aim.client:
        resume(aim, snapshot, WANTED, "2100-01-01T00:00:00.000Z")
    assert [each.operator for each in log_reading(snapshot).entries] == [ADA]
    asked = account.requests.template("/report/operationlogs")
    aim = target(account)
    with aim.client:
        resume(aim, snapshot, WANTED, LONG_AGO)
    assert account.requests.template("/report/operationlogs") == asked


def test_two_quiet_nights_have_equal_evidence(account: Sandbox) -> None:
    first = collected(account)
    nights = [collected(account, since) for since in (begin(first), "2100-01-01T00:00:00Z")]
    assert len({night.digest() for night in nights}) == 1


def test_an_extent_keeps_since_when_the_log_is_read() -> None:
    snapshot = Snapshot.create()
    wanted = CollectionScope(3, changes_since="2026-11-21T20:00:00.000Z")
    snapshot.set_metadata("extent", wanted.record())
    assert CollectionScope.from_snapshot(snapshot) == wanted


def test_a_copy_with_pseudonyms_names_nobody_and_explains_as_much(account: Sandbox) -> None:
    earlier = collected(account)
    user, admin = account.world.user_email(5), account.world.user_email(1)
    account.change(level="user", id=user, setting=f"{SUMMARY}.enable", value=True, operator=admin)
    later = collected(account, begin(earlier))
    names = pseudonyms.Pseudonyms(b"key")
    copies = []
    for source in (earlier, later):
        people = pseudonyms.NameIndex(source, names)
        copies.append(Snapshot.create())
        copy_snapshot(
            source,
            copies[-1],
            metadata(source, WANTED, pseudonymised=True),
            pseudonyms.Pseudonymizer(people, names),
        )
        people.close()
    outcome = copies[1].account().outcomes[CHANGES]
    assert isinstance(outcome, Document)
    assert "@" not in str(outcome.body)
    assert log_reading(*copies).since == parse_rfc3339(begin(earlier))
    ((setting, actor),) = told(*copies).items()
    assert setting == ("user", f"{SUMMARY}.enable")
    assert actor == names.of(account.world.user_id(1))


def test_a_file_that_was_closed_tells_the_same(account: Sandbox, tmp_path: Path) -> None:
    earlier = collected(account)
    account.change(level="account", setting=f"{SUMMARY}.enable", value=True, operator=ADA)
    later = collected(account, begin(earlier))
    copy = Snapshot.create(tmp_path / "later")
    copy_snapshot(later, copy, metadata(later, WANTED, pseudonymised=False))
    copy.close()
    with Snapshot.open(tmp_path / "later") as opened:
        assert told(earlier, opened) == told(earlier, later)
