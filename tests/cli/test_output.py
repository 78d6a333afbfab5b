"""Files are whole or not there at all."""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from auditor.cli.output import (
    Exists,
    IsLink,
    OutputError,
    check_writable,
    refuse_to_replace,
    write,
    write_bytes,
)
from tests.other_user import ME, SOMEBODY, as_me, folder_of_mine


def hello(out: BinaryIO) -> None:
    out.write(b"hello")


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "night.json", hello)
    assert (tmp_path / "night.json").read_bytes() == b"hello"
    assert (tmp_path / "night.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_stood_there_stays_when_rendering_breaks_off(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "night.json"
    path.write_text("yesterday")

    def breaks_off(out: BinaryIO) -> None:
        out.write(b"half a rep")
        raise error

    with pytest.raises(error):
        write(path, breaks_off)
    assert path.read_text() == "yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    def no_room(out: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"night\.json cannot be written: No space left"):
        write(tmp_path / "night.json", no_room)
    assert list(tmp_path.iterdir()) == []


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "night.json")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder"):
        check_writable(tmp_path)


def test_a_file_that_may_not_be_written_is_found_out_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "night.json"
    path.write_text("yesterday")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputError, match="permission denied"):
        check_writable(path)


def test_a_file_that_is_there_is_never_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("work")
    with pytest.raises(Exists, match=r"there exists already\. Choose another name, or delete it"):
        refuse_to_replace(tmp_path / "there")
    with pytest.raises(Exists):
        refuse_to_replace(tmp_path)
    refuse_to_replace(tmp_path / "new")


@pytest.mark.parametrize("name", ["nowhere/new", "x" * 300, f"{'x' * 300}/new"])
def test_a_new_file_that_could_not_be_written_is_found_out_too(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"cannot be written: .*\. Choose another place\."):
        refuse_to_replace(tmp_path / name)


def test_bytes_are_written_as_a_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "new", b"hello")
    assert (tmp_path / "new").read_bytes() == b"hello"
    with pytest.raises(OutputError, match="No such file"):
        write_bytes(tmp_path / "nowhere" / "new", b"hello")


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_umask_neither_opens_nor_closes_a_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "night.json", hello)
    finally:
        os.umask(before)
    assert (tmp_path / "night.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_open_to_others_is_private_once_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "night.json"
    path.write_text("yesterday")
    path.chmod(0o644)
    write(path, hello)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("target", ["precious", "nowhere", "/dev/null", "folder"])
def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path, target: str) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "night.json"
    link.symlink_to(tmp_path / target)
    for refusing in (check_writable, lambda path: write(path, hello)):
        with pytest.raises(IsLink, match="is a link"):
            refusing(link)
    assert link.is_symlink()
    assert (tmp_path / "precious").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"precious", "folder", "night.json"}


def test_a_pipe_gets_what_is_written_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    check_writable(pipe)
    write(pipe, hello)
    reader.join()
    assert got == [b"hello"]
    assert pipe.is_fifo()


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    """As root a rename over /dev/null would succeed, and break the machine."""
    check_writable(Path("/dev/null"))
    write(Path("/dev/null"), hello)
    assert Path("/dev/null").is_char_device()


def test_a_file_that_is_open_already_gets_what_is_written(tmp_path: Path) -> None:
    """What a shell makes of `--output >(gzip)` and `--output /dev/stdout > file`."""
    with (tmp_path / "file").open("wb") as out:
        for name in (f"/dev/fd/{out.fileno()}", f"/proc/self/fd/{out.fileno()}"):
            check_writable(Path(name))
            write(Path(name), hello)
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_somebody_elses_pipe_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if os.geteuid() == 0:
        os.chown(pipe, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(OutputError, match="belongs to another user"):
        write(pipe, hello)


def test_a_socket_is_no_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(tmp_path):
        made.bind("s")
        with pytest.raises(OutputError, match="is no file"):
            write(Path("s"), hello)


# Files that cannot be replaced


def no_renames(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(self: Path, target: object) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refused)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EPERM])
def test_a_file_that_cannot_be_replaced_is_written_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "night.json"
    path.write_text("what was there before, and is longer")
    path.chmod(0o644)
    same = path.stat().st_ino
    no_renames(monkeypatch, number)
    check_writable(path)
    write(path, hello)
    assert path.read_bytes() == b"hello"
    assert path.stat().st_ino == same
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_stood_in_its_place_stays_when_rendering_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "night.json"
    path.write_text("yesterday")
    no_renames(monkeypatch, errno.EBUSY)

    def breaks_off(out: BinaryIO) -> None:
        out.write(b"half a rep")
        raise ValueError

    with pytest.raises(ValueError):
        write(path, breaks_off)
    assert path.read_text() == "yesterday"


def test_a_new_file_that_cannot_be_renamed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_renames(monkeypatch, errno.EXDEV)
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "night.json", hello)
    assert list(tmp_path.iterdir()) == []


def test_a_mounted_file_is_written_in_its_place(tmp_path: Path) -> None:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    outside, inside = tmp_path / "outside.json", tmp_path / "inside.json"
    outside.write_text("yesterday")
    inside.touch()
    if not mount or not umount or os.geteuid() != 0:
        pytest.skip("only root can mount")
    made = subprocess.run([mount, "--bind", outside, inside], check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("this system does not let a file be mounted")
    try:
        check_writable(inside)
        write(inside, hello)
        assert outside.read_bytes() == b"hello"
    finally:
        subprocess.run([umount, inside], check=True)


def mine_in_a_folder_of_somebody(folder: Path, owner: int) -> Path:
    """A file with an owner, in a folder that ME cannot write to."""
    path = folder / "shared" / "night.json"
    path.parent.mkdir(mode=0o755)
    path.write_text("yesterday, which was longer")
    os.chown(path, owner, owner)
    path.chmod(0o666)
    return path


def test_a_file_of_mine_in_a_folder_of_somebody_is_written_in_its_place() -> None:
    with folder_of_mine() as folder:
        path = mine_in_a_folder_of_somebody(folder, ME)

        def both() -> None:
            check_writable(path)
            write(path, hello)

        assert as_me(both) == "None"
        assert path.read_bytes() == b"hello"


def test_a_file_of_somebody_is_not_written_in_its_place() -> None:
    with folder_of_mine() as folder:
        path = mine_in_a_folder_of_somebody(folder, SOMEBODY)
        for refusing in (lambda: check_writable(path), lambda: write(path, hello)):
            assert "belongs to another user" in as_me(refusing)
        assert path.read_text() == "yesterday, which was longer"
