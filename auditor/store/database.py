"""The database of the history: opened, brought up to date, and its errors told to people."""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from auditor.evidence.stored import Full
from auditor.store.errors import (
    Garbled,
    HistoryDamaged,
    HistoryLocked,
    HistoryUnreachable,
    StoreError,
)

HEAD = "0002"
"""The revision of the tables that this version of the program writes and reads."""

FILE = "history.sqlite"

WAIT = 30.0
"""Seconds to wait for another process that writes."""

_CACHE = 16 * 1024
"""Kibibytes of a file's pages that are kept in memory: findings lie in no order in it."""

_DRIVER = "postgresql+psycopg"

_TURN = 7206201
"""The number of the advisory lock that a writer holds in PostgreSQL, where one may write at once
as in SQLite."""

_TELLING = ("host", "port", "service")
"""What may be shown of the options in an address; others may be secrets."""


class Database:
    """One history database. Opened when it is first used."""

    def __init__(self, url: str | None, home: Path, wait: float = WAIT) -> None:
        """The database at `url`; without one, a file under `home`.

        Raises:
            StoreError: the address is none that can be used.
        """
        self._wait = wait
        self._file = _file(url, home)
        self._url = _address(url, self._file)
        self._engine: Engine | None = None

    def __str__(self) -> str:
        """Where it is, for people: without a password."""
        if self._file is not None:
            return str(self._file)
        at = self._url
        query = {name: value for name, value in at.query.items() if name in _TELLING}
        shown = URL.create("postgresql", at.username, None, at.host, at.port, at.database, query)
        return shown.render_as_string()

    @property
    def file(self) -> Path | None:
        """The file, where it is one."""
        return self._file

    def exists(self) -> bool:
        """False where nothing has been stored yet."""
        return self._file is None or self._file.exists()

    def close(self) -> None:
        """Let go of every connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the history.

        Raises:
            StoreError: it cannot be opened or read.
        """
        with self._told(), self._opened().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it, or nothing.

        Raises:
            Full: there is no room for it.
            StoreError: it cannot be opened or written.
        """
        with self._told(), self._opened().connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                _take_turn(connection, self._wait)
                yield connection

    def compact(self) -> None:
        """Give back the room that deleted runs took, unless others use the history just now."""
        if self._file is None:
            return  # PostgreSQL does so by itself
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(self._file, timeout=0, isolation_level=None)) as connection,
        ):
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def set_aside(self, moment: str) -> Path:
        """Move a damaged file out of the way, whole, and tell where it is now."""
        self.close()
        assert self._file is not None
        aside = self._file.with_name(f"{self._file.name}.damaged-{moment}")
        while aside.exists():
            aside = aside.with_name(aside.name + "-2")
        for suffix in ("", "-wal", "-shm"):
            part = self._file.with_name(self._file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return aside

    def _opened(self) -> Engine:
        if self._engine is None:
            engine = self._connecting()
            try:
                _bring_up_to_date(engine, self._wait)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
        return self._engine

    def _connecting(self) -> Engine:
        if self._file is None:
            try:
                patience = {} if "connect_timeout" in self._url.query else {"connect_timeout": 10}
                return sa.create_engine(self._url, pool_pre_ping=True, connect_args=patience)
            except ModuleNotFoundError as error:
                raise StoreError(
                    "AUDITOR_STORE names PostgreSQL, whose driver is not installed. Install it "
                    'with: pip install "zoom-privacy-auditor[postgresql]"'
                ) from error
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
        except OSError as error:
            raise StoreError(
                f"The history {self._file} cannot be written: {error.strerror}. "
                "Name a place of your own with AUDITOR_HOME or AUDITOR_STORE."
            ) from error
        engine = sa.create_engine(self._url, connect_args={"timeout": self._wait})
        sa.event.listen(engine, "connect", _as_a_store)
        sa.event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database as sentences."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._error(error) from error
        except (Garbled, json.JSONDecodeError, zlib.error) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> HistoryDamaged:
        if self._file is None:
            return HistoryDamaged(f"The history {self} is damaged ({reason}).")
        return HistoryDamaged(
            f"The history {self} is damaged ({reason}). It is left as it is; the audit that cannot "
            "write to it moves it aside, whole, and begins a new one."
        )

    def _error(self, error: sa.exc.DBAPIError) -> Exception:
        name = getattr(error.orig, "sqlite_errorname", "")
        state = getattr(error.orig, "sqlstate", None)
        reason = str(error.orig).strip().partition("\n")[0].rstrip(".")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state == "55P03":
            return HistoryLocked(
                f"The history {self} is held by another process, and was not let go within "
                f"{self._wait:g} seconds. Try again when that one is done."
            )
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "decode to UTF-8" in reason:
            return self._damaged(reason)
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")) or state == "53100":
            return Full(f"{self}: no more could be written ({reason}). Make room there.")
        if self._file is None and isinstance(error, sa.exc.OperationalError):
            return HistoryUnreachable(
                f"The history {self} cannot be reached: {reason}. Start the database, or look at "
                "AUDITOR_STORE."
            )
        return StoreError(f"The history {self} cannot be used: {reason}.")


def _file(url: str | None, home: Path) -> Path | None:
    if not url:
        return home / FILE
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("AUDITOR_STORE names no file. Write it as sqlite:////path/history.sqlite.")
    return Path(parsed.database)


def _address(url: str | None, file: Path | None) -> URL:
    if file is not None:
        return URL.create("sqlite", database=str(file))
    parsed = _parsed(url or "")
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise StoreError(
            f"AUDITOR_STORE names a {parsed.get_backend_name()} database. SQLite and PostgreSQL "
            "are known: sqlite:////path/history.sqlite or postgresql://user@host/database."
        )
    return parsed.set(drivername=_DRIVER)


def _parsed(url: str) -> URL:
    """The parts of an address. What is wrong with it is not repeated: it may hold a password."""
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or "@" in (parsed.host or ""):
        raise StoreError(
            "AUDITOR_STORE is no address of a database. Write it as "
            "sqlite:////path/history.sqlite or postgresql://user@host/database. In a password, "
            "write @ as %40, : as %3A and / as %2F."
        )
    return parsed


def _as_a_store(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _take_turn(connection: Connection, wait: float) -> None:
    """Wait, but not longer than so many seconds, until no other process writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL lock_timeout = {round(wait * 1000)}"))
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_TURN})"))


def _bring_up_to_date(engine: Engine, wait: float) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            _take_turn(connection, wait)
            found = _revision(connection)
            if found == HEAD:
                return
            if found is not None and found > HEAD:
                raise StoreError(
                    f"The history was written by a newer version of the auditor (revision {found};"
                    f" this one knows {HEAD}). Update the program: pip install --upgrade "
                    "zoom-privacy-auditor"
                )
            _migrate(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(sa.text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"The tables of the history are of a version that was never released ({error}). "
            "Give the auditor a database of its own."
        ) from error
