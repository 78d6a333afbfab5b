"""Journals survive, in SQLite and PostgreSQL, and only one process changes an account."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.store.errors import AlreadyChanging, JournalNotFound
from auditor.store.journals import JournalEntry, Journals
from auditor.store.runs import Runs

ACCOUNT, PLACE = "acc", "this machine"
ENTRY = JournalEntry(
    step=3,
    kind="value",
    level="account",
    scope_id="acc",
    scope_name="ünïcode",
    setting="chat.ai.enable",
    before=[True, None, 1],
    target={"a": False},
    siblings={"chat.ai.shown": [True]},
)


def test_a_step_is_an_intention_then_an_outcome_then_undone(
    url: str | None, tmp_path: Path
) -> None:
    with closing(Runs(tmp_path / "data", url).history.database) as database:
        journals = Journals(database)
        head = journals.begin("apply", ACCOUNT, PLACE, client_id="abcd", plan_digest="sha256:p")
        journals.intend(head.id, ENTRY)
        (entry,) = journals.get(head.id, ACCOUNT, PLACE).entries
        assert replace(entry, intended_at="", sequence=0) == ENTRY
        assert (entry.may_have_changed, entry.is_to_undo) == (True, True)
        journals.conclude(head.id, replace(ENTRY, outcome="changed"))
        journals.intend(head.id, replace(ENTRY, before="later"))
        assert journals.get(head.id, ACCOUNT, PLACE).entries[0].before == [True, None, 1]
        journals.conclude(head.id, replace(ENTRY, outcome="changed"))
        journals.mark_undone(head.id, 3)
        journals.finish(head.id)
    with closing(Runs(tmp_path / "data", url).history.database) as database:
        (journal,) = Journals(database).all(ACCOUNT, PLACE)
        assert (journal.is_to_undo, bool(journal.finished_at)) == (False, True)


@pytest.mark.parametrize(
    ("outcome", "stands"),
    [("", True), ("changed", True), ("unverified", True), ("refused", False), ("skipped", False)],
)
def test_what_may_have_been_sent_may_stand(outcome: str, stands: bool) -> None:
    assert replace(ENTRY, intended_at="x", outcome=outcome).is_to_undo is stands
    assert not replace(ENTRY, outcome=outcome).is_to_undo


def test_journals_of_other_accounts_are_not_found(url: str | None, tmp_path: Path) -> None:
    with closing(Runs(tmp_path / "data", url).history.database) as database:
        journals = Journals(database)
        head = journals.begin("apply", ACCOUNT, PLACE, client_id="")
        assert journals.all("other", PLACE) == journals.all(ACCOUNT, "elsewhere") == []
        with pytest.raises(JournalNotFound):
            journals.get(head.id, "other", PLACE)


def test_one_process_at_a_time_changes_an_account(url: str | None, tmp_path: Path) -> None:
    homes = [tmp_path / "data", tmp_path / ("data" if url is None else "another")]
    first, second = (Runs(home, url) for home in homes)
    address = "http://127.0.0.1:1/v2"
    with first.lock_changes(ACCOUNT, address):
        with pytest.raises(AlreadyChanging), second.lock_changes(ACCOUNT, address):
            pass
        with second.lock_changes("other", address):
            pass
    with second.lock_changes(ACCOUNT, address):
        pass
    for runs in (first, second):
        runs.history.database.close()
