"""What can go wrong with stored runs, each with a sentence that says what to do."""


class StoreError(Exception):
    """The data directory or the history cannot be used."""


class RunNotFound(Exception):
    """No stored run has this id, and no snapshot this path."""


class RunUnfit(Exception):
    """A run is not one that a gate can measure against. The message says why."""


class HistoryLocked(StoreError):
    """Another process holds the history and does not let go."""


class HistoryUnreachable(StoreError):
    """The database of the history does not answer, or lets nobody in."""


class HistoryDamaged(StoreError):
    """The file of the history is no database, or is damaged."""


class HistoryUnfit(StoreError):
    """The database of the history cannot hold every text."""


class RunAltered(StoreError):
    """The evidence of a run, or its row, is not what the history says it is."""


class Garbled(Exception):
    """A row of the history holds what no version of the program writes."""


class AlreadyRunning(Exception):
    """Another run is reading the same account."""

    def __init__(self, account_id: str) -> None:
        super().__init__(
            f"Another run is reading account {account_id} at this moment, with the same data "
            "directory. Wait until it has finished, or stop it."
        )
