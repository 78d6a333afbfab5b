"""What can go wrong with stored runs, each with a sentence that says what to do."""

from auditor.errors import AuditorError, ExitCode


class StoreError(AuditorError):
    """The data directory or the history cannot be used."""

    exit_code = ExitCode.USAGE


class RunNotFound(StoreError):
    """No stored run has this id, and no snapshot this path."""


class RunUnfit(AuditorError):
    """A run is not one that a gate can measure against. The message says why."""

    exit_code = ExitCode.USAGE


class HistoryLocked(StoreError):
    """Another process holds the history and does not let go."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryUnreachable(StoreError):
    """The database of the history does not answer, or lets nobody in."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryDamaged(StoreError):
    """The file of the history is no database, or is damaged."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryUnfit(StoreError):
    """The database of the history cannot hold every text."""

    exit_code = ExitCode.NOTHING_EVALUATED


class RunAltered(StoreError):
    """The evidence of a run, or its row, is not what the history says it is."""

    exit_code = ExitCode.NOTHING_EVALUATED


class CorruptRow(AuditorError):
    """A row of the history holds what no version of the program writes."""


class AlreadyRunning(StoreError):
    """Another run is reading the same account."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __init__(self, account_id: str) -> None:
        super().__init__(
            f"Another run is reading account {account_id} at this moment, with the same data "
            "directory.",
            "Wait until it has finished, or stop it.",
        )
