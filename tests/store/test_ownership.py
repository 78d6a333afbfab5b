"""A history that another user could have written is refused. Uses two real users."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from auditor.files import permissions
from auditor.files.permissions import InsecureDirectory
from auditor.store.runs import Runs
from tests.other_user import ME, SOMEBODY, as_me, folder_of_mine
from tests.store.nights import Nights


def address(file: Path) -> str:
    return f"sqlite:///{file}"


def night(home: Path, file: Path) -> int:
    """Store a run; how many there are."""
    with closing(Nights(Runs(home, address(file)))) as nights:
        nights.night()
        return len(nights.history.runs())


def count(home: Path, file: Path) -> int:
    """How many runs there are, for one who only reads."""
    with closing(Nights(Runs(home, address(file)))) as nights:
        return len(nights.history.runs())


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every module that a history needs."""
    home = tmp_path_factory.mktemp("loaded")
    night(home, home / "history.sqlite")
    count(home, home / "history.sqlite")


@pytest.fixture
def mine() -> Iterator[Path]:
    """A folder of mine with a history of mine."""
    with folder_of_mine() as folder:
        (folder / "store").mkdir(mode=0o700)
        os.chown(folder / "store", ME, ME)
        made = as_me(lambda: night(folder / "home", folder / "store" / "history.sqlite"))
        assert made == "1"
        yield folder


def file_of_somebody(folder: Path) -> Path:
    os.chown(folder / "history.sqlite", SOMEBODY, SOMEBODY)
    (folder / "history.sqlite").chmod(0o666)
    return folder / "history.sqlite"


def file_for_all(folder: Path) -> Path:
    (folder / "history.sqlite").chmod(0o666)
    return folder / "history.sqlite"


def folder_of_somebody(folder: Path) -> Path:
    os.chown(folder, SOMEBODY, SOMEBODY)
    folder.chmod(0o777)
    return folder / "history.sqlite"


def folder_for_a_group(folder: Path) -> Path:
    folder.chmod(0o770)
    return folder / "history.sqlite"


def folder_for_all(folder: Path) -> Path:
    folder.chmod(0o1777)
    return folder / "history.sqlite"


def log_of_somebody(folder: Path) -> Path:
    log = folder / "history.sqlite-wal"
    log.touch()
    os.chown(log, SOMEBODY, SOMEBODY)
    return folder / "history.sqlite"


def journal_of_somebody(folder: Path) -> Path:
    log = folder / "history.sqlite-journal"
    log.touch()
    os.chown(log, SOMEBODY, SOMEBODY)
    return folder / "history.sqlite"


def link_to_somebody(folder: Path) -> Path:
    file_of_somebody(folder)
    link = folder.parent / "linked.sqlite"
    link.symlink_to(folder / "history.sqlite")
    os.chown(link, ME, ME, follow_symlinks=False)
    return link


def link_of_somebody(folder: Path) -> Path:
    link = folder.parent / "linked.sqlite"
    link.symlink_to(folder / "history.sqlite")
    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)
    return link


def link_into_a_folder_for_all(folder: Path) -> Path:
    folder.chmod(0o777)
    link = folder.parent / "linked.sqlite"
    link.symlink_to(folder / "history.sqlite")
    os.chown(link, ME, ME, follow_symlinks=False)
    return link


WAYS = (
    file_of_somebody,
    file_for_all,
    folder_of_somebody,
    folder_for_a_group,
    folder_for_all,
    log_of_somebody,
    journal_of_somebody,
    link_to_somebody,
    link_of_somebody,
    link_into_a_folder_for_all,
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("use", [count, night])
def test_a_history_that_somebody_else_could_have_written_is_neither_read_nor_written(
    mine: Path, way: Callable[[Path], Path], use: Callable[[Path, Path], int]
) -> None:
    file = way(mine / "store")
    before = file.read_bytes()
    message = as_me(lambda: use(mine / "home", file))
    assert message.startswith("InsecureDirectory:"), message
    assert "AUDITOR_STORE" in message
    assert file.read_bytes() == before


def test_a_history_of_root_can_be_read(mine: Path) -> None:
    for path in (mine / "store", *(mine / "store").iterdir()):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert as_me(lambda: count(mine / "home", mine / "store" / "history.sqlite")) == "1"


def test_the_right_to_read_is_taken_from_others_by_who_writes(mine: Path) -> None:
    file = mine / "store" / "history.sqlite"
    file.chmod(0o644)
    assert as_me(lambda: count(mine / "home", file)) == "1"
    assert file.stat().st_mode & 0o777 == 0o644
    assert as_me(lambda: night(mine / "home", file)) != ""
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["runs", "locks", "failed", "told", "sandbox"])
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_in_the_data_directory_that_others_may_write_to_is_refused(
    tmp_path: Path, name: str, mode: int
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(mode)
    tmp_path.chmod(0o755)
    with pytest.raises(InsecureDirectory, match=rf"{name} .*others may write.*chmod 700"):
        permissions.check_folder(tmp_path)
    tmp_path.chmod(0o700)  # nobody gets there
    permissions.check_folder(tmp_path)


def test_what_somebody_put_into_a_run_is_refused(mine: Path) -> None:
    run = mine / "home" / "runs" / "20261101T220000-000Z-aaaaaa"
    run.mkdir()
    (run / "snapshot.sqlite").touch()
    for path, owner in ((run, ME), (run / "snapshot.sqlite", SOMEBODY)):
        os.chown(path, owner, owner)
    (mine / "home").chmod(0o755)
    message = as_me(lambda: permissions.check_folder(mine / "home"))
    assert message.startswith("InsecureDirectory:")
    assert "snapshot.sqlite" in message


def test_a_folder_below_a_volume_of_root_that_is_for_all_is_used(mine: Path) -> None:
    """How Kubernetes mounts some volumes."""
    volume = mine / "volume"
    volume.mkdir()
    volume.chmod(0o777)
    refused = as_me(lambda: permissions.check_folder(volume))
    assert refused.startswith("InsecureDirectory:")

    def below() -> str:
        home = volume / "auditor"
        permissions.check_folder(home)
        with closing(Nights(Runs(home))) as nights:
            nights.night()
            permissions.check_folder(home)
            return f"{len(nights.history.runs())} run, mode {home.stat().st_mode & 0o777:o}"

    assert as_me(below) == "1 run, mode 700"
