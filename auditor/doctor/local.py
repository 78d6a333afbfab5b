"""Checks of this machine: keyring, data directory, history, and disk space."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue
from auditor.files.permissions import OTHERS_MAY_WRITE, InsecureDirectory
from auditor.secrets.backends import KeyringState as Keyring
from auditor.secrets.backends import KeyringStatus
from auditor.store import filesystem
from auditor.store.errors import (
    HistoryDamaged,
    HistoryLocked,
    StoreError,
)
from auditor.store.runs import Runs

ROOM = 4_000_000
"""Bytes that a run needs at its peak, even for a small account."""
ROOM_A_USER = 7_000
"""Additional bytes for each user.

Measured 2026-11-22 with simulated accounts, default baseline, every user read: 3.8 MB for 100
users, 7.0 MB for 1,000, 68.7 MB for 10,000; half of it is freed at the end.
"""
SPARE = 2
"""Safety factor: real accounts have more distinct settings than simulated ones."""


def keyring(status: KeyringStatus, *, needed: bool) -> DoctorCheck:
    """Check that the keyring can store credentials. `needed`: the credentials come from it."""
    facts: dict[str, JsonValue] = {
        "name": status.name,
        "backend": status.backend,
        "state": status.state,
    }
    if status.state is Keyring.WORKS:
        return DoctorCheck(
            "keyring", "Keyring", CheckState.OK, f"{status.name}, works.", facts=facts
        )
    detail = status.detail or f"{status.name} cannot be used."
    if not needed:
        sentence = f"{detail} Not needed: the credentials come from elsewhere."
        return DoctorCheck("keyring", "Keyring", CheckState.OK, sentence, facts=facts)
    advice = (
        "Unlock or install one, or set the credentials in the environment: ZOOM_ACCOUNT_ID, "
        "ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET."
    )
    return DoctorCheck("keyring", "Keyring", CheckState.WARNING, detail, advice, facts=facts)


def directory(home: Path, refused: str = "") -> DoctorCheck:
    """Check that the data directory is writable, and private to its owner.

    `refused`: why commands refuse to use it.
    """
    facts: dict[str, JsonValue] = {"path": str(home), "exists": home.exists()}
    if refused:
        code = ExitCode.USAGE
        return DoctorCheck(
            "store",
            "Data directory",
            CheckState.FAILED,
            *_split_first_sentence(refused),
            code,
            facts,
        )
    existing = nearest(home)
    problem = _unwritable(existing)
    if problem:
        where = f"{home}" if existing == home else f"{home} cannot be made: {existing}"
        return DoctorCheck(
            "store",
            "Data directory",
            CheckState.FAILED,
            f"{where} {problem}.",
            "Set AUDITOR_HOME to a folder of your own, or correct its owner and mode.",
            ExitCode.USAGE,
            facts,
        )
    lacks = filesystem.lacks(existing)
    if lacks:
        code = ExitCode.USAGE
        return DoctorCheck(
            "store",
            "Data directory",
            CheckState.FAILED,
            *_split_first_sentence(lacks[0]),
            code,
            facts,
        )
    if existing != home:
        sentence = f"{home} does not exist yet; the first audit creates it."
        return DoctorCheck("store", "Data directory", CheckState.OK, sentence, facts=facts)
    mode = stat.S_IMODE(home.stat().st_mode)
    facts["mode"] = f"{mode:04o}"
    if os.name == "posix" and mode & OTHERS_MAY_WRITE:
        return DoctorCheck(
            "store",
            "Data directory",
            CheckState.WARNING,
            f"Other users of this machine may write to {home} (mode {mode:04o}): they could "
            "remove files there. The next audit removes that permission.",
            f"Make it yours alone: chmod 700 {home}",
            facts=facts,
        )
    if os.name == "posix" and mode & 0o077:
        return DoctorCheck(
            "store",
            "Data directory",
            CheckState.WARNING,
            f"{home} is open to other users of this machine (mode {mode:04o}), and evidence names "
            "people.",
            f"Make it yours alone: chmod 700 {home}",
            facts=facts,
        )
    return DoctorCheck("store", "Data directory", CheckState.OK, f"{home}, writable.", facts=facts)


def history(stored: Runs) -> DoctorCheck:
    """Check that the history of runs can be opened."""
    try:
        database = stored.history.database
        if not database.exists():
            sentence = "None yet; the first audit creates it."
            return DoctorCheck("history", "History", CheckState.OK, sentence)
        facts: dict[str, JsonValue] = {"place": str(database)}
        with database.reading():
            pass
        if database.is_read_only:
            sentence = f"{database} can be read, but not written: no audit could store its run."
            advice = "Correct its owner and mode, or name another database in AUDITOR_STORE."
            code = ExitCode.USAGE
            return DoctorCheck(
                "history", "History", CheckState.FAILED, sentence, advice, code, facts
            )
        lacks = filesystem.lacks(database.file.parent) if database.file else []
        if lacks:
            code = ExitCode.USAGE
            return DoctorCheck(
                "history",
                "History",
                CheckState.FAILED,
                *_split_first_sentence(lacks[0]),
                code,
                facts,
            )
    except (HistoryDamaged, HistoryLocked) as error:
        return DoctorCheck(
            "history", "History", CheckState.WARNING, *_split_first_sentence(str(error))
        )
    except (StoreError, InsecureDirectory) as error:
        code = error.exit_code
        return DoctorCheck(
            "history",
            "History",
            CheckState.FAILED,
            *_split_first_sentence(str(error)),
            exit_code=code,
        )
    return DoctorCheck("history", "History", CheckState.OK, f"{database}, opens.", facts=facts)


def unfinished(stored: Runs, account_id: str, api_url: str) -> DoctorCheck:
    """Check whether a run of this account can be resumed."""
    run_id = stored.unfinished(account_id, api_url) if account_id else None
    facts: dict[str, JsonValue] = {"run": run_id}
    if run_id is None:
        sentence = "None." if account_id else "Unknown without an account ID."
        return DoctorCheck("unfinished", "Unfinished run", CheckState.OK, sentence, facts=facts)
    return DoctorCheck(
        "unfinished",
        "Unfinished run",
        CheckState.WARNING,
        f"Run {run_id} broke off.",
        "Resume it: auditor audit --resume. Without --resume a new one starts.",
        facts=facts,
    )


def disk(
    home: Path,
    users: int | None,
    free: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free,
) -> DoctorCheck:
    """Check the disk space for a run of `users` users; None if their number is unknown."""
    try:
        room = free(nearest(home))
    except OSError as error:
        sentence = f"The free space for {home} is unknown: {error.strerror}."
        return DoctorCheck(
            "disk", "Disk", CheckState.WARNING, sentence, "Make sure that there is enough."
        )
    needed = ROOM + ROOM_A_USER * (users or 0)
    facts: dict[str, JsonValue] = {"free_bytes": room, "estimate_bytes": needed, "users": users}
    whom = f"a run of {users:,} users" if users is not None else "a run of a small account"
    sentence = f"{size(room)} free; {whom} takes about {size(needed)}."
    advice = f"Make room, or set AUDITOR_HOME to a folder on another disk than {home}."
    if room < needed:
        code = ExitCode.NOTHING_EVALUATED
        return DoctorCheck("disk", "Disk", CheckState.FAILED, sentence, advice, code, facts)
    if room < needed * SPARE:
        return DoctorCheck("disk", "Disk", CheckState.WARNING, sentence, advice, facts=facts)
    return DoctorCheck("disk", "Disk", CheckState.OK, sentence, facts=facts)


def nearest(path: Path) -> Path:
    """`path`, or its nearest parent folder that exists."""
    for each in (path, *path.absolute().parents):
        if each.exists():
            return each
    return Path(path.anchor or ".")


def size(count: int) -> str:
    """A number of bytes with a suitable unit."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}".replace(".0 ", " ")
    return f"{count:,} bytes"


def _unwritable(folder: Path) -> str:
    """Why a folder cannot be written to; empty if it can. Leaves no file behind."""
    if not folder.is_dir():
        return "is not a folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"cannot be written: {error.strerror or type(error).__name__}"


def _split_first_sentence(message: str) -> tuple[str, str]:
    """The first sentence of a message, and the rest."""
    first, _, rest = message.partition(". ")
    return (f"{first}.", rest) if rest else (message, "")
