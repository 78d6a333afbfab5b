"""Errors of snapshots. Each message says what to do."""

from auditor.errors import AuditorError, ExitCode


class SnapshotError(AuditorError):
    """A file cannot be used as a snapshot."""

    exit_code = ExitCode.USAGE


class DiskFull(SnapshotError):
    """The disk is full, or the file has reached its size limit."""

    exit_code = ExitCode.NOTHING_EVALUATED


class EvidenceAltered(SnapshotError):
    """Evidence was altered after it was recorded: content and digest or index do not match."""


class UnsuitableSnapshot(SnapshotError):
    """A file looks like a snapshot, but has contents that no version of the program writes."""
