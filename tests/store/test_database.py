"""The history database: its tables, and the errors if it cannot be used."""

import os
import shutil
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from auditor import store
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import DiskFull
from auditor.findings.model import Status
from auditor.store import tables
from auditor.store.database import FILE, HEAD, Database
from auditor.store.errors import HistoryDamaged, HistoryLocked, StoreError
from auditor.store.history import History
from auditor.store.runs import Runs
from tests.store.conftest import PASSWORD, Server
from tests.store.nights import Nights, user

FAIL = Status.FAIL
MIGRATIONS = Path(store.__file__).parent / "migrations"


def differences(nights: Nights) -> list[object]:
    """How the tables that are there differ from those of the program."""
    with nights.history.database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, tables.metadata))


def execute(nights: Nights, statement: str) -> None:
    with nights.history.database.writing() as connection:
        connection.exec_driver_sql(statement)


# Tables


def test_migrations_give_the_tables_of_the_program(nights: Nights) -> None:
    nights.night()
    assert differences(nights) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE runs ADD COLUMN more TEXT",
        "ALTER TABLE runs DROP COLUMN stopped",
        "DROP INDEX ix_spells_finding_id",
        "DROP TABLE acceptances",
    ],
)
def test_a_table_that_differs_would_be_found(nights: Nights, change: str) -> None:
    execute(nights, change)
    assert len(differences(nights)) == 1


def test_the_newest_migration_is_the_one_the_program_asks_for(tmp_path: Path) -> None:
    """A new one can be made from the template, and is found beside the others."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    made = command.revision(config, "more", rev_id="9999", head=HEAD)
    assert made is not None
    assert not isinstance(made, list)
    assert made.down_revision == HEAD
    source = Path(made.path).read_text(encoding="utf-8")
    compile(source, made.path, "exec")
    assert source.startswith('"""more')


def test_a_history_of_a_newer_version_is_refused(
    nights: Nights, again: Callable[[], Nights]
) -> None:
    nights.night()
    execute(nights, "UPDATE alembic_version SET version_num = '9999'")
    other = again()
    with pytest.raises(StoreError, match=r"newer version.*9999.*Install that version"):
        other.history.runs()
    with pytest.raises(StoreError, match="newer version"):
        other.night()
    assert len(other.runs.unarchived()) == 1


def test_a_history_of_an_unheard_of_version_is_refused(
    nights: Nights, again: Callable[[], Nights]
) -> None:
    nights.night()
    execute(nights, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StoreError, match="0000"):
        again().history.runs()


def test_a_migration_that_fails_leaves_nothing_behind(nights: Nights, server: Server) -> None:
    database = nights.history.database
    foreign = "CREATE TABLE spells (id INTEGER)"
    if database.file is not None:
        database.file.parent.mkdir()
        with closing(sqlite3.connect(database.file)) as raw:
            raw.execute(foreign)
    else:
        server.execute(foreign, sa.make_url(nights.runs.url or "").database or "")
    with pytest.raises(StoreError, match="already exists"):
        nights.history.runs()
    engine = database._create_engine()
    assert set(sa.inspect(engine).get_table_names()) == {"spells"}
    engine.dispose()


# Files


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        with closing(Nights(Runs(tmp_path / "a" / "data"))) as nights:
            nights.night()
            places = [nights.runs.home, *nights.runs.home.glob(f"{FILE}*")]
            assert len(places) == 4  # with its log
            for place in places:
                assert place.stat().st_mode & 0o077 == 0
    finally:
        os.umask(umask)


def test_a_file_can_be_named(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "nights.db"
    with closing(Nights(Runs(tmp_path / "data", f"sqlite:///{place}"))) as nights:
        nights.night({"u1": FAIL})
        assert str(nights.history) == str(place)
    assert place.is_file()
    assert not (tmp_path / "data" / FILE).exists()


def test_a_file_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = Runs(tmp_path, f"sqlite:///{tmp_path}/file/history.sqlite").history
    with pytest.raises(StoreError, match=r"cannot be written.*File exists.*AUDITOR_STORE"):
        Nights(Runs(tmp_path, f"sqlite:///{tmp_path}/file/history.sqlite")).night()
    assert history.runs() == []


# Locked


def waiting(nights: Nights, seconds: float) -> Nights:
    """The same nights, not so patient."""
    database = Database(nights.runs.url, nights.runs.home, seconds)
    nights.runs.__dict__["history"] = History(database, nights.runs.home)
    return nights


def test_a_history_that_another_process_holds_is_reported_and_the_run_kept(
    nights: Nights, again: Callable[[], Nights]
) -> None:
    first = nights.night({"u1": FAIL})
    other = waiting(again(), 0.1)
    snapshot, run = other.read({"u1": FAIL})
    with nights.history.database.writing():
        assert other.history.runs() == [first]
        with pytest.raises(HistoryLocked, match=r"locked by another process.* 0.1 seconds"):
            other.keep(snapshot, run)
    assert other.runs.unarchived() == [run.info.id]
    with closing(other.runs.open(run.info.id)) as evidence:
        other.keep(evidence, run)
    assert other.runs.unarchived() == []
    assert len(nights.history.runs()) == 2


def test_a_file_that_another_program_holds_alone_is_reported(tmp_path: Path) -> None:
    nights = waiting(Nights(Runs(tmp_path / "data")), 0.1)
    nights.night()
    with closing(sqlite3.connect(tmp_path / "data" / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryLocked, match="another process"):
            nights.night()
    nights.night()
    nights.close()


def test_a_process_waits_until_the_other_is_done(
    nights: Nights, again: Callable[[], Nights]
) -> None:
    nights.night()
    held, other = threading.Event(), again()

    def hold() -> None:
        with nights.history.database.writing():
            held.set()
            threading.Event().wait(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    other.night()
    holder.join()
    assert len(nights.history.runs()) == 2


# Damaged


def zeroes(content: bytearray) -> None:
    content[4096:] = bytes(len(content) - 4096)


def noise(content: bytearray) -> None:
    content[:100] = b"\x55" * 100


def flipped(content: bytearray) -> None:
    content[4096:] = bytes(255 - byte for byte in content[4096:])


def cut(content: bytearray) -> None:
    del content[len(content) // 2 :]


DAMAGES = (noise, zeroes, flipped, cut)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Nights]:
    """A history in a file, with a few nights."""
    with closing(Nights(Runs(tmp_path / "data"))) as nights:
        for _ in range(3):
            nights.night({f"u{at}": FAIL for at in range(400)})
        nights.close()
        yield nights


def damage(nights: Nights, how: Callable[[bytearray], None]) -> bytes:
    file = nights.runs.home / FILE
    content = bytearray(file.read_bytes())
    how(content)
    file.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_kept_whole_and_a_new_one_begun(
    old: Nights, how: Callable[[bytearray], None]
) -> None:
    content = damage(old, how)
    snapshot, run = old.read({"u1": FAIL})
    with snapshot:
        aside = old.runs.archive(snapshot, run, None)
    assert aside is not None
    assert aside.name.startswith(f"{FILE}.damaged-")
    assert aside.read_bytes() == content
    assert aside.stat().st_mode & 0o077 == 0
    assert [entry.facts.id for entry in old.history.runs()] == [run.info.id]


@pytest.mark.parametrize("how", DAMAGES)
def test_reading_a_damaged_file_tells_so_and_changes_nothing(
    old: Nights, how: Callable[[bytearray], None]
) -> None:
    content = damage(old, how)
    with pytest.raises(HistoryDamaged, match=r"history.sqlite is damaged \(.+\).*moves it aside"):
        old.history.runs()
    assert (old.runs.home / FILE).read_bytes() == content


def test_a_second_damaged_file_does_not_replace_the_first(old: Nights) -> None:
    database = old.history.database
    first = database.quarantine("20261121T220000")
    (old.runs.home / FILE).write_bytes(b"second")
    second = database.quarantine("20261121T220000")
    assert first != second
    assert second.read_bytes() == b"second"
    assert first.read_bytes().startswith(b"SQLite format 3")


def test_two_that_find_a_damaged_file_set_it_aside_once(old: Nights) -> None:
    content = damage(old, noise)
    asides: list[Path | None] = []
    begin = threading.Barrier(2)

    def keep(day: int) -> None:
        with closing(Nights(Runs(old.runs.home), begun=day)) as nights:
            snapshot, run = nights.read({"u1": FAIL})
            begin.wait()
            with snapshot:
                asides.append(nights.runs.archive(snapshot, run, None))

    both = [threading.Thread(target=keep, args=(day,)) for day in (10, 20)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    (aside,) = filter(None, asides)
    assert aside.read_bytes() == content
    assert len(asides) == 2
    assert len(old.history.runs()) == 2


def test_damaged_evidence_of_one_run_is_reported_by_its_name(nights: Nights) -> None:
    first, second = nights.night(), nights.night()
    garbage = "x'0102'" if nights.runs.url is None else "'\\x0102'"
    execute(nights, f"UPDATE evidence SET content = {garbage} WHERE run_id = '{first.facts.id}'")
    with pytest.raises(HistoryDamaged, match=rf"run {first.facts.id} is damaged"):
        nights.runs.open(first.facts.id)
    nights.runs.open(second.facts.id).close()
    assert list((nights.runs.home / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE spells SET status = 'no status'",
        "UPDATE spells SET observed = '{'",
        "UPDATE findings SET level = ''",
        "UPDATE findings SET first_seen = 'yesterday'",
        "UPDATE spells SET since_at = ''",
    ],
)
def test_a_row_that_nobody_can_read_is_reported_as_damage(nights: Nights, change: str) -> None:
    entry = nights.night({"u1": FAIL})
    execute(nights, change)
    with pytest.raises(HistoryDamaged, match="a finding cannot be read"):
        nights.finding_states(entry)


@pytest.mark.parametrize("author", ["[]", "{}", '{"operator": "a", "time": "<b>", "line": ""}'])
def test_an_author_that_nobody_can_read_is_reported_as_damage(nights: Nights, author: str) -> None:
    entry = nights.night({"u1": FAIL})
    execute(nights, f"UPDATE spells SET changed_by = '{author}'")
    with pytest.raises(HistoryDamaged, match="a finding cannot be read"):
        nights.past(entry)


def test_no_room_for_evidence_that_is_requested_is_reported(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = nights.night()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(DiskFull, match="Free some space there"):
        nights.history.evidence(entry.facts.id)


def test_a_run_with_a_folder_can_be_read_whatever_became_of_the_history(old: Nights) -> None:
    snapshot, run = old.read(users=["u1"])
    snapshot.close()
    damage(old, noise)
    with closing(old.runs.open(run.info.id)) as opened:
        assert opened.has(user("u1"))
        assert opened.count(Level.USER) == 1


# Addresses


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "not the address"),
        ("sqlite://", "has no file name"),
        ("sqlite:///:memory:", "has no file name"),
        ("mysql://u@host/db", "a mysql database"),
        (f"postgresql://u:{PASSWORD}@host:port/db", "not the address"),
        (f"postgresql://u:a@{PASSWORD}@host/db", "%40"),
        (f"oracle://u:{PASSWORD}@host/db", "an? oracle"),
        (f"postgresql://u:{PASSWORD}@[::1]evil.example/db", "not the address"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1/db?host=evil.example", "not the address"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1#evil.example/db", "not the address"),
        (f"postgresql://127.0.0.1\\@evil.example/{PASSWORD}", "not the address"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1\uff0eevil.example/db", "not the address"),
        (f"sqlite://{PASSWORD}/history.sqlite", "not the address"),
    ],
)
def test_an_address_that_cannot_be_used_is_reported_without_the_password(
    tmp_path: Path, url: str, message: str
) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        _ = Runs(tmp_path, url).history
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@host/db",
        f"postgres://u@host/db?password={PASSWORD}",
        f"postgresql+psycopg://u@host/db?sslpassword={PASSWORD}&host=/run",
    ],
)
def test_the_address_of_the_history_is_shown_without_the_password(tmp_path: Path, url: str) -> None:
    message = str(Database(url, tmp_path))
    assert message.startswith("postgresql://u")
    assert PASSWORD not in message


def test_no_message_of_postgresql_has_the_password(server: Server, tmp_path: Path) -> None:
    url = server.database()
    wrong = [
        url.replace(PASSWORD, f"wrong-{PASSWORD}"),
        url.replace("/history", "/no-history"),
        url.replace("auditor:", "nobody:"),
        f"{url}&unheard_of={PASSWORD}",
        f"postgresql://auditor:{PASSWORD}@127.0.0.1:1/history",
        f"postgresql://auditor:{PASSWORD}@/history?host={tmp_path}",
    ]
    for each in wrong:
        with pytest.raises(StoreError, match=r"cannot be (used|reached)") as caught:
            Runs(tmp_path, each).history.runs()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
        assert PASSWORD not in str(caught.value)


def test_a_server_that_goes_away_is_reported_and_comes_back(server: Server, tmp_path: Path) -> None:
    with closing(Nights(Runs(tmp_path, server.database()))) as nights:
        nights.night()
        with pytest.raises(StoreError, match="cannot be reached"), cut_off(server, nights):
            pass
        assert len(nights.history.runs()) == 1


@contextmanager
def cut_off(server: Server, nights: Nights) -> Iterator[None]:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with nights.history.database.writing() as connection:
        server.execute(f"{end} AND datname = '{connection.engine.url.database}'")
        connection.exec_driver_sql("SELECT 1")
        yield


def test_a_missing_driver_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"with its extra \[postgresql\]"):
        Runs(tmp_path, "postgresql://u@host/db").history.runs()
