"""What can be wrong with a snapshot, each with a sentence that says what to do."""

from auditor.errors import AuditorError, ExitCode


class SnapshotError(AuditorError):
    """A file cannot be used as a snapshot."""

    exit_code = ExitCode.USAGE


class DiskFull(SnapshotError):
    """The disk is full, or the file may not grow."""

    exit_code = ExitCode.NOTHING_EVALUATED


class EvidenceAltered(SnapshotError):
    """Evidence is not as it was recorded: its content does not fit its digest or its index."""


class UnsuitableSnapshot(SnapshotError):
    """A file looks like a snapshot, and holds what no version of the program writes."""
