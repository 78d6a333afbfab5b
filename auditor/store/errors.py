"""Errors of the store, each with a message that says what to do next."""

from auditor.errors import AuditorError, ExitCode


class StoreError(AuditorError):
    """The data directory or the history cannot be used."""

    exit_code = ExitCode.USAGE


class RunNotFound(StoreError):
    """No stored run has this id, and no snapshot has this path."""


class RunUnfit(AuditorError):
    """A gate cannot compare with this run. The message says why."""

    exit_code = ExitCode.USAGE


class HistoryLocked(StoreError):
    """Another process has locked the history and does not release it."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryUnreachable(StoreError):
    """The database server does not respond, or refuses the connection."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryDamaged(StoreError):
    """The file of the history is damaged, or not a database."""

    exit_code = ExitCode.NOTHING_EVALUATED


class HistoryUnfit(StoreError):
    """The encoding of the database cannot represent every text."""

    exit_code = ExitCode.NOTHING_EVALUATED


class RunAltered(StoreError):
    """The evidence or the row of a run differs from what the history recorded."""

    exit_code = ExitCode.NOTHING_EVALUATED


class CorruptRow(AuditorError):
    """A row holds a value that no version of the program writes."""


class AlreadyRunning(StoreError):
    """Another run is reading the same account."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __init__(self, account_id: str) -> None:
        super().__init__(
            "Another run with the same data directory or database is reading account "
            f"{account_id}.",
            "Wait until it has finished, or stop it.",
        )


class AlreadyChanging(StoreError):
    """Another process is changing the same account."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __init__(self, account_id: str) -> None:
        super().__init__(
            f"Another auditor fix is changing account {account_id}, so nothing was done.",
            "Wait until it has finished, or stop it.",
        )


class JournalNotFound(StoreError):
    """No journal of this account has this id, or none is left to undo."""

    exit_code = ExitCode.NOTHING_EVALUATED
