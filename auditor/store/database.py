"""The history database: opens it, migrates its tables and translates its errors."""

import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from auditor.evidence.errors import DiskFull
from auditor.files import permissions
from auditor.store import filesystem, postgresql
from auditor.store.errors import (
    CorruptRow,
    HistoryDamaged,
    HistoryLocked,
    HistoryUnreachable,
    StoreError,
)

HEAD = "0006"
"""The revision of the tables that this version of the program reads and writes."""

FILE = "history.sqlite"

WAIT = 30.0
"""Seconds to wait for another process that is writing."""

_CACHE = 16 * 1024
"""Size of SQLite's page cache in KiB. Findings are read in no particular order."""

_DRIVER = "postgresql+psycopg"

_WRITE_LOCK = 7206201
"""Number of the PostgreSQL advisory lock that serialises writers, as SQLite does by itself."""

_NOTICE_DEAD_CLIENTS = (
    "SET tcp_keepalives_idle = 60",
    "SET tcp_keepalives_interval = 15",
    "SET tcp_keepalives_count = 4",
)
"""Seconds after which the server asks whether a silent client still exists. By default an operating
system asks after two hours. Ignored on sockets. Source:
https://www.postgresql.org/docs/18/runtime-config-connection.html, read 2026-11."""

_NOT_PERMITTED = ("42501", "25006")
"""SQLSTATE codes of PostgreSQL: the role lacks the privilege, or the session is read-only."""

_PUBLIC_OPTIONS = ("host", "port", "service")
"""Options of an address that may be shown. Others may hold secrets."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _UnlockedFile:
    """A file that is read without locks, and its state when reading began."""

    file: Path
    state: tuple[object, ...]

    @classmethod
    def observe(cls, file: Path) -> "_UnlockedFile":
        return cls(file, _file_state(file))

    @property
    def has_changed(self) -> bool:
        return _file_state(self.file) != self.state


class Database:
    """A history database, opened on first use.

    Reading changes nothing: a file is opened read-only, and no lock file is created next to a file
    that cannot be written.
    """

    def __init__(self, url: str | None, home: Path, wait: float = WAIT) -> None:
        """The database at `url`; without a URL, a file under `home`.

        Raises:
            StoreError: the address cannot be used.
        """
        self._wait = wait
        self._file = _file(url, home)
        self._in_data_directory = self._file is not None and self._file.parent == home
        self._url = _database_url(url, self._file)
        self._engine: Engine | None = None
        self._reader: Engine | None = None
        self._unlocked_file: _UnlockedFile | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None

    def __str__(self) -> str:
        """The address for people, without a password."""
        if self._file is not None:
            return str(self._file)
        url = self._url
        query = {name: value for name, value in url.query.items() if name in _PUBLIC_OPTIONS}
        shown = URL.create(
            "postgresql", url.username, None, url.host, url.port, url.database, query
        )
        return shown.render_as_string()

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        return self._file

    def exists(self) -> bool:
        """True if the database may hold runs; False if its file does not exist yet.

        Raises:
            StoreError: the file's existence cannot be determined.
        """
        try:
            return self._file is None or self._file.exists()
        except OSError as error:
            raise self._unreadable(error) from error

    def check_private(self) -> None:
        """Check that no other user could have written the file, if the database is one.

        Raises:
            InsecureDirectory: another user could have.
        """
        if self._file is not None:
            permissions.check_file(self._file, in_data=self._in_data_directory)

    def close(self) -> None:
        """Close every connection."""
        self._stop_reading()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one consistent state of the history.

        Raises:
            StoreError: the database cannot be opened or read.
        """
        with self._translated_errors(), self._readable_engine().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection
        if self._unlocked_file is not None and self._unlocked_file.has_changed:
            self._stop_reading()
            raise HistoryLocked(
                f"The history {self} changed during the read, which used no locks because the "
                f"history is read-only here. Try again."
            )

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, committed as a whole or rolled back.

        Raises:
            DiskFull: the disk is full.
            StoreError: the database cannot be opened or written.
        """
        with self._translated_errors(), self._writable_engine().connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                _acquire_write_lock(connection, self._wait)
                yield connection

    @contextmanager
    def exclusive(self, name: str) -> Iterator[bool]:
        """Hold a lock of the server during the block; yields False if another session holds it.

        A file has no such lock: True. The lock ends with the session, even if the process is
        killed; a server notices within two minutes that the machine is gone. If the server
        restarts, the lock is lost and the block goes on.
        """
        if self._file is not None:
            yield True
            return
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        with self._translated_errors():
            connection = self._writable_engine().connect()
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in _NOTICE_DEAD_CLIENTS:
                connection.execute(sa.text(statement))
            taking = sa.text("SELECT pg_try_advisory_lock(:number)")
            has_lock = bool(connection.execute(taking, {"number": number}).scalar())
        try:
            yield has_lock
        finally:
            try:
                if has_lock:
                    releasing = sa.text("SELECT pg_advisory_unlock(:number)")
                    connection.execute(releasing, {"number": number})
            except sa.exc.DBAPIError:
                connection.invalidate()
            connection.close()

    def compact(self) -> None:
        """Free the space of deleted runs, unless another process is using the history."""
        if self._file is None:
            return  # PostgreSQL does so by itself
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(self._file, timeout=0, isolation_level=None)) as connection,
        ):
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def quarantine(self, moment: str) -> Path:
        """Move a damaged file out of the way unchanged, and return its new path."""
        self.close()
        assert self._file is not None
        quarantined = self._file.with_name(f"{self._file.name}.damaged-{moment}")
        while quarantined.exists():
            quarantined = quarantined.with_name(quarantined.name + "-2")
        for suffix in ("", "-wal", "-shm"):
            part = self._file.with_name(self._file.name + suffix)
            if part.exists():
                part.rename(quarantined.with_name(quarantined.name + suffix))
        return quarantined

    def _writable_engine(self) -> Engine:
        if self._engine is None:
            self._stop_reading()
            self.check_private()
            engine = self._create_engine()
            try:
                with engine.connect() as connection:
                    if self._file is None:
                        postgresql.check_encoding(connection, str(self))
                _bring_up_to_date(engine, self._wait)
            except BaseException:
                engine.dispose()
                raise
            self._engine = engine
        return self._engine

    def _readable_engine(self) -> Engine:
        """The open engine if there is one; otherwise one that opens the file read-only.

        Tables of an older version are migrated if the file can be written.
        """
        if self._engine is not None or self._file is None:
            return self._writable_engine()
        if self._reader is None:
            self.check_private()
            if not self._file.is_file():
                raise StoreError(
                    f"The history {self} cannot be used: it is not a file. Set AUDITOR_STORE to a "
                    f"file."
                )
            self._reader = self._reading_engine(self._file)
            try:
                with self._reader.connect() as connection:
                    revision = _revision(connection)
            except BaseException:
                self._stop_reading()
                raise
            if revision != HEAD:
                self._stop_reading()
                return self._upgraded_engine(revision)
        return self._reader

    def _upgraded_engine(self, revision: str | None) -> Engine:
        try:
            return self._writable_engine()
        except StoreError as error:
            if isinstance(error, HistoryLocked) or _is_newer(revision) or not self.is_read_only:
                raise
            what = f"of an older version (revision {revision})" if revision else "empty"
            raise StoreError(
                f"The history {self} is {what}, and cannot be upgraded (to {HEAD}): it is "
                f"read-only here. Run auditor history once as its owner, with write access."
            ) from error

    def _reading_engine(self, file: Path) -> Engine:
        """An engine that only reads a file.

        SQLite needs the write-ahead log next to the file, or write access to create one. Without
        either, a file that has no log is read in place as immutable, and a file that has one is
        copied first.
        """
        self._unlocked_file = None
        location, options = file, "mode=ro"
        log, index = (file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))
        try:
            if self.is_read_only and not (log.exists() and index.exists()):
                self._unlocked_file = _UnlockedFile.observe(file)
                if log.exists() and log.stat().st_size:
                    location = self._copy_with_log(file, log)
                else:
                    options = "mode=ro&immutable=1"
        except OSError as error:
            raise self._unreadable(error) from error
        address = f"{location.absolute().as_uri()}?{options}"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(address, timeout=self._wait, uri=True, check_same_thread=False)

        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)
        sa.event.listen(engine, "connect", _configure_reader)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _copy_with_log(self, file: Path, log: Path) -> Path:
        self._copy = tempfile.TemporaryDirectory(prefix="auditor-")
        copy = Path(self._copy.name) / file.name
        shutil.copyfile(file, copy)
        shutil.copyfile(log, copy.with_name(log.name))
        return copy

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.dispose()
        if self._copy is not None:
            self._copy.cleanup()
        self._reader = self._copy = self._unlocked_file = None

    @property
    def is_read_only(self) -> bool:
        """True if the database is a file that this process cannot write."""
        file = self._file
        return file is not None and not (
            os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
        )

    def _create_engine(self) -> Engine:
        if self._file is None:
            try:
                arguments = postgresql.connect_arguments(self._url)
                # A server has few connection slots, and a fleet has a history for each account:
                # a connection is kept only as long as it is used.
                engine = sa.create_engine(
                    self._url,
                    poolclass=sa.pool.NullPool,
                    connect_args=arguments,
                    hide_parameters=True,
                )
            except ModuleNotFoundError as error:
                raise StoreError(
                    "AUDITOR_STORE names a PostgreSQL database, but the driver is not installed. "
                    "Install the auditor with its extra [postgresql] "
                    "(docs/operations/installing.md)."
                ) from error
            weakness = postgresql.weakness(self._url)
            if weakness:
                _log.warning(weakness)
            return engine
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(self._file)
        except OSError as error:
            raise self._unwritable(error) from error
        engine = sa.create_engine(
            self._url, connect_args={"timeout": self._wait}, hide_parameters=True
        )
        sa.event.listen(engine, "connect", self._configure_writer)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _configure_writer(self, connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        except sqlite3.Error as error:
            raise self._error(error) from error

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate errors of the database into errors with a message for people."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._error(error.orig or error) from error
        except UnicodeError as error:
            raise StoreError(
                f"The history {self} cannot store or return a text ({error}). Report this."
            ) from error
        except (CorruptRow, json.JSONDecodeError, zlib.error) as error:
            raise self._damaged_error(str(error)) from error

    def _damaged_error(self, reason: str) -> HistoryDamaged:
        if self._file is None:
            return HistoryDamaged(f"The history {self} is damaged ({reason}).")
        return HistoryDamaged(
            f"The history {self} is damaged ({reason}). It is left unchanged; the next audit moves "
            f"it aside and starts a new one."
        )

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The history {self} cannot be written: {error.strerror}. "
            + (
                "Set AUDITOR_HOME to a directory of your own."
                if self._in_data_directory
                else "Set AUDITOR_STORE to a place of your own."
            )
        )

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The history {self} cannot be read: {error.strerror}. "
            "Correct its owner and permissions, or set AUDITOR_HOME or AUDITOR_STORE to another "
            "place."
        )

    def _error(self, error: BaseException) -> Exception:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        if self._file is None:
            return self._error_of_server(error, reason)
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(filesystem.SQLITE_LACKS) or _is_busy(name):
            lacks = filesystem.lacks(self._file.parent)
            if lacks:
                return StoreError(f"The history {self} cannot be used. {lacks[0]}")
        if _is_busy(name):
            return self._locked_error()
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "decode to UTF-8" in reason:
            return self._damaged_error(reason)
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return DiskFull(f"{self}: no more could be written ({reason}). Free some space there.")
        if name.startswith("SQLITE_READONLY"):
            return self._unwritable(OSError(0, "it is read-only"))
        return StoreError(f"The history {self} cannot be used: {reason}.")

    def _error_of_server(self, error: BaseException, reason: str) -> Exception:
        state = getattr(error, "sqlstate", None)
        if state == "55P03":
            return self._locked_error()
        if state == "53100":
            return DiskFull(f"{self}: no more could be written ({reason}). Free some space there.")
        if state in _NOT_PERMITTED:
            return StoreError(
                f"The history {self} lets this role not do what is needed: {reason}. Commands that "
                "only read need SELECT on its tables, once a command that writes has made them or "
                "brought them up to date."
            )
        if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
            return HistoryUnreachable(
                f"The history {self} cannot be reached: {reason}. {postgresql.advice(reason)}"
            )
        return StoreError(f"The history {self} cannot be used: {reason}.")

    def _locked_error(self) -> HistoryLocked:
        return HistoryLocked(
            f"The history {self} has been locked by another process for {self._wait:g} seconds. "
            f"Try again when that process has finished."
        )


def _file(url: str | None, home: Path) -> Path | None:
    if not url:
        return home / FILE
    parsed = _parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(
            "AUDITOR_STORE has no file name. Write it as sqlite:////path/history.sqlite."
        )
    return Path(parsed.database)


def _database_url(url: str | None, file: Path | None) -> URL:
    if file is not None:
        return URL.create("sqlite", database=str(file))
    parsed = _parse_url(url or "")
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise StoreError(
            f"AUDITOR_STORE names a {parsed.get_backend_name()} database. Supported are SQLite and "
            f"PostgreSQL: sqlite:////path/history.sqlite or postgresql://user@host/database."
        )
    return parsed.set(drivername=_DRIVER)


def _parse_url(url: str) -> URL:
    """Parse an address. An error never repeats the address, which may hold a password."""
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or not _is_unambiguous(url, parsed):
        raise StoreError(
            "AUDITOR_STORE is not the address of a database. Write it as "
            "sqlite:////path/history.sqlite or postgresql://user@host/database. In a password, "
            "write @ as %40, : as %3A and / as %2F."
        )
    return parsed


_LOCATION = re.compile(
    r"(?:\[[0-9a-f:.]+\]|[a-z0-9_.,-]*)(?::[0-9]{1,5})?(?:/[^?\\]*)?(?:\?.*)?",
    re.IGNORECASE | re.ASCII,
)
"""Host, port, path and options of an address. SQLAlchemy drops whatever it cannot parse there."""


def _is_unambiguous(url: str, parsed: URL) -> bool:
    """True if an address can be read in one way only.

    A host in the options, unless it is the directory of a socket, would override the host in the
    address, which decides whether the database is on this machine.
    """
    location = url.partition("://")[2]
    if parsed.get_backend_name() == "sqlite":  # sqlite://var/x would be the file x of this folder
        return not location or location.startswith("/")
    if "\\" in (parsed.username or ""):
        return False
    if parsed.username is not None or parsed.password is not None:
        location = location.partition("@")[2]
    socket = str(parsed.query.get("host", "/"))
    return bool(_LOCATION.fullmatch(location)) and (not parsed.host or socket.startswith("/"))


def _configure_reader(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")


def _make_private(file: Path) -> None:
    """Create the file if it is missing; otherwise remove other users' access to it.

    Raises:
        OSError: the file cannot be created or written.
    """
    if not file.exists():
        file.touch(mode=0o600)
    if not os.access(file, os.W_OK):
        with file.open("ab"):
            pass  # says why
    status = file.stat()
    if (
        hasattr(os, "geteuid")
        and status.st_uid == os.geteuid()
        and status.st_mode & permissions.MASK
    ):
        file.chmod(0o600)


def _file_state(file: Path) -> tuple[object, ...]:
    """Inode, size and modification time of the database's files: they change when it is written."""
    states: list[object] = []
    for suffix in ("", *permissions.SQLITE_SUFFIXES):
        try:
            stat = file.with_name(file.name + suffix).stat()
        except OSError:
            states.append(None)
        else:
            states.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(states)


def _is_busy(name: str) -> bool:
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _is_newer(revision: str | None) -> bool:
    return revision is not None and revision > HEAD


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _acquire_write_lock(connection: Connection, wait: float) -> None:
    """Wait until no other process writes, at most `wait` seconds."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL lock_timeout = {round(wait * 1000)}"))
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})"))


def _bring_up_to_date(engine: Engine, wait: float) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            _acquire_write_lock(connection, wait)
            revision = _revision(connection)
            if revision == HEAD:
                return
            if _is_newer(revision):
                raise StoreError(
                    f"The history was written by a newer version of the auditor (revision "
                    f"{revision}; this version supports up to {HEAD}). Install that version."
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
            f"The tables of the history belong to an unreleased version ({error}). Use a separate "
            f"database for the auditor."
        ) from error
