"""Files are whole or not there at all."""

from pathlib import Path
from typing import BinaryIO

import pytest

from auditor.cli.output import (
    Exists,
    OutputError,
    check_writable,
    refuse_to_replace,
    write,
    write_bytes,
)


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
