"""File systems that lack a feature: doctor and audit print the same message and advice."""

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auditor.doctor import local
from auditor.doctor.model import CheckState
from auditor.errors import ExitCode
from auditor.store import filesystem
from auditor.store.database import Database
from auditor.store.errors import HistoryLocked, StoreError
from auditor.store.runs import Runs
from tests.end_to_end.conftest import Auditor
from tests.store.nights import Nights

Lack = Callable[[pytest.MonkeyPatch], None]


def no_locks(number: int) -> Lack:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return lambda monkeypatch: monkeypatch.setattr(fcntl, "flock", flock)


def no_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    def chmod(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", chmod)


def no_renames(monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(*_: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(Path, "replace", replace)


def no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutLog(sqlite3.Connection):
        def execute(self, statement: str, *words: Any) -> sqlite3.Cursor:
            if "journal_mode" in statement:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = "SQLITE_IOERR_SHMMAP"
                raise error
            return super().execute(statement, *words)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *words, **more: connect(*words, **more, factory=WithoutLog)
    )


LACKS = (
    pytest.param(no_locks(errno.ENOSYS), "has no locks", id="ENOSYS"),
    pytest.param(no_locks(errno.ENOLCK), "has no locks", id="ENOLCK"),
    pytest.param(no_modes, "does not store permissions", id="chmod"),
    pytest.param(no_log, "write-ahead log", id="wal"),
)


@pytest.mark.parametrize(
    ("lack", "expected"), [*LACKS, pytest.param(no_renames, "cannot rename", id="rename")]
)
def test_doctor_tells_what_the_file_system_lacks_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: Lack, expected: str
) -> None:
    assert local.directory(tmp_path).passed
    lack(monkeypatch)
    check = local.directory(tmp_path)
    assert (check.state, check.exit_code) == (CheckState.FAILED, ExitCode.USAGE)
    assert expected in check.sentence
    assert "local disk" in check.advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("lack", "expected"), LACKS)
def test_an_audit_says_the_same_in_one_line_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lack: Lack, expected: str
) -> None:
    auditor = Auditor(tmp_path)
    lack(monkeypatch)
    words = ("audit", "--sandbox", "--users", "2", "--depth", "account", "--format", "json")
    ran = auditor("--log-format", "json", *words)
    assert ran.code == 2
    messages = [json.loads(line)["message"] for line in ran.err.splitlines()]
    assert any(expected in message and "local disk" in message for message in messages), messages


def test_a_folder_that_can_do_all_lacks_nothing(tmp_path: Path) -> None:
    assert filesystem.lacks(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_tried_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", denied)
    assert filesystem.lacks(tmp_path) == []


@pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_IOERR_LOCK", "SQLITE_PROTOCOL"])
def test_an_error_of_the_history_is_explained_by_what_its_file_system_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    database = Database(None, tmp_path)
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = name
    if name == "SQLITE_BUSY":
        assert isinstance(database._error(error), HistoryLocked)
    no_locks(errno.ENOLCK)(monkeypatch)
    found = database._error(error)
    assert type(found) is StoreError
    assert "has no locks" in str(found)


def test_doctor_tells_that_a_history_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Nights(Runs(tmp_path))) as nights:
        nights.night()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    check = local.history(Runs(tmp_path))
    assert check.state is CheckState.FAILED
    assert "no audit could store" in check.sentence
