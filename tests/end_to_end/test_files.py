"""What the program writes is for its owner alone, whole, and where it should be."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from tests.cli.commands import program
from tests.end_to_end import broken_off
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, Installed, Ran, served, slow

REPORTS = ("night.json", "night.html", "night.xlsx", "night.zip", "night.csv")
OUTPUTS = tuple(word for name in REPORTS for word in ("--output", name))
LONG_AGO = 3 * 24 * 3600


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=6) as account:
        yield account


@pytest.fixture
def auditor(tmp_path: Path, account: Sandbox) -> Auditor:
    return Auditor(tmp_path, account)


def audited(
    auditor: Auditor, *arguments: str, umask: int | None = None, env: dict[str, str] | None = None
) -> Ran:
    """What comes of an audit: in a process of its own where that has to have a umask."""
    if umask is None:
        return auditor.audit(*arguments, env=env)

    def prepared() -> None:
        os.umask(umask)

    return broken_off.ended(broken_off.started(auditor, *arguments, first=prepared, env=env))


def modes(folder: Path) -> dict[str, str]:
    """Everything in a folder with its type and mode, as octal digits."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in folder.rglob("*")
    }


@pytest.mark.slow
@pytest.mark.parametrize("umask", [slow(0o000), 0o022, slow(0o777)], ids=oct)
def test_files_are_for_their_owner_alone_whatever_the_umask(auditor: Auditor, umask: int) -> None:
    ran = audited(auditor, "--depth", "account", *OUTPUTS, umask=umask)
    assert ran.code in (0, 3), ran.err
    assert oct(stat.S_IMODE(auditor.data.stat().st_mode)) == oct(0o700)
    found = {path: mode for path, mode in modes(auditor.folder).items() if path != "data"}
    folders = {path for path in found if (auditor.folder / path).is_dir()}
    assert {found[path] for path in folders} <= {oct(0o700)}
    assert {found[path] for path in found.keys() - folders} == {oct(0o600)}
    assert found.keys() >= {*REPORTS}
    assert any(path.endswith(".sqlite") for path in found)


@pytest.mark.parametrize("umask", [0o000, slow(0o777)], ids=oct)
def test_the_files_of_a_run_under_way_are_private_too(auditor: Auditor, umask: int) -> None:
    """The log of the database, its index and the lock are there only meanwhile."""
    running = broken_off.started(
        auditor,
        "--baseline",
        "strict",
        "--verify-locks",
        "0",
        first=lambda: os.umask(umask),
    )
    files = "runs/*/*"
    broken_off.until(
        lambda: {"-wal", "-shm"} <= {path.name[-4:] for path in auditor.data.glob(files)}
    )
    running.send_signal(signal.SIGKILL)
    running.communicate()
    found = modes(auditor.data)
    names = {Path(path).name for path in found}
    assert {"snapshot.sqlite", "snapshot.sqlite-wal", "snapshot.sqlite-shm"} <= names
    assert any(name.endswith(".lock") for name in names)
    assert set(found.values()) == {oct(0o600), oct(0o700)}


def test_a_data_directory_that_others_may_write_to_is_taken_from_them(auditor: Auditor) -> None:
    auditor.data.mkdir()
    auditor.data.chmod(0o777)
    ran = audited(auditor, "--depth", "account")
    assert ran.code in (0, 3)
    assert not auditor.data.stat().st_mode & 0o022
    said = f"Others could write to {auditor.data} (mode 0777); that permission was removed"
    assert ran.err.count(said) == 1


@pytest.mark.parametrize(
    "words", [("history",), ("history", "prune", "--dry-run"), ("report",), ("diff",), ("gate",)]
)
def test_a_command_that_only_reads_leaves_the_mode_of_a_folder_as_it_is(
    tmp_path: Path, account: Sandbox, words: tuple[str, ...]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o2775)
    ran = Auditor(tmp_path, account)(*words)
    assert oct(data.stat().st_mode & 0o7777) == oct(0o2775)
    assert "Traceback" not in ran.err


def test_a_data_directory_for_everybody_is_refused(auditor: Auditor) -> None:
    auditor.data.mkdir()
    auditor.data.chmod(0o1777)
    ran = audited(auditor, "--depth", "account")
    assert ran.code == 2
    assert "everybody may create files there" in ran.err
    assert "AUDITOR_HOME" in ran.err
    assert list(auditor.data.iterdir()) == []


@pytest.mark.parametrize("linked", [False, True])
def test_a_data_directory_of_somebody_else_is_refused(
    tmp_path: Path, account: Sandbox, linked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / ("theirs" if linked else "data")
    theirs.mkdir()
    if os.geteuid() == 0:
        os.chown(theirs, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    if linked:
        (tmp_path / "data").symlink_to(theirs)
    ran = Auditor(tmp_path, account).audit("--depth", "account")
    assert ran.code == 2
    assert f"{tmp_path / 'data'} is not used for the auditor's data: it belongs to" in ran.err
    assert list(theirs.iterdir()) == []


def test_a_link_to_a_folder_of_ones_own_is_a_data_directory(auditor: Auditor) -> None:
    elsewhere = auditor.folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    auditor.data.symlink_to(elsewhere)
    assert audited(auditor, "--depth", "account").code in (0, 3)
    assert any(elsewhere.rglob("*.sqlite"))
    assert auditor.data.is_symlink()


def test_a_home_that_cannot_be_written_is_told_before_anything_is_asked(
    auditor: Auditor, account: Sandbox
) -> None:
    before = account.requests.total
    ran = audited(auditor, "--depth", "account", env={"AUDITOR_HOME": "", "HOME": "/proc"})
    assert ran.code == 2, ran.err
    assert "cannot be written" in ran.err
    assert "Set AUDITOR_HOME to a directory of your own." in ran.err
    assert "Traceback" not in ran.err
    assert account.requests.total == before


def test_what_needs_no_data_works_where_home_cannot_be_written(auditor: Auditor) -> None:
    there = {"AUDITOR_HOME": "", "HOME": "/proc"}
    for words in (("control", "list"), ("baseline", "list"), ("--version",)):
        assert auditor(*words, env=there).code == 0


def test_a_report_is_never_written_through_a_link(auditor: Auditor) -> None:
    target = auditor.folder / "precious"
    target.write_text("precious")
    (auditor.folder / "night.json").symlink_to(target)
    ran = audited(auditor, "--depth", "account", "--output", "night.json")
    assert ran.code == 2
    assert "night.json is a link" in ran.err
    assert target.read_text() == "precious"
    assert (auditor.folder / "night.json").is_symlink()


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[set[str]]:
    """The names of all that appears in a folder meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.update(entry.name for entry in os.scandir(folder))
            time.sleep(0.0005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


TRACED = """
import os, sys, sqlite3, tempfile
places = []
def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        writing = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writing:
            places.append(os.fsdecode(arguments[0]))
    elif event in ("os.mkdir", "tempfile.mkdtemp", "tempfile.mkstemp", "os.rename"):
        places.append(os.fsdecode(arguments[0]))
sys.addaudithook(note)
from auditor.cli.main import main
sys.argv[0] = "auditor"
try:
    main()
finally:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print("\\n".join(places), file=open(os.environ["PLACES"], "w"))
"""


@pytest.mark.slow
def test_every_file_is_written_in_the_data_directory_or_beside_a_report(auditor: Auditor) -> None:
    """What Python opens to write, as the interpreter itself tells."""
    out = auditor.folder / "out"
    out.mkdir()
    output_text = auditor.folder / "places"
    done = subprocess.run(
        [sys.executable, "-c", TRACED, "audit", *FAST, "--baseline", "strict"]
        + [word for name in REPORTS for word in ("--output", f"out/{name}")],
        cwd=auditor.folder,
        env=auditor.environment(
            {
                "PLACES": str(output_text),
                "PYTHONDONTWRITEBYTECODE": "1",
                **dict.fromkeys((name for name in os.environ if name.startswith("COV")), ""),
            }
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    places = {Path(line) for line in output_text.read_text().splitlines() if line}
    absolute = {place if place.is_absolute() else auditor.folder / place for place in places}
    allowed = (auditor.data, out, Path("/dev"), output_text)
    assert {p for p in absolute if not any(p.is_relative_to(a) for a in allowed)} == set()
    assert any(place.is_relative_to(auditor.data) for place in absolute)
    assert any(place.name.startswith("auditor-") for place in absolute)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no Linux: no /proc")
def test_the_temporary_files_of_the_database_are_in_the_data_directory(auditor: Auditor) -> None:
    """SQLite deletes them as soon as they are open, so only the process's own list shows them."""
    running = broken_off.started(auditor, "--baseline", "strict", *OUTPUTS)
    places = Path(f"/proc/{running.pid}/fd")
    opened = set()
    while running.poll() is None:
        with contextlib.suppress(OSError):
            for entry in places.iterdir():
                with contextlib.suppress(OSError):
                    opened.add(str(entry.readlink()))
    running.communicate()
    files = {Path(place.removesuffix(" (deleted)")) for place in opened if place.startswith("/")}
    temporary = {place for place in files if place.name.startswith("etilqs_")}
    assert any(place.is_relative_to(auditor.data) for place in files)
    assert {place for place in temporary if not place.is_relative_to(auditor.data)} == set()


@pytest.mark.slow
def test_tmpdir_is_used_where_it_is_set(auditor: Auditor) -> None:
    mine = auditor.folder / "mine"
    mine.mkdir()
    with watched(mine) as seen:
        words = ("--depth", "account", "--output", "x.zip")
        ran = Installed(auditor.folder, auditor.account).audit(*words, env={"TMPDIR": str(mine)})
    assert ran.code in (0, 3)
    assert any(name.startswith("auditor-") for name in seen)
    assert list(mine.iterdir()) == []


def test_what_a_killed_process_left_is_removed_a_day_later(auditor: Auditor) -> None:
    auditor.data.mkdir(mode=0o700)
    for name in ("auditor-old", "auditor-new"):
        (auditor.data / name).mkdir()
        (auditor.data / name / "evidence").write_text("left")
    old = time.time() - LONG_AGO
    os.utime(auditor.data / "auditor-old", (old, old))
    ran = Installed(auditor.folder, auditor.account).audit("--depth", "account")
    assert ran.code in (0, 3)
    assert not (auditor.data / "auditor-old").exists()
    assert (auditor.data / "auditor-new").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["night.json", "night.zip"])
def test_a_process_that_is_killed_leaves_no_half_report(auditor: Auditor, name: str) -> None:
    """Every moment of writing one is as good as any: the file is there whole, or not at all."""
    assert audited(auditor, "--depth", "user").code in (0, 3)
    whole = auditor("report", "--output", f"whole-{name}")
    assert whole.code == 0, whole.err
    for delay in (0.3, 0.6, 0.9, 1.2):
        running = subprocess.Popen(
            [COMMAND, "report", "--output", name],
            cwd=auditor.folder,
            env=auditor.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        running.kill()
        running.wait()
        path = auditor.folder / name
        assert not path.exists() or path.stat().st_size > 0
        if path.exists():
            reference = (auditor.folder / f"whole-{name}").stat().st_size
            assert path.stat().st_size == pytest.approx(reference, rel=0.05)


def options(command: object) -> Iterator[tuple[str, str]]:
    """Every option and argument of every command."""
    for name, below in getattr(command, "commands", {}).items():
        for where, option in options(below):
            yield f"{name} {where}".strip(), option
    for parameter in getattr(command, "params", []):
        for option in parameter.opts:
            yield "", option


def test_no_option_takes_a_secret() -> None:
    """The arguments of a process are there for every user of the machine to read."""
    known = list(options(program()))
    assert len(known) > 50
    words = ("secret", "token", "password", "passphrase", "private", "credential", "api-key")
    assert [each for each in known if any(word in each[1].lower() for word in words)] == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no Linux: no /proc")
def test_no_secret_is_among_the_arguments_of_a_process(auditor: Auditor) -> None:
    secret = auditor.account.client_secret.encode()
    running = broken_off.started(auditor, "--baseline", "strict")
    seen = set()
    while running.poll() is None:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen.add(place.read_bytes())
    running.communicate()
    assert any(b"--baseline\0strict" in line for line in seen)
    assert not any(secret in line for line in seen)


def test_a_refused_place_is_told_before_anything_is_asked(tmp_path: Path, account: Sandbox) -> None:
    before = account.requests.total
    auditor = Auditor(tmp_path, account)
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    places: list[tuple[str, Callable[[str], bool]]] = [
        ("link.json", lambda said: "is a link" in said),
        ("nowhere/night.json", lambda said: "No such file" in said),
    ]
    for place, says in places:
        ran = auditor.audit("--output", place)
        assert ran.code == 2
        assert says(ran.err), ran.err
    assert account.requests.total == before
