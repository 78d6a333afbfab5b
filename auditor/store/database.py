"""The database of the history: opened, brought up to date, and its errors told to people."""

import json
import logging
import os
import re
import shutil
import sqlite3
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from auditor import permissions
from auditor.evidence.errors import DiskFull
from auditor.store import filesystem, postgresql
from auditor.store.errors import (
    CorruptRow,
    HistoryDamaged,
    HistoryLocked,
    HistoryUnreachable,
    StoreError,
)

HEAD = "0003"
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

_NOT_PERMITTED = ("42501", "25006")
"""SQLSTATE of PostgreSQL: the role may not do this, or only reads."""

_TELLING = ("host", "port", "service")
"""What may be shown of the options in an address; others may be secrets."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A file that is read as if nobody wrote to it, and how it was when that began."""

    file: Path
    state: tuple[object, ...]

    @classmethod
    def now(cls, file: Path) -> "_Frozen":
        return cls(file, _state(file))

    @property
    def has_changed(self) -> bool:
        return _state(self.file) != self.state


class Database:
    """One history database. Opened when it is first used.

    Who only reads changes nothing: a file is opened read-only, and not even a lock is left beside
    one that cannot be written.
    """

    def __init__(self, url: str | None, home: Path, wait: float = WAIT) -> None:
        """The database at `url`; without one, a file under `home`.

        Raises:
            StoreError: the address is none that can be used.
        """
        self._wait = wait
        self._file = _file(url, home)
        self._in_data = self._file is not None and self._file.parent == home
        self._url = _address(url, self._file)
        self._engine: Engine | None = None
        self._reader: Engine | None = None
        self._frozen: _Frozen | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None

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
        """False where nothing has been stored yet.

        Raises:
            StoreError: nobody can tell.
        """
        try:
            return self._file is None or self._file.exists()
        except OSError as error:
            raise self._unreadable(error) from error

    def check_private(self) -> None:
        """Make sure that nobody else could have written the file, where it is one.

        Raises:
            NotPrivate: somebody else could.
        """
        if self._file is not None:
            permissions.check_file(self._file, in_data=self._in_data)

    def close(self) -> None:
        """Let go of every connection."""
        self._stop_reading()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the history.

        Raises:
            StoreError: it cannot be opened or read.
        """
        with self._told(), self._opened_for_reading().connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection
        if self._frozen is not None and self._frozen.has_changed:
            self._stop_reading()
            raise HistoryLocked(
                f"The history {self} was changed while it was read. It cannot be written from "
                "here, so it was read without locks. Try again."
            )

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
            self._stop_reading()
            self.check_private()
            engine = self._connecting()
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

    def _opened_for_reading(self) -> Engine:
        """What is open already; else the file, opened read-only.

        Tables of an older version are brought up to date, where they can be.
        """
        if self._engine is not None or self._file is None:
            return self._opened()
        if self._reader is None:
            self.check_private()
            if not self._file.is_file():
                raise StoreError(
                    f"The history {self} cannot be used: it is no file. Name one with "
                    "AUDITOR_STORE."
                )
            self._reader = self._reading_engine(self._file)
            try:
                with self._reader.connect() as connection:
                    found = _revision(connection)
            except BaseException:
                self._stop_reading()
                raise
            if found != HEAD:
                self._stop_reading()
                return self._brought_up_to_date(found)
        return self._reader

    def _brought_up_to_date(self, found: str | None) -> Engine:
        try:
            return self._opened()
        except StoreError as error:
            if isinstance(error, HistoryLocked) or _is_newer(found) or not self.is_read_only:
                raise
            what = f"of an older version (revision {found})" if found else "empty"
            raise StoreError(
                f"The history {self} is {what}, and cannot be brought up to date (to {HEAD}): "
                "it cannot be written from here. Run auditor history once as its owner, where it "
                "can be."
            ) from error

    def _reading_engine(self, file: Path) -> Engine:
        """A file that is only read.

        SQLite needs its log beside it, or a place to make one. Where it has neither, a file that
        stands by itself is read as it is, and of one with a log a copy.
        """
        self._frozen = None
        place, options = file, "mode=ro"
        log, index = (file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))
        try:
            if self.is_read_only and not (log.exists() and index.exists()):
                self._frozen = _Frozen.now(file)
                if log.exists() and log.stat().st_size:
                    place = self._copied(file, log)
                else:
                    options = "mode=ro&immutable=1"
        except OSError as error:
            raise self._unreadable(error) from error
        address = f"{place.absolute().as_uri()}?{options}"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(address, timeout=self._wait, uri=True, check_same_thread=False)

        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.QueuePool)
        sa.event.listen(engine, "connect", _for_reading)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _copied(self, file: Path, log: Path) -> Path:
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
        self._reader = self._copy = self._frozen = None

    @property
    def is_read_only(self) -> bool:
        """True for a file that cannot be written from here."""
        file = self._file
        return file is not None and not (
            os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
        )

    def _connecting(self) -> Engine:
        if self._file is None:
            try:
                arguments = postgresql.connect_arguments(self._url)
                engine = sa.create_engine(
                    self._url,
                    pool_pre_ping=True,
                    connect_args=arguments,
                    hide_parameters=True,
                )
            except ModuleNotFoundError as error:
                raise StoreError(
                    "AUDITOR_STORE names PostgreSQL, whose driver is not installed. Install the "
                    "auditor with its extra [postgresql] (docs/operations/installing.md)."
                ) from error
            # A server has few places: none is held once nobody uses this history any more.
            weakref.finalize(self, engine.dispose)
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
        sa.event.listen(engine, "connect", self._as_a_store)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _as_a_store(self, connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        except sqlite3.Error as error:
            raise self._error(error) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database as sentences."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._error(error.orig or error) from error
        except UnicodeError as error:
            raise StoreError(
                f"The history {self} cannot hold or give back a text ({error}). Report it."
            ) from error
        except (CorruptRow, json.JSONDecodeError, zlib.error) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, reason: str) -> HistoryDamaged:
        if self._file is None:
            return HistoryDamaged(f"The history {self} is damaged ({reason}).")
        return HistoryDamaged(
            f"The history {self} is damaged ({reason}). It is left as it is; the audit that cannot "
            "write to it moves it aside, whole, and begins a new one."
        )

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The history {self} cannot be written: {error.strerror}. "
            + (
                "Set AUDITOR_HOME to a folder of your own."
                if self._in_data
                else "Name a place of your own in AUDITOR_STORE."
            )
        )

    def _unreadable(self, error: OSError) -> StoreError:
        return StoreError(
            f"The history {self} cannot be read: {error.strerror}. "
            "Correct its owner and rights, or name another place with AUDITOR_HOME or "
            "AUDITOR_STORE."
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
            return self._held()
        if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or "decode to UTF-8" in reason:
            return self._damaged(reason)
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return DiskFull(f"{self}: no more could be written ({reason}). Make room there.")
        if name.startswith("SQLITE_READONLY"):
            return self._unwritable(OSError(0, "it is read-only"))
        return StoreError(f"The history {self} cannot be used: {reason}.")

    def _error_of_server(self, error: BaseException, reason: str) -> Exception:
        state = getattr(error, "sqlstate", None)
        if state == "55P03":
            return self._held()
        if state == "53100":
            return DiskFull(f"{self}: no more could be written ({reason}). Make room there.")
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

    def _held(self) -> HistoryLocked:
        return HistoryLocked(
            f"The history {self} is held by another process, and was not let go within "
            f"{self._wait:g} seconds. Try again when that one is done."
        )


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
    if parsed is None or not _is_plain(url, parsed):
        raise StoreError(
            "AUDITOR_STORE is no address of a database. Write it as "
            "sqlite:////path/history.sqlite or postgresql://user@host/database. In a password, "
            "write @ as %40, : as %3A and / as %2F."
        )
    return parsed


_PLACE = re.compile(
    r"(?:\[[0-9a-f:.]+\]|[a-z0-9_.,-]*)(?::[0-9]{1,5})?(?:/[^?\\]*)?(?:\?.*)?",
    re.IGNORECASE | re.ASCII,
)
"""What follows user name and password. What SQLAlchemy cannot read there, it leaves out."""


def _is_plain(url: str, parsed: URL) -> bool:
    """True where an address can be understood in one way only.

    A host in the options, other than the folder of a socket, would go before the one that stands
    in its place, of which it was decided whether it is this machine.
    """
    place = url.partition("://")[2]
    if parsed.get_backend_name() == "sqlite":  # sqlite://var/x would be the file x of this folder
        return not place or place.startswith("/")
    if "\\" in (parsed.username or ""):
        return False
    if parsed.username is not None or parsed.password is not None:
        place = place.partition("@")[2]
    socket = str(parsed.query.get("host", "/"))
    return bool(_PLACE.fullmatch(place)) and (not parsed.host or socket.startswith("/"))


def _for_reading(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")


def _make_private(file: Path) -> None:
    """Make the file, or take the right to read it from others. One that is there is not touched.

    Raises:
        OSError: it cannot be made, or cannot be written.
    """
    if not file.exists():
        file.touch(mode=0o600)
    if not os.access(file, os.W_OK):
        with file.open("ab"):
            pass  # says why
    found = file.stat()
    if hasattr(os, "geteuid") and found.st_uid == os.geteuid() and found.st_mode & permissions.MASK:
        file.chmod(0o600)


def _state(file: Path) -> tuple[object, ...]:
    """What changes where somebody writes to a database."""
    found: list[object] = []
    for suffix in ("", *permissions.SQLITE_SUFFIXES):
        try:
            stat = file.with_name(file.name + suffix).stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _is_busy(name: str) -> bool:
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _is_newer(found: str | None) -> bool:
    return found is not None and found > HEAD


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
            if _is_newer(found):
                raise StoreError(
                    f"The history was written by a newer version of the auditor (revision {found};"
                    f" this one knows {HEAD}). Install that version of the program."
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
