"""Checks of this machine: keyring, data directory, history, disk space."""

from pathlib import Path

import pytest

from auditor.doctor import local
from auditor.doctor.model import CheckState
from auditor.errors import ExitCode
from auditor.secrets.backends import KeyringState as Keyring
from auditor.secrets.backends import KeyringStatus
from auditor.store.runs import Runs

API = "https://api.zoom.us/v2"


def test_a_keyring_that_works_is_named() -> None:
    check = local.keyring(KeyringStatus("macOS Keychain", "x", Keyring.WORKS), needed=True)
    assert (check.state, check.sentence) == (CheckState.OK, "macOS Keychain, works.")


@pytest.mark.parametrize(("needed", "state"), [(True, CheckState.WARNING), (False, CheckState.OK)])
def test_a_keyring_that_does_not_work_matters_only_where_it_is_needed(
    needed: bool, state: CheckState
) -> None:
    status = KeyringStatus("none", "", Keyring.NONE, "This machine has no working keyring.")
    check = local.keyring(status, needed=needed)
    assert check.state is state
    assert "no working keyring" in check.sentence


def test_a_directory_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    check = local.directory(tmp_path / "a" / "b")
    assert check.state is CheckState.OK
    assert not (tmp_path / "a").exists()


def test_a_directory_of_ones_own_is_fine_and_left_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir(mode=0o700)
    assert local.directory(home).state is CheckState.OK
    assert list(home.iterdir()) == []


def test_a_directory_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.mkdir()
    home.chmod(0o755)
    check = local.directory(home)
    assert check.state is CheckState.WARNING
    assert f"chmod 700 {home}" in check.advice


def test_a_file_in_its_place_is_a_failure(tmp_path: Path) -> None:
    home = tmp_path / "data"
    home.write_text("")
    check = local.directory(home)
    assert (check.state, check.exit_code) == (CheckState.FAILED, ExitCode.USAGE)
    assert f"{home} is not a folder" in check.sentence


def test_a_directory_that_cannot_be_made_names_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = local.directory(tmp_path / "file" / "data")
    assert f"{tmp_path / 'file'} is not a folder" in check.sentence


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (0, CheckState.FAILED),
        (local.ROOM + 10_000 * local.ROOM_A_USER, CheckState.WARNING),
        (2 * (local.ROOM + 10_000 * local.ROOM_A_USER), CheckState.OK),
    ],
)
def test_room_is_measured_by_the_number_of_users(
    tmp_path: Path, free: int, state: CheckState
) -> None:
    check = local.disk(tmp_path / "none", 10_000, lambda _: free)
    assert check.state is state
    assert "10,000 users takes about 74 MB" in check.sentence


def test_the_real_disk_can_be_asked(tmp_path: Path) -> None:
    assert local.disk(tmp_path, None).facts["free_bytes"]


def test_a_disk_that_cannot_be_asked_is_a_warning(tmp_path: Path) -> None:
    def broken(_: Path) -> int:
        raise OSError(5, "Input/output error")

    assert local.disk(tmp_path, 1, broken).state is CheckState.WARNING


@pytest.mark.parametrize(
    ("count", "text"),
    [(10, "10 bytes"), (4_000_000, "4 MB"), (77_700_000_000, "77.7 GB"), (2 * 10**12, "2 TB")],
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert local.size(count) == text


def test_no_history_yet_is_fine_and_none_is_made(tmp_path: Path) -> None:
    assert local.history(Runs(tmp_path)).state is CheckState.OK
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_opens_is_named(tmp_path: Path) -> None:
    with Runs(tmp_path).history.database.writing():
        pass
    check = local.history(Runs(tmp_path))
    assert (check.state, check.sentence) == (
        CheckState.OK,
        f"{tmp_path / 'history.sqlite'}, opens.",
    )


def test_a_damaged_history_is_told(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"no database at all, but long enough to be read" * 9)
    check = local.history(Runs(tmp_path))
    assert check.state is CheckState.WARNING
    assert "damaged" in check.sentence


def test_a_history_that_cannot_be_used_is_a_failure(tmp_path: Path) -> None:
    check = local.history(Runs(tmp_path, "nonsense://"))
    assert (check.state, check.exit_code) == (CheckState.FAILED, ExitCode.USAGE)


def test_a_run_that_broke_off_is_told(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    run_id = runs.new_id()
    snapshot = runs.create(run_id)
    snapshot.set_metadata("account_id", "acc")
    snapshot.set_metadata("api_url", API)
    snapshot.close()
    check = local.unfinished(runs, "acc", API)
    assert check.state is CheckState.WARNING
    assert run_id in check.sentence
    assert "--resume" in check.advice
    assert local.unfinished(runs, "other", API).state is CheckState.OK
