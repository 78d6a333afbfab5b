"""Histories for tests, which run on SQLite and on a PostgreSQL server of their own."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.store.runs import Runs
from tests.programs import postgresql_programs
from tests.store.nights import Nights

PASSWORD = "pq-CANARY-4711"  # also proves that no message ever has it
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL that listens on a socket in its folder."""

    programs: Path
    folder: Path
    user: str | None
    """Whom it runs as, where this process is root: PostgreSQL refuses that."""

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://auditor:{password}@/{database}?host={self.folder}"

    def run(self, program: str, *words: object) -> None:
        command = [str(self.programs / program), *map(str, words)]
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            ids = f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"
            command = ["setpriv", *ids, *command]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def control(self, *words: object) -> None:
        """Start, stop or restart it, and wait until that is done."""
        settings = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=300"
        where = "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", settings
        self.run("pg_ctl", *where, *words)

    def execute(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        with closing(psycopg.connect(self.url(database), autocommit=True)) as connection:
            connection.execute(statement)

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"history_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for this process, stopped at its end."""
    programs = postgresql_programs()
    assert programs is not None, "a test of PostgreSQL is marked as needing it"
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="history-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if user is not None:
            shutil.chown(folder, user)
            shutil.chown(secret, user)
        server = Server(programs, folder, user)
        scram = "--auth=scram-sha-256", f"--pwfile={secret}"
        server.run(
            "initdb", "-D", folder / "data", "-U", "auditor", "-E", "UTF8", "--no-locale", *scram
        )
        server.control("start")
        try:
            yield server
        finally:
            server.control("-m", "immediate", "stop")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a database server."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.needs("postgresql"))


POSTGRESQL = pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.needs("postgresql")])


@pytest.fixture(params=["sqlite", POSTGRESQL])
def url(request: pytest.FixtureRequest) -> str | None:
    """The address of an empty history; None for the file that it is without one."""
    if request.param == "sqlite":
        return None
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def nights(url: str | None, tmp_path: Path) -> Iterator[Nights]:
    """Nights to be audited, with an empty history."""
    with closing(Nights(Runs(tmp_path / "data", url))) as nights:
        yield nights


@pytest.fixture
def again(url: str | None, tmp_path: Path) -> Iterator[Callable[[], Nights]]:
    """The same history opened once more, as another process does."""
    opened: list[Nights] = []

    def one_more() -> Nights:
        opened.append(Nights(Runs(tmp_path / "data", url), begun=50))
        return opened[-1]

    yield one_more
    for each in opened:
        each.close()
