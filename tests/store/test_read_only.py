"""Reading changes nothing, and works with a history that cannot be written."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auditor.store.database import HEAD, Database
from auditor.store.errors import HistoryLocked, StoreError
from auditor.store.history import History
from auditor.store.runs import Runs
from auditor.store.series import EVERY_RUN
from tests.other_user import ME, as_me, folder_of_mine
from tests.store.conftest import Server
from tests.store.nights import Nights


def stored(home: Path, url: str | None = None, *, nights: int = 2) -> None:
    with closing(Nights(Runs(home, url))) as made:
        for _ in range(nights):
            made.night()


def everything(home: Path, url: str | None = None) -> str:
    """All that commands which only read ask a history; the number of runs, and of standings."""
    runs = Runs(home, url)
    history: History = runs.history
    try:
        entries = history.runs()
        assert history.before(entries[-1]) is not None
        assert history.trend(entries[-1])
        with history.finding_states(entries[-1]) as states:
            found = list(states)
        history.acceptances()
        history.accepted(EVERY_RUN)
        with runs.open(entries[-1].facts.id) as snapshot:
            snapshot.digest()
        return f"{len(entries)} runs, {len(found)} findings"
    finally:
        history.database.close()


def state(folder: Path) -> list[tuple[str, int, int, int]]:
    """Names, modes, sizes and times of all there is."""
    return sorted(
        (str(path), found.st_mode, found.st_size, found.st_mtime_ns)
        for path in (folder, *folder.rglob("*"))
        for found in [path.stat()]
    )


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every module that reading needs."""
    home = tmp_path_factory.mktemp("loaded")
    stored(home)
    everything(home)


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory of mine with two runs."""
    with folder_of_mine() as folder:
        assert as_me(lambda: stored(folder / "home")) == "None"
        yield folder / "home"


def read_only(home: Path) -> None:
    for path in (*home.rglob("*"), home):
        path.chmod(0o500 if path.is_dir() else 0o400)


def killed_while_writing(home: Path) -> None:
    """Leaves what was written last in the log."""
    file = home / "history.sqlite"
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE runs SET stopped = 'in the log'")
        writer.commit()
        for name in ("history.sqlite", "history.sqlite-wal"):
            shutil.copyfile(home / name, home / f"{name}.copy")
    (home / "history.sqlite-shm").unlink(missing_ok=True)
    for name in ("history.sqlite", "history.sqlite-wal"):
        (home / f"{name}.copy").replace(home / name)
        os.chown(home / name, ME, ME)


def test_a_history_in_a_folder_that_cannot_be_written_is_read_and_left_as_it_is(home: Path) -> None:
    read_only(home)
    before = state(home)
    assert as_me(lambda: everything(home)).startswith("2 runs")
    assert state(home) == before


def test_a_file_that_cannot_be_written_is_read_where_its_folder_can_be(home: Path) -> None:
    (home / "history.sqlite").chmod(0o400)
    before = state(home)
    assert as_me(lambda: everything(home)).startswith("2 runs")
    assert [each for each in state(home) if "history" in each[0]] == [
        each for each in before if "history" in each[0]
    ]


def test_what_is_in_the_log_alone_is_read_too(home: Path) -> None:
    killed_while_writing(home)
    read_only(home)
    before = state(home)

    def stopped() -> str:
        with closing(Nights(Runs(home))) as nights:
            return nights.history.runs()[-1].stopped

    assert as_me(stopped) == "in the log"
    assert state(home) == before


def test_a_log_that_another_process_has_open_is_read_as_it_grows(home: Path) -> None:
    with closing(sqlite3.connect(home / "history.sqlite")) as writer:
        writer.execute("UPDATE runs SET stopped = 'just now'")
        writer.commit()
        for path in home.glob("history.sqlite*"):
            os.chown(path, 0, 0)
            path.chmod(0o644)

        def stopped() -> str:
            with closing(Nights(Runs(home))) as nights:
                return nights.history.runs()[-1].stopped

        assert as_me(stopped) == "just now"


@contextmanager
def mounted_read_only(folder: Path, at: Path) -> Iterator[None]:
    at.mkdir()
    mount = shutil.which("mount") or ""
    made = subprocess.run([mount, "--bind", folder, at], check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("this system does not let a folder be mounted")
    try:
        subprocess.run([mount, "-o", "remount,ro,bind", at], check=True)
        yield
    finally:
        subprocess.run([shutil.which("umount") or "umount", at], check=True)


def test_a_history_on_a_mount_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    stored(tmp_path / "home")
    with mounted_read_only(tmp_path / "home", tmp_path / "mount"):
        before = state(tmp_path / "home")
        assert everything(tmp_path / "mount").startswith("2 runs")
        assert state(tmp_path / "home") == before
        with closing(Nights(Runs(tmp_path / "mount"))) as nights:
            entry = nights.history.runs()[-1]
            with pytest.raises(StoreError, match=r"cannot be written.*AUDITOR_HOME"):
                nights.history.accept(entry, "2026-11-29T00:00:00Z", "")


def test_reading_leaves_a_history_that_can_be_written_as_it_is(tmp_path: Path) -> None:
    stored(tmp_path)
    file = tmp_path / "history.sqlite"
    before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode
    file.chmod(0o644)
    everything(tmp_path)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before[:2]
    assert file.stat().st_mode & 0o777 == 0o644


def test_reading_makes_nothing_where_nothing_is_stored(tmp_path: Path) -> None:
    with closing(Nights(Runs(tmp_path / "home"))) as nights:
        assert nights.history.runs() == []
        assert nights.history.newest() is None
    assert list(tmp_path.iterdir()) == []


def test_what_changes_while_it_is_read_without_locks_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with closing(Nights(Runs(tmp_path))) as nights:
        base: Database = nights.history.database
        with pytest.raises(HistoryLocked, match="changed during the read"), base.reading():
            os.utime(tmp_path / "history.sqlite", ns=(1, 1))
        assert len(nights.history.runs()) == 2


@pytest.mark.parametrize("make", [read_only, lambda home: (home / "history.sqlite").chmod(0o400)])
def test_tables_of_an_older_version_that_cannot_be_brought_up_to_date_are_reported(
    home: Path, make: Callable[[Path], object]
) -> None:
    with closing(sqlite3.connect(home / "history.sqlite")) as old:
        old.execute("UPDATE alembic_version SET version_num = '0001'")
        old.commit()
    for path in home.glob("history.sqlite*"):
        os.chown(path, ME, ME)
    make(home)
    before = (home / "history.sqlite").read_bytes()
    message = as_me(lambda: everything(home))
    assert message.startswith("StoreError:")
    assert "older version (revision 0001)" in message
    assert f"to {HEAD}" in message
    assert "as its owner" in message
    assert (home / "history.sqlite").read_bytes() == before


def test_a_folder_that_nobody_may_enter_is_reported(home: Path) -> None:
    home.chmod(0)
    message = as_me(lambda: Runs(home).history.runs())
    assert message.startswith("StoreError:")
    assert "cannot be read: Permission denied" in message


# PostgreSQL


def test_a_role_that_may_only_read_reads_everything(server: Server, tmp_path: Path) -> None:
    url = server.database()
    stored(tmp_path / "one", url)
    name = url.partition("@/")[2].partition("?")[0]
    server.execute("DROP ROLE IF EXISTS reader")
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'r'")
    server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", name)
    server.execute(f"ALTER ROLE reader IN DATABASE {name} SET default_transaction_read_only = on")
    reader = url.replace("auditor:pq-CANARY-4711@", "reader:r@")
    assert everything(tmp_path / "two", reader).startswith("2 runs")
    with closing(Nights(Runs(tmp_path / "two", reader))) as nights:
        entry = nights.history.runs()[-1]
        with pytest.raises(StoreError, match=r"this role.*read-only transaction|SELECT"):
            nights.history.accept(entry, "2026-11-29T00:00:00Z", "")


def test_a_role_that_may_not_make_tables_is_reported(server: Server, tmp_path: Path) -> None:
    url = server.database()
    server.execute("DROP ROLE IF EXISTS stranger")
    server.execute("CREATE ROLE stranger LOGIN PASSWORD 'r'")
    stranger = url.replace("auditor:pq-CANARY-4711@", "stranger:r@")
    with (
        closing(Nights(Runs(tmp_path, stranger))) as nights,
        pytest.raises(StoreError, match=r"lets this role not.*once a command that writes"),
    ):
        nights.history.runs()
