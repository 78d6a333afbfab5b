"""Whose a folder has to be before anything private is put there."""

import os
from pathlib import Path

import pytest

from auditor.files.permissions import InsecureDirectory, check_folder, restrict

OTHER = 54321


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def _somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is another user's than the one who makes the files of the test."""
    if os.geteuid() == 0:
        made = os.mkdir

        def given_away(path: str, mode: int = 0o777, **more: int) -> None:
            made(path, mode, **more)
            os.chown(path, 12345, 12345)

        monkeypatch.setattr(os, "mkdir", given_away)
    monkeypatch.setattr(os, "geteuid", lambda: OTHER)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


@pytest.mark.parametrize("bits", [0o700, 0o750, 0o755, 0o500])
def test_a_folder_of_ones_own_stays_as_it_is(folder: Path, bits: int) -> None:
    folder.chmod(bits)
    check_folder(folder)
    assert mode(folder) == oct(bits)


@pytest.mark.parametrize(("bits", "left"), [(0o777, 0o755), (0o770, 0o750), (0o2775, 0o2755)])
def test_a_folder_of_ones_own_is_taken_from_others(folder: Path, bits: int, left: int) -> None:
    folder.chmod(bits)
    assert restrict(folder) == (bits, left)
    assert mode(folder) == oct(left)
    assert restrict(folder) is None


@pytest.mark.parametrize("bits", [0o777, 0o770, 0o2775])
def test_looking_at_a_folder_changes_nothing(folder: Path, bits: int) -> None:
    folder.chmod(bits)
    check_folder(folder)
    assert mode(folder) == oct(bits)


def test_there_is_nothing_to_take_where_no_folder_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o666)
    assert restrict(tmp_path / "file") is None
    assert restrict(tmp_path / "nowhere") is None
    assert mode(tmp_path / "file") == oct(0o666)


@pytest.mark.usefixtures("_somebody_else")
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs").chmod(0o777)
    assert restrict(tmp_path / "theirs") is None
    assert mode(tmp_path / "theirs") == oct(0o777)


def test_a_folder_for_everybody_is_refused_and_left_alone(folder: Path) -> None:
    folder.chmod(0o1777)
    with pytest.raises(InsecureDirectory, match="everybody may create files there") as caught:
        check_folder(folder)
    assert mode(folder) == oct(0o1777)
    assert str(caught.value).endswith("Set AUDITOR_HOME to a folder that only you can write to.")


def test_what_is_not_there_or_no_folder_is_for_others_to_tell(tmp_path: Path) -> None:
    check_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    check_folder(tmp_path / "file")


@pytest.mark.usefixtures("_somebody_else")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with pytest.raises(InsecureDirectory, match="belongs to another user"):
        check_folder(theirs)


@pytest.mark.usefixtures("_somebody_else")
def test_a_link_to_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(InsecureDirectory, match=r"link is not used .* belongs to another user"):
        check_folder(tmp_path / "link")


def test_what_somebody_else_put_into_a_folder_of_ones_own_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there before the folder was private."""
    (folder / "runs").mkdir()
    real = Path.lstat

    def theirs(path: Path) -> os.stat_result:
        found = real(path)
        if path.name != "runs":
            return found
        return os.stat_result((*found[:4], 12345, *found[5:]))

    monkeypatch.setattr(Path, "lstat", theirs)
    with pytest.raises(InsecureDirectory, match=r"runs is not used .* another user .number 12345"):
        check_folder(folder)


def test_a_folder_of_the_system_that_everybody_may_write_to_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.chmod(0o777)
    if os.geteuid() != 0:
        monkeypatch.setattr("auditor.files.permissions._ROOT", os.geteuid())
    monkeypatch.setattr(os, "geteuid", lambda: OTHER)
    with pytest.raises(InsecureDirectory, match="everybody may write there"):
        check_folder(folder)


def test_if_there_are_no_users_nothing_is_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.chmod(0o1777)
    monkeypatch.delattr(os, "geteuid")
    check_folder(folder)
    assert restrict(folder) is None
