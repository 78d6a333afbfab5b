"""The process of the program: modes, temporary files, and what a crash shows."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.cli import process
from auditor.cli.terminal import LogFormat, Terminal
from auditor.files import data_folder

SECRET = "kanarie-of-the-process"
HARDENED = f"""
import sys, threading
from auditor.cli import process
from auditor.redaction.text import register_secret
process.harden_process()
register_secret({SECRET!r})
class Odd:
    def __del__(self):
        raise ValueError({SECRET!r} + ": in a destructor")
def broken():
    raise ValueError({SECRET!r} + ": Passcode: 482913")
"""
"""Code of a process that was settled, and holds a secret."""


def run_hardened(code: str) -> tuple[int, str]:
    """Exit code and standard error of a process that was settled and runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", HARDENED + code], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.fixture
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What settling changes in this process is changed back."""
    umask = os.umask(0o022)
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    monkeypatch.setattr(data_folder, "_allowed", False)
    monkeypatch.setattr(data_folder, "_temporary", None)
    monkeypatch.setattr(process, "make_streams_lossless", lambda: None)  # they belong to pytest
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", "")  # noted, so that what the program sets is taken back
    monkeypatch.delenv("TMPDIR")
    yield
    os.umask(umask)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    monkeypatch.setenv("TMPDIR", "")
    with sqlite3.connect(":memory:") as db:
        db.execute("PRAGMA temp_store_directory = ''")
    db.close()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("broken()", 1),
        ("t = threading.Thread(target=broken); t.start(); t.join()", 0),
        ("o = Odd(); del o", 0),
        ("try:\n    broken()\nexcept ValueError as e:\n    raise KeyError(e.args[0]) from e", 1),
    ],
    ids=["main", "thread", "destructor", "chain"],
)
def test_an_error_nobody_catches_is_shown_without_secrets(code: str, status: int) -> None:
    returned, err = run_hardened(code)
    assert returned == status
    assert "Traceback (most recent call last)" in err
    assert "ValueError: [redacted]" in err
    assert SECRET not in err
    assert "482913" not in err


@pytest.mark.skipif(sys.platform != "linux", reason="what is asked is Linux's")
def test_the_memory_of_a_crash_goes_nowhere(tmp_path: Path) -> None:
    """Neither to a file nor to the program that the system hands such memory to."""
    unlimited = "import resource; h = resource.getrlimit(4)[1]; resource.setrlimit(4, (h, h))\n"
    code_ = (
        "import ctypes, resource\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
        "open('/dev/stdout', 'w').write('reached\\n')\n"
        "import os; sys.stdout.flush(); os.abort()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", unlimited + HARDENED + code_], stdout=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status = os.waitpid(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert sorted(out.splitlines()) == [b"(0, 0) 0", b"reached"]
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_shown_as_usual() -> None:
    _, err = run_hardened("raise KeyboardInterrupt")
    assert err.endswith("KeyboardInterrupt\n")


def test_an_error_is_no_trouble_where_standard_error_is_closed() -> None:
    assert run_hardened("sys.stderr = None\nbroken()") == (1, "")


@pytest.mark.usefixtures("_as_before")
def test_files_and_folders_are_made_for_their_owner(tmp_path: Path) -> None:
    process.harden_process()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    assert oct((tmp_path / "file").stat().st_mode & 0o777) == oct(0o600)
    assert oct((tmp_path / "folder").stat().st_mode & 0o777) == oct(0o700)


@pytest.mark.usefixtures("_as_before")
def test_temporary_files_go_to_the_data_directory_in_a_settled_process(tmp_path: Path) -> None:
    data_folder.prepare(tmp_path / "it's data", make=True)
    assert "TMPDIR" not in os.environ
    process.harden_process()
    data_folder.prepare(tmp_path / "it's data")
    with tempfile.NamedTemporaryFile() as made:
        assert Path(made.name).parent == tmp_path / "it's data"
    with sqlite3.connect(":memory:") as db:
        assert db.execute("PRAGMA temp_store_directory").fetchone() == (
            str(tmp_path / "it's data"),
        )
    db.close()


@pytest.mark.usefixtures("_as_before")
def test_a_place_that_was_chosen_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process.harden_process()
    data_folder.prepare(tmp_path / "data", make=True)
    assert os.environ["TMPDIR"] == str(tmp_path)


@pytest.mark.usefixtures("_as_before")
def test_a_directory_that_cannot_be_made_is_told_by_who_needs_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    process.harden_process()
    data_folder.prepare(tmp_path / "file" / "data", make=True)


@pytest.mark.parametrize("log_format", LogFormat)
def test_what_libraries_warn_of_is_shown_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log_format: LogFormat
) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    Terminal(log_format=log_format).set_up_logging()
    library = logging.Logger("library")
    library.warning("odd header: %s", "Authorization: Bearer abc.def-123456")
    library.info("nothing")
    err = capsys.readouterr().err
    assert "odd header: Authorization" in err
    assert "123456" not in err
    assert "nothing" not in err


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("how", [{"make": True}, {"writing": True}])
def test_who_writes_takes_the_folder_from_others_and_says_so_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: dict[str, bool],
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o2775)
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(logging.getLogger("auditor"), "propagate", True)
    data_folder.prepare(data)
    assert data.stat().st_mode & 0o7777 == 0o2775
    assert caplog.messages == []
    data_folder.prepare(data, **how)
    data_folder.prepare(data, **how)
    assert data.stat().st_mode & 0o7777 == 0o2755
    assert caplog.messages == [
        f"Others could write to {data} (mode 2775); that permission was removed (mode 2755 now)."
    ]


def test_an_interrupt_in_a_destructor_still_interrupts() -> None:
    code = """
import signal, time
class Slow:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
slow = Slow()
del slow
time.sleep(20)
print("not interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", HARDENED + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""
