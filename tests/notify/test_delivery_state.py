"""The memory of the last announced run."""

import stat
from pathlib import Path

from auditor.notify.delivery_state import LastAnnounced


def test_what_was_noted_last_is_remembered_for_its_kind_of_runs_alone(tmp_path: Path) -> None:
    memory = LastAnnounced(tmp_path, "one")
    assert memory.last() is None
    memory.save("20261120-1")
    memory.save("20261121-1")
    assert LastAnnounced(tmp_path, "one").last() == "20261121-1"
    assert LastAnnounced(tmp_path, "other").last() is None


def test_it_is_for_its_owner_alone_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    LastAnnounced(tmp_path, "one").save("20261120-1")
    (file,) = (tmp_path / "told").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_if_nothing_can_be_written_nothing_is_raised_and_the_older_run_stays(
    tmp_path: Path,
) -> None:
    memory = LastAnnounced(tmp_path / "file", "one")
    (tmp_path / "file").write_text("")
    memory.save("20261120-1")
    assert memory.last() is None


def test_a_damaged_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / "told").mkdir()
    for damage in (b"", b"\xff\xfe\x00", b"  \n"):
        (tmp_path / "told" / "one").write_bytes(damage)
        assert LastAnnounced(tmp_path, "one").last() is None
