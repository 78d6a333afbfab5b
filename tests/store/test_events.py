"""Events are stored once and found by account and time, in SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.store.events import EventRow, EventTable
from auditor.store.runs import Runs

AT = datetime(2026, 11, 29, 12, 0, 0, 250_000, tzinfo=UTC)
ROW = EventRow(
    digest="a" * 64,
    account_id="acc",
    name="user.settings_updated",
    occurred_at=AT - timedelta(seconds=3),
    received_at=AT,
    level="user",
    scope_id="u-ünï",
    operator="dana@example.com",
    details={"users": ["u-ünï"], "changes": [{"setting": "a.b", "before": None, "after": True}]},
)


def test_an_event_is_stored_once_and_returned_as_it_was(url: str | None, tmp_path: Path) -> None:
    other = replace(ROW, digest="b" * 64, account_id="other")
    later = replace(ROW, digest="c" * 64, received_at=AT + timedelta(minutes=1))
    with closing(Runs(tmp_path / "data", url).history.database) as database:
        table = EventTable(database)
        assert table.add([later, ROW, other, ROW]) == {each.digest for each in (ROW, other, later)}
        assert table.add([ROW]) == frozenset()
    with closing(Runs(tmp_path / "data", url).history.database) as database:
        table = EventTable(database)
        assert table.since("acc", AT) == [ROW, later]
        assert table.since("acc", AT + timedelta(milliseconds=1)) == [later]
        assert table.since("nobody", AT) == []
        assert table.remove_before(AT + timedelta(seconds=1)) == 2
        assert table.since("acc", AT) == [later]


def test_of_two_receivers_of_the_same_event_one_stores_it(url: str | None, tmp_path: Path) -> None:
    def stored(_: int) -> int:
        with closing(Runs(tmp_path / "data", url).history.database) as database:
            return len(EventTable(database).add([ROW]))

    with closing(Runs(tmp_path / "data", url).history.database) as database:
        EventTable(database).add(())
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(stored, range(4))) == [0, 0, 0, 1]
