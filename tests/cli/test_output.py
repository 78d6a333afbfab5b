"""Files are whole or not there at all."""

from pathlib import Path
from typing import BinaryIO

import pytest

from auditor.cli.output import OutputError, check_writable, write


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
